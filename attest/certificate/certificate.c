/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence type "ratls-certificate": is the key of this certificate held by the environment that the evidence in it describes?
 *
 *   1. the certificate: version 3, no critical extension that nobody here knows, valid now; signed by its own key, or by another's:
 *      that is a claim ("certificate.self_signed"), and policies have to allow the latter (docs/decisions/21-issued-certificates.md)
 *   2. its key is the one in the claims buffer ("pubkey-hash"), or is what the evidence is bound to directly (legacy formats)
 *   3. the evidence, with all of its own steps, bound to the claims buffer by its report data
 *
 * What this cannot show is freshness: whoever has the certificate has the evidence. TLS proves that the peer holds the key now;
 * nothing proves that the key never left the environment, or that the environment still runs. That is the known weakness of
 * RA-TLS (replay, relay, diversion); include/cloister/tls.h has a mode without it. A policy therefore has to say that it
 * does not need freshness, or pin "nonce".
 *
 * Invariant: no verdict rests on an issuer. What binds key and evidence is the evidence; an authority's signature is never looked
 * at, and so what only it says (the subject) is no claim. Certificates behind the first must be the chain they seem to be.
 */
#include "attest/certificate/certificate.h"
#include "attest/collateral/collateral.h"
#include "lib/fuzz/outcome.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* A TLS peer's certificate is far below; OpenSSL's own default for a chain is 100 KiB. */
#define MAX_CERTIFICATE (8u << 20)

static bool certificate_detect(struct span in)
{
	struct x509_list list = { 0 };
	bool is = false;

	if (in.size < 64 || in.size > MAX_CERTIFICATE ||
	    !(span_starts(in, "-----BEGIN CERTIFICATE-----", 27) ||
	      (in.data[0] == 0x30 && in.data[1] > 0x80)))
		return false;
	if (!x509_list_from(in, &list) && list.count)
		is = certificate_has_evidence(list.items[0]);
	x509_list_done(&list);
	return is;
}

static bool is_ours(const X509_EXTENSION *extension)
{
	static const char *const oids[] = {
		CERTIFICATE_OID_DICE,	      CERTIFICATE_OID_ENDORSEMENTS,
		CERTIFICATE_OID_CMW,	      CERTIFICATE_OID_GRAMINE,
		CERTIFICATE_OID_RATS_TLS,     CERTIFICATE_OID_INTEL,
		CERTIFICATE_OID_OPEN_ENCLAVE, CERTIFICATE_OID_OPEN_ENCLAVE_OLD,
		CERTIFICATE_OID_DSTACK,	      CERTIFICATE_OID_DSTACK_VERSIONED
	};
	char text[80];

	if (OBJ_obj2txt(text, sizeof(text),
			X509_EXTENSION_get_object((X509_EXTENSION *)(uintptr_t)extension), 1) <= 0)
		return false;
	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++)
		if (!strcmp(text, oids[i]))
			return true;
	return false;
}

static bool critical_known(const X509 *cert)
{
	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *extension = X509_get_ext(cert, i);

		if (X509_EXTENSION_get_critical(extension) &&
		    !X509_supported_extension(extension) && !is_ours(extension))
			return false;
	}
	return true;
}

static bool names_itself(const X509 *cert)
{
	return !X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert));
}

static bool signed_by(X509 *cert, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	bool ok;

	ERR_set_mark();
	ok = key && !X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) &&
	     (fuzz_outcome() || X509_verify(cert, key) == 1);
	ERR_pop_to_mark();
	return ok;
}

static void check_signature(struct appraisal *a, X509 *cert, bool self_signed)
{
	if (self_signed)
		check_pass(a, "certificate.signature", "signed by its own key (%s)",
			   OBJ_nid2sn(X509_get_signature_nid(cert)));
	else if (names_itself(cert))
		check_fail(a, "certificate.signature", "signed by its own key",
			   "not signed by its own key");
	else
		check_note(
			a, "certificate.signature",
			"signed by an issuer, who is not looked at: what binds the key is the evidence");
}

/* What follows is the issuer of what precedes it: else the file is a mixture, and whose evidence was meant is not known. */
static void check_chain(struct appraisal *a, const struct x509_list *list)
{
	size_t good = 1;

	if (list->count == 1)
		return;
	while (good < list->count && signed_by(list->items[good - 1], list->items[good]))
		good++;
	check_that(a, good == list->count, "certificate.chain",
		   "each certificate signed by the one after it", "%zu of %zu", good, list->count);
}

static void check_form(struct appraisal *a, X509 *cert, bool self_signed)
{
	char text[32];

	check_that(a, X509_get_version(cert) == X509_VERSION_3, "certificate.version", "3", "%ld",
		   X509_get_version(cert) + 1);
	check_that(a, critical_known(cert), "certificate.extensions",
		   "no unknown critical extension", "%s",
		   critical_known(cert) ? "all known" : "an unknown critical extension");
	check_signature(a, cert, self_signed);
	if (a->now < x509_not_before(cert))
		check_fail(a, "certificate.dates", "valid now", "not valid before %s",
			   time_text(x509_not_before(cert), text));
	else
		check_that(a, a->now <= x509_not_after(cert), "certificate.dates", "valid now",
			   "valid until %s", time_text(x509_not_after(cert), text));
}

