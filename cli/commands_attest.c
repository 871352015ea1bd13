/* SPDX-License-Identifier: Apache-2.0 */
/* What `cloister-attest` can do, most often asked by `cloister`. evidence-service is for the launcher alone, and not listed. */
#include "cli/attest.h"

static const struct option no_options[] = { { 0 } };

const struct command commands[] = {
#define ATTEST_COMMAND(name, function, operands, summary, more) \
	{ name, operands, summary, function##_options, cmd_##function, more, EXIT_USAGE },
#include "cli/attest_commands.def"
#undef ATTEST_COMMAND
	{ "evidence-service", "", NULL, no_options, cmd_evidence_service, NULL, EXIT_USAGE },
	{ "help", "[COMMAND]", "show this, or the options of a command", no_options, cmd_help, NULL,
	  EXIT_USAGE },
	{ "version", "", "show the version", no_options, cmd_version, NULL, EXIT_USAGE },
	{ 0 },
};
