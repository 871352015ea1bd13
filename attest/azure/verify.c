/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying Azure evidence, in this order:
 *
 *   snp.* or dcap.*     the hardware's report, as if it had come alone; for TDX the TD quote (a
 *                       TDREPORT can only be judged on its own machine)
 *   azure.vmpl          SNP: 0, where the paravisor runs
 *   azure.runtime_data  the report's report_data is the hash of the runtime data, and zeroes
 *   azure.td_report     TDX: the HCL's TDREPORT has the measurements that the TD quote signs
 *   azure.ak            the runtime data names one key HCLAkPub, RSA of 2048 bits or more
 *   tpm.quote.*         the vTPM's quote, signed by that key, over the PCRs beside it
 *   azure.user_data     version 2: the runtime data's user-data is what the quote carries
 *   report_data         what the caller expects is what the quote carries
 *
 * What binds to the caller: the hardware's report_data is taken up by the runtime data's hash
 * (claimed as report_data), so freshness comes from the quote's extraData, claimed as nonce. It
 * fits expected report data D if it is D, D with zeroes to 64 bytes, or a SHA-256 or SHA-384 of the
 * latter (attest/tpm/tpm.h). An HCL report without a quote carries only user-data, which the guest
 * wrote some time before: it is then that which is compared.
 */
#include "attest/azure/azure.h"
#include "attest/dcap/dcap.h"
#include "attest/snp/snp.h"
#include "attest/tpm/eventlog.h"
#include "lib/fuzz/outcome.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* --- Binding --- */

static bool is_digest_of(const char *name, struct span message, struct span value)
{
	uint8_t hash[64];
	size_t size;

	return digest(name, &message, 1, hash, &size) == 0 && size == value.size &&
	       bytes_equal(hash, value.data, size);
}

/* Step "report_data"; carried: the bytes of the evidence that the guest chose. */
static void check_binding(struct appraisal *a, struct span carried)
{
	const struct cattest_expect *e = a->expect;
	uint8_t full[CATTEST_REPORT_DATA_SIZE] = { 0 };
	char found[2 * CATTEST_REPORT_DATA_SIZE + 1], expected[2 * CATTEST_REPORT_DATA_SIZE + 1];
	struct span whole = SPAN_OF(full);
	bool ok;

	if (!e->report_data)
		return;
	memcpy(full, e->report_data, e->report_data_size);
	ok = (carried.size == e->report_data_size &&
	      bytes_equal(carried.data, full, carried.size)) ||
	     (carried.size == sizeof(full) && bytes_equal(carried.data, full, sizeof(full))) ||
	     is_digest_of("SHA256", whole, carried) || is_digest_of("SHA384", whole, carried);
	check_that(a, ok, "report_data",
		   hex_text(SPAN(e->report_data, e->report_data_size), expected, sizeof(expected)),
		   "%s", hex_text(carried, found, sizeof(found)));
}

/* --- The hardware's report --- */

static int appraise_snp(struct appraisal *a, const struct azure_hcl *hcl,
			const struct azure_evidence *e)
{
	struct snp_table table = { .count = e->vek.size ? 1 : 0 };
	struct snp_request request = { .report = hcl->report, .table = &table, .bound = false };
	const struct cattest_claim *vmpl;
	int r;

	table.entries[0].kind = SNP_ENTRY_VCEK;
	table.entries[0].data = e->vek;
	r = snp_appraise(a, &request);
	if (r < 0 || a->decode_only)
		return r;
	vmpl = claim_find(a, "snp.vmpl");
	check_that(a, vmpl && vmpl->number == 0, "azure.vmpl", "0", "%llu",
		   vmpl ? (unsigned long long)vmpl->number : ~0ull);
	return 0;
}

static int appraise_tdx(struct appraisal *a, const struct azure_evidence *e)
{
	const struct cattest_expect *outer = a->expect;
	struct cattest_expect inner = *outer;
	int r;

	if (!e->td_quote.size) {
		if (!a->decode_only)
			check_missing(
				a, "azure.td_quote",
				"a TD quote of the TDREPORT: it can only be judged on its own machine");
		return 0;
	}
	/* The caller's report data and log are of the vTPM. */
	inner.report_data = NULL;
	inner.report_data_size = 0;
	inner.event_log = NULL;
	inner.event_log_size = 0;
	a->expect = &inner;
	r = appraise_inner(a, &tdx_quote_type, e->td_quote);
	a->expect = outer;
	return r;
}

