/* SPDX-License-Identifier: Apache-2.0 */
/* A path judged outside of a verification, for the tests of this folder: a verifier, an appraisal around it, and the checks that came out. */
#pragma once

#include "attest/core/result.h"
#include "attest/x509/x509.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned failures;
#define EXPECT(cond, ...)                                                 \
	do {                                                              \
		if (!(cond)) {                                            \
			failures++;                                       \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			printf(__VA_ARGS__);                              \
			printf("\n");                                     \
		}                                                         \
	} while (0)

struct judgement {
	struct path_result path;
	/* The worst outcome of each step, 0 if it was not there, and what was found. */
	enum cattest_outcome chain, root, dates, crl;
	char found[512]; /* of the first failure, or missing thing */
};

static enum cattest_outcome worse(enum cattest_outcome a, enum cattest_outcome b)
{
	static const int rank[] = { 0, 2, 4, 3, 1 };

	return rank[a] > rank[b] ? a : b;
}

static inline struct judgement judge(struct cattest_verifier *v, const struct path_request *request,
				     int64_t now)
{
	static const struct cattest_expect expect;
	struct cattest_error err;
	struct appraisal a = {
		.verifier = v, .result = result_new(), .err = &err, .expect = &expect, .now = now
	};
	struct judgement j = { .chain = 0 };

	path_verify(&a, request, &j.path);
	for (size_t i = 0; i < cattest_result_checks(a.result); i++) {
		const struct cattest_check *c = cattest_result_check(a.result, i);
		const char *what = strrchr(c->step, '.');

		if ((c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING) && !j.found[0])
			snprintf(j.found, sizeof(j.found), "%s: %s", c->step, c->found);
		if (!strcmp(what, ".chain"))
			j.chain = worse(j.chain, c->outcome);
		else if (!strcmp(what, ".root"))
			j.root = worse(j.root, c->outcome);
		else if (!strcmp(what, ".dates"))
			j.dates = worse(j.dates, c->outcome);
		else if (!strcmp(what, ".crl"))
			j.crl = worse(j.crl, c->outcome);
	}
	EXPECT(j.path.ok == (j.chain == CATTEST_PASS && j.root == CATTEST_PASS &&
			     j.dates == CATTEST_PASS && j.crl != CATTEST_FAIL &&
			     j.crl != CATTEST_MISSING),
	       "ok and the checks differ: %s", j.found);
	cattest_result_free(a.result);
	return j;
}
