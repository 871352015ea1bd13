/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of crypto.h over Debian's libmbedcrypto.a. All calls go through enter/leave: one lock (the arena and the archive's
 * tables are shared), vector registers free. Nothing secret stays behind: the library wipes its contexts and numbers, the arena
 * wipes what is freed, and copies made here are wiped.
 *
 * Lock order: after the EPC's lock.
 */
#include "hypervisor/crypto/crypto.h"

#include <mbedtls/aes.h>
#include <mbedtls/cmac.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#include "lib/base/string.h"

#include <linux/errno.h>

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof(struct sha256_state),
	       "struct sha256_state");

static volatile uint32_t lock;

static void enter(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	crypto_begin();
}

static void leave(void)
{
	crypto_end();
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* What remains is lack of memory, or an argument that we got wrong: the arena is sized so that neither happens. */
static int error_of(int err)
{
	if (!err)
		return 0;
	return err == MBEDTLS_ERR_GCM_AUTH_FAILED ? -EBADMSG : -ENOMEM;
}

/* --- SHA-2 ------------------------------------------------------------------------------------ */

void sha256_start(struct sha256_state *s)
{
	mbedtls_sha256_context *c = (mbedtls_sha256_context *)s;

	memset(s, 0, sizeof(*s));
	enter();
	mbedtls_sha256_init(c);
	if (mbedtls_sha256_starts_ret(c, 0))
		panic("sha256");
	leave();
}

void sha256_update(struct sha256_state *s, const void *data, size_t size)
{
	enter();
	if (mbedtls_sha256_update_ret((mbedtls_sha256_context *)s, data, size))
		panic("sha256");
	leave();
}

void sha256_finish(struct sha256_state *s, uint8_t ret_digest[32])
{
	enter();
	if (mbedtls_sha256_finish_ret((mbedtls_sha256_context *)s, ret_digest))
		panic("sha256");
	leave();
	secure_zero(s, sizeof(*s));
}

void sha256(const void *data, size_t size, uint8_t ret_digest[32])
{
	enter();
	if (mbedtls_sha256_ret(data, size, ret_digest, 0))
		panic("sha256");
	leave();
}

void sha384(const void *data, size_t size, uint8_t ret_digest[48])
{
	uint8_t digest[64];

	enter();
	if (mbedtls_sha512_ret(data, size, digest, 1))
		panic("sha384");
	leave();
	memcpy(ret_digest, digest, 48);
	secure_zero(digest, sizeof(digest));
}

/* --- AES -------------------------------------------------------------------------------------- */

int aes_cmac(const uint8_t key[16], const void *data, size_t size, uint8_t ret_mac[16])
{
	const mbedtls_cipher_info_t *info;
	int err;

	enter();
	info = mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_AES_128_ECB);
	err = mbedtls_cipher_cmac(info, key, 128, data, size, ret_mac);
	leave();
	return error_of(err);
}

int aes_gcm_seal(const uint8_t key[16], const uint8_t iv[12], const void *aad, size_t aad_size,
		 const void *plain, size_t size, void *ret_cipher, uint8_t ret_mac[16])
{
	mbedtls_gcm_context c;
	int err;

	enter();
	mbedtls_gcm_init(&c);
	err = mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 128);
	if (!err)
		err = mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, size, iv, 12, aad,
						aad_size, plain, ret_cipher, 16, ret_mac);
	mbedtls_gcm_free(&c);
	leave();
	return error_of(err);
}

int aes_gcm_open(const uint8_t key[16], const uint8_t iv[12], const void *aad, size_t aad_size,
		 const void *cipher, size_t size, const uint8_t mac[16], void *ret_plain)
{
	mbedtls_gcm_context c;
	int err;

	enter();
	mbedtls_gcm_init(&c);
	err = mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 128);
	if (!err)
		err = mbedtls_gcm_auth_decrypt(&c, size, iv, 12, aad, aad_size, mac, 16, cipher,
					       ret_plain);
	mbedtls_gcm_free(&c);
	leave();
	return error_of(err);
}

/* --- RSA -------------------------------------------------------------------------------------- */

struct cube { /* S^3 mod N the way SIGSTRUCT's quotients have it: S^2 = Q1 N + R1, S R1 = Q2 N + R2 */
	mbedtls_mpi n, s, product, q1, q2, r1, r2;
};

