/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: the TLS handshake, then the exchange of evidence, then bytes. No byte of the application is given or taken before the
 * handshake is DONE, whatever the caller asks for. One deadline covers both handshakes, so a peer that is slow at every step gains
 * nothing. In certificate mode evidence is collected and verified within TLS's handshake, so that one is WORK as a whole.
 *
 * A connection over a program's own SSL (borrowed) goes the same way, and leaves the SSL as it was.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum phase { TLS_HANDSHAKE, EVIDENCE, OPEN, BROKEN };

struct ctls_connection {
	struct ctls *ctls;
	SSL *ssl;
	struct exchange *exchange;
	char *details;
	int fd, want;
	bool server, was_blocking, shut;
	bool borrowed, auto_retry; /* the SSL is the program's; it had that mode */
	bool tls_worked;	   /* ctls_work has made a step of TLS's handshake: */
	int tls_rc;
	struct cattest_error tls_err;
	enum phase phase;
	int64_t until;
	uint32_t timeout_ms;
};

static int set_up_ssl(struct ctls_connection *c, struct cattest_error *err)
{
	c->ssl = SSL_new(c->ctls->ctx);
	if (!c->ssl || ssl_use_socket(c->ssl, c->fd))
		return ctls_fail(err, -ENOMEM, "out of memory");
	if (c->server) {
		SSL_set_accept_state(c->ssl);
		return 0;
	}
	SSL_set_connect_state(c->ssl);
	if (c->ctls->server_name && (!SSL_set1_host(c->ssl, c->ctls->server_name) ||
				     !SSL_set_tlsext_host_name(c->ssl, c->ctls->server_name)))
		return ctls_fail_openssl(err, -EINVAL, "the server's name cannot be used");
	return 0;
}

/* A client has to know its server; a server may serve clients that it knows nothing of, if that is all it was made for. */
static int check_role(const struct ctls *ctls, bool server, struct cattest_error *err)
{
	if (!server && !ctls->verifier.verify && !ctls->ca_needed)
		return ctls_fail(err, -EINVAL,
				 "a client needs a verifier, or a CA to know its server by");
	if (server && ctls->mode == CTLS_CERTIFICATE && !ctls->attester.collect)
		return ctls_fail(err, -EINVAL, "a server in certificate mode needs an attester");
	return 0;
}

int ctls_start(struct ctls *ctls, int fd, bool server, struct ctls_connection **ret_connection,
	       struct cattest_error *err)
{
	struct ctls_connection *c;
	int rc, flags = fcntl(fd, F_GETFL);

	rc = check_role(ctls, server, err);
	if (rc)
		return rc;
	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK)))
		return ctls_fail(err, -errno, "not a socket that can be used: %s", strerror(errno));
	c = calloc(1, sizeof(*c));
	if (!c)
		return ctls_fail(err, -ENOMEM, "out of memory");
	c->ctls = ctls;
	c->fd = fd;
	c->server = server;
	c->was_blocking = !(flags & O_NONBLOCK);
	c->until = monotonic_ms() + ctls->handshake_ms;
	rc = set_up_ssl(c, err);
	if (rc) {
		ctls_close(c);
		return rc;
	}
	*ret_connection = c;
	return 0;
}

/* OpenSSL would read on while messages come, as a peer can make them come without end: each call is to return, for the deadline's sake. */
static void borrow(struct ctls_connection *c, SSL *ssl)
{
	c->borrowed = true;
	c->ssl = ssl;
	c->fd = SSL_get_rfd(ssl);
	c->server = SSL_is_server(ssl);
	c->auto_retry = SSL_get_mode(ssl) & SSL_MODE_AUTO_RETRY;
	SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
}

static void give_back(const struct ctls_connection *c)
{
	if (c->auto_retry)
		SSL_set_mode(c->ssl, SSL_MODE_AUTO_RETRY);
}

int ctls_start_ssl(SSL *ssl, struct ctls_connection **ret_connection, struct cattest_error *err)
{
	struct ctls *ctls = ctls_of(ssl);
	struct ctls_connection *c;

	if (!ctls)
		return ctls_fail(err, -EINVAL,
				 "the SSL_CTX of this SSL was not given to ctls_configure");
	if (!SSL_is_server(ssl) && !ctls->verifier.verify &&
	    SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
		return ctls_fail(err, -EINVAL,
				 "a client needs a verifier, or a CA to know its server by");
	c = calloc(1, sizeof(*c));
	if (!c)
		return ctls_fail(err, -ENOMEM, "out of memory");
	c->ctls = ctls;
	c->until = monotonic_ms() + ctls->handshake_ms;
	borrow(c, ssl);
	*ret_connection = c;
	return 0;
}

static int tls_failed(struct ctls_connection *c, struct cattest_error *err)
{
	const struct attested_peer *peer = attested_peer(c->ssl);
	long verify = SSL_get_verify_result(c->ssl);
	int reason = ERR_GET_REASON(ERR_peek_last_error());

	if (peer && !peer->trusted && peer->reason.text[0]) {
		ERR_clear_error();
		return ctls_fail(err, -EACCES, "%s", peer->reason.text);
	}
	if (SSL_get_verify_mode(c->ssl) != SSL_VERIFY_NONE && verify != X509_V_OK) {
		ERR_clear_error();
		ctls_log(c->ctls, "peer refused: its certificate: %s",
			 X509_verify_cert_error_string(verify));
		return ctls_fail(err, -EACCES, "the peer's certificate: %s",
				 X509_verify_cert_error_string(verify));
	}
	if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
		ERR_clear_error();
		ctls_log(c->ctls, "peer refused: it has no certificate");
		return ctls_fail(err, -EACCES, "the peer has no certificate");
	}
	if (is_alert(reason))
		return ctls_fail_openssl(err, -EACCES, "the peer refused us in the TLS handshake");
	return ctls_fail_openssl(err, -EPROTO, "the TLS handshake failed");
}

