/* SPDX-License-Identifier: Apache-2.0 */
/* The few words every freestanding file uses. The only header all include. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define PAGE_UP(x) (((uintptr_t)(x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))
#define PAGE_DOWN(x) ((uintptr_t)(x) & ~(PAGE_SIZE - 1))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                              \
	({                                     \
		__typeof__(a) min_a = (a);     \
		__typeof__(b) min_b = (b);     \
		min_a < min_b ? min_a : min_b; \
	})
#define MAX(a, b)                              \
	({                                     \
		__typeof__(a) max_a = (a);     \
		__typeof__(b) max_b = (b);     \
		max_a > max_b ? max_a : max_b; \
	})
#define ROUND_UP(x, a) (((x) + (a)-1) / (a) * (a))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define must_check __attribute__((warn_unused_result))
#define noreturn_ __attribute__((noreturn))
#define format_(f, a) __attribute__((format(printf, f, a)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A value of a pointer-returning function is an error in [-4095, -1]. */
#define ERR_PTR(e) ((void *)(intptr_t)(e))
#define PTR_ERR(p) ((int)(intptr_t)(p))
#define IS_ERR(p) ((uintptr_t)(p) >= (uintptr_t)-4095)

/* An address the application gave: only copy_in/copy_out and friends open it. */
struct uptr {
	uintptr_t v;
};
#define UPTR(x) ((struct uptr){ (uintptr_t)(x) })

/* Broken invariants, never bad input. Kept in release. */
noreturn_ void panic(const char *format, ...) format_(1, 2);
#define assert(c)                                                                     \
	do {                                                                          \
		if (unlikely(!(c)))                                                   \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #c); \
	} while (0)
