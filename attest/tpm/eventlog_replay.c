/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a log against registers that were signed, and showing one that nothing signs.
 *
 * A log that does not come to a signed register's value fails the verification: it is a statement
 * about that register, and wrong. A register without events in the log is not judged (run-time
 * measurements have logs of their own), nor events of registers that are not signed; neither gives
 * any claim.
 */
#include "attest/tpm/eventlog_internal.h"
#include "lib/fuzz/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const bank_names[TPM_BANK_COUNT] = { "sha1", "sha256", "sha384", "sha512" };
static const size_t bank_sizes[TPM_BANK_COUNT] = { 20, 32, 48, 64 };
#define CC_BANK 2 /* RTMRs are of SHA-384 */

static const struct cattest_claim *register_claim(const struct appraisal *a, bool cc, int bank,
						  unsigned n)
{
	char name[32];

	if (cc && (bank != CC_BANK || n < 1 || n > 4))
		return NULL;
	if (cc)
		snprintf(name, sizeof(name), "tdx.rtmr.%u", n - 1);
	else
		snprintf(name, sizeof(name), "tpm.pcr.%s.%u", bank_names[bank], n);
	return claim_find(a, name);
}

static void register_text(bool cc, int bank, unsigned n, char text[32])
{
	if (cc)
		snprintf(text, 32, "rtmr:%u", n - 1);
	else
		snprintf(text, 32, "%s:%u", bank_names[bank], n);
}

/*
 * PCRs first: evidence with both is a virtual TPM's in a TD, whose log is of the PCRs if it has a
 * bank that was quoted.
 */
static bool is_cc(const struct appraisal *a, const struct log_replay *p)
{
	for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
		for (unsigned n = 0; p->bank[bank] && n < LOG_REGISTERS; n++)
			if (p->has_events[n] && register_claim(a, false, bank, n))
				return false;
	for (unsigned n = 1; n <= 4; n++)
		if (register_claim(a, true, CC_BANK, n))
			return true;
	return false;
}

/* With which of the sequences of final events the register has its value; 0: none. */
static unsigned final_events_of(const struct log_replay *p, int bank, unsigned n, struct span value)
{
	size_t size = bank_sizes[bank];

	for (unsigned sequence = 1; sequence <= LOG_FINAL_SEQUENCES; sequence++) {
		uint8_t found[64], event[64];
		bool computed = true;
		struct span text;

		memcpy(found, p->value[bank][n], size);
		for (unsigned k = 0; computed && log_final_event(sequence, k, &text); k++) {
			struct span parts[] = { SPAN(found, size), SPAN(event, size) };

			computed = !digest(log_digest_names[bank], &text, 1, event, NULL) &&
				   !digest(log_digest_names[bank], parts, 2, found, NULL);
		}
		if (computed && span_equal(value, SPAN(found, size)))
			return sequence;
	}
	return 0;
}

/* Whether a launch was before a register's events is not in the log: the register says it. */
static bool comes_to(const struct log_replay *p, int bank, unsigned n, struct span value)
{
	size_t size = bank_sizes[bank];

	return span_equal(value, SPAN(p->value[bank][n], size)) || fuzz_outcome() ||
	       (n >= LOG_LAUNCH_FIRST && n - LOG_LAUNCH_FIRST < LOG_LAUNCH_COUNT &&
		span_equal(value, SPAN(p->launched[bank][n - LOG_LAUNCH_FIRST], size)));
}

/* The register that ExitBootServices is measured into may have more than the log, but in all banks the same. */
static void match_final_events(struct appraisal *a, const struct log_replay *p,
			       struct log_mapping *m, int bank, struct span value)
{
	unsigned n = log_final_register(m->cc),
		 sequence = m->matched[bank][n] ? 0 : final_events_of(p, bank, n, value);

	m->matched[bank][n] |= sequence;
	if (!m->matched[bank][n])
		return;
	if (m->final_known && m->final_events != sequence)
		m->matched[bank][n] = false;
	else if (!m->final_known && sequence)
		check_note(
			a, "eventlog.final_events",
			"the log ends before ExitBootServices, whose events are in the register");
	m->final_known = true;
	m->final_events = sequence;
}

/* One register of one bank. */
static bool compare(struct appraisal *a, const struct log_replay *p, struct log_mapping *m,
		    int bank, unsigned n)
{
	const struct cattest_claim *claim = register_claim(a, m->cc, bank, n);
	char name[32], expected[129], found[160];

	if (!claim || !p->has_events[n] || !p->bank[bank])
		return true;
	register_text(m->cc, bank, n, name);
	hex_text(SPAN(claim->bytes, claim->size), expected, sizeof(expected));
	if (p->incomplete[bank][n]) {
		check_fail(a, "eventlog.replay", expected,
			   "%s: an event has no digest for this bank", name);
		return false;
	}
	m->matched[bank][n] = comes_to(p, bank, n, SPAN(claim->bytes, claim->size));
	if (n == log_final_register(m->cc))
		match_final_events(a, p, m, bank, SPAN(claim->bytes, claim->size));
	if (!m->matched[bank][n])
		check_fail(a, "eventlog.replay", expected, "%s: the log comes to %s", name,
			   hex_text(SPAN(p->value[bank][n], bank_sizes[bank]), found,
				    sizeof(found)));
	return m->matched[bank][n];
}

