/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which enclave's nested tables map a page of EPC, and how many times: invariant 3 of owner.h. A window of the physical address space, around the first page of
 * EPC that was mapped, in chunks of a pool page each, while it has users. A count of 0 means that nobody has the page.
 * Lock: owner_lock.
 */
#include <asm/errno.h>

#include "hypervisor/mem/owner_internal.h"
#include "lib/base/string.h"

#define CHUNKS 8192U /* 32 GiB */

struct epc_use {
	uint16_t npt, count;
};

#define CHUNK_PAGES (PAGE_SIZE / sizeof(struct epc_use))

static struct epc_use *chunks[CHUNKS];
static uint32_t chunk_pages[CHUNKS]; /* with users; a chunk without any is given back */
static uint64_t window;		     /* number of its first page */
static bool window_placed;

void epc_users_reset(void)
{
	memset(chunks, 0, sizeof(chunks));
	memset(chunk_pages, 0, sizeof(chunk_pages));
	window_placed = false;
}

static struct epc_use *use_of(uint64_t page)
{
	uint64_t i = page / PAGE_SIZE - window;

	return window_placed && i / CHUNK_PAGES < CHUNKS && chunks[i / CHUNK_PAGES]
		       ? &chunks[i / CHUNK_PAGES][i % CHUNK_PAGES]
		       : NULL;
}

int epc_user_get(uint64_t page, uint16_t npt)
{
	struct epc_use *use;
	uint64_t chunk;

	if (!window_placed) {
		/* The first page seen lies in the middle. */
		window = MAX(page / PAGE_SIZE, CHUNKS / 2 * CHUNK_PAGES) - CHUNKS / 2 * CHUNK_PAGES;
		window_placed = true;
	}
	chunk = (page / PAGE_SIZE - window) / CHUNK_PAGES;
	if (chunk >= CHUNKS)
		return -ENOMEM;
	if (!chunks[chunk])
		chunks[chunk] = pool_page();
	use = use_of(page);
	if (!use)
		return -ENOMEM;
	chunk_pages[chunk] += !use->count;
	if (use->count && (use->npt != npt || use->count == UINT16_MAX))
		return -EBUSY;
	use->npt = npt;
	use->count++;
	return 0;
}

void epc_user_put(uint64_t page, uint16_t npt)
{
	uint64_t chunk = (page / PAGE_SIZE - window) / CHUNK_PAGES;
	struct epc_use *use = use_of(page);

	assert(use && use->count && use->npt == npt);
	use->count--;
	if (!use->count && !--chunk_pages[chunk]) {
		pool_put(chunks[chunk]);
		chunks[chunk] = NULL;
	}
}
