/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of crypto.h over Debian's libbearssl.a (0.6): constant time, no memory but the caller's stack, no state of its own,
 * so there are no locks. AES and GHASH are those by AES-NI and PCLMULQDQ, which every AMD processor that has RDRAND has too;
 * vector registers are used between crypto_begin and crypto_end only. CMAC is built here over the library's CBC. RSA is checked
 * here with the quotients that SIGSTRUCT brings, as hardware does: no division, nothing secret.
 *
 * Nothing secret stays behind: contexts are wiped here, and so is the stack below, which the library does not clean.
 */
#include "hypervisor/crypto/crypto.h"

#include <bearssl.h>

#include "lib/base/string.h"

#include <linux/errno.h>

_Static_assert(sizeof(br_sha256_context) <= sizeof(struct sha256_state), "struct sha256_state");

/* The deepest that the library goes: usually 0.8 KiB, for P-256 2.5 (tests/leaves/crypto_test.c looks for what is left). */
enum { USUAL_STACK = 1024, EC_STACK = 4096 };

static __attribute__((noinline)) void leave(void)
{
	uint8_t below[USUAL_STACK];

	secure_zero(below, sizeof(below));
	crypto_end();
}

static __attribute__((noinline)) void leave_ec(void)
{
	uint8_t below[EC_STACK];

	secure_zero(below, sizeof(below));
	crypto_end();
}

/* --- SHA-2 ------------------------------------------------------------------------------------ */

void sha256_start(struct sha256_state *s)
{
	br_sha256_context *c = (br_sha256_context *)s;

	memset(s, 0, sizeof(*s));
	br_sha256_init(c);
	/* For callers that do not know which hash it is; states lie in pages of the EPC: no pointers. */
	c->vtable = NULL;
}

void sha256_update(struct sha256_state *s, const void *data, size_t size)
{
	crypto_begin();
	br_sha256_update((br_sha256_context *)s, data, size);
	crypto_end();
}

void sha256_finish(struct sha256_state *s, uint8_t ret_digest[32])
{
	crypto_begin();
	br_sha256_out((br_sha256_context *)s, ret_digest);
	leave();
	secure_zero(s, sizeof(*s));
}

void sha256(const void *data, size_t size, uint8_t ret_digest[32])
{
	struct sha256_state s;

	sha256_start(&s);
	sha256_update(&s, data, size);
	sha256_finish(&s, ret_digest);
}

void sha384(const void *data, size_t size, uint8_t ret_digest[48])
{
	br_sha384_context c;

	crypto_begin();
	br_sha384_init(&c);
	br_sha384_update(&c, data, size);
	br_sha384_out(&c, ret_digest);
	leave();
	secure_zero(&c, sizeof(c));
}

/* --- AES -------------------------------------------------------------------------------------- */

/* Times x in GF(2^128), big endian (RFC 4493, 2.3); without branches on what is secret. */
static void cmac_double(uint8_t block[16])
{
	uint8_t carry = block[0] >> 7;

	for (int i = 0; i < 15; i++)
		block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
	block[15] = (uint8_t)(block[15] << 1 ^ (0x87 & -carry));
}

/* RFC 4493, 2.4. What a block is encrypted to is the next one's initial vector, which the library keeps. */
void aes_cmac(const uint8_t key[16], const void *data, size_t size, uint8_t ret_mac[16])
{
	struct {
		br_aes_x86ni_cbcenc_keys keys;
		uint8_t subkey[16], chain[16], block[16];
	} c = { 0 };
	const uint8_t *from = data;

	crypto_begin();
	br_aes_x86ni_cbcenc_init(&c.keys, key, 16);
	br_aes_x86ni_cbcenc_run(&c.keys, c.chain, c.subkey, 16);
	memset(c.chain, 0, 16);
	for (; size > 16; from += 16, size -= 16) {
		memcpy(c.block, from, 16);
		br_aes_x86ni_cbcenc_run(&c.keys, c.chain, c.block, 16);
	}
	cmac_double(c.subkey);
	memset(c.block, 0, 16);
	memcpy(c.block, from, size);
	if (size < 16) {
		cmac_double(c.subkey);
		c.block[size] = 0x80;
	}
	for (int i = 0; i < 16; i++)
		c.block[i] ^= c.subkey[i];
	br_aes_x86ni_cbcenc_run(&c.keys, c.chain, c.block, 16);
	memcpy(ret_mac, c.chain, 16);
	secure_zero(&c, sizeof(c));
	leave();
}

/* Both ways, in place, with the tag of what is encrypted. */
static void gcm(const uint8_t key[16], const uint8_t iv[12], const void *aad, size_t aad_size,
		void *data, size_t size, bool seal, uint8_t ret_mac[16])
{
	br_aes_x86ni_ctr_keys keys;
	br_gcm_context c;

	crypto_begin();
	br_aes_x86ni_ctr_init(&keys, key, 16);
	br_gcm_init(&c, &keys.vtable, br_ghash_pclmul);
	br_gcm_reset(&c, iv, 12);
	br_gcm_aad_inject(&c, aad, aad_size);
	br_gcm_flip(&c);
	br_gcm_run(&c, seal, data, size);
	br_gcm_get_tag(&c, ret_mac);
	secure_zero(&c, sizeof(c));
	secure_zero(&keys, sizeof(keys));
	leave();
}

