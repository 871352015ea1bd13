/* SPDX-License-Identifier: Apache-2.0 */
/* `cloister kill` and `cloister stop`. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/registry.h"

const struct option kill_options[] = { { 's', "signal", "SIGNAL", "name or number (default KILL)" },
				       { 0 } };
const struct option stop_options[] = { { 't', "time", "SECONDS",
					 "how long to wait between TERM and KILL (default 10)" },
				       { 0 } };

/* An enclave that ends before it can answer has had its signal. */
static int send_signal(const struct registry_entry *e, int pid, int sig, struct error *err)
{
	static struct wire_reply reply;
	struct wire_request *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return fail(err, "out of memory");
	r->magic = WIRE_MAGIC;
	r->kind = WIRE_KILL;
	r->pid = pid;
	r->signal = sig;
	ret = wire_call(e->socket, r, WIRE_REQUEST_SIZE(0), &reply, 5000, err);
	free(r);
	if (ret)
		return ret == WIRE_CLOSED && sig ? 0 : -1;
	if (reply.result == -ESRCH && pid)
		return fail(err, "%s: has no process %d", e->info.id, pid);
	return reply.result ? fail(err, "%s: %s", e->info.id, strerror(-reply.result)) : 0;
}

static int find_running(const char *which, struct registry_entry *e, struct error *err)
{
	if (registry_find(which, e, NULL, err))
		return -1;
	if (e->socket < 0)
		return fail(err, "%s: has ended already", which);
	return 0;
}

int cmd_kill(char **argv)
{
	struct option_parser p = { .table = kill_options, .argv = argv };
	struct registry_entry e;
	struct error err;
	uint64_t pid = 0;
	int option, sig = SIGKILL, ret;

	while ((option = option_next(&p, &err)) >= 0)
		if (parse_signal(p.value, &sig)) {
			fail(&err, "-s %s: no such signal", p.value);
			return complain(&err, EXIT_USAGE);
		}
	if (option == -2)
		return complain(&err, EXIT_USAGE);
	if (!p.argv[0] || (p.argv[1] && (p.argv[2] || parse_number(p.argv[1], INT32_MAX, &pid)))) {
		fail(&err,
		     "kill: needs an ENCLAVE, and perhaps the number of one of its processes");
		return complain(&err, EXIT_USAGE);
	}
	if (find_running(p.argv[0], &e, &err))
		return complain(&err, 1);
	ret = send_signal(&e, (int)pid, sig, &err);
	close(e.socket);
	return ret ? complain(&err, 1) : 0;
}

/* The launcher closes the connection when the enclave has ended. */
static bool wait_for_end(int socket, int milliseconds)
{
	static struct wire_reply reply;
	struct timespec t;
	int64_t now, end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = t.tv_sec * 1000 + t.tv_nsec / 1000000;
	for (end = now + milliseconds; now <= end;) {
		struct pollfd p = { .fd = socket, .events = POLLIN };

		if (poll(&p, 1, (int)(end - now)) > 0 &&
		    wire_receive(socket, &reply, sizeof(reply), NULL, NULL) <= 0)
			return true;
		clock_gettime(CLOCK_MONOTONIC, &t);
		now = t.tv_sec * 1000 + t.tv_nsec / 1000000;
	}
	return false;
}

int cmd_stop(char **argv)
{
	struct option_parser p = { .table = stop_options, .argv = argv };
	struct registry_entry e;
	struct error err;
	uint64_t seconds = 10;
	int option;

	while ((option = option_next(&p, &err)) >= 0)
		if (parse_number(p.value, 100000, &seconds)) {
			fail(&err, "-t %s: not a number of seconds", p.value);
			return complain(&err, EXIT_USAGE);
		}
	if (option == -2)
		return complain(&err, EXIT_USAGE);
	if (!p.argv[0] || p.argv[1]) {
		fail(&err, "stop: the id or name of one ENCLAVE is needed");
		return complain(&err, EXIT_USAGE);
	}
	if (find_running(p.argv[0], &e, &err) || send_signal(&e, 0, SIGTERM, &err))
		return complain(&err, 1);
	if (!wait_for_end(e.socket, (int)seconds * 1000)) {
		if (send_signal(&e, 0, SIGKILL, &err))
			return complain(&err, 1);
		/* A launcher that does not even see this is stopped or lost: its end takes the enclave along. */
		if (!wait_for_end(e.socket, 5000) && e.info.launcher > 1)
			kill(e.info.launcher, SIGKILL);
	}
	close(e.socket);
	return 0;
}
