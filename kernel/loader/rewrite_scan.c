/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which `syscall` sites of a text may be rewritten, and how. Pure: no kernel state.
 *
 * 1. Every `0f 05` is a candidate. The function around it is decoded from its start; only candidates that are
 *    instructions there are sites, and only sites of functions with known bounds are touched.
 * 2. MOV needs no more: nothing sound jumps into the middle of one instruction, and the `syscall` bytes stay.
 *    BEFORE and AFTER replace several instructions, so nothing may jump between them. Proof: the whole function
 *    decodes, has no indirect jump, and no branch or lea of it leads there; and nothing in the rest of the text,
 *    taken byte by byte so that hidden instructions count as well, looks like a branch there. (Landing pads of
 *    exceptions are reached by the unwinder only, never by running on, so none can lie among moved instructions.)
 */
#include "kernel/loader/rewrite_scan.h"

#include <asm/errno.h>

#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

#define NR_RT_SIGRETURN 15
#define FUNCTION_SIZE_MAX (4UL << 20)
#define SITE_NONE SIZE_MAX

/* --- finding ------------------------------------------------------------------------------------------------------ */

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* The high bit of each byte that is zero; above the first one there may be false ones. */
static inline uint64_t zero_bytes(uint64_t v)
{
	return (v - ONES) & ~v & HIGHS;
}

/* Eight positions at a time: bytes equal to 0f where the next one is 05 become zero. */
size_t text_next_syscall(const uint8_t *text, size_t size, size_t from)
{
	size_t at = from;

	while (at < size && size - at >= 9) {
		uint64_t a, b, found;

		__builtin_memcpy(&a, text + at, 8);
		__builtin_memcpy(&b, text + at + 1, 8);
		found = zero_bytes((a ^ 0x0f * ONES) | (b ^ 0x05 * ONES));
		if (found)
			return at + (size_t)(__builtin_ctzll(found) / 8);
		at += 8;
	}
	for (; at < size && size - at >= 2; at++)
		if (text[at] == 0x0f && text[at + 1] == 0x05)
			return at;
	return SITE_NONE;
}

bool text_has_syscalls(const uint8_t *text, size_t size)
{
	return text_next_syscall(text, size, 0) != SITE_NONE;
}

/* Size of a mov $imm32,%eax or %rax that ends at `at`, by its bytes; 0 if there is none. */
static unsigned int mov_before(const uint8_t *text, size_t at, uint32_t *ret_number)
{
	unsigned int size = 0;

	if (at >= 7 && text[at - 7] == 0x48 && text[at - 6] == 0xc7 && text[at - 5] == 0xc0)
		size = 7;
	else if (at >= 5 && text[at - 5] == 0xb8)
		size = 5;
	if (size)
		__builtin_memcpy(ret_number, text + at - 4, 4);
	return size;
}

size_t rewrite_stub_bound(const uint8_t *text, size_t offset)
{
	uint32_t number;

	return mov_before(text, offset, &number) ? STUB_MOV_SIZE : STUB_SIZE_MAX;
}

static struct work *work_add(struct scan *c, size_t site)
{
	struct work *w;

	if (c->count == c->capacity) {
		size_t capacity = c->capacity ? c->capacity * 2 : 256;

		w = krealloc(c->works, capacity * sizeof(*w));
		if (!w)
			return NULL;
		c->works = w;
		c->capacity = capacity;
	}
	w = &c->works[c->count++];
	memset(w, 0, sizeof(*w));
	w->site = w->before = w->after = w->function_start = w->function_end = site;
	return w;
}

/* --- what can be moved ---------------------------------------------------------------------------------------------- */

bool insn_is_return(const struct insn *i)
{
	return i->map == INSN_ONE_BYTE && (i->opcode == 0xc3 || i->opcode == 0xc2);
}

bool insn_is_trap(const struct insn *i)
{
	return (i->map == INSN_ONE_BYTE && (i->opcode == 0xf4 || i->opcode == 0xcc)) ||
	       (i->map == INSN_0F && i->opcode == 0x0b);
}

