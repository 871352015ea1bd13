/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of running enclaves share (run_scene.h). For every row that faults or ends in a code:
 * nothing in the EPC and in the EPCM has changed, except, for a fault inside, what an asynchronous
 * exit writes: one SSA frame and the TCS. And Linux then sees the exit's state and nothing of the
 * enclave's.
 */
#include "hypervisor/tests/enclaves/run_scene.h"

#include "hypervisor/sgx/sgx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run run;
bool rows_table;
static unsigned int passed;
static uint8_t states[MACHINE_VCPUS][PAGE_SIZE];
static uint8_t *state = states[0];

/* --- Extended state: an XSAVE image each --- */

static uint32_t component[64][2]; /* offset, size */

static void components_find(void)
{
	for (uint32_t i = 2; i < 63; i++) {
		uint32_t a = 0xd, b, c = i, d;

		__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
		component[i][0] = b;
		component[i][1] = a;
	}
}

static void state_copy(uint8_t *to, const uint8_t *from, uint64_t mask)
{
	if (mask & 1) {
		memcpy(to, from, 24);
		memcpy(to + 32, from + 32, 128);
	}
	if (mask & 2)
		memcpy(to + 160, from + 160, 256);
	for (unsigned int i = 2; i < 63; i++)
		if ((mask >> i & 1) && component[i][1])
			memcpy(to + component[i][0], from + component[i][0], component[i][1]);
}

void arch_xsave(void *area, uint64_t mask)
{
	uint64_t *header = (uint64_t *)(void *)((uint8_t *)area + 512), in_use;

	memcpy(&in_use, state + 512, 8);
	state_copy(area, state, mask & in_use);
	if (mask & 6)
		memcpy((uint8_t *)area + 24, state + 24, 8);
	header[0] = (header[0] & ~mask) | (in_use & mask);
}

void arch_xrstor(const void *area, uint64_t mask)
{
	static const uint8_t zero[PAGE_SIZE];
	uint64_t in_use, given;
	uint32_t mxcsr_mask = 0xffff;

	memcpy(&in_use, state + 512, 8);
	memcpy(&given, (const uint8_t *)area + 512, 8);
	/* APM 4, XRSTOR: all behind XSTATE_BV must be zero. */
	if (given & ~mask || memcmp((const uint8_t *)area + 520, zero, 56))
		abort();
	/* What the image does not hold becomes initial: here, zero. */
	state_copy(state, zero, mask & ~given);
	state_copy(state, area, mask & given);
	if (mask & 6)
		memcpy(state + 24, (const uint8_t *)area + 24, 4);
	memcpy(state + 28, &mxcsr_mask, 4);
	in_use = (in_use & ~mask) | (given & mask);
	memcpy(state + 512, &in_use, 8);
}

uint8_t *extended_state(struct vcpu *v)
{
	return states[v->index];
}

void extended_use(struct vcpu *v)
{
	state = states[v->index];
}

void extended_fill(struct vcpu *v, uint64_t xfrm, uint64_t seed)
{
	static uint8_t image[PAGE_SIZE];
	uint32_t mxcsr = 0x1f80 | (uint32_t)(seed & 0x3f), mask = 0xffff;

	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		image[i] = (uint8_t)(seed >> (i % 8 * 8)) ^ (uint8_t)(i * 31);
	memset(states[v->index], 0, PAGE_SIZE);
	state_copy(states[v->index], image, xfrm);
	memcpy(states[v->index] + 24, &mxcsr, 4);
	memcpy(states[v->index] + 28, &mask, 4);
	memcpy(states[v->index] + 512, &xfrm, 8);
}

bool extended_equal(struct vcpu *v, const uint8_t *image, uint64_t xfrm)
{
	static uint8_t a[PAGE_SIZE], b[PAGE_SIZE];

	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	state_copy(a, states[v->index], xfrm);
	state_copy(b, image, xfrm);
	return memcmp(a, b, PAGE_SIZE) == 0 && memcmp(states[v->index] + 24, image + 24, 4) == 0 &&
	       memcmp(states[v->index] + 512, image + 512, 8) == 0;
}

static uint64_t random_state = 1;

