/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ENCLS against a living enclave, behind the driver's back: evicted pages replayed, changed, moved and given to others; pages taken, given and
 * described anew. Each is refused with the code or fault of the SDM (3D, 40.3), and the enclave finds its memory as it left it.
 *
 * Every test puts back what the driver believes: its pages where they were, the attacker's free.
 */
#include <errno.h>

#include "hypervisor/loader/tests/attack.h"

struct target {
	struct enclave *e;
	uint8_t *page; /* the last of the heap, in the enclave */
	uint64_t epc, secs, va;
};

static struct target target_make(void)
{
	struct target t = { .e = make_checks(NULL) };
	const struct enclave_layout *l = enclave_layout(t.e);

	attacker_open();
	t.page = enclave_base(t.e) + l->pages[l->page_count - 1].offset;
	EXPECT_EQUAL(call(t.e, CHECK_HEAP_FILL, 1, 0), 0);
	t.epc = page_behind(t.page);
	t.secs = secs_of(t.epc);
	t.va = epc_spare(0);
	EXPECT_EQUAL(encls(ENCLS_EPA, PT_VA, t.va, 0), 0);
	return t;
}

static void target_done(struct target *t)
{
	EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, t->va, 0), 0);
	enclave_destroy(t->e);
}

static uint32_t load_target(const struct target *t, unsigned int copy, unsigned int slot)
{
	return reload(t->epc, copy, t->va + 8 * slot, (uintptr_t)t->page, t->secs);
}

/* The old state of a page, after a newer one was written. */
static void test_replay(void)
{
	struct target t = target_make();

	EXPECT_EQUAL(evict(t.epc, 0, t.va), 0);
	EXPECT_EPCM_FAULT(t.e, t.page);
	EXPECT_EQUAL(load_target(&t, 0, 0), 0);
	EXPECT_EQUAL(call(t.e, CHECK_HEAP_VERIFY, 1, 0), 0);
	EXPECT_EQUAL(call(t.e, CHECK_HEAP_FILL, 2, 0), 0);
	EXPECT_EQUAL(evict(t.epc, 1, t.va + 8), 0);

	EXPECT_EQUAL(load_target(&t, 0, 0), SGX_MAC_COMPARE_FAIL); /* its slot is empty */
	EXPECT_EQUAL(load_target(&t, 0, 1), SGX_MAC_COMPARE_FAIL); /* the version of the new one */
	EXPECT_EQUAL(load_target(&t, 1, 0), SGX_MAC_COMPARE_FAIL);
	EXPECT_EQUAL(load_target(&t, 1, 2), SGX_MAC_COMPARE_FAIL); /* never used */
	EXPECT_EPCM_FAULT(t.e, t.page);
	EXPECT_EQUAL(load_target(&t, 1, 1), 0);
	/* and the same once more, into another page */
	EXPECT_EQUAL(reload(epc_spare(1), 1, t.va + 8, (uintptr_t)t.page, t.secs),
		     SGX_MAC_COMPARE_FAIL);
	EXPECT_EQUAL(call(t.e, CHECK_HEAP_VERIFY, 2, 0), 0);
	target_done(&t);
}

/* One page's ciphertext and PCMD in pieces: each change is found, and what was not changed still loads. */
static void test_forged_copy(void)
{
	struct target t = target_make();
	struct enclave *other = make_checks(NULL);
	uint8_t *others_page = enclave_base(other) + (t.page - enclave_base(t.e));
	const uint64_t linear = (uintptr_t)t.page;
	uint64_t others_secs;
	struct pcmd *pcmd;

	call(other, CHECK_HEAP_FILL, 9, 0);
	others_secs = secs_of(page_behind(others_page));
	EXPECT_EQUAL(evict(t.epc, 0, t.va), 0);
	pcmd = copy_pcmd(0);
	for (unsigned int i = 0; i < PAGE_SIZE; i += 1021) {
		copy_data(0)[i] ^= 1;
		EXPECT_EQUAL(load_target(&t, 0, 0), SGX_MAC_COMPARE_FAIL);
		copy_data(0)[i] ^= 1;
	}
	for (unsigned int i = 0; i < sizeof(pcmd->mac); i++) {
		pcmd->mac[i] ^= 0x80;
		EXPECT_EQUAL(load_target(&t, 0, 0), SGX_MAC_COMPARE_FAIL);
		pcmd->mac[i] ^= 0x80;
	}
	pcmd->secinfo.flags ^= SECINFO_X;
	EXPECT_EQUAL(load_target(&t, 0, 0), SGX_MAC_COMPARE_FAIL);
	pcmd->secinfo.flags ^= SECINFO_X | (PT_REG ^ PT_TCS) << SECINFO_TYPE_SHIFT;
	EXPECT_EQUAL(load_target(&t, 0, 0), SGX_MAC_COMPARE_FAIL);
	pcmd->secinfo.flags ^= (PT_REG ^ PT_TCS) << SECINFO_TYPE_SHIFT;
	/* another address, another enclave (at the same address even), no enclave */
	EXPECT_EQUAL(reload(t.epc, 0, t.va, linear - PAGE_SIZE, t.secs), SGX_MAC_COMPARE_FAIL);
	EXPECT_EQUAL(reload(t.epc, 0, t.va, linear, others_secs), SGX_MAC_COMPARE_FAIL);
	EXPECT_EQUAL(reload(t.epc, 0, t.va, linear, t.va), FAULT_OF_LEAF(14));
	/* versions lie in a VA page, in EPC, and over no page in use */
	EXPECT_EQUAL(reload(t.epc, 0, t.secs, linear, t.secs), FAULT_OF_LEAF(14));
	EXPECT_EQUAL(reload(t.epc, 0, copy_operand(2), linear, t.secs), FAULT_OF_LEAF(14));
	EXPECT_EQUAL(reload(t.secs, 0, t.va, linear, t.secs), FAULT_OF_LEAF(14));
	EXPECT_EQUAL(load_target(&t, 0, 0), 0);
	EXPECT_EQUAL(call(t.e, CHECK_HEAP_VERIFY, 1, 0), 0);
	EXPECT_EQUAL(call(other, CHECK_HEAP_VERIFY, 9, 0), 0);
	enclave_destroy(other);
	target_done(&t);
}

