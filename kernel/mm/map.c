/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mmap, munmap and mprotect on an address space of the calling task. Each works in two steps: everything that can fail
 * for lack of memory or by rules first (new VMA, splits, limits), then the platform, then the tree.
 *
 * Modules whose text is rewritten keep a gap below them for stubs: a VMA_SPECIAL "[stubs]" with no access and no pages
 * until the rewriter fills it. It goes when the last piece of its module's file goes.
 */
#include <asm/resource.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/mount.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/loader/rewrite.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/memfd.h"
#include "kernel/mm/vma.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define HUGE_SIZE (2UL << 20)
#define FIND_32BIT_START 0x40000000UL
#define FIND_32BIT_END 0x80000000UL
#define TYPE_MASK 0x0fu
#define MODULE_STEPS 64 /* VMAs looked at to find the rest of a module */

static inline uint64_t limit_of(unsigned int which)
{
	return __atomic_load_n(&current_process()->limits[which].current, __ATOMIC_RELAXED);
}

int mm_check_limits(struct mm *mm, size_t more, unsigned int prot, unsigned int flags)
{
	size_t sum;

	if (__builtin_add_overflow(mm->mapped_bytes, more, &sum) || sum > limit_of(RLIMIT_AS))
		return -ENOMEM;
	if (prot & PROT_WRITE && !(flags & (MAP_SHARED | MAP_GROWSDOWN)) &&
	    mm->data_bytes + more > limit_of(RLIMIT_DATA))
		return -ENOMEM;
	if (flags & MAP_LOCKED && !capable(CAP_IPC_LOCK) &&
	    mm->locked_bytes + more > limit_of(RLIMIT_MEMLOCK))
		return -EAGAIN;
	return 0;
}

/* --- unmapping ---------------------------------------------------------------------------------------------------- */

static bool same_module(const struct vma *v, const struct file *file)
{
	return v->file && v->file->inode == file->inode;
}

/* A piece of a module at `at` is gone: if it was the last, its stub gap goes, too. */
static int release_stubs(struct mm *mm, uintptr_t at, const struct file *file, struct vma **dead)
{
	struct vma *v = mm_find(mm, at), *stubs = NULL;
	int err;

	v = v ? vma_prev(v) : vma_entry(rb_last(&mm->vmas));
	for (int i = 0; v && i < MODULE_STEPS && same_module(v, file); i++, v = vma_prev(v)) {
		if (v->stubs) {
			stubs = v;
			break;
		}
	}
	if (!stubs)
		return 0;
	v = mm_next(stubs);
	/* Pieces of one gap follow each other; any other piece of the module needs its stubs. */
	if (v && !v->stubs && same_module(v, file))
		return 0;
	for (int i = 0; v && i < MODULE_STEPS; i++, v = mm_next(v)) {
		if (v->stubs || (v->file && !same_module(v, file)))
			break;
		if (v->text && same_module(v, file))
			return 0;
	}
	for (; stubs && stubs->stubs && same_module(stubs, file); stubs = v) {
		v = vma_prev(stubs);
		if (stubs->pages) {
			err = plat_unmap(stubs->start, vma_size(stubs));
			if (err)
				return err;
			rewrite_forget(mm, stubs->start, vma_size(stubs));
		}
		vma_remove(mm, stubs);
		range_freed(mm, stubs->start);
		vma_chain(dead, stubs);
	}
	return 0;
}

/* Takes all VMAs of [start, end), which are whole, out of the tree. The platform's side is the caller's. */
static void carve(struct mm *mm, uintptr_t start, uintptr_t end, struct vma **dead)
{
	struct vma *v, *next;
	bool special = false;

	for (v = vma_first(mm, start, end); v && v->start < end; v = next) {
		next = mm_next(v);
		special |= v->text || v->stubs;
		vma_remove(mm, v);
		vma_chain(dead, v);
	}
	if (special)
		rewrite_forget(mm, start, end - start);
}