void random_seed(uint64_t seed)
{
	random_state = seed * 2 + 1;
}

uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dULL;
}

/* --- The enclave --- */

void need_(bool ok, const char *file, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	exit(1);
}

void encls(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	static struct vcpu
		kernel; /* a processor of its own, so that an enclave may be running on others */
	struct outcome o;

	kernel = vcpus[0];
	kernel.enclave = NULL;
	kernel.index = MACHINE_VCPUS;
	kernel.regs.cr3 = machine_cr3();
	kernel.regs.rflags = 2;
	kernel.regs.cr0 = 0x80050033;
	kernel.regs.long_mode_code = true;
	o = machine_encls(&kernel, leaf, rbx, rcx, rdx);
	if (o.vector >= 0 || o.zf)
		fprintf(stderr, "ENCLS leaf %#x: vector %d error %#x code %lu\n", leaf, o.vector,
			o.error, (unsigned long)o.rax);
	NEED(o.vector < 0 && !o.zf);
}

void run_machine(void)
{
	static const uint8_t secret[32] = "a secret that no one else knows";

	for (unsigned int i = 0; i < MACHINE_VCPUS; i++)
		vcpus[i].enclave = NULL;
	space_reset();
	enter_reset();
	scene_start();
	sgx_set_root_secret(secret);
	components_find();
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++) {
		machine_user(&vcpus[i]);
		vcpus[i].regs.gpr[REG_RSP] = USER_STACK;
		vcpus[i].regs.gpr[REG_RBP] = USER_STACK + 0x100;
		vcpus[i].regs.fs_base = 0x1234000;
		vcpus[i].regs.gs_base = 0x5678000;
		vcpus[i].regs.dr7 = 0x401;
		extended_fill(&vcpus[i], 3, 0x1111 * (i + 1));
	}
	extended_use(&vcpus[0]);
	for (unsigned int i = 0; i < 4; i++)
		machine_map(USER_BUFFER + i * PAGE_SIZE, machine_page(), USER_RW);
	run.v = &vcpus[0];
}

void run_map(unsigned int page, uint64_t flags)
{
	machine_map(AT(page), MACHINE_EPC + page * PAGE_SIZE, flags);
}

static void add_tcs(unsigned int page, unsigned int ssa)
{
	struct tcs *tcs = (struct tcs *)(void *)scene.source;

	memset(scene.source, 0, PAGE_SIZE);
	tcs->ossa = AT(ssa) - ENCLAVE_BASE;
	tcs->nssa = 2;
	tcs->oentry = AT(P_CODE) - ENCLAVE_BASE + 0x40;
	tcs->ofs_base = AT(P_DATA) - ENCLAVE_BASE;
	tcs->ogs_base = AT(P_DATA2) - ENCLAVE_BASE;
	tcs->fs_limit = tcs->gs_limit = 0xfff;
	must_eadd(P_SECS, page, AT(page) - ENCLAVE_BASE, (uint64_t)PT_TCS << SECINFO_TYPE_SHIFT);
	memset(scene.source, 0, PAGE_SIZE);
}

static void secs_source(const struct options *o)
{
	struct secs *secs = scene.secs_source;

	memset(secs, 0, sizeof(*secs));
	secs->size = 0x20000;
	secs->base = ENCLAVE_BASE;
	secs->ssa_frame_size = 1;
	secs->miscselect = o->misc;
	secs->attributes.flags = ATTRIBUTE_MODE64BIT | o->flags;
	secs->attributes.xfrm = o->xfrm ? o->xfrm : 3;
	secs->config_id[0] = o->config_id;
	secs->config_svn = o->config_svn;
}

static void einit(const struct options *o)
{
	sigstruct_fill(scene.sig, epc_memory(P_SECS));
	if (o->flags & ATTRIBUTE_KSS) {
		memset(scene.sig->isv_family_id, 0x11, 16);
		memset(scene.sig->isv_ext_prod_id, 0x22, 16);
	}
	sigstruct_sign(scene.sig, o->signer);
	launch_signer(o->signer);
	memset(scene.token, 0, sizeof(*scene.token));
	encls(ENCLS_EINIT, scene.sig_at, epc(P_SECS), scene.token_at);
}

