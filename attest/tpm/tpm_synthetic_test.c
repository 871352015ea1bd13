/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes of attestation keys made here: every scheme that is accepted, and every rule broken once
 * with everything else sound; trust by pinning and by certificate; all forms of the binding; a
 * small event log with its facts, and the attack on them by relabelled events.
 */
#include "attest/tpm/tpm_testing.h"
#include "lib/jose/jose.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define NOW 1780000000

/* --- Writing big endian --- */

struct out {
	uint8_t bytes[4096];
	size_t size;
};

static void put(struct out *o, const void *data, size_t size)
{
	if (o->size + size > sizeof(o->bytes))
		abort();
	if (size)
		memcpy(o->bytes + o->size, data, size);
	o->size += size;
}

static void put_be(struct out *o, uint64_t value, size_t size)
{
	for (size_t i = size; i--;)
		put(o, &(uint8_t){ (uint8_t)(value >> 8 * i) }, 1);
}

static void put_le(struct out *o, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put(o, &(uint8_t){ (uint8_t)(value >> 8 * i) }, 1);
}

static void put_sized(struct out *o, const void *data, size_t size)
{
	put_be(o, size, 2);
	put(o, data, size);
}

/* --- Keys --- */

enum key_kind { KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_RSA_3072, KEY_RSA_SHORT, KEY_COUNT };
static EVP_PKEY *keys[KEY_COUNT], *other_rsa;

static void make_keys(void)
{
	keys[KEY_RSA] = EVP_RSA_gen(2048);
	keys[KEY_P256] = EVP_EC_gen("P-256");
	keys[KEY_P384] = EVP_EC_gen("P-384");
	keys[KEY_P521] = EVP_EC_gen("P-521");
	keys[KEY_RSA_3072] = EVP_RSA_gen(3072);
	keys[KEY_RSA_SHORT] = EVP_RSA_gen(1024);
	other_rsa = EVP_RSA_gen(2048);
}

static void key_public(EVP_PKEY *key, uint32_t attributes, struct out *o)
{
	BIGNUM *n = NULL;
	uint8_t bytes[400];
	size_t size;

	o->size = 0;
	put_be(o, EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? TPM_RSA : TPM_ECC, 2);
	put_be(o, TPM_SHA256, 2);
	put_be(o, attributes, 4);
	put_sized(o, NULL, 0);
	put_be(o, TPM_NULL, 2);
	put_be(o, TPM_NULL, 2);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		EVP_PKEY_get_bn_param(key, "n", &n);
		put_be(o, (uint64_t)EVP_PKEY_get_bits(key), 2);
		put_be(o, 0, 4);
		put_sized(o, bytes, (size_t)BN_bn2bin(n, bytes));
		BN_free(n);
	} else {
		EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", bytes, sizeof(bytes),
						&size);
		put_be(o, size == 65 ? 3 : size == 97 ? 4 : 5, 2);
		put_be(o, TPM_NULL, 2);
		put_sized(o, bytes + 1, size / 2);
		put_sized(o, bytes + 1 + size / 2, size / 2);
	}
}

/* --- One quote and all that can be wrong with it --- */

#define GOOD_ATTRIBUTES                                                                      \
	(TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_DATA_ORIGIN | TPMA_RESTRICTED | \
	 TPMA_SIGN | TPMA_USER_WITH_AUTH)

struct certificate_marks {
	const char *usage, *purposes, *policies;
};

struct setup {
	enum key_kind key;
	uint16_t scheme, hash;
	EVP_PKEY *signer;
	uint32_t magic, attributes;
	uint16_t type;
	const void *extra;
	size_t extra_size;
	bool no_ak, spki_ak, no_pcrs, wrong_pcr, missing_pcr, wrong_digest_hash, long_salt,
		trailing, trailing_signature, safe_two;
	bool pinned, certificate, tpm_root, other_certificate, ca_certificate, pcr_above, sm3_bank,
		two_banks;
	const uint8_t *log;
	size_t log_size;
	const uint8_t *pcr7;	   /* instead of the usual value, SHA-256 */
	const char *raw_signature; /* hex of a whole TPMT_SIGNATURE */
	const char *extra_member;
	struct certificate_marks marks;
	int go_form; /* 1, 2: as go-attestation sends, or stores it */
	int go_version, go_pcr_twice, go_alg;
};

static uint8_t pcr_values[2][24][32]; /* SHA-256; SHA-1 in the first 20 bytes */

static void sign_quote(const struct setup *s, const struct out *quote, struct out *ret)
{
	const EVP_MD *md = s->hash == TPM_SHA1	   ? EVP_sha1()
			   : s->hash == TPM_SHA384 ? EVP_sha384()
			   : s->hash == TPM_SHA512 ? EVP_sha512()
						   : EVP_sha256();
	EVP_PKEY *key = s->signer ? s->signer : keys[s->key];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[512];
	size_t size = sizeof(signature);
	EVP_PKEY_CTX *key_ctx;

	EVP_DigestSignInit(ctx, &key_ctx, md, NULL, key);
	if (s->scheme == TPM_RSAPSS) {
		EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, s->long_salt ? RSA_PSS_SALTLEN_MAX
								       : RSA_PSS_SALTLEN_DIGEST);
	}
	if (EVP_DigestSign(ctx, signature, &size, quote->bytes, quote->size) != 1)
		abort();
	ret->size = 0;
	put_be(ret, s->scheme ? s->scheme : TPM_RSASSA, 2);
	put_be(ret, s->hash ? s->hash : TPM_SHA256, 2);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
		const uint8_t *at = signature;
		ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)size);
		uint8_t number[66];

		put_sized(ret, number,
			  (size_t)BN_bn2bin(ECDSA_SIG_get0_r(sig),
					    number)); /* without leading zeroes */
		put_sized(ret, number, (size_t)BN_bn2bin(ECDSA_SIG_get0_s(sig), number));
		ECDSA_SIG_free(sig);
	} else {
		put_sized(ret, signature, size);
	}
	if (s->trailing_signature)
		put_be(ret, 0, 1);
	EVP_MD_CTX_free(ctx);
}

