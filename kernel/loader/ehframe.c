/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the functions of a program lie, from what its file says: frame descriptions (.eh_frame, DWARF 5 6.4.1 with
 * the LSB's changes), symbols, Go's .gopclntab. The file is hostile: all is read through a bounded window, each step of each
 * loop goes forward, and wrong answers can only spoil that program's own text.
 *
 * Only functions that hold one of the addresses asked for are kept, so the result is small.
 */
#include <asm/errno.h>

#include "kernel/loader/module.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

#define SEGMENTS_MAX 64
#define SECTIONS_MAX 4096
#define GO_MAGIC_118 0xfffffff0u
#define GO_MAGIC_120 0xfffffff1u

/* --- the file ----------------------------------------------------------------------------------------------------- */

const uint8_t *module_at(struct module *m, uint64_t offset, size_t size)
{
	long got;

	if (offset > m->file_size || m->file_size - offset < size || size > 4096)
		return NULL;
	if (offset >= m->window_at && offset - m->window_at <= m->window_size &&
	    m->window_size - (size_t)(offset - m->window_at) >= size)
		return m->window + (offset - m->window_at);
	m->window_size = 0;
	m->window_at = offset & ~63ULL;
	got = m->read(m->context, m->window, MODULE_WINDOW, m->window_at);
	if (got < 0 || (size_t)got > MODULE_WINDOW)
		return NULL;
	m->window_size = (size_t)got;
	if ((size_t)got < (size_t)(offset - m->window_at) + size)
		return NULL;
	return m->window + (offset - m->window_at);
}

int module_init(struct module *m)
{
	const Elf64_Ehdr *h = &m->header;
	const uint8_t *p;
	size_t size;

	m->segments = NULL;
	m->window_size = 0;
	m->window = kmalloc(MODULE_WINDOW);
	if (!m->window)
		return -ENOMEM;
	p = module_at(m, 0, sizeof(*h));
	if (!p)
		return -ENOEXEC;
	memcpy(&m->header, p, sizeof(*h));
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64 ||
	    (h->e_type != ET_EXEC && h->e_type != ET_DYN) || h->e_phentsize != sizeof(Elf64_Phdr) ||
	    !h->e_phnum || h->e_phnum > SEGMENTS_MAX)
		return -ENOEXEC;
	size = h->e_phnum * sizeof(Elf64_Phdr);
	p = module_at(m, h->e_phoff, size);
	if (!p)
		return -ENOEXEC;
	m->segments = kmalloc(size);
	if (!m->segments)
		return -ENOMEM;
	memcpy(m->segments, p, size);
	return 0;
}

void module_done(struct module *m)
{
	kfree(m->segments);
	kfree(m->window);
	m->segments = NULL;
	m->window = NULL;
}

/* --- the result --------------------------------------------------------------------------------------------------- */

struct search {
	struct module *m;
	const uint64_t *addresses;
	size_t count;
	uint8_t *covered; /* one byte an address */
	struct function_range *found;
	size_t found_count, found_max;
};

/* Keeps a function if it is the first to hold one of the addresses. */
static void search_add(struct search *s, uint64_t start, uint64_t size)
{
	size_t low = 0, high = s->count;
	bool wanted = false;
	uint64_t end;

	if (!size || __builtin_add_overflow(start, size, &end))
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->addresses[middle] < start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->count && s->addresses[low] < end; low++) {
		wanted |= !s->covered[low];
		s->covered[low] = 1;
	}
	/* Each one kept covers an address that was not: never more than there are addresses. */
	if (wanted && s->found_count < s->found_max)
		s->found[s->found_count++] = (struct function_range){ start, end };
}

static void sift_down(struct function_range *f, size_t at, size_t count)
{
	for (;;) {
		size_t child = 2 * at + 1;
		struct function_range swap;

		if (child >= count)
			return;
		if (child + 1 < count && f[child + 1].start > f[child].start)
			child++;
		if (f[at].start >= f[child].start)
			return;
		swap = f[at];
		f[at] = f[child];
		f[child] = swap;
		at = child;
	}
}

