/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of a certificate or revocation list that every path through it needs, computed at first use and kept with the OpenSSL
 * object: hashes, dates as numbers, and whether its form allows it to be a leaf or an issuer (RFC 5280 section 6.1.4). An extension
 * that is critical and not handled here is a fault, and so is one whose meaning this code does not enforce (name constraints).
 */
#include "attest/x509/x509_internal.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>

#define EXTENSIONS_MAX 64

static int cert_index = -1;
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void cert_facts_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
			    void *argp)
{
	struct x509_facts *f = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (f)
		OPENSSL_free(f->spki);
	free(f);
}

static void make_index(void)
{
	cert_index = X509_get_ex_new_index(0, NULL, NULL, NULL, cert_facts_free);
}

static bool twice(const STACK_OF(X509_EXTENSION) * list, int at)
{
	const ASN1_OBJECT *object = X509_EXTENSION_get_object(sk_X509_EXTENSION_value(list, at));

	for (int i = 0; i < at; i++)
		if (!OBJ_cmp(object, X509_EXTENSION_get_object(sk_X509_EXTENSION_value(list, i))))
			return true;
	return false;
}

/* Fault of the extensions that leaves and issuers share, and of those that only issuers may not have. */
static const char *extensions_fault(const X509 *cert, bool issuer)
{
	const STACK_OF(X509_EXTENSION) *list = X509_get0_extensions(cert);
	int count = list ? sk_X509_EXTENSION_num(list) : 0;

	if (count > EXTENSIONS_MAX)
		return "has too many extensions";
	for (int i = 0; i < count; i++) {
		X509_EXTENSION *e = sk_X509_EXTENSION_value(list, i);

		if (twice(list, i))
			return "has an extension twice";
		switch (OBJ_obj2nid(X509_EXTENSION_get_object(e))) {
		case NID_basic_constraints:
		case NID_key_usage:
		case NID_certificate_policies: /* any policy is accepted, as RFC 5280 starts with */
			break;
		case NID_name_constraints:
		case NID_policy_constraints:
		case NID_inhibit_any_policy:
			return "has constraints that are not supported";
		case NID_ext_key_usage: /* of the leaf: its user knows what it is for */
		case NID_subject_alt_name:
			if (issuer && X509_EXTENSION_get_critical(e))
				return "has a critical extension that an issuer may not have here";
			break;
		default:
			if (X509_EXTENSION_get_critical(e))
				return "has an unknown critical extension";
		}
	}
	return NULL;
}

static const char *leaf_fault(X509 *cert, uint32_t flags)
{
	if (X509_get_version(cert) != X509_VERSION_3)
		return "is not an X.509 version 3 certificate";
	if (flags & EXFLAG_INVALID)
		return "has a malformed extension";
	if (flags & EXFLAG_CA)
		return "is of a certificate authority and cannot end a path";
	return extensions_fault(cert, false);
}

static const char *issuer_fault(X509 *cert, uint32_t flags, uint32_t usage)
{
	if (X509_get_version(cert) != X509_VERSION_3)
		return "is not an X.509 version 3 certificate";
	if (flags & EXFLAG_INVALID)
		return "has a malformed extension";
	if (!(flags & EXFLAG_BCONS) || !(flags & EXFLAG_CA))
		return "is not a certificate authority";
	if ((flags & EXFLAG_KUSAGE) && !(usage & KU_KEY_CERT_SIGN))
		return "may not sign certificates (key usage)";
	return extensions_fault(cert, true);
}

static struct x509_facts *facts_make(X509 *cert)
{
	struct x509_facts *f = calloc(1, sizeof(*f));
	uint32_t flags, usage;
	unsigned int size = 0;
	int spki_size;

	if (!f)
		return NULL;
	/* Parses the extensions once; what it finds is in the flags. */
	flags = X509_get_extension_flags(cert);
	usage = X509_get_key_usage(cert);
	spki_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &f->spki);
	if (spki_size <= 0 || !X509_digest(cert, EVP_sha256(), f->der_sha256, &size) ||
	    size != 32) {
		OPENSSL_free(f->spki);
		free(f);
		ERR_clear_error();
		return NULL;
	}
	f->spki_size = (size_t)spki_size;
	SHA256(f->spki, f->spki_size, f->spki_sha256);
	f->dates_readable = asn1_seconds(X509_get0_notBefore(cert), &f->not_before) &&
			    asn1_seconds(X509_get0_notAfter(cert), &f->not_after);
	f->leaf_fault = leaf_fault(cert, flags);
	f->issuer_fault = issuer_fault(cert, flags, usage);
	f->crl_sign = !(flags & EXFLAG_KUSAGE) || (usage & KU_CRL_SIGN);
	f->path_len = X509_get_pathlen(cert);
	ERR_clear_error();
	return f;
}

const struct x509_facts *x509_facts(const X509 *cert)
{
	struct x509_facts *f;
	X509 *owner;

	pthread_once(&index_once, make_index);
	f = X509_get_ex_data(cert, cert_index);
	if (f)
		return f;
	/* A cache inside the object, like OpenSSL's own of its extensions. */
	memcpy(&owner, &cert, sizeof(owner));
	f = facts_make(owner);
	if (f && !X509_set_ex_data(owner, cert_index, f)) {
		cert_facts_free(NULL, f, NULL, 0, 0, NULL);
		return NULL;
	}
	return f;
}

/* Complete lists of one issuer's own certificates only: deltas, partial and indirect lists say less than they seem to (RFC 5280 section 5.2). */
static const char *crl_fault(X509_CRL *crl, bool dates)
{
	const STACK_OF(X509_EXTENSION) *list = X509_CRL_get0_extensions(crl);
	STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
	int count = list ? sk_X509_EXTENSION_num(list) : 0;

	if (!dates)
		return "has no readable dates";
	if (count > EXTENSIONS_MAX)
		return "has too many extensions";
	for (int i = 0; i < count; i++) {
		X509_EXTENSION *e = sk_X509_EXTENSION_value(list, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));

		if (twice(list, i))
			return "has an extension twice";
		if (nid == NID_delta_crl)
			return "is a delta list";
		if (nid == NID_issuing_distribution_point)
			return "is a partial or indirect list";
		if (X509_EXTENSION_get_critical(e))
			return "has an unknown critical extension";
	}
	for (int i = 0; revoked && i < sk_X509_REVOKED_num(revoked); i++) {
		const STACK_OF(X509_EXTENSION) *entry =
			X509_REVOKED_get0_extensions(sk_X509_REVOKED_value(revoked, i));

		for (int k = 0; entry && k < sk_X509_EXTENSION_num(entry); k++) {
			X509_EXTENSION *e = sk_X509_EXTENSION_value(entry, k);

			if (OBJ_obj2nid(X509_EXTENSION_get_object(e)) == NID_certificate_issuer)
				return "is an indirect list";
			if (X509_EXTENSION_get_critical(e))
				return "has an entry with an unknown critical extension";
		}
	}
	return NULL;
}

bool known_crl_init(struct known_crl *known, X509_CRL *crl)
{
	unsigned int size = 0;
	bool dates;

	*known = (struct known_crl){ .crl = crl };
	dates = asn1_seconds(X509_CRL_get0_lastUpdate(crl), &known->this_update) &&
		asn1_seconds(X509_CRL_get0_nextUpdate(crl), &known->next_update);
	known->fault = crl_fault(crl, dates);
	if (!X509_CRL_digest(crl, EVP_sha256(), known->der_sha256, &size)) {
		ERR_clear_error();
		return false;
	}
	return true;
}
