/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devpts: /dev/pts/N, one node for each terminal that lives, and ptmx. Nodes are made when they are looked up; owner and
 * permissions belong to the terminal, so they outlast inodes. All instances show the same terminals.
 */
#include <linux/errno.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "kernel/fs/pseudo.h"
#include "kernel/fs/tty_internal.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define INODE_ROOT 1
#define INODE_PTMX 2
#define INODE_FIRST 3

struct devpts {
	uint32_t uid, gid, mode, ptmx_mode;
	bool set_uid;
};

static const struct inode_ops node_ops;

static void sync_inode(struct inode *inode, const struct tty *t)
{
	inode->mode = S_IFCHR | t->mode;
	inode->uid = t->uid;
	inode->gid = t->gid;
	inode->accessed = t->accessed;
	inode->modified = t->modified;
	inode->changed = t->changed;
}

static int node_setattr(struct inode *inode, const struct attributes *a)
{
	struct tty *t = tty_by_index((int)(inode->number - INODE_FIRST), inode->private_value);

	if (!t)
		return -EIO;
	mutex_lock(&t->lock);
	if (a->valid & ATTR_MODE)
		t->mode = a->mode & 07777;
	if (a->valid & ATTR_UID)
		t->uid = a->uid;
	if (a->valid & ATTR_GID)
		t->gid = a->gid;
	if (a->valid & ATTR_ATIME)
		t->accessed = a->accessed;
	if (a->valid & ATTR_MTIME)
		t->modified = a->modified;
	t->changed = a->valid & ATTR_CTIME ? a->changed : time_now();
	sync_inode(inode, t);
	mutex_unlock(&t->lock);
	tty_put(t);
	return 0;
}

static int node_open(struct inode *inode, struct file *f)
{
	struct tty *t = tty_by_index((int)(inode->number - INODE_FIRST), inode->private_value);
	int error;

	if (!t)
		return -EIO;
	error = tty_open_slave(t, f);
	tty_put(t);
	return error;
}

static const struct inode_ops node_ops = {
	.setattr = node_setattr,
	.open = node_open,
};

static const struct inode_ops ptmx_ops = {
	.open = ptmx_open,
};

static int parse_index(const char *name, size_t len)
{
	int index = 0;

	if (!len || len > 4 || (len > 1 && name[0] == '0'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		index = index * 10 + (name[i] - '0');
	}
	return index;
}

static int devpts_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	const struct devpts *fs = dir->fs->private_data;
	struct inode *inode;
	struct tty *t;

	if (len == 4 && !memcmp(name, "ptmx", 4)) {
		inode = inode_new(dir->fs, S_IFCHR | fs->ptmx_mode);
		if (!inode)
			return -ENOMEM;
		inode->number = INODE_PTMX;
		inode->rdev = 5 << 8 | 2;
		inode->uid = inode->gid = 0;
		inode->ops = &ptmx_ops;
		*ret = inode;
		return 0;
	}
	t = tty_by_index(parse_index(name, len), 0);
	if (!t)
		return -ENOENT;
	inode = inode_new(dir->fs, S_IFCHR | 0620);
	if (inode) {
		inode->number = (uint64_t)t->index + INODE_FIRST;
		inode->rdev = tty_device(t);
		inode->private_value = t->serial;
		inode->ops = &node_ops;
		sync_inode(inode, t);
	}
	tty_put(t);
	*ret = inode;
	return inode ? 0 : -ENOMEM;
}

static const struct inode_ops root_ops = {
	.lookup = devpts_lookup,
};

static int devpts_readdir(struct file *f, struct dir_context *c)
{
	uint64_t parent = f->path.dentry && f->path.dentry->parent->inode
				  ? f->path.dentry->parent->inode->number
				  : 1;
	char name[16];
	int index, len;

	if (c->pos == 0) {
		if (!c->emit(c, ".", 1, INODE_ROOT, 4, 1))
			return 0;
		c->pos = 1;
	}
	if (c->pos == 1) {
		if (!c->emit(c, "..", 2, parent, 4, 2))
			return 0;
		c->pos = 2;
	}
	if (c->pos == 2) {
		if (!c->emit(c, "ptmx", 4, INODE_PTMX, 2, 3))
			return 0;
		c->pos = 3;
	}
	while (c->pos < TTY_COUNT_MAX + 3) {
		index = tty_next_index((int)(c->pos - 3));
		if (index < 0)
			break;
		len = fmt_snprintf(name, sizeof(name), "%d", index);
		if (!c->emit(c, name, (size_t)len, (uint64_t)index + INODE_FIRST, 2,
			     (uint64_t)index + 4))
			break;
		c->pos = (uint64_t)index + 4;
	}
	return 0;
}

