/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Linux sees of SGX: CPUID leaves 0 (the highest), 7 and 12H, MSRs 3AH and 8CH-8FH (SDM 3D, 36.7; 4, table 2-2). One state
 * for all processors: the MSRs of the launch control hash are per processor on hardware, and Linux writes them under its own
 * lock before each EINIT; here each EINIT runs under one lock, so a write that another processor does in between can at most
 * make an EINIT refuse.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

/* The reset value: SHA-256 of the key that signs Intel's launch enclave (SDM 4, MSRs 8CH-8FH). */
static const uint64_t reset_hash[4] = { 0xa6053e051270b7acULL, 0x6cfbe8ba8b3b413dULL,
					0xc4916d99f2b3735dULL, 0xd4f8c05909f9bb3bULL };
uint64_t le_pubkey_hash[4];
/* Locked and on, as firmware leaves it; tests turn it off. */
uint64_t feature_control = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_SGX_LC | FEATURE_CONTROL_SGX;
uint64_t sgx_xfrm_allowed;
static uint32_t component_end[64]; /* in the standard format: CPUID.0DH.i EBX + EAX */

/* x87, SSE, AVX, AVX-512, PKRU: what aex and ssa know to save and to put into their initial state. */
#define XFRM_KNOWN 0x2e7ULL

static void cpuid_native(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
			 : "a"(leaf), "c"(subleaf));
}

void cpuid_init(void)
{
	uint32_t r[4];

	memcpy(le_pubkey_hash, reset_hash, sizeof(le_pubkey_hash));
	sgx_xfrm_allowed = 3;
	cpuid_native(0, 0, r);
	if (r[0] < 0xd)
		return;
	cpuid_native(0xd, 0, r);
	sgx_xfrm_allowed = (((uint64_t)r[3] << 32 | r[0]) & XFRM_KNOWN) | 3;
	for (uint32_t i = 2; i < 63; i++) {
		if (!(sgx_xfrm_allowed >> i & 1))
			continue;
		cpuid_native(0xd, i, r);
		component_end[i] = r[1] + r[0];
	}
}

uint32_t xsave_size(uint64_t xfrm)
{
	uint32_t size = 576; /* legacy area and header (SDM 1, 13.4) */

	for (uint64_t left = xfrm & ~3ULL & ~(1ULL << 63); left; left &= left - 1)
		size = MAX(size, component_end[__builtin_ctzll(left)]);
	return size;
}

static void cpuid_sgx(uint32_t subleaf, uint32_t r[4])
{
	uint64_t pairs[2] = { 0 }; /* EBX:EAX, EDX:ECX */

	switch (subleaf) {
	case 0:
		pairs[0] = CPUID_SGX_SGX1 | CPUID_SGX_SGX2 | CPUID_SGX_OVERSUBSCRIPTION |
			   CPUID_SGX_EDECCSSA | (uint64_t)SGX_MISC_ALLOWED << 32;
		pairs[1] = (uint64_t)(SGX_SIZE_LOG2_32 | SGX_SIZE_LOG2_64 << 8) << 32;
		break;
	case 1:
		pairs[0] = SGX_ATTRIBUTES_ALLOWED;
		pairs[1] = sgx_xfrm_allowed;
		break;
	case 2: /* type 1: a section of the EPC */
		pairs[0] = epc_pages.start | 1;
		pairs[1] = epc_pages.size | 1;
		break;
	default:
		break;
	}
	memcpy(r, pairs, sizeof(pairs));
}

void sgx_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	if (!epc_pages.size)
		return;
	if (leaf == 0 && regs[0] < CPUID_SGX) {
		regs[0] = CPUID_SGX;
	} else if (leaf == 7 && subleaf == 0) {
		regs[1] |= CPUID_7_EBX_SGX;
		regs[2] |= CPUID_7_ECX_SGX_LC;
	} else if (leaf == CPUID_SGX) {
		cpuid_sgx(subleaf, regs);
	}
}

bool sgx_rdmsr(uint32_t msr, uint64_t *ret_value)
{
	uint32_t word = msr - MSR_SGX_LE_HASH0;

	if (!epc_pages.size || (msr != MSR_FEATURE_CONTROL && word >= 4))
		return false;
	*ret_value = word < 4 ? __atomic_load_n(&le_pubkey_hash[word], __ATOMIC_RELAXED)
			      : feature_control;
	return true;
}

bool sgx_wrmsr(uint32_t msr, uint64_t value, bool *ret_ok)
{
	uint32_t word = msr - MSR_SGX_LE_HASH0;
	/* To be written only, and without effect once SGX is on (SDM 4, table 2-2), as it is here from the start. */
	bool owner_epoch = msr - MSR_SGX_OWNER_EPOCH < 2;

	if (!epc_pages.size || (msr != MSR_FEATURE_CONTROL && !owner_epoch && word >= 4))
		return false;
	epc_lock();
	if (word < 4)
		le_pubkey_hash[word] = value;
	epc_unlock();
	*ret_ok = msr != MSR_FEATURE_CONTROL; /* which is locked */
	return true;
}
