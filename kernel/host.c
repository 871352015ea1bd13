/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed hostcalls. This is the only file that calls plat_hostcall, and the place where the host stops being believed:
 *  1. a negative result is an error number that Linux has, or it becomes -EIO;
 *  2. a count is never more than what was asked for;
 *  3. a handle is a non-negative int;
 *  4. structures that come back are in range (file sizes, nanoseconds, address lengths), or the call becomes -EIO.
 * Each refusal is counted in host_lies. What a count refers to (bytes in a buffer) may still be any bytes at all.
 * No locks; everything here may be called from any task.
 */
#include "kernel/host.h"

#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/poll.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#include <asm/statfs.h>

#include "abi/platform.h"
#include "kernel/task/sync.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define ERRNO_LAST 133		 /* EHWPOISON */
#define TRANSFER_MAX 0x7ffff000L /* what Linux moves in one call at most */
#define OPEN_RETRIES 32
#define RECEIVE_TRUNC 0x20 /* MSG_TRUNC: the result is the datagram's real length */

uint64_t host_calls[HC_COUNT], host_lies;

static long lie(void)
{
	__atomic_add_fetch(&host_lies, 1, __ATOMIC_RELAXED);
	return -EIO;
}

static long call(unsigned int number, long a, long b, long c, long d, long e, long f)
{
	long r;

	__atomic_add_fetch(&host_calls[number], 1, __ATOMIC_RELAXED);
	r = plat_hostcall(number, a, b, c, d, e, f);
	if (unlikely(r < -ERRNO_LAST))
		return lie();
	return r;
}

static long call_count(unsigned int number, long a, long b, size_t size, long d, long e, long f)
{
	long r = call(number, a, b, (long)size, d, e, f);

	if (unlikely(r > 0 && (size_t)r > size))
		return lie();
	return r;
}

static int call_int(unsigned int number, long a, long b, long c, long d, long e, long f)
{
	long r = call(number, a, b, c, d, e, f);

	if (unlikely(r > INT32_MAX))
		r = lie();
	return (int)r;
}

/* Calls that only succeed or fail. */
static int call_zero(unsigned int number, long a, long b, long c, long d, long e, long f)
{
	long r = call(number, a, b, c, d, e, f);

	if (unlikely(r > 0))
		r = lie();
	return (int)r;
}

static size_t transfer_size(size_t size)
{
	return MIN(size, (size_t)TRANSFER_MAX);
}

/* --- files ------------------------------------------------------------------------------------------------------ */

int host_open(int dir, const char *path, int flags, unsigned int mode)
{
	return call_int(HC_OPEN, dir, (long)path, flags | O_CLOEXEC, mode, 0, 0);
}

int host_open_beneath(int dir, const char *path, int flags, unsigned int mode, uint64_t resolve)
{
	struct open_how how;
	int r, tries = 0;

	memset(&how, 0, sizeof(how));
	/* openat2 refuses what openat ignores. */
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
	how.flags = (unsigned int)flags | O_CLOEXEC;
	if (flags & (O_CREAT | __O_TMPFILE))
		how.mode = mode & 07777;
	how.resolve = resolve | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	/* -EAGAIN: a rename somewhere made ".." uncertain; Linux asks to try again. */
	do
		r = call_int(HC_OPEN2, dir, (long)path, (long)&how, sizeof(how), 0, 0);
	while (r == -EAGAIN && ++tries < OPEN_RETRIES);
	return r;
}

void host_close(int handle)
{
	if (handle >= 0)
		(void)call(HC_CLOSE, handle, 0, 0, 0, 0, 0);
}

long host_pread(int handle, void *to, size_t size, uint64_t offset)
{
	return call_count(HC_PREAD, handle, (long)to, transfer_size(size), (long)offset, 0, 0);
}

long host_pwrite(int handle, const void *from, size_t size, uint64_t offset)
{
	return call_count(HC_PWRITE, handle, (long)from, transfer_size(size), (long)offset, 0, 0);
}

static bool statx_time_sane(const struct statx_timestamp *t)
{
	return t->tv_nsec < 1000000000;
}

int host_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = call_zero(HC_STATX, dir, (long)path, flags, mask, (long)ret, 0);
	if (r)
		return r;
	if (ret->stx_size > INT64_MAX || !statx_time_sane(&ret->stx_atime) ||
	    !statx_time_sane(&ret->stx_mtime) || !statx_time_sane(&ret->stx_ctime) ||
	    !statx_time_sane(&ret->stx_btime))
		return (int)lie();
	switch (ret->stx_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		/* eventfds, epolls: objects without a type, seen when they are somebody's inherited stdin. */
		return ret->stx_mode & S_IFMT ? (int)lie() : 0;
	}
}

long host_readlink(int dir, const char *path, char *to, size_t size)
{
	long r = call(HC_READLINK, dir, (long)path, (long)to, (long)size, 0, 0);

	if (r > 0 && (size_t)r > size)
		return lie();
	return r;
}

long host_getdents(int handle, void *to, size_t size)
{
	return call_count(HC_GETDENTS, handle, (long)to, size, 0, 0, 0);
}

