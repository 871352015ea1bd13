/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual file system: file systems, inodes, directory entries, mounts, and paths through them.
 *
 * dentry: a name in a directory, cached; a positive one holds its inode, a negative one says "not there". Parents are
 * held by children. Unused dentries stay on an LRU until memory is short (or the file system says not to cache).
 * Locks: rename_lock (enclave, only directory renames) -> inode.lock of directories (parent before child, then by
 * address) -> inode.lock of others -> dentry hash bucket. Lookups in the cache take no inode lock.
 */
#pragma once

#include <linux/stat.h>

#include "kernel/mm/mapping.h"
#include "kernel/task/sync.h"
#include "lib/base/list.h"
#include "lib/base/types.h"

struct cred;
struct dentry;
struct file;
struct filesystem;
struct inode;
struct mount;
struct process;
struct vma;

struct timestamp {
	int64_t seconds;
	uint32_t nanoseconds;
};

struct path {
	struct mount *mount;
	struct dentry *dentry; /* both counted: path_get/path_put */
};

/* --- file systems ------------------------------------------------------------------------------------------------ */

struct fs_type {
	const char *name; /* "tmpfs" */
	/* Makes an instance: root inode in *ret. source and options as in mount(2). */
	int (*mount)(const char *source, const char *options, struct filesystem **ret);
	struct fs_type *next;
};
void fs_register(struct fs_type *type);

struct filesystem {
	struct refcount refs;
	const struct fs_type *type;
	const struct filesystem_ops *ops;
	struct inode *root_inode;
	struct dentry *root;	  /* made by the VFS */
	uint64_t dev;		  /* st_dev, unique in the enclave */
	uint64_t magic;		  /* statfs f_type */
	bool read_only, no_cache; /* no_cache: dentries are looked up anew each time */
	char options[128];	  /* shown in /proc/mounts */
	char source[64];
	void *private_data;
	uint32_t active; /* mounts of it (mount.c); the last one takes the root away */
};

struct statfs_info {
	uint64_t type, block_size, blocks, blocks_free, blocks_available, files, files_free,
		name_max;
};

struct filesystem_ops {
	int (*statfs)(struct filesystem *fs, struct statfs_info *ret);
	int (*sync)(struct filesystem *fs);
	void (*detach)(
		struct filesystem
			*fs); /* the last mount is gone; inodes may still be in use. Optional */
	void (*unmount)(struct filesystem
				*fs); /* last reference (mounts, inodes) gone: free private data */
	void (*evict)(struct inode *inode); /* last reference of an inode gone: free private data */
	bool (*revalidate)(
		struct dentry *d); /* NULL: cached names stay true. false: look up again */
};
struct filesystem *filesystem_new(const struct fs_type *type, const struct filesystem_ops *ops);
void filesystem_put(struct filesystem *fs);
/* Mount by type name on an existing directory; used by mount(2) and at boot. */
must_check int vfs_mount(const char *type, const char *source, const char *options,
			 unsigned long flags, const struct path *at);
/* An instance that is mounted nowhere yet: for vfs_mount_root. -ENODEV: no such type. */
must_check int filesystem_make(const char *type, const char *source, const char *options,
			       struct filesystem **ret);
void vfs_init(void);

/* --- inodes ------------------------------------------------------------------------------------------------------- */

struct inode {
	struct refcount refs;
	struct filesystem *fs;
	const struct inode_ops *ops;
	const struct file_ops *file_ops; /* what open gives */
	struct mutex lock;		 /* directory contents, attributes */
	uint64_t number;		 /* st_ino */
	uint32_t mode;			 /* S_IFMT and permissions */
	uint32_t uid, gid;
	uint32_t links;
	uint64_t rdev;
	uint64_t blocks; /* 512 bytes; 0: from mapping */
	struct timestamp accessed, modified, changed, born;
	struct mapping
		mapping; /* regular files; size is mapping.size. Others: use mapping.size for st_size */
	struct mapping *data; /* page cache in use: &mapping, or another inode's (overlay) */
	struct list xattrs;   /* fs/xattr.c: generic in-memory store */
	struct list locks;    /* fs/lock.c: POSIX, OFD, flock */
	struct list watches;  /* inotify */
	struct wait_queue lock_wait;
	void *fifo;	/* ipc/pipe.c: named pipe */
	void *socket;	/* net/unix.c: bound socket */
	uint32_t seals; /* memfd F_ADD_SEALS */
	bool sealable;
	bool brief; /* its name is not kept when unused: what it stands for goes away by itself */
	bool linkable;	     /* O_TMPFILE without O_EXCL: linkat may name it though links is 0 */
	uint32_t writers;    /* open for writing (ETXTBSY) */
	uint32_t running;    /* being executed, or about to be: it cannot be opened for writing */
	struct list fs_link; /* for the file system's own table */
	void *private_data;
	uint64_t private_value;
};

