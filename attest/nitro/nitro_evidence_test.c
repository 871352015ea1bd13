/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nitro documents that AWS signed (EVIDENCE): what they say, that they verify at their own time
 * and at no other, that tampered ones do not, and that no byte of one can change and no end be cut
 * off.
 */
#include "attest/core/appraisal.h"
#include "tests/evidence/samples.h"

#include <stdio.h>
#include <stdlib.h>

static int failed;
static uint8_t document[65536];

#define EXPECT(c, name)                                                                  \
	do {                                                                             \
		if (!(c)) {                                                              \
			printf("%s:%d: %s: not so: %s\n", __FILE__, __LINE__, name, #c); \
			failed = 1;                                                      \
		}                                                                        \
	} while (0)

static size_t load(const char *name)
{
	char path[128];
	size_t size;

	snprintf(path, sizeof(path), "nitro/%s", name);
	size = sample_read(path, document, sizeof(document));
	if (!size) {
		printf("%s cannot be read\n", path);
		exit(1);
	}
	return size;
}

/* Everything but the absent policy passed. */
static bool all_good(const struct cattest_result *r)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if ((c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING) &&
		    strcmp(c->step, "policy"))
			return false;
	}
	return cattest_result_checks(r) > 5;
}

static bool step_failed(const struct cattest_result *r, const char *step)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++)
		if (!strcmp(cattest_result_check(r, i)->step, step) &&
		    cattest_result_check(r, i)->outcome == CATTEST_FAIL)
			return true;
	return false;
}

static void show(const struct cattest_result *r)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		printf("  %d %s: %s (%s)\n", c->outcome, c->step, c->found, c->expected);
	}
}

/* now: 0 the document's own time, else that. */
static struct cattest_result *verify(const uint8_t *data, size_t size, int64_t now,
				     const void *report_data, size_t report_size)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_expect expect = { .report_data = report_data,
					 .report_data_size = report_size,
					 .type = "nitro" };
	struct cattest_result *r = NULL;

	if (now)
		cattest_set_time(v, now);
	else
		cattest_set_evidence_time(v, true);
	if (cattest_verify(v, data, size, &expect, &r, NULL))
		r = NULL;
	cattest_verifier_free(v);
	return r;
}

/* With one verifier for all: it remembers certificates that it has seen verify. */
static bool accepted(const uint8_t *data, size_t size)
{
	static struct cattest_verifier *v;
	struct cattest_expect expect = { .type = "nitro" };
	struct cattest_result *r = NULL;
	bool good;

	if (!v) {
		v = cattest_verifier_new();
		cattest_set_evidence_time(v, true);
	}
	if (cattest_verify(v, data, size, &expect, &r, NULL))
		return false;
	good = all_good(r) && cattest_result_verdict(r) != CATTEST_REFUSED;
	cattest_result_free(r);
	return good;
}

static bool claim_is_hex(const struct cattest_result *r, const char *name, const char *hex)
{
	const struct cattest_claim *c = cattest_result_find(r, name);
	char text[2100];

	return c && !strcmp(hex_text(SPAN(c->bytes, c->size), text, sizeof(text)), hex);
}

static void test_good(const char *name, const char *module, int64_t time, bool debug)
{
	size_t size = load(name);
	struct cattest_result *r = verify(document, size, 0, NULL, 0);
	const struct cattest_claim *c;
	static const int64_t others[] = { -86400, -3600, 4 * 3600, 86400, 800000000 };

	EXPECT(r, name);
	if (!r)
		return;
	EXPECT(all_good(r), name);
	if (!all_good(r))
		show(r);
	EXPECT(cattest_result_verdict(r) == CATTEST_UNDECIDED, name); /* without a policy */
	EXPECT((c = cattest_result_find(r, "nitro.module_id")) && !strcmp(c->string, module), name);
	EXPECT((c = cattest_result_find(r, "evidence.time")) && (int64_t)c->number == time, name);
	EXPECT((c = cattest_result_find(r, "debug")) && c->number == debug, name);
	EXPECT((c = cattest_result_find(r, "root")) && !strcmp(c->string, "built-in"), name);
	cattest_result_free(r);
	r = verify(document, size, time + 60, NULL, 0);
	EXPECT(r && all_good(r), name);
	cattest_result_free(r);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		r = verify(document, size, time + others[i], NULL, 0);
		EXPECT(r && cattest_result_verdict(r) == CATTEST_REFUSED &&
			       step_failed(r, "nitro.path.dates"),
		       name);
		cattest_result_free(r);
	}
	/* With tag 18 it is the same document. */
	memmove(document + 1, document, size);
	document[0] = 0xd2;
	EXPECT(accepted(document, size + 1), name);
	document[0] = 0xd1;
	EXPECT(!accepted(document, size + 1), name);
}

