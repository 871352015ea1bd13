/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/maps, smaps and mem. A batch of areas is copied out with mm->lock held, files counted; names are looked up and
 * text is made without it. How much of private memory is resident is known to the host only, so areas count as
 * resident in full: an upper bound.
 */
#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/fs/procfs_internal.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "lib/base/string.h"

#define BATCH 32
#define PATH_SIZE 4096
#define COPY_SIZE (16UL << 10)

struct area {
	uintptr_t start, end;
	unsigned int prot, flags;
	enum vma_kind kind;
	uint64_t offset;
	struct file *file;
	const char *name;
	bool stubs, dont_fork, dont_dump;
};

static unsigned int take_batch(struct mm *mm, uintptr_t from, struct area *areas)
{
	unsigned int count = 0;
	struct vma *v;

	mutex_lock(&mm->lock);
	for (v = mm_find(mm, from); v && count < BATCH; v = mm_next(v)) {
		areas[count] = (struct area){
			.start = v->start,
			.end = v->end,
			.prot = v->prot,
			.flags = v->flags,
			.kind = v->kind,
			.offset = v->offset,
			.name = v->name,
			.stubs = v->stubs,
			.dont_fork = v->dont_fork,
			.dont_dump = v->dont_dump,
			.file = v->file && !v->stubs ? file_get(v->file) : NULL,
		};
		count++;
	}
	mutex_unlock(&mm->lock);
	return count;
}

static const char *area_name(const struct area *a, const struct mm *mm)
{
	if (a->stubs)
		return "[stubs]";
	if (a->name)
		return a->name;
	if (!a->file && a->start < mm->brk && a->end > mm->brk_start)
		return "[heap]";
	return NULL;
}

static void show_area(struct pseudo_text *t, const struct area *a, const struct mm *mm,
		      char *buffer)
{
	size_t start = t->len, column;
	unsigned int major = 0, minor = 0;
	uint64_t number = 0;
	const char *name = NULL;

	if (a->file) {
		uint64_t dev = a->file->inode->fs->dev;

		major = dev >> 8 & 0xfff;
		minor = (unsigned int)((dev & 0xff) | (dev >> 12 & 0xfff00));
		number = a->file->inode->number;
		name = path_name(&a->file->path, buffer, PATH_SIZE);
		if (IS_ERR(name))
			name = "";
	}
	if (!name)
		name = area_name(a, mm);
	text_printf(t, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", a->start, a->end,
		    a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
		    a->prot & PROT_EXEC ? 'x' : '-',
		    a->stubs || (a->flags & MAP_TYPE) == MAP_PRIVATE ? 'p' : 's',
		    a->file ? a->offset : 0, major, minor, number);
	if (name) {
		for (column = t->len - start; column < 73; column++)
			text_put(t, " ", 1);
		text_escaped(t, name, "\n");
	}
	text_put(t, "\n", 1);
}

struct sums {
	uint64_t size, resident, shared, private_clean, private_dirty, anonymous;
};

static void add_sums(struct sums *s, const struct area *a)
{
	uint64_t kib = (a->end - a->start) / 1024, resident = a->prot ? kib : 0;
	bool shared = (a->flags & MAP_TYPE) != MAP_PRIVATE;

	s->size += kib;
	s->resident += resident;
	if (shared)
		s->shared += resident;
	else if (a->kind == VMA_ANON)
		s->private_dirty += resident;
	else
		s->private_clean += resident;
	if (a->kind == VMA_ANON)
		s->anonymous += resident;
}

static void show_sums(struct pseudo_text *t, const struct sums *s, bool rollup)
{
	if (!rollup)
		text_printf(
			t,
			"Size:           %8lu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
			s->size);
	text_printf(t,
		    "Rss:            %8lu kB\nPss:            %8lu kB\nPss_Dirty:      %8lu kB\n",
		    s->resident, s->resident, s->private_dirty);
	if (rollup)
		text_printf(
			t,
			"Pss_Anon:       %8lu kB\nPss_File:       %8lu kB\nPss_Shmem:             0 kB\n",
			s->anonymous, s->resident - s->anonymous);
	text_printf(
		t,
		"Shared_Clean:          0 kB\nShared_Dirty:   %8lu kB\nPrivate_Clean:  %8lu kB\nPrivate_Dirty:  %8lu kB\n",
		s->shared, s->private_clean, s->private_dirty);
	text_printf(
		t,
		"Referenced:     %8lu kB\nAnonymous:      %8lu kB\nKSM:                   0 kB\nLazyFree:              0 kB\n",
		s->resident, s->anonymous);
	text_string(
		t,
		"AnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\nFilePmdMapped:         0 kB\n"
		"Shared_Hugetlb:        0 kB\nPrivate_Hugetlb:       0 kB\nSwap:                  0 kB\n"
		"SwapPss:               0 kB\nLocked:                0 kB\n");
}

static void show_vm_flags(struct pseudo_text *t, const struct area *a)
{
	text_string(t, "THPeligible:           0\nVmFlags:");
	if (a->prot & PROT_READ)
		text_string(t, " rd");
	if (a->prot & PROT_WRITE)
		text_string(t, " wr");
	if (a->prot & PROT_EXEC)
		text_string(t, " ex");
	if ((a->flags & MAP_TYPE) != MAP_PRIVATE)
		text_string(t, " sh");
	text_string(t, " mr mw me");
	if (a->flags & MAP_GROWSDOWN)
		text_string(t, " gd");
	if (a->dont_fork)
		text_string(t, " dc");
	if (a->dont_dump)
		text_string(t, " dd");
	text_string(t, " \n");
}

