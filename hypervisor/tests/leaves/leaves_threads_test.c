/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processors that race: each a thread of its own, all at the same few EPC pages, with leaves that make, fill, block, evict,
 * load and remove them. What each processor is told must be one of the leaf's outcomes, the EPCM's invariants hold at the end,
 * and a page is evicted and loaded by one winner each. With CONFIG=tsan also: no access to the EPC's state without its lock.
 */
#include "hypervisor/tests/leaves/scene.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 6000
#define SHARED 6 /* EPC pages that all fight for; page 0 is a SECS, page 1 a VA */
#define FIRST 2

struct buffers {
	struct page_info *info;
	struct secinfo *secinfo;
	uint64_t info_at, secinfo_at, source_at, pcmd_at;
};

struct processor {
	pthread_t thread;
	struct vcpu *v;
	struct buffers b;
	uint64_t random;
	unsigned long evicted, loaded, removed, made;
	bool failed;
};
static struct processor processors[MACHINE_VCPUS];

static uint64_t *buffer(uint64_t *ret_at)
{
	void *memory;

	*ret_at = machine_buffer(1, &memory);
	return memory;
}

static uint32_t next_random(struct processor *p)
{
	p->random = p->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(p->random >> 33);
}

static bool expected_code(uint32_t leaf, const struct outcome *o)
{
	if (o->vector >= 0)
		return o->vector == VECTOR_PF && (o->error & PF_SGX); /* somebody was faster */
	switch (leaf) {
	case ENCLS_EBLOCK:
		return o->rax == SGX_OK || o->rax == SGX_BLKSTATE || o->rax == SGX_PG_INVLD ||
		       o->rax == SGX_NOTBLOCKABLE;
	case ENCLS_ETRACK:
	case ENCLS_EREMOVE:
		return o->rax == SGX_OK;
	case ENCLS_EWB:
		return o->rax == SGX_OK || o->rax == SGX_PAGE_NOT_BLOCKED ||
		       o->rax == SGX_NOT_TRACKED || o->rax == SGX_VA_SLOT_OCCUPIED;
	case ENCLS_ELDU:
		return o->rax == SGX_OK || o->rax == SGX_MAC_COMPARE_FAIL;
	default:
		return true;
	}
}

static struct outcome run_leaf(struct processor *p, uint32_t leaf, uint64_t rbx, uint64_t rcx,
			       uint64_t rdx)
{
	struct outcome o = machine_encls(p->v, leaf, rbx, rcx, rdx);

	if (!expected_code(leaf, &o)) {
		fprintf(stderr, "leaf %#x: vector %d error %#x code %lu\n", leaf, o.vector, o.error,
			(unsigned long)o.rax);
		p->failed = true;
	}
	return o;
}

static void one_round(struct processor *p, unsigned int index)
{
	unsigned int page = FIRST + next_random(p) % SHARED;
	uint64_t linear = ENCLAVE_BASE + page * PAGE_SIZE, slot = epc(1) + index * 8;
	struct outcome o;

	switch (next_random(p) % 4) {
	case 0: /* EADD */
		memset(p->b.secinfo, 0, sizeof(*p->b.secinfo));
		p->b.secinfo->flags = (uint64_t)PT_REG << SECINFO_TYPE_SHIFT | SECINFO_R |
				      SECINFO_W;
		*p->b.info = (struct page_info){ linear, p->b.source_at, p->b.secinfo_at, epc(0) };
		p->made += run_leaf(p, ENCLS_EADD, p->b.info_at, epc(page), 0).vector < 0;
		break;
	case 1:
		(void)run_leaf(p, ENCLS_EREMOVE, 0, epc(page), 0);
		break;
	default: /* Out and in again, by a slot of its own. */
		(void)run_leaf(p, ENCLS_EBLOCK, 0, epc(page), 0);
		(void)run_leaf(p, ENCLS_ETRACK, 0, epc(0), 0);
		*p->b.info = (struct page_info){ 0, p->b.source_at, p->b.pcmd_at, 0 };
		o = run_leaf(p, ENCLS_EWB, p->b.info_at, epc(page), slot);
		if (o.vector >= 0 || (o.rax && o.rax != SGX_VA_SLOT_OCCUPIED))
			break;
		p->evicted++;
		p->b.info->secs = epc(0);
		o = run_leaf(p, ENCLS_ELDU, p->b.info_at, epc(page), slot);
		p->loaded += o.vector < 0 && !o.rax;
		/* And never again. */
		o = run_leaf(p, ENCLS_ELDU, p->b.info_at, epc(page), slot);
		if (o.vector < 0 && !o.rax && p->loaded > p->evicted)
			p->failed = true;
		p->loaded += o.vector < 0 && !o.rax;
		if (p->loaded > p->evicted)
			p->failed = true;
		break;
	}
}

static void *run_processor(void *argument)
{
	struct processor *p = argument;

	for (unsigned int i = 0; i < ROUNDS && !p->failed; i++)
		one_round(p, (unsigned int)(p - processors));
	return NULL;
}

int main(void)
{
	unsigned long evicted = 0, loaded = 0, made = 0;
	bool failed = false;
	const char *wrong;

	scene_start();
	must_ecreate(0);
	must_epa(1);
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++) {
		struct processor *p = &processors[i];

		p->v = &vcpus[i];
		p->random = i + 1;
		p->b.info = (struct page_info *)(void *)buffer(&p->b.info_at);
		p->b.secinfo = (struct secinfo *)(void *)buffer(&p->b.secinfo_at);
		(void)buffer(&p->b.source_at);
		(void)buffer(&p->b.pcmd_at);
	}
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++)
		if (pthread_create(&processors[i].thread, NULL, run_processor, &processors[i]))
			return 1;
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++) {
		pthread_join(processors[i].thread, NULL);
		failed |= processors[i].failed;
		evicted += processors[i].evicted;
		loaded += processors[i].loaded;
		made += processors[i].made;
	}
	wrong = epcm_check();
	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	printf("%lu pages made, %lu evicted, %lu loaded\n", made, evicted, loaded);
	return failed || wrong || !evicted || !loaded;
}
