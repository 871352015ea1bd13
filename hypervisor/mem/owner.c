/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners of physical memory (owner.h): the partition, written by owner_init before any guest runs and only read from then on. So what owner_of said stays
 * true for good, and nothing here is locked.
 */
#include <asm/errno.h>

#include "hypervisor/mem/owner_internal.h"

static struct partition partition;

int owner_init(const struct memory_range *ranges, unsigned int count, uint64_t limit)
{
	int r = limit > NPT_LIMIT ? -EINVAL : partition_init(&partition, ranges, count, limit);

	if (!r)
		r = npt_init(&partition);
	return r ? r : npt_linux_init(&partition);
}

enum owner owner_of(uint64_t physical_address)
{
	if (physical_address >= partition.limit)
		return OWNER_PROTECTED;
	return partition.extents[partition_find(&partition, physical_address)].owner;
}
