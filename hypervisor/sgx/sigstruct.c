/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGSTRUCT (SDM 3D, 37.14; EINIT's page): the fixed fields, and the signature over [0, 128) and [900, 1028). Hardware computes
 * S^3 mod N with the help of Q1 and Q2; so wrong ones are a wrong signature, though we need neither.
 */
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/sgx/leaves.h"

#include "lib/base/string.h"

/* DigestInfo of SHA-256 (RFC 8017, 9.2, note 1). */
static const uint8_t digest_info[19] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

int sigstruct_check_format(const struct sigstruct *sig)
{
	if (memcmp(sig->header, SIGSTRUCT_HEADER, 16) != 0 ||
	    (sig->vendor != 0 && sig->vendor != 0x8086) ||
	    memcmp(sig->header2, SIGSTRUCT_HEADER2, 16) != 0 || sig->exponent != 3)
		return SGX_INVALID_SIG_STRUCT;
	if (!is_zero(sig->reserved1, sizeof(sig->reserved1)) ||
	    !is_zero(sig->reserved2, sizeof(sig->reserved2)) ||
	    !is_zero(sig->reserved3, sizeof(sig->reserved3)) ||
	    !is_zero(sig->reserved4, sizeof(sig->reserved4)))
		return SGX_INVALID_SIG_STRUCT;
	return SGX_OK;
}

int sigstruct_verify(const struct sigstruct *sig, uint8_t ret_signer[32])
{
	struct sha256_state hash;
	uint8_t digest[32];

	sha256_start(&hash);
	sha256_update(&hash, sig, SIGSTRUCT_SIGNED1);
	sha256_update(&hash, (const uint8_t *)sig + SIGSTRUCT_SIGNED2, SIGSTRUCT_SIGNED2_SIZE);
	sha256_finish(&hash, digest);
	if (rsa3072_verify(sig->modulus, sig->signature, digest) ||
	    rsa3072_check_quotients(sig->modulus, sig->signature, sig->q1, sig->q2))
		return SGX_INVALID_SIGNATURE;
	sha256(sig->modulus, sizeof(sig->modulus), ret_signer);
	return SGX_OK;
}

void sigstruct_padding(uint8_t ret_padding[352])
{
	memset(ret_padding, 0xff, 352);
	ret_padding[0] = 0;
	ret_padding[1] = 1;
	ret_padding[332] = 0;
	memcpy(ret_padding + 333, digest_info, sizeof(digest_info));
}
_Static_assert(333 + sizeof(digest_info) == 352, "PADDING");
