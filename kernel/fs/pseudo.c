/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems out of tables: see pseudo.h. An inode of a tree points to a node whose path begins with the inode's own;
 * private_value holds how many bytes of that path are its own (low half) and the number for "#" (high half).
 *
 * A text file's open state keeps the text made at its first read. pseudo_open.lock guards the pointer; the text is
 * counted, so that nobody copies to user memory with the lock held.
 */
#include "kernel/fs/pseudo.h"

#include <linux/errno.h>
#include <linux/stat.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define STORE_MAX 4096
#define NAME_MAX_LEN 255

/* --- texts -------------------------------------------------------------------------------------------------------- */

struct pseudo_text *text_new(void)
{
	struct pseudo_text *t = kzalloc(sizeof(*t));

	if (t)
		ref_init(&t->refs);
	return t;
}

void text_unref(struct pseudo_text *t)
{
	if (!t || !ref_put(&t->refs))
		return;
	kfree(t->data);
	kfree(t);
}

static bool reserve(struct pseudo_text *t, size_t size)
{
	size_t capacity = t->capacity ? t->capacity : 512;
	char *data;

	if (t->failed)
		return false;
	while (capacity - t->len < size && capacity <= PSEUDO_TEXT_MAX)
		capacity *= 2;
	if (capacity == t->capacity)
		return true;
	data = capacity <= PSEUDO_TEXT_MAX ? krealloc(t->data, capacity) : NULL;
	if (!data) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->capacity = capacity;
	return true;
}

void text_put(struct pseudo_text *t, const void *data, size_t size)
{
	if (size > PSEUDO_TEXT_MAX)
		t->failed = true;
	if (!reserve(t, size))
		return;
	memcpy(t->data + t->len, data, size);
	t->len += size;
}

void text_string(struct pseudo_text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_printf(struct pseudo_text *t, const char *format, ...)
{
	va_list ap;
	int len;

	if (!reserve(t, 128))
		return;
	va_start(ap, format);
	len = fmt_vsnprintf(t->data + t->len, t->capacity - t->len, format, ap);
	va_end(ap);
	if (len > 0 && (size_t)len >= t->capacity - t->len) {
		if (!reserve(t, (size_t)len + 1))
			return;
		va_start(ap, format);
		len = fmt_vsnprintf(t->data + t->len, t->capacity - t->len, format, ap);
		va_end(ap);
	}
	if (len > 0)
		t->len += (size_t)len;
}

void text_escaped(struct pseudo_text *t, const char *s, const char *special)
{
	for (; *s; s++) {
		if (strchr(special, *s))
			text_printf(t, "\\%03o", (unsigned char)*s);
		else
			text_put(t, s, 1);
	}
}

/* --- text files ----------------------------------------------------------------------------------------------------- */

struct pseudo_open {
	struct mutex lock;
	struct pseudo_text *text;
	pseudo_show *show;
	pseudo_store *store;
};

int pseudo_open_text(struct file *f, pseudo_show *show, pseudo_store *store)
{
	struct pseudo_open *o = kzalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->show = show;
	o->store = store;
	f->ops = &pseudo_text_ops;
	f->private_data = o;
	return 0;
}

/* A counted text for a read at pos. */
static int get_text(struct file *f, bool renew, struct pseudo_text **ret)
{
	struct pseudo_open *o = f->private_data;
	struct pseudo_text *t = NULL, *old = NULL;
	int error;

	mutex_lock(&o->lock);
	if (!renew && o->text) {
		t = o->text;
		ref_get(&t->refs);
	}
	mutex_unlock(&o->lock);
	if (!t) {
		t = text_new();
		if (!t)
			return -ENOMEM;
		error = o->show ? o->show(t, f->inode) : -EINVAL;
		if (!error && t->failed)
			error = -ENOMEM;
		if (error) {
			text_unref(t);
			return error;
		}
		ref_get(&t->refs);
		mutex_lock(&o->lock);
		old = o->text;
		o->text = t;
		mutex_unlock(&o->lock);
		text_unref(old);
	}
	*ret = t;
	return 0;
}

static long text_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct pseudo_text *t;
	size_t count;
	int error = get_text(f, *pos == 0, &t);

	if (error)
		return error;
	count = *pos < t->len ? MIN(t->len - (size_t)*pos, io->left) : 0;
	if (count && uio_put(io, t->data + *pos, count) < count)
		error = -EFAULT;
	else
		*pos += count;
	text_unref(t);
	return error ? error : (long)count;
}

static long text_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct pseudo_open *o = f->private_data;
	size_t size = MIN(io->left, (size_t)STORE_MAX - 1);
	char *data;
	int error;

	if (!o->store)
		return -EINVAL;
	data = kmalloc(STORE_MAX);
	if (!data)
		return -ENOMEM;
	error = uio_get(io, data, size) < size ? -EFAULT : 0;
	data[size] = 0;
	if (!error)
		error = o->store(f->inode, data, size);
	kfree(data);
	if (error)
		return error;
	*pos += size;
	return (long)size;
}

