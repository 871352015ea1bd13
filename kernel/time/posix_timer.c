/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX timers (timer_create and friends). A timer is on its process's list (process.lock, in order of ids) and counted:
 * one for the list, one for each call at work on it. pt->lock guards its state. It fires in the timer service; timers on CPU
 * clocks look at the clock there (of one thread: that thread looks) and come back later if it is too early.
 *
 * One signal at a time: what expires while the timer's signal is still pending is counted as overrun, and told when the
 * signal is taken (time_signal_taken), or by timer_getoverrun. Deleting waits until the service is done with the timer, so
 * process and target need no references there. Order: pt->lock -> process.lock, timer_lock.
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

#define TIMERS_MAX 65536U
#define THREAD_CHECK_NS \
	10000000ULL /* a thread that was told to look, or sleeps: look after it again */

struct posix_timer {
	struct list link;
	struct refcount refs;
	struct mutex lock;
	int id, clock, base;
	int notify, signal; /* SIGEV_* */
	uint64_t value;	    /* sigev_value */
	struct process *process;
	struct task *target;	    /* SIGEV_THREAD_ID: counted */
	struct process *measured;   /* CPU clock of a whole process: counted */
	struct task *measured_task; /* CPU clock of a thread: counted */
	struct timer timer;
	uint64_t expiry; /* monotonic, or of the CPU clock; 0: not armed */
	uint64_t interval;
	uint64_t overrun; /* since the signal was sent */
	int overrun_told;
	bool sent, deleted;
};

static bool timer_is_cpu(const struct posix_timer *pt)
{
	return pt->base == CLOCK_PROCESS_CPUTIME_ID;
}

static void posix_timer_put(struct posix_timer *pt)
{
	if (!ref_put(&pt->refs))
		return;
	if (pt->target)
		task_put(pt->target);
	if (pt->measured_task)
		task_put(pt->measured_task);
	if (pt->measured)
		process_put(pt->measured);
	kfree(pt);
}

static uint64_t timer_now(struct posix_timer *pt)
{
	if (!timer_is_cpu(pt))
		return clock_monotonic();
	return pt->measured ? clock_cpu_read_process(pt->clock, pt->measured)
			    : clock_cpu_read_task(pt->clock, pt->measured_task);
}

/* pt->lock held: the kernel timer follows expiry. */
static void timer_follow(struct posix_timer *pt, uint64_t now, uint64_t not_before)
{
	uint64_t deadline = pt->expiry;

	if (!pt->expiry || pt->notify == SIGEV_NONE)
		deadline = NEVER;
	else if (timer_is_cpu(pt))
		deadline = time_cpu_check_deadline(pt->expiry > now ? pt->expiry - now : 0,
						   pt->measured != NULL);
	timer_arm(&pt->timer, MAX(deadline, not_before));
}

/* pt->lock held. Was our signal sent and not yet taken? */
static bool signal_still_pending(struct posix_timer *pt)
{
	struct task *t = pt->target;
	bool pending = false;

	if (!pt->sent)
		return false;
	if (!t)
		t = time_live_task(pt->process);
	if (t) {
		pending = signal_pending_set(t).bits & SIGBIT(pt->signal);
		if (t != pt->target)
			task_put(t);
	}
	return pending;
}

static int overrun_clamped(uint64_t overrun)
{
	return (int)MIN(overrun, (uint64_t)INT32_MAX);
}

/*
 * The service cannot read the clock of an application's thread. It makes the thread look itself, if it runs: while it
 * sleeps its clock stands still.
 */
static void thread_look(struct posix_timer *pt)
{
	struct task *t = pt->measured_task;
	enum task_state state = __atomic_load_n(&t->state, __ATOMIC_RELAXED);

	mutex_lock(&pt->lock);
	if (pt->deleted || !pt->expiry || state == TASK_DEAD) {
		mutex_unlock(&pt->lock);
		return;
	}
	timer_arm(&pt->timer, deadline_after(THREAD_CHECK_NS));
	mutex_unlock(&pt->lock);
	if (state == TASK_RUNNING) {
		__atomic_fetch_or(&t->work, WORK_TIMER, __ATOMIC_SEQ_CST);
		plat_kick(t, true);
	}
}

/* Sends the signal if it is due, and arms the timer for the next time. */
static void posix_timer_run(struct posix_timer *pt)
{
	uint64_t now, missed = 0;
	siginfo_t info;

	mutex_lock(&pt->lock);
	if (pt->deleted || !pt->expiry) {
		mutex_unlock(&pt->lock);
		return;
	}
	now = timer_now(pt);
	if (now < pt->expiry) {
		timer_follow(pt, now, 0);
		mutex_unlock(&pt->lock);
		return;
	}
	pt->expiry = pt->interval ? time_next_expiry(pt->expiry, pt->interval, now, &missed) : 0;
	timer_follow(pt, now, deadline_after(TIMER_INTERVAL_MIN));
	if (signal_still_pending(pt)) {
		pt->overrun += missed + 1;
	} else {
		pt->overrun = missed;
		pt->sent = true;
	}
	mutex_unlock(&pt->lock);
	if (pt->notify == SIGEV_NONE)
		return;
	signal_info_kernel(&info, pt->signal, SI_TIMER);
	info.si_tid = pt->id;
	info.si_overrun = overrun_clamped(missed);
	info.si_ptr = (void *)pt->value;
	/* Sent again while pending: the queue counts it as an overrun, too. */
	if (pt->target)
		(void)signal_send_task(pt->target, &info);
	else
		(void)signal_send_process(pt->process, &info);
}

