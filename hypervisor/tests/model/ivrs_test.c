/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IVRS parser: tables as boards have them, built here, and each rule broken in turn. Every prefix of a good table is read from memory that ends with it.
 * `ivrs_test write FOLDER` writes the tables, as what the fuzzer starts from.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/mem/iommu.h"

static int failed;

#define EXPECT_EQ(a, b)                                                                            \
	do {                                                                                       \
		long long is = (long long)(a), wanted = (long long)(b);                            \
		if (is != wanted) {                                                                \
			printf("%s:%d: %s is %lld, not %lld (size %zu)\n", __FILE__, __LINE__, #a, \
			       is, wanted, size);                                                  \
			failed = 1;                                                                \
		}                                                                                  \
	} while (0)

static uint8_t table[4096];
static size_t size;

static void put(uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		table[size++] = (uint8_t)(value >> 8 * i);
}

static void finish(void)
{
	uint8_t sum = 0;

	table[4] = (uint8_t)size;
	table[5] = (uint8_t)(size >> 8);
	table[9] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + table[i]);
	table[9] = (uint8_t)-sum;
}

static void begin(void)
{
	memset(table, 0, sizeof(table));
	memcpy(table, "IVRS\0\0\0\0\2\0AMD   AmdTable", 24);
	size = 48;
}

/* A block with these bytes of device entries; its length is filled in. */
static void unit(uint8_t type, uint16_t device, uint64_t base, const void *entries,
		 size_t entries_size)
{
	size_t at = size;

	put(type, 1);
	put(0x20, 1);
	put(0, 2);
	put(device, 2);
	put(0x40, 2);
	put(base, 8);
	put(0, 8);
	if (type != 0x10)
		put(0, 8), put(0, 8);
	memcpy(table + size, entries, entries_size);
	size += entries_size;
	table[at + 2] = (uint8_t)(size - at);
	table[at + 3] = (uint8_t)((size - at) >> 8);
}

/* As QEMU describes one: all devices, and the IOAPIC. */
static const uint8_t every_device[] = { 1, 0, 0, 0, 0x48, 0, 0, 0, 0, 0xa0, 0, 1 };
/* As boards do: ranges, an alias, a pad, extended, an ACPI device with a name of 3 bytes. */
static const uint8_t ranges[] = { 3,   8,    0,	  0,   4,   0xfe, 0xff, 0,    0,  0,	0,
				  0,   0x42, 0,	  5,   0,   0,	  1,	5,    0,  0x46, 0x10,
				  0,   0,    0,	  0,   0,   0,	  0xf0, 0xa5, 0,  0,	'A',
				  'M', 'D',  'I', '0', '0', '2',  '0',	0,    0,  0,	0,
				  0,   0,    0,	  0,   2,   3,	  'a',	'b',  'c' };

static void good(void)
{
	begin();
	unit(0x10, 2, 0xfd200000, ranges, 20);
	unit(0x11, 2, 0xfd200000, every_device, sizeof(every_device));
	unit(0x40, 0x4002, 0xfd300000, ranges, sizeof(ranges));
	put(0x21, 1); /* memory that a device needs */
	put(8, 1);
	put(32, 2);
	put(0x10, 2);
	put(0, 8), put(0, 2);
	put(0x7000000, 8);
	put(0x100000, 8);
	put(0x99, 1); /* a kind of block of the future */
	put(0, 1);
	put(6, 2);
	put(0, 2);
	finish();
}

static int parse(struct ivrs *ret_ivrs)
{
	uint8_t *exact = malloc(size);
	int r;

	memcpy(exact, table, size);
	r = ivrs_parse(exact, size, ret_ivrs);
	free(exact);
	return r;
}

static void test_good(void)
{
	struct ivrs ivrs;

	good();
	EXPECT_EQ(parse(&ivrs), 0);
	EXPECT_EQ(ivrs.count, 2);
	EXPECT_EQ(ivrs.units[0].base, 0xfd200000);
	EXPECT_EQ(ivrs.units[1].base, 0xfd300000);
	EXPECT_EQ(ivrs.units[0].flags, 0x20);
	begin();
	finish();
	EXPECT_EQ(parse(&ivrs), 0);
	EXPECT_EQ(ivrs.count, 0);
}

static void test_cut_and_changed(void)
{
	struct ivrs ivrs;
	size_t whole;

	good();
	whole = size;
	for (size = 0; size < whole; size++)
		EXPECT_EQ(parse(&ivrs), -EINVAL);
	for (size_t i = 0; i < whole; i++) {
		table[i] ^= 0x10;
		size = whole;
		EXPECT_EQ(parse(&ivrs), -EINVAL);
		/* With the checksum right again nothing is read outside; what it says may be good. */
		if (i > 9) {
			finish();
			(void)!parse(&ivrs);
		}
		good();
	}
	/* Shorter than it is, with its length and checksum right: only between blocks. */
	for (size = 48; size < whole; size++) {
		finish();
		EXPECT_EQ(parse(&ivrs) == 0, size == 48 || size == 48 + 44 ||
						     size == 48 + 44 + 52 || size == whole - 38 ||
						     size == whole - 6);
		size_t now = size;
		good();
		size = now;
	}
}

static void test_refused(void)
{
	static const uint64_t bases[] = { 0, 0xfd200800, 0xfd201000, 1ULL << 52 };
	struct ivrs ivrs;

	for (unsigned int i = 0; i < ARRAY_SIZE(bases); i++) {
		begin();
		unit(0x10, 2, bases[i], every_device, 4);
		finish();
		EXPECT_EQ(parse(&ivrs), -EINVAL);
	}
	begin();
	for (unsigned int i = 0; i <= IOMMU_UNITS; i++) {
		unit(0x10, 2, 0xfd200000 + i * 0x10000ULL, every_device, 4);
		finish();
		EXPECT_EQ(parse(&ivrs), i < IOMMU_UNITS ? 0 : -ENOSPC);
	}
	/* A header longer than its block. */
	begin();
	unit(0x40, 2, 0xfd200000, ranges, 0);
	table[50] = 39;
	finish();
	EXPECT_EQ(parse(&ivrs), -EINVAL);
	good();
	table[50] = 0; /* a block of length 0: no end */
	finish();
	EXPECT_EQ(parse(&ivrs), -EINVAL);
}

static int write_seed(const char *folder, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	if (!f || fwrite(table, size, 1, f) != 1 || fclose(f))
		return 1;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "write")) {
		good();
		if (write_seed(argv[2], "board"))
			return 1;
		begin();
		unit(0x10, 2, 0xfed80000, every_device, sizeof(every_device));
		finish();
		return write_seed(argv[2], "emulator");
	}
	test_good();
	test_cut_and_changed();
	test_refused();
	return failed;
}
