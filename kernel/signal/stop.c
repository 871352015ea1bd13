/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job control: a process stops as a whole and continues as a whole.
 *
 *   a task dequeues a stop signal -> every task of the process gets WORK_STOP -> each enters TASK_STOPPED and sleeps
 *   -> the last one sets process.stopped and tells the parent -> SIGCONT (or SIGKILL) makes all of them run again
 *
 * Who sets what. process.stop_signal: the task that begins a stop. process.stopped: set by the last task to stop, under
 * tree_lock and process.lock; cleared by whoever sends SIGCONT, under process.lock only, or by a task that leaves the stop
 * because it dies. process.stop_reported: false when stopped is set; wait4 sets it. process.continued_unreported: set by
 * the sender of SIGCONT, cleared when stopped is set, and by wait4. The parent's SIGCHLD and wake-up for a continued child
 * come from the first task to leave the stop (sighand.continued_owed), since senders may hold too many locks for it.
 * A SIGCONT between the decision to stop and the stop itself cancels it: sighand.continues.
 *
 * Locks: tree_lock -> process.lock -> sighand.lock. The parent is told with tree_lock held alone.
 */
#include "abi/platform.h"
#include "kernel/signal/signal_internal.h"
#include "kernel/task/cred.h"

static void notify_parent(struct process *p, int why)
{
	struct process *parent = p->parent;
	struct sighand *s = NULL;
	struct task *first;
	siginfo_t info;
	bool send = false;

	if (!parent)
		return;
	mutex_lock(&parent->lock);
	first = process_first_task(parent);
	if (first)
		s = sighand_lock(first);
	if (s) {
		const struct signal_action *a = &s->actions[SIGCHLD];

		send = a->handler != HANDLER_IGNORE && !(a->flags & SA_NOCLDSTOP);
		mutex_unlock(&s->lock);
	}
	mutex_unlock(&parent->lock);
	if (send) {
		signal_info_kernel(&info, SIGCHLD, why);
		info.si_pid = p->pid;
		info.si_uid = current()->cred->uid;
		info.si_status = why == CLD_CONTINUED ? SIGCONT : p->stop_signal;
		(void)signal_send_process(parent, &info);
	}
	wake_all(&parent->child_wait, ~0u);
}

/*
 * process.lock held: true if this was the last task the stop waited for. Tasks that were made after the stop began are
 * told now.
 */
static bool all_stopped(struct process *p)
{
	struct task *t;
	bool all = true, any = false;

	list_for_each(t, &p->tasks, link) {
		if (t->state == TASK_STOPPED) {
			any = true;
			continue;
		}
		if (t->state == TASK_DEAD)
			continue;
		all = false;
		if (!(__atomic_load_n(&t->work, __ATOMIC_RELAXED) & (WORK_STOP | WORK_EXIT)))
			signal_notify(t, WORK_STOP);
	}
	return all && any && !p->stopped;
}

static bool complete_stop(struct process *p)
{
	if (p->exiting || !all_stopped(p))
		return false;
	p->stopped = true;
	p->stop_reported = false;
	p->continued_unreported = false;
	return true;
}

void signal_stop_begin(int sig, uint32_t generation)
{
	struct task *self = current(), *t;
	struct process *p = self->process;
	struct sighand *s;

	mutex_lock(&tree_lock);
	if (sig != SIGSTOP && process_group_orphaned(p->pgid)) {
		mutex_unlock(&tree_lock);
		return;
	}
	mutex_lock(&p->lock);
	s = sighand_lock(self);
	if (s->continues == generation && !p->exiting && !signal_fatal_pending(self)) {
		if (!p->stopped)
			__atomic_store_n(&p->stop_signal, sig, __ATOMIC_SEQ_CST);
		list_for_each(t, &p->tasks, link)
			if (t->state != TASK_STOPPED && t->state != TASK_DEAD)
				signal_notify(t, WORK_STOP);
	}
	mutex_unlock(&s->lock);
	mutex_unlock(&p->lock);
	mutex_unlock(&tree_lock);
}

