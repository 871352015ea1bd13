/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence in certificates of frameworks with extensions of their own. The evidence is bound to the key's hash directly (certificate.c); what stands
 * beside the quote (custom claims, event logs, a second copy of the report data) is signed by nobody and not looked at.
 *
 *   Open Enclave   its evidence or report: a header, then the quote (attest/core/container.c); report data: SHA-256 of the key in PEM, or of
 *                  SubjectPublicKeyInfo (EGo)
 *   dstack         OCTET STRING { quote }, or OCTET STRING { 0, 0, compact size, quote, event log .. }: SCALE of VersionedAttestation::V0 with
 *                  AttestationQuote::DstackTdx; report data: SHA-512("ratls-cert:" || SubjectPublicKeyInfo)
 */
#include "attest/certificate/certificate.h"
#include "attest/core/verifier.h"

#include <errno.h>

static int take_quote(struct span quote, struct certificate_evidence *e, struct cattest_error *err)
{
	e->evidence = quote;
	e->type = certificate_intel_quote(quote);
	if (!e->type)
		return fail(err, -ENOTSUP,
			    "certificate: its extension (%s) does not hold an Intel quote",
			    e->format);
	return 0;
}

int certificate_parse_open_enclave(struct span value, struct certificate_evidence *e,
				   struct cattest_error *err)
{
	/* Version 2 of the header has another header in it. */
	for (int i = 0; i < 2 && container_envelope(value).size; i++)
		value = container_envelope(value);
	return take_quote(value, e, err);
}

/* The content of the OCTET STRING that the value is, or nothing. DER: lengths in their shortest form. */
static struct span octets(struct span value)
{
	static const struct span nothing = { 0 };
	struct cursor c = CURSOR(value);
	bool string = take_u8(&c) == 0x04;
	size_t size = take_u8(&c);

	if (size & 0x80) {
		size_t bytes = size & 0x7f;

		size = bytes >= 1 && bytes <= 3 ? (size_t)take_be(&c, bytes) : 0;
		if (size < 0x80 || (bytes > 1 && !(size >> (8 * (bytes - 1)))))
			return nothing;
	}
	return string && !c.bad && size == cursor_left(&c) ? take(&c, size) : nothing;
}

int certificate_parse_dstack(struct span value, struct certificate_evidence *e,
			     struct cattest_error *err)
{
	return take_quote(octets(value), e, err);
}

/* SCALE's Compact<u32>: the two lowest bits say how many bytes it has. */
static size_t take_compact(struct cursor *c)
{
	size_t first = take_u8(c);

	switch (first & 3) {
	case 0:
		return first >> 2;
	case 1:
		return (first | (size_t)take_u8(c) << 8) >> 2;
	case 2:
		return (first | (size_t)take_le(c, 3) << 8) >> 2;
	default: /* 1 GiB and more */
		c->bad = true;
		return 0;
	}
}

int certificate_parse_dstack_versioned(struct span value, struct certificate_evidence *e,
				       struct cattest_error *err)
{
	struct cursor c = CURSOR(octets(value));
	uint8_t version = take_u8(&c), kind = take_u8(&c);
	struct span quote = take(&c, take_compact(&c));

	if (c.bad || version || kind)
		return fail(
			err, -ENOTSUP,
			"certificate: its extension (%s) holds no attestation of version 0 with a TDX quote",
			e->format);
	return take_quote(quote, e, err);
}
