/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measured boot logs: the TCG crypto-agile and legacy (SHA-1) formats, and the CC event log of TDX
 * (CCEL). Reading is strict and in place, work linear in the log, which is at most 16 MiB.
 *
 * A log is only what its owner says happened. Claims are made of it where, and only where, a
 * register of the evidence that was verified has exactly the value that the log's events give: an
 * event's digest is then as good as the register, and its data is as good as the digest where the
 * digest is a hash of that data (checked); other data is shown but never claimed as a fact.
 */
#pragma once

#include "attest/core/appraisal.h"

extern const struct evidence_type event_log_type; /* "event-log": decoding only */

/*
 * Replays log against the registers that are claims already: tpm.pcr.BANK.N, or tdx.rtmr.N for a
 * CC log. Adds the checks "eventlog.*" and the claims eventlog.*. Call it after the registers' own
 * signature was checked; signed_ok false: nothing is claimed and the replay is a note. 0 or
 * -EBADMSG (malformed, with a message).
 */
int event_log_replay(struct appraisal *a, struct span log, bool signed_ok);
/* Whether the bytes look like the start of a log. */
bool event_log_detect(struct span in);
