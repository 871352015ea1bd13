/* SPDX-License-Identifier: Apache-2.0 */
/* mem/npt.c, and whether enclaves' tables hold what they may: every entry is judged again. For that those that live are written down here. */
#include "hypervisor/tests/checks/checks.h"

#define npt_new npt_new_unlisted
#define npt_free npt_free_unlisted
struct npt *npt_new(void);
void npt_free(struct npt *npt);
#include "hypervisor/mem/npt.c"
#undef npt_new
#undef npt_free

static struct npt *listed[1024];

struct npt *npt_new(void)
{
	struct npt *npt = npt_new_unlisted();
	unsigned int i = 0;

	while (npt && listed[i])
		assert(++i < ARRAY_SIZE(listed));
	if (npt)
		listed[i] = npt;
	return npt;
}

void npt_free(struct npt *npt)
{
	unsigned int i = 0;

	while (listed[i] != npt)
		assert(++i < ARRAY_SIZE(listed));
	listed[i] = NULL;
	npt_free_unlisted(npt);
}

void npts_forget(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(listed); i++)
		listed[i] = NULL;
}

size_t epc_users_total(void)
{
	size_t total = 0;

	for (uint64_t page = epc_start; page < epc_end; page += PAGE_SIZE)
		total += user_of(page) && *user_of(page);
	return total;
}

static const char *check_leaf(const struct npt *npt, uint64_t page, uint64_t entry, size_t *epc)
{
	unsigned int rights = npt_lookup(npt, page);

	if (owner_of(page) == OWNER_HYPERVISOR)
		rights |= NPT_TABLE;
	if (!permitted(page, rights) || entry != leaf_entry(page, rights))
		return "enclave: a page that is not for it";
	if (owner_of(page) == OWNER_EPC) {
		++*epc;
		if (*user_of(page) != npt)
			return "enclave: a page of EPC that is another's";
	}
	return NULL;
}

static const char *check_table(const struct npt *npt, const uint64_t *table, unsigned int level,
			       uint64_t base, size_t *epc)
{
	const char *wrong = NULL;

	for (unsigned int i = 0; i < TABLE_ENTRIES && !wrong; i++) {
		uint64_t at = base + i * level_span(level);

		if (!table[i])
			continue;
		if (level == 1)
			wrong = check_leaf(npt, at, table[i], epc);
		else if (!entry_table(table[i]) ||
			 table[i] != table_entry(entry_table(table[i]), level, false))
			wrong = "enclave: entry of a table";
		else
			wrong = check_table(npt, entry_table(table[i]), level - 1, at, epc);
	}
	return wrong;
}

const char *npt_check(void)
{
	size_t epc = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(listed); i++) {
		const char *wrong =
			listed[i] ? check_table(listed[i], listed[i]->entries, NPT_LEVELS, 0, &epc)
				  : NULL;

		if (wrong)
			return wrong;
	}
	return epc == epc_users_total() ? NULL
					: "EPC pages are mapped that their table does not know";
}
