/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mremap. The range must lie in one VMA. Shrinking unmaps the end; growing in place maps what is new; else the pages
 * move. Memory that may hold private data is moved by the platform, run by run; the platform may hold one VMA of ours
 * as several pieces of its own and refuse to move them in one go, so a refused move is tried again in halves.
 */
#include <asm/resource.h>
#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/mm/vma.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"

struct remap {
	struct mm *mm;
	uintptr_t from, to;
	size_t old_size, new_size;
	unsigned int flags;
	struct vma *dead;
};

static int move_range(uintptr_t from, uintptr_t to, size_t size)
{
	size_t done = 0, step = size;

	while (done < size) {
		int err;

		step = MIN(step, size - done);
		err = plat_move(from + done, step, to + done, step);
		if (!err) {
			done += step;
			/* Whatever split them: the next piece may be large again. */
			step = size - done;
			continue;
		}
		if (step == PAGE_SIZE)
			return err == -ENOMEM ? err : -EFAULT;
		step = PAGE_DOWN(step / 2);
		if (!step)
			step = PAGE_SIZE;
	}
	return 0;
}

static int move_contents(struct vma *v, uintptr_t to)
{
	struct vma_run *r;
	int err = 0;

	if (v->kind == VMA_ANON || v->kind == VMA_HOST)
		return move_range(v->start, to, vma_size(v));
	list_for_each(r, &v->runs, link) {
		uintptr_t at = vma_address(v, r->index);

		if (err)
			break;
		err = move_range(at, to + (at - v->start), r->count * PAGE_SIZE);
	}
	return err;
}

/* [v->end, v->end + more) is free and becomes part of v. */
static int extend(struct remap *m, struct vma *v, size_t more)
{
	uintptr_t end = v->end;
	int err;

	vma_account(m->mm, v, -1);
	v->end += more;
	err = vma_map_backing(v, end, v->end, 0);
	if (err) {
		if (plat_unmap(end, more))
			panic("cannot unmap %zu bytes", more);
		v->end = end;
	}
	vma_account(m->mm, v, 1);
	return err;
}

/* Takes the moved VMA to its new place in the tree. With MREMAP_DONTUNMAP an empty one like it stays. */
static int relocate(struct remap *m, struct vma *v, struct vma *stays)
{
	uintptr_t old = v->start;
	size_t size = vma_size(v);
	int err = move_contents(v, m->to);

	if (err)
		return err;
	vma_remove(m->mm, v);
	v->start = m->to;
	v->end = m->to + size;
	vma_insert(m->mm, v);
	if (stays) {
		stays->start = old;
		stays->end = old + size;
		err = vma_map_backing(stays, old, old + size, BACKING_REPLACES);
		if (err)
			return err;
		vma_insert(m->mm, stays);
	} else {
		range_freed(m->mm, old);
	}
	return 0;
}

static int choose_target(struct remap *m, const struct vma *v)
{
	size_t align = v->kind == VMA_ANON && !(m->new_size % (2UL << 20)) ? 2UL << 20 : PAGE_SIZE;
	uintptr_t low = MAX(plat_info()->user_start, PAGE_SIZE);

	if (m->flags & MREMAP_FIXED)
		return 0;
	/* With MREMAP_DONTUNMAP it is a hint. */
	if (m->flags & MREMAP_DONTUNMAP && m->to && range_usable(m->to, m->new_size) &&
	    !vma_first(m->mm, m->to, m->to + m->new_size))
		return 0;
	m->to = range_find(m->mm, m->new_size, align, low, m->mm->mmap_top);
	if (!m->to)
		m->to = range_find(m->mm, m->new_size, PAGE_SIZE, low, plat_info()->user_end);
	return m->to ? 0 : -ENOMEM;
}

/* old_size 0: a second view of shared pages. */
static int duplicate(struct remap *m, struct vma *v)
{
	struct vma *copy;
	int err;

	if (!vma_is_shared(v) || v->kind == VMA_SPECIAL)
		return -EINVAL;
	err = choose_target(m, v);
	if (!err)
		err = mm_check_limits(m->mm, m->new_size, v->prot, v->flags);
	if (!err && m->mm->vma_count >= VMA_MAX)
		err = -ENOMEM;
	if (!err && m->flags & MREMAP_FIXED)
		err = mm_unmap_locked(m->mm, m->to, m->new_size, &m->dead);
	if (err)
		return err;
	v = mm_find(m->mm, m->from);
	if (!v || v->start > m->from)
		return -EFAULT;
	copy = vma_new();
	if (!copy)
		return -ENOMEM;
	*copy = *v;
	list_init(&copy->runs);
	vma_hold(copy);
	copy->offset = v->offset + (m->from - v->start);
	copy->start = m->to;
	copy->end = m->to + m->new_size;
	err = vma_map_backing(copy, copy->start, copy->end, 0);
	if (err) {
		if (plat_unmap(copy->start, vma_size(copy)))
			panic("cannot unmap %zu bytes", vma_size(copy));
		vma_chain(&m->dead, copy);
		return err;
	}
	vma_insert(m->mm, copy);
	vma_merge(m->mm, copy, &m->dead);
	return 0;
}