static size_t claim_replayed(struct appraisal *a, const struct log_mapping *m)
{
	size_t count = 0;
	char name[32];

	for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
		for (unsigned n = 0; n < LOG_REGISTERS; n++)
			if (m->matched[bank][n]) {
				register_text(m->cc, bank, n, name);
				claim_add(a, "eventlog.replayed", "%s", name);
				count++;
			}
	return count;
}

/* Registers whose events nothing stands for. */
static void note_unsigned(struct appraisal *a, const struct log_replay *p,
			  const struct log_mapping *m)
{
	char list[160] = "";

	for (unsigned n = 0; n < LOG_REGISTERS; n++) {
		bool matched = false;

		for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
			matched |= register_claim(a, m->cc, bank, n) && p->bank[bank];
		if (p->has_events[n] && !matched && strlen(list) < sizeof(list) - 8)
			snprintf(list + strlen(list), 8, " %u", n);
	}
	if (list[0])
		check_note(
			a, "eventlog.unsigned",
			"nothing signs these registers of the log, so nothing is claimed of their events:%s",
			list);
}

static void replay_and_claim(struct appraisal *a, struct span log, const struct log_replay *p,
			     bool signed_ok)
{
	struct log_mapping m = { .cc = is_cc(a, p) };
	bool good = true;
	size_t count;

	if (!signed_ok) {
		check_note(a, "eventlog.replay",
			   "not looked at: the registers' own signature is not good");
		return;
	}
	for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
		for (unsigned n = 0; n < LOG_REGISTERS; n++)
			good &= compare(a, p, &m, bank, n);
	note_unsigned(a, p, &m);
	/* One bank that differs spoils the register in all of them. */
	for (unsigned n = 0; n < LOG_REGISTERS && !good; n++)
		for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
			if (!m.matched[bank][n] && p->has_events[n] && p->bank[bank] &&
			    register_claim(a, m.cc, bank, n))
				for (int k = 0; k < TPM_BANK_COUNT; k++)
					m.matched[k][n] = false;
	count = claim_replayed(a, &m);
	if (!count && good) {
		check_missing(a, "eventlog.replay",
			      "the evidence signs no register that this log has events for");
		return;
	}
	claim_string(a, "eventlog.format",
		     m.cc	? "ccel"
		     : p->agile ? "tcg-crypto-agile"
				: "tcg-sha1");
	log_claim_facts(a, log, &m);
	if (good)
		check_pass(a, "eventlog.replay", "%zu registers have the log's values", count);
}

int event_log_replay(struct appraisal *a, struct span log, bool signed_ok)
{
	struct log_replay *p = malloc(sizeof(*p));
	int ret = p ? log_replay_all(log, p, a->err) : fail(a->err, -ENOMEM, "out of memory");

	if (!ret)
		replay_and_claim(a, log, p, signed_ok);
	free(p);
	return ret;
}

/*
 * Decoding: whether it is a CC log is a guess (only SHA-384, only registers 0 to 4), which decides
 * nothing.
 */
static int log_appraise(struct appraisal *a, struct span in)
{
	struct log_replay *p = malloc(sizeof(*p));
	int ret = p ? log_replay_all(in, p, a->err) : fail(a->err, -ENOMEM, "out of memory");
	struct log_reader reader;
	struct log_event e;
	char text[512], hex[129];
	bool cc;

	if (ret)
		goto out;
	cc = p->agile && !p->bank[0] && !p->bank[1] && !p->bank[3] && !p->has_events[0];
	for (unsigned n = 5; n < LOG_REGISTERS; n++)
		cc &= !p->has_events[n];
	claim_string(a, "eventlog.format",
		     cc		? "ccel"
		     : p->agile ? "tcg-crypto-agile"
				: "tcg-sha1");
	for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
		for (unsigned n = 0; p->bank[bank] && n < LOG_REGISTERS; n++) {
			if (!p->has_events[n] || p->incomplete[bank][n])
				continue;
			register_text(cc && n, bank, n, text);
			claim_add(a, "eventlog.registers", "%s=%s", text,
				  hex_text(SPAN(p->value[bank][n], bank_sizes[bank]), hex,
					   sizeof(hex)));
		}
	ret = log_open(in, &reader, a->err);
	while (!ret && log_next(&reader, &e, NULL) > 0) {
		log_describe(&e, -1, cc, text, sizeof(text));
		claim_add(a, "eventlog.events", "%s", text);
	}
out:
	free(p);
	return ret;
}

const struct evidence_type event_log_type = {
	.name = "event-log",
	.meaning = "measured boot log (TCG crypto-agile, legacy SHA-1, CCEL)",
	.detect = event_log_detect,
	.appraise = log_appraise,
	.decode_only = true,
};
