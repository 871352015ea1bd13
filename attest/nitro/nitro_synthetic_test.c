/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nitro documents of a PKI made here: each limit of the specification from both sides, each rule
 * for certificates and signature broken once with everything else sound. A good document comes
 * first and between, so that no refusal is one for another reason.
 */
#include "attest/core/appraisal.h"
#include "lib/cbor/cbor.h"
#include "tests/evidence/ec_keys.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW 1780000000 /* 2026-05-28 */

static int failed;
static EVP_PKEY *root_key, *middle_key, *leaf_key, *other_key, *p256_key;
static X509 *root_cert, *middle_cert, *leaf_cert;

#define EXPECT(c, name)                                                                  \
	do {                                                                             \
		if (!(c)) {                                                              \
			printf("%s:%d: %s: not so: %s\n", __FILE__, __LINE__, name, #c); \
			failed = 1;                                                      \
		}                                                                        \
	} while (0)

struct certificate_options {
	const char *name;
	EVP_PKEY *key;
	X509 *issuer; /* NULL: itself */
	EVP_PKEY *issuer_key;
	const char *constraints, *usage;
	int64_t from, until; /* relative to NOW; 0: an hour before, two after */
};

static X509 *make_certificate(const struct certificate_options *o)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509V3_CTX ctx;
	static int serial;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)o->name, -1, -1,
				   0);
	X509_set_issuer_name(cert, o->issuer ? X509_get_subject_name(o->issuer) : name);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW + (o->from ? o->from : -3600));
	ASN1_TIME_set(X509_getm_notAfter(cert), NOW + (o->until ? o->until : 7200));
	X509_set_pubkey(cert, o->key);
	X509V3_set_ctx(&ctx, o->issuer ? o->issuer : cert, cert, NULL, NULL, 0);
	for (int i = 0; i < 2; i++) {
		const char *value = i ? o->usage : o->constraints;
		X509_EXTENSION *extension =
			value ? X509V3_EXT_conf_nid(NULL, &ctx,
						    i ? NID_key_usage : NID_basic_constraints,
						    value)
			      : NULL;

		if (extension)
			X509_add_ext(cert, extension, -1);
		X509_EXTENSION_free(extension);
	}
	X509_sign(cert, o->issuer_key, EVP_sha384());
	return cert;
}

static X509 *make_leaf(const char *constraints, const char *usage, EVP_PKEY *key, int64_t from,
		       int64_t until)
{
	return make_certificate(&(struct certificate_options){ .name = "leaf",
							       .key = key,
							       .issuer = middle_cert,
							       .issuer_key = middle_key,
							       .constraints = constraints,
							       .usage = usage,
							       .from = from,
							       .until = until });
}

static void make_pki(void)
{
	root_key = EVP_EC_gen("P-384");
	middle_key = EVP_EC_gen("P-384");
	leaf_key = EVP_EC_gen("P-384");
	other_key = EVP_EC_gen("P-384");
	p256_key = EVP_EC_gen("P-256");
	root_cert = make_certificate(
		&(struct certificate_options){ .name = "root",
					       .key = root_key,
					       .issuer_key = root_key,
					       .constraints = "critical,CA:TRUE",
					       .usage = "critical,keyCertSign,cRLSign" });
	middle_cert = make_certificate(
		&(struct certificate_options){ .name = "middle",
					       .key = middle_key,
					       .issuer = root_cert,
					       .issuer_key = root_key,
					       .constraints = "critical,CA:TRUE,pathlen:0",
					       .usage = "critical,keyCertSign" });
	leaf_cert = make_leaf("critical,CA:FALSE", "digitalSignature", leaf_key, 0, 0);
}

/* A document; what is not set is as a good one has it. */
struct options {
	const char *protected_header;	     /* hex */
	const char *unprotected;	     /* hex */
	const char *without;		     /* this field is left out */
	const char *extra;		     /* hex of a further pair */
	const char *replace, *by;	     /* this field's value, hex */
	size_t user_data, nonce, public_key; /* sizes; 0: null */
	uint64_t time_ms;
	X509 *leaf, *middle, *root;
	EVP_PKEY *signer;
	bool indefinite, tagged, root_last, no_middle, twice, detached_rest, debug,
		high_signature_byte;
	unsigned pcr_size;
};

