/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of VMAs of one address space, and choosing addresses in it.
 *
 * Invariants: (1) VMAs do not overlap and are not empty; (2) a VMA_MAPPING or VMA_SPECIAL shows exactly the pages of
 * its runs: what lies between them is not mapped and faults; (3) every page of a run is referenced through its span.
 *
 * mm.lock guards all of it. Dropping the last reference of a file may do anything, so VMAs leave the tree under the
 * lock but are freed after it. Addresses are chosen downwards from mmap_top, the highest hole that fits first; hole_at
 * and hole_max remember how far down there is nothing to be found, which makes the usual search one step long.
 */
#include "kernel/mm/vma.h"

#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

static struct kmem_cache *vma_cache, *run_cache, *span_cache;

void vma_init_caches(void)
{
	vma_cache = kmem_cache_new("vma", sizeof(struct vma));
	run_cache = kmem_cache_new("vma_run", sizeof(struct vma_run));
	span_cache = kmem_cache_new("span", sizeof(struct span));
}

/* --- one VMA ---------------------------------------------------------------------------------------------------- */

struct vma *vma_new(void)
{
	struct vma *v = kmem_cache_zalloc(vma_cache);

	if (v)
		list_init(&v->runs);
	return v;
}

static void span_put(struct span *s)
{
	if (ref_put(&s->refs)) {
		pages_put(s->pages, s->count);
		kmem_cache_free(span_cache, s);
	}
}

static void runs_free(struct vma *v)
{
	while (!list_empty(&v->runs)) {
		struct vma_run *r = list_first(&v->runs, struct vma_run, link);

		list_remove(&r->link);
		span_put(r->span);
		kmem_cache_free(run_cache, r);
	}
}

static inline bool counts_as_writer(const struct vma *v)
{
	return v->mapping && vma_is_shared(v) && v->may_write;
}

void vma_hold(struct vma *v)
{
	if (v->file)
		file_get(v->file);
	if (v->private_data)
		sysv_shm_fork(v->private_data);
	if (counts_as_writer(v))
		__atomic_add_fetch(&v->mapping->mapped_writable, 1, __ATOMIC_SEQ_CST);
}

void vma_free(struct vma *v)
{
	runs_free(v);
	if (counts_as_writer(v))
		__atomic_sub_fetch(&v->mapping->mapped_writable, 1, __ATOMIC_SEQ_CST);
	if (v->private_data)
		sysv_shm_detach(v->private_data);
	if (v->file)
		file_put(v->file);
	kmem_cache_free(vma_cache, v);
}

void vma_chain(struct vma **dead, struct vma *v)
{
	v->node.parent = (struct rb_node *)*dead;
	*dead = v;
}

void vma_free_chain(struct vma *dead)
{
	while (dead) {
		struct vma *next = (struct vma *)dead->node.parent;

		vma_free(dead);
		dead = next;
	}
}

static struct vma_run *run_copy(const struct vma_run *from)
{
	struct vma_run *r = kmem_cache_alloc(run_cache);

	if (r) {
		*r = *from;
		ref_get(&r->span->refs);
	}
	return r;
}

struct vma *vma_copy(struct vma *v)
{
	struct vma *copy = kmem_cache_alloc(vma_cache);
	struct vma_run *r;

	if (!copy)
		return NULL;
	*copy = *v;
	list_init(&copy->runs);
	list_for_each(r, &v->runs, link) {
		struct vma_run *rc = run_copy(r);

		if (!rc) {
			runs_free(copy);
			kmem_cache_free(vma_cache, copy);
			return NULL;
		}
		list_add_tail(&copy->runs, &rc->link);
	}
	vma_hold(copy);
	return copy;
}

int vma_add_run(struct vma *v, uint64_t index, void *pages, size_t count)
{
	struct span *s = kmem_cache_alloc(span_cache);
	struct vma_run *r = kmem_cache_alloc(run_cache), *after;

	if (!s || !r) {
		kmem_cache_free(span_cache, s);
		kmem_cache_free(run_cache, r);
		pages_put(pages, count);
		return -ENOMEM;
	}
	ref_init(&s->refs);
	s->pages = pages;
	s->count = count;
	r->index = index;
	r->count = count;
	r->pages = pages;
	r->span = s;
	/* Nearly always the last one. */
	for (after = list_entry(v->runs.prev, struct vma_run, link); &after->link != &v->runs;
	     after = list_entry(after->link.prev, struct vma_run, link))
		if (after->index < index)
			break;
	list_add(&after->link, &r->link);
	return 0;
}

struct vma_run *vma_run_at(struct vma *v, uint64_t index)
{
	struct vma_run *r;

	list_for_each(r, &v->runs, link) {
		if (index < r->index)
			break;
		if (index - r->index < r->count)
			return r;
	}
	return NULL;
}

