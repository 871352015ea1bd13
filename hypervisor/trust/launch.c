// SPDX-License-Identifier: Apache-2.0
/*
 * The launch: the TPM is told who runs, and gives the secret that was kept for it. Until here Linux is trusted (the boot measured it); from here
 * on it cannot reach localities 1 to 4, where PCR 21 and 22 are extended.
 *
 *	PCR 21, 22 all ones?  policy: seal PCRs as they are and PCR 21 as it will be, and locality 2
 *	an NV index with that policy, or a new one
 *	------------ PCR 21 := extended with the image's measurement: what is behind this line fails whole or not at all
 *	secret read (a new index: written first)
 *	attestation key = H(secret, random), root of SGX's keys = H(secret)
 *	report; PCR 22 := extended with its hash
 *
 * Why an NV index and not a sealed blob: docs/decisions/16-secret-in-tpm-nv.md. An index is believed only if it has no other way in than the
 * policy and was written: then whoever wrote it was this image, at locality 2, after this boot chain.
 *
 * Invariant: after locality 2 was ours, either the launch succeeded, or PCR 21 holds what opens nothing (`open` says that this is still to be done:
 * at the latest trust_leave does it, or the machine is not given back). Secrets are wiped on all paths.
 */
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/mem/iommu.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/signer.h"
#include "hypervisor/trust/tis.h"
#include "hypervisor/trust/tpm.h"
#include "hypervisor/trust/trust.h"
#include "lib/base/string.h"

#include <asm-generic/errno.h>

/*
 * Handles of the owner's range (TCG Registry of Reserved TPM 2.0 Handles and Localities 1.1, 2.2: 01800000H-01BFFFFFH). One for each set of image
 * and boot chain that ran here.
 */
enum { INDEX_FIRST = 0x018c1510, INDEX_COUNT = 8 };
enum { PCR_MEASUREMENT = REPORT_HV_PCR_MEASUREMENT, PCR_KEY = REPORT_HV_PCR_KEY };
/* TPM_RC_BAD_AUTH and TPM_RC_AUTH_FAIL without the session's number; TPM_RC_NV_SPACE (Part 2, 6.6.3). */
enum { RC_FORMAT1_MASK = 0x0bf, RC_BAD_AUTH = 0x0a2, RC_AUTH_FAIL = 0x08e };

static enum hv_trust state = HV_TRUST_NOT_STARTED;
static uint32_t state_code;
static bool open; /* PCR 21 can be made to open what is sealed */
static struct report_hv report;
static uint8_t seed[32]; /* of the attestation key */

static void labelled(const char *label, const void *a, const void *b, uint8_t ret_digest[32])
{
	char name[32] = { 0 };
	struct sha256_state s;

	str_copy(name, label, sizeof(name));
	sha256_start(&s);
	sha256_update(&s, name, sizeof(name));
	if (a)
		sha256_update(&s, a, 32);
	if (b)
		sha256_update(&s, b, 32);
	sha256_finish(&s, ret_digest);
}

static enum hv_trust pcr_read(unsigned int pcr, uint8_t ret_value[32])
{
	int err = tpm_pcr_read(pcr, ret_value);

	return !err ? HV_TRUST_YES : err == -ENOENT ? HV_TRUST_BANK : HV_TRUST_DEVICE;
}

/* PCR 21 and 22 as no dynamic launch left them (PTP 1.05, table 7: all ones after startup), and the policy. */
static enum hv_trust policy_make(const struct hv_boot *boot, struct tpm_policy *ret_policy)
{
	enum hv_trust result = HV_TRUST_YES;
	uint8_t ones[32], value[32], extended[64];
	struct sha256_state s;

	memset(ones, 0xff, sizeof(ones));
	/* What extending makes of a PCR is the hash of both. */
	memcpy(extended, ones, 32);
	memcpy(extended + 32, boot->image_measurement, 32);
	ret_policy->pcrs = boot->seal_pcrs | 1U << PCR_MEASUREMENT;
	for (unsigned int i = PCR_MEASUREMENT; result == HV_TRUST_YES && i <= PCR_KEY; i++) {
		result = pcr_read(i, value);
		if (result == HV_TRUST_YES && memcmp(value, ones, sizeof(ones)))
			result = HV_TRUST_EXTENDED;
	}
	sha256_start(&s);
	for (unsigned int i = 0; result == HV_TRUST_YES && i < 16; i++) {
		if (!(boot->seal_pcrs >> i & 1))
			continue;
		result = pcr_read(i, value);
		sha256_update(&s, value, sizeof(value));
	}
	sha256(extended, sizeof(extended), value);
	sha256_update(&s, value, sizeof(value));
	sha256_finish(&s, ret_policy->pcr_digest);
	return result;
}

