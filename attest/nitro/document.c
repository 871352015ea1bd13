/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a Nitro attestation document. Everything about its form is decided here, before anything
 * is judged: each field has its type and its limits, mandatory ones are there, and there are no
 * others, as the specification's map is closed. Optional fields may be null.
 *
 * The reader is the lenient one: since 2025 the module writes its payload as a map of indefinite
 * length. What is signed are the payload's bytes as they came, so no form of encoding changes what
 * a signature says. The headers outside the payload are held to the one form that there is: alg
 * ES384 and nothing else.
 */
#include "attest/nitro/document.h"

#include "attest/core/appraisal.h"
#include "lib/cbor/cbor.h"

#include <errno.h>

#define COSE_SIGN1_TAG 18 /* RFC 9052, 4.2 */
#define COSE_ALG 1	  /* RFC 9052, 3.1 */
#define COSE_ES384 (-35)  /* RFC 9053, 2.1 */

static struct span item_span(const struct cbor_item *item)
{
	return SPAN(item->data, item->size);
}

static bool protected_header_fits(struct span header)
{
	struct cbor_item item;
	struct cbor c;

	cbor_init_lenient(&c, header.data, header.size);
	return cbor_expect(&c, CBOR_MAP, &item) && item.number == 1 &&
	       cbor_expect(&c, CBOR_UINT, &item) && item.number == COSE_ALG &&
	       cbor_expect(&c, CBOR_NEGATIVE, &item) && item.number == -1 - COSE_ES384 &&
	       cbor_done(&c);
}

int nitro_cose_parse(struct span in, struct nitro_document *ret_document, struct cattest_error *err)
{
	struct nitro_document d = { 0 };
	struct cbor_item item;
	struct cbor c;

	if (in.size > NITRO_SIZE_MAX)
		return fail(err, -E2BIG, "nitro: a document of %zu bytes, at most %u are read",
			    in.size, NITRO_SIZE_MAX);
	cbor_init_lenient(&c, in.data, in.size);
	if (cbor_peek(&c, &item) && item.type == CBOR_TAG && !cbor_expect_tag(&c, COSE_SIGN1_TAG))
		return fail(err, -EBADMSG, "nitro: CBOR tag %llu, expected none or 18 (COSE_Sign1)",
			    (unsigned long long)item.number);
	if (!cbor_expect(&c, CBOR_ARRAY, &item) || item.number != 4)
		return fail(err, -EBADMSG, "nitro: not a COSE_Sign1, which is an array of 4");
	if (!cbor_expect(&c, CBOR_BYTES, &item))
		return fail(err, -EBADMSG, "nitro: the protected header is no byte string");
	d.protected_header = item_span(&item);
	if (!protected_header_fits(d.protected_header))
		return fail(err, -EBADMSG, "nitro: the protected header is not {1: -35} (ES384)");
	if (!cbor_expect(&c, CBOR_MAP, &item) || item.number)
		return fail(err, -EBADMSG, "nitro: the unprotected header is not empty");
	if (!cbor_expect(&c, CBOR_BYTES, &item))
		return fail(err, -EBADMSG, "nitro: the payload is no byte string");
	d.payload = item_span(&item);
	if (!cbor_expect(&c, CBOR_BYTES, &item) || item.size != NITRO_SIGNATURE_SIZE)
		return fail(err, -EBADMSG, "nitro: the signature is not a byte string of %d bytes",
			    NITRO_SIGNATURE_SIZE);
	d.signature = item_span(&item);
	if (!cbor_done(&c))
		return fail(err, -EBADMSG, "nitro: bytes are left over behind the COSE_Sign1");
	*ret_document = d;
	return 0;
}

/* A byte string of least to most bytes, or null if that is allowed. */
static bool bytes_field(struct cbor *c, size_t least, size_t most, bool null_allowed,
			struct span *ret)
{
	struct cbor_item item;

	if (!cbor_next(c, &item))
		return false;
	if (null_allowed && item.type == CBOR_SIMPLE && item.number == 22)
		return true;
	if (item.type != CBOR_BYTES || item.size < least || item.size > most)
		return false;
	*ret = item_span(&item);
	return true;
}

static bool text_field(struct cbor *c, size_t most, struct span *ret)
{
	struct cbor_item item;

	if (!cbor_expect(c, CBOR_TEXT, &item) || !item.size || item.size > most)
		return false;
	*ret = item_span(&item);
	return true;
}

