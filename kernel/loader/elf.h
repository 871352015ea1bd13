/* SPDX-License-Identifier: Apache-2.0 */
/* Checked headers of a program, between the two phases of execve. */
#pragma once

#include <linux/elf.h>

#include "lib/base/types.h"

struct exec_args;
struct file;
struct mm;

struct elf_image {
	Elf64_Ehdr header;
	Elf64_Phdr *segments;	  /* header.e_phnum */
	uint64_t lowest, highest; /* of the PT_LOADs: pages; module addresses */
	uint64_t align;		  /* largest p_align, at least a page */
	bool executable_stack;
	char *interpreter; /* PT_INTERP: kmalloc'd, or NULL */
	/* set when mapped */
	uintptr_t base, entry, phdr, end;
};

/* Pure checks: -ENOEXEC. */
must_check int elf_check_header(const Elf64_Ehdr *h);
must_check int elf_check_segments(const Elf64_Phdr *segments, unsigned int count,
				  struct elf_image *image);
/* Reads and checks all of `file`: *ret is kmalloc'd. `is_interpreter`: errors as for PT_INTERP's file. */
must_check int elf_open(struct file *file, bool is_interpreter, struct elf_image **ret);
void elf_image_free(struct elf_image *image);
/* Maps it into the calling task's address space; fills in base, entry, phdr, end. */
must_check int elf_map(struct mm *mm, struct file *file, struct elf_image *image,
		       bool is_interpreter);

/* script.c: what a `#!` line says; pointers into the line, which it cuts up. -ENOEXEC. */
#define SCRIPT_LINE_SIZE 256
must_check int script_parse(char line[SCRIPT_LINE_SIZE], char **ret_name, char **ret_argument);

/* stack.c: argv, envp, auxv on a new stack; *ret_sp. */
must_check int stack_build(const struct exec_args *a, uintptr_t vdso, uintptr_t *ret_sp);
must_check int stack_map(struct mm *mm, const struct exec_args *a, bool executable);
/* A random number of pages below `pages` (a power of two), in bytes; 0 with ADDR_NO_RANDOMIZE. */
uintptr_t exec_random_offset(size_t pages);
