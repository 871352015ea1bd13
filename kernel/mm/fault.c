/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page faults of applications that the platform could not resolve by itself (private memory and copy on write are its
 * own business): the parts of mappings that were left for later, stacks that grow, files that have grown.
 *
 * A fault at a place that turns out to be mapped is another task's work of a moment ago: try again. But a page that
 * keeps faulting (the host has no memory for it) must not become an endless loop.
 */
#include <asm/resource.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/vma.h"
#include "kernel/task/task.h"

#define GROW_AT_ONCE (128UL << 10)
#define STACK_GUARD (1UL << 20)
#define SPURIOUS_MAX 200

/* A MAP_GROWSDOWN mapping whose first byte lies above `at`. */
static bool grow_down(struct mm *mm, struct vma *v, uintptr_t at)
{
	uint64_t limit = current_process()->limits[RLIMIT_STACK].current;
	uintptr_t start = PAGE_DOWN(at), wanted = v->start - MIN(v->start, GROW_AT_ONCE);
	struct vma *below = vma_prev(v);
	uintptr_t floor = MAX(plat_info()->user_start, PAGE_SIZE);

	if (below)
		floor = below->end +
			(below->prot && !(below->flags & MAP_GROWSDOWN) ? STACK_GUARD : 0);
	if (v->end - floor > limit)
		floor = v->end - PAGE_DOWN(limit);
	if (start < floor || v->end < floor)
		return false;
	start = MIN(start, wanted);
	start = MAX(start, floor);
	if (!range_usable(start, v->start - start) ||
	    mm_check_limits(mm, v->start - start, v->prot, v->flags))
		return false;
	if (plat_map_anon(start, v->start - start, v->prot))
		return false;
	vma_account(mm, v, -1);
	v->start = start;
	vma_account(mm, v, 1);
	return true;
}

static bool spurious(struct mm *mm, uintptr_t at)
{
	at = PAGE_DOWN(at);
	if (mm->spurious_at != at) {
		mm->spurious_at = at;
		mm->spurious_count = 0;
	}
	return ++mm->spurious_count < SPURIOUS_MAX;
}

static bool allowed(unsigned int prot, unsigned int access)
{
	if (access & PLAT_WRITE)
		return prot & PROT_WRITE;
	if (access & PLAT_EXEC)
		return prot & PROT_EXEC;
	return prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

static bool fault_locked(struct mm *mm, uintptr_t at, unsigned int access, int *ret_sig,
			 int *ret_code)
{
	struct vma *v = mm_find(mm, at);

	*ret_sig = SIGSEGV;
	*ret_code = SEGV_MAPERR;
	if (!v)
		return false;
	if (at < v->start)
		return v->flags & MAP_GROWSDOWN && grow_down(mm, v, at);
	*ret_code = SEGV_ACCERR;
	if (!allowed(v->prot, access) || (v->stubs && !v->pages))
		return false;
	*ret_sig = SIGBUS;
	*ret_code = BUS_ADRERR;
	if (v->kind == VMA_MAPPING) {
		uint64_t index = vma_index(v, at);

		if (!vma_run_at(v, index))
			return vma_map_window(v, index) == 0;
	} else if (v->kind == VMA_HOST) {
		/* What the host's file has is mapped: this is beyond its end, or the host lets us down. */
		return false;
	}
	return spurious(mm, at);
}

bool mm_fault(uintptr_t at, unsigned int access, int *ret_sig, int *ret_code)
{
	struct process *p = current_process();
	struct mm *mm = p ? p->mm : NULL;
	int sig = SIGSEGV, code = SEGV_MAPERR;
	bool repaired = false;

	if (mm) {
		mutex_lock(&mm->lock);
		repaired = fault_locked(mm, at, access, &sig, &code);
		mutex_unlock(&mm->lock);
	}
	*ret_sig = sig;
	*ret_code = code;
	return repaired;
}