int mm_unmap_locked(struct mm *mm, uintptr_t at, size_t size, struct vma **dead)
{
	uintptr_t end = at + size, run_start = 0, run_end = 0;
	struct file *module = NULL;
	struct vma *v = vma_first(mm, at, end);
	int err;

	if (!v)
		return 0;
	if (v->start < at || v->end > end || mm_next(v)) {
		err = vma_split_range(mm, at, end);
		if (err)
			return err;
		v = vma_first(mm, at, end);
	}
	/* Only what is in the tree is unmapped: the rest of the range may hold what is not the application's. */
	for (; v && v->start < end; v = mm_next(v)) {
		if (v->file && v->file->inode && (v->text || v->offset == 0))
			module = v->file;
		if (v->start == run_end) {
			run_end = v->end;
			continue;
		}
		err = run_end ? plat_unmap(run_start, run_end - run_start) : 0;
		if (err)
			return err;
		run_start = v->start;
		run_end = v->end;
	}
	err = plat_unmap(run_start, run_end - run_start);
	if (err)
		return err;
	carve(mm, at, end, dead);
	range_freed(mm, at);
	/* The file is held by a VMA on the chain. */
	if (module && plat_info()->capabilities & PLAT_REWRITES_TEXT)
		return release_stubs(mm, at, module, dead);
	return 0;
}

int mm_unmap(struct mm *mm, uintptr_t at, size_t size)
{
	struct vma *dead = NULL;
	int err;

	if (at & (PAGE_SIZE - 1) || !size || size > SIZE_MAX - PAGE_SIZE)
		return -EINVAL;
	size = PAGE_UP(size);
	if (at > plat_info()->user_end || size > plat_info()->user_end - at)
		return -EINVAL;
	mutex_lock(&mm->lock);
	err = mm_unmap_locked(mm, at, size, &dead);
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	return err;
}

/* --- mapping ------------------------------------------------------------------------------------------------------ */

static int check_file(const struct mmap_args *a, struct vma *v)
{
	const struct file *f = a->file;
	bool noexec = f->path.mount && f->path.mount->flags & MS_NOEXEC;

	if (!file_readable(f))
		return -EACCES;
	if (a->flags & MAP_SHARED) {
		if (a->prot & PROT_WRITE && !file_writable(f))
			return -EACCES;
		v->may_write = file_writable(f);
	}
	if (noexec && a->prot & PROT_EXEC)
		return -EPERM;
	if (!f->ops || !f->ops->mmap)
		return -ENODEV;
	return 0;
}

/* The new VMA, with its backing decided; start is 0 until an address was chosen. */
static int prepare(const struct mmap_args *a, size_t size, struct vma **ret)
{
	struct vma *v = vma_new();
	int err;

	if (!v)
		return -ENOMEM;
	v->end = size;
	v->prot = a->prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
	v->flags = a->flags & (MAP_SHARED | MAP_PRIVATE | MAP_GROWSDOWN | MAP_NORESERVE |
			       MAP_LOCKED | MAP_STACK);
	v->kind = VMA_ANON;
	v->name = a->name;
	v->may_write = true;
	if (a->file) {
		err = check_file(a, v);
		if (err)
			goto out;
		v->offset = a->offset;
		v->file = file_get(a->file);
		err = a->file->ops->mmap(a->file, v);
		if (err)
			goto out_file;
		if (v->mapping && vma_is_shared(v) && v->may_write)
			__atomic_add_fetch(&v->mapping->mapped_writable, 1, __ATOMIC_SEQ_CST);
	} else if (a->flags & MAP_SHARED) {
		v->file = shared_memory_new("/dev/zero (deleted)", size);
		err = -ENOMEM;
		if (!v->file)
			goto out;
		vma_set_mapping(v, v->file->inode->data);
		__atomic_add_fetch(&v->mapping->mapped_writable, 1, __ATOMIC_SEQ_CST);
	}
	*ret = v;
	return 0;
out_file:
	v->mapping = NULL;
out:
	vma_free(v);
	return err;
}

static bool range_is_free(struct mm *mm, uintptr_t at, size_t size)
{
	return range_usable(at, size) && !vma_first(mm, at, at + size);
}

