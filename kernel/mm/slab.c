/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small kernel objects. A cache holds objects of one size in slabs of 1 to 8 pages; a slab's head is at its start, and
 * the record of each of its pages says how far back that is, so an object finds its slab without a search. Objects
 * that were never used are not touched, freed ones are used again first. kmalloc has a cache for each of its size
 * classes, and kmem_cache_new shares a cache among all users of one size: a new process pays for each kernel page
 * it touches. For the same reason slabs are cut from windows of 64 KiB.
 *
 * Each cache has its lock (a leaf, but for pages_lock). A cache keeps at most one empty slab.
 */
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/page.h"

#include "abi/platform.h"
#include "kernel/task/sync.h"
#include "lib/base/list.h"
#include "lib/base/string.h"

#define SLAB_PAGES_MAX 8u
#define WINDOW_PAGES 16u
#define KMALLOC_MAX 8192UL
#define CACHES_MAX 96

struct slab {
	struct list link; /* in the cache's partial list; to itself when full */
	struct kmem_cache *cache;
	void *free; /* freed objects, linked through their first word */
	uint32_t used;
	uint32_t fresh;	      /* objects from here on were never used */
	uint64_t reserved[3]; /* objects start on a cache line */
};
_Static_assert(sizeof(struct slab) == 64, "one cache line");

struct kmem_cache {
	struct mutex lock;
	uint32_t size, pages, per_slab;
	struct list partial; /* slabs with room; empty ones at the tail */
	uint32_t empty;	     /* of them, slabs with nothing used */
	uint32_t reserved;
	uint64_t slabs, objects;
	const char *name;
};

static const uint16_t class_sizes[] = { 16,  32,  48,	64,   96,   128,  192,	256,  384,
					512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192 };
#define CLASSES ARRAY_SIZE(class_sizes)

static struct kmem_cache caches[CACHES_MAX];
static unsigned int cache_count;
static struct mutex caches_lock;
static uint8_t class_of_small[1024 / 16 + 1]; /* by (size + 15) / 16 */

static struct mutex window_lock;
static char *window;
static size_t window_left;

static uint64_t large_objects, large_pages;

static void cache_setup(struct kmem_cache *c, const char *name, size_t size)
{
	unsigned int pages = 1;

	/* The smallest slab that wastes less than an eighth. */
	for (; pages < SLAB_PAGES_MAX; pages *= 2) {
		size_t room = pages * PAGE_SIZE - sizeof(struct slab);

		if (room / size && room % size <= pages * PAGE_SIZE / 8)
			break;
	}
	c->size = (uint32_t)size;
	c->pages = pages;
	c->per_slab = (uint32_t)((pages * PAGE_SIZE - sizeof(struct slab)) / size);
	list_init(&c->partial);
	c->name = name;
}

struct kmem_cache *kmem_cache_new(const char *name, size_t size)
{
	struct kmem_cache *c = NULL;

	size = ROUND_UP(size ? size : 1, 16);
	if (size > KMALLOC_MAX)
		panic("cache %s: objects of %zu bytes are too large", name, size);
	mutex_lock(&caches_lock);
	for (unsigned int i = 0; i < cache_count; i++)
		if (caches[i].size == size)
			c = &caches[i];
	if (!c) {
		if (cache_count == CACHES_MAX)
			panic("cache %s: more than %d caches", name, CACHES_MAX);
		c = &caches[cache_count];
		cache_setup(c, name, size);
		cache_count++;
	}
	mutex_unlock(&caches_lock);
	return c;
}

void kmalloc_init(void)
{
	unsigned int class = 0;

	pages_init();
	for (unsigned int i = 0; i < CLASSES; i++)
		cache_setup(&caches[i], "kmalloc", class_sizes[i]);
	cache_count = CLASSES;
	for (unsigned int i = 0; i < ARRAY_SIZE(class_of_small); i++) {
		while (class_sizes[class] < i * 16)
			class ++;
		class_of_small[i] = (uint8_t) class;
	}
	mm_init();
}

/* Pages for a slab, out of the current window where they fit. */
static void *slab_pages(size_t count)
{
	void *p = NULL;

	mutex_lock(&window_lock);
	if (window_left < count) {
		char *fresh = pages_alloc(WINDOW_PAGES);

		if (fresh) {
			if (window_left)
				pages_put(window, window_left);
			window = fresh;
			window_left = WINDOW_PAGES;
		}
	}
	if (window_left >= count) {
		p = window;
		window += count * PAGE_SIZE;
		window_left -= count;
	}
	mutex_unlock(&window_lock);
	return p ? p : pages_alloc(count);
}

static struct slab *slab_new(struct kmem_cache *c)
{
	struct slab *s = slab_pages(c->pages);
	struct page *p;

	if (!s)
		return NULL;
	p = page_of(s);
	for (uint32_t i = 0; i < c->pages; i++) {
		p[i].kind = PAGE_SLAB;
		p[i].value = i;
	}
	list_init(&s->link);
	s->cache = c;
	s->free = NULL;
	s->used = s->fresh = 0;
	return s;
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	struct slab *s;
	char *p;

