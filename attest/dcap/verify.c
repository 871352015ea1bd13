// SPDX-License-Identifier: Apache-2.0
/*
 * Verification of quotes, step by step in the order of Intel's QVL (4.1.2.4 to 4.1.2.8; the numbers below are those of 4.1.2.5):
 *
 *   form of the quote; PCK certificate: names, extension, chain, revocation; TCB info and QE identity: chain, revocation, signature, and that they
 *   are of this TEE and platform (10, 11); TDX module (12); QE report signed by the PCK key (13); attestation key bound by the
 *   QE (14); QE is the one that Intel describes (15, 16); quote signed by the attestation key (17); TCB levels (18, 19) and relaunch (20).
 *
 * Nothing is skipped because of what the quote says. A step that lacks its input is MISSING, or was preceded by the failure that
 * took the input away. What Intel leaves to the relying party is claims: debug, expiry, status, advisories, evaluation number.
 */
#include "attest/dcap/claims.h"
#include "attest/dcap/collateral_use.h"
#include "attest/dcap/dcap.h"
#include "attest/dcap/platform.h"
#include "attest/tpm/eventlog.h"
#include "lib/fuzz/outcome.h"

#include <errno.h>

struct verification {
	struct appraisal *a;
	struct quote q;
	bool tdx;
	struct platform local, *platform; /* platform NULL: no PCK certificate */
	struct intel_json *tcb_item, *qe_item;
	struct signed_json *tcb_json, *qe_json;
	const struct tcb_info *tcb; /* NULL: missing */
	const struct qe_identity *qe;
	const struct svn_level *qe_level;
	struct validity validity;
	bool signed_ok; /* every signature from the root to the body */
};

/* --- PCK certificate --- */

/* What a quote without certificate says of its platform, compared with a PCK certificate. What is encrypted there is not compared. */
static bool hints_agree(const struct quote *q, const struct pck *pck)
{
	return (q->certification != CERT_PPID_PLAIN || span_equal(q->ppid, SPAN_OF(pck->ppid))) &&
	       (!q->ppid_pceid.size || span_equal(q->ppid_pceid, SPAN_OF(pck->pceid)));
}

/* The very key that the quote says: it is derived from PPID, CPUSVN, PCESVN and PCEID, so there is no second one. */
static bool hints_name(const struct quote *q, const struct pck *pck)
{
	return q->certification == CERT_PPID_PLAIN && hints_agree(q, pck) &&
	       span_equal(q->ppid_cpusvn, SPAN_OF(pck->cpusvn)) && q->ppid_pcesvn == pck->pcesvn;
}

struct pck_search {
	X509 *found; /* its key signed, and nothing speaks against it */
	bool named;  /* the one that the quote names is there */
	bool other;  /* one signed that the quote does not mean */
};

static void pck_search(const struct verification *v, bool agreeing, struct pck_search *s)
{
	struct collateral *bag = verifier_collateral(v->a->verifier);
	struct cattest_error error;
	X509 *cert;

	for (size_t i = 0; !s->found && (cert = collateral_certificate(bag, i)); i++) {
		char name[128];
		struct pck pck;
		EVP_PKEY *key;

		x509_subject_cn(cert, name, sizeof(name));
		if (!strstr(name, PCK_COMMON_NAME) || pck_parse(cert, &pck, &error) < 0 ||
		    hints_agree(&v->q, &pck) != agreeing)
			continue;
		s->named |= hints_name(&v->q, &pck);
		key = platform_p256_key(cert);
		if (!key || !ecdsa_verify(key, "SHA256", v->q.qe_report, v->q.qe_report_signature))
			continue;
		if (agreeing)
			s->found = cert;
		else
			s->other = true;
	}
}

/*
 * Types 1 to 3 carry no certificate: one of the bag will do whose key signed the QE's report. None did: that is a refusal if the bag has
 * the certificate that the quote names, or if the quote names another platform than the one that signed it; else the right one is missing.
 */