/* Where it goes: *ret_gap is how much below belongs to it (stubs), 0 if there was no room for that. */
static int choose(struct mm *mm, const struct mmap_args *a, size_t size, size_t *gap,
		  uintptr_t *ret_at)
{
	const struct plat_info *info = plat_info();
	uintptr_t low = MAX(info->user_start, PAGE_SIZE), at;
	size_t align = PAGE_SIZE;

	if (a->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		*gap = 0;
		if (a->at & (PAGE_SIZE - 1))
			return -EINVAL;
		if (a->at > info->user_end || size > info->user_end - a->at)
			return -ENOMEM;
		if (a->at < info->user_start)
			return -EPERM;
		if (a->flags & MAP_FIXED_NOREPLACE && vma_first(mm, a->at, a->at + size))
			return -EEXIST;
		if (!range_usable(a->at, size))
			return a->flags & MAP_FIXED_NOREPLACE ? -EEXIST : -ENOMEM;
		*ret_at = a->at;
		return 0;
	}
	at = PAGE_DOWN(a->at);
	if (at && at < low)
		at = low;
	if (at && at > *gap && range_is_free(mm, at - *gap, size + *gap)) {
		*ret_at = at;
		return 0;
	}
	if (a->flags & MAP_32BIT) {
		at = range_find(mm, size + *gap, PAGE_SIZE, MAX(low, FIND_32BIT_START),
				FIND_32BIT_END);
	} else {
		if (!a->file && !(size % HUGE_SIZE))
			align = HUGE_SIZE;
		at = range_find(mm, size + *gap, align, low, mm->mmap_top);
		if (!at)
			at = range_find(mm, size + *gap, PAGE_SIZE, low, info->user_end);
	}
	if (!at)
		return -ENOMEM;
	*ret_at = at + *gap;
	return 0;
}

/* Keeps [at - gap, at) free for the stubs of the module in `file`. Without memory there are none: not an error. */
static void reserve_gap(struct mm *mm, struct file *file, uintptr_t at, size_t gap)
{
	struct vma *v = vma_new();

	if (!v)
		return;
	v->start = at - gap;
	v->end = at;
	v->kind = VMA_SPECIAL;
	v->flags = MAP_PRIVATE;
	v->name = "[stubs]";
	v->stubs = true;
	v->file = file_get(file);
	vma_insert(mm, v);
}

static void drop_gap(struct mm *mm, uintptr_t at, struct vma **dead)
{
	struct vma *v = vma_first(mm, at - PAGE_SIZE, at);

	if (v && v->stubs && !v->pages) {
		vma_remove(mm, v);
		range_freed(mm, v->start);
		vma_chain(dead, v);
	}
}

/* The text of a module, rewritten. -ENOENT: map it as it is. */
static int map_text(struct mm *mm, struct vma *v)
{
	void *pages;
	int err;

	if (!(plat_info()->capabilities & PLAT_REWRITES_TEXT) || !v->file || vma_is_shared(v) ||
	    (v->prot & (PROT_EXEC | PROT_WRITE)) != PROT_EXEC || v->kind == VMA_ANON)
		return -ENOENT;
	err = rewrite_map_text(mm, v->file, v->offset, v->start, vma_size(v), v->prot, &pages);
	if (err)
		return err;
	v->text = true;
	v->pages = pages;
	v->kind = VMA_SPECIAL;
	pages_get(pages, vma_size(v) >> PAGE_SHIFT);
	return vma_add_run(v, v->offset >> PAGE_SHIFT, pages, vma_size(v) >> PAGE_SHIFT);
}

