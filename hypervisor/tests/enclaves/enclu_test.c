/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ENCLU leaf by leaf: success, every fault, every code. --table prints the rows of
 * docs/SGX-LEAVES.md instead.
 */
#include "hypervisor/tests/enclaves/run_scene.h"

#include <string.h>

extern uint64_t feature_control;
static const char *leaf_name;

static void operands(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	run.leaf = leaf;
	run.rbx = rbx;
	run.rcx = rcx;
	run.rdx = rdx;
}

/* --- What comes before every leaf --- */

static void prepare_outside(void)
{
	run_start(NULL);
	operands(ENCLU_EENTER, AT(P_TCS), AEP, 0);
}

static void prepare_inside(void)
{
	run_start(NULL);
	run_enter(run.v, P_TCS);
	operands(ENCLU_EEXIT, 0x403000, 0, 0);
}

static void test_gate(void)
{
	void (*prepare)(void) = prepare_outside;

	leaf_name = "ENCLU";
	ROW("CR0.PE = 0", UD, r->v->regs.cr0 &= ~1ULL);
	ROW("virtual 8086 mode", UD, r->v->regs.rflags |= 1ULL << 17);
	ROW("CR0.TS = 1", NM, r->v->regs.cr0 |= 8);
	ROW("CPL 0", UD, r->v->regs.cpl = 0);
	ROW("CPL 0 and CR0.TS = 1: #NM goes first", NM, (r->v->regs.cpl = 0, r->v->regs.cr0 |= 8));
	ROW_THEN("SGX not enabled in FEATURE_CONTROL", GP, feature_control &= ~FEATURE_CONTROL_SGX,
		 feature_control |= FEATURE_CONTROL_SGX);
	ROW_THEN("FEATURE_CONTROL not locked", GP, feature_control &= ~FEATURE_CONTROL_LOCKED,
		 feature_control |= FEATURE_CONTROL_LOCKED);
	ROW("unknown leaf", GP, r->leaf = 10);
	ROW("EVERIFYREPORT2, which is not offered", GP, r->leaf = 8);
	ROW("leaf of 2^31", GP, r->leaf = 0x80000002);
	ROW("CR0.PG = 0", GP, r->v->regs.cr0 &= ~0x80000000ULL);
	ROW("CR0.NE = 0", GP, r->v->regs.cr0 &= ~0x20ULL);
	ROW("EEXIT outside an enclave", GP, r->leaf = ENCLU_EEXIT);
	ROW("EREPORT outside an enclave", GP, r->leaf = ENCLU_EREPORT);
	ROW("EGETKEY outside an enclave", GP, r->leaf = ENCLU_EGETKEY);
	ROW("EACCEPT outside an enclave", GP, r->leaf = ENCLU_EACCEPT);
	ROW("EMODPE outside an enclave", GP, r->leaf = ENCLU_EMODPE);
	ROW("EACCEPTCOPY outside an enclave", GP, r->leaf = ENCLU_EACCEPTCOPY);
	ROW("EDECCSSA outside an enclave", GP, r->leaf = ENCLU_EDECCSSA);
	prepare = prepare_inside;
	ROW("EENTER in an enclave", GP, operands(ENCLU_EENTER, AT(P_TCS_B), AEP, 0));
	ROW("ERESUME in an enclave", GP, operands(ENCLU_ERESUME, AT(P_TCS_B), AEP, 0));
	ROW("unknown leaf in an enclave", GP, r->leaf = 0x77);
	ROW("CR0.TS = 1 in an enclave", NM, r->v->regs.cr0 |= 8);
	ROW("code of 32 bits in an enclave", GP, r->v->regs.long_mode_code = false);
}

/* --- EENTER, and what ERESUME has in common with it --- */

static void prepare_resume(void)
{
	run_start(NULL);
	run_enter(run.v, P_TCS);
	sgx_aex(run.v, 0, 0, 0, false);
	operands(ENCLU_ERESUME, AT(P_TCS), AEP, 0);
}

static void prepare_avx(void)
{
	run_start(&(struct options){ .xfrm = XFRM_AVX });
	operands(ENCLU_EENTER, AT(P_TCS), AEP, 0);
}

static void prepare_not_initialised(void)
{
	run_start(&(struct options){ .not_initialised = true });
	operands(ENCLU_EENTER, AT(P_TCS), AEP, 0);
}

static void other_in_place(unsigned int page)
{
	run_other();
	machine_map(AT(page), MACHINE_EPC + P_OTHER_DATA * PAGE_SIZE, USER_RW);
}

