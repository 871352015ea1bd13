/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal actions and queues: the data, and questions about it.
 *
 * A sighand is found through a task by other tasks that hold no lock of it, and the task may replace it (execve) or
 * drop it (exit) at any moment. So the memory of a sighand is never given back for another use: freed ones wait in a list,
 * their mutex stays a mutex, and sighand_lock takes the lock and then looks whether it is still the task's.
 *
 * Invariants: 1. bit n-1 of a queue's set is on if and only if signal n is pending in it. An entry may be missing (no
 * memory, a standard signal): then the information is that of a kill by nobody. 2. A standard signal has at most one entry
 * per queue. 3. Sets are changed with atomic operations under the lock, so that they can be looked at without it.
 * Locks: tree_lock -> process.lock -> sighand.lock -> free_lock.
 */
#include "kernel/signal/signal.h"

#include <asm/errno.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal_internal.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

static struct mutex free_lock;
static struct sighand *free_sighands;

struct sighand *sighand_new(void)
{
	struct sighand *s;

	mutex_lock(&free_lock);
	s = free_sighands;
	if (s)
		free_sighands = s->next_free;
	mutex_unlock(&free_lock);
	if (!s) {
		s = kzalloc(sizeof(*s));
		if (!s)
			return NULL;
	}
	/* A late sender may hold the lock for a moment: it must find it as it was. */
	mutex_lock(&s->lock);
	memset(s->actions, 0, sizeof(s->actions));
	s->queued = 0;
	s->continues = 0;
	s->continued_owed = false;
	s->next_free = NULL;
	ref_init(&s->refs);
	mutex_unlock(&s->lock);
	return s;
}

struct sighand *sighand_copy(struct sighand *from)
{
	struct sighand *s = sighand_new();

	if (!s)
		return NULL;
	mutex_lock(&from->lock);
	memcpy(s->actions, from->actions, sizeof(s->actions));
	mutex_unlock(&from->lock);
	return s;
}

void sighand_put(struct sighand *s)
{
	if (!s || !ref_put(&s->refs))
		return;
	mutex_lock(&free_lock);
	s->next_free = free_sighands;
	free_sighands = s;
	mutex_unlock(&free_lock);
}

struct sighand *sighand_lock(struct task *t)
{
	for (;;) {
		struct sighand *s = __atomic_load_n(&t->sighand, __ATOMIC_ACQUIRE);

		if (!s)
			return NULL;
		mutex_lock(&s->lock);
		if (likely(s == __atomic_load_n(&t->sighand, __ATOMIC_ACQUIRE)))
			return s;
		mutex_unlock(&s->lock);
	}
}

void signal_queue_init(struct signal_queue *q)
{
	list_init(&q->entries);
	q->set.bits = 0;
}

void signal_queue_flush(struct signal_queue *q)
{
	struct signal_entry *e, *next;

	/* Called when nobody can send any more, or with the lock held. */
	list_for_each_safe(e, next, &q->entries, link) {
		list_remove(&e->link);
		kfree(e);
	}
	__atomic_store_n(&q->set.bits, 0, __ATOMIC_SEQ_CST);
}

/* A timer that expired again before its signal was taken: counted in the entry, not queued twice. */
static bool count_overrun(struct signal_queue *q, const siginfo_t *info)
{
	struct signal_entry *e;

	list_for_each(e, &q->entries, link) {
		siginfo_t *old = (siginfo_t *)(void *)e->info;

		if (old->si_signo == info->si_signo && old->si_code == SI_TIMER &&
		    old->si_tid == info->si_tid) {
			if (old->si_overrun < INT32_MAX)
				old->si_overrun++;
			return true;
		}
	}
	return false;
}

int signal_queue_add(struct sighand *s, uint64_t limit, struct signal_queue *q,
		     const siginfo_t *info)
{
	int sig = info->si_signo;
	bool standard = sig < SIGNAL_FIRST_REALTIME, user_only = info->si_code == SI_USER;
	struct signal_entry *e = NULL;

	if (q->set.bits & SIGBIT(sig)) {
		if (standard)
			return 0;
		if (info->si_code == SI_TIMER && count_overrun(q, info))
			return 0;
	}
	/* As Linux: a standard signal from the kernel or by kill is not refused, at worst it loses its information. */
	if (s->queued < limit || (standard && info->si_code >= 0))
		e = kmalloc(sizeof(*e));
	if (!e && !standard && !user_only)
		return -EAGAIN;
	if (e) {
		memcpy(e->info, info, sizeof(e->info));
		list_add_tail(&q->entries, &e->link);
		s->queued++;
	}
	__atomic_or_fetch(&q->set.bits, SIGBIT(sig), __ATOMIC_SEQ_CST);
	return 0;
}

static void entry_free(struct sighand *s, struct signal_entry *e)
{
	list_remove(&e->link);
	kfree(e);
	if (s->queued)
		s->queued--;
}

void signal_queue_remove(struct sighand *s, struct signal_queue *q, uint64_t set)
{
	struct signal_entry *e, *next;

	if (!(q->set.bits & set))
		return;
	list_for_each_safe(e, next, &q->entries, link) {
		const siginfo_t *info = (const siginfo_t *)(const void *)e->info;

		if (set & SIGBIT(info->si_signo))
			entry_free(s, e);
	}
	__atomic_and_fetch(&q->set.bits, ~set, __ATOMIC_SEQ_CST);
}

