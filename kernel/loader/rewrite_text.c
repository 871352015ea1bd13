/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patching of `syscall` sites in a buffer of program text; see rewrite.h for the patterns. Pure: no kernel state.
 *
 * rewrite_scan.c finds and proves the sites (steps 1 and 2). 3. Stubs are written and the jumps to them put over the
 * text, in order of addresses; patches never overlap, nor do they touch a `syscall` that must stay.
 *
 * BEFORE is preferred to AFTER: the return point stays in the text, behind the original `syscall`.
 */
#include <asm/errno.h>

#include "kernel/loader/rewrite_scan.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

#define RETURN_SIZE 15 /* lea rel32(%rip),%rcx; jmp *%gs:24 */

/* --- writing -------------------------------------------------------------------------------------------------------- */

struct emitter {
	uint8_t bytes[STUB_SIZE_MAX];
	unsigned int size;
	uint64_t address; /* module address of bytes[0] */
	bool failed;	  /* too long, or a displacement too large */
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
	emit(e, "\x48\x8d\x0d", 3); /* lea rel32(%rip),%rcx */
	emit_relative(e, return_to);
	emit(e, "\x65\xff\x24\x25\x18\0\0\0", 8); /* jmp *%gs:TASK_ENTRY */
}

/* One instruction of the text, at its new place. Returns false if nothing can follow it. */
static bool emit_moved(struct emitter *e, const struct scan *c, size_t at, const struct insn *i)
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
		if (!relative(e->address + e->size + i->length,
			      address + i->length + (uint64_t)(int64_t)displacement, &displacement))
			e->failed = true;
		memcpy(copy + i->disp_at, &displacement, 4);
	}
	emit(e, copy, i->length);
	return !insn_is_return(i) && !insn_is_trap(i);
}

/* Moves the instructions of [from, to); returns whether the code runs on at `to`. */
static bool emit_range(struct emitter *e, const struct scan *c, struct rewrite_site *s,
		       size_t patch, size_t from, size_t to)
{
	size_t at = from;
	bool on = true;

	while (at < to && on) {
		struct insn i;

		if (s->moved_count == REWRITE_MOVED_MAX ||
		    !insn_decode(c->text + at, c->size - at, &i)) {
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

static void emit_mov(struct emitter *e, const struct scan *c, const struct work *w)
{
	emit(e, "\xb8", 1);
	emit(e, &w->number, 4);
	emit_call(e, c->start + w->site + 2);
}

static void emit_after(struct emitter *e, const struct scan *c, const struct work *w,
		       struct rewrite_site *s)
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
static bool put_patch(uint8_t *text, uint64_t start, const struct rewrite_site *s, uint64_t stub)
{
	static const char nops[][9] = { "",	      "\x90",		"\x66\x90",
					"\x0f\x1f\0", "\x0f\x1f\x40\0", "\x0f\x1f\x44\0\0" };
	uint8_t *p = text + (s->patch - start);
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

static void write_site(struct scan *c, const struct work *w, struct rewrite_site *s, size_t floor,
		       uint64_t stubs_at, size_t stubs_max, struct rewrite_image *image)
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
	if (e.failed || stubs_max - image->stubs_size < ROUND_UP(e.size, 8u) ||
	    !put_patch(c->text, c->start, s, e.address)) {
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
		 const struct function_range *functions, size_t function_count,
		 struct rewrite_image *ret)
{
	struct scan c = {
		.text = text,
		.size = size,
		.start = start,
		.functions = functions,
		.function_count = function_count,
	};
	struct rewrite_image image = { .text_start = start, .text_size = size, .text = text };
	size_t floor = 0;
	int err = rewrite_scan(&c);

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

/* Where the site's patch lies, and that its stub is what follows the one before. */
static bool site_is_sound(const struct rewrite_image *image, const uint8_t *text,
			  const struct rewrite_site *s, uint64_t floor, uint64_t stubs_used)
{
	uint64_t end = image->text_start + image->text_size;

	if (s->address < image->text_start || s->address > end - 2 || s->address < floor ||
	    text[s->address - image->text_start] != 0x0f ||
	    text[s->address - image->text_start + 1] != 0x05 ||
	    s->moved_count > REWRITE_MOVED_MAX || s->reason > KEPT_SPACE)
		return false;
	if (s->how == REWRITE_KEPT)
		return true;
	if (s->how > REWRITE_BEFORE || s->patch < floor || s->patch > s->address ||
	    s->patch_size < JUMP_SIZE || s->patch_size > 64 || s->patch + s->patch_size > end ||
	    s->stub != stubs_used || s->stub_size > STUB_SIZE_MAX || s->resume > s->stub_size ||
	    s->stub + ROUND_UP((uint64_t)s->stub_size, 8u) > image->stubs_size)
		return false;
	return s->how == REWRITE_AFTER ? s->patch == s->address
				       : s->patch + s->patch_size == s->address;
}

bool rewrite_image_apply(const struct rewrite_image *image, uint8_t *text, uint64_t stubs_at)
{
	uint64_t floor = image->text_start, stubs_used = 0;

	if (image->text_size < 2)
		return false;
	for (size_t n = 0; n < image->count; n++) {
		const struct rewrite_site *s = &image->sites[n];

		if (!site_is_sound(image, text, s, floor, stubs_used))
			return false;
		floor = s->address + 2;
		if (s->how == REWRITE_KEPT)
			continue;
		if (!put_patch(text, image->text_start, s, stubs_at + s->stub))
			return false;
		stubs_used += ROUND_UP((uint64_t)s->stub_size, 8u);
		if (s->how == REWRITE_AFTER)
			floor = s->patch + s->patch_size;
	}
	return true;
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
bool rewrite_image_original(const struct rewrite_image *image, uint64_t stub_offset,
			    uint64_t *ret_address)
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
		unsigned int from = found->moved[n].to,
			     to = last ? found->stub_size : found->moved[n + 1].to;

		if (found->how == REWRITE_BEFORE && last)
			to = found->stub_size - RETURN_SIZE;
		if (stub_offset >= from && stub_offset < to)
			*ret_address = found->patch + found->moved[n].from;
	}
	/* The jump back behind moved instructions. */
	if (found->how == REWRITE_AFTER && stub_offset + 5 >= found->stub_size &&
	    found->moved_count && stub_offset > found->moved[found->moved_count - 1].to &&
	    image->stubs[found->stub + found->stub_size - 5] == 0xe9 &&
	    stub_offset == found->stub_size - 5u)
		*ret_address = found->patch + found->patch_size;
	return true;
}

const struct rewrite_site *rewrite_image_patched_over(const struct rewrite_image *image,
						      uint64_t address, uint32_t *ret_stub_offset)
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
