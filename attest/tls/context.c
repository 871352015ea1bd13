/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connections have in common: options checked, and an SSL_CTX set up from them. Sessions are not resumed: each connection has
 * evidence of its own, and tickets would cost memory for nothing.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ctx_index = -1;
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void make_index(void)
{
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

struct ctls *ctls_of(const SSL *ssl)
{
	pthread_once(&index_once, make_index);
	return ctx_index < 0 ? NULL : SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
}

void ctls_log(const struct ctls *ctls, const char *format, ...)
{
	char line[700];
	va_list ap;

	if (!ctls->log)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	/* Evidence of peers must not obey terminals. */
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	ctls->log(ctls->log_context, line);
}

int ctls_setup(SSL_CTX *ctx, struct ctls *ctls, struct cattest_error *err)
{
	bool tls12 = ctls->mode == CTLS_CERTIFICATE && ctls->allow_tls12;

	pthread_once(&index_once, make_index);
	if (ctx_index < 0 || !SSL_CTX_set_ex_data(ctx, ctx_index, ctls) ||
	    !SSL_CTX_set_min_proto_version(ctx, tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) ||
	    !SSL_CTX_set_num_tickets(ctx, 0))
		return ctls_fail_openssl(err, -ENOMEM, "TLS cannot be set up");
	SSL_CTX_set_options(ctx,
			    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(ctx, 0);
	if (ctls->mode == CTLS_CERTIFICATE)
		return attested_setup(ctx, ctls, err);
	return 0;
}

static int use_identity(SSL_CTX *ctx, const char *certificate_pem, const char *key_pem,
			struct cattest_error *err)
{
	BIO *cert_bio = BIO_new_mem_buf(certificate_pem, -1),
	    *key_bio = BIO_new_mem_buf(key_pem, -1);
	EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
	X509 *cert = cert_bio ? PEM_read_bio_X509(cert_bio, NULL, NULL, NULL) : NULL, *more;
	bool ok = key && cert && SSL_CTX_use_certificate(ctx, cert) &&
		  SSL_CTX_use_PrivateKey(ctx, key);

	SSL_CTX_clear_chain_certs(ctx);
	while (ok && (more = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL))) {
		ok = SSL_CTX_add0_chain_cert(ctx, more);
		if (!ok)
			X509_free(more);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	if (!ok)
		return ctls_fail_openssl(
			err, -EINVAL,
			"certificate and key (PEM, without a password) cannot be used");
	ERR_clear_error(); /* the end of the chain */
	return 0;
}

/* A key of this process, as TLS wants some certificate of a server; what says who we are is the evidence. */
static int own_identity(SSL_CTX *ctx, struct cattest_error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	bool ok = key && cert && X509_set_version(cert, X509_VERSION_3) &&
		  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
		  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
					     (const unsigned char *)"Cloister attested TLS", -1, -1,
					     0) &&
		  X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
		  X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
		  X509_time_adj_ex(X509_getm_notAfter(cert), 3650, 0, NULL) &&
		  X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()) &&
		  SSL_CTX_use_certificate(ctx, cert) && SSL_CTX_use_PrivateKey(ctx, key);

	X509_free(cert);
	EVP_PKEY_free(key);
	return ok ? 0 : ctls_fail_openssl(err, -ENOMEM, "a TLS key cannot be made");
}

