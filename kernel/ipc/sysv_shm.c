/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V shared memory. A segment is an identifier (sysv_ids.h) with an unlinked memory file; attaching maps the file,
 * and each VMA that shows it is one attach (vma->private_data, counted by mm when VMAs are split, forked and dropped).
 * A segment removed with IPC_RMID loses its key, stays while it is attached, and goes with the last detach.
 *
 * Each attach holds a reference of the object. object.lock guards times, pids, attach count; it is taken with mm.lock
 * held (fork, split) and never the other way round.
 */
#include <asm/ipcbuf.h>
#include <asm/shmbuf.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/ipc.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/ipc/ipc.h"
#include "kernel/ipc/sysv_ids.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/memfd.h"
#include "kernel/mm/usercopy.h"
#include "kernel/mm/vma.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"

/* linux/shm.h cannot be used without a libc. */
#define SHM_RDONLY 010000
#define SHM_RND 020000
#define SHM_REMAP 040000
#define SHM_EXEC 0100000
#define SHM_HUGETLB 04000
#define SHM_DEST 01000
#define SHM_LOCKED 02000
#define SHM_LOCK 11
#define SHM_UNLOCK 12
#define SHM_STAT 13
#define SHM_INFO 14
#define SHM_STAT_ANY 15
#define SHMMNI 4096UL
#define SHMMAX (~0UL - (1UL << 24))

struct shm_info {
	int used_ids;
	unsigned long shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

struct segment {
	struct sysv_object object;
	struct file *file;
	size_t size;
	uint64_t attached, detached, changed; /* seconds */
	int creator, last;		      /* pids */
	unsigned long attaches;
	bool locked;
};

static void segment_free(struct sysv_object *o);
static struct sysv_ids ids = { .free = segment_free };
static size_t segment_pages; /* of all segments */

static struct segment *segment_of(struct sysv_object *o)
{
	return container_of(o, struct segment, object);
}

static void segment_free(struct sysv_object *o)
{
	struct segment *s = segment_of(o);

	__atomic_sub_fetch(&segment_pages, PAGE_UP(s->size) >> PAGE_SHIFT, __ATOMIC_RELAXED);
	file_put(s->file);
	kfree(s);
}

/* Shared memory goes with the address space: only semaphores have something to undo. */
void sysv_exit(struct process *p)
{
	sysv_sem_exit(p);
}

/* --- attaches, called by mm ----------------------------------------------------------------------------------------- */

void sysv_shm_fork(void *segment)
{
	struct segment *s = segment;

	ref_get(&s->object.refs);
	mutex_lock(&s->object.lock);
	s->attaches++;
	mutex_unlock(&s->object.lock);
}

void sysv_shm_detach(void *segment)
{
	struct segment *s = segment;
	bool last;

	mutex_lock(&s->object.lock);
	s->attaches--;
	s->detached = sysv_now();
	s->last = current_process()->pid;
	last = !s->attaches && s->object.removed;
	mutex_unlock(&s->object.lock);
	if (last)
		sysv_unlink(&ids, &s->object);
	sysv_put(&ids, &s->object);
}

/* --- shmget ----------------------------------------------------------------------------------------------------------- */

struct get_args {
	int key;
	size_t size;
};

static struct sysv_object *segment_new(void *arg)
{
	const struct get_args *g = arg;
	struct segment *s;
	char name[32];

