/* SPDX-License-Identifier: Apache-2.0 */
/* `cloister policy`: checks an appraisal policy, says it in words, and lists the claims that policies can name. */
#include <stdio.h>
#include <string.h>

#include "cli/attest.h"

const struct option policy_options[] = { { 0 } };

static int parse(const char *path, struct cattest_policy **ret_policy, struct error *err)
{
	_free_ uint8_t *text = NULL;
	struct cattest_error why;
	size_t size;

	if (read_input(path, &text, &size, err))
		return EXIT_UNDECIDED;
	if (cattest_policy_parse(path, text, size, ret_policy, &why)) {
		fail(err, "%s", why.text);
		return 1;
	}
	return 0;
}

static int explain(const char *path, bool words, struct error *err)
{
	struct cattest_policy *policy;
	struct cattest_error why;
	char *text;
	int ret = parse(path, &policy, err);

	if (ret)
		return complain(err, ret);
	ret = words ? cattest_policy_explain(policy, &text, &why) : 0;
	cattest_policy_free(policy);
	if (ret) {
		fail(err, "%s", why.text);
		return complain(err, EXIT_UNDECIDED);
	}
	if (words)
		return print_text(text);
	printf("%s: ok\n", path);
	return fflush(stdout) ? EXIT_UNDECIDED : 0;
}

static int list_claims(void)
{
	static const char *const types[] = { "",	"bytes", "number", "text",
					     "boolean", "time",	 "list" };
	size_t count;
	const struct cattest_claim_name *names = cattest_claim_names(&count);

	for (size_t i = 0; i < count; i++)
		printf("%-28s %-8s %s\n", names[i].name, types[names[i].type], names[i].meaning);
	return fflush(stdout) ? EXIT_UNDECIDED : 0;
}

int cmd_policy(char **argv)
{
	struct option_parser p = { .table = policy_options, .argv = argv };
	struct error err;

	if (option_next(&p, &err) == -2)
		return complain(&err, EXIT_USAGE);
	argv = p.argv;
	if (argv[0] && !strcmp(argv[0], "claims") && !argv[1])
		return list_claims();
	if (argv[0] && argv[1] && !argv[2]) {
		if (!strcmp(argv[0], "check"))
			return explain(argv[1], false, &err);
		if (!strcmp(argv[0], "explain"))
			return explain(argv[1], true, &err);
	}
	fail(&err, "policy: needs `check FILE`, `explain FILE` or `claims`");
	return complain(&err, EXIT_USAGE);
}
