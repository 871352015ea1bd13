/* SPDX-License-Identifier: Apache-2.0 */
/* Claims and checks: types, doubles, families, bounds; and the three forms a result is shown in. */
#include "attest/core/result.h"
#include "lib/jose/jose.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)
#define TEXT(s) SPAN(s, sizeof(s) - 1)

static const struct cattest_expect nothing;

static struct appraisal start(void)
{
	struct appraisal a = { .result = result_new(), .expect = &nothing };

	a.result->type = "sgx-quote";
	return a;
}

static bool has_fail(const struct cattest_result *r, const char *step)
{
	for (size_t i = 0; i < r->check_count; i++)
		if (r->checks[i].outcome == CATTEST_FAIL && !strcmp(r->checks[i].step, step))
			return true;
	return false;
}

static void test_claims(void)
{
	struct appraisal a = start();
	const struct cattest_claim *c;
	struct cattest_error err;

	claim_bytes(&a, "sgx.mrenclave", TEXT("\x01\x02"));
	claim_uint(&a, "snp.tcb.current", UINT64_MAX);
	claim_bool(&a, "debug", true);
	claim_time(&a, "tcb.date", -1);
	claim_text(&a, "snp.csp_id", TEXT("a\nb"));
	claim_bytes(&a, "tdx.rtmr.0", TEXT(""));
	claim_add(&a, "tcb.advisories", "INTEL-SA-%05d", 615);
	for (int i = 0; i < 3; i++)
		claim_add_once(&a, "tcb.advisories", "INTEL-SA-00614");
	c = claim_find(&a, "sgx.mrenclave");
	EXPECT(c && c->type == CATTEST_BYTES && c->size == 2 && c->bytes[1] == 2);
	c = claim_find(&a, "snp.tcb.current");
	EXPECT(c && c->number == UINT64_MAX);
	c = claim_find(&a, "tcb.date");
	EXPECT(c && (int64_t)c->number == -1);
	c = claim_find(&a, "snp.csp_id");
	EXPECT(c && !strcmp(c->string, "a\\x0ab"));
	c = claim_find(&a, "tdx.rtmr.0");
	EXPECT(c && c->size == 0);
	c = claim_find(&a, "tcb.advisories");
	EXPECT(c && c->size == 2 && !strcmp(c->strings[0], "INTEL-SA-00615") &&
	       !strcmp(c->strings[1], "INTEL-SA-00614"));
	EXPECT(a.result->claim_count == 7);
	/* The same again is one claim; another value is a failure, and the first stays. */
	claim_bool(&a, "debug", true);
	EXPECT(a.result->check_count == 0);
	claim_bool(&a, "debug", false);
	EXPECT(has_fail(a.result, "claims.unique"));
	EXPECT(claim_find(&a, "debug")->number == 1 && a.result->claim_count == 7);
	EXPECT(!result_state(a.result, &err));
	cattest_result_free(a.result);
}

static void test_names(void)
{
	struct appraisal a = start();
	struct cattest_error err;
	size_t count;
	const struct cattest_claim_name *names = cattest_claim_names(&count);

	EXPECT(count > 100);
	/* Each name once, and none inside another's family. */
	for (size_t i = 0; i < count; i++)
		if (names[i].name[strlen(names[i].name) - 1] != '*')
			EXPECT(claim_definition(names[i].name, strlen(names[i].name)) == &names[i]);
	EXPECT(!claim_definition("tdx.rtmr.*", 10));
	EXPECT(!claim_definition("tdx.rtmr.", 9));
	EXPECT(claim_definition("tdx.rtmr.3", 10));
	EXPECT(!claim_definition("tdx.rtmr.a.b", 12));
	EXPECT(!claim_definition("debug2", 6));
	EXPECT(!claim_definition("debu", 4));
	EXPECT(!claim_definition("", 0));
	claim_bytes(&a, "certificate.custom.my_claim-1", TEXT("x"));
	EXPECT(!result_state(a.result, &err));
	claim_bytes(&a, "certificate.custom.my claim", TEXT("x"));
	EXPECT(result_state(a.result, &err) == -EBADMSG);
	cattest_result_free(a.result);
}

