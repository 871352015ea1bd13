/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configfs with the one subsystem programs ask evidence of: tsm/report (Linux 6.7, Documentation/ABI/testing/configfs-tsm). mkdir
 * makes a report, rmdir ends it. Writing inblob (at most 64 bytes, in one write) counts `generation` up; reading outblob makes
 * the evidence if none was made for that generation yet.
 *
 *	/ -> tsm -> report -> NAME -> inblob, outblob, provider, generation
 *
 * A directory's inode has its level in private_value; reports and their attributes have the report in private_data, counted.
 * reports_lock guards the list; report.lock its blobs. Evidence is collected without locks: if inblob is written meanwhile, the
 * evidence is for the older generation and is not kept (-EWOULDBLOCK, as on Linux).
 */
#include <linux/errno.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "kernel/fs/evidence.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/sync.h"
#include "lib/base/string.h"

#ifndef CONFIGFS_MAGIC
#define CONFIGFS_MAGIC 0x62656570 /* Linux, fs/configfs/mount.c */
#endif
#define REPORTS_MAX 1024
#define NAME_LEN_MAX 255

enum level { LEVEL_ROOT, LEVEL_TSM, LEVEL_REPORTS, LEVEL_REPORT };

struct report {
	struct refcount refs;
	struct list link; /* reports_lock */
	struct mutex lock;
	uint64_t number;
	uint64_t written, made; /* generations: of inblob, of the evidence */
	size_t in_size, out_size;
	uint8_t in[EVIDENCE_DATA_SIZE];
	uint8_t *out;
	size_t len;
	char name[];
};

static struct mutex reports_lock;
static struct list reports = { &reports, &reports };
static uint64_t next_number = 16;
static unsigned int report_count;

static const struct inode_ops dir_ops, attribute_ops;
static const struct file_ops dir_file_ops;

static void report_put(struct report *r)
{
	if (!ref_put(&r->refs))
		return;
	kfree(r->out);
	kfree(r);
}

/* --- attributes ------------------------------------------------------------------------------------------------------- */

static int store_inblob(struct inode *inode, char *data, size_t size)
{
	struct report *r = inode->private_data;

	if (size > EVIDENCE_DATA_SIZE)
		return -EFBIG;
	if (!size)
		return -EINVAL;
	mutex_lock(&r->lock);
	memcpy(r->in, data, size);
	memset(r->in + size, 0, sizeof(r->in) - size);
	r->in_size = size;
	r->written++;
	mutex_unlock(&r->lock);
	return 0;
}

static int collect(struct report *r, const uint8_t *data, uint64_t generation)
{
	uint8_t *evidence, *old;
	size_t size;
	int err = evidence_collect(data, &evidence, &size);

	if (err)
		return err;
	mutex_lock(&r->lock);
	if (r->written != generation) {
		mutex_unlock(&r->lock);
		kfree(evidence);
		return -EWOULDBLOCK;
	}
	old = r->out;
	r->out = evidence;
	r->out_size = size;
	r->made = generation;
	mutex_unlock(&r->lock);
	kfree(old);
	return 0;
}

static int show_outblob(struct pseudo_text *t, struct inode *inode)
{
	struct report *r = inode->private_data;
	uint8_t data[EVIDENCE_DATA_SIZE];
	uint64_t generation;
	int err = 0;

	mutex_lock(&r->lock);
	generation = r->written;
	memcpy(data, r->in, sizeof(data));
	if (!r->in_size)
		err = -EINVAL;
	mutex_unlock(&r->lock);
	if (!err && __atomic_load_n(&r->made, __ATOMIC_RELAXED) != generation)
		err = collect(r, data, generation);
	if (err)
		return err;
	mutex_lock(&r->lock);
	if (r->made == r->written)
		text_put(t, r->out, r->out_size);
	else
		err = -EWOULDBLOCK;
	mutex_unlock(&r->lock);
	return err;
}

static int show_provider(struct pseudo_text *t, struct inode *inode)
{
	char name[EVIDENCE_PROVIDER_MAX + 1];
	int err = evidence_provider(name);

	(void)inode;
	if (err)
		return err;
	/* As "sev_guest" and "tdx_guest" are named: nobody may take it for one of those. */
	text_printf(t, "cloister_%s\n", name);
	return 0;
}

static int show_generation(struct pseudo_text *t, struct inode *inode)
{
	struct report *r = inode->private_data;

	text_printf(t, "%lu\n", __atomic_load_n(&r->written, __ATOMIC_RELAXED));
	return 0;
}

