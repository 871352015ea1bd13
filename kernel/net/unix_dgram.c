/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data of SOCK_DGRAM and SOCK_SEQPACKET sockets inside the enclave: one struct unix_message each, in the receiver's
 * list. Messages are counted, so that MSG_PEEK copies to user memory without the lock.
 *
 * `lock` of the receiver guards its messages, and senders (the sockets connected to it). As on Linux a sender goes on
 * while less than its SO_SNDBUF waits, so that one message may go over; unconnected ones also stop at MESSAGES_MAX.
 * Senders that found it full set senders_blocked; the next receive wakes them all (they hold no place in a line).
 */
#include <asm/errno.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/net/unix.h"
#include "kernel/signal/signal.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define MESSAGES_MAX 256u
#define MESSAGE_OVERHEAD 256u /* charged beside the data: bounds empty messages */
#define OVERFLOW_ID 65534u

void unix_message_put(struct unix_message *m)
{
	if (!ref_put(&m->refs))
		return;
	unix_address_put(m->from);
	kfree(m);
}

void unix_dgram_purge(struct unix_socket *u, struct scm **scms)
{
	struct unix_message *m, *next;

	list_for_each_safe(m, next, &u->messages, link) {
		list_remove(&m->link);
		if (m->scm) {
			m->scm->next = *scms;
			*scms = m->scm;
			m->scm = NULL;
		}
		unix_message_put(m);
	}
	__atomic_store_n(&u->message_count, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&u->queued, 0, __ATOMIC_RELAXED);
}

/* --- peers ------------------------------------------------------------------------------------------------------ */

void unix_dgram_disconnect(struct unix_socket *u, struct scm **scms)
{
	struct unix_socket *peer = u->peer;
	bool lost;

	if (!peer)
		return;
	mutex_lock(&peer->lock);
	list_remove(&u->sender_link);
	mutex_unlock(&peer->lock);
	__atomic_store_n(&u->peer, NULL, __ATOMIC_RELEASE);
	u->state = UNIX_IDLE;
	if (scms) {
		mutex_lock(&u->lock);
		lost = !list_empty(&u->messages);
		unix_dgram_purge(u, scms);
		unix_wake_senders(u);
		mutex_unlock(&u->lock);
		/* The old peer learns of it if it was connected back. */
		if (lost && unix_peer(peer) == u) {
			__atomic_store_n(&peer->error, ECONNRESET, __ATOMIC_RELAXED);
			wake(&peer->wait, ~0u);
		}
	}
	unix_put(peer);
}

/* May u send to other? Only if other is free or is connected to u. */
static bool may_send(const struct unix_socket *u, const struct unix_socket *other)
{
	const struct unix_socket *peer = unix_peer(other);

	return !peer || peer == u;
}

int unix_dgram_connect(struct socket *s, const void *address, unsigned int size, bool nonblock)
{
	struct unix_socket *u = unix_of(s), *other = NULL;
	const struct sockaddr_un *un = address;
	struct scm *scms = NULL;
	int error = 0;

	(void)nonblock;
	if (size < sizeof(un->sun_family))
		return -EINVAL;
	if (un->sun_family != AF_UNSPEC) {
		if (u->pass_credentials) {
			error = unix_autobind(u);
			if (error)
				return error;
		}
		error = unix_find(address, size, s->type, &other);
		if (error)
			return error;
		if (!may_send(u, other)) {
			unix_put(other);
			return -EPERM;
		}
	}
	mutex_lock(&u->state_lock);
	if (u->peer != other)
		unix_dgram_disconnect(u, &scms);
	if (other && u->peer == other) {
		unix_put(other);
	} else if (other) {
		mutex_lock(&other->lock);
		if (other->dead) {
			error = -ECONNREFUSED;
		} else {
			list_add(&other->senders, &u->sender_link);
			__atomic_store_n(&u->peer, other, __ATOMIC_RELEASE);
			u->state = UNIX_CONNECTED;
		}
		mutex_unlock(&other->lock);
		if (error)
			unix_put(other);
	}
	mutex_unlock(&u->state_lock);
	scm_free_queued(scms);
	wake(&u->wait, ~0u);
	return error;
}

/* --- sending ---------------------------------------------------------------------------------------------------- */

/* lock of other held, or a guess. */
static bool is_full(const struct unix_socket *u, const struct unix_socket *other)
{
	if (__atomic_load_n(&other->queued, __ATOMIC_RELAXED) >= u->base.send_buffer)
		return true;
	return other != u && unix_peer(other) != u && u->base.type == SOCK_DGRAM &&
	       __atomic_load_n(&other->message_count, __ATOMIC_RELAXED) >= MESSAGES_MAX;
}

