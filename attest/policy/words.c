/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules in words: for the column "expected" of every check (made once, when the policy is read)
 * and for `policy explain`, which is to be read by somebody who has to sign off what will be
 * trusted.
 */
#include "attest/policy/language.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A duration with the largest unit that divides it. */
static void duration_print(FILE *out, uint64_t seconds)
{
	static const struct {
		uint32_t seconds;
		const char *name;
	} units[] = { { 604800, "week" },
		      { 86400, "day" },
		      { 3600, "hour" },
		      { 60, "minute" },
		      { 1, "second" } };
	size_t i = 0;

	while (seconds % units[i].seconds)
		i++;
	fprintf(out, "%" PRIu64 " %s%s", seconds / units[i].seconds, units[i].name,
		seconds / units[i].seconds == 1 ? "" : "s");
}

static void values_print(FILE *out, const struct policy_rule *rule, size_t most)
{
	char text[192];

	for (size_t i = 0; i < rule->value_count && i < most; i++)
		fprintf(out, "%s%s", i ? ", " : "",
			policy_value_text(&rule->values[i], text, sizeof(text)));
	if (rule->value_count > most)
		fprintf(out, " and %zu more", rule->value_count - most);
}

static void leaf_print(FILE *out, const struct policy_rule *rule, size_t most)
{
	char text[192];

	fprintf(out, "%s ", rule->claim);
	switch (rule->op) {
	case OP_EQUALS:
		fputs("is ", out);
		break;
	case OP_IN:
		fputs(rule->value_count > 1 ? "is one of " : "is ", out);
		break;
	case OP_PREFIX:
		fputs("starts with ", out);
		break;
	case OP_MASK:
		fprintf(out, "under the mask %s ",
			policy_value_text(&rule->values[0], text, sizeof(text)));
		fprintf(out, "is %s", policy_value_text(&rule->values[1], text, sizeof(text)));
		return;
	case OP_AT_LEAST:
		fputs(rule->type == CATTEST_TIME ? "is not before " : "is at least ", out);
		break;
	case OP_AT_MOST:
		fputs(rule->type == CATTEST_TIME ? "is not after " : "is at most ", out);
		break;
	case OP_NOT_OLDER_THAN:
		fputs("is not older than ", out);
		duration_print(out, rule->values[0].number);
		return;
	case OP_CONTAINS:
		fputs("contains ", out);
		break;
	case OP_SUBSET_OF:
		fputs(rule->value_count ? "holds nothing else than " : "is empty", out);
		break;
	case OP_EXISTS:
		fputs("is stated", out);
		break;
	}
	values_print(out, rule, most);
}

void policy_rule_print(FILE *out, const struct policy_rule *rule, size_t most)
{
	switch (rule->kind) {
	case RULE_CLAIM:
		leaf_print(out, rule, most);
		return;
	case RULE_NOT:
		fputs("not (", out);
		policy_rule_print(out, rule->rules[0], most);
		fputs(")", out);
		return;
	case RULE_REFERENCE:
		fputs(rule->reference_count > 1 ? "matches one of the references "
						: "matches the reference ",
		      out);
		for (size_t i = 0; i < rule->reference_count; i++)
			fprintf(out, "%s%s", i ? ", " : "", rule->references[i]->name);
		return;
	case RULE_ALL:
	case RULE_ANY:
		break;
	}
	for (size_t i = 0; i < rule->rule_count; i++) {
		bool compound = rule->rules[i]->kind == RULE_ALL ||
				rule->rules[i]->kind == RULE_ANY;

		fputs(!i ? "" : rule->kind == RULE_ALL ? " and " : " or ", out);
		fputs(compound ? "(" : "", out);
		policy_rule_print(out, rule->rules[i], most);
		fputs(compound ? ")" : "", out);
	}
}

/* Longer texts are cut: this is a column of a table. */
#define EXPECTED_MAX 480u

int policy_words(struct cattest_policy *policy)
{
	for (size_t i = 0; i < policy->require_count; i++) {
		char *text = NULL, *copy;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);

		if (!out)
			return -ENOMEM;
		policy_rule_print(out, policy->require[i], 8);
		if (fclose(out) || !text) {
			free(text);
			return -ENOMEM;
		}
		if (size > EXPECTED_MAX) {
			memcpy(text + EXPECTED_MAX - 3, "...", 4);
			size = EXPECTED_MAX;
		}
		copy = policy_copy(&policy->arena, text, size);
		free(text);
		if (!copy)
			return -ENOMEM;
		policy->require[i]->expected = copy;
	}
	return 0;
}
