/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libbearssl.a wants of a C library inside the image, beyond lib/base/string.c: the checked forms of memcpy that Debian's flags
 * make of plain ones, and the stack guard's alarm (Debian builds with -fstack-protector-strong; arch keeps a guard for each
 * processor at FS:28H).
 */
#include "lib/base/string.h"

#define CHECKED_COPY(name, plain, from_type)                            \
	void *name(void *to, from_type from, size_t size, size_t room); \
	void *name(void *to, from_type from, size_t size, size_t room)  \
	{                                                               \
		assert(size <= room);                                   \
		return plain(to, from, size);                           \
	}
CHECKED_COPY(__memcpy_chk, memcpy, const void *)
CHECKED_COPY(__memmove_chk, memmove, const void *)
CHECKED_COPY(__memset_chk, memset, int)

noreturn_ void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("crypto: the stack guard was overwritten");
}
