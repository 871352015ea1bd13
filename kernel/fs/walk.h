/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the VFS: the path walk in steps (open with O_CREAT and the calls that change names stop before the last
 * component), the dentry cache's interface to it, and the operations on names that the system calls share.
 */
#pragma once

#include <linux/errno.h>

#include "kernel/fs/vfs.h"

#define NAME_LEN_MAX 255
#define LINKS_MAX 40

enum last_type {
	LAST_NORMAL,
	LAST_DOT,
	LAST_DOTDOT,
	LAST_NONE /* the path itself: "/" or empty */
};

struct walk {
	struct path path; /* so far; counted */
	struct path root; /* counted once it was needed; else dentry is NULL */
	const char *name; /* what is left */
	char *link; /* target of a link that `name` points into, or NULL: the caller's string */
	const char *last; /* set by walk_parent */
	unsigned int last_len;
	uint32_t last_hash;
	enum last_type last_type;
	bool trailing;	    /* slashes after the last component: it must be a directory */
	unsigned int flags; /* LOOKUP_* */
	unsigned int links, depth;
	struct {
		char *link;
		const char *rest;
	} saved[LINKS_MAX];
};

/* A path string of the application: short ones stay on the stack. */
struct path_string {
	char *name;
	char *allocated;
	char short_name[240];
};
must_check int path_string_copy(struct path_string *s, struct uptr from);
void path_string_done(struct path_string *s);

#define WALK_LINK 1 /* walk_last went into a symbolic link: walk_parent again */

must_check int walk_start(struct walk *w, int dirfd, const char *name, unsigned int flags);
must_check int walk_start_at(struct walk *w, const struct path *at, const char *name,
			     unsigned int flags);
/* Up to the last component: w->path is its directory. Checked: a directory that may be searched, unless LAST_NONE. */
must_check int walk_parent(struct walk *w);
/* Steps into the last component: 0 (w->path is it), WALK_LINK, or error. follow: links, too. */
must_check int walk_last(struct walk *w, bool follow);
/* walk_parent and walk_last until the end. */
must_check int walk_all(struct walk *w);
void walk_done(struct walk *w);

/* Cache, or the file system: counted, maybe negative; or ERR_PTR. */
struct dentry *dentry_lookup(struct dentry *parent, const char *name, unsigned int len,
			     uint32_t hash);
struct dentry *dentry_lookup_locked(struct dentry *parent, const char *name, unsigned int len,
				    uint32_t hash); /* dir->lock held */
uint32_t dentry_hash(const struct dentry *parent, const char *name, unsigned int len);
struct dentry *dentry_new_root(struct filesystem *fs, struct inode *inode);
void dentry_instantiate(
	struct dentry *d,
	struct inode *inode);	    /* negative becomes positive; takes over the reference */
void dentry_drop(struct dentry *d); /* out of the cache: deleted */
void dentry_drop_children(struct dentry *d); /* unused ones: of a directory that was removed */
/* Renames in the cache; both directories are locked. name_copy: kmalloc'd if len does not fit inline; taken over. */
void dentry_move(struct dentry *d, struct dentry *new_parent, const char *name, unsigned int len,
		 char *name_copy);
void dentry_exchange(struct dentry *a, struct dentry *b);
struct dentry *dentry_parent(struct dentry *d);				/* counted */
bool dentry_is_below(struct dentry *d, struct dentry *ancestor);	/* or the same */
bool dentry_is_below_locked(struct dentry *d, struct dentry *ancestor); /* dentry_tree_lock held */
void dentry_prune_fs(struct filesystem *fs); /* all unused ones of a file system */
void dentry_init(void);
void file_init(void);
extern struct mutex dentry_tree_lock; /* parent pointers and names of all dentries */
extern struct mutex rename_lock;      /* directory renames */

void mount_get(struct mount *m);
void mount_put(struct mount *m);
extern struct mutex mount_lock;	      /* tree of mounts */
bool mount_step_down(struct path *p); /* onto what is mounted at p, once */
bool mount_step_up(struct path *p);   /* from a mount's root to where it is mounted */
bool dentry_is_mounted(const struct dentry *d);
must_check int mount_bind(const struct path *from, const struct path *at, unsigned long flags);
must_check int mount_remount(const struct path *at, unsigned long flags);
must_check int mount_move(const struct path *from, const struct path *at);
must_check int mount_remove(const struct path *at, bool lazy);
void mounts_sync(void);

extern struct filesystem *anonymous_fs;

/* --- operations on names ------------------------------------------------------------------------------------------ */

/* Creation: how a call names and makes the new thing. Returns with *ret (may be NULL) counted. */
struct name_create {
	uint32_t mode; /* S_IFMT and permissions, umask not yet applied */
	uint64_t rdev;
	const char *target;    /* S_IFLNK */
	struct inode *link_to; /* hard link: counted by the caller */
	const struct path *link_path;
};
must_check int name_create(int dirfd, const char *name, const struct name_create *c,
			   struct path *ret);
/* Makes a regular file for open: w is before its last component and dir is locked; d negative. */
must_check int name_create_open(struct walk *w, struct dentry *d, uint32_t mode);
must_check int name_remove(int dirfd, const char *name, bool directory);
must_check int name_rename(int old_dirfd, const char *old, int new_dirfd, const char *new,
			   unsigned int flags);
must_check int may_create(struct inode *dir, struct dentry *parent);
uint32_t current_umask(void);

/* Checks and does chmod, chown, truncate, utimes on an inode; mount's read-only state was checked. */
must_check int inode_change(struct inode *i, const struct attributes *a, bool times_are_now,
			    bool trusted);
must_check int inode_truncate(struct inode *i, uint64_t size); /* size limits, seals, setattr */
void inode_drop_privileges(
	struct inode *i); /* set-id bits, when written by somebody without CAP_FSETID */
must_check int open_walk(struct walk *w, int flags, uint32_t mode, struct file **ret);
void notify_path(const struct path *p, uint32_t mask);	     /* on the inode and in its directory */
void notify_path_child(const struct path *p, uint32_t mask); /* only in its directory */
