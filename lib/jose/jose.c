/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS and JWK on OpenSSL and jansson. The caller's key decides which algorithm a token may have, so that a token can neither choose
 * "none" nor have a public key taken for a MAC's. Signatures in tokens are raw r || s (RFC 7518, section 3.4); OpenSSL's are DER.
 */
#include "lib/jose/jose.h"
#include "lib/json/json.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Tokens are small; this is what a header or payload may have. */
#define MAX_TOKEN (8u << 20)
#define MAX_HEADER (64u << 10)
#define MAX_DEPTH 16

/* --- Algorithms --- */

struct algorithm {
	const char *name, *group; /* group: of EC keys */
	const EVP_MD *(*md)(void);
	size_t half; /* bytes of r and of s */
	bool pss;
};

/* RFC 7518, section 3.1 */
static const struct algorithm algorithms[] = {
	{ "ES256", "prime256v1", EVP_sha256, 32, false },
	{ "ES384", "secp384r1", EVP_sha384, 48, false },
	{ "RS256", NULL, EVP_sha256, 0, false },
	{ "PS256", NULL, EVP_sha256, 0, true },
};

static bool key_group(EVP_PKEY *key, char group[64])
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, 64, NULL) == 1;
}

static bool algorithm_fits(const struct algorithm *a, EVP_PKEY *key)
{
	char group[64];

	if (a->group)
		return key_group(key, group) && !strcmp(group, a->group);
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= 2048;
}

static const struct algorithm *algorithm_find(const char *name, EVP_PKEY *key)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if ((!name || !strcmp(algorithms[i].name, name)) &&
		    algorithm_fits(&algorithms[i], key))
			return &algorithms[i];
	return NULL;
}

/* --- Signatures --- */

static int raw_to_der(const uint8_t *raw, size_t half, uint8_t **ret_der, size_t *ret_size)
{
	BIGNUM *r = BN_bin2bn(raw, (int)half, NULL), *s = BN_bin2bn(raw + half, (int)half, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int size;

	*ret_der = NULL;
	if (!r || !s || !sig || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return -ENOMEM;
	}
	size = i2d_ECDSA_SIG(sig, ret_der);
	ECDSA_SIG_free(sig);
	if (size <= 0)
		return -ENOMEM;
	*ret_size = (size_t)size;
	return 0;
}

static int der_to_raw(const uint8_t *der, size_t size, size_t half, uint8_t *ret_raw)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)size);
	int ret = -EBADMSG;

	if (sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_raw, (int)half) == (int)half &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_raw + half, (int)half) == (int)half)
		ret = 0;
	ECDSA_SIG_free(sig);
	return ret;
}

