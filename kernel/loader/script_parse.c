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

/* First in [from, to], both included: a byte that is not blank; one that ends a word. NULL: none. */
static char *find_word(char *from, char *to)
{
	for (; from <= to; from++)
		if (!is_blank(*from))
			return from;
	return NULL;
}

static char *find_word_end(char *from, char *to)
{
	for (; from <= to; from++)
		if (is_blank(*from) || !*from)
			return from;
	return NULL;
}

static char *find_newline(char *line)
{
	for (size_t n = 0; n < SCRIPT_LINE_SIZE && line[n]; n++)
		if (line[n] == '\n')
			return line + n;
	return NULL;
}

/*
 * Bytes behind a short file are zero. Without a newline they belong to the line, with the effect that "#!" alone names
 * an empty path, and that a blank at the end of the file is followed by an empty argument.
 */
int script_parse(char line[SCRIPT_LINE_SIZE], char **ret_name, char **ret_argument)
{
	char *last = line + SCRIPT_LINE_SIZE - 1, *end, *name, *stop, *argument = NULL;

	if (line[0] != '#' || line[1] != '!')
		return -ENOEXEC;
	end = find_newline(line);
	if (!end) {
		/* Something behind the name must show that it is whole. */
		name = find_word(line + 2, last);
		if (!name || !find_word_end(name, last))
			return -ENOEXEC;
		end = last;
	}
	while (end > line + 2 && is_blank(end[-1]))
		end--;
	name = find_word(line + 2, end);
	if (!name || name == end)
		return -ENOEXEC;
	stop = find_word_end(name, end);
	if (stop && *stop)
		argument = find_word(stop, end);
	*end = 0;
	if (argument)
		*stop = 0;
	*ret_name = name;
	*ret_argument = argument;
	return 0;
}
