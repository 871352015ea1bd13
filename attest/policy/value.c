/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a policy: from a node, by the type of the claim they are for, and back to text. A
 * value that the claim can never have (a digest of the wrong length, a status that does not exist,
 * a number beyond the field) is an error.
 */
#include "attest/policy/language.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int number_parse(const char *text, uint64_t *ret_number)
{
	unsigned base = 10;
	uint64_t number = 0;

	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		text += 2;
	} else if (text[0] == '0' && text[1]) {
		return -EBADMSG; /* octal to some, decimal to others */
	}
	if (!*text)
		return -EBADMSG;
	for (; *text; text++) {
		unsigned d;

		if (*text >= '0' && *text <= '9')
			d = (unsigned)(*text - '0');
		else if (base == 16 && *text >= 'a' && *text <= 'f')
			d = (unsigned)(*text - 'a') + 10;
		else if (base == 16 && *text >= 'A' && *text <= 'F')
			d = (unsigned)(*text - 'A') + 10;
		else
			return -EBADMSG;
		if (__builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, d, &number))
			return -ERANGE;
	}
	*ret_number = number;
	return 0;
}

static int uint_value(struct compiler *c, const char *claim, const struct node *node,
		      struct policy_value *value)
{
	if (number_parse(node->text, &value->number) < 0)
		return policy_bad(c, node->line,
				  "%s is a number (decimal, or hexadecimal with 0x), not \"%.64s\"",
				  claim, node->text);
	if (value->number > policy_claim_maximum(claim))
		return policy_bad(c, node->line,
				  "%s is at most %" PRIu64 ": %" PRIu64 " can never be", claim,
				  policy_claim_maximum(claim), value->number);
	return 0;
}

static int bytes_value(struct compiler *c, const char *claim, const struct node *node,
		       struct policy_value *value)
{
	size_t len = strlen(node->text);
	uint8_t *bytes;

	if (node->kind == NODE_NUMBER)
		return policy_bad(c, node->line, "%s is bytes: write them as a text of hex digits",
				  claim);
	if (!len || len % 2)
		return policy_bad(c, node->line,
				  "%s is bytes: an even number of hex digits, not \"%.64s\"", claim,
				  node->text);
	bytes = policy_alloc(&c->policy->arena, len / 2);
	if (!bytes)
		return policy_bad(c, node->line, "out of memory");
	if (hex_parse(node->text, len, bytes, len / 2) < 0)
		return policy_bad(c, node->line,
				  "%s is bytes, as hex digits without spaces or 0x, not \"%.64s\"",
				  claim, node->text);
	value->bytes = bytes;
	value->size = len / 2;
	return 0;
}

static int string_value(struct compiler *c, const char *claim, const struct node *node,
			struct policy_value *value)
{
	const char *const *strings = policy_claim_strings(claim);
	const char *near;
	size_t count = 0;

