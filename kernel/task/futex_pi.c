/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futexes that are locks with an owner (FUTEX_LOCK_PI and relatives). There is no scheduler of ours to lend priority to, so
 * no priority is inherited; what is kept is the protocol: the word holds the owner's tid, FUTEX_WAITERS, FUTEX_OWNER_DIED;
 * the kernel hands the lock over to the waiter of highest priority, first come first served; an owner that ends loses it.
 *
 * A struct futex_pi exists for a word as long as somebody waits for it, or was given it and is on the way out. Its owner
 * links it in task->pi_held, so that the end of the owner hands over. While it exists FUTEX_WAITERS is set in the word, and
 * the owner has to unlock through us. When an owner ends the new one writes the word itself, in its own address
 * space (waiter.owner_died): until then pi->owner is the truth.
 * Locks: bucket.lock guards the list of a bucket and `users`; pi_lock (inside) guards owners and their lists.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/task/futex_internal.h"

static struct mutex pi_lock;

static struct futex_pi *pi_find(struct futex_bucket *b, const struct futex_key *key)
{
	struct futex_pi *pi = b->pis;

	while (pi && !futex_key_equal(&pi->key, key))
		pi = pi->next;
	return pi;
}

/* pi_lock held, or the pi is not yet known to anyone. False: that task has ended. */
static bool pi_set_owner(struct futex_pi *pi, struct task *owner)
{
	list_remove(&pi->held);
	pi->owner = NULL;
	if (!owner)
		return true;
	if (!owner->pi_held.next)
		return false;
	pi->owner = owner;
	list_add_tail(&owner->pi_held, &pi->held);
	return true;
}

/* Bucket lock held: one user less; the last one ends it. */
static void pi_leave(struct futex_bucket *b, struct futex_pi *pi)
{
	struct futex_pi **at = &b->pis;

	if (--pi->users)
		return;
	while (*at != pi)
		at = &(*at)->next;
	*at = pi->next;
	mutex_lock(&pi_lock);
	(void)pi_set_owner(pi, NULL);
	mutex_unlock(&pi_lock);
	kfree(pi);
}

/*
 * Bucket lock held; no pi for the key exists. Sets FUTEX_WAITERS in the word and makes *fresh the pi, owned by the task the
 * word names. 0, -EBUSY (the word changed), -EFAULT, -ESRCH, -EPERM.
 */
static int pi_attach(struct futex_bucket *b, const struct futex_key *key, uintptr_t at,
		     uint32_t word, struct futex_pi **fresh)
{
	struct futex_pi *pi = *fresh;
	uint32_t found;
	struct task *owner;
	bool alive = false;
	int err;

	err = futex_cmpxchg(at, word, word | FUTEX_WAITERS, &found);
	if (err)
		return err;
	if (found != word)
		return -EBUSY;
	owner = task_find((int)(word & FUTEX_TID_MASK));
	if (owner && owner->process->kernel_task) {
		task_put(owner);
		return -EPERM;
	}
	pi->owner = NULL;
	list_init(&pi->held);
	if (owner) {
		mutex_lock(&pi_lock);
		alive = pi_set_owner(pi, owner);
		mutex_unlock(&pi_lock);
		task_put(owner);
	}
	if (!alive) {
		/* It may have given the word up as it ended. */
		err = futex_read(at, &found);
		if (err)
			return err;
		return found == (word | FUTEX_WAITERS) ? -ESRCH : -EBUSY;
	}
	*fresh = NULL;
	pi->key = *key;
	pi->users = 0;
	pi->next = b->pis;
	b->pis = pi;
	return 0;
}

/* Higher realtime priority first; else in order of arrival. */
static void enqueue_by_priority(struct futex_bucket *b, struct futex_waiter *w)
{
	struct futex_waiter *other;

	futex_enqueue(b, w);
	if (!w->task->priority)
		return;
	list_for_each(other, &b->waiters, link) {
		if (other == w)
			return;
		if (other->pi != w->pi || other->task->priority >= w->task->priority)
			continue;
		list_remove(&w->link);
		list_insert_between(&w->link, other->link.prev, &other->link);
		return;
	}
}

static struct futex_waiter *first_waiter(struct futex_bucket *b, const struct futex_pi *pi)
{
	struct futex_waiter *w;

	list_for_each(w, &b->waiters, link)
		if (w->pi == pi)
			return w;
	return NULL;
}

/* Bucket lock held: w gets the lock. It stays a user of the pi until it has left. */
static void hand_over(struct futex_bucket *b, struct futex_pi *pi, struct futex_waiter *w,
		      bool died, struct futex_batch *batch)
{
	mutex_lock(&pi_lock);
	/* A waiter is alive: it sleeps. */
	(void)pi_set_owner(pi, w->task);
	mutex_unlock(&pi_lock);
	w->owner_died = died;
	futex_take(b, w, batch);
}

