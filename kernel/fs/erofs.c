/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS: the read-only file system of images, as mkfs.erofs makes it without compression (erofs_format.h says what is read).
 *
 * Nothing in an image is believed: with a hash tree (image.h) it is what its maker wrote, but the maker's tool may be at fault, and
 * without one the host writes it. Each number is checked where it is used: places against the image, sizes against the block they
 * are in. What cannot be is -EUCLEAN ("structure needs cleaning", as Linux answers); what is compressed -EOPNOTSUPP.
 *
 * An inode keeps where its data is (struct node). Contents go through the page cache of the inode, metadata through that of the
 * image. Inodes are found again by nid in `buckets`, so hard links share one.
 * Lock: erofs.lock guards buckets; nothing is allocated or read under it. Order: inode.lock -> erofs.lock.
 */
#include "kernel/fs/erofs.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>

#include "kernel/fs/init.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

/* --- inodes ---------------------------------------------------------------------------------------------------------- */

/* Where the inode's own bytes are in the image. */
static uint64_t place_of(const struct erofs *e, uint64_t nid)
{
	return ((uint64_t)e->meta_block << EROFS_BLOCK_SHIFT) + (nid << EROFS_NID_SHIFT);
}

int erofs_node_read(const struct erofs *e, uint64_t nid, struct erofs_node *ret)
{
	struct erofs_inode_long l;
	struct erofs_inode_short *s = (struct erofs_inode_short *)(void *)&l;
	bool is_long;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (nid >> (64 - EROFS_NID_SHIFT - 1))
		return -EUCLEAN;
	ret->nid = nid;
	ret->place = place_of(e, nid);
	r = image_copy(e->image, ret->place, s, sizeof(*s));
	if (r)
		return r;
	is_long = s->format & EROFS_FORMAT_LONG;
	if (is_long) {
		r = image_copy(e->image, ret->place, &l, sizeof(l));
		if (r)
			return r;
	}
	if (s->format & ~EROFS_FORMAT_KNOWN)
		return -EUCLEAN;
	ret->layout = EROFS_FORMAT_LAYOUT(s->format);
	ret->mode = s->mode;
	ret->data = is_long ? l.data : s->data;
	ret->size = is_long ? l.size : s->size;
	ret->uid = is_long ? l.uid : s->uid;
	ret->gid = is_long ? l.gid : s->gid;
	ret->links = is_long ? l.links : s->links;
	ret->modified.seconds = (int64_t)(is_long ? l.modified : e->build_time);
	ret->modified.nanoseconds = is_long ? l.modified_ns : e->build_time_ns;
	ret->xattrs = ret->place + (is_long ? sizeof(l) : sizeof(*s));
	if (s->xattr_count)
		ret->xattr_size = sizeof(struct erofs_xattr_head) + 4u * (s->xattr_count - 1u);
	ret->behind = ret->xattrs + ret->xattr_size;
	if (ret->size > INT64_MAX || ret->modified.nanoseconds >= 1000000000u)
		return -EUCLEAN;
	return 0;
}

/* --- where data is --------------------------------------------------------------------------------------------------- */

static int find_chunk(const struct erofs *e, const struct erofs_node *n, uint64_t index,
		      struct erofs_piece *ret)
{
	uint16_t format = n->data.chunks.format;
	unsigned int shift = format & EROFS_CHUNK_SHIFT;
	size_t entry = format & EROFS_CHUNK_INDEXES ? sizeof(struct erofs_chunk) : 4;
	struct erofs_chunk c = { 0 };
	uint32_t block;
	int r;

	if (format & ~EROFS_CHUNK_KNOWN)
		return -EUCLEAN;
	r = image_copy(e->image, ROUND_UP(n->behind, entry) + (index >> shift) * entry,
		       entry == 4 ? (void *)&block : (void *)&c, entry);
	if (r)
		return r;
	if (entry != 4) {
		if (c.device)
			return -EUCLEAN;
		block = c.block;
	}
	ret->count = (1ULL << shift) - (index & ((1ULL << shift) - 1));
	ret->hole = block == EROFS_HOLE;
	ret->block = (uint64_t)block + (index & ((1ULL << shift) - 1));
	return 0;
}

/* The piece of a file that its page `index` begins; the file has `pages`. */
static int find_piece(const struct erofs *e, const struct erofs_node *n, uint64_t index,
		      uint64_t pages, struct erofs_piece *ret)
{
	uint64_t tail;

	memset(ret, 0, sizeof(*ret));
	switch (n->layout) {
	case EROFS_CHUNKED: {
		int r = find_chunk(e, n, index, ret);

		if (r)
			return r;
		break;
	}
	case EROFS_INLINE:
		if (index == pages - 1) {
			tail = n->size - (index << EROFS_BLOCK_SHIFT);
			if ((n->behind & (IMAGE_BLOCK - 1)) + tail > IMAGE_BLOCK)
				return -EUCLEAN;
			ret->inside = true;
			ret->count = 1;
			return 0;
		}
		ret->block = (uint64_t)n->data.block + index;
		ret->count = pages - 1 - index;
		break;
	case EROFS_PLAIN:
		ret->block = (uint64_t)n->data.block + index;
		ret->count = pages - index;
		break;
	default:
		return -EOPNOTSUPP;
	}
	ret->count = MIN(ret->count, pages - index);
	return 0;
}

