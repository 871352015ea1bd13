/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS: directories, symbolic links, extended attributes. A directory's names are sorted as bytes over all of its blocks, so a
 * lookup halves blocks by their first names; in an image that is not sorted names are not found, and nothing worse. No locks:
 * nothing here changes. System attributes (ACLs) are not shown: this kernel has none.
 */
#include "kernel/fs/erofs.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <linux/xattr.h>

#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "lib/base/string.h"

/* --- a block of a directory -------------------------------------------------------------------------------------------- */

struct block {
	uint8_t bytes[IMAGE_BLOCK];
	size_t size; /* what of it is the directory's */
	unsigned int count;
};

struct name {
	const char *bytes;
	size_t len;
	uint64_t nid;
	unsigned int type;
};

static const struct erofs_entry *entry_of(const struct block *b, unsigned int i)
{
	return (const struct erofs_entry *)(const void *)b->bytes + i;
}

static int read_data(struct inode *i, uint64_t offset, void *to, size_t size)
{
	struct uio io;
	long r;

	uio_init_kernel(&io, to, size);
	r = mapping_read(&i->mapping, &io, offset);
	if (r < 0)
		return (int)r;
	return (size_t)r == size ? 0 : -EUCLEAN;
}

static int read_block(struct inode *dir, uint64_t number, struct block *b)
{
	size_t first;
	int r;

	b->size = MIN((uint64_t)IMAGE_BLOCK, dir->mapping.size - number * IMAGE_BLOCK);
	r = read_data(dir, number * IMAGE_BLOCK, b->bytes, b->size);
	if (r)
		return r;
	if (b->size < sizeof(struct erofs_entry))
		return -EUCLEAN;
	first = entry_of(b, 0)->name_offset;
	if (first < sizeof(struct erofs_entry) || first % sizeof(struct erofs_entry) ||
	    first >= b->size)
		return -EUCLEAN;
	b->count = (unsigned int)(first / sizeof(struct erofs_entry));
	return 0;
}

static int name_at(const struct block *b, unsigned int i, struct name *ret)
{
	const struct erofs_entry *e = entry_of(b, i);
	size_t start = e->name_offset,
	       end = i + 1 < b->count ? entry_of(b, i + 1)->name_offset : b->size;

	if (start < entry_of(b, 0)->name_offset || start >= end || end > b->size)
		return -EUCLEAN;
	ret->bytes = (const char *)b->bytes + start;
	ret->len = strnlen(ret->bytes, end - start);
	ret->nid = e->nid;
	ret->type = e->type;
	if (!ret->len || ret->len > NAME_MAX || memchr(ret->bytes, '/', ret->len))
		return -EUCLEAN;
	return 0;
}

static int compare(const struct name *n, const char *name, size_t len)
{
	int r = memcmp(n->bytes, name, MIN(n->len, len));

	return r ? r : (n->len > len) - (n->len < len);
}

/* --- directories -------------------------------------------------------------------------------------------------------- */

/* The last block whose first name is not behind `name`; it stays in *b. */
static int find_block(struct inode *dir, const char *name, size_t len, struct block *b)
{
	uint64_t low = 0, high = (dir->mapping.size + IMAGE_BLOCK - 1) / IMAGE_BLOCK,
		 in_b = UINT64_MAX;
	struct name first;
	int r = 0;

	if (!high)
		return -ENOENT;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		r = read_block(dir, middle, b);
		if (!r)
			r = name_at(b, 0, &first);
		if (r)
			return r;
		in_b = middle;
		if (compare(&first, name, len) <= 0)
			low = middle;
		else
			high = middle;
	}
	return in_b == low ? 0 : read_block(dir, low, b);
}

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct block *b = kmalloc(sizeof(*b));
	struct name n;
	int r;

	if (!b)
		return -ENOMEM;
	r = find_block(dir, name, len, b);
	if (!r) {
		r = -ENOENT;
		for (unsigned int i = 0; i < b->count; i++) {
			int bad = name_at(b, i, &n), order = bad ? 1 : compare(&n, name, len);

			if (bad || !order)
				r = bad ? bad : erofs_inode_get(dir->fs, n.nid, ret);
			if (order >= 0)
				break;
		}
	}
	kfree(b);
	return r;
}

