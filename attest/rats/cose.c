/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COSE_Sign1's parts, and CBOR values as people read them. Only for showing: keys for these
 * signatures come from elsewhere, so nothing here verifies.
 */
#include "attest/rats/rats_internal.h"

#include <stdio.h>

#define COSE_SIGN1_TAG 18
#define COSE_ALG 1

static struct span item_span(const struct cbor_item *item)
{
	return SPAN(item->data, item->size);
}

bool rats_take_tag(struct cbor *c, uint64_t *ret_tag)
{
	struct cbor_item item;

	if (!cbor_peek(c, &item) || item.type != CBOR_TAG || !cbor_next(c, &item))
		return false;
	*ret_tag = item.number;
	return true;
}

bool cose_sign1_parse(struct span in, struct cose_sign1 *ret)
{
	struct cose_sign1 s;
	struct cbor_item item;
	const uint8_t *encoded;
	uint64_t tag;
	struct cbor c;
	size_t size;

	cbor_init_lenient(&c, in.data, in.size);
	if (rats_take_tag(&c, &tag) && tag != COSE_SIGN1_TAG)
		return false;
	if (!cbor_expect(&c, CBOR_ARRAY, &item) || item.number != 4 ||
	    !cbor_expect(&c, CBOR_BYTES, &item))
		return false;
	s.protected_header = item_span(&item);
	if (!cbor_peek(&c, &item) || item.type != CBOR_MAP || !cbor_skip(&c, &encoded, &size))
		return false;
	s.unprotected = SPAN(encoded, size);
	if (!cbor_expect(&c, CBOR_BYTES, &item)) /* detached payloads hold nothing to show */
		return false;
	s.payload = item_span(&item);
	if (!cbor_expect(&c, CBOR_BYTES, &item) || !cbor_done(&c))
		return false;
	*ret = s;
	return true;
}

/* RFC 9053 and RFC 8812 */
static const struct {
	int64_t number;
	const char *name;
} algorithms[] = {
	{ -7, "ES256" },  { -35, "ES384" }, { -36, "ES512" }, { -8, "EdDSA" },
	{ -37, "PS256" }, { -38, "PS384" }, { -39, "PS512" },
};

void cose_algorithm(struct span protected_header, char *ret_text, size_t room)
{
	struct cbor_item item;
	struct cbor c, value;

	snprintf(ret_text, room, "none");
	cbor_init_lenient(&c, protected_header.data, protected_header.size);
	if (!cbor_expect(&c, CBOR_MAP, &item) ||
	    !cbor_map_find(&c, item.number, COSE_ALG, &value) || !cbor_next(&value, &item))
		return;
	snprintf(ret_text, room, "unknown");
	if (item.type != CBOR_NEGATIVE || item.number > INT32_MAX)
		return;
	snprintf(ret_text, room, "%lld", -1 - (long long)item.number);
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (algorithms[i].number == -1 - (int64_t)item.number)
			snprintf(ret_text, room, "%s", algorithms[i].name);
}

char *rats_diagnose(struct span encoded, char buffer[RATS_TEXT_MAX])
{
	if (!cbor_diagnose(encoded.data, encoded.size, buffer, RATS_TEXT_MAX - 4))
		snprintf(buffer, RATS_TEXT_MAX, "(malformed)");
	else if (strlen(buffer) == RATS_TEXT_MAX - 5)
		strncat(buffer, "...", 4);
	return buffer;
}

static void uuid_text(struct span in, char *buffer, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < 16; i++)
		len += (size_t)snprintf(buffer + len, room - len, "%s%02x",
					i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
					in.data[i]);
}

/* Relative to nothing: X.690, 8.19. */
static bool oid_text(struct span in, char *buffer, size_t room)
{
	uint64_t value = 0;
	bool first = true;
	size_t len = 0;

	if (!in.size || in.size > 128 || in.data[in.size - 1] & 0x80)
		return false;
	for (size_t i = 0; i < in.size; i++) {
		if (value >> 56)
			return false;
		value = value << 7 | (in.data[i] & 0x7f);
		if (in.data[i] & 0x80)
			continue;
		if (first) {
			unsigned root = value < 80 ? (unsigned)value / 40 : 2;

			len += (size_t)snprintf(buffer + len, room - len, "%u", root);
			value -= 40 * root;
			first = false;
		}
		len += (size_t)snprintf(buffer + len, room - len, ".%llu",
					(unsigned long long)value);
		value = 0;
	}
	return true;
}

char *rats_identifier(struct span encoded, char buffer[RATS_TEXT_MAX])
{
	struct cbor_item item;
	uint64_t tag = 0;
	struct cbor c;

	cbor_init_lenient(&c, encoded.data, encoded.size);
	rats_take_tag(&c, &tag);
	if (!cbor_next(&c, &item))
		return rats_diagnose(encoded, buffer);
	if (item.type == CBOR_TEXT && (!tag || tag == 32))
		return safe_text(item_span(&item), buffer, RATS_TEXT_MAX);
	if (item.type == CBOR_BYTES && (!tag || tag == 37) && item.size == 16) {
		uuid_text(item_span(&item), buffer, RATS_TEXT_MAX);
		return buffer;
	}
	if (item.type == CBOR_BYTES && tag == 111 &&
	    oid_text(item_span(&item), buffer, RATS_TEXT_MAX))
		return buffer;
	return rats_diagnose(encoded, buffer);
}
