/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces that enclaves run in: page tables of the hypervisor's own (Linux never sees them),
 * under nested tables that hold nothing but the enclave's EPC pages, Linux's memory and these page
 * tables. Guest physical is host physical.
 *
 * Model: both are caches. An enclave has a slot (struct enclave: its nested tables) while there is
 * room, and for each of Linux's address spaces that enter it a struct space (page tables, and a
 * list of what they map). Entries appear by faults only (address.c), after Linux's tables and the
 * EPCM agreed. At each entry every mapping is held against Linux's tables again and dropped if they
 * no longer say the same: as if the TLB had been flushed, without faulting all of it in again. A
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
#define RECORD_PAGES 11
#define RECORDS_A_PAGE (PAGE_SIZE / sizeof(struct record))
#define RECORDS (RECORD_PAGES * RECORDS_A_PAGE)
#define UPPERS 32
#define TABLES_MAX 256	    /* of one space */
#define BORROWED_MAX 16384U /* pages of Linux in nested tables, before they are made anew */
#define TABLE_ENTRIES 512U
#define TABLE_RIGHTS (NPT_READ | NPT_WRITE | NPT_TABLE)
/* In a leaf entry, ignored by the processor: the list has this address. */
#define LEAF_LISTED (1ULL << 9)

struct enclave {
	struct secs *secs; /* NULL: free */
	uint64_t secs_physical;
	struct npt *npt;
	uint64_t npt_root;
	unsigned int running, borrowed;
	uint64_t used;	    /* clock, for who goes first */
	struct space *last; /* entered last; may be another's by now */
};

/* A mapping, and Linux's leaf entry that it was made or last held against. It holds while both entries read the same. */
struct record {
	uint64_t linear;
	uint64_t *leaf; /* ours */
	uint64_t leaf_value;
	const uint64_t *linux_leaf; /* NULL: not known yet */
	uint64_t linux_value;
};

/* An entry of Linux's tables above leaves. */
struct upper {
	const uint64_t *entry;
	uint64_t value;
};

struct space {
	struct enclave *enclave; /* NULL: free */
	uint64_t cr3;
	unsigned int levels, running, tables, count;
	uint64_t used;
	uint64_t *root, root_physical;
	struct record *records[RECORD_PAGES];
	/* All entries above the leaves of records whose linux_leaf is known; more than fit: none is known. */
	struct upper uppers[UPPERS];
	unsigned int upper_count;
	bool changed; /* a leaf of ours, since the last entry; or not every linux_leaf is known */
};

static struct enclave enclaves[ENCLAVES];
static struct space spaces[SPACES];
static uint64_t now;
static void *abort_page; /* all ones: what an enclave reads where Linux maps EPC outside ELRANGE */

uint64_t space_tables_freed;

