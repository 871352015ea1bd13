/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces that enclaves run in: page tables of the hypervisor's own (Linux never sees them),
 * under nested tables that hold nothing but the enclave's EPC pages, Linux's memory and these page
 * tables. Guest physical is host physical.
 *
 * Model: both are caches. An enclave has a slot (struct enclave: its nested tables) while there is
 * room, and for each of Linux's address spaces that enter it a struct space (page tables, and a
 * list of what they map). Entries appear by faults only (address.c) and are what leaf_for makes of
 * Linux's tables and the EPCM. At each entry every mapping is held against them again and dropped if
 * that would now be another: as if the TLB had been flushed, without faulting all of it in again. A
 * page that the EPCM takes away is dropped in all spaces at once. What no processor uses is freed
 * when memory or slots run out.
 *
 * Holding against Linux's tables is what an entry costs, so the list remembers where Linux's leaf
 * entry of each mapping is and what it said, and the space remembers all entries above those: while
 * each of them still reads the same, walking again would end the same. Where one differs, the walk
 * is done.
 *
 * Invariants, checked by space_check (tests):
 *	1. A leaf inside ELRANGE is an EPC page that the EPCM gives this enclave at this address,
 *	with no more rights than it says.
 *	2. A leaf outside is Linux's memory (or the abort page, read only), never executable; or the
 *	nested tables do not have its page.
 *	3. An enclave's nested tables hold no EPC page of others.
 *	4. Slots and spaces with processors in them are never freed.
 *
 * Accessed and dirty are set in all entries, so the processor never writes to the tables. All under
 * epc_lock; processors inside walk the tables meanwhile, so entries change as a whole. arch forgets
 * an ASID's translations at each entry of an enclave.
 */
#include "hypervisor/mem/owner.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

#include <asm-generic/errno-base.h>

#define ENCLAVES 128
#define SPACES 192
#define RECORD_PAGES 9
#define RECORDS_A_PAGE (PAGE_SIZE / sizeof(struct record))
#define RECORDS (RECORD_PAGES * RECORDS_A_PAGE)
#define UPPERS 32
#define TABLES_MAX 256	    /* of one space */
#define BORROWED_MAX 16384U /* pages of Linux put into nested tables, before these are made anew */
#define TABLE_ENTRIES 512U
#define TABLE_RIGHTS (NPT_READ | NPT_WRITE | NPT_TABLE)
/* In a leaf entry, ignored by the processor: the list has this address; its record was held against this entry. */
#define LEAF_LISTED (1ULL << 9)
#define LEAF_HELD (1ULL << 10)

struct enclave {
	struct secs *secs; /* NULL: free */
	uint64_t secs_physical;
	struct npt *npt;
	uint64_t npt_root;
	unsigned int running, borrowed;
	uint64_t used;	    /* clock, for who goes first */
	struct space *last; /* entered last; may be another's by now */
};

/* A mapping, and Linux's leaf entry that it was last held against; entry NULL: not known yet. */
struct record {
	uint64_t linear;
	uint64_t *leaf; /* ours */
	struct watched linux_leaf;
};

struct space {
	struct enclave *enclave; /* NULL: free */
	uint64_t cr3;
	unsigned int levels, running, tables, count;
	uint64_t used;
	uint64_t *root, root_physical;
	struct record *records[RECORD_PAGES];
	/* All entries above the leaves of records whose linux_leaf is known; more than fit: none is known. */
	struct watched uppers[UPPERS];
	unsigned int upper_count;
	bool changed; /* a leaf of ours, since the last entry; or not every linux_leaf is known */
};

static struct enclave enclaves[ENCLAVES];
static struct space spaces[SPACES];
static uint64_t now;
static void *abort_page; /* all ones: what an enclave reads where Linux maps EPC outside ELRANGE */

uint64_t space_changes;

static void entry_write(uint64_t *entry, uint64_t value)
{
	space_changes++;
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static unsigned int index_at(uint64_t linear, unsigned int level)
{
	return (unsigned int)(linear >> (12 + 9 * (level - 1))) % TABLE_ENTRIES;
}

/* --- Tables --- */

static void table_free(struct space *s, uint64_t *table, unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < TABLE_ENTRIES; i++) {
		if (table[i] & LEAF_PRESENT)
			table_free(s, pool_virtual(table[i] & LEAF_ADDRESS), level - 1);
	}
	npt_unmap(s->enclave->npt, pool_physical(table));
	pool_put(table);
	space_changes++;
}

static void space_free(struct space *s)
{
	assert(!s->running);
	if (s->root)
		table_free(s, s->root, s->levels);
	for (unsigned int i = 0; i < RECORD_PAGES; i++) {
		if (s->records[i])
			pool_put(s->records[i]);
	}
	memset(s, 0, sizeof(*s));
}

