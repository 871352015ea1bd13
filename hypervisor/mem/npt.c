/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested page tables of enclaves: sparse, identical, 4 KiB pages only, filled as the enclave touches memory. What may be in them is decided in one place
 * (npt_map): EPC of this enclave alone, Linux's memory without execution, and the enclave's own guest page tables.
 *
 * Model: a struct npt is the table of the highest level, a page of the pool. Tables grow with npt_map and are freed with the enclave only, so a processor
 * that walks them never sees memory of another use. For each page of EPC `users` says whose tables map it (invariant 3 of owner.h). arch forgets an
 * enclave's translations at each entry.
 * Lock: the caller's (epc_lock).
 */
#include <asm/errno.h>

#include "hypervisor/mem/owner_internal.h"

struct npt {
	uint64_t entries[TABLE_ENTRIES];
};

static const struct npt **users; /* of each page from epc_start to epc_end; NULL: nobody */
static uint64_t epc_start, epc_end;

int npt_init(const struct partition *p)
{
	epc_start = p->limit;
	epc_end = 0;
	for (unsigned int i = 0; i < p->count; i++) {
		if (p->extents[i].owner != OWNER_EPC)
			continue;
		epc_start = MIN(epc_start, p->extents[i].start);
		epc_end = i + 1 < p->count ? p->extents[i + 1].start : p->limit;
	}
	if (!epc_end)
		return 0;
	users = pool_pages(PAGE_UP((epc_end - epc_start) / PAGE_SIZE * sizeof(*users)) / PAGE_SIZE);
	return users ? 0 : -ENOMEM;
}

/* NULL: not EPC. */
static const struct npt **user_of(uint64_t page)
{
	return owner_of(page) == OWNER_EPC ? &users[(page - epc_start) / PAGE_SIZE] : NULL;
}

struct npt *npt_new(void)
{
	return pool_page();
}

static void clear(uint64_t *entry)
{
	const struct npt **user = *entry ? user_of(*entry & ENTRY_ADDRESS) : NULL;

	entry_set(entry, 0);
	if (user)
		*user = NULL;
}

static void free_table(uint64_t *table, unsigned int level)
{
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		if (level == 1)
			clear(&table[i]);
		else if (table[i])
			free_table(entry_table(table[i]), level - 1);
	}
	pool_put(table);
}

void npt_free(struct npt *npt)
{
	free_table(npt->entries, NPT_LEVELS);
}

uint64_t npt_root(const struct npt *npt)
{
	return pool_physical(npt);
}

/* The page's entry; grow: with the tables above it, NULL if there is no memory for them. What was made for nothing stays, empty. */
static uint64_t *find(const struct npt *npt, uint64_t page, bool grow)
{
	uint64_t *table = (uint64_t *)(uintptr_t)npt->entries;

	for (unsigned int level = NPT_LEVELS; level > 1; level--) {
		uint64_t *entry = &table[level_index(page, level)];

		if (!*entry) {
			uint64_t *below = grow ? pool_page() : NULL;

			if (!below)
				return NULL;
			entry_set(entry, table_entry(below, level, false));
		}
		table = entry_table(*entry);
	}
	return &table[level_index(page, 1)];
}

static uint64_t leaf_entry(uint64_t page, unsigned int rights)
{
	return page | ENTRY_LEAF | (rights & NPT_WRITE ? ENTRY_WRITE : 0) |
	       (rights & NPT_EXEC ? 0 : ENTRY_NO_EXEC);
}

/* The rule of what an enclave may have. EPC of others is found by its user. */
static bool permitted(uint64_t page, unsigned int rights)
{
	switch (owner_of(page)) {
	case OWNER_EPC:
		return !(rights & NPT_TABLE);
	case OWNER_LINUX:
		return !(rights & (NPT_EXEC | NPT_TABLE));
	case OWNER_HYPERVISOR:
		return rights == (NPT_READ | NPT_WRITE | NPT_TABLE) && pool_virtual(page);
	default:
		return false;
	}
}

int npt_map(struct npt *npt, uint64_t page, unsigned int rights)
{
	const struct npt **user = user_of(page);
	uint64_t *entry;

	if (page % PAGE_SIZE || !(rights & NPT_READ) ||
	    rights > (NPT_READ | NPT_WRITE | NPT_EXEC | NPT_TABLE))
		return -EINVAL;
	if (!permitted(page, rights))
		return -EPERM;
	if (user && *user && *user != npt)
		return -EBUSY;
	entry = find(npt, page, true);
	if (!entry)
		return -ENOMEM;
	if (user)
		*user = npt;
	entry_set(entry, leaf_entry(page, rights));
	return 0;
}

void npt_unmap(struct npt *npt, uint64_t page)
{
	uint64_t *entry = find(npt, page, false);

	if (entry)
		clear(entry);
}

unsigned int npt_lookup(const struct npt *npt, uint64_t page)
{
	const uint64_t *entry = find(npt, page, false);

	if (!entry || !*entry)
		return 0;
	return NPT_READ | (*entry & ENTRY_WRITE ? NPT_WRITE : 0) |
	       (*entry & ENTRY_NO_EXEC ? 0 : NPT_EXEC);
}
