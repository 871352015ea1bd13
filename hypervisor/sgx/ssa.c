/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State save area frames (SDM 3D, 37.9): [XSAVE area, standard format .. MISC region, GPRSGX],
 * SSAFRAMESIZE pages. The extended state travels through a page of the hypervisor's: XSAVE never
 * writes to an enclave's page and XRSTOR never reads from one, because the enclave's other threads
 * may write there meanwhile, and because a frame's pages need not be neighbours in memory. What
 * XRSTOR would refuse is refused by our own checks before anything changes.
 */
#include "hypervisor/sgx/run.h"

#include "lib/base/string.h"

#include <asm-generic/errno-base.h>

/* XSAVE area, offsets (SDM 1, 10.5.1 and 13.4) */
#define XSAVE_FCW 0
#define XSAVE_FSW 2
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
	if (ssa_page(v, cr3, secs_physical, frame + frame_size - PAGE_SIZE, &last))
		return -EFAULT;
	found.gpr = (struct gprsgx *)(void *)(last + PAGE_SIZE - sizeof(struct gprsgx));
	*ret_frame = found;
	return 0;
}

static void copy_out(const struct ssa_frame *frame, const uint8_t *from, uint32_t size)
{
	for (unsigned int i = 0; i * PAGE_SIZE < size; i++)
		memcpy(frame->xsave[i], from + i * PAGE_SIZE, MIN(PAGE_SIZE, size - i * PAGE_SIZE));
}

void ssa_save(const struct ssa_frame *frame, uint64_t xfrm, uint8_t *scratch)
{
	struct xsave_header *header = (struct xsave_header *)(void *)(scratch + XSAVE_HEADER);
	uint32_t size = xsave_size(xfrm);

	/*
	 * Components in their initial state are not written by XSAVE: zero, rather than what was
	 * there.
	 */
	memset(scratch, 0, size);
	arch_xsave(scratch, xfrm);
	header->xstate_bv &= xfrm;
	header->xcomp_bv = 0;
	memset(header->reserved, 0, sizeof(header->reserved));
	copy_out(frame, scratch, size);
	secure_zero(scratch, size);
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

	for (unsigned int i = 0; i * PAGE_SIZE < size; i++)
		memcpy(scratch + i * PAGE_SIZE, frame->xsave[i],
		       MIN(PAGE_SIZE, size - i * PAGE_SIZE));
	memcpy(&mxcsr, scratch + XSAVE_MXCSR, sizeof(mxcsr));
	/* XRSTOR's #GP conditions, standard form (SDM 2D, XRSTOR). */
	if ((header->xstate_bv & ~xfrm) || header->xcomp_bv || header->reserved[0] ||
	    (mxcsr & ~mask))
		return -EINVAL;
	return 0;
}

void ssa_synthetic(uint64_t xfrm, uint8_t vector, bool is_exception, uint8_t *scratch)
{
	struct xsave_header *header = (struct xsave_header *)(void *)(scratch + XSAVE_HEADER);
	uint16_t fcw = 0x37f, fsw = 0;
	uint32_t mxcsr = 0x1fb0;

	/*
	 * Flags that make an unmasked #MF or #XM look pending, and nothing else of the enclave's
	 * (SDM 3D, 40.3).
	 */
	memset(scratch, 0, xsave_size(xfrm));
	if (is_exception && vector == VECTOR_MF) {
		header->xstate_bv = XSTATE_X87;
		fcw = 0x37e;
		fsw = 0x8081;
	} else if (is_exception && vector == VECTOR_XM) {
		mxcsr = 0x1f01;
	}
	memcpy(scratch + XSAVE_FCW, &fcw, sizeof(fcw));
	memcpy(scratch + XSAVE_FSW, &fsw, sizeof(fsw));
	memcpy(scratch + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	arch_xrstor(scratch, xfrm);
}
