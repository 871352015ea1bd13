/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Nitro Enclaves: judging an attestation document. Order ("attestation process", section 3):
 * form; certificates from the root, which is pinned, to the leaf; what a leaf may be; signature;
 * time; then what the document says.
 *
 * Time: a leaf lives for three hours. With cattest_set_evidence_time the document's own time is
 * judged at. It is signed by the leaf, and taking it early is safe: a document whose signature
 * does not verify is refused whatever time it was judged at.
 *
 * Binding: user_data is the report data, since the enclave alone chooses it. nonce is often passed
 * on from whoever asks, so that an attacker could choose it; it is a claim of its own and never
 * stands in for user_data.
 */
#include "attest/nitro/nitro.h"

#include "attest/nitro/document.h"
#include "attest/x509/x509.h"
#include "lib/cbor/cbor.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

/* How far the document's clock may be ahead of ours. */
#define CLOCK_SKEW 300

static bool nitro_detect(struct span in)
{
	struct nitro_document d;
	struct cbor_item item;
	struct cbor c, value;

	/* 0xd2: tag 18; an array of 4 has the heads 0x84, 0x98 0x04..., 0x9f */
	if (in.size < 16 || in.size > NITRO_SIZE_MAX ||
	    (in.data[0] != 0xd2 && in.data[0] >> 5 != CBOR_ARRAY))
		return false;
	if (nitro_cose_parse(in, &d, NULL))
		return false;
	cbor_init_lenient(&c, d.payload.data, d.payload.size);
	return cbor_expect(&c, CBOR_MAP, &item) &&
	       cbor_map_find_text(&c, item.number, "module_id", &value);
}

static void state_claims(struct appraisal *a, const struct nitro_document *d)
{
	bool debug = true;
	char name[32];

	claim_text(a, "nitro.module_id", d->module_id);
	claim_text(a, "nitro.digest", d->digest);
	claim_time(a, "evidence.time", (int64_t)(d->timestamp_ms / 1000));
	for (unsigned i = 0; i < NITRO_PCR_MAX; i++) {
		if (!d->pcr[i].size)
			continue;
		snprintf(name, sizeof(name), "nitro.pcr.%u", i);
		claim_bytes(a, name, d->pcr[i]);
		if (i < 3 && !span_is_zero(d->pcr[i]))
			debug = false;
	}
	/* In debug mode PCR0 to 2 are zero; without them nothing was measured either. */
	claim_bool(a, "debug", debug);
	if (d->public_key.data)
		claim_bytes(a, "nitro.public_key", d->public_key);
	if (d->user_data.data)
		claim_bytes(a, "nitro.user_data", d->user_data);
	if (d->nonce.data)
		claim_bytes(a, "nonce", d->nonce);
}

/* Certificates of the document, leaf first as paths are given. */
static int read_certificates(struct appraisal *a, const struct nitro_document *d,
			     struct x509_list *list)
{
	list->items[0] = x509_from_der(d->certificate);
	if (!list->items[0])
		return fail(a->err, -EBADMSG,
			    "nitro: the field \"certificate\" is no DER certificate");
	list->count = 1;
	for (size_t i = d->bundle_count; i--;) {
		list->items[list->count] = x509_from_der(d->bundle[i]);
		if (!list->items[list->count])
			return fail(a->err, -EBADMSG,
				    "nitro: certificate %zu of \"cabundle\" is no DER certificate",
				    i);
		list->count++;
	}
	return 0;
}

/* The bundle goes from the root down, each the issuer of the next. */
static void check_bundle(struct appraisal *a, const struct x509_list *list)
{
	for (size_t i = 0; i + 1 < list->count; i++)
		if (X509_NAME_cmp(X509_get_issuer_name(list->items[i]),
				  X509_get_subject_name(list->items[i + 1]))) {
			check_fail(a, "nitro.bundle", "root first, each the issuer of the next",
				   "certificate %zu from the root did not issue the next",
				   list->count - 2 - i);
			return;
		}
	check_that(a,
		   verifier_root(a->verifier, CATTEST_ROOT_AWS,
				 x509_spki(list->items[list->count - 1])) != 0,
		   "nitro.bundle", "a pinned root first", "%zu certificates, root first",
		   list->count - 1);
}

/*
 * basicConstraints and keyUsage as the specification (3.2.3.2) wants them of the leaf, and a key
 * that ES384 can use.
 */
