/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel is compiled for general registers only: a system call keeps the application's vector registers by not touching
 * them. Library code that does is called between vectors_save and vectors_restore, on one task, without sleeping in between.
 * XMM0 to XMM15 are enough: what we link uses legacy SSE, which leaves upper halves alone, and never MXCSR or x87. A signal of the
 * host's in between keeps all of it, in its own frame.
 */
#pragma once

#include "lib/base/types.h"

struct vectors {
	uint8_t xmm[16][16];
};

static inline void vectors_save(struct vectors *v)
{
	__asm__ volatile("movdqu %%xmm0, 0(%0); movdqu %%xmm1, 16(%0); movdqu %%xmm2, 32(%0);"
			 "movdqu %%xmm3, 48(%0); movdqu %%xmm4, 64(%0); movdqu %%xmm5, 80(%0);"
			 "movdqu %%xmm6, 96(%0); movdqu %%xmm7, 112(%0); movdqu %%xmm8, 128(%0);"
			 "movdqu %%xmm9, 144(%0); movdqu %%xmm10, 160(%0); movdqu %%xmm11, 176(%0);"
			 "movdqu %%xmm12, 192(%0); movdqu %%xmm13, 208(%0);"
			 "movdqu %%xmm14, 224(%0); movdqu %%xmm15, 240(%0)"
			 :
			 : "r"(v)
			 : "memory");
}

static inline void vectors_restore(const struct vectors *v)
{
	__asm__ volatile("movdqu 0(%0), %%xmm0; movdqu 16(%0), %%xmm1; movdqu 32(%0), %%xmm2;"
			 "movdqu 48(%0), %%xmm3; movdqu 64(%0), %%xmm4; movdqu 80(%0), %%xmm5;"
			 "movdqu 96(%0), %%xmm6; movdqu 112(%0), %%xmm7; movdqu 128(%0), %%xmm8;"
			 "movdqu 144(%0), %%xmm9; movdqu 160(%0), %%xmm10; movdqu 176(%0), %%xmm11;"
			 "movdqu 192(%0), %%xmm12; movdqu 208(%0), %%xmm13;"
			 "movdqu 224(%0), %%xmm14; movdqu 240(%0), %%xmm15"
			 :
			 : "r"(v)
			 : "memory");
}
