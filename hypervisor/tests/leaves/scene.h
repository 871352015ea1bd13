/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of leaves: a machine with Linux's buffers and, as far as wanted, an enclave; and rows of the table
 * docs/SGX-LEAVES.md, which is made of the same text that is tested: CASE(name, outcome, what differs from the case that
 * succeeds).
 */
#pragma once

#include "hypervisor/sgx/leaves.h"
#include "hypervisor/tests/checks/checks.h"
#include "hypervisor/tests/machine/machine.h"

#define ENCLAVE_BASE 0x7f0000000000UL
#define ENCLAVE_SIZE 0x10000UL
#define UNMAPPED 0xffffc90000000000UL /* canonical, in no table */
#define NOT_CANONICAL 0x8000000000000000UL

struct scene {
	struct vcpu *v;
	uint32_t leaf;
	uint64_t rbx, rcx, rdx;
	/* Linux's buffers, each alone at the start of a page */
	uint64_t info_at, secinfo_at, source_at, pcmd_at, sig_at, token_at, spare_at;
	struct page_info *info;
	struct secinfo *secinfo;
	uint8_t *source;
	struct pcmd *pcmd;
	struct sigstruct *sig;
	struct einittoken *token;
	uint8_t *spare;
	struct secs *secs_source; /* source, as the SECS that ECREATE is given */
	struct outcome outcome;
};

extern struct scene scene;
/* EPC pages by number; which is what, in the standard enclave: */
enum { SECS_PAGE, TCS_PAGE, REG_PAGE, VA_PAGE, FREE_PAGE, OTHER_SECS, OTHER_REG, SECOND_VA };
static inline uint64_t epc(unsigned int page) /* kernel address */
{
	return machine_kernel(MACHINE_EPC + page * PAGE_SIZE);
}
struct epcm_entry *entry(unsigned int page);
void *epc_memory(unsigned int page);

/* A machine, buffers, SECS source of a legal 64-bit enclave of ENCLAVE_SIZE. */
void scene_start(void);
/* Steps, which must succeed: */
void must_ecreate(unsigned int page);
void must_eadd(unsigned int secs, unsigned int page, uint64_t offset, uint64_t flags);
void must_eextend(unsigned int secs, unsigned int page);
void must_epa(unsigned int page);
void must_einit(unsigned int secs); /* signs what is measured so far */
void must_eaug(unsigned int secs, unsigned int page, uint64_t offset);
void must_block(unsigned int page);
void must_track(unsigned int secs);
void must_ewb(unsigned int page, unsigned int va,
	      unsigned int slot); /* to source, pcmd; blocked and tracked */
void must_load(unsigned int page, unsigned int secs, uint64_t linear, unsigned int va,
	       unsigned int slot);
/* SECS, TCS and REG page with all chunks measured, a VA page; initialised? */
void scene_enclave(bool initialised);
/* The operands of a plain call of each leaf on it. */
void call(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx);
struct outcome run_call(void);

/* SIGSTRUCT for the enclave in `secs`, with a key made once (which: 0 or 1); all but the signature filled from the SECS. */
void sigstruct_fill(struct sigstruct *sig, const struct secs *secs);
void sigstruct_sign(struct sigstruct *sig, int which);
void signer_hash(int which, uint8_t ret_hash[32]);
/* MSRs 8CH-8FH := that signer. */
void launch_signer(int which);

/* Outcomes: */
#define OK 0
#define CODE(n) (n)
#define CODE_CF(n) ((n) | LEAF_CF)
#define GP 0x10000000
#define PF 0x20000000	   /* of paging */
#define PF_EPCM 0x30000000 /* with bit 15 */
#define UD 0x40000000
#define NM 0x50000000

#define CASE_THEN(name, expected, setup, after)               \
	do {                                                  \
		if (case_wanted(leaf_name, name, expected)) { \
			struct scene *s = &scene;             \
			(void)s;                              \
			prepare();                            \
			setup;                                \
			case_run(leaf_name, name, expected);  \
			after;                                \
		}                                             \
	} while (0)
#define CASE(name, expected, setup) CASE_THEN(name, expected, setup, )
#define EXPECT(c)                                            \
	do {                                                 \
		if (!(c))                                    \
			case_failed(__FILE__, __LINE__, #c); \
	} while (0)
bool case_wanted(const char *leaf, const char *name, int expected);
void case_run(const char *leaf, const char *name, int expected);
void case_failed(const char *file, int line, const char *what);
/* argv: --table prints the rows instead of running them; else a part of a leaf's or case's name. */
void cases_start(int argc, char **argv);
int cases_end(void); /* exit status */
