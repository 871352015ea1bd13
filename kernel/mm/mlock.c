/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mlock & co. Enclave memory is not swapped by us; whether the host swaps is not ours to say. So a lock is a mark on
 * the VMA, counted against RLIMIT_MEMLOCK, and the promise that the pages are there now.
 */
#include <asm/resource.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/mm/vma.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"

static uint64_t lock_limit(void)
{
	return capable(CAP_IPC_LOCK) ? UINT64_MAX
				     : current_process()->limits[RLIMIT_MEMLOCK].current;
}

static void mark(struct mm *mm, struct vma *v, bool locked)
{
	vma_account(mm, v, -1);
	v->flags = locked ? v->flags | MAP_LOCKED : v->flags & ~(unsigned int)MAP_LOCKED;
	vma_account(mm, v, 1);
}

static size_t locked_in(struct mm *mm, uintptr_t start, uintptr_t end)
{
	struct vma *v = vma_first(mm, start, end);
	size_t sum = 0;

	for (; v && v->start < end; v = mm_next(v))
		if (v->flags & MAP_LOCKED)
			sum += MIN(v->end, end) - MAX(v->start, start);
	return sum;
}

/* Makes the pages present; failures show at the first touch, as they would without. */
static void populate(struct vma *v)
{
	bool writable = v->kind == VMA_ANON && v->prot & PROT_WRITE;

	if (!(v->prot & (PROT_READ | PROT_WRITE)) || v->kind == VMA_SPECIAL)
		return;
	if (v->kind == VMA_MAPPING) {
		for (uint64_t i = vma_index(v, v->start); i < vma_index(v, v->end); i++) {
			struct vma_run *r = vma_run_at(v, i);

			if (r)
				i = r->index + r->count - 1;
			else if (vma_map_window(v, i))
				return;
		}
	}
	if (plat_advise(v->start, vma_size(v), writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))
		return;
}

static int lock_range(uintptr_t at, size_t size, bool lock, bool now)
{
	struct mm *mm = current_process()->mm;
	uintptr_t end, reached;
	struct vma *v, *dead = NULL;
	int err = 0;

	if (__builtin_add_overflow(size, at & (PAGE_SIZE - 1), &size) ||
	    size > SIZE_MAX - PAGE_SIZE)
		return -EINVAL;
	at = PAGE_DOWN(at);
	if (__builtin_add_overflow(at, PAGE_UP(size), &end))
		return -EINVAL;
	if (lock && !lock_limit())
		return -EPERM;
	if (at == end)
		return 0;
	mutex_lock(&mm->lock);
	if (lock && mm->locked_bytes + (end - at) - locked_in(mm, at, end) > lock_limit()) {
		err = -ENOMEM;
		goto out;
	}
	err = vma_split_range(mm, at, end);
	if (err)
		goto out;
	for (v = vma_first(mm, at, end), reached = at; v && v->start == reached && reached < end;
	     v = mm_next(v)) {
		reached = MIN(v->end, end);
		mark(mm, v, lock);
		if (lock && now)
			populate(v);
		v = vma_merge(mm, v, &dead);
		reached = MIN(v->end, end);
	}
	if (reached < end)
		err = -ENOMEM;
out:
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	return err;
}

long sys_mlock(unsigned long *a)
{
	return lock_range(a[0], a[1], true, true);
}

long sys_mlock2(unsigned long *a)
{
	if (a[2] & ~(unsigned long)MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(a[0], a[1], true, !(a[2] & MLOCK_ONFAULT));
}

long sys_munlock(unsigned long *a)
{
	return lock_range(a[0], a[1], false, false);
}

/* Gives mm.lock back. */
static void mark_all(struct mm *mm, bool locked, bool now)
{
	struct vma *dead = NULL, *v;

	for (v = vma_entry(rb_first(&mm->vmas)); v; v = mm_next(v)) {
		if (v->kind == VMA_SPECIAL)
			continue;
		mark(mm, v, locked);
		if (now)
			populate(v);
		v = vma_merge(mm, v, &dead);
	}
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
}

long sys_mlockall(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	unsigned long flags = a[0];

	if (!flags || flags & ~(unsigned long)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	if (!lock_limit())
		return -EPERM;
	mutex_lock(&mm->lock);
	if (flags & MCL_CURRENT && mm->mapped_bytes > lock_limit()) {
		mutex_unlock(&mm->lock);
		return -ENOMEM;
	}
	mm->def_flags = flags & MCL_FUTURE ? MAP_LOCKED : 0;
	if (flags & MCL_CURRENT)
		mark_all(mm, true, !(flags & MCL_ONFAULT));
	else
		mutex_unlock(&mm->lock);
	return 0;
}

long sys_munlockall(unsigned long *a)
{
	struct mm *mm = current_process()->mm;

	(void)a;
	mutex_lock(&mm->lock);
	mm->def_flags = 0;
	mark_all(mm, false, false);
	return 0;
}
