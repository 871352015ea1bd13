/* SPDX-License-Identifier: Apache-2.0 */
/*
 * madvise and process_madvise. Advice that changes contents or inheritance is carried out, the rest is checked and
 * left at that. As on Linux, holes in the range do not stop the work but make the result -ENOMEM.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/process_vm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/mm/vma.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/pidfd.h"
#include "kernel/task/task.h"

/* Contents: private changes are dropped. Pages of a shared object stay the object's. */
static int advise_contents(struct vma *v, uintptr_t start, uintptr_t end, int advice)
{
	struct vma_run *r;
	int err = 0;

	if (v->flags & MAP_LOCKED && advice != MADV_DONTNEED_LOCKED)
		return -EINVAL;
	if (advice == MADV_DONTNEED_LOCKED)
		advice = MADV_DONTNEED;
	if (v->kind == VMA_ANON)
		return plat_advise(start, end - start, advice);
	if (advice == MADV_FREE)
		return -EINVAL;
	if (vma_is_shared(v) || (v->kind == VMA_SPECIAL && !v->text))
		return 0;
	if (v->kind == VMA_HOST)
		return plat_advise(start, end - start, advice);
	list_for_each(r, &v->runs, link) {
		uintptr_t from = MAX(start, vma_address(v, r->index));
		uintptr_t to = MIN(end, vma_address(v, r->index + r->count));

		if (from < to && !err)
			err = plat_advise(from, to - from, advice);
	}
	return err;
}

/* Marks on the VMA itself: it is split so that only the range has them. */
static int advise_marks(struct mm *mm, uintptr_t start, uintptr_t end, int advice,
			struct vma **dead)
{
	struct vma *v = mm_find(mm, start);
	int err;

	if ((advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK) &&
	    (v->kind != VMA_ANON || v->file))
		return -EINVAL;
	if (v->stubs)
		return 0;
	err = vma_split_range(mm, start, end);
	if (err)
		return err;
	v = mm_find(mm, start);
	switch (advice) {
	case MADV_DONTFORK:
	case MADV_DOFORK:
		v->dont_fork = advice == MADV_DONTFORK;
		break;
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
		v->wipe_on_fork = advice == MADV_WIPEONFORK;
		break;
	default:
		v->dont_dump = advice == MADV_DONTDUMP;
		break;
	}
	/* The host may do its part at the fork already; if it does not, mm_fork_child does it all. */
	if (advice != MADV_DONTDUMP && advice != MADV_DODUMP && v->kind == VMA_ANON &&
	    plat_advise(start, end - start, advice))
		err = 0;
	vma_merge(mm, v, dead);
	return err;
}

static int advise_populate(struct vma *v, uintptr_t start, uintptr_t end, int advice)
{
	if (!(v->prot & (advice == MADV_POPULATE_WRITE ? PROT_WRITE : PROT_READ | PROT_EXEC)))
		return -EINVAL;
	if (v->kind == VMA_MAPPING) {
		for (uint64_t i = vma_index(v, start); i < vma_index(v, end); i++) {
			struct vma_run *r = vma_run_at(v, i);
			int err;

			if (r) {
				i = r->index + r->count - 1;
				continue;
			}
			err = vma_map_window(v, i);
			if (err)
				return err;
		}
	}
	return plat_advise(start, end - start, advice);
}

/* [start, end) lies in one VMA. */
static int advise_one(struct mm *mm, struct vma *v, uintptr_t start, uintptr_t end, int advice,
		      struct vma **dead)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
		return advise_contents(v, start, end, advice);
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
		return advise_marks(mm, start, end, advice, dead);
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
		if (v->kind == VMA_ANON && plat_advise(start, end - start, advice))
			return 0; /* a host without huge pages */
		return 0;
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return advise_populate(v, start, end, advice);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return v->flags & MAP_LOCKED ? -EINVAL : 0;
	}
	return 0;
}

static bool is_known(int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return true;
	}
	return false;
}

