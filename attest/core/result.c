/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result object: an arena of blocks that only grows, counted against one bound, and the list of checks.
 */
#include "attest/core/result.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE (16u << 10)

struct arena_block {
	struct arena_block *next;
	size_t room, used;
	_Alignas(16) uint8_t data[];
};

struct cattest_result *result_new(void)
{
	return calloc(1, sizeof(struct cattest_result));
}

void cattest_result_free(struct cattest_result *r)
{
	if (!r)
		return;
	while (r->arena) {
		struct arena_block *next = r->arena->next;

		free(r->arena);
		r->arena = next;
	}
	free(r->claims);
	free(r->checks);
	free(r->raw);
	free(r);
}

void *result_alloc(struct cattest_result *r, size_t size)
{
	struct arena_block *b = r->arena;
	uint8_t *p;

	if (size > RESULT_MAX_BYTES - r->used) {
		r->overflow = true;
		return NULL;
	}
	r->used += size;
	size = (size + 7) & ~(size_t)7;
	if (!b || b->room - b->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		b = malloc(sizeof(*b) + room);
		if (!b) {
			r->out_of_memory = true;
			return NULL;
		}
		*b = (struct arena_block){ .next = r->arena, .room = room };
		r->arena = b;
	}
	p = b->data + b->used;
	b->used += size;
	return p;
}

const char *result_copy_text(struct cattest_result *r, const char *text, size_t len)
{
	char *copy = result_alloc(r, len + 1);

	if (copy) {
		memcpy(copy, text, len);
		copy[len] = 0;
	}
	return copy;
}

int result_state(const struct cattest_result *r, struct cattest_error *err)
{
	if (r->out_of_memory)
		return fail(err, -ENOMEM, "out of memory");
	if (r->overflow)
		return fail(
			err, -E2BIG,
			"the evidence states more than is kept (%u claims, %u checks, %u bytes)",
			RESULT_MAX_CLAIMS, RESULT_MAX_CHECKS, RESULT_MAX_BYTES);
	if (r->bad_name)
		return fail(err, -EBADMSG,
			    "the evidence states a claim whose name is not allowed: %s",
			    r->bad_name);
	return 0;
}

bool result_has(const struct cattest_result *r, enum cattest_outcome outcome)
{
	for (size_t i = 0; i < r->check_count; i++)
		if (r->checks[i].outcome == outcome)
			return true;
	return false;
}

static bool is_plain(const char *text)
{
	while (*text >= 0x20 && *text <= 0x7e)
		text++;
	return !*text;
}

/* Formats into the arena. Control bytes and broken UTF-8 would break tables and JSON: they are made printable. */
static const char *arena_format(struct cattest_result *r, const char *format, va_list ap)
{
	char text[1024], clean[2048];
	int len = vsnprintf(text, sizeof(text), format, ap);

	if (len < 0)
		len = 0;
	if ((size_t)len >= sizeof(text)) {
		memcpy(text + sizeof(text) - 4, "...", 4);
		len = sizeof(text) - 1;
	}
	if (is_plain(text))
		return result_copy_text(r, text, strlen(text));
	safe_text(SPAN(text, (size_t)len), clean, sizeof(clean));
	return result_copy_text(r, clean, strlen(clean));
}

static void check_add(struct appraisal *a, const char *step, enum cattest_outcome outcome,
		      const char *expected, const char *format, va_list ap)
{
	struct cattest_result *r = a->result;
	struct cattest_check check = { .step = step, .outcome = outcome, .expected = "" };

	if (r->check_count == RESULT_MAX_CHECKS) {
		r->overflow = true;
		return;
	}
	if (r->check_count == r->check_room) {
		size_t room = r->check_room ? r->check_room * 2 : 64;
		struct cattest_check *grown = realloc(r->checks, room * sizeof(*grown));

		if (!grown) {
			r->out_of_memory = true;
			return;
		}
		r->checks = grown;
		r->check_room = room;
	}
	if (expected && expected[0])
		check.expected = result_copy_text(r, expected, strlen(expected));
	check.found = arena_format(r, format, ap);
	if (check.expected && check.found)
		r->checks[r->check_count++] = check;
}

void check_pass(struct appraisal *a, const char *step, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	check_add(a, step, CATTEST_PASS, NULL, format, ap);
	va_end(ap);
}

void check_fail(struct appraisal *a, const char *step, const char *expected, const char *format,
		...)
{
	va_list ap;

	va_start(ap, format);
	check_add(a, step, CATTEST_FAIL, expected, format, ap);
	va_end(ap);
}

void check_missing(struct appraisal *a, const char *step, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	check_add(a, step, CATTEST_MISSING, NULL, format, ap);
	va_end(ap);
}

void check_note(struct appraisal *a, const char *step, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	check_add(a, step, CATTEST_NOTE, NULL, format, ap);
	va_end(ap);
}

bool check_that(struct appraisal *a, bool ok, const char *step, const char *expected,
		const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	check_add(a, step, ok ? CATTEST_PASS : CATTEST_FAIL, expected, format, ap);
	va_end(ap);
	return ok;
}

bool check_equal(struct appraisal *a, const char *step, struct span expected, struct span found)
{
	char want[200], have[200];
	bool ok = expected.size == found.size && bytes_equal(expected.data, found.data, found.size);

	return check_that(a, ok, step, hex_text(expected, want, sizeof(want)), "%s",
			  hex_text(found, have, sizeof(have)));
}

void check_report_data(struct appraisal *a, struct span report_data)
{
	uint8_t expected[CATTEST_REPORT_DATA_SIZE] = { 0 };

	claim_bytes(a, "report_data", report_data);
	if (a->decode_only || !a->expect->report_data)
		return;
	/* cattest_verify has refused larger ones. */
	memcpy(expected, a->expect->report_data, a->expect->report_data_size);
	check_equal(a, "report_data", SPAN_OF(expected), report_data);
}

const char *cattest_verdict_name(enum cattest_verdict verdict)
{
	static const char *const names[] = { "none", "refused", "undecided", "trusted" };

	return (unsigned)verdict < 4 ? names[verdict] : "none";
}

enum cattest_verdict cattest_result_verdict(const struct cattest_result *r)
{
	return r->verdict;
}

const char *cattest_result_type(const struct cattest_result *r)
{
	return r->type;
}

size_t cattest_result_claims(const struct cattest_result *r)
{
	return r->claim_count;
}

const struct cattest_claim *cattest_result_claim(const struct cattest_result *r, size_t index)
{
	return index < r->claim_count ? &r->claims[index] : NULL;
}

size_t cattest_result_checks(const struct cattest_result *r)
{
	return r->check_count;
}

const struct cattest_check *cattest_result_check(const struct cattest_result *r, size_t index)
{
	return index < r->check_count ? &r->checks[index] : NULL;
}
