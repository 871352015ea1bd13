/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks. The host's are read through the platform (on Linux without a host call). Where the host is an adversary,
 * monotonic time is clamped to never go back, by one shared word; elsewhere that word would only be a contended cache line.
 * CPU clocks are the platform's accounting. Clocks cannot be set from inside.
 *
 * Encoded clock ids (pthread_getcpuclockid, clock_getcpuclockid): ~pid in the upper 29 bits, below it bit 2 for "one
 * thread" and two bits of kind: 0 user and system, 1 user, 2 what the scheduler counted; 3 is a device's clock.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/time.h>
#include <linux/timex.h>

#include "abi/platform.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "kernel/time/time_internal.h"

#define NS_PER_SEC 1000000000ULL
#define COARSE_NS 4000000 /* as a kernel of 250 ticks a second says */
#define CPU_CLOCK_THREAD 4
#define CPU_CLOCK_KIND 3
#define CPU_CLOCK_USER 1
#define CPU_CLOCK_DEVICE 3

static uint64_t monotonic_last;

uint64_t clock_monotonic(void)
{
	uint64_t now = plat_clock(CLOCK_MONOTONIC), last;

	if (likely(!(plat_info()->capabilities & PLAT_PROTECTS_FROM_HOST)))
		return now;
	last = __atomic_load_n(&monotonic_last, __ATOMIC_RELAXED);
	while (last < now)
		if (__atomic_compare_exchange_n(&monotonic_last, &last, now, true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return now;
	return last;
}

uint64_t clock_realtime(void)
{
	return plat_clock(CLOCK_REALTIME);
}

uint64_t deadline_after(uint64_t ns)
{
	uint64_t deadline;

	return __builtin_add_overflow(clock_monotonic(), ns, &deadline) ? NEVER : deadline;
}

uint64_t timespec_to_ns(const struct timespec64_user *ts)
{
	uint64_t ns;

	if (__builtin_mul_overflow((uint64_t)ts->sec, NS_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)ts->nsec, &ns))
		return NEVER - 1;
	return MIN(ns, NEVER - 1);
}

int deadline_from_user(struct uptr timespec, uint64_t *ret_deadline)
{
	struct timespec64_user ts;

	*ret_deadline = NEVER;
	if (!timespec.v)
		return 0;
	if (get_user(ts, timespec))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	*ret_deadline = deadline_after(timespec_to_ns(&ts));
	return 0;
}

uint64_t clock_deadline(int base, uint64_t time)
{
	uint64_t now;

	if (base == CLOCK_MONOTONIC || clock_read(base, &now))
		return time;
	return time > now ? deadline_after(time - now) : 0;
}

/* --- CPU clocks ---------------------------------------------------------------------------------------------------- */

int clock_cpu_target(int id, struct task **ret_task, struct process **ret_process)
{
	struct task *self = current(), *t = NULL;
	struct process *p = NULL;
	bool thread = id == CLOCK_THREAD_CPUTIME_ID || (id < 0 && id & CPU_CLOCK_THREAD);
	int pid = id < 0 ? ~(id >> 3) : 0;

	if (!clock_is_cpu(id) || (id < 0 && (id & CPU_CLOCK_KIND) == CPU_CLOCK_DEVICE))
		return -EINVAL;
	if (!pid) {
		if (thread)
			task_get(t = self);
		else
			process_get(p = self->process);
	} else if (thread) {
		/* Only those of one's own process. */
		t = task_find(pid);
		if (t && t->process != self->process) {
			task_put(t);
			t = NULL;
		}
	} else {
		p = process_find(pid);
	}
	if (!t && !p)
		return -EINVAL;
	*ret_task = t;
	*ret_process = p;
	return 0;
}

static uint64_t cpu_kind(int id, uint64_t user, uint64_t system)
{
	return id < 0 && (id & CPU_CLOCK_KIND) == CPU_CLOCK_USER ? user : user + system;
}

uint64_t clock_cpu_read_task(int id, struct task *t)
{
	uint64_t user = 0, system = 0;

	plat_cputime(t, false, &user, &system);
	return cpu_kind(id, user, system);
}

uint64_t clock_cpu_read_process(int id, struct process *p)
{
	uint64_t user = 0, system = 0;
	struct task *t = current();

	if (p == t->process) {
		plat_cputime(t, true, &user, &system);
	} else {
		t = time_live_task(p);
		if (t) {
			plat_cputime(t, true, &user, &system);
			task_put(t);
		} else {
			user = p->self_dead.user_ns;
			system = p->self_dead.system_ns;
		}
	}
	return cpu_kind(id, user, system);
}

static void cpu_target_put(struct task *t, struct process *p)
{
	if (t)
		task_put(t);
	if (p)
		process_put(p);
}

static int cpu_read(int id, uint64_t *ret_ns)
{
	struct process *p;
	struct task *t;
	int ret = clock_cpu_target(id, &t, &p);

	if (ret)
		return ret;
	*ret_ns = t ? clock_cpu_read_task(id, t) : clock_cpu_read_process(id, p);
	cpu_target_put(t, p);
	return 0;
}

int clock_read(int id, uint64_t *ret_ns)
{
	switch (id) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
		*ret_ns = clock_monotonic();
		return 0;
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
		*ret_ns = clock_realtime();
		return 0;
	case CLOCK_BOOTTIME_ALARM:
		id = CLOCK_BOOTTIME;
		__attribute__((fallthrough));
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		*ret_ns = plat_clock(id);
		return 0;
	default:
		return cpu_read(id, ret_ns);
	}
}

