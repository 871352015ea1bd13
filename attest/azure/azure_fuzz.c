/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile Azure evidence of each kind: decoded and verified without collateral; the HCL report and
 * its runtime data on their own. Nothing here is ever trusted.
 */
#include "attest/azure/azure.h"
#include "lib/fuzz/outcome.h"

#include <assert.h>
#include <openssl/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parts(struct span in)
{
	struct azure_runtime runtime;
	struct azure_hcl hcl;

	if (azure_runtime_parse(in, &runtime, NULL) == 0)
		azure_runtime_done(&runtime);
	if (azure_hcl_parse(in, &hcl, NULL) == 0) {
		assert(hcl.report.size == 1184 || hcl.report.size == 1024);
		assert(hcl.runtime.data + hcl.runtime.size <= in.data + in.size);
	}
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "azure-snp", "azure-tdx", "azure-quote" };
	static struct cattest_verifier *verifier;
	struct cattest_result *r;
	struct cattest_error err;

	if (!verifier) {
		verifier = cattest_verifier_new();
		assert(verifier);
		cattest_set_time(verifier, 1780000000);
	}
	(void)fuzz_outcomes_from(data, size);
	parts(SPAN(data, size));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct cattest_expect expect = { .type = types[i],
						 .report_data = "nonce",
						 .report_data_size = 5 };

		if (cattest_decode(data, size, types[i], &r, &err) == 0)
			cattest_result_free(r);
		if (cattest_verify(verifier, data, size, &expect, &r, &err) == 0) {
			assert(cattest_result_verdict(r) == CATTEST_REFUSED ||
			       cattest_result_verdict(r) == CATTEST_UNDECIDED);
			cattest_result_free(r);
		}
	}
	return 0;
}
