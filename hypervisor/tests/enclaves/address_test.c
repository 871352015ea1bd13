/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page faults in an enclave: what is mapped, what goes to Linux and how. Linux may remap, alias,
 * unmap and restrict at will; the enclave gets its own page at its own address, or Linux's memory
 * without code, or a fault. --table prints the rows.
 */
#include "hypervisor/tests/enclaves/run_scene.h"

#include "lib/base/string.h"

#include <stdio.h>

static const char *leaf_name = "access in an enclave";
enum { READ = PF_USER, WRITE = PF_USER | PF_WRITE, FETCH = PF_USER | PF_FETCH };
static uint64_t at; /* the access */
static uint32_t access;
static unsigned int checked;

static void prepare(void)
{
	run_start(&(struct options){ .misc = MISC_EXINFO });
	run_enter(run.v, P_TCS);
	at = AT(P_DATA) + 0x123;
	access = READ;
}

/*
 * expected: OK: mapped, and Linux is not asked. Else the fault that Linux gets, and the enclave's
 * exit.
 */
static void fault_run(const char *name, int expected, uint32_t error)
{
	struct vcpu *v = run.v;
	uint64_t rip = AT(P_CODE) + 0x77, page = at & ~(PAGE_SIZE - 1);
	bool went_on;
	const char *wrong = NULL;

	v->regs.rip = rip;
	v->inject = false;
	went_on = sgx_page_fault(v, at, access);
	if (went_on != (expected == OK) || went_on != !v->inject || went_on != (v->enclave != NULL))
		wrong = "another outcome";
	else if (expected == OK && !(space_leaf(v->enclave->space, at) & LEAF_PRESENT))
		wrong = "not mapped";
	else if (expected == GP && (v->vector != VECTOR_GP || v->error))
		wrong = "not #GP(0)";
	else if ((expected == PF || expected == PF_EPCM) &&
		 (v->vector != VECTOR_PF || v->error != error || v->regs.cr2 != page ||
		  !(error & PF_SGX) != (expected == PF)))
		wrong = "not this #PF";
	else if (expected != OK && (v->regs.rip != AEP || gpr_of(P_SSA)->rip != rip))
		wrong = "not an exit";
	else if (expected == PF || expected == PF_EPCM) {
		struct exinfo *x = (struct exinfo *)(void *)((uint8_t *)gpr_of(P_SSA) - sizeof(*x));

		if (gpr_of(P_SSA)->exit_info != 0x8000030e || x->maddr != at || x->error != error)
			wrong = "EXINFO";
	}
	if (!wrong)
		wrong = space_check();
	if (!wrong)
		wrong = owner_check();
	checked++;
	if (!wrong)
		return;
	fprintf(stderr, "%s: %s: %s: vector %d error %#x address %#lx\n", leaf_name, name, wrong,
		v->inject ? v->vector : -1, v->error, (unsigned long)v->regs.cr2);
	case_failed(__FILE__, __LINE__, wrong);
}

#define FAULT_THEN(name, expected, code, setup, after)        \
	do {                                                  \
		if (case_wanted(leaf_name, name, expected)) { \
			prepare();                            \
			setup;                                \
			fault_run(name, expected, code);      \
			after;                                \
		}                                             \
	} while (0)
#define FAULT(name, expected, code, setup) FAULT_THEN(name, expected, code, setup, )
#define LEAF (space_leaf(run.v->enclave->space, at))
#define NOT_PRESENT(a) (PF_USER | (a))
#define BY_LINUX(a) (PF_PRESENT | PF_USER | (a))
#define BY_EPCM(a) (PF_PRESENT | PF_USER | PF_SGX | (a))

