/* SPDX-License-Identifier: Apache-2.0 */
/* Names for addresses of the enclave kernel, from the symbol table of its ELF file. */
#pragma once

#include <stdint.h>
#include <stdio.h>

/*
 * Prints the panic text of the kernel from its second line on (the first is the message), with a line "function+offset" for
 * where a fault was and for each address of the backtrace.
 */
void print_panic(FILE *to, const char *reason, const char *kernel_path, uint64_t kernel_start);
