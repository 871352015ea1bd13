/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ENCLS: the checks that come before every leaf (SDM 3D, 40.3; ENCLS's own page), the table of leaves, and how their results
 * reach the guest. A leaf runs wholly under the EPC's lock, so no two of them ever conflict; where it faults it has changed
 * nothing, and RIP stays.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

#include <linux/errno.h>

#define CR0_PE (1ULL << 0)
#define CR0_PG (1ULL << 31)
#define RFLAGS_CF (1ULL << 0)
#define RFLAGS_PF (1ULL << 2)
#define RFLAGS_AF (1ULL << 4)
#define RFLAGS_ZF (1ULL << 6)
#define RFLAGS_SF (1ULL << 7)
#define RFLAGS_OF (1ULL << 11)
#define RFLAGS_VM (1ULL << 17)

bool is_canonical(uint64_t linear)
{
	return (int64_t)(linear << 16) >> 16 == (int64_t)linear;
}

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

int fault_epcm(struct vcpu *v, uint64_t linear)
{
	/* SDM 3D, 38.3: EPCM violations have P and bit 15; U as the access was. */
	vcpu_inject_page_fault(v, linear, PF_PRESENT | PF_SGX | (v->regs.cpl == 3 ? PF_USER : 0));
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
	uint32_t error;

	switch (guest_walk(v, v->regs.cr3, linear, access, ret_physical, &error)) {
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
		struct epcm_entry **ret_entry, void **ret_data)
{
	struct epcm_entry *entry;
	uint64_t address;
	int err = operand_aligned(v, linear, align);

	if (err)
		return err;
	err = operand_walk(v, linear, access, &address);
	if (err)
		return err;
	entry = epcm_of(address);
	if (!entry) {
		/* Not an EPCM violation: the SDM's #PF(DS:RCX) of an operand that does not resolve to EPC. */
		vcpu_inject_page_fault(v, linear, PF_PRESENT | access);
		return -EFAULT;
	}
	*ret_entry = entry;
	*ret_data = (uint8_t *)epc_page(entry) + (address & (PAGE_SIZE - 1));
	return 0;
}

int operand_read(struct vcpu *v, uint64_t linear, void *to, size_t size)
{
	if (!is_canonical(linear) || !is_canonical(linear + size - 1))
		return fault_gp(v);
	return guest_read(v, linear, to, size, ACCESS_READ);
}

int operand_secs(struct vcpu *v, uint64_t linear, struct epcm_entry **ret_entry,
		 struct secs **ret_secs)
{
	void *data;
	int err = operand_epc(v, linear, PAGE_SIZE, ACCESS_READ, ret_entry, &data);

	if (err)
		return err;
	if (!(*ret_entry)->valid || (*ret_entry)->type != PT_SECS)
		return fault_epcm(v, linear);
	*ret_secs = data;
	return 0;
}

static const struct {
	encls_function *run;
	bool codes; /* RAX and flags are written */
} leaves[] = {
	[ENCLS_ECREATE] = { leaf_ecreate, false }, [ENCLS_EADD] = { leaf_eadd, false },
	[ENCLS_EINIT] = { leaf_einit, true },	   [ENCLS_EREMOVE] = { leaf_eremove, true },
	[ENCLS_EDBGRD] = { leaf_edbgrd, true },	   [ENCLS_EDBGWR] = { leaf_edbgwr, true },
	[ENCLS_EEXTEND] = { leaf_eextend, false }, [ENCLS_ELDB] = { leaf_eldb, true },
	[ENCLS_ELDU] = { leaf_eldu, true },	   [ENCLS_EBLOCK] = { leaf_eblock, true },
	[ENCLS_EPA] = { leaf_epa, false },	   [ENCLS_EWB] = { leaf_ewb, true },
	[ENCLS_ETRACK] = { leaf_etrack, true },	   [ENCLS_EAUG] = { leaf_eaug, false },
	[ENCLS_EMODPR] = { leaf_emodpr, true },	   [ENCLS_EMODT] = { leaf_emodt, true },
	[ENCLS_ERDINFO] = { leaf_erdinfo, true },  [ENCLS_ETRACKC] = { leaf_etrackc, true },
	[ENCLS_ELDBC] = { leaf_eldb, true },	   [ENCLS_ELDUC] = { leaf_eldu, true },
};

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
	epc_lock();
	code = leaves[leaf].run(v, r->gpr[REG_RBX] & mask, r->gpr[REG_RCX] & mask,
				r->gpr[REG_RDX] & mask);
	epc_unlock();
	if (code < 0)
		return;
	if (leaves[leaf].codes)
		leaf_result(v, (uint64_t)code);
	r->rip = (r->rip + instruction_size) & mask;
}
