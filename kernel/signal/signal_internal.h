/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernel/signal/signal.h"

struct regs;

/* What is kept of a siginfo: all that any kind of it uses on x86-64. */
#define SIGNAL_INFO_KEPT 48
struct signal_entry {
	struct list link; /* in signal_queue.entries */
	uint64_t info[SIGNAL_INFO_KEPT / 8];
};

#define SIGNAL_SET_SYNCHRONOUS                                                                  \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | \
	 SIGBIT(SIGSYS))
#define SIGNAL_SET_STOP (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define SIGNAL_SET_IGNORED (SIGBIT(SIGCONT) | SIGBIT(SIGCHLD) | SIGBIT(SIGWINCH) | SIGBIT(SIGURG))
#define SIGNAL_SET_KERNEL_ONLY (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define SIGNAL_FIRST_REALTIME 32

#define HANDLER_DEFAULT 0UL
#define HANDLER_IGNORE 1UL

/* The task's sighand, locked, even while the task replaces it; NULL if it has none (any more). */
struct sighand *sighand_lock(struct task *t);

/* sighand.lock held for these. */
static inline bool signal_action_ignores(const struct signal_action *a, int sig)
{
	return a->handler == HANDLER_IGNORE ||
	       (a->handler == HANDLER_DEFAULT && (SIGNAL_SET_IGNORED & SIGBIT(sig)));
}
must_check int signal_queue_add(struct sighand *s, uint64_t limit, struct signal_queue *q,
				const siginfo_t *info);
void signal_queue_remove(struct sighand *s, struct signal_queue *q, uint64_t set);
int signal_dequeue_locked(struct task *t, struct sighand *s, uint64_t set, siginfo_t *ret_info);

/* The shared signals that t cannot or will not take any more: other tasks are told. process.lock not held. */
void signal_retarget(struct task *t, uint64_t set);

/* Job control: stop.c. */
void signal_stop_begin(int sig, uint32_t generation); /* current dequeued a stop signal */
void signal_stop_here(void);			      /* current has WORK_STOP */
void signal_continue_locked(struct process *p,
			    struct sighand *s);	    /* process.lock and sighand.lock held */
struct task *process_first_task(struct process *p); /* process.lock held; NULL if none is left */

/* frame.c: builds the frame and points *r at the handler. -EFAULT: does not fit, the task must get SIGSEGV. */
must_check int signal_frame_push(struct regs *r, int sig, const struct signal_action *action,
				 const siginfo_t *info);

static inline uint64_t signal_pending_bits(struct task *t)
{
	return __atomic_load_n(&t->pending.set.bits, __ATOMIC_SEQ_CST) |
	       __atomic_load_n(&t->process->pending.set.bits, __ATOMIC_SEQ_CST);
}

static inline uint64_t signal_blocked_bits(struct task *t)
{
	return __atomic_load_n(&t->blocked.bits, __ATOMIC_SEQ_CST);
}
