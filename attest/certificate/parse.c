/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which extension of a certificate holds its evidence, and what is in it. Formats, in the order they are looked for; the first
 * that holds evidence of a kind known here is the one that counts, as writers put the older ones beside it for older readers:
 *
 *   DICE     60000([ quote, claims-buffer ])      CCC interoperable RA-TLS; other tags for other evidence
 *            a CMW                                TCG's meaning of the same OID (DICE Attestation Architecture 1.1, "conceptual message wrapper")
 *   CMW      record, tagged or collection         draft-ietf-rats-msg-wrap (cmw.c)
 *   legacy   quote                                Gramine, rats-tls, Intel's SDK, before DICE
 *   foreign  report, evidence, quote              Open Enclave, EGo; dstack (foreign.c)
 *
 * Nothing is judged here. CBOR is read leniently where heads are concerned: rats-tls writes numbers with libcbor's fixed widths;
 * what matters of the bytes is covered by the evidence, through their hash.
 */
#include "attest/certificate/certificate.h"
#include "lib/cbor/cbor.h"

#include <errno.h>
#include <stdlib.h>

static const struct {
	const char *oid, *format;
} formats[] = {
	{ CERTIFICATE_OID_DICE, "dice-tee" },
	{ CERTIFICATE_OID_CMW, "cmw" },
	{ CERTIFICATE_OID_GRAMINE, "gramine-legacy" },
	{ CERTIFICATE_OID_RATS_TLS, "rats-tls-legacy" },
	{ CERTIFICATE_OID_INTEL, "intel-sdk-legacy" },
	{ CERTIFICATE_OID_OPEN_ENCLAVE, "open-enclave" },
	{ CERTIFICATE_OID_OPEN_ENCLAVE_OLD, "open-enclave" },
	{ CERTIFICATE_OID_DSTACK_VERSIONED, "dstack" },
	{ CERTIFICATE_OID_DSTACK, "dstack" },
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

static const struct evidence_type *type_named(const char *name)
{
	for (size_t i = 0; evidence_types[i]; i++)
		if (!strcmp(evidence_types[i]->name, name))
			return evidence_types[i];
	return NULL;
}

const struct evidence_type *certificate_inner_type(struct span evidence)
{
	for (size_t i = 0; evidence_types[i]; i++) {
		const struct evidence_type *t = evidence_types[i];

		if (t != &certificate_type && !t->decode_only && t->detect(evidence))
			return t;
	}
	return NULL;
}

const struct evidence_type *certificate_intel_quote(struct span evidence)
{
	static const char *const names[] = { "sgx-quote", "tdx-quote" };

	for (size_t i = 0; i < 2; i++) {
		const struct evidence_type *t = type_named(names[i]);

		if (t && t->detect(evidence))
			return t;
	}
	return NULL;
}

int certificate_parse_pair(struct span encoded, struct certificate_evidence *e,
			   struct cattest_error *err)
{
	struct cbor_item array, evidence, claims;
	struct cbor c;

	cbor_init_lenient(&c, encoded.data, encoded.size);
	if (!cbor_expect(&c, CBOR_ARRAY, &array) || array.number != 2 ||
	    !cbor_expect(&c, CBOR_BYTES, &evidence) || !cbor_expect(&c, CBOR_BYTES, &claims) ||
	    !cbor_done(&c))
		return fail(
			err, -EBADMSG,
			"certificate: its evidence is not a CBOR array of evidence and claims buffer");
	if (!evidence.size || !claims.size)
		return fail(err, -EBADMSG,
			    "certificate: its evidence or its claims buffer is empty");
	e->evidence = SPAN(evidence.data, evidence.size);
	e->claims = SPAN(claims.data, claims.size);
	return 0;
}

static int unsupported_tag(uint64_t tag, struct cattest_error *err)
{
	switch (tag) {
	case CERTIFICATE_TAG_INTEL_REPORT:
	case CERTIFICATE_TAG_SGX_REPORT:
		return fail(
			err, -ENOTSUP,
			"certificate: it carries a local report, which only the machine that made it can verify; a quote is needed");
	case CERTIFICATE_TAG_SEV:
		return fail(
			err, -ENOTSUP,
			"certificate: it carries a SEV or SEV-ES report, which protects no memory integrity; SEV-SNP is needed");
	case CERTIFICATE_TAG_CSV:
		return fail(err, -ENOTSUP,
			    "certificate: it carries a Hygon CSV report, which is not supported");
	default:
		return fail(err, -ENOTSUP, "certificate: CBOR tag %llu of its evidence is unknown",
			    (unsigned long long)tag);
	}
}

static int parse_dice(struct span value, struct certificate_evidence *e, struct cattest_error *err)
{
	const uint8_t *encoded;
	struct cbor_item tag;
	size_t size;
	struct cbor c;
	int rc;

	cbor_init_lenient(&c, value.data, value.size);
	if (!cbor_peek(&c, &tag) || tag.type != CBOR_TAG || certificate_cmw_tag(tag.number)) {
		e->format = "cmw";
		/* 4 and 12, the tags of OCTET STRING and UTF8String, are numbers in CBOR and so no CMW. */
		return value.size && (value.data[0] == 4 || value.data[0] == 12)
			       ? certificate_parse_cmw(value, e, err)
			       : certificate_parse_cmw_bytes(value, e, err);
	}
	if (!cbor_expect(&c, CBOR_TAG, &tag) || !cbor_skip(&c, &encoded, &size) || !cbor_done(&c))
		return fail(err, -EBADMSG,
			    "certificate: the DICE extension is not one tagged CBOR item");
	if (tag.number != CERTIFICATE_TAG_INTEL_QUOTE && tag.number != CERTIFICATE_TAG_SNP)
		return unsupported_tag(tag.number, err);
	rc = certificate_parse_pair(SPAN(encoded, size), e, err);
	if (rc)
		return rc;
	if (tag.number == CERTIFICATE_TAG_INTEL_QUOTE) {
		e->type = certificate_intel_quote(e->evidence);
	} else {
		e->type = type_named("snp-report");
		if (e->type && !e->type->detect(e->evidence))
			e->type = NULL;
	}
	if (!e->type)
		return fail(err, -EBADMSG,
			    "certificate: what it carries under CBOR tag %llu is not that evidence",
			    (unsigned long long)tag.number);
	return 0;
}

static int parse_legacy(struct span value, struct certificate_evidence *e,
			struct cattest_error *err)
{
	e->evidence = value;
	e->type = certificate_intel_quote(value);
	if (!e->type)
		return fail(err, -EBADMSG,
			    "certificate: its extension (%s) does not hold an Intel quote",
			    e->format);
	return 0;
}

bool certificate_has_evidence(const X509 *cert)
{
	bool twice = false;

	for (size_t i = 0; i < FORMATS; i++) {
		struct span value = x509_extension(cert, formats[i].oid, &twice);

		/* Intel's PCK certificates have facts about the platform under the same OID: a SEQUENCE, which no quote begins with. */
		if (!strcmp(formats[i].oid, CERTIFICATE_OID_INTEL) && value.size &&
		    value.data[0] == 0x30)
			continue;
		if (value.data || twice)
			return true;
	}
	return false;
}

static int parse_format(size_t format, struct span value, struct certificate_evidence *e,
			struct cattest_error *err)
{
	e->format = formats[format].format;
	switch (format) {
	case 0:
		return parse_dice(value, e, err);
	case 1:
		return certificate_parse_cmw(value, e, err);
	case 5:
	case 6:
		return certificate_parse_open_enclave(value, e, err);
	case 7:
		return certificate_parse_dstack_versioned(value, e, err);
	case 8:
		return certificate_parse_dstack(value, e, err);
	default:
		return parse_legacy(value, e, err);
	}
}

int certificate_parse(const X509 *cert, struct certificate_evidence *ret_evidence,
		      struct cattest_error *err)
{
	struct certificate_evidence e = { 0 };
	struct span endorsements;
	bool twice = false;
	int rc = -ENOENT;

	/* What is no evidence, or of a kind that is not known, gives way to an older format beside it. */
	for (size_t i = 0; i < FORMATS && (rc == -ENOENT || rc == -ENOTSUP); i++) {
		struct span value = x509_extension(cert, formats[i].oid, &twice);

		if (twice)
			return fail(err, -EBADMSG, "certificate: extension %s is there twice",
				    formats[i].oid);
		if (!value.data)
			continue;
		certificate_evidence_done(&e);
		/* The first's message is the one that helps. */
		rc = parse_format(i, value, &e, rc == -ENOENT ? err : NULL);
	}
	if (rc == -ENOENT)
		return fail(err, -EBADMSG,
			    "certificate: it carries no evidence (no extension for it)");
	if (rc) {
		certificate_evidence_done(&e);
		return rc;
	}
	endorsements = x509_extension(cert, CERTIFICATE_OID_ENDORSEMENTS, &twice);
	if (twice) {
		certificate_evidence_done(&e);
		return fail(err, -EBADMSG, "certificate: extension %s is there twice",
			    CERTIFICATE_OID_ENDORSEMENTS);
	}
	e.endorsements = endorsements;
	*ret_evidence = e;
	return 0;
}

void certificate_evidence_done(struct certificate_evidence *e)
{
	free(e->decoded);
	*e = (struct certificate_evidence){ 0 };
}
