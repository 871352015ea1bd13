/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() of `cloister` and of `cloister-attest`: finds the subcommand and prints help, both from the program's table (commands.c,
 * commands_attest.c). A command without a function is cloister-attest's.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
	printf("Usage: cloister COMMAND [OPTION...]\n\nRuns unmodified Linux programs in enclaves, and judges evidence of enclaves.\n\nCommands:\n");
	for (const struct command *c = commands; c->name; c++)
		if (c->summary)
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

/* argv: the command and what follows. */
static int hand_over(char **argv)
{
	static char service[] = "cloister-attest";
	char program[4096];
	struct error err;

	if (find_program(service, program, sizeof(program), &err))
		return complain(&err, EXIT_USAGE);
	argv[-1] = service;
	execv(program, argv - 1);
	fail(&err, "%s: %s", program, strerror(errno));
	return complain(&err, EXIT_USAGE);
}

int cmd_help(char **argv)
{
	static char help[] = "help";
	const struct command *c;

	if (!argv[0])
		return help_all();
	c = find_command(argv[0]);
	if (!c)
		return unknown(argv[0]);
	return c->run ? help_command(c) : hand_over((char *[]){ NULL, help, argv[0], NULL } + 1);
}

int cmd_version(char **argv)
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
	if (!c->run)
		return hand_over(argv + 1);
	/* Anywhere before the operands; a table's own parser would have to know it nine times. */
	if (argv[2] && (!strcmp(argv[2], "--help") ||
			(!strcmp(argv[2], "-h") && c->usage_status != EXIT_OURS)))
		return help_command(c);
	return c->run(argv + 2);
}
