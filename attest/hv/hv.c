/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging evidence "cloister-hv", from the root down: the attestation key is one that is trusted,
 * it belongs to a TPM, the TPM's quote holds the hypervisor's report in PCRs that only the
 * hypervisor could write, the report's key signed the enclave's report body. What the boot chain in
 * PCR 0-7 must be is the policy's business: those PCRs and the facts of the event log are claims.
 */
#include "attest/hv/hv.h"

#include "attest/dcap/dcap.h"
#include "attest/tpm/eventlog.h"
#include "attest/tpm/tpm.h"
#include "attest/x509/x509.h"

#include <errno.h>
#include <openssl/crypto.h>

/* SGX report body: Intel SDM volume 3D, "REPORT". */
#define BODY_ATTRIBUTES 48
#define ATTRIBUTE_DEBUG 2
#define BODY_REPORT_DATA 320

static const uint8_t hv_vendor[16] = REPORT_VENDOR_HV;

struct hv_evidence {
	struct hv_parts parts;
	struct span body;
	struct tpm_quote quote;
	struct tpm_signature signature;
	struct tpm_public ak;
	struct tpm_pcrs pcrs;
	struct x509_list certificates;
};

static bool hv_detect(struct span in)
{
	return in.size > REPORT_QUOTE_PREFIX + 4 &&
	       !memcmp(in.data + offsetof(struct report_quote_head, vendor), hv_vendor,
		       sizeof(hv_vendor));
}

static int parse_outer(struct appraisal *a, struct span in, struct hv_evidence *e)
{
	struct report_quote_head expected;
	uint32_t size;
	int rc;

	if (in.size <= REPORT_QUOTE_PREFIX + 4)
		return fail(a->err, -EBADMSG, "cloister-hv: %zu bytes are too few", in.size);
	memcpy(&size, in.data + REPORT_QUOTE_PREFIX, 4);
	if (size != in.size - REPORT_QUOTE_PREFIX - 4)
		return fail(a->err, -EBADMSG, "cloister-hv: says that %u bytes follow, but %zu do",
			    size, in.size - REPORT_QUOTE_PREFIX - 4);
	rc = hv_parse_map(SPAN(in.data + REPORT_QUOTE_PREFIX + 4, size), &e->parts, a->err);
	if (rc)
		return rc;
	expected = hv_head(&e->parts.report);
	if (memcmp(in.data, &expected, sizeof(expected)))
		return fail(a->err, -EBADMSG,
			    "cloister-hv: the head is not the one of this hypervisor's report");
	e->body = SPAN(in.data + sizeof(expected), REPORT_SGX_BODY_SIZE);
	return 0;
}

static int parse_inner(struct appraisal *a, struct hv_evidence *e)
{
	const struct hv_parts *p = &e->parts;
	int rc = tpm_quote_parse(p->attest, &e->quote, a->err);

	if (!rc)
		rc = tpm_signature_parse(p->attest_signature, &e->signature, a->err);
	if (!rc)
		rc = tpm_public_parse(p->ak, &e->ak, a->err);
	for (size_t i = 0; !rc && i < p->certificate_count; i++) {
		X509 *certificate = x509_from_der(p->certificates[i]);

		if (!certificate)
			rc = fail(
				a->err, -EBADMSG,
				"cloister-hv: certificate %zu of the attestation key is malformed",
				i);
		else
			e->certificates.items[e->certificates.count++] = certificate;
	}
	for (size_t i = 0; i < HV_PCR_COUNT; i++)
		e->pcrs.value[tpm_bank_index(TPM_SHA256)][i] = p->pcr[i];
	return rc;
}

static struct tpm_quote_request quote_request(const struct hv_evidence *e, EVP_PKEY *key,
					      const char *trust)
{
	return (struct tpm_quote_request){ .quote = e->quote,
					   .signature = e->signature,
					   .pcrs = &e->pcrs,
					   .key = key,
					   .trust = trust };
}

