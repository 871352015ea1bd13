/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering and leaving: what passes through, what an exit saves and what Linux then sees,
 * exceptions of all kinds, debugging, two processors on one TCS, tracking, and loops of random
 * state through AEX and ERESUME with AVX.
 */
#include "hypervisor/tests/enclaves/run_scene.h"

#include "lib/base/string.h"

#include <stdio.h>
#include <stdlib.h>

#define RFLAGS_TF 0x100ULL
#define CR4_CET (1ULL << 23)

static void test_eenter_passes(void)
{
	struct guest_regs before;
	struct vcpu *v = &vcpus[0];
	static uint8_t state[PAGE_SIZE];

	run_start(NULL);
	for (unsigned int i = 4; i < 16; i++)
		v->regs.gpr[i] = 0x1000 * i;
	v->regs.gpr[REG_RSP] = USER_STACK;
	v->regs.rflags = 0x2d7 | RFLAGS_TF; /* all status flags, IF, TF */
	v->regs.cr4 |= CR4_CET;
	extended_fill(v, 7, 0xabcdef);
	memcpy(state, extended_state(v), PAGE_SIZE);
	before = v->regs;
	run_enter(v, P_TCS);
	for (unsigned int i = 4; i < 16; i++)
		NEED(v->regs.gpr[i] == before.gpr[i]);
	NEED(v->regs.gpr[REG_RAX] == 0 && v->regs.gpr[REG_RCX] == before.rip + 3 &&
	     v->regs.gpr[REG_RBX] == AT(P_TCS));
	NEED(v->regs.rip == AT(P_CODE) + 0x40);
	NEED(v->regs.fs_base == AT(P_DATA) && v->regs.gs_base == AT(P_DATA2));
	NEED(v->regs.rflags == (before.rflags & ~RFLAGS_TF) && v->regs.dr7 == 0x400 &&
	     v->regs.xcr0 == 3 && v->regs.cr4 == (before.cr4 & ~CR4_CET));
	NEED(memcmp(state, extended_state(v), PAGE_SIZE) == 0);
	NEED(gpr_of(P_SSA)->ursp == USER_STACK && gpr_of(P_SSA)->urbp == before.gpr[REG_RBP]);
	NEED(tcs_of(P_TCS)->aep == AEP && track_active(epc_memory(P_SECS)));
	NEED(v->enclave->cr3 != before.cr3 && v->enclave->npt_root != npt_linux_root());
	/* Out again: everything of Linux's is back, the rest passes through. */
	v->regs.gpr[REG_RDX] = 77;
	NEED(enclu(v, ENCLU_EEXIT, 0x404000, 0, 77).vector < 0);
	NEED(v->regs.gpr[REG_RDX] == 77 && v->regs.rip == 0x404000 && v->regs.gpr[REG_RCX] == AEP);
	NEED(v->regs.rflags == before.rflags && v->regs.dr7 == 0x401 && v->regs.xcr0 == 7 &&
	     v->regs.cr3 == before.cr3 && v->regs.cr4 == before.cr4);
	NEED(v->regs.fs_base == before.fs_base && v->regs.gs_base == before.gs_base &&
	     !track_active(epc_memory(P_SECS)));
}

