/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that move data: send and recv in their seven forms. Each copies what the application gave (addresses,
 * message headers, control messages) once into the kernel, then calls the family's send or receive.
 * No locks. Addresses live on the stack, control messages in one kmalloc of at most SOCKET_CONTROL_MAX bytes.
 */
#include <asm/errno.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/net/socket.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define VECTOR_MAX 1024
#define MESSAGES_MAX 1024

long sys_sendto(unsigned long *a)
{
	struct send_args send = { .flags = (unsigned int)a[3] };
	unsigned char address[SOCKET_ADDRESS_MAX];
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	struct uio io;
	long result;

	if (IS_ERR(s))
		return PTR_ERR(s);
	result = uio_init_user(&io, UPTR(a[1]), MIN((size_t)a[2], (size_t)0x7ffff000));
	if (result)
		goto out;
	if (a[4]) {
		result = socket_address_in(address, UPTR(a[4]), (unsigned int)a[5]);
		if (result)
			goto out_io;
		send.address = address;
		send.address_size = (unsigned int)a[5];
	}
	send.flags |= socket_file_flags(f);
	send.io = &io;
	result = s->ops->send(s, &send);
out_io:
	uio_done(&io);
out:
	file_put(f);
	return result;
}

long sys_recvfrom(unsigned long *a)
{
	struct receive_args receive = { .flags = (unsigned int)a[3] };
	unsigned char address[SOCKET_ADDRESS_MAX];
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	struct uio io;
	long result;

	if (IS_ERR(s))
		return PTR_ERR(s);
	result = uio_init_user(&io, UPTR(a[1]), MIN((size_t)a[2], (size_t)0x7ffff000));
	if (result)
		goto out;
	receive.flags |= socket_file_flags(f);
	receive.io = &io;
	if (a[4])
		receive.address = address;
	result = s->ops->receive(s, &receive);
	if (result >= 0 && a[4]) {
		int error =
			socket_address_out(address, receive.address_size, UPTR(a[4]), UPTR(a[5]));

		if (error)
			result = error;
	}
	uio_done(&io);
out:
	file_put(f);
	return result;
}

static int header_in(struct message_header *h, struct uptr at)
{
	int error = copy_in(h, at, sizeof(*h));

	if (error)
		return error;
	if (!h->name.v)
		h->name_size = 0;
	if (h->name_size < 0)
		return -EINVAL;
	if (h->name_size > (int)SOCKET_ADDRESS_MAX)
		h->name_size = (int)SOCKET_ADDRESS_MAX;
	return h->vector_count > VECTOR_MAX ? -EMSGSIZE : 0;
}

static long send_message(struct socket *s, struct file *f, struct uptr at, unsigned int flags)
{
	struct send_args send = { .flags = flags | socket_file_flags(f) };
	unsigned char address[SOCKET_ADDRESS_MAX];
	struct message_header h;
	void *control = NULL;
	struct uio io;
	long result;

	result = header_in(&h, at);
	if (result)
		return result;
	if (h.name_size) {
		result = socket_address_in(address, h.name, (unsigned int)h.name_size);
		if (result)
			return result;
		send.address = address;
		send.address_size = (unsigned int)h.name_size;
	}
	result = uio_init_iovec(&io, h.vector, h.vector_count);
	if (result)
		return result;
	if (h.control_size && !h.control.v) {
		result = -EFAULT;
		goto out;
	}
	if (h.control_size) {
		result = -ENOBUFS;
		if (h.control_size > SOCKET_CONTROL_MAX)
			goto out;
		control = kmalloc(h.control_size);
		if (!control)
			goto out;
		result = copy_in(control, h.control, h.control_size);
		if (result)
			goto out;
		send.control = control;
		send.control_size = h.control_size;
	}
	send.io = &io;
	result = s->ops->send(s, &send);
out:
	kfree(control);
	uio_done(&io);
	return result;
}