static void sort_ranges(struct function_range *f, size_t count)
{
	for (size_t n = count / 2; n-- > 0;)
		sift_down(f, n, count);
	for (size_t n = count; n-- > 1;) {
		struct function_range swap = f[0];

		f[0] = f[n];
		f[n] = swap;
		sift_down(f, 0, n);
	}
}

static size_t drop_overlaps(struct function_range *f, size_t count)
{
	size_t kept = 0;

	for (size_t n = 0; n < count; n++)
		if (!kept || f[n].start >= f[kept - 1].end)
			f[kept++] = f[n];
	return kept;
}

/* --- .eh_frame ------------------------------------------------------------------------------------------------------ */

#define PE_ABS 0x00
#define PE_UDATA4 0x03
#define PE_UDATA8 0x04
#define PE_SDATA4 0x0b
#define PE_SDATA8 0x0c
#define PE_PCREL 0x10

/* A pointer as an FDE has it; size 0: an encoding nobody uses for functions. */
static unsigned int encoded_size(uint8_t encoding)
{
	if ((encoding & 0xf0) != 0 && (encoding & 0xf0) != PE_PCREL)
		return 0;
	switch (encoding & 0x0f) {
	case PE_UDATA4:
	case PE_SDATA4:
		return 4;
	case PE_ABS:
	case PE_UDATA8:
	case PE_SDATA8:
		return 8;
	}
	return 0;
}

static uint64_t read_encoded(const uint8_t *p, uint8_t encoding, uint64_t address)
{
	uint64_t value;
	uint32_t u;

	if (encoded_size(encoding) == 4) {
		memcpy(&u, p, 4);
		value = (encoding & 0x0f) == PE_SDATA4 ? (uint64_t)(int64_t)(int32_t)u : u;
	} else {
		memcpy(&value, p, 8);
	}
	return (encoding & 0xf0) == PE_PCREL ? value + address : value;
}

/* Steps over a LEB128 number. */
static const uint8_t *skip_leb(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (*p & 0x80))
		p++;
	return p < end ? p + 1 : end;
}

/* The pointer encoding that a CIE's augmentation names; false: not one we know. */
static bool cie_encoding(struct module *m, uint64_t offset, uint32_t length, uint8_t *ret_encoding)
{
	size_t size = MIN((size_t)length + 4, (size_t)256);
	const uint8_t *p = module_at(m, offset, size), *end, *augmentation;
	uint8_t encoding = PE_ABS;

	if (!p || size < 16)
		return false;
	end = p + size;
	augmentation = p + 9;
	p = memchr(augmentation, 0, (size_t)(end - augmentation));
	if (!p || (augmentation[0] && augmentation[0] != 'z'))
		return false;
	p = skip_leb(p + 1, end); /* code alignment */
	p = skip_leb(p, end);	  /* data alignment */
	p = skip_leb(p, end);	  /* return address register */
	if (augmentation[0] == 'z') {
		p = skip_leb(p, end);
		for (augmentation++; *augmentation; augmentation++) {
			if (p >= end)
				return false;
			if (*augmentation == 'R')
				encoding = *p++;
			else if (*augmentation == 'L')
				p++;
			else if (*augmentation == 'P' && encoded_size(*p & 0x7f))
				p += 1 + encoded_size(*p & 0x7f);
			else if (*augmentation != 'B')
				return false; /* S: signal trampolines, whose FDE starts a byte early */
		}
	}
	*ret_encoding = encoding;
	return encoded_size(encoding) != 0;
}

