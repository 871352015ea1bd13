/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of ENCLS and ENCLU leaves, exits and changes of Linux's tables, on three processors, must keep the EPCM's
 * invariants (epcm_check), those of the enclaves' address spaces (space_check) and of the owners (owner_check), the count of
 * processors inside, and the promise of eviction: what comes back is what went, once.
 *
 * Input: operations of 8 bytes: what, page, page, address, flags, processor, change of an operand, value.
 */
#include "hypervisor/tests/enclaves/run_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 24 /* of the EPC that are used */
#define BLOBS 8
#define KERNEL_CPU (MACHINE_VCPUS - 1) /* never enters an enclave */

struct operation {
	uint8_t what, page, other, address, flags, processor, change, value;
};

struct blob { /* an evicted page as Linux keeps it, and what it was */
	bool used, loaded;
	uint8_t sealed[PAGE_SIZE], plain[PAGE_SIZE];
	struct pcmd pcmd;
	struct epcm_entry entry;
	uint64_t slot, eid, linear;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct blob blobs[BLOBS];
static unsigned int signatures;
/* Leaves that succeeded, by number: to see that the operations get anywhere. */
static unsigned long encls_done[0x20], enclu_done[0x10], loads_done;

static noreturn_ void broken(const char *what, const struct operation *o)
{
	fprintf(stderr,
		"%s, after operation %u page %u other %u address %u flags %#x processor %u change %u value %u\n",
		what, o->what, o->page, o->other, o->address, o->flags, o->processor, o->change,
		o->value);
	abort();
}

static uint64_t linear_of(uint8_t address)
{
	return ENCLAVE_BASE + (uint64_t)(address % 20) * PAGE_SIZE;
}

static uint64_t interesting(uint8_t value)
{
	static const uint64_t values[] = { 0,
					   1,
					   8,
					   PAGE_SIZE - 8,
					   UNMAPPED,
					   NOT_CANONICAL,
					   ~0ULL,
					   ENCLAVE_BASE,
					   ENCLAVE_BASE - 1,
					   MACHINE_KERNEL,
					   0x7ffffffff000,
					   1ULL << 63,
					   USER_BUFFER,
					   MACHINE_KERNEL + MACHINE_RAM };

	if (value < 128)
		return values[value % ARRAY_SIZE(values)];
	return epc(value % PAGES);
}

static uint64_t secinfo_flags(uint8_t flags)
{
	return (flags & 7) | (uint64_t)(flags >> 3 & 7) << SECINFO_TYPE_SHIFT |
	       (flags >> 6 == 3 ? SECINFO_PENDING : 0);
}

/* The first page from `from` on that is of this type (-1: free), or `from`: operations that mean something are found sooner. */
static unsigned int near(uint8_t from, int type)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		const struct epcm_entry *e = entry((from + i) % PAGES);

		if (type < 0 ? !e->valid : e->valid && e->type == type)
			return (from + i) % PAGES;
	}
	return from % PAGES;
}

static void aim(struct operation *o)
{
	switch (o->what) {
	case ENCLS_EADD:
	case ENCLS_EAUG:
		o->page = (uint8_t)near(o->page, -1);
		o->other = (uint8_t)near(o->other, PT_SECS);
		o->flags = (uint8_t)((o->value & 1 ? PT_TCS : PT_REG) << 3 | 3 | (o->flags & 4));
		break;
	case ENCLS_EEXTEND:
		o->page = (uint8_t)near(o->page, PT_REG);
		if (entry(o->page)->secs)
			o->other = (uint8_t)((entry(o->page)->secs - MACHINE_EPC) / PAGE_SIZE);
		break;
	case ENCLS_EPA:
	case ENCLS_ECREATE:
		o->page = (uint8_t)near(o->page, -1);
		break;
	case ENCLS_ETRACK:
		o->page = (uint8_t)near(o->page, PT_SECS);
		break;
	case ENCLS_EDBGRD:
	case ENCLS_EDBGWR:
		o->page = (uint8_t)near(o->page, PT_REG);
		break;
	default:
		break;
	}
}

