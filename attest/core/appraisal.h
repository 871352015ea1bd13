/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One verification in progress, as the evidence types see it: what came in, what the verifier trusts, and the result being
 * built. Claims and checks may be added without looking at failures: running out of memory or of room is remembered, and
 * then the verification ends as an error. Both are bounded (1,024 claims, 1,024 checks, 4 MiB of text and bytes).
 *
 * A type's appraise function: parse the whole evidence first (malformed: -EBADMSG and fail()), state the claims, return 0 if
 * decode_only; then the verification steps in the order of the specification, each one a check. A step that cannot be done for want of
 * something is check_missing(), and the steps that do not need it go on. A failed step does not end the run where later steps still make
 * sense: people want the whole table. Nothing that the evidence says about itself may skip a step.
 */
#pragma once

#include "attest/core/span.h"
#include "include/cloister/attest.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

struct collateral;
struct path_cache;

struct appraisal {
	struct cattest_verifier *verifier; /* NULL when only decoding */
	struct cattest_result *result;
	struct cattest_error *err;
	struct span evidence;
	const struct cattest_expect *expect; /* never NULL */
	bool decode_only;
	unsigned depth; /* of evidence in evidence; at most 4 */
	int64_t now;	/* the time to judge at */
};

struct evidence_type {
	const char *name, *meaning;
	/* Whether the bytes look like this type: cheap, on hostile bytes. The first type in the list wins. */
	bool (*detect)(struct span in);
	int (*appraise)(struct appraisal *a, struct span in);
	bool decode_only; /* never evidence by itself: SIGSTRUCT, TCB info... */
};
/* All types, NULL-ended (core/types.c). */
extern const struct evidence_type *const evidence_types[];

/* Another evidence inside this one (Azure's SNP report, an RA-TLS certificate's quote): same result, same claims. */
int appraise_inner(struct appraisal *a, const struct evidence_type *type, struct span in);

/* Sets *err (if not NULL) and returns code. */
int fail(struct cattest_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- Claims. Names are those of core/claims.def (asserted); bytes are copied. A second claim of a name is dropped and the verification fails. --- */
void claim_bytes(struct appraisal *a, const char *name, struct span value);
void claim_uint(struct appraisal *a, const char *name, uint64_t value);
void claim_bool(struct appraisal *a, const char *name, bool value);
void claim_time(struct appraisal *a, const char *name, int64_t unix_seconds);
/* Text of outside: bytes that are not printable ASCII or valid UTF-8 are shown as \xNN. */
void claim_string(struct appraisal *a, const char *name, const char *value);
void claim_text(struct appraisal *a, const char *name, struct span value);
/* Adds one string to the list `name`, made by the first call. */
void claim_add(struct appraisal *a, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void claim_add_once(struct appraisal *a, const char *name,
		    const char *value); /* not if it is already there */
const struct cattest_claim *claim_find(const struct appraisal *a, const char *name);

/* --- Checks: step is a string literal or lives as long as the result. Text of outside must have been made printable. --- */
void check_pass(struct appraisal *a, const char *step, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_fail(struct appraisal *a, const char *step, const char *expected, const char *format,
		...) __attribute__((format(printf, 4, 5)));
void check_missing(struct appraisal *a, const char *step, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_note(struct appraisal *a, const char *step, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* PASS or FAIL by ok; returns ok. */
bool check_that(struct appraisal *a, bool ok, const char *step, const char *expected,
		const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Equal bytes, shown as hex. */
bool check_equal(struct appraisal *a, const char *step, struct span expected, struct span found);
/* The binding to the caller: claims report_data, and checks it against expect if that is given (step "report_data"). */
void check_report_data(struct appraisal *a, struct span report_data);

/* --- What the verifier trusts and knows --- */
struct collateral *verifier_collateral(struct cattest_verifier *v);
struct path_cache *verifier_path_cache(struct cattest_verifier *v);
const struct cattest_fetcher *verifier_fetcher(const struct cattest_verifier *v); /* NULL: none */
const struct cattest_policy *verifier_policy(const struct cattest_verifier *v);	  /* NULL: none */
/* "As of the evidence": a type whose evidence carries its own signed time sets a->now to it, once it is parsed, if this is on. */
bool verifier_evidence_time(const struct cattest_verifier *v);
/* Whether key (DER SubjectPublicKeyInfo) is a root of that kind: 0 no, 1 built in, 2 added by the caller. */
int verifier_root(const struct cattest_verifier *v, enum cattest_root kind, struct span spki);
/* Added roots of a kind as certificates, for building paths: index 0.. until NULL; belongs to the verifier. */
X509 *verifier_root_certificate(const struct cattest_verifier *v, enum cattest_root kind,
				size_t index);
EVP_PKEY *verifier_root_key(const struct cattest_verifier *v, enum cattest_root kind, size_t index);
/* Whether this attestation key was given as the record of an enrolment: bound to an endorsement key. */
bool verifier_ak_enrolled(const struct cattest_verifier *v, struct span spki);
/* cattest_set_evidence_time(): types whose evidence has a signed time set a->now to it. */
bool verifier_evidence_time(const struct cattest_verifier *v);

/* --- Small pieces several types share (core/text.c, core/digest.c) --- */
/* Lowercase hex of s, cut with "..." to fit the buffer; returns buffer. */
char *hex_text(struct span s, char *buffer, size_t room);
/* Hex of exactly `size` bytes, any case: 0 or -EBADMSG. */
int hex_parse(const char *text, size_t text_len, uint8_t *ret_bytes, size_t size);
/* Printable form of bytes of outside; returns buffer. */
char *safe_text(struct span s, char *buffer, size_t room);
/* "2025-06-19T10:56:42Z" */
char *time_text(int64_t unix_seconds, char buffer[32]);
/* RFC 3339 UTC ("...Z") only; 0 or -EBADMSG. */
int time_parse(const char *text, int64_t *ret_unix_seconds);
/* Constant time. */
bool bytes_equal(const void *a, const void *b, size_t size);
/* name: "SHA256", "SHA384", "SHA1", "SHA512". 0 or -ENOMEM/-ENOTSUP. */
int digest(const char *name, const struct span *parts, size_t part_count, uint8_t *ret_digest,
	   size_t *ret_size);
/* ECDSA over message with raw r || s (big endian, each `half` bytes): true if it verifies. */
bool ecdsa_verify(EVP_PKEY *key, const char *digest_name, struct span message,
		  struct span raw_signature);
/* P-256, P-384 or P-521 key from x || y (big endian); NULL if it is no point of the curve. */
EVP_PKEY *ec_key(const char *group, struct span xy);
