/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path walk: from a directory through names, links and mounts to a path.
 *
 * The walk is a loop over components. A symbolic link puts its target in front of what is left; the rest waits on a
 * stack of at most LINKS_MAX entries (links count over the whole walk, so user data bounds nothing else). A component
 * at the end of a link's target that has nothing after it needs no stack entry. Mounts are stepped onto when their
 * mount point is reached, and left by `..` at their root. No lock is held between components: only references.
 */
#include "kernel/fs/walk.h"

#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/mount.h>

#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

struct path root_path;

void path_get(struct path *p)
{
	if (p->mount)
		mount_get(p->mount);
	if (p->dentry)
		dentry_get(p->dentry);
}

void path_put(struct path *p)
{
	dentry_put(p->dentry);
	if (p->mount)
		mount_put(p->mount);
	p->dentry = NULL;
	p->mount = NULL;
}

int path_string_copy(struct path_string *s, struct uptr from)
{
	long len = copy_in_string(s->short_name, from, sizeof(s->short_name));

	s->allocated = NULL;
	s->name = s->short_name;
	if (likely(len >= 0))
		return 0;
	if (len != -ENAMETOOLONG)
		return (int)len;
	len = copy_in_path(from, &s->allocated);
	s->name = s->allocated;
	return len < 0 ? (int)len : 0;
}

void path_string_done(struct path_string *s)
{
	if (unlikely(s->allocated))
		kfree(s->allocated);
}

/* --- start and end -------------------------------------------------------------------------------------------------- */

/* The calling task's, by the context's `root` or `cwd`; the root of all for a task that has no context. */
static inline void context_get(struct path *ret, bool root)
{
	struct fs_context *fs = current()->fs;

	if (unlikely(!fs)) {
		*ret = root_path;
		path_get(ret);
		return;
	}
	mutex_lock(&fs->lock);
	*ret = root ? fs->root : fs->cwd;
	path_get(ret);
	mutex_unlock(&fs->lock);
}

static void root_get(struct path *ret)
{
	context_get(ret, true);
}

static void cwd_get(struct path *ret)
{
	context_get(ret, false);
}

static void need_root(struct walk *w)
{
	if (!w->root.dentry)
		root_get(&w->root);
}

static void walk_init(struct walk *w, const char *name, unsigned int flags)
{
	w->path.mount = NULL;
	w->path.dentry = NULL;
	w->root = w->path;
	w->name = name;
	w->link = NULL;
	w->last = NULL;
	w->last_len = 0;
	w->last_type = LAST_NONE;
	w->trailing = false;
	w->flags = flags;
	w->links = w->depth = 0;
}

void walk_done(struct walk *w)
{
	if (w->path.dentry)
		path_put(&w->path);
	if (w->root.dentry)
		path_put(&w->root);
	kfree(w->link);
	while (w->depth)
		kfree(w->saved[--w->depth].link);
}

int walk_start(struct walk *w, int dirfd, const char *name, unsigned int flags)
{
	bool confined = flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT);
	struct file *f;

	walk_init(w, name, flags);
	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (*name == '/' && !confined) {
		root_get(&w->root);
		w->path = w->root;
		path_get(&w->path);
		return 0;
	}
	if (*name == '/' && (flags & LOOKUP_BENEATH))
		return -EXDEV;
	if (dirfd == AT_FDCWD) {
		cwd_get(&w->path);
	} else {
		f = fd_get_path(dirfd);
		if (!f)
			return -EBADF;
		if (*name && !S_ISDIR(f->inode->mode)) {
			file_put(f);
			return -ENOTDIR;
		}
		w->path = f->path;
		path_get(&w->path);
		file_put(f);
	}
	if (confined) {
		w->root = w->path;
		path_get(&w->root);
	}
	return 0;
}

int walk_start_at(struct walk *w, const struct path *at, const char *name, unsigned int flags)
{
	walk_init(w, name, flags);
	if (*name == '/')
		root_get(&w->path);
	else {
		w->path = *at;
		path_get(&w->path);
	}
	return 0;
}

