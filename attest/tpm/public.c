/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public areas of TPM objects (TPM 2.0 Library, part 2, 12.2): reading them, their names, and the
 * keys in them. A public area in the evidence says what the TPM enforces of the key (restricted,
 * never outside of this TPM); a bare SubjectPublicKeyInfo says nothing of it.
 */
#include "attest/tpm/tpm.h"

#include "attest/x509/x509.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define TPM_OAEP 0x0017
#define TPM_RSAES 0x0015
#define TPM_ECDAA 0x001a
#define TPM_ECC_NIST_P256 0x0003 /* part 2, 6.4 */
#define TPM_ECC_NIST_P384 0x0004
#define TPM_ECC_NIST_P521 0x0005
#define ECC_HALF_MAX 66
#define KEY_MAX 16384 /* bytes of any form of one key */

const char *tpm_curve_name(uint16_t curve)
{
	return curve == TPM_ECC_NIST_P256   ? "P-256"
	       : curve == TPM_ECC_NIST_P384 ? "P-384"
	       : curve == TPM_ECC_NIST_P521 ? "P-521"
					    : NULL;
}

static struct span take_sized(struct cursor *c, size_t most)
{
	size_t size = take_be16(c);

	if (size > most)
		c->bad = true;
	return take(c, size);
}

/*
 * TPMT_SYM_DEF_OBJECT and TPMT_RSA_SCHEME or TPMT_ECC_SCHEME: what asymmetric keys have in common.
 */
static void take_symmetric_and_scheme(struct cursor *c, struct tpm_public *p)
{
	p->symmetric = take_be16(c);
	if (p->symmetric != TPM_NULL) {
		p->symmetric_bits = take_be16(c);
		p->symmetric_mode = take_be16(c);
	}
	p->scheme = take_be16(c);
	if (p->scheme == TPM_NULL || p->scheme == TPM_RSAES)
		return;
	p->scheme_hash = take_be16(c);
	if (p->scheme == TPM_ECDAA)
		take_be16(c);
}

static int parse_area(struct span in, struct tpm_public *ret, struct cattest_error *err)
{
	struct tpm_public p = { .area = in };
	struct cursor c = CURSOR(in);

	p.type = take_be16(&c);
	p.name_hash = take_be16(&c);
	p.attributes = take_be32(&c);
	p.policy = take_sized(&c, 64);
	if (c.bad)
		return fail(err, -EBADMSG, "tpm: the public area is cut short");
	if (p.type == TPM_RSA) {
		take_symmetric_and_scheme(&c, &p);
		p.key_bits = take_be16(&c);
		p.exponent = take_be32(&c);
		p.rsa_n = take_sized(&c, 512);
	} else if (p.type == TPM_ECC) {
		take_symmetric_and_scheme(&c, &p);
		p.curve = take_be16(&c);
		if (take_be16(&c) != TPM_NULL) /* TPMT_KDF_SCHEME */
			take_be16(&c);
		p.ec_x = take_sized(&c, ECC_HALF_MAX);
		p.ec_y = take_sized(&c, ECC_HALF_MAX);
	} else {
		return fail(err, -ENOTSUP, "tpm: a key of type 0x%04x, neither RSA nor ECC",
			    p.type);
	}
	if (c.bad || cursor_left(&c))
		return fail(err, -EBADMSG, "tpm: the public area is %s",
			    c.bad ? "cut short" : "longer than its parts");
	if (tpm_bank_index(p.name_hash) < 0)
		return fail(err, -ENOTSUP, "tpm: name algorithm 0x%04x is not known here",
			    p.name_hash);
	if (p.type == TPM_ECC && !tpm_curve_name(p.curve))
		return fail(err, -ENOTSUP,
			    "tpm: curve 0x%04x is not known here (P-256, P-384 and P-521 are)",
			    p.curve);
	/* An exponent of 1 would make every number its own signature; 0 stands for 65537. */
	if (p.type == TPM_RSA && p.exponent && (p.exponent < 3 || !(p.exponent & 1)))
		return fail(err, -EBADMSG, "tpm: an RSA key with the exponent %u", p.exponent);
	if (p.type == TPM_RSA && p.rsa_n.size * 8 != p.key_bits)
		return fail(err, -EBADMSG, "tpm: an RSA modulus of %zu bits in a key of %u bits",
			    p.rsa_n.size * 8, p.key_bits);
	*ret = p;
	return 0;
}

