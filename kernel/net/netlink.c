/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_NETLINK: NETLINK_ROUTE only, and only for reading, as getifaddrs(3) and ip(8) do. A socket is a netlink socket of
 * the host; requests are checked message by message (RTM_GET* only) and answers, which the host may forge, have their
 * lengths checked. The host's port number is not shown: the application binds and sees its own (the process id by
 * default), and message headers are rewritten both ways.
 *
 * Everything goes through the task's buffer. guest_port and host_port are words written by bind; no locks.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/net/socket.h"
#include "kernel/signal/signal.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

struct netlink_socket {
	struct socket base; /* first */
	uint32_t guest_port, host_port;
};

#define SOL_NETLINK_LEVEL 270
#define SEND_FLAGS MSG_DONTWAIT
#define RECEIVE_FLAGS (MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT)

static struct netlink_socket *netlink_of(struct socket *s)
{
	return (struct netlink_socket *)s;
}

static int netlink_bind_groups(struct netlink_socket *n, uint32_t guest_port, uint32_t groups)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = groups };
	unsigned int size = sizeof(own);
	int error;

	/* Groups may be joined again later; the host port, once given, stays. */
	own.nl_pid = n->host_port;
	error = host_bind(n->base.handle, &own, sizeof(own));
	if (error)
		return error;
	error = host_getsockname(n->base.handle, &own, &size);
	if (error)
		return error;
	if (size != sizeof(own) || own.nl_family != AF_NETLINK)
		return -EIO;
	n->host_port = own.nl_pid;
	n->guest_port = guest_port ? guest_port : (uint32_t)current_process()->pid;
	return 0;
}

static int netlink_bind(struct socket *s, const void *address, unsigned int size)
{
	struct netlink_socket *n = netlink_of(s);
	struct sockaddr_nl nl;

	if (size < sizeof(nl))
		return -EINVAL;
	memcpy(&nl, address, sizeof(nl));
	if (nl.nl_family != AF_NETLINK ||
	    (n->guest_port && nl.nl_pid && nl.nl_pid != n->guest_port))
		return -EINVAL;
	return netlink_bind_groups(n, n->guest_port ? n->guest_port : nl.nl_pid, nl.nl_groups);
}

/* Only the kernel (port 0) can be talked to, so connecting changes nothing but being bound. */
static int netlink_connect(struct socket *s, const void *address, unsigned int size, bool nonblock)
{
	struct netlink_socket *n = netlink_of(s);
	struct sockaddr_nl nl;

	(void)nonblock;
	if (size < sizeof(nl.nl_family))
		return -EINVAL;
	memset(&nl, 0, sizeof(nl));
	memcpy(&nl, address, MIN(size, (unsigned int)sizeof(nl)));
	if (nl.nl_family == AF_UNSPEC)
		return 0;
	if (nl.nl_family != AF_NETLINK || size < sizeof(nl))
		return -EINVAL;
	if (nl.nl_pid || nl.nl_groups)
		return -EPERM;
	return n->guest_port ? 0 : netlink_bind_groups(n, 0, 0);
}

static int netlink_name(struct socket *s, bool peer, void *address, unsigned int *ret_size)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	unsigned int size = sizeof(own);
	int error;

	if (!peer) {
		error = host_getsockname(s->handle, &own, &size);
		if (error)
			return error;
		own.nl_family = AF_NETLINK;
		own.nl_pid = netlink_of(s)->guest_port;
	}
	memcpy(address, &own, sizeof(own));
	*ret_size = sizeof(own);
	return 0;
}

static bool request_allowed(unsigned int type)
{
	switch (type) {
	case NLMSG_NOOP:
	case NLMSG_DONE:
	case RTM_GETLINK:
	case RTM_GETADDR:
	case RTM_GETROUTE:
	case RTM_GETNEIGH:
	case RTM_GETRULE:
	case RTM_GETQDISC:
	case RTM_GETNEIGHTBL:
	case RTM_GETNETCONF:
	case RTM_GETSTATS:
		return true;
	default:
		return false;
	}
}

/*
 * Checks the messages of a request, and cuts it where its first impossible header is: Linux silently looks no further
 * (ip(8) sends its whole buffer, with zeros behind the message).
 */
static int check_request(struct netlink_socket *n, unsigned char *at, size_t *size)
{
	size_t step, left = *size;
	struct nlmsghdr h;

	while (left >= sizeof(h)) {
		memcpy(&h, at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > left)
			break;
		if (!request_allowed(h.nlmsg_type))
			return -EPERM;
		if (h.nlmsg_pid == n->guest_port)
			h.nlmsg_pid = n->host_port;
		memcpy(at, &h, sizeof(h));
		step = MIN((size_t)NLMSG_ALIGN(h.nlmsg_len), left);
		at += step;
		left -= step;
	}
	*size -= left;
	return 0;
}

