/* SPDX-License-Identifier: Apache-2.0 */
/* sgx/enter.c, as it is after boot. */
#include "hypervisor/sgx/enter.c"
#include "hypervisor/tests/checks/checks.h"

void enter_reset(void)
{
	for (unsigned int i = 0; i < PROCESSORS_MAX; i++) {
		if (!entries[i])
			continue;
		pool_put(entries[i]->xsave);
		pool_put(entries[i]);
		entries[i] = NULL;
	}
}
