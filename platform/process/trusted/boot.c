/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start of the process platform. The launcher has mapped enclave memory, loaded and relocated the kernel, filled in
 * struct boot_info, and jumps here in a fresh host process on a stack of its own. That process stays the maker of clean
 * processes and the home of kernel services; the first guest process runs in another.
 */
#include <linux/errno.h>

#include "lib/base/fmt.h"
#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

struct boot_info *boot;
static struct plat_info info;

const char *const platform_call_names[PC_COUNT] = {
#define X(name) #name,
	PLATFORM_CALLS(X)
#undef X
};

const struct plat_info *plat_info(void)
{
	return &info;
}

static uint32_t xsave_size(void)
{
	uint32_t a = 13, b = 0, c = 0, d = 0;

	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b;
}

static struct host_process boot_home = { .threads = 1 };

static void boot_on_task(void *arg)
{
	struct task *t = current();

	(void)arg;
	boot_host_pid = (uint32_t)HOST(getpid, 0, 0, 0, 0, 0, 0);
	plat_task(t)->host_pid = plat_task(t)->host_tid = boot_host_pid;
	plat_task(t)->home = &boot_home;
	plat_as_reset();
	traps_init();
	traps_init_task(t);
	plat_task(t)->ready = 1;
	seccomp_init();
	pool_init();
	kernel_main(boot);
	control_init();
	pool_main();
}

/* From the first to the last page kept that is not enclave memory: the host maps its vDSO and the data in one piece. */
static void find_host_pages(const struct boot_info *b)
{
	uint32_t count = MIN(b->keep_count, (uint32_t)BOOT_KEEP_MAX);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t start = b->keep[i].start, end = b->keep[i].end;

		if (start >= b->base && start < b->base + b->size)
			continue;
		if (!info.host_end)
			info.host_start = start;
		info.host_end = end;
	}
}

void boot_main(struct boot_info *b)
{
	struct task *t;

	boot = b;
	info = (struct plat_info){
		.name = "process",
		.capabilities = PLAT_FORK | PLAT_MAP_HOST | PLAT_REWRITES_TEXT |
				PLAT_HOST_SEES_USER,
		.cpus = b->cpus,
		.memory = b->heap_start,
		.memory_size = b->base + b->size - b->heap_start,
		.memory_limit = b->memory_limit,
		.user_start = 0x10000,
		.user_end = 0x7ffffffff000,
		.reserved_start = b->base,
		.reserved_end = b->base + b->size,
		.host_vdso = b->vdso,
		.hwcap = b->hwcap,
		.hwcap2 = b->hwcap2,
		.xsave_size = xsave_size(),
	};
	find_host_pages(b);
	if (b->flags & BOOT_NO_REWRITE)
		info.capabilities &= ~(unsigned int)PLAT_REWRITES_TEXT;
	t = kernel_early_init();
	if (!t)
		plat_panic(
			"not enough memory to start the kernel: give the enclave more with --memory");
	t->entry = syscall_entry;
	become_task(t, boot_on_task, NULL);
}
