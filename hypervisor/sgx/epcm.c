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

static uint64_t epc_start, epc_size;
static struct epcm_entry *epcm;
static volatile uint32_t lock;

void epc_lock(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

void epc_unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

void sgx_init(uint64_t start, uint64_t size, struct epcm_entry *entries)
{
	epc_start = start;
	epc_size = size;
	epcm = entries;
	lock = 0;
	memset(epcm, 0, size / PAGE_SIZE * sizeof(*epcm));
	cpuid_init();
	paging_init();
}

bool sgx_in_epc(uint64_t address)
{
	return address - epc_start < epc_size;
}

uint64_t epc_first(void)
{
	return epc_start;
}

uint64_t epc_bytes(void)
{
	return epc_size;
}

struct epcm_entry *epcm_of(uint64_t address)
{
	return sgx_in_epc(address) ? &epcm[(address - epc_start) >> PAGE_SHIFT] : NULL;
}

uint64_t epc_physical(const struct epcm_entry *entry)
{
	return epc_start + ((uint64_t)(entry - epcm) << PAGE_SHIFT);
}

void *epc_page(const struct epcm_entry *entry)
{
	return physical(epc_physical(entry));
}

struct secs *epcm_secs(const struct epcm_entry *entry)
{
	if (entry->type == PT_SECS)
		return epc_page(entry);
	return entry->secs ? physical(entry->secs) : NULL;
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
	memset(e, 0, sizeof(*e));
	e->secs = secs;
	e->address = address;
	e->type = type;
	e->rights = flags & SECINFO_RWX;
	e->pending = flags & SECINFO_PENDING;
	e->modified = flags & SECINFO_MODIFIED;
	e->pr = flags & SECINFO_PR;
	e->valid = true;
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

uint64_t track_enter(struct secs *secs)
{
	secs->threads++;
	return secs->epoch;
}

void track_leave(struct secs *secs, uint64_t epoch)
{
	uint64_t *count = epoch == secs->epoch ? &secs->threads : &secs->threads_previous;

	assert(*count);
	--*count;
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

const char *epcm_check(void)
{
	for (uint64_t i = 0; i < epc_size / PAGE_SIZE; i++) {
		const struct epcm_entry *e = &epcm[i], *owner;
		uint64_t children = 0;

		if (!e->valid)
			continue;
		if (e->type == PT_SECS || e->type == PT_VA) {
			if (e->secs || e->rights || e->blocked || e->pending || e->modified)
				return "a SECS or VA page with an owner or rights";
		} else {
			owner = epcm_of(e->secs);
			if (!owner || !owner->valid || owner->type != PT_SECS)
				return "a page whose SECS is none";
			if (e->address < epcm_secs(e)->base ||
			    e->address - epcm_secs(e)->base >= epcm_secs(e)->size)
				return "a page outside its enclave";
			if ((e->rights & SECINFO_W) && !(e->rights & SECINFO_R))
				return "a page writable and not readable";
			if (e->type != PT_REG && e->rights)
				return "a page other than REG with rights";
			if (e->epoch > epcm_secs(e)->epoch)
				return "a page from the future";
		}
		if (e->type != PT_SECS)
			continue;
		for (uint64_t j = 0; j < epc_size / PAGE_SIZE; j++)
			children += epcm[j].valid && epcm[j].secs == epc_physical(e);
		if (children != epcm_secs(e)->children)
			return "children that are not counted";
		if (track_active(epcm_secs(e)) && !children)
			return "threads inside an enclave without pages";
	}
	return NULL;
}
