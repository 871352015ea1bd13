// SPDX-License-Identifier: Apache-2.0
/*
 * Reads quotes. Offsets are those of Intel's quoting libraries; all numbers are little endian.
 *
 *   v3     header 48 | enclave report 384 | size 4 | signature data
 *   v4     header 48 | enclave report 384 or TD report 584, by the TEE type | size 4 | signature data
 *   v5     header 48 | body type 2, body size 4 | body | size 4 | signature data
 *   signature data of v3     signature 64 | key 64 | QE's part
 *   signature data of v4, v5 signature 64 | key 64 | type 2 (6), size 4 | QE's part
 *   QE's part                QE report 384 | signature 64 | size 2, authentication data | type 2, size 4, certification data
 *
 * Every size is exact: signature data that is longer than its parts is malformed. What lies behind it is not part of the quote.
 */
#include "attest/dcap/quote.h"

#include <errno.h>

/* "Intel" as vendor of the quoting enclave: QuoteLibReference, A.3 */
static const uint8_t intel_vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
					  0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
enum { KEY_ECDSA_P256 = 2, KEY_ECDSA_P384 = 3 };

void sgx_report_body_parse(struct span in, struct sgx_report_body *ret_body)
{
	struct cursor c = CURSOR(in);
	struct cursor attributes;

	memset(ret_body, 0, sizeof(*ret_body));
	ret_body->cpusvn = take(&c, 16);
	ret_body->miscselect = take_le32(&c);
	take(&c, 12);
	ret_body->isvextprodid = take(&c, 16);
	ret_body->attributes = take(&c, 16);
	ret_body->mrenclave = take(&c, 32);
	take(&c, 32);
	ret_body->mrsigner = take(&c, 32);
	take(&c, 32);
	ret_body->configid = take(&c, 64);
	ret_body->isvprodid = take_le16(&c);
	ret_body->isvsvn = take_le16(&c);
	ret_body->configsvn = take_le16(&c);
	take(&c, 42);
	ret_body->isvfamilyid = take(&c, 16);
	ret_body->report_data = take(&c, 64);
	attributes = CURSOR(ret_body->attributes);
	ret_body->flags = take_le64(&attributes);
	ret_body->xfrm = take_le64(&attributes);
}

void td_report_body_parse(struct span in, enum quote_body type, struct td_report_body *ret_body)
{
	struct cursor c = CURSOR(in);

	memset(ret_body, 0, sizeof(*ret_body));
	ret_body->tee_tcb_svn = take(&c, 16);
	ret_body->mrseam = take(&c, 48);
	ret_body->mrsignerseam = take(&c, 48);
	ret_body->seam_attributes = take(&c, 8);
	ret_body->attributes = take_le64(&c);
	ret_body->xfam = take_le64(&c);
	ret_body->mrtd = take(&c, 48);
	ret_body->mrconfigid = take(&c, 48);
	ret_body->mrowner = take(&c, 48);
	ret_body->mrownerconfig = take(&c, 48);
	for (size_t i = 0; i < 4; i++)
		ret_body->rtmr[i] = take(&c, 48);
	ret_body->report_data = take(&c, 64);
	if (type == BODY_TD10)
		return;
	ret_body->tee_tcb_svn2 = take(&c, 16);
	ret_body->mrservicetd = take(&c, 48);
	if (type == BODY_TD15)
		return;
	ret_body->vmid = take_u8(&c);
	ret_body->tdid = take(&c, 32);
	ret_body->devinfo = take(&c, 48);
	ret_body->init_servtd_hash = take(&c, 48);
	ret_body->init_servtd_attributes = take(&c, 8);
	ret_body->init_cpusvn = take(&c, 16);
	ret_body->init_tee_tcb_svn = take(&c, 16);
	ret_body->init_tee_fmspc = take(&c, 12);
	ret_body->cur_servtd_hash = take(&c, 48);
	ret_body->cur_servtd_attributes = take(&c, 8);
}

