/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MakeCredential in software (TPM 2.0 Library, part 1, 24 and annexes B.10.4 and C.6.4): what a
 * relying party sends to find out whether an attestation key lives in the TPM that an endorsement
 * key belongs to.
 *
 *   seed ----(to the EK: RSA-OAEP, or one-pass ECDH and KDFe)-----> TPM2B_ENCRYPTED_SECRET
 *   STORAGE key = KDFa(seed, name): AES-CFB over the secret = encIdentity -\
 *   INTEGRITY key = KDFa(seed): HMAC over encIdentity || name ----> TPM2B_ID_OBJECT
 *
 * The TPM computes the same with the name of the object that it really has, so the secret only
 * comes back for that object.
 */
#include "attest/tpm/tpm.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#define LABEL "IDENTITY" /* part 1, table 14; its NUL counts */
#define SECRET_MAX 64	 /* a TPM2B_DIGEST */
#define ECC_HALF_MAX 66	 /* P-521 */

static const EVP_MD *md_of(uint16_t hash)
{
	return hash == TPM_SHA1	    ? EVP_sha1()
	       : hash == TPM_SHA256 ? EVP_sha256()
	       : hash == TPM_SHA384 ? EVP_sha384()
	       : hash == TPM_SHA512 ? EVP_sha512()
				    : NULL;
}

/* Bytes put one after the other. Overflow is sticky. */
struct joined {
	uint8_t bytes[1024];
	size_t size;
	bool overflow;
};

static void join(struct joined *j, const void *data, size_t size)
{
	if (size > sizeof(j->bytes) - j->size) {
		j->overflow = true;
		return;
	}
	if (size)
		memcpy(j->bytes + j->size, data, size);
	j->size += size;
}

static void join_be(struct joined *j, uint32_t value, size_t size)
{
	uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			     (uint8_t)value };

	join(j, bytes + 4 - size, size);
}

static void join_sized(struct joined *j, struct span s)
{
	join_be(j, (uint32_t)s.size, 2);
	join(j, s.data, s.size);
}

/*
 * SP 800-108 in counter mode, as part 1, 11.4.10.2 has it: [i] || label || 0 || U || V || [bits].
 */
int tpm_kdfa(uint16_t hash, struct span key, const char *label, struct span context_u,
	     struct span context_v, uint8_t *ret_key, size_t size)
{
	const EVP_MD *md = md_of(hash);
	uint8_t block[EVP_MAX_MD_SIZE];
	unsigned int block_size;

	if (!md || size > 64 || key.size > INT32_MAX)
		return -ENOTSUP;
	for (uint32_t done = 0, i = 1; done < size; i++) {
		struct joined in = { .size = 0 };
		size_t part;

		join_be(&in, i, 4);
		join(&in, label, strlen(label) + 1);
		join(&in, context_u.data, context_u.size);
		join(&in, context_v.data, context_v.size);
		join_be(&in, (uint32_t)size * 8, 4);
		if (in.overflow ||
		    !HMAC(md, key.data, (int)key.size, in.bytes, in.size, block, &block_size))
			return -ENOMEM;
		part = size - done < block_size ? size - done : block_size;
		memcpy(ret_key + done, block, part);
		done += (uint32_t)part;
	}
	OPENSSL_cleanse(block, sizeof(block));
	return 0;
}

/* KDFe (part 1, 11.4.10.3), one block: H([1] || Z || label || 0 || U || V). */
static int kdfe(uint16_t hash, struct span z, struct span party_u, struct span party_v,
		uint8_t *ret_seed)
{
	const uint8_t counter[4] = { 0, 0, 0, 1 };
	struct span parts[] = { SPAN_OF(counter), z, SPAN(LABEL, sizeof(LABEL)), party_u, party_v };

	return digest(tpm_digest_name(hash), parts, 5, ret_seed, NULL);
}

static int encrypt_to_rsa(const struct tpm_public *ek, EVP_PKEY *key, struct span seed,
			  struct joined *out)
{
	/* The EK's own scheme is none: OAEP with its name's hash (B.10.4). */
	const EVP_MD *md = md_of(ek->scheme_hash ? ek->scheme_hash : ek->name_hash);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	unsigned char *label = OPENSSL_memdup(LABEL, sizeof(LABEL));
	uint8_t encrypted[512];
	size_t size = sizeof(encrypted);
	bool ok;

