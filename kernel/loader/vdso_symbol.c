/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols of the host's vDSO. The image is the host's word: each offset in it is checked against the size of the copy
 * at hand before it is used, and loops are bounded by it. Pure.
 */
#include <linux/elf.h>

#include "kernel/loader/vdso.h"
#include "lib/base/string.h"

#define SYMBOLS_MAX 256
#define DYNAMIC_MAX 64

struct view {
	const uint8_t *image;
	size_t size;
	uint64_t load; /* p_vaddr of the image's first byte */
};

static bool view_read(const struct view *v, uint64_t offset, void *to, size_t size)
{
	if (offset > v->size || v->size - offset < size)
		return false;
	memcpy(to, v->image + offset, size);
	return true;
}

/* Tables by address: DT_* values minus the load address. */
struct tables {
	uint64_t hash, strings, symbols;
};

static bool find_tables(struct view *v, struct tables *t)
{
	uint64_t dynamic = 0, dynamic_size = 0;
	bool loaded = false;
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	Elf64_Dyn entry;

	if (!view_read(v, 0, &header, sizeof(header)) || memcmp(header.e_ident, ELFMAG, SELFMAG) ||
	    header.e_machine != EM_X86_64 || header.e_phentsize != sizeof(segment))
		return false;
	for (unsigned int n = 0; n < MIN((unsigned int)header.e_phnum, 16u); n++) {
		if (header.e_phoff > v->size ||
		    !view_read(v, header.e_phoff + n * sizeof(segment), &segment, sizeof(segment)))
			return false;
		if (segment.p_type == PT_LOAD && !loaded) {
			v->load = segment.p_vaddr - segment.p_offset;
			loaded = true;
		} else if (segment.p_type == PT_DYNAMIC) {
			dynamic = segment.p_offset;
			dynamic_size = segment.p_filesz;
		}
	}
	if (!loaded || dynamic > v->size)
		return false;
	*t = (struct tables){ 0 };
	for (unsigned int n = 0; n < DYNAMIC_MAX && (n + 1) * sizeof(entry) <= dynamic_size; n++) {
		if (!view_read(v, dynamic + n * sizeof(entry), &entry, sizeof(entry)))
			return false;
		if (entry.d_tag == DT_HASH)
			t->hash = entry.d_un.d_ptr - v->load;
		else if (entry.d_tag == DT_STRTAB)
			t->strings = entry.d_un.d_ptr - v->load;
		else if (entry.d_tag == DT_SYMTAB)
			t->symbols = entry.d_un.d_ptr - v->load;
		else if (entry.d_tag == DT_NULL)
			break;
	}
	return t->strings && t->symbols;
}

uint64_t vdso_find_symbol(const uint8_t *image, size_t size, const char *name,
			  uint64_t *ret_load_address)
{
	struct view v = { .image = image, .size = size };
	size_t name_size = strlen(name) + 1;
	unsigned int count = SYMBOLS_MAX;
	struct tables t;
	uint32_t chains[2];

	if (!find_tables(&v, &t))
		return 0;
	if (t.hash && view_read(&v, t.hash, chains, sizeof(chains)))
		count = MIN(chains[1], (unsigned int)SYMBOLS_MAX);
	for (unsigned int n = 1; n < count; n++) {
		char at[64];
		Elf64_Sym symbol;

		if (t.symbols > size ||
		    !view_read(&v, t.symbols + n * sizeof(symbol), &symbol, sizeof(symbol)))
			return 0;
		if (name_size > sizeof(at) || t.strings > size || symbol.st_shndx == SHN_UNDEF ||
		    !view_read(&v, t.strings + symbol.st_name, at, name_size) ||
		    memcmp(at, name, name_size))
			continue;
		if (symbol.st_value < v.load || symbol.st_value - v.load >= size)
			return 0;
		*ret_load_address = v.load;
		return symbol.st_value;
	}
	return 0;
}
