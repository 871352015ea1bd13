/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rewriter found out, kept by the host from one enclave to the next: where the `syscall` sites of a file are,
 * what becomes of them, and the stubs. Text itself is not kept: it is read from the file and patched.
 *
 * Only a platform whose host sees the enclave anyway rewrites text (PLAT_REWRITES_TEXT), and only its user can enter the
 * folder. An entry that is damaged, of another kernel, or of a file that has changed since is not used: it is checked as
 * any input is, and made again.
 */
#pragma once

#include "kernel/loader/rewrite_internal.h"
#include "kernel/mm/mapping.h"

/* handle: boot_info.text_cache_handle, negative: nothing is kept. kernel: says which kernel made the entries. */
void rewrite_store_init(int handle, uint64_t kernel);
/* false: nothing is kept for this file. */
bool rewrite_store_identify(struct file *file, struct mapping_identity *ret);
/*
 * Fills in what t says of the segment and its sites; t->text is not there yet. t->gap 0: nothing is rewritten.
 * false: there is no entry, and t is as it was.
 */
bool rewrite_store_load(const struct mapping_identity *identity, struct text_image *t);
/* Failures are of no interest: it is done again next time. */
void rewrite_store_save(const struct mapping_identity *identity, const struct text_image *t);
