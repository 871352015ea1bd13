/* SPDX-License-Identifier: Apache-2.0 */
/* mem/npt_linux.c, and whether Linux's tables say what the partition says: all is computed again. */
#include "hypervisor/mem/npt_linux.c"
#include "hypervisor/tests/checks/checks.h"

static bool is_abort_table(uint64_t entry)
{
	for (unsigned int l = 1; l < NPT_LEVELS; l++) {
		if (entry_table(entry) == abort_tables[l])
			return true;
	}
	return false;
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
