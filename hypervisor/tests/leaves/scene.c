/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of leaves share (scene.h). A case that ends in a fault or in an error code must leave the EPC and the EPCM as they
 * were, and RIP and RAX as the SDM has it: that is checked for every row.
 */
#include "hypervisor/tests/leaves/scene.h"

#include "hypervisor/crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene scene;
static bool table_only;
static const char *wanted;
static unsigned int passed, failed;
static const char *current = "";
static uint8_t *before;

struct epcm_entry *entry(unsigned int page)
{
	return epcm_of(MACHINE_EPC + page * PAGE_SIZE);
}

void *epc_memory(unsigned int page)
{
	return physical(MACHINE_EPC + page * PAGE_SIZE);
}

static void *buffer(uint64_t *ret_at)
{
	void *memory;

	*ret_at = machine_buffer(1, &memory);
	return memory;
}

void scene_start(void)
{
	struct scene *s = &scene;
	struct secs *secs;

	machine_init();
	memset(s, 0, sizeof(*s));
	s->v = &vcpus[0];
	s->info = buffer(&s->info_at);
	s->secinfo = buffer(&s->secinfo_at);
	s->source = buffer(&s->source_at);
	s->pcmd = buffer(&s->pcmd_at);
	s->sig = buffer(&s->sig_at);
	s->token = buffer(&s->token_at);
	s->spare = buffer(&s->spare_at);
	secs = s->secs_source = (struct secs *)(void *)s->source;
	secs->size = ENCLAVE_SIZE;
	secs->base = ENCLAVE_BASE;
	secs->ssa_frame_size = 1;
	secs->miscselect = 0;
	secs->attributes.flags = ATTRIBUTE_MODE64BIT;
	secs->attributes.xfrm = 3;
}

void call(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	scene.leaf = leaf;
	scene.rbx = rbx;
	scene.rcx = rcx;
	scene.rdx = rdx;
}

struct outcome run_call(void)
{
	scene.outcome = machine_encls(scene.v, scene.leaf, scene.rbx, scene.rcx, scene.rdx);
	return scene.outcome;
}

static void must(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx, bool codes)
{
	struct outcome o = machine_encls(scene.v, leaf, rbx, rcx, rdx);

	if (o.vector < 0 && (!codes || !o.rax))
		return;
	fprintf(stderr, "%s: a step before it failed: leaf %#x, vector %d, code %lu\n", current,
		leaf, o.vector, (unsigned long)o.rax);
	exit(1);
}

static void page_info(uint64_t linear, uint64_t source, uint64_t secinfo, uint64_t secs)
{
	*scene.info = (struct page_info){
		.linear = linear, .source = source, .secinfo = secinfo, .secs = secs
	};
}

void must_ecreate(unsigned int page)
{
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	page_info(0, scene.source_at, scene.secinfo_at, 0);
	must(ENCLS_ECREATE, scene.info_at, epc(page), 0, false);
}

void must_eadd(unsigned int secs, unsigned int page, uint64_t offset, uint64_t flags)
{
	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	scene.secinfo->flags = flags;
	page_info(ENCLAVE_BASE + offset, scene.source_at, scene.secinfo_at, epc(secs));
	must(ENCLS_EADD, scene.info_at, epc(page), 0, false);
}

void must_eextend(unsigned int secs, unsigned int page)
{
	for (unsigned int i = 0; i < PAGE_SIZE; i += 256)
		must(ENCLS_EEXTEND, epc(secs), epc(page) + i, 0, false);
}

void must_epa(unsigned int page)
{
	must(ENCLS_EPA, PT_VA, epc(page), 0, false);
}

void must_eaug(unsigned int secs, unsigned int page, uint64_t offset)
{
	page_info(ENCLAVE_BASE + offset, 0, 0, epc(secs));
	must(ENCLS_EAUG, scene.info_at, epc(page), 0, false);
}

void must_block(unsigned int page)
{
	must(ENCLS_EBLOCK, 0, epc(page), 0, true);
}

void must_track(unsigned int secs)
{
	must(ENCLS_ETRACK, 0, epc(secs), 0, true);
}

void must_ewb(unsigned int page, unsigned int va, unsigned int slot)
{
	page_info(0, scene.source_at, scene.pcmd_at, 0);
	must(ENCLS_EWB, scene.info_at, epc(page), epc(va) + 8 * slot, true);
}