/* Punches a hole into what is shown; the file does it, without mm.lock. */
static int advise_remove(struct mm *mm, uintptr_t at, uintptr_t end)
{
	while (at < end) {
		struct file *f = NULL;
		uint64_t offset = 0;
		uintptr_t next;
		struct vma *v;
		int err = 0;

		mutex_lock(&mm->lock);
		v = mm_find(mm, at);
		if (!v || v->start > at)
			err = -ENOMEM;
		else if (v->flags & MAP_LOCKED || !v->file || v->kind == VMA_SPECIAL ||
			 v->kind == VMA_ANON)
			err = -EINVAL;
		else if (!vma_is_shared(v) || !v->may_write)
			err = -EACCES;
		else
			f = file_get(v->file);
		next = f ? MIN(end, v->end) : end;
		if (f)
			offset = v->offset + (at - v->start);
		mutex_unlock(&mm->lock);
		if (f) {
			err = f->ops->fallocate ? f->ops->fallocate(f,
								    FALLOC_FL_PUNCH_HOLE |
									    FALLOC_FL_KEEP_SIZE,
								    offset, next - at)
						: -EOPNOTSUPP;
			file_put(f);
		}
		if (err)
			return err;
		at = next;
	}
	return 0;
}

static int advise_range(struct mm *mm, uintptr_t at, size_t size, int advice)
{
	struct vma *dead = NULL;
	uintptr_t end;
	int err = 0, hole = 0;

	if (!is_known(advice) || at & (PAGE_SIZE - 1))
		return -EINVAL;
	if (size > SIZE_MAX - PAGE_SIZE || __builtin_add_overflow(at, PAGE_UP(size), &end))
		return -EINVAL;
	if (at == end)
		return 0;
	if (advice == MADV_REMOVE)
		return advise_remove(mm, at, end);
	mutex_lock(&mm->lock);
	while (at < end && !err) {
		struct vma *v = vma_first(mm, at, end);
		uintptr_t to;

		if (!v || v->start > at || (v->stubs && !v->pages)) {
			hole = -ENOMEM;
			/* Populating is ordered, hints are not: it stops at the first hole. */
			if (!v || advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
				break;
			at = v->start > at ? v->start : v->end;
			continue;
		}
		to = MIN(v->end, end);
		err = advise_one(mm, v, at, to, advice, &dead);
		at = to;
	}
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	return err ? err : hole;
}

long sys_madvise(unsigned long *a)
{
	return advise_range(current_process()->mm, a[0], a[1], (int)a[2]);
}

long sys_process_madvise(unsigned long *a)
{
	int advice = (int)a[3];
	struct process *p;
	struct file *f;
	struct uio io;
	long done = 0;
	int err;

	if (a[4])
		return -EINVAL;
	err = uio_init_iovec(&io, UPTR(a[1]), a[2]);
	if (err)
		return err;
	f = fd_get((int)a[0]);
	err = -EBADF;
	if (!f)
		goto out_io;
	p = pidfd_process(f);
	if (!p)
		goto out;
	err = -EINVAL;
	if (advice != MADV_COLD && advice != MADV_PAGEOUT && advice != MADV_WILLNEED &&
	    advice != MADV_COLLAPSE)
		goto out;
	err = process_vm_may_access(p);
	if (err)
		goto out;
	err = -EPERM;
	if (p != current_process() && !capable(CAP_SYS_NICE))
		goto out;
	/* All of these are hints that nothing here acts on; for the caller's own memory they are checked. */
	for (err = 0; io.count && !err; io.segments++, io.count--) {
		if (p == current_process())
			err = advise_range(p->mm, io.segments->base.v, io.segments->size,
					   advice == MADV_COLLAPSE ? MADV_WILLNEED : advice);
		if (!err)
			done += (long)io.segments->size;
	}
out:
	file_put(f);
out_io:
	uio_done(&io);
	return done ? done : err;
}