/* EWB out of turn, and to where Linux may not write. */
static void test_eviction_order(void)
{
	struct target t = target_make();
	struct page_info info = { .source = copy_operand(0), .secinfo = pcmd_operand(0) };

	EXPECT_EQUAL(encls_page(ENCLS_EWB, info, t.epc, t.va), SGX_PAGE_NOT_BLOCKED);
	EXPECT_EQUAL(encls_page(ENCLS_EWB, info, t.secs, t.va), SGX_CHILD_PRESENT);
	EXPECT_EQUAL(encls(ENCLS_EBLOCK, 0, t.secs, 0), SGX_PG_IS_SECS);
	EXPECT_EQUAL(encls(ENCLS_EBLOCK, 0, t.va, 0), SGX_NOTBLOCKABLE);
	EXPECT_EQUAL(encls(ENCLS_EBLOCK, 0, t.epc, 0), 0);
	EXPECT_EQUAL(encls(ENCLS_EBLOCK, 0, t.epc, 0), SGX_BLKSTATE);
	EXPECT_EPCM_FAULT(t.e, t.page); /* blocked: nobody gets at it any more */
	EXPECT_EQUAL(encls_page(ENCLS_EWB, info, t.epc, t.va), SGX_NOT_TRACKED);
	EXPECT_EQUAL(encls(ENCLS_ETRACK, 0, t.secs, 0), 0);
	info.source = t.secs; /* the ciphertext over EPC, the PCMD over EPC, the hypervisor */
	EXPECT_EQUAL(encls_page(ENCLS_EWB, info, t.epc, t.va), FAULT_OF_LEAF(14));
	info.source = copy_operand(0);
	info.secinfo = epc_spare(1);
	EXPECT_EQUAL(encls_page(ENCLS_EWB, info, t.epc, t.va), FAULT_OF_LEAF(14));
	info.secinfo = pcmd_operand(0);
	EXPECT_EQUAL(encls_page(ENCLS_EWB, info, t.epc, t.epc), FAULT_OF_LEAF(13));
	EXPECT_EQUAL(encls_page(ENCLS_EWB, info, t.epc, t.va), 0);
	EXPECT_EQUAL(encls_page(ENCLS_EWB, info, t.epc, t.va), FAULT_OF_LEAF(14)); /* gone */
	EXPECT_EQUAL(load_target(&t, 0, 0), 0);
	EXPECT_EQUAL(call(t.e, CHECK_HEAP_VERIFY, 1, 0), 0);
	target_done(&t);
}