static int platform_from_bag(struct verification *v, const char **ret_why)
{
	struct pck_search s = { .found = NULL };
	struct x509_list list = { .count = 1 };
	struct cattest_error error;

	pck_search(v, true, &s);
	if (!s.found && !s.named)
		pck_search(v, false, &s);
	if (s.found) {
		list.items[0] = s.found;
		if (!platform_from_certificates(&v->local, &list, &error)) {
			v->platform = &v->local;
			return 0;
		}
		*ret_why = "the certificate of the collateral whose key signed cannot be used";
		return -EBADMSG;
	}
	*ret_why =
		s.named ? "that of this platform and TCB is in the collateral, and its key did not sign the quoting enclave's report"
			: "the collateral's whose key signed the quoting enclave's report is of another platform than the quote names";
	return s.named || s.other ? -EKEYREJECTED : -ENOENT;
}

static void pck_find(struct verification *v)
{
	static const char step[] = "dcap.pck.certificate";
	struct appraisal *a = v->a;
	struct platform_memory *memory = v->qe ? v->qe->memory : NULL;
	struct cattest_error error = { "" };
	const char *why = "";
	char text[512];
	int ret;

	if (v->q.certification >= CERT_PCK_LEAF) {
		if (platform_get(memory, verifier_collateral(a->verifier), &v->local, &v->q,
				 &v->platform, &error) < 0)
			check_fail(a, step, "a PCK certificate", "%s",
				   safe_text(SPAN(error.text, strlen(error.text)), text,
					     sizeof(text)));
		else
			check_pass(a, step, "in the quote (type %d)", v->q.certification);
		return;
	}
	ret = platform_from_bag(v, &why);
	if (!ret) {
		check_pass(a, step, "in the collateral, for certification data of type %d",
			   v->q.certification);
	} else if (ret != -ENOENT) {
		check_fail(a, step, "the PCK certificate of the quote's platform", "%s", why);
	} else {
		check_missing(
			a, step,
			"the quote has no PCK certificate (certification data of type %d), and the collateral has "
			"none whose key signed the quoting enclave's report",
			v->q.certification);
	}
}

static void pck_verify(struct verification *v)
{
	struct appraisal *a = v->a;
	struct path_request request = { .step = "dcap.pck",
					.root = CATTEST_ROOT_INTEL,
					.crl = CRL_REQUIRED };
	const struct pck *pck = &v->platform->pck;
	struct path_result path;
	char pck_crl[512], root_crl[512], name[128];

	dcap_pck_claims(a, pck);
	x509_subject_cn(v->platform->chain.items[0], name, sizeof(name));
	if (strstr(name, "SGX PCK Certificate"))
		check_pass(a, "dcap.pck.name", PCK_COMMON_NAME);
	else
		check_fail(a, "dcap.pck.name", PCK_COMMON_NAME, "another name");
	check_that(a, v->platform->key, "dcap.pck.key", "P-256",
		   v->platform->key ? "P-256" : "another kind of key");
	url_pck_crl(a, pck->ca == PCK_CA_PLATFORM ? "platform" : "processor", pck_crl,
		    sizeof(pck_crl));
	url_root_crl(a, root_crl, sizeof(root_crl));
	request.crl_url[0] = pck_crl;
	request.crl_url[1] = root_crl;
	request.certificates = &v->platform->chain;
	path_verify(a, &request, &path);
	validity_add_path(&v->validity, &path);
	/* PCK certificate, PCK CA, root, as in Intel's QVL: the PKI has no other depth. */
	if (path.length)
		check_that(a, path.length == 3, "dcap.pck.length", "a PCK CA below the root",
			   "%zu certificates up to the root", path.length);
	v->signed_ok = path.signatures_ok && path.length == 3;
}

/* --- Collateral --- */

