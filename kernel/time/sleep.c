/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nanosleep and clock_nanosleep. A sleep that a signal interrupts goes on for what is left of it when no handler ran
 * (task->restart holds the absolute end), else the time left is told and the result is EINTR. Sleeps until a time of
 * the real-time clock look at it again when they wake; sleeps on a CPU clock wake when its time may have come.
 */
#include <linux/errno.h>
#include <linux/time.h>

#include "abi/platform.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"

#define CPU_CHECK_NS 1000000ULL

/* 0, or -EINTR. */
static int sleep_until(uint64_t deadline)
{
	for (;;) {
		task_sleep_prepare();
		if (clock_monotonic() >= deadline)
			return 0;
		if (task_sleep(deadline) == -EINTR)
			return -EINTR;
	}
}

/* Until the CPU clock shows `end`: at the soonest when all processors work for it. */
static int sleep_cpu(int id, uint64_t end)
{
	uint64_t speed = MAX(plat_info()->cpus, 1U), now;
	int ret;

	for (;;) {
		ret = clock_read(id, &now);
		if (ret || now >= end)
			return ret;
		ret = sleep_until(deadline_after(MAX((end - now) / speed, CPU_CHECK_NS)));
		if (ret)
			return ret;
	}
}

/* Clocks that may jump against the monotonic one. */
static int sleep_clock(int id, uint64_t end)
{
	uint64_t now;
	int ret;

	for (;;) {
		ret = clock_read(id, &now);
		if (ret || now >= end)
			return ret;
		ret = sleep_until(deadline_after(end - now));
		if (ret)
			return ret;
	}
}

/* Relative sleeps, first time and again: args are the end (monotonic, or of the CPU clock), where to tell the rest, clock. */
static long sleep_relative(uint64_t end, struct uptr rest, int id)
{
	bool cpu = clock_is_cpu(id);
	struct task *t = current();
	struct timespec64_user ts;
	uint64_t now = 0;
	int ret = cpu ? sleep_cpu(id, end) : sleep_until(end);

	if (ret != -EINTR)
		return ret;
	if (rest.v) {
		if (!cpu)
			now = clock_monotonic();
		else if (clock_read(id, &now))
			now = end;
		if (now >= end)
			return 0;
		ts = ns_to_timespec(end - now);
		if (put_user(ts, rest))
			return -EFAULT;
	}
	t->restart_args[0] = end;
	t->restart_args[1] = rest.v;
	t->restart_args[2] = (unsigned long)id;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_restart(struct task *t)
{
	long ret = sleep_relative(t->restart_args[0], UPTR(t->restart_args[1]),
				  (int)t->restart_args[2]);

	if (ret == -ERESTART_RESTARTBLOCK)
		t->restart = sleep_restart;
	return ret;
}

static long sleep_for(const struct timespec64_user *ts, struct uptr rest, int id)
{
	uint64_t length = timespec_to_ns(ts), end;
	long ret;

	if (!clock_is_cpu(id)) {
		end = deadline_after(length);
	} else {
		ret = clock_read(id, &end);
		if (ret)
			return ret;
		if (__builtin_add_overflow(end, length, &end))
			end = NEVER;
	}
	ret = sleep_relative(end, rest, id);
	if (ret == -ERESTART_RESTARTBLOCK)
		current()->restart = sleep_restart;
	return ret;
}

long sys_nanosleep(unsigned long *a)
{
	struct timespec64_user ts;

	if (get_user(ts, UPTR(a[0])))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	return sleep_for(&ts, UPTR(a[1]), CLOCK_MONOTONIC);
}

long sys_clock_nanosleep(unsigned long *a)
{
	struct timespec64_user ts;
	int id = (int)a[0], base;
	long ret;

	ret = id == CLOCK_THREAD_CPUTIME_ID ? -EOPNOTSUPP : clock_for_timers(id, &base);
	if (ret)
		return ret;
	/* One's own thread does not run while it sleeps. */
	if (id < 0 && id & 4 && (~(id >> 3) == 0 || ~(id >> 3) == current()->tid))
		return -EINVAL;
	if (get_user(ts, UPTR(a[2])))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	if (!(a[1] & TIMER_ABSTIME))
		return sleep_for(&ts, UPTR(a[3]), clock_is_cpu(id) ? id : CLOCK_MONOTONIC);
	if (base == CLOCK_MONOTONIC)
		ret = sleep_until(timespec_to_ns(&ts));
	else if (base == CLOCK_PROCESS_CPUTIME_ID)
		ret = sleep_cpu(id, timespec_to_ns(&ts));
	else
		ret = sleep_clock(base, timespec_to_ns(&ts));
	return ret == -EINTR ? -ERESTARTNOHAND : ret;
}
