/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files and descriptor tables. A file is one open(); descriptors, fork and SCM_RIGHTS share it. A descriptor table
 * belongs to tasks that share CLONE_FILES. Every use of a descriptor holds a reference, so a concurrent close is safe.
 */
#pragma once

#include "kernel/fs/vfs.h"
#include "kernel/ipc/poll.h"
#include "kernel/mm/usercopy.h"
#include "kernel/task/sync.h"

struct file {
	struct refcount refs;
	const struct file_ops *ops;
	struct inode *inode; /* never NULL: anonymous objects have anonymous inodes */
	struct path path;    /* counted; mount may be NULL for anonymous ones */
	unsigned int flags;  /* O_* of open and F_SETFL, without O_CLOEXEC */
	bool stream;	     /* no position: pipes, sockets, ttys */
	struct mutex pos_lock;
	uint64_t pos;
	void *private_data;
	struct cred *cred;	 /* of the opener */
	int owner, owner_signal; /* F_SETOWN (negative: group), F_SETSIG */
	struct list
		epoll_links; /* ipc/epoll.c: sets that watch this file; epoll_lock of that file's */
	struct mutex epoll_lock;
	uint64_t private_value;
	int owner_type;	     /* F_OWNER_* of F_SETOWN_EX */
	bool atime_old;	     /* access time was more than a day old at open: relatime updates it */
	bool counted_writer; /* in inode->writers */
	struct file *next_deferred; /* file.c: releases put off for want of stack */
};

/* A NULL function: the operation is not supported (-EINVAL, or -ENOTTY for ioctl), unless said otherwise. */
struct file_ops {
	/* *pos is where; advanced by the result. Streams ignore it. 0 is the end. -EAGAIN with O_NONBLOCK. */
	long (*read)(struct file *f, struct uio *io, uint64_t *pos);
	long (*write)(struct file *f, struct uio *io, uint64_t *pos);
	int64_t (*seek)(struct file *f, int64_t offset,
			int whence); /* NULL: generic on inode_size; streams -ESPIPE */
	int (*readdir)(struct file *f, struct dir_context *c); /* from f->pos; sets c->pos */
	/* POLL* bits ready now; registers with pt (may be NULL) by poll_wait. NULL: always readable and writable. */
	unsigned int (*poll)(struct file *f, struct poll_table *pt);
	/* Host handle whose readiness is this file's (sockets, host streams): tasks that wait poll it. NULL: none. -1: none now. */
	int (*host_handle)(struct file *f);
	long (*ioctl)(struct file *f, unsigned int request, unsigned long argument);
	int (*mmap)(struct file *f,
		    struct vma *v); /* vma_set_mapping / vma_set_host; -ENODEV, -EACCES */
	int (*fsync)(struct file *f, bool data_only);
	int (*fallocate)(struct file *f, int mode, uint64_t offset, uint64_t size);
	int (*flush)(struct file *f);	 /* each close() of a descriptor */
	void (*release)(struct file *f); /* last reference */
	int (*set_flags)(
		struct file *f,
		unsigned int flags); /* F_SETFL changed O_NONBLOCK/O_APPEND/O_ASYNC; optional */
	void (*show_fdinfo)(struct file *f, char *buf,
			    size_t size); /* extra lines of /proc/PID/fdinfo */
	bool is_socket, is_pipe;
};

#define FDS_MAX_DEFAULT 1048576

struct fd_table {
	struct refcount refs;
	struct mutex lock;
	unsigned int size; /* slots */
	struct file **files;
	uint64_t *cloexec, *open; /* bitmaps */
	unsigned int next;	  /* no free slot below */
};

/* File with an inode/path given; takes its own references. flags: O_*. */
struct file *file_new(const struct file_ops *ops, const struct path *path, unsigned int flags);
/* Pipe, socket, eventfd...: anonymous inode of `mode` named e.g. "pipe:[12]", "anon_inode:[eventfd]". */
struct file *file_new_anonymous(const struct file_ops *ops, uint32_t mode, const char *name,
				unsigned int flags, void *private_data);
