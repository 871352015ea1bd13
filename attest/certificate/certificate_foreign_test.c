/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as Open Enclave, EGo and dstack make them, with quotes of the synthetic PKI: each verifies to the end; one whose key is not the
 * one that the quote is bound to, or whose extension is damaged, is refused.
 */
#include "attest/certificate/certificate.h"
#include "tests/evidence/dcap_synthetic.c"
#include "tests/expect.h"

#include <openssl/x509v3.h>

enum wrap { OE_REPORT, OE_EVIDENCE, OE_EVIDENCE_2, DSTACK, DSTACK_VERSIONED };
enum binding { SPKI_SHA256, PEM_SHA256, TAGGED_SHA512 };

static void bind(EVP_PKEY *key, enum binding how, uint8_t ret_report_data[64])
{
	static const char tag[] = "ratls-cert:";
	uint8_t text[4096], *der = NULL;
	int size = i2d_PUBKEY(key, &der);
	BIO *bio = BIO_new(BIO_s_mem());

	MUST(size > 0 && (size_t)size < sizeof(text) - sizeof(tag));
	memset(ret_report_data, 0, 64);
	if (how == SPKI_SHA256) {
		SHA256(der, (size_t)size, ret_report_data);
	} else if (how == TAGGED_SHA512) {
		memcpy(text, tag, sizeof(tag) - 1);
		memcpy(text + sizeof(tag) - 1, der, (size_t)size);
		SHA512(text, sizeof(tag) - 1 + (size_t)size, ret_report_data);
	} else {
		MUST(PEM_write_bio_PUBKEY(bio, key) &&
		     (size = BIO_read(bio, text, sizeof(text) - 1)) > 0);
		text[size] = 0;
		SHA256(text, (size_t)size + 1, ret_report_data);
	}
	BIO_free(bio);
	OPENSSL_free(der);
}

static void wrap_quote(struct bytes *b, enum wrap how, const struct dcap_synthetic *s)
{
	static const uint8_t format[] = { 0xa3, 0xa2, 0x1e, 0x87, 0x1b, 0x4d, 0x40, 0x14,
					  0xb7, 0x0a, 0xa1, 0x25, 0xd2, 0xfb, 0xcd, 0x8c };
	static struct bytes inner;

	b->size = inner.size = 0;
	switch (how) {
	case OE_EVIDENCE_2:
	case OE_REPORT:
		put_le(&inner, 1, 4);
		put_le(&inner, 2, 4);
		put_le(&inner, s->quote_size, 8);
		put(&inner, s->quote, s->quote_size);
		break;
	case OE_EVIDENCE:
		put(&inner, s->quote, s->quote_size);
		put(&inner, "the key, as custom claims", 25);
		break;
	case DSTACK:
		put(&inner, s->quote, s->quote_size);
		break;
	case DSTACK_VERSIONED:
		put_le(&inner, 0, 2);
		put_le(&inner, s->quote_size << 2 | 1, 2);
		put(&inner, s->quote, s->quote_size);
		put(&inner, "\0\0events", 8);
		break;
	}
	if (how == OE_EVIDENCE || how == OE_EVIDENCE_2) {
		put_le(b, how == OE_EVIDENCE ? 3 : 2, 4);
		put(b, format, sizeof(format));
		put_le(b, inner.size, 8);
	} else if (how == DSTACK || how == DSTACK_VERSIONED) {
		put(b, "\x04\x82", 2);
		put_le(b, inner.size >> 8, 1);
		put_le(b, inner.size & 0xff, 1);
	}
	put(b, inner.data, inner.size);
}

static X509 *certificate(EVP_PKEY *key, const char *oid, const struct bytes *value)
{
	X509 *cert = X509_new();
	ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	X509_EXTENSION *extension;

	MUST(cert && content && object);
	X509_set_version(cert, X509_VERSION_3);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)"enclave", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	ASN1_TIME_set(X509_getm_notBefore(cert), DCAP_SYNTHETIC_NOW - 60);
	ASN1_TIME_set(X509_getm_notAfter(cert), DCAP_SYNTHETIC_NOW + 60);
	X509_set_pubkey(cert, key);
	ASN1_OCTET_STRING_set(content, value->data, (int)value->size);
	extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, content);
	MUST(extension && X509_add_ext(cert, extension, -1) && X509_sign(cert, key, EVP_sha256()));
	X509_EXTENSION_free(extension);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(content);
	return cert;
}

