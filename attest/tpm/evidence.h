/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM quote as it comes in files, whatever the form: what evidence.c judges. */
#pragma once

#include "attest/tpm/tpm.h"

#include <jansson.h>

#define TPM_QUOTES_MAX 4
#define TPM_CERTIFICATES_MAX 16
#define TPM_JSON_MAX (1u << 20)
#define TPM_PROTOBUF_MAX (4u << 20)

struct tpm_evidence_quote {
	struct span message, signature;
	bool raw_rsa; /* the signature is bare: RSASSA with SHA-256 */
	struct tpm_pcrs pcrs;
	bool has_pcrs;
};

struct tpm_evidence {
	const char *form; /* static, for people */
	size_t quote_count;
	struct tpm_evidence_quote quote[TPM_QUOTES_MAX];
	struct span ak; /* size 0: not in the evidence */
	size_t certificate_count;
	struct span certificate[TPM_CERTIFICATES_MAX]; /* of the AK, DER or PEM, leaf first */
	struct span ek_certificate;
	struct span event_log;
	/* What spans point into, beside the input. */
	size_t held_count;
	uint8_t *held[512];
	json_t *json;
};
void tpm_evidence_done(struct tpm_evidence *e);

/* Each: -ENOENT if the bytes are not of this form, 0, or an error with a message. */
int tpm_evidence_from_json(struct span in, struct tpm_evidence *e, struct cattest_error *err);
int tpm_evidence_from_protobuf(struct span in, struct tpm_evidence *e, struct cattest_error *err);
int tpm_evidence_from_keylime(struct span in, struct tpm_evidence *e, struct cattest_error *err);
/*
 * PCR values as tpm2-tools writes them: its structures in memory (little endian), selection and
 * digests.
 */
int tpm_pcrs_from_tools(struct span in, struct tpm_pcrs *ret_pcrs, struct cattest_error *err);
/* Remembers malloc()ed memory; frees it and fails if there is too much of it. */
int tpm_evidence_hold(struct tpm_evidence *e, uint8_t *data);
