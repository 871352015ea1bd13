/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of an enclave: see layout.h. The ELF is position independent without relocations (nothing in an enclave may be changed
 * between its measurement and its first instruction), its segments are whole pages, and no two share one. All pages that are not the
 * ELF's are zero, except TCS and thread pages.
 */
#include "hypervisor/loader/layout.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef DT_RELRSZ
#define DT_RELRSZ 35
#endif

struct builder {
	struct enclave_layout *out;
	const uint8_t *elf;
	size_t elf_size;
	const char *why;
	size_t room; /* for pages */
	uint8_t *next;
	size_t contents_left;
	uint64_t at; /* next free offset */
};

static int refuse(struct builder *b, const char *why)
{
	b->why = why;
	return -ENOEXEC;
}

static const void *elf_part(const struct builder *b, uint64_t offset, uint64_t size)
{
	return offset <= b->elf_size && size <= b->elf_size - offset ? b->elf + offset : NULL;
}

static int add(struct builder *b, uint64_t offset, uint64_t flags, const uint8_t *content)
{
	struct enclave_layout *l = b->out;

	if (l->page_count == b->room) {
		size_t room = b->room ? b->room * 2 : 256;
		struct enclave_page *pages = reallocarray(l->pages, room, sizeof(*pages));

		if (!pages)
			return -ENOMEM;
		l->pages = pages;
		b->room = room;
	}
	l->pages[l->page_count++] = (struct enclave_page){ offset, flags, content };
	return 0;
}

static int add_zero(struct builder *b, uint64_t count)
{
	int r = 0;

	for (; count && !r; count--, b->at += PAGE_SIZE)
		r = add(b, b->at, SECINFO_R | SECINFO_W | (uint64_t)PT_REG << SECINFO_TYPE_SHIFT,
			NULL);
	return r;
}

/* A zeroed page of contents; there are enough of them. */
static uint8_t *content_page(struct builder *b)
{
	uint8_t *p = b->next;

	if (!b->contents_left--)
		abort();
	b->next += PAGE_SIZE;
	return p;
}

static const Elf64_Phdr *segments(const struct builder *b, size_t *ret_count)
{
	const Elf64_Ehdr *e = elf_part(b, 0, sizeof(*e));

	if (!e || memcmp(e->e_ident, ELFMAG, SELFMAG) || e->e_ident[EI_CLASS] != ELFCLASS64 ||
	    e->e_type != ET_DYN || e->e_machine != EM_X86_64 ||
	    e->e_phentsize != sizeof(Elf64_Phdr) || e->e_phoff % 8)
		return NULL;
	*ret_count = e->e_phnum;
	return elf_part(b, e->e_phoff, e->e_phnum * sizeof(Elf64_Phdr));
}

static bool has_relocations(const struct builder *b, const Elf64_Phdr *dynamic)
{
	const Elf64_Dyn *d = elf_part(b, dynamic->p_offset, dynamic->p_filesz);
	size_t count = dynamic->p_filesz / sizeof(*d);

	if (!d || dynamic->p_offset % 8)
		return true;
	for (; count && d->d_tag != DT_NULL; d++, count--)
		if ((d->d_tag == DT_RELASZ || d->d_tag == DT_RELSZ || d->d_tag == DT_PLTRELSZ ||
		     d->d_tag == DT_RELRSZ) &&
		    d->d_un.d_val)
			return true;
	return false;
}

