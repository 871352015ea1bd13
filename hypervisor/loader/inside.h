/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an enclave of ours and its loader agree on: the description that the enclave carries in its section .enclave, the page that
 * each thread finds at its GS base, and what the registers mean when the enclave is entered and left. Used by C and by assembly.
 *
 * Entering (EENTER): RDI function, RSI and RDX its arguments. Leaving (EEXIT): RDI one of LEFT_*, RSI and RDX its values; the
 * other registers hold nothing.
 */
#pragma once

/* Functions below 0 are the start code's own. */
#define ENTER_OCALL_RETURN (-1) /* RSI: what the OCALL gave */
#define ENTER_EXCEPTION (-2)	/* handle what SSA frame CSSA - 1 holds */

#define LEFT_DONE 0	 /* RSI: the function's value */
#define LEFT_OCALL 1	 /* RSI: number, RDX: argument; wants ENTER_OCALL_RETURN on the same TCS */
#define LEFT_REFUSED 2	 /* entered in a way that makes no sense now */
#define LEFT_EXCEPTION 3 /* RSI: 1 if handled: ERESUME goes on; 0: it would fault again */

/* struct enclave_thread, for assembly */
#define THREAD_STACK 0
#define THREAD_EXCEPTION_STACK 8
#define THREAD_SSA 16
#define THREAD_SSA_FRAME 24
#define THREAD_HOST_RSP 80
#define THREAD_HOST_RBP 88
#define THREAD_RETURN 96
#define THREAD_OCALL_RSP 104
#define THREAD_BUSY 112

#ifndef __ASSEMBLER__
#include "lib/base/types.h"

#define ENCLAVE_CONFIG_MAGIC 0x31766c636e654c43ULL
/* In the section .enclave, filled at build time; measured with the segment that holds it. */
struct enclave_config {
	uint64_t magic;
	uint32_t threads;
	uint32_t ssa_frames;	  /* NSSA of each thread */
	uint32_t ssa_frame_pages; /* SSAFRAMESIZE */
	uint32_t stack_pages;	  /* of each thread */
	uint32_t heap_pages;	  /* added before EINIT, read and write */
	uint32_t growth_pages;	  /* address space behind the heap for EAUG */
	uint16_t product_id;
	uint16_t security_version;
	uint32_t miscselect;
	uint64_t attributes; /* MODE64BIT, and what else is wanted */
	uint64_t xfrm;	     /* at most; bits 0 and 1 always */
};

/* At a thread's GS base. Offsets are from the enclave's base; the first ten are written by the loader and measured. */
struct enclave_thread {
	uint64_t stack, exception_stack; /* tops */
	uint64_t ssa, ssa_frame_size;
	uint64_t index;
	uint64_t heap, heap_size;
	uint64_t growth, growth_size;
	uint64_t enclave_size;
	uint64_t host_rsp, host_rbp, return_to, ocall_rsp, busy;
};
_Static_assert(offsetof(struct enclave_thread, host_rsp) == THREAD_HOST_RSP, "thread page");
_Static_assert(offsetof(struct enclave_thread, busy) == THREAD_BUSY, "thread page");
_Static_assert(offsetof(struct enclave_thread, ssa_frame_size) == THREAD_SSA_FRAME, "thread page");
#endif
