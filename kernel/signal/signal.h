/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Application signals. The host knows nothing of them: masks, actions, queues and frames are ours; the platform only
 * wakes or interrupts tasks. sighand.lock guards the actions and the pending queues of all tasks that share it.
 * Memory order: a sender sets pending then reads blocked; a receiver sets blocked then reads pending; both with full
 * barriers (the lock gives them).
 */
#pragma once

#include <asm/siginfo.h>
#include <asm/signal.h>

#include "kernel/task/task.h"

/* asm/signal.h's struct sigaction is libc's view: this is what the system call passes. */
struct signal_action {
	uintptr_t handler;
	uint64_t flags;
	uintptr_t restorer;
	struct sigset mask;
};
#define SIGNAL_MAX 64
#define SIGBIT(sig) (1ULL << ((sig)-1))

struct sighand {
	struct refcount refs;
	struct mutex lock;
	uint32_t queued;    /* entries in the queues it guards: against RLIMIT_SIGPENDING */
	uint32_t continues; /* SIGCONTs so far: a stop decided before one does not happen after it */
	bool continued_owed;	   /* the next task to leave its stop tells the parent */
	struct sighand *next_free; /* the memory is never anything but a sighand: see action.c */
	struct signal_action actions[SIGNAL_MAX + 1];
};

/* Results of calls that a signal interrupted; they never reach the application. As Linux's. */
#define ERESTARTSYS 512	   /* restart if SA_RESTART or no handler */
#define ERESTARTNOINTR 513 /* always restart */
#define ERESTARTNOHAND 514 /* restart only if no handler ran: pause, sigsuspend, poll, select */
#define ERESTART_RESTARTBLOCK \
	516 /* task->restart decides: nanosleep, poll, futex with relative timeouts */

/* Sending. info: si_signo, si_code, sender's pid/uid or value filled in. No permission checks in the first four. */
int signal_send_task(struct task *t, const siginfo_t *info);
int signal_send_process(struct process *p, const siginfo_t *info);
int signal_send_group(int pgid, const siginfo_t *info); /* takes tree_lock; -ESRCH if empty */
int signal_send_group_locked(int pgid, const siginfo_t *info); /* tree_lock held */
void signal_info_kernel(siginfo_t *info, int sig, int code);   /* SI_KERNEL etc., from no process */
void signal_info_user(siginfo_t *info, int sig, int code);     /* from the calling process */
int signal_simple(struct process *p, int sig);		       /* SI_KERNEL to a process */
int signal_current(int sig); /* e.g. SIGPIPE, SIGXFSZ to the calling task: SI_KERNEL */
/* A fault of the calling task: delivered even if blocked or ignored (then it kills). */
void signal_force_fault(int sig, int code, uintptr_t address);

bool signal_pending(struct task *t); /* any that is not blocked, or fatal exit under way */
/* Sets `bit` of the task's work and makes it look. */
void signal_notify(struct task *t, uint32_t bit);
bool signal_fatal_pending(struct task *t);
bool signal_is_ignored(struct process *p, int sig); /* for SIGTTIN/SIGTTOU/SIGCHLD decisions */
bool signal_is_blocked_or_ignored(struct task *t, int sig);
void signal_set_blocked(struct task *t,
			struct sigset set); /* drops KILL and STOP; re-targets shared signals */
/* For calls with a temporary mask (ppoll, pselect6, epoll_pwait, rt_sigsuspend): installed now, restored on the way out. */
int signal_set_temporary_mask(struct uptr mask,
			      size_t size); /* NULL mask: nothing to do. -EFAULT, -EINVAL */
void signal_finish_temporary_mask(
	long result); /* call at the end: restores at once unless interrupted */

/* Way out and life cycle. */
void signal_deliver(struct regs *r); /* from task_do_work: signals, stops, restarts */
struct sighand *sighand_new(void);
struct sighand *sighand_copy(struct sighand *from);
void sighand_put(struct sighand *s);
void signal_exec(struct task *t); /* handlers to default, altstack off */
/* The calling task leaves (WORK_EXIT or its own exit), still in process->tasks: hands over shared signals and completes
 * a stop that waited for it. Takes tree_lock and process.lock. */
void signal_task_exit(struct task *t);
/* From task_do_fault: repairs the fault or delivers its signal. */
void signal_fault(struct regs *r);
void signal_queue_init(struct signal_queue *q);
void signal_queue_flush(struct signal_queue *q);
/* Takes one pending signal out of `set` for signalfd/sigtimedwait: its number or 0. */
int signal_dequeue(struct task *t, struct sigset set, siginfo_t *ret_info);
struct sigset signal_pending_set(struct task *t); /* task's and process's */
