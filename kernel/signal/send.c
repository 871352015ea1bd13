/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending signals, and changing what a task blocks.
 *
 * A sender puts the signal in the task's or the process's pending set, then looks who does not block it and tells one
 * such task (WORK_SIGNAL and a kick). A task that changes its mask stores it, then looks at the pending sets. Both steps
 * are sequentially consistent, so that one of the two sees the other. A signal nobody takes yet stays pending; signalfd and
 * sigtimedwait sleepers are woken through process.signal_wait for every signal.
 *
 * Locks: tree_lock -> process.lock -> sighand.lock -> signal_wait. Callers hold neither process.lock nor sighand.lock.
 */
#include "kernel/signal/signal.h"

#include <asm/errno.h>
#include <asm/resource.h>

#include "abi/platform.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal_internal.h"

void signal_notify(struct task *t, uint32_t bit)
{
	__atomic_or_fetch(&t->work, bit, __ATOMIC_SEQ_CST);
	if (t != current())
		plat_kick(t, true);
}

static bool takes(struct task *t, int sig)
{
	return t->state != TASK_DEAD && !(signal_blocked_bits(t) & SIGBIT(sig)) &&
	       !(__atomic_load_n(&t->work, __ATOMIC_RELAXED) & WORK_EXIT);
}

/* process.lock held. The caller first: no kick. Then the main task, then one that sleeps, then any. */
static struct task *choose(struct process *p, int sig)
{
	struct task *t, *found = NULL, *self = current();

	if (self->process == p && takes(self, sig))
		return self;
	list_for_each(t, &p->tasks, link) {
		if (!takes(t, sig))
			continue;
		if (t == p->leader)
			return t;
		if (!found || (found->state != TASK_SLEEPING && t->state == TASK_SLEEPING))
			found = t;
	}
	return found;
}

/* process.lock held (needed for signals to the whole process and for job control); sighand.lock held. */
static void clear_opposites(struct process *p, struct sighand *s, int sig)
{
	uint64_t set = sig == SIGCONT ? SIGNAL_SET_STOP : SIGBIT(SIGCONT);
	struct task *t;

	signal_queue_remove(s, &p->pending, set);
	list_for_each(t, &p->tasks, link)
		signal_queue_remove(s, &t->pending, set);
	if (sig == SIGCONT)
		signal_continue_locked(p, s);
}

/* process.lock held. NULL: it has ended; then nobody blocks on its behalf (process.leader may be stale). */
static struct task *main_task(struct process *p)
{
	struct task *t;

	list_for_each(t, &p->tasks, link)
		if (t == p->leader)
			return t->state == TASK_DEAD ? NULL : t;
	return NULL;
}

static uint64_t queue_limit(struct process *p)
{
	return __atomic_load_n(&p->limits[RLIMIT_SIGPENDING].current, __ATOMIC_RELAXED);
}

/*
 * target: one task, or NULL for whoever of the process takes it. sighand.lock held; process.lock too if the target is NULL
 * or the signal is about job control or SIGKILL.
 */
static int send_locked(struct process *p, struct task *target, struct sighand *s,
		       const siginfo_t *info)
{
	int sig = info->si_signo, ret;
	struct task *judge = target ? target : main_task(p), *t;
	uint32_t bit = WORK_SIGNAL;

	if (SIGBIT(sig) & (SIGNAL_SET_STOP | SIGBIT(SIGCONT)))
		clear_opposites(p, s, sig);
	if (signal_action_ignores(&s->actions[sig], sig) &&
	    !(judge && (signal_blocked_bits(judge) & SIGBIT(sig))))
		return 0;
	ret = signal_queue_add(s, queue_limit(p), target ? &target->pending : &p->pending, info);
	if (ret)
		return ret;
	if (sig == SIGKILL) {
		/*
		 * Decided here and for all, not by the first task that takes the signal: between its taking it and its saying
		 * so, the others would find nothing pending, and a waiting vfork parent would run on, beside its child. With
		 * execve under way in several tasks, the one that survives finds the signal.
		 */
		if (!p->exiting) {
			p->exit_status = SIGKILL;
			__atomic_store_n(&p->exiting, true, __ATOMIC_SEQ_CST);
			bit |= WORK_EXIT;
		}
		list_for_each(t, &p->tasks, link)
			signal_notify(t, bit);
		return 0;
	}
	t = target ? target : choose(p, sig);
	if (t && takes(t, sig))
		signal_notify(t, WORK_SIGNAL);
	return 0;
}

static bool valid(const siginfo_t *info)
{
	return info->si_signo >= 1 && info->si_signo <= SIGNAL_MAX;
}

int signal_send_process(struct process *p, const siginfo_t *info)
{
	struct sighand *s = NULL;
	struct task *t;
	int ret = 0;

	if (!valid(info))
		return -EINVAL;
	if (p->kernel_task)
		return -EPERM;
	mutex_lock(&p->lock);
	t = process_first_task(p);
	if (t)
		s = sighand_lock(t);
	if (s) {
		ret = send_locked(p, NULL, s, info);
		mutex_unlock(&s->lock);
	}
	mutex_unlock(&p->lock);
	if (s)
		wake_all(&p->signal_wait, ~0u);
	return ret;
}

/* execve may hand the identity of a task over to another one: the one that has it now, counted, or NULL if t has ended. */
static struct task *successor(struct task *t)
{
	struct task *n;

