/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on a living enclave by Linux's kernel, through the module encls.ko (hypervisor/tests/boot/attack): what attack_*.c share.
 *
 * The module's buffer is cut into COPIES pages for evicted pages, and one page for each of their PCMDs and for the operands. The pages at the end of EPC are
 * the attacker's: the driver, which takes its pages from the front, does not get there in these tests.
 */
#pragma once

#include "hypervisor/loader/tests/tests.h"
#include "hypervisor/tests/boot/attack/encls.h"

#define FAULT_OF_LEAF(vector) (ENCLS_FAULT | (vector))
#define ENTRY_FRAME 0x000ffffffffff000ULL /* APM 2, 5.3.3 */
enum { COPIES = 8 };

extern struct encls_info attacked; /* after attacker_open */

/* The first use; ends the program if there is no module. */
void attacker_open(void);
/* RAX as the leaf left it, or ENCLS_FAULT | vector. */
uint32_t encls(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx);
/* The same with PAGEINFO in RBX; no copies and no PCMD: source and secinfo are the kernel's addresses. */
uint32_t encls_page(uint32_t leaf, struct page_info info, uint64_t rcx, uint64_t rdx);
/* A SECINFO as an operand, in the buffer; its kernel's address. */
uint64_t secinfo_operand(uint64_t flags);
uint64_t copy_operand(unsigned int copy); /* the kernel's addresses of a copy and its PCMD */
uint64_t pcmd_operand(unsigned int copy);
uint8_t *copy_data(unsigned int copy); /* ours */
struct pcmd *copy_pcmd(unsigned int copy);

/* Pages of EPC as the kernel sees them. */
uint64_t epc_at(uint64_t physical);
uint64_t epc_spare(unsigned int index); /* from the end; free */
uint64_t physical_at(uint64_t epc);	/* and back */
uint64_t
page_behind(const void *address); /* of an enclave, by Linux's tables; it must have been touched */
uint64_t secs_of(uint64_t page);  /* by ERDINFO */

uint64_t entry_get(const void *address);
void entry_set(const void *address, uint64_t entry);
/* The same entry with another page. */
static inline uint64_t entry_to(uint64_t entry, uint64_t physical)
{
	return (entry & ~ENTRY_FRAME) | physical;
}
void kick(void);
/* Physical memory as Linux maps it for a program. */
uint8_t *physical_map(uint64_t physical);
void pin_to(unsigned int processor); /* if there is one */

/* EBLOCK, ETRACK and EWB, with as many kicks as they take, of `page` into a copy and a slot of a VA page: EWB's code. */
uint32_t evict(uint64_t page, unsigned int copy, uint64_t slot);
/* ELDU. linear 0: a SECS or VA page. */
uint32_t reload(uint64_t page, unsigned int copy, uint64_t slot, uint64_t linear, uint64_t secs);

/* A read (write) of the enclave's: EXITINFO, and what EXINFO said in *ret_error; 0: nothing happened. */
uint32_t enclave_read_faults(struct enclave *e, const void *address, uint32_t *ret_error);
uint32_t enclave_write_faults(struct enclave *e, const void *address, uint32_t *ret_error);
/* #PF by the EPCM, which Linux's tables do not explain: EXITINFO and PFEC (SDM 3D, 37.9.2; 38.3). */
#define EXPECT_EPCM_FAULT(e, address)                                                  \
	do {                                                                           \
		uint32_t seen_error = 0;                                               \
		EXPECT_EQUAL(enclave_read_faults(e, address, &seen_error), PAGE_EXIT); \
		EXPECT(seen_error &PFEC_SGX);                                          \
	} while (0)
#define PAGE_EXIT (EXITINFO_VALID | EXITINFO_TYPE_HARDWARE | 14)
#define PFEC_SGX (1U << 15)
