/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile Linux at random against two enclaves at the same addresses, on four processors:
 * mappings, ENCLS leaves, evictions and reloads, owners; and enclaves that enter, run, fault and
 * change their own pages. Each processor has a model of its TLB, which holds a translation until it
 * enters or leaves the enclave.
 *
 * After each step:
 *	1. A cached translation in ELRANGE is a page that the EPCM gives this very enclave at this
 *	address: never one that was freed, evicted or given away.
 *	2. One outside is Linux's memory or the page of ones; it is never code.
 *	3. The tables, the EPCM and the owners agree with their own invariants (space_check,
 *	epcm_check, owner_check).
 *	4. Nothing an enclave wrote is ever seen by Linux or by the other enclave: pages that leave
 *	an enclave are found encrypted or unreachable.
 *
 * random_test STEPS SEED
 */
#include "hypervisor/tests/enclaves/run_scene.h"

#include "lib/base/string.h"

#include <stdio.h>
#include <stdlib.h>

#define B(page) ((page) + 32)
#define PAGES 64U /* of EPC in play */
#define LINUX_PAGES 8U
#define TLB 64
#define BLOBS 8

static uint64_t linux_pages[LINUX_PAGES];
static uint64_t done[32]; /* what came to pass, so that a run says that it did something */
enum {
	ENTERED,
	RESUMED,
	REFUSED,
	EXITED,
	EXITS,
	RESOLVED,
	FAULTED,
	ACCEPTED,
	COPIED,
	EXTENDED,
	EVICTED,
	RELOADED,
	REMOVED,
	AUGMENTED,
	MODIFIED_,
	RESTRICTED,
	NESTED
};
static const char *const names[] = {
	"entered",	   "resumed", "refused",     "exited", "AEX",	       "faults resolved",
	"faults to Linux", "EACCEPT", "EACCEPTCOPY", "EMODPE", "EWB",	       "ELDU",
	"EREMOVE",	   "EAUG",    "EMODT",	     "EMODPR", "nested faults"
};

struct translation {
	uint64_t linear, physical;
	bool write, exec;
};
static struct {
	struct translation t[TLB];
	unsigned int count;
} tlb[MACHINE_VCPUS];

struct blob {
	bool used;
	uint8_t page[PAGE_SIZE];
	struct pcmd pcmd;
	uint64_t linear;
	unsigned int secs, va, slot;
};
static struct blob blobs[BLOBS];
static bool slots_used[2][BLOBS];

static unsigned int below(unsigned int n)
{
	return (unsigned int)(random_u64() % n);
}

static struct outcome try_encls(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	static struct vcpu kernel;

	kernel.enclave = NULL;
	kernel.index = MACHINE_VCPUS;
	kernel.regs.cr3 = machine_cr3();
	kernel.regs.cr0 = 0x80050033;
	kernel.regs.cr4 = vcpus[0].regs.cr4;
	kernel.regs.efer = 0xd01;
	kernel.regs.rflags = 2;
	kernel.regs.long_mode_code = true;
	return machine_encls(&kernel, leaf, rbx, rcx, rdx);
}

/* --- The machine's end of it --- */

/*
 * As the processor would: the enclave's tables, then the nested ones. 0: a page fault, 1: a nested
 * one, 2: there.
 */
static int translate(struct vcpu *v, uint64_t linear, uint32_t kind, struct translation *ret)
{
	uint64_t leaf = space_leaf(v->enclave->space, linear), page = leaf & LEAF_ADDRESS;
	unsigned int have;

	if (!(leaf & LEAF_PRESENT) || !(leaf & LEAF_USER) ||
	    ((kind & PF_WRITE) && !(leaf & LEAF_WRITE)) ||
	    ((kind & PF_FETCH) && (leaf & LEAF_NO_EXEC)))
		return 0;
	have = npt_lookup(space_npt(v->enclave->space), page);
	if (!have || ((kind & PF_WRITE) && !(have & NPT_WRITE)) ||
	    ((kind & PF_FETCH) && !(have & NPT_EXEC)))
		return 1;
	*ret = (struct translation){ .linear = linear & ~(PAGE_SIZE - 1),
				     .physical = page,
				     .write = (leaf & LEAF_WRITE) && (have & NPT_WRITE),
				     .exec = !(leaf & LEAF_NO_EXEC) && (have & NPT_EXEC) };
	return 2;
}

