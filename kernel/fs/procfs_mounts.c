/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/mounts, mountinfo and mountstats: the mounts below the reader's root, in Linux's formats. Each mount is counted
 * while it is shown; dentry_tree_lock is taken only to spell out where a bind mount's root lies in its file system.
 */
#include <linux/errno.h>
#include <linux/mount.h>

#include "kernel/fs/procfs_internal.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

#define PATH_SIZE 4096

enum mounts_format { MOUNTS, MOUNTINFO, MOUNTSTATS };

struct mounts_arg {
	struct pseudo_text *t;
	enum mounts_format format;
	char *buffer;
};

static void show_mount_flags(struct pseudo_text *t, unsigned long flags, bool read_only)
{
	static const struct {
		unsigned long flag;
		const char *text;
	} names[] = {
		{ MS_NOSUID, ",nosuid" },	    { MS_NODEV, ",nodev" },
		{ MS_NOEXEC, ",noexec" },	    { MS_NOATIME, ",noatime" },
		{ MS_NODIRATIME, ",nodiratime" },   { MS_RELATIME, ",relatime" },
		{ MS_NOSYMFOLLOW, ",nosymfollow" },
	};

	text_string(t, read_only || (flags & MS_RDONLY) ? "ro" : "rw");
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			text_string(t, names[i].text);
}

/* The place in its file system that a mount shows: "/" unless it is a bind mount of something below. */
static const char *mount_root(struct mount *m, char *buffer)
{
	char *at = buffer + PATH_SIZE - 1;
	struct dentry *d;

	*at = 0;
	mutex_lock(&dentry_tree_lock);
	for (d = m->root; d->parent != d && (size_t)(at - buffer) > d->len + 1; d = d->parent) {
		at -= d->len;
		memcpy(at, d->name, d->len);
		*--at = '/';
	}
	mutex_unlock(&dentry_tree_lock);
	return *at ? at : "/";
}

static const char *const special = " \t\n\\";

static int show_mount(struct mount *m, void *arg)
{
	struct mounts_arg *a = arg;
	struct pseudo_text *t = a->t;
	struct path path = { m, m->root };
	const char *name = path_name(&path, a->buffer, PATH_SIZE);
	uint64_t dev = m->fs->dev;
	const char *source = m->fs->source[0] ? m->fs->source : "none";

	if (IS_ERR(name) || name[0] != '/')
		return 0; /* outside of the caller's root */
	if (a->format == MOUNTSTATS) {
		text_printf(t, "device %s mounted on ", source);
		text_escaped(t, name, special);
		text_printf(t, " with fstype %s\n", m->fs->type->name);
		return 0;
	}
	if (a->format == MOUNTS) {
		text_escaped(t, source, special);
		text_put(t, " ", 1);
		text_escaped(t, name, special);
		text_printf(t, " %s ", m->fs->type->name);
		show_mount_flags(t, m->flags, m->fs->read_only);
		if (m->fs->options[0])
			text_printf(t, ",%s", m->fs->options);
		text_string(t, " 0 0\n");
		return 0;
	}
	/* the name is at the end of the buffer: write it before the root takes its place */
	struct pseudo_text *place = text_new();

	if (!place) {
		t->failed = true;
		return -ENOMEM;
	}
	text_escaped(place, name, special);
	text_printf(t, "%d %d %u:%u ", m->id, m->parent ? m->parent->id : 0,
		    (unsigned int)(dev >> 8 & 0xfff),
		    (unsigned int)((dev & 0xff) | (dev >> 12 & 0xfff00)));
	text_escaped(t, mount_root(m, a->buffer), special);
	text_put(t, " ", 1);
	text_put(t, place->data, place->len);
	text_put(t, " ", 1);
	text_unref(place);
	show_mount_flags(t, m->flags, false);
	text_printf(t, " - %s ", m->fs->type->name);
	text_escaped(t, source, special);
	text_printf(t, " %s", m->fs->read_only ? "ro" : "rw");
	if (m->fs->options[0])
		text_printf(t, ",%s", m->fs->options);
	text_put(t, "\n", 1);
	return 0;
}

static int show_mounts(struct pseudo_text *t, enum mounts_format format)
{
	struct mounts_arg a = { t, format, kmalloc(PATH_SIZE) };
	int error;

	if (!a.buffer)
		return -ENOMEM;
	error = mounts_for_each(show_mount, &a);
	kfree(a.buffer);
	return error;
}

int proc_show_mounts(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	return show_mounts(t, MOUNTS);
}

int proc_show_mountinfo(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	return show_mounts(t, MOUNTINFO);
}

int proc_show_mountstats(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	return show_mounts(t, MOUNTSTATS);
}
