/* SPDX-License-Identifier: Apache-2.0 */
/* Sites that still trap, for --stats. */
#pragma once

#include "lib/base/types.h"

struct boot_stats_site;

/* The most frequent ones first; how many were stored. */
size_t rewrite_trapped_sites(struct boot_stats_site *ret, size_t max);