static const char *tlb_check(void)
{
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++) {
		struct enclave_entry *e = vcpus[i].enclave;

		for (unsigned int k = 0; e && k < tlb[i].count; k++) {
			const struct translation *t = &tlb[i].t[k];
			const struct epcm_entry *entry = epcm_of(t->physical);

			if (t->linear - e->secs->base < e->secs->size) {
				if (!entry || !entry->valid || entry->secs != e->secs_physical ||
				    entry->address != t->linear)
					return "a cached translation to a page that is not its own";
			} else if (t->exec) {
				return "code outside ELRANGE";
			} else if (entry) {
				return "EPC outside ELRANGE";
			} else if (owner_of(t->physical) != OWNER_LINUX &&
				   (t->write || *(uint64_t *)pool_virtual(t->physical) != ~0ULL)) {
				return "what is neither the enclave's nor Linux's";
			}
		}
	}
	return NULL;
}

static void tlb_flush(struct vcpu *v)
{
	tlb[v->index].count = 0;
}

/*
 * An access of the enclave that runs on v; writes leave the enclave's mark, which is its SECS's
 * address.
 */
static void enclave_access(struct vcpu *v)
{
	static const uint32_t kinds[] = { PF_USER, PF_USER, PF_USER | PF_WRITE, PF_USER | PF_WRITE,
					  PF_USER | PF_FETCH };
	uint32_t kind = kinds[below(5)];
	uint64_t linear = below(5) ? AT(P_TCS) + below(20) * PAGE_SIZE
				   : USER_BUFFER + below(4) * PAGE_SIZE;
	struct translation t;

	for (unsigned int tries = 0; tries < 4; tries++) {
		int found = translate(v, linear, kind, &t);

		if (found == 0) {
			v->inject = false;
			if (!sgx_page_fault(v, linear, kind)) {
				v->inject = false;
				tlb_flush(v);
				done[FAULTED]++;
				return;
			}
			done[RESOLVED]++;
		} else if (found == 1) {
			sgx_nested_fault(v);
			done[NESTED]++;
		} else {
			if (tlb[v->index].count < TLB)
				tlb[v->index].t[tlb[v->index].count++] = t;
			if ((kind & PF_WRITE) && linear - ENCLAVE_BASE < 0x20000 &&
			    linear - AT(P_DATA) < 2 * PAGE_SIZE)
				*(uint64_t *)physical(t.physical) = v->enclave->secs_physical;
			return;
		}
	}
}

/* --- The steps --- */

static uint64_t some_physical(void)
{
	switch (below(8)) {
	case 0:
		return linux_pages[below(LINUX_PAGES)];
	case 1:
		return MACHINE_OWN + below(64) * PAGE_SIZE;
	default:
		return MACHINE_EPC + below(PAGES) * PAGE_SIZE;
	}
}

/* All of an enclave's pages where they belong, as an honest Linux. */
static void linux_maps_enclave(unsigned int secs)
{
	for (unsigned int page = 0; page < PAGES; page++)
		if (entry(page)->valid && entry(page)->secs == MACHINE_EPC + secs * PAGE_SIZE)
			machine_map(entry(page)->address, MACHINE_EPC + page * PAGE_SIZE,
				    PTE_P | PTE_U | PTE_W);
	for (unsigned int i = 0; i < 4; i++)
		if (below(2))
			machine_map(USER_BUFFER + i * PAGE_SIZE, linux_pages[below(LINUX_PAGES)],
				    PTE_P | PTE_U | PTE_W);
}

/* Threads, their frames and code stay mostly, or there would soon be nothing left to run. */
static bool spared(unsigned int page)
{
	return page % 32 >= P_TCS && page % 32 <= P_SSA_B2 && page % 32 != P_DATA2 && below(100);
}

