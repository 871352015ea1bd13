/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners, nested tables, pool and IOMMU against a model that is too simple to be wrong: one byte per page for its owner, one for the rights that each
 * enclave has to it. Random machines, and random operations on each; the answer of each is known beforehand, and what the tables say is read by walkers of
 * this file's own, one as the processor reads them (APM 2, 15.25), one as the IOMMU does (48882, 2.2.3).
 *
 *	owner_test [operations [seed]]		1,000,000 by default; 10,000,000 is the long run
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hypervisor/core/vcpu.h"
#include "hypervisor/mem/iommu.h"
#include "hypervisor/mem/owner_internal.h"
#include "hypervisor/tests/checks/checks.h"

#define PAGES (3 * 262144UL + 5 * 512 + 7) /* 3 GiB, 10 MiB and 7 pages: no level ends evenly */
#define LIMIT (PAGES * PAGE_SIZE)
#define POOL_BASE 0x30000000UL
#define POOL_PAGES 4096UL
#define IOMMU_BASE 0x50000000UL
#define ENCLAVES 8
#define MACHINE 4000 /* operations on one, about */

static uint8_t owners[PAGES];
static uint8_t *pool_memory;
static struct npt *npts[ENCLAVES];
static uint8_t rights_of[ENCLAVES][PAGES]; /* 0: nothing */
static size_t epc_mapped, left_at_start;
static uint64_t rng_state = 1, operation;
static unsigned long machines, machines_refused, maps, map_refusals, found;

#define FAIL(...)                                                             \
	do {                                                                  \
		fprintf(stderr, "%s:%d: operation %lu: ", __FILE__, __LINE__, \
			(unsigned long)operation);                            \
		fprintf(stderr, __VA_ARGS__);                                 \
		fputc('\n', stderr);                                          \
		abort();                                                      \
	} while (0)
#define CHECK(c)                             \
	do {                                 \
		if (!(c))                    \
			FAIL("not: %s", #c); \
	} while (0)

static jmp_buf *expected_panic;

void panic(const char *format, ...)
{
	va_list a;

	if (expected_panic)
		longjmp(*expected_panic, 1);
	va_start(a, format);
	vfprintf(stderr, format, a);
	va_end(a);
	abort();
}

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dULL >> 16;
}

static uint64_t below(uint64_t n)
{
	return rng() % n;
}

/* --- What hardware would see ------------------------------------------------------------------------------------------------ */

static const uint64_t *raw_table(uint64_t address)
{
	CHECK(address % PAGE_SIZE == 0 && address >= POOL_BASE &&
	      address < POOL_BASE + POOL_PAGES * PAGE_SIZE);
	return (const uint64_t *)(pool_memory + (address - POOL_BASE));
}

static unsigned int processor_walk(uint64_t root, uint64_t guest, uint64_t *ret_host)
{
	unsigned int rights = 7;
	uint64_t table = root;

	for (int shift = 39;; shift -= 9) {
		uint64_t e = raw_table(table)[guest >> shift & 511];
		uint64_t size = 1ULL << shift;

		if (!(e & 1))
			return 0;
		CHECK(e & 4); /* nested walks are user accesses */
		CHECK(!(e & 0x0ff0000000000000ULL & ~(3ULL << 61)) && !(e & 1ULL << 8));
		CHECK(shift != 39 || !(e & 0x80));
		if (!(e & 2))
			rights &= ~2u;
		if (e >> 63)
			rights &= ~4u;
		if (shift == 12 || e & 0x80) {
			CHECK(!(e & 0x000ffffffffff000ULL & (size - 1)) && (e & 0x60) == 0x60);
			*ret_host = (e & 0x000ffffffffff000ULL) + (guest & (size - 1));
			return rights;
		}
		table = e & 0x000ffffffffff000ULL;
	}
}