enum maps_kind { MAPS, SMAPS, ROLLUP };

static int show_areas(struct pseudo_text *t, struct inode *inode, enum maps_kind kind)
{
	struct process *p = proc_process(inode);
	struct mm *mm = p ? proc_mm(p) : NULL;
	struct area *areas = NULL;
	struct sums total = { 0 };
	char *buffer = NULL;
	unsigned int count, i;
	uintptr_t at = 0, first = 0, last = 0;
	int error = 0;

	if (p)
		process_put(p);
	if (!p)
		return -ESRCH;
	if (!mm)
		return 0; /* a zombie has no memory */
	areas = kmalloc(BATCH * sizeof(*areas));
	buffer = kmalloc(PATH_SIZE);
	if (!areas || !buffer) {
		error = -ENOMEM;
		goto out;
	}
	do {
		count = take_batch(mm, at, areas);
		for (i = 0; i < count; i++) {
			struct area *a = &areas[i];
			struct sums own = { 0 };

			first = first ? first : a->start;
			last = at = a->end;
			add_sums(&total, a);
			if (kind != ROLLUP)
				show_area(t, a, mm, buffer);
			if (kind == SMAPS) {
				add_sums(&own, a);
				show_sums(t, &own, false);
				show_vm_flags(t, a);
			}
			if (a->file)
				file_put(a->file);
		}
	} while (count == BATCH && !t->failed);
	if (kind == ROLLUP) {
		text_printf(t, "%08lx-%08lx ---p 00000000 00:00 0 ", first, last);
		text_string(t, "                         [rollup]\n");
		show_sums(t, &total, true);
	}
out:
	kfree(buffer);
	kfree(areas);
	mm_put(mm);
	return error;
}

int proc_show_maps(struct pseudo_text *t, struct inode *inode)
{
	return show_areas(t, inode, MAPS);
}

int proc_show_smaps(struct pseudo_text *t, struct inode *inode)
{
	return show_areas(t, inode, SMAPS);
}

int proc_show_smaps_rollup(struct pseudo_text *t, struct inode *inode)
{
	return show_areas(t, inode, ROLLUP);
}

void proc_memory(struct mm *mm, struct proc_memory *ret)
{
	struct vma *v;

	memset(ret, 0, sizeof(*ret));
	mutex_lock(&mm->lock);
	for (v = mm_find(mm, 0); v; v = mm_next(v)) {
		size_t size = v->end - v->start;

		if (v->stubs)
			continue;
		ret->total += size;
		if (v->prot)
			ret->resident += size;
		if (v->file && v->prot)
			ret->shared += size;
		if (v->prot & PROT_EXEC)
			*(ret->text ? &ret->library : &ret->text) += size;
		if ((v->flags & MAP_GROWSDOWN) || (v->name && str_eq(v->name, "[stack]")))
			ret->stack += size;
		else if ((v->prot & PROT_WRITE) && (v->flags & MAP_TYPE) == MAP_PRIVATE)
			ret->data += size;
	}
	mutex_unlock(&mm->lock);
}

/* --- mem ------------------------------------------------------------------------------------------------------------ */

static long mem_move(struct file *f, struct uio *io, uint64_t *pos, bool write)
{
	struct process *p = proc_process(f->inode);
	size_t done = 0, size;
	void *buffer;
	long count = 0;

	if (!p)
		return 0;
	buffer = kmalloc(COPY_SIZE);
	if (!buffer) {
		process_put(p);
		return -ENOMEM;
	}
	while (io->left) {
		size = MIN(io->left, COPY_SIZE - (*pos & (PAGE_SIZE - 1)));
		if (write && uio_get(io, buffer, size) < size) {
			count = -EFAULT;
			break;
		}
		count = mm_peek(p, *pos, buffer, size, write);
		if (count <= 0)
			break;
		if (!write && uio_put(io, buffer, (size_t)count) < (size_t)count) {
			count = -EFAULT;
			break;
		}
		done += (size_t)count;
		*pos += (size_t)count;
		if ((size_t)count < size)
			break;
	}
	kfree(buffer);
	process_put(p);
	if (done)
		return (long)done;
	return count < 0 ? count : io->left ? -EIO : 0;
}

static long mem_read(struct file *f, struct uio *io, uint64_t *pos)
{
	return mem_move(f, io, pos, false);
}

static long mem_write(struct file *f, struct uio *io, uint64_t *pos)
{
	return mem_move(f, io, pos, true);
}

static int64_t mem_seek(struct file *f, int64_t offset, int whence)
{
	if (whence == 1)
		offset = (int64_t)(f->pos + (uint64_t)offset);
	else if (whence)
		return -EINVAL;
	/* addresses are unsigned: "negative" ones are fine */
	f->pos = (uint64_t)offset;
	return offset;
}

const struct file_ops proc_mem_ops = {
	.read = mem_read,
	.write = mem_write,
	.seek = mem_seek,
};
