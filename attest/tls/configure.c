/* SPDX-License-Identifier: Apache-2.0 */
/* For programs with an SSL_CTX and SSLs of their own: configure once, then a handshake for the evidence after TLS's. */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int ctls_configure(SSL_CTX *ctx, struct ctls *ctls, struct cattest_error *err)
{
	if (!ctx || !ctls)
		return ctls_fail(err, -EINVAL, "ctls_configure needs an SSL_CTX and a ctls");
	return ctls_setup(ctx, ctls, err);
}

/* A socket that waits for nobody meanwhile: with a blocking one a silent peer could hold us for ever. */
static int make_nonblocking(int fd, int *ret_flags)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK)))
		return -errno;
	*ret_flags = flags;
	return 0;
}

static void restore(int fd, int flags)
{
	if (!(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags);
}

static int run(struct ctls_connection *c, int read_fd, int write_fd, struct cattest_error *err)
{
	int rc;

	while ((rc = ctls_step(c, err)) > 0) {
		if (rc == CTLS_WANT_WORK) {
			ctls_work(c);
			continue;
		}
		rc = wait_for(rc == CTLS_WANT_WRITE ? write_fd : read_fd, rc, connection_until(c));
		if (rc && rc != -ETIMEDOUT) /* the step has the words for that */
			return ctls_fail(err, rc, "waiting for the peer: %s", strerror(-rc));
	}
	return rc;
}

int ctls_handshake(SSL *ssl, struct cattest_error *err)
{
	int read_fd = SSL_get_rfd(ssl), write_fd = SSL_get_wfd(ssl), flags[2], rc;
	struct ctls_connection *c;

	rc = ctls_start_ssl(ssl, &c, err);
	if (rc)
		return rc;
	if (read_fd < 0 || write_fd < 0) {
		ctls_close(c);
		return ctls_fail(
			err, -EINVAL,
			"this SSL has no socket to wait for: use ctls_start_ssl and ctls_step");
	}
	rc = make_nonblocking(read_fd, &flags[0]);
	if (!rc) {
		rc = make_nonblocking(write_fd, &flags[1]);
		if (!rc) {
			rc = run(c, read_fd, write_fd, err);
			restore(write_fd, flags[1]);
		}
		restore(read_fd, flags[0]);
	}
	ctls_close(c);
	return rc;
}
