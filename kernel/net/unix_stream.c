/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data of SOCK_STREAM sockets inside the enclave. Bytes sent to a socket wait in its own ring, which is made on the
 * first byte, doubles while the reader lags behind, and starts over at its beginning whenever it is empty: a
 * conversation of short messages touches one cache line and never allocates. Ancillary data (files, credentials) is
 * kept beside it in records over ranges of stream positions; a read stops after a record that gave it files, and
 * does not glue bytes of different senders together under SO_PASSCRED.
 *
 * `lock` of the receiving socket guards ring, used, positions and records, also while user memory is copied.
 * The sender's SO_SNDBUF bounds `used`. Writers wait on their own socket's queue for a quarter to be free again: the
 * reader wakes them only on the change from more than that to less (as Linux), readers wait on theirs.
 */
#include <asm/errno.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/net/unix.h"
#include "kernel/signal/signal.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define RING_MIN 4096u
#define RING_KEEP (16u << 10)	 /* larger empty rings may go ... */
#define RING_BUDGET (64ul << 20) /* ... when all rings hold more than this */
#define RECORDS_MAX 512u
#define OVERFLOW_ID 65534u

static size_t ring_memory;

static bool writable(uint32_t used, uint32_t records, uint32_t limit)
{
	return used <= limit / 4 && records < RECORDS_MAX;
}

bool unix_stream_writable(const struct unix_socket *peer, uint32_t limit)
{
	return writable(__atomic_load_n(&peer->used, __ATOMIC_RELAXED),
			__atomic_load_n(&peer->record_count, __ATOMIC_RELAXED), limit);
}

static void ring_free(struct unix_socket *u)
{
	__atomic_sub_fetch(&ring_memory, u->ring_size, __ATOMIC_RELAXED);
	kfree(u->ring);
	u->ring = NULL;
	u->ring_size = u->ring_head = 0;
}

/* Room for `want` more bytes if memory allows; at least what there is. */
static void ring_grow(struct unix_socket *u, uint32_t want)
{
	uint32_t size = MAX(u->ring_size, RING_MIN), first;
	unsigned char *ring;

	while (size < u->used + want)
		size *= 2;
	if (size == u->ring_size)
		return;
	ring = kmalloc(size);
	if (!ring)
		return;
	if (u->used) {
		first = MIN(u->used, u->ring_size - u->ring_head);
		memcpy(ring, u->ring + u->ring_head, first);
		memcpy(ring + first, u->ring, u->used - first);
	}
	kfree(u->ring);
	__atomic_add_fetch(&ring_memory, size - u->ring_size, __ATOMIC_RELAXED);
	u->ring = ring;
	u->ring_size = size;
	u->ring_head = 0;
}

static void record_remove(struct unix_socket *u, struct unix_record *r)
{
	list_remove(&r->link);
	u->record_count--;
	kfree(r);
}

void unix_stream_purge(struct unix_socket *u, struct scm **scms)
{
	struct unix_record *r, *next;

	list_for_each_safe(r, next, &u->records, link) {
		if (r->scm) {
			r->scm->next = *scms;
			*scms = r->scm;
		}
		record_remove(u, r);
	}
	if (u->ring)
		ring_free(u);
	u->read_pos += u->used;
	__atomic_store_n(&u->used, 0, __ATOMIC_RELAXED);
}

/* --- sending ---------------------------------------------------------------------------------------------------- */

struct stream_write {
	struct unix_record *record; /* to attach to the first bytes; then NULL */
	size_t sent;
	bool fault;
};

/* lock of peer held, there is room for `space` bytes. */
static void ring_write(struct unix_socket *peer, struct uio *io, uint32_t space,
		       struct stream_write *w)
{
	uint32_t size = (uint32_t)MIN(io->left, (size_t)space), tail, first, done;
	struct unix_record *last;

