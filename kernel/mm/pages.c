/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page allocator. Enclave memory is one region, usually far larger than what may be in use at once (the limit) and
 * backed by the host only where it was touched. It is cut into chunks of 4 MiB; a bitmap says which chunks are taken,
 * and requests above 4 MiB are runs of whole chunks in it. Smaller ones come from a buddy system inside chunks.
 *
 * At the start of the region lie the records of all pages (struct page) and the chunk bitmaps; all zero means "free,
 * never used", so they are touched only as far as memory was used.
 *
 * Invariants: (1) a free block of order < 10 has PAGE_FREE at its head and is on free_lists[dirty][order]; a free chunk
 * has PAGE_NONE everywhere and a 0 in chunk_used; (2) a page whose record is not dirty holds zeros; (3) a block on a
 * clean list has no dirty page, a chunk with a dirty page has its bit in chunk_dirty; (4) `used` counts the pages handed
 * out and never exceeds the limit.
 *
 * Pages that were freed stay dirty and are used again first (they are resident); when too many have piled up, whole
 * blocks go back to the host.
 *
 * pages_lock guards lists, bitmaps and records of free pages. refs of used pages are atomic. It is a leaf lock;
 * shrinkers run without it.
 */
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/page.h"

#include "abi/platform.h"
#include "kernel/task/sync.h"
#include "lib/base/string.h"

#define ORDER_MAX 10u
#define CHUNK_PAGES (1u << ORDER_MAX)
#define DISCARD_ORDER 4u /* 64 KiB: less is not worth a host call */
#define SHRINKERS_MAX 8

static struct mutex pages_lock;
static uintptr_t base;
static size_t total; /* pages in the region */
static struct page *records;
static uint64_t *chunk_used, *chunk_dirty;
static size_t chunks, chunk_hint; /* no free chunk below the hint */
static size_t chunks_dirty;	  /* bits set in chunk_dirty */
static uint32_t free_lists[2][ORDER_MAX];
static size_t limit, used, used_peak, free_dirty, dirty_max;

static size_t (*shrinkers[SHRINKERS_MAX])(size_t wanted);
static unsigned int shrinker_count;
static struct mutex shrink_lock;
static int64_t cache_pages;

static inline size_t number_of(const void *address)
{
	return ((uintptr_t)address - base) >> PAGE_SHIFT;
}

static inline void *address_of(size_t number)
{
	return (void *)(base + (number << PAGE_SHIFT));
}

struct page *page_of(const void *address)
{
	size_t n = number_of(address);

	return (uintptr_t)address >= base && n < total ? &records[n] : NULL;
}

static inline bool bit_test(const uint64_t *map, size_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}

static inline void bit_set(uint64_t *map, size_t i)
{
	map[i / 64] |= 1ULL << (i % 64);
}

static inline void bit_clear(uint64_t *map, size_t i)
{
	map[i / 64] &= ~(1ULL << (i % 64));
}

static void list_push(size_t n, unsigned int order, bool dirty)
{
	struct page *p = &records[n];
	uint32_t *head = &free_lists[dirty][order];

	p->kind = PAGE_FREE;
	p->order = (uint8_t)order;
	p->list = dirty;
	p->prev = 0;
	p->next = *head;
	if (*head)
		records[*head].prev = (uint32_t)n;
	*head = (uint32_t)n;
}

static void list_take(size_t n)
{
	struct page *p = &records[n];

	if (p->prev)
		records[p->prev].next = p->next;
	else
		free_lists[p->list][p->order] = p->next;
	if (p->next)
		records[p->next].prev = p->prev;
	p->kind = PAGE_NONE;
}

