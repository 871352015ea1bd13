/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewritten text in address spaces: maps a file's patched pages and its stubs, remembers where, and translates
 * addresses, so that no stub address is ever seen by the application.
 *
 *   stubs (gap) | module's lowest segment ... text ... data
 *   ^ base + lowest - gap
 *
 * A record lives as long as its stubs are mapped, which is longer than its text: text that was unmapped leaves the
 * stubs behind, and the same file at the same place finds them again. mm->rewrite is made under mm.lock and lives as
 * long as the mm; its own lock guards the records (sorted by address; modules do not overlap, so by stubs is by text, too).
 *
 * Locks: mm.lock -> rewrite.lock; the lock is not held over user memory.
 */
#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/loader/rewrite_internal.h"
#include "kernel/loader/trapped.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "lib/base/string.h"

#define RECORDS_MAX 4096
#define JUMP_OPCODE 0xe9

struct record {
	uintptr_t stubs, stubs_end, text, text_end;
	uintptr_t base;		  /* module address 0 */
	struct text_image *image; /* counted */
};

struct mm_rewrite {
	struct mutex lock;
	uint32_t count, capacity;
	uintptr_t low, high; /* nothing of ours lies outside; grows only */
	struct record *records;
};

static struct mm_rewrite *of(const struct mm *mm)
{
	return __atomic_load_n((struct mm_rewrite *const *)&mm->rewrite, __ATOMIC_ACQUIRE);
}

static bool is_outside(const struct mm_rewrite *r, uintptr_t at)
{
	return !r || at < __atomic_load_n(&r->low, __ATOMIC_RELAXED) ||
	       at >= __atomic_load_n(&r->high, __ATOMIC_RELAXED);
}

