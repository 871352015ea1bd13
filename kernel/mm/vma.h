/* SPDX-License-Identifier: Apache-2.0 */
/* VMAs: what the files of mm/ share. Everything needs mm.lock held unless it says otherwise. */
#pragma once

#include "kernel/mm/mm.h"

/* References on `count` pages, held once for all VMAs (of all forks) that show some of them. */
struct span {
	struct refcount refs;
	size_t count;
	char *pages;
};

/* A part of a VMA that is mapped: pages of its span, by page index in the file (or from 0 for VMA_SPECIAL). */
struct vma_run {
	struct list link; /* in vma->runs, ascending */
	uint64_t index;
	size_t count;
	char *pages;
	struct span *span;
};

static inline struct vma *vma_entry(struct rb_node *n)
{
	return n ? rb_entry(n, struct vma, node) : NULL;
}

static inline struct vma *vma_prev(struct vma *v)
{
	return vma_entry(rb_prev(&v->node));
}

static inline size_t vma_size(const struct vma *v)
{
	return v->end - v->start;
}

static inline uint64_t vma_index(const struct vma *v, uintptr_t at)
{
	return (v->offset + (at - v->start)) >> PAGE_SHIFT;
}

static inline uintptr_t vma_address(const struct vma *v, uint64_t index)
{
	return v->start + ((index << PAGE_SHIFT) - v->offset);
}

static inline bool vma_is_shared(const struct vma *v)
{
	return v->flags & 0x01; /* MAP_SHARED */
}

void vma_init_caches(void);
struct vma *vma_new(void);	     /* no lock needed */
struct vma *vma_copy(struct vma *v); /* same place and backing, runs shared; not in a tree */
void vma_free(struct vma *v);	     /* drops all it holds; only after mm.lock was given back */
/* VMAs taken out of the tree wait on a chain (through node.parent) until the lock is free. */
void vma_chain(struct vma **dead, struct vma *v);
void vma_free_chain(struct vma *dead);
void vma_hold(struct vma *v); /* new holder of file, segment, writable mapping */

/* Takes over one reference on each of the pages: also if it fails. */
must_check int vma_add_run(struct vma *v, uint64_t index, void *pages, size_t count);
struct vma_run *vma_run_at(struct vma *v, uint64_t index); /* covering index, or NULL */
bool vma_cut_runs(struct vma *v, uint64_t end);		   /* the caller unmaps what they showed */

void vma_insert(struct mm *mm, struct vma *v);
void vma_remove(struct mm *mm, struct vma *v);
void vma_account(struct mm *mm, const struct vma *v, int sign);
must_check int vma_split(struct mm *mm, struct vma *v, uintptr_t at); /* v keeps the low part */
/* Splits at both ends, so that only whole VMAs lie in [start, end). -ENOMEM: beyond VMA_MAX, too. */
must_check int vma_split_range(struct mm *mm, uintptr_t start, uintptr_t end);
/* Joins v with its neighbours where nothing tells them apart; returns the VMA that remains. */
struct vma *vma_merge(struct mm *mm, struct vma *v, struct vma **dead);
void vma_merge_at(struct mm *mm, uintptr_t at,
		  struct vma **dead); /* undoes a split there that was not needed */
struct vma *vma_first(struct mm *mm, uintptr_t start,
		      uintptr_t end); /* touching the range, or NULL */

/* Address choice. */
bool range_usable(uintptr_t start,
		  size_t size); /* inside the user range, not over the enclave's memory */
uintptr_t range_find(struct mm *mm, size_t size, size_t align, uintptr_t low,
		     uintptr_t high); /* 0: none */
void range_freed(struct mm *mm,
		 uintptr_t start); /* after the removal: a hole starts or grows here */

/* backing.c: making a VMA visible in the calling task's address space. */
enum { BACKING_REPLACES = 1, BACKING_POPULATE = 2 };
must_check int vma_map_backing(struct vma *v, uintptr_t start, uintptr_t end, unsigned int how);
must_check int vma_protect_backing(struct vma *v, unsigned int prot);
must_check int
vma_map_window(struct vma *v,
	       uint64_t index); /* page fault in a VMA_MAPPING; -EFAULT beyond the end */

/* map.c */
must_check int mm_unmap_locked(struct mm *mm, uintptr_t at, size_t size, struct vma **dead);
must_check int mm_check_limits(struct mm *mm, size_t more, unsigned int prot, unsigned int flags);