static const char *md_name(uint16_t hash)
{
	return hash == TPM_SHA384   ? "SHA384"
	       : hash == TPM_SHA512 ? "SHA512"
	       : hash == TPM_SHA1   ? "SHA1"
				    : "SHA256";
}

/* Selects PCR 0, 7 and 8 of SHA-256, and with two_banks 7 and 0 of SHA-1 before it. */
static void make_quote(const struct setup *s, struct out *o)
{
	static const uint8_t name[34] = { 0, 0x0b, 1 };
	struct span values[8];
	size_t count = 0, size;
	uint8_t digested[64];

	o->size = 0;
	put_be(o, s->magic ? s->magic : 0xff544347, 4);
	put_be(o, s->type ? s->type : 0x8018, 2);
	put_sized(o, name, sizeof(name));
	put_sized(o, s->extra, s->extra_size);
	put_be(o, 123456, 8);
	put_be(o, 7, 4);
	put_be(o, 3, 4);
	put_be(o, s->safe_two ? 2 : 1, 1);
	put_be(o, 0x2016051100162800, 8);
	put_be(o, 1u + s->two_banks + s->sm3_bank, 4);
	if (s->sm3_bank)
		put(o, "\x00\x12\x03\x01\x00\x00", 6);
	if (s->two_banks) {
		put(o, "\x00\x04\x03\x81\x00\x00", 6);
		values[count++] = SPAN(pcr_values[0][0], 20);
		values[count++] = SPAN(pcr_values[0][7], 20);
	}
	put(o, s->pcr_above ? "\x00\x0b\x04\x81\x01\x00\x01" : "\x00\x0b\x03\x81\x01\x00",
	    s->pcr_above ? 7 : 6);
	values[count++] = SPAN(pcr_values[1][0], 32);
	values[count++] = SPAN(s->pcr7 ? s->pcr7 : pcr_values[1][7], 32);
	values[count++] = SPAN(pcr_values[1][8], 32);
	digest(s->wrong_digest_hash ? "SHA384" : md_name(s->hash), values, count, digested, &size);
	put_sized(o, digested, size);
	if (s->trailing)
		put_be(o, 0, 1);
}

static json_t *base64_json(const void *data, size_t size)
{
	char *text = base64_encode(data, size);
	json_t *json = json_string(text);

	free(text);
	return json;
}

static json_t *pcrs_json(const struct setup *s)
{
	json_t *banks = json_object();

	for (int bank = 0; bank < 2; bank++) {
		json_t *values = json_object();

		for (unsigned n = 0; n < 10; n++) {
			const uint8_t *value = bank && n == 7 && s->pcr7 ? s->pcr7
									 : pcr_values[bank][n];
			char hex[65], name[4];
			uint8_t copy[32];

			if (s->missing_pcr && bank && n == 8)
				continue;
			memcpy(copy, value, 32);
			copy[0] ^= s->wrong_pcr && n == 7;
			snprintf(name, sizeof(name), "%u", n);
			json_object_set_new(values, name,
					    json_string(hex_text(SPAN(copy, bank ? 32 : 20), hex,
								 sizeof(hex))));
		}
		json_object_set_new(banks, bank ? "sha256" : "sha1", values);
	}
	return banks;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	CONF *none = NCONF_new(NULL);
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, none); /* policies want one */
	extension = X509V3_EXT_nconf_nid(none, &ctx, nid, value);
	if (!extension || !X509_add_ext(cert, extension, -1))
		abort();
	X509_EXTENSION_free(extension);
	NCONF_free(none);
}

static X509 *make_certificate(EVP_PKEY *key, EVP_PKEY *issuer_key, const char *name,
			      const char *issuer, bool ca, const struct certificate_marks *marks)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert), *by = X509_get_issuer_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 5);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_NAME_add_entry_by_txt(by, "CN", MBSTRING_ASC, (const unsigned char *)issuer, -1, -1,
				   0);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW - 1000);
	ASN1_TIME_set(X509_getm_notAfter(cert), NOW + 1000);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(cert, NID_key_usage,
		      ca	     ? "critical,keyCertSign"
		      : marks->usage ? marks->usage
				     : "critical,digitalSignature");
	if (marks && marks->purposes)
		add_extension(cert, NID_ext_key_usage, marks->purposes);
	if (marks && marks->policies)
		add_extension(cert, NID_certificate_policies, marks->policies);
	X509_sign(cert, issuer_key, EVP_sha256());
	return cert;
}

static json_t *certificate_json(X509 *cert)
{
	unsigned char *der = NULL;
	int size = i2d_X509(cert, &der);
	json_t *json = base64_json(der, (size_t)size);

	OPENSSL_free(der);
	return json;
}

static json_t *go_pcrs(const struct setup *s)
{
	json_t *list = json_array();

	for (int bank = 0; bank < 2; bank++)
		for (unsigned n = 0; n < 10; n++) {
			const uint8_t *value = bank && n == 7 && s->pcr7 ? s->pcr7
									 : pcr_values[bank][n];
			uint8_t copy[32];

			memcpy(copy, value, 32);
			copy[0] ^= s->wrong_pcr && n == 7;
			json_array_append_new(
				list, json_pack("{s:i,s:o,s:i}", "Index",
						s->go_pcr_twice ? (int)(n / 2) : (int)n, "Digest",
						base64_json(copy, bank ? 32 : 20), "DigestAlg",
						s->go_alg ? s->go_alg
						: bank	  ? 5
							  : 3));
		}
	return list;
}