static void test_bounds(void)
{
	struct appraisal a = start();
	struct cattest_error err;
	uint8_t *big = calloc(1, 3u << 20);
	char name[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "certificate.custom.%d", i);
		claim_uint(&a, "quote.version", 3);
		claim_bytes(&a, name, SPAN(&i, sizeof(i)));
		check_pass(&a, "x", "%d", i);
	}
	EXPECT(!result_state(a.result, &err) && a.result->claim_count == 1001 &&
	       a.result->check_count == 1000);
	for (int i = 0; i < 1000; i++)
		check_pass(&a, "x", "%d", i);
	EXPECT(result_state(a.result, &err) == -E2BIG);
	cattest_result_free(a.result);
	a = start();
	claim_bytes(&a, "report_data", SPAN(big, 3u << 20));
	EXPECT(!result_state(a.result, &err));
	claim_bytes(&a, "nonce", SPAN(big, 3u << 20));
	EXPECT(result_state(a.result, &err) == -E2BIG);
	cattest_result_free(a.result);
	a = start();
	for (int i = 0; i < RESULT_MAX_STRINGS + 1; i++)
		claim_add(&a, "eventlog.events", "%d", i);
	EXPECT(result_state(a.result, &err) == -E2BIG);
	EXPECT(claim_find(&a, "eventlog.events")->size == RESULT_MAX_STRINGS);
	EXPECT(!strcmp(claim_find(&a, "eventlog.events")->strings[65535], "65535"));
	cattest_result_free(a.result);
	a = start();
	for (int i = 0; i < RESULT_MAX_UNIQUE + 1; i++) {
		snprintf(name, sizeof(name), "%d", i);
		claim_add_once(&a, "eventlog.digests", name);
	}
	EXPECT(result_state(a.result, &err) == -E2BIG);
	cattest_result_free(a.result);
	free(big);
}

static void test_checks(void)
{
	static const struct cattest_expect bound = { .report_data = "abc", .report_data_size = 3 };
	struct appraisal a = start();
	uint8_t data[64] = "abc";
	const struct cattest_check *c;

	check_fail(&a, "one", "an \x1b[31mexpectation", "found \x07 %s", "\xff");
	c = cattest_result_check(a.result, 0);
	EXPECT(c && c->outcome == CATTEST_FAIL && !strcmp(c->found, "found \\x07 \\xff"));
	EXPECT(check_that(&a, true, "two", "", "%d", 1) &&
	       a.result->checks[1].outcome == CATTEST_PASS);
	EXPECT(!check_equal(&a, "three", TEXT("ab"), TEXT("ac")));
	EXPECT(!check_equal(&a, "four", TEXT("ab"), TEXT("abc")));
	EXPECT(check_equal(&a, "five", TEXT("ab"), TEXT("ab")));
	EXPECT(!cattest_result_check(a.result, 5));
	a.expect = &bound;
	check_report_data(&a, SPAN_OF(data));
	EXPECT(a.result->checks[5].outcome == CATTEST_PASS);
	cattest_result_free(a.result);
	a = start();
	a.expect = &bound;
	data[63] = 1; /* what follows must be zero */
	check_report_data(&a, SPAN_OF(data));
	EXPECT(has_fail(a.result, "report_data"));
	cattest_result_free(a.result);
}

static struct cattest_result *shown(enum cattest_verdict verdict)
{
	struct appraisal a = start();

	claim_string(&a, "evidence.type", "sgx-quote");
	claim_bool(&a, "debug", false);
	claim_uint(&a, "snp.tcb.current", UINT64_MAX);
	claim_string(&a, "tcb.status", "UpToDate");
	claim_bytes(&a, "nonce", TEXT("01234567"));
	claim_add(&a, "tcb.advisories", "quote \" and \\");
	check_pass(&a, "dcap.pck.chain", "ok");
	check_pass(&a, "policy.code", "sgx.mrenclave is 00");
	if (verdict == CATTEST_REFUSED)
		check_fail(&a, "policy.debug", "false", "true");
	if (verdict == CATTEST_UNDECIDED)
		check_missing(&a, "dcap.crl", "no CRL");
	a.result->verdict = verdict;
	a.result->judged = true;
	a.result->now = a.result->clock = 1750330602;
	a.result->policy = "mine";
	a.result->raw = malloc(3);
	memcpy(a.result->raw, "raw", 3);
	a.result->raw_size = 3;
	return a.result;
}

static void test_shown(void)
{
	struct cattest_result *r = shown(CATTEST_REFUSED);
	char *text = NULL;
	json_t *json;

	EXPECT(!cattest_result_json(r, &text, NULL));
	/* jansson has no number above 2^63: it must say so and nothing else. */
	EXPECT(strstr(text, "\"snp.tcb.current\":18446744073709551615,"));
	memcpy(strstr(text, "18446744073709551615"), "1844674407370955161 ", 20);
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	EXPECT(json_object_size(json) == 8);
	EXPECT(!strcmp(json_string_value(json_object_get(json, "verdict")), "refused"));
	EXPECT(!strcmp(json_string_value(json_object_get(json, "reason")),
		       "policy.debug: true, expected false"));
	EXPECT(!strcmp(
		json_string_value(json_array_get(
			json_object_get(json_object_get(json, "claims"), "tcb.advisories"), 0)),
		"quote \" and \\"));
	json_decref(json);
	free(text);
	EXPECT(!cattest_result_table(r, &text, NULL));
	EXPECT(strstr(text, "FAIL     policy.debug    true   expected: false\n"));
	EXPECT(strstr(text, "\nVerdict: refused: policy.debug: true, expected false\n"));
	if (failures)
		puts(text);
	free(text);
	cattest_result_free(r);
}