static void enclave_free(struct enclave *e)
{
	assert(!e->running);
	for (unsigned int i = 0; i < SPACES; i++) {
		if (spaces[i].enclave == e)
			space_free(&spaces[i]);
	}
	npt_free(e->npt);
	e->secs->run = 0;
	memset(e, 0, sizeof(*e));
}

/* Frees the space, or else the enclave, that has been idle longest. keep: not this one. */
static bool reclaim(const struct enclave *keep)
{
	struct space *oldest = NULL;
	struct enclave *enclave = NULL;

	for (unsigned int i = 0; i < SPACES; i++) {
		struct space *s = &spaces[i];

		if (s->enclave && !s->running && (!oldest || s->used < oldest->used))
			oldest = s;
	}
	if (oldest) {
		space_free(oldest);
		return true;
	}
	for (unsigned int i = 0; i < ENCLAVES; i++) {
		struct enclave *e = &enclaves[i];

		if (e->secs && e != keep && !e->running && (!enclave || e->used < enclave->used))
			enclave = e;
	}
	if (enclave)
		enclave_free(enclave);
	return enclave != NULL;
}

/* A page of the pool, at the cost of idle spaces. */
static void *page_new(const struct enclave *keep)
{
	void *page;

	do {
		page = pool_page();
	} while (!page && reclaim(keep));
	return page;
}

static int map_nested(struct enclave *e, uint64_t page, unsigned int rights)
{
	int err;

	do {
		err = npt_map(e->npt, page, rights);
	} while (err == -ENOMEM && reclaim(e));
	return err;
}

static uint64_t *table_new(struct space *s)
{
	uint64_t *table = s->tables < TABLES_MAX ? page_new(s->enclave) : NULL;

	if (table && map_nested(s->enclave, pool_physical(table), TABLE_RIGHTS)) {
		pool_put(table);
		return NULL;
	}
	if (table)
		s->tables++;
	return table;
}

/* The leaf entry's place; grow: with the tables above it. NULL: there is none. */
static uint64_t *leaf_at(struct space *s, uint64_t linear, bool grow)
{
	uint64_t *table = s->root;

	for (unsigned int level = s->levels; level > 1; level--) {
		uint64_t *entry = &table[index_at(linear, level)];

		if (!(*entry & LEAF_PRESENT)) {
			uint64_t *below = grow ? table_new(s) : NULL;

			if (!below)
				return NULL;
			entry_write(entry, pool_physical(below) | LEAF_PRESENT | LEAF_WRITE |
						   LEAF_USER | LEAF_ACCESSED);
		}
		table = pool_own(*entry & LEAF_ADDRESS);
	}
	return &table[index_at(linear, 1)];
}

/* --- The list of what is mapped --- */

static struct record *record_at(struct space *s, unsigned int i)
{
	return &s->records[i / RECORDS_A_PAGE][i % RECORDS_A_PAGE];
}

void space_forget(struct space *s)
{
	for (unsigned int i = 0; i < s->count; i++) {
		entry_write(record_at(s, i)->leaf, 0);
	}
	s->count = s->upper_count = 0;
}

static int record_add(struct space *s, uint64_t linear, uint64_t *leaf)
{
	if (s->count == RECORDS)
		space_forget(s);
	if (!s->records[s->count / RECORDS_A_PAGE]) {
		void *page = page_new(s->enclave);

		if (!page)
			return -ENOMEM;
		s->records[s->count / RECORDS_A_PAGE] = page;
	}
	*record_at(s, s->count++) = (struct record){ .linear = linear, .leaf = leaf };
	return 0;
}

bool watched_add(struct watched *list, unsigned int *count, unsigned int max,
		 const struct watched *what)
{
	for (unsigned int i = 0; i < *count; i++) {
		if (list[i].entry == what->entry)
			return list[i].value == what->value;
	}
	if (*count == max)
		return false;
	list[(*count)++] = *what;
	return true;
}

/*
 * Our entry for what Linux maps there, as the EPCM or its owner allow; 0: not at all. *ret_rights:
 * those of its page in the nested tables.
 */
