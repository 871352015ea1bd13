/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RATS conceptual message wrappers (draft-ietf-rats-msg-wrap), shown:
 *
 *   record      [ type, value, ? indicators ]     in JSON the value is base64url, in CBOR bytes;
 *                                                 a type is text or a CoAP content format
 *   tag         #6.TN(bytes), TN = 0x63740101 + (format / 255) * 256 + format % 255 (RFC 9277)
 *   collection  { ? "__cmwc_t": type, label: record | tag | collection, ... }
 */
#include "attest/rats/rats_internal.h"

#include "lib/jose/jose.h"
#include "lib/json/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define COLLECTION_TYPE "__cmwc_t"
#define TAG_FIRST 1668546817u /* RFC 9277, 4.3 */
#define TAG_LAST 1668612095u
#define DEPTH_MAX 8
#define JSON_MAX (1u << 20)

struct walk {
	struct appraisal *a;
	size_t shown;
	bool malformed;
};

static void show_record(struct walk *w, const char *place, const char *type, size_t size,
			uint64_t indicators)
{
	/* draft, 3.1: bits of "ind" */
	static const char *const names[] = { "reference-values", "endorsements", "evidence",
					     "attestation-results", "policy" };
	char list[128] = "";

	for (unsigned i = 0; i < 5; i++)
		if (indicators >> i & 1)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", names[i]);
	if (w->shown++ < RATS_ENTRIES_MAX)
		claim_add(w->a, "cmw.items", "%s %s, %zu bytes%s", place, type, size, list);
}

/* --- CBOR --- */

static bool cbor_tag_format(uint64_t tag, unsigned *ret_format)
{
	uint64_t offset = tag - TAG_FIRST;

	if (tag < TAG_FIRST || tag > TAG_LAST || offset % 256 == 255)
		return false;
	*ret_format = (unsigned)(offset / 256 * 255 + offset % 256);
	return true;
}

static bool cbor_record(struct walk *w, struct cbor *c, uint64_t count, const char *place)
{
	struct cbor_item type, value, indicators = { .number = 0 };
	char text[256];

	if (count < 2 || count > 3 || !cbor_next(c, &type) || !cbor_expect(c, CBOR_BYTES, &value) ||
	    (count == 3 && !cbor_expect(c, CBOR_UINT, &indicators)))
		return false;
	if (type.type == CBOR_TEXT && type.size)
		safe_text(SPAN(type.data, type.size), text, sizeof(text));
	else if (type.type == CBOR_UINT && type.number <= UINT16_MAX)
		snprintf(text, sizeof(text), "content format %u", (unsigned)type.number);
	else
		return false;
	show_record(w, place, text, value.size, indicators.number);
	return true;
}

static bool cbor_cmw(struct walk *w, struct cbor *c, const char *place, unsigned depth);

static bool cbor_collection(struct walk *w, struct cbor *c, uint64_t pairs, const char *place,
			    unsigned depth)
{
	struct cbor_item label;
	uint64_t others = 0;
	char inner[400], text[256];

	for (uint64_t i = 0; i < pairs; i++) {
		const uint8_t *encoded;
		struct cbor value;
		size_t size;

		if (!cbor_next(c, &label) || !cbor_skip(c, &encoded, &size))
			return false;
		if (label.type == CBOR_TEXT)
			safe_text(SPAN(label.data, label.size), text, sizeof(text));
		else if (label.type == CBOR_UINT || label.type == CBOR_NEGATIVE)
			snprintf(text, sizeof(text), "%s%llu",
				 label.type == CBOR_NEGATIVE ? "-1-" : "",
				 (unsigned long long)label.number);
		else
			return false;
		if (!strcmp(text, COLLECTION_TYPE)) {
			char type[RATS_TEXT_MAX];

			if (!depth)
				claim_string(w->a, "cmw.collection_type",
					     rats_identifier(SPAN(encoded, size), type));
			continue;
		}
		others++;
		cbor_inner(c, encoded, size, &value);
		snprintf(inner, sizeof(inner), "%.120s/%.250s", place, text);
		if (!cbor_cmw(w, &value, inner, depth + 1))
			return false;
	}
	return others;
}

static bool cbor_cmw(struct walk *w, struct cbor *c, const char *place, unsigned depth)
{
	struct cbor_item item, value;
	unsigned format;
	char text[64];

	if (depth > DEPTH_MAX || !cbor_next(c, &item))
		return false;
	if (item.type == CBOR_ARRAY)
		return cbor_record(w, c, item.number, place);
	if (item.type == CBOR_MAP)
		return cbor_collection(w, c, item.number, place, depth);
	if (item.type != CBOR_TAG || !cbor_tag_format(item.number, &format) ||
	    !cbor_expect(c, CBOR_BYTES, &value))
		return false;
	snprintf(text, sizeof(text), "content format %u (tag)", format);
	show_record(w, place, text, value.size, 0);
	return true;
}

/* --- JSON --- */

static bool json_record(struct walk *w, const json_t *record, const char *place)
{
	const json_t *type = json_array_get(record, 0), *value = json_array_get(record, 1),
		     *indicators = json_array_get(record, 2);
	size_t count = json_array_size(record), size;
	uint8_t *bytes;
	char text[256];

	if (count < 2 || count > 3 || !json_is_string(value) ||
	    (count == 3 && (!json_is_integer(indicators) || json_integer_value(indicators) < 0)))
		return false;
	if (json_is_string(type))
		safe_text(SPAN(json_string_value(type), json_string_length(type)), text,
			  sizeof(text));
	else if (json_is_integer(type) && json_integer_value(type) >= 0 &&
		 json_integer_value(type) <= UINT16_MAX)
		snprintf(text, sizeof(text), "content format %u",
			 (unsigned)json_integer_value(type));
	else
		return false;
	if (base64url_decode(json_string_value(value), json_string_length(value), &bytes, &size))
		return false;
	free(bytes);
	show_record(w, place, text, size, (uint64_t)json_integer_value(indicators));
	return true;
}