/* Gives a block back, joining it with its free buddies. */
static void block_free(size_t n, unsigned int order, bool dirty)
{
	for (; order < ORDER_MAX; order++) {
		size_t buddy = n ^ ((size_t)1 << order);
		struct page *b = &records[buddy];

		if (buddy >= total || b->kind != PAGE_FREE || b->order != order)
			break;
		dirty |= b->list;
		list_take(buddy);
		n &= ~((size_t)1 << order);
	}
	if (order < ORDER_MAX) {
		list_push(n, order, dirty);
		return;
	}
	n /= CHUNK_PAGES;
	bit_clear(chunk_used, n);
	if (dirty && !bit_test(chunk_dirty, n)) {
		bit_set(chunk_dirty, n);
		chunks_dirty++;
	}
	if (n < chunk_hint)
		chunk_hint = n;
}

/* Any run of pages, as the largest aligned blocks it is made of. */
static void run_free(size_t n, size_t count, bool dirty)
{
	while (count) {
		unsigned int order = n ? (unsigned int)__builtin_ctzl(n) : ORDER_MAX;

		if (order > ORDER_MAX)
			order = ORDER_MAX;
		while (((size_t)1 << order) > count)
			order--;
		block_free(n, order, dirty);
		n += (size_t)1 << order;
		count -= (size_t)1 << order;
	}
}

static void chunk_take(size_t c, bool *dirty)
{
	bit_set(chunk_used, c);
	if (bit_test(chunk_dirty, c)) {
		bit_clear(chunk_dirty, c);
		chunks_dirty--;
		*dirty = true;
	}
}

/* First run of `count` free chunks at or after `from`; chunks if there is none. */
static size_t chunks_find(size_t from, size_t count)
{
	size_t run = 0;

	for (size_t c = from; c < chunks;) {
		if (!(c % 64) && chunk_used[c / 64] == ~0ULL) {
			c += 64;
			run = 0;
			continue;
		}
		run = bit_test(chunk_used, c) ? 0 : run + 1;
		c++;
		if (run == count)
			return c - count;
	}
	return chunks;
}

/* One chunk, a resident one first. */
static bool chunk_alloc(size_t *ret_number, bool *ret_dirty)
{
	size_t c;

	*ret_dirty = false;
	if (chunks_dirty) {
		for (c = 0; c < (chunks + 63) / 64; c++)
			if (chunk_dirty[c])
				break;
		c = c * 64 + (size_t)__builtin_ctzl(chunk_dirty[c]);
	} else {
		c = chunks_find(chunk_hint, 1);
		chunk_hint = c < chunks ? c + 1 : c;
	}
	if (c >= chunks)
		return false;
	chunk_take(c, ret_dirty);
	*ret_number = c * CHUNK_PAGES;
	return true;
}

/* A block of exactly 1 << order pages, off the lists. Dirty blocks first within an order: they are resident. */
static bool block_alloc(unsigned int order, size_t *ret_number, bool *ret_dirty)
{
	unsigned int o = order;
	size_t n;

	for (; o < ORDER_MAX; o++) {
		if (free_lists[1][o] || free_lists[0][o]) {
			*ret_dirty = free_lists[1][o] != 0;
			n = free_lists[*ret_dirty][o];
			list_take(n);
			goto split;
		}
	}
	if (!chunk_alloc(&n, ret_dirty))
		return false;
split:
	/* The low half is kept: what is allocated together lies together. */
	while (o > order) {
		o--;
		list_push(n + ((size_t)1 << o), o, *ret_dirty);
	}
	*ret_number = n;
	return true;
}

static bool run_alloc(size_t count, size_t *ret_number)
{
	bool dirty = false;
	size_t n, size;

	if (count <= CHUNK_PAGES) {
		unsigned int order = 0;

		while (((size_t)1 << order) < count)
			order++;
		if (!block_alloc(order, &n, &dirty))
			return false;
		size = (size_t)1 << order;
	} else {
		size_t need = (count + CHUNK_PAGES - 1) / CHUNK_PAGES, c;

		c = chunks_find(chunk_hint, need);
		if (c >= chunks)
			return false;
		for (size_t i = 0; i < need; i++)
			chunk_take(c + i, &dirty);
		if (c == chunk_hint)
			chunk_hint = c + need;
		n = c * CHUNK_PAGES;
		size = need * CHUNK_PAGES;
	}
	if (size > count)
		run_free(n + count, size - count, dirty);
	*ret_number = n;
	return true;
}

