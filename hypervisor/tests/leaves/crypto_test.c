/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's cryptography: what the standards' examples say, OpenSSL with random inputs, SIGSTRUCT's quotients, and what
 * secrets leave on the stack (nothing).
 */
#include "hypervisor/crypto/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

static int failed;
#define EXPECT(c)                                                                       \
	do {                                                                            \
		if (!(c)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #c); \
			failed = 1;                                                     \
		}                                                                       \
	} while (0)

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	abort();
}

void crypto_begin(void)
{
}

void crypto_end(void)
{
}

static uint8_t data[5000];

static void hashes(size_t size)
{
	uint8_t ours[64], theirs[64];
	struct sha256_state s;

	sha256(data, size, ours);
	SHA256(data, size, theirs);
	EXPECT(memcmp(ours, theirs, 32) == 0);
	sha256_start(&s);
	for (size_t at = 0, n = 1; at < size; at += n, n = n * 2 + 1)
		sha256_update(&s, data + at, MIN(n, size - at));
	sha256_finish(&s, ours);
	EXPECT(memcmp(ours, theirs, 32) == 0);
	sha384(data, size, ours);
	SHA384(data, size, theirs);
	EXPECT(memcmp(ours, theirs, 48) == 0);
}

static void ciphers(size_t size)
{
	uint8_t ours[sizeof(data)], theirs[sizeof(data)], plain[sizeof(data)], mac[16],
		their_mac[16];
	const uint8_t *key = data + 1, *iv = data + 100;
	size_t mac_size = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	EVP_Q_mac(NULL, "CMAC", NULL, "AES-128-CBC", NULL, key, 16, data, size, their_mac, 16,
		  &mac_size);
	aes_cmac(key, data, size, mac);
	EXPECT(mac_size == 16 && memcmp(mac, their_mac, 16) == 0);
	memcpy(ours, data, size);
	aes_gcm_seal(key, iv, data + 7, 33, ours, size, mac);
	EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, iv);
	EVP_EncryptUpdate(c, NULL, &n, data + 7, 33);
	EVP_EncryptUpdate(c, theirs, &n, data, (int)size);
	EVP_EncryptFinal_ex(c, theirs + n, &n);
	EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, their_mac);
	EVP_CIPHER_CTX_free(c);
	EXPECT(memcmp(ours, theirs, size) == 0 && memcmp(mac, their_mac, 16) == 0);
	memcpy(plain, ours, size);
	EXPECT(!aes_gcm_open(key, iv, data + 7, 33, plain, size, mac) &&
	       memcmp(plain, data, size) == 0);
	for (int i = 0; i < 3;
	     i++) { /* another tag, other data beside, other data: refused, and nothing is seen */
		memcpy(plain, ours, size);
		mac[size % 16] ^= i == 0;
		plain[size / 2] ^= i == 2;
		EXPECT(aes_gcm_open(key, iv, data + 7 - (i == 1), 33, plain, size, mac) ==
		       -EBADMSG);
		mac[size % 16] ^= i == 0;
		for (size_t j = 0; j < size; j++)
			EXPECT(!plain[j]);
	}
}

static void from_hex(const char *hex, uint8_t *ret_bytes)
{
	for (size_t i = 0; hex[2 * i]; i++)
		EXPECT(sscanf(hex + 2 * i, "%2hhx", &ret_bytes[i]) == 1);
}

/* RFC 4493, 4: no block, one, one and a half, four. RFC 6979, A.2.5: with SHA-256. */
static void examples(void)
{
	static const struct {
		size_t size;
		const char *mac;
	} macs[] = { { 0, "bb1d6929e95937287fa37d129b756746" },
		     { 16, "070a16b46b4d4144f79bdd9dd04a287c" },
		     { 40, "dfa66747de9ae63030ca32611497c827" },
		     { 64, "51f0bebf7e3b9d92fc49741779363cfe" } };
	static const struct {
		const char *message, *signature;
	} signed_messages[] = {
		{ "sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
			    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" },
		{ "test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
			  "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083" },
	};
	uint8_t key[16], message[64], seed[32], digest[32], is[64], expected[64];

	from_hex("2b7e151628aed2a6abf7158809cf4f3c", key);
	from_hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
		 "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
		 message);
	for (size_t i = 0; i < ARRAY_SIZE(macs); i++) {
		aes_cmac(key, message, macs[i].size, is);
		from_hex(macs[i].mac, expected);
		EXPECT(memcmp(is, expected, 16) == 0);
	}
	/* A seed is the key less one. */
	from_hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6720", seed);
	for (size_t i = 0; i < ARRAY_SIZE(signed_messages); i++) {
		sha256(signed_messages[i].message, strlen(signed_messages[i].message), digest);
		from_hex(signed_messages[i].signature, expected);
		EXPECT(!ecdsa_p256_sign(seed, digest, is) && memcmp(is, expected, 64) == 0);
	}
	from_hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
		 "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
		 expected);
	EXPECT(!ecdsa_p256_public(seed, is) && memcmp(is, expected, 64) == 0);
}

