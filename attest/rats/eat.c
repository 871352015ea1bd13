/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entity attestation tokens (RFC 9711), shown: CWT (a COSE_Sign1, perhaps under tag 61), unsigned
 * claim sets (tag 601), Arm CCA tokens (tag 399: platform and realm token), JWT, and claims sets
 * in JSON. PSA tokens (RFC 9783) are CWTs with claims of their own. Signatures are not verified:
 * the keys are those of devices and services that this library does not know.
 */
#include "attest/rats/rats_internal.h"

#include "lib/jose/jose.h"
#include "lib/json/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define CWT_TAG 61
#define UCCS_TAG 601
#define CCA_TAG 399
#define CCA_PLATFORM 44234
#define CCA_REALM 44241
#define JWT_MAX (1u << 20)
#define JSON_DEPTH_MAX 32

/* RFC 8392, RFC 9711, RFC 9783, draft-ffm-rats-cca-token */
static const struct {
	int64_t key;
	const char *name;
} names[] = {
	{ 1, "iss" },
	{ 2, "sub" },
	{ 3, "aud" },
	{ 4, "exp" },
	{ 5, "nbf" },
	{ 6, "iat" },
	{ 7, "cti" },
	{ 8, "cnf" },
	{ 10, "eat_nonce" },
	{ 256, "ueid" },
	{ 257, "sueids" },
	{ 258, "oemid" },
	{ 259, "hwmodel" },
	{ 260, "hwversion" },
	{ 261, "uptime" },
	{ 262, "oemboot" },
	{ 263, "dbgstat" },
	{ 264, "location" },
	{ 265, "eat_profile" },
	{ 266, "submods" },
	{ 267, "bootcount" },
	{ 268, "bootseed" },
	{ 269, "dloas" },
	{ 270, "swname" },
	{ 271, "swversion" },
	{ 272, "manifests" },
	{ 273, "measurements" },
	{ 274, "measres" },
	{ 275, "intuse" },
	{ 282, "cmw" },
	{ 1000, "ear.status" },
	{ 1001, "ear.trustworthiness-vector" },
	{ 1002, "ear.raw-evidence" },
	{ 1003, "ear.appraisal-policy-id" },
	{ 1004, "ear.verifier-id" },
	{ 2394, "psa-client-id" },
	{ 2395, "psa-security-lifecycle" },
	{ 2396, "psa-implementation-id" },
	{ 2397, "psa-boot-seed" },
	{ 2398, "psa-certification-reference" },
	{ 2399, "psa-software-components" },
	{ 2400, "psa-verification-service-indicator" },
	{ 2401, "cca-platform-config" },
	{ 2402, "cca-platform-hash-algorithm" },
	{ 44235, "cca-realm-personalization-value" },
	{ 44236, "cca-realm-hash-algorithm" },
	{ 44237, "cca-realm-public-key" },
	{ 44238, "cca-realm-initial-measurement" },
	{ 44239, "cca-realm-extensible-measurements" },
	{ 44240, "cca-realm-public-key-hash-algorithm" },
};

static const char *claim_label(const struct cbor_item *key, char buffer[300])
{
	if (key->type == CBOR_TEXT)
		return safe_text(SPAN(key->data, key->size), buffer, 300);
	snprintf(buffer, 300, "%s%llu", key->type == CBOR_NEGATIVE ? "-1-" : "",
		 (unsigned long long)key->number);
	if (key->type == CBOR_NEGATIVE && key->number < INT64_MAX)
		snprintf(buffer, 300, "%lld", -1 - (long long)key->number);
	for (size_t i = 0; key->type == CBOR_UINT && i < sizeof(names) / sizeof(names[0]); i++)
		if ((uint64_t)names[i].key == key->number)
			return names[i].name;
	return buffer;
}

/* Claims that have names of their own here. */
static void show_named(struct appraisal *a, uint64_t key, struct span encoded)
{
	/* RFC 9711, 4.2.9 */
	static const char *const debug[] = { "enabled", "disabled", "disabled-since-boot",
					     "disabled-permanently",
					     "disabled-fully-and-permanently" };
	char text[RATS_TEXT_MAX];
	struct cbor_item item;
	struct cbor c;

	cbor_init_lenient(&c, encoded.data, encoded.size);
	if (!cbor_next(&c, &item))
		return;
	if (key == 10 && item.type == CBOR_ARRAY && (!item.number || !cbor_next(&c, &item)))
		return;
	if (key == 10 && item.type == CBOR_BYTES && !claim_find(a, "eat.nonce"))
		claim_bytes(a, "eat.nonce", SPAN(item.data, item.size));
	if (key == 256 && item.type == CBOR_BYTES && !claim_find(a, "eat.ueid"))
		claim_bytes(a, "eat.ueid", SPAN(item.data, item.size));
	if (key == 265 && !claim_find(a, "eat.profile"))
		claim_string(a, "eat.profile", rats_identifier(encoded, text));
	if (key == 263 && item.type == CBOR_UINT && item.number < 5 &&
	    !claim_find(a, "eat.debug_status"))
		claim_string(a, "eat.debug_status", debug[item.number]);
}