/*
 * Whether an instruction does the same elsewhere, given fixed-up displacements. Calls would push an address of the
 * stub; endbr64 marks the target of an indirect jump; far branches, interrupts and transactions are left alone.
 */
static bool is_movable(const struct insn *i, const uint8_t *p)
{
	unsigned int reg = i->modrm >> 3 & 7;
	enum insn_branch branch;
	int64_t target;

	branch = insn_branch(i, p, &target);
	if (branch != BRANCH_NONE)
		return branch == BRANCH_JMP || branch == BRANCH_JCC;
	if (i->map == INSN_ONE_BYTE) {
		switch (i->opcode) {
		case 0xff:
			return reg < 2 || reg == 6;
		case 0xc8:
		case 0xca:
		case 0xcb:
		case 0xcd:
		case 0xcf:
		case 0xf1:
			return false;
		}
	} else if (i->map == INSN_0F) {
		switch (i->opcode) {
		case 0x01:
		case 0x05:
		case 0x07:
		case 0x34:
		case 0x35:
		case 0xaa:
			return false;
		case 0x1e:
			return !(p[0] == 0xf3 && i->modrm >= 0xf8);
		}
	}
	return true;
}

/* nop and int3 fillers between functions: size, or 0. */
static unsigned int padding_size(const uint8_t *p, size_t size)
{
	struct insn i;

	if (!size)
		return 0;
	if (p[0] == 0xcc)
		return 1;
	if (!insn_decode(p, size, &i))
		return 0;
	if (i.map == INSN_ONE_BYTE && i.opcode == 0x90 && !(i.rex & 1) && p[0] != 0xf3)
		return i.length;
	return i.map == INSN_0F && i.opcode == 0x1f ? i.length : 0;
}

/* How far AFTER would reach: the end of the last instruction it moves or runs over, or the site: not possible. */
static size_t after_end(const struct scan *c, const struct work *w)
{
	size_t at = w->site + 2, want = w->site + JUMP_SIZE;
	unsigned int count = 0;

	while (at < want) {
		struct insn i;
		const uint8_t *p = c->text + at;
		int64_t target;

		if (at >= w->function_end || count++ == REWRITE_MOVED_MAX ||
		    !insn_decode(p, w->function_end - at, &i) || !is_movable(&i, p))
			return w->site;
		at += i.length;
		if (insn_is_return(&i) || insn_is_trap(&i) ||
		    insn_branch(&i, p, &target) == BRANCH_JMP)
			break;
	}
	/* Behind a return only filler may be run over, and not as far as where another function could start. */
	while (at < want) {
		unsigned int size = padding_size(c->text + at, c->size - at);

		if (!size)
			return w->site;
		at += size;
		if (at > w->function_end &&
		    ((c->start + at - 1) ^ (c->start + w->function_end - 1)) & ~15ULL)
			return w->site;
	}
	return at;
}

/* Starts of the last instructions of a function, newest first at [0]. */
struct history {
	size_t at[REWRITE_MOVED_MAX];
	unsigned int count;
};

static void history_add(struct history *h, size_t at)
{
	memmove(h->at + 1, h->at, (REWRITE_MOVED_MAX - 1) * sizeof(h->at[0]));
	h->at[0] = at;
	h->count = MIN(h->count + 1, (unsigned int)REWRITE_MOVED_MAX);
}

static size_t before_start(const struct scan *c, size_t site, const struct history *h)
{
	size_t end = site;

	for (unsigned int n = 0; n < h->count; n++) {
		const uint8_t *p = c->text + h->at[n];
		struct insn i;
		int64_t target;

		if (!insn_decode(p, end - h->at[n], &i) || !is_movable(&i, p) ||
		    insn_is_return(&i) || insn_is_trap(&i) ||
		    insn_branch(&i, p, &target) == BRANCH_JMP)
			return site;
		end = h->at[n];
		if (site - end >= JUMP_SIZE)
			return end;
	}
	return site;
}

/* --- proving -------------------------------------------------------------------------------------------------------- */

