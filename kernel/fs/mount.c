/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems and where they are mounted.
 *
 * A mount shows the tree below `root` of a file system at a mount point of its parent. Mounts in use by paths are
 * counted; the tree itself holds one reference, and a mount one of its parent. A dentry heads the chain of mounts made
 * on it (through whichever mount of its file system); the one whose parent is the walker's mount is stepped onto.
 * When a file system's last mount goes, its names are pruned, `detach` lets it drop what it keeps alive itself, and
 * `unmount` is called when the last inode is gone.
 *
 * mount_lock guards the list, the chains, and parent/mountpoint. Order: dentry_tree_lock -> mount_lock. It is never held
 * over a call into a file system.
 */
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

/* What a remount may change, and what a bind mount takes over. */
#define MOUNT_FLAGS                                                                   \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_NOATIME | \
	 MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | MS_NOSYMFOLLOW)
#define MOUNTS_MAX 10000

struct mutex mount_lock;
struct filesystem *anonymous_fs;

static struct list mounts = LIST_INIT(mounts);
static unsigned int mount_count;
static int last_mount_id;
static struct fs_type *types;
static uint64_t last_dev;

static const struct fs_type anonymous_type = { .name = "anon_inodefs" };
static const struct filesystem_ops anonymous_ops = { .statfs = NULL };

/* --- file systems --------------------------------------------------------------------------------------------------- */

void fs_register(struct fs_type *type)
{
	mutex_lock(&mount_lock);
	type->next = types;
	types = type;
	mutex_unlock(&mount_lock);
}

static struct fs_type *find_type(const char *name)
{
	struct fs_type *t;

	mutex_lock(&mount_lock);
	for (t = types; t && !str_eq(t->name, name); t = t->next)
		;
	mutex_unlock(&mount_lock);
	return t;
}

struct filesystem *filesystem_new(const struct fs_type *type, const struct filesystem_ops *ops)
{
	struct filesystem *fs = kzalloc(sizeof(*fs));
	uint64_t n;

	if (!fs)
		return NULL;
	ref_init(&fs->refs);
	fs->type = type;
	fs->ops = ops;
	n = __atomic_add_fetch(&last_dev, 1, __ATOMIC_RELAXED);
	fs->dev = (n & 0xff) | (n & ~0xffULL) << 12; /* major 0 */
	return fs;
}

void filesystem_put(struct filesystem *fs)
{
	if (!fs || !ref_put(&fs->refs))
		return;
	if (fs->ops && fs->ops->unmount)
		fs->ops->unmount(fs);
	kfree(fs);
}

static void filesystem_deactivate(struct filesystem *fs)
{
	struct inode *root_inode = fs->root_inode;

	if (__atomic_sub_fetch(&fs->active, 1, __ATOMIC_ACQ_REL))
		return;
	dentry_prune_fs(fs);
	if (fs->ops && fs->ops->sync)
		(void)!fs->ops->sync(fs);
	if (fs->ops && fs->ops->detach)
		fs->ops->detach(fs);
	dentry_put(fs->root);
	fs->root = NULL;
	fs->root_inode = NULL;
	inode_put(root_inode);
}

void vfs_init(void)
{
	inode_init();
	dentry_init();
	file_init();
	anonymous_fs = filesystem_new(&anonymous_type, &anonymous_ops);
	if (!anonymous_fs)
		panic("no memory for the anonymous file system");
}

/* --- the tree of mounts ------------------------------------------------------------------------------------------------ */

void mount_get(struct mount *m)
{
	ref_get(&m->refs);
}

void mount_put(struct mount *m)
{
	while (m && ref_put(&m->refs)) {
		struct mount *parent = m->parent;
		struct dentry *mountpoint = m->mountpoint;
		struct filesystem *fs = m->fs;

		dentry_put(m->root);
		filesystem_deactivate(fs);
		filesystem_put(fs);
		kfree(m);
		dentry_put(mountpoint);
		m = parent;
	}
}

