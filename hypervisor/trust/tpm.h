/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM 2.0 commands of the launch (TCG TPM 2.0 Library, Part 3), at the locality that tis_open took. 0 or: -ENOENT as said below; -EACCES: the
 * TPM refused (tpm_code says why); -EBADMSG: a response that is none; tis_transmit's errors. What is returned is written only with 0.
 */
#pragma once

#include "lib/base/types.h"

enum { TPM_SECRET_SIZE = 32 };

/* TPMA_NV (Part 2, 13.4): bits used here. */
#define TPMA_NV_POLICYWRITE (1U << 3)
#define TPMA_NV_POLICYREAD (1U << 19)
#define TPMA_NV_NO_DA (1U << 25)
#define TPMA_NV_WRITTEN (1U << 29)

extern uint32_t tpm_code; /* of the last response; 0: success, or there was none */

must_check int tpm_pcr_read(unsigned int pcr, uint8_t ret_value[32]); /* -ENOENT: no SHA-256 bank */
must_check int tpm_pcr_extend(unsigned int pcr, const uint8_t digest[32]);
must_check int tpm_random(uint8_t ret_bytes[32]);

/*
 * Is this index one that tpm_index_define makes with this policy: ordinary, 32 bytes, read and written by policy only, nothing else?
 * -ENOENT: no such index. -EEXIST: it is another's.
 */
must_check int tpm_index_check(uint32_t index, const uint8_t policy[32], bool *ret_written);
/* By the owner's empty authorization. */
must_check int tpm_index_define(uint32_t index, const uint8_t policy[32]);

/* The PCRs of `pcrs` (SHA-256 bank) that together have this digest, and locality 2. */
struct tpm_policy {
	uint32_t pcrs;
	uint8_t pcr_digest[32];
};
void tpm_policy_digest(const struct tpm_policy *policy, uint8_t ret_digest[32]);
must_check int tpm_session_start(uint32_t *ret_session);
void tpm_session_end(uint32_t session);
/* Both satisfy the policy anew: a session forgets it with each use. */
must_check int tpm_index_write(uint32_t index, uint32_t session, const struct tpm_policy *policy,
			       const uint8_t secret[TPM_SECRET_SIZE]);
must_check int tpm_index_read(uint32_t index, uint32_t session, const struct tpm_policy *policy,
			      uint8_t ret_secret[TPM_SECRET_SIZE]);

void tpm_wipe(void); /* the last command and response */
