/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and revocation lists of any shape, made on the spot, for tests. Failing here is a fault of the test: abort. */
#pragma once

#include "attest/core/span.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEED(cond)                                                                               \
	do {                                                                                     \
		if (!(cond)) {                                                                   \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond); \
			abort();                                                                 \
		}                                                                                \
	} while (0)

/* A certificate to make. Zero: the usual (version 3, P-256 with SHA-256, the whole of 2020 to 2029). */
struct recipe {
	const char *subject;	  /* common name */
	const char *issuer;	  /* common name if there is no issuer_cert; NULL: self-issued */
	X509 *issuer_cert;	  /* for the name only */
	EVP_PKEY *key;		  /* the subject's */
	EVP_PKEY *signer;	  /* NULL: key */
	const char *hash;	  /* "SHA256" */
	int pss_salt;		  /* > 0: RSA-PSS with this salt */
	const char *pss_mgf;	  /* another hash for MGF1 */
	const char *from, *until; /* "20200101000000Z" */
	int version;		  /* 0: 3 */
	/* Up to 6 extensions: OpenSSL's name and value ("basicConstraints", "critical,CA:TRUE"). */
	const char *extensions[6][2];
	const char *twice; /* one of them once more: its value */
	long serial;	   /* 0: 1 */
};

static inline EVP_PKEY *make_ec(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);

	NEED(key);
	return key;
}

static inline EVP_PKEY *make_rsa(unsigned bits)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);

	NEED(key);
	return key;
}

static inline void set_time(ASN1_TIME *t, const char *text)
{
	NEED(ASN1_TIME_set_string_X509(t, text));
}

static inline X509_NAME *make_name(const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	NEED(name && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
						(const unsigned char *)cn, -1, -1, 0));
	return name;
}

/* The context to sign in. */
static inline EVP_MD_CTX *make_signer(EVP_PKEY *key, const struct recipe *r)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey_ctx;

	NEED(ctx && EVP_DigestSignInit_ex(ctx, &pkey_ctx, r->hash ? r->hash : "SHA256", NULL, NULL,
					  key, NULL) == 1);
	if (r->pss_salt) {
		NEED(EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) > 0);
		NEED(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, r->pss_salt) > 0);
		if (r->pss_mgf)
			NEED(EVP_PKEY_CTX_set_rsa_mgf1_md_name(pkey_ctx, r->pss_mgf, NULL) > 0);
	}
	return ctx;
}

static inline void add_extension(X509 *cert, const char *name, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	e = X509V3_EXT_nconf(NULL, &ctx, name, value);
	NEED(e && X509_add_ext(cert, e, -1));
	X509_EXTENSION_free(e);
}

static inline X509 *make_certificate(const struct recipe *r)
{
	X509_NAME *subject = make_name(r->subject);
	X509_NAME *issuer = r->issuer_cert ? X509_NAME_dup(X509_get_subject_name(r->issuer_cert))
					   : make_name(r->issuer ? r->issuer : r->subject);
	X509 *cert = X509_new(), *read;
	unsigned char *der = NULL;
	const unsigned char *p;
	EVP_MD_CTX *ctx;
	int size;

	NEED(cert && X509_set_version(cert, r->version ? r->version - 1 : X509_VERSION_3));
	ASN1_INTEGER_set(X509_get_serialNumber(cert), r->serial ? r->serial : 1);
	set_time(X509_getm_notBefore(cert), r->from ? r->from : "20200101000000Z");
	set_time(X509_getm_notAfter(cert), r->until ? r->until : "20300101000000Z");
	NEED(X509_set_subject_name(cert, subject) && X509_set_issuer_name(cert, issuer) &&
	     X509_set_pubkey(cert, r->key));
	for (size_t i = 0; i < 6 && r->extensions[i][0]; i++)
		add_extension(cert, r->extensions[i][0], r->extensions[i][1]);
	if (r->twice)
		add_extension(cert, r->extensions[0][0], r->twice);
	ctx = make_signer(r->signer ? r->signer : r->key, r);
	NEED(X509_sign_ctx(cert, ctx) > 0);
	EVP_MD_CTX_free(ctx);
	X509_NAME_free(subject);
	X509_NAME_free(issuer);
	/* As it would come from outside: nothing is left of how it was made. */
	size = i2d_X509(cert, &der);
	NEED(size > 0);
	X509_free(cert);
	p = der;
	read = d2i_X509(NULL, &p, size);
	NEED(read);
	OPENSSL_free(der);
	return read;
}

struct crl_recipe {
	X509 *issuer;
	const char *issuer_name; /* instead */
	EVP_PKEY *signer;
	const char *hash;
	const char *from, *until; /* until "": absent */
	long revoked[4];
	const char *extensions[4][2];
	const char *entry_extension[2];
};

static inline X509_CRL *make_crl(const struct crl_recipe *r)
{
	struct recipe how = { .hash = r->hash };
	X509_NAME *name = r->issuer_name ? make_name(r->issuer_name)
					 : X509_NAME_dup(X509_get_subject_name(r->issuer));
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	EVP_MD_CTX *ctx;

	NEED(crl && t && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
	     X509_CRL_set_issuer_name(crl, name));
	set_time(t, r->from ? r->from : "20210101000000Z");
	X509_CRL_set1_lastUpdate(crl, t);
	if (!r->until || r->until[0]) {
		set_time(t, r->until ? r->until : "20290101000000Z");
		X509_CRL_set1_nextUpdate(crl, t);
	}
	for (size_t i = 0; i < 4 && r->revoked[i]; i++) {
		X509_REVOKED *entry = X509_REVOKED_new();
		ASN1_INTEGER *serial = ASN1_INTEGER_new();

		NEED(entry && ASN1_INTEGER_set(serial, r->revoked[i]));
		set_time(t, "20210101000000Z");
		X509_REVOKED_set_serialNumber(entry, serial);
		X509_REVOKED_set_revocationDate(entry, t);
		if (r->entry_extension[0]) {
			X509_EXTENSION *e = X509V3_EXT_nconf(NULL, NULL, r->entry_extension[0],
							     r->entry_extension[1]);

			NEED(e && X509_REVOKED_add_ext(entry, e, -1));
			X509_EXTENSION_free(e);
		}
		NEED(X509_CRL_add0_revoked(crl, entry));
		ASN1_INTEGER_free(serial);
	}
	for (size_t i = 0; i < 4 && r->extensions[i][0]; i++) {
		X509_EXTENSION *e =
			X509V3_EXT_nconf(NULL, NULL, r->extensions[i][0], r->extensions[i][1]);

		NEED(e && X509_CRL_add_ext(crl, e, -1));
		X509_EXTENSION_free(e);
	}
	ctx = make_signer(r->signer, &how);
	NEED(X509_CRL_sign_ctx(crl, ctx) > 0);
	EVP_MD_CTX_free(ctx);
	ASN1_TIME_free(t);
	X509_NAME_free(name);
	return crl;
}

/* DER in memory of its own; free with OPENSSL_free((void *)). */
static inline struct span certificate_der(const X509 *cert)
{
	unsigned char *der = NULL;
	int size = i2d_X509(cert, &der);

	NEED(size > 0);
	return SPAN(der, (size_t)size);
}

static inline struct span crl_der(X509_CRL *crl)
{
	unsigned char *der = NULL;
	int size = i2d_X509_CRL(crl, &der);

	NEED(size > 0);
	return SPAN(der, (size_t)size);
}
