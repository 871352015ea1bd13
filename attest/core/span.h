/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that belong to somebody else, and the cursor that hostile bytes are read with: a read past the end sets `bad`, gives
 * zeroes and stays bad, so that a parser checks once per structure. Nothing here allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *data;
	size_t size;
};
#define SPAN(p, n) ((struct span){ (const uint8_t *)(p), (n) })
#define SPAN_OF(array) SPAN(array, sizeof(array))

static inline bool span_equal(struct span a, struct span b)
{
	return a.size == b.size && (!a.size || !memcmp(a.data, b.data, a.size));
}

static inline bool span_is_zero(struct span s)
{
	uint8_t any = 0;

	for (size_t i = 0; i < s.size; i++)
		any |= s.data[i];
	return !any;
}

static inline bool span_starts(struct span s, const void *prefix, size_t size)
{
	return s.size >= size && !memcmp(s.data, prefix, size);
}

struct cursor {
	struct span in;
	size_t at;
	bool bad;
};
#define CURSOR(s) ((struct cursor){ .in = (s) })

static inline size_t cursor_left(const struct cursor *c)
{
	return c->bad ? 0 : c->in.size - c->at;
}

/* The next n bytes, in place; an empty span and bad if they are not there. */
static inline struct span take(struct cursor *c, size_t n)
{
	if (c->bad || n > c->in.size - c->at) {
		c->bad = true;
		return (struct span){ NULL, 0 };
	}
	c->at += n;
	/* NULL plus nothing is undefined in C. */
	return (struct span){ n ? c->in.data + c->at - n : c->in.data, n };
}

static inline uint64_t take_le(struct cursor *c, size_t n)
{
	struct span s = take(c, n);
	uint64_t v = 0;

	for (size_t i = s.size; i--;)
		v = v << 8 | s.data[i];
	return v;
}

static inline uint64_t take_be(struct cursor *c, size_t n)
{
	struct span s = take(c, n);
	uint64_t v = 0;

	for (size_t i = 0; i < s.size; i++)
		v = v << 8 | s.data[i];
	return v;
}

static inline uint8_t take_u8(struct cursor *c)
{
	return (uint8_t)take_le(c, 1);
}
static inline uint16_t take_le16(struct cursor *c)
{
	return (uint16_t)take_le(c, 2);
}
static inline uint32_t take_le32(struct cursor *c)
{
	return (uint32_t)take_le(c, 4);
}
static inline uint64_t take_le64(struct cursor *c)
{
	return take_le(c, 8);
}
static inline uint16_t take_be16(struct cursor *c)
{
	return (uint16_t)take_be(c, 2);
}
static inline uint32_t take_be32(struct cursor *c)
{
	return (uint32_t)take_be(c, 4);
}
static inline uint64_t take_be64(struct cursor *c)
{
	return take_be(c, 8);
}
