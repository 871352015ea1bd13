/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nitro documents of any bytes, decoded and verified at their own time: without a policy nothing
 * is ever trusted.
 */
#include "include/cloister/attest.h"
#include "lib/fuzz/outcome.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cattest_expect expect = { .type = "nitro",
						      .report_data = "x",
						      .report_data_size = 1 };
	static struct cattest_verifier *v;
	struct cattest_result *r = NULL;
	struct cattest_error err;

	if (!v) {
		v = cattest_verifier_new();
		cattest_set_evidence_time(v, true);
	}
	(void)fuzz_outcomes_from(data, size);
	if (!cattest_decode(data, size, "nitro", &r, &err))
		cattest_result_free(r);
	r = NULL;
	if (!cattest_verify(v, data, size, &expect, &r, &err)) {
		if (cattest_result_verdict(r) == CATTEST_TRUSTED ||
		    cattest_result_verdict(r) == CATTEST_NONE)
			abort();
		cattest_result_free(r);
	}
	return 0;
}
