// SPDX-License-Identifier: Apache-2.0
/*
 * The registers of the TPM's locality 2 as the machine has them, byte by byte, and time by the timestamp counter. Hosted tests have their own:
 * a model of the registers with swtpm behind it.
 */
#include "hypervisor/trust/tis.h"

static volatile uint8_t *registers;
static uint32_t ticks; /* a millisecond's */

void registers_init(volatile uint8_t *mapped, uint32_t tsc_khz)
{
	registers = mapped;
	ticks = tsc_khz ? tsc_khz : 1;
}

uint8_t register_read(unsigned int offset)
{
	return registers[offset];
}

void register_write(unsigned int offset, uint8_t value)
{
	registers[offset] = value;
}

uint64_t clock_milliseconds(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return ((uint64_t)high << 32 | low) / ticks;
}