int erofs_read_pages(const struct erofs *e, const struct erofs_node *n, uint64_t index,
		     size_t count, void *to)
{
	uint64_t pages = (n->size + IMAGE_BLOCK - 1) >> EROFS_BLOCK_SHIFT;
	uint8_t *at = to;

	while (count) {
		struct erofs_piece p;
		size_t now, bytes;
		int r;

		if (index >= pages) {
			memset(at, 0, count * IMAGE_BLOCK);
			return 0;
		}
		r = find_piece(e, n, index, pages, &p);
		if (r)
			return r;
		now = MIN(p.count, count);
		bytes = now * IMAGE_BLOCK;
		if (p.hole)
			memset(at, 0, bytes);
		else if (p.inside)
			r = image_copy(e->image, n->behind, at,
				       n->size - (index << EROFS_BLOCK_SHIFT));
		else
			r = image_read(e->image, p.block, now, at);
		if (r)
			return r;
		/* What is behind the end, in the same block, is nobody's. */
		if (index + now == pages && (n->size & (IMAGE_BLOCK - 1)))
			memset(at + bytes - IMAGE_BLOCK + (n->size & (IMAGE_BLOCK - 1)), 0,
			       IMAGE_BLOCK - (n->size & (IMAGE_BLOCK - 1)));
		index += now;
		count -= now;
		at += bytes;
	}
	return 0;
}

static int fill(struct mapping *m, uint64_t index, size_t count, void *to)
{
	const struct inode *i = m->owner;

	return erofs_read_pages(erofs_of(i), erofs_node_of(i), index, count, to);
}

static const struct mapping_ops mapping_ops = { .fill = fill };

/* --- inodes of the VFS --------------------------------------------------------------------------------------------------- */

static struct list *bucket_of(struct erofs *e, uint64_t nid)
{
	return &e->buckets[hash_u64(nid) & (EROFS_BUCKETS - 1)];
}

/* A living inode, counted, or NULL. e->lock held. */
static struct inode *find_living(struct erofs *e, uint64_t nid)
{
	struct erofs_node *n;

	list_for_each(n, bucket_of(e, nid), link)
		if (n->nid == nid && ref_get_unless_zero(&n->inode->refs))
			return n->inode;
	return NULL;
}

static struct inode *inode_of_node(struct filesystem *fs, const struct erofs_node *from)
{
	struct erofs_node *n = kmalloc(sizeof(*n));
	struct inode *i = n ? inode_new(fs, from->mode) : NULL;

	if (!i) {
		kfree(n);
		return NULL;
	}
	*n = *from;
	n->inode = i;
	list_init(&n->link);
	i->private_data = n;
	i->number = n->nid;
	i->uid = n->uid;
	i->gid = n->gid;
	i->links = n->links;
	i->rdev = S_ISBLK(n->mode) || S_ISCHR(n->mode) ? n->data.device : 0;
	i->accessed = i->modified = i->changed = i->born = n->modified;
	i->mapping.size = n->size;
	i->mapping.ops = &mapping_ops;
	i->mapping.reclaimable = true;
	i->blocks = ROUND_UP(n->size, IMAGE_BLOCK) / 512;
	i->ops = S_ISDIR(n->mode) ? &erofs_dir_ops : &erofs_file_ops;
	i->file_ops = S_ISDIR(n->mode) ? &erofs_dir_file_ops : &erofs_regular_ops;
	return i;
}

int erofs_inode_get(struct filesystem *fs, uint64_t nid, struct inode **ret)
{
	struct erofs *e = fs->private_data;
	struct inode *i, *other;
	struct erofs_node node;
	int r;

	mutex_lock(&e->lock);
	i = find_living(e, nid);
	mutex_unlock(&e->lock);
	if (!i) {
		r = erofs_node_read(e, nid, &node);
		if (r)
			return r;
		i = inode_of_node(fs, &node);
		if (!i)
			return -ENOMEM;
		mutex_lock(&e->lock);
		other = find_living(e, nid);
		if (!other)
			list_add(bucket_of(e, nid), &erofs_node_of(i)->link);
		mutex_unlock(&e->lock);
		if (other) {
			inode_put(i);
			i = other;
		}
	}
	*ret = i;
	return 0;
}

static void evict(struct inode *i)
{
	struct erofs *e = erofs_of(i);
	struct erofs_node *n = erofs_node_of(i);

	mutex_lock(&e->lock);
	list_remove(&n->link);
	mutex_unlock(&e->lock);
	kfree(n);
}

/* --- the file system -------------------------------------------------------------------------------------------------------- */