static void test_entry(bool resume)
{
	void (*prepare)(void) = resume ? prepare_resume : prepare_outside;

	leaf_name = resume ? "ERESUME" : "EENTER";
	ROW_THEN("done", OK, , EXPECT(r->v->enclave && tcs_of(P_TCS)->state == TCS_ACTIVE));
	ROW("TCS not aligned", GP, r->rbx += 8);
	ROW("TCS not canonical", GP, r->rbx = NOT_CANONICAL);
	ROW("TCS not mapped", PF, machine_unmap(AT(P_TCS)));
	ROW("TCS mapped for the kernel only", PF, run_map(P_TCS, PTE_P | PTE_W));
	ROW("TCS not in EPC", PF_EPCM, r->rbx = USER_BUFFER);
	ROW("AEP not canonical", GP, r->rcx = NOT_CANONICAL);
	ROW("TCS page not valid", PF_EPCM,
	    (machine_map(AT(P_TCS), MACHINE_EPC + P_FREE * PAGE_SIZE, USER_RW)));
	ROW("TCS blocked", PF_EPCM, encls(ENCLS_EBLOCK, 0, epc(P_TCS), 0));
	ROW("TCS at another address", PF_EPCM,
	    (machine_map(USER_BUFFER, MACHINE_EPC + P_TCS * PAGE_SIZE, USER_RW),
	     r->rbx = USER_BUFFER));
	ROW("page is not a TCS", PF_EPCM, r->rbx = AT(P_DATA));
	ROW("page is the SECS", PF_EPCM, (machine_map(AT(P_TCS), MACHINE_EPC, USER_RW)));
	ROW("TCS pending", PF_EPCM, entry(P_TCS)->pending = true);
	ROW("TCS modified", PF_EPCM, entry(P_TCS)->modified = true);
	ROW("OSSA not aligned", GP, tcs_of(P_TCS)->ossa |= 0x10);
	ROW("OFSBASE not aligned", GP, tcs_of(P_TCS)->ofs_base |= 0x10);
	ROW("OGSBASE not aligned", GP, tcs_of(P_TCS)->ogs_base |= 0x10);
	ROW("reserved FLAGS in the TCS", GP, tcs_of(P_TCS)->flags |= 4);
	ROW("FLAGS.AEXNOTIFY, which is not offered", GP, tcs_of(P_TCS)->flags |= TCS_AEXNOTIFY);
	ROW("code of 32 bits: the TCS's address has 32 bits, and no enclave is there", PF,
	    r->v->regs.long_mode_code = false);
	ROW("enclave of 32 bits", GP,
	    ((struct secs *)epc_memory(P_SECS))->attributes.flags &= ~ATTRIBUTE_MODE64BIT);
	ROW("CR4.OSFXSR = 0", GP, r->v->regs.cr4 &= ~0x200ULL);
	ROW("CR4.OSXSAVE = 0 and XFRM 3", OK, r->v->regs.cr4 &= ~0x40000ULL);
	ROW("SSA frame not mapped", PF, machine_unmap(AT(P_SSA)));
	ROW("SSA frame mapped read only", PF, run_map(P_SSA, PTE_P | PTE_U | PTE_NX));
	ROW("SSA frame mapped to Linux's memory", PF_EPCM,
	    (machine_map(AT(P_SSA), machine_page(), USER_RW)));
	ROW("SSA frame of another enclave", PF_EPCM, other_in_place(P_SSA));
	ROW("SSA frame: another page of this enclave", PF_EPCM,
	    (machine_map(AT(P_SSA), MACHINE_EPC + P_DATA * PAGE_SIZE, USER_RW)));
	ROW("SSA frame is the TCS", PF_EPCM, tcs_of(P_TCS)->ossa = 0);
	ROW("SSA frame not writable in the EPCM", PF_EPCM,
	    tcs_of(P_TCS)->ossa = AT(P_READ_ONLY) - ENCLAVE_BASE);
	ROW("SSA frame blocked", PF_EPCM, encls(ENCLS_EBLOCK, 0, epc(P_SSA), 0));
	ROW("SSA frame pending", PF_EPCM, entry(P_SSA)->pending = true);
	ROW("SSA frame modified", PF_EPCM, entry(P_SSA)->modified = true);
	ROW("SSA frame outside ELRANGE", PF_EPCM, tcs_of(P_TCS)->ossa = USER_BUFFER - ENCLAVE_BASE);
	ROW("SSA frame not canonical", GP, tcs_of(P_TCS)->ossa = 0x0000900000000000ULL);
	ROW("TCS active", GP, run_enter(&vcpus[1], P_TCS));
	ROW_THEN("TCS of a thread that another processor left", OK,
		 (run_enter(&vcpus[1], P_TCS), enclu(&vcpus[1], ENCLU_EEXIT, 0x403000, 0, 0)), );
}

