/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher while its enclave runs: one thread that sleeps in poll until a signal (signalfd) or a message of another
 * `cloister` command comes. SIGCHLD says all that the enclave has to say: a host process died, the kernel answered a
 * request, the first process ended. Requests wait in slots of the control area; each remembers which client it is for.
 *
 * A client that goes away leaves its slots behind: they are given back when their answers are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "cli/evidence_link.h"
#include "cli/run.h"
#include "cli/start_error.h"
#include "cli/terminal.h"

struct client {
	int socket;   /* -1: free */
	int exec_pid; /* the process it started, once the kernel said so */
	uint32_t generation;
};

struct request_slot {
	bool used, started;
	int client; /* -1: none */
	uint32_t generation, kind;
	int pid; /* EXEC */
};

static struct client clients[WIRE_CLIENTS];
static struct request_slot slots[CONTROL_SLOTS];
static uint64_t waiting_signals; /* bit n: signal n could not be posted yet */
static bool resize_waits;

static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM };

int launcher_init(struct launcher *l, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
		struct sigaction before;

		sigaddset(&set, forwarded[i]);
		if (!sigaction(forwarded[i], NULL, &before) && before.sa_handler == SIG_IGN)
			l->hangup_ignored |= 1ULL << forwarded[i];
	}
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTSTP);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    (l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return fail(err, "cannot wait for signals: %s", strerror(errno));
	for (int i = 0; i < WIRE_CLIENTS; i++)
		clients[i].socket = -1;
	return 0;
}

/* --- requests to the kernel ------------------------------------------------------------------------------------- */

static int post(struct launcher *l, const struct control_request *r, size_t strings_size,
		int client)
{
	int slot = enclave_post(&l->enclave, r, strings_size);

	if (slot < 0)
		return slot;
	slots[slot] = (struct request_slot){ .used = true, .client = client, .kind = r->kind };
	if (client >= 0)
		slots[slot].generation = clients[client].generation;
	return 0;
}

static struct control_request *new_request(uint32_t kind)
{
	static struct control_request r; /* 65 KiB: not for the stack */

	memset(&r, 0, offsetof(struct control_request, strings));
	r.kind = kind;
	return &r;
}

static void send_signals(struct launcher *l)
{
	for (int sig = 1; sig < 64 && waiting_signals; sig++) {
		struct control_request *r;

		if (!(waiting_signals & 1ULL << sig))
			continue;
		r = new_request(CONTROL_KILL);
		r->signal = sig;
		if (post(l, r, 0, -1))
			return;
		waiting_signals &= ~(1ULL << sig);
	}
}

static void send_resize(struct launcher *l)
{
	struct control_request *r;

	if (!resize_waits)
		return;
	r = new_request(CONTROL_RESIZE);
	terminal_size(0, &r->rows, &r->columns);
	resize_waits = post(l, r, 0, -1) != 0;
}

static void drop_client(int i)
{
	close_fd(&clients[i].socket);
	clients[i].socket = -1;
	clients[i].exec_pid = 0;
	clients[i].generation++;
}

static void reply(int client, uint32_t kind, int result, int pid, int status, const void *text,
		  size_t size)
{
	static struct wire_reply r;

	if (client < 0 || clients[client].socket < 0)
		return;
	r.magic = WIRE_MAGIC;
	r.kind = kind;
	r.result = result;
	r.pid = pid;
	r.status = status;
	if (size > sizeof(r.text))
		size = sizeof(r.text);
	r.size = (uint32_t)size;
	if (size)
		memcpy(r.text, text, size);
	if (wire_send(clients[client].socket, &r, WIRE_REPLY_SIZE(size), NULL, 0))
		drop_client(client);
}

static void explain_exec(const struct launcher *l, int client, const struct control_request *r)
{
	struct guest_view view;
	struct error err;
	const char *path = NULL, *at = r->strings;
	int status;

	/* As in cmd_run.c; argv and environment are in the slot as we put them. */
	for (uint32_t i = 0; i < r->argc + r->envc; i++) {
		if (i >= r->argc && !strncmp(at, "PATH=", 5))
			path = at + 5;
		at += strlen(at) + 1;
	}
	run_view(l->config, &view);
	view.cwd = r->cwd;
	status = describe_start_error(&view, r->strings, path, r->result, &err);
	reply(client, WIRE_ANSWER, r->result, 0, status, err.text, strlen(err.text));
}

