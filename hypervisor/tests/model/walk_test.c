/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_walk against a slow walker that was written from SDM 3A, 4.5-4.7 by itself, over random tables, modes and accesses: result, error code, and exactly
 * the accessed and dirty bits that a processor would set. Then tables that change under the walk, and the copies that rest on it.
 *
 *	walk_test [walks [seed]]	1,000,000 by default
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/core/vcpu.h"
#include "hypervisor/mem/owner.h"

#define RAM_PAGES 96UL
#define TABLES 24UL	      /* pages 0.. are tables */
#define EPC_PAGE 80UL	      /* .. and on: EPC; the last four: PROTECTED */
#define DEVICE_PAGE RAM_PAGES /* Linux's, but not RAM */

static uint8_t *ram;
static uint64_t rng_state = 88172645463325252ULL;
static unsigned long walks;

#define CHECK(c)                                                                                 \
	do {                                                                                     \
		if (!(c)) {                                                                      \
			fprintf(stderr, "%s:%d: walk %lu: not: %s\n", __FILE__, __LINE__, walks, \
				#c);                                                             \
			abort();                                                                 \
		}                                                                                \
	} while (0)

void panic(const char *format, ...)
{
	fputs(format, stderr);
	abort();
}

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dULL >> 8;
}

static uint64_t below(uint64_t n)
{
	return rng() % n;
}

static void (*interfere)(void);

void *physical(uint64_t address)
{
	if (interfere)
		interfere();
	return address < RAM_PAGES * PAGE_SIZE ? ram + address : NULL;
}

enum owner owner_of(uint64_t address)
{
	uint64_t page = address / PAGE_SIZE;

	if (page < EPC_PAGE || (page >= DEVICE_PAGE && page < 2 * DEVICE_PAGE))
		return OWNER_LINUX;
	return page < RAM_PAGES - 4 ? OWNER_EPC : OWNER_PROTECTED;
}

static uint32_t pkru;

uint32_t vcpu_pkru(void)
{
	return pkru;
}

/* --- The slow walker ----------------------------------------------------------------------------------------------------------- */

static unsigned int physical_bits = 52;
static bool gigabyte = true;

struct expectation {
	int result; /* 0, -EFAULT, -EINVAL, -EOPNOTSUPP */
	uint64_t physical;
	uint32_t error;
	uint64_t path[5]; /* addresses of the entries, root first */
	unsigned int depth;
};

static bool flag(uint64_t word, unsigned int n)
{
	return word >> n & 1;
}

static struct expectation slow_walk(const struct vcpu *v, uint64_t cr3, uint64_t linear,
				    uint32_t access)
{
	struct expectation x = { .result = -EFAULT };
	bool nxe = flag(v->regs.efer, 11), smep = flag(v->regs.cr4, 20),
	     smap = flag(v->regs.cr4, 21), five = flag(v->regs.cr4, 12);
	bool write = access & 2, user = access & 4, fetch = access & 16;
	bool writable = true, user_page = true, executable = true, reserved = false, leaf = false,
	     allowed, locked = false;
	unsigned int top = five ? 56 : 47;
	uint64_t base = cr3 / 4096 % (1ULL << 40) * 4096;

	if (!flag(v->regs.cr0, 31) || !flag(v->regs.efer, 10)) {
		x.result = -EOPNOTSUPP;
		return x;
	}
	for (unsigned int b = top; b < 64; b++) {
		if (flag(linear, b) != flag(linear, top)) {
			x.result = -EINVAL;
			return x;
		}
	}
	x.error = (write ? 2 : 0) + (user ? 4 : 0) + (fetch && (nxe || smep) ? 16 : 0);
	for (unsigned int size = five ? 48 : 39; !leaf; size -= 9) {
		uint64_t e = ~0ULL, at = base + (linear >> size) % 512 * 8;

		if (owner_of(base) == OWNER_LINUX && base < RAM_PAGES * PAGE_SIZE)
			memcpy(&e, ram + at, 8);
		else
			reserved = true;
		if (!flag(e, 0))
			return x;
		for (unsigned int b = physical_bits; b < 52; b++)
			reserved |= flag(e, b);
		reserved |= flag(e, 63) && !nxe;
		leaf = size == 12 || flag(e, 7);
		if (leaf && size > 12) {
			reserved |= size >= 39 || (size == 30 && !gigabyte);
			for (unsigned int b = 13; b < size && b < 52; b++)
				reserved |= flag(e, b);
		}
		if (reserved) {
			x.error |= 9;
			return x;
		}
		x.path[x.depth++] = at;
		writable &= flag(e, 1);
		user_page &= flag(e, 2);
		executable &= !flag(e, 63);
		base = e / 4096 % (1ULL << 40) * 4096;
		if (leaf && flag(v->regs.cr4, 22) && !fetch) {
			unsigned int key = (unsigned int)(e >> 59 & 15);

			locked = flag(pkru, 2 * key) || (write && flag(pkru, 2 * key + 1) &&
							 (user || flag(v->regs.cr0, 16)));
		}
		if (leaf)
			x.physical = (base >> size << size) + linear % (1ULL << size);
	}
	if (user)
		allowed = user_page && (!write || writable) && (!fetch || executable);
	else if (fetch)
		allowed = executable && !(user_page && smep) &&
			  (!write || writable || !flag(v->regs.cr0, 16));
	else
		allowed = (!user_page || !smap || (v->regs.cpl < 3 && flag(v->regs.rflags, 18))) &&
			  (!write || writable || !flag(v->regs.cr0, 16));
	locked = locked && user_page;
	x.error |= locked ? 33 : 1;
	x.result = allowed && !locked ? 0 : -EFAULT;
	return x;
}

