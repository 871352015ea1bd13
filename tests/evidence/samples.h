/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the evidence folder, $EVIDENCE or what lies beside this tree, for the tests that look at samples of others. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static inline const char *samples_path(void)
{
	const char *set = getenv("EVIDENCE");

	return set && *set ? set : "../shared/evidence";
}

/* NULL, with a line that says so, if it is not there: the test is to be skipped. */
static inline const char *samples_folder(void)
{
	struct stat st;

	if (!stat(samples_path(), &st) && S_ISDIR(st.st_mode))
		return samples_path();
	printf("%s: the evidence folder is not there: set EVIDENCE\n", samples_path());
	return NULL;
}

/* A whole file into the buffer; its size, 0 if it cannot be read or does not fit. */
static inline size_t sample_read(const char *name, uint8_t *buffer, size_t room)
{
	char path[1024];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", samples_path(), name);
	f = fopen(path, "rb");
	if (!f)
		return 0;
	size = fread(buffer, 1, room, f);
	fclose(f);
	return size < room ? size : 0;
}

/* malloc()ed in its own size, so that reading past it is seen, with a NUL behind it. NULL: as above. */
static inline uint8_t *sample_load(const char *name, size_t *ret_size)
{
	size_t room = 4u << 20, size;
	uint8_t *data = malloc(room), *cut;

	size = data ? sample_read(name, data, room) : 0;
	if (!size) {
		free(data);
		return NULL;
	}
	cut = realloc(data, size + 1);
	data = cut ? cut : data;
	data[size] = 0;
	*ret_size = size;
	return data;
}