	if (!g->size || g->size > SHMMAX)
		return ERR_PTR(-EINVAL);
	if (ids.used >= SHMMNI)
		return ERR_PTR(-ENOSPC);
	if (g->size > plat_info()->user_end)
		return ERR_PTR(-ENOMEM);
	s = kzalloc(sizeof(*s));
	if (!s)
		return ERR_PTR(-ENOMEM);
	fmt_snprintf(name, sizeof(name), "/SYSV%08x (deleted)", (unsigned int)g->key);
	s->file = shared_memory_new(name, g->size);
	if (!s->file) {
		kfree(s);
		return ERR_PTR(-ENOMEM);
	}
	s->size = g->size;
	s->changed = sysv_now();
	s->creator = current_process()->pid;
	__atomic_add_fetch(&segment_pages, PAGE_UP(s->size) >> PAGE_SHIFT, __ATOMIC_RELAXED);
	return &s->object;
}

static int segment_check(struct sysv_object *o, void *arg)
{
	const struct get_args *g = arg;

	return g->size > segment_of(o)->size ? -EINVAL : 0;
}

long sys_shmget(unsigned long *a)
{
	struct get_args g = { .key = (int)a[0], .size = a[1] };
	int flags = (int)a[2];

	/* As without a pool of huge pages. */
	if (flags & SHM_HUGETLB && (g.key == IPC_PRIVATE || flags & IPC_CREAT))
		return -ENOMEM;
	return sysv_open(&ids, g.key, flags, segment_new, segment_check, &g);
}

/* --- shmat, shmdt ----------------------------------------------------------------------------------------------------- */

/* Marks the VMA just mapped as an attach; it has taken the segment's count with it. */
static int mark_attached(struct mm *mm, uintptr_t at, struct segment *s, bool read_only)
{
	struct vma *v;
	int err = -EIDRM;

	mutex_lock(&mm->lock);
	v = mm_find(mm, at);
	if (v && v->start == at && v->file == s->file && !v->private_data) {
		v->private_data = s;
		if (read_only && v->may_write) {
			v->may_write = false;
			__atomic_sub_fetch(&v->mapping->mapped_writable, 1, __ATOMIC_SEQ_CST);
		}
		err = 0;
	}
	mutex_unlock(&mm->lock);
	return err;
}

static long attach(struct segment *s, uintptr_t at, int flags)
{
	struct mm *mm = current_process()->mm;
	struct mmap_args args = {
		.at = at,
		.size = s->size,
		.file = s->file,
		.flags = MAP_SHARED,
		.prot = PROT_READ,
	};
	intptr_t where;
	int err;

	if (!(flags & SHM_RDONLY))
		args.prot |= PROT_WRITE;
	if (flags & SHM_EXEC)
		args.prot |= PROT_EXEC;
	if (at)
		args.flags |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	where = mm_map(mm, &args);
	/* Linux says so when something is in the way. */
	if (where == -EEXIST)
		return -EINVAL;
	if (IS_ERR(where))
		return where;
	err = mark_attached(mm, (uintptr_t)where, s, flags & SHM_RDONLY);
	return err ? err : where;
}

long sys_shmat(unsigned long *a)
{
	uintptr_t at = a[1];
	int flags = (int)a[2];
	unsigned int mode = flags & SHM_RDONLY ? 0444 : 0666;
	struct sysv_object *o;
	struct segment *s;
	long ret;

	if (at & (PAGE_SIZE - 1)) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		at = PAGE_DOWN(at);
		if (!at && flags & SHM_REMAP)
			return -EINVAL;
	} else if (!at && flags & SHM_REMAP) {
		return -EINVAL;
	}
	o = sysv_get(&ids, (int)a[0]);
	if (IS_ERR(o))
		return PTR_ERR(o);
	s = segment_of(o);
	ret = sysv_permission(o, flags & SHM_EXEC ? mode | 0111 : mode);
	if (ret) {
		sysv_put(&ids, o);
		return ret;
	}
	/* Counted before it is mapped, so that IPC_RMID meanwhile does not free it; our reference becomes the VMA's. */
	mutex_lock(&o->lock);
	s->attaches++;
	mutex_unlock(&o->lock);
	ret = attach(s, at, flags);
	if (IS_ERR(ret)) {
		sysv_shm_detach(s);
		return ret;
	}
	mutex_lock(&o->lock);
	s->attached = sysv_now();
	s->last = current_process()->pid;
	mutex_unlock(&o->lock);
	return ret;
}

long sys_shmdt(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	uintptr_t at = a[0], limit;
	struct vma *v, *dead = NULL;
	struct segment *s;
	int err = -EINVAL;

	if (at & (PAGE_SIZE - 1))
		return -EINVAL;
	mutex_lock(&mm->lock);
	/* The first piece that shows the segment as if it had been attached at `at`; a start may have been unmapped. */
	for (v = mm_find(mm, at); v; v = mm_next(v))
		if (v->private_data && v->start - at == v->offset)
			break;
	if (!v)
		goto out;
	s = v->private_data;
	limit = at + PAGE_UP(s->size);
	err = 0;
	while (!err && v && v->start < limit) {
		struct vma *next = mm_next(v);

		if (v->private_data == s && v->start - at == v->offset) {
			err = mm_unmap_locked(mm, v->start, vma_size(v), &dead);
			next = mm_find(mm, at);
			while (next && next->start < limit &&
			       !(next->private_data == s && next->start - at == next->offset))
				next = mm_next(next);
		}
		v = next;
	}
out:
	mutex_unlock(&mm->lock);
	vma_free_chain(dead);
	return err;
}

/* --- shmctl ------------------------------------------------------------------------------------------------------------- */

static long shm_limits(struct uptr to)
{
	struct shminfo64 info = {
		.shmmax = SHMMAX, .shmmin = 1, .shmmni = SHMMNI, .shmseg = SHMMNI, .shmall = SHMMAX
	};
	int err = copy_out(to, &info, sizeof(info));

	return err ? err : sysv_highest(&ids);
}

