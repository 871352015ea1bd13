/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection: every allocation asks here whether it is the one to fail. pages_alloc is asked for through the
 * linker's --wrap, which catches all calls from outside of kernel/mm/pages.c.
 */
#include "kernel/mm/kmalloc.h"
#include "platform/hosted/hosted.h"

static unsigned long fail_at, so_far;

void hosted_fail_allocation(unsigned long n)
{
	fail_at = n;
	so_far = 0;
}

unsigned long hosted_allocations(void)
{
	return so_far;
}

bool hosted_allocation_fails(void)
{
	return ++so_far == fail_at;
}

void *__real_pages_alloc(size_t count);
void *__real_pages_alloc_zeroed(size_t count);
void *__wrap_pages_alloc(size_t count);
void *__wrap_pages_alloc_zeroed(size_t count);

void *__wrap_pages_alloc(size_t count)
{
	return hosted_allocation_fails() ? NULL : __real_pages_alloc(count);
}

void *__wrap_pages_alloc_zeroed(size_t count)
{
	return hosted_allocation_fails() ? NULL : __real_pages_alloc_zeroed(count);
}
