/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ENCLU: the checks that come before every leaf, in the order of its page in the SDM (2A and 3D,
 * 40.4), the table of leaves, and operands inside the enclave. A leaf runs wholly under the EPC's
 * lock. Where it faults, nothing has changed; if an enclave was running, the fault is also an
 * asynchronous exit, and the SSA holds RIP at the ENCLU.
 */
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"

#include <asm-generic/errno-base.h>

int operand_own(struct vcpu *v, uint64_t linear, unsigned int align, uint32_t access,
		struct epcm_entry **ret_entry)
{
	if (!in_elrange(v->enclave->secs, linear))
		return fault_gp(v);
	return operand_epc(v, linear, align, access | ACCESS_USER, ret_entry);
}

int operand_data(struct vcpu *v, uint64_t linear, unsigned int align, uint64_t rights,
		 void **ret_data)
{
	uint32_t access = rights & SECINFO_W ? ACCESS_WRITE : ACCESS_READ;
	struct epcm_entry *entry;

	if (operand_own(v, linear, align, access, &entry))
		return -EFAULT;
	if (!epcm_allows(entry, v->enclave->secs_physical, linear, rights))
		return fault_epcm(v, linear, ACCESS_USER | access);
	*ret_data = epc_data(entry, linear);
	return 0;
}

void enclave_fault(struct vcpu *v)
{
	uint64_t address = v->regs.cr2;

	assert(v->inject && v->enclave);
	sgx_aex(v, v->vector, v->inject_has_error ? v->error : 0, address, true);
	/* SDM 3D, 40.3: Linux learns the page only. */
	if (v->vector == VECTOR_PF)
		v->regs.cr2 = address & ~(PAGE_SIZE - 1);
}

void sgx_illegal(struct vcpu *v)
{
	vcpu_inject(v, VECTOR_UD);
	enclave_fault(v);
}

enum after { NEXT, NEXT_WITH_CODE, ELSEWHERE }; /* ELSEWHERE: the leaf sets RIP */
static const struct {
	enclu_function *run;
	enum after after;
	bool inside; /* else outside an enclave */
} leaves[] = {
	[ENCLU_EREPORT] = { leaf_ereport, NEXT, true },
	[ENCLU_EGETKEY] = { leaf_egetkey, NEXT_WITH_CODE, true },
	[ENCLU_EENTER] = { leaf_eenter, ELSEWHERE, false },
	[ENCLU_ERESUME] = { leaf_eresume, ELSEWHERE, false },
	[ENCLU_EEXIT] = { leaf_eexit, ELSEWHERE, true },
	[ENCLU_EACCEPT] = { leaf_eaccept, NEXT_WITH_CODE, true },
	[ENCLU_EMODPE] = { leaf_emodpe, NEXT, true },
	[ENCLU_EACCEPTCOPY] = { leaf_eacceptcopy, NEXT_WITH_CODE, true },
	[ENCLU_EDECCSSA] = { leaf_edeccssa, NEXT, true },
};

/* What is wrong before any leaf is looked at: a vector, or -1. */
static int gate(const struct vcpu *v, uint32_t leaf)
{
	const struct guest_regs *r = &v->regs;

	if (!(r->cr0 & CR0_PE) || (r->rflags & RFLAGS_VM))
		return VECTOR_UD;
	if (r->cr0 & CR0_TS)
		return VECTOR_NM;
	if (r->cpl < 3)
		return VECTOR_UD;
	if (!feature_control_ok() || leaf >= ARRAY_SIZE(leaves) || !leaves[leaf].run ||
	    !(r->cr0 & CR0_PG) || !(r->cr0 & CR0_NE) || leaves[leaf].inside != (v->enclave != NULL))
		return VECTOR_GP;
	/*
	 * An enclave here is 64-bit code; only a far jump, which it must not do (table 39-1), gets
	 * it elsewhere.
	 */
	if (v->enclave && !r->long_mode_code)
		return VECTOR_GP;
	return -1;
}

void sgx_enclu(struct vcpu *v, unsigned int instruction_size)
{
	struct guest_regs *r = &v->regs;
	uint64_t mask = r->long_mode_code ? ~0ULL : 0xffffffffULL;
	uint32_t leaf = (uint32_t)r->gpr[REG_RAX];
	struct enclu_operands o = {
		.rbx = r->gpr[REG_RBX] & mask,
		.rcx = r->gpr[REG_RCX] & mask,
		.rdx = r->gpr[REG_RDX] & mask,
		.next_rip = (r->rip + instruction_size) & mask,
	};
	int vector = gate(v, leaf), code;

	if (vector == VECTOR_GP)
		(void)fault_gp(v);
	else if (vector >= 0)
		vcpu_inject(v, (uint8_t)vector);
	if (vector >= 0)
		goto fault;
	epc_lock();
	code = leaves[leaf].run(v, &o);
	epc_unlock();
	if (code < 0)
		goto fault;
	if (leaves[leaf].after == NEXT_WITH_CODE)
		leaf_result(v, (uint64_t)code);
	if (leaves[leaf].after != ELSEWHERE) {
		r->rip = o.next_rip;
		r->rflags &= ~RFLAGS_RF;
	}
	return;
fault:
	if (v->enclave)
		enclave_fault(v);
}