static long shm_usage(struct uptr to)
{
	struct shm_info info = {
		.used_ids = (int)ids.used,
		.shm_tot = __atomic_load_n(&segment_pages, __ATOMIC_RELAXED),
	};
	int highest = sysv_highest(&ids), err;

	for (int slot = 0; slot <= highest; slot++) {
		struct sysv_object *o = sysv_get_slot(&ids, (unsigned int)slot);

		if (o) {
			info.shm_rss += segment_of(o)->file->inode->data->pages;
			sysv_put(&ids, o);
		}
	}
	err = copy_out(to, &info, sizeof(info));
	return err ? err : highest;
}

static long shm_stat(struct sysv_object *o, int command, struct uptr to)
{
	struct segment *s = segment_of(o);
	struct shmid64_ds ds = { 0 };
	int err = command == SHM_STAT_ANY ? 0 : sysv_permission(o, 0444);

	if (err)
		return err;
	mutex_lock(&o->lock);
	sysv_show(o, &ds.shm_perm);
	if (o->removed)
		ds.shm_perm.mode |= SHM_DEST;
	if (s->locked)
		ds.shm_perm.mode |= SHM_LOCKED;
	ds.shm_segsz = s->size;
	ds.shm_atime = (long)s->attached;
	ds.shm_dtime = (long)s->detached;
	ds.shm_ctime = (long)s->changed;
	ds.shm_cpid = s->creator;
	ds.shm_lpid = s->last;
	ds.shm_nattch = s->attaches;
	mutex_unlock(&o->lock);
	err = copy_out(to, &ds, sizeof(ds));
	return err ? err : command == IPC_STAT ? 0 : o->id;
}

static long shm_set(struct sysv_object *o, struct uptr from)
{
	struct segment *s = segment_of(o);
	struct shmid64_ds ds;
	int err = copy_in(&ds, from, sizeof(ds));

	if (err)
		return err;
	mutex_lock(&o->lock);
	err = sysv_may_change(o);
	if (!err) {
		o->uid = ds.shm_perm.uid;
		o->gid = ds.shm_perm.gid;
		o->mode = (o->mode & ~0777U) | (ds.shm_perm.mode & 0777U);
		s->changed = sysv_now();
	}
	mutex_unlock(&o->lock);
	return err;
}

static long shm_remove(struct sysv_object *o)
{
	struct segment *s = segment_of(o);
	bool last;
	int err;

	/* ids.lock comes first: a key that is going must not be found again. */
	mutex_lock(&ids.lock);
	mutex_lock(&o->lock);
	err = sysv_may_change(o);
	if (!err) {
		o->removed = true;
		o->key = IPC_PRIVATE;
	}
	last = !err && !s->attaches;
	mutex_unlock(&o->lock);
	mutex_unlock(&ids.lock);
	if (last)
		sysv_unlink(&ids, o);
	return err;
}

static long shm_lock(struct sysv_object *o, bool lock)
{
	struct segment *s = segment_of(o);
	uint32_t euid = current()->cred->euid;

	if (!capable(CAP_IPC_LOCK)) {
		if (euid != o->uid && euid != o->cuid)
			return -EPERM;
		if (lock && !current_process()->limits[8 /* RLIMIT_MEMLOCK */].current)
			return -EPERM;
	}
	mutex_lock(&o->lock);
	s->locked = lock;
	mutex_unlock(&o->lock);
	return 0;
}

long sys_shmctl(unsigned long *a)
{
	int id = (int)a[0], command = (int)a[1];
	struct uptr buffer = UPTR(a[2]);
	struct sysv_object *o;
	long ret;

	if (id < 0 || command < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
		return shm_limits(buffer);
	case SHM_INFO:
		return shm_usage(buffer);
	case SHM_STAT:
	case SHM_STAT_ANY:
		o = sysv_get_slot(&ids, (unsigned int)id);
		if (!o)
			return -EINVAL;
		break;
	case IPC_STAT:
	case IPC_SET:
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK:
		o = sysv_get(&ids, id);
		if (IS_ERR(o))
			return PTR_ERR(o);
		break;
	default:
		return -EINVAL;
	}
	if (command == IPC_SET)
		ret = shm_set(o, buffer);
	else if (command == IPC_RMID)
		ret = shm_remove(o);
	else if (command == SHM_LOCK || command == SHM_UNLOCK)
		ret = shm_lock(o, command == SHM_LOCK);
	else
		ret = shm_stat(o, command, buffer);
	sysv_put(&ids, o);
	return ret;
}
