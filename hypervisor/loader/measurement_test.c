/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MRENCLAVE against vectors that others made (shared/anchors/sgx-isa.md, 3), and the layout of enclaves: an ELF with any byte changed
 * is refused or laid out, never read past its end.
 */
#include "hypervisor/loader/measurement.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
#define EXPECT(c)                                                                \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			failures++;                                              \
		}                                                                \
	} while (0)

static bool equals(const uint8_t digest[32], const char *hex)
{
	char text[65];

	for (int i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	if (strcmp(text, hex))
		printf("found  %s\nwanted %s\n", text, hex);
	return !strcmp(text, hex);
}

/* steps: 0 ECREATE, 1 and EADD of one page, 2 and EEXTEND of all of it; SSAFRAMESIZE 1, SIZE 2000h, a page of zeroes with flags 203h. */
static bool vector(int steps, const char *hex)
{
	static const uint8_t zero[256];
	struct measurement *m = measurement_start(1, 0x2000);
	uint8_t digest[32];

	if (!m)
		return false;
	if (steps > 0)
		measurement_add(m, 0, 0x203);
	for (unsigned int o = 0; steps > 1 && o < PAGE_SIZE; o += 256)
		measurement_extend(m, o, zero);
	return !measurement_finish(m, digest) && equals(digest, hex);
}

static void test_vectors(void)
{
	EXPECT(vector(0, "9e197c8837c6d65632dbdd59cd7df4f1a25b68d8e4e5eb6ca3b20b05311fecb8"));
	EXPECT(vector(1, "995c454650d39811c9c53e1af534aa6c34a496ce9302c34e0ced2c7a7e2c4103"));
	EXPECT(vector(2, "1f2cf80bd03ffd8bfac33f7cba128aff511c3af666b93bb66e7ef718418bdade"));
}

static void test_tcs_rights(void)
{
	uint8_t a[32], b[32], c[32];
	struct measurement *m[3] = { measurement_start(1, 0x2000), measurement_start(1, 0x2000),
				     measurement_start(1, 0x2000) };

	measurement_add(m[0], 0, 0x100);
	measurement_add(m[1], 0, 0x107);
	measurement_add(m[2], 0, 0x207);
	EXPECT(!measurement_finish(m[0], a) && !measurement_finish(m[1], b) &&
	       !measurement_finish(m[2], c));
	EXPECT(!memcmp(a, b, 32));
	EXPECT(memcmp(a, c, 32));
}

/* --- Layout ------------------------------------------------------------------------------------------------------------------ */

/* One segment of code at 0, one of data, the description and its sections. */
struct small_elf {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	struct enclave_config config;
	Elf64_Shdr s[2];
	char names[64];
	uint8_t code[64];
};

static void make_elf(struct small_elf *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->e.e_ident, ELFMAG, SELFMAG);
	f->e.e_ident[EI_CLASS] = ELFCLASS64;
	f->e.e_type = ET_DYN;
	f->e.e_machine = EM_X86_64;
	f->e.e_entry = offsetof(struct small_elf, code);
	f->e.e_phoff = offsetof(struct small_elf, p);
	f->e.e_phentsize = sizeof(f->p[0]);
	f->e.e_phnum = 2;
	f->e.e_shoff = offsetof(struct small_elf, s);
	f->e.e_shentsize = sizeof(f->s[0]);
	f->e.e_shnum = 2;
	f->e.e_shstrndx = 1;
	f->p[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				.p_flags = PF_R | PF_X,
				.p_filesz = sizeof(*f),
				.p_memsz = sizeof(*f) };
	f->p[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				.p_flags = PF_R | PF_W,
				.p_vaddr = 0x1000,
				.p_filesz = 100,
				.p_memsz = 0x2001 };
	f->s[0] = (Elf64_Shdr){ .sh_name = 1,
				.sh_offset = offsetof(struct small_elf, config),
				.sh_size = sizeof(f->config) };
	f->s[1] = (Elf64_Shdr){ .sh_name = 10,
				.sh_offset = offsetof(struct small_elf, names),
				.sh_size = sizeof(f->names) };
	memcpy(f->names, "\0.enclave\0.names", 16);
	f->config = (struct enclave_config){ .magic = ENCLAVE_CONFIG_MAGIC,
					     .threads = 2,
					     .ssa_frames = 2,
					     .ssa_frame_pages = 1,
					     .stack_pages = 1,
					     .heap_pages = 3,
					     .growth_pages = 4,
					     .attributes = 4,
					     .xfrm = 7 };
}

