/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Nettle's SHA-256 needs of a kernel without libc. Of the library only the members sha256.o, sha256-compress*.o and
 * write-be32.o are linked: its own choice between the block functions (fat-x86_64.o) asks the environment, prints, and
 * reads a stack guard at %fs:28h, which is the application's here; so the choice is made below, under the name it is called by.
 */
#include "kernel/crypto/sha256.h"

#include <nettle/sha2.h>

#include "kernel/crypto/vectors.h"
#include "lib/base/string.h"

/* Nettle's internal names, as of 3.8: a change of them is an error of the linker. */
void _nettle_sha256_compress(uint32_t *state, const uint8_t *block, const uint32_t *k);
void _nettle_sha256_compress_x86_64(uint32_t *state, const uint8_t *block, const uint32_t *k);
void _nettle_sha256_compress_sha_ni(uint32_t *state, const uint8_t *block, const uint32_t *k);

/* CPUID leaf 7, EBX bit 29: SHA extensions (Intel SDM volume 2, CPUID). 0: not asked yet. */
#define CPUID_7_EBX_SHA (1u << 29)
enum { UNKNOWN, PLAIN, EXTENSIONS };
static int which;

static int ask_processor(void)
{
	uint32_t a = 0, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d) : "c"(0));
	if (a < 7)
		return PLAIN;
	a = 7;
	c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b & CPUID_7_EBX_SHA ? EXTENSIONS : PLAIN;
}

void _nettle_sha256_compress(uint32_t *state, const uint8_t *block, const uint32_t *k)
{
	int now = __atomic_load_n(&which, __ATOMIC_RELAXED);

	if (unlikely(now == UNKNOWN)) {
		now = ask_processor();
		__atomic_store_n(&which, now, __ATOMIC_RELAXED);
	}
	if (now == EXTENSIONS)
		_nettle_sha256_compress_sha_ni(state, block, k);
	else
		_nettle_sha256_compress_x86_64(state, block, k);
}

#ifndef CLOISTER_HOSTED /* there libc has it */
noreturn_ void __assert_fail(const char *what, const char *file, unsigned int line, const char *in);
void __assert_fail(const char *what, const char *file, unsigned int line, const char *in)
{
	panic("%s:%u: %s: assertion failed: %s", file, line, in, what);
}
#endif

void sha256_salted(const void *salt, size_t salt_size, const void *data, size_t size,
		   uint8_t ret[SHA256_SIZE])
{
	struct sha256_ctx context;
	struct vectors saved;

	vectors_save(&saved);
	sha256_init(&context);
	sha256_update(&context, salt_size, salt);
	sha256_update(&context, size, data);
	sha256_digest(&context, SHA256_SIZE, ret);
	vectors_restore(&saved);
}
