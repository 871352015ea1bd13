/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `cloister run --stats` tells: at the end of the enclave all counters are copied to where the launcher reads them,
 * together with their names. Tasks add their own counts when they leave; those still alive are added here. After a
 * panic any lock may be held for ever, so nothing is walked then and the live tasks' calls are missing.
 */
#include "kernel/host.h"
#include "kernel/loader/rewrite.h"
#include "kernel/loader/trapped.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/life.h"
#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

_Static_assert(SYSCALL_COUNT <= ARRAY_SIZE(((struct boot_info *)0)->syscall_counts), "system calls fit");
_Static_assert(HC_COUNT <= ARRAY_SIZE(((struct boot_info *)0)->hostcall_counts), "host calls fit");
_Static_assert(PC_COUNT <= ARRAY_SIZE(((struct boot_info *)0)->platform_calls), "platform calls fit");

static const char *const hostcall_names[HC_COUNT] = {
#define HOSTCALL(name, linux_name, may_block) #linux_name,
#include "abi/hostcall.h"
};

static void add_task(struct task *t)
{
	boot->calls_fast += t->calls_fast;
	boot->calls_trapped += t->calls_trapped;
}

static int add_process(struct process *p, void *arg)
{
	struct task *t;

	(void)arg;
	mutex_lock(&p->lock);
	list_for_each (t, &p->tasks, link)
		if (t != current())
			add_task(t);
	mutex_unlock(&p->lock);
	return 0;
}

static void publish_calls(void)
{
	for (size_t i = 0; i < SYSCALL_COUNT; i++) {
		boot->syscall_counts[i] = __atomic_load_n(&syscall_counts[i], __ATOMIC_RELAXED);
		if (boot->syscall_counts[i] && syscall_table[i].name)
			str_copy(boot->syscall_names[i], syscall_table[i].name, BOOT_NAME_SIZE);
	}
	for (size_t i = 0; i < HC_COUNT; i++) {
		boot->hostcall_counts[i] = __atomic_load_n(&host_calls[i], __ATOMIC_RELAXED);
		str_copy(boot->hostcall_names[i], hostcall_names[i], BOOT_NAME_SIZE);
	}
	for (size_t i = 0; i < PC_COUNT; i++)
		str_copy(boot->platform_call_names[i], platform_call_names[i], BOOT_NAME_SIZE);
	boot->host_lies = __atomic_load_n(&host_lies, __ATOMIC_RELAXED);
}

void stats_publish(bool orderly)
{
	struct memory_usage memory;
	struct rewrite_stats rewrites;
	int err;

	if (!(boot->flags & BOOT_STATS))
		return;
	publish_calls();
	boot->forks = fork_counts.forks;
	boot->vforks = fork_counts.vforks;
	boot->threads = fork_counts.threads;
	boot->execs = fork_counts.execs;
	if (current())
		add_task(current());
	if (!orderly)
		return;
	err = process_for_each(add_process, NULL);
	(void)err;
	rewrite_stats(&rewrites);
	boot->rewrite_files = rewrites.files;
	boot->sites_mov = rewrites.sites_mov;
	boot->sites_after = rewrites.sites_after;
	boot->sites_kept = rewrites.sites_kept;
	boot->rewrite_ns = rewrites.time_ns;
	memory_usage(&memory);
	boot->pages_used = memory.pages_used;
	boot->pages_peak = memory.pages_peak;
	boot->cache_pages = memory.cache_pages;
	boot->objects = memory.objects;
	rewrite_trapped_sites(boot->trapped, ARRAY_SIZE(boot->trapped));
}
