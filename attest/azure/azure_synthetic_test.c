/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure evidence made here, on a key hierarchy like AMD's: an HCL report over runtime data that
 * names our attestation key, and a quote by it. Every link between the parts is broken once,
 * everything else being sound.
 */
#include "attest/azure/azure.h"
#include "attest/snp/snp_testing.h"
#include "lib/jose/jose.h"

#include <jansson.h>

#define HCL_SIZE 4096u

static struct test_pki milan;
static EVP_PKEY *vek_key, *ak_key, *other_ak, *weak_ak, *ec_ak;
static X509 *vek;
static const uint8_t tcb[8] = { 4, 0, 0, 0, 0, 0, 24, 219 };

enum keys { KEYS_ONE, KEYS_NONE, KEYS_TWICE, KEYS_WEAK, KEYS_EC, KEYS_NO_ARRAY };

struct setup {
	enum keys keys;
	const char *user_data; /* text for the JSON; NULL: none */
	uint32_t hcl_version, hash_type, report_type;
	unsigned vmpl, version; /* version of the JSON; 0: the old form */
	uint8_t extra[64];
	size_t extra_size;
	EVP_PKEY *quote_key;
	int break_hcl; /* offset of a byte of the HCL report that is changed at the end; -1: none */
	int break_pcr; /* PCR whose value is changed */
	bool truncate_hash, no_vcek, td_quote, unknown_member;
	const char *pcr_count; /* "23": one is missing */
	const uint8_t *pcr23, *log;
	size_t log_size;
	bool null_log;
	struct cattest_expect expect;
};

static struct setup base(void)
{
	struct setup s = {
		.user_data =
			"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
			"000000000000000000000000000000000000",
		.hcl_version = 1,
		.hash_type = 1,
		.report_type = 2,
		.version = 1,
		.quote_key = ak_key,
		.break_hcl = -1,
		.break_pcr = -1,
	};

	memcpy(s.extra, "challenge", 9);
	s.extra_size = 9;
	s.expect = (struct cattest_expect){ .report_data = "challenge", .report_data_size = 9 };
	return s;
}

static json_t *jwk_named(EVP_PKEY *key, const char *name)
{
	json_t *jwk = NULL;

	must(jwk_from_key(key, &jwk) == 0 &&
		     json_object_set_new(jwk, "kid", json_string(name)) == 0,
	     "JWK");
	return jwk;
}

static char *runtime_json(const struct setup *s)
{
	json_t *root = json_object(), *keys = json_array();
	EVP_PKEY *key = s->keys == KEYS_WEAK ? weak_ak : s->keys == KEYS_EC ? ec_ak : ak_key;
	char *text;

	if (s->keys != KEYS_NONE)
		json_array_append_new(keys, jwk_named(key, "HCLAkPub"));
	if (s->keys == KEYS_TWICE)
		json_array_append_new(keys, jwk_named(other_ak, "HCLAkPub"));
	json_array_append_new(keys, jwk_named(other_ak, "HCLEkPub"));
	if (s->keys == KEYS_NO_ARRAY) {
		json_decref(keys);
		keys = json_string("HCLAkPub");
	}
	json_object_set_new(root, "keys", keys);
	json_object_set_new(root, "vm-configuration", json_pack("{s:b}", "secure-boot", 1));
	if (s->user_data)
		json_object_set_new(root, "user-data", json_string(s->user_data));
	text = json_dumps(root, JSON_COMPACT);
	must(text, "JSON");
	json_decref(root);
	return text;
}

