/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of ELF headers: pure, for the loader and the fuzzer. What passes here can be mapped without further thought:
 * segments are sorted and apart, their sums do not overflow, offsets and addresses agree within a page.
 */
#include <asm/errno.h>

#include "kernel/loader/elf.h"
#include "kernel/loader/exec.h"
#include "lib/base/string.h"

#define PHDRS_SIZE_MAX 65536
#define USER_ADDRESS_MAX (1ULL << 47)
#define ALIGN_MAX (1ULL << 30)

int elf_check_header(const Elf64_Ehdr *h)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
		return -ENOEXEC;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return -ENOEXEC;
	if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum ||
	    h->e_phnum > PHDRS_SIZE_MAX / sizeof(Elf64_Phdr))
		return -ENOEXEC;
	return 0;
}

static int check_load(const Elf64_Phdr *h, uint64_t floor)
{
	uint64_t end, offset_end;

	if (h->p_filesz > h->p_memsz || __builtin_add_overflow(h->p_vaddr, h->p_memsz, &end) ||
	    end > USER_ADDRESS_MAX)
		return -ENOEXEC;
	if (__builtin_add_overflow(h->p_offset, h->p_filesz, &offset_end) || offset_end > INT64_MAX)
		return -ENOEXEC;
	if (h->p_filesz && h->p_offset % PAGE_SIZE != h->p_vaddr % PAGE_SIZE)
		return -ENOEXEC;
	if ((h->p_align & (h->p_align - 1)) || h->p_align > ALIGN_MAX)
		return -ENOEXEC;
	return h->p_vaddr < floor ? -ENOEXEC : 0;
}

int elf_check_segments(const Elf64_Phdr *segments, unsigned int count, struct elf_image *image)
{
	uint64_t lowest = UINT64_MAX, end = 0, align = PAGE_SIZE;
	bool executable_stack = false;

	for (unsigned int n = 0; n < count; n++) {
		const Elf64_Phdr *h = &segments[n];

		if (h->p_type == PT_GNU_STACK)
			executable_stack = h->p_flags & PF_X;
		if (h->p_type != PT_LOAD || !h->p_memsz)
			continue;
		if (check_load(h, end))
			return -ENOEXEC;
		lowest = MIN(lowest, PAGE_DOWN(h->p_vaddr));
		end = h->p_vaddr + h->p_memsz;
		align = MAX(align, h->p_align);
	}
	if (!end)
		return -ENOEXEC;
	image->lowest = lowest;
	image->highest = PAGE_UP(end);
	image->align = align;
	image->executable_stack = executable_stack;
	return 0;
}

int elf_check(const void *data, size_t size, uint64_t file_size)
{
	struct elf_image image = { 0 };
	const Elf64_Phdr *segments;
	uint64_t table_end;
	int err;

	if (size < sizeof(image.header))
		return -ENOEXEC;
	memcpy(&image.header, data, sizeof(image.header));
	err = elf_check_header(&image.header);
	if (err)
		return err;
	if (__builtin_add_overflow(image.header.e_phoff, image.header.e_phnum * sizeof(*segments),
				   &table_end) ||
	    table_end > file_size || table_end > size ||
	    image.header.e_phoff % _Alignof(Elf64_Phdr))
		return -ENOEXEC;
	segments = (const Elf64_Phdr *)((const char *)data + image.header.e_phoff);
	return elf_check_segments(segments, image.header.e_phnum, &image);
}