/* The enclave's claims are SGX's: policies for an enclave hold on both. */
static int state_claims(struct appraisal *a, const struct hv_evidence *e)
{
	const struct report_hv *r = &e->parts.report;

	if (!sgx_report_claims(a, e->body))
		return fail(a->err, -EBADMSG,
			    "cloister-hv: the enclave's report body is malformed");
	claim_uint(a, "hv.version", r->version);
	claim_bytes(a, "hv.measurement", SPAN_OF(r->measurement));
	claim_uint(a, "hv.security_version", r->security_version);
	claim_bytes(a, "hv.config", SPAN_OF(r->config));
	return 0;
}

/* --- the attestation key --- */

static struct span key_spki(EVP_PKEY *key, uint8_t **ret_owned)
{
	int size = i2d_PUBKEY(key, ret_owned);

	return SPAN(*ret_owned, size > 0 ? (size_t)size : 0);
}

static bool judge_path(struct appraisal *a, const struct hv_evidence *e, struct span spki)
{
	const struct path_request request = { .step = "hv.ak",
					      .root = CATTEST_ROOT_TPM,
					      .crl = CRL_IF_THERE,
					      .certificates = &e->certificates };
	X509 *leaf = e->certificates.items[0];
	struct path_result path;
	bool marked;
	const char *problem = span_equal(x509_spki(leaf), spki)
				      ? tpm_ak_certificate_problem(leaf, &marked)
				      : "of another key";

	if (!check_that(a, !problem, "hv.ak.certificate", "a certificate of this attestation key",
			"%s", problem ? problem : "of this key"))
		return false;
	path_verify(a, &request, &path);
	return path.ok;
}

/*
 * Nothing that is signed holds the key's attributes but its name, and the hypervisor's report holds
 * that: what is in PCR 22 was written by the hypervisor, which had read the key's public area from
 * the TPM.
 */
static void judge_name(struct appraisal *a, const struct hv_evidence *e)
{
	const uint32_t needed = TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_DATA_ORIGIN |
				TPMA_RESTRICTED | TPMA_SIGN;
	uint8_t name[TPM_NAME_MAX];
	size_t size;

	if (tpm_public_name(&e->ak, name, &size) || e->ak.name_hash != TPM_SHA256 || size != 34)
		check_fail(a, "hv.ak.name", "a name with SHA-256", "another");
	else
		check_equal(a, "hv.ak.name", SPAN_OF(e->parts.report.ak_name), SPAN(name + 2, 32));
	check_that(a, (e->ak.attributes & (needed | TPMA_DECRYPT)) == needed, "hv.ak.attributes",
		   "made in its TPM, fixed to it, restricted to sign what the TPM says",
		   "attributes 0x%x", e->ak.attributes);
}

/* How the key is trusted, for the claim tpm.ak_trust. */
static const char *judge_key(struct appraisal *a, const struct hv_evidence *e, EVP_PKEY *key)
{
	const char *trust = "none";
	uint8_t *owned = NULL;
	struct span spki = key_spki(key, &owned);

	judge_name(a, e);
	if (spki.size && verifier_root(a->verifier, CATTEST_ROOT_AK, spki)) {
		trust = verifier_ak_enrolled(a->verifier, spki) ? "ek-bound" : "pinned";
		claim_string(a, "root", "custom");
		check_pass(a, "hv.ak.trust", "the attestation key itself is trusted");
	} else if (e->certificates.count) {
		if (judge_path(a, e, spki))
			trust = "certificate";
	} else {
		check_missing(
			a, "hv.ak.trust",
			"the attestation key has no certificate and is not trusted itself: add it as a root, if it is this machine's");
	}
	OPENSSL_free(owned);
	return trust;
}

/* --- the hypervisor --- */

static bool quoted(const struct tpm_quote *q, uint32_t needed)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < q->selection_count; i++)
		if (q->selection[i].hash == TPM_SHA256)
			mask |= q->selection[i].mask;
	return (mask & needed) == needed;
}

