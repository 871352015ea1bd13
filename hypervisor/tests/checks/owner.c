/* SPDX-License-Identifier: Apache-2.0 */
/* mem/owner.c, and all that is checked of memory together. */
#include "hypervisor/mem/owner.c"
#include "hypervisor/tests/checks/checks.h"

const char *owner_check(void)
{
	const char *wrong = partition_check(&partition);

	if (!wrong)
		wrong = npt_linux_check(&partition);
	if (!wrong)
		wrong = npt_check();
	if (!wrong)
		wrong = iommu_check();
	return wrong;
}
