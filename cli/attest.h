/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands around attestation share: reading files of outside, report data and times from the command line, and a verifier made
 * from options. Exit statuses: 0 trusted (or done), 1 refused, 2 not decidable, or the command could not be carried out.
 */
#pragma once

#include "cli/cli.h"
#include "include/cloister/attest.h"

#define EXIT_REFUSED 1
#define EXIT_UNDECIDED 2

/*
 * As option_next, with operands before and between options as well ("verify FILE --policy P"): they are put into operands, of which
 * there may be `max`.
 */
int option_or_operand(struct option_parser *p, const char **operands, size_t max, size_t *count,
		      struct error *err);
/* A whole file, or standard input for "-"; at most CATTEST_MAX_INPUT bytes, malloc()ed and NUL-terminated behind. */
int read_input(const char *path, uint8_t **ret_data, size_t *ret_size, struct error *err);
/* Hex into at most `room` bytes. what: the option's name for messages. */
int read_hex(const char *what, const char *text, uint8_t *ret_bytes, size_t room, size_t *ret_size,
	     struct error *err);
/* "2026-01-31T12:00:00Z", "2026-01-31" or "@1769860800" */
int read_time(const char *text, int64_t *ret_unix_seconds, struct error *err);
/* What a verdict is as exit status; NONE is refused. */
int verdict_status(enum cattest_verdict verdict);
/* Prints a malloc()ed text and frees it; 0, or the status of not being able to. */
int print_text(char *text);

/* What --report-data, --nonce and --report-data-file of verify and evidence have in common. */
struct binding {
	uint8_t data[CATTEST_REPORT_DATA_SIZE];
	size_t size;
	bool given;
};
int binding_hex(struct binding *b, const char *option, const char *text, struct error *err);
int binding_file(struct binding *b, const char *path, struct error *err);

/* A verifier and the policy it judges by. */
struct verifier_setup {
	struct cattest_verifier *verifier;
	struct cattest_policy *policy;
	struct cattest_http_options http;
	bool fetch;
};
int setup_init(struct verifier_setup *s, struct error *err);
void setup_done(struct verifier_setup *s);
#define _setup_ __attribute__((cleanup(setup_done)))
int setup_policy(struct verifier_setup *s, const char *path, struct error *err);
/* A file, or all files of a folder that are collateral. */
int setup_collateral(struct verifier_setup *s, const char *path, struct error *err);
/* KIND=FILE */
int setup_root(struct verifier_setup *s, const char *text, struct error *err);
/* Once all options are read: the fetcher, if one was asked for. */
int setup_fetch(struct verifier_setup *s, struct error *err);

int cmd_evidence_service(char **argv);

/* Prints the result: as a table, as JSON, or as an EAR signed with that key; the exit status. */
struct show {
	bool json;
	const char *ear_key; /* path, or NULL */
	const struct binding *nonce;
	bool raw_evidence;
};
int show_result(const struct cattest_result *r, const struct show *show, struct error *err);