static json_t *make_ear(EVP_PKEY *key, const char *pem, enum cattest_verdict verdict,
			json_t **ret_submodule)
{
	struct cattest_ear_options o = {
		.key_pem = pem, .nonce = "76543210", .nonce_size = 8, .raw_evidence = true
	};
	struct cattest_result *r = shown(verdict);
	json_t *header = NULL, *claims = NULL;
	uint8_t *payload = NULL;
	char *token = NULL, *big;
	size_t size;

	EXPECT(!cattest_result_ear(r, &o, &token, NULL));
	if (token && !jws_verify(key, token, strlen(token), &header, &payload, &size)) {
		big = memmem(payload, size, "18446744073709551615", 20);
		EXPECT(big);
		if (big)
			memcpy(big, "1844674407370955161 ", 20);
		claims = json_loadb((char *)payload, size, JSON_REJECT_DUPLICATES, NULL);
	}
	EXPECT(claims && !strcmp(json_string_value(json_object_get(header, "typ")), "JWT"));
	EXPECT(!strcmp(json_string_value(json_object_get(claims, "eat_profile")),
		       "tag:ietf.org,2026:rats/ear#04"));
	EXPECT(json_integer_value(json_object_get(claims, "iat")) == 1750330602);
	EXPECT(!strcmp(json_string_value(json_object_get(claims, "eat_nonce")), "NzY1NDMyMTA"));
	EXPECT(!strcmp(json_string_value(json_object_get(claims, "ear_raw_evidence")), "cmF3"));
	*ret_submodule = json_object_get(json_object_get(claims, "submods"), "sgx-quote");
	EXPECT(*ret_submodule);
	json_decref(header);
	free(payload);
	free(token);
	cattest_result_free(r);
	return claims;
}

static int trust(const json_t *submodule, const char *name)
{
	return (int)json_integer_value(
		json_object_get(json_object_get(submodule, "ear_trustworthiness_vector"), name));
}

static void test_ear(const char *group)
{
	EVP_PKEY *key = EVP_EC_gen(group);
	BIO *bio = BIO_new(BIO_s_mem());
	json_t *claims, *sub;
	char pem[1024] = "";

	PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	BIO_read(bio, pem, sizeof(pem) - 1);
	claims = make_ear(key, pem, CATTEST_TRUSTED, &sub);
	EXPECT(!strcmp(json_string_value(json_object_get(sub, "ear_status")), "affirming"));
	EXPECT(trust(sub, "hardware") == 2 && trust(sub, "executables") == 3 &&
	       trust(sub, "configuration") == 3);
	json_decref(claims);
	claims = make_ear(key, pem, CATTEST_REFUSED, &sub);
	EXPECT(!strcmp(json_string_value(json_object_get(sub, "ear_status")), "contraindicated"));
	EXPECT(!strcmp(json_string_value(json_object_get(claims, "ear_status")),
		       "contraindicated"));
	EXPECT(trust(sub, "configuration") == 96);
	json_decref(claims);
	claims = make_ear(key, pem, CATTEST_UNDECIDED, &sub);
	EXPECT(!strcmp(json_string_value(json_object_get(sub, "ear_status")), "none"));
	EXPECT(trust(sub, "hardware") == 0);
	json_decref(claims);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

static void test_ear_refused(void)
{
	struct cattest_ear_options o = { .key_pem = "no key" };
	struct cattest_result *r = shown(CATTEST_TRUSTED);
	struct cattest_error err;
	char *token;

	EXPECT(cattest_result_ear(r, &o, &token, &err) == -EBADMSG);
	o.nonce = "short";
	o.nonce_size = 5;
	EXPECT(cattest_result_ear(r, &o, &token, &err) == -EINVAL);
	EXPECT(cattest_result_ear(r, NULL, &token, &err) == -EINVAL);
	r->judged = false;
	EXPECT(cattest_result_ear(r, &o, &token, &err) == -EINVAL);
	cattest_result_free(r);
}

int main(void)
{
	test_claims();
	test_names();
	test_bounds();
	test_checks();
	test_shown();
	test_ear("P-256");
	test_ear("P-384");
	test_ear_refused();
	return failures ? 1 : 0;
}
