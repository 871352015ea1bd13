/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ENCLS, which arrives in the hypervisor as #UD. A fault it injects is caught by the kernel's exception table (EX_TYPE_FAULT_SGX) and
 * becomes ENCLS_FAULT with the vector; leaves with codes give the code; 0 is success for all.
 */
#ifndef SGX_ENCLS_H
#define SGX_ENCLS_H

#include <asm/asm.h>
#include <asm/sgx.h>
#include <asm/trapnr.h>

#define ENCLS_FAULT SGX_ENCLS_FAULT_FLAG

static inline u64 encls_raw(u64 leaf, u64 *rbx, const void *rcx, const void *rdx)
{
	u64 rax = leaf;

	asm volatile("1: .byte 0x0f, 0x01, 0xcf\n"
		     "2:\n" _ASM_EXTABLE_TYPE(1b, 2b, EX_TYPE_FAULT_SGX)
		     : "+a"(rax), "+b"(*rbx)
		     : "c"(rcx), "d"(rdx)
		     : "memory", "cc");
	return rax;
}

static inline bool encls_faulted(u32 result)
{
	return result & ENCLS_FAULT;
}

static inline u8 encls_vector(u32 result)
{
	return result & 0xff;
}

/* Leaves that return a code. */
static inline u32 encls_code(u64 leaf, const void *rbx, const void *rcx, const void *rdx)
{
	u64 b = (u64)(uintptr_t)rbx;

	return (u32)encls_raw(leaf, &b, rcx, rdx);
}

/* Leaves that fault or succeed: RAX is not theirs. */
static inline u32 encls_plain(u64 leaf, const void *rbx, const void *rcx)
{
	u32 r = encls_code(leaf, rbx, rcx, NULL);

	return encls_faulted(r) ? r : 0;
}

static inline u32 encls_ecreate(const struct sgx_pageinfo *info, void *secs)
{
	return encls_plain(ECREATE, info, secs);
}

static inline u32 encls_eadd(const struct sgx_pageinfo *info, void *page)
{
	return encls_plain(EADD, info, page);
}

static inline u32 encls_eextend(void *secs, void *chunk)
{
	return encls_plain(EEXTEND, secs, chunk);
}

static inline u32 encls_einit(const void *sigstruct, const void *token, void *secs)
{
	return encls_code(EINIT, sigstruct, secs, token);
}

static inline u32 encls_eremove(void *page)
{
	return encls_code(EREMOVE, NULL, page, NULL);
}

static inline u32 encls_edbgrd(void *address, u64 *data)
{
	return (u32)encls_raw(EDGBRD, data, address, NULL);
}

static inline u32 encls_edbgwr(void *address, u64 data)
{
	return (u32)encls_raw(EDGBWR, &data, address, NULL);
}

static inline u32 encls_epa(void *page)
{
	return encls_plain(EPA, (void *)SGX_PAGE_TYPE_VA, page);
}

static inline u32 encls_eblock(void *page)
{
	return encls_code(EBLOCK, NULL, page, NULL);
}

static inline u32 encls_etrack(void *secs)
{
	return encls_code(ETRACK, NULL, secs, NULL);
}

static inline u32 encls_ewb(const struct sgx_pageinfo *info, void *page, void *slot)
{
	return encls_code(EWB, info, page, slot);
}

static inline u32 encls_eldu(const struct sgx_pageinfo *info, void *page, void *slot)
{
	return encls_code(ELDU, info, page, slot);
}

static inline u32 encls_eaug(const struct sgx_pageinfo *info, void *page)
{
	return encls_plain(EAUG, info, page);
}

static inline u32 encls_emodpr(const struct sgx_secinfo *info, void *page)
{
	return encls_code(EMODPR, info, page, NULL);
}

static inline u32 encls_emodt(const struct sgx_secinfo *info, void *page)
{
	return encls_code(EMODT, info, page, NULL);
}

#endif