	ok = ctx && md && label && EVP_PKEY_get_size(key) <= (int)sizeof(encrypted) &&
	     EVP_PKEY_encrypt_init(ctx) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	     EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
	     EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;
	if (ok && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof(LABEL)) == 1)
		label = NULL; /* the context's now */
	ok = ok && !label && EVP_PKEY_encrypt(ctx, encrypted, &size, seed.data, seed.size) == 1;
	OPENSSL_free(label);
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		return -ENOTSUP;
	join_sized(out, SPAN(encrypted, size));
	return 0;
}

/* x || y of a point, each as long as the field. */
static bool point_of(EVP_PKEY *key, size_t half, uint8_t xy[2 * ECC_HALF_MAX])
{
	uint8_t point[1 + 2 * ECC_HALF_MAX];
	size_t size;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
					    sizeof(point), &size) != 1 &&
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
					    &size) != 1)
		return false;
	if (size != 1 + 2 * half || point[0] != POINT_CONVERSION_UNCOMPRESSED)
		return false;
	memcpy(xy, point + 1, 2 * half);
	return true;
}

static int share_with_ecc(const struct tpm_public *ek, EVP_PKEY *key, EVP_PKEY *ephemeral,
			  uint8_t *ret_seed, struct joined *out)
{
	size_t half = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8, size = ECC_HALF_MAX;
	uint8_t ours[2 * ECC_HALF_MAX], theirs[2 * ECC_HALF_MAX], z[ECC_HALF_MAX];
	EVP_PKEY_CTX *ctx;
	struct joined point = { .size = 0 };
	int ret = -ENOTSUP;

	if (half > ECC_HALF_MAX || !point_of(ephemeral, half, ours) || !point_of(key, half, theirs))
		return -ENOTSUP;
	ctx = EVP_PKEY_CTX_new(ephemeral, NULL);
	if (ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, key) == 1 &&
	    EVP_PKEY_derive(ctx, z, &size) == 1 && size == half)
		ret = kdfe(ek->name_hash, SPAN(z, half), SPAN(ours, half), SPAN(theirs, half),
			   ret_seed);
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_cleanse(z, sizeof(z));
	join_sized(&point, SPAN(ours, half));
	join_sized(&point, SPAN(ours + half, half));
	join_sized(out, SPAN(point.bytes, point.size));
	return ret;
}

