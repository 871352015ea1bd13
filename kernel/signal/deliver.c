/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out: what pending signals, stops and interrupted calls do to a task before it runs its program again.
 *
 * Runs in task_do_work, with the application's registers in *r, and may not return (default actions). All signals that are
 * pending and not blocked are delivered; each handler's frame lies on the one before. The first handler decides whether
 * the interrupted call is restarted; without any the call is, and the mask of sigsuspend and its like comes back.
 * A call is restarted by going back two bytes: there is a `syscall` before every place a call returns to.
 */
#include <asm/errno.h>

#include "abi/platform.h"
#include "kernel/arch/x86/regs.h"
#include "kernel/loader/rewrite.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal_internal.h"
#include "kernel/sys/syscall.h"
#include "kernel/time/time.h"

#define NUMBER_RESTART_SYSCALL 219

static void restart_call(struct regs *r, uint64_t number)
{
	r->rax = number;
	r->rip = rewrite_resume_address(current_process()->mm, r->rip) - 2;
	r->kind = ENTRY_OTHER;
}

/* action: of the handler about to run, or NULL if none runs. */
static void finish_call(struct regs *r, const struct signal_action *action)
{
	if (r->orig_rax == NO_SYSCALL)
		return;
	switch (-(int64_t)r->rax) {
	case ERESTART_RESTARTBLOCK:
		if (action)
			r->rax = (uint64_t)-EINTR;
		else
			restart_call(r, NUMBER_RESTART_SYSCALL);
		break;
	case ERESTARTNOHAND:
		if (action)
			r->rax = (uint64_t)-EINTR;
		else
			restart_call(r, r->orig_rax);
		break;
	case ERESTARTSYS:
		if (action && !(action->flags & SA_RESTART))
			r->rax = (uint64_t)-EINTR;
		else
			restart_call(r, r->orig_rax);
		break;
	case ERESTARTNOINTR:
		restart_call(r, r->orig_rax);
		break;
	default:
		break;
	}
	r->orig_rax = NO_SYSCALL;
}

/* Takes a signal this task should act on, with the action it had at that moment. */
static int take_signal(struct task *t, siginfo_t *info, struct signal_action *action,
		       uint32_t *generation)
{
	struct sighand *s;
	int sig;

	if (!(signal_pending_bits(t) & ~signal_blocked_bits(t)))
		return 0;
	s = sighand_lock(t);
	if (!s)
		return 0;
	sig = signal_dequeue_locked(t, s, ~signal_blocked_bits(t), info);
	if (sig) {
		*action = s->actions[sig];
		*generation = s->continues;
		if (action->handler > HANDLER_IGNORE && (action->flags & SA_RESETHAND))
			s->actions[sig].handler = HANDLER_DEFAULT;
	}
	mutex_unlock(&s->lock);
	if (sig && info->si_code == SI_TIMER)
		time_signal_taken(info);
	return sig;
}

static void default_action(int sig, uint32_t generation)
{
	if (SIGNAL_SET_IGNORED & SIGBIT(sig))
		return;
	if (SIGNAL_SET_STOP & SIGBIT(sig)) {
		signal_stop_begin(sig, generation);
		return;
	}
	/* No core is ever written, so the status has no core flag. */
	process_exit(sig);
}

static void handle(struct regs *r, int sig, const struct signal_action *action,
		   const siginfo_t *info)
{
	struct task *t = current();
	struct sigset blocked = t->blocked;

	finish_call(r, action);
	if (signal_frame_push(r, sig, action, info)) {
		if (sig == SIGSEGV) {
			struct sighand *s = sighand_lock(t);

			s->actions[SIGSEGV].handler = HANDLER_DEFAULT;
			mutex_unlock(&s->lock);
		}
		signal_force_fault(SIGSEGV, SI_KERNEL, 0);
		return;
	}
	t->restore_blocked = false;
	blocked.bits |= action->mask.bits;
	if (!(action->flags & SA_NODEFER))
		blocked.bits |= SIGBIT(sig);
	signal_set_blocked(t, blocked);
}

void signal_deliver(struct regs *r)
{
	struct task *t = current();
	struct signal_action action;
	uint32_t work, generation;
	siginfo_t info;
	int sig;

	for (;;) {
		work = __atomic_fetch_and(&t->work, ~(uint32_t)(WORK_SIGNAL | WORK_RESTART),
					  __ATOMIC_SEQ_CST);
		if (work & WORK_EXIT)
			return; /* the bit is still there: task_do_work comes again, and ends this task */
		if (work & WORK_STOP) {
			signal_stop_here();
			continue;
		}
		sig = take_signal(t, &info, &action, &generation);
		if (!sig)
			break;
		if (sig == SIGKILL || action.handler == HANDLER_DEFAULT)
			default_action(sig, generation);
		else if (action.handler != HANDLER_IGNORE)
			handle(r, sig, &action, &info);
	}
	finish_call(r, NULL);
	if (t->restore_blocked) {
		t->restore_blocked = false;
		signal_set_blocked(t, t->saved_blocked);
	}
}

/* x86: page fault, and the bits of its error code. */
#define TRAP_PAGE_FAULT 14
#define FAULT_WRITE 2u
#define FAULT_FETCH 16u

void signal_fault(struct regs *r)
{
	struct task *t = current();
	int sig = t->fault_signal, code = t->fault_code;

	r->orig_rax = NO_SYSCALL;
	r->kind = ENTRY_OTHER;
	if (t->fault_trap == TRAP_PAGE_FAULT) {
		unsigned int access = t->fault_error & FAULT_FETCH   ? PLAT_EXEC
				      : t->fault_error & FAULT_WRITE ? PLAT_WRITE
								     : PLAT_READ;

		if (mm_fault(t->fault_address, access, &sig, &code))
			return;
	}
	signal_force_fault(sig, code, t->fault_address);
	signal_deliver(r);
}
