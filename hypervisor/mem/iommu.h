/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DMA: AMD-Vi (AMD I/O Virtualization Technology specification, 48882). Every device goes through the very tables that Linux goes through (npt_linux.c), so
 * a page that is not OWNER_LINUX is out of every device's reach.
 *
 * Linux and the IOMMU: the hypervisor takes it whole. A Linux that already drives it is refused (iommu_prepare: -EBUSY; boot it with amd_iommu=off), its
 * registers become OWNER_PROTECTED. What is not guarded here: the IOMMU's PCI
 * configuration space; its base address is locked by its own enable bit until reset (3.2.2), power state and reset of the function are not.
 * The IVRS lies in memory that Linux could have written: like the image itself it is trusted only as far as the boot up to the launch was measured.
 *
 * Interrupts: not remapped, but a device's message cannot be INIT (DTE.InitPass = 0): it would take a processor out of the hypervisor.
 *
 * Order of calls: ivrs_parse, iommu_prepare, owner_init with iommu_ranges among the ranges, iommu_enable; at give back iommu_disable.
 */
#pragma once

#include "hypervisor/mem/owner.h"

#define IOMMU_UNITS 16

struct iommu_description {
	uint64_t base; /* of its registers */
	uint8_t flags; /* IVHD */
};

struct ivrs {
	unsigned int count;
	struct iommu_description units[IOMMU_UNITS];
};

/* table: a private copy of the IVRS. -EINVAL: malformed. -ENOSPC: too many units. *ret_ivrs only on success. */
must_check int ivrs_parse(const void *table, size_t size, struct ivrs *ret_ivrs);

/* map: registers as uncached memory of ours, NULL: impossible. -EBUSY: a unit is in use. -ENXIO: a unit is not there. */
must_check int iommu_prepare(const struct ivrs *ivrs, void *(*map)(uint64_t address, size_t size));
/* The units' registers, OWNER_PROTECTED, in any order: room for IOMMU_UNITS. */
unsigned int iommu_ranges(struct memory_range *ret_ranges);
/* Once: all units translate when this returns. -ENOMEM. -EIO: a unit does not answer; all are off then. */
must_check int iommu_enable(void);
void iommu_disable(void);
/* Units that translate: 0: DMA is not kept out. Requests refused so far. */
unsigned int iommu_active(void);
uint64_t iommu_refused(void);
#ifdef CLOISTER_HOSTED
void iommu_pause(void); /* the test's: its devices get on */
#endif