static int header_parse(struct cursor *c, struct quote *q, struct cattest_error *err)
{
	uint32_t tee;
	struct span vendor;

	q->version = take_le16(c);
	q->key_type = take_le16(c);
	tee = take_le32(c);
	q->qe_svn = take_le16(c);
	q->pce_svn = take_le16(c);
	vendor = take(c, 16);
	q->user_data = take(c, 20);
	if (c->bad)
		return fail(err, -EBADMSG, "quote: %zu bytes are less than a header", c->in.size);
	if (q->version < 3 || q->version > 5)
		return fail(err, -ENOTSUP, "quote: version %u is not known (3, 4 and 5 are)",
			    q->version);
	if (q->key_type != KEY_ECDSA_P256)
		return fail(
			err, -ENOTSUP,
			"quote: attestation key type %u%s is not supported (2, ECDSA P-256, is)",
			q->key_type, q->key_type == KEY_ECDSA_P384 ? " (ECDSA P-384)" : "");
	if (tee != TEE_SGX && tee != TEE_TDX)
		return fail(err, -ENOTSUP,
			    "quote: TEE type 0x%x is not known (0, SGX, and 0x81, TDX, are)", tee);
	if (q->version == 3 && tee != TEE_SGX)
		return fail(err, -EBADMSG,
			    "quote: version 3 is for SGX only, the header says TEE type 0x%x", tee);
	if (!span_equal(vendor, SPAN_OF(intel_vendor)))
		return fail(err, -ENOTSUP,
			    "quote: the quoting enclave is not Intel's (QE vendor ID differs)");
	q->tee = (enum quote_tee)tee;
	return 0;
}

static size_t body_size(enum quote_body type)
{
	switch (type) {
	case BODY_SGX:
		return SGX_REPORT_BODY_SIZE;
	case BODY_TD10:
		return TD_REPORT10_SIZE;
	case BODY_TD15:
		return TD_REPORT15_SIZE;
	case BODY_TD15EX:
		return TD_REPORT15EX_SIZE;
	}
	return 0;
}

static int body_parse(struct cursor *c, struct quote *q, struct cattest_error *err)
{
	size_t size;

	q->body_type = q->tee == TEE_SGX ? BODY_SGX : BODY_TD10;
	if (q->version == 5) {
		uint16_t type = take_le16(c);
		uint32_t stated = take_le32(c);

		if (c->bad)
			return fail(err, -EBADMSG, "quote: cut off in the body descriptor");
		if (type < BODY_SGX || type > BODY_TD15EX)
			return fail(err, -ENOTSUP, "quote: body type %u is not known (1 to 4 are)",
				    type);
		q->body_type = (enum quote_body)type;
		if ((q->tee == TEE_SGX) != (type == BODY_SGX))
			return fail(err, -EBADMSG, "quote: body type %u does not fit TEE type 0x%x",
				    type, q->tee);
		if (stated != body_size(q->body_type))
			return fail(err, -EBADMSG,
				    "quote: body type %u has %zu bytes, the quote says %u", type,
				    body_size(q->body_type), stated);
	}
	size = body_size(q->body_type);
	q->body = take(c, size);
	if (c->bad)
		return fail(err, -EBADMSG, "quote: cut off in the body of %zu bytes", size);
	q->signed_bytes = SPAN(c->in.data, c->at);
	if (q->body_type == BODY_SGX)
		sgx_report_body_parse(q->body, &q->sgx);
	else
		td_report_body_parse(q->body, q->body_type, &q->td);
	return 0;
}

