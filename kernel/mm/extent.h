/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of a mapping by index: what mapping.c and mapping_io.c share. Everything here needs mapping.lock held. */
#pragma once

#include "kernel/mm/mapping.h"

/* `count` pages from `index` on; the pages up to `capacity` behind them are ours, but not part of the file yet. */
struct extent {
	struct rb_node node;
	uint64_t index;
	uint32_t count, capacity;
	char *pages;
	bool dirty; /* not written back */
};

/* Pages about to become an extent. */
struct run {
	char *pages;
	size_t count, capacity;
	bool dirty;
};

#define EXTENT_MAX 0x10000000UL

static inline uint64_t extent_end(const struct extent *e)
{
	return e->index + e->count;
}

static inline char *extent_page(const struct extent *e, uint64_t index)
{
	return e->pages + (index - e->index) * PAGE_SIZE;
}

struct extent *extent_at(struct mapping *m, uint64_t index);   /* holding index, or NULL */
struct extent *extent_from(struct mapping *m, uint64_t index); /* first that ends above index */
struct extent *extent_next(struct extent *e);
/*
 * Memory for up to `want` pages at the hole at `index`, charged to the file system: room behind the extent below
 * first, else a new run with `grow` pages to spare; less than wanted when memory is short.
 */
must_check int run_alloc_pages(struct mapping *m, uint64_t index, size_t want, size_t grow,
			       bool zeroed, struct run *ret);
/* Puts it into the tree as far as the hole reaches, frees the rest. Consumes the run in any case. */
must_check int run_insert(struct mapping *m, uint64_t index, struct run *r);
void run_free_pages(struct mapping *m, struct run *r);
/* Fills (or zeroes) pages at a hole; called without mapping.lock. At least one page is there afterwards. */
must_check int mapping_populate(struct mapping *m, uint64_t index, size_t want);
void mapping_zero_cached(struct mapping *m, uint64_t from,
			 uint64_t to); /* bytes; holes stay holes */
