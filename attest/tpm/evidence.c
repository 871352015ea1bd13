/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM quote as evidence: form, then the attestation key and why it should be trusted, then each
 * quote with it, then the event log against the PCRs that were quoted.
 *
 * The key in the evidence is only ever a candidate. It is trusted if the relying party pinned it
 * (after it saw MakeCredential answered, or by any other way), or if a certificate for it leads to
 * a root of TPM certificates that the relying party gave; there are no built-in ones. Without
 * either the verification is undecided, since anybody can make a key and sign anything.
 */
#include "attest/tpm/evidence.h"
#include "attest/tpm/eventlog.h"
#include "attest/x509/x509.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

static int read_any_form(struct span in, struct tpm_evidence *e, struct cattest_error *err)
{
	int (*const forms[])(struct span, struct tpm_evidence *, struct cattest_error *) = {
		tpm_evidence_from_json,
		tpm_evidence_from_protobuf,
		tpm_evidence_from_keylime,
	};
	int ret = -ENOENT;

	for (size_t i = 0; ret == -ENOENT && i < sizeof(forms) / sizeof(forms[0]); i++) {
		memset(e, 0, sizeof(*e));
		ret = forms[i](in, e, err);
		if (ret)
			tpm_evidence_done(e);
	}
	return ret;
}

static bool tpm_detect(struct span in)
{
	struct tpm_evidence e;
	int ret;

	if (in.size < 64 || (in.data[0] != 0x0a && in.data[0] != 'r' &&
			     !memchr(in.data, '{', in.size < 64 ? in.size : 64)))
		return false;
	ret = read_any_form(in, &e, NULL);
	if (!ret)
		tpm_evidence_done(&e);
	/* Of the form, if not well-formed: appraising says what is wrong. */
	return ret != -ENOENT;
}

static int read_quote(const struct tpm_evidence_quote *from, struct tpm_quote_request *ret,
		      struct cattest_error *err)
{
	int code = tpm_quote_parse(from->message, &ret->quote, err);

	if (code)
		return code;
	ret->pcrs = from->has_pcrs ? &from->pcrs : NULL;
	if (from->raw_rsa) {
		ret->signature = (struct tpm_signature){ .algorithm = TPM_RSASSA,
							 .hash = TPM_SHA256,
							 .rsa = from->signature };
		return 0;
	}
	return tpm_signature_parse(from->signature, &ret->signature, err);
}

/* The key that the evidence names, or without one the pinned key that signed the first quote. */
static int find_key(struct appraisal *a, const struct tpm_evidence *e,
		    const struct tpm_quote_request *first, EVP_PKEY **ret_key,
		    struct tpm_public *ret_public)
{
	EVP_PKEY *key;

	memset(ret_public, 0, sizeof(*ret_public));
	*ret_key = NULL;
	if (e->ak.size) {
		*ret_key = tpm_key_of_any_form(e->ak, ret_public);
		return *ret_key
			       ? 0
			       : fail(a->err, -EBADMSG,
				      "tpm: the attestation key is neither a TPM2B_PUBLIC nor a SubjectPublicKeyInfo");
	}
	for (size_t i = 0;
	     !a->decode_only && (key = verifier_root_key(a->verifier, CATTEST_ROOT_AK, i)); i++)
		if (!tpm_signature_problem(key, &first->signature, first->quote.message)) {
			EVP_PKEY_up_ref(key);
			*ret_key = key;
			return 0;
		}
	return 0;
}

static void check_attributes(struct appraisal *a, const struct tpm_public *p)
{
	const uint32_t needed = TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_DATA_ORIGIN |
				TPMA_RESTRICTED | TPMA_SIGN;

	check_that(a, (p->attributes & needed) == needed && !(p->attributes & TPMA_DECRYPT),
		   "tpm.ak.attributes",
		   "made in this TPM, stays in it, signs only what the TPM made", "0x%08x",
		   p->attributes);
}

/* "ek-bound" (the record of an enrolment), "pinned" (the key alone), or NULL. */
static const char *given_trust(struct appraisal *a, EVP_PKEY *key)
{
	unsigned char *spki = NULL;
	int size = i2d_PUBKEY(key, &spki);
	const char *trust = NULL;

	if (size > 0 && verifier_root(a->verifier, CATTEST_ROOT_AK, SPAN(spki, (size_t)size)))
		trust = verifier_ak_enrolled(a->verifier, SPAN(spki, (size_t)size)) ? "ek-bound"
										    : "pinned";
	OPENSSL_free(spki);
	return trust;
}

