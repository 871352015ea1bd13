/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-64 instruction length decoder (Intel SDM volume 2, chapter 2 and appendix A; AMD APM volume 3).
 *
 *   [legacy prefixes] [REX] opcode [ModRM [SIB] [disp]] [imm]
 *   VEX:  c5 P0 op ModRM.. | c4 P0 P1 op ModRM..   XOP: 8f P0 P1 op ModRM..   EVEX: 62 P0 P1 P2 op ModRM..
 *
 * One table of attributes for each of the opcode maps 0 and 0f; maps 0f38 and 0f3a are uniform. What is undefined
 * in 64-bit mode, and what Intel and AMD decode differently (a 66 prefix on a near branch without REX.W), is refused:
 * callers then keep their hands off the code. Pure, bounded by INSN_LENGTH_MAX bytes.
 */
#include "kernel/loader/insn.h"

#include "kernel/loader/rewrite.h"

/* Attributes of an opcode. */
#define M 0x01 /* ModRM */
#define B 0x02 /* imm8 or rel8 */
#define Z 0x04 /* imm32, imm16 with a 66 prefix */
#define W 0x08 /* imm16 */
#define V 0x10 /* mov imm: as Z, imm64 with REX.W */
#define R 0x20 /* rel32 */
#define A 0x40 /* moffs: 8 bytes, 4 with a 67 prefix */
#define X 0x80 /* invalid here */
#define MB (M | B)
#define MZ (M | Z)
#define WB (W | B)

/* clang-format off */
static const uint8_t one_byte[256] = {
	M, M, M, M, B, Z, X, X,   M, M, M, M, B, Z, X, X,	/* 00; 0f is an escape */
	M, M, M, M, B, Z, X, X,   M, M, M, M, B, Z, X, X,	/* 10 */
	M, M, M, M, B, Z, X, X,   M, M, M, M, B, Z, X, X,	/* 20; 26 2e: prefixes */
	M, M, M, M, B, Z, X, X,   M, M, M, M, B, Z, X, X,	/* 30; 36 3e: prefixes */
	X, X, X, X, X, X, X, X,   X, X, X, X, X, X, X, X,	/* 40: REX */
	0, 0, 0, 0, 0, 0, 0, 0,   0, 0, 0, 0, 0, 0, 0, 0,	/* 50 */
	X, X, X, M, X, X, X, X,   Z, MZ, B, MB, 0, 0, 0, 0,	/* 60; 62: EVEX, 64..67: prefixes */
	B, B, B, B, B, B, B, B,   B, B, B, B, B, B, B, B,	/* 70 */
	MB, MZ, X, MB, M, M, M, M, M, M, M, M, M, M, M, M,	/* 80 */
	0, 0, 0, 0, 0, 0, 0, 0,   0, 0, X, 0, 0, 0, 0, 0,	/* 90 */
	A, A, A, A, 0, 0, 0, 0,   B, Z, 0, 0, 0, 0, 0, 0,	/* a0 */
	B, B, B, B, B, B, B, B,   V, V, V, V, V, V, V, V,	/* b0 */
	MB, MB, W, 0, X, X, MB, MZ, WB, 0, W, 0, 0, B, X, 0,	/* c0; c4 c5: VEX */
	M, M, M, M, X, X, X, 0,   M, M, M, M, M, M, M, M,	/* d0 */
	B, B, B, B, B, B, B, B,   R, R, X, B, 0, 0, 0, 0,	/* e0 */
	X, 0, X, X, 0, 0, M, M,   0, 0, 0, 0, 0, 0, M, M,	/* f0; f6 f7: immediate by ModRM */
};

static const uint8_t two_byte[256] = {
	M, M, M, M, X, 0, 0, 0,   0, 0, X, 0, X, M, 0, MB,	/* 00 */
	M, M, M, M, M, M, M, M,   M, M, M, M, M, M, M, M,	/* 10 */
	M, M, M, M, X, X, X, X,   M, M, M, M, M, M, M, M,	/* 20; 20..23: see below */
	0, 0, 0, 0, 0, 0, X, 0,   X, X, X, X, X, X, X, X,	/* 30; 38 3a: escapes */
	M, M, M, M, M, M, M, M,   M, M, M, M, M, M, M, M,	/* 40 */
	M, M, M, M, M, M, M, M,   M, M, M, M, M, M, M, M,	/* 50 */
	M, M, M, M, M, M, M, M,   M, M, M, M, M, M, M, M,	/* 60 */
	MB, MB, MB, MB, M, M, M, 0, M, M, X, X, M, M, M, M,	/* 70 */
	R, R, R, R, R, R, R, R,   R, R, R, R, R, R, R, R,	/* 80 */
	M, M, M, M, M, M, M, M,   M, M, M, M, M, M, M, M,	/* 90 */
	0, 0, 0, M, MB, M, M, M,  0, 0, 0, M, MB, M, M, M,	/* a0 */
	M, M, M, M, M, M, M, M,   M, M, MB, M, M, M, M, M,	/* b0 */
	M, M, MB, M, MB, MB, MB, M, 0, 0, 0, 0, 0, 0, 0, 0,	/* c0 */
	M, M, M, M, M, M, M, M,   M, M, M, M, M, M, M, M,	/* d0 */
	M, M, M, M, M, M, M, M,   M, M, M, M, M, M, M, M,	/* e0 */
	M, M, M, M, M, M, M, M,   M, M, M, M, M, M, M, M,	/* f0 */
};
/* clang-format on */

