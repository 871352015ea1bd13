/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FIFO registers (TCG PC Client Platform TPM Profile 1.05, 6.5) as a state machine: idle, ready, taking a command, answering. What hypervisor/trust
 * must not do (a byte too many, a read of what is not there) ends the program. Time is the number of times that it was asked for.
 */
#include "hypervisor/tests/trust/device.h"

#include "hypervisor/trust/tis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fifo_fault fifo_fault;
unsigned int fifo_fault_from, fifo_commands;
int (*fifo_answer)(const uint8_t *command, size_t size, uint8_t ret_response[4096],
		   size_t *ret_size);

static enum { IDLE, READY, TAKING, ANSWERING } state;
static bool active, used_by_linux;
static uint8_t command[4096], response[4096];
static size_t taken, given, length;
static uint64_t now;

uint64_t clock_milliseconds(void)
{
	return now++;
}

void fifo_reset(void)
{
	state = IDLE;
	active = false;
	used_by_linux = true; /* locality 0 */
	fifo_commands = 0;
	fifo_fault = FIFO_FINE;
	fifo_fault_from = 0;
}

bool fifo_is_open(void)
{
	return active;
}

static bool faulty(enum fifo_fault fault)
{
	return fifo_fault == fault && fifo_commands + 1 >= fifo_fault_from;
}

static bool complete(void)
{
	size_t wanted;

	if (taken < 6)
		return false;
	wanted = (size_t)command[2] << 24 | (size_t)command[3] << 16 | (size_t)command[4] << 8 |
		 command[5];
	return taken >= wanted;
}

static bool expects(void)
{
	if (faulty(FIFO_FULL_EARLY) && taken > 8)
		return false;
	return faulty(FIFO_NEVER_FULL) || !complete();
}

static uint8_t status(void)
{
	switch (state) {
	case READY:
		return 0xc0;
	case TAKING:
		return expects() ? 0x88 : 0x80;
	case ANSWERING:
		if (given == length && !faulty(FIFO_ANSWER_LONG))
			return 0x80;
		return length ? 0x90 : 0x80;
	default:
		return 0x80;
	}
}

/* Less than a command; of an answer no more than there is. */
static uint8_t burst(void)
{
	if (faulty(FIFO_NO_BURST))
		return 0;
	if (state == ANSWERING && !faulty(FIFO_ANSWER_LONG))
		return (uint8_t)MIN(length - given, 7U);
	return 7;
}

uint8_t register_read(unsigned int offset)
{
	if (fifo_fault == FIFO_ABSENT)
		return 0xff;
	switch (offset) {
	case 0x00:
		return (uint8_t)(0x80 | (active ? 0x20 : 0));
	case 0x18:
		return status();
	case 0x19:
		return burst();
	case 0x1a:
		return 0;
	case 0x24:
		if (state != ANSWERING || (given == length && !faulty(FIFO_ANSWER_LONG))) {
			fprintf(stderr, "read from an empty FIFO\n");
			abort();
		}
		return given < length ? response[given++] : 0;
	case 0x30:
		return fifo_fault == FIFO_BUFFER ? 1 : 0;
	default:
		fprintf(stderr, "register %#x\n", offset);
		abort();
	}
}

static void go(void)
{
	length = 0;
	if (fifo_answer(command, taken, response, &length))
		length = 0;
	if (faulty(FIFO_NO_ANSWER))
		length = 0;
	if (faulty(FIFO_ANSWER_ENDS) && length > 3)
		length -= 3;
	given = 0;
	state = ANSWERING;
}

void register_write(unsigned int offset, uint8_t value)
{
	switch (offset) {
	case 0x00:
		if (value == 0x20)
			active = false;
		else if (fifo_fault != FIFO_REFUSED && (value == 0x08 || !used_by_linux))
			active = true;
		break;
	case 0x18:
		if (value == 0x20 && state == TAKING && complete()) {
			go();
		} else if (value == 0x40) {
			if (state == ANSWERING)
				fifo_commands++;
			state = state <= READY && !faulty(FIFO_NOT_READY) ? READY : IDLE;
			taken = 0;
		}
		break;
	case 0x24:
		if (!active || (state != READY && state != TAKING) || complete() ||
		    taken == sizeof(command)) {
			fprintf(stderr, "a byte that nobody wants\n");
			abort();
		}
		command[taken++] = value;
		state = TAKING;
		break;
	default:
		fprintf(stderr, "register %#x\n", offset);
		abort();
	}
}