static void text_release(struct file *f)
{
	struct pseudo_open *o = f->private_data;

	if (!o)
		return;
	text_unref(o->text);
	kfree(o);
}

static int64_t text_seek(struct file *f, int64_t offset, int whence)
{
	int64_t base = whence == 1 ? (int64_t)f->pos : 0;

	if (whence != 0 && whence != 1)
		return -EINVAL;
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return -EINVAL;
	f->pos = (uint64_t)base;
	return base;
}

const struct file_ops pseudo_text_ops = {
	.read = text_read,
	.write = text_write,
	.seek = text_seek,
	.release = text_release,
};

int pseudo_simple_statfs(struct filesystem *fs, struct statfs_info *ret)
{
	*ret = (struct statfs_info){ .type = fs->magic,
				     .block_size = PAGE_SIZE,
				     .name_max = NAME_MAX_LEN };
	return 0;
}

/* --- trees ---------------------------------------------------------------------------------------------------------- */

static const struct inode_ops pseudo_file_ops, pseudo_link_ops;
static const struct file_ops pseudo_dir_file_ops;

bool pseudo_inode(const struct inode *inode)
{
	return inode->ops == &pseudo_dir_ops || inode->ops == &pseudo_file_ops ||
	       inode->ops == &pseudo_link_ops;
}

static const struct pseudo_tree *tree_of(const struct inode *inode)
{
	return inode->fs->private_data;
}

static size_t own_len(const struct inode *dir)
{
	return dir->private_value & UINT32_MAX;
}

static unsigned int own_number(const struct inode *dir)
{
	return (unsigned int)(dir->private_value >> 32);
}

/* The component of a node's path that comes after dir's, if the node is below dir. */
static const char *component(const struct inode *dir, const struct pseudo_node *n, size_t *ret_len)
{
	const struct pseudo_node *self = dir->private_data;
	size_t len = own_len(dir);
	const char *at = n->path, *end;

	if (len) {
		if (strncmp(at, self->path, len) || at[len] != '/')
			return NULL;
		at += len + 1;
	}
	if (!*at)
		return NULL;
	end = strchr(at, '/');
	*ret_len = end ? (size_t)(end - at) : strlen(at);
	return at;
}

static bool is_leaf(const char *part, size_t len)
{
	return !part[len];
}

/* Does `name` fit the component, which may end in "#"? */
static bool fits(const char *part, size_t part_len, const char *name, size_t len,
		 unsigned int limit, unsigned int *ret_number)
{
	unsigned int number = 0;
	size_t i;

	if (part[part_len - 1] != '#')
		return part_len == len && !memcmp(part, name, len);
	if (len < part_len || memcmp(part, name, part_len - 1))
		return false;
	for (i = part_len - 1; i < len; i++) {
		if (name[i] < '0' || name[i] > '9' || number > limit)
			return false;
		number = number * 10 + (unsigned int)(name[i] - '0');
	}
	if (number >= limit || (name[part_len - 1] == '0' && len > part_len))
		return false;
	*ret_number = number;
	return true;
}

static uint64_t inode_number(const struct pseudo_node *n, size_t len, unsigned int number)
{
	/* procfs keeps what is above 2^48 for processes */
	return (hash_bytes(number, n->path, len) & ((1ULL << 47) - 1)) | 1ULL << 20;
}

static struct inode *node_inode(struct filesystem *fs, const struct pseudo_node *n, size_t len,
				bool leaf, unsigned int number)
{
	uint32_t mode = !leaf ? S_IFDIR | 0555 : n->mode & S_IFMT ? n->mode : S_IFREG | n->mode;
	struct inode *inode = inode_new(fs, mode);

	if (!inode)
		return NULL;
	inode->uid = inode->gid = 0;
	inode->private_data = (void *)(uintptr_t)n;
	inode->private_value = len | (uint64_t)number << 32;
	inode->number = len ? inode_number(n, len, number) : 1;
	if (!leaf) {
		inode->links = 2;
		inode->ops = &pseudo_dir_ops;
		inode->file_ops = &pseudo_dir_file_ops;
	} else if (S_ISLNK(mode)) {
		inode->ops = &pseudo_link_ops;
	} else {
		inode->ops = &pseudo_file_ops;
		inode->file_ops = &pseudo_text_ops;
	}
	return inode;
}

struct inode *pseudo_root(struct filesystem *fs)
{
	const struct pseudo_tree *tree = fs->private_data;

	return node_inode(fs, tree->nodes, 0, false, 0);
}