int tpm_public_parse(struct span in, struct tpm_public *ret_public, struct cattest_error *err)
{
	/*
	 * A TPM2B_PUBLIC starts with the size of the rest; a TPMT_PUBLIC with type 0x0001 or
	 * 0x0023, which no area is as small as.
	 */
	if (in.size >= 2 && (size_t)(in.data[0] << 8 | in.data[1]) == in.size - 2)
		return parse_area(SPAN(in.data + 2, in.size - 2), ret_public, err);
	return parse_area(in, ret_public, err);
}

static EVP_PKEY *rsa_key(struct span modulus, uint32_t exponent)
{
	BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.size, NULL), *e = BN_new();
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (n && e && builder && ctx && BN_set_word(e, exponent ? exponent : RSA_F4) &&
	    BN_is_odd(n) && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
		params = OSSL_PARAM_BLD_to_param(builder);
	ERR_set_mark();
	if (params && (EVP_PKEY_fromdata_init(ctx) != 1 ||
		       EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1))
		key = NULL;
	ERR_pop_to_mark();
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return key;
}

/* Coordinates may come without their leading zeroes. */
static bool pad_number(struct span number, uint8_t *out, size_t size)
{
	if (number.size > size)
		return false;
	memset(out, 0, size - number.size);
	if (number.size)
		memcpy(out + size - number.size, number.data, number.size);
	return true;
}

EVP_PKEY *tpm_public_key(const struct tpm_public *p)
{
	size_t half = p->curve == TPM_ECC_NIST_P256   ? 32
		      : p->curve == TPM_ECC_NIST_P384 ? 48
						      : ECC_HALF_MAX;
	uint8_t xy[2 * ECC_HALF_MAX];

	if (p->type == TPM_RSA)
		return rsa_key(p->rsa_n, p->exponent);
	if (p->type != TPM_ECC || !tpm_curve_name(p->curve) || !pad_number(p->ec_x, xy, half) ||
	    !pad_number(p->ec_y, xy + half, half))
		return NULL;
	return ec_key(tpm_curve_name(p->curve), SPAN(xy, 2 * half));
}

int tpm_public_name(const struct tpm_public *p, uint8_t ret_name[TPM_NAME_MAX], size_t *ret_size)
{
	const char *hash = tpm_digest_name(p->name_hash);
	size_t size;
	int ret = hash ? digest(hash, &p->area, 1, ret_name + 2, &size) : -ENOTSUP;

	if (ret)
		return ret;
	ret_name[0] = (uint8_t)(p->name_hash >> 8);
	ret_name[1] = (uint8_t)p->name_hash;
	*ret_size = 2 + size;
	return 0;
}

static EVP_PKEY *key_from_pem(struct span in)
{
	BIO *bio;
	EVP_PKEY *key;

	if (!memmem(in.data, in.size, "-----BEGIN PUBLIC KEY-----", 26))
		return NULL;
	bio = BIO_new_mem_buf(in.data, (int)in.size);
	key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return key;
}

EVP_PKEY *tpm_key_of_any_form(struct span in, struct tpm_public *ret_public)
{
	const unsigned char *at = in.data;
	struct tpm_public p = { 0 };
	EVP_PKEY *key;

	if (!in.size || in.size > KEY_MAX)
		return NULL;
	ERR_set_mark();
	key = in.data[0] == 0x30 ? d2i_PUBKEY(NULL, &at, (long)in.size) : NULL;
	if (key && at != in.data + in.size) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	if (!key && in.data[0] != 0x30)
		key = key_from_pem(in);
	if (!key && !tpm_public_parse(in, &p, NULL))
		key = tpm_public_key(&p);
	ERR_pop_to_mark();
	if (key && ret_public)
		*ret_public = p;
	return key;
}