static void test_layout(void)
{
	struct small_elf f;
	struct enclave_layout l;
	const char *why;
	const struct enclave_thread *thread = NULL;

	make_elf(&f);
	EXPECT(!layout_make(&f, sizeof(f), &l, &why));
	/* 1 + 3 of the image, twice stack, exception stack, TCS, 2 SSA, thread page, and 3 of heap */
	EXPECT(l.page_count == 4 + 2 * 6 + 3);
	EXPECT(l.size == 0x20000 && l.entry == f.e.e_entry);
	EXPECT(l.pages[0].flags == 0x205 && l.pages[1].flags == 0x203 && !l.pages[2].content);
	for (size_t i = 1; i < l.page_count; i++)
		EXPECT(l.pages[i].offset > l.pages[i - 1].offset);
	for (size_t i = 0; i < l.page_count; i++) {
		if (l.pages[i].offset == l.tcs[1]) {
			const struct tcs *tcs = (const void *)l.pages[i].content;

			EXPECT(l.pages[i].flags == 0x100 && tcs->nssa == 2 &&
			       tcs->oentry == f.e.e_entry);
			EXPECT(tcs->ossa == l.pages[i].offset + PAGE_SIZE);
			EXPECT(tcs->ogs_base == tcs->ossa + 2 * PAGE_SIZE);
			thread = (const void *)l.pages[i + 3].content;
			EXPECT(l.pages[i + 3].offset == tcs->ogs_base && thread->index == 1 &&
			       thread->ssa == tcs->ossa);
		}
	}
	EXPECT(thread && thread->growth == l.growth && thread->growth_size == 4 * PAGE_SIZE);
	layout_done(&l);
}

static void test_refusals(void)
{
	struct small_elf f;
	struct enclave_layout l;
	const char *why = "";

	make_elf(&f);
	f.p[1].p_vaddr = 0;
	EXPECT(layout_make(&f, sizeof(f), &l, &why) && !strcmp(why, "segments share pages"));
	make_elf(&f);
	f.p[1].p_flags = PF_R | PF_W | PF_X;
	EXPECT(layout_make(&f, sizeof(f), &l, &why));
	make_elf(&f);
	f.config.threads = 65;
	EXPECT(layout_make(&f, sizeof(f), &l, &why));
	make_elf(&f);
	f.e.e_entry = 1UL << 40;
	EXPECT(layout_make(&f, sizeof(f), &l, &why));
	make_elf(&f);
	f.e.e_phoff = ~7ULL;
	EXPECT(layout_make(&f, sizeof(f), &l, &why));
}

/* Each byte of the headers becomes 0, 255 and one more, in a copy that ends where the file ends (ASan sees a byte beyond). */
static void test_changed_bytes(void)
{
	struct small_elf *f = malloc(sizeof(*f));
	struct enclave_layout l;
	const char *why;
	uint8_t *bytes = (uint8_t *)f;

	for (size_t i = 0; f && i < offsetof(struct small_elf, code); i++) {
		for (int kind = 0; kind < 3; kind++) {
			make_elf(f);
			bytes[i] = kind == 0 ? 0 : kind == 1 ? 255 : (uint8_t)(bytes[i] + 1);
			/* What is allowed to be large is allowed: a description of many pages. */
			f->config.heap_pages &= 0xff;
			f->config.growth_pages &= 0xff;
			f->config.stack_pages &= 0xff;
			f->p[0].p_memsz &= 0xfffff;
			f->p[1].p_memsz &= 0xfffff;
			if (!layout_make(f, sizeof(*f), &l, &why))
				layout_done(&l);
		}
	}
	for (size_t size = 8; f && size < sizeof(*f); size += 8) {
		uint8_t *part = malloc(size);

		make_elf(f);
		memcpy(part, f, size);
		EXPECT(layout_make(part, size, &l, &why));
		free(part);
	}
	free(f);
}

int main(void)
{
	test_vectors();
	test_tcs_rights();
	test_layout();
	test_refusals();
	test_changed_bytes();
	return failures != 0;
}
