/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processors remember of Linux's tables must never show: whatever changed since the last entry, one
 * that entered before (and remembers) and one that never did must end the same way. And what a
 * space holds must be dropped at the next entry when any entry that led there, or the owner of a
 * page on the way, changed.
 */
#include "hypervisor/tests/checks/checks.h"
#include "hypervisor/tests/enclaves/run_scene.h"

#include "lib/base/string.h"

#include <stdio.h>

#define LEVELS 4
static struct vcpu *const warm = &vcpus[0], *const cold = &vcpus[1];
static unsigned int checked;

/* Linux's entries for an address, top down. */
static void entries_of(uint64_t linear, uint64_t *ret_entries[LEVELS])
{
	uint64_t table = machine_cr3();

	for (unsigned int i = 0; i < LEVELS; i++) {
		ret_entries[i] = (uint64_t *)physical(table) + (linear >> (39 - 9 * i)) % 512;
		table = *ret_entries[i] & PTE_ADDRESS;
	}
}

/* An enclave that the warm processor has entered and left twice. */
static void prepare(void)
{
	run_start(NULL);
	for (unsigned int i = 0; i < 2; i++) {
		run_enter(warm, P_TCS);
		NEED(enclu(warm, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	}
	machine_user(cold);
}

static struct outcome enter(struct vcpu *v)
{
	struct outcome o = enclu(v, ENCLU_EENTER, AT(P_TCS), AEP, 0);

	if (o.vector < 0)
		NEED(enclu(v, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	machine_user(v);
	return o;
}

static void same(const struct outcome *a, const struct outcome *b, const char *what)
{
	if (a->vector == b->vector && a->error == b->error && a->address == b->address) {
		checked++;
		return;
	}
	fprintf(stderr, "%s: warm %d %#x %#lx, cold %d %#x %#lx\n", what, a->vector, a->error,
		(unsigned long)a->address, b->vector, b->error, (unsigned long)b->address);
	NEED(false);
}

/* Every bit that means something, in every entry on the way to the TCS and to the SSA. */
static void test_entry_bits(void)
{
	static const uint8_t bits[] = { 0, 1, 2, 5, 6, 7, 12, 13, 51, 59, 63 };
	const uint64_t pages[] = { AT(P_TCS), AT(P_SSA) };
	uint64_t *entries[LEVELS], before[LEVELS];
	unsigned int refused = 0;
	char what[64];

	for (unsigned int p = 0; p < 2; p++) {
		for (unsigned int i = 0; i < LEVELS * sizeof(bits); i++) {
			unsigned int level = i % LEVELS, bit = bits[i / LEVELS];
			struct outcome a, b;

			prepare();
			entries_of(pages[p], entries);
			for (unsigned int l = 0; l < LEVELS; l++)
				before[l] = *entries[l];
			*entries[level] ^= 1ULL << bit;
			a = enter(warm);
			for (unsigned int l = 0; l < LEVELS; l++)
				*entries[l] = before[l];
			*entries[level] ^= 1ULL << bit;
			b = enter(cold);
			snprintf(what, sizeof(what), "page %u level %u bit %u", p, level, bit);
			same(&a, &b, what);
			refused += a.vector >= 0;
		}
	}
	NEED(refused > 20);
}

/* An entry leads to memory that is not Linux's, where everything is as before. */
static void test_owners(void)
{
	const uint64_t pages[] = { AT(P_TCS), AT(P_SSA) };
	uint64_t *entries[LEVELS], before;

	for (unsigned int p = 0; p < 2; p++) {
		for (unsigned int level = 0; level < LEVELS; level++) {
			struct outcome a, b;
			void *own;

			prepare();
			own = pool_page();
			entries_of(pages[p], entries);
			before = *entries[level];
			memcpy(own, physical(before & PTE_ADDRESS), PAGE_SIZE);
			*entries[level] = (before & ~PTE_ADDRESS) | pool_physical(own);
			a = enter(warm);
			b = enter(cold);
			same(&a, &b, "a table that is not Linux's");
			NEED(a.vector == VECTOR_PF);
			*entries[level] = before;
			NEED(enter(warm).vector < 0);
		}
	}
}

/* Modes of the processor that decide what an entry means; another space; a protection key. */
static void test_modes(void)
{
	uint64_t *entries[LEVELS], other;
	struct outcome a, b;

	prepare();
	entries_of(AT(P_SSA), entries);
	*entries[LEVELS - 1] |= PTE_NX;
	NEED(enter(warm).vector < 0 && enter(warm).vector < 0);
	warm->regs.efer &= ~(1ULL << 11); /* NXE: the bit is reserved now */
	cold->regs.efer = warm->regs.efer;
	a = enter(warm);
	b = enter(cold);
	same(&a, &b, "EFER.NXE");
	NEED(a.vector == VECTOR_PF);

	prepare();
	other = machine_page();
	memcpy(physical(other), physical(machine_cr3()), PAGE_SIZE / 2); /* no kernel */
	warm->regs.cr3 = other;
	NEED(enter(warm).vector < 0);
	memset(physical(other), 0, PAGE_SIZE);
	a = enter(warm);
	cold->regs.cr3 = other;
	b = enter(cold);
	same(&a, &b, "another address space");
	NEED(a.vector == VECTOR_PF);

	/* A protection key that is locked only later. */
	prepare();
	entries_of(AT(P_SSA), entries);
	*entries[LEVELS - 1] |= 2ULL << 59;
	warm->regs.cr4 |= 1ULL << 22; /* PKE */
	cold->regs.cr4 = warm->regs.cr4;
	NEED(enter(warm).vector < 0 && enter(warm).vector < 0);
	machine_pkru = 1U << 4;
	a = enter(warm);
	b = enter(cold);
	machine_pkru = 0;
	same(&a, &b, "protection key");
	NEED(a.vector == VECTOR_PF && a.error & PF_KEY);

	/* Read once with and once without its accessed and dirty bits: they are set again. */
	prepare();
	entries_of(AT(P_SSA), entries);
	*entries[LEVELS - 1] &= ~(PTE_A | PTE_D);
	NEED(enter(warm).vector < 0);
	NEED((*entries[LEVELS - 1] & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
}

static bool has(uint64_t linear)
{
	return space_leaf(warm->enclave->space, linear) != 0;
}

static void touch(uint64_t linear)
{
	NEED(sgx_page_fault(warm, linear, PF_USER | PF_WRITE) && warm->enclave && has(linear));
}

static void leave_and_enter(void)
{
	NEED(enclu(warm, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	run_enter(warm, P_TCS);
}

/* A mapping goes when anything on the way to it changed, and stays when nothing did. */
static void test_space(void)
{
	uint64_t *entries[LEVELS], before, table;

	for (unsigned int level = 0; level < LEVELS; level++) {
		prepare();
		run_enter(warm, P_TCS);
		touch(USER_BUFFER);
		touch(USER_BUFFER + PAGE_SIZE);
		leave_and_enter();
		leave_and_enter();
		NEED(has(USER_BUFFER) && has(USER_BUFFER + PAGE_SIZE));
		/* The same pages by another table: nothing changed for the enclave, but one entry. */
		entries_of(USER_BUFFER, entries);
		before = *entries[level];
		if (level + 1 < LEVELS) {
			table = machine_page();
			memcpy(physical(table), physical(before & PTE_ADDRESS), PAGE_SIZE);
			*entries[level] = (before & ~PTE_ADDRESS) | table;
			leave_and_enter();
			NEED(has(USER_BUFFER) && has(USER_BUFFER + PAGE_SIZE));
			/* Then the entry that is no longer on the way, which changes nothing, and the one that is. */
			*entries[LEVELS - 1] ^= level + 2 == LEVELS ? PTE_W : 0;
			leave_and_enter();
			NEED(has(USER_BUFFER));
			*entries[level] = 0;
		} else {
			*entries[level] &= ~PTE_P;
		}
		if (level >= 2) { /* above, the TCS itself would be gone */
			leave_and_enter();
			NEED(!has(USER_BUFFER) &&
			     (level == LEVELS - 1) == has(USER_BUFFER + PAGE_SIZE));
		}
		NEED(!space_check());
	}
	prepare();
	run_enter(warm, P_TCS);
	touch(USER_BUFFER);
	leave_and_enter();
	entries_of(USER_BUFFER, entries);
	*entries[LEVELS - 1] = (*entries[LEVELS - 1] & ~PTE_ADDRESS) | MACHINE_OWN;
	leave_and_enter();
	NEED(!has(USER_BUFFER));
}

/* A page of the enclave that went and came again elsewhere, while Linux's entry changed and changed back. */
static void test_moved(void)
{
	uint64_t *entries[LEVELS], before;

	prepare();
	run_enter(warm, P_TCS);
	touch(USER_BUFFER);
	leave_and_enter();
	entries_of(USER_BUFFER, entries);
	before = *entries[LEVELS - 1];
	*entries[LEVELS - 1] = (before & ~PTE_ADDRESS) | machine_page();
	NEED(sgx_page_fault(warm, USER_BUFFER, PF_USER | PF_WRITE));
	NEED((space_leaf(warm->enclave->space, USER_BUFFER) & LEAF_ADDRESS) !=
	     (before & PTE_ADDRESS));
	*entries[LEVELS - 1] = before;
	leave_and_enter();
	NEED(!has(USER_BUFFER));
}

/* Code that was read is read anew where its mapping, or the space, is another. */
static void test_code(void)
{
	uint8_t bytes[FETCH_MAX];
	uint64_t *entries[LEVELS];

	prepare();
	memset(epc_memory(P_CODE), 0x90, PAGE_SIZE);
	run_enter(warm, P_TCS);
	NEED(sgx_page_fault(warm, AT(P_CODE), PF_USER | PF_FETCH));
	for (unsigned int i = 0; i < 2; i++)
		NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == FETCH_MAX &&
		     bytes[FETCH_MAX - 1] == 0x90);
	NEED(sgx_read_code(warm, AT(P_CODE) + PAGE_SIZE - 3, bytes, 3) == 3);
	NEED(sgx_read_code(warm, AT(P_CODE) + PAGE_SIZE - 3, bytes, FETCH_MAX) == 3);
	/* Linux takes the right to execute, and gives it back. */
	entries_of(AT(P_CODE), entries);
	*entries[LEVELS - 1] |= PTE_NX;
	leave_and_enter();
	NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == 0);
	*entries[LEVELS - 1] &= ~PTE_NX;
	leave_and_enter();
	NEED(sgx_page_fault(warm, AT(P_CODE), PF_USER | PF_FETCH));
	NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == FETCH_MAX);
	/* The EPCM takes the page, while the enclave runs. */
	enclave_forget_page(entry(P_CODE));
	NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == 0);
	NEED(sgx_page_fault(warm, AT(P_CODE), PF_USER | PF_FETCH));
	NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == FETCH_MAX);
	leave_and_enter();
	NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == FETCH_MAX);
	/* Another address space of Linux's: nothing is mapped there yet. */
	NEED(enclu(warm, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	warm->regs.cr3 = machine_page();
	memcpy(physical(warm->regs.cr3), physical(machine_cr3()), PAGE_SIZE);
	run_enter(warm, P_TCS);
	NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == 0);
	/* The space's tables were freed: nothing is to be believed that is still to be read there. */
	prepare();
	run_enter(warm, P_TCS);
	NEED(sgx_page_fault(warm, AT(P_CODE), PF_USER | PF_FETCH));
	NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == FETCH_MAX);
	NEED(enclu(warm, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
	space_reset();
	run_enter(warm, P_TCS);
	NEED(sgx_read_code(warm, AT(P_CODE), bytes, FETCH_MAX) == 0);
}

int main(void)
{
	test_entry_bits();
	test_owners();
	test_modes();
	test_space();
	test_moved();
	test_code();
	printf("%u changes seen alike\n", checked);
	return 0;
}
