/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tunnel's loop: new connections, readiness, what workers give back, time, signals. Sockets are watched once, for edges; pairs that have
 * used up their turn wait in a list and go on when the others had theirs.
 */
#include "cli/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define EVENTS 256
#define ACCEPT_AT_ONCE 64
#define TICK_MS 500
#define LOG_LINES_PER_SECOND 50

int64_t tunnel_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Peers must not be able to fill the log. */
void tunnel_say(struct tunnel *t, const char *format, ...)
{
	char text[700];
	struct error err;
	va_list ap;

	if (t->log_second != t->now / 1000) {
		unsigned int lost = t->log_lost;

		t->log_second = t->now / 1000;
		t->log_lines = t->log_lost = 0;
		if (lost) {
			fail(&err, "tunnel: %u more lines like these were left out", lost);
			complain(&err, 0);
		}
	}
	if (++t->log_lines > LOG_LINES_PER_SECOND) {
		t->log_lost++;
		return;
	}
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fail(&err, "tunnel: %s", text);
	complain(&err, 0);
}

uint8_t *tunnel_buffer(struct tunnel *t)
{
	return t->spares ? t->spare[--t->spares] : malloc(TUNNEL_BUFFER);
}

void tunnel_buffer_free(struct tunnel *t, uint8_t *buffer)
{
	if (buffer && t->spares < sizeof(t->spare) / sizeof(t->spare[0]))
		t->spare[t->spares++] = buffer;
	else
		free(buffer);
}

/* --- New connections --- */
static void peer_text(const struct sockaddr_storage *a, int fd, char *to, size_t room)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(to, room, "%s:%u", host, ntohs(in->sin_port));
	} else if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
		bool v4 = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr); /* of a socket that takes both */

		if (v4)
			inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], host, sizeof(host));
		else
			inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(to, room, v4 ? "%s:%u" : "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		struct ucred peer = { 0 };
		socklen_t size = sizeof(peer);

		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
			peer.pid = 0;
		snprintf(to, room, "process %d", (int)peer.pid);
	}
}

static int watch(struct tunnel *t, int *fd)
{
	/* Of processes that listen together one is to wake up. */
	struct epoll_event event = { .events = EPOLLIN | (fd == &t->listener ? EPOLLEXCLUSIVE : 0),
				     .data.ptr = fd };

	return epoll_ctl(t->epoll, EPOLL_CTL_ADD, *fd, &event);
}

static void set_accepting(struct tunnel *t, bool on)
{
	if (t->accepting == on || t->listener < 0)
		return;
	t->accepting = on;
	/* What is watched exclusively cannot be changed, only begun and ended. */
	if (on)
		watch(t, &t->listener);
	else
		epoll_ctl(t->epoll, EPOLL_CTL_DEL, t->listener, NULL);
}

static void accept_some(struct tunnel *t)
{
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t size = sizeof(from);
		char text[64];
		int fd;

		if (t->count >= t->options.max_connections) {
			tunnel_say(t,
				   "%llu connections are open, as many as are allowed: others wait",
				   (unsigned long long)t->count);
			t->accept_again = t->now + TICK_MS;
			set_accepting(t, false);
			return;
		}
		if (!pair_room(t)) {
			t->accept_again = t->now + TICK_MS;
			set_accepting(t, false);
			return;
		}
		fd = accept4(t->listener, (struct sockaddr *)&from, &size,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
				return;
			/* No descriptors or memory: spinning would not help. */
			tunnel_say(t, "no connection can be accepted: %s", strerror(errno));
			t->accept_again = t->now + TICK_MS;
			set_accepting(t, false);
			return;
		}
		peer_text(&from, fd, text, sizeof(text));
		pair_begin(t, fd, text);
	}
}

/* --- Ends --- */
static void stop(struct tunnel *t)
{
	if (t->stopping) {
		t->stop_at = t->now; /* asked twice */
		return;
	}
	t->stopping = true;
	t->stop_at = t->now + (int64_t)t->options.grace_seconds * 1000;
	/* Closing alone would leave it watched while another process has it open. */
	set_accepting(t, false);
	if (t->listener >= 0)
		close(t->listener);
	t->listener = -1;
	if (t->count)
		tunnel_say(
			t,
			"ending: %llu connections get %llu s to finish (a second signal cuts them)",
			(unsigned long long)t->count, (unsigned long long)t->options.grace_seconds);
}

