/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested certificates: the whole way as evidence, and the content of each extension by itself (a fuzzer seldom gets through DER).
 *   byte 0: 0 a certificate, 1 a DICE pair, 2 a CMW extension, 3 a claims buffer, 4 endorsements
 */
#include "attest/certificate/certificate.h"
#include "attest/collateral/collateral.h"
#include "attest/core/result.h"
#include "lib/fuzz/outcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cattest_verifier *verifier;

static void whole(const uint8_t *data, size_t size)
{
	struct cattest_expect expect = { .type = "ratls-certificate" };
	struct cattest_result *r = NULL;

	if (!cattest_verify(verifier, data, size, &expect, &r, NULL) &&
	    cattest_result_verdict(r) == CATTEST_TRUSTED)
		__builtin_trap(); /* there is no policy */
	cattest_result_free(r);
	r = NULL;
	cattest_decode(data, size, "ratls-certificate", &r, NULL);
	cattest_result_free(r);
}

static void endorsements(const uint8_t *data, size_t size)
{
	struct collateral *bag = verifier_collateral(verifier);
	struct cattest_error err;
	struct collateral_guests guests;
	struct appraisal a = { .verifier = verifier, .err = &err, .result = result_new() };

	if (a.result) {
		certificate_add_endorsements(&a, SPAN(data, size), &guests);
		collateral_guests_remove(bag, &guests);
		if (collateral_certificate(bag, 0))
			__builtin_trap(); /* a guest has stayed */
	}
	cattest_result_free(a.result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certificate_evidence e = { 0 };
	struct certificate_claims claims;

	if (!size)
		return 0;
	if (!verifier) {
		verifier = cattest_verifier_new();
		cattest_set_time(verifier, 1750000000);
	}
	(void)fuzz_outcomes_from(data, size);
	switch (data[0]) {
	case 1:
		certificate_parse_pair(SPAN(data + 1, size - 1), &e, NULL);
		break;
	case 2:
		certificate_parse_cmw(SPAN(data + 1, size - 1), &e, NULL);
		break;
	case 3:
		certificate_parse_claims(SPAN(data + 1, size - 1), &claims, NULL);
		break;
	case 4:
		endorsements(data + 1, size - 1);
		break;
	case 0:
		whole(data + 1, size - 1);
		break;
	default:
		whole(data, size);
	}
	certificate_evidence_done(&e);
	return 0;
}
