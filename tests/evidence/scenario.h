/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One verification of a real sample, as verdicts.txt states it: which evidence, with what, when, and what comes out. Shared by the tests that go
 * over the whole evidence folder.
 */
#pragma once

#include "include/cloister/attest.h"

#include <stdbool.h>
#include <stdio.h>

struct bytes {
	uint8_t *data;
	size_t size;
};

#define SCENARIO_WORDS 24

struct scenario {
	char line[1024]; /* cut into words */
	int number;
	const char *path;    /* of the evidence, in the folder */
	const char *verdict; /* trusted, undecided, refused, error */
	/* The rest, NULL if not there. */
	const char *type, *at, *root, *log, *with, *data;
	const char *claims[SCENARIO_WORDS]; /* name=value, as text */
	size_t claim_count;
	bool evidence_time;
};

/* The folder of the samples: EVIDENCE, or ../shared/evidence. NULL: not there, and the reason is printed. */
const char *evidence_folder(void);
/* data NULL: cannot be read. One byte more than the size is there, and zero. */
struct bytes evidence_read(const char *path);

/* Cuts a line of words; false (and a message): malformed. */
bool scenario_parse(struct scenario *s, const char *line, int number);
/* What this scenario's verifier trusts, knows and takes for the time. NULL and a message if something cannot be read. It refers to a policy that
 * accepts every genuine evidence that is in date. */
struct cattest_verifier *scenario_verifier(const struct scenario *s);
/* "trusted", ..., "error". The result (NULL if error) is the caller's. */
const char *scenario_verify(struct cattest_verifier *v, const struct scenario *s, const void *data,
			    size_t size, struct cattest_result **ret_result,
			    struct cattest_error *err);
/* A claim as text, for comparing: hex, decimal, true, time. Lists are joined with commas. */
void claim_text_of(const struct cattest_claim *claim, char *text, size_t room);
/* The first failure, else the first missing thing; "" if there is none. */
void first_fault(const struct cattest_result *r, char *text, size_t room);
void scenario_done(void);