/* Forgets the pages from index `end` on; whether there were any. */
bool vma_cut_runs(struct vma *v, uint64_t end)
{
	struct vma_run *r, *next;
	bool found = false;

	list_for_each_safe(r, next, &v->runs, link) {
		if (r->index + r->count <= end)
			continue;
		found = true;
		if (r->index < end) {
			r->count = (size_t)(end - r->index);
			continue;
		}
		list_remove(&r->link);
		span_put(r->span);
		kmem_cache_free(run_cache, r);
	}
	return found;
}

void vma_set_mapping(struct vma *v, struct mapping *m)
{
	v->kind = VMA_MAPPING;
	v->mapping = m;
}

void vma_set_host(struct vma *v, int handle)
{
	v->kind = VMA_HOST;
	v->host_handle = handle;
}

/* --- the tree --------------------------------------------------------------------------------------------------- */

struct vma *mm_find(struct mm *mm, uintptr_t at)
{
	struct vma *v = mm->last, *best = NULL;
	struct rb_node *n = mm->vmas.root;

	if (v && at >= v->start && at < v->end)
		return v;
	while (n) {
		v = vma_entry(n);
		if (at < v->end) {
			best = v;
			if (at >= v->start)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	if (best)
		mm->last = best;
	return best;
}

struct vma *mm_next(struct vma *v)
{
	return vma_entry(rb_next(&v->node));
}

struct vma *vma_first(struct mm *mm, uintptr_t start, uintptr_t end)
{
	struct vma *v = mm_find(mm, start);

	return v && v->start < end ? v : NULL;
}

void vma_account(struct mm *mm, const struct vma *v, int sign)
{
	size_t size = sign > 0 ? vma_size(v) : 0 - vma_size(v);

	if (v->stubs)
		return;
	mm->mapped_bytes += size;
	if (v->flags & MAP_GROWSDOWN || (v->name && str_eq(v->name, "[stack]")))
		mm->stack_bytes += size;
	else if (v->prot & PROT_WRITE && !vma_is_shared(v))
		mm->data_bytes += size;
	if (v->flags & MAP_LOCKED)
		mm->locked_bytes += size;
}

void vma_insert(struct mm *mm, struct vma *v)
{
	struct rb_node **link = &mm->vmas.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = v->start < vma_entry(parent)->start ? &parent->left : &parent->right;
	}
	rb_insert(&mm->vmas, &v->node, parent, link);
	mm->vma_count++;
	mm->last = v;
	vma_account(mm, v, 1);
}

void vma_remove(struct mm *mm, struct vma *v)
{
	rb_remove(&mm->vmas, &v->node);
	mm->vma_count--;
	if (mm->last == v)
		mm->last = NULL;
	vma_account(mm, v, -1);
}

int vma_split(struct mm *mm, struct vma *v, uintptr_t at)
{
	uint64_t index = vma_index(v, at);
	struct vma_run *r, *next, *cut = NULL;
	struct vma *high;

	if (mm->vma_count >= VMA_MAX)
		return -ENOMEM;
	high = kmem_cache_alloc(vma_cache);
	if (!high)
		return -ENOMEM;
	list_for_each(r, &v->runs, link) {
		if (r->index < index && index - r->index < r->count) {
			cut = run_copy(r);
			if (!cut) {
				kmem_cache_free(vma_cache, high);
				return -ENOMEM;
			}
			break;
		}
	}
	vma_account(mm, v, -1);
	*high = *v;
	list_init(&high->runs);
	vma_hold(high);
	high->start = at;
	high->offset += at - v->start;
	if (v->pages)
		high->pages = (char *)v->pages + (at - v->start);
	v->end = at;
	vma_account(mm, v, 1);
	list_for_each_safe(r, next, &v->runs, link) {
		if (r->index >= index) {
			list_remove(&r->link);
			list_add_tail(&high->runs, &r->link);
		} else if (index - r->index < r->count) {
			size_t low = index - r->index;

			r->count = low;
			cut->index += low;
			cut->count -= low;
			cut->pages += low * PAGE_SIZE;
			list_add_tail(&high->runs, &cut->link);
		}
	}
	vma_insert(mm, high);
	return 0;
}

int vma_split_range(struct mm *mm, uintptr_t start, uintptr_t end)
{
	struct vma *v = mm_find(mm, start);
	int err = 0;

	if (v && v->start < start)
		err = vma_split(mm, v, start);
	if (err)
		return err;
	v = mm_find(mm, end);
	if (v && v->start < end)
		err = vma_split(mm, v, end);
	return err;
}

static bool can_merge(const struct vma *a, const struct vma *b)
{
	if (a->end != b->start || a->kind != b->kind || a->prot != b->prot ||
	    a->flags != b->flags || a->file != b->file || a->mapping != b->mapping ||
	    a->name != b->name)
		return false;
	if (a->private_data || b->private_data || a->kind == VMA_SPECIAL || a->text || b->text ||
	    a->stubs || b->stubs)
		return false;
	if (a->dont_fork != b->dont_fork || a->wipe_on_fork != b->wipe_on_fork ||
	    a->dont_dump != b->dont_dump || a->may_write != b->may_write)
		return false;
	return a->kind == VMA_ANON || a->offset + vma_size(a) == b->offset;
}

/* b, which follows a, becomes part of it. */
static void join(struct mm *mm, struct vma *a, struct vma *b, struct vma **dead)
{
	vma_remove(mm, b);
	vma_account(mm, a, -1);
	a->end = b->end;
	vma_account(mm, a, 1);
	while (!list_empty(&b->runs)) {
		struct vma_run *r = list_first(&b->runs, struct vma_run, link);

		list_remove(&r->link);
		list_add_tail(&a->runs, &r->link);
	}
	mm->last = a;
	vma_chain(dead, b);
}

struct vma *vma_merge(struct mm *mm, struct vma *v, struct vma **dead)
{
	struct vma *other = vma_prev(v);

