/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the host's quoting service (abi/quoting.h): one connection a request. The service is
 * as little trusted as the host: its answer is bounded and its form is checked; what it means is
 * the verifier's business.
 */
#include "attest/collect/collect.h"

#include "abi/quoting.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_SECONDS 60 /* a TPM may take seconds for a quote, a provisioning service more */

const char *service_socket(const struct settings *s)
{
	const char *path = settings_find(s, "socket");

	if (!path)
		path = getenv("CLOISTER_QUOTING_SOCKET");
	return path && *path ? path : QUOTING_SOCKET;
}

static int connect_to(const char *path, struct cattest_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	size_t len = strlen(path);
	int fd, rc;

	if (len >= sizeof(address.sun_path))
		return fail(err, -ENAMETOOLONG, "%.60s...: too long for a socket's name", path);
	memcpy(address.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(err, -errno, "cannot make a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		rc = errno == ENOENT || errno == ECONNREFUSED ? -ENODEV : -errno;
		fail(err, rc,
		     "%s: the quoting service cannot be reached (%s): start cloister-quoted, or name its socket",
		     path, strerror(errno));
		close(fd);
		return rc;
	}
	return fd;
}

static int send_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE)
			return -ECONNRESET;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int receive_all(int fd, uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = recv(fd, data, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (!n)
			return -ECONNRESET;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int send_request(int fd, uint32_t operation, uint32_t backend, const uint8_t report_data[64],
			struct span body)
{
	struct quoting_request r = { .magic = QUOTING_MAGIC,
				     .version = QUOTING_VERSION,
				     .operation = (uint16_t)operation,
				     .backend = backend,
				     .body_size = (uint32_t)body.size };
	uint8_t message[4 + QUOTING_REQUEST_MAX];
	uint32_t size = (uint32_t)(sizeof(r) + body.size);

	if (body.size > QUOTING_REQUEST_MAX - sizeof(r))
		return -E2BIG;
	if (report_data)
		memcpy(r.report_data, report_data, sizeof(r.report_data));
	memcpy(message, &size, 4);
	memcpy(message + 4, &r, sizeof(r));
	if (body.size)
		memcpy(message + 4 + sizeof(r), body.data, body.size);
	return send_all(fd, message, 4 + (size_t)size);
}

static int receive_answer(int fd, uint32_t operation, int32_t *ret_error, uint8_t **ret_body,
			  size_t *ret_size)
{
	struct quoting_answer answer;
	uint32_t size;
	uint8_t *body;
	int rc = receive_all(fd, (uint8_t *)&size, sizeof(size));

	if (rc)
		return rc;
	if (size < sizeof(answer) || size > QUOTING_ANSWER_MAX)
		return -EPROTO;
	rc = receive_all(fd, (uint8_t *)&answer, sizeof(answer));
	if (rc)
		return rc;
	if (answer.magic != QUOTING_MAGIC || answer.version != QUOTING_VERSION ||
	    answer.operation != operation || answer.body_size != size - sizeof(answer) ||
	    answer.error > 0 || answer.error < -4095)
		return -EPROTO;
	body = malloc(answer.body_size + 1);
	if (!body)
		return -ENOMEM;
	rc = receive_all(fd, body, answer.body_size);
	if (rc) {
		free(body);
		return rc;
	}
	*ret_error = answer.error;
	*ret_body = body;
	*ret_size = answer.body_size;
	return 0;
}

int service_ask(const char *socket_path, uint32_t operation, uint32_t backend,
		const uint8_t report_data[64], struct span body, uint8_t **ret_body,
		size_t *ret_size, struct cattest_error *err)
{
	int fd = connect_to(socket_path, err), rc;
	uint8_t *answer = NULL;
	size_t size = 0;
	int32_t error = 0;
	char text[256];

	if (fd < 0)
		return fd;
	rc = send_request(fd, operation, backend, report_data, body);
	if (!rc)
		rc = receive_answer(fd, operation, &error, &answer, &size);
	close(fd);
	if (rc)
		return fail(
			err, rc, "%s: the quoting service %s", socket_path,
			rc == -EPROTO ? "does not speak this version's protocol"
			: rc == -ECONNRESET
				? "closed the connection: this user may not use it, or has too many requests under way"
				: strerror(-rc));
	if (error) {
		fail(err, error, "quoting service: %s",
		     safe_text(SPAN(answer, size), text, sizeof(text)));
		free(answer);
		return error;
	}
	*ret_body = answer;
	*ret_size = size;
	return 0;
}
