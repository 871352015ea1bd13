/* SPDX-License-Identifier: Apache-2.0 */
/* What pages.c and slab.c share: the record of a page. All zero is the valid record of a page never used. */
#pragma once

#include "lib/base/types.h"

enum page_kind {
	PAGE_NONE,  /* inside a free block, or never used */
	PAGE_FREE,  /* head of a free block of 1 << order pages, on a list */
	PAGE_USED,  /* allocated */
	PAGE_SLAB,  /* value: pages back to the slab's head */
	PAGE_LARGE, /* head of a large kmalloc; value: pages */
};

struct page {
	uint32_t refs;
	uint8_t kind, order;
	uint8_t dirty; /* may hold something else than zeros */
	uint8_t list;  /* PAGE_FREE: on the list of clean (0) or dirty (1) blocks */
	union {
		struct {
			uint32_t next, prev; /* PAGE_FREE: page numbers, 0 none */
		};
		uint32_t value;
	};
};
_Static_assert(sizeof(struct page) == 16, "one quarter of a cache line");

struct page *page_of(const void *address); /* NULL outside of the allocator's memory */
void pages_init(void);
size_t pages_free_dirty(void); /* free pages not given back to the host */
struct memory_usage;
void pages_usage(struct memory_usage *ret);
