/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlayfs: reading directories. The first read (and each one from position 0) takes a snapshot of all layers: names of the
 * upper one, then those of the lower ones that are neither there already nor covered by a whiteout. Positions are places in
 * the snapshot, so they stay valid while entries come and go.
 *
 * A listing belongs to one open file and is guarded by its position lock, which the caller holds.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kernel/fs/overlay_internal.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define LISTING_MAX (256UL << 20)
#define FIRST_POSITION 2
#define TYPE_DIR 4 /* DT_DIR, DT_CHR */
#define TYPE_CHAR 2

struct entry {
	uint64_t number;
	uint8_t type;
	bool hidden; /* a whiteout: covers what is below, and is not shown */
	uint16_t len;
	uint32_t size; /* of the entry, a multiple of 8 */
	char name[];
};

struct listing {
	struct dir_context context; /* first: emit finds us by it */
	char *data;
	size_t used, capacity;
	uint32_t *table; /* places of entries by name, +1; open addressing */
	size_t table_size, count;
	size_t layer_start;
	unsigned int lower_layer; /* of the lower being read */
	size_t seen;		  /* by this call of readdir */
	int error;
};

static void listing_free(struct listing *l)
{
	if (!l)
		return;
	kfree(l->data);
	kfree(l->table);
	kfree(l);
}

static struct entry *entry_at(const struct listing *l, size_t place)
{
	return (struct entry *)(l->data + place);
}

/* Where the name is, or the free slot for it. */
static uint32_t *find_slot(const struct listing *l, const char *name, size_t len)
{
	size_t mask = l->table_size - 1, at = hash_bytes((uintptr_t)l, name, len) & mask;
	struct entry *e;

	for (;; at = (at + 1) & mask) {
		if (!l->table[at])
			return &l->table[at];
		e = entry_at(l, (size_t)(l->table[at] - 1) * 8);
		if (e->len == len && !memcmp(e->name, name, len))
			return &l->table[at];
	}
}

static int grow_table(struct listing *l)
{
	size_t size = l->table_size ? l->table_size * 2 : 64, place;
	uint32_t *bigger = kcalloc(size, sizeof(*bigger));
	struct entry *e;

	if (!bigger)
		return -ENOMEM;
	kfree(l->table);
	l->table = bigger;
	l->table_size = size;
	for (place = 0; place < l->used; place += e->size) {
		e = entry_at(l, place);
		*find_slot(l, e->name, e->len) = (uint32_t)(place / 8) + 1;
	}
	return 0;
}

static int add_entry(struct listing *l, const char *name, size_t len, uint64_t number,
		     unsigned int type)
{
	size_t size = ROUND_UP(sizeof(struct entry) + len + 1, 8), capacity;
	uint32_t *slot;
	struct entry *e;
	char *bigger;

	if ((l->count + 1) * 2 > l->table_size && grow_table(l))
		return -ENOMEM;
	slot = find_slot(l, name, len);
	if (*slot)
		return 0;
	if (l->used + size > l->capacity) {
		capacity = l->capacity ? l->capacity * 2 : PAGE_SIZE;
		if (capacity > LISTING_MAX)
			return -ENOMEM;
		bigger = krealloc(l->data, capacity);
		if (!bigger)
			return -ENOMEM;
		l->data = bigger;
		l->capacity = capacity;
	}
	e = entry_at(l, l->used);
	e->number = number;
	e->type = (uint8_t)type;
	e->hidden = false;
	e->len = (uint16_t)len;
	e->size = (uint32_t)size;
	memcpy(e->name, name, len);
	e->name[len] = 0;
	*slot = (uint32_t)(l->used / 8) + 1;
	l->used += size;
	l->count++;
	return 0;
}

static bool collect(struct dir_context *c, const char *name, size_t len, uint64_t ino,
		    unsigned int type, uint64_t next_pos)
{
	struct listing *l = container_of(c, struct listing, context);

	(void)next_pos;
	l->seen++;
	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	/* Lower numbers are told apart by layer, as overlay_lower_number does. */
	l->error = add_entry(l, name, len, ino ^ (uint64_t)l->lower_layer << 55, type);
	return !l->error;
}

/* Every name of one real folder. */
static int read_layer(struct listing *l, struct inode *dir)
{
	struct file *f;
	uint64_t before;
	int r = real_open(dir, O_RDONLY | O_DIRECTORY, &f);

	if (r)
		return r;
	if (!f->ops->readdir)
		r = -ENOTDIR;
	l->context.emit = collect;
	l->context.pos = 0;
	while (!r) {
		l->seen = 0;
		before = l->context.pos;
		r = f->ops->readdir(f, &l->context);
		if (!r)
			r = l->error;
		f->pos = l->context.pos;
		if (!l->seen || l->context.pos == before)
			break;
	}
	file_put(f);
	return r;
}