/* A mount of fs at nowhere; takes references of its own. */
static struct mount *mount_new(struct filesystem *fs, struct dentry *root, unsigned long flags)
{
	struct mount *m = kzalloc(sizeof(*m));

	if (!m)
		return NULL;
	ref_init(&m->refs);
	ref_get(&fs->refs);
	__atomic_add_fetch(&fs->active, 1, __ATOMIC_RELAXED);
	m->fs = fs;
	m->root = dentry_get(root);
	m->flags = flags & MOUNT_FLAGS;
	if (!(m->flags & (MS_NOATIME | MS_STRICTATIME)))
		m->flags |= MS_RELATIME;
	list_init(&m->link);
	return m;
}

/* A mount on exactly this place, or NULL; mount_lock held. */
static struct mount *mount_at(const struct mount *parent, const struct dentry *d)
{
	struct mount *m;

	for (m = d->mounted; m && m->parent != parent; m = m->next_at)
		;
	return m;
}

bool mount_step_down(struct path *p)
{
	struct mount *m;
	struct path old = *p;

	mutex_lock(&mount_lock);
	m = mount_at(p->mount, p->dentry);
	if (m) {
		mount_get(m);
		p->mount = m;
		p->dentry = dentry_get(m->root);
	}
	mutex_unlock(&mount_lock);
	if (!m)
		return false;
	path_put(&old);
	return true;
}

bool mount_step_up(struct path *p)
{
	struct path old = *p;
	struct mount *parent;

	mutex_lock(&mount_lock);
	parent = p->mount->parent;
	if (parent) {
		mount_get(parent);
		p->dentry = dentry_get(p->mount->mountpoint);
		p->mount = parent;
	}
	mutex_unlock(&mount_lock);
	if (!parent)
		return false;
	path_put(&old);
	return true;
}

bool dentry_is_mounted(const struct dentry *d)
{
	return __atomic_load_n(&d->mounted, __ATOMIC_RELAXED) != NULL;
}

/* mount_lock held. Takes over the caller's reference of m. */
static void attach_locked(struct mount *m, struct mount *parent, struct dentry *at)
{
	m->id = ++last_mount_id;
	m->detached = false;
	if (parent) {
		mount_get(parent);
		m->parent = parent;
		m->mountpoint = dentry_get(at);
		m->next_at = at->mounted;
		__atomic_store_n(&at->mounted, m, __ATOMIC_RELEASE);
	}
	list_add_tail(&mounts, &m->link);
	mount_count++;
}

/* mount_lock held. The tree's reference, and with parent and mountpoint theirs, become the caller's. */
static void detach_locked(struct mount *m, struct mount **ret_parent, struct dentry **ret_point)
{
	struct mount **at;

	for (at = &m->mountpoint->mounted; *at != m; at = &(*at)->next_at)
		;
	*at = m->next_at;
	list_remove(&m->link);
	mount_count--;
	*ret_parent = m->parent;
	*ret_point = m->mountpoint;
	m->parent = NULL;
	m->mountpoint = NULL;
	m->next_at = NULL;
	m->detached = true;
}

static int attach(struct mount *m, const struct path *at)
{
	struct mount *top, *parent = at->mount;
	struct dentry *d = at->dentry;
	int e = 0;

	mutex_lock(&mount_lock);
	/* Somebody may have mounted there since the caller looked. */
	while ((top = mount_at(parent, d)) != NULL) {
		parent = top;
		d = top->root;
	}
	if (!parent || parent->detached || d->dead)
		e = -EINVAL;
	else if (mount_count >= MOUNTS_MAX)
		e = -ENOSPC;
	else
		attach_locked(m, parent, d);
	mutex_unlock(&mount_lock);
	return e;
}