static bool json_cmw(struct walk *w, json_t *cmw, const char *place, unsigned depth)
{
	const char *label;
	char inner[400], text[256];
	json_t *value;
	size_t others = 0;

	if (depth > DEPTH_MAX)
		return false;
	if (json_is_array(cmw))
		return json_record(w, cmw, place);
	json_object_foreach(cmw, label, value) {
		if (!strcmp(label, COLLECTION_TYPE) && json_is_string(value)) {
			if (!depth)
				claim_string(w->a, "cmw.collection_type", json_string_value(value));
			continue;
		}
		others++;
		safe_text(SPAN(label, strlen(label)), text, sizeof(text));
		snprintf(inner, sizeof(inner), "%.120s/%.250s", place, text);
		if (!json_cmw(w, value, inner, depth + 1))
			return false;
	}
	return others;
}

/* The text is JSON that is not nested deeper than its reader shall recurse. */
static json_t *load_json(struct span in)
{
	if (in.size > JSON_MAX)
		return NULL;
	return json_read(in.data, in.size, DEPTH_MAX + 2, NULL);
}

static bool is_json(struct span in)
{
	for (size_t i = 0; i < in.size && i < 64; i++)
		if (in.data[i] != ' ' && in.data[i] != '\n' && in.data[i] != '\r' &&
		    in.data[i] != '\t')
			return in.data[i] == '{' || in.data[i] == '[';
	return false;
}

/* A record, or an object of records and such objects. */
static bool json_shaped(json_t *cmw, unsigned depth)
{
	const char *label;
	json_t *value;

	if (json_is_array(cmw))
		return json_array_size(cmw) >= 2 && json_array_size(cmw) <= 3 &&
		       json_is_string(json_array_get(cmw, 1)) &&
		       (json_is_string(json_array_get(cmw, 0)) ||
			json_is_integer(json_array_get(cmw, 0)));
	if (!json_is_object(cmw) || !json_object_size(cmw) || depth > DEPTH_MAX)
		return false;
	json_object_foreach(cmw, label, value)
		if (strcmp(label, COLLECTION_TYPE) && !json_shaped(value, depth + 1))
			return false;
	return true;
}

static bool cmw_detect(struct span in)
{
	struct cbor_item item, first;
	unsigned format;
	struct cbor c;
	json_t *json;
	bool shaped;

	if (!in.size || in.size > RATS_SIZE_MAX)
		return false;
	if (is_json(in)) {
		json = load_json(in);
		shaped = json && json_shaped(json, 0);
		json_decref(json);
		return shaped;
	}
	cbor_init_lenient(&c, in.data, in.size);
	if (!cbor_next(&c, &item))
		return false;
	if (item.type == CBOR_TAG)
		return cbor_tag_format(item.number, &format);
	if (item.type == CBOR_ARRAY)
		return (item.number == 2 || item.number == 3) && cbor_next(&c, &first) &&
		       (first.type == CBOR_TEXT || first.type == CBOR_UINT) &&
		       cbor_next(&c, &first) && first.type == CBOR_BYTES;
	/* A map whose first value is a record, a tag or a map again */
	return item.type == CBOR_MAP && item.number && cbor_next(&c, &first) &&
	       first.type <= CBOR_TEXT && first.type != CBOR_BYTES && cbor_next(&c, &item) &&
	       (item.type == CBOR_ARRAY ||
		(item.type == CBOR_TAG && cbor_tag_format(item.number, &format)) ||
		(first.type == CBOR_TEXT && first.size == 8 &&
		 !memcmp(first.data, COLLECTION_TYPE, 8)));
}

static int cmw_appraise(struct appraisal *a, struct span in)
{
	struct walk w = { .a = a };
	struct cbor_item item;
	struct cbor c;
	bool good;

	if (in.size > RATS_SIZE_MAX)
		return fail(a->err, -E2BIG, "cmw: larger than %u bytes", RATS_SIZE_MAX);
	if (is_json(in)) {
		json_t *json = load_json(in);

		claim_string(a, "cmw.form",
			     json_is_array(json) ? "json-record" : "json-collection");
		good = json && json_cmw(&w, json, "", 0);
		json_decref(json);
	} else {
		cbor_init_lenient(&c, in.data, in.size);
		if (!cbor_peek(&c, &item))
			return fail(a->err, -EBADMSG, "cmw: neither JSON nor CBOR");
		claim_string(a, "cmw.form",
			     item.type == CBOR_ARRAY ? "cbor-record"
			     : item.type == CBOR_TAG ? "cbor-tag"
						     : "cbor-collection");
		good = cbor_cmw(&w, &c, "", 0) && cbor_done(&c);
	}
	return good ? 0
		    : fail(a->err, -EBADMSG,
			   "cmw: malformed: neither a record, nor a tag, nor a collection of these");
}

const struct evidence_type cmw_type = {
	.name = "cmw",
	.meaning = "RATS conceptual message wrapper",
	.detect = cmw_detect,
	.appraise = cmw_appraise,
	.decode_only = true,
};
