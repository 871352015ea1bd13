/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and revocation lists on OpenSSL, with what all evidence types need: strict reading, paths that end in a root
 * pinned by key, judged at an injected time, and a cache of paths already verified (a verification's cost is mostly chains).
 */
#pragma once

#include "attest/core/appraisal.h"

#define X509_LIST_MAX 16

/* Certificates in the order they came; done() frees them. */
struct x509_list {
	X509 *items[X509_LIST_MAX];
	size_t count;
};
void x509_list_done(struct x509_list *list);
void x509_list_done_cleanup(struct x509_list *list);

/* One DER certificate, no byte left over. NULL: malformed. */
X509 *x509_from_der(struct span der);
/*
 * The same, without reading what the bag has read already: chains repeat the same few certificates, and reading one costs as much as
 * verifying a signature. A reference of the caller's. bag may be NULL.
 */
X509 *x509_from_bag(const struct collateral *bag, struct span der);
/* One or more PEM certificates, as quotes and PCS carry them: NUL at the end, missing last newline, CRLF are accepted; other text between
 * them is not. 0, -EBADMSG, -E2BIG (more than X509_LIST_MAX). Adds to the list. */
int x509_list_from_pem(struct span pem, struct x509_list *list);
/* DER (one, or several one after the other) or PEM. */
int x509_list_from(struct span data, struct x509_list *list);
int x509_list_from_bag(const struct collateral *bag, struct span data, struct x509_list *list);
X509_CRL *x509_crl_from(struct span data); /* DER or PEM */
/* As x509_list_from, remembering in the verifier what was read: the same chain comes with every quote of a platform. */
int x509_list_read(struct appraisal *a, struct span data, struct x509_list *list);

/* DER SubjectPublicKeyInfo, in the certificate's memory. */
struct span x509_spki(const X509 *cert);
void x509_spki_sha256(const X509 *cert, uint8_t ret_digest[32]);
struct span x509_serial(const X509 *cert);
/* The common name of the subject or issuer as text; "" if there is none or it holds NUL bytes. */
void x509_subject_cn(const X509 *cert, char *ret_text, size_t room);
void x509_issuer_cn(const X509 *cert, char *ret_text, size_t room);
/* Seconds since 1970. */
int64_t x509_not_before(const X509 *cert);
int64_t x509_not_after(const X509 *cert);
/* The content of the extension with this dotted OID; size 0 and data NULL if it is not there. Twice there: the same as malformed (*ret_twice). */
struct span x509_extension(const X509 *cert, const char *oid, bool *ret_twice);

/*
 * A path: certificates[0] the leaf, the others in any order and possibly with ones that do not belong to it; a root is looked for
 * among them, the collateral and the verifier's added roots. Checked: names and signatures link up, every issuer is a CA that
 * may sign certificates with path length kept, no unknown critical extension, the last one's key is a root of `root`, all
 * dates include a->now, and with CRLs: each non-root certificate has a CRL of its issuer, signed by it, that includes a->now, and is
 * not on it. Signature algorithms: ECDSA with SHA-256/384/512 on P-256/P-384/P-521, RSA (>= 2048) PKCS#1 and PSS with SHA-256/384/512.
 */
enum path_crl {
	CRL_NONE,     /* the specification has none (Nitro) */
	CRL_IF_THERE, /* used if collateral has one */
	CRL_REQUIRED, /* its absence is MISSING */
};

struct path_request {
	const char *step; /* prefix of the checks: step.chain, step.root, step.dates, step.crl */
	enum cattest_root root;
	enum path_crl crl;
	const struct x509_list *certificates;
	/* Certificates of evidence that do not belong are an error: each must be in the path or signed by a key of it. true: they
	 * are ignored, for lists that somebody collected. */
	bool allow_unrelated;
	/* CRLs' distribution when a fetcher is set: URL for the CRL of the certificate at that place of the path (0 leaf, 1 its issuer),
	 * or NULL. */
	const char *crl_url[3];
};

struct path_result {
	bool ok;			 /* every check passed: nothing failed, nothing missing */
	bool signatures_ok;		 /* up to a pinned root */
	bool custom_root;		 /* also claimed as root = "custom" */
	size_t length;			 /* certificates from leaf to root; 0: no path */
	int64_t valid_from, valid_until; /* the window in which all dates, CRLs included, hold */
	bool dates_ok;
	int64_t lists_issued; /* thisUpdate of the oldest CRL that was looked at; INT64_MAX: none was */
};
/* Adds the checks. */
void path_verify(struct appraisal *a, const struct path_request *request,
		 struct path_result *ret_path);

/* A revocation list with what every use of it needs. */
struct known_crl {
	X509_CRL *crl;
	uint8_t der_sha256[32];
	int64_t this_update, next_update;
	const char *fault; /* NULL: may be used; else why not (static) */
	/* Key (SHA-256 of its SubjectPublicKeyInfo) that the signature was last tried with, and what came of it. */
	uint8_t tried[32];
	bool was_tried, good;
};
/* Takes no reference. false: out of memory. */
bool known_crl_init(struct known_crl *known, X509_CRL *crl);
/* Whether it is named for and signed by this issuer. */
bool known_crl_is_of(struct known_crl *known, const X509 *issuer);

struct path_cache *path_cache_new(void);
void path_cache_free(struct path_cache *cache);