/* Takes object, which is of our form. */
static json_t *go_form(const struct setup *s, json_t *object)
{
	json_t *quote = json_pack("{s:i,s:O,s:O}", "Version", 2, "Quote",
				  json_object_get(object, "quote"), "Signature",
				  json_object_get(object, "signature")),
	       *ak = json_object_get(object, "ak"), *log = json_object_get(object, "event_log"),
	       *made;

	if (s->go_form == 1)
		made = json_pack("{s:i,s:O,s:[o],s:o,s:O?}", "TPMVersion", 2, "Public", ak,
				 "Quotes", quote, "PCRs", go_pcrs(s), "EventLog", log);
	else
		made = json_pack("{s:{s:i,s:n},s:{s:O,s:b},s:o,s:{s:o,s:i,s:O?}}", "Static",
				 "TPMVersion", s->go_version ? s->go_version : 2, "EKPem", "AK",
				 "Public", ak, "UseTCSDActivationFormat", 0, "Quote", quote, "Log",
				 "PCRs", go_pcrs(s), "PCRAlg", 0, "Raw", log);
	json_decref(object);
	return made;
}

static char *make_evidence(const struct setup *s)
{
	json_t *object = json_object();
	struct out quote, signature, area;
	unsigned char *der = NULL;
	char *text;
	int size;

	make_quote(s, &quote);
	sign_quote(s, &quote, &signature);
	if (s->raw_signature) {
		signature.size = strlen(s->raw_signature) / 2;
		hex_parse(s->raw_signature, strlen(s->raw_signature), signature.bytes,
			  signature.size);
	}
	json_object_set_new(object, "quote", base64_json(quote.bytes, quote.size));
	json_object_set_new(object, "signature", base64_json(signature.bytes, signature.size));
	if (!s->no_pcrs)
		json_object_set_new(object, "pcrs", pcrs_json(s));
	key_public(keys[s->key], s->attributes ? s->attributes : GOOD_ATTRIBUTES, &area);
	size = i2d_PUBKEY(keys[s->key], &der);
	if (!s->no_ak)
		json_object_set_new(object, "ak",
				    s->spki_ak ? base64_json(der, (size_t)size)
					       : base64_json(area.bytes, area.size));
	OPENSSL_free(der);
	if (s->certificate) {
		X509 *cert = make_certificate(s->other_certificate ? other_rsa : keys[s->key],
					      keys[KEY_P384], "ak", "tpm root", s->ca_certificate,
					      &s->marks);

		json_object_set_new(object, "ak_certificate", certificate_json(cert));
		X509_free(cert);
	}
	if (s->log)
		json_object_set_new(object, "event_log", base64_json(s->log, s->log_size));
	if (s->extra_member)
		json_object_set_new(object, s->extra_member, json_string(""));
	if (s->go_form)
		object = go_form(s, object);
	text = json_dumps(object, 0);
	json_decref(object);
	return text;
}

static void add_roots(struct cattest_verifier *v, const struct setup *s)
{
	unsigned char *der = NULL;
	struct cattest_error err;
	int size;

	if (s->pinned) {
		size = i2d_PUBKEY(keys[s->key], &der);
		if (cattest_add_root(v, CATTEST_ROOT_AK, der, (size_t)size, &err))
			printf("ak: %s\n", err.text);
		OPENSSL_free(der);
		der = NULL;
	}
	if (s->tpm_root) {
		X509 *cert = make_certificate(keys[KEY_P384], keys[KEY_P384], "tpm root",
					      "tpm root", true, NULL);

		size = i2d_X509(cert, &der);
		if (cattest_add_root(v, CATTEST_ROOT_TPM, der, (size_t)size, &err))
			printf("root: %s\n", err.text);
		OPENSSL_free(der);
		X509_free(cert);
	}
}

static const char *outcome(const struct setup *s, const void *report_data, size_t report_size,
			   struct cattest_result **ret_result)
{
	struct cattest_expect expect = { .report_data = report_data,
					 .report_data_size = report_size };
	struct cattest_verifier *v = cattest_verifier_new();
	static char text[700];
	char *evidence = make_evidence(s);
	struct cattest_result *r = NULL;
	struct cattest_error err;

	add_roots(v, s);
	cattest_set_time(v, NOW);
	if (cattest_verify(v, evidence, strlen(evidence), &expect, &r, &err))
		snprintf(text, sizeof(text), "error: %s", err.text);
	else
		snprintf(text, sizeof(text), "%s", first_problem(r));
	/* What is refused claims no PCR unless they were good. */
	free(evidence);
	cattest_verifier_free(v);
	if (ret_result)
		*ret_result = r;
	else
		cattest_result_free(r);
	return text;
}

static void expect_outcome(const char *name, const struct setup *s, const char *wanted)
{
	const char *found = outcome(s, NULL, 0, NULL);

	if (!begins(found, wanted)) {
		printf("%s: \"%s\", expected \"%s\"\n", name, found, wanted);
		failed = 1;
	}
}

#define CASE(wanted, ...) expect_outcome(#__VA_ARGS__, &(struct setup){ __VA_ARGS__ }, wanted)

