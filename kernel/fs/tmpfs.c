/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpfs: files in enclave memory.
 *
 * A directory keeps its entries in two trees: by (hash, name) to look up, and by position to list. A position is given
 * once, counting up, so listing goes on at the right place whatever is added or removed meanwhile. An entry holds a
 * reference of its inode: what has a name lives. Contents are the inode's mapping (mm/mapping.c); pages and inodes are
 * counted against the mount's limits. Directories, links and entries change under dir->lock; `links` of an inode with
 * names in several directories is changed atomically. The counters of struct tmpfs are atomic.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/fs/init.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/hash.h"
#include "lib/base/rbtree.h"
#include "lib/base/string.h"

#define ENTRY_SIZE 20u	  /* what st_size of a directory counts for each entry, as on Linux */
#define FIRST_POSITION 2u /* after . and .. */

struct tmpfs {
	uint64_t pages_max, pages_used; /* max 0: no limit */
	uint64_t inodes_max, inodes_used;
};

struct entry {
	struct rb_node by_name, by_position;
	struct inode *inode;
	uint64_t position;
	uint32_t hash, len;
	char name[];
};

struct directory {
	struct rb_tree names, positions;
	uint64_t next_position;
	uint64_t count;
};

static const struct inode_ops directory_inode_ops, file_inode_ops;
static const struct file_ops directory_file_ops, regular_file_ops;

static struct tmpfs *tmpfs_of(const struct filesystem *fs)
{
	return fs->private_data;
}

static struct directory *directory_of(const struct inode *i)
{
	return i->private_data;
}

/* --- entries ---------------------------------------------------------------------------------------------------------- */

static int entry_compare(const struct entry *e, uint32_t hash, const char *name, size_t len)
{
	if (e->hash != hash)
		return e->hash < hash ? -1 : 1;
	if (e->len != len)
		return e->len < len ? -1 : 1;
	return memcmp(e->name, name, len);
}

static uint32_t name_hash(const struct inode *dir, const char *name, size_t len)
{
	return (uint32_t)hash_bytes((uintptr_t)dir, name, len);
}

static struct entry *entry_find(const struct inode *dir, const char *name, size_t len)
{
	struct rb_node *n = directory_of(dir)->names.root;
	uint32_t hash = name_hash(dir, name, len);

	while (n) {
		struct entry *e = rb_entry(n, struct entry, by_name);
		int c = entry_compare(e, hash, name, len);

		if (!c)
			return e;
		n = c > 0 ? n->left : n->right;
	}
	return NULL;
}

static struct entry *entry_new(const struct inode *dir, const char *name, size_t len)
{
	struct entry *e = kmalloc(sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	memcpy(e->name, name, len);
	e->name[len] = 0;
	e->len = (uint32_t)len;
	e->hash = name_hash(dir, name, len);
	return e;
}

/* Takes over the inode's reference. The name is not there yet. */
static void entry_insert(struct inode *dir, struct entry *e, struct inode *inode)
{
	struct directory *d = directory_of(dir);
	struct rb_node **link = &d->names.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = entry_compare(rb_entry(parent, struct entry, by_name), e->hash, e->name,
				     e->len) > 0
			       ? &parent->left
			       : &parent->right;
	}
	rb_insert(&d->names, &e->by_name, parent, link);
	e->position = d->next_position++;
	e->inode = inode;
	/* Positions only grow: the new one is the last. */
	parent = rb_last(&d->positions);
	rb_insert(&d->positions, &e->by_position, parent,
		  parent ? &parent->right : &d->positions.root);
	d->count++;
	dir->mapping.size += ENTRY_SIZE;
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
}

/* The entry's inode reference is the caller's to put. */
static struct inode *entry_remove(struct inode *dir, struct entry *e)
{
	struct directory *d = directory_of(dir);
	struct inode *inode = e->inode;

	rb_remove(&d->names, &e->by_name);
	rb_remove(&d->positions, &e->by_position);
	d->count--;
	dir->mapping.size -= ENTRY_SIZE;
	kfree(e);
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	return inode;
}

static void links_add(struct inode *i, int n)
{
	__atomic_add_fetch(&i->links, (uint32_t)n, __ATOMIC_RELAXED);
}

