/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that this folder decodes, of any bytes; none of it is evidence, so verifying must be
 * an error.
 */
#include "include/cloister/attest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "cmw", "corim", "eat" };
	static struct cattest_verifier *v;
	struct cattest_result *r;
	struct cattest_error err;

	if (!v)
		v = cattest_verifier_new();
	for (size_t i = 0; i < 3; i++) {
		struct cattest_expect expect = { .type = types[i] };

		r = NULL;
		if (!cattest_decode(data, size, types[i], &r, &err))
			cattest_result_free(r);
		r = NULL;
		if (!cattest_verify(v, data, size, &expect, &r, &err))
			abort();
	}
	return 0;
}