static void test_eenter(void)
{
	void (*prepare)(void) = prepare_outside;

	test_entry(false);
	ROW("CSSA = NSSA", GP, tcs_of(P_TCS)->cssa = 2);
	ROW("NSSA = 0", GP, tcs_of(P_TCS)->nssa = 0);
	ROW("OENTRY gives an address that is not canonical", GP,
	    tcs_of(P_TCS)->oentry = 0x0000900000000000ULL);
	ROW("OFSBASE gives an address that is not canonical", GP,
	    tcs_of(P_TCS)->ofs_base = 0x0000900000000000ULL);
	ROW("OGSBASE gives an address that is not canonical", GP,
	    tcs_of(P_TCS)->ogs_base = 0x0000900000000000ULL);
	ROW_THEN("second frame", OK, tcs_of(P_TCS)->cssa = 1, EXPECT(r->outcome.rax == 1));
	prepare = prepare_not_initialised;
	ROW("enclave not initialised", GP, );
	prepare = prepare_avx;
	ROW_THEN("XFRM 7, XCR0 7", OK, , EXPECT(r->v->regs.xcr0 == 7));
	ROW("XFRM beyond XCR0", GP, r->v->regs.xcr0 = 3);
	ROW("CR4.OSXSAVE = 0 and XFRM 7", GP, r->v->regs.cr4 &= ~0x40000ULL);
}

static void forge(size_t offset, uint64_t value)
{
	put_page(P_SSA, offset, &value, sizeof(value));
}

static void test_eresume(void)
{
	void (*prepare)(void) = prepare_resume;

	test_entry(true);
	ROW("CSSA = 0", GP, tcs_of(P_TCS)->cssa = 0);
	ROW("saved RIP not canonical", GP, gpr_of(P_SSA)->rip = NOT_CANONICAL);
	ROW("saved FS base not canonical", GP, gpr_of(P_SSA)->fs_base = NOT_CANONICAL);
	ROW("saved GS base not canonical", GP, gpr_of(P_SSA)->gs_base = NOT_CANONICAL);
	ROW("saved XSTATE_BV beyond XFRM", GP, forge(512, 7));
	ROW("saved XSTATE_BV, bit 63", GP, forge(512, 3 | 1ULL << 63));
	ROW("saved XCOMP_BV not 0", GP, forge(520, 1));
	ROW("saved area of the compacted form", GP, forge(520, 1ULL << 63 | 3));
	ROW("saved header, bytes 16 to 23", GP, forge(528, 1));
	ROW("saved MXCSR with reserved bits", GP, forge(24, 0x0000ffff00011f80ULL));
	ROW_THEN("IOPL, VM, IF and TF in the saved RFLAGS are not taken", OK,
		 gpr_of(P_SSA)->rflags = ~0ULL, EXPECT((r->v->regs.rflags & ~0x00254cd5ULL) == 2));
	ROW_THEN("done: TCS.CSSA counts down", OK, , EXPECT(tcs_of(P_TCS)->cssa == 0));
}

static void test_eexit(void)
{
	void (*prepare)(void) = prepare_inside;

	leaf_name = "EEXIT";
	ROW_THEN("done", OK, , {
		EXPECT(!r->v->enclave && r->v->regs.rip == 0x403000 &&
		       r->v->regs.gpr[REG_RCX] == AEP);
		EXPECT(tcs_of(P_TCS)->state == TCS_INACTIVE && tcs_of(P_TCS)->cssa == 0);
		EXPECT(r->v->regs.fs_base == 0x1234000 && r->v->regs.gs_base == 0x5678000 &&
		       r->v->regs.dr7 == 0x401);
	});
	ROW_THEN("target inside ELRANGE", OK, r->rbx = AT(P_CODE), EXPECT(!r->v->enclave));
	ROW("target not canonical", GP, r->rbx = NOT_CANONICAL);
}

/* --- The enclave's own pages --- */

#define SECINFO_AT (AT(P_DATA) + 0x40)

static void secinfo(uint64_t flags)
{
	struct secinfo s = { .flags = flags };

	put_page(P_DATA, 0x40, &s, sizeof(s));
}

static void secinfo_reserved(void)
{
	put_page(P_DATA, 0x40 + 63, "x", 1);
}

