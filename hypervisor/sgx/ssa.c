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

/* One page of the frame: *ret_page is where it lies. Checks as EENTER's: Linux's tables, then the EPCM. */
static int ssa_page(struct vcpu *v, uint64_t secs_physical, uint64_t linear, void **ret_page)
{
	const uint32_t access = ACCESS_WRITE | ACCESS_USER;
	struct epcm_entry *entry;

	if (operand_epc(v, linear, PAGE_SIZE, access, &entry))
		return -EFAULT;
	if (!epcm_allows(entry, secs_physical, linear, SECINFO_R | SECINFO_W))
		return fault_epcm(v, linear, access);
	*ret_page = epc_page(entry);
	return 0;
}

int ssa_locate(struct vcpu *v, const struct enclave_entry *e, uint64_t linear,
	       struct ssa_frame *ret_frame)
{
	uint64_t last = linear + ((uint64_t)e->secs->ssa_frame_size - 1) * PAGE_SIZE;
	void *first_page, *last_page;

	/* ECREATE gives out no XFRM whose area is larger (sgx_xfrm_allowed). */
	assert(xsave_size(e->secs->attributes.xfrm) <= PAGE_SIZE);
	if (ssa_page(v, e->secs_physical, linear, &first_page))
		return -EFAULT;
	last_page = first_page;
	if (last != linear && ssa_page(v, e->secs_physical, last, &last_page))
		return -EFAULT;
	*ret_frame = ssa_frame_at(first_page, last_page);
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
	struct xsave_header *header = (struct xsave_header *)(void *)(frame->xsave + XSAVE_HEADER);

	/*
	 * Of the header XSAVE writes XSTATE_BV alone, and only the bits of components it saves
	 * (SDM 1, 13.7). What another thread of the enclave writes there meanwhile harms nobody
	 * else: ssa_fetch judges anew.
	 */
	header->xstate_bv = header->xcomp_bv = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(header->reserved); i++)
		header->reserved[i] = 0;
	arch_xsave(frame->xsave, xfrm);
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

	copy_words(scratch, frame->xsave, size);
	memcpy(&mxcsr, scratch + XSAVE_MXCSR, sizeof(mxcsr));
	/* Ignored there, "MBZ" here (APM 4, XRSTOR): a fault of the hypervisor's own must not hang on which is meant. */
	memset(&header->reserved[1], 0, sizeof(header->reserved) - sizeof(header->reserved[0]));
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
