/* SPDX-License-Identifier: Apache-2.0 */
/* sgx/space.c, its invariants, and as it is after boot. */
#include "hypervisor/sgx/space.c"
#include "hypervisor/tests/checks/checks.h"

static const char *leaf_check(const struct space *s, uint64_t linear, uint64_t leaf)
{
	const struct enclave *e = s->enclave;
	uint64_t page = leaf & LEAF_ADDRESS;
	const struct epcm_entry *entry = epcm_of(page);
	bool have = npt_lookup(e->npt, page);

	if (linear - e->secs->base < e->secs->size) {
		if (!entry)
			return "a page in ELRANGE that is not EPC";
		if (!epcm_allows(entry, e->secs_physical, linear, SECINFO_R))
			return "a page in ELRANGE that the EPCM does not give";
		if (((leaf & LEAF_WRITE) && !(entry->rights & SECINFO_W)) ||
		    (!(leaf & LEAF_NO_EXEC) && !(entry->rights & SECINFO_X)))
			return "rights that the EPCM does not give";
		return NULL;
	}
	if (!(leaf & LEAF_NO_EXEC))
		return "code outside ELRANGE";
	if (abort_page && page == pool_physical(abort_page))
		return leaf & LEAF_WRITE ? "a writable abort page" : NULL;
	/* Not in the nested tables: an access finds nothing (sgx_nested_fault). */
	return owner_of(page) == OWNER_LINUX || !have
		       ? NULL
		       : "a page outside ELRANGE that is not Linux's";
}

static const char *table_check(const struct space *s, uint64_t *table, unsigned int level,
			       uint64_t linear)
{
	const char *wrong = NULL;

	for (unsigned int i = 0; i < TABLE_ENTRIES && !wrong; i++) {
		uint64_t at = linear | (uint64_t)i << (12 + 9 * (level - 1));

		if (!(table[i] & LEAF_PRESENT))
			continue;
		if (level == 1)
			wrong = leaf_check(s, at, table[i]);
		else
			wrong = table_check(s, pool_virtual(table[i] & LEAF_ADDRESS), level - 1,
					    at);
	}
	return wrong;
}

struct npt *space_npt(const struct space *s)
{
	return s->enclave->npt;
}

const char *space_check(void)
{
	for (unsigned int i = 0; i < SPACES; i++) {
		const struct space *s = &spaces[i];
		const char *wrong = s->enclave ? table_check(s, s->root, s->levels, 0) : NULL;

		if (wrong)
			return wrong;
	}
	for (unsigned int i = 0; i < ENCLAVES; i++) {
		const struct enclave *e = &enclaves[i];

		if (e->secs && e->secs->run != (uintptr_t)e)
			return "a slot that its SECS does not know";
	}
	return NULL;
}

void space_reset(void)
{
	for (unsigned int i = 0; i < SPACES; i++) {
		spaces[i].running = 0;
	}
	for (unsigned int i = 0; i < ENCLAVES; i++) {
		enclaves[i].running = 0;
		if (enclaves[i].secs)
			enclave_free(&enclaves[i]);
	}
	if (abort_page)
		pool_put(abort_page);
	abort_page = NULL;
}
