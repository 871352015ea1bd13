/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a member of a JSON object as it stands in the text, since Intel signs the exact bytes of an inner object: parsing and
 * writing it again gives other bytes. One pass over the text with a stack of brackets, no recursion. Strict where a difference to another parser
 * could matter: a name with an escape, a name twice, control characters in strings and anything after the object are errors.
 */
#include "attest/collateral/collateral_internal.h"

#include <errno.h>

#define DEPTH_MAX 16
#define NAMES_MAX 32

static void blanks(struct cursor *c)
{
	while (cursor_left(c) && strchr(" \t\r\n", c->in.data[c->at]) && c->in.data[c->at])
		c->at++;
}

static uint8_t peek(const struct cursor *c)
{
	return cursor_left(c) ? c->in.data[c->at] : 0;
}

static bool is_hex(uint8_t x)
{
	return (x >= '0' && x <= '9') || (x >= 'a' && x <= 'f') || (x >= 'A' && x <= 'F');
}

/* A string with its quotes; *ret_escaped if it has an escape. */
static void scan_string(struct cursor *c, struct span *ret_inner, bool *ret_escaped)
{
	size_t start = c->at + 1;

	*ret_escaped = false;
	if (take_u8(c) != '"')
		c->bad = true;
	while (!c->bad) {
		uint8_t x = take_u8(c);

		if (x == '"')
			break;
		if (x < 0x20)
			c->bad = true;
		if (x != '\\')
			continue;
		*ret_escaped = true;
		x = take_u8(c);
		if (x == 'u') {
			for (int i = 0; i < 4; i++)
				if (!is_hex(take_u8(c)))
					c->bad = true;
		} else if (!x || !strchr("\"\\/bfnrt", x)) {
			c->bad = true;
		}
	}
	*ret_inner = c->bad ? SPAN(NULL, 0) : SPAN(c->in.data + start, c->at - start - 1);
}

static bool digits(struct cursor *c)
{
	size_t start = c->at;

	while (peek(c) >= '0' && peek(c) <= '9')
		c->at++;
	return c->at > start;
}

static void scan_number(struct cursor *c)
{
	bool good;

	if (peek(c) == '-')
		c->at++;
	if (peek(c) == '0') {
		c->at++;
		good = true;
	} else {
		good = digits(c);
	}
	if (good && peek(c) == '.') {
		c->at++;
		good = digits(c);
	}
	if (good && (peek(c) == 'e' || peek(c) == 'E')) {
		c->at++;
		if (peek(c) == '+' || peek(c) == '-')
			c->at++;
		good = digits(c);
	}
	if (!good)
		c->bad = true;
}

static void scan_scalar(struct cursor *c)
{
	static const char *const words[] = { "true", "false", "null" };
	struct span inner;
	bool escaped;

	if (peek(c) == '"') {
		scan_string(c, &inner, &escaped);
		return;
	}
	for (size_t i = 0; i < 3; i++)
		if (span_starts(SPAN(c->in.data + c->at, cursor_left(c)), words[i],
				strlen(words[i]))) {
			c->at += strlen(words[i]);
			return;
		}
	scan_number(c);
}

/* What may come next inside a container. */
enum expect { EXPECT_FIRST, EXPECT_VALUE, EXPECT_COMMA };

/* One value of any kind; brackets are kept on a stack of our own. */
static void scan_value(struct cursor *c)
{
	char stack[DEPTH_MAX];
	size_t depth = 0;
	enum expect expect = EXPECT_VALUE;

	do {
		struct span inner;
		bool escaped;
		uint8_t x;

		blanks(c);
		x = peek(c);
		if (depth && (x == ']' || x == '}')) {
			if (expect == EXPECT_VALUE || x != (uint8_t)stack[depth - 1])
				c->bad = true;
			c->at++;
			depth--;
			expect = EXPECT_COMMA;
			continue;
		}
		if (expect == EXPECT_COMMA) {
			if (x != ',')
				c->bad = true;
			c->at++;
			expect = EXPECT_VALUE;
			continue;
		}
		if (depth && stack[depth - 1] == '}') {
			scan_string(c, &inner, &escaped);
			blanks(c);
			if (take_u8(c) != ':')
				c->bad = true;
			blanks(c);
			x = peek(c);
		}
		if (x != '{' && x != '[') {
			scan_scalar(c);
			expect = EXPECT_COMMA;
		} else if (depth == DEPTH_MAX) {
			c->bad = true;
		} else {
			stack[depth++] = x == '{' ? '}' : ']';
			c->at++;
			expect = EXPECT_FIRST;
		}
	} while (depth && !c->bad);
}

int json_scan_member(struct span text, const char *name, struct span *ret_value)
{
	struct cursor c = CURSOR(text);
	struct span names[NAMES_MAX], found = { NULL, 0 };
	size_t count = 0;

	blanks(&c);
	if (take_u8(&c) != '{')
		return -EBADMSG;
	blanks(&c);
	while (!c.bad && peek(&c) != '}') {
		struct span key;
		bool escaped;
		size_t start;

		if (count && take_u8(&c) != ',')
			return -EBADMSG;
		blanks(&c);
		scan_string(&c, &key, &escaped);
		blanks(&c);
		if (take_u8(&c) != ':' || escaped || count == NAMES_MAX)
			return -EBADMSG;
		for (size_t i = 0; i < count; i++)
			if (span_equal(names[i], key))
				return -EBADMSG;
		names[count++] = key;
		blanks(&c);
		start = c.at;
		scan_value(&c);
		if (c.bad)
			return -EBADMSG;
		if (span_equal(key, SPAN(name, strlen(name))))
			found = SPAN(text.data + start, c.at - start);
		blanks(&c);
	}
	if (take_u8(&c) != '}')
		return -EBADMSG;
	blanks(&c);
	if (c.bad || cursor_left(&c))
		return -EBADMSG;
	*ret_value = found;
	return found.data != NULL;
}
