/* SPDX-License-Identifier: Apache-2.0 */
/* First lines of scripts. */
#include <stdio.h>
#include <string.h>

#include "kernel/loader/script_parse.c"

static const struct {
	const char *line, *name, *argument; /* name NULL: refused */
} cases[] = {
	{ "#!/bin/sh\n", "/bin/sh", NULL },
	{ "#!/bin/sh", "/bin/sh", NULL },
	{ "#! \t/bin/sh\t-e  x \t\nrest", "/bin/sh", "-e  x" },
	{ "#!/bin/sh -", "/bin/sh", "-" },
	{ "#!/bin/sh ", "/bin/sh", "" },
	{ "#!/bin/sh \n", "/bin/sh", NULL },
	{ "#!/bin/sh a ", "/bin/sh", "a " },
	{ "#!", "", NULL },
	{ "#!\n", NULL, NULL },
	{ "#! \t \n", NULL, NULL },
	{ "#x/bin/sh\n", NULL, NULL },
	{ "", NULL, NULL },
	{ "#!a\r\n", "a\r", NULL },
};

int main(void)
{
	char line[SCRIPT_LINE_SIZE], *name, *argument;
	int failed = 0;

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		memset(line, 0, sizeof(line));
		memcpy(line, cases[n].line, strlen(cases[n].line));
		if (script_parse(line, &name, &argument)) {
			if (!cases[n].name)
				continue;
			printf("case %zu refused\n", n);
			failed = 1;
			continue;
		}
		if (!cases[n].name || strcmp(name, cases[n].name) ||
		    !argument != !cases[n].argument ||
		    (argument && strcmp(argument, cases[n].argument))) {
			printf("case %zu: \"%s\" \"%s\"\n", n, name, argument ? argument : "-");
			failed = 1;
		}
	}
	/* A name or an argument that goes beyond the buffer. */
	memset(line, 'x', sizeof(line));
	memcpy(line, "#!", 2);
	failed |= script_parse(line, &name, &argument) == 0;
	memset(line, 'x', sizeof(line));
	memcpy(line, "#!/a ", 5);
	failed |= script_parse(line, &name, &argument) || strcmp(name, "/a") ||
		  strlen(argument) != SCRIPT_LINE_SIZE - 1 - 5;
	memset(line, ' ', sizeof(line));
	memcpy(line, "#!", 2);
	failed |= script_parse(line, &name, &argument) == 0;
	return failed;
}
