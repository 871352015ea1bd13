/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI table that describes AMD's IOMMUs (48882, 5.2). Bytes from outside: every length is checked against what contains it, and nothing is read past
 * `size`. One unit appears in several blocks (types 10H, 11H, 40H for ever newer systems): it is its register base that tells units apart.
 */
#include <asm/errno.h>

#include "hypervisor/mem/iommu.h"
#include "lib/base/string.h"

/* clang-format off */
enum {
	IVRS_HEADER = 48, IVHD_HEADER = 24, IVHD_HEADER_EXTENDED = 40, IVMD_SIZE = 32,
	IVRS_SIZE_MAX = 1 << 20
};
/* Types of blocks and of device entries (48882, 5.2.2). */
enum {
	IVHD_BASIC = 0x10, IVHD_EXTENDED = 0x11, IVHD_ACPI = 0x40, IVMD_FIRST = 0x20, IVMD_LAST = 0x22,
	ENTRY_PAD = 0, ENTRY_ALL = 1, ENTRY_ALIAS = 66, ENTRY_ALIAS_RANGE = 67,
	ENTRY_ACPI_DEVICE = 240
};
/* clang-format on */

/* Numbers are little endian, as here, and at any address. */
#define GETTER(name, type)                 \
	static type name(const uint8_t *p) \
	{                                  \
		type v;                    \
		memcpy(&v, p, sizeof(v));  \
		return v;                  \
	}
GETTER(get16, uint16_t)
GETTER(get32, uint32_t)
GETTER(get64, uint64_t)

/* Bytes of a device entry; 0: it does not fit. Types below 64 have 4 bytes, below 128 have 8, and so on; the ACPI one says so itself. */
static size_t entry_size(const uint8_t *entry, size_t left)
{
	size_t size;

	if (entry[0] == ENTRY_ACPI_DEVICE)
		size = left < 22 ? 0 : 22u + entry[21];
	else
		size = 4u << (entry[0] >> 6);
	return size <= left ? size : 0;
}

static int parse_entries(const uint8_t *entries, size_t size, struct ivrs *ivrs)
{
	while (size) {
		size_t length = entry_size(entries, size);
		uint16_t device;

		if (!length)
			return -EINVAL;
		device = entries[0] == ENTRY_ALL ? UINT16_MAX : get16(entries + 1);
		if (entries[0] != ENTRY_PAD && device > ivrs->last_device)
			ivrs->last_device = device;
		/* The requests of an alias come under another number. */
		if ((entries[0] == ENTRY_ALIAS || entries[0] == ENTRY_ALIAS_RANGE ||
		     entries[0] == 72) &&
		    get16(entries + 5) > ivrs->last_device)
			ivrs->last_device = get16(entries + 5);
		entries += length;
		size -= length;
	}
	return 0;
}

static int parse_unit(const uint8_t *block, size_t size, struct ivrs *ivrs)
{
	size_t header = block[0] == IVHD_BASIC ? IVHD_HEADER : IVHD_HEADER_EXTENDED;
	struct iommu_description unit;
	unsigned int i = 0;

	if (size < header)
		return -EINVAL;
	unit.base = get64(block + 8);
	unit.device = get16(block + 4);
	unit.segment = get16(block + 16);
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
	if (unit.device > ivrs->last_device)
		ivrs->last_device = unit.device;
	return parse_entries(block + header, size - header, ivrs);
}

int ivrs_parse(const void *table, size_t size, struct ivrs *ret_ivrs)
{
	const uint8_t *bytes = table;
	struct ivrs ivrs = { 0 };
	uint8_t sum = 0;
	size_t at = IVRS_HEADER;

	if (size < IVRS_HEADER || memcmp(bytes, "IVRS", 4) || get32(bytes + 4) < IVRS_HEADER ||
	    get32(bytes + 4) > MIN(size, (size_t)IVRS_SIZE_MAX))
		return -EINVAL;
	size = get32(bytes + 4);
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	if (sum)
		return -EINVAL;
	while (at < size) {
		size_t length = size - at < 4 ? 0 : get16(bytes + at + 2);
		uint8_t type = bytes[at];
		int r = 0;

		if (length < 4 || length > size - at)
			return -EINVAL;
		if (type == IVHD_BASIC || type == IVHD_EXTENDED || type == IVHD_ACPI)
			r = parse_unit(bytes + at, length, &ivrs);
		else if (type >= IVMD_FIRST && type <= IVMD_LAST)
			r = length == IVMD_SIZE ? (int)(ivrs.unity_ranges++ & 0) : -EINVAL;
		if (r)
			return r;
		at += length;
	}
	*ret_ivrs = ivrs;
	return 0;
}
