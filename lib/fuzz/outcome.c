/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which checks are taken as passed: see outcome.h. The hash of the input (FNV-1a) chooses: of four inputs one has all checks made, two have
 * all of them passed, and in one each check in turn is decided by a bit, so that every order of good and bad comes up.
 */
#include "lib/fuzz/outcome.h"

#ifndef CLOISTER_FUZZ
#error "this file is for CONFIG=fuzz alone"
#endif

static uint64_t outcomes;

bool fuzz_outcome(void)
{
	bool passed = outcomes & 1;

	outcomes = outcomes >> 1 | outcomes << 63;
	return passed;
}

bool fuzz_outcomes_from(const uint8_t *data, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 0x100000001b3;
	hash ^= hash >> 32;
	outcomes = (hash & 3) == 0 ? 0 : (hash & 3) < 3 ? UINT64_MAX : hash >> 2;
	return outcomes;
}
