/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested page tables of enclaves: sparse, 4 KiB pages only, filled as the enclave touches memory. What may be in them is decided in one place (permitted):
 * EPC of this enclave alone, Linux's memory without execution, and the enclave's own guest page tables.
 *
 * Model: npts[0] stands for Linux (npt_linux.c), the others are enclaves. Tables grow with npt_map and are freed with the enclave only, so a processor that
 * walks them never sees memory of another use. A generation is a number never used before; whoever ran an older one forgets the ASID's translations.
 * Lock: owner_lock, taken here by each public operation. npt_root and npt_generation read one word.
 */
#include <asm/errno.h>

#include "hypervisor/mem/owner_internal.h"
#include "lib/base/string.h"

#define NPTS 1024U

struct npt {
	uint64_t *root; /* NULL: free */
	uint64_t generation;
	size_t epc_pages; /* mappings of EPC in it */
};

static struct npt npts[NPTS];
static uint64_t last_generation;
bool owner_lock;

static uint16_t number(const struct npt *npt)
{
	return (uint16_t)(npt - npts);
}

static void new_generation(struct npt *npt)
{
	__atomic_store_n(&npt->generation, ++last_generation, __ATOMIC_RELEASE);
}

void npt_reset(void)
{
	memset(npts, 0, sizeof(npts));
	new_generation(&npts[0]);
}

struct npt *npt_linux(void)
{
	return &npts[0];
}

struct npt *npt_new(void)
{
	struct npt *npt = NULL;
	uint64_t *root = pool_page();

	if (!root)
		return NULL;
	mem_lock(&owner_lock);
	for (unsigned int i = 1; i < NPTS && !npt; i++) {
		if (!npts[i].root)
			npt = &npts[i];
	}
	if (npt) {
		npt->root = root;
		npt->epc_pages = 0;
		new_generation(npt);
	}
	mem_unlock(&owner_lock);
	if (!npt)
		pool_put(root);
	return npt;
}

/* Whether this page is EPC that the users' table counts. */
static bool leaf_is_epc(uint64_t entry)
{
	return entry & ENTRY_PRESENT && owner_of(entry & ENTRY_ADDRESS) == OWNER_EPC;
}

static void clear(struct npt *npt, uint64_t *entry)
{
	uint64_t old = *entry;

	entry_set(entry, 0);
	if (leaf_is_epc(old)) {
		epc_user_put(old & ENTRY_ADDRESS, number(npt));
		npt->epc_pages--;
	}
}

/*
 * Empties what the table of `level` that spans [base, ...) has in [start, end) of the guest's addresses; `tables`: they go too. What is not there is skipped a
 * table at a time. Whether anything was mapped.
 */
static bool sweep(struct npt *npt, uint64_t *table, unsigned int level, uint64_t base,
		  uint64_t start, uint64_t end, bool tables)
{
	uint64_t span = level_span(level);
	bool changed = false;

	for (unsigned int i = level_index(MAX(start, base), level);
	     i < TABLE_ENTRIES && base + i * span < end; i++) {
		if (table[i] && level > 1) {
			changed |= sweep(npt, entry_table(table[i]), level - 1, base + i * span,
					 start, end, tables);
		} else if (table[i]) {
			clear(npt, &table[i]);
			changed = true;
		}
	}
	if (tables)
		pool_put(table);
	return changed;
}

void npt_free(struct npt *npt)
{
	mem_lock(&owner_lock);
	assert(npt != &npts[0] && npt->root);
	(void)sweep(npt, npt->root, NPT_LEVELS, 0, 0, NPT_LIMIT, true);
	assert(!npt->epc_pages);
	npt->root = NULL;
	mem_unlock(&owner_lock);
}

uint64_t npt_root(const struct npt *npt)
{
	return npt == &npts[0] ? npt_linux_root() : pool_physical(npt->root);
}

uint64_t npt_generation(const struct npt *npt)
{
	return __atomic_load_n(&npt->generation, __ATOMIC_ACQUIRE);
}

/* The rule of what an enclave may have. EPC of others is found by epc_user_get. */
static bool permitted(uint64_t host, unsigned int rights)
{
	switch (owner_of(host)) {
	case OWNER_EPC:
		return !(rights & NPT_TABLE);
	case OWNER_LINUX:
		return !(rights & (NPT_EXEC | NPT_TABLE));
	case OWNER_HYPERVISOR:
		return rights == (NPT_READ | NPT_WRITE | NPT_TABLE) && pool_virtual(host);
	default:
		return false;
	}
}

