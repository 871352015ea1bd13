/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGSTRUCTs made with OpenSSL, so that our verification is checked against another implementation: RSA-3072, exponent 3, PKCS
 * #1 v1.5 with SHA-256, and the quotients Q1 = S^2 / N, Q2 = (S^3 - Q1 S N) / N (SDM 3D, 37.14).
 */
#include "hypervisor/tests/leaves/scene.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sign: %s failed\n", what);
	exit(1);
}

static EVP_PKEY *key_of(int which)
{
	static EVP_PKEY *keys[2];
	EVP_PKEY_CTX *c;
	BIGNUM *e;

	if (keys[which])
		return keys[which];
	c = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	e = BN_new();
	need(c && e && BN_set_word(e, 3) && EVP_PKEY_keygen_init(c) == 1 &&
		     EVP_PKEY_CTX_set_rsa_keygen_bits(c, 3072) == 1 &&
		     EVP_PKEY_CTX_set1_rsa_keygen_pubexp(c, e) == 1 &&
		     EVP_PKEY_keygen(c, &keys[which]) == 1,
	     "making a key");
	BN_free(e);
	EVP_PKEY_CTX_free(c);
	return keys[which];
}

static void modulus_of(int which, uint8_t ret_modulus[384])
{
	BIGNUM *n = NULL;

	need(EVP_PKEY_get_bn_param(key_of(which), "n", &n) == 1, "the modulus");
	need(BN_bn2lebinpad(n, ret_modulus, 384) == 384, "the modulus");
	BN_free(n);
}

void signer_hash(int which, uint8_t ret_hash[32])
{
	uint8_t modulus[384];

	modulus_of(which, modulus);
	SHA256(modulus, sizeof(modulus), ret_hash);
}

void sigstruct_sign(struct sigstruct *sig, int which)
{
	uint8_t body[256], digest[32], signature[384];
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key_of(which), NULL);
	size_t size = sizeof(signature);
	BIGNUM *n, *s, *q1 = BN_new(), *q2 = BN_new(), *t = BN_new(), *r = BN_new();
	BN_CTX *b = BN_CTX_new();

	modulus_of(which, sig->modulus);
	sig->exponent = 3;
	memcpy(body, sig, 128);
	memcpy(body + 128, (uint8_t *)sig + 900, 128);
	SHA256(body, sizeof(body), digest);
	need(EVP_PKEY_sign_init(c) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
		     EVP_PKEY_sign(c, signature, &size, digest, 32) == 1,
	     "signing");
	EVP_PKEY_CTX_free(c);
	n = BN_lebin2bn(sig->modulus, 384, NULL);
	s = BN_bin2bn(signature, 384, NULL);
	need(BN_sqr(t, s, b) && BN_div(q1, r, t, n, b) && BN_mul(t, s, r, b) &&
		     BN_div(q2, r, t, n, b),
	     "the quotients");
	need(BN_bn2lebinpad(s, sig->signature, 384) == 384 &&
		     BN_bn2lebinpad(q1, sig->q1, 384) == 384 &&
		     BN_bn2lebinpad(q2, sig->q2, 384) == 384,
	     "the quotients");
	BN_free(n), BN_free(s), BN_free(q1), BN_free(q2), BN_free(t), BN_free(r);
	BN_CTX_free(b);
}