static void posix_timer_fire(struct timer *kt)
{
	struct posix_timer *pt = container_of(kt, struct posix_timer, timer);

	if (pt->measured_task)
		thread_look(pt);
	else
		posix_timer_run(pt);
}

void posix_timers_check_thread(void)
{
	struct process *p = current_process();
	struct posix_timer *pt, *found;
	int last = -1;

	do {
		found = NULL;
		mutex_lock(&p->lock);
		list_for_each(pt, &p->timers, link)
			if (pt->id > last && pt->measured_task == current()) {
				ref_get(&pt->refs);
				found = pt;
				break;
			}
		mutex_unlock(&p->lock);
		if (found) {
			last = found->id;
			posix_timer_run(found);
			posix_timer_put(found);
		}
	} while (found);
}

/* --- finding and deleting ------------------------------------------------------------------------------------------------ */

/* Counted; NULL: no such timer of this process. */
static struct posix_timer *timer_find(int id)
{
	struct process *p = current_process();
	struct posix_timer *pt, *found = NULL;

	mutex_lock(&p->lock);
	list_for_each(pt, &p->timers, link)
		if (pt->id == id) {
			ref_get(&pt->refs);
			found = pt;
			break;
		}
	mutex_unlock(&p->lock);
	return found;
}

/* Off the list already. Drops the list's reference. */
static void timer_destroy(struct posix_timer *pt)
{
	mutex_lock(&pt->lock);
	pt->deleted = true;
	pt->expiry = 0;
	mutex_unlock(&pt->lock);
	timer_cancel(&pt->timer);
	posix_timer_put(pt);
}

void posix_timers_delete_all(struct process *p)
{
	struct posix_timer *pt;

	for (;;) {
		pt = NULL;
		mutex_lock(&p->lock);
		if (!list_empty(&p->timers)) {
			pt = list_first(&p->timers, struct posix_timer, link);
			list_remove(&pt->link);
		}
		mutex_unlock(&p->lock);
		if (!pt)
			return;
		timer_destroy(pt);
	}
}

void time_signal_taken(struct siginfo *info)
{
	struct posix_timer *pt;

	if (info->si_code != SI_TIMER)
		return;
	pt = timer_find(info->si_tid);
	if (!pt)
		return;
	mutex_lock(&pt->lock);
	if (pt->sent) {
		info->si_overrun = pt->overrun_told = overrun_clamped(pt->overrun);
		pt->overrun = 0;
		pt->sent = false;
	}
	mutex_unlock(&pt->lock);
	posix_timer_put(pt);
}

/* --- timer_create ---------------------------------------------------------------------------------------------------------- */

static int timer_set_clock(struct posix_timer *pt, int clock)
{
	int ret;

	pt->clock = clock;
	ret = clock_for_timers(clock, &pt->base);
	if (ret || !timer_is_cpu(pt))
		return ret;
	return clock_cpu_target(clock, &pt->measured_task, &pt->measured);
}

static int timer_set_event(struct posix_timer *pt, const struct sigevent *ev)
{
	pt->notify = ev->sigev_notify;
	pt->signal = ev->sigev_signo;
	pt->value = (uintptr_t)ev->sigev_value.sival_ptr;
	switch (pt->notify) {
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
		pt->target = task_find(ev->sigev_notify_thread_id);
		if (!pt->target || pt->target->process != pt->process)
			return -EINVAL;
		__attribute__((fallthrough));
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		return pt->signal > 0 && pt->signal <= SIGNAL_MAX ? 0 : -EINVAL;
	case SIGEV_NONE:
		return 0;
	default:
		return -EINVAL;
	}
}

/* Gives it the next id and puts it on the list. */
static int timer_enlist(struct posix_timer *pt, bool value_is_id)
{
	struct process *p = pt->process;
	unsigned int count = 0;
	struct posix_timer *other;
	int ret = 0;

	mutex_lock(&p->lock);
	list_for_each(other, &p->timers, link)
		count++;
	pt->id = count ? list_entry(p->timers.prev, struct posix_timer, link)->id : -1;
	if (count >= TIMERS_MAX || count >= p->limits[RLIMIT_SIGPENDING].current ||
	    pt->id == INT32_MAX) {
		ret = -EAGAIN;
	} else {
		pt->id++;
		if (value_is_id)
			pt->value = (unsigned int)pt->id;
		list_add_tail(&p->timers, &pt->link);
		ref_get(&pt->refs);
	}
	mutex_unlock(&p->lock);
	return ret;
}