struct attributes { /* for setattr */
	unsigned int valid;
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timestamp accessed, modified, changed;
};
enum {
	ATTR_MODE = 1,
	ATTR_UID = 2,
	ATTR_GID = 4,
	ATTR_SIZE = 8,
	ATTR_ATIME = 16,
	ATTR_MTIME = 32,
	ATTR_CTIME = 64
};

struct dir_context {
	/* Returns false when the buffer is full (entry not taken). pos: the position that seeks to this entry's successor. */
	bool (*emit)(struct dir_context *c, const char *name, size_t len, uint64_t ino,
		     unsigned int type, uint64_t next_pos);
	uint64_t pos;
};

/*
 * NULL entries: -EPERM / -ENOTDIR / not supported, as fits. Directory operations are called with dir->lock held; a
 * directory that rmdir or rename takes away is locked, too. They keep links, sizes and times of what they change; the VFS
 * has checked permissions, types and existence, and has applied the umask.
 */
struct inode_ops {
	/* *ret: new reference, or -ENOENT. */
	int (*lookup)(struct inode *dir, const char *name, size_t len, struct inode **ret);
	int (*create)(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		      struct inode **ret); /* reg, fifo, sock, dev by S_IFMT */
	int (*mkdir)(struct inode *dir, const char *name, size_t len, uint32_t mode,
		     struct inode **ret);
	int (*symlink)(struct inode *dir, const char *name, size_t len, const char *target,
		       struct inode **ret);
	int (*link)(struct inode *dir, const char *name, size_t len, struct inode *target);
	int (*unlink)(struct inode *dir, const char *name, size_t len, struct inode *target);
	int (*rmdir)(struct inode *dir, const char *name, size_t len, struct inode *target);
	int (*rename)(struct inode *old_dir, const char *old, size_t old_len, struct inode *what,
		      struct inode *new_dir, const char *new, size_t new_len,
		      struct inode *replaced, unsigned int flags); /* RENAME_* */
	int (*tmpfile)(struct inode *dir, uint32_t mode, struct inode **ret);
	/* Target of a symbolic link: kmalloc'd. */
	int (*readlink)(struct inode *inode, char **ret_target);
	/* For links of procfs that lead to an object, not a name: counted path. NULL: use readlink. */
	int (*follow)(struct inode *inode, struct path *ret);
	int (*getattr)(struct inode *inode, struct statx *ret); /* NULL: generic from the fields */
	int (*setattr)(struct inode *inode,
		       const struct attributes *a); /* inode->lock held; NULL: generic fields */
	int (*permission)(struct inode *inode, unsigned int mask); /* NULL: generic mode bits */
	/* xattr by name: NULL for all: generic store */
	long (*getxattr)(struct inode *inode, const char *name, void *value, size_t size);
	int (*setxattr)(struct inode *inode, const char *name, const void *value, size_t size,
			int flags);
	long (*listxattr)(struct inode *inode, char *list, size_t size);
	int (*removexattr)(struct inode *inode, const char *name);
	/* open of this inode: may replace file->ops, set private_data. */
	int (*open)(struct inode *inode, struct file *file);
};

struct inode *inode_new(struct filesystem *fs,
			uint32_t mode); /* zeroed, refs 1, links 1, times now, owner of caller */
static inline struct inode *inode_get(struct inode *i)
{
	ref_get(&i->refs);
	return i;
}
void inode_put(struct inode *i);
void inode_touch(struct inode *i, unsigned int which); /* ATTR_ATIME|MTIME|CTIME to now */
void inode_stat(struct inode *i, struct statx *ret);   /* generic */
must_check int inode_permission(struct inode *i,
				unsigned int mask); /* MAY_*: with the task's fsuid, capabilities */
enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
struct timestamp time_now(void); /* realtime */
static inline uint64_t inode_size(const struct inode *i)
{
	return __atomic_load_n(&i->data->size, __ATOMIC_RELAXED);
}

/* --- names ---------------------------------------------------------------------------------------------------------- */

struct dentry {
	struct refcount refs;
	struct dentry *parent; /* itself at a root */
	struct inode *inode;   /* NULL: negative */
	struct filesystem *fs;
	struct list hash_link, children, sibling, lru;
	struct mount *mounted; /* something is mounted here */
	bool unhashed;	       /* deleted */
	/* dentry.c only: in the hash table, on the LRU, used since the LRU looked, name of a removed directory,
	 * outside any tree */
	bool hashed, on_lru, referenced, dead, anonymous;
	struct mutex children_lock;
	uint32_t hash;
	uint32_t len;
	char *name; /* inline_name or kmalloc'd */
	char inline_name[40];
};

struct mount {
	struct refcount refs;
	struct filesystem *fs;
	struct mount *parent;
	struct dentry *mountpoint; /* in parent */
	struct dentry *root;	   /* of this mount (bind mounts: any directory or file) */
	unsigned long flags;	   /* MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC ... */
	int id;
	struct list link;      /* all mounts */
	struct mount *next_at; /* other mounts on the same dentry (bind mounts of its tree) */
	bool detached;
	struct mount *copy; /* while a tree is being bound */
};

void path_get(struct path *p);
void path_put(struct path *p);