void must_load(unsigned int page, unsigned int secs, uint64_t linear, unsigned int va,
	       unsigned int slot)
{
	page_info(linear, scene.source_at, scene.pcmd_at, secs == page ? 0 : epc(secs));
	must(ENCLS_ELDU, scene.info_at, epc(page), epc(va) + 8 * slot, true);
}

void sigstruct_fill(struct sigstruct *sig, const struct secs *secs)
{
	memset(sig, 0, sizeof(*sig));
	memcpy(sig->header, SIGSTRUCT_HEADER, 16);
	memcpy(sig->header2, SIGSTRUCT_HEADER2, 16);
	sig->date = 0x20261122;
	sig->miscselect = secs->miscselect;
	sig->misc_mask = ~0U;
	sig->attributes = secs->attributes;
	sig->attribute_mask.flags = ~0ULL;
	sig->attribute_mask.xfrm = ~0ULL;
	sig->isv_prod_id = 7;
	sig->isv_svn = 3;
	measure_final(secs, sig->enclave_hash);
}

void launch_signer(int which)
{
	uint64_t hash[4];
	bool ok;

	signer_hash(which, (uint8_t *)hash);
	for (uint32_t i = 0; i < 4; i++)
		if (!sgx_wrmsr(MSR_SGX_LE_HASH0 + i, hash[i], &ok) || !ok)
			exit(1);
}

void must_einit(unsigned int secs)
{
	sigstruct_fill(scene.sig, epc_memory(secs));
	sigstruct_sign(scene.sig, 0);
	launch_signer(0);
	memset(scene.token, 0, sizeof(*scene.token));
	must(ENCLS_EINIT, scene.sig_at, epc(secs), scene.token_at, true);
}

void scene_enclave(bool initialised)
{
	struct tcs *tcs;

	scene_start();
	must_ecreate(SECS_PAGE);
	memset(scene.source, 0, PAGE_SIZE);
	tcs = (struct tcs *)(void *)scene.source;
	tcs->ossa = 0x4000;
	tcs->nssa = 2;
	tcs->oentry = 0x1000;
	tcs->fs_limit = tcs->gs_limit = 0xfff;
	must_eadd(SECS_PAGE, TCS_PAGE, 0, (uint64_t)PT_TCS << SECINFO_TYPE_SHIFT);
	must_eextend(SECS_PAGE, TCS_PAGE);
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		scene.source[i] = (uint8_t)(i * 7 + 1);
	must_eadd(SECS_PAGE, REG_PAGE, 0x1000,
		  (uint64_t)PT_REG << SECINFO_TYPE_SHIFT | SECINFO_RWX);
	must_eextend(SECS_PAGE, REG_PAGE);
	must_epa(VA_PAGE);
	if (initialised)
		must_einit(SECS_PAGE);
}

/* --- Rows ------------------------------------------------------------------------------------- */

static const char *code_name(int code)
{
	static const struct {
		int code;
		const char *name;
	} names[] = {
		{ SGX_INVALID_SIG_STRUCT, "INVALID_SIG_STRUCT" },
		{ SGX_INVALID_ATTRIBUTE, "INVALID_ATTRIBUTE" },
		{ SGX_BLKSTATE, "BLKSTATE" },
		{ SGX_INVALID_MEASUREMENT, "INVALID_MEASUREMENT" },
		{ SGX_NOTBLOCKABLE, "NOTBLOCKABLE" },
		{ SGX_PG_INVLD, "PG_INVLD" },
		{ SGX_INVALID_SIGNATURE, "INVALID_SIGNATURE" },
		{ SGX_MAC_COMPARE_FAIL, "MAC_COMPARE_FAIL" },
		{ SGX_PAGE_NOT_BLOCKED, "PAGE_NOT_BLOCKED" },
		{ SGX_NOT_TRACKED, "NOT_TRACKED" },
		{ SGX_VA_SLOT_OCCUPIED, "VA_SLOT_OCCUPIED" },
		{ SGX_CHILD_PRESENT, "CHILD_PRESENT" },
		{ SGX_ENCLAVE_ACT, "ENCLAVE_ACT" },
		{ SGX_INVALID_EINITTOKEN, "INVALID_EINITTOKEN" },
		{ SGX_PREV_TRK_INCMPL, "PREV_TRK_INCMPL" },
		{ SGX_PG_IS_SECS, "PG_IS_SECS" },
		{ SGX_PAGE_ATTRIBUTES_MISMATCH, "PAGE_ATTRIBUTES_MISMATCH" },
		{ SGX_PAGE_NOT_MODIFIABLE, "PAGE_NOT_MODIFIABLE" },
		{ SGX_PAGE_NOT_DEBUGGABLE, "PAGE_NOT_DEBUGGABLE" },
		{ SGX_PG_NONEPC, "PG_NONEPC" },
		{ SGX_TRACK_NOT_REQUIRED, "TRACK_NOT_REQUIRED" },
		{ SGX_INVALID_CPUSVN, "INVALID_CPUSVN" },
		{ SGX_INVALID_ISVSVN, "INVALID_ISVSVN" },
		{ SGX_INVALID_KEYNAME, "INVALID_KEYNAME" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].code == code)
			return names[i].name;
	return "?";
}