static void make_hcl(const struct setup *s, uint8_t hcl[HCL_SIZE])
{
	static const char *const hashes[] = { "SHA256", "SHA256", "SHA384", "SHA512" };
	char *json = runtime_json(s);
	size_t len = strlen(json), size = 0;
	uint8_t chip[64], *report = hcl + 0x20;

	must(len < HCL_SIZE - 0x4d4, "room");
	memset(chip, 0x77, sizeof(chip));
	memset(hcl, 0, HCL_SIZE);
	memcpy(hcl, "HCLA", 4);
	put_le(hcl + 4, s->hcl_version, 4);
	put_le(hcl + 8, 0x4d4 + len, 4);
	put_le(hcl + 12, 2, 4);
	make_report(report, 3, 0x1901, tcb, chip, 64);
	put_le(report + 0x30, s->vmpl, 4);
	memset(report + 0x50, 0, 64);
	must(digest(hashes[s->hash_type & 3], &SPAN(json, len), 1, report + 0x50, &size) == 0,
	     "hash");
	if (s->truncate_hash)
		report[0x50 + size - 1] ^= 1;
	sign_report(report, vek_key);
	put_le(hcl + 0x4c0, 20 + len, 4);
	put_le(hcl + 0x4c4, 1, 4);
	put_le(hcl + 0x4c8, s->report_type, 4);
	put_le(hcl + 0x4cc, s->hash_type, 4);
	put_le(hcl + 0x4d0, len, 4);
	memcpy(hcl + 0x4d4, json, len);
	if (s->break_hcl >= 0)
		hcl[s->break_hcl] ^= 1;
	free(json);
}

static size_t put_be(uint8_t *out, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	return size;
}

/* TPMS_ATTEST over 24 SHA-256 PCRs of which n holds n in each byte. */
static size_t make_quote(const struct setup *s, uint8_t out[256])
{
	uint8_t values[24 * 32], hash[32];
	size_t at = 0;

	for (size_t i = 0; i < 24; i++)
		memset(values + 32 * i, (int)i, 32);
	if (s->pcr23)
		memcpy(values + 23 * sizeof(hash), s->pcr23, sizeof(hash));
	must(digest("SHA256", &SPAN_OF(values), 1, hash, NULL) == 0, "hash");
	at += put_be(out + at, 0xff544347, 4);
	at += put_be(out + at, 0x8018, 2);
	at += put_be(out + at, 34, 2);
	at += put_be(out + at, 0x000b, 2);
	memset(out + at, 0x99, 32);
	at += 32;
	at += put_be(out + at, s->extra_size, 2);
	memcpy(out + at, s->extra, s->extra_size);
	at += s->extra_size;
	at += put_be(out + at, 123456, 8);
	at += put_be(out + at, 3, 4);
	at += put_be(out + at, 0, 4);
	at += put_be(out + at, 1, 1);
	at += put_be(out + at, 0x2020031200120003, 8);
	at += put_be(out + at, 1, 4);
	at += put_be(out + at, 0x000b, 2);
	at += put_be(out + at, 3, 1);
	at += put_be(out + at, 0xffffff, 3);
	at += put_be(out + at, 32, 2);
	memcpy(out + at, hash, 32);
	return at + 32;
}

static json_t *hex_json(const uint8_t *data, size_t size)
{
	char *text = malloc(2 * size + 1);
	json_t *ret;

	must(text, "memory");
	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	text[2 * size] = 0;
	ret = json_string(text);
	free(text);
	return ret;
}

static json_t *list_json(const uint8_t *data, size_t size)
{
	json_t *list = json_array();

	for (size_t i = 0; i < size; i++)
		json_array_append_new(list, json_integer(data[i]));
	return list;
}

static json_t *base64_json(const uint8_t *data, size_t size)
{
	char *text = base64url_encode(data, size);
	json_t *ret = json_string(text);

	free(text);
	return ret;
}

static json_t *quote_json(const struct setup *s)
{
	uint8_t message[256], signature[512], pcr[32];
	size_t size = make_quote(s, message), signature_size = sizeof(signature);
	unsigned long count = s->pcr_count ? strtoul(s->pcr_count, NULL, 10) : 24;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	json_t *quote = json_object(), *pcrs = json_array();

	must(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, s->quote_key) == 1 &&
		     EVP_DigestSign(ctx, signature, &signature_size, message, size) == 1,
	     "signing a quote");
	EVP_MD_CTX_free(ctx);
	for (unsigned long i = 0; i < count; i++) {
		memset(pcr, (int)i, sizeof(pcr));
		if (i == 23 && s->pcr23)
			memcpy(pcr, s->pcr23, sizeof(pcr));
		if ((int)i == s->break_pcr)
			pcr[31] ^= 1;
		json_array_append_new(pcrs, s->version ? hex_json(pcr, 32) : list_json(pcr, 32));
	}
	json_object_set_new(quote, "message",
			    s->version ? hex_json(message, size) : list_json(message, size));
	json_object_set_new(quote, "signature",
			    s->version ? hex_json(signature, signature_size)
				       : list_json(signature, signature_size));
	json_object_set_new(quote, "pcrs", pcrs);
	return quote;
}

