/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two halves of the text rewriter: what may be done (rewrite_scan.c), and doing it (rewrite_text.c). */
#pragma once

#include "kernel/loader/insn.h"
#include "kernel/loader/rewrite.h"

#define JUMP_SIZE 5
#define STUB_SIZE_MAX 64
#define STUB_MOV_SIZE 24

/* A site while its fate is open. All are offsets into the text. */
struct work {
	size_t site;
	size_t before,
		after; /* start and end of what BEFORE and AFTER would replace; == site: not possible */
	size_t function_start, function_end;
	uint32_t number;  /* MOV */
	uint8_t mov_size; /* 5 or 7; 0: not MOV */
	uint8_t reason;
	bool no_before, no_after; /* something leads into it */
};

struct scan {
	uint8_t *text;
	size_t size;
	uint64_t start;
	const struct function_range *functions;
	size_t function_count;
	struct work *works;
	size_t count, capacity;
};

/* Steps 1 and 2: fills c->works, sorted by site. -ENOMEM. The caller frees c->works in any case. */
must_check int rewrite_scan(struct scan *c);
/* ret; hlt, int3, ud2: nothing follows. */
bool insn_is_return(const struct insn *i);
bool insn_is_trap(const struct insn *i);
