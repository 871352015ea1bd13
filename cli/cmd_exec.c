/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister exec`: asks the launcher of a running enclave to start a program on our standard descriptors, forwards
 * signals, and ends as the program does. With -t a pseudo-terminal of the host carries the bytes between our terminal
 * (raw) and the enclave, whose kernel is the terminal: its slave is raw, too, and ends when we do.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "cli/registry.h"
#include "cli/terminal.h"

enum { EXEC_INTERACTIVE, EXEC_TTY, EXEC_ENV, EXEC_WORKDIR, EXEC_USER };
const struct option exec_options[] = {
	[EXEC_INTERACTIVE] = { 'i', "interactive", NULL,
			       "accepted: standard input is always passed" },
	[EXEC_TTY] = { 't', "tty", NULL, "a terminal of its own" },
	[EXEC_ENV] = { 'e', "env", "NAME[=VALUE]",
		       "add a variable to those of `run` (repeatable)" },
	[EXEC_WORKDIR] = { 'w', "workdir", "DIR", "working directory (default: that of `run`)" },
	[EXEC_USER] = { 'u', "user", "UID[:GID]", "user (default: that of `run`)" },
	{ 0 },
};

struct session {
	int socket, signals, master; /* master: -1 without -t */
	int started, status;	     /* the process; -1 until it ended */
	bool tty, input_ended;
};

static int put_string(struct wire_request *r, size_t *used, const char *s, struct error *err)
{
	size_t size = strlen(s) + 1;

	if (size > sizeof(r->strings) - *used)
		return fail(err,
			    "exec: arguments and environment are too long (%u KiB are possible)",
			    WIRE_STRINGS >> 10);
	memcpy(r->strings + *used, s, size);
	*used += size;
	return 0;
}

static int parse_user(struct wire_request *r, const char *value, struct error *err)
{
	const char *colon = strchr(value, ':');
	_free_ char *user = strndup(value, colon ? (size_t)(colon - value) : strlen(value));
	uint64_t uid, gid = 0;

	if (parse_number(user, UINT32_MAX - 1, &uid) ||
	    (colon && parse_number(colon + 1, UINT32_MAX - 1, &gid)))
		return fail(err, "-u %s: not UID or UID:GID (numbers)", value);
	r->flags |= WIRE_USER;
	r->uid = (uint32_t)uid;
	r->gid = (uint32_t)gid;
	return 0;
}

static int parse_options(struct option_parser *p, struct wire_request *r, struct strings *env,
			 struct error *err)
{
	int option;

	while ((option = option_next(p, err)) >= 0) {
		if (option == EXEC_TTY) {
			r->flags |= WIRE_TTY;
		} else if (option == EXEC_USER) {
			if (parse_user(r, p->value, err))
				return -1;
		} else if (option == EXEC_WORKDIR) {
			if (p->value[0] != '/' || strlen(p->value) >= sizeof(r->cwd))
				return fail(err, "-w %.100s: not a full path", p->value);
			memcpy(r->cwd, p->value, strlen(p->value) + 1);
		} else if (option == EXEC_ENV) {
			const char *ours = strchr(p->value, '=') ? NULL : getenv(p->value);
			_free_ char *item = ours ? format_string("%s=%s", p->value, ours) : NULL;

			if (!p->value[0] || p->value[0] == '=')
				return fail(err,
					    "-e %s: a variable needs a name (NAME=VALUE or NAME)",
					    p->value);
			if (item || strchr(p->value, '='))
				strings_set_env(env, item ? item : p->value);
		}
	}
	if (option == -2)
		return -1;
	if (!p->argv[0] || !p->argv[1])
		return fail(err, "exec: an ENCLAVE and a PROGRAM are needed");
	return 0;
}

static int open_signals(struct session *s, struct error *err)
{
	static const int forwarded[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
					 SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&set, forwarded[i]);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    (s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return fail(err, "cannot wait for signals: %s", strerror(errno));
	return 0;
}

static int send_start(struct session *s, struct wire_request *r, size_t size, struct error *err)
{
	int fds[3] = { 0, 1, 2 }, slave, ret;

	if (!s->tty) {
		for (int i = 0; i < 3; i++)
			if (fcntl(i, F_GETFD) < 0)
				fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		return wire_send(s->socket, r, size, fds, 3)
			       ? fail(err, "the enclave ended meanwhile")
			       : 0;
	}
	if (!isatty(0))
		return fail(
			err,
			"-t: the standard input is not a terminal (leave -t away, or run it in a terminal)");
	terminal_size(0, &r->rows, &r->columns);
	if (terminal_pair(&s->master, &slave, err))
		return -1;
	fds[0] = fds[1] = slave;
	ret = wire_send(s->socket, r, size, fds, 2) ? fail(err, "the enclave ended meanwhile") : 0;
	close(slave);
	return ret ? ret : terminal_make_raw(0, err);
}

static void forward(struct session *s)
{
	static struct wire_request r;
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		r = (struct wire_request){ .magic = WIRE_MAGIC,
					   .kind = WIRE_KILL,
					   .pid = s->started,
					   .signal = (int)info.ssi_signo };
		if (info.ssi_signo == SIGWINCH) {
			if (!s->tty)
				continue;
			r.kind = WIRE_RESIZE;
			terminal_size(0, &r.rows, &r.columns);
		}
		if (s->started)
			wire_send(s->socket, &r, WIRE_REQUEST_SIZE(0), NULL, 0);
	}
}

/* Bytes from one to the other. false: the end. */
static bool relay(int from, int to)
{
	char buffer[8192];
	ssize_t n = read(from, buffer, sizeof(buffer));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	for (ssize_t done = 0, k; done < n; done += k) {
		k = write(to, buffer + done, (size_t)(n - done));
		if (k < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = to, .events = POLLOUT };

			poll(&p, 1, -1);
			k = 0;
		} else if (k < 0) {
			return false;
		}
	}
	return n > 0;
}

/* 0: goes on; 1: ended, status set; -1. */
static int read_reply(struct session *s, struct error *err)
{
	static struct wire_reply reply;
	long n = wire_receive(s->socket, &reply, sizeof(reply) - 1, NULL, NULL);

	if (n < (long)WIRE_REPLY_SIZE(0) || reply.magic != WIRE_MAGIC ||
	    reply.size > (size_t)n - WIRE_REPLY_SIZE(0))
		return fail(err, "the enclave ended");
	if (reply.kind == WIRE_STARTED) {
		s->started = reply.pid;
		return 0;
	}
	if (reply.kind == WIRE_EXITED) {
		s->status = WIFEXITED(reply.status) ? WEXITSTATUS(reply.status)
						    : 128 + WTERMSIG(reply.status);
		return 1;
	}
	if (s->started)
		return 0; /* of a signal */
	s->status = reply.status ? reply.status : EXIT_OURS;
	if (reply.size)
		return fail(err, "%.*s", (int)(reply.size < 1900 ? reply.size : 1900), reply.text);
	if (reply.result == -EAGAIN)
		return fail(err,
			    "exec: too many programs were started so at once; wait for one to end");
	return fail(err, "exec: %s", strerror(-reply.result));
}

static int loop(struct session *s, struct error *err)
{
	for (;;) {
		struct pollfd fds[4] = {
			{ .fd = s->socket, .events = POLLIN },
			{ .fd = s->signals, .events = POLLIN },
			{ .fd = s->master, .events = POLLIN },
			{ .fd = s->tty && !s->input_ended ? 0 : -1, .events = POLLIN },
		};
		int ret = 0;

		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			return fail(err, "poll: %s", strerror(errno));
		if (fds[2].revents && !relay(s->master, 1))
			close_fd(&s->master), s->master = -1;
		if (fds[3].revents && s->master >= 0)
			s->input_ended = !relay(0, s->master);
		if (fds[1].revents)
			forward(s);
		if (fds[0].revents)
			ret = read_reply(s, err);
		if (!ret)
			continue;
		/* What it wrote last is in the terminal already. */
		while (s->master >= 0) {
			struct pollfd p = { .fd = s->master, .events = POLLIN };

			if (poll(&p, 1, 0) <= 0 || !relay(s->master, 1))
				break;
		}
		return ret;
	}
}

int cmd_exec(char **argv)
{
	struct option_parser p = { .table = exec_options, .argv = argv };
	static struct wire_request r = { .magic = WIRE_MAGIC, .kind = WIRE_EXEC };
	struct session s = { .socket = -1, .signals = -1, .master = -1, .status = EXIT_OURS };
	_strings_ struct strings env = { 0 };
	struct registry_entry e;
	struct error err;
	size_t used = 0;
	int ret;

	if (parse_options(&p, &r, &env, &err))
		return complain(&err, EXIT_OURS);
	s.tty = r.flags & WIRE_TTY;
	if (s.tty && getenv("TERM")) {
		_free_ char *term = format_string("TERM=%s", getenv("TERM"));

		if (!strings_get_env(&env, "TERM"))
			strings_add(&env, term);
	}
	if (registry_find(p.argv[0], &e, NULL, &err))
		return complain(&err, EXIT_OURS);
	if (e.socket < 0 || e.silent) {
		fail(&err, e.silent ? "%s: its launcher does not answer" : "%s: has ended already",
		     p.argv[0]);
		return complain(&err, EXIT_OURS);
	}
	s.socket = e.socket;
	for (char **a = p.argv + 1; *a; a++, r.argc++)
		if (put_string(&r, &used, *a, &err))
			return complain(&err, EXIT_OURS);
	for (size_t i = 0; i < env.count; i++, r.envc++)
		if (put_string(&r, &used, env.items[i], &err))
			return complain(&err, EXIT_OURS);
	if (open_signals(&s, &err) || send_start(&s, &r, WIRE_REQUEST_SIZE(used), &err))
		return complain(&err, EXIT_OURS);
	ret = loop(&s, &err);
	terminal_restore();
	return ret > 0 ? s.status : complain(&err, s.started ? EXIT_OURS : s.status);
}
