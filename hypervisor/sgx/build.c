/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves that make and unmake pages of the EPC: ECREATE, EADD, EEXTEND, EREMOVE, EPA, EAUG (SDM 3D, 40.3, their pages). Checks
 * are in the order of the SDM's pseudo-code; what comes from Linux is copied once, into buffers that the EPC's lock guards.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

#include <linux/errno.h>

static uint8_t page_copy[PAGE_SIZE] __attribute__((aligned(16)));
static uint64_t next_eid = 1;

/* XFRM as XSETBV would take it (SDM 1, 13.3), of what this processor's enclaves may have. */
static bool xfrm_is_legal(uint64_t xfrm)
{
	if ((xfrm & 3) != 3 || (xfrm & ~sgx_xfrm_allowed))
		return false;
	/* AVX-512's three components come together and need AVX. */
	return !(xfrm & 0xe0) || ((xfrm & 0xe0) == 0xe0 && (xfrm & 4));
}

static bool ecreate_is_legal(const struct secs *s)
{
	uint64_t flags = s->attributes.flags, limit;
	uint64_t frame = (uint64_t)s->ssa_frame_size << PAGE_SHIFT;

	if (!xfrm_is_legal(s->attributes.xfrm))
		return false;
	if (s->cet_legacy_bitmap_offset || s->cet_attributes) /* no CET here */
		return false;
	if (s->miscselect & ~SGX_MISC_ALLOWED)
		return false;
	if (frame < xsave_size(s->attributes.xfrm) +
			    ((s->miscselect & MISC_EXINFO) ? sizeof(struct exinfo) : 0) +
			    sizeof(struct gprsgx))
		return false;
	limit = 1ULL << ((flags & ATTRIBUTE_MODE64BIT) ? SGX_SIZE_LOG2_64 : SGX_SIZE_LOG2_32);
	if ((flags & ATTRIBUTE_MODE64BIT) ? !is_canonical(s->base) : s->base >> 32)
		return false;
	if (s->size >= limit || s->size < 2 * PAGE_SIZE || (s->size & (s->size - 1)) ||
	    (s->base & (s->size - 1)))
		return false;
	if (flags & ~SGX_ATTRIBUTES_ALLOWED)
		return false;
	if (!is_zero_array(s->reserved1) || !is_zero_array(s->reserved2) ||
	    !is_zero_array(s->reserved3) ||
	    !is_zero(s->reserved4, sizeof(*s) - offsetof(struct secs, reserved4)))
		return false;
	return (flags & ATTRIBUTE_KSS) || (is_zero_array(s->config_id) && !s->config_svn);
}

int leaf_ecreate(struct vcpu *v, const struct encls_operands *o)
{
	struct page_info info;
	struct secinfo secinfo;
	struct secs *secs;

	if (operand_page_info(v, o->rbx, sizeof(secinfo), &info))
		return -EFAULT;
	if (info.linear || info.secs)
		return fault_gp(v);
	if (operand_secinfo(v, info.secinfo, &secinfo))
		return -EFAULT;
	if (SECINFO_TYPE(secinfo.flags) != PT_SECS)
		return fault_gp(v);
	if (o->page->valid)
		return fault_epcm(v, o->rcx, 0);
	if (operand_read(v, info.source, page_copy, PAGE_SIZE))
		return -EFAULT;
	secs = (struct secs *)page_copy;
	if (!ecreate_is_legal(secs))
		return fault_gp(v);

	memset(secs->mrenclave, 0, sizeof(secs->mrenclave));
	memset(secs->mrsigner, 0, sizeof(secs->mrsigner));
	secs->isv_svn = 0;
	secs->isv_prod_id = 0;
	secs->eid = next_eid++;
	measure_ecreate(secs);
	memcpy(epc_page(o->page), secs, PAGE_SIZE);
	epcm_fill(o->page, PT_SECS, 0, 0, 0);
	return 0;
}

/* What EADD makes of a page's contents and rights; #GP: false. */
static bool eadd_prepare(const struct secs *secs, struct secinfo *secinfo, uint8_t *page)
{
	struct tcs *tcs = (struct tcs *)page;

	if (SECINFO_TYPE(secinfo->flags) == PT_REG)
		return !(secinfo->flags & SECINFO_W) || (secinfo->flags & SECINFO_R);
	if (!is_zero_array(tcs->reserved) || (tcs->flags & TCS_FLAGS_RESERVED))
		return false;
	if (!(secs->attributes.flags & ATTRIBUTE_MODE64BIT) &&
	    ((tcs->fs_limit & 0xfff) != 0xfff || (tcs->gs_limit & 0xfff) != 0xfff))
		return false;
	secinfo->flags &= ~SECINFO_RWX;
	tcs->flags &= ~TCS_DBGOPTIN;
	tcs->cssa = 0;
	tcs->aep = 0;
	tcs->state = TCS_INACTIVE;
	return true;
}

