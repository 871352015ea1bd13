/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes for tables. Tables over application-chosen keys bound their chains or use a per-enclave seed. */
#pragma once

#include "lib/base/types.h"

static inline uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t size)
{
	const unsigned char *p = data;
	uint64_t h = seed ^ 0xcbf29ce484222325ULL;

	while (size--)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return hash_u64(h);
}
