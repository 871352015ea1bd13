/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel memory. Pages come from a buddy allocator over enclave memory (plat_info()->memory); small objects from
 * slabs. Nothing here panics for lack of memory: NULL means -ENOMEM for the caller. Thread-safe; callable with locks
 * held. Memory that goes back to the page allocator in large pieces is given back to the host (plat_discard).
 */
#pragma once

#include "lib/base/types.h"

void *
kmalloc(size_t size); /* 16-byte aligned, contents undefined; any size: above 8 KiB whole pages */
void *kzalloc(size_t size);
void *kcalloc(size_t count, size_t size); /* overflow-checked, zeroed */
void *krealloc(void *p, size_t size);
void kfree(void *p); /* NULL is fine */
char *kstrdup(const char *s);

/* A cache of objects of one size: struct kmem_cache *c = kmem_cache_new("inode", sizeof(struct inode)); at boot. */
struct kmem_cache;
struct kmem_cache *kmem_cache_new(const char *name, size_t size);
void *kmem_cache_alloc(struct kmem_cache *c); /* undefined contents */
void *kmem_cache_zalloc(struct kmem_cache *c);
void kmem_cache_free(struct kmem_cache *c, void *p);

/* Pages: `count` contiguous pages (any count, not only powers of two), one reference each. */
void *pages_alloc(size_t count); /* undefined contents, may be dirty */
void *pages_alloc_zeroed(
	size_t count); /* fresh host memory is known to be zero: cheap for large counts */
void pages_get(void *pages, size_t count); /* one more reference on each */
void pages_put(void *pages, size_t count); /* freed at zero, each by itself */
unsigned int pages_refs(void *page);

struct memory_usage {
	size_t limit, pages_used, pages_peak, slab_bytes, cache_pages; /* bytes, except *_pages */
	uint64_t objects; /* kmalloc'd and cached objects alive: leak accounting */
};
void memory_usage(struct memory_usage *ret);
void kmalloc_init(void);
/* Called when memory is short: caches (page cache, dentries) register; returns pages freed. */
void memory_add_shrinker(size_t (*shrink)(size_t pages_wanted));
/* For mm/mapping.c: pages that came into (or left) the page cache, for memory_usage. */
void memory_account_cache(int64_t pages);
