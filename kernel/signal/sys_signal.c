/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls about a task's own signals: actions, mask, alternate stack, and waiting for signals.
 * What an action, a mask or a queue is: action.c, send.c. Locks: process.lock -> sighand.lock.
 */
#include <asm/errno.h>

#include "abi/platform.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/altstack.h"
#include "kernel/signal/signal_internal.h"
#include "kernel/sys/syscall.h"
#include "kernel/time/time.h"

#define SA_EXPOSE_TAGBITS_ 0x800u
#define ACTION_FLAGS                                                                       \
	((uint64_t)(unsigned int)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | \
				  SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND |    \
				  SA_EXPOSE_TAGBITS_))

static void action_set(int sig, const struct signal_action *new_action)
{
	struct process *p = current_process();
	struct sighand *s;
	struct task *t;

	mutex_lock(&p->lock);
	s = sighand_lock(current());
	s->actions[sig] = *new_action;
	/* POSIX: setting an action that ignores drops what is pending, blocked or not. */
	if (signal_action_ignores(new_action, sig)) {
		signal_queue_remove(s, &p->pending, SIGBIT(sig));
		list_for_each(t, &p->tasks, link)
			signal_queue_remove(s, &t->pending, SIGBIT(sig));
	}
	mutex_unlock(&s->lock);
	mutex_unlock(&p->lock);
}

long sys_rt_sigaction(unsigned long *a)
{
	int sig = (int)a[0];
	struct uptr from = UPTR(a[1]), to = UPTR(a[2]);
	struct signal_action new_action, old;
	struct sighand *s;

	if (a[3] != sizeof(struct sigset))
		return -EINVAL;
	if (from.v && get_user(new_action, from))
		return -EFAULT;
	if (sig < 1 || sig > SIGNAL_MAX || (from.v && (SIGNAL_SET_KERNEL_ONLY & SIGBIT(sig))))
		return -EINVAL;
	s = sighand_lock(current());
	old = s->actions[sig];
	mutex_unlock(&s->lock);
	if (from.v) {
		new_action.flags &= ACTION_FLAGS;
		new_action.mask.bits &= ~SIGNAL_SET_KERNEL_ONLY;
		action_set(sig, &new_action);
	}
	return to.v ? copy_out(to, &old, sizeof(old)) : 0;
}

long sys_rt_sigprocmask(unsigned long *a)
{
	struct task *t = current();
	struct uptr from = UPTR(a[1]), to = UPTR(a[2]);
	struct sigset set, old = t->blocked;

	if (a[3] != sizeof(struct sigset))
		return -EINVAL;
	if (from.v) {
		if (get_user(set, from))
			return -EFAULT;
		switch ((int)a[0]) {
		case SIG_BLOCK:
			set.bits |= old.bits;
			break;
		case SIG_UNBLOCK:
			set.bits = old.bits & ~set.bits;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(t, set);
	}
	return to.v ? put_user(old, to) : 0;
}

long sys_rt_sigpending(unsigned long *a)
{
	struct task *t = current();
	struct sigset set;

	if (a[1] > sizeof(set))
		return -EINVAL;
	set.bits = signal_pending_bits(t) & t->blocked.bits;
	return copy_out(UPTR(a[0]), &set, a[1]);
}

int altstack_set(struct task *t, const struct user_altstack *stack, uintptr_t sp)
{
	unsigned int flags = (unsigned int)stack->flags, mode = flags & ~ALTSTACK_AUTODISARM;

	if (altstack_holds(t, sp))
		return -EPERM;
	if (mode != 0 && mode != ALTSTACK_ON && mode != ALTSTACK_DISABLE)
		return -EINVAL;
	if (mode == ALTSTACK_DISABLE) {
		altstack_disable(t);
		t->altstack_flags = flags;
		return 0;
	}
	if (stack->size < ALTSTACK_SIZE_MIN)
		return -ENOMEM;
	t->altstack = stack->sp;
	t->altstack_size = stack->size;
	t->altstack_flags = flags;
	return 0;
}

long sys_sigaltstack(unsigned long *a)
{
	struct task *t = current();
	uintptr_t sp = task_regs(t)->rsp;
	struct uptr from = UPTR(a[0]), to = UPTR(a[1]);
	struct user_altstack stack, old;
	int err;

	if (from.v && get_user(stack, from))
		return -EFAULT;
	altstack_get(t, &old);
	old.flags = (int32_t)(t->altstack_flags & ALTSTACK_AUTODISARM);
	if (!t->altstack_size)
		old.flags |= (int32_t)ALTSTACK_DISABLE;
	else if (altstack_holds(t, sp))
		old.flags |= (int32_t)ALTSTACK_ON;
	if (from.v) {
		err = altstack_set(t, &stack, sp);
		if (err)
			return err;
	}
	return to.v ? copy_out(to, &old, sizeof(old)) : 0;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

static void sleep_until_signal(void)
{
	for (;;) {
		task_sleep_prepare();
		if (signal_pending(current()) || task_sleep(NEVER) == -EINTR)
			return;
	}
}

long sys_pause(unsigned long *a)
{
	(void)a;
	sleep_until_signal();
	return -ERESTARTNOHAND;
}

long sys_rt_sigsuspend(unsigned long *a)
{
	int err;

	if (a[1] != sizeof(struct sigset))
		return -EINVAL;
	if (!a[0])
		return -EFAULT;
	err = signal_set_temporary_mask(UPTR(a[0]), a[1]);
	if (err)
		return err;
	sleep_until_signal();
	signal_finish_temporary_mask(-ERESTARTNOHAND);
	return -ERESTARTNOHAND;
}

long sys_rt_sigtimedwait(unsigned long *a)
{
	struct task *t = current();
	struct sigset set;
	uint64_t deadline = NEVER;
	siginfo_t info;
	int sig, err;

	if (a[3] != sizeof(set))
		return -EINVAL;
	if (get_user(set, UPTR(a[0])))
		return -EFAULT;
	err = deadline_from_user(UPTR(a[2]), &deadline);
	if (err)
		return err;
	sig = signal_dequeue(t, set, &info);
	err = sig ? 0
		  : WAIT_EVENT(&t->process->signal_wait,
			       (sig = sig ? sig : signal_dequeue(t, set, &info)) != 0, deadline);
	if (!sig)
		return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	if (a[1] && copy_out(UPTR(a[1]), &info, sizeof(info)))
		return -EFAULT;
	return sig;
}

/* Continues what task->restart describes; reached only by our own restart of a call that asked for it. */
long sys_restart_syscall(unsigned long *a);
long sys_restart_syscall(unsigned long *a)
{
	struct task *t = current();
	long (*restart)(struct task *) = t->restart;

	(void)a;
	if (!restart)
		return -EINTR;
	t->restart = NULL;
	return restart(t);
}
