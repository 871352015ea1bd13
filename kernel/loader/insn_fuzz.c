/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: the decoder stays inside, and its parts add up. */
#include <stdlib.h>

#include "kernel/loader/insn.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct insn i, again;
	int64_t target;

	for (size_t at = 0; at < size; at++) {
		if (!insn_decode(data + at, size - at, &i))
			continue;
		if (!i.length || i.length > INSN_LENGTH_MAX || i.length > size - at ||
		    i.opcode_at >= i.length || i.disp_at + i.disp_size > i.length ||
		    i.imm_at + i.imm_size > i.length)
			abort();
		/* More bytes behind it change nothing, fewer make it invalid. */
		if (!insn_decode(data + at, i.length, &again) || again.length != i.length ||
		    insn_decode(data + at, i.length - 1u, &again))
			abort();
		(void)insn_branch(&i, data + at, &target);
		(void)insn_is_indirect_jump(&i);
	}
	return 0;
}