/* A certificate for the key, up to a root of the caller's. */
static int check_certificate(struct appraisal *a, const struct tpm_evidence *e, EVP_PKEY *key,
			     bool *ret_trusted)
{
	struct x509_list list = { 0 };
	struct path_request request = {
		.step = "tpm.ak.path",
		.root = CATTEST_ROOT_TPM,
		.crl = CRL_IF_THERE,
		.certificates = &list,
	};
	struct path_result path = { 0 };
	const char *problem;
	bool marked;
	int ret = 0;

	for (size_t i = 0; !ret && i < e->certificate_count; i++)
		ret = x509_list_read(a, e->certificate[i], &list);
	if (ret || !list.count) {
		x509_list_done(&list);
		return fail(a->err, ret == -ENOMEM ? ret : -EBADMSG,
			    "tpm: the attestation key's certificates are malformed");
	}
	if (verifier_root_certificate(a->verifier, CATTEST_ROOT_TPM, 0)) {
		path_verify(a, &request, &path);
		if (path.signatures_ok) {
			claim_bool(a, "collateral.expired", !path.dates_ok);
			claim_time(a, "collateral.expires", path.valid_until);
			if (path.lists_issued != INT64_MAX)
				claim_time(a, "collateral.issued", path.lists_issued);
		}
		problem = tpm_ak_certificate_problem(list.items[0], &marked);
		if (!problem && (!X509_get0_pubkey(list.items[0]) ||
				 EVP_PKEY_eq(X509_get0_pubkey(list.items[0]), key) != 1))
			problem = "of another key";
		check_that(a, !problem, "tpm.ak.certificate",
			   "a certificate of this attestation key", "%s",
			   problem ? problem : "of this key");
		if (!problem && !marked)
			check_note(
				a, "tpm.ak.restricted",
				"the certificate does not say that the key signs only what the TPM made: its CA must certify no others");
		*ret_trusted = path.ok && !problem;
	} else {
		check_missing(a, "tpm.ak.path", "a root of TPM certificates: none was given");
	}
	x509_list_done(&list);
	return ret;
}

/* Says why the key is trusted: "ek-bound", "pinned", "certificate" or "none". */
static int judge_key(struct appraisal *a, const struct tpm_evidence *e, EVP_PKEY *key,
		     const struct tpm_public *public_area, const char **ret_trust)
{
	bool trusted = false;
	int ret = 0;

	if (public_area->area.size)
		check_attributes(a, public_area);
	*ret_trust = given_trust(a, key);
	if (*ret_trust) {
		check_pass(a, "tpm.ak.trust", "the key is %s",
			   strcmp(*ret_trust, "pinned")
				   ? "enrolled: bound to a certified endorsement key"
				   : "pinned");
		return 0;
	}
	*ret_trust = "none";
	if (e->certificate_count)
		ret = check_certificate(a, e, key, &trusted);
	else
		check_missing(a, "tpm.ak.trust",
			      "the key is not pinned, and the evidence has no certificate for it");
	if (trusted)
		*ret_trust = "certificate";
	return ret;
}

static void claim_name(struct appraisal *a, const struct tpm_public *public_area)
{
	uint8_t name[TPM_NAME_MAX];
	size_t size;

	if (public_area->area.size && !tpm_public_name(public_area, name, &size))
		claim_bytes(a, "tpm.ak_name", SPAN(name, size));
}

/* Without a key there is nothing to verify: claims of the first quote, and what is missing. */
static void state_without_key(struct appraisal *a, struct tpm_quote_request *requests, size_t count)
{
	for (size_t i = 0; i < count; i++)
		tpm_quote_claims(a, &requests[i]);
	if (!a->decode_only)
		check_missing(
			a, "tpm.ak.trust",
			"the attestation key: the evidence has none, and no pinned one signed it");
}

static int judge_quotes(struct appraisal *a, const struct tpm_evidence *e,
			struct tpm_quote_request *requests, EVP_PKEY *key,
			const struct tpm_public *public_area)
{
	struct span log = SPAN(a->expect->event_log, a->expect->event_log_size);
	const char *trust;
	bool good = true;
	int ret = judge_key(a, e, key, public_area, &trust);

	if (ret)
		return ret;
	claim_name(a, public_area);
	if (e->ek_certificate.size)
		check_note(
			a, "tpm.ek",
			"an endorsement key's certificate is there, but binds the attestation key to nothing");
	for (size_t i = 0; i < e->quote_count; i++) {
		requests[i].key = key;
		requests[i].trust = trust;
		/* All banks before one fails the others: people want the whole table. */
		good &= tpm_quote_appraise_with_key(a, &requests[i]);
	}
	if (!log.size)
		log = e->event_log;
	return log.size ? event_log_replay(a, log, good) : 0;
}

static int appraise_quotes(struct appraisal *a, const struct tpm_evidence *e)
{
	struct tpm_quote_request requests[TPM_QUOTES_MAX] = { 0 };
	struct tpm_public public_area;
	EVP_PKEY *key = NULL;
	int ret = 0;

	for (size_t i = 0; !ret && i < e->quote_count; i++) {
		requests[i].bind_report_data = true;
		ret = read_quote(&e->quote[i], &requests[i], a->err);
	}
	if (!ret)
		ret = find_key(a, e, &requests[0], &key, &public_area);
	if (ret)
		return ret;
	if (a->decode_only || !key) {
		requests[0].key = key;
		claim_name(a, &public_area);
		state_without_key(a, requests, e->quote_count);
	} else {
		ret = judge_quotes(a, e, requests, key, &public_area);
	}
	EVP_PKEY_free(key);
	return ret;
}

static int tpm_appraise(struct appraisal *a, struct span in)
{
	struct tpm_evidence e;
	int ret = read_any_form(in, &e, a->err);

	if (ret == -ENOENT)
		return fail(a->err, -EBADMSG, "tpm: no TPM quote in a form that is known here");
	if (ret)
		return ret;
	ret = appraise_quotes(a, &e);
	tpm_evidence_done(&e);
	return ret;
}

const struct evidence_type tpm_quote_type = {
	.name = "tpm-quote",
	.meaning = "TPM 2.0 quote with its attestation key, PCR values and event log",
	.detect = tpm_detect,
	.appraise = tpm_appraise,
};
