/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM quotes as go-tpm-tools writes them (proto/attest.proto and proto/tpm.proto), a walk over the
 * protobuf wire format without a schema:
 *
 *   Attestation { bytes ak_pub = 1; repeated Quote quotes = 2; bytes event_log = 3;
 *                 instance_info = 4; canonical_event_log = 5; bytes ak_cert = 6;
 *                 repeated bytes intermediate_certs = 7; sev_snp_attestation = 8; ... }
 *   Quote { bytes quote = 1; bytes raw_sig = 2; PCRs pcrs = 3 }
 *   PCRs { HashAlgo hash = 1; map<uint32, bytes> pcrs = 2 }
 *
 * HashAlgo has the TPM's numbers. What instance_info and the others say is signed by nobody and is
 * stepped over.
 */
#include "attest/tpm/evidence.h"

#include <errno.h>

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct field {
	uint32_t number;
	enum wire wire;
	uint64_t value;
	struct span bytes;
};

static uint64_t take_varint(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = take_u8(c);

		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->bad = true;
	return 0;
}

/* The next field; false at the end, or if the cursor has become bad. */
static bool take_field(struct cursor *c, struct field *ret)
{
	struct field f = { 0 };
	uint64_t key;

	if (!cursor_left(c))
		return false;
	key = take_varint(c);
	f.number = (uint32_t)(key >> 3);
	f.wire = (enum wire)(key & 7);
	if (!f.number || key >> 32)
		c->bad = true;
	if (f.wire == VARINT)
		f.value = take_varint(c);
	else if (f.wire == BYTES)
		f.bytes = take(c, take_varint(c));
	else if (f.wire == FIXED32 || f.wire == FIXED64)
		take(c, f.wire == FIXED32 ? 4 : 8);
	else
		c->bad = true;
	if (c->bad)
		return false;
	*ret = f;
	return true;
}

static bool pcr_entry(struct span in, uint64_t *ret_number, struct span *ret_value)
{
	struct cursor c = CURSOR(in);
	struct field f;

	*ret_number = 0; /* a default is not written */
	*ret_value = (struct span){ 0 };
	while (take_field(&c, &f)) {
		if (f.number == 1 && f.wire == VARINT)
			*ret_number = f.value;
		else if (f.number == 2 && f.wire == BYTES)
			*ret_value = f.bytes;
		else
			return false;
	}
	return !c.bad;
}

static bool pcrs_message(struct span in, struct tpm_pcrs *ret)
{
	struct cursor c = CURSOR(in), again = c;
	uint64_t hash = 0, number;
	struct span value;
	struct field f;
	int bank;

	while (take_field(&c, &f))
		if (f.number == 1 && f.wire == VARINT)
			hash = f.value;
	bank = hash <= UINT16_MAX ? tpm_bank_index((uint16_t)hash) : -1;
	if (c.bad || bank < 0)
		return false;
	while (take_field(&again, &f)) {
		if (f.number != 2)
			continue;
		if (f.wire != BYTES || !pcr_entry(f.bytes, &number, &value) ||
		    number >= TPM_PCR_COUNT || !value.size || ret->value[bank][number].size)
			return false;
		ret->value[bank][number] = value;
	}
	return true;
}

static bool quote_message(struct span in, struct tpm_evidence_quote *ret)
{
	struct cursor c = CURSOR(in);
	struct field f;

	while (take_field(&c, &f)) {
		if (f.wire != BYTES)
			return false;
		if (f.number == 1 && !ret->message.size)
			ret->message = f.bytes;
		else if (f.number == 2 && !ret->signature.size)
			ret->signature = f.bytes;
		else if (f.number == 3 && !ret->has_pcrs && pcrs_message(f.bytes, &ret->pcrs))
			ret->has_pcrs = true;
		else
			return false;
	}
	return !c.bad && ret->message.size && ret->signature.size;
}

/* Field 1 holds a TPMT_PUBLIC, and a later field 2 a quote: nothing else begins so. */
static bool looks_like_attestation(struct span in)
{
	struct cursor c = CURSOR(in);
	struct tpm_public area;
	struct field f;

	return in.size > 64 && in.size <= TPM_PROTOBUF_MAX && in.data[0] == 0x0a &&
	       take_field(&c, &f) && f.bytes.size >= 8 && f.bytes.data[0] == 0 &&
	       (f.bytes.data[1] == TPM_RSA || f.bytes.data[1] == TPM_ECC) &&
	       !tpm_public_parse(f.bytes, &area, NULL) && take_field(&c, &f) && f.number == 2 &&
	       f.wire == BYTES;
}

static int take_attestation_field(struct tpm_evidence *e, const struct field *f,
				  struct cattest_error *err)
{
	struct span *single = f->number == 1 ? &e->ak : f->number == 3 ? &e->event_log : NULL;

	if (f->wire != BYTES && f->number <= 7)
		return fail(err, -EBADMSG,
			    "tpm: field %u of the attestation message has the wrong type",
			    f->number);
	if (single && single->size)
		return fail(err, -EBADMSG, "tpm: field %u comes twice in the attestation message",
			    f->number);
	if (single)
		*single = f->bytes;
	if (f->number == 2) {
		if (e->quote_count == TPM_QUOTES_MAX ||
		    !quote_message(f->bytes, &e->quote[e->quote_count]))
			return fail(
				err, -EBADMSG,
				"tpm: quote %zu of the attestation message is malformed, or one too many",
				e->quote_count);
		e->quote_count++;
	}
	if ((f->number == 6 && f->bytes.size) || f->number == 7) {
		if (e->certificate_count == TPM_CERTIFICATES_MAX ||
		    (f->number == 6 && e->certificate_count))
			return fail(
				err, -EBADMSG,
				"tpm: the attestation message has too many certificates, or not the leaf first");
		e->certificate[e->certificate_count++] = f->bytes;
	}
	return 0;
}

int tpm_evidence_from_protobuf(struct span in, struct tpm_evidence *e, struct cattest_error *err)
{
	struct cursor c = CURSOR(in);
	struct field f;
	int ret;

	if (!looks_like_attestation(in))
		return -ENOENT;
	e->form = "go-tpm-tools attestation";
	while (take_field(&c, &f)) {
		ret = take_attestation_field(e, &f, err);
		if (ret)
			return ret;
	}
	if (c.bad || !e->quote_count)
		return fail(err, -EBADMSG,
			    "tpm: the attestation message is malformed, or has no quote");
	return 0;
}
