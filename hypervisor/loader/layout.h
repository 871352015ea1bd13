/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enclave as a list of pages, made from its ELF file and the description inside it. The order is the order in which pages are
 * added, hence part of the enclave's identity: the signer and the loader both take it from here.
 *
 *	offset 0	the ELF's segments as they lie
 *	each thread	a hole, stack, stack for exceptions, TCS, SSA frames, thread page
 *			heap
 *			a hole for growth by EAUG, up to the size (a power of two)
 */
#pragma once

#include "hypervisor/loader/inside.h"
#include "hypervisor/sgx/arch.h"

#define ENCLAVE_THREADS_MAX 64
#define ENCLAVE_SIZE_MAX (1ULL << 36)

struct enclave_page {
	uint64_t offset;
	uint64_t flags;		/* SECINFO.FLAGS */
	const uint8_t *content; /* 4096 bytes; NULL: zero */
};

struct enclave_layout {
	struct enclave_config config;
	uint64_t size, entry, growth;
	uint64_t tcs[ENCLAVE_THREADS_MAX];
	struct enclave_page *pages;
	size_t page_count;
	void *memory; /* of the contents */
};

/*
 * elf must not change while this is used. 0; -ENOEXEC: not an enclave, ret_why says what is wrong; -ENOMEM. Everything in the ELF is
 * checked: it may come from anywhere.
 */
must_check int layout_make(const void *elf, size_t size, struct enclave_layout *ret_layout,
			   const char **ret_why);
void layout_done(struct enclave_layout *layout);
/* The rights that a page's mapping may have: PROT_*. */
int layout_protection(const struct enclave_page *page);