/* Upper entries: whiteouts are hidden, numbers are those the overlay shows. */
static int resolve_layer(struct overlay *o, struct listing *l, struct inode *dir, bool upper)
{
	struct entry *e;
	struct inode *i;
	size_t place;
	int r;

	for (place = l->layer_start; place < l->used; place += e->size) {
		e = entry_at(l, place);
		if (!upper && e->type != TYPE_CHAR)
			continue;
		r = real_lookup(dir, e->name, e->len, &i);
		if (r == -ENOENT) {
			/* Removed since: not shown, and nothing below it was meant to be. */
			e->hidden = true;
			continue;
		}
		if (r)
			return r;
		if (is_whiteout(i))
			e->hidden = true;
		else if (upper)
			e->number = overlay_upper_number(o, i);
		inode_put(i);
	}
	return 0;
}

static int make_listing(struct overlay *o, struct overlay_node *n, struct listing **ret)
{
	struct inode *upper = upper_of(n);
	struct listing *l = kzalloc(sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	if (upper) {
		r = read_layer(l, upper);
		if (!r)
			r = resolve_layer(o, l, upper, true);
	}
	for (unsigned int k = 0; k < n->lower_count && !r; k++) {
		l->layer_start = l->used;
		l->lower_layer = n->layer + k;
		r = read_layer(l, n->lowers[k]);
		if (!r)
			r = resolve_layer(o, l, n->lowers[k], false);
	}
	/* The table was for making it. */
	kfree(l->table);
	l->table = NULL;
	if (r) {
		listing_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

/* --- the folder's file ----------------------------------------------------------------------------------------------------- */

static int emit_dots(struct file *f, struct dir_context *c)
{
	struct dentry *parent;
	bool room;

	if (c->pos == 0) {
		if (!c->emit(c, ".", 1, f->inode->number, TYPE_DIR, 1))
			return 1;
		c->pos = 1;
	}
	if (c->pos == 1) {
		parent = dentry_parent(f->path.dentry);
		room = c->emit(c, "..", 2, parent->inode->number, TYPE_DIR, FIRST_POSITION);
		dentry_put(parent);
		if (!room)
			return 1;
		c->pos = FIRST_POSITION;
	}
	return 0;
}

static int dir_read(struct file *f, struct dir_context *c)
{
	struct listing *l = f->private_data;
	struct entry *e;
	size_t place;
	uint64_t next;
	int r;

	if (!l || c->pos == 0) {
		listing_free(l);
		f->private_data = NULL;
		r = make_listing(overlay_of(f->inode), overlay_node_of(f->inode), &l);
		if (r)
			return r;
		f->private_data = l;
	}
	if (c->pos < FIRST_POSITION && emit_dots(f, c))
		return 0;
	/* A position that is not the start of an entry comes from seeking at will: the entry that starts next is taken. */
	for (place = 0; place < l->used; place += e->size) {
		e = entry_at(l, place);
		if (place / 8 + FIRST_POSITION >= c->pos)
			break;
		/* Going on where the last call stopped is the rule: skip in one step. */
		if (c->pos - FIRST_POSITION < l->used / 8 && l->context.pos == c->pos &&
		    l->seen == SIZE_MAX) {
			place = (size_t)(c->pos - FIRST_POSITION) * 8;
			break;
		}
	}
	while (place < l->used) {
		e = entry_at(l, place);
		next = (place + e->size) / 8 + FIRST_POSITION;
		if (!e->hidden && !c->emit(c, e->name, e->len, e->number, e->type, next))
			break;
		place += e->size;
		c->pos = next;
	}
	/* Remembered: this position is the start of an entry. */
	l->context.pos = c->pos;
	l->seen = SIZE_MAX;
	file_accessed(f);
	return 0;
}

static int dir_fsync(struct file *f, bool data_only)
{
	(void)f;
	(void)data_only;
	return 0;
}

static void dir_release(struct file *f)
{
	listing_free(f->private_data);
}

const struct file_ops overlay_dir_ops = {
	.seek = generic_seek,
	.readdir = dir_read,
	.fsync = dir_fsync,
	.release = dir_release,
};

/* --- for removal ------------------------------------------------------------------------------------------------------------- */

int overlay_check_empty(struct overlay_node *n)
{
	struct listing *l;
	struct entry *e;
	size_t place;
	int r = make_listing(overlay_of(n->inode), n, &l);

	if (r)
		return r;
	for (place = 0; place < l->used && !r; place += e->size) {
		e = entry_at(l, place);
		if (!e->hidden)
			r = -ENOTEMPTY;
	}
	listing_free(l);
	return r;
}

/* Takes the whiteouts out of an upper folder in which nothing else is left. */
int overlay_clear_whiteouts(struct inode *dir)
{
	struct listing *l = kzalloc(sizeof(*l));
	struct entry *e;
	struct inode *i;
	size_t place;
	int r;

	if (!l)
		return -ENOMEM;
	r = read_layer(l, dir);
	for (place = 0; place < l->used && !r; place += e->size) {
		e = entry_at(l, place);
		mutex_lock(&dir->lock);
		r = dir->ops->lookup(dir, e->name, e->len, &i);
		if (!r) {
			r = is_whiteout(i) ? dir->ops->unlink(dir, e->name, e->len, i) : -ENOTEMPTY;
			inode_put(i);
		} else if (r == -ENOENT) {
			r = 0;
		}
		mutex_unlock(&dir->lock);
	}
	listing_free(l);
	return r;
}
