/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CBOR (RFC 8949), strict: definite lengths, shortest heads (preferred serialization), nesting at
 * most 16, no duplicate map keys, nothing after the end, UTF-8 checked. Reading is in place over
 * the caller's bytes; nothing is allocated. Freestanding. A map whose keys do not ascend has at
 * most 128 pairs.
 *
 * Lenient readers are for what others wrote (COSE, CWT, CoRIM): longer heads than needed, and
 * arrays and maps of indefinite length, which newer Nitro documents have. Such an array or map
 * reads as if its length had been given: its item carries the count, and the break is stepped
 * over. Strings of indefinite length are refused in both modes: they are not in one piece.
 *
 * A reader walks items one after the other; a container's children follow its head. An error is
 * sticky: every later call gives false, and cbor_done() says so once at the end.
 */
#pragma once

#include "lib/base/types.h"

enum cbor_type {
	CBOR_UINT = 0,
	CBOR_NEGATIVE = 1, /* value -1 - number */
	CBOR_BYTES = 2,
	CBOR_TEXT = 3,
	CBOR_ARRAY = 4,
	CBOR_MAP = 5,
	CBOR_TAG = 6,
	CBOR_SIMPLE = 7, /* number: 20 false, 21 true, 22 null, 23 undefined */
	CBOR_FLOAT = 8,	 /* number: the bits, size: 2, 4, 8 */
};

struct cbor_item {
	enum cbor_type type;
	uint64_t number;     /* UINT, NEGATIVE, TAG, SIMPLE, FLOAT; ARRAY: items; MAP: pairs */
	const uint8_t *data; /* BYTES, TEXT */
	size_t size;
	const uint8_t *start; /* of the encoded item */
};

struct cbor {
	const uint8_t *at, *end;
	bool bad, lenient;
	unsigned depth; /* readers inside readers: at most 16 */
};

void cbor_init(struct cbor *c, const void *data, size_t size);
/*
 * As cbor_init, for what others wrote. The input is looked at as a whole: the reader is bad from
 * the start if it is not well-formed.
 */
void cbor_init_lenient(struct cbor *c, const void *data, size_t size);
/*
 * The next item's head. A container's children come next. A map is only given if no key in it
 * comes twice.
 */
bool cbor_next(struct cbor *c, struct cbor_item *ret_item);
/* Looks without moving. */
bool cbor_peek(const struct cbor *c, struct cbor_item *ret_item);
/*
 * The next item with all its children, checked; ret_encoded (may be NULL) and ret_size say where
 * it stood.
 */
bool cbor_skip(struct cbor *c, const uint8_t **ret_encoded, size_t *ret_size);
/* The next item must be of that type. */
bool cbor_expect(struct cbor *c, enum cbor_type type, struct cbor_item *ret_item);
bool cbor_expect_tag(struct cbor *c, uint64_t tag);
/* A reader over one encoded item, in the same mode. */
void cbor_inner(const struct cbor *c, const uint8_t *encoded, size_t size, struct cbor *ret_inner);
/*
 * A map's value by its key: the reader stands behind the map's head with `pairs` pairs. Gives a
 * reader on the value. A key that comes twice anywhere in the map is an error (bad is set on c).
 * false without bad: not there.
 */
bool cbor_map_find(struct cbor *c, uint64_t pairs, int64_t key, struct cbor *ret_value);
bool cbor_map_find_text(struct cbor *c, uint64_t pairs, const char *key, struct cbor *ret_value);
/* True if all was read and nothing was bad. */
bool cbor_done(const struct cbor *c);
/* The whole input is exactly one well-formed item by the rules above (walks everything). */
bool cbor_well_formed(const void *data, size_t size, bool lenient);
/*
 * Diagnostic notation (RFC 8949, section 8) of one item, NUL-terminated and cut to fit; false if
 * malformed.
 */
bool cbor_diagnose(const void *data, size_t size, char *ret_text, size_t room);

/*
 * --- Writing, into the caller's buffer; overflow is sticky and size goes on counting (so a first
 * run with room 0 measures). ---
 */
struct cbor_writer {
	uint8_t *buffer;
	size_t room, size;
	bool overflow;
};
void cbor_writer_init(struct cbor_writer *w, void *buffer, size_t room);
void cbor_put_uint(struct cbor_writer *w, uint64_t value);
void cbor_put_int(struct cbor_writer *w, int64_t value);
void cbor_put_bytes(struct cbor_writer *w, const void *data, size_t size);
void cbor_put_text(struct cbor_writer *w, const char *text);
void cbor_put_array(struct cbor_writer *w, uint64_t count);
void cbor_put_map(struct cbor_writer *w, uint64_t pairs);
void cbor_put_tag(struct cbor_writer *w, uint64_t tag);
void cbor_put_bool(struct cbor_writer *w, bool value);
void cbor_put_null(struct cbor_writer *w);
void cbor_put_encoded(struct cbor_writer *w, const void *encoded, size_t size);