	if (peer->used + size > peer->ring_size)
		ring_grow(peer, size);
	size = MIN(size, peer->ring_size - peer->used);
	if (!size)
		return;
	tail = (peer->ring_head + peer->used) & (peer->ring_size - 1);
	first = MIN(size, peer->ring_size - tail);
	done = (uint32_t)uio_get(io, peer->ring + tail, first);
	if (done == first && first < size)
		done += (uint32_t)uio_get(io, peer->ring, size - first);
	w->fault = done < size;
	if (!done)
		return;
	if (unlikely(w->record)) {
		struct unix_record *r = w->record;

		last = list_empty(&peer->records)
			       ? NULL
			       : list_entry(peer->records.prev, struct unix_record, link);
		r->start = peer->read_pos + peer->used;
		r->end = r->start + done;
		if (last && last->end == r->start && !last->scm && !r->scm &&
		    !memcmp(&last->credentials, &r->credentials, sizeof(r->credentials))) {
			last->end = r->end; /* same sender, no files: one record */
		} else {
			list_add_tail(&peer->records, &r->link);
			__atomic_store_n(&peer->record_count, peer->record_count + 1,
					 __ATOMIC_RELAXED);
			w->record = NULL;
		}
	}
	__atomic_store_n(&peer->used, peer->used + done, __ATOMIC_RELAXED);
	w->sent += done;
}

static int record_prepare(struct unix_socket *u, struct unix_socket *peer,
			  const struct send_args *a, struct unix_record **ret)
{
	struct user_credentials credentials = { 0, 0, 0 };
	bool has_credentials = false;
	struct unix_record *r;
	struct scm *scm = NULL;
	int error;

	if (a->control_size) {
		error = scm_parse(a, &scm, &credentials, &has_credentials);
		if (error)
			return error;
	}
	if (!has_credentials && (u->pass_credentials || peer->pass_credentials)) {
		unix_credentials(&credentials);
		has_credentials = true;
	}
	if (!scm && !has_credentials)
		return 0;
	error = -ENOMEM;
	r = kzalloc(sizeof(*r));
	if (!r)
		goto out;
	if (scm) {
		error = scm_take_off(scm);
		if (error)
			goto out;
	}
	list_init(&r->link);
	r->scm = scm;
	r->credentials = credentials;
	r->has_credentials = has_credentials;
	*ret = r;
	return 0;
out:
	kfree(r);
	scm_free(scm);
	return error;
}

static bool write_closed(const struct unix_socket *u, const struct unix_socket *peer)
{
	return (unix_shutdown_bits(u) & SHUTDOWN_WRITE) ||
	       (unix_shutdown_bits(peer) & SHUTDOWN_READ);
}

