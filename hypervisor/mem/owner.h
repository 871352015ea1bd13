/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns each page of physical memory: the one table that isolation rests on. It is made once, at the start, and never changes: every nested page table
 * entry and every IOMMU entry is made through here, and agrees with it at all times (tests/checks).
 *
 *	OWNER_LINUX       RAM and devices that Linux and its devices may use
 *	OWNER_HYPERVISOR  our image, heap, tables: nobody else, not by DMA
 *	OWNER_EPC         pages for enclaves: Linux reads all ones and its writes vanish (abort page); an enclave sees those that the EPCM gives it
 *	OWNER_PROTECTED   device pages that Linux must not reach (TPM locality 2), or only through us (LAPIC)
 *
 * Invariants, each checked by the model test:
 *	1. A page has one owner. 2. Linux's nested tables map a page writable or executable only if OWNER_LINUX. 3. A page of EPC is
 *	mapped for at most one enclave. 4. The IOMMU maps only OWNER_LINUX.
 */
#pragma once

#include "lib/base/types.h"

enum owner { OWNER_LINUX, OWNER_HYPERVISOR, OWNER_EPC, OWNER_PROTECTED };

struct memory_range {
	uint64_t start, end; /* page aligned */
	enum owner owner;
};
/*
 * After pool_init, once; builds Linux's nested tables. ranges: what is not Linux's, sorted. limit: end of the physical address space in use, RAM and devices
 * (QEMU q35 and many boards have devices at 0xfd00000000 and above the end of RAM: 1 << physical address bits is right and costs nothing with 1 GiB pages).
 * -EINVAL: overlap, alignment. -ENOSPC: too many ranges. -ENOMEM: the pool is too small.
 */
must_check int owner_init(const struct memory_range *ranges, unsigned int count, uint64_t limit);
/* Any address: what is not below the limit is OWNER_PROTECTED. */
enum owner owner_of(uint64_t physical);

/*
 * --- Nested page tables: AMD APM 2, 15.25. U is set on all levels. Guest physical is host physical, for Linux and for enclaves. ---
 *
 * What Linux's tables hold (mem/npt_linux.c): OWNER_LINUX, all rights, in the largest pages that fit; OWNER_EPC the abort page (all ones), read only: a write
 * or a fetch exits, and arch skips the write (a fetch is #UD, as of FFH FFH); anything else not present.
 */
uint64_t npt_linux_root(void);
/* Called before owner_init with what CPUID 80000001H EDX[26] says; 1 GiB pages are used unless told otherwise. */
void npt_set_gigabyte_pages(bool available);

/* For an enclave (mem/npt.c), under epc_lock: empty; filled as the enclave touches pages, of 4 KiB each. NULL: no memory. */
struct npt;
struct npt *npt_new(void);
/* No processor runs on it any more. */
void npt_free(struct npt *npt);
uint64_t npt_root(const struct npt *npt);
/* NPT_TABLE: the page is the enclave's own guest page table, a page of the pool (OWNER_HYPERVISOR); read and write only. */
enum { NPT_READ = 1, NPT_WRITE = 2, NPT_EXEC = 4, NPT_TABLE = 8 };
/*
 * One page in an enclave's tables; replaces the rights that it had there. Rights contain NPT_READ (AMD has no other way). OWNER_EPC that no other enclave has
 * mapped (-EBUSY); OWNER_LINUX without NPT_EXEC; a page of the pool with NPT_TABLE; else -EPERM. -EINVAL: alignment, rights. -ENOMEM: changed nothing.
 * Sequence for moving an EPC page between enclaves: npt_unmap, no thread inside that saw it (SGX's own tracking), npt_map. What processors inside remember of
 * a page that was unmapped they forget when they leave.
 */
must_check int npt_map(struct npt *npt, uint64_t page, unsigned int rights);
/* Nothing mapped there: nothing happens. */
void npt_unmap(struct npt *npt, uint64_t page);
/* Rights; 0: nothing is mapped there. */
unsigned int npt_lookup(const struct npt *npt, uint64_t page);

/* --- Pages for tables, from the hypervisor's own memory (mem/pool.c). Any processor. --- */

/* physical_start: of start; page aligned. */
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