static int erofs_statfs(struct filesystem *fs, struct statfs_info *ret)
{
	const struct erofs *e = fs->private_data;

	memset(ret, 0, sizeof(*ret));
	ret->type = EROFS_MAGIC;
	ret->block_size = IMAGE_BLOCK;
	ret->blocks = image_blocks(e->image);
	ret->files = e->inodes;
	ret->name_max = NAME_MAX;
	return 0;
}

static void erofs_free(struct erofs *e)
{
	if (e->image)
		image_close(e->image);
	kfree(e);
}

static void erofs_unmount(struct filesystem *fs)
{
	erofs_free(fs->private_data);
}

static const struct filesystem_ops filesystem_ops = { .statfs = erofs_statfs,
						      .unmount = erofs_unmount,
						      .evict = evict };

/* What the superblock must be like; -EINVAL: no EROFS, -EOPNOTSUPP: a kind that is not read here. */
static int check_super(const struct erofs_super *s)
{
	if (s->magic != EROFS_MAGIC || !s->blocks)
		return -EINVAL;
	if (s->block_shift != EROFS_BLOCK_SHIFT || s->dir_block_shift || s->extra_devices ||
	    (s->feature_incompat & ~EROFS_INCOMPAT_KNOWN))
		return -EOPNOTSUPP;
	return 0;
}

static int open_image(struct erofs *e, int handle, const uint8_t *root_hash)
{
	struct erofs_super s, again;
	int r = image_peek(handle, EROFS_SUPER_OFFSET, &s, sizeof(s));

	if (!r)
		r = check_super(&s);
	if (!r)
		r = image_open(handle, s.blocks, root_hash, &e->image);
	/* From here on by way of the tree: only now it is known to be the image's own. */
	if (!r)
		r = image_copy(e->image, EROFS_SUPER_OFFSET, &again, sizeof(again));
	if (!r && memcmp(&s, &again, sizeof(s)))
		r = -EUCLEAN;
	if (r)
		return r;
	e->meta_block = again.meta_block;
	e->xattr_block = again.xattr_block;
	e->inodes = again.inodes;
	e->build_time = again.build_time;
	e->build_time_ns = again.build_time_ns;
	e->root_nid = again.root_nid;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "ro", "root-hash=<64 digits>". */
static int parse_options(const char *s, uint8_t hash[SHA256_SIZE], bool *ret_has_hash)
{
	static const char name[] = "root-hash=";
	size_t len, prefix = sizeof(name) - 1;

	*ret_has_hash = false;
	for (; *s; s += len, s += *s == ',') {
		const char *comma = strchr(s, ',');

		len = comma ? (size_t)(comma - s) : strlen(s);
		if (len == 2 && !memcmp(s, "ro", 2))
			continue;
		if (len != prefix + 2 * SHA256_SIZE || memcmp(s, name, prefix))
			return -EINVAL;
		for (size_t i = 0; i < SHA256_SIZE; i++) {
			int high = hex_digit(s[prefix + 2 * i]),
			    low = hex_digit(s[prefix + 2 * i + 1]);

			if (high < 0 || low < 0)
				return -EINVAL;
			hash[i] = (uint8_t)(high << 4 | low);
		}
		*ret_has_hash = true;
	}
	return 0;
}

static struct fs_type erofs_type;

int erofs_new(int handle, const char *source, const char *options, struct filesystem **ret)
{
	uint8_t root_hash[SHA256_SIZE];
	struct filesystem *fs;
	struct erofs *e;
	bool has_hash;
	int r = parse_options(options, root_hash, &has_hash);

	e = r ? NULL : kzalloc(sizeof(*e));
	if (!e) {
		host_close(handle);
		return r ? r : -ENOMEM;
	}
	for (size_t i = 0; i < EROFS_BUCKETS; i++)
		list_init(&e->buckets[i]);
	r = open_image(e, handle, has_hash ? root_hash : NULL);
	fs = r ? NULL : filesystem_new(&erofs_type, &filesystem_ops);
	if (!fs) {
		if (!e->image)
			host_close(handle);
		erofs_free(e);
		return r ? r : -ENOMEM;
	}
	fs->private_data = e;
	fs->magic = EROFS_MAGIC;
	fs->read_only = true;
	str_copy(fs->options, options, sizeof(fs->options));
	str_copy(fs->source, source, sizeof(fs->source));
	r = erofs_inode_get(fs, e->root_nid, &fs->root_inode);
	if (!r && !S_ISDIR(fs->root_inode->mode))
		r = -EUCLEAN;
	if (r) {
		if (fs->root_inode)
			inode_put(fs->root_inode);
		fs->root_inode = NULL;
		filesystem_put(fs);
		return r;
	}
	*ret = fs;
	return 0;
}

/* As of hostfs: who may name a handle is boot alone. */
static int erofs_mount(const char *source, const char *options, struct filesystem **ret)
{
	int handle = mount_grant(-1);

	if (handle < 0)
		return -EPERM;
	return erofs_new(handle, source, options, ret);
}

static struct fs_type erofs_type = { .name = "erofs", .mount = erofs_mount };

void erofs_init(void)
{
	fs_register(&erofs_type);
}
