/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our vDSO: one page, made at boot from vdso_image.S, the same for all processes, mapped at an address of its own in
 * each. Time goes straight to the host's vDSO where applications can see that (the host owns the clocks anyway, and
 * the kernel's own answers come from there, too); the rest are system calls that enter by jump.
 *
 * The signal return trampoline gives handlers a way back without a trap; its frame description lets debuggers and
 * runtimes unwind through it.
 */
#include "kernel/loader/vdso.h"

#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/loader/exec.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define HOST_IMAGE_MAX (16UL << 10)

extern const uint8_t vdso_image_start[], vdso_image_end[];
extern const uint32_t vdso_patch_host[], vdso_patch_gates[], vdso_sigreturn_offset;

static const char *const host_names[] = {
	/* as vdso_patch_host */
	"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time",
	"__vdso_getcpu",	"__vdso_clock_getres",
};

static uint8_t *page; /* set at boot, then constant; NULL: no memory then */

/* The calls of each function go to the host's, if it has it. */
static void patch_host(uintptr_t host)
{
	uint8_t *image = kmalloc(HOST_IMAGE_MAX);
	size_t size = 0;

	if (!image)
		return;
	/* Page by page: how large it is nobody says. */
	while (size < HOST_IMAGE_MAX &&
	       !plat_copy_user(image + size, (const void *)(host + size), PAGE_SIZE))
		size += PAGE_SIZE;
	for (unsigned int n = 0; n < ARRAY_SIZE(host_names); n++) {
		uint64_t load = 0, address = vdso_find_symbol(image, size, host_names[n], &load);
		uint8_t *at = page + vdso_patch_host[n];

		if (!address)
			continue;
		address += host - load;
		memcpy(at, "\x48\xb8", 2); /* movabs $address,%rax */
		memcpy(at + 2, &address, 8);
		memcpy(at + 10, "\xff\xe0", 2); /* jmp *%rax */
	}
	kfree(image);
}

void vdso_init(void)
{
	const struct plat_info *info = plat_info();
	size_t size = (size_t)(vdso_image_end - vdso_image_start);

	assert(size <= PAGE_SIZE);
	page = pages_alloc_zeroed(1);
	if (!page)
		return;
	memcpy(page, vdso_image_start, size);
	if (!(info->capabilities & PLAT_REWRITES_TEXT))
		for (const uint32_t *gate = vdso_patch_gates; *gate; gate++)
			memcpy(page + *gate, "\x0f\x1f\x84\0\0\0\0", 8);
	if (info->host_vdso)
		patch_host(info->host_vdso);
}

intptr_t vdso_map(struct task *t)
{
	struct mm *mm = t->process->mm;
	intptr_t at;

	if (!page)
		return 0;
	at = mm_map_pages(mm, 0, PAGE_SIZE, PROT_READ | PROT_EXEC, true, page, "[vdso]");
	if (!IS_ERR(at))
		mm->vdso = (uintptr_t)at;
	return at;
}

uintptr_t vdso_sigreturn(struct task *t)
{
	uintptr_t at = t->process->mm->vdso;

	return at ? at + vdso_sigreturn_offset : 0;
}