	mutex_lock(&c->lock);
	if (unlikely(list_empty(&c->partial))) {
		/* Without the lock: memory may have to be found by shrinkers, which free objects. */
		mutex_unlock(&c->lock);
		s = slab_new(c);
		if (!s)
			return NULL;
		mutex_lock(&c->lock);
		c->slabs++;
		c->empty++;
		list_add(&c->partial, &s->link);
	}
	s = list_first(&c->partial, struct slab, link);
	if (!s->used++)
		c->empty--;
	if (s->free) {
		p = s->free;
		s->free = *(void **)s->free;
	} else {
		p = (char *)(s + 1) + (size_t)s->fresh++ * c->size;
	}
	if (s->used == c->per_slab)
		list_remove(&s->link);
	c->objects++;
	mutex_unlock(&c->lock);
	return p;
}

void *kmem_cache_zalloc(struct kmem_cache *c)
{
	void *p = kmem_cache_alloc(c);

	return p ? memset(p, 0, c->size) : NULL;
}

static void slab_free_object(struct slab *s, void *p)
{
	struct kmem_cache *c = s->cache;
	struct slab *drop = NULL;

	mutex_lock(&c->lock);
	*(void **)p = s->free;
	s->free = p;
	if (s->used == c->per_slab)
		list_add(&c->partial, &s->link);
	c->objects--;
	if (!--s->used) {
		list_remove(&s->link);
		if (c->empty) {
			c->slabs--;
			drop = s;
		} else {
			c->empty++;
			list_add_tail(&c->partial, &s->link);
		}
	}
	mutex_unlock(&c->lock);
	if (drop)
		pages_put(drop, c->pages);
}

static inline struct slab *slab_of(void *p, const struct page *page)
{
	return (struct slab *)(PAGE_DOWN(p) - (uintptr_t)page->value * PAGE_SIZE);
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	struct page *page;

	if (!p)
		return;
	page = page_of(p);
	assert(page && page->kind == PAGE_SLAB && slab_of(p, page)->cache == c);
	slab_free_object(slab_of(p, page), p);
}

static struct kmem_cache *class_for(size_t size)
{
	unsigned int class;

	if (size <= 1024)
		return &caches[class_of_small[(size + 15) / 16]];
	class = class_of_small[1024 / 16] + 1;
	while (class_sizes[class] < size)
		class ++;
	return &caches[class];
}

static void *large_alloc(size_t size, bool zeroed)
{
	size_t count = PAGE_UP(size) >> PAGE_SHIFT;
	void *p;

	if (size > SIZE_MAX / 2 || count > UINT32_MAX)
		return NULL;
	p = zeroed ? pages_alloc_zeroed(count) : pages_alloc(count);
	if (p) {
		struct page *page = page_of(p);

		page->kind = PAGE_LARGE;
		page->value = (uint32_t)count;
		__atomic_add_fetch(&large_objects, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&large_pages, count, __ATOMIC_RELAXED);
	}
	return p;
}

void *kmalloc(size_t size)
{
	return size <= KMALLOC_MAX ? kmem_cache_alloc(class_for(size)) : large_alloc(size, false);
}

void *kzalloc(size_t size)
{
	void *p;

	if (size > KMALLOC_MAX)
		return large_alloc(size, true);
	p = kmem_cache_alloc(class_for(size));
	return p ? memset(p, 0, size) : NULL;
}

void *kcalloc(size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? NULL : kzalloc(bytes);
}

void kfree(void *p)
{
	struct page *page;

	if (!p)
		return;
	page = page_of(p);
	assert(page);
	if (likely(page->kind == PAGE_SLAB)) {
		slab_free_object(slab_of(p, page), p);
		return;
	}
	assert(page->kind == PAGE_LARGE);
	__atomic_sub_fetch(&large_objects, 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&large_pages, page->value, __ATOMIC_RELAXED);
	page->kind = PAGE_USED;
	pages_put(p, page->value);
}

static size_t room_of(void *p)
{
	struct page *page = page_of(p);

	assert(page && (page->kind == PAGE_SLAB || page->kind == PAGE_LARGE));
	return page->kind == PAGE_SLAB ? slab_of(p, page)->cache->size
				       : (size_t)page->value * PAGE_SIZE;
}

void *krealloc(void *p, size_t size)
{
	size_t room;
	void *to;

	if (!p)
		return kmalloc(size);
	room = room_of(p);
	if (size <= room && size >= room / 4)
		return p;
	to = kmalloc(size);
	if (!to)
		return size <= room ? p : NULL;
	memcpy(to, p, MIN(size, room));
	kfree(p);
	return to;
}

char *kstrdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *p = kmalloc(size);

	return p ? memcpy(p, s, size) : NULL;
}

void memory_usage(struct memory_usage *ret)
{
	unsigned int count = __atomic_load_n(&cache_count, __ATOMIC_ACQUIRE);

	*ret = (struct memory_usage){ 0 };
	pages_usage(ret);
	ret->objects = __atomic_load_n(&large_objects, __ATOMIC_RELAXED);
	ret->slab_bytes = __atomic_load_n(&large_pages, __ATOMIC_RELAXED) * PAGE_SIZE;
	for (unsigned int i = 0; i < count; i++) {
		ret->objects += __atomic_load_n(&caches[i].objects, __ATOMIC_RELAXED);
		ret->slab_bytes += __atomic_load_n(&caches[i].slabs, __ATOMIC_RELAXED) *
				   caches[i].pages * PAGE_SIZE;
	}
}
