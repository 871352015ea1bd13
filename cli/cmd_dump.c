/* SPDX-License-Identifier: Apache-2.0 */
/* `cloister dump`: decodes anything the library knows, and judges nothing. */
#include <stdio.h>
#include <string.h>

#include "cli/attest.h"

enum { JSON, TYPE, TYPES };
const struct option dump_options[] = {
	[JSON] = { 'j', "json", NULL, "for programs" },
	[TYPE] = { 't', "type", "TYPE", "read it as this type" },
	[TYPES] = { 0, "types", NULL, "list the types" },
	{ 0 },
};

static int list_types(void)
{
	for (const char *const *name = cattest_type_names(); *name; name++)
		puts(*name);
	return fflush(stdout) ? EXIT_UNDECIDED : 0;
}

static int dump(const char *path, const char *type, bool json, struct error *err)
{
	_free_ uint8_t *data = NULL;
	struct cattest_result *result;
	struct cattest_error why;
	char *text;
	size_t size;
	int ret;

	if (read_input(path, &data, &size, err))
		return complain(err, EXIT_UNDECIDED);
	if (cattest_decode(data, size, type, &result, &why)) {
		fail(err, "%s: %s", path, why.text);
		return complain(err, EXIT_REFUSED);
	}
	ret = json ? cattest_result_json(result, &text, &why)
		   : cattest_result_table(result, &text, &why);
	cattest_result_free(result);
	if (ret) {
		fail(err, "%s", why.text);
		return complain(err, EXIT_UNDECIDED);
	}
	return print_text(text);
}

int cmd_dump(char **argv)
{
	struct option_parser p = { .table = dump_options, .argv = argv };
	const char *type = NULL, *path = NULL;
	size_t operands = 0;
	bool json = false;
	struct error err;
	int option;

	while ((option = option_or_operand(&p, &path, 1, &operands, &err)) >= 0) {
		if (option == TYPES)
			return list_types();
		if (option == TYPE)
			type = p.value;
		else
			json = true;
	}
	if (option == -2)
		return complain(&err, EXIT_USAGE);
	if (!path) {
		fail(&err, "dump: a FILE is missing, or - for standard input");
		return complain(&err, EXIT_USAGE);
	}
	return dump(path, type, json, &err);
}
