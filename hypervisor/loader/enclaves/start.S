/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an enclave begins. EENTER gives (SDM 3D, EENTER): RAX = CSSA, RBX = TCS, RCX = the address to leave to, GS base = the thread's page
 * (hypervisor/loader/inside.h), everything else as the host left it: hostile. So: direction flag, alignment checks and floating point
 * control are set before C runs, the stack is ours, and a second entry into a thread that is busy is refused unless it is the
 * return of its OCALL or the handling of its exception. Leaving, no general register holds anything of ours but the result.
 */
#include "hypervisor/loader/inside.h"
#define ENCLU .byte 0x0f, 0x01, 0xd7
#define EEXIT 4

	.text
	.globl	enclave_start
	.type	enclave_start, @function
enclave_start:
	test	%eax, %eax
	jnz	exception
	cmp	$ENTER_OCALL_RETURN, %rdi
	je	ocall_return
	cmpq	$0, %gs:THREAD_BUSY
	jne	refuse
	movq	$1, %gs:THREAD_BUSY
	mov	%rcx, %gs:THREAD_RETURN
	mov	%rsp, %gs:THREAD_HOST_RSP
	mov	%rbp, %gs:THREAD_HOST_RBP
	lea	__ehdr_start(%rip), %r11
	mov	%gs:THREAD_STACK, %rsp
	add	%r11, %rsp
	push	$0
	popfq
	ldmxcsr	control(%rip)
	fninit
	xor	%ebp, %ebp
	call	enclave_function
	mov	%rax, %rsi
	mov	$LEFT_DONE, %edi
	xor	%edx, %edx
	movq	$0, %gs:THREAD_BUSY
leave_host:
	mov	%gs:THREAD_RETURN, %rbx
	mov	%gs:THREAD_HOST_RSP, %rsp
	mov	%gs:THREAD_HOST_RBP, %rbp
leave_clean:
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	mov	$EEXIT, %eax
	ENCLU

/* uint64_t enclave_ocall(uint64_t number, uint64_t argument) */
	.globl	enclave_ocall
	.type	enclave_ocall, @function
enclave_ocall:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %gs:THREAD_OCALL_RSP
	mov	%rsi, %rdx
	mov	%rdi, %rsi
	mov	$LEFT_OCALL, %edi
	jmp	leave_host

ocall_return:
	mov	%gs:THREAD_OCALL_RSP, %rax
	test	%rax, %rax
	jz	refuse
	mov	%rcx, %gs:THREAD_RETURN
	mov	%rsp, %gs:THREAD_HOST_RSP
	mov	%rbp, %gs:THREAD_HOST_RBP
	movq	$0, %gs:THREAD_OCALL_RSP
	mov	%rax, %rsp
	push	$0
	popfq
	ldmxcsr	control(%rip)
	fninit
	mov	%rsi, %rax
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret

/* CSSA is not 0: a frame below holds what was interrupted. Only the first such entry has a stack. */
exception:
	cmp	$1, %eax
	jne	refuse
	cmp	$ENTER_EXCEPTION, %rdi
	jne	refuse
	mov	%rsp, %r12
	mov	%rbp, %r13
	mov	%rcx, %r14
	lea	__ehdr_start(%rip), %r11
	mov	%gs:THREAD_EXCEPTION_STACK, %rsp
	add	%r11, %rsp
	push	$0
	popfq
	ldmxcsr	control(%rip)
	fninit
	/* GPRSGX: the last 184 bytes of frame 0 */
	mov	%gs:THREAD_SSA, %rdi
	add	%gs:THREAD_SSA_FRAME, %rdi
	lea	-184(%rdi,%r11), %rdi
	xor	%ebp, %ebp
	call	enclave_exception
	movzbl	%al, %esi
	mov	$LEFT_EXCEPTION, %edi
	xor	%edx, %edx
	mov	%r14, %rbx
	mov	%r12, %rsp
	mov	%r13, %rbp
	jmp	leave_clean

/* RCX, RSP and RBP are still the host's. */
refuse:
	mov	%rcx, %rbx
	mov	$LEFT_REFUSED, %edi
	xor	%esi, %esi
	xor	%edx, %edx
	jmp	leave_clean

	.section .rodata
	.balign	4
control:
	.long	0x1f80
	.section .note.GNU-stack, "", @progbits