/*
 * Gives dirty free blocks back to the host, biggest first, until half of what may stay is left. A block is off the
 * lists while the host works on it, and the lock is free.
 */
static void discard_some(void)
{
	for (;;) {
		unsigned int order = ORDER_MAX;
		size_t n = 0, count = CHUNK_PAGES;
		bool dirty;

		mutex_lock(&pages_lock);
		if (free_dirty <= dirty_max / 2)
			break;
		if (chunks_dirty) {
			if (!chunk_alloc(&n, &dirty))
				break;
			/* Neighbours with it: one host call for a large file that was deleted. */
			while (count < 64 * CHUNK_PAGES && (n + count) / CHUNK_PAGES < chunks &&
			       bit_test(chunk_dirty, (n + count) / CHUNK_PAGES)) {
				chunk_take((n + count) / CHUNK_PAGES, &dirty);
				count += CHUNK_PAGES;
			}
		} else {
			while (order > DISCARD_ORDER && !free_lists[1][order - 1])
				order--;
			if (order-- == DISCARD_ORDER || !free_lists[1][order])
				break;
			n = free_lists[1][order];
			list_take(n);
			count = (size_t)1 << order;
		}
		mutex_unlock(&pages_lock);
		plat_discard(address_of(n), count << PAGE_SHIFT);
		mutex_lock(&pages_lock);
		for (size_t i = n; i < n + count; i++) {
			free_dirty -= records[i].dirty;
			records[i].dirty = 0;
		}
		run_free(n, count, false);
		mutex_unlock(&pages_lock);
	}
	mutex_unlock(&pages_lock);
}

/* Memory is short: asks the caches. Only one task at a time; the others wait a little and try again. */
static void shrink(size_t wanted)
{
	for (unsigned int i = 0; !mutex_trylock(&shrink_lock); i++) {
		/* Bounded: a shrinker that allocates gets here with the lock held by itself. */
		if (i == 20000)
			return;
		__builtin_ia32_pause();
	}
	for (unsigned int i = 0; i < shrinker_count; i++) {
		size_t freed = shrinkers[i](wanted);

		if (freed >= wanted)
			break;
		wanted -= freed;
	}
	mutex_unlock(&shrink_lock);
}

/* Takes the pages out of the free ones: records set, `used` counted. False: no memory. */
static bool run_take(size_t count, size_t *ret_number, bool *ret_dirty)
{
	size_t n, dirty = 0;

	mutex_lock(&pages_lock);
	if (count > limit - used || !run_alloc(count, &n)) {
		mutex_unlock(&pages_lock);
		return false;
	}
	used += count;
	if (used > used_peak)
		used_peak = used;
	for (size_t i = n; i < n + count; i++) {
		dirty += records[i].dirty;
		records[i].kind = PAGE_USED;
		records[i].refs = 1;
	}
	free_dirty -= dirty;
	mutex_unlock(&pages_lock);
	*ret_number = n;
	*ret_dirty = dirty != 0;
	return true;
}

static void *alloc_run(size_t count, bool zeroed)
{
	bool dirty;
	size_t n;

	if (!count || count > limit)
		return NULL;
	if (unlikely(!run_take(count, &n, &dirty))) {
		/* Some more than asked for, so that the next ones need not come here at once. */
		shrink(count + count / 4 + 64);
		if (!run_take(count, &n, &dirty))
			return NULL;
	}
	if (zeroed && dirty) {
		for (size_t i = n; i < n + count; i++)
			if (records[i].dirty)
				memset(address_of(i), 0, PAGE_SIZE);
	}
	for (size_t i = n; i < n + count; i++)
		records[i].dirty = 1;
	return address_of(n);
}

void *pages_alloc(size_t count)
{
	return alloc_run(count, false);
}

