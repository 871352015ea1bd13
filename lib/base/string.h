/* SPDX-License-Identifier: Apache-2.0 */
/* The C string functions that freestanding code needs, with their standard contracts. */
#pragma once

#include "lib/base/types.h"

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int c, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *s, int c, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *what);

#if !defined(CLOISTER_HOSTED) && !defined(STRING_NO_BUILTINS)
/* Freestanding code loses the compiler's knowledge of these: give it back, so that small constant sizes are inline. */
#define memcpy(to, from, size) __builtin_memcpy((to), (from), (size))
#define memset(to, c, size) __builtin_memset((to), (c), (size))
#define memcmp(a, b, size) __builtin_memcmp((a), (b), (size))
#define strlen(s) __builtin_strlen(s)
#endif

/* Copies at most size-1 bytes and always ends with NUL. Returns strlen(from): >= size means truncated. */
size_t str_copy(char *to, const char *from, size_t size);
/* Decimal (or 0x, or 0 octal if base 0) number that fills the whole string: 0, or -EINVAL, -ERANGE. */
must_check int str_to_u64(const char *s, unsigned int base, uint64_t *ret_value);
static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Wipes; the compiler cannot drop it. */
void secure_zero(void *p, size_t size);
/* Compares in time that depends on `size` only. */
must_check bool ct_equal(const void *a, const void *b, size_t size);