/*
 * TDREPORT_STRUCT (Intel TDX module ABI, "TDREPORT_STRUCT"): REPORTDATA at 128 of REPORTMACSTRUCT,
 * TDINFO at 512.
 */
static void check_td_report(struct appraisal *a, struct span report)
{
	static const struct {
		const char *claim;
		size_t offset, size;
	} fields[] = {
		{ "report_data", 128, 64 },	  { "tdx.mrtd", 528, 48 },
		{ "tdx.mrconfigid", 576, 48 },	  { "tdx.mrowner", 624, 48 },
		{ "tdx.mrownerconfig", 672, 48 }, { "tdx.rtmr.0", 720, 48 },
		{ "tdx.rtmr.1", 768, 48 },	  { "tdx.rtmr.2", 816, 48 },
		{ "tdx.rtmr.3", 864, 48 },
	};
	const char *differs = NULL;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && !differs; i++) {
		const struct cattest_claim *c = claim_find(a, fields[i].claim);

		if (!c || c->type != CATTEST_BYTES ||
		    !span_equal(SPAN(c->bytes, c->size),
				SPAN(report.data + fields[i].offset, fields[i].size)))
			differs = fields[i].claim;
	}
	check_that(a, !differs, "azure.td_report", "the measurements of the TD quote", "%s%s",
		   differs ? differs : "as quoted", differs ? " differs" : "");
}

/* Whether the signed report_data is the runtime data's hash. */
static bool check_runtime(struct appraisal *a, const struct azure_hcl *hcl)
{
	const struct cattest_claim *c = claim_find(a, "report_data");
	uint8_t expected[CATTEST_REPORT_DATA_SIZE] = { 0 };

	if (!c || c->size != sizeof(expected)) {
		check_missing(a, "azure.runtime_data",
			      "the hardware's report_data that its hash is to be in");
		return false;
	}
	if (digest(hcl->hash, &hcl->runtime, 1, expected, NULL) < 0) {
		check_fail(a, "azure.runtime_data", "its hash", "it could not be computed");
		return false;
	}
	if (fuzz_outcome())
		return true;
	return check_equal(a, "azure.runtime_data", SPAN_OF(expected), SPAN(c->bytes, c->size));
}

/* --- The quote --- */

static int make_request(const struct azure_evidence *e, struct tpm_quote_request *ret,
			struct cattest_error *err)
{
	int r = tpm_quote_parse(e->message, &ret->quote, err);

	ret->signature = (struct tpm_signature){ .algorithm = TPM_RSASSA,
						 .hash = TPM_SHA256,
						 .rsa = e->signature };
	ret->pcrs = &e->pcrs;
	ret->bind_report_data = false;
	return r;
}

/* The caller's log goes before the evidence's own. */
static int replay_log(struct appraisal *a, const struct azure_evidence *e, bool signed_ok)
{
	struct span log = a->expect->event_log
				  ? SPAN(a->expect->event_log, a->expect->event_log_size)
				  : e->log;

	return log.size ? event_log_replay(a, log, signed_ok) : 0;
}

/* Version 2: the guest wrote its report data into the vTPM before the quote. */
static void check_user_data(struct appraisal *a, const struct azure_evidence *e,
			    const struct azure_runtime *rt, const struct tpm_quote *quote)
{
	uint8_t full[64] = { 0 };

	if (e->version < 2)
		return;
	if (!rt->has_user_data || quote->extra_data.size > sizeof(full)) {
		check_fail(a, "azure.user_data", "what the quote carries",
			   "none, in evidence of version %u", e->version);
		return;
	}
	memcpy(full, quote->extra_data.data, quote->extra_data.size);
	check_equal(a, "azure.user_data", SPAN_OF(full), SPAN_OF(rt->user_data));
}