/* step NULL: no check fails, and nothing but the policy is missing; "": not even evidence; else that step fails. */
static void expect(const char *what, const struct dcap_synthetic *s, X509 *cert, const char *step)
{
	struct cattest_verifier *v = dcap_synthetic_verifier(s);
	struct cattest_expect want = { .type = "ratls-certificate" };
	struct cattest_error err = { "" };
	struct cattest_result *r = NULL;
	const struct cattest_claim *format;
	uint8_t *der = NULL;
	int size = i2d_X509(cert, &der), rc;
	bool found = false;

	MUST(size > 0);
	rc = cattest_verify(v, der, (size_t)size, &want, &r, &err);
	EXPECT(step && !*step ? rc < 0 : !rc, "%s: %d %s", what, rc, err.text);
	for (size_t i = 0; r && i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (step && c->outcome == CATTEST_FAIL && !strcmp(c->step, step))
			found = true;
		if (!step)
			EXPECT(c->outcome != CATTEST_FAIL && (c->outcome != CATTEST_MISSING ||
							      !strncmp(c->step, "policy", 6)),
			       "%s: %s: %s", what, c->step, c->found);
	}
	if (step && *step)
		EXPECT(found, "%s: %s did not fail", what, step);
	format = r ? cattest_result_find(r, "certificate.format") : NULL;
	EXPECT(!r || (format && (!strcmp(format->string, "open-enclave") ||
				 !strcmp(format->string, "dstack"))),
	       "%s: format", what);
	cattest_result_free(r);
	cattest_verifier_free(v);
	OPENSSL_free(der);
	printf("ok %s\n", what);
}

static void test(const char *what, const char *oid, enum wrap how, enum binding binding,
		 bool trusted_domain)
{
	static struct bytes value;
	struct dcap_synthetic s;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	uint8_t report_data[64];
	X509 *cert;

	dcap_synthetic_init(&s);
	if (trusted_domain) {
		s.version = 4;
		s.body_type = 2;
	}
	bind(key, binding, report_data);
	s.report_data = report_data;
	dcap_synthetic_build(&s);
	wrap_quote(&value, how, &s);
	cert = certificate(key, oid, &value);
	expect(what, &s, cert, NULL);
	X509_free(cert);
	cert = certificate(other, oid, &value);
	expect("for another key", &s, cert, "certificate.pubkey_hash");
	X509_free(cert);
	/* The header, each byte: no envelope any more, and no quote either. */
	for (size_t i = 0; i < 4; i++) {
		value.data[i] ^= 0x40;
		cert = certificate(key, oid, &value);
		expect("a damaged header", &s, cert, "");
		X509_free(cert);
		value.data[i] ^= 0x40;
	}
	value.size -= 600;
	cert = certificate(key, oid, &value);
	expect("cut short", &s, cert, "");
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	dcap_synthetic_done(&s);
}

int main(void)
{
	test("a report of EGo", CERTIFICATE_OID_OPEN_ENCLAVE, OE_REPORT, SPKI_SHA256, false);
	test("evidence of Open Enclave", CERTIFICATE_OID_OPEN_ENCLAVE, OE_EVIDENCE, PEM_SHA256,
	     false);
	test("evidence of Open Enclave, version 2", CERTIFICATE_OID_OPEN_ENCLAVE, OE_EVIDENCE_2,
	     PEM_SHA256, false);
	test("an old report of Open Enclave", CERTIFICATE_OID_OPEN_ENCLAVE_OLD, OE_REPORT,
	     PEM_SHA256, false);
	test("evidence of Open Enclave, TDX", CERTIFICATE_OID_OPEN_ENCLAVE, OE_EVIDENCE, PEM_SHA256,
	     true);
	test("dstack", CERTIFICATE_OID_DSTACK, DSTACK, TAGGED_SHA512, true);
	test("dstack, versioned", CERTIFICATE_OID_DSTACK_VERSIONED, DSTACK_VERSIONED, TAGGED_SHA512,
	     true);
	return failures ? 1 : 0;
}