/* Rows for the SECINFO operand, which three leaves share. */
static void test_secinfo(void (*prepare)(void))
{
	ROW("SECINFO not aligned", GP, r->rbx += 8);
	ROW("SECINFO not canonical", GP, r->rbx = NOT_CANONICAL);
	ROW("SECINFO outside ELRANGE", GP, r->rbx = USER_BUFFER);
	ROW("SECINFO not mapped", PF, machine_unmap(AT(P_DATA)));
	ROW("SECINFO mapped to Linux's memory", PF_EPCM,
	    (machine_map(AT(P_DATA), machine_page(), USER_RW)));
	ROW("SECINFO in another enclave's page", PF_EPCM, other_in_place(P_DATA));
	ROW("SECINFO in a TCS", PF_EPCM, r->rbx = AT(P_TCS_B));
	ROW("SECINFO in a blocked page", PF_EPCM, encls(ENCLS_EBLOCK, 0, epc(P_DATA), 0));
	ROW("SECINFO in a pending page", PF_EPCM, entry(P_DATA)->pending = true);
	ROW("SECINFO in a modified page", PF_EPCM, entry(P_DATA)->modified = true);
	ROW("SECINFO in a page that is not readable", PF_EPCM, entry(P_DATA)->rights = 0);
	ROW("reserved bytes of SECINFO", GP, secinfo_reserved());
	ROW("reserved FLAGS of SECINFO", GP, secinfo(REG_RW | SECINFO_PENDING | 1ULL << 40));
}

static void prepare_accept(void)
{
	run_start(NULL);
	run_aug();
	run_enter(run.v, P_TCS);
	secinfo(REG_RW | SECINFO_PENDING);
	operands(ENCLU_EACCEPT, SECINFO_AT, AT(P_AUG), 0);
}

static void linux_secinfo(uint64_t flags)
{
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = flags;
}

static void leave_and_enter(void)
{
	(void)enclu(run.v, ENCLU_EEXIT, 0x403000, 0, 0);
	run_enter(run.v, P_TCS);
}

/* EMODPR to R of P_DATA2, not yet tracked. */
static void prepare_restrict(void)
{
	run_start(NULL);
	run_enter(run.v, P_TCS);
	linux_secinfo(SECINFO_R);
	encls(ENCLS_EMODPR, scene.secinfo_at, epc(P_DATA2), 0);
	secinfo(REG_R | SECINFO_PR);
	operands(ENCLU_EACCEPT, SECINFO_AT, AT(P_DATA2), 0);
}

static void modify(unsigned int type)
{
	linux_secinfo((uint64_t)type << SECINFO_TYPE_SHIFT);
	encls(ENCLS_EMODT, scene.secinfo_at, epc(P_DATA2), 0);
	encls(ENCLS_ETRACK, 0, epc(P_SECS), 0);
	secinfo((uint64_t)type << SECINFO_TYPE_SHIFT | SECINFO_MODIFIED);
}

static void prepare_trim(void)
{
	run_start(NULL);
	modify(PT_TRIM);
	run_enter(run.v, P_TCS);
	operands(ENCLU_EACCEPT, SECINFO_AT, AT(P_DATA2), 0);
}

static void prepare_new_tcs(void)
{
	struct tcs tcs = { .nssa = 1, .ossa = 0x4000 };

	run_start(NULL);
	put_page(P_DATA2, 0, &tcs, sizeof(tcs));
	modify(PT_TCS);
	run_enter(run.v, P_TCS);
	operands(ENCLU_EACCEPT, SECINFO_AT, AT(P_DATA2), 0);
}