static void entry_write(uint64_t *entry, uint64_t value)
{
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
	space_tables_freed++;
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

/* Whether a leaf still is what Linux's tables and the EPCM say. */
static bool leaf_holds(const struct space *s, uint64_t linear, uint64_t leaf,
		       struct linux_mapping *ret_mapping)
{
	const struct enclave *e = s->enclave;
	uint64_t page = leaf & LEAF_ADDRESS;
	struct linux_mapping *m = ret_mapping;

	if (!linux_mapping(s->cr3, s->levels, linear, m) || m->page != page ||
	    m->key != (leaf & LEAF_KEY))
		return false;
	if (((leaf & LEAF_WRITE) && !m->write) || (!(leaf & LEAF_NO_EXEC) && !m->exec))
		return false;
	if (linear - e->secs->base < e->secs->size) {
		const struct epcm_entry *entry = epcm_of(page);

		return entry && epcm_allows(entry, e->secs_physical, linear,
					    SECINFO_R | (leaf & LEAF_WRITE ? SECINFO_W : 0) |
						    (leaf & LEAF_NO_EXEC ? 0 : SECINFO_X));
	}
	return owner_of(page) == OWNER_LINUX && m->cache == (leaf & LEAF_CACHE);
}

/* False: no room, or it reads otherwise than it did for another leaf: the next entry asks anew. */
static bool upper_add(struct space *s, const uint64_t *entry, uint64_t value)
{
	for (unsigned int i = 0; i < s->upper_count; i++) {
		if (s->uppers[i].entry == entry)
			return s->uppers[i].value == value;
	}
	if (s->upper_count == UPPERS)
		return false;
	s->uppers[s->upper_count++] = (struct upper){ entry, value };
	return true;
}

/* The record holds by this walk. */
static void record_learn(struct space *s, struct record *r, uint64_t leaf_value,
			 const struct linux_mapping *m)
{
	r->linux_leaf = NULL;
	for (unsigned int i = 0; i + 1 < m->count; i++) {
		if (!upper_add(s, m->entries[i], m->values[i]))
			return;
	}
	r->leaf_value = leaf_value;
	r->linux_leaf = m->entries[m->count - 1];
	r->linux_value = m->values[m->count - 1];
}

/* Nothing above any leaf changed since it was walked through: else what is known is worth nothing. */
static void uppers_check(struct space *s)
{
	bool same = true;

	for (unsigned int i = 0; i < s->upper_count && same; i++)
		same = __atomic_load_n(s->uppers[i].entry, __ATOMIC_RELAXED) == s->uppers[i].value;
	if (same)
		return;
	s->upper_count = 0;
	for (unsigned int i = 0; i < s->count; i++)
		record_at(s, i)->linux_leaf = NULL;
}

static bool record_holds(const struct record *r)
{
	return r->linux_leaf && *r->leaf == r->leaf_value &&
	       __atomic_load_n(r->linux_leaf, __ATOMIC_RELAXED) == r->linux_value;
}

/* False: the mapping is gone. */
static bool record_renew(struct space *s, struct record *r)
{
	uint64_t leaf = *r->leaf;
	struct linux_mapping m;

	if (!(leaf & LEAF_PRESENT) || !leaf_holds(s, r->linear, leaf, &m)) {
		entry_write(r->leaf, 0);
		return false;
	}
	record_learn(s, r, leaf, &m);
	return true;
}

/* Nothing that any mapping was held against reads otherwise: the usual case, and what an entry's cost hangs on. */
static bool space_same(const struct space *s)
{
	uint64_t difference = s->changed;
	unsigned int left = s->count;

	for (const struct upper *u = s->uppers, *end = u + s->upper_count; u < end; u++)
		difference |= __atomic_load_n(u->entry, __ATOMIC_RELAXED) ^ u->value;
	if (difference)
		return false;
	for (unsigned int page = 0; left; page++) {
		const struct record *r = s->records[page];
		unsigned int here = MIN(left, (unsigned int)RECORDS_A_PAGE);

		left -= here;
		for (const struct record *end = r + here; r < end; r++)
			difference |= __atomic_load_n(r->linux_leaf, __ATOMIC_RELAXED) ^
				      r->linux_value;
	}
	return !difference;
}

/* What an entry does instead of forgetting everything. */
static __attribute__((noinline)) void space_renew(struct space *s)
{
	unsigned int kept = 0, end;

	s->changed = false;
	uppers_check(s);
	for (unsigned int first = 0; first < s->count; first = end) {
		struct record *r = s->records[first / RECORDS_A_PAGE];

		end = MIN(first + (unsigned int)RECORDS_A_PAGE, s->count);
		for (unsigned int i = first; i < end; i++, r++) {
			if (!record_holds(r) && !record_renew(s, r))
				continue;
			s->changed |= !r->linux_leaf;
			if (kept != i)
				*record_at(s, kept) = *r;
			kept++;
		}
	}
	s->count = kept;
}

int space_map(struct space *s, uint64_t linear, uint64_t leaf, unsigned int npt_rights)
{
	uint64_t page = leaf & LEAF_ADDRESS, *at;
	int err;

	linear &= ~(PAGE_SIZE - 1);
	if ((npt_lookup(s->enclave->npt, page) & npt_rights) != npt_rights) {
		err = map_nested(s->enclave, page, npt_rights);
		if (err)
			return err;
		if (owner_of(page) == OWNER_LINUX)
			s->enclave->borrowed++;
	}
	at = leaf_at(s, linear, true);
	if (!at && s->tables >= TABLES_MAX && s->running == 1) {
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
		at = leaf_at(s, linear, true);
	}
	if (!at)
		return -ENOMEM;
	if (!(*at & LEAF_LISTED)) {
		err = record_add(s, linear, at);
		if (err)
			return err;
	}
	entry_write(at, leaf | LEAF_LISTED | LEAF_ACCESSED | LEAF_DIRTY);
	s->changed = true;
	return 0;
}

const uint64_t *space_leaf_place(const struct space *s, uint64_t linear)
{
	return leaf_at((struct space *)(uintptr_t)s, linear, false);
}

uint64_t space_leaf(const struct space *s, uint64_t linear)
{
	const uint64_t *at = space_leaf_place(s, linear);

	return at && (*at & LEAF_PRESENT) ? *at & ~LEAF_LISTED : 0;
}

uint64_t space_root(const struct space *s)
{
	return s->root_physical;
}

uint64_t space_npt_root(const struct space *s)
{
	return s->enclave->npt_root;
}

struct npt *space_npt(const struct space *s)
{
	return s->enclave->npt;
}

uint64_t space_abort_page(struct space *s)
{
	uint64_t *words;

	if (!abort_page) {
		abort_page = page_new(s->enclave);
		words = abort_page;
		for (unsigned int i = 0; words && i < PAGE_SIZE / sizeof(*words); i++)
			words[i] = ~0ULL;
	}
	return abort_page ? pool_physical(abort_page) : 0;
}

/* --- Slots --- */

static __attribute__((noinline)) struct enclave *enclave_new(struct secs *secs,
							     uint64_t secs_physical)
{
	struct enclave *slot = NULL;

	while (!slot) {
		for (unsigned int i = 0; i < ENCLAVES && !slot; i++) {
			if (!enclaves[i].secs)
				slot = &enclaves[i];
		}
		if (!slot && !reclaim(NULL))
			return NULL;
	}
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

	while (!s) {
		for (unsigned int i = 0; i < SPACES && !s; i++) {
			if (!spaces[i].enclave)
				s = &spaces[i];
		}
		if (!s && !reclaim(e))
			return NULL;
	}
	s->enclave = e;
	s->cr3 = cr3;
	s->levels = levels;
	s->running = 1; /* not to be reclaimed for its own tables */
	s->root = table_new(s);
	s->root_physical = s->root ? pool_physical(s->root) : 0;
	s->running = 0;
	if (!s->root) {
		memset(s, 0, sizeof(*s));
		return NULL;
	}
	return s;
}

static bool is_space(const struct space *s, const struct enclave *e, uint64_t cr3,
		     unsigned int levels)
{
	return s && s->enclave == e && s->cr3 == cr3 && s->levels == levels;
}

struct space *space_enter(struct secs *secs, uint64_t secs_physical, uint64_t cr3,
			  unsigned int levels)
{
	struct enclave *e = enclave_of(secs, secs_physical);
	struct space *s = NULL;

	if (!e)
		return NULL;
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
		return NULL;
	e->last = s;
	s->running++;
	e->running++;
	s->used = e->used = ++now;
	return s;
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
