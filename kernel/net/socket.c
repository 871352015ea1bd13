/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets as objects and files, and the system calls that make, name and connect them. What moves data is in
 * message.c, options in option.c; families fill struct socket_ops.
 *
 * A struct socket is owned by one file: made here, given to socket_file_new, ended by ops->release on the file's last
 * reference. Calls on it hold a reference on the file, so release never runs beside them. Nothing here takes a lock;
 * socket_count and the number that names sockets ("socket:[7]") are atomic counters.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/net/socket.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/time/time.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

uint32_t socket_count;
static uint32_t socket_number;

void net_init(void)
{
	unix_init();
}

void socket_setup(struct socket *s, const struct socket_ops *ops, int family, int type,
		  int protocol)
{
	s->ops = ops;
	s->family = (uint16_t)family;
	s->type = (uint16_t)type;
	s->protocol = protocol;
	s->handle = -1;
	s->receive_timeout = s->send_timeout = NEVER;
	s->send_buffer = s->receive_buffer = SOCKET_BUFFER_DEFAULT;
	s->receive_low = 1;
	s->option_bits = 0;
	s->linger[0] = s->linger[1] = 0;
	s->priority = 0;
	__atomic_add_fetch(&socket_count, 1, __ATOMIC_RELAXED);
}

void socket_uncount(struct socket *s)
{
	(void)s;
	__atomic_sub_fetch(&socket_count, 1, __ATOMIC_RELAXED);
}

int socket_file_new(struct socket *s, unsigned int flags, struct file **ret)
{
	uint32_t number = __atomic_add_fetch(&socket_number, 1, __ATOMIC_RELAXED);
	struct file *f;
	char name[24];

	fmt_snprintf(name, sizeof(name), "socket:[%u]", number);
	f = file_new_anonymous(s->ops->file_ops, S_IFSOCK | 0777, name,
			       O_RDWR | (flags & SOCK_NONBLOCK), s);
	if (!f)
		return -ENOMEM;
	f->stream = true;
	f->inode->number = number;
	*ret = f;
	return 0;
}

struct socket *socket_of_fd(int fd, struct file **ret_file)
{
	struct file *f = fd_get(fd);

	if (unlikely(!f))
		return ERR_PTR(-EBADF);
	if (unlikely(!f->ops->is_socket)) {
		file_put(f);
		return ERR_PTR(-ENOTSOCK);
	}
	*ret_file = f;
	return socket_of_file(f);
}

int socket_wait_error(int error, uint64_t timeout)
{
	if (error == -ETIMEDOUT)
		return -EAGAIN;
	if (error == -EINTR)
		return timeout == NEVER ? -ERESTARTSYS : -EINTR;
	return error;
}

int socket_address_in(void *to, struct uptr from, unsigned int size)
{
	if (size > SOCKET_ADDRESS_MAX)
		return -EINVAL;
	return size ? copy_in(to, from, size) : 0;
}

int socket_address_out(const void *address, unsigned int size, struct uptr to, struct uptr size_at)
{
	int room, error;

	error = get_user(room, size_at);
	if (error)
		return error;
	if (room < 0)
		return -EINVAL;
	if ((unsigned int)room > size)
		room = (int)size;
	if ((unsigned int)room > SOCKET_ADDRESS_MAX)
		room = SOCKET_ADDRESS_MAX;
	if (room) {
		error = copy_out(to, address, (size_t)room);
		if (error)
			return error;
	}
	return put_user(size, size_at);
}

/* --- file operations --------------------------------------------------------------------------------------------- */

long socket_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct socket *s = socket_of_file(f);
	struct receive_args a = { .io = io, .flags = socket_file_flags(f) };

	(void)pos;
	if (!io->left)
		return 0;
	return s->ops->receive(s, &a);
}

long socket_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct socket *s = socket_of_file(f);
	struct send_args a = { .io = io, .flags = socket_file_flags(f) };

	(void)pos;
	if (s->type == SOCK_SEQPACKET)
		a.flags |= MSG_EOR;
	return s->ops->send(s, &a);
}

unsigned int socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = socket_of_file(f);

	return s->ops->poll(s, f, pt);
}

long socket_ioctl(struct file *f, unsigned int request, unsigned long argument)
{
	struct socket *s = socket_of_file(f);
	long result = -ENOTTY;

	if (s->ops->ioctl)
		result = s->ops->ioctl(s, request, argument);
	if (result == -ENOTTY)
		result = interface_ioctl(s->handle, request, argument);
	return result;
}

void socket_release(struct file *f)
{
	struct socket *s = socket_of_file(f);

	if (s)
		s->ops->release(s);
}

/* --- making sockets ---------------------------------------------------------------------------------------------- */

static int socket_new(int family, int type, int protocol, unsigned int flags, struct socket **ret)
{
	if (type < 0 || type >= SOCK_TYPES)
		return -EINVAL;
	switch (family) {
	case AF_UNIX:
		return unix_socket_new(type, protocol, ret);
	case AF_INET:
	case AF_INET6:
		return inet_socket_new(family, type, protocol, flags, ret);
	case AF_NETLINK:
		return netlink_socket_new(type, protocol, flags, ret);
	default:
		return -EAFNOSUPPORT;
	}
}

static int type_flags(unsigned long word, int *ret_type, unsigned int *ret_flags)
{
	unsigned int type = (unsigned int)word, flags = type & ~(unsigned int)SOCK_TYPE_MASK;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	*ret_type = (int)(type & SOCK_TYPE_MASK);
	*ret_flags = flags;
	return 0;
}

