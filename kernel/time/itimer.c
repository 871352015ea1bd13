/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interval timers of a process (ITIMER_REAL, VIRTUAL, PROF; alarm) and RLIMIT_CPU. Made when first used. ITIMER_REAL
 * is a kernel timer. The others depend on processor time, which is only looked at: a kernel timer runs cpu_check at
 * the soonest moment one of them can be due.
 *
 * itimers_lock guards process->itimers, which counts one reference; after exit it is ITIMERS_GONE. it->lock guards
 * the rest; signals are sent after it was dropped. Order: it->lock -> timer_lock.
 */
#include <linux/errno.h>
#include <linux/time.h>

#include <asm-generic/resource.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/time_internal.h"

#define NS_PER_SEC 1000000000ULL
#define ITIMERS_GONE ((struct itimers *)1)

struct interval_timer {
	uint64_t expiry; /* monotonic, or processor time; 0: not armed */
	uint64_t interval;
};

struct itimers {
	struct refcount refs;
	struct mutex lock;
	struct process *process;
	struct interval_timer timers[3]; /* by ITIMER_* */
	uint64_t limit_expiry;		 /* processor time of the next SIGXCPU; NEVER: none */
	struct timer real, check;
	bool closed;
};

struct itimerval_user {
	int64_t interval_sec, interval_usec, value_sec, value_usec;
};

static struct mutex itimers_lock;

struct task *time_live_task(struct process *p)
{
	struct task *t = NULL;

	mutex_lock(&p->lock);
	if (!list_empty(&p->tasks)) {
		t = list_first(&p->tasks, struct task, link);
		task_get(t);
	}
	mutex_unlock(&p->lock);
	return t;
}

uint64_t time_cpu_check_deadline(uint64_t left, bool whole)
{
	uint64_t speed = whole ? MAX(plat_info()->cpus, 1U) : 1;

	return deadline_after(MAX(left / speed, 1000000ULL));
}

uint64_t time_next_expiry(uint64_t expiry, uint64_t interval, uint64_t now, uint64_t *ret_missed)
{
	uint64_t missed = (now - expiry) / interval, next;

	if (__builtin_mul_overflow(missed + 1, interval, &next) ||
	    __builtin_add_overflow(next, expiry, &next))
		next = NEVER - 1;
	*ret_missed = missed;
	return next;
}

/* --- firing: in the timer service ------------------------------------------------------------------------------------ */

static void real_fire(struct timer *t)
{
	struct itimers *it = container_of(t, struct itimers, real);
	struct interval_timer *real = &it->timers[ITIMER_REAL];
	uint64_t now = clock_monotonic(), missed;
	bool fire = false;

	mutex_lock(&it->lock);
	if (!it->closed && real->expiry && now >= real->expiry) {
		fire = true;
		if (real->interval) {
			real->expiry = time_next_expiry(real->expiry, real->interval, now, &missed);
			timer_arm(&it->real, MAX(real->expiry, now + TIMER_INTERVAL_MIN));
		} else {
			real->expiry = 0;
		}
	}
	mutex_unlock(&it->lock);
	if (fire)
		(void)signal_simple(it->process, SIGALRM);
}

/* it->lock held. Is it due? Then it is set to its next time. *left becomes the least time until one is due. */
static bool cpu_due(struct interval_timer *c, uint64_t now, uint64_t *left)
{
	uint64_t missed;
	bool due = c->expiry && now >= c->expiry;

	if (due)
		c->expiry = c->interval ? time_next_expiry(c->expiry, c->interval, now, &missed)
					: 0;
	if (c->expiry)
		*left = MIN(*left, c->expiry - now);
	return due;
}

/* it->lock held. SIGXCPU each second from the soft limit on, SIGKILL at the hard one; 0: neither. */
static int limit_due(struct itimers *it, uint64_t now, uint64_t *left)
{
	uint64_t hard = it->process->limits[RLIMIT_CPU].max, hard_ns;
	int sig = 0;

	if (it->limit_expiry == NEVER)
		return 0;
	if (__builtin_mul_overflow(hard, NS_PER_SEC, &hard_ns))
		hard_ns = NEVER;
	if (now >= hard_ns)
		return SIGKILL;
	if (now >= it->limit_expiry) {
		sig = SIGXCPU;
		it->limit_expiry = now + NS_PER_SEC;
	}
	*left = MIN(*left, it->limit_expiry - now);
	*left = MIN(*left, hard_ns - now);
	return sig;
}

