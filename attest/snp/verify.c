/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying an SNP report: AMD 56860 and 57230, each step a check, in this order:
 *
 *   snp.reserved        fields and guest policy bits that must be zero (policy bit 17: one) are
 *   snp.algorithm       ECDSA P-384 with SHA-384
 *   snp.signing_key     VCEK or VLEK, and not hidden by MASK_CHIP_KEY (then it is not signed)
 *   snp.vmpl            0 to 3; others mean that the host asked for the report, not the guest
 *   snp.vek             the key's certificate: found, readable, of a P-384 key
 *   snp.product         of CPUID, certificate and issuer are one
 *   snp.vek.*           the path to a root of AMD's, dates and revocation (path_verify)
 *   snp.revocation      a CRL of the root was there to look at
 *   snp.chip_id         the certificate's hwID is the report's chip
 *   snp.tcb             every security patch level of the certificate is that of the reported TCB
 *   snp.signature       over bytes 0 to 0x29f
 *   snp.tcb.order       reported <= committed <= current and launch <= current, each component
 *   snp.firmware.order  committed <= current
 *   report_data
 *
 * Revocation: AMD publishes one list per product, signed by the root, that can name ASK and ASVK;
 * VEKs have no list (all VCEKs have serial number 0). With a fetcher the list is required: without
 * it nothing is trusted. Without a fetcher it is used if given, and its absence is a note and the
 * claim snp.revocation_checked = false, which a policy may refuse: offline verifiers have no duty
 * to hold one.
 *
 * MASK_CHIP_ID: the report's chip_id is zero and says nothing, yet the signature is by the
 * certified key of one chip; a note.
 */
#include "attest/collateral/collateral.h"
#include "attest/snp/keys.h"

#include <errno.h>
#include <openssl/ec.h>
#include <stdio.h>

/* Guest policy bits without a name in revision 1.58 of AMD 56860: must be zero. */
#define POLICY_RESERVED 0xfffffffffc000000u
#define POLICY_MUST_BE_ONE (1u << 17)
#define KEY_INFO_MASK_CHIP_KEY 2u
#define VMPL_MAX 3u

static void check_reserved(struct appraisal *a, const struct snp_report *r)
{
	if (r->not_zero)
		check_fail(a, "snp.reserved", "zero", "%s is not zero in a report of version %u",
			   r->not_zero, r->version);
	else if (!(r->policy & POLICY_MUST_BE_ONE))
		check_fail(a, "snp.reserved", "1", "guest policy bit 17 is 0");
	else if (r->policy & POLICY_RESERVED)
		check_fail(a, "snp.reserved", "zero", "guest policy has unknown bits: 0x%016llx",
			   (unsigned long long)r->policy);
	else
		check_pass(a, "snp.reserved", "zero");
}

static bool check_key_info(struct appraisal *a, const struct snp_report *r)
{
	enum snp_signing_key key = snp_report_signing_key(r);

	if (r->key_info & KEY_INFO_MASK_CHIP_KEY) {
		check_fail(a, "snp.signing_key", "VCEK or VLEK",
			   "MASK_CHIP_KEY is set: the report is not signed");
		return false;
	}
	return check_that(a, key == SNP_VCEK || key == SNP_VLEK, "snp.signing_key", "VCEK or VLEK",
			  "%s",
			  key == SNP_VCEK	? "VCEK"
			  : key == SNP_VLEK	? "VLEK"
			  : key == SNP_KEY_NONE ? "none: the report is not signed"
						: "a value that is reserved");
}

static bool is_p384(X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	char group[32];
	size_t len;

	return key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	       (!strcmp(group, "secp384r1") || !strcmp(group, "P-384"));
}

static bool check_vek(struct appraisal *a, const struct snp_keys *keys)
{
	if (keys->altered) {
		check_fail(
			a, "snp.vek", "a report as it was signed",
			"SIGNING_KEY was changed: the report was signed with the other kind of key");
		return false;
	}
	if (!keys->vek) {
		check_missing(a, "snp.vek", "%s", keys->missing);
		return false;
	}
	if (!keys->readable) {
		check_fail(a, "snp.vek", "a VEK's certificate", "%s", keys->why.text);
		return false;
	}
	return check_that(a, is_p384(keys->vek), "snp.vek", "a P-384 key", "%s from the %s",
			  keys->parsed.kind == SNP_VLEK ? "VLEK" : "VCEK", keys->origin);
}

