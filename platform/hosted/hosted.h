/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel core inside one ordinary process, for sanitizers, fuzzers and fault injection. Plain types only: both the
 * files that include libc's headers and those that include the kernel's can use it.
 *
 * Everything happens on one thread and is a function of the input: the clock is virtual, chance is seeded, a task is
 * a value of %gs, and application code does not exist: a harness makes the system calls of any live task, one after the
 * other. A call that would sleep first lets time pass to the next timer or deadline; where nothing is left to wait for it
 * is interrupted. Kernel services are threads of which only one runs at a time, by turns with the harness.
 *
 * User addresses are an arena of the process; prot[] says what each page allows, so copies never fault. Whatever
 * the kernel asks of the platform outside of the arena or outside of enclave memory ends the process.
 */
#pragma once

#include "lib/base/types.h"

#define ARENA_START 0x200000000000UL
#define ARENA_SIZE (1UL << 40) /* randomised addresses need room */
#define ARENA_END (ARENA_START + ARENA_SIZE)
#define HOSTED_GONE 0x7fffffffffffff01L /* hosted_syscall: the task ended */

noreturn_ void hosted_fail(const char *format, ...) format_(1, 2);

/* memory.c */
void hosted_memory_init(void);
bool hosted_in_arena(uintptr_t at, size_t size);
uintptr_t hosted_enclave(size_t *ret_size);

/* kmalloc_hosted.c: each object is its own malloc, with where it came from, for reports of leaks. */
uint64_t hosted_mark(void); /* objects made from now on are newer */
void hosted_print_newer(uint64_t mark);
/* Runs the input; again, up to three times, while more objects are alive than before. Growth each time is a finding, once is a cache. */
void hosted_check_leaks(void (*run)(const uint8_t *data, size_t size), const uint8_t *data,
			size_t size);

/* fault.c: the Nth allocation (kmalloc, pages, mapping) fails; 0: none. */
void hosted_fail_allocation(unsigned long n);
bool hosted_allocation_fails(void);
unsigned long hosted_allocations(void); /* since hosted_fail_allocation */

/* run.c */
void hosted_run_init(void);
void hosted_become(void *task);
void hosted_seed(uint64_t seed);
uint64_t hosted_random(void);
void hosted_run_services(void);
extern bool hosted_verbose;

/* process.c */
void hosted_boot(void);
must_check bool hosted_process_start(uint32_t uid); /* false: no memory (with faults injected) */
void hosted_process_end(void);
bool hosted_pick(
	unsigned int n); /* the task of the next calls: one of the live ones; false: none left */
long hosted_syscall(unsigned int number, const unsigned long a[6]);
void hosted_tidy(void); /* what outlives processes: known names, pending signals, System V objects */
uint64_t hosted_objects(void), hosted_pages(void);
/* Pages in each process's arena: readable and writable, read-only, then nothing. */
#define AREA_SIZE (64UL << 10)
#define AREA_READ_ONLY (ARENA_START + (1UL << 20) + AREA_SIZE)
#define AREA (ARENA_START + (1UL << 20))

/* fake_host.c */
enum { HOST_HONEST, HOST_FAILS, HOST_SHORT, HOST_LIES };
/*
 * From now on: how the host behaves. `rate`: one call of this many is not honest. at: only the Nth call from now (rate
 * is not looked at), 0: by rate.
 */
void hosted_host_mode(unsigned int mode, unsigned int rate, unsigned long at);
unsigned long hosted_host_calls(void); /* since hosted_host_mode */
void hosted_host_reset(void);	       /* the files that are there at the start */
void hosted_host_file(const char *name, const void *data, size_t size);