struct cursor {
	const uint8_t *p;
	size_t size, at;
	bool operand16, address32, repne, rep;
};

static bool take(struct cursor *c, uint8_t *ret)
{
	if (c->at >= c->size)
		return false;
	*ret = c->p[c->at++];
	return true;
}

static bool skip(struct cursor *c, size_t count)
{
	if (c->size - c->at < count)
		return false;
	c->at += count;
	return true;
}

static bool decode_modrm(struct cursor *c, struct insn *i, bool registers_only)
{
	unsigned int mod, rm;
	uint8_t sib;

	i->modrm_at = (uint8_t)c->at;
	if (!take(c, &i->modrm))
		return false;
	mod = i->modrm >> 6;
	rm = i->modrm & 7;
	if (mod == 3 || registers_only)
		return true;
	i->disp_size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	if (rm == 4) {
		if (!take(c, &sib))
			return false;
		if (mod == 0 && (sib & 7) == 5)
			i->disp_size = 4;
	} else if (mod == 0 && rm == 5) {
		i->disp_size = 4;
		i->rip_relative = true;
	}
	i->disp_at = (uint8_t)c->at;
	return skip(c, i->disp_size);
}

static bool take_immediate(struct cursor *c, struct insn *i, unsigned int size)
{
	i->imm_at = (uint8_t)c->at;
	i->imm_size = (uint8_t)size;
	return skip(c, size);
}