/* `target` may be jumped to by something at `from`. Marks the sites whose replaced bytes hold it. */
static void mark_target(struct scan *c, size_t first, size_t last, size_t target, size_t from,
			bool in_function)
{
	size_t low = first, high = last;

	/* Nothing reaches further than 64 bytes from its site. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->works[middle].site + 64 < target)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < last && c->works[low].site <= target + 64; low++) {
		struct work *w = &c->works[low];

		/* A function's own instructions were decoded: its bytes need no guessing. */
		if (!in_function && from >= w->function_start && from < w->function_end)
			continue;
		if (target > w->before && target < w->site)
			w->no_before = true;
		if (target > w->site && target < w->after)
			w->no_after = true;
	}
}

static bool is_lea(const struct insn *i)
{
	return i->map == INSN_ONE_BYTE && i->opcode == 0x8d && i->rip_relative;
}

/* Second look at a function with sites to move code of: where its branches lead. */
static void mark_function(struct scan *c, size_t first, size_t start, size_t end)
{
	struct insn i;

	for (size_t at = start; at < end && insn_decode(c->text + at, end - at, &i);
	     at += i.length) {
		const uint8_t *p = c->text + at;
		int64_t target;

		if (is_lea(&i)) {
			int32_t displacement;

			__builtin_memcpy(&displacement, p + i.disp_at, 4);
			target = (int64_t)i.length + displacement;
		} else if (insn_branch(&i, p, &target) == BRANCH_NONE) {
			continue;
		}
		mark_target(c, first, c->count, at + (size_t)target, at, true);
	}
}

static void classify(struct scan *c, struct work *w, const struct history *h, bool adjacent_mov)
{
	uint32_t number = 0;
	unsigned int size = mov_before(c->text, w->site, &number);

	/* The bytes must be that very instruction: 41 b8 is a mov to %r8d. */
	if (!h->count || w->site - h->at[0] != size)
		size = 0;
	if (size && number == NR_RT_SIGRETURN) {
		w->reason = KEPT_SIGRETURN;
		return;
	}
	if (size && adjacent_mov && (int32_t)number >= 0) {
		w->mov_size = (uint8_t)size;
		w->number = number;
		return;
	}
	w->before = before_start(c, w->site, h);
	w->after = after_end(c, w);
	if (w->before == w->site && w->after == w->site)
		w->reason = KEPT_SHAPE;
}

/* Decodes one function; adds a work for each syscall instruction in it. */
static int scan_function(struct scan *c, size_t start, size_t end, size_t candidate)
{
	struct history h = { .count = 0 };
	size_t first = c->count, at = start;
	bool indirect = false, open = false;

	while (at < end) {
		struct insn i;

		if (!insn_decode(c->text + at, end - at, &i))
			break;
		if (i.map == INSN_0F && i.opcode == 0x05 && at + i.length >= candidate + 2) {
			struct work *w = work_add(c, at + i.length - 2);

			if (!w)
				return -ENOMEM;
			w->function_start = start;
			w->function_end = end;
			if (i.length == 2)
				classify(c, w, &h, true);
			else /* a REX prefix without effect: rare */
				w->reason = KEPT_SHAPE;
			open |= w->before != w->site || w->after != w->site;
		}
		indirect |= insn_is_indirect_jump(&i);
		history_add(&h, at);
		at += i.length;
	}
	if (open && at == end && !indirect)
		mark_function(c, first, start, end);
	for (size_t n = first; n < c->count && (at != end || indirect); n++) {
		struct work *w = &c->works[n];

		if (w->before == w->site && w->after == w->site)
			continue;
		w->before = w->after = w->site;
		w->reason = indirect ? KEPT_INDIRECT : KEPT_DECODE;
	}
	return 0;
}

/* The function that holds `offset`, of those not yet passed; *at moves on. */
static bool function_at(const struct scan *c, size_t *at, size_t offset, size_t *ret_start,
			size_t *ret_end)
{
	uint64_t address = c->start + offset;

	for (; *at < c->function_count; (*at)++) {
		const struct function_range *f = &c->functions[*at];

		if (f->end <= address)
			continue;
		if (f->start > address || f->start < c->start || f->end - c->start > c->size ||
		    f->end - f->start > FUNCTION_SIZE_MAX)
			return false;
		*ret_start = f->start - c->start;
		*ret_end = f->end - c->start;
		return true;
	}
	return false;
}