static int do_handshake(struct ctls_connection *c, struct cattest_error *err)
{
	int rc, error;

	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1)
		return CTLS_DONE;
	error = SSL_get_error(c->ssl, rc);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return error == SSL_ERROR_WANT_READ ? CTLS_WANT_READ : CTLS_WANT_WRITE;
	if (error == SSL_ERROR_SYSCALL ||
	    ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		if (socket_flooded(c->ssl))
			return ctls_fail(err, -EPROTO,
					 "the peer sends messages of TLS without end");
		return ctls_fail(err, -ECONNRESET, "the peer went away during the TLS handshake");
	}
	return tls_failed(c, err);
}

static bool is_ready(int fd, int want)
{
	struct pollfd p = { .fd = fd, .events = want == CTLS_WANT_WRITE ? POLLOUT : POLLIN };

	return poll(&p, 1, 0) > 0;
}

static int step_tls(struct ctls_connection *c, struct cattest_error *err)
{
	if (SSL_is_init_finished(c->ssl))
		return CTLS_DONE;
	if (c->ctls->mode != CTLS_CERTIFICATE)
		return do_handshake(c, err);
	if (!c->tls_worked)
		return CTLS_WANT_WORK;
	c->tls_worked = false;
	if (c->tls_rc < 0 && err)
		*err = c->tls_err;
	/* What became possible during the work raises no edge any more. */
	return c->tls_rc > 0 && is_ready(c->fd, c->tls_rc) ? CTLS_WANT_WORK : c->tls_rc;
}

static int after_tls(struct ctls_connection *c, struct cattest_error *err)
{
	const struct attested_peer *peer = attested_peer(c->ssl);
	struct session session;
	int rc;

	if (c->ctls->mode == CTLS_CERTIFICATE) {
		if (c->ctls->verifier.verify && !(peer && peer->trusted))
			return ctls_fail(err, -EACCES, "the peer was not attested");
		c->phase = OPEN;
		return 0;
	}
	rc = session_from_ssl(c->ssl, c->server, &session, err);
	if (!rc)
		rc = exchange_new(c->ctls, c->server, &session, ssl_stream(c->ssl), &c->exchange,
				  err);
	OPENSSL_cleanse(&session, sizeof(session));
	c->phase = EVIDENCE;
	return rc;
}

static int step(struct ctls_connection *c, struct cattest_error *err)
{
	int rc;

	if (c->phase == TLS_HANDSHAKE) {
		rc = step_tls(c, err);
		if (!rc)
			rc = after_tls(c, err);
		if (rc)
			return rc;
	}
	if (c->phase == EVIDENCE) {
		rc = exchange_step(c->exchange, err);
		if (rc)
			return rc;
		c->details = exchange_take_details(c->exchange);
		exchange_free(c->exchange);
		c->exchange = NULL;
		c->phase = OPEN;
	}
	if (c->phase == OPEN)
		give_back(c);
	return c->phase == OPEN ? CTLS_DONE
				: ctls_fail(err, -EPROTO, "the handshake has failed before");
}

int ctls_step(struct ctls_connection *c, struct cattest_error *err)
{
	int rc = step(c, err);

	if (rc > 0 && rc != CTLS_WANT_WORK && monotonic_ms() >= c->until) {
		ctls_log(c->ctls, "peer refused: it did not finish the handshake in time");
		rc = ctls_fail(err, -ETIMEDOUT,
			       "the peer did not finish the handshake within %u ms",
			       c->ctls->handshake_ms);
	}
	if (rc < 0)
		c->phase = BROKEN;
	return rc;
}

void ctls_work(struct ctls_connection *c)
{
	if (c->exchange) {
		exchange_work(c->exchange);
	} else if (c->phase == TLS_HANDSHAKE && !c->tls_worked) {
		c->tls_rc = do_handshake(c, &c->tls_err);
		c->tls_worked = true;
	}
}

int64_t connection_until(const struct ctls_connection *c)
{
	return c->until;
}

