/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister verify`: judges evidence by what the command line gives (roots, collateral, a policy, a time) and shows the result. Without
 * a policy nothing is trusted; a wrong command line or a file that cannot be read is "not decidable", evidence
 * that cannot be understood is refused.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/attest.h"
#include "cloister/tls.h"

enum {
	REPORT_DATA = TRUST_OPTION_COUNT,
	NONCE,
	REPORT_DATA_FILE,
	EVIDENCE_TIME,
	TYPE,
	EVENT_LOG,
	CONNECT,
	JSON,
	EAR,
	RAW_EVIDENCE,
	REBUILD,
};
const struct option verify_options[] = {
	TRUST_OPTIONS_TABLE("appraisal policy, JSON or YAML: without one nothing is trusted", 'c',
			    "judge as of then: 2026-01-31T12:00:00Z or @SECONDS"),
	[REPORT_DATA] = { 0, "report-data", "HEX",
			  "what the evidence must be bound to, up to 64 bytes" },
	[NONCE] = { 0, "nonce", "HEX",
		    "the evidence's nonce, where it has one beside its report data (Nitro, TPM)" },
	[REPORT_DATA_FILE] = { 0, "report-data-file", "FILE",
			       "as --report-data, the bytes of a file" },
	[EVIDENCE_TIME] = { 0, "evidence-time", NULL,
			    "judge as of the evidence's own signed time (Nitro)" },
	[TYPE] = { 't', "type", "TYPE", "accept this type of evidence only" },
	[EVENT_LOG] = { 0, "event-log", "FILE", "event log to replay (TCG, CCEL)" },
	[CONNECT] = { 0, "connect", "ADDRESS",
		      "judge the evidence of an attested TLS server instead of a FILE (host:port, unix:/path)" },
	[JSON] = { 'j', "json", NULL, "for programs" },
	[EAR] = { 0, "ear", "KEY.pem", "print an EAR token signed with this key" },
	[RAW_EVIDENCE] = { 0, "raw-evidence", NULL, "include the evidence in the token" },
	[REBUILD] = { 0, "rebuild", "IMAGE",
		      "not there yet: the expected measurement from a container image" },
	{ 0 },
};

struct request {
	struct verifier_setup setup;
	struct binding binding, nonce;
	struct cattest_expect expect;
	const char *event_log, *connect;
	struct show show;
};

static int take_option(struct request *r, int option, const char *value, struct error *err)
{
	if (option < TRUST_OPTION_COUNT)
		return setup_option(&r->setup, (enum trust_option)option, value, err);
	switch (option) {
	case REPORT_DATA:
		return binding_hex(&r->binding, "--report-data", value, err);
	case NONCE:
		return binding_hex(&r->nonce, "--nonce", value, err);
	case REPORT_DATA_FILE:
		return binding_file(&r->binding, value, err);
	case TYPE:
		r->expect.type = value;
		return 0;
	case CONNECT:
		r->connect = value;
		return 0;
	case EVENT_LOG:
		r->event_log = value;
		return 0;
	case JSON:
		r->show.json = true;
		return 0;
	case EAR:
		r->show.ear_key = value;
		return 0;
	case EVIDENCE_TIME:
		cattest_set_evidence_time(r->setup.verifier, true);
		return 0;
	case REBUILD:
		return fail(
			err,
			"--rebuild %s: cannot be decided: this version builds no images, so it cannot compute what "
			"one would measure (put the expected measurement into the policy)",
			value);
	default:
		r->show.raw_evidence = true;
		return 0;
	}
}

/* Options that would do nothing are mistakes: somebody believes that they do something. */
static int check_options(const struct request *r, struct error *err)
{
	if (r->show.json && r->show.ear_key)
		return fail(err,
			    "--json and --ear do not go together: a token is printed as it is");
	if (r->show.raw_evidence && !r->show.ear_key)
		return fail(err, "--raw-evidence: needs --ear");
	return setup_check(&r->setup, err);
}

/* Unreadable evidence has no result to show; programs still get an object. */
static int refuse(const struct request *r, const char *path, const struct cattest_error *why,
		  int code, struct error *err)
{
	int status = code == -ENOMEM ? EXIT_UNDECIDED : EXIT_REFUSED;

	fail(err, "%s: %s: %s", path, status == EXIT_REFUSED ? "refused" : "not decided",
	     why->text);
	if (r->show.json) {
		printf("{\"format\":1,\"verdict\":\"%s\",\"reason\":\"",
		       status == EXIT_REFUSED ? "refused" : "undecided");
		for (const char *c = why->text; *c; c++)
			printf(*c == '"' || *c == '\\'	   ? "\\%c"
			       : (unsigned char)*c >= 0x7f ? "?"
							   : "%c",
			       *c);
		puts("\"}");
		fflush(stdout);
	}
	return complain(err, status);
}

#define CONNECT_MILLISECONDS 30000

/* The evidence a server gives, which is to be bound to this very connection (session mode) or to its certificate. */
static int fetch_evidence(struct request *r, uint8_t **ret_evidence, size_t *ret_size,
			  struct error *err)
{
	struct ctls_fetched fetched;
	struct cattest_error why;

	if (ctls_fetch_evidence(r->connect, CONNECT_MILLISECONDS, &fetched, &why))
		return fail(err, "--connect %s: %s", r->connect, why.text);
	*ret_evidence = fetched.evidence;
	*ret_size = fetched.size;
	if (fetched.report_data_size) {
		memcpy(r->binding.data, fetched.report_data, fetched.report_data_size);
		r->binding.size = fetched.report_data_size;
		r->binding.given = true;
	}
	return 0;
}

static int verify(struct request *r, const char *path, struct error *err)
{
	_free_ uint8_t *evidence = NULL, *log = NULL;
	struct cattest_result *result;
	struct cattest_error why;
	size_t size;
	int ret;

	if (setup_fetch(&r->setup, err) || (r->connect ? fetch_evidence(r, &evidence, &size, err)
						       : read_input(path, &evidence, &size, err)))
		return complain(err, EXIT_UNDECIDED);
	if (r->event_log) {
		if (read_input(r->event_log, &log, &r->expect.event_log_size, err))
			return complain(err, EXIT_UNDECIDED);
		r->expect.event_log = log;
	}
	if (r->binding.given) {
		r->expect.report_data = r->binding.data;
		r->expect.report_data_size = r->binding.size;
		r->show.nonce = &r->binding;
	}
	if (r->nonce.given) {
		r->expect.nonce = r->nonce.data;
		r->expect.nonce_size = r->nonce.size;
		r->show.nonce = &r->nonce;
	}
	ret = cattest_verify(r->setup.verifier, evidence, size, &r->expect, &result, &why);
	if (ret)
		return refuse(r, path ? path : r->connect, &why, ret, err);
	ret = show_result(result, &r->show, err);
	cattest_result_free(result);
	return ret;
}

int cmd_verify(char **argv)
{
	struct option_parser p = { .table = verify_options, .argv = argv };
	struct request r = { 0 };
	const char *path = NULL;
	size_t operands = 0;
	struct error err;
	int option, ret;

	if (setup_init(&r.setup, &err))
		return complain(&err, EXIT_UNDECIDED);
	while ((option = option_or_operand(&p, &path, 1, &operands, &err)) >= 0)
		if (take_option(&r, option, p.value, &err)) {
			option = -2;
			break;
		}
	if (option != -2 && !path == !r.connect) {
		fail(&err,
		     path ? "verify: give a FILE or --connect, not both"
			  : "verify: a FILE with evidence is missing (- for standard input), or --connect ADDRESS");
		option = -2;
	}
	if (option != -2 && r.connect && r.binding.given) {
		fail(&err,
		     "verify: with --connect the evidence is bound to the connection: --report-data is not for you to give");
		option = -2;
	}
	if (option == -2 || check_options(&r, &err))
		ret = complain(&err, EXIT_USAGE);
	else
		ret = verify(&r, path, &err);
	setup_done(&r.setup);
	return ret;
}
