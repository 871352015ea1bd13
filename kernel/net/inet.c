/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_INET and AF_INET6 sockets: each is one socket of the host, loopback included, so that peers on the host reach
 * servers in the enclave. What the host says is only ever passed on to the application, never acted upon: an enclave
 * that needs more than that speaks TLS. Privileges are the enclave's own (ports below 1024, raw sockets); the host
 * applies its rules on top.
 *
 * No locks: the host's socket is its own object, our few words are written whole.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/sockios.h>

#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/net/inet.h"
#include "kernel/signal/signal.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define PORT_PRIVILEGED 1024

static const struct socket_ops inet_ops;

static int inet_bind(struct socket *s, const void *address, unsigned int size)
{
	const unsigned char *bytes = address;
	uint16_t family;
	unsigned int port;

	if (size >= 4) {
		memcpy(&family, bytes, sizeof(family));
		port = (unsigned int)bytes[2] << 8 | bytes[3];
		if ((family == AF_INET || family == AF_INET6) && port && port < PORT_PRIVILEGED &&
		    s->type != SOCK_RAW && !capable(CAP_NET_BIND_SERVICE))
			return -EACCES;
	}
	return host_bind(s->handle, address, size);
}

static int inet_listen(struct socket *s, int backlog)
{
	return host_listen(s->handle, backlog);
}

static int inet_connect(struct socket *s, const void *address, unsigned int size, bool nonblock)
{
	int result;

	/* A cancelled connect goes on in the host: the second one waits for it. */
	do
		result = host_connect(s->handle, address, size);
	while (host_retry(result));
	return (int)host_socket_result(result, nonblock, s->send_timeout);
}

static int inet_accept(struct socket *s, unsigned int flags, bool nonblock, struct socket **ret,
		       void *address, unsigned int *ret_size)
{
	unsigned int size;
	struct socket *n;
	int handle;

	if (s->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	n = kmalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	do {
		size = SOCKET_ADDRESS_MAX;
		handle = host_accept(s->handle, address, address ? &size : NULL,
				     (int)(SOCK_CLOEXEC | (flags & SOCK_NONBLOCK)));
	} while (host_retry(handle));
	if (handle < 0) {
		kfree(n);
		return (int)host_socket_result(handle, nonblock, s->receive_timeout);
	}
	socket_setup(n, &inet_ops, s->family, s->type, s->protocol);
	n->handle = handle;
	n->receive_timeout = s->receive_timeout;
	n->send_timeout = s->send_timeout;
	if (address)
		*ret_size = size;
	*ret = n;
	return 0;
}

static int inet_name(struct socket *s, bool peer, void *address, unsigned int *ret_size)
{
	unsigned int size = SOCKET_ADDRESS_MAX;
	int error = peer ? host_getpeername(s->handle, address, &size)
			 : host_getsockname(s->handle, address, &size);

	if (!error)
		*ret_size = size;
	return error;
}

static int inet_shutdown(struct socket *s, int how)
{
	return host_shutdown(s->handle, how - 1);
}

static long inet_ioctl(struct socket *s, unsigned int request, unsigned long argument)
{
	int value = 0;
	long result;

	switch (request) {
	case FIONREAD:
	case TIOCOUTQ:
	case SIOCOUTQNSD:
	case SIOCATMARK:
		result = host_ioctl(s->handle, request, &value);
		return result < 0 ? result : put_user(value, UPTR(argument));
	default:
		return -ENOTTY;
	}
}

static const struct socket_ops inet_ops = {
	.file_ops = &host_socket_file_ops,
	.bind = inet_bind,
	.listen = inet_listen,
	.connect = inet_connect,
	.accept = inet_accept,
	.name = inet_name,
	.send = inet_send,
	.receive = inet_receive,
	.shutdown = inet_shutdown,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.ioctl = inet_ioctl,
	.release = host_socket_release,
};

static int check_protocol(int type, int *protocol)
{
	switch (type) {
	case SOCK_STREAM:
		if (*protocol && *protocol != IPPROTO_TCP)
			return -EPROTONOSUPPORT;
		*protocol = IPPROTO_TCP;
		return 0;
	case SOCK_DGRAM:
		if (!*protocol)
			*protocol = IPPROTO_UDP;
		return *protocol == IPPROTO_UDP || *protocol == IPPROTO_ICMP ||
				       *protocol == IPPROTO_ICMPV6
			       ? 0
			       : -EPROTONOSUPPORT;
	case SOCK_RAW:
		if (*protocol < 0 || *protocol > 255)
			return -EINVAL;
		return capable(CAP_NET_RAW) ? 0 : -EPERM;
	default:
		return -ESOCKTNOSUPPORT;
	}
}

int inet_socket_new(int family, int type, int protocol, unsigned int flags, struct socket **ret)
{
	struct socket *s;
	int error, handle;

	error = check_protocol(type, &protocol);
	if (error)
		return error;
	s = kmalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	handle =
		host_socket(family, type | (int)(SOCK_CLOEXEC | (flags & SOCK_NONBLOCK)), protocol);
	if (handle < 0) {
		kfree(s);
		return handle;
	}
	socket_setup(s, &inet_ops, family, type, protocol);
	s->handle = handle;
	*ret = s;
	return 0;
}