static void test_schemes(void)
{
	CASE("", .pinned = true);
	CASE("", .pinned = true, .spki_ak = true);
	CASE("", .pinned = true, .no_ak = true);
	CASE("", .pinned = true, .hash = TPM_SHA384);
	CASE("", .pinned = true, .hash = TPM_SHA512);
	CASE("", .pinned = true, .two_banks = true);
	CASE("", .pinned = true, .scheme = TPM_RSAPSS);
	CASE("", .pinned = true, .scheme = TPM_RSAPSS, .long_salt = true);
	CASE("", .pinned = true, .key = KEY_P256, .scheme = TPM_ECDSA);
	CASE("", .pinned = true, .key = KEY_P384, .scheme = TPM_ECDSA, .hash = TPM_SHA384);
	CASE("", .pinned = true, .key = KEY_P384, .scheme = TPM_ECDSA, .no_ak = true);
	CASE("", .pinned = true, .key = KEY_P521, .scheme = TPM_ECDSA, .hash = TPM_SHA512);
	CASE("", .pinned = true, .key = KEY_P521, .scheme = TPM_ECDSA, .spki_ak = true);
	CASE("", .pinned = true, .key = KEY_RSA_3072, .scheme = TPM_RSAPSS, .hash = TPM_SHA384);
	CASE("tpm.quote.signature", .pinned = true, .key = KEY_P521, .signer = keys[KEY_P384],
	     .scheme = TPM_ECDSA);
	CASE("tpm.quote.signature", .pinned = true, .hash = TPM_SHA1);
	CASE("tpm.quote.signature: RSASSA-sha256: the key is shorter", .pinned = true,
	     .key = KEY_RSA_SHORT);
	CASE("tpm.quote.signature", .pinned = true, .signer = other_rsa);
	CASE("tpm.quote.signature", .pinned = true, .key = KEY_P256, .signer = other_rsa);
	CASE("?tpm.ak.trust", .pinned = true, .signer = other_rsa, .no_ak = true);
	CASE("error: tpm: signature scheme 0x001b (SM2)", .pinned = true,
	     .raw_signature = "001b00120020");
	CASE("error: tpm: signature scheme 0x001a", .pinned = true,
	     .raw_signature = "001a000b00000000");
	CASE("error: tpm: signature scheme 0x0010", .pinned = true, .raw_signature = "0010000b");
	CASE("error: tpm: the signature's hash 0x0012 (SM3)", .pinned = true,
	     .raw_signature = "001400120000");
	CASE("error: tpm: the signature", .pinned = true, .raw_signature = "0014");
	CASE("tpm.quote.signature", .pinned = true, .raw_signature = "0014000b0000");
	CASE("tpm.quote.signature", .pinned = true, .key = KEY_P256,
	     .raw_signature = "0018000b00000000");
	CASE("tpm.quote.signature", .pinned = true, .key = KEY_P256,
	     .raw_signature = "0018000b000101000101");
	CASE("error: tpm: the signature is longer", .pinned = true, .trailing_signature = true);
}

static void test_form(void)
{
	CASE("error: tpm: not a TPMS_ATTEST", .pinned = true, .magic = 0xff544348);
	CASE("error: tpm: attestation of type 0x8017 (certified object)", .pinned = true,
	     .type = 0x8017);
	CASE("error: tpm: attestation of type 0x8014 (NV contents)", .pinned = true,
	     .type = 0x8014);
	CASE("error: tpm: attestation of type 0x801c (digest of NV contents)", .pinned = true,
	     .type = 0x801c);
	CASE("error: tpm: attestation of type 0x801d, not", .pinned = true, .type = 0x801d);
	CASE("error: tpm: the quote is longer", .pinned = true, .trailing = true);
	CASE("error: tpm: the quote is malformed", .pinned = true, .safe_two = true);
	CASE("error: tpm: the quote selects a PCR above 23", .pinned = true, .pcr_above = true);
	CASE("error: tpm: the quote selects PCRs of a bank", .pinned = true, .sm3_bank = true);
	CASE("error: tpm: the quote's JSON", .pinned = true, .extra_member = "akk");
	CASE("tpm.quote.pcrs", .pinned = true, .wrong_pcr = true);
	CASE("tpm.quote.pcrs", .pinned = true, .wrong_digest_hash = true);
	CASE("?tpm.quote.pcrs", .pinned = true, .missing_pcr = true);
	CASE("?tpm.quote.pcrs", .pinned = true, .no_pcrs = true);
}

/* go-attestation's two forms: judged as ours are, and what they can have wrong. */
static void test_go_forms(void)
{
	for (int form = 1; form <= 2; form++) {
		struct cattest_result *r;

		CASE("", .pinned = true, .go_form = form);
		CASE("", .pinned = true, .go_form = form, .two_banks = true, .scheme = TPM_RSAPSS);
		CASE("", .pinned = true, .go_form = form, .key = KEY_P256, .scheme = TPM_ECDSA);
		CASE("?tpm.ak.trust", .go_form = form);
		CASE("tpm.quote.pcrs", .pinned = true, .go_form = form, .wrong_pcr = true);
		CASE("tpm.quote.signature", .pinned = true, .go_form = form, .hash = TPM_SHA1);
		CASE("error: tpm: element 1 of \"PCRs\"", .pinned = true, .go_form = form,
		     .go_pcr_twice = true);
		CASE("error: tpm: element 10 of \"PCRs\"", .pinned = true, .go_form = form,
		     .go_alg = 3);
		CASE("error: tpm: element 0 of \"PCRs\"", .pinned = true, .go_form = form,
		     .go_alg = 4);
		outcome(&(struct setup){ .pinned = true, .go_form = form, .two_banks = true }, NULL,
			0, &r);
		EXPECT(r && cattest_result_find(r, "tpm.pcr.sha256.8") &&
			       cattest_result_find(r, "tpm.pcr.sha1.7") &&
			       !cattest_result_find(r, "tpm.pcr.sha256.1"),
		       "those selected");
		cattest_result_free(r);
	}
	CASE("error: tpm: a quote of a TPM 1.2", .pinned = true, .go_form = 2, .go_version = 1);
}

