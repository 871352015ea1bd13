/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier object, and how evidence in text forms is opened. Private to core/. */
#pragma once

#include "attest/core/appraisal.h"

#define VERIFIER_MAX_ROOTS 256

struct added_root {
	enum cattest_root kind;
	X509 *certificate; /* NULL for plain keys */
	EVP_PKEY *key;
	uint8_t spki_sha256[32];
	bool enrolled; /* AK: from the record of an enrolment */
};

struct cattest_verifier {
	bool time_set, evidence_time;
	int64_t time;
	struct added_root *roots;
	size_t root_count;
	/* Which roots the verification in progress met: bit 0 built in, bit 1 added. A pointer since looking them up changes nothing else. */
	unsigned *roots_met;
	const struct cattest_policy *policy;
	struct collateral *collateral;
	struct path_cache *paths;
	struct cattest_fetcher fetcher;
};

/* The time of this verification, before evidence has its say. */
int64_t verifier_now(const struct cattest_verifier *v);
void roots_done(struct cattest_verifier *v);

/*
 * Text that stands for bytes: hex, base64, base64url, one PEM block, JSON with one member that holds them; Open Enclave's envelopes. 0 with malloc()ed
 * bytes, or -ENOENT if it is none of them. Where the JSON holds an event log as well, it is given too (else NULL).
 */
struct unwrapped {
	uint8_t *data, *event_log;
	size_t size, event_log_size;
	const char *form; /* static, for messages */
};
int container_open(struct span in, struct unwrapped *ret);
/* What is in an envelope of Open Enclave, size 0 if it is none: those have to be opened even if they could be evidence. */
struct span container_envelope(struct span in);
