/* SPDX-License-Identifier: Apache-2.0 */
/* sgx/epcm.c, and its invariants. */
#include "hypervisor/sgx/epcm.c"
#include "hypervisor/tests/checks/checks.h"

const char *epcm_check(void)
{
	for (uint64_t i = 0; i < epc_pages.size / PAGE_SIZE; i++) {
		const struct epcm_entry *e = &epc_pages.entries[i], *owner;
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
		for (uint64_t j = 0; j < epc_pages.size / PAGE_SIZE; j++)
			children += epc_pages.entries[j].valid &&
				    epc_pages.entries[j].secs == epc_physical(e);
		if (children != epcm_secs(e)->children)
			return "children that are not counted";
		if (track_active(epcm_secs(e)) && !children)
			return "threads inside an enclave without pages";
	}
	return NULL;
}