/* EROFS_FT_* (as in directory entries of ext2) to DT_*. */
static const uint8_t types[] = { 0, 8, 4, 2, 6, 1, 12, 10 };

#define POSITION(block, index) ((uint64_t)(block) << EROFS_BLOCK_SHIFT | (index))

static int read_directory(struct file *f, struct dir_context *c)
{
	struct inode *dir = f->private_data;
	struct block *b = kmalloc(sizeof(*b));
	uint64_t blocks = (dir->mapping.size + IMAGE_BLOCK - 1) / IMAGE_BLOCK;
	int r = 0;

	if (!b)
		return -ENOMEM;
	while (!r && c->pos >> EROFS_BLOCK_SHIFT < blocks) {
		uint64_t number = c->pos >> EROFS_BLOCK_SHIFT;
		unsigned int i = c->pos & (IMAGE_BLOCK - 1);
		struct name n;

		r = read_block(dir, number, b);
		for (; !r && i < b->count; i++) {
			uint64_t next = i + 1 < b->count ? POSITION(number, i + 1)
							 : POSITION(number + 1, 0);

			r = name_at(b, i, &n);
			if (r)
				break;
			if (!c->emit(c, n.bytes, n.len, n.nid,
				     n.type < ARRAY_SIZE(types) ? types[n.type] : 0, next))
				goto out;
			c->pos = next;
		}
		if (!r && i >= b->count)
			c->pos = POSITION(number + 1, 0);
	}
out:
	kfree(b);
	return r;
}

static int no_sync(struct file *f, bool data_only)
{
	(void)f;
	(void)data_only;
	return 0;
}

/* An overlay opens our inodes under its own: what is read is ours. */
static int open_inode(struct inode *i, struct file *f)
{
	if (file_writable(f))
		return -EROFS;
	f->ops = S_ISDIR(i->mode) ? &erofs_dir_file_ops : &erofs_regular_ops;
	f->private_data = i;
	return 0;
}

const struct file_ops erofs_dir_file_ops = { .readdir = read_directory, .fsync = no_sync };
const struct file_ops erofs_regular_ops = { .read = generic_read,
					    .seek = generic_seek,
					    .mmap = generic_mmap,
					    .fsync = no_sync };

/* --- links and attributes --------------------------------------------------------------------------------------------------- */

static int readlink(struct inode *i, char **ret_target)
{
	size_t size = i->mapping.size;
	char *target;
	int r;

	if (!size || size >= PATH_MAX)
		return -EUCLEAN;
	target = kmalloc(size + 1);
	if (!target)
		return -ENOMEM;
	r = read_data(i, 0, target, size);
	if (!r && memchr(target, 0, size))
		r = -EUCLEAN;
	if (r) {
		kfree(target);
		return r;
	}
	target[size] = 0;
	*ret_target = target;
	return 0;
}

static int setattr(struct inode *i, const struct attributes *a)
{
	(void)i;
	(void)a;
	return -EROFS;
}

/* EROFS_XATTR_INDEX_*: what stands before the name. */
static const char *prefix_of(unsigned int prefix)
{
	switch (prefix) {
	case 1:
		return XATTR_USER_PREFIX;
	case 4:
		return XATTR_TRUSTED_PREFIX;
	case 6:
		return XATTR_SECURITY_PREFIX;
	default:
		return NULL;
	}
}

struct attribute {
	char name[XATTR_NAME_MAX + 1];
	uint64_t value; /* place in the image */
	size_t value_size, len;
	bool shown;
};

