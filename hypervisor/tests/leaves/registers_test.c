/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Linux may do with MSRs and sees of CPUID (arch/x86/svm/emulate.c), on a processor that has everything: CPUID is all ones, and each MSR holds what was
 * written last. QEMU's processor has little of it, so the boot test of the same name cannot see this.
 */
#include <stdio.h>

#include "hypervisor/arch/x86/svm/cpu.h"

static void fake_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4]);
#define cpuid fake_cpuid
#include "hypervisor/arch/x86/svm/emulate.c"

static int failed;
static uint64_t value_now;
static bool absent;
static unsigned int writes;
static struct svm_cpu cpu;
static struct vcpu vcpu = { .arch = &cpu };

#define EXPECT(condition, ...)                                                      \
	do {                                                                        \
		if (!(condition)) {                                                 \
			printf("FAIL %s:%d: %s: ", __FILE__, __LINE__, #condition); \
			printf(__VA_ARGS__);                                        \
			printf("\n");                                               \
			failed = 1;                                                 \
		}                                                                   \
	} while (0)

static void fake_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	(void)leaf;
	(void)subleaf;
	for (int i = 0; i < 4; i++)
		regs[i] = ~0U;
}

int msr_read_safe(uint32_t msr, uint64_t *ret_value)
{
	(void)msr;
	*ret_value = value_now;
	return absent ? -14 : 0;
}

int msr_write_safe(uint32_t msr, uint64_t value)
{
	(void)msr;
	writes++;
	value_now = value;
	return 0;
}

uint64_t efer_autoibrs(void)
{
	return EFER_AUTOIBRS;
}

bool apic_x2;

bool apic_command(struct vcpu *v, uint64_t command)
{
	return v && !command;
}

bool apic_vector_allowed(struct vcpu *v, uint32_t value)
{
	return v && !value;
}

void svm_skip(struct vcpu *v, unsigned int size)
{
	v->regs.rip += size;
}

void sgx_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	(void)leaf;
	(void)subleaf;
	(void)regs;
}

bool sgx_rdmsr(uint32_t msr, uint64_t *ret_value)
{
	*ret_value = 0;
	return msr == MSR_FEATURE_CONTROL;
}

bool sgx_wrmsr(uint32_t msr, uint64_t value, bool *ret_ok)
{
	*ret_ok = value != 0;
	return msr == MSR_FEATURE_CONTROL || msr - MSR_SGX_LE_HASH0 < 4 ||
	       msr - MSR_SGX_OWNER_EPOCH < 2;
}

/* --- CPUID ------------------------------------------------------------------------------------------------------------------------------- */

static void test_hidden(void)
{
	static const struct {
		uint32_t leaf, subleaf, hidden[4];
	} all[] = {
		/* AMD's APM 3, appendix E; SVM, IBS, SKINIT, LWP; INVLPGB, nested, BRS; LBR stack; OSPKE, CET_SS, PKS, CET_IBT; CET_U and CET_S; x2APIC and OSXSAVE */
		{ 0x80000001, 0, { 0, 0, 1U << 2 | 1U << 10 | 1U << 12 | 1U << 15, 0 } },
		{ 0x80000008, 0, { 0, 1U << 3 | 1U << 21 | 1U << 31, 0, 0 } },
		{ 0x8000000a, 0, { ~0U, ~0U, ~0U, ~0U } },
		{ 0x8000001b, 0, { ~0U, ~0U, ~0U, ~0U } },
		{ 0x8000001c, 0, { ~0U, ~0U, ~0U, ~0U } },
		{ 0x8000001f, 0, { ~0U, ~0U, ~0U, ~0U } },
		{ 0x80000022, 0, { 1U << 1, 0, 0, 0 } },
		{ 7, 0, { 0, 0, 1U << 4 | 1U << 7 | 1U << 31, 1U << 20 } },
		{ 7, 1, { 0, 0, 0, 0 } },
		{ 13, 1, { 0, 0, 3U << 11, 0 } },
		{ 13, 0, { 0, 0, 0, 0 } },
		{ 1, 0, { 0, 0, 1U << 27 | 1U << 21, 0 } },
		{ 0x80000021, 0, { 0, 0, 0, 0 } },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
		uint32_t regs[4];

		cpuid_values(&vcpu, all[i].leaf, all[i].subleaf, regs);
		for (int r = 0; r < 4; r++)
			EXPECT(regs[r] == ~all[i].hidden[r], "leaf %x.%x register %d: %x",
			       all[i].leaf, all[i].subleaf, r, regs[r]);
	}
}

/* --- MSRs -------------------------------------------------------------------------------------------------------------------------------- */

static bool in_bitmap(uint32_t msr)
{
	return msr < 0x2000 || msr - 0xc0000000U < 0x2000 || msr - 0xc0010000U < 0x2000;
}

/* Rules that the code above this test decides by itself. */
static bool is_special(uint32_t msr)
{
	return msr == MSR_VM_CR || msr == MSR_VM_HSAVE_PA;
}

static void try_write(uint32_t msr, uint64_t now, uint64_t value, bool wanted,
		      unsigned int wanted_writes)
{
	value_now = now;
	writes = 0;
	EXPECT(write(&vcpu, msr, value) == wanted, "MSR %x, %lx to %lx", msr, now, value);
	EXPECT(writes == wanted_writes, "MSR %x: %u writes", msr, writes);
}

