/* SPDX-License-Identifier: Apache-2.0 */
/* Between clock.c, itimer.c and posix_timer.c. */
#pragma once

#include "kernel/time/time.h"

#define TIMER_INTERVAL_MIN 20000ULL /* ns between two runs of one periodic timer, at least */

/* Some live task of the process, counted; NULL if there is none. Takes process.lock. */
struct task *time_live_task(struct process *p);
/*
 * Nobody tells us when a CPU clock reaches a value: the timer looks again at the soonest moment it can have done so, with
 * all processors (or one, for a thread's clock) at work from now on, but not more than once a millisecond.
 */
uint64_t time_cpu_check_deadline(uint64_t left, bool whole);
/* The first expiry after now of a periodic timer that was due at `expiry`; *ret_missed more were due meanwhile. */
uint64_t time_next_expiry(uint64_t expiry, uint64_t interval, uint64_t now, uint64_t *ret_missed);
void posix_timers_delete_all(struct process *p);
/* Timers on the calling task's own CPU clock. */
void posix_timers_check_thread(void);
