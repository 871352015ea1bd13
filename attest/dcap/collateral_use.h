/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's signed JSON as verification uses it: found in the bag (or fetched), parsed once, its signing chain and signature looked
 * at, its dates noted. All checks are made under the prefix of the kind ("dcap.tcb_info", "dcap.qe_identity").
 */
#pragma once

#include "attest/collateral/collateral.h"
#include "attest/dcap/tcb_info.h"

/* The window in which all collateral and certificates that were used are valid, for the claims collateral.*. */
struct validity {
	int64_t from, until;
	int64_t issued; /* of the oldest CRL or signed JSON, if has_issued */
	bool any, bad_dates, has_issued;
	const X509 *
		signer; /* of signed JSON, whose path was verified in this verification and is good */
};
void validity_add(struct validity *v, int64_t from, int64_t until);
/* When something that is issued again and again was issued. */
void validity_issued(struct validity *v, int64_t issued);
/* Of a path; one that did not get as far as dates adds nothing. */
void validity_add_path(struct validity *v, const struct path_result *path);
void validity_claims(struct appraisal *a, const struct validity *v);

/* What is kept with an item of the bag, in its member parsed. */
struct signed_json {
	struct tcb_info *tcb_info;
	struct qe_identity *qe_identity;
	struct x509_list chain; /* signing chain, leaf first */
};

/* Finds and parses; NULL after a check that says why (MISSING, or FAIL if it is malformed). The signature is not looked at yet. */
struct signed_json *signed_json_find(struct appraisal *a, enum intel_json_kind kind, bool tdx,
				     const uint8_t fmspc[6], struct intel_json **ret_item);
/* Signing chain, signature, dates. */
void signed_json_verify(struct appraisal *a, struct intel_json *item, struct signed_json *json,
			struct validity *v);
/* What Intel lists as the newest evaluation number, if the bag has a list that is signed by Intel: a note. */
void evaluation_numbers_note(struct appraisal *a, bool tdx, uint32_t used);
