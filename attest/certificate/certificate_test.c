/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real attested certificates: of Intel's SDK (DICE and legacy extension), rats-tls (DICE, custom claims), old rats-tls (legacy). Their
 * self-signature, key binding and quote signatures must pass as of their time; every byte that is changed, and every prefix, must
 * be refused. Certificates with a CMW are told from evidence.
 */
#include "attest/certificate/certificate.h"
#include "tests/evidence/samples.h"
#include "tests/expect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct cattest_verifier *verifier;

static uint8_t *load(const char *name, size_t *ret_size)
{
	return sample_load(name, ret_size);
}

static enum cattest_outcome outcome(const struct cattest_result *r, const char *step)
{
	enum cattest_outcome found = 0;

	for (size_t i = 0; i < cattest_result_checks(r); i++)
		if (!strcmp(cattest_result_check(r, i)->step, step))
			found = cattest_result_check(r, i)->outcome;
	return found;
}

static bool has_text(const struct cattest_result *r, const char *name, const char *text)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	return c && c->type == CATTEST_STRING && !strcmp(c->string, text);
}

/* Whether a check of the certificate, of the quote's signatures, or of its binding failed; or the certificate has become one that seems to have an issuer:
 * policies refuse those unasked (certificate_issued_test.c). */
static bool certificate_failed(const struct cattest_result *r)
{
	const struct cattest_claim *self_signed = cattest_result_find(r, "certificate.self_signed");

	if (!self_signed || !self_signed->number)
		return true;
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == CATTEST_FAIL && strncmp(c->step, "policy", 6) &&
		    !strstr(c->step, "collateral"))
			return true;
	}
	return false;
}

static size_t stride = 13; /* 1 with the argument "all": a minute more */

/* Each (stride-th) byte of the DER certificate changed in one bit, and each prefix. */
static void mutate(const char *name, const uint8_t *der, size_t size)
{
	uint8_t *copy = malloc(size);
	size_t accepted = 0;

	for (size_t i = 0; i < size; i += stride) {
		struct cattest_result *r = NULL;

		memcpy(copy, der, size);
		copy[i] ^= (uint8_t)(1u << i % 8);
		if (!cattest_verify(verifier, copy, size, NULL, &r, NULL) &&
		    !certificate_failed(r)) {
			printf("  byte %zu of %zu changed: accepted\n", i, size);
			accepted++;
		}
		cattest_result_free(r);
	}
	EXPECT(!accepted, "%s: %zu changes are accepted", name, accepted);
	for (size_t i = 0; i < size; i += stride) {
		struct cattest_result *r = NULL;

		EXPECT(cattest_verify(verifier, der, i, NULL, &r, NULL),
		       "%s: %zu of %zu bytes are accepted", name, i, size);
		cattest_result_free(r);
	}
	free(copy);
}

static void test(const char *name, const char *format, int64_t when, bool full)
{
	struct cattest_error err = { "" };
	struct cattest_result *r = NULL;
	struct x509_list list = { 0 };
	size_t size;
	uint8_t *pem = load(name, &size), *der = NULL;
	int der_size;

	cattest_set_time(verifier, when);
	EXPECT(!cattest_verify(verifier, pem, size, NULL, &r, &err), "%s: %s", name, err.text);
	if (r) {
		EXPECT(!strcmp(cattest_result_type(r), "ratls-certificate"), "%s: %s", name,
		       cattest_result_type(r));
		EXPECT(has_text(r, "certificate.format", format), "%s: format", name);
		EXPECT(outcome(r, "certificate.signature") == CATTEST_PASS, "%s: signature", name);
		EXPECT(outcome(r, "certificate.dates") == CATTEST_PASS, "%s: dates", name);
		EXPECT(outcome(r, "certificate.pubkey_hash") == CATTEST_PASS, "%s: key", name);
		EXPECT(cattest_result_find(r, "sgx.mrenclave"), "%s: no quote", name);
		EXPECT(!certificate_failed(r), "%s: a check failed", name);
		EXPECT(cattest_result_verdict(r) != CATTEST_TRUSTED, "%s: trusted without a policy",
		       name);
		if (failures) {
			char *table = NULL;

			if (!cattest_result_table(r, &table, NULL))
				puts(table);
			free(table);
		}
	}
	cattest_result_free(r);
	/* Not yet, and no longer valid. */
	cattest_set_time(verifier, 1000000000);
	if (!cattest_verify(verifier, pem, size, NULL, &r, &err)) {
		EXPECT(outcome(r, "certificate.dates") == CATTEST_FAIL, "%s: dates", name);
		cattest_result_free(r);
	}
	cattest_set_time(verifier, when);
	EXPECT(!x509_list_from(SPAN(pem, size), &list) && list.count == 1, "%s", name);
	der_size = i2d_X509(list.items[0], &der);
	if (der_size > 0 && full)
		mutate(name, der, (size_t)der_size);
	OPENSSL_free(der);
	x509_list_done(&list);
	free(pem);
	printf("ok %s\n", name);
}

static void test_custom_claims(void)
{
	struct cattest_result *r = NULL;
	const struct cattest_claim *c;
	size_t size;
	uint8_t *pem = load("ratls/rats-tls-cert.pem", &size);

	EXPECT(!cattest_decode(pem, size, NULL, &r, NULL), "decode");
	c = r ? cattest_result_find(r, "certificate.custom.key_0") : NULL;
	EXPECT(c && c->size == 8 && !memcmp(c->bytes, "value_0", 8), "custom claim");
	EXPECT(r && !cattest_result_checks(r) && cattest_result_verdict(r) == CATTEST_NONE,
	       "decoding judges");
	cattest_result_free(r);
	free(pem);
}

/* Their CMWs hold reference values and made-up media types: certificates, but no evidence of ours. */
static void test_cmw(const char *name)
{
	struct cattest_error err = { "" };
	struct cattest_expect expect = { .type = "ratls-certificate" };
	struct cattest_result *r = NULL;
	size_t size;
	uint8_t *der = load(name, &size);

	EXPECT(cattest_verify(verifier, der, size, &expect, &r, &err) == -ENOTSUP &&
		       strstr(err.text, "no evidence"),
	       "%s: %s", name, err.text);
	cattest_result_free(r);
	free(der);
}

int main(int argc, char **argv)
{
	size_t size;
	uint8_t *sample = load("ratls/rats-tls-cert.pem", &size);

	if (!sample) {
		printf("the evidence samples are not there (EVIDENCE)\n");
		return 77;
	}
	free(sample);
	if (argc > 1 && !strcmp(argv[1], "all"))
		stride = 1;
	verifier = cattest_verifier_new();
	test("ratls/intel-sgxsdk-cert.pem", "dice-tee", 1750000000, true);
	test("ratls/rats-tls-cert.pem", "dice-tee", 1690000000, true);
	test("ratls/hacks-rats-tls-cert-sample.pem", "rats-tls-legacy", 1750000000, true);
	test_custom_claims();
	test_cmw("cmw/x509-cert+cbor-cmw.der");
	test_cmw("cmw/x509-cert+json-cmw.der");
	cattest_verifier_free(verifier);
	return failures ? 1 : 0;
}
