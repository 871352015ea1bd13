/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result of one verification. All that it holds lives in its arena, so that it outlives the verifier, the policy and the
 * evidence. Filled through the claim_ and check_ functions only; read by attest/result/.
 */
#pragma once

#include "attest/core/appraisal.h"

#define RESULT_MAX_CLAIMS 1024
#define RESULT_MAX_CHECKS 1024
#define RESULT_MAX_BYTES (4u << 20) /* text and bytes of claims and checks together */
#define RESULT_MAX_STRINGS 65536    /* in one list */
#define RESULT_MAX_UNIQUE 4096 /* in one list that claim_add_once fills: it is searched each time */
/* Evidence up to this size is kept for ear.raw-evidence. */
#define RESULT_MAX_RAW (1u << 20)

struct arena_block;

struct cattest_result {
	struct arena_block *arena;
	size_t used; /* of RESULT_MAX_BYTES */
	/* Remembered until the end: the verification is an error then. */
	bool out_of_memory, overflow;
	const char *bad_name; /* a family claim whose name is not valid */

	struct cattest_claim *claims;
	size_t claim_count, claim_room;
	struct cattest_check *checks;
	size_t check_count, check_room;

	enum cattest_verdict verdict;
	const char *type;   /* static */
	bool judged;	    /* made by cattest_verify, not by cattest_decode */
	int64_t now;	    /* the time it was judged at */
	int64_t clock;	    /* the verifier's time, which evidence does not move */
	const char *policy; /* name, or NULL */
	uint8_t policy_digest[32];
	uint8_t *raw; /* the evidence as it came, NULL if too large */
	size_t raw_size;
};

struct cattest_result *result_new(void);
/* Memory of the result's arena, counted against its bound; NULL is remembered in it. */
void *result_alloc(struct cattest_result *r, size_t size);
const char *result_copy_text(struct cattest_result *r, const char *text, size_t len);
/* Whether a check or claim could not be stored: 0, or an error with its message. */
int result_state(const struct cattest_result *r, struct cattest_error *err);
bool result_has(const struct cattest_result *r, enum cattest_outcome outcome);

/* The entry of claims.def that this name belongs to, NULL if there is none. */
const struct cattest_claim_name *claim_definition(const char *name, size_t len);