/* --- Random tables ----------------------------------------------------------------------------------------------------------------- */

static uint64_t random_entry(void)
{
	uint64_t e = below(TABLES + 4) * PAGE_SIZE | (rng() & 0x62) | 5;

	if (below(3))
		e |= 2;
	if (below(40) == 0)
		e &= ~1ULL;
	if (below(16) == 0)
		e &= ~4ULL;
	if (below(6) == 0)
		e |= 0x80 | (below(2) ? below(64) << 21 : below(8) << 30);
	if (below(16) == 0)
		e |= 1ULL << 63;
	if (below(8) == 0)
		e |= below(16) << 59;
	if (below(24) == 0)
		e = (e & ~0x000ffffffffff000ULL) | below(RAM_PAGES + 8) * PAGE_SIZE;
	if (below(64) == 0)
		e |= 1ULL << below(64);
	if (below(200) == 0)
		e = rng() << 32 | rng();
	return e;
}

static void random_tables(void)
{
	uint64_t *entries = (uint64_t *)ram;

	for (unsigned int i = 0; i < TABLES * 512; i++)
		entries[i] = random_entry();
}

static uint64_t random_linear(void)
{
	uint64_t linear = rng() << 24 ^ rng();

	/* Few indices, so that entries are met again with their bits set. */
	linear &= 0xfff | 7ULL << 12 | 7ULL << 21 | 7ULL << 30 | 7ULL << 39 | 7ULL << 48;
	if (below(2))
		linear |= below(2) ? 0xffff800000000000 : 0xff00000000000000;
	if (below(64) == 0)
		linear ^= 1ULL << below(64);
	return linear;
}

static void random_mode(struct vcpu *v)
{
	v->regs.cr0 = 1ULL << 31 | (below(2) ? 1 << 16 : 0);
	v->regs.efer = 1 << 10 | (below(4) ? 1 << 11 : 0);
	v->regs.cr4 = (rng() & (1 << 12 | 1 << 20 | 1 << 21 | 1 << 22)) | (rng() & (1 << 17));
	/* Mostly key 0, which entries seldom differ from. */
	pkru = below(4) ? (uint32_t)(rng() & ~3ULL) : (uint32_t)rng();
	v->regs.rflags = below(2) ? 1 << 18 : 0;
	v->regs.cpl = below(2) ? 3 : 0;
	if (below(256) == 0)
		v->regs.cr0 = 0;
	if (below(256) == 0)
		v->regs.efer = 0;
	if (below(32) == 0) {
		physical_bits = (unsigned int)(36 + below(17));
		gigabyte = below(2);
		guest_memory_init(physical_bits, gigabyte);
	}
}

