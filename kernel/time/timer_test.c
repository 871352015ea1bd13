/* SPDX-License-Identifier: Apache-2.0 */
/* The timer service's tree: timers run once each, in order, when due, whatever was armed and cancelled before. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/task/sync.h"

static uint64_t test_now;
static struct task *the_service;

#define current test_current
#include "kernel/task/task.h"
#undef current
static struct task *current_task(void)
{
	return the_service;
}
#define current current_task

#include "kernel/time/timer.c"

void panic(const char *format, ...)
{
	(void)format;
	abort();
}

uint64_t clock_monotonic(void)
{
	return test_now;
}

void mutex_lock_slow(struct mutex *m)
{
	(void)m;
	abort();
}

void mutex_unlock_slow(struct mutex *m)
{
	(void)m;
}

void plat_wait_word(uint32_t *word, uint32_t value)
{
	(void)word;
	(void)value;
	abort();
}

void plat_wake_word(uint32_t *word, int n)
{
	(void)word;
	(void)n;
}

void task_sleep_prepare(void)
{
}

int task_sleep(uint64_t deadline)
{
	(void)deadline;
	return 0;
}

static int wakes;
void task_wake(struct task *t)
{
	(void)t;
	wakes++;
}

int kernel_task_start(const char *name, void (*fn)(void *arg), void *arg)
{
	(void)name;
	(void)fn;
	(void)arg;
	return 0;
}

#define COUNT 200
#define CHECK(c)                                                                 \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

struct probe {
	struct timer timer;
	uint64_t due; /* 0: not armed */
	int again;
};
static struct probe probes[COUNT];
static uint64_t last_due;
static int ran;

static void probe_fire(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	CHECK(p->due && p->due <= test_now);
	CHECK(p->due >= last_due);
	CHECK(!t->armed);
	last_due = p->due;
	p->due = 0;
	ran++;
	if (p->again-- > 0) {
		p->due = test_now + 1 + (uint64_t)rand() % 50;
		timer_arm(t, p->due);
	}
}

static uint64_t earliest(void)
{
	uint64_t first = NEVER;

	for (int i = 0; i < COUNT; i++)
		if (probes[i].due && probes[i].due < first)
			first = probes[i].due;
	return first;
}

int main(void)
{
	static struct task service_task;
	uint64_t next;

	srand(7);
	service = &service_task;
	for (int i = 0; i < COUNT; i++)
		timer_init(&probes[i].timer, probe_fire);
	for (int round = 0; round < 20000; round++) {
		struct probe *p = &probes[rand() % COUNT];

		the_service = NULL;
		if (rand() % 3) {
			uint64_t before = service_deadline;

			p->due = test_now + 1 + (uint64_t)rand() % 1000;
			p->again = rand() % 3;
			wakes = 0;
			timer_arm(&p->timer, p->due);
			CHECK(p->timer.armed);
			CHECK((wakes == 1) == (p->due < before));
		} else {
			CHECK(timer_cancel(&p->timer) == (p->due != 0));
			p->due = 0;
		}
		test_now += (uint64_t)rand() % 20;
		if (rand() % 4)
			continue;
		the_service = &service_task;
		last_due = 0;
		mutex_lock(&timer_lock);
		next = service_deadline = timers_run();
		mutex_unlock(&timer_lock);
		CHECK(next == earliest());
		CHECK(next > test_now);
	}
	CHECK(ran > 1000);
	return 0;
}
