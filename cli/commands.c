/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `cloister` can do. Commands around attestation are carried out by the program cloister-attest beside it: the libraries
 * they need take longer to load than an enclave takes to start.
 */
#include "cli/cli.h"

static const struct option no_options[] = { { 0 } };

const struct command commands[] = {
	{ "run", "PROGRAM [ARG...]", "run a program in an enclave of its own", run_options, cmd_run,
	  "Exit status: the program's; 128+N if signal N ended it; 125 cloister failed; 126 the program cannot be\n"
	  "executed; 127 it was not found.",
	  EXIT_OURS },
	{ "exec", "ENCLAVE PROGRAM [ARG...]", "run another program in a running enclave",
	  exec_options, cmd_exec, "Exit status as that of `cloister run`.", EXIT_OURS },
	{ "ps", "", "list enclaves", ps_options, cmd_ps, NULL, EXIT_USAGE },
	{ "kill", "ENCLAVE [PID]", "send a signal to a process of an enclave (its first one)",
	  kill_options, cmd_kill, NULL, EXIT_USAGE },
	{ "stop", "ENCLAVE", "end an enclave: TERM to its first process, then KILL", stop_options,
	  cmd_stop, NULL, EXIT_USAGE },
	{ "logs", "ENCLAVE", "show the output of an enclave started with run -d", logs_options,
	  cmd_logs, NULL, EXIT_USAGE },
	{ "rm", "ENCLAVE...", "forget enclaves that have ended", rm_options, cmd_rm, NULL,
	  EXIT_USAGE },
#define ATTEST_COMMAND(name, function, operands, summary, more) \
	{ name, operands, summary, no_options, NULL, more, EXIT_USAGE },
#include "cli/attest_commands.def"
#undef ATTEST_COMMAND
	{ "doctor", "", "say what this machine lacks for each platform", doctor_options, cmd_doctor,
	  "Exit status: 0 if the process platform works here, 1 if not.", EXIT_USAGE },
	{ "help", "[COMMAND]", "show this, or the options of a command", no_options, cmd_help, NULL,
	  EXIT_USAGE },
	{ "version", "", "show the version", no_options, cmd_version, NULL, EXIT_USAGE },
	{ 0 },
};
