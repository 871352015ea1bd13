/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder against objdump(1): every instruction of a set of programs must have the same length. Arguments: files
 * instead of the usual set. Known differences, where objdump shows what no processor does: it joins fwait with the
 * x87 instruction behind it, and splits off prefixes that have no effect.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/loader/insn.c"

static const char *const usual[] = {
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/lib64/ld-linux-x86-64.so.2",
	"/usr/bin/bash",
	"/usr/bin/python3",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/bin/busybox",
	"/usr/lib/go/bin/go",
	"/usr/bin/go",
	"/usr/lib/x86_64-linux-musl/libc.so",
	"/usr/lib/x86_64-linux-gnu/libm.so.6",
};

static const struct {
	const char *bytes;
	unsigned int size, length;
} cases[] = {
	{ "\x90", 1, 1 },
	{ "\x0f\x05", 2, 2 },
	{ "\x0f", 1, 0 },
	{ "", 0, 0 },
	{ "\xb8\x01\0\0\0", 5, 5 },
	{ "\xb8\x01\0\0", 4, 0 },
	{ "\x48\xb8\1\2\3\4\5\6\7\x8", 10, 10 },
	{ "\x66\xb8\1\2", 4, 4 },
	{ "\x48\xa1\1\2\3\4\5\6\7\x8", 10, 10 },
	{ "\x67\xa1\1\2\3\4", 6, 6 },
	{ "\x06", 1, 0 },
	{ "\x62\xf1\x7c\x48\x28\x05\1\2\3\4", 10, 10 },
	{ "\xc5\xf8\x77", 3, 3 },
	{ "\xc4\xe3\x7d\x39\xc1\x01", 6, 6 },
	{ "\x66\xe9\0\0\0\0", 6, 0 },
	{ "\x66\x66\x48\xe8\0\0\0\0", 8, 8 },
	{ "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", 16, 0 },
	{ "\xf7\x04\x25\1\2\3\4\5\6\7\x8", 11, 11 },
	{ "\xf7\x14\x25\1\2\3\4", 7, 7 },
};

static bool is_prefix(uint8_t b)
{
	return (b & 0xf0) == 0x40 || strchr("\x66\x67\xf2\xf3\xf0\x26\x2e\x36\x3e\x64\x65", b);
}

static bool is_known_difference(const uint8_t *p, unsigned int size, const char *text)
{
	unsigned int prefixes = 0;

	while (prefixes < size && is_prefix(p[prefixes]))
		prefixes++;
	/* Data in text; a dump without instructions; fwait; lone prefixes; REX before VEX; 16-bit near branches. */
	return strstr(text, "(bad)") || strstr(text, ".byte") || size > INSN_LENGTH_MAX ||
	       p[0] == 0x9b || prefixes == size || (prefixes && (p[prefixes] & 0xfe) == 0xc4) ||
	       (p[0] == 0x66 && size == 4 && p[1] == 0xe9);
}

/* One line of `objdump -dw`: "  addr:\tbytes\ttext". Returns false if it is not one. */
static bool parse_line(const char *line, uint8_t *bytes, unsigned int *ret_size,
		       const char **ret_text)
{
	const char *p = strchr(line, '\t'), *end;
	unsigned int n = 0;

	if (line[0] != ' ' || !p)
		return false;
	end = strchr(++p, '\t');
	*ret_text = end ? end : "";
	if (!end)
		end = p + strlen(p);
	while (p + 2 <= end && n < 16 && *p != ' ' && *p != '\n') {
		char two[3] = { p[0], p[1], 0 };

		bytes[n++] = (uint8_t)strtoul(two, NULL, 16);
		p += 3;
	}
	*ret_size = n;
	return n > 0;
}

static int compare(const char *file)
{
	static char line[4096];
	unsigned long count = 0, wrong = 0, odd = 0;
	char command[512];
	FILE *in;

	snprintf(command, sizeof(command), "objdump -dw --insn-width=16 '%s' 2>/dev/null", file);
	in = popen(command, "r");
	if (!in)
		return 1;
	while (fgets(line, sizeof(line), in)) {
		uint8_t bytes[16];
		unsigned int size, length;
		const char *text;

		if (!parse_line(line, bytes, &size, &text))
			continue;
		count++;
		length = insn_length(bytes, size);
		if (length == size)
			continue;
		if (is_known_difference(bytes, size, text)) {
			odd++;
			continue;
		}
		if (wrong++ < 20)
			printf("  %s: length %u: %s", file, length, line);
	}
	pclose(in);
	printf("%s: %lu instructions, %lu oddly shown, %lu wrong\n", file, count, odd, wrong);
	return wrong != 0;
}

int main(int argc, char **argv)
{
	int failed = 0, done = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int length = insn_length((const uint8_t *)cases[i].bytes, cases[i].size);

		if (length != cases[i].length) {
			printf("case %zu: length %u, expected %u\n", i, length, cases[i].length);
			failed = 1;
		}
	}
	if (system("objdump --version >/dev/null 2>&1")) {
		printf("skipped: no objdump\n");
		return failed ? 1 : 77;
	}
	for (int i = 1; i < argc; i++, done++)
		failed |= compare(argv[i]);
	for (size_t i = 0; argc < 2 && i < ARRAY_SIZE(usual); i++)
		if (!access(usual[i], R_OK)) {
			failed |= compare(usual[i]);
			done++;
		}
	if (!done)
		printf("no program to compare\n");
	return failed;
}