static void test_trust(void)
{
	struct cattest_result *r;

	CASE("?tpm.ak.trust", .key = KEY_RSA);
	CASE("?tpm.ak.path", .certificate = true);
	CASE("", .certificate = true, .tpm_root = true);
	CASE("", .certificate = true, .tpm_root = true, .key = KEY_P256, .scheme = TPM_ECDSA);
	CASE("", .certificate = true, .tpm_root = true, .key = KEY_P521, .scheme = TPM_ECDSA,
	     .hash = TPM_SHA512);
	CASE("tpm.ak.certificate: of another key", .certificate = true, .tpm_root = true,
	     .other_certificate = true);
	CASE("tpm.ak.", .certificate = true, .tpm_root = true, .ca_certificate = true);
	CASE("tpm.ak.attributes", .pinned = true, .attributes = GOOD_ATTRIBUTES & ~TPMA_RESTRICTED);
	CASE("tpm.ak.attributes", .pinned = true, .attributes = GOOD_ATTRIBUTES & ~TPMA_FIXED_TPM);
	CASE("tpm.ak.attributes", .pinned = true,
	     .attributes = GOOD_ATTRIBUTES & ~TPMA_FIXED_PARENT);
	CASE("tpm.ak.attributes", .pinned = true,
	     .attributes = GOOD_ATTRIBUTES & ~TPMA_SENSITIVE_DATA_ORIGIN);
	CASE("tpm.ak.attributes", .pinned = true, .attributes = GOOD_ATTRIBUTES & ~TPMA_SIGN);
	CASE("tpm.ak.attributes", .pinned = true, .attributes = GOOD_ATTRIBUTES | TPMA_DECRYPT);
	/* Whose key it is says who certified it: see ak_certificate.c. */
#define CERTIFIED(...) .certificate = true, .tpm_root = true, .marks = { __VA_ARGS__ }
	CASE("", CERTIFIED(.purposes = "2.23.133.8.3"));
	CASE("", CERTIFIED(.purposes = "clientAuth,2.23.133.8.3"));
	CASE("", CERTIFIED(.policies = "2.23.133.11.1.1,2.23.133.11.1.3"));
	CASE("", CERTIFIED(.purposes = "clientAuth", .policies = "2.23.133.11.1.3"));
	CASE("", CERTIFIED(.policies = "1.3.6.1.4.1.99999.1"));
	CASE("tpm.ak.certificate: a TPM's key that is not restricted",
	     CERTIFIED(.policies = "2.23.133.11.1.1,2.23.133.11.1.2"));
	CASE("tpm.ak.certificate: a TPM's key that is not restricted",
	     CERTIFIED(.purposes = "2.23.133.8.3", .policies = "2.23.133.11.1.2"));
	CASE("", CERTIFIED(.purposes = "2.23.133.8.1"));
	CASE("tpm.ak.certificate: a key that is not for signatures",
	     CERTIFIED(.purposes = "2.23.133.8.1", .usage = "critical,keyAgreement"));
	CASE("tpm.ak.certificate: a key for other purposes", CERTIFIED(.purposes = "clientAuth"));
	CASE("tpm.ak.certificate: a key that is not for signatures",
	     CERTIFIED(.usage = "critical,keyEncipherment"));
	outcome(&(struct setup){ CERTIFIED(.policies = "2.23.133.11.1.2") }, NULL, 0, &r);
	EXPECT(r && has_string(r, "tpm.ak_trust", "none"), "not trusted");
	cattest_result_free(r);
	outcome(&(struct setup){ .certificate = true, .tpm_root = true }, NULL, 0, &r);
	EXPECT(r && has_string(r, "tpm.ak_trust", "certificate") && has_string(r, "root", "custom"),
	       "claims");
	cattest_result_free(r);
	outcome(&(struct setup){ .certificate = true, .tpm_root = true, .other_certificate = true },
		NULL, 0, &r);
	EXPECT(r && has_string(r, "tpm.ak_trust", "none"), "claims");
	cattest_result_free(r);
	/* What was not verified is not claimed of the PCRs. */
	outcome(&(struct setup){ .pinned = true, .wrong_pcr = true }, NULL, 0, &r);
	EXPECT(r && !cattest_result_find(r, "tpm.pcr.sha256.0"), "no PCRs");
	cattest_result_free(r);
	outcome(&(struct setup){ .pinned = true, .two_banks = true }, NULL, 0, &r);
	EXPECT(r && cattest_result_find(r, "tpm.pcr.sha256.8") &&
		       cattest_result_find(r, "tpm.pcr.sha1.7") &&
		       !cattest_result_find(r, "tpm.pcr.sha1.8") &&
		       !cattest_result_find(r, "tpm.pcr.sha256.1"),
	       "those selected");
	EXPECT(r && cattest_result_find(r, "tpm.reset_count")->number == 7 &&
		       cattest_result_find(r, "tpm.ak_name")->size == 34,
	       "claims");
	cattest_result_free(r);
}

static void test_binding(void)
{
	uint8_t data[64], hashed[64];
	struct setup s = { .pinned = true };
	struct span whole = SPAN_OF(data);
	size_t size;

	for (size_t i = 0; i < 64; i++)
		data[i] = (uint8_t)(i + 1);
	s.extra = data;
	s.extra_size = 64;
	EXPECT(!outcome(&s, data, 64, NULL)[0], "as it is");
	s.extra_size = 63;
	EXPECT(begins(outcome(&s, data, 64, NULL), "report_data"), "a part");
	EXPECT(begins(outcome(&s, data, 62, NULL), "report_data"), "more than expected");
	s.extra_size = 20;
	EXPECT(!outcome(&s, data, 20, NULL)[0], "short, as it is");
	memset(data + 20, 0, 44);
	s.extra_size = 64;
	EXPECT(!outcome(&s, data, 20, NULL)[0], "padded");
	digest("SHA256", &whole, 1, hashed, &size);
	s.extra = hashed;
	s.extra_size = size;
	EXPECT(!outcome(&s, data, 20, NULL)[0] && !outcome(&s, data, 64, NULL)[0], "SHA-256");
	hashed[5] ^= 1;
	EXPECT(begins(outcome(&s, data, 64, NULL), "report_data"), "another hash");
	digest("SHA384", &whole, 1, hashed, &size);
	s.extra_size = size;
	EXPECT(!outcome(&s, data, 64, NULL)[0], "SHA-384");
	s.extra_size = 0;
	EXPECT(begins(outcome(&s, data, 64, NULL), "report_data"), "nothing");
	EXPECT(begins(outcome(&s, "", 0, NULL), "report_data"), "nothing and nothing expected");
}