static void test_eaccept(void)
{
	void (*prepare)(void) = prepare_accept;

	leaf_name = "EACCEPT";
	ROW_THEN("done: page of EAUG", OK, ,
		 EXPECT(!entry(P_AUG)->pending && entry(P_AUG)->rights == (SECINFO_R | SECINFO_W)));
	test_secinfo(prepare);
	ROW("page not aligned", GP, r->rcx += 0x100);
	ROW("page outside ELRANGE", GP, r->rcx = USER_BUFFER);
	ROW("page not mapped", PF, machine_unmap(AT(P_AUG)));
	ROW("page mapped to Linux's memory", PF_EPCM,
	    (machine_map(AT(P_AUG), machine_page(), USER_RW)));
	ROW("request for TCS that is pending", GP,
	    secinfo((uint64_t)PT_TCS << 8 | SECINFO_PENDING));
	ROW("request for REG without reason", GP, secinfo(REG_RW));
	ROW("request for REG that is modified", GP,
	    secinfo(REG_RW | SECINFO_MODIFIED | SECINFO_PR));
	ROW("request for SECS", GP, secinfo(SECINFO_PENDING));
	ROW("request for VA", GP, secinfo((uint64_t)PT_VA << 8 | SECINFO_PENDING));
	ROW("request for TRIM that is not modified", GP, secinfo((uint64_t)PT_TRIM << 8));
	ROW("page not valid", PF_EPCM,
	    (machine_map(AT(P_AUG), MACHINE_EPC + P_FREE * PAGE_SIZE, USER_RW)));
	ROW("page of another enclave", PF_EPCM, other_in_place(P_AUG));
	ROW("page is the SECS", PF_EPCM, (machine_map(AT(P_AUG), MACHINE_EPC, USER_RW)));
	ROW("page is a VA", PF_EPCM,
	    (machine_map(AT(P_AUG), MACHINE_EPC + P_VA * PAGE_SIZE, USER_RW)));
	ROW("page blocked", PF_EPCM, entry(P_AUG)->blocked = true);
	ROW("page of this enclave, another address", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH),
	    (machine_map(AT(P_AUG), MACHINE_EPC + P_DATA2 * PAGE_SIZE, USER_RW)));
	ROW("page not pending", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH), r->rcx = AT(P_DATA2));
	ROW("rights differ", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH), secinfo(REG_R | SECINFO_PENDING));
	ROW("more rights than the page has", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH),
	    secinfo(REG_RW | SECINFO_X | SECINFO_PENDING));
	prepare = prepare_restrict;
	ROW("restricted, before ETRACK", CODE(SGX_NOT_TRACKED), );
	ROW("restricted, ETRACK, and this thread entered before", CODE(SGX_NOT_TRACKED),
	    encls(ENCLS_ETRACK, 0, epc(P_SECS), 0));
	ROW_THEN("restricted, ETRACK, and entered again", OK,
		 (encls(ENCLS_ETRACK, 0, epc(P_SECS), 0), leave_and_enter()),
		 EXPECT(!entry(P_DATA2)->pr && entry(P_DATA2)->rights == SECINFO_R));
	ROW("restricted, ETRACK, entered again, another thread did not", CODE(SGX_NOT_TRACKED),
	    (run_enter(&vcpus[1], P_TCS_B), encls(ENCLS_ETRACK, 0, epc(P_SECS), 0),
	     leave_and_enter()));
	ROW("restricted, but not as asked", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH),
	    secinfo(REG_RW | SECINFO_PR));
	prepare = prepare_trim;
	ROW_THEN("done: TRIM", OK, ,
		 EXPECT(!entry(P_DATA2)->modified && entry(P_DATA2)->type == PT_TRIM));
	ROW("TRIM with rights", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH),
	    secinfo((uint64_t)PT_TRIM << 8 | SECINFO_MODIFIED | SECINFO_R));
	ROW("TRIM where TCS was asked", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH),
	    secinfo((uint64_t)PT_TCS << 8 | SECINFO_MODIFIED));
	prepare = prepare_new_tcs;
	ROW_THEN("done: TCS", OK, ,
		 EXPECT(!entry(P_DATA2)->modified && entry(P_DATA2)->type == PT_TCS));
	ROW("new TCS with reserved bytes", GP, tcs_of(P_DATA2)->reserved[100] = 1);
	ROW("new TCS with reserved FLAGS", GP, tcs_of(P_DATA2)->flags = 8);
	ROW("new TCS with DBGOPTIN", GP, tcs_of(P_DATA2)->flags = TCS_DBGOPTIN);
	ROW("new TCS with CSSA", GP, tcs_of(P_DATA2)->cssa = 1);
	ROW("new TCS with AEP", GP, tcs_of(P_DATA2)->aep = 1);
	ROW("new TCS that is active", GP, tcs_of(P_DATA2)->state = TCS_ACTIVE);
}

static void prepare_copy(void)
{
	run_start(NULL);
	run_aug();
	run_enter(run.v, P_TCS);
	secinfo(REG_RX);
	memset(epc_memory(P_DATA2), 0x5a, PAGE_SIZE);
	operands(ENCLU_EACCEPTCOPY, SECINFO_AT, AT(P_AUG), AT(P_DATA2));
}

