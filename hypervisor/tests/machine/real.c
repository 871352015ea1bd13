/* SPDX-License-Identifier: Apache-2.0 */
/* The hosted machine with the real owners, nested tables and guest memory. */
#include "hypervisor/mem/iommu.h"
#include "hypervisor/mem/owner.h"
#include "hypervisor/tests/checks/checks.h"
#include "hypervisor/tests/machine/machine.h"

void machine_memory_init(void)
{
	static const struct memory_range ranges[] = {
		{ MACHINE_EPC, MACHINE_EPC + MACHINE_EPC_SIZE, OWNER_EPC },
		{ MACHINE_OWN, MACHINE_RAM, OWNER_HYPERVISOR },
	};

	pool_init(physical(MACHINE_OWN), MACHINE_OWN, MACHINE_RAM - MACHINE_OWN);
	if (owner_init(ranges, ARRAY_SIZE(ranges), 1ULL << 40))
		panic("machine: owner_init");
	guest_memory_init(40, true);
}

const char *machine_memory_check(void)
{
	return owner_check();
}

/* No IOMMU here: nothing waits for one. */
void iommu_pause(void)
{
}
