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
/* A file that only its owner may read if secret, replaced as a whole; it is on disk when this returns. */
int write_file(const char *path, const void *data, size_t size, bool secret, struct error *err);
/* Into a file, or to standard output (path NULL), which may be no terminal if it is binary. */
int write_output(const char *path, const void *data, size_t size, bool binary, struct error *err);
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
/* The record of an enrolment (cloister enrol check). */
int setup_trust_ak(struct verifier_setup *s, const char *path, struct error *err);

/*
 * The options of commands that judge evidence: what is trusted, and where collateral comes from. A command's table begins with them
 * (TRUST_OPTIONS_TABLE), and its own options are numbered from TRUST_OPTION_COUNT on.
 */
enum trust_option {
	TRUST_POLICY,
	TRUST_COLLATERAL,
	TRUST_ROOT,
	TRUST_AK,
	TRUST_AT,
	TRUST_FETCH,
	TRUST_CACHE,
	TRUST_PCCS,
	TRUST_KDS,
	TRUST_CA_FILE,
	TRUST_OFFLINE,
	TRUST_OPTION_COUNT,
};
/* clang-format off */
#define TRUST_OPTIONS_TABLE(policy_help, collateral_brief, at_help) \
	[TRUST_POLICY] = { 'p', "policy", "FILE", policy_help }, \
	[TRUST_COLLATERAL] = { collateral_brief, "collateral", "PATH", \
			       "certificates, CRLs, TCB info: a file, or a folder of them" }, \
	[TRUST_ROOT] = { 0, "root", "KIND=FILE", "trust this root too: intel, amd, aws, tpm, ak, sim" }, \
	[TRUST_AK] = { 0, "trust-ak", "FILE", "trust the TPM attestation key of this enrolment record" }, \
	[TRUST_AT] = { 0, "at", "TIME", at_help }, \
	[TRUST_FETCH] = { 0, "fetch", NULL, "get missing collateral from Intel and AMD" }, \
	[TRUST_CACHE] = { 0, "cache", "DIR", "where fetched collateral is kept" }, \
	[TRUST_PCCS] = { 0, "pccs", "URL", "ask this PCCS instead of Intel's service" }, \
	[TRUST_KDS] = { 0, "kds", "URL", "ask this instead of AMD's key service" }, \
	[TRUST_CA_FILE] = { 0, "ca-file", "FILE", "certificate authorities of these servers" }, \
	[TRUST_OFFLINE] = { 0, "offline", NULL, "as --fetch, from the cache only" }
/* clang-format on */
int setup_option(struct verifier_setup *s, enum trust_option option, const char *value,
		 struct error *err);
/* Options that would do nothing are mistakes: somebody believes that they do something. */
int setup_check(const struct verifier_setup *s, struct error *err);
/* Once all options are read: the fetcher, if one was asked for. */
int setup_fetch(struct verifier_setup *s, struct error *err);

/* NAME[:K=V,...], or auto: the first attester that is here. */
int attester_from_text(const char *text, struct cattest_attester **ret_attester, struct error *err);

int cmd_evidence_service(char **argv);

/* Prints the result: as a table, as JSON, or as an EAR signed with that key; the exit status. */
struct show {
	bool json;
	const char *ear_key; /* path, or NULL */
	const struct binding *nonce;
	bool raw_evidence;
};
int show_result(const struct cattest_result *r, const struct show *show, struct error *err);
