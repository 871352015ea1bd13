/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading certificates and revocation lists. Only DER is accepted: what OpenSSL would encode again must be the bytes that came, so that
 * one certificate has one form. Lists are read block by block; text between them is an error (pem.c).
 */
#include "attest/collateral/collateral.h"
#include "attest/x509/pem.h"
#include "attest/x509/x509_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Larger than any real certificate; lists of revoked serials grow longer. */
#define CERTIFICATE_MAX (64u << 10)
#define CRL_MAX (16u << 20)

void x509_list_done(struct x509_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		X509_free(list->items[i]);
	list->count = 0;
}

void x509_list_done_cleanup(struct x509_list *list)
{
	x509_list_done(list);
}

/* Whether the object's encoding is exactly these bytes. Takes encoded, which i2d made. */
static bool same_encoding(uint8_t *encoded, int size, struct span der)
{
	bool same = size > 0 && (size_t)size == der.size && !memcmp(encoded, der.data, der.size);

	OPENSSL_free(encoded);
	return same;
}

X509 *x509_from_der(struct span der)
{
	const unsigned char *p = der.data;
	unsigned char *encoded = NULL;
	X509 *cert;
	int size;

	if (!der.size || der.size > CERTIFICATE_MAX)
		return NULL;
	cert = d2i_X509(NULL, &p, (long)der.size);
	/* In two steps: arguments are evaluated in any order. */
	size = cert ? i2d_X509(cert, &encoded) : 0;
	if (cert && same_encoding(encoded, size, der))
		return cert;
	X509_free(cert);
	ERR_clear_error();
	return NULL;
}

X509 *x509_from_bag(const struct collateral *bag, struct span der)
{
	uint8_t sha256[32];
	X509 *known;

	if (!bag || !der.size || der.size > CERTIFICATE_MAX)
		return x509_from_der(der);
	SHA256(der.data, der.size, sha256);
	known = collateral_certificate_read(bag, sha256);
	if (!known)
		return x509_from_der(der);
	X509_up_ref(known);
	return known;
}

X509_CRL *x509_crl_from(struct span data)
{
	struct pem_block block = { .der = NULL }, more;
	unsigned char *encoded = NULL;
	const unsigned char *p;
	X509_CRL *crl = NULL;
	int size;

	if (pem_detect(data)) {
		int ret = pem_next(&data, &block);

		if (ret != 1)
			return NULL;
		ret = pem_next(&data, &more);
		if (ret == 1)
			free(more.der);
		data = SPAN(block.der, block.size);
		if (ret || strcmp(block.label, "X509 CRL"))
			goto out;
	}
	if (!data.size || data.size > CRL_MAX)
		goto out;
	p = data.data;
	crl = d2i_X509_CRL(NULL, &p, (long)data.size);
	size = crl ? i2d_X509_CRL(crl, &encoded) : 0;
	if (crl && !same_encoding(encoded, size, data)) {
		X509_CRL_free(crl);
		crl = NULL;
	}
out:
	free(block.der);
	ERR_clear_error();
	return crl;
}

static int list_add_der(const struct collateral *bag, struct x509_list *list, struct span der)
{
	X509 *cert;

	if (list->count == X509_LIST_MAX)
		return -E2BIG;
	cert = x509_from_bag(bag, der);
	if (!cert)
		return -EBADMSG;
	list->items[list->count++] = cert;
	return 0;
}

/* Undoes what a failed call added. */
static int list_cut(struct x509_list *list, size_t count, int ret)
{
	while (ret && list->count > count)
		X509_free(list->items[--list->count]);
	return ret;
}

static int list_from_pem(const struct collateral *bag, struct span pem, struct x509_list *list)
{
	size_t before = list->count;
	struct pem_block block;
	int ret;

	while ((ret = pem_next(&pem, &block)) == 1) {
		ret = strcmp(block.label, "CERTIFICATE")
			      ? -EBADMSG
			      : list_add_der(bag, list, SPAN(block.der, block.size));
		free(block.der);
		if (ret)
			break;
	}
	if (!ret && list->count == before)
		ret = -EBADMSG;
	return list_cut(list, before, ret);
}

