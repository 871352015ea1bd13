/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one owner that is given back at once: a policy's, or a parse tree's. Blocks of 16 KiB,
 * larger things get their own. How much it can be is bounded by the bounds of what is put in
 * (POLICY_TEXT_MAX, POLICY_NODES_MAX).
 */
#include "attest/policy/language.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 16384u

struct policy_block {
	struct policy_block *next;
	size_t used, size;
	_Alignas(max_align_t) uint8_t data[];
};

void *policy_alloc(struct policy_arena *arena, size_t size)
{
	struct policy_block *block = arena->blocks;
	size_t want = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	size_t room = want > BLOCK_SIZE ? want : BLOCK_SIZE;
	void *ret;

	if (want < size)
		return NULL;
	if (!block || block->size - block->used < want) {
		block = calloc(1, sizeof(*block) + room);
		if (!block)
			return NULL;
		block->size = room;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	ret = block->data + block->used;
	block->used += want;
	return ret;
}

char *policy_copy(struct policy_arena *arena, const char *text, size_t len)
{
	char *ret = policy_alloc(arena, len + 1);

	if (ret && len)
		memcpy(ret, text, len);
	return ret;
}

char *policy_format(struct policy_arena *arena, const char *format, ...)
{
	char text[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0)
		return NULL;
	return policy_copy(arena, text,
			   (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

void policy_release(struct policy_arena *arena)
{
	while (arena->blocks) {
		struct policy_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}