static void test_eacceptcopy(void)
{
	void (*prepare)(void) = prepare_copy;

	leaf_name = "EACCEPTCOPY";
	ROW_THEN("done", OK, , {
		EXPECT(!entry(P_AUG)->pending && entry(P_AUG)->rights == (SECINFO_R | SECINFO_X));
		EXPECT(memcmp(epc_memory(P_AUG), epc_memory(P_DATA2), PAGE_SIZE) == 0);
	});
	test_secinfo(prepare);
	ROW("SECINFO pending", GP, secinfo(REG_RX | SECINFO_PENDING));
	ROW("SECINFO: W without R", GP, secinfo(SECINFO_W | (uint64_t)PT_REG << 8));
	ROW("SECINFO: TCS", GP, secinfo((uint64_t)PT_TCS << 8));
	ROW("page not aligned", GP, r->rcx += 0x100);
	ROW("page outside ELRANGE", GP, r->rcx = USER_BUFFER);
	ROW("page not mapped", PF, machine_unmap(AT(P_AUG)));
	ROW("source not aligned", GP, r->rdx += 0x100);
	ROW("source outside ELRANGE", GP, r->rdx = USER_BUFFER);
	ROW("source not mapped", PF, machine_unmap(AT(P_DATA2)));
	ROW("source mapped to Linux's memory", PF_EPCM,
	    (machine_map(AT(P_DATA2), machine_page(), USER_RW)));
	ROW("source of another enclave", PF_EPCM, other_in_place(P_DATA2));
	ROW("source pending", PF_EPCM, r->rdx = AT(P_AUG));
	ROW("source not readable", PF_EPCM, entry(P_DATA2)->rights = 0);
	ROW("page not valid", PF_EPCM,
	    (machine_map(AT(P_AUG), MACHINE_EPC + P_FREE * PAGE_SIZE, USER_RW)));
	ROW("page of another enclave", PF_EPCM, other_in_place(P_AUG));
	ROW("page not pending", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH), r->rcx = AT(P_SSA2));
	ROW("page modified", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH), entry(P_AUG)->modified = true);
	ROW("page not RW", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH), entry(P_AUG)->rights = SECINFO_R);
	ROW("page of this enclave, another address", CODE(SGX_PAGE_ATTRIBUTES_MISMATCH),
	    (machine_map(AT(P_AUG), MACHINE_EPC + P_DATA2 * PAGE_SIZE, USER_RW)));
}

static void prepare_extend(void)
{
	run_start(NULL);
	run_enter(run.v, P_TCS);
	secinfo(REG_RX);
	operands(ENCLU_EMODPE, SECINFO_AT, AT(P_READ_ONLY), 0);
}

static void test_emodpe(void)
{
	void (*prepare)(void) = prepare_extend;

	leaf_name = "EMODPE";
	ROW_THEN("done", OK, , EXPECT(entry(P_READ_ONLY)->rights == (SECINFO_R | SECINFO_X)));
	ROW_THEN("rights alone, no type", OK, secinfo(SECINFO_R | SECINFO_X),
		 EXPECT(entry(P_READ_ONLY)->rights == (SECINFO_R | SECINFO_X)));
	ROW_THEN("what else FLAGS say is not looked at", OK,
		 secinfo(SECINFO_R | SECINFO_X | SECINFO_PENDING | SECINFO_MODIFIED | SECINFO_PR |
			 (uint64_t)PT_TRIM << 8),
		 EXPECT(entry(P_READ_ONLY)->rights == (SECINFO_R | SECINFO_X) &&
			entry(P_READ_ONLY)->type == PT_REG && !entry(P_READ_ONLY)->pending));
	test_secinfo(prepare);
	ROW("page not aligned", GP, r->rcx += 0x100);
	ROW("page outside ELRANGE", GP, r->rcx = USER_BUFFER);
	ROW("page not mapped", PF, machine_unmap(AT(P_READ_ONLY)));
	ROW("page mapped to Linux's memory", PF_EPCM,
	    (machine_map(AT(P_READ_ONLY), machine_page(), USER_RW)));
	ROW("page of another enclave", PF_EPCM, other_in_place(P_READ_ONLY));
	ROW("page is a TCS", PF_EPCM, r->rcx = AT(P_TCS_B));
	ROW("page pending", PF_EPCM, entry(P_READ_ONLY)->pending = true);
	ROW("page modified", PF_EPCM, entry(P_READ_ONLY)->modified = true);
	ROW("page blocked", PF_EPCM, encls(ENCLS_EBLOCK, 0, epc(P_READ_ONLY), 0));
	ROW("W without R would result", GP,
	    (entry(P_READ_ONLY)->rights = 0, secinfo(SECINFO_W | (uint64_t)PT_REG << 8)));
}

static void prepare_dec(void)
{
	run_start(NULL);
	tcs_of(P_TCS)->cssa = 1;
	run_enter(run.v, P_TCS);
	operands(ENCLU_EDECCSSA, 0, 0, 0);
}

static void test_edeccssa(void)
{
	void (*prepare)(void) = prepare_dec;

	leaf_name = "EDECCSSA";
	ROW_THEN("done", OK, , {
		EXPECT(tcs_of(P_TCS)->cssa == 0 && r->v->enclave->frame.gpr == gpr_of(P_SSA));
		sgx_aex(r->v, 0, 0, 0, false);
		EXPECT(tcs_of(P_TCS)->cssa == 1 && gpr_of(P_SSA)->gpr[REG_RAX] == ENCLU_EDECCSSA);
	});
	/* The exit then goes to frame 1, so the rows' check of frame 0 does not apply. */
	if (!rows_table) {
		prepare();
		machine_unmap(AT(P_SSA));
		run.outcome = enclu(run.v, run.leaf, 0, 0, 0);
		EXPECT(run.outcome.vector == VECTOR_PF && tcs_of(P_TCS)->cssa == 2 &&
		       gpr_of(P_SSA2)->gpr[REG_RAX] == ENCLU_EDECCSSA);
		prepare();
		encls(ENCLS_EBLOCK, 0, epc(P_SSA), 0);
		run.outcome = enclu(run.v, run.leaf, 0, 0, 0);
		EXPECT(run.outcome.vector == VECTOR_PF && (run.outcome.error & PF_SGX) &&
		       tcs_of(P_TCS)->cssa == 2);
	} else {
		(void)case_wanted(leaf_name, "frame below not mapped", PF);
		(void)case_wanted(leaf_name, "frame below blocked", PF_EPCM);
	}
	prepare = prepare_inside;
	ROW("CSSA = 0", GP, operands(ENCLU_EDECCSSA, 0, 0, 0));
}

