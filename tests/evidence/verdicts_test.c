/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdicts.txt against the library: what becomes of every file of the evidence folder when it is taken for evidence, for something to decode and
 * for collateral, and of each scenario. A file that the table does not have is a failure, so that nothing is forgotten; so is one that is not there.
 * With the argument "learn" it prints the lines of the first kind as they are now, to be read before they are put into the table.
 */
#include "tests/evidence/scenario.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 512

/* The table, in the program: tests run anywhere. */
__asm__(".pushsection .rodata\n"
	"verdicts_start: .incbin \"tests/evidence/verdicts.txt\"\n"
	"verdicts_end:\n"
	".popsection\n");
extern const char verdicts_start[] __attribute__((visibility("hidden")));
extern const char verdicts_end[] __attribute__((visibility("hidden")));

static unsigned failures, scenarios;
static char *files[FILES_MAX];
static bool listed[FILES_MAX];
static size_t file_count, root_len;

static int on_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (flag == FTW_F && file_count < FILES_MAX)
		files[file_count++] = strdup(path + root_len + 1);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What a file is without anything else: the words of a line. */
static void take_as_all(const char *path, char *ret_words, size_t room, char *ret_why,
			size_t why_room)
{
	struct scenario s = { .path = path };
	struct cattest_verifier *v = scenario_verifier(&s);
	struct cattest_result *result = NULL, *decoded = NULL;
	struct cattest_error err = { "" }, decode_err = { "" }, add_err = { "" };
	struct bytes b = evidence_read(path);
	const char *verdict = b.data && v ? scenario_verify(v, &s, b.data, b.size, &result, &err)
					  : "unread";
	int decode = b.data ? cattest_decode(b.data, b.size, NULL, &decoded, &decode_err) : -1;
	int add = b.data && v ? cattest_add_collateral(v, path, b.data, b.size, &add_err) : -1;

	ret_why[0] = 0;
	if (result)
		first_fault(result, ret_why, why_room);
	else
		snprintf(ret_why, why_room, "%s | %s | %s", err.text, decode_err.text,
			 add_err.text);
	snprintf(ret_words, room, "%s%s%s %s %s", verdict, result ? "/" : "",
		 result ? cattest_result_type(result) : "",
		 decode ? "opaque" : cattest_result_type(decoded),
		 add ? "no-collateral" : "collateral");
	cattest_result_free(result);
	cattest_result_free(decoded);
	cattest_verifier_free(v);
	free(b.data);
}

/* "= PATH VERDICT[/TYPE] DECODED-AS COLLATERAL-OR-NOT" */
static void check_file(const char *line, int number)
{
	char path[256], expected[3][64], words[256], wanted[256], why[2048];
	size_t i = 0;

	if (sscanf(line, "= %255s %63s %63s %63s", path, expected[0], expected[1], expected[2]) !=
	    4) {
		printf("verdicts.txt:%d: malformed\n", number);
		failures++;
		return;
	}
	while (i < file_count && strcmp(files[i], path))
		i++;
	if (i == file_count || listed[i]) {
		printf("verdicts.txt:%d: %s is %s\n", number, path,
		       i == file_count ? "not in the folder" : "listed twice");
		failures++;
		return;
	}
	listed[i] = true;
	snprintf(wanted, sizeof(wanted), "%s %s %s", expected[0], expected[1], expected[2]);
	take_as_all(path, words, sizeof(words), why, sizeof(why));
	if (strcmp(words, wanted)) {
		printf("%s: is \"%s\", expected \"%s\" (%s)\n", path, words, wanted, why);
		failures++;
	}
}

static void check_claims(const struct scenario *s, const struct cattest_result *r)
{
	for (size_t i = 0; i < s->claim_count; i++) {
		const char *equals = strchr(s->claims[i], '=');
		const struct cattest_claim *claim;
		char name[64], text[4096] = "(not stated)";

		snprintf(name, sizeof(name), "%.*s", (int)(equals - s->claims[i]), s->claims[i]);
		claim = r ? cattest_result_find(r, name) : NULL;
		if (claim)
			claim_text_of(claim, text, sizeof(text));
		if (strcmp(text, equals + 1)) {
			printf("verdicts.txt:%d: %s: %s is \"%s\", expected \"%s\"\n", s->number,
			       s->path, name, text, equals + 1);
			failures++;
		}
	}
}

static void check_scenario(const char *line, int number)
{
	struct cattest_result *result = NULL;
	struct cattest_error err = { "" };
	struct cattest_verifier *v;
	struct scenario s;
	const char *verdict;
	char why[1024] = "";
	struct bytes b;

	scenarios++;
	if (!scenario_parse(&s, line, number)) {
		failures++;
		return;
	}
	b = evidence_read(s.path);
	v = b.data ? scenario_verifier(&s) : NULL;
	if (!v) {
		failures++;
		free(b.data);
		return;
	}
	/* Twice: what the verifier remembers changes nothing. */
	for (int i = 0; i < 2; i++) {
		cattest_result_free(result);
		verdict = scenario_verify(v, &s, b.data, b.size, &result, &err);
		if (result)
			first_fault(result, why, sizeof(why));
		else
			snprintf(why, sizeof(why), "%s", err.text);
		if (strcmp(verdict, s.verdict)) {
			printf("verdicts.txt:%d: %s at %s: %s, expected %s (%s)\n", number, s.path,
			       s.at ? s.at : "-", verdict, s.verdict, why);
			failures++;
		}
	}
	check_claims(&s, result);
	cattest_result_free(result);
	cattest_verifier_free(v);
	free(b.data);
}

static void check_table(FILE *table)
{
	char line[2048];

	for (int number = 1; fgets(line, sizeof(line), table); number++) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (line[0] == '=')
			check_file(line, number);
		else
			check_scenario(line, number);
	}
	for (size_t i = 0; i < file_count; i++)
		if (!listed[i]) {
			printf("%s: is not in verdicts.txt\n", files[i]);
			failures++;
		}
}

static void learn(void)
{
	for (size_t i = 0; i < file_count; i++) {
		char words[256], why[2048];

		take_as_all(files[i], words, sizeof(words), why, sizeof(why));
		printf("= %s %s # %s\n", files[i], words, why);
	}
}

int main(int argc, char **argv)
{
	const char *folder = evidence_folder();
	FILE *table;

	if (!folder)
		return 77;
	root_len = strlen(folder);
	nftw(folder, on_file, 16, FTW_PHYS);
	qsort(files, file_count, sizeof(files[0]), by_name);
	if (argc > 1 && !strcmp(argv[1], "learn")) {
		learn();
		return 0;
	}
	table = fmemopen((void *)(uintptr_t)verdicts_start, (size_t)(verdicts_end - verdicts_start),
			 "r");
	if (!table)
		return 1;
	check_table(table);
	fclose(table);
	scenario_done();
	for (size_t i = 0; i < file_count; i++)
		free(files[i]);
	printf("%zu files, %u scenarios, %u failures\n", file_count, scenarios, failures);
	return failures != 0;
}
