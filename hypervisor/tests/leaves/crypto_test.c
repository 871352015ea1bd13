/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's cryptography against OpenSSL's, with random inputs; the arena it has in the image; 128-bit division. */
#include "hypervisor/crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void arena_init(void *arena, unsigned long size);
void *arena_calloc(size_t count, size_t size);
void arena_free(void *p);
unsigned int arena_blocks(unsigned int *ret_used);
unsigned __int128 arena_udivti3(unsigned __int128 n, unsigned __int128 d);

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

void crypto_runtime_init(void *arena, size_t size)
{
	(void)arena, (void)size;
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
	EXPECT(!aes_cmac(key, data, size, mac) && mac_size == 16 &&
	       memcmp(mac, their_mac, 16) == 0);
	EXPECT(!aes_gcm_seal(key, iv, data + 7, 33, data, size, ours, mac));
	EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, iv);
	EVP_EncryptUpdate(c, NULL, &n, data + 7, 33);
	EVP_EncryptUpdate(c, theirs, &n, data, (int)size);
	EVP_EncryptFinal_ex(c, theirs + n, &n);
	EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, their_mac);
	EVP_CIPHER_CTX_free(c);
	EXPECT(memcmp(ours, theirs, size) == 0 && memcmp(mac, their_mac, 16) == 0);
	EXPECT(!aes_gcm_open(key, iv, data + 7, 33, ours, size, mac, plain) &&
	       memcmp(plain, data, size) == 0);
	memset(plain, 0x55, sizeof(plain));
	mac[size % 16] ^= 1;
	EXPECT(aes_gcm_open(key, iv, data + 7, 33, ours, size, mac, plain) == -EBADMSG);
	mac[size % 16] ^= 1;
	EXPECT(aes_gcm_open(key, iv, data + 6, 33, ours, size, mac, plain) == -EBADMSG);
}

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

static void arena(void)
{
	static uint8_t room[20000];
	void *held[64] = { NULL };
	size_t sizes[64] = { 0 };
	unsigned int used, blocks;

	arena_init(room + 3, sizeof(room) - 3);
	EXPECT(arena_blocks(&used) == 1 && !used);
	srand(7);
	for (int i = 0; i < 20000; i++) {
		unsigned int slot = (unsigned int)rand() % 64;

		if (held[slot]) {
			for (size_t j = 0; j < sizes[slot]; j++)
				EXPECT(((uint8_t *)held[slot])[j] == (uint8_t)slot);
			arena_free(held[slot]);
			for (size_t j = 0; j < sizes[slot]; j++) /* wiped */
				EXPECT(((uint8_t *)held[slot])[j] == 0);
			held[slot] = NULL;
			continue;
		}
		sizes[slot] = (size_t)rand() % 900;
		held[slot] = arena_calloc(sizes[slot], 1);
		if (!held[slot])
			continue;
		EXPECT((uintptr_t)held[slot] % 16 == 0);
		for (size_t j = 0; j < sizes[slot]; j++)
			EXPECT(((uint8_t *)held[slot])[j] == 0);
		memset(held[slot], (int)slot, sizes[slot]);
	}
	for (int i = 0; i < 64; i++)
		arena_free(held[i]);
	blocks = arena_blocks(&used);
	EXPECT(blocks == 1 && !used);
	EXPECT(!arena_calloc(1, sizeof(room)) && !arena_calloc(SIZE_MAX, 2) &&
	       !arena_calloc(1, SIZE_MAX - 8));
}

static void division(void)
{
	for (int i = 0; i < 20000; i++) {
		unsigned __int128 n, d;

		(void)random_bytes(&n, sizeof(n));
		(void)random_bytes(&d, sizeof(d));
		n >>= rand() % 128;
		d >>= rand() % 128;
		if (d)
			EXPECT(arena_udivti3(n, d) == n / d);
	}
}

int main(void)
{
	uint8_t seed[32];

	crypto_init(NULL, 0);
	EXPECT(random_bytes(data, sizeof(data)));
	for (size_t size = 0; size < 300; size++)
		hashes(size);
	hashes(sizeof(data));
	for (size_t size = 1; size < 4096; size = size * 3 / 2 + 1)
		ciphers(size);
	ciphers(4096);
	for (int i = 0; i < 8; i++) {
		(void)random_bytes(seed, sizeof(seed));
		signatures(seed);
	}
	memset(seed, 0, sizeof(seed));
	signatures(seed);
	memset(seed, 0xff, sizeof(seed)); /* beyond the group's order */
	signatures(seed);
	arena();
	division();
	return failed;
}