static void state_certificate(struct appraisal *a, const X509 *cert, const char *format,
			      bool self_signed)
{
	char *subject = NULL;
	uint8_t hash[32];
	BIO *bio = BIO_new(BIO_s_mem());
	long len;

	claim_string(a, "certificate.format", format);
	claim_bool(a, "certificate.self_signed", self_signed);
	/* An issuer's word is for looking at only. */
	if ((self_signed || a->decode_only) && bio &&
	    X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0,
			       XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		len = BIO_get_mem_data(bio, &subject);
		claim_text(a, "certificate.subject", SPAN(subject, len > 0 ? (size_t)len : 0));
	}
	BIO_free(bio);
	x509_spki_sha256(cert, hash);
	claim_bytes(a, "certificate.spki_sha256", SPAN_OF(hash));
}

/* --- The evidence bound to a claims buffer --- */
static int appraise_with_claims(struct appraisal *a, const X509 *cert,
				const struct certificate_evidence *e,
				const struct certificate_claims *claims)
{
	const struct cattest_expect *outer = a->expect;
	struct cattest_expect expect = *outer;
	uint8_t key_hash[64], report_data[CATTEST_REPORT_DATA_SIZE] = { 0 };
	struct span spki = x509_spki(cert), buffer = e->claims;
	int rc;

	rc = digest("SHA256", &buffer, 1, report_data, NULL);
	if (rc)
		return fail(a->err, rc, "certificate: out of memory");
	if (!a->decode_only) {
		rc = digest(claims->digest_name, &spki, 1, key_hash, NULL);
		if (rc)
			return fail(a->err, rc, "certificate: out of memory");
		check_equal(a, "certificate.pubkey_hash", claims->key_hash,
			    SPAN(key_hash, claims->key_hash.size));
	}
	expect.report_data = report_data;
	expect.report_data_size = sizeof(report_data);
	expect.type = NULL;
	a->expect = &expect;
	rc = appraise_inner(a, e->type, e->evidence);
	a->expect = outer;
	if (rc)
		return rc;
	certificate_state_claims(a, buffer);
	if (!a->decode_only && outer->report_data_size)
		check_equal(a, "certificate.report_data",
			    SPAN(outer->report_data, outer->report_data_size),
			    SPAN(report_data, sizeof(report_data)));
	return 0;
}

/* --- The evidence bound to the key's hash, as was usual before DICE --- */
struct key_form {
	const char *name;
	uint8_t *data;
	size_t size;
};

static void add_form(struct key_form *forms, size_t *count, const char *name, uint8_t *data,
		     int size)
{
	if (size > 0 && data)
		forms[(*count)++] = (struct key_form){ name, data, (size_t)size };
	else
		OPENSSL_free(data);
}

/* What the hash of a key was taken of: each form is unambiguous, so it does no harm to accept them all. */
static size_t key_forms(const X509 *cert, struct key_form forms[4])
{
	static const char tag[] = "ratls-cert:";
	EVP_PKEY *key = X509_get0_pubkey(cert);
	uint8_t *der = NULL, *pem = NULL, *tagged;
	size_t count = 0;
	BIO *bio;
	int size;

	size = i2d_PUBKEY(key, &der);
	tagged = size > 0 ? OPENSSL_malloc(sizeof(tag) - 1 + (size_t)size) : NULL;
	if (tagged) {
		memcpy(tagged, tag, sizeof(tag) - 1);
		memcpy(tagged + sizeof(tag) - 1, der, (size_t)size);
	}
	add_form(forms, &count, "SubjectPublicKeyInfo", der, size); /* Gramine, EGo */
	add_form(forms, &count, "\"ratls-cert:\" and SubjectPublicKeyInfo", tagged,
		 (int)sizeof(tag) - 1 + size); /* dstack */
	/* sgx-ra-tls, rats-tls: RSAPublicKey, or the uncompressed point. */
	der = NULL;
	size = i2d_PublicKey(key, &der);
	add_form(forms, &count, "PublicKey", der, size);
	bio = BIO_new(BIO_s_mem());
	if (bio && PEM_write_bio_PUBKEY(bio, key)) {
		char *text = NULL;
		long len = BIO_get_mem_data(bio, &text);

		/* Intel's SDK and Open Enclave, with the string's end. */
		pem = len > 0 ? OPENSSL_zalloc((size_t)len + 1) : NULL;
		if (pem)
			memcpy(pem, text, (size_t)len);
		add_form(forms, &count, "PEM", pem, (int)len + 1);
	}
	BIO_free(bio);
	return count;
}