long unix_stream_send(struct socket *s, struct send_args *a)
{
	struct unix_socket *u = unix_of(s), *peer = unix_peer(u);
	struct stream_write w = { NULL, 0, false };
	uint64_t deadline = 0;
	long error = 0;

	if (unlikely(a->flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(a->address_size))
		return u->state == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (unlikely(!peer))
		return -ENOTCONN;
	if (unlikely(a->control_size || u->pass_credentials || peer->pass_credentials)) {
		error = record_prepare(u, peer, a, &w.record);
		if (error)
			return error;
	}
	for (;;) {
		size_t before = w.sent;
		bool full = false;

		mutex_lock(&peer->lock);
		if (write_closed(u, peer)) {
			error = -EPIPE;
		} else if (a->io->left) {
			full = peer->used >= s->send_buffer ||
			       (w.record && peer->record_count >= RECORDS_MAX);
			if (!full)
				ring_write(peer, a->io, s->send_buffer - peer->used, &w);
		}
		mutex_unlock(&peer->lock);
		/* The unlock is a full barrier: a reader that queued itself before saw the bytes, or is seen here. */
		if (w.sent != before && !wait_queue_empty(&peer->wait))
			wake(&peer->wait, POLLBIT_IN | POLLBIT_RDNORM);
		if (error || !a->io->left)
			break;
		if (!full && w.sent == before) {
			error = w.fault ? -EFAULT : -ENOMEM;
			break;
		}
		if (w.fault)
			break;
		if (!full)
			continue;
		if ((a->flags & MSG_DONTWAIT) || !s->send_timeout) {
			error = -EAGAIN;
			break;
		}
		if (!deadline)
			deadline = s->send_timeout == NEVER ? NEVER
							    : deadline_after(s->send_timeout);
		error = WAIT_EVENT_KEY(&u->wait, POLLBIT_OUT,
				       write_closed(u, peer) ||
					       unix_stream_writable(peer, s->send_buffer),
				       deadline);
		if (error) {
			error = socket_wait_error((int)error, s->send_timeout);
			break;
		}
	}
	if (unlikely(w.record)) {
		/* Never attached, or merged into the one before (then it had no files). */
		if (w.record->scm) {
			scm_land(w.record->scm);
			scm_free(w.record->scm);
		}
		kfree(w.record);
	}
	if (error == -EPIPE && !w.sent && !(a->flags & MSG_NOSIGNAL))
		signal_current(SIGPIPE);
	return w.sent ? (long)w.sent : error;
}

/* --- receiving -------------------------------------------------------------------------------------------------- */

struct stream_read {
	size_t copied;
	struct scm *scm; /* taken, or a copy when peeking */
	struct user_credentials credentials;
	bool has_source; /* credentials are those of the first byte */
	bool stop;
	int error;
};

static bool same_source(struct stream_read *r, const struct unix_record *record)
{
	struct user_credentials none = { 0, OVERFLOW_ID, OVERFLOW_ID };
	const struct user_credentials *c = record && record->has_credentials ? &record->credentials
									     : &none;

	if (!r->has_source) {
		r->credentials = *c;
		r->has_source = true;
		return true;
	}
	return !memcmp(&r->credentials, c, sizeof(*c));
}

/* Copies `size` bytes that start `offset` after the ring's head. */
static uint32_t ring_copy(struct unix_socket *u, struct uio *io, uint32_t offset, uint32_t size)
{
	uint32_t at = (u->ring_head + offset) & (u->ring_size - 1);
	uint32_t first = MIN(size, u->ring_size - at), done;

	done = (uint32_t)uio_put(io, u->ring + at, first);
	if (done == first && first < size)
		done += (uint32_t)uio_put(io, u->ring, size - first);
	return done;
}

/* lock held: bytes were read. */
static void ring_consume(struct unix_socket *u, uint32_t size)
{
	uint32_t used = u->used - size;

	u->read_pos += size;
	__atomic_store_n(&u->used, used, __ATOMIC_RELAXED);
	u->ring_head = used ? (u->ring_head + size) & (u->ring_size - 1) : 0;
	if (unlikely(!used && u->ring_size > RING_KEEP &&
		     __atomic_load_n(&ring_memory, __ATOMIC_RELAXED) > RING_BUDGET))
		ring_free(u);
}

/* lock held. The slow form of reading: some record is near, or senders matter. */
static void read_records(struct unix_socket *u, struct uio *io, struct stream_read *r, bool peek)
{
	struct unix_record *record = list_first(&u->records, struct unix_record, link), *next;
	uint32_t offset = 0;

	while (!r->stop && io->left && offset < u->used) {
		uint64_t pos = u->read_pos + offset, run_end = u->read_pos + u->used;
		bool have = &record->link != &u->records, inside = have && record->start <= pos;
		uint32_t size, done;

		if (inside)
			run_end = record->end;
		else if (have)
			run_end = record->start;
		if (u->pass_credentials && !same_source(r, inside ? record : NULL)) {
			r->stop = true;
			break;
		}
		size = (uint32_t)MIN(run_end - pos, (uint64_t)io->left);
		done = ring_copy(u, io, offset, size);
		if (done < size) {
			r->error = -EFAULT;
			r->stop = true;
		}
		if (!done)
			break;
		r->copied += done;
		if (inside && record->scm && !r->scm) {
			r->scm = peek ? scm_duplicate(record->scm) : record->scm;
			if (!peek)
				record->scm = NULL;
			r->stop = true;
		}
		if (peek)
			offset += done;
		else
			ring_consume(u, done);
		if (inside && pos + done == record->end) {
			next = list_entry(record->link.next, struct unix_record, link);
			if (!peek)
				record_remove(u, record);
			record = next;
		}
	}
}

static void stream_read(struct unix_socket *u, struct uio *io, struct stream_read *r, bool peek)
{
	uint32_t size, done;

	if (unlikely(u->pass_credentials || !list_empty(&u->records))) {
		read_records(u, io, r, peek);
		return;
	}
	size = (uint32_t)MIN(io->left, (size_t)u->used);
	done = ring_copy(u, io, 0, size);
	if (done < size)
		r->error = -EFAULT;
	r->copied += done;
	if (!peek && done)
		ring_consume(u, done);
}

static bool read_ready(const struct unix_socket *u)
{
	return __atomic_load_n(&u->used, __ATOMIC_RELAXED) ||
	       (unix_shutdown_bits(u) & SHUTDOWN_READ) ||
	       __atomic_load_n(&u->error, __ATOMIC_RELAXED);
}

static long read_finish(struct unix_socket *u, struct receive_args *a, struct stream_read *r,
			bool peek)
{
	struct unix_socket *peer = unix_peer(u);
	int error;

	if (a->address && peer)
		a->address_size = unix_address_copy(
			__atomic_load_n(&peer->address, __ATOMIC_ACQUIRE), a->address);
	if (r->scm) {
		if (peek)
			scm_peek_barrier();
		else
			scm_land(r->scm);
	}
	if (a->has_header) {
		error = scm_deliver(
			a, u->pass_credentials && r->has_source ? &r->credentials : NULL, r->scm);
		if (error)
			return error;
	} else {
		scm_free(r->scm);
	}
	return (long)r->copied;
}

long unix_stream_receive(struct socket *s, struct receive_args *a)
{
	struct unix_socket *u = unix_of(s), *peer = unix_peer(u);
	bool peek = a->flags & MSG_PEEK, was_writable, now_writable;
	struct stream_read r = { .copied = 0 };
	struct uio *io = a->io;
	uint64_t deadline = 0;
	size_t target;
	long error = 0;

	if (unlikely(a->flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(u->state != UNIX_CONNECTED))
		return -EINVAL;
	target = a->flags & MSG_WAITALL ? io->left : MIN(io->left, (size_t)s->receive_low);
	target = MAX(target, (size_t)1);
	for (;;) {
		size_t before = r.copied;
		bool have;

		mutex_lock(&u->lock);
		have = u->used != 0;
		was_writable = writable(u->used, u->record_count, peer->base.send_buffer);
		if (have && io->left)
			stream_read(u, io, &r, peek);
		now_writable = writable(u->used, u->record_count, peer->base.send_buffer);
		mutex_unlock(&u->lock);
		if (!was_writable && now_writable && !wait_queue_empty(&peer->wait))
			wake(&peer->wait, POLLBIT_OUT | POLLBIT_WRNORM | POLLBIT_WRBAND);
		if (r.copied != before) {
			if (peek || r.stop || r.error || r.copied >= target)
				break;
			continue;
		}
		error = r.error;
		if (error || r.stop || r.copied >= target || (have && !io->left))
			break;
		/* Empty. Bytes that came before the end was announced are seen: the end is looked at first. */
		if (unix_shutdown_bits(u) & SHUTDOWN_READ) {
			if (__atomic_load_n(&u->used, __ATOMIC_ACQUIRE))
				continue;
			if (!r.copied)
				error = unix_take_error(u);
			break;
		}
		if (!r.copied) {
			error = unix_take_error(u);
			if (error)
				break;
		}
		if ((a->flags & MSG_DONTWAIT) || !s->receive_timeout) {
			error = -EAGAIN;
			break;
		}
		if (!deadline)
			deadline = s->receive_timeout == NEVER ? NEVER
							       : deadline_after(s->receive_timeout);
		error = WAIT_EVENT_KEY(&u->wait, POLLBIT_IN, read_ready(u), deadline);
		if (error) {
			error = socket_wait_error((int)error, s->receive_timeout);
			break;
		}
	}
	if (!r.copied && error) {
		scm_free(r.scm); /* cannot be: files come with bytes */
		return error;
	}
	if (likely(!a->address && !a->has_header && !r.scm))
		return (long)r.copied;
	return read_finish(u, a, &r, peek);
}
