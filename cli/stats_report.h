/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

struct boot_info;

/* What `cloister run --stats` prints. */
void print_stats(FILE *to, const struct boot_info *b, unsigned long long memory_bytes);