static int check_args(const struct mmap_args *a, size_t *ret_size)
{
	uint64_t end;

	if (!a->size)
		return -EINVAL;
	*ret_size = PAGE_UP(a->size);
	if (*ret_size < a->size || *ret_size > plat_info()->user_end)
		return -ENOMEM;
	if (a->offset & (PAGE_SIZE - 1))
		return -EINVAL;
	if (a->file && (__builtin_add_overflow(a->offset, *ret_size, &end) || end > INT64_MAX))
		return -EOVERFLOW;
	if ((a->flags & TYPE_MASK) != MAP_SHARED && (a->flags & TYPE_MASK) != MAP_PRIVATE &&
	    (a->flags & TYPE_MASK) != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (a->flags & MAP_GROWSDOWN && (a->flags & MAP_SHARED || a->file))
		return -EINVAL;
	return 0;
}

/* v is at its place: clears the place, maps, and puts it into the tree. */
static int install(struct mm *mm, struct vma *v, unsigned int flags, struct vma **dead)
{
	bool replaces = vma_first(mm, v->start, v->end) != NULL;
	unsigned int how = (replaces ? BACKING_REPLACES : 0u) |
			   (flags & (MAP_POPULATE | MAP_LOCKED) ? BACKING_POPULATE : 0u);
	int err;

	if (mm->vma_count >= VMA_MAX)
		return -ENOMEM;
	if (replaces) {
		err = vma_split_range(mm, v->start, v->end);
		if (err)
			return err;
		carve(mm, v->start, v->end, dead);
	}
	err = map_text(mm, v);
	if (err == -ENOENT)
		err = vma_map_backing(v, v->start, v->end, how);
	if (err) {
		/* Half a mapping must not stay; what was there before is gone, as it is on Linux. */
		if (plat_unmap(v->start, vma_size(v)))
			panic("cannot unmap %zu bytes", vma_size(v));
		range_freed(mm, v->start);
		return err;
	}
	vma_insert(mm, v);
	return 0;
}

intptr_t mm_map(struct mm *mm, const struct mmap_args *args)
{
	struct mmap_args a = *args;
	struct vma *v, *dead = NULL;
	size_t size, gap = 0;
	uintptr_t at;
	bool writable;
	int err = check_args(&a, &size);

	if (err)
		return err;
	if ((a.flags & TYPE_MASK) == MAP_SHARED_VALIDATE)
		a.flags = (a.flags & ~TYPE_MASK) | MAP_SHARED;
	if (mm->def_flags)
		a.flags |= MAP_LOCKED;
	err = prepare(&a, size, &v);
	if (err)
		return err;
	if (v->file && v->kind != VMA_ANON && !a.offset && !vma_is_shared(v) &&
	    !(a.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT)) &&
	    plat_info()->capabilities & PLAT_REWRITES_TEXT)
		gap = PAGE_UP(rewrite_gap(v->file));
	mutex_lock(&mm->lock);
	err = choose(mm, &a, size, &gap, &at);
	if (!err && !(a.name && str_eq(a.name, "[stack]")))
		err = mm_check_limits(mm, size, v->prot, v->flags);
	if (err)
		goto out;
	v->start = at;
	v->end = at + size;
	if (gap)
		reserve_gap(mm, v->file, at, gap);
	err = install(mm, v, a.flags, &dead);
	if (err) {
		if (gap)
			drop_gap(mm, at, &dead);
		goto out;
	}
	writable = v->kind == VMA_ANON && v->prot & PROT_WRITE;
	vma_merge(mm, v, &dead);
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	if (a.flags & (MAP_POPULATE | MAP_LOCKED) && a.prot &&
	    plat_advise(at, size, writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))
		return (intptr_t)at; /* it comes with the first touch, then */
	return (intptr_t)at;
out:
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	vma_free(v);
	return err;
}

static struct vma *special_new(uintptr_t at, size_t size, unsigned int prot, bool shared,
			       void *pages, const char *name)
{
	struct vma *v = vma_new();

	if (!v)
		return NULL;
	v->start = at;
	v->end = at + size;
	v->prot = prot;
	v->flags = shared ? MAP_SHARED : MAP_PRIVATE;
	v->kind = VMA_SPECIAL;
	v->pages = pages;
	v->name = name;
	pages_get(pages, size >> PAGE_SHIFT);
	if (vma_add_run(v, 0, pages, size >> PAGE_SHIFT)) {
		vma_free(v);
		return NULL;
	}
	return v;
}

intptr_t mm_map_pages(struct mm *mm, uintptr_t at, size_t size, unsigned int prot, bool shared,
		      void *pages, const char *name)
{
	struct vma *v, *dead = NULL;
	int err = 0;

	if (!size || size & (PAGE_SIZE - 1) || at & (PAGE_SIZE - 1))
		return -EINVAL;
	v = special_new(at, size, prot, shared, pages, name);
	if (!v)
		return -ENOMEM;
	mutex_lock(&mm->lock);
	if (!at)
		at = range_find(mm, size, PAGE_SIZE, MAX(plat_info()->user_start, PAGE_SIZE),
				mm->mmap_top);
	if (!at || !range_usable(at, size))
		err = -ENOMEM;
	if (!err)
		err = vma_split_range(mm, at, at + size);
	if (!err)
		err = plat_map_enclave(at, size, prot, pages, shared);
	if (!err) {
		carve(mm, at, at + size, &dead);
		v->start = at;
		v->end = at + size;
		vma_insert(mm, v);
		v = NULL;
	}
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	if (v)
		vma_free(v);
	return err ? err : (intptr_t)at;
}

