/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several processes that serve one tunnel: descriptors are limited by the process, and each has a processor of its own. They share the
 * listening socket and nothing else: attesters and fetchers are opened after the division. The one that divided only looks after
 * the others: it passes signals on, and if one ends without being told to, it ends all, so that a tunnel is whole or not there.
 */
#include "cli/tunnel.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct parts {
	pid_t pids[TUNNEL_PROCESSES_MAX];
	unsigned int count, left;
};

static void tell_all(const struct parts *p, int signal_number)
{
	for (unsigned int i = 0; i < p->count; i++)
		if (p->pids[i] > 0)
			kill(p->pids[i], signal_number);
}

/* Those that have ended; whether one did without being told to, or failed. */
static bool reap(struct parts *p, bool told)
{
	bool bad = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned int i = 0; i < p->count; i++)
			if (p->pids[i] == pid) {
				p->pids[i] = 0;
				p->left--;
				bad |= !told || !WIFEXITED(status) || WEXITSTATUS(status);
			}
	return bad;
}

static int look_after(struct parts *p, const sigset_t *signals, struct error *err)
{
	bool told = false, bad = false;

	while (p->left) {
		siginfo_t info;
		int got = sigwaitinfo(signals, &info);

		if (got < 0)
			continue;
		if (got == SIGHUP) {
			tell_all(p, SIGHUP);
		} else if (got != SIGCHLD) {
			told = true;
			tell_all(p, SIGTERM);
		}
		if (reap(p, told) && !bad) {
			bad = true;
			if (!told)
				tell_all(p, SIGTERM);
			told = true;
		}
	}
	return bad ? (fail(err, "tunnel: one of its processes failed: all were ended"), 1) : 0;
}

/* In the new process. */
static void become_part(struct tunnel *t, unsigned int part, const sigset_t *before, pid_t parent)
{
	uint64_t all = t->options.max_connections, count = t->options.processes;

	sigprocmask(SIG_SETMASK, before, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1); /* it died before that */
	t->part = part;
	t->options.max_connections = all / count + (part <= all % count);
}

int tunnel_divide(struct tunnel *t, struct error *err)
{
	struct parts p = { .count = (unsigned int)t->options.processes };
	sigset_t signals, before;
	pid_t parent = getpid();

	if (t->options.processes <= 1)
		return TUNNEL_SERVE;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	signal(SIGHUP, SIG_DFL); /* to be passed on, whoever started us (nohup) ignored it */
	sigprocmask(SIG_BLOCK, &signals, &before);
	for (unsigned int i = 0; i < p.count; i++) {
		pid_t pid = fork();

		if (!pid) {
			become_part(t, i + 1, &before, parent);
			return TUNNEL_SERVE;
		}
		if (pid < 0) {
			int code = errno;

			p.count = i;
			tell_all(&p, SIGKILL);
			return fail(err, "tunnel: no process for it: %s", strerror(code)), 1;
		}
		p.pids[i] = pid;
		p.left++;
	}
	return look_after(&p, &signals, err);
}
