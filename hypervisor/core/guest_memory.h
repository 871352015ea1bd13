/* SPDX-License-Identifier: Apache-2.0 */
/* What arch tells guest_walk (core/guest_memory.c) about the processors, before the first guest runs. Defaults: 52 bits, pages of 1 GiB. */
#pragma once

#include "lib/base/types.h"

/* CPUID 80000008H EAX[7:0] and 80000001H EDX[26]: they decide which bits of an entry are reserved. */
void guest_memory_init(unsigned int physical_bits, bool gigabyte_pages);
