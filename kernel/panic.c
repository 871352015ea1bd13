/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broken invariant stops the enclave: message, the last calls of the task, and a backtrace along frame pointers
 * (symbols are added by whoever has the kernel's ELF: the launcher, gdb). Never for bad input.
 */
#include "abi/platform.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"

static char text[4096];
static uint32_t once;

static size_t put(size_t used, const char *format, ...) format_(2, 3);
static size_t put(size_t used, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_vsnprintf(text + used, sizeof(text) - used, format, ap);
	va_end(ap);
	return MIN(used + (size_t)n, sizeof(text) - 1UL);
}

static size_t put_backtrace(size_t used, struct task *t)
{
	uintptr_t *frame = __builtin_frame_address(0);
	uintptr_t low = t ? t->block : 0, high = t ? t->kstack : 0;

	used = put(used, "backtrace:");
	for (int i = 0; i < 24 && (uintptr_t)frame >= low && (uintptr_t)frame + 16 <= high; i++) {
		if (!frame[1])
			break;
		used = put(used, " %lx", frame[1]);
		if (frame[0] <= (uintptr_t)frame)
			break;
		frame = (uintptr_t *)frame[0];
	}
	return put(used, "\n");
}

void panic(const char *format, ...)
{
	struct task *t = current();
	size_t used;
	va_list ap;
	int n;

	if (__atomic_exchange_n(&once, 1, __ATOMIC_SEQ_CST))
		plat_panic(text);
	va_start(ap, format);
	n = fmt_vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	used = put(MIN((size_t)n, sizeof(text) - 1), "\n");
	if (t) {
		used = put(used, "task %d (%.15s), process %d; last calls:", t->tid, t->comm,
			   t->process ? t->process->pid : -1);
		for (uint32_t i = 0; i < ARRAY_SIZE(t->last) && i < t->last_at; i++) {
			uint32_t at = (t->last_at - 1 - i) % ARRAY_SIZE(t->last),
				 number = t->last[at].number;

			used = put(used, " %s=%d",
				   number < SYSCALL_COUNT && syscall_table[number].name
					   ? syscall_table[number].name
					   : "?",
				   t->last[at].result);
		}
		used = put(used, "\n");
	}
	put_backtrace(used, t);
	plat_panic(text);
}