/* The attribute at `place`, no byte of it behind `end`; *ret_next is the next one's place. */
static int attribute_at(const struct erofs *e, uint64_t place, uint64_t end, struct attribute *ret,
			uint64_t *ret_next)
{
	struct erofs_xattr x;
	const char *prefix;
	size_t before;
	int r;

	if (end - place < sizeof(x))
		return -EUCLEAN;
	r = image_copy(e->image, place, &x, sizeof(x));
	if (r)
		return r;
	if (end - place < sizeof(x) + x.name_size + x.value_size)
		return -EUCLEAN;
	prefix = prefix_of(x.prefix);
	before = prefix ? strlen(prefix) : 0;
	ret->shown = prefix && x.name_size && before + x.name_size <= XATTR_NAME_MAX;
	ret->len = before + x.name_size;
	if (ret->shown) {
		memcpy(ret->name, prefix, before);
		r = image_copy(e->image, place + sizeof(x), ret->name + before, x.name_size);
		ret->name[ret->len] = 0;
		if (!r && memchr(ret->name, 0, ret->len))
			r = -EUCLEAN;
	}
	ret->value = place + sizeof(x) + x.name_size;
	ret->value_size = x.value_size;
	*ret_next = place + ROUND_UP(sizeof(x) + x.name_size + (size_t)x.value_size, 4);
	return r;
}

/* Calls fn for each attribute until it returns other than 0, which is the result. */
static long for_each(struct inode *i, long (*fn)(void *context, const struct attribute *a),
		     void *context)
{
	const struct erofs *e = erofs_of(i);
	const struct erofs_node *n = erofs_node_of(i);
	uint64_t place = n->xattrs + sizeof(struct erofs_xattr_head), next,
		 end = n->xattrs + n->xattr_size;
	struct erofs_xattr_head head;
	struct attribute *a;
	long r;

	if (!n->xattr_size)
		return 0;
	r = image_copy(e->image, n->xattrs, &head, sizeof(head));
	if (r)
		return r;
	if (4u * head.shared_count > end - place)
		return -EUCLEAN;
	a = kmalloc(sizeof(*a));
	if (!a)
		return -ENOMEM;
	for (unsigned int k = 0; k < head.shared_count && !r; k++, place += 4) {
		uint32_t id;

		r = image_copy(e->image, place, &id, sizeof(id));
		if (!r)
			r = attribute_at(
				e, ((uint64_t)e->xattr_block << EROFS_BLOCK_SHIFT) + id * 4ULL,
				UINT64_MAX, a, &next);
		if (!r && a->shown)
			r = fn(context, a);
	}
	/* The last one may be padded: less than a header is no attribute. */
	for (; !r && end - place >= sizeof(struct erofs_xattr); place = next) {
		r = attribute_at(e, place, end, a, &next);
		if (!r && a->shown)
			r = fn(context, a);
		if (next > end)
			break;
	}
	kfree(a);
	return r;
}

struct wanted {
	struct inode *inode;
	const char *name;
	void *value;
	size_t size;
};

/* Bytes + 1, so that an empty value is found, too. */
static long give_value(void *context, const struct attribute *a)
{
	struct wanted *w = context;
	int r = 0;

	if (!str_eq(a->name, w->name))
		return 0;
	if (w->size && a->value_size > w->size)
		return -ERANGE;
	if (w->size)
		r = image_copy(erofs_of(w->inode)->image, a->value, w->value, a->value_size);
	return r ? r : (long)a->value_size + 1;
}

static long getxattr(struct inode *i, const char *name, void *value, size_t size)
{
	struct wanted w = { i, name, value, size };
	long r = for_each(i, give_value, &w);

	if (!r)
		return -ENODATA;
	return r < 0 ? r : r - 1;
}

struct listing {
	char *to;
	size_t size, used;
};

static long list_name(void *context, const struct attribute *a)
{
	struct listing *l = context;

	if (l->size) {
		if (l->size - l->used < a->len + 1)
			return -ERANGE;
		memcpy(l->to + l->used, a->name, a->len + 1);
	}
	l->used += a->len + 1;
	return 0;
}

static long listxattr(struct inode *i, char *list, size_t size)
{
	struct listing l = { list, size, 0 };
	long r = for_each(i, list_name, &l);

	return r ? r : (long)l.used;
}

const struct inode_ops erofs_dir_ops = { .lookup = lookup,
					 .setattr = setattr,
					 .getxattr = getxattr,
					 .listxattr = listxattr,
					 .open = open_inode };
const struct inode_ops erofs_file_ops = { .readlink = readlink,
					  .setattr = setattr,
					  .getxattr = getxattr,
					  .listxattr = listxattr,
					  .open = open_inode };