/* --- steps ------------------------------------------------------------------------------------------------------------ */

static int step_down_mounts(struct walk *w)
{
	while (unlikely(__atomic_load_n(&w->path.dentry->mounted, __ATOMIC_ACQUIRE)) &&
	       mount_step_down(&w->path))
		if (w->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
	return 0;
}

static int step_up(struct walk *w)
{
	need_root(w);
	for (;;) {
		struct dentry *d = w->path.dentry;

		if (d == w->root.dentry && w->path.mount == w->root.mount)
			return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
		if (!w->path.mount || d != w->path.mount->root)
			break;
		if (!mount_step_up(&w->path))
			return 0;
		if (w->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
	}
	{
		struct dentry *parent = dentry_parent(w->path.dentry);

		dentry_put(w->path.dentry);
		w->path.dentry = parent;
	}
	return step_down_mounts(w);
}

/* The walk goes on in `target` (kmalloc'd, taken over), then with what was left. w->path is the link's directory. */
static int push_link(struct walk *w, char *target)
{
	const char *rest = w->name;

	while (*rest == '/')
		rest++;
	if (!*rest) {
		kfree(w->link);
	} else {
		if (w->depth == LINKS_MAX) {
			kfree(target);
			return -ELOOP;
		}
		w->saved[w->depth].link = w->link;
		w->saved[w->depth++].rest = rest;
	}
	w->link = target;
	w->name = target;
	if (!*target)
		return -ENOENT;
	if (*target != '/')
		return 0;
	if (w->flags & LOOKUP_BENEATH)
		return -EXDEV;
	need_root(w);
	if ((w->flags & LOOKUP_NO_XDEV) && w->path.mount != w->root.mount)
		return -EXDEV;
	path_put(&w->path);
	w->path = w->root;
	path_get(&w->path);
	return 0;
}

/* w->name is after the link's name; link: its dentry. 0: a magic link was jumped through; WALK_LINK; or error. */
static int follow(struct walk *w, struct dentry *link)
{
	struct inode *i = link->inode;
	char *target;
	int e;

	if (++w->links > LINKS_MAX || (w->flags & LOOKUP_NO_SYMLINKS))
		return -ELOOP;
	if (w->path.mount && (w->path.mount->flags & MS_NOSYMFOLLOW))
		return -ELOOP;
	if (i->ops->follow) {
		struct path to = { NULL, NULL };

		if (w->flags & LOOKUP_NO_MAGICLINKS)
			return -ELOOP;
		if (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))
			return -EXDEV;
		e = i->ops->follow(i, &to);
		if (e)
			return e;
		if ((w->flags & LOOKUP_NO_XDEV) && to.mount != w->path.mount) {
			path_put(&to);
			return -EXDEV;
		}
		path_put(&w->path);
		w->path = to;
		return 0;
	}
	if (!i->ops->readlink)
		return -EINVAL;
	e = i->ops->readlink(i, &target);
	if (e)
		return e;
	if (!(w->path.mount && (w->path.mount->flags & MS_NOATIME)) && !path_read_only(&w->path) &&
	    (i->accessed.seconds < i->modified.seconds || i->accessed.seconds < i->changed.seconds))
		inode_touch(i, ATTR_ATIME);
	e = push_link(w, target);
	return e ? e : WALK_LINK;
}

/* Into the named child of w->path. w->name is already after it. */
static int step(struct walk *w, const char *name, unsigned int len, uint32_t hash, bool follow_link)
{
	struct dentry *d = dentry_lookup(w->path.dentry, name, len, hash);
	struct inode *i;
	int e;

	if (IS_ERR(d))
		return PTR_ERR(d);
	i = __atomic_load_n(&d->inode, __ATOMIC_ACQUIRE);
	if (unlikely(!i)) {
		dentry_put(d);
		return -ENOENT;
	}
	if (unlikely(S_ISLNK(i->mode)) && follow_link) {
		e = follow(w, d);
		dentry_put(d);
		return e;
	}
	dentry_put(w->path.dentry);
	w->path.dentry = d;
	return step_down_mounts(w);
}

static int check_directory(struct walk *w)
{
	struct inode *i = w->path.dentry->inode;

	if (unlikely(!S_ISDIR(i->mode) || !i->ops || !i->ops->lookup))
		return -ENOTDIR;
	return inode_permission(i, MAY_EXEC);
}

int walk_parent(struct walk *w)
{
	for (;;) {
		const char *name = w->name, *end;
		enum last_type type = LAST_NORMAL;
		unsigned int len;
		uint32_t hash;
		int e;

		if (*name == '/') {
			/* After a component (a magic link's end, too) slashes ask for a directory; check_directory
			 * does it when something follows. */
			while (*name == '/')
				name++;
			if (!*name && !w->depth) {
				w->name = name;
				w->trailing = true;
			}
		}
		if (!*name) {
			if (!w->depth) {
				w->last_type = LAST_NONE;
				return 0;
			}
			kfree(w->link);
			w->depth--;
			w->link = w->saved[w->depth].link;
			w->name = w->saved[w->depth].rest;
			continue;
		}
		e = check_directory(w);
		if (unlikely(e))
			return e;
		for (end = name; *end && *end != '/'; end++)
			;
		if (unlikely(end - name > NAME_LEN_MAX))
			return -ENAMETOOLONG;
		len = (unsigned int)(end - name);
		if (unlikely(name[0] == '.')) {
			if (len == 1)
				type = LAST_DOT;
			else if (len == 2 && name[1] == '.')
				type = LAST_DOTDOT;
		}
		hash = type == LAST_NORMAL ? dentry_hash(w->path.dentry, name, len) : 0;
		w->name = end;
		while (*end == '/')
			end++;
		if (!*end && !w->depth) {
			w->last = name;
			w->last_len = len;
			w->last_hash = hash;
			w->last_type = type;
			w->trailing |= end != w->name;
			return 0;
		}
		w->name = end;
		if (type == LAST_DOT)
			continue;
		e = type == LAST_DOTDOT ? step_up(w) : step(w, name, len, hash, true);
		if (unlikely(e < 0))
			return e;
	}
}

int walk_last(struct walk *w, bool follow_link)
{
	int e = 0;

	switch (w->last_type) {
	case LAST_NORMAL:
		e = step(w, w->last, w->last_len, w->last_hash, follow_link || w->trailing);
		break;
	case LAST_DOTDOT:
		e = step_up(w);
		break;
	default:
		break;
	}
	if (e || !w->trailing)
		return e;
	return S_ISDIR(w->path.dentry->inode->mode) ? 0 : -ENOTDIR;
}

int walk_all(struct walk *w)
{
	int e;

	do {
		e = walk_parent(w);
		if (!e)
			e = walk_last(w, w->flags & LOOKUP_FOLLOW);
	} while (e == WALK_LINK);
	if (!e && (w->flags & LOOKUP_DIRECTORY) && !S_ISDIR(w->path.dentry->inode->mode))
		e = -ENOTDIR;
	return e;
}

static int lookup_rest(struct walk *w, struct path *ret)
{
	int e = w->flags & LOOKUP_PARENT ? walk_parent(w) : walk_all(w);

	if (!e) {
		*ret = w->path;
		w->path.dentry = NULL;
	}
	return e;
}

int path_lookup(int dirfd, const char *name, unsigned int flags, struct path *ret)
{
	struct walk w;
	int e = walk_start(&w, dirfd, name, flags);

	if (!e)
		e = lookup_rest(&w, ret);
	walk_done(&w);
	return e;
}

int path_lookup_from(const struct path *start, const char *name, unsigned int flags,
		     struct path *ret)
{
	struct walk w;
	int e = walk_start_at(&w, start, name, flags);

	if (!e)
		e = lookup_rest(&w, ret);
	walk_done(&w);
	return e;
}

int path_lookup_user(int dirfd, struct uptr name, unsigned int flags, struct path *ret)
{
	struct path_string s;
	int e = path_string_copy(&s, name);

	if (!e)
		e = path_lookup(dirfd, s.name, flags, ret);
	path_string_done(&s);
	return e;
}
