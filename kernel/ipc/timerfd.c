/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timerfd. The number of expirations is computed from the clock when asked: no timer needs to run for a task that reads,
 * which sleeps until the expiry itself. Only when somebody polls does a kernel timer announce the expiry; it is armed
 * again when the expirations are taken.
 *
 * t->lock guards the setting; whether somebody waits is looked at under it. Order: t->lock -> timer_lock, the queue's.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/timerfd.h>

#include "kernel/fs/file.h"
#include "kernel/ipc/poll.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/fmt.h"

struct timer_file {
	struct mutex lock;
	int clock, base;
	unsigned int flags; /* of the last timerfd_settime */
	uint64_t expiry;    /* monotonic; 0: not armed */
	uint64_t interval;
	bool watched; /* somebody polls: `timer` is kept armed */
	struct timer timer;
	struct wait_queue wait;
};

static const struct file_ops timerfd_ops;

static void timerfd_fire(struct timer *timer)
{
	struct timer_file *t = container_of(timer, struct timer_file, timer);

	wake(&t->wait, POLLBIT_IN);
}

static uint64_t expiry_deadline(const struct timer_file *t)
{
	uint64_t expiry = __atomic_load_n(&t->expiry, __ATOMIC_RELAXED);

	return expiry ? expiry : NEVER;
}

/* Lock held. Expirations until now that nobody has taken. */
static uint64_t expirations(const struct timer_file *t, uint64_t now)
{
	if (!t->expiry || now < t->expiry)
		return 0;
	return 1 + (t->interval ? (now - t->expiry) / t->interval : 0);
}

static bool timerfd_take(struct timer_file *t, uint64_t *ret_count)
{
	uint64_t count, step, next = 0;

	mutex_lock(&t->lock);
	count = expirations(t, clock_monotonic());
	if (count) {
		if (t->interval && (__builtin_mul_overflow(count, t->interval, &step) ||
				    __builtin_add_overflow(t->expiry, step, &next)))
			next = NEVER - 1;
		__atomic_store_n(&t->expiry, next, __ATOMIC_RELAXED);
		if (t->watched)
			timer_arm(&t->timer, expiry_deadline(t));
	}
	mutex_unlock(&t->lock);
	*ret_count = count;
	return count != 0;
}

static long timerfd_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct timer_file *t = f->private_data;
	uint64_t count;
	int ret;

	(void)pos;
	if (io->left < sizeof(count))
		return -EINVAL;
	if (!timerfd_take(t, &count)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		/* The expiry may be moved while we sleep: then it was not the end of the wait. */
		do
			ret = WAIT_EVENT_KEY(&t->wait, POLLBIT_IN, timerfd_take(t, &count),
					     expiry_deadline(t));
		while (ret == -ETIMEDOUT);
		if (ret)
			return -ERESTARTSYS;
	}
	return uio_put(io, &count, sizeof(count)) == sizeof(count) ? (long)sizeof(count) : -EFAULT;
}

static unsigned int timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timer_file *t = f->private_data;
	uint64_t expiry;

	poll_wait(f, &t->wait, pt);
	if (pt) {
		mutex_lock(&t->lock);
		t->watched = true;
		if (!t->timer.armed)
			timer_arm(&t->timer, expiry_deadline(t));
		mutex_unlock(&t->lock);
	}
	expiry = expiry_deadline(t);
	return expiry != NEVER && clock_monotonic() >= expiry ? POLLBIT_IN : 0;
}

static void timerfd_release(struct file *f)
{
	struct timer_file *t = f->private_data;

	timer_cancel(&t->timer);
	kfree(t);
}

/* Lock held. */
static struct itimerspec64_user timerfd_left(const struct timer_file *t, uint64_t now)
{
	uint64_t left = 0;

	if (t->expiry > now)
		left = t->expiry - now;
	else if (t->expiry && t->interval)
		left = t->interval - (now - t->expiry) % t->interval;
	return (struct itimerspec64_user){ ns_to_timespec(t->interval), ns_to_timespec(left) };
}

