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
		ret_mapping->entries[levels - level] = page;
		ret_mapping->values[levels - level] = entry;
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

enum resolution {
	RESOLVED,
	PAGE_FAULT,
	PROTECTION_FAULT, /* #GP */
	NO_ROOM,	  /* try again later */
};

static enum resolution mapped(int err)
{
	return err ? NO_ROOM : RESOLVED;
}

static enum resolution map_own(struct enclave_entry *e, uint64_t linear, uint32_t access,
			       const struct linux_mapping *m, uint32_t *ret_error)
{
	const struct epcm_entry *entry = epcm_of(m->page);
	uint64_t wanted = SECINFO_R | (access & PF_WRITE ? SECINFO_W : 0) |
			  (access & PF_FETCH ? SECINFO_X : 0);
	uint64_t leaf = m->page | m->key | LEAF_PRESENT | LEAF_USER;
	unsigned int rights = NPT_READ;

	if (!entry || !epcm_allows(entry, e->secs_physical, linear, wanted)) {
		*ret_error = PF_PRESENT | PF_USER | PF_SGX | access;
		return PAGE_FAULT;
	}
	rights |= (entry->rights & SECINFO_W ? NPT_WRITE : 0) |
		  (entry->rights & SECINFO_X ? NPT_EXEC : 0);
	if (m->write && (entry->rights & SECINFO_W))
		leaf |= LEAF_WRITE;
	if (!m->exec || !(entry->rights & SECINFO_X))
		leaf |= LEAF_NO_EXEC;
	return mapped(space_map(e->space, linear, leaf, rights));
}

static enum resolution map_linux(struct enclave_entry *e, uint64_t linear, uint32_t access,
				 const struct linux_mapping *m, uint32_t *ret_error)
{
	uint64_t leaf = m->key | LEAF_PRESENT | LEAF_USER | LEAF_NO_EXEC, page;

	switch (owner_of(m->page)) {
	case OWNER_LINUX:
		leaf |= m->page | m->cache | (m->write ? LEAF_WRITE : 0);
		return mapped(space_map(e->space, linear, leaf, NPT_READ | NPT_WRITE));
	case OWNER_EPC:
		page = space_abort_page(e->space);
		if (access & PF_WRITE) {
			*ret_error = PF_PRESENT | PF_USER | PF_SGX | access;
			return PAGE_FAULT;
		}
		return page ? mapped(space_map(e->space, linear, leaf | page,
					       NPT_READ | NPT_WRITE | NPT_TABLE))
			    : NO_ROOM;
	default:
		return PROTECTION_FAULT; /* as Linux itself gets there */
	}
}

static enum resolution resolve(struct vcpu *v, uint64_t linear, uint32_t error, uint32_t *ret_error)
{
	struct enclave_entry *e = v->enclave;
	uint32_t access = error & (PF_WRITE | PF_FETCH);
	bool own = linear - e->secs->base < e->secs->size;
	struct linux_mapping m;
	uint64_t address;
	int err;

	if (!own && (access & PF_FETCH))
		return PROTECTION_FAULT;
	err = guest_walk(v, e->linux_cr3, linear, access | ACCESS_USER, &address, ret_error);
	if (err)
		return err == -EFAULT ? PAGE_FAULT : PROTECTION_FAULT;
	/*
	 * Accessed and dirty are set now. Rights, key and page from one reading; if Linux changed
	 * them meanwhile, the access just faults again.
	 */
	if (!linux_mapping(e->linux_cr3, v->regs.cr4 & CR4_LA57 ? 5 : 4, linear, &m) ||
	    m.page != (address & ~(PAGE_SIZE - 1)) || ((access & PF_WRITE) && !m.write) ||
	    ((access & PF_FETCH) && !m.exec))
		return RESOLVED;
	if ((error & PF_KEY) && (space_leaf(e->space, linear) & LEAF_KEY) == m.key) {
		*ret_error = error;
		return PAGE_FAULT;
	}
	return own ? map_own(e, linear, access, &m, ret_error)
		   : map_linux(e, linear, access, &m, ret_error);
}

bool sgx_page_fault(struct vcpu *v, uint64_t linear, uint32_t error)
{
	enum resolution found;
	uint32_t code = 0;

	epc_lock();
	found = resolve(v, linear, error, &code);
	epc_unlock();
	switch (found) {
	case RESOLVED:
		return true;
	case PAGE_FAULT:
		vcpu_inject_page_fault(v, linear, code);
		enclave_fault(v);
		return false;
	case PROTECTION_FAULT:
		(void)fault_gp(v);
		enclave_fault(v);
		return false;
	case NO_ROOM:
		break;
	}
	/* An exit without a cause: Linux resumes the enclave, when others may have left theirs. */
	sgx_aex(v, 0, 0, 0, false);
	return false;
}

void sgx_nested_fault(struct vcpu *v)
{
	epc_lock();
	space_forget(v->enclave->space);
	epc_unlock();
}

static inline bool code_known(const struct enclave_entry *e, uint64_t linear)
{
	const struct code_page *c = &e->code;

	return c->space == e->space && c->tables_freed == space_tables_freed &&
	       c->linear == PAGE_DOWN(linear) && *c->leaf == c->leaf_value &&
	       linear % PAGE_SIZE <= PAGE_SIZE - FETCH_MAX;
}

static void code_learn(struct enclave_entry *e, uint64_t linear, const uint8_t *memory)
{
	const uint64_t *leaf = space_leaf_place(e->space, linear);

	if (leaf)
		e->code = (struct code_page){ e->space, PAGE_DOWN(linear),
					      *leaf,	space_tables_freed,
					      leaf,	memory };
}

static __attribute__((noinline)) size_t
read_code_by_tables(struct enclave_entry *e, uint64_t linear, uint8_t *to, size_t size)
{
	size_t done = 0;

	epc_lock();
	while (done < size) {
		uint64_t at = linear + done,
			 leaf = at - e->secs->base < e->secs->size ? space_leaf(e->space, at) : 0;
		size_t part = MIN(size - done, PAGE_SIZE - at % PAGE_SIZE);
		const struct epcm_entry *entry;

		if (!leaf || (leaf & LEAF_NO_EXEC))
			break;
		entry = epcm_of(leaf & LEAF_ADDRESS);
		if (!entry)
			break;
		memcpy(to + done, (const uint8_t *)epc_page(entry) + at % PAGE_SIZE, part);
		code_learn(e, at, epc_page(entry));
		done += part;
	}
	epc_unlock();
	return done;
}

size_t sgx_read_code(struct vcpu *v, uint64_t linear, uint8_t *to, size_t size)
{
	struct enclave_entry *e = v->enclave;
	bool known = false;

	if (size == FETCH_MAX) {
		epc_lock();
		known = code_known(e, linear);
		if (known)
			__builtin_memcpy(to, e->code.memory + linear % PAGE_SIZE, FETCH_MAX);
		epc_unlock();
	}
	return known ? size : read_code_by_tables(e, linear, to, size);
}

uint64_t sgx_enclave_cr3(const struct vcpu *v)
{
	return v->enclave->cr3;
}

uint64_t sgx_enclave_npt(const struct vcpu *v)
{
	return v->enclave->npt_root;
}