static void fill_operands(const struct operation *o)
{
	struct scene *s = &scene;

	*s->info = (struct page_info){ .linear = linear_of(o->address),
				       .source = s->source_at,
				       .secinfo = s->secinfo_at,
				       .secs = epc(o->other % PAGES) };
	memset(s->secinfo, 0, sizeof(*s->secinfo));
	s->secinfo->flags = secinfo_flags(o->flags);
	call(o->what, s->info_at, epc(o->page % PAGES), 0);
	switch (o->what) {
	case ENCLS_ECREATE:
		memset(s->source, 0, PAGE_SIZE);
		*s->secs_source = (struct secs){ .size = ENCLAVE_SIZE,
						 .base = ENCLAVE_BASE,
						 .ssa_frame_size = 1 };
		s->secs_source->attributes.flags = ATTRIBUTE_MODE64BIT |
						   (o->flags & 1 ? ATTRIBUTE_DEBUG : 0);
		s->secs_source->attributes.xfrm = 3;
		*s->info = (struct page_info){ .source = s->source_at, .secinfo = s->secinfo_at };
		s->secinfo->flags = 0;
		break;
	case ENCLS_EADD:
		if (SECINFO_TYPE(s->secinfo->flags) == PT_TCS) {
			struct tcs *tcs = (struct tcs *)(void *)s->source;

			memset(s->source, 0, PAGE_SIZE);
			tcs->ossa = AT(P_SSA) - ENCLAVE_BASE;
			tcs->nssa = 1 + o->value % 3;
			tcs->oentry = AT(P_CODE) - ENCLAVE_BASE;
		}
		break;
	case ENCLS_EAUG:
		s->info->source = s->info->secinfo = 0;
		break;
	case ENCLS_EEXTEND:
		s->rbx = epc(o->other % PAGES);
		s->rcx += (uint64_t)(o->value % 16) * 256;
		break;
	case ENCLS_EPA:
		s->rbx = PT_VA;
		break;
	case ENCLS_EMODPR:
	case ENCLS_EMODT:
		s->rbx = s->secinfo_at;
		break;
	case ENCLS_EINIT:
		s->rbx = s->sig_at;
		s->rdx = s->token_at;
		break;
	case ENCLS_EDBGRD:
	case ENCLS_EDBGWR:
		s->rcx += (uint64_t)o->value * 8;
		break;
	case ENCLS_EWB:
		*s->info = (struct page_info){ .source = s->source_at, .secinfo = s->pcmd_at };
		s->rdx = epc(o->other % PAGES) + o->value % 4 * 8;
		break;
	case ENCLS_ERDINFO:
		s->rbx = s->spare_at;
		break;
	default:
		break;
	}
}

static void change_operand(const struct operation *o)
{
	struct scene *s = &scene;
	uint64_t value = interesting(o->value);

	switch (o->change % 32) { /* most operations stay as they are */
	case 1:
		s->rbx = value;
		break;
	case 2:
		s->rcx = value;
		break;
	case 3:
		s->rdx = value;
		break;
	case 4:
		s->info->linear = value;
		break;
	case 5:
		s->info->source = value;
		break;
	case 6:
		s->info->secinfo = value;
		break;
	case 7:
		s->info->secs = value;
		break;
	case 8:
		s->secinfo->flags ^= 1ULL << (o->value % 64);
		break;
	case 9:
		((uint8_t *)s->secinfo)[o->value % 64] ^= 1;
		break;
	case 10:
		s->source[o->value * 16] ^= 0x80;
		break;
	default:
		break;
	}
}

static void run_encls(const struct operation *o)
{
	fill_operands(o);
	change_operand(o);
	scene.v = &vcpus[KERNEL_CPU];
	(void)run_call();
	encls_done[o->what] += scene.outcome.vector < 0 && !scene.outcome.zf;
}

