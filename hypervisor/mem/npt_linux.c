/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's nested page tables, which are its devices' IOMMU tables as well. They are a function of the partition and hold no decision of their own:
 *
 *	entry(level, address) = the owner of the whole span, if one owner has it and the level can say so: a page, nothing, or (EPC) the abort tables;
 *	                        a table otherwise.
 *
 * Made once and never written again; npt_linux_check (tests) computes everything anew and compares. Tables of a span of EPC are shared: one per level, whose
 * entries all lead to the abort page (all ones, read only).
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

/* The table of `level` that spans [base, ...). NULL: no memory. Depth: the levels. */
static uint64_t *build(const struct partition *p, unsigned int level, uint64_t base)
{
	uint64_t *table = pool_page();

	for (unsigned int i = 0; table && i < TABLE_ENTRIES; i++) {
		uint64_t at = base + i * level_span(level), *below;

		if (span_entry(p, level, at, &table[i]))
			continue;
		below = build(p, level - 1, at);
		if (!below)
			return NULL;
		table[i] = table_entry(below, level, true);
	}
	return table;
}

int npt_linux_init(const struct partition *p)
{
	for (unsigned int l = 0; l < NPT_LEVELS; l++) {
		abort_tables[l] = pool_page();
		if (!abort_tables[l])
			return -ENOMEM;
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
			if (l)
				(void)uniform_entry(l, 0, OWNER_EPC, &abort_tables[l][i]);
			else
				abort_tables[0][i] = ~0ULL;
		}
	}
	root = build(p, NPT_LEVELS, 0);
	return root ? 0 : -ENOMEM;
}

uint64_t npt_linux_root(void)
{
	return pool_physical(root);
}
