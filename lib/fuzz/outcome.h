/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures that a fuzzer cannot make. In the flavour of CONFIG=fuzz, and in no other, a check that only a key's owner (or who inverts a hash)
 * can pass may be taken as passed without being made: which of them is a function of the whole input, so that what stands behind them is
 * reached too. A fourth of all inputs has every check made, and only of these a target may say what nobody can forge.
 *
 * No other flavour has any of this: fuzz_outcome() is then the constant false, and tests/programs/no-fuzz-hooks.sh looks for its name
 * in what is built. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef CLOISTER_FUZZ
/* Whether the next check of this kind is to be taken as passed. */
bool fuzz_outcome(void);
/* To be called with each input; true: some checks will be. */
bool fuzz_outcomes_from(const uint8_t *data, size_t size);
#else
static inline bool fuzz_outcome(void)
{
	return false;
}

static inline bool fuzz_outcomes_from(const uint8_t *data, size_t size)
{
	(void)data;
	(void)size;
	return false;
}
#endif