/* Looks again, and asks to be woken if it is still full. */
static bool full_or_ask(struct unix_socket *u, struct unix_socket *other)
{
	bool full;

	if (!is_full(u, other) || other->dead || (unix_shutdown_bits(u) & SHUTDOWN_WRITE) ||
	    (unix_shutdown_bits(other) & SHUTDOWN_READ))
		return false;
	mutex_lock(&other->lock);
	full = is_full(u, other) && !other->dead;
	if (full)
		other->senders_blocked = true;
	mutex_unlock(&other->lock);
	return full;
}

unsigned int unix_dgram_poll_write(struct unix_socket *u)
{
	struct unix_socket *peer = unix_peer_get(u);
	bool full = false;

	if (peer) {
		full = full_or_ask(u, peer);
		unix_put(peer);
	}
	return full ? 0 : POLLBIT_OUT | POLLBIT_WRNORM | POLLBIT_WRBAND;
}

static int message_new(struct unix_socket *u, struct unix_socket *other, struct send_args *a,
		       struct unix_message **ret)
{
	size_t size = a->io->left;
	struct unix_message *m;
	int error;

	if (size > u->base.send_buffer - 32)
		return -EMSGSIZE;
	m = kmalloc(sizeof(*m) + size);
	if (!m)
		return -ENOBUFS;
	memset(m, 0, sizeof(*m));
	list_init(&m->link);
	ref_init(&m->refs);
	m->size = (uint32_t)size;
	m->charge = m->size + MESSAGE_OVERHEAD;
	error = a->control_size ? scm_parse(a, &m->scm, &m->credentials, &m->has_credentials) : 0;
	if (error)
		goto out;
	if (!m->has_credentials && (u->pass_credentials || other->pass_credentials)) {
		unix_credentials(&m->credentials);
		m->has_credentials = true;
	}
	error = -EFAULT;
	if (uio_get(a->io, m->data, size) != size)
		goto out;
	m->from = __atomic_load_n(&u->address, __ATOMIC_ACQUIRE);
	if (m->from)
		ref_get(&m->from->refs);
	error = m->scm ? scm_take_off(m->scm) : 0;
	if (error)
		goto out;
	*ret = m;
	return 0;
out:
	scm_free(m->scm);
	unix_message_put(m);
	return error;
}

/* 1: queued. 0: full. Else an error. */
static int message_queue(struct unix_socket *u, struct unix_socket *other, struct unix_message *m)
{
	int result = 1;

	if (unix_shutdown_bits(u) & SHUTDOWN_WRITE)
		return -EPIPE;
	mutex_lock(&other->lock);
	if (other->dead) {
		result = u->base.type == SOCK_SEQPACKET ? -EPIPE : -ECONNREFUSED;
	} else if (unix_shutdown_bits(other) & SHUTDOWN_READ) {
		result = -EPIPE;
	} else if (is_full(u, other)) {
		other->senders_blocked = true;
		result = 0;
	} else {
		list_add_tail(&other->messages, &m->link);
		__atomic_store_n(&other->message_count, other->message_count + 1, __ATOMIC_RELAXED);
		__atomic_store_n(&other->queued, other->queued + m->charge, __ATOMIC_RELAXED);
	}
	mutex_unlock(&other->lock);
	if (result == 1 && !wait_queue_empty(&other->wait))
		wake(&other->wait, POLLBIT_IN | POLLBIT_RDNORM);
	return result;
}

static int send_to(struct unix_socket *u, struct unix_socket *other, struct unix_message *m,
		   unsigned int flags, bool connected)
{
	uint64_t timeout = u->base.send_timeout, deadline = 0;
	struct wait_queue *queue = connected ? &u->wait : &other->send_wait;
	int result;

	for (;;) {
		if (u->base.type == SOCK_DGRAM && !may_send(u, other))
			return -EPERM;
		result = message_queue(u, other, m);
		if (result)
			break;
		if ((flags & MSG_DONTWAIT) || !timeout)
			return -EAGAIN;
		if (!deadline)
			deadline = timeout == NEVER ? NEVER : deadline_after(timeout);
		result = WAIT_EVENT(queue, !full_or_ask(u, other), deadline);
		if (result)
			return socket_wait_error(result, timeout);
	}
	if (result == -ECONNREFUSED && connected) {
		mutex_lock(&u->state_lock);
		if (u->peer == other)
			unix_dgram_disconnect(u, NULL);
		mutex_unlock(&u->state_lock);
	}
	return result < 0 ? result : 0;
}

