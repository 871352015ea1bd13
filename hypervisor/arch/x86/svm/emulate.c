// SPDX-License-Identifier: Apache-2.0
/*
 * CPUID, MSRs and XSETBV as Linux sees them: the machine's own, without SVM (it is in use, by us), with what SGX adds, and with no way to
 * change what the walls stand on: where memory lies and how it is encrypted, where the local APIC is, SMM, SVM's own registers. A write that
 * changes nothing is let through as nothing; one that would is #GP.
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/sgx/arch.h"
#include "hypervisor/sgx/sgx.h"

static void cpuid_values(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	static uint32_t last_basic; /* of the machine itself */

	if (!last_basic) {
		cpuid(0, 0, regs);
		last_basic = regs[0];
	}
	if (leaf >= HV_CPUID_BASE && leaf < HV_CPUID_BASE + 0x10000) {
		bool first = leaf == HV_CPUID_BASE;

		regs[0] = first			      ? HV_CPUID_BASE + 1
			  : leaf == HV_CPUID_BASE + 1 ? HV_ABI_VERSION
						      : 0;
		regs[1] = first ? HV_CPUID_EBX : 0;
		regs[2] = first ? HV_CPUID_ECX : 0;
		regs[3] = first ? HV_CPUID_EDX : 0;
		return;
	}
	cpuid(leaf, subleaf, regs);
	/* A leaf beyond the last gives the data of another: none. */
	if (leaf > last_basic && leaf < HV_CPUID_BASE)
		regs[0] = regs[1] = regs[2] = regs[3] = 0;
	switch (leaf) {
	case 0:
		if (regs[0] < 0x12)
			regs[0] = 0x12;
		break;
	case 1: /* OSXSAVE and OSPKE mirror CR4, which was ours while the instruction ran; "a hypervisor is here" */
		regs[2] = (regs[2] & ~(1U << 27)) | (v->regs.cr4 & CR4_OSXSAVE ? 1U << 27 : 0) |
			  1U << 31;
		/* The local APIC stays in the mode that it has: a kernel that starts as a guest would switch what it finds here. */
		if (!apic_x2)
			regs[2] &= ~(1U << 21);
		break;
	case 7:
		if (subleaf == 0)
			/* OSPKE mirrors CR4; PKS, which AMD has not, has an MSR that nobody here would keep apart. */
			regs[2] = (regs[2] & ~(1U << 4 | 1U << 31)) |
				  (v->regs.cr4 & CR4_PKE ? 1U << 4 : 0);
		sgx_cpuid(leaf, subleaf, regs);
		break;
	case 0x12:
		sgx_cpuid(leaf, subleaf, regs);
		break;
	case 0x80000001U: /* SVM, SKINIT */
		regs[2] &= ~(1U << 2 | 1U << 12);
		break;
	case 0x8000000aU: /* SVM's features */
	case 0x8000001fU: /* memory encryption */
		regs[0] = regs[1] = regs[2] = regs[3] = 0;
		break;
	}
}

void cpuid_exit(struct vcpu *v)
{
	uint64_t *gpr = v->regs.gpr;
	uint32_t regs[4];

	count(v, HV_COUNTER_CPUID);
	cpuid_values(v, (uint32_t)gpr[REG_RAX], (uint32_t)gpr[REG_RCX], regs);
	gpr[REG_RAX] = regs[0];
	gpr[REG_RBX] = regs[1];
	gpr[REG_RCX] = regs[2];
	gpr[REG_RDX] = regs[3];
	svm_skip(v, 2);
}

static bool read(struct vcpu *v, uint32_t msr, uint64_t *ret_value)
{
	switch (msr) {
	case MSR_EFER:
		*ret_value = v->regs.efer;
		return true;
	case MSR_VM_CR: /* locked off, as by firmware */
		*ret_value = 1 << 4 | 1 << 3;
		return true;
	case MSR_VM_HSAVE_PA:
		*ret_value = 0;
		return true;
	case MSR_SGX_OWNER_EPOCH: /* to be written only */
	case MSR_SGX_OWNER_EPOCH + 1:
		return false;
	}
	return sgx_rdmsr(msr, ret_value) || msr_read_safe(msr, ret_value) == 0;
}