static void check_product(struct appraisal *a, const struct snp_report *r,
			  const struct snp_keys *keys)
{
	const struct snp_vek *vek = &keys->parsed;
	char expected[32], issuer[64];

	claim_string(a, "snp.product", snp_product_name(vek->product));
	snp_issuer_name(vek->kind, vek->product, expected);
	x509_issuer_cn(keys->vek, issuer, sizeof(issuer));
	if (r->version >= 3 && r->product == SNP_UNKNOWN) {
		check_fail(a, "snp.product", "Milan, Genoa or Turin",
			   "CPU family 0x%02x, model 0x%02x", r->cpuid_family, r->cpuid_model);
	} else if (r->version >= 3 && r->product != vek->product) {
		check_fail(a, "snp.product", snp_product_name(vek->product),
			   "CPU family 0x%02x, model 0x%02x is %s", r->cpuid_family, r->cpuid_model,
			   snp_product_name(r->product));
	} else if (r->version < 3 && vek->product == SNP_TURIN) {
		check_fail(a, "snp.product", "Milan or Genoa",
			   "a Turin makes no report of version %u", r->version);
	} else {
		char text[64];

		check_that(a, !strcmp(issuer, expected), "snp.product", expected,
			   "%s, certified by %s", snp_product_name(vek->product),
			   safe_text(SPAN(issuer, strlen(issuer)), text, sizeof(text)));
	}
}

static void check_path(struct appraisal *a, const struct snp_keys *keys)
{
	struct path_request request = {
		.step = "snp.vek",
		.root = CATTEST_ROOT_AMD,
		.crl = CRL_IF_THERE,
		.certificates = &keys->chain,
	};
	struct path_result path;
	bool listed, fetcher = verifier_fetcher(a->verifier) != NULL;
	char url[256];

	url_amd_crl(a, keys->parsed.kind == SNP_VLEK, snp_product_name(keys->parsed.product), url,
		    sizeof(url));
	if (fetcher)
		request.crl_url[1] = url;
	path_verify(a, &request, &path);
	listed = path.signatures_ok && snp_keys_revocation(a, keys);
	claim_bool(a, "snp.revocation_checked", listed);
	if (path.signatures_ok) {
		claim_bool(a, "collateral.expired", !path.dates_ok);
		claim_time(a, "collateral.expires", path.valid_until);
		if (path.lists_issued != INT64_MAX)
			claim_time(a, "collateral.issued", path.lists_issued);
	}
	if (listed)
		check_pass(a, "snp.revocation", "the CRL of AMD's root was looked at");
	else if (fetcher && path.signatures_ok)
		check_missing(a, "snp.revocation", "the CRL of AMD's root: %s", url);
	else
		check_note(
			a, "snp.revocation",
			"no CRL of AMD's root was looked at: whether its intermediate is revoked is not known");
}

static void check_chip(struct appraisal *a, const struct snp_report *r, const struct snp_vek *vek)
{
	char text[40];
	size_t size = vek->hwid.size;

	if (vek->kind == SNP_VLEK) {
		claim_text(a, "snp.csp_id", vek->csp_id);
		check_pass(a, "snp.chip_id", "a VLEK belongs to its cloud, not to a chip");
	} else if (span_is_zero(r->chip_id)) {
		check_note(a, "snp.chip_id", "masked by the host; the certificate is of chip %s",
			   hex_text(vek->hwid, text, sizeof(text)));
	} else if (!span_is_zero(SPAN(r->chip_id.data + size, r->chip_id.size - size))) {
		check_fail(a, "snp.chip_id", "8 bytes and zeroes", "%s",
			   hex_text(r->chip_id, text, sizeof(text)));
	} else {
		check_equal(a, "snp.chip_id", vek->hwid, SPAN(r->chip_id.data, size));
	}
}

static void check_levels(struct appraisal *a, const struct snp_report *r, const struct snp_vek *vek)
{
	const char *component = NULL;
	char text[20];

	hex_text(r->reported_tcb, text, sizeof(text));
	if (snp_vek_tcb_equal(vek, r->reported_tcb, &component))
		check_pass(a, "snp.tcb", "reported %s is the certificate's", text);
	else
		check_fail(a, "snp.tcb", "the certificate's security patch levels",
			   "%s differs in reported %s", component, text);
}

static void check_signature(struct appraisal *a, const struct snp_report *r,
			    const struct snp_keys *keys)
{
	uint8_t raw[96];

	if (!snp_report_signature(r, raw))
		check_fail(a, "snp.signature", "ECDSA P-384", "r or s is larger than 48 bytes");
	else
		check_that(a,
			   ecdsa_verify(X509_get0_pubkey(keys->vek), "SHA384",
					SPAN(r->raw.data, SNP_SIGNED_SIZE), SPAN_OF(raw)),
			   "snp.signature", "a signature by the VEK", "over bytes 0 to 0x29f");
}