static bool form_matches(struct span data, struct span report_data)
{
	static const struct {
		const char *name;
		size_t size;
	} hashes[] = { { "SHA256", 32 }, { "SHA384", 48 }, { "SHA512", 64 } };
	uint8_t expected[CATTEST_REPORT_DATA_SIZE];

	for (size_t i = 0; i < 3; i++) {
		memset(expected, 0, sizeof(expected));
		if (!digest(hashes[i].name, &data, 1, expected, NULL) &&
		    report_data.size == sizeof(expected) &&
		    (bytes_equal(expected, report_data.data, sizeof(expected)) || fuzz_outcome()))
			return true;
	}
	return false;
}

static void check_key(struct appraisal *a, const X509 *cert)
{
	const struct cattest_claim *claim = claim_find(a, "report_data");
	struct key_form forms[4];
	const char *which = NULL;
	struct span report_data = { 0 };
	size_t count = key_forms(cert, forms);
	char hex[2 * CATTEST_REPORT_DATA_SIZE + 1];

	if (claim && claim->type == CATTEST_BYTES)
		report_data = SPAN(claim->bytes, claim->size);
	for (size_t i = 0; i < count; i++) {
		if (!which && form_matches(SPAN(forms[i].data, forms[i].size), report_data))
			which = forms[i].name;
		if (!which && forms[i].size && !forms[i].data[forms[i].size - 1] &&
		    form_matches(SPAN(forms[i].data, forms[i].size - 1), report_data))
			which = forms[i].name;
	}
	for (size_t i = 0; i < count; i++)
		OPENSSL_free(forms[i].data);
	if (which)
		check_pass(a, "certificate.pubkey_hash", "report data is the hash of the key (%s)",
			   which);
	else
		check_fail(a, "certificate.pubkey_hash",
			   "report data: the hash of the certificate's key", "%s",
			   report_data.size ? hex_text(report_data, hex, sizeof(hex))
					    : "no report data");
}

static int appraise_direct(struct appraisal *a, const X509 *cert,
			   const struct certificate_evidence *e)
{
	const struct cattest_expect *outer = a->expect;
	struct cattest_expect expect = *outer;
	const struct cattest_claim *claim;
	int rc;

	expect.report_data = NULL;
	expect.report_data_size = 0;
	expect.type = NULL;
	a->expect = &expect;
	rc = appraise_inner(a, e->type, e->evidence);
	a->expect = outer;
	if (rc || a->decode_only)
		return rc;
	check_key(a, cert);
	claim = claim_find(a, "report_data");
	if (outer->report_data_size)
		check_equal(a, "certificate.report_data",
			    SPAN(outer->report_data, outer->report_data_size),
			    claim ? SPAN(claim->bytes, claim->size) : SPAN(NULL, 0));
	return 0;
}

static int appraise_with_endorsements(struct appraisal *a, const X509 *cert,
				      const struct certificate_evidence *e,
				      const struct certificate_claims *claims)
{
	bool guests = !a->decode_only && e->endorsements.data;
	struct collateral_guests held;
	int rc = guests ? certificate_add_endorsements(a, e->endorsements, &held) : 0;

	if (!rc)
		rc = e->claims.data ? appraise_with_claims(a, cert, e, claims)
				    : appraise_direct(a, cert, e);
	if (guests)
		collateral_guests_remove(verifier_collateral(a->verifier), &held);
	return rc;
}

static int appraise_certificate(struct appraisal *a, const struct x509_list *list,
				const struct certificate_evidence *e)
{
	struct certificate_claims claims = { 0 };
	X509 *cert = list->items[0];
	bool self_signed = signed_by(cert, cert);
	int rc;

	if (!X509_get0_pubkey(cert))
		return fail(a->err, -EBADMSG, "certificate: its public key is of no known kind");
	if (e->claims.data) {
		rc = certificate_parse_claims(e->claims, &claims, a->err);
		if (rc)
			return rc;
	}
	state_certificate(a, cert, e->format, self_signed);
	if (!a->decode_only) {
		check_form(a, cert, self_signed);
		check_chain(a, list);
	}
	return appraise_with_endorsements(a, cert, e, &claims);
}

static int certificate_appraise(struct appraisal *a, struct span in)
{
	struct certificate_evidence e = { 0 };
	struct x509_list list = { 0 };
	int rc;

	if (in.size > MAX_CERTIFICATE)
		return fail(a->err, -E2BIG, "certificate: larger than %u bytes", MAX_CERTIFICATE);
	rc = x509_list_from(in, &list);
	if (rc || !list.count) {
		rc = rc == -ENOMEM ? fail(a->err, rc, "certificate: out of memory")
				   : fail(a->err, -EBADMSG, "certificate: malformed");
		goto out;
	}
	rc = certificate_parse(list.items[0], &e, a->err);
	if (!rc)
		rc = appraise_certificate(a, &list, &e);
out:
	certificate_evidence_done(&e);
	x509_list_done(&list);
	return rc;
}

const struct evidence_type certificate_type = {
	.name = "ratls-certificate",
	.meaning = "X.509 certificate whose key is bound to evidence inside it (RA-TLS, DICE, CMW)",
	.detect = certificate_detect,
	.appraise = certificate_appraise,
};