static uint64_t leaf_for(const struct space *s, uint64_t linear, const struct linux_mapping *m,
			 unsigned int *ret_rights)
{
	const struct enclave *e = s->enclave;
	const struct epcm_entry *entry = epcm_of(m->page);
	uint64_t leaf = m->key | LEAF_PRESENT | LEAF_USER | LEAF_ACCESSED | LEAF_DIRTY |
			LEAF_LISTED;

	*ret_rights = NPT_READ | NPT_WRITE;
	if (!in_elrange(e->secs, linear)) {
		leaf |= LEAF_NO_EXEC;
		if (owner_of(m->page) == OWNER_LINUX)
			return leaf | m->page | m->cache | (m->write ? LEAF_WRITE : 0);
		*ret_rights |= NPT_TABLE;
		return entry ? leaf | pool_physical(abort_page) : 0;
	}
	if (!entry || !epcm_allows(entry, e->secs_physical, linear, SECINFO_R))
		return 0;
	*ret_rights = NPT_READ | (entry->rights & SECINFO_W ? NPT_WRITE : 0) |
		      (entry->rights & SECINFO_X ? NPT_EXEC : 0);
	leaf |= m->write && (entry->rights & SECINFO_W) ? LEAF_WRITE : 0;
	leaf |= m->exec && (entry->rights & SECINFO_X) ? 0 : LEAF_NO_EXEC;
	return leaf | m->page;
}

/* Nothing above any leaf changed since it was walked through: else what is known is worth nothing. */
static void uppers_check(struct space *s)
{
	if (!watched_difference(s->uppers, s->upper_count))
		return;
	s->upper_count = 0;
	for (unsigned int i = 0; i < s->count; i++)
		record_at(s, i)->linux_leaf.entry = NULL;
}

static bool record_holds(const struct record *r)
{
	return r->linux_leaf.entry && (*r->leaf & LEAF_HELD) &&
	       !watched_difference(&r->linux_leaf, 1);
}

/* By another walk. False: the mapping is gone. */
static bool record_renew(struct space *s, struct record *r)
{
	uint64_t leaf = *r->leaf & ~LEAF_HELD;
	struct linux_mapping m;
	unsigned int rights;

	if (!linux_mapping(s->cr3, s->levels, r->linear, &m) ||
	    leaf != leaf_for(s, r->linear, &m, &rights)) {
		entry_write(r->leaf, 0);
		return false;
	}
	/* No room, or an entry reads otherwise than it did for another leaf: the next entry asks anew. */
	r->linux_leaf.entry = NULL;
	for (unsigned int i = 0; i + 1 < m.count; i++) {
		if (!watched_add(s->uppers, &s->upper_count, UPPERS, &m.path[i]))
			return true;
	}
	r->linux_leaf = m.path[m.count - 1];
	entry_write(r->leaf, leaf | LEAF_HELD);
	return true;
}

/* Nothing that any mapping was held against reads otherwise: the usual case, and what an entry's cost hangs on. */
static bool space_same(const struct space *s)
{
	uint64_t difference = s->changed;
	unsigned int left = s->count;

	if (difference | watched_difference(s->uppers, s->upper_count))
		return false;
	for (unsigned int page = 0; left; page++) {
		const struct record *r = s->records[page];
		unsigned int here = MIN(left, (unsigned int)RECORDS_A_PAGE);

		left -= here;
		for (const struct record *end = r + here; r < end; r++)
			difference |= watched_difference(&r->linux_leaf, 1);
	}
	return !difference;
}

/* What an entry does instead of forgetting everything. */
static __attribute__((noinline)) void space_renew(struct space *s)
{
	unsigned int kept = 0;

	s->changed = false;
	uppers_check(s);
	for (unsigned int i = 0; i < s->count; i++) {
		struct record *r = record_at(s, i);

		if (!record_holds(r) && !record_renew(s, r))
			continue;
		s->changed |= !r->linux_leaf.entry;
		if (kept != i)
			*record_at(s, kept) = *r;
		kept++;
	}
	s->count = kept;
}

int space_map(struct space *s, uint64_t linear, uint32_t access, const struct linux_mapping *m)
{
	unsigned int rights;
	uint64_t leaf = leaf_for(s, linear, m, &rights), page = leaf & LEAF_ADDRESS, *at;
	int err;

	if (!leaf || ((access & PF_WRITE) && !(leaf & LEAF_WRITE)) ||
	    ((access & PF_FETCH) && (leaf & LEAF_NO_EXEC)))
		return -EACCES;
	err = map_nested(s->enclave, page, rights);
	if (err)
		return err;
	s->enclave->borrowed += owner_of(page) == OWNER_LINUX;
	if (s->tables + s->levels > TABLES_MAX && s->running == 1) {
		/*
		 * Too wide a region for the tables at hand: this processor is the only one, and not
		 * walking them now.
		 */
		space_forget(s);
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
			if (s->root[i] & LEAF_PRESENT)
				table_free(s, pool_virtual(s->root[i] & LEAF_ADDRESS),
					   s->levels - 1);
			s->root[i] = 0;
		}
		s->tables = 1;
	}
	at = leaf_at(s, linear, true);
	if (!at || (!(*at & LEAF_LISTED) && record_add(s, PAGE_DOWN(linear), at)))
		return -ENOMEM;
	entry_write(at, leaf);
	s->changed = true;
	return 0;
}

