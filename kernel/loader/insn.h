/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of one x86-64 instruction: what the text rewriter needs to move it. */
#pragma once

#include "lib/base/types.h"

#define INSN_LENGTH_MAX 15

enum insn_map { INSN_ONE_BYTE, INSN_0F, INSN_0F38, INSN_0F3A, INSN_VECTOR };

struct insn {
	uint8_t length;
	uint8_t map; /* enum insn_map; VEX and EVEX are all INSN_VECTOR */
	uint8_t opcode_at, opcode;
	uint8_t rex;		 /* 0 if none */
	uint8_t modrm_at, modrm; /* modrm_at 0: there is none */
	uint8_t disp_at, disp_size;
	uint8_t imm_at, imm_size; /* immediate or relative branch displacement */
	bool operand16;		  /* a 66 prefix that counts */
	bool prefixed;		  /* any legacy prefix */
	bool rip_relative;
};

/* false: not an instruction of 64-bit mode, or longer than `size`. */
must_check bool insn_decode(const uint8_t *p, size_t size, struct insn *ret);

enum insn_branch { BRANCH_NONE, BRANCH_JCC, BRANCH_JMP, BRANCH_CALL, BRANCH_LOOP };
/* Kind of a direct relative branch; *ret_target is relative to the instruction's first byte. */
enum insn_branch insn_branch(const struct insn *i, const uint8_t *p, int64_t *ret_target);
/* jmp *r/m (ff /4, ff /5): may go anywhere. */
bool insn_is_indirect_jump(const struct insn *i);