static void linux_maps(void)
{
	unsigned int page = below(PAGES);
	uint64_t flags = PTE_P | PTE_U | (below(4) ? PTE_W : 0) | (below(2) ? PTE_NX : 0) |
			 (below(4) ? PTE_A : 0) | (below(2) ? PTE_D : 0);

	if (!below(3)) {
		linux_maps_enclave(below(2) ? P_SECS : B(P_SECS));
		return;
	}
	switch (below(12)) {
	case 0:
		machine_map(AT(P_TCS) + below(20) * PAGE_SIZE, some_physical(), flags);
		return;
	case 1:
		machine_map(USER_BUFFER + below(4) * PAGE_SIZE,
			    below(4) ? linux_pages[below(LINUX_PAGES)] : some_physical(), flags);
		return;
	case 2:
		machine_unmap(AT(P_TCS) + below(20) * PAGE_SIZE);
		return;
	default:
		if (entry(page)->valid && entry(page)->secs)
			machine_map(entry(page)->address, MACHINE_EPC + page * PAGE_SIZE, flags);
		else
			machine_map(AT(page % 32), MACHINE_EPC + page * PAGE_SIZE, flags);
	}
}

static void evict(void)
{
	unsigned int page = below(PAGES), b = below(BLOBS), which = below(2),
		     va = which ? B(P_VA) : P_VA;
	struct epcm_entry *e = entry(page);
	struct outcome o;

	if (blobs[b].used || slots_used[which][b] || !e->valid || !e->secs || spared(page))
		return;
	blobs[b].linear = e->address;
	blobs[b].secs = (unsigned int)((e->secs - MACHINE_EPC) / PAGE_SIZE);
	blobs[b].va = va;
	blobs[b].slot = b;
	if (below(3))
		(void)try_encls(ENCLS_EBLOCK, 0, epc(page), 0);
	if (below(3))
		(void)try_encls(ENCLS_ETRACK, 0, epc(blobs[b].secs), 0);
	*scene.info = (struct page_info){ .source = scene.source_at, .secinfo = scene.pcmd_at };
	o = try_encls(ENCLS_EWB, scene.info_at, epc(page), epc(va) + 8 * b);
	if (o.vector >= 0 || o.zf)
		return;
	memcpy(blobs[b].page, scene.source, PAGE_SIZE);
	blobs[b].pcmd = *scene.pcmd;
	blobs[b].used = true;
	slots_used[which][b] = true;
	done[EVICTED]++;
}

static void reload(void)
{
	unsigned int page = below(PAGES), b = below(BLOBS);
	struct outcome o;

	if (!blobs[b].used)
		return;
	memcpy(scene.source, blobs[b].page, PAGE_SIZE);
	*scene.pcmd = blobs[b].pcmd;
	*scene.info = (struct page_info){ .linear = blobs[b].linear,
					  .source = scene.source_at,
					  .secinfo = scene.pcmd_at,
					  .secs = epc(blobs[b].secs) };
	if (!below(6))
		scene.info->linear += PAGE_SIZE; /* a lie */
	if (!below(6))
		scene.info->secs = epc(below(2) ? P_SECS : B(P_SECS));
	o = try_encls(below(2) ? ENCLS_ELDU : ENCLS_ELDB, scene.info_at, epc(page),
		      epc(blobs[b].va) + 8 * blobs[b].slot);
	if (o.vector >= 0 || o.zf)
		return;
	NEED(entry(page)->address == blobs[b].linear &&
	     entry(page)->secs == MACHINE_EPC + blobs[b].secs * PAGE_SIZE);
	blobs[b].used = false;
	slots_used[blobs[b].va == P_VA ? 0 : 1][b] = false;
	done[RELOADED]++;
}

static bool ok(struct outcome o)
{
	return o.vector < 0 && !o.zf;
}

