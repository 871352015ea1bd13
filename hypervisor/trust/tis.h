/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM's FIFO interface (TIS) at locality 2: see tis.c. One user at a time: whoever starts or ends the hypervisor. */
#pragma once

#include "lib/base/types.h"

/* The longest command, and the longest response that is taken. */
enum { TIS_MAX = 256, TIS_HEADER = 10 };

/* Physical address of locality 2's page (TCG PC Client Platform TPM Profile 1.05, 6.2: FED4_0000H and a page for each locality). */
#define TIS_LOCALITY_2 0xfed42000ULL

/* Takes the locality from whoever has it. 0; -ENODEV: no FIFO there; -EBUSY: not granted. */
must_check int tis_open(void);
/* Gives it back. */
void tis_close(void);
/* bytes: the command of `size`, then the response of *ret_size (TIS_HEADER.. TIS_MAX). 0, -ETIMEDOUT, -EIO: the interface behaves oddly. */
must_check int tis_transmit(uint8_t bytes[TIS_MAX], size_t size, size_t *ret_size);

/* Of registers.c, or of a test: the locality's registers, and a clock. */
void registers_init(volatile uint8_t *mapped, uint32_t tsc_khz);
uint8_t register_read(unsigned int offset);
void register_write(unsigned int offset, uint8_t value);
uint64_t clock_milliseconds(void);