int leaf_eadd(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *owner;
	struct page_info info;
	struct secinfo secinfo;
	struct secs *secs;

	if (operand_page_info(v, o->rbx, sizeof(secinfo), &info) ||
	    operand_aligned(v, info.secs, PAGE_SIZE) ||
	    operand_aligned(v, info.linear, PAGE_SIZE) ||
	    operand_epc(v, info.secs, PAGE_SIZE, ACCESS_READ, &owner) ||
	    operand_secinfo(v, info.secinfo, &secinfo))
		return -EFAULT;
	if ((secinfo.flags & SECINFO_STATE) ||
	    (SECINFO_TYPE(secinfo.flags) != PT_REG && SECINFO_TYPE(secinfo.flags) != PT_TCS))
		return fault_gp(v);
	if (o->page->valid)
		return fault_epcm(v, o->rcx, 0);
	if (!is_secs(owner))
		return fault_epcm(v, info.secs, 0);
	secs = epcm_secs(owner);
	if (operand_read(v, info.source, page_copy, PAGE_SIZE))
		return -EFAULT;
	if (!eadd_prepare(secs, &secinfo, page_copy) || !in_elrange(secs, info.linear) ||
	    (secs->attributes.flags & ATTRIBUTE_INIT))
		return fault_gp(v);

	memcpy(epc_page(o->page), page_copy, PAGE_SIZE);
	measure_eadd(secs, info.linear - secs->base, &secinfo);
	epcm_fill(o->page, SECINFO_TYPE(secinfo.flags), secinfo.flags, epc_physical(owner),
		  info.linear);
	return 0;
}

int leaf_eextend(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *owner, *target;
	struct secs *secs;

	if (operand_epc(v, o->rbx, PAGE_SIZE, ACCESS_READ, &owner) ||
	    operand_epc(v, o->rcx, 256, ACCESS_READ, &target))
		return -EFAULT;
	if (!target->valid || (target->type != PT_REG && target->type != PT_TCS))
		return fault_epcm(v, o->rcx, 0);
	if (target->secs != epc_physical(owner))
		return fault_gp(v);
	secs = epcm_secs(target);
	if (secs->attributes.flags & ATTRIBUTE_INIT)
		return fault_gp(v);
	measure_eextend(secs, target->address - secs->base + o->rcx % PAGE_SIZE,
			epc_data(target, o->rcx));
	return 0;
}

int leaf_eremove(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *page = o->page;

	(void)v;
	if (!page->valid)
		return SGX_OK;
	if (page->type == PT_VA || (page->type == PT_TRIM && !page->modified)) {
		epcm_clear(page);
		return SGX_OK;
	}
	if (page->type == PT_SECS && epcm_secs(page)->children)
		return SGX_CHILD_PRESENT;
	if (track_active(epcm_secs(page)))
		return SGX_ENCLAVE_ACT;
	epcm_clear(page);
	return SGX_OK;
}

int leaf_epa(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target;

	if (o->rbx != PT_VA)
		return fault_gp(v);
	if (operand_epc(v, o->rcx, PAGE_SIZE, ACCESS_WRITE, &target))
		return -EFAULT;
	if (target->valid)
		return fault_epcm(v, o->rcx, 0);
	memset(epc_page(target), 0, PAGE_SIZE);
	epcm_fill(target, PT_VA, 0, 0, 0);
	return 0;
}

int leaf_eaug(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target, *owner;
	struct page_info info;
	struct secs *secs;

	if (operand_aligned(v, o->rcx, PAGE_SIZE) || operand_read(v, o->rbx, &info, sizeof(info)) ||
	    operand_aligned(v, info.secs, PAGE_SIZE) || operand_aligned(v, info.linear, PAGE_SIZE))
		return -EFAULT;
	/* A SECINFO is only for shadow stacks, which need CET: not here. */
	if (info.secinfo || info.source)
		return fault_gp(v);
	if (operand_epc(v, o->rcx, PAGE_SIZE, ACCESS_WRITE, &target) ||
	    operand_epc(v, info.secs, PAGE_SIZE, ACCESS_READ, &owner))
		return -EFAULT;
	if (target->valid)
		return fault_epcm(v, o->rcx, 0);
	if (!is_secs(owner))
		return fault_epcm(v, info.secs, 0);
	secs = epcm_secs(owner);
	if (!(secs->attributes.flags & ATTRIBUTE_INIT) || !in_elrange(secs, info.linear))
		return fault_gp(v);
	memset(epc_page(target), 0, PAGE_SIZE);
	epcm_fill(target, PT_REG, SECINFO_R | SECINFO_W | SECINFO_PENDING, epc_physical(owner),
		  info.linear);
	return 0;
}
