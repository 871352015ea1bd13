/* SPDX-License-Identifier: Apache-2.0 */
/* The `cloister` command: finds the subcommand and prints help, both from one table. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static int cmd_help(char **argv);
static int cmd_version(char **argv);
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
	{ "doctor", "", "say what this machine lacks for each platform", doctor_options, cmd_doctor,
	  "Exit status: 0 if the process platform works here, 1 if not.", EXIT_USAGE },
	{ "help", "[COMMAND]", "show this, or the options of a command", no_options, cmd_help, NULL,
	  EXIT_USAGE },
	{ "version", "", "show the version", no_options, cmd_version, NULL, EXIT_USAGE },
	{ 0 },
};

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

int help_command(const struct command *c)
{
	printf("Usage: cloister %s%s%s%s\n\n%c%s.\n", c->name,
	       c->options->name ? " [OPTION...]" : "", c->operands[0] ? " " : "", c->operands,
	       c->summary[0] - 'a' + 'A', c->summary + 1);
	if (c->options->name)
		printf("\nOptions:\n");
	for (const struct option *o = c->options; o->name; o++) {
		char left[64];
		int used = o->brief ? snprintf(left, sizeof(left), "-%c, ", o->brief)
				    : snprintf(left, sizeof(left), "    ");

		snprintf(left + used, sizeof(left) - (size_t)used, "--%s%s%s", o->name,
			 o->value ? " " : "", o->value ? o->value : "");
		printf("  %-28s %s\n", left, o->help);
	}
	if (c->more)
		printf("\n%s\n", c->more);
	return fflush(stdout) ? 1 : 0;
}

static int help_all(void)
{
	printf("Usage: cloister COMMAND [OPTION...]\n\nRuns unmodified Linux programs in enclaves.\n\nCommands:\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-10s %s\n", c->name, c->summary);
	printf("\n`cloister help COMMAND` shows a command's options. More: docs/cli.md\n");
	return fflush(stdout) ? 1 : 0;
}

static int unknown(const char *name)
{
	struct error err;

	fail(&err, "%s: unknown command (cloister help lists them)", name);
	return complain(&err, EXIT_USAGE);
}

static int cmd_help(char **argv)
{
	const struct command *c;

	if (!argv[0])
		return help_all();
	c = find_command(argv[0]);
	return c ? help_command(c) : unknown(argv[0]);
}

static int cmd_version(char **argv)
{
	(void)argv;
	printf("cloister %s\n", CLOISTER_VERSION);
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		struct error err;

		fail(&err, "a command is missing (cloister help lists them)");
		return complain(&err, EXIT_USAGE);
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help_all();
	if (!strcmp(argv[1], "--version"))
		return cmd_version(argv + 2);
	c = find_command(argv[1]);
	if (!c)
		return unknown(argv[1]);
	/* Anywhere before the operands; a table's own parser would have to know it nine times. */
	if (argv[2] &&
	    (!strcmp(argv[2], "--help") || (!strcmp(argv[2], "-h") && c->run != cmd_run)))
		return help_command(c);
	return c->run(argv + 2);
}
