/* SPDX-License-Identifier: Apache-2.0 */
/* ECALLs of the enclave that the tests use, between enclaves/checks.c and hypervisor/loader/tests. */
#pragma once

#include "lib/base/types.h"

enum checks_function {
	CHECK_COUNT,  /* -> how often called so far, in all threads */
	CHECK_THREAD, /* -> the thread's index; spins `a` rounds inside */
	CHECK_ECHO, /* a: struct checks_buffers of the host; copies through the enclave, adding one to each byte -> size */
	CHECK_FAULT, /* a: enum checks_fault, b: an address -> EXITINFO | error code << 32 of what the handler saw */
	CHECK_FAULT_ADDRESS, /* -> EXINFO.MADDR of this thread's last */
	CHECK_VECTORS, /* fills YMM0-15 (b: 0 XMM only), spins `a` rounds -> mask of registers that changed */
	CHECK_OCALL,  /* a: how many OCALLs, number i, argument i * 3 -> the sum of the answers */
	CHECK_REPORT, /* a: TARGETINFO or 0, b: REPORT of the host */
	CHECK_KEY,    /* a: KEYREQUEST, b: 16 bytes of the host -> EGETKEY's code */
	CHECK_HEAP_FILL,   /* a: seed */
	CHECK_HEAP_VERIFY, /* a: seed -> number of wrong words */
	CHECK_GROW, /* a: first page, b: count; EACCEPT of each, and writes it -> how many accepted */
	CHECK_GROWN, /* a: first page, b: count -> number of pages that hold what CHECK_GROW wrote */
	CHECK_ACCEPT,	   /* a: address, b: SECINFO.FLAGS -> EACCEPT's code */
	CHECK_EXTEND,	   /* a: address, b: SECINFO.FLAGS: EMODPE */
	CHECK_ACCEPT_COPY, /* a: to, b: from; rights R and W -> the code */
	CHECK_READ,	   /* a: address in the enclave -> 8 bytes */
	CHECK_WRITE,	   /* a: address in the enclave, b: 8 bytes */
	CHECK_SPIN_UNTIL, /* a: uint32_t of the host: stays inside until it is not 0; b: another that becomes 1, or 0 */
	CHECK_GROWTH,	 /* -> address of the space for growth */
	CHECK_REGISTERS, /* spins `a` rounds with values in all registers -> mask of what changed */
	CHECK_NESTED,	 /* makes OCALL 77, whose host calls in again on this TCS -> its answer */
	CHECK_INSTRUCTION, /* a: enum checks_instruction -> EXITINFO of what it raised, or 0 */
	CHECK_FS, /* a: another FS base, spins `b` rounds with it -> 1 if it was there to the end */
};

enum checks_fault {
	FAULT_DIVIDE,
	FAULT_UNDEFINED,
	FAULT_READ,	    /* b */
	FAULT_WRITE,	    /* b */
	FAULT_CODE_OUTSIDE, /* jumps to b */
	FAULT_BREAKPOINT,
	FAULT_SYSCALL,
	FAULT_CPUID,
	FAULT_GENERAL, /* a non-canonical address */
	FAULT_FLOAT,   /* #XM */
	FAULT_SEGMENT, /* loads DS */
	FAULT_FAR,     /* a far jump */
	FAULT_ICEBP,
	FAULTS
};

/* In the order of their code in checks.c. */
enum checks_instruction {
	/* illegal in an enclave */
	INSTRUCTION_CPUID,
	INSTRUCTION_IN,
	INSTRUCTION_OUT,
	INSTRUCTION_INS,
	INSTRUCTION_OUTS,
	INSTRUCTION_INT,
	INSTRUCTION_IRET,
	INSTRUCTION_SYSCALL,
	INSTRUCTION_SYSENTER,
	INSTRUCTION_MOV_DS,
	INSTRUCTION_MOV_FS,
	INSTRUCTION_POP_GS,
	INSTRUCTION_FAR_RETURN,
	INSTRUCTION_VMCALL,
	INSTRUCTION_VMMCALL,
	INSTRUCTION_ENCLS,
	/* the same, or #GP where Linux has them so (CR4.PCE, CR4.UMIP) */
	INSTRUCTION_RDPMC,
	INSTRUCTION_SGDT,
	INSTRUCTION_SIDT,
	INSTRUCTION_SLDT,
	INSTRUCTION_STR,
	INSTRUCTION_SMSW,
	/* for the kernel, anywhere: #GP */
	INSTRUCTION_HLT,
	INSTRUCTION_CLI,
	INSTRUCTION_RDMSR,
	INSTRUCTION_MOV_CR,
	INSTRUCTION_EENTER,
	/* as everywhere, in enclaves of processors with SGX2 */
	INSTRUCTION_RDTSC,
	INSTRUCTION_RDTSCP,
	INSTRUCTION_XGETBV,
	INSTRUCTION_RDRAND,
	INSTRUCTION_RDFSBASE,
	INSTRUCTION_PAUSE,
	INSTRUCTIONS
};

struct checks_buffers {
	uint64_t in, out, size;
};

#define CHECKS_THREADS 4
#define CHECKS_HEAP_PAGES 64
#define CHECKS_GROWTH_PAGES 512
