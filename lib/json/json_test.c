/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds on JSON of outside: nesting is counted outside of strings only, names come once, nothing comes behind the value. */
#include "lib/json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)

static bool shallow(const char *text, unsigned depth)
{
	return json_shallow(text, strlen(text), depth);
}

static bool reads(const char *text, unsigned depth)
{
	json_t *value = json_read(text, strlen(text), depth, NULL);

	json_decref(value);
	return value;
}

static void test_nesting(void)
{
	EXPECT(shallow("", 0));
	EXPECT(shallow("1", 0));
	EXPECT(shallow("[]", 1));
	EXPECT(!shallow("[]", 0));
	EXPECT(shallow("[[],[],{}]", 2));
	EXPECT(!shallow("[[{}]]", 2));
	EXPECT(!shallow("{\"a\":{\"b\":[1]}}", 2));
	EXPECT(shallow("{\"a\":{\"b\":[1]}}", 3));
	/* Too many ends do not buy room for more beginnings. */
	EXPECT(!shallow("]]]]][[[", 2));
}

static void test_strings(void)
{
	EXPECT(shallow("[\"[[[[\"]", 1));
	EXPECT(shallow("[\"\\\"[[[\"]", 1));
	EXPECT(!shallow("[\"\\\\\"[]]", 1));
	EXPECT(shallow("\"\\", 0)); /* ends inside an escape */
	EXPECT(shallow("\"[", 0));  /* ends inside a string */
}

static void test_read(void)
{
	json_error_t why;

	EXPECT(reads("{\"a\":[1,2]}", 2));
	EXPECT(!reads("{\"a\":[1,2]}", 1));
	EXPECT(!reads("{\"a\":1,\"a\":2}", 4));
	EXPECT(!reads("{} {}", 4));
	EXPECT(!reads("{} x", 4));
	EXPECT(!reads("", 4));
	EXPECT(!json_read("[[]]", 4, 1, &why) && strstr(why.text, "nested more than 1 deep"));
	EXPECT(!json_read("[1,", 3, 4, &why) && why.text[0]);
}

/* What would overflow the stack of a reader that recurses. */
static void test_deep(void)
{
	size_t size = 1u << 20;
	char *text = malloc(size);

	if (!text)
		abort();
	memset(text, '[', size);
	EXPECT(!json_read(text, size, 16, NULL));
	free(text);
}

int main(void)
{
	test_nesting();
	test_strings();
	test_read();
	test_deep();
	return failures != 0;
}