/* --- Keys: who may ask; what they are is in keys_test.c --- */

static struct keyrequest request;

static void ask(void)
{
	put_page(P_DATA, 0x200, &request, sizeof(request));
	operands(ENCLU_EGETKEY, AT(P_DATA) + 0x200, AT(P_DATA) + 0x800, 0);
}

static void prepare_key_of(uint64_t flags)
{
	run_start(&(struct options){ .flags = flags, .config_svn = flags & ATTRIBUTE_KSS ? 5 : 0 });
	run_enter(run.v, P_TCS);
	memset(&request, 0, sizeof(request));
	request.key_name = KEY_SEAL;
	request.key_policy = KEYPOLICY_MRSIGNER;
	ask();
}

static void prepare_key(void)
{
	prepare_key_of(0);
}

static void prepare_key_all(void)
{
	prepare_key_of(ATTRIBUTE_KSS | ATTRIBUTE_PROVISIONKEY | ATTRIBUTE_EINITTOKENKEY);
}

static void test_egetkey(void)
{
	void (*prepare)(void) = prepare_key;

	leaf_name = "EGETKEY";
	ROW_THEN("done", OK, , EXPECT(!is_zero((uint8_t *)epc_memory(P_DATA) + 0x800, 16)));
	ROW("KEYREQUEST not aligned", GP, r->rbx += 64);
	ROW("KEYREQUEST outside ELRANGE", GP, r->rbx = USER_BUFFER);
	ROW("KEYREQUEST not mapped", PF, machine_unmap(AT(P_DATA)));
	ROW("KEYREQUEST mapped to Linux's memory", PF_EPCM,
	    (machine_map(AT(P_DATA), machine_page(), USER_RW)));
	ROW("KEYREQUEST in another enclave's page", PF_EPCM, other_in_place(P_DATA));
	ROW("KEYREQUEST in a page that is not readable", PF_EPCM,
	    (r->rcx = AT(P_DATA2), entry(P_DATA)->rights = 0));
	ROW("KEYREQUEST in a blocked page", PF_EPCM, encls(ENCLS_EBLOCK, 0, epc(P_DATA), 0));
	ROW("output not aligned", GP, r->rcx += 8);
	ROW("output outside ELRANGE", GP, r->rcx = USER_BUFFER);
	ROW("output mapped read only", PF,
	    (run_map(P_DATA2, PTE_P | PTE_U | PTE_NX), r->rcx = AT(P_DATA2)));
	ROW("output not writable in the EPCM", PF_EPCM, r->rcx = AT(P_READ_ONLY));
	ROW("output in a TCS", PF_EPCM, r->rcx = AT(P_TCS_B));
	ROW("reserved bytes", GP, (request.reserved2[433] = 1, ask()));
	ROW("reserved byte 7", GP, (request.reserved1 = 1, ask()));
	ROW("reserved KEYPOLICY", GP, (request.key_policy = 0x40, ask()));
	ROW("KEYPOLICY of KSS without KSS", GP, (request.key_policy = KEYPOLICY_CONFIGID, ask()));
	ROW("CONFIGSVN without KSS", GP, (request.config_svn = 1, ask()));
	ROW("unknown name", CODE(SGX_INVALID_KEYNAME), (request.key_name = 5, ask()));
	ROW("EINITTOKEN without the attribute", CODE(SGX_INVALID_ATTRIBUTE),
	    (request.key_name = KEY_EINITTOKEN, ask()));
	ROW("PROVISION without the attribute", CODE(SGX_INVALID_ATTRIBUTE),
	    (request.key_name = KEY_PROVISION, ask()));
	ROW("PROVISION_SEAL without the attribute", CODE(SGX_INVALID_ATTRIBUTE),
	    (request.key_name = KEY_PROVISION_SEAL, ask()));
	ROW("SEAL: newer CPUSVN", CODE(SGX_INVALID_CPUSVN), (request.cpu_svn[0] = 200, ask()));
	ROW("SEAL: CPUSVN of another maker", CODE(SGX_INVALID_CPUSVN),
	    (request.cpu_svn[9] = 1, ask()));
	ROW("SEAL: newer ISVSVN", CODE(SGX_INVALID_ISVSVN), (request.isv_svn = 4, ask()));
	ROW("SEAL: own ISVSVN", OK, (request.isv_svn = 3, ask()));
	ROW("REPORT: neither CPUSVN nor ISVSVN is looked at", OK,
	    (request.key_name = KEY_REPORT, request.isv_svn = 9, request.cpu_svn[3] = 1, ask()));
	prepare = prepare_key_all;
	for (uint16_t name = 0; name < 5; name++) {
		static const char *const names[] = { "EINITTOKEN", "PROVISION", "PROVISION_SEAL",
						     "REPORT", "SEAL" };
		static const char *const newer[] = { "EINITTOKEN: newer ISVSVN",
						     "PROVISION: newer ISVSVN",
						     "PROVISION_SEAL: newer ISVSVN" };
		static const char *const cpu[] = { "EINITTOKEN: newer CPUSVN",
						   "PROVISION: newer CPUSVN",
						   "PROVISION_SEAL: newer CPUSVN" };

		ROW(names[name], OK, (request.key_name = name, ask()));
		if (name > 2)
			continue;
		ROW(newer[name], CODE(SGX_INVALID_ISVSVN),
		    (request.key_name = name, request.isv_svn = 4, ask()));
		ROW(cpu[name], CODE(SGX_INVALID_CPUSVN),
		    (request.key_name = name, request.cpu_svn[0] = 2, ask()));
	}
	ROW("SEAL: own CONFIGSVN", OK,
	    (request.key_policy = KEYPOLICY_CONFIGID, request.config_svn = 5, ask()));
	ROW("SEAL: newer CONFIGSVN", CODE(SGX_INVALID_ISVSVN),
	    (request.key_policy = KEYPOLICY_CONFIGID, request.config_svn = 6, ask()));
}

