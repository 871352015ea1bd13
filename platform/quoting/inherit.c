/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that the service manager opened before we were started, by systemd's convention
 * (sd_listen_fds(3)): LISTEN_FDS of them from descriptor 3 on, if LISTEN_PID is this process,
 * named in LISTEN_FDNAMES with colons between. So the sockets are there before the service is, and
 * clients of a service that starts late wait instead of failing.
 */
#include "platform/quoting/quoting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3

/* A decimal number from the environment; -1: none. */
static long number_of(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long value;

	if (!text || text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	value = strtol(text, &end, 10);
	return *end || errno ? -1 : value;
}

static bool is_listening(int fd)
{
	int type = 0, listening = 0, domain = 0;
	socklen_t size = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_STREAM &&
	       !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_UNIX &&
	       !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) && listening;
}

int inherit_sockets(int ret_listeners[2], struct cattest_error *err)
{
	static const char *const known[2] = { "quoting", "aesm" };
	const char *name = getenv("LISTEN_FDNAMES");
	long count = number_of("LISTEN_FDS");
	int which;

	ret_listeners[0] = ret_listeners[1] = -1;
	if (number_of("LISTEN_PID") != (long)getpid() || count <= 0)
		return 0;
	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
		size_t len = name ? strcspn(name, ":") : 0;

		for (which = 0; which < 2; which++)
			if (len == strlen(known[which]) && !strncmp(name, known[which], len))
				break;
		if (which == 2 || ret_listeners[which] >= 0 || !is_listening(fd) ||
		    fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK))
			return fail(
				err, -EINVAL,
				"descriptor %d of the service manager is no listening socket called quoting or aesm (FileDescriptorName=)",
				fd);
		ret_listeners[which] = fd;
		name += len + (name[len] == ':');
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (ret_listeners[0] < 0)
		return fail(err, -EINVAL, "the service manager opened no socket called quoting");
	return 0;
}
