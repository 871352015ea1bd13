/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI table that describes AMD's IOMMUs (48882, 5.2). Bytes from outside: every length is checked against what contains it, and nothing is read past
 * `size`. One unit appears in several blocks (types 10H, 11H, 40H for ever newer systems): it is its register base that tells units apart.
 */
#include <asm/errno.h>

#include "hypervisor/mem/iommu.h"
#include "lib/base/string.h"

enum { IVRS_HEADER = 48, IVHD_HEADER = 24, IVHD_HEADER_EXTENDED = 40, IVRS_SIZE_MAX = 1 << 20 };
/* Types of blocks (48882, 5.2.2); others, as of memory that devices need (IVMD: all of Linux's is theirs), say nothing about units. */
enum { IVHD_BASIC = 0x10, IVHD_EXTENDED = 0x11, IVHD_ACPI = 0x40 };

/* Little endian, as here, and at any address. */
static uint64_t number(const uint8_t *p, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, p, size);
	return value;
}

/* Device entries are not read: all devices go through the same tables. */
static int parse_unit(const uint8_t *block, size_t size, struct ivrs *ivrs)
{
	struct iommu_description unit;
	unsigned int i = 0;

	if (size < (block[0] == IVHD_BASIC ? IVHD_HEADER : IVHD_HEADER_EXTENDED))
		return -EINVAL;
	unit.base = number(block + 8, 8);
	unit.flags = block[1];
	/* Registers are 16 KiB and aligned so (3.4); addresses have 52 bits. */
	if (!unit.base || unit.base % (4 * PAGE_SIZE) || unit.base >> 52)
		return -EINVAL;
	while (i < ivrs->count && ivrs->units[i].base != unit.base)
		i++;
	if (i == IOMMU_UNITS)
		return -ENOSPC;
	if (i == ivrs->count)
		ivrs->units[ivrs->count++] = unit;
	return 0;
}

int ivrs_parse(const void *table, size_t size, struct ivrs *ret_ivrs)
{
	const uint8_t *bytes = table;
	struct ivrs ivrs = { 0 };
	uint8_t sum = 0;
	size_t at = IVRS_HEADER;

	if (size < IVRS_HEADER || memcmp(bytes, "IVRS", 4) || number(bytes + 4, 4) < IVRS_HEADER ||
	    number(bytes + 4, 4) > MIN(size, (size_t)IVRS_SIZE_MAX))
		return -EINVAL;
	size = number(bytes + 4, 4);
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	if (sum)
		return -EINVAL;
	while (at < size) {
		size_t length = size - at < 4 ? 0 : number(bytes + at + 2, 2);
		uint8_t type = bytes[at];
		int r = 0;

		if (length < 4 || length > size - at)
			return -EINVAL;
		if (type == IVHD_BASIC || type == IVHD_EXTENDED || type == IVHD_ACPI)
			r = parse_unit(bytes + at, length, &ivrs);
		if (r)
			return r;
		at += length;
	}
	*ret_ivrs = ivrs;
	return 0;
}