/* --- Told to read everything again --- */
void tunnel_trust_put(struct tunnel_trust *trust)
{
	if (trust && !--trust->users)
		trust->free(trust);
}

static int find_addresses(struct tunnel *t, struct error *err)
{
	struct cattest_error why;
	int count = ctls_resolve_all(t->options.connect, false, t->to, t->to_size, TUNNEL_ADDRESSES,
				     &why);

	if (count < 0)
		return fail(err, "--connect %s", why.text);
	t->to_count = (size_t)count;
	t->to_good = 0;
	return 0;
}

/* All of it, or nothing changes. Open connections go on as they were judged. */
static void reload(struct tunnel *t)
{
	struct tunnel_trust *trust;
	struct error err;

	if (t->stopping)
		return;
	trust = t->make_trust(t->trust_context, &err);
	if (!trust) {
		tunnel_say(t, "SIGHUP: everything stays as it was: %s", err.text);
		return;
	}
	tunnel_trust_put(t->trust);
	t->trust = trust;
	trust->users++;
	if (find_addresses(t, &err))
		tunnel_say(t, "SIGHUP: the address stays as it was: %s", err.text);
	tunnel_say(t,
		   "SIGHUP: policy, keys and collateral are read again; %llu open connections stay",
		   (unsigned long long)t->count);
}

static void take_signals(struct tunnel *t)
{
	struct signalfd_siginfo info;

	while (read(t->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(t);
		else
			stop(t);
	}
}

static void take_back(struct tunnel *t)
{
	uint64_t count;
	struct pair *p;

	if (read(t->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	while ((p = workers_back(t))) {
		p->state = PAIR_HANDSHAKE;
		p->active = t->now;
		if (p->dead)
			pair_end(p);
		else
			pair_go_on(p);
	}
}

static void run_ready(struct tunnel *t)
{
	struct pair_queue now = t->ready;
	struct pair *p;

	if (now.first)
		*now.last = NULL;
	t->ready = (struct pair_queue){ 0 };
	while ((p = now.first)) {
		now.first = p->queue_next;
		p->ready = false;
		if (p->dead)
			pair_end(p);
		else
			pair_go_on(p);
	}
}

static void tick(struct tunnel *t)
{
	struct pair *p, *next;

	for (p = t->pairs; p; p = next) {
		next = p->next;
		pair_tick(p);
	}
	if (!t->accepting && !t->stopping && t->now >= t->accept_again &&
	    t->count < t->options.max_connections)
		set_accepting(t, true);
}

static void take_event(struct tunnel *t, const struct epoll_event *event)
{
	struct end *e = event->data.ptr;

	if (event->data.ptr == &t->listener) {
		if (t->listener >= 0)
			accept_some(t);
	} else if (event->data.ptr == &t->wake) {
		take_back(t);
	} else if (event->data.ptr == &t->signals) {
		take_signals(t);
	} else {
		if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			e->can_read = true;
		if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			e->can_write = true;
	}
}

/* Pairs end while events of theirs may still be in the batch: first all flags, then each pair once. */
static void take_events(struct tunnel *t, struct epoll_event *events, int count)
{
	static struct pair *seen[EVENTS];
	size_t pairs = 0;

	for (int i = 0; i < count; i++) {
		void *of = events[i].data.ptr;

		if (of == &t->listener || of == &t->wake || of == &t->signals)
			continue;
		take_event(t, &events[i]);
		/* Both ends of a pair are often in one batch; ready keeps it from going on twice. */
		struct pair *p = ((struct end *)of)->pair;

		if (p->state != PAIR_WORKING && !p->ready) {
			p->ready = true;
			seen[pairs++] = p;
		}
	}
	for (size_t i = 0; i < pairs; i++) {
		seen[i]->ready = false;
		pair_go_on(seen[i]);
	}
	for (int i = 0; i < count; i++) {
		void *of = events[i].data.ptr;

		if (of == &t->listener || of == &t->wake || of == &t->signals)
			take_event(t, &events[i]);
	}
}

static int loop(struct tunnel *t, struct error *err)
{
	struct epoll_event events[EVENTS];
	int64_t next_tick = 0;

	while (!t->stopping || (t->count && t->now < t->stop_at)) {
		int n = epoll_wait(t->epoll, events, EVENTS, t->ready.first ? 0 : TICK_MS);

		if (n < 0 && errno != EINTR)
			return fail(err, "epoll_wait: %s", strerror(errno));
		t->now = tunnel_now();
		take_events(t, events, n < 0 ? 0 : n);
		run_ready(t);
		if (t->now >= next_tick) {
			tick(t);
			next_tick = t->now + TICK_MS;
		}
	}
	return 0;
}

/* --- Setting up --- */
/* A socket that a tunnel left behind: nobody answers there. */
static void remove_stale(const char *address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (strncmp(address, "unix:", 5) || strlen(address + 5) >= sizeof(un.sun_path) ||
	    lstat(address + 5, &st) || !S_ISSOCK(st.st_mode))
		return;
	memcpy(un.sun_path, address + 5, strlen(address + 5));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof(un)) && errno == ECONNREFUSED)
		unlink(address + 5);
	if (fd >= 0)
		close(fd);
}

static int open_loop(struct tunnel *t, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGHUP, SIG_DFL); /* ignored signals (nohup) would not be told */
	t->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	t->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->accepting = true;
	if (t->signals < 0 || t->wake < 0 || t->epoll < 0 || watch(t, &t->listener) ||
	    watch(t, &t->wake) || watch(t, &t->signals))
		return fail(err, "the event loop cannot be set up: %s", strerror(errno));
	return 0;
}

