/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate mode: our certificate with evidence in it, and the verification of the peer's in OpenSSL's place for it. There is no other
 * verification of certificates then: no CA, no names. What OpenSSL's handshake adds is the proof that the peer holds the key.
 *
 * Weakness: see include/cloister/tls.h. Kept results: only "trusted", by the digest of the whole certificate, for result_cache_seconds.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

/* Two certificates with endorsements and event logs fit; OpenSSL's default of 100 KiB would not. */
#define MAX_CHAIN (512 * 1024)
/* After a failure to make a certificate. */
#define RETRY_MS 60000

static int peer_index = -1;
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void peer_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct attested_peer *peer = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (peer)
		free(peer->details);
	free(peer);
}

static void make_index(void)
{
	peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, peer_free);
}

struct attested_peer *attested_peer(const SSL *ssl)
{
	pthread_once(&index_once, make_index);
	return peer_index < 0 ? NULL : SSL_get_ex_data(ssl, peer_index);
}

static struct attested_peer *new_peer(SSL *ssl)
{
	struct attested_peer *peer = attested_peer(ssl);

	if (peer || peer_index < 0)
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (peer && !SSL_set_ex_data(ssl, peer_index, peer)) {
		free(peer);
		peer = NULL;
	}
	return peer;
}

/* --- Kept results --- */
static bool is_cached(struct ctls *c, const uint8_t digest[32])
{
	int64_t now = monotonic_ms();
	bool ret = false;

	if (!c->cache_seconds || c->want_details)
		return false;
	pthread_mutex_lock(&c->lock);
	for (unsigned int i = 0; i < CACHED_RESULTS && !ret; i++)
		ret = c->cached[i].until > now && !CRYPTO_memcmp(c->cached[i].digest, digest, 32);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static void cache(struct ctls *c, const uint8_t digest[32])
{
	if (!c->cache_seconds)
		return;
	pthread_mutex_lock(&c->lock);
	memcpy(c->cached[c->cached_next].digest, digest, 32);
	c->cached[c->cached_next].until = monotonic_ms() + (int64_t)c->cache_seconds * 1000;
	c->cached_next = (c->cached_next + 1) % CACHED_RESULTS;
	pthread_mutex_unlock(&c->lock);
}

/* --- The peer's certificate --- */
static int verify_certificate(struct ctls *c, X509 *cert, struct attested_peer *peer)
{
	struct ctls_evidence evidence = { .type = "ratls-certificate" };
	uint8_t digest[32], *der = NULL;
	unsigned int digest_size = sizeof(digest);
	int rc, size;

	if (!X509_digest(cert, EVP_sha256(), digest, &digest_size))
		return ctls_fail(&peer->reason, -ENOMEM, "out of memory");
	if (is_cached(c, digest))
		return 0;
	size = i2d_X509(cert, &der);
	if (size <= 0)
		return ctls_fail(&peer->reason, -ENOMEM, "out of memory");
	evidence.data = der;
	evidence.size = (size_t)size;
	rc = c->verifier.verify(c->verifier.context, &evidence,
				c->want_details ? &peer->details : NULL, &peer->reason);
	OPENSSL_free(der);
	if (!rc)
		cache(c, digest);
	return rc;
}

static int verify_callback(X509_STORE_CTX *store, void *context)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct ctls *c = context;
	struct attested_peer *peer = ssl ? new_peer(ssl) : NULL;
	X509 *cert = X509_STORE_CTX_get0_cert(store);

	if (peer && cert && c->verifier.verify) {
		peer->trusted = false;
		peer->reason.text[0] = 0;
		peer->trusted = !verify_certificate(c, cert, peer);
		if (!peer->trusted && !peer->reason.text[0])
			ctls_fail(&peer->reason, 0, "certificate not trusted");
		ERR_clear_error();
	}
	if (peer && peer->trusted) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	if (peer)
		ctls_log(c, "peer refused: %s", peer->reason.text);
	/* The alert is the same for every reason. */
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

/* --- Our certificate --- */
static int read_pem(const char *cert_pem, const char *key_pem, X509 **ret_cert, EVP_PKEY **ret_key)
{
	BIO *cert_bio = BIO_new_mem_buf(cert_pem, -1), *key_bio = BIO_new_mem_buf(key_pem, -1);

	*ret_cert = cert_bio ? PEM_read_bio_X509(cert_bio, NULL, NULL, NULL) : NULL;
	*ret_key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
	BIO_free(cert_bio);
	BIO_free(key_bio);
	return *ret_cert && *ret_key ? 0 : -ENOMEM;
}

static int make_own(struct ctls *c, struct cattest_error *err)
{
	struct cattest_certificate_request request = { .collect = c->attester.collect,
						       .context = c->attester.context,
						       .claims = c->claims,
						       .claim_count = c->claim_count,
						       .lifetime = c->lifetime };
	char *cert_pem = NULL, *key_pem = NULL;
	EVP_PKEY *key;
	X509 *cert;
	int rc = cattest_make_certificate(&request, &cert_pem, &key_pem, err);

	if (rc)
		return rc;
	rc = read_pem(cert_pem, key_pem, &cert, &key);
	OPENSSL_cleanse(key_pem, strlen(key_pem));
	free(key_pem);
	free(cert_pem);
	if (rc) {
		X509_free(cert);
		EVP_PKEY_free(key);
		return ctls_fail(err, rc, "out of memory");
	}
	X509_free(c->own_cert);
	EVP_PKEY_free(c->own_key);
	c->own_cert = cert;
	c->own_key = key;
	c->renew_at = monotonic_ms() + (int64_t)c->lifetime * 500;
	return 0;
}

/* Each session gets the certificate of its time: SSL_CTXs are not changed once they are in use. */
static int certificate_callback(SSL *ssl, void *context)
{
	struct cattest_error err;
	struct ctls *c = context;
	int ok;

	pthread_mutex_lock(&c->lock);
	if (monotonic_ms() >= c->renew_at && make_own(c, &err)) {
		/* The last one is good for its other half. */
		ctls_log(c, "no new certificate: %s", err.text);
		c->renew_at = monotonic_ms() + RETRY_MS;
	}
	ok = SSL_use_cert_and_key(ssl, c->own_cert, c->own_key, NULL, 1);
	pthread_mutex_unlock(&c->lock);
	return ok;
}

int attested_setup(SSL_CTX *ctx, struct ctls *c, struct cattest_error *err)
{
	int rc = 0;

	SSL_CTX_set_max_cert_list(ctx, MAX_CHAIN);
	if (c->verifier.verify) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		SSL_CTX_set_cert_verify_callback(ctx, verify_callback, c);
	}
	if (!c->attester.collect)
		return 0;
	pthread_mutex_lock(&c->lock);
	if (!c->own_cert)
		rc = make_own(c, err);
	pthread_mutex_unlock(&c->lock);
	SSL_CTX_set_cert_cb(ctx, certificate_callback, c);
	return rc;
}
