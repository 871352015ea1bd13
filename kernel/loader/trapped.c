/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts system calls that came by a trap, for each place in text: what to look at when a program is slow. A fixed
 * table, hashed by address; a slot belongs to one address for ever, and when all of a neighbourhood are taken the call is not
 * counted. No locks: a slot is claimed by compare-and-exchange, counters are atomic; details are filled in by the
 * claimer and published by `ready`.
 */
#include "kernel/loader/trapped.h"

#include "abi/boot.h"
#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/loader/rewrite.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define SLOTS 256
#define PROBES 8
#define NAME_MAX_SIZE 1024

static struct slot {
	uint64_t address, count; /* of the `syscall` */
	uint32_t ready;
	struct boot_stats_site details;
} slots[SLOTS];

/* Base name of the file mapped there. Only if the lock is free: this is the path of every trapped call. */
static void find_module(struct mm *mm, uintptr_t at, char *ret, size_t size)
{
	struct vma *v;
	char *buffer, *name;

	if (!mutex_trylock(&mm->lock))
		return;
	v = mm_find(mm, at);
	buffer = v && v->start <= at && v->file ? kmalloc(NAME_MAX_SIZE) : NULL;
	if (buffer) {
		name = path_name(&v->file->path, buffer, NAME_MAX_SIZE);
		if (!IS_ERR(name)) {
			const char *slash = strrchr(name, '/');

			(void)str_copy(ret, slash ? slash + 1 : name, size);
		}
		kfree(buffer);
	}
	mutex_unlock(&mm->lock);
}

static void fill_in(struct slot *s, struct mm *mm)
{
	struct boot_stats_site *d = &s->details;

	d->address = s->address;
	if (s->address >= 8 && copy_in(d->bytes, UPTR(s->address - 8), sizeof(d->bytes)))
		memset(d->bytes, 0, sizeof(d->bytes));
	find_module(mm, s->address, d->module, sizeof(d->module));
	__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
}

void rewrite_count_trap(struct mm *mm, uintptr_t return_address, uint64_t number)
{
	uint64_t address = return_address - 2, hash = hash_u64(address);

	(void)number;
	for (unsigned int n = 0; n < PROBES; n++) {
		struct slot *s = &slots[(hash + n) % SLOTS];
		uint64_t seen = __atomic_load_n(&s->address, __ATOMIC_RELAXED);

		if (!seen && __atomic_compare_exchange_n(&s->address, &seen, address, false,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			__atomic_fetch_add(&s->count, 1, __ATOMIC_RELAXED);
			fill_in(s, mm);
			return;
		}
		if (seen == address) {
			__atomic_fetch_add(&s->count, 1, __ATOMIC_RELAXED);
			return;
		}
	}
}

size_t rewrite_trapped_sites(struct boot_stats_site *ret, size_t max)
{
	size_t count = 0;

	for (size_t n = 0; n < SLOTS; n++) {
		struct boot_stats_site site;
		size_t at;

		if (!__atomic_load_n(&slots[n].ready, __ATOMIC_ACQUIRE))
			continue;
		site = slots[n].details;
		site.count = __atomic_load_n(&slots[n].count, __ATOMIC_RELAXED);
		if (count < max)
			count++;
		else if (!max || ret[max - 1].count >= site.count)
			continue;
		for (at = count - 1; at && ret[at - 1].count < site.count; at--)
			ret[at] = ret[at - 1];
		ret[at] = site;
	}
	return count;
}