static void tcb_info_verify(struct verification *v)
{
	struct appraisal *a = v->a;
	const struct pck *pck = &v->platform->pck;

	v->tcb_json = signed_json_find(a, INTEL_TCB_INFO, v->tdx, pck->fmspc, &v->tcb_item);
	if (!v->tcb_json)
		return;
	v->tcb = v->tcb_json->tcb_info;
	signed_json_verify(a, v->tcb_item, v->tcb_json, &v->validity);
	/* The bag was asked for just these; what counts is what the signed object says. */
	check_that(a, v->tcb->tdx == v->tdx, "dcap.tcb_info.tee", v->tdx ? "TDX" : "SGX",
		   v->tcb->tdx ? "TDX" : "SGX");
	check_equal(a, "dcap.tcb_info.fmspc", SPAN_OF(pck->fmspc), SPAN_OF(v->tcb->fmspc));
	check_equal(a, "dcap.tcb_info.pceid", SPAN_OF(pck->pceid), SPAN_OF(v->tcb->pceid));
	if (v->tcb->tdx != v->tdx)
		v->tcb = NULL;
}

static void qe_identity_find(struct verification *v)
{
	v->qe_json = signed_json_find(v->a, INTEL_QE_IDENTITY, v->tdx, NULL, &v->qe_item);
	if (!v->qe_json)
		return;
	v->qe = v->qe_json->qe_identity;
	if (!v->qe->memory) {
		v->qe_json->qe_identity->memory = platform_memory_new();
		v->qe_json->qe_identity->memory_free = platform_memory_free;
	}
}

static void qe_identity_verify(struct verification *v)
{
	enum enclave_id expected = v->tdx ? ENCLAVE_TD_QE : ENCLAVE_QE;

	if (!v->qe)
		return;
	signed_json_verify(v->a, v->qe_item, v->qe_json, &v->validity);
	check_that(v->a, v->qe->id == expected, "dcap.qe_identity.tee", v->tdx ? "TD_QE" : "QE",
		   v->qe->id == expected ? (v->tdx ? "TD_QE" : "QE") : "of another enclave");
}

/* --- TDX module (12) --- */

static void module_verify(struct verification *v)
{
	struct appraisal *a = v->a;
	const struct td_report_body *td = &v->q.td;
	const struct tdx_module *module = &v->tcb->module;
	uint8_t version = td->tee_tcb_svn.data[1];

	if (version) {
		const struct tdx_module_identity *identity = tcb_find_module(v->tcb, version);

		if (!check_that(a, identity, "dcap.tdx_module.identity",
				"an identity in the TCB info", "TDX_%02X%s", version,
				identity ? "" : " has none"))
			return;
		module = &identity->module;
	}
	check_equal(a, "dcap.tdx_module.mrsigner", SPAN_OF(module->mrsigner), td->mrsignerseam);
	/* Zero, and equal to what the TCB info says: QVL has no use for the mask. */
	check_that(a,
		   span_is_zero(td->seam_attributes) &&
			   span_equal(td->seam_attributes, SPAN_OF(module->attributes)),
		   "dcap.tdx_module.attributes", "zero, as in the TCB info",
		   span_is_zero(td->seam_attributes) ? "zero" : "not zero");
}

/* --- Quoting enclave (13 to 16) --- */

static void qe_signature_verify(struct verification *v)
{
	bool ok = v->platform->key && ecdsa_verify(v->platform->key, "SHA256", v->q.qe_report,
						   v->q.qe_report_signature);

	check_that(v->a, ok, "dcap.qe.signature", "QE report signed by the PCK key",
		   ok ? "verifies" : "does not verify");
	v->signed_ok = v->signed_ok && ok;
}

static void qe_binding_verify(struct verification *v)
{
	const struct span parts[] = { v->q.attestation_key, v->q.qe_auth };
	uint8_t expected[64] = { 0 };
	bool ok = !digest("SHA256", parts, 2, expected, NULL) &&
		  (bytes_equal(expected, v->q.qe.report_data.data, sizeof(expected)) ||
		   fuzz_outcome());

	check_that(v->a, ok, "dcap.qe.binding",
		   "QE report data = SHA-256(attestation key, authentication data)",
		   ok ? "the same" : "another");
	v->signed_ok = v->signed_ok && ok;
}

static bool masked_equal(struct span value, const uint8_t *mask, const uint8_t *expected)
{
	for (size_t i = 0; i < value.size; i++)
		if ((value.data[i] & mask[i]) != expected[i])
			return false;
	return true;
}

