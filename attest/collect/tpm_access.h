/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM 2.0 through libtss2, loaded when it is first needed (dlopen): a verifier, and most programs
 * that link this library, have no TPM and need none of it. What comes back is in the TPM's own wire
 * form.
 */
#pragma once

#include "attest/core/appraisal.h"

struct tpm_access;

struct tpm_access_options {
	const char *tcti; /* "device:/dev/tpmrm0", "swtpm:path=/run/swtpm" (tctildr's form) */
	/* A persistent attestation key; 0: a primary key of the hierarchy, the same at each start. */
	uint32_t ak_handle;
	bool owner_hierarchy; /* else the endorsement hierarchy */
	bool rsa; /* RSA 2048 with PKCS#1 v1.5; else ECDSA on P-256; both with SHA-256 */
};
/* Opens, and finds or makes the attestation key. -ENODEV: no libtss2, no TPM. */
int tpm_access_open(const struct tpm_access_options *options, struct tpm_access **ret_access,
		    struct cattest_error *err);
void tpm_access_close(struct tpm_access *access);

/* The key's TPM2B_PUBLIC. -E2BIG: more than room. */
int tpm_access_public(struct tpm_access *access, uint8_t *ret_area, size_t room, size_t *ret_size,
		      struct cattest_error *err);

#define TPM_QUOTE_PCRS 24
struct tpm_collected {
	uint16_t bank; /* TPM_ALG_ID */
	uint32_t mask; /* the PCRs quoted */
	uint8_t pcr[TPM_QUOTE_PCRS][64];
	size_t pcr_size;
	uint8_t attest[2048], signature[1100],
		public_area[1100]; /* TPMS_ATTEST, TPMT_SIGNATURE, TPM2B_PUBLIC of the key */
	size_t attest_size, signature_size, public_size;
};
/* A quote of those PCRs and their values, which belong together. extra: at most 50 bytes. */
int tpm_access_quote(struct tpm_access *access, struct span extra, uint16_t bank, uint32_t mask,
		     struct tpm_collected *ret_quote, struct cattest_error *err);

/* --- tpm.c: settings that the attester "tpm" and the quoting service's back end "hv" share --- */
struct settings;
/* tcti, ak, hierarchy, key. Strings point into the settings. */
int tpm_settings_options(const struct settings *s, struct tpm_access_options *ret_options,
			 struct cattest_error *err);
/* "0-7+14" to bits; -EINVAL without a message. */
int tpm_settings_pcrs(const char *text, uint32_t *ret_mask);
#define TPM_EVENT_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"