static void put_hex(struct cbor_writer *w, const char *hex)
{
	uint8_t bytes[2048];
	size_t size = strlen(hex) / 2;

	if (hex_parse(hex, strlen(hex), bytes, size))
		abort();
	cbor_put_encoded(w, bytes, size);
}

static void put_certificate(struct cbor_writer *w, X509 *cert)
{
	unsigned char *der = NULL;
	int size = i2d_X509(cert, &der);

	cbor_put_bytes(w, der, (size_t)size);
	OPENSSL_free(der);
}

static void put_filled(struct cbor_writer *w, size_t size)
{
	static uint8_t bytes[4096];

	memset(bytes, 0x5a, sizeof(bytes));
	if (size)
		cbor_put_bytes(w, bytes, size);
	else
		cbor_put_null(w);
}

static void put_pcrs(struct cbor_writer *w, const struct options *o)
{
	uint8_t value[64];

	cbor_put_map(w, 4);
	for (unsigned i = 0; i < 4; i++) {
		memset(value, o->debug && i < 3 ? 0 : 0x10 + (int)i, sizeof(value));
		cbor_put_uint(w, i);
		cbor_put_bytes(w, value, o->pcr_size ? o->pcr_size : 48);
	}
}

static void put_bundle(struct cbor_writer *w, const struct options *o)
{
	X509 *root = o->root ? o->root : root_cert, *middle = o->middle ? o->middle : middle_cert;

	cbor_put_array(w, o->no_middle ? 1 : 2);
	if (o->root_last && !o->no_middle)
		put_certificate(w, middle);
	put_certificate(w, root);
	if (!o->root_last && !o->no_middle)
		put_certificate(w, middle);
}

static void put_field(struct cbor_writer *w, const struct options *o, unsigned field)
{
	switch (field) {
	case 0:
		cbor_put_text(w, "i-1234-enc5678");
		break;
	case 1:
		cbor_put_text(w, "SHA384");
		break;
	case 2:
		cbor_put_uint(w, o->time_ms ? o->time_ms : NOW * 1000ull);
		break;
	case 3:
		put_pcrs(w, o);
		break;
	case 4:
		put_certificate(w, o->leaf ? o->leaf : leaf_cert);
		break;
	case 5:
		put_bundle(w, o);
		break;
	default:
		put_filled(w, field == 6 ? o->public_key : field == 7 ? o->user_data : o->nonce);
	}
}

static size_t make_payload(const struct options *o, uint8_t *out, size_t room)
{
	static const char *const names[] = { "module_id",  "digest",	  "timestamp",
					     "pcrs",	   "certificate", "cabundle",
					     "public_key", "user_data",	  "nonce" };
	struct cbor_writer w;

	cbor_writer_init(&w, out, room);
	if (o->indefinite)
		put_hex(&w, "bf");
	else
		cbor_put_map(&w, 9u - !!o->without + !!o->extra + o->twice);
	for (unsigned i = 0; i < 9; i++) {
		if (o->without && !strcmp(o->without, names[i]))
			continue;
		cbor_put_text(&w, names[i]);
		if (o->replace && !strcmp(o->replace, names[i]))
			put_hex(&w, o->by);
		else
			put_field(&w, o, i);
	}
	if (o->twice) {
		cbor_put_text(&w, "module_id");
		cbor_put_text(&w, "i-other");
	}
	if (o->extra)
		put_hex(&w, o->extra);
	if (o->indefinite)
		put_hex(&w, "ff");
	return w.size;
}