static void answer_slot(struct launcher *l, int i)
{
	struct control_request *r = &l->enclave.boot->control[i];
	struct request_slot *s = &slots[i];
	int client = s->client >= 0 && clients[s->client].generation == s->generation ? s->client
										      : -1;

	if (s->kind == CONTROL_EXEC && !r->result) {
		if (!s->started) {
			s->started = true;
			s->pid = r->pid;
			if (client >= 0)
				clients[client].exec_pid = r->pid;
			reply(client, WIRE_STARTED, 0, r->pid, 0, NULL, 0);
		}
		if (!__atomic_load_n(&r->exited, __ATOMIC_ACQUIRE))
			return;
		if (client >= 0)
			clients[client].exec_pid = 0;
		reply(client, WIRE_EXITED, 0, s->pid, r->status, NULL, 0);
	} else if (s->kind == CONTROL_EXEC) {
		if (client >= 0)
			explain_exec(l, client, r);
	} else {
		reply(client, WIRE_ANSWER, r->result, r->pid, 0, r->strings,
		      s->kind == CONTROL_LIST ? strnlen(r->strings, sizeof(r->strings)) : 0);
	}
	s->used = false;
	enclave_free_slot(&l->enclave, i);
}

static void look_at_slots(struct launcher *l)
{
	for (int i = 0; i < CONTROL_SLOTS; i++)
		if (slots[i].used && enclave_answered(&l->enclave, i))
			answer_slot(l, i);
	send_signals(l);
	send_resize(l);
}

/* --- messages of other commands --------------------------------------------------------------------------------- */

static int copy_strings(struct control_request *to, size_t *used, const char *from, size_t len)
{
	if (len + 1 > sizeof(to->strings) - *used)
		return -E2BIG;
	memcpy(to->strings + *used, from, len);
	to->strings[*used + len] = 0;
	*used += len + 1;
	return 0;
}

/* The environment of `run` with the client's additions over it. */
static int put_environment(struct control_request *to, size_t *used, const struct run_config *c,
			   const char *extra, uint32_t extra_count, size_t left)
{
	_strings_ struct strings env = { 0 };
	int err = 0;

	for (size_t i = 0; i < c->env.count; i++)
		strings_add(&env, c->env.items[i]);
	for (uint32_t i = 0; i < extra_count && !err; i++) {
		size_t len = strnlen(extra, left);

		if (len == left) {
			err = -EINVAL;
			break;
		}
		strings_set_env(&env, extra);
		extra += len + 1;
		left -= len + 1;
	}
	for (size_t i = 0; i < env.count && !err; i++)
		err = copy_strings(to, used, env.items[i], strlen(env.items[i]));
	to->envc = (uint32_t)env.count;
	return err;
}

static int start_exec(struct launcher *l, int client, const struct wire_request *w,
		      size_t strings_size, int *fds, int fd_count)
{
	struct control_request *r = new_request(CONTROL_EXEC);
	int want = w->flags & WIRE_TTY ? 2 : 3, err = 0;
	size_t used = 0, at = 0;

	if (fd_count != want || !w->argc || clients[client].exec_pid)
		return -EINVAL;
	for (uint32_t i = 0; i < w->argc && !err; i++) {
		size_t len = strnlen(w->strings + at, strings_size - at);

		if (len == strings_size - at)
			return -EINVAL;
		err = copy_strings(r, &used, w->strings + at, len);
		at += len + 1;
	}
	r->argc = w->argc;
	if (!err)
		err = put_environment(r, &used, l->config, w->strings + at, w->envc,
				      strings_size - at);
	if (err)
		return err;
	r->flags = w->flags & WIRE_TTY ? BOOT_TTY : 0;
	r->uid = w->flags & WIRE_USER ? w->uid : l->config->uid;
	r->gid = w->flags & WIRE_USER ? w->gid : l->config->gid;
	r->rows = w->rows;
	r->columns = w->columns;
	snprintf(r->cwd, sizeof(r->cwd), "%.*s", (int)sizeof(r->cwd) - 1,
		 w->cwd[0] ? w->cwd : l->config->cwd);
	/* Out of the low numbers, as in enclave.c; from here on the kernel closes them. */
	r->stdio[2] = -1;
	for (int i = 0; i < fd_count; i++) {
		r->stdio[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100);
		if (r->stdio[i] < 0) {
			while (i--)
				close(r->stdio[i]);
			return -EMFILE;
		}
	}
	err = post(l, r, used, client);
	for (int i = 0; i < fd_count && err; i++)
		close(r->stdio[i]);
	return err;
}

