/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs: its root, which is the fixed tree (procfs_system.c) and the processes. Names of processes stay in the dentry
 * cache and are looked at again at each use (revalidate). Positions in the root: the tree's, then PIDS + pid.
 */
#include <linux/errno.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "kernel/fs/procfs_internal.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define PIDS (1UL << 40)
#define BATCH 64

int parse_id(const char *name, size_t len, int *ret)
{
	long id = 0;

	if (!len || len > 9 || (len > 1 && name[0] == '0'))
		return -ENOENT;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -ENOENT;
		id = id * 10 + (name[i] - '0');
	}
	*ret = (int)id;
	return 0;
}

static int root_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	int pid;

	if (!parse_id(name, len, &pid))
		return proc_lookup_pid(dir, pid, ret);
	return pseudo_lookup(dir, name, len, ret);
}

/* The lowest ids from `from` on, sorted. */
struct lowest {
	int from;
	unsigned int count;
	int pids[BATCH];
};

static int keep_low(struct process *p, void *arg)
{
	struct lowest *l = arg;
	unsigned int at;

	if (p->kernel_task || p->pid < l->from ||
	    (l->count == BATCH && p->pid > l->pids[BATCH - 1]))
		return 0;
	if (l->count < BATCH)
		l->count++;
	for (at = l->count - 1; at && l->pids[at - 1] > p->pid; at--)
		l->pids[at] = l->pids[at - 1];
	l->pids[at] = p->pid;
	return 0;
}

static int root_readdir(struct file *f, struct dir_context *c)
{
	struct lowest low;
	char name[16];
	int error, len;

	if (c->pos < PIDS) {
		error = pseudo_readdir(f, c, 0);
		if (error || c->pos < 2 || (c->pos - 2) >> 16 < procfs_tree.count)
			return error;
		c->pos = PIDS;
	}
	do {
		low.from = (int)(c->pos - PIDS);
		low.count = 0;
		(void)process_for_each(keep_low, &low);
		for (unsigned int i = 0; i < low.count; i++) {
			int pid = low.pids[i];

			len = fmt_snprintf(name, sizeof(name), "%d", pid);
			if (!c->emit(c, name, (size_t)len, PROC_INODE(pid, 0, 0), 4,
				     PIDS + (uint64_t)pid + 1))
				return 0;
			c->pos = PIDS + (uint64_t)pid + 1;
		}
	} while (low.count == BATCH);
	return 0;
}

static const struct file_ops root_file_ops = { .readdir = root_readdir };
static const struct inode_ops root_ops = { .lookup = root_lookup };

static void evict(struct inode *inode)
{
	if (inode->ops != &root_ops && !pseudo_inode(inode))
		kfree(inode->private_data);
	inode->private_data = NULL;
}

static bool revalidate(struct dentry *d)
{
	if (d->inode && d->inode->ops == &root_ops)
		return true;
	return proc_revalidate(d);
}

static const struct filesystem_ops procfs_ops = {
	.statfs = pseudo_simple_statfs,
	.evict = evict,
	.revalidate = revalidate,
};
static struct fs_type procfs_type;

static int procfs_mount(const char *source, const char *options, struct filesystem **ret)
{
	struct filesystem *fs;

	(void)options;
	fs = filesystem_new(&procfs_type, &procfs_ops);
	if (!fs)
		return -ENOMEM;
	fs->magic = PROC_SUPER_MAGIC;
	fs->private_data = (void *)(uintptr_t)&procfs_tree;
	str_copy(fs->source, source ? source : "proc", sizeof(fs->source));
	fs->root_inode = pseudo_root(fs);
	if (!fs->root_inode) {
		filesystem_put(fs);
		return -ENOMEM;
	}
	fs->root_inode->ops = &root_ops;
	fs->root_inode->file_ops = &root_file_ops;
	*ret = fs;
	return 0;
}

static struct fs_type procfs_type = { .name = "proc", .mount = procfs_mount };

void procfs_init(void)
{
	fs_register(&procfs_type);
}