static size_t make_document(const struct options *o, uint8_t *out, size_t room)
{
	static uint8_t payload[32768], structure[33000];
	uint8_t header[64], signature[97] = { 0 };
	const char *header_hex = o->protected_header ? o->protected_header : "a1013822";
	size_t size = make_payload(o, payload, sizeof(payload)),
	       header_size = strlen(header_hex) / 2;
	struct cbor_writer w;

	if (hex_parse(header_hex, strlen(header_hex), header, header_size))
		abort();
	cbor_writer_init(&w, structure, sizeof(structure));
	cbor_put_array(&w, 4);
	cbor_put_text(&w, "Signature1");
	cbor_put_bytes(&w, header, header_size);
	cbor_put_bytes(&w, "", 0);
	cbor_put_bytes(&w, payload, size);
	ec_sign(o->signer ? o->signer : leaf_key, EVP_sha384(), structure, w.size, signature);
	cbor_writer_init(&w, out, room);
	if (o->tagged)
		cbor_put_tag(&w, 18);
	cbor_put_array(&w, 4);
	cbor_put_bytes(&w, header, header_size);
	put_hex(&w, o->unprotected ? o->unprotected : "a0");
	cbor_put_bytes(&w, payload, size);
	cbor_put_bytes(&w, signature, o->high_signature_byte ? 97 : 96);
	if (o->detached_rest)
		put_hex(&w, "00");
	return w.overflow ? 0 : w.size;
}

/* "" good, else the step that failed first, or "error" with its text. */
static const char *outcome(const struct options *o, const struct cattest_expect *expect,
			   bool own_time, int64_t now)
{
	static uint8_t document[40000];
	static char text[600];
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_result *r = NULL;
	struct cattest_error err;
	unsigned char *der = NULL;
	int der_size = i2d_X509(root_cert, &der);
	size_t size = make_document(o, document, sizeof(document));

	if (cattest_add_root(v, CATTEST_ROOT_AWS, der, (size_t)der_size, &err))
		printf("root: %s\n", err.text);
	OPENSSL_free(der);
	cattest_set_time(v, now ? now : NOW + 30);
	cattest_set_evidence_time(v, own_time);
	text[0] = '\0';
	if (cattest_verify(v, document, size, expect, &r, &err))
		snprintf(text, sizeof(text), "error: %s", err.text);
	for (size_t i = 0; r && i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (!text[0] && (c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING) &&
		    strcmp(c->step, "policy"))
			snprintf(text, sizeof(text), "%s", c->step);
	}
	if (r && cattest_result_find(r, "root"))
		EXPECT(!strcmp(cattest_result_find(r, "root")->string, "custom"), "root");
	cattest_result_free(r);
	cattest_verifier_free(v);
	return text;
}

/* Begins with. */
static void expect_outcome(const char *name, const struct options *o, const char *wanted)
{
	static const struct cattest_expect nitro = { .type = "nitro" };
	const char *found = outcome(o, &nitro, false, 0);

	if (wanted[0] ? strncmp(found, wanted, strlen(wanted)) != 0 : found[0] != 0) {
		printf("%s: \"%s\", expected \"%s\"\n", name, found, wanted);
		failed = 1;
	}
}

#define CASE(wanted, ...) expect_outcome(#__VA_ARGS__, &(struct options){ __VA_ARGS__ }, wanted)

