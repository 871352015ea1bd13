/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks and sleeping.
 *
 * mutex: short sections; spins a little, then sleeps on its word; not recursive, not interruptible. A task never
 * sleeps in wait_* , touches user memory, or makes a blocking hostcall while it holds one (copy_in/out of resident
 * memory is allowed but may fault for long: avoid). refcount: plain atomic counter.
 *
 * wait_queue: objects that become ready wake it; tasks sleep by WAIT_EVENT, which evaluates the condition without any
 * lock of the queue held. Order: object lock, then queue lock. wake() may be called with the object's lock held.
 */
#pragma once

#include "lib/base/list.h"
#include "lib/base/types.h"

struct task;

struct mutex {
	uint32_t word; /* 0 free, 1 held, 2 held and wanted */
};

void mutex_lock_slow(struct mutex *m);
void mutex_unlock_slow(struct mutex *m);

static inline bool mutex_trylock(struct mutex *m)
{
	uint32_t zero = 0;

	return __atomic_compare_exchange_n(&m->word, &zero, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void mutex_lock(struct mutex *m)
{
	if (unlikely(!mutex_trylock(m)))
		mutex_lock_slow(m);
}

static inline void mutex_unlock(struct mutex *m)
{
	if (unlikely(__atomic_exchange_n(&m->word, 0, __ATOMIC_RELEASE) == 2))
		mutex_unlock_slow(m);
}

static inline bool mutex_locked(const struct mutex *m)
{
	return __atomic_load_n(&m->word, __ATOMIC_RELAXED) != 0;
}

struct refcount {
	uint32_t v;
};

static inline void ref_init(struct refcount *r)
{
	r->v = 1;
}

static inline void ref_get(struct refcount *r)
{
	__atomic_add_fetch(&r->v, 1, __ATOMIC_RELAXED);
}

/* For lookups that race with the last put: false if it was already zero. */
static inline bool ref_get_unless_zero(struct refcount *r)
{
	uint32_t v = __atomic_load_n(&r->v, __ATOMIC_RELAXED);

	while (v)
		if (__atomic_compare_exchange_n(&r->v, &v, v + 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

/* True if this was the last one: the caller frees. */
must_check static inline bool ref_put(struct refcount *r)
{
	return __atomic_sub_fetch(&r->v, 1, __ATOMIC_ACQ_REL) == 0;
}

/* --- sleeping ------------------------------------------------------------------------------------------------- */

struct wait_entry;
/* Called with the queue's lock held: must not sleep or take it. Returns true if it used up an exclusive wake-up. */
typedef bool wait_func(struct wait_entry *e, unsigned int key);

struct wait_queue {
	struct mutex lock;
	struct list entries; /* of wait_entry; exclusive ones at the tail */
};

struct wait_entry {
	struct list link;
	struct wait_queue *queue;
	struct task *task;
	wait_func *func;  /* default: wake the task */
	unsigned int key; /* wakes whose key has none of these bits are skipped; ~0u: all */
	bool exclusive;
};

void wait_queue_init(struct wait_queue *q);
void wait_entry_init(struct wait_entry *e, unsigned int key); /* for the calling task */
void wait_add(struct wait_queue *q, struct wait_entry *e);
void wait_add_exclusive(struct wait_queue *q, struct wait_entry *e);
void wait_remove(struct wait_entry *e); /* harmless if not on a queue */
/* key: POLL* bits that became true, or ~0u. Wakes all that are not exclusive, and one exclusive. */
void wake(struct wait_queue *q, unsigned int key);
void wake_all(struct wait_queue *q, unsigned int key); /* exclusive ones too */
static inline bool wait_queue_empty(const struct wait_queue *q)
{
	return __atomic_load_n(&q->entries.next, __ATOMIC_RELAXED) == &q->entries;
}

/*
 * The two steps of every sleep: prepare (forget earlier wake-ups), look at the condition, then sleep.
 * task_sleep: 0 woken or for no reason: look again; -ETIMEDOUT; -EINTR: a signal is pending for this task (the
 * caller turns it into -ERESTARTSYS, -ERESTARTNOHAND or -EINTR, see signal.h).
 */
void task_sleep_prepare(void);
must_check int task_sleep(uint64_t deadline);
must_check int task_sleep_killable(uint64_t deadline); /* only SIGKILL/exit interrupts */
void task_wake(struct task *t);

#define NEVER UINT64_MAX

/* 0: condition true. -ETIMEDOUT, -EINTR as task_sleep, with the condition looked at last. */
#define WAIT_EVENT_KEY(q, wake_key, condition, deadline)    \
	({                                                  \
		struct wait_entry we_;                      \
		int wr_ = 0;                                \
                                                            \
		if (!(condition)) {                         \
			wait_entry_init(&we_, (wake_key));  \
			wait_add((q), &we_);                \
			for (;;) {                          \
				task_sleep_prepare();       \
				if (condition) {            \
					wr_ = 0;            \
					break;              \
				}                           \
				if (wr_)                    \
					break;              \
				wr_ = task_sleep(deadline); \
			}                                   \
			wait_remove(&we_);                  \
		}                                           \
		wr_;                                        \
	})
#define WAIT_EVENT(q, condition, deadline) WAIT_EVENT_KEY(q, ~0u, condition, deadline)