static int appraise_quote(struct appraisal *a, const struct azure_evidence *e,
			  const struct azure_runtime *rt, bool trusted)
{
	struct tpm_quote_request request = { .key = rt->ak,
					     .trust = a->decode_only ? NULL
						      : trusted	     ? "hcl"
								     : "none" };
	bool good = false;
	int r = make_request(e, &request, a->err);

	if (r < 0)
		return r;
	if (a->decode_only) {
		tpm_quote_claims(a, &request);
		return 0;
	}
	if (rt->ak)
		good = tpm_quote_appraise_with_key(a, &request);
	check_user_data(a, e, rt, &request.quote);
	check_binding(a, request.quote.extra_data);
	return replay_log(a, e, good && trusted);
}

static void claim_runtime(struct appraisal *a, const struct azure_hcl *hcl,
			  const struct azure_runtime *rt)
{
	claim_string(a, "azure.report_type", hcl->type == AZURE_SNP ? "snp" : "tdx");
	if (rt->has_user_data)
		claim_bytes(a, "azure.user_data", SPAN_OF(rt->user_data));
	if (rt->configuration)
		claim_string(a, "azure.vm_configuration", rt->configuration);
}

static int appraise_parts(struct appraisal *a, const struct azure_hcl *hcl,
			  const struct azure_evidence *e, const struct azure_runtime *rt)
{
	int r = hcl->type == AZURE_SNP ? appraise_snp(a, hcl, e) : appraise_tdx(a, e);
	bool trusted = false;

	if (r < 0)
		return r;
	claim_runtime(a, hcl, rt);
	if (!a->decode_only) {
		trusted = check_runtime(a, hcl);
		if (hcl->type == AZURE_TDX && e->td_quote.size)
			check_td_report(a, hcl->report);
		if (rt->ak)
			check_pass(a, "azure.ak", "HCLAkPub, RSA of %d bits",
				   EVP_PKEY_get_bits(rt->ak));
		else
			check_fail(a, "azure.ak", "a key HCLAkPub", "%s", rt->ak_fault);
	}
	if (e->has_quote)
		return appraise_quote(a, e, rt, trusted);
	if (a->decode_only)
		return 0;
	check_note(
		a, "azure.quote",
		"no quote of the vTPM: the report may be as old as the VM's boot, and no PCRs are known");
	if (rt->has_user_data)
		check_binding(a, SPAN_OF(rt->user_data));
	return 0;
}

static int appraise_hcl(struct appraisal *a, struct span in, enum azure_report type)
{
	struct azure_evidence e;
	struct azure_runtime rt;
	struct azure_hcl hcl;
	int r = azure_evidence_parse(in, &e, a->err);

	if (r < 0)
		return r;
	r = e.hcl.size ? azure_hcl_parse(e.hcl, &hcl, a->err)
		       : fail(a->err, -EBADMSG, "Azure evidence without an HCL report");
	if (!r && hcl.type != type)
		r = fail(a->err, -EBADMSG,
			 "the HCL report is of another kind (%u) than the evidence around it",
			 hcl.type);
	if (!r && (type == AZURE_SNP ? e.td_quote.size : e.vek.size))
		r = fail(a->err, -EBADMSG, "Azure evidence has parts of both SNP and TDX");
	if (!r)
		r = azure_runtime_parse(hcl.runtime, &rt, a->err);
	if (!r) {
		r = appraise_parts(a, &hcl, &e, &rt);
		azure_runtime_done(&rt);
	}
	azure_evidence_done(&e);
	return r;
}

/* --- A quote alone --- */

/* The pinned key that the quote verifies with, or the first one, whose check then fails. */
static EVP_PKEY *pinned_key(struct appraisal *a, const struct azure_evidence *e)
{
	EVP_PKEY *key, *first = verifier_root_key(a->verifier, CATTEST_ROOT_AK, 0);

	for (size_t i = 0; (key = verifier_root_key(a->verifier, CATTEST_ROOT_AK, i)); i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		bool good = ctx && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
			    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
			    EVP_DigestVerify(ctx, e->signature.data, e->signature.size,
					     e->message.data, e->message.size) == 1;

		EVP_MD_CTX_free(ctx);
		if (good)
			return key;
	}
	return first;
}

