/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosted machine: physical memory is an array, processors are struct vcpu, Linux's page tables are built by the test. The
 * hypervisor's parts above arch/ run on it unchanged, as an ordinary program under sanitizers.
 *
 *	physical  0 .. MACHINE_RAM			RAM, OWNER_LINUX
 *		  MACHINE_EPC .. + MACHINE_EPC_SIZE	the EPC
 *		  MACHINE_OWN .. MACHINE_RAM		the hypervisor's pool of pages
 *	linear    MACHINE_KERNEL + p			all of physical memory, for the kernel (supervisor, RW)
 *		  the lower half			what machine_map made
 */
#pragma once

#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/sgx.h"

#define MACHINE_RAM 0x1a00000UL
#define MACHINE_EPC 0x1000000UL
#define MACHINE_EPC_SIZE 0x200000UL
#define MACHINE_OWN 0x1200000UL /* up to MACHINE_RAM: the hypervisor's */
#define MACHINE_KERNEL 0xffff888000000000UL
#define MACHINE_VCPUS 4

#define PTE_P (1ULL << 0)
#define PTE_W (1ULL << 1)
#define PTE_U (1ULL << 2)
#define PTE_A (1ULL << 5)
#define PTE_D (1ULL << 6)
#define PTE_PS (1ULL << 7)
#define PTE_NX (1ULL << 63)
#define PTE_ADDRESS 0x000ffffffffff000ULL

/* Everything anew: memory zero, tables, MACHINE_VCPUS processors in the kernel (CPL 0), sgx_init done. May be called again. */
void machine_init(void);
/* A fresh zero page of Linux's RAM: physical address. Never fails (the test dies). */
uint64_t machine_page(void);
/* Where a kernel address of this physical one is. */
static inline uint64_t machine_kernel(uint64_t physical_address)
{
	return MACHINE_KERNEL + physical_address;
}
/* A page (or `pages` in a row) of RAM seen at kernel addresses: the linear address, and *ret_memory where the test sees it. */
uint64_t machine_buffer(unsigned int pages, void **ret_memory);
/* Maps one page in the current tables (all processors share them). flags: PTE_P etc. */
void machine_map(uint64_t linear, uint64_t physical_address, uint64_t flags);
void machine_unmap(uint64_t linear);
uint64_t *machine_pte(uint64_t linear); /* NULL: no table there */
uint64_t machine_cr3(void);

/* Of real.c (the real mem/ and core/guest_memory.c) or walk.c (simple ones, for tests of nothing but leaves): called by machine_init. */
void machine_memory_init(void);
/* NULL, or what is wrong with the owners' tables. */
const char *machine_memory_check(void);

/* As the processor: executes on v (CPL 0: ENCLS, 3: ENCLU), with RIP at the instruction. Result: */
struct outcome {
	int vector;	  /* -1: no fault */
	uint32_t error;	  /* of the fault */
	uint64_t address; /* of #PF */
	uint64_t rax;
	bool zf, cf;
	bool moved; /* RIP went behind the instruction */
};
struct outcome machine_encls(struct vcpu *v, uint32_t leaf, uint64_t rbx, uint64_t rcx,
			     uint64_t rdx);
struct outcome machine_enclu(struct vcpu *v, uint32_t leaf, uint64_t rbx, uint64_t rcx,
			     uint64_t rdx);
/* User mode for ENCLU, kernel mode for ENCLS. */
void machine_user(struct vcpu *v);
void machine_system(struct vcpu *v);
extern unsigned int machine_flushes; /* calls of vcpus_flush */
extern uint32_t machine_pkru;	     /* of all processors; CR4.PKE is a vcpu's own */
