/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an enclave of ours is written with: its description, its entry, OCALLs, its exception handler, the ENCLU leaves. Freestanding.
 *
 *	ENCLAVE_DESCRIPTION(.threads = 1, .stack_pages = 4);
 *	uint64_t enclave_function(uint64_t number, uint64_t a, uint64_t b) { return number == 0 ? a + b : ENCLAVE_NO_SUCH_FUNCTION; }
 *	ENCLAVE_NO_EXCEPTIONS
 */
#pragma once

#include "hypervisor/loader/inside.h"
#include "hypervisor/sgx/arch.h"

#define ENCLAVE_NO_SUCH_FUNCTION (~0ULL)

/* To be given: threads, stack_pages; and heap_pages, growth_pages, product_id, security_version unless 0. */
#define ENCLAVE_DESCRIPTION(...)                                                                  \
	const struct enclave_config enclave_description                                           \
		__attribute__((section(".enclave"), used)) = { .magic = ENCLAVE_CONFIG_MAGIC,     \
							       .ssa_frames = 2,                   \
							       .ssa_frame_pages = 1,              \
							       .miscselect = MISC_EXINFO,         \
							       .attributes = ATTRIBUTE_MODE64BIT, \
							       .xfrm = 7,                         \
							       __VA_ARGS__ }
#define ENCLAVE_NO_EXCEPTIONS                              \
	bool enclave_exception(struct gprsgx *interrupted) \
	{                                                  \
		(void)interrupted;                         \
		return false;                              \
	}

/* The enclave's own: the functions behind ECALLs, and what is done about an exception (true: go on with what is in *interrupted). */
uint64_t enclave_function(uint64_t number, uint64_t a, uint64_t b);
bool enclave_exception(struct gprsgx *interrupted);

uint64_t enclave_ocall(uint64_t number, uint64_t argument);

extern uint8_t __ehdr_start[]; /* the enclave's base */

/* A field of this thread's page. */
#define thread_field(name)                                         \
	({                                                         \
		uint64_t thread_field_v;                           \
		asm("mov %%gs:%c1, %0"                             \
		    : "=r"(thread_field_v)                         \
		    : "i"(offsetof(struct enclave_thread, name))); \
		thread_field_v;                                    \
	})

/* Does [p, p + size) lie wholly outside the enclave? What the host points to must. */
static inline bool is_outside(uint64_t p, uint64_t size)
{
	uint64_t base = (uint64_t)(uintptr_t)__ehdr_start, end = base + thread_field(enclave_size);

	return size <= ~p && (p + size <= base || p >= end);
}

enum {
	LEAF_EREPORT = 0,
	LEAF_EGETKEY = 1,
	LEAF_EACCEPT = 5,
	LEAF_EMODPE = 6,
	LEAF_EACCEPTCOPY = 7
};
/* RAX, the leaf's code where it has one. */
static inline uint64_t enclu(uint32_t leaf, const volatile void *rbx, const volatile void *rcx,
			     const volatile void *rdx)
{
	uint64_t rax = leaf;

	asm volatile(".byte 0x0f, 0x01, 0xd7"
		     : "+a"(rax)
		     : "b"(rbx), "c"(rcx), "d"(rdx)
		     : "memory", "cc");
	return rax;
}
