/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is below the exchange: OpenSSL's SSL as a stream that never waits, the socket below that, and waiting with an end. The socket's BIO
 * is our own because OpenSSL's uses write(), which raises SIGPIPE, and because SSL_read goes on for as long as messages arrive that carry
 * nothing (KeyUpdate, NewSessionTicket): a peer could keep us in there, past every deadline. After IDLE_MESSAGES of them in a
 * row the socket is read no more.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
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

/* Messages of the TLS handshake without a byte for us in between. A handshake has less than ten; servers send tickets, two as a rule. */
#define IDLE_MESSAGES 32

struct socket {
	int fd;
	unsigned int idle_messages;
};
static BIO_METHOD *method;
static int bio_type;

static struct socket *socket_of(SSL *ssl)
{
	BIO *bio = SSL_get_rbio(ssl);

	return bio && bio_type && BIO_method_type(bio) == bio_type ? BIO_get_data(bio) : NULL;
}

bool socket_flooded(SSL *ssl)
{
	const struct socket *s = socket_of(ssl);

	return s && s->idle_messages > IDLE_MESSAGES;
}

/* The peer's word that it ends the session. */
bool is_alert(int reason)
{
	return reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
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
		return socket_flooded(ssl) ? -EPROTO : -ECONNRESET;
	default:
		if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			return -ECONNRESET;
		}
		rc = is_alert(ERR_GET_REASON(ERR_peek_last_error())) ? -EACCES : -EPROTO;
		ERR_clear_error();
		return rc;
	}
}

static ssize_t moved(SSL *ssl, size_t size)
{
	struct socket *s = socket_of(ssl);

	if (s)
		s->idle_messages = 0;
	return (ssize_t)size;
}

static ssize_t ssl_read(void *context, void *buffer, size_t size, int *ret_want)
{
	size_t done = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(context, buffer, size, &done);
	return rc == 1 ? moved(context, done) : ssl_result(context, rc, ret_want);
}

static ssize_t ssl_write(void *context, const void *buffer, size_t size, int *ret_want)
{
	size_t done = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_write_ex(context, buffer, size, &done);
	return rc == 1 ? moved(context, done) : ssl_result(context, rc, ret_want);
}

struct stream ssl_stream(SSL *ssl)
{
	return (struct stream){ .context = ssl, .read = ssl_read, .write = ssl_write };
}

/* --- The socket --- */
static int bio_fd(BIO *bio)
{
	const struct socket *s = BIO_get_data(bio);

	return s->fd;
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
	const struct socket *s = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (s->idle_messages > IDLE_MESSAGES)
		return -1;
	return bio_done(bio, recv(s->fd, buffer, (size_t)size, 0), BIO_FLAGS_READ);
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
	struct socket *s = calloc(1, sizeof(*s));

	if (!s)
		return 0;
	s->fd = -1;
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	return 1;
}

static int bio_destroy(BIO *bio)
{
	free(BIO_get_data(bio));
	BIO_set_data(bio, NULL);
	return 1;
}

static pthread_once_t method_once = PTHREAD_ONCE_INIT;

/* The one object of the process: OpenSSL wants methods to live as long as their BIOs. */
static void make_method(void)
{
	int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR;
	BIO_METHOD *m = BIO_meth_new(type, "socket without SIGPIPE");

	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_ctrl) && BIO_meth_set_create(m, bio_create) &&
	    BIO_meth_set_destroy(m, bio_destroy))
		method = m, bio_type = type;
	else
		BIO_meth_free(m);
}

/* OpenSSL's view of each message that came or went. */
static void count_message(int is_ours, int version, int type, const void *bytes, size_t size,
			  SSL *ssl, void *context)
{
	struct socket *s = context;

	(void)version, (void)bytes, (void)size, (void)ssl;
	if (!is_ours && type == SSL3_RT_HANDSHAKE)
		s->idle_messages++;
}

int ssl_use_socket(SSL *ssl, int fd)
{
	struct socket *s;
	BIO *bio;

	pthread_once(&method_once, make_method);
	bio = method ? BIO_new(method) : NULL;
	if (!bio)
		return -ENOMEM;
	s = BIO_get_data(bio);
	s->fd = fd;
	SSL_set_bio(ssl, bio, bio);
	SSL_set_msg_callback(ssl, count_message);
	SSL_set_msg_callback_arg(ssl, s);
	return 0;
}