/* An ordinary waiter on the same word: the application mixes two kinds of futex. */
static bool mixed(struct futex_bucket *b, const struct futex_key *key)
{
	struct futex_waiter *w;

	list_for_each(w, &b->waiters, link)
		if (!w->pi && futex_key_equal(&w->key, key))
			return true;
	return false;
}

/*
 * Bucket lock held: 1: `tid` has the lock now; 0: wait for *ret_pi; or an error (-EBUSY: again). more: others will wait, so
 * the word must say so.
 */
static int acquire(struct futex_bucket *b, const struct futex_key *key, uintptr_t at,
		   struct task *t, struct futex_pi **fresh, bool may_acquire, bool more,
		   struct futex_pi **ret_pi)
{
	struct futex_pi *pi = pi_find(b, key);
	uint32_t word, value, found;
	int err;

	err = futex_read(at, &word);
	if (err)
		return err;
	if ((word & FUTEX_TID_MASK) == (uint32_t)t->tid || (pi && pi->owner == t))
		return -EDEADLK;
	if (mixed(b, key))
		return -EINVAL;
	if (!pi && !(word & FUTEX_TID_MASK) && may_acquire) {
		value = (word & FUTEX_OWNER_DIED) | (uint32_t)t->tid | (more ? FUTEX_WAITERS : 0);
		err = futex_cmpxchg(at, word, value, &found);
		if (err)
			return err;
		return found == word ? 1 : -EBUSY;
	}
	if (!pi) {
		err = pi_attach(b, key, at, word, fresh);
		if (err)
			return err;
		pi = pi_find(b, key);
	}
	*ret_pi = pi;
	return 0;
}

/* The lock was given to us because its owner ended: the word still names that one. */
static int write_word(struct futex_bucket *b, uintptr_t at)
{
	uint32_t word, found, value = (uint32_t)current()->tid | FUTEX_WAITERS | FUTEX_OWNER_DIED;

	for (;;) {
		int err;

		mutex_lock(&b->lock);
		err = futex_read(at, &word);
		if (!err)
			err = futex_cmpxchg(at, word, value, &found);
		mutex_unlock(&b->lock);
		if (!err && found == word)
			return 0;
		if (err && futex_touch(at, true))
			return -EFAULT;
	}
}

/*
 * After the sleep for a PI lock; slept: what futex_sleep said. Giving up and leaving the pi are one step, so a pi never has
 * users but neither waiters nor an owner.
 */
static int finish_wait(struct futex_waiter *w, uintptr_t at, int slept)
{
	struct futex_bucket *b = futex_bucket_of(&w->key);
	int err = 0;

	mutex_lock(&b->lock);
	if (w->bucket) {
		futex_dequeue(b, w);
		pi_leave(b, w->pi);
		mutex_unlock(&b->lock);
		return slept;
	}
	mutex_unlock(&b->lock);
	if (w->owner_died)
		err = write_word(b, at);
	mutex_lock(&b->lock);
	pi_leave(b, w->pi);
	mutex_unlock(&b->lock);
	return err;
}

long futex_lock_pi(uintptr_t at, bool private_, uint64_t deadline, bool try_only)
{
	struct futex_pi *fresh, *pi = NULL;
	struct futex_bucket *b;
	struct futex_waiter w;
	struct futex_key key;
	int err, got;

	err = futex_key_make(at, private_, &key);
	if (err)
		return err;
	fresh = kmalloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	b = futex_bucket_of(&key);
	for (;;) {
		mutex_lock(&b->lock);
		got = acquire(b, &key, at, current(), &fresh, true, false, &pi);
		if (!got && !try_only)
			break;
		if (!got) {
			/* Joined for the checks only. */
			pi->users++;
			pi_leave(b, pi);
		}
		mutex_unlock(&b->lock);
		if (got == -EBUSY || (got == -EFAULT && !futex_touch(at, true)))
			continue;
		kfree(fresh);
		return got == 1 ? 0 : got ? got : -EAGAIN;
	}
	futex_waiter_init(&w, &key, FUTEX_BITSET_MATCH_ANY);
	w.pi = pi;
	pi->users++;
	enqueue_by_priority(b, &w);
	mutex_unlock(&b->lock);
	kfree(fresh);
	err = finish_wait(&w, at, futex_sleep(&w, deadline));
	return err == -EINTR ? -ERESTARTNOINTR : err;
}