/* Is there a cube: N of 3072 bits, odd, S below it? All public: no need for constant time. */
static int cube_start(struct cube *c, const uint8_t modulus[384], const uint8_t signature[384])
{
	mbedtls_mpi_init(&c->n);
	mbedtls_mpi_init(&c->s);
	mbedtls_mpi_init(&c->product);
	mbedtls_mpi_init(&c->q1);
	mbedtls_mpi_init(&c->q2);
	mbedtls_mpi_init(&c->r1);
	mbedtls_mpi_init(&c->r2);
	if (mbedtls_mpi_read_binary_le(&c->n, modulus, 384) ||
	    mbedtls_mpi_read_binary_le(&c->s, signature, 384))
		return -ENOMEM;
	if (mbedtls_mpi_bitlen(&c->n) != 3072 || !mbedtls_mpi_get_bit(&c->n, 0) ||
	    mbedtls_mpi_cmp_mpi(&c->s, &c->n) >= 0)
		return -EBADMSG;
	if (mbedtls_mpi_mul_mpi(&c->product, &c->s, &c->s) ||
	    mbedtls_mpi_div_mpi(&c->q1, &c->r1, &c->product, &c->n) ||
	    mbedtls_mpi_mul_mpi(&c->product, &c->s, &c->r1) ||
	    mbedtls_mpi_div_mpi(&c->q2, &c->r2, &c->product, &c->n))
		return -ENOMEM;
	return 0;
}

static void cube_done(struct cube *c)
{
	mbedtls_mpi_free(&c->n);
	mbedtls_mpi_free(&c->s);
	mbedtls_mpi_free(&c->product);
	mbedtls_mpi_free(&c->q1);
	mbedtls_mpi_free(&c->q2);
	mbedtls_mpi_free(&c->r1);
	mbedtls_mpi_free(&c->r2);
}

int rsa3072_verify(const uint8_t modulus[384], const uint8_t signature[384],
		   const uint8_t digest[32])
{
	/* EMSA-PKCS1-v1_5 of SHA-256 (RFC 8017, 9.2): built and compared whole, so there is nothing to parse. */
	static const uint8_t info[19] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
					  0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
					  0x01, 0x05, 0x00, 0x04, 0x20 };
	uint8_t expected[384], is[384];
	struct cube c;
	int err;

	memset(expected, 0xff, sizeof(expected));
	expected[0] = 0;
	expected[1] = 1;
	expected[384 - 32 - 19 - 1] = 0;
	memcpy(expected + 384 - 32 - 19, info, 19);
	memcpy(expected + 384 - 32, digest, 32);
	enter();
	err = cube_start(&c, modulus, signature);
	if (!err)
		err = mbedtls_mpi_write_binary(&c.r2, is, sizeof(is)) ||
				      !ct_equal(is, expected, sizeof(is))
			      ? -EBADMSG
			      : 0;
	cube_done(&c);
	leave();
	return err;
}

int rsa3072_check_quotients(const uint8_t modulus[384], const uint8_t signature[384],
			    const uint8_t q1[384], const uint8_t q2[384])
{
	uint8_t is1[384], is2[384];
	struct cube c;
	int err;

	enter();
	err = cube_start(&c, modulus, signature);
	if (!err)
		err = mbedtls_mpi_write_binary_le(&c.q1, is1, sizeof(is1)) ||
				      mbedtls_mpi_write_binary_le(&c.q2, is2, sizeof(is2)) ||
				      !ct_equal(is1, q1, sizeof(is1)) ||
				      !ct_equal(is2, q2, sizeof(is2))
			      ? -EBADMSG
			      : 0;
	cube_done(&c);
	leave();
	return err;
}

/* --- P-256 ------------------------------------------------------------------------------------ */

static int blind(void *unused, unsigned char *to, size_t size)
{
	(void)unused;
	return random_bytes(to, size) ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

/* d = 1 + (seed mod (n - 1)): never 0 and below n. */
static int scalar(const mbedtls_ecp_group *group, const uint8_t seed[32], mbedtls_mpi *d)
{
	mbedtls_mpi n1;
	int err;

	mbedtls_mpi_init(&n1);
	err = mbedtls_mpi_sub_int(&n1, &group->N, 1);
	if (!err)
		err = mbedtls_mpi_read_binary(d, seed, 32);
	if (!err)
		err = mbedtls_mpi_mod_mpi(d, d, &n1);
	if (!err)
		err = mbedtls_mpi_add_int(d, d, 1);
	mbedtls_mpi_free(&n1);
	return err;
}

int ecdsa_p256_public(const uint8_t seed[32], uint8_t ret_public[64])
{
	mbedtls_ecp_group group;
	mbedtls_ecp_point q;
	mbedtls_mpi d;
	int err;

	enter();
	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&q);
	mbedtls_mpi_init(&d);
	err = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1);
	if (!err)
		err = scalar(&group, seed, &d);
	if (!err)
		err = mbedtls_ecp_mul(&group, &q, &d, &group.G, blind, NULL);
	if (!err)
		err = mbedtls_mpi_write_binary(&q.X, ret_public, 32);
	if (!err)
		err = mbedtls_mpi_write_binary(&q.Y, ret_public + 32, 32);
	mbedtls_mpi_free(&d);
	mbedtls_ecp_point_free(&q);
	mbedtls_ecp_group_free(&group);
	leave();
	return error_of(err);
}