/* Blocks, tracks and evicts a page as Linux does, and keeps it. */
static void evict(const struct operation *o)
{
	static struct blob new;
	struct epcm_entry *e = entry(o->page % PAGES);
	struct operation step = *o;
	uint64_t *slot;

	if (!e->valid)
		return;
	step.change = 0;
	step.other = (uint8_t)near(o->other, PT_VA);
	new.entry = *e;
	memcpy(new.plain, epc_memory(o->page % PAGES), PAGE_SIZE);
	new.eid = e->type == PT_VA ? 0 : epcm_secs(e)->eid;
	step.what = ENCLS_EBLOCK;
	run_encls(&step);
	if (e->secs) {
		scene.v = &vcpus[KERNEL_CPU];
		call(ENCLS_ETRACK, 0, machine_kernel(e->secs), 0);
		(void)run_call();
	}
	step.what = ENCLS_EWB;
	run_encls(&step);
	slot = (uint64_t *)epc_memory(step.other % PAGES) + o->value % 4;
	if (scene.outcome.vector >= 0 || e->valid)
		return;
	for (int i = 0; i < BLOBS; i++) /* an overwritten slot makes what it was for useless */
		if (blobs[i].used && blobs[i].slot == (uintptr_t)slot)
			blobs[i].loaded = true;
	new.used = true;
	new.loaded = false;
	new.slot = (uintptr_t)slot;
	new.linear = scene.info->linear;
	memcpy(new.sealed, scene.source, PAGE_SIZE);
	new.pcmd = *scene.pcmd;
	blobs[o->value % BLOBS] = new;
}

static void load(const struct operation *o)
{
	struct blob *b = &blobs[o->value % BLOBS];
	struct epcm_entry *e = entry(o->page % PAGES);
	bool child = b->entry.secs;
	bool was_valid;

	if (!b->used)
		return;
	if (o->flags & 2)
		e = entry(near(o->page, -1));
	was_valid = e->valid;
	memcpy(scene.source, b->sealed, PAGE_SIZE);
	*scene.pcmd = b->pcmd;
	*scene.info = (struct page_info){ .linear = b->linear,
					  .source = scene.source_at,
					  .secinfo = scene.pcmd_at,
					  .secs = child ? epc(near(o->other, PT_SECS)) : 0 };
	call(o->flags & 1 ? ENCLS_ELDU : ENCLS_ELDB, scene.info_at, machine_kernel(epc_physical(e)),
	     machine_kernel(MACHINE_EPC + (b->slot - (uintptr_t)epc_memory(0))));
	if (o->change % 32 > 3) /* another page, slot or PAGEINFO is what run_encls tries */
		change_operand(o);
	scene.v = &vcpus[KERNEL_CPU];
	(void)run_call();
	if (scene.outcome.vector >= 0 || scene.outcome.rax)
		return;
	if (was_valid || b->loaded)
		broken("a page was loaded twice, or over another", o);
	b->loaded = true;
	loads_done++;
	if (e->rights != b->entry.rights || e->type != b->entry.type ||
	    e->address != b->entry.address || e->pending != b->entry.pending ||
	    e->modified != b->entry.modified || e->pr != b->entry.pr)
		broken("a page came back with another state", o);
	if (child && epcm_secs(e)->eid != b->eid)
		broken("a page came back to another enclave", o);
	if (e->type != PT_SECS && memcmp(epc_page(e), b->plain, PAGE_SIZE) != 0)
		broken("a page came back with other contents", o);
}

static void sign_and_init(const struct operation *o)
{
	struct epcm_entry *e = entry(o->page % PAGES);

	if (!e->valid || e->type != PT_SECS || (epcm_secs(e)->attributes.flags & ATTRIBUTE_INIT) ||
	    signatures++ > 3)
		return;
	sigstruct_fill(scene.sig, epc_memory(o->page % PAGES));
	sigstruct_sign(scene.sig, 0);
	launch_signer(0);
	scene.v = &vcpus[KERNEL_CPU];
	call(ENCLS_EINIT, scene.sig_at, epc(o->page % PAGES), scene.token_at);
	(void)run_call();
	if (scene.outcome.vector >= 0 || scene.outcome.rax)
		broken("a rightly signed enclave was refused", o);
}