static unsigned int device_walk(uint64_t root, unsigned int mode, uint64_t guest,
				uint64_t *ret_host)
{
	unsigned int rights = 3, level = mode;
	uint64_t table = root;

	for (;;) {
		unsigned int shift = 12 + 9 * (level - 1), next;
		uint64_t e = raw_table(table)[guest >> shift & 511];

		if (!(e & 1))
			return 0;
		rights &= e >> 61 & 3;
		next = e >> 9 & 7;
		if (!next) {
			*ret_host = (e & 0x000ffffffffff000ULL) + (guest & ((1ULL << shift) - 1));
			return rights;
		}
		CHECK(next == level - 1);
		level = next;
		table = e & 0x000ffffffffff000ULL;
	}
}

/* --- An IOMMU made of an array -------------------------------------------------------------------------------------------------- */

static uint64_t registers[4 * PAGE_SIZE / 8] __attribute__((aligned(4096)));
static bool iommu_dead, iommu_absent;
static unsigned long iommu_commands;

static void *map_registers(uint64_t address, size_t size)
{
	CHECK(address == IOMMU_BASE && size <= sizeof(registers));
	return iommu_absent ? NULL : registers;
}

void iommu_pause(void)
{
	uint64_t head = registers[0x2000 / 8], tail = registers[0x2008 / 8];

	if (iommu_dead || !(registers[0x18 / 8] & 1) || !(registers[0x18 / 8] & 1 << 12))
		return;
	while (head != tail) {
		const uint32_t *c = (const uint32_t *)((const uint8_t *)raw_table(PAGE_DOWN(
							       registers[1] & ~(15ULL << 56))) +
						       head);
		uint64_t address = (c[0] & ~7u) | (uint64_t)(c[1] & 0xfffff) << 32;

		iommu_commands++;
		switch (c[1] >> 28) {
		case 1:
			CHECK(c[0] & 1);
			memcpy((uint8_t *)(uintptr_t)raw_table(PAGE_DOWN(address)) +
				       address % PAGE_SIZE,
			       &c[2], 8);
			break;
		case 2:
		case 3:
		case 5:
		case 8:
			break;
		default:
			FAIL("command %x", c[1] >> 28);
		}
		head = (head + 16) % PAGE_SIZE;
	}
	registers[0x2000 / 8] = head;
}

static unsigned int dma(uint16_t device, uint64_t address, uint64_t *ret_host)
{
	const uint64_t *entry;
	uint64_t table = registers[0];

	CHECK(registers[0x18 / 8] & 1);
	CHECK(device * 32UL < ((table & 0x1ff) + 1) * PAGE_SIZE);
	entry = (const uint64_t *)((const uint8_t *)raw_table(PAGE_DOWN(table)) + device * 32UL);
	CHECK((entry[0] & 3) == 3 && (entry[0] >> 61 & 3) == 3);
	CHECK((entry[2] & 1) && (entry[2] >> 60 & 3) == 1 && !(entry[2] >> 56 & 1)); /* no INIT */
	CHECK(!(entry[1] >> 32 & 1));
	return device_walk(entry[0] & 0x000ffffffffff000ULL, entry[0] >> 9 & 7, address, ret_host);
}

/* --- Operations ------------------------------------------------------------------------------------------------------------------- */

static uint64_t some_page(void)
{
	static const uint64_t hot[] = {
		0x40000000, 0x3ff00000, 0x80000000, LIMIT, POOL_BASE + (POOL_PAGES - 2) * PAGE_SIZE,
		0x200000
	};
	uint64_t page;

	if (below(4) == 0)
		return below(PAGES);
	page = hot[below(ARRAY_SIZE(hot))] / PAGE_SIZE + below(below(2) ? 2048 : 16);
	return page < PAGES ? page : PAGES - 1 - page % 64;
}

static uint64_t some_length(void)
{
	switch (below(8)) {
	case 0:
		return 512;
	case 1:
		return 512 * (1 + below(512));
	case 2:
		return below(40) ? 1 + below(4096) : 262144 + below(262144);
	default:
		return 1 + below(8);
	}
}

static unsigned int any_enclave(void)
{
	return (unsigned int)below(ENCLAVES);
}

