/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ENCLS: the checks that come before every leaf (SDM 3D, 40.3; ENCLS's own page), the table of leaves, and how their results
 * reach the guest. A leaf runs wholly under the EPC's lock, so no two of them ever conflict; where it faults it has changed
 * nothing, and RIP stays.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

#include <linux/errno.h>

bool is_zero(const void *p, size_t size)
{
	const uint8_t *b = p;
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= b[i];
	return !any;
}

void leaf_result(struct vcpu *v, uint64_t code)
{
	v->regs.rflags &= ~(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF);
	v->regs.gpr[REG_RAX] = code & ~(uint64_t)LEAF_CF;
	if (code & LEAF_CF)
		v->regs.rflags |= RFLAGS_CF;
	else if (code)
		v->regs.rflags |= RFLAGS_ZF;
}

int fault_gp(struct vcpu *v)
{
	vcpu_inject_error(v, VECTOR_GP, 0);
	return -EFAULT;
}

int fault_epcm(struct vcpu *v, uint64_t linear, uint32_t access)
{
	/*
	 * SDM 3D, 38.3: EPCM violations have P and bit 15, and so has an address that is not EPC. Without bit 15 Linux takes
	 * the fault of a present, writable page for spurious, and executes the leaf for ever.
	 */
	vcpu_inject_page_fault(v, linear, PF_PRESENT | PF_SGX | access);
	return -EFAULT;
}

int operand_aligned(struct vcpu *v, uint64_t linear, uint64_t align)
{
	if ((linear & (align - 1)) || !is_canonical(linear))
		return fault_gp(v);
	return 0;
}

int operand_walk(struct vcpu *v, uint64_t linear, uint32_t access, uint64_t *ret_physical)
{
	uint64_t cr3 = v->enclave ? v->enclave->linux_cr3 : v->regs.cr3;
	uint32_t error;

	switch (guest_walk(v, cr3, linear, access, ret_physical, &error)) {
	case 0:
		return 0;
	case -EOPNOTSUPP: /* a paging mode that no kernel with enclaves uses */
		vcpu_inject(v, VECTOR_UD);
		return -EFAULT;
	case -EINVAL:
		return fault_gp(v);
	default:
		vcpu_inject_page_fault(v, linear, error);
		return -EFAULT;
	}
}

int operand_epc(struct vcpu *v, uint64_t linear, unsigned int align, uint32_t access,
		struct epcm_entry **ret_entry)
{
	struct epcm_entry *entry;
	uint64_t address;

	if (operand_aligned(v, linear, align) || operand_walk(v, linear, access, &address))
		return -EFAULT;
	entry = epcm_of(address);
	if (!entry)
		return fault_epcm(v, linear, access);
	*ret_entry = entry;
	return 0;
}

int operand_read(struct vcpu *v, uint64_t linear, void *to, size_t size)
{
	if (!is_canonical(linear) || !is_canonical(linear + size - 1))
		return fault_gp(v);
	return guest_read(v, linear, to, size, ACCESS_READ);
}

int operand_page_info(struct vcpu *v, uint64_t linear, uint64_t secinfo_align,
		      struct page_info *ret_info)
{
	if (operand_read(v, linear, ret_info, sizeof(*ret_info)) ||
	    operand_aligned(v, ret_info->source, PAGE_SIZE) ||
	    operand_aligned(v, ret_info->secinfo, secinfo_align))
		return -EFAULT;
	return 0;
}

int secinfo_check(struct vcpu *v, const struct secinfo *secinfo)
{
	if (!is_zero_array(secinfo->reserved) || (secinfo->flags & SECINFO_RESERVED))
		return fault_gp(v);
	return 0;
}

int operand_secinfo(struct vcpu *v, uint64_t linear, struct secinfo *ret_secinfo)
{
	if (operand_read(v, linear, ret_secinfo, sizeof(*ret_secinfo)))
		return -EFAULT;
	return secinfo_check(v, ret_secinfo);
}

/* What a leaf wants of its operands, in this order, before anything else: it need not look at them again. */
enum { PAGE_NONE, PAGE_READ, PAGE_WRITE };
static const struct {
	encls_function *run;
	bool codes;	   /* RAX and flags are written */
	uint16_t rbx, rdx; /* aligned so; 0: the leaf looks itself, or not at all */
	uint8_t page;	   /* RCX: a page of EPC, for this access */
	bool va;	   /* RDX: a slot in a page of EPC */
} leaves[] = {
	[ENCLS_ECREATE] = { leaf_ecreate, false, 32, 0, PAGE_WRITE, false },
	[ENCLS_EADD] = { leaf_eadd, false, 32, 0, PAGE_WRITE, false },
	[ENCLS_EINIT] = { leaf_einit, true, PAGE_SIZE, 512, PAGE_READ, false },
	[ENCLS_EREMOVE] = { leaf_eremove, true, 0, 0, PAGE_READ, false },
	[ENCLS_EDBGRD] = { leaf_edbgrd, true, 0, 0, PAGE_NONE, false },
	[ENCLS_EDBGWR] = { leaf_edbgwr, true, 0, 0, PAGE_NONE, false },
	[ENCLS_EEXTEND] = { leaf_eextend, false, 0, 0, PAGE_NONE, false },
	[ENCLS_ELDB] = { leaf_eldb, true, 32, 8, PAGE_WRITE, true },
	[ENCLS_ELDU] = { leaf_eldu, true, 32, 8, PAGE_WRITE, true },
	[ENCLS_EBLOCK] = { leaf_eblock, true, 0, 0, PAGE_READ, false },
	[ENCLS_EPA] = { leaf_epa, false, 0, 0, PAGE_NONE, false },
	[ENCLS_EWB] = { leaf_ewb, true, 32, 8, PAGE_READ, true },
	[ENCLS_ETRACK] = { leaf_etrack, true, 0, 0, PAGE_READ, false },
	[ENCLS_EAUG] = { leaf_eaug, false, 32, 0, PAGE_NONE, false },
	[ENCLS_EMODPR] = { leaf_emodpr, true, 64, 0, PAGE_READ, false },
	[ENCLS_EMODT] = { leaf_emodt, true, 64, 0, PAGE_READ, false },
	[ENCLS_ERDINFO] = { leaf_erdinfo, true, 32, 0, PAGE_NONE, false },
	[ENCLS_ETRACKC] = { leaf_etrackc, true, 0, 0, PAGE_READ, false },
	[ENCLS_ELDBC] = { leaf_eldb, true, 32, 8, PAGE_WRITE, true },
	[ENCLS_ELDUC] = { leaf_eldu, true, 32, 8, PAGE_WRITE, true },
};

static int run_leaf(struct vcpu *v, uint32_t leaf, struct encls_operands *o)
{
	uint16_t rbx = leaves[leaf].rbx, rdx = leaves[leaf].rdx;
	uint32_t access = leaves[leaf].page == PAGE_WRITE ? ACCESS_WRITE : ACCESS_READ;

	if ((rbx && operand_aligned(v, o->rbx, rbx)) || (rdx && operand_aligned(v, o->rdx, rdx)))
		return -EFAULT;
	if (leaves[leaf].page && operand_epc(v, o->rcx, PAGE_SIZE, access, &o->page))
		return -EFAULT;
	if (leaves[leaf].va && operand_epc(v, o->rdx, 8, ACCESS_WRITE, &o->va))
		return -EFAULT;
	return leaves[leaf].run(v, o);
}

void sgx_encls(struct vcpu *v, unsigned int instruction_size)
{
	struct guest_regs *r = &v->regs;
	uint64_t mask = r->long_mode_code ? ~0ULL : 0xffffffffULL;
	uint32_t leaf = (uint32_t)r->gpr[REG_RAX];
	int code;

	if (!(r->cr0 & CR0_PE) || (r->rflags & RFLAGS_VM) || r->cpl > 0) {
		vcpu_inject(v, VECTOR_UD);
		return;
	}
	if (!feature_control_ok() || leaf >= ARRAY_SIZE(leaves) || !(r->cr0 & CR0_PG)) {
		(void)fault_gp(v);
		return;
	}
	struct encls_operands o = { .rbx = r->gpr[REG_RBX] & mask,
				    .rcx = r->gpr[REG_RCX] & mask,
				    .rdx = r->gpr[REG_RDX] & mask };
	epc_lock();
	code = run_leaf(v, leaf, &o);
	epc_unlock();
	if (code < 0)
		return;
	if (leaves[leaf].codes)
		leaf_result(v, (uint64_t)code);
	r->rip = (r->rip + instruction_size) & mask;
}