/* ENCLU on a processor, wherever that is; in an enclave also what interrupts it. */
static void run_user(const struct operation *o)
{
	struct vcpu *v = &vcpus[o->processor % KERNEL_CPU];
	uint64_t rbx, rcx, rdx = linear_of(o->other), accepted = 0;
	uint32_t leaf = o->what % 10;
	struct outcome out;

	extended_use(v);
	if (!v->enclave && o->change % 8)
		leaf = o->value & 1 ? ENCLU_EENTER : ENCLU_ERESUME;
	if (leaf == ENCLU_EENTER || leaf == ENCLU_ERESUME) {
		rbx = o->value & 2 ? AT(P_TCS) : linear_of(o->address);
		rcx = AEP;
	} else {
		rbx = AT(P_DATA);
		rcx = linear_of(o->address);
		/* The enclave would have written this, in its own data page. */
		if (v->enclave && entry(P_DATA)->valid && entry(P_DATA)->type == PT_REG &&
		    v->enclave->secs == epcm_secs(entry(P_DATA))) {
			struct secinfo *secinfo = epc_memory(P_DATA);

			memset(secinfo, 0, PAGE_SIZE);
			if (leaf == ENCLU_EACCEPT || leaf == ENCLU_EMODPE ||
			    leaf == ENCLU_EACCEPTCOPY)
				secinfo->flags = secinfo_flags(o->flags) |
						 (o->value & 4 ? SECINFO_MODIFIED : 0) |
						 (o->value & 8 ? SECINFO_PR : 0) |
						 (o->value & 16 ? SECINFO_PENDING : 0);
			/* What would be accepted: a page of its that waits for it. */
			for (unsigned int i = 0;
			     leaf != ENCLU_EMODPE && secinfo->flags && (o->value & 32) && i < PAGES;
			     i++)
				if (entry(i)->valid &&
				    (entry(i)->pending || entry(i)->modified || entry(i)->pr)) {
					accepted = entry(i)->address;
					secinfo->flags = epcm_flags(entry(i));
				}
			if (leaf != ENCLU_EACCEPT && (o->value & 32))
				secinfo->flags = (uint64_t)PT_REG << SECINFO_TYPE_SHIFT |
						 (o->flags & 7);
			if (leaf == ENCLU_EGETKEY)
				((struct keyrequest *)(void *)secinfo)->key_name = o->flags % 6;
		}
		if (accepted)
			rcx = accepted;
		if (leaf == ENCLU_EREPORT || leaf == ENCLU_EGETKEY) {
			rcx = AT(P_DATA) + 1024;
			rdx = AT(P_DATA2) + o->value * 512UL % PAGE_SIZE;
		}
	}
	if (o->change % 32 == 1)
		rbx = interesting(o->value);
	if (o->change % 32 == 2)
		rcx = interesting(o->value);
	if (o->change % 32 == 3)
		rdx = interesting(o->value);
	if (!v->enclave)
		machine_user(v);
	out = machine_enclu(v, leaf, rbx, rcx, rdx);
	enclu_done[leaf] += out.vector < 0 &&
			    (leaf == ENCLU_EENTER || leaf == ENCLU_ERESUME || !out.zf);
}

static void interrupt(const struct operation *o)
{
	struct vcpu *v = &vcpus[o->processor % KERNEL_CPU];
	static const uint8_t exceptions[] = { VECTOR_DE, VECTOR_UD, VECTOR_GP,
					      VECTOR_MF, VECTOR_AC, VECTOR_XM };

	if (!v->enclave)
		return;
	extended_use(v);
	v->inject = false;
	if (o->flags & 1)
		(void)sgx_page_fault(v, linear_of(o->address) + o->value,
				     PF_USER | (o->flags & 2 ? PF_WRITE : 0));
	else if (o->flags & 2)
		sgx_aex(v, exceptions[o->value % ARRAY_SIZE(exceptions)], 0, 0, true);
	else
		sgx_aex(v, 32, 0, 0, false);
	v->inject = false;
}

