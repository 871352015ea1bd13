// SPDX-License-Identifier: Apache-2.0
/*
 * Talks to a TPM through its FIFO registers at locality 2 (TCG PC Client Platform TPM Profile for TPM 2.0, 1.05: "PTP"). No interrupts: each state
 * is waited for, with an end. The device is not trusted to behave: whatever it says, no more than TIS_MAX bytes are stored and every loop is
 * bounded by the clock.
 *
 * Linux uses locality 0. When we come, at the launch or at the end, it may hold it; a command of Linux's that is under way is aborted (PTP 6.5.3.1,
 * Seize), but the module keeps Linux from starting one.
 */
#include "hypervisor/trust/tis.h"

#include <asm-generic/errno.h>

/* PTP 1.05, table 18 "FIFO registers" and those that follow it. */
enum { ACCESS = 0x00, STATUS = 0x18, BURST = 0x19, FIFO = 0x24, INTERFACE_ID = 0x30 };
enum { ACCESS_VALID = 0x80, ACCESS_ACTIVE = 0x20, ACCESS_SEIZE = 0x08, ACCESS_REQUEST = 0x02 };
/* clang-format off */
enum {
	STATUS_VALID = 0x80, STATUS_READY = 0x40, STATUS_GO = 0x20, STATUS_AVAILABLE = 0x10,
	STATUS_EXPECT = 0x08,
};
/* clang-format on */
/* INTERFACE_ID, low four bits: FIFO as here, or as TIS 1.3 had it; else a command-response buffer. */
enum { INTERFACE_FIFO = 0, INTERFACE_TIS_13 = 15 };
/* TIMEOUT_A..D (PTP 1.05, 6.5.1.3) are 750, 2000, 200 and 30 ms: the longest for all. Commands used here take below a second. */
enum { WAIT_INTERFACE = 2000, WAIT_COMMAND = 10000 };

static int wait(unsigned int offset, uint8_t mask, uint8_t wanted, unsigned int milliseconds)
{
	uint64_t end = clock_milliseconds() + milliseconds;

	for (;;) {
		if ((register_read(offset) & mask) == wanted)
			return 0;
		if (clock_milliseconds() > end)
			return -ETIMEDOUT;
		asm volatile("pause");
	}
}

int tis_open(void)
{
	const uint8_t ours = ACCESS_VALID | ACCESS_ACTIVE;
	uint8_t interface = register_read(INTERFACE_ID) & 15;

	if (register_read(ACCESS) == 0xff ||
	    (interface != INTERFACE_FIFO && interface != INTERFACE_TIS_13))
		return -ENODEV;
	if (wait(ACCESS, ACCESS_VALID, ACCESS_VALID, WAIT_INTERFACE))
		return -ENODEV;
	register_write(ACCESS, ACCESS_REQUEST);
	if ((register_read(ACCESS) & ours) == ours)
		return 0;
	register_write(ACCESS, ACCESS_SEIZE);
	return wait(ACCESS, ours, ours, WAIT_INTERFACE) ? -EBUSY : 0;
}

void tis_close(void)
{
	register_write(STATUS, STATUS_READY); /* to idle, with no response left in it */
	register_write(ACCESS, ACCESS_ACTIVE);
}

/* How many bytes the FIFO takes or gives now: 1..; 0: none in time. */
static size_t burst(void)
{
	uint64_t end = clock_milliseconds() + WAIT_INTERFACE;

	do {
		size_t count = register_read(BURST) | (size_t)register_read(BURST + 1) << 8;

		if (count)
			return count;
		asm volatile("pause");
	} while (clock_milliseconds() <= end);
	return 0;
}

static int send(const uint8_t *bytes, size_t size)
{
	const uint8_t valid = STATUS_VALID | STATUS_EXPECT;

	if (!(register_read(STATUS) & STATUS_READY))
		register_write(STATUS, STATUS_READY);
	if (wait(STATUS, STATUS_READY, STATUS_READY, WAIT_INTERFACE))
		return -ETIMEDOUT;
	for (size_t at = 0; at < size;) {
		size_t count = MIN(burst(), size - at);

		if (!count)
			return -ETIMEDOUT;
		while (count--) {
			/* It knows the length from the header: before the last byte it must still want one. */
			if (at + 1 == size && wait(STATUS, valid, valid, WAIT_INTERFACE))
				return -EIO;
			register_write(FIFO, bytes[at++]);
		}
	}
	if (wait(STATUS, valid, STATUS_VALID, WAIT_INTERFACE))
		return -EIO;
	register_write(STATUS, STATUS_GO);
	return 0;
}

static int receive(uint8_t *to, size_t size)
{
	const uint8_t more = STATUS_VALID | STATUS_AVAILABLE;

	for (size_t at = 0; at < size;) {
		size_t count = MIN(burst(), size - at);

		if (!count || wait(STATUS, more, more, WAIT_INTERFACE))
			return -EIO;
		while (count--)
			to[at++] = register_read(FIFO);
	}
	return 0;
}

int tis_transmit(uint8_t bytes[TIS_MAX], size_t size, size_t *ret_size)
{
	const uint8_t more = STATUS_VALID | STATUS_AVAILABLE;
	int err = send(bytes, size);

	if (!err)
		err = wait(STATUS, more, more, WAIT_COMMAND);
	if (!err)
		err = receive(bytes, TIS_HEADER);
	if (!err) {
		size_t length = (size_t)bytes[2] << 24 | (size_t)bytes[3] << 16 |
				(size_t)bytes[4] << 8 | bytes[5];

		if (length < TIS_HEADER || length > TIS_MAX)
			err = -EIO;
		else
			err = receive(bytes + TIS_HEADER, length - TIS_HEADER);
		if (!err && wait(STATUS, more, STATUS_VALID, WAIT_INTERFACE))
			err = -EIO; /* it has more to say than it said */
		*ret_size = length;
	}
	register_write(STATUS,
		       STATUS_READY); /* aborts what did not end; idle else (PTP 1.05, 6.5.2.5) */
	return err;
}
