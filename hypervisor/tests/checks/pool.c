/* SPDX-License-Identifier: Apache-2.0 */
/* mem/pool.c, and how many pages are left. */
#include "hypervisor/mem/pool.c"
#include "hypervisor/tests/checks/checks.h"

size_t pool_left(void)
{
	size_t left = 0;

	mem_lock(&pool.lock);
	for (size_t i = pool.first; i < pool.pages; i++)
		left += !bit(pool.used, i);
	mem_unlock(&pool.lock);
	return left;
}

void pool_reclaim(void)
{
	mem_lock(&pool.lock);
	for (size_t w = 0; w < pool.pages / 64 + 1; w++) {
		if (!pool.retired[w])
			continue;
		pool.used[w] &= ~pool.retired[w];
		pool.retired[w] = 0;
		pool.hint = MIN(pool.hint, MAX(w * 64, pool.first));
	}
	mem_unlock(&pool.lock);
}

bool pool_overlaps(uint64_t start, uint64_t end)
{
	return start < pool.physical + pool.pages * PAGE_SIZE && end > pool.physical;
}
