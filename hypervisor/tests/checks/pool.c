/* SPDX-License-Identifier: Apache-2.0 */
/* mem/pool.c, and how many pages are left. */
#include "hypervisor/mem/pool.c"
#include "hypervisor/tests/checks/checks.h"

size_t pool_left(void)
{
	size_t left = 0;

	spin_lock(&pool.lock);
	for (size_t i = pool.first; i < pool.pages; i++)
		left += !is_used(i);
	spin_unlock(&pool.lock);
	return left;
}
