/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM quotes that real TPMs made (EVIDENCE): Trustee's, Keylime's and Google's, with their keys
 * pinned, with other nonces and other keys, and each byte changed. A TPM2B_PUBLIC and its name, as
 * tpm2-tools wrote them.
 */
#include "attest/tpm/tpm_testing.h"
#include "lib/jose/jose.h"
#include "tests/evidence/samples.h"

static uint8_t buffer[1 << 17];

static struct span load(const char *name)
{
	return SPAN(buffer, sample_read(name, buffer, sizeof(buffer)));
}

static struct span copy_of(struct span s)
{
	uint8_t *copy = malloc(s.size + 1);

	memcpy(copy, s.data, s.size);
	return SPAN(copy, s.size);
}

/* The key inside, by decoding; SPKI in DER. */
static struct cattest_result *verify(struct span evidence, struct span key, struct span report_data,
				     const char **ret_problem)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_expect expect = { .report_data = report_data.data,
					 .report_data_size = report_data.size };
	struct cattest_result *r = NULL;
	static struct cattest_error err;

	if (key.size && cattest_add_root(v, CATTEST_ROOT_AK, key.data, key.size, &err))
		printf("key: %s\n", err.text);
	if (cattest_verify(v, evidence.data, evidence.size, &expect, &r, &err))
		*ret_problem = err.text;
	else
		*ret_problem = first_problem(r);
	cattest_verifier_free(v);
	return r;
}

static const struct span nothing;

static struct span json_bytes(struct span json, const char *member)
{
	char quoted[64];
	const uint8_t *at;
	uint8_t *data;
	size_t size;
	const char *start;

	snprintf(quoted, sizeof(quoted), "\"%s\"", member);
	at = memmem(json.data, json.size, quoted, strlen(quoted));
	if (!at)
		return nothing;
	start = strchr((const char *)at + strlen(quoted), '"') + 1;
	if (base64_decode(start, strcspn(start, "\""), &data, &size))
		return nothing;
	return SPAN(data, size);
}

static void test_trustee(void)
{
	struct span file = copy_of(load("tpm/trustee-evidence.json")),
		    key = json_bytes(file, "ak_public"), other;
	struct span message = json_bytes(file, "message");
	struct tpm_quote quote;
	struct cattest_result *r;
	const char *problem;
	size_t changed = 0;

	EXPECT(key.size && !tpm_quote_parse(message, &quote, NULL) && quote.extra_data.size == 64,
	       "parts");
	r = verify(file, key, quote.extra_data, &problem);
	EXPECT(r && !problem[0], problem);
	EXPECT(r && !strcmp(cattest_result_type(r), "tpm-quote") &&
		       has_string(r, "tpm.ak_trust", "pinned"),
	       "claims");
	EXPECT(r && has_string(r, "root", "custom"), "root");
	cattest_result_free(r);
	r = verify(file, key, nothing, &problem);
	EXPECT(r && !problem[0], "without a binding");
	cattest_result_free(r);
	r = verify(file, nothing, nothing, &problem);
	EXPECT(r && begins(problem, "?tpm.ak.trust"), "the key in the evidence alone");
	EXPECT(r && cattest_result_verdict(r) == CATTEST_UNDECIDED &&
		       has_string(r, "tpm.ak_trust", "none"),
	       "undecided");
	cattest_result_free(r);
	r = verify(file, key, SPAN("another nonce", 13), &problem);
	EXPECT(r && begins(problem, "report_data"), "another nonce");
	cattest_result_free(r);
	other = copy_of(load("tpm/keylime-akpub.pem"));
	r = verify(file, other, nothing, &problem);
	EXPECT(r && begins(problem, "?tpm.ak.trust"), "another key pinned");
	cattest_result_free(r);
	/*
	 * Every byte of the JSON text changed: refused, or the same claims said in another way (a
	 * hex digit's case, a space).
	 */
	for (size_t i = 0; i < file.size; i++) {
		uint8_t *bytes = buffer;

		memcpy(bytes, file.data, file.size);
		bytes[i] ^= 1;
		r = verify(SPAN(bytes, file.size), key, quote.extra_data, &problem);
		if (r && !problem[0])
			changed++;
		cattest_result_free(r);
	}
	EXPECT(changed == 0, "bytes that may be changed");
	free((void *)(uintptr_t)file.data);
	free((void *)(uintptr_t)other.data);
	free((void *)(uintptr_t)key.data);
	free((void *)(uintptr_t)message.data);
}