/* --- RSA -------------------------------------------------------------------------------------- */

struct rsa_case {
	uint8_t n[384], s[384], q1[384], q2[384], digest[32];
};

/* The quotients of s^2 = q1 n + r1, s r1 = q2 n + r2. */
static void quotients(struct rsa_case *c)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = BN_lebin2bn(c->n, 384, NULL), *s = BN_lebin2bn(c->s, 384, NULL);
	BIGNUM *product = BN_new(), *q = BN_new(), *r = BN_new();

	BN_sqr(product, s, ctx);
	BN_div(q, r, product, n, ctx);
	if (BN_bn2lebinpad(q, c->q1, 384) != 384) /* of what is not below n */
		memset(c->q1, 0xff, 384);
	BN_mul(product, s, r, ctx);
	BN_div(q, NULL, product, n, ctx);
	if (BN_bn2lebinpad(q, c->q2, 384) != 384)
		memset(c->q2, 0xff, 384);
	BN_free(n), BN_free(s), BN_free(product), BN_free(q), BN_free(r);
	BN_CTX_free(ctx);
}

static void add(uint8_t to[384], const uint8_t *other, int sign)
{
	BIGNUM *a = BN_lebin2bn(to, 384, NULL), *b = BN_lebin2bn(other, 384, NULL);

	EXPECT(sign > 0 ? BN_add(a, a, b) : BN_sub(a, a, b));
	if (BN_is_negative(a) || BN_bn2lebinpad(a, to, 384) != 384)
		memset(to, 0xff, 384);
	BN_free(a), BN_free(b);
}

static int verify(const struct rsa_case *c)
{
	return rsa3072_verify(c->n, c->s, c->q1, c->q2, c->digest);
}

static void signed_by_rsa(void)
{
	static const uint8_t one[384] = { 1 };
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	struct rsa_case good = { 0 }, bad;
	BIGNUM *n = NULL, *three = BN_new();
	EVP_PKEY *key = NULL;
	size_t size = 384;
	uint8_t big[384];

	BN_set_word(three, 3);
	EXPECT(EVP_PKEY_keygen_init(c) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(c, 3072) == 1 &&
	       EVP_PKEY_CTX_set1_rsa_keygen_pubexp(c, three) == 1 && EVP_PKEY_keygen(c, &key) == 1);
	EVP_PKEY_CTX_free(c);
	EXPECT(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	       BN_bn2lebinpad(n, good.n, 384) == 384);
	sha256(data, 99, good.digest);
	c = EVP_PKEY_CTX_new(key, NULL);
	EXPECT(EVP_PKEY_sign_init(c) == 1 && EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
	       EVP_PKEY_sign(c, big, &size, good.digest, 32) == 1);
	for (int i = 0; i < 384; i++)
		good.s[i] = big[383 - i];
	quotients(&good);
	EXPECT(!verify(&good));

	for (size_t i = 0; i < sizeof(bad); i += 13) { /* any byte of it all */
		bad = good;
		((uint8_t *)&bad)[i] ^= (uint8_t)(1 << i % 8);
		EXPECT(verify(&bad) == -EBADMSG);
	}
	/* Quotients one too small or large: remainders beyond [0, n). */
	for (size_t i = 0; i < 2; i++) {
		for (int sign = -1; sign <= 1; sign += 2) {
			bad = good;
			add(i ? bad.q2 : bad.q1, one, sign);
			EXPECT(verify(&bad) == -EBADMSG);
		}
	}
	bad = good; /* the other root: same remainder, but not below n */
	add(bad.s, bad.n, 1);
	quotients(&bad);
	EXPECT(verify(&bad) == -EBADMSG);
	bad = good; /* another number, whose quotients are right */
	add(bad.s, one, 1);
	quotients(&bad);
	EXPECT(verify(&bad) == -EBADMSG);
	memset(&bad, 0, sizeof(bad)); /* nothing */
	EXPECT(verify(&bad) == -EBADMSG);
	memset(&bad, 0xff, sizeof(bad));
	EXPECT(verify(&bad) == -EBADMSG);
	/* n of fewer bits */
	bad = good;
	bad.n[383] = 0;
	memset(bad.s, 0, 384), memset(bad.q1, 0, 384), memset(bad.q2, 0, 384);
	EXPECT(verify(&bad) == -EBADMSG);
	BN_free(n), BN_free(three);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(key);
}

/* --- What stays on the stack ------------------------------------------------------------------- */

