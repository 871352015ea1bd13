/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and timers. All deadlines inside the kernel are CLOCK_MONOTONIC nanoseconds; UINT64_MAX is never. */
#pragma once

#include "kernel/task/sync.h"

struct process;
struct task;

uint64_t clock_monotonic(void);	/* never goes back, whatever the host says */
uint64_t clock_realtime(void);
must_check int clock_read(int id, uint64_t *ret_ns);	/* any CLOCK_* incl. CPU clocks; -EINVAL */

struct timespec64_user {
	int64_t sec, nsec;
};
/* Relative timeout from the application: NULL pointer = NEVER. -EINVAL, -EFAULT. */
must_check int deadline_from_user(struct uptr timespec, uint64_t *ret_deadline);
uint64_t deadline_after(uint64_t ns);			/* saturating */

/* A one-shot kernel timer, run by the timer service in no particular task. fn must not sleep; it may wake and signal. */
struct timer {
	struct list link;
	uint64_t deadline;
	void (*fn)(struct timer *t);
	bool armed;
};
void timer_init(struct timer *t, void (*fn)(struct timer *t));
void timer_arm(struct timer *t, uint64_t deadline);	/* also re-arms */
bool timer_cancel(struct timer *t);	/* true if it was armed and will not run; waits for a running fn otherwise */

void time_init(void);			/* starts the timer service */
void time_process_exit(struct process *p);	/* itimers, POSIX timers */
void time_process_exec(struct process *p);	/* POSIX timers go, itimers stay */
void time_check_cpu(struct task *t);	/* WORK_TIMER: ITIMER_VIRTUAL/PROF, RLIMIT_CPU */
