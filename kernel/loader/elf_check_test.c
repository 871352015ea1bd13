/* SPDX-License-Identifier: Apache-2.0 */
/* ELF headers: real programs pass, damaged ones are refused or harmless. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/loader/elf_check.c"

#define HEAD 4096

struct sample {
	_Alignas(16) uint8_t data[HEAD];
	size_t size;
};

static bool read_head(const char *path, struct sample *s)
{
	int fd = open(path, O_RDONLY);
	long got = fd < 0 ? -1 : read(fd, s->data, sizeof(s->data));

	if (fd >= 0)
		close(fd);
	s->size = got > 0 ? (size_t)got : 0;
	return got > 0;
}

static Elf64_Phdr *load_segment(struct sample *s, unsigned int which)
{
	Elf64_Ehdr *h = (Elf64_Ehdr *)s->data;
	Elf64_Phdr *p = (Elf64_Phdr *)(s->data + h->e_phoff);

	for (unsigned int n = 0; n < h->e_phnum; n++)
		if (p[n].p_type == PT_LOAD && which-- == 0)
			return &p[n];
	return NULL;
}

int main(void)
{
	static const char *const programs[] = { "/proc/self/exe", "/bin/sh", "/usr/bin/python3",
						"/lib64/ld-linux-x86-64.so.2", "/usr/bin/busybox" };
	struct sample good, bad;
	int failed = 0;

	for (size_t n = 0; n < ARRAY_SIZE(programs); n++)
		if (read_head(programs[n], &good) && elf_check(good.data, good.size, 1 << 30)) {
			printf("%s refused\n", programs[n]);
			failed = 1;
		}
	if (!read_head("/proc/self/exe", &good))
		return 1;
#define REFUSED(change)                                                                     \
	do {                                                                                \
		bad = good;                                                                 \
		Elf64_Ehdr *h = (Elf64_Ehdr *)bad.data;                                     \
		Elf64_Phdr *first = load_segment(&bad, 0), *second = load_segment(&bad, 1); \
		(void)h, (void)first, (void)second;                                         \
		change;                                                                     \
		if (!elf_check(bad.data, bad.size, 1 << 30)) {                              \
			printf("accepted: %s\n", #change);                                  \
			failed = 1;                                                         \
		}                                                                           \
	} while (0)
	REFUSED(bad.size = 20);
	REFUSED(h->e_ident[0] = 0);
	REFUSED(h->e_ident[EI_CLASS] = ELFCLASS32);
	REFUSED(h->e_machine = EM_AARCH64);
	REFUSED(h->e_type = ET_REL);
	REFUSED(h->e_phnum = 0);
	REFUSED(h->e_phnum = 0xffff);
	REFUSED(h->e_phoff = UINT64_MAX - 7);
	REFUSED(h->e_phoff += 4);
	REFUSED(h->e_phentsize = 32);
	REFUSED(first->p_filesz = first->p_memsz + 1);
	REFUSED(first->p_vaddr += 1);
	REFUSED(first->p_memsz = UINT64_MAX - 100);
	REFUSED(first->p_offset = UINT64_MAX & ~4095ULL);
	REFUSED(second->p_vaddr = 1ULL << 47);
	REFUSED(second->p_vaddr = first->p_vaddr);
	REFUSED(second->p_align = 3);
	REFUSED(second->p_align = 1ULL << 40);
	return failed;
}
