/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of the hypervisor from anywhere: never trusted without a root; and what the map's reader
 * takes, its writer writes the same way.
 */
#include "attest/hv/hv.h"
#include "lib/fuzz/outcome.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cattest_verifier *verifier;

static void check_one_form(struct span map)
{
	uint8_t body[REPORT_SGX_BODY_SIZE] = { 0 }, *again;
	struct cattest_error err;
	struct hv_parts parts;
	size_t size;

	if (hv_parse_map(map, &parts, &err))
		return;
	if (hv_build(&parts, body, &again, &size, &err))
		abort();
	if (size != REPORT_QUOTE_PREFIX + 4 + map.size ||
	    memcmp(again + REPORT_QUOTE_PREFIX + 4, map.data, map.size))
		abort();
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cattest_result *r;
	struct cattest_error err;

	if (!verifier) {
		verifier = cattest_verifier_new();
		cattest_set_time(verifier, 1780000000);
	}
	(void)fuzz_outcomes_from(data, size);
	if (!cattest_verify(verifier, data, size, &(struct cattest_expect){ .type = "cloister-hv" },
			    &r, &err)) {
		if (cattest_result_verdict(r) == CATTEST_TRUSTED)
			abort();
		cattest_result_free(r);
	}
	if (!cattest_decode(data, size, "cloister-hv", &r, &err))
		cattest_result_free(r);
	check_one_form(size > REPORT_QUOTE_PREFIX + 4 ? SPAN(data + REPORT_QUOTE_PREFIX + 4,
							     size - REPORT_QUOTE_PREFIX - 4)
						      : SPAN(data, size));
	return 0;
}
