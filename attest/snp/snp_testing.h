/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of attest/snp and attest/azure: a key hierarchy like AMD's (RSA-PSS with SHA-384 over
 * P-384 endorsement keys, of 2048 bits so that tests are quick), reports signed by it, and a way to
 * say what a verification must come to.
 */
#pragma once

#include "attest/snp/snp.h"
#include "tests/evidence/ec_keys.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define TEST_NOW 1780000000L /* 2026-05-28 */
#define TEST_YEAR (365 * 86400L)

static unsigned test_failures, test_count;

#define EXPECT(condition, ...)                                                 \
	do {                                                                   \
		test_count++;                                                  \
		if (!(condition)) {                                            \
			test_failures++;                                       \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			printf(__VA_ARGS__);                                   \
			printf("\n");                                          \
		}                                                              \
	} while (0)

static inline int test_report(const char *name)
{
	printf("%s: %u checks, %u failed\n", name, test_count, test_failures);
	return test_failures ? 1 : 0;
}

static inline void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("cannot prepare the test: %s\n", what);
	exit(1);
}

/* --- Outcome of a verification, the policy left aside: these tests are about evidence --- */

enum outcome { OUTCOME_GOOD, OUTCOME_MISSING, OUTCOME_REFUSED, OUTCOME_ERROR };

struct verified {
	enum outcome outcome;
	struct cattest_result *result; /* NULL: ERROR */
	struct cattest_error err;
};

static inline const struct cattest_check *find_check(const struct cattest_result *r,
						     const char *step, enum cattest_outcome outcome)
{
	for (size_t i = 0; r && i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == outcome && (!step || !strcmp(c->step, step)) &&
		    strncmp(c->step, "policy", 6))
			return c;
	}
	return NULL;
}

static inline struct verified verify_bytes(struct cattest_verifier *v, const void *data,
					   size_t size, const struct cattest_expect *expect)
{
	struct verified ret = { .outcome = OUTCOME_ERROR };

	if (cattest_verify(v, data, size, expect, &ret.result, &ret.err) < 0) {
		ret.result = NULL;
		return ret;
	}
	ret.outcome = find_check(ret.result, NULL, CATTEST_FAIL)      ? OUTCOME_REFUSED
		      : find_check(ret.result, NULL, CATTEST_MISSING) ? OUTCOME_MISSING
								      : OUTCOME_GOOD;
	/* No policy: never trusted. */
	EXPECT(cattest_result_verdict(ret.result) != CATTEST_TRUSTED, "trusted without a policy");
	return ret;
}

static inline void print_result(const struct verified *got)
{
	char *table = NULL;

	if (got->result && !cattest_result_table(got->result, &table, NULL))
		printf("%s\n", table);
	else
		printf("error: %s\n", got->err.text);
	free(table);
}

/* step: of a check that must have this outcome; NULL: any. */
static inline void expect_outcome(const char *name, struct verified got, enum outcome outcome,
				  const char *step)
{
	static const char *const names[] = { "good", "missing", "refused", "error" };
	bool ok = got.outcome == outcome;

	if (ok && step && outcome == OUTCOME_REFUSED)
		ok = find_check(got.result, step, CATTEST_FAIL) != NULL;
	if (ok && step && outcome == OUTCOME_MISSING)
		ok = find_check(got.result, step, CATTEST_MISSING) != NULL;
	EXPECT(ok, "%s: %s, expected %s (%s)", name, names[got.outcome], names[outcome],
	       step ? step : "");
	if (!ok)
		print_result(&got);
	cattest_result_free(got.result);
}

/* --- Keys and certificates --- */

static inline EVP_PKEY *new_rsa(unsigned bits)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);

	must(key, "RSA key");
	return key;
}

static inline EVP_PKEY *new_p384(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-384");

	must(key, "P-384 key");
	return key;
}

static inline EVP_MD_CTX *pss_context(EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	must(ctx && EVP_DigestSignInit(ctx, &pctx, EVP_sha384(), NULL, key) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 48) == 1,
	     "PSS");
	return ctx;
}

static inline void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(e && X509_add_ext(cert, e, -1) == 1, "extension");
	X509_EXTENSION_free(e);
}

static inline void add_raw_extension(X509 *cert, const char *oid, const uint8_t *data, size_t size)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e = NULL;

	must(object && value && ASN1_OCTET_STRING_set(value, data, (int)size) == 1 &&
		     (e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value)) &&
		     X509_add_ext(cert, e, -1) == 1,
	     "extension");
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
}

static inline X509 *new_cert(const char *subject, EVP_PKEY *key, const char *issuer, long serial,
			     int64_t from, int64_t until)
{
	X509 *cert = X509_new();
	X509_NAME *name;

	must(cert != NULL, "certificate");
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	ASN1_TIME_set(X509_getm_notBefore(cert), from);
	ASN1_TIME_set(X509_getm_notAfter(cert), until);
	name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const uint8_t *)"Test Micro Devices",
				   -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)subject, -1, -1, 0);
	name = X509_get_issuer_name(cert);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const uint8_t *)"Test Micro Devices",
				   -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)issuer, -1, -1, 0);
	must(X509_set_pubkey(cert, key) == 1, "public key");
	return cert;
}