/* Takes `sig` out of the queue with its information; the bit stays if more of a realtime signal are queued. */
static void queue_take(struct sighand *s, struct signal_queue *q, int sig, siginfo_t *ret_info)
{
	struct signal_entry *e, *found = NULL;
	bool more = false;

	list_for_each(e, &q->entries, link) {
		const siginfo_t *info = (const siginfo_t *)(const void *)e->info;

		if (info->si_signo != sig)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = e;
	}
	memset(ret_info, 0, sizeof(*ret_info));
	if (found) {
		memcpy(ret_info, found->info, sizeof(found->info));
		entry_free(s, found);
	} else {
		ret_info->si_signo = sig;
		ret_info->si_code = SI_USER;
	}
	if (!more)
		__atomic_and_fetch(&q->set.bits, ~SIGBIT(sig), __ATOMIC_SEQ_CST);
}

int signal_dequeue_locked(struct task *t, struct sighand *s, uint64_t set, siginfo_t *ret_info)
{
	struct signal_queue *queues[2] = { &t->pending, &t->process->pending };

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t bits = queues[i]->set.bits & set;
		int sig;

		if (!bits)
			continue;
		/* Faults first: their frame must be the innermost's neighbour, with the faulting registers. */
		if (bits & SIGNAL_SET_SYNCHRONOUS)
			bits &= SIGNAL_SET_SYNCHRONOUS;
		sig = __builtin_ctzll(bits) + 1;
		queue_take(s, queues[i], sig, ret_info);
		return sig;
	}
	return 0;
}

int signal_dequeue(struct task *t, struct sigset set, siginfo_t *ret_info)
{
	struct sighand *s;
	int sig;

	if (!(signal_pending_bits(t) & set.bits))
		return 0;
	s = sighand_lock(t);
	if (!s)
		return 0;
	sig = signal_dequeue_locked(t, s, set.bits & ~SIGNAL_SET_KERNEL_ONLY, ret_info);
	mutex_unlock(&s->lock);
	if (sig && ret_info->si_code == SI_TIMER)
		time_signal_taken(ret_info);
	return sig;
}

struct sigset signal_pending_set(struct task *t)
{
	return (struct sigset){ signal_pending_bits(t) };
}

/* --- information ------------------------------------------------------------------------------------------------- */

void signal_info_kernel(siginfo_t *info, int sig, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
}

void signal_info_user(siginfo_t *info, int sig, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
	info->si_pid = current_process()->pid;
	info->si_uid = current()->cred->uid;
}

/* --- questions --------------------------------------------------------------------------------------------------- */

bool signal_fatal_pending(struct task *t)
{
	return (__atomic_load_n(&t->work, __ATOMIC_SEQ_CST) & WORK_EXIT) ||
	       (signal_pending_bits(t) & SIGBIT(SIGKILL));
}

bool signal_pending(struct task *t)
{
	uint32_t work = __atomic_load_n(&t->work, __ATOMIC_SEQ_CST);

	if (work & (WORK_EXIT | WORK_STOP))
		return true;
	if (signal_pending_bits(t) & ~signal_blocked_bits(t))
		return true;
	/*
	 * Another task took the signal this one was told of. The bit has to go, or the task would not park; a sender sets
	 * pending before the bit, so looking again afterwards misses nothing.
	 */
	if ((work & WORK_SIGNAL) && t == current()) {
		__atomic_and_fetch(&t->work, ~(uint32_t)WORK_SIGNAL, __ATOMIC_SEQ_CST);
		if (signal_pending_bits(t) & ~signal_blocked_bits(t)) {
			__atomic_or_fetch(&t->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
			return true;
		}
	}
	return false;
}

struct task *process_first_task(struct process *p)
{
	return list_empty(&p->tasks) ? NULL : list_first(&p->tasks, struct task, link);
}

bool signal_is_ignored(struct process *p, int sig)
{
	struct sighand *s = NULL;
	struct task *t;
	bool ignored = false;

	mutex_lock(&p->lock);
	t = process_first_task(p);
	if (t)
		s = sighand_lock(t);
	if (s) {
		ignored = s->actions[sig].handler == HANDLER_IGNORE;
		mutex_unlock(&s->lock);
	}
	mutex_unlock(&p->lock);
	return ignored;
}

bool signal_is_blocked_or_ignored(struct task *t, int sig)
{
	struct sighand *s;
	bool ignored;

	if (signal_blocked_bits(t) & SIGBIT(sig))
		return true;
	s = sighand_lock(t);
	if (!s)
		return true;
	ignored = s->actions[sig].handler == HANDLER_IGNORE;
	mutex_unlock(&s->lock);
	return ignored;
}

/* --- execve ------------------------------------------------------------------------------------------------------ */

void signal_exec(struct task *t)
{
	struct sighand *s = t->sighand;

	/* No longer shared with another process: execve saw to it. */
	mutex_lock(&s->lock);
	for (int sig = 1; sig <= SIGNAL_MAX; sig++) {
		struct signal_action *a = &s->actions[sig];
		bool ignore = a->handler == HANDLER_IGNORE;

		memset(a, 0, sizeof(*a));
		if (ignore)
			a->handler = HANDLER_IGNORE;
	}
	mutex_unlock(&s->lock);
	t->altstack = 0;
	t->altstack_size = 0;
	t->altstack_flags = 0;
	t->restore_blocked = false;
}
