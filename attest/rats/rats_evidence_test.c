/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMW, CoRIM and EAT of other implementations (EVIDENCE), decoded; every prefix of one is an
 * error, and none is evidence.
 */
#include "include/cloister/attest.h"
#include "tests/evidence/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buffer[65536];
static int failed;

#define EXPECT(c, name)                                                                  \
	do {                                                                             \
		if (!(c)) {                                                              \
			printf("%s:%d: %s: not so: %s\n", __FILE__, __LINE__, name, #c); \
			failed = 1;                                                      \
		}                                                                        \
	} while (0)

static size_t load(const char *name)
{
	return sample_read(name, buffer, sizeof(buffer));
}

/* A string of the list, or the string, begins with value. */
static bool has(const struct cattest_result *r, const char *name, const char *value)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	for (size_t i = 0; c && c->type == CATTEST_STRINGS && i < c->size; i++)
		if (!strncmp(c->strings[i], value, strlen(value)))
			return true;
	return c && c->type == CATTEST_STRING && !strncmp(c->string, value, strlen(value));
}

struct sample {
	const char *name, *type;
	const char *claims[6][2];
};

static const struct sample samples[] = {
	{ "cmw/collection-cbor-ok.cbor",
	  "cmw",
	  { { "cmw.form", "cbor-collection" },
	    { "cmw.items",
	      "/1 application/signed-corim+cbor, 7 bytes reference-values endorsements" },
	    { "cmw.items", "/2 content format 29884 (tag), 4 bytes" },
	    { "cmw.items", "/s content format 30001, 4 bytes" } } },
	{ "cmw/collection-cbor-ok-2.cbor",
	  "cmw",
	  { { "cmw.items", "/1 application/vnd.1, 4 bytes" } } },
	{ "cmw/collection-cbor-mixed-keys.cbor",
	  "cmw",
	  { { "cmw.items", "/string content format 0, 1 bytes" },
	    { "cmw.items", "/1024 content format 0 (tag), 1 bytes" } } },
	{ "cmw/collection-ok.json",
	  "cmw",
	  { { "cmw.form", "json-collection" }, { "cmw.items", "/a application/vnd.a, 1 bytes" } } },
	{ "corim/corim-1.cbor",
	  "corim",
	  { { "corim.form", "unsigned" },
	    { "corim.id", "284e6c3e-5d9f-4f6b-851f-5a4247f243a7" },
	    { "corim.tags", "comid {1: {0: h'3f06af63" } } },
	{ "corim/corim-2.cbor", "corim", { { "corim.tags", "comid" } } },
	{ "corim/unsigned-good-corim.cbor",
	  "corim",
	  { { "corim.id", "test corim id" }, { "corim.tags", "comid {0: \"en-GB\"" } } },
	{ "corim/unsigned-example-corim.cbor",
	  "corim",
	  { { "corim.profile", "http://example.com/example-profile" } } },
	{ "corim/unsigned-corim-with-extensions.cbor",
	  "corim",
	  { { "corim.profile", "http://example.com/test-profile" } } },
	{ "corim/signed-good-corim.cbor",
	  "corim",
	  { { "corim.form", "signed" },
	    { "corim.algorithm", "ES256" },
	    { "corim.id", "test corim id" },
	    { "corim.signer", "{" } } },
	{ "corim/signed-example-corim.cbor", "corim", { { "corim.form", "signed" } } },
	{ "corim/signed-corim-with-extensions.cbor", "corim", { { "corim.form", "signed" } } },
	{ "corim/tdx-ce-pce-evidence.cbor",
	  "corim",
	  { { "corim.form", "concise-evidence" }, { "corim.tags", "571 571({0: {0: [[{0:" } } },
	{ "corim/tdx-ce-qe-evidence.cbor", "corim", { { "corim.form", "concise-evidence" } } },
	{ "corim/tdx-ce-seam-evidence.cbor", "corim", { { "corim.form", "concise-evidence" } } },
	{ "eat/psa-evidence.cbor",
	  "eat",
	  { { "eat.form", "cwt" },
	    { "eat.algorithm", "ES256" },
	    { "eat.profile", "http://arm.com/psa/2.0.0" },
	    { "eat.claims", "psa-client-id: 1" },
	    { "eat.claims", "psa-software-components: [{1: \"BL\"" } } },
	{ "eat/cca-evidence.cbor",
	  "eat",
	  { { "eat.form", "cca-token" },
	    { "eat.profile", "http://arm.com/CCA-SSD/1.0.0" },
	    { "eat.claims", "platform.psa-security-lifecycle: 12288" },
	    { "eat.claims", "realm.cca-realm-hash-algorithm: " } } },
	{ "eat/psa-endorsements-corim.cbor", "corim", { { "corim.form", "unsigned" } } },
	{ "eat/cca-endorsements-corim.cbor",
	  "corim",
	  { { "corim.id", "00000000-0000-0001-cca6-000000000001" } } },
};

static void test_sample(const struct sample *s)
{
	size_t size = load(s->name);
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_result *r = NULL;
	struct cattest_error err = { .text = "" };

	EXPECT(size && !cattest_decode(buffer, size, NULL, &r, &err), err.text);
	EXPECT(r && !strcmp(cattest_result_type(r), s->type), s->name);
	for (size_t i = 0; r && i < 6 && s->claims[i][0]; i++)
		if (!has(r, s->claims[i][0], s->claims[i][1])) {
			printf("%s: no %s that begins with %s\n", s->name, s->claims[i][0],
			       s->claims[i][1]);
			failed = 1;
		}
	EXPECT(r && cattest_result_verdict(r) == CATTEST_NONE && !cattest_result_checks(r),
	       s->name);
	cattest_result_free(r);
	r = NULL;
	EXPECT(cattest_verify(v, buffer, size, NULL, &r, &err) &&
		       strstr(err.text, "not evidence by itself"),
	       s->name);
	for (size_t cut = 0; cut < size; cut++) {
		bool short_json = buffer[0] == '{';

		EXPECT(cattest_decode(buffer, cut, s->type, &r, &err) || short_json, s->name);
		if (r)
			cattest_result_free(r);
		r = NULL;
	}
	cattest_verifier_free(v);
}

int main(void)
{
	if (!samples_folder())
		return 77;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		test_sample(&samples[i]);
	return failed;
}
