/* SPDX-License-Identifier: Apache-2.0 */
/* enclave-tests FOLDER TEST...: see tests.h. `list` prints the names. */
#include <errno.h>
#include <stdlib.h>

#include "hypervisor/loader/tests/tests.h"

int failures;
const char *folder;

void open_file(const char *name, struct enclave_file *ret_file)
{
	char path[512];
	int r;

	snprintf(path, sizeof(path), "%s/%s.enclave", folder, name);
	r = enclave_file_open(path, ret_file);
	if (r) {
		printf("%s: %s\n", path, strerror(-r));
		exit(1);
	}
}

struct enclave *make_checks(const struct enclave_options *options)
{
	struct enclave_file file;
	struct enclave *e;
	int r;

	open_file("checks", &file);
	r = enclave_create(&file, options, &e);
	enclave_file_close(&file);
	if (r) {
		printf("the enclave cannot be made: %s: %s\n", enclave_failed_step(), strerror(-r));
		exit(1);
	}
	return e;
}

uint64_t call(struct enclave *e, uint64_t function, uint64_t a, uint64_t b)
{
	uint64_t value = ~0ULL;
	int r = enclave_call(e, function, a, b, &value);

	if (r) {
		const struct enclave_exception *x = enclave_last_exception();

		printf("function %lu: %s (last exception: %u, error %#x, address %#lx)\n", function,
		       strerror(-r), x->vector, x->error_code, x->address);
		failures++;
	}
	return value;
}

uint64_t driver_number(const char *name)
{
	char path[128], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/cloister/parameters/%s", name);
	f = fopen(path, "re");
	if (!f)
		return ~0ULL;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	return strtoull(text, NULL, 10);
}

static const struct test *const groups[] = {
	run_tests,	     memory_tests,	interface_tests, attack_leaf_tests,
	attack_memory_tests, attack_race_tests, trust_tests,	 driver_tests,
	mapping_tests,	     entry_tests,	shape_tests,	 fuzz_tests
};

static bool run_one(const char *name)
{
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		for (const struct test *t = groups[g]; t->name; t++) {
			if (strcmp(t->name, name))
				continue;
			failures = 0;
			t->run();
			printf("%s %s\n", failures ? "FAIL" : "ok", name);
			return !failures;
		}
	}
	printf("no test %s\n", name);
	return false;
}

int main(int argc, char **argv)
{
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3) {
		fprintf(stderr, "usage: %s FOLDER TEST...\n", argv[0]);
		return 2;
	}
	folder = argv[1];
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "list")) {
			for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
				for (const struct test *t = groups[g]; t->name; t++)
					printf("%s\n", t->name);
		} else {
			failed += !run_one(argv[i]);
		}
	}
	return failed != 0;
}
