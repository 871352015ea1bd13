/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernel/task/futex.h"
#include "kernel/task/task.h"

/* Private: (mm, address). Shared memory: (mapping, offset). */
struct futex_key {
	uintptr_t object;
	uint64_t offset;
};

struct futex_pi;

struct futex_bucket {
	struct mutex lock;
	uint32_t count; /* of waiters; changed under the lock, looked at by wakers without it */
	struct list waiters;
	struct futex_pi *pis; /* lock */
};

struct futex_waiter {
	struct list link;
	struct futex_bucket
		*bucket; /* where it is queued, changed under that lock; NULL: woken, hands off */
	struct task *task;
	struct futex_key key;
	uint32_t bitset;
	/* FUTEX_LOCK_PI and what FUTEX_CMP_REQUEUE_PI made of a waiter */
	struct futex_pi *pi;
	bool requeue_pi; /* waits on an ordinary word to be moved to a PI one: requeue_key */
	bool owner_died; /* given the lock because its owner ended: the word must be written */
	struct futex_key requeue_key;
};

/* The lock state of one PI word that somebody waits for. futex_pi.c */
struct futex_pi {
	struct futex_pi *next; /* in the bucket */
	struct futex_key key;
	unsigned int users; /* waiters queued or on their way out; bucket lock */
	struct task *owner; /* pi_lock; NULL: none. Not counted: owners leave when they end */
	struct list held;   /* in owner->pi_held; pi_lock */
};

/* Tasks to wake once the bucket is unlocked. */
#define FUTEX_BATCH 16
struct futex_batch {
	unsigned int count;
	struct task *tasks[FUTEX_BATCH];
};

void futex_batch_wake(struct futex_batch *batch);
/* Bucket lock held: takes the waiter off; nothing of it may be touched any more. */
void futex_take(struct futex_bucket *b, struct futex_waiter *w, struct futex_batch *batch);

static inline bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->offset == b->offset;
}

must_check int futex_key_make(uintptr_t at, bool private_,
			      struct futex_key *ret); /* -EINVAL, -EFAULT */
struct futex_bucket *futex_bucket_of(const struct futex_key *key);
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);

/* The word at a checked address. The first two never sleep; a fault is -EFAULT: unlock, futex_touch, try again. */
must_check int futex_read(uintptr_t at, uint32_t *ret);
must_check int futex_cmpxchg(uintptr_t at, uint32_t expect, uint32_t value, uint32_t *ret_old);
must_check int futex_touch(uintptr_t at, bool write);

void futex_waiter_init(struct futex_waiter *w, const struct futex_key *key, uint32_t bitset);
/* Bucket lock held. */
void futex_enqueue(struct futex_bucket *b, struct futex_waiter *w);
void futex_dequeue(struct futex_bucket *b, struct futex_waiter *w);
/* 0: queued; -EAGAIN: the word is not `expect`; -EFAULT. */
must_check int futex_enqueue_if(uintptr_t at, struct futex_waiter *w, uint32_t expect);
/* Sleeps until taken: 0; else -ETIMEDOUT or -EINTR with the waiter possibly still queued. */
must_check int futex_sleep(struct futex_waiter *w, uint64_t deadline);
/* True if it was still queued: now it is not. False: somebody woke it. */
bool futex_unqueue(struct futex_waiter *w);

long futex_requeue(unsigned long *a, bool private_, const uint32_t *compare, bool pi);
long futex_lock_pi(uintptr_t at, bool private_, uint64_t deadline, bool try_only);
long futex_unlock_pi(uintptr_t at, bool private_);
long futex_wait_requeue_pi(uintptr_t at, bool private_, uint32_t value, uint64_t deadline,
			   uint32_t bitset, uintptr_t pi_at);
/*
 * Both bucket locks held, for CMP_REQUEUE_PI: gives the PI word to `w` (1, it was taken off `from`), or queues w for it
 * (0). -EAGAIN: the word changed, again; -EFAULT; -ESRCH, -EPERM, -EDEADLK. *fresh is used up (NULL) if needed.
 */
must_check int futex_pi_requeue(struct futex_bucket *from, struct futex_bucket *to,
				struct futex_waiter *w, uintptr_t at, struct futex_pi **fresh,
				bool more, bool may_acquire, struct futex_batch *batch);
void futex_pi_task_exit(struct task *t);
