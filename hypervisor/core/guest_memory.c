/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory by linear address: the walk that the processor does (SDM 3A, 4.5 and 4.6), done by
 * us through tables that hostile code writes meanwhile.
 *
 * Model: the walk reads each entry once, remembers where and what, and decides from what it read.
 * Only when the access is allowed are accessed and dirty bits set, each by compare-and-exchange
 * against what was read; an entry that changed means that all is read again, a few times, then a
 * fault as if the entry were not present: Linux takes it as spurious and comes back.
 *
 * Walks are remembered, a few per processor: where the entries lie and what was read there. A walk of
 * the same page that finds the same in all of them ends as the last one did; it reads Linux's tables
 * as any walk does, top down, each entry once. What it does not ask again is who owns the tables,
 * which never changes.
 *
 * Tables and data are touched only where Linux owns the memory and it is RAM. An entry elsewhere
 * reads as all ones, as the abort page does, which has reserved bits set.
 * Not done: shadow stacks, and keys for supervisor pages, which AMD has not (CPUID hides PKS).
 * Only 64-bit paging with 4 or 5 levels: guest_walk returns -EOPNOTSUPP for others and -EINVAL for
 * an address that is not canonical; guest_read and guest_write turn them into #UD and #GP.
 */
#include "hypervisor/core/vcpu.h"

#include <asm/errno.h>

#include "abi/hypercall.h"
#include "hypervisor/mem/owner.h"
#include "lib/base/string.h"

enum { CR0_WP = 1 << 16, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11, RFLAGS_AC = 1 << 18 };
enum { CR4_LA57 = 1 << 12, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21, CR4_PKE = 1 << 22 };
/* clang-format off */
enum {
	PTE_PRESENT = 1, PTE_WRITE = 2, PTE_USER = 4, PTE_ACCESSED = 0x20, PTE_DIRTY = 0x40,
	PTE_LARGE = 0x80,
};
/* clang-format on */
#define PTE_NO_EXEC (1ULL << 63)
#define PTE_KEY_SHIFT 59
enum { PKRU_ACCESS = 1, PKRU_WRITE = 2 }; /* of two bits a key */
#define PTE_ADDRESS 0x000ffffffffff000ULL
#define LEVELS_MAX 5
#define WALKS_MAX 16  /* of one access, while somebody changes the tables */
#define COPY_PAGES 17 /* of one copy: 64 KiB anywhere */
#define REMEMBERED 8  /* pairs of walks, of each processor */

struct walk {
	uint64_t *entries[LEVELS_MAX], values[LEVELS_MAX];
	unsigned int count;
	uint64_t physical;
	uint64_t all; /* AND of the entries: writable, user */
	bool no_exec;
};

/* A walk that ended well, and what it hangs on besides the entries: key is the page, with EFER.NXE and CR4.LA57 below. */
struct remembered {
	uint64_t key, cr3;
	uint8_t *memory;  /* the page, if it is Linux's RAM */
	struct walk walk; /* where there are fewer levels, the rest of the entries is `nothing` */
};
static uint64_t nothing;
enum { KEY_VALID = 1, KEY_NXE = 2, KEY_LA57 = 4 };
static struct remembered_walks {
	struct remembered pairs[REMEMBERED][2]; /* by page */
	unsigned int next;			/* of a full pair, to be replaced */
} remembered[HV_CPUS_MAX];

static uint64_t reserved_address; /* address bits that this processor does not have */
static bool no_gigabyte_pages;

void guest_memory_init(unsigned int physical_bits, bool gigabyte_pages)
{
	reserved_address = physical_bits < 52 ? PTE_ADDRESS & ~((1ULL << physical_bits) - 1) : 0;
	no_gigabyte_pages = !gigabyte_pages;
	memset(remembered, 0, sizeof(remembered));
}

static bool is_canonical(const struct vcpu *v, uint64_t linear)
{
	unsigned int shift = v->regs.cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(linear << shift) >> shift) == linear;
}

static bool has_reserved_bits(const struct vcpu *v, uint64_t entry, unsigned int level)
{
	if (entry & reserved_address || (entry & PTE_NO_EXEC && !(v->regs.efer & EFER_NXE)))
		return true;
	if (level == 1 || !(entry & PTE_LARGE))
		return false;
	/* A large page's address begins at its size; bit 12 is PAT. */
	return level > 3 || (level == 3 && no_gigabyte_pages) ||
	       entry & PTE_ADDRESS & ((PAGE_SIZE << (9 * (level - 1))) - 1) & ~PAGE_SIZE;
}

