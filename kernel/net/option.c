/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setsockopt and getsockopt. Options are copied into a bounded kernel buffer, the generic ones of SOL_SOCKET are
 * answered here for families whose sockets live in the enclave (ops->local_options), the rest goes to the family.
 * Timeouts are kept here for all families. Single words are read and written without a lock, as on Linux.
 */
#include <asm/errno.h>
#include <linux/capability.h>

#include "kernel/net/socket.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define OPTION_MAX 512u

/* Yes/no options that mean nothing inside the enclave but are remembered, as Linux does for AF_UNIX. */
#define FLAG_OPTIONS                                                                     \
	(1u << SO_DEBUG | 1u << SO_REUSEADDR | 1u << SO_DONTROUTE | 1u << SO_BROADCAST | \
	 1u << SO_KEEPALIVE | 1u << SO_OOBINLINE | 1u << SO_REUSEPORT)

int socket_set_timeout(uint64_t *timeout, const void *value, unsigned int size)
{
	int64_t tv[2]; /* struct timeval: seconds, microseconds */
	uint64_t ns;

	if (size < sizeof(tv))
		return -EINVAL;
	memcpy(tv, value, sizeof(tv));
	if (tv[1] < 0 || tv[1] >= 1000000)
		return -EDOM;
	if (tv[0] < 0) {
		*timeout = 0; /* Linux: do not wait at all */
		return 0;
	}
	if (__builtin_mul_overflow((uint64_t)tv[0], 1000000000u, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)tv[1] * 1000, &ns))
		ns = NEVER;
	*timeout = ns ? ns : NEVER;
	return 0;
}

int socket_get_timeout(uint64_t timeout, void *value, unsigned int *size)
{
	int64_t tv[2] = { 0, 0 };

	if (timeout != NEVER) {
		tv[0] = (int64_t)(timeout / 1000000000u);
		tv[1] = (int64_t)(timeout % 1000000000u / 1000);
	}
	*size = MIN(*size, (unsigned int)sizeof(tv));
	memcpy(value, tv, *size);
	return 0;
}

static uint32_t buffer_size(int value, uint32_t max)
{
	uint32_t size = (uint32_t)value > max / 2 ? max : (uint32_t)value * 2;

	return MAX(size, SOCKET_BUFFER_MIN);
}

/* -ENOPROTOOPT: not a generic one. */
static int set_local(struct socket *s, int name, const void *value, unsigned int size)
{
	int number;

	if (size < sizeof(int))
		return -EINVAL;
	memcpy(&number, value, sizeof(number));
	if (name > 0 && name < 32 && (FLAG_OPTIONS & 1u << name)) {
		if (name == SO_DEBUG && number && !capable(CAP_NET_ADMIN))
			return -EACCES;
		if (number)
			__atomic_or_fetch(&s->option_bits, 1u << name, __ATOMIC_RELAXED);
		else
			__atomic_and_fetch(&s->option_bits, ~(1u << name), __ATOMIC_RELAXED);
		return 0;
	}
	switch (name) {
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		if (!capable(CAP_NET_ADMIN))
			return -EPERM;
		*(name == SO_SNDBUFFORCE ? &s->send_buffer : &s->receive_buffer) =
			buffer_size(MAX(number, 0), SOCKET_BUFFER_FORCE_MAX);
		return 0;
	case SO_SNDBUF:
		s->send_buffer = buffer_size(number, SOCKET_BUFFER_MAX);
		return 0;
	case SO_RCVBUF:
		s->receive_buffer = buffer_size(number, SOCKET_BUFFER_MAX);
		return 0;
	case SO_RCVLOWAT:
		s->receive_low = number < 0 ? INT32_MAX : number ? (uint32_t)number : 1;
		return 0;
	case SO_PRIORITY:
		if ((number < 0 || number > 6) && !capable(CAP_NET_ADMIN))
			return -EPERM;
		s->priority = number;
		return 0;
	case SO_LINGER:
		if (size < sizeof(s->linger))
			return -EINVAL;
		memcpy(s->linger, value, sizeof(s->linger));
		s->linger[0] = !!s->linger[0];
		return 0;
	case SO_TYPE:
	case SO_PROTOCOL:
	case SO_DOMAIN:
	case SO_ERROR:
		return -ENOPROTOOPT;
	default:
		return s->ops->set_option ? s->ops->set_option(s, SOL_SOCKET, name, value, size)
					  : -ENOPROTOOPT;
	}
}

