/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attestation document of the Nitro Secure Module: a COSE_Sign1 (RFC 9052, 4.2) around a map.
 * Field names and limits are those of "Nitro Enclaves attestation process"
 * (aws-nitro-enclaves-nsm-api, docs/attestation_process.md), section 3.
 */
#pragma once

#include "attest/core/span.h"
#include "include/cloister/attest.h"

#define NITRO_SIZE_MAX 65536u /* the module's answers end at 16 KiB */
#define NITRO_PCR_MAX 32
#define NITRO_CERTIFICATE_MAX 1024
#define NITRO_BUNDLE_MAX 15 /* and the leaf: what a path may hold */
#define NITRO_SIGNATURE_SIZE 96

struct nitro_document {
	struct span protected_header, payload, signature;
	struct span module_id, digest;
	uint64_t timestamp_ms;
	struct span pcr[NITRO_PCR_MAX]; /* size 0: not there */
	struct span certificate;
	struct span bundle[NITRO_BUNDLE_MAX]; /* root first */
	size_t bundle_count;
	/* data NULL: absent or null */
	struct span public_key, user_data, nonce;
};

/* Spans point into `in`. 0, -EBADMSG or -E2BIG with a message. */
int nitro_document_parse(struct span in, struct nitro_document *ret_document,
			 struct cattest_error *err);
/* The COSE_Sign1's parts only, with the form of the protected header checked. */
int nitro_cose_parse(struct span in, struct nitro_document *ret_document,
		     struct cattest_error *err);