/* 0, or -EFAULT with P and RSVD of the error code. */
static int walk_tables(const struct vcpu *v, uint64_t cr3, uint64_t linear, struct walk *ret_walk,
		       uint32_t *ret_error)
{
	uint64_t table = cr3 & PTE_ADDRESS;
	struct walk w = { .all = ~0ULL };

	for (unsigned int level = v->regs.cr4 & CR4_LA57 ? 5 : 4;; level--) {
		uint64_t *page = owner_of(table) == OWNER_LINUX ? physical(table) : NULL;
		uint64_t *at = page ? page + (linear >> (12 + 9 * (level - 1))) % 512 : NULL;
		uint64_t entry = at ? __atomic_load_n(at, __ATOMIC_RELAXED) : ~0ULL;

		if (!(entry & PTE_PRESENT))
			return -EFAULT;
		if (!at || has_reserved_bits(v, entry, level)) {
			*ret_error |= PF_PRESENT | PF_RESERVED;
			return -EFAULT;
		}
		w.entries[w.count] = at;
		w.values[w.count++] = entry;
		w.all &= entry;
		w.no_exec |= !!(entry & PTE_NO_EXEC);
		table = entry & PTE_ADDRESS;
		if (level == 1 || entry & PTE_LARGE) {
			uint64_t size = PAGE_SIZE << (9 * (level - 1));

			w.physical = (table & ~(size - 1)) | PAGE_DOWN(linear & (size - 1));
			*ret_walk = w;
			return 0;
		}
	}
}

static uint64_t key_of(const struct vcpu *v, uint64_t linear)
{
	return PAGE_DOWN(linear) | KEY_VALID | (v->regs.efer & EFER_NXE) / EFER_NXE * KEY_NXE |
	       (v->regs.cr4 & CR4_LA57) / CR4_LA57 * KEY_LA57;
}

static inline struct remembered *remembered_find(struct remembered_walks *all, uint64_t key,
						 uint64_t cr3)
{
	struct remembered *pair = all->pairs[(key >> PAGE_SHIFT) % REMEMBERED];

	if (pair[0].key == key && pair[0].cr3 == cr3)
		return &pair[0];
	return pair[1].key == key && pair[1].cr3 == cr3 ? &pair[1] : NULL;
}

static struct remembered *remembered_place(struct remembered_walks *all, uint64_t key)
{
	struct remembered *pair = all->pairs[(key >> PAGE_SHIFT) % REMEMBERED];

	return &pair[pair[0].key ? pair[1].key ? all->next++ % 2 : 1 : 0];
}

static inline uint64_t entry_difference(const struct walk *w, unsigned int i)
{
	return __atomic_load_n(w->entries[i], __ATOMIC_RELAXED) ^ w->values[i];
}

/* All entries are read, whatever the first say: an entry that is no longer led to is still Linux's memory. */
static inline bool remembered_holds(const struct remembered *r)
{
	const struct walk *w = &r->walk;

	return !(entry_difference(w, 0) | entry_difference(w, 1) | entry_difference(w, 2) |
		 entry_difference(w, 3) | entry_difference(w, 4));
}

/* As walk_tables, from what is remembered if that still holds. NULL: -EFAULT. */
static const struct remembered *walk_remembered(const struct vcpu *v, uint64_t cr3, uint64_t linear,
						uint32_t *ret_error)
{
	struct remembered_walks *all = &remembered[v->index];
	uint64_t key = key_of(v, linear);
	struct remembered *r = remembered_find(all, key, cr3);

	if (r && remembered_holds(r))
		return r;
	if (!r)
		r = remembered_place(all, key);
	r->key = 0;
	if (walk_tables(v, cr3, linear, &r->walk, ret_error))
		return NULL;
	for (unsigned int i = r->walk.count; i < LEVELS_MAX; i++) {
		r->walk.entries[i] = &nothing;
		r->walk.values[i] = 0;
	}
	r->key = key;
	r->cr3 = cr3;
	r->memory = owner_of(r->walk.physical) == OWNER_LINUX ? physical(r->walk.physical) : NULL;
	return r;
}

/* What PKRU denies of a user page's data, to the kernel as well (SDM 3A, 4.6.2; APM 2, 5.6.7). */
static bool is_locked(const struct vcpu *v, const struct walk *w, uint32_t access)
{
	uint32_t denied;

	if (!(v->regs.cr4 & CR4_PKE) || access & ACCESS_FETCH || !(w->all & PTE_USER))
		return false;
	denied = vcpu_pkru() >> 2 * (w->values[w->count - 1] >> PTE_KEY_SHIFT & 15);
	return denied & PKRU_ACCESS || (denied & PKRU_WRITE && access & ACCESS_WRITE &&
					(access & ACCESS_USER || v->regs.cr0 & CR0_WP));
}

