/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and timers. All deadlines inside the kernel are CLOCK_MONOTONIC nanoseconds; UINT64_MAX is never. */
#pragma once

#include "kernel/task/sync.h"
#include "lib/base/rbtree.h"

struct process;
struct task;

uint64_t clock_monotonic(void); /* never goes back, whatever the host says */
uint64_t clock_realtime(void);
must_check int clock_read(int id, uint64_t *ret_ns); /* any CLOCK_* incl. CPU clocks; -EINVAL */
/* CPU clocks: the thread or the process that `id` measures, counted, the other NULL; or -EINVAL. */
must_check int clock_cpu_target(int id, struct task **ret_task, struct process **ret_process);
static inline bool clock_is_cpu(int id)
{
	return id < 0 || id == 2 || id == 3; /* CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID */
}
/*
 * Their time, by the kind in the id's low bits. A thread's can be read by tasks of its own process only (the host has no
 * more to offer). Zombies: what they used in all.
 */
uint64_t clock_cpu_read_task(int id, struct task *t);
uint64_t clock_cpu_read_process(int id, struct process *p);
/*
 * Clocks that alarms, timers and sleeps can run on: 0; -EINVAL no such clock; -EOPNOTSUPP; -EPERM (*_ALARM). *ret_base is
 * CLOCK_MONOTONIC, _REALTIME, _BOOTTIME, _TAI, or CLOCK_PROCESS_CPUTIME_ID for any CPU clock.
 */
must_check int clock_for_timers(int id, int *ret_base);

struct timespec64_user {
	int64_t sec, nsec;
};
struct itimerspec64_user {
	struct timespec64_user interval, value;
};
static inline bool timespec_valid(const struct timespec64_user *ts)
{
	return ts->sec >= 0 && ts->nsec >= 0 && ts->nsec < 1000000000;
}
uint64_t timespec_to_ns(const struct timespec64_user *ts); /* a valid one; saturating below NEVER */
static inline struct timespec64_user ns_to_timespec(uint64_t ns)
{
	return (struct timespec64_user){ (int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000) };
}
/* Monotonic deadline of a time of a *ret_base clock (no CPU clock), as the clocks stand now. */
uint64_t clock_deadline(int base, uint64_t time);
/* Relative timeout from the application: NULL pointer = NEVER. -EINVAL, -EFAULT. */
must_check int deadline_from_user(struct uptr timespec, uint64_t *ret_deadline);
uint64_t deadline_after(uint64_t ns); /* saturating */

/*
 * A one-shot kernel timer, run by the timer service in no particular task. fn must not sleep; it may wake and signal, arm
 * this and other timers, and free its own timer. timer_cancel waits for a running fn, so hold no lock that fn takes.
 */
struct timer {
	struct list link; /* unused */
	uint64_t deadline;
	void (*fn)(struct timer *t);
	bool armed;
	struct rb_node node;
};
void timer_init(struct timer *t, void (*fn)(struct timer *t));
void timer_arm(struct timer *t, uint64_t deadline); /* also re-arms */
bool timer_cancel(
	struct timer
		*t); /* true if it was armed and will not run; waits for a running fn otherwise */

void time_init(void);			   /* starts the timer service */
void time_process_exit(struct process *p); /* itimers, POSIX timers */
void time_process_exec(struct process *p); /* POSIX timers go, itimers stay */
/* RLIMIT_CPU of p was set or inherited: watch it. Call it from setrlimit and for a new process. */
void time_limit_changed(struct process *p);
/* A POSIX timer's signal (si_code SI_TIMER) is being taken by the calling task: sets si_overrun. No locks held. */
struct siginfo;
void time_signal_taken(struct siginfo *info);
void time_check_cpu(struct task *t); /* WORK_TIMER: ITIMER_VIRTUAL/PROF, RLIMIT_CPU */
