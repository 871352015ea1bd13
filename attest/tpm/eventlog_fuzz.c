/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event logs of any bytes, against registers that are exactly what they come to, so that the facts
 * are looked at too. The first byte chooses PCRs or RTMRs, and whether one register differs: then
 * nothing of it may be claimed as replayed.
 */
#include "attest/core/result.h"
#include "attest/tpm/eventlog_internal.h"
#include "lib/fuzz/outcome.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(struct span log, const struct log_replay *p, bool cc, bool change, bool forged)
{
	static const char *const banks[] = { "sha1", "sha256", "sha384", "sha512" };
	static const size_t sizes[] = { 20, 32, 48, 64 };
	static const struct cattest_expect expect;
	struct cattest_error err;
	struct appraisal a = { .result = result_new(), .err = &err, .expect = &expect };
	const struct cattest_claim *replayed;
	bool changed = false;
	char name[32];

	for (unsigned bank = 0; bank < 4; bank++)
		for (unsigned n = 0; n < LOG_REGISTERS; n++) {
			uint8_t value[64];

			if (!p->has_events[n] || (cc && (bank != 2 || !n || n > 4)))
				continue;
			memcpy(value, p->value[bank][n], sizes[bank]);
			value[0] ^= change;
			changed |= change;
			if (cc)
				snprintf(name, sizeof(name), "tdx.rtmr.%u", n - 1);
			else
				snprintf(name, sizeof(name), "tpm.pcr.%s.%u", banks[bank], n);
			claim_bytes(&a, name, SPAN(value, sizes[bank]));
		}
	(void)event_log_replay(&a, log, true);
	replayed = cattest_result_find(a.result, "eventlog.replayed");
	if (changed && replayed && !forged)
		abort();
	cattest_result_free(a.result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct log_replay replay;
	struct cattest_result *r = NULL;
	struct span log;
	bool forged;

	if (!size)
		return 0;
	forged = fuzz_outcomes_from(data, size);
	log = SPAN(data + 1, size - 1);
	if (!cattest_decode(log.data, log.size, "event-log", &r, NULL))
		cattest_result_free(r);
	if (!log_replay_all(log, &replay, NULL))
		judge(log, &replay, data[0] & 1, data[0] & 2, forged);
	return 0;
}
