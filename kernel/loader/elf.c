/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF programs: reading their headers (phase one of execve) and mapping them (phase two). The file may change between
 * the two; only the copy of the headers that was checked is used, so the worst is a program that faults.
 *
 * Places: ET_EXEC where it says; a position independent program at two thirds of the address space, as on Linux; its
 * interpreter where mm chooses. In all cases mm leaves room for stubs below (rewrite_gap).
 */
#include "kernel/loader/elf.h"

#include <linux/errno.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/loader/rewrite.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/mm/vma.h"
#include "lib/base/string.h"

#define INTERPRETER_NAME_MAX 4096
#define PIE_RANDOM_PAGES (1UL << 28)

/* --- phase one ------------------------------------------------------------------------------------------------------ */

/* All `size` bytes: -EIO if the file is shorter. */
static int read_exactly(struct file *file, void *to, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		long got = file_read_kernel(file, (char *)to + done, size - done, offset + done);

		if (got < 0)
			return (int)got;
		if (!got)
			return -EIO;
		done += (size_t)got;
	}
	return 0;
}

static int read_interpreter(struct file *file, const Elf64_Phdr *h, char **ret)
{
	char *name;
	int err;

	if (h->p_filesz < 2 || h->p_filesz > INTERPRETER_NAME_MAX || h->p_offset > INT64_MAX)
		return -ENOEXEC;
	name = kmalloc(h->p_filesz);
	if (!name)
		return -ENOMEM;
	err = read_exactly(file, name, h->p_filesz, h->p_offset);
	if (!err && name[h->p_filesz - 1])
		err = -ENOEXEC;
	if (err) {
		kfree(name);
		return err;
	}
	*ret = name;
	return 0;
}

static int read_image(struct file *file, bool is_interpreter, struct elf_image *image)
{
	size_t size;
	int err = read_exactly(file, &image->header, sizeof(image->header), 0);

	if (err)
		return err == -EIO && !is_interpreter ? -ENOEXEC : err;
	err = elf_check_header(&image->header);
	if (err)
		return err;
	size = image->header.e_phnum * sizeof(Elf64_Phdr);
	image->segments = kmalloc(size);
	if (!image->segments)
		return -ENOMEM;
	if (image->header.e_phoff > INT64_MAX - size ||
	    read_exactly(file, image->segments, size, image->header.e_phoff))
		return -ENOEXEC;
	err = elf_check_segments(image->segments, image->header.e_phnum, image);
	for (unsigned int n = 0; !err && !is_interpreter && n < image->header.e_phnum; n++) {
		if (image->segments[n].p_type != PT_INTERP)
			continue;
		return read_interpreter(file, &image->segments[n], &image->interpreter);
	}
	return err;
}

int elf_open(struct file *file, bool is_interpreter, struct elf_image **ret)
{
	struct elf_image *image = kzalloc(sizeof(*image));
	int err;

	if (!image)
		return -ENOMEM;
	err = read_image(file, is_interpreter, image);
	if (err) {
		elf_image_free(image);
		return err == -ENOEXEC && is_interpreter ? -ELIBBAD : err;
	}
	*ret = image;
	return 0;
}

void elf_image_free(struct elf_image *image)
{
	if (!image)
		return;
	kfree(image->segments);
	kfree(image->interpreter);
	kfree(image);
}

/* --- phase two ------------------------------------------------------------------------------------------------------ */

static unsigned int segment_prot(const Elf64_Phdr *h)
{
	return (h->p_flags & PF_R ? PROT_READ : 0) | (h->p_flags & PF_W ? PROT_WRITE : 0) |
	       (h->p_flags & PF_X ? PROT_EXEC : 0);
}

/* Two thirds up, and on by chance; past the enclave's memory if that is there. */
static uintptr_t choose_base(const struct elf_image *image, size_t gap)
{
	const struct plat_info *info = plat_info();
	size_t size = image->highest - image->lowest,
	       room = size + gap + (256UL << 20); /* its brk follows */
	uintptr_t at = info->user_start + (info->user_end - info->user_start) / 3 * 2;

	at = ROUND_UP(at + exec_random_offset(PIE_RANDOM_PAGES) + gap, image->align);
	if (range_usable(at - gap, room))
		return at;
	if (at < info->reserved_end && range_usable(info->reserved_end, room + image->align))
		return ROUND_UP(info->reserved_end + gap, image->align);
	return 0;
}

static int map_fixed(struct mm *mm, struct file *file, uintptr_t at, size_t size, unsigned int prot,
		     uint64_t offset)
{
	struct mmap_args m = {
		.at = at,
		.size = size,
		.prot = prot,
		.file = file,
		.offset = offset,
		.flags = MAP_PRIVATE | MAP_FIXED | (file ? 0 : MAP_ANONYMOUS),
	};
	intptr_t got;

	if (!range_usable(at, size))
		return -ENOMEM;
	got = mm_map(mm, &m);
	return IS_ERR(got) ? (int)got : 0;
}

