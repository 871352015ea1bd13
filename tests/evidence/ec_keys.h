/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests that make evidence do with keys on a curve: signatures as r || s and public keys as x || y, big endian, each number as long as the
 * field. Whatever fails ends the test.
 */
#pragma once

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EC_HALF_MAX 66 /* P-521 */

static inline size_t ec_half(const EVP_PKEY *key)
{
	return ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
}

static inline void ec_must(int ok, const char *what)
{
	if (ok)
		return;
	printf("FAIL %s\n", what);
	exit(1);
}

/* ret: 2 * ec_half() bytes */
static inline void ec_sign(EVP_PKEY *key, const EVP_MD *md, const void *data, size_t size,
			   uint8_t *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[2 * EC_HALF_MAX + 16];
	const uint8_t *at = der;
	size_t der_size = sizeof(der);
	int half = (int)ec_half(key);
	ECDSA_SIG *sig;

	ec_must(ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
			EVP_DigestSign(ctx, der, &der_size, data, size) == 1,
		"signing");
	sig = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
	ec_must(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, half) == half &&
			BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + half, half) == half,
		"a signature's numbers");
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

/* ret: 2 * ec_half() bytes */
static inline void ec_public(const EVP_PKEY *key, uint8_t *ret)
{
	uint8_t point[1 + 2 * EC_HALF_MAX];
	size_t size = 0;

	ec_must(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
						&size) == 1 &&
			size == 1 + 2 * ec_half(key) && point[0] == POINT_CONVERSION_UNCOMPRESSED,
		"a public key's point");
	memcpy(ret, point + 1, size - 1);
}
