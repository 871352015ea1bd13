/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The EPC's pages and what is known of each (SDM 3D, 37.19), and the tracking of processors inside an enclave (39.5).
 *
 * One lock, epc_lock: every leaf takes it before it looks at an EPCM entry or at a page of EPC, and holds it until its effects
 * are done. All functions below want it held, unless they say otherwise.
 *
 * Tracking. secs->epoch counts ETRACKs. A processor that enters is counted in secs->threads and remembers the epoch. ETRACK
 * begins an epoch: who is inside becomes threads_previous, and must leave before the next ETRACK. So a page stamped with epoch
 * E (EBLOCK, EMODPR, EMODT) can be in no processor's translations once an ETRACK came after (epoch > E) and all who entered
 * before that ETRACK left.
 */
#pragma once

#include "hypervisor/sgx/arch.h"

extern volatile uint32_t epc_held;
static inline void epc_lock(void)
{
	while (__atomic_exchange_n(&epc_held, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&epc_held, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

static inline void epc_unlock(void)
{
	__atomic_store_n(&epc_held, 0, __ATOMIC_RELEASE);
}

/* The EPC, one piece of memory; set by sgx_init, then only read. */
extern struct epc_pages {
	uint64_t start, size; /* physical */
	struct epcm_entry *entries;
	uint8_t *memory; /* where the hypervisor sees it */
} epc_pages;

/* The EPCM entry of the page that holds a physical address; NULL: not EPC. No lock needed. */
static inline struct epcm_entry *epcm_of(uint64_t physical_address)
{
	uint64_t offset = physical_address - epc_pages.start;

	return offset < epc_pages.size ? &epc_pages.entries[offset >> PAGE_SHIFT] : NULL;
}
/* The page itself, as the hypervisor sees it. */
static inline void *epc_page(const struct epcm_entry *entry)
{
	return epc_pages.memory + ((uint64_t)(entry - epc_pages.entries) << PAGE_SHIFT);
}

static inline uint64_t epc_physical(const struct epcm_entry *entry)
{
	return epc_pages.start + ((uint64_t)(entry - epc_pages.entries) << PAGE_SHIFT);
}

/* The entry of a page that epc_page gave. */
static inline struct epcm_entry *epcm_entry_of(const void *page)
{
	return &epc_pages.entries[(size_t)((const uint8_t *)page - epc_pages.memory) >> PAGE_SHIFT];
}

/* The SECS of an enclave's page, or of a SECS page itself; NULL for VA. */
static inline struct secs *epcm_secs(const struct epcm_entry *entry)
{
	if (entry->type == PT_SECS)
		return epc_page(entry);
	return entry->secs
		       ? (struct secs *)(void *)(epc_pages.memory + (entry->secs - epc_pages.start))
		       : NULL;
}

uint64_t epcm_flags(const struct epcm_entry *entry); /* as SECINFO.FLAGS */

/* A page becomes valid / invalid; secs->children follows. Becoming invalid forgets the enclave's translation of it. */
void epcm_fill(struct epcm_entry *entry, uint8_t type, uint64_t flags, uint64_t secs,
	       uint64_t address);
void epcm_clear(struct epcm_entry *entry);

/* EENTER, ERESUME: returns the epoch to remember. EEXIT, AEX: hands it back. */
static inline uint64_t track_enter(struct secs *secs)
{
	secs->threads++;
	return secs->epoch;
}

static inline void track_leave(struct secs *secs, uint64_t epoch)
{
	uint64_t *count = epoch == secs->epoch ? &secs->threads : &secs->threads_previous;

	assert(*count);
	--*count;
}

/* Any processor inside? */
bool track_active(const struct secs *secs);
/* EBLOCK, EMODPR, EMODT: the translations of this page are old from now on. */
void track_page(struct epcm_entry *entry);
/* EWB, EACCEPT: no processor can have an old translation of it? (code 11 otherwise) */
bool track_done(const struct epcm_entry *entry);
/* ETRACK: 0 or SGX_PREV_TRK_INCMPL. */
must_check int track_begin(struct secs *secs);

/* --- Of sgx/address.c (the running enclaves' own tables) -------------------------------------- */
/*
 * The EPCM's view of this page got narrower or ended: no table of its enclave may map it any more (translations that processors
 * inside still hold are what tracking is for).
 */
void enclave_forget_page(const struct epcm_entry *entry);
/* The SECS page leaves the EPC (EREMOVE, EWB): frees secs->run, and clears it. No processor is inside. */
void enclave_forget(struct secs *secs);

/* SDM 3D, 38.5.1: the linear addresses that are the enclave's. */
static inline bool in_elrange(const struct secs *secs, uint64_t linear)
{
	return linear - secs->base < secs->size;
}

/* --- What leaves share (sgx/encls.c) ---------------------------------------------------------- */
struct vcpu;
static inline bool is_canonical(uint64_t linear)
{
	return (int64_t)(linear << 16) >> 16 == (int64_t)linear;
}
bool is_zero(const void *p, size_t size);
#define is_zero_array(array) is_zero((array), sizeof(array))
/* RAX, ZF := code (0: cleared), CF, PF, AF, OF, SF := 0. */
void leaf_result(struct vcpu *v, uint64_t code);
/* #GP(0); #PF(linear) of this access with PFEC.SGX. Always -EFAULT, so that callers say return fault_gp(v). */
int fault_gp(struct vcpu *v);
int fault_epcm(struct vcpu *v, uint64_t linear, uint32_t access);
/*
 * An operand in EPC, by Linux's tables. #GP unless aligned to `align` and canonical, #PF by paging, #PF with PFEC.SGX unless EPC.
 */
must_check int operand_epc(struct vcpu *v, uint64_t linear, unsigned int align, uint32_t access,
			   struct epcm_entry **ret_entry);
/* Where an operand lies that was found so. */
static inline void *epc_data(const struct epcm_entry *entry, uint64_t linear)
{
	return (uint8_t *)epc_page(entry) + linear % PAGE_SIZE;
}

/* sgx/keys.c (D): EINITTOKEN's launch key, for EINIT. */
struct einittoken;
void key_einittoken(const struct einittoken *token, const uint8_t mrsigner[32],
		    uint8_t ret_key[16]);
extern const uint8_t cpu_svn[16];
/* Not newer than the current one? */
bool cpu_svn_ok(const uint8_t svn[16]);

/* sgx/paging.c: when the machine is given back or stops: pages that were evicted can never be opened again. No lock. */
void paging_wipe(void);

/* sgx/msr_cpuid.c */
extern uint64_t le_pubkey_hash[4];	    /* MSRs 8CH-8FH */
extern uint64_t feature_control;	    /* MSR 3AH */
static inline bool feature_control_ok(void) /* locked, and SGX on */
{
	const uint64_t want = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_SGX;

	return (feature_control & want) == want;
}
extern uint64_t sgx_xfrm_allowed;   /* components of XCR0 that enclaves may have */
uint32_t xsave_size(uint64_t xfrm); /* standard format (SDM 3D, 42.7.2.2) */
#define SGX_ATTRIBUTES_ALLOWED                                            \
	(ATTRIBUTE_DEBUG | ATTRIBUTE_MODE64BIT | ATTRIBUTE_PROVISIONKEY | \
	 ATTRIBUTE_EINITTOKENKEY | ATTRIBUTE_KSS)
#define SGX_MISC_ALLOWED MISC_EXINFO
/* CPUID.12H.0:EDX: SIZE must be below 2 to this */
#define SGX_SIZE_LOG2_64 40
#define SGX_SIZE_LOG2_32 31