/* The index of this policy: one that is there, or the first free one. Others' are left alone. */
static enum hv_trust index_find(const struct tpm_policy *policy, uint32_t *ret_index,
				bool *ret_written)
{
	uint32_t free = 0;
	uint8_t digest[32];
	int err;

	tpm_policy_digest(policy, digest);
	for (uint32_t i = INDEX_FIRST; i < INDEX_FIRST + INDEX_COUNT; i++) {
		err = tpm_index_check(i, digest, ret_written);
		if (!err) {
			*ret_index = i;
			return HV_TRUST_YES;
		}
		if (err == -ENOENT && !free)
			free = i;
		else if (err != -ENOENT && err != -EEXIST)
			return HV_TRUST_DEVICE;
	}
	if (!free)
		return HV_TRUST_INDEXES;
	err = tpm_index_define(free, digest);
	if (err && err != -EACCES)
		return HV_TRUST_DEVICE;
	if (err)
		return (tpm_code & RC_FORMAT1_MASK) == RC_BAD_AUTH ||
				       (tpm_code & RC_FORMAT1_MASK) == RC_AUTH_FAIL
			       ? HV_TRUST_OWNER
			       : HV_TRUST_INDEXES;
	*ret_index = free;
	*ret_written = false;
	return HV_TRUST_YES;
}

/* A new secret: neither the processor's generator nor the TPM's alone decides it. */
static bool secret_make(uint8_t ret_secret[32])
{
	uint8_t other[32];

	if (!random_bytes(ret_secret, 32) || tpm_random(other))
		return false;
	for (unsigned int i = 0; i < 32; i++)
		ret_secret[i] ^= other[i];
	secure_zero(other, sizeof(other));
	return true;
}

static int report_make(const struct hv_boot *boot)
{
	struct hv_config config = {
		.label = HV_CONFIG_LABEL,
		.start = boot->start,
		.epc_start = boot->epc_start,
		.end = boot->end,
		.limit = boot->limit,
		.cpu_count = boot->cpu_count,
		.seal_pcrs = boot->seal_pcrs,
		.flags = boot->flags,
		.iommus = iommu_active(),
	};

	report = (struct report_hv){
		.magic = REPORT_HV_MAGIC,
		.version = REPORT_HV_VERSION,
		.size = sizeof(report),
		.security_version = sgx_security_version(),
		.attributes = boot->flags & HV_BOOT_DEBUG ? REPORT_ATTRIBUTE_DEBUG : 0,
	};
	memcpy(report.measurement, boot->image_measurement, sizeof(report.measurement));
	memcpy(report.ak_name, boot->ak_name, sizeof(report.ak_name));
	sha384(&config, sizeof(config), report.config);
	return ecdsa_p256_public(seed, report.key);
}

/* Behind the line: PCR 21 is extended, and the secret is to be had. */
static int secret_use(const struct hv_boot *boot, const uint8_t secret[32])
{
	uint8_t random[32], root[32], hash[32];
	int err;

	if (!random_bytes(random, sizeof(random)))
		return -EIO;
	labelled("cloister attestation key", secret, random, seed);
	secure_zero(random, sizeof(random));
	err = report_make(boot);
	if (err)
		return err;
	sha256(&report, sizeof(report), hash);
	err = tpm_pcr_extend(PCR_KEY, hash);
	if (err)
		return err;
	labelled("cloister sgx root", secret, NULL, root);
	sgx_set_root_secret(root);
	secure_zero(root, sizeof(root));
	return 0;
}

