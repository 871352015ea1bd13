/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line of a script, as Linux reads it: `#!`, blanks, a name without blanks, and at most one argument, which
 * is the rest of the line without blanks around it. Only the first 256 bytes of the file are looked at; a name that may have been
 * cut off there is refused, an argument is not. Pure.
 */
#include <asm/errno.h>

#include "kernel/loader/elf.h"
#include "lib/base/string.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The line's bytes are line[2..end): end is at the newline, or at the last byte of the buffer, which is no part of it. */
int script_parse(char line[SCRIPT_LINE_SIZE], char **ret_name, char **ret_argument)
{
	char *last = line + SCRIPT_LINE_SIZE - 1, *end, *name = line + 2, *stop, *argument;

	if (line[0] != '#' || line[1] != '!')
		return -ENOEXEC;
	end = line;
	while (end <= last && *end && *end != '\n')
		end++;
	if (end > last || *end != '\n') {
		/* No newline: something after the name must show that it is whole. */
		char *p = name;

		while (p <= last && is_blank(*p))
			p++;
		while (p <= last && *p && !is_blank(*p))
			p++;
		if (p > last)
			return -ENOEXEC;
		end = MIN(end, last);
	}
	while (end > name && is_blank(end[-1]))
		end--;
	while (name < end && is_blank(*name))
		name++;
	if (name >= end)
		return -ENOEXEC;
	for (stop = name; stop < end && !is_blank(*stop); stop++)
		;
	for (argument = stop; argument < end && is_blank(*argument); argument++)
		;
	*end = 0;
	*stop = 0;
	*ret_name = name;
	*ret_argument = argument < end ? argument : NULL;
	return 0;
}