/*
 * Two descriptors a connection. Privileged, more than was allowed so far; else all that is. The limit is a process', so several serve more.
 */
static void raise_limit(struct tunnel *t)
{
	uint64_t part =
		(t->options.max_connections + t->options.processes - 1) / t->options.processes;
	rlim_t need = 2 * part + 32;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need &&
	    !setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = need, .rlim_max = need }))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur < need) {
		part = limit.rlim_cur > 64 ? (limit.rlim_cur - 32) / 2 : 16;
		tunnel_say(
			t,
			"warning: at most %llu of %llu connections: a process may have %llu descriptors, and needs two for each; raise it (ulimit -n) or use --processes %llu",
			(unsigned long long)(part * t->options.processes),
			(unsigned long long)t->options.max_connections,
			(unsigned long long)limit.rlim_cur,
			(unsigned long long)((t->options.max_connections + part - 1) / part));
		t->options.max_connections = part * t->options.processes;
	}
}

int tunnel_open(struct tunnel *t, struct error *err)
{
	struct cattest_error why;

	t->listener = t->signals = t->wake = t->epoll = -1;
	t->now = tunnel_now();
	raise_limit(t);
	if (find_addresses(t, err))
		return -1;
	remove_stale(t->options.listen);
	t->listener = ctls_listen(t->options.listen, &why);
	if (t->listener < 0)
		return fail(err, "--listen %s", why.text);
	if (fcntl(t->listener, F_SETFL, O_NONBLOCK))
		return fail(err, "--listen: %s", strerror(errno));
	return 0;
}

void tunnel_close(struct tunnel *t)
{
	if (t->listener >= 0)
		close(t->listener);
	t->listener = -1;
	if (!t->part && !strncmp(t->options.listen, "unix:", 5))
		unlink(t->options.listen + 5);
}

static void close_all(struct tunnel *t)
{
	int fds[] = { t->signals, t->wake, t->epoll };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	while (t->spares)
		free(t->spare[--t->spares]);
}

int tunnel_run(struct tunnel *t, struct error *err)
{
	int rc;

	t->now = tunnel_now();
	if (open_loop(t, err) || workers_start(t, err))
		return -1;
	if (t->part <= 1)
		tunnel_say(t, "%s %s, %s %s",
			   t->options.server ? "attested TLS on" : "listening on",
			   t->options.listen, t->options.server ? "to" : "attested TLS to",
			   t->options.connect);
	rc = loop(t, err);
	workers_end(t);
	while (take_back(t), t->pairs) {
		struct pair *p = t->pairs;

		/* No worker has it any more. */
		p->ready = false;
		p->state = PAIR_OPEN;
		pair_cut(p);
	}
	if (t->log_lost)
		t->now += 1000;
	close_all(t);
	return rc;
}
