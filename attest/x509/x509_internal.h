/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: facts of a certificate, computed once and kept with the X509 object, and the memory of
 * signatures that were verified. */
#pragma once

#include "attest/x509/x509.h"

struct x509_facts {
	uint8_t der_sha256[32], spki_sha256[32];
	uint8_t *spki;
	size_t spki_size;
	int64_t not_before, not_after;
	bool dates_readable;
	/* NULL if it is well formed for use in a path, else what is wrong: computed once. */
	const char *leaf_fault, *issuer_fault;
	bool crl_sign; /* keyUsage allows to sign revocation lists, or is absent */
	long path_len; /* -1: not limited */
};
/* NULL: out of memory or a key that cannot be encoded. */
const struct x509_facts *x509_facts(const X509 *cert);

/* Seconds since 1970 of a well-formed ASN.1 time, or false. */
bool asn1_seconds(const ASN1_TIME *t, int64_t *ret_seconds);
/* NULL if this signature algorithm with this key is one that is accepted, else why not. */
const char *algorithm_fault(const X509_ALGOR *algorithm, const X509 *issuer);
/* Whether issuer's key signed cert; remembered in the cache (NULL: not remembered). */
bool link_verifies(struct path_cache *cache, X509 *cert, X509 *issuer);
/* Built-in roots as certificates: index 0.. until NULL. Belongs to the cache. */
X509 *built_in_root(struct path_cache *cache, enum cattest_root kind, size_t index);

struct root_der {
	enum cattest_root kind;
	struct span der;
};
extern const struct root_der root_ders[];
extern const size_t root_der_count;
