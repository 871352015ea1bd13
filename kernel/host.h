/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed hostcalls with checked results: the only callers of plat_hostcall. A result outside of what the call may
 * return (a length larger than asked, a negative handle, an error number that does not exist) becomes -EIO and is
 * counted. Buffers are kernel memory; with PLAT_HOST_SEES_USER they may be user addresses that passed access_ok.
 * A handle is a host descriptor number; the kernel never shows it to applications. All return 0/count or -errno;
 * -EINTR means the call was cancelled by plat_kick and did nothing: return -ERESTARTSYS when signal_pending().
 */
#pragma once

#include "abi/hostcall.h"
#include "lib/base/types.h"

struct statx;
struct statfs;
struct msghdr_k; /* = struct user_msghdr of Linux, kernel/net */
struct pollfd;
struct epoll_event;
struct timespec64;

must_check int host_open(int dir, const char *path, int flags,
			 unsigned int mode); /* handle; O_CLOEXEC is added */
/* Stays below `dir` whatever the path holds (openat2 RESOLVE_*). */
must_check int host_open_beneath(int dir, const char *path, int flags, unsigned int mode,
				 uint64_t resolve);
void host_close(int handle);
must_check long host_pread(int handle, void *to, size_t size, uint64_t offset);
must_check long host_pwrite(int handle, const void *from, size_t size, uint64_t offset);
must_check int host_statx(int dir, const char *path, int flags, unsigned int mask,
			  struct statx *ret);
must_check long host_readlink(int dir, const char *path, char *to, size_t size);
must_check long host_getdents(int handle, void *to, size_t size);
must_check int64_t host_seek(int handle, int64_t offset, int whence);
must_check int host_mkdir(int dir, const char *path, unsigned int mode);
must_check int host_unlink(int dir, const char *path, int flags);
must_check int host_rename(int old_dir, const char *old, int new_dir, const char *new,
			   unsigned int flags);
must_check int host_link(int old_dir, const char *old, int new_dir, const char *new, int flags);
must_check int host_symlink(const char *target, int dir, const char *path);
must_check int host_chmod(int dir, const char *path, unsigned int mode);
must_check int host_chown(int dir, const char *path, unsigned int uid, unsigned int gid, int flags);
must_check int host_utimens(int dir, const char *path, const int64_t times[4],
			    int flags); /* s, ns, s, ns */
must_check int host_truncate(int handle, uint64_t size);
must_check int host_fallocate(int handle, int mode, uint64_t offset, uint64_t size);
must_check int host_fsync(int handle, bool data_only);
must_check int host_statfs(int handle, void *ret_statfs); /* struct statfs, 120 bytes */
must_check long host_read(int handle, void *to, size_t size);
must_check long host_write(int handle, const void *from, size_t size);
/* The same of regular files, at the handle's own position: never -EINTR. */
must_check long host_file_read(int handle, void *to, size_t size);
must_check long host_file_write(int handle, const void *from, size_t size);
/*
 * After a call that may block: true: it was cancelled by what does not concern it (a wake-up, an errand), and is to be made again. False with -EINTR: a signal
 * is pending. Making it again without asking here would be cancelled again, for ever: the reason stays where it is until somebody looks.
 */
must_check bool host_retry(long result);
must_check long host_ioctl(int handle, unsigned int request, void *argument);

must_check int host_socket(int family, int type, int protocol);
must_check int host_bind(int handle, const void *address, unsigned int size);
must_check int host_listen(int handle, int backlog);
must_check int host_connect(int handle, const void *address, unsigned int size);
/* *size is the buffer's on entry, the address's on return (never more than the buffer). */
must_check int host_accept(int handle, void *address, unsigned int *size, int flags);
must_check long host_sendmsg(int handle, const void *msghdr, int flags, size_t total);
must_check long host_recvmsg(int handle, void *msghdr, int flags, size_t total);
must_check long host_sendto(int handle, const void *from, size_t size, int flags,
			    const void *address, unsigned int address_size);
must_check long host_recvfrom(int handle, void *to, size_t size, int flags, void *address,
			      unsigned int *address_size);
must_check int host_shutdown(int handle, int how);
must_check int host_getsockopt(int handle, int level, int name, void *value, unsigned int *size);
must_check int host_setsockopt(int handle, int level, int name, const void *value,
			       unsigned int size);
must_check int host_getsockname(int handle, void *address, unsigned int *size);
must_check int host_getpeername(int handle, void *address, unsigned int *size);

/* deadline: monotonic ns, UINT64_MAX for ever, 0 returns at once. */
must_check int host_poll(struct pollfd *fds, unsigned int count, uint64_t deadline);
must_check int host_epoll_create(void);
must_check int host_epoll_ctl(int epoll, int op, int handle, struct epoll_event *event);
must_check int host_epoll_wait(int epoll, struct epoll_event *events, int max, uint64_t deadline);

/* Counters for --stats: calls by hostcall number, and results that were refused. */
extern uint64_t host_calls[HC_COUNT], host_lies;