static char *make_evidence(const struct setup *s)
{
	json_t *root = json_object();
	uint8_t hcl[HCL_SIZE];
	struct der d = cert_der(vek);
	char *text;

	make_hcl(s, hcl);
	if (s->version)
		json_object_set_new(root, "version", json_integer(s->version));
	json_object_set_new(root, s->version ? "tpm_quote" : "quote", quote_json(s));
	json_object_set_new(root, s->version ? "hcl_report" : "report",
			    s->version ? base64_json(hcl, HCL_SIZE) : list_json(hcl, HCL_SIZE));
	if (!s->no_vcek)
		json_object_set_new(root, "vcek", base64_json(d.data, d.size));
	if (s->td_quote)
		json_object_set_new(root, "td_quote", json_string("AAAA"));
	if (s->unknown_member)
		json_object_set_new(root, "something", json_true());
	if (s->log || s->null_log)
		json_object_set_new(root, "cc_eventlog",
				    s->log ? base64_json(s->log, s->log_size) : json_null());
	text = json_dumps(root, JSON_COMPACT);
	must(text, "JSON");
	OPENSSL_free(d.data);
	json_decref(root);
	return text;
}

static struct verified run(const struct setup *s)
{
	struct cattest_verifier *v = new_verifier(milan.ark);
	char *text = make_evidence(s);
	struct verified got;

	add_cert(v, "ask", milan.ask);
	got = verify_bytes(v, text, strlen(text), &s->expect);
	free(text);
	cattest_verifier_free(v);
	return got;
}

static void expect_run(const char *name, const struct setup *s, enum outcome outcome,
		       const char *step)
{
	expect_outcome(name, run(s), outcome, step);
}

static void test_good(void)
{
	struct setup s = base();

	expect_run("version 1", &s, OUTCOME_GOOD, NULL);
	s.version = 0;
	expect_run("version 0", &s, OUTCOME_GOOD, NULL);
	s.version = 2;
	s.user_data =
		"6368616c6c656e676500000000000000000000000000000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000000000";
	expect_run("version 2", &s, OUTCOME_GOOD, NULL);
	s = base();
	s.hash_type = 2;
	expect_run("SHA-384", &s, OUTCOME_GOOD, NULL);
	s.hash_type = 3;
	s.hcl_version = 2;
	expect_run("SHA-512, HCL version 2", &s, OUTCOME_GOOD, NULL);
	s.user_data = NULL;
	expect_run("no user data", &s, OUTCOME_GOOD, NULL);
	s.expect.report_data = NULL;
	expect_run("no expectation", &s, OUTCOME_GOOD, NULL);
}

static void test_binding(void)
{
	struct setup s = base();
	uint8_t full[64] = { 0 };
	struct span whole = SPAN_OF(full);

	memcpy(full, "challenge", 9);
	memcpy(s.extra, full, 64);
	s.extra_size = 64;
	expect_run("nonce of 64 bytes", &s, OUTCOME_GOOD, NULL);
	digest("SHA256", &whole, 1, s.extra, &s.extra_size);
	expect_run("nonce is the SHA-256", &s, OUTCOME_GOOD, NULL);
	digest("SHA384", &whole, 1, s.extra, &s.extra_size);
	expect_run("nonce is the SHA-384", &s, OUTCOME_GOOD, NULL);
	s.extra_size = 47;
	expect_run("nonce cut", &s, OUTCOME_REFUSED, "report_data");
	s.extra_size = 0;
	expect_run("no nonce", &s, OUTCOME_REFUSED, "report_data");
	s = base();
	s.expect.report_data = "Challenge";
	expect_run("other nonce", &s, OUTCOME_REFUSED, "report_data");
	s = base();
	s.version = 2;
	expect_run("version 2, other user data", &s, OUTCOME_REFUSED, "azure.user_data");
	s.user_data = NULL;
	expect_run("version 2, no user data", &s, OUTCOME_REFUSED, "azure.user_data");
}

