/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page cache: the contents of one file (or shared memory object) in enclave memory. For tmpfs, memfd and shared
 * anonymous memory it is the data itself; for host-backed files a cache filled by ops->fill.
 * Pages are counted (pages_get/put): one reference of the mapping, one of each VMA run that maps them, so a page that
 * was cut off stays alive while somebody maps it. Contiguous runs are preferred: they become one plat_map_enclave.
 */
#pragma once

#include "kernel/task/sync.h"
#include "lib/base/rbtree.h"
#include "lib/base/types.h"

struct extent;
struct mapping;
struct uio;

/* What tells a host's file, as it is now, from all others. */
struct mapping_identity {
	uint64_t device, inode, size;
	int64_t modified_s, changed_s;
	uint32_t modified_ns, changed_ns;
};

struct mapping_ops {
	/* Fill `count` pages at kernel address `to` from page `index` on; past the end: zeros. 0 or error. NULL: zeros. */
	int (*fill)(struct mapping *m, uint64_t index, size_t count, void *to);
	/* Reads past the cache, for what is looked at once: bytes, 0 at the end. NULL: not possible. */
	long (*read_past)(struct mapping *m, void *to, size_t size, uint64_t pos);
	/* The file behind it. NULL: it has none that would outlive the enclave. */
	int (*identify)(struct mapping *m, struct mapping_identity *ret);
	/* Write back; NULL: nothing to do. */
	int (*write_back)(struct mapping *m, uint64_t index, size_t count, const void *from);
};

struct mapping {
	struct mutex lock;
	const struct mapping_ops *ops;
	void *owner;		  /* the inode */
	void *tree;		  /* mm/mapping.c: pages by index */
	uint64_t pages;		  /* held */
	uint64_t size;		  /* bytes: the file's size; i_size of regular files lives here */
	uint32_t mapped_writable; /* shared writable VMAs: for seals */
	uint64_t changes;	  /* bumped when contents change: text cache validity */
	bool reclaimable; /* pages can be dropped when memory is short (filled from elsewhere, clean) */
	struct list text;	  /* rewritten text of this file: loader/rewrite */
	uint64_t page_limit_used; /* for tmpfs accounting */
	int (*account)(struct mapping *m, int64_t pages); /* NULL, or tmpfs size limit: -ENOSPC */
	/* mm/mapping*.c's own */
	struct mutex write_lock; /* before lock: one writer (or truncation) at a time */
	struct extent *cached;	 /* last one found */
	uint64_t cuts;		 /* bumped when pages leave: a fill under way is then stale */
	struct list all;	 /* mappings that hold pages: all_lock */
	bool listed;		 /* it is on that list; lock */
};

void mapping_init(struct mapping *m, const struct mapping_ops *ops, void *owner);
void mapping_done(struct mapping *m); /* drops all pages */
/* Regular file I/O. They take the lock; user faults inside are handled without holding it over a page-in. */
must_check long mapping_read(struct mapping *m, struct uio *io,
			     uint64_t pos); /* bytes; 0 at the end */
must_check long mapping_write(struct mapping *m, struct uio *io,
			      uint64_t pos); /* grows size; -EFBIG, -ENOSPC, -ENOMEM */
/* O_APPEND: position is the end, taken under the lock; *ret_pos is where it went. */
must_check long mapping_append(struct mapping *m, struct uio *io, uint64_t *ret_pos);
must_check int mapping_truncate(struct mapping *m,
				uint64_t size); /* grows sparse, cuts pages, zeroes the tail */
must_check int mapping_allocate(struct mapping *m, uint64_t pos,
				uint64_t size); /* fallocate 0 / KEEP_SIZE part */
must_check int mapping_punch(struct mapping *m, uint64_t pos, uint64_t size);
int64_t mapping_seek_data(struct mapping *m, uint64_t pos, bool hole);
/* A run of pages for mmap, faulted in/allocated: kernel address of page `index` in *ret_page, and how many pages
 * (1..want) follow it contiguously. Takes one reference on each for the caller. */
must_check long mapping_get_run(struct mapping *m, uint64_t index, size_t want, void **ret_page);
/* Only what is there already, with references taken: 0 pages if none at index. */
long mapping_find_run(struct mapping *m, uint64_t index, size_t want, void **ret_page);
/* First page at or above index that is there; UINT64_MAX if none. */
uint64_t mapping_next_present(struct mapping *m, uint64_t index);
/* Prefer one contiguous run for [0, pages): call before filling a file that will be mapped whole. */
void mapping_reserve_contiguous(struct mapping *m, uint64_t pages);
void mapping_drop_clean(struct mapping *m); /* forget cached pages (host file changed) */
int mapping_sync(struct mapping *m);
void mapping_cache_init(void); /* at boot, after kmalloc_init */
