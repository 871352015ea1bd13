/* SPDX-License-Identifier: Apache-2.0 */
/* mem/npt.c, and whether enclaves' tables hold what they may: every entry is judged again. */
#include "hypervisor/mem/npt.c"
#include "hypervisor/tests/checks/checks.h"

static bool forget_table(struct npt *npt, uint64_t *table, unsigned int level, uint64_t start,
			 uint64_t end)
{
	bool changed = false;

	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t host = table[i] & ENTRY_ADDRESS;

		if (table[i] && level > 1) {
			changed |= forget_table(npt, entry_table(table[i]), level - 1, start, end);
		} else if (table[i] && host >= start && host < end) {
			clear(npt, &table[i]);
			changed = true;
		}
	}
	return changed;
}

void npt_forget(uint64_t start, uint64_t end)
{
	for (unsigned int i = 1; i < NPTS; i++) {
		if (npts[i].root && forget_table(&npts[i], npts[i].root, NPT_LEVELS, start, end))
			new_generation(&npts[i]);
	}
}

static const char *check_leaf(const struct npt *npt, uint64_t entry, size_t *epc)
{
	uint64_t host = entry & ENTRY_ADDRESS;
	unsigned int rights = NPT_READ | (entry & ENTRY_WRITE ? NPT_WRITE : 0) |
			      (entry & ENTRY_NO_EXEC ? 0 : NPT_EXEC);

	if (owner_of(host) == OWNER_HYPERVISOR)
		rights |= NPT_TABLE;
	if (!permitted(host, rights) || entry != leaf_entry(host, rights))
		return "enclave: a page that is not for it";
	if (owner_of(host) == OWNER_EPC) {
		++*epc;
		if (!epc_user_count(host, number(npt)))
			return "enclave: a page of EPC that is another's";
	}
	return NULL;
}

static const char *check_table(const struct npt *npt, const uint64_t *table, unsigned int level,
			       size_t *epc)
{
	const char *wrong = NULL;

	for (unsigned int i = 0; i < TABLE_ENTRIES && !wrong; i++) {
		if (!table[i])
			continue;
		if (level == 1)
			wrong = check_leaf(npt, table[i], epc);
		else if (!entry_table(table[i]) ||
			 table[i] != table_entry(entry_table(table[i]), level, false))
			wrong = "enclave: entry of a table";
		else
			wrong = check_table(npt, entry_table(table[i]), level - 1, epc);
	}
	return wrong;
}

const char *npt_check(void)
{
	size_t all = 0;

	for (unsigned int i = 1; i < NPTS; i++) {
		size_t epc = 0;
		const char *wrong =
			npts[i].root ? check_table(&npts[i], npts[i].root, NPT_LEVELS, &epc) : NULL;

		if (wrong)
			return wrong;
		if (npts[i].root &&
		    (epc != npts[i].epc_pages || npts[i].generation > last_generation))
			return "enclave: count of EPC pages or generation";
		all += epc;
	}
	return all == epc_users_total() ? NULL
					: "EPC pages are mapped that their table does not know";
}
