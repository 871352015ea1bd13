/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the parts of the `cloister` command: errors that carry their one-line message, cleanup attributes, growing
 * lists of strings, the option parser. Every function that returns int gives 0, or -1 with the message in *err.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define CLOISTER_VERSION "0.1"
#define EXIT_OURS 125 /* the command itself failed */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127
#define EXIT_USAGE 2

struct error {
	char text[2048];
};

int fail(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints "cloister: TEXT" as one line, whatever bytes the text holds; returns status. */
int complain(const struct error *err, int status);

static inline void free_pointer(void *p)
{
	free(*(void **)p);
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _free_ __attribute__((cleanup(free_pointer)))
#define _close_ __attribute__((cleanup(close_fd)))

static inline int steal_fd(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

/* NULL-ended list. Out of memory ends the program: a command line's worth is all that is ever added. */
struct strings {
	char **items;
	size_t count, room;
};
void strings_add(struct strings *s, const char *item);
void strings_done(struct strings *s);
#define _strings_ __attribute__((cleanup(strings_done)))
/* NAME=VALUE replaces an earlier one of that name. */
void strings_set_env(struct strings *s, const char *item);
const char *strings_get_env(const struct strings *s, const char *name);
char *format_string(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One option; tables end with a NULL name. value: what stands for its argument in the help, or NULL for a switch. */
struct option {
	char brief;
	const char *name, *value, *help;
};

struct option_parser {
	const struct option *table;
	char **argv;	     /* moves on; in the end at the first operand */
	const char *cluster; /* rest of "-it" */
	char shown[64];	     /* "--name" or "-n" as it was written */
	const char *value;
};
/* Next option's place in the table; -1: no more; -2: *err says what is wrong. Stops at the first operand. */
int option_next(struct option_parser *p, struct error *err);

struct command {
	const char *name, *operands, *summary; /* summary NULL: not listed */
	const struct option *options;
	int (*run)(
		char **argv); /* after the command's name; returns the exit status. NULL: cloister-attest does it */
	const char *more; /* further text of its help, or NULL */
	int usage_status;
};
extern const struct command commands[];
int help_command(const struct command *c);
/* Path of a program of ours: beside our own, or where it is installed, in ../lib/cloister from there. */
int find_program(const char *name, char *to, size_t size, struct error *err);

int cmd_run(char **argv);
int cmd_exec(char **argv);
int cmd_ps(char **argv);
int cmd_kill(char **argv);
int cmd_stop(char **argv);
int cmd_logs(char **argv);
int cmd_rm(char **argv);
int cmd_doctor(char **argv);
int cmd_help(char **argv);
int cmd_version(char **argv);
int cmd_verify(char **argv);
int cmd_dump(char **argv);
int cmd_policy(char **argv);
int cmd_evidence(char **argv);
int cmd_enrol(char **argv);
int cmd_sgx(char **argv);
int cmd_tunnel(char **argv);
extern const struct option run_options[], exec_options[], ps_options[], kill_options[],
	stop_options[], logs_options[], rm_options[], doctor_options[], verify_options[],
	dump_options[], policy_options[], evidence_options[], enrol_options[], sgx_options[],
	tunnel_options[];

/* Numbers and names from the command line. */
int parse_size(const char *text, uint64_t *ret_bytes);
int parse_number(const char *text, uint64_t max, uint64_t *ret);
int parse_signal(const char *text, int *ret_signal);
