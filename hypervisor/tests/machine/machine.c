/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosted machine (machine.h): memory, Linux's page tables, processors, and the arch/ functions that code above them calls.
 * One host thread; races are made by calling one processor's instruction after the other's half (the one lock makes leaves
 * atomic).
 */
#include "hypervisor/tests/machine/machine.h"

#include "hypervisor/crypto/crypto.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t memory[MACHINE_RAM] __attribute__((aligned(4096)));
static struct epcm_entry epcm[MACHINE_EPC_SIZE / PAGE_SIZE];
static uint64_t next_page, root;
unsigned int machine_flushes;
struct vcpu vcpus[MACHINE_VCPUS];
unsigned int vcpu_count = MACHINE_VCPUS;

void *physical(uint64_t address)
{
	return address < MACHINE_RAM ? memory + address : NULL;
}

uint32_t machine_pkru;

uint32_t vcpu_pkru(void)
{
	return machine_pkru;
}

void vcpus_flush(struct vcpu *self)
{
	(void)self;
	machine_flushes++;
}

void hv_log(const char *format, ...)
{
	va_list args;

	if (!getenv("HV_LOG"))
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
}

noreturn_ void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void crypto_begin(void)
{
}

void crypto_end(void)
{
}

uint64_t machine_page(void)
{
	uint64_t page = next_page;

	next_page += PAGE_SIZE;
	if (next_page > MACHINE_EPC)
		panic("machine: out of pages");
	memset(memory + page, 0, PAGE_SIZE);
	return page;
}

uint64_t machine_buffer(unsigned int pages, void **ret_memory)
{
	uint64_t first = machine_page();

	for (unsigned int i = 1; i < pages; i++)
		(void)machine_page();
	*ret_memory = memory + first;
	return machine_kernel(first);
}

/* The entry of `linear` at level 1 (or the 2 MiB entry that covers it); makes tables if `make`. */
static uint64_t *entry_of(uint64_t linear, bool make)
{
	uint64_t table = root;

	for (int level = 4; level > 1; level--) {
		uint64_t *e = (uint64_t *)(void *)(memory + table) +
			      (linear >> (12 + 9 * (level - 1)) & 511);

		if (*e & PTE_PS)
			return e;
		if (!(*e & PTE_P)) {
			if (!make)
				return NULL;
			*e = machine_page() | PTE_P | PTE_W | PTE_U;
		}
		table = *e & PTE_ADDRESS;
	}
	return (uint64_t *)(void *)(memory + table) + (linear >> 12 & 511);
}

void machine_map(uint64_t linear, uint64_t physical_address, uint64_t flags)
{
	*entry_of(linear, true) = physical_address | flags;
}

void machine_unmap(uint64_t linear)
{
	uint64_t *e = entry_of(linear, false);

	if (e)
		*e = 0;
}

uint64_t *machine_pte(uint64_t linear)
{
	return entry_of(linear, false);
}

uint64_t machine_cr3(void)
{
	return root;
}

void machine_system(struct vcpu *v)
{
	v->regs.cpl = 0;
	v->regs.rip = 0xffffffff81000000UL;
}

void machine_user(struct vcpu *v)
{
	v->regs.cpl = 3;
	v->regs.rip = 0x401000;
}

void machine_init(void)
{
	static bool started;

	/* What was not used is zero still. */
	memset(memory, 0, next_page);
	memset(memory + MACHINE_EPC, 0, MACHINE_EPC_SIZE);
	memset(epcm, 0, sizeof(epcm));
	memset(vcpus, 0, sizeof(vcpus));
	machine_flushes = 0;
	next_page = 0x1000;
	root = machine_page();
	for (uint64_t p = 0; p < MACHINE_RAM; p += PAGE_SIZE)
		machine_map(machine_kernel(p), p, PTE_P | PTE_W | PTE_NX | PTE_A | PTE_D);
	for (unsigned int i = 0; i < MACHINE_VCPUS; i++) {
		struct guest_regs *r = &vcpus[i].regs;

		vcpus[i].index = i;
		r->cr0 = 0x80050033; /* PG WP NE ET MP PE */
		r->cr3 = root;
		r->cr4 = 0x00040620; /* OSXSAVE OSXMMEXCPT OSFXSR PAE */
		r->efer = 0xd01;     /* NXE LMA LME SCE */
		r->xcr0 = 7;
		r->rflags = 2;
		r->long_mode_code = true;
		machine_system(&vcpus[i]);
	}
	if (!started && crypto_init())
		panic("machine: this processor lacks AES-NI, PCLMULQDQ or RDRAND");
	started = true;
	machine_memory_init();
	sgx_init(MACHINE_EPC, MACHINE_EPC_SIZE, epcm);
}

static struct outcome run(struct vcpu *v, uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx,
			  void (*instruction)(struct vcpu *, unsigned int))
{
	uint64_t rip = v->regs.rip;
	struct outcome o = { .vector = -1 };

	v->regs.gpr[REG_RAX] = leaf;
	v->regs.gpr[REG_RBX] = rbx;
	v->regs.gpr[REG_RCX] = rcx;
	v->regs.gpr[REG_RDX] = rdx;
	v->inject = false;
	instruction(v, 3);
	if (v->inject) {
		o.vector = v->vector;
		o.error = v->inject_has_error ? v->error : 0;
		o.address = v->regs.cr2;
		v->inject = false;
	}
	o.rax = v->regs.gpr[REG_RAX];
	o.zf = v->regs.rflags >> 6 & 1;
	o.cf = v->regs.rflags & 1;
	o.moved = v->regs.rip != rip;
	return o;
}

struct outcome machine_encls(struct vcpu *v, uint32_t leaf, uint64_t rbx, uint64_t rcx,
			     uint64_t rdx)
{
	struct outcome o;

	machine_system(v);
	o = run(v, leaf, rbx, rcx, rdx, sgx_encls);
	machine_system(v);
	return o;
}

struct outcome machine_enclu(struct vcpu *v, uint32_t leaf, uint64_t rbx, uint64_t rcx,
			     uint64_t rdx)
{
	return run(v, leaf, rbx, rcx, rdx, sgx_enclu);
}
