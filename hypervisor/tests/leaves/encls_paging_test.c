/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every case of EBLOCK, ETRACK(C), EWB, ELDU/ELDB(C), EMODPR, EMODT, EDBGRD, EDBGWR, ERDINFO; and what a host tries with
 * evicted pages. Rows: leaf, case, outcome (docs/SGX-LEAVES.md).
 */
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/tests/leaves/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REG_RWX ((uint64_t)PT_REG << SECINFO_TYPE_SHIFT | SECINFO_RWX)

static struct secs *secs_of(unsigned int page)
{
	return epc_memory(page);
}

static void must_code(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	struct outcome o = machine_encls(scene.v, leaf, rbx, rcx, rdx);

	if (o.vector >= 0 || o.rax)
		abort();
}

static void modify(uint32_t leaf, unsigned int page, uint64_t flags)
{
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = flags;
	must_code(leaf, scene.secinfo_at, epc(page), 0);
}

static void prepare_eblock(void)
{
	scene_enclave(true);
	call(ENCLS_EBLOCK, 0, epc(REG_PAGE), 0);
}

static void eblock(void)
{
	const char *leaf_name = "EBLOCK";
#define prepare prepare_eblock
	CASE_THEN("a regular page", OK, , EXPECT(entry(REG_PAGE)->blocked));
	CASE("a TCS", OK, s->rcx = epc(TCS_PAGE));
	CASE("a trimmed page", OK, modify(ENCLS_EMODT, REG_PAGE, (uint64_t)PT_TRIM << 8));
	CASE("a page of a running enclave", OK, track_enter(secs_of(SECS_PAGE)));
	CASE("not page aligned", GP, s->rcx += 16);
	CASE("not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("page invalid", CODE(SGX_PG_INVLD), s->rcx = epc(FREE_PAGE));
	CASE("a SECS", CODE_CF(SGX_PG_IS_SECS), s->rcx = epc(SECS_PAGE));
	CASE("a VA page", CODE_CF(SGX_NOTBLOCKABLE), s->rcx = epc(VA_PAGE));
	CASE("blocked already", CODE_CF(SGX_BLKSTATE), must_block(REG_PAGE));
#undef prepare
}

static void prepare_etrack(void)
{
	scene_enclave(true);
	call(ENCLS_ETRACK, 0, epc(SECS_PAGE), 0);
}

static void prepare_etrackc(void)
{
	scene_enclave(true);
	call(ENCLS_ETRACKC, 0, epc(REG_PAGE), 0);
}

static void etrack(void)
{
	const char *leaf_name = "ETRACK";
#define prepare prepare_etrack
	CASE_THEN("nobody inside", OK, , EXPECT(secs_of(SECS_PAGE)->epoch == 1));
	CASE("threads inside, first cycle", OK, track_enter(secs_of(SECS_PAGE)));
	CASE("the cycle before is over", OK, {
		uint64_t epoch = track_enter(secs_of(SECS_PAGE));

		must_track(SECS_PAGE);
		track_leave(secs_of(SECS_PAGE), epoch);
	});
	CASE("not page aligned", GP, s->rcx += 16);
	CASE("not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("not a SECS", PF_EPCM, s->rcx = epc(REG_PAGE));
	CASE("a thread of the cycle before is still inside", CODE(SGX_PREV_TRK_INCMPL),
	     (track_enter(secs_of(SECS_PAGE)), must_track(SECS_PAGE)));
#undef prepare
	leaf_name = "ETRACKC";
#define prepare prepare_etrackc
	CASE_THEN("a page of the enclave", OK, , EXPECT(secs_of(SECS_PAGE)->epoch == 1));
	CASE("the SECS", OK, s->rcx = epc(SECS_PAGE));
	CASE("not page aligned", GP, s->rcx += 16);
	CASE("not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("a VA page", CODE_CF(SGX_TRACK_NOT_REQUIRED), s->rcx = epc(VA_PAGE));
	CASE("a thread of the cycle before is still inside", CODE(SGX_PREV_TRK_INCMPL),
	     (track_enter(secs_of(SECS_PAGE)), must_track(SECS_PAGE)));
#undef prepare
}

static void prepare_ewb(void)
{
	scene_enclave(true);
	must_block(REG_PAGE);
	must_track(SECS_PAGE);
	*scene.info = (struct page_info){ .source = scene.source_at, .secinfo = scene.pcmd_at };
	call(ENCLS_EWB, scene.info_at, epc(REG_PAGE), epc(VA_PAGE) + 8);
}

static void prepare_ewb_unblocked(void)
{
	scene_enclave(true);
	*scene.info = (struct page_info){ .source = scene.source_at, .secinfo = scene.pcmd_at };
	call(ENCLS_EWB, scene.info_at, epc(REG_PAGE), epc(VA_PAGE) + 8);
}

static void ewb(void)
{
	static uint8_t plain[PAGE_SIZE];
	const char *leaf_name = "EWB";
#define prepare prepare_ewb
	CASE_THEN("blocked and tracked", OK, memcpy(plain, epc_memory(REG_PAGE), PAGE_SIZE), {
		EXPECT(!entry(REG_PAGE)->valid && ((uint64_t *)epc_memory(VA_PAGE))[1]);
		EXPECT(s->info->linear == ENCLAVE_BASE + 0x1000 &&
		       s->pcmd->secinfo.flags == REG_RWX);
		EXPECT(s->pcmd->enclave_id == secs_of(SECS_PAGE)->eid &&
		       memcmp(plain, s->source, PAGE_SIZE) != 0);
		EXPECT(secs_of(SECS_PAGE)->children == 1);
	});
	CASE("slot in use: the page goes all the same", CODE_CF(SGX_VA_SLOT_OCCUPIED),
	     ((uint64_t *)epc_memory(VA_PAGE))[1] = 99);
	CASE("PAGEINFO not aligned to 32", GP, s->rbx += 8);
	CASE("page not page aligned", GP, s->rcx += 8);
	CASE("slot not aligned to 8", GP, s->rdx += 4);
	CASE("page not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("slot not in EPC", PF_EPCM, s->rdx = s->spare_at);
	CASE("page and slot in the same page", GP, s->rdx = s->rcx + 8);
	CASE("PAGEINFO not mapped", PF, s->rbx = UNMAPPED);
	CASE("LINADDR not 0", GP, s->info->linear = 0x1000);
	CASE("PAGEINFO.SECS not 0", GP, s->info->secs = epc(SECS_PAGE));
	CASE("PCMD not aligned to 128", GP, s->info->secinfo += 64);
	CASE("SRCPGE not page aligned", GP, s->info->source += 128);
	CASE("SRCPGE not mapped", PF, s->info->source = UNMAPPED);
	CASE("SRCPGE read only", PF, *machine_pte(s->source_at) &= ~PTE_W);
	CASE("PCMD not mapped", PF, s->info->secinfo = UNMAPPED);
	CASE("PAGEINFO read only", PF, *machine_pte(s->info_at) &= ~PTE_W);
	CASE("page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("VA page invalid", PF_EPCM, s->rdx = epc(FREE_PAGE));
	CASE("slot in a page that is no VA", PF_EPCM, s->rdx = epc(TCS_PAGE));
	CASE("a SECS with children", CODE(SGX_CHILD_PRESENT), s->rcx = epc(SECS_PAGE));
	CASE("a SECS without children", OK, {
		must_code(ENCLS_EREMOVE, 0, epc(REG_PAGE), 0);
		must_code(ENCLS_EREMOVE, 0, epc(TCS_PAGE), 0);
		s->rcx = epc(SECS_PAGE);
	});
	CASE("a VA page into another", OK, (must_epa(SECOND_VA), s->rcx = epc(SECOND_VA)));
	CASE("blocked after the ETRACK", CODE(SGX_NOT_TRACKED),
	     (must_block(TCS_PAGE), s->rcx = epc(TCS_PAGE)));
#undef prepare
#define prepare prepare_ewb_unblocked
	CASE("not blocked", CODE(SGX_PAGE_NOT_BLOCKED), );
	CASE("blocked, no ETRACK since", CODE(SGX_NOT_TRACKED), must_block(REG_PAGE));
	CASE("blocked, a thread from before the ETRACK inside", CODE(SGX_NOT_TRACKED),
	     (track_enter(secs_of(SECS_PAGE)), must_block(REG_PAGE), must_track(SECS_PAGE)));
	CASE("blocked, a thread inside that entered after the ETRACK", OK,
	     (must_block(REG_PAGE), must_track(SECS_PAGE), track_enter(secs_of(SECS_PAGE))));
	CASE("blocked, the thread has left since the ETRACK", OK, {
		uint64_t epoch = track_enter(secs_of(SECS_PAGE));

		must_block(REG_PAGE);
		must_track(SECS_PAGE);
		track_leave(secs_of(SECS_PAGE), epoch);
	});
	CASE("a trimmed page, blocked and tracked", OK,
	     (modify(ENCLS_EMODT, REG_PAGE, (uint64_t)PT_TRIM << 8), must_block(REG_PAGE),
	      must_track(SECS_PAGE)));
#undef prepare
}

static uint8_t evicted[PAGE_SIZE];

static void prepare_load(uint32_t leaf)
{
	scene_enclave(true);
	memcpy(evicted, epc_memory(REG_PAGE), PAGE_SIZE);
	must_block(REG_PAGE);
	must_track(SECS_PAGE);
	must_ewb(REG_PAGE, VA_PAGE, 1);
	*scene.info = (struct page_info){ .linear = ENCLAVE_BASE + 0x1000,
					  .source = scene.source_at,
					  .secinfo = scene.pcmd_at,
					  .secs = epc(SECS_PAGE) };
	call(leaf, scene.info_at, epc(FREE_PAGE), epc(VA_PAGE) + 8);
}

static void prepare_eldu(void)
{
	prepare_load(ENCLS_ELDU);
}

/* The same enclave again, with its own page evicted to the same place. */
static void prepare_eldu_secs(void)
{
	prepare_eldu();
	must_code(ENCLS_EREMOVE, 0, epc(TCS_PAGE), 0);
	must_ewb(SECS_PAGE, VA_PAGE, 2);
	*scene.info = (struct page_info){ .source = scene.source_at, .secinfo = scene.pcmd_at };
	call(ENCLS_ELDU, scene.info_at, epc(FREE_PAGE), epc(VA_PAGE) + 16);
}

static void second_secs(void)
{
	void *memory;
	uint64_t at = machine_buffer(1, &memory);
	struct secs *secs = memory;

	secs->size = ENCLAVE_SIZE;
	secs->base = ENCLAVE_BASE;
	secs->ssa_frame_size = 1;
	secs->attributes.flags = ATTRIBUTE_MODE64BIT;
	secs->attributes.xfrm = 3;
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	memcpy(scene.spare, &(struct page_info){ .source = at, .secinfo = scene.secinfo_at }, 32);
	if (machine_encls(scene.v, ENCLS_ECREATE, scene.spare_at, epc(OTHER_SECS), 0).vector >= 0)
		abort();
}

static void eldu(void)
{
	const char *leaf_name = "ELDU";
#define prepare prepare_eldu
	CASE_THEN("an evicted page, to another place", OK, , {
		struct epcm_entry *e = entry(FREE_PAGE);

		EXPECT(e->valid && !e->blocked && e->type == PT_REG && e->rights == SECINFO_RWX);
		EXPECT(e->address == ENCLAVE_BASE + 0x1000 &&
		       memcmp(evicted, epc_memory(FREE_PAGE), PAGE_SIZE) == 0);
		EXPECT(!((uint64_t *)epc_memory(VA_PAGE))[1] && secs_of(SECS_PAGE)->children == 2);
	});
	CASE("PAGEINFO not aligned to 32", GP, s->rbx += 8);
	CASE("target not page aligned", GP, s->rcx += 8);
	CASE("slot not aligned to 8", GP, s->rdx += 4);
	CASE("target not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("slot not in EPC", PF_EPCM, s->rdx = s->spare_at);
	CASE("PAGEINFO not mapped", PF, s->rbx = UNMAPPED);
	CASE("PCMD not aligned to 128", GP, s->info->secinfo += 64);
	CASE("SRCPGE not page aligned", GP, s->info->source += 128);
	CASE("PCMD not mapped", PF, s->info->secinfo = UNMAPPED);
	CASE("SRCPGE not mapped", PF, s->info->source = UNMAPPED);
	CASE("target valid", PF_EPCM, s->rcx = epc(TCS_PAGE));
	CASE("VA page invalid", PF_EPCM, s->rdx = epc(OTHER_REG));
	CASE("slot in a page that is no VA", PF_EPCM, s->rdx = epc(SECS_PAGE) + 8);
	CASE("SECS not page aligned", GP, s->info->secs += 8);
	CASE("SECS not in EPC", PF_EPCM, s->info->secs = s->spare_at);
	CASE("SECS page invalid", PF_EPCM, s->info->secs = epc(OTHER_SECS));
	CASE("SECS operand is a VA page", PF_EPCM, s->info->secs = epc(VA_PAGE));
	CASE("SECS of another enclave", CODE(SGX_MAC_COMPARE_FAIL),
	     (second_secs(), s->info->secs = epc(OTHER_SECS)));
	CASE("another address", CODE(SGX_MAC_COMPARE_FAIL), s->info->linear += PAGE_SIZE);
	CASE("another slot", CODE(SGX_MAC_COMPARE_FAIL), s->rdx += 8);
	CASE("a slot with another version", CODE(SGX_MAC_COMPARE_FAIL),
	     ((uint64_t *)epc_memory(VA_PAGE))[1]++);
	CASE("loaded once already (replay)", CODE(SGX_MAC_COMPARE_FAIL),
	     must_code(ENCLS_ELDU, s->rbx, epc(OTHER_REG), s->rdx));
	CASE("first byte of the page changed", CODE(SGX_MAC_COMPARE_FAIL), s->source[0] ^= 1);
	CASE("last byte of the page changed", CODE(SGX_MAC_COMPARE_FAIL), s->source[4095] ^= 0x80);
	CASE("MAC changed", CODE(SGX_MAC_COMPARE_FAIL), s->pcmd->mac[15] ^= 1);
	CASE("rights in the PCMD changed", CODE(SGX_MAC_COMPARE_FAIL),
	     s->pcmd->secinfo.flags &= ~SECINFO_X);
	CASE("PENDING in the PCMD set", CODE(SGX_MAC_COMPARE_FAIL),
	     s->pcmd->secinfo.flags |= SECINFO_PENDING);
	CASE("type in the PCMD changed to TCS", CODE(SGX_MAC_COMPARE_FAIL),
	     s->pcmd->secinfo.flags = (uint64_t)PT_TCS << 8 | SECINFO_RWX);
	CASE("type in the PCMD changed to VA, with a SECS", GP,
	     s->pcmd->secinfo.flags = (uint64_t)PT_VA << 8);
	CASE("type in the PCMD changed to VA", CODE(SGX_MAC_COMPARE_FAIL),
	     (s->pcmd->secinfo.flags = (uint64_t)PT_VA << 8, s->info->secs = 0));
	CASE("ENCLAVEID in the PCMD changed (for software only)", OK, s->pcmd->enclave_id++);
#undef prepare
#define prepare prepare_eldu_secs
	CASE_THEN("an evicted SECS", OK, , {
		EXPECT(entry(FREE_PAGE)->valid && entry(FREE_PAGE)->type == PT_SECS);
		EXPECT(secs_of(FREE_PAGE)->attributes.flags & ATTRIBUTE_INIT);
	});
	CASE("an evicted SECS with a SECS operand", GP,
	     (second_secs(), s->info->secs = epc(OTHER_SECS)));
#undef prepare
}

static void prepare_eldb(void)
{
	prepare_load(ENCLS_ELDB);
}

static void prepare_eldbc(void)
{
	prepare_load(ENCLS_ELDBC);
}

static void prepare_elduc(void)
{
	prepare_load(ENCLS_ELDUC);
}

static void eldb(void)
{
	const char *leaf_name = "ELDB";
#define prepare prepare_eldb
	CASE_THEN("an evicted page: blocked", OK, ,
		  EXPECT(entry(FREE_PAGE)->valid && entry(FREE_PAGE)->blocked));
	CASE("MAC changed", CODE(SGX_MAC_COMPARE_FAIL), s->pcmd->mac[0] ^= 1);
	CASE("target valid", PF_EPCM, s->rcx = epc(TCS_PAGE));
#undef prepare
	leaf_name = "ELDBC";
#define prepare prepare_eldbc
	CASE_THEN("an evicted page: blocked", OK, , EXPECT(entry(FREE_PAGE)->blocked));
	CASE("MAC changed", CODE(SGX_MAC_COMPARE_FAIL), s->pcmd->mac[0] ^= 1);
#undef prepare
	leaf_name = "ELDUC";
#define prepare prepare_elduc
	CASE_THEN("an evicted page", OK, ,
		  EXPECT(entry(FREE_PAGE)->valid && !entry(FREE_PAGE)->blocked));
	CASE("MAC changed", CODE(SGX_MAC_COMPARE_FAIL), s->pcmd->mac[0] ^= 1);
#undef prepare
}

static void prepare_emodpr(void)
{
	scene_enclave(true);
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = SECINFO_R;
	call(ENCLS_EMODPR, scene.secinfo_at, epc(REG_PAGE), 0);
}

static void prepare_emodpr_early(void)
{
	scene_enclave(false);
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = SECINFO_R;
	call(ENCLS_EMODPR, scene.secinfo_at, epc(REG_PAGE), 0);
}

static void emodpr(void)
{
	const char *leaf_name = "EMODPR";
#define prepare prepare_emodpr
	CASE_THEN("fewer rights", OK, ,
		  EXPECT(entry(REG_PAGE)->pr && entry(REG_PAGE)->rights == SECINFO_R));
	CASE_THEN("more rights than there are: none added", OK,
		  (modify(ENCLS_EMODPR, REG_PAGE, SECINFO_R), scene.secinfo->flags = SECINFO_RWX),
		  EXPECT(entry(REG_PAGE)->rights == SECINFO_R));
	CASE("none", OK, s->secinfo->flags = 0);
	CASE("SECINFO not aligned to 64", GP, s->rbx += 32);
	CASE("page not page aligned", GP, s->rcx += 32);
	CASE("page not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("SECINFO not mapped", PF, s->rbx = UNMAPPED);
	CASE("SECINFO reserved byte", GP, s->secinfo->reserved[3] = 1);
	CASE("SECINFO reserved flag", GP, s->secinfo->flags |= 1ULL << 40);
	CASE("W without R", GP, s->secinfo->flags = SECINFO_W);
	CASE("page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("page pending", CODE(SGX_PAGE_NOT_MODIFIABLE),
	     (must_eaug(SECS_PAGE, FREE_PAGE, 0x8000), s->rcx = epc(FREE_PAGE)));
	CASE("page trimmed, not accepted", CODE(SGX_PAGE_NOT_MODIFIABLE), {
		modify(ENCLS_EMODT, REG_PAGE, (uint64_t)PT_TRIM << 8);
		s->secinfo->flags = SECINFO_R;
	});
	CASE("page trimmed and accepted", PF_EPCM, {
		modify(ENCLS_EMODT, REG_PAGE, (uint64_t)PT_TRIM << 8);
		s->secinfo->flags = SECINFO_R;
		entry(REG_PAGE)->modified = false;
	});
	CASE("a TCS", PF_EPCM, s->rcx = epc(TCS_PAGE));
	CASE("a SECS", PF_EPCM, s->rcx = epc(SECS_PAGE));
	CASE("a VA page", PF_EPCM, s->rcx = epc(VA_PAGE));
#undef prepare
#define prepare prepare_emodpr_early
	CASE("enclave not initialised", GP, );
#undef prepare
}

static void prepare_emodt(void)
{
	scene_enclave(true);
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = (uint64_t)PT_TRIM << 8;
	call(ENCLS_EMODT, scene.secinfo_at, epc(REG_PAGE), 0);
}

static void prepare_emodt_early(void)
{
	scene_enclave(false);
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = (uint64_t)PT_TRIM << 8;
	call(ENCLS_EMODT, scene.secinfo_at, epc(REG_PAGE), 0);
}

static void emodt(void)
{
	const char *leaf_name = "EMODT";
#define prepare prepare_emodt
	CASE_THEN("REG to TRIM", OK, , {
		struct epcm_entry *e = entry(REG_PAGE);

		EXPECT(e->type == PT_TRIM && e->modified && !e->pr && !e->rights);
	});
	CASE_THEN("REG to TCS", OK, s->secinfo->flags = (uint64_t)PT_TCS << 8,
		  EXPECT(entry(REG_PAGE)->type == PT_TCS));
	CASE_THEN("TCS to TRIM", OK, s->rcx = epc(TCS_PAGE),
		  EXPECT(entry(TCS_PAGE)->type == PT_TRIM));
	CASE("SECINFO not aligned to 64", GP, s->rbx += 32);
	CASE("page not page aligned", GP, s->rcx += 32);
	CASE("page not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("SECINFO not mapped", PF, s->rbx = UNMAPPED);
	CASE("SECINFO reserved byte", GP, s->secinfo->reserved[3] = 1);
	CASE("SECINFO reserved flag", GP, s->secinfo->flags |= 1ULL << 40);
	CASE("to REG", GP, s->secinfo->flags = (uint64_t)PT_REG << 8);
	CASE("to SECS", GP, s->secinfo->flags = 0);
	CASE("to VA", GP, s->secinfo->flags = (uint64_t)PT_VA << 8);
	CASE("page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("TCS to TCS", PF_EPCM,
	     (s->rcx = epc(TCS_PAGE), s->secinfo->flags = (uint64_t)PT_TCS << 8));
	CASE("a SECS", PF_EPCM, s->rcx = epc(SECS_PAGE));
	CASE("a VA page", PF_EPCM, s->rcx = epc(VA_PAGE));
	CASE("page pending", CODE(SGX_PAGE_NOT_MODIFIABLE),
	     (must_eaug(SECS_PAGE, FREE_PAGE, 0x8000), s->rcx = epc(FREE_PAGE)));
	CASE("modified to TCS and not accepted", CODE(SGX_PAGE_NOT_MODIFIABLE), {
		modify(ENCLS_EMODT, REG_PAGE, (uint64_t)PT_TCS << 8);
		s->secinfo->flags = (uint64_t)PT_TRIM << 8;
	});
#undef prepare
#define prepare prepare_emodt_early
	CASE("enclave not initialised", GP, );
#undef prepare
}

static void prepare_debug(uint32_t leaf)
{
	scene_enclave(true);
	secs_of(SECS_PAGE)->attributes.flags |= ATTRIBUTE_DEBUG;
	call(leaf, 0x1122334455667788, epc(REG_PAGE) + 0x128, 0);
}

static void prepare_edbgrd(void)
{
	prepare_debug(ENCLS_EDBGRD);
}

static void prepare_edbgwr(void)
{
	prepare_debug(ENCLS_EDBGWR);
}

static void edbg(void)
{
	const char *leaf_name = "EDBGRD";
#define prepare prepare_edbgrd
	CASE_THEN("a debug enclave's page", OK, ,
		  EXPECT(memcmp(&s->v->regs.gpr[REG_RBX], (uint8_t *)epc_memory(REG_PAGE) + 0x128,
				8) == 0));
	CASE_THEN("a VA slot in use", OK,
		  (((uint64_t *)epc_memory(VA_PAGE))[3] = 77, s->rcx = epc(VA_PAGE) + 24),
		  EXPECT(s->v->regs.gpr[REG_RBX] == ~0ULL));
	CASE_THEN("a free VA slot", OK, s->rcx = epc(VA_PAGE) + 24,
		  EXPECT(!s->v->regs.gpr[REG_RBX]));
	CASE_THEN("a TCS field", OK, s->rcx = epc(TCS_PAGE) + 32,
		  EXPECT(s->v->regs.gpr[REG_RBX] == 0x1000));
	CASE("a TCS beyond its fields", GP, s->rcx = epc(TCS_PAGE) + 72);
	CASE("not aligned to 8", GP, s->rcx += 4);
	CASE("not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("a SECS", PF_EPCM, s->rcx = epc(SECS_PAGE));
	CASE("a page trimmed and accepted", PF_EPCM,
	     (modify(ENCLS_EMODT, REG_PAGE, (uint64_t)PT_TRIM << 8),
	      entry(REG_PAGE)->modified = false));
	CASE("page pending", CODE(SGX_PAGE_NOT_DEBUGGABLE),
	     (must_eaug(SECS_PAGE, FREE_PAGE, 0x8000), s->rcx = epc(FREE_PAGE)));
	CASE("page modified", CODE(SGX_PAGE_NOT_DEBUGGABLE),
	     modify(ENCLS_EMODT, REG_PAGE, (uint64_t)PT_TCS << 8));
	CASE("not a debug enclave", GP, secs_of(SECS_PAGE)->attributes.flags &= ~ATTRIBUTE_DEBUG);
#undef prepare
	leaf_name = "EDBGWR";
#define prepare prepare_edbgwr
	CASE_THEN("a debug enclave's page", OK, ,
		  EXPECT(*(uint64_t *)((uint8_t *)epc_memory(REG_PAGE) + 0x128) ==
			 0x1122334455667788));
	CASE_THEN("a TCS's FLAGS", OK, (s->rcx = epc(TCS_PAGE) + 8, s->rbx = 1),
		  EXPECT(((struct tcs *)epc_memory(TCS_PAGE))->flags == TCS_DBGOPTIN));
	CASE("another field of a TCS", GP, s->rcx = epc(TCS_PAGE) + 16);
	CASE("not aligned to 8", GP, s->rcx += 4);
	CASE("not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("a SECS", PF_EPCM, s->rcx = epc(SECS_PAGE));
	CASE("a VA page", PF_EPCM, s->rcx = epc(VA_PAGE));
	CASE("page pending", CODE(SGX_PAGE_NOT_DEBUGGABLE),
	     (must_eaug(SECS_PAGE, FREE_PAGE, 0x8000), s->rcx = epc(FREE_PAGE)));
	CASE("not a debug enclave", GP, secs_of(SECS_PAGE)->attributes.flags &= ~ATTRIBUTE_DEBUG);
#undef prepare
}

static void prepare_erdinfo(void)
{
	scene_enclave(true);
	call(ENCLS_ERDINFO, scene.spare_at, epc(REG_PAGE), 0);
}

static void erdinfo(void)
{
	const char *leaf_name = "ERDINFO";
#define info ((struct rdinfo *)(void *)scene.spare)
#define prepare prepare_erdinfo
	CASE_THEN("a regular page", OK, , EXPECT(info->flags == REG_RWX && !info->status));
	CASE_THEN("a blocked page", OK, must_block(REG_PAGE),
		  EXPECT(info->flags == (REG_RWX | RDINFO_BLOCKED)));
	CASE_THEN("a SECS with children", OK, s->rcx = epc(SECS_PAGE),
		  EXPECT(info->status == RDINFO_CHILDPRESENT));
	CASE("RDINFO not aligned to 32", GP, s->rbx += 8);
	CASE("page not page aligned", GP, s->rcx += 8);
	CASE("RDINFO not mapped", PF, s->rbx = UNMAPPED);
	CASE("page not mapped", PF, s->rcx = UNMAPPED);
	CASE("not in EPC", CODE_CF(SGX_PG_NONEPC), s->rcx = s->source_at);
	CASE("page invalid", CODE_CF(SGX_PG_INVLD), s->rcx = epc(FREE_PAGE));
#undef prepare
#undef info
}

int main(int argc, char **argv)
{
	cases_start(argc, argv);
	eblock();
	etrack();
	ewb();
	eldu();
	eldb();
	emodpr();
	emodt();
	edbg();
	erdinfo();
	return cases_end();
}
