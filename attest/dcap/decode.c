// SPDX-License-Identifier: Apache-2.0
/*
 * Structures of SGX and TDX that are not evidence by themselves, as claims: nothing here is verified, since it is a MAC under a key
 * of the CPU, a signature that says nothing of a platform, or a request. Layouts: Intel SDM volume 3D, chapter 38 (REPORT 38.15, TARGETINFO 38.16,
 * SIGSTRUCT 38.13, EINITTOKEN 38.14), Intel TDX Module ABI specification (TDREPORT_STRUCT).
 *
 * They have no mark that tells them apart but their size and their reserved bytes, which must be zero.
 */
#include "attest/dcap/claims.h"
#include "attest/dcap/dcap.h"

#include <errno.h>
#include <time.h>

#define REPORT_SIZE 432
#define TARGETINFO_SIZE 512
#define SIGSTRUCT_SIZE 1808
#define EINITTOKEN_SIZE 304
#define TDREPORT_SIZE 1024

static bool zero_at(struct span in, size_t at, size_t size)
{
	return at + size <= in.size && span_is_zero(SPAN(in.data + at, size));
}

static struct span part(struct span in, size_t at, size_t size)
{
	return SPAN(in.data + at, size);
}

static uint64_t number_at(struct span in, size_t at, size_t size)
{
	struct cursor c = CURSOR(part(in, at, size));

	return take_le(&c, size);
}

static int wrong(struct appraisal *a, const char *what, struct span in)
{
	return fail(a->err, -EBADMSG,
		    "%s: %zu bytes are not one (its size, header or reserved bytes are wrong)",
		    what, in.size);
}

/* --- REPORT --- */

static bool report_detect(struct span in)
{
	return (in.size == REPORT_SIZE || in.size == SGX_REPORT_BODY_SIZE) && zero_at(in, 21, 11) &&
	       zero_at(in, 96, 32) && zero_at(in, 160, 32) && zero_at(in, 262, 42) &&
	       !zero_at(in, 64, 32) && in.data[48] & 1;
}

static int report_appraise(struct appraisal *a, struct span in)
{
	if (!report_detect(in))
		return wrong(a, "SGX report", in);
	sgx_report_claims(a, part(in, 0, SGX_REPORT_BODY_SIZE));
	claim_bytes(a, "report_data", part(in, 320, 64));
	if (in.size == REPORT_SIZE) {
		claim_bytes(a, "sgx.report.keyid", part(in, 384, 32));
		claim_bytes(a, "sgx.report.mac", part(in, 416, 16));
	}
	return 0;
}

const struct evidence_type sgx_report_type = {
	.name = "sgx-report",
	.meaning = "SGX REPORT, or its body: for an enclave on the same CPU",
	.detect = report_detect,
	.appraise = report_appraise,
	.decode_only = true,
};

/* --- TARGETINFO --- */

static bool targetinfo_detect(struct span in)
{
	return in.size == TARGETINFO_SIZE && !zero_at(in, 0, 32) && in.data[32] & 1 &&
	       zero_at(in, 49, 1) && zero_at(in, 56, 8) && zero_at(in, 128, 384);
}

static int targetinfo_appraise(struct appraisal *a, struct span in)
{
	if (!targetinfo_detect(in))
		return wrong(a, "SGX TARGETINFO", in);
	claim_bytes(a, "sgx.mrenclave", part(in, 0, 32));
	claim_bytes(a, "sgx.attributes", part(in, 32, 16));
	claim_bool(a, "debug", in.data[32] & SGX_FLAG_DEBUG);
	claim_uint(a, "sgx.configsvn", number_at(in, 50, 2));
	claim_uint(a, "sgx.miscselect", number_at(in, 52, 4));
	claim_bytes(a, "sgx.configid", part(in, 64, 64));
	return 0;
}

const struct evidence_type sgx_targetinfo_type = {
	.name = "sgx-targetinfo",
	.meaning = "SGX TARGETINFO: the enclave that a REPORT is for",
	.detect = targetinfo_detect,
	.appraise = targetinfo_appraise,
	.decode_only = true,
};

/* --- SIGSTRUCT --- */

static bool sigstruct_detect(struct span in)
{
	static const uint8_t header[16] = { 6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0 };
	static const uint8_t header2[16] = { 1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0 };

	return in.size == SIGSTRUCT_SIZE && !memcmp(in.data, header, 16) &&
	       !memcmp(in.data + 24, header2, 16);
}