long futex_unlock_pi(uintptr_t at, bool private_)
{
	struct futex_batch batch = { 0 };
	struct futex_waiter *next;
	struct futex_bucket *b;
	struct futex_key key;
	struct futex_pi *pi;
	uint32_t word, found, value;
	int err;

	err = futex_key_make(at, private_, &key);
	if (err)
		return err;
	b = futex_bucket_of(&key);
	for (;;) {
		mutex_lock(&b->lock);
		err = futex_read(at, &word);
		if (err)
			goto unlock;
		pi = pi_find(b, &key);
		err = -EPERM;
		if ((word & FUTEX_TID_MASK) != (uint32_t)current()->tid)
			goto unlock;
		err = -EINVAL;
		if (mixed(b, &key) || (pi && pi->owner != current()))
			goto unlock;
		next = pi ? first_waiter(b, pi) : NULL;
		value = next ? (uint32_t)next->task->tid | FUTEX_WAITERS : 0;
		err = futex_cmpxchg(at, word, value, &found);
		if (!err && found != word)
			err = -EBUSY;
		if (!err && next)
			hand_over(b, pi, next, false, &batch);
unlock:
		mutex_unlock(&b->lock);
		futex_batch_wake(&batch);
		if (err == -EBUSY || (err == -EFAULT && !futex_touch(at, true)))
			continue;
		return err;
	}
}

int futex_pi_requeue(struct futex_bucket *from, struct futex_bucket *to, struct futex_waiter *w,
		     uintptr_t at, struct futex_pi **fresh, bool more, bool may_acquire,
		     struct futex_batch *batch)
{
	struct futex_pi *pi = NULL;
	int got = acquire(to, &w->requeue_key, at, w->task, fresh, may_acquire, more, &pi);

	if (got < 0)
		return got;
	if (got) {
		/* Owner, with nobody waiting yet: what the waiter sees is a plain wake-up with its key changed. */
		w->key = w->requeue_key;
		futex_take(from, w, batch);
		return 1;
	}
	list_remove(&w->link);
	__atomic_sub_fetch(&from->count, 1, __ATOMIC_RELAXED);
	w->key = w->requeue_key;
	w->pi = pi;
	pi->users++;
	enqueue_by_priority(to, w);
	return 0;
}

long futex_wait_requeue_pi(uintptr_t at, bool private_, uint32_t value, uint64_t deadline,
			   uint32_t bitset, uintptr_t pi_at)
{
	struct futex_key key, pi_key;
	struct futex_waiter w;
	int err;

	if (at == pi_at || !bitset)
		return -EINVAL;
	err = futex_key_make(at, private_, &key);
	if (!err)
		err = futex_key_make(pi_at, private_, &pi_key);
	if (err)
		return err;
	if (futex_key_equal(&key, &pi_key))
		return -EINVAL;
	futex_waiter_init(&w, &key, bitset);
	w.requeue_pi = true;
	w.requeue_key = pi_key;
	err = futex_enqueue_if(at, &w, value);
	if (err)
		return err;
	err = futex_sleep(&w, deadline);
	for (;;) {
		struct futex_bucket *b = __atomic_load_n(&w.bucket, __ATOMIC_ACQUIRE);

		if (!b)
			break;
		mutex_lock(&b->lock);
		if (w.bucket != b) {
			mutex_unlock(&b->lock);
			continue;
		}
		if (!w.pi) {
			/* Never moved: a timeout or a signal while waiting for the condition. */
			futex_dequeue(b, &w);
			mutex_unlock(&b->lock);
			return err == -ETIMEDOUT ? err : -ERESTARTNOINTR;
		}
		mutex_unlock(&b->lock);
		break;
	}
	if (!w.pi)
		return 0; /* got the lock when it was moved */
	err = finish_wait(&w, pi_at, err);
	/* The condition has been consumed: the call must not wait for it again. */
	return err == -EINTR ? -EAGAIN : err;
}

void futex_pi_task_exit(struct task *t)
{
	struct futex_batch batch = { 0 };

	for (;;) {
		struct futex_waiter *next = NULL;
		struct futex_bucket *b;
		struct futex_key key;
		struct futex_pi *pi;

		mutex_lock(&pi_lock);
		if (list_empty(&t->pi_held)) {
			/* From now on nobody can make this task an owner, unless it lives on (execve). */
			if (t->state == TASK_DEAD)
				t->pi_held.next = NULL;
			mutex_unlock(&pi_lock);
			return;
		}
		key = list_first(&t->pi_held, struct futex_pi, held)->key;
		mutex_unlock(&pi_lock);

		b = futex_bucket_of(&key);
		mutex_lock(&b->lock);
		pi = pi_find(b, &key);
		if (pi && pi->owner == t) {
			next = first_waiter(b, pi);
			if (next) {
				hand_over(b, pi, next, true, &batch);
			} else {
				mutex_lock(&pi_lock);
				(void)pi_set_owner(pi, NULL);
				mutex_unlock(&pi_lock);
			}
		}
		mutex_unlock(&b->lock);
		futex_batch_wake(&batch);
	}
}