/* Checks all segments; b->at becomes the end of the image. */
static int check_segments(struct builder *b, size_t *ret_pages)
{
	size_t count, i;
	const Elf64_Phdr *p = segments(b, &count);

	*ret_pages = 0;
	if (!p)
		return refuse(b, "not a position independent ELF file for x86-64");
	for (i = 0; i < count; i++) {
		if (p[i].p_type == PT_DYNAMIC && has_relocations(b, &p[i]))
			return refuse(b, "it has relocations");
		if (p[i].p_type == PT_INTERP)
			return refuse(b, "it wants an interpreter");
		if (p[i].p_type != PT_LOAD || !p[i].p_memsz)
			continue;
		if (p[i].p_vaddr % PAGE_SIZE || p[i].p_vaddr < b->at)
			return refuse(b, "segments share pages");
		if (p[i].p_filesz > p[i].p_memsz || !elf_part(b, p[i].p_offset, p[i].p_filesz) ||
		    p[i].p_memsz > ENCLAVE_SIZE_MAX || p[i].p_vaddr > ENCLAVE_SIZE_MAX)
			return refuse(b, "a segment does not lie in the file or is too large");
		if (!(p[i].p_flags & PF_R) || (p[i].p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
			return refuse(b,
				      "a segment is not readable, or both writable and executable");
		b->at = p[i].p_vaddr + PAGE_UP(p[i].p_memsz);
		*ret_pages += PAGE_UP(p[i].p_filesz) / PAGE_SIZE;
	}
	return b->at ? 0 : refuse(b, "no segments");
}

static int add_segments(struct builder *b)
{
	size_t count, i;
	const Elf64_Phdr *p = segments(b, &count);
	int r = 0;

	for (i = 0; i < count; i++) {
		uint64_t flags = (uint64_t)PT_REG << SECINFO_TYPE_SHIFT | SECINFO_R |
				 (p[i].p_flags & PF_W ? SECINFO_W : 0) |
				 (p[i].p_flags & PF_X ? SECINFO_X : 0);

		if (p[i].p_type != PT_LOAD)
			continue;
		for (uint64_t o = 0; o < p[i].p_memsz && !r; o += PAGE_SIZE) {
			uint8_t *content = NULL;

			if (o < p[i].p_filesz) {
				content = content_page(b);
				memcpy(content, b->elf + p[i].p_offset + o,
				       MIN(p[i].p_filesz - o, PAGE_SIZE));
			}
			r = add(b, p[i].p_vaddr + o, flags, content);
		}
	}
	return r;
}

/* The section .enclave: one struct enclave_config. */
static int find_config(struct builder *b)
{
	const Elf64_Ehdr *e = (const void *)b->elf;
	const Elf64_Shdr *s = elf_part(b, e->e_shoff, e->e_shnum * sizeof(*s));
	const Elf64_Shdr *names;
	struct enclave_config *c = &b->out->config;

	if (!s || e->e_shoff % 8 || e->e_shentsize != sizeof(*s) || e->e_shstrndx >= e->e_shnum)
		return refuse(b, "no sections");
	names = &s[e->e_shstrndx];
	for (size_t i = 0; i < e->e_shnum; i++) {
		const char *name = elf_part(b, names->sh_offset + s[i].sh_name, sizeof(".enclave"));
		const void *found = elf_part(b, s[i].sh_offset, sizeof(*c));

		if (!name || memcmp(name, ".enclave", sizeof(".enclave")) ||
		    s[i].sh_size != sizeof(*c) || !found)
			continue;
		memcpy(c, found, sizeof(*c));
		if (c->magic != ENCLAVE_CONFIG_MAGIC || !c->threads ||
		    c->threads > ENCLAVE_THREADS_MAX || !c->ssa_frames || c->ssa_frames > 16 ||
		    !c->ssa_frame_pages || c->ssa_frame_pages > 16 || !c->stack_pages ||
		    c->stack_pages > 1U << 16 || c->heap_pages > 1U << 22 ||
		    c->growth_pages > 1U << 22)
			return refuse(b, "its description (section .enclave) is not valid");
		return 0;
	}
	return refuse(b, "it has no description (section .enclave)");
}

static int add_thread(struct builder *b, uint32_t index, struct enclave_thread **ret_thread)
{
	const struct enclave_config *c = &b->out->config;
	struct tcs *tcs = (void *)content_page(b);
	struct enclave_thread *thread = (void *)content_page(b);
	int r;

	b->at += PAGE_SIZE; /* a stack that overflows meets nothing */
	r = add_zero(b, c->stack_pages);
	thread->stack = b->at;
	r = r ?: add_zero(b, 1);
	thread->exception_stack = b->at;
	b->out->tcs[index] = b->at;
	r = r ?: add(b, b->at, (uint64_t)PT_TCS << SECINFO_TYPE_SHIFT, (void *)tcs);
	b->at += PAGE_SIZE;
	thread->ssa = tcs->ossa = b->at;
	thread->ssa_frame_size = c->ssa_frame_pages * PAGE_SIZE;
	thread->index = index;
	r = r ?: add_zero(b, (uint64_t)c->ssa_frames * c->ssa_frame_pages);
	tcs->nssa = c->ssa_frames;
	tcs->oentry = b->out->entry;
	tcs->ofs_base = tcs->ogs_base = b->at;
	tcs->fs_limit = tcs->gs_limit = 0xfff;
	r = r
		    ?: add(b, b->at, SECINFO_R | SECINFO_W | (uint64_t)PT_REG << SECINFO_TYPE_SHIFT,
			   (void *)thread);
	b->at += PAGE_SIZE;
	*ret_thread = thread;
	return r;
}

static int build(struct builder *b)
{
	struct enclave_thread *threads[ENCLAVE_THREADS_MAX];
	struct enclave_layout *l = b->out;
	const Elf64_Ehdr *e = (const void *)b->elf;
	uint64_t heap;
	size_t contents;
	int r = check_segments(b, &contents);

	r = r ?: find_config(b);
	if (r)
		return r;
	if (e->e_entry >= b->at)
		return refuse(b, "its entry lies outside");
	l->entry = e->e_entry;
	contents += 2 * l->config.threads;
	l->memory = b->next = aligned_alloc(PAGE_SIZE, contents * PAGE_SIZE);
	if (!l->memory)
		return -ENOMEM;
	memset(l->memory, 0, contents * PAGE_SIZE);
	b->contents_left = contents;
	r = add_segments(b);
	for (uint32_t i = 0; i < l->config.threads && !r; i++)
		r = add_thread(b, i, &threads[i]);
	b->at += PAGE_SIZE;
	heap = b->at;
	r = r ?: add_zero(b, l->config.heap_pages);
	if (r)
		return r;
	l->growth = b->at;
	for (l->size = 2 * PAGE_SIZE; l->size < b->at + l->config.growth_pages * PAGE_SIZE;)
		l->size *= 2;
	for (uint32_t i = 0; i < l->config.threads; i++) {
		threads[i]->heap = heap;
		threads[i]->heap_size = l->config.heap_pages * PAGE_SIZE;
		threads[i]->growth = l->growth;
		threads[i]->growth_size = l->config.growth_pages * PAGE_SIZE;
		threads[i]->enclave_size = l->size;
	}
	return 0;
}

int layout_make(const void *elf, size_t size, struct enclave_layout *ret_layout,
		const char **ret_why)
{
	struct builder b = { .out = ret_layout, .elf = elf, .elf_size = size, .why = "no memory" };
	int r;

	memset(ret_layout, 0, sizeof(*ret_layout));
	r = (uintptr_t)elf % 8 ? refuse(&b, "the file's copy is not aligned") : build(&b);
	if (r)
		layout_done(ret_layout);
	*ret_why = b.why;
	return r;
}

void layout_done(struct enclave_layout *layout)
{
	free(layout->memory);
	free(layout->pages);
	memset(layout, 0, sizeof(*layout));
}

int layout_protection(const struct enclave_page *page)
{
	if (SECINFO_TYPE(page->flags) == PT_TCS)
		return PROT_READ | PROT_WRITE;
	return (page->flags & SECINFO_R ? PROT_READ : 0) |
	       (page->flags & SECINFO_W ? PROT_WRITE : 0) |
	       (page->flags & SECINFO_X ? PROT_EXEC : 0);
}