int64_t host_seek(int handle, int64_t offset, int whence)
{
	return call(HC_SEEK, handle, offset, whence, 0, 0, 0);
}

int host_mkdir(int dir, const char *path, unsigned int mode)
{
	return call_zero(HC_MKDIR, dir, (long)path, mode, 0, 0, 0);
}

int host_unlink(int dir, const char *path, int flags)
{
	return call_zero(HC_UNLINK, dir, (long)path, flags, 0, 0, 0);
}

int host_rename(int old_dir, const char *old, int new_dir, const char *new, unsigned int flags)
{
	return call_zero(HC_RENAME, old_dir, (long)old, new_dir, (long)new, flags, 0);
}

int host_link(int old_dir, const char *old, int new_dir, const char *new, int flags)
{
	return call_zero(HC_LINK, old_dir, (long)old, new_dir, (long)new, flags, 0);
}

int host_symlink(const char *target, int dir, const char *path)
{
	return call_zero(HC_SYMLINK, (long)target, dir, (long)path, 0, 0, 0);
}

int host_chmod(int dir, const char *path, unsigned int mode)
{
	return call_zero(HC_CHMOD, dir, (long)path, mode, 0, 0, 0);
}

int host_chown(int dir, const char *path, unsigned int uid, unsigned int gid, int flags)
{
	return call_zero(HC_CHOWN, dir, (long)path, uid, gid, flags, 0);
}

int host_utimens(int dir, const char *path, const int64_t times[4], int flags)
{
	return call_zero(HC_UTIMENS, dir, (long)path, (long)times, flags, 0, 0);
}

int host_truncate(int handle, uint64_t size)
{
	return call_zero(HC_TRUNCATE, handle, (long)size, 0, 0, 0, 0);
}

int host_fallocate(int handle, int mode, uint64_t offset, uint64_t size)
{
	return call_zero(HC_FALLOCATE, handle, mode, (long)offset, (long)size, 0, 0);
}

int host_fsync(int handle, bool data_only)
{
	return call_zero(data_only ? HC_FDATASYNC : HC_FSYNC, handle, 0, 0, 0, 0, 0);
}

int host_statfs(int handle, void *ret_statfs)
{
	_Static_assert(sizeof(struct statfs) == 120, "x86-64");
	memset(ret_statfs, 0, sizeof(struct statfs));
	return call_zero(HC_STATFS, handle, (long)ret_statfs, 0, 0, 0, 0);
}

/* --- streams ---------------------------------------------------------------------------------------------------- */

long host_read(int handle, void *to, size_t size)
{
	return call_count(HC_READ, handle, (long)to, transfer_size(size), 0, 0, 0);
}

long host_write(int handle, const void *from, size_t size)
{
	return call_count(HC_WRITE, handle, (long)from, transfer_size(size), 0, 0, 0);
}

long host_file_read(int handle, void *to, size_t size)
{
	return call_count(HC_FILE_READ, handle, (long)to, transfer_size(size), 0, 0, 0);
}

long host_file_write(int handle, const void *from, size_t size)
{
	return call_count(HC_FILE_WRITE, handle, (long)from, transfer_size(size), 0, 0, 0);
}

bool host_retry(long result)
{
	if (likely(result != -EINTR))
		return false;
	/* A wake-up of no concern here is forgotten; what is left decides. */
	task_sleep_prepare();
	return task_sleep(0) != -EINTR;
}

long host_ioctl(int handle, unsigned int request, void *argument)
{
	return call_int(HC_IOCTL, handle, request, (long)argument, 0, 0, 0);
}

/* --- sockets ---------------------------------------------------------------------------------------------------- */

/* Linux's struct user_msghdr. */
struct message {
	void *name;
	int name_size;
	void *vector;
	size_t vector_count;
	void *control;
	size_t control_size;
	unsigned int flags;
};

int host_socket(int family, int type, int protocol)
{
	return call_int(HC_SOCKET, family, type, protocol, 0, 0, 0);
}

int host_bind(int handle, const void *address, unsigned int size)
{
	return call_zero(HC_BIND, handle, (long)address, size, 0, 0, 0);
}

int host_listen(int handle, int backlog)
{
	return call_zero(HC_LISTEN, handle, backlog, 0, 0, 0, 0);
}

int host_connect(int handle, const void *address, unsigned int size)
{
	return call_zero(HC_CONNECT, handle, (long)address, size, 0, 0, 0);
}

/* An address may honestly be longer than the buffer: then Linux cuts it and tells the whole length. */
static void clamp_size(unsigned int *size, unsigned int max)
{
	if (*size > max)
		*size = max;
}

int host_accept(int handle, void *address, unsigned int *size, int flags)
{
	unsigned int max = size ? *size : 0;
	int r = call_int(HC_ACCEPT, handle, (long)address, (long)size, flags, 0, 0);

	if (size)
		clamp_size(size, max);
	return r;
}

long host_sendmsg(int handle, const void *msghdr, int flags, size_t total)
{
	long r = call(HC_SENDMSG, handle, (long)msghdr, flags, 0, 0, 0);

	if (r > 0 && (size_t)r > total)
		return lie();
	return r;
}