static void timerfd_show(struct file *f, char *buf, size_t size)
{
	struct timer_file *t = f->private_data;
	uint64_t now = clock_monotonic(), count;
	struct itimerspec64_user left;
	unsigned int flags;

	mutex_lock(&t->lock);
	left = timerfd_left(t, now);
	count = expirations(t, now);
	flags = t->flags;
	mutex_unlock(&t->lock);
	fmt_snprintf(
		buf, size,
		"clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%lld, %lld)\nit_interval: (%lld, %lld)\n",
		t->clock, (unsigned long long)count, flags, (long long)left.value.sec,
		(long long)left.value.nsec, (long long)left.interval.sec,
		(long long)left.interval.nsec);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
	.show_fdinfo = timerfd_show,
};

/* --- system calls ------------------------------------------------------------------------------------------------------ */

long sys_timerfd_create(unsigned long *a)
{
	unsigned int flags = (unsigned int)a[1];
	struct timer_file *t;
	int base, fd, ret, id = (int)a[0];
	struct file *f;

	if (flags & ~(unsigned int)(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	if (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC && id != CLOCK_BOOTTIME &&
	    id != CLOCK_REALTIME_ALARM && id != CLOCK_BOOTTIME_ALARM)
		return -EINVAL;
	ret = clock_for_timers(id, &base);
	if (ret)
		return ret;
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->clock = id;
	t->base = base;
	wait_queue_init(&t->wait);
	timer_init(&t->timer, timerfd_fire);
	f = file_new_anonymous(&timerfd_ops, 0600, "anon_inode:[timerfd]",
			       O_RDWR | (flags & TFD_NONBLOCK), t);
	if (!f) {
		kfree(t);
		return -ENOMEM;
	}
	f->stream = true;
	fd = fd_alloc(f, 0, flags & TFD_CLOEXEC);
	file_put(f);
	return fd;
}

static int timerfd_get(int fd, struct file **ret_file)
{
	struct file *f = fd_get(fd);

	if (!f)
		return -EBADF;
	if (f->ops != &timerfd_ops) {
		file_put(f);
		return -EINVAL;
	}
	*ret_file = f;
	return 0;
}

static struct itimerspec64_user timerfd_set(struct timer_file *t,
					    const struct itimerspec64_user *set, unsigned int flags)
{
	uint64_t now = clock_monotonic(), value = timespec_to_ns(&set->value), expiry = 0;
	struct itimerspec64_user old;
	bool wanted;

	if (value && flags & TFD_TIMER_ABSTIME)
		expiry = MAX(clock_deadline(t->base, value), 1UL);
	else if (value && __builtin_add_overflow(now, value, &expiry))
		expiry = NEVER - 1;
	mutex_lock(&t->lock);
	old = timerfd_left(t, now);
	t->flags = flags;
	t->interval = timespec_to_ns(&set->interval);
	__atomic_store_n(&t->expiry, expiry, __ATOMIC_RELAXED);
	if (t->watched)
		timer_arm(&t->timer, expiry_deadline(t));
	wanted = !wait_queue_empty(&t->wait);
	mutex_unlock(&t->lock);
	/* Readers asleep until the old expiry must look at the new one. Who polls is told by the timer. */
	if (wanted)
		wake(&t->wait, POLLBIT_IN);
	return old;
}

long sys_timerfd_settime(unsigned long *a)
{
	unsigned int flags = (unsigned int)a[1];
	struct itimerspec64_user set, old;
	struct file *f;
	int ret;

	if (get_user(set, UPTR(a[2])))
		return -EFAULT;
	if (flags & ~(unsigned int)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) ||
	    !timespec_valid(&set.value) || !timespec_valid(&set.interval))
		return -EINVAL;
	ret = timerfd_get((int)a[0], &f);
	if (ret)
		return ret;
	old = timerfd_set(f->private_data, &set, flags);
	file_put(f);
	return a[3] ? put_user(old, UPTR(a[3])) : 0;
}

long sys_timerfd_gettime(unsigned long *a)
{
	struct itimerspec64_user left;
	struct timer_file *t;
	struct file *f;
	int ret = timerfd_get((int)a[0], &f);

	if (ret)
		return ret;
	t = f->private_data;
	mutex_lock(&t->lock);
	left = timerfd_left(t, clock_monotonic());
	mutex_unlock(&t->lock);
	file_put(f);
	return put_user(left, UPTR(a[1]));
}
