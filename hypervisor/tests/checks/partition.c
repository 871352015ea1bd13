/* SPDX-License-Identifier: Apache-2.0 */
/* mem/partition.c, and its order. */
#include "hypervisor/mem/partition.c"
#include "hypervisor/tests/checks/checks.h"

const char *partition_check(const struct partition *p)
{
	if (!p->count || p->count > PARTITION_EXTENTS)
		return "partition: count";
	if (p->extents[0].start)
		return "partition: does not begin at 0";
	if (p->extents[p->count - 1].start >= p->limit || p->limit % PAGE_SIZE)
		return "partition: limit";
	for (unsigned int i = 0; i < p->count; i++) {
		if (p->extents[i].start % PAGE_SIZE)
			return "partition: alignment";
		if (p->extents[i].owner > OWNER_PROTECTED)
			return "partition: owner";
		if (i && p->extents[i - 1].start >= p->extents[i].start)
			return "partition: order";
		if (i && p->extents[i - 1].owner == p->extents[i].owner)
			return "partition: neighbours are one extent";
	}
	return NULL;
}
