/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing of enclaves: see sign.h. With S the signature and N the modulus (SDM 3D, 37.14):
 *
 *	Q1 = floor(S^2 / N)		Q2 = floor((S^3 - Q1 * S * N) / N)
 *
 * so that S^3 mod N = S^3 - Q1 * S * N - Q2 * N, which is how sign_verify computes it too. Numbers in a SIGSTRUCT are little endian. The key is
 * the caller's to guard; nothing of it is logged or copied.
 */
#include "hypervisor/loader/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hypervisor/loader/measurement.h"

#define MODULUS 384

static int fail(const char **ret_why, int error, const char *why)
{
	*ret_why = why;
	return error;
}

/* --- The key --------------------------------------------------------------------------------------------------------------- */

static EVP_PKEY *key_generate(void)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *three = BN_new();
	EVP_PKEY *key = NULL;

	if (context && three && BN_set_word(three, 3) && EVP_PKEY_keygen_init(context) == 1 &&
	    EVP_PKEY_CTX_set_rsa_keygen_bits(context, 3072) == 1 &&
	    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, three) == 1 &&
	    EVP_PKEY_generate(context, &key) != 1)
		key = NULL;
	BN_free(three);
	EVP_PKEY_CTX_free(context);
	return key;
}

static int key_make(const char *path, EVP_PKEY **ret_key, const char **ret_why)
{
	EVP_PKEY *key = key_generate();
	FILE *f;
	int fd;
	bool ok;

	if (!key)
		return fail(ret_why, -EIO, "no key can be made");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		if (fd >= 0)
			close(fd);
		EVP_PKEY_free(key);
		return fail(ret_why, -EIO, "the key cannot be written");
	}
	ok = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (fclose(f) || !ok) {
		unlink(path);
		EVP_PKEY_free(key);
		return fail(ret_why, -EIO, "the key cannot be written");
	}
	*ret_key = key;
	return 0;
}

static BIGNUM *key_number(const EVP_PKEY *key, const char *name)
{
	BIGNUM *n = NULL;

	return EVP_PKEY_get_bn_param(key, name, &n) == 1 ? n : NULL;
}

int sign_key_open(const char *path, bool make, EVP_PKEY **ret_key, const char **ret_why)
{
	FILE *f = fopen(path, "re");
	EVP_PKEY *key;
	BIGNUM *e;
	bool ok;

	if (!f && errno == ENOENT && make)
		return key_make(path, ret_key, ret_why);
	if (!f)
		return fail(ret_why, -errno, "the key's file cannot be opened");
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	if (!key)
		return fail(ret_why, -EINVAL, "no private key in PEM form");
	e = EVP_PKEY_is_a(key, "RSA") ? key_number(key, OSSL_PKEY_PARAM_RSA_E) : NULL;
	ok = e && BN_is_word(e, 3) && EVP_PKEY_get_bits(key) == 3072;
	BN_free(e);
	if (!ok) {
		EVP_PKEY_free(key);
		return fail(ret_why, -EINVAL, "the key is not RSA with 3072 bits and exponent 3");
	}
	*ret_key = key;
	return 0;
}

/* --- The signature ---------------------------------------------------------------------------------------------------------- */

static int signed_digest(const struct sigstruct *s, uint8_t ret_digest[32])
{
	const uint8_t *bytes = (const void *)s;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(hash, bytes, SIGSTRUCT_SIGNED1) == 1 &&
		  EVP_DigestUpdate(hash, bytes + SIGSTRUCT_SIGNED2, SIGSTRUCT_SIGNED2_SIZE) == 1 &&
		  EVP_DigestFinal_ex(hash, ret_digest, NULL) == 1;

	EVP_MD_CTX_free(hash);
	return ok ? 0 : -EIO;
}

static int raw_signature(EVP_PKEY *key, const uint8_t digest[32], uint8_t ret_signature[MODULUS])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	size_t size = MODULUS;
	bool ok = context && EVP_PKEY_sign_init(context) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
		  EVP_PKEY_sign(context, ret_signature, &size, digest, 32) == 1 && size == MODULUS;

	EVP_PKEY_CTX_free(context);
	return ok ? 0 : -EIO;
}

/* Q1 and Q2, and what remains: S^3 mod N. */
static bool quotients(const BIGNUM *s, const BIGNUM *n, BIGNUM *q1, BIGNUM *q2, BIGNUM *rest,
		      BN_CTX *context)
{
	/* With R = S^2 mod N: S^3 - Q1 * S * N = S * R. */
	return BN_sqr(rest, s, context) && BN_div(q1, rest, rest, n, context) &&
	       BN_mul(rest, rest, s, context) && BN_div(q2, rest, rest, n, context);
}

static bool fill_numbers(struct sigstruct *out, const BIGNUM *n, const uint8_t signature[MODULUS])
{
	BN_CTX *context = BN_CTX_new();
	BIGNUM *s = BN_bin2bn(signature, MODULUS, NULL), *q1 = BN_new(), *q2 = BN_new(),
	       *rest = BN_new();
	bool ok = context && s && q1 && q2 && rest && quotients(s, n, q1, q2, rest, context) &&
		  BN_bn2lebinpad(s, out->signature, MODULUS) == MODULUS &&
		  BN_bn2lebinpad(q1, out->q1, MODULUS) == MODULUS &&
		  BN_bn2lebinpad(q2, out->q2, MODULUS) == MODULUS;

	BN_free(rest);
	BN_free(q2);
	BN_free(q1);
	BN_free(s);
	BN_CTX_free(context);
	return ok;
}