/* --- inodes ------------------------------------------------------------------------------------------------------------ */

static int account(struct mapping *m, int64_t pages)
{
	struct inode *i = m->owner;
	struct tmpfs *t = tmpfs_of(i->fs);
	uint64_t now = __atomic_add_fetch(&t->pages_used, (uint64_t)pages, __ATOMIC_RELAXED);

	if (pages > 0 && t->pages_max && now > t->pages_max) {
		__atomic_sub_fetch(&t->pages_used, (uint64_t)pages, __ATOMIC_RELAXED);
		return -ENOSPC;
	}
	return 0;
}

static int make_inode(struct filesystem *fs, const struct inode *dir, uint32_t mode,
		      struct inode **ret)
{
	struct tmpfs *t = tmpfs_of(fs);
	struct directory *d = NULL;
	struct inode *i;

	if (__atomic_add_fetch(&t->inodes_used, 1, __ATOMIC_RELAXED) > t->inodes_max &&
	    t->inodes_max) {
		__atomic_sub_fetch(&t->inodes_used, 1, __ATOMIC_RELAXED);
		return -ENOSPC;
	}
	if (S_ISDIR(mode)) {
		d = kzalloc(sizeof(*d));
		if (!d)
			goto no_memory;
		d->next_position = FIRST_POSITION;
	}
	i = inode_new(fs, mode);
	if (!i)
		goto no_memory;
	if (dir)
		inode_inherit(i, dir);
	i->ops = &file_inode_ops;
	if (S_ISREG(mode)) {
		i->file_ops = &regular_file_ops;
		i->mapping.account = account;
	} else if (S_ISDIR(mode)) {
		i->ops = &directory_inode_ops;
		i->file_ops = &directory_file_ops;
		i->private_data = d;
		i->links = 2;
		i->mapping.size = ENTRY_SIZE * 2;
	}
	*ret = i;
	return 0;
no_memory:
	kfree(d);
	__atomic_sub_fetch(&t->inodes_used, 1, __ATOMIC_RELAXED);
	return -ENOMEM;
}

/* Empties a directory and all below it, without recursion: directories wait on a list by their fs_link. */
static void empty_tree(struct inode *root)
{
	struct list work = LIST_INIT(work);
	struct inode *dir = root;

	for (;;) {
		struct directory *d = directory_of(dir);
		struct rb_node *n;

		while ((n = rb_first(&d->names)) != NULL) {
			struct inode *i = entry_remove(dir, rb_entry(n, struct entry, by_name));

			if (S_ISDIR(i->mode))
				list_add(&work, &i->fs_link);
			else
				inode_put(i);
		}
		if (dir != root)
			inode_put(dir);
		if (list_empty(&work))
			break;
		dir = list_first(&work, struct inode, fs_link);
		list_remove(&dir->fs_link);
	}
}

static void evict(struct inode *i)
{
	if (S_ISDIR(i->mode))
		empty_tree(i);
	kfree(i->private_data);
	__atomic_sub_fetch(&tmpfs_of(i->fs)->inodes_used, 1, __ATOMIC_RELAXED);
}

/* --- directory operations ---------------------------------------------------------------------------------------------- */

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct entry *e = entry_find(dir, name, len);

	if (!e)
		return -ENOENT;
	*ret = inode_get(e->inode);
	return 0;
}

static int create_entry(struct inode *dir, const char *name, size_t len, uint32_t mode,
			uint64_t rdev, char *target, struct inode **ret)
{
	struct entry *e = entry_new(dir, name, len);
	struct inode *i;
	int error;

	if (!e)
		return -ENOMEM;
	error = make_inode(dir->fs, dir, mode, &i);
	if (error) {
		kfree(e);
		return error;
	}
	i->rdev = rdev;
	if (target) {
		i->private_data = target;
		i->mapping.size = strlen(target);
	}
	entry_insert(dir, e, inode_get(i));
	if (S_ISDIR(mode))
		links_add(dir, 1);
	*ret = i;
	return 0;
}

static int create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		  struct inode **ret)
{
	return create_entry(dir, name, len, mode, rdev, NULL, ret);
}