static int move(struct remap *m, struct vma *v)
{
	size_t common = MIN(m->old_size, m->new_size), more = m->new_size - common;
	struct vma *stays = NULL;
	int err;

	if (m->flags & MREMAP_DONTUNMAP && (v->kind != VMA_ANON || vma_is_shared(v)))
		return -EINVAL;
	err = mm_check_limits(m->mm, m->flags & MREMAP_DONTUNMAP ? m->new_size : more, v->prot,
			      v->flags);
	if (err)
		return err;
	if (m->mm->vma_count + 3 > VMA_MAX)
		return -ENOMEM;
	if (m->flags & MREMAP_FIXED) {
		err = mm_unmap_locked(m->mm, m->to, m->new_size, &m->dead);
		if (err)
			return err;
	}
	if (m->new_size < m->old_size) {
		err = mm_unmap_locked(m->mm, m->from + m->new_size, m->old_size - m->new_size,
				      &m->dead);
		if (err)
			return err;
	}
	err = vma_split_range(m->mm, m->from, m->from + common);
	if (err)
		return err;
	v = mm_find(m->mm, m->from);
	err = choose_target(m, v);
	if (err)
		return err;
	if (m->flags & MREMAP_DONTUNMAP) {
		stays = vma_copy(v);
		if (!stays)
			return -ENOMEM;
	}
	err = relocate(m, v, stays);
	if (err) {
		if (stays)
			vma_chain(&m->dead, stays);
		return err;
	}
	/* A failure now leaves the moved pages without the new ones: Linux's callers see -ENOMEM, too. */
	if (more)
		err = extend(m, v, more);
	vma_merge(m->mm, v, &m->dead);
	return err;
}

static int remap_locked(struct remap *m)
{
	struct vma *v = mm_find(m->mm, m->from), *next;
	size_t more;
	int err;

	if (!v || v->start > m->from)
		return -EFAULT;
	if (!m->old_size)
		return duplicate(m, v);
	if (m->old_size > v->end - m->from || v->kind == VMA_SPECIAL)
		return v->kind == VMA_SPECIAL ? -EINVAL : -EFAULT;
	if (m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return move(m, v);
	m->to = m->from;
	if (m->new_size == m->old_size)
		return 0;
	if (m->new_size < m->old_size)
		return mm_unmap_locked(m->mm, m->from + m->new_size, m->old_size - m->new_size,
				       &m->dead);
	more = m->new_size - m->old_size;
	err = mm_check_limits(m->mm, more, v->prot, v->flags);
	if (err)
		return err;
	next = mm_next(v);
	if (m->from + m->old_size == v->end && (!next || next->start - v->end >= more) &&
	    range_usable(v->end, more)) {
		err = extend(m, v, more);
		if (!err)
			vma_merge(m->mm, v, &m->dead);
		return err;
	}
	if (!(m->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	return move(m, v);
}

long sys_mremap(unsigned long *a)
{
	struct remap m = {
		.mm = current_process()->mm,
		.from = a[0],
		.old_size = PAGE_UP(a[1]),
		.new_size = PAGE_UP(a[2]),
		.flags = (unsigned int)a[3],
		.to = a[4],
	};
	uintptr_t user_end = plat_info()->user_end;
	int err;

	if (a[3] & ~(unsigned long)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if (m.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(m.flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (m.flags & MREMAP_DONTUNMAP && m.old_size != m.new_size)
		return -EINVAL;
	if (m.from & (PAGE_SIZE - 1) || !m.new_size || (a[1] && !m.old_size))
		return -EINVAL;
	if (m.from > user_end || m.old_size > user_end - m.from)
		return -EFAULT;
	if (m.new_size > user_end)
		return m.flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
	if (m.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		if (m.to & (PAGE_SIZE - 1) || m.to > user_end || m.new_size > user_end - m.to)
			return -EINVAL;
		if (m.to < m.from + m.old_size && m.from < m.to + m.new_size)
			return -EINVAL;
	}
	if (m.flags & MREMAP_FIXED) {
		if (m.to < plat_info()->user_start)
			return -EPERM;
		if (!range_usable(m.to, m.new_size))
			return -ENOMEM;
	}
	mutex_lock(&m.mm->lock);
	err = remap_locked(&m);
	if (err) {
		vma_merge_at(m.mm, m.from, &m.dead);
		vma_merge_at(m.mm, m.from + MIN(m.old_size, m.new_size), &m.dead);
	}
	mutex_unlock(&m.mm->lock);
	vma_free_chain(m.dead);
	return err ? err : (long)m.to;
}