/* One bit: P, R/W, U/S, A, D, PS, an address bit, NX. */
static void entry_change(uint64_t at, uint8_t *before)
{
	static const uint8_t bits[] = { 0, 1, 2, 5, 6, 7, 12, 14, 63 };

	*(uint64_t *)(void *)(ram + at) ^= 1ULL << bits[below(sizeof(bits))];
	memcpy(before + at, ram + at, 8);
}

static void test_random(unsigned long count)
{
	static uint8_t before[TABLES * PAGE_SIZE];
	static struct vcpu v;
	unsigned long found = 0;
	uint64_t linear = 0, cr3 = 0;

	for (walks = 0; walks < count; walks++) {
		static const uint32_t accesses[] = { 0, 2, 4, 6, 16, 20 };
		uint32_t access = accesses[below(6)], error = 0xdead;
		uint64_t address = 0xdead;
		struct expectation x;
		int r;

		if (walks % 512 == 0) {
			random_tables();
			memcpy(before, ram, sizeof(before));
		}
		random_mode(&v);
		/* PCID and the bits above the address mean nothing to the walk. */
		if (below(4) == 0) {
			linear = random_linear();
			cr3 = (below(50) ? below(TABLES) : below(RAM_PAGES + 8)) * PAGE_SIZE |
			      below(4096) | below(8) << 61;
		} else if (below(4) == 0) {
			linear ^= below(3 * PAGE_SIZE);
		}
		x = slow_walk(&v, cr3, linear, access);
		r = guest_walk(&v, cr3, linear, access, &address, &error);
		CHECK(r == x.result && !v.inject);
		CHECK(r != -EFAULT || error == x.error);
		CHECK(r || address == x.physical);
		if (!r) {
			found++;
			for (unsigned int i = 0; i < x.depth; i++)
				before[x.path[i]] |= i + 1 == x.depth && access & 2 ? 0x60 : 0x20;
		}
		/* All of it at times, what is near always. */
		if (walks % 16 == 0)
			CHECK(!memcmp(before, ram, sizeof(before)));
		for (unsigned int i = 0; i < x.depth; i++)
			CHECK(!memcmp(before + x.path[i], ram + x.path[i], 8));
		/* Now and then one of the entries changes: what was remembered of it is worth nothing. */
		if (x.depth && below(4) == 0)
			entry_change(x.path[below(x.depth)], before);
	}
	CHECK(found > count / 20);
	printf("%lu walks, %lu translated\n", count, found);
}

/* --- A processor that writes tables while they are walked -------------------------------------------------------------------------- */

static uint64_t *victim, values[2];
static unsigned int writes, writes_left;

static void flip_victim(void)
{
	if (!writes_left)
		return;
	writes_left--;
	*victim = values[++writes % 2];
}

static uint64_t *set_entry(uint64_t table_page, unsigned int index, uint64_t value)
{
	uint64_t *entry = (uint64_t *)ram + table_page * 512 + index;

	*entry = value;
	return entry;
}

static void plain_mode(struct vcpu *v)
{
	memset(v, 0, sizeof(*v));
	v->regs.cr0 = 1ULL << 31 | 1 << 16;
	v->regs.efer = 1 << 10 | 1 << 11;
	v->regs.cr3 = 0;
	physical_bits = 52;
	gigabyte = true;
	guest_memory_init(52, true);
}

/* linear 0..511 pages: table 3, entries to pages from `first` on. */
static void plain_tables(void)
{
	memset(ram, 0, TABLES * PAGE_SIZE);
	set_entry(0, 0, 1 * PAGE_SIZE | 7);
	set_entry(0, 256, 1 * PAGE_SIZE | 7);
	set_entry(0, 511, 1 * PAGE_SIZE | 7);
	set_entry(1, 0, 2 * PAGE_SIZE | 7);
	set_entry(1, 511, 2 * PAGE_SIZE | 7);
	set_entry(2, 0, 3 * PAGE_SIZE | 7);
	set_entry(2, 511, 3 * PAGE_SIZE | 7);
}