static const struct file_ops root_file_ops = {
	.readdir = devpts_readdir,
};

static bool devpts_revalidate(struct dentry *d)
{
	struct inode *inode = d->inode;
	struct tty *t;

	if (!inode)
		return false;
	if (inode->number < INODE_FIRST)
		return true;
	t = tty_by_index((int)(inode->number - INODE_FIRST), inode->private_value);
	if (!t)
		return false;
	sync_inode(inode, t);
	tty_put(t);
	return true;
}

static void devpts_unmount(struct filesystem *fs)
{
	kfree(fs->private_data);
	fs->private_data = NULL;
}

static const struct filesystem_ops devpts_ops = {
	.statfs = pseudo_simple_statfs,
	.unmount = devpts_unmount,
	.revalidate = devpts_revalidate,
};

/* "gid=5,mode=620,ptmxmode=666,newinstance": numbers of options we know; others as Linux would refuse them. */
static int parse_options(struct devpts *d, const char *options)
{
	while (options && *options) {
		const char *end = strchr(options, ','), *value;
		size_t len = end ? (size_t)(end - options) : strlen(options);
		uint64_t number = 0;

		value = memchr(options, '=', len);
		if (value) {
			bool octal = options[0] == 'm' || options[0] == 'p';

			for (value++; value < options + len; value++) {
				if (*value < '0' || *value > (octal ? '7' : '9') ||
				    number > UINT32_MAX)
					return -EINVAL;
				number = number * (octal ? 8 : 10) + (uint64_t)(*value - '0');
			}
		}
		if (len > 4 && !strncmp(options, "gid=", 4))
			d->gid = (uint32_t)number;
		else if (len > 4 && !strncmp(options, "uid=", 4))
			d->uid = (uint32_t)number;
		else if (len > 5 && !strncmp(options, "mode=", 5))
			d->mode = number & 0777;
		else if (len > 9 && !strncmp(options, "ptmxmode=", 9))
			d->ptmx_mode = number & 0777;
		else if (len > 4 && !strncmp(options, "max=", 4))
			;
		else if (len != 11 || strncmp(options, "newinstance", 11))
			return -EINVAL;
		options += len + (end ? 1 : 0);
	}
	return 0;
}

static struct fs_type devpts_type;

static int devpts_mount(const char *source, const char *options, struct filesystem **ret)
{
	struct filesystem *fs;
	struct inode *root;
	struct devpts *d = kzalloc(sizeof(*d));
	int error;

	if (!d)
		return -ENOMEM;
	d->gid = 5;
	d->mode = 0620;
	d->ptmx_mode = 0666;
	error = parse_options(d, options);
	if (error)
		goto free;
	error = -ENOMEM;
	fs = filesystem_new(&devpts_type, &devpts_ops);
	if (!fs)
		goto free;
	fs->private_data = d;
	fs->magic = DEVPTS_SUPER_MAGIC;
	str_copy(fs->source, source ? source : "devpts", sizeof(fs->source));
	fmt_snprintf(fs->options, sizeof(fs->options), "gid=%u,mode=%o,ptmxmode=%03o", d->gid,
		     d->mode, d->ptmx_mode);
	root = inode_new(fs, S_IFDIR | 0755);
	if (!root) {
		filesystem_put(fs);
		return -ENOMEM;
	}
	root->number = INODE_ROOT;
	root->links = 2;
	root->uid = root->gid = 0;
	root->ops = &root_ops;
	root->file_ops = &root_file_ops;
	fs->root_inode = root;
	*ret = fs;
	return 0;
free:
	kfree(d);
	return error;
}

static struct fs_type devpts_type = { .name = "devpts", .mount = devpts_mount };

void devpts_init(void)
{
	fs_register(&devpts_type);
}
