/* SPDX-License-Identifier: Apache-2.0 */
/* Reading event logs, shared by replay and facts. */
#pragma once

#include "attest/tpm/eventlog.h"
#include "attest/tpm/tpm.h"

#define LOG_SIZE_MAX (16u << 20)
#define LOG_EVENTS_MAX 4096
#define LOG_HASHES_MAX 16

/* TCG PC Client Platform Firmware Profile 1.06, 10.4.1 */
enum log_event_type {
	EV_NO_ACTION = 0x3,
	EV_EVENT_TAG = 0x6,
	EV_IPL = 0xd,
	EV_EFI_ACTION = 0x80000007,
};
const char *log_event_type_name(uint32_t type); /* NULL: unknown */

struct log_event {
	uint32_t index, type;
	struct span digest[TPM_BANK_COUNT]; /* by tpm_bank_index(); size 0: none */
	struct span data;
};

struct log_reader {
	struct cursor c;
	bool agile;
	size_t filler; /* from there on only filler */
	size_t hash_count, event_count;
	struct {
		uint16_t id, size;
	} hash[LOG_HASHES_MAX];
};

int log_open(struct span log, struct log_reader *ret_reader, struct cattest_error *err);
/* 1: an event, 0: the end, or -EBADMSG. */
int log_next(struct log_reader *reader, struct log_event *ret_event, struct cattest_error *err);

#define LOG_REGISTERS TPM_PCR_COUNT
/* PCR 17 to 22: all ones from start-up, zero from a dynamic launch (part 1, 11.6.2; PTP 4.7.2). */
#define LOG_LAUNCH_FIRST 17
#define LOG_LAUNCH_COUNT 6
/* What a log comes to. */
struct log_replay {
	uint8_t value[TPM_BANK_COUNT][LOG_REGISTERS][64];
	/* What those of a dynamic launch come to if there was one before the events. */
	uint8_t launched[TPM_BANK_COUNT][LOG_LAUNCH_COUNT][64];
	bool has_events[LOG_REGISTERS];
	bool incomplete[TPM_BANK_COUNT][LOG_REGISTERS]; /* an event has no digest for this bank */
	bool bank[TPM_BANK_COUNT];			/* the log has it */
	bool agile;
};
int log_replay_all(struct span log, struct log_replay *ret_replay, struct cattest_error *err);

/* Which register of the evidence an index of the log means. */
struct log_mapping {
	bool cc;				     /* 1-4 are RTMR0-3; else PCRs */
	bool matched[TPM_BANK_COUNT][LOG_REGISTERS]; /* the signed register has the log's value */
	bool final_known;			     /* the next is */
	unsigned final_events; /* which sequence the final register has behind the log; 0: none */
};
/*
 * What the firmware measures while ExitBootServices runs comes after the log was handed over: it is in a second table (PFP, 10.2: final events),
 * which not every system joins to the log. The texts are fixed (PFP, 10.4.4), so the register tells which of these sequences, counted from 1,
 * is missing. False: the sequence has no event k.
 */
#define LOG_FINAL_SEQUENCES 3
bool log_final_event(unsigned sequence, unsigned k, struct span *ret_text);
/* PCR 5, which is in RTMR1 (the CC log's register 2). */
unsigned log_final_register(bool cc);
/* By tpm_bank_index(), as digest() wants them. */
extern const char *const log_digest_names[TPM_BANK_COUNT];
/*
 * Claims of the events of registers that matched; the log was read before, so nothing is
 * malformed.
 */
void log_claim_facts(struct appraisal *a, struct span log, const struct log_mapping *mapping);
/* One line for an event. bank: whose digest to show, or -1 for the strongest there is. */
void log_describe(const struct log_event *event, int bank, bool cc, char *ret_text, size_t room);
