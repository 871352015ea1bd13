/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What collateral comes as: JSON, a CBOR bundle, or certificates and revocation lists in PEM, DER, or hex or base64 of either (PCCS
 * answers in hex). The form is told by the first bytes; exactly one reading of the bytes is tried.
 */
#include "attest/collateral/collateral_internal.h"
#include "attest/x509/pem.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

static int refuse(struct reading *r, int code, const char *what)
{
	if (code == -ENOMEM)
		return fail(r->err, code, "out of memory");
	if (code == -E2BIG)
		return fail(r->err, code, "%s: does not fit into the collateral any more",
			    r->origin);
	return fail(r->err, code, "%s: %s", r->origin, what);
}

static int add_certificate(struct reading *r, X509 *cert, struct x509_list *ret_chain)
{
	int ret = cert ? bag_add_certificate(r->bag, cert) : -EBADMSG;

	if (!ret && ret_chain) {
		if (ret_chain->count == X509_LIST_MAX) {
			X509_free(cert);
			return fail(r->err, -E2BIG, "%s: the chain has more than %d certificates",
				    r->origin, X509_LIST_MAX);
		}
		X509_up_ref(cert);
		ret_chain->items[ret_chain->count++] = cert;
	}
	X509_free(cert);
	return ret ? refuse(r, ret, "a certificate is malformed") : 0;
}

/* Size of the DER SEQUENCE at the start, 0 if there is none. */
static size_t sequence_size(struct span der)
{
	const unsigned char *p = der.data;
	long length;
	int tag, class, flags;

	if (der.size > COLLATERAL_BYTES_MAX)
		return 0;
	flags = ASN1_get_object(&p, &length, &tag, &class, (long)der.size);
	ERR_clear_error();
	if (flags != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL ||
	    length < 0)
		return 0;
	return (size_t)(p - der.data) + (size_t)length;
}

/* A CRL's tbsCertList starts with a version INTEGER or an AlgorithmIdentifier, a certificate's with [0] or an INTEGER serial; trying is simpler. */
static int read_der(struct reading *r, struct span der, struct x509_list *ret_chain)
{
	for (size_t count = 0; der.size; count++) {
		size_t size = sequence_size(der);
		struct span one = SPAN(der.data, size);
		X509 *cert;
		int ret;

		/* Whoever keeps DER in a string of C has a NUL behind it. */
		if (count && der.size == 1 && !der.data[0])
			break;
		if (!size)
			return refuse(r, -EBADMSG, "is not DER, or ends early");
		cert = x509_from_bag(r->bag, one);
		if (cert)
			ret = add_certificate(r, cert, ret_chain);
		else if ((ret = bag_add_crl(r->bag, one)))
			ret = refuse(r, ret, "is neither a certificate nor a revocation list");
		if (ret)
			return ret;
		der = SPAN(der.data + size, der.size - size);
	}
	return 0;
}

static int read_pem(struct reading *r, struct span pem, struct x509_list *ret_chain)
{
	struct pem_block block;
	size_t count = 0;
	int ret;

	while (!(ret = pem_skip_text(&pem)) && (ret = pem_next(&pem, &block)) == 1) {
		struct span der = SPAN(block.der, block.size);

		if (!strcmp(block.label, "CERTIFICATE"))
			ret = add_certificate(r, x509_from_bag(r->bag, der), ret_chain);
		else if (!strcmp(block.label, "X509 CRL") && (ret = bag_add_crl(r->bag, der)))
			ret = refuse(r, ret, "a revocation list is malformed");
		else if (strcmp(block.label, "X509 CRL"))
			ret = fail(r->err, -ENOTSUP, "%s: PEM of \"%s\" is not collateral",
				   r->origin, block.label);
		free(block.der);
		if (ret)
			return ret;
		count++;
	}
	return ret || !count ? refuse(r, ret ? ret : -EBADMSG, "is not well-formed PEM") : 0;
}

int url_decode(const char *text, char **ret_text)
{
	size_t len = strlen(text), size = 0;
	char *out = malloc(len + 1);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)text[i];

		if (byte == '%') {
			if (len - i < 3 || hex_parse(text + i + 1, 2, &byte, 1) || !byte) {
				free(out);
				return -EBADMSG;
			}
			i += 2;
		}
		out[size++] = (char)byte;
	}
	out[size] = 0;
	*ret_text = out;
	return 0;
}

