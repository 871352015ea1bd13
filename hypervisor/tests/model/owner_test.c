/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners, nested tables, pool and IOMMU against a model that is too simple to be wrong: one byte per page for its owner, one slot per guest page of each
 * enclave. Random operations; the answer of each is known beforehand, and what the tables say is read by walkers of this file's own, one as the processor
 * reads them (APM 2, 15.25), one as the IOMMU does (48882, 2.2.3). Processors and devices remember translations, as hardware does, until they are told to
 * forget: what they still remember after an operation must still be true.
 *
 *	owner_test [operations [seed]]		1,000,000 by default; 10,000,000 is the long run
 */
#include <errno.h>
#include <pthread.h>
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
#define POOL_PAGES 700UL
#define IOMMU_BASE 0x50000000UL
#define ENCLAVES 8
#define SLOTS 256
#define CACHED 512

static uint8_t owners[PAGES];
static unsigned int extents;
static uint8_t *pool_memory;

struct slot {
	uint64_t host;
	unsigned int rights; /* 0: nothing */
};
static struct npt *npts[ENCLAVES];
static struct slot slots[ENCLAVES][SLOTS];
static uint64_t rng_state = 1, operation;
static unsigned long changes, refusals[5], maps, map_refusals, flushes;

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

/* A translation that somebody remembers: by: 0 processor as Linux, 1 device, 2.. processor in enclave by - 2. */
static struct {
	unsigned int by, rights;
	uint64_t guest, host, generation;
} cache[CACHED];
static unsigned int cache_next;

static void remember(unsigned int by, uint64_t guest, uint64_t host, unsigned int rights,
		     uint64_t generation)
{
	cache[cache_next].by = by;
	cache[cache_next].rights = rights;
	cache[cache_next].guest = PAGE_DOWN(guest);
	cache[cache_next].host = PAGE_DOWN(host);
	cache[cache_next++].generation = generation;
	cache_next %= CACHED;
}

static void forget(bool processors, bool devices)
{
	for (unsigned int i = 0; i < CACHED; i++) {
		if (cache[i].by == 1 ? devices : processors)
			cache[i].rights = 0;
	}
}

void vcpus_flush(struct vcpu *self)
{
	(void)self;
	CHECK(!owner_lock);
	flushes++;
	forget(true, false);
}

static const uint64_t guest_shapes[] = { 0, 0x1ff000, 0x40000000 - 128 * PAGE_SIZE,
					 0x7fffff000000 };

static uint64_t slot_address(unsigned int s)
{
	return guest_shapes[s % ARRAY_SIZE(guest_shapes)] +
	       s / ARRAY_SIZE(guest_shapes) * PAGE_SIZE;
}

static bool slot_of(uint64_t guest, unsigned int *ret_slot)
{
	for (unsigned int k = 0; k < ARRAY_SIZE(guest_shapes); k++) {
		uint64_t n = (guest - guest_shapes[k]) / PAGE_SIZE;

		if (n < SLOTS / ARRAY_SIZE(guest_shapes)) {
			*ret_slot = (unsigned int)(n * ARRAY_SIZE(guest_shapes) + k);
			return true;
		}
	}
	return false;
}