static int make_directory(struct inode *dir, const char *name, size_t len, uint32_t mode,
			  struct inode **ret)
{
	return create_entry(dir, name, len, mode | S_IFDIR, 0, NULL, ret);
}

static int make_symlink(struct inode *dir, const char *name, size_t len, const char *target,
			struct inode **ret)
{
	char *copy = kstrdup(target);
	int e;

	if (!copy)
		return -ENOMEM;
	e = create_entry(dir, name, len, S_IFLNK | 0777, 0, copy, ret);
	if (e)
		kfree(copy);
	return e;
}

static int make_tmpfile(struct inode *dir, uint32_t mode, struct inode **ret)
{
	int e = make_inode(dir->fs, dir, mode, ret);

	if (!e)
		(*ret)->links = 0;
	return e;
}

static int make_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	struct entry *e = entry_new(dir, name, len);

	if (!e)
		return -ENOMEM;
	links_add(target, 1);
	inode_touch(target, ATTR_CTIME);
	entry_insert(dir, e, inode_get(target));
	return 0;
}

static int unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	struct entry *e = entry_find(dir, name, len);

	if (!e || e->inode != target)
		return -ENOENT;
	links_add(target, -1);
	inode_touch(target, ATTR_CTIME);
	inode_put(entry_remove(dir, e));
	return 0;
}

static int remove_directory(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	struct entry *e = entry_find(dir, name, len);

	if (!e || e->inode != target)
		return -ENOENT;
	if (directory_of(target)->count)
		return -ENOTEMPTY;
	target->links = 0;
	links_add(dir, -1);
	inode_touch(target, ATTR_CTIME);
	inode_put(entry_remove(dir, e));
	return 0;
}

static void exchange_entries(struct inode *old_dir, struct entry *a, struct inode *new_dir,
			     struct entry *b)
{
	struct inode *inode = a->inode;

	if (S_ISDIR(a->inode->mode) != S_ISDIR(b->inode->mode)) {
		int n = S_ISDIR(a->inode->mode) ? 1 : -1;

		links_add(old_dir, -n);
		links_add(new_dir, n);
	}
	a->inode = b->inode;
	b->inode = inode;
	inode_touch(a->inode, ATTR_CTIME);
	inode_touch(b->inode, ATTR_CTIME);
	inode_touch(old_dir, ATTR_MTIME | ATTR_CTIME);
	inode_touch(new_dir, ATTR_MTIME | ATTR_CTIME);
}

static int rename_entry(struct inode *old_dir, const char *old, size_t old_len, struct inode *what,
			struct inode *new_dir, const char *new, size_t new_len,
			struct inode *replaced, unsigned int flags)
{
	struct entry *from = entry_find(old_dir, old, old_len),
		     *to = entry_find(new_dir, new, new_len), *made;
	bool is_dir = S_ISDIR(what->mode);

	if (!from || from->inode != what || (to ? to->inode : NULL) != replaced)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE) {
		if (!to)
			return -ENOENT;
		exchange_entries(old_dir, from, new_dir, to);
		return 0;
	}
	if (replaced && S_ISDIR(replaced->mode) && directory_of(replaced)->count)
		return -ENOTEMPTY;
	made = entry_new(new_dir, new, new_len);
	if (!made)
		return -ENOMEM;
	if (to) {
		if (S_ISDIR(replaced->mode)) {
			replaced->links = 0;
			links_add(new_dir, -1);
		} else {
			links_add(replaced, -1);
		}
		inode_touch(replaced, ATTR_CTIME);
		inode_put(entry_remove(new_dir, to));
	}
	entry_insert(new_dir, made, entry_remove(old_dir, from));
	if (is_dir && old_dir != new_dir) {
		links_add(old_dir, -1);
		links_add(new_dir, 1);
	}
	inode_touch(what, ATTR_CTIME);
	return 0;
}

static int read_link(struct inode *i, char **ret_target)
{
	if (!S_ISLNK(i->mode))
		return -EINVAL;
	*ret_target = kstrdup(i->private_data);
	return *ret_target ? 0 : -ENOMEM;
}

static struct entry *entry_from(const struct directory *d, uint64_t position)
{
	struct rb_node *n = d->positions.root, *best = NULL;