/* One claims set; prefix says whose. */
static bool show_claims(struct appraisal *a, struct span in, const char *prefix)
{
	char text[RATS_TEXT_MAX], label[300];
	struct cbor_item item, key;
	const uint8_t *encoded;
	struct cbor c;
	size_t size;

	cbor_init_lenient(&c, in.data, in.size);
	if (!cbor_expect(&c, CBOR_MAP, &item) || !cbor_well_formed(in.data, in.size, true))
		return false;
	for (uint64_t i = 0; i < item.number; i++) {
		if (!cbor_next(&c, &key) || (key.type > CBOR_NEGATIVE && key.type != CBOR_TEXT) ||
		    !cbor_skip(&c, &encoded, &size))
			return false;
		if (i >= RATS_ENTRIES_MAX)
			continue;
		claim_add(a, "eat.claims", "%s%s: %s", prefix, claim_label(&key, label),
			  rats_diagnose(SPAN(encoded, size), text));
		if (key.type == CBOR_UINT)
			show_named(a, key.number, SPAN(encoded, size));
	}
	return cbor_done(&c);
}

static bool show_cwt(struct appraisal *a, struct span in, const char *prefix)
{
	struct cose_sign1 s;
	char text[32];

	if (!cose_sign1_parse(in, &s))
		return false;
	cose_algorithm(s.protected_header, text, sizeof(text));
	if (!claim_find(a, "eat.algorithm"))
		claim_string(a, "eat.algorithm", text);
	return show_claims(a, s.payload, prefix);
}

/* A CCA token's halves are CWTs in byte strings, or directly. */
static bool show_cca(struct appraisal *a, struct cbor *c)
{
	static const struct {
		int64_t key;
		const char *prefix;
	} halves[] = { { CCA_PLATFORM, "platform." }, { CCA_REALM, "realm." } };
	struct cbor_item map, item;

	if (!cbor_expect(c, CBOR_MAP, &map))
		return false;
	for (size_t i = 0; i < 2; i++) {
		const uint8_t *encoded;
		struct cbor value;
		size_t size;

		if (!cbor_map_find(c, map.number, halves[i].key, &value) ||
		    !cbor_peek(&value, &item) || !cbor_skip(&value, &encoded, &size))
			return false;
		if (!show_cwt(a,
			      item.type == CBOR_BYTES ? SPAN(item.data, item.size)
						      : SPAN(encoded, size),
			      halves[i].prefix))
			return false;
	}
	return true;
}

/* --- JWT --- */

/* Three parts of base64url. */
static bool is_jwt(struct span in)
{
	unsigned dots = 0;

	while (in.size && (in.data[in.size - 1] == '\n' || in.data[in.size - 1] == '\r'))
		in.size--;
	if (in.size < 20 || in.size > JWT_MAX || !span_starts(in, "eyJ", 3))
		return false;
	for (size_t i = 0; i < in.size; i++) {
		uint8_t c = in.data[i];

		dots += c == '.';
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_' || c == '.'))
			return false;
	}
	return dots == 2;
}

static json_t *jwt_part(struct span in, size_t from, size_t to)
{
	uint8_t *bytes;
	size_t size;
	json_t *json;

	if (base64url_decode((const char *)in.data + from, to - from, &bytes, &size))
		return NULL;
	json = size > JWT_MAX / 2 ? NULL : json_read(bytes, size, JSON_DEPTH_MAX, NULL);
	free(bytes);
	if (json && !json_is_object(json)) {
		json_decref(json);
		json = NULL;
	}
	return json;
}

static void show_json_claims(struct appraisal *a, json_t *payload)
{
	char name[300], text[RATS_TEXT_MAX];
	size_t shown = 0;
	const char *key;
	json_t *value;

	json_object_foreach(payload, key, value) {
		char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		if (dumped && shown++ < RATS_ENTRIES_MAX)
			claim_add(a, "eat.claims", "%s: %s",
				  safe_text(SPAN(key, strlen(key)), name, sizeof(name)),
				  safe_text(SPAN(dumped, strlen(dumped)), text, sizeof(text)));
		free(dumped);
	}
	value = json_object_get(payload, "eat_profile");
	if (json_is_string(value))
		claim_string(a, "eat.profile", json_string_value(value));
}