static void test_keylime(void)
{
	struct span quote = copy_of(load("tpm/keylime-quote.out")),
		    signature = copy_of(load("tpm/keylime-quotesig.out"));
	struct span pcrs = copy_of(load("tpm/keylime-quotepcr.out")),
		    key = copy_of(load("tpm/keylime-akpub.pem"));
	char *q = base64_encode(quote.data, quote.size),
	     *s = base64_encode(signature.data, signature.size);
	char *p = base64_encode(pcrs.data, pcrs.size), text[4096];
	struct cattest_result *r;
	const char *problem;
	uint8_t nonce[20];

	hex_parse("db1db298db6d60e6385b7231743e9c3056a18003", 40, nonce, 20);
	snprintf(text, sizeof(text), "r%s:%s:%s", q, s, p);
	r = verify(SPAN(text, strlen(text)), key, SPAN_OF(nonce), &problem);
	EXPECT(r && !problem[0], problem);
	EXPECT(r && cattest_result_find(r, "tpm.pcr.sha256.15") &&
		       cattest_result_find(r, "tpm.pcr.sha256.16") &&
		       cattest_result_find(r, "tpm.pcr.sha256.22") &&
		       !cattest_result_find(r, "tpm.pcr.sha256.0"),
	       "PCRs");
	cattest_result_free(r);
	r = verify(SPAN(text, strlen(text)), nothing, SPAN_OF(nonce), &problem);
	EXPECT(r && begins(problem, "?tpm.ak.trust"), "no key anywhere");
	cattest_result_free(r);
	/* The same in our own form, with the PCR file, and with the key */
	snprintf(text, sizeof(text), "{\"quote\":\"%s\",\"signature\":\"%s\",\"pcrs\":\"%s\"}", q,
		 s, p);
	r = verify(SPAN(text, strlen(text)), key, SPAN_OF(nonce), &problem);
	EXPECT(r && !problem[0], problem);
	cattest_result_free(r);
	/* Without the values */
	snprintf(text, sizeof(text), "{\"quote\":\"%s\",\"signature\":\"%s\"}", q, s);
	r = verify(SPAN(text, strlen(text)), key, SPAN_OF(nonce), &problem);
	EXPECT(r && begins(problem, "?tpm.quote.pcrs") &&
		       !cattest_result_find(r, "tpm.pcr.sha256.15"),
	       problem);
	cattest_result_free(r);
	snprintf(text, sizeof(text), "{\"quote\":\"%s\",\"signature\":\"%s\",\"sums\":1}", q, s);
	r = verify(SPAN(text, strlen(text)), key, SPAN_OF(nonce), &problem);
	EXPECT(!r && strstr(problem, "not known here"), problem);
	cattest_result_free(r);
	free(q);
	free(s);
	free(p);
	free((void *)(uintptr_t)quote.data);
	free((void *)(uintptr_t)signature.data);
	free((void *)(uintptr_t)pcrs.data);
	free((void *)(uintptr_t)key.data);
}

/* ak.pub is a TPM2B_PUBLIC, ak.name what the TPM says is its name, akpub.pem the key in it. */
static void test_public_areas(void)
{
	struct span area = copy_of(load("tpm/keylime-ak.pub")),
		    name = copy_of(load("tpm/keylime-ak.name"));
	struct span pem = copy_of(load("tpm/keylime-akpub.pem")),
		    ek = copy_of(load("tpm/keylime-ek.pub"));
	EVP_PKEY *ours, *theirs;
	struct tpm_public p;
	uint8_t found[TPM_NAME_MAX];
	size_t size;

	EXPECT(!tpm_public_parse(area, &p, NULL) && p.type == TPM_RSA, "ak.pub");
	EXPECT(p.attributes & TPMA_RESTRICTED && p.attributes & TPMA_SIGN &&
		       p.attributes & TPMA_FIXED_TPM,
	       "attributes");
	EXPECT(!tpm_public_name(&p, found, &size) && span_equal(SPAN(found, size), name), "name");
	ours = tpm_public_key(&p);
	theirs = tpm_key_of_any_form(pem, NULL);
	EXPECT(ours && theirs && EVP_PKEY_eq(ours, theirs) == 1, "key");
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	EXPECT(!tpm_public_parse(ek, &p, NULL) && p.attributes & TPMA_DECRYPT &&
		       p.symmetric == TPM_AES && p.symmetric_bits == 128,
	       "ek.pub");
	for (size_t cut = 0; cut < area.size; cut++)
		EXPECT(tpm_public_parse(SPAN(area.data, cut), &p, NULL), "cut");
	free((void *)(uintptr_t)area.data);
	free((void *)(uintptr_t)name.data);
	free((void *)(uintptr_t)pem.data);
	free((void *)(uintptr_t)ek.data);
}

