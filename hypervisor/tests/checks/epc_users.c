/* SPDX-License-Identifier: Apache-2.0 */
/* mem/epc_users.c, and its sums. */
#include "hypervisor/mem/epc_users.c"
#include "hypervisor/tests/checks/checks.h"

size_t epc_users_total(void)
{
	size_t total = 0;

	for (unsigned int i = 0; i < CHUNKS; i++) {
		for (size_t k = 0; chunks[i] && k < CHUNK_PAGES; k++)
			total += chunks[i][k].count;
	}
	return total;
}

size_t epc_users_pages(void)
{
	size_t pages = 0;

	for (unsigned int i = 0; i < CHUNKS; i++)
		pages += !!chunks[i];
	return pages;
}

unsigned int epc_user_count(uint64_t page, uint16_t npt)
{
	const struct epc_use *use = use_of(page);

	return use && use->npt == npt ? use->count : 0;
}

bool epc_users_any(uint64_t start, uint64_t end)
{
	for (uint64_t page = start; page < end; page += PAGE_SIZE) {
		const struct epc_use *use = use_of(page);

		if (use && use->count)
			return true;
	}
	return false;
}
