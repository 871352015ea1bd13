/* SPDX-License-Identifier: Apache-2.0 */
/* Every case of ECREATE, EADD, EEXTEND, EREMOVE, EPA, EAUG and of what comes before every leaf. Rows: leaf, case, outcome (docs/SGX-LEAVES.md). */
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/tests/leaves/scene.h"

#include <stdlib.h>
#include <string.h>

#define REG_RWX ((uint64_t)PT_REG << SECINFO_TYPE_SHIFT | SECINFO_RWX)
#define TCS_FLAGS ((uint64_t)PT_TCS << SECINFO_TYPE_SHIFT)
#define SECS scene.secs_source

static void gate(void)
{
	const char *leaf_name = "ENCLS";
#define prepare() (scene_start(), call(ENCLS_EREMOVE, 0, epc(FREE_PAGE), 0))
	CASE("any leaf, in the kernel", OK, );
	CASE("leaf number beyond the last", GP, s->leaf = 0x14);
	CASE("leaf number ffffffffh", GP, s->leaf = 0xffffffff);
	CASE("CR0.PE = 0", UD, s->v->regs.cr0 &= ~1ULL);
	CASE("virtual 8086 mode", UD, s->v->regs.rflags |= 1ULL << 17);
	CASE("CR0.PG = 0", GP, s->v->regs.cr0 &= ~(1ULL << 31));
	CASE_THEN("feature control not locked", GP, feature_control &= ~FEATURE_CONTROL_LOCKED,
		  feature_control |= FEATURE_CONTROL_LOCKED);
	CASE_THEN("SGX off in feature control", GP, feature_control &= ~FEATURE_CONTROL_SGX,
		  feature_control |= FEATURE_CONTROL_SGX);
	if (case_wanted(leaf_name, "CPL 3", UD)) {
		uint64_t rip;

		scene_start();
		machine_user(scene.v);
		rip = scene.v->regs.rip;
		scene.v->regs.gpr[REG_RAX] = ENCLS_EREMOVE;
		scene.v->regs.gpr[REG_RCX] = epc(FREE_PAGE);
		sgx_encls(scene.v, 3);
		EXPECT(scene.v->inject && scene.v->vector == VECTOR_UD &&
		       !scene.v->inject_has_error);
		EXPECT(scene.v->regs.rip == rip);
	}
#undef prepare
}

static void prepare_ecreate(void)
{
	scene_start();
	*scene.info = (struct page_info){ .source = scene.source_at, .secinfo = scene.secinfo_at };
	call(ENCLS_ECREATE, scene.info_at, epc(SECS_PAGE), 0);
}