long host_recvmsg(int handle, void *msghdr, int flags, size_t total)
{
	struct message *m = msghdr;
	unsigned int name_max = m->name ? (unsigned int)m->name_size : 0;
	size_t control_max = m->control ? m->control_size : 0;
	void *name = m->name, *vector = m->vector, *control = m->control;
	size_t vector_count = m->vector_count;
	long r = call(HC_RECVMSG, handle, (long)msghdr, flags, 0, 0, 0);

	/* The host only answers in name_size, control_size and flags. */
	m->name = name;
	m->vector = vector;
	m->control = control;
	m->vector_count = vector_count;
	if (r < 0)
		return r;
	if ((unsigned int)m->name_size > name_max)
		m->name_size = (int)name_max;
	if (m->control_size > control_max)
		m->control_size = control_max;
	if ((size_t)r > total && (!(flags & RECEIVE_TRUNC) || r > TRANSFER_MAX))
		return lie();
	return r;
}

long host_sendto(int handle, const void *from, size_t size, int flags, const void *address,
		 unsigned int address_size)
{
	return call_count(HC_SENDTO, handle, (long)from, transfer_size(size), flags, (long)address,
			  address_size);
}

long host_recvfrom(int handle, void *to, size_t size, int flags, void *address,
		   unsigned int *address_size)
{
	unsigned int max = address_size ? *address_size : 0;
	size_t asked = transfer_size(size);
	long r = call(HC_RECVFROM, handle, (long)to, (long)asked, flags, (long)address,
		      (long)address_size);

	if (address_size)
		clamp_size(address_size, max);
	if (r > 0 && (size_t)r > asked && (!(flags & RECEIVE_TRUNC) || r > TRANSFER_MAX))
		return lie();
	return r;
}

int host_shutdown(int handle, int how)
{
	return call_zero(HC_SHUTDOWN, handle, how, 0, 0, 0, 0);
}

int host_getsockopt(int handle, int level, int name, void *value, unsigned int *size)
{
	unsigned int max = *size;
	int r = call_zero(HC_GETSOCKOPT, handle, level, name, (long)value, (long)size, 0);

	if (*size > max) {
		*size = 0;
		return r ? r : (int)lie();
	}
	return r;
}

int host_setsockopt(int handle, int level, int name, const void *value, unsigned int size)
{
	return call_zero(HC_SETSOCKOPT, handle, level, name, (long)value, size, 0);
}

int host_getsockname(int handle, void *address, unsigned int *size)
{
	unsigned int max = *size;
	int r = call_zero(HC_GETSOCKNAME, handle, (long)address, (long)size, 0, 0, 0);

	clamp_size(size, max);
	return r;
}

int host_getpeername(int handle, void *address, unsigned int *size)
{
	unsigned int max = *size;
	int r = call_zero(HC_GETPEERNAME, handle, (long)address, (long)size, 0, 0, 0);

	clamp_size(size, max);
	return r;
}

/* --- waiting ---------------------------------------------------------------------------------------------------- */

/* Time left until `deadline` for the host's relative timeouts; NULL: for ever. */
static struct __kernel_timespec *time_left(uint64_t deadline, struct __kernel_timespec *to)
{
	uint64_t now, left = 0;

	if (deadline == UINT64_MAX)
		return NULL;
	if (deadline) {
		now = clock_monotonic();
		if (deadline > now)
			left = deadline - now;
	}
	to->tv_sec = (int64_t)(left / 1000000000);
	to->tv_nsec = (long long)(left % 1000000000);
	return to;
}

int host_poll(struct pollfd *fds, unsigned int count, uint64_t deadline)
{
	struct __kernel_timespec left;
	unsigned int i;
	int r, ready = 0;
	short allowed;

	r = call_int(HC_POLL, (long)fds, count, (long)time_left(deadline, &left), 0, 8, 0);
	if (r < 0)
		return r;
	/* The count is ours: callers index by it. */
	for (i = 0; i < count; i++) {
		allowed = (short)(fds[i].events | POLLERR | POLLHUP | POLLNVAL);
		fds[i].revents = fds[i].fd < 0 ? 0 : (short)(fds[i].revents & allowed);
		ready += fds[i].revents != 0;
	}
	if (r == 0)
		for (i = 0; i < count; i++)
			fds[i].revents = 0;
	return r ? ready : 0;
}

int host_epoll_create(void)
{
	return call_int(HC_EPOLL_CREATE, EPOLL_CLOEXEC, 0, 0, 0, 0, 0);
}

int host_epoll_ctl(int epoll, int op, int handle, struct epoll_event *event)
{
	return call_zero(HC_EPOLL_CTL, epoll, op, handle, (long)event, 0, 0);
}

int host_epoll_wait(int epoll, struct epoll_event *events, int max, uint64_t deadline)
{
	struct __kernel_timespec left;
	int r = call_int(HC_EPOLL_WAIT, epoll, (long)events, max, (long)time_left(deadline, &left),
			 0, 8);

	if (r > max)
		return (int)lie();
	return r;
}
