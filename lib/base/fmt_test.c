/* SPDX-License-Identifier: Apache-2.0 */
/* fmt_snprintf against the libc's snprintf. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fmt.c"

void panic(const char *format, ...)
{
	(void)format;
	abort();
}

static int failed;

#define SAME(...)                                                                                \
	do {                                                                                     \
		char a[200], b[200];                                                             \
		for (size_t size = 0; size < 30; size += 3) {                                    \
			int ours, libcs;                                                         \
			memset(a, 'x', sizeof(a));                                               \
			a[199] = 0;                                                              \
			memset(b, 'x', sizeof(b));                                               \
			b[199] = 0;                                                              \
			ours = fmt_snprintf(a, size == 27 ? sizeof(a) - 1 : size, __VA_ARGS__);  \
			libcs = snprintf(b, size == 27 ? sizeof(b) - 1 : size, __VA_ARGS__);     \
			if (ours != libcs || memcmp(a, b, sizeof(a))) {                          \
				printf("%s:%d: %d \"%s\", libc %d \"%s\"\n", __FILE__, __LINE__, \
				       ours, a, libcs, b);                                       \
				failed = 1;                                                      \
			}                                                                        \
		}                                                                                \
	} while (0)

int main(void)
{
	const long numbers[] = { 0,   1,    -1,	       9,	  10,	     -10,
				 255, 4096, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		long n = numbers[i];

		SAME("%d %i %u %x %X %o", (int)n, (int)n, (unsigned int)n, (unsigned int)n,
		     (unsigned int)n, (unsigned int)n);
		SAME("%ld %lu %lx %lo %lld %zu", n, (unsigned long)n, (unsigned long)n,
		     (unsigned long)n, (long long)n, (size_t)n);
		SAME("[%8d][%-8d][%08d][%+d][% d]", (int)n, (int)n, (int)n, (int)n, (int)n);
		SAME("[%#x][%#o][%#10x][%-#10x][%#010x]", (unsigned int)n, (unsigned int)n,
		     (unsigned int)n, (unsigned int)n, (unsigned int)n);
		SAME("[%.5d][%8.5d][%-8.5d][%.0d]", (int)n, (int)n, (int)n, (int)n);
		SAME("[%*d][%-*d][%.*d]", 7, (int)n, 7, (int)n, 4, (int)n);
		SAME("[%*d]", -7, (int)n);
	}
	SAME("%hhd %hd %hhu %hx", (signed char)-3, (short)-300, (unsigned char)200,
	     (unsigned short)65535);
	SAME("%s|%10s|%-10s|%.2s|%10.2s|", "abc", "abc", "abc", "abc", "abc");
	SAME("%c|%5c|%-5c|%%", 'x', 'y', 'z');
	SAME("%p", (void *)0x1234abcd);
	SAME("no directive at all");
	SAME("/proc/%d/fd/%d", 12, 3);
	return failed;
}
