/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of mem/. Lock order: a caller's (epc_lock, which is the lock of enclaves' nested tables as well), the IOMMU's, the pool's.
 */
#pragma once

#include "hypervisor/core/vcpu.h"
#include "hypervisor/mem/owner.h"
#include "hypervisor/mem/partition.h"

/*
 * A nested page table entry (AMD APM 2, 5.3 and 15.25), with what AMD-Vi wants (AMD I/O Virtualization specification 48882, 2.2.3) in bits that processors
 * ignore: Linux and its devices go through the very same tables, so what Linux does not own, no device reaches. Processors ignore bits 62:59 only while the
 * host's CR4.PKE is 0: arch keeps it so. Accessed and dirty are set from the start: hardware never writes here.
 */
/* clang-format off */
enum {
	ENTRY_PRESENT = 1 << 0, ENTRY_WRITE = 1 << 1, ENTRY_USER = 1 << 2, ENTRY_ACCESSED = 1 << 5,
	ENTRY_DIRTY = 1 << 6, ENTRY_LARGE = 1 << 7,
};
/* clang-format on */
#define ENTRY_NEXT_LEVEL(l) \
	((uint64_t)(l) << 9) /* AMD-Vi: level of the table it points to; 0: a page */
#define ENTRY_DMA_READ (1ULL << 61)
#define ENTRY_DMA_WRITE (1ULL << 62)
#define ENTRY_NO_EXEC (1ULL << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ULL
#define ENTRY_LEAF (ENTRY_PRESENT | ENTRY_USER | ENTRY_ACCESSED | ENTRY_DIRTY)

#define NPT_LEVELS 4U
#define NPT_LIMIT (1ULL << 48)
#define TABLE_ENTRIES 512U
/* What one entry of a table of this level (1: pages) spans. */
static inline uint64_t level_span(unsigned int level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static inline unsigned int level_index(uint64_t address, unsigned int level)
{
	return (unsigned int)(address >> (12 + 9 * (level - 1))) % TABLE_ENTRIES;
}

static inline bool entry_is_table(uint64_t entry, unsigned int level)
{
	return level > 1 && entry & ENTRY_PRESENT && !(entry & ENTRY_LARGE);
}

static inline uint64_t *entry_table(uint64_t entry)
{
	return pool_virtual(entry & ENTRY_ADDRESS);
}

/* The entry of a table of `level` that points to a table. DMA rights: only Linux's tables. */
static inline uint64_t table_entry(const void *table, unsigned int level, bool dma)
{
	return pool_physical(table) | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER | ENTRY_ACCESSED |
	       (dma ? ENTRY_NEXT_LEVEL(level - 1) | ENTRY_DMA_READ | ENTRY_DMA_WRITE : 0);
}

/* Processors walk an enclave's tables meanwhile: entries change as a whole. */
static inline void entry_set(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* Of owner_init. -ENOMEM. */
must_check int npt_init(const struct partition *p);
must_check int npt_linux_init(const struct partition *p);

void *pool_pages(size_t count); /* together; zeroed */