static void prepare_report(void)
{
	run_start(NULL);
	run_enter(run.v, P_TCS);
	operands(ENCLU_EREPORT, AT(P_DATA), AT(P_DATA) + 0x200, AT(P_DATA2));
}

static void test_ereport(void)
{
	void (*prepare)(void) = prepare_report;

	leaf_name = "EREPORT";
	ROW_THEN("done", OK, , EXPECT(!is_zero((uint8_t *)epc_memory(P_DATA2) + 416, 16)));
	ROW("TARGETINFO not aligned", GP, r->rbx += 128);
	ROW("TARGETINFO outside ELRANGE", GP, r->rbx = USER_BUFFER);
	ROW("TARGETINFO not mapped", PF, machine_unmap(AT(P_DATA)));
	ROW("TARGETINFO mapped to Linux's memory", PF_EPCM,
	    (machine_map(AT(P_DATA), machine_page(), USER_RW)));
	ROW("TARGETINFO in another enclave's page", PF_EPCM, other_in_place(P_DATA));
	ROW("REPORTDATA not aligned", GP, r->rcx += 64);
	ROW("REPORTDATA outside ELRANGE", GP, r->rcx = USER_BUFFER);
	ROW("REPORTDATA in a TCS", PF_EPCM, r->rcx = AT(P_TCS_B));
	ROW("REPORTDATA blocked", PF_EPCM,
	    (r->rcx = AT(P_SSA2), encls(ENCLS_EBLOCK, 0, epc(P_SSA2), 0)));
	ROW("output not aligned", GP, r->rdx += 256);
	ROW("output outside ELRANGE", GP, r->rdx = USER_BUFFER);
	ROW("output mapped read only", PF, run_map(P_DATA2, PTE_P | PTE_U | PTE_NX));
	ROW("output not writable in the EPCM", PF_EPCM, r->rdx = AT(P_READ_ONLY));
	ROW("output pending", PF_EPCM, entry(P_DATA2)->pending = true);
	ROW("TARGETINFO: reserved byte 49", GP, put_page(P_DATA, 49, "x", 1));
	ROW("TARGETINFO: reserved byte 56", GP, put_page(P_DATA, 56, "x", 1));
	ROW("TARGETINFO: reserved byte 511", GP, put_page(P_DATA, 511, "x", 1));
}

int main(int argc, char **argv)
{
	cases_start(argc, argv);
	rows_table = argc > 1 && strcmp(argv[1], "--table") == 0;
	test_gate();
	test_eenter();
	test_eresume();
	test_eexit();
	test_eaccept();
	test_eacceptcopy();
	test_emodpe();
	test_edeccssa();
	test_egetkey();
	test_ereport();
	return rows_end();
}
