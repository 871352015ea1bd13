/* SPDX-License-Identifier: Apache-2.0 */
/* Our string functions, under other names, against the libc's. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef CLOISTER_HOSTED
#define STRING_NO_BUILTINS
#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define memchr our_memchr
#define strlen our_strlen
#define strnlen our_strnlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#define strrchr our_strrchr
#define strstr our_strstr
#include "lib/base/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr

void panic(const char *format, ...)
{
	(void)format;
	abort();
}

#define CHECK(c)                                                                 \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void test_memory(void)
{
	static unsigned char a[1400], b[1400], from[1400];

	for (size_t size = 0; size < 600; size++) {
		for (size_t offset = 0; offset < 3; offset++) {
			for (size_t i = 0; i < sizeof(from); i++) {
				from[i] = (unsigned char)rand();
				a[i] = b[i] = 0x55;
			}
			CHECK(our_memcpy(a + 8 + offset, from + offset, size) == a + 8 + offset);
			memcpy(b + 8 + offset, from + offset, size);
			CHECK(!memcmp(a, b, sizeof(a)));
			our_memset(a + 3, (int)size, size);
			memset(b + 3, (int)size, size);
			CHECK(!memcmp(a, b, sizeof(a)));
			memcpy(a, from, sizeof(a));
			memcpy(b, from, sizeof(b));
			our_memmove(a + 20 + offset, a + 20, size);
			memmove(b + 20 + offset, b + 20, size);
			our_memmove(a + 10, a + 10 + offset * 7, size);
			memmove(b + 10, b + 10 + offset * 7, size);
			our_memmove(a + 10 + size, a + 10, size);
			memmove(b + 10 + size, b + 10, size);
			CHECK(!memcmp(a, b, sizeof(a)));
			CHECK(our_memcmp(a, b, size) == 0);
			if (size) {
				size_t at = (size_t)rand() % size;

				a[at] ^= (unsigned char)(1 + rand() % 255);
				CHECK(sign(our_memcmp(a, b, size)) == sign(memcmp(a, b, size)));
				CHECK(our_memchr(a, a[at], size) == memchr(a, a[at], size));
				CHECK(!ct_equal(a, b, size));
				CHECK(ct_equal(a, a, size));
			}
		}
	}
}

static void test_strings(void)
{
	char s[64], t[64];

	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rand() % 40, off = (size_t)rand() % 9;

		for (size_t i = 0; i < len; i++)
			s[off + i] = (char)("ab\x80\xff"[rand() % 4]);
		s[off + len] = 0;
		memcpy(t, s + off, len + 1);
		if (len && rand() % 2)
			t[(size_t)rand() % len] = 'a';
		CHECK(our_strlen(s + off) == len);
		CHECK(our_strnlen(s + off, 10) == strnlen(s + off, 10));
		CHECK(sign(our_strcmp(s + off, t)) == sign(strcmp(s + off, t)));
		CHECK(sign(our_strncmp(s + off, t, 5)) == sign(strncmp(s + off, t, 5)));
		CHECK(our_strchr(s + off, 'b') == strchr(s + off, 'b'));
		CHECK(our_strchr(s + off, 0) == s + off + len);
		CHECK(our_strrchr(s + off, 'b') == strrchr(s + off, 'b'));
		t[len < 3 ? len : 3] = 0;
		CHECK(our_strstr(s + off, t) == strstr(s + off, t));
	}
}

static void test_own(void)
{
	char to[4];
	uint64_t v = 7;

	CHECK(str_copy(to, "hello", sizeof(to)) == 5 && !strcmp(to, "hel"));
	CHECK(str_copy(to, "ab", sizeof(to)) == 2 && !strcmp(to, "ab"));
	CHECK(str_copy(to, "ab", 0) == 2);
	CHECK(!str_to_u64("18446744073709551615", 10, &v) && v == UINT64_MAX);
	CHECK(str_to_u64("18446744073709551616", 10, &v) == -ERANGE && v == UINT64_MAX);
	CHECK(!str_to_u64("0x1F", 0, &v) && v == 31);
	CHECK(!str_to_u64("017", 0, &v) && v == 15);
	CHECK(!str_to_u64("0", 0, &v) && v == 0);
	CHECK(!str_to_u64("ff", 16, &v) && v == 255);
	CHECK(str_to_u64("", 10, &v) == -EINVAL && str_to_u64("0x", 0, &v) == -EINVAL);
	CHECK(str_to_u64("12a", 10, &v) == -EINVAL && str_to_u64("-1", 10, &v) == -EINVAL);
	secure_zero(to, sizeof(to));
	CHECK(!to[0] && !to[3]);
}

int main(void)
{
	test_memory();
	test_strings();
	test_own();
	return 0;
}
