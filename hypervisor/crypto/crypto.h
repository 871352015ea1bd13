/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cryptography inside the hypervisor: thin names over Debian's libbearssl.a, linked in statically; hardly anything of it is ours.
 * No state but random numbers' hardware, no memory: callers on any processor, at any time. Vector registers: the archive uses
 * XMM and AES-NI, so arch saves the guest's FPU state around a call (crypto_begin/crypto_end). 0 or -EBADMSG (does not verify),
 * -EIO (the library refused, which it does not).
 */
#pragma once

#include "lib/base/types.h"

/* Before everything else here; known answers are compared (panic). -ENODEV: the processor lacks AES-NI, PCLMULQDQ or RDRAND. */
must_check int crypto_init(void);
/* Of arch: vector registers may be used from here to there. Hosted: nothing. */
void crypto_begin(void);
void crypto_end(void);

struct sha256_state {
	uint64_t opaque[16]; /* checked against the library's at build time */
};
void sha256_start(struct sha256_state *s);
void sha256_update(struct sha256_state *s, const void *data, size_t size);
void sha256_finish(struct sha256_state *s, uint8_t ret_digest[32]);
void sha256(const void *data, size_t size, uint8_t ret_digest[32]);
void sha384(const void *data, size_t size, uint8_t ret_digest[48]);
void aes_cmac(const uint8_t key[16], const void *data, size_t size, uint8_t ret_mac[16]);
/* `data` is changed in place; what does not open is wiped. */
void aes_gcm_seal(const uint8_t key[16], const uint8_t iv[12], const void *aad, size_t aad_size,
		  void *data, size_t size, uint8_t ret_mac[16]);
must_check int aes_gcm_open(const uint8_t key[16], const uint8_t iv[12], const void *aad,
			    size_t aad_size, void *data, size_t size, const uint8_t mac[16]);
/*
 * PKCS #1 v1.5, SHA-256, exponent 3, 3072 bits; numbers are little endian, as in SIGSTRUCT, and Q1 and Q2 must be what they are
 * there (SDM 3D, 37.14): S^2 = Q1 N + R1, S R1 = Q2 N + R2.
 */
must_check int rsa3072_verify(const uint8_t modulus[384], const uint8_t signature[384],
			      const uint8_t q1[384], const uint8_t q2[384],
			      const uint8_t digest[32]);
/* What comes before the digest in such a signature (RFC 8017, 9.2), big endian; also a part of keys (SDM 3D, 40.4, EGETKEY). */
void rsa3072_padding(uint8_t ret_padding[352]);
/* P-256: key from a seed (private scalar derived, never 0), public key x || y, signature r || s, big endian. */
must_check int ecdsa_p256_public(const uint8_t seed[32], uint8_t ret_public[64]);
must_check int ecdsa_p256_sign(const uint8_t seed[32], const uint8_t digest[32],
			       uint8_t ret_signature[64]);
must_check bool random_bytes(void *to, size_t size); /* RDRAND with retries; false: none */