int x509_list_from_pem(struct span pem, struct x509_list *list)
{
	return list_from_pem(NULL, pem, list);
}

/* Length of the DER SEQUENCE that data starts with, 0 if there is none. */
static size_t der_sequence_size(struct span data)
{
	struct cursor c = CURSOR(data);
	uint8_t tag = take_u8(&c), first = take_u8(&c);
	size_t size = first;

	if (tag != 0x30)
		return 0;
	if (first & 0x80) {
		if ((first & 0x7f) == 0 || (first & 0x7f) > 4)
			return 0;
		size = take_be(&c, first & 0x7f);
	}
	if (c.bad || size > cursor_left(&c))
		return 0;
	return c.at + size;
}

int x509_list_from_bag(const struct collateral *bag, struct span data, struct x509_list *list)
{
	size_t before = list->count;
	int ret = 0;

	if (pem_detect(data))
		return list_from_pem(bag, data, list);
	if (!data.size)
		return -EBADMSG;
	while (data.size && !ret) {
		size_t size = der_sequence_size(data);

		ret = size ? list_add_der(bag, list, SPAN(data.data, size)) : -EBADMSG;
		data = SPAN(data.data + size, data.size - size);
	}
	return list_cut(list, before, ret);
}

int x509_list_from(struct span data, struct x509_list *list)
{
	return x509_list_from_bag(NULL, data, list);
}

struct span x509_serial(const X509 *cert)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);

	return SPAN(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
}

static void common_name(const X509_NAME *name, char *ret_text, size_t room)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	int len;

	ret_text[0] = 0;
	if (at < 0)
		return;
	/* Two common names: none is the name. */
	if (X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return;
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len > 0 && (size_t)len < room && !memchr(utf8, 0, (size_t)len)) {
		memcpy(ret_text, utf8, (size_t)len);
		ret_text[len] = 0;
	}
	OPENSSL_free(utf8);
	ERR_clear_error();
}

void x509_subject_cn(const X509 *cert, char *ret_text, size_t room)
{
	common_name(X509_get_subject_name(cert), ret_text, room);
}

void x509_issuer_cn(const X509 *cert, char *ret_text, size_t room)
{
	common_name(X509_get_issuer_name(cert), ret_text, room);
}

bool asn1_seconds(const ASN1_TIME *t, int64_t *ret_seconds)
{
	struct tm tm;

	/* The NULL form of ASN1_TIME_to_tm() means "now". */
	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return false;
	*ret_seconds = timegm(&tm);
	return true;
}

struct span x509_spki(const X509 *cert)
{
	const struct x509_facts *f = x509_facts(cert);

	return f ? SPAN(f->spki, f->spki_size) : SPAN(NULL, 0);
}

void x509_spki_sha256(const X509 *cert, uint8_t ret_digest[32])
{
	const struct x509_facts *f = x509_facts(cert);

	if (f)
		memcpy(ret_digest, f->spki_sha256, 32);
	else
		memset(ret_digest, 0, 32);
}

/* A date that cannot be read makes the certificate never valid. */
int64_t x509_not_before(const X509 *cert)
{
	const struct x509_facts *f = x509_facts(cert);

	return f && f->dates_readable ? f->not_before : INT64_MAX;
}

int64_t x509_not_after(const X509 *cert)
{
	const struct x509_facts *f = x509_facts(cert);

	return f && f->dates_readable ? f->not_after : INT64_MIN;
}

struct span x509_extension(const X509 *cert, const char *oid, bool *ret_twice)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	struct span ret = { NULL, 0 };
	const ASN1_OCTET_STRING *content;
	int at;

	*ret_twice = false;
	at = object ? X509_get_ext_by_OBJ(cert, object, -1) : -1;
	if (at >= 0 && X509_get_ext_by_OBJ(cert, object, at) >= 0) {
		*ret_twice = true;
	} else if (at >= 0) {
		content = X509_EXTENSION_get_data(X509_get_ext(cert, at));
		ret = SPAN(ASN1_STRING_get0_data(content), (size_t)ASN1_STRING_length(content));
	}
	ASN1_OBJECT_free(object);
	return ret;
}
