/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways into the kernel, out of it, and to the host. %gs points to the task. The application's registers are saved
 * as a struct regs on top of its task's kernel stack; vector state stays live. All `syscall` instructions of the
 * trusted image are in this file, and the seccomp filter lets pass only those, by return address.
 */
#include <asm/unistd.h>
#include "kernel/arch/x86/regs.h"

#define FLAGS_ODD 0x44500	/* AC NT DF TF: need a real popfq */

	.cfi_sections .debug_frame

/* With %rsp at a struct regs: lets a debugger go on from kernel frames to the application's. */
	.macro CFI_REGS_FRAME
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa rsp, 0
	.cfi_offset rip, R_RIP
	.cfi_offset rsp, R_RSP
	.cfi_offset rbp, R_RBP
	.cfi_offset rbx, R_RBX
	.cfi_offset r12, R_R12
	.cfi_offset r13, R_R13
	.cfi_offset r14, R_R14
	.cfi_offset r15, R_R15
	.endm

	.text

/* The launcher jumps here: %rdi is the boot information. No task yet: %gs is 0. */
	.globl kernel_start
kernel_start:
	lea	boot_stack_end(%rip), %rsp
	xor	%eax, %eax
	wrgsbase %rax
	xor	%ebp, %ebp
	call	boot_main
	ud2

	.section .bss
	.balign	16
	.skip	16384
boot_stack_end:
	.text

/* From a stub: %rax number, %rcx where to go on. Nothing was pushed on the application's stack. */
	.globl syscall_entry
	.hidden syscall_entry
	.type syscall_entry, @function
syscall_entry:
	mov	%rsp, %gs:TASK_USER_RSP
	mov	%gs:TASK_KSTACK, %rsp
	push	%gs:TASK_USER_RSP
	pushfq
	push	%rcx			/* rip */
	push	%rax			/* orig_rax */
	push	%r9
	push	%r8
	push	%r10
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rcx
	push	%rax
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	$0			/* kind: ENTRY_FAST */
	cld
	incq	%gs:TASK_NFAST
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	CFI_REGS_FRAME
	call	syscall_dispatch
	/* fall through; the frame's description goes on, as debuggers look up the address behind the call */

/*
 * Back to the application. %rsp is the frame. Up to ret_end the frame stays as it is, so a kick that lands here is
 * handled by starting again from the check (trap.c): no signal gets lost between check and jump.
 */
	.globl ret_to_user, ret_end
	.hidden ret_to_user, ret_end
ret_to_user:
	cmpl	$0, %gs:TASK_WORK
	.cfi_endproc
	jne	.Lwork
	cmpq	$0, R_KIND(%rsp)
	jne	.Lfull
	mov	R_FLAGS(%rsp), %ecx
	testl	$FLAGS_ODD, %ecx
	jne	.Lfull
	/* Arithmetic flags without popfq: OF by an addition, the rest by sahf. */
	mov	%cl, %ah
	shr	$11, %ecx
	and	$1, %ecx
	add	$0x7f, %cl
	sahf
	mov	R_R15(%rsp), %r15
	mov	R_R14(%rsp), %r14
	mov	R_R13(%rsp), %r13
	mov	R_R12(%rsp), %r12
	mov	R_RBP(%rsp), %rbp
	mov	R_RBX(%rsp), %rbx
	mov	R_R11(%rsp), %r11
	mov	R_R10(%rsp), %r10
	mov	R_R9(%rsp), %r9
	mov	R_R8(%rsp), %r8
	mov	R_RAX(%rsp), %rax
	mov	R_RDX(%rsp), %rdx
	mov	R_RSI(%rsp), %rsi
	mov	R_RDI(%rsp), %rdi
	mov	R_RIP(%rsp), %rcx
	mov	R_RSP(%rsp), %rsp
	jmp	*%rcx
.Lfull:
	mov	R_RIP(%rsp), %rax
	mov	%rax, %gs:TASK_SCRATCH
	mov	R_R15(%rsp), %r15
	mov	R_R14(%rsp), %r14
	mov	R_R13(%rsp), %r13
	mov	R_R12(%rsp), %r12
	mov	R_RBP(%rsp), %rbp
	mov	R_RBX(%rsp), %rbx
	mov	R_R11(%rsp), %r11
	mov	R_R10(%rsp), %r10
	mov	R_R9(%rsp), %r9
	mov	R_R8(%rsp), %r8
	mov	R_RAX(%rsp), %rax
	mov	R_RCX(%rsp), %rcx
	mov	R_RDX(%rsp), %rdx
	mov	R_RSI(%rsp), %rsi
	mov	R_RDI(%rsp), %rdi
	lea	R_FLAGS(%rsp), %rsp
	popfq
	mov	(%rsp), %rsp
	jmp	*%gs:TASK_SCRATCH
ret_end:
.Lwork:
	CFI_REGS_FRAME
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	call	task_do_work
	jmp	ret_to_user
	.cfi_endproc

/* The host's signal handler "returns" here with %rsp at a filled frame: see trap.c. */
	.globl trap_entry, fault_entry
	.hidden trap_entry, fault_entry
trap_entry:
	CFI_REGS_FRAME
	incq	%gs:TASK_NTRAP
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	call	trapped_call
	jmp	ret_to_user
	.cfi_endproc
fault_entry:
	CFI_REGS_FRAME
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	call	task_do_fault
	jmp	ret_to_user
	.cfi_endproc

	.globl host_sigreturn, ip_sigreturn
	.hidden host_sigreturn, ip_sigreturn
host_sigreturn:
	mov	$__NR_rt_sigreturn, %eax
	syscall
ip_sigreturn:
	ud2

