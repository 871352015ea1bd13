/* SPDX-License-Identifier: Apache-2.0 */
/* The reserved range while the hypervisor starts: memory is taken once and never given back. What is left becomes the pool (mem/owner.h). */
#pragma once

#include "abi/hypercall.h"

#include <asm-generic/errno-base.h>

void *memory_take(size_t size); /* zeroed, page aligned; NULL: none left */
/* Arch's part of the start: owner table and the rest. 0 or negative errno. Called once, by processor 0. */
must_check int hypervisor_init(const struct hv_boot *boot);
extern const struct hv_boot *hv_boot;
void wipe_secrets(void); /* EPC, keys; every processor is here, or there is no way back */
uint64_t epc_pages_used(void);