/* --- Event logs --- */

static uint8_t log_pcr7[32], log_pcr8[32], log_pcr0[32];

static void extend(uint8_t value[32], const uint8_t digest_value[32])
{
	struct span parts[] = { SPAN(value, 32), SPAN(digest_value, 32) };

	digest("SHA256", parts, 2, value, NULL);
}

/* An event whose digest is of `measured`. */
static void put_event(struct out *o, uint32_t index, uint32_t type, struct span measured,
		      struct span data)
{
	uint8_t hashed[32];

	digest("SHA256", &measured, 1, hashed, NULL);
	put_le(o, index, 4);
	put_le(o, type, 4);
	put_le(o, 1, 4);
	put_le(o, TPM_SHA256, 2);
	put(o, hashed, 32);
	put_le(o, data.size, 4);
	put(o, data.data, data.size);
	if (type != 3)
		extend(index == 7 ? log_pcr7 : index == 8 ? log_pcr8 : log_pcr0, hashed);
}

static void put_header(struct out *o)
{
	o->size = 0;
	memset(log_pcr0, 0, 32);
	memset(log_pcr7, 0, 32);
	memset(log_pcr8, 0, 32);
	put_le(o, 0, 4);
	put_le(o, 3, 4);
	put(o, (uint8_t[20]){ 0 }, 20);
	put_le(o, 33, 4);
	put(o, "Spec ID Event03", 16);
	put(o, "\0\0\0\0\0\2\0\2", 8);
	put_le(o, 1, 4);
	put_le(o, TPM_SHA256, 2);
	put_le(o, 32, 2);
	put_le(o, 0, 1);
}

static const char secure_boot_variable[] =
	"\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
	"\x0a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0S\0e\0c\0u\0r\0e\0B\0o\0o\0t\0";

static struct span secure_boot(uint8_t buffer[53], uint8_t value)
{
	memcpy(buffer, secure_boot_variable, 52);
	buffer[52] = value;
	return SPAN(buffer, 53);
}

static struct cattest_result *judge_log(struct out *log, const char *wanted, const char *name)
{
	struct setup s = {
		.pinned = true, .log = log->bytes, .log_size = log->size, .pcr7 = log_pcr7
	};
	struct cattest_result *r;
	const char *found;

	memcpy(pcr_values[1][0], log_pcr0, 32);
	memcpy(pcr_values[1][8], log_pcr8, 32);
	found = outcome(&s, NULL, 0, &r);
	if (!begins(found, wanted)) {
		printf("%s: \"%s\", expected \"%s\"\n", name, found, wanted);
		failed = 1;
	}
	return r;
}

#define SEPARATOR SPAN("\0\0\0\0", 4)
#define TEXT(s) SPAN(s, sizeof(s) - 1)
#define TEXT_NUL(s) SPAN(s, sizeof(s))

static void test_log_facts(void)
{
	uint8_t on[53], off[53];
	struct cattest_result *r;
	const struct cattest_claim *c;
	struct out log;

	secure_boot(on, 1);
	secure_boot(off, 0);
	/*
	 * A log as it should be, with a locality, filler behind it, and GRUB's and systemd's
	 * command lines
	 */
	put_header(&log);
	put_event(&log, 0, 3, TEXT("x"), SPAN("StartupLocality\0\x03", 17));
	memset(log_pcr0, 0, 32);
	log_pcr0[31] = 3;
	put_event(&log, 0, 8, TEXT("version"), TEXT("version"));
	put_event(&log, 7, 0x80000001, SPAN_OF(on), SPAN_OF(on));
	put_event(&log, 7, 4, SEPARATOR, SEPARATOR);
	put_event(&log, 8, 13, TEXT("/vmlinuz ro"), TEXT_NUL("kernel_cmdline: /vmlinuz ro"));
	put_event(&log, 8, 13, SPAN("q\0u\0\0\0", 6), SPAN("q\0u\0\0\0", 6));
	memset(log.bytes + log.size, 0xff, 100);
	log.size += 100;
	r = judge_log(&log, "", "good");
	c = r ? cattest_result_find(r, "eventlog.secure_boot") : NULL;
	EXPECT(c && c->number == 1, "secure boot");
	EXPECT(r && string_count(r, "eventlog.kernel_cmdline") == 2 &&
		       has_string(r, "eventlog.kernel_cmdline", "/vmlinuz ro") &&
		       has_string(r, "eventlog.kernel_cmdline", "qu"),
	       "command lines");
	EXPECT(r && string_count(r, "eventlog.replayed") == 3 &&
		       string_count(r, "eventlog.digests") == 5,
	       "registers");
	cattest_result_free(r);
	/* A text that is not what was measured */
	put_header(&log);
	put_event(&log, 8, 13, TEXT("/vmlinuz init=/bin/sh"),
		  TEXT_NUL("kernel_cmdline: /vmlinuz ro"));
	cattest_result_free(judge_log(&log, "eventlog.cmdline", "another text"));
	/* Off and then on: off. */
	put_header(&log);
	put_event(&log, 7, 0x80000001, SPAN_OF(off), SPAN_OF(off));
	put_event(&log, 7, 0x80000001, SPAN_OF(on), SPAN_OF(on));
	put_event(&log, 7, 4, SEPARATOR, SEPARATOR);
	r = judge_log(&log, "", "off and on");
	c = r ? cattest_result_find(r, "eventlog.secure_boot") : NULL;
	EXPECT(c && !c->number, "off and on");
	cattest_result_free(r);
	/* Measured by whoever came after the firmware */
	put_header(&log);
	put_event(&log, 7, 4, SEPARATOR, SEPARATOR);
	put_event(&log, 7, 0x80000001, SPAN_OF(on), SPAN_OF(on));
	r = judge_log(&log, "", "after the separator");
	EXPECT(r && !cattest_result_find(r, "eventlog.secure_boot"), "after the separator");
	cattest_result_free(r);
	/*
	 * The same by relabelling: the true "off" and the separator look like other events. The
	 * digests are what was extended.
	 */
	put_header(&log);
	put_event(&log, 7, 0x80000002, SPAN_OF(off), TEXT("harmless"));
	put_event(&log, 7, 0x80000002, SEPARATOR, TEXT("harmless too"));
	put_event(&log, 7, 0x80000001, SPAN_OF(on), SPAN_OF(on));
	put_event(&log, 7, 4, SEPARATOR, SEPARATOR);
	r = judge_log(&log, "", "relabelled");
	c = r ? cattest_result_find(r, "eventlog.secure_boot") : NULL;
	EXPECT(c && !c->number, "relabelled");
	cattest_result_free(r);
}