static bool show_jwt(struct appraisal *a, struct span in)
{
	const uint8_t *first = memchr(in.data, '.', in.size), *second;
	json_t *header, *payload, *alg;
	size_t at, end;
	bool good;

	if (!first)
		return false;
	at = (size_t)(first - in.data) + 1;
	second = memchr(in.data + at, '.', in.size - at);
	if (!second)
		return false;
	end = (size_t)(second - in.data);
	header = jwt_part(in, 0, at - 1);
	payload = jwt_part(in, at, end);
	alg = json_object_get(header, "alg");
	good = payload && json_is_string(alg);
	if (good) {
		claim_string(a, "eat.algorithm", json_string_value(alg));
		show_json_claims(a, payload);
	}
	json_decref(header);
	json_decref(payload);
	return good;
}

/* An unsigned claims set in JSON: told by a claim that only tokens have. NULL: it is none. */
static json_t *json_claims_set(struct span in)
{
	static const char *const marks[] = { "eat_profile", "eat_nonce", "ueid", "ear.verifier-id",
					     "ear.status" };
	json_t *json;

	if (in.size < 2 || in.size > JWT_MAX / 2 || in.data[0] != '{')
		return NULL;
	json = json_read(in.data, in.size, JSON_DEPTH_MAX, NULL);
	for (size_t i = 0; json && i < sizeof(marks) / sizeof(marks[0]); i++)
		if (json_object_get(json, marks[i]))
			return json;
	json_decref(json);
	return NULL;
}

/* A claims set: at least one claim of those that tokens have. */
static bool has_known_claim(struct span in)
{
	struct cbor_item item, key;
	struct cbor c;

	cbor_init_lenient(&c, in.data, in.size);
	if (!cbor_expect(&c, CBOR_MAP, &item))
		return false;
	for (uint64_t i = 0; i < item.number && i < RATS_ENTRIES_MAX; i++) {
		if (!cbor_next(&c, &key) || !cbor_skip(&c, NULL, NULL))
			return false;
		for (size_t k = 0; key.type == CBOR_UINT && k < sizeof(names) / sizeof(names[0]);
		     k++)
			if ((uint64_t)names[k].key == key.number)
				return true;
	}
	return false;
}

static bool eat_detect(struct span in)
{
	struct cose_sign1 s;
	uint64_t tag = 0;
	struct cbor c;

	json_t *json = json_claims_set(in);

	json_decref(json);
	if (json || is_jwt(in))
		return true;
	if (in.size < 4 || in.size > RATS_SIZE_MAX ||
	    (in.data[0] >> 5 != CBOR_TAG && in.data[0] >> 5 != CBOR_ARRAY))
		return false;
	cbor_init_lenient(&c, in.data, in.size);
	if (rats_take_tag(&c, &tag) && (tag == CWT_TAG || tag == UCCS_TAG || tag == CCA_TAG))
		return true;
	return cose_sign1_parse(in, &s) && has_known_claim(s.payload);
}

static int eat_appraise(struct appraisal *a, struct span in)
{
	uint64_t tag = 0;
	json_t *json;
	struct cbor c;
	bool good;

	json = json_claims_set(in);
	if (json) {
		claim_string(a, "eat.form", "json");
		show_json_claims(a, json);
		json_decref(json);
		return 0;
	}
	if (is_jwt(in)) {
		claim_string(a, "eat.form", "jwt");
		return show_jwt(a, in) ? 0 : fail(a->err, -EBADMSG, "eat: the JWT is malformed");
	}
	if (in.size > RATS_SIZE_MAX)
		return fail(a->err, -E2BIG, "eat: larger than %u bytes", RATS_SIZE_MAX);
	cbor_init_lenient(&c, in.data, in.size);
	rats_take_tag(&c, &tag);
	if (tag == CCA_TAG) {
		claim_string(a, "eat.form", "cca-token");
		good = show_cca(a, &c) && cbor_well_formed(in.data, in.size, true);
	} else if (tag == UCCS_TAG) {
		claim_string(a, "eat.form", "uccs");
		good = show_claims(a, SPAN(c.at, (size_t)(c.end - c.at)), "");
	} else {
		claim_string(a, "eat.form", "cwt");
		good = show_cwt(a, tag == CWT_TAG ? SPAN(c.at, (size_t)(c.end - c.at)) : in, "");
	}
	return good ? 0 : fail(a->err, -EBADMSG, "eat: the token is malformed");
}

const struct evidence_type eat_type = {
	.name = "eat",
	.meaning = "entity attestation token (CWT, PSA, CCA, JWT)",
	.detect = eat_detect,
	.appraise = eat_appraise,
	.decode_only = true,
};
