/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM quotes of any bytes, in all their forms. The first byte chooses what the rest is: evidence,
 * or one of its parts. Nothing is trusted, as there is no policy, and a key in the evidence is
 * never trusted by itself.
 */
#include "attest/tpm/enrolment.h"
#include "attest/tpm/evidence.h"
#include "include/cloister/attest.h"
#include "lib/fuzz/outcome.h"

#include <stdlib.h>

/* The texts of enrolment, from either side; nothing that comes from here may be accepted. */
static void enrolment(struct span in)
{
	static struct cattest_verifier *v;
	char *challenge, *pending, *record;
	EVP_PKEY *key = NULL;
	uint8_t *blob;
	size_t size;

	if (!v)
		v = cattest_verifier_new();
	if (!cattest_enrol_challenge(v, in.data, in.size, &challenge, &pending, NULL))
		abort(); /* there is no root that a certificate could lead to */
	if (!tpm_enrol_read_challenge(in, &blob, &size, NULL))
		free(blob);
	if (!cattest_enrol_check(v, in.data, in.size, in.data, in.size, &record, NULL))
		abort(); /* one text cannot be both */
	if (!tpm_enrolment_key(in, &key, NULL))
		EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void whole(struct span in)
{
	static const struct cattest_expect expect = { .type = "tpm-quote",
						      .report_data = "nonce",
						      .report_data_size = 5 };
	static struct cattest_verifier *v;
	struct cattest_result *r = NULL;
	const struct cattest_claim *trust;
	struct cattest_error err;

	if (!v)
		v = cattest_verifier_new();
	if (!cattest_decode(in.data, in.size, "tpm-quote", &r, &err))
		cattest_result_free(r);
	r = NULL;
	if (cattest_verify(v, in.data, in.size, &expect, &r, &err))
		return;
	trust = cattest_result_find(r, "tpm.ak_trust");
	if (cattest_result_verdict(r) == CATTEST_TRUSTED ||
	    (trust && strcmp(trust->string, "none")))
		abort();
	cattest_result_free(r);
}

static void parts(uint8_t which, struct span in)
{
	uint8_t name[TPM_NAME_MAX], blob[1024];
	struct tpm_signature signature;
	struct tpm_public area;
	struct tpm_quote quote;
	struct tpm_pcrs pcrs;
	EVP_PKEY *key;
	size_t size;

	if (which == 1 && !tpm_quote_parse(in, &quote, NULL) &&
	    quote.selection_count > TPM_SELECTION_MAX)
		abort();
	if (which == 2)
		(void)tpm_signature_parse(in, &signature, NULL);
	if (which == 3)
		(void)tpm_pcrs_from_tools(in, &pcrs, NULL);
	if (which != 4)
		return;
	key = tpm_key_of_any_form(in, &area);
	if (key && area.area.size && !tpm_public_name(&area, name, &size))
		(void)tpm_make_credential(&area, SPAN(name, size), SPAN("secret", 6), blob,
					  sizeof(blob), &size, NULL);
	EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	(void)fuzz_outcomes_from(data, size);
	if (data[0] && data[0] < 5)
		parts(data[0], SPAN(data + 1, size - 1));
	else if (data[0] == 5)
		enrolment(SPAN(data + 1, size - 1));
	else
		whole(SPAN(data, size));
	return 0;
}
