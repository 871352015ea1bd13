/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the ENCLS leaves: each leaf is one function of its operands; see encls.c. */
#pragma once

#include "hypervisor/sgx/epcm.h"

/*
 * A leaf. The EPC's lock is held. -EFAULT: the fault is injected and nothing has changed. Else
 * the code for RAX, with LEAF_CF where the SDM reports it by CF instead of ZF; leaves that return no codes: 0.
 */
struct vcpu;
struct encls_operands {
	uint64_t rbx, rcx, rdx;
	struct epcm_entry *page, *va; /* of RCX and RDX: if encls.c's table says so */
};
typedef int encls_function(struct vcpu *v, const struct encls_operands *o);
#define LEAF_CF (1 << 16)
encls_function leaf_ecreate, leaf_eadd, leaf_eextend, leaf_eremove, leaf_epa,
	leaf_eaug;	   /* build.c */
encls_function leaf_einit; /* einit.c */
encls_function leaf_eblock, leaf_etrack, leaf_etrackc, leaf_ewb, leaf_eldu,
	leaf_eldb;								/* paging.c */
encls_function leaf_emodpr, leaf_emodt, leaf_edbgrd, leaf_edbgwr, leaf_erdinfo; /* modify.c */

void paging_init(void); /* a fresh key for pages that leave the EPC */
void cpuid_init(void);	/* what of XCR0 enclaves may have, sizes of its components, MSRs */

/* operand: aligned, canonical, else #GP. */
must_check int operand_aligned(struct vcpu *v, uint64_t linear, uint64_t align);
/* Where it is, by Linux's tables, also for an enclave; else the fault is injected. */
must_check int operand_walk(struct vcpu *v, uint64_t linear, uint32_t access,
			    uint64_t *ret_physical);
/* A copy of a guest structure. */
must_check int operand_read(struct vcpu *v, uint64_t linear, void *to, size_t size);
/* A copy of a PAGEINFO; #GP unless the addresses of source and SECINFO (or PCMD) are aligned. */
must_check int operand_page_info(struct vcpu *v, uint64_t linear, uint64_t secinfo_align,
				 struct page_info *ret_info);
/* A copy of a SECINFO; #GP for what is reserved. */
must_check int operand_secinfo(struct vcpu *v, uint64_t linear, struct secinfo *ret_secinfo);
must_check int secinfo_check(struct vcpu *v, const struct secinfo *secinfo);
static inline bool is_secs(const struct epcm_entry *page)
{
	return page->valid && page->type == PT_SECS;
}

/* measure.c */
void measure_ecreate(struct secs *secs);
void measure_eadd(struct secs *secs, uint64_t offset, const struct secinfo *secinfo);
void measure_eextend(struct secs *secs, uint64_t offset, const uint8_t chunk[256]);
void measure_final(const struct secs *secs, uint8_t ret_mrenclave[32]);
