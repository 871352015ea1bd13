/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict PEM (RFC 7468): blocks one after the other with nothing between them but line ends. Strict because certificates
 * inside evidence come as PEM, and no byte of evidence may change without being noticed: base64 has no spare bits, no blanks.
 */
#pragma once

#include "attest/core/span.h"

struct pem_block {
	char label[32];
	uint8_t *der; /* malloc()ed */
	size_t size;
};

/* The next block of *in, which then starts after it. 1, 0 at the end (NUL bytes there are accepted: Intel's quotes have them), -EBADMSG,
 * -ENOMEM. */
int pem_next(struct span *in, struct pem_block *ret_block);
/* Moves *in over lines of text before a block (RFC 7468 section 2), for files that people keep, never for evidence. A line with "-----" that
 * begins no block is -EBADMSG. */
int pem_skip_text(struct span *in);
bool pem_detect(struct span in);
/* Base64 (RFC 4648 section 4) in lines of any length, padded, canonical. malloc()ed. 0, -EBADMSG, -ENOMEM. */
int base64_lines(struct span in, uint8_t **ret_bytes, size_t *ret_size);