static int expected_map(unsigned int e, uint64_t page, unsigned int rights)
{
	if (page >= LIMIT)
		return -EPERM;
	switch (owners[page / PAGE_SIZE]) {
	case OWNER_EPC:
		if (rights & NPT_TABLE)
			return -EPERM;
		for (unsigned int k = 0; k < ENCLAVES; k++) {
			if (k != e && rights_of[k][page / PAGE_SIZE])
				return -EBUSY;
		}
		return 0;
	case OWNER_LINUX:
		return rights & (NPT_EXEC | NPT_TABLE) ? -EPERM : 0;
	case OWNER_HYPERVISOR:
		return rights == 11 && page > POOL_BASE && page < POOL_BASE + POOL_PAGES * PAGE_SIZE
			       ? 0
			       : -EPERM;
	default:
		return -EPERM;
	}
}

/* EPC is what matters: found by a few tries, or what was met before. */
static uint64_t some_host(void)
{
	static uint64_t met[16];
	uint64_t page = some_page();

	for (int tries = 0; tries < 4 && owners[page] != OWNER_EPC; tries++)
		page = some_page();
	if (owners[page] == OWNER_EPC && below(8) == 0)
		met[below(ARRAY_SIZE(met))] = page;
	return (below(3) ? met[below(ARRAY_SIZE(met))] : page) * PAGE_SIZE;
}

static void set_rights(unsigned int e, uint64_t page, unsigned int rights)
{
	uint8_t *now = &rights_of[e][page / PAGE_SIZE];

	if (owners[page / PAGE_SIZE] == OWNER_EPC)
		epc_mapped = epc_mapped + !!rights - !!*now;
	*now = (uint8_t)rights;
}

static void op_map(void)
{
	unsigned int e = any_enclave(), rights = 1 + 2 * (unsigned int)below(4);
	uint64_t page = below(16) ? some_host() : POOL_BASE + (1 + below(POOL_PAGES)) * PAGE_SIZE;
	size_t left = pool_left();
	int r;

	if (!npts[e])
		return;
	if (below(8) == 0)
		rights = 11;
	if (below(64) == 0) {
		CHECK(npt_map(npts[e], page + 8, rights) == -EINVAL);
		CHECK(npt_map(npts[e], page, rights & ~1u) == -EINVAL);
		CHECK(npt_map(npts[e], page, 16) == -EINVAL);
		CHECK(npt_map(npts[e], 1ULL << 48, rights) == -EPERM);
		CHECK(npt_map(npts[e], LIMIT + below(1000) * PAGE_SIZE, rights) == -EPERM);
	}
	r = npt_map(npts[e], page, rights);
	if (r == -ENOMEM) {
		CHECK(left < 4);
		return;
	}
	if (r != expected_map(e, page, rights))
		FAIL("npt_map: %d, not %d", r, expected_map(e, page, rights));
	if (r) {
		map_refusals++;
		return;
	}
	maps++;
	set_rights(e, page, rights & 7);
}

static void op_unmap(void)
{
	unsigned int e = any_enclave();
	uint64_t page = some_host();

	if (!npts[e])
		return;
	npt_unmap(npts[e], page);
	set_rights(e, page, 0);
}

static void op_lookup_enclave(void)
{
	unsigned int e = any_enclave(), rights;
	uint64_t page = some_host(), host = 0;

	if (!npts[e])
		return;
	rights = rights_of[e][page / PAGE_SIZE];
	CHECK(npt_lookup(npts[e], page) == rights);
	CHECK(processor_walk(npt_root(npts[e]), page + 0x123, &host) == rights);
	CHECK(!rights || host == page + 0x123);
	found += !!rights;
}

static void op_lookup_linux(void)
{
	uint64_t address = some_page() * PAGE_SIZE + below(PAGE_SIZE), host = 0;
	enum owner owner = owners[address / PAGE_SIZE];
	unsigned int rights = processor_walk(npt_linux_root(), address, &host), device;

	CHECK(owner_of(address) == owner);
	CHECK(rights == (owner == OWNER_LINUX ? 7 : owner == OWNER_EPC ? 1 : 0));
	if (owner == OWNER_LINUX)
		CHECK(host == address);
	if (owner == OWNER_EPC)
		CHECK(raw_table(PAGE_DOWN(host))[host % PAGE_SIZE / 8] == ~0ULL);
	device = dma((uint16_t)below(65536), address, &host);
	CHECK(device == (owner == OWNER_LINUX ? 3 : 0));
	CHECK(!device || host == address);
	address = LIMIT + below((1ULL << 48) - LIMIT);
	CHECK(owner_of(address) == OWNER_PROTECTED &&
	      !processor_walk(npt_linux_root(), address, &host));
}

