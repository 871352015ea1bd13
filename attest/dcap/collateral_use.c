// SPDX-License-Identifier: Apache-2.0
/*
 * TCB info and QE identity: Intel's QVL, 4.1.2.7 and 4.1.2.8. The signature is ECDSA P-256 over the exact bytes of the inner object, by a
 * certificate named "Intel SGX TCB Signing", whose chain ends in Intel's root and which the root's CRL does not name.
 *
 * Dates are claims, not checks: Intel too gives expiry beside the status, and the policy decides. What is not valid at the time
 * judged at is noted, and asked for anew if there is a fetcher.
 */
#include "attest/dcap/collateral_use.h"

#include "attest/dcap/platform.h"

#include <stdlib.h>

/* Steps of one kind: checks keep the pointers. */
struct steps {
	const char *prefix, *form, *chain, *length, *signer, *signature, *dates, *name;
};
static const struct steps kinds[] = {
	[INTEL_TCB_INFO] = { "dcap.tcb_info", "dcap.tcb_info.form", "dcap.tcb_info.chain",
			     "dcap.tcb_info.length", "dcap.tcb_info.signer",
			     "dcap.tcb_info.signature", "dcap.tcb_info.validity", "TCB info" },
	[INTEL_QE_IDENTITY] = { "dcap.qe_identity", "dcap.qe_identity.form",
				"dcap.qe_identity.chain", "dcap.qe_identity.length",
				"dcap.qe_identity.signer", "dcap.qe_identity.signature",
				"dcap.qe_identity.validity", "QE identity" },
};

void validity_add(struct validity *v, int64_t from, int64_t until)
{
	if (!v->any || from > v->from)
		v->from = from;
	if (!v->any || until < v->until)
		v->until = until;
	v->any = true;
}

void validity_issued(struct validity *v, int64_t issued)
{
	if (!v->has_issued || issued < v->issued)
		v->issued = issued;
	v->has_issued = true;
}

void validity_add_path(struct validity *v, const struct path_result *path)
{
	if (path->lists_issued != INT64_MAX)
		validity_issued(v, path->lists_issued);
	if (path->valid_until && path->valid_from <= path->valid_until)
		validity_add(v, path->valid_from, path->valid_until);
	else if (path->valid_until)
		v->bad_dates = true;
}

void validity_claims(struct appraisal *a, const struct validity *v)
{
	if (!v->any)
		return;
	claim_bool(a, "collateral.expired", v->bad_dates || a->now < v->from || a->now > v->until);
	claim_time(a, "collateral.expires", v->until);
	if (v->has_issued)
		claim_time(a, "collateral.issued", v->issued);
}

static void signed_json_free(void *data)
{
	struct signed_json *json = data;

	if (!json)
		return;
	tcb_info_free(json->tcb_info);
	qe_identity_free(json->qe_identity);
	x509_list_done(&json->chain);
	free(json);
}

static struct intel_json *find(struct appraisal *a, enum intel_json_kind kind, bool tdx,
			       const uint8_t fmspc[6])
{
	static const char *const ids[][2] = {
		[INTEL_TCB_INFO] = { "SGX", "TDX" }, [INTEL_QE_IDENTITY] = { "QE", "TD_QE" }
	};

	return collateral_find_json(verifier_collateral(a->verifier), kind, ids[kind][tdx], fmspc,
				    a->now);
}

struct signed_json *signed_json_find(struct appraisal *a, enum intel_json_kind kind, bool tdx,
				     const uint8_t fmspc[6], struct intel_json **ret_item)
{
	struct intel_json *item = find(a, kind, tdx, fmspc);
	struct cattest_error error = { "" };
	struct signed_json *json;
	int r;

	if (!item || a->now > item->next_update) {
		const char *why = "not in the collateral";
		char url[512];

		if (kind == INTEL_TCB_INFO)
			url_tcb_info(a, tdx, fmspc, url, sizeof(url));
		else
			url_qe_identity(a, tdx, url, sizeof(url));
		if (collateral_fetch(a, url, &why))
			item = find(a, kind, tdx, fmspc);
		if (!item) {
			char hex[16] = "";

			check_missing(a, kinds[kind].prefix, "%s of %s%s%s: %s", kinds[kind].name,
				      tdx ? "TDX" : "SGX", kind == INTEL_TCB_INFO ? ", FMSPC " : "",
				      kind == INTEL_TCB_INFO
					      ? hex_text(SPAN(fmspc, 6), hex, sizeof(hex))
					      : "",
				      why);
			return NULL;
		}
	}
	*ret_item = item;
	if (item->parsed)
		return item->parsed;
	json = calloc(1, sizeof(*json));
	if (!json)
		return NULL;
	r = kind == INTEL_TCB_INFO ? tcb_info_parse(item->body, &json->tcb_info, &error)
				   : qe_identity_parse(item->body, &json->qe_identity, &error);
	if (r) {
		char text[512];

		check_fail(a, kinds[kind].form, "as Intel's API states it", "%s",
			   safe_text(SPAN(error.text, strlen(error.text)), text, sizeof(text)));
		free(json);
		return NULL;
	}
	item->parsed = json;
	item->parsed_free = signed_json_free;
	return json;
}

static bool is_signer(const X509 *cert)
{
	char name[128];

	x509_subject_cn(cert, name, sizeof(name));
	return strstr(name, "SGX TCB Signing"); /* the phrase of QVL 4.1.2.7.5 */
}

