/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of enrolment (enrolment.c) that the other side, and the verifier's roots, read and write. */
#pragma once

#include "attest/tpm/tpm.h"

int tpm_enrol_write_request(const char *certificate_pem, struct span ek, struct span ak,
			    char **ret_request, struct cattest_error *err);
/* A challenge of ours, or a file of tpm2_makecredential. *ret_blob: TPM2B_ID_OBJECT || TPM2B_ENCRYPTED_SECRET, malloc()ed. */
int tpm_enrol_read_challenge(struct span in, uint8_t **ret_blob, size_t *ret_size,
			     struct cattest_error *err);
int tpm_enrol_write_answer(struct span secret, char **ret_answer, struct cattest_error *err);
/* Whether this is meant to be an enrolment record: an object in JSON, which no key is. */
bool tpm_enrolment_like(struct span in);
/* The attestation key of a record; owned by the caller. */
int tpm_enrolment_key(struct span in, EVP_PKEY **ret_key, struct cattest_error *err);