static bool tcb_at_most(struct span low, struct span high)
{
	for (size_t i = 0; i < SNP_TCB_SIZE; i++)
		if (low.data[i] > high.data[i])
			return false;
	return true;
}

static void check_order(struct appraisal *a, const struct snp_report *r)
{
	const char *wrong =
		!tcb_at_most(r->reported_tcb, r->committed_tcb)	 ? "reported is above committed"
		: !tcb_at_most(r->committed_tcb, r->current_tcb) ? "committed is above current"
		: !tcb_at_most(r->launch_tcb, r->current_tcb)	 ? "launch is above current"
								 : NULL;

	check_that(a, !wrong, "snp.tcb.order",
		   "reported <= committed <= current, launch <= current", "%s",
		   wrong ? wrong : "in order");
	check_that(a, snp_version_number(r->committed) <= snp_version_number(r->current),
		   "snp.firmware.order", "committed <= current", "%u.%u.%u, %u.%u.%u",
		   r->committed.major, r->committed.minor, r->committed.build, r->current.major,
		   r->current.minor, r->current.build);
}

static void verify_key(struct appraisal *a, const struct snp_report *r, const struct snp_keys *keys)
{
	if (!check_vek(a, keys)) {
		if (r->product)
			claim_string(a, "snp.product", snp_product_name(r->product));
		if (keys->vek || keys->altered)
			check_fail(a, "snp.signature", "a signature by the VEK",
				   "there is no key to judge it with");
		else
			check_missing(a, "snp.signature", "the VEK that is to be judged with");
		return;
	}
	check_product(a, r, keys);
	check_path(a, keys);
	check_chip(a, r, &keys->parsed);
	check_levels(a, r, &keys->parsed);
	check_signature(a, r, keys);
}

static int verify(struct appraisal *a, const struct snp_report *r, const struct snp_table *table)
{
	struct snp_keys keys;
	int ret;

	check_reserved(a, r);
	check_that(a, r->signature_algorithm == 1, "snp.algorithm", "1: ECDSA P-384 with SHA-384",
		   "%u", r->signature_algorithm);
	if (check_key_info(a, r)) {
		check_that(a, r->vmpl <= VMPL_MAX, "snp.vmpl", "0 to 3: asked for by the guest",
			   "%u", r->vmpl);
		ret = snp_keys_find(a, r, table, &keys);
		if (ret < 0)
			return ret;
		verify_key(a, r, &keys);
		snp_keys_done(&keys);
	} else if (r->product) {
		claim_string(a, "snp.product", snp_product_name(r->product));
	}
	check_order(a, r);
	return 0;
}

/* Decoding: what came along, as it describes itself. */
static void claim_table(struct appraisal *a, const struct snp_table *table)
{
	for (size_t i = 0; table && i < table->count; i++) {
		const struct snp_entry *e = &table->entries[i];
		struct x509_list list = { .count = 0 };
		char subject[64] = "", issuer[64] = "", s[128], t[128], end[32] = "";

		if (x509_list_from(e->data, &list) == 0 && list.count) {
			x509_subject_cn(list.items[0], subject, sizeof(subject));
			x509_issuer_cn(list.items[0], issuer, sizeof(issuer));
			time_text(x509_not_after(list.items[0]), end);
		}
		claim_add(a, "snp.certificates", "%s%s%s, %zu bytes, %s by %s until %s",
			  snp_entry_name(e->kind), *e->guid ? " " : "", e->guid, e->data.size,
			  safe_text(SPAN(subject, strlen(subject)), s, sizeof(s)),
			  safe_text(SPAN(issuer, strlen(issuer)), t, sizeof(t)), end);
		x509_list_done(&list);
	}
}

int snp_appraise(struct appraisal *a, const struct snp_request *request)
{
	struct snp_report report;
	int r = snp_report_parse(request->report, &report, a->err);

	if (r < 0)
		return r;
	snp_report_claims(a, &report);
	if (a->decode_only) {
		if (report.product)
			claim_string(a, "snp.product", snp_product_name(report.product));
		claim_bytes(a, "report_data", report.report_data);
		claim_table(a, request->table);
		return 0;
	}
	r = verify(a, &report, request->table);
	if (r < 0)
		return r;
	if (request->bound)
		check_report_data(a, report.report_data);
	else
		claim_bytes(a, "report_data", report.report_data);
	return 0;
}