uint64_t space_leaf(struct space *s, uint64_t linear)
{
	const uint64_t *at = leaf_at(s, linear, false);

	return at && (*at & LEAF_PRESENT) ? *at & ~(LEAF_LISTED | LEAF_HELD) : 0;
}

/* --- Slots --- */

static __attribute__((noinline)) struct enclave *enclave_new(struct secs *secs,
							     uint64_t secs_physical)
{
	struct enclave *slot = NULL;

	if (!abort_page) {
		abort_page = page_new(NULL);
		if (!abort_page)
			return NULL;
		memset(abort_page, 0xff, PAGE_SIZE);
	}
	do {
		for (unsigned int i = 0; i < ENCLAVES && !slot; i++) {
			if (!enclaves[i].secs)
				slot = &enclaves[i];
		}
	} while (!slot && reclaim(NULL));
	if (!slot)
		return NULL;
	do {
		slot->npt = npt_new();
	} while (!slot->npt && reclaim(NULL));
	if (!slot->npt)
		return NULL;
	slot->npt_root = npt_root(slot->npt);
	slot->secs = secs;
	slot->secs_physical = secs_physical;
	secs->run = (uintptr_t)slot;
	return slot;
}

static inline struct enclave *enclave_of(struct secs *secs, uint64_t secs_physical)
{
	struct enclave *e = (struct enclave *)(uintptr_t)secs->run;

	if (e) {
		assert(e >= enclaves && e < enclaves + ENCLAVES && e->secs == secs);
		if (e->borrowed <= BORROWED_MAX || e->running)
			return e;
		enclave_free(e);
	}
	return enclave_new(secs, secs_physical);
}

static __attribute__((noinline)) struct space *space_new(struct enclave *e, uint64_t cr3,
							 unsigned int levels)
{
	struct space *s = NULL;

	do {
		for (unsigned int i = 0; i < SPACES && !s; i++) {
			if (!spaces[i].enclave)
				s = &spaces[i];
		}
	} while (!s && reclaim(e));
	if (!s)
		return NULL;
	s->enclave = e;
	s->cr3 = cr3;
	s->levels = levels;
	s->running = 1; /* not to be reclaimed for its own tables */
	s->root = table_new(s);
	s->running = 0;
	if (!s->root) {
		space_free(s);
		return NULL;
	}
	s->root_physical = pool_physical(s->root);
	return s;
}

static bool is_space(const struct space *s, const struct enclave *e, uint64_t cr3,
		     unsigned int levels)
{
	return s && s->enclave == e && s->cr3 == cr3 && s->levels == levels;
}

int space_enter(struct enclave_entry *entry, uint64_t cr3, unsigned int levels)
{
	struct enclave *e = enclave_of(entry->secs, entry->secs_physical);
	struct space *s = NULL;

	if (!e)
		return -ENOMEM;
	cr3 &= LEAF_ADDRESS;
	if (is_space(e->last, e, cr3, levels))
		s = e->last;
	for (unsigned int i = 0; i < SPACES && !s; i++) {
		if (is_space(&spaces[i], e, cr3, levels))
			s = &spaces[i];
	}
	if (s && !space_same(s))
		space_renew(s);
	if (!s)
		s = space_new(e, cr3, levels);
	if (!s)
		return -ENOMEM;
	e->last = s;
	s->running++;
	e->running++;
	s->used = e->used = ++now;
	entry->space = s;
	entry->cr3 = s->root_physical;
	entry->npt_root = e->npt_root;
	return 0;
}

void space_leave(struct space *s)
{
	assert(s->running && s->enclave->running);
	s->running--;
	s->enclave->running--;
}

/* --- What the EPCM takes away (epcm.h) --- */

void enclave_forget_page(const struct epcm_entry *entry)
{
	struct secs *secs = epcm_secs(entry);
	struct enclave *e = secs ? (struct enclave *)(uintptr_t)secs->run : NULL;
	uint64_t page = epc_physical(entry);

	if (!e)
		return;
	for (unsigned int i = 0; i < SPACES; i++) {
		uint64_t *leaf = spaces[i].enclave == e ? leaf_at(&spaces[i], entry->address, false)
							: NULL;

		/* It stays listed: space_renew takes it off. */
		if (leaf && (*leaf & LEAF_PRESENT) && (*leaf & LEAF_ADDRESS) == page) {
			entry_write(leaf, LEAF_LISTED);
			spaces[i].changed = true;
		}
	}
	npt_unmap(e->npt, page);
}

void enclave_forget(struct secs *secs)
{
	struct enclave *e = (struct enclave *)(uintptr_t)secs->run;

	if (e)
		enclave_free(e);
	secs->run = 0;
}
