/* SPDX-License-Identifier: Apache-2.0 */
/* `cloister evidence`: asks the environment that it runs in for evidence bound to the caller's data. */
#include <stdio.h>
#include <string.h>

#include "cli/attest.h"

enum { ATTESTER, SETTINGS, REPORT_DATA, REPORT_DATA_FILE, OUTPUT };
const struct option evidence_options[] = {
	[ATTESTER] = { 0, "attester", "NAME[:K=V,...]",
		       "sim, tsm, gramine, nsm, tpm, or auto: the first that is here (auto)" },
	[SETTINGS] = { 0, "settings", "K=V,...",
		       "of the attester, if not behind its name: see docs/ATTESTATION.md" },
	[REPORT_DATA] = { 0, "report-data", "HEX",
			  "what to bind it to, up to 64 bytes; zeroes follow" },
	[REPORT_DATA_FILE] = { 0, "report-data-file", "FILE", "the same, the bytes of a file" },
	[OUTPUT] = { 'o', "output", "FILE", "where to write it (default: standard output)" },
	{ 0 },
};

static int collect(const char *name, const char *settings, const struct binding *b,
		   const char *output, struct error *err)
{
	struct cattest_attester *attester;
	_free_ uint8_t *evidence = NULL;
	struct cattest_error why;
	size_t size;
	int ret;
	_free_ char *text = format_string("%s%s%s", name ? name : "auto", settings ? ":" : "",
					  settings ? settings : "");

	if (attester_from_text(text, &attester, err))
		return -1;
	ret = cattest_collect(attester, b->data, &evidence, &size, &why);
	cattest_attester_free(attester);
	if (ret)
		return fail(err, "%s", why.text);
	return write_output(output, evidence, size, true, err);
}

int cmd_evidence(char **argv)
{
	struct option_parser p = { .table = evidence_options, .argv = argv };
	const char *name = NULL, *settings = NULL, *output = NULL;
	struct binding binding = { 0 };
	struct error err;
	int option, bad = 0;

	setenv("TSS2_LOG", "all+none", 0); /* the TPM stack would write lines beside ours */
	while (!bad && (option = option_next(&p, &err)) >= 0)
		switch (option) {
		case ATTESTER:
			name = p.value;
			break;
		case SETTINGS:
			settings = p.value;
			break;
		case OUTPUT:
			output = p.value;
			break;
		case REPORT_DATA:
			bad = binding_hex(&binding, "--report-data", p.value, &err);
			break;
		case REPORT_DATA_FILE:
			bad = binding_file(&binding, p.value, &err);
			break;
		}
	if (!bad && option != -2 && p.argv[0])
		bad = fail(&err, "evidence: %s: takes no operand", p.argv[0]);
	if (!bad && option != -2 && settings && name && strchr(name, ':'))
		bad = fail(&err,
			   "evidence: --settings, or settings behind the attester's name: one");
	if (!bad && option != -2 && !binding.given)
		bad = fail(
			&err,
			"evidence: needs --report-data HEX: evidence that is bound to nothing proves nothing about now");
	if (bad || option == -2)
		return complain(&err, EXIT_USAGE);
	return collect(name, settings, &binding, output, &err) ? complain(&err, EXIT_UNDECIDED) : 0;
}