static void test_own(void)
{
	FAULT_THEN("read of its page", OK, 0, ,
		   EXPECT((LEAF & LEAF_NO_EXEC) && !(LEAF & LEAF_WRITE)));
	FAULT_THEN("write to its page", OK, 0, access = WRITE, {
		EXPECT((LEAF & (LEAF_WRITE | LEAF_NO_EXEC)) == (LEAF_WRITE | LEAF_NO_EXEC));
		EXPECT((*machine_pte(at) & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	});
	FAULT_THEN("read sets accessed, not dirty", OK, 0, ,
		   EXPECT((*machine_pte(at) & (PTE_A | PTE_D)) == PTE_A));
	FAULT_THEN("fetch of its code", OK, 0, (at = AT(P_CODE), access = FETCH),
		   EXPECT(!(LEAF & (LEAF_NO_EXEC | LEAF_WRITE))));
	FAULT("Linux unmapped it: read", PF, NOT_PRESENT(0), machine_unmap(at));
	FAULT("Linux unmapped it: write", PF, NOT_PRESENT(PF_WRITE),
	      (machine_unmap(at), access = WRITE));
	FAULT("Linux unmapped its code", PF, NOT_PRESENT(PF_FETCH),
	      (at = AT(P_CODE), machine_unmap(at), access = FETCH));
	FAULT("Linux made it read only: write", PF, BY_LINUX(PF_WRITE),
	      (run_map(P_DATA, PTE_P | PTE_U | PTE_NX), access = WRITE));
	FAULT("Linux made it read only: read", OK, 0, run_map(P_DATA, PTE_P | PTE_U | PTE_NX));
	FAULT("Linux made its code not executable", PF, BY_LINUX(PF_FETCH),
	      (at = AT(P_CODE), run_map(P_CODE, PTE_P | PTE_U | PTE_NX), access = FETCH));
	FAULT("Linux made it the kernel's", PF, BY_LINUX(0),
	      run_map(P_DATA, PTE_P | PTE_W | PTE_NX));
	FAULT("EPCM: write to a read-only page", PF_EPCM, BY_EPCM(PF_WRITE),
	      (at = AT(P_READ_ONLY), access = WRITE));
	FAULT("EPCM: write to code, which Linux mapped writable", PF_EPCM, BY_EPCM(PF_WRITE),
	      (at = AT(P_CODE), run_map(P_CODE, PTE_P | PTE_U | PTE_W), access = WRITE));
	FAULT("EPCM: fetch of data, which Linux mapped executable", PF_EPCM, BY_EPCM(PF_FETCH),
	      (run_map(P_DATA, PTE_P | PTE_U | PTE_W), access = FETCH));
	FAULT_THEN("read of a read-only page that Linux mapped writable: not writable", OK, 0,
		   (at = AT(P_READ_ONLY), *machine_pte(at) |= PTE_D), EXPECT(!(LEAF & LEAF_WRITE)));
	FAULT("EPCM: a page without R", PF_EPCM, BY_EPCM(0), entry(P_DATA)->rights = 0);
	FAULT("TCS", PF_EPCM, BY_EPCM(0), at = AT(P_TCS));
	FAULT("TCS, write", PF_EPCM, BY_EPCM(PF_WRITE), (at = AT(P_TCS), access = WRITE));
	FAULT("page of EAUG, not accepted", PF_EPCM, BY_EPCM(PF_WRITE),
	      (run_aug(), at = AT(P_AUG), access = WRITE));
	FAULT("page modified by Linux, not accepted", PF_EPCM, BY_EPCM(0),
	      entry(P_DATA)->modified = true);
	FAULT("trimmed page", PF_EPCM, BY_EPCM(0), entry(P_DATA)->type = PT_TRIM);
	FAULT("blocked page", PF_EPCM, BY_EPCM(0), encls(ENCLS_EBLOCK, 0, epc(P_DATA), 0));
	FAULT("not valid page", PF_EPCM, BY_EPCM(0),
	      (machine_map(at, MACHINE_EPC + P_FREE * PAGE_SIZE, USER_RW)));
	FAULT("Linux mapped another of its pages there", PF_EPCM, BY_EPCM(0),
	      (machine_map(at, MACHINE_EPC + P_DATA2 * PAGE_SIZE, USER_RW)));
	FAULT("Linux mapped another enclave's page there", PF_EPCM, BY_EPCM(0),
	      (run_other(), machine_map(at, MACHINE_EPC + P_OTHER_DATA * PAGE_SIZE, USER_RW)));
	FAULT("Linux mapped its SECS there", PF_EPCM, BY_EPCM(0),
	      (machine_map(at, MACHINE_EPC, USER_RW)));
	FAULT("Linux mapped a VA page there", PF_EPCM, BY_EPCM(0),
	      (machine_map(at, MACHINE_EPC + P_VA * PAGE_SIZE, USER_RW)));
	FAULT("Linux mapped its own memory there", PF_EPCM, BY_EPCM(PF_WRITE),
	      (machine_map(at, machine_page(), USER_RW), access = WRITE));
	FAULT("Linux mapped the hypervisor's memory there", PF_EPCM, BY_EPCM(0),
	      (machine_map(at, MACHINE_OWN, USER_RW)));
	FAULT("page table with reserved bits", PF, BY_LINUX(PF_RESERVED),
	      *machine_pte(at) |= 1ULL << 51);
}

static void test_outside(void)
{
	FAULT_THEN("outside ELRANGE: read of Linux's memory", OK, 0, at = USER_BUFFER + 8,
		   EXPECT((LEAF & LEAF_NO_EXEC) && !(LEAF & LEAF_WRITE)));
	FAULT_THEN("outside ELRANGE: write", OK, 0, (at = USER_BUFFER, access = WRITE),
		   EXPECT((LEAF & LEAF_WRITE) && (*machine_pte(at) & PTE_D)));
	FAULT("outside ELRANGE: fetch", GP, 0,
	      (at = USER_BUFFER, *machine_pte(at) &= ~PTE_NX, access = FETCH));
	FAULT("outside ELRANGE: fetch, not mapped", GP, 0, (at = 0x100000, access = FETCH));
	FAULT_THEN("outside ELRANGE: executable for Linux, not for the enclave", OK, 0,
		   (at = USER_BUFFER, *machine_pte(at) &= ~PTE_NX), EXPECT(LEAF & LEAF_NO_EXEC));
	FAULT("outside ELRANGE: not mapped", PF, NOT_PRESENT(PF_WRITE),
	      (at = 0x100000, access = WRITE));
	FAULT("outside ELRANGE: read only", PF, BY_LINUX(PF_WRITE),
	      (at = USER_BUFFER, *machine_pte(at) &= ~PTE_W, access = WRITE));
	FAULT("outside ELRANGE: the kernel's memory", PF, BY_LINUX(0),
	      at = MACHINE_KERNEL + 0x2000);
	FAULT_THEN("outside ELRANGE: read of EPC, all ones", OK, 0,
		   (machine_map(USER_BUFFER, MACHINE_EPC + P_DATA * PAGE_SIZE, USER_RW),
		    at = USER_BUFFER),
		   {
			   const uint64_t *ones = pool_virtual(LEAF & LEAF_ADDRESS);

			   EXPECT(ones && ones[0] == ~0ULL && ones[511] == ~0ULL &&
				  !(LEAF & LEAF_WRITE));
		   });
	FAULT("outside ELRANGE: write to EPC", PF_EPCM, BY_EPCM(PF_WRITE),
	      (machine_map(USER_BUFFER, MACHINE_EPC + P_DATA * PAGE_SIZE, USER_RW),
	       at = USER_BUFFER, access = WRITE));
	FAULT("outside ELRANGE: another enclave's EPC, write", PF_EPCM, BY_EPCM(PF_WRITE),
	      (run_other(),
	       machine_map(USER_BUFFER, MACHINE_EPC + P_OTHER_DATA * PAGE_SIZE, USER_RW),
	       at = USER_BUFFER, access = WRITE));
	FAULT("outside ELRANGE: the hypervisor's memory", GP, 0,
	      (machine_map(USER_BUFFER, MACHINE_OWN, USER_RW), at = USER_BUFFER));
	FAULT("outside ELRANGE: beyond all memory", GP, 0,
	      (machine_map(USER_BUFFER, 1ULL << 40, USER_RW), at = USER_BUFFER,
	       guest_memory_init(48, true)));
}

/* What a page table entry of Linux's that changes means for a mapping that an enclave has. */
static void touch(uint64_t address, uint32_t kind)
{
	NEED(sgx_page_fault(run.v, address, kind) && run.v->enclave);
}

static bool has(uint64_t address)
{
	return space_leaf(run.v->enclave->space, address) != 0;
}

static void again(void)
{
	sgx_aex(run.v, 0, 0, 0, false);
	NEED(enclu(run.v, ENCLU_ERESUME, AT(P_TCS), AEP, 0).vector < 0);
}

/* 2 MiB of Linux's, not the first page of it, with PAT. */
static void large_page(void)
{
	uint64_t linear = 0x40000000UL, table, *entry;

	machine_map(linear, 0x2000, USER_RW);
	table = machine_cr3();
	for (int level = 4; level > 2; level--) {
		entry = (uint64_t *)physical(table) + (linear >> (12 + 9 * (level - 1)) & 511);
		table = *entry & PTE_ADDRESS;
	}
	entry = (uint64_t *)physical(table) + (linear >> 21 & 511);
	*entry = 0x200000 | 1ULL << 12 | PTE_PS | USER_RW;
	touch(linear + 5 * PAGE_SIZE, WRITE);
	NEED((space_leaf(run.v->enclave->space, linear + 5 * PAGE_SIZE) &
	      (LEAF_ADDRESS | LEAF_CACHE)) == (0x205000UL | LEAF_LARGE));
	NEED(has(linear + 5 * PAGE_SIZE) && !has(linear));
	again();
	NEED(has(linear + 5 * PAGE_SIZE));
	*entry &= ~(1ULL << 12);
	again();
	NEED(!has(linear + 5 * PAGE_SIZE));
}

static void test_renewal(void)
{
	prepare();
	touch(AT(P_DATA), WRITE);
	touch(AT(P_DATA2), READ);
	touch(AT(P_CODE), FETCH);
	touch(USER_BUFFER, WRITE);
	touch(USER_BUFFER + PAGE_SIZE, READ);
	again();
	NEED(has(AT(P_DATA)) && has(AT(P_DATA2)) && has(AT(P_CODE)) && has(USER_BUFFER) &&
	     has(USER_BUFFER + PAGE_SIZE));
	/* Each change of Linux's drops what it touches, and nothing else. */
	machine_unmap(AT(P_DATA));
	again();
	NEED(!has(AT(P_DATA)) && has(AT(P_DATA2)));
	*machine_pte(USER_BUFFER) &= ~PTE_W;
	again();
	NEED(!has(USER_BUFFER) && has(USER_BUFFER + PAGE_SIZE));
	*machine_pte(USER_BUFFER) |= PTE_W;
	touch(USER_BUFFER, WRITE);
	*machine_pte(USER_BUFFER) &= ~PTE_D; /* written back: the next write must be seen */
	again();
	NEED(!has(USER_BUFFER));
	*machine_pte(AT(P_DATA2)) &= ~PTE_A; /* the reclaimer's clock */
	again();
	NEED(!has(AT(P_DATA2)) && !(*machine_pte(AT(P_DATA2)) & PTE_A));
	machine_map(USER_BUFFER + PAGE_SIZE, machine_page(), USER_RW | PTE_A);
	again();
	NEED(!has(USER_BUFFER + PAGE_SIZE));
	*machine_pte(AT(P_CODE)) |= PTE_NX;
	again();
	NEED(!has(AT(P_CODE)));
	/* So are the memory type and, for large pages, the part of it that is meant. */
	*machine_pte(USER_BUFFER + PAGE_SIZE) |= 1ULL << 4; /* PCD */
	touch(USER_BUFFER + PAGE_SIZE, READ);
	NEED((space_leaf(run.v->enclave->space, USER_BUFFER + PAGE_SIZE) & LEAF_CACHE) ==
	     1ULL << 4);
	*machine_pte(USER_BUFFER + PAGE_SIZE) &= ~(1ULL << 4);
	again();
	NEED(!has(USER_BUFFER + PAGE_SIZE));
	large_page();
	/* A protection key is the mapping's. */
	touch(USER_BUFFER + PAGE_SIZE, READ);
	*machine_pte(USER_BUFFER + PAGE_SIZE) |= 3ULL << 59;
	again();
	NEED(!has(USER_BUFFER + PAGE_SIZE));
	touch(USER_BUFFER + PAGE_SIZE, READ);
	NEED((space_leaf(run.v->enclave->space, USER_BUFFER + PAGE_SIZE) & LEAF_KEY) == 3ULL << 59);
	NEED(!sgx_page_fault(run.v, USER_BUFFER + PAGE_SIZE, READ | PF_PRESENT | PF_KEY));
	NEED(run.v->inject && run.v->error == (READ | PF_PRESENT | PF_KEY));
	run.v->inject = false;
}

/* What the EPCM takes away is gone at once, while the enclave runs. */
static void test_taken_away(void)
{
	struct npt *npt;

	prepare();
	npt = space_npt(run.v->enclave->space);
	touch(AT(P_DATA), WRITE);
	NEED(npt_lookup(npt, MACHINE_EPC + P_DATA * PAGE_SIZE) == (NPT_READ | NPT_WRITE));
	encls(ENCLS_EBLOCK, 0, epc(P_DATA), 0);
	NEED(!has(AT(P_DATA)) && !npt_lookup(npt, MACHINE_EPC + P_DATA * PAGE_SIZE) &&
	     !space_check());

	prepare();
	npt = space_npt(run.v->enclave->space);
	touch(AT(P_DATA), WRITE);
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = SECINFO_R;
	encls(ENCLS_EMODPR, scene.secinfo_at, epc(P_DATA), 0);
	NEED(!has(AT(P_DATA)) && !space_check());
	touch(AT(P_DATA), READ);
	NEED(npt_lookup(npt, MACHINE_EPC + P_DATA * PAGE_SIZE) == NPT_READ);
	NEED(!sgx_page_fault(run.v, AT(P_DATA), WRITE) && run.v->error == BY_EPCM(PF_WRITE));
	run.v->inject = false;

	prepare();
	touch(AT(P_DATA), WRITE);
	scene.secinfo->flags = (uint64_t)PT_TRIM << SECINFO_TYPE_SHIFT;
	encls(ENCLS_EMODT, scene.secinfo_at, epc(P_DATA), 0);
	NEED(!has(AT(P_DATA)) && !space_check());

	/* EMODPE: more, at the next fault. */
	prepare();
	touch(AT(P_READ_ONLY), READ);
	entry(P_READ_ONLY)->rights |= SECINFO_W;
	touch(AT(P_READ_ONLY), WRITE);
	NEED(space_leaf(run.v->enclave->space, AT(P_READ_ONLY)) & LEAF_WRITE);

	/*
	 * The whole enclave: its tables are freed with the SECS, and a new enclave in the same page
	 * begins with none.
	 */
	NEED(enclu(run.v, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	for (unsigned int page = P_TCS; page <= P_READ_ONLY; page++)
		encls(ENCLS_EREMOVE, 0, epc(page), 0);
	encls(ENCLS_EREMOVE, 0, epc(P_SECS), 0);
	NEED(!space_check() && !owner_check());
}

/* Nested tables that lost Linux's pages: all is found again. */
static void test_nested_fault(void)
{
	uint64_t page, code;
	uint8_t bytes[8] = { 0 };

	prepare();
	memcpy(epc_memory(P_CODE), "\x0f\x01\xd7\x90", 4);
	touch(AT(P_CODE), FETCH);
	touch(USER_BUFFER, READ);
	page = space_leaf(run.v->enclave->space, USER_BUFFER) & LEAF_ADDRESS;
	npt_unmap(space_npt(run.v->enclave->space), page);
	sgx_nested_fault(run.v);
	NEED(!has(AT(P_CODE)) && !has(USER_BUFFER));
	touch(USER_BUFFER, READ);
	NEED(npt_lookup(space_npt(run.v->enclave->space), page) == (NPT_READ | NPT_WRITE));
	/* The code under RIP, for arch's decoder: only code, only the enclave's. */
	touch(AT(P_CODE), FETCH);
	code = AT(P_CODE);
	NEED(sgx_read_code(run.v, code, bytes, 4) == 4 && bytes[2] == 0xd7);
	NEED(sgx_read_code(run.v, code + PAGE_SIZE - 2, bytes, 4) == 2);
	NEED(sgx_read_code(run.v, USER_BUFFER, bytes, 4) == 0);
	touch(AT(P_DATA), READ);
	NEED(sgx_read_code(run.v, AT(P_DATA), bytes, 4) == 0);
}

/* Another of Linux's address spaces enters: what one may see is not the other's. */
static void test_address_spaces(void)
{
	uint64_t other = machine_page(), first, root;
	struct vcpu *b = &vcpus[1];

	prepare();
	other = machine_page();
	memcpy(physical(other), physical(machine_cr3()), PAGE_SIZE);
	((uint64_t *)physical(other))[USER_BUFFER >> 39 & 511] =
		0; /* no user memory there, the enclave is elsewhere */
	touch(USER_BUFFER, READ);
	first = run.v->enclave->cr3;
	b->regs.cr3 = other | 0x7; /* with a PCID */
	run_enter(b, P_TCS_B);
	root = b->enclave->cr3;
	NEED(root != first && b->enclave->npt_root == run.v->enclave->npt_root &&
	     !space_leaf(b->enclave->space, USER_BUFFER));
	NEED(!sgx_page_fault(b, USER_BUFFER, READ) && b->vector == VECTOR_PF &&
	     b->regs.cr3 == (other | 7));
	b->inject = false;
}

/* More than its tables and lists hold: it goes on, all the same. */
static void test_much(void)
{
	size_t left;

	prepare();
	left = pool_left();
	for (unsigned int i = 0; i < 3000; i++) {
		uint64_t address = 0x10000000UL + (uint64_t)i * PAGE_SIZE;

		machine_map(address, 0x2000 + (uint64_t)(i % 64) * PAGE_SIZE, USER_RW);
		touch(address, READ);
	}
	NEED(!space_check() && has(0x10000000UL + 2999UL * PAGE_SIZE));
	again();
	/* Far apart: each wants tables of its own. */
	for (unsigned int i = 0; i < 400; i++) {
		uint64_t address = 0x200000000UL + ((uint64_t)i << 30);

		machine_map(address, 0x2000, USER_RW);
		touch(address, READ);
		NEED(has(address));
	}
	NEED(!space_check() && !owner_check());
	again();
	NEED(enclu(run.v, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	space_reset();
	enter_reset();
	NEED(pool_left() >= left);
}

/*
 * No page of the pool is left while two enclaves run: exits without a cause, nothing worse; then
 * all goes on.
 */
static void test_no_memory(void)
{
	static void *taken[8192];
	unsigned int count = 0;
	struct outcome o;

	prepare();
	touch(AT(P_DATA), READ);
	while (count < ARRAY_SIZE(taken) && (taken[count] = pool_page()))
		count++;
	NEED(!sgx_page_fault(run.v, 0x7f8000000000UL,
			     READ)); /* not mapped: Linux's fault as ever */
	run.v->inject = false;
	o = enclu(run.v, ENCLU_ERESUME, AT(P_TCS), AEP, 0);
	NEED(o.vector < 0);
	machine_map(0x300000000000UL, 0x2000, USER_RW);
	NEED(!sgx_page_fault(run.v, 0x300000000000UL, READ) && !run.v->inject && !run.v->enclave &&
	     run.v->regs.rip == AEP);
	NEED(!space_check());
	/*
	 * A processor that was never inside has no room for its state: #GP, and the TCS stays free.
	 */
	o = enclu(&vcpus[1], ENCLU_EENTER, AT(P_TCS_B), AEP, 0);
	NEED(o.vector == VECTOR_GP && tcs_of(P_TCS_B)->state == TCS_INACTIVE);
	while (count)
		pool_put(taken[--count]);
	NEED(enclu(run.v, ENCLU_ERESUME, AT(P_TCS), AEP, 0).vector < 0);
	touch(0x300000000000UL, READ);
}

int main(int argc, char **argv)
{
	cases_start(argc, argv);
	rows_table = argc > 1 && strcmp(argv[1], "--table") == 0;
	test_own();
	test_outside();
	if (rows_table)
		return 0;
	test_renewal();
	test_taken_away();
	test_nested_fault();
	test_address_spaces();
	test_much();
	test_no_memory();
	printf("%u page faults\n", checked);
	return cases_end();
}
