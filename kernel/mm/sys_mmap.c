/* SPDX-License-Identifier: Apache-2.0 */
/* mmap, munmap, mprotect, brk, msync, mincore: checks of arguments; the work is in map.c. */
#include <asm/resource.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/mm/vma.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"

#define PROT_SEM_ 0x8u
#define GUARD_BELOW PAGE_SIZE /* kept free above the heap, as Linux's gap before the next mapping */
#define MMAP_FLAGS                                                                          \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | \
	 MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |       \
	 MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_SYNC | MAP_FIXED_NOREPLACE |          \
	 MAP_UNINITIALIZED | (0x3fU << MAP_HUGE_SHIFT))

long sys_mmap(unsigned long *a)
{
	struct mmap_args args = {
		.at = a[0],
		.size = a[1],
		.prot = (unsigned int)a[2],
		.flags = (unsigned int)a[3],
		.offset = a[5],
	};
	struct file *f = NULL;
	intptr_t ret;

	if (a[5] & (PAGE_SIZE - 1))
		return -EINVAL;
	if (args.flags & MAP_ANONYMOUS) {
		args.offset = 0;
		if ((args.flags & MAP_TYPE) == MAP_SHARED_VALIDATE)
			return -EINVAL;
	} else {
		f = fd_get((int)a[4]);
		if (!f)
			return -EBADF;
		args.file = f;
		ret = -EOPNOTSUPP;
		if ((args.flags & MAP_TYPE) == MAP_SHARED_VALIDATE &&
		    (args.flags & ~(unsigned int)MMAP_FLAGS || args.flags & MAP_SYNC))
			goto out;
	}
	ret = -EINVAL;
	if (!a[1])
		goto out;
	/* There is no pool of huge pages, as on a machine where nobody made one. */
	if (args.flags & MAP_HUGETLB) {
		ret = f ? -EINVAL : -ENOMEM;
		goto out;
	}
	if (args.flags & MAP_LOCKED) {
		uint64_t limit = current_process()->limits[RLIMIT_MEMLOCK].current;

		ret = -EPERM;
		if (!limit && !capable(CAP_IPC_LOCK))
			goto out;
	}
	ret = mm_map(current_process()->mm, &args);
out:
	if (f)
		file_put(f);
	return ret;
}

long sys_munmap(unsigned long *a)
{
	return mm_unmap(current_process()->mm, a[0], a[1]);
}

long sys_mprotect(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	uintptr_t at = a[0];
	size_t size = a[1];
	unsigned long prot = a[2];

	if (prot & PROT_GROWSUP)
		return -EINVAL;
	if (at & (PAGE_SIZE - 1))
		return -EINVAL;
	if (prot &
	    ~(unsigned long)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM_ | PROT_GROWSDOWN))
		return -EINVAL;
	if (prot & PROT_GROWSDOWN && size) {
		/* Down to where the stack starts. */
		struct vma *v;
		int err = 0;

		mutex_lock(&mm->lock);
		v = mm_find(mm, at);
		if (!v || v->start >= at + PAGE_UP(size)) {
			err = -ENOMEM;
		} else if (v->flags & MAP_GROWSDOWN) {
			size += at - MIN(at, v->start);
			at = MIN(at, v->start);
		} else {
			err = -EINVAL;
		}
		mutex_unlock(&mm->lock);
		if (err)
			return err;
	}
	return mm_protect(mm, at, size, prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
}

/* --- brk ---------------------------------------------------------------------------------------------------------- */

/* [at, end) becomes heap: mm.lock held. */
static int heap_grow(struct mm *mm, uintptr_t at, uintptr_t end, struct vma **dead)
{
	struct vma *v = mm_find(mm, at);
	size_t size = end - at;
	int err;

	if (!range_usable(at, size) || (v && v->start < end + GUARD_BELOW))
		return -ENOMEM;
	err = mm_check_limits(mm, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | mm->def_flags);
	if (err)
		return err;
	if (mm->vma_count >= VMA_MAX)
		return -ENOMEM;
	v = vma_new();
	if (!v)
		return -ENOMEM;
	v->start = at;
	v->end = end;
	v->prot = PROT_READ | PROT_WRITE;
	v->flags = MAP_PRIVATE | mm->def_flags;
	v->kind = VMA_ANON;
	v->name = "[heap]";
	v->may_write = true;
	err = vma_map_backing(v, at, end, 0);
	if (err) {
		vma_free(v);
		return err;
	}
	vma_insert(mm, v);
	vma_merge(mm, v, dead);
	return 0;
}