/* Takes over the caller's reference of fs. */
static int mount_fs(struct filesystem *fs, unsigned long flags, struct mount **ret)
{
	struct mount *m;
	int e = 0;

	mutex_lock(&mount_lock);
	if (!fs->root) {
		fs->root = dentry_new_root(fs, fs->root_inode);
		if (!fs->root)
			e = -ENOMEM;
	}
	mutex_unlock(&mount_lock);
	m = e ? NULL : mount_new(fs, fs->root, flags);
	if (!m) {
		/* Never mounted: nobody else lets the root go. */
		if (!fs->active) {
			fs->active = 1;
			filesystem_deactivate(fs);
		}
		e = -ENOMEM;
	}
	filesystem_put(fs);
	if (!e)
		*ret = m;
	return e;
}

int filesystem_make(const char *type_name, const char *source, const char *options,
		    struct filesystem **ret)
{
	struct fs_type *type = find_type(type_name);
	struct filesystem *fs;
	int e;

	if (!type)
		return -ENODEV;
	e = type->mount(source, options ? options : "", &fs);
	if (e)
		return e;
	if (!fs->source[0])
		str_copy(fs->source, source && *source ? source : "none", sizeof(fs->source));
	*ret = fs;
	return 0;
}

int vfs_mount_root(struct filesystem *fs)
{
	struct mount *m;
	int e = mount_fs(fs, 0, &m);

	if (e)
		return e;
	mutex_lock(&mount_lock);
	attach_locked(m, NULL, NULL);
	mutex_unlock(&mount_lock);
	root_path.mount = m;
	root_path.dentry = m->root;
	path_get(&root_path);
	return 0;
}

int vfs_mount(const char *type_name, const char *source, const char *options, unsigned long flags,
	      const struct path *at)
{
	struct filesystem *fs;
	struct mount *m;
	bool dir;
	int e = filesystem_make(type_name, source, options, &fs);

	if (e)
		return e;
	dir = S_ISDIR(fs->root_inode->mode);
	e = mount_fs(fs, flags, &m);
	if (e)
		return e;
	if (dir != S_ISDIR(at->dentry->inode->mode))
		e = -ENOTDIR;
	else
		e = attach(m, at);
	if (e)
		mount_put(m);
	return e;
}

/* Copies the mounts below `from` under the copy `top`; both locks held. */
static int copy_below(const struct path *from, struct mount *top)
{
	struct mount *m;
	int last = last_mount_id, e = 0;

	list_for_each(m, &mounts, link)
		m->copy = NULL;
	from->mount->copy = top;
	list_for_each(m, &mounts, link) {
		struct mount *copy;

		if (m->id > last || m == from->mount || !m->parent || !m->parent->copy)
			continue;
		if (m->parent == from->mount &&
		    !dentry_is_below_locked(m->mountpoint, from->dentry))
			continue;
		if (mount_count >= MOUNTS_MAX) {
			e = -ENOSPC;
			break;
		}
		copy = mount_new(m->fs, m->root, m->flags);
		if (!copy) {
			e = -ENOMEM;
			break;
		}
		m->copy = copy;
		attach_locked(copy, m->parent->copy, m->mountpoint);
	}
	list_for_each(m, &mounts, link)
		m->copy = NULL;
	return e;
}

int mount_bind(const struct path *from, const struct path *at, unsigned long flags)
{
	struct mount *m;
	int e;

	if (!from->mount || from->mount->detached || from->dentry->anonymous)
		return -EINVAL;
	if (S_ISDIR(from->dentry->inode->mode) != S_ISDIR(at->dentry->inode->mode))
		return -ENOTDIR;
	m = mount_new(from->mount->fs, from->dentry, from->mount->flags);
	if (!m)
		return -ENOMEM;
	e = attach(m, at);
	if (e) {
		mount_put(m);
		return e;
	}
	if (!(flags & MS_REC))
		return 0;
	mutex_lock(&dentry_tree_lock);
	mutex_lock(&mount_lock);
	e = copy_below(from, m);
	mutex_unlock(&mount_lock);
	mutex_unlock(&dentry_tree_lock);
	if (e) {
		struct path top = { m, m->root };

		/* The lazy way takes the copies made so far with it. */
		path_get(&top);
		(void)!mount_remove(&top, true);
		path_put(&top);
	}
	return e;
}

