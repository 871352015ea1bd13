/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CBOR map of evidence "cloister-hv": writing it, and reading it so strictly that one content
 * has one form. Keys ascend, lengths are the shortest, nothing is left over.
 */
#include "attest/hv/hv.h"

#include "lib/cbor/cbor.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "abi/report.h is read in place");

#define EVENT_LOG_MAX (16u << 20)
#define HEAD_SIZE sizeof(struct report_quote_head)

struct report_quote_head hv_head(const struct report_hv *report)
{
	return (struct report_quote_head){ .version = 3,
					   .key_type = REPORT_QUOTE_KEY_TYPE,
					   .qe_svn = (uint16_t)report->security_version,
					   .vendor = REPORT_VENDOR_HV };
}

void hv_signed_bytes(const struct report_hv *report, const uint8_t body[REPORT_SGX_BODY_SIZE],
		     uint8_t ret_bytes[HV_SIGNED_SIZE])
{
	struct report_quote_head head = hv_head(report);

	memcpy(ret_bytes, &head, HEAD_SIZE);
	memcpy(ret_bytes + HEAD_SIZE, body, REPORT_SGX_BODY_SIZE);
	memcpy(ret_bytes + REPORT_QUOTE_PREFIX, report, sizeof(*report));
}

int hv_expected_pcrs(const struct report_hv *report, uint8_t ret_measurement[32],
		     uint8_t ret_key[32])
{
	uint8_t reset[32], hash[32];
	const struct span first[] = { SPAN_OF(reset), SPAN_OF(report->measurement) };
	const struct span second[] = { SPAN_OF(reset), SPAN_OF(hash) };

	memset(reset, 0xff, sizeof(reset));
	if (digest("SHA256", &SPAN(report, sizeof(*report)), 1, hash, NULL) ||
	    digest("SHA256", first, 2, ret_measurement, NULL) ||
	    digest("SHA256", second, 2, ret_key, NULL))
		return -ENOMEM;
	return 0;
}

/* --- writing --- */

static void put_span(struct cbor_writer *w, uint64_t key, struct span s)
{
	cbor_put_uint(w, key);
	cbor_put_bytes(w, s.data, s.size);
}

static void put_pcrs(struct cbor_writer *w, const struct hv_parts *p)
{
	uint64_t count = 0;

	for (size_t i = 0; i < HV_PCR_COUNT; i++)
		count += p->pcr[i].size != 0;
	cbor_put_uint(w, 7);
	cbor_put_map(w, count);
	for (size_t i = 0; i < HV_PCR_COUNT; i++)
		if (p->pcr[i].size)
			put_span(w, i, p->pcr[i]);
}

static void put_map(struct cbor_writer *w, const struct hv_parts *p)
{
	cbor_put_map(w, 6u + (p->certificate_count != 0) + (p->event_log.size != 0));
	put_span(w, 1, SPAN(&p->report, sizeof(p->report)));
	put_span(w, 2, p->signature);
	put_span(w, 3, p->attest);
	put_span(w, 4, p->attest_signature);
	put_span(w, 5, p->ak);
	if (p->certificate_count) {
		cbor_put_uint(w, 6);
		cbor_put_array(w, p->certificate_count);
		for (size_t i = 0; i < p->certificate_count; i++)
			cbor_put_bytes(w, p->certificates[i].data, p->certificates[i].size);
	}
	put_pcrs(w, p);
	if (p->event_log.size)
		put_span(w, 8, p->event_log);
}

int hv_build(const struct hv_parts *parts, const uint8_t body[REPORT_SGX_BODY_SIZE],
	     uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	struct report_quote_head head = hv_head(&parts->report);
	struct cbor_writer w;
	uint8_t *out;
	uint32_t map_size;

	if (parts->report.security_version > UINT16_MAX)
		return fail(err, -EINVAL, "cloister-hv: security version %u is over 65535",
			    parts->report.security_version);
	if (parts->certificate_count > HV_CERTIFICATES_MAX || parts->event_log.size > EVENT_LOG_MAX)
		return fail(err, -E2BIG,
			    "cloister-hv: too many certificates, or too long an event log");
	cbor_writer_init(&w, NULL, 0);
	put_map(&w, parts);
	map_size = (uint32_t)w.size;
	out = malloc(REPORT_QUOTE_PREFIX + 4 + (size_t)map_size);
	if (!out)
		return fail(err, -ENOMEM, "out of memory");
	memcpy(out, &head, HEAD_SIZE);
	memcpy(out + HEAD_SIZE, body, REPORT_SGX_BODY_SIZE);
	memcpy(out + REPORT_QUOTE_PREFIX, &map_size, 4);
	cbor_writer_init(&w, out + REPORT_QUOTE_PREFIX + 4, map_size);
	put_map(&w, parts);
	*ret_evidence = out;
	*ret_size = REPORT_QUOTE_PREFIX + 4 + (size_t)map_size;
	return 0;
}

