// SPDX-License-Identifier: Apache-2.0
/*
 * The hypercalls about trust. What they carry goes through one page of Linux's that it names by its physical address: checked to be Linux's,
 * copied in once, judged in the copy.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/mem/owner.h"
#include "hypervisor/trust/trust.h"
#include "lib/base/string.h"

#include <asm-generic/errno.h>

/* Reads if there is a `to`, else writes. */
static int page_copy(uint64_t page, void *to, const void *from, size_t size)
{
	void *memory = NULL;

	if (!(page & (PAGE_SIZE - 1)) && owner_of(page) == OWNER_LINUX)
		memory = physical(page);
	if (memory && to)
		memcpy(to, memory, size);
	else if (memory)
		memcpy(memory, from, size);
	return memory ? 0 : -EINVAL;
}

long call_report(uint64_t page)
{
	struct hv_device_report answer;
	int err = trust_report(&answer);

	return err ? err : page_copy(page, NULL, &answer, sizeof(answer));
}

long call_sign(uint64_t page)
{
	struct hv_device_sign request;
	int err = page_copy(page, &request, NULL, sizeof(request));

	/* Judged from the copy from here on. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (!err)
		err = trust_sign(request.report, request.signature);
	return err ? err : page_copy(page, NULL, &request, sizeof(request));
}
