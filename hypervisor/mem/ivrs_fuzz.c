/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an IVRS: as they are, and with signature, length and checksum made right so that the blocks are reached. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/mem/ivrs.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *table, size_t size)
{
	struct ivrs ivrs, untouched;
	int r;

	memset(&ivrs, 0xa5, sizeof(ivrs));
	untouched = ivrs;
	r = ivrs_parse(table, size, &ivrs);
	if (r && (memcmp(&ivrs, &untouched, sizeof(ivrs)) || (r != -EINVAL && r != -ENOSPC)))
		abort();
	if (r)
		return;
	if (ivrs.count > IOMMU_UNITS)
		abort();
	for (unsigned int i = 0; i < ivrs.count; i++) {
		if (!ivrs.units[i].base || ivrs.units[i].base % PAGE_SIZE ||
		    ivrs.units[i].base >> 52)
			abort();
		for (unsigned int k = 0; k < i; k++) {
			if (ivrs.units[k].base == ivrs.units[i].base)
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy, sum = 0;
	uint32_t length = (uint32_t)size;

	parse(data, size);
	if (size < IVRS_HEADER || size > IVRS_SIZE_MAX)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	memcpy(copy, "IVRS", 4);
	memcpy(copy + 4, &length, 4);
	copy[9] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + copy[i]);
	copy[9] = (uint8_t)-sum;
	parse(copy, size);
	free(copy);
	return 0;
}