static void qe_match(struct verification *v)
{
	struct appraisal *a = v->a;
	const struct sgx_report_body *report = &v->q.qe;
	const struct qe_identity *qe = v->qe;

	check_that(a, (report->miscselect & qe->miscselect_mask) == qe->miscselect,
		   "dcap.qe.miscselect", "as in the QE identity", "0x%08x", report->miscselect);
	check_that(a, masked_equal(report->attributes, qe->attributes_mask, qe->attributes),
		   "dcap.qe.attributes", "as in the QE identity", "flags 0x%llx, XFRM 0x%llx",
		   (unsigned long long)report->flags, (unsigned long long)report->xfrm);
	check_equal(a, "dcap.qe.mrsigner", SPAN_OF(qe->mrsigner), report->mrsigner);
	check_that(a, report->isvprodid == qe->isvprodid, "dcap.qe.isvprodid",
		   "as in the QE identity", "%u", report->isvprodid);
	v->qe_level = tcb_find_svn(qe->levels, qe->level_count, report->isvsvn);
	if (!v->qe_level)
		check_fail(a, "dcap.qe.tcb", "a TCB level of the QE identity",
			   "TCB_NOT_SUPPORTED: ISVSVN %u is below all of them", report->isvsvn);
	else
		check_that(a, v->qe_level->status != TCB_REVOKED, "dcap.qe.tcb", "not revoked",
			   "ISVSVN %u: %s", report->isvsvn, tcb_status_name(v->qe_level->status));
}

/* --- Quote (17) --- */

static void quote_signature_verify(struct verification *v)
{
	EVP_PKEY *own = NULL, *key;
	bool ok;

	if (v->platform)
		key = platform_attestation_key(v->platform, v->q.attestation_key);
	else
		key = own = ec_key("P-256", v->q.attestation_key);
	ok = key && ecdsa_verify(key, "SHA256", v->q.signed_bytes, v->q.signature);
	EVP_PKEY_free(own);
	check_that(v->a, ok, "dcap.quote.signature",
		   "header and body signed by the attestation key",
		   ok ? "verifies" : "does not verify");
	v->signed_ok = v->signed_ok && ok;
}

/* --- TCB (18 to 20) --- */

static bool tcb_level(struct verification *v, const char *step, const uint8_t *tee_tcb_svn,
		      struct tcb_evaluation *ret_evaluation)
{
	const char *unmatched =
		tcb_evaluate(v->tcb, &v->platform->pck, tee_tcb_svn, v->qe_level, ret_evaluation);

	if (unmatched)
		check_fail(v->a, step, "a TCB level", "TCB_NOT_SUPPORTED: %s", unmatched);
	else
		check_pass(v->a, step, "platform %s%s%s",
			   tcb_status_name(ret_evaluation->platform->status),
			   ret_evaluation->module_level ? ", TDX module " : "",
			   ret_evaluation->module_level
				   ? tcb_status_name(ret_evaluation->module_level->status)
				   : "");
	return !unmatched;
}

static void tcb_verify(struct verification *v)
{
	struct appraisal *a = v->a;
	struct tcb_evaluation launch, current;
	enum tcb_status status;

	if (!tcb_level(v, "dcap.tcb.level", v->tdx ? v->q.td.tee_tcb_svn.data : NULL, &launch))
		return;
	status = launch.status;
	if (v->q.body_type >= BODY_TD15) {
		if (!tcb_level(v, "dcap.tcb.current_level", v->q.td.tee_tcb_svn2.data, &current))
			return;
		claim_string(a, "tcb.current_status", tcb_status_name(current.status));
		status = tcb_relaunch(launch.status, current.status);
	}
	dcap_tcb_claims(a, &launch, v->qe_level, status);
	check_that(a, status != TCB_REVOKED, "dcap.tcb.status", "not revoked", "%s",
		   tcb_status_name(status));
}

static void missing(struct verification *v, const char *step, const char *what)
{
	check_missing(v->a, step, "needs the %s", what);
}

