/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces as a whole: made, forked, dropped. The memory itself belongs to the platform: a fork copies it with
 * the host process (or page tables), the end of the last task frees it. Here are the tree and the references on
 * enclave pages, which say what must stay allocated.
 *
 * MADV_DONTFORK ranges are not in the child's tree; the child unmaps them (the host may have done so already).
 */
#include "kernel/mm/mm.h"

#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/ipc/ipc.h"
#include "kernel/loader/rewrite.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/vma.h"
#include "kernel/task/task.h"

#define STACK_ROOM (128UL << 20) /* above mmap_top, at least, as Linux keeps */

struct fork_range {
	struct fork_range *next;
	uintptr_t start, end;
};

static struct kmem_cache *mm_cache;

void mm_init(void)
{
	mm_cache = kmem_cache_new("mm", sizeof(struct mm));
	vma_init_caches();
	mapping_cache_init();
}

static uintptr_t choose_top(void)
{
	const struct plat_info *info = plat_info();
	size_t room = info->user_end - info->user_start, random;

	plat_random(&random, sizeof(random));
	/* 28 bits of pages where there is room for them, as Linux. */
	random &= (1UL << 28) - 1;
	random %= room / 16 / PAGE_SIZE + 1;
	return PAGE_DOWN(info->user_end - MIN(STACK_ROOM, room / 16) - random * PAGE_SIZE);
}

struct mm *mm_new(void)
{
	struct mm *mm = kmem_cache_zalloc(mm_cache);

	if (mm) {
		ref_init(&mm->refs);
		mm->mmap_top = choose_top();
		mm->cuts_seen = mm_cuts();
	}
	return mm;
}

static void free_fork_ranges(struct mm *mm)
{
	while (mm->fork_ranges) {
		struct fork_range *f = mm->fork_ranges;

		mm->fork_ranges = f->next;
		kfree(f);
	}
}

static void free_all(struct mm *mm)
{
	struct vma *dead = NULL;
	struct rb_node *n = mm->vmas.root;

	/* Takes the tree apart from the leaves up, without rebalancing. */
	while (n) {
		struct rb_node *parent = n->parent;

		if (n->left) {
			n = n->left;
			continue;
		}
		if (n->right) {
			n = n->right;
			continue;
		}
		if (parent && parent->left == n)
			parent->left = NULL;
		else if (parent)
			parent->right = NULL;
		vma_chain(&dead, vma_entry(n));
		n = parent;
	}
	mm->vmas.root = NULL;
	mm->vma_count = 0;
	mm->last = NULL;
	vma_free_chain(dead);
}

void mm_put(struct mm *mm)
{
	if (!mm || !ref_put(&mm->refs))
		return;
	free_all(mm);
	aio_mm_done(mm);
	rewrite_mm_done(mm);
	free_fork_ranges(mm);
	kmem_cache_free(mm_cache, mm);
}

static int fork_vma(struct mm *to, struct vma *v)
{
	struct rb_node *last = rb_last(&to->vmas);
	struct vma *copy;

	if (v->dont_fork) {
		struct fork_range *f = kmalloc(sizeof(*f));

		if (!f)
			return -ENOMEM;
		*f = (struct fork_range){ to->fork_ranges, v->start, v->end };
		to->fork_ranges = f;
		to->fork_work = true;
		return 0;
	}
	copy = vma_copy(v);
	if (!copy)
		return -ENOMEM;
	/* Locks on memory are not inherited. */
	copy->flags &= ~(unsigned int)MAP_LOCKED;
	to->fork_work |= copy->wipe_on_fork;
	rb_insert(&to->vmas, &copy->node, last, last ? &last->right : &to->vmas.root);
	to->vma_count++;
	vma_account(to, copy, 1);
	return 0;
}

struct mm *mm_fork(struct mm *from)
{
	struct mm *mm = kmem_cache_zalloc(mm_cache);
	struct vma *v;
	int err = 0;

	if (!mm)
		return NULL;
	ref_init(&mm->refs);
	mutex_lock(&from->lock);
	mm->brk_start = from->brk_start;
	mm->brk = from->brk;
	mm->mmap_top = from->mmap_top;
	mm->membarrier = from->membarrier;
	mm->policy_mode = from->policy_mode;
	mm->policy_nodes = from->policy_nodes;
	mm->cuts_seen = from->cuts_seen;
	for (v = vma_entry(rb_first(&from->vmas)); v && !err; v = mm_next(v))
		err = fork_vma(mm, v);
	if (!err)
		rewrite_mm_fork(mm, from);
	mutex_unlock(&from->lock);
	if (err) {
		mm_put(mm);
		return NULL;
	}
	return mm;
}

void mm_fork_child(struct mm *mm)
{
	/* A file that was cut while we were made: nobody could tell us. */
	if (unlikely(mm->cuts_seen != mm_cuts()))
		mm_trim(mm);
	if (likely(!mm->fork_work))
		return;
	mutex_lock(&mm->lock);
	mm->fork_work = false;
	for (struct fork_range *f = mm->fork_ranges; f; f = f->next) {
		/* Nothing is in the tree there, so whether it worked makes no difference to anyone. */
		if (plat_unmap(f->start, f->end - f->start))
			continue;
	}
	free_fork_ranges(mm);
	for (struct vma *v = vma_entry(rb_first(&mm->vmas)); v; v = mm_next(v))
		if (v->wipe_on_fork && vma_map_backing(v, v->start, v->end, BACKING_REPLACES))
			panic("a forked child cannot clear memory that must not be inherited");
	mutex_unlock(&mm->lock);
}

bool mm_shared_key(struct mm *mm, uintptr_t at, void **ret_object, uint64_t *ret_offset)
{
	struct vma *v;
	bool shared = false;

	mutex_lock(&mm->lock);
	v = mm_find(mm, at);
	if (v && at >= v->start && vma_is_shared(v) && v->kind != VMA_SPECIAL) {
		*ret_object = v->mapping ? (void *)v->mapping : (void *)v->file;
		*ret_offset = v->offset + (at - v->start);
		shared = *ret_object != NULL;
	}
	mutex_unlock(&mm->lock);
	return shared;
}
