/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as evidence, decoded and verified with a fixed clock, no collateral and no policy. There is no way to
 * TRUSTED from here; every result must be showable in all its forms.
 */
#include "include/cloister/attest.h"
#include "lib/fuzz/outcome.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(struct cattest_result *r)
{
	char *text;

	assert(!cattest_result_json(r, &text, NULL));
	free(text);
	assert(!cattest_result_table(r, &text, NULL));
	free(text);
	cattest_result_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t expected[64] = { 1 };
	struct cattest_expect expect = { .report_data = expected,
					 .report_data_size = sizeof(expected) };
	struct cattest_verifier *v;
	struct cattest_result *r;
	struct cattest_error err;

	(void)fuzz_outcomes_from(data, size);
	if (!cattest_decode(data, size, NULL, &r, &err)) {
		assert(cattest_result_verdict(r) == CATTEST_NONE);
		show(r);
	}
	v = cattest_verifier_new();
	assert(v);
	cattest_set_time(v, 1750330602);
	/* The first byte, which most types fix, must not decide; the size is as good as any. */
	if (!cattest_verify(v, data, size, size & 1 ? &expect : NULL, &r, &err)) {
		assert(cattest_result_verdict(r) == CATTEST_REFUSED ||
		       cattest_result_verdict(r) == CATTEST_UNDECIDED);
		show(r);
	}
	cattest_verifier_free(v);
	return 0;
}