static void serve(struct launcher *l, int client, const struct wire_request *w, size_t size,
		  int *fds, int fd_count)
{
	struct control_request *r;
	int err = -EINVAL;

	switch (w->kind) {
	case WIRE_INFO:
		reply(client, WIRE_ANSWER, 0, 0, 0, &l->registration.info,
		      sizeof(l->registration.info));
		return;
	case WIRE_LIST:
		err = post(l, new_request(CONTROL_LIST), 0, client);
		break;
	case WIRE_KILL:
		r = new_request(CONTROL_KILL);
		r->pid = w->pid;
		r->signal = w->signal;
		err = post(l, r, 0, client);
		break;
	case WIRE_RESIZE:
		r = new_request(CONTROL_RESIZE);
		r->pid = clients[client].exec_pid;
		r->rows = w->rows;
		r->columns = w->columns;
		if (r->pid)
			err = post(l, r, 0, client);
		break;
	case WIRE_EXEC:
		err = start_exec(l, client, w, size, fds, fd_count);
		break;
	}
	if (err)
		reply(client, WIRE_ANSWER, err, 0, EXIT_OURS, NULL, 0);
}

static void read_client(struct launcher *l, int client)
{
	static struct wire_request w;
	int fds[3], fd_count = 3;
	long n = wire_receive(clients[client].socket, &w, sizeof(w), fds, &fd_count);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < (long)WIRE_REQUEST_SIZE(0) || w.magic != WIRE_MAGIC) {
		drop_client(client);
	} else {
		w.cwd[sizeof(w.cwd) - 1] = 0;
		serve(l, client, &w, (size_t)n - WIRE_REQUEST_SIZE(0), fds, fd_count);
	}
	while (fd_count-- > 0)
		close(fds[fd_count]);
}

static void accept_client(struct launcher *l)
{
	_close_ int s = accept4(l->registration.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	socklen_t size = sizeof(struct ucred);
	struct ucred peer;

	if (s < 0 || getsockopt(s, SOL_SOCKET, SO_PEERCRED, &peer, &size) ||
	    (peer.uid != geteuid() && peer.uid))
		return;
	for (int i = 0; i < WIRE_CLIENTS; i++)
		if (clients[i].socket < 0) {
			clients[i].socket = steal_fd(&s);
			return;
		}
}

/* --- signals ---------------------------------------------------------------------------------------------------- */

/* Ctrl-Z without a terminal of the enclave's own: everything stops, and goes on with us. */
static void stop_all(struct launcher *l)
{
	enclave_signal_host(&l->enclave, SIGSTOP);
	terminal_restore();
	raise(SIGSTOP);
	if (l->config->tty) {
		struct error err;

		if (terminal_make_raw(0, &err))
			complain(&err, 0);
		resize_waits = true;
	}
	enclave_signal_host(&l->enclave, SIGCONT);
}

static void read_signals(struct launcher *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
		uint64_t bit = 1ULL << info.ssi_signo;

		if (info.ssi_signo == SIGCHLD)
			continue;
		if (info.ssi_signo == SIGWINCH)
			resize_waits = l->config->tty;
		else if (info.ssi_signo == SIGTSTP)
			stop_all(l);
		/* nohup, and a shell's background jobs: what a terminal sends is not for us; what kill sends is. */
		else if (!(l->hangup_ignored & bit) || info.ssi_code <= 0)
			waiting_signals |= bit;
	}
}

#define REAP_INTERVAL 100 /* ms */

int launcher_loop(struct launcher *l)
{
	struct pollfd fds[3 + WIRE_CLIENTS];
	int place[WIRE_CLIENTS], ended;

	for (;;) {
		nfds_t n = 3;

		ended = enclave_poll(&l->enclave);
		if (ended)
			return ended;
		look_at_slots(l);
		fds[0] = (struct pollfd){ .fd = l->signals, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = l->registration.listener, .events = POLLIN };
		fds[2] = (struct pollfd){ .fd = l->evidence.ours, .events = POLLIN };
		for (int i = 0; i < WIRE_CLIENTS; i++)
			if (clients[i].socket >= 0) {
				place[n - 3] = i;
				fds[n++] = (struct pollfd){ .fd = clients[i].socket,
							    .events = POLLIN };
			}
		/* Ends of host processes raise no signal (a fork would cost one more): they are looked for. */
		if (poll(fds, n, REAP_INTERVAL) < 0 && errno != EINTR)
			return 0;
		if (fds[0].revents)
			read_signals(l);
		if (fds[1].revents)
			accept_client(l);
		if (fds[2].revents)
			evidence_link_serve(&l->evidence, l);
		for (nfds_t i = 3; i < n; i++)
			if (fds[i].revents && clients[place[i - 3]].socket == fds[i].fd)
				read_client(l, place[i - 3]);
	}
}
