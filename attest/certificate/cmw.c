/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conceptual message wrapper in a certificate (draft-ietf-rats-msg-wrap, "X.509 extension"): the extension's value is an OCTET
 * STRING with CBOR or a UTF8String with JSON, in which a record, or a record in a collection, holds evidence.
 *
 * Exactly one record must hold evidence that this library can verify: with two, a reader and we might mean different ones. The type string
 * decides only for our own media type; everything else is told by its bytes, as each evidence type has marks of its own.
 */
#include "attest/certificate/certificate.h"
#include "lib/cbor/cbor.h"
#include "lib/jose/jose.h"
#include "lib/json/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#define MAX_DEPTH 4
/* A record in collections is two levels of brackets at most each. */
#define JSON_DEPTH_MAX (2 * MAX_DEPTH + 2)
#define MAX_RECORDS 64
/* RFC 9277, 4.3: tags 1668546817 to 1668612095 stand for CoAP content formats, TN(cf) = 0x63740101 + (cf / 255) * 256 + cf % 255. */
#define TAG_FIRST 0x63740101u
#define TAG_LAST 0x6374ffffu

static int found(struct span value, bool is_pair, struct certificate_evidence *e,
		 struct cattest_error *err)
{
	struct certificate_evidence inner = { 0 };
	int rc;

	inner.evidence = value;
	if (is_pair) {
		rc = certificate_parse_pair(value, &inner, err);
		if (rc)
			return rc;
	}
	inner.type = certificate_inner_type(inner.evidence);
	if (!inner.type)
		return 0; /* endorsements, reference values, results, evidence of others */
	if (e->type)
		return fail(err, -EBADMSG, "certificate: its CMW holds more than one evidence");
	e->type = inner.type;
	e->evidence = inner.evidence;
	e->claims = inner.claims;
	return 0;
}

static int cbor_cmw(struct cbor *c, unsigned depth, unsigned *records,
		    struct certificate_evidence *e, struct cattest_error *err);

