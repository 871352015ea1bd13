/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cryptography inside the hypervisor: thin names over Debian's libmbedcrypto.a (2.28), linked in statically with memory from a
 * fixed arena; none of it is ours. Vector registers: the archive uses SSE/AES-NI, so arch saves the guest's FPU state around a
 * call (crypto_begin/crypto_end). 0 or -EBADMSG (does not verify), -ENOMEM.
 */
#pragma once

#include "lib/base/types.h"

/* Before everything else here; known answers are compared (panic). */
void crypto_init(void *arena, size_t size);
/* Of arch: vector registers may be used from here to there. Under the crypto lock; hosted: nothing. */
void crypto_begin(void);
void crypto_end(void);
/* Of crypto/freestanding.c: memory for the archive. Hosted: libc's is used. */
void crypto_runtime_init(void *arena, size_t size);

struct sha256_state {
	uint64_t opaque[16]; /* checked against the library's at build time */
};
void sha256_start(struct sha256_state *s);
void sha256_update(struct sha256_state *s, const void *data, size_t size);
void sha256_finish(struct sha256_state *s, uint8_t ret_digest[32]);
void sha256(const void *data, size_t size, uint8_t ret_digest[32]);
void sha384(const void *data, size_t size, uint8_t ret_digest[48]);
must_check int aes_cmac(const uint8_t key[16], const void *data, size_t size, uint8_t ret_mac[16]);
must_check int aes_gcm_seal(const uint8_t key[16], const uint8_t iv[12], const void *aad,
			    size_t aad_size, const void *plain, size_t size, void *ret_cipher,
			    uint8_t ret_mac[16]);
must_check int aes_gcm_open(const uint8_t key[16], const uint8_t iv[12], const void *aad,
			    size_t aad_size, const void *cipher, size_t size, const uint8_t mac[16],
			    void *ret_plain);
/* PKCS #1 v1.5, SHA-256, exponent 3, 3072 bits; modulus and signature little endian, as in SIGSTRUCT. */
must_check int rsa3072_verify(const uint8_t modulus[384], const uint8_t signature[384],
			      const uint8_t digest[32]);
/* Are Q1 and Q2 of SIGSTRUCT what they must be for this signature (SDM 3D, 37.14)? */
must_check int rsa3072_check_quotients(const uint8_t modulus[384], const uint8_t signature[384],
				       const uint8_t q1[384], const uint8_t q2[384]);
/* P-256: key from a seed (private scalar derived, never 0), public key x || y, signature r || s, big endian. */
must_check int ecdsa_p256_public(const uint8_t seed[32], uint8_t ret_public[64]);
must_check int ecdsa_p256_sign(const uint8_t seed[32], const uint8_t digest[32],
			       uint8_t ret_signature[64]);
bool random_bytes(void *to, size_t size); /* RDRAND/RDSEED with retries; false: none */