static void test_interrupt(void)
{
	struct vcpu *v = &vcpus[0];

	run_start(&(struct options){ .xfrm = XFRM_AVX, .misc = MISC_EXINFO });
	run_enter(v, P_TCS);
	for (unsigned int i = 0; i < 16; i++)
		v->regs.gpr[i] = 0x100 + i;
	v->regs.rip = AT(P_CODE) + 0x123;
	v->regs.rflags = 0x10cd7;
	v->regs.fs_base = 0x777000;
	v->regs.gs_base = 0x888000;
	extended_fill(v, 7, 0x5555);
	sgx_aex(v, 0, 0, 0, false);
	NEED(!v->enclave && !v->inject && tcs_of(P_TCS)->cssa == 1 &&
	     tcs_of(P_TCS)->state == TCS_INACTIVE);
	for (unsigned int i = 0; i < 16; i++) {
		uint64_t want = i == REG_RAX   ? ENCLU_ERESUME
				: i == REG_RBX ? AT(P_TCS)
				: i == REG_RCX ? AEP
				: i == REG_RSP ? USER_STACK
				: i == REG_RBP ? USER_STACK + 0x100
					       : 0;

		NEED(v->regs.gpr[i] == want);
	}
	NEED(v->regs.rip == AEP && v->regs.rflags == 0x402 && v->regs.fs_base == 0x1234000 &&
	     v->regs.xcr0 == 7);
	NEED(gpr_of(P_SSA)->rip == AT(P_CODE) + 0x123 && gpr_of(P_SSA)->rflags == 0x10cd7 &&
	     gpr_of(P_SSA)->exit_info == 0);
	NEED(gpr_of(P_SSA)->gpr[REG_RAX] == 0x100 && gpr_of(P_SSA)->gpr[15] == 0x10f &&
	     gpr_of(P_SSA)->fs_base == 0x777000);
	/*
	 * Nothing of the enclave's vector registers is left, and the saved area is one that XRSTOR
	 * takes.
	 */
	{
		uint64_t in_use, header[8];
		uint32_t mxcsr;

		memcpy(&in_use, extended_state(v) + 512, 8);
		memcpy(&mxcsr, extended_state(v) + 24, 4);
		NEED(in_use == 0 && mxcsr == 0x1fb0);
		memcpy(header, (uint8_t *)epc_memory(P_SSA) + 512, sizeof(header));
		NEED(header[0] == 7 && header[1] == 0 && header[2] == 0 && header[7] == 0);
	}
}

static const struct {
	uint8_t vector;
	uint32_t error;
	bool with_exinfo; /* only with MISCSELECT.EXINFO */
	uint32_t info;
} exceptions[] = {
	{ VECTOR_DE, 0, false, 0x80000300 },
	{ VECTOR_DB, 0, false, 0x80000301 },
	{ VECTOR_BP, 0, false, 0x80000603 },
	{ 5, 0, false, 0x80000305 },
	{ VECTOR_UD, 0, false, 0x80000306 },
	{ VECTOR_NM, 0, false, 0 },
	{ VECTOR_GP, 8, true, 0x8000030d },
	{ VECTOR_PF, 7, true, 0x8000030e },
	{ VECTOR_PF, 3, false, 0 }, /* not the user's */
	{ VECTOR_MF, 0, false, 0x80000310 },
	{ VECTOR_AC, 0, false, 0x80000311 },
	{ 18, 0, false, 0 },
	{ VECTOR_XM, 0, false, 0x80000313 },
	{ 2, 0, false, 0 },
	{ 12, 0, false, 0 },
};

static void test_exceptions(void)
{
	struct vcpu *v = &vcpus[0];

	for (unsigned int i = 0; i < ARRAY_SIZE(exceptions) * 2; i++) {
		uint32_t misc = i & 1 ? MISC_EXINFO : 0, info = exceptions[i / 2].info, mxcsr;
		uint8_t vector = exceptions[i / 2].vector;
		struct exinfo *x;
		uint16_t fcw, fsw;

		run_start(&(struct options){ .misc = misc });
		run_enter(v, P_TCS);
		x = (struct exinfo *)(void *)((uint8_t *)gpr_of(P_SSA) - sizeof(*x));
		x->maddr = 1;
		sgx_aex(v, vector, exceptions[i / 2].error, 0x123456, true);
		if (exceptions[i / 2].with_exinfo && !misc)
			info = 0;
		NEED(gpr_of(P_SSA)->exit_info == info);
		if (info && (vector == VECTOR_PF || vector == VECTOR_GP))
			NEED(x->maddr == (vector == VECTOR_PF ? 0x123456 : 0) &&
			     x->error == exceptions[i / 2].error);
		else
			NEED(x->maddr == 1);
		/*
		 * A fault's image has RF, so that a resumed instruction does not hit its breakpoint
		 * again.
		 */
		NEED(!(gpr_of(P_SSA)->rflags & 0x10000) == (vector == VECTOR_DB));
		memcpy(&mxcsr, extended_state(v) + 24, 4);
		memcpy(&fcw, extended_state(v), 2);
		memcpy(&fsw, extended_state(v) + 2, 2);
		NEED(mxcsr == (vector == VECTOR_XM ? 0x1f01U : 0x1fb0U));
		if (vector == VECTOR_MF)
			NEED(fcw == 0x37e && fsw == 0x8081);
	}
}