static long receive_message(struct socket *s, struct file *f, struct uptr at, unsigned int flags)
{
	struct receive_args receive = { .flags = flags | socket_file_flags(f), .has_header = true };
	unsigned char address[SOCKET_ADDRESS_MAX];
	struct message_header h;
	uint64_t control_used;
	struct uio io;
	long result;
	int error;

	result = header_in(&h, at);
	if (result)
		return result;
	result = uio_init_iovec(&io, h.vector, h.vector_count);
	if (result)
		return result;
	receive.io = &io;
	receive.address = h.name.v ? address : NULL;
	receive.control = h.control;
	receive.control_left = h.control.v ? (size_t)h.control_size : 0;
	result = s->ops->receive(s, &receive);
	uio_done(&io);
	if (result < 0)
		return result;
	if (h.name.v) {
		error = socket_address_out(address, receive.address_size, h.name,
					   uptr_add(at,
						    offsetof(struct message_header, name_size)));
		if (error)
			return error;
	}
	error = put_user(receive.result_flags | (flags & MSG_CMSG_CLOEXEC),
			 uptr_add(at, offsetof(struct message_header, flags)));
	if (error)
		return error;
	control_used = receive.control.v - h.control.v;
	error = put_user(control_used, uptr_add(at, offsetof(struct message_header, control_size)));
	return error ? error : result;
}

long sys_sendmsg(unsigned long *a)
{
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	long result;

	if (IS_ERR(s))
		return PTR_ERR(s);
	result = send_message(s, f, UPTR(a[1]), (unsigned int)a[2]);
	file_put(f);
	return result;
}

long sys_recvmsg(unsigned long *a)
{
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	long result;

	if (IS_ERR(s))
		return PTR_ERR(s);
	result = receive_message(s, f, UPTR(a[1]), (unsigned int)a[2]);
	file_put(f);
	return result;
}

/* struct mmsghdr: a message header, then the number of bytes moved. */
#define MANY_SIZE 64
#define MANY_LENGTH sizeof(struct message_header)

long sys_sendmmsg(unsigned long *a)
{
	unsigned int count = MIN((unsigned int)a[2], (unsigned int)MESSAGES_MAX), done = 0;
	struct uptr at = UPTR(a[1]);
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	long result = 0;

	if (IS_ERR(s))
		return PTR_ERR(s);
	for (; done < count; done++, at = uptr_add(at, MANY_SIZE)) {
		result = send_message(s, f, at, (unsigned int)a[3]);
		if (result < 0)
			break;
		result = put_user((uint32_t)result, uptr_add(at, MANY_LENGTH));
		if (result)
			break;
		if (signal_pending(current()))
			count = MIN(count, done + 1);
	}
	file_put(f);
	return done ? (long)done : result;
}

long sys_recvmmsg(unsigned long *a)
{
	unsigned int count = MIN((unsigned int)a[2], (unsigned int)MESSAGES_MAX), done = 0,
		     flags = (unsigned int)a[3];
	struct uptr at = UPTR(a[1]), timeout = UPTR(a[4]);
	uint64_t deadline = NEVER, now;
	struct timespec64_user left;
	struct file *f;
	struct socket *s;
	long result = 0;

	if (timeout.v) {
		result = deadline_from_user(timeout, &deadline);
		if (result)
			return result;
	}
	s = socket_of_fd((int)a[0], &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	while (done < count) {
		result = receive_message(s, f, at, flags & ~MSG_WAITFORONE);
		if (result < 0)
			break;
		result = put_user((uint32_t)result, uptr_add(at, MANY_LENGTH));
		if (result)
			break;
		done++;
		at = uptr_add(at, MANY_SIZE);
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		/* As Linux: the timeout is only looked at after each message. */
		if (deadline != NEVER && clock_monotonic() >= deadline)
			break;
	}
	file_put(f);
	if (!done)
		return result;
	if (timeout.v && deadline != NEVER) {
		now = clock_monotonic();
		now = deadline > now ? deadline - now : 0;
		left.sec = (int64_t)(now / 1000000000u);
		left.nsec = (int64_t)(now % 1000000000u);
		if (copy_out(timeout, &left, sizeof(left)))
			return -EFAULT;
	}
	return (long)done;
}