int mount_remount(const struct path *at, unsigned long flags)
{
	struct mount *m = at->mount;

	if (!m || at->dentry != m->root)
		return -EINVAL;
	mutex_lock(&mount_lock);
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		flags |= MS_RELATIME;
	m->flags = flags & MOUNT_FLAGS;
	mutex_unlock(&mount_lock);
	return 0;
}

int mount_move(const struct path *from, const struct path *at)
{
	struct mount *m = from->mount, *up, *old_parent = NULL;
	struct dentry *old_point = NULL;
	int e = 0;

	if (!m || from->dentry != m->root)
		return -EINVAL;
	if (S_ISDIR(from->dentry->inode->mode) != S_ISDIR(at->dentry->inode->mode))
		return -ENOTDIR;
	mutex_lock(&mount_lock);
	for (up = at->mount; up && up != m; up = up->parent)
		;
	if (!m->parent || !at->mount || at->mount->detached || at->dentry->dead)
		e = -EINVAL;
	else if (up)
		e = -ELOOP;
	else if (mount_at(at->mount, at->dentry))
		e = -EBUSY;
	if (!e) {
		detach_locked(m, &old_parent, &old_point);
		attach_locked(m, at->mount, at->dentry);
	}
	mutex_unlock(&mount_lock);
	dentry_put(old_point);
	mount_put(old_parent);
	return e;
}

int mount_remove(const struct path *at, bool lazy)
{
	struct mount *m = at->mount, *c, *parent, *gone = NULL;
	struct dentry *point;
	int e = 0;

	if (!m || at->dentry != m->root)
		return -EINVAL;
	mutex_lock(&mount_lock);
	if (m->detached)
		e = -EINVAL;
	else if (!m->parent)
		e = -EBUSY;
	/* The tree's reference and the caller's. Children hold their parent. */
	else if (!lazy && __atomic_load_n(&m->refs.v, __ATOMIC_RELAXED) > 2)
		e = -EBUSY;
	mutex_unlock(&mount_lock);
	if (e)
		return e;
	/* Deepest first, one at a time: each pass takes off a mount that is at or below m and carries none itself. */
	while (gone != m) {
		mutex_lock(&mount_lock);
		gone = m->detached ? NULL : m;
		for (bool deeper = gone != NULL; deeper;) {
			deeper = false;
			list_for_each(c, &mounts, link) {
				if (c->parent == gone) {
					gone = c;
					deeper = true;
					break;
				}
			}
		}
		if (gone)
			detach_locked(gone, &parent, &point);
		mutex_unlock(&mount_lock);
		if (!gone)
			return 0;
		dentry_put(point);
		mount_put(parent);
		if (gone != m)
			mount_put(gone);
	}
	mount_put(m);
	return 0;
}

/* The list is in the order of ids: counted, or NULL. */
static struct mount *next_mount(int after)
{
	struct mount *m, *found = NULL;

	mutex_lock(&mount_lock);
	list_for_each(m, &mounts, link) {
		if (m->id > after) {
			mount_get(m);
			found = m;
			break;
		}
	}
	mutex_unlock(&mount_lock);
	return found;
}

int mounts_for_each(int (*fn)(struct mount *m, void *arg), void *arg)
{
	int after = 0, e = 0;

	while (!e) {
		struct mount *m = next_mount(after);

		if (!m)
			break;
		after = m->id;
		e = fn(m, arg);
		mount_put(m);
	}
	return e;
}

/* sync(2): every file system, by way of its mounts; errors have nowhere to go. */
void mounts_sync(void)
{
	struct mount *m;

	for (int after = 0; (m = next_mount(after)) != NULL; mount_put(m)) {
		after = m->id;
		if (m->fs->ops && m->fs->ops->sync)
			(void)!m->fs->ops->sync(m->fs);
	}
}
