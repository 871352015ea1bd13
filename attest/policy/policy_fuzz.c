/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy of any bytes, up to the first 0xff; what follows states claims, two bytes each: which one, and its value. A policy that
 * is accepted must explain itself and judge any claims; and a rule that passed must still pass when more is stated: what is
 * absent must not have helped it.
 */
#include "attest/core/result.h"
#include "attest/policy/language.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000
#define STATED_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void state(struct appraisal *a, const struct cattest_claim_name *known, uint8_t value)
{
	const char *const *strings = policy_claim_strings(known->name);
	char name[96];
	uint8_t bytes[64];
	size_t len = strlen(known->name), size = 1, words = 0;

	/* Of a family, its first member. */
	snprintf(name, sizeof(name), "%s", known->name);
	if (name[len - 1] == '*')
		name[len - 1] = '0';
	memset(bytes, value, sizeof(bytes));
	while (size < sizeof(bytes) && !policy_size_fits(name, size))
		size++;
	switch (known->type) {
	case CATTEST_BYTES:
		claim_bytes(a, name, SPAN(bytes, size));
		break;
	case CATTEST_UINT:
		claim_uint(a, name, value);
		break;
	case CATTEST_BOOL:
		claim_bool(a, name, value & 1);
		break;
	case CATTEST_TIME:
		claim_time(a, name, NOW - 60 * (int64_t)value);
		break;
	case CATTEST_STRING:
		while (strings && strings[words])
			words++;
		claim_string(a, name, strings ? strings[value % words] : "a");
		break;
	case CATTEST_STRINGS:
		claim_add_once(a, name, "a");
		break;
	}
}

/* Judges the first `count` of the claims stated; outcomes by the place of the rule in `require`. */
static void judge(const struct cattest_policy *policy, const uint8_t *stated, size_t count,
		  bool bound, uint8_t *ret_outcomes)
{
	static const uint8_t nothing[64];
	const struct cattest_expect expect = { .report_data = bound ? nothing : NULL,
					       .report_data_size = bound ? 64 : 0 };
	struct cattest_error err = { "" };
	struct appraisal a = { .result = result_new(), .err = &err, .expect = &expect, .now = NOW };
	uint8_t seen[256] = { 0 };
	size_t names_count;
	const struct cattest_claim_name *names = cattest_claim_names(&names_count);

	if (!a.result)
		return;
	for (size_t i = 0; i < count; i++) {
		uint8_t which = stated[2 * i];

		if (which < names_count && !seen[which])
			state(&a, &names[which], stated[2 * i + 1]);
		seen[which] = 1;
	}
	/* Where the TCB was judged, advisories that are not stated are none: its only claim that is not just absent. */
	if (policy_claim_lookup("tcb.advisories") && !claim_find(&a, "tcb.advisories"))
		claim_add_once(&a, "tcb.advisories", "a");
	policy_evaluate(&a, policy);
	for (size_t i = 0; i < policy->require_count; i++) {
		ret_outcomes[i] = 0;
		for (size_t k = 0; k < cattest_result_checks(a.result); k++) {
			const struct cattest_check *check = cattest_result_check(a.result, k);

			if (!strcmp(check->step, policy->require[i]->step))
				ret_outcomes[i] = (uint8_t)check->outcome;
		}
	}
	cattest_result_free(a.result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t before[POLICY_TOP_MAX], after[POLICY_TOP_MAX];
	const uint8_t *end = memchr(data, 0xff, size);
	size_t text_size = end ? (size_t)(end - data) : size,
	       count = end ? (size - text_size - 1) / 2 : 0;
	struct cattest_policy *policy = NULL;
	struct cattest_error err;
	char *words = NULL;

	if (cattest_policy_parse("p", text_size ? (const void *)data : "", text_size, &policy,
				 &err) < 0) {
		if (!*err.text || strchr(err.text, '\n'))
			abort();
		return 0;
	}
	if (cattest_policy_explain(policy, &words, &err) < 0)
		abort();
	free(words);
	count = count < STATED_MAX ? count : STATED_MAX;
	judge(policy, end ? end + 1 : data, count / 2, size & 1, before);
	judge(policy, end ? end + 1 : data, count, size & 1, after);
	for (size_t i = 0; i < policy->require_count; i++)
		/* 0: the evidence's type, stated later, made the rule another type's. */
		if (before[i] == CATTEST_PASS && after[i] && after[i] != CATTEST_PASS)
			abort();
	cattest_policy_free(policy);
	return 0;
}