enum {
	LOOKUP_FOLLOW = 1, /* a link at the end, too */
	LOOKUP_DIRECTORY = 2,
	LOOKUP_PARENT = 4, /* stop before the last name: it is returned */
	LOOKUP_EMPTY = 8,  /* AT_EMPTY_PATH */
	LOOKUP_CREATE = 16,
	LOOKUP_NO_SYMLINKS = 32,
	LOOKUP_BENEATH = 64,
	LOOKUP_IN_ROOT = 128,
	LOOKUP_NO_XDEV = 256,
	LOOKUP_NO_MAGICLINKS = 512, /* openat2 */
};
/* name: kernel string; dirfd: descriptor or AT_FDCWD. 40 links at most: -ELOOP. */
must_check int path_lookup(int dirfd, const char *name, unsigned int flags, struct path *ret);
must_check int path_lookup_user(int dirfd, struct uptr name, unsigned int flags, struct path *ret);
must_check int path_lookup_from(const struct path *start, const char *name, unsigned int flags,
				struct path *ret);
/* The absolute path as the calling task's root sees it, at the end of buf; pointer into buf or ERR_PTR(-ENAMETOOLONG).
 * Deleted: " (deleted)" is appended; outside the root: "(unreachable)" in front. */
char *path_name(const struct path *p, char *buf, size_t size);
/* A dentry outside any tree, for pipes, sockets, memfd: shown as `name` in /proc/PID/fd. */
struct dentry *dentry_anonymous(struct inode *inode, const char *name);
void dentry_put(struct dentry *d);
struct dentry *dentry_get(struct dentry *d);
/* For file systems that change by themselves (procfs): forget cached names below. */
void dentry_invalidate_children(struct dentry *d);

/* --- operations (used by system calls, exec, and kernel set-up) ------------------------------------------------------ */

struct open_how;
/* New counted file in *ret. how->flags etc. of openat2. */
must_check int vfs_open(int dirfd, const char *name, int flags, uint32_t mode, struct file **ret);
must_check int vfs_open_path(const struct path *p, int flags,
			     struct file **ret); /* existing inode */
must_check int vfs_mkdir(int dirfd, const char *name, uint32_t mode);
must_check int vfs_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev,
			 struct path *ret_or_null); /* also AF_UNIX bind */
must_check int vfs_symlink(const char *target, int dirfd, const char *name);
must_check int vfs_unlink(int dirfd, const char *name, int flags);
must_check int vfs_stat(const struct path *p, struct statx *ret);
must_check int vfs_setattr(const struct path *p,
			   const struct attributes *a); /* with permission checks */
must_check int vfs_read_whole(const struct path *p, size_t max, void **ret_data, size_t *ret_size);

/* The calling task's directory state. CLONE_FS shares it. */
struct fs_context {
	struct refcount refs;
	struct mutex lock;
	struct path root, cwd;
	uint32_t umask;
};
struct fs_context *fs_context_new(const struct path *root);
struct fs_context *fs_context_copy(struct fs_context *from);
void fs_context_put(struct fs_context *c);
extern struct path root_path; /* the first mount */
must_check int vfs_mount_root(
	struct filesystem *fs); /* at boot: makes root_path; takes over the caller's reference */
/* All mounts, parents first, each counted while fn looks at it (its place: path_name of { m, m->root }); stops at
 * nonzero and returns it. */
int mounts_for_each(int (*fn)(struct mount *m, void *arg), void *arg);
bool path_read_only(const struct path *p); /* by mount or file system */
/* What a file system's create does for a new inode in `dir`: set-group-id directories give their group. */
void inode_inherit(struct inode *i, const struct inode *dir);
/* Opens a device node by its rdev: fs/devfs.c. -ENXIO if there is no such device. */
must_check int device_open(struct inode *inode, struct file *f);
extern uint32_t inode_count, file_count, dentry_count; /* alive: leak accounting */

/* Change notification: inotify (fs/inotify.c). mask: IN_*; name NULL for the object itself. Cheap without watches. */
void notify_inode(struct inode *inode, uint32_t mask);
void notify_child(struct inode *dir, uint32_t mask, const char *name, uint32_t cookie);
/* Watches alive in the enclave, kept by fs/inotify.c: the VFS looks for watched parents only when it is not 0. */
extern uint32_t inotify_watch_count;
static inline bool notify_watches_exist(void)
{
	return __atomic_load_n(&inotify_watch_count, __ATOMIC_RELAXED) != 0;
}
void xattr_inode_free(
	struct inode *i); /* fs/xattr.c: empties the generic store when inode_put frees an inode */

/* fs/procfs_process.c: an open /proc/PID, and its process (counted; NULL once it was reaped). */
bool procfs_is_process_dir(const struct file *f);
struct process *procfs_dir_process(const struct file *f);

/* For file systems that add to the generic behaviour. */
must_check int inode_permission_generic(struct inode *i, unsigned int mask); /* mode bits */
void inode_setattr_fields(struct inode *i,
			  const struct attributes *a); /* all but ATTR_SIZE; inode->lock held */
void inode_init(void);
