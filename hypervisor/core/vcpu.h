/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A processor as the parts above the virtualization extension see it: registers of whatever runs on it now (Linux, or an enclave), and
 * what may be done to it. arch/x86/svm fills `regs` from the VMCB before it calls upwards, and writes back what changed. Code above
 * never sees a VMCB, so that it also runs hosted, against a machine made of arrays (hypervisor/tests/machine).
 *
 * Rules: one struct vcpu per processor, used by that processor only. The hypervisor runs with interrupts off and is never preempted.
 * Guest memory is hostile and changes under our hands: copy once, then judge.
 */
#pragma once

#include "lib/base/types.h"

/* clang-format off */
enum {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8 /* .. REG_R8 + 7 */
};
/* clang-format on */

/* Bits of RFLAGS (SDM 1, 3.4.3) and CR0 (SDM 3A, 2.5). */
/* clang-format off */
enum {
	RFLAGS_CF = 1 << 0, RFLAGS_PF = 1 << 2, RFLAGS_AF = 1 << 4, RFLAGS_ZF = 1 << 6,
	RFLAGS_SF = 1 << 7, RFLAGS_TF = 1 << 8, RFLAGS_IF = 1 << 9, RFLAGS_OF = 1 << 11,
	RFLAGS_IOPL = 3 << 12, RFLAGS_RF = 1 << 16, RFLAGS_VM = 1 << 17, CR0_PE = 1 << 0,
	CR0_TS = 1 << 3, CR0_NE = 1 << 5, CR0_PG = 1U << 31,
};
/* clang-format on */

struct guest_regs {
	uint64_t gpr[16]; /* by REG_* */
	uint64_t rip, rflags;
	uint64_t cr0, cr2, cr3, cr4, efer, xcr0;
	uint64_t fs_base, gs_base, dr7;
	uint8_t cpl;
	bool long_mode_code; /* CS.L: 64-bit */
};

/* clang-format off */
enum {
	VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_UD = 6, VECTOR_NM = 7, VECTOR_GP = 13,
	VECTOR_PF = 14, VECTOR_MF = 16, VECTOR_AC = 17, VECTOR_XM = 19,
};
/* clang-format on */
/* Page fault error code (SDM 3A, 4.7; SGX: 3D, 38.3). */
/* clang-format off */
enum {
	PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_RESERVED = 8, PF_FETCH = 16, PF_KEY = 32,
	PF_SGX = 1 << 15,
};
/* clang-format on */

struct enclave_entry; /* sgx/enter.c: what is kept while an enclave runs here */

struct vcpu {
	unsigned int index; /* 0.. */
	struct guest_regs regs;
	/* An event to inject before the guest goes on: set by vcpu_inject; at most one. */
	bool inject, inject_has_error;
	uint8_t vector;
	uint32_t error;
	struct enclave_entry *enclave; /* not NULL: an enclave runs here */
	void *arch;		       /* arch/x86/svm */
};
extern struct vcpu vcpus[];
extern unsigned int vcpu_count;

/* RIP stays at the instruction. #PF also sets CR2. The callers return at once: nothing of the instruction may have happened. */
static inline void vcpu_inject(struct vcpu *v, uint8_t vector)
{
	v->inject = true;
	v->vector = vector;
	v->inject_has_error = false;
}

static inline void vcpu_inject_error(struct vcpu *v, uint8_t vector, uint32_t error)
{
	vcpu_inject(v, vector);
	v->inject_has_error = true;
	v->error = error;
}

static inline void vcpu_inject_page_fault(struct vcpu *v, uint64_t linear, uint32_t error)
{
	vcpu_inject_error(v, VECTOR_PF, error);
	v->regs.cr2 = linear;
}

/* The guest's PKRU, which is the processor's at all times; only while CR4.PKE of the guest is set (arch). */
uint32_t vcpu_pkru(void);

/* --- Guest memory by linear address (core/guest_memory.c) -------------------------------------------------------------------- */

enum { ACCESS_READ = 0, ACCESS_WRITE = PF_WRITE, ACCESS_FETCH = PF_FETCH, ACCESS_USER = PF_USER };
/*
 * Walks the guest's own page tables (those of Linux: regs.cr3, or what an enclave's entry saved) as the processor would for this access,
 * with U/S, R/W, XD, SMEP/SMAP, protection keys, reserved bits; sets accessed and dirty bits as the processor does. 0 and *ret_physical, or -EFAULT and the error code
 * a page fault would have. Physical addresses that Linux does not own are found as well: who may touch them is the caller's business (EPC).
 */
must_check int guest_walk(struct vcpu *v, uint64_t cr3, uint64_t linear, uint32_t access,
			  uint64_t *ret_physical, uint32_t *ret_error);
/*
 * Before the first guest runs, of its processors: CPUID 80000008H EAX[7:0] and 80000001H EDX[26]. They decide which bits of an entry are reserved.
 */
void guest_memory_init(unsigned int physical_bits, bool gigabyte_pages);
/*
 * Copies between guest memory and ours; across pages. Only memory that Linux owns, or (enclave_pages: the calling enclave's own) EPC pages that
 * the EPCM allows it. 0, or -EFAULT with the fault injected.
 */
must_check int guest_read(struct vcpu *v, uint64_t linear, void *to, size_t size, uint32_t access);
must_check int guest_write(struct vcpu *v, uint64_t linear, const void *from, size_t size,
			   uint32_t access);

/* Code at linear, for decoding: as many bytes as lie in its page, at most FETCH_MAX: how many; 0: the fault is injected. */
enum { FETCH_MAX = 16 };
unsigned int guest_fetch(struct vcpu *v, uint64_t linear, uint8_t to[FETCH_MAX]);

/* --- Physical memory ------------------------------------------------------------------------------------------------------- */

/* Where the hypervisor sees a physical page; all of the machine's RAM is mapped. NULL: not RAM. */
void *physical(uint64_t address);

/* --- Across processors ------------------------------------------------------------------------------------------------- */

static inline void spin_lock(bool *lock)
{
	while (__atomic_test_and_set(lock, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static inline void spin_unlock(bool *lock)
{
	__atomic_clear(lock, __ATOMIC_RELEASE);
}

/* Makes every other processor leave its guest once, with its translations of Linux (and of enclaves) forgotten, and waits until each has. */
void vcpus_flush(struct vcpu *self);
/* Raw line to the debug console; no locks that a dying processor could hold. */
void hv_log(const char *format, ...) format_(1, 2);
