/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets by address: "host:port", "[::1]:port", "port", "unix:/path". */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int unix_address(const char *path, struct sockaddr_un *ret, struct cattest_error *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path || strlen(path) >= sizeof(ret->sun_path))
		return ctls_fail(err, -EINVAL, "unix:%s: a path of 1 to %zu bytes is needed", path,
				 sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

static int resolve(const char *address, bool passive, struct addrinfo **ret,
		   struct cattest_error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = (passive ? AI_PASSIVE : 0) | AI_NUMERICSERV };
	const char *colon = strrchr(address, ':'), *port = colon ? colon + 1 : address;
	char host[256];
	size_t len = colon ? (size_t)(colon - address) : 0;
	int rc;

	if (len >= sizeof(host))
		return ctls_fail(err, -EINVAL, "%.40s...: the host's name is too long", address);
	memcpy(host, address, len);
	host[len] = 0;
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		memmove(host, host + 1, len - 2);
		host[len - 2] = 0;
	}
	rc = getaddrinfo(host[0] ? host : NULL, port, &hints, ret);
	return rc ? ctls_fail(err, -EINVAL, "%s: %s (host:port or unix:/path is needed)", address,
			      gai_strerror(rc))
		  : 0;
}

static int connect_within(int fd, const struct sockaddr *a, socklen_t size, int64_t until)
{
	int error = 0;
	socklen_t error_size = sizeof(error);
	int rc;

	if (!connect(fd, a, size))
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return -errno;
	rc = wait_for(fd, CTLS_WANT_WRITE, until);
	if (rc)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size))
		return -errno;
	return -error;
}

static int dial_one(int family, const struct sockaddr *a, socklen_t size, int64_t until)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc, flags;

	if (fd < 0)
		return -errno;
	rc = connect_within(fd, a, size, until);
	flags = rc ? 0 : fcntl(fd, F_GETFL);
	if (rc || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK)) {
		close(fd);
		return rc ? rc : -errno;
	}
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

/* Of several addresses one that does not answer must not use up the others' time. */
static int64_t share_of(const struct addrinfo *list, int64_t until)
{
	int64_t now = monotonic_ms(), count = 0;

	for (; list; list = list->ai_next)
		count++;
	return now + (until > now ? (until - now) / count : 0);
}

int ctls_dial(const char *address, uint32_t timeout_ms, struct cattest_error *err)
{
	int64_t until = monotonic_ms() + (timeout_ms ? timeout_ms : CTLS_DEFAULT_HANDSHAKE_MS);
	struct addrinfo *list = NULL;
	int rc;

	if (!strncmp(address, "unix:", 5)) {
		struct sockaddr_un un;

		rc = unix_address(address + 5, &un, err);
		if (rc)
			return rc;
		rc = dial_one(AF_UNIX, (const struct sockaddr *)&un, sizeof(un), until);
	} else {
		rc = resolve(address, false, &list, err);
		if (rc)
			return rc;
		rc = -EADDRNOTAVAIL;
		for (const struct addrinfo *i = list; i && rc < 0; i = i->ai_next)
			rc = dial_one(i->ai_family, i->ai_addr, i->ai_addrlen, share_of(i, until));
		freeaddrinfo(list);
	}
	return rc < 0 ? ctls_fail(err, rc, "%s: cannot connect: %s", address, strerror(-rc)) : rc;
}

static int listen_one(int family, const struct sockaddr *a, socklen_t size)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return -errno;
	if (family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	/* [::] alone takes IPv4's connections too, whatever the system's default is. */
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int));
	if (bind(fd, a, size) || listen(fd, SOMAXCONN))
		rc = -errno;
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

/* "port" and ":port" stand for all addresses; getaddrinfo puts IPv4's first, which would be all that is served. */
static bool is_wildcard(const char *address)
{
	const char *colon = strrchr(address, ':');

	return !colon || colon == address;
}

static int listen_any(const struct addrinfo *list, bool wildcard)
{
	int rc = -EADDRNOTAVAIL;

	for (const struct addrinfo *i = list; wildcard && i && rc < 0; i = i->ai_next)
		if (i->ai_family == AF_INET6)
			rc = listen_one(i->ai_family, i->ai_addr, i->ai_addrlen);
	/* Both would be in use then, or there is no IPv6. */
	for (const struct addrinfo *i = list; i && rc < 0 && rc != -EADDRINUSE; i = i->ai_next)
		rc = listen_one(i->ai_family, i->ai_addr, i->ai_addrlen);
	return rc;
}

int ctls_listen(const char *address, struct cattest_error *err)
{
	struct addrinfo *list = NULL;
	int rc;

	if (!strncmp(address, "unix:", 5)) {
		struct sockaddr_un un;

		rc = unix_address(address + 5, &un, err);
		if (rc)
			return rc;
		rc = listen_one(AF_UNIX, (const struct sockaddr *)&un, sizeof(un));
	} else {
		rc = resolve(address, true, &list, err);
		if (rc)
			return rc;
		rc = listen_any(list, is_wildcard(address));
		freeaddrinfo(list);
	}
	return rc < 0 ? ctls_fail(err, rc, "%s: cannot listen: %s", address, strerror(-rc)) : rc;
}

int ctls_resolve_all(const char *address, bool passive, struct sockaddr_storage *ret_addresses,
		     size_t *ret_sizes, size_t room, struct cattest_error *err)
{
	struct addrinfo *list = NULL;
	size_t count = 0;
	int rc;

	if (!strncmp(address, "unix:", 5)) {
		struct sockaddr_un un;

		rc = unix_address(address + 5, &un, err);
		if (rc)
			return rc;
		ret_addresses[0] = (struct sockaddr_storage){ 0 };
		memcpy(ret_addresses, &un, sizeof(un));
		ret_sizes[0] = sizeof(un);
		return 1;
	}
	rc = resolve(address, passive, &list, err);
	if (rc)
		return rc;
	for (const struct addrinfo *i = list; i && count < room; i = i->ai_next, count++) {
		ret_addresses[count] = (struct sockaddr_storage){ 0 };
		memcpy(&ret_addresses[count], i->ai_addr, i->ai_addrlen);
		ret_sizes[count] = i->ai_addrlen;
	}
	freeaddrinfo(list);
	return (int)count;
}

int ctls_resolve(const char *address, bool passive, struct sockaddr_storage *ret_address,
		 size_t *ret_size, struct cattest_error *err)
{
	int count = ctls_resolve_all(address, passive, ret_address, ret_size, 1, err);

	return count < 0 ? count : 0;
}