/* No one remembers more than he is still allowed. */
static void check_cache(void)
{
	for (unsigned int i = 0; i < CACHED; i++) {
		unsigned int e = cache[i].by - 2, s;

		if (!cache[i].rights)
			continue;
		if (cache[i].by < 2) {
			uint8_t owner = owners[cache[i].guest / PAGE_SIZE];

			CHECK(owner == OWNER_LINUX ||
			      (cache[i].by == 0 && owner == OWNER_EPC && cache[i].rights == 1));
			continue;
		}
		/* A processor that compares generations at entry forgets by itself. */
		if (!npts[e] || npt_generation(npts[e]) != cache[i].generation) {
			cache[i].rights = 0;
			continue;
		}
		CHECK(slot_of(cache[i].guest, &s));
		CHECK(slots[e][s].host == cache[i].host &&
		      (slots[e][s].rights & cache[i].rights) == cache[i].rights);
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
		case 3:
		case 8:
			forget(false, true);
			break;
		case 2:
		case 5:
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
	if (device * 32UL >= ((table & 0x1ff) + 1) * PAGE_SIZE)
		return 0;
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

static bool in_pool(uint64_t start, uint64_t end)
{
	return start < POOL_BASE / PAGE_SIZE + POOL_PAGES && end > POOL_BASE / PAGE_SIZE;
}

static bool epc_in_use(uint64_t start, uint64_t end)
{
	for (unsigned int e = 0; e < ENCLAVES; e++) {
		for (unsigned int s = 0; s < SLOTS; s++) {
			uint64_t page = slots[e][s].host / PAGE_SIZE;

			if (slots[e][s].rights && page >= start && page < end &&
			    owners[page] == OWNER_EPC)
				return true;
		}
	}
	return false;
}

static unsigned int edges(uint64_t start, uint64_t end, enum owner owner)
{
	return (start && owners[start - 1] != owner) + (end < PAGES && owners[end] != owner);
}

static void change_model(uint64_t start, uint64_t end, enum owner to)
{
	extents = extents - edges(start, end, (enum owner)owners[start]) + edges(start, end, to);
	memset(owners + start, to, end - start);
	for (unsigned int e = 0; e < ENCLAVES; e++) {
		for (unsigned int s = 0; s < SLOTS; s++) {
			if (slots[e][s].host / PAGE_SIZE >= start &&
			    slots[e][s].host / PAGE_SIZE < end)
				slots[e][s].rights = 0;
		}
	}
}

static void op_change(void)
{
	uint64_t start = some_page(), length = some_length(), end;
	enum owner from, to = (enum owner)below(4);
	size_t left = pool_left();
	bool wrong = below(16) == 0;
	unsigned long flushed = flushes;
	int r;

	if (below(3) == 0)
		start &= ~511UL;
	from = owners[start];
	end = start;
	while (end < PAGES && end < start + length && owners[end] == from)
		end++;
	if (below(extents > PARTITION_EXTENTS * 3 / 4 ? 8 : 2))
		to = start && below(2) ? owners[start - 1]
		     : end < PAGES     ? owners[end]
				       : OWNER_LINUX;
	if (wrong)
		from = (from + 1) % 4;
	r = owner_change(NULL, start * PAGE_SIZE, end * PAGE_SIZE, from, to);
	if (in_pool(start, end)) {
		CHECK(r == -EBUSY);
	} else if (r == -ENOMEM) {
		CHECK(left < 16);
	} else if (wrong) {
		CHECK(r == -EINVAL);
	} else if (from == OWNER_EPC && epc_in_use(start, end)) {
		CHECK(r == -EBUSY);
	} else if (extents - edges(start, end, from) + edges(start, end, to) > PARTITION_EXTENTS) {
		CHECK(r == -ENOSPC);
	} else {
		CHECK(r == 0);
	}
	if (r) {
		CHECK(pool_left() == left);
		refusals[r == -EBUSY	? 0
			 : r == -ENOMEM ? 1
			 : r == -EINVAL ? 2
			 : r == -ENOSPC ? 3
					: 4]++;
		return;
	}
	changes++;
	CHECK(flushes == flushed + 1);
	change_model(start, end, to);
}

static unsigned int any_enclave(void)
{
	return (unsigned int)below(ENCLAVES);
}

static int expected_map(unsigned int e, uint64_t host, unsigned int rights)
{
	if (host >= LIMIT)
		return -EPERM;
	switch (owners[host / PAGE_SIZE]) {
	case OWNER_EPC:
		if (rights & NPT_TABLE)
			return -EPERM;
		for (unsigned int k = 0; k < ENCLAVES; k++) {
			for (unsigned int s = 0; k != e && s < SLOTS; s++) {
				if (slots[k][s].rights && slots[k][s].host == host)
					return -EBUSY;
			}
		}
		return 0;
	case OWNER_LINUX:
		return rights & (NPT_EXEC | NPT_TABLE) ? -EPERM : 0;
	case OWNER_HYPERVISOR:
		return rights == 11 &&
				       host >= raw_table(POOL_BASE) - raw_table(POOL_BASE) +
						       POOL_BASE + PAGE_SIZE &&
				       host < POOL_BASE + POOL_PAGES * PAGE_SIZE
			       ? 0
			       : -EPERM;
	default:
		return -EPERM;
	}
}

static uint64_t some_host(void)
{
	static uint64_t last_epc;

	/* EPC is what matters: found by a few tries, or what somebody has already. */
	for (int tries = 0; tries < 4; tries++) {
		uint64_t page = some_page();

		if (owners[page] == OWNER_EPC) {
			last_epc = page;
			break;
		}
	}
	return (below(3) ? last_epc : some_page()) * PAGE_SIZE;
}

static void op_map(void)
{
	unsigned int e = any_enclave(), s = (unsigned int)below(SLOTS),
		     rights = 1 + 2 * (unsigned int)below(4);
	uint64_t host = below(16) ? some_host() : POOL_BASE + (1 + below(POOL_PAGES)) * PAGE_SIZE;
	size_t left = pool_left();
	int r, expected;

	if (!npts[e])
		return;
	if (below(8) == 0)
		rights = 11;
	if (below(64) == 0) {
		CHECK(npt_map(npts[e], slot_address(s) + 1, host, rights) == -EINVAL);
		CHECK(npt_map(npts[e], slot_address(s), host + 8, rights) == -EINVAL);
		CHECK(npt_map(npts[e], 1ULL << 48, host, rights) == -EINVAL);
		CHECK(npt_map(npts[e], slot_address(s), host, rights & ~1u) == -EINVAL);
		CHECK(npt_map(npts[e], slot_address(s), host, 16) == -EINVAL);
		CHECK(npt_map(npt_linux(), slot_address(s), host, rights) == -EINVAL);
		CHECK(npt_map(npts[e], slot_address(s), LIMIT + below(1000) * PAGE_SIZE, rights) ==
		      -EPERM);
	}
	expected = expected_map(e, host, rights);
	r = npt_map(npts[e], slot_address(s), host, rights);
	if (r == -ENOMEM) {
		CHECK(left < 4);
		return;
	}
	if (r != expected)
		FAIL("npt_map: %d, not %d", r, expected);
	if (r) {
		map_refusals++;
		return;
	}
	maps++;
	slots[e][s] = (struct slot){ host, rights & 7 };
}

static void op_unmap(void)
{
	unsigned int e = any_enclave(), s = (unsigned int)below(SLOTS);
	uint64_t start = slot_address(s), size = below(64) ? PAGE_SIZE : below(3 * 512) * PAGE_SIZE;

	if (!npts[e])
		return;
	if (below(512) == 0)
		size = ~0ULL - below(1UL << 40);
	npt_unmap(npts[e], start + (size == PAGE_SIZE ? below(4096) : 0),
		  size == PAGE_SIZE ? 1 : size);
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (slot_address(i) >= start && slot_address(i) - start < size)
			slots[e][i].rights = 0;
	}
}

static void op_lookup_enclave(void)
{
	unsigned int e = any_enclave(), s = (unsigned int)below(SLOTS), rights, raw;
	uint64_t guest = slot_address(s) + below(PAGE_SIZE), host = 0, raw_host = 0;

	if (!npts[e])
		return;
	rights = npt_lookup(npts[e], guest, &host);
	raw = processor_walk(npt_root(npts[e]), guest, &raw_host);
	CHECK(rights == slots[e][s].rights && raw == rights);
	if (!rights)
		return;
	CHECK(host == slots[e][s].host + guest % PAGE_SIZE && raw_host == host);
	remember(e + 2, guest, host, rights, npt_generation(npts[e]));
}

static void op_lookup_linux(void)
{
	uint64_t address = some_page() * PAGE_SIZE + below(PAGE_SIZE), host = 0, raw_host = 0;
	enum owner owner = owners[address / PAGE_SIZE];
	unsigned int rights = npt_lookup(npt_linux(), address, &host),
		     raw = processor_walk(npt_root(npt_linux()), address, &raw_host), device;

	CHECK(owner_of(address) == owner && raw == rights);
	CHECK(rights == (owner == OWNER_LINUX ? 7 : owner == OWNER_EPC ? 1 : 0));
	CHECK(!rights || host == raw_host);
	if (owner == OWNER_LINUX)
		CHECK(host == address);
	if (owner == OWNER_EPC)
		CHECK(raw_table(PAGE_DOWN(host))[host % PAGE_SIZE / 8] == ~0ULL);
	if (rights)
		remember(0, address, host, rights, 0);
	device = dma((uint16_t)below(300), address, &raw_host);
	CHECK(device == (owner == OWNER_LINUX ? 3 : 0));
	CHECK(!device || raw_host == address);
	if (device)
		remember(1, address, raw_host, device, 0);
	address = LIMIT + below(1ULL << 48);
	CHECK(owner_of(address) == OWNER_PROTECTED && !npt_lookup(npt_linux(), address, &host));
}

static void op_enclave(void)
{
	unsigned int e = any_enclave();
	uint64_t before = 0;

	if (npts[e] && below(4) == 0) {
		before = npt_generation(npts[e]);
		npt_free(npts[e]);
		npts[e] = NULL;
		memset(slots[e], 0, sizeof(slots[e]));
	} else if (!npts[e]) {
		size_t left = pool_left();

		npts[e] = npt_new();
		CHECK(npts[e] || !left);
		CHECK(!npts[e] || npt_generation(npts[e]) > before);
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
	check_cache();
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
	else if (what < 970)
		op_lookup_linux();
	else if (what < 990)
		op_change();
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
		many[i] = (struct memory_range){ i * 0x2000ULL, i * 0x2000ULL + 0x1000, OWNER_EPC };
	fresh(many, ARRAY_SIZE(many), 0x1000000, -ENOSPC);
	fresh(many, ARRAY_SIZE(many) / 2 - 1, 0x1000000, 0);
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
		CHECK(npt_lookup(npt_linux(), limit - 1, &host) == 7 && host == limit - 1);
		CHECK(!npt_lookup(npt_linux(), limit, &host));
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
	pool_retire(run);
	CHECK(pool_left() == left - 23);
	pool_reclaim();
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

/* The largest pages that fit, and back again after a split; what falls out waits for the flush. */
static void test_split_and_merge(void)
{
	size_t left, none;

	fresh(NULL, 0, 1ULL << 40, 0);
	left = pool_left();
	CHECK(!owner_change(NULL, 0x40200000, 0x40201000, OWNER_LINUX, OWNER_EPC));
	CHECK(pool_left() == left - 2);
	CHECK(!owner_change(NULL, 0x40201000, 0x40400000, OWNER_LINUX, OWNER_EPC));
	CHECK(pool_left() == left - 1); /* 2 MiB of EPC: the shared table */
	CHECK(!owner_change(NULL, 0x40000000, 0x40200000, OWNER_LINUX, OWNER_EPC));
	CHECK(!owner_change(NULL, 0x40400000, 0x80000000, OWNER_LINUX, OWNER_EPC));
	CHECK(pool_left() == left); /* 1 GiB of EPC */
	CHECK(!owner_change(NULL, 0x7ffff000, 0x80000000, OWNER_EPC, OWNER_LINUX));
	CHECK(pool_left() == left - 2);
	CHECK(!owner_change(NULL, 0x40000000, 0x7ffff000, OWNER_EPC, OWNER_LINUX));
	none = pool_left();
	CHECK(none == left && !owner_check());
}

static void test_iommu(void)
{
	struct ivrs ivrs = { .count = 1, .last_device = 255 };
	struct memory_range ranges[IOMMU_UNITS];
	size_t left;

	ivrs.units[0].base = IOMMU_BASE;
	fresh(NULL, 0, LIMIT, 0);
	left = pool_left();
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
	CHECK(iommu_enable() == -EIO && !iommu_active() && pool_left() == left);
	iommu_dead = false;
	/* Without "invalidate all" each device is told: more commands than the ring holds. */
	CHECK(!iommu_enable() && iommu_active() == 1 && iommu_commands > 512);
	CHECK(!owner_check());
	registers[0x2018 / 8] = 0x30;
	CHECK(!iommu_flush() && iommu_refused() == 3);
	iommu_dead = true;
	CHECK(owner_change(NULL, 0x40000000, 0x40001000, OWNER_LINUX, OWNER_EPC) == -EIO);
	CHECK(owner_of(0x40000000) == OWNER_EPC);
	iommu_dead = false;
	registers[0x18 / 8] &= ~1ULL;
	CHECK(owner_check());
	registers[0x18 / 8] |= 1;
	CHECK(!owner_check());
	iommu_disable();
	CHECK(!iommu_active() && registers[0x18 / 8] == 0);
	registers[0x30 / 8] = 1 << 6; /* invalidate all */
	CHECK(!iommu_prepare(&ivrs, map_registers));
}

/* Corruption that owner_check must see: it is the test's own eye. */
static void test_check_sees(void)
{
	struct npt *npt, *other;
	uint64_t *table;

	fresh(&(struct memory_range){ 0x200000, 0x400000, OWNER_EPC }, 1, LIMIT, 0);
	npt = npt_new();
	other = npt_new();
	CHECK(!npt_map(npt, 0x1000, 0x200000, NPT_READ | NPT_WRITE | NPT_EXEC) && !owner_check());
	CHECK(npt_map(other, 0x1000, 0x200000, NPT_READ) == -EBUSY);
	CHECK(!npt_map(other, 0x1000, 0x201000, NPT_READ));
	table = pool_virtual(npt_root(npt_linux()));
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
	CHECK(!npt_map(npt, 0, 0x200000, NPT_READ) && !npt_map(other, 0, 0x201000, NPT_READ));
	table = pool_virtual(npt_root(other));
	for (int level = 4; level > 1; level--)
		table = entry_table(table[0]);
	table[0] ^= 0x1000; /* another's page of EPC */
	CHECK(owner_check());
	table[0] = 0x600000 | ENTRY_LEAF; /* Linux's, executable */
	CHECK(owner_check());
}

/* Who holds may rely on what owner_of said, while another processor changes it back and forth. */
#define WATCHED 0x41000000UL
static bool given, finished;
static unsigned long relied;

static void *reader(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
		unsigned int hold = owner_hold();

		if (owner_of(WATCHED) == OWNER_LINUX) {
			for (unsigned int i = 0; i < 50; i++)
				CHECK(!__atomic_load_n(&given, __ATOMIC_SEQ_CST));
			__atomic_add_fetch(&relied, 1, __ATOMIC_RELAXED);
		}
		owner_release(hold);
		CHECK(owner_of(0x42000000) == OWNER_LINUX && owner_of(LIMIT) == OWNER_PROTECTED);
	}
	return NULL;
}

static void test_holders(void)
{
	pthread_t threads[2];

	fresh(NULL, 0, LIMIT, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK(!pthread_create(&threads[i], NULL, reader, NULL));
	for (unsigned int i = 0; i < 200 || relied < 20; i++) {
		uint64_t end = WATCHED + (1 + i % 3) * PAGE_SIZE;

		CHECK(!owner_change(NULL, WATCHED, end, OWNER_LINUX, OWNER_EPC));
		__atomic_store_n(&given, true, __ATOMIC_SEQ_CST);
		CHECK(!owner_change(NULL, 0x1000, 0x2000, i % 2 ? OWNER_EPC : OWNER_LINUX,
				    i % 2 ? OWNER_LINUX : OWNER_EPC));
		__atomic_store_n(&given, false, __ATOMIC_SEQ_CST);
		CHECK(!owner_change(NULL, WATCHED, end, OWNER_EPC, OWNER_LINUX));
	}
	__atomic_store_n(&finished, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(!owner_check());
}

static void start_model(void)
{
	static const struct memory_range ranges[] = {
		{ 0x200000, 0x600000, OWNER_EPC },
		{ POOL_BASE, POOL_BASE + POOL_PAGES * PAGE_SIZE, OWNER_HYPERVISOR },
		{ 0x3ff00000, 0x40300000, OWNER_EPC },
		{ 0x50000000, 0x50004000, OWNER_PROTECTED }
	};

	fresh(ranges, ARRAY_SIZE(ranges), LIMIT, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++)
		memset(owners + ranges[i].start / PAGE_SIZE, ranges[i].owner,
		       (ranges[i].end - ranges[i].start) / PAGE_SIZE);
	extents = 1;
	for (uint64_t i = 1; i < PAGES; i++)
		extents += owners[i] != owners[i - 1];
	CHECK(!iommu_enable());
}

/* Everything back to Linux: the pool is as full as if nothing had ever happened. */
static void finish_model(void)
{
	size_t tables;

	while (hoarded)
		pool_put(hoard[--hoarded]);
	for (unsigned int e = 0; e < ENCLAVES; e++) {
		if (npts[e])
			npt_free(npts[e]);
		npts[e] = NULL;
	}
	memset(slots, 0, sizeof(slots));
	/* Beside the pool, which stays, a change can need one extent more than there are: it succeeds once others have gone. */
	for (int pass = 0; pass < 2; pass++) {
		for (uint64_t start = 0, end; start < PAGES; start = end) {
			int r;

			end = start;
			while (end < PAGES && owners[end] == owners[start] &&
			       in_pool(end, end + 1) == in_pool(start, start + 1))
				end++;
			if (owners[start] == OWNER_LINUX || in_pool(start, end))
				continue;
			r = owner_change(NULL, start * PAGE_SIZE, end * PAGE_SIZE, owners[start],
					 OWNER_LINUX);
			CHECK(r == 0 || (r == -ENOSPC && !pass));
			if (!r)
				change_model(start, end, OWNER_LINUX);
		}
	}
	check_all();
	CHECK(!epc_users_pages() && !epc_users_total());
	iommu_disable();
	tables = pool_left();
	fresh(&(struct memory_range){ POOL_BASE, POOL_BASE + POOL_PAGES * PAGE_SIZE,
				      OWNER_HYPERVISOR },
	      1, LIMIT, 0);
	CHECK(pool_left() == tables);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000,
		 every = count > 100000 ? 5000 : 500;
	clock_t begin;

	if (argc > 2)
		rng_state = strtoull(argv[2], NULL, 0) * 2 + 1;
	pool_memory = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	test_refused_ranges();
	test_limits();
	test_pool();
	test_split_and_merge();
	test_check_sees();
	test_holders();
	test_iommu();
	start_model();
	begin = clock();
	for (operation = 0; operation < count; operation++) {
		random_operation();
		if (operation % 64 == 0)
			check_cache();
		if (operation % every == 0)
			check_all();
	}
	finish_model();
	printf("%lu operations: %lu changes of owner; refused: %lu busy, %lu no memory, %lu not the owner's, %lu too many extents; %lu pages mapped, %lu "
	       "refused; %lu IOMMU commands; %.1f s\n",
	       (unsigned long)count, changes, refusals[0], refusals[1], refusals[2], refusals[3],
	       maps, map_refusals, iommu_commands, (double)(clock() - begin) / CLOCKS_PER_SEC);
	free(pool_memory);
	return 0;
}