static struct span trim(struct span in)
{
	while (in.size && isspace(in.data[0]))
		in = SPAN(in.data + 1, in.size - 1);
	while (in.size && (isspace(in.data[in.size - 1]) || !in.data[in.size - 1]))
		in.size--;
	return in;
}

static bool all_hex(struct span in)
{
	for (size_t i = 0; i < in.size; i++)
		if (!isxdigit(in.data[i]))
			return false;
	return in.size && in.size % 2 == 0;
}

/* Of text in text */
#define TEXT_DEPTH_MAX 2

static int read_one(struct reading *r, struct span data, int depth, struct x509_list *ret_chain);

/* Text of DER, or of text again: hex as PCCS gives it, or base64 (of PEM, or of that hex, as programs in Go write C's strings). */
static int read_der_text(struct reading *r, struct span text, int depth,
			 struct x509_list *ret_chain)
{
	uint8_t *der = NULL;
	size_t size = text.size / 2;
	int ret;

	if (all_hex(text)) {
		der = malloc(size + 1);
		ret = der ? hex_parse((const char *)text.data, text.size, der, size) : -ENOMEM;
	} else {
		ret = base64_lines(text, &der, &size);
	}
	if (ret)
		ret = refuse(r, ret, "is in no form known here");
	else
		ret = read_one(r, SPAN(der, size), depth + 1, ret_chain);
	free(der);
	return ret;
}

static int read_url_encoded(struct reading *r, struct span text, struct x509_list *ret_chain)
{
	char *copy = strndup((const char *)text.data, text.size), *decoded = NULL;
	int ret = copy ? url_decode(copy, &decoded) : -ENOMEM;

	ret = ret ? refuse(r, ret, "is not well-formed URL encoding")
		  : read_pem(r, SPAN(decoded, strlen(decoded)), ret_chain);
	free(copy);
	free(decoded);
	return ret;
}

static int read_one(struct reading *r, struct span data, int depth, struct x509_list *ret_chain)
{
	static const char encoded[] = "-----BEGIN%20", mark[] = "-----BEGIN ";
	struct span text = trim(data);

	if (!text.size)
		return refuse(r, -EBADMSG, "is empty");
	if (data.data[0] == 0x30 && sequence_size(data))
		return read_der(r, data, ret_chain);
	if (memmem(text.data, text.size, mark, sizeof(mark) - 1))
		return read_pem(r, text, ret_chain);
	if (span_starts(text, encoded, sizeof(encoded) - 1))
		return read_url_encoded(r, text, ret_chain);
	return depth < TEXT_DEPTH_MAX ? read_der_text(r, text, depth, ret_chain)
				      : refuse(r, -EBADMSG, "is in no form known here");
}

int read_x509(struct reading *r, struct span data, struct x509_list *ret_chain)
{
	return read_one(r, data, 0, ret_chain);
}

static int read_any(struct collateral *c, const char *origin, struct span data,
		    const struct x509_list *chain, struct cattest_error *err)
{
	struct reading r = { .bag = c, .origin = origin, .err = err };
	struct span text = trim(data);

	if (data.size > COLLATERAL_BYTES_MAX - c->bytes)
		return refuse(&r, -E2BIG, "");
	c->bytes += data.size;
	if (text.size && text.data[0] == '{')
		return read_json_form(&r, text, chain);
	if (data.size && data.data[0] >> 5 == 5) /* CBOR, a map */
		return read_cbor_bundle(&r, data);
	if (open_enclave_detect(data))
		return read_open_enclave(&r, data);
	return read_x509(&r, data, NULL);
}

int collateral_add(struct collateral *c, const char *origin, struct span data,
		   struct cattest_error *err)
{
	return read_any(c, origin, data, NULL, err);
}

int collateral_add_answer(struct collateral *c, const char *origin, struct span body,
			  const char *issuer_chain, struct cattest_error *err)
{
	struct reading r = { .bag = c, .origin = origin, .err = err };
	struct x509_list chain = { .count = 0 };
	int ret = 0;

	if (issuer_chain) {
		char *pem = NULL;

		ret = url_decode(issuer_chain, &pem);
		ret = ret ? refuse(&r, ret, "the issuer chain header is not URL encoding")
			  : read_pem(&r, SPAN(pem, strlen(pem)), &chain);
		free(pem);
	}
	if (!ret)
		ret = read_any(c, origin, body, chain.count ? &chain : NULL, err);
	x509_list_done(&chain);
	return ret;
}
