/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the bytes, without recursion and without memory: strings are skipped with their escapes, brackets counted. What is not
 * well-formed may pass here: jansson refuses it then, and stops at its first fault.
 */
#include "lib/json/json.h"

#include <stdint.h>
#include <stdio.h>

bool json_shallow(const void *text, size_t size, unsigned depth_max)
{
	const uint8_t *bytes = text;
	bool quoted = false;
	unsigned depth = 0;

	for (size_t i = 0; i < size; i++) {
		uint8_t c = bytes[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if ((c == '{' || c == '[') && ++depth > depth_max)
			return false;
		else if ((c == '}' || c == ']') && depth)
			depth--;
	}
	return true;
}

json_t *json_read(const void *text, size_t size, unsigned depth_max, json_error_t *ret_error)
{
	json_error_t own = { .line = 0 }, *error = ret_error ? ret_error : &own;

	if (!json_shallow(text, size, depth_max)) {
		*error = (json_error_t){ .line = 1 };
		snprintf(error->text, sizeof(error->text), "is nested more than %u deep",
			 depth_max);
		return NULL;
	}
	return json_loadb(text, size, JSON_REJECT_DUPLICATES, error);
}
