/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of Intel's quotes, versions 3, 4 and 5 ("Intel SGX ECDSA QuoteLibReference", appendix A; "Intel TDX DCAP Quoting
 * Library API", appendix 3). Parsing is strict and complete before anything is judged: every size field is followed exactly, what
 * follows the signature data is counted but means nothing (Azure and GCP hand out padded buffers).
 */
#pragma once

#include "attest/core/appraisal.h"

#define SGX_REPORT_BODY_SIZE 384
#define TD_REPORT10_SIZE 584
#define TD_REPORT15_SIZE 648
#define TD_REPORT15EX_SIZE 885
#define QUOTE_HEADER_SIZE 48

enum quote_tee { TEE_SGX = 0, TEE_TDX = 0x81 };

/* Body types of quote v5; v3 and v4 have no such field and get the value that fits. */
enum quote_body { BODY_SGX = 1, BODY_TD10 = 2, BODY_TD15 = 3, BODY_TD15EX = 4 };

/* Certification data types of the quoting enclave's key (6, QE report certification data, wraps one of these). */
enum quote_certification {
	CERT_PPID_PLAIN = 1,
	CERT_PPID_RSA2048 = 2,
	CERT_PPID_RSA3072 = 3,
	CERT_PCK_LEAF = 4,
	CERT_PCK_CHAIN = 5,
	CERT_QE_REPORT = 6,
};

struct sgx_report_body {
	struct span cpusvn, isvextprodid, attributes, mrenclave, mrsigner, configid, isvfamilyid,
		report_data;
	uint32_t miscselect;
	uint64_t flags, xfrm;
	uint16_t isvprodid, isvsvn, configsvn;
};
#define SGX_FLAG_DEBUG 0x02ull /* Intel SDM volume 3D, 37.7.1 */

struct td_report_body {
	struct span tee_tcb_svn, mrseam, mrsignerseam, seam_attributes, mrtd, mrconfigid, mrowner,
		mrownerconfig, rtmr[4], report_data;
	uint64_t attributes, xfam;
	struct span tee_tcb_svn2, mrservicetd; /* TD 1.5 and later, else empty */
	/* TD 1.5 extended, else empty. */
	uint8_t vmid;
	struct span tdid, devinfo, init_servtd_hash, init_servtd_attributes, init_cpusvn,
		init_tee_tcb_svn, init_tee_fmspc, cur_servtd_hash, cur_servtd_attributes;
};

struct quote {
	uint16_t version, key_type, qe_svn, pce_svn;
	enum quote_tee tee;
	enum quote_body body_type;
	struct span user_data;	  /* 20 bytes of the header */
	struct span body;	  /* of body_type */
	struct span signed_bytes; /* header, v5's descriptor, body */
	struct sgx_report_body sgx;
	struct td_report_body td;
	struct span signature;	     /* r || s over signed_bytes */
	struct span attestation_key; /* x || y */
	struct span qe_report, qe_report_signature;
	struct sgx_report_body qe;
	struct span qe_auth;
	enum quote_certification certification; /* 1 to 5: the innermost */
	struct span certification_data;
	/* Types 1 to 3 */
	struct span ppid; /* plain or encrypted */
	struct span ppid_cpusvn, ppid_pceid;
	uint16_t ppid_pcesvn;
	size_t trailing; /* bytes after the signature data */
};

/* 0, -EBADMSG or -ENOTSUP, with a message; spans point into in. */
int quote_parse(struct span in, struct quote *ret_quote, struct cattest_error *err);
/* Whether this is the start of a quote of that TEE, any vendor. */
bool quote_detect(struct span in, enum quote_tee tee);
/* The size must be that of the type. Reserved bytes are not looked at (the hardware may come to use them; the signature covers them). */
void sgx_report_body_parse(struct span in, struct sgx_report_body *ret_body);
void td_report_body_parse(struct span in, enum quote_body type, struct td_report_body *ret_body);