static void ecreate(void)
{
	const char *leaf_name = "ECREATE";
#define prepare prepare_ecreate
	CASE_THEN("a legal SECS", OK, , {
		struct secs *secs = epc_memory(SECS_PAGE);

		EXPECT(entry(SECS_PAGE)->valid && entry(SECS_PAGE)->type == PT_SECS &&
		       !entry(SECS_PAGE)->rights);
		EXPECT(secs->eid && secs->size == ENCLAVE_SIZE && !secs->children);
	});
	CASE("a legal SECS of 32 bits", OK, (SECS->attributes.flags = 0, SECS->base = 0x10000));
	CASE("the largest SIZE below the limit", OK,
	     (SECS->size = 1UL << (SGX_SIZE_LOG2_64 - 1), SECS->base = 0));
	CASE("KSS with CONFIGID and CONFIGSVN", OK,
	     (SECS->attributes.flags |= ATTRIBUTE_KSS, SECS->config_id[5] = 1,
	      SECS->config_svn = 2));
	CASE("all attributes that CPUID offers", OK,
	     SECS->attributes.flags = SGX_ATTRIBUTES_ALLOWED);
	CASE("EXINFO with room for it", OK, SECS->miscselect = MISC_EXINFO);
	CASE("PAGEINFO not aligned to 32", GP, s->rbx += 16);
	CASE("target not page aligned", GP, s->rcx += 8);
	CASE("PAGEINFO not canonical", GP, s->rbx = NOT_CANONICAL);
	CASE("target not canonical", GP, s->rcx = NOT_CANONICAL);
	CASE("target not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("target not mapped", PF, s->rcx = UNMAPPED);
	CASE("PAGEINFO not mapped", PF, s->rbx = UNMAPPED);
	CASE("SRCPGE not page aligned", GP, s->info->source += 256);
	CASE("SECINFO not aligned to 64", GP, s->info->secinfo += 32);
	CASE("SRCPGE not mapped", PF, s->info->source = UNMAPPED);
	CASE("SECINFO not mapped", PF, s->info->secinfo = UNMAPPED);
	CASE("LINADDR not 0", GP, s->info->linear = ENCLAVE_BASE);
	CASE("PAGEINFO.SECS not 0", GP, s->info->secs = epc(OTHER_SECS));
	CASE("SECINFO reserved byte set", GP, s->secinfo->reserved[55] = 1);
	CASE("SECINFO reserved flag set", GP, s->secinfo->flags |= 1ULL << 16);
	CASE("SECINFO of another page type", GP, s->secinfo->flags = REG_RWX);
	CASE("target already valid", PF_EPCM, must_epa(SECS_PAGE));
	CASE("XFRM without SSE", GP, SECS->attributes.xfrm = 1);
	CASE("XFRM without x87", GP, SECS->attributes.xfrm = 2);
	CASE("XFRM bit 63", GP, SECS->attributes.xfrm |= 1ULL << 63);
	CASE("XFRM with a component the processor lacks", GP, SECS->attributes.xfrm |= 1ULL << 40);
	CASE("XFRM with AVX-512 without AVX", GP,
	     (sgx_xfrm_allowed |= 0xe7, SECS->attributes.xfrm = 0xe3));
	CASE("XFRM with part of AVX-512", GP,
	     (sgx_xfrm_allowed |= 0xe7, SECS->attributes.xfrm = 0x27));
	CASE("CET attributes without CET", GP, SECS->cet_attributes = 1);
	CASE("CET bitmap offset without CET", GP, SECS->cet_legacy_bitmap_offset = 0x1000);
	CASE("MISCSELECT bit that CPUID does not offer", GP, SECS->miscselect = 2);
	CASE("SSA frame of no page", GP, SECS->ssa_frame_size = 0);
	CASE("base not canonical", GP, SECS->base = NOT_CANONICAL);
	CASE("32 bits with a base above 4 GiB", GP, SECS->attributes.flags = 0);
	CASE("SIZE of one page", GP, SECS->size = 4096);
	CASE("SIZE 0", GP, SECS->size = 0);
	CASE("SIZE not a power of 2", GP, SECS->size = 0x18000);
	CASE("SIZE at the limit", GP, (SECS->size = 1UL << SGX_SIZE_LOG2_64, SECS->base = 0));
	CASE("SIZE at the limit of 32 bits", GP,
	     (SECS->attributes.flags = 0, SECS->size = 1UL << SGX_SIZE_LOG2_32, SECS->base = 0));
	CASE("base not aligned to SIZE", GP, SECS->base += 0x1000);
	CASE("ATTRIBUTES.INIT", GP, SECS->attributes.flags |= ATTRIBUTE_INIT);
	CASE("ATTRIBUTES reserved bit 3", GP, SECS->attributes.flags |= 8);
	CASE("ATTRIBUTES.AEXNOTIFY, which is not offered", GP,
	     SECS->attributes.flags |= ATTRIBUTE_AEXNOTIFY);
	CASE("ATTRIBUTES.CET without CET", GP, SECS->attributes.flags |= ATTRIBUTE_CET);
	CASE("ATTRIBUTES bit 63", GP, SECS->attributes.flags |= 1ULL << 63);
	CASE("reserved byte 33", GP, SECS->reserved1[0] = 1);
	CASE("reserved byte 96", GP, SECS->reserved2[0] = 1);
	CASE("reserved byte 191", GP, SECS->reserved3[31] = 1);
	CASE("reserved byte 262", GP, SECS->reserved4[0] = 1);
	CASE("reserved byte 264 (where the EID will be)", GP, SECS->eid = 1);
	CASE("reserved byte 4095", GP, s->source[4095] = 1);
	CASE("CONFIGID without KSS", GP, SECS->config_id[63] = 1);
	CASE("CONFIGSVN without KSS", GP, SECS->config_svn = 1);
#undef prepare
}

static struct tcs *tcs_source(void)
{
	struct tcs *tcs = (struct tcs *)(void *)scene.source;

	memset(tcs, 0, sizeof(*tcs));
	tcs->fs_limit = tcs->gs_limit = 0xfff;
	scene.secinfo->flags = TCS_FLAGS;
	return tcs;
}

static void prepare_eadd(void)
{
	scene_start();
	must_ecreate(SECS_PAGE);
	memset(scene.source, 0x5a, PAGE_SIZE);
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = REG_RWX;
	*scene.info = (struct page_info){ .linear = ENCLAVE_BASE + 0x3000,
					  .source = scene.source_at,
					  .secinfo = scene.secinfo_at,
					  .secs = epc(SECS_PAGE) };
	call(ENCLS_EADD, scene.info_at, epc(REG_PAGE), 0);
}

static void eadd_addresses(void)
{
	const char *leaf_name = "EADD";
#define prepare prepare_eadd
	CASE_THEN("a regular page", OK, , {
		struct epcm_entry *e = entry(REG_PAGE);

		EXPECT(e->valid && e->type == PT_REG && e->rights == SECINFO_RWX &&
		       e->address == ENCLAVE_BASE + 0x3000);
		EXPECT(e->secs == MACHINE_EPC + SECS_PAGE * PAGE_SIZE);
		EXPECT(memcmp(epc_memory(REG_PAGE), s->source, PAGE_SIZE) == 0);
		EXPECT(((struct secs *)epc_memory(SECS_PAGE))->children == 1);
	});
	CASE("PAGEINFO not aligned to 32", GP, s->rbx += 8);
	CASE("target not page aligned", GP, s->rcx += 8);
	CASE("target not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("target mapped read only", PF, *machine_pte(s->rcx) &= ~PTE_W);
	CASE("PAGEINFO not mapped", PF, s->rbx = UNMAPPED);
	CASE("SRCPGE not page aligned", GP, s->info->source += 64);
	CASE("SECS not page aligned", GP, s->info->secs += 64);
	CASE("SECINFO not aligned to 64", GP, s->info->secinfo += 32);
	CASE("LINADDR not page aligned", GP, s->info->linear += 0x800);
	CASE("SECS not in EPC", PF_EPCM, s->info->secs = s->spare_at);
	CASE("SECINFO not mapped", PF, s->info->secinfo = UNMAPPED);
	CASE("SRCPGE not mapped", PF, s->info->source = UNMAPPED);
	CASE("SECINFO reserved byte set", GP, s->secinfo->reserved[0] = 1);
	CASE("SECINFO reserved flag 6 set", GP, s->secinfo->flags |= 64);
	CASE("SECINFO.PENDING", GP, s->secinfo->flags |= SECINFO_PENDING);
	CASE("SECINFO.MODIFIED", GP, s->secinfo->flags |= SECINFO_MODIFIED);
	CASE("type SECS", GP, s->secinfo->flags = 0);
	CASE("type VA", GP, s->secinfo->flags = (uint64_t)PT_VA << 8);
	CASE("type TRIM", GP, s->secinfo->flags = (uint64_t)PT_TRIM << 8);
	CASE("type SS_FIRST without CET", GP, s->secinfo->flags = (uint64_t)PT_SS_FIRST << 8 | 3);
	CASE("target already valid", PF_EPCM, must_epa(REG_PAGE));
	CASE("SECS page invalid", PF_EPCM, s->info->secs = epc(FREE_PAGE));
	CASE("SECS operand is a VA page", PF_EPCM,
	     (must_epa(VA_PAGE), s->info->secs = epc(VA_PAGE)));
	CASE("target is the SECS page itself", PF_EPCM, s->rcx = epc(SECS_PAGE));
	CASE("W without R", GP, s->secinfo->flags = (uint64_t)PT_REG << 8 | SECINFO_W);
	CASE("LINADDR below the enclave", GP, s->info->linear = ENCLAVE_BASE - PAGE_SIZE);
	CASE("LINADDR behind the enclave", GP, s->info->linear = ENCLAVE_BASE + ENCLAVE_SIZE);
#undef prepare
}

static void prepare_eadd_initialised(void)
{
	scene_enclave(true);
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = REG_RWX;
	*scene.info = (struct page_info){ .linear = ENCLAVE_BASE + 0x3000,
					  .source = scene.source_at,
					  .secinfo = scene.secinfo_at,
					  .secs = epc(SECS_PAGE) };
	call(ENCLS_EADD, scene.info_at, epc(FREE_PAGE), 0);
}

static void prepare_tcs32(void)
{
	scene_start();
	SECS->attributes.flags = 0;
	SECS->base = 0x10000;
	must_ecreate(SECS_PAGE);
	(void)tcs_source();
	*scene.info = (struct page_info){ .linear = 0x10000,
					  .source = scene.source_at,
					  .secinfo = scene.secinfo_at,
					  .secs = epc(SECS_PAGE) };
	call(ENCLS_EADD, scene.info_at, epc(TCS_PAGE), 0);
}

static void eadd_tcs(void)
{
	const char *leaf_name = "EADD";
#define prepare prepare_eadd
	CASE_THEN(
		"a TCS: rights, DBGOPTIN, CSSA, AEP, STATE are cleared", OK,
		{
			struct tcs *tcs = tcs_source();

			tcs->state = 1;
			tcs->flags = TCS_DBGOPTIN;
			tcs->cssa = 3;
			tcs->aep = 0x1234;
			tcs->nssa = 9;
			scene.secinfo->flags |= SECINFO_RWX;
		},
		{
			struct tcs *tcs = epc_memory(REG_PAGE);

			EXPECT(entry(REG_PAGE)->type == PT_TCS && !entry(REG_PAGE)->rights);
			EXPECT(!tcs->state && !tcs->flags && !tcs->cssa && !tcs->aep &&
			       tcs->nssa == 9);
		});
	CASE("a TCS with a reserved flag", GP, tcs_source()->flags = 4);
	CASE("a TCS with AEXNOTIFY, which is not offered", GP, tcs_source()->flags = TCS_AEXNOTIFY);
	CASE("a TCS with reserved byte 72", GP, tcs_source()->reserved[0] = 1);
	CASE("a TCS with reserved byte 4095", GP, (tcs_source(), s->source[4095] = 1));
#undef prepare
#define prepare prepare_tcs32
	CASE("a TCS of 32 bits", OK, );
	CASE("a TCS of 32 bits, FSLIMIT not ending in fffh", GP,
	     ((struct tcs *)(void *)s->source)->fs_limit = 0x1000);
	CASE("a TCS of 32 bits, GSLIMIT not ending in fffh", GP,
	     ((struct tcs *)(void *)s->source)->gs_limit = 0);
#undef prepare
#define prepare prepare_eadd_initialised
	CASE("enclave initialised", GP, );
#undef prepare
}

static void prepare_eextend(void)
{
	scene_enclave(false);
	call(ENCLS_EEXTEND, epc(SECS_PAGE), epc(REG_PAGE), 0);
}

static void prepare_eextend_initialised(void)
{
	scene_enclave(true);
	call(ENCLS_EEXTEND, epc(SECS_PAGE), epc(REG_PAGE), 0);
}

static void second_enclave(void)
{
	memset(scene.source, 0, PAGE_SIZE);
	SECS->size = ENCLAVE_SIZE;
	SECS->base = ENCLAVE_BASE;
	SECS->ssa_frame_size = 1;
	SECS->attributes.flags = ATTRIBUTE_MODE64BIT;
	SECS->attributes.xfrm = 3;
	must_ecreate(OTHER_SECS);
	must_eadd(OTHER_SECS, OTHER_REG, 0, REG_RWX);
}

static void eextend(void)
{
	const char *leaf_name = "EEXTEND";
#define prepare prepare_eextend
	CASE("first chunk of a page", OK, );
	CASE("last chunk of a page", OK, s->rcx += 0xf00);
	CASE("of a TCS", OK, s->rcx = epc(TCS_PAGE));
	CASE("SECS not page aligned", GP, s->rbx += 256);
	CASE("SECS not in EPC", PF_EPCM, s->rbx = s->spare_at);
	CASE("chunk not aligned to 256", GP, s->rcx += 128);
	CASE("chunk not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("page of type VA", PF_EPCM, s->rcx = epc(VA_PAGE));
	CASE("page of type SECS", PF_EPCM, s->rcx = epc(SECS_PAGE));
	CASE("page of another enclave", GP, (second_enclave(), s->rcx = epc(OTHER_REG)));
	CASE("SECS operand is no SECS", GP, s->rbx = epc(VA_PAGE));
#undef prepare
#define prepare prepare_eextend_initialised
	CASE("enclave initialised", GP, );
#undef prepare
}

static void prepare_eremove(void)
{
	scene_enclave(true);
	call(ENCLS_EREMOVE, 0, epc(REG_PAGE), 0);
}

static void modify_type(unsigned int page, uint8_t type)
{
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = (uint64_t)type << SECINFO_TYPE_SHIFT;
	if (machine_encls(scene.v, ENCLS_EMODT, scene.secinfo_at, epc(page), 0).rax)
		abort();
}

static void eremove(void)
{
	const char *leaf_name = "EREMOVE";
#define prepare prepare_eremove
	CASE_THEN("a page of an idle enclave", OK, , EXPECT(!entry(REG_PAGE)->valid));
	CASE("a page never used", OK, s->rcx = epc(FREE_PAGE));
	CASE("a VA page", OK, s->rcx = epc(VA_PAGE));
	CASE_THEN(
		"a SECS without children", OK,
		{
			(void)machine_encls(s->v, ENCLS_EREMOVE, 0, epc(TCS_PAGE), 0);
			(void)machine_encls(s->v, ENCLS_EREMOVE, 0, epc(REG_PAGE), 0);
			s->rcx = epc(SECS_PAGE);
		},
		EXPECT(!entry(SECS_PAGE)->valid));
	CASE("a VA page while a thread is in an enclave", OK,
	     (track_enter(epc_memory(SECS_PAGE)), s->rcx = epc(VA_PAGE)));
	CASE_THEN(
		"a trimmed and accepted page while a thread is inside", OK,
		{
			modify_type(REG_PAGE, PT_TRIM);
			entry(REG_PAGE)->modified = false;
			(void)track_enter(epc_memory(SECS_PAGE));
		},
		EXPECT(!entry(REG_PAGE)->valid));
	CASE("not page aligned", GP, s->rcx += 8);
	CASE("not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("not mapped", PF, s->rcx = UNMAPPED);
	CASE("a SECS with children", CODE(SGX_CHILD_PRESENT), s->rcx = epc(SECS_PAGE));
	CASE("a page while a thread is inside", CODE(SGX_ENCLAVE_ACT),
	     track_enter(epc_memory(SECS_PAGE)));
	CASE("a page while a thread of the epoch before is inside", CODE(SGX_ENCLAVE_ACT),
	     (track_enter(epc_memory(SECS_PAGE)), must_track(SECS_PAGE)));
	CASE("a trimmed page that was not accepted, a thread inside", CODE(SGX_ENCLAVE_ACT),
	     (modify_type(REG_PAGE, PT_TRIM), track_enter(epc_memory(SECS_PAGE))));
#undef prepare
}

static void prepare_epa(void)
{
	scene_start();
	call(ENCLS_EPA, PT_VA, epc(FREE_PAGE), 0);
}

static void epa(void)
{
	const char *leaf_name = "EPA";
#define prepare prepare_epa
	CASE_THEN("a free page", OK, memset(epc_memory(FREE_PAGE), 1, PAGE_SIZE), {
		EXPECT(entry(FREE_PAGE)->valid && entry(FREE_PAGE)->type == PT_VA);
		EXPECT(is_zero(epc_memory(FREE_PAGE), PAGE_SIZE));
	});
	CASE("RBX is not PT_VA", GP, s->rbx = PT_REG);
	CASE("not page aligned", GP, s->rcx += 8);
	CASE("not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("already valid", PF_EPCM, must_epa(FREE_PAGE));
#undef prepare
}

static void prepare_eaug(void)
{
	scene_enclave(true);
	*scene.info = (struct page_info){ .linear = ENCLAVE_BASE + 0x8000, .secs = epc(SECS_PAGE) };
	call(ENCLS_EAUG, scene.info_at, epc(FREE_PAGE), 0);
}

static void prepare_eaug_early(void)
{
	scene_enclave(false);
	*scene.info = (struct page_info){ .linear = ENCLAVE_BASE + 0x8000, .secs = epc(SECS_PAGE) };
	call(ENCLS_EAUG, scene.info_at, epc(FREE_PAGE), 0);
}

static void eaug(void)
{
	const char *leaf_name = "EAUG";
#define prepare prepare_eaug
	CASE_THEN("a free page: zero, RW, pending", OK, memset(epc_memory(FREE_PAGE), 1, PAGE_SIZE),
		  {
			  struct epcm_entry *e = entry(FREE_PAGE);

			  EXPECT(e->valid && e->pending && !e->modified && e->type == PT_REG &&
				 e->rights == (SECINFO_R | SECINFO_W));
			  EXPECT(is_zero(epc_memory(FREE_PAGE), PAGE_SIZE));
		  });
	CASE("PAGEINFO not aligned to 32", GP, s->rbx += 16);
	CASE("target not page aligned", GP, s->rcx += 16);
	CASE("PAGEINFO not mapped", PF, s->rbx = UNMAPPED);
	CASE("SECS not page aligned", GP, s->info->secs += 8);
	CASE("LINADDR not page aligned", GP, s->info->linear += 8);
	CASE("SRCPGE not 0", GP, s->info->source = s->source_at);
	CASE("SECINFO for a shadow stack without CET", GP, s->info->secinfo = s->secinfo_at);
	CASE("target not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("SECS not in EPC", PF_EPCM, s->info->secs = s->spare_at);
	CASE("target already valid", PF_EPCM, must_epa(FREE_PAGE));
	CASE("SECS operand is no SECS", PF_EPCM, s->info->secs = epc(VA_PAGE));
	CASE("SECS page invalid", PF_EPCM, s->info->secs = epc(OTHER_SECS));
	CASE("LINADDR outside the enclave", GP, s->info->linear = ENCLAVE_BASE + ENCLAVE_SIZE);
#undef prepare
#define prepare prepare_eaug_early
	CASE("enclave not initialised", GP, );
#undef prepare
}

int main(int argc, char **argv)
{
	cases_start(argc, argv);
	gate();
	ecreate();
	eadd_addresses();
	eadd_tcs();
	eextend();
	eremove();
	epa();
	eaug();
	return cases_end();
}
