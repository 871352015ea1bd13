/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is below the exchange: OpenSSL's SSL as a stream that never waits, the socket below that, and waiting with an end. The socket's BIO
 * is our own only because OpenSSL's uses write(), which raises SIGPIPE.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int ctls_fail_openssl(struct cattest_error *err, int code, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	ctls_fail(err, code, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return code;
}

int64_t monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int wait_for(int fd, int want, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = want == CTLS_WANT_WRITE ? POLLOUT : POLLIN };

	for (;;) {
		int64_t left = until ? until - monotonic_ms() : INT_MAX;
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, until ? (int)(left > INT_MAX ? INT_MAX : left) : -1);
		if (n > 0)
			return p.revents & POLLNVAL ? -EBADF : 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* --- SSL --- */
static ssize_t ssl_result(SSL *ssl, int rc, int *ret_want)
{
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		*ret_want = CTLS_WANT_READ;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		*ret_want = CTLS_WANT_WRITE;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return -ECONNRESET;
	default:
		if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			return -ECONNRESET;
		}
		ERR_clear_error();
		return -EPROTO;
	}
}

static ssize_t ssl_read(void *context, void *buffer, size_t size, int *ret_want)
{
	size_t done = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(context, buffer, size, &done);
	return rc == 1 ? (ssize_t)done : ssl_result(context, rc, ret_want);
}

static ssize_t ssl_write(void *context, const void *buffer, size_t size, int *ret_want)
{
	size_t done = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_write_ex(context, buffer, size, &done);
	return rc == 1 ? (ssize_t)done : ssl_result(context, rc, ret_want);
}

struct stream ssl_stream(SSL *ssl)
{
	return (struct stream){ .context = ssl, .read = ssl_read, .write = ssl_write };
}

/* --- The socket --- */
static int bio_fd(BIO *bio)
{
	return (int)(intptr_t)BIO_get_data(bio);
}

static int bio_done(BIO *bio, ssize_t n, int retry)
{
	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	if (!n)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)n;
}

static int bio_read(BIO *bio, char *buffer, int size)
{
	return bio_done(bio, recv(bio_fd(bio), buffer, (size_t)size, 0), BIO_FLAGS_READ);
}

static int bio_write(BIO *bio, const char *buffer, int size)
{
	return bio_done(bio, send(bio_fd(bio), buffer, (size_t)size, MSG_NOSIGNAL),
			BIO_FLAGS_WRITE);
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)number;
	switch (command) {
	case BIO_C_GET_FD:
		if (pointer)
			memcpy(pointer, &(int){ bio_fd(bio) }, sizeof(int));
		return bio_fd(bio);
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP:
		return 1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

/* The one object of the process: OpenSSL wants methods to live as long as their BIOs. */
static void make_method(void)
{
	BIO_METHOD *m =
		BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR,
			     "socket without SIGPIPE");

	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_ctrl) && BIO_meth_set_create(m, bio_create))
		method = m;
	else
		BIO_meth_free(m);
}

BIO *socket_bio(int fd)
{
	BIO *bio;

	pthread_once(&method_once, make_method);
	bio = method ? BIO_new(method) : NULL;
	if (bio)
		BIO_set_data(bio, (void *)(intptr_t)fd);
	return bio;
}