long sys_brk(unsigned long *a)
{
	struct process *p = current_process();
	struct mm *mm = p->mm;
	uintptr_t wanted = a[0], old_end, new_end;
	struct vma *dead = NULL;
	long ret;

	mutex_lock(&mm->lock);
	if (wanted < mm->brk_start || wanted > plat_info()->user_end ||
	    wanted - mm->brk_start > p->limits[RLIMIT_DATA].current)
		goto out;
	old_end = PAGE_UP(mm->brk);
	new_end = PAGE_UP(wanted);
	if (new_end > old_end) {
		if (heap_grow(mm, old_end, new_end, &dead))
			goto out;
	} else if (new_end < old_end) {
		if (mm_unmap_locked(mm, new_end, old_end - new_end, &dead))
			goto out;
	}
	mm->brk = wanted;
out:
	ret = (long)mm->brk;
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	return ret;
}

/* --- msync, mincore ------------------------------------------------------------------------------------------------- */

static int sync_file(struct file *f)
{
	return f->ops && f->ops->fsync ? f->ops->fsync(f, true) : 0;
}

long sys_msync(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	uintptr_t at = a[0], end;
	unsigned int flags = (unsigned int)a[2];
	int err = 0, hole = 0;

	if (flags & ~(unsigned int)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	if (at & (PAGE_SIZE - 1))
		return -EINVAL;
	if (a[1] > SIZE_MAX - PAGE_SIZE || __builtin_add_overflow(at, PAGE_UP(a[1]), &end))
		return -ENOMEM;
	while (at < end && !err) {
		struct file *f = NULL;
		struct vma *v;

		mutex_lock(&mm->lock);
		v = vma_first(mm, at, end);
		if (!v || v->start > at)
			hole = -ENOMEM;
		if (v) {
			if (flags & MS_INVALIDATE && v->flags & MAP_LOCKED)
				err = -EBUSY;
			else if (flags & MS_SYNC && v->file && vma_is_shared(v))
				f = file_get(v->file);
			at = v->end;
		} else {
			at = end;
		}
		mutex_unlock(&mm->lock);
		if (f) {
			err = sync_file(f);
			file_put(f);
		}
	}
	return err ? err : hole;
}

/* One byte a page for [at, at + count pages), all in one VMA. mm.lock held. */
static void resident(struct vma *v, uintptr_t at, size_t count, unsigned char *vector)
{
	if ((v->kind == VMA_ANON || v->kind == VMA_HOST) &&
	    !plat_resident(at, count * PAGE_SIZE, vector))
		return;
	for (size_t i = 0; i < count; i++) {
		uint64_t index = vma_index(v, at + i * PAGE_SIZE);
		bool there = v->kind != VMA_ANON;

		if (v->kind == VMA_MAPPING)
			there = vma_run_at(v, index) ||
				mapping_next_present(v->mapping, index) == index;
		vector[i] = there;
	}
}

long sys_mincore(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	uintptr_t at = a[0];
	size_t count = PAGE_UP(a[1]) >> PAGE_SHIFT;
	struct uptr to = UPTR(a[2]);
	unsigned char vector[512];
	int err;

	if (at & (PAGE_SIZE - 1))
		return -EINVAL;
	if (at > plat_info()->user_end || a[1] > plat_info()->user_end - at)
		return -ENOMEM;
	if (!access_ok(to, count))
		return -EFAULT;
	while (count) {
		size_t n = MIN(count, sizeof(vector)), done = 0;

		mutex_lock(&mm->lock);
		while (done < n) {
			uintptr_t here = at + done * PAGE_SIZE;
			struct vma *v = mm_find(mm, here);
			size_t piece;

			if (!v || v->start > here || (v->stubs && !v->pages))
				break;
			piece = MIN(n - done, (v->end - here) >> PAGE_SHIFT);
			resident(v, here, piece, vector + done);
			done += piece;
		}
		mutex_unlock(&mm->lock);
		if (done < n)
			return -ENOMEM;
		err = copy_out(to, vector, n);
		if (err)
			return err;
		to = uptr_add(to, n);
		at += n * PAGE_SIZE;
		count -= n;
	}
	return 0;
}
