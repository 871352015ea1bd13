/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system call table and the way through it: dispatch, counting, tracing. Everything here comes from table.def.
 * Tracing costs nothing when off: one flag is looked at.
 */
#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/sys/trace.h"
#include "kernel/task/task.h"

#define HANDLER_NONE(name) NULL
#define HANDLER_PARTIAL(name) sys_##name
#define HANDLER_FULL(name) sys_##name

const struct syscall_entry syscall_table[SYSCALL_COUNT] = {
#define SYSCALL(number, name, state, arguments) \
	[number] = { HANDLER_##state(name), #name, arguments, SYSCALL_##state },
#include "kernel/sys/table.def"
#undef SYSCALL
};

uint64_t syscall_counts[SYSCALL_COUNT];
bool syscall_trace, syscall_stats;

static bool is_restart(long ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK;
}

static long call(unsigned long number, unsigned long *arg)
{
	if (unlikely(number >= SYSCALL_COUNT || !syscall_table[number].handler))
		return -ENOSYS;
	return syscall_table[number].handler(arg);
}

/* With statistics or tracing on. */
static long observed_call(struct regs *r, unsigned long number)
{
	long ret;

	if (number < SYSCALL_COUNT)
		__atomic_fetch_add(&syscall_counts[number], 1, __ATOMIC_RELAXED);
	if (!syscall_trace)
		return call(number, r->arg);
	trace_enter(number, r->arg);
	ret = call(number, r->arg);
	trace_exit(number, r->arg, r->orig_rax == NO_SYSCALL ? (long)r->rax : ret);
	return ret;
}

void syscall_dispatch(struct regs *r)
{
	struct task *t = current();
	unsigned long number = (uint32_t)r->rax;
	long ret;
	unsigned int at = t->last_at++ % ARRAY_SIZE(t->last);

	t->last[at].number = (uint32_t)number;
	if (unlikely(syscall_trace || syscall_stats))
		ret = observed_call(r, number);
	else
		ret = call(number, r->arg);
	t->last[at].result = (int32_t)ret;
	/* execve and rt_sigreturn filled in the whole frame themselves. */
	if (r->orig_rax == NO_SYSCALL)
		return;
	r->rax = (uint64_t)ret;
	if (unlikely(is_restart(ret)))
		__atomic_fetch_or(&t->work, WORK_RESTART, __ATOMIC_SEQ_CST);
}
