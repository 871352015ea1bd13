/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that leave the EPC and come back (SDM 3D, 39.5; 40.3: EBLOCK, ETRACK(C), EWB, ELDB/ELDU(C)).
 *
 * What leaves is sealed with AES-128-GCM under a key that exists for as long as the hypervisor runs. The IV is the version, a
 * counter that never repeats; the version lies in the slot of a VA page, in EPC, and is taken out when the page comes back: so
 * a page can be loaded once, and only its newest state. What the ciphertext belongs to (enclave, address, rights, type) is
 * authenticated as struct mac_header.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/sgx/leaves.h"

#include "lib/base/string.h"

#include <linux/errno.h>

struct mac_header {
	uint64_t eid; /* of the owner; 0: a SECS or VA page */
	uint64_t linear;
	uint64_t flags; /* SECINFO.FLAGS with PENDING, MODIFIED, PR */
	uint8_t zero[104];
};
_Static_assert(sizeof(struct mac_header) == 128, "MACHEADER");

static uint8_t page_copy[PAGE_SIZE] __attribute__((aligned(16)));
static uint8_t paging_key[16];
static uint64_t last_version;

void paging_init(void)
{
	if (!random_bytes(paging_key, sizeof(paging_key)))
		panic("no random numbers for the paging key");
	last_version = 0;
}

void paging_wipe(void)
{
	secure_zero(paging_key, sizeof(paging_key));
	secure_zero(page_copy, sizeof(page_copy));
}

int leaf_eblock(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target = o->page;

	(void)v;
	if (!target->valid)
		return SGX_PG_INVLD;
	if (target->type == PT_SECS)
		return SGX_PG_IS_SECS | LEAF_CF;
	if (target->type == PT_VA)
		return SGX_NOTBLOCKABLE | LEAF_CF;
	if (target->blocked)
		return SGX_BLKSTATE | LEAF_CF;
	target->blocked = true;
	track_page(target);
	return SGX_OK;
}

int leaf_etrack(struct vcpu *v, const struct encls_operands *o)
{
	if (!is_secs(o->page))
		return fault_epcm(v, o->rcx, 0);
	return track_begin(epcm_secs(o->page));
}

/* Takes any page of the enclave. */
int leaf_etrackc(struct vcpu *v, const struct encls_operands *o)
{
	if (!o->page->valid)
		return fault_epcm(v, o->rcx, 0);
	if (o->page->type == PT_VA)
		return SGX_TRACK_NOT_REQUIRED | LEAF_CF;
	return track_begin(epcm_secs(o->page));
}

static void make_iv(uint64_t version, uint8_t ret_iv[12])
{
	memset(ret_iv, 0, 4);
	memcpy(ret_iv + 4, &version, 8);
}

static bool is_va(const struct epcm_entry *page)
{
	return page->valid && page->type == PT_VA;
}

static bool is_child(const struct epcm_entry *page)
{
	return page->type != PT_SECS && page->type != PT_VA;
}

/* May this page go? SGX_OK or why not. */
static int may_leave(const struct epcm_entry *page)
{
	if (is_child(page)) {
		if (!page->blocked)
			return SGX_PAGE_NOT_BLOCKED;
		return track_done(page) ? SGX_OK : SGX_NOT_TRACKED;
	}
	if (page->type == PT_SECS && epcm_secs(page)->children)
		return SGX_CHILD_PRESENT;
	return SGX_OK;
}

/* Seals the page into page_copy and *ret_pcmd. */
static void seal(const struct epcm_entry *page, uint64_t version, struct pcmd *ret_pcmd)
{
	struct mac_header header = { .linear = page->address, .flags = epcm_flags(page) };
	uint8_t iv[12];

	memset(ret_pcmd, 0, sizeof(*ret_pcmd));
	ret_pcmd->secinfo.flags = header.flags;
	if (page->type != PT_VA)
		ret_pcmd->enclave_id = epcm_secs(page)->eid;
	if (is_child(page))
		header.eid = epcm_secs(page)->eid;
	make_iv(version, iv);
	memcpy(page_copy, epc_page(page), PAGE_SIZE);
	/* A pointer of ours: nobody's business, and stale when it is back. */
	if (page->type == PT_SECS)
		((struct secs *)page_copy)->run = 0;
	aes_gcm_seal(paging_key, iv, &header, sizeof(header), page_copy, PAGE_SIZE, ret_pcmd->mac);
}

