/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making VMAs visible: the platform's map calls for each kind of VMA. A VMA_MAPPING is mapped run by run: at once what
 * the cache has, and what is cheap to make; larger parts not there yet wait for a page fault, which maps a window
 * around it. Pages beyond the end of the file are never mapped, so that touching them faults.
 *
 * mm.lock is held. Filling pages may wait for the host.
 */
#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/vma.h"

#define EAGER_FILL 2048UL  /* pages read from elsewhere for one mmap */
#define EAGER_EMPTY 256UL  /* empty pages made for one mmap */
#define WINDOW_PAGES 128UL /* around a page fault */

static inline unsigned int plat_prot(const struct vma *v)
{
	unsigned int prot = v->prot & (PLAT_READ | PLAT_WRITE | PLAT_EXEC);

	if (v->kind == VMA_ANON && v->flags & MAP_NORESERVE)
		prot |= PLAT_NORESERVE;
	return prot;
}

static inline uint64_t mapping_pages(const struct mapping *m)
{
	return PAGE_UP(__atomic_load_n(&m->size, __ATOMIC_ACQUIRE)) >> PAGE_SHIFT;
}

/* One run that mapping_*_run gave us (its references are used up in any case). */
static int map_run(struct vma *v, uint64_t index, void *pages, size_t count)
{
	int err = plat_map_enclave(vma_address(v, index), count * PAGE_SIZE, plat_prot(v), pages,
				   vma_is_shared(v));

	if (err) {
		pages_put(pages, count);
		return err;
	}
	return vma_add_run(v, index, pages, count);
}

static int unmap_part(struct vma *v, uint64_t first, uint64_t end, unsigned int how)
{
	if (first >= end || !(how & BACKING_REPLACES))
		return 0;
	return plat_unmap(vma_address(v, first), (end - first) << PAGE_SHIFT);
}

static int map_mapping(struct vma *v, uintptr_t start, uintptr_t end, unsigned int how)
{
	struct mapping *m = v->mapping;
	bool fill = m->ops && m->ops->fill;
	uint64_t index = vma_index(v, start), last = vma_index(v, end),
		 limit = MIN(last, mapping_pages(m));
	uint64_t unmapped = index; /* from here to index nothing is mapped */
	size_t budget = how & BACKING_POPULATE ? SIZE_MAX : fill ? EAGER_FILL : EAGER_EMPTY;
	int err;

	while (index < limit) {
		void *pages;
		long n = mapping_find_run(m, index, limit - index, &pages);

		if (!n) {
			uint64_t next = mapping_next_present(m, index);
			size_t hole = MIN(next, limit) - index;

			if (hole <= budget) {
				budget -= hole;
				n = mapping_get_run(m, index, hole, &pages);
			}
			if (n <= 0) {
				/* Later, by page fault; so also if memory is short now. */
				index += hole;
				continue;
			}
		}
		err = unmap_part(v, unmapped, index, how);
		if (err) {
			pages_put(pages, (size_t)n);
			return err;
		}
		err = map_run(v, index, pages, (size_t)n);
		if (err)
			return err;
		index += (uint64_t)n;
		unmapped = index;
	}
	return unmap_part(v, unmapped, last, how);
}

int vma_map_backing(struct vma *v, uintptr_t start, uintptr_t end, unsigned int how)
{
	switch (v->kind) {
	case VMA_ANON:
		return plat_map_anon(start, end - start, plat_prot(v));
	case VMA_MAPPING:
		return map_mapping(v, start, end, how);
	case VMA_HOST:
		return plat_map_host(start, end - start, plat_prot(v), v->host_handle,
				     v->offset + (start - v->start), vma_is_shared(v));
	case VMA_SPECIAL:
		break;
	}
	return -EINVAL;
}

int vma_protect_backing(struct vma *v, unsigned int prot)
{
	struct vma_run *r;
	int err = 0;

	prot &= PLAT_READ | PLAT_WRITE | PLAT_EXEC;
	if (v->kind == VMA_ANON || v->kind == VMA_HOST)
		return plat_protect(v->start, vma_size(v), prot);
	for (r = list_first(&v->runs, struct vma_run, link); &r->link != &v->runs && !err;) {
		uint64_t first = r->index, end = r->index + r->count;

		/* Runs that touch are one call. */
		for (r = list_entry(r->link.next, struct vma_run, link);
		     &r->link != &v->runs && r->index == end;
		     r = list_entry(r->link.next, struct vma_run, link))
			end += r->count;
		err = plat_protect(vma_address(v, first), (end - first) << PAGE_SHIFT, prot);
	}
	return err;
}

int vma_map_window(struct vma *v, uint64_t index)
{
	struct mapping *m = v->mapping;
	uint64_t first = index & ~(WINDOW_PAGES - 1), end = first + WINDOW_PAGES, limit;
	struct vma_run *r;
	void *pages;
	long n;
	int err;

	limit = MIN(vma_index(v, v->end), mapping_pages(m));
	if (index >= limit)
		return -EFAULT;
	first = MAX(first, vma_index(v, v->start));
	end = MIN(end, limit);
	/* Not over what is mapped: private pages may have been written. */
	list_for_each(r, &v->runs, link) {
		if (r->index + r->count <= index)
			first = MAX(first, r->index + r->count);
		else if (r->index > index)
			end = MIN(end, r->index);
	}
	for (uint64_t at = first; at < end; at += (uint64_t)n) {
		n = mapping_get_run(m, at, end - at, &pages);
		if (n < 0) {
			/* The rest of the window is a courtesy, the page itself is not. */
			return at > index ? 0 : (int)n;
		}
		err = map_run(v, at, pages, (size_t)n);
		if (err)
			return err;
	}
	return 0;
}
