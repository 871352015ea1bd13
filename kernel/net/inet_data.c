/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data of host sockets. Where the host may see application memory (PLAT_HOST_SEES_USER) it reads and writes it
 * directly: one hostcall, no copy, no allocation. Elsewhere, and when a direct call met memory that is not there yet
 * (-EFAULT: the host cannot run our fault handler), data goes through the task's 64 KiB buffer.
 * A datagram whose copy faults is lost, so the buffer's pages are touched before a direct receive of one.
 *
 * Control messages are checked in both directions against a list; SCM_RIGHTS never crosses to or from the host.
 * No locks. SIGPIPE is raised here: the host is always told MSG_NOSIGNAL.
 */
#include <asm/errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "abi/platform.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/net/inet.h"
#include "kernel/signal/signal.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define SEND_FLAGS \
	(MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | MSG_EOR | MSG_CONFIRM | MSG_MORE | MSG_FASTOPEN)
#define RECEIVE_FLAGS (MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_WAITALL | MSG_ERRQUEUE)
#define RESULT_FLAGS (MSG_OOB | MSG_CTRUNC | MSG_TRUNC | MSG_EOR | MSG_ERRQUEUE)
#define CONTROL_RECEIVE_MAX 4096u

static bool host_sees_user(void)
{
	return plat_info()->capabilities & PLAT_HOST_SEES_USER;
}

/* struct iovec of the host for a kernel buffer. */
static struct uio_segment kernel_segment(void *buffer, size_t size)
{
	return (struct uio_segment){ UPTR(buffer), size };
}

/* The buffer if it is one piece that the host can use: kernel memory or a user segment. NULL: it is not. */
static void *single_piece(const struct uio *io)
{
	struct uptr at = UPTR(0);

	if (io->kernel)
		return io->kernel;
	if (!host_sees_user())
		return NULL;
	return uio_peek(io, &at) == io->left && io->left ? (void *)at.v : NULL;
}

/* --- sending ---------------------------------------------------------------------------------------------------- */

static int check_send_control(const struct send_args *a)
{
	struct control_cursor c = { a->control, a->control_size };
	const unsigned char *data;
	struct control_header h;
	int more;

	while ((more = control_next(&c, &h, &data)) > 0) {
		switch (h.level) {
		case IPPROTO_IP:
			if (h.type != IP_PKTINFO && h.type != IP_TTL && h.type != IP_TOS)
				return -EINVAL;
			break;
		case IPPROTO_IPV6:
			if (h.type != IPV6_PKTINFO && h.type != IPV6_HOPLIMIT &&
			    h.type != IPV6_TCLASS && h.type != IPV6_DONTFRAG)
				return -EINVAL;
			break;
		case IPPROTO_UDP:
			if (h.type != UDP_SEGMENT)
				return -EINVAL;
			break;
		default:
			return -EINVAL;
		}
	}
	return more;
}

static long send_vector(struct socket *s, struct send_args *a, struct uio_segment *vector,
			unsigned int count, size_t size, int flags)
{
	struct message_header h = {
		.name = UPTR(a->address),
		.name_size = (int32_t)a->address_size,
		.vector = UPTR(vector),
		.vector_count = count,
		.control = UPTR(a->control),
		.control_size = a->control_size,
	};
	long result;

	do
		result = host_sendmsg(s->handle, &h, flags, size);
	while (host_retry(result));
	return result;
}

static long send_piece(struct socket *s, struct send_args *a, void *piece, size_t size, int flags)
{
	struct uio_segment segment = kernel_segment(piece, size);
	long result;

	if (unlikely(a->control_size))
		return send_vector(s, a, &segment, 1, size, flags);
	do
		result = host_sendto(s->handle, piece, size, flags, a->address, a->address_size);
	while (host_retry(result));
	return result;
}