static int unseal(const struct hv_boot *boot, const struct tpm_policy *policy, uint32_t session,
		  uint32_t index, bool written, uint8_t secret[32])
{
	int err = tpm_pcr_extend(PCR_MEASUREMENT, boot->image_measurement);

	if (!err && !written)
		err = tpm_index_write(index, session, policy, secret);
	if (!err)
		err = tpm_index_read(index, session, policy, secret);
	if (!err)
		err = secret_use(boot, secret);
	return err;
}

static enum hv_trust launch(const struct hv_boot *boot)
{
	struct tpm_policy policy;
	uint32_t index = 0, session;
	bool written = false;
	uint8_t secret[32] = { 0 };
	enum hv_trust result = policy_make(boot, &policy);

	if (result == HV_TRUST_YES)
		result = index_find(&policy, &index, &written);
	if (result != HV_TRUST_YES)
		return result;
	if (!written && !secret_make(secret)) {
		result = HV_TRUST_RANDOM;
	} else if (tpm_session_start(&session)) {
		result = HV_TRUST_DEVICE;
	} else {
		if (unseal(boot, &policy, session, index, written, secret))
			result = HV_TRUST_HALF;
		tpm_session_end(session);
	}
	secure_zero(secret, sizeof(secret));
	return result;
}

/* PCR 21 leaves the value that opens. */
static int shut(void)
{
	uint8_t digest[32];
	int err;

	labelled("cloister hypervisor ended", NULL, NULL, digest);
	err = tpm_pcr_extend(PCR_MEASUREMENT, digest);
	if (!err)
		open = false;
	return err;
}

void trust_launch(const struct hv_boot *boot)
{
	static const enum hv_trust without[] = {
		[HV_TPM_NONE] = HV_TRUST_NO_TPM,
		[HV_TPM_OTHER] = HV_TRUST_OTHER,
		[HV_TPM_UNUSED] = HV_TRUST_UNUSED,
		[HV_TPM_BUSY] = HV_TRUST_BUSY,
	};
	enum hv_trust result = boot->tpm < ARRAY_SIZE(without) ? without[boot->tpm]
							       : HV_TRUST_NO_TPM;

	tpm_code = 0;
	if (boot->tpm == HV_TPM_TIS) {
		result = HV_TRUST_LOCALITY;
		if (tis_open() == 0) {
			open = true;
			result = launch(boot);
			state_code = tpm_code;
			if (result != HV_TRUST_YES) {
				trust_wipe();
				(void)shut(); /* else trust_leave does */
			}
			tis_close();
		}
	}
	state = result;
	tpm_wipe();
}

int trust_leave(void)
{
	int err;

	if (!open)
		return 0;
	if (tis_open())
		return -EIO;
	err = shut();
	tis_close();
	return err ? -EIO : 0;
}

void trust_wipe(void)
{
	state = HV_TRUST_NOT_STARTED;
	secure_zero(seed, sizeof(seed));
	secure_zero(&report, sizeof(report));
}

enum hv_trust trust_state(void)
{
	return state;
}

uint32_t trust_code(void)
{
	return state_code;
}

int trust_report(struct hv_device_report *ret_report)
{
	if (state != HV_TRUST_YES)
		return -ENODATA;
	ret_report->report = report;
	sgx_signer_target(ret_report->target_info);
	return 0;
}

int trust_sign(const uint8_t sgx_report[REPORT_SGX_SIZE], uint8_t ret_signature[64])
{
	const struct report_quote_head head = {
		.version = 3,
		.key_type = REPORT_QUOTE_KEY_TYPE,
		.qe_svn = (uint16_t)report.security_version,
		.vendor = REPORT_VENDOR_HV,
	};
	struct sha256_state s;
	uint8_t digest[32];
	bool debug;

	if (state != HV_TRUST_YES)
		return -ENODATA;
	if (sgx_signer_check(sgx_report, &debug))
		return -EBADMSG;
	if (report.attributes & REPORT_ATTRIBUTE_DEBUG && !debug)
		return -EPERM;
	sha256_start(&s);
	sha256_update(&s, &head, sizeof(head));
	sha256_update(&s, sgx_report, REPORT_SGX_BODY_SIZE);
	sha256_update(&s, &report, sizeof(report));
	sha256_finish(&s, digest);
	return ecdsa_p256_sign(seed, digest, ret_signature) ? -EIO : 0;
}
