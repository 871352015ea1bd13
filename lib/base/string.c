/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C string functions for code without a libc. Copies of up to 256 bytes, which are nearly all, go through general
 * registers with overlapping head and tail; longer ones use the processor's string instructions, which every machine
 * we run on makes fast. No vector registers: they belong to the application while the kernel runs.
 *
 * Inside an ordinary process (CLOISTER_HOSTED: unit tests, sanitizers) the libc's own are used, which the sanitizers
 * intercept; only what libc does not have is built then.
 */
#include "lib/base/string.h"

#include <linux/errno.h>

#ifndef CLOISTER_HOSTED

#ifndef STRING_NO_BUILTINS
#undef memcpy
#undef memset
#undef memcmp
#undef strlen
#endif

#define STRING_INSTRUCTION_MIN 256

struct word64 {
	uint64_t v;
} __attribute__((packed, may_alias));
struct word32 {
	uint32_t v;
} __attribute__((packed, may_alias));
struct word16 {
	uint16_t v;
} __attribute__((packed, may_alias));

static inline uint64_t get64(const void *p)
{
	return ((const struct word64 *)p)->v;
}

static inline void put64(void *p, uint64_t v)
{
	((struct word64 *)p)->v = v;
}

static inline uint32_t get32(const void *p)
{
	return ((const struct word32 *)p)->v;
}

static inline void put32(void *p, uint32_t v)
{
	((struct word32 *)p)->v = v;
}

/* Up to 16 bytes; everything is read before anything is written, so it also serves memmove. */
static inline void copy_small(char *to, const char *from, size_t size)
{
	if (size >= 8) {
		uint64_t head = get64(from), tail = get64(from + size - 8);

		put64(to, head);
		put64(to + size - 8, tail);
	} else if (size >= 4) {
		uint32_t head = get32(from), tail = get32(from + size - 4);

		put32(to, head);
		put32(to + size - 4, tail);
	} else if (size) {
		char first = from[0], middle = from[size / 2], last = from[size - 1];

		to[0] = first;
		to[size / 2] = middle;
		to[size - 1] = last;
	}
}

void *memcpy(void *to, const void *from, size_t size)
{
	char *t = to;
	const char *f = from;

	if (size <= 16) {
		copy_small(t, f, size);
		return to;
	}
	if (size >= STRING_INSTRUCTION_MIN) {
		__asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(size) : : "memory");
		return to;
	}
	{
		uint64_t tail0 = get64(f + size - 16), tail1 = get64(f + size - 8);
		char *end = t + size;

		for (; size > 16; size -= 16, t += 16, f += 16) {
			uint64_t a = get64(f), b = get64(f + 8);

			put64(t, a);
			put64(t + 8, b);
		}
		put64(end - 16, tail0);
		put64(end - 8, tail1);
	}
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	char *t = to;
	const char *f = from;

	if (size <= 16) {
		copy_small(t, f, size);
		return to;
	}
	if ((uintptr_t)t - (uintptr_t)f >= size && (uintptr_t)f - (uintptr_t)t >= size)
		return memcpy(to, from, size);
	if (t < f) {
		for (; size >= 8; size -= 8, t += 8, f += 8)
			put64(t, get64(f));
		while (size--)
			*t++ = *f++;
	} else if (t > f) {
		for (; size >= 8; size -= 8)
			put64(t + size - 8, get64(f + size - 8));
		while (size--)
			t[size] = f[size];
	}
	return to;
}

void *memset(void *to, int c, size_t size)
{
	char *t = to;
	uint64_t pattern = (uint64_t)(unsigned char)c * 0x0101010101010101ULL;

	if (size >= STRING_INSTRUCTION_MIN) {
		__asm__ volatile("rep stosb" : "+D"(t), "+c"(size) : "a"(c) : "memory");
		return to;
	}
	if (size >= 8) {
		char *end = t + size;

		for (; size > 8; size -= 8, t += 8)
			put64(t, pattern);
		put64(end - 8, pattern);
	} else if (size >= 4) {
		put32(t, (uint32_t)pattern);
		put32(t + size - 4, (uint32_t)pattern);
	} else if (size) {
		t[0] = t[size / 2] = t[size - 1] = (char)c;
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	for (; size >= 8; size -= 8, x += 8, y += 8) {
		uint64_t p = get64(x), q = get64(y);

		if (p != q) {
			p = __builtin_bswap64(p);
			q = __builtin_bswap64(q);
			return p < q ? -1 : 1;
		}
	}
	for (; size; size--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

/* A nonzero byte at each zero byte of v (and above it, which does not matter: the lowest is looked at). */
static inline uint64_t zero_bytes(uint64_t v)
{
	return (v - 0x0101010101010101ULL) & ~v & 0x8080808080808080ULL;
}

void *memchr(const void *s, int c, size_t size)
{
	const unsigned char *p = s;
	uint64_t pattern = (uint64_t)(unsigned char)c * 0x0101010101010101ULL;

	for (; size >= 8; size -= 8, p += 8) {
		uint64_t found = zero_bytes(get64(p) ^ pattern);

		if (found)
			return (void *)(uintptr_t)(p + __builtin_ctzll(found) / 8);
	}
	for (; size; size--, p++)
		if (*p == (unsigned char)c)
			return (void *)(uintptr_t)p;
	return NULL;
}

__attribute__((no_sanitize_address)) size_t strlen(const char *s)
{
	const char *p = s;

	/* Aligned words never cross into a page the string does not touch. */
	for (; (uintptr_t)p & 7; p++)
		if (!*p)
			return (size_t)(p - s);
	for (;; p += 8) {
		uint64_t found = zero_bytes(((const struct word64 *)p)->v);

		if (found)
			return (size_t)(p - s) + (size_t)__builtin_ctzll(found) / 8;
	}
}

size_t strnlen(const char *s, size_t max)
{
	const char *end = memchr(s, 0, max);

	return end ? (size_t)(end - s) : max;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max; max--, a++, b++)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	for (;; s++) {
		if (*s == (char)c)
			found = s;
		if (!*s)
			return (char *)(uintptr_t)found;
	}
}

char *strstr(const char *s, const char *what)
{
	size_t len = strlen(what);

	if (!len)
		return (char *)(uintptr_t)s;
	for (; (s = strchr(s, *what)); s++)
		if (!strncmp(s, what, len))
			return (char *)(uintptr_t)s;
	return NULL;
}

#endif /* CLOISTER_HOSTED */

size_t str_copy(char *to, const char *from, size_t size)
{
	size_t len = strlen(from);

	if (size) {
		size_t n = len < size ? len : size - 1;

		memcpy(to, from, n);
		to[n] = 0;
	}
	return len;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned int)(c - 'A') + 10;
	return 99;
}

int str_to_u64(const char *s, unsigned int base, uint64_t *ret_value)
{
	uint64_t value = 0;

	if ((base == 0 || base == 16) && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	} else if (base == 0) {
		base = s[0] == '0' && s[1] ? 8 : 10;
	}
	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		unsigned int digit = digit_value(*s);

		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return -ERANGE;
	}
	*ret_value = value;
	return 0;
}

void secure_zero(void *p, size_t size)
{
	memset(p, 0, size);
	__asm__ volatile("" : : "r"(p) : "memory");
}

bool ct_equal(const void *a, const void *b, size_t size)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned int different = 0;

	while (size--)
		different |= (unsigned int)(*x++ ^ *y++);
	return different == 0;
}