static bool still_stopped(struct task *t)
{
	return __atomic_load_n(&t->state, __ATOMIC_SEQ_CST) == TASK_STOPPED;
}

void signal_stop_here(void)
{
	struct task *t = current();
	struct process *p = t->process;
	uint32_t aside = WORK_SIGNAL;
	bool report = false;
	struct sighand *s;

	mutex_lock(&tree_lock);
	mutex_lock(&p->lock);
	if ((__atomic_fetch_and(&t->work, ~(uint32_t)WORK_STOP, __ATOMIC_SEQ_CST) & WORK_STOP) &&
	    !p->exiting && !signal_fatal_pending(t)) {
		__atomic_store_n(&t->state, TASK_STOPPED, __ATOMIC_SEQ_CST);
		report = complete_stop(p);
	}
	mutex_unlock(&p->lock);
	if (report)
		notify_parent(p, CLD_STOPPED);
	mutex_unlock(&tree_lock);

	while (still_stopped(t)) {
		/* What does not end a stop is put aside, or the task would not sleep. */
		aside |= __atomic_fetch_and(&t->work, (uint32_t)WORK_EXIT, __ATOMIC_SEQ_CST) &
			 (WORK_TIMER | WORK_MAPS);
		if (signal_fatal_pending(t) || !still_stopped(t))
			break;
		(void)plat_park(t, NEVER);
	}

	mutex_lock(&tree_lock);
	mutex_lock(&p->lock);
	if (t->state == TASK_STOPPED) {
		__atomic_store_n(&t->state, TASK_RUNNING, __ATOMIC_SEQ_CST);
		p->stopped = false;
	}
	report = false;
	s = sighand_lock(t);
	if (s->continued_owed) {
		s->continued_owed = false;
		report = !p->exiting;
	}
	mutex_unlock(&s->lock);
	mutex_unlock(&p->lock);
	if (report)
		notify_parent(p, CLD_CONTINUED);
	mutex_unlock(&tree_lock);
	__atomic_or_fetch(&t->work, aside, __ATOMIC_SEQ_CST);
}

void signal_continue_locked(struct process *p, struct sighand *s)
{
	struct task *t;

	s->continues++;
	if (p->stopped) {
		p->stopped = false;
		p->continued_unreported = true;
		s->continued_owed = true;
	}
	list_for_each(t, &p->tasks, link) {
		__atomic_and_fetch(&t->work, ~(uint32_t)WORK_STOP, __ATOMIC_SEQ_CST);
		if (t->state != TASK_STOPPED)
			continue;
		__atomic_store_n(&t->state, TASK_RUNNING, __ATOMIC_SEQ_CST);
		signal_notify(t, WORK_SIGNAL);
	}
}

void signal_task_exit(struct task *t)
{
	struct process *p = t->process;
	struct sighand *s;
	bool report = false;

	/* From here on no stop waits for this task; one that began earlier has set stop_signal. */
	__atomic_store_n(&t->state, TASK_DEAD, __ATOMIC_SEQ_CST);
	if (t->pending.set.bits) {
		s = sighand_lock(t);
		signal_queue_remove(s, &t->pending, UINT64_MAX);
		mutex_unlock(&s->lock);
	}
	if (p->task_count < 2)
		return;
	if (p->pending.set.bits)
		signal_retarget(t, UINT64_MAX);
	if (!__atomic_load_n(&p->stop_signal, __ATOMIC_SEQ_CST))
		return;
	mutex_lock(&tree_lock);
	mutex_lock(&p->lock);
	if (!p->stopped) {
		struct task *other;
		bool stopping = false;

		list_for_each(other, &p->tasks, link)
			stopping |= other->state == TASK_STOPPED;
		report = stopping && complete_stop(p);
	}
	mutex_unlock(&p->lock);
	if (report)
		notify_parent(p, CLD_STOPPED);
	mutex_unlock(&tree_lock);
}