static void op_enclave(void)
{
	unsigned int e = any_enclave();

	if (npts[e] && below(4) == 0) {
		npt_free(npts[e]);
		npts[e] = NULL;
		for (uint64_t page = 0; page < PAGES; page++) {
			if (rights_of[e][page])
				set_rights(e, page * PAGE_SIZE, 0);
		}
	} else if (!npts[e]) {
		size_t left = pool_left();

		npts[e] = npt_new();
		CHECK(npts[e] || !left);
	}
}

/* Somebody else takes the pool's pages; sometimes all of them. */
static void *hoard[POOL_PAGES];
static size_t hoarded;

static void op_pool(void)
{
	size_t want = below(8) ? 0 : below(POOL_PAGES);

	while (hoarded > want)
		pool_put(hoard[--hoarded]);
	while (hoarded < want) {
		uint64_t *page = pool_page();
		size_t left = pool_left();

		if (!page) {
			CHECK(!left);
			break;
		}
		for (unsigned int i = 0; i < 512; i += 73)
			CHECK(!page[i]);
		memset(page, 0xa5, PAGE_SIZE);
		CHECK(pool_virtual(pool_physical(page)) == page);
		hoard[hoarded++] = page;
	}
}

static void check_all(void)
{
	const char *wrong = owner_check();

	if (wrong)
		FAIL("%s", wrong);
	CHECK(epc_users_total() == epc_mapped);
}

static void random_operation(void)
{
	unsigned int what = (unsigned int)below(1000);

	if (what < 450)
		op_map();
	else if (what < 600)
		op_unmap();
	else if (what < 800)
		op_lookup_enclave();
	else if (what < 990)
		op_lookup_linux();
	else if (what < 999)
		op_enclave();
	else if (below(4) == 0)
		op_pool();
}

/* --- Fixed tests ------------------------------------------------------------------------------------------------------------------ */

static void fresh(const struct memory_range *ranges, unsigned int count, uint64_t limit,
		  int expected)
{
	pool_init(pool_memory, POOL_BASE, POOL_PAGES * PAGE_SIZE);
	CHECK(owner_init(ranges, count, limit) == expected);
	npts_forget();
	CHECK(expected || !owner_check());
}

static void test_refused_ranges(void)
{
	static struct memory_range many[PARTITION_EXTENTS];
	struct memory_range two[] = { { 0x1000, 0x3000, OWNER_EPC },
				      { 0x2000, 0x4000, OWNER_EPC } };
	struct memory_range odd = { 0x1001, 0x3000, OWNER_EPC },
			    empty = { 0x3000, 0x3000, OWNER_EPC },
			    beyond = { 0x1000, 0x20000, OWNER_EPC };
	struct memory_range nobody = { 0x1000, 0x3000, OWNER_PROTECTED + 1 };

	fresh(NULL, 0, 0, -EINVAL);
	fresh(NULL, 0, 0x1800, -EINVAL);
	fresh(NULL, 0, 1ULL << 49, -EINVAL);
	fresh(two, 2, 0x10000, -EINVAL);
	fresh(&odd, 1, 0x10000, -EINVAL);
	fresh(&empty, 1, 0x10000, -EINVAL);
	fresh(&beyond, 1, 0x10000, -EINVAL);
	fresh(&nobody, 1, 0x10000, -EINVAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct memory_range){ (i + 1) * 0x2000ULL, i * 0x2000ULL + 0x3000,
						 OWNER_EPC };
	fresh(many, ARRAY_SIZE(many), 0x1000000, -ENOSPC);
	fresh(many, ARRAY_SIZE(many) / 2, 0x1000000, -ENOSPC);
	fresh(many, ARRAY_SIZE(many) / 2 - 1, 0x1000000, 0);
	/* Neighbours of one owner, and what is Linux's by name, need no extents. */
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct memory_range){ i * 0x1000ULL, i * 0x1000ULL + 0x1000,
						 i < 64 ? OWNER_LINUX : OWNER_EPC };
	fresh(many, ARRAY_SIZE(many), 0x1000000, 0);
}