static bool signs(const X509 *cert, const struct intel_json *item)
{
	EVP_PKEY *key = platform_p256_key(cert);

	return key && ecdsa_verify(key, "SHA256", item->body, SPAN_OF(item->signature));
}

static void chain_add(struct x509_list *list, X509 *cert)
{
	if (list->count < X509_LIST_MAX && X509_up_ref(cert))
		list->items[list->count++] = cert;
}

static bool valid_now(const struct appraisal *a, const X509 *cert)
{
	return x509_not_before(cert) <= a->now && a->now <= x509_not_after(cert);
}

/* A signer of the bag: one that did sign this before one that did not, then one that is valid now. There are two of Intel's, with the
 * same name. */
static X509 *bag_signer(struct appraisal *a, const struct intel_json *item)
{
	struct collateral *bag = verifier_collateral(a->verifier);
	X509 *best = NULL, *cert;
	int best_rank = -1;

	for (size_t i = 0; (cert = collateral_certificate(bag, i)); i++) {
		int rank;

		if (!is_signer(cert))
			continue;
		rank = 2 * signs(cert, item) + valid_now(a, cert);
		if (rank > best_rank) {
			best = cert;
			best_rank = rank;
		}
	}
	return best;
}

/* The signing chain with its leaf first: the item's own, or from the bag (where the path finds the rest). */
static void signing_chain(struct appraisal *a, const struct intel_json *item,
			  struct x509_list *ret_chain)
{
	X509 *leaf = NULL;

	for (size_t i = 0; i < item->chain.count && !leaf; i++)
		if (is_signer(item->chain.items[i]))
			leaf = item->chain.items[i];
	if (!leaf)
		leaf = item->chain.count ? item->chain.items[0] : bag_signer(a, item);
	if (!leaf)
		return;
	chain_add(ret_chain, leaf);
	for (size_t i = 0; i < item->chain.count; i++)
		if (item->chain.items[i] != leaf)
			chain_add(ret_chain, item->chain.items[i]);
}

static void note_dates(struct appraisal *a, const struct steps *steps,
		       const struct intel_json *item)
{
	char from[32], until[32];

	if (a->now >= item->issue_date && a->now <= item->next_update)
		return;
	check_note(a, steps->dates, "%s is valid from %s to %s: not at the time judged at",
		   steps->name, time_text(item->issue_date, from),
		   time_text(item->next_update, until));
}

/* The chain that is kept, unless the bag may hold a better one by now. */
static void choose_chain(struct appraisal *a, struct intel_json *item, struct signed_json *json)
{
	bool own = item->chain.count;

	if (json->chain.count &&
	    (own || (item->signature_state > 0 && valid_now(a, json->chain.items[0]))))
		return;
	x509_list_done(&json->chain);
	json->chain.count = 0;
	item->signature_state = 0;
	signing_chain(a, item, &json->chain);
}

/* The signer is most often the one of the TCB info: its path need not be gone twice. */
static void signer_verify(struct appraisal *a, const struct steps *steps,
			  const struct x509_list *chain, struct validity *v)
{
	struct path_request request = { .step = steps->prefix,
					.root = CATTEST_ROOT_INTEL,
					.crl = CRL_REQUIRED,
					.certificates = chain };
	struct path_result path;
	char url[512];

	if (v->signer && !X509_cmp(v->signer, chain->items[0])) {
		check_pass(a, steps->chain, "that of the TCB info");
		return;
	}
	url_root_crl(a, url, sizeof(url));
	request.crl_url[0] = url;
	path_verify(a, &request, &path);
	validity_add_path(v, &path);
	/* As in Intel's QVL (TCBSigningChain): nobody but the root says who signs collateral. */
	if (path.length)
		check_that(a, path.length == 2, steps->length, "issued by the root itself",
			   "%zu certificates up to the root", path.length);
	if (path.ok && path.length == 2)
		v->signer = chain->items[0];
}

void signed_json_verify(struct appraisal *a, struct intel_json *item, struct signed_json *json,
			struct validity *v)
{
	const struct steps *steps = &kinds[item->kind];

	validity_add(v, item->issue_date, item->next_update);
	validity_issued(v, item->issue_date);
	note_dates(a, steps, item);
	choose_chain(a, item, json);
	if (!json->chain.count) {
		check_missing(a, steps->signer,
			      "the signing chain of the %s is not in the collateral", steps->name);
		return;
	}
	signer_verify(a, steps, &json->chain, v);
	if (is_signer(json->chain.items[0]))
		check_pass(a, steps->signer, TCB_SIGNING_COMMON_NAME);
	else
		check_fail(a, steps->signer, TCB_SIGNING_COMMON_NAME, "another name");
	if (!item->signature_state)
		item->signature_state = signs(json->chain.items[0], item) ? 1 : -1;
	check_that(a, item->signature_state > 0, steps->signature,
		   "ECDSA P-256 over the exact JSON", "%s",
		   item->signature_state > 0 ? "verifies" : "does not verify");
}

void evaluation_numbers_note(struct appraisal *a, bool tdx, uint32_t used)
{
	struct intel_json *item = collateral_find_json(verifier_collateral(a->verifier),
						       INTEL_TCB_EVALUATION_NUMBERS,
						       tdx ? "TDX" : "SGX", NULL, a->now);
	struct evaluation_numbers numbers;
	struct cattest_error error;

	if (!item || evaluation_numbers_parse(item->body, &numbers, &error))
		return;
	check_note(a, "dcap.evaluation_numbers",
		   "evaluation number %u was used; a list in the collateral goes from %u to %u",
		   used, numbers.oldest, numbers.newest);
}
