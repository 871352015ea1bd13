/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's nested page tables, which are its devices' IOMMU tables as well. They are a function of the partition and hold no decision of their own:
 *
 *	entry(level, address) = the owner of the whole span, if one owner has it and the level can say so: a page, nothing, or (EPC) the abort tables;
 *	                        a table otherwise.
 *
 * So an update recomputes what it touches, splitting and merging are the same step, and npt_linux_check recomputes everything and compares. Tables of a span
 * of EPC are shared: one per level, whose entries all lead to the abort page (all ones, read only). They are never written after npt_linux_init.
 */
#include <asm/errno.h>

#include "hypervisor/mem/owner_internal.h"
#include "lib/base/string.h"

static uint64_t *root;
static uint64_t *abort_tables[NPT_LEVELS]; /* [0]: the page of ones; [l]: a table of level l */
static bool gigabyte_pages = true;

void npt_set_gigabyte_pages(bool available)
{
	gigabyte_pages = available;
}

int stash_fill(struct stash *stash, size_t count)
{
	*stash = (struct stash){ 0 };
	while (stash->count < count) {
		void **page = pool_page();

		if (!page) {
			stash_empty(stash);
			return -ENOMEM;
		}
		*page = stash->pages;
		stash->pages = page;
		stash->count++;
	}
	return 0;
}

static void *stash_take(struct stash *stash)
{
	void **page = stash->pages;

	assert(page);
	stash->pages = *page;
	stash->count--;
	*page = NULL;
	return page;
}

void stash_empty(struct stash *stash)
{
	while (stash->count)
		pool_put(stash_take(stash));
}

static bool is_abort_table(uint64_t entry)
{
	const uint64_t *table = entry_table(entry);

	for (unsigned int l = 1; l < NPT_LEVELS; l++) {
		if (table == abort_tables[l])
			return true;
	}
	return false;
}

/* What an entry of this level says if one owner has the whole span. false: only a table can. */
static bool uniform_entry(unsigned int level, uint64_t address, enum owner owner,
			  uint64_t *ret_entry)
{
	switch (owner) {
	case OWNER_LINUX:
		if (level > 3 || (level == 3 && !gigabyte_pages))
			return false;
		*ret_entry = address | ENTRY_LEAF | ENTRY_WRITE | ENTRY_DMA_READ | ENTRY_DMA_WRITE |
			     (level > 1 ? ENTRY_LARGE : 0);
		return true;
	case OWNER_EPC:
		*ret_entry = level == 1
				     ? pool_physical(abort_tables[0]) | ENTRY_LEAF | ENTRY_NO_EXEC
				     : table_entry(abort_tables[level - 1], level, true);
		return true;
	default:
		*ret_entry = 0;
		return true;
	}
}

static bool span_entry(const struct partition *p, unsigned int level, uint64_t address,
		       uint64_t *ret_entry)
{
	uint64_t end = address + level_span(level);

	if (address >= p->limit) {
		*ret_entry = 0;
		return true;
	}
	if (end > p->limit || !partition_uniform(p, address, end))
		return false;
	return uniform_entry(level, address, p->extents[partition_find(p, address)].owner,
			     ret_entry);
}

static void retire(uint64_t entry, unsigned int level)
{
	uint64_t *table;

	if (!entry_is_table(entry, level) || is_abort_table(entry))
		return;
	table = entry_table(entry);
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
		retire(table[i], level - 1);
	pool_retire(table);
}

/* The table of `level` that spans [base, ...) agrees with p in [start, end) afterwards. Depth: the levels. */
static void cover(const struct partition *p, uint64_t *table, unsigned int level, uint64_t base,
		  uint64_t start, uint64_t end, struct stash *stash)
{
	uint64_t span = level_span(level);

	for (unsigned int i = level_index(MAX(start, base), level);
	     i < TABLE_ENTRIES && base + i * span < end; i++) {
		uint64_t at = base + i * span, old = table[i], new;

		if (span_entry(p, level, at, &new)) {
			if (new == old)
				continue;
			entry_set(&table[i], new);
			retire(old, level);
		} else if (entry_is_table(old, level) && !is_abort_table(old)) {
			cover(p, entry_table(old), level - 1, at, start, end, stash);
		} else {
			/* Complete before it is seen. */
			uint64_t *below = stash_take(stash);

			cover(p, below, level - 1, at, at, at + span, stash);
			entry_set(&table[i], table_entry(below, level, true));
		}
	}
}

/* Tables below one of this level. */
static size_t count_tables(const struct partition *p, unsigned int level, uint64_t base)
{
	size_t count = 0;
	uint64_t ignored;

	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t at = base + i * level_span(level);

		if (!span_entry(p, level, at, &ignored))
			count += 1 + count_tables(p, level - 1, at);
	}
	return count;
}

int npt_linux_init(const struct partition *p)
{
	struct stash stash;
	int r = stash_fill(&stash, NPT_LEVELS);

	if (r)
		return r;
	for (unsigned int l = 0; l < NPT_LEVELS; l++)
		abort_tables[l] = stash_take(&stash);
	if (stash_fill(&stash, 1 + count_tables(p, NPT_LEVELS, 0)))
		return -ENOMEM;
	root = stash_take(&stash);
	memset(abort_tables[0], 0xff, PAGE_SIZE);
	for (unsigned int l = 1; l < NPT_LEVELS; l++) {
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
			(void)uniform_entry(l, 0, OWNER_EPC, &abort_tables[l][i]);
	}
	cover(p, root, NPT_LEVELS, 0, 0, p->limit, &stash);
	stash_empty(&stash);
	return 0;
}

uint64_t npt_linux_root(void)
{
	return pool_physical(root);
}

unsigned int npt_linux_lookup(uint64_t guest_physical, uint64_t *ret_physical)
{
	const uint64_t *table = root;

	if (guest_physical >= NPT_LIMIT)
		return 0;
	for (unsigned int level = NPT_LEVELS;; level--) {
		uint64_t entry = table[level_index(guest_physical, level)];

		if (!(entry & ENTRY_PRESENT))
			return 0;
		if (entry_is_table(entry, level)) {
			table = entry_table(entry);
			continue;
		}
		*ret_physical = (entry & ENTRY_ADDRESS) |
				(guest_physical & (level_span(level) - 1));
		return NPT_READ | (entry & ENTRY_WRITE ? NPT_WRITE : 0) |
		       (entry & ENTRY_NO_EXEC ? 0 : NPT_EXEC);
	}
}
