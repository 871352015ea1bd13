/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a server for its evidence and goes away: for tools that show or verify it. A "verifier" that takes a copy and refuses runs the ordinary
 * exchange; which mode the server has is told by its certificate.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int keep(void *context, const struct ctls_evidence *e, char **ret_details,
		struct cattest_error *err)
{
	struct ctls_fetched *f = context;

	(void)ret_details;
	f->evidence = malloc(e->size);
	if (!f->evidence)
		return ctls_fail(err, -ENOMEM, "out of memory");
	memcpy(f->evidence, e->data, e->size);
	f->size = e->size;
	memcpy(f->report_data, e->report_data, e->report_data_size);
	f->report_data_size = e->report_data_size;
	return ctls_fail(err, -ECANCELED, "only looked at");
}

/* Offered, so that servers which ask for evidence show theirs first, as they do; never made, since keep() ends the exchange before. */
static int never(void *context, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		 uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	(void)context, (void)report_data, (void)ret_evidence, (void)ret_size;
	return ctls_fail(err, -ECANCELED, "only looked at");
}

static int tls_handshake(SSL *ssl, int fd, int64_t until, struct cattest_error *err)
{
	for (;;) {
		int rc, error;

		ERR_clear_error();
		rc = SSL_connect(ssl);
		if (rc == 1)
			return 0;
		error = SSL_get_error(ssl, rc);
		if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			return ctls_fail_openssl(err, -EPROTO, "the TLS handshake failed");
		rc = wait_for(fd, error == SSL_ERROR_WANT_READ ? CTLS_WANT_READ : CTLS_WANT_WRITE,
			      until);
		if (rc)
			return ctls_fail(err, rc, "waiting for the server: %s", strerror(-rc));
	}
}

/* An attested certificate, as DER: the evidence. false: it is an ordinary one. */
static bool take_certificate(SSL *ssl, struct ctls_fetched *f)
{
	struct cattest_result *result = NULL;
	X509 *cert = SSL_get0_peer_certificate(ssl);
	uint8_t *der = NULL, *copy;
	int size = cert ? i2d_X509(cert, &der) : 0;

	copy = size > 0 ? malloc((size_t)size) : NULL;
	if (copy)
		memcpy(copy, der, (size_t)size);
	OPENSSL_free(der);
	if (!copy || cattest_decode(copy, (size_t)size, "ratls-certificate", &result, NULL)) {
		free(copy);
		return false;
	}
	cattest_result_free(result);
	f->mode = CTLS_CERTIFICATE;
	f->evidence = copy;
	f->size = (size_t)size;
	return true;
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static int fetch(SSL *ssl, struct ctls *ctls, int fd, int64_t until, struct ctls_fetched *f,
		 struct cattest_error *err)
{
	struct session session;
	struct exchange *x;
	int rc = tls_handshake(ssl, fd, until, err);

	if (rc)
		return rc;
	if (take_certificate(ssl, f))
		return 0;
	rc = session_from_ssl(ssl, false, &session, err);
	if (!rc)
		rc = exchange_new(ctls, false, &session, ssl_stream(ssl), &x, err);
	OPENSSL_cleanse(&session, sizeof(session));
	if (rc)
		return rc;
	while ((rc = exchange_step(x, err)) > 0) {
		if (rc == CTLS_WANT_WORK) {
			exchange_work(x);
		} else {
			rc = wait_for(fd, rc, until);
			if (rc) {
				ctls_fail(err, rc, "the server shows no evidence: %s",
					  strerror(-rc));
				break;
			}
		}
	}
	exchange_free(x);
	return f->evidence ? 0
	       : rc	   ? rc
			   : ctls_fail(err, -EACCES, "the server has shown no evidence");
}

int ctls_fetch_evidence(const char *address, uint32_t timeout_ms, struct ctls_fetched *ret_fetched,
			struct cattest_error *err)
{
	struct ctls_fetched f = { .mode = CTLS_SESSION };
	struct ctls_verifier verifier = { .context = &f, .verify = keep };
	struct ctls_attester attester = { .collect = never };
	struct ctls_options options = { .attester = &attester, .verifier = &verifier };
	int64_t until;
	struct ctls *ctls;
	SSL *ssl;
	int fd, rc;

	if (!timeout_ms)
		timeout_ms = CTLS_DEFAULT_HANDSHAKE_MS;
	until = monotonic_ms() + timeout_ms;
	rc = ctls_new(&options, &ctls, err);
	if (rc)
		return rc;
	/* Servers of certificate mode may be old, and their certificates large. */
	SSL_CTX_set_min_proto_version(ctls->ctx, TLS1_2_VERSION);
	SSL_CTX_set_max_cert_list(ctls->ctx, 512 * 1024);
	fd = ctls_dial(address, timeout_ms, err);
	if (fd < 0) {
		ctls_free(ctls);
		return fd;
	}
	ssl = SSL_new(ctls->ctx);
	if (ssl) {
		rc = ssl_use_socket(ssl, fd);
		if (!rc)
			rc = set_nonblocking(fd)
				     ? ctls_fail(err, -errno, "%s: %s", address, strerror(errno))
				     : fetch(ssl, ctls, fd, until, &f, err);
		if (!rc)
			SSL_shutdown(ssl);
	}
	rc = ssl ? rc : -ENOMEM;
	if (rc == -ENOMEM)
		ctls_fail(err, rc, "out of memory");
	ERR_clear_error();
	SSL_free(ssl);
	close(fd);
	ctls_free(ctls);
	if (rc)
		free(f.evidence);
	else
		*ret_fetched = f;
	return rc;
}