static void linux_leaf(void)
{
	unsigned int page = below(PAGES), secs = below(2) ? P_SECS : B(P_SECS);
	static const unsigned int types[] = { PT_TRIM, PT_TRIM, PT_TCS };

	memset(scene.secinfo, 0, sizeof(*scene.secinfo));
	switch (below(8)) {
	case 0:
		if (!spared(page))
			(void)try_encls(ENCLS_EBLOCK, 0, epc(page), 0);
		break;
	case 1:
		(void)try_encls(ENCLS_ETRACK, 0, epc(secs), 0);
		break;
	case 2:
		if (spared(page))
			break;
		scene.secinfo->flags = below(2) ? SECINFO_R : SECINFO_R | SECINFO_W;
		done[RESTRICTED] += ok(try_encls(ENCLS_EMODPR, scene.secinfo_at, epc(page), 0));
		break;
	case 3:
		if (spared(page))
			break;
		scene.secinfo->flags = (uint64_t)types[below(3)] << SECINFO_TYPE_SHIFT;
		done[MODIFIED_] += ok(try_encls(ENCLS_EMODT, scene.secinfo_at, epc(page), 0));
		break;
	case 4:
	case 5:
		*scene.info = (struct page_info){ .linear = AT(P_TCS) +
							    (P_READ_ONLY + below(10)) * PAGE_SIZE,
						  .secs = epc(secs) };
		done[AUGMENTED] += ok(try_encls(ENCLS_EAUG, scene.info_at, epc(page), 0));
		break;
	case 6:
		if (entry(page)->valid && entry(page)->type == PT_VA)
			break;
		if (spared(page) || (entry(page)->valid && below(3)))
			break;
		done[REMOVED] += ok(try_encls(ENCLS_EREMOVE, 0, epc(page), 0));
		break;
	default:
		if (below(2))
			evict();
		else
			reload();
	}
}

static void enclave_leaf(struct vcpu *v)
{
	static const uint64_t requests[] = { REG_RW | SECINFO_PENDING,
					     REG_R | SECINFO_PR,
					     REG_RW | SECINFO_PR,
					     REG_RX,
					     REG_RW,
					     (uint64_t)PT_TRIM << 8 | SECINFO_MODIFIED,
					     (uint64_t)PT_TCS << 8 | SECINFO_MODIFIED };
	struct secinfo s = { .flags = requests[below(ARRAY_SIZE(requests))] };
	uint64_t page = AT(below(2) ? P_DATA2 : P_READ_ONLY + below(10)),
		 other = AT(P_DATA) + below(2) * PAGE_SIZE;
	struct translation t;
	struct outcome o;
	uint32_t leaf;

	for (unsigned int tries = 0;
	     tries < 2 && translate(v, AT(P_DATA), PF_USER | PF_WRITE, &t) != 2; tries++) {
		v->inject = false;
		if (!sgx_page_fault(v, AT(P_DATA), PF_USER | PF_WRITE)) {
			tlb_flush(v);
			return;
		}
	}
	if (translate(v, AT(P_DATA), PF_USER | PF_WRITE, &t) == 2)
		memcpy((uint8_t *)physical(t.physical) + 0x40, &s, sizeof(s));
	switch (below(4)) {
	case 0:
	case 1:
		leaf = ENCLU_EACCEPT;
		break;
	case 2:
		leaf = ENCLU_EACCEPTCOPY;
		break;
	default:
		leaf = ENCLU_EMODPE;
	}
	o = enclu(v, leaf, AT(P_DATA) + 0x40, page, other);
	if (!v->enclave)
		tlb_flush(v);
	if (ok(o))
		done[leaf == ENCLU_EACCEPT	 ? ACCEPTED
		     : leaf == ENCLU_EACCEPTCOPY ? COPIED
						 : EXTENDED]++;
}

static void processor(struct vcpu *v)
{
	unsigned int tcs = below(2) ? P_TCS : P_TCS_B;
	struct outcome o;
	uint32_t leaf;

	if (!v->enclave) {
		leaf = below(2) ? ENCLU_ERESUME : ENCLU_EENTER;
		machine_user(v);
		v->regs.gpr[REG_RSP] = USER_STACK;
		o = enclu(v, leaf, AT(tcs), AEP, 0);
		NEED((o.vector < 0) == (v->enclave != NULL));
		done[o.vector >= 0 ? REFUSED : leaf == ENCLU_EENTER ? ENTERED : RESUMED]++;
		tlb_flush(v);
		return;
	}
	switch (below(16)) {
	case 0:
		extended_use(v);
		sgx_aex(v, 0, 0, 0, false);
		tlb_flush(v);
		done[EXITS]++;
		return;
	case 1:
		NEED(enclu(v, ENCLU_EEXIT, 0x403000, 0, 0).vector < 0);
		tlb_flush(v);
		done[EXITED]++;
		return;
	case 2 ... 5:
		enclave_leaf(v);
		return;
	default:
		enclave_access(v);
	}
}

