/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collateral of an attacker (a broken PCCS, a file of somebody): added in every form, as an answer with a chain header behind the first NUL
 * byte, and searched. Bodies that were kept are bytes of the input, or of a text in it.
 */
#include "attest/collateral/collateral_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(struct collateral *c)
{
	struct span unused;

	for (size_t i = 0; i < c->json_count; i++) {
		struct intel_json *j = c->jsons[i], *found;

		found = collateral_find_json(c, j->kind, j->id, j->fmspc, j->issue_date);
		if (!found || json_scan_member(j->body, "version", &unused) != 1 ||
		    j->next_update < j->issue_date)
			abort();
	}
	for (size_t i = 0; i < c->cert_count; i++)
		(void)collateral_find_crl(c, collateral_certificate(c, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct collateral *c = collateral_new(), *answers = collateral_new();
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	struct cattest_error err;
	char *chain = NULL;

	if (!c || !answers)
		abort();
	(void)collateral_add(c, "fuzz", SPAN(data, size), &err);
	look_at(c);
	if (nul && (chain = strndup((const char *)nul + 1, size - (size_t)(nul - data) - 1))) {
		(void)collateral_add_answer(answers, "fuzz", SPAN(data, (size_t)(nul - data)),
					    chain, &err);
		look_at(answers);
	}
	free(chain);
	collateral_free(c);
	collateral_free(answers);
	return 0;
}
