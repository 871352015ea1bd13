/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MRENCLAVE: SHA-256 over blocks of 64 bytes that ECREATE, EADD and EEXTEND describe themselves with (SDM 3D, 40.4: the leaves'
 * pages). The hash under way lies in the SECS, so it follows the page when it is evicted before EINIT.
 */
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/sgx/leaves.h"

#include "lib/base/string.h"

_Static_assert(sizeof(struct sha256_state) == sizeof(((struct secs *)0)->measure),
	       "hash state in the SECS");

static void block(struct secs *secs, const char tag[8], const void *body, size_t size)
{
	uint8_t b[64] = { 0 };

	memcpy(b, tag, 8);
	memcpy(b + 8, body, size);
	sha256_update((struct sha256_state *)secs->measure, b, sizeof(b));
}

void measure_ecreate(struct secs *secs)
{
	uint8_t body[20] = { 0 };

	/* SSAFRAMESIZE, SIZE, and CET_LEG_BITMAP_OFFSET, which is 0 without CET. */
	memcpy(body, &secs->ssa_frame_size, 4);
	memcpy(body + 4, &secs->size, 8);
	sha256_start((struct sha256_state *)secs->measure);
	block(secs, "ECREATE", body, sizeof(body));
}

void measure_eadd(struct secs *secs, uint64_t offset, const struct secinfo *secinfo)
{
	uint8_t body[56];

	memcpy(body, &offset, 8);
	memcpy(body + 8, secinfo, 48);
	block(secs, "EADD\0\0\0", body, sizeof(body));
}

void measure_eextend(struct secs *secs, uint64_t offset, const uint8_t chunk[256])
{
	block(secs, "EEXTEND", &offset, sizeof(offset));
	sha256_update((struct sha256_state *)secs->measure, chunk, 256);
}

void measure_final(const struct secs *secs, uint8_t ret_mrenclave[32])
{
	struct sha256_state copy;

	memcpy(&copy, secs->measure, sizeof(copy));
	sha256_finish(&copy, ret_mrenclave);
}
