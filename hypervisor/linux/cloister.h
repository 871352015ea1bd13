/* SPDX-License-Identifier: GPL-2.0 */
/* Between the module's parts: load.c (hypervisor in and out) and the SGX driver (sgx_*.c). */
#ifndef CLOISTER_H
#define CLOISTER_H

#include <linux/types.h>

/*
 * The driver, once all processors are guests: EPC is [epc_start, epc_start + size), already usable by ENCLS on any mapping of it. 0 or
 * negative errno. stop: before the machine is given back; no file of the driver's is open (they hold the module).
 */
int sgx_driver_start(phys_addr_t epc_start, size_t size);
void sgx_driver_stop(void);

/* One hypercall; -ENODEV when no hypervisor runs. */
long cloister_call(unsigned long number, unsigned long a, unsigned long b);

#endif
