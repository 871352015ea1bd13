/* SPDX-License-Identifier: Apache-2.0 */
/* What quotes and Intel's structures say, as claims. */
#pragma once

#include "attest/dcap/pck.h"
#include "attest/dcap/quote.h"
#include "attest/dcap/tcb.h"

/* Header and body; checks the report data against what the caller expects. */
void dcap_quote_claims(struct appraisal *a, const struct quote *q);
void dcap_sgx_claims(struct appraisal *a, const struct sgx_report_body *b);
void dcap_td_claims(struct appraisal *a, const struct td_report_body *b, enum quote_body type);
void dcap_pck_claims(struct appraisal *a, const struct pck *pck);
void dcap_tcb_claims(struct appraisal *a, const struct tcb_evaluation *launch,
		     const struct svn_level *qe_level, enum tcb_status status);
