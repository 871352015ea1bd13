/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State save area frames (SDM 3D, 37.9): [XSAVE area, standard format .. MISC region, GPRSGX],
 * SSAFRAMESIZE pages. XSAVE writes to the enclave's page, as hardware does: it cannot fault there,
 * whatever the enclave's other threads write meanwhile. XRSTOR reads from a page of the
 * hypervisor's only, a copy that was judged: what it would refuse is refused by our own checks
 * before anything changes.
 */
#include "hypervisor/sgx/run.h"

#include "lib/base/string.h"

#include <asm-generic/errno-base.h>

/* XSAVE area, offsets (SDM 1, 10.5.1 and 13.4) */
#define XSAVE_MXCSR 24
#define XSAVE_MXCSR_MASK 28
#define XSAVE_HEADER 512
#define XSTATE_X87 1ULL

struct xsave_header {
	uint64_t xstate_bv, xcomp_bv, reserved[6];
};
_Static_assert(sizeof(struct xsave_header) == 64, "XSAVE header");

/*
 * One page of the frame: *ret_page is where it lies. Checks as EENTER's: Linux's tables, then the
 * EPCM.
 */
static int ssa_page(struct vcpu *v, uint64_t cr3, uint64_t secs_physical, uint64_t linear,
		    uint8_t **ret_page)
{
	struct epcm_entry *entry;
	uint64_t address;
	uint32_t error;

	if (!is_canonical(linear))
		return fault_gp(v);
	if (guest_walk(v, cr3, linear, ACCESS_WRITE | ACCESS_USER, &address, &error)) {
		vcpu_inject_page_fault(v, linear, error);
		return -EFAULT;
	}
	entry = epcm_of(address);
	if (!entry || !epcm_allows(entry, secs_physical, linear, SECINFO_R | SECINFO_W))
		return fault_own(v, linear, ACCESS_WRITE);
	*ret_page = epc_page(entry);
	return 0;
}

void ssa_frame_at(const struct epcm_entry *entry, struct ssa_frame *ret_frame)
{
	uint8_t *page = epc_page(entry);

	ret_frame->xsave[0] = page;
	ret_frame->gpr = (struct gprsgx *)(void *)(page + PAGE_SIZE - sizeof(struct gprsgx));
}

struct epcm_entry *ssa_entry(const struct ssa_frame *frame)
{
	return epcm_entry_of(frame->xsave[0]);
}

int ssa_locate(struct vcpu *v, uint64_t cr3, const struct secs *secs, uint64_t secs_physical,
	       const struct tcs *tcs, uint32_t index, struct ssa_frame *ret_frame)
{
	uint64_t frame_size = (uint64_t)secs->ssa_frame_size << PAGE_SHIFT;
	uint64_t frame = secs->base + tcs->ossa + frame_size * index;
	uint32_t size = xsave_size(secs->attributes.xfrm);
	struct ssa_frame found = { .gpr = NULL };
	uint8_t *last;

	/* ECREATE gives out no XFRM whose area is larger (sgx_xfrm_allowed). */
	assert(size <= SSA_XSAVE_PAGES * PAGE_SIZE);
	for (unsigned int i = 0; i * PAGE_SIZE < size; i++)
		if (ssa_page(v, cr3, secs_physical, frame + i * PAGE_SIZE, &found.xsave[i]))
			return -EFAULT;
	last = found.xsave[0];
	if (frame_size != PAGE_SIZE &&
	    ssa_page(v, cr3, secs_physical, frame + frame_size - PAGE_SIZE, &last))
		return -EFAULT;
	found.gpr = (struct gprsgx *)(void *)(last + PAGE_SIZE - sizeof(struct gprsgx));
	*ret_frame = found;
	return 0;
}

/* Eight bytes an iteration, which processors and emulators that count iterations both like. */
static void copy_words(void *to, const void *from, size_t size)
{
	size_t words = size / sizeof(uint64_t);

	assert(size % sizeof(uint64_t) == 0);
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

void ssa_save(const struct ssa_frame *frame, uint64_t xfrm)
{
	struct xsave_header *header =
		(struct xsave_header *)(void *)(frame->xsave[0] + XSAVE_HEADER);

	/*
	 * Of the header XSAVE writes XSTATE_BV alone, and only the bits of components it saves
	 * (SDM 1, 13.7). What another thread of the enclave writes there meanwhile harms nobody
	 * else: ssa_fetch judges anew.
	 */
	header->xstate_bv = header->xcomp_bv = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(header->reserved); i++)
		header->reserved[i] = 0;
	arch_xsave(frame->xsave[0], xfrm);
}

void ssa_wipe(uint64_t xfrm, uint8_t *scratch)
{
	size_t words = xsave_size(xfrm) / sizeof(uint64_t);

	__asm__ volatile("rep stosq" : "+D"(scratch), "+c"(words) : "a"(0) : "memory");
}

/* MXCSR's bits that this processor has (SDM 1, 11.6.6: 0 means FFBFH). */
static uint32_t mxcsr_mask(uint8_t *scratch)
{
	static uint32_t mask;
	uint32_t found;

	if (!mask) {
		memset(scratch, 0, XSAVE_HEADER + sizeof(struct xsave_header));
		arch_xsave(scratch, 3);
		memcpy(&found, scratch + XSAVE_MXCSR_MASK, sizeof(found));
		mask = found ? found : 0xffbf;
	}
	return mask;
}

int ssa_fetch(const struct ssa_frame *frame, uint64_t xfrm, uint8_t *scratch)
{
	struct xsave_header *header = (struct xsave_header *)(void *)(scratch + XSAVE_HEADER);
	uint32_t size = xsave_size(xfrm), mask = mxcsr_mask(scratch), mxcsr;

	copy_words(scratch, frame->xsave[0], size);
	memcpy(&mxcsr, scratch + XSAVE_MXCSR, sizeof(mxcsr));
	/* XRSTOR's #GP conditions, standard form (SDM 2D, XRSTOR). */
	if ((header->xstate_bv & ~xfrm) || header->xcomp_bv || header->reserved[0] ||
	    (mxcsr & ~mask))
		return -EINVAL;
	return 0;
}

/*
 * Every component initial, and flags that make an unmasked #MF or #XM look pending, and nothing else
 * of the enclave's (SDM 3D, 40.3). Components that XSTATE_BV does not name are not read.
 */
struct synthetic {
	uint16_t fcw, fsw;
	uint8_t pointers[XSAVE_MXCSR - 4];
	uint32_t mxcsr;
	uint8_t registers[XSAVE_HEADER - XSAVE_MXCSR - 4];
	struct xsave_header header;
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct synthetic, mxcsr) == XSAVE_MXCSR, "XSAVE area");
_Static_assert(offsetof(struct synthetic, header) == XSAVE_HEADER, "XSAVE area");
static const struct synthetic synthetic_none = { .fcw = 0x37f, .mxcsr = 0x1fb0 };
static const struct synthetic synthetic_mf = { .fcw = 0x37e,
					       .fsw = 0x8081,
					       .mxcsr = 0x1fb0,
					       .header.xstate_bv = XSTATE_X87 };
static const struct synthetic synthetic_xm = { .fcw = 0x37f, .mxcsr = 0x1f01 };

void ssa_synthetic(uint64_t xfrm, uint8_t vector, bool is_exception)
{
	const struct synthetic *state = &synthetic_none;

	if (is_exception && vector == VECTOR_MF)
		state = &synthetic_mf;
	else if (is_exception && vector == VECTOR_XM)
		state = &synthetic_xm;
	arch_xrstor(state, xfrm);
}