	if (other && can_merge(other, v)) {
		join(mm, other, v, dead);
		v = other;
	}
	/* More than one: a split that is no longer needed may lie between two that agree. */
	while ((other = mm_next(v)) && can_merge(v, other))
		join(mm, v, other, dead);
	return v;
}

void vma_merge_at(struct mm *mm, uintptr_t at, struct vma **dead)
{
	struct vma *v = mm_find(mm, at);

	if (v && v->start == at)
		vma_merge(mm, v, dead);
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

bool range_usable(uintptr_t start, size_t size)
{
	const struct plat_info *info = plat_info();
	uintptr_t end;

	if (__builtin_add_overflow(start, size, &end) || start < info->user_start ||
	    end > info->user_end)
		return false;
	return (end <= info->reserved_start || start >= info->reserved_end) &&
	       (end <= info->host_start || start >= info->host_end);
}

/* The highest place for `size` in the hole [low, high), or 0. */
static uintptr_t place_in(uintptr_t low, uintptr_t high, size_t size, size_t align)
{
	const struct plat_info *info = plat_info();
	uintptr_t at;

	for (;;) {
		if (high <= low || high - low < size)
			return 0;
		at = (high - size) & ~(align - 1);
		if (at < low)
			return 0;
		if (at < info->reserved_end && at + size > info->reserved_start)
			high = info->reserved_start;
		else if (at < info->host_end && at + size > info->host_start)
			high = info->host_start;
		else
			return at;
	}
}

static uintptr_t find_down(struct mm *mm, size_t size, size_t align, uintptr_t low, uintptr_t high,
			   size_t *hole_max, uintptr_t *ret_end)
{
	struct vma *v = mm_find(mm, high - 1);

	if (!v)
		v = vma_entry(rb_last(&mm->vmas));
	/* v: the last one that starts below high. */
	while (v && v->start >= high)
		v = vma_prev(v);
	for (;;) {
		uintptr_t floor = v ? MAX(v->end, low) : low, at;

		if (floor < high) {
			at = place_in(floor, high, size, align);
			if (at) {
				*ret_end = high;
				return at;
			}
			if (hole_max && high - floor > *hole_max)
				*hole_max = high - floor;
		}
		if (!v || v->start <= low)
			return 0;
		high = v->start;
		v = vma_prev(v);
	}
}

uintptr_t range_find(struct mm *mm, size_t size, size_t align, uintptr_t low, uintptr_t high)
{
	bool usual = high == mm->mmap_top;
	uintptr_t from = high, at, end;

	if (!size || high <= low)
		return 0;
	if (!usual)
		return find_down(mm, size, align, low, high, NULL, &end);
	if (mm->hole_at && mm->hole_at < high && size > mm->hole_max)
		from = mm->hole_at;
	else
		mm->hole_max = 0;
	at = find_down(mm, size, align, low, from, &mm->hole_max, &end);
	if (at) {
		/* Holes above `end` were too small, or hidden by alignment; remember only what is certain. */
		mm->hole_at = end;
		return at;
	}
	mm->hole_at = 0;
	mm->hole_max = 0;
	return from < high ? find_down(mm, size, align, low, high, NULL, &end) : 0;
}

void range_freed(struct mm *mm, uintptr_t start)
{
	struct vma *next;
	uintptr_t end;

	if (start >= mm->mmap_top)
		return;
	next = mm_find(mm, start);
	end = next ? MIN(next->start, mm->mmap_top) : mm->mmap_top;
	if (end > mm->hole_at)
		mm->hole_at = mm->hole_at ? end : 0;
}