static void test_interference(void)
{
	struct vcpu v;

	for (walks = 0; walks < 20000; walks++) {
		uint64_t address, old;
		uint32_t error = 0;
		int r;

		plain_mode(&v);
		plain_tables();
		values[0] = (30 + below(4)) * PAGE_SIZE | 7;
		values[1] = below(2) ? (30 + below(4)) * PAGE_SIZE | 5 : 0;
		victim = set_entry(3, 7, values[0]);
		if (below(2)) {
			/* The table itself is exchanged. */
			victim = (uint64_t *)ram + 2 * 512;
			values[0] = 3 * PAGE_SIZE | 7;
			values[1] = 4 * PAGE_SIZE | 7;
			set_entry(4, 7, 40 * PAGE_SIZE | 7);
			set_entry(3, 7, 41 * PAGE_SIZE | 7);
		}
		writes = 0;
		writes_left = (unsigned int)below(below(4) ? 12 : 200);
		interfere = flip_victim;
		r = guest_walk(&v, 0, 7 * PAGE_SIZE, ACCESS_WRITE, &address, &error);
		interfere = NULL;
		/* Only what stood there, and accessed or dirty; never a mixture, never bits on what is not present. */
		old = *victim & ~0x60ULL;
		CHECK(old == values[0] || old == values[1]);
		CHECK(*victim & 1 || *victim == 0);
		CHECK(r == 0 || r == -EFAULT);
		CHECK(r || (address >= 30 * PAGE_SIZE && address < 42 * PAGE_SIZE));
		CHECK(r || *victim & 0x20 || writes_left == 0);
	}
}

/* --- Copies ----------------------------------------------------------------------------------------------------------------------- */

static void test_copies(void)
{
	static uint8_t from[3 * PAGE_SIZE], to[3 * PAGE_SIZE], before[RAM_PAGES * PAGE_SIZE];
	struct vcpu v;

	for (unsigned int i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)rng();
	plain_mode(&v);
	plain_tables();
	set_entry(3, 0, 50 * PAGE_SIZE | 7);
	set_entry(3, 1, 33 * PAGE_SIZE | 7);
	set_entry(3, 2, 60 * PAGE_SIZE | 7);
	set_entry(3, 4, EPC_PAGE * PAGE_SIZE | 7);
	set_entry(3, 5, (RAM_PAGES - 1) * PAGE_SIZE | 7);
	set_entry(3, 6, DEVICE_PAGE * PAGE_SIZE | 7);
	set_entry(3, 7, 61 * PAGE_SIZE | 5);
	set_entry(3, 8, 62 * PAGE_SIZE | 3);
	set_entry(3, 511, 63 * PAGE_SIZE | 7);
	/* Across three pages, at odd places. */
	CHECK(!guest_write(&v, 100, from, 2 * PAGE_SIZE + 500, ACCESS_USER));
	CHECK(!memcmp(ram + 50 * PAGE_SIZE + 100, from, PAGE_SIZE - 100));
	CHECK(!memcmp(ram + 33 * PAGE_SIZE, from + PAGE_SIZE - 100, PAGE_SIZE));
	CHECK(!memcmp(ram + 60 * PAGE_SIZE, from + 2 * PAGE_SIZE - 100, 600));
	CHECK(!guest_read(&v, 100, to, 2 * PAGE_SIZE + 500, 0) &&
	      !memcmp(from, to, 2 * PAGE_SIZE + 500));
	CHECK(!guest_read(&v, 0x1234567, to, 0, 0) && !v.inject);
	memcpy(before, ram, sizeof(before));
	/* A fault on a later page: nothing written, address of that page, user write. */
	CHECK(guest_write(&v, 2 * PAGE_SIZE + 8, from, PAGE_SIZE, ACCESS_USER) == -EFAULT);
	CHECK(v.inject && v.vector == VECTOR_PF && v.error == 6 && v.regs.cr2 == 3 * PAGE_SIZE);
	v.inject = false;
	CHECK(guest_write(&v, 7 * PAGE_SIZE, from, 8, ACCESS_USER) == -EFAULT && v.error == 7);
	CHECK(guest_read(&v, 8 * PAGE_SIZE, to, 8, ACCESS_USER) == -EFAULT && v.error == 5);
	CHECK(!guest_read(&v, 8 * PAGE_SIZE, to, 8, 0));
	for (unsigned int i = 4; i < 7; i++) {
		v.inject = false;
		CHECK(guest_read(&v, i * PAGE_SIZE + 1, to, 8, 0) == -EFAULT && v.inject &&
		      v.vector == VECTOR_PF && v.error == (PF_PRESENT | PF_SGX));
		CHECK(guest_write(&v, i * PAGE_SIZE - 4, from, 8, ACCESS_USER) == -EFAULT);
	}
	/* Only accessed and dirty bits differ. */
	CHECK(!memcmp(before + TABLES * PAGE_SIZE, ram + TABLES * PAGE_SIZE,
		      sizeof(before) - TABLES * PAGE_SIZE));
	v.inject = false;
	CHECK(guest_read(&v, 0x800000000000, to, 8, 0) == -EFAULT && v.vector == VECTOR_GP &&
	      v.inject_has_error && !v.error);
	CHECK(guest_read(&v, 0x7ffffffff000 + 4092, to, 8, 0) == -EFAULT);
	/* The last page, and past the end of all addresses. */
	CHECK(!guest_read(&v, 0xfffffffffffff000, to, PAGE_SIZE, 0));
	CHECK(guest_read(&v, 0xfffffffffffffffc, to, 8, 0) == -EFAULT && v.vector == VECTOR_GP);
	v.regs.efer = 0;
	CHECK(guest_read(&v, 0, to, 8, 0) == -EFAULT && v.vector == VECTOR_UD);
}

