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
uint64_t owner_begun; /* twice a change of `partitions`: a reader whose number moved reads again */
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
	owner_begun++;
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

enum owner owner_of(uint64_t physical_address)
{
	for (;;) {
		uint64_t number = __atomic_load_n(&owner_begun, __ATOMIC_ACQUIRE);
		const struct partition *p = published();
		enum owner owner = OWNER_PROTECTED;

		if (physical_address < p->limit)
			owner = p->extents[partition_find(p, physical_address)].owner;
		asm volatile("" : : : "memory"); /* loads are in order on x86 */
		if (__atomic_load_n(&owner_begun, __ATOMIC_RELAXED) == number)
			return owner;
	}
}