/* --- reading --- */

static bool get_bytes(struct cbor *c, size_t least, size_t most, struct span *ret)
{
	struct cbor_item item;

	if (!cbor_expect(c, CBOR_BYTES, &item) || item.size < least || item.size > most)
		return false;
	*ret = SPAN(item.data, item.size);
	return true;
}

static bool get_certificates(struct cbor *c, struct hv_parts *p)
{
	struct cbor_item item;

	if (!cbor_expect(c, CBOR_ARRAY, &item) || !item.number || item.number > HV_CERTIFICATES_MAX)
		return false;
	for (; p->certificate_count < item.number; p->certificate_count++)
		if (!get_bytes(c, 1, 8192, &p->certificates[p->certificate_count]))
			return false;
	return true;
}

static bool get_pcrs(struct cbor *c, struct hv_parts *p)
{
	struct cbor_item map, key;
	uint64_t least = 0;

	if (!cbor_expect(c, CBOR_MAP, &map) || map.number > HV_PCR_COUNT)
		return false;
	for (uint64_t i = 0; i < map.number; i++) {
		if (!cbor_expect(c, CBOR_UINT, &key) || key.number < least ||
		    key.number >= HV_PCR_COUNT || !get_bytes(c, 32, 32, &p->pcr[key.number]))
			return false;
		least = key.number + 1;
	}
	return true;
}

static bool get_report(struct cbor *c, struct report_hv *ret)
{
	struct span s;

	if (!get_bytes(c, sizeof(*ret), sizeof(*ret), &s))
		return false;
	memcpy(ret, s.data, sizeof(*ret));
	return true;
}

static bool get_value(struct cbor *c, uint64_t key, struct hv_parts *p)
{
	switch (key) {
	case 1:
		return get_report(c, &p->report);
	case 2:
		return get_bytes(c, 64, 64, &p->signature);
	case 3:
		return get_bytes(c, 1, 4096, &p->attest);
	case 4:
		return get_bytes(c, 1, 4096, &p->attest_signature);
	case 5:
		return get_bytes(c, 1, 4096, &p->ak);
	case 6:
		return get_certificates(c, p);
	case 7:
		return get_pcrs(c, p);
	case 8:
		return get_bytes(c, 1, EVENT_LOG_MAX, &p->event_log);
	}
	return false;
}

static int check_report(const struct report_hv *r, struct cattest_error *err)
{
	if (r->magic != REPORT_HV_MAGIC)
		return fail(err, -EBADMSG, "cloister-hv: not a hypervisor report");
	if (r->version != REPORT_HV_VERSION)
		return fail(err, -ENOTSUP,
			    "cloister-hv: report version %u is not known (known: %d)", r->version,
			    REPORT_HV_VERSION);
	if (r->size != sizeof(*r) || r->reserved0 || !span_is_zero(SPAN_OF(r->reserved)))
		return fail(
			err, -EBADMSG,
			"cloister-hv: the hypervisor report's size or reserved bytes are wrong");
	if (r->attributes & ~REPORT_ATTRIBUTE_DEBUG)
		return fail(err, -ENOTSUP,
			    "cloister-hv: attributes 0x%llx hold bits that are not known",
			    (unsigned long long)r->attributes);
	if (r->security_version > UINT16_MAX)
		return fail(err, -EBADMSG, "cloister-hv: security version %u is over 65535",
			    r->security_version);
	return 0;
}

int hv_parse_map(struct span in, struct hv_parts *ret_parts, struct cattest_error *err)
{
	struct hv_parts p = { 0 };
	uint64_t least = 1, seen = 0;
	struct cbor_item map, key;
	struct cbor c;
	int rc;

	cbor_init(&c, in.data, in.size);
	if (!cbor_expect(&c, CBOR_MAP, &map) || map.number > 8)
		return fail(err, -EBADMSG, "cloister-hv: no CBOR map of at most 8 entries");
	for (uint64_t i = 0; i < map.number; i++) {
		if (!cbor_expect(&c, CBOR_UINT, &key) || key.number < least || key.number > 8)
			return fail(
				err, -EBADMSG,
				"cloister-hv: the map's keys are not ascending numbers from 1 to 8");
		if (!get_value(&c, key.number, &p))
			return fail(err, -EBADMSG, "cloister-hv: entry %u is malformed",
				    (unsigned int)key.number);
		seen |= 1ULL << key.number;
		least = key.number + 1;
	}
	if (!cbor_done(&c))
		return fail(err, -EBADMSG, "cloister-hv: bytes are left over after the map");
	if ((seen & 0xbe) != 0xbe) /* all but certificates and event log */
		return fail(err, -EBADMSG,
			    "cloister-hv: one of the entries 1 to 5 and 7 is missing");
	rc = check_report(&p.report, err);
	if (!rc)
		*ret_parts = p;
	return rc;
}