long sys_socket(unsigned long *a)
{
	unsigned int flags;
	struct socket *s;
	struct file *f;
	int type, fd;

	fd = type_flags(a[1], &type, &flags);
	if (fd)
		return fd;
	fd = socket_new((int)a[0], type, (int)a[2], flags, &s);
	if (fd)
		return fd;
	fd = socket_file_new(s, flags, &f);
	if (fd) {
		s->ops->release(s);
		return fd;
	}
	fd = fd_alloc(f, 0, flags & SOCK_CLOEXEC);
	file_put(f);
	return fd;
}

long sys_socketpair(unsigned long *a)
{
	struct socket *s[2] = { NULL, NULL };
	struct file *f[2] = { NULL, NULL };
	int fds[2] = { -1, -1 }, type, error;
	unsigned int flags, i;

	error = type_flags(a[1], &type, &flags);
	if (error)
		return error;
	if ((int)a[0] != AF_UNIX) {
		error = socket_new((int)a[0], type, (int)a[2], flags, &s[0]);
		if (error)
			return error;
		s[0]->ops->release(s[0]);
		return -EOPNOTSUPP;
	}
	if (type >= SOCK_TYPES)
		return -EINVAL;
	error = unix_socket_pair(type, (int)a[2], s);
	if (error)
		return error;
	for (i = 0; i < 2; i++) {
		error = socket_file_new(s[i], flags, &f[i]);
		if (error)
			goto out;
		s[i] = NULL;
	}
	for (i = 0; i < 2; i++) {
		error = fd_alloc(f[i], 0, flags & SOCK_CLOEXEC);
		if (error < 0)
			goto out;
		fds[i] = error;
	}
	error = copy_out(UPTR(a[3]), fds, sizeof(fds));
out:
	for (i = 0; i < 2; i++) {
		if (error < 0 && fds[i] >= 0 && fd_close(fds[i]) < 0)
			continue; /* another thread closed it already */
	}
	for (i = 0; i < 2; i++) {
		if (f[i])
			file_put(f[i]);
		if (s[i])
			s[i]->ops->release(s[i]);
	}
	return error < 0 ? error : 0;
}

/* --- names and connections ------------------------------------------------------------------------------------------ */

long sys_bind(unsigned long *a)
{
	unsigned char address[SOCKET_ADDRESS_MAX];
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	int error;

	if (IS_ERR(s))
		return PTR_ERR(s);
	error = socket_address_in(address, UPTR(a[1]), (unsigned int)a[2]);
	if (!error)
		error = s->ops->bind ? s->ops->bind(s, address, (unsigned int)a[2]) : -EOPNOTSUPP;
	file_put(f);
	return error;
}

long sys_listen(unsigned long *a)
{
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	unsigned int backlog = (unsigned int)a[1];
	int error;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (backlog > SOCKET_BACKLOG_MAX)
		backlog = SOCKET_BACKLOG_MAX;
	error = s->ops->listen ? s->ops->listen(s, (int)backlog) : -EOPNOTSUPP;
	file_put(f);
	return error;
}

long sys_connect(unsigned long *a)
{
	unsigned char address[SOCKET_ADDRESS_MAX];
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	int error;

	if (IS_ERR(s))
		return PTR_ERR(s);
	error = socket_address_in(address, UPTR(a[1]), (unsigned int)a[2]);
	if (!error)
		error = s->ops->connect ? s->ops->connect(s, address, (unsigned int)a[2],
							  socket_nonblock(f))
					: -EOPNOTSUPP;
	file_put(f);
	return error;
}

static long accept_common(int fd, struct uptr address_at, struct uptr size_at, unsigned int flags)
{
	unsigned char address[SOCKET_ADDRESS_MAX];
	unsigned int size = 0;
	struct file *f, *new_file;
	struct socket *s, *new_socket;
	int result;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	s = socket_of_fd(fd, &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	result = s->ops->accept ? s->ops->accept(s, flags, socket_nonblock(f), &new_socket,
						 address_at.v ? address : NULL, &size)
				: -EOPNOTSUPP;
	file_put(f);
	if (result)
		return result;
	result = socket_file_new(new_socket, flags, &new_file);
	if (result) {
		new_socket->ops->release(new_socket);
		return result;
	}
	if (address_at.v) {
		result = socket_address_out(address, size, address_at, size_at);
		if (result)
			goto out;
	}
	result = fd_alloc(new_file, 0, flags & SOCK_CLOEXEC);
out:
	file_put(new_file);
	return result;
}

long sys_accept(unsigned long *a)
{
	return accept_common((int)a[0], UPTR(a[1]), UPTR(a[2]), 0);
}

long sys_accept4(unsigned long *a)
{
	return accept_common((int)a[0], UPTR(a[1]), UPTR(a[2]), (unsigned int)a[3]);
}

static long name_common(unsigned long *a, bool peer)
{
	unsigned char address[SOCKET_ADDRESS_MAX];
	unsigned int size = 0;
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	int error;

	if (IS_ERR(s))
		return PTR_ERR(s);
	error = s->ops->name(s, peer, address, &size);
	file_put(f);
	return error ? error : socket_address_out(address, size, UPTR(a[1]), UPTR(a[2]));
}

long sys_getsockname(unsigned long *a)
{
	return name_common(a, false);
}

long sys_getpeername(unsigned long *a)
{
	return name_common(a, true);
}

long sys_shutdown(unsigned long *a)
{
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	int error, how = (int)a[1];

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (how < 0 || how > 2)
		error = -EINVAL;
	else
		error = s->ops->shutdown ? s->ops->shutdown(s, how + 1) : -EOPNOTSUPP;
	file_put(f);
	return error;
}
