/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a program's headers, as the first line of a script, as the host's vDSO. */
#include <stdlib.h>
#include <string.h>

#include "kernel/loader/elf_check.c"
#include "kernel/loader/script_parse.c"
#include "kernel/loader/vdso_symbol.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[SCRIPT_LINE_SIZE] = { 0 }, *name, *argument;
	uint8_t *copy = aligned_alloc(16, (size + 31) & ~15UL);
	uint64_t load;

	memcpy(copy, data, size);
	if (!elf_check(copy, size, size) && size < sizeof(Elf64_Ehdr))
		abort();
	(void)vdso_find_symbol(copy, size, "__vdso_clock_gettime", &load);
	memcpy(line, data, MIN(size, sizeof(line)));
	if (!script_parse(line, &name, &argument)) {
		if (name < line || strlen(name) >= SCRIPT_LINE_SIZE ||
		    (argument && argument <= name))
			abort();
	}
	free(copy);
	return 0;
}
