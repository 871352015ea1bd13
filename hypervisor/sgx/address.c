/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a page fault in an enclave becomes (SDM 3D, 38.3 - 38.5). Linux's tables are asked first, as
 * by the processor: what they refuse is Linux's page fault. Inside ELRANGE the page they name must
 * then be the one that the EPCM gives the enclave at this address; outside it may be any memory of
 * Linux's, never code. So Linux decides what is present, the EPCM what it is.
 *
 * Two differences from hardware: x86 tables cannot say "executable and not readable", so an EPC
 * page without R is not accessible at all; and writing to EPC outside ELRANGE, which hardware
 * drops, faults (its reads are all ones as there).
 */
#include "hypervisor/mem/owner.h"
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

#include <asm-generic/errno-base.h>

#define CR4_LA57 (1ULL << 12)

bool linux_mapping(uint64_t cr3, unsigned int levels, uint64_t linear,
		   struct linux_mapping *ret_mapping)
{
	uint64_t table = cr3 & LEAF_ADDRESS, all = ~0ULL, no_exec = 0, size = 0, entry = 0;

	for (unsigned int level = levels; !size; level--) {
		const uint64_t *page = owner_of(table) == OWNER_LINUX ? physical(table) : NULL;

		if (!page)
			return false;
		page += (linear >> (12 + 9 * (level - 1))) % 512;
		entry = __atomic_load_n(page, __ATOMIC_RELAXED);
		ret_mapping->path[levels - level] = (struct watched){ page, entry };
		ret_mapping->count = levels - level + 1;
		all &= entry;
		no_exec |= entry & LEAF_NO_EXEC;
		if (!(entry & LEAF_PRESENT))
			return false;
		table = entry & LEAF_ADDRESS;
		if (level == 1 || (entry & LEAF_LARGE))
			size = PAGE_SIZE << (9 * (level - 1));
		if (size > (1ULL << 30))
			return false;
	}
	if (!(all & LEAF_USER) || !(entry & LEAF_ACCESSED))
		return false;
	ret_mapping->page = (table & ~(size - 1)) | (linear & (size - 1) & ~(PAGE_SIZE - 1));
	ret_mapping->write = (all & LEAF_WRITE) && (entry & LEAF_DIRTY);
	ret_mapping->exec = !no_exec;
	ret_mapping->key = entry & LEAF_KEY;
	/* PAT of a large page is bit 12 (SDM 3A, table 4-17). */
	ret_mapping->cache = entry & LEAF_CACHE & ~LEAF_LARGE;
	if (size == PAGE_SIZE ? entry & LEAF_LARGE : entry & PAGE_SIZE)
		ret_mapping->cache |= LEAF_LARGE;
	return true;
}

/* 0: it is mapped, or Linux's tables change meanwhile, and the access faults again. -EFAULT: the fault is injected. -ENOMEM, or npt_map's. */
static int resolve(struct vcpu *v, uint64_t linear, uint32_t error)
{
	struct enclave_entry *e = v->enclave;
	uint32_t access = error & (PF_WRITE | PF_FETCH);
	bool own = in_elrange(e->secs, linear);
	struct linux_mapping m;
	uint64_t address;
	int err;

	if (!own && (access & PF_FETCH))
		return fault_gp(v);
	if (operand_walk(v, linear, access | ACCESS_USER, &address))
		return -EFAULT;
	/* Accessed and dirty are set now. Rights, key and page from one reading. */
	if (!linux_mapping(e->linux_cr3, v->regs.cr4 & CR4_LA57 ? 5 : 4, linear, &m) ||
	    m.page != PAGE_DOWN(address) || ((access & PF_WRITE) && !m.write) ||
	    ((access & PF_FETCH) && !m.exec))
		return 0;
	if ((error & PF_KEY) && (space_leaf(e->space, linear) & LEAF_KEY) == m.key) {
		vcpu_inject_page_fault(v, linear, error);
		return -EFAULT;
	}
	err = space_map(e->space, linear, access, &m);
	if (err != -EACCES)
		return err;
	if (own || epcm_of(m.page))
		return fault_epcm(v, linear, ACCESS_USER | access);
	return fault_gp(v); /* as Linux itself gets there */
}

bool sgx_page_fault(struct vcpu *v, uint64_t linear, uint32_t error)
{
	int err;

	epc_lock();
	err = resolve(v, linear, error);
	epc_unlock();
	if (err == -EFAULT)
		enclave_fault(v);
	else if (err) /* An exit without a cause: Linux resumes the enclave, when others may have left theirs. */
		sgx_aex(v, 0, 0, 0, false);
	return !err;
}

void sgx_nested_fault(struct vcpu *v)
{
	epc_lock();
	space_forget(v->enclave->space);
	epc_unlock();
}

/* False: no code of the enclave's is mapped there. */
static __attribute__((noinline)) bool code_learn(struct enclave_entry *e, uint64_t linear)
{
	uint64_t leaf = space_leaf(e->space, linear);
	const struct epcm_entry *entry = epcm_of(leaf & LEAF_ADDRESS);

	if (!entry || (leaf & LEAF_NO_EXEC))
		return false;
	e->code = (struct code_page){ e->space, epc_page(entry), PAGE_DOWN(linear), space_changes };
	return true;
}

size_t sgx_read_code(struct vcpu *v, uint64_t linear, uint8_t *to, size_t size)
{
	struct enclave_entry *e = v->enclave;
	const struct code_page *c = &e->code;
	uint64_t offset = linear % PAGE_SIZE;

	size = MIN(size, PAGE_SIZE - offset);
	epc_lock();
	if ((c->space != e->space || c->changes != space_changes || c->linear != linear - offset) &&
	    !code_learn(e, linear))
		size = 0;
	else if (size == FETCH_MAX)
		__builtin_memcpy(to, c->memory + offset, FETCH_MAX);
	else
		memcpy(to, c->memory + offset, size);
	epc_unlock();
	return size;
}
