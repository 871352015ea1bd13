/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of running enclaves: the scene of tests/leaves on the real mem/ and
 * core/guest_memory.c, an enclave with two threads whose pages Linux has mapped, and a made-up
 * extended state per processor. Rows are printed as in tests/leaves, and run here, because a fault
 * inside an enclave is also an exit.
 */
#pragma once

#include "hypervisor/mem/owner.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/tests/leaves/scene.h"

/* The standard enclave: page of EPC, and offset in ELRANGE, by name. */
enum {
	P_SECS,
	P_TCS,
	P_CODE,
	P_DATA,
	P_DATA2,
	P_SSA, /* two frames of the first thread */
	P_SSA2,
	P_TCS_B,
	P_SSA_B,
	P_SSA_B2,
	P_READ_ONLY,
	P_VA,
	P_FREE,
	P_AUG, /* given by EAUG where a test wants it */
	P_OTHER_SECS,
	P_OTHER_DATA,
	P_COUNT
};
#define AT(page) (ENCLAVE_BASE + ((uint64_t)(page)-P_TCS) * PAGE_SIZE)
#define AEP 0x402000UL
#define USER_BUFFER 0x600000UL /* Linux's memory, mapped for the user, writable */
#define USER_STACK 0x7ffff000UL
#define REG_R (SECINFO_R | (uint64_t)PT_REG << SECINFO_TYPE_SHIFT)
#define REG_RW (REG_R | SECINFO_W)
#define REG_RX (REG_R | SECINFO_X)
#define USER_RW (PTE_P | PTE_W | PTE_U | PTE_NX)

struct options {
	uint64_t flags, xfrm; /* ATTRIBUTES */
	uint32_t misc;
	uint8_t config_id; /* first byte */
	uint16_t config_svn;
	int signer;
	bool not_initialised, without_code; /* another measurement */
	bool debug_opt_in;
};
#define XFRM_AVX 7ULL

struct run {
	struct vcpu *v;
	uint32_t leaf;
	uint64_t rbx, rcx, rdx;
	struct outcome outcome;
};
extern struct run run;

/* A machine and the standard enclave in it, mapped, initialised. */
void run_start(const struct options *o);
/* The machine without enclave, for tests that build their own. */
void run_machine(void);
/*
 * Another enclave with one page of data at AT(P_DATA), in P_OTHER_SECS and P_OTHER_DATA; not
 * mapped.
 */
void run_other(void);
void run_map(unsigned int page, uint64_t flags); /* P_x at AT(x) */
/* Gives its page P_AUG at AT(P_AUG), mapped. */
void run_aug(void);
void put_page(unsigned int page, size_t offset, const void *from, size_t size);
/* Processor v enters by this TCS; must succeed. */
void run_enter(struct vcpu *v, unsigned int tcs);
struct outcome enclu(struct vcpu *v, uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx);
void need_(bool ok, const char *file, int line, const char *what);
#define NEED(c) need_(c, __FILE__, __LINE__, #c)
/* One ENCLS as the kernel, must succeed without code. */
void encls(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx);
struct gprsgx *gpr_of(unsigned int ssa_page);
struct tcs *tcs_of(unsigned int page);

/*
 * What processors' extended state is made of (arch_xsave, arch_xrstor): a standard XSAVE image
 * each.
 */
uint8_t *extended_state(struct vcpu *v);
void extended_use(struct vcpu *v); /* the processor that arch_ functions work on */
void extended_fill(struct vcpu *v, uint64_t xfrm, uint64_t seed);
bool extended_equal(struct vcpu *v, const uint8_t *image, uint64_t xfrm);
uint64_t random_u64(void);
void random_seed(uint64_t seed);

/* Rows: prepare() makes the scene and r's operands; setup is what differs. */
#define ROW_THEN(name, expected, setup, after)                \
	do {                                                  \
		if (case_wanted(leaf_name, name, expected)) { \
			struct run *r = &run;                 \
			(void)r;                              \
			prepare();                            \
			setup;                                \
			row_run(leaf_name, name, expected);   \
			after;                                \
		}                                             \
	} while (0)
#define ROW(name, expected, setup) ROW_THEN(name, expected, setup, )
void row_run(const char *leaf, const char *name, int expected);
int rows_end(void);
extern bool rows_table; /* only the table is wanted */
