/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrappers, manifests and tokens written here: what each form is read as, and what is malformed in
 * each.
 */
#include "attest/core/appraisal.h"
#include "include/cloister/attest.h"

#include <stdio.h>
#include <stdlib.h>

static int failed;

/*
 * expected: what is in the claim, or NULL if it must be an error. Input: hex, or text if it begins
 * with '{', '[' or 'e'.
 */
static const struct {
	const char *type, *input, *claim, *expected;
} cases[] = {
	/* A record, with and without indicators; a CoAP content format */
	{ "cmw", "[\"t/a\",\"YQ\"]", "cmw.items", " t/a, 1 bytes" },
	{ "cmw", "[\"t/a\",\"YQ\",31]", "cmw.items",
	  " t/a, 1 bytes reference-values endorsements evidence attestation-results policy" },
	{ "cmw", "[60,\"\"]", "cmw.items", " content format 60, 0 bytes" },
	{ "cmw", "[\"t/a\",\"YQ==\"]", NULL, NULL },
	{ "cmw", "[\"t/a\",\"Y\"]", NULL, NULL },
	{ "cmw", "[\"t/a\"]", NULL, NULL },
	{ "cmw", "[\"t/a\",\"YQ\",-1]", NULL, NULL },
	{ "cmw", "[\"t/a\",\"YQ\",1,1]", NULL, NULL },
	{ "cmw", "[-1,\"YQ\"]", NULL, NULL },
	{ "cmw", "[65536,\"YQ\"]", NULL, NULL },
	{ "cmw", "{}", NULL, NULL },
	{ "cmw", "{\"__cmwc_t\":\"tag:a\"}", NULL, NULL },
	{ "cmw", "{\"__cmwc_t\":\"tag:a\",\"x\":[1,\"YQ\"]}", "cmw.collection_type", "tag:a" },
	{ "cmw", "{\"x\":{\"y\":[1,\"YQ\"]}}", "cmw.items", "/x/y content format 1, 1 bytes" },
	{ "cmw", "{\"x\":[1,\"YQ\"],\"x\":[1,\"YQ\"]}", NULL, NULL },
	{ "cmw", "{\"x\":1}", NULL, NULL },
	{ "cmw",
	  "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":[1,\"YQ\"]}}}}}}}}}",
	  NULL, NULL },
	{ "cmw", "8263742f614161", "cmw.items", " t/a, 1 bytes" },
	{ "cmw", "8301416104", "cmw.items", " content format 1, 1 bytes evidence" },
	{ "cmw", "82014161ff", NULL, NULL },
	{ "cmw", "82016161", NULL, NULL },
	{ "cmw", "8260416100", NULL, NULL },
	{ "cmw", "da637401014161", "cmw.items", " content format 0 (tag), 1 bytes" },
	{ "cmw", "da637402014161", "cmw.items", " content format 255 (tag), 1 bytes" },
	{ "cmw", "da637402004161", NULL, NULL }, /* no content format has this number */
	{ "cmw", "da637401006161", NULL, NULL },
	{ "cmw", "a10182014161", "cmw.items", "/1 content format 1, 1 bytes" },
	{ "cmw", "a2018201416101820141ff", NULL, NULL },
	{ "cmw", "a0", NULL, NULL },
	{ "corim", "d901f5a2006269640180", "corim.id", "id" },
	{ "corim", "d901f5a20062696401a0", NULL, NULL },
	{ "corim", "d901f5a1006269640180", NULL, NULL },
	{ "corim", "d901f5a10180", NULL, NULL },
	{ "corim", "d901f5a300626964018003d86f43864886", "corim.profile", "111(h'864886')" },
	{ "corim", "d901f5a300626964018003d86f44864886f7", "corim.profile", "111(h'864886f7')" },
	{ "corim", "d901f5a300626964018003d86f450601020304", "corim.profile", "0.6.1.2.3.4" },
	{ "corim", "d901f5a300626964018004a200c10101c1190100", "corim.form", "unsigned" },
	{ "corim", "d901f5a300626964018004a100626161", NULL, NULL },
	{ "corim", "d901f5a30062696401800500", NULL, NULL },
	{ "eat", "d90259a10a4431323334", "eat.form", "uccs" },
	{ "eat", "d90259a119010703", "eat.debug_status", "disabled-permanently" },
	{ "eat", "d90259a119010703ff", NULL, NULL },
	{ "eat", "d90259a201000100", NULL, NULL },
	{ "eat", "d83dd28443a10126a048a119010963746167", NULL, NULL },
	{ "eat", "d83dd28443a10126a048a1190109637461674100", "eat.profile", "tag" },
	{ "eat", "d83dd28444a1013822a048a1190109637461674100", "eat.algorithm", "ES384" },
	{ "eat", "eyJhbGciOiJFUzI1NiJ9.eyJlYXRfcHJvZmlsZSI6InAifQ.AA", "eat.profile", "p" },
	{ "eat", "eyJhbGciOiJFUzI1NiJ9.eyJlYXRfcHJvZmlsZSI6InAifQ.AA\n", "eat.algorithm", "ES256" },
	{ "eat", "eyJhbGciOiJFUzI1NiJ9.W10.AAAAAAAAAA", NULL, NULL },
	{ "eat", "{\"eat_profile\":\"p\",\"iat\":1}", "eat.claims", "iat: 1" },
	{ "eat", "{\"iat\":1}", NULL, NULL },
	{ "eat", "eyJhIjoxfQ.eyJlYXRfcHJvZmlsZSI6InAifQ.AA", NULL, NULL },
};

static bool has(const struct cattest_result *r, const char *name, const char *value)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	for (size_t i = 0; c && c->type == CATTEST_STRINGS && i < c->size; i++)
		if (!strcmp(c->strings[i], value))
			return true;
	return c && c->type == CATTEST_STRING && !strcmp(c->string, value);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *in = cases[i].input;
		uint8_t bytes[600];
		size_t size = strlen(in);
		struct cattest_result *r = NULL;
		struct cattest_error err = { .text = "" };
		int code;

		if (strchr("{[e", in[0])) {
			memcpy(bytes, in, size);
		} else {
			size /= 2;
			if (hex_parse(in, 2 * size, bytes, size))
				abort();
		}
		code = cattest_decode(bytes, size, cases[i].type, &r, &err);
		if (cases[i].claim ? code || !has(r, cases[i].claim, cases[i].expected) : !code) {
			const struct cattest_claim *c =
				r && cases[i].claim ? cattest_result_find(r, cases[i].claim) : NULL;

			printf("%s: %d %s, found %s\n", in, code, err.text,
			       !c			   ? "nothing"
			       : c->type == CATTEST_STRING ? c->string
							   : c->strings[0]);
			failed = 1;
		}
		cattest_result_free(r);
	}
	return failed;
}