/* Types 1 to 3: PPID (16 bytes plain, else RSA-OAEP), CPUSVN 16, PCESVN 2, PCEID 2 (which Intel's own sample of type 1 leaves out). */
static int ppid_parse(struct quote *q, struct cattest_error *err)
{
	static const size_t ppid_size[] = {
		[CERT_PPID_PLAIN] = 16, [CERT_PPID_RSA2048] = 256, [CERT_PPID_RSA3072] = 384
	};
	struct cursor c = CURSOR(q->certification_data);

	if (q->certification > CERT_PPID_RSA3072)
		return 0;
	q->ppid = take(&c, ppid_size[q->certification]);
	q->ppid_cpusvn = take(&c, 16);
	q->ppid_pcesvn = take_le16(&c);
	if (cursor_left(&c))
		q->ppid_pceid = take(&c, 2);
	if (c.bad || cursor_left(&c))
		return fail(err, -EBADMSG, "quote: certification data of type %d with %zu bytes",
			    q->certification, q->certification_data.size);
	return 0;
}

static int qe_parse(struct span in, struct quote *q, struct cattest_error *err)
{
	struct cursor c = CURSOR(in);
	uint16_t type;
	uint32_t size;

	q->qe_report = take(&c, SGX_REPORT_BODY_SIZE);
	q->qe_report_signature = take(&c, 64);
	q->qe_auth = take(&c, take_le16(&c));
	type = take_le16(&c);
	size = take_le32(&c);
	if (c.bad)
		return fail(err, -EBADMSG, "quote: cut off in the quoting enclave's certification");
	if (type < CERT_PPID_PLAIN || type > CERT_PCK_CHAIN)
		return fail(err, -ENOTSUP,
			    "quote: certification data type %u is not known here (1 to 5 are)",
			    type);
	if (size != cursor_left(&c))
		return fail(err, -EBADMSG,
			    "quote: certification data has %zu bytes, the quote says %u",
			    cursor_left(&c), size);
	q->certification = (enum quote_certification)type;
	q->certification_data = take(&c, size);
	sgx_report_body_parse(q->qe_report, &q->qe);
	return ppid_parse(q, err);
}

static int signature_parse(struct span in, struct quote *q, struct cattest_error *err)
{
	struct cursor c = CURSOR(in);

	q->signature = take(&c, 64);
	q->attestation_key = take(&c, 64);
	if (c.bad)
		return fail(err, -EBADMSG, "quote: signature data of %zu bytes is too short",
			    in.size);
	if (q->version >= 4) {
		uint16_t type = take_le16(&c);
		uint32_t size = take_le32(&c);

		if (c.bad)
			return fail(err, -EBADMSG, "quote: cut off in the certification data");
		if (type != CERT_QE_REPORT)
			return fail(err, -EBADMSG,
				    "quote: version %u has certification data type 6, not %u",
				    q->version, type);
		if (size != cursor_left(&c))
			return fail(err, -EBADMSG,
				    "quote: certification data has %zu bytes, the quote says %u",
				    cursor_left(&c), size);
	}
	return qe_parse(take(&c, cursor_left(&c)), q, err);
}

int quote_parse(struct span in, struct quote *ret_quote, struct cattest_error *err)
{
	struct cursor c = CURSOR(in);
	struct quote q = { 0 };
	struct span signature;
	uint32_t size;
	int r;

	r = header_parse(&c, &q, err);
	if (!r)
		r = body_parse(&c, &q, err);
	if (r)
		return r;
	size = take_le32(&c);
	signature = take(&c, size);
	if (c.bad)
		return fail(err, -EBADMSG,
			    "quote: cut off, the signature data does not fit in %zu bytes",
			    in.size);
	r = signature_parse(signature, &q, err);
	if (r)
		return r;
	q.trailing = cursor_left(&c);
	*ret_quote = q;
	return 0;
}

bool quote_detect(struct span in, enum quote_tee tee)
{
	struct cursor c = CURSOR(in);
	uint16_t version = take_le16(&c), key_type = take_le16(&c);
	uint32_t found = take_le32(&c);

	/* The key type tells it from an SNP report, whose bytes 2 and 3 are zero. */
	return in.size >= QUOTE_HEADER_SIZE + SGX_REPORT_BODY_SIZE && version >= 3 &&
	       version <= 5 && (key_type == KEY_ECDSA_P256 || key_type == KEY_ECDSA_P384) &&
	       (found == (uint32_t)tee || (version == 3 && tee == TEE_SGX));
}