static inline void sign_cert(X509 *cert, EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = pss_context(key);

	must(X509_sign_ctx(cert, ctx) > 0, "signing a certificate");
	EVP_MD_CTX_free(ctx);
}

struct test_pki {
	const char *product; /* "Milan" */
	EVP_PKEY *ark_key, *ask_key, *asvk_key;
	X509 *ark, *ask, *asvk;
};

static inline X509 *new_ca(const char *subject, EVP_PKEY *key, const char *issuer,
			   EVP_PKEY *issuer_key, long serial)
{
	X509 *cert = new_cert(subject, key, issuer, serial, TEST_NOW - 5 * TEST_YEAR,
			      TEST_NOW + 20 * TEST_YEAR);

	add_extension(cert, NID_basic_constraints,
		      key == issuer_key ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:0");
	add_extension(cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	sign_cert(cert, issuer_key);
	return cert;
}

static inline void pki_init(struct test_pki *pki, const char *product)
{
	char ark[32], ask[32], asvk[32];

	snprintf(ark, sizeof(ark), "ARK-%s", product);
	snprintf(ask, sizeof(ask), "SEV-%s", product);
	snprintf(asvk, sizeof(asvk), "SEV-VLEK-%s", product);
	pki->product = product;
	pki->ark_key = new_rsa(2048);
	pki->ask_key = new_rsa(2048);
	pki->asvk_key = new_rsa(2048);
	pki->ark = new_ca(ark, pki->ark_key, ark, pki->ark_key, 0x10000);
	pki->ask = new_ca(ask, pki->ask_key, ark, pki->ark_key, 0x10001);
	pki->asvk = new_ca(asvk, pki->asvk_key, ark, pki->ark_key, 0x10101);
}

static inline void pki_done(struct test_pki *pki)
{
	EVP_PKEY_free(pki->ark_key);
	EVP_PKEY_free(pki->ask_key);
	EVP_PKEY_free(pki->asvk_key);
	X509_free(pki->ark);
	X509_free(pki->ask);
	X509_free(pki->asvk);
}

/* An endorsement key's certificate. */
struct test_vek {
	const char *cn, *issuer, *product, *csp_id; /* csp_id NULL: no extension */
	unsigned struct_version;
	uint8_t hwid[64];
	size_t hwid_size; /* 0: no extension */
	bool wrapped;	  /* hwID in an OCTET STRING */
	int spl[10];	  /* -1: no extension */
	int64_t from, until;
	long serial;
	const char *twice; /* OID of an extension that is there twice, with the same value */
	bool long_integer; /* levels as INTEGERs that are not the shortest */
};

static inline size_t small_integer(unsigned value, bool padded, uint8_t out[4])
{
	size_t size = value >= 0x80 || padded ? 2 : 1;

	out[0] = 2;
	out[1] = (uint8_t)size;
	out[2] = 0;
	out[2 + size - 1] = (uint8_t)value;
	return 2 + size;
}

static inline void add_ia5(X509 *cert, const char *oid, const char *text)
{
	uint8_t der[128] = { 0x16, (uint8_t)strlen(text) };

	memcpy(der + 2, text, strlen(text));
	add_raw_extension(cert, oid, der, 2 + strlen(text));
}

static inline X509 *new_vek(const struct test_vek *t, EVP_PKEY *key, EVP_PKEY *issuer_key)
{
	X509 *cert = new_cert(t->cn, key, t->issuer, t->serial, t->from, t->until);
	uint8_t der[80];
	char oid[48];

	add_raw_extension(cert, "1.3.6.1.4.1.3704.1.1", der,
			  small_integer(t->struct_version, false, der));
	add_ia5(cert, "1.3.6.1.4.1.3704.1.2", t->product);
	for (unsigned i = 1; i < 10; i++) {
		snprintf(oid, sizeof(oid), "1.3.6.1.4.1.3704.1.3.%u", i);
		if (t->spl[i] < 0)
			continue;
		add_raw_extension(cert, oid, der,
				  small_integer((unsigned)t->spl[i], t->long_integer, der));
		if (t->twice && !strcmp(oid, t->twice))
			add_raw_extension(cert, oid, der,
					  small_integer((unsigned)t->spl[i], false, der));
	}
	if (t->hwid_size) {
		size_t head = t->wrapped ? 2 : 0;

		der[0] = 4;
		der[1] = (uint8_t)t->hwid_size;
		memcpy(der + head, t->hwid, t->hwid_size);
		add_raw_extension(cert, "1.3.6.1.4.1.3704.1.4", der, head + t->hwid_size);
	}
	if (t->csp_id)
		add_ia5(cert, "1.3.6.1.4.1.3704.1.5", t->csp_id);
	sign_cert(cert, issuer_key);
	return cert;
}

static inline X509_CRL *new_crl(const X509 *issuer, EVP_PKEY *key, long revoked_serial,
				int64_t from, int64_t until)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *time = ASN1_TIME_set(NULL, from), *next = ASN1_TIME_set(NULL, until);
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	EVP_MD_CTX *ctx = pss_context(key);

	must(crl && time && next && entry && serial, "CRL");
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
	X509_CRL_set1_lastUpdate(crl, time);
	X509_CRL_set1_nextUpdate(crl, next);
	if (revoked_serial >= 0) {
		ASN1_INTEGER_set(serial, revoked_serial);
		X509_REVOKED_set_serialNumber(entry, serial);
		X509_REVOKED_set_revocationDate(entry, time);
		must(X509_CRL_add0_revoked(crl, entry) == 1, "CRL entry");
		entry = NULL;
	}
	must(X509_CRL_sign_ctx(crl, ctx) > 0, "signing a CRL");
	EVP_MD_CTX_free(ctx);
	X509_REVOKED_free(entry);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(time);
	ASN1_TIME_free(next);
	return crl;
}

struct der {
	uint8_t *data;
	size_t size;
};

static inline struct der cert_der(X509 *cert)
{
	struct der d = { NULL, 0 };
	int size = i2d_X509(cert, &d.data);

	must(size > 0, "DER");
	d.size = (size_t)size;
	return d;
}

static inline void add_cert(struct cattest_verifier *v, const char *name, X509 *cert)
{
	struct der d = cert_der(cert);
	struct cattest_error err;

	if (cattest_add_collateral(v, name, d.data, d.size, &err) < 0) {
		printf("%s: %s\n", name, err.text);
		must(false, name);
	}
	OPENSSL_free(d.data);
}

static inline void add_crl(struct cattest_verifier *v, const char *name, X509_CRL *crl)
{
	uint8_t *data = NULL;
	int size = i2d_X509_CRL(crl, &data);
	struct cattest_error err;

	must(size > 0 && cattest_add_collateral(v, name, data, (size_t)size, &err) == 0, name);
	OPENSSL_free(data);
}

static inline void add_root(struct cattest_verifier *v, X509 *cert)
{
	struct der d = cert_der(cert);

	must(cattest_add_root(v, CATTEST_ROOT_AMD, d.data, d.size, NULL) == 0, "root");
	OPENSSL_free(d.data);
}

static inline struct cattest_verifier *new_verifier(X509 *root)
{
	struct cattest_verifier *v = cattest_verifier_new();

	must(v, "verifier");
	cattest_set_time(v, TEST_NOW);
	if (root)
		add_root(v, root);
	return v;
}

/* --- Reports --- */

static inline void put_le(uint8_t *out, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

static inline void sign_report(uint8_t report[SNP_REPORT_SIZE], EVP_PKEY *key)
{
	uint8_t raw[96];

	ec_sign(key, EVP_sha384(), report, SNP_SIGNED_SIZE, raw);
	memset(report + SNP_SIGNED_SIZE, 0, 144);
	for (size_t part = 0; part < 2; part++)
		for (size_t i = 0; i < 48; i++)
			report[SNP_SIGNED_SIZE + 72 * part + i] = raw[48 * part + 47 - i];
}

/* A sound report; its TCBs are all `tcb`. cpuid: family and model, 0: none. */
static inline void make_report(uint8_t r[SNP_REPORT_SIZE], unsigned version, unsigned cpuid,
			       const uint8_t tcb[8], const uint8_t *chip, size_t chip_size)
{
	static const unsigned tcbs[] = { 0x038, 0x180, 0x1e0, 0x1f0 };

	memset(r, 0, SNP_REPORT_SIZE);
	put_le(r, version, 4);
	put_le(r + 0x008, 0x3001f, 8);
	put_le(r + 0x034, 1, 4);
	put_le(r + 0x040, 0x25, 8);
	for (size_t i = 0; i < 64; i++)
		r[0x050 + i] = (uint8_t)i;
	memset(r + 0x090, 0xab, 48);
	memset(r + 0x140, 0xcd, 32);
	memset(r + 0x160, 0xff, 32);
	for (size_t i = 0; i < 4; i++)
		memcpy(r + tcbs[i], tcb, 8);
	if (version >= 3) {
		r[0x188] = (uint8_t)(cpuid >> 8);
		r[0x189] = (uint8_t)cpuid;
		r[0x18a] = 1;
	}
	memcpy(r + 0x1a0, chip, chip_size);
	memcpy(r + 0x1e8, "\x1d\x37\x01\x00\x1d\x37\x01\x00", 8);
	if (version >= 5) {
		put_le(r + 0x1f8, 0x3f, 8);
		put_le(r + 0x200, 0x7f, 8);
	}
}