int pseudo_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	const struct pseudo_tree *tree = tree_of(dir);
	unsigned int limit = tree->numbers ? tree->numbers() : 0;
	const char *part;
	size_t part_len;

	if (len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	for (unsigned int i = 0; i < tree->count; i++) {
		const struct pseudo_node *n = &tree->nodes[i];
		unsigned int number = own_number(dir);

		part = component(dir, n, &part_len);
		if (!part || !fits(part, part_len, name, len, limit, &number))
			continue;
		*ret = node_inode(dir->fs, n, (size_t)(part - n->path) + part_len,
				  is_leaf(part, part_len), number);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

/* Was this component already listed for an earlier node? */
static bool listed(const struct inode *dir, const struct pseudo_tree *tree, unsigned int index,
		   const char *part, size_t len)
{
	const char *earlier;
	size_t earlier_len;

	for (unsigned int i = 0; i < index; i++) {
		earlier = component(dir, &tree->nodes[i], &earlier_len);
		if (earlier && earlier_len == len && !memcmp(earlier, part, len))
			return true;
	}
	return false;
}

/* Positions: first, first + 1 are the dots; then node index << 16 | number, in order. */
int pseudo_readdir(struct file *f, struct dir_context *c, uint64_t first)
{
	struct inode *dir = f->inode;
	const struct pseudo_tree *tree = tree_of(dir);
	unsigned int limit = tree->numbers ? tree->numbers() : 0;
	struct dentry *d = f->path.dentry;
	char name[NAME_MAX_LEN + 1];
	const char *part;
	size_t len;

	if (c->pos < first)
		c->pos = first;
	if (c->pos == first) {
		if (!c->emit(c, ".", 1, dir->number, 4, first + 1))
			return 0;
		c->pos = first + 1;
	}
	if (c->pos == first + 1) {
		if (!c->emit(c, "..", 2, d && d->parent->inode ? d->parent->inode->number : 1, 4,
			     first + 2))
			return 0;
		c->pos = first + 2;
	}
	for (;;) {
		uint64_t at = c->pos - first - 2;
		unsigned int index = (unsigned int)(at >> 16), number = at & 0xffff,
			     shown = own_number(dir);
		const struct pseudo_node *n = &tree->nodes[index];
		bool pattern;
		int type;

		if (index >= tree->count)
			return 0;
		part = component(dir, n, &len);
		pattern = part && part[len - 1] == '#';
		if (!part || len > NAME_MAX_LEN - 12 || (pattern ? number >= limit : number > 0) ||
		    (!number && listed(dir, tree, index, part, len))) {
			c->pos = first + 2 + ((uint64_t)(index + 1) << 16);
			continue;
		}
		memcpy(name, part, len);
		name[len] = 0;
		if (pattern) {
			shown = number;
			fmt_snprintf(name + len - 1, 12, "%u", number);
		}
		type = !is_leaf(part, len) ? 4 : S_ISLNK(n->mode) ? 10 : 8;
		if (!c->emit(c, name, strlen(name),
			     inode_number(n, (size_t)(part - n->path) + len, shown),
			     (unsigned int)type, c->pos + 1))
			return 0;
		c->pos++;
	}
}

static int dir_readdir(struct file *f, struct dir_context *c)
{
	return pseudo_readdir(f, c, 0);
}

static const struct file_ops pseudo_dir_file_ops = {
	.readdir = dir_readdir,
};

const struct inode_ops pseudo_dir_ops = {
	.lookup = pseudo_lookup,
};

static int show_constant(struct pseudo_text *t, struct inode *inode)
{
	const struct pseudo_node *n = inode->private_data;

	text_string(t, n->text);
	return 0;
}

static int file_open(struct inode *inode, struct file *f)
{
	const struct pseudo_node *n = inode->private_data;

	/* private_value's upper half is what show() wants */
	return pseudo_open_text(f, n->show ? n->show : n->text ? show_constant : NULL, n->store);
}

/* Sizes and times stay as they are; truncation by O_TRUNC is accepted. */
static int file_setattr(struct inode *inode, const struct attributes *a)
{
	(void)inode;
	return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops pseudo_file_ops = {
	.open = file_open,
	.setattr = file_setattr,
};

static int link_readlink(struct inode *inode, char **ret)
{
	const struct pseudo_node *n = inode->private_data;
	struct pseudo_text *t;
	int error;

	if (!n->show) {
		*ret = kstrdup(n->text);
		return *ret ? 0 : -ENOMEM;
	}
	t = text_new();
	if (!t)
		return -ENOMEM;
	error = n->show(t, inode);
	text_put(t, "", 1);
	if (!error && t->failed)
		error = -ENOMEM;
	if (!error) {
		*ret = kstrdup(t->data);
		error = *ret ? 0 : -ENOMEM;
	}
	text_unref(t);
	return error;
}

static const struct inode_ops pseudo_link_ops = {
	.readlink = link_readlink,
};
