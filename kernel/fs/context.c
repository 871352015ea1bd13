/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task's directory state (working directory, root, umask), shared by CLONE_FS, and the way back from a path to its
 * name. The context's lock guards its fields and is held only to copy them. Names and parents are read under
 * dentry_tree_lock, mount points under mount_lock (in this order).
 */
#include <linux/mount.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

struct fs_context *fs_context_new(const struct path *root)
{
	struct fs_context *c = kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	ref_init(&c->refs);
	c->root = *root;
	c->cwd = *root;
	path_get(&c->root);
	path_get(&c->cwd);
	c->umask = 022;
	return c;
}

struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_context *c = kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	ref_init(&c->refs);
	mutex_lock(&from->lock);
	c->root = from->root;
	c->cwd = from->cwd;
	path_get(&c->root);
	path_get(&c->cwd);
	c->umask = from->umask;
	mutex_unlock(&from->lock);
	return c;
}

void fs_context_put(struct fs_context *c)
{
	if (!c || !ref_put(&c->refs))
		return;
	path_put(&c->root);
	path_put(&c->cwd);
	kfree(c);
}

uint32_t current_umask(void)
{
	struct fs_context *fs = current()->fs;

	return fs ? __atomic_load_n(&fs->umask, __ATOMIC_RELAXED) : 022;
}

static bool put_in_front(char *buf, size_t *at, const char *text, size_t len)
{
	if (*at < len)
		return false;
	*at -= len;
	memcpy(buf + *at, text, len);
	return true;
}

/* An anonymous object: "pipe" is shown as "pipe:[number]", what has a colon or slash as it is. */
static char *anonymous_name(const struct dentry *d, char *buf, size_t size)
{
	char digits[24];
	size_t at = size, n = sizeof(digits);
	uint64_t number = d->inode->number;
	bool whole = strchr(d->name, ':') || strchr(d->name, '/');

	if (!put_in_front(buf, &at, "", 1))
		return ERR_PTR(-ENAMETOOLONG);
	if (!whole) {
		do
			digits[--n] = (char)('0' + number % 10);
		while (number /= 10);
		if (!put_in_front(buf, &at, "]", 1) ||
		    !put_in_front(buf, &at, digits + n, sizeof(digits) - n) ||
		    !put_in_front(buf, &at, ":[", 2))
			return ERR_PTR(-ENAMETOOLONG);
	}
	if (!put_in_front(buf, &at, d->name, d->len))
		return ERR_PTR(-ENAMETOOLONG);
	return buf + at;
}

static char *build_name(const struct path *p, const struct path *root, char *buf, size_t size)
{
	const struct dentry *d = p->dentry;
	const struct mount *m = p->mount;
	size_t at = size;
	bool reached = true, any = false;

	if (!put_in_front(buf, &at, "", 1))
		return ERR_PTR(-ENAMETOOLONG);
	if (d->unhashed && !put_in_front(buf, &at, " (deleted)", 10))
		return ERR_PTR(-ENAMETOOLONG);
	while (!(d == root->dentry && m == root->mount)) {
		if (m && d == m->root) {
			if (!m->parent) {
				reached = !m->detached && root->mount == m;
				break;
			}
			d = m->mountpoint;
			m = m->parent;
			continue;
		}
		if (d->parent == d) {
			reached = false;
			break;
		}
		if (!put_in_front(buf, &at, d->name, d->len) || !put_in_front(buf, &at, "/", 1))
			return ERR_PTR(-ENAMETOOLONG);
		any = true;
		d = d->parent;
	}
	if (!any && !put_in_front(buf, &at, "/", 1))
		return ERR_PTR(-ENAMETOOLONG);
	if (!reached && !put_in_front(buf, &at, "(unreachable)", 13))
		return ERR_PTR(-ENAMETOOLONG);
	return buf + at;
}

char *path_name(const struct path *p, char *buf, size_t size)
{
	struct fs_context *fs = current()->fs;
	struct path root = root_path;
	char *name;

	if (p->dentry->anonymous)
		return anonymous_name(p->dentry, buf, size);
	if (fs) {
		mutex_lock(&fs->lock);
		root = fs->root;
		path_get(&root);
		mutex_unlock(&fs->lock);
	} else {
		path_get(&root);
	}
	mutex_lock(&dentry_tree_lock);
	mutex_lock(&mount_lock);
	name = build_name(p, &root, buf, size);
	mutex_unlock(&mount_lock);
	mutex_unlock(&dentry_tree_lock);
	path_put(&root);
	return name;
}
