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
	struct epcm_entry *page,
		*va; /* of RCX and RDX, with `data` and `slot` in them: if encls.c's table says so */
	void *data;
	uint64_t *slot;
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

uint64_t epc_first(void);
uint64_t epc_bytes(void);

/* operand: aligned, canonical, else #GP. */
must_check int operand_aligned(struct vcpu *v, uint64_t linear, uint64_t align);
/* Where it is, by the guest's tables; else the fault is injected. */
must_check int operand_walk(struct vcpu *v, uint64_t linear, uint32_t access,
			    uint64_t *ret_physical);
/* A copy of a guest structure. */
must_check int operand_read(struct vcpu *v, uint64_t linear, void *to, size_t size);
/* A SECS operand: as operand_epc, and a valid page of type SECS (else #PF). */
must_check int operand_secs(struct vcpu *v, uint64_t linear, struct epcm_entry **ret_entry,
			    struct secs **ret_secs);

/* measure.c */
void measure_ecreate(struct secs *secs);
void measure_eadd(struct secs *secs, uint64_t offset, const struct secinfo *secinfo);
void measure_eextend(struct secs *secs, uint64_t offset, const uint8_t chunk[256]);
void measure_final(const struct secs *secs, uint8_t ret_mrenclave[32]);

/* sigstruct.c: SGX_OK, SGX_INVALID_SIG_STRUCT or SGX_INVALID_SIGNATURE; *ret_signer = SHA-256 of the modulus. */
int sigstruct_check_format(const struct sigstruct *sig);
int sigstruct_verify(const struct sigstruct *sig, uint8_t ret_signer[32]);
/* The 352 bytes of PKCS #1 padding that every valid signature decodes to, for SECS.PADDING. */