	while (n) {
		if (rb_entry(n, struct entry, by_position)->position >= position) {
			best = n;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best ? rb_entry(best, struct entry, by_position) : NULL;
}

static int read_directory(struct file *f, struct dir_context *c)
{
	struct inode *dir = f->inode;
	struct dentry *parent;
	struct entry *e;
	bool room = true;

	if (c->pos == 0) {
		if (!c->emit(c, ".", 1, dir->number, S_IFDIR >> 12, 1))
			return 0;
		c->pos = 1;
	}
	if (c->pos == 1) {
		parent = dentry_parent(f->path.dentry);
		room = c->emit(c, "..", 2, parent->inode->number, S_IFDIR >> 12, FIRST_POSITION);
		dentry_put(parent);
		if (!room)
			return 0;
		c->pos = FIRST_POSITION;
	}
	mutex_lock(&dir->lock);
	e = entry_from(directory_of(dir), c->pos);
	while (e) {
		struct rb_node *next;

		if (!c->emit(c, e->name, e->len, e->inode->number, e->inode->mode >> 12 & 15,
			     e->position + 1))
			break;
		c->pos = e->position + 1;
		next = rb_next(&e->by_position);
		e = next ? rb_entry(next, struct entry, by_position) : NULL;
	}
	mutex_unlock(&dir->lock);
	file_accessed(f);
	return 0;
}

static int no_sync(struct file *f, bool data_only)
{
	(void)f;
	(void)data_only;
	return 0;
}

static const struct inode_ops directory_inode_ops = {
	.lookup = lookup,
	.create = create,
	.mkdir = make_directory,
	.symlink = make_symlink,
	.link = make_link,
	.unlink = unlink,
	.rmdir = remove_directory,
	.rename = rename_entry,
	.tmpfile = make_tmpfile,
};

static const struct inode_ops file_inode_ops = { .readlink = read_link };

static const struct file_ops directory_file_ops = { .readdir = read_directory, .fsync = no_sync };

static const struct file_ops regular_file_ops = {
	.read = generic_read,
	.write = generic_write,
	.seek = generic_seek,
	.mmap = generic_mmap,
	.fsync = no_sync,
	.fallocate = generic_fallocate,
};

/* --- mounting ------------------------------------------------------------------------------------------------------------ */

static int tmpfs_statfs(struct filesystem *fs, struct statfs_info *ret)
{
	const struct tmpfs *t = tmpfs_of(fs);

	ret->type = TMPFS_MAGIC;
	ret->block_size = PAGE_SIZE;
	ret->blocks = t->pages_max;
	ret->blocks_free = t->pages_max > t->pages_used ? t->pages_max - t->pages_used : 0;
	ret->blocks_available = ret->blocks_free;
	ret->files = t->inodes_max;
	ret->files_free = t->inodes_max > t->inodes_used ? t->inodes_max - t->inodes_used : 0;
	ret->name_max = NAME_LEN_MAX;
	return 0;
}

static void detach(struct filesystem *fs)
{
	empty_tree(fs->root_inode);
}

static void unmount(struct filesystem *fs)
{
	kfree(fs->private_data);
}

static const struct filesystem_ops tmpfs_ops = {
	.statfs = tmpfs_statfs,
	.detach = detach,
	.unmount = unmount,
	.evict = evict,
};

/* "10m", "50%": in *ret. */
static int parse_size(const char *text, uint64_t whole, uint64_t *ret)
{
	uint64_t value = 0;
	unsigned int shift = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -EINVAL;
	switch (*text) {
	case 'k':
	case 'K':
		shift = 10;
		text++;
		break;
	case 'm':
	case 'M':
		shift = 20;
		text++;
		break;
	case 'g':
	case 'G':
		shift = 30;
		text++;
		break;
	case '%':
		if (value > 1000)
			return -EINVAL;
		value = whole / 100 * value;
		text++;
		break;
	default:
		break;
	}
	if (*text || value > UINT64_MAX >> shift >> 1)
		return -EINVAL;
	*ret = value << shift;
	return 0;
}

struct tmpfs_options {
	uint64_t size, inodes, mode, uid, gid;
	bool uid_given, gid_given;
};

static int parse_option(const char *option, struct tmpfs_options *o)
{
	static const char *const ignored[] = { "",
					       "rw",
					       "ro",
					       "huge=never",
					       "huge=always",
					       "huge=advise",
					       "huge=within_size",
					       "inode32",
					       "inode64",
					       "noswap",
					       "nosuid",
					       "nodev",
					       "noexec",
					       "relatime" };
	uint64_t memory = plat_info()->memory_limit;
	const char *value = strchr(option, '=');
	size_t len = value ? (size_t)(value++ - option) : strlen(option);
	int e;

	for (unsigned int n = 0; n < ARRAY_SIZE(ignored); n++)
		if (str_eq(option, ignored[n]))
			return 0;
	if (!value)
		return -EINVAL;
	if (len == 4 && !memcmp(option, "size", 4))
		return parse_size(value, memory, &o->size);
	if (len == 9 && !memcmp(option, "nr_blocks", 9)) {
		e = parse_size(value, memory, &o->size);
		if (!e && __builtin_mul_overflow(o->size, PAGE_SIZE, &o->size))
			e = -EINVAL;
		return e;
	}
	if (len == 9 && !memcmp(option, "nr_inodes", 9))
		return parse_size(value, memory, &o->inodes);
	if (len == 4 && !memcmp(option, "mode", 4))
		return str_to_u64(value, 8, &o->mode) || o->mode > 07777 ? -EINVAL : 0;
	if (len == 3 && !memcmp(option, "uid", 3)) {
		o->uid_given = true;
		return str_to_u64(value, 10, &o->uid) || o->uid >= UINT32_MAX ? -EINVAL : 0;
	}
	if (len == 3 && !memcmp(option, "gid", 3)) {
		o->gid_given = true;
		return str_to_u64(value, 10, &o->gid) || o->gid >= UINT32_MAX ? -EINVAL : 0;
	}
	return -EINVAL;
}

static int parse_options(const char *options, struct tmpfs_options *o)
{
	char option[64];

	while (*options) {
		const char *end = strchr(options, ',');
		size_t len = end ? (size_t)(end - options) : strlen(options);
		int e;

		if (len >= sizeof(option))
			return -EINVAL;
		memcpy(option, options, len);
		option[len] = 0;
		e = parse_option(option, o);
		if (e)
			return e;
		options += len + (end != NULL);
	}
	return 0;
}

static struct fs_type tmpfs_type, ramfs_type;

static int mount_type(struct fs_type *type, const char *options, struct filesystem **ret)
{
	struct tmpfs_options o = { .size = plat_info()->memory_limit / 2, .mode = 01777 };
	struct filesystem *fs;
	struct tmpfs *t;
	int e;

	o.inodes = o.size / PAGE_SIZE;
	e = parse_options(options, &o);
	if (e)
		return e;
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->pages_max = o.size / PAGE_SIZE + (o.size % PAGE_SIZE != 0);
	t->inodes_max = o.inodes;
	fs = filesystem_new(type, &tmpfs_ops);
	if (!fs) {
		kfree(t);
		return -ENOMEM;
	}
	fs->private_data = t;
	fs->magic = TMPFS_MAGIC;
	str_copy(fs->options, options, sizeof(fs->options));
	e = make_inode(fs, NULL, S_IFDIR | (uint32_t)o.mode, &fs->root_inode);
	if (e) {
		filesystem_put(fs);
		return e;
	}
	if (o.uid_given)
		fs->root_inode->uid = (uint32_t)o.uid;
	if (o.gid_given)
		fs->root_inode->gid = (uint32_t)o.gid;
	*ret = fs;
	return 0;
}

static int mount_tmpfs(const char *source, const char *options, struct filesystem **ret)
{
	(void)source;
	return mount_type(&tmpfs_type, options, ret);
}

static int mount_ramfs(const char *source, const char *options, struct filesystem **ret)
{
	(void)source;
	return mount_type(&ramfs_type, options, ret);
}

static struct fs_type tmpfs_type = { .name = "tmpfs", .mount = mount_tmpfs };
static struct fs_type ramfs_type = { .name = "ramfs", .mount = mount_ramfs };

void tmpfs_init(void)
{
	fs_register(&tmpfs_type);
	fs_register(&ramfs_type);
}
