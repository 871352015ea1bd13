/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files that run enclaves: ENCLU's leaves (enclu.c, enter.c, accept.c, keys.c),
 * asynchronous exits (aex.c), SSA frames (ssa.c) and an enclave's address space (address.c,
 * space.c). arch/x86/svm needs the part at the end, besides sgx.h.
 *
 * Everything here wants epc_lock held, unless it says otherwise. Inside an enclave regs.cr3 is not
 * looked at: Linux's is in the entry.
 */
#pragma once

#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/epcm.h"

/* --- ENCLU (enclu.c) --- */
struct enclu_operands {
	uint64_t rbx, rcx, rdx;
	uint64_t next_rip; /* behind the instruction */
};
/*
 * -EFAULT: the fault is injected and nothing has changed. Else the code for RAX, for leaves that
 * have codes.
 */
typedef int enclu_function(struct vcpu *v, const struct enclu_operands *o);
enclu_function leaf_eenter, leaf_eresume, leaf_eexit;			   /* enter.c */
enclu_function leaf_eaccept, leaf_eacceptcopy, leaf_emodpe, leaf_edeccssa; /* accept.c */
enclu_function leaf_ereport, leaf_egetkey;				   /* keys.c */

/*
 * An operand of a leaf inside the enclave. #GP unless aligned, canonical and in ELRANGE; #PF by
 * Linux's tables; #PF unless EPC. access: ACCESS_READ or ACCESS_WRITE.
 */
must_check int operand_own(struct vcpu *v, uint64_t linear, unsigned int align, uint32_t access,
			   struct epcm_entry **ret_entry);
/*
 * The same, and the EPCM gives the enclave this page with `rights` (SECINFO_R..), else #PF with
 * PFEC.SGX.
 */
must_check int operand_data(struct vcpu *v, uint64_t linear, unsigned int align, uint64_t rights,
			    void **ret_data);
/*
 * An enclave's regular page at this linear address, with these rights, and nothing under way (SDM
 * 3D, 38.3)?
 */
static inline bool epcm_allows(const struct epcm_entry *entry, uint64_t secs_physical,
			       uint64_t linear, uint64_t rights)
{
	return entry->valid && entry->type == PT_REG && entry->secs == secs_physical &&
	       entry->address == (linear & ~(PAGE_SIZE - 1)) && !entry->blocked &&
	       !entry->pending && !entry->modified && (entry->rights & rights) == rights;
}
/* No lock wanted. v->inject is set while the enclave runs: the exit that hardware makes of it. */
void enclave_fault(struct vcpu *v);

/* --- A processor inside an enclave (enter.c) --- */
/* Where an SSA frame lies; found at entry: an exit cannot fault (SDM 3D, 38.5.3). */
struct ssa_frame {
	uint8_t *xsave; /* the first page: what of XCR0 enclaves may have (sgx_xfrm_allowed) fits */
	struct gprsgx *gpr; /* at the end of the last page */
};

struct space;
struct linux_mapping;
/* Code of the enclave that was read last: good while no entry of any space changed. */
struct code_page {
	const struct space *space; /* NULL: none */
	const uint8_t *memory;
	uint64_t linear, changes; /* space_changes */
};
/*
 * An entry of Linux's tables, and what it said. While all of those that led somewhere say the same, walking again would
 * end there again.
 */
struct watched {
	const uint64_t *entry;
	uint64_t value;
};
/* 0: all say the same. */
static inline uint64_t watched_difference(const struct watched *w, unsigned int count)
{
	uint64_t difference = 0;

	for (const struct watched *end = w + count; w < end; w++)
		difference |= __atomic_load_n(w->entry, __ATOMIC_RELAXED) ^ w->value;
	return difference;
}
/* To a list of at most max, unless it is in it. False: no room, or it is there with another value (space.c). */
must_check bool watched_add(struct watched *list, unsigned int *count, unsigned int max,
			    const struct watched *what);
/*
 * Where the TCS and the SSA frame of the last entry here were found, and the entries of Linux's tables that led there. The EPCM is
 * asked anew each time.
 */
#define ENTRY_WATCHED_MAX 10
struct entry_memo {
	uint64_t tcs_linear, ssa_linear; /* tcs_linear 1: none */
	uint64_t cr0, cr3, cr4, efer;
	struct epcm_entry *tcs, *ssa;
	unsigned int watched_count;
	struct watched watched[ENTRY_WATCHED_MAX];
};
struct enclave_entry {
	struct entry_memo memo;
	struct code_page code;
	struct tcs *tcs;
	struct secs *secs;
	uint64_t tcs_linear, secs_physical;
	uint64_t epoch; /* track_enter's */
	struct space *space;
	struct ssa_frame frame;
	uint64_t linux_cr3, linux_fs_base, linux_gs_base, linux_xcr0, linux_dr7, linux_cr4;
	uint64_t linux_trap; /* RFLAGS.TF at entry, if opted out of debugging */
	bool debug_opt_in;
	uint64_t cr3, npt_root; /* what arch runs it on: its own tables instead of Linux's */
	uint8_t *xsave;		/* a page: copies of XSAVE areas on their way */
};
/* Linux's state comes back, except what EEXIT and AEX do differently: RIP and general registers. */
void enclave_leave(struct vcpu *v);