static void search_eh_frame(struct search *s, uint64_t offset, uint64_t address, uint64_t size)
{
	uint64_t at = 0, known_cie = UINT64_MAX;
	uint8_t encoding = 0;
	bool known = false;

	while (size - at >= 8) {
		const uint8_t *p = module_at(s->m, offset + at, 8);
		unsigned int pointer;
		uint32_t length, cie;
		uint64_t start;

		if (!p)
			return;
		memcpy(&length, p, 4);
		memcpy(&cie, p + 4, 4);
		if (length == 0 || length >= 0xfffffff0u || length > size - at - 4)
			return;
		if (cie && at + 4 >= cie) {
			if (at + 4 - cie != known_cie) {
				uint32_t cie_length;

				known_cie = at + 4 - cie;
				p = module_at(s->m, offset + known_cie, 4);
				if (!p)
					return;
				memcpy(&cie_length, p, 4);
				known = cie_length < size && cie_encoding(s->m, offset + known_cie,
									  cie_length, &encoding);
			}
			pointer = known ? encoded_size(encoding) : 0;
			if (known && length >= 4 + 2 * pointer) {
				p = module_at(s->m, offset + at + 8, 2 * pointer);
				if (!p)
					return;
				start = read_encoded(p, encoding, address + at + 8);
				search_add(s, start, read_encoded(p + pointer, encoding & 0x0f, 0));
			}
		}
		at += 4 + (uint64_t)length;
	}
}

static bool segment_offset(const struct module *m, uint64_t address, uint64_t *ret_offset,
			   uint64_t *ret_left)
{
	for (unsigned int n = 0; n < m->header.e_phnum; n++) {
		const Elf64_Phdr *h = &m->segments[n];

		if (h->p_type != PT_LOAD || address < h->p_vaddr ||
		    address - h->p_vaddr >= h->p_filesz)
			continue;
		*ret_offset = h->p_offset + (address - h->p_vaddr);
		*ret_left = h->p_filesz - (address - h->p_vaddr);
		return true;
	}
	return false;
}

/* Without section headers: PT_GNU_EH_FRAME holds a pointer to the frames. */
static void search_eh_frame_segment(struct search *s)
{
	for (unsigned int n = 0; n < s->m->header.e_phnum; n++) {
		const Elf64_Phdr *h = &s->m->segments[n];
		uint64_t address, offset, left;
		const uint8_t *p;

		if (h->p_type != PT_GNU_EH_FRAME)
			continue;
		p = module_at(s->m, h->p_offset, 12);
		if (!p || p[0] != 1 || !encoded_size(p[1]))
			return;
		address = read_encoded(p + 4, p[1], h->p_vaddr + 4);
		if (segment_offset(s->m, address, &offset, &left))
			search_eh_frame(s, offset, address, left);
		return;
	}
}

/* --- sections ------------------------------------------------------------------------------------------------------- */

static bool section_read(struct module *m, unsigned int index, Elf64_Shdr *ret)
{
	uint64_t offset;
	const uint8_t *p;

	if (m->header.e_shentsize != sizeof(*ret) || index >= m->header.e_shnum ||
	    index >= SECTIONS_MAX ||
	    __builtin_add_overflow(m->header.e_shoff, index * sizeof(*ret), &offset))
		return false;
	p = module_at(m, offset, sizeof(*ret));
	if (!p)
		return false;
	memcpy(ret, p, sizeof(*ret));
	return ret->sh_type != SHT_NOBITS && ret->sh_offset <= m->file_size &&
	       ret->sh_size <= m->file_size - ret->sh_offset;
}

static bool section_named(struct module *m, const Elf64_Shdr *names, const Elf64_Shdr *section,
			  const char *name)
{
	size_t size = strlen(name) + 1;
	const uint8_t *p;

	if (section->sh_name >= names->sh_size || names->sh_size - section->sh_name < size)
		return false;
	p = module_at(m, names->sh_offset + section->sh_name, size);
	return p && !memcmp(p, name, size);
}

static bool section_find(struct module *m, const char *name, Elf64_Shdr *ret)
{
	Elf64_Shdr names;

	if (!section_read(m, m->header.e_shstrndx, &names))
		return false;
	for (unsigned int n = 1; n < m->header.e_shnum; n++)
		if (section_read(m, n, ret) && section_named(m, &names, ret, name))
			return true;
	return false;
}

