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
		/* OSPKE mirrors CR4; PKS and CET have MSRs that nobody here would keep apart. */
		if (subleaf == 0) {
			regs[2] = (regs[2] & ~(1U << 4 | 1U << 7 | 1U << 31)) |
				  (v->regs.cr4 & CR4_PKE ? 1U << 4 : 0);
			regs[3] &= ~(1U << 20);
		}
		/* fall through */
	case 0x12:
		sgx_cpuid(leaf, subleaf, regs);
		break;
	case 13: /* CET's state */
		if (subleaf == 1)
			regs[2] &= ~(3U << 11);
		break;
	case 0x80000001U: /* SVM, IBS, SKINIT, LWP */
		regs[2] &= ~(1U << 2 | 1U << 10 | 1U << 12 | 1U << 15);
		break;
	case 0x80000008U: /* INVLPGB, for guests too: its broadcast makes nobody leave an enclave; branch sampling */
		regs[1] &= ~(1U << 3 | 1U << 21 | 1U << 31);
		break;
	case 0x80000022U: /* LBR stack */
		regs[0] &= ~(1U << 1);
		break;
	case 0x8000000aU: /* SVM's features */
	case 0x8000001bU: /* IBS's */
	case 0x8000001cU: /* LWP's */
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
	case MSR_PAT: /* its own, in the VMCB (APM 2, 15.25.2) */
		*ret_value = svm_of(v)->vmcb->pat;
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

	if (changed &
	    ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR | EFER_TCE | efer_autoibrs()))
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

/*
 * MSRs whose writes exit, and what of them is kept: ALL bits as they are; the bits named, which may not be set, but cleared where the boot chain left
 * them set; 0: write() knows. What is not in the table passes: it is the guest's own, or reaches nothing that is not Linux's. README, "Registers", says of
 * each group why. Numbers: APM 2, appendix A and the chapters named; PPR: AMD's "Processor Programming Reference", families 17h and 19h, on MSRs.
 */
#define ALL ~0ULL
static const struct msr_rule {
	uint32_t first, last;
	uint64_t kept;
} msr_rules[] = {
	/* clang-format off */
	{ MSR_APIC_BASE, MSR_APIC_BASE, ALL },
	{ MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, 0 },
	{ MSR_SGX_LE_HASH0, MSR_SGX_LE_HASH0 + 3, 0 },
	{ MSR_DEBUG_CTL, MSR_DEBUG_CTL, 1 << 0 }, /* LBR (APM 2, 13.1.1): last branches are not swapped, and would show an enclave's */
	{ 0x200, 0x20f, ALL }, { 0x250, 0x250, ALL }, { 0x258, 0x259, ALL }, { 0x268, 0x26f, ALL }, /* MTRRs (7.7.2) */
	{ MSR_PAT, MSR_PAT, 0 }, { MSR_MTRR_DEFAULT, MSR_MTRR_DEFAULT, 0 },
	{ MSR_SGX_OWNER_EPOCH, MSR_SGX_OWNER_EPOCH + 1, 0 },
	{ 0x6a0, 0x6a2, ALL }, { 0x6a4, 0x6a8, ALL }, /* U_CET, S_CET, shadow stack pointers (chapter 18): off at the start, and stay so */
	{ 0x6e1, 0x6e1, ALL },		 /* PKRS */
	{ MSR_X2APIC + 0x2f, MSR_X2APIC + 0x37, 0 },
	{ 0xda0, 0xda0, ALL },		 /* XSS: CET's MSRs by XRSTORS */
	{ 0xc000010f, 0xc000010f, 0x44 }, /* DBG_EXTN_CFG: branch sampling, LBR stack (PPR) */
	{ MSR_EFER, MSR_EFER, 0 },
	{ MSR_SYSCFG, 0xc001001d, ALL }, /* SYSCFG, HWCR, IORRs, TOP_MEM, TOP_MEM2 (7.9) */
	{ MSR_PATCH_LOADER, MSR_PATCH_LOADER + 1, 0 },
	{ 0xc0010058, 0xc0010058, ALL }, /* MMIO configuration base (PPR): its window would cover memory */
	{ 0xc0010064, 0xc0010070, ALL }, /* P-states' voltages and frequencies (PPR) */
	{ 0xc0010110, 0xc001013f, ALL }, /* SMM, VM_CR, IGNNE, VM_HSAVE_PA, keys; GHCB, SEV, RMP (15.30, 15.36) */
	/* what the core does and what CPUID says of it, but masks of breakpoints and LS_CFG, which Linux changes with tasks (PPR) */
	{ 0xc0011000, 0xc0011018, ALL }, { 0xc001101c, 0xc001101f, ALL }, { 0xc0011021, 0xc0011026, ALL },
	{ 0xc0011028, 0xc001102f, ALL }, { 0xc0011040, 0xc00111ff, ALL },
	{ 0xc0011030, 0xc0011030, 1ULL << 48 }, { 0xc0011033, 0xc0011033, 1 << 17 }, /* IBS (13.3): samples of an enclave's instructions */
	/* clang-format on */
};

