/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD-Vi units (iommu.h, 48882). One device table for all units, with an entry for each number that a device can have, all of them the same: domain 1,
 * Linux's tables. So nothing depends on which device numbers exist.
 *
 * Commands: a ring of 256 in a page, then a completion wait that stores a number which nobody used before; a unit that does not store it in time is dead, and
 * its caller refuses to go on. Lock: iommu_lock.
 */
#include <asm/errno.h>

#include "hypervisor/mem/iommu.h"
#include "hypervisor/mem/owner_internal.h"
#include "lib/base/string.h"

/* Registers (3.4), by offset. */
/* clang-format off */
enum {
	REG_DEVICE_TABLE = 0x0, REG_COMMANDS = 0x8, REG_EVENTS = 0x10, REG_CONTROL = 0x18,
	REG_EXCLUSION = 0x20, REG_FEATURES = 0x30,
	REG_COMMAND_HEAD = 0x2000, REG_COMMAND_TAIL = 0x2008, REG_EVENT_HEAD = 0x2010,
	REG_EVENT_TAIL = 0x2018, REG_STATUS = 0x2020
};
/* clang-format on */
enum { REGISTERS_SIZE = 4 * PAGE_SIZE, REGISTERS_SIZE_COUNTERS = 512 << 10 };
/* clang-format off */
enum {
	CONTROL_ENABLE = 1 << 0, CONTROL_HT_TUNNEL = 1 << 1, CONTROL_EVENT_LOG = 1 << 2,
	CONTROL_PASS_POSTED = 1 << 8, CONTROL_RESPONSE_PASS = 1 << 9, CONTROL_COHERENT = 1 << 10,
	CONTROL_ISOCHRONOUS = 1 << 11, CONTROL_COMMANDS = 1 << 12
};
/* clang-format on */
#define FEATURE_INVALIDATE_ALL (1ULL << 6)
#define FEATURE_COUNTERS (1ULL << 9)
#define STATUS_EVENT_OVERFLOW (1ULL << 0)
#define RING_ENTRIES 256U
#define RING_LENGTH (8ULL << 56) /* 2^8 entries */
/* IVHD flags (5.2.2.1). */
/* clang-format off */
enum {
	IVHD_HT_TUNNEL = 1, IVHD_PASS_POSTED = 2, IVHD_RESPONSE_PASS = 4, IVHD_ISOCHRONOUS = 8,
	IVHD_COHERENT = 32
};
/* clang-format on */
/* Commands (2.4): opcode in bits 31:28 of the second word. */
/* clang-format off */
enum {
	COMMAND_WAIT = 1, COMMAND_DEVICE = 2, COMMAND_PAGES = 3, COMMAND_INTERRUPTS = 5,
	COMMAND_ALL = 8
};
/* clang-format on */
#define DOMAIN 1U
#define DEVICES 65536U
#define PATIENCE 20000000U /* polls before a unit counts as dead */

struct device_entry {
	uint64_t words[4];
};

#define DEVICE_TABLE_PAGES (DEVICES * sizeof(struct device_entry) / PAGE_SIZE) /* 2 MiB */

struct unit {
	struct iommu_description description;
	volatile uint8_t *registers;
	uint64_t features, control;
	uint32_t (*ring)[4];
	uint64_t *events, *done; /* done: what completion waits store */
	uint32_t tail;
	uint64_t waits;
};

static struct unit units[IOMMU_UNITS];
static unsigned int unit_count, active;
static struct device_entry *device_table;
static uint64_t refused;
static bool iommu_lock;

#ifndef CLOISTER_HOSTED
static void iommu_pause(void)
{
	__builtin_ia32_pause();
}
#endif

static uint64_t get(const struct unit *u, unsigned int offset)
{
	return *(volatile uint64_t *)(u->registers + offset);
}

static void set(const struct unit *u, unsigned int offset, uint64_t value)
{
	*(volatile uint64_t *)(u->registers + offset) = value;
}

static size_t registers_size(const struct unit *u)
{
	return u->features & FEATURE_COUNTERS ? REGISTERS_SIZE_COUNTERS : REGISTERS_SIZE;
}

