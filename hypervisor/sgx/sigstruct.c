/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGSTRUCT (SDM 3D, 37.14; EINIT's page): the fixed fields, and the signature over [0, 128) and [900, 1028). S^3 mod N is
 * computed with the help of Q1 and Q2, so wrong ones are a wrong signature.
 */
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/sgx/leaves.h"

#include "lib/base/string.h"

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
	if (rsa3072_verify(sig->modulus, sig->signature, sig->q1, sig->q2, digest))
		return SGX_INVALID_SIGNATURE;
	sha256(sig->modulus, sizeof(sig->modulus), ret_signer);
	return SGX_OK;
}