/* --- SSA frames (ssa.c) --- */
/* The address of a frame of the TCS that this is an entry by. */
static inline uint64_t ssa_linear(const struct enclave_entry *e, uint32_t index)
{
	return e->secs->base + e->tcs->ossa +
	       ((uint64_t)e->secs->ssa_frame_size << PAGE_SHIFT) * index;
}
/* The frame there, its pages fit to be read and written, by Linux's tables and by the EPCM: else the fault is injected. */
must_check int ssa_locate(struct vcpu *v, const struct enclave_entry *e, uint64_t linear,
			  struct ssa_frame *ret_frame);
static inline struct ssa_frame ssa_frame_at(void *first_page, void *last_page)
{
	uint8_t *end = (uint8_t *)last_page + PAGE_SIZE;

	return (struct ssa_frame){ first_page, (struct gprsgx *)(void *)end - 1 };
}
/* The extended state into the frame. */
void ssa_save(const struct ssa_frame *frame, uint64_t xfrm);
/* The frame's extended state into scratch, and whether XRSTOR would take it: 0 or -EINVAL. */
must_check int ssa_fetch(const struct ssa_frame *frame, uint64_t xfrm, uint8_t *scratch);
/* What ssa_fetch left there. */
void ssa_wipe(uint64_t xfrm, uint8_t *scratch);
/* What an exit leaves in the registers (SDM 3D, 40.3 "synthetic state"). */
void ssa_synthetic(uint64_t xfrm, uint8_t vector, bool is_exception);

/* --- The enclave's address space (space.c) --- */
/*
 * For a processor that enters entry->secs; what Linux's tables no longer say is forgotten. -ENOMEM; else it is to run
 * in entry->space, on entry->cr3 and npt_root.
 */
must_check int space_enter(struct enclave_entry *entry, uint64_t cr3, unsigned int levels);
void space_leave(struct space *space);
/* Maps what Linux maps there. -EACCES: the EPCM, or who owns the page, does not give this access; -ENOMEM, or npt_map's. */
must_check int space_map(struct space *space, uint64_t linear, uint32_t access,
			 const struct linux_mapping *mapping);
/* The leaf entry for an address, 0: none. */
uint64_t space_leaf(struct space *space, uint64_t linear);
/* Counts what is written to spaces' tables, or freed of them. */
extern uint64_t space_changes;
/* Forgets all of it; the tables stay. */
void space_forget(struct space *space);

/* Page table entries of ours and Linux's (AMD APM 2, 5.3). */
#define LEAF_PRESENT (1ULL << 0)
#define LEAF_WRITE (1ULL << 1)
#define LEAF_USER (1ULL << 2)
#define LEAF_ACCESSED (1ULL << 5)
#define LEAF_DIRTY (1ULL << 6)
#define LEAF_LARGE (1ULL << 7)
#define LEAF_ADDRESS 0x000ffffffffff000ULL
#define LEAF_CACHE (3ULL << 3 | 1ULL << 7) /* PWT, PCD, PAT */
#define LEAF_KEY (15ULL << 59)
#define LEAF_NO_EXEC (1ULL << 63)

/* What Linux's tables say of a user address, without setting any bit (address.c). */
struct linux_mapping {
	uint64_t page;	  /* physical */
	bool write, exec; /* write: and dirty is set already */
	uint64_t key;	  /* LEAF_KEY */
	uint64_t cache;	  /* LEAF_CACHE: for Linux's memory, that is devices */
	/* How it was found, top down, the last one maps the page. */
	unsigned int count;
	struct watched path[5];
};
/* False: not present, not the user's, not accessed yet, or a table is not in Linux's memory. */
must_check bool linux_mapping(uint64_t cr3, unsigned int levels, uint64_t linear,
			      struct linux_mapping *ret_mapping);

/* --- For arch/x86/svm, without the lock --- */
/*
 * arch gives: XSAVE and XRSTOR of the guest's extended state, standard format, 64-byte aligned, of
 * the components in mask (a subset of what the hardware has; XCR0 is arch's business). The area is
 * the hypervisor's, and arch_xrstor's was checked: it cannot fault.
 */
void arch_xsave(void *area, uint64_t mask);
void arch_xrstor(const void *area, uint64_t mask);
/*
 * An instruction that enclaves may not execute (SDM 3D, table 39-1: CPUID, INVD, I/O, SYSCALL..):
 * #UD in the enclave. The exit is done and the fault injected.
 */
void sgx_illegal(struct vcpu *v);
/*
 * #DB in an enclave: true if it opted out of debugging (nothing is delivered, it goes on); else do
 * sgx_aex and inject as usual.
 */
bool sgx_debug_exception(struct vcpu *v);
/*
 * INT3 in an enclave, RIP at it: #BP as a fault if opted in, else #UD (SDM 3D, 43.4). All done,
 * exit and injection.
 */
void sgx_breakpoint(struct vcpu *v);
/*
 * A nested page fault in an enclave: its nested tables do not have a page that its own tables
 * still name. Both are filled again on demand: the enclave goes on.
 */
void sgx_nested_fault(struct vcpu *v);
/* Code of the running enclave at linear, for decoding: bytes copied, 0..size. */
size_t sgx_read_code(struct vcpu *v, uint64_t linear, uint8_t *to, size_t size);

/* The secret all keys come from; before the first EINIT. */
void sgx_set_root_secret(const uint8_t secret[32]);