static inline struct file *file_get(struct file *f)
{
	ref_get(&f->refs);
	return f;
}
void file_put(struct file *f);
bool file_readable(const struct file *f);
bool file_writable(const struct file *f);

/* Counted file of a descriptor of the calling task, or NULL (-EBADF). O_PATH files only with fd_get_path. */
struct file *fd_get(int fd);
struct file *fd_get_path(int fd);
struct file *fd_get_from(struct fd_table *t, int fd);
must_check int fd_alloc(struct file *f, int lowest,
			bool cloexec); /* takes its own reference; descriptor or -EMFILE */
must_check int fd_replace(struct file *f, int fd, bool cloexec); /* dup2: closes what was there */
must_check int fd_close(int fd);
struct fd_table *fd_table_new(void);
struct fd_table *fd_table_copy(struct fd_table *from, unsigned int max_fd);
void fd_table_put(struct fd_table *t);
void fd_table_exec(struct fd_table *t); /* closes the close-on-exec ones */
unsigned int fd_table_count(struct fd_table *t);

/* Kernel-internal I/O with permission and mode checks done: as read(2), write(2). */
must_check long file_read(struct file *f, struct uio *io, uint64_t *pos);
/* Either, with RWF_* flags, at `offset` or at the file's own position. Who calls has asked whether f can be read or written. */
#define FILE_NO_OFFSET (-1L)
must_check long file_transfer(struct file *f, struct uio *io, int64_t offset, bool write,
			      unsigned int flags);
must_check long file_write(struct file *f, struct uio *io, uint64_t *pos);
must_check long file_read_kernel(struct file *f, void *to, size_t size, uint64_t pos);

/* Ready-made operations for regular files whose data is inode->data (tmpfs, memfd, cached host files). */
long generic_read(struct file *f, struct uio *io, uint64_t *pos);
long generic_write(struct file *f, struct uio *io, uint64_t *pos);
int generic_mmap(struct file *f, struct vma *v);
int64_t generic_seek(struct file *f, int64_t offset, int whence);
int generic_fallocate(struct file *f, int mode, uint64_t offset, uint64_t size);

/* A stream on a host handle (inherited stdin/stdout/stderr, `cloister exec` stdio). Owns the handle. */
struct file *host_stream_new(int handle, unsigned int flags);

void lock_release_posix(struct file *f, struct fd_table *owner); /* on close: fs/lock.c */
void lock_release_file(struct file *f);				 /* last reference: flock, OFD */

/* Parts of fcntl that others own; only called for their commands. */
long lock_fcntl(struct file *f, int cmd,
		unsigned long arg); /* fs/lock.c: F_GETLK ... F_OFD_SETLKW */
long pipe_fcntl(struct file *f, int cmd,
		unsigned long arg); /* ipc/pipe.c: F_SETPIPE_SZ, F_GETPIPE_SZ */
long pipe_tee(struct file *in, struct file *out, size_t size,
	      unsigned int flags); /* ipc/pipe.c: SPLICE_F_* */

/* Access time of a file that was read, by the relatime rule. */
void file_accessed(struct file *f);
/* inotify events of an open file: on its inode and in its directory. */
void file_notify_slow(struct file *f, uint32_t mask);
/* Ends a descriptor's use of a file that is already out of the table: flush, POSIX locks, reference. */
int file_close(struct file *f, struct fd_table *t);
/* One try of read/write that never waits, whatever the file's own O_NONBLOCK is. */
must_check long file_read_nonblock(struct file *f, struct uio *io, uint64_t *pos);
must_check long file_write_nonblock(struct file *f, struct uio *io, uint64_t *pos);
/* RLIMIT_FSIZE and s64 limits for a write of `size` at `pos`: bytes allowed, or -EFBIG (SIGXFSZ sent). */
must_check long file_size_allowed(struct inode *inode, uint64_t pos, size_t size);

/* close_range(2) on a table: closes, or only marks close-on-exec. */
void fd_table_close_range(struct fd_table *t, unsigned int first, unsigned int last,
			  bool mark_only);
/* F_GETFD/F_SETFD: old state of the close-on-exec flag (0, 1) or -EBADF; set < 0: leave it. */
must_check int fd_cloexec(int fd, int set);