/* Takes it off its list, unless somebody did: then they destroy it. */
static void timer_delist(struct posix_timer *pt)
{
	struct process *p = pt->process;
	bool listed;

	mutex_lock(&p->lock);
	listed = !list_empty(&pt->link);
	list_remove(&pt->link);
	mutex_unlock(&p->lock);
	if (listed)
		timer_destroy(pt);
}

long sys_timer_create(unsigned long *a)
{
	struct sigevent ev = { 0 };
	struct posix_timer *pt;
	long ret;

	pt = kzalloc(sizeof(*pt));
	if (!pt)
		return -EAGAIN;
	ref_init(&pt->refs);
	list_init(&pt->link);
	timer_init(&pt->timer, posix_timer_fire);
	pt->process = current_process();
	ret = timer_set_clock(pt, (int)a[0]);
	if (ret)
		goto out;
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = SIGALRM;
	ret = a[1] ? get_user(ev, UPTR(a[1])) : 0;
	if (!ret)
		ret = timer_set_event(pt, &ev);
	if (!ret)
		ret = timer_enlist(pt, !a[1]);
	if (ret)
		goto out;
	ret = put_user(pt->id, UPTR(a[2]));
	if (ret)
		timer_delist(pt);
out:
	posix_timer_put(pt);
	return ret;
}

/* --- the other calls --------------------------------------------------------------------------------------------------------- */

/* pt->lock held. */
static struct itimerspec64_user timer_left(struct posix_timer *pt, uint64_t now)
{
	uint64_t left = 0;

	if (pt->expiry > now) {
		left = pt->expiry - now;
	} else if (pt->expiry) {
		/* Due, but its turn has not come: not yet over. Without a signal nobody ever moves it on. */
		if (pt->interval)
			left = pt->interval - (now - pt->expiry) % pt->interval;
		else
			left = pt->notify == SIGEV_NONE ? 0 : 1;
	}
	return (struct itimerspec64_user){ ns_to_timespec(pt->interval), ns_to_timespec(left) };
}

/* pt->lock held. */
static void timer_set(struct posix_timer *pt, const struct itimerspec64_user *set, bool absolute,
		      uint64_t now)
{
	uint64_t value = timespec_to_ns(&set->value), expiry;

	pt->overrun = 0;
	pt->sent = false;
	pt->interval = 0;
	if (!set->value.sec && !set->value.nsec) {
		pt->expiry = 0;
	} else {
		if (!absolute)
			expiry = __builtin_add_overflow(now, value, &expiry) ? NEVER - 1 : expiry;
		else
			expiry = timer_is_cpu(pt) ? value : clock_deadline(pt->base, value);
		pt->expiry = MAX(expiry, 1UL);
		pt->interval = timespec_to_ns(&set->interval);
	}
	timer_follow(pt, now, 0);
}

long sys_timer_settime(unsigned long *a)
{
	struct itimerspec64_user set, old;
	struct posix_timer *pt;
	uint64_t now;
	long ret = 0;

	if (!a[2])
		return -EINVAL;
	if (get_user(set, UPTR(a[2])))
		return -EFAULT;
	if (!timespec_valid(&set.value) || !timespec_valid(&set.interval))
		return -EINVAL;
	pt = timer_find((int)a[0]);
	if (!pt)
		return -EINVAL;
	mutex_lock(&pt->lock);
	if (pt->deleted) {
		ret = -EINVAL;
	} else {
		now = timer_now(pt);
		old = timer_left(pt, now);
		timer_set(pt, &set, a[1] & TIMER_ABSTIME, now);
	}
	mutex_unlock(&pt->lock);
	posix_timer_put(pt);
	if (!ret && a[3])
		ret = put_user(old, UPTR(a[3]));
	return ret;
}

long sys_timer_gettime(unsigned long *a)
{
	struct posix_timer *pt = timer_find((int)a[0]);
	struct itimerspec64_user left;

	if (!pt)
		return -EINVAL;
	mutex_lock(&pt->lock);
	left = timer_left(pt, timer_now(pt));
	mutex_unlock(&pt->lock);
	posix_timer_put(pt);
	return put_user(left, UPTR(a[1]));
}

long sys_timer_getoverrun(unsigned long *a)
{
	struct posix_timer *pt = timer_find((int)a[0]);
	int overrun;

	if (!pt)
		return -EINVAL;
	mutex_lock(&pt->lock);
	if (pt->sent && !signal_still_pending(pt)) {
		pt->overrun_told = overrun_clamped(pt->overrun);
		pt->overrun = 0;
		pt->sent = false;
	}
	overrun = pt->overrun_told;
	mutex_unlock(&pt->lock);
	posix_timer_put(pt);
	return overrun;
}

long sys_timer_delete(unsigned long *a)
{
	struct posix_timer *pt = timer_find((int)a[0]);

	if (!pt)
		return -EINVAL;
	timer_delist(pt);
	posix_timer_put(pt);
	return 0;
}