/* Building on a finished enclave, over pages in use, and out of what is not Linux's. */
static void test_build(void)
{
	struct target t = target_make();
	const uint64_t regular =
		secinfo_operand(SECINFO_R | SECINFO_W | (uint64_t)PT_REG << SECINFO_TYPE_SHIFT);
	struct page_info add = { (uintptr_t)t.page, copy_operand(1), regular, t.secs };
	struct page_info grow = { .linear = (uintptr_t)t.page, .secs = t.secs };
	const uint64_t spare = epc_spare(1);

	EXPECT_EQUAL(encls_page(ENCLS_EADD, add, t.epc, 0), FAULT_OF_LEAF(14)); /* in use */
	EXPECT_EQUAL(encls_page(ENCLS_EADD, add, spare, 0), FAULT_OF_LEAF(13)); /* after EINIT */
	add.source = t.epc; /* another enclave's page as a source */
	EXPECT_EQUAL(encls_page(ENCLS_EADD, add, spare, 0), FAULT_OF_LEAF(14));
	EXPECT_EQUAL(encls_page(ENCLS_ECREATE, (struct page_info){ 0, copy_operand(1), regular, 0 },
				t.epc, 0) &
			     ENCLS_FAULT,
		     ENCLS_FAULT);
	EXPECT_EQUAL(encls(ENCLS_EPA, PT_VA, t.epc, 0), FAULT_OF_LEAF(14));
	EXPECT_EQUAL(encls(ENCLS_EEXTEND, t.secs, t.epc, 0), FAULT_OF_LEAF(13));
	EXPECT_EQUAL(encls(ENCLS_EDBGRD, 0, t.epc, 0), FAULT_OF_LEAF(13));
	EXPECT_EQUAL(encls(ENCLS_EDBGWR, 0x41, t.epc, 0), FAULT_OF_LEAF(13));
	EXPECT(encls(ENCLS_EDBGRD, 0, t.secs, 0) & ENCLS_FAULT);
	EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, t.secs, 0), SGX_CHILD_PRESENT);
	/* one page of EPC at two addresses */
	EXPECT_EQUAL(encls_page(ENCLS_EAUG, grow, t.epc, 0), FAULT_OF_LEAF(14));
	/* two pages of EPC at one address: the second only if the enclave accepts it, which it does not */
	EXPECT_EQUAL(encls_page(ENCLS_EAUG, grow, spare, 0), 0);
	EXPECT_EQUAL(encls_page(ENCLS_EAUG, grow, spare, 0), FAULT_OF_LEAF(14));
	const uint64_t entry = entry_get(t.page);
	entry_set(t.page, entry_to(entry, physical_at(spare)));
	EXPECT_EPCM_FAULT(t.e, t.page);
	entry_set(t.page, entry);
	EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, spare, 0), 0);
	EXPECT_EQUAL(call(t.e, CHECK_HEAP_VERIFY, 1, 0), 0);
	target_done(&t);
}

/* Type and rights of a page changed without the enclave's consent: it gets no page of that kind until it accepts. */
static void test_modify(void)
{
	struct target t = target_make();
	const uint64_t tcs = (uint64_t)PT_TCS << SECINFO_TYPE_SHIFT,
		       regular = (uint64_t)PT_REG << SECINFO_TYPE_SHIFT,
		       trim = (uint64_t)PT_TRIM << SECINFO_TYPE_SHIFT;
	uint8_t *grown = enclave_base(t.e) + enclave_layout(t.e)->growth;
	uint64_t epc, value;

	EXPECT_EQUAL(call(t.e, CHECK_GROW, 0, 2), 2);
	epc = page_behind(grown);
	/* EMODPR takes rights only */
	EXPECT_EQUAL(encls(ENCLS_EMODPR, secinfo_operand(SECINFO_RWX | regular), epc, 0), 0);
	EXPECT_EQUAL(call(t.e, CHECK_READ, (uintptr_t)grown, 0), ~0ULL); /* what CHECK_GROW wrote */
	EXPECT_EQUAL(encls(ENCLS_EMODT, secinfo_operand(regular), epc, 0), FAULT_OF_LEAF(13));
	EXPECT_EQUAL(encls(ENCLS_EMODT, secinfo_operand(tcs), t.secs, 0), FAULT_OF_LEAF(14));
	/* a page of the enclave's own making as a TCS: not before EACCEPT */
	EXPECT_EQUAL(encls(ENCLS_EMODT, secinfo_operand(tcs), epc, 0), 0);
	EXPECT_EPCM_FAULT(t.e, grown);
	EXPECT_EQUAL(enclave_call_tcs(t.e, enclave_layout(t.e)->growth, CHECK_COUNT, 0, 0, &value),
		     -EFAULT);
	EXPECT_EQUAL(enclave_last_exception()->vector, 14);
	EXPECT_EQUAL(enclave_last_exception()->function, ENCLU_EENTER);
	EXPECT_EQUAL(encls(ENCLS_EMODT, secinfo_operand(tcs), epc, 0), FAULT_OF_LEAF(14));
	EXPECT_EQUAL(encls(ENCLS_EMODT, secinfo_operand(trim), epc, 0), SGX_PAGE_NOT_MODIFIABLE);
	EXPECT_EQUAL(call(t.e, CHECK_GROWN, 1, 1), 1);
	target_done(&t);
}

const struct test attack_leaf_tests[] = {
	{ "attack-replay", test_replay },
	{ "attack-forged-copy", test_forged_copy },
	{ "attack-eviction-order", test_eviction_order },
	{ "attack-build", test_build },
	{ "attack-modify", test_modify },
	{ 0 },
};
