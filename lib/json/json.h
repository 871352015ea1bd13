/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of outside, before jansson sees it: jansson reads recursively and accepts a name twice unless told not to, so whoever reads
 * text of others bounds size and nesting first.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether brackets outside of strings nest at most depth_max deep. Says nothing else about the text. */
bool json_shallow(const void *text, size_t size, unsigned depth_max);
/* One JSON value, at most depth_max deep, no name twice, nothing behind it; NULL: it is none. Free with json_decref(). */
json_t *json_read(const void *text, size_t size, unsigned depth_max, json_error_t *ret_error);