static void test_illegal_and_debug(void)
{
	struct vcpu *v = &vcpus[0];

	run_start(NULL);
	run_enter(v, P_TCS);
	v->inject = false;
	sgx_illegal(v);
	NEED(v->inject && v->vector == VECTOR_UD && v->regs.rip == AEP &&
	     gpr_of(P_SSA)->exit_info == 0x80000306);
	/* Opted out: INT3 is an illegal instruction, a single step is nothing. */
	run_start(NULL);
	v->regs.rflags |= RFLAGS_TF;
	run_enter(v, P_TCS);
	v->regs.rflags |= RFLAGS_TF;
	NEED(sgx_debug_exception(v) && !(v->regs.rflags & RFLAGS_TF) && v->enclave);
	v->inject = false;
	sgx_breakpoint(v);
	NEED(v->inject && v->vector == VECTOR_UD && (v->regs.rflags & RFLAGS_TF));
	/* Opted in. */
	run_start(&(struct options){ .flags = ATTRIBUTE_DEBUG, .debug_opt_in = true });
	v->regs.rflags |= RFLAGS_TF;
	run_enter(v, P_TCS);
	NEED((v->regs.rflags & RFLAGS_TF) && v->regs.dr7 == 0x401 && !sgx_debug_exception(v));
	v->inject = false;
	sgx_breakpoint(v);
	NEED(v->inject && v->vector == VECTOR_BP && gpr_of(P_SSA)->exit_info == 0x80000603);
	NEED(!(gpr_of(P_SSA)->rflags & RFLAGS_TF));
}

/*
 * An exit succeeds whatever Linux did to the SSA's mapping, and whatever it maps there now is not
 * touched.
 */
static void test_exit_without_ssa(void)
{
	struct vcpu *v = &vcpus[0];
	uint64_t page;

	run_start(NULL);
	run_enter(v, P_TCS);
	page = machine_page();
	machine_map(AT(P_SSA), page, USER_RW);
	machine_unmap(AT(P_TCS));
	v->regs.gpr[REG_RAX] = 0x5ec4e7;
	sgx_aex(v, 0, 0, 0, false);
	NEED(gpr_of(P_SSA)->gpr[REG_RAX] == 0x5ec4e7 && is_zero(physical(page), PAGE_SIZE));
}

