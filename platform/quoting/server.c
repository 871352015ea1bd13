/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets, users and limits of the quoting service. One thread a connection, at most
 * CONNECTIONS_MAX of them; a user has a bounded share of them and a bounded number of requests a
 * second, so that one can't keep the TPM from the others. A request must arrive whole within
 * seconds of its first byte, an answer be taken within seconds; an idle connection lasts a minute.
 *
 * server->lock guards the tables of connections and users. A connection's thread leaves its slot to
 * the main thread to join. Ending: every connection's socket is shut down, which ends its thread as
 * soon as the back end it may be waiting for has answered.
 */
#include "platform/quoting/quoting.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define USERS_MAX 64
#define IDLE_SECONDS 60
#define TRANSFER_SECONDS 10
#define STOP_SECONDS 5
#define BURST_SECONDS 4		  /* of a user's rate */
#define THREAD_STACK (512u << 10) /* TSS and OpenSSL need much of it */

struct user {
	uid_t uid;
	bool used;
	unsigned int connections;
	int64_t credit_ns, last_ns; /* each request costs 1 s / rate of credit */
};

struct connection {
	struct server *server;
	pthread_t thread;
	int fd;
	bool used, ended, aesm;
	struct ucred peer;
	struct user *user;
};

struct server {
	struct server_options options;
	struct service *service;
	int listeners[2]; /* own protocol, AESM; -1: none */
	char *paths[2];
	pthread_mutex_t lock;
	struct connection connections[CONNECTIONS_MAX];
	struct user users[USERS_MAX];
	int wake[2]; /* a byte: a connection has ended */
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* One line, whatever the text holds. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[700];
	int used;
	va_list ap;