static void test_form(void)
{
	CASE("", .pcr_size = 0);
	CASE("", .tagged = true);
	CASE("", .indefinite = true);
	CASE("", .pcr_size = 32);
	CASE("", .pcr_size = 64);
	CASE("", .public_key = 1024, .user_data = 1024, .nonce = 512);
	CASE("", .public_key = 1);
	CASE("", .without = "public_key");
	CASE("", .without = "user_data");
	CASE("", .without = "nonce");
	CASE("", .replace = "user_data", .by = "40");
	CASE("error: nitro: the field \"nonce\"", .nonce = 513);
	CASE("error: nitro: the field \"user_data\"", .user_data = 1025);
	CASE("error: nitro: the field \"public_key\"", .public_key = 1025);
	CASE("error: nitro: the field \"public_key\"", .replace = "public_key", .by = "40");
	CASE("error: nitro: the field \"pcrs\"", .pcr_size = 47);
	CASE("error: nitro: the field \"pcrs\"", .replace = "pcrs", .by = "a0");
	CASE("error: nitro: the field \"pcrs\"", .replace = "pcrs",
	     .by = "a118205820abababababababababababababababababababababababababababababababab");
	CASE("error: nitro: the field \"module_id\"", .replace = "module_id", .by = "60");
	CASE("error: nitro: the field \"digest\"", .replace = "digest", .by = "66534841323536");
	CASE("error: nitro: the field \"timestamp\"", .replace = "timestamp", .by = "00");
	CASE("error: nitro: the field \"timestamp\"", .replace = "timestamp",
	     .by = "1bffffffffffffffff");
	CASE("error: nitro: the field \"timestamp\"", .replace = "timestamp", .by = "20");
	CASE("error: nitro: the field \"cabundle\"", .replace = "cabundle", .by = "80");
	CASE("error: nitro: the field \"cabundle\"", .replace = "cabundle", .by = "8140");
	CASE("error: nitro: the field \"cabundle\"", .replace = "cabundle",
	     .by = "904100410041004100410041004100410041004100410041004100410041004100");
	CASE("error: nitro: certificate 0", .replace = "cabundle", .by = "814100");
	CASE("error: nitro: the field \"certificate\"", .replace = "certificate", .by = "40");
	CASE("error: nitro: the field \"certificate\" is no DER", .replace = "certificate",
	     .by = "4100");
	for (unsigned i = 0; i < 6; i++) {
		static const char *const mandatory[] = { "module_id", "digest",	     "timestamp",
							 "pcrs",      "certificate", "cabundle" };
		struct options o = { .without = mandatory[i] };

		expect_outcome(mandatory[i], &o, "error: nitro: the field");
	}
	CASE("error: nitro: the payload is no map", .twice = true);
	CASE("error: nitro: the payload is no map", .twice = true, .indefinite = true);
	CASE("error: nitro: the payload has a field", .extra = "6178f6");
	CASE("error: nitro: the payload has a field", .extra = "00f6");
	/* A document of an instance: the same keys, other registers */
	CASE("error: nitro: a document of a NitroTPM", .without = "pcrs",
	     .extra = "6d6e6974726f74706d5f70637273a1005820"
		      "0000000000000000000000000000000000000000000000000000000000000000");
	CASE("error: nitro: the protected header", .protected_header = "a10126"); /* ES256 */
	CASE("error: nitro: the protected header", .protected_header = "a1012a");
	CASE("error: nitro: the protected header", .protected_header = "a0");
	CASE("error: nitro: the protected header", .protected_header = "");
	CASE("error: nitro: the protected header",
	     .protected_header = "a20138220281183c"); /* with crit */
	CASE("error: nitro: the unprotected header", .unprotected = "a1013822");
	CASE("error: nitro: the unprotected header", .unprotected = "80");
	CASE("error: nitro: the signature", .high_signature_byte = true);
	CASE("error: nitro: bytes are left over", .detached_rest = true);
}

static void test_certificates(void)
{
	X509 *cert;

#define LEAF_CASE(wanted, ...)         \
	cert = make_leaf(__VA_ARGS__); \
	CASE(wanted, .leaf = cert);    \
	X509_free(cert)
	LEAF_CASE("", "CA:FALSE", "digitalSignature,nonRepudiation", leaf_key, 0, 0);
	LEAF_CASE("", NULL, "digitalSignature", leaf_key, 0, 0);
	LEAF_CASE("nitro.", "critical,CA:TRUE", "digitalSignature", leaf_key, 0, 0);
	LEAF_CASE("nitro.", "CA:FALSE", "digitalSignature,keyCertSign", leaf_key, 0, 0);
	LEAF_CASE("nitro.leaf", "CA:FALSE", "nonRepudiation", leaf_key, 0, 0);
	LEAF_CASE("nitro.leaf", "CA:FALSE", NULL, leaf_key, 0, 0);
	LEAF_CASE("nitro.path.dates", "CA:FALSE", "digitalSignature", leaf_key, 60, 0);
	LEAF_CASE("nitro.path.dates", "CA:FALSE", "digitalSignature", leaf_key, 0, -60);
	LEAF_CASE("nitro.signature", "CA:FALSE", "digitalSignature", other_key, 0, 0);
	cert = make_leaf("CA:FALSE", "digitalSignature", p256_key, 0, 0);
	CASE("nitro.leaf", .leaf = cert, .signer = p256_key);
	X509_free(cert);
	CASE("nitro.signature", .signer = other_key);
	CASE("nitro.signature", .signer = middle_key);
	CASE("nitro.bundle", .root_last = true);
	CASE("nitro.bundle", .no_middle = true);
	/* The same names under a root that nobody pinned */
	cert = make_certificate(&(struct certificate_options){ .name = "root",
							       .key = other_key,
							       .issuer_key = other_key,
							       .constraints = "critical,CA:TRUE",
							       .usage = "keyCertSign" });
	CASE("nitro.bundle", .root = cert);
	X509_free(cert);
	/* A middle one that is no CA, may not sign, or whose path length is used up */
	cert = make_certificate(&(struct certificate_options){ .name = "middle",
							       .key = middle_key,
							       .issuer = root_cert,
							       .issuer_key = root_key,
							       .constraints = "CA:FALSE",
							       .usage = "keyCertSign" });
	CASE("nitro.path", .middle = cert);
	X509_free(cert);
	cert = make_certificate(&(struct certificate_options){ .name = "middle",
							       .key = middle_key,
							       .issuer = root_cert,
							       .issuer_key = root_key,
							       .constraints = "critical,CA:TRUE",
							       .usage = "digitalSignature" });
	CASE("nitro.path", .middle = cert);
	X509_free(cert);
	cert = make_certificate(&(struct certificate_options){ .name = "middle",
							       .key = middle_key,
							       .issuer = root_cert,
							       .issuer_key = other_key,
							       .constraints = "critical,CA:TRUE",
							       .usage = "keyCertSign" });
	CASE("nitro.path", .middle = cert);
	X509_free(cert);
	CASE("", .pcr_size = 48);
}