int clock_for_timers(int id, int *ret_base)
{
	struct process *p;
	struct task *t;
	int ret;

	switch (id) {
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!capable(CAP_WAKE_ALARM))
			return -EPERM;
		*ret_base = id == CLOCK_REALTIME_ALARM ? CLOCK_REALTIME : CLOCK_BOOTTIME;
		return 0;
	case CLOCK_REALTIME:
	case CLOCK_TAI:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		*ret_base = id;
		return 0;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_REALTIME_COARSE:
		return -EOPNOTSUPP;
	default:
		ret = clock_cpu_target(id, &t, &p);
		if (ret)
			return ret;
		cpu_target_put(t, p);
		*ret_base = CLOCK_PROCESS_CPUTIME_ID;
		return 0;
	}
}

/* --- system calls -------------------------------------------------------------------------------------------------- */

long sys_clock_gettime(unsigned long *a)
{
	struct timespec64_user ts;
	uint64_t ns;
	int ret = clock_read((int)a[0], &ns);

	if (ret)
		return ret;
	ts = ns_to_timespec(ns);
	return put_user(ts, UPTR(a[1]));
}

long sys_clock_getres(unsigned long *a)
{
	struct timespec64_user ts = { 0, 1 };
	int id = (int)a[0];
	uint64_t ns;

	if (id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE)
		ts.nsec = COARSE_NS;
	else if (clock_read(id, &ns))
		return -EINVAL;
	return a[1] ? put_user(ts, UPTR(a[1])) : 0;
}

long sys_clock_settime(unsigned long *a)
{
	struct timespec64_user ts;
	uint64_t ns;
	int id = (int)a[0];

	if (id != CLOCK_REALTIME && (!clock_is_cpu(id) || clock_read(id, &ns)))
		return -EINVAL;
	if (get_user(ts, UPTR(a[1])))
		return -EFAULT;
	if (id == CLOCK_REALTIME && !timespec_valid(&ts))
		return -EINVAL;
	return -EPERM;
}

long sys_gettimeofday(unsigned long *a)
{
	int32_t zone[2] = { 0, 0 };
	int64_t tv[2];
	uint64_t now;

	if (a[0]) {
		now = clock_realtime();
		tv[0] = (int64_t)(now / NS_PER_SEC);
		tv[1] = (int64_t)(now % NS_PER_SEC / 1000);
		if (copy_out(UPTR(a[0]), tv, sizeof(tv)))
			return -EFAULT;
	}
	return a[1] ? copy_out(UPTR(a[1]), zone, sizeof(zone)) : 0;
}

long sys_settimeofday(unsigned long *a)
{
	int32_t zone[2];
	int64_t tv[2];

	if (a[0]) {
		if (copy_in(tv, UPTR(a[0]), sizeof(tv)))
			return -EFAULT;
		if (tv[1] < 0 || tv[1] > 1000000)
			return -EINVAL;
	}
	if (a[1] && copy_in(zone, UPTR(a[1]), sizeof(zone)))
		return -EFAULT;
	if (a[0] && (tv[0] < 0 || tv[1] == 1000000))
		return -EINVAL;
	return -EPERM;
}

long sys_time(unsigned long *a)
{
	int64_t now = (int64_t)(clock_realtime() / NS_PER_SEC);

	if (a[0] && put_user(now, UPTR(a[0])))
		return -EFAULT;
	return now;
}

/* Who asks is told of a clock that nobody disciplines; nothing can be changed. */
static long adjust(struct uptr at)
{
	struct timex tx;
	uint64_t now;

	if (get_user(tx, at))
		return -EFAULT;
	if (tx.modes)
		return -EPERM;
	tx = (struct timex){ 0 };
	now = clock_realtime();
	tx.maxerror = tx.esterror = 16000000;
	tx.status = STA_UNSYNC;
	tx.constant = 2;
	tx.precision = 1;
	tx.tolerance = 32768000;
	tx.tick = 10000;
	tx.time.tv_sec = (long)(now / NS_PER_SEC);
	tx.time.tv_usec = (long)(now % NS_PER_SEC / 1000);
	return put_user(tx, at) ? -EFAULT : TIME_ERROR;
}

long sys_adjtimex(unsigned long *a)
{
	return adjust(UPTR(a[0]));
}

/* What libc's adjtimex calls. */
long sys_clock_adjtime(unsigned long *a)
{
	struct timex tx;

	if ((int)a[0] == CLOCK_REALTIME)
		return adjust(UPTR(a[1]));
	if (get_user(tx, UPTR(a[1])))
		return -EFAULT;
	switch ((int)a[0]) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}
