/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection through the tunnel: two sockets, one of them under attested TLS.
 *
 *	client: plain accepted -> dialling the other tunnel -> handshake -> open
 *	server: TLS accepted -> handshake -> dialling the service -> open
 *
 * A server reaches out to its service only for peers that it has attested. A direction's end is passed on as such (TCP's FIN, TLS's
 * close_notify), and the other direction goes on. A stream that was cut is cut on the other side too: never made to look
 * like its end. Buffers exist only while they hold something.
 */
#include "cli/tunnel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define DIAL_MS 15000
/* So long a peer may keep us waiting if there are many. */
#define SLOW_MS 3000
/* Bytes that one pair may move before others get their turn. */
#define TURN (1u << 20)
/* And steps, as its bytes may come one by one. */
#define TURN_STEPS 128

static void set_up_socket(int fd, int family)
{
	if (family == AF_UNIX)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
}

static int watch(struct pair *p, struct end *e)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				     .data.ptr = e };

	return epoll_ctl(p->tunnel->epoll, EPOLL_CTL_ADD, e->fd, &event);
}

/* --- Peers that have proved nothing yet --- */
static void proved(struct pair *p)
{
	struct tunnel *t = p->tunnel;

	if (!p->unproved)
		return;
	p->unproved = false;
	t->unproved--;
	*(p->older ? &p->older->newer : &t->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &t->newest) = p->older;
}

/*
 * TLS takes some 200 KiB for a peer that sends half a message, so there are not to be many of them. When there are, one that we have been
 * waiting for long goes: honest peers answer soon, and those whose evidence waits for our workers are not waited for.
 */
bool pair_room(struct tunnel *t)
{
	struct pair *p = t->oldest;

	if (!t->options.server || t->unproved < t->options.max_handshakes)
		return true;
	while (p && (p->state == PAIR_WORKING || p->dead || t->now - p->active < SLOW_MS))
		p = p->newer;
	if (!p)
		return false;
	tunnel_say(t, "%s: cut, it is slow, and %llu are to be attested", p->peer,
		   (unsigned long long)t->unproved);
	proved(p);
	pair_cut(p);
	return true;
}

static void add_unproved(struct pair *p)
{
	struct tunnel *t = p->tunnel;

	p->older = t->newest;
	*(t->newest ? &t->newest->newer : &t->oldest) = p;
	t->newest = p;
	p->unproved = true;
	t->unproved++;
}

void pair_end(struct pair *p)
{
	struct tunnel *t = p->tunnel;

	/* Queued somewhere: whoever takes it out ends it. */
	if (p->state == PAIR_WORKING || p->ready) {
		p->dead = true;
		return;
	}
	proved(p);
	ctls_close(p->connection);
	if (p->plain.fd >= 0)
		close(p->plain.fd);
	if (p->tls.fd >= 0)
		close(p->tls.fd);
	tunnel_buffer_free(t, p->out.buffer);
	tunnel_buffer_free(t, p->in.buffer);
	tunnel_trust_put(p->trust);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	t->count--;
	free(p);
}

