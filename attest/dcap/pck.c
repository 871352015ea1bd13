// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the PCK extension: SEQUENCE OF SEQUENCE { OID, value }, nested twice for the TCB (.2) and the configuration (.7).
 * DER is read with a cursor of our own, since OpenSSL has no template for it: definite lengths in their shortest form, known OIDs
 * only, each at most once, nothing left over. Fields .1 to .5 must be there; .6 and .7 are of platforms that may have
 * several packages.
 */
#include "attest/dcap/pck.h"

#include "attest/x509/x509.h"

#include <errno.h>

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_SEQUENCE = 0x30
};

/* 1.2.840.113741.1.13.1 */
static const uint8_t oid_prefix[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

/* One element: its tag and content; bad if it is not there or not DER. */
static struct span der_take(struct cursor *c, uint8_t *ret_tag)
{
	size_t size;

	*ret_tag = take_u8(c);
	size = take_u8(c);
	if (size & 0x80) {
		size_t bytes = size & 0x7f;

		size = (size_t)take_be(c, bytes <= 2 ? bytes : 0);
		if (!bytes || bytes > 2 || size < 0x80 || (bytes == 2 && size < 0x100))
			c->bad = true;
	}
	return take(c, size);
}

static struct span der_expect(struct cursor *c, uint8_t tag)
{
	uint8_t found;
	struct span content = der_take(c, &found);

	if (found != tag)
		c->bad = true;
	/* Never NULL: it may become a cursor's input. */
	return c->bad ? SPAN("", 0) : content;
}

/* An integer of 0 to max in its shortest form. */
static uint32_t der_number(struct cursor *c, uint8_t tag, uint32_t max)
{
	struct span s = der_expect(c, tag);
	uint32_t v = 0;

	if (!s.size || s.size > 4 || s.data[0] & 0x80 ||
	    (s.size > 1 && !s.data[0] && !(s.data[1] & 0x80))) {
		c->bad = true;
		return 0;
	}
	for (size_t i = 0; i < s.size; i++)
		v = v << 8 | s.data[i];
	if (v > max)
		c->bad = true;
	return v;
}

static void der_octets(struct cursor *c, uint8_t *ret_bytes, size_t size)
{
	struct span s = der_expect(c, DER_OCTETS);

	if (s.size != size)
		c->bad = true;
	else
		memcpy(ret_bytes, s.data, size);
}

static bool der_boolean(struct cursor *c)
{
	struct span s = der_expect(c, DER_BOOLEAN);

	if (s.size != 1 || (s.data[0] != 0 && s.data[0] != 0xff)) {
		c->bad = true;
		return false;
	}
	return s.data[0];
}

/* The next { OID, value } of fields: the arcs after the prefix, and the cursor of its value. false: no more, or bad. */
static bool field_next(struct cursor *fields, unsigned parent, unsigned max, unsigned *ret_number,
		       struct cursor *ret_value, uint32_t *seen)
{
	struct cursor pair;
	struct span oid;
	size_t arcs = parent ? 2 : 1;

	if (fields->bad || !cursor_left(fields))
		return false;
	pair = CURSOR(der_expect(fields, DER_SEQUENCE));
	oid = der_expect(&pair, DER_OID);
	if (fields->bad || pair.bad || oid.size != sizeof(oid_prefix) + arcs ||
	    memcmp(oid.data, oid_prefix, sizeof(oid_prefix)) ||
	    (parent && oid.data[sizeof(oid_prefix)] != parent)) {
		fields->bad = true;
		return false;
	}
	*ret_number = oid.data[oid.size - 1];
	if (!*ret_number || *ret_number > max || *seen & 1u << *ret_number) {
		fields->bad = true;
		return false;
	}
	*seen |= 1u << *ret_number;
	*ret_value = pair;
	return true;
}

/* A value ends where its pair ends. */
static void field_end(struct cursor *fields, const struct cursor *value)
{
	if (value->bad || cursor_left(value))
		fields->bad = true;
}

static void tcb_parse(struct cursor *value, struct pck *pck)
{
	struct cursor fields = CURSOR(der_expect(value, DER_SEQUENCE)), field;
	uint32_t seen = 0;
	unsigned number;

	while (field_next(&fields, 2, 18, &number, &field, &seen)) {
		if (number <= 16)
			pck->components[number - 1] =
				(uint8_t)der_number(&field, DER_INTEGER, UINT8_MAX);
		else if (number == 17)
			pck->pcesvn = (uint16_t)der_number(&field, DER_INTEGER, UINT16_MAX);
		else
			der_octets(&field, pck->cpusvn, sizeof(pck->cpusvn));
		field_end(&fields, &field);
	}
	if (fields.bad || seen != 0x7fffe)
		value->bad = true;
}

static void configuration_parse(struct cursor *value, struct pck *pck)
{
	struct cursor fields = CURSOR(der_expect(value, DER_SEQUENCE)), field;
	uint32_t seen = 0;
	unsigned number;

	while (field_next(&fields, 7, 3, &number, &field, &seen)) {
		bool flag = der_boolean(&field);

		if (number == 1)
			pck->has_dynamic = true, pck->dynamic = flag;
		else if (number == 2)
			pck->has_cached_keys = true, pck->cached_keys = flag;
		else
			pck->has_smt = true, pck->smt = flag;
		field_end(&fields, &field);
	}
	if (fields.bad)
		value->bad = true;
	pck->has_configuration = true;
}

int pck_extension_parse(struct span der, struct pck *ret_pck, struct cattest_error *err)
{
	struct cursor outer = CURSOR(der), fields, field;
	struct pck pck = { 0 };
	uint32_t seen = 0;
	unsigned number;

	fields = CURSOR(der_expect(&outer, DER_SEQUENCE));
	if (outer.bad || cursor_left(&outer))
		return fail(err, -EBADMSG,
			    "PCK certificate: the SGX extension is not one DER SEQUENCE");
	while (field_next(&fields, 0, 7, &number, &field, &seen)) {
		switch (number) {
		case 1:
			der_octets(&field, pck.ppid, sizeof(pck.ppid));
			break;
		case 2:
			tcb_parse(&field, &pck);
			break;
		case 3:
			der_octets(&field, pck.pceid, sizeof(pck.pceid));
			break;
		case 4:
			der_octets(&field, pck.fmspc, sizeof(pck.fmspc));
			break;
		case 5:
			pck.sgx_type = der_number(&field, DER_ENUMERATED, 2);
			break;
		case 6:
			der_octets(&field, pck.instance_id, sizeof(pck.instance_id));
			pck.has_instance_id = true;
			break;
		default:
			configuration_parse(&field, &pck);
			break;
		}
		field_end(&fields, &field);
		if (fields.bad)
			return fail(err, -EBADMSG,
				    "PCK certificate: malformed field .%u of the SGX extension",
				    number);
	}
	if (fields.bad)
		return fail(
			err, -EBADMSG,
			"PCK certificate: malformed, unknown or repeated field in the SGX extension");
	if ((seen & 0x3e) != 0x3e)
		return fail(err, -EBADMSG,
			    "PCK certificate: the SGX extension lacks one of the fields .1 to .5");
	*ret_pck = pck;
	return 0;
}

int pck_parse(const X509 *cert, struct pck *ret_pck, struct cattest_error *err)
{
	char issuer[128];
	bool twice = false;
	struct span der = x509_extension(cert, PCK_EXTENSION_OID, &twice);
	int r;

	if (twice || !der.data)
		return fail(err, -EBADMSG,
			    "PCK certificate: the SGX extension " PCK_EXTENSION_OID " is %s",
			    twice ? "there twice" : "not there");
	r = pck_extension_parse(der, ret_pck, err);
	if (r)
		return r;
	x509_issuer_cn(cert, issuer, sizeof(issuer));
	if (strstr(issuer, "Processor CA"))
		ret_pck->ca = PCK_CA_PROCESSOR;
	else if (strstr(issuer, "Platform CA"))
		ret_pck->ca = PCK_CA_PLATFORM;
	else
		return fail(
			err, -EBADMSG,
			"PCK certificate: its issuer is neither the Processor CA nor the Platform CA of Intel");
	if (ret_pck->ca == PCK_CA_PLATFORM && !ret_pck->has_instance_id)
		return fail(
			err, -EBADMSG,
			"PCK certificate: of the Platform CA, but without a platform instance ID");
	return 0;
}
