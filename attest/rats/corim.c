/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Concise reference integrity manifests (draft-ietf-rats-corim), shown:
 *
 *   #6.501({ 0: id, 1: [ tags ], ? 2: dependent RIMs, ? 3: profile,
 *            ? 4: { 0: not before, 1: not after }, ? 5: entities })
 *   #6.18 of a COSE_Sign1 around that, content type application/rim+cbor, the signer in header 8
 *   #6.571 concise evidence (TCG DICE Concise Evidence Binding), as Intel uses it for TDX
 *
 * Tags are bytes holding CBOR: 505 CoSWID, 506 CoMID, 508 CoTL. Keys that this file does not know
 * are extensions of profiles, which is why tags are shown as they are, and not taken apart.
 */
#include "attest/rats/rats_internal.h"

#include <errno.h>

#define UNSIGNED_TAG 501
#define EVIDENCE_TAG 571
#define COSE_CONTENT_TYPE 3
#define CORIM_META 8

enum corim_key {
	CORIM_ID = 0,
	CORIM_TAGS = 1,
	CORIM_PROFILE = 3,
	CORIM_VALIDITY = 4,
	CORIM_ENTITIES = 5
};

/* The value of a key, encoded; size 0: not there. */
static struct span value_of(struct cbor *map, uint64_t pairs, int64_t key)
{
	const uint8_t *encoded;
	struct cbor value;
	size_t size;

	if (!cbor_map_find(map, pairs, key, &value) || !cbor_skip(&value, &encoded, &size))
		return SPAN(NULL, 0);
	return SPAN(encoded, size);
}

static void show_tag(struct appraisal *a, struct span encoded)
{
	char text[RATS_TEXT_MAX];
	struct cbor_item item;
	uint64_t tag = 0;
	struct cbor c;

	cbor_init_lenient(&c, encoded.data, encoded.size);
	rats_take_tag(&c, &tag);
	if (cbor_next(&c, &item) && item.type == CBOR_BYTES &&
	    cbor_well_formed(item.data, item.size, true))
		rats_diagnose(SPAN(item.data, item.size), text);
	else
		rats_diagnose(encoded, text);
	if (tag == 505 || tag == 506 || tag == 508)
		claim_add(a, "corim.tags", "%s %s",
			  tag == 505   ? "coswid"
			  : tag == 506 ? "comid"
				       : "cotl",
			  text);
	else
		claim_add(a, "corim.tags", "%llu %s", (unsigned long long)tag, text);
}

/* Each item of a list through show(). */
static bool each_item(struct appraisal *a, struct span list,
		      void (*show)(struct appraisal *a, struct span encoded))
{
	const uint8_t *encoded;
	struct cbor_item item;
	struct cbor c;
	size_t size;

	cbor_init_lenient(&c, list.data, list.size);
	if (!cbor_expect(&c, CBOR_ARRAY, &item))
		return false;
	for (uint64_t i = 0; i < item.number; i++) {
		if (!cbor_skip(&c, &encoded, &size))
			return false;
		if (i < RATS_ENTRIES_MAX)
			show(a, SPAN(encoded, size));
	}
	return cbor_done(&c);
}

static void show_entity(struct appraisal *a, struct span encoded)
{
	char text[RATS_TEXT_MAX];

	claim_add(a, "corim.entities", "%s", rats_diagnose(encoded, text));
}

/* #6.1(integer): seconds since 1970. */
static bool show_time(struct appraisal *a, const char *name, struct span encoded)
{
	struct cbor_item item;
	struct cbor c;

	if (!encoded.size)
		return true;
	cbor_init_lenient(&c, encoded.data, encoded.size);
	if (!cbor_expect_tag(&c, 1) || !cbor_next(&c, &item) || item.type > CBOR_NEGATIVE ||
	    item.number > INT32_MAX * 128ll)
		return false;
	claim_time(a, name,
		   item.type == CBOR_UINT ? (int64_t)item.number : -1 - (int64_t)item.number);
	return true;
}

static bool show_validity(struct appraisal *a, struct span encoded)
{
	struct cbor_item item;
	struct cbor c;

	if (!encoded.size)
		return true;
	cbor_init_lenient(&c, encoded.data, encoded.size);
	return cbor_expect(&c, CBOR_MAP, &item) &&
	       show_time(a, "corim.not_before", value_of(&c, item.number, 0)) &&
	       show_time(a, "corim.not_after", value_of(&c, item.number, 1)) && !c.bad;
}