static void test_limits(void)
{
	static const uint64_t limits[] = { 0x1000,
					   0x200000,
					   0x201000,
					   0x40000000,
					   0x40201000,
					   1ULL << 39,
					   (1ULL << 39) + 0x1000,
					   1ULL << 46 };
	uint64_t host;

	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(limits); i++) {
		uint64_t limit = limits[i / 2];

		/* Without pages of 1 GiB a table per GiB is needed. */
		npt_set_gigabyte_pages(i % 2);
		if (!(i % 2) && limit > 1ULL << 38)
			continue;
		fresh(NULL, 0, limit, 0);
		CHECK(processor_walk(npt_linux_root(), limit - 1, &host) == 7 && host == limit - 1);
		CHECK(!processor_walk(npt_linux_root(), limit, &host));
	}
	npt_set_gigabyte_pages(false);
	fresh(NULL, 0, 1ULL << 46, -ENOMEM);
	npt_set_gigabyte_pages(true);
}

static bool panics(void (*f)(void *), void *argument)
{
	jmp_buf here;
	bool caught = true;

	expected_panic = &here;
	if (!setjmp(here)) {
		f(argument);
		caught = false;
	}
	expected_panic = NULL;
	return caught;
}

static void test_pool(void)
{
	uint8_t *run, *page;
	size_t left;

	pool_init(pool_memory, POOL_BASE, 64 * PAGE_SIZE);
	left = pool_left();
	CHECK(left == 63);
	page = pool_page();
	run = pool_pages(20);
	CHECK(page && run == page + PAGE_SIZE && pool_left() == left - 21);
	pool_put(page);
	CHECK(pool_pages(2) == run + 20 * PAGE_SIZE && pool_page() == page);
	CHECK(!pool_pages(64) && pool_left() == left - 23);
	pool_put(run);
	CHECK(pool_left() == left - 22 && pool_page() == run);
	CHECK(!pool_virtual(POOL_BASE) && !pool_virtual(POOL_BASE + 64 * PAGE_SIZE) &&
	      !pool_virtual(POOL_BASE - 1));
	pool_init(pool_memory, POOL_BASE, 64 * PAGE_SIZE);
	page = pool_page();
	pool_put(page);
	/* Twice; not a page; the pool's own bits. The lock is still held after each: the pool starts anew. */
	CHECK(panics(pool_put, page));
	pool_init(pool_memory, POOL_BASE, 64 * PAGE_SIZE);
	CHECK(panics(pool_put, page + 8));
	pool_init(pool_memory, POOL_BASE, 64 * PAGE_SIZE);
	CHECK(panics(pool_put, pool_memory));
}

