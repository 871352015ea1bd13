/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of a pipe: pure data movement, for pipe.c and its unit test only. The pipe's lock is held for all of these.
 * The ring starts at 0 again whenever it becomes empty, so small traffic stays in the first page (and in one cache line).
 */
#pragma once

static uint32_t records_max(uint32_t capacity)
{
	return MAX(capacity / PIPE_BUFFER, 1U);
}

static struct pipe_record *record_last(struct pipe_records *rs)
{
	return rs->count ? &rs->r[(rs->first + rs->count - 1) % rs->max] : NULL;
}

/* Bytes that may go in now, by capacity and by number of records. */
static uint32_t ring_room(struct pipe *p, bool packet)
{
	struct pipe_records *rs = p->records;
	struct pipe_record *last;

	if (likely(!rs)) {
		/* The first packet makes a record of the stream in front of it: two must fit. */
		if (packet && p->used && records_max(p->capacity) == 1)
			return 0;
		return p->capacity - p->used;
	}
	last = record_last(rs);
	if (rs->count == rs->max && (packet || !last || last->packet))
		return 0;
	return p->capacity - p->used;
}

static bool ring_writable(struct pipe *p)
{
	return ring_room(p, p->records != NULL) >= PIPE_BUFFER;
}

/* To or from the ring at offset `at` from its head, as at most two pieces. Bytes done. */
static size_t ring_get_uio(struct pipe *p, struct uio *io, uint32_t n)
{
	uint32_t first = MIN(n, p->size - p->head);
	size_t done = uio_put(io, p->buffer + p->head, first);

	if (done == first && n > first)
		done += uio_put(io, p->buffer, n - first);
	return done;
}

static size_t ring_put_uio(struct pipe *p, struct uio *io, uint32_t n)
{
	uint32_t at = (p->head + p->used) & (p->size - 1), first = MIN(n, p->size - at);
	size_t done = uio_get(io, p->buffer + at, first);

	if (done == first && n > first)
		done += uio_get(io, p->buffer, n - first);
	return done;
}

static void ring_consume(struct pipe *p, uint32_t n)
{
	p->used -= n;
	p->head = p->used ? (p->head + n) & (p->size - 1) : 0;
}

/* Makes the ring `size` bytes large (a power of two, at least what is in it). */
static int ring_resize(struct pipe *p, uint32_t size)
{
	char *buffer = pages_alloc(size / PAGE_SIZE);
	uint32_t first;

	if (!buffer)
		return -ENOMEM;
	if (p->buffer) {
		first = MIN(p->used, p->size - p->head);
		memcpy(buffer, p->buffer + p->head, first);
		memcpy(buffer + first, p->buffer, p->used - first);
		pages_put(p->buffer, p->size / PAGE_SIZE);
	}
	p->buffer = buffer;
	p->size = size;
	p->head = 0;
	return 0;
}

static struct pipe_records *records_new(uint32_t max)
{
	struct pipe_records *rs = kmalloc(sizeof(*rs) + max * sizeof(rs->r[0]));

	if (rs) {
		rs->first = rs->count = 0;
		rs->max = max;
	}
	return rs;
}

static int ring_set_capacity(struct pipe *p, uint32_t capacity)
{
	struct pipe_records *rs = NULL, *old = p->records;

	if (p->used > capacity || (old && old->count > records_max(capacity)))
		return -EBUSY;
	if (old) {
		rs = records_new(records_max(capacity));
		if (!rs)
			return -ENOMEM;
		for (; rs->count < old->count; rs->count++)
			rs->r[rs->count] = old->r[(old->first + rs->count) % old->max];
	}
	if (p->size > capacity && ring_resize(p, capacity)) {
		kfree(rs);
		return -ENOMEM;
	}
	if (old) {
		p->records = rs;
		kfree(old);
	}
	__atomic_store_n(&p->capacity, capacity, __ATOMIC_RELAXED);
	return 0;
}

/* Room for n more bytes in the buffer, and a record if there are any. Capacity has been checked. */
static int ring_prepare(struct pipe *p, uint32_t n, bool packet)
{
	uint32_t size = p->size ? p->size : PIPE_BUFFER;

	if (packet && !p->records) {
		p->records = records_new(records_max(p->capacity));
		if (!p->records)
			return -ENOMEM;
		if (p->used)
			p->records->r[p->records->count++] = (struct pipe_record){ p->used, false };
	}
	if (likely(p->buffer && p->used + n <= p->size))
		return 0;
	/* Beyond a page, all at once: who writes that much will do so again. */
	if (p->used + n > size)
		size = p->capacity;
	return ring_resize(p, size);
}

static void ring_record(struct pipe *p, uint32_t n, bool packet)
{
	struct pipe_records *rs = p->records;
	struct pipe_record *last = record_last(rs);

	if (last && !last->packet && !packet)
		last->size += n;
	else
		rs->r[(rs->first + rs->count++) % rs->max] = (struct pipe_record){ n, packet };
}

/* n bytes in: all, or with !whole as many as the application's memory gives. Bytes, -EFAULT, -ENOMEM. */
static long ring_write(struct pipe *p, struct uio *io, uint32_t n, bool packet, bool whole)
{
	size_t done;
	int ret = ring_prepare(p, n, packet);

	if (ret)
		return ret;
	done = ring_put_uio(p, io, n);
	if (done < n && (whole || !done))
		return -EFAULT;
	p->used += (uint32_t)done;
	if (unlikely(p->records))
		ring_record(p, (uint32_t)done, packet);
	return (long)done;
}

static void record_consume(struct pipe_records *rs, uint32_t n)
{
	struct pipe_record *r = &rs->r[rs->first];

	r->size -= n;
	if (!r->size) {
		rs->first = (rs->first + 1) % rs->max;
		rs->count--;
	}
}

/* Up to a packet's end if the first is one (its rest is dropped), else all stream bytes in front. */
static long ring_read(struct pipe *p, struct uio *io)
{
	struct pipe_records *rs = p->records;
	uint32_t n = (uint32_t)MIN(io->left, (size_t)p->used), drop;
	size_t done;

	if (unlikely(rs)) {
		struct pipe_record *r = &rs->r[rs->first];

		n = MIN(n, r->size);
		done = ring_get_uio(p, io, n);
		if (!done)
			return -EFAULT;
		drop = r->packet ? r->size : (uint32_t)done;
		record_consume(rs, drop);
		ring_consume(p, drop);
		if (!rs->count) {
			p->records = NULL;
			kfree(rs);
		}
		return (long)done;
	}
	done = ring_get_uio(p, io, n);
	if (!done)
		return -EFAULT;
	ring_consume(p, (uint32_t)done);
	return (long)done;
}

/* n bytes from the front of `in` to the end of `out`, nothing consumed; both fit. */
static long ring_copy(struct pipe *in, struct pipe *out, uint32_t n)
{
	uint32_t at, piece;
	int ret;

	ret = ring_prepare(out, n, false);
	if (ret)
		return ret;
	for (uint32_t done = 0; done < n; done += piece) {
		uint32_t from = (in->head + done) & (in->size - 1);

		at = (out->head + out->used) & (out->size - 1);
		piece = MIN(n - done, in->size - from);
		piece = MIN(piece, out->size - at);
		memcpy(out->buffer + at, in->buffer + from, piece);
		out->used += piece;
		if (out->records)
			ring_record(out, piece, false);
	}
	return (long)n;
}
