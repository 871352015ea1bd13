/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel DCAP: SGX and TDX quotes with their collateral, and the structures of Intel that are not evidence by themselves.
 * The types below are what the rest of the library sees; the pieces are quote.h (layout), pck.h (certificate extension),
 * tcb_info.h (Intel's signed JSON), tcb.h (levels and statuses), verify.c (the steps, in Intel's order).
 */
#pragma once

#include "attest/core/appraisal.h"

extern const struct evidence_type sgx_quote_type; /* "sgx-quote": v3, v4, v5 */
extern const struct evidence_type tdx_quote_type; /* "tdx-quote": v4, v5, TD 1.0, 1.5, 1.5 extended */

/* Decoding only. */
extern const struct evidence_type
	sgx_report_type; /* "sgx-report": REPORT (432 bytes) or its body (384) */
extern const struct evidence_type sgx_targetinfo_type; /* "sgx-targetinfo": 512 bytes */
extern const struct evidence_type sgx_sigstruct_type;  /* "sgx-sigstruct": 1808 bytes */
extern const struct evidence_type sgx_einittoken_type; /* "sgx-einittoken": 304 bytes */
extern const struct evidence_type tdx_report_type;     /* "tdx-report": TDREPORT, 1024 bytes */
extern const struct evidence_type
	tcb_info_type; /* "tcb-info": TCB info or TCB evaluation data numbers, JSON */
extern const struct evidence_type qe_identity_type; /* "qe-identity": enclave identity, JSON */

/* The claims of an SGX enclave report body (384 bytes), the debug claim included; false: it is not that long. */
bool sgx_report_claims(struct appraisal *a, struct span body);
