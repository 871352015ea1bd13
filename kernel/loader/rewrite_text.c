/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patching of `syscall` sites in a buffer of program text; see rewrite.h for the patterns. Pure: no kernel state.
 *
 * 1. Every `0f 05` is a candidate. The function around it is decoded from its start; only candidates that are
 *    instructions there are sites, and only sites of functions with known bounds are touched.
 * 2. MOV needs no more: nothing sound jumps into the middle of one instruction, and the `syscall` bytes stay.
 *    BEFORE and AFTER replace several instructions, so nothing may jump between them. Proof: the whole function
 *    decodes, has no indirect jump, and no branch or lea of it leads there; and nothing in the rest of the text,
 *    taken byte by byte so that hidden instructions count as well, looks like a branch there.
 * 3. Stubs are written and the jumps to them put over the text, in order of addresses; patches never overlap.
 *
 * BEFORE is preferred to AFTER: the return point stays in the text, behind the original `syscall`.
 */
#include "kernel/loader/rewrite.h"

#include <asm/errno.h>

#include "kernel/loader/insn.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

#define NR_RT_SIGRETURN 15
#define JUMP_SIZE 5
#define STUB_SIZE_MAX 64
#define STUB_MOV_SIZE 24
#define RETURN_SIZE 15	/* lea rel32(%rip),%rcx; jmp *%gs:24 */
#define FUNCTION_SIZE_MAX (4UL << 20)
#define SITE_NONE SIZE_MAX

/* A site while its fate is open. All are offsets into the text. */
struct work {
	size_t site;
	size_t before, after;	/* start and end of what BEFORE and AFTER would replace; == site: not possible */
	size_t function_start, function_end;
	uint32_t number;	/* MOV */
	uint8_t mov_size;	/* 5 or 7; 0: not MOV */
	uint8_t reason;
	bool no_before, no_after;	/* something leads into it */
};

struct context {
	uint8_t *text;
	size_t size;
	uint64_t start;
	const struct function_range *functions;
	size_t function_count;
	struct work *works;
	size_t count, capacity;
};

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

static struct work *work_add(struct context *c, size_t site)
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

static bool is_return(const struct insn *i)
{
	return i->map == INSN_ONE_BYTE && (i->opcode == 0xc3 || i->opcode == 0xc2);
}

