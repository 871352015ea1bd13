/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls. kernel/sys/table.def has one line a call; it drives dispatch, tracing, docs/SYSCALLS.md and the fuzzer.
 *
 *   SYSCALL(number, name, state, "arguments")
 * state: FULL, PARTIAL (docs say what is missing), or NONE: known, ENOSYS on purpose.
 * arguments: one letter each, for tracing and fuzzing:
 *   d int   u unsigned   x hex   f descriptor   F directory descriptor (AT_FDCWD)   s path string   S other string
 *   p pointer   b buffer going in (next argument is its size)   B buffer coming out   o open flags   m mode
 *   g signal   t tid/pid   v string vector   T timespec   l 64-bit size/offset   D address
 *
 * A handler takes the six arguments as the application gave them and returns the result or -errno:
 *   long sys_read(unsigned long *a);
 * It checks and copies everything first. Pointers are UPTR(a[i]); ints are (int)a[i].
 */
#pragma once

#include "kernel/arch/x86/regs.h"
#include "lib/base/types.h"

typedef long syscall_handler(unsigned long *a);

#define SYSCALL(number, name, state, arguments) long sys_##name(unsigned long *a);
#include "kernel/sys/table.def"
#undef SYSCALL

struct syscall_entry {
	syscall_handler *handler;
	const char *name, *arguments;
	uint8_t state;
};
enum { SYSCALL_NONE, SYSCALL_PARTIAL, SYSCALL_FULL };
#define SYSCALL_COUNT 463
extern const struct syscall_entry syscall_table[SYSCALL_COUNT];
extern uint64_t syscall_counts[SYSCALL_COUNT]; /* when statistics are on */
extern bool syscall_trace, syscall_stats;