void run_start(const struct options *o)
{
	static const struct options standard;
	static const uint8_t regular[] = { P_DATA, P_DATA2, P_SSA, P_SSA2, P_SSA_B, P_SSA_B2 };

	o = o ? o : &standard;
	run_machine();
	secs_source(o);
	must_ecreate(P_SECS);
	add_tcs(P_TCS, P_SSA);
	add_tcs(P_TCS_B, P_SSA_B);
	if (!o->without_code)
		must_eadd(P_SECS, P_CODE, AT(P_CODE) - ENCLAVE_BASE, REG_RX);
	for (unsigned int i = 0; i < sizeof(regular); i++)
		must_eadd(P_SECS, regular[i], AT(regular[i]) - ENCLAVE_BASE, REG_RW);
	must_eadd(P_SECS, P_READ_ONLY, AT(P_READ_ONLY) - ENCLAVE_BASE, REG_R);
	must_epa(P_VA);
	if (!o->not_initialised)
		einit(o);
	for (unsigned int page = P_TCS; page <= P_READ_ONLY; page++)
		run_map(page, page == P_CODE ? PTE_P | PTE_U : USER_RW);
	if (o->debug_opt_in) {
		tcs_of(P_TCS)->flags |= TCS_DBGOPTIN;
		tcs_of(P_TCS_B)->flags |= TCS_DBGOPTIN;
	}
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++)
		machine_user(&vcpus[i]);
}

void run_other(void)
{
	struct options o = { 0 };

	secs_source(&o);
	must_ecreate(P_OTHER_SECS);
	memset(scene.source, 0xee, PAGE_SIZE);
	must_eadd(P_OTHER_SECS, P_OTHER_DATA, AT(P_DATA) - ENCLAVE_BASE, REG_RW);
	machine_user(&vcpus[0]);
}

void run_aug(void)
{
	*scene.info = (struct page_info){ .linear = AT(P_AUG), .secs = epc(P_SECS) };
	encls(ENCLS_EAUG, scene.info_at, epc(P_AUG), 0);
	run_map(P_AUG, USER_RW);
}

void put_page(unsigned int page, size_t offset, const void *from, size_t size)
{
	memcpy((uint8_t *)epc_memory(page) + offset, from, size);
}

struct gprsgx *gpr_of(unsigned int ssa_page)
{
	return (struct gprsgx *)(void *)((uint8_t *)epc_memory(ssa_page) + PAGE_SIZE -
					 sizeof(struct gprsgx));
}

struct tcs *tcs_of(unsigned int page)
{
	return epc_memory(page);
}

struct outcome enclu(struct vcpu *v, uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	extended_use(v);
	return machine_enclu(v, leaf, rbx, rcx, rdx);
}

void run_enter(struct vcpu *v, unsigned int tcs)
{
	struct outcome o;

	machine_user(v);
	o = enclu(v, ENCLU_EENTER, AT(tcs), AEP, 0);
	if (o.vector >= 0)
		fprintf(stderr, "EENTER: vector %d error %#x address %#lx\n", o.vector, o.error,
			(unsigned long)o.address);
	NEED(o.vector < 0 && v->enclave);
}

/* --- Rows --- */

struct snapshot {
	uint8_t epc[P_COUNT][PAGE_SIZE];
	struct epcm_entry epcm[MACHINE_EPC_SIZE / PAGE_SIZE];
};
static struct snapshot before, after;

static void snapshot_take(struct snapshot *s)
{
	memcpy(s->epc, epc_memory(0), sizeof(s->epc));
	memcpy(s->epcm, entry(0), sizeof(s->epcm));
	/* Tracking and the cache of tables are no contents of the SECS. */
	((struct secs *)(void *)s->epc[P_SECS])->run = 0;
	((struct secs *)(void *)s->epc[P_SECS])->threads = 0;
	((struct secs *)(void *)s->epc[P_SECS])->threads_previous = 0;
}