void aes_gcm_seal(const uint8_t key[16], const uint8_t iv[12], const void *aad, size_t aad_size,
		  void *data, size_t size, uint8_t ret_mac[16])
{
	gcm(key, iv, aad, aad_size, data, size, true, ret_mac);
}

int aes_gcm_open(const uint8_t key[16], const uint8_t iv[12], const void *aad, size_t aad_size,
		 void *data, size_t size, const uint8_t mac[16])
{
	uint8_t is[16];
	bool same;

	gcm(key, iv, aad, aad_size, data, size, false, is);
	same = ct_equal(is, mac, sizeof(is));
	secure_zero(is, sizeof(is));
	if (!same)
		secure_zero(data, size);
	return same ? 0 : -EBADMSG;
}

/* --- RSA: all public, so no need for constant time -------------------------------------------- */

enum { LIMBS = 3072 / 64 };

static void multiply(const uint64_t a[LIMBS], const uint64_t b[LIMBS], uint64_t ret[2 * LIMBS])
{
	memset(ret, 0, 2 * LIMBS * sizeof(*ret));
	for (int i = 0; i < LIMBS; i++) {
		unsigned __int128 t = 0;

		for (int j = 0; j < LIMBS; j++) {
			t = (unsigned __int128)a[i] * b[j] + ret[i + j] + (uint64_t)(t >> 64);
			ret[i + j] = (uint64_t)t;
		}
		ret[i + LIMBS] = (uint64_t)(t >> 64);
	}
}

static bool below(const uint64_t a[LIMBS], const uint64_t b[LIMBS])
{
	int i = LIMBS - 1;

	while (i > 0 && a[i] == b[i])
		i--;
	return a[i] < b[i];
}

/* r = a b - q n; false: that is not in [0, n), so q is not the quotient and r not the remainder. */
static bool remainder_of(const uint64_t a[LIMBS], const uint64_t b[LIMBS], const uint64_t q[LIMBS],
			 const uint64_t n[LIMBS], uint64_t ret_r[LIMBS])
{
	uint64_t product[2 * LIMBS], multiple[2 * LIMBS], high = 0;
	unsigned int borrow = 0;

	multiply(a, b, product);
	multiply(q, n, multiple);
	for (int i = 0; i < 2 * LIMBS; i++) {
		unsigned int first = __builtin_sub_overflow(product[i], multiple[i], &product[i]);

		borrow = first | __builtin_sub_overflow(product[i], borrow, &product[i]);
		high |= i < LIMBS ? 0 : product[i];
	}
	memcpy(ret_r, product, LIMBS * sizeof(*ret_r));
	return !borrow && !high && below(ret_r, n);
}

void rsa3072_padding(uint8_t ret_padding[352])
{
	/* DigestInfo of SHA-256 (RFC 8017, 9.2, note 1). */
	static const uint8_t info[19] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
					  0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
					  0x01, 0x05, 0x00, 0x04, 0x20 };

	memset(ret_padding, 0xff, 352);
	ret_padding[0] = 0;
	ret_padding[1] = 1;
	ret_padding[352 - sizeof(info) - 1] = 0;
	memcpy(ret_padding + 352 - sizeof(info), info, sizeof(info));
}

int rsa3072_verify(const uint8_t modulus[384], const uint8_t signature[384], const uint8_t q1[384],
		   const uint8_t q2[384], const uint8_t digest[32])
{
	uint64_t n[LIMBS], s[LIMBS], q[LIMBS], r1[LIMBS], r2[LIMBS];
	uint8_t expected[384];

	memcpy(n, modulus, sizeof(n));
	memcpy(s, signature, sizeof(s));
	memcpy(q, q1, sizeof(q));
	/* 3072 bits, odd */
	if (!(n[LIMBS - 1] >> 63) || !(n[0] & 1) || !below(s, n) || !remainder_of(s, s, q, n, r1))
		return -EBADMSG;
	memcpy(q, q2, sizeof(q));
	if (!remainder_of(s, r1, q, n, r2))
		return -EBADMSG;
	/* EMSA-PKCS1-v1_5 (RFC 8017, 9.2): built and compared whole, so there is nothing to parse. */
	rsa3072_padding(expected);
	memcpy(expected + 352, digest, 32);
	for (size_t i = 0; i < sizeof(expected); i++) {
		if (expected[383 - i] != (uint8_t)(r2[i / 8] >> i % 8 * 8))
			return -EBADMSG;
	}
	return 0;
}

/* --- P-256 ------------------------------------------------------------------------------------ */