static void judge_hypervisor(struct appraisal *a, const struct hv_evidence *e)
{
	const struct report_hv *r = &e->parts.report;
	uint8_t hash[32], pcr21[32], pcr22[32], message[HV_SIGNED_SIZE];
	EVP_PKEY *key;

	if (digest("SHA256", &SPAN(r, sizeof(*r)), 1, hash, NULL) ||
	    hv_expected_pcrs(r, pcr21, pcr22)) {
		check_fail(a, "hv.report", "hashes", "out of memory");
		return;
	}
	check_equal(a, "hv.report.quoted", SPAN_OF(hash), e->quote.extra_data);
	check_that(a, quoted(&e->quote, REPORT_HV_PCRS), "hv.pcrs.quoted",
		   "PCR 0-7, 21 and 22 of the SHA-256 bank", "the quote's selection");
	/* Nobody but the hypervisor reaches locality 2, where these are extended. */
	check_equal(a, "hv.pcr21.measurement", SPAN_OF(pcr21),
		    e->parts.pcr[REPORT_HV_PCR_MEASUREMENT]);
	check_equal(a, "hv.pcr22.report", SPAN_OF(pcr22), e->parts.pcr[REPORT_HV_PCR_KEY]);
	hv_signed_bytes(r, e->body.data, message);
	key = ec_key("P-256", SPAN_OF(r->key));
	check_that(a, key && ecdsa_verify(key, "SHA256", SPAN_OF(message), e->parts.signature),
		   "hv.signature", "ECDSA P-256 by the hypervisor's key", "the enclave's report");
	EVP_PKEY_free(key);
	if (r->attributes & REPORT_ATTRIBUTE_DEBUG)
		check_that(a, e->body.data[BODY_ATTRIBUTES] & ATTRIBUTE_DEBUG, "hv.debug",
			   "a debug enclave, as the hypervisor can be debugged",
			   "attributes of the enclave");
}

static int judge(struct appraisal *a, const struct hv_evidence *e)
{
	EVP_PKEY *key = tpm_public_key(&e->ak);
	struct tpm_quote_request request;
	struct span log = e->parts.event_log;
	bool quote_ok;

	if (!key)
		return fail(a->err, -EBADMSG, "cloister-hv: the attestation key is no key");
	request = quote_request(e, key, judge_key(a, e, key));
	quote_ok = tpm_quote_appraise_with_key(a, &request);
	EVP_PKEY_free(key);
	judge_hypervisor(a, e);
	check_report_data(a, SPAN(e->body.data + BODY_REPORT_DATA, REPORT_DATA_SIZE));
	if (!log.size && a->expect->event_log_size)
		log = SPAN(a->expect->event_log, a->expect->event_log_size);
	if (log.size)
		return event_log_replay(a, log, quote_ok);
	check_note(a, "eventlog",
		   "no event log: the boot chain can only be judged by the values of PCRs");
	return 0;
}

static int hv_appraise(struct appraisal *a, struct span in)
{
	struct hv_evidence e = { 0 };
	int rc = parse_outer(a, in, &e);

	if (!rc)
		rc = parse_inner(a, &e);
	if (!rc)
		rc = state_claims(a, &e);
	if (!rc && a->decode_only) {
		struct tpm_quote_request request = quote_request(&e, NULL, "none");

		claim_bytes(a, "report_data",
			    SPAN(e.body.data + BODY_REPORT_DATA, REPORT_DATA_SIZE));
		tpm_quote_claims(a, &request);
	} else if (!rc) {
		rc = judge(a, &e);
	}
	x509_list_done(&e.certificates);
	return rc;
}

const struct evidence_type hv_type = {
	.name = "cloister-hv",
	.meaning = "enclave of Cloister's hypervisor: its SGX report, signed under a TPM quote",
	.detect = hv_detect,
	.appraise = hv_appraise,
};