static bool vector_has_imm8(unsigned int map, unsigned int opcode)
{
	if (map == 3)
		return true;
	return map == 1 && ((opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 ||
			    (opcode >= 0xc4 && opcode <= 0xc6));
}

/* c->at is behind the c4, c5, 8f or 62. */
static bool decode_vector(struct cursor *c, struct insn *i, uint8_t first)
{
	unsigned int map = 1;
	uint8_t p0, p1, p2;

	/* The payload holds what these prefixes mean: with them it is #UD. */
	if (c->operand16 || c->rep || c->repne || i->rex)
		return false;
	if (!take(c, &p0))
		return false;
	if (first == 0xc4) {
		map = p0 & 0x1f;
		if (map < 1 || map > 3 || !take(c, &p1))
			return false;
	} else if (first == 0x8f) { /* AMD XOP: maps 8 (imm8), 9, 10 (imm32) */
		map = p0 & 0x1f;
		if (map > 10 || !take(c, &p1))
			return false;
	} else if (first == 0x62) {
		map = p0 & 7;
		if ((p0 & 8) || map < 1 || map == 4 || map > 6 || !take(c, &p1) || !(p1 & 4) ||
		    !take(c, &p2))
			return false;
	}
	i->map = INSN_VECTOR;
	i->opcode_at = (uint8_t)c->at;
	if (!take(c, &i->opcode))
		return false;
	if (map == 1 && i->opcode == 0x77) /* vzeroupper, vzeroall */
		return first != 0x62;
	if (!decode_modrm(c, i, false))
		return false;
	if (map >= 8)
		return map == 9 || take_immediate(c, i, map == 8 ? 1 : 4);
	return !vector_has_imm8(map, i->opcode) || take_immediate(c, i, 1);
}

/* What the tables cannot say: groups whose immediate or validity depends on ModRM. */
static bool fix_one_byte(const struct insn *i, unsigned int *attributes)
{
	unsigned int reg = i->modrm >> 3 & 7;

	switch (i->opcode) {
	case 0xf6:
		*attributes |= reg < 2 ? B : 0;
		return true;
	case 0xf7:
		*attributes |= reg < 2 ? Z : 0;
		return true;
	case 0xfe:
		return reg < 2;
	case 0xff:
		return reg != 7;
	case 0x8f: /* pop */
		return reg == 0;
	case 0xc6:
	case 0xc7: /* mov; xabort, xbegin */
		return reg == 0 || i->modrm == 0xf8;
	case 0x8d:
		return i->modrm < 0xc0;
	}
	return true;
}

static bool decode_prefixes(struct cursor *c, struct insn *i, uint8_t *ret_byte)
{
	for (;;) {
		uint8_t b;

		if (!take(c, &b))
			return false;
		switch (b) {
		case 0x66:
			c->operand16 = true;
			break;
		case 0x67:
			c->address32 = true;
			break;
		case 0xf2:
			c->repne = true;
			break;
		case 0xf3:
			c->rep = true;
			break;
		case 0xf0:
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			break;
		case 0x40 ... 0x4f: /* counts only right before the opcode */
			i->rex = b;
			continue;
		default:
			*ret_byte = b;
			return true;
		}
		i->prefixed = true;
		i->rex = 0;
	}
}

static bool decode_immediates(struct cursor *c, struct insn *i, unsigned int attributes)
{
	bool wide = i->rex & 8, is16 = c->operand16 && !wide;

	if (attributes & R)
		return !is16 && take_immediate(c, i, 4);
	if (attributes & A)
		return take_immediate(c, i, c->address32 ? 4 : 8);
	if (attributes & V)
		return take_immediate(c, i, wide ? 8 : is16 ? 2 : 4);
	if (attributes & Z)
		return take_immediate(c, i, is16 ? 2 : 4);
	if (attributes & (W | B))
		return take_immediate(c, i, (attributes & W ? 2 : 0) + (attributes & B ? 1 : 0));
	return true;
}

static bool decode_0f(struct cursor *c, struct insn *i)
{
	unsigned int attributes;

	i->opcode_at = (uint8_t)c->at;
	if (!take(c, &i->opcode))
		return false;
	if (i->opcode == 0x38 || i->opcode == 0x3a) {
		bool has_imm = i->opcode == 0x3a;

		i->map = has_imm ? INSN_0F3A : INSN_0F38;
		i->opcode_at = (uint8_t)c->at;
		return take(c, &i->opcode) && decode_modrm(c, i, false) &&
		       (!has_imm || take_immediate(c, i, 1));
	}
	i->map = INSN_0F;
	attributes = two_byte[i->opcode];
	if ((attributes & X) || (i->opcode == 0xb8 && !c->rep))
		return false;
	/* mov to and from control and debug registers: mod is ignored. */
	if ((attributes & M) && !decode_modrm(c, i, (i->opcode & 0xfc) == 0x20))
		return false;
	if (i->opcode == 0x78 && (c->operand16 || c->repne)) /* extrq, insertq */
		return take_immediate(c, i, 2);
	return decode_immediates(c, i, attributes);
}

bool insn_decode(const uint8_t *p, size_t size, struct insn *ret)
{
	struct cursor c = { .p = p, .size = MIN(size, (size_t)INSN_LENGTH_MAX) };
	struct insn i = { 0 };
	unsigned int attributes;
	uint8_t b;

	if (!decode_prefixes(&c, &i, &b))
		return false;
	i.operand16 = c.operand16;
	if (b == 0xc4 || b == 0xc5 || b == 0x62 ||
	    (b == 0x8f && c.at < c.size && (c.p[c.at] & 0x18))) {
		if (!decode_vector(&c, &i, b))
			return false;
	} else if (b == 0x0f) {
		if (!decode_0f(&c, &i))
			return false;
	} else {
		i.opcode_at = (uint8_t)(c.at - 1);
		i.opcode = b;
		attributes = one_byte[b];
		if (attributes & X)
			return false;
		if ((attributes & M) &&
		    (!decode_modrm(&c, &i, false) || !fix_one_byte(&i, &attributes)))
			return false;
		/* xbegin: a near branch. */
		if (b == 0xc7 && i.modrm == 0xf8 && c.operand16)
			return false;
		if (!decode_immediates(&c, &i, attributes))
			return false;
	}
	i.length = (uint8_t)c.at;
	*ret = i;
	return true;
}

unsigned int insn_length(const uint8_t *p, size_t size)
{
	struct insn i;

	return insn_decode(p, size, &i) ? i.length : 0;
}

static int64_t immediate_of(const struct insn *i, const uint8_t *p)
{
	int32_t value;

	if (i->imm_size == 1)
		return (int8_t)p[i->imm_at];
	__builtin_memcpy(&value, p + i->imm_at, sizeof(value));
	return value;
}

enum insn_branch insn_branch(const struct insn *i, const uint8_t *p, int64_t *ret_target)
{
	enum insn_branch kind = BRANCH_NONE;

	if (i->map == INSN_ONE_BYTE) {
		switch (i->opcode) {
		case 0x70 ... 0x7f:
			kind = BRANCH_JCC;
			break;
		case 0xe0 ... 0xe3:
			kind = BRANCH_LOOP;
			break;
		case 0xe8:
			kind = BRANCH_CALL;
			break;
		case 0xe9:
		case 0xeb:
			kind = BRANCH_JMP;
			break;
		case 0xc7: /* xbegin: where aborts go */
			kind = i->modrm == 0xf8 ? BRANCH_LOOP : BRANCH_NONE;
			break;
		}
	} else if (i->map == INSN_0F && (i->opcode & 0xf0) == 0x80) {
		kind = BRANCH_JCC;
	}
	if (kind != BRANCH_NONE)
		*ret_target = i->length + immediate_of(i, p);
	return kind;
}

bool insn_is_indirect_jump(const struct insn *i)
{
	unsigned int reg = i->modrm >> 3 & 7;

	return i->map == INSN_ONE_BYTE && i->opcode == 0xff && (reg == 4 || reg == 5);
}