/* The last record whose stubs start at or below `at`: index, or -1. Lock held. */
static int record_below(const struct mm_rewrite *r, uintptr_t at)
{
	uint32_t low = 0, high = r->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (r->records[middle].stubs <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return (int)low - 1;
}

/* Makes room for one more record, so that adding cannot fail. mm.lock held. */
static struct mm_rewrite *reserve(struct mm *mm)
{
	struct mm_rewrite *r = mm->rewrite;
	struct record *grown;
	uint32_t capacity;

	if (!r) {
		r = kzalloc(sizeof(*r));
		if (!r)
			return NULL;
		r->low = UINTPTR_MAX;
		__atomic_store_n(&mm->rewrite, r, __ATOMIC_RELEASE);
	}
	if (r->count < r->capacity)
		return r;
	capacity = r->capacity ? r->capacity * 2 : 8;
	if (capacity > RECORDS_MAX)
		return NULL;
	grown = kmalloc(capacity * sizeof(*grown));
	if (!grown)
		return NULL;
	mutex_lock(&r->lock);
	if (r->count)
		memcpy(grown, r->records, r->count * sizeof(*grown));
	kfree(r->records);
	r->records = grown;
	r->capacity = capacity;
	mutex_unlock(&r->lock);
	return r;
}

/* Takes over a reference of the image. */
static void record_add(struct mm_rewrite *r, const struct record *new)
{
	uint32_t at;

	mutex_lock(&r->lock);
	at = (uint32_t)(record_below(r, new->stubs) + 1);
	memmove(&r->records[at + 1], &r->records[at], (r->count - at) * sizeof(*new));
	r->records[at] = *new;
	r->count++;
	__atomic_store_n(&r->low, MIN(r->low, new->stubs), __ATOMIC_RELAXED);
	__atomic_store_n(&r->high, MAX(r->high, new->text_end), __ATOMIC_RELAXED);
	mutex_unlock(&r->lock);
}

/* Where the image would lie if `offset` of the file is at `at`: false if it does not fit there. */
static bool place(const struct text_image *t, uint64_t offset, uintptr_t at, size_t size,
		  struct record *ret)
{
	const struct plat_info *info = plat_info();
	uint64_t into = offset - t->offset;
	uintptr_t text, lowest;

	if (offset < t->offset || into > t->pages * PAGE_SIZE ||
	    PAGE_UP(size) > t->pages * PAGE_SIZE - into)
		return false;
	text = at - into;
	lowest = text - (t->address - t->lowest);
	if (at < into || lowest > text || lowest < t->gap ||
	    lowest - t->gap < MAX(info->user_start, PAGE_SIZE))
		return false;
	*ret = (struct record){
		.stubs = lowest - t->gap,
		.stubs_end = lowest - t->gap + t->sites.stubs_size,
		.text = text,
		.text_end = text + t->pages * PAGE_SIZE,
		.base = text - t->address,
	};
	return true;
}

int rewrite_map_text(struct mm *mm, struct file *file, uint64_t offset, uintptr_t at, size_t size,
		     unsigned int prot, void **ret_pages)
{
	struct text_image *t = text_image_get(file);
	struct record new;
	struct mm_rewrite *r;
	int index, err = -ENOENT;
	bool known = false;

	if (!t)
		return -ENOENT;
	if (offset % PAGE_SIZE || !place(t, offset, at, size, &new))
		goto out;
	r = reserve(mm);
	if (!r)
		goto out;
	mutex_lock(&r->lock);
	index = record_below(r, new.stubs);
	if (index >= 0)
		known = r->records[index].stubs == new.stubs && r->records[index].image == t;
	mutex_unlock(&r->lock);
	if (!known) {
		if (mm_map_stubs_locked(mm, new.stubs, t->sites.stubs_size, t->sites.stubs))
			goto out;
		new.image = t;
		ref_get(&t->refs);
		record_add(r, &new);
	}
	*ret_pages = t->text + (offset - t->offset);
	err = plat_map_enclave(at, PAGE_UP(size), prot, *ret_pages, false);
out:
	text_image_put(t);
	return err;
}

/* An unmapped or overwritten range. Only the loss of stubs ends a record: without them its text cannot run anyway. */
void rewrite_forget(struct mm *mm, uintptr_t at, size_t size)
{
	struct mm_rewrite *r = of(mm);
	uint32_t kept = 0;

	if (!r || !r->count || at >= r->high || at + size <= r->low)
		return;
	for (;;) {
		struct text_image *gone = NULL;

		mutex_lock(&r->lock);
		for (; kept < r->count; kept++) {
			struct record *record = &r->records[kept];

			if (record->stubs >= at + size || record->stubs_end <= at)
				continue;
			gone = record->image;
			memmove(record, record + 1, (r->count - kept - 1) * sizeof(*record));
			r->count--;
			break;
		}
		mutex_unlock(&r->lock);
		if (!gone)
			return;
		text_image_put(gone);
	}
}

void rewrite_mm_fork(struct mm *to, struct mm *from)
{
	struct mm_rewrite *r = of(from), *copy;

	to->rewrite = NULL;
	to->vdso = from->vdso;
	if (!r || !r->count)
		return;
	/* mm.lock of `from` is held by fork, so the records stay as many as they are. */
	copy = kzalloc(sizeof(*copy));
	if (copy)
		copy->records = kmalloc(r->capacity * sizeof(*copy->records));
	if (!copy || !copy->records) {
		/* The child's text works without records, only translation is lost; but its pages must stay. */
		for (uint32_t n = 0; n < r->count; n++)
			ref_get(&r->records[n].image->refs);
		kfree(copy);
		return;
	}
	mutex_lock(&r->lock);
	copy->capacity = r->capacity;
	copy->count = r->count;
	copy->low = r->low;
	copy->high = r->high;
	memcpy(copy->records, r->records, r->count * sizeof(*copy->records));
	for (uint32_t n = 0; n < copy->count; n++)
		ref_get(&copy->records[n].image->refs);
	mutex_unlock(&r->lock);
	to->rewrite = copy;
}

void rewrite_mm_done(struct mm *mm)
{
	struct mm_rewrite *r = mm->rewrite;

	mm->rewrite = NULL;
	if (!r)
		return;
	for (uint32_t n = 0; n < r->count; n++)
		text_image_put(r->records[n].image);
	kfree(r->records);
	kfree(r);
}

/* --- addresses ------------------------------------------------------------------------------------------------------ */

uintptr_t rewrite_original_address(struct mm *mm, uintptr_t ip)
{
	struct mm_rewrite *r = of(mm);
	uint64_t original;
	int index;

	if (is_outside(r, ip))
		return ip;
	mutex_lock(&r->lock);
	index = record_below(r, ip);
	if (index >= 0) {
		const struct record *record = &r->records[index];

		if (ip < record->stubs_end &&
		    rewrite_image_original(&record->image->sites, ip - record->stubs, &original))
			ip = record->base + original;
	}
	mutex_unlock(&r->lock);
	return ip;
}

uintptr_t rewrite_resume_address(struct mm *mm, uintptr_t ip)
{
	struct mm_rewrite *r = of(mm);
	const struct rewrite_site *site = NULL;
	uintptr_t patch = 0, stub = 0, target = 0;
	uint32_t offset;
	uint8_t jump[5];
	int32_t displacement;
	int index;

	if (is_outside(r, ip))
		return ip;
	mutex_lock(&r->lock);
	index = record_below(r, ip);
	if (index >= 0) {
		const struct record *record = &r->records[index];

		if (ip >= record->text && ip < record->text_end)
			site = rewrite_image_patched_over(&record->image->sites, ip - record->base,
							  &offset);
		if (site) {
			patch = record->base + site->patch;
			stub = record->stubs + site->stub;
			target = record->stubs + offset;
		}
	}
	mutex_unlock(&r->lock);
	if (!site)
		return ip;
	/* The text may have been replaced since: only our own jump means that the original is not there. */
	if (copy_in(jump, UPTR(patch), sizeof(jump)))
		return ip;
	memcpy(&displacement, jump + 1, sizeof(displacement));
	return jump[0] == JUMP_OPCODE &&
			       patch + sizeof(jump) + (uintptr_t)(intptr_t)displacement == stub
		       ? target
		       : ip;
}