static int find_sites(struct scan *c)
{
	size_t function = 0, at = 0;

	while ((at = text_next_syscall(c->text, c->size, at)) != SITE_NONE) {
		size_t start, end;

		if (function_at(c, &function, at, &start, &end)) {
			/* Sites behind an overlapping neighbour were done with it. */
			int err = scan_function(c, start, end, at);

			if (err)
				return err;
			at = end;
		} else {
			struct work *w = work_add(c, at);

			if (!w)
				return -ENOMEM;
			w->reason = KEPT_NO_FUNCTION;
			at += 2;
		}
	}
	return 0;
}

/* One bit for each 16 bytes of text: set where a branch would hurt. */
static void filter_set(uint8_t *filter, size_t from, size_t to)
{
	for (size_t bit = from / 16; bit <= to / 16; bit++)
		filter[bit / 8] |= (uint8_t)(1u << bit % 8);
}

/* The opcode's last byte at `at` may be of a branch with a 32-bit displacement. */
static void mark_far_branch(struct scan *c, const uint8_t *filter, size_t at)
{
	const uint8_t *text = c->text;
	size_t target;
	int32_t displacement;

	/* e8 e9; or 8x, if behind a 0f. */
	if ((text[at] & 0xfe) != 0xe8 && ((text[at] & 0xf0) != 0x80 || !at || text[at - 1] != 0x0f))
		return;
	__builtin_memcpy(&displacement, text + at + 1, 4);
	target = at + 5 + (size_t)(int64_t)displacement;
	if (target < c->size && (filter[target / 128] >> (target / 16 % 8) & 1))
		mark_target(c, 0, c->count, target, at, false);
}

/* All of them, at any byte: eight positions at a time, since most are not. */
static void mark_far_branches(struct scan *c, const uint8_t *filter)
{
	size_t at = 0;

	if (c->size && c->size >= 5)
		mark_far_branch(c, filter, at++);
	for (; c->size - at >= 13 && c->size >= 13; at += 8) {
		uint64_t v, before, found;

		__builtin_memcpy(&v, c->text + at, 8);
		__builtin_memcpy(&before, c->text + at - 1, 8);
		found = zero_bytes((v & 0xfe * ONES) ^ 0xe8 * ONES) |
			zero_bytes(((v & 0xf0 * ONES) ^ 0x80 * ONES) | (before ^ 0x0f * ONES));
		for (; found; found &= found - 1)
			mark_far_branch(c, filter, at + (size_t)__builtin_ctzll(found) / 8);
	}
	for (; at + 5 <= c->size; at++)
		mark_far_branch(c, filter, at);
}

/* The same with 8-bit displacements, from outside of the site's function only. */
static void mark_near_branches(struct scan *c, const struct work *w)
{
	size_t from = w->before > 130 ? w->before - 130 : 0, to = MIN(c->size - 1, w->after + 130);

	for (size_t at = from; at < to; at++) {
		uint8_t b = c->text[at];

		if (at >= w->function_start && at < w->function_end) {
			at = w->function_end - 1;
			continue;
		}
		if (b == 0xeb || (b & 0xf0) == 0x70 || (b & 0xfc) == 0xe0)
			mark_target(c, 0, c->count,
				    at + 2 + (size_t)(int64_t)(int8_t)c->text[at + 1], at, false);
	}
}

static int mark_outside(struct scan *c)
{
	uint8_t *filter = NULL;

	for (size_t n = 0; n < c->count; n++) {
		const struct work *w = &c->works[n];

		if (w->before == w->site && w->after == w->site)
			continue;
		if (!filter)
			filter = kcalloc(c->size / 128 + 1, 1);
		if (!filter)
			return -ENOMEM;
		filter_set(filter, w->before, MIN(w->after, c->size - 1));
		mark_near_branches(c, w);
	}
	if (filter)
		mark_far_branches(c, filter);
	kfree(filter);
	return 0;
}

int rewrite_scan(struct scan *c)
{
	int err = find_sites(c);

	return err ? err : mark_outside(c);
}
