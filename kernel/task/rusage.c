/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getrusage and times. A process's own figures are those of its live tasks, asked of the platform, and process.self_dead, to
 * which task_exit adds; its children's are process.children_sum, to which wait adds. process.lock guards both walks.
 */
#include <asm/errno.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define NS 1000000000ULL
#define TICK_NS 10000000ULL

struct user_rusage {
	int64_t user_sec, user_usec, system_sec, system_usec, max_rss, ixrss, idrss, isrss, minor,
		major, swaps;
	int64_t in_blocks, out_blocks, sent, received, signals, voluntary, involuntary;
};
_Static_assert(sizeof(struct user_rusage) == 144, "struct rusage");

enum { USAGE_CHILDREN = -1, USAGE_SELF, USAGE_THREAD };

/* KiB: no more than is mapped, and than there is. */
static uint64_t resident(struct process *p)
{
	struct memory_usage usage;
	size_t mapped = p->mm ? p->mm->mapped_bytes : 0;

	memory_usage(&usage);
	return MIN(mapped, usage.limit) / 1024;
}

static void add_task(struct task *t, struct rusage_sum *sum)
{
	uint64_t user = 0, system = 0;

	plat_cputime(t, false, &user, &system);
	sum->user_ns += user;
	sum->system_ns += system;
	sum->voluntary += t->calls_slept;
}

static void sum_self(struct process *p, struct rusage_sum *ret)
{
	struct task *t;

	mutex_lock(&p->lock);
	*ret = p->self_dead;
	list_for_each(t, &p->tasks, link)
		add_task(t, ret);
	mutex_unlock(&p->lock);
	ret->max_rss = MAX(ret->max_rss, resident(p));
}

static void sum_children(struct process *p, struct rusage_sum *ret)
{
	mutex_lock(&tree_lock);
	*ret = p->children_sum;
	mutex_unlock(&tree_lock);
}

long sys_getrusage(unsigned long *a)
{
	struct rusage_sum sum = { 0 };
	struct user_rusage r;

	switch ((int)a[0]) {
	case USAGE_SELF:
		sum_self(current_process(), &sum);
		break;
	case USAGE_CHILDREN:
		sum_children(current_process(), &sum);
		break;
	case USAGE_THREAD:
		add_task(current(), &sum);
		sum.max_rss = resident(current_process());
		break;
	default:
		return -EINVAL;
	}
	memset(&r, 0, sizeof(r));
	r.user_sec = (int64_t)(sum.user_ns / NS);
	r.user_usec = (int64_t)(sum.user_ns % NS / 1000);
	r.system_sec = (int64_t)(sum.system_ns / NS);
	r.system_usec = (int64_t)(sum.system_ns % NS / 1000);
	r.max_rss = (int64_t)sum.max_rss;
	r.minor = (int64_t)sum.minor_faults;
	r.major = (int64_t)sum.major_faults;
	r.voluntary = (int64_t)sum.voluntary;
	r.involuntary = (int64_t)sum.involuntary;
	return copy_out(UPTR(a[1]), &r, sizeof(r));
}

long sys_times(unsigned long *a)
{
	struct {
		int64_t user, system, children_user, children_system;
	} out;
	struct rusage_sum self, children;

	if (a[0]) {
		sum_self(current_process(), &self);
		sum_children(current_process(), &children);
		out.user = (int64_t)(self.user_ns / TICK_NS);
		out.system = (int64_t)(self.system_ns / TICK_NS);
		out.children_user = (int64_t)(children.user_ns / TICK_NS);
		out.children_system = (int64_t)(children.system_ns / TICK_NS);
		if (copy_out(UPTR(a[0]), &out, sizeof(out)))
			return -EFAULT;
	}
	return (long)(clock_monotonic() / TICK_NS);
}