	va_start(ap, format);
	used = vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	if (used < 0)
		return;
	if ((size_t)used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	for (int i = 0; i < used; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[used++] = '\n';
	if (write(2, line, (size_t)used) < 0)
		return;
}

/* --- sockets --- */

/* The socket's folder, if only that is missing. */
static void make_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

	if (!slash || slash == path || (size_t)(slash - path) >= sizeof(folder))
		return;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = 0;
	if (!mkdir(folder, 0755) && chmod(folder, 0755))
		return; /* bind() says what is wrong */
}

/* A socket that nobody answers on is left from before and goes. */
static int remove_stale(const char *path, const struct sockaddr_un *address,
			struct cattest_error *err)
{
	struct stat st;
	int fd, rc;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : fail(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(err, -EEXIST, "%s: is there already and is no socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? 0 : connect(fd, (const struct sockaddr *)address, sizeof(*address));
	if (fd >= 0)
		close(fd);
	if (!rc)
		return fail(err, -EADDRINUSE, "%s: another service answers there", path);
	return unlink(path) ? fail(err, -errno, "%s: %s", path, strerror(errno)) : 0;
}

static int listen_at(const char *path, int *ret_fd, struct cattest_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd, rc;

	if (!len || len >= sizeof(address.sun_path))
		return fail(err, -ENAMETOOLONG, "%.60s: too long for a socket's name", path);
	memcpy(address.sun_path, path, len);
	make_parent(path);
	rc = remove_stale(path, &address, err);
	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Who may connect is decided by the peer's user: the mode says no more than that. */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    chmod(path, 0666) || listen(fd, 64)) {
		rc = fail(err, -errno, "%s: cannot listen there: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

int server_open(const struct server_options *options, struct service *service,
		struct server **ret_server, struct cattest_error *err)
{
	const char *paths[2] = { options->socket, options->aesm_socket };
	struct server *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return fail(err, -ENOMEM, "out of memory");
	s->options = *options;
	s->service = service;
	s->listeners[0] = s->listeners[1] = s->wake[0] = s->wake[1] = -1;
	pthread_mutex_init(&s->lock, NULL);
	if (pipe2(s->wake, O_CLOEXEC | O_NONBLOCK))
		rc = fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	for (int i = 0; i < 2 && !rc; i++) {
		/* Its name is the service manager's to remove. */
		if (options->inherited[i] >= 0)
			s->listeners[i] = options->inherited[i];
		if (!paths[i] || s->listeners[i] >= 0)
			continue;
		rc = listen_at(paths[i], &s->listeners[i], err);
		if (!rc && !(s->paths[i] = strdup(paths[i])))
			rc = fail(err, -ENOMEM, "out of memory");
	}
	if (rc)
		server_close(s);
	else
		*ret_server = s;
	return rc;
}

/* --- users --- */

static bool allowed(const struct server *s, uid_t uid)
{
	if (s->options.any_user || uid == 0 || uid == geteuid())
		return true;
	for (size_t i = 0; i < s->options.user_count; i++)
		if (s->options.users[i] == uid)
			return true;
	return false;
}

/* Under the lock: the user's entry with one connection more, or NULL: too many. */
static struct user *user_enter(struct server *s, uid_t uid)
{
	struct user *entry = NULL;

	for (size_t i = 0; i < USERS_MAX && (!entry || !entry->used || entry->uid != uid); i++) {
		struct user *u = &s->users[i];

		/*
		 * One without a connection makes room; its spent credit is forgotten after a
		 * burst's time only.
		 */
		if ((u->used && u->uid == uid) ||
		    (!entry &&
		     (!u->used || (!u->connections &&
				   now_ns() - u->last_ns > BURST_SECONDS * INT64_C(1000000000)))))
			entry = u;
	}
	if (!entry)
		return NULL;
	if (!entry->used || entry->uid != uid)
		*entry = (struct user){ .uid = uid, .used = true };
	if (entry->connections >= s->options.connections_per_user)
		return NULL;
	entry->connections++;
	return entry;
}

/* A bucket that holds BURST_SECONDS of the rate. */
static bool may_ask(struct server *s, struct user *u)
{
	int64_t now = now_ns(), cost = INT64_C(1000000000) / s->options.requests_per_second,
		most = BURST_SECONDS * INT64_C(1000000000);
	bool ok;

	pthread_mutex_lock(&s->lock);
	u->credit_ns = u->last_ns ? u->credit_ns + (now - u->last_ns) : most;
	if (u->credit_ns > most)
		u->credit_ns = most;
	u->last_ns = now;
	ok = u->credit_ns >= cost;
	if (ok)
		u->credit_ns -= cost;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

/* --- one connection --- */

/* All of it until `deadline`; 0, -ECONNRESET at an end, -ETIMEDOUT. */
static int transfer(int fd, bool out, uint8_t *data, size_t size, int64_t deadline)
{
	while (size) {
		struct pollfd p = { .fd = fd, .events = out ? POLLOUT : POLLIN };
		int64_t left = (deadline - now_ns()) / 1000000;
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = out ? send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT)
			: recv(fd, data, size, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return -ECONNRESET;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int64_t in_seconds(int64_t seconds)
{
	return now_ns() + seconds * INT64_C(1000000000);
}

/* A whole request; *ret_size: its size. 0 or an error that ends the connection. */
static int receive_request(struct connection *c, uint8_t *buffer, size_t room, size_t *ret_size)
{
	uint8_t head[4];
	uint32_t size;
	int rc = transfer(c->fd, false, head, 1, in_seconds(IDLE_SECONDS));

	if (!rc)
		rc = transfer(c->fd, false, head + 1, 3, in_seconds(TRANSFER_SECONDS));
	if (rc)
		return rc;
	memcpy(&size, head, 4);
	if (!size || size > room)
		return -EPROTO;
	*ret_size = size;
	return transfer(c->fd, false, buffer, size, in_seconds(TRANSFER_SECONDS));
}

static int answer(struct connection *c, struct span request, uint8_t **ret_answer, size_t *ret_size)
{
	struct cattest_error err = { "" };
	const char *what = "aesm";
	uint32_t backend = 0;
	uint16_t operation = 0;
	int rc;

	if (!may_ask(c->server, c->user)) {
		if (request.size >= sizeof(struct quoting_request))
			memcpy(&operation,
			       request.data + offsetof(struct quoting_request, operation),
			       sizeof(operation));
		/* AESM's protocol has no answer that fits. */
		rc = c->aesm ? -EBUSY
			     : quoting_refusal(operation, -EBUSY,
					       "too many requests by this user: try again later",
					       ret_answer, ret_size);
		say("cloister-quoted: user %u process %d: refused: too many requests", c->peer.uid,
		    c->peer.pid);
		return rc;
	}
	if (c->aesm)
		rc = aesm_answer_to(c->server->service, request, ret_answer, ret_size, &err);
	else
		rc = quoting_answer_to(c->server->service, request, ret_answer, ret_size, &backend,
				       &err);
	if (!c->aesm && backend_name(backend))
		what = backend_name(backend);
	if (rc)
		say("cloister-quoted: user %u process %d: breaks the protocol", c->peer.uid,
		    c->peer.pid);
	else if (err.text[0])
		say("cloister-quoted: user %u process %d: %s: refused: %s", c->peer.uid,
		    c->peer.pid, what, err.text);
	else if (c->server->options.verbose)
		say("cloister-quoted: user %u process %d: %s: answered, %zu bytes", c->peer.uid,
		    c->peer.pid, what, *ret_size);
	return rc;
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	size_t room = c->aesm ? AESM_REQUEST_MAX : QUOTING_REQUEST_MAX;
	uint8_t *buffer = malloc(room);
	int rc = buffer ? 0 : -ENOMEM;

	while (!rc) {
		uint8_t *reply = NULL;
		size_t size, reply_size = 0;

		rc = receive_request(c, buffer, room, &size);
		if (!rc)
			rc = answer(c, SPAN(buffer, size), &reply, &reply_size);
		if (!rc)
			rc = transfer(c->fd, true, reply, reply_size, in_seconds(TRANSFER_SECONDS));
		free(reply);
	}
	free(buffer);
	/* The peer sees the end now, not when the slot is collected. */
	shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_lock(&c->server->lock);
	c->ended = true;
	pthread_mutex_unlock(&c->server->lock);
	if (write(c->server->wake[1], "", 1) < 0)
		return NULL; /* full: the main thread wakes anyway */
	return NULL;
}

/* --- the main thread --- */

static void release(struct server *s, struct connection *c)
{
	pthread_mutex_lock(&s->lock);
	c->user->connections--;
	c->used = false;
	pthread_mutex_unlock(&s->lock);
}

static void collect(struct server *s)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &s->connections[i];
		bool ended;

		pthread_mutex_lock(&s->lock);
		ended = c->used && c->ended;
		pthread_mutex_unlock(&s->lock);
		if (!ended)
			continue;
		pthread_join(c->thread, NULL);
		close(c->fd);
		release(s, c);
	}
}

static struct connection *enter(struct server *s, const struct ucred *peer)
{
	struct connection *c = NULL;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < CONNECTIONS_MAX && !c; i++)
		if (!s->connections[i].used)
			c = &s->connections[i];
	if (c) {
		struct user *u = user_enter(s, peer->uid);

		if (u)
			*c = (struct connection){
				.server = s, .used = true, .peer = *peer, .user = u
			};
		else
			c = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return c;
}

static void take_connection(struct server *s, int fd, bool aesm)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	struct connection *c;
	pthread_attr_t attributes;
	int rc;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) || !allowed(s, peer.uid)) {
		say("cloister-quoted: user %u process %d: refused: not allowed (see --allow-user)",
		    peer.uid, peer.pid);
		close(fd);
		return;
	}
	c = enter(s, &peer);
	if (!c) {
		say("cloister-quoted: user %u process %d: refused: too many connections", peer.uid,
		    peer.pid);
		close(fd);
		return;
	}
	c->fd = fd;
	c->aesm = aesm;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	rc = pthread_create(&c->thread, &attributes, serve, c);
	pthread_attr_destroy(&attributes);
	if (rc) {
		say("cloister-quoted: cannot start a thread: %s", strerror(rc));
		close(fd);
		release(s, c);
	}
}

static void accept_all(struct server *s, int listener, bool aesm)
{
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			take_connection(s, fd, aesm);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			/* It stays readable: do not spin on it. */
			poll(NULL, 0, 100);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

void server_run(struct server *s, int stop_fd)
{
	for (;;) {
		struct pollfd p[4] = { { .fd = stop_fd, .events = POLLIN },
				       { .fd = s->wake[0], .events = POLLIN },
				       { .fd = s->listeners[0], .events = POLLIN },
				       { .fd = s->listeners[1], .events = POLLIN } };
		char drained[64];

		if (poll(p, 4, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (p[0].revents)
			return;
		if (p[1].revents)
			while (read(s->wake[0], drained, sizeof(drained)) > 0)
				;
		collect(s);
		for (int i = 0; i < 2; i++)
			if (p[2 + i].revents)
				accept_all(s, s->listeners[i], i == 1);
	}
}

/* A back end may not answer for a minute: who stops the service does not wait for it. */
static void join_all(struct server *s)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_SECONDS;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &s->connections[i];

		if (!c->used)
			continue;
		if (pthread_timedjoin_np(c->thread, NULL, &until)) {
			say("cloister-quoted: stopped while a back end was still being asked");
			_exit(0);
		}
		close(c->fd);
	}
}

void server_close(struct server *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->listeners[i] >= 0)
			close(s->listeners[i]);
		if (s->paths[i])
			unlink(s->paths[i]);
		free(s->paths[i]);
	}
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (s->connections[i].used)
			shutdown(s->connections[i].fd, SHUT_RDWR);
	join_all(s);
	for (int i = 0; i < 2; i++)
		if (s->wake[i] >= 0)
			close(s->wake[i]);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
