/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platform for the unit tests of mm/: enclave memory is a sparse mapping of the test process, the application's
 * address space an array of page descriptions, which the tests compare with what they expect.
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/mm.h"
#include "kernel/task/task.h"

#define CHECK(c)                                                                 \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			fflush(stdout);                                          \
			abort();                                                 \
		}                                                                \
	} while (0)

#define USER_START 0x10000UL
#define USER_PAGES 4096UL
#define USER_END (USER_START + USER_PAGES * PAGE_SIZE)

struct user_page {
	bool mapped, shared;
	unsigned int prot;
	const char *page; /* NULL: anonymous */
	int host_handle;  /* or a host file: handle + 1 */
};
__attribute__((unused)) static struct user_page user_pages[USER_PAGES];

static struct plat_info test_info;
static struct task test_task, *test_current = &test_task;
static struct process test_process;
static size_t test_discarded;

void panic(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	printf("\n");
	fflush(stdout);
	abort();
}

const struct plat_info *plat_info(void)
{
	return &test_info;
}

void mutex_lock_slow(struct mutex *m)
{
	(void)m;
	panic("deadlock");
}

void mutex_unlock_slow(struct mutex *m)
{
	(void)m;
}

void plat_discard(void *pages, size_t size)
{
	test_discarded += size;
	memset(pages, 0, size);
}

void plat_random(void *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((char *)to)[i] = (char)rand();
}

static void test_start(size_t memory, size_t limit)
{
	test_info.memory = (uintptr_t)mmap(NULL, memory, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	test_info.memory_size = memory;
	test_info.memory_limit = limit;
	test_info.user_start = USER_START;
	test_info.user_end = USER_END;
	test_task.self = &test_task;
	test_task.process = &test_process;
	list_init(&test_process.tasks);
	for (int i = 0; i < RLIM_COUNT; i++)
		test_process.limits[i].current = test_process.limits[i].max = UINT64_MAX;
	/* current() reads %gs:0. */
	CHECK(!syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, &test_current));
	kmalloc_init();
}
