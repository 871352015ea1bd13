/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO that every process gets: a whole ELF shared object in one page, laid out by hand because it is data to the
 * kernel's own link. All of it is position independent; vdso.c copies it to a page at boot and fills in the places that
 * vdso_patch_* name:
 *
 * - clock functions begin with a jump to their system call; where the host's vDSO has the function, that becomes
 *   `movabs $host_function,%rax; jmp *%rax` (12 bytes).
 * - where system calls enter by trap only, the `jmp *%gs:24` (8 bytes) in front of each `syscall` becomes a nop.
 *
 * Two bytes before each place a call returns to there is a `syscall`, as everywhere (kernel/loader/rewrite.h).
 */
#include "kernel/arch/x86/regs.h"

#define DT_NULL 0
#define DT_HASH 4
#define DT_STRTAB 5
#define DT_SYMTAB 6
#define DT_STRSZ 10
#define DT_SYMENT 11
#define DT_SONAME 14
#define DT_VERSYM 0x6ffffff0
#define DT_VERDEF 0x6ffffffc
#define DT_VERDEFNUM 0x6ffffffd

#define NR_RT_SIGRETURN 15
#define NR_GETTIMEOFDAY 96
#define NR_TIME 201
#define NR_CLOCK_GETTIME 228
#define NR_CLOCK_GETRES 229
#define NR_GETCPU 309

	.section .rodata.vdso, "a", @progbits
	.balign 64
	.globl vdso_image_start, vdso_image_end
	.hidden vdso_image_start, vdso_image_end
vdso_image_start:
header:
	.byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0
	.quad 0
	.short 3, 62			/* ET_DYN, x86-64 */
	.long 1
	.quad 0				/* entry */
	.quad segments - header
	.quad 0				/* no sections */
	.long 0
	.short 64, 56, 3, 64, 0, 0

segments:
	.long 1, 5			/* PT_LOAD, R-X */
	.quad 0, 0, 0
	.quad vdso_image_end - header, vdso_image_end - header, 4096
	.long 2, 4			/* PT_DYNAMIC, R */
	.quad dynamic - header, dynamic - header, dynamic - header
	.quad dynamic_end - dynamic, dynamic_end - dynamic, 8
	.long 0x6474e550, 4		/* PT_GNU_EH_FRAME, R */
	.quad frame_header - header, frame_header - header, frame_header - header
	.quad frame_header_end - frame_header, frame_header_end - frame_header, 4

	.balign 8
dynamic:
	.quad DT_SONAME, name_self - strings
	.quad DT_HASH, hash - header
	.quad DT_STRTAB, strings - header
	.quad DT_SYMTAB, symbols - header
	.quad DT_STRSZ, strings_end - strings
	.quad DT_SYMENT, 24
	.quad DT_VERSYM, versions - header
	.quad DT_VERDEF, definitions - header
	.quad DT_VERDEFNUM, 2
	.quad DT_NULL, 0
dynamic_end:

	.macro symbol name, function
	.long \name - strings
	.byte 0x12, 0			/* global function */
	.short 1			/* defined; there are no sections to name */
	.quad \function - header
	.quad \function\()_end - \function
	.endm
	.balign 8
symbols:
	.quad 0, 0, 0
	symbol name_clock_gettime, clock_gettime
	symbol name_gettimeofday, gettimeofday
	symbol name_time, time
	symbol name_getcpu, getcpu
	symbol name_clock_getres, clock_getres
	symbol name_sigreturn, sigreturn

	/* One bucket: all symbols are in its chain, whatever their hash. */
	.balign 8
hash:
	.long 1, 7
	.long 1
	.long 0, 2, 3, 4, 5, 6, 0

	.balign 2
versions:
	.short 0, 2, 2, 2, 2, 2, 2

	.balign 8
definitions:
	.short 1, 1, 1, 1		/* version, VER_FLG_BASE, index, one name */
	.long 0x0deebfa1, 20, definition_2 - definitions	/* hash of linux-vdso.so.1 */
	.long name_self - strings, 0
definition_2:
	.short 1, 0, 2, 1
	.long 0x03ae75f6, 20, 0		/* hash of LINUX_2.6 */
	.long name_version - strings, 0

strings:
	.byte 0
name_self:
	.asciz "linux-vdso.so.1"
name_version:
	.asciz "LINUX_2.6"
name_clock_gettime:
	.asciz "__vdso_clock_gettime"
name_gettimeofday:
	.asciz "__vdso_gettimeofday"
name_time:
	.asciz "__vdso_time"
name_getcpu:
	.asciz "__vdso_getcpu"
name_clock_getres:
	.asciz "__vdso_clock_getres"
name_sigreturn:
	.asciz "__kernel_rt_sigreturn"
strings_end:

/* --- unwinding ------------------------------------------------------------------------------------------------------ */

	.balign 4
frame_header:
	.byte 1, 0x1b, 0x03, 0x3b	/* pcrel sdata4, udata4, datarel sdata4 */
	.long frames - .
	.long 2
	.long functions - frame_header, frame_functions - frame_header
	.long sigreturn - 1 - frame_header, frame_sigreturn - frame_header
frame_header_end:

	.balign 8
frames:
cie_functions:
	.long cie_functions_end - cie_functions_body
cie_functions_body:
	.long 0
	.byte 1
	.asciz "zR"
	.uleb128 1			/* code alignment */
	.sleb128 -8			/* data alignment */
	.uleb128 16			/* return address */
	.uleb128 1
	.byte 0x1b
	.byte 0x0c, 7, 8		/* DW_CFA_def_cfa %rsp, 8 */
	.byte 0x80 + 16, 1		/* DW_CFA_offset return address, cfa-8 */
	.balign 8, 0