static void cpu_check(struct itimers *it)
{
	struct task *t = time_live_task(it->process);
	uint64_t user = 0, system = 0, left = NEVER;
	bool virtual = false, prof = false;
	int limit = 0;

	if (!t)
		return;
	plat_cputime(t, true, &user, &system);
	task_put(t);
	mutex_lock(&it->lock);
	if (!it->closed) {
		virtual = cpu_due(&it->timers[ITIMER_VIRTUAL], user, &left);
		prof = cpu_due(&it->timers[ITIMER_PROF], user + system, &left);
		limit = limit_due(it, user + system, &left);
		if (left != NEVER)
			timer_arm(&it->check, time_cpu_check_deadline(left, true));
	}
	mutex_unlock(&it->lock);
	if (virtual)
		(void)signal_simple(it->process, SIGVTALRM);
	if (prof)
		(void)signal_simple(it->process, SIGPROF);
	if (limit)
		(void)signal_simple(it->process, limit);
}

static void check_fire(struct timer *t)
{
	cpu_check(container_of(t, struct itimers, check));
}

/* --- life ------------------------------------------------------------------------------------------------------------- */

static void itimers_put(struct itimers *it)
{
	if (ref_put(&it->refs))
		kfree(it);
}

/* Counted. NULL: none (and not to be made), no memory, or the process has ended. */
static struct itimers *itimers_get(struct process *p, bool make)
{
	struct itimers *it, *fresh = NULL;

	for (;;) {
		mutex_lock(&itimers_lock);
		it = p->itimers;
		if (!it && fresh) {
			p->itimers = it = fresh;
			fresh = NULL;
		}
		if (it == ITIMERS_GONE)
			it = NULL;
		else if (it)
			ref_get(&it->refs);
		else if (make)
			goto alloc;
		mutex_unlock(&itimers_lock);
		kfree(fresh);
		return it;
alloc:
		mutex_unlock(&itimers_lock);
		fresh = kzalloc(sizeof(*fresh));
		if (!fresh)
			return NULL;
		ref_init(&fresh->refs);
		fresh->process = p;
		fresh->limit_expiry = NEVER;
		timer_init(&fresh->real, real_fire);
		timer_init(&fresh->check, check_fire);
	}
}

void time_process_exit(struct process *p)
{
	struct itimers *it;

	posix_timers_delete_all(p);
	mutex_lock(&itimers_lock);
	it = p->itimers;
	p->itimers = ITIMERS_GONE;
	mutex_unlock(&itimers_lock);
	if (!it || it == ITIMERS_GONE)
		return;
	mutex_lock(&it->lock);
	it->closed = true;
	mutex_unlock(&it->lock);
	timer_cancel(&it->real);
	timer_cancel(&it->check);
	itimers_put(it);
}

void time_process_exec(struct process *p)
{
	posix_timers_delete_all(p);
	time_limit_changed(p);
}

void time_limit_changed(struct process *p)
{
	uint64_t seconds = __atomic_load_n(&p->limits[RLIMIT_CPU].current, __ATOMIC_RELAXED),
		 expiry;
	uint64_t hard = __atomic_load_n(&p->limits[RLIMIT_CPU].max, __ATOMIC_RELAXED);
	bool limited = seconds != UINT64_MAX || hard != UINT64_MAX;
	struct itimers *it = itimers_get(p, limited);

	if (!it)
		return;
	/* NEVER means no limit; a limit out of reach (only the hard one may be set) is just below. */
	if (__builtin_mul_overflow(MAX(seconds, 1UL), NS_PER_SEC, &expiry) || expiry == NEVER)
		expiry = NEVER - 1;
	mutex_lock(&it->lock);
	it->limit_expiry = limited ? expiry : NEVER;
	mutex_unlock(&it->lock);
	cpu_check(it);
	itimers_put(it);
}