static void linux_maps(const struct operation *o)
{
	uint64_t physical_address = o->value & 1 ? MACHINE_EPC + o->page % PAGES * PAGE_SIZE
						 : 0x5000;
	const struct epcm_entry *e = entry(o->page % PAGES);

	if ((o->value & 12) && e->valid && e->secs) /* as it should be */
		machine_map(e->address, epc_physical(e), PTE_P | PTE_U | PTE_W | PTE_A | PTE_D);
	else if (o->value & 2)
		machine_unmap(linear_of(o->address));
	else
		machine_map(linear_of(o->address), physical_address,
			    PTE_P | PTE_U | PTE_A | PTE_D | (o->flags & 1 ? PTE_W : 0) |
				    (o->flags & 2 ? PTE_NX : 0));
}

static void check(const struct operation *o, unsigned int step)
{
	unsigned int inside = 0, counted = 0;
	const char *wrong = epcm_check();

	if (!wrong)
		wrong = space_check();
	if (!wrong && step % 16 == 0)
		wrong = machine_memory_check();
	if (wrong)
		broken(wrong, o);
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++) {
		const struct enclave_entry *in = vcpus[i].enclave;
		const struct epcm_entry *tcs = in ? epcm_entry_of(in->tcs) : NULL;

		/* Perhaps no TCS any more: EMODT may trim it, and EACCEPT waits until nobody is inside by it. */
		if (in && (!tcs->valid || tcs->secs != in->secs_physical ||
			   tcs->address != in->tcs_linear || in->tcs->state != TCS_ACTIVE))
			broken("a processor inside without an active TCS", o);
		for (unsigned int j = 0; in && j < i; j++)
			if (vcpus[j].enclave && vcpus[j].enclave->tcs == in->tcs)
				broken("two processors inside by one TCS", o);
		inside += in != NULL;
	}
	for (unsigned int i = 0; i < PAGES; i++) {
		const struct epcm_entry *e = entry(i);

		if (e->valid && e->type == PT_SECS)
			counted += (unsigned int)(epcm_secs(e)->threads +
						  epcm_secs(e)->threads_previous);
	}
	if (inside != counted)
		broken("processors inside are not those that are counted", o);
}

static void run_operation(const struct operation *given, unsigned int step)
{
	struct operation o = *given;

	switch (o.what % 64) {
	case 0 ... 23:
		o.what = o.what % 64 % 21;
		/* Rarely: it takes all apart. */
		if (o.what == ENCLS_EREMOVE && o.value % 8)
			o.what = ENCLS_EAUG;
		if (o.flags & 0x40)
			aim(&o);
		run_encls(&o);
		break;
	case 24 ... 27:
		evict(&o);
		break;
	case 28 ... 31:
		load(&o);
		break;
	case 32 ... 33:
		sign_and_init(&o);
		break;
	case 34 ... 53:
		o.what = (uint8_t)(o.what % 64 - 34);
		run_user(&o);
		break;
	case 54 ... 58:
		interrupt(&o);
		break;
	default:
		linux_maps(&o);
		break;
	}
	check(&o, step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options options = { .xfrm = 3, .flags = size & 8 ? ATTRIBUTE_DEBUG : 0 };
	struct operation o;

	memset(blobs, 0, sizeof(blobs));
	signatures = 0;
	run_start(&options);
	for (unsigned int i = 0; (i + 1) * sizeof(o) <= size && i < 512; i++) {
		memcpy(&o, data + i * sizeof(o), sizeof(o));
		run_operation(&o, i);
	}
	/* All go home: what is left can be taken apart as Linux does. */
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++) {
		extended_use(&vcpus[i]);
		if (vcpus[i].enclave)
			sgx_aex(&vcpus[i], 32, 0, 0, false);
	}
	for (unsigned int pass = 0; pass < 2; pass++)
		for (unsigned int i = 0; i < PAGES; i++) {
			struct outcome out =
				machine_encls(&vcpus[KERNEL_CPU], ENCLS_EREMOVE, 0, epc(i), 0);

			if (pass && (out.vector >= 0 || out.rax))
				broken("a page cannot be removed", &o);
		}
	return 0;
}