/* Not declared in linux/elf.h. */
#define SYMBOL_FUNCTION 2
#define SYMBOL_IFUNC 10

static void search_symbols(struct search *s, uint32_t section_type)
{
	Elf64_Shdr section;
	Elf64_Sym symbol;

	for (unsigned int n = 1; n < s->m->header.e_shnum; n++) {
		if (!section_read(s->m, n, &section) || section.sh_type != section_type ||
		    section.sh_entsize != sizeof(symbol))
			continue;
		for (uint64_t at = 0; section.sh_size - at >= sizeof(symbol);
		     at += sizeof(symbol)) {
			const uint8_t *p = module_at(s->m, section.sh_offset + at, sizeof(symbol));

			if (!p)
				return;
			memcpy(&symbol, p, sizeof(symbol));
			if (((symbol.st_info & 15) == SYMBOL_FUNCTION ||
			     (symbol.st_info & 15) == SYMBOL_IFUNC) &&
			    symbol.st_shndx != SHN_UNDEF)
				search_add(s, symbol.st_value, symbol.st_size);
		}
	}
}

/* Go's function table (runtime/symtab.go, pcHeader): pairs of offsets from the start of text, sorted. */
static void search_go(struct search *s)
{
	Elf64_Shdr table, text;
	uint64_t functions, text_start, table_offset;
	uint32_t magic, entry[3];
	const uint8_t *p;

	if (!section_find(s->m, ".gopclntab", &table) || table.sh_size < 72)
		return;
	p = module_at(s->m, table.sh_offset, 72);
	if (!p)
		return;
	memcpy(&magic, p, 4);
	if ((magic != GO_MAGIC_118 && magic != GO_MAGIC_120) || p[7] != 8)
		return;
	memcpy(&functions, p + 8, 8);
	memcpy(&text_start, p + 24, 8);
	memcpy(&table_offset, p + 64, 8);
	/* A PIE's start is a relocation. */
	if (!text_start && section_find(s->m, ".text", &text))
		text_start = text.sh_addr;
	if (table_offset > table.sh_size || functions > (table.sh_size - table_offset) / 8)
		return;
	for (uint64_t n = 0; n < functions && (table.sh_size - table_offset) / 8 > n + 1; n++) {
		p = module_at(s->m, table.sh_offset + table_offset + n * 8, 12);
		if (!p)
			return;
		memcpy(entry, p, 12);
		if (entry[2] > entry[0])
			search_add(s, text_start + entry[0], entry[2] - entry[0]);
	}
}

static bool all_covered(const struct search *s)
{
	return !memchr(s->covered, 0, s->count);
}

int module_functions(struct module *m, const uint64_t *addresses, size_t count,
		     struct function_range **ret, size_t *ret_count)
{
	struct search s = { .m = m, .addresses = addresses, .count = count, .found_max = count };
	Elf64_Shdr frames;

	s.covered = kcalloc(MAX(count, (size_t)1), 1);
	s.found = kcalloc(MAX(count, (size_t)1), sizeof(s.found[0]));
	if (!s.covered || !s.found) {
		kfree(s.covered);
		kfree(s.found);
		return -ENOMEM;
	}
	if (section_find(m, ".eh_frame", &frames))
		search_eh_frame(&s, frames.sh_offset, frames.sh_addr, frames.sh_size);
	else
		search_eh_frame_segment(&s);
	if (!all_covered(&s))
		search_symbols(&s, SHT_SYMTAB);
	if (!all_covered(&s))
		search_symbols(&s, SHT_DYNSYM);
	if (!all_covered(&s))
		search_go(&s);
	kfree(s.covered);
	sort_ranges(s.found, s.found_count);
	*ret_count = drop_overlaps(s.found, s.found_count);
	*ret = s.found;
	return 0;
}
