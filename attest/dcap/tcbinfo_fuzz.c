// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as TCB info, enclave identity, list of evaluation numbers, and as a PCK certificate's extension. What parses is used: a level that
 * matches must be reached in each of its SVNs.
 */
#include "attest/dcap/tcb.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_levels(const struct tcb_info *info, const struct pck *pck, uint8_t module_version)
{
	const uint8_t svn[16] = { 5, module_version, 5 };
	const struct svn_level qe = { .isvsvn = 5, .status = TCB_UP_TO_DATE };
	struct tcb_evaluation e;

	if (tcb_evaluate(info, pck, info->tdx ? svn : NULL, &qe, &e))
		return;
	for (int i = 0; i < TCB_COMPONENTS; i++)
		if (pck->components[i] < e.platform->sgx[i] ||
		    (info->tdx && (i > 1 || !module_version) && svn[i] < e.platform->tdx[i]))
			abort();
	if (pck->pcesvn < e.platform->pcesvn || !tcb_status_name(e.status) ||
	    tcb_relaunch(e.status, TCB_UP_TO_DATE) < TCB_UP_TO_DATE)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = SPAN(data, size);
	struct cattest_error err;
	struct tcb_info *info;
	struct qe_identity *identity;
	struct evaluation_numbers numbers;
	struct cattest_result *r;
	struct pck pck = { .pcesvn = 13 };

	memset(pck.components, 5, sizeof(pck.components));
	if (!tcb_info_parse(in, &info, &err)) {
		use_levels(info, &pck, 0);
		use_levels(info, &pck, 1);
		tcb_info_free(info);
	}
	if (!qe_identity_parse(in, &identity, &err)) {
		const struct svn_level *level =
			tcb_find_svn(identity->levels, identity->level_count, 4);

		if (level && level->isvsvn > 4)
			abort();
		qe_identity_free(identity);
	}
	if (!evaluation_numbers_parse(in, &numbers, &err) && numbers.newest < numbers.oldest)
		abort();
	if (!pck_extension_parse(in, &pck, &err) && pck.sgx_type > 2)
		abort();
	if (size &&
	    !cattest_decode(data, size, data[0] == '{' ? "tcb-info" : "qe-identity", &r, &err))
		cattest_result_free(r);
	return 0;
}