static bool as_expected(const struct outcome *o, int expected)
{
	switch (expected) {
	case GP:
		return o->vector == VECTOR_GP && !o->error;
	case PF:
		return o->vector == VECTOR_PF && !(o->error & PF_SGX) && (o->error & PF_USER);
	case PF_EPCM:
		return o->vector == VECTOR_PF && (o->error & (PF_SGX | PF_PRESENT | PF_USER)) ==
							 (PF_SGX | PF_PRESENT | PF_USER);
	case UD:
		return o->vector == VECTOR_UD;
	case NM:
		return o->vector == VECTOR_NM;
	default:
		break;
	}
	if (o->vector >= 0)
		return false;
	switch (run.leaf) {
	case ENCLU_EGETKEY:
	case ENCLU_EACCEPT:
	case ENCLU_EACCEPTCOPY:
		return o->rax == (uint64_t)expected && o->zf == (expected != OK) && !o->cf;
	default:
		return expected == OK;
	}
}

/* After a fault inside: Linux sees the exit. */
static const char *exit_check(const struct outcome *o, uint64_t rip, unsigned int tcs)
{
	const struct guest_regs *g = &run.v->regs;
	const struct gprsgx *saved = gpr_of(tcs == P_TCS ? P_SSA : P_SSA_B);

	if (run.v->enclave)
		return "still inside";
	if (g->rip != AEP || g->gpr[REG_RAX] != ENCLU_ERESUME || g->gpr[REG_RBX] != AT(tcs) ||
	    g->gpr[REG_RCX] != AEP)
		return "not an exit's registers";
	if (g->gpr[REG_RSP] != USER_STACK || g->gpr[REG_RBP] != USER_STACK + 0x100)
		return "not Linux's stack";
	if (saved->rip != rip || saved->gpr[REG_RAX] != run.leaf)
		return "not the instruction in the SSA";
	if (o->vector == VECTOR_PF && (o->address & (PAGE_SIZE - 1)))
		return "the whole address of a page fault";
	if (tcs_of(tcs)->state != TCS_INACTIVE || tcs_of(tcs)->cssa != 1)
		return "the TCS";
	return NULL;
}

static bool changed(unsigned int except1, unsigned int except2)
{
	for (unsigned int i = 0; i < P_COUNT; i++)
		if (i != except1 && i != except2 &&
		    memcmp(before.epc[i], after.epc[i], PAGE_SIZE) != 0)
			return true;
	return memcmp(before.epcm, after.epcm, sizeof(before.epcm)) != 0;
}

void row_run(const char *leaf, const char *name, int expected)
{
	bool inside = run.v->enclave != NULL;
	uint64_t rip = run.v->regs.rip;
	unsigned int tcs = inside && run.v->enclave->tcs_linear == AT(P_TCS_B) ? P_TCS_B : P_TCS;
	const char *wrong = NULL;
	struct outcome o;

	snapshot_take(&before);
	o = run.outcome = enclu(run.v, run.leaf, run.rbx, run.rcx, run.rdx);
	snapshot_take(&after);
	if (!as_expected(&o, expected))
		wrong = "another outcome";
	else if (o.vector >= 0 && inside)
		wrong = exit_check(&o, rip, tcs);
	else if (o.vector >= 0 && (run.v->enclave || o.moved))
		wrong = "RIP moved, or inside";
	else if (o.vector < 0 && !o.moved)
		wrong = "RIP did not move";
	if (!wrong && expected != OK &&
	    (o.vector >= 0 && inside ? changed(tcs, tcs == P_TCS ? P_SSA : P_SSA_B)
				     : changed(0, 0)))
		wrong = "something changed";
	if (!wrong)
		wrong = epcm_check();
	if (!wrong)
		wrong = space_check();
	if (!wrong)
		wrong = owner_check();
	if (wrong) {
		fprintf(stderr, "%s, %s: %s: vector %d error %#x address %#lx, code %lu\n", leaf,
			name, wrong, o.vector, o.error, (unsigned long)o.address,
			(unsigned long)o.rax);
		case_failed(__FILE__, __LINE__, wrong);
	} else {
		passed++;
	}
}

int rows_end(void)
{
	if (!rows_table)
		printf("%u rows as expected\n", passed);
	return cases_end();
}