static int cbor_collection(struct cbor *c, uint64_t pairs, unsigned depth, unsigned *records,
			   struct certificate_evidence *e, struct cattest_error *err)
{
	for (uint64_t i = 0; i < pairs; i++) {
		struct cbor_item label, skipped;
		int rc;

		if (!cbor_next(c, &label) || (label.type != CBOR_TEXT && label.type != CBOR_UINT &&
					      label.type != CBOR_NEGATIVE))
			return fail(
				err, -EBADMSG,
				"certificate: a label of its CMW collection is neither text nor a number");
		if (label.type == CBOR_TEXT && label.size == 8 &&
		    !memcmp(label.data, "__cmwc_t", 8)) {
			if (!cbor_next(c, &skipped) ||
			    (skipped.type != CBOR_TEXT && skipped.type != CBOR_TAG &&
			     skipped.type != CBOR_BYTES))
				return fail(
					err, -EBADMSG,
					"certificate: the type of its CMW collection is malformed");
			/* An OID under its tag 111 (RFC 9090). */
			if (skipped.type == CBOR_TAG && !cbor_expect(c, CBOR_BYTES, &skipped))
				return fail(
					err, -EBADMSG,
					"certificate: the type of its CMW collection is malformed");
			continue;
		}
		rc = cbor_cmw(c, depth + 1, records, e, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int cbor_record(struct cbor *c, uint64_t items, struct certificate_evidence *e,
		       struct cattest_error *err)
{
	struct cbor_item type, value, indicator;
	bool is_pair;

	if (items < 2 || items > 3 || !cbor_next(c, &type) ||
	    (type.type != CBOR_TEXT && type.type != CBOR_UINT) ||
	    !cbor_expect(c, CBOR_BYTES, &value) ||
	    (items == 3 && !cbor_expect(c, CBOR_UINT, &indicator)))
		return fail(err, -EBADMSG,
			    "certificate: a record of its CMW is not [type, value, indicator]");
	is_pair = type.type == CBOR_TEXT && type.size == strlen(CERTIFICATE_CMW_MEDIA_TYPE) &&
		  !memcmp(type.data, CERTIFICATE_CMW_MEDIA_TYPE, type.size);
	return found(SPAN(value.data, value.size), is_pair, e, err);
}

static int cbor_cmw(struct cbor *c, unsigned depth, unsigned *records,
		    struct certificate_evidence *e, struct cattest_error *err)
{
	struct cbor_item item, value;

	if (depth > MAX_DEPTH || ++*records > MAX_RECORDS)
		return fail(
			err, -EBADMSG,
			"certificate: its CMW is nested deeper than %d or holds over %d records",
			MAX_DEPTH, MAX_RECORDS);
	if (!cbor_next(c, &item))
		return fail(err, -EBADMSG, "certificate: its CMW is not well-formed CBOR");
	if (item.type == CBOR_ARRAY)
		return cbor_record(c, item.number, e, err);
	if (item.type == CBOR_MAP)
		return cbor_collection(c, item.number, depth, records, e, err);
	if (item.type == CBOR_TAG && certificate_cmw_tag(item.number) &&
	    cbor_expect(c, CBOR_BYTES, &value))
		return found(SPAN(value.data, value.size), false, e, err);
	return fail(err, -EBADMSG,
		    "certificate: its CMW is neither record, tagged value nor collection");
}

static int json_record(const json_t *record, struct certificate_evidence *e,
		       struct cattest_error *err)
{
	size_t items = json_array_size(record), size = 0;
	const json_t *type = json_array_get(record, 0), *value = json_array_get(record, 1);
	bool had = e->type;
	uint8_t *bytes;
	int rc;

	if (items < 2 || items > 3 || !(json_is_string(type) || json_is_integer(type)) ||
	    !json_is_string(value) || (items == 3 && !json_is_integer(json_array_get(record, 2))))
		return fail(err, -EBADMSG,
			    "certificate: a record of its CMW is not [type, value, indicator]");
	rc = base64url_decode(json_string_value(value), json_string_length(value), &bytes, &size);
	if (rc)
		return fail(err, rc,
			    "certificate: a value of its CMW is not base64url without padding");
	rc = found(SPAN(bytes, size),
		   json_is_string(type) &&
			   !strcmp(json_string_value(type), CERTIFICATE_CMW_MEDIA_TYPE),
		   e, err);
	if (!rc && e->type && !had)
		e->decoded = bytes;
	else
		free(bytes);
	return rc;
}

static int json_cmw(json_t *cmw, unsigned depth, unsigned *records, struct certificate_evidence *e,
		    struct cattest_error *err)
{
	const char *label;
	json_t *inner;
	int rc;

	if (depth > MAX_DEPTH || ++*records > MAX_RECORDS)
		return fail(
			err, -EBADMSG,
			"certificate: its CMW is nested deeper than %d or holds over %d records",
			MAX_DEPTH, MAX_RECORDS);
	if (json_is_array(cmw))
		return json_record(cmw, e, err);
	if (!json_is_object(cmw))
		return fail(err, -EBADMSG, "certificate: its CMW is neither record nor collection");
	json_object_foreach(cmw, label, inner) {
		if (!strcmp(label, "__cmwc_t")) {
			if (!json_is_string(inner))
				return fail(
					err, -EBADMSG,
					"certificate: the type of its CMW collection is malformed");
			continue;
		}
		rc = json_cmw(inner, depth + 1, records, e, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int parse_json(struct span text, struct certificate_evidence *e, struct cattest_error *err)
{
	unsigned records = 0;
	json_t *cmw;
	int rc;

	cmw = json_read(text.data, text.size, JSON_DEPTH_MAX, NULL);
	if (!cmw)
		return fail(err, -EBADMSG, "certificate: its CMW is not JSON");
	rc = json_cmw(cmw, 1, &records, e, err);
	json_decref(cmw);
	return rc;
}

static int parse_cbor(struct span encoded, struct certificate_evidence *e,
		      struct cattest_error *err)
{
	unsigned records = 0;
	struct cbor c;
	int rc;

	if (!cbor_well_formed(encoded.data, encoded.size, true))
		return fail(err, -EBADMSG, "certificate: its CMW is not well-formed CBOR");
	cbor_init_lenient(&c, encoded.data, encoded.size);
	rc = cbor_cmw(&c, 1, &records, e, err);
	if (!rc && !cbor_done(&c))
		rc = fail(err, -EBADMSG, "certificate: bytes follow its CMW");
	return rc;
}

static int need_evidence(const struct certificate_evidence *e, struct cattest_error *err)
{
	return e->type ? 0
		       : fail(err, -ENOTSUP,
			      "certificate: its CMW holds no evidence of a kind known here");
}

int certificate_parse_cmw(struct span value, struct certificate_evidence *e,
			  struct cattest_error *err)
{
	const uint8_t *at = value.data;
	long len = 0;
	int tag = 0, class = 0, form;
	int rc;

	/* CMW ::= CHOICE { json UTF8String, cbor OCTET STRING } */
	form = ASN1_get_object(&at, &len, &tag, &class, (long)value.size);
	if (form || class != V_ASN1_UNIVERSAL || len < 0 ||
	    (size_t)len != value.size - (size_t)(at - value.data) ||
	    (tag != V_ASN1_UTF8STRING && tag != V_ASN1_OCTET_STRING))
		return fail(
			err, -EBADMSG,
			"certificate: its CMW extension is neither one UTF8String nor one OCTET STRING");
	rc = tag == V_ASN1_UTF8STRING ? parse_json(SPAN(at, (size_t)len), e, err)
				      : parse_cbor(SPAN(at, (size_t)len), e, err);
	return rc ? rc : need_evidence(e, err);
}

bool certificate_cmw_tag(uint64_t tag)
{
	return tag >= TAG_FIRST && tag <= TAG_LAST;
}

int certificate_parse_cmw_bytes(struct span cmw, struct certificate_evidence *e,
				struct cattest_error *err)
{
	/* In CBOR these begin byte and text strings of 2^32 bytes and more. */
	bool json = cmw.size && (cmw.data[0] == '[' || cmw.data[0] == '{');
	int rc = json ? parse_json(cmw, e, err) : parse_cbor(cmw, e, err);

	return rc ? rc : need_evidence(e, err);
}

int certificate_cmw_unwrap(struct span cmw, uint8_t **ret_evidence, size_t *ret_size)
{
	struct certificate_evidence e = { 0 };
	int rc;

	while (cmw.size && strchr(" \t\r\n", cmw.data[0]) && cmw.data[0])
		cmw = SPAN(cmw.data + 1, cmw.size - 1);
	/* With a claims buffer it is bound to a key, which is not here. */
	rc = certificate_parse_cmw_bytes(cmw, &e, NULL) || e.claims.data ? -ENOENT : 0;
	if (!rc) {
		*ret_evidence = malloc(e.evidence.size);
		*ret_size = e.evidence.size;
		rc = *ret_evidence ? 0 : -ENOMEM;
	}
	if (!rc)
		memcpy(*ret_evidence, e.evidence.data, e.evidence.size);
	certificate_evidence_done(&e);
	return rc;
}
