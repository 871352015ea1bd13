/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders of this folder share: COSE_Sign1, and values as text. */
#pragma once

#include "attest/rats/rats.h"
#include "lib/cbor/cbor.h"

#define RATS_SIZE_MAX (1u << 20)
/* Entries of one list that are shown, and characters of one value. */
#define RATS_ENTRIES_MAX 512
#define RATS_TEXT_MAX 4096

struct cose_sign1 {
	struct span protected_header, payload;
	struct span unprotected; /* encoded map */
};
/* A COSE_Sign1 (RFC 9052, 4.2), with or without tag 18. The signature is not looked at. */
bool cose_sign1_parse(struct span in, struct cose_sign1 *ret);
/* The algorithm of a protected header: "ES256"... or its number. */
void cose_algorithm(struct span protected_header, char *ret_text, size_t room);

/* One encoded item in diagnostic notation, cut to RATS_TEXT_MAX characters; returns buffer. */
char *rats_diagnose(struct span encoded, char buffer[RATS_TEXT_MAX]);
/*
 * Text, UUIDs (RFC 8949 tag 37, or 16 bytes), URIs (tag 32), OIDs (tag 111); else diagnostic
 * notation.
 */
char *rats_identifier(struct span encoded, char buffer[RATS_TEXT_MAX]);
/* Whether a reader stands at a tag; moves behind it. */
bool rats_take_tag(struct cbor *c, uint64_t *ret_tag);
