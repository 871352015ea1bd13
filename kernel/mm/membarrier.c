/* SPDX-License-Identifier: Apache-2.0 */
/*
 * membarrier: every other task must run a full barrier between the caller's accesses before and after the call.
 *
 * A task that is parked has passed through the kernel's atomic operations on the way in and will pass through more on
 * the way out: nothing to do. Any other task gets WORK_WAKE and a kick that makes it enter the kernel; the bit is cleared
 * by that task itself, with an atomic operation, at the next sleep or on its way out. When the bit is gone, or the task
 * is parked or dead, it has run a full barrier since the call began. WORK_WAKE means "look again" to whoever sees it, so
 * a spare one does no harm. That bit is what this file's own waits clear in the caller, too: two callers that wait for
 * each other would otherwise never park, and never be seen to have passed. Only being killed ends a wait early.
 */
#include <linux/errno.h>
#include <linux/membarrier.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"

#define SUPPORTED                                                                      \
	(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |                     \
	 MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED | \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
#define WAIT_NS 20000UL

/* Counted tasks that have to run a barrier. */
struct targets {
	struct task **tasks;
	size_t count, capacity, needed;
};

static bool passed(struct task *t)
{
	return __atomic_load_n(&t->parked, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&t->gone, __ATOMIC_SEQ_CST) || t->state == TASK_DEAD ||
	       !(__atomic_load_n(&t->work, __ATOMIC_SEQ_CST) & WORK_WAKE);
}

static void collect(struct process *p, struct targets *to)
{
	struct task *t;

	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link) {
		if (t == current())
			continue;
		to->needed++;
		if (to->count < to->capacity) {
			task_get(t);
			to->tasks[to->count++] = t;
		}
	}
	mutex_unlock(&p->lock);
}

static int collect_process(struct process *p, void *arg)
{
	if (!p->kernel_task && p->mm)
		collect(p, arg);
	return 0;
}

static void release(struct targets *to)
{
	while (to->count)
		task_put(to->tasks[--to->count]);
	kfree(to->tasks);
	to->tasks = NULL;
}

/* All tasks of the process, or of the enclave. */
static int gather(bool global, struct targets *to)
{
	to->capacity = 16;
	for (;;) {
		to->tasks = kmalloc(to->capacity * sizeof(*to->tasks));
		if (!to->tasks)
			return -ENOMEM;
		to->count = to->needed = 0;
		if (global)
			(void)process_for_each(collect_process, to);
		else
			collect(current_process(), to);
		if (to->needed <= to->capacity)
			return 0;
		to->capacity = to->needed + 16;
		release(to);
	}
}

static int barrier_all(bool global)
{
	struct targets to = { 0 };
	int err = gather(global, &to);

	if (err)
		return err;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (size_t i = 0; i < to.count; i++) {
		struct task *t = to.tasks[i];

		if (__atomic_load_n(&t->parked, __ATOMIC_SEQ_CST))
			continue;
		__atomic_fetch_or(&t->work, WORK_WAKE, __ATOMIC_SEQ_CST);
		plat_kick(t, true);
	}
	for (size_t i = 0; i < to.count; i++)
		while (!passed(to.tasks[i]) && !signal_fatal_pending(current())) {
			task_sleep_prepare();
			(void)plat_park(current(), clock_monotonic() + WAIT_NS);
		}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	release(&to);
	return 0;
}

long sys_membarrier(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	int command = (int)a[0];

	if (a[1])
		return -EINVAL;
	switch (command) {
	case MEMBARRIER_CMD_QUERY:
		return SUPPORTED;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
		return barrier_all(true);
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		__atomic_fetch_or(&mm->membarrier, (unsigned int)command, __ATOMIC_SEQ_CST);
		return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		if (!(__atomic_load_n(&mm->membarrier, __ATOMIC_SEQ_CST) &
		      MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
			return -EPERM;
		return barrier_all(false);
	}
	return -EINVAL;
}
