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
 * Tables and data are touched only where Linux owns the memory and it is RAM, and the owners are
 * held meanwhile (owner_hold). An entry elsewhere reads as all ones, as the abort page does, which
 * has reserved bits set.
 * Not done: protection keys (a process guards only against itself with them) and shadow stacks.
 * Only 64-bit paging with 4 or 5 levels: guest_walk returns -EOPNOTSUPP for others and -EINVAL for
 * an address that is not canonical; guest_read and guest_write turn them into #UD and #GP.
 */
#include "hypervisor/core/guest_memory.h"

#include <asm/errno.h>

#include "hypervisor/core/vcpu.h"
#include "hypervisor/mem/owner.h"
#include "lib/base/string.h"

enum { CR0_WP = 1 << 16, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11, RFLAGS_AC = 1 << 18 };
enum { CR4_LA57 = 1 << 12, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21 };
enum {
	PTE_PRESENT = 1,
	PTE_WRITE = 2,
	PTE_USER = 4,
	PTE_ACCESSED = 0x20,
	PTE_DIRTY = 0x40,
	PTE_LARGE = 0x80
};
#define CR0_PG (1ULL << 31)
#define PTE_NO_EXEC (1ULL << 63)
#define PTE_ADDRESS 0x000ffffffffff000ULL
#define LEVELS_MAX 5
#define WALKS_MAX 16  /* of one access, while somebody changes the tables */
#define COPY_PAGES 17 /* of one copy: 64 KiB anywhere */

struct walk {
	uint64_t *entries[LEVELS_MAX], values[LEVELS_MAX];
	unsigned int count;
	uint64_t physical;
	uint64_t all; /* AND of the entries: writable, user */
	bool no_exec;
};

static uint64_t reserved_address; /* address bits that this processor does not have */
static bool no_gigabyte_pages;

void guest_memory_init(unsigned int physical_bits, bool gigabyte_pages)
{
	reserved_address = physical_bits < 52 ? PTE_ADDRESS & ~((1ULL << physical_bits) - 1) : 0;
	no_gigabyte_pages = !gigabyte_pages;
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

			w.physical = (table & ~(size - 1)) | (linear & (size - 1));
			*ret_walk = w;
			return 0;
		}
	}
}

/* SDM 3A, 4.6.1. */
static bool is_allowed(const struct vcpu *v, const struct walk *w, uint32_t access)
{
	bool user_page = w->all & PTE_USER;

	if (access & ACCESS_FETCH && w->no_exec)
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

/* false: an entry is no longer what was read. */
static bool set_accessed(const struct walk *w, uint32_t access)
{
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

/* Until nobody interferes. */
static int walk(struct vcpu *v, uint64_t cr3, uint64_t linear, uint32_t access,
		uint64_t *ret_physical, uint32_t *ret_error)
{
	/* I/D is reported only where fetches are told apart (SDM 3A, 4.7). */
	bool tells_fetches = v->regs.efer & EFER_NXE || v->regs.cr4 & CR4_SMEP;
	struct walk w;

	for (unsigned int i = 0; i < WALKS_MAX; i++) {
		*ret_error = access & (PF_WRITE | PF_USER | (tells_fetches ? PF_FETCH : 0));
		if (walk_tables(v, cr3, linear, &w, ret_error))
			return -EFAULT;
		if (!is_allowed(v, &w, access)) {
			*ret_error |= PF_PRESENT;
			return -EFAULT;
		}
		if (set_accessed(&w, access)) {
			*ret_physical = w.physical;
			return 0;
		}
	}
	*ret_error &= ~(uint32_t)PF_PRESENT;
	return -EFAULT;
}

int guest_walk(struct vcpu *v, uint64_t cr3, uint64_t linear, uint32_t access,
	       uint64_t *ret_physical, uint32_t *ret_error)
{
	unsigned int hold;
	int r;

	if (!(v->regs.cr0 & CR0_PG) || !(v->regs.efer & EFER_LMA))
		return -EOPNOTSUPP;
	if (!is_canonical(v, linear))
		return -EINVAL;
	hold = owner_hold();
	r = walk(v, cr3, linear, access, ret_physical, ret_error);
	owner_release(hold);
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

/* Where the bytes are, page by page, before the first is copied: a fault leaves nothing half done. */
static int translate(struct vcpu *v, uint64_t linear, size_t size, uint32_t access,
		     void *ret_pages[COPY_PAGES])
{
	uint64_t end;

	assert(size && size <= (COPY_PAGES - 1) * PAGE_SIZE);
	if (__builtin_add_overflow(linear, size - 1, &end))
		return inject_fault(v, -EINVAL, linear, 0);
	for (unsigned int i = 0; linear <= end; i++) {
		uint64_t address;
		uint32_t code;
		int r = guest_walk(v, v->regs.cr3, linear, access, &address, &code);

		if (r)
			return inject_fault(v, r, linear, code);
		ret_pages[i] = owner_of(address) == OWNER_LINUX ? physical(address) : NULL;
		/* Pages that are not Linux's, and devices: as a page that nobody may touch. */
		if (!ret_pages[i])
			return inject_fault(v, -EFAULT, linear,
					    (access & (PF_WRITE | PF_USER)) | PF_PRESENT);
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

	if (translate(v, linear, size, access, pages))
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
	unsigned int hold = owner_hold();
	int r = size ? transfer(v, linear, to, NULL, size, access) : 0;

	owner_release(hold);
	return r;
}

int guest_write(struct vcpu *v, uint64_t linear, const void *from, size_t size, uint32_t access)
{
	unsigned int hold = owner_hold();
	int r = size ? transfer(v, linear, NULL, from, size, access | ACCESS_WRITE) : 0;

	owner_release(hold);
	return r;
}