static bool pcrs_field(struct cbor *c, struct nitro_document *d)
{
	struct cbor_item item, key;
	uint64_t count;

	if (!cbor_expect(c, CBOR_MAP, &item) || !item.number || item.number > NITRO_PCR_MAX)
		return false;
	count = item.number;
	while (count--) {
		if (!cbor_expect(c, CBOR_UINT, &key) || key.number >= NITRO_PCR_MAX ||
		    !cbor_expect(c, CBOR_BYTES, &item))
			return false;
		if (item.size != 32 && item.size != 48 && item.size != 64)
			return false;
		d->pcr[key.number] = item_span(&item);
	}
	return true;
}

static bool bundle_field(struct cbor *c, struct nitro_document *d)
{
	struct cbor_item item;
	uint64_t count;

	if (!cbor_expect(c, CBOR_ARRAY, &item) || !item.number || item.number > NITRO_BUNDLE_MAX)
		return false;
	count = item.number;
	while (count--)
		if (!bytes_field(c, 1, NITRO_CERTIFICATE_MAX, false, &d->bundle[d->bundle_count++]))
			return false;
	return true;
}

enum field {
	MODULE_ID,
	DIGEST,
	TIMESTAMP,
	PCRS,
	CERTIFICATE,
	CABUNDLE,
	PUBLIC_KEY,
	USER_DATA,
	NONCE,
	FIELD_COUNT
};
static const char *const field_names[FIELD_COUNT] = { "module_id",  "digest",	   "timestamp",
						      "pcrs",	    "certificate", "cabundle",
						      "public_key", "user_data",   "nonce" };
#define MANDATORY ((1u << PUBLIC_KEY) - 1)

static enum field field_of(const struct cbor_item *key)
{
	for (unsigned i = 0; key->type == CBOR_TEXT && i < FIELD_COUNT; i++)
		if (key->size == strlen(field_names[i]) &&
		    !memcmp(key->data, field_names[i], key->size))
			return (enum field)i;
	return FIELD_COUNT;
}

static bool field_read(struct cbor *c, enum field field, struct nitro_document *d)
{
	struct cbor_item item;

	switch (field) {
	case MODULE_ID:
		return text_field(c, 256, &d->module_id); /* no limit is specified */
	case DIGEST:
		return text_field(c, 6, &d->digest) && span_equal(d->digest, SPAN("SHA384", 6));
	case TIMESTAMP: /* milliseconds; what dates can say */
		if (!cbor_expect(c, CBOR_UINT, &item) || !item.number ||
		    item.number > 253402300799999)
			return false;
		d->timestamp_ms = item.number;
		return true;
	case PCRS:
		return pcrs_field(c, d);
	case CERTIFICATE:
		return bytes_field(c, 1, NITRO_CERTIFICATE_MAX, false, &d->certificate);
	case CABUNDLE:
		return bundle_field(c, d);
	case PUBLIC_KEY:
		return bytes_field(c, 1, 1024, true, &d->public_key);
	case USER_DATA: /* the document says 512; the module's driver takes 1,024 */
		return bytes_field(c, 0, 1024, true, &d->user_data);
	case NONCE:
		return bytes_field(c, 0, 512, true, &d->nonce);
	default:
		return false;
	}
}

int nitro_document_parse(struct span in, struct nitro_document *ret_document,
			 struct cattest_error *err)
{
	struct nitro_document d;
	struct cbor_item item;
	unsigned seen = 0;
	uint64_t pairs;
	struct cbor c;
	int ret = nitro_cose_parse(in, &d, err);

	if (ret)
		return ret;
	cbor_init_lenient(&c, d.payload.data, d.payload.size);
	if (!cbor_expect(&c, CBOR_MAP, &item))
		return fail(err, -EBADMSG, "nitro: the payload is no map with distinct keys");
	pairs = item.number;
	while (pairs--) {
		enum field field;

		if (!cbor_next(&c, &item))
			return fail(err, -EBADMSG, "nitro: the payload ends in a field's name");
		field = field_of(&item);
		if (item.type == CBOR_TEXT &&
		    span_equal(item_span(&item), SPAN("nitrotpm_pcrs", 13)))
			return fail(
				err, -ENOTSUP,
				"nitro: a document of a NitroTPM, whose PCRs are an instance's and no enclave's: not judged here");
		if (field == FIELD_COUNT)
			return fail(
				err, -EBADMSG,
				"nitro: the payload has a field that the specification does not know");
		if (!field_read(&c, field, &d))
			return fail(
				err, -EBADMSG,
				"nitro: the field \"%s\" has the wrong type or is out of its limits",
				field_names[field]);
		seen |= 1u << field;
	}
	if (!cbor_done(&c))
		return fail(err, -EBADMSG, "nitro: bytes are left over behind the payload's map");
	for (unsigned i = 0; i < FIELD_COUNT; i++)
		if (MANDATORY & ~seen & 1u << i)
			return fail(err, -EBADMSG, "nitro: the field \"%s\" is missing",
				    field_names[i]);
	*ret_document = d;
	return 0;
}
