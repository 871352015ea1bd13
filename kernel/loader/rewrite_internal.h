/* SPDX-License-Identifier: Apache-2.0 */
/* The rewritten text of a file, between its makers (rewrite_cache.c) and its users (rewrite_map.c). */
#pragma once

#include "kernel/fs/vfs.h"
#include "kernel/loader/rewrite.h"
#include "kernel/task/sync.h"

struct text_image {
	struct list link;     /* in mapping->text, under the cache's lock */
	struct refcount refs; /* one of the list, one of each address space that maps it */
	struct mutex lock;    /* held while it is made */
	bool made;	      /* set with release once the rest is constant */
	/* what it was made from */
	uint64_t changes, size;
	struct timestamp modified;
	/* The segment: whole pages. Module addresses. */
	uint64_t offset, address;
	size_t pages;
	uint64_t lowest; /* of the module */
	size_t gap;	 /* distance from the stubs to `lowest`: 0 when nothing is rewritten */
	uint8_t *text;	 /* pages_alloc */
	struct rewrite_image sites; /* its stubs are pages, too */
};

/* The file's image, made if need be; NULL when it has none. A reference for the caller. */
struct text_image *text_image_get(struct file *file);
void text_image_put(struct text_image *t);
