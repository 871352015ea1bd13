/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The EPC's pages, the lock over them, and tracking (see epcm.h).
 *
 * Invariants, checked by epcm_check (tests):
 *	1. A SECS or VA page has no owner; any other valid page's `secs` is a valid SECS page.
 *	2. secs->children is the number of valid pages with that SECS.
 *	3. threads and threads_previous count processors inside; a SECS with any has children (the TCS at least).
 */
#include "hypervisor/sgx/epcm.h"

#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

struct epc_pages epc_pages;
volatile uint32_t epc_held;

void sgx_init(uint64_t start, uint64_t size, struct epcm_entry *entries)
{
	epc_pages = (struct epc_pages){ start, size, entries, size ? physical(start) : NULL };
	epc_held = 0;
	memset(entries, 0, size / PAGE_SIZE * sizeof(*entries));
	cpuid_init();
	paging_init();
}

uint64_t epcm_flags(const struct epcm_entry *e)
{
	return e->rights | (e->pending ? SECINFO_PENDING : 0) |
	       (e->modified ? SECINFO_MODIFIED : 0) | (e->pr ? SECINFO_PR : 0) |
	       (uint64_t)e->type << SECINFO_TYPE_SHIFT;
}

void epcm_fill(struct epcm_entry *e, uint8_t type, uint64_t flags, uint64_t secs, uint64_t address)
{
	assert(!e->valid);
	*e = (struct epcm_entry){
		.secs = secs,
		.address = address,
		.valid = true,
		.pending = flags & SECINFO_PENDING,
		.modified = flags & SECINFO_MODIFIED,
		.pr = flags & SECINFO_PR,
		.type = type,
		.rights = flags & SECINFO_RWX,
	};
	if (secs)
		epcm_secs(e)->children++;
}

void epcm_clear(struct epcm_entry *e)
{
	assert(e->valid);
	if (e->type == PT_SECS) {
		enclave_forget(epc_page(e));
	} else if (e->secs) {
		enclave_forget_page(e);
		epcm_secs(e)->children--;
	}
	memset(e, 0, sizeof(*e));
}

bool track_active(const struct secs *secs)
{
	return secs->threads || secs->threads_previous;
}

void track_page(struct epcm_entry *entry)
{
	entry->epoch = epcm_secs(entry)->epoch;
	enclave_forget_page(entry);
}

bool track_done(const struct epcm_entry *entry)
{
	const struct secs *secs = epcm_secs(entry);

	/* Two epochs ago: the ETRACK that began the last one found all gone who were inside before. */
	return entry->epoch + 1 < secs->epoch ||
	       (entry->epoch < secs->epoch && !secs->threads_previous);
}

int track_begin(struct secs *secs)
{
	if (secs->threads_previous)
		return SGX_PREV_TRK_INCMPL;
	secs->threads_previous = secs->threads;
	secs->threads = 0;
	secs->epoch++;
	return SGX_OK;
}
