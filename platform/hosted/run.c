/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks, time and sleep of the hosted platform: see hosted.h for the model. Tasks that were started are on a list; process.c
 * makes their system calls. A service of the kernel is a thread with a turn: it runs until it parks.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/platform.h"
#include "kernel/task/life.h"
#include "kernel/task/task.h"
#include "platform/hosted/run.h"

#define SERVICES_MAX 4
#define CLOCK_REALTIME_OFFSET 1700000000000000000ULL

struct service {
	struct task *task;
	pthread_t thread;
	uint64_t deadline;
	bool parked;
};

static struct plat_info info;
static struct service services[SERVICES_MAX];
static unsigned int service_count;
static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static struct service *turn; /* NULL: the harness's */
static uint64_t now = 1000000000, chance = 1;

struct hosted_task hosted_tasks[HOSTED_TASKS];
unsigned int hosted_sleeps, hosted_forced;
bool hosted_verbose;

void __sanitizer_print_stack_trace(void) __attribute__((weak));

void hosted_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(stderr, "hosted: ");
	vfprintf(stderr, format, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	if (__sanitizer_print_stack_trace)
		__sanitizer_print_stack_trace();
	abort();
}

const struct plat_info *plat_info(void)
{
	return &info;
}

void hosted_run_init(void)
{
	size_t size;

	info.name = "hosted";
	info.capabilities = PLAT_FORK | PLAT_REWRITES_TEXT;
	info.cpus = 1;
	info.memory = hosted_enclave(&size);
	info.memory_size = size;
	info.memory_limit = size / 4;
	info.user_start = ARENA_START;
	info.user_end = ARENA_END;
	info.xsave_size = 832;
	info.hwcap = 1;
}

void hosted_become(void *task)
{
	__asm__ volatile("wrgsbase %0" : : "r"(task));
}

/* --- chance and time --- */

void hosted_seed(uint64_t seed)
{
	chance = seed * 2 + 1;
}

uint64_t hosted_random(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance * 0x2545f4914f6cdd1dULL;
}

void plat_random(void *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)(hosted_random() >> 32);
}

uint64_t plat_clock(int id)
{
	now += 100;
	return id == 0 || id == 5 || id == 11 ? now + CLOCK_REALTIME_OFFSET : now;
}

void plat_cputime(struct task *t, bool whole_process, uint64_t *ret_user, uint64_t *ret_system)
{
	(void)t, (void)whole_process;
	*ret_user = now / 2;
	if (ret_system)
		*ret_system = now / 4;
}

unsigned int plat_cpu(void)
{
	return 0;
}

/* --- services --- */

static void give_turn(struct service *to)
{
	struct service *me = turn;

	turn = to;
	pthread_cond_broadcast(&turn_changed);
	while (turn != me)
		pthread_cond_wait(&turn_changed, &turn_lock);
}

static void *service_thread(void *arg)
{
	struct service *s = arg;

	pthread_mutex_lock(&turn_lock);
	while (turn != s)
		pthread_cond_wait(&turn_changed, &turn_lock);
	hosted_become(s->task);
	task_first_run(s->task);
	hosted_fail("a kernel service returned");
}

static int start_service(struct task *t)
{
	struct service *s = &services[service_count];

	if (service_count == SERVICES_MAX)
		return -EAGAIN;
	s->task = t;
	s->deadline = 0;
	s->parked = true;
	if (pthread_create(&s->thread, NULL, service_thread, s))
		return -EAGAIN;
	service_count++;
	return 0;
}

void hosted_run_services(void)
{
	struct task *me = current();

	if (turn)
		return;
	for (unsigned int i = 0; i < service_count; i++) {
		struct service *s = &services[i];

		if (!__atomic_load_n(&s->task->work, __ATOMIC_SEQ_CST) && s->deadline > now)
			continue;
		pthread_mutex_lock(&turn_lock);
		give_turn(s);
		pthread_mutex_unlock(&turn_lock);
	}
	hosted_become(me);
}

static uint64_t next_deadline(void)
{
	uint64_t at = UINT64_MAX;

	for (unsigned int i = 0; i < service_count; i++)
		at = MIN(at, services[i].deadline);
	return at;
}

/* --- tasks --- */

int plat_task_reserve(struct task *t)
{
	(void)t;
	return hosted_allocation_fails() ? -ENOMEM : 0;
}

void plat_task_unreserve(struct task *t)
{
	(void)t;
}