static void verify(struct verification *v)
{
	struct appraisal *a = v->a;

	qe_identity_find(v); /* before its turn: it remembers the platform's certificates */
	pck_find(v);
	if (v->platform) {
		pck_verify(v);
		tcb_info_verify(v);
	}
	qe_identity_verify(v);
	if (v->tcb && v->qe) {
		uint32_t number = v->tcb->evaluation_number < v->qe->evaluation_number
					  ? v->tcb->evaluation_number
					  : v->qe->evaluation_number;

		claim_uint(a, "tcb.evaluation_number", number);
		evaluation_numbers_note(a, v->tdx, number);
	}
	if (v->tdx && v->tcb)
		module_verify(v);
	else if (v->tdx)
		missing(v, "dcap.tdx_module.identity", "TCB info");
	if (v->platform)
		qe_signature_verify(v);
	else
		missing(v, "dcap.qe.signature", "PCK certificate");
	qe_binding_verify(v);
	if (v->qe)
		qe_match(v);
	else
		missing(v, "dcap.qe.tcb", "QE identity");
	quote_signature_verify(v);
	if (v->platform && v->tcb && v->qe_level)
		tcb_verify(v);
	else
		missing(v, "dcap.tcb.level", "PCK certificate, TCB info and QE identity");
	validity_claims(a, &v->validity);
}

/* Dumps show the platform too, if its certificate can be read. */
static void decode_platform(struct verification *v)
{
	struct cattest_error error;

	if (v->q.certification >= CERT_PCK_LEAF &&
	    !platform_get(NULL, NULL, &v->local, &v->q, &v->platform, &error))
		dcap_pck_claims(v->a, &v->platform->pck);
	else if (v->q.certification == CERT_PPID_PLAIN)
		claim_bytes(v->a, "platform.ppid", v->q.ppid);
}

/* A CC event log, unless this quote is inside evidence whose own log it is (a vTPM's). */
static int replay(struct verification *v)
{
	const struct cattest_expect *e = v->a->expect;

	if (!v->tdx || !e->event_log || (v->a->depth && !claim_find(v->a, "certificate.format")))
		return 0;
	return event_log_replay(v->a, SPAN(e->event_log, e->event_log_size), v->signed_ok);
}

static int quote_appraise(struct appraisal *a, struct span in, enum quote_tee tee)
{
	struct verification v = { .a = a, .tdx = tee == TEE_TDX };
	int r = quote_parse(in, &v.q, a->err);

	if (r)
		return r;
	if (v.q.tee != tee)
		return fail(a->err, -EBADMSG, "quote: it is of %s",
			    v.q.tee == TEE_TDX ? "TDX" : "SGX");
	dcap_quote_claims(a, &v.q);
	if (a->decode_only) {
		decode_platform(&v);
	} else {
		check_pass(a, "dcap.quote.form", "version %u, %s, body type %d, %zu bytes after it",
			   v.q.version, v.tdx ? "TDX" : "SGX", v.q.body_type, v.q.trailing);
		verify(&v);
		r = replay(&v);
	}
	platform_done(&v.local);
	return r;
}

static bool sgx_detect(struct span in)
{
	return quote_detect(in, TEE_SGX);
}
static bool tdx_detect(struct span in)
{
	return quote_detect(in, TEE_TDX);
}
static int sgx_appraise(struct appraisal *a, struct span in)
{
	return quote_appraise(a, in, TEE_SGX);
}
static int tdx_appraise(struct appraisal *a, struct span in)
{
	return quote_appraise(a, in, TEE_TDX);
}

const struct evidence_type sgx_quote_type = {
	.name = "sgx-quote",
	.meaning = "Intel SGX quote, version 3, 4 or 5",
	.detect = sgx_detect,
	.appraise = sgx_appraise,
};
const struct evidence_type tdx_quote_type = {
	.name = "tdx-quote",
	.meaning = "Intel TDX quote, version 4 or 5",
	.detect = tdx_detect,
	.appraise = tdx_appraise,
};