/* The largest pages that fit, shared tables where all of it is EPC, and no table without need. */
static void test_sizes(void)
{
	static const struct {
		struct memory_range range;
		size_t tables; /* beside the four for abort pages and the highest */
	} cases[] = {
		{ { 0x40200000, 0x40201000, OWNER_PROTECTED }, 3 },
		{ { 0x40200000, 0x40400000, OWNER_PROTECTED }, 2 },
		{ { 0x40200000, 0x40600000, OWNER_EPC }, 2 },
		{ { 0x40000000, 0x80000000, OWNER_EPC }, 1 },
		{ { 0x40000000, 0x80001000, OWNER_PROTECTED }, 3 },
		{ { 0x8000000000, 0x10000000000, OWNER_EPC }, 1 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t users = cases[i].range.owner == OWNER_EPC
				       ? PAGE_UP((cases[i].range.end - cases[i].range.start) /
						 PAGE_SIZE * sizeof(void *)) /
						 PAGE_SIZE
				       : 0;

		if (users > POOL_PAGES / 2)
			continue;
		fresh(&cases[i].range, 1, 1ULL << 40, 0);
		/* The lowest and the highest 512 GiB have a table each in any case. */
		CHECK(POOL_PAGES - 1 - pool_left() ==
		      users + NPT_LEVELS + 1 + 2 + cases[i].tables - 1);
	}
}

static void test_iommu(void)
{
	struct ivrs ivrs = { .count = 1 };
	struct memory_range ranges[IOMMU_UNITS];

	ivrs.units[0].base = IOMMU_BASE;
	fresh(NULL, 0, LIMIT, 0);
	iommu_absent = true;
	CHECK(iommu_prepare(&ivrs, map_registers) == -ENXIO);
	iommu_absent = false;
	memset(registers, 0xff, sizeof(registers));
	CHECK(iommu_prepare(&ivrs, map_registers) == -ENXIO);
	memset(registers, 0, sizeof(registers));
	registers[0x18 / 8] = 1;
	CHECK(iommu_prepare(&ivrs, map_registers) == -EBUSY);
	registers[0x18 / 8] = 0;
	CHECK(!iommu_prepare(&ivrs, map_registers) && iommu_ranges(ranges) == 1);
	CHECK(ranges[0].start == IOMMU_BASE && ranges[0].end == IOMMU_BASE + 0x4000 &&
	      ranges[0].owner == OWNER_PROTECTED);
	iommu_dead = true;
	CHECK(iommu_enable() == -EIO && !iommu_active());
	iommu_dead = false;
	CHECK(!iommu_prepare(&ivrs, map_registers));
	/* Without "invalidate all" each device is told: more commands than the ring holds. */
	CHECK(!iommu_enable() && iommu_active() == 1 && iommu_commands > 2 * 65536);
	CHECK(!owner_check());
	registers[0x2018 / 8] = 0x30;
	CHECK(iommu_refused() == 3);
	registers[0x18 / 8] &= ~1ULL;
	CHECK(owner_check());
	registers[0x18 / 8] |= 1;
	CHECK(!owner_check());
	iommu_disable();
	CHECK(!iommu_active() && registers[0x18 / 8] == 0);
	registers[0x30 / 8] = 1 << 6; /* invalidate all */
}

/* Corruption that owner_check must see: it is the test's own eye. */
static void test_check_sees(void)
{
	struct npt *npt, *other;
	uint64_t *table;

	fresh(&(struct memory_range){ 0x200000, 0x400000, OWNER_EPC }, 1, LIMIT, 0);
	npt = npt_new();
	other = npt_new();
	CHECK(!npt_map(npt, 0x200000, NPT_READ | NPT_WRITE | NPT_EXEC) && !owner_check());
	CHECK(npt_map(other, 0x200000, NPT_READ) == -EBUSY);
	CHECK(!npt_map(other, 0x201000, NPT_READ));
	table = pool_virtual(npt_linux_root());
	table = entry_table(table[0]);
	table[0] ^= ENTRY_WRITE;
	CHECK(owner_check());
	table[0] ^= ENTRY_WRITE;
	table = entry_table(table[0]);
	table[1] = 0x200000 | ENTRY_LEAF | ENTRY_LARGE | ENTRY_WRITE;
	CHECK(owner_check());
	fresh(&(struct memory_range){ 0x200000, 0x400000, OWNER_EPC }, 1, LIMIT, 0);
	npt = npt_new();
	other = npt_new();
	CHECK(!npt_map(npt, 0x200000, NPT_READ) && !npt_map(other, 0x201000, NPT_READ));
	table = pool_virtual(npt_root(other));
	for (unsigned int level = 4; level > 1; level--)
		table = entry_table(table[level_index(0x201000, level)]);
	table[1] ^= 0x1000; /* not identical */
	CHECK(owner_check());
	table[1] ^= 0x1000;
	CHECK(!owner_check());
	table[0] = 0x200000 | ENTRY_LEAF | ENTRY_NO_EXEC; /* another's page of EPC */
	CHECK(owner_check());
	table[0] = 0;
	table[1] = 0;
	CHECK(owner_check());
}

/* --- Random machines --------------------------------------------------------------------------------------------------------------- */

/* The owners as ranges: some cut in two, some of Linux's named as well. */
static unsigned int ranges_of(struct memory_range *ret_ranges, unsigned int *ret_extents)
{
	unsigned int count = 0;

	*ret_extents = 0;
	for (uint64_t start = 0, end; start < PAGES; start = end) {
		uint64_t cut;

		end = start + 1;
		while (end < PAGES && owners[end] == owners[start])
			end++;
		++*ret_extents;
		if (owners[start] == OWNER_LINUX && below(4))
			continue;
		cut = below(4) ? end : start + below(end - start);
		if (cut > start)
			ret_ranges[count++] = (struct memory_range){ start * PAGE_SIZE,
								     cut * PAGE_SIZE,
								     (enum owner)owners[start] };
		if (end > cut)
			ret_ranges[count++] = (struct memory_range){ cut * PAGE_SIZE,
								     end * PAGE_SIZE,
								     (enum owner)owners[start] };
	}
	return count;
}

static void paint(uint64_t start, uint64_t length, enum owner owner)
{
	memset(owners + start, owner, MIN(length, PAGES - start));
}

/* The machine before ends: what it took of the pool comes back whole. */
static void end_machine(void)
{
	check_all();
	while (hoarded)
		pool_put(hoard[--hoarded]);
	for (unsigned int e = 0; e < ENCLAVES; e++) {
		if (npts[e])
			npt_free(npts[e]);
		npts[e] = NULL;
	}
	CHECK(!epc_users_total());
	epc_mapped = 0;
	CHECK(pool_left() == left_at_start);
	iommu_disable();
}

static void start_machine(void)
{
	static const struct ivrs ivrs = { .count = 1, .units = { { .base = IOMMU_BASE } } };
	static struct memory_range ranges[2 * 400];
	unsigned int extents, count, paints = (unsigned int)below(below(4) ? 12 : 160);

	memset(owners, OWNER_LINUX, sizeof(owners));
	memset(rights_of, 0, sizeof(rights_of));
	for (unsigned int i = 0; i < paints; i++)
		paint(below(2) ? some_page() : below(PAGES),
		      below(16) ? 1 + below(64) : some_length(), (enum owner)below(4));
	paint(0x40000000 / PAGE_SIZE + below(512), 1 + below(2048), OWNER_EPC);
	paint(POOL_BASE / PAGE_SIZE, POOL_PAGES, OWNER_HYPERVISOR);
	count = ranges_of(ranges, &extents);
	machines++;
	fresh(ranges, count, LIMIT, extents > PARTITION_EXTENTS ? -ENOSPC : 0);
	if (extents > PARTITION_EXTENTS) {
		machines_refused++;
		start_machine();
		return;
	}
	CHECK(!iommu_prepare(&ivrs, map_registers) && !iommu_enable());
	left_at_start = pool_left();
	for (uint64_t page = below(16); page < PAGES; page += 1 + below(16))
		CHECK(owner_of(page * PAGE_SIZE + page % PAGE_SIZE) == owners[page]);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000, every = MACHINE;
	clock_t begin;

	if (argc > 2)
		rng_state = strtoull(argv[2], NULL, 0) * 2 + 1;
	pool_memory = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	test_refused_ranges();
	test_limits();
	test_pool();
	test_sizes();
	test_check_sees();
	test_iommu();
	start_machine();
	begin = clock();
	for (operation = 0; operation < count; operation++) {
		random_operation();
		if (operation % every == 0)
			check_all();
		if (below(MACHINE) == 0) {
			end_machine();
			start_machine();
		}
	}
	end_machine();
	printf("%lu operations on %lu machines, %lu with too many extents: %lu pages mapped, %lu refused; %lu found; %lu IOMMU commands; %.1f s\n",
	       (unsigned long)count, machines, machines_refused, maps, map_refusals, found,
	       iommu_commands, (double)(clock() - begin) / CLOCKS_PER_SEC);
	fflush(stdout);
	CHECK(maps > count / 50 && map_refusals > count / 50 && found > count / 100 &&
	      (count < 100000 || machines_refused));
	free(pool_memory);
	return 0;
}
