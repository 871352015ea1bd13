/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM for hosted tests: the FIFO registers of locality 2 as a model (fifo.c), behind them a function that answers commands: a real TPM in software
 * (swtpm.c), with faults put in between by the test.
 */
#pragma once

#include "lib/base/types.h"

/* --- fifo.c: what register_read and register_write of hypervisor/trust see --- */
enum fifo_fault {
	FIFO_FINE,
	FIFO_ABSENT,	  /* all ones */
	FIFO_BUFFER,	  /* another interface */
	FIFO_REFUSED,	  /* the locality is never granted */
	FIFO_SEIZE,	  /* granted only when it is seized: no fault */
	FIFO_NOT_READY,	  /* takes no command */
	FIFO_NO_BURST,	  /* takes no byte */
	FIFO_FULL_EARLY,  /* wants no more before the last byte */
	FIFO_NEVER_FULL,  /* wants more after the last byte */
	FIFO_NO_ANSWER,	  /* executes, and says nothing */
	FIFO_ANSWER_ENDS, /* in the middle */
	FIFO_ANSWER_LONG, /* goes on behind what its header says */
	FIFO_FAULTS
};
extern enum fifo_fault fifo_fault;
extern unsigned int
	fifo_fault_from; /* with the how manieth command it begins; 0, 1: with the first */
extern unsigned int fifo_commands;
/* 0 and the response; else: no answer comes. */
extern int (*fifo_answer)(const uint8_t *command, size_t size, uint8_t ret_response[4096],
			  size_t *ret_size);
void fifo_reset(void);
bool fifo_is_open(void);

/* --- swtpm.c --- */
/* Starts one with an empty state; false: there is no swtpm. It dies with this program. */
bool swtpm_start(void);
void swtpm_stop(void);
/* As a boot: PCRs as at startup, NV stays. */
void swtpm_boot(void);
/* One command at this locality. Fails by ending the program. */
void swtpm_command(unsigned int locality, const uint8_t *command, size_t size,
		   uint8_t ret_response[4096], size_t *ret_size);
