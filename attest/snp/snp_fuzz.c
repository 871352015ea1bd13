/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile SNP evidence: decoded, verified by a verifier without collateral, its certificate table
 * and extensions read on their own. What must hold beside memory safety: nothing here is ever
 * trusted, and evidence that decodes has a measurement.
 */
#include "attest/snp/snp.h"
#include "lib/fuzz/outcome.h"

#include <assert.h>
#include <openssl/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void table(struct span in)
{
	struct snp_table t;

	if (snp_table_parse(in, &t, NULL) < 0)
		return;
	for (size_t i = 0; i < t.count; i++)
		assert(t.entries[i].data.size && t.entries[i].data.data >= in.data &&
		       t.entries[i].data.data + t.entries[i].data.size <= in.data + in.size);
}

static void certificate(struct span in)
{
	X509 *cert = x509_from_der(in);
	struct snp_vek vek;

	if (cert && snp_vek_parse(cert, &vek, NULL) == 0) {
		uint8_t tcb[SNP_TCB_SIZE] = { 0 };

		assert(vek.kind == SNP_VLEK || vek.hwid.size == 64 || vek.hwid.size == 8);
		snp_vek_tcb_equal(&vek, SPAN_OF(tcb), NULL);
	}
	X509_free(cert);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cattest_verifier *verifier;
	struct cattest_result *r;
	struct cattest_error err;

	if (!verifier) {
		verifier = cattest_verifier_new();
		assert(verifier);
		cattest_set_time(verifier, 1780000000);
	}
	(void)fuzz_outcomes_from(data, size);
	table(SPAN(data, size));
	certificate(SPAN(data, size));
	if (cattest_decode(data, size, "snp-report", &r, &err) == 0) {
		assert(cattest_result_find(r, "snp.measurement"));
		cattest_result_free(r);
	}
	if (cattest_verify(verifier, data, size, &(struct cattest_expect){ .type = "snp-report" },
			   &r, &err) == 0) {
		assert(cattest_result_verdict(r) == CATTEST_REFUSED ||
		       cattest_result_verdict(r) == CATTEST_UNDECIDED);
		cattest_result_free(r);
	}
	return 0;
}