/* --- Code is fetched by its own rules, also when its walk is remembered ------------------------------------------------------------- */

static void test_fetch(void)
{
	uint8_t to[FETCH_MAX];
	struct vcpu v;

	plain_mode(&v);
	plain_tables();
	set_entry(3, 1, 33 * PAGE_SIZE | 7);
	v.regs.cpl = 3;
	CHECK(guest_fetch(&v, PAGE_SIZE + 8, to) == FETCH_MAX && !v.inject);
	CHECK(guest_fetch(&v, 2 * PAGE_SIZE - 5, to) == 5 && !v.inject);
	/* A table on the way, or the page itself, that is no longer Linux's. */
	set_entry(2, 0, EPC_PAGE * PAGE_SIZE | 7);
	CHECK(!guest_fetch(&v, PAGE_SIZE + 8, to) && v.inject && v.error == (1 | 4 | 8 | 16));
	set_entry(2, 0, 3 * PAGE_SIZE | 7);
	set_entry(3, 1, EPC_PAGE * PAGE_SIZE | 7);
	CHECK(!guest_fetch(&v, PAGE_SIZE, to) && v.inject && v.error == (PF_SGX | 4 | 1));
	CHECK(guest_read(&v, PAGE_SIZE, to, 1, ACCESS_USER) == -EFAULT);
	set_entry(3, 1, 33 * PAGE_SIZE | 7);
	v.inject = false;
	CHECK(guest_fetch(&v, PAGE_SIZE, to) == FETCH_MAX);
	set_entry(3, 1, 33 * PAGE_SIZE | 7 | 1ULL << 63);
	CHECK(!guest_fetch(&v, PAGE_SIZE, to) && v.inject && v.error == (1 | 4 | 16));
	set_entry(3, 1, 33 * PAGE_SIZE | 3);
	CHECK(!guest_fetch(&v, PAGE_SIZE, to) && v.error == (1 | 4 | 16));
	v.regs.cpl = 0;
	CHECK(guest_fetch(&v, PAGE_SIZE, to) == FETCH_MAX);
	v.regs.cr4 |= 1 << 20; /* SMEP */
	set_entry(3, 1, 33 * PAGE_SIZE | 7);
	CHECK(!guest_fetch(&v, PAGE_SIZE, to) && v.error == (1 | 16));
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;

	if (argc > 2)
		rng_state ^= strtoull(argv[2], NULL, 0) << 17;
	ram = aligned_alloc(PAGE_SIZE, RAM_PAGES * PAGE_SIZE);
	memset(ram, 0, RAM_PAGES * PAGE_SIZE);
	test_random(count);
	test_interference();
	test_copies();
	test_fetch();
	free(ram);
	return 0;
}