/* As the image's own, arch/x86/svm/cpu.h, less what is above at the deepest call. */
#define STACK_ROOM 32768
#define STACK_MARK 0x6b
/* Instrumented or unoptimized code has others, and leaves more. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
#define FRAMES_OF_IMAGE true
#else
#define FRAMES_OF_IMAGE false
#endif
static uint8_t stack[STACK_ROOM] __attribute__((aligned(4096)));
static uint8_t secret[32], other[64], text[4096];
static ucontext_t here, there;
static int which;

static void run_on_stack(void)
{
	struct sha256_state s;

	switch (which) {
	case 0:
		aes_cmac(secret, text, 384, other);
		break;
	case 1:
		aes_gcm_seal(secret, text, text, 128, text, sizeof(text), other);
		break;
	case 2:
		sha256_start(&s);
		sha256_update(&s, secret, sizeof(secret));
		sha256_finish(&s, other);
		break;
	case 3:
		if (ecdsa_p256_public(secret, other))
			failed = 1;
		break;
	default:
		if (ecdsa_p256_sign(secret, text, other))
			failed = 1;
	}
}

/* Any eight bytes of the secret, either way round, anywhere in the stack? */
__attribute__((no_sanitize("address"))) static bool left_over(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i + 8 <= STACK_ROOM; i++) {
		for (size_t j = 0; j + 8 <= size; j += 4) {
			size_t k = 0, l = 0;

			while (k < 8 && stack[i + k] == bytes[j + k])
				k++;
			while (l < 8 && stack[i + l] == bytes[j + 7 - l])
				l++;
			if (k == 8 || l == 8)
				return true;
		}
	}
	return false;
}

__attribute__((no_sanitize("address"))) static size_t depth(int number)
{
	size_t untouched = 0;

	while (untouched < STACK_ROOM && stack[untouched] == STACK_MARK)
		untouched++;
	printf("operation %d: %zu bytes of stack\n", number, STACK_ROOM - untouched);
	return STACK_ROOM - untouched;
}

__attribute__((no_sanitize("address"))) static void on_own_stack(int number)
{
	which = number;
	(void)!random_bytes(secret, sizeof(secret));
	secret[31] &= 0x7f; /* so that the scalar is the seed and one, in the last byte */
	for (size_t i = 0; i < STACK_ROOM; i++)
		stack[i] = STACK_MARK;
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = STACK_ROOM;
	there.uc_link = &here;
	makecontext(&there, run_on_stack, 0);
	swapcontext(&here, &there);
	EXPECT(!left_over(secret, number < 2 ? 16 : 32) || !FRAMES_OF_IMAGE);
	EXPECT(depth(number) < STACK_ROOM / 2);
}

/* --- ECDSA ------------------------------------------------------------------------------------ */

static void signatures(const uint8_t seed[32])
{
	uint8_t point[65] = { 4 }, digest[32], signature[64], der[80];
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *at = der;
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;
	int size;

	sha256(data, 77, digest);
	EXPECT(!ecdsa_p256_public(seed, point + 1) && !ecdsa_p256_sign(seed, digest, signature));
	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
	OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
	params = OSSL_PARAM_BLD_to_param(build);
	EXPECT(EVP_PKEY_fromdata_init(c) == 1 &&
	       EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
	EVP_PKEY_CTX_free(c);
	ECDSA_SIG_set0(sig, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL));
	size = i2d_ECDSA_SIG(sig, &at);
	c = EVP_PKEY_CTX_new(key, NULL);
	EXPECT(EVP_PKEY_verify_init(c) == 1 &&
	       EVP_PKEY_verify(c, der, (size_t)size, digest, 32) == 1);
	digest[0] ^= 1;
	EXPECT(EVP_PKEY_verify(c, der, (size_t)size, digest, 32) != 1);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(key);
	ECDSA_SIG_free(sig);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
}

int main(void)
{
	uint8_t seed[32];

	if (crypto_init()) {
		printf("skipped: this processor lacks AES-NI, PCLMULQDQ or RDRAND\n");
		return 77;
	}
	EXPECT(random_bytes(data, sizeof(data)));
	examples();
	for (size_t size = 0; size < 300; size++)
		hashes(size);
	hashes(sizeof(data));
	for (size_t size = 1; size < 4096; size = size * 3 / 2 + 1)
		ciphers(size);
	ciphers(4096);
	signed_by_rsa();
	for (int i = 0; i < 8; i++) {
		(void)!random_bytes(seed, sizeof(seed));
		signatures(seed);
	}
	memset(seed, 0, sizeof(seed));
	signatures(seed);
	memset(seed, 0xff, sizeof(seed)); /* beyond the group's order */
	signatures(seed);
	for (int i = 0; i < 5; i++)
		on_own_stack(i);
	return failed;
}
