/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EINIT (SDM 3D, 40.3, its page): the enclave is what its signer signed, and the signer may launch: by the hash in MSRs
 * 8CH-8FH, or by a token that the launch enclave of that signer made. Order of checks and codes: the SDM's. Code 128 (an
 * interrupt is pending) does not arise: the guest's interrupts wait until the leaf is done.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/sgx/leaves.h"

#include "lib/base/string.h"

#include <linux/errno.h>

static struct sigstruct sig; /* guarded by the EPC's lock */

/* The fixed fields of SIGSTRUCT (SDM 3D, 37.14). */
static int check_format(void)
{
	if (memcmp(sig.header, SIGSTRUCT_HEADER, 16) != 0 ||
	    (sig.vendor != 0 && sig.vendor != 0x8086) ||
	    memcmp(sig.header2, SIGSTRUCT_HEADER2, 16) != 0 || sig.exponent != 3)
		return SGX_INVALID_SIG_STRUCT;
	if (!is_zero_array(sig.reserved1) || !is_zero_array(sig.reserved2) ||
	    !is_zero_array(sig.reserved3) || !is_zero_array(sig.reserved4))
		return SGX_INVALID_SIG_STRUCT;
	return SGX_OK;
}

/*
 * The signature over [0, 128) and [900, 1028); *ret_signer: SHA-256 of the modulus. S^3 mod N is
 * computed with the help of Q1 and Q2, so wrong ones are a wrong signature.
 */
static int check_signature(uint8_t ret_signer[32])
{
	struct sha256_state hash;
	uint8_t digest[32];

	sha256_start(&hash);
	sha256_update(&hash, &sig, SIGSTRUCT_SIGNED1);
	sha256_update(&hash, (const uint8_t *)&sig + SIGSTRUCT_SIGNED2, SIGSTRUCT_SIGNED2_SIZE);
	sha256_finish(&hash, digest);
	if (rsa3072_verify(sig.modulus, sig.signature, sig.q1, sig.q2, digest))
		return SGX_INVALID_SIGNATURE;
	sha256(sig.modulus, sizeof(sig.modulus), ret_signer);
	return SGX_OK;
}

static int check_enclave(const struct secs *secs, const uint8_t signer[32],
			 const uint8_t mrenclave[32])
{
	const struct attributes *mask = &sig.attribute_mask;

	if (!ct_equal(mrenclave, sig.enclave_hash, 32))
		return SGX_INVALID_MEASUREMENT;
	/* Only the launch enclave's signer may have the key that makes tokens. */
	if ((secs->attributes.flags & ATTRIBUTE_EINITTOKENKEY) &&
	    !ct_equal(signer, le_pubkey_hash, 32))
		return SGX_INVALID_ATTRIBUTE;
	if (((secs->attributes.flags ^ sig.attributes.flags) & mask->flags) ||
	    ((secs->attributes.xfrm ^ sig.attributes.xfrm) & mask->xfrm))
		return SGX_INVALID_ATTRIBUTE;
	if ((secs->miscselect ^ sig.miscselect) & sig.misc_mask)
		return SGX_INVALID_ATTRIBUTE;
	if ((secs->cet_attributes ^ sig.cet_attributes) & sig.cet_attributes_mask)
		return SGX_INVALID_ATTRIBUTE;
	return SGX_OK;
}

static int check_token(const struct einittoken *token, const struct secs *secs,
		       const uint8_t signer[32], const uint8_t mrenclave[32])
{
	uint8_t key[16], mac[16];
	bool same;

	if (!(token->valid & 1))
		return ct_equal(signer, le_pubkey_hash, 32) ? SGX_OK : SGX_INVALID_EINITTOKEN;
	/* A launch enclave that can be debugged launches only what can be debugged. */
	if ((token->masked_attributes_le.flags & ATTRIBUTE_DEBUG) &&
	    !(secs->attributes.flags & ATTRIBUTE_DEBUG))
		return SGX_INVALID_EINITTOKEN;
	if ((token->valid & ~1U) || !is_zero_array(token->reserved1) ||
	    !is_zero_array(token->reserved2) || !is_zero_array(token->reserved3) ||
	    !is_zero_array(token->reserved4))
		return SGX_INVALID_EINITTOKEN;
	if (!cpu_svn_ok(token->cpu_svn_le))
		return SGX_INVALID_CPUSVN;
	key_einittoken(token, (const uint8_t *)le_pubkey_hash, key);
	aes_cmac(key, token, EINITTOKEN_MACED, mac);
	same = ct_equal(mac, token->mac, sizeof(mac));
	secure_zero(key, sizeof(key));
	secure_zero(mac, sizeof(mac));
	if (!same)
		return SGX_INVALID_EINITTOKEN;
	if (!ct_equal(token->mrenclave, mrenclave, 32) || !ct_equal(token->mrsigner, signer, 32))
		return SGX_INVALID_MEASUREMENT;
	/* The SDM names INVALID_EINIT_ATTRIBUTE without a number. */
	if (token->attributes.flags != secs->attributes.flags ||
	    token->attributes.xfrm != secs->attributes.xfrm)
		return SGX_INVALID_ATTRIBUTE;
	return SGX_OK;
}

static void commit(struct secs *secs, const uint8_t signer[32], const uint8_t mrenclave[32])
{
	memcpy(secs->mrenclave, mrenclave, 32);
	memcpy(secs->mrsigner, signer, 32);
	secs->isv_prod_id = sig.isv_prod_id;
	secs->isv_svn = sig.isv_svn;
	memcpy(secs->isv_ext_prod_id, sig.isv_ext_prod_id, sizeof(secs->isv_ext_prod_id));
	memcpy(secs->isv_family_id, sig.isv_family_id, sizeof(secs->isv_family_id));
	rsa3072_padding(secs->padding);
	memset(secs->measure, 0, sizeof(secs->measure));
	secs->attributes.flags |= ATTRIBUTE_INIT;
}

int leaf_einit(struct vcpu *v, const struct encls_operands *o)
{
	uint8_t signer[32], mrenclave[32];
	struct einittoken token;
	struct secs *secs;
	int code;

	if (operand_read(v, o->rbx, &sig, sizeof(sig)) ||
	    operand_read(v, o->rdx, &token, sizeof(token)))
		return -EFAULT;
	code = check_format();
	if (!code)
		code = check_signature(signer);
	if (code)
		return code;
	if (!is_secs(o->page))
		return fault_epcm(v, o->rcx, 0);
	secs = epcm_secs(o->page);
	if (!(secs->attributes.flags & ATTRIBUTE_KSS) &&
	    (!is_zero_array(sig.isv_family_id) || !is_zero_array(sig.isv_ext_prod_id)))
		return SGX_INVALID_SIG_STRUCT;
	if (secs->attributes.flags & ATTRIBUTE_INIT)
		return fault_gp(v);
	measure_final(secs, mrenclave);
	code = check_enclave(secs, signer, mrenclave);
	if (!code)
		code = check_token(&token, secs, signer, mrenclave);
	if (!code)
		commit(secs, signer, mrenclave);
	return code;
}