/* Two digits of binary-coded decimal, -1 if they are none. */
static int bcd(uint8_t byte)
{
	return (byte >> 4) > 9 || (byte & 15) > 9 ? -1 : (byte >> 4) * 10 + (byte & 15);
}

static void sigstruct_date(struct appraisal *a, uint32_t date)
{
	int century = bcd((uint8_t)(date >> 24)), year = bcd((uint8_t)(date >> 16)),
	    month = bcd((uint8_t)(date >> 8)), day = bcd((uint8_t)date);
	struct tm tm = { .tm_year = century * 100 + year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day };

	if (century >= 19 && year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= 31)
		claim_time(a, "sgx.sigstruct.date", timegm(&tm));
}

static int sigstruct_appraise(struct appraisal *a, struct span in)
{
	struct span modulus;
	uint8_t mrsigner[32];

	if (!sigstruct_detect(in))
		return wrong(a, "SGX SIGSTRUCT", in);
	if (!zero_at(in, 44, 84) || !zero_at(in, 910, 2) || !zero_at(in, 992, 16) ||
	    !zero_at(in, 1028, 12))
		return fail(a->err, -EBADMSG, "SGX SIGSTRUCT: reserved bytes are not zero");
	modulus = part(in, 128, 384);
	if (digest("SHA256", &modulus, 1, mrsigner, NULL))
		return fail(a->err, -ENOMEM, "out of memory");
	claim_bytes(a, "sgx.mrenclave", part(in, 960, 32));
	claim_bytes(a, "sgx.mrsigner", SPAN_OF(mrsigner));
	claim_uint(a, "sgx.isvprodid", number_at(in, 1024, 2));
	claim_uint(a, "sgx.isvsvn", number_at(in, 1026, 2));
	claim_bytes(a, "sgx.attributes", part(in, 928, 16));
	claim_bytes(a, "sgx.sigstruct.attributes_mask", part(in, 944, 16));
	/* Debug is possible where the mask leaves the bit open, or it is set. */
	claim_bool(a, "debug", in.data[928] & SGX_FLAG_DEBUG || !(in.data[944] & SGX_FLAG_DEBUG));
	claim_uint(a, "sgx.miscselect", number_at(in, 900, 4));
	claim_uint(a, "sgx.sigstruct.miscselect_mask", number_at(in, 904, 4));
	claim_bytes(a, "sgx.isvfamilyid", part(in, 912, 16));
	claim_bytes(a, "sgx.isvextprodid", part(in, 1008, 16));
	claim_uint(a, "sgx.sigstruct.vendor", number_at(in, 16, 4));
	sigstruct_date(a, (uint32_t)number_at(in, 20, 4));
	claim_uint(a, "sgx.sigstruct.swdefined", number_at(in, 40, 4));
	claim_uint(a, "sgx.sigstruct.exponent", number_at(in, 512, 4));
	claim_bytes(a, "sgx.sigstruct.modulus", modulus);
	return 0;
}

const struct evidence_type sgx_sigstruct_type = {
	.name = "sgx-sigstruct",
	.meaning =
		"SGX SIGSTRUCT: what the signer of an enclave signed (the signature is not verified)",
	.detect = sigstruct_detect,
	.appraise = sigstruct_appraise,
	.decode_only = true,
};

/* --- EINITTOKEN --- */

static bool einittoken_detect(struct span in)
{
	return in.size == EINITTOKEN_SIZE && zero_at(in, 1, 47) && in.data[0] <= 1 &&
	       zero_at(in, 96, 32) && zero_at(in, 160, 32) && zero_at(in, 212, 24);
}

static int einittoken_appraise(struct appraisal *a, struct span in)
{
	if (!einittoken_detect(in))
		return wrong(a, "SGX EINITTOKEN", in);
	claim_bool(a, "sgx.einittoken.valid", in.data[0]);
	claim_bytes(a, "sgx.attributes", part(in, 48, 16));
	claim_bool(a, "debug", in.data[48] & SGX_FLAG_DEBUG);
	claim_bytes(a, "sgx.mrenclave", part(in, 64, 32));
	claim_bytes(a, "sgx.mrsigner", part(in, 128, 32));
	claim_bytes(a, "sgx.cpusvn", part(in, 192, 16));
	claim_uint(a, "sgx.isvprodid", number_at(in, 208, 2));
	claim_uint(a, "sgx.isvsvn", number_at(in, 210, 2));
	claim_uint(a, "sgx.miscselect", number_at(in, 236, 4));
	claim_bytes(a, "sgx.report.keyid", part(in, 256, 32));
	claim_bytes(a, "sgx.report.mac", part(in, 288, 16));
	return 0;
}

