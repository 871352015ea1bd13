/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the hosted platform: enclave memory is a sparse memfd, the application's addresses are an arena in which
 * ranges of it, or private memory, are mapped. prot[] has the protection of each arena page.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/platform.h"
#include "platform/hosted/hosted.h"

#define ENCLAVE_SIZE (256UL << 20)
#define MAPPED 0x80

static uint8_t *prot; /* sparse */
static char *enclave;
static int enclave_fd;

uintptr_t hosted_enclave(size_t *ret_size)
{
	*ret_size = ENCLAVE_SIZE;
	return (uintptr_t)enclave;
}

static void forget(uint8_t *from, size_t size)
{
	uint8_t *start = (uint8_t *)PAGE_UP(from), *end = (uint8_t *)PAGE_DOWN(from + size);

	if (start >= end) {
		memset(from, 0, size);
		return;
	}
	memset(from, 0, (size_t)(start - from));
	if (madvise(start, (size_t)(end - start), MADV_DONTNEED))
		hosted_fail("madvise: %s", strerror(errno));
	memset(end, 0, (size_t)(from + size - end));
}

static void reserve(uintptr_t at, size_t size)
{
	if (mmap((void *)at, size, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != (void *)at)
		hosted_fail("cannot reserve %zu bytes", size);
	forget(prot + (at - ARENA_START) / PAGE_SIZE, size / PAGE_SIZE);
}

void hosted_memory_init(void)
{
	enclave_fd = memfd_create("enclave", MFD_CLOEXEC);
	if (enclave_fd < 0 || ftruncate(enclave_fd, ENCLAVE_SIZE))
		hosted_fail("no memfd: %s", strerror(errno));
	enclave = mmap(NULL, ENCLAVE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		       enclave_fd, 0);
	if (enclave == MAP_FAILED)
		hosted_fail("no enclave memory: %s", strerror(errno));
	prot = mmap(NULL, ARENA_SIZE / PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (prot == MAP_FAILED)
		hosted_fail("no table of the arena: %s", strerror(errno));
	if (mmap((void *)ARENA_START, ARENA_SIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
		 0) != (void *)ARENA_START)
		hosted_fail("no arena: %s", strerror(errno));
}

bool hosted_in_arena(uintptr_t at, size_t size)
{
	return at >= ARENA_START && at <= ARENA_END && size <= ARENA_END - at;
}

static void check_range(const char *what, uintptr_t at, size_t size)
{
	if (!size || at % PAGE_SIZE || size % PAGE_SIZE || !hosted_in_arena(at, size))
		hosted_fail("%s of %#lx, %#zx bytes", what, at, size);
}

static void set_prot(uintptr_t at, size_t size, unsigned int p)
{
	memset(prot + (at - ARENA_START) / PAGE_SIZE, (int)((p & 7) | MAPPED), size / PAGE_SIZE);
}

static int map(uintptr_t at, size_t size, unsigned int p, int flags, int fd, off_t offset)
{
	if (hosted_allocation_fails())
		return -ENOMEM;
	if (mmap((void *)at, size, (int)(p & 3), flags | MAP_FIXED | MAP_NORESERVE, fd, offset) !=
	    (void *)at)
		hosted_fail("mmap: %s", strerror(errno));
	set_prot(at, size, p);
	return 0;
}

int plat_map_anon(uintptr_t at, size_t size, unsigned int p)
{
	check_range("plat_map_anon", at, size);
	return map(at, size, p, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int plat_map_enclave(uintptr_t at, size_t size, unsigned int p, const void *from, bool shared)
{
	uintptr_t offset = (uintptr_t)from - (uintptr_t)enclave;

	check_range("plat_map_enclave", at, size);
	if (offset > ENCLAVE_SIZE || size > ENCLAVE_SIZE - offset || offset % PAGE_SIZE)
		hosted_fail("plat_map_enclave of %p, %#zx bytes", from, size);
	return map(at, size, p, shared ? MAP_SHARED : MAP_PRIVATE, enclave_fd, (off_t)offset);
}

int plat_map_host(uintptr_t at, size_t size, unsigned int p, int handle, uint64_t offset,
		  bool shared)
{
	(void)at, (void)size, (void)p, (void)handle, (void)offset, (void)shared;
	return -ENODEV;
}

int plat_unmap(uintptr_t at, size_t size)
{
	check_range("plat_unmap", at, size);
	reserve(at, size);
	return 0;
}

int plat_protect(uintptr_t at, size_t size, unsigned int p)
{
	uint8_t *first = prot + (at - ARENA_START) / PAGE_SIZE;

	check_range("plat_protect", at, size);
	if (hosted_allocation_fails())
		return -ENOMEM;
	if (mprotect((void *)at, size, (int)(p & 3)))
		return -errno;
	for (size_t i = 0; i < size / PAGE_SIZE; i++)
		if (first[i])
			first[i] = (uint8_t)((p & 7) | MAPPED);
	return 0;
}

int plat_move(uintptr_t from, size_t old_size, uintptr_t to, size_t new_size)
{
	unsigned int p = prot[(from - ARENA_START) / PAGE_SIZE];

	check_range("plat_move", from, old_size);
	check_range("plat_move", to, new_size);
	if (hosted_allocation_fails())
		return -ENOMEM;
	if (from == to) {
		if (new_size > old_size && munmap((void *)(from + old_size), new_size - old_size))
			return -errno;
		if (mremap((void *)from, old_size, new_size, 0) != (void *)from) {
			int error = errno;

			if (new_size > old_size)
				reserve(from + old_size, new_size - old_size);
			return -error;
		}
	} else {
		if (mremap((void *)from, old_size, new_size, MREMAP_MAYMOVE | MREMAP_FIXED, to) !=
		    (void *)to)
			return -errno;
		reserve(from, old_size);
	}
	if (from == to && new_size < old_size)
		reserve(from + new_size, old_size - new_size);
	set_prot(to, new_size, p);
	return 0;
}

int plat_advise(uintptr_t at, size_t size, int advice)
{
	check_range("plat_advise", at, size);
	if (advice < 0 || advice == MADV_REMOVE || advice > 21)
		return -EINVAL;
	return madvise((void *)at, size, advice) ? -errno : 0;
}

int plat_resident(uintptr_t at, size_t size, unsigned char *ret_vector)
{
	check_range("plat_resident", at, size);
	return mincore((void *)at, size, ret_vector) ? -errno : 0;
}

void plat_as_reset(void)
{
	reserve(ARENA_START, ARENA_SIZE);
}

void plat_discard(void *pages, size_t size)
{
	if ((uintptr_t)pages % PAGE_SIZE || size % PAGE_SIZE || madvise(pages, size, MADV_REMOVE))
		hosted_fail("plat_discard of %p, %#zx bytes", pages, size);
}

/* How many of `size` bytes at a user address may be accessed so, from the first on. */
static size_t reachable(uintptr_t at, size_t size, unsigned int access)
{
	size_t done = 0;

	while (done < size) {
		uintptr_t here = at + done;

		if (!hosted_in_arena(here, 1) || here == ARENA_END ||
		    !(prot[(here - ARENA_START) / PAGE_SIZE] & access))
			break;
		done += PAGE_SIZE - here % PAGE_SIZE;
	}
	return MIN(done, size);
}

size_t plat_copy_user(void *to, const void *from, size_t size)
{
	bool out = hosted_in_arena((uintptr_t)to, 0), in = hosted_in_arena((uintptr_t)from, 0);
	size_t n;

	if (!size)
		return 0;
	if (!in && !out)
		hosted_fail("plat_copy_user: no user address: %p from %p, %zu bytes", to, from,
			    size);
	n = in ? reachable((uintptr_t)from, size, PLAT_READ) : size;
	if (out)
		n = reachable((uintptr_t)to, n, PLAT_WRITE);
	memmove(to, from, n);
	return size - n;
}

size_t plat_zero_user(void *to, size_t size)
{
	size_t n = reachable((uintptr_t)to, size, PLAT_WRITE);

	memset(to, 0, n);
	return size - n;
}

int plat_user_cmpxchg32(uint32_t *at, uint32_t expect, uint32_t value, uint32_t *ret_old)
{
	if (reachable((uintptr_t)at, 4, PLAT_WRITE) != 4)
		return -EFAULT;
	if ((uintptr_t)at % 4)
		hosted_fail("plat_user_cmpxchg32: %p is not aligned", (void *)at);
	__atomic_compare_exchange_n(at, &expect, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	*ret_old = expect;
	return 0;
}
