/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for tables, from the hypervisor's own memory. A bit a page, in the pool's own first pages: used.
 * Pages are zeroed when they are given out. Putting a page twice, or one that is not the pool's, is a bug of ours and stops the machine.
 * Lock: pool_lock, innermost of all.
 */
#include "hypervisor/mem/owner_internal.h"
#include "lib/base/string.h"

static struct {
	uint8_t *start;
	uint64_t physical;
	size_t pages, first; /* first: behind the bits */
	size_t hint;	     /* no free page lies below it */
	uint64_t *used;
	bool lock;
} pool;

uintptr_t pool_offset;

static bool is_used(size_t i)
{
	return pool.used[i / 64] >> i % 64 & 1;
}

static void flip(size_t i)
{
	pool.used[i / 64] ^= 1ULL << i % 64;
}

void pool_init(void *start, uint64_t physical_start, size_t size)
{
	size_t words = size / PAGE_SIZE / 64 + 1;

	assert((uintptr_t)start % PAGE_SIZE == 0 && physical_start % PAGE_SIZE == 0);
	memset(&pool, 0, sizeof(pool));
	pool.start = start;
	pool.physical = physical_start;
	pool_offset = (uintptr_t)start - physical_start;
	pool.pages = size / PAGE_SIZE;
	pool.first = PAGE_UP(words * sizeof(uint64_t)) / PAGE_SIZE;
	assert(pool.first < pool.pages);
	memset(start, 0, pool.first * PAGE_SIZE);
	pool.used = start;
	for (size_t i = 0; i < pool.first; i++)
		flip(i);
	pool.hint = pool.first;
}

static size_t run_free(size_t at, size_t count)
{
	size_t n = 0;

	while (n < count && at + n < pool.pages && !is_used(at + n))
		n++;
	return n;
}

void *pool_pages(size_t count)
{
	uint8_t *page = NULL;

	spin_lock(&pool.lock);
	while (pool.hint < pool.pages && is_used(pool.hint))
		pool.hint += pool.used[pool.hint / 64] == ~0ULL ? 64 - pool.hint % 64 : 1;
	for (size_t at = pool.hint, n; at < pool.pages; at += n + 1) {
		n = run_free(at, count);
		if (n < count)
			continue;
		for (size_t i = 0; i < count; i++)
			flip(at + i);
		page = pool.start + at * PAGE_SIZE;
		break;
	}
	spin_unlock(&pool.lock);
	if (page)
		memset(page, 0, count * PAGE_SIZE);
	return page;
}

void *pool_page(void)
{
	return pool_pages(1);
}

void pool_put(void *page)
{
	size_t i = (size_t)((const uint8_t *)page - pool.start) / PAGE_SIZE;

	spin_lock(&pool.lock);
	assert((uintptr_t)page % PAGE_SIZE == 0 && (const uint8_t *)page >= pool.start &&
	       i >= pool.first && i < pool.pages && is_used(i));
	flip(i);
	pool.hint = MIN(pool.hint, i);
	spin_unlock(&pool.lock);
}

uint64_t pool_physical(const void *page)
{
	size_t offset = (size_t)((const uint8_t *)page - pool.start);

	assert((const uint8_t *)page >= pool.start && offset < pool.pages * PAGE_SIZE);
	return pool.physical + offset;
}

void *pool_virtual(uint64_t address)
{
	if (address < pool.physical + pool.first * PAGE_SIZE ||
	    address - pool.physical >= pool.pages * PAGE_SIZE)
		return NULL;
	return pool.start + (address - pool.physical);
}
