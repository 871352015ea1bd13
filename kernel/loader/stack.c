/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The new program's stack, as the psABI and Linux lay it out, from the top down:
 *
 *   0 (8 bytes) | AT_EXECFN string | envp strings | argv strings | platform, 16 random bytes | auxv | envp | argv | argc
 *                                                                                                         ^ sp, 16-aligned
 *
 * The whole of it is mapped at once (pages come when touched); its size is the stack limit, within bounds. Below it
 * lies a gap where mm places nothing.
 */
#include <asm-generic/resource.h>
#include <linux/auxvec.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/personality.h>

#include "abi/platform.h"
#include "kernel/loader/elf.h"
#include "kernel/loader/exec.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/task/cred.h"
#include "lib/base/string.h"

#define STACK_SIZE_MIN (1UL << 20)
#define STACK_SIZE_MAX (256UL << 20)
#define STACK_GUARD (1UL << 20)
#define STACK_RANDOM_PAGES (1UL << 22)
#define CLOCK_TICKS 100
#define AUXV_MAX 24
#define PLATFORM "x86_64"

/* What a signal frame takes besides the XSAVE area: registers, siginfo, alignment, red zone. */
#define SIGNAL_FRAME_SIZE 1280

uintptr_t exec_random_offset(size_t pages)
{
	uint64_t chance;

	if (current()->personality & ADDR_NO_RANDOMIZE)
		return 0;
	plat_random(&chance, sizeof(chance));
	return (chance & (pages - 1)) * PAGE_SIZE;
}

static size_t stack_size(const struct exec_args *a)
{
	uint64_t limit = current_process()->limits[RLIMIT_STACK].current;
	size_t least = PAGE_UP(2 * a->used + STACK_SIZE_MIN);

	return PAGE_UP(MAX((size_t)MIN(limit, STACK_SIZE_MAX), least));
}

/* Below the holes of the address space if a stack of `size` with its guard would lie in one. */
static uintptr_t avoid_holes(uintptr_t top, size_t size)
{
	const struct plat_info *info = plat_info();
	const struct {
		uintptr_t start, end;
	} holes[] = { { info->host_start, info->host_end },
		      { info->reserved_start, info->reserved_end },
		      { info->host_start, info->host_end } };

	for (size_t i = 0; i < ARRAY_SIZE(holes); i++)
		if (top - size - STACK_GUARD < holes[i].end && top > holes[i].start)
			top = holes[i].start;
	return top;
}

int stack_map(struct mm *mm, const struct exec_args *a, bool executable)
{
	const struct plat_info *info = plat_info();
	size_t size = stack_size(a);
	uintptr_t top = PAGE_DOWN(info->user_end) - exec_random_offset(STACK_RANDOM_PAGES);
	struct mmap_args m = {
		.size = size,
		.prot = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0),
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN | MAP_NORESERVE |
			 MAP_STACK,
		.name = "[stack]",
	};
	intptr_t got;

	top = avoid_holes(top, size);
	if (top < info->user_start + size + STACK_GUARD)
		return -ENOMEM;
	m.at = top - size;
	got = mm_map(mm, &m);
	if (IS_ERR(got))
		return (int)got;
	mutex_lock(&mm->lock);
	mm->mmap_top = MIN(mm->mmap_top, m.at - STACK_GUARD);
	mutex_unlock(&mm->lock);
	current_process()->stack_start = top;
	return 0;
}

struct auxv {
	uintptr_t *words;
	size_t count;
};

static void put(struct auxv *v, uintptr_t type, uintptr_t value)
{
	v->words[v->count++] = type;
	v->words[v->count++] = value;
}

static void fill_auxv(struct auxv *v, const struct exec_args *a, uintptr_t vdso, uintptr_t random,
		      uintptr_t platform, uintptr_t path)
{
	const struct plat_info *info = plat_info();
	const struct cred *cred = current()->cred;
	const struct elf_image *program = a->elf, *interpreter = a->interpreter_elf;
	bool secure = cred->euid != cred->uid || cred->egid != cred->gid;

	if (vdso)
		put(v, AT_SYSINFO_EHDR, vdso);
	put(v, AT_HWCAP, info->hwcap);
	put(v, AT_PAGESZ, PAGE_SIZE);
	put(v, AT_CLKTCK, CLOCK_TICKS);
	put(v, AT_PHDR, program->phdr);
	put(v, AT_PHENT, sizeof(Elf64_Phdr));
	put(v, AT_PHNUM, program->header.e_phnum);
	put(v, AT_BASE, interpreter ? interpreter->base : 0);
	put(v, AT_FLAGS, 0);
	put(v, AT_ENTRY, program->entry);
	put(v, AT_UID, cred->uid);
	put(v, AT_EUID, cred->euid);
	put(v, AT_GID, cred->gid);
	put(v, AT_EGID, cred->egid);
	put(v, AT_SECURE, secure);
	put(v, AT_RANDOM, random);
	put(v, AT_HWCAP2, info->hwcap2);
	put(v, AT_EXECFN, path);
	put(v, AT_PLATFORM, platform);
	put(v, AT_MINSIGSTKSZ, ROUND_UP(info->xsave_size + SIGNAL_FRAME_SIZE, 16u));
	put(v, AT_NULL, 0);
}

/* Addresses of `count` strings that lie one after the other. Returns the address behind the last. */
static uintptr_t put_strings(uintptr_t *words, size_t *at, const char **strings, unsigned int count,
			     uintptr_t address)
{
	for (unsigned int n = 0; n < count; n++) {
		size_t size = strlen(*strings) + 1;

		words[(*at)++] = address;
		address += size;
		*strings += size;
	}
	words[(*at)++] = 0;
	return address;
}

int stack_build(const struct exec_args *a, uintptr_t vdso, uintptr_t *ret_sp)
{
	struct process *p = current_process();
	uintptr_t path = p->stack_start - 8 - (strlen(a->path) + 1), strings = path - a->used;
	uintptr_t platform = strings - sizeof(PLATFORM), random = (platform & ~15UL) - 16, sp;
	size_t words_max = 3 + (size_t)a->argc + a->envc + 2 * AUXV_MAX, count = 0;
	uintptr_t *words = kmalloc(words_max * sizeof(*words));
	const char *string = a->strings;
	struct auxv auxv = { .words = p->auxv };
	uint8_t chance[16];
	int err = -EFAULT;

	if (!words)
		return -ENOMEM;
	memset(p->auxv, 0, sizeof(p->auxv));
	fill_auxv(&auxv, a, vdso, random, platform, path);
	words[count++] = a->argc;
	p->arg_start = strings;
	p->arg_end = p->env_start = put_strings(words, &count, &string, a->argc, strings);
	p->env_end = put_strings(words, &count, &string, a->envc, p->env_start);
	memcpy(words + count, auxv.words, auxv.count * sizeof(*words));
	count += auxv.count;
	sp = (random - count * sizeof(*words)) & ~15UL;
	plat_random(chance, sizeof(chance));
	if (copy_out(UPTR(path), a->path, strlen(a->path) + 1) ||
	    copy_out(UPTR(strings), a->strings, a->used) ||
	    copy_out(UPTR(platform), PLATFORM, sizeof(PLATFORM)) ||
	    copy_out(UPTR(random), chance, sizeof(chance)) ||
	    copy_out(UPTR(sp), words, count * sizeof(*words)))
		goto out;
	secure_zero(chance, sizeof(chance));
	*ret_sp = sp;
	err = 0;
out:
	kfree(words);
	return err;
}
