/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows certificates: of the first its names, dates, key and extensions, of the others their names; and revocation lists. Decodes only: a certificate
 * alone says nothing about an environment (attested ones are certificate_type's).
 */
#include "attest/x509/decode.h"
#include "attest/x509/pem.h"
#include "attest/x509/x509_internal.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>

/* Revoked serial numbers that are shown, of a list that may have many thousands. */
#define CRL_SHOWN 1024

/* A certificate is SEQUENCE { SEQUENCE { [0] { INTEGER version } .. } .. }: looked at as far as the version. */
static bool der_detect(struct span in)
{
	const unsigned char *p = in.data, *end = in.data + in.size;
	long length;
	int tag, class;
	bool found = true;

	for (int depth = 0; depth < 3 && found; depth++) {
		int flags = end - p > 1 ? ASN1_get_object(&p, &length, &tag, &class, end - p)
					: 0x80;

		found = flags == V_ASN1_CONSTRUCTED &&
			(depth < 2 ? tag == V_ASN1_SEQUENCE && class == V_ASN1_UNIVERSAL
				   : tag == 0 && class == V_ASN1_CONTEXT_SPECIFIC);
	}
	ERR_clear_error();
	return found && end - p >= 3 && p[0] == V_ASN1_INTEGER && p[1] == 1;
}

/* A revocation list is SEQUENCE { SEQUENCE { INTEGER 1, SEQUENCE algorithm, SEQUENCE issuer, time ... */
static bool crl_detect(struct span in)
{
	static const int tags[] = { V_ASN1_SEQUENCE, V_ASN1_SEQUENCE, V_ASN1_INTEGER,
				    V_ASN1_SEQUENCE, V_ASN1_SEQUENCE };
	static const char mark[] = "-----BEGIN X509 CRL-----";
	const unsigned char *p = in.data, *end = in.data + in.size;
	bool found = true;

	if (span_starts(in, mark, sizeof(mark) - 1))
		return true;
	for (int i = 0; i < 5 && found; i++) {
		long length = 0;
		int tag = 0, class = 0,
		    flags = end - p > 1 ? ASN1_get_object(&p, &length, &tag, &class, end - p)
					: 0x80;

		found = !(flags & 0x80) && class == V_ASN1_UNIVERSAL && tag == tags[i];
		/* Over what is not entered. */
		if (found && i >= 2)
			p += length;
	}
	ERR_clear_error();
	return found && end - p > 1 && (p[0] == V_ASN1_UTCTIME || p[0] == V_ASN1_GENERALIZEDTIME);
}

static bool x509_detect(struct span in)
{
	static const char mark[] = "-----BEGIN CERTIFICATE-----";
	struct span rest = in;

	if (in.size < 16)
		return false;
	if (crl_detect(in))
		return true;
	if (in.data[0] == 0x30)
		return der_detect(in);
	/* With text before it, as people keep them. */
	return memmem(in.data, in.size < 4096 ? in.size : 4096, mark, sizeof(mark) - 1) &&
	       !pem_skip_text(&rest) && span_starts(rest, mark, sizeof(mark) - 1);
}

static int read_list(struct span in, struct x509_list *list)
{
	int ret = 0;

	if (in.data[0] == 0x30)
		return x509_list_from(in, list);
	while (!ret && !(ret = pem_skip_text(&in)) && in.size && !span_is_zero(in)) {
		struct pem_block block;
		X509 *cert;

		ret = pem_next(&in, &block) == 1 ? 0 : -EBADMSG;
		if (ret)
			break;
		cert = strcmp(block.label, "CERTIFICATE")
			       ? NULL
			       : x509_from_der(SPAN(block.der, block.size));
		free(block.der);
		if (!cert || list->count == X509_LIST_MAX) {
			X509_free(cert);
			ret = cert ? -E2BIG : -EBADMSG;
			break;
		}
		list->items[list->count++] = cert;
	}
	return ret ? ret : list->count ? 0 : -EBADMSG;
}

static void claim_name(struct appraisal *a, const char *name, const X509_NAME *value)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (bio &&
	    X509_NAME_print_ex(bio, value, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		len = BIO_get_mem_data(bio, &text);
		claim_text(a, name, SPAN(text, len > 0 ? (size_t)len : 0));
	}
	BIO_free(bio);
}

static void claim_key(struct appraisal *a, const X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	char group[64] = "";

	if (!key)
		return;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL))
		claim_string(a, "x509.key", group);
	else if (EVP_PKEY_get0_type_name(key))
		claim_string(a, "x509.key", EVP_PKEY_get0_type_name(key));
	claim_uint(a, "x509.key_bits", (uint64_t)EVP_PKEY_get_bits(key));
}

