/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `cloister run --stats` tells: at the end of the enclave all counters are copied to where the launcher reads them,
 * together with their names. Calls that trapped are counted as they come; all others came by rewritten text, for the
 * tasks' own counts are lost or late when tasks die together. After a panic any lock may be held for ever, so what
 * needs one is left out.
 */
#include "kernel/host.h"
#include "kernel/loader/rewrite.h"
#include "kernel/loader/trapped.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/life.h"
#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

_Static_assert(SYSCALL_COUNT <= ARRAY_SIZE(((struct boot_info *)0)->syscall_counts),
	       "system calls fit");
_Static_assert(HC_COUNT <= ARRAY_SIZE(((struct boot_info *)0)->hostcall_counts), "host calls fit");
_Static_assert(PC_COUNT <= ARRAY_SIZE(((struct boot_info *)0)->platform_calls),
	       "platform calls fit");

static const char *const hostcall_names[HC_COUNT] = {
#define HOSTCALL(name, linux_name, may_block) #linux_name,
#include "abi/hostcall.h"
};

static void publish_calls(void)
{
	uint64_t calls = 0, trapped = __atomic_load_n(&boot->calls_trapped, __ATOMIC_RELAXED);

	for (size_t i = 0; i < SYSCALL_COUNT; i++) {
		boot->syscall_counts[i] = __atomic_load_n(&syscall_counts[i], __ATOMIC_RELAXED);
		if (boot->syscall_counts[i] && syscall_table[i].name)
			str_copy(boot->syscall_names[i], syscall_table[i].name, BOOT_NAME_SIZE);
		calls += boot->syscall_counts[i];
	}
	boot->calls_fast = calls > trapped ? calls - trapped : 0;
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

	if (!(boot->flags & BOOT_STATS))
		return;
	publish_calls();
	boot->forks = fork_counts.forks;
	boot->vforks = fork_counts.vforks;
	boot->threads = fork_counts.threads;
	boot->execs = fork_counts.execs;
	if (!orderly)
		return;
	rewrite_stats(&rewrites);
	boot->rewrite_files = rewrites.files;
	boot->rewrite_loaded = rewrites.loaded;
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