/* Logs that are not well-formed: a byte of the good one set to something else. */
static void test_log_form(void)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *name;
	} changes[] = {
		{ 0, 2, "header in register 2" },
		{ 28, 34, "header longer than its parts" },
		{ 56, 0, "no hash" },
		{ 56, 17, "too many hashes" },
		{ 62, 31, "SHA-256 of 31 bytes" },
		{ 64, 1, "vendor data that is not there" },
		{ 65, 24, "register 24" },
		{ 73, 0, "no digest for the bank" },
		{ 73, 2, "more digests than hashes" },
		{ 77, 4, "a hash that is not listed" },
		{ 111, 200, "an event longer than the log" },
	};
	struct cattest_result *r;
	struct out log;

	put_header(&log);
	EXPECT(log.size == 65, "header");
	put_event(&log, 0, 8, TEXT("version"), TEXT("version"));
	cattest_result_free(judge_log(&log, "", "good"));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct out changed = log;

		changed.bytes[changes[i].at] = changes[i].value;
		r = judge_log(&changed,
			      changes[i].at == 73 && !changes[i].value ? "e" : "error: event log:",
			      changes[i].name);
		EXPECT(!r || !cattest_result_find(r, "eventlog.replayed"), changes[i].name);
		cattest_result_free(r);
	}
	/* A locality after PCR 0 was extended, twice, or out of range */
	for (int i = 0; i < 3; i++) {
		struct out bad;

		put_header(&bad);
		if (i == 0)
			put_event(&bad, 0, 8, TEXT("version"), TEXT("version"));
		put_event(&bad, 0, 3, TEXT("x"),
			  SPAN(i == 2 ? "StartupLocality\0\x05" : "StartupLocality\0\x03", 17));
		put_event(&bad, 0, 3, TEXT("x"), SPAN("StartupLocality\0\x03", 17));
		cattest_result_free(
			judge_log(&bad, "error: event log: a StartupLocality", "locality"));
	}
	/* Filler that is none */
	put_header(&log);
	put_event(&log, 0, 8, TEXT("version"), TEXT("version"));
	memset(log.bytes + log.size, 0xff, 50);
	log.bytes[log.size + 20] = 0xfe;
	log.size += 50;
	cattest_result_free(judge_log(&log, "error: event log:", "filler"));
	/* Nothing of a log is claimed that no register stands for. */
	put_header(&log);
	put_event(&log, 0, 3, TEXT("x"), TEXT("only information"));
	cattest_result_free(judge_log(&log, "?eventlog.replay", "no events"));
}

/* PCR 17 with one event, after a dynamic launch and without one; and a value that is neither. */
static void test_log_launch(void)
{
	static const struct cattest_expect expect;
	struct span measured = SPAN("loader", 6);
	uint8_t hashed[32], value[32];
	struct out log;

	digest("SHA256", &measured, 1, hashed, NULL);
	for (int start = 0; start < 3; start++) {
		struct cattest_error err;
		struct appraisal a = { .result = result_new(), .err = &err, .expect = &expect };

		put_header(&log);
		put_event(&log, 17, 0xd, measured, measured);
		memset(value, start == 0 ? 0 : start == 1 ? 0xff : 1, sizeof(value));
		extend(value, hashed);
		claim_bytes(&a, "tpm.pcr.sha256.17", SPAN_OF(value));
		EXPECT(!event_log_replay(&a, SPAN(log.bytes, log.size), true), "read");
		EXPECT(has_string(a.result, "eventlog.replayed", "sha256:17") == (start < 2),
		       start == 0   ? "launched"
		       : start == 1 ? "not launched"
				    : "neither");
		EXPECT(begins(first_problem(a.result), start < 2 ? "" : "eventlog.replay"),
		       "its problem");
		cattest_result_free(a.result);
	}
}

