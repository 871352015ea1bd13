/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewriting of `syscall` instructions in program text, once per file, when it is first mapped executable.
 *
 *   MOV    b8 NR NR NR NR 0f 05   (also 48 c7 c0 NR.. 0f 05)   jmp stub over the mov; the syscall bytes stay.
 *          stub: mov $NR,%eax; lea site+N,%rcx; jmp *%gs:TASK_ENTRY
 *   BEFORE INSNS (5 bytes or more) 0f 05      jmp stub over INSNS, which move to the stub; the syscall bytes stay.
 *          stub: INSNS; lea site+2,%rcx; jmp *%gs:TASK_ENTRY
 *   AFTER  0f 05 INSNS (3 bytes or more)      jmp stub over syscall and INSNS, which move to the stub.
 *          stub: lea 1f,%rcx; jmp *%gs:TASK_ENTRY; syscall; 1: INSNS; jmp after INSNS
 *
 * Two bytes before every place a call returns to there is a `syscall`, so a call is restarted by rip - 2.
 * Stubs lie at a fixed distance below the module's lowest address, so text and stubs are position independent and
 * cached once per file. A site that is not proved safe keeps trapping. `mov $15` (restorers) is left alone.
 *
 * The first half is pure (works on buffers, runs hosted under ASan and fuzzers); the second is for mm and loader.
 */
#pragma once

#include "lib/base/types.h"

struct file;
struct mm;
struct mapping;

enum { REWRITE_KEPT, REWRITE_MOV, REWRITE_AFTER, REWRITE_BEFORE };

/* Why a site was kept. */
enum {
	KEPT_NOT,
	KEPT_NO_FUNCTION, /* nothing says where its function starts */
	KEPT_DECODE,	  /* the function does not decode as a whole */
	KEPT_INDIRECT,	  /* an indirect jump of the function may lead anywhere in it */
	KEPT_TARGET,	  /* something may jump into what would be replaced */
	KEPT_SHAPE,	  /* too few instructions around it that can be moved */
	KEPT_SIGRETURN,	  /* unwinders know these bytes */
	KEPT_SPACE,	  /* no room for the stub */
};

#define REWRITE_MOVED_MAX 6

struct rewrite_site {
	uint64_t address; /* module address (p_vaddr space) of the `syscall` instruction */
	uint64_t patch;	  /* first byte replaced */
	uint32_t patch_size;
	uint32_t stub; /* offset of its stub in the stub area */
	uint16_t resume; /* offset inside the stub where the call returns to; 0 for MOV (returns to the text) */
	uint16_t stub_size;
	uint8_t how;	/* REWRITE_* */
	uint8_t reason; /* why kept, for --stats */
	/* Instructions that moved (BEFORE, AFTER): offsets from patch and from stub. */
	uint8_t moved_count;
	struct {
		uint8_t from, to;
	} moved[REWRITE_MOVED_MAX];
};

/* What a module's text becomes. Made by rewrite_text; free with rewrite_image_free. */
struct rewrite_image {
	uint64_t text_start, text_size; /* module addresses */
	uint8_t *text;			/* the caller's buffer, patched in place */
	uint8_t *stubs;			/* kmalloc'd by rewrite_text: stub area bytes */
	size_t stubs_size;		/* whole pages; 0: nothing was rewritten */
	struct rewrite_site *sites;	/* sorted by address, kept ones included */
	size_t count, mov, after, kept; /* after: BEFORE too */
};

/* Where functions start and end, for decoding: from .eh_frame, sorted. May be empty (then only what is provable). */
struct function_range {
	uint64_t start, end;
};

/*
 * Patches `text` (module addresses from start) in place; stubs will lie at module address stubs_at (below text).
 * 0, -ENOMEM. Never fails for odd text: what cannot be proved is kept.
 */
must_check int rewrite_text(uint8_t *text, uint64_t start, size_t size, uint64_t stubs_at,
			    size_t stubs_max, const struct function_range *functions,
			    size_t function_count, struct rewrite_image *ret);
/*
 * Patches a text as it lies in the file as `image`, made earlier from the same file, says. false: that cannot be this
 * text's image; the text may then be patched in part.
 */
bool rewrite_image_apply(const struct rewrite_image *image, uint8_t *text, uint64_t stubs_at);
void rewrite_image_free(struct rewrite_image *image);
bool text_has_syscalls(const uint8_t *text, size_t size);
/* Offset of the next `0f 05` at or after `from`, or SIZE_MAX. */
size_t text_next_syscall(const uint8_t *text, size_t size, size_t from);
/* What stubs take at most for the `0f 05` at `offset`. */
size_t rewrite_stub_bound(const uint8_t *text, size_t offset);
/* Address translation inside one image, for the kernel side and tests: module addresses. false: not ours. */
bool rewrite_image_original(const struct rewrite_image *image, uint64_t stub_offset,
			    uint64_t *ret_address);
const struct rewrite_site *rewrite_image_patched_over(const struct rewrite_image *image,
						      uint64_t address, uint32_t *ret_stub_offset);
/* Length of one x86-64 instruction, 0 if invalid or longer than `size`. */
unsigned int insn_length(const uint8_t *p, size_t size);

/* --- kernel side ------------------------------------------------------------------------------------------------ */

/*
 * How many bytes the kernel should leave free below a chosen address for the module in `file` (0: no stubs), making its
 * rewritten text if this is the first time. Called by mm_map for the first, non-fixed mapping of a file, and by the
 * ELF loader.
 */
size_t rewrite_gap(struct file *file);
/*
 * An executable private mapping of [offset, offset+size) of `file` at `at` was asked for, by mm_map, with mm.lock
 * held. If rewritten text exists and fits at this place (stub gap free or already ours), maps text pages and stubs
 * and returns 0; -ENOENT: map the file as it is.
 */
must_check int rewrite_map_text(struct mm *mm, struct file *file, uint64_t offset, uintptr_t at,
				size_t size, unsigned int prot, void **ret_pages);
void rewrite_mm_fork(struct mm *to, struct mm *from);
void rewrite_mm_done(struct mm *mm);
void rewrite_forget(struct mm *mm, uintptr_t at, size_t size); /* unmapped or made writable */
/* Stub addresses are never shown: for frames, /proc and back. */
uintptr_t rewrite_original_address(struct mm *mm, uintptr_t ip); /* stub -> original */
uintptr_t rewrite_resume_address(struct mm *mm,
				 uintptr_t ip); /* original -> stub, when patched over */
/* Sites that trapped, for --stats: called by the platform's trap path; cheap. */
void rewrite_count_trap(struct mm *mm, uintptr_t return_address, uint64_t number);
void rewrite_drop_mapping(struct mapping *m); /* file contents changed or inode freed */
struct rewrite_stats {
	uint64_t files, loaded, sites_mov, sites_after, sites_kept, time_ns;
};
void rewrite_stats(struct rewrite_stats *ret);
