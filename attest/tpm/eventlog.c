/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading measured boot logs: little endian, TCG PC Client Platform Firmware Profile, 10.2
 * (TCG_PCR_EVENT and TCG_PCR_EVENT2), and the CC event log of the UEFI specification, 38.4, which
 * has the same form.
 *
 *   crypto-agile: TCG_PCR_EVENT { 0, EV_NO_ACTION, 20 zeroes, "Spec ID Event03" with the list
 *                 of hashes }, then TCG_PCR_EVENT2...
 *   legacy:       TCG_PCR_EVENT...
 *
 * Logs in ACPI memory are followed by what was not written: bytes 0xff, or zeroes, up to the end
 * of the area. Anything else behind the last event is an error, as is an event that names a hash
 * which the header does not list.
 */
#include "attest/tpm/eventlog_internal.h"

#include <errno.h>
#include <stdio.h>

#define SPEC_ID_03 "Spec ID Event03"  /* with its NUL 16 bytes */
#define LOCALITY_ID "StartupLocality" /* 10.4.5.3: the same, then one byte */
#define HEADER_SIZE 32		      /* of a TCG_PCR_EVENT, without its data */

static int header_parse(struct span data, struct log_reader *r, struct cattest_error *err)
{
	struct cursor c = CURSOR(data);
	uint32_t count;
	size_t vendor;

	take(&c, 16 + 4 + 4); /* signature, platform class, versions, errata, size of UINTN */
	count = take_le32(&c);
	if (c.bad || !count || count > LOG_HASHES_MAX)
		return fail(err, -EBADMSG, "event log: its header lists %u hashes",
			    c.bad ? 0 : count);
	for (uint32_t i = 0; i < count; i++) {
		uint16_t id = take_le16(&c), size = take_le16(&c);

		if (c.bad || !size || size > 64 ||
		    (tpm_bank_index(id) >= 0 && tpm_hash_size(id) != size))
			return fail(err, -EBADMSG,
				    "event log: hash 0x%04x of the header has %u bytes", id, size);
		for (size_t k = 0; k < r->hash_count; k++)
			if (r->hash[k].id == id)
				return fail(err, -EBADMSG,
					    "event log: the header lists hash 0x%04x twice", id);
		r->hash[r->hash_count].id = id;
		r->hash[r->hash_count++].size = size;
	}
	vendor = take_u8(&c);
	take(&c, vendor);
	if (c.bad || cursor_left(&c))
		return fail(err, -EBADMSG,
			    "event log: the header has not the length that its parts have");
	r->agile = true;
	return 0;
}

/* Where the filler of unwritten memory may begin: an event that begins there or later is none. */
static size_t filler_start(struct span log)
{
	uint8_t filler = log.size ? log.data[log.size - 1] : 1;
	size_t at = log.size;

	if (filler != 0 && filler != 0xff)
		return at;
	while (at && log.data[at - 1] == filler)
		at--;
	return at;
}

/*
 * By its signature; or 24 zeroes in place of it, the class and the versions: so the attestation agent of Confidential Containers starts a log
 * of its own where the firmware has none.
 */
static bool is_header(struct span data)
{
	return span_starts(data, SPEC_ID_03, 16) ||
	       (data.size >= 24 + 4 && span_is_zero(SPAN(data.data, 24)));
}

int log_open(struct span log, struct log_reader *ret_reader, struct cattest_error *err)
{
	struct log_reader r = { .c = CURSOR(log), .filler = filler_start(log) };
	struct cursor c = CURSOR(log);
	uint32_t index, type;
	struct span data;
	int ret = 0;

	if (log.size > LOG_SIZE_MAX)
		return fail(err, -EBADMSG, "event log: larger than %u bytes", LOG_SIZE_MAX);
	index = take_le32(&c);
	type = take_le32(&c);
	take(&c, 20);
	data = take(&c, take_le32(&c));
	if (c.bad)
		return fail(err, -EBADMSG, "event log: its first event is cut short");
	if (type == EV_NO_ACTION && is_header(data)) {
		/* The header is in register 0; of CC logs, in 0 or 1. */
		if (index > 1)
			return fail(err, -EBADMSG, "event log: its header is in register %u",
				    index);
		ret = header_parse(data, &r, err);
		r.c = c;
	}
	if (!ret)
		*ret_reader = r;
	return ret;
}

static int digests_parse(struct log_reader *r, struct log_event *e, struct cattest_error *err)
{
	uint32_t count = take_le32(&r->c), seen = 0;

	if (r->c.bad || count > r->hash_count)
		return fail(
			err, -EBADMSG,
			"event log: event %zu is cut short or has more digests than the header lists hashes",
			r->event_count);
	while (count--) {
		uint16_t id = take_le16(&r->c);
		struct span value;
		size_t i = 0;
		int bank;

		while (i < r->hash_count && r->hash[i].id != id)
			i++;
		if (r->c.bad || i == r->hash_count || seen >> i & 1)
			return fail(
				err, -EBADMSG,
				"event log: event %zu has a digest that the header does not list, or twice",
				r->event_count);
		seen |= 1u << i;
		value = take(&r->c, r->hash[i].size);
		bank = tpm_bank_index(id);
		if (bank >= 0)
			e->digest[bank] = value;
	}
	return 0;
}

