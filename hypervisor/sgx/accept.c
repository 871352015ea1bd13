/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an enclave does to its own pages (SDM 3D, 40.4): EACCEPT, EACCEPTCOPY, EMODPE, and EDECCSSA,
 * which moves its thread to the SSA frame below. Linux's EAUG, EMODPR and EMODT only propose; these
 * make it so, or tell the enclave that Linux did something else.
 */
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/run.h"

#include "lib/base/string.h"

#include <asm-generic/errno-base.h>

/*
 * A copy of the SECINFO operand, from a regular readable page of the enclave; #GP for what is
 * reserved.
 */
static int own_secinfo(struct vcpu *v, uint64_t linear, struct secinfo *ret_secinfo)
{
	void *data;

	if (operand_data(v, linear, sizeof(*ret_secinfo), SECINFO_R, &data))
		return -EFAULT;
	memcpy(ret_secinfo, data, sizeof(*ret_secinfo));
	return secinfo_check(v, ret_secinfo);
}

/* Requests that make sense: a new page, narrower rights, or another type. */
static bool accept_is_legal(uint64_t flags)
{
	bool pending = flags & SECINFO_PENDING, modified = flags & SECINFO_MODIFIED,
	     pr = flags & SECINFO_PR;

	switch (SECINFO_TYPE(flags)) {
	case PT_REG:
		return (pr || pending) && !modified;
	case PT_TCS:
	case PT_TRIM:
		return modified && !pending && !pr;
	default:
		return false;
	}
}

/* A page that Linux made a TCS: what EADD would have taken (SDM 3D, EACCEPT). */
static bool tcs_is_acceptable(const struct tcs *tcs)
{
	return is_zero_array(tcs->reserved) &&
	       !(tcs->flags & (TCS_FLAGS_RESERVED | TCS_DBGOPTIN)) && !tcs->cssa && tcs->nssa &&
	       !tcs->aep && tcs->state == TCS_INACTIVE;
}

int leaf_eaccept(struct vcpu *v, const struct enclu_operands *o)
{
	uint64_t shown = SECINFO_RWX | SECINFO_PENDING | SECINFO_MODIFIED |
			 (0xffULL << SECINFO_TYPE_SHIFT);
	struct epcm_entry *target;
	struct secinfo secinfo;

	if (own_secinfo(v, o->rbx, &secinfo) ||
	    operand_own(v, o->rcx, PAGE_SIZE, ACCESS_READ, &target))
		return -EFAULT;
	if (!accept_is_legal(secinfo.flags))
		return fault_gp(v);
	if (!target->valid || target->blocked || target->secs != v->enclave->secs_physical)
		return fault_epcm(v, o->rcx, ACCESS_USER);
	if (target->address != o->rcx || (epcm_flags(target) & shown) != (secinfo.flags & shown))
		return SGX_PAGE_ATTRIBUTES_MISMATCH;
	/* A page that EAUG gave was in nobody's translations before. */
	if ((target->modified || target->pr) && !track_done(target))
		return SGX_NOT_TRACKED;
	if (target->type == PT_TCS && !tcs_is_acceptable(epc_page(target)))
		return fault_gp(v);
	target->pending = false;
	target->modified = false;
	target->pr = false;
	return SGX_OK;
}

int leaf_eacceptcopy(struct vcpu *v, const struct enclu_operands *o)
{
	uint64_t flags, expected = SECINFO_R | SECINFO_W | SECINFO_PENDING |
				   (uint64_t)PT_REG << SECINFO_TYPE_SHIFT;
	struct epcm_entry *target;
	struct secinfo secinfo;
	void *source;

	if (own_secinfo(v, o->rbx, &secinfo))
		return -EFAULT;
	flags = secinfo.flags;
	if (SECINFO_TYPE(flags) != PT_REG || (flags & SECINFO_STATE) ||
	    ((flags & SECINFO_W) && !(flags & SECINFO_R)))
		return fault_gp(v);
	if (operand_own(v, o->rcx, PAGE_SIZE, ACCESS_WRITE, &target) ||
	    operand_data(v, o->rdx, PAGE_SIZE, SECINFO_R, &source))
		return -EFAULT;
	if (!target->valid || target->blocked || target->secs != v->enclave->secs_physical)
		return fault_epcm(v, o->rcx, ACCESS_USER | ACCESS_WRITE);
	if (target->address != o->rcx || (epcm_flags(target) & ~SECINFO_PR) != expected)
		return SGX_PAGE_ATTRIBUTES_MISMATCH;
	memcpy(epc_page(target), source, PAGE_SIZE);
	target->rights = flags & SECINFO_RWX;
	target->pending = false;
	return SGX_OK;
}

int leaf_emodpe(struct vcpu *v, const struct enclu_operands *o)
{
	struct epcm_entry *target;
	struct secinfo secinfo;
	uint64_t rights;

	if (own_secinfo(v, o->rbx, &secinfo))
		return -EFAULT;
	/* Of FLAGS only R, W and X count: Linux's own test leaves the type at 0. */
	if (operand_own(v, o->rcx, PAGE_SIZE, ACCESS_READ, &target))
		return -EFAULT;
	if (!epcm_allows(target, v->enclave->secs_physical, o->rcx, 0))
		return fault_epcm(v, o->rcx, ACCESS_USER);
	rights = target->rights | (secinfo.flags & SECINFO_RWX);
	if ((rights & SECINFO_W) && !(rights & SECINFO_R))
		return fault_gp(v);
	/* No translation grows by itself: the next access that faults finds the new rights. */
	target->rights = (uint8_t)rights;
	return 0;
}

int leaf_edeccssa(struct vcpu *v, const struct enclu_operands *o)
{
	struct enclave_entry *e = v->enclave;
	struct ssa_frame frame;

	(void)o;
	if (!e->tcs->cssa)
		return fault_gp(v);
	if (ssa_locate(v, e, ssa_linear(e, e->tcs->cssa - 1), &frame))
		return -EFAULT;
	e->tcs->cssa--;
	e->frame = frame;
	return 0;
}
