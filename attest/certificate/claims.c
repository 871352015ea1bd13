/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claims buffer of an attested certificate: a CBOR map of names to byte strings that the evidence's report data is the
 * SHA-256 of. "pubkey-hash" binds the key, "nonce" is a verifier's, the rest is the application's.
 *
 *   { "pubkey-hash": h'CBOR([hash algorithm, hash of SubjectPublicKeyInfo])', ? "nonce": bytes, * text => bytes }
 */
#include "attest/certificate/certificate.h"
#include "lib/cbor/cbor.h"

#include <errno.h>
#include <stdio.h>

#define MAX_CLAIMS 256
#define MAX_NAME 120

/* IANA, Named Information Hash Algorithm Registry. */
static const struct {
	uint64_t id;
	const char *name;
	size_t size;
} hashes[] = { { 1, "SHA256", 32 }, { 7, "SHA384", 48 }, { 8, "SHA512", 64 } };

static int parse_key_hash(struct span value, struct certificate_claims *claims,
			  struct cattest_error *err)
{
	struct cbor_item array, id, hash;
	struct cbor c;

	cbor_init_lenient(&c, value.data, value.size);
	if (!cbor_expect(&c, CBOR_ARRAY, &array) || array.number != 2 ||
	    !cbor_expect(&c, CBOR_UINT, &id) || !cbor_expect(&c, CBOR_BYTES, &hash) ||
	    !cbor_done(&c))
		return fail(err, -EBADMSG,
			    "certificate: pubkey-hash is not a CBOR array of algorithm and hash");
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if (hashes[i].id != id.number)
			continue;
		if (hash.size != hashes[i].size)
			return fail(err, -EBADMSG,
				    "certificate: pubkey-hash has %zu bytes, %s has %zu", hash.size,
				    hashes[i].name, hashes[i].size);
		claims->digest_name = hashes[i].name;
		claims->key_hash = SPAN(hash.data, hash.size);
		return 0;
	}
	return fail(err, -ENOTSUP, "certificate: hash algorithm %llu of pubkey-hash is unknown",
		    (unsigned long long)id.number);
}

static bool is_name(const struct cbor_item *key, const char *name)
{
	return key->size == strlen(name) && !memcmp(key->data, name, key->size);
}

int certificate_parse_claims(struct span buffer, struct certificate_claims *ret_claims,
			     struct cattest_error *err)
{
	struct certificate_claims claims = { 0 };
	struct cbor_item map, key, value;
	struct cbor c;

	/* Duplicate keys too. */
	if (!cbor_well_formed(buffer.data, buffer.size, true))
		return fail(err, -EBADMSG,
			    "certificate: the claims buffer is not well-formed CBOR");
	cbor_init_lenient(&c, buffer.data, buffer.size);
	if (!cbor_expect(&c, CBOR_MAP, &map) || map.number > MAX_CLAIMS)
		return fail(
			err, -EBADMSG,
			"certificate: the claims buffer is not a CBOR map, or has over %d claims",
			MAX_CLAIMS);
	for (uint64_t i = 0; i < map.number; i++) {
		if (!cbor_expect(&c, CBOR_TEXT, &key) || !cbor_expect(&c, CBOR_BYTES, &value) ||
		    key.size > MAX_NAME)
			return fail(
				err, -EBADMSG,
				"certificate: claim %llu of the claims buffer is not a name (to %d bytes) and a byte string",
				(unsigned long long)i, MAX_NAME);
		if (is_name(&key, "pubkey-hash")) {
			int rc = parse_key_hash(SPAN(value.data, value.size), &claims, err);

			if (rc)
				return rc;
		} else if (is_name(&key, "nonce")) {
			claims.nonce = SPAN(value.data, value.size);
		}
	}
	if (!cbor_done(&c))
		return fail(err, -EBADMSG, "certificate: bytes follow the claims buffer's map");
	if (!claims.digest_name)
		return fail(err, -EBADMSG, "certificate: the claims buffer has no pubkey-hash");
	*ret_claims = claims;
	return 0;
}

/* Claim names are [A-Za-z0-9_-]; another name is shown in hex, so that no two names become one. */
static void custom_claim(struct appraisal *a, const struct cbor_item *key,
			 const struct cbor_item *value)
{
	char name[64 + 2 * MAX_NAME + 1], hex[2 * MAX_NAME + 1];
	bool plain = key->size && !(key->size > 4 && !memcmp(key->data, "hex-", 4));

	for (size_t i = 0; plain && i < key->size; i++) {
		uint8_t b = key->data[i];

		plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
			(b >= '0' && b <= '9') || b == '_' || b == '-';
	}
	if (plain)
		snprintf(name, sizeof(name), "certificate.custom.%.*s", (int)key->size,
			 (const char *)key->data);
	else
		snprintf(name, sizeof(name), "certificate.custom.hex-%s",
			 hex_text(SPAN(key->data, key->size), hex, sizeof(hex)));
	claim_bytes(a, name, SPAN(value->data, value->size));
}

void certificate_state_claims(struct appraisal *a, struct span buffer)
{
	struct cbor_item map, key, value;
	struct cbor c;

	cbor_init_lenient(&c, buffer.data, buffer.size);
	if (!cbor_expect(&c, CBOR_MAP, &map))
		return;
	for (uint64_t i = 0; i < map.number; i++) {
		if (!cbor_expect(&c, CBOR_TEXT, &key) || !cbor_expect(&c, CBOR_BYTES, &value))
			return;
		if (is_name(&key, "pubkey-hash"))
			continue;
		if (!is_name(&key, "nonce"))
			custom_claim(a, &key, &value);
		else if (!claim_find(a, "nonce")) /* else the evidence's own nonce counts */
			claim_bytes(a, "nonce", SPAN(value.data, value.size));
	}
}
