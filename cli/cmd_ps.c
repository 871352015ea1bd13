/* SPDX-License-Identifier: Apache-2.0 */
/* `cloister ps`, `logs`, `rm`: what runs, and what is left of what ran. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "cli/registry.h"

enum { PS_ALL, PS_JSON, PS_HOST, PS_QUIET };
const struct option ps_options[] = {
	[PS_ALL] = { 'a', "all", NULL, "also those started with run -d that have ended" },
	[PS_JSON] = { 0, "json", NULL, "for programs: an array of objects" },
	[PS_HOST] = { 0, "host", NULL, "also each process, with the host process it runs in" },
	[PS_QUIET] = { 'q', "quiet", NULL, "only the ids" },
	{ 0 },
};
const struct option logs_options[] = { { 0 } };
const struct option rm_options[] = { { 0 } };

struct ps_options {
	bool all, json, host, quiet;
};

static void print_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

/* Programs name themselves; the terminal must not obey them. */
static void print_safe(const char *s, int width)
{
	int used = 0;

	for (; *s; s++, used++)
		putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
	for (; used < width; used++)
		putchar(' ');
}

static const char *ago(int64_t then, char *to, size_t size)
{
	int64_t s = time(NULL) - then;

	if (s < 120)
		snprintf(to, size, "%lld s", (long long)s);
	else if (s < 7200)
		snprintf(to, size, "%lld min", (long long)s / 60);
	else if (s < 172800)
		snprintf(to, size, "%lld h", (long long)s / 3600);
	else
		snprintf(to, size, "%lld days", (long long)s / 86400);
	return to;
}

struct process_line {
	int pid, parent;
	unsigned int threads, host_pid;
	char name[64];
};

static int parse_line(char **at, struct process_line *ret)
{
	char *line = strsep(at, "\n");

	if (!line || !*line)
		return -1;
	ret->name[0] = 0;
	return sscanf(line, "%d %d %u %u %63[^\n]", &ret->pid, &ret->parent, &ret->threads,
		      &ret->host_pid, ret->name) >= 4
		       ? 0
		       : -1;
}

static unsigned int count_lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void print_processes(char *text, const struct ps_options *o)
{
	struct process_line p;
	bool first = true;

	if (o->json)
		printf(",\"guests\":[");
	while (!parse_line(&text, &p)) {
		if (o->json) {
			printf("%s{\"pid\":%d,\"parent\":%d,\"threads\":%u,\"host_pid\":%u,\"name\":",
			       first ? "" : ",", p.pid, p.parent, p.threads, p.host_pid);
			print_json_string(p.name);
			putchar('}');
		} else {
			printf("    pid %-7d host %-8u threads %-4u ", p.pid, p.host_pid,
			       p.threads);
			print_safe(p.name, 0);
			putchar('\n');
		}
		first = false;
	}
	if (o->json)
		putchar(']');
}

static void status_text(const struct registry_entry *e, char *to, size_t size)
{
	char since[32];

	if (e->silent)
		snprintf(to, size, "does not answer");
	else if (e->info.ended)
		snprintf(to, size, "ended (%d) %s ago", WEXITSTATUS(e->info.status),
			 ago(e->info.ended, since, sizeof(since)));
	else
		snprintf(to, size, "runs %s", ago(e->info.started, since, sizeof(since)));
}

static void print_entry(const struct registry_entry *e, const struct ps_options *o, bool first)
{
	static struct wire_reply reply;
	static const struct wire_request request = { .magic = WIRE_MAGIC, .kind = WIRE_LIST };
	char status[64], count[16] = "-";
	struct error err;
	bool listed = false;

	if (o->quiet && !o->json) {
		printf("%s\n", e->info.id);
		return;
	}
	if (e->socket >= 0 && !e->silent &&
	    !wire_call(e->socket, &request, WIRE_REQUEST_SIZE(0), &reply, 1000, &err) &&
	    !reply.result) {
		listed = true;
		snprintf(count, sizeof(count), "%u", count_lines(reply.text));
	}
	if (o->json) {
		printf("%s{\"id\":\"%s\",\"name\":", first ? "" : ",", e->info.id);
		print_json_string(e->info.name);
		printf(",\"program\":");
		print_json_string(e->info.program);
		printf(",\"launcher\":%d,\"started\":%lld,\"running\":%s", e->info.launcher,
		       (long long)e->info.started, e->info.ended ? "false" : "true");
		if (e->info.ended)
			printf(",\"ended\":%lld,\"exit_status\":%d", (long long)e->info.ended,
			       WEXITSTATUS(e->info.status));
		if (listed)
			printf(",\"processes\":%s", count);
		if (listed && o->host)
			print_processes(reply.text, o);
		printf("}");
		return;
	}
	status_text(e, status, sizeof(status));
	printf("%-12s  %-16s  %-20s  %-8d  %-9s  ", e->info.id, e->info.name, status,
	       e->info.launcher, count);
	print_safe(e->info.program, 0);
	putchar('\n');
	if (listed && o->host)
		print_processes(reply.text, o);
}