int iommu_prepare(const struct ivrs *ivrs, void *(*map)(uint64_t address, size_t size))
{
	unit_count = 0;
	for (unsigned int i = 0; i < ivrs->count; i++) {
		struct unit u = { .description = ivrs->units[i] };

		u.registers = map(u.description.base, REGISTERS_SIZE);
		if (!u.registers)
			return -ENXIO;
		/* All ones: nobody answers at this address. */
		if (get(&u, REG_CONTROL) == ~0ULL)
			return -ENXIO;
		if (get(&u, REG_CONTROL) & CONTROL_ENABLE)
			return -EBUSY;
		u.features = get(&u, REG_FEATURES);
		units[i] = u;
	}
	unit_count = ivrs->count;
	return 0;
}

unsigned int iommu_ranges(struct memory_range *ret_ranges)
{
	for (unsigned int i = 0; i < unit_count; i++) {
		uint64_t base = units[i].description.base;

		ret_ranges[i] = (struct memory_range){ base, base + registers_size(&units[i]),
						       OWNER_PROTECTED };
	}
	return unit_count;
}

/* --- Commands; under iommu_lock ------------------------------------------------------------------------------------------------ */

static int put_command(struct unit *u, uint32_t first, uint32_t second, uint32_t third,
		       uint32_t fourth)
{
	uint32_t next = (u->tail + 1) % RING_ENTRIES, *command = u->ring[u->tail];
	unsigned int polls = 0;

	while (get(u, REG_COMMAND_HEAD) / 16 % RING_ENTRIES == next) {
		if (polls++ == PATIENCE)
			return -EIO;
		iommu_pause();
	}
	command[0] = first;
	command[1] = second;
	command[2] = third;
	command[3] = fourth;
	/* In memory before the unit may look: stores are in order, the compiler's as well. */
	asm volatile("" : : : "memory");
	u->tail = next;
	set(u, REG_COMMAND_TAIL, u->tail * 16ULL);
	return 0;
}

/* All commands before it are done, and what they changed is seen (2.4.1). */
static int wait(struct unit *u)
{
	uint64_t address = pool_physical(u->done), number = ++u->waits;
	unsigned int polls = 0;
	int r = put_command(u, (uint32_t)address | 1,
			    (uint32_t)(address >> 32 & 0xfffff) | (uint32_t)COMMAND_WAIT << 28,
			    (uint32_t)number, (uint32_t)(number >> 32));

	if (r)
		return r;
	while (__atomic_load_n(u->done, __ATOMIC_ACQUIRE) != number) {
		if (polls++ == PATIENCE)
			return -EIO;
		iommu_pause();
	}
	return 0;
}

/* Units without "invalidate all": each device's entry by itself. */
static int forget_devices(struct unit *u)
{
	for (uint32_t device = 0; device < DEVICES; device++) {
		if (put_command(u, device, (uint32_t)COMMAND_DEVICE << 28, 0, 0) ||
		    put_command(u, device, (uint32_t)COMMAND_INTERRUPTS << 28, 0, 0))
			return -EIO;
	}
	return 0;
}

static int forget(struct unit *u)
{
	if (u->features & FEATURE_INVALIDATE_ALL) {
		if (put_command(u, 0, (uint32_t)COMMAND_ALL << 28, 0, 0))
			return -EIO;
	} else {
		/* Size bit and an address of ones: the whole domain, directories too (2.4.3). */
		if (forget_devices(u) || put_command(u, 0, DOMAIN | (uint32_t)COMMAND_PAGES << 28,
						     0xfffff003, 0x7fffffff))
			return -EIO;
	}
	return wait(u);
}

/* Events are refused requests, as good as all of them; the log only has to keep going (2.5). */
static void read_events(struct unit *u)
{
	uint64_t head = get(u, REG_EVENT_HEAD) / 16, tail = get(u, REG_EVENT_TAIL) / 16;

	refused += (tail - head) % RING_ENTRIES;
	set(u, REG_EVENT_HEAD, tail % RING_ENTRIES * 16);
	if (get(u, REG_STATUS) & STATUS_EVENT_OVERFLOW) {
		set(u, REG_CONTROL, u->control & ~CONTROL_EVENT_LOG);
		set(u, REG_STATUS, STATUS_EVENT_OVERFLOW);
		set(u, REG_CONTROL, u->control);
	}
}