/* AES in CFB mode with a zero IV, as the EK's parent protection. */
static bool cfb(unsigned bits, const uint8_t *key, const uint8_t *in, size_t size, uint8_t *out)
{
	const EVP_CIPHER *cipher = bits == 128	 ? EVP_aes_128_cfb128()
				   : bits == 192 ? EVP_aes_192_cfb128()
						 : EVP_aes_256_cfb128();
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const uint8_t iv[16] = { 0 };
	int done = 0;
	bool ok = ctx && EVP_EncryptInit_ex(ctx, cipher, NULL, key, iv) == 1 &&
		  EVP_EncryptUpdate(ctx, out, &done, in, (int)size) == 1 && done == (int)size;

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/* TPM2B_ID_OBJECT from the seed. */
static int wrap_identity(const struct tpm_public *ek, struct span seed, struct span name,
			 struct span secret, struct joined *out)
{
	size_t hash_size = tpm_hash_size(ek->name_hash), key_size = ek->symmetric_bits / 8u;
	uint8_t storage_key[32], integrity_key[64], identity[2 + SECRET_MAX], mac[EVP_MAX_MD_SIZE];
	struct joined plain = { .size = 0 }, covered = { .size = 0 }, object = { .size = 0 };
	struct span none = { 0 };
	unsigned int mac_size;
	int ret = -ENOMEM;

	join_sized(&plain, secret);
	if (tpm_kdfa(ek->name_hash, seed, "STORAGE", name, none, storage_key, key_size) ||
	    tpm_kdfa(ek->name_hash, seed, "INTEGRITY", none, none, integrity_key, hash_size) ||
	    !cfb(ek->symmetric_bits, storage_key, plain.bytes, plain.size, identity))
		goto out;
	join(&covered, identity, plain.size);
	join(&covered, name.data, name.size);
	if (!HMAC(md_of(ek->name_hash), integrity_key, (int)hash_size, covered.bytes, covered.size,
		  mac, &mac_size))
		goto out;
	join_sized(&object, SPAN(mac, mac_size));
	join(&object, identity, plain.size);
	join_sized(out, SPAN(object.bytes, object.size));
	ret = 0;
out:
	OPENSSL_cleanse(storage_key, sizeof(storage_key));
	OPENSSL_cleanse(integrity_key, sizeof(integrity_key));
	OPENSSL_cleanse(&plain, sizeof(plain));
	return ret;
}

int tpm_make_credential_with(const struct tpm_public *ek, EVP_PKEY *ephemeral, struct span seed,
			     struct span object_name, struct span secret, uint8_t *ret_blob,
			     size_t room, size_t *ret_size, struct cattest_error *err)
{
	struct joined encrypted = { .size = 0 }, blob = { .size = 0 };
	size_t hash_size = tpm_hash_size(ek->name_hash);
	EVP_PKEY *key = tpm_public_key(ek);
	uint8_t shared[64];
	int ret;

	if (!key || ek->symmetric != TPM_AES || ek->symmetric_mode != TPM_CFB ||
	    (ek->symmetric_bits != 128 && ek->symmetric_bits != 192 && ek->symmetric_bits != 256)) {
		ret = fail(
			err, -ENOTSUP,
			"tpm: the endorsement key is no storage key with AES-CFB that is known here");
		goto out;
	}
	if (!secret.size || secret.size > hash_size || object_name.size < 2 ||
	    object_name.size > TPM_NAME_MAX) {
		ret = fail(err, -EBADMSG,
			   "tpm: a credential has 1 to %zu bytes, and is for an object's name",
			   hash_size);
		goto out;
	}
	ret = ek->type == TPM_RSA
		      ? (seed.size == hash_size ? encrypt_to_rsa(ek, key, seed, &encrypted)
						: -EBADMSG)
		      : share_with_ecc(ek, key, ephemeral, shared, &encrypted);
	if (!ret)
		ret = wrap_identity(ek, ek->type == TPM_RSA ? seed : SPAN(shared, hash_size),
				    object_name, secret, &blob);
	if (ret) {
		fail(err, ret, "tpm: nothing could be encrypted to the endorsement key");
		goto out;
	}
	join(&blob, encrypted.bytes, encrypted.size);
	if (blob.overflow || encrypted.overflow || blob.size > room) {
		ret = fail(err, -E2BIG, "tpm: the credential has %zu bytes, the buffer %zu",
			   blob.size, room);
		goto out;
	}
	memcpy(ret_blob, blob.bytes, blob.size);
	*ret_size = blob.size;
out:
	OPENSSL_cleanse(shared, sizeof(shared));
	EVP_PKEY_free(key);
	return ret;
}

int tpm_make_credential(const struct tpm_public *ek, struct span object_name, struct span secret,
			uint8_t *ret_blob, size_t room, size_t *ret_size, struct cattest_error *err)
{
	EVP_PKEY *ephemeral = NULL;
	uint8_t seed[64];
	int ret;

	if (ek->type == TPM_ECC && tpm_curve_name(ek->curve))
		ephemeral = EVP_EC_gen(tpm_curve_name(ek->curve));
	if ((ek->type == TPM_ECC && !ephemeral) || RAND_priv_bytes(seed, sizeof(seed)) != 1)
		ret = fail(err, -ENOMEM, "tpm: no randomness");
	else
		ret = tpm_make_credential_with(ek, ephemeral,
					       SPAN(seed, tpm_hash_size(ek->name_hash)),
					       object_name, secret, ret_blob, room, ret_size, err);
	OPENSSL_cleanse(seed, sizeof(seed));
	EVP_PKEY_free(ephemeral);
	return ret;
}