int ecdsa_p256_sign(const uint8_t seed[32], const uint8_t digest[32], uint8_t ret_signature[64])
{
	mbedtls_ecp_group group;
	mbedtls_mpi d, r, s;
	int err;

	enter();
	mbedtls_ecp_group_init(&group);
	mbedtls_mpi_init(&d);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	err = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1);
	if (!err)
		err = scalar(&group, seed, &d);
	if (!err) /* RFC 6979: the nonce comes from key and digest; random numbers only blind */
		err = mbedtls_ecdsa_sign_det_ext(&group, &r, &s, &d, digest, 32, MBEDTLS_MD_SHA256,
						 blind, NULL);
	if (!err)
		err = mbedtls_mpi_write_binary(&r, ret_signature, 32);
	if (!err)
		err = mbedtls_mpi_write_binary(&s, ret_signature + 32, 32);
	mbedtls_mpi_free(&d);
	mbedtls_mpi_free(&r);
	mbedtls_mpi_free(&s);
	mbedtls_ecp_group_free(&group);
	leave();
	return error_of(err);
}

/* --- Random numbers, start -------------------------------------------------------------------- */

bool random_bytes(void *to, size_t size)
{
	uint32_t a = 1, b, c = 0, d;
	uint8_t *p = to;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c >> 30 & 1))
		return false;
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

/* One known answer of each (FIPS 180-4 "abc"; RFC 4493 example 2; GCM specification test case 4's shape; RFC 6979 A.2.5). */
static void self_test(void)
{
	static const uint8_t abc256[4] = { 0xba, 0x78, 0x16, 0xbf },
			     abc384[4] = { 0xcb, 0x00, 0x75, 0x3f };
	static const uint8_t key[16] = { 0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
					 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c };
	static const uint8_t block[16] = { 0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96,
					   0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a };
	static const uint8_t cmac[4] = { 0x07, 0x0a, 0x16, 0xb4 };
	static const uint8_t zero[16], gcm_cipher[4] = { 0x03, 0x88, 0xda, 0xce },
				       gcm_mac[4] = { 0xab, 0x6e, 0x47, 0xd4 };
	/* The private key of RFC 6979, A.2.5, less one. */
	static const uint8_t seed[32] = { 0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16,
					  0x6b, 0x5c, 0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93,
					  0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8, 0x9b, 0x12,
					  0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x20 };
	static const uint8_t public_x[4] = { 0x60, 0xfe, 0xd4, 0xba },
			     sample_r[4] = { 0xef, 0xd4, 0x8b, 0x2a };
	uint8_t out[64], mac[16], digest[32];
	bool ok;

	sha256("abc", 3, out);
	ok = memcmp(out, abc256, 4) == 0;
	sha384("abc", 3, out);
	ok = ok && memcmp(out, abc384, 4) == 0;
	ok = ok && !aes_cmac(key, block, 16, mac) && memcmp(mac, cmac, 4) == 0;
	ok = ok && !aes_gcm_seal(zero, zero, NULL, 0, zero, 16, out, mac) &&
	     memcmp(out, gcm_cipher, 4) == 0 && memcmp(mac, gcm_mac, 4) == 0;
	ok = ok && !aes_gcm_open(zero, zero, NULL, 0, out, 16, mac, out) &&
	     memcmp(out, zero, 16) == 0;
	mac[0] ^= 1;
	ok = ok && aes_gcm_open(zero, zero, NULL, 0, out, 16, mac, out) == -EBADMSG;
	ok = ok && !ecdsa_p256_public(seed, out) && memcmp(out, public_x, 4) == 0;
	sha256("sample", 6, digest);
	ok = ok && !ecdsa_p256_sign(seed, digest, out) && memcmp(out, sample_r, 4) == 0;
	if (!ok)
		panic("crypto: a known answer is wrong");
}

void crypto_init(void *arena, size_t size)
{
	lock = 0;
	crypto_runtime_init(arena, size);
	self_test();
}