void time_check_cpu(struct task *t)
{
	struct itimers *it = itimers_get(t->process, false);

	if (t == current())
		posix_timers_check_thread();
	if (!it)
		return;
	cpu_check(it);
	itimers_put(it);
}

/* --- system calls -------------------------------------------------------------------------------------------------------- */

static uint64_t itimer_now(int which)
{
	uint64_t user = 0, system = 0;

	if (which == ITIMER_REAL)
		return clock_monotonic();
	plat_cputime(current(), true, &user, &system);
	return which == ITIMER_VIRTUAL ? user : user + system;
}

/* it->lock held. */
static struct interval_timer itimer_left(struct itimers *it, int which, uint64_t now)
{
	struct interval_timer left = { 0, it->timers[which].interval };
	uint64_t expiry = it->timers[which].expiry;

	if (expiry)
		left.expiry = expiry > now + 1000 ? expiry - now : 1000;
	return left;
}

static int itimer_set(int which, const struct interval_timer *value, struct interval_timer *ret_old)
{
	struct itimers *it = itimers_get(current_process(), value->expiry != 0);
	uint64_t now, expiry = 0;

	*ret_old = (struct interval_timer){ 0, 0 };
	if (!it)
		return value->expiry ? -ENOMEM : 0;
	now = itimer_now(which);
	if (value->expiry && __builtin_add_overflow(now, value->expiry, &expiry))
		expiry = NEVER - 1;
	mutex_lock(&it->lock);
	*ret_old = itimer_left(it, which, now);
	it->timers[which].expiry = expiry;
	it->timers[which].interval = value->interval;
	/* An exec'ing process may be closed by none but itself: no need to look at it->closed. */
	if (which == ITIMER_REAL)
		timer_arm(&it->real, expiry ? expiry : NEVER);
	mutex_unlock(&it->lock);
	if (which != ITIMER_REAL)
		cpu_check(it);
	itimers_put(it);
	return 0;
}

static struct itimerval_user itimerval_of(const struct interval_timer *t)
{
	return (struct itimerval_user){ (int64_t)(t->interval / NS_PER_SEC),
					(int64_t)(t->interval % NS_PER_SEC / 1000),
					(int64_t)(t->expiry / NS_PER_SEC),
					(int64_t)(t->expiry % NS_PER_SEC / 1000) };
}

long sys_getitimer(unsigned long *a)
{
	int which = (int)a[0];
	struct interval_timer left = { 0, 0 };
	struct itimerval_user value;
	struct itimers *it;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	it = itimers_get(current_process(), false);
	if (it) {
		uint64_t now = itimer_now(which);

		mutex_lock(&it->lock);
		left = itimer_left(it, which, now);
		mutex_unlock(&it->lock);
		itimers_put(it);
	}
	value = itimerval_of(&left);
	return put_user(value, UPTR(a[1]));
}

static int ns_of(int64_t sec, int64_t usec, uint64_t *ret_ns)
{
	struct timespec64_user ts = { sec, usec };

	if (sec < 0 || usec < 0 || usec >= 1000000)
		return -EINVAL;
	ts.nsec *= 1000;
	*ret_ns = timespec_to_ns(&ts);
	return 0;
}

long sys_setitimer(unsigned long *a)
{
	struct itimerval_user value = { 0, 0, 0, 0 };
	struct interval_timer set, old;
	int which = (int)a[0], ret;

	if (a[1] && get_user(value, UPTR(a[1])))
		return -EFAULT;
	if (ns_of(value.value_sec, value.value_usec, &set.expiry) ||
	    ns_of(value.interval_sec, value.interval_usec, &set.interval))
		return -EINVAL;
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	ret = itimer_set(which, &set, &old);
	if (ret || !a[2])
		return ret;
	value = itimerval_of(&old);
	return put_user(value, UPTR(a[2]));
}

long sys_alarm(unsigned long *a)
{
	struct interval_timer set = { (uint64_t)(unsigned int)a[0] * NS_PER_SEC, 0 }, old;
	int ret = itimer_set(ITIMER_REAL, &set, &old);

	if (ret)
		return ret;
	/* To the nearest second, but what is armed never looks like nothing. */
	return (long)MAX((old.expiry + NS_PER_SEC / 2) / NS_PER_SEC, (uint64_t)(old.expiry != 0));
}
