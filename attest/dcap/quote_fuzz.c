// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a quote, verified against collateral of our own PKI at a fixed time. Beside crashes it looks for forgeries: what has no failed
 * and no missing check must be, byte for byte where it is signed, one of the quotes that were made here.
 */
#include "attest/dcap/quote.h"
#include "lib/fuzz/outcome.h"
#include "tests/evidence/dcap_synthetic.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dcap_synthetic made[6];
static struct cattest_verifier *verifier;

static void prepare(void)
{
	static const unsigned forms[6][2] = { { 3, 1 }, { 4, 1 }, { 4, 2 },
					      { 5, 2 }, { 5, 3 }, { 5, 4 } };
	struct cattest_error err = { "" };

	for (size_t i = 0; i < 6; i++) {
		dcap_synthetic_init(&made[i]);
		made[i].version = forms[i][0];
		made[i].body_type = forms[i][1];
		dcap_synthetic_build(&made[i]);
	}
	verifier = dcap_synthetic_verifier(&made[0]);
	MUST(!cattest_add_collateral(verifier, "tdx", made[2].collateral,
				     strlen(made[2].collateral), &err));
	MUST(!cattest_add_collateral(verifier, "pck", made[0].pck_pem, strlen(made[0].pck_pem),
				     &err));
}

static bool clean(const struct cattest_result *r)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == CATTEST_FAIL ||
		    (c->outcome == CATTEST_MISSING && strncmp(c->step, "policy", 6)))
			return false;
	}
	return true;
}

static bool known(struct span signed_bytes)
{
	for (size_t i = 0; i < 6; i++)
		if (span_equal(signed_bytes, SPAN(made[i].quote, made[i].signed_size)))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cattest_error err;
	struct cattest_result *r = NULL;
	struct quote q;
	bool forged;

	if (!verifier)
		prepare();
	forged = fuzz_outcomes_from(data, size);
	if (quote_parse(SPAN(data, size), &q, &err))
		return 0;
	if (!cattest_verify(verifier, data, size, NULL, &r, &err)) {
		if ((clean(r) && !known(q.signed_bytes) && !forged) ||
		    cattest_result_verdict(r) == CATTEST_TRUSTED)
			abort();
		cattest_result_free(r);
	}
	r = NULL;
	if (!cattest_decode(data, size, NULL, &r, &err))
		cattest_result_free(r);
	return 0;
}
