/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of a platform, parsed once: chain, PCK extension, PCK key and the last attestation key. Quotes of a platform repeat
 * them byte for byte, and reading three certificates takes longer than the signatures; so the last few are kept, found by
 * their exact bytes. Nothing that was *verified* is kept here: signatures, dates and revocation are looked at for every quote.
 *
 * The memory hangs on a QE identity of the collateral, which lives as long as the verifier's bag.
 */
#pragma once

#include "attest/dcap/pck.h"
#include "attest/dcap/quote.h"
#include "attest/x509/x509.h"

struct platform {
	uint8_t *source; /* certification data, for finding it again */
	size_t source_size;
	enum quote_certification type;
	struct x509_list chain; /* leaf first */
	struct pck pck;
	EVP_PKEY *key; /* of the leaf: P-256, else NULL; belongs to the leaf */
	uint8_t attestation_xy[64];
	EVP_PKEY *attestation_key; /* NULL: none, or not on the curve */
	bool attestation_read;
};

#define PLATFORMS_KEPT 8
struct platform_memory {
	struct platform platforms[PLATFORMS_KEPT];
	size_t next;
};
struct platform_memory *platform_memory_new(void);
void platform_memory_free(void *memory);
void platform_done(struct platform *p);

/* The platform of the quote's certification data of type 4 or 5: of memory, or read into it, or (memory NULL or full of larger things)
 * into *local, which the caller is done with by platform_done(). Certificates that the bag (may be NULL) has are taken from there. 0, or -EBADMSG, -ENOMEM with a message. */
int platform_get(struct platform_memory *memory, const struct collateral *bag,
		 struct platform *local, const struct quote *q, struct platform **ret_platform,
		 struct cattest_error *err);
/* From certificates: takes references. */
int platform_from_certificates(struct platform *p, const struct x509_list *certificates,
			       struct cattest_error *err);
EVP_PKEY *platform_attestation_key(struct platform *p, struct span xy);
/* The certificate's P-256 key, NULL if it is of another kind. */
EVP_PKEY *platform_p256_key(const X509 *cert);