static int judge_quote(struct appraisal *a, const struct azure_evidence *e)
{
	struct tpm_quote_request request = { .trust = a->decode_only ? NULL : "pinned" };
	bool good;
	int r = make_request(e, &request, a->err);

	if (r < 0)
		return r;
	if (a->decode_only) {
		tpm_quote_claims(a, &request);
		return 0;
	}
	request.key = pinned_key(a, e);
	if (!request.key) {
		check_missing(a, "azure.ak",
			      "the vTPM's attestation key: a quote alone names none, so pin it");
		claim_bytes(a, "nonce", request.quote.extra_data);
		check_binding(a, request.quote.extra_data);
		return 0;
	}
	claim_string(a, "root", "custom");
	good = tpm_quote_appraise_with_key(a, &request);
	check_binding(a, request.quote.extra_data);
	return replay_log(a, e, good);
}

static int appraise_quote_alone(struct appraisal *a, struct span in)
{
	struct azure_evidence e;
	int r = azure_evidence_parse(in, &e, a->err);

	if (r < 0)
		return r;
	r = e.hcl.size ? fail(a->err, -EBADMSG, "this is an HCL report, not a quote alone")
		       : judge_quote(a, &e);
	azure_evidence_done(&e);
	return r;
}

/* --- The evidence types --- */

static bool has_member(struct span in, const char *name)
{
	return memmem(in.data, in.size, name, strlen(name)) != NULL;
}

static bool is_json(struct span in)
{
	return snp_json_like(in) && in.size <= SNP_JSON_MAX;
}

static uint32_t hcl_type(struct span in)
{
	struct cursor c = CURSOR(in);

	take(&c, 0x4c8);
	return take_le32(&c);
}

static bool detect_tdx(struct span in)
{
	if (span_starts(in, "HCLA", 4))
		return hcl_type(in) == AZURE_TDX;
	return is_json(in) && has_member(in, "\"td_quote\"") && has_member(in, "\"hcl_report\"");
}

static bool detect_snp(struct span in)
{
	if (span_starts(in, "HCLA", 4))
		return !detect_tdx(in);
	if (!is_json(in) || detect_tdx(in))
		return false;
	/* Of version 0 not all names: one that is misspelt is for the parser to refuse. */
	return has_member(in, "\"hcl_report\"") ||
	       (has_member(in, "\"vcek\"") &&
		(has_member(in, "\"quote\"") || has_member(in, "\"report\"")));
}

static bool detect_quote(struct span in)
{
	struct azure_evidence e = { .version = 0 };
	struct cursor c = CURSOR(in);

	/* The signature of an RSA key of 2048 bits, then a message that begins as the TPM's do */
	if (take_le64(&c) != 256)
		return false;
	take(&c, 256);
	take(&c, 8);
	e.message = take(&c, 4);
	return !c.bad && !memcmp(e.message.data, "\xff\x54\x43\x47", 4);
}

static int appraise_azure_snp(struct appraisal *a, struct span in)
{
	return appraise_hcl(a, in, AZURE_SNP);
}

static int appraise_azure_tdx(struct appraisal *a, struct span in)
{
	return appraise_hcl(a, in, AZURE_TDX);
}

const struct evidence_type azure_snp_type = {
	.name = "azure-snp",
	.meaning = "Azure confidential VM on SEV-SNP: HCL report, with or without its vTPM's quote",
	.detect = detect_snp,
	.appraise = appraise_azure_snp,
};

const struct evidence_type azure_tdx_type = {
	.name = "azure-tdx",
	.meaning = "Azure confidential VM on TDX: HCL report, TD quote and its vTPM's quote",
	.detect = detect_tdx,
	.appraise = appraise_azure_tdx,
};

const struct evidence_type azure_quote_type = {
	.name = "azure-quote",
	.meaning = "quote of an Azure vTPM alone, in bincode; its attestation key pinned",
	.detect = detect_quote,
	.appraise = appraise_quote_alone,
};
