/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What verification needs beside the evidence: a bag of certificates, revocation lists and Intel's signed JSON objects, filled
 * from files or by the fetcher, searched by what the evidence asks for. Adding checks the form only; signatures and dates are the
 * verifier's business, at each use. Bounded: 4,096 items, 64 MiB.
 */
#pragma once

#include "attest/x509/x509.h"

struct collateral;
struct collateral *collateral_new(void);
void collateral_free(struct collateral *c);
/* Recognizes the form (see cattest_add_collateral). 0, or -EBADMSG and a message that names origin. */
int collateral_add(struct collateral *c, const char *origin, struct span data,
		   struct cattest_error *err);
/* As collateral_add for one PCS answer, with the URL-encoded PEM chain of its header. */
int collateral_add_answer(struct collateral *c, const char *origin, struct span body,
			  const char *issuer_chain, struct cattest_error *err);

/*
 * Collateral that comes with one peer's evidence is a guest: it must not stay, fill the bag, or change what the bag has. begin, add, added;
 * after the verification, remove. What is fetched meanwhile stays. guests.c
 */
struct collateral_guests {
	size_t certs[2], crls[2], jsons[2], bytes; /* [first, end) */
};
void collateral_guests_begin(struct collateral *c, struct collateral_guests *g);
void collateral_guests_added(struct collateral *c, struct collateral_guests *g);
void collateral_guests_remove(struct collateral *c, const struct collateral_guests *g);

/* Intel's signed JSON: {"tcbInfo": {...}, "signature": "..."} and {"enclaveIdentity": ...}. The signature covers the exact bytes. */
enum intel_json_kind { INTEL_TCB_INFO, INTEL_QE_IDENTITY, INTEL_TCB_EVALUATION_NUMBERS };

struct intel_json {
	enum intel_json_kind kind;
	const char *origin;
	struct span body;	/* the inner object's exact bytes */
	uint8_t signature[64];	/* r || s */
	struct x509_list chain; /* may be empty: then a TCB signing certificate of the bag is used */
	/* Fields that selection needs, read from the body. */
	char id[16]; /* "SGX", "TDX", "QE", "TD_QE", "QVE"; v2 TCB infos: "SGX" */
	uint32_t version;
	uint8_t fmspc[6]; /* TCB infos */
	uint32_t evaluation_number;
	int64_t issue_date, next_update;
	/* Kept by the DCAP code between verifications: the parsed form, and what was found of the signature. */
	void *parsed;
	void (*parsed_free)(void *parsed);
	int signature_state; /* 0 not looked at, 1 good, -1 bad */
};
/* Of those that fit: valid at `now` before not valid; then the higher evaluation number; then the later issue date. NULL: none. fmspc is
 * ignored for identities. */
struct intel_json *collateral_find_json(struct collateral *c, enum intel_json_kind kind,
					const char *id, const uint8_t fmspc[6], int64_t now);

/* The newest CRL (by this update) of an issuer with that name and key, NULL if there is none. */
X509_CRL *collateral_find_crl(struct collateral *c, const X509 *issuer);
/* As above with its facts, for a time: one that includes `now` before others. */
struct known_crl *collateral_find_known_crl(struct collateral *c, const X509 *issuer, int64_t now);
/* The bag's certificate with this SHA-256 of its DER, NULL if there is none; belongs to the bag. What was read once need not be read again. */
X509 *collateral_certificate_read(const struct collateral *c, const uint8_t der_sha256[32]);
/* The certificates in the bag one by one, for searches: NULL at the end. Belong to the bag. */
X509 *collateral_certificate(struct collateral *c, size_t index);

/*
 * Gets what is missing through the verifier's fetcher, if it has one, and adds it to the bag. true: something was added. What was asked for once in
 * a verifier's life is not asked again. *ret_why (static or the bag's) says why not, for check_missing().
 */
bool collateral_fetch(struct appraisal *a, const char *url, const char **ret_why);
/* URLs of collateral at Intel and AMD, into a buffer; they are keys of the cache too. A fetcher that asks a PCCS or a mirror of the KDS
 * rewrites them (http.c). ca: "processor" or "platform"; query: without its '?', or NULL. A URL that does not fit is empty. */
void url_tcb_info(struct appraisal *a, bool tdx, const uint8_t fmspc[6], char *ret_url,
		  size_t room);
void url_qe_identity(struct appraisal *a, bool tdx, char *ret_url, size_t room);
void url_pck_crl(struct appraisal *a, const char *ca /* "processor", "platform" */, char *ret_url,
		 size_t room);
void url_root_crl(struct appraisal *a, char *ret_url, size_t room);
void url_vek(struct appraisal *a, bool vlek, const char *product, struct span hwid,
	     const char *query, char *ret_url, size_t room);
void url_amd_chain(struct appraisal *a, bool vlek, const char *product, char *ret_url, size_t room);
void url_amd_crl(struct appraisal *a, bool vlek, const char *product, char *ret_url, size_t room);
