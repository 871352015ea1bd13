/* SPDX-License-Identifier: Apache-2.0 */
/* mem/iommu.c, and whether its units are on, with the table that they should have. */
#include "hypervisor/mem/iommu.c"
#include "hypervisor/tests/checks/checks.h"

const char *iommu_check(void)
{
	struct device_entry expected = device_entry();
	const char *wrong = NULL;

	spin_lock(&iommu_lock);
	for (unsigned int i = 0; i < active && !wrong; i++) {
		if (get(&units[i], REG_DEVICE_TABLE) != device_table_register() ||
		    !(get(&units[i], REG_CONTROL) & CONTROL_ENABLE))
			wrong = "iommu: off, or another device table";
	}
	for (size_t i = 0; active && !wrong && i < DEVICES; i++) {
		if (memcmp(&device_table[i], &expected, sizeof(expected)))
			wrong = "iommu: a device's entry";
	}
	spin_unlock(&iommu_lock);
	return wrong;
}