static long send_bounced(struct socket *s, struct send_args *a, int flags)
{
	char *buffer = task_iobuf();
	size_t sent = 0, size;
	long result;

	if (!buffer)
		return -ENOMEM;
	if (s->type != SOCK_STREAM && a->io->left > TASK_IOBUF_SIZE)
		return -EMSGSIZE;
	do {
		bool fault;

		size = MIN(a->io->left, (size_t)TASK_IOBUF_SIZE);
		fault = false;
		if (size) {
			size_t got = uio_get(a->io, buffer, size);

			fault = got < size;
			if (fault && (s->type != SOCK_STREAM || !got))
				return sent ? (long)sent : -EFAULT;
			size = got;
		}
		result = send_piece(s, a, buffer, size, flags);
		if (result < 0)
			return sent ? (long)sent : result;
		sent += (size_t)result;
		if (fault || (size_t)result < size)
			break;
	} while (a->io->left);
	return (long)sent;
}

long inet_send(struct socket *s, struct send_args *a)
{
	int flags = (int)((a->flags & SEND_FLAGS) | MSG_NOSIGNAL);
	void *piece = single_piece(a->io);
	long result;

	if (unlikely(a->control_size)) {
		result = check_send_control(a);
		if (result)
			return result;
	}
	if (likely(piece))
		result = send_piece(s, a, piece, a->io->left, flags);
	else if (host_sees_user() && a->io->left)
		result = send_vector(s, a, a->io->segments, a->io->count, a->io->left, flags);
	else
		result = send_bounced(s, a, flags);
	if (unlikely(result == -EFAULT && !a->io->kernel))
		result = send_bounced(s, a, flags);
	if (unlikely(result == -EPIPE && s->type == SOCK_STREAM && !(a->flags & MSG_NOSIGNAL)))
		signal_current(SIGPIPE);
	return host_socket_result(result, a->flags & MSG_DONTWAIT, s->send_timeout);
}

/* --- receiving -------------------------------------------------------------------------------------------------- */

static bool control_allowed(int level, int type)
{
	switch (level) {
	case SOL_SOCKET:
		return type == SO_TIMESTAMP_OLD || type == SO_TIMESTAMPNS_OLD ||
		       type == SO_TIMESTAMPING_OLD || type == SO_TIMESTAMP_NEW ||
		       type == SO_TIMESTAMPNS_NEW || type == SO_TIMESTAMPING_NEW ||
		       type == SO_RXQ_OVFL;
	case IPPROTO_IP:
		return type == IP_PKTINFO || type == IP_TTL || type == IP_TOS ||
		       type == IP_RECVERR || type == IP_ORIGDSTADDR || type == IP_RECVFRAGSIZE;
	case IPPROTO_IPV6:
		return type == IPV6_PKTINFO || type == IPV6_HOPLIMIT || type == IPV6_TCLASS ||
		       type == IPV6_RECVERR || type == IPV6_ORIGDSTADDR ||
		       type == IPV6_RECVFRAGSIZE;
	case IPPROTO_UDP:
		return type == UDP_GRO;
	case IPPROTO_TCP:
		return type == TCP_CM_INQ;
	default:
		return false;
	}
}

/* What the host wrote: walked with every length checked; what is not on the list is dropped. */
static int control_forward(struct receive_args *a, const unsigned char *at, size_t left)
{
	struct control_cursor c = { at, left };
	const unsigned char *data;
	struct control_header h;
	int more, error;

	while ((more = control_next(&c, &h, &data)) > 0) {
		if (!control_allowed(h.level, h.type))
			continue;
		error = control_put(a, h.level, h.type, data, h.size - sizeof(h));
		if (error)
			return error;
	}
	return more ? -EIO : 0;
}

