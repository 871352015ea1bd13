/* SPDX-License-Identifier: Apache-2.0 */
/* mem/npt_linux.c, and whether Linux's tables say what the partition says: all is computed again. */
#include "hypervisor/mem/npt_linux.c"
#include "hypervisor/tests/checks/checks.h"

void npt_linux_update(const struct partition *p, uint64_t start, uint64_t end, struct stash *stash)
{
	cover(p, root, NPT_LEVELS, 0, start, end, stash);
}

/* Each end of the range can cut one span of each level above pages; a table is forced per 512 GiB, and per GiB without pages of that size. */
size_t npt_linux_need(uint64_t start, uint64_t end)
{
	size_t need = 2 * (NPT_LEVELS - 1) + ((end - 1) >> 39) - (start >> 39) + 1;

	return gigabyte_pages ? need : need + ((end - 1) >> 30) - (start >> 30) + 1;
}

static const char *check(const struct partition *p, const uint64_t *table, unsigned int level,
			 uint64_t base)
{
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t at = base + i * level_span(level), expected;
		const char *wrong;

		if (span_entry(p, level, at, &expected)) {
			if (table[i] != expected)
				return "linux: an entry disagrees with the owner";
			continue;
		}
		if (!entry_is_table(table[i], level) || is_abort_table(table[i]) ||
		    !entry_table(table[i]))
			return "linux: a span of several owners has no table";
		if (table[i] != table_entry(entry_table(table[i]), level, true))
			return "linux: rights of a table";
		wrong = check(p, entry_table(table[i]), level - 1, at);
		if (wrong)
			return wrong;
	}
	return NULL;
}

const char *npt_linux_check(const struct partition *p)
{
	for (size_t i = 0; i < PAGE_SIZE / sizeof(uint64_t); i++) {
		if (abort_tables[0][i] != ~0ULL)
			return "linux: abort page";
	}
	for (unsigned int l = 1; l < NPT_LEVELS; l++) {
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
			uint64_t expected;

			if (!uniform_entry(l, 0, OWNER_EPC, &expected) ||
			    abort_tables[l][i] != expected)
				return "linux: abort table";
		}
	}
	return check(p, root, NPT_LEVELS, 0);
}
