/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this folder share. */
#pragma once

#include "attest/core/result.h"
#include "attest/tpm/eventlog.h"
#include "attest/tpm/tpm.h"

#include <stdio.h>
#include <stdlib.h>

static int failed;

#define EXPECT(c, name)                                                                  \
	do {                                                                             \
		if (!(c)) {                                                              \
			printf("%s:%d: %s: not so: %s\n", __FILE__, __LINE__, name, #c); \
			failed = 1;                                                      \
		}                                                                        \
	} while (0)

/* The first check that failed or is missing ("?step"), but for the policy's; "" if none did. */
static inline const char *first_problem(const struct cattest_result *r)
{
	static char text[700];

	text[0] = '\0';
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if ((c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING) &&
		    strcmp(c->step, "policy") && !text[0])
			snprintf(text, sizeof(text), "%s%s: %s",
				 c->outcome == CATTEST_MISSING ? "?" : "", c->step, c->found);
	}
	return text;
}

static inline bool begins(const char *text, const char *with)
{
	return with[0] ? !strncmp(text, with, strlen(with)) : !text[0];
}

static inline bool has_string(const struct cattest_result *r, const char *name, const char *value)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	for (size_t i = 0; c && c->type == CATTEST_STRINGS && i < c->size; i++)
		if (!strcmp(c->strings[i], value))
			return true;
	return c && c->type == CATTEST_STRING && !strcmp(c->string, value);
}

static inline size_t string_count(const struct cattest_result *r, const char *name)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	return c ? c->size : 0;
}

static inline bool has_hex(const struct cattest_result *r, const char *name, const char *hex)
{
	const struct cattest_claim *c = cattest_result_find(r, name);
	char text[200];

	return c && !strcmp(hex_text(SPAN(c->bytes, c->size), text, sizeof(text)), hex);
}