static long receive_vector(struct socket *s, struct receive_args *a, struct uio_segment *vector,
			   unsigned int count, size_t size, int flags)
{
	size_t control_size = MIN(a->control_left, (size_t)CONTROL_RECEIVE_MAX);
	unsigned char *control = NULL;
	struct message_header h;
	long result;
	int error;

	if (control_size) {
		control = kmalloc(control_size);
		if (!control)
			return -ENOBUFS;
	}
	do {
		memset(&h, 0, sizeof(h));
		h.name = UPTR(a->address);
		h.name_size = a->address ? (int32_t)SOCKET_ADDRESS_MAX : 0;
		h.vector = UPTR(vector);
		h.vector_count = count;
		h.control = UPTR(control);
		h.control_size = control_size;
		result = host_recvmsg(s->handle, &h, flags, size);
	} while (host_retry(result));
	if (result < 0)
		goto out;
	a->address_size = a->address ? MIN((unsigned int)MAX(h.name_size, 0), SOCKET_ADDRESS_MAX)
				     : 0;
	a->result_flags |= h.flags & RESULT_FLAGS;
	if (control) {
		error = control_forward(a, control, MIN((size_t)h.control_size, control_size));
		if (error)
			result = error;
	}
out:
	kfree(control);
	return result;
}

static long receive_piece(struct socket *s, struct receive_args *a, void *piece, size_t size,
			  int flags)
{
	struct uio_segment segment = kernel_segment(piece, size);
	unsigned int address_size;
	long result;

	if (a->has_header)
		return receive_vector(s, a, &segment, 1, size, flags);
	do {
		address_size = SOCKET_ADDRESS_MAX;
		result = host_recvfrom(s->handle, piece, size, flags, a->address,
				       a->address ? &address_size : NULL);
	} while (host_retry(result));
	if (a->address && result >= 0)
		a->address_size = MIN(address_size, SOCKET_ADDRESS_MAX);
	return result;
}

static long receive_bounced(struct socket *s, struct receive_args *a, int flags)
{
	bool stream = s->type == SOCK_STREAM, discard = stream && (flags & (int)MSG_TRUNC);
	char *buffer = task_iobuf();
	size_t received = 0, size, got;
	long result;

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		size = MIN(a->io->left, (size_t)TASK_IOBUF_SIZE);
		result = receive_piece(s, a, buffer, size, flags);
		if (result < 0)
			return received ? (long)received : result;
		got = MIN((size_t)result, size);
		if (discard)
			uio_skip(a->io, got);
		else if (got && uio_put(a->io, buffer, got) != got)
			return received ? (long)received : -EFAULT;
		received += (size_t)result;
		if (!stream || !result || got < size || !a->io->left ||
		    (flags & (int)(MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))
			return (long)received;
		if (!(flags & (int)MSG_WAITALL))
			flags |= (int)MSG_DONTWAIT;
	}
}

/* Makes the pages of a datagram's buffer present. Bad memory is the host's to report. */
static void touch(const struct uio *io)
{
	size_t left = MIN(io->left, (size_t)TASK_IOBUF_SIZE);
	char byte;

	for (unsigned int i = 0; i < io->count && left; i++) {
		size_t size = MIN(io->segments[i].size, left);
		uintptr_t at = io->segments[i].base.v, end = at + size;

		left -= size;
		for (; at < end; at = PAGE_DOWN(at) + PAGE_SIZE)
			if (get_user(byte, UPTR(at)))
				return;
	}
}

long inet_receive(struct socket *s, struct receive_args *a)
{
	int flags = (int)(a->flags & RECEIVE_FLAGS);
	void *piece = single_piece(a->io);
	long result;

	if (s->type != SOCK_STREAM && !a->io->kernel && host_sees_user())
		touch(a->io);
	if (likely(piece))
		result = receive_piece(s, a, piece, a->io->left, flags);
	else if (host_sees_user() && a->io->left)
		result = receive_vector(s, a, a->io->segments, a->io->count, a->io->left, flags);
	else
		result = receive_bounced(s, a, flags);
	if (unlikely(result == -EFAULT && s->type == SOCK_STREAM && !a->io->kernel))
		result = receive_bounced(s, a, flags);
	return host_socket_result(result, a->flags & MSG_DONTWAIT, s->receive_timeout);
}