static const struct msr_rule *msr_rule(uint32_t msr)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(msr_rules); i++) {
		if (msr >= msr_rules[i].first && msr <= msr_rules[i].last)
			return &msr_rules[i];
	}
	return NULL;
}

bool msr_exits(uint32_t msr, bool is_write)
{
	return is_write ? msr_rule(msr) != NULL
			: msr == MSR_EFER || msr == MSR_PAT || msr == MSR_VM_CR ||
				  msr == MSR_VM_HSAVE_PA || msr == MSR_FEATURE_CONTROL ||
				  msr - MSR_SGX_LE_HASH0 < 4 || msr - MSR_SGX_OWNER_EPOCH < 2;
}

/* Only bits that the rule keeps: all as they are, or none of them set that is not. */
static bool keeps(const struct msr_rule *rule, uint32_t msr, uint64_t value)
{
	uint64_t now;

	return msr_read_safe(msr, &now) == 0 &&
	       !((value ^ now) & rule->kept & (rule->kept == ALL ? ALL : value));
}

void msrs_quiet(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(msr_rules); i++) {
		const struct msr_rule *rule = &msr_rules[i];
		uint64_t now;

		if (rule->kept && rule->kept != ALL && !msr_read_safe(rule->first, &now) &&
		    now & rule->kept && msr_write_safe(rule->first, now & ~rule->kept))
			hv_log("MSR %x records", rule->first);
	}
}

/* Types that there are (APM 2, 7.8.1); the first, which we map EPC and tables with, is write-back, or caches and memory would differ there. */
static bool pat_write(struct vcpu *v, uint64_t value)
{
	if (value & 0xf8f8f8f8f8f8f8f8ULL || value & ~(value >> 1) & 0x0202020202020202ULL ||
	    (value & 7) != 6)
		return false;
	svm_of(v)->vmcb->pat = value;
	return true;
}

static bool write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	const struct msr_rule *rule;
	bool ok;

	if (msr == MSR_EFER)
		return efer_write(v, value);
	if (msr == MSR_PAT)
		return pat_write(v, value);
	if (msr == MSR_VM_HSAVE_PA)
		return value == 0; /* as it is: Linux does that when it crashes */
	if (msr == MSR_VM_CR)
		return false;
	if (sgx_wrmsr(msr, value, &ok))
		return ok;
	if (msr - (MSR_X2APIC + 0x2f) < 9)
		return !(msr == MSR_X2APIC + 0x30 ? apic_command(v, value)
						  : apic_vector_allowed(v, (uint32_t)value)) ||
		       msr_write_safe(msr, value) == 0;
	/* Linux turns all MTRRs off and on whenever it looks at them: they stay on. Microcode is not loaded: Linux reads its level and finds it as it was. */
	if (msr == MSR_MTRR_DEFAULT || msr - MSR_PATCH_LOADER < 2)
		return true;
	rule = msr_rule(msr);
	if (rule && rule->kept && !keeps(rule, msr, value))
		return false;
	/* All as it is: nothing to write. */
	if (rule && rule->kept == ALL)
		return true;
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
	if (value >> 62) /* LWP (APM 2, 13.4) writes into memory what an enclave does */
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
