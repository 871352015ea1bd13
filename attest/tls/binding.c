/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evidence of one session is bound to. The exporter value is known to the two ends of this TLS session only (RFC 9266 uses it for the same
 * purpose); a man in the middle has two sessions with different ones. Role and certificates keep evidence from being sent back to who made
 * it; nonces and flags are in there so that neither side depends on the randomness or honesty of the other.
 *
 *   SHA-512( "Cloister attested TLS 1\0" | role of the sender | exporter[32] |
 *            client's HELLO[36] | server's HELLO[36] | SHA-256(client's certificate) | SHA-256(server's certificate) )
 *
 * All parts have fixed sizes. The client's certificate is named because TLS 1.3's exporter secret does not cover it (RFC 8446, 7.1).
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

static const char domain[] = "Cloister attested TLS 1";

static int certificate_digest(const X509 *cert, uint8_t digest[32])
{
	unsigned int size = 32;

	if (cert && !X509_digest(cert, EVP_sha256(), digest, &size))
		return -ENOMEM;
	return 0;
}

int session_from_ssl(SSL *ssl, bool server, struct session *ret_session, struct cattest_error *err)
{
	struct session *s = ret_session;
	const X509 *own = SSL_get_certificate(ssl), *peer = SSL_get0_peer_certificate(ssl);

	/* Written where it is to be, so that no copy has to be wiped. */
	*s = (struct session){ 0 };
	/* SSL_get_certificate says what is loaded; a client has sent it only if it was asked. */
	if (!server && own && !SSL_get_signature_type_nid(ssl, &(int){ 0 }))
		own = NULL;
	if (SSL_version(ssl) != TLS1_3_VERSION)
		return ctls_fail(err, -EPROTO,
				 "the session is %s; evidence is bound to TLS 1.3 sessions only",
				 SSL_get_version(ssl));
	if (!SSL_is_init_finished(ssl))
		return ctls_fail(err, -EINVAL, "the TLS handshake is not finished");
	if (SSL_export_keying_material(ssl, s->exporter, sizeof(s->exporter), CTLS_EXPORTER_LABEL,
				       strlen(CTLS_EXPORTER_LABEL), NULL, 0, 0) != 1)
		return ctls_fail_openssl(err, -EPROTO, "the session gives no exporter value");
	if (certificate_digest(own, s->certificates[server]) ||
	    certificate_digest(peer, s->certificates[!server]))
		return ctls_fail(err, -ENOMEM, "out of memory");
	return 0;
}

int session_report_data(const struct session *s, const uint8_t hello[2][HELLO_SIZE],
			bool sender_is_server, uint8_t ret_report_data[CATTEST_REPORT_DATA_SIZE])
{
	uint8_t role = sender_is_server;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned int size = 0;
	int ok;

	ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha512(), NULL) &&
	     EVP_DigestUpdate(ctx, domain, sizeof(domain)) && EVP_DigestUpdate(ctx, &role, 1) &&
	     EVP_DigestUpdate(ctx, s->exporter, sizeof(s->exporter)) &&
	     EVP_DigestUpdate(ctx, hello[0], HELLO_SIZE) &&
	     EVP_DigestUpdate(ctx, hello[1], HELLO_SIZE) &&
	     EVP_DigestUpdate(ctx, s->certificates[0], 32) &&
	     EVP_DigestUpdate(ctx, s->certificates[1], 32) &&
	     EVP_DigestFinal_ex(ctx, ret_report_data, &size);
	EVP_MD_CTX_free(ctx);
	return ok && size == CATTEST_REPORT_DATA_SIZE ? 0 : -ENOMEM;
}