static bool check_leaf(struct appraisal *a, X509 *leaf)
{
	BASIC_CONSTRAINTS *constraints = X509_get_ext_d2i(leaf, NID_basic_constraints, NULL, NULL);
	bool is_ca = constraints && constraints->ca,
	     has_length = constraints && constraints->pathlen;
	uint32_t usage = X509_get_key_usage(leaf);
	char group[32] = "";
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	const char *problem;

	BASIC_CONSTRAINTS_free(constraints);
	if (key)
		EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	problem = is_ca				    ? "it is a CA"
		  : has_length			    ? "it has a path length"
		  : usage == UINT32_MAX		    ? "it has no key usage"
		  : !(usage & KU_DIGITAL_SIGNATURE) ? "its key is not for signatures"
		  : usage & KU_KEY_CERT_SIGN	    ? "its key may sign certificates"
		  : strcmp(group, "secp384r1")	    ? "its key is not of P-384"
						    : NULL;
	return check_that(a, !problem, "nitro.leaf",
			  "no CA, no path length, digitalSignature, P-384", "%s",
			  problem ? problem : "as expected");
}

/* Sig_structure, RFC 9052, 4.4: ["Signature1", protected, external_aad, payload]. */
static bool signature_verifies(const struct nitro_document *d, EVP_PKEY *key)
{
	size_t room = d->protected_header.size + d->payload.size + 64;
	uint8_t *signed_bytes = malloc(room);
	struct cbor_writer w;
	bool ok;

	if (!signed_bytes || !key) {
		free(signed_bytes);
		return false;
	}
	cbor_writer_init(&w, signed_bytes, room);
	cbor_put_array(&w, 4);
	cbor_put_text(&w, "Signature1");
	cbor_put_bytes(&w, d->protected_header.data, d->protected_header.size);
	cbor_put_bytes(&w, "", 0);
	cbor_put_bytes(&w, d->payload.data, d->payload.size);
	ok = !w.overflow && ecdsa_verify(key, "SHA384", SPAN(signed_bytes, w.size), d->signature);
	free(signed_bytes);
	return ok;
}

static void check_time(struct appraisal *a, const struct nitro_document *d, X509 *leaf)
{
	int64_t time = (int64_t)(d->timestamp_ms / 1000), from = x509_not_before(leaf),
		until = x509_not_after(leaf);
	char shown[32], from_shown[32], until_shown[32], expected[128];

	time_text(time, shown);
	snprintf(expected, sizeof(expected), "%s to %s, and no more than %d s ahead of the clock",
		 time_text(from, from_shown), time_text(until, until_shown), CLOCK_SKEW);
	check_that(a, time >= from && time <= until && time <= a->now + CLOCK_SKEW, "nitro.time",
		   expected, "%s", shown);
}

static void check_binding(struct appraisal *a, const struct nitro_document *d)
{
	uint8_t padded[CATTEST_REPORT_DATA_SIZE] = { 0 };

	if (d->user_data.data && d->user_data.size <= sizeof(padded)) {
		memcpy(padded, d->user_data.data, d->user_data.size);
		check_report_data(a, SPAN_OF(padded));
	} else if (a->expect->report_data && !a->decode_only) {
		check_fail(
			a, "report_data", "user_data of at most 64 bytes", "%s",
			d->user_data.data
				? "user_data is longer"
				: "the document has no user_data (a nonce is for the policy to pin)");
	}
}

static int judge(struct appraisal *a, const struct nitro_document *d)
{
	struct x509_list list = { 0 };
	struct path_request request = {
		.step = "nitro.path",
		.root = CATTEST_ROOT_AWS,
		.crl = CRL_NONE, /* the specification has revocation checks off */
		.certificates = &list,
	};
	struct path_result path;
	int ret = read_certificates(a, d, &list);

	if (!ret) {
		if (verifier_evidence_time(a->verifier))
			a->now = (int64_t)(d->timestamp_ms / 1000);
		check_pass(a, "nitro.form", "COSE_Sign1, ES384, %zu bytes", a->evidence.size);
		check_bundle(a, &list);
		path_verify(a, &request, &path);
		if (path.signatures_ok) {
			claim_bool(a, "collateral.expired", !path.dates_ok);
			claim_time(a, "collateral.expires", path.valid_until);
		}
		check_leaf(a, list.items[0]);
		check_that(a, signature_verifies(d, X509_get0_pubkey(list.items[0])),
			   "nitro.signature", "ES384 by the leaf certificate's key", "%s",
			   "COSE signature");
		check_time(a, d, list.items[0]);
	}
	x509_list_done(&list);
	return ret;
}

static int nitro_appraise(struct appraisal *a, struct span in)
{
	struct nitro_document d;
	int ret = nitro_document_parse(in, &d, a->err);

	if (ret)
		return ret;
	state_claims(a, &d);
	if (!a->decode_only)
		ret = judge(a, &d);
	if (!ret)
		check_binding(a, &d);
	return ret;
}

const struct evidence_type nitro_type = {
	.name = "nitro",
	.meaning = "attestation document of an AWS Nitro Enclave",
	.detect = nitro_detect,
	.appraise = nitro_appraise,
};
