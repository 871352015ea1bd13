/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence "cloister-hv": an enclave of Cloister's hypervisor. Outer form: that of an SGX quote
 * (abi/report.h: struct report_quote_head with REPORT_VENDOR_HV, the enclave's SGX report body, u32
 * size), then a CBOR map in deterministic encoding (RFC 8949, 4.2.1):
 *
 *	1: bytes	struct report_hv
 *	2: bytes	64: r || s over head || body || struct report_hv by the report's key,
 *			ECDSA P-256 with SHA-256
 *	3: bytes	TPMS_ATTEST: a quote of at least PCR 0-7, 21, 22 of the SHA-256 bank,
 *			extraData = SHA-256(struct report_hv)
 *	4: bytes	TPMT_SIGNATURE over it
 *	5: bytes	TPM2B_PUBLIC of the attestation key
 *	6: [bytes]	its certificate and those above it, DER, leaf first (left out: the
 *			verifier must know the key itself)
 *	7: {n: bytes}	PCR n of the SHA-256 bank, for each one quoted
 *	8: bytes	the firmware's event log, TCG crypto-agile (left out: PCRs can be judged
 *			by value only)
 *
 * What makes the key the hypervisor's is PCR 22, which only it can extend: that the TPM signed the
 * report's hash as extraData shows no more than that somebody asked it to. The quote is made once,
 * at the hypervisor's start; the signature over the body carries report data and freshness. Reports
 * of a hypervisor that can be debugged are only of enclaves that say so too.
 */
#pragma once

#include "abi/report.h"
#include "attest/core/appraisal.h"

extern const struct evidence_type hv_type; /* "cloister-hv" */

#define HV_CERTIFICATES_MAX 8
#define HV_PCR_COUNT 24

struct hv_parts {
	struct report_hv report;
	struct span signature; /* 64 */
	struct span attest, attest_signature, ak;
	struct span certificates[HV_CERTIFICATES_MAX];
	size_t certificate_count;
	struct span pcr[HV_PCR_COUNT]; /* size 0: not there */
	struct span event_log;	       /* size 0: none */
};

/* The head of a report's quote. */
struct report_quote_head hv_head(const struct report_hv *report);
/* What the hypervisor signs: head || body || report. */
#define HV_SIGNED_SIZE (REPORT_QUOTE_PREFIX + sizeof(struct report_hv))
void hv_signed_bytes(const struct report_hv *report, const uint8_t body[REPORT_SGX_BODY_SIZE],
		     uint8_t ret_bytes[HV_SIGNED_SIZE]);
/*
 * The evidence of those parts, malloc()ed. For who hands the hypervisor's reports on, and for
 * tests.
 */
int hv_build(const struct hv_parts *parts, const uint8_t body[REPORT_SGX_BODY_SIZE],
	     uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err);
/* The map; spans point into `map`. */
int hv_parse_map(struct span map, struct hv_parts *ret_parts, struct cattest_error *err);
/*
 * What PCR 21 and 22 hold if a hypervisor with this report started: SHA-256(32 * 0xff || extended).
 */
int hv_expected_pcrs(const struct report_hv *report, uint8_t ret_measurement[32],
		     uint8_t ret_key[32]);