/* APM 2, 3.1.7: LME cannot change while paging is on; what does not exist must stay 0, or VMRUN would fail. */
static bool efer_write(struct vcpu *v, uint64_t value)
{
	uint64_t changed = value ^ v->regs.efer;

	if (changed & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR | EFER_TCE))
		return false;
	if (changed & EFER_LME && v->regs.cr0 >> 31 & 1)
		return false;
	if (changed & (EFER_FFXSR | EFER_TCE)) {
		uint32_t regs[4];

		cpuid(0x80000001U, 0, regs);
		if ((changed & EFER_FFXSR && !(regs[3] & 1 << 25)) ||
		    (changed & EFER_TCE && !(regs[2] & 1 << 17)))
			return false;
	}
	v->regs.efer = (value & ~EFER_LMA) | (v->regs.efer & EFER_LMA);
	return true;
}

bool msr_is_mtrr(uint32_t msr)
{
	return (msr >= 0x200 && msr <= 0x20f) || msr == 0x250 || msr == 0x258 || msr == 0x259 ||
	       (msr >= 0x268 && msr <= 0x26f) || msr == MSR_MTRR_DEFAULT;
}

static bool write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint64_t now;
	bool ok;

	if (msr == MSR_EFER)
		return efer_write(v, value);
	if (msr == MSR_VM_HSAVE_PA)
		return value == 0; /* as it is: Linux does that when it crashes */
	if (msr == MSR_VM_CR)
		return false;
	if (sgx_wrmsr(msr, value, &ok))
		return ok;
	if (msr == MSR_X2APIC + 0x30) {
		if (!apic_command(v, value))
			return true;
	} else if (msr >= MSR_X2APIC + 0x2f && msr <= MSR_X2APIC + 0x37) {
		if (!apic_vector_allowed(v, (uint32_t)value))
			return true;
	} else if (msr == MSR_MTRR_DEFAULT) {
		return true; /* Linux turns all off and on whenever it looks at them: they stay on */
	} else if (msr == MSR_APIC_BASE || msr_is_mtrr(msr) ||
		   (msr >= MSR_SYSCFG && msr <= 0xc001001dU) ||
		   (msr >= 0xc0010110U && msr <= 0xc001011fU)) {
		return msr_read_safe(msr, &now) == 0 && now == value;
	}
	return msr_write_safe(msr, value) == 0;
}

void msr_exit(struct vcpu *v)
{
	uint64_t *gpr = v->regs.gpr, value;
	uint32_t msr = (uint32_t)gpr[REG_RCX];
	bool ok;

	count(v, HV_COUNTER_MSR);
	if (svm_of(v)->vmcb->exit_info_1 & 1) {
		value = (gpr[REG_RDX] & 0xffffffff) << 32 | (gpr[REG_RAX] & 0xffffffff);
		ok = write(v, msr, value);
	} else {
		ok = read(v, msr, &value);
		if (ok) {
			gpr[REG_RAX] = (uint32_t)value;
			gpr[REG_RDX] = value >> 32;
		}
	}
	if (!ok) {
		count(v, HV_COUNTER_MSR_REFUSED);
		vcpu_inject_error(v, VECTOR_GP, 0);
		return;
	}
	svm_skip(v, 2);
}

/* SDM 1, 13.3: what XSETBV accepts. The value goes into the register before the next entry. */
static bool xcr0_valid(uint64_t value)
{
	uint32_t regs[4];

	cpuid(13, 0, regs);
	if (value & ~((uint64_t)regs[3] << 32 | regs[0]) || !(value & 1))
		return false;
	if (value & 4 && !(value & 2))
		return false;
	if (!!(value & 8) != !!(value & 16))
		return false;
	return !(value & 0xe0) || ((value & 0xe0) == 0xe0 && value & 4);
}

void xsetbv_exit(struct vcpu *v)
{
	uint64_t *gpr = v->regs.gpr;
	uint64_t value = (gpr[REG_RDX] & 0xffffffff) << 32 | (gpr[REG_RAX] & 0xffffffff);

	if (v->regs.cpl != 0 || (uint32_t)gpr[REG_RCX] != 0 || !xcr0_valid(value)) {
		vcpu_inject_error(v, VECTOR_GP, 0);
		return;
	}
	v->regs.xcr0 = value;
	svm_skip(v, 3);
}
