/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated evidence from anywhere, judged by a verifier that trusts a signer: it may be refused,
 * never trusted without that key's signature.
 */
#include "attest/sim/sim.h"
#include "lib/fuzz/outcome.h"

#include <openssl/ec.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cattest_verifier *verifier;

static void start(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t *der = NULL;
	int der_size = i2d_PUBKEY(key, &der);

	verifier = cattest_verifier_new();
	cattest_set_time(verifier, 1780000000);
	if (cattest_add_root(verifier, CATTEST_ROOT_SIM, der, (size_t)der_size, NULL))
		abort();
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cattest_expect expect = { .report_data = "x",
					       .report_data_size = 1,
					       .type = "sim" };
	struct cattest_result *r;
	struct cattest_error err;
	bool forged;

	if (!verifier)
		start();
	forged = fuzz_outcomes_from(data, size);
	if (!cattest_verify(verifier, data, size, &expect, &r, &err)) {
		/* The key is not known to anybody, so nobody can sign with it. */
		if (cattest_result_verdict(r) != CATTEST_REFUSED &&
		    (!forged || cattest_result_verdict(r) == CATTEST_TRUSTED))
			abort();
		cattest_result_free(r);
	}
	if (!cattest_decode(data, size, "sim", &r, &err)) {
		if (cattest_result_verdict(r) != CATTEST_NONE)
			abort();
		cattest_result_free(r);
	}
	return 0;
}