int log_next(struct log_reader *r, struct log_event *ret_event, struct cattest_error *err)
{
	struct log_event e = { 0 };
	int ret = 0;

	if (!r->c.bad && r->c.at >= r->filler)
		return 0;
	if (++r->event_count > LOG_EVENTS_MAX)
		return fail(err, -EBADMSG, "event log: more than %d events", LOG_EVENTS_MAX);
	e.index = take_le32(&r->c);
	e.type = take_le32(&r->c);
	if (r->agile)
		ret = digests_parse(r, &e, err);
	else
		e.digest[tpm_bank_index(TPM_SHA1)] = take(&r->c, 20);
	if (ret)
		return ret;
	e.data = take(&r->c, take_le32(&r->c));
	if (r->c.bad)
		return fail(err, -EBADMSG, "event log: event %zu is cut short", r->event_count);
	/* Legacy logs have EV_NO_ACTION in register -1 too. */
	if (e.index >= LOG_REGISTERS && e.type != EV_NO_ACTION)
		return fail(err, -EBADMSG, "event log: event %zu is in register %u", r->event_count,
			    e.index);
	*ret_event = e;
	return 1;
}

static int extend(uint8_t *value, int bank, struct span event_digest)
{
	static const uint16_t ids[TPM_BANK_COUNT] = { TPM_SHA1, TPM_SHA256, TPM_SHA384,
						      TPM_SHA512 };
	struct span parts[] = { SPAN(value, event_digest.size), event_digest };

	return digest(tpm_digest_name(ids[bank]), parts, 2, value, NULL);
}

static int extend_both(struct log_replay *p, int bank, const struct log_event *e)
{
	uint32_t launch = e->index - LOG_LAUNCH_FIRST;
	int ret = extend(p->value[bank][e->index], bank, e->digest[bank]);

	if (!ret && launch < LOG_LAUNCH_COUNT)
		ret = extend(p->launched[bank][launch], bank, e->digest[bank]);
	return ret;
}

/*
 * "StartupLocality": PCR 0 starts as that number instead of zero (TPM 2.0 Library, part 1, 11.6.2,
 * and PFP 10.4.5.3).
 */
static int set_locality(struct log_replay *p, const struct log_event *e, bool *seen,
			struct cattest_error *err)
{
	if (e->data.size != 17 || e->data.data[16] > 4 || p->has_events[0] || *seen)
		return fail(
			err, -EBADMSG,
			"event log: a StartupLocality event is malformed, comes twice, or after PCR 0 was extended");
	*seen = true;
	for (int bank = 0; bank < TPM_BANK_COUNT; bank++) {
		static const size_t sizes[TPM_BANK_COUNT] = { 20, 32, 48, 64 };

		p->value[bank][0][sizes[bank] - 1] = e->data.data[16];
	}
	return 0;
}

int log_replay_all(struct span log, struct log_replay *ret_replay, struct cattest_error *err)
{
	struct log_replay *p = ret_replay;
	struct log_reader reader;
	struct log_event e;
	bool locality = false;
	int ret = log_open(log, &reader, err);

	memset(p, 0, sizeof(*p));
	for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
		for (unsigned n = 0; n < LOG_LAUNCH_COUNT; n++)
			memset(p->value[bank][LOG_LAUNCH_FIRST + n], 0xff, 64);
	if (ret)
		return ret;
	p->agile = reader.agile;
	p->bank[0] = !reader.agile;
	for (size_t i = 0; i < reader.hash_count; i++)
		if (tpm_bank_index(reader.hash[i].id) >= 0)
			p->bank[tpm_bank_index(reader.hash[i].id)] = true;
	while ((ret = log_next(&reader, &e, err)) > 0) {
		if (e.type == EV_NO_ACTION) {
			ret = e.index == 0 && span_starts(e.data, LOCALITY_ID, 16)
				      ? set_locality(p, &e, &locality, err)
				      : 0;
			if (ret)
				return ret;
			continue;
		}
		p->has_events[e.index] = true;
		for (int bank = 0; bank < TPM_BANK_COUNT; bank++) {
			if (!p->bank[bank])
				continue;
			if (!e.digest[bank].size)
				p->incomplete[bank][e.index] = true;
			else if (extend_both(p, bank, &e))
				return fail(err, -ENOMEM, "out of memory");
		}
	}
	return ret;
}

bool event_log_detect(struct span in)
{
	struct log_reader reader;
	struct log_event e;
	uint32_t index, type;

	if (in.size < HEADER_SIZE + 4 || log_open(in, &reader, NULL))
		return false;
	if (reader.agile)
		return true;
	/*
	 * A legacy log has no mark: its first event must be one that a log starts with, and read
	 * as one.
	 */
	index = (uint32_t)in.data[0] | (uint32_t)in.data[1] << 8 | (uint32_t)in.data[2] << 16 |
		(uint32_t)in.data[3] << 24;
	type = (uint32_t)in.data[4] | (uint32_t)in.data[5] << 8 | (uint32_t)in.data[6] << 16 |
	       (uint32_t)in.data[7] << 24;
	return index <= 7 && log_event_type_name(type) && type && log_next(&reader, &e, NULL) > 0;
}