static int map_segment(struct mm *mm, struct file *file, uintptr_t base, const Elf64_Phdr *h)
{
	uintptr_t start = PAGE_DOWN(base + h->p_vaddr), file_end = base + h->p_vaddr + h->p_filesz;
	uintptr_t end = PAGE_UP(base + h->p_vaddr + h->p_memsz), anonymous = start;
	unsigned int prot = segment_prot(h);
	int err;

	if (h->p_filesz) {
		anonymous = PAGE_UP(file_end);
		err = map_fixed(mm, file, start, anonymous - start, prot, PAGE_DOWN(h->p_offset));
		if (err)
			return err;
		/* The rest of the last page is bss. A segment that cannot be written keeps the file's bytes, as on Linux. */
		if (h->p_memsz > h->p_filesz && (prot & PROT_WRITE) && anonymous > file_end) {
			err = zero_out(UPTR(file_end), anonymous - file_end);
			if (err)
				return err;
		}
	}
	return end > anonymous ? map_fixed(mm, NULL, anonymous, end - anonymous, prot, 0) : 0;
}

static const Elf64_Phdr *next_load(const struct elf_image *image, unsigned int *at)
{
	for (; *at < image->header.e_phnum; (*at)++) {
		const Elf64_Phdr *h = &image->segments[*at];

		if (h->p_type == PT_LOAD && h->p_memsz) {
			(*at)++;
			return h;
		}
	}
	return NULL;
}

/*
 * A place of mm's choice: the first segment is mapped as large as the whole, which reserves the room; the other
 * segments go over it, and holes between them are unmapped.
 */
static intptr_t reserve(struct mm *mm, struct file *file, const struct elf_image *image)
{
	struct mmap_args m = { .flags = MAP_PRIVATE, .prot = PROT_NONE };
	unsigned int n = 0;
	const Elf64_Phdr *first = next_load(image, &n);

	m.size = image->highest - image->lowest;
	if (first->p_filesz && image->align == PAGE_SIZE) {
		m.file = file;
		m.prot = segment_prot(first);
		m.offset = PAGE_DOWN(first->p_offset);
	} else {
		m.flags |= MAP_ANONYMOUS | MAP_NORESERVE;
		m.size += image->align;
	}
	return mm_map(mm, &m);
}

static int unmap_holes(struct mm *mm, const struct elf_image *image, uintptr_t start, size_t size)
{
	uintptr_t at = start;
	unsigned int n = 0;
	const Elf64_Phdr *h;

	while ((h = next_load(image, &n))) {
		uintptr_t from = PAGE_DOWN(image->base + h->p_vaddr);

		if (from > at) {
			int err = mm_unmap(mm, at, from - at);

			if (err)
				return err;
		}
		at = MAX(at, PAGE_UP(image->base + h->p_vaddr + h->p_memsz));
	}
	return start + size > at ? mm_unmap(mm, at, start + size - at) : 0;
}

/* Where the program headers can be read in memory, for AT_PHDR. */
static uintptr_t find_headers(const struct elf_image *image)
{
	uint64_t at = image->header.e_phoff;

	for (unsigned int n = 0; n < image->header.e_phnum; n++) {
		const Elf64_Phdr *h = &image->segments[n];

		if (h->p_type == PT_LOAD && at >= h->p_offset && at - h->p_offset < h->p_filesz)
			return image->base + h->p_vaddr + (at - h->p_offset);
	}
	return 0;
}

int elf_map(struct mm *mm, struct file *file, struct elf_image *image, bool is_interpreter)
{
	size_t reserved_size = 0;
	uintptr_t reserved = 0, at = 0;
	unsigned int n = 0;
	const Elf64_Phdr *h, *first = NULL;
	int err;

	image->base = 0;
	if (image->header.e_type == ET_DYN) {
		if (!is_interpreter)
			at = choose_base(image, rewrite_gap(file));
		if (!at) {
			intptr_t got = reserve(mm, file, image);

			if (IS_ERR(got))
				return (int)got;
			reserved = (uintptr_t)got;
			reserved_size = image->highest - image->lowest +
					(image->align == PAGE_SIZE ? 0 : image->align);
			at = ROUND_UP(reserved, image->align);
		}
		image->base = at - image->lowest;
	}
	while ((h = next_load(image, &n))) {
		bool is_first = !first;

		first = h;
		/* What the reservation already maps as it should be: not text, whose mapping has stubs. */
		if (is_first && reserved && h->p_filesz == h->p_memsz &&
		    image->align == PAGE_SIZE && !(h->p_flags & PF_X))
			continue;
		err = map_segment(mm, file, image->base, h);
		if (err)
			return err;
	}
	if (reserved) {
		err = unmap_holes(mm, image, reserved, reserved_size);
		if (err)
			return err;
	}
	image->entry = image->base + image->header.e_entry;
	image->phdr = find_headers(image);
	image->end = image->base + image->highest;
	return 0;
}