const struct evidence_type sgx_einittoken_type = {
	.name = "sgx-einittoken",
	.meaning =
		"SGX EINITTOKEN: a launch enclave's leave; product, SVN, CPUSVN and MISCSELECT are the launch enclave's",
	.detect = einittoken_detect,
	.appraise = einittoken_appraise,
	.decode_only = true,
};

/* --- TDREPORT --- */

enum {
	TD_MAC_STRUCT = 0,
	TD_TCB_INFO = 256,
	TD_TCB_INFO_SIZE = 239,
	TD_INFO = 512,
	TD_INFO_SIZE = 512
};

static bool tdreport_detect(struct span in)
{
	return in.size == TDREPORT_SIZE && in.data[0] == TEE_TDX && !in.data[1] &&
	       in.data[2] <= 1 && zero_at(in, 3, 13) && zero_at(in, 192, 32) &&
	       zero_at(in, 495, 17);
}

/* The two hashes under the MAC are of the two structures that follow. */
static int tdreport_consistent(struct span in, bool *ret_consistent)
{
	const struct span tcb = part(in, TD_TCB_INFO, TD_TCB_INFO_SIZE),
			  info = part(in, TD_INFO, TD_INFO_SIZE);
	uint8_t tcb_hash[48], info_hash[48];

	if (digest("SHA384", &tcb, 1, tcb_hash, NULL) ||
	    digest("SHA384", &info, 1, info_hash, NULL))
		return -ENOMEM;
	*ret_consistent = bytes_equal(tcb_hash, in.data + 32, 48) &&
			  bytes_equal(info_hash, in.data + 80, 48);
	return 0;
}

/* As a TD report body, so that the claims are those of a quote. */
static void tdreport_body(struct span in, struct td_report_body *b)
{
	struct span tcb = part(in, TD_TCB_INFO, TD_TCB_INFO_SIZE),
		    info = part(in, TD_INFO, TD_INFO_SIZE);

	*b = (struct td_report_body){
		.tee_tcb_svn = part(tcb, 8, 16),
		.mrseam = part(tcb, 24, 48),
		.mrsignerseam = part(tcb, 72, 48),
		.seam_attributes = part(tcb, 120, 8),
		.attributes = number_at(info, 0, 8),
		.xfam = number_at(info, 8, 8),
		.mrtd = part(info, 16, 48),
		.mrconfigid = part(info, 64, 48),
		.mrowner = part(info, 112, 48),
		.mrownerconfig = part(info, 160, 48),
		.report_data = part(in, 128, 64),
	};
	for (size_t i = 0; i < 4; i++)
		b->rtmr[i] = part(info, 208 + 48 * i, 48);
	if (in.data[2]) { /* version 1: TDX 1.5 */
		b->tee_tcb_svn2 = part(tcb, 128, 16);
		b->mrservicetd = part(info, 400, 48);
	}
}

static int tdreport_appraise(struct appraisal *a, struct span in)
{
	struct td_report_body body;
	bool consistent;

	if (!tdreport_detect(in))
		return wrong(a, "TDREPORT", in);
	if (tdreport_consistent(in, &consistent))
		return fail(a->err, -ENOMEM, "out of memory");
	tdreport_body(in, &body);
	dcap_td_claims(a, &body, in.data[2] ? BODY_TD15 : BODY_TD10);
	claim_bytes(a, "report_data", body.report_data);
	claim_bytes(a, "sgx.cpusvn", part(in, 16, 16));
	claim_bytes(a, "tdx.report.mac", part(in, 224, 32));
	claim_bool(a, "tdx.report.consistent", consistent);
	return 0;
}

const struct evidence_type tdx_report_type = {
	.name = "tdx-report",
	.meaning = "TDREPORT: for the quoting enclave on the same CPU",
	.detect = tdreport_detect,
	.appraise = tdreport_appraise,
	.decode_only = true,
};