static const struct attribute {
	const char *name;
	uint32_t mode;
	pseudo_show *show;
	pseudo_store *store;
} attributes[] = {
	{ "generation", 0444, show_generation, NULL },
	{ "inblob", 0200, NULL, store_inblob },
	{ "outblob", 0400, show_outblob, NULL },
	{ "provider", 0444, show_provider, NULL },
};

/* --- inodes ------------------------------------------------------------------------------------------------------------ */

static struct inode *make_inode(struct filesystem *fs, uint32_t mode, uint64_t number,
				struct report *r)
{
	struct inode *inode = inode_new(fs, mode);

	if (!inode)
		return NULL;
	inode->uid = inode->gid = 0;
	inode->number = number;
	inode->private_data = r;
	if (r)
		ref_get(&r->refs);
	return inode;
}

static struct inode *make_dir(struct filesystem *fs, enum level level, struct report *r)
{
	struct inode *inode =
		make_inode(fs, S_IFDIR | 0755, r ? r->number : 1 + (uint64_t)level, r);

	if (!inode)
		return NULL;
	inode->links = 2;
	inode->private_value = level;
	inode->ops = &dir_ops;
	inode->file_ops = &dir_file_ops;
	return inode;
}

static struct inode *make_attribute(struct filesystem *fs, unsigned int index, struct report *r)
{
	struct inode *inode =
		make_inode(fs, S_IFREG | attributes[index].mode, r->number + 1 + index, r);

	if (!inode)
		return NULL;
	inode->private_value = index;
	inode->ops = &attribute_ops;
	inode->file_ops = &pseudo_text_ops;
	return inode;
}

static bool is_name(const char *name, size_t len, const char *fixed)
{
	return strlen(fixed) == len && !memcmp(name, fixed, len);
}

/* reports_lock held. */
static struct report *find_report(const char *name, size_t len)
{
	struct report *r;

	list_for_each(r, &reports, link)
		if (r->len == len && !memcmp(r->name, name, len))
			return r;
	return NULL;
}