int mm_map_stubs_locked(struct mm *mm, uintptr_t at, size_t size, void *pages)
{
	struct vma *old, *v, *dead = NULL;
	int err;

	if (!size || size & (PAGE_SIZE - 1) || at & (PAGE_SIZE - 1) || !range_usable(at, size))
		return -EEXIST;
	old = vma_first(mm, at, at + size);
	if (old && old->stubs && old->start == at && old->end == at + size && old->pages == pages)
		return 0;
	if (old && (!old->stubs || old->pages || old->start > at || old->end < at + size))
		return -EEXIST;
	v = special_new(at, size, PROT_READ | PROT_EXEC, true, pages, "[stubs]");
	if (!v)
		return -ENOMEM;
	v->stubs = true;
	if (old) {
		v->file = old->file ? file_get(old->file) : NULL;
		err = vma_split_range(mm, at, at + size);
		if (err)
			goto out;
	}
	err = plat_map_enclave(at, size, PROT_READ | PROT_EXEC, pages, true);
	if (err)
		goto out;
	old = vma_first(mm, at, at + size);
	if (old) {
		vma_remove(mm, old);
		vma_chain(&dead, old);
	}
	vma_insert(mm, v);
	/* The same file is held by v: the chain's reference is not the last. */
	vma_free_chain(dead);
	return 0;
out:
	vma_free(v);
	return err;
}

/* --- protection ---------------------------------------------------------------------------------------------------- */

static int protect_one(struct mm *mm, struct vma *v, unsigned int prot)
{
	int err;

	if (v->prot == prot)
		return 0;
	if (v->stubs && !v->pages)
		return -ENOMEM;
	if (prot & PROT_WRITE && !v->may_write)
		return -EACCES;
	if (prot & PROT_EXEC && v->file && v->file->path.mount &&
	    v->file->path.mount->flags & MS_NOEXEC)
		return -EACCES;
	if (prot & PROT_WRITE && !(v->prot & PROT_WRITE) && !vma_is_shared(v) &&
	    !(v->flags & MAP_GROWSDOWN) && mm->data_bytes + vma_size(v) > limit_of(RLIMIT_DATA))
		return -ENOMEM;
	err = vma_protect_backing(v, prot);
	if (err)
		return err;
	vma_account(mm, v, -1);
	v->prot = prot;
	vma_account(mm, v, 1);
	return 0;
}

int mm_protect(struct mm *mm, uintptr_t at, size_t size, unsigned int prot)
{
	uintptr_t end, reached;
	struct vma *v, *dead = NULL;
	int err = 0;

	if (at & (PAGE_SIZE - 1))
		return -EINVAL;
	if (!size)
		return 0;
	size = PAGE_UP(size);
	if (!size || __builtin_add_overflow(at, size, &end))
		return -ENOMEM;
	mutex_lock(&mm->lock);
	v = vma_first(mm, at, end);
	if (!v || v->start > at) {
		err = -ENOMEM;
		goto out;
	}
	err = vma_split_range(mm, at, end);
	if (err)
		goto out;
	/* As Linux: what lies before a hole, or before what must not change, is changed. */
	for (v = vma_first(mm, at, end), reached = at; v && v->start == reached && reached < end;
	     v = mm_next(v)) {
		err = protect_one(mm, v, prot);
		if (err)
			break;
		reached = v->end;
		v = vma_merge(mm, v, &dead);
		/* It may have been joined with what follows the range, or with the next to be changed. */
		if (v->end > reached)
			reached = MIN(v->end, end);
	}
	if (!err && reached < end)
		err = -ENOMEM;
	if (err) {
		vma_merge_at(mm, at, &dead);
		vma_merge_at(mm, end, &dead);
	}
out:
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	return err;
}