static void test_time(void)
{
	static const struct cattest_expect none;
	struct options early = { .time_ms = (NOW - 4000) * 1000ull },
		       late = { .time_ms = (NOW + 7201) * 1000ull },
		       good = { .time_ms = (NOW + 3600) * 1000ull }, plain = { 0 };

	EXPECT(!strcmp(outcome(&early, &none, false, 0), "nitro.time"), "before its certificate");
	EXPECT(!strcmp(outcome(&late, &none, false, 0), "nitro.time"), "after its certificate");
	EXPECT(!strcmp(outcome(&good, &none, false, 0), "nitro.time"), "ahead of the clock");
	EXPECT(!outcome(&good, &none, false, NOW + 3400)[0], "a little ahead of the clock");
	EXPECT(!outcome(&good, &none, true, 1)[0], "at its own time");
	EXPECT(!strcmp(outcome(&plain, &none, false, NOW + 8000), "nitro.path.dates"), "old");
	EXPECT(!outcome(&plain, &none, true, NOW + 8000)[0], "old, at its own time");
}

static void test_binding(void)
{
	uint8_t data[64];
	struct cattest_expect expect = { .report_data = data, .report_data_size = 64 };
	struct options whole = { .user_data = 64 }, part = { .user_data = 20 },
		       longer = { .user_data = 65 }, nonce = { .nonce = 64 }, nothing = { 0 };

	memset(data, 0x5a, sizeof(data));
	EXPECT(!outcome(&whole, &expect, false, 0)[0], "whole");
	EXPECT(!strcmp(outcome(&part, &expect, false, 0), "report_data"), "shorter");
	EXPECT(!strcmp(outcome(&longer, &expect, false, 0), "report_data"), "longer");
	EXPECT(!strcmp(outcome(&nonce, &expect, false, 0), "report_data"), "in the nonce");
	EXPECT(!strcmp(outcome(&nothing, &expect, false, 0), "report_data"), "nowhere");
	expect.report_data_size = 20;
	EXPECT(!outcome(&part, &expect, false, 0)[0], "padded with zeroes");
}

static void test_debug(void)
{
	static uint8_t document[40000];

	for (int debug = 0; debug < 2; debug++) {
		struct options o = { .debug = debug };
		size_t size = make_document(&o, document, sizeof(document));
		struct cattest_result *r = NULL;
		const struct cattest_claim *c;

		EXPECT(!cattest_decode(document, size, NULL, &r, NULL) &&
			       !strcmp(cattest_result_type(r), "nitro"),
		       "decode");
		c = r ? cattest_result_find(r, "debug") : NULL;
		EXPECT(c && c->number == (uint64_t)debug, "debug");
		cattest_result_free(r);
	}
}

int main(void)
{
	make_pki();
	test_form();
	test_certificates();
	test_time();
	test_binding();
	test_debug();
	X509_free(root_cert);
	X509_free(middle_cert);
	X509_free(leaf_cert);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(leaf_key);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(p256_key);
	return failed;
}
