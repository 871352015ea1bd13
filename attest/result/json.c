/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result for machines. One object, members in this order; new members may be added, these do not change:
 *
 *	format    1
 *	verdict   "trusted", "refused", "undecided"; "none" if only decoded
 *	type      type of the evidence
 *	reason    only if not trusted: the checks that made the verdict, in words
 *	judged_at RFC 3339, and
 *	policy    { "name", "sha256" } (null without a policy): only if judged
 *	claims    { NAME: VALUE }: bytes as lower-case hex, numbers as integers up to 2^64 - 1, times RFC 3339, lists of strings
 *	checks    [ { "step", "outcome": "pass" | "fail" | "missing" | "note", "expected", "found" } ], in the order they were made
 */
#include "attest/result/writer.h"

#include <stdlib.h>

static const char *outcome_name(enum cattest_outcome outcome)
{
	static const char *const names[] = { "", "pass", "fail", "missing", "note" };

	return names[outcome];
}

static void json_judged(struct writer *w, const struct cattest_result *r)
{
	char time[32];

	json_text(w, "judged_at", time_text(r->now, time));
	if (!r->policy) {
		put_text(w, ",\"policy\":null");
		return;
	}
	json_open(w, "policy", '{');
	json_text(w, "name", r->policy);
	json_hex(w, "sha256", SPAN_OF(r->policy_digest));
	json_close(w, '}');
}

int cattest_result_json(const struct cattest_result *r, char **ret_text, struct cattest_error *err)
{
	struct writer w = { 0 }, reason = { 0 };
	char *text;
	int ret;

	json_open(&w, NULL, '{');
	json_number(&w, "format", 1);
	json_text(&w, "verdict", cattest_verdict_name(r->verdict));
	json_text(&w, "type", r->type);
	if (r->judged && r->verdict != CATTEST_TRUSTED) {
		put_reason(&reason, r);
		ret = writer_finish(&reason, &text, err);
		if (!ret) {
			json_text(&w, "reason", text);
			free(text);
		}
	}
	if (r->judged)
		json_judged(&w, r);
	json_claims(&w, "claims", r);
	json_open(&w, "checks", '[');
	for (size_t i = 0; i < r->check_count; i++) {
		const struct cattest_check *c = &r->checks[i];

		json_open(&w, NULL, '{');
		json_text(&w, "step", c->step);
		json_text(&w, "outcome", outcome_name(c->outcome));
		json_text(&w, "expected", c->expected);
		json_text(&w, "found", c->found);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	put_text(&w, "\n");
	return writer_finish(&w, ret_text, err);
}
