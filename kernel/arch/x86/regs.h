/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's registers while its task is in the kernel: a frame at the very top of the task's kernel stack.
 * arg[] are the six system call arguments, in order, so that a handler takes a pointer to them.
 */
#pragma once

#ifndef __ASSEMBLER__
#include "lib/base/types.h"

/* How a task came in: decides how it leaves. Anything but FAST restores every register. */
enum { ENTRY_FAST, ENTRY_TRAP, ENTRY_OTHER };

struct regs {
	uint64_t kind;
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, rax, rcx;
	union {
		unsigned long arg[6];
		struct {
			uint64_t rdi, rsi, rdx, r10, r8, r9;
		};
	};
	uint64_t orig_rax; /* the call's number; NO_SYSCALL when not in a call */
	uint64_t rip, flags, rsp;
};

#define NO_SYSCALL (~0UL)
_Static_assert(sizeof(struct regs) == 160, "entry.S");
_Static_assert(offsetof(struct regs, arg) == 80, "entry.S");
#endif

/* Offsets for assembly. */
#define R_KIND 0
#define R_R15 8
#define R_R14 16
#define R_R13 24
#define R_R12 32
#define R_RBP 40
#define R_RBX 48
#define R_R11 56
#define R_RAX 64
#define R_RCX 72
#define R_RDI 80
#define R_RSI 88
#define R_RDX 96
#define R_R10 104
#define R_R8 112
#define R_R9 120
#define R_ORIG_RAX 128
#define R_RIP 136
#define R_FLAGS 144
#define R_RSP 152
#define R_SIZE 160

/* Offsets into struct task (kernel/task/task.h asserts them). */
#define TASK_SELF 0
#define TASK_KSTACK 8
#define TASK_USER_RSP 16
#define TASK_ENTRY 24
#define TASK_SCRATCH 32
#define TASK_WORK 40
#define TASK_PARKED 44
#define TASK_NFAST 48
#define TASK_NTRAP 56