static void test_rule(const struct msr_rule *r)
{
	for (uint32_t msr = r->first; msr <= r->last; msr++) {
		EXPECT(in_bitmap(msr) && msr_exits(msr, true), "MSR %x does not exit", msr);
		if (!r->kept || is_special(msr))
			continue;
		for (unsigned int bit = 0; bit < 64; bit++) {
			uint64_t mask = 1ULL << bit;
			bool kept = r->kept & mask;

			/* set; cleared, which a rule for single bits allows */
			try_write(msr, 0, mask, !kept, !kept);
			try_write(msr, mask, 0, r->kept != ALL, r->kept != ALL);
			try_write(msr, mask, mask, true, r->kept != ALL);
		}
		absent = true;
		try_write(msr, 0, 0, false, 0);
		absent = false;
	}
}

static void test_rules(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(msr_rules); i++) {
		EXPECT(msr_rules[i].first <= msr_rules[i].last, "rule %u", i);
		for (unsigned int k = 0; k < i; k++)
			EXPECT(msr_rules[i].first > msr_rules[k].last ||
				       msr_rules[i].last < msr_rules[k].first,
			       "rules %u and %u", i, k);
		test_rule(&msr_rules[i]);
	}
	for (uint32_t msr = MSR_PATCH_LOADER; msr < MSR_PATCH_LOADER + 2; msr++)
		try_write(msr, 0, 0xffffffff81000000, true, 0);
	try_write(MSR_MTRR_DEFAULT, 0xc00, 0, true, 0);
	try_write(MSR_VM_HSAVE_PA, 0x1000, 0x1000, false, 0);
	try_write(MSR_VM_CR, 0x18, 0x18, false, 0);
	/* x2APIC: carried out by us (as the commands here that are not 0), or by the hardware */
	try_write(MSR_X2APIC + 0x30, 0, 0x500, true, 0);
	try_write(MSR_X2APIC + 0x30, 0, 0, true, 1);
	try_write(MSR_X2APIC + 0x37, 0, 0x500, true, 0);
	try_write(MSR_X2APIC + 0x37, 0, 0, true, 1);
	/* Linux's own: they exit as little as they can. */
	static const uint32_t pass[] = { 0x10,	     0x48,	 0x174,	     0xc0000081,
					 0xc0000100, 0xc0000102, 0xc0000103, 0xc0010000,
					 0xc0010062, 0xc0010140, 0xc0010200, 0xc0011019,
					 0xc0011020, 0xc0011027, 0xc0011031, 0xc0011034 };

	for (unsigned int i = 0; i < ARRAY_SIZE(pass); i++)
		EXPECT(!msr_exits(pass[i], true) && !msr_exits(pass[i], false), "MSR %x exits",
		       pass[i]);
}

/* APM 2, 7.8.1: types 0, 1, 4 to 7. The first entry is what EPC is mapped with. */
static void test_pat(void)
{
	static const uint64_t allowed[] = { 0x0007040600070406, 0x0006060606060606,
					    0x0501040701040006 };
	static const uint64_t refused[] = { 0x0007040600070400, 0x0007040600070401,
					    0x0007040600070206, 0x0307040600070406,
					    0x8007040600070406, 0x0007040600070405 };
	struct vmcb vmcb = { .pat = 6 };
	uint64_t value = 0;

	cpu.vmcb = &vmcb;
	writes = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(allowed); i++) {
		EXPECT(write(&vcpu, MSR_PAT, allowed[i]), "PAT %lx", allowed[i]);
		EXPECT(read(&vcpu, MSR_PAT, &value) && value == allowed[i], "PAT is %lx", value);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++)
		EXPECT(!write(&vcpu, MSR_PAT, refused[i]), "PAT %lx", refused[i]);
	EXPECT(vmcb.pat == allowed[ARRAY_SIZE(allowed) - 1] && !writes, "PAT of the processor");
}

/* At the start what records is switched off, and nothing else is written. */
static void test_quiet(void)
{
	unsigned int recorders = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(msr_rules); i++)
		recorders += msr_rules[i].kept && msr_rules[i].kept != ALL;
	EXPECT(recorders == 4, "%u recorders", recorders);
	value_now = ~0ULL;
	writes = 0;
	msrs_quiet();
	EXPECT(writes == recorders && !(value_now & (1 | 0x44 | 1 << 17 | 1ULL << 48)),
	       "%u writes, %lx left", writes, value_now);
	value_now = writes = 0;
	msrs_quiet();
	EXPECT(!writes, "%u writes", writes);
}

static void test_xcr0(void)
{
	EXPECT(xcr0_valid(7) && xcr0_valid(0xe7), "AVX");
	EXPECT(!xcr0_valid(7 | 1ULL << 62), "LWP");
	EXPECT(!xcr0_valid(6) && !xcr0_valid(5) && !xcr0_valid(0x27) && !xcr0_valid(0xf), "halves");
}

int main(void)
{
	test_hidden();
	test_rules();
	test_pat();
	test_quiet();
	test_xcr0();
	return failed;
}
