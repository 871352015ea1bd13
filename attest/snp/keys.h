/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which endorsement key's certificate a report is to be judged with, and the certificates above it.
 */
#pragma once

#include "attest/snp/snp.h"

struct snp_keys {
	X509 *vek;	       /* NULL: none was found */
	struct snp_vek parsed; /* valid if readable */
	bool readable;
	struct cattest_error why; /* not readable: what is wrong with it */
	const char *origin;	  /* "evidence", "collateral" */
	struct x509_list chain;	  /* the VEK first, then all that may belong above it */
	/*
	 * vek NULL: the report verifies once its SIGNING_KEY names the other kind of key, so that
	 * field was changed after it was signed.
	 */
	bool altered;
	char missing[256]; /* vek NULL and not altered: what is missing */
};
/*
 * 0 also if nothing was found. -EBADMSG: a certificate that came with the evidence cannot be read.
 */
int snp_keys_find(struct appraisal *a, const struct snp_report *report,
		  const struct snp_table *table, struct snp_keys *ret_keys);
void snp_keys_done(struct snp_keys *keys);
/* The certificate's issuer: "SEV-Milan", "SEV-VLEK-Milan" (AMD 57230, chapter 3). */
void snp_issuer_name(enum snp_signing_key kind, enum snp_product product, char ret_name[32]);
/* Whether a CRL of the product's root is there to look at. */
bool snp_keys_revocation(struct appraisal *a, const struct snp_keys *keys);