int cmd_ps(char **argv)
{
	struct option_parser p = { .table = ps_options, .argv = argv };
	struct ps_options o = { 0 };
	struct registry_entry *entries;
	struct error err;
	size_t count;
	bool first = true;
	int option;

	while ((option = option_next(&p, &err)) >= 0) {
		o.all |= option == PS_ALL;
		o.json |= option == PS_JSON;
		o.host |= option == PS_HOST;
		o.quiet |= option == PS_QUIET;
	}
	if (option == -2)
		return complain(&err, EXIT_USAGE);
	if (p.argv[0]) {
		fail(&err, "ps: %s: no operands are taken", p.argv[0]);
		return complain(&err, EXIT_USAGE);
	}
	if (registry_list(&entries, &count, &err))
		return complain(&err, 1);
	if (o.json)
		putchar('[');
	else if (!o.quiet)
		printf("%-12s  %-16s  %-20s  %-8s  %-9s  %s\n", "ID", "NAME", "STATUS", "LAUNCHER",
		       "PROCESSES", "PROGRAM");
	for (size_t i = 0; i < count; i++) {
		if (entries[i].info.ended && !o.all)
			continue;
		print_entry(&entries[i], &o, first);
		first = false;
	}
	if (o.json)
		printf("]\n");
	registry_free(entries, count);
	return fflush(stdout) ? 1 : 0;
}

int cmd_logs(char **argv)
{
	struct option_parser p = { .table = logs_options, .argv = argv };
	struct registry_entry e;
	struct error err;
	_close_ int log = -1;
	_close_ int folder = -1;
	char buffer[16384];
	ssize_t n;

	if (option_next(&p, &err) == -2)
		return complain(&err, EXIT_USAGE);
	if (!p.argv[0] || p.argv[1]) {
		fail(&err, "logs: the id or name of one ENCLAVE is needed");
		return complain(&err, EXIT_USAGE);
	}
	if (registry_find(p.argv[0], &e, &folder, &err))
		return complain(&err, 1);
	close_fd(&e.socket);
	log = openat(folder, "log", O_RDONLY | O_CLOEXEC);
	if (log < 0) {
		fail(&err, "%s: has no log: it was not started with run -d", p.argv[0]);
		return complain(&err, 1);
	}
	while ((n = read(log, buffer, sizeof(buffer))) > 0)
		for (ssize_t done = 0, k; done < n; done += k) {
			k = write(1, buffer + done, (size_t)(n - done));
			if (k <= 0)
				return 1;
		}
	return 0;
}

int cmd_rm(char **argv)
{
	struct option_parser p = { .table = rm_options, .argv = argv };
	struct registry_entry e;
	struct error err;
	int status = 0;

	if (option_next(&p, &err) == -2)
		return complain(&err, EXIT_USAGE);
	if (!p.argv[0]) {
		fail(&err, "rm: the id or name of an ENCLAVE is needed");
		return complain(&err, EXIT_USAGE);
	}
	for (; *p.argv; p.argv++) {
		if (registry_find(*p.argv, &e, NULL, &err)) {
			status = complain(&err, 1);
			continue;
		}
		close_fd(&e.socket);
		if (!e.info.ended) {
			fail(&err, "%s: still runs (cloister stop ends it)", *p.argv);
			status = complain(&err, 1);
		} else if (registry_forget(e.info.id, &err)) {
			status = complain(&err, 1);
		}
	}
	return status;
}