static void claim_extensions(struct appraisal *a, const X509 *cert)
{
	for (int i = 0; i < X509_get_ext_count(cert) && i < 64; i++) {
		X509_EXTENSION *e = X509_get_ext(cert, i);
		const ASN1_OBJECT *object = X509_EXTENSION_get_object(e);
		const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
		int nid = OBJ_obj2nid(object);
		char oid[96], hex[160];

		OBJ_obj2txt(oid, sizeof(oid), object, 1);
		hex_text(SPAN(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)), hex,
			 sizeof(hex));
		claim_add(a, "x509.extensions", "%s%s%s%s%s: %s", oid, nid == NID_undef ? "" : " (",
			  nid == NID_undef ? "" : OBJ_nid2ln(nid), nid == NID_undef ? "" : ")",
			  X509_EXTENSION_get_critical(e) ? " critical" : "", hex);
	}
}

static void claim_first(struct appraisal *a, const X509 *cert)
{
	uint8_t hash[32];
	int64_t seconds;

	claim_name(a, "certificate.subject", X509_get_subject_name(cert));
	claim_name(a, "x509.issuer", X509_get_issuer_name(cert));
	claim_bytes(a, "x509.serial", x509_serial(cert));
	if (asn1_seconds(X509_get0_notBefore(cert), &seconds))
		claim_time(a, "x509.not_before", seconds);
	if (asn1_seconds(X509_get0_notAfter(cert), &seconds))
		claim_time(a, "x509.not_after", seconds);
	claim_key(a, cert);
	if (X509_get_signature_nid(cert) != NID_undef)
		claim_string(a, "x509.signature_algorithm",
			     OBJ_nid2ln(X509_get_signature_nid(cert)));
	x509_spki_sha256(cert, hash);
	claim_bytes(a, "certificate.spki_sha256", SPAN_OF(hash));
	claim_extensions(a, cert);
}

static int appraise_crl(struct appraisal *a, struct span in)
{
	X509_CRL *crl = x509_crl_from(in);
	STACK_OF(X509_REVOKED) * revoked;
	int64_t seconds;

	if (!crl)
		return fail(a->err, -EBADMSG, "not a well-formed revocation list in DER or PEM");
	claim_name(a, "x509.issuer", X509_CRL_get_issuer(crl));
	if (asn1_seconds(X509_CRL_get0_lastUpdate(crl), &seconds))
		claim_time(a, "x509.crl.this_update", seconds);
	if (asn1_seconds(X509_CRL_get0_nextUpdate(crl), &seconds))
		claim_time(a, "x509.crl.next_update", seconds);
	if (X509_CRL_get_signature_nid(crl) != NID_undef)
		claim_string(a, "x509.signature_algorithm",
			     OBJ_nid2ln(X509_CRL_get_signature_nid(crl)));
	revoked = X509_CRL_get_REVOKED(crl);
	claim_uint(a, "x509.crl.count", revoked ? (uint64_t)sk_X509_REVOKED_num(revoked) : 0);
	for (int i = 0; revoked && i < sk_X509_REVOKED_num(revoked) && i < CRL_SHOWN; i++) {
		const ASN1_INTEGER *serial =
			X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i));
		char hex[64];

		claim_add(a, "x509.crl.revoked", "%s",
			  hex_text(SPAN(ASN1_STRING_get0_data(serial),
					(size_t)ASN1_STRING_length(serial)),
				   hex, sizeof(hex)));
	}
	X509_CRL_free(crl);
	ERR_clear_error();
	return 0;
}

static int x509_appraise(struct appraisal *a, struct span in)
{
	struct x509_list list = { .count = 0 };
	int ret;

	if (crl_detect(in))
		return appraise_crl(a, in);
	ret = read_list(in, &list);
	if (ret) {
		x509_list_done(&list);
		return fail(a->err, ret,
			    ret == -E2BIG ? "more than 16 certificates"
					  : "not well-formed certificates in DER or PEM");
	}
	claim_uint(a, "x509.count", list.count);
	claim_first(a, list.items[0]);
	for (size_t i = 1; i < list.count; i++) {
		char line[256], name[256];

		x509_subject_cn(list.items[i], line, sizeof(line));
		claim_add(a, "x509.others", "%s",
			  safe_text(SPAN(line, strlen(line)), name, sizeof(name)));
	}
	x509_list_done(&list);
	ERR_clear_error();
	return 0;
}

const struct evidence_type x509_type = {
	.name = "x509",
	.meaning = "X.509 certificates, or a revocation list",
	.detect = x509_detect,
	.appraise = x509_appraise,
	.decode_only = true,
};