static void test_links(void)
{
	struct setup s = base();

	s.break_hcl = 0x4e0;
	expect_run("runtime data", &s, OUTCOME_REFUSED, "azure.runtime_data");
	s = base();
	s.truncate_hash = true;
	expect_run("hash", &s, OUTCOME_REFUSED, "azure.runtime_data");
	s = base();
	s.break_hcl = 0x20 + 0x90;
	expect_run("SNP measurement", &s, OUTCOME_REFUSED, "snp.signature");
	s = base();
	s.vmpl = 1;
	expect_run("VMPL 1", &s, OUTCOME_REFUSED, "azure.vmpl");
	s = base();
	s.quote_key = other_ak;
	expect_run("quote by another key", &s, OUTCOME_REFUSED, "tpm.quote.signature");
	for (int i = 0; i < 24; i += 23) {
		s = base();
		s.break_pcr = i;
		expect_run("PCR", &s, OUTCOME_REFUSED, "tpm.quote.pcrs");
	}
	s = base();
	s.no_vcek = true;
	expect_run("no VCEK", &s, OUTCOME_MISSING, "snp.vek");
}

static void test_keys(void)
{
	static const enum keys kinds[] = { KEYS_NONE, KEYS_TWICE, KEYS_WEAK, KEYS_EC,
					   KEYS_NO_ARRAY };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct setup s = base();

		s.keys = kinds[i];
		expect_run("keys", &s, OUTCOME_REFUSED, "azure.ak");
	}
}

static void test_form(void)
{
	static const int framing[] = { 0x00,  0x05,  0x08,  0x0c,  0x10,  0x14,	 0x1f,
				       0x4c0, 0x4c4, 0x4c8, 0x4cd, 0x4d0, 0x4d3, HCL_SIZE - 1 };
	static const char *const counts[] = { "23", "25", "0" };
	struct setup s;

	for (size_t i = 0; i < sizeof(framing) / sizeof(framing[0]); i++) {
		s = base();
		s.break_hcl = framing[i];
		expect_run("framing", &s, OUTCOME_ERROR, NULL);
	}
	for (size_t i = 0; i < 3; i++) {
		s = base();
		s.pcr_count = counts[i];
		expect_run("PCR count", &s, OUTCOME_ERROR, NULL);
	}
	s = base();
	s.version = 3;
	expect_run("version 3", &s, OUTCOME_ERROR, NULL);
	s = base();
	s.unknown_member = true;
	expect_run("unknown member", &s, OUTCOME_ERROR, NULL);
	s = base();
	s.td_quote = true;
	expect_run("SNP in a TDX evidence", &s, OUTCOME_ERROR, NULL);
	s = base();
	s.report_type = 4;
	expect_run("TDX in an SNP evidence", &s, OUTCOME_ERROR, NULL);
	s = base();
	s.hcl_version = 3;
	expect_run("HCL version 3", &s, OUTCOME_ERROR, NULL);
	s = base();
	s.hash_type = 0;
	expect_run("hash type 0", &s, OUTCOME_ERROR, NULL);
	s = base();
	s.user_data = "00";
	expect_run("user data of one byte", &s, OUTCOME_ERROR, NULL);
}

/* TDX's: the quote is of the hardware's vendor, so only what is before it can be made here. */
static void test_tdx_alone(void)
{
	struct cattest_verifier *v = new_verifier(NULL);
	struct setup s = base();
	uint8_t hcl[HCL_SIZE];

	s.report_type = 4;
	make_hcl(&s, hcl);
	hcl[0x20 + 0x400] = 1;
	expect_outcome("bytes behind a TDREPORT", verify_bytes(v, hcl, sizeof(hcl), NULL),
		       OUTCOME_ERROR, NULL);
	memset(hcl + 0x20, 0, 0x4a0);
	expect_outcome("TDREPORT alone", verify_bytes(v, hcl, sizeof(hcl), NULL), OUTCOME_MISSING,
		       "azure.td_quote");
	cattest_verifier_free(v);
}