static uint64_t leaf_entry(uint64_t host, unsigned int rights)
{
	return host | ENTRY_LEAF | (rights & NPT_WRITE ? ENTRY_WRITE : 0) |
	       (rights & NPT_EXEC ? 0 : ENTRY_NO_EXEC);
}

/* The page's entry; grow: with the tables above it, NULL if there is no memory for them. What was made for nothing stays, empty. */
static uint64_t *find(const struct npt *npt, uint64_t guest, bool grow)
{
	uint64_t *table = npt->root;

	for (unsigned int level = NPT_LEVELS; level > 1; level--) {
		uint64_t *entry = &table[level_index(guest, level)];

		if (!*entry) {
			uint64_t *below = grow ? pool_page() : NULL;

			if (!below)
				return NULL;
			entry_set(entry, table_entry(below, level, false));
		}
		table = entry_table(*entry);
	}
	return &table[level_index(guest, 1)];
}

static int map_locked(struct npt *npt, uint64_t guest, uint64_t host, unsigned int rights)
{
	bool epc = owner_of(host) == OWNER_EPC;
	uint64_t *entry, old, new = leaf_entry(host, rights);
	int r;

	if (!permitted(host, rights))
		return -EPERM;
	entry = find(npt, guest, true);
	if (!entry)
		return -ENOMEM;
	old = *entry;
	if (old == new)
		return 0;
	if (epc) {
		r = epc_user_get(host, number(npt));
		if (r)
			return r;
		npt->epc_pages++;
	}
	entry_set(entry, new);
	if (leaf_is_epc(old)) {
		epc_user_put(old & ENTRY_ADDRESS, number(npt));
		npt->epc_pages--;
	}
	/* More rights for the same page need no flush: a processor that faults on the old translation drops it (APM 2, 5.5.2). */
	if (old &&
	    ((old ^ new) & ENTRY_ADDRESS || old & ~new &ENTRY_WRITE || ~old &new &ENTRY_NO_EXEC))
		new_generation(npt);
	return 0;
}

int npt_map(struct npt *npt, uint64_t guest_physical, uint64_t host_physical, unsigned int rights)
{
	int r;

	if (npt == &npts[0] || !npt->root || guest_physical % PAGE_SIZE ||
	    host_physical % PAGE_SIZE || guest_physical >= NPT_LIMIT ||
	    host_physical >= NPT_LIMIT || !(rights & NPT_READ) ||
	    rights > (NPT_READ | NPT_WRITE | NPT_EXEC | NPT_TABLE))
		return -EINVAL;
	mem_lock(&owner_lock);
	r = map_locked(npt, guest_physical, host_physical, rights);
	mem_unlock(&owner_lock);
	return r;
}

void npt_unmap(struct npt *npt, uint64_t guest_physical, uint64_t size)
{
	uint64_t start = PAGE_DOWN(guest_physical), end;

	if (start >= NPT_LIMIT || !size)
		return;
	end = size > NPT_LIMIT - guest_physical ? NPT_LIMIT : guest_physical + size;
	mem_lock(&owner_lock);
	assert(npt != &npts[0] && npt->root);
	if (sweep(npt, npt->root, NPT_LEVELS, 0, start, end, false))
		new_generation(npt);
	mem_unlock(&owner_lock);
}

unsigned int npt_lookup(const struct npt *npt, uint64_t guest_physical, uint64_t *ret_physical)
{
	unsigned int rights = 0;
	const uint64_t *entry;

	mem_lock(&owner_lock);
	if (npt == &npts[0]) {
		rights = npt_linux_lookup(guest_physical, ret_physical);
	} else if (guest_physical < NPT_LIMIT && npt->root) {
		entry = find(npt, guest_physical, false);
		if (entry && *entry) {
			rights = NPT_READ | (*entry & ENTRY_WRITE ? NPT_WRITE : 0) |
				 (*entry & ENTRY_NO_EXEC ? 0 : NPT_EXEC);
			*ret_physical = (*entry & ENTRY_ADDRESS) |
					(guest_physical & (PAGE_SIZE - 1));
		}
	}
	mem_unlock(&owner_lock);
	return rights;
}
