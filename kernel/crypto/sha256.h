/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) by Nettle, whose two block functions (SHA extensions, plain x86-64) are linked into the kernel;
 * which one runs is asked of the processor once. No locks, no allocation. The vector registers, which the kernel leaves to
 * applications, are put back before a call returns.
 */
#pragma once

#include "lib/base/types.h"

#define SHA256_SIZE 32

/* The digest of `salt` and then `data`: what dm-verity's format 1 takes of a block. */
void sha256_salted(const void *salt, size_t salt_size, const void *data, size_t size,
		   uint8_t ret[SHA256_SIZE]);
