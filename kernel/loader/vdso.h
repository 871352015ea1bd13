/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a vDSO image: pure, for the host's (hostile) one. */
#pragma once

#include "lib/base/types.h"

/* Module address of a function in an image of `size` bytes, or 0. Bounded by size whatever the image says. */
uint64_t vdso_find_symbol(const uint8_t *image, size_t size, const char *name,
			  uint64_t *ret_load_address);