static int get_local(struct socket *s, int name, void *value, unsigned int *size)
{
	int number;

	if (name > 0 && name < 32 && (FLAG_OPTIONS & 1u << name)) {
		number = (s->option_bits & 1u << name) != 0;
	} else {
		switch (name) {
		case SO_SNDBUF:
			number = (int)s->send_buffer;
			break;
		case SO_RCVBUF:
			number = (int)s->receive_buffer;
			break;
		case SO_RCVLOWAT:
			number = (int)s->receive_low;
			break;
		case SO_SNDLOWAT:
			number = 1;
			break;
		case SO_PRIORITY:
			number = s->priority;
			break;
		case SO_LINGER:
			*size = MIN(*size, (unsigned int)sizeof(s->linger));
			memcpy(value, s->linger, *size);
			return 0;
		default:
			return s->ops->get_option
				       ? s->ops->get_option(s, SOL_SOCKET, name, value, size)
				       : -ENOPROTOOPT;
		}
	}
	*size = MIN(*size, (unsigned int)sizeof(number));
	memcpy(value, &number, *size);
	return 0;
}

static int set_option(struct socket *s, int level, int name, const void *value, unsigned int size)
{
	uint64_t *timeout;
	int error;

	if (level != SOL_SOCKET)
		return s->ops->set_option && !s->ops->local_options
			       ? s->ops->set_option(s, level, name, value, size)
			       : -EOPNOTSUPP;
	/* The names below depend on the size of time_t in the kernel's headers: the numbers are meant. */
	if (name == SO_RCVTIMEO_OLD || name == SO_RCVTIMEO_NEW)
		timeout = &s->receive_timeout;
	else if (name == SO_SNDTIMEO_OLD || name == SO_SNDTIMEO_NEW)
		timeout = &s->send_timeout;
	else if (s->ops->local_options)
		return set_local(s, name, value, size);
	else
		return s->ops->set_option(s, level, name, value, size);
	error = socket_set_timeout(timeout, value, size);
	if (!error && !s->ops->local_options)
		error = s->ops->set_option(s, level, name, value, size);
	return error;
}

static int get_option(struct socket *s, int level, int name, void *value, unsigned int *size)
{
	int number;

	if (level != SOL_SOCKET)
		return s->ops->get_option && !s->ops->local_options
			       ? s->ops->get_option(s, level, name, value, size)
			       : -EOPNOTSUPP;
	switch (name) {
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return socket_get_timeout(s->receive_timeout, value, size);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return socket_get_timeout(s->send_timeout, value, size);
	case SO_TYPE:
		number = s->type;
		break;
	case SO_DOMAIN:
		number = s->family;
		break;
	case SO_PROTOCOL:
		number = s->protocol;
		break;
	default:
		return s->ops->local_options ? get_local(s, name, value, size)
					     : s->ops->get_option(s, level, name, value, size);
	}
	*size = MIN(*size, (unsigned int)sizeof(number));
	memcpy(value, &number, *size);
	return 0;
}

long sys_setsockopt(unsigned long *a)
{
	uint64_t value[OPTION_MAX / 8];
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	int size = (int)a[4], error;

	if (IS_ERR(s))
		return PTR_ERR(s);
	error = -EINVAL;
	if (size < 0)
		goto out;
	/* No option that is let through is larger; longer buffers are cut, as Linux ignores what follows. */
	if (size > (int)OPTION_MAX)
		size = (int)OPTION_MAX;
	error = size ? copy_in(value, UPTR(a[3]), (size_t)size) : 0;
	if (!error)
		error = set_option(s, (int)a[1], (int)a[2], value, (unsigned int)size);
out:
	file_put(f);
	return error;
}

long sys_getsockopt(unsigned long *a)
{
	uint64_t value[OPTION_MAX / 8];
	struct file *f;
	struct socket *s = socket_of_fd((int)a[0], &f);
	unsigned int size;
	int given, error;

	if (IS_ERR(s))
		return PTR_ERR(s);
	error = get_user(given, UPTR(a[4]));
	if (!error && given < 0)
		error = -EINVAL;
	if (error)
		goto out;
	memset(value, 0, sizeof(value));
	size = MIN((unsigned int)given, OPTION_MAX);
	error = get_option(s, (int)a[1], (int)a[2], value, &size);
	/* A list of unknown length (SO_PEERGROUPS): says how much room it takes. */
	if (error == -ERANGE && put_user((int)size, UPTR(a[4])))
		error = -EFAULT;
	if (error)
		goto out;
	if (size)
		error = copy_out(UPTR(a[3]), value, size);
	if (!error)
		error = put_user((int)size, UPTR(a[4]));
out:
	file_put(f);
	return error;
}