/* d = 1 + (seed mod (n - 1)): never 0 and below n (SEC 2, 2.4.2), which is above 2^255. Big endian; no branches. */
static void scalar(const uint8_t seed[32], uint8_t ret_d[32])
{
	static const uint64_t n1[4] = { 0xffffffff00000000, 0xffffffffffffffff, 0xbce6faada7179e84,
					0xf3b9cac2fc632550 };
	uint64_t s[4], reduced[4];
	unsigned int borrow = 0, carry = 1;

	memcpy(s, seed, sizeof(s));
	for (int i = 3; i >= 0; i--) {
		s[i] = __builtin_bswap64(s[i]);
		unsigned int first = __builtin_sub_overflow(s[i], n1[i], &reduced[i]);
		borrow = first | __builtin_sub_overflow(reduced[i], borrow, &reduced[i]);
	}
	for (int i = 3; i >= 0; i--) {
		s[i] = reduced[i] ^ ((reduced[i] ^ s[i]) & -(uint64_t)borrow);
		carry = __builtin_add_overflow(s[i], carry, &s[i]);
		s[i] = __builtin_bswap64(s[i]);
	}
	memcpy(ret_d, s, sizeof(s));
	secure_zero(s, sizeof(s));
	secure_zero(reduced, sizeof(reduced));
}

int ecdsa_p256_public(const uint8_t seed[32], uint8_t ret_public[64])
{
	uint8_t d[32], point[65]; /* 4, x, y (SEC 1, 2.3.3) */
	size_t size;

	crypto_begin();
	scalar(seed, d);
	size = br_ec_prime_i31.mulgen(point, d, sizeof(d), BR_EC_secp256r1);
	secure_zero(d, sizeof(d));
	leave_ec();
	memcpy(ret_public, point + 1, 64);
	return size == sizeof(point) ? 0 : -EIO;
}

/* The nonce comes from key and digest (RFC 6979). */
int ecdsa_p256_sign(const uint8_t seed[32], const uint8_t digest[32], uint8_t ret_signature[64])
{
	uint8_t d[32];
	const br_ec_private_key key = { BR_EC_secp256r1, d, sizeof(d) };
	size_t size;

	crypto_begin();
	scalar(seed, d);
	size = br_ecdsa_i31_sign_raw(&br_ec_prime_i31, &br_sha256_vtable, digest, &key,
				     ret_signature);
	secure_zero(d, sizeof(d));
	leave_ec();
	return size == 64 ? 0 : -EIO;
}

/* --- Random numbers, start -------------------------------------------------------------------- */

bool random_bytes(void *to, size_t size)
{
	uint8_t *p = to;

	while (size) {
		uint64_t value = 0;
		size_t n = MIN(size, sizeof(value));
		uint8_t ok = 0;

		/* SDM 1, 7.3.17.1: ten tries; no success says that the source is broken. */
		for (int i = 0; i < 10 && !ok; i++)
			__asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(ok) : : "cc");
		/* A source that is stuck (AMD erratum after resume: all ones). */
		if (!ok || value == ~0ULL || !value)
			return false;
		memcpy(p, &value, n);
		p += n;
		size -= n;
	}
	return true;
}

/*
 * Everything once, and the SHA-256 of all that came out is what it was when tests/leaves/crypto_test.c, which has the standards'
 * own examples, had passed.
 */
static bool known_answers(void)
{
	static const uint8_t expected[32] = { 0x6b, 0x84, 0x68, 0x6c, 0x23, 0x79, 0xe5, 0x0f,
					      0x86, 0x85, 0x3e, 0x78, 0x92, 0x16, 0xf4, 0x74,
					      0x33, 0xb3, 0xa6, 0x37, 0x6d, 0x63, 0x93, 0xc7,
					      0x27, 0x07, 0x30, 0xbb, 0x6f, 0xaa, 0xe1, 0x6d };
	uint8_t in[64], back[64], out[304], digest[32];
	bool ok;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	sha256(in, 64, out);
	sha384(in, 64, out + 32);
	aes_cmac(in, in, 40, out + 80);
	memcpy(out + 96, in, 64);
	aes_gcm_seal(in, in, in, 20, out + 96, 64, out + 160);
	memcpy(back, out + 96, 64);
	ok = !aes_gcm_open(in, in, in, 20, back, 64, out + 160) && !memcmp(back, in, 64);
	ok = ok && aes_gcm_open(in, in, in, 20, back, 64, out + 160) == -EBADMSG;
	ok = ok && !ecdsa_p256_public(in, out + 176) && !ecdsa_p256_sign(in, out, out + 240);
	sha256(out, sizeof(out), digest);
	return ok && !memcmp(digest, expected, sizeof(digest));
}

int crypto_init(void)
{
	/* APM 3, appendix E.3.2, CPUID 1, ECX: PCLMULQDQ, SSSE3, SSE4.1, AES, RDRAND */
	const uint32_t wanted = 1U << 1 | 1U << 9 | 1U << 19 | 1U << 25 | 1U << 30;
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if ((c & wanted) != wanted)
		return -ENODEV;
	if (!known_answers())
		panic("crypto: a known answer is wrong");
	return 0;
}