int sign_sigstruct(struct sigstruct *s, uint32_t date, EVP_PKEY *key, const char **ret_why)
{
	uint8_t digest[32], signature[MODULUS];
	BIGNUM *n = key_number(key, OSSL_PKEY_PARAM_RSA_N);
	struct sigstruct out = *s;
	bool ok;

	if (!n)
		return fail(ret_why, -EIO, "the key has no modulus");
	memcpy(out.header, SIGSTRUCT_HEADER, sizeof(out.header));
	memcpy(out.header2, SIGSTRUCT_HEADER2, sizeof(out.header2));
	out.date = date;
	out.exponent = 3;
	ok = BN_bn2lebinpad(n, out.modulus, MODULUS) == MODULUS && !signed_digest(&out, digest) &&
	     !raw_signature(key, digest, signature) && fill_numbers(&out, n, signature);
	BN_free(n);
	if (!ok)
		return fail(ret_why, -EIO, "signing failed");
	if (sign_verify(&out))
		return fail(ret_why, -EIO, "the signature made does not verify");
	*s = out;
	return 0;
}

/* The padded digest that S^3 mod N must be, big endian (RFC 8017, 9.2). */
static void expected_block(const uint8_t digest[32], uint8_t ret_block[MODULUS])
{
	static const uint8_t sha256_info[19] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
						 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
						 0x01, 0x05, 0x00, 0x04, 0x20 };

	memset(ret_block, 0xff, MODULUS);
	ret_block[0] = 0;
	ret_block[1] = 1;
	ret_block[MODULUS - 32 - sizeof(sha256_info) - 1] = 0;
	memcpy(ret_block + MODULUS - 32 - sizeof(sha256_info), sha256_info, sizeof(sha256_info));
	memcpy(ret_block + MODULUS - 32, digest, 32);
}

int sign_verify(const struct sigstruct *s)
{
	uint8_t digest[32], block[MODULUS], found[MODULUS], zero[84] = { 0 };
	BN_CTX *context = BN_CTX_new();
	BIGNUM *n = BN_lebin2bn(s->modulus, MODULUS, NULL),
	       *sig = BN_lebin2bn(s->signature, MODULUS, NULL);
	BIGNUM *q1 = BN_lebin2bn(s->q1, MODULUS, NULL), *q2 = BN_lebin2bn(s->q2, MODULUS, NULL);
	BIGNUM *want1 = BN_new(), *want2 = BN_new(), *rest = BN_new();
	bool ok = !memcmp(s->header, SIGSTRUCT_HEADER, 16) &&
		  !memcmp(s->header2, SIGSTRUCT_HEADER2, 16) && s->exponent == 3 &&
		  (!s->vendor || s->vendor == 0x8086) &&
		  !memcmp(s->reserved1, zero, sizeof(s->reserved1)) &&
		  !memcmp(s->reserved2, zero, sizeof(s->reserved2)) &&
		  !memcmp(s->reserved3, zero, sizeof(s->reserved3)) &&
		  !memcmp(s->reserved4, zero, sizeof(s->reserved4));

	ok = ok && context && n && sig && q1 && q2 && want1 && want2 && rest &&
	     BN_num_bits(n) == 3072 && BN_cmp(sig, n) < 0 &&
	     quotients(sig, n, want1, want2, rest, context) && !BN_cmp(q1, want1) &&
	     !BN_cmp(q2, want2) && !signed_digest(s, digest) &&
	     BN_bn2binpad(rest, found, MODULUS) == MODULUS;
	if (ok) {
		expected_block(digest, block);
		ok = !memcmp(block, found, MODULUS);
	}
	BN_free(rest);
	BN_free(want2);
	BN_free(want1);
	BN_free(q2);
	BN_free(q1);
	BN_free(sig);
	BN_free(n);
	BN_CTX_free(context);
	return ok ? 0 : -EBADMSG;
}

int sign_mrsigner(const struct sigstruct *s, uint8_t ret_mrsigner[32])
{
	return EVP_Digest(s->modulus, MODULUS, ret_mrsigner, NULL, EVP_sha256(), NULL) == 1 ? 0
											    : -EIO;
}

uint32_t sign_date(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t now = epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
	struct tm tm;
	char text[16];

	if (!gmtime_r(&now, &tm) || strftime(text, sizeof(text), "%Y%m%d", &tm) != 8)
		return 0;
	return (uint32_t)strtoul(text, NULL, 16);
}

int sign_describe(const struct enclave_layout *layout, struct sigstruct *ret_sigstruct)
{
	const struct enclave_config *c = &layout->config;
	struct sigstruct s = { 0 };
	int r = measure_layout(layout, s.enclave_hash);

	if (r)
		return r;
	s.attributes.flags = c->attributes;
	/* INIT is still 0 when EINIT compares; which optional vector state there is may differ from machine to machine. */
	s.attribute_mask.flags = ~0ULL;
	s.attributes.xfrm = 3;
	s.attribute_mask.xfrm = ~(c->xfrm & ~3ULL);
	s.miscselect = c->miscselect;
	s.misc_mask = ~0U;
	s.isv_prod_id = c->product_id;
	s.isv_svn = c->security_version;
	*ret_sigstruct = s;
	return 0;
}

int sign_enclave(const void *elf, size_t size, uint32_t date, EVP_PKEY *key,
		 struct sigstruct *ret_sigstruct, const char **ret_why)
{
	struct enclave_layout layout;
	struct sigstruct s;
	int r = layout_make(elf, size, &layout, ret_why);

	if (r)
		return r;
	r = sign_describe(&layout, &s);
	layout_done(&layout);
	if (r)
		return fail(ret_why, r, "it cannot be measured");
	r = sign_sigstruct(&s, date, key, ret_why);
	if (!r)
		*ret_sigstruct = s;
	return r;
}