/* Exception handlers: an exit, then an entry to the second frame, out, and back into the first. */
static void test_nested_frames(void)
{
	struct vcpu *v = &vcpus[0];
	struct outcome o;

	run_start(NULL);
	run_enter(v, P_TCS);
	v->regs.gpr[REG_R8] = 88;
	sgx_aex(v, VECTOR_DE, 0, 0, true);
	o = enclu(v, ENCLU_EENTER, AT(P_TCS), AEP, 0);
	NEED(o.vector < 0 && o.rax == 1 && v->enclave->frame.gpr == gpr_of(P_SSA2));
	sgx_aex(v, 0, 0, 0, false); /* in the handler */
	NEED(tcs_of(P_TCS)->cssa == 2);
	/* No frame left: hardware's #GP, not an overflow. */
	NEED(enclu(v, ENCLU_EENTER, AT(P_TCS), AEP, 0).vector == VECTOR_GP);
	NEED(enclu(v, ENCLU_ERESUME, AT(P_TCS), AEP, 0).vector < 0);
	NEED(enclu(v, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	NEED(tcs_of(P_TCS)->cssa == 1);
	NEED(enclu(v, ENCLU_ERESUME, AT(P_TCS), AEP, 0).vector < 0);
	NEED(tcs_of(P_TCS)->cssa == 0 && v->regs.gpr[REG_R8] == 88);
	NEED(enclu(v, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
}

/*
 * What a hostile Linux would try with state that it cannot write: an evicted frame of before, a
 * frame of the other thread. All is by EPCM address.
 */
static void test_other_frame(void)
{
	struct vcpu *v = &vcpus[0];

	run_start(NULL);
	run_enter(v, P_TCS);
	sgx_aex(v, 0, 0, 0, false);
	machine_map(AT(P_SSA), MACHINE_EPC + P_SSA_B * PAGE_SIZE, USER_RW);
	NEED(enclu(v, ENCLU_ERESUME, AT(P_TCS), AEP, 0).vector == VECTOR_PF && !v->enclave);
}

static void test_two_processors(void)
{
	struct vcpu *a = &vcpus[0], *b = &vcpus[1];
	struct secs *secs;

	run_start(NULL);
	secs = epc_memory(P_SECS);
	run_enter(a, P_TCS);
	NEED(enclu(b, ENCLU_EENTER, AT(P_TCS), AEP, 0).vector == VECTOR_GP && !b->enclave);
	NEED(enclu(b, ENCLU_ERESUME, AT(P_TCS), AEP, 0).vector == VECTOR_GP);
	run_enter(b, P_TCS_B);
	NEED(secs->threads == 2 && a->enclave->cr3 == b->enclave->cr3 &&
	     a->enclave->npt_root == b->enclave->npt_root);
	/* A thread's exit is another processor's to resume. */
	a->regs.gpr[REG_R8] = 4711;
	sgx_aex(a, 0, 0, 0, false);
	NEED(enclu(&vcpus[2], ENCLU_ERESUME, AT(P_TCS), AEP, 0).vector < 0 &&
	     vcpus[2].regs.gpr[REG_R8] == 4711);
	/* Tracking: who was inside before ETRACK is waited for. */
	encls(ENCLS_ETRACK, 0, epc(P_SECS), 0);
	NEED(secs->threads == 0 && secs->threads_previous == 2);
	sgx_aex(b, 0, 0, 0, false);
	NEED(secs->threads_previous == 1);
	run_enter(a, P_TCS_B); /* a new entry is not */
	NEED(secs->threads_previous == 1 && secs->threads == 1);
	NEED(enclu(&vcpus[2], ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	NEED(secs->threads_previous == 0);
	encls(ENCLS_ETRACK, 0, epc(P_SECS), 0);
	NEED(enclu(a, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	NEED(!track_active(secs));
}

/* A second entry on a thread that lies in its frame, which then goes down to that frame. */
static void test_edeccssa(void)
{
	struct vcpu *v = &vcpus[0];
	struct outcome o;

	run_start(NULL);
	run_enter(v, P_TCS);
	v->regs.gpr[REG_R8] = 88;
	sgx_aex(v, 0, 0, 0, false);
	gpr_of(P_SSA)->aex_notify = 1; /* AEX-Notify is not offered: nobody looks */
	o = enclu(v, ENCLU_EENTER, AT(P_TCS), AEP, 0);
	NEED(o.vector < 0 && o.rax == 1 && v->regs.rip == AT(P_CODE) + 0x40 &&
	     tcs_of(P_TCS)->cssa == 1);
	NEED(enclu(v, ENCLU_EDECCSSA, 0, 0, 0).vector < 0);
	NEED(tcs_of(P_TCS)->cssa == 0 && v->enclave->frame.gpr == gpr_of(P_SSA) &&
	     gpr_of(P_SSA)->gpr[REG_R8] == 88);
	NEED(enclu(v, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
}

/* Random state through exits and resumptions, two threads on two processors, AVX. */
static void test_loops(unsigned int rounds)
{
	static uint8_t kept[2][PAGE_SIZE];
	struct guest_regs expect[2];
	const uint64_t flags = 0x00244cd5ULL;

	run_start(&(struct options){ .xfrm = XFRM_AVX });
	for (unsigned int t = 0; t < 2; t++)
		run_enter(&vcpus[t], t ? P_TCS_B : P_TCS);
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int t = (unsigned int)random_u64() & 1;
		struct vcpu *v = &vcpus[t];
		uint64_t xfrm = random_u64() & 7;
		struct outcome o;

		extended_use(v);
		for (unsigned int k = 0; k < 16; k++)
			v->regs.gpr[k] = random_u64();
		v->regs.rip = AT(P_CODE) + (random_u64() & 0xfff);
		v->regs.rflags = 0x202 | (random_u64() & flags);
		v->regs.fs_base = random_u64() >> 20;
		v->regs.gs_base = random_u64() >> 20;
		extended_fill(v, xfrm, random_u64());
		expect[t] = v->regs;
		memcpy(kept[t], extended_state(v), PAGE_SIZE);
		sgx_aex(v, 0, 0, 0, false);
		NEED(!v->enclave && v->regs.rip == AEP);
		/* Linux's program does something in between. */
		extended_fill(v, 7, random_u64());
		v->regs.gpr[REG_RSP] = USER_STACK - 64 * t;
		v->regs.gpr[REG_R8 + 3] = random_u64();
		v->regs.rflags = 0x202 | (random_u64() & flags);
		o = enclu(v, ENCLU_ERESUME, AT(t ? P_TCS_B : P_TCS), AEP, 0);
		NEED(o.vector < 0 && v->enclave);
		NEED(memcmp(v->regs.gpr, expect[t].gpr, sizeof(expect[t].gpr)) == 0);
		NEED(v->regs.rip == expect[t].rip && v->regs.rflags == expect[t].rflags);
		NEED(v->regs.fs_base == expect[t].fs_base && v->regs.gs_base == expect[t].gs_base &&
		     v->regs.xcr0 == 7);
		NEED(extended_equal(v, kept[t], 7));
		NEED(i % 512 || (!epcm_check() && !space_check()));
	}
	for (unsigned int t = 0; t < 2; t++)
		NEED(enclu(&vcpus[t], ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	NEED(!track_active(epc_memory(P_SECS)));
}

/*
 * Any byte of a saved area that Linux or another thread would forge: ERESUME refuses it or takes
 * it, and never crashes or goes elsewhere.
 */
static void test_forged_bytes(void)
{
	struct vcpu *v = &vcpus[0];
	unsigned int refused = 0, taken = 0;

	run_start(&(struct options){ .xfrm = XFRM_AVX });
	for (unsigned int i = 0; i < PAGE_SIZE; i++) {
		uint8_t *byte, old;
		struct outcome o;

		run_enter(v, P_TCS);
		sgx_aex(v, 0, 0, 0, false);
		byte = (uint8_t *)epc_memory(P_SSA) + i;
		old = *byte;
		*byte = (uint8_t)~old;
		o = enclu(v, ENCLU_ERESUME, AT(P_TCS), AEP, 0);
		if (o.vector >= 0) {
			NEED(o.vector == VECTOR_GP && !v->enclave &&
			     tcs_of(P_TCS)->state == TCS_INACTIVE && tcs_of(P_TCS)->cssa == 1);
			*byte = old;
			NEED(enclu(v, ENCLU_ERESUME, AT(P_TCS), AEP, 0).vector < 0);
			refused++;
		} else {
			taken++;
		}
		NEED(enclu(v, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	}
	/* Bytes of XSTATE_BV, XCOMP_BV and the 8 after, high bytes of MXCSR, of RIP, FS and GS. */
	NEED(refused >= 24 + 2 + 3 && taken > 3000);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 20000;

	random_seed(argc > 2 ? (uint64_t)atoi(argv[2]) : 1);
	test_eenter_passes();
	test_interrupt();
	test_exceptions();
	test_illegal_and_debug();
	test_exit_without_ssa();
	test_nested_frames();
	test_other_frame();
	test_two_processors();
	test_edeccssa();
	test_loops(rounds);
	test_forged_bytes();
	printf("exits as they should be, %u random ones\n", rounds);
	return 0;
}
