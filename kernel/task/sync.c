/* SPDX-License-Identifier: Apache-2.0 */
/* Locks and sleeping: see sync.h for the rules. */
#include "kernel/task/sync.h"

#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"

#define SPINS 100

void mutex_lock_slow(struct mutex *m)
{
	if (plat_info()->cpus > 1)
		for (int i = 0; i < SPINS; i++) {
			if (!mutex_locked(m) && mutex_trylock(m))
				return;
			__builtin_ia32_pause();
		}
	while (__atomic_exchange_n(&m->word, 2, __ATOMIC_ACQUIRE))
		plat_wait_word(&m->word, 2);
}

void mutex_unlock_slow(struct mutex *m)
{
	plat_wake_word(&m->word, 1);
}

void wait_queue_init(struct wait_queue *q)
{
	q->lock.word = 0;
	list_init(&q->entries);
}

static bool wake_task_entry(struct wait_entry *e, unsigned int key)
{
	(void)key;
	task_wake(e->task);
	return true;
}

void wait_entry_init(struct wait_entry *e, unsigned int key)
{
	list_init(&e->link);
	e->queue = NULL;
	e->task = current();
	e->func = wake_task_entry;
	e->key = key;
	e->exclusive = false;
}

void wait_add(struct wait_queue *q, struct wait_entry *e)
{
	mutex_lock(&q->lock);
	e->queue = q;
	list_add(&q->entries, &e->link);
	mutex_unlock(&q->lock);
}

void wait_add_exclusive(struct wait_queue *q, struct wait_entry *e)
{
	e->exclusive = true;
	mutex_lock(&q->lock);
	e->queue = q;
	list_add_tail(&q->entries, &e->link);
	mutex_unlock(&q->lock);
}

void wait_remove(struct wait_entry *e)
{
	struct wait_queue *q = e->queue;

	if (!q)
		return;
	mutex_lock(&q->lock);
	list_remove(&e->link);
	e->queue = NULL;
	mutex_unlock(&q->lock);
}

/*
 * Kicks that wait until the queue's lock is dropped: on one processor a kick is a switch to the woken task, which would
 * only run into the lock. A reference keeps the task until then. Nested wake-ups (epoll) use the outermost list.
 */
#define KICKS_MAX 8
struct kick_list {
	unsigned int count;
	struct task *tasks[KICKS_MAX];
};

static void wake_entries(struct wait_queue *q, unsigned int key, bool all)
{
	struct wait_entry *e, *next;
	struct task *me = current();
	struct kick_list kicks;
	bool outermost;

	/* The caller's change of state must be visible before we decide that nobody waits. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (wait_queue_empty(q))
		return;
	outermost = !me->kicks;
	if (outermost) {
		kicks.count = 0;
		me->kicks = &kicks;
	}
	mutex_lock(&q->lock);
	list_for_each_safe(e, next, &q->entries, link) {
		if (!(e->key & key))
			continue;
		if (e->func(e, key) && e->exclusive && !all)
			break;
	}
	mutex_unlock(&q->lock);
	if (!outermost)
		return;
	me->kicks = NULL;
	for (unsigned int i = 0; i < kicks.count; i++) {
		plat_kick(kicks.tasks[i], false);
		task_put(kicks.tasks[i]);
	}
}

void wake(struct wait_queue *q, unsigned int key)
{
	wake_entries(q, key, false);
}

void wake_all(struct wait_queue *q, unsigned int key)
{
	wake_entries(q, key, true);
}

void task_wake(struct task *t)
{
	struct kick_list *later = current()->kicks;

	if (__atomic_fetch_or(&t->work, WORK_WAKE, __ATOMIC_SEQ_CST) & WORK_WAKE)
		return;
	if (later && later->count < KICKS_MAX) {
		task_get(t);
		later->tasks[later->count++] = t;
	} else {
		plat_kick(t, false);
	}
}

void task_sleep_prepare(void)
{
	__atomic_fetch_and(&current()->work, ~(uint32_t)WORK_WAKE, __ATOMIC_SEQ_CST);
}

/*
 * A bit that no longer means anything (a signal that another task took) must be cleared, or parking would return at
 * once for ever: clear, then look again, since the sender sets the signal before the bit.
 */
static bool interrupted(struct task *t, bool killable)
{
	if (killable)
		return signal_fatal_pending(t);
	if (__atomic_load_n(&t->work, __ATOMIC_SEQ_CST) & (WORK_EXIT | WORK_STOP))
		return true;
	if (signal_pending(t))
		return true;
	__atomic_fetch_and(&t->work, ~(uint32_t)(WORK_SIGNAL | WORK_RESTART), __ATOMIC_SEQ_CST);
	if (!signal_pending(t))
		return false;
	__atomic_fetch_or(&t->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
	return true;
}

static int sleep_once(uint64_t deadline)
{
	struct task *t = current();
	int ret;

	t->state = TASK_SLEEPING;
	t->calls_slept++;
	ret = plat_park(t, deadline);
	t->state = TASK_RUNNING;
	return ret;
}

/* Bits that others set for a reason of their own, and that have nothing to do with what the task waits for. */
static void do_errands(struct task *t, uint32_t work)
{
	__atomic_fetch_and(&t->work, ~(uint32_t)(WORK_TIMER | WORK_MAPS), __ATOMIC_SEQ_CST);
	if (work & WORK_TIMER)
		time_check_cpu(t);
	if ((work & WORK_MAPS) && t->process->mm)
		mm_trim(t->process->mm);
}

int task_sleep(uint64_t deadline)
{
	struct task *t = current();

	for (;;) {
		uint32_t work = __atomic_load_n(&t->work, __ATOMIC_SEQ_CST);

		if (work & WORK_WAKE)
			return 0;
		if (work & (WORK_TIMER | WORK_MAPS)) {
			do_errands(t, work);
			continue;
		}
		if (work && interrupted(t, false))
			return -EINTR;
		if (!work && sleep_once(deadline))
			return -ETIMEDOUT;
	}
}

/*
 * Signals that do not kill stay pending in `work` and would keep plat_park from sleeping, so they are put aside for
 * the sleep and set again after it.
 */
int task_sleep_killable(uint64_t deadline)
{
	struct task *t = current();
	uint32_t aside = 0, continues = 0;
	int ret = 0;

	for (;;) {
		uint32_t work = __atomic_load_n(&t->work, __ATOMIC_SEQ_CST);

		if (work & WORK_WAKE)
			break;
		if (work && interrupted(t, true)) {
			ret = -EINTR;
			break;
		}
		if (work) {
			if (work & WORK_STOP)
				continues =
					__atomic_load_n(&t->sighand->continues, __ATOMIC_SEQ_CST);
			aside |= work;
			__atomic_fetch_and(&t->work, ~work, __ATOMIC_SEQ_CST);
			continue;
		}
		ret = sleep_once(deadline);
		if (ret)
			break;
	}
	if ((aside & WORK_STOP) &&
	    continues != __atomic_load_n(&t->sighand->continues, __ATOMIC_SEQ_CST))
		aside &= ~(uint32_t)WORK_STOP; /* a SIGCONT came meanwhile */
	if (aside)
		__atomic_fetch_or(&t->work, aside, __ATOMIC_SEQ_CST);
	return ret;
}
