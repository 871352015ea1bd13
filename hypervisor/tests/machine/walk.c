/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosted machine's simple guest memory and owners, for tests of parts that do not want the real ones (core/guest_memory.c,
 * mem/): four level tables without SMAP and keys, all RAM outside the EPC is Linux's. Nothing for enclaves that run.
 */
#include "hypervisor/mem/owner.h"
#include "hypervisor/sgx/epcm.h"
#include "hypervisor/tests/machine/machine.h"

#include <errno.h>
#include <string.h>

enum owner owner_of(uint64_t address)
{
	return epcm_of(address) ? OWNER_EPC : OWNER_LINUX;
}

int guest_walk(struct vcpu *v, uint64_t cr3, uint64_t linear, uint32_t access,
	       uint64_t *ret_physical, uint32_t *ret_error)
{
	uint64_t *seen[4], table = cr3 & PTE_ADDRESS, rights = PTE_W | PTE_U, nx = 0, value;
	int n = 0, level;

	*ret_error = access & (PF_WRITE | PF_USER | PF_FETCH);
	for (level = 4; level >= 1; level--) {
		uint64_t *t = physical(table), *e;

		if (!t)
			goto reserved;
		e = t + (linear >> (12 + 9 * (level - 1)) & 511);
		value = __atomic_load_n(e, __ATOMIC_RELAXED);
		if (!(value & PTE_P))
			return -EFAULT;
		if (value & 0x000f000000000000ULL)
			goto reserved;
		seen[n++] = e;
		rights &= value;
		nx |= value & PTE_NX;
		table = value & PTE_ADDRESS;
		if ((value & PTE_PS) && (level == 2 || level == 3))
			break;
	}
	if (level < 1)
		level = 1;
	*ret_error |= PF_PRESENT;
	if ((access & PF_USER) && !(rights & PTE_U))
		return -EFAULT;
	if ((access & PF_WRITE) && !(rights & PTE_W) &&
	    ((access & PF_USER) || (v->regs.cr0 & 0x10000)))
		return -EFAULT;
	if ((access & PF_FETCH) && nx)
		return -EFAULT;
	for (int i = 0; i < n; i++)
		__atomic_fetch_or(seen[i], PTE_A, __ATOMIC_RELAXED);
	if (access & PF_WRITE)
		__atomic_fetch_or(seen[n - 1], PTE_D, __ATOMIC_RELAXED);
	*ret_physical = (table & ~((1ULL << (12 + 9 * (level - 1))) - 1)) |
			(linear & ((1ULL << (12 + 9 * (level - 1))) - 1));
	return 0;
reserved:
	*ret_error |= PF_PRESENT | PF_RESERVED;
	return -EFAULT;
}

static int copy(struct vcpu *v, uint64_t linear, void *ours, size_t size, uint32_t access)
{
	uint8_t *o = ours;

	while (size) {
		size_t n = MIN(size, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
		uint64_t address;
		uint32_t error;
		uint8_t *p;

		if (guest_walk(v, v->regs.cr3, linear, access, &address, &error)) {
			vcpu_inject_page_fault(v, linear, error);
			return -EFAULT;
		}
		p = physical(address);
		if (!p || owner_of(address) != OWNER_LINUX) {
			vcpu_inject_page_fault(v, linear, PF_PRESENT | access);
			return -EFAULT;
		}
		if (access & PF_WRITE)
			memcpy(p, o, n);
		else
			memcpy(o, p, n);
		o += n;
		linear += n;
		size -= n;
	}
	return 0;
}

int guest_read(struct vcpu *v, uint64_t linear, void *to, size_t size, uint32_t access)
{
	return copy(v, linear, to, size, access);
}

int guest_write(struct vcpu *v, uint64_t linear, const void *from, size_t size, uint32_t access)
{
	return copy(v, linear, (void *)(uintptr_t)from, size, access | PF_WRITE);
}

void machine_memory_init(void)
{
}

const char *machine_memory_check(void)
{
	return NULL;
}
