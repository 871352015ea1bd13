/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of Intel's TDX quote generation service (DCAP, qgs_msg_lib.h): on its socket a
 * big-endian u32 length, then a message: header { u16 major 1, u16 minor, u32 type, u32 size of
 * all, u32 error }, for a quote request (type 0) u32 report size, u32 id list size, both lists; for
 * its answer (type 1) u32 selected id size, u32 quote size, both.
 */
#include "platform/quoting/quoting.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define QGS_MAJOR 1
#define QGS_MINOR \
	0 /* 1.1 added collateral and platform information; a quote's messages are the same */
#define GET_QUOTE_REQUEST 0
#define GET_QUOTE_ANSWER 1
#define QGS_HEADER 16
#define ANSWER_MAX (1u << 20)
#define ANSWER_SECONDS 60

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

int qgs_read_answer(struct span answer, struct span *ret_quote, struct cattest_error *err)
{
	struct cursor c = CURSOR(answer);
	uint32_t major = take_le16(&c), minor = take_le16(&c), type = take_le32(&c),
		 size = take_le32(&c), error = take_le32(&c);
	uint32_t id_size, quote_size;

	if (c.bad || major != QGS_MAJOR || minor > 1 || type != GET_QUOTE_ANSWER ||
	    size != answer.size)
		return fail(err, -EBADMSG,
			    "TDX quote generation service: not an answer to a quote request");
	if (error)
		return fail(err, -EIO, "TDX quote generation service: refused with error 0x%x",
			    error);
	id_size = take_le32(&c);
	quote_size = take_le32(&c);
	take(&c, id_size);
	*ret_quote = take(&c, quote_size);
	if (c.bad || cursor_left(&c))
		return fail(err, -EBADMSG,
			    "TDX quote generation service: its answer's sizes do not fit");
	if (!quote_size)
		return fail(err, -ENODATA, "TDX quote generation service: an empty quote");
	return 0;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd;

	if (!len || len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

static int connect_vsock(const char *text)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK };
	char *end;
	unsigned long cid = strtoul(text, &end, 10), port;
	int fd;

	if (end == text || *end != ':' || cid > UINT32_MAX)
		return -EINVAL;
	text = end + 1;
	port = strtoul(text, &end, 10);
	if (end == text || *end || port > UINT32_MAX)
		return -EINVAL;
	address.svm_cid = (unsigned int)cid;
	address.svm_port = (unsigned int)port;
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

static int connect_tcp(const char *text)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	const char *port = strrchr(text, ':');
	struct addrinfo *list, *a;
	char host[256];
	int fd = -1;

	if (!port || port == text || (size_t)(port - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(port - text));
	host[port - text] = 0;
	if (getaddrinfo(host, port + 1, &hints, &list))
		return -EHOSTUNREACH;
	errno = EHOSTUNREACH;
	for (a = list; a; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && !connect(fd, a->ai_addr, a->ai_addrlen))
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd >= 0 ? fd : -errno;
}

static int connect_to(const char *address, struct cattest_error *err)
{
	struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	int fd = -EINVAL;

	if (!strncmp(address, "unix:", 5))
		fd = connect_unix(address + 5);
	else if (!strncmp(address, "vsock:", 6))
		fd = connect_vsock(address + 6);
	else if (!strncmp(address, "tcp:", 4))
		fd = connect_tcp(address + 4);
	if (fd < 0)
		return fail(err, fd, "%s: the TDX quote generation service cannot be reached: %s",
			    address, strerror(-fd));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

static int transfer(int fd, bool out, uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = out ? send(fd, data, size, MSG_NOSIGNAL) : recv(fd, data, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? (errno == EAGAIN ? -ETIMEDOUT : -errno) : -ECONNRESET;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int exchange(int fd, struct span report, uint8_t **ret_answer, size_t *ret_size)
{
	uint8_t message[4 + QGS_HEADER + 8 + 1024] = { 0 }, *answer;
	uint32_t size = (uint32_t)(QGS_HEADER + 8 + report.size);
	struct cursor length = CURSOR(SPAN(message, 4));
	int rc;

	for (int i = 0; i < 4; i++)
		message[i] = (uint8_t)(size >> (24 - 8 * i));
	message[4] = QGS_MAJOR;
	message[6] = QGS_MINOR;
	put32(message + 8, GET_QUOTE_REQUEST);
	put32(message + 12, size);
	put32(message + 20, (uint32_t)report.size);
	memcpy(message + 28, report.data, report.size);
	rc = transfer(fd, true, message, 4 + (size_t)size);
	if (!rc)
		rc = transfer(fd, false, message, 4);
	if (rc)
		return rc;
	size = take_be32(&length);
	if (size < QGS_HEADER || size > ANSWER_MAX)
		return -EBADMSG;
	answer = malloc(size);
	if (!answer)
		return -ENOMEM;
	rc = transfer(fd, false, answer, size);
	if (rc) {
		free(answer);
		return rc;
	}
	*ret_answer = answer;
	*ret_size = size;
	return 0;
}

int qgs_quote(const char *address, struct span td_report, uint8_t **ret_quote, size_t *ret_size,
	      struct cattest_error *err)
{
	int fd, rc;
	uint8_t *answer;
	struct span quote;
	size_t size;

	if (td_report.size != 1024)
		return fail(err, -EINVAL, "a TDREPORT has 1024 bytes, not %zu", td_report.size);
	fd = connect_to(address, err);
	if (fd < 0)
		return fd;
	rc = exchange(fd, td_report, &answer, &size);
	close(fd);
	if (rc)
		return fail(err, rc, "%s: the TDX quote generation service: %s", address,
			    strerror(-rc));
	rc = qgs_read_answer(SPAN(answer, size), &quote, err);
	if (!rc) {
		memmove(answer, quote.data, quote.size);
		*ret_quote = answer;
		*ret_size = quote.size;
	} else {
		free(answer);
	}
	return rc;
}