/* --- On and off ------------------------------------------------------------------------------------------------------------------ */

/*
 * DTE (2.2.2): valid, translated through 4 levels; interrupts go through unmapped (IntCtl 1): fixed, NMI, ExtINT, LINT0, LINT1, but no INIT.
 * No IOTLB in the device (word 1, bit 32): what it had cached could not be trusted.
 */
static struct device_entry device_entry(void)
{
	return (struct device_entry){ {
		npt_linux_root() | 1 | 2 | (uint64_t)NPT_LEVELS << 9 | ENTRY_DMA_READ |
			ENTRY_DMA_WRITE,
		DOMAIN,
		1 | 1ULL << 57 | 1ULL << 58 | 1ULL << 60 | 1ULL << 62 | 1ULL << 63,
		0,
	} };
}

static uint64_t device_table_register(void)
{
	return pool_physical(device_table) | (DEVICE_TABLE_PAGES - 1);
}

static int memory(void)
{
	struct device_entry entry = device_entry();

	device_table = pool_pages(DEVICE_TABLE_PAGES);
	if (!device_table)
		return -ENOMEM;
	for (unsigned int i = 0; i < DEVICES; i++)
		device_table[i] = entry;
	for (unsigned int i = 0; i < unit_count; i++) {
		units[i].ring = pool_page();
		units[i].events = pool_page();
		units[i].done = pool_page();
		if (!units[i].ring || !units[i].events || !units[i].done)
			return -ENOMEM;
	}
	return 0;
}

static int start(struct unit *u)
{
	uint8_t flags = u->description.flags;

	/* Off, with registers of our own, then rings, then translation; its caches are emptied before anybody relies on it (3.4.2, 2.4). */
	set(u, REG_CONTROL, 0);
	set(u, REG_DEVICE_TABLE, device_table_register());
	set(u, REG_COMMANDS, pool_physical(u->ring) | RING_LENGTH);
	set(u, REG_EVENTS, pool_physical(u->events) | RING_LENGTH);
	set(u, REG_EXCLUSION, 0);
	set(u, REG_COMMAND_HEAD, 0);
	set(u, REG_COMMAND_TAIL, 0);
	set(u, REG_EVENT_HEAD, 0);
	set(u, REG_EVENT_TAIL, 0);
	u->control = (flags & IVHD_HT_TUNNEL ? CONTROL_HT_TUNNEL : 0) |
		     (flags & IVHD_PASS_POSTED ? CONTROL_PASS_POSTED : 0) |
		     (flags & IVHD_RESPONSE_PASS ? CONTROL_RESPONSE_PASS : 0) |
		     (flags & IVHD_ISOCHRONOUS ? CONTROL_ISOCHRONOUS : 0) |
		     (flags & IVHD_COHERENT ? CONTROL_COHERENT : 0) | CONTROL_COMMANDS |
		     CONTROL_EVENT_LOG;
	set(u, REG_CONTROL, u->control);
	u->control |= CONTROL_ENABLE;
	set(u, REG_CONTROL, u->control);
	return forget(u);
}

int iommu_enable(void)
{
	int r = 0;

	spin_lock(&iommu_lock);
	if (unit_count)
		r = memory();
	while (!r && active < unit_count)
		r = start(&units[active++]);
	spin_unlock(&iommu_lock);
	if (r)
		iommu_disable();
	return r;
}

void iommu_disable(void)
{
	spin_lock(&iommu_lock);
	for (unsigned int i = 0; i < active; i++)
		set(&units[i], REG_CONTROL, 0);
	active = 0;
	spin_unlock(&iommu_lock);
}

unsigned int iommu_active(void)
{
	return __atomic_load_n(&active, __ATOMIC_RELAXED);
}

uint64_t iommu_refused(void)
{
	uint64_t all;

	spin_lock(&iommu_lock);
	for (unsigned int i = 0; i < active; i++)
		read_events(&units[i]);
	all = refused;
	spin_unlock(&iommu_lock);
	return all;
}
