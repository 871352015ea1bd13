/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mappings show beyond the end of a file that was cut goes away: touching it is SIGBUS, as on Linux, until the file
 * grows again; then the page fault maps it anew. Private copies go, too.
 *
 * Only tasks of an address space can unmap in it. So cutting a file some of whose pages are mapped counts up `cuts` and
 * tells all tasks (WORK_MAPS); each address space compares the count it has seen, under its mm.lock, when one of its
 * tasks next leaves the kernel, and looks through its mappings then. The caller's own is done before its call returns;
 * others follow as soon as their tasks were interrupted. Cutting mapped files is rare enough for that.
 */
#include "abi/platform.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/vma.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"

static uint64_t cuts;

/* tree_lock is held. */
static int tell(struct process *p, void *arg)
{
	struct task *t;

	(void)arg;
	if (p->kernel_task)
		return 0;
	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link)
		if (t->state != TASK_DEAD)
			signal_notify(t, WORK_MAPS);
	mutex_unlock(&p->lock);
	return 0;
}

void mm_file_was_cut(void)
{
	__atomic_add_fetch(&cuts, 1, __ATOMIC_SEQ_CST);
	(void)process_for_each(tell, NULL);
}

uint64_t mm_cuts(void)
{
	return __atomic_load_n(&cuts, __ATOMIC_SEQ_CST);
}

static void trim(struct vma *v)
{
	uint64_t end = PAGE_UP(__atomic_load_n(&v->mapping->size, __ATOMIC_ACQUIRE)) >> PAGE_SHIFT;
	uint64_t first = MAX(end, vma_index(v, v->start));
	uintptr_t at = vma_address(v, first);

	/* It cannot fail: it makes no new piece of a host mapping but by splitting one, and then the page stays: harmless. */
	if (vma_cut_runs(v, end) && plat_unmap(at, v->end - at))
		return;
}

void mm_trim(struct mm *mm)
{
	uint64_t seen;

	mutex_lock(&mm->lock);
	seen = mm_cuts();
	if (mm->cuts_seen != seen) {
		mm->cuts_seen = seen;
		for (struct vma *v = vma_entry(rb_first(&mm->vmas)); v; v = mm_next(v))
			if (v->kind == VMA_MAPPING)
				trim(v);
	}
	mutex_unlock(&mm->lock);
}