static int use_ca(SSL_CTX *ctx, const char *pem, struct cattest_error *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	size_t count = 0;
	X509 *cert;

	while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
	if (!count)
		return ctls_fail_openssl(err, -EINVAL, "the CA file holds no certificate (PEM)");
	ERR_clear_error();
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static int check_options(const struct ctls_options *o, struct cattest_error *err)
{
	if (o->mode != CTLS_SESSION && o->mode != CTLS_CERTIFICATE)
		return ctls_fail(err, -EINVAL,
				 "mode %d is neither CTLS_SESSION nor CTLS_CERTIFICATE",
				 (int)o->mode);
	if (!o->verifier && !o->attester)
		return ctls_fail(err, -EINVAL,
				 "neither attester nor verifier: nothing would be attested");
	if ((o->attester && !o->attester->collect) || (o->verifier && !o->verifier->verify))
		return ctls_fail(err, -EINVAL,
				 "an attester without collect or a verifier without verify");
	if (!o->certificate_pem != !o->key_pem)
		return ctls_fail(err, -EINVAL,
				 "a certificate needs its key, and a key its certificate");
	if (o->mode == CTLS_CERTIFICATE && (o->certificate_pem || o->ca_pem))
		return ctls_fail(err, -EINVAL,
				 "certificate mode makes its own certificate and knows no CA");
	if (o->mode == CTLS_SESSION && o->claim_count)
		return ctls_fail(err, -EINVAL,
				 "custom claims are in certificates; session mode has none");
	if (o->mode == CTLS_SESSION && o->allow_tls12)
		return ctls_fail(
			err, -EINVAL,
			"sessions are bound by TLS 1.3; only certificate mode may allow 1.2");
	if (o->server_name && !o->ca_pem)
		return ctls_fail(err, -EINVAL, "a server's name says nothing without a CA");
	if (o->max_evidence > CTLS_MAX_EVIDENCE)
		return ctls_fail(err, -EINVAL, "evidence of more than %u bytes is never accepted",
				 CTLS_MAX_EVIDENCE);
	if (o->max_unverified &&
	    o->max_unverified < (o->max_evidence ? o->max_evidence : CTLS_DEFAULT_EVIDENCE))
		return ctls_fail(err, -EINVAL,
				 "max_unverified is less than one peer's max_evidence");
	return 0;
}

static int make_ctx(struct ctls *c, const struct ctls_options *o, struct cattest_error *err)
{
	int rc;

	c->ctx = SSL_CTX_new(TLS_method());
	if (!c->ctx)
		return ctls_fail_openssl(err, -ENOMEM, "TLS cannot be set up");
	/* Idle connections hold no buffers; partial writes, as streams have them. */
	SSL_CTX_set_mode(c->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Several records with one system call; the buffer goes when it is empty. */
	SSL_CTX_set_read_ahead(c->ctx, 1);
	SSL_CTX_set_default_read_buffer_len(c->ctx, 64 * 1024);
	if (c->mode == CTLS_SESSION) {
		rc = o->certificate_pem ? use_identity(c->ctx, o->certificate_pem, o->key_pem, err)
					: own_identity(c->ctx, err);
		if (rc)
			return rc;
		if (o->ca_pem) {
			rc = use_ca(c->ctx, o->ca_pem, err);
			if (rc)
				return rc;
		}
	}
	return ctls_setup(c->ctx, c, err);
}

static int copy_claims(struct ctls *c, const struct ctls_options *o)
{
	if (!o->claim_count)
		return 0;
	c->claims = calloc(o->claim_count, sizeof(*c->claims));
	if (!c->claims)
		return -ENOMEM;
	c->claim_count = o->claim_count;
	for (size_t i = 0; i < o->claim_count; i++) {
		/* One byte more: a claim may be empty. */
		char *name = strdup(o->claims[i].name), *value = malloc(o->claims[i].size + 1);

		c->claims[i].name = name;
		c->claims[i].value = value;
		c->claims[i].size = o->claims[i].size;
		if (!name || !value)
			return -ENOMEM;
		memcpy(value, o->claims[i].value, o->claims[i].size);
	}
	return 0;
}

static void free_claims(struct ctls *c)
{
	for (size_t i = 0; i < c->claim_count; i++) {
		void *ours[2];

		memcpy(&ours[0], &c->claims[i].name, sizeof(void *));
		memcpy(&ours[1], &c->claims[i].value, sizeof(void *));
		free(ours[0]);
		free(ours[1]);
	}
	free(c->claims);
}

static void free_tables(const struct ctls_options *o)
{
	if (o->attester && o->attester->free)
		o->attester->free(o->attester->context);
	if (o->verifier && o->verifier->free)
		o->verifier->free(o->verifier->context);
}

int ctls_new(const struct ctls_options *o, struct ctls **ret_ctls, struct cattest_error *err)
{
	struct ctls *c;
	int rc = check_options(o, err);

	c = rc ? NULL : calloc(1, sizeof(*c));
	if (!c) {
		free_tables(o);
		return rc ? rc : ctls_fail(err, -ENOMEM, "out of memory");
	}
	pthread_mutex_init(&c->lock, NULL);
	c->mode = o->mode;
	if (o->attester)
		c->attester = *o->attester;
	if (o->verifier)
		c->verifier = *o->verifier;
	c->want_details = o->want_details;
	c->allow_tls12 = o->allow_tls12;
	c->ca_needed = o->ca_pem;
	c->handshake_ms = o->handshake_ms ? o->handshake_ms : CTLS_DEFAULT_HANDSHAKE_MS;
	c->max_evidence = o->max_evidence ? o->max_evidence : CTLS_DEFAULT_EVIDENCE;
	c->max_unverified = o->max_unverified ? o->max_unverified : CTLS_DEFAULT_UNVERIFIED;
	if (!o->max_unverified && c->max_unverified < c->max_evidence)
		c->max_unverified = c->max_evidence;
	c->cache_seconds = o->result_cache_seconds;
	c->lifetime = o->certificate_lifetime ? o->certificate_lifetime : 24 * 3600;
	c->log = o->log;
	c->log_context = o->log_context;
	if (o->server_name)
		c->server_name = strdup(o->server_name);
	rc = copy_claims(c, o) || (o->server_name && !c->server_name)
		     ? ctls_fail(err, -ENOMEM, "out of memory")
		     : make_ctx(c, o, err);
	if (rc) {
		ctls_free(c);
		return rc;
	}
	*ret_ctls = c;
	return 0;
}

void ctls_free(struct ctls *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ctx);
	if (c->attester.free)
		c->attester.free(c->attester.context);
	if (c->verifier.free)
		c->verifier.free(c->verifier.context);
	X509_free(c->own_cert);
	EVP_PKEY_free(c->own_key);
	pthread_mutex_destroy(&c->lock);
	free_claims(c);
	free(c->server_name);
	free(c);
}
