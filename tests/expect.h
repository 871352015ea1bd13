/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that go on after a failure: EXPECT says what was not so, with the values that its format names; main returns failures != 0. */
#pragma once

#include <stdio.h>

static int failures __attribute__((unused));

#define EXPECT(condition, ...)                                                      \
	do {                                                                        \
		if (!(condition)) {                                                 \
			printf("FAIL %s:%d: %s: ", __FILE__, __LINE__, #condition); \
			printf(__VA_ARGS__);                                        \
			printf("\n");                                               \
			failures++;                                                 \
		}                                                                   \
	} while (0)
