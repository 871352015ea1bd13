/* SPDX-License-Identifier: Apache-2.0 */
/* A program file seen through reads, and what the rewriter wants to know of it: where functions start and end. */
#pragma once

#include <linux/elf.h>

#include "kernel/loader/rewrite.h"
#include "lib/base/types.h"

#define MODULE_WINDOW (64UL << 10)

struct module {
	/* As pread: bytes, fewer only at the end; or an error. */
	long (*read)(void *context, void *to, size_t size, uint64_t offset);
	void *context;
	uint64_t file_size;
	Elf64_Ehdr header;
	Elf64_Phdr *segments; /* header.e_phnum of them */
	uint8_t *window;      /* MODULE_WINDOW bytes of the file */
	uint64_t window_at;
	size_t window_size;
};

/* Reads and checks the headers. -ENOEXEC: no x86-64 ELF file; -ENOMEM; -EIO. module_done in any case. */
must_check int module_init(struct module *m);
void module_done(struct module *m);
/* `size` (at most 4 KiB) bytes of the file at `offset`, valid until the next call; NULL: not there. */
const uint8_t *module_at(struct module *m, uint64_t offset, size_t size);
/*
 * The functions that hold at least one of the sorted addresses, sorted and apart; from .eh_frame, then the symbol
 * tables, then Go's function table. Few or none is no error. kfree *ret.
 */
must_check int module_functions(struct module *m, const uint64_t *addresses, size_t count,
				struct function_range **ret, size_t *ret_count);