/* Without TLS's goodbye, which would make an end of it for the other tunnel, and so for whoever is behind that. */
void pair_cut(struct pair *p)
{
	struct linger now = { .l_onoff = 1 };

	if (p->state != PAIR_WORKING) {
		ctls_abort(p->connection);
		p->connection = NULL;
	}
	if (p->plain.fd >= 0)
		setsockopt(p->plain.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (p->tls.fd >= 0)
		setsockopt(p->tls.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	pair_end(p);
}

/* --- Dialling --- */
static int dial_one(struct pair *p, struct end *e, size_t which)
{
	struct tunnel *t = p->tunnel;
	const struct sockaddr *to = (const struct sockaddr *)&t->to[which];

	e->can_read = e->can_write = false;
	e->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->fd < 0)
		return -errno;
	set_up_socket(e->fd, to->sa_family);
	if (connect(e->fd, to, (socklen_t)t->to_size[which]) && errno != EINPROGRESS)
		return -errno;
	p->state = PAIR_DIALLING;
	/* All share the time, so that one that is silent does not use up the others'. */
	p->deadline = t->now + DIAL_MS / (int64_t)t->to_count;
	return watch(p, e) ? -errno : 0;
}

/* The next of the addresses that a name has, beginning with the one that answered last. */
static int dial(struct pair *p, struct end *e)
{
	struct tunnel *t = p->tunnel;
	int rc = -EADDRNOTAVAIL;

	while (p->tried < t->to_count) {
		close_fd(&e->fd);
		e->fd = -1;
		rc = dial_one(p, e, (t->to_good + p->tried++) % t->to_count);
		if (!rc)
			return 0;
	}
	return rc;
}

static void dial_failed(struct pair *p, int error)
{
	tunnel_say(p->tunnel, "%s: cannot connect to %s: %s", p->peer, p->tunnel->options.connect,
		   strerror(error));
	pair_cut(p);
}

static struct end *dialled_end(struct pair *p)
{
	return p->tunnel->options.server ? &p->plain : &p->tls;
}

/* 1: done, 0: not yet, or a negative errno. */
static int dial_result(const struct end *e)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (!e->can_write)
		return 0;
	if (getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		return -errno;
	return error ? -error : 1;
}

/* It did not work: the next one, or the end of the pair. */
static void dial_again(struct pair *p, int error)
{
	int rc = p->tried < p->tunnel->to_count ? dial(p, dialled_end(p)) : -error;

	if (rc)
		dial_failed(p, -rc);
}

/* --- The handshake --- */
static bool start_handshake(struct pair *p)
{
	struct cattest_error err;

	p->state = PAIR_HANDSHAKE;
	if (!ctls_start(p->trust->ctls, p->tls.fd, p->tunnel->options.server, &p->connection, &err))
		return true;
	tunnel_say(p->tunnel, "%s: %s", p->peer, err.text);
	pair_cut(p);
	return false;
}

/* true: done. The pair may be gone if not. */
static bool go_on_handshake(struct pair *p)
{
	struct cattest_error err;
	int rc = ctls_step(p->connection, &err);

	if (rc == CTLS_DONE)
		return true;
	if (rc == CTLS_WANT_WORK) {
		p->state = PAIR_WORKING;
		workers_give(p->tunnel, p);
	} else if (rc < 0) {
		tunnel_say(p->tunnel, "%s: %s: %s", p->peer, rc == -EACCES ? "refused" : "failed",
			   err.text);
		/* Our refusal must reach the peer: no cut on this side. */
		if (p->plain.fd >= 0)
			setsockopt(p->plain.fd, SOL_SOCKET, SO_LINGER,
				   &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
		pair_end(p);
	}
	return false;
}

/* --- Open: bytes --- */
static void flow_empty(struct pair *p, struct flow *f)
{
	tunnel_buffer_free(p->tunnel, f->buffer);
	*f = (struct flow){ 0 };
}

static ssize_t end_read(struct pair *p, struct end *e, void *buffer, size_t size)
{
	ssize_t n;

	if (e->is_tls)
		return ctls_read(p->connection, buffer, size);
	n = recv(e->fd, buffer, size, 0);
	return n < 0 ? -errno : n;
}

static ssize_t end_write(struct pair *p, struct end *e, const void *buffer, size_t size)
{
	ssize_t n;

	if (e->is_tls)
		return ctls_write(p->connection, buffer, size);
	n = send(e->fd, buffer, size, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static int end_shutdown(struct pair *p, struct end *e)
{
	int rc;

	if (e->is_tls) {
		rc = ctls_shutdown(p->connection);
		if (rc == -EAGAIN)
			return rc;
		if (rc)
			return rc;
	}
	return shutdown(e->fd, SHUT_WR) && errno != ENOTCONN ? -errno : 0;
}

/* 1: progress, 0: none is possible now, or a negative errno. */
static int flow_step(struct pair *p, struct flow *f, struct end *from, struct end *to,
		     uint64_t *bytes)
{
	int progress = 0;
	ssize_t n;

	if (!f->size && from->can_read && !from->read_done) {
		if (!f->buffer)
			f->buffer = tunnel_buffer(p->tunnel);
		if (!f->buffer)
			return -ENOMEM;
		n = end_read(p, from, f->buffer, TUNNEL_BUFFER);
		if (n == -EINTR)
			return 1;
		if (n == -EAGAIN)
			from->can_read = false;
		else if (n < 0)
			return (int)n;
		else if (!n)
			from->read_done = true;
		else
			f->size = (size_t)n;
		progress = n >= 0;
	}
	if (f->size && to->can_write) {
		n = end_write(p, to, f->buffer + f->at, f->size);
		if (n == -EINTR)
			return 1;
		if (n == -EAGAIN) {
			to->can_write = false;
		} else if (n < 0) {
			return (int)n;
		} else {
			f->at += (size_t)n;
			f->size -= (size_t)n;
			*bytes += (uint64_t)n;
			p->active = p->tunnel->now;
			progress = 1;
			if (!f->size)
				f->at = 0;
		}
	}
	if (!f->size && from->read_done && !to->write_done && to->can_write) {
		int rc = end_shutdown(p, to);

		if (rc == -EAGAIN) {
			to->can_write = false;
		} else if (rc) {
			return rc;
		} else {
			to->write_done = true;
			progress = 1;
		}
	}
	if (!f->size && (!from->can_read || from->read_done) && f->buffer)
		flow_empty(p, f);
	return progress;
}

static void transfer(struct pair *p)
{
	uint64_t start = p->bytes_in + p->bytes_out;
	int out, in, steps = 0;

	do {
		out = flow_step(p, &p->out, &p->plain, &p->tls, &p->bytes_out);
		in = out < 0 ? out : flow_step(p, &p->in, &p->tls, &p->plain, &p->bytes_in);
		if (in < 0) {
			if (p->tunnel->options.verbose)
				tunnel_say(p->tunnel, "%s: cut after %llu bytes in, %llu out: %s",
					   p->peer, (unsigned long long)p->bytes_in,
					   (unsigned long long)p->bytes_out, strerror(-in));
			pair_cut(p);
			return;
		}
		if (p->plain.write_done && p->tls.write_done) {
			if (p->tunnel->options.verbose)
				tunnel_say(p->tunnel, "%s: closed, %llu bytes in, %llu out",
					   p->peer, (unsigned long long)p->bytes_in,
					   (unsigned long long)p->bytes_out);
			pair_end(p);
			return;
		}
	} while ((out || in) && p->bytes_in + p->bytes_out - start < TURN && ++steps < TURN_STEPS);
	if (out || in) {
		p->ready = true;
		queue_put(&p->tunnel->ready, p);
	}
}

void pair_go_on(struct pair *p)
{
	int rc;

	if (p->state == PAIR_WORKING || p->ready)
		return;
	if (p->state == PAIR_DIALLING) {
		rc = dial_result(dialled_end(p));
		if (rc < 0)
			dial_again(p, -rc);
		if (rc <= 0)
			return;
		p->tunnel->to_good = (p->tunnel->to_good + p->tried - 1) % p->tunnel->to_count;
		if (p->tunnel->options.server)
			p->state = PAIR_OPEN;
		else if (!start_handshake(p))
			return;
	}
	if (p->state == PAIR_HANDSHAKE) {
		if (!go_on_handshake(p))
			return;
		proved(p);
		p->active = p->opened = p->tunnel->now;
		if (p->tunnel->options.verbose)
			tunnel_say(p->tunnel, "%s: attested, open", p->peer);
		/* Whatever was read ahead raises no edge. */
		p->tls.can_read = p->tls.can_write = true;
		if (p->tunnel->options.server) {
			rc = dial(p, &p->plain);
			if (rc)
				dial_failed(p, -rc);
			return;
		}
		p->state = PAIR_OPEN;
		if (watch(p, &p->plain)) {
			pair_cut(p);
			return;
		}
	}
	transfer(p);
}

void pair_tick(struct pair *p)
{
	const struct tunnel *t = p->tunnel;

	if (p->state == PAIR_DIALLING && t->now >= p->deadline) {
		dial_again(p, ETIMEDOUT);
	} else if (p->state == PAIR_HANDSHAKE && !ctls_time_left(p->connection)) {
		pair_go_on(p); /* it says that its time is over */
	} else if (p->state == PAIR_OPEN && t->options.idle_seconds && !p->ready &&
		   t->now - p->active >= (int64_t)t->options.idle_seconds * 1000) {
		tunnel_say(p->tunnel, "%s: idle for %llu s: cut", p->peer,
			   (unsigned long long)t->options.idle_seconds);
		pair_cut(p);
	} else if (p->state == PAIR_OPEN && t->options.max_age_seconds && !p->ready &&
		   t->now - p->opened >= (int64_t)t->options.max_age_seconds * 1000) {
		tunnel_say(p->tunnel, "%s: open for %llu s: cut, to be attested again", p->peer,
			   (unsigned long long)t->options.max_age_seconds);
		pair_cut(p);
	}
}

void pair_begin(struct tunnel *t, int fd, const char *peer)
{
	struct pair *p = calloc(1, sizeof(*p));
	int rc;

	if (!p) {
		close(fd);
		return;
	}
	p->tunnel = t;
	p->trust = t->trust;
	p->trust->users++;
	p->plain = (struct end){ .pair = p, .fd = -1 };
	p->tls = (struct end){ .pair = p, .fd = -1, .is_tls = true };
	snprintf(p->peer, sizeof(p->peer), "%s", peer);
	p->active = t->now;
	p->next = t->pairs;
	p->link = &t->pairs;
	if (p->next)
		p->next->link = &p->next;
	t->pairs = p;
	t->count++;
	set_up_socket(fd, strncmp(t->options.listen, "unix:", 5) ? AF_INET : AF_UNIX);
	if (t->options.server) {
		p->tls.fd = fd;
		add_unproved(p);
		if (watch(p, &p->tls))
			pair_cut(p);
		else
			start_handshake(p);
		return;
	}
	p->plain.fd = fd;
	rc = dial(p, &p->tls);
	if (rc)
		dial_failed(p, -rc);
}