/* A log without a firmware's: the header's signature is zeroes; its events are tagged texts. */
static void test_log_agent(void)
{
	static const struct cattest_expect expect;
	static const char event[] = "\x4c\x45\x41\x41\x13\0\0\0domain pull content";
	struct span measured = SPAN(event, sizeof(event) - 1);
	struct cattest_error err;
	struct appraisal a = { .result = result_new(), .err = &err, .expect = &expect };
	uint8_t hashed[32], value[32] = { 0 };
	struct out log;

	put_header(&log);
	memset(log.bytes + 32, 0, 24);
	put_event(&log, 23, 6, measured, measured);
	digest("SHA256", &measured, 1, hashed, NULL);
	extend(value, hashed);
	claim_bytes(&a, "tpm.pcr.sha256.23", SPAN_OF(value));
	EXPECT(event_log_detect(SPAN(log.bytes, log.size)), "detected");
	EXPECT(!event_log_replay(&a, SPAN(log.bytes, log.size), true), err.text);
	EXPECT(has_string(a.result, "eventlog.replayed", "sha256:23") &&
		       has_string(a.result, "eventlog.format", "tcg-crypto-agile"),
	       "replayed");
	EXPECT(string_count(a.result, "eventlog.events") == 1 &&
		       strstr(cattest_result_find(a.result, "eventlog.events")->strings[0],
			      " domain pull content"),
	       "its text");
	cattest_result_free(a.result);
	/* A first event that only begins so. */
	log.bytes[56] = 9;
	EXPECT(!event_log_detect(SPAN(log.bytes, log.size)), "not detected");
}

/* A log that was taken before ExitBootServices: PCR 5 has two events more, or three, or others. */
static void test_log_final_events(void)
{
	static const struct cattest_expect expect;
	static const struct {
		unsigned pcr;
		const char *name, *texts[3];
		bool good;
	} cases[] = {
		{ 5, "success", { "Invocation", "Returned with Success" }, true },
		{ 5, "failure", { "Invocation", "Returned with Failure" }, true },
		{ 5,
		  "second try",
		  { "Invocation", "Returned with Failure", "Returned with Success" },
		  true },
		{ 5, "no invocation", { "Returned with Success" }, false },
		{ 5, "only the invocation", { "Invocation" }, false },
		{ 5, "another text", { "Invocation", "Returned" }, false },
		{ 4, "another register", { "Invocation", "Returned with Success" }, false },
	};
	struct span measured = SPAN("table", 5);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cattest_error err;
		struct appraisal a = { .result = result_new(), .err = &err, .expect = &expect };
		uint8_t hashed[32], value[32] = { 0 };
		char name[24];
		struct out log;

		put_header(&log);
		put_event(&log, cases[i].pcr, 0x80000006, measured, measured);
		digest("SHA256", &measured, 1, hashed, NULL);
		extend(value, hashed);
		for (size_t k = 0; k < 3 && cases[i].texts[k]; k++) {
			char text[64];
			int size = snprintf(text, sizeof(text), "Exit Boot Services %s",
					    cases[i].texts[k]);

			digest("SHA256", &SPAN(text, (size_t)size), 1, hashed, NULL);
			extend(value, hashed);
		}
		snprintf(name, sizeof(name), "tpm.pcr.sha256.%u", cases[i].pcr);
		claim_bytes(&a, name, SPAN_OF(value));
		EXPECT(!event_log_replay(&a, SPAN(log.bytes, log.size), true), cases[i].name);
		EXPECT(begins(first_problem(a.result), cases[i].good ? "" : "eventlog.replay"),
		       cases[i].name);
		EXPECT(!!cattest_result_find(a.result, "eventlog.replayed") == cases[i].good,
		       cases[i].name);
		cattest_result_free(a.result);
	}
}

/* Keys that a TPM cannot have, and curves that are not known here. */
static void test_public_areas(void)
{
	static const uint32_t exponents[] = { 1, 2, 4, 65536 };
	struct tpm_public area;
	struct cattest_error err;
	struct out o;

	key_public(keys[KEY_RSA], GOOD_ATTRIBUTES, &o);
	EXPECT(!tpm_public_parse(SPAN(o.bytes, o.size), &area, &err), "exponent 0: 65537");
	for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
		for (size_t k = 0; k < 4; k++) /* in front of the modulus */
			o.bytes[o.size - 256 - 2 - 4 + k] = (uint8_t)(exponents[i] >> 8 * (3 - k));
		EXPECT(tpm_public_parse(SPAN(o.bytes, o.size), &area, &err) == -EBADMSG &&
			       strstr(err.text, "exponent"),
		       "an exponent that is none");
	}
	key_public(keys[KEY_P521], GOOD_ATTRIBUTES, &o);
	EXPECT(!tpm_public_parse(SPAN(o.bytes, o.size), &area, &err) &&
		       !strcmp(tpm_curve_name(area.curve), "P-521"),
	       "P-521");
	o.bytes[2 + 2 + 4 + 2 + 2 + 2 + 1] = 0x20; /* TPM_ECC_SM2_P256 */
	EXPECT(tpm_public_parse(SPAN(o.bytes, o.size), &area, &err) == -ENOTSUP, "SM2");
}

/* Very long logs and many events end in time. */
static void test_log_limits(void)
{
	size_t size = 16u << 20;
	uint8_t *bytes = calloc(1, size + 1);
	struct cattest_result *r = NULL;

	bytes[size - 1] = 1; /* zeroes, but no filler */
	EXPECT(cattest_decode(bytes, size, "event-log", &r, NULL) || r, "zeroes");
	cattest_result_free(r);
	free(bytes);
}

int main(void)
{
	for (unsigned n = 0; n < 24; n++)
		for (unsigned bank = 0; bank < 2; bank++)
			memset(pcr_values[bank][n], (int)(n + 100 * bank + 1), 32);
	make_keys();
	test_schemes();
	test_form();
	test_trust();
	test_go_forms();
	test_binding();
	test_log_facts();
	test_log_form();
	test_log_launch();
	test_log_final_events();
	test_log_agent();
	test_public_areas();
	test_log_limits();
	for (size_t i = 0; i < KEY_COUNT; i++)
		EVP_PKEY_free(keys[i]);
	EVP_PKEY_free(other_rsa);
	return failed;
}