	if (node->kind == NODE_NUMBER)
		return policy_bad(c, node->line, "%s is a text: put it in quotes", claim);
	if (node->kind == NODE_WORD &&
	    (!strcmp(node->text, "true") || !strcmp(node->text, "false")))
		return policy_bad(c, node->line,
				  "%s is a text, not %s (if it is meant, put it in quotes)", claim,
				  node->text);
	if (!*node->text)
		return policy_bad(c, node->line, "an empty text");
	value->string = policy_copy(&c->policy->arena, node->text, strlen(node->text));
	if (!value->string)
		return policy_bad(c, node->line, "out of memory");
	for (; strings && strings[count]; count++)
		if (!strcmp(strings[count], node->text))
			return 0;
	if (!strings)
		return 0;
	near = policy_nearest(node->text, strings, count);
	return policy_bad(c, node->line, "%s is never \"%.64s\"%s%s%s", claim, node->text,
			  near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static int time_value(struct compiler *c, const char *claim, const struct node *node,
		      struct policy_value *value)
{
	char text[40];
	int64_t t;
	size_t len = strlen(node->text);

	/* A date is its first second. */
	snprintf(text, sizeof(text), "%.24s%s", node->text, len == 10 ? "T00:00:00Z" : "");
	if (len > 24 || time_parse(text, &t) < 0)
		return policy_bad(
			c, node->line,
			"%s is a time: \"2026-11-20\" or \"2026-11-20T10:00:00Z\", not \"%.64s\"",
			claim, node->text);
	value->number = (uint64_t)t;
	return 0;
}

int policy_value_parse(struct compiler *c, const char *claim, enum cattest_claim_type type,
		       const struct node *node, struct policy_value *ret_value)
{
	if (node->kind == NODE_LIST || node->kind == NODE_MAP)
		return policy_bad(c, node->line, "one value is expected here, not a %s",
				  node->kind == NODE_LIST ? "list" : "mapping");
	if (++c->values > POLICY_VALUES_MAX)
		return policy_bad(c, node->line, "more than %u values", POLICY_VALUES_MAX);
	*ret_value = (struct policy_value){ .type = type };
	switch (type) {
	case CATTEST_BYTES:
		return bytes_value(c, claim, node, ret_value);
	case CATTEST_UINT:
		return uint_value(c, claim, node, ret_value);
	case CATTEST_STRINGS:
		ret_value->type = CATTEST_STRING;
		return string_value(c, claim, node, ret_value);
	case CATTEST_STRING:
		return string_value(c, claim, node, ret_value);
	case CATTEST_BOOL:
		if (node->kind != NODE_WORD ||
		    (strcmp(node->text, "true") != 0 && strcmp(node->text, "false") != 0))
			return policy_bad(c, node->line,
					  "%s is true or false (without quotes), not \"%.64s\"",
					  claim, node->text);
		ret_value->number = node->text[0] == 't';
		return 0;
	case CATTEST_TIME:
		return time_value(c, claim, node, ret_value);
	}
	return policy_bad(c, node->line, "%s has no type known here", claim);
}

int policy_duration_parse(struct compiler *c, const struct node *node,
			  struct policy_value *ret_value)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	const uint64_t century = (uint64_t)36525 * 86400;
	char digits[24] = "";
	size_t len = node->text ? strlen(node->text) : 0;
	uint64_t number = 0, factor = 0;

	if (node->kind != NODE_LIST && node->kind != NODE_MAP && len && len < sizeof(digits)) {
		memcpy(digits, node->text, len + 1);
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
			if (digits[len - 1] == units[i].unit)
				factor = units[i].seconds;
		if (factor)
			digits[len - 1] = '\0';
		else
			factor = 1;
		if (number_parse(digits, &number) < 0 || digits[1] == 'x')
			number = 0;
	}
	if (!number || number > century / (factor ? factor : 1))
		return policy_bad(
			c, node->line,
			"a duration is a number above zero and s, m, h, d or w (\"10m\"), at most a century");
	*ret_value = (struct policy_value){ .type = CATTEST_UINT, .number = number * factor };
	return 0;
}

int policy_value_compare_size(struct compiler *c, const char *claim, size_t size, unsigned line)
{
	char words[128];

	if (policy_size_fits(claim, size))
		return 0;
	policy_size_words(claim, words, sizeof(words));
	return policy_bad(c, line, "%s has %s, not %zu", claim, words, size);
}

bool policy_value_equal(const struct policy_value *a, const struct policy_value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case CATTEST_BYTES:
		return a->size == b->size && bytes_equal(a->bytes, b->bytes, a->size);
	case CATTEST_STRING:
	case CATTEST_STRINGS:
		return !strcmp(a->string, b->string);
	case CATTEST_UINT:
	case CATTEST_BOOL:
	case CATTEST_TIME:
		return a->number == b->number;
	}
	return false;
}

static size_t strings_text(const struct cattest_claim *claim, char *buffer, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < claim->size && len + 1 < room; i++)
		len += (size_t)snprintf(buffer + len, room - len, "%s%s", i ? ", " : "",
					claim->strings[i]);
	if (!claim->size)
		len = (size_t)snprintf(buffer, room, "empty");
	return len;
}

char *policy_claim_value_text(const struct cattest_claim *claim, char *buffer, size_t room)
{
	struct policy_value value = { .type = claim->type,
				      .number = claim->number,
				      .bytes = claim->bytes,
				      .size = claim->size,
				      .string = claim->string };

	if (claim->type != CATTEST_STRINGS)
		return policy_value_text(&value, buffer, room);
	if (strings_text(claim, buffer, room) >= room && room > 4)
		memcpy(buffer + room - 4, "...", 4);
	return buffer;
}

char *policy_value_text(const struct policy_value *value, char *buffer, size_t room)
{
	char time[32];

	switch (value->type) {
	case CATTEST_BYTES:
		return hex_text(SPAN(value->bytes, value->size), buffer, room);
	case CATTEST_UINT:
		if (value->number > UINT32_MAX)
			snprintf(buffer, room, "0x%" PRIx64, value->number);
		else
			snprintf(buffer, room, "%" PRIu64, value->number);
		return buffer;
	case CATTEST_BOOL:
		snprintf(buffer, room, "%s", value->number ? "true" : "false");
		return buffer;
	case CATTEST_TIME:
		snprintf(buffer, room, "%s", time_text((int64_t)value->number, time));
		return buffer;
	case CATTEST_STRING:
	case CATTEST_STRINGS:
		return safe_text(SPAN(value->string, strlen(value->string)), buffer, room);
	}
	buffer[0] = '\0';
	return buffer;
}