/* --- Start --- */

static void second_enclave(void)
{
	static const uint8_t regular[] = { P_DATA, P_DATA2, P_SSA, P_SSA2, P_SSA_B, P_SSA_B2 };
	static const unsigned int threads[][2] = { { P_TCS, P_SSA }, { P_TCS_B, P_SSA_B } };

	memcpy(scene.source, epc_memory(P_SECS), PAGE_SIZE);
	memset(scene.source + 64, 0, 32);  /* MRENCLAVE */
	memset(scene.source + 128, 0, 32); /* MRSIGNER */
	memset(scene.source + 256, 0, PAGE_SIZE - 256);
	scene.secs_source->attributes.flags &= ~ATTRIBUTE_INIT;
	must_ecreate(B(P_SECS));
	for (unsigned int i = 0; i < 2; i++) {
		struct tcs *tcs = (struct tcs *)(void *)scene.source;

		memcpy(tcs, epc_memory(threads[i][0]), PAGE_SIZE);
		must_eadd(B(P_SECS), B(threads[i][0]), AT(threads[i][0]) - ENCLAVE_BASE,
			  (uint64_t)PT_TCS << SECINFO_TYPE_SHIFT);
	}
	memset(scene.source, 0, PAGE_SIZE);
	must_eadd(B(P_SECS), B(P_CODE), AT(P_CODE) - ENCLAVE_BASE, REG_RX);
	for (unsigned int i = 0; i < sizeof(regular); i++)
		must_eadd(B(P_SECS), B(regular[i]), AT(regular[i]) - ENCLAVE_BASE, REG_RW);
	must_epa(B(P_VA));
	must_einit(B(P_SECS));
}

static void start(void)
{
	run_start(NULL);
	second_enclave();
	memset(blobs, 0, sizeof(blobs));
	memset(slots_used, 0, sizeof(slots_used));
	memset(tlb, 0, sizeof(tlb));
	for (unsigned int i = 0; i < LINUX_PAGES; i++)
		linux_pages[i] = machine_page();
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++)
		machine_user(&vcpus[i]);
}

/* The mark that an enclave leaves is in no page of Linux's, and in none of the other's. */
static const char *marks_check(void)
{
	uint64_t a = MACHINE_EPC + P_SECS * PAGE_SIZE, b = MACHINE_EPC + B(P_SECS) * PAGE_SIZE;

	for (unsigned int i = 0; i < LINUX_PAGES; i++) {
		uint64_t word = *(uint64_t *)physical(linux_pages[i]);

		if (word == a || word == b)
			return "an enclave's data in Linux's memory";
	}
	for (unsigned int i = 0; i < PAGES; i++) {
		const struct epcm_entry *e = entry(i);
		uint64_t word = *(uint64_t *)epc_memory(i);

		if (e->valid && e->type == PT_REG && !e->pending && e->secs &&
		    (word == a || word == b) && word != e->secs)
			return "an enclave's data in the other";
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 0) : 200000,
		      seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;

	random_seed(seed);
	for (unsigned long i = 0; i < steps; i++) {
		const char *wrong;

		if (i % 2000 == 0)
			start();
		switch (below(16)) {
		case 0 ... 2:
			linux_maps();
			break;
		case 3:
		case 4:
			linux_leaf();
			break;
		default:
			processor(&vcpus[below(MACHINE_VCPUS)]);
		}
		wrong = tlb_check();
		if (!wrong && i % 16 == 0)
			wrong = marks_check();
		if (!wrong && i % 32 == 0)
			wrong = space_check();
		if (!wrong && i % 64 == 0)
			wrong = epcm_check();
		if (!wrong && i % 512 == 0)
			wrong = owner_check();
		if (wrong) {
			fprintf(stderr, "seed %lu, step %lu: %s\n", seed, i, wrong);
			return 1;
		}
	}
	printf("%lu steps:", steps);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		printf(" %lu %s%s", (unsigned long)done[i], names[i],
		       i + 1 < ARRAY_SIZE(names) ? "," : "\n");
	return 0;
}
