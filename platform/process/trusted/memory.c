/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the process platform: an address space is the host process's own, enclave memory is a memfd that all host
 * processes map at one address. So every function here is one host call on the calling host process.
 */
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/mman.h>
#include <linux/uio.h>

#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

static int map(uintptr_t at, size_t size, unsigned int prot, int flags, int fd, uint64_t offset)
{
	long ret = HOST(mmap, at, size, prot, flags | MAP_FIXED, fd, offset);

	if (ret == (long)at)
		return 0;
	return ret < 0 && ret > -4096 ? (int)ret : -ENOMEM;
}

int plat_map_anon(uintptr_t at, size_t size, unsigned int prot)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (prot & PLAT_NORESERVE ? MAP_NORESERVE : 0);

	return map(at, size, prot & 7, flags, -1, 0);
}

int plat_map_enclave(uintptr_t at, size_t size, unsigned int prot, const void *from, bool shared)
{
	uint64_t offset = (uintptr_t)from - boot->base;

	assert(offset < boot->size && offset + size <= boot->size);
	return map(at, size, prot & 7, shared ? MAP_SHARED : MAP_PRIVATE, boot->memfd, offset);
}

int plat_map_host(uintptr_t at, size_t size, unsigned int prot, int handle, uint64_t offset,
		  bool shared)
{
	return map(at, size, prot & 7, shared ? MAP_SHARED : MAP_PRIVATE, handle, offset);
}

int plat_unmap(uintptr_t at, size_t size)
{
	return (int)HOST(munmap, at, size, 0, 0, 0, 0);
}

int plat_protect(uintptr_t at, size_t size, unsigned int prot)
{
	return (int)HOST(mprotect, at, size, prot & 7, 0, 0, 0);
}

int plat_move(uintptr_t from, size_t old_size, uintptr_t to, size_t new_size)
{
	long ret;

	if (from == to)
		ret = HOST(mremap, from, old_size, new_size, 0, 0, 0);
	else
		ret = HOST(mremap, from, old_size, new_size, MREMAP_MAYMOVE | MREMAP_FIXED, to, 0);
	if (ret == (long)to)
		return 0;
	return ret < 0 && ret > -4096 ? (int)ret : -ENOMEM;
}

int plat_advise(uintptr_t at, size_t size, int advice)
{
	return (int)HOST(madvise, at, size, advice, 0, 0, 0);
}

int plat_resident(uintptr_t at, size_t size, unsigned char *ret_vector)
{
	return (int)HOST(mincore, at, size, ret_vector, 0, 0, 0);
}

/* The kept ranges (enclave memory, the host's vDSO and its data) are sorted by address. */
void plat_as_reset(void)
{
	uintptr_t at = 0, top = 0x7ffffffff000;

	for (uint32_t i = 0; i < boot->keep_count; i++) {
		if (boot->keep[i].start > at)
			HOST(munmap, at, boot->keep[i].start - at, 0, 0, 0, 0);
		at = boot->keep[i].end;
	}
	HOST(munmap, at, top - at, 0, 0, 0, 0);
}

long plat_peek(struct task *other, uintptr_t at, void *buffer, size_t size, bool write)
{
	struct iovec local = { buffer, size }, remote = { (void *)at, size };
	long pid =
		plat_task(other)
			->host_tid; /* the main thread of a vfork child's host process may be gone */

	if (write)
		return HOST(process_vm_writev, pid, &local, 1, &remote, 1, 0);
	return HOST(process_vm_readv, pid, &local, 1, &remote, 1, 0);
}

void plat_discard(void *pages, size_t size)
{
	HOST(fallocate, boot->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	     (uintptr_t)pages - boot->base, size, 0, 0);
}