	while (t->state != TASK_DEAD) {
		n = task_find(t->tid);
		if (n && n != t)
			return n;
		if (n)
			task_put(n);
		plat_yield(); /* it is just being made known */
	}
	n = task_find(t->tid);
	if (n && (n == t || n->process != t->process)) {
		task_put(n);
		n = NULL;
	}
	return n;
}

int signal_send_task(struct task *t, const siginfo_t *info)
{
	struct process *p = t->process;
	struct sighand *s = NULL;
	bool whole;
	int ret = 0;

	if (!valid(info))
		return -EINVAL;
	if (p->kernel_task)
		return -EPERM;
	whole = SIGBIT(info->si_signo) & (SIGNAL_SET_STOP | SIGBIT(SIGCONT) | SIGBIT(SIGKILL));
	if (whole)
		mutex_lock(&p->lock);
	s = sighand_lock(t);
	if (s) {
		if (t->state != TASK_DEAD)
			ret = send_locked(p, t, s, info);
		mutex_unlock(&s->lock);
	}
	if (whole)
		mutex_unlock(&p->lock);
	if (s) {
		wake_all(&p->signal_wait, ~0u);
	} else {
		t = successor(t);
		if (t) {
			ret = signal_send_task(t, info);
			task_put(t);
		}
	}
	return ret;
}

int signal_send_group_locked(int pgid, const siginfo_t *info)
{
	struct process *p;
	int ret = -ESRCH;

	list_for_each(p, &all_processes, id_link) {
		int err;

		if (p->pgid != pgid || p->kernel_task)
			continue;
		err = signal_send_process(p, info);
		if (ret)
			ret = err;
	}
	return ret;
}

int signal_send_group(int pgid, const siginfo_t *info)
{
	int ret;

	mutex_lock(&tree_lock);
	ret = signal_send_group_locked(pgid, info);
	mutex_unlock(&tree_lock);
	return ret;
}

int signal_simple(struct process *p, int sig)
{
	siginfo_t info;

	signal_info_kernel(&info, sig, SI_KERNEL);
	return signal_send_process(p, &info);
}

int signal_current(int sig)
{
	siginfo_t info;

	signal_info_kernel(&info, sig, SI_KERNEL);
	return signal_send_task(current(), &info);
}

void signal_force_fault(int sig, int code, uintptr_t address)
{
	struct task *t = current();
	struct sighand *s = sighand_lock(t);
	struct signal_action *a;
	siginfo_t info;

	assert(s && sig >= 1 && sig < SIGNAL_FIRST_REALTIME);
	signal_info_kernel(&info, sig, code);
	if (code != SI_KERNEL)
		info.si_addr = (void *)address;
	a = &s->actions[sig];
	/* Returning to the faulting instruction would only fault again: who cannot handle it dies. */
	if ((t->blocked.bits & SIGBIT(sig)) || a->handler == HANDLER_IGNORE) {
		a->handler = HANDLER_DEFAULT;
		__atomic_and_fetch(&t->blocked.bits, ~SIGBIT(sig), __ATOMIC_SEQ_CST);
	}
	if (signal_queue_add(s, UINT64_MAX, &t->pending, &info))
		panic("standard signal %d refused", sig);
	mutex_unlock(&s->lock);
	signal_notify(t, WORK_SIGNAL);
}

/* --- masks ------------------------------------------------------------------------------------------------------- */

void signal_retarget(struct task *t, uint64_t set)
{
	struct process *p = t->process;
	struct task *other;

	mutex_lock(&p->lock);
	set &= p->pending.set.bits;
	list_for_each(other, &p->tasks, link) {
		uint64_t takes_set;

		if (!set)
			break;
		if (other == t || other->state == TASK_DEAD)
			continue;
		takes_set = set & ~signal_blocked_bits(other);
		if (!takes_set)
			continue;
		set &= ~takes_set;
		signal_notify(other, WORK_SIGNAL);
	}
	mutex_unlock(&p->lock);
}

void signal_set_blocked(struct task *t, struct sigset set)
{
	struct process *p = t->process;
	uint64_t bits = set.bits & ~SIGNAL_SET_KERNEL_ONLY, old, newly;

	old = __atomic_exchange_n(&t->blocked.bits, bits, __ATOMIC_SEQ_CST);
	newly = bits & ~old;
	if (unlikely(newly & __atomic_load_n(&p->pending.set.bits, __ATOMIC_SEQ_CST)) &&
	    p->task_count > 1)
		signal_retarget(t, newly);
	if (unlikely(signal_pending_bits(t) & ~bits))
		__atomic_or_fetch(&t->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
}

int signal_set_temporary_mask(struct uptr mask, size_t size)
{
	struct task *t = current();
	struct sigset set;
	int err;

	if (!mask.v)
		return 0;
	if (size != sizeof(set))
		return -EINVAL;
	err = get_user(set, mask);
	if (err)
		return err;
	t->saved_blocked = t->blocked;
	t->restore_blocked = true;
	signal_set_blocked(t, set);
	return 0;
}

void signal_finish_temporary_mask(long result)
{
	struct task *t = current();

	if (!t->restore_blocked)
		return;
	if (result == -EINTR || result == -ERESTARTSYS || result == -ERESTARTNOHAND ||
	    result == -ERESTARTNOINTR || result == -ERESTART_RESTARTBLOCK) {
		/* The handler runs with the temporary mask; the way out restores, whatever it finds. */
		__atomic_or_fetch(&t->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
		return;
	}
	t->restore_blocked = false;
	signal_set_blocked(t, t->saved_blocked);
}