static void test_google(void)
{
	struct span file = copy_of(load("tpm/gce-cos85-nonce9009.pb")),
		    root = copy_of(load("tpm/gcp-ek-ak-root.crt"));
	struct tpm_public p;
	EVP_PKEY *key;
	unsigned char *der = NULL;
	struct cattest_result *r;
	struct cattest_verifier *v;
	const char *problem;
	size_t size;

	/* Field 1: the TPMT_PUBLIC */
	key = tpm_key_of_any_form(SPAN(file.data + 3, 280), &p);
	size = key ? (size_t)i2d_PUBKEY(key, &der) : 0;
	EXPECT(size, "key");
	r = verify(file, SPAN(der, size), SPAN("\x90\x09", 2), &problem);
	EXPECT(r && !problem[0], problem);
	if (r) {
		EXPECT(string_count(r, "eventlog.replayed") == 30 &&
			       has_string(r, "eventlog.replayed", "sha1:0") &&
			       has_string(r, "eventlog.replayed", "sha384:9") &&
			       !has_string(r, "eventlog.replayed", "sha256:10"),
		       "replayed");
		EXPECT(has_string(r, "eventlog.format", "tcg-crypto-agile"), "format");
		EXPECT(cattest_result_find(r, "eventlog.secure_boot") &&
			       cattest_result_find(r, "eventlog.secure_boot")->number == 1,
		       "secure boot");
		EXPECT(string_count(r, "eventlog.boot_applications") >= 2 &&
			       string_count(r, "eventlog.kernel_cmdline") == 1,
		       "facts");
		EXPECT(has_hex(r, "nonce", "9009") &&
			       has_hex(r, "tpm.pcr.sha1.0",
				       "c032c3b51dbb6f96b047421512fd4b4dfde496f3"),
		       "claims");
	}
	cattest_result_free(r);
	r = verify(file, SPAN(der, size), SPAN("\x90\x08", 2), &problem);
	EXPECT(r && begins(problem, "report_data"), problem);
	cattest_result_free(r);
	/* Its certificate's issuer is not there, so a root does not help. */
	v = cattest_verifier_new();
	EXPECT(!cattest_add_root(v, CATTEST_ROOT_TPM, root.data, root.size, NULL), "root");
	EXPECT(!cattest_verify(v, file.data, file.size, NULL, &r, NULL) &&
		       strstr(first_problem(r), "tpm.ak.path.chain"),
	       first_problem(r));
	EXPECT(r && has_string(r, "tpm.ak_trust", "none"), "not trusted");
	cattest_result_free(r);
	cattest_verifier_free(v);
	/* A changed event makes its registers differ; those that still fit say nothing about it. */
	for (size_t i = 0; i < 4; i++) {
		static const char *const events[] = { "Calling EFI", "BOOT_IMAGE", "(hd0,gpt",
						      "SecureBoot" };
		const uint8_t *at = memmem(file.data, file.size, events[i], strlen(events[i]));

		if (!at)
			continue;
		memcpy(buffer, file.data, file.size);
		buffer[at - file.data - 30] ^=
			1; /* in a digest, a length or another event's data */
		r = verify(SPAN(buffer, file.size), SPAN(der, size), SPAN("\x90\x09", 2), &problem);
		EXPECT(!r || problem[0], events[i]);
		cattest_result_free(r);
	}
	EVP_PKEY_free(key);
	OPENSSL_free(der);
	free((void *)(uintptr_t)file.data);
	free((void *)(uintptr_t)root.data);
}

/* Quotes and signatures alone: every byte and every end. */
static void test_parts(void)
{
	struct span quote = copy_of(load("tpm/keylime-quote.out")),
		    signature = copy_of(load("tpm/keylime-quotesig.out"));
	EVP_PKEY *key = tpm_key_of_any_form(load("tpm/keylime-akpub.pem"), NULL);
	struct tpm_signature s;
	struct tpm_quote q;

	EXPECT(key && !tpm_quote_parse(quote, &q, NULL) &&
		       !tpm_signature_parse(signature, &s, NULL) &&
		       !tpm_signature_problem(key, &s, quote),
	       "good");
	for (size_t cut = 0; cut < quote.size; cut++)
		EXPECT(tpm_quote_parse(SPAN(quote.data, cut), &q, NULL), "cut quote");
	for (size_t cut = 0; cut < signature.size; cut++)
		EXPECT(tpm_signature_parse(SPAN(signature.data, cut), &s, NULL), "cut signature");
	for (size_t i = 0; i < quote.size; i++) {
		tpm_signature_parse(signature, &s, NULL);
		memcpy(buffer, quote.data, quote.size);
		buffer[i] ^= (uint8_t)(1 << i % 8);
		EXPECT(tpm_quote_parse(SPAN(buffer, quote.size), &q, NULL) ||
			       tpm_signature_problem(key, &s, q.message),
		       "changed quote");
	}
	for (size_t i = 0; i < signature.size; i++) {
		memcpy(buffer, signature.data, signature.size);
		buffer[i] ^= (uint8_t)(1 << i % 8);
		EXPECT(tpm_signature_parse(SPAN(buffer, signature.size), &s, NULL) ||
			       tpm_signature_problem(key, &s, quote),
		       "changed signature");
	}
	EVP_PKEY_free(key);
	free((void *)(uintptr_t)quote.data);
	free((void *)(uintptr_t)signature.data);
}

int main(void)
{
	if (!samples_folder())
		return 77;
	test_trustee();
	test_keylime();
	test_public_areas();
	test_google();
	test_parts();
	return failed;
}