static long netlink_send(struct socket *s, struct send_args *a)
{
	struct netlink_socket *n = netlink_of(s);
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	size_t size = a->io->left, checked = size;
	char *buffer = task_iobuf();
	struct sockaddr_nl to;
	long result;

	if (a->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!buffer)
		return -ENOBUFS;
	if (a->address_size) {
		if (a->address_size < sizeof(to))
			return -EINVAL;
		memcpy(&to, a->address, sizeof(to));
		if (to.nl_family != AF_NETLINK)
			return -EINVAL;
		if (to.nl_pid || to.nl_groups)
			return to.nl_groups ? -EPERM : -ECONNREFUSED;
	}
	if (size > TASK_IOBUF_SIZE)
		return -EMSGSIZE;
	if (!n->guest_port) {
		result = netlink_bind_groups(n, 0, 0);
		if (result)
			return result;
	}
	if (uio_get(a->io, buffer, size) != size)
		return -EFAULT;
	result = check_request(n, (unsigned char *)buffer, &checked);
	if (result || !checked)
		return result ? result : (long)size;
	do
		result = host_sendto(s->handle, buffer, checked,
				     (int)((a->flags & SEND_FLAGS) | MSG_NOSIGNAL), &kernel,
				     sizeof(kernel));
	while (host_retry(result));
	if (result < 0)
		return host_socket_result(result, a->flags & MSG_DONTWAIT, s->send_timeout);
	return (long)size;
}

/* The whole message headers of an answer; a cut one at the end is the application's to see by MSG_TRUNC. */
static int check_answer(struct netlink_socket *n, unsigned char *at, size_t left, bool cut)
{
	struct nlmsghdr h;
	size_t step;

	while (left >= sizeof(h)) {
		memcpy(&h, at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || (h.nlmsg_len > left && !cut))
			return -EIO;
		if (h.nlmsg_pid == n->host_port) {
			h.nlmsg_pid = n->guest_port;
			memcpy(at, &h, sizeof(h));
		}
		step = NLMSG_ALIGN(h.nlmsg_len);
		if (step >= left)
			break;
		at += step;
		left -= step;
	}
	return 0;
}

static long netlink_receive(struct socket *s, struct receive_args *a)
{
	size_t size = MIN(a->io->left, (size_t)TASK_IOBUF_SIZE), got;
	struct sockaddr_nl from;
	char *buffer = task_iobuf();
	unsigned int from_size;
	long result;
	int error;

	if (a->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!buffer)
		return -ENOBUFS;
	do {
		from_size = sizeof(from);
		memset(&from, 0, sizeof(from));
		/* MSG_TRUNC always: a message that did not fit is to be told. */
		result = host_recvfrom(s->handle, buffer, size,
				       (int)((a->flags & RECEIVE_FLAGS) | MSG_TRUNC), &from,
				       &from_size);
	} while (host_retry(result));
	if (result < 0)
		return host_socket_result(result, a->flags & MSG_DONTWAIT, s->receive_timeout);
	got = MIN((size_t)result, size);
	error = check_answer(netlink_of(s), (unsigned char *)buffer, got, (size_t)result > size);
	if (error)
		return error;
	if (uio_put(a->io, buffer, got) != got)
		return -EFAULT;
	if (a->address) {
		from.nl_family = AF_NETLINK;
		memcpy(a->address, &from, sizeof(from));
		a->address_size = sizeof(from);
	}
	if ((size_t)result > size)
		a->result_flags |= MSG_TRUNC;
	return a->flags & MSG_TRUNC ? result : (long)got;
}

static bool option_allowed(int level, int name, bool set)
{
	if (level == SOL_NETLINK_LEVEL)
		return name == NETLINK_EXT_ACK || name == NETLINK_GET_STRICT_CHK ||
		       name == NETLINK_CAP_ACK || name == NETLINK_NO_ENOBUFS ||
		       name == NETLINK_ADD_MEMBERSHIP || name == NETLINK_DROP_MEMBERSHIP;
	if (level != SOL_SOCKET)
		return false;
	switch (name) {
	case SO_SNDBUF:
	case SO_RCVBUF:
	case SO_REUSEADDR:
		return true;
	case SO_RCVTIMEO_OLD:
	case SO_SNDTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
		return set;
	case SO_ERROR:
	case SO_ACCEPTCONN:
		return !set;
	default:
		return false;
	}
}

static int netlink_set_option(struct socket *s, int level, int name, const void *value,
			      unsigned int size)
{
	return option_allowed(level, name, true)
		       ? host_setsockopt(s->handle, level, name, value, size)
		       : -ENOPROTOOPT;
}

static int netlink_get_option(struct socket *s, int level, int name, void *value,
			      unsigned int *size)
{
	return option_allowed(level, name, false)
		       ? host_getsockopt(s->handle, level, name, value, size)
		       : -ENOPROTOOPT;
}

static const struct socket_ops netlink_ops = {
	.file_ops = &host_socket_file_ops,
	.bind = netlink_bind,
	.connect = netlink_connect,
	.name = netlink_name,
	.send = netlink_send,
	.receive = netlink_receive,
	.set_option = netlink_set_option,
	.get_option = netlink_get_option,
	.release = host_socket_release,
};

int netlink_socket_new(int type, int protocol, unsigned int flags, struct socket **ret)
{
	struct netlink_socket *n;
	int handle;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	n = kzalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	handle = host_socket(AF_NETLINK, type | (int)(SOCK_CLOEXEC | (flags & SOCK_NONBLOCK)),
			     protocol);
	if (handle < 0) {
		kfree(n);
		return handle;
	}
	socket_setup(&n->base, &netlink_ops, AF_NETLINK, type, protocol);
	n->base.handle = handle;
	*ret = &n->base;
	return 0;
}