/* long host_call(nr, a, b, c, d, e, f) */
	.globl host_call, ip_host_call
	.hidden host_call, ip_host_call
host_call:
	.cfi_startproc
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
ip_host_call:
	ret
	.cfi_endproc

/*
 * long host_call_intr(nr, a, b, c, d, e, f): a host call that a kick cancels. A kick that lands between the check
 * and the `syscall` is moved to intr_abort by the handler; one that lands later makes the host return EINTR.
 */
	.globl host_call_intr, intr_begin, intr_end, intr_abort
	.hidden host_call_intr, intr_begin, intr_end, intr_abort
host_call_intr:
	.cfi_startproc
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
intr_begin:
	cmpl	$0, %gs:TASK_WORK
	jne	intr_abort
#ifdef WIDE_WINDOW			/* make the race likely, to test that it is handled */
	mov	$300, %ecx
1:	pause
	dec	%ecx
	jnz	1b
#endif
	syscall
intr_end:
	ret
intr_abort:
	mov	$-4, %rax		/* -EINTR */
	ret
	.cfi_endproc

/*
 * long host_clone(flags, stack, ret_tid, arg, fn): the child sets %gs to arg (a task, or 0), then runs fn(arg) on
 * the stack; fn does not return.
 */
	.globl host_clone, ip_clone
	.hidden host_clone, ip_clone
host_clone:
	push	%r12
	push	%r13
	mov	%rcx, %r12
	mov	%r8, %r13
	mov	$__NR_clone, %eax
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	syscall
ip_clone:
	test	%rax, %rax
	jz	1f
	pop	%r13
	pop	%r12
	ret
1:	wrgsbase %r12
	mov	%r12, %rdi
	xor	%ebp, %ebp
	call	*%r13
	ud2

/* void become_task(task, fn, arg): %gs and stack are the task's from here on; fn(arg) does not return. */
	.globl become_task
	.hidden become_task
become_task:
	wrgsbase %rdi
	mov	TASK_KSTACK(%rdi), %rsp
	sub	$R_SIZE, %rsp
	mov	%rdx, %rdi
	xor	%ebp, %ebp
	call	*%rsi
	ud2

/* void leave_task(gone, stack, next, fn, arg) */
	.globl leave_task
	.hidden leave_task
leave_task:
	mov	%rsi, %rsp
	wrgsbase %rdx
	movl	$1, (%rdi)
	mov	%r8, %rdi
	xor	%ebp, %ebp
	call	*%rcx
	ud2

/* void plat_return_to_user(void) */
	.globl plat_return_to_user
	.hidden plat_return_to_user
plat_return_to_user:
	mov	%gs:TASK_KSTACK, %rsp
	sub	$R_SIZE, %rsp
	jmp	ret_to_user

/* void host_exit(uint32_t *gone): once *gone is set another task may take the stack, so touch none. */
	.globl host_exit, ip_exit
	.hidden host_exit, ip_exit
host_exit:
	mov	%rdi, %rdx
	mov	$__NR_exit, %eax
	xor	%edi, %edi
	movl	$1, (%rdx)
	syscall
ip_exit:
	ud2

/* --- user memory; faults continue at the fix-up address of the table below --- */

	.macro FIXUP insn, to
	.pushsection fixups, "a"
	.quad	\insn - ., \to - .
	.popsection
	.endm

/* size_t plat_copy_user(to, from, size): bytes not copied. */
	.globl plat_copy_user
	.hidden plat_copy_user
plat_copy_user:
	cmp	$192, %rdx
	ja	4f
2:	cmp	$8, %rdx
	jb	3f
10:	mov	(%rsi), %rax
11:	mov	%rax, (%rdi)
	add	$8, %rsi
	add	$8, %rdi
	sub	$8, %rdx
	jmp	2b
3:	test	%rdx, %rdx
	jz	5f
12:	mov	(%rsi), %al
13:	mov	%al, (%rdi)
	inc	%rsi
	inc	%rdi
	dec	%rdx
	jmp	3b
4:	mov	%rdx, %rcx
14:	rep movsb
15:	mov	%rcx, %rdx
5:	mov	%rdx, %rax
	ret
	FIXUP 10b, 5b
	FIXUP 11b, 5b
	FIXUP 12b, 5b
	FIXUP 13b, 5b
	FIXUP 14b, 15b

/* size_t plat_zero_user(to, size) */
	.globl plat_zero_user
	.hidden plat_zero_user
plat_zero_user:
	mov	%rsi, %rcx
	xor	%eax, %eax
1:	rep stosb
2:	mov	%rcx, %rax
	ret
	FIXUP 1b, 2b

/* int plat_user_cmpxchg32(at, expect, value, ret_old) */
	.globl plat_user_cmpxchg32
	.hidden plat_user_cmpxchg32
plat_user_cmpxchg32:
	mov	%esi, %eax
1:	lock cmpxchg %edx, (%rdi)
	mov	%eax, (%rcx)
	xor	%eax, %eax
	ret
2:	mov	$-14, %eax
	ret
	FIXUP 1b, 2b

	.globl plat_fpu_save, plat_fpu_save_user, plat_fpu_restore_user
	.hidden plat_fpu_save, plat_fpu_save_user, plat_fpu_restore_user
plat_fpu_save:
plat_fpu_save_user:
	mov	$-1, %eax
	mov	$-1, %edx
1:	xsave64	(%rdi)
	xor	%eax, %eax
	ret
2:	mov	$-14, %eax
	ret
	FIXUP 1b, 2b
plat_fpu_restore_user:
	mov	$-1, %eax
	mov	$-1, %edx
3:	xrstor64 (%rdi)
	xor	%eax, %eax
	ret
	FIXUP 3b, 2b

	.section .note.GNU-stack, "", @progbits
