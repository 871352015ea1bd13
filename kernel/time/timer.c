/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer service: one kernel task that sleeps until the earliest armed timer and runs what is due. Timers are in
 * a tree by deadline, under timer_lock; arming wakes the service only if the new deadline comes before the one it
 * sleeps for. A timer's fn runs without the lock, and may free its timer; timer_cancel waits until it has returned.
 * Lock order: whatever callers hold -> timer_lock. fn takes locks of its own, so who cancels must hold none of those.
 */
#include "kernel/time/time.h"

#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/task/task.h"

static struct mutex timer_lock;
static struct rb_tree timers;	/* timer_lock */
static struct timer *running;	/* timer_lock: whose fn is running */
static uint32_t running_word;	/* its number, for those who wait; changes when fn is done */
static unsigned int cancelling; /* timer_lock: how many wait */
static struct task *service;
static uint64_t service_deadline = NEVER; /* timer_lock: what the service sleeps for */

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	list_init(&t->link);
	t->fn = fn;
	t->deadline = NEVER;
	t->armed = false;
}

/* timer_lock held. */
static void timer_remove(struct timer *t)
{
	if (!t->armed)
		return;
	rb_remove(&timers, &t->node);
	t->armed = false;
}

static void timer_insert(struct timer *t, uint64_t deadline)
{
	struct rb_node **link = &timers.root, *parent = NULL;

	t->deadline = deadline;
	t->armed = true;
	while (*link) {
		parent = *link;
		link = deadline < rb_entry(parent, struct timer, node)->deadline ? &parent->left
										 : &parent->right;
	}
	rb_insert(&timers, &t->node, parent, link);
}

void timer_arm(struct timer *t, uint64_t deadline)
{
	struct task *to_wake = NULL;

	mutex_lock(&timer_lock);
	timer_remove(t);
	if (deadline != NEVER) {
		timer_insert(t, deadline);
		if (deadline < service_deadline) {
			service_deadline = deadline;
			to_wake = service;
		}
	}
	mutex_unlock(&timer_lock);
	if (to_wake && to_wake != current())
		task_wake(to_wake);
}

bool timer_cancel(struct timer *t)
{
	bool was_armed;

	mutex_lock(&timer_lock);
	for (;;) {
		uint32_t word = __atomic_load_n(&running_word, __ATOMIC_RELAXED);

		was_armed = t->armed;
		timer_remove(t);
		/* From within its fn there is nothing to wait for. */
		if (running != t || service == current())
			break;
		cancelling++;
		mutex_unlock(&timer_lock);
		plat_wait_word(&running_word, word);
		mutex_lock(&timer_lock);
		cancelling--;
	}
	mutex_unlock(&timer_lock);
	return was_armed;
}

/* timer_lock held, and held again at the end. Runs what is due; the next deadline. */
static uint64_t timers_run(void)
{
	uint64_t now = clock_monotonic();

	for (;;) {
		struct rb_node *n = rb_first(&timers);
		struct timer *t;

		if (!n)
			return NEVER;
		t = rb_entry(n, struct timer, node);
		if (t->deadline > now) {
			now = clock_monotonic();
			if (t->deadline > now)
				return t->deadline;
		}
		timer_remove(t);
		running = t;
		mutex_unlock(&timer_lock);
		t->fn(t);
		mutex_lock(&timer_lock);
		running = NULL;
		__atomic_add_fetch(&running_word, 1, __ATOMIC_SEQ_CST);
		if (cancelling)
			plat_wake_word(&running_word, INT32_MAX);
	}
}

static void service_main(void *arg)
{
	uint64_t deadline;

	(void)arg;
	mutex_lock(&timer_lock);
	service = current();
	mutex_unlock(&timer_lock);
	for (;;) {
		task_sleep_prepare();
		mutex_lock(&timer_lock);
		deadline = service_deadline = timers_run();
		mutex_unlock(&timer_lock);
		(void)!task_sleep(deadline);
	}
}

void time_init(void)
{
	if (kernel_task_start("timer", service_main, NULL))
		panic("the timer service does not start");
}