static void print_row(const char *leaf, const char *name, int expected)
{
	printf("| %s | %s | ", leaf, name);
	switch (expected) {
	case OK:
		printf("done |\n");
		return;
	case GP:
		printf("#GP(0) |\n");
		return;
	case PF:
		printf("#PF |\n");
		return;
	case PF_EPCM:
		printf("#PF, PFEC.SGX |\n");
		return;
	case UD:
		printf("#UD |\n");
		return;
	case NM:
		printf("#NM |\n");
		return;
	default:
		printf("%d %s%s |\n", expected & 0xffff, code_name(expected & 0xffff),
		       expected & LEAF_CF ? ", CF" : "");
	}
}

bool case_wanted(const char *leaf, const char *name, int expected)
{
	current = name;
	if (table_only) {
		print_row(leaf, name, expected);
		return false;
	}
	return !wanted || strstr(leaf, wanted) || strstr(name, wanted);
}

void case_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s: not so: %s\n", file, line, current, what);
	failed++;
}

static bool as_expected(const struct outcome *o, int expected)
{
	int code = (int)(o->rax & 0xffff);

	switch (expected) {
	case GP:
		return o->vector == VECTOR_GP && !o->error;
	case PF:
		return o->vector == VECTOR_PF && !(o->error & PF_SGX);
	case PF_EPCM:
		return o->vector == VECTOR_PF &&
		       (o->error & (PF_SGX | PF_PRESENT)) == (PF_SGX | PF_PRESENT);
	case UD:
		return o->vector == VECTOR_UD;
	case NM:
		return o->vector == VECTOR_NM;
	default:
		break;
	}
	if (o->vector >= 0)
		return false;
	if (scene.leaf == ENCLS_ECREATE || scene.leaf == ENCLS_EADD ||
	    scene.leaf == ENCLS_EEXTEND || scene.leaf == ENCLS_EPA || scene.leaf == ENCLS_EAUG)
		return expected == OK && code == (int)scene.leaf; /* RAX is kept */
	return code == (expected & 0xffff) && o->cf == !!(expected & LEAF_CF) &&
	       o->zf == ((expected & 0xffff) && !(expected & LEAF_CF));
}

void case_run(const char *leaf, const char *name, int expected)
{
	size_t epcm_size = MACHINE_EPC_SIZE / PAGE_SIZE * sizeof(struct epcm_entry);
	struct outcome o;
	const char *broken;
	bool changed;

	if (!before)
		before = malloc(MACHINE_EPC_SIZE + epcm_size);
	memcpy(before, epc_memory(0), MACHINE_EPC_SIZE);
	memcpy(before + MACHINE_EPC_SIZE, entry(0), epcm_size);
	o = run_call();
	changed = memcmp(before, epc_memory(0), MACHINE_EPC_SIZE) != 0 ||
		  memcmp(before + MACHINE_EPC_SIZE, entry(0), epcm_size) != 0;
	broken = epcm_check();
	if (!as_expected(&o, expected)) {
		fprintf(stderr, "%s, %s: vector %d error %#x, code %lu zf %d cf %d\n", leaf, name,
			o.vector, o.error, (unsigned long)o.rax, o.zf, o.cf);
		failed++;
	} else if (expected != OK && expected != CODE_CF(SGX_VA_SLOT_OCCUPIED) && changed) {
		fprintf(stderr, "%s, %s: something changed\n", leaf, name);
		failed++;
	} else if (o.moved != (o.vector < 0)) {
		fprintf(stderr, "%s, %s: RIP\n", leaf, name);
		failed++;
	} else if (broken) {
		fprintf(stderr, "%s, %s: %s\n", leaf, name, broken);
		failed++;
	} else {
		passed++;
	}
}

void cases_start(int argc, char **argv)
{
	table_only = argc > 1 && strcmp(argv[1], "--table") == 0;
	wanted = argc > 1 && !table_only ? argv[1] : NULL;
}

int cases_end(void)
{
	free(before);
	if (!table_only)
		printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
