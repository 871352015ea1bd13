/* SPDX-License-Identifier: Apache-2.0 */
/* printf without libc: %d %i %u %x %X %o %c %s %p %%, with l, ll, z, h, hh; flags - 0 # + space; width and precision, also *. */
#pragma once

#include <stdarg.h>

#include "lib/base/types.h"

/* As C99: returns the length it would have had; always ends with NUL if size > 0. */
int fmt_vsnprintf(char *to, size_t size, const char *format, va_list ap);
int fmt_snprintf(char *to, size_t size, const char *format, ...) format_(3, 4);
