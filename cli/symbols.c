/* SPDX-License-Identifier: Apache-2.0 */
/* See symbols.h. The file was checked when it was loaded, but may have changed since: every number is checked. */
#include "cli/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

#define TABLE_MAX (64u << 20)

struct symbols {
	Elf64_Sym *table;
	size_t count;
	char *names;
	size_t names_size;
};

static void *read_part(int fd, uint64_t offset, uint64_t size)
{
	void *p = size && size <= TABLE_MAX ? malloc(size) : NULL;

	if (p && pread(fd, p, size, (off_t)offset) == (ssize_t)size)
		return p;
	free(p);
	return NULL;
}

static int read_symbols(const char *path, struct symbols *s)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_free_ Elf64_Shdr *sections = NULL;
	Elf64_Ehdr eh;

	if (fd < 0 || pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_shentsize != sizeof(Elf64_Shdr))
		return -1;
	sections = read_part(fd, eh.e_shoff, eh.e_shnum * sizeof(Elf64_Shdr));
	for (unsigned int i = 0; sections && i < eh.e_shnum; i++) {
		const Elf64_Shdr *h = &sections[i];

		if (h->sh_type != SHT_SYMTAB || h->sh_link >= eh.e_shnum || s->table)
			continue;
		s->table = read_part(fd, h->sh_offset, h->sh_size);
		s->count = s->table ? h->sh_size / sizeof(Elf64_Sym) : 0;
		s->names_size = sections[h->sh_link].sh_size;
		s->names = read_part(fd, sections[h->sh_link].sh_offset, s->names_size);
	}
	if (!s->table || !s->names)
		return -1;
	s->names[s->names_size - 1] = 0;
	return 0;
}

static void print_address(FILE *to, const struct symbols *s, uint64_t offset)
{
	const Elf64_Sym *best = NULL;

	for (size_t i = 0; i < s->count; i++) {
		const Elf64_Sym *y = &s->table[i];

		if ((ELF64_ST_TYPE(y->st_info) == STT_FUNC ||
		     ELF64_ST_TYPE(y->st_info) == STT_NOTYPE) &&
		    y->st_shndx != SHN_UNDEF && y->st_value <= offset &&
		    y->st_name < s->names_size && s->names[y->st_name] &&
		    (!best || y->st_value > best->st_value))
			best = y;
	}
	if (best)
		fprintf(to, "    %s+0x%llx (+0x%llx)\n", s->names + best->st_name,
			(unsigned long long)(offset - best->st_value), (unsigned long long)offset);
	else
		fprintf(to, "    +0x%llx\n", (unsigned long long)offset);
}

void print_panic(FILE *to, const char *reason, const char *kernel_path, uint64_t kernel_start)
{
	const char *rest = strchr(reason, '\n'), *trace = strstr(reason, "backtrace:"),
		   *fault = strstr(reason, "rip ");
	struct symbols s = { 0 };
	const char *at;
	char *end;

	rest = rest ? rest + 1 : "";
	if (trace && trace >= rest)
		fwrite(rest, 1, (size_t)(trace - rest), to);
	else
		fputs(rest, to);
	if (fault && fault >= rest)
		fault = NULL; /* the message has the registers, nothing behind it */
	if (read_symbols(kernel_path, &s))
		fprintf(to, "(no symbols in %s)\n", kernel_path);
	if (fault) {
		uint64_t address = strtoull(fault + 4, NULL, 16);

		fprintf(to, "fault at:\n");
		print_address(to, &s, address - kernel_start);
	}
	if (trace) {
		fprintf(to, "backtrace:\n");
		for (at = trace + strlen("backtrace:"); *at == ' '; at = end) {
			uint64_t address = strtoull(at, &end, 16);

			if (end == at || address < kernel_start)
				break;
			/* a return address: one before it lies in the call */
			print_address(to, &s, address - 1 - kernel_start);
		}
	}
	free(s.table);
	free(s.names);
}
