/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns each page of physical memory: the one table that isolation rests on. Every nested page table entry and every IOMMU entry is made
 * through here, and agrees with it at all times (tests/checks).
 *
 *	OWNER_LINUX       RAM and devices that Linux and its devices may use
 *	OWNER_HYPERVISOR  our image, heap, tables: nobody else, not by DMA
 *	OWNER_EPC         pages for enclaves: Linux reads all ones and its writes vanish (abort page); an enclave sees those that the EPCM gives it
 *	OWNER_PROTECTED   device pages that Linux must not reach (TPM locality 2), or only through us (LAPIC)
 *
 * Invariants, each checked by the model test:
 *	1. A page has one owner. 2. Linux's nested tables map a page writable or executable only if OWNER_LINUX. 3. A page of EPC is
 *	mapped for at most one enclave. 4. The IOMMU maps only OWNER_LINUX. 5. A change of owner away from Linux is over only when no
 *	processor can still hold the old translation (vcpus_flush).
 */
#pragma once

#include "lib/base/types.h"

enum owner { OWNER_LINUX, OWNER_HYPERVISOR, OWNER_EPC, OWNER_PROTECTED };

struct memory_range {
	uint64_t start, end; /* page aligned */
	enum owner owner;
};
/*
 * After pool_init; builds Linux's nested tables. ranges: what is not Linux's, sorted. limit: end of the physical address space in use, RAM and devices
 * (QEMU q35 and many boards have devices at 0xfd00000000 and above the end of RAM: 1 << physical address bits is right and costs nothing with 1 GiB pages).
 * -EINVAL: overlap, alignment. -ENOSPC: too many ranges. -ENOMEM: the pool is too small.
 */
must_check int owner_init(const struct memory_range *ranges, unsigned int count, uint64_t limit);
/* Any address: what is not below the limit is OWNER_PROTECTED. No lock; true as long as it is held. */
enum owner owner_of(uint64_t physical);
/*
 * What owner_of says stays true from hold to release: a change of owners (tests/checks) waits for all who hold. Short, no waiting in between; may nest.
 * guest_read, guest_write and guest_walk hold by themselves; who uses a physical address that they or he checked holds around check and use.
 */
must_check unsigned int owner_hold(void);
void owner_release(unsigned int hold);
/*
 * A number that every change of owners makes new, before and again when owner_of tells it: what owner_of said after one call stays true while a later
 * call, with the owners held, gives the same.
 */
extern uint64_t owner_begun;
static inline uint64_t owner_generation(void)
{
	return __atomic_load_n(&owner_begun, __ATOMIC_ACQUIRE);
}
/* --- Nested page tables (mem/npt.c): AMD APM 2, 15.25. U is set on all levels; 1 GiB, 2 MiB and 4 KiB pages, split on demand. --- */
struct npt;
struct npt *npt_linux(void); /* identity, without what is not Linux's */
/* For an enclave: empty; filled as the enclave touches pages. NULL: no memory. */
struct npt *npt_new(void);
/* No processor runs on it any more. */
void npt_free(struct npt *npt);
uint64_t npt_root(const struct npt *npt);
/*
 * Differs from every earlier value of this and all other tables after each unmap and each taken right: a processor that last ran this npt with another
 * generation must forget the ASID's translations before it enters (QEMU cannot show that this was forgotten).
 */
uint64_t npt_generation(const struct npt *npt);
/* NPT_TABLE: the page is the enclave's own guest page table, a page of the pool (OWNER_HYPERVISOR); read and write only. */
enum { NPT_READ = 1, NPT_WRITE = 2, NPT_EXEC = 4, NPT_TABLE = 8 };
/*
 * One 4 KiB page in an enclave's tables; replaces what was there. Rights contain NPT_READ (AMD has no other way). Host page: OWNER_EPC that no other
 * enclave has mapped (-EBUSY); OWNER_LINUX without NPT_EXEC; pool page with NPT_TABLE; else -EPERM. -EINVAL: alignment, address beyond 48 bits, Linux's tables.
 * -ENOMEM: changed nothing. Sequence for moving an EPC page between enclaves: npt_unmap, vcpus_flush or no thread inside (SGX's own tracking), npt_map.
 */
must_check int npt_map(struct npt *npt, uint64_t guest_physical, uint64_t host_physical,
		       unsigned int rights);
/* Enclaves' tables only. Nothing mapped there: nothing happens. */
void npt_unmap(struct npt *npt, uint64_t guest_physical, uint64_t size);
/* What is mapped there: rights and *ret_physical; 0: nothing. */
unsigned int npt_lookup(const struct npt *npt, uint64_t guest_physical, uint64_t *ret_physical);

/*
 * What Linux's tables hold: OWNER_LINUX identity, all rights, in the largest pages that fit; OWNER_EPC the abort page (all ones), read only: a write or a fetch
 * exits, and arch skips the write (a fetch is #UD, as of FFH FFH); anything else not present.
 * Called before owner_init with what CPUID 80000001H EDX[26] says; 1 GiB pages are used unless told otherwise.
 */
void npt_set_gigabyte_pages(bool available);

/* --- IOMMU: AMD-Vi (mem/iommu.h) has its own header; its tables are Linux's --------------------------- */

/* Pages for tables, from the hypervisor's own memory. Any processor. physical_start: of start; page aligned. */
void pool_init(void *start, uint64_t physical_start, size_t size);
void *pool_page(void); /* zeroed; NULL: none left */
void pool_put(void *page);
/* A page of the pool as hardware tables name it, and back (NULL: not a page of the pool). */
uint64_t pool_physical(const void *page);
void *pool_virtual(uint64_t address);
/* The same for an address that pool_physical gave: nothing to check. */
extern uintptr_t pool_offset;
static inline void *pool_own(uint64_t address)
{
	return (void *)(address + pool_offset);
}
