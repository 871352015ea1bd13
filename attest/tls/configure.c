/* SPDX-License-Identifier: Apache-2.0 */
/* For programs with an SSL_CTX and SSLs of their own: configure once, then a handshake for the evidence after TLS's. */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <string.h>

int ctls_configure(SSL_CTX *ctx, struct ctls *ctls, struct cattest_error *err)
{
	if (!ctx || !ctls)
		return ctls_fail(err, -EINVAL, "ctls_configure needs an SSL_CTX and a ctls");
	return ctls_setup(ctx, ctls, err);
}

static int run_exchange(struct ctls *ctls, SSL *ssl, struct exchange *x, struct cattest_error *err)
{
	int64_t until = monotonic_ms() + ctls->handshake_ms;
	int rc;

	while ((rc = exchange_step(x, err)) > 0) {
		if (rc == CTLS_WANT_WORK) {
			exchange_work(x);
			continue;
		}
		rc = wait_for(SSL_get_fd(ssl), rc, until);
		if (rc == -ETIMEDOUT)
			ctls_log(ctls, "peer refused: it did not finish the handshake in time");
		if (rc)
			return ctls_fail(err, rc, "waiting for the peer: %s", strerror(-rc));
	}
	return rc;
}

int ctls_handshake(SSL *ssl, struct cattest_error *err)
{
	struct ctls *ctls = ctls_of(ssl);
	const struct attested_peer *peer;
	struct session session;
	struct exchange *x;
	bool server = SSL_is_server(ssl);
	int rc;

	if (!ctls)
		return ctls_fail(err, -EINVAL,
				 "the SSL_CTX of this SSL was not given to ctls_configure");
	if (!server && !ctls->verifier.verify && SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
		return ctls_fail(err, -EINVAL,
				 "a client needs a verifier, or a CA to know its server by");
	if (ctls->mode == CTLS_CERTIFICATE) {
		peer = attested_peer(ssl);
		if (!SSL_is_init_finished(ssl) ||
		    (ctls->verifier.verify && !(peer && peer->trusted)))
			return ctls_fail(err, -EACCES, "the peer was not attested");
		return 0;
	}
	rc = session_from_ssl(ssl, server, &session, err);
	if (!rc)
		rc = exchange_new(ctls, server, &session, ssl_stream(ssl), &x, err);
	OPENSSL_cleanse(&session, sizeof(session));
	if (rc)
		return rc;
	rc = run_exchange(ctls, ssl, x, err);
	exchange_free(x);
	return rc;
}