cie_functions_end:
frame_functions:
	.long frame_functions_end - frame_functions_body
frame_functions_body:
	.long frame_functions_body - cie_functions
	.long functions - .
	.long functions_end - functions
	.uleb128 0
	.balign 8, 0
frame_functions_end:

cie_signal:
	.long cie_signal_end - cie_signal_body
cie_signal_body:
	.long 0
	.byte 1
	.asciz "zRS"			/* S: a signal frame: the return address is exact, not behind a call */
	.uleb128 1
	.sleb128 -8
	.uleb128 16
	.uleb128 1
	.byte 0x1b
	.balign 8, 0
cie_signal_end:

	/* Registers are in the ucontext that %rsp points to: 40 bytes into it, r8 first. */
	.macro saved register, offset
	.byte 0x10			/* DW_CFA_expression */
	.uleb128 \register
	.uleb128 3
	.byte 0x77			/* DW_OP_breg7 (%rsp) + two bytes of offset */
	.byte (\offset & 0x7f) | 0x80, \offset >> 7
	.endm
frame_sigreturn:
	.long frame_sigreturn_end - frame_sigreturn_body
frame_sigreturn_body:
	.long frame_sigreturn_body - cie_signal
	/* Unwinders look one byte before a return address. */
	.long sigreturn - 1 - .
	.long sigreturn_end - sigreturn + 1
	.uleb128 0
	.byte 0x0f			/* DW_CFA_def_cfa_expression: *(%rsp + 160) */
	.uleb128 4
	.byte 0x77, (160 & 0x7f) | 0x80, 160 >> 7, 0x06
	saved 8, 40
	saved 9, 48
	saved 10, 56
	saved 11, 64
	saved 12, 72
	saved 13, 80
	saved 14, 88
	saved 15, 96
	saved 5, 104			/* rdi */
	saved 4, 112			/* rsi */
	saved 6, 120			/* rbp */
	saved 3, 128			/* rbx */
	saved 1, 136			/* rdx */
	saved 0, 144			/* rax */
	saved 2, 152			/* rcx */
	saved 7, 160			/* rsp */
	saved 16, 168			/* rip */
	.balign 8, 0
frame_sigreturn_end:
	.long 0				/* end of frames */

/* --- code ----------------------------------------------------------------------------------------------------------- */

	/* A system call as rewritten text makes it. `gate` is patched on platforms without an entry to jump to. */
	.macro enter gate, number
	mov $\number, %eax
	lea 1f(%rip), %rcx
\gate:
	jmp *%gs:TASK_ENTRY
	syscall
1:
	.endm

	.balign 64
functions:
clock_gettime:
	/* Only clocks that the host's code answers by itself; others are processes', which the host must not be asked for:
	 * REALTIME, MONOTONIC, MONOTONIC_RAW, their COARSE kin, BOOTTIME, TAI. */
	cmp $11, %edi
	ja 2f
	mov $0x8f3, %eax
	bt %edi, %eax
	jnc 2f
patch_clock_gettime:
	jmp 2f
	.skip 12 - (. - patch_clock_gettime), 0x90
2:	enter gate_clock_gettime, NR_CLOCK_GETTIME
	ret
clock_gettime_end:

	.balign 16
gettimeofday:
	jmp 2f
	.skip 12 - (. - gettimeofday), 0x90
2:	enter gate_gettimeofday, NR_GETTIMEOFDAY
	ret
gettimeofday_end:

	.balign 16
time:
	jmp 2f
	.skip 12 - (. - time), 0x90
2:	enter gate_time, NR_TIME
	ret
time_end:

	.balign 16
getcpu:
	jmp 2f
	.skip 12 - (. - getcpu), 0x90
2:	enter gate_getcpu, NR_GETCPU
	ret
getcpu_end:

	.balign 16
clock_getres:
	cmp $11, %edi
	ja 2f
	mov $0x8f3, %eax
	bt %edi, %eax
	jnc 2f
patch_clock_getres:
	jmp 2f
	.skip 12 - (. - patch_clock_getres), 0x90
2:	enter gate_clock_getres, NR_CLOCK_GETRES
	ret
clock_getres_end:
functions_end:

	.balign 16
	nop				/* unwinders look at the byte before */
sigreturn:
	enter gate_sigreturn, NR_RT_SIGRETURN
	ud2
sigreturn_end:
	.balign 16
vdso_image_end:

	/* For vdso.c: offsets into the image. */
	.balign 4
	.globl vdso_patch_host, vdso_patch_gates, vdso_sigreturn_offset
	.hidden vdso_patch_host, vdso_patch_gates, vdso_sigreturn_offset
vdso_patch_host:
	.long patch_clock_gettime - vdso_image_start
	.long gettimeofday - vdso_image_start
	.long time - vdso_image_start
	.long getcpu - vdso_image_start
	.long patch_clock_getres - vdso_image_start
vdso_patch_gates:
	.long gate_clock_gettime - vdso_image_start
	.long gate_gettimeofday - vdso_image_start
	.long gate_time - vdso_image_start
	.long gate_getcpu - vdso_image_start
	.long gate_clock_getres - vdso_image_start
	.long gate_sigreturn - vdso_image_start
	.long 0
vdso_sigreturn_offset:
	.long sigreturn - vdso_image_start

	.section .note.GNU-stack, "", @progbits