static int lookup_report(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct report *r;

	mutex_lock(&reports_lock);
	r = find_report(name, len);
	if (r)
		ref_get(&r->refs);
	mutex_unlock(&reports_lock);
	if (!r)
		return -ENOENT;
	*ret = make_dir(dir->fs, LEVEL_REPORT, r);
	report_put(r);
	return *ret ? 0 : -ENOMEM;
}

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	switch (dir->private_value) {
	case LEVEL_ROOT:
	case LEVEL_TSM:
		if (!is_name(name, len, dir->private_value == LEVEL_ROOT ? "tsm" : "report"))
			return -ENOENT;
		*ret = make_dir(dir->fs, (enum level)dir->private_value + 1, NULL);
		return *ret ? 0 : -ENOMEM;
	case LEVEL_REPORTS:
		return lookup_report(dir, name, len, ret);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (!is_name(name, len, attributes[i].name))
			continue;
		*ret = make_attribute(dir->fs, i, dir->private_data);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

static int add_report(struct report *r)
{
	int err = 0;

	mutex_lock(&reports_lock);
	if (find_report(r->name, r->len)) {
		err = -EEXIST;
	} else if (report_count >= REPORTS_MAX) {
		err = -ENOSPC;
	} else {
		r->number = next_number;
		next_number += 16; /* its attributes' numbers follow its own */
		list_add_tail(&reports, &r->link);
		report_count++;
	}
	mutex_unlock(&reports_lock);
	return err;
}

static void remove_report(struct report *r)
{
	mutex_lock(&reports_lock);
	list_remove(&r->link);
	report_count--;
	mutex_unlock(&reports_lock);
	report_put(r);
}

static int make_report(struct inode *dir, const char *name, size_t len, uint32_t mode,
		       struct inode **ret)
{
	char provider[EVIDENCE_PROVIDER_MAX + 1];
	struct report *r;
	int err;

	(void)mode;
	if (dir->private_value != LEVEL_REPORTS)
		return -EPERM;
	if (len > NAME_LEN_MAX)
		return -ENAMETOOLONG;
	err = evidence_provider(provider);
	if (err)
		return err;
	r = kzalloc(sizeof(*r) + len + 1);
	if (!r)
		return -ENOMEM;
	ref_init(&r->refs);
	memcpy(r->name, name, len);
	r->len = len;
	err = add_report(r);
	if (err) {
		report_put(r);
		return err;
	}
	*ret = make_dir(dir->fs, LEVEL_REPORT, r);
	if (!*ret) {
		remove_report(r);
		return -ENOMEM;
	}
	dir->links++;
	return 0;
}

static int end_report(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	(void)name;
	(void)len;
	if (target->private_value != LEVEL_REPORT)
		return -EPERM;
	dir->links--;
	target->links = 0;
	remove_report(target->private_data);
	return 0;
}

static const struct inode_ops dir_ops = {
	.lookup = lookup,
	.mkdir = make_report,
	.rmdir = end_report,
};

static int attribute_open(struct inode *inode, struct file *f)
{
	const struct attribute *a = &attributes[inode->private_value];

	return pseudo_open_text(f, a->show, a->store);
}

/* O_TRUNC is accepted: a write replaces all there is. */
static int attribute_setattr(struct inode *inode, const struct attributes *a)
{
	(void)inode;
	return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops attribute_ops = {
	.open = attribute_open,
	.setattr = attribute_setattr,
};

/* --- listing ------------------------------------------------------------------------------------------------------------ */

/* The name at a position: 0 and 1 are the dots. Reports are found by how many come before: one that ends meanwhile may hide another. */
static bool entry_at(struct inode *dir, uint64_t pos, char *ret_name, uint64_t *ret_number,
		     unsigned int *ret_type)
{
	const char *fixed = NULL;
	struct report *r;
	uint64_t i = 0;

	*ret_type = 4; /* DT_DIR */
	*ret_number = 2 + dir->private_value;
	if (dir->private_value == LEVEL_ROOT || dir->private_value == LEVEL_TSM) {
		fixed = pos ? NULL : dir->private_value == LEVEL_ROOT ? "tsm" : "report";
	} else if (dir->private_value == LEVEL_REPORT) {
		fixed = pos < ARRAY_SIZE(attributes) ? attributes[pos].name : NULL;
		*ret_number = dir->number + 1 + pos;
		*ret_type = 8; /* DT_REG */
	} else {
		mutex_lock(&reports_lock);
		list_for_each(r, &reports, link) {
			if (i++ != pos)
				continue;
			memcpy(ret_name, r->name, r->len + 1);
			*ret_number = r->number;
			mutex_unlock(&reports_lock);
			return true;
		}
		mutex_unlock(&reports_lock);
	}
	if (fixed)
		str_copy(ret_name, fixed, NAME_LEN_MAX + 1);
	return fixed;
}

static int dir_readdir(struct file *f, struct dir_context *c)
{
	struct dentry *d = f->path.dentry;
	char name[NAME_LEN_MAX + 1];
	uint64_t number;
	unsigned int type;

	for (;; c->pos++) {
		if (c->pos < 2) {
			str_copy(name, c->pos ? ".." : ".", sizeof(name));
			number = c->pos && d && d->parent->inode ? d->parent->inode->number
								 : f->inode->number;
			type = 4;
		} else if (!entry_at(f->inode, c->pos - 2, name, &number, &type)) {
			return 0;
		}
		if (!c->emit(c, name, strlen(name), number, type, c->pos + 1))
			return 0;
	}
}

static const struct file_ops dir_file_ops = {
	.readdir = dir_readdir,
};

/* --- the file system ---------------------------------------------------------------------------------------------------- */

static void evict(struct inode *inode)
{
	if (inode->private_data)
		report_put(inode->private_data);
}

static const struct filesystem_ops configfs_ops = { .statfs = pseudo_simple_statfs,
						    .evict = evict };
static struct fs_type configfs_type;

static int configfs_mount(const char *source, const char *options, struct filesystem **ret)
{
	struct filesystem *fs = filesystem_new(&configfs_type, &configfs_ops);

	(void)options;
	if (!fs)
		return -ENOMEM;
	fs->magic = CONFIGFS_MAGIC;
	str_copy(fs->source, source ? source : "configfs", sizeof(fs->source));
	fs->root_inode = make_dir(fs, LEVEL_ROOT, NULL);
	if (!fs->root_inode) {
		filesystem_put(fs);
		return -ENOMEM;
	}
	*ret = fs;
	return 0;
}

static struct fs_type configfs_type = { .name = "configfs", .mount = configfs_mount };

void configfs_init(void)
{
	fs_register(&configfs_type);
}