/* SDM 3A, 4.6.1. */
static bool is_allowed(const struct vcpu *v, const struct walk *w, uint32_t access)
{
	bool user_page = w->all & PTE_USER;

	if ((access & ACCESS_FETCH && w->no_exec) || is_locked(v, w, access))
		return false;
	if (access & ACCESS_USER)
		return user_page && (!(access & ACCESS_WRITE) || w->all & PTE_WRITE);
	if (user_page && access & ACCESS_FETCH && v->regs.cr4 & CR4_SMEP)
		return false;
	/* Accesses that the processor makes for a program at CPL 3 (implicit) are never excused by AC. */
	if (user_page && !(access & ACCESS_FETCH) && v->regs.cr4 & CR4_SMAP &&
	    (v->regs.cpl == 3 || !(v->regs.rflags & RFLAGS_AC)))
		return false;
	return !(access & ACCESS_WRITE) || w->all & PTE_WRITE || !(v->regs.cr0 & CR0_WP);
}

static bool is_accessed(const struct walk *w, uint32_t access)
{
	return w->all & PTE_ACCESSED &&
	       (!(access & ACCESS_WRITE) || w->values[w->count - 1] & PTE_DIRTY);
}

/* false: an entry is no longer what was read. */
static bool set_accessed(const struct walk *w, uint32_t access)
{
	if (is_accessed(w, access))
		return true;
	for (unsigned int i = 0; i < w->count; i++) {
		uint64_t old = w->values[i], new = old | PTE_ACCESSED;

		if (access & ACCESS_WRITE && i + 1 == w->count)
			new |= PTE_DIRTY;
		if (new != old && !__atomic_compare_exchange_n(w->entries[i], &old, new, false,
							       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return false;
	}
	return true;
}

/* Until nobody interferes. NULL: -EFAULT. */
static const struct remembered *walk(struct vcpu *v, uint64_t cr3, uint64_t linear, uint32_t access,
				     uint32_t *ret_error)
{
	/* I/D is reported only where fetches are told apart (SDM 3A, 4.7). */
	bool tells_fetches = v->regs.efer & EFER_NXE || v->regs.cr4 & CR4_SMEP;

	for (unsigned int i = 0; i < WALKS_MAX; i++) {
		*ret_error = access & (PF_WRITE | PF_USER | (tells_fetches ? PF_FETCH : 0));
		const struct remembered *r = walk_remembered(v, cr3, linear, ret_error);

		if (!r)
			return NULL;
		if (!is_allowed(v, &r->walk, access)) {
			*ret_error |= PF_PRESENT | (is_locked(v, &r->walk, access) ? PF_KEY : 0);
			return NULL;
		}
		if (set_accessed(&r->walk, access))
			return r;
	}
	*ret_error &= ~(uint32_t)PF_PRESENT;
	return NULL;
}

static inline __attribute__((always_inline)) int translate(struct vcpu *v, uint64_t cr3,
							   uint64_t linear, uint32_t access,
							   const struct remembered **ret_walk,
							   uint32_t *ret_error)
{
	const struct remembered *r;

	if (!(v->regs.cr0 & CR0_PG) || !(v->regs.efer & EFER_LMA))
		return -EOPNOTSUPP;
	assert(v->index < HV_CPUS_MAX);
	/* Nearly always; an address that is remembered is canonical. */
	r = remembered_find(&remembered[v->index], key_of(v, linear), cr3);
	if (!r || !remembered_holds(r) || !is_allowed(v, &r->walk, access) ||
	    !is_accessed(&r->walk, access)) {
		if (!is_canonical(v, linear))
			return -EINVAL;
		r = walk(v, cr3, linear, access, ret_error);
	}
	*ret_walk = r;
	return r ? 0 : -EFAULT;
}

int guest_walk(struct vcpu *v, uint64_t cr3, uint64_t linear, uint32_t access,
	       uint64_t *ret_physical, uint32_t *ret_error)
{
	const struct remembered *found;
	int r = translate(v, cr3, linear, access, &found, ret_error);

	if (!r)
		*ret_physical = found->walk.physical | (linear & (PAGE_SIZE - 1));
	return r;
}

static int inject_fault(struct vcpu *v, int error, uint64_t linear, uint32_t code)
{
	if (error == -EOPNOTSUPP)
		vcpu_inject(v, VECTOR_UD);
	else if (error == -EINVAL)
		vcpu_inject_error(v, VECTOR_GP, 0);
	else
		vcpu_inject_page_fault(v, linear, code);
	return -EFAULT;
}

/* Where the byte lies, in Linux's memory: else the fault is injected. */
static int translate_page(struct vcpu *v, uint64_t linear, uint32_t access, void **ret_memory)
{
	const struct remembered *found;
	uint32_t code = 0;
	int r = translate(v, v->regs.cr3, linear, access, &found, &code);

	if (r)
		return inject_fault(v, r, linear, code);
	/* Pages that are not Linux's, and devices: no fault of paging, hence bit 15 (SDM 3A, 4.7); Linux would try again for ever. */
	if (!found->memory)
		return inject_fault(v, -EFAULT, linear,
				    (access & (PF_WRITE | PF_USER)) | PF_PRESENT | PF_SGX);
	*ret_memory = found->memory + (linear & (PAGE_SIZE - 1));
	return 0;
}

/* The same page by page, before the first byte is copied: a fault leaves nothing half done. */
static int translate_pages(struct vcpu *v, uint64_t linear, size_t size, uint32_t access,
			   void *ret_pages[COPY_PAGES])
{
	uint64_t end;

	assert(size && size <= (COPY_PAGES - 1) * PAGE_SIZE);
	if (__builtin_add_overflow(linear, size - 1, &end))
		return inject_fault(v, -EINVAL, linear, 0);
	for (unsigned int i = 0; linear <= end; i++) {
		if (translate_page(v, linear, access, &ret_pages[i]))
			return -EFAULT;
		linear = PAGE_DOWN(linear) + PAGE_SIZE;
		if (!linear)
			break;
	}
	return 0;
}

/* Reads if there is a `to`, else writes. */
static int transfer(struct vcpu *v, uint64_t linear, uint8_t *to, const uint8_t *from, size_t size,
		    uint32_t access)
{
	void *pages[COPY_PAGES];

	if (!size)
		return 0;
	if (translate_pages(v, linear, size, access, pages))
		return -EFAULT;
	for (size_t done = 0, i = 0; done < size; i++) {
		size_t part = MIN(size - done, PAGE_SIZE - (linear + done) % PAGE_SIZE);

		if (to)
			memcpy(to + done, pages[i], part);
		else
			memcpy(pages[i], from + done, part);
		done += part;
	}
	/* Judged from the copy from here on. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return 0;
}

int guest_read(struct vcpu *v, uint64_t linear, void *to, size_t size, uint32_t access)
{
	return transfer(v, linear, to, NULL, size, access);
}

/* What guest_fetch nearly always finds: a program's code, walked to before, in memory of Linux's. */
static inline const uint8_t *fetch_remembered(const struct vcpu *v, uint64_t linear)
{
	const struct guest_regs *regs = &v->regs;
	const uint64_t wanted = PTE_USER | PTE_ACCESSED;
	const struct remembered *r;

	if (!(regs->cr0 & CR0_PG) || !(regs->efer & EFER_LMA) || regs->cpl != 3)
		return NULL;
	r = remembered_find(&remembered[v->index], key_of(v, linear), regs->cr3);
	if (!r || !remembered_holds(r) || (r->walk.all & wanted) != wanted || r->walk.no_exec)
		return NULL;
	return r->memory;
}

unsigned int guest_fetch(struct vcpu *v, uint64_t linear, uint8_t to[FETCH_MAX])
{
	uint32_t access = ACCESS_FETCH | (v->regs.cpl == 3 ? ACCESS_USER : 0);
	uint64_t offset = linear % PAGE_SIZE;
	unsigned int size = FETCH_MAX;
	const uint8_t *page;
	void *from;

	assert(v->index < HV_CPUS_MAX);
	page = fetch_remembered(v, linear);
	if (page && offset <= PAGE_SIZE - FETCH_MAX) {
		__builtin_memcpy(to, page + offset, FETCH_MAX);
	} else if (translate_page(v, linear, access, &from)) {
		size = 0;
	} else {
		size = (unsigned int)MIN((uint64_t)FETCH_MAX, PAGE_SIZE - offset);
		memcpy(to, from, size);
	}
	/* Judged from the copy from here on. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return size;
}

int guest_write(struct vcpu *v, uint64_t linear, const void *from, size_t size, uint32_t access)
{
	return transfer(v, linear, NULL, from, size, access | ACCESS_WRITE);
}