static bool show_manifest(struct appraisal *a, struct span in)
{
	struct span id, tags, profile, entities, validity;
	char text[RATS_TEXT_MAX];
	struct cbor_item item;
	struct cbor c;

	cbor_init_lenient(&c, in.data, in.size);
	if (!cbor_expect_tag(&c, UNSIGNED_TAG) || !cbor_expect(&c, CBOR_MAP, &item))
		return false;
	id = value_of(&c, item.number, CORIM_ID);
	tags = value_of(&c, item.number, CORIM_TAGS);
	profile = value_of(&c, item.number, CORIM_PROFILE);
	validity = value_of(&c, item.number, CORIM_VALIDITY);
	entities = value_of(&c, item.number, CORIM_ENTITIES);
	if (c.bad || !id.size || !tags.size || !cbor_well_formed(in.data, in.size, true))
		return false;
	claim_string(a, "corim.id", rats_identifier(id, text));
	if (profile.size)
		claim_string(a, "corim.profile", rats_identifier(profile, text));
	return each_item(a, tags, show_tag) &&
	       (!entities.size || each_item(a, entities, show_entity)) &&
	       show_validity(a, validity);
}

/* The protected header: algorithm, and corim-meta with the signer. */
static void show_signer(struct appraisal *a, struct span header)
{
	char text[RATS_TEXT_MAX];
	struct cbor_item item;
	struct cbor c, value;

	cose_algorithm(header, text, sizeof(text));
	claim_string(a, "corim.algorithm", text);
	cbor_init_lenient(&c, header.data, header.size);
	if (cbor_expect(&c, CBOR_MAP, &item) &&
	    cbor_map_find(&c, item.number, CORIM_META, &value) && cbor_next(&value, &item) &&
	    item.type == CBOR_BYTES)
		claim_string(a, "corim.signer", rats_diagnose(SPAN(item.data, item.size), text));
}

static bool is_signed_corim(struct span in, struct cose_sign1 *ret)
{
	struct cbor_item item;
	uint64_t tag;
	struct cbor c;

	if (!cose_sign1_parse(in, ret))
		return false;
	cbor_init_lenient(&c, ret->payload.data, ret->payload.size);
	if (!rats_take_tag(&c, &tag) || tag != UNSIGNED_TAG)
		return false;
	return cbor_next(&c, &item) && item.type == CBOR_MAP;
}

static bool corim_detect(struct span in)
{
	struct cose_sign1 s;
	uint64_t tag;
	struct cbor c;

	if (in.size < 4 || in.size > RATS_SIZE_MAX ||
	    (in.data[0] >> 5 != CBOR_TAG && in.data[0] >> 5 != CBOR_ARRAY))
		return false;
	cbor_init_lenient(&c, in.data, in.size);
	if (rats_take_tag(&c, &tag) && (tag == UNSIGNED_TAG || tag == EVIDENCE_TAG))
		return true;
	return is_signed_corim(in, &s);
}

static int corim_appraise(struct appraisal *a, struct span in)
{
	char text[RATS_TEXT_MAX];
	struct cose_sign1 s;
	uint64_t tag = 0;
	struct cbor c;
	bool good;

	if (in.size > RATS_SIZE_MAX)
		return fail(a->err, -E2BIG, "corim: larger than %u bytes", RATS_SIZE_MAX);
	cbor_init_lenient(&c, in.data, in.size);
	rats_take_tag(&c, &tag);
	if (tag == EVIDENCE_TAG) {
		claim_string(a, "corim.form", "concise-evidence");
		good = cbor_well_formed(in.data, in.size, true);
		if (good)
			claim_add(a, "corim.tags", "571 %s", rats_diagnose(in, text));
	} else if (tag == UNSIGNED_TAG) {
		claim_string(a, "corim.form", "unsigned");
		good = show_manifest(a, in);
	} else {
		claim_string(a, "corim.form", "signed");
		good = is_signed_corim(in, &s);
		if (good)
			show_signer(a, s.protected_header);
		good = good && show_manifest(a, s.payload);
	}
	return good ? 0 : fail(a->err, -EBADMSG, "corim: malformed, or without an id or tags");
}

const struct evidence_type corim_type = {
	.name = "corim",
	.meaning = "concise reference integrity manifest",
	.detect = corim_detect,
	.appraise = corim_appraise,
	.decode_only = true,
};