int leaf_ewb(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target = o->page;
	struct page_info info;
	uint64_t version;
	struct pcmd pcmd;
	uint64_t *slot = epc_data(o->va, o->rdx);
	bool occupied;
	int code;

	if (target == o->va)
		return fault_gp(v);
	if (operand_page_info(v, o->rbx, sizeof(pcmd), &info))
		return -EFAULT;
	if (info.linear || info.secs)
		return fault_gp(v);
	if (!target->valid)
		return fault_epcm(v, o->rcx, 0);
	if (!is_va(o->va))
		return fault_epcm(v, o->rdx, 0);
	code = may_leave(target);
	if (code)
		return code;

	/* Before it is used: a fault below must not let it be used again. */
	version = ++last_version;
	seal(target, version, &pcmd);
	info.linear = target->address;
	if (guest_write(v, info.source, page_copy, PAGE_SIZE, ACCESS_WRITE) ||
	    guest_write(v, info.secinfo, &pcmd, sizeof(pcmd), ACCESS_WRITE) ||
	    guest_write(v, o->rbx, &info.linear, sizeof(info.linear), ACCESS_WRITE))
		return -EFAULT;
	occupied = *slot != 0;
	*slot = version;
	epcm_clear(target);
	return occupied ? SGX_VA_SLOT_OCCUPIED | LEAF_CF : SGX_OK;
}

static int load(struct vcpu *v, const struct encls_operands *o, bool blocked)
{
	struct epcm_entry *target = o->page, *owner = NULL;
	struct mac_header header = { 0 };
	uint64_t *slot = epc_data(o->va, o->rdx);
	struct page_info info;
	struct pcmd pcmd;
	uint8_t iv[12], type;

	if (operand_page_info(v, o->rbx, sizeof(pcmd), &info))
		return -EFAULT;
	if (target->valid)
		return fault_epcm(v, o->rcx, 0);
	if (!is_va(o->va))
		return fault_epcm(v, o->rdx, 0);
	if (operand_read(v, info.secinfo, &pcmd, sizeof(pcmd)))
		return -EFAULT;
	type = SECINFO_TYPE(pcmd.secinfo.flags);
	header.linear = info.linear;
	header.flags = pcmd.secinfo.flags;
	if (type == PT_REG || type == PT_TCS || type == PT_TRIM) {
		if (operand_epc(v, info.secs, PAGE_SIZE, ACCESS_READ, &owner))
			return -EFAULT;
		if (!is_secs(owner))
			return fault_epcm(v, info.secs, 0);
		header.eid = epcm_secs(owner)->eid;
	} else if (info.secs) {
		return fault_gp(v);
	}
	if (operand_read(v, info.source, page_copy, PAGE_SIZE))
		return -EFAULT;
	make_iv(*slot, iv);
	/* An empty slot holds version 0, which nothing was ever sealed with. */
	if (!*slot ||
	    aes_gcm_open(paging_key, iv, &header, sizeof(header), page_copy, PAGE_SIZE, pcmd.mac))
		return SGX_MAC_COMPARE_FAIL;

	memcpy(epc_page(target), page_copy, PAGE_SIZE);
	secure_zero(page_copy, PAGE_SIZE);
	*slot = 0;
	epcm_fill(target, type, pcmd.secinfo.flags, owner ? epc_physical(owner) : 0, info.linear);
	if (blocked && owner) {
		target->blocked = true;
		track_page(target);
	}
	return SGX_OK;
}

int leaf_eldu(struct vcpu *v, const struct encls_operands *o)
{
	return load(v, o, false);
}

int leaf_eldb(struct vcpu *v, const struct encls_operands *o)
{
	return load(v, o, true);
}
