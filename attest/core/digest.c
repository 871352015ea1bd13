/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cryptography that all evidence types share, on OpenSSL: digests over parts, and ECDSA with raw r || s as Intel, AMD
 * and COSE carry it. OpenSSL's error queue is left as it was found: the reasons are in the checks.
 */
#include "attest/core/appraisal.h"
#include "lib/fuzz/outcome.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

bool bytes_equal(const void *a, const void *b, size_t size)
{
	return !CRYPTO_memcmp(a, b, size);
}

static const EVP_MD *digest_named(const char *name)
{
	if (!strcmp(name, "SHA256"))
		return EVP_sha256();
	if (!strcmp(name, "SHA384"))
		return EVP_sha384();
	if (!strcmp(name, "SHA512"))
		return EVP_sha512();
	if (!strcmp(name, "SHA1"))
		return EVP_sha1();
	return NULL;
}

int digest(const char *name, const struct span *parts, size_t part_count, uint8_t *ret_digest,
	   size_t *ret_size)
{
	const EVP_MD *md = digest_named(name);
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	EVP_MD_CTX *ctx;
	bool ok;

	if (!md)
		return -ENOTSUP;
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return -ENOMEM;
	ok = EVP_DigestInit_ex(ctx, md, NULL);
	for (size_t i = 0; ok && i < part_count; i++)
		ok = !parts[i].size || EVP_DigestUpdate(ctx, parts[i].data, parts[i].size);
	ok = ok && EVP_DigestFinal_ex(ctx, out, &size);
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return -ENOMEM;
	memcpy(ret_digest, out, size);
	if (ret_size)
		*ret_size = size;
	return 0;
}

/* One DER INTEGER (positive, shortest form) of a big-endian number; gives its size. room: number.size + 3. */
static size_t der_integer(struct span number, uint8_t *out)
{
	size_t skip = 0, size, pad;

	while (skip + 1 < number.size && !number.data[skip])
		skip++;
	size = number.size - skip;
	pad = number.data[skip] >> 7;
	out[0] = 2;
	out[1] = (uint8_t)(size + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, number.data + skip, size);
	return 2 + pad + size;
}

#define HALF_MAX 66 /* P-521 */
#define DER_MAX (3 + 2 * (3 + HALF_MAX))

/* SEQUENCE { r, s }; 0 if the size is not that of a signature on a curve up to P-521. */
static size_t der_signature(struct span raw, uint8_t out[DER_MAX])
{
	size_t half = raw.size / 2, size;

	if (!raw.size || raw.size % 2 || half > HALF_MAX)
		return 0;
	/* Zero is out of range for r and s (FIPS 186-5, 6.4.2); OpenSSL refuses those not below the order. */
	if (span_is_zero(SPAN(raw.data, half)) || span_is_zero(SPAN(raw.data + half, half)))
		return 0;
	size = der_integer(SPAN(raw.data, half), out + 3);
	size += der_integer(SPAN(raw.data + half, half), out + 3 + size);
	out[0] = 0x30;
	if (size < 0x80) { /* DER: the short form where it does (X.690, 10.1) */
		out[1] = (uint8_t)size;
		memmove(out + 2, out + 3, size);
		return size + 2;
	}
	out[1] = 0x81;
	out[2] = (uint8_t)size; /* at most 2 * (2 + 1 + 66) = 138 */
	return size + 3;
}

bool ecdsa_verify(EVP_PKEY *key, const char *digest_name, struct span message,
		  struct span raw_signature)
{
	const EVP_MD *md = digest_named(digest_name);
	uint8_t der[DER_MAX];
	size_t der_size = der_signature(raw_signature, der);
	EVP_MD_CTX *ctx;
	bool ok;

	if (!key || !md || !der_size || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    raw_signature.size / 2 != ((size_t)EVP_PKEY_get_bits(key) + 7) / 8)
		return false;
	if (fuzz_outcome())
		return true;
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return false;
	ERR_set_mark();
	ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, der, der_size, message.data, message.size) == 1;
	ERR_pop_to_mark();
	EVP_MD_CTX_free(ctx);
	return ok;
}

EVP_PKEY *ec_key(const char *group, struct span xy)
{
	size_t half = !strcmp(group, "P-256")	? 32
		      : !strcmp(group, "P-384") ? 48
		      : !strcmp(group, "P-521") ? HALF_MAX
						: 0;
	uint8_t point[1 + 2 * HALF_MAX];
	char group_name[8];
	OSSL_PARAM params[3];
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	if (!half || xy.size != 2 * half)
		return NULL;
	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1, xy.data, xy.size);
	memcpy(group_name, group, 6);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group_name, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + xy.size);
	params[2] = OSSL_PARAM_construct_end();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!ctx)
		return NULL;
	ERR_set_mark();
	/* Decoding a point checks that it is on the curve; all three curves have cofactor 1, so that is all there is to check. */
	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	ERR_pop_to_mark();
	EVP_PKEY_CTX_free(ctx);
	return key;
}