int ctls_time_left(const struct ctls_connection *c)
{
	int64_t left = c->until - monotonic_ms();

	return left < 0 ? 0 : (int)left;
}

static int open_connection(struct ctls *ctls, int fd, bool server,
			   struct ctls_connection **ret_connection, struct cattest_error *err)
{
	struct ctls_connection *c;
	int rc = ctls_start(ctls, fd, server, &c, err);

	if (rc)
		return rc;
	while ((rc = ctls_step(c, err)) > 0) {
		if (rc == CTLS_WANT_WORK) {
			ctls_work(c);
			continue;
		}
		rc = wait_for(fd, rc, c->until);
		if (rc && rc != -ETIMEDOUT) { /* the step has the words for that */
			ctls_fail(err, rc, "waiting for the peer: %s", strerror(-rc));
			break;
		}
	}
	if (rc) {
		ctls_close(c);
		return rc;
	}
	*ret_connection = c;
	return 0;
}

int ctls_connect(struct ctls *ctls, int fd, struct ctls_connection **ret_connection,
		 struct cattest_error *err)
{
	return open_connection(ctls, fd, false, ret_connection, err);
}

int ctls_accept(struct ctls *ctls, int fd, struct ctls_connection **ret_connection,
		struct cattest_error *err)
{
	return open_connection(ctls, fd, true, ret_connection, err);
}

/* --- Bytes --- */
static ssize_t transfer(struct ctls_connection *c, void *in, const void *out, size_t size)
{
	int64_t until = c->timeout_ms ? monotonic_ms() + c->timeout_ms : 0;
	struct stream s = ssl_stream(c->ssl);

	if (c->phase != OPEN || (out && c->shut))
		return -EPIPE;
	if (!size)
		return 0;
	for (;;) {
		ssize_t n = in ? s.read(s.context, in, size, &c->want)
			       : s.write(s.context, out, size, &c->want);
		int rc;

		if (n != -EAGAIN) {
			if (n < 0)
				c->phase = BROKEN;
			return n;
		}
		if (!c->was_blocking)
			return -EAGAIN;
		rc = wait_for(c->fd, c->want, until);
		if (rc)
			return rc;
	}
}

ssize_t ctls_read(struct ctls_connection *c, void *buffer, size_t size)
{
	return transfer(c, buffer, NULL, size);
}

ssize_t ctls_write(struct ctls_connection *c, const void *buffer, size_t size)
{
	return transfer(c, NULL, buffer, size);
}

int ctls_waits_for(const struct ctls_connection *c)
{
	return c->want;
}

void ctls_set_timeout(struct ctls_connection *c, uint32_t ms)
{
	c->timeout_ms = ms;
}

int ctls_shutdown(struct ctls_connection *c)
{
	int64_t until = c->timeout_ms ? monotonic_ms() + c->timeout_ms : 0;

	if (c->phase != OPEN)
		return -EPIPE;
	for (;;) {
		int rc, error;

		ERR_clear_error();
		rc = SSL_shutdown(c->ssl);
		if (rc >= 0) {
			c->shut = true;
			return 0;
		}
		error = SSL_get_error(c->ssl, rc);
		ERR_clear_error();
		/* Ours is out, the peer's is not in: as with a stream, reading goes on. */
		if (SSL_get_shutdown(c->ssl) & SSL_SENT_SHUTDOWN && error != SSL_ERROR_WANT_WRITE) {
			c->shut = true;
			return 0;
		}
		if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ)
			return -ECONNRESET;
		c->want = error == SSL_ERROR_WANT_READ ? CTLS_WANT_READ : CTLS_WANT_WRITE;
		if (!c->was_blocking)
			return -EAGAIN;
		rc = wait_for(c->fd, c->want, until);
		if (rc)
			return rc;
	}
}

void ctls_close(struct ctls_connection *c)
{
	if (!c)
		return;
	if (c->phase == OPEN && !c->shut && !c->borrowed)
		SSL_shutdown(c->ssl);
	if (c->borrowed)
		give_back(c);
	ERR_clear_error();
	if (c->was_blocking) {
		int flags = fcntl(c->fd, F_GETFL);

		if (flags >= 0)
			fcntl(c->fd, F_SETFL, flags & ~O_NONBLOCK);
	}
	exchange_free(c->exchange);
	if (!c->borrowed)
		SSL_free(c->ssl);
	free(c->details);
	free(c);
}

void ctls_abort(struct ctls_connection *c)
{
	if (c)
		c->phase = BROKEN;
	ctls_close(c);
}

void connection_forget(struct ctls_connection *c)
{
	if (c) {
		c->phase = BROKEN;
		c->was_blocking = false;
	}
	ctls_close(c);
}

const char *ctls_peer_details(const struct ctls_connection *c)
{
	const struct attested_peer *peer = attested_peer(c->ssl);

	return c->details ? c->details : peer ? peer->details : NULL;
}

SSL *ctls_ssl(const struct ctls_connection *c)
{
	return c->ssl;
}