/* hlt, int3, ud2: nothing follows. */
static bool is_trap(const struct insn *i)
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
		case 0xc8: case 0xca: case 0xcb: case 0xcd: case 0xcf: case 0xf1:
			return false;
		}
	} else if (i->map == INSN_0F) {
		switch (i->opcode) {
		case 0x01: case 0x05: case 0x07: case 0x34: case 0x35: case 0xaa:
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
static size_t after_end(const struct context *c, const struct work *w)
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
		if (is_return(&i) || is_trap(&i) || insn_branch(&i, p, &target) == BRANCH_JMP)
			break;
	}
	/* Behind a return only filler may be run over, and not as far as where another function could start. */
	while (at < want) {
		unsigned int size = padding_size(c->text + at, c->size - at);

		if (!size)
			return w->site;
		at += size;
		if (at > w->function_end && ((c->start + at - 1) ^ (c->start + w->function_end - 1)) & ~15ULL)
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

static size_t before_start(const struct context *c, size_t site, const struct history *h)
{
	size_t end = site;

	for (unsigned int n = 0; n < h->count; n++) {
		const uint8_t *p = c->text + h->at[n];
		struct insn i;
		int64_t target;

		if (!insn_decode(p, end - h->at[n], &i) || !is_movable(&i, p) || is_return(&i) || is_trap(&i) ||
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
static void mark_target(struct context *c, size_t first, size_t last, size_t target, size_t from, bool in_function)
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
static void mark_function(struct context *c, size_t first, size_t start, size_t end)
{
	struct insn i;

	for (size_t at = start; at < end && insn_decode(c->text + at, end - at, &i); at += i.length) {
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

static void classify(struct context *c, struct work *w, const struct history *h, bool adjacent_mov)
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
static int scan_function(struct context *c, size_t start, size_t end, size_t candidate)
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
			else	/* a REX prefix without effect: rare */
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
static bool function_at(const struct context *c, size_t *at, size_t offset, size_t *ret_start, size_t *ret_end)
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

static int find_sites(struct context *c)
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
static void mark_far_branch(struct context *c, const uint8_t *filter, size_t at)
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
static void mark_far_branches(struct context *c, const uint8_t *filter)
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
static void mark_near_branches(struct context *c, const struct work *w)
{
	size_t from = w->before > 130 ? w->before - 130 : 0, to = MIN(c->size - 1, w->after + 130);

	for (size_t at = from; at < to; at++) {
		uint8_t b = c->text[at];

		if (at >= w->function_start && at < w->function_end) {
			at = w->function_end - 1;
			continue;
		}
		if (b == 0xeb || (b & 0xf0) == 0x70 || (b & 0xfc) == 0xe0)
			mark_target(c, 0, c->count, at + 2 + (size_t)(int64_t)(int8_t)c->text[at + 1], at, false);
	}
}

static int mark_outside(struct context *c)
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

/* --- writing -------------------------------------------------------------------------------------------------------- */

struct emitter {
	uint8_t bytes[STUB_SIZE_MAX];
	unsigned int size;
	uint64_t address;	/* module address of bytes[0] */
	bool failed;		/* too long, or a displacement too large */
};

static void emit(struct emitter *e, const void *bytes, unsigned int size)
{
	if (e->failed || size > sizeof(e->bytes) - e->size) {
		e->failed = true;
		return;
	}
	memcpy(e->bytes + e->size, bytes, size);
	e->size += size;
}

/* A displacement from `next` to `target`. */
static bool relative(uint64_t next, uint64_t target, int32_t *ret)
{
	int64_t distance = (int64_t)(target - next);

	*ret = (int32_t)distance;
	return *ret == distance;
}

static void emit_relative(struct emitter *e, uint64_t target)
{
	int32_t displacement;

	if (!relative(e->address + e->size + 4, target, &displacement))
		e->failed = true;
	emit(e, &displacement, 4);
}

static void emit_call(struct emitter *e, uint64_t return_to)
{
	emit(e, "\x48\x8d\x0d", 3);	/* lea rel32(%rip),%rcx */
	emit_relative(e, return_to);
	emit(e, "\x65\xff\x24\x25\x18\0\0\0", 8);	/* jmp *%gs:TASK_ENTRY */
}

/* One instruction of the text, at its new place. Returns false if nothing can follow it. */
static bool emit_moved(struct emitter *e, const struct context *c, size_t at, const struct insn *i)
{
	const uint8_t *p = c->text + at;
	uint8_t copy[INSN_LENGTH_MAX], jump[2] = { 0x0f, (uint8_t)(0x80 | (i->opcode & 15)) };
	uint64_t address = c->start + at;
	int64_t target;
	int32_t displacement;

	switch (insn_branch(i, p, &target)) {
	case BRANCH_JCC:
		emit(e, jump, 2);
		emit_relative(e, address + (uint64_t)target);
		return true;
	case BRANCH_JMP:
		emit(e, "\xe9", 1);
		emit_relative(e, address + (uint64_t)target);
		return false;
	case BRANCH_CALL:
	case BRANCH_LOOP:
		e->failed = true;
		return false;
	case BRANCH_NONE:
		break;
	}
	memcpy(copy, p, i->length);
	if (i->rip_relative) {
		memcpy(&displacement, p + i->disp_at, 4);
		if (!relative(e->address + e->size + i->length, address + i->length + (uint64_t)(int64_t)displacement,
			      &displacement))
			e->failed = true;
		memcpy(copy + i->disp_at, &displacement, 4);
	}
	emit(e, copy, i->length);
	return !is_return(i) && !is_trap(i);
}

/* Moves the instructions of [from, to); returns whether the code runs on at `to`. */
static bool emit_range(struct emitter *e, const struct context *c, struct rewrite_site *s, size_t patch, size_t from, size_t to)
{
	size_t at = from;
	bool on = true;

	while (at < to && on) {
		struct insn i;

		if (s->moved_count == REWRITE_MOVED_MAX || !insn_decode(c->text + at, c->size - at, &i)) {
			e->failed = true;
			return false;
		}
		s->moved[s->moved_count].from = (uint8_t)(at - patch);
		s->moved[s->moved_count++].to = (uint8_t)e->size;
		on = emit_moved(e, c, at, &i);
		at += i.length;
	}
	return on;
}

static void emit_mov(struct emitter *e, const struct context *c, const struct work *w)
{
	emit(e, "\xb8", 1);
	emit(e, &w->number, 4);
	emit_call(e, c->start + w->site + 2);
}

static void emit_after(struct emitter *e, const struct context *c, const struct work *w, struct rewrite_site *s)
{
	emit_call(e, e->address + RETURN_SIZE + 2);
	emit(e, "\x0f\x05", 2);
	s->resume = (uint16_t)e->size;
	if (emit_range(e, c, s, w->site, w->site + 2, w->after)) {
		emit(e, "\xe9", 1);
		emit_relative(e, c->start + w->after);
	}
}

/* The jump, and nops up to the end of what it replaces. */
static bool put_patch(const struct context *c, const struct rewrite_site *s, uint64_t stub)
{
	static const char nops[][9] = { "", "\x90", "\x66\x90", "\x0f\x1f\0", "\x0f\x1f\x40\0", "\x0f\x1f\x44\0\0" };
	uint8_t *p = c->text + (s->patch - c->start);
	size_t left = s->patch_size - JUMP_SIZE;
	int32_t displacement;

	if (!relative(s->patch + JUMP_SIZE, stub, &displacement))
		return false;
	*p = 0xe9;
	memcpy(p + 1, &displacement, 4);
	for (p += JUMP_SIZE; left;) {
		size_t size = MIN(left, (size_t)5);

		memcpy(p, nops[size], size);
		p += size;
		left -= size;
	}
	return true;
}

static void write_site(struct context *c, const struct work *w, struct rewrite_site *s, size_t floor, uint64_t stubs_at,
		       size_t stubs_max, struct rewrite_image *image)
{
	struct emitter e = { .address = stubs_at + image->stubs_size };
	size_t patch = w->site, end = w->site;
	unsigned int how = REWRITE_KEPT;

	s->reason = w->reason;
	if (w->mov_size && w->site - w->mov_size >= floor) {
		how = REWRITE_MOV;
		patch = w->site - w->mov_size;
		emit_mov(&e, c, w);
	} else if (w->before != w->site && !w->no_before && w->before >= floor) {
		how = REWRITE_BEFORE;
		patch = w->before;
		(void)emit_range(&e, c, s, patch, patch, w->site);
		emit_call(&e, c->start + w->site + 2);
	} else if (w->after != w->site && !w->no_after && w->site >= floor) {
		how = REWRITE_AFTER;
		end = w->after;
		emit_after(&e, c, w, s);
	} else if (!s->reason) {
		s->reason = w->no_before || w->no_after ? KEPT_TARGET : KEPT_SHAPE;
	}
	s->patch = c->start + patch;
	s->patch_size = (uint32_t)(end - patch);
	if (how == REWRITE_KEPT)
		goto kept;
	if (e.failed || stubs_max - image->stubs_size < ROUND_UP(e.size, 8u) || !put_patch(c, s, e.address)) {
		s->reason = KEPT_SPACE;
		goto kept;
	}
	s->how = (uint8_t)how;
	s->stub = (uint32_t)image->stubs_size;
	s->stub_size = (uint16_t)e.size;
	memcpy(image->stubs + image->stubs_size, e.bytes, e.size);
	image->stubs_size += ROUND_UP(e.size, 8u);
	*(how == REWRITE_MOV ? &image->mov : &image->after) += 1;
	return;
kept:
	s->patch_size = 0;
	s->resume = 0;
	s->moved_count = 0;
	image->kept++;
}

int rewrite_text(uint8_t *text, uint64_t start, size_t size, uint64_t stubs_at, size_t stubs_max,
		 const struct function_range *functions, size_t function_count, struct rewrite_image *ret)
{
	struct context c = {
		.text = text, .size = size, .start = start, .functions = functions, .function_count = function_count,
	};
	struct rewrite_image image = { .text_start = start, .text_size = size, .text = text };
	size_t floor = 0;
	int err = find_sites(&c);

	if (!err)
		err = mark_outside(&c);
	stubs_max = MIN(stubs_max, (size_t)1 << 30);
	if (!err && c.count) {
		image.sites = kcalloc(c.count, sizeof(image.sites[0]));
		image.stubs = kmalloc(MAX(stubs_max, (size_t)1));
		err = image.sites && image.stubs ? 0 : -ENOMEM;
	}
	if (err)
		goto out;
	if (image.stubs)
		memset(image.stubs, 0xcc, stubs_max);
	for (; image.count < c.count; image.count++) {
		struct rewrite_site *s = &image.sites[image.count];

		s->address = start + c.works[image.count].site;
		write_site(&c, &c.works[image.count], s, floor, stubs_at, stubs_max, &image);
		/* The `syscall` of the patterns that keep it must stay, too. */
		floor = (size_t)(s->address - start) + 2;
		if (s->how == REWRITE_AFTER)
			floor = (size_t)(s->patch - start) + s->patch_size;
	}
	image.stubs_size = MIN(PAGE_UP(image.stubs_size), stubs_max);
	*ret = image;
out:
	if (err)
		rewrite_image_free(&image);
	kfree(c.works);
	return err;
}

void rewrite_image_free(struct rewrite_image *image)
{
	kfree(image->sites);
	kfree(image->stubs);
	image->sites = NULL;
	image->stubs = NULL;
	image->count = 0;
}

/* --- addresses ------------------------------------------------------------------------------------------------------ */

/* Stubs are written in the order of their sites. */
bool rewrite_image_original(const struct rewrite_image *image, uint64_t stub_offset, uint64_t *ret_address)
{
	const struct rewrite_site *found = NULL;

	/* Kept sites have no stub: step over them. */
	for (size_t low = 0, high = image->count; low < high;) {
		size_t middle = low + (high - low) / 2, at = middle;

		while (at < high && image->sites[at].how == REWRITE_KEPT)
			at++;
		if (at < high && image->sites[at].stub <= stub_offset) {
			found = &image->sites[at];
			low = at + 1;
		} else {
			high = middle;
		}
	}
	if (!found || stub_offset >= found->stub + (uint64_t)ROUND_UP(found->stub_size, 8u))
		return false;
	stub_offset -= found->stub;
	/* Nothing was done yet, or only what the `syscall` itself undoes: the call is next. */
	*ret_address = found->address;
	if (found->how == REWRITE_MOV && stub_offset < 5)
		*ret_address = found->patch;
	for (unsigned int n = 0; n < found->moved_count; n++) {
		bool last = n + 1 == found->moved_count;
		unsigned int from = found->moved[n].to, to = last ? found->stub_size : found->moved[n + 1].to;

		if (found->how == REWRITE_BEFORE && last)
			to = found->stub_size - RETURN_SIZE;
		if (stub_offset >= from && stub_offset < to)
			*ret_address = found->patch + found->moved[n].from;
	}
	/* The jump back behind moved instructions. */
	if (found->how == REWRITE_AFTER && stub_offset + 5 >= found->stub_size && found->moved_count &&
	    stub_offset > found->moved[found->moved_count - 1].to &&
	    image->stubs[found->stub + found->stub_size - 5] == 0xe9 && stub_offset == found->stub_size - 5u)
		*ret_address = found->patch + found->patch_size;
	return true;
}

const struct rewrite_site *rewrite_image_patched_over(const struct rewrite_image *image, uint64_t address,
						      uint32_t *ret_stub_offset)
{
	size_t low = 0, high = image->count;

	/* The last site whose patch starts at or below the address: patches are in the order of sites. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->sites[middle].patch <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	for (const struct rewrite_site *s = &image->sites[low - 1]; s->how != REWRITE_KEPT;) {
		for (unsigned int n = 0; n < s->moved_count; n++)
			if (s->moved[n].from && s->patch + s->moved[n].from == address) {
				*ret_stub_offset = s->stub + s->moved[n].to;
				return s;
			}
		break;
	}
	return NULL;
}