void *pages_alloc_zeroed(size_t count)
{
	return alloc_run(count, true);
}

void pages_get(void *pages, size_t count)
{
	struct page *p = &records[number_of(pages)];

	while (count--)
		__atomic_add_fetch(&p++->refs, 1, __ATOMIC_RELAXED);
}

unsigned int pages_refs(void *page)
{
	return __atomic_load_n(&records[number_of(page)].refs, __ATOMIC_RELAXED);
}

static void run_give_back(size_t n, size_t count)
{
	bool trim;

	mutex_lock(&pages_lock);
	for (size_t i = n; i < n + count; i++) {
		records[i].kind = PAGE_NONE;
		records[i].value = 0;
	}
	used -= count;
	free_dirty += count;
	run_free(n, count, true);
	trim = free_dirty > dirty_max;
	mutex_unlock(&pages_lock);
	if (unlikely(trim))
		discard_some();
}

void pages_put(void *pages, size_t count)
{
	size_t n = number_of(pages), start = n, run = 0;

	assert(n < total && count <= total - n);
	for (; count; n++, count--) {
		uint32_t left = __atomic_sub_fetch(&records[n].refs, 1, __ATOMIC_ACQ_REL);

		assert(left != UINT32_MAX);
		if (!left) {
			if (!run++)
				start = n;
		} else if (run) {
			run_give_back(start, run);
			run = 0;
		}
	}
	if (run)
		run_give_back(start, run);
}

void memory_add_shrinker(size_t (*function)(size_t pages_wanted))
{
	mutex_lock(&shrink_lock);
	assert(shrinker_count < SHRINKERS_MAX);
	shrinkers[shrinker_count++] = function;
	mutex_unlock(&shrink_lock);
}

void memory_account_cache(int64_t pages)
{
	__atomic_add_fetch(&cache_pages, pages, __ATOMIC_RELAXED);
}

size_t pages_free_dirty(void)
{
	return __atomic_load_n(&free_dirty, __ATOMIC_RELAXED);
}

void pages_usage(struct memory_usage *ret)
{
	ret->limit = limit << PAGE_SHIFT;
	ret->pages_used = __atomic_load_n(&used, __ATOMIC_RELAXED);
	ret->pages_peak = __atomic_load_n(&used_peak, __ATOMIC_RELAXED);
	ret->cache_pages = (size_t)__atomic_load_n(&cache_pages, __ATOMIC_RELAXED);
}

void pages_init(void)
{
	const struct plat_info *info = plat_info();
	size_t bitmap, overhead, head;

	base = info->memory;
	chunks = info->memory_size / (CHUNK_PAGES * PAGE_SIZE);
	total = chunks * CHUNK_PAGES;
	bitmap = (chunks + 63) / 64 * sizeof(uint64_t);
	overhead = PAGE_UP(total * sizeof(struct page) + 2 * bitmap) >> PAGE_SHIFT;
	if (!chunks || overhead >= total || total >= UINT32_MAX)
		panic("enclave memory of %zu bytes is too small or too large", info->memory_size);
	records = (struct page *)base;
	chunk_used = (uint64_t *)(base + total * sizeof(struct page));
	chunk_dirty = chunk_used + bitmap / sizeof(uint64_t);
	limit = info->memory_limit >> PAGE_SHIFT;
	if (limit > total)
		limit = total;
	dirty_max = limit / 16;
	if (dirty_max > (64UL << 20) >> PAGE_SHIFT)
		dirty_max = (64UL << 20) >> PAGE_SHIFT;
	if (dirty_max < 512)
		dirty_max = 512;
	/* The records' own chunks; what they leave of the last one is the first memory handed out. */
	head = (overhead + CHUNK_PAGES - 1) / CHUNK_PAGES;
	for (size_t c = 0; c < head; c++)
		bit_set(chunk_used, c);
	chunk_hint = head;
	run_free(overhead, head * CHUNK_PAGES - overhead, false);
}
