/* SPDX-License-Identifier: Apache-2.0 */
/* Page allocator and slabs under random load, checked by patterns in everything that is allocated. */
#include "kernel/mm/test_platform.h"

#include "kernel/mm/pages.c"
#include "kernel/mm/slab.c"

void mm_init(void)
{
}

#define SLOTS 400

struct slot {
	unsigned char *p;
	size_t size; /* bytes; pages * PAGE_SIZE for pages */
	unsigned char pattern;
	bool is_pages;
};
static struct slot slots[SLOTS];

static void paint(struct slot *s)
{
	s->pattern = (unsigned char)rand();
	memset(s->p, s->pattern, s->size < 512 ? s->size : 512);
	memset(s->p + s->size - (s->size < 512 ? s->size : 512), s->pattern,
	       s->size < 512 ? s->size : 512);
}

static void check(const struct slot *s)
{
	for (size_t i = 0; i < s->size && i < 512; i++) {
		CHECK(s->p[i] == s->pattern);
		CHECK(s->p[s->size - 1 - i] == s->pattern);
	}
}

static void check_zero(const unsigned char *p, size_t size)
{
	for (size_t i = 0; i<size; i += size> 100000 ? 509 : 1)
		CHECK(!p[i]);
}

static size_t random_size(void)
{
	switch (rand() % 6) {
	case 0:
		return (size_t)rand() % 20000 + 1;
	case 1:
		return (size_t)rand() % 200000 + 1;
	default:
		return (size_t)rand() % 600 + 1;
	}
}

static void one(struct slot *s)
{
	if (s->p) {
		check(s);
		if (!s->is_pages && rand() % 3 == 0) {
			size_t size = random_size(), common = s->size < size ? s->size : size;
			unsigned char *p = krealloc(s->p, size);

			if (!p)
				return;
			for (size_t i = 0; i < common && i < 512 && i < s->size; i++)
				CHECK(p[i] == s->pattern);
			s->p = p;
			s->size = size;
			paint(s);
			return;
		}
		if (s->is_pages)
			pages_put(s->p, s->size / PAGE_SIZE);
		else
			kfree(s->p);
		s->p = NULL;
		return;
	}
	s->is_pages = rand() % 4 == 0;
	if (s->is_pages) {
		size_t count = rand() % 20 ? (size_t)rand() % 40 + 1 : (size_t)rand() % 3000 + 1;

		if (rand() % 2) {
			s->p = pages_alloc(count);
		} else {
			s->p = pages_alloc_zeroed(count);
			if (s->p)
				check_zero(s->p, count * PAGE_SIZE);
		}
		s->size = count * PAGE_SIZE;
		CHECK(!((uintptr_t)s->p & (PAGE_SIZE - 1)));
	} else {
		s->size = random_size();
		if (rand() % 2) {
			s->p = kmalloc(s->size);
		} else {
			s->p = kzalloc(s->size);
			if (s->p)
				check_zero(s->p, s->size);
		}
		CHECK(!((uintptr_t)s->p & 15));
	}
	if (s->p)
		paint(s);
}

static size_t shrunk;

static size_t test_shrinker(size_t wanted)
{
	(void)wanted;
	shrunk++;
	return 0;
}

static void check_lists(void)
{
	size_t count = 0, dirty = 0;

	for (unsigned int l = 0; l < 2; l++)
		for (unsigned int o = 0; o < ORDER_MAX; o++)
			for (uint32_t n = free_lists[l][o]; n; n = records[n].next) {
				CHECK(records[n].kind == PAGE_FREE && records[n].order == o &&
				      records[n].list == l);
				CHECK(!(n & ((1u << o) - 1)));
				for (uint32_t i = n; i < n + (1u << o); i++) {
					dirty += records[i].dirty;
					CHECK(l || !records[i].dirty);
				}
				count += 1u << o;
			}
	for (size_t c = 0; c < chunks; c++)
		if (!bit_test(chunk_used, c)) {
			size_t d = 0;

			count += CHUNK_PAGES;
			for (size_t i = c * CHUNK_PAGES; i < (c + 1) * CHUNK_PAGES; i++) {
				CHECK(records[i].kind == PAGE_NONE);
				d += records[i].dirty;
			}
			CHECK(!d || bit_test(chunk_dirty, c));
			dirty += d;
		}
	CHECK(dirty == free_dirty);
	CHECK(count + used + PAGE_UP(total * 16 + 2 * ((chunks + 63) / 64 * 8)) / PAGE_SIZE ==
	      total);
}

int main(void)
{
	struct memory_usage before, after;
	void *p;

	test_start(1UL << 30, 200UL << 20);
	memory_add_shrinker(test_shrinker);
	memory_usage(&before);
	check_lists();
	for (int i = 0; i < 200000; i++) {
		one(&slots[rand() % SLOTS]);
		if (i % 20000 == 0)
			check_lists();
	}
	for (int i = 0; i < SLOTS; i++)
		while (slots[i].p)
			one(&slots[i]);
	memory_usage(&after);
	CHECK(before.objects == after.objects);
	check_lists();

	/* The limit, and what is beyond it. */
	shrunk = 0;
	CHECK(!pages_alloc((200UL << 20) / PAGE_SIZE + 1));
	p = pages_alloc(49000);
	CHECK(p);
	CHECK(!pages_alloc(4000) && shrunk == 1);
	/* References: freed page by page. */
	pages_get((char *)p + PAGE_SIZE, 100);
	CHECK(pages_refs((char *)p + PAGE_SIZE) == 2 && pages_refs(p) == 1);
	pages_put(p, 49000);
	CHECK(pages_refs((char *)p + PAGE_SIZE) == 1);
	memory_usage(&after);
	CHECK(after.pages_used < 49000 && after.pages_used >= 100);
	pages_put((char *)p + PAGE_SIZE, 100);
	CHECK(test_discarded && pages_free_dirty() <= dirty_max);
	check_lists();
	CHECK(!kcalloc(SIZE_MAX / 2, 4) && !kmalloc(SIZE_MAX - 5));
	CHECK(kmem_cache_new("a", 100) == kmem_cache_new("b", 112));
	return 0;
}
