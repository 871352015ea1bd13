/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result for people: each check with what was expected and what was found, then the claims, then one line that says the verdict
 * and why. Columns are as wide as their texts, up to a bound; longer texts push what follows to the right.
 */
#include "attest/result/writer.h"

#include <inttypes.h>
#include <stdio.h>

#define MAX_COLUMN 40
/* Longer lists (event logs) show their beginning; the JSON form has all. */
#define SHOWN_STRINGS 64

static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((uint8_t)*text & 0xc0) != 0x80;
	return width;
}

static void put_padded(struct writer *w, const char *text, size_t column)
{
	size_t width = text_width(text);

	put_text(w, text);
	put_format(w, "%*s", (int)(width < column ? column - width : 0) + 2, "");
}

static void widen(size_t *column, const char *text)
{
	size_t width = text_width(text);

	if (width > MAX_COLUMN)
		width = MAX_COLUMN;
	if (width > *column)
		*column = width;
}

static void put_checks(struct writer *w, const struct cattest_result *r)
{
	static const char *const marks[] = { "", "pass", "FAIL", "MISSING", "note" };
	size_t step = 5, found = 5;

	for (size_t i = 0; i < r->check_count; i++) {
		widen(&step, r->checks[i].step);
		if (r->checks[i].outcome == CATTEST_FAIL)
			widen(&found, r->checks[i].found);
	}
	put_text(w, "Checks\n");
	for (size_t i = 0; i < r->check_count; i++) {
		const struct cattest_check *c = &r->checks[i];

		put_format(w, "  %-7s  ", marks[c->outcome]);
		put_padded(w, c->step, step);
		if (c->outcome == CATTEST_FAIL && c->expected[0]) {
			put_padded(w, c->found, found);
			put_format(w, "expected: %s", c->expected);
		} else {
			put_text(w, c->found);
			if (c->expected[0] && strcmp(c->expected, c->found))
				put_format(w, " (%s)", c->expected);
		}
		put_text(w, "\n");
	}
}

static void put_claim(struct writer *w, const struct cattest_claim *c, size_t column)
{
	char text[4096];

	put_text(w, "  ");
	put_padded(w, c->name, column);
	switch (c->type) {
	case CATTEST_BYTES:
		put_text(w, c->size ? hex_text(SPAN(c->bytes, c->size), text, sizeof(text))
				    : "(empty)");
		break;
	case CATTEST_UINT:
		put_format(w, c->number > 0xffff ? "%" PRIu64 " (0x%" PRIx64 ")" : "%" PRIu64,
			   c->number, c->number);
		break;
	case CATTEST_BOOL:
		put_text(w, c->number ? "true" : "false");
		break;
	case CATTEST_TIME:
		put_text(w, time_text((int64_t)c->number, text));
		break;
	case CATTEST_STRING:
		put_text(w, c->string);
		break;
	case CATTEST_STRINGS:
		for (size_t i = 0; i < c->size && i < SHOWN_STRINGS; i++) {
			if (i)
				put_format(w, "\n  %*s  ", (int)column, "");
			put_text(w, c->strings[i]);
		}
		if (c->size > SHOWN_STRINGS)
			put_format(w, "\n  %*s  ... and %zu more", (int)column, "",
				   c->size - SHOWN_STRINGS);
		if (!c->size)
			put_text(w, "(none)");
		break;
	}
	put_text(w, "\n");
}

/* The check's own words: "policy.debug: found true, expected false". */
static void put_why(struct writer *w, const struct cattest_check *c)
{
	put_text(w, c->step);
	put_text(w, ": ");
	put_text(w, c->found);
	if (c->expected[0])
		put_format(w, ", expected %s", c->expected);
}

void put_reason(struct writer *w, const struct cattest_result *r)
{
	enum cattest_outcome wanted = r->verdict == CATTEST_REFUSED ? CATTEST_FAIL
								    : CATTEST_MISSING;
	size_t count = 0;

	for (size_t i = 0; i < r->check_count; i++)
		if (r->checks[i].outcome == wanted && !count++)
			put_why(w, &r->checks[i]);
	if (count > 1)
		put_format(w, "; and %zu more", count - 1);
}

static void put_verdict(struct writer *w, const struct cattest_result *r)
{
	char time[32];

	put_format(w, "\nVerdict: %s", cattest_verdict_name(r->verdict));
	if (r->verdict == CATTEST_TRUSTED) {
		put_format(w, " (every check and every rule of policy \"%s\" passed)", r->policy);
	} else {
		put_text(w, ": ");
		put_reason(w, r);
	}
	put_format(w, "\nJudged at %s.\n", time_text(r->now, time));
}

int cattest_result_table(const struct cattest_result *r, char **ret_text, struct cattest_error *err)
{
	struct writer w = { 0 };
	size_t column = 0;

	if (r->check_count) {
		put_checks(&w, r);
		put_text(&w, "\n");
	}
	put_format(&w, "Claims of %s\n", r->type);
	for (size_t i = 0; i < r->claim_count; i++)
		widen(&column, r->claims[i].name);
	for (size_t i = 0; i < r->claim_count; i++)
		put_claim(&w, &r->claims[i], column);
	if (r->judged)
		put_verdict(&w, r);
	return writer_finish(&w, ret_text, err);
}
