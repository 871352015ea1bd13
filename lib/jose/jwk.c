/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Keys (RFC 7517, RFC 7518 section 6), public parts only: EC on P-256 and P-384, RSA from 2048 to 8192 bits. Coordinates have
 * the full size of the field, numbers no leading zero bytes, as the RFC says.
 */
#include "lib/jose/jose.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct curve {
	const char *name, *group;
	size_t half;
} curves[] = { { "P-256", "prime256v1", 32 }, { "P-384", "secp384r1", 48 } };
#define CURVES (sizeof(curves) / sizeof(curves[0]))

static int set_bytes(json_t *jwk, const char *name, const void *data, size_t size)
{
	char *text = base64url_encode(data, size);
	int ret = text ? json_object_set_new(jwk, name, json_string(text)) : -1;

	free(text);
	return ret ? -ENOMEM : 0;
}

static int ec_to_jwk(EVP_PKEY *key, json_t *jwk)
{
	char group[64];
	uint8_t x[48], y[48];
	const struct curve *c = NULL;
	BIGNUM *bx = NULL, *by = NULL;
	int ret = -ENOTSUP;

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return -ENOTSUP;
	for (size_t i = 0; i < CURVES; i++)
		if (!strcmp(curves[i].group, group))
			c = &curves[i];
	if (c && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &bx) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &by) == 1 &&
	    BN_bn2binpad(bx, x, (int)c->half) > 0 && BN_bn2binpad(by, y, (int)c->half) > 0) {
		ret = json_object_set_new(jwk, "kty", json_string("EC")) ||
				      json_object_set_new(jwk, "crv", json_string(c->name))
			      ? -ENOMEM
			      : 0;
		ret = ret ? ret : set_bytes(jwk, "x", x, c->half);
		ret = ret ? ret : set_bytes(jwk, "y", y, c->half);
	}
	BN_free(bx);
	BN_free(by);
	return ret;
}

static int set_number(json_t *jwk, const char *name, const BIGNUM *n)
{
	uint8_t bytes[1024];

	if (!n || BN_num_bytes(n) > (int)sizeof(bytes))
		return -ENOTSUP;
	return set_bytes(jwk, name, bytes, (size_t)BN_bn2bin(n, bytes));
}

static int rsa_to_jwk(EVP_PKEY *key, json_t *jwk)
{
	BIGNUM *n = NULL, *e = NULL;
	int ret = -ENOTSUP;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1) {
		ret = json_object_set_new(jwk, "kty", json_string("RSA")) ? -ENOMEM : 0;
		ret = ret ? ret : set_number(jwk, "n", n);
		ret = ret ? ret : set_number(jwk, "e", e);
	}
	BN_free(n);
	BN_free(e);
	return ret;
}

int jwk_from_key(EVP_PKEY *key, json_t **ret_jwk)
{
	json_t *jwk = json_object();
	int ret = -ENOTSUP;

	if (!jwk)
		return -ENOMEM;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		ret = ec_to_jwk(key, jwk);
	else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		ret = rsa_to_jwk(key, jwk);
	if (ret)
		json_decref(jwk);
	else
		*ret_jwk = jwk;
	return ret;
}

static int get_bytes(const json_t *jwk, const char *name, uint8_t **ret_data, size_t *ret_size)
{
	const json_t *value = json_object_get(jwk, name);

	if (!json_is_string(value))
		return -EBADMSG;
	return base64url_decode(json_string_value(value), json_string_length(value), ret_data,
				ret_size);
}

static int key_from_params(const char *kind, OSSL_PARAM_BLD *build, EVP_PKEY **ret_key)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;
	int ret = 0;

	if (!params || !ctx)
		ret = -ENOMEM;
	else if (EVP_PKEY_fromdata_init(ctx) != 1 ||
		 EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		ret = -EBADMSG;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	if (!ret)
		*ret_key = key;
	return ret;
}

static int ec_from_jwk(const json_t *jwk, EVP_PKEY **ret_key)
{
	const char *name = json_string_value(json_object_get(jwk, "crv"));
	const struct curve *c = NULL;
	uint8_t *x = NULL, *y = NULL, point[97] = { 4 };
	size_t x_size = 0, y_size = 0;
	OSSL_PARAM_BLD *build = NULL;
	int ret;

	for (size_t i = 0; name && i < CURVES; i++)
		if (!strcmp(curves[i].name, name))
			c = &curves[i];
	if (!c)
		return name ? -ENOTSUP : -EBADMSG;
	ret = get_bytes(jwk, "x", &x, &x_size);
	ret = ret ? ret : get_bytes(jwk, "y", &y, &y_size);
	if (!ret && (x_size != c->half || y_size != c->half))
		ret = -EBADMSG;
	if (!ret) {
		memcpy(point + 1, x, x_size);
		memcpy(point + 1 + x_size, y, y_size);
		build = OSSL_PARAM_BLD_new();
		if (!build ||
		    !OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, c->group,
						     0) ||
		    !OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
						      1 + 2 * c->half))
			ret = -ENOMEM;
	}
	ret = ret ? ret : key_from_params("EC", build, ret_key);
	OSSL_PARAM_BLD_free(build);
	free(x);
	free(y);
	return ret;
}

static int rsa_from_jwk(const json_t *jwk, EVP_PKEY **ret_key)
{
	uint8_t *n = NULL, *e = NULL;
	size_t n_size = 0, e_size = 0;
	BIGNUM *bn = NULL, *be = NULL;
	OSSL_PARAM_BLD *build = NULL;
	int ret = get_bytes(jwk, "n", &n, &n_size);

	ret = ret ? ret : get_bytes(jwk, "e", &e, &e_size);
	/* An even exponent or modulus is no RSA key. */
	if (!ret && (n_size < 256 || n_size > 1024 || !e_size || e_size > 4 || !n[0] || !e[0] ||
		     !(n[n_size - 1] & 1) || !(e[e_size - 1] & 1)))
		ret = -EBADMSG;
	if (!ret) {
		bn = BN_bin2bn(n, (int)n_size, NULL);
		be = BN_bin2bn(e, (int)e_size, NULL);
		build = OSSL_PARAM_BLD_new();
		if (!bn || !be || !build ||
		    !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) ||
		    !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be))
			ret = -ENOMEM;
	}
	ret = ret ? ret : key_from_params("RSA", build, ret_key);
	OSSL_PARAM_BLD_free(build);
	BN_free(bn);
	BN_free(be);
	free(n);
	free(e);
	return ret;
}

int key_from_jwk(const json_t *jwk, EVP_PKEY **ret_key)
{
	const char *kind = json_string_value(json_object_get(jwk, "kty"));
	int ret;

	if (!kind)
		return -EBADMSG;
	ERR_set_mark();
	ret = !strcmp(kind, "EC")    ? ec_from_jwk(jwk, ret_key)
	      : !strcmp(kind, "RSA") ? rsa_from_jwk(jwk, ret_key)
				     : -ENOTSUP;
	ERR_pop_to_mark();
	return ret;
}

int jwk_thumbprint(EVP_PKEY *key, uint8_t ret_digest[32])
{
	json_t *jwk;
	char *text;
	int ret = jwk_from_key(key, &jwk);

	if (ret)
		return ret;
	/* RFC 7638: the required members only, in order of their names, no white space. */
	text = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(jwk);
	if (!text)
		return -ENOMEM;
	if (EVP_Digest(text, strlen(text), ret_digest, NULL, EVP_sha256(), NULL) != 1)
		ret = -ENOMEM;
	free(text);
	return ret;
}
