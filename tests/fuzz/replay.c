/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files and folders of the command line, without a fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned int count;
static char current[4096];

static void say_where(void)
{
	fprintf(stderr, "while running %s\n", current);
}

static void run_file(const char *path)
{
	static uint8_t data[1 << 20];
	uint8_t *copy;
	size_t size;
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	/* Exactly as large, so that the sanitizer sees its end. */
	copy = malloc(size ? size : 1);
	memcpy(copy, data, size);
	snprintf(current, sizeof(current), "%s", path);
	if (getenv("REPLAY_VERBOSE"))
		fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	count++;
}

int main(int argc, char **argv)
{
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	atexit(say_where);
	for (int i = 1; i < argc; i++) {
		struct dirent **names;
		int n = scandir(argv[i], &names, NULL, alphasort);

		if (n < 0) {
			run_file(argv[i]);
			continue;
		}
		for (int k = 0; k < n; k++) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", argv[i], names[k]->d_name);
			if (names[k]->d_name[0] != '.')
				run_file(path);
			free(names[k]);
		}
		free(names);
	}
	printf("%u inputs\n", count);
	fflush(stdout);
	_exit(0);
}
