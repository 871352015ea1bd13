/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/fd and fdinfo: the open descriptors of a task, as links that lead to the open object itself and as texts.
 * A table is counted while it is looked at; table.lock is held by fd_get_from and while the next number is searched.
 */
#include <asm/fcntl.h>
#include <linux/errno.h>
#include <linux/stat.h>

#include "kernel/fs/procfs_internal.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define WHAT_FD 0x10000
#define WHAT_FDINFO 0x80000
#define EXTRA_SIZE 4096

static struct proc_inode *id_of(const struct inode *inode)
{
	return inode->private_data;
}

bool proc_fd_exists(const struct inode *inode, int fd)
{
	struct fd_table *files = proc_files(inode);
	struct file *f = files ? fd_get_from(files, fd) : NULL;

	if (files)
		fd_table_put(files);
	if (f)
		file_put(f);
	return f != NULL;
}

int proc_follow_fd(struct inode *inode, struct path *ret)
{
	struct fd_table *files = proc_files(inode);
	struct file *f = files ? fd_get_from(files, id_of(inode)->fd) : NULL;

	if (files)
		fd_table_put(files);
	if (!f)
		return -ENOENT;
	*ret = f->path;
	path_get(ret);
	file_put(f);
	return 0;
}

static uint32_t fd_link_mode(const struct file *f)
{
	uint32_t mode = S_IFLNK;

	if (f->flags & O_PATH)
		return mode;
	if (file_readable(f))
		mode |= 0500;
	if (file_writable(f))
		mode |= 0300;
	return mode;
}

static int lookup_fd(struct inode *dir, const char *name, size_t len, bool info, struct inode **ret)
{
	struct proc_inode id = *id_of(dir);
	struct fd_table *files;
	struct process *p;
	struct file *f;

	if (parse_id(name, len, &id.fd))
		return -ENOENT;
	files = proc_files(dir);
	f = files ? fd_get_from(files, id.fd) : NULL;
	if (files)
		fd_table_put(files);
	if (!f)
		return -ENOENT;
	p = proc_process(dir);
	*ret = p ? proc_make_inode(dir, p, &id, info ? S_IFREG | 0444 : fd_link_mode(f),
				   (info ? WHAT_FDINFO : WHAT_FD) + (unsigned int)id.fd)
		 : NULL;
	file_put(f);
	if (p)
		process_put(p);
	return *ret ? 0 : -ENOMEM;
}

static int fd_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	int error = lookup_fd(dir, name, len, false, ret);

	if (!error)
		(*ret)->ops = &proc_magic_link_ops;
	return error;
}

static int show_fdinfo(struct pseudo_text *t, struct inode *inode)
{
	struct fd_table *files = proc_files(inode);
	struct file *f = files ? fd_get_from(files, id_of(inode)->fd) : NULL;
	char *extra;

	if (files)
		fd_table_put(files);
	if (!f)
		return -ENOENT;
	text_printf(t, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", (long)f->pos,
		    f->flags | O_LARGEFILE, f->path.mount ? f->path.mount->id : 0,
		    f->inode->number);
	if (f->ops && f->ops->show_fdinfo) {
		extra = kzalloc(EXTRA_SIZE);
		if (extra) {
			f->ops->show_fdinfo(f, extra, EXTRA_SIZE);
			text_put(t, extra, strnlen(extra, EXTRA_SIZE));
		}
		kfree(extra);
	}
	file_put(f);
	return 0;
}

static int fdinfo_open(struct inode *inode, struct file *f)
{
	int error = proc_check_access(inode);

	return error ? error : pseudo_open_text(f, show_fdinfo, NULL);
}

static const struct inode_ops fdinfo_inode_ops = { .open = fdinfo_open, .setattr = proc_setattr };

static int fdinfo_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	int error = lookup_fd(dir, name, len, true, ret);

	if (!error) {
		(*ret)->ops = &fdinfo_inode_ops;
		(*ret)->file_ops = &pseudo_text_ops;
	}
	return error;
}

static int next_fd(struct fd_table *files, int from)
{
	int fd = -1;

	mutex_lock(&files->lock);
	for (unsigned int i = (unsigned int)from; i < files->size; i++)
		if (files->files[i]) {
			fd = (int)i;
			break;
		}
	mutex_unlock(&files->lock);
	return fd;
}

static int fd_dir_readdir(struct file *f, struct dir_context *c)
{
	const struct proc_inode *id = id_of(f->inode);
	bool info = str_eq(id->entry->name, "fdinfo");
	struct fd_table *files;
	char name[16];
	int fd, len;

	if (!proc_emit_dots(f, c))
		return 0;
	files = proc_files(f->inode);
	if (!files)
		return 0;
	while (c->pos < 0x7fffffff) {
		fd = next_fd(files, (int)(c->pos - 2));
		if (fd < 0)
			break;
		len = fmt_snprintf(name, sizeof(name), "%d", fd);
		if (!c->emit(c, name, (size_t)len,
			     PROC_INODE(id->pid, id->tid,
					(info ? WHAT_FDINFO : WHAT_FD) + (unsigned int)fd),
			     info ? TYPE_REG : TYPE_LNK, (uint64_t)fd + 3))
			break;
		c->pos = (uint64_t)fd + 3;
	}
	fd_table_put(files);
	return 0;
}

static int fd_dir_open(struct inode *inode, struct file *f)
{
	(void)f;
	return proc_check_access(inode);
}

/* Everybody sees his own, whatever ids he has changed to. */
static int fd_dir_permission(struct inode *inode, unsigned int mask)
{
	(void)mask;
	return proc_check_access(inode);
}

const struct inode_ops proc_fd_dir_ops = {
	.lookup = fd_lookup,
	.open = fd_dir_open,
	.permission = fd_dir_permission,
	.setattr = proc_setattr,
};
const struct inode_ops proc_fdinfo_dir_ops = {
	.lookup = fdinfo_lookup,
	.open = fd_dir_open,
	.permission = fd_dir_permission,
	.setattr = proc_setattr,
};
const struct file_ops proc_fd_dir_file_ops = { .readdir = fd_dir_readdir };
