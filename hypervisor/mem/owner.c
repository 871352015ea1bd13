/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners of physical memory (owner.h): two partitions, one published, one to write the next into.
 * Readers take no lock: one that a change met in the middle reads again. What a reader decided
 * stays true while he holds (owner_hold); a change waits for those who held before it.
 *
 * A change, in order: check everything and set memory aside; enclaves lose what they borrowed of
 * the range; the partition; Linux's tables; then, without locks, holders let go, processors and
 * IOMMU forget; then tables that fell out of use are free again. Until it returns the range
 * belongs to nobody that can use it.
 * Locks: owner_lock; `changing` keeps a second change out for all of the time.
 */
#include <asm/errno.h>

#include "hypervisor/core/vcpu.h"
#include "hypervisor/mem/owner_internal.h"

static struct partition partitions[2];
static struct partition *current = &partitions[0];
static unsigned int begun; /* changes of `partitions`: a reader whose number moved reads again */
static bool changing;
static unsigned int holders[2],
	side; /* new holders count on `side`, so that a change does not wait forever */

static const struct partition *published(void)
{
	return __atomic_load_n(&current, __ATOMIC_ACQUIRE);
}

static struct partition *spare(void)
{
	return current == &partitions[0] ? &partitions[1] : &partitions[0];
}

int owner_init(const struct memory_range *ranges, unsigned int count, uint64_t limit)
{
	int r;

	if (!limit || limit % PAGE_SIZE || limit > NPT_LIMIT)
		return -EINVAL;
	for (unsigned int i = 0; i < count; i++) {
		const struct memory_range *range = &ranges[i];

		if (range->start % PAGE_SIZE || range->end % PAGE_SIZE ||
		    range->start >= range->end || range->end > limit ||
		    range->owner > OWNER_PROTECTED || (i && range->start < ranges[i - 1].end))
			return -EINVAL;
	}
	partition_init(current, limit, OWNER_LINUX);
	for (unsigned int i = 0; i < count; i++) {
		if (!partition_set(current, ranges[i].start, ranges[i].end, ranges[i].owner,
				   spare()))
			return -ENOSPC;
		current = spare();
	}
	epc_users_reset();
	npt_reset();
	r = npt_linux_init(current);
	return r;
}

unsigned int owner_hold(void)
{
	unsigned int hold = __atomic_load_n(&side, __ATOMIC_SEQ_CST);

	__atomic_add_fetch(&holders[hold], 1, __ATOMIC_SEQ_CST);
	return hold;
}

void owner_release(unsigned int hold)
{
	__atomic_sub_fetch(&holders[hold], 1, __ATOMIC_SEQ_CST);
}

/* All who held before are gone; who comes now sees the published partition. */
static void wait_for_holders(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int before = side;

		__atomic_store_n(&side, 1 - before, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&holders[before], __ATOMIC_SEQ_CST))
			__builtin_ia32_pause();
	}
}

enum owner owner_of(uint64_t physical_address)
{
	for (;;) {
		unsigned int number = __atomic_load_n(&begun, __ATOMIC_ACQUIRE);
		const struct partition *p = published();
		enum owner owner = OWNER_PROTECTED;

		if (physical_address < p->limit)
			owner = p->extents[partition_find(p, physical_address)].owner;
		asm volatile("" : : : "memory"); /* loads are in order on x86 */
		if (__atomic_load_n(&begun, __ATOMIC_RELAXED) == number)
			return owner;
	}
}

bool owner_is(uint64_t start, uint64_t end, enum owner owner)
{
	for (;;) {
		unsigned int number = __atomic_load_n(&begun, __ATOMIC_ACQUIRE);
		const struct partition *p = published();
		bool is = start < end && end <= p->limit && partition_uniform(p, start, end) &&
			  p->extents[partition_find(p, start)].owner == owner;

		asm volatile("" : : : "memory"); /* loads are in order on x86 */
		if (__atomic_load_n(&begun, __ATOMIC_RELAXED) == number)
			return is;
	}
}

/* Under owner_lock. Nothing after the checks can fail. */
static int change_locked(uint64_t start, uint64_t end, enum owner from, enum owner to,
			 struct stash *stash)
{
	if (!owner_is(start, end, from))
		return -EINVAL;
	if (epc_users_any(start, end))
		return -EBUSY;
	__atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
	if (!partition_set(current, start, end, to, spare()))
		return -ENOSPC;
	npt_forget(start, end);
	__atomic_store_n(&current, spare(), __ATOMIC_RELEASE);
	npt_linux_update(current, start, end, stash);
	return 0;
}

int owner_change(struct vcpu *self, uint64_t start, uint64_t end, enum owner from, enum owner to)
{
	struct stash stash;
	int r;

	if (start % PAGE_SIZE || end % PAGE_SIZE || start >= end || end > published()->limit ||
	    to > OWNER_PROTECTED)
		return -EINVAL;
	if (pool_overlaps(start, end) || __atomic_test_and_set(&changing, __ATOMIC_ACQUIRE))
		return -EBUSY;
	r = stash_fill(&stash, npt_linux_need(start, end));
	if (r)
		goto out;
	mem_lock(&owner_lock);
	r = change_locked(start, end, from, to, &stash);
	mem_unlock(&owner_lock);
	stash_empty(&stash);
	if (r)
		goto out;
	wait_for_holders();
	vcpus_flush(self);
	r = iommu_flush();
	/* An IOMMU that does not answer may still walk the old tables: they are lost rather than used for something else. */
	if (!r)
		pool_reclaim();
out:
	__atomic_clear(&changing, __ATOMIC_RELEASE);
	return r;
}

const char *owner_check(void)
{
	const char *wrong;

	mem_lock(&owner_lock);
	wrong = partition_check(current);
	if (!wrong)
		wrong = npt_linux_check(current);
	if (!wrong)
		wrong = npt_check();
	if (!wrong)
		wrong = iommu_check();
	mem_unlock(&owner_lock);
	return wrong;
}