int plat_task_start(struct task *t, enum plat_start how)
{
	if (t->process->kernel_task)
		return start_service(t);
	/* A start that was reserved (the second half of execve) does not fail. */
	if ((how != PLAT_START_CLEAN || hosted_spawning) && hosted_allocation_fails())
		return -EAGAIN;
	for (unsigned int i = 0; i < HOSTED_TASKS; i++) {
		if (hosted_tasks[i].task)
			continue;
		hosted_tasks[i].task = t;
		/* There is one arena: who would need another ends before it does anything. */
		hosted_tasks[i].doomed =
			how == PLAT_START_FORK ||
			(how == PLAT_START_CLEAN && t->first_run_arg && !hosted_spawning);
		if (hosted_tasks[i].doomed)
			t->set_child_tid = 0;
		return 0;
	}
	if (how == PLAT_START_CLEAN)
		hosted_fail("no room for a task");
	return -EAGAIN;
}

void plat_task_exit(struct task *t)
{
	for (unsigned int i = 0; i < HOSTED_TASKS; i++)
		if (hosted_tasks[i].task == t)
			hosted_tasks[i].task = NULL;
	t->gone = 1;
	hosted_task_ended();
}

void plat_return_to_user(void)
{
	hosted_fail("plat_return_to_user");
}

/* --- sleep --- */

int plat_park(struct task *t, uint64_t deadline)
{
	if (turn) {
		turn->deadline = deadline;
		hosted_become(NULL);
		give_turn(NULL);
		hosted_become(t);
		return 0;
	}
	if (++hosted_sleeps > 1000)
		hosted_fail("sleeps for ever and nothing interrupts it");
	hosted_run_services();
	if (__atomic_load_n(&t->work, __ATOMIC_SEQ_CST))
		return 0;
	if (hosted_run_ending())
		return 0;
	if (hosted_sleeps < 200 && MIN(deadline, next_deadline()) < now + 100000000000ULL) {
		now = MAX(now, MIN(deadline, next_deadline()));
		hosted_run_services();
		return deadline <= now && !__atomic_load_n(&t->work, __ATOMIC_SEQ_CST) ? -ETIMEDOUT
										       : 0;
	}
	/* A clock near its end, or nothing that would ever wake it. */
	if (deadline != UINT64_MAX && deadline <= now)
		return -ETIMEDOUT;
	hosted_interrupt(t);
	return 0;
}

void plat_kick(struct task *t, bool user)
{
	(void)t, (void)user;
}

void plat_yield(void)
{
	if (++hosted_sleeps > 1000)
		hosted_fail("yields for ever");
	if (!turn)
		hosted_run_ending();
}

void plat_wait_word(uint32_t *word, uint32_t value)
{
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value)
		hosted_fail("deadlock: a lock is held that nobody can release");
}

void plat_wake_word(uint32_t *word, int n)
{
	(void)word, (void)n;
}

/* --- the rest --- */

void plat_fpu_save(void *area)
{
	memset(area, 0, info.xsave_size);
}

int plat_fpu_save_user(void *area)
{
	return plat_zero_user(area, info.xsave_size) ? -EFAULT : 0;
}

int plat_fpu_restore_user(const void *area)
{
	char copy[1024];

	return plat_copy_user(copy, area, info.xsave_size) ? -EFAULT : 0;
}

void plat_fpu_reset(void)
{
}

static uintptr_t fs_base;

void plat_set_fs(uintptr_t base)
{
	fs_base = base;
}

uintptr_t plat_get_fs(void)
{
	return fs_base;
}

long plat_peek(struct task *other, uintptr_t at, void *buffer, size_t size, bool write)
{
	size_t left;

	if (!other || !size)
		return 0;
	left = write ? plat_copy_user((void *)at, buffer, size)
		     : plat_copy_user(buffer, (void *)at, size);
	return left == size ? -EFAULT : (long)(size - left);
}

void plat_log(const char *text, size_t size)
{
	if (hosted_verbose)
		fprintf(stderr, "%.*s", (int)size, text);
}

void plat_panic(const char *text)
{
	fprintf(stderr, "kernel panic: %s\n", text);
	if (__sanitizer_print_stack_trace)
		__sanitizer_print_stack_trace();
	abort();
}

void plat_shutdown(int status)
{
	hosted_fail("the first process ended with %#x", (unsigned int)status);
}

int plat_report(const uint8_t report_data[64], void *ret_report, size_t *size)
{
	(void)report_data, (void)ret_report, (void)size;
	return -ENOSYS;
}
