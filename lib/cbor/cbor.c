/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CBOR, read in place and written into the caller's buffer.
 *
 * A reader is two pointers. Containers are not tracked: whoever reads a head reads its children
 * next. What makes that safe:
 *  1. walk() goes over an item with all its children with its own small stack of counts, so that
 *     nesting is bounded by DEPTH_MAX and never by the C stack, and takes one step for each head:
 *     linear.
 *  2. A map's head is only given once keys_distinct() has seen all of the map, so nobody can act
 *     on a map with the same key twice. It walks the map's inside once more, so a byte is looked
 *     at at most DEPTH_MAX times.
 *  3. Indefinite lengths (lenient readers only): the whole input is walked when such a reader is
 *     made, so every break is where it belongs. A head then carries the count of its items as if
 *     it had been definite, and breaks are stepped over.
 *  4. Comparing keys is linear where they ascend (deterministic encodings); other maps may hold
 *     KEYS_UNSORTED_MAX pairs.
 */
#include "lib/cbor/cbor.h"

#define DEPTH_MAX 16
#define KEYS_UNSORTED_MAX 128
#define INDEFINITE UINT64_MAX /* a count that cannot be: each item takes a byte */
#define BREAK 0xff

static bool bytes_same(const uint8_t *a, const uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool utf8_valid(const uint8_t *s, size_t size)
{
	for (size_t i = 0; i < size;) {
		uint8_t c = s[i++];
		size_t more = c < 0x80		      ? 0
			      : c >= 0xc2 && c < 0xe0 ? 1
			      : c >= 0xe0 && c < 0xf0 ? 2
			      : c >= 0xf0 && c < 0xf5 ? 3
						      : 4;

		if (more == 4 || more > size - i)
			return false;
		if (more && ((c == 0xe0 && s[i] < 0xa0) || (c == 0xed && s[i] > 0x9f) ||
			     (c == 0xf0 && s[i] < 0x90) || (c == 0xf4 && s[i] > 0x8f)))
			return false;
		for (; more; more--, i++)
			if ((s[i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/*
 * Whether the value of a float of 4 or 8 bytes is also one of half that size (RFC 8949, 4.1: the
 * shortest that keeps the value). No floating point is used, as the kernel has none.
 */
static bool float_shrinks(uint64_t bits, size_t size)
{
	unsigned fraction_bits = size == 8 ? 52 : 23, small_bits = size == 8 ? 23 : 10;
	int bias = size == 8 ? 1023 : 127, small_bias = size == 8 ? 127 : 15;
	int exponent_max = 2 * bias + 1;
	int exponent = (int)(bits >> fraction_bits) & exponent_max;
	uint64_t fraction = bits & ((1ull << fraction_bits) - 1);
	unsigned drop = fraction_bits - small_bits;

	if (exponent == exponent_max) /* infinities, and NaN with a payload that fits */
		return !(fraction & ((1ull << drop) - 1));
	if (!exponent)
		return !fraction; /* only zero is in both forms */
	exponent -= bias;
	if (exponent > small_bias)
		return false;
	if (exponent < 1 - small_bias) { /* a subnormal number of the small form */
		int lost = 1 - small_bias - exponent;

		if (lost > (int)small_bits)
			return false;
		drop += (unsigned)lost;
	}
	return !(fraction & ((1ull << drop) - 1));
}

/* The argument of a head whose first byte is read: RFC 8949, section 3. */
static bool head_argument(struct cbor *c, uint8_t info, uint64_t *ret_number)
{
	size_t size = info < 24 ? 0 : (size_t)1 << (info - 24);
	uint64_t v = 0;

	if (info < 24) {
		*ret_number = info;
		return true;
	}
	if (info > 27 || size > (size_t)(c->end - c->at)) /* 28-30 reserved, 31 indefinite */
		return false;
	for (size_t i = 0; i < size; i++)
		v = v << 8 | c->at[i];
	c->at += size;
	*ret_number = v;
	return true;
}

static bool head_shortest(uint8_t info, uint64_t number)
{
	return info < 24 || (info == 24 ? number >= 24 : number >> (8u << (info - 25)) != 0);
}

static bool simple_or_float(const struct cbor *c, uint8_t info, struct cbor_item *item)
{
	item->type = info < 25 ? CBOR_SIMPLE : CBOR_FLOAT;
	if (info < 24)
		return true;
	if (info == 24)
		return item->number >= 32; /* RFC 8949, 3.3: smaller ones are not well-formed */
	item->size = (size_t)1 << (info - 24);
	if (c->lenient || item->size == 2)
		return true;
	return !float_shrinks(item->number, item->size);
}

static bool at_break(const struct cbor *c)
{
	return c->lenient && c->at < c->end && *c->at == BREAK;
}

/*
 * One head, with the bytes of a string. number is INDEFINITE for containers of indefinite length.
 * On failure the reader is bad and does not move.
 */
static bool head_read(struct cbor *c, struct cbor_item *ret_item)
{
	struct cbor_item item = { .start = c->at };
	const uint8_t *start = c->at;
	uint8_t first, info;

	if (c->bad || c->at >= c->end)
		goto bad;
	first = *c->at++;
	info = first & 31;
	item.type = first >> 5;
	if (c->lenient && info == 31 && (item.type == CBOR_ARRAY || item.type == CBOR_MAP)) {
		item.number = INDEFINITE;
		*ret_item = item;
		return true;
	}
	if (!head_argument(c, info, &item.number))
		goto bad;
	if (item.type == 7) {
		if (!simple_or_float(c, info, &item))
			goto bad;
	} else if (!c->lenient && !head_shortest(info, item.number)) {
		goto bad;
	}
	if (item.type == CBOR_BYTES || item.type == CBOR_TEXT) {
		if (item.number > (uint64_t)(c->end - c->at))
			goto bad;
		item.data = c->at;
		item.size = (size_t)item.number;
		c->at += item.size;
		if (item.type == CBOR_TEXT && !utf8_valid(item.data, item.size))
			goto bad;
	}
	/*
	 * Every child takes a byte at least: a count beyond that is a lie that nobody shall loop
	 * over.
	 */
	if (item.type == CBOR_ARRAY && item.number > (uint64_t)(c->end - c->at))
		goto bad;
	if (item.type == CBOR_MAP && item.number > (uint64_t)(c->end - c->at) / 2)
		goto bad;
	*ret_item = item;
	return true;
bad:
	c->at = start;
	c->bad = true;
	return false;
}

static uint64_t children(const struct cbor_item *item)
{
	if (item->type == CBOR_TAG)
		return 1;
	if (item->type != CBOR_ARRAY && item->type != CBOR_MAP)
		return 0;
	return item->type == CBOR_ARRAY || item->number == INDEFINITE ? item->number
								      : 2 * item->number;
}

static bool keys_distinct(const struct cbor *at, uint64_t pairs);

/*
 * An open container: how many children it still waits for, or INDEFINITE and whether a map's key
 * waits for its value.
 */
struct open_item {
	enum cbor_type type;
	bool value_due;
	uint64_t left;
};

/* Closes what ends here. False: a map ends between key and value. */
static bool close_items(struct cbor *c, struct open_item *open, unsigned *level)
{
	while (*level) {
		struct open_item *top = &open[*level];

		if (top->left == INDEFINITE) {
			if (!at_break(c))
				return true;
			if (top->type == CBOR_MAP && top->value_due)
				return false;
			c->at++;
		} else if (top->left) {
			return true;
		}
		(*level)--;
	}
	return true;
}

/* Over one item with its children; keys: maps are looked at for keys that come twice. */
static bool walk(struct cbor *c, bool keys)
{
	struct open_item open[DEPTH_MAX + 1];
	struct cbor_item item;
	unsigned level = 0;

	open[0] = (struct open_item){ .left = 1 };
	do {
		uint64_t count;

		if (open[level].left != INDEFINITE)
			open[level].left--;
		open[level].value_due = !open[level].value_due;
		if (!head_read(c, &item))
			return false;
		if (keys && item.type == CBOR_MAP && !keys_distinct(c, item.number))
			goto bad;
		count = children(&item);
		if (count) {
			if (level == DEPTH_MAX)
				goto bad;
			open[++level] = (struct open_item){ .type = item.type, .left = count };
		}
		if (!close_items(c, open, &level))
			goto bad;
	} while (level || open[0].left);
	return true;
bad:
	c->bad = true;
	return false;
}

/*
 * As head_read, with the count of what has no definite length: the items are walked, up to the
 * break.
 */
static bool head(struct cbor *c, struct cbor_item *ret_item)
{
	struct cbor_item item;
	uint64_t count = 0;
	struct cbor look;

	if (!head_read(c, &item))
		return false;
	look = *c;
	if (item.number == INDEFINITE && (item.type == CBOR_ARRAY || item.type == CBOR_MAP)) {
		for (; !at_break(&look); count++)
			if (!walk(&look, false))
				goto bad;
		if (item.type == CBOR_MAP && count % 2)
			goto bad;
		item.number = item.type == CBOR_MAP ? count / 2 : count;
	}
	*ret_item = item;
	return true;
bad:
	c->bad = true;
	return false;
}

/* Steps over the ends of containers whose children were all read. */
static void skip_breaks(struct cbor *c)
{
	while (!c->bad && at_break(c))
		c->at++;
}

struct key {
	const uint8_t *data;
	size_t size;
};

/*
 * The bytes that stand for a key in comparisons: its encoding. In lenient mode one value has
 * several encodings, so numbers and strings are compared by kind and content (key_same), and other
 * keys must have the shortest form.
 */
static bool key_read(struct cbor *c, struct key *ret_key)
{
	struct cbor strict = *c;
	struct cbor_item item;

	ret_key->data = c->at;
	if (c->lenient) {
		struct cbor look = *c;

		if (!head_read(&look, &item))
			return false;
		strict.lenient = item.type <= CBOR_TEXT;
	}
	if (!walk(&strict, false))
		return false;
	c->at = strict.at;
	ret_key->size = (size_t)(c->at - ret_key->data);
	return true;
}

static bool key_same(const struct cbor *mode, const struct key *a, const struct key *b)
{
	struct cbor ca = { .at = a->data, .end = a->data + a->size, .lenient = mode->lenient },
		    cb = ca;
	struct cbor_item ia, ib;

	if (!mode->lenient)
		return a->size == b->size && bytes_same(a->data, b->data, a->size);
	cb.at = b->data;
	cb.end = b->data + b->size;
	if (!head_read(&ca, &ia) || !head_read(&cb, &ib))
		return true; /* cannot happen: both were walked */
	if (ia.type != ib.type || ia.number != ib.number)
		return false;
	if (ia.type <= CBOR_NEGATIVE)
		return true;
	if (ia.type <= CBOR_TEXT)
		return bytes_same(ia.data, ib.data, ia.size);
	return a->size == b->size && bytes_same(a->data, b->data, a->size);
}

/* a < b in the order of deterministic encoding (RFC 8949, 4.2.1). */
static bool key_before(const struct key *a, const struct key *b)
{
	size_t least = MIN(a->size, b->size);

	for (size_t i = 0; i < least; i++)
		if (a->data[i] != b->data[i])
			return a->data[i] < b->data[i];
	return a->size < b->size;
}

/* `at` stands behind the head of a map; pairs may be INDEFINITE. */
static bool keys_distinct(const struct cbor *at, uint64_t pairs)
{
	struct key seen[KEYS_UNSORTED_MAX], last = { 0 };
	struct cbor c = *at;
	bool ascending = !c.lenient; /* of encodings: says nothing where a value has several */

	for (uint64_t i = 0; pairs == INDEFINITE ? !at_break(&c) : i < pairs; i++) {
		struct key key;

		if (!key_read(&c, &key) || !walk(&c, false))
			return false;
		if (i && ascending && !key_before(&last, &key))
			ascending = false;
		if (!ascending) {
			if (i >= KEYS_UNSORTED_MAX)
				return false;
			for (uint64_t k = 0; k < i; k++)
				if (key_same(&c, &seen[k], &key))
					return false;
		}
		if (i < KEYS_UNSORTED_MAX)
			seen[i] = key;
		last = key;
	}
	return true;
}

void cbor_init(struct cbor *c, const void *data, size_t size)
{
	static const uint8_t nothing[1];

	*c = (struct cbor){ .at = data ? data : nothing };
	c->end = c->at + (data ? size : 0);
}

void cbor_init_lenient(struct cbor *c, const void *data, size_t size)
{
	struct cbor look;

	cbor_init(c, data, size);
	c->lenient = true;
	look = *c;
	while (look.at < look.end)
		if (!walk(&look, false)) {
			c->bad = true;
			return;
		}
}

bool cbor_next(struct cbor *c, struct cbor_item *ret_item)
{
	struct cbor_item item;

	skip_breaks(c);
	if (!head(c, &item))
		return false;
	if (item.type == CBOR_MAP && !keys_distinct(c, item.number)) {
		c->bad = true;
		return false;
	}
	*ret_item = item;
	return true;
}

bool cbor_peek(const struct cbor *c, struct cbor_item *ret_item)
{
	struct cbor look = *c;

	skip_breaks(&look);
	return head(&look, ret_item);
}

bool cbor_skip(struct cbor *c, const uint8_t **ret_encoded, size_t *ret_size)
{
	const uint8_t *start;

	skip_breaks(c);
	start = c->at;
	if (c->bad || !walk(c, true))
		return false;
	if (ret_encoded)
		*ret_encoded = start;
	if (ret_size)
		*ret_size = (size_t)(c->at - start);
	return true;
}

bool cbor_expect(struct cbor *c, enum cbor_type type, struct cbor_item *ret_item)
{
	struct cbor_item item;

	if (!cbor_next(c, &item))
		return false;
	if (item.type != type) {
		c->bad = true;
		return false;
	}
	*ret_item = item;
	return true;
}

bool cbor_expect_tag(struct cbor *c, uint64_t tag)
{
	struct cbor_item item;

	if (!cbor_expect(c, CBOR_TAG, &item))
		return false;
	c->bad = item.number != tag;
	return !c->bad;
}

void cbor_inner(const struct cbor *c, const uint8_t *encoded, size_t size, struct cbor *ret_inner)
{
	cbor_init(ret_inner, encoded, size);
	ret_inner->lenient = c->lenient;
	ret_inner->depth = c->depth + 1;
	if (c->bad || ret_inner->depth > DEPTH_MAX) {
		ret_inner->bad = true;
		ret_inner->end = ret_inner->at;
	}
}

/* Whether the key at the reader is the number, or (if text) the text; moves behind it. */
static bool key_is(struct cbor *c, int64_t number, const char *text)
{
	struct cbor_item item;
	size_t i = 0;

	if (!cbor_peek(c, &item)) {
		c->bad = true;
		return false;
	}
	if (!walk(c, false))
		return false;
	if (!text) {
		/* -1 - n is ~n in two's complement. */
		uint64_t wanted = number < 0 ? ~(uint64_t)number : (uint64_t)number;

		return item.type == (number < 0 ? CBOR_NEGATIVE : CBOR_UINT) &&
		       item.number == wanted;
	}
	if (item.type != CBOR_TEXT)
		return false;
	for (; i < item.size && text[i]; i++)
		if (item.data[i] != (uint8_t)text[i])
			return false;
	return i == item.size && !text[i];
}

static bool map_find(struct cbor *c, uint64_t pairs, int64_t number, const char *text,
		     struct cbor *ret_value)
{
	struct cbor at = *c;
	const uint8_t *found = NULL, *value;
	size_t found_size = 0, size;

	if (c->bad)
		return false;
	if (pairs > (uint64_t)(c->end - c->at) / 2 || !keys_distinct(c, pairs))
		goto bad;
	for (uint64_t i = 0; i < pairs; i++) {
		bool match = key_is(&at, number, text);

		if (!cbor_skip(&at, &value, &size))
			goto bad;
		if (match) {
			found = value;
			found_size = size;
		}
	}
	if (!found)
		return false;
	cbor_inner(c, found, found_size, ret_value);
	return !ret_value->bad;
bad:
	c->bad = true;
	return false;
}

bool cbor_map_find(struct cbor *c, uint64_t pairs, int64_t key, struct cbor *ret_value)
{
	return map_find(c, pairs, key, NULL, ret_value);
}

bool cbor_map_find_text(struct cbor *c, uint64_t pairs, const char *key, struct cbor *ret_value)
{
	return map_find(c, pairs, 0, key, ret_value);
}

bool cbor_done(const struct cbor *c)
{
	struct cbor look = *c;

	skip_breaks(&look);
	return !look.bad && look.at == look.end;
}

bool cbor_well_formed(const void *data, size_t size, bool lenient)
{
	struct cbor c;

	cbor_init(&c, data, size);
	c.lenient = lenient; /* walking needs no check beforehand */
	return walk(&c, true) && c.at == c.end;
}

/* --- Writing --- */

void cbor_writer_init(struct cbor_writer *w, void *buffer, size_t room)
{
	*w = (struct cbor_writer){ .buffer = buffer, .room = buffer ? room : 0 };
}

void cbor_put_encoded(struct cbor_writer *w, const void *encoded, size_t size)
{
	const uint8_t *from = encoded;

	if (w->overflow || w->size > w->room || size > w->room - w->size) {
		w->overflow = true;
	} else {
		for (size_t i = 0; i < size; i++)
			w->buffer[w->size + i] = from[i];
	}
	if (__builtin_add_overflow(w->size, size, &w->size))
		w->size = SIZE_MAX;
}

static void put_head(struct cbor_writer *w, unsigned type, uint64_t number)
{
	uint8_t head_bytes[9];
	size_t size = number < 24	     ? 0
		      : number <= UINT8_MAX  ? 1
		      : number <= UINT16_MAX ? 2
		      : number <= UINT32_MAX ? 4
					     : 8;
	unsigned info = size == 0   ? (unsigned)number
			: size == 1 ? 24
			: size == 2 ? 25
			: size == 4 ? 26
				    : 27;

	head_bytes[0] = (uint8_t)(type << 5 | info);
	for (size_t i = 0; i < size; i++)
		head_bytes[1 + i] = (uint8_t)(number >> 8 * (size - 1 - i));
	cbor_put_encoded(w, head_bytes, 1 + size);
}

void cbor_put_uint(struct cbor_writer *w, uint64_t value)
{
	put_head(w, CBOR_UINT, value);
}

void cbor_put_int(struct cbor_writer *w, int64_t value)
{
	put_head(w, value < 0 ? CBOR_NEGATIVE : CBOR_UINT,
		 value < 0 ? ~(uint64_t)value : (uint64_t)value);
}

void cbor_put_bytes(struct cbor_writer *w, const void *data, size_t size)
{
	put_head(w, CBOR_BYTES, size);
	cbor_put_encoded(w, data, size);
}

void cbor_put_text(struct cbor_writer *w, const char *text)
{
	size_t size = 0;

	while (text[size])
		size++;
	put_head(w, CBOR_TEXT, size);
	cbor_put_encoded(w, text, size);
}

void cbor_put_array(struct cbor_writer *w, uint64_t count)
{
	put_head(w, CBOR_ARRAY, count);
}

void cbor_put_map(struct cbor_writer *w, uint64_t pairs)
{
	put_head(w, CBOR_MAP, pairs);
}

void cbor_put_tag(struct cbor_writer *w, uint64_t tag)
{
	put_head(w, CBOR_TAG, tag);
}

void cbor_put_bool(struct cbor_writer *w, bool value)
{
	put_head(w, 7, value ? 21 : 20);
}

void cbor_put_null(struct cbor_writer *w)
{
	put_head(w, 7, 22);
}

/* --- Diagnostic notation --- */

/* Text that stops growing when the buffer is full. */
struct notation {
	char *text;
	size_t room, len;
};

static void put_char(struct notation *n, char c)
{
	if (n->len + 1 < n->room)
		n->text[n->len++] = c;
}

static void put_string(struct notation *n, const char *s)
{
	while (*s)
		put_char(n, *s++);
}

static void put_hex(struct notation *n, uint64_t value, unsigned digits)
{
	while (digits--)
		put_char(n, "0123456789abcdef"[value >> 4 * digits & 15]);
}

static void put_decimal(struct notation *n, uint64_t value)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	for (; i < sizeof(digits); i++)
		put_char(n, digits[i]);
}

/* -1 - value, which for the largest is one more than 64 bits hold. */
static void put_negative(struct notation *n, uint64_t value)
{
	put_char(n, '-');
	if (value == UINT64_MAX)
		put_string(n, "18446744073709551616");
	else
		put_decimal(n, value + 1);
}

static void put_quoted(struct notation *n, const uint8_t *s, size_t size)
{
	put_char(n, '"');
	for (size_t i = 0; i < size; i++) {
		if (s[i] == '"' || s[i] == '\\') {
			put_char(n, '\\');
			put_char(n, (char)s[i]);
		} else if (s[i] < 0x20 || s[i] == 0x7f) { /* for terminals */
			put_string(n, "\\u00");
			put_hex(n, s[i], 2);
		} else {
			put_char(n, (char)s[i]);
		}
	}
	put_char(n, '"');
}

/*
 * A finite number is (fraction / 2^bits) * 2^exponent: exact in decimal, digit by digit, if its
 * whole part has 64 bits and its fraction 60. Others are shown as their bits:
 * float'7e37e43c8800759c'.
 */
static void put_float(struct notation *n, uint64_t bits, size_t size)
{
	unsigned fraction_bits = size == 8 ? 52 : size == 4 ? 23 : 10;
	int bias = size == 8 ? 1023 : size == 4 ? 127 : 15;
	int raw = (int)(bits >> fraction_bits) & (2 * bias + 1);
	uint64_t fraction = bits & ((1ull << fraction_bits) - 1);
	int shift = (raw ? raw - bias : 1 - bias) -
		    (int)fraction_bits; /* value = significand * 2^shift */
	uint64_t significand = raw ? fraction | 1ull << fraction_bits : fraction;

	if (raw == 2 * bias + 1 && fraction) {
		put_string(n, "NaN");
		return;
	}
	while (significand && !(significand & 1) && shift < 0) {
		significand >>= 1;
		shift++;
	}
	if (!significand)
		shift = 0;
	if (raw != 2 * bias + 1 &&
	    (shift < -60 || shift > 11 || significand >> (64 - MAX(shift, 0) - 1) > 1)) {
		put_string(n, "float'");
		put_hex(n, bits, (unsigned)size * 2);
		put_char(n, '\'');
		return;
	}
	if (bits >> (size * 8 - 1))
		put_char(n, '-');
	if (raw == 2 * bias + 1) {
		put_string(n, "Infinity");
		return;
	}
	put_decimal(n, shift >= 0 ? significand << shift : significand >> -shift);
	put_char(n, '.');
	if (shift >= 0) {
		put_char(n, '0');
		return;
	}
	fraction = significand & ((1ull << -shift) - 1);
	while (fraction) { /* 60 bits times ten fit into 64 */
		fraction *= 10;
		put_char(n, (char)('0' + (fraction >> -shift)));
		fraction &= (1ull << -shift) - 1;
	}
}

static void put_scalar(struct notation *n, const struct cbor_item *item)
{
	static const char *const simple[] = { "false", "true", "null", "undefined" };

	switch (item->type) {
	case CBOR_UINT:
		put_decimal(n, item->number);
		break;
	case CBOR_NEGATIVE:
		put_negative(n, item->number);
		break;
	case CBOR_BYTES:
		put_string(n, "h'");
		for (size_t i = 0; i < item->size && n->len + 1 < n->room; i++)
			put_hex(n, item->data[i], 2);
		put_char(n, '\'');
		break;
	case CBOR_TEXT:
		put_quoted(n, item->data, item->size);
		break;
	case CBOR_FLOAT:
		put_float(n, item->number, item->size);
		break;
	default:
		if (item->number >= 20 && item->number < 24) {
			put_string(n, simple[item->number - 20]);
		} else {
			put_string(n, "simple(");
			put_decimal(n, item->number);
			put_char(n, ')');
		}
	}
}

bool cbor_diagnose(const void *data, size_t size, char *ret_text, size_t room)
{
	struct notation n = { .text = ret_text, .room = room };
	struct open_item open[DEPTH_MAX + 1];
	struct cbor_item item;
	unsigned level = 0;
	struct cbor c;

	if (!room)
		return false;
	ret_text[0] = '\0';
	if (!cbor_well_formed(data, size, true))
		return false;
	cbor_init(&c, data, size);
	c.lenient = true;
	while (head(&c, &item)) {
		uint64_t count = children(&item);

		if (item.type == CBOR_TAG)
			put_decimal(&n, item.number);
		if (item.type >= CBOR_ARRAY && item.type <= CBOR_TAG) {
			put_char(&n, item.type == CBOR_ARRAY ? '['
				     : item.type == CBOR_MAP ? '{'
							     : '(');
			if (*item.start % 32 == 31)
				put_string(&n, "_ ");
			open[level++] = (struct open_item){ .type = item.type, .left = count };
		} else {
			put_scalar(&n, &item);
		}
		for (; level && !open[level - 1].left; level--) {
			enum cbor_type type = open[level - 1].type;

			put_char(&n, type == CBOR_ARRAY ? ']' : type == CBOR_MAP ? '}' : ')');
		}
		if (!level)
			break;
		if (count != open[level - 1].left || item.type < CBOR_ARRAY || item.type > CBOR_TAG)
			put_string(&n, open[level - 1].type == CBOR_MAP && open[level - 1].left % 2
					       ? ": "
					       : ", ");
		open[level - 1].left--;
		skip_breaks(&c);
	}
	ret_text[n.len] = '\0';
	return true;
}