long unix_dgram_send(struct socket *s, struct send_args *a)
{
	struct unix_socket *u = unix_of(s), *other = NULL;
	bool connected = s->type == SOCK_SEQPACKET || !a->address_size;
	struct unix_message *m = NULL;
	size_t size = a->io->left;
	int error;

	if (a->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (s->type == SOCK_SEQPACKET && u->state != UNIX_CONNECTED)
		return -ENOTCONN;
	if (u->pass_credentials && !connected) {
		error = unix_autobind(u);
		if (error)
			return error;
	}
	if (connected) {
		other = unix_peer_get(u);
		error = other ? 0 : -ENOTCONN;
	} else {
		error = size > s->send_buffer - 32
				? -EMSGSIZE
				: unix_find(a->address, a->address_size, s->type, &other);
	}
	if (error)
		return error;
	error = unix_take_error(u);
	if (!error && (unix_shutdown_bits(u) & SHUTDOWN_WRITE))
		error = -EPIPE;
	if (!error)
		error = message_new(u, other, a, &m);
	if (!error)
		error = send_to(u, other, m, a->flags, connected);
	if (error && m) {
		if (m->scm) {
			scm_land(m->scm);
			scm_free(m->scm);
		}
		unix_message_put(m);
	}
	unix_put(other);
	return error ? error : (long)size;
}

/* --- receiving -------------------------------------------------------------------------------------------------- */

/* The first message: taken off, or counted once more. Its files in *ret_scm. */
static struct unix_message *message_take(struct unix_socket *u, bool peek, struct scm **ret_scm)
{
	struct unix_message *m = NULL;

	*ret_scm = NULL;
	mutex_lock(&u->lock);
	if (list_empty(&u->messages))
		goto out;
	m = list_first(&u->messages, struct unix_message, link);
	if (peek) {
		ref_get(&m->refs);
		if (m->scm)
			*ret_scm = scm_duplicate(m->scm);
		goto out;
	}
	list_remove(&m->link);
	*ret_scm = m->scm;
	m->scm = NULL;
	__atomic_store_n(&u->message_count, u->message_count - 1, __ATOMIC_RELAXED);
	__atomic_store_n(&u->queued, u->queued - m->charge, __ATOMIC_RELAXED);
	if (unlikely(u->senders_blocked))
		unix_wake_senders(u);
out:
	mutex_unlock(&u->lock);
	return m;
}

static bool read_ready(const struct unix_socket *u)
{
	return __atomic_load_n(&u->message_count, __ATOMIC_RELAXED) ||
	       (unix_shutdown_bits(u) & SHUTDOWN_READ) ||
	       __atomic_load_n(&u->error, __ATOMIC_RELAXED);
}

static long message_deliver(struct unix_socket *u, struct unix_message *m, struct scm *scm,
			    struct receive_args *a)
{
	struct user_credentials none = { 0, OVERFLOW_ID, OVERFLOW_ID };
	size_t size = MIN((size_t)m->size, a->io->left);
	long result = (long)size;
	int error;

	if (a->address)
		a->address_size = unix_address_copy(m->from, a->address);
	if (uio_put(a->io, m->data, size) != size) {
		scm_free(scm);
		return -EFAULT;
	}
	if (size < m->size)
		a->result_flags |= MSG_TRUNC;
	if (u->base.type == SOCK_SEQPACKET)
		a->result_flags |= MSG_EOR;
	if (a->flags & MSG_TRUNC)
		result = (long)m->size;
	if (!a->has_header) {
		scm_free(scm);
		return result;
	}
	error = scm_deliver(a,
			    !u->pass_credentials ? NULL
			    : m->has_credentials ? &m->credentials
						 : &none,
			    scm);
	return error ? error : result;
}

long unix_dgram_receive(struct socket *s, struct receive_args *a)
{
	struct unix_socket *u = unix_of(s);
	uint64_t timeout = s->receive_timeout, deadline = 0;
	bool peek = a->flags & MSG_PEEK;
	struct unix_message *m;
	struct scm *scm;
	long result;
	int error;

	if (a->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (s->type == SOCK_SEQPACKET && u->state != UNIX_CONNECTED)
		return -ENOTCONN;
	while (!(m = message_take(u, peek, &scm))) {
		error = unix_take_error(u);
		if (error)
			return error;
		if (unix_shutdown_bits(u) & SHUTDOWN_READ) {
			if (__atomic_load_n(&u->message_count, __ATOMIC_ACQUIRE))
				continue;
			return s->type == SOCK_DGRAM && (a->flags & MSG_DONTWAIT) ? -EAGAIN : 0;
		}
		if ((a->flags & MSG_DONTWAIT) || !timeout)
			return -EAGAIN;
		if (!deadline)
			deadline = timeout == NEVER ? NEVER : deadline_after(timeout);
		error = WAIT_EVENT_KEY(&u->wait, POLLBIT_IN, read_ready(u), deadline);
		if (error)
			return socket_wait_error(error, timeout);
	}
	if (scm) {
		if (peek)
			scm_peek_barrier();
		else
			scm_land(scm);
	}
	result = message_deliver(u, m, scm, a);
	unix_message_put(m);
	return result;
}
