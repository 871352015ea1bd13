/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library that libmbedcrypto.a sees inside the image: memory from a fixed arena; the checked forms of memcpy that
 * Debian's flags make of plain ones; the stack guard's alarm (Debian builds with -fstack-protector-strong; arch keeps a guard
 * for each processor at FS:28H). Files, printing, time: referenced by self tests and by functions that nothing of ours calls;
 * they panic.
 *
 * The arena: blocks in address order, each with a header; the first free one that fits is taken, neighbours are joined when
 * freed. Guarded by the crypto lock. Freed memory is wiped.
 */
#include "hypervisor/crypto/crypto.h"

#include "lib/base/string.h"

struct block {
	size_t size; /* with this header; multiple of 16 */
	size_t used;
};

static struct block *first;
static char *end;

void crypto_runtime_init(void *arena, size_t size)
{
	uintptr_t start = ROUND_UP((uintptr_t)arena, 16);

	first = (struct block *)start;
	end = (char *)(start + ((uintptr_t)arena + size - start) / 16 * 16);
	first->size = (size_t)(end - (char *)first);
	first->used = 0;
}

/* --- Memory ----------------------------------------------------------------------------------- */

void *calloc(size_t count, size_t size);
void free(void *p);

static struct block *next_of(struct block *b)
{
	return (struct block *)((char *)b + b->size);
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)(end - (char *)first))
		return NULL;
	bytes = ROUND_UP(bytes + sizeof(struct block), 16);
	for (struct block *b = first; (char *)b < end; b = next_of(b)) {
		struct block *rest;

		assert(b->size >= sizeof(*b) && b->size <= (size_t)(end - (char *)b));
		if (b->used || b->size < bytes)
			continue;
		if (b->size - bytes >= 2 * sizeof(*b)) {
			rest = (struct block *)((char *)b + bytes);
			rest->size = b->size - bytes;
			rest->used = 0;
			b->size = bytes;
		}
		b->used = 1;
		memset(b + 1, 0, b->size - sizeof(*b));
		return b + 1;
	}
	return NULL;
}

void free(void *p)
{
	struct block *b, *next;

	if (!p)
		return;
	b = (struct block *)p - 1;
	assert((char *)b >= (char *)first && (char *)b < end && b->used == 1);
	secure_zero(p, b->size - sizeof(*b));
	b->used = 0;
	for (b = first; (char *)b < end;) {
		next = next_of(b);
		if ((char *)next < end && !b->used && !next->used)
			b->size += next->size;
		else
			b = next;
	}
}

/* --- Checked copies (glibc's names), guard ---------------------------------------------------- */

void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);
void *__memset_chk(void *to, int c, size_t size, size_t room);
noreturn_ void __stack_chk_fail(void);

void *__memcpy_chk(void *to, const void *from, size_t size, size_t room)
{
	assert(size <= room);
	return memcpy(to, from, size);
}

void *__memset_chk(void *to, int c, size_t size, size_t room)
{
	assert(size <= room);
	return memset(to, c, size);
}

void __stack_chk_fail(void)
{
	panic("crypto: the stack guard was overwritten");
}

/* --- Never called ----------------------------------------------------------------------------- */

#define NEVER(name)                                            \
	noreturn_ void name(void);                             \
	noreturn_ void name(void)                              \
	{                                                      \
		panic("crypto: the library called %s", #name); \
	}

NEVER(__printf_chk)
NEVER(puts)
NEVER(putchar)
NEVER(fopen)
NEVER(fclose)
NEVER(fread)
NEVER(fwrite)
NEVER(ferror)
NEVER(fgets)
NEVER(gmtime_r)

/* Of the threading layer: the crypto lock is around everything. */
#define NOTHING(name)     \
	int name(void);   \
	int name(void)    \
	{                 \
		return 0; \
	}
NOTHING(pthread_mutex_init)
NOTHING(pthread_mutex_destroy)
NOTHING(pthread_mutex_lock)
NOTHING(pthread_mutex_unlock)

/* libgcc's division of 128 bits, which the archive's big numbers use. */
unsigned __int128 __udivti3(unsigned __int128 n, unsigned __int128 d);
unsigned __int128 __udivti3(unsigned __int128 n, unsigned __int128 d)
{
	uint64_t high = (uint64_t)(n >> 64), low = (uint64_t)n, q_high, q_low, rest;
	unsigned __int128 q = 0, r = 0;

	assert(d);
	if (!(d >> 64)) {
		q_high = high / (uint64_t)d;
		rest = high % (uint64_t)d;
		/* DIV does not overflow: rest < d */
		__asm__("divq %4"
			: "=a"(q_low), "=d"(rest)
			: "0"(low), "1"(rest), "r"((uint64_t)d)
			: "cc");
		return (unsigned __int128)q_high << 64 | q_low;
	}
	for (int i = 127; i >= 0; i--) {
		r = r << 1 | (n >> i & 1);
		if (r >= d) {
			r -= d;
			q |= (unsigned __int128)1 << i;
		}
	}
	return q;
}