static void test_decode(void)
{
	struct setup s = base();
	char *text = make_evidence(&s);
	struct cattest_result *r = NULL;
	struct cattest_error err = { "" };

	EXPECT(cattest_decode(text, strlen(text), NULL, &r, &err) == 0, "%s", err.text);
	EXPECT(r && cattest_result_verdict(r) == CATTEST_NONE &&
		       cattest_result_find(r, "azure.user_data") &&
		       cattest_result_find(r, "snp.measurement") && cattest_result_find(r, "nonce"),
	       "decoded claims");
	cattest_result_free(r);
	free(text);
}

/* A log of run-time measurements comes along: header and one event in PCR 23. */
static void test_log(void)
{
	static const char event[] = "\x4c\x45\x41\x41\x13\0\0\0domain pull content";
	struct span measured = SPAN(event, sizeof(event) - 1), parts[2];
	uint8_t log[256] = { 0 }, zero[32] = { 0 }, hashed[32], pcr23[32];
	struct setup s = base();
	struct verified got;
	size_t at = 65;

	must(digest("SHA256", &measured, 1, hashed, NULL) == 0, "hash");
	parts[0] = SPAN_OF(zero);
	parts[1] = SPAN_OF(hashed);
	must(digest("SHA256", parts, 2, pcr23, NULL) == 0, "hash");
	put_le(log + 4, 3, 4);	       /* EV_NO_ACTION */
	put_le(log + 28, 33, 4);       /* its data: no signature, */
	put_le(log + 56, 1, 4);	       /* one hash: */
	put_le(log + 60, 0x20000b, 4); /* SHA-256 of 32 bytes */
	put_le(log + at, 23, 4);
	put_le(log + at + 4, 6, 4); /* EV_EVENT_TAG */
	put_le(log + at + 8, 1, 4);
	put_le(log + at + 12, 0x0b, 2);
	memcpy(log + at + 14, hashed, 32);
	put_le(log + at + 46, measured.size, 4);
	memcpy(log + at + 50, measured.data, measured.size);
	at += 50 + measured.size;
	s.null_log = true;
	expect_run("no log", &s, OUTCOME_GOOD, NULL);
	s.log = log;
	s.log_size = at;
	expect_run("a log of another value", &s, OUTCOME_REFUSED, "eventlog.replay");
	s.pcr23 = pcr23;
	got = run(&s);
	EXPECT(got.result && cattest_result_find(got.result, "eventlog.replayed"), "replayed");
	expect_outcome("a log", got, OUTCOME_GOOD, NULL);
	s.version = 0;
	expect_run("a log beside the old form", &s, OUTCOME_GOOD, NULL);
	s.log_size = at - 1;
	expect_run("a log that is cut", &s, OUTCOME_ERROR, NULL);
	/* The caller's goes first. */
	s.expect.event_log = log;
	s.expect.event_log_size = at;
	expect_run("the caller's log", &s, OUTCOME_GOOD, NULL);
}

int main(void)
{
	struct test_vek t = {
		.cn = "SEV-VCEK",
		.issuer = "SEV-Milan",
		.product = "Milan-B0",
		.spl = { -1, 4, 0, 24, 0, 0, 0, 0, 219, -1 },
		.hwid_size = 64,
		.from = TEST_NOW - TEST_YEAR,
		.until = TEST_NOW + 6 * TEST_YEAR,
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(t.hwid, 0x77, sizeof(t.hwid));
	pki_init(&milan, "Milan");
	vek_key = new_p384();
	ak_key = new_rsa(2048);
	other_ak = new_rsa(2048);
	weak_ak = new_rsa(1024);
	ec_ak = new_p384();
	vek = new_vek(&t, vek_key, milan.ask_key);
	test_good();
	test_binding();
	test_links();
	test_log();
	test_keys();
	test_form();
	test_tdx_alone();
	test_decode();
	X509_free(vek);
	EVP_PKEY_free(vek_key);
	EVP_PKEY_free(ak_key);
	EVP_PKEY_free(other_ak);
	EVP_PKEY_free(weak_ak);
	EVP_PKEY_free(ec_ak);
	pki_done(&milan);
	return test_report("azure_synthetic_test");
}