static bool verify_signature(const struct algorithm *a, EVP_PKEY *key, const void *data,
			     size_t size, const uint8_t *signature, size_t signature_size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx;
	uint8_t *der = NULL;
	bool ok = ctx && EVP_DigestVerifyInit(ctx, &key_ctx, a->md(), NULL, key) == 1;

	if (ok && a->pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	if (ok && a->half)
		ok = signature_size == 2 * a->half &&
		     !raw_to_der(signature, a->half, &der, &signature_size);
	ok = ok && EVP_DigestVerify(ctx, der ? der : signature, signature_size, data, size) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static int make_signature(const struct algorithm *a, EVP_PKEY *key, const void *data, size_t size,
			  uint8_t *ret_raw)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[160]; /* P-384: 104 at most */
	size_t der_size = sizeof(der);
	int ret = -EINVAL;

	if (ctx && EVP_DigestSignInit(ctx, NULL, a->md(), NULL, key) == 1 &&
	    EVP_DigestSign(ctx, der, &der_size, data, size) == 1)
		ret = der_to_raw(der, der_size, a->half, ret_raw);
	EVP_MD_CTX_free(ctx);
	return ret;
}

/* --- Compact JWS --- */

int jws_sign(EVP_PKEY *key, json_t *header, const void *payload, size_t payload_size,
	     char **ret_token)
{
	const struct algorithm *a = algorithm_find(NULL, key);
	json_t *full = header ? json_copy(header) : json_object();
	char *text = NULL, *head = NULL, *body = NULL, *tail = NULL, *token = NULL;
	uint8_t raw[2 * 48];
	int ret = -ENOMEM;

	if (!a || !a->half) {
		json_decref(full);
		return -ENOTSUP;
	}
	if (payload_size <= MAX_TOKEN && full &&
	    !json_object_set_new(full, "alg", json_string(a->name)))
		text = json_dumps(full, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(full);
	if (text) {
		head = base64url_encode(text, strlen(text));
		body = base64url_encode(payload, payload_size);
	}
	if (head && body && asprintf(&token, "%s.%s", head, body) < 0)
		token = NULL;
	if (token) {
		ret = make_signature(a, key, token, strlen(token), raw);
		tail = ret ? NULL : base64url_encode(raw, 2 * a->half);
		free(token);
		token = NULL;
		if (!ret && (!tail || asprintf(&token, "%s.%s.%s", head, body, tail) < 0))
			ret = -ENOMEM;
	}
	if (!ret)
		*ret_token = token;
	free(text);
	free(head);
	free(body);
	free(tail);
	return ret;
}

/* The protected header: strict JSON, with an algorithm of this key and nothing critical (no extension is known here). */
static int read_header(EVP_PKEY *key, const char *text, size_t len, json_t **ret_header,
		       const struct algorithm **ret_algorithm)
{
	uint8_t *bytes;
	size_t size;
	json_t *header;
	const char *name;
	int ret = len > MAX_HEADER ? -EBADMSG : base64url_decode(text, len, &bytes, &size);

	if (ret)
		return ret;
	header = json_read(bytes, size, MAX_DEPTH, NULL);
	free(bytes);
	name = json_string_value(json_object_get(header, "alg"));
	if (!name || json_object_get(header, "crit") || json_object_get(header, "b64")) {
		json_decref(header);
		return -EBADMSG;
	}
	*ret_algorithm = algorithm_find(name, key);
	if (!*ret_algorithm) {
		json_decref(header);
		return -EKEYREJECTED;
	}
	*ret_header = header;
	return 0;
}

int jws_verify(EVP_PKEY *key, const char *token, size_t token_len, json_t **ret_header,
	       uint8_t **ret_payload, size_t *ret_payload_size)
{
	const char *first = memchr(token, '.', token_len), *second;
	const struct algorithm *a;
	json_t *header = NULL;
	uint8_t *payload = NULL, *signature = NULL;
	size_t left, payload_size, signature_size;
	int ret;

	if (!first || token_len > MAX_TOKEN)
		return -EBADMSG;
	left = token_len - (size_t)(first - token) - 1;
	second = memchr(first + 1, '.', left);
	/* An empty payload is a detached one. */
	if (!second || second == first + 1)
		return -EBADMSG;
	left = token_len - (size_t)(second - token) - 1;
	ERR_set_mark();
	ret = read_header(key, token, (size_t)(first - token), &header, &a);
	if (!ret)
		ret = base64url_decode(second + 1, left, &signature, &signature_size);
	if (!ret &&
	    !verify_signature(a, key, token, (size_t)(second - token), signature, signature_size))
		ret = -EKEYREJECTED;
	if (!ret)
		ret = base64url_decode(first + 1, (size_t)(second - first) - 1, &payload,
				       &payload_size);
	ERR_pop_to_mark();
	free(signature);
	if (ret || !ret_header)
		json_decref(header);
	if (ret)
		return ret;
	if (ret_header)
		*ret_header = header;
	if (ret_payload) {
		*ret_payload = payload;
		*ret_payload_size = payload_size;
	} else {
		free(payload);
	}
	return 0;
}
