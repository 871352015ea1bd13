/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUTEX_REQUEUE, CMP_REQUEUE and CMP_REQUEUE_PI: wake some waiters of one word and let others wait for another, without
 * waking them. With PI the second word is a lock, and the first waiter may get it at once.
 * Both buckets are locked over the whole step, so a waiter is on exactly one queue at any time.
 */
#include <asm/errno.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/task/futex_internal.h"

struct requeue {
	struct futex_key from, to;
	struct futex_bucket *b, *b2;
	uintptr_t at2;
	int wake, move;
	bool pi;
	struct futex_pi *fresh;
	struct futex_batch batch;
};

static void move_waiter(struct requeue *r, struct futex_waiter *w)
{
	w->key = r->to;
	if (r->b == r->b2)
		return;
	list_remove(&w->link);
	__atomic_sub_fetch(&r->b->count, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&r->b2->count, 1, __ATOMIC_SEQ_CST);
	list_add_tail(&r->b2->waiters, &w->link);
	__atomic_store_n(&w->bucket, r->b2, __ATOMIC_RELEASE);
}

/* How many were woken or moved, or an error with none touched (PI: -EAGAIN and -EFAULT only before the first). */
static long requeue_locked(struct requeue *r)
{
	struct futex_waiter *w, *next;
	long done = 0;
	int got;

	list_for_each_safe(w, next, &r->b->waiters, link) {
		if (done - r->wake >= r->move)
			break;
		if (!futex_key_equal(&w->key, &r->from))
			continue;
		if (r->pi != w->requeue_pi || w->pi)
			return done ? done : -EINVAL;
		if (!r->pi) {
			if (done < r->wake)
				futex_take(r->b, w, &r->batch);
			else
				move_waiter(r, w);
			done++;
			continue;
		}
		if (!futex_key_equal(&w->requeue_key, &r->to))
			return done ? done : -EINVAL;
		got = futex_pi_requeue(r->b, r->b2, w, r->at2, &r->fresh, r->move > 0, done == 0,
				       &r->batch);
		if (got < 0)
			return done ? done : got;
		done++;
	}
	return done;
}

long futex_requeue(unsigned long *a, bool private_, const uint32_t *compare, bool pi)
{
	struct requeue r = { .at2 = a[4], .wake = (int)a[2], .move = (int)a[3], .pi = pi };
	uintptr_t at = a[0];
	uint32_t value = 0;
	long ret;
	int err;

	if (r.wake < 0 || r.move < 0)
		return -EINVAL;
	if (pi && (r.wake != 1 || at == r.at2))
		return -EINVAL;
	err = futex_key_make(at, private_, &r.from);
	if (!err)
		err = futex_key_make(r.at2, private_, &r.to);
	if (err)
		return err;
	if (pi && futex_key_equal(&r.from, &r.to))
		return -EINVAL;
	if (pi) {
		r.fresh = kmalloc(sizeof(*r.fresh));
		if (!r.fresh)
			return -ENOMEM;
	}
	r.b = futex_bucket_of(&r.from);
	r.b2 = futex_bucket_of(&r.to);
	for (;;) {
		bool word_fault = false;

		futex_lock_two(r.b, r.b2);
		ret = compare ? futex_read(at, &value) : 0;
		if (ret)
			word_fault = true;
		else if (compare && value != *compare)
			ret = -EAGAIN;
		else
			ret = requeue_locked(&r);
		futex_unlock_two(r.b, r.b2);
		futex_batch_wake(&r.batch);
		if (word_fault && !futex_touch(at, false))
			continue;
		if (!word_fault && ret == -EFAULT && !futex_touch(r.at2, true))
			continue;
		if (ret == -EBUSY)
			continue; /* the lock word changed under us */
		break;
	}
	kfree(r.fresh);
	return ret;
}