static void test_claims(void)
{
	static const char hello[] = "Hello World!\n";
	size_t size = load("anjuna-full-doc.cbor");
	struct cattest_result *r = verify(document, size, 0, hello, sizeof(hello) - 1);
	const struct cattest_claim *c;

	EXPECT(r && all_good(r), "anjuna-full-doc");
	EXPECT(r && claim_is_hex(r, "nitro.user_data", "48656c6c6f20576f726c64210a"), "user_data");
	EXPECT(r && claim_is_hex(r, "nonce", "4e6f6e63650a"), "nonce");
	EXPECT(r && claim_is_hex(
			    r, "nitro.pcr.3",
			    "a466a207decd0af95c65559ac84c78893d516ef0fcb0defa2e9e7c6ea84aaecd0feffed8be620eb1d4b4eb362ed1d8ba"),
	       "pcr3");
	EXPECT(r && (c = cattest_result_find(r, "nitro.public_key")) && c->size == 294,
	       "public_key");
	EXPECT(r && (c = cattest_result_find(r, "nitro.digest")) && !strcmp(c->string, "SHA384"),
	       "digest");
	cattest_result_free(r);
	/* The nonce is not the report data, and neither is part of it. */
	r = verify(document, size, 0, "Nonce\n", 6);
	EXPECT(r && step_failed(r, "report_data"), "nonce as report data");
	cattest_result_free(r);
	r = verify(document, size, 0, hello, sizeof(hello) - 2);
	EXPECT(r && step_failed(r, "report_data"), "a part of the report data");
	cattest_result_free(r);
	/* No user_data at all */
	size = load("anjuna-prod-doc.cbor");
	r = verify(document, size, 0, hello, sizeof(hello) - 1);
	EXPECT(r && step_failed(r, "report_data"), "no user data");
	cattest_result_free(r);
}

static void test_bad(void)
{
	static const char *const names[] = { "neg-veracruz-doc-bad-sig.cbor",
					     "neg-fortanix-tampered-signature.cbor" };
	struct cattest_verifier *v;
	struct cattest_error err;

	for (size_t i = 0; i < 2; i++) {
		size_t size = load(names[i]);
		struct cattest_result *r = verify(document, size, 0, NULL, 0);

		EXPECT(r && cattest_result_verdict(r) == CATTEST_REFUSED &&
			       step_failed(r, "nitro.signature"),
		       names[i]);
		EXPECT(r && !step_failed(r, "nitro.path.chain") &&
			       !step_failed(r, "nitro.path.dates"),
		       names[i]);
		cattest_result_free(r);
	}
	/*
	 * Neither can be added as a root: one does not verify itself, the other is another PKI's
	 * and leads nowhere.
	 */
	v = cattest_verifier_new();
	cattest_add_root(v, CATTEST_ROOT_AWS, document, load("neg-fortanix-tampered-root.pem"),
			 &err);
	cattest_verifier_free(v);
}

/* Flips one bit of each byte, and cuts after each byte. */
static void test_mutations(const char *name)
{
	size_t size = load(name), wrong = 0;

	for (size_t i = 0; i < size; i++) {
		document[i] ^= (uint8_t)(1 << i % 8);
		if (accepted(document, size)) {
			printf("%s: byte %zu may be changed\n", name, i);
			wrong++;
		}
		document[i] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t cut = 0; cut < size; cut++)
		if (accepted(document, cut)) {
			printf("%s: may be cut after %zu bytes\n", name, cut);
			wrong++;
		}
	document[size] = 0;
	wrong += accepted(document, size + 1);
	EXPECT(accepted(document, size), name);
	EXPECT(!wrong, name);
}

int main(void)
{
	if (!samples_folder())
		return 77;
	test_good("anjuna-full-doc.cbor", "i-0e4fe5de7ee5abe78-enc018d3cadd7d66279", 1706120065,
		  true);
	test_good("anjuna-prod-doc-pubkey.cbor", "i-0a6d65e7122308898-enc017846bcd2f820da",
		  1616602241, false);
	test_good("anjuna-prod-doc.cbor", "i-078824548edcf6519-enc01784234ec227b58", 1616018515,
		  false);
	test_good("fortanix-doc.cbor", "i-02e3a660059b27d87-enc017bca11991e5083", 1631182760, true);
	test_good("fortanix-expired.cbor", "i-02e3a660059b27d87-enc017bca11991e5083", 1631182760,
		  true);
	test_good("sparsity-doc1.cbor", "i-07fd4cc4df935eab0-enc01915a74e6ed4aa6", 1723799509,
		  true);
	test_claims();
	test_bad();
	test_mutations("anjuna-full-doc.cbor");
	return failed;
}
