/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call of __vdso_sgx_enter_enclave (Linux, <asm/sgx.h>): it hands RDI, RSI and RDX to the enclave and keeps only RBP and RSP, so all other
 * registers that C expects to survive are kept here. It calls the run's handler after each exit; what the handler leaves in RDI, RSI, RDX
 * is what the enclave finds when the handler asks for another entry: hence the stub.
 */
	.text
	.globl	enclave_enter
	.type	enclave_enter, @function
/* int enclave_enter(rdi = function, rsi = registers, edx = leaf, rcx = run) */
enclave_enter:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$24, %rsp		/* x87 and SSE control words; alignment */
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	mov	%rdi, %rax
	mov	%rsi, %r11
	mov	%rcx, %r10
	mov	%edx, %ecx		/* leaf */
	mov	(%r11), %rdi
	mov	8(%r11), %rsi
	mov	16(%r11), %rdx
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	sub	$8, %rsp
	push	%r10			/* the seventh argument */
	call	*%rax
	add	$16, %rsp
	cld
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	add	$24, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	enclave_enter, . - enclave_enter

	.globl	enclave_exit_stub
	.type	enclave_exit_stub, @function
enclave_exit_stub:
	cld
	push	%r12
	mov	16(%rsp), %r12		/* run */
	mov	%r12, %rcx
	call	enclave_exit_seen
	mov	32(%r12), %r11		/* run->user_data */
	mov	(%r11), %rdi
	mov	8(%r11), %rsi
	mov	16(%r11), %rdx
	pop	%r12
	ret
	.size	enclave_exit_stub, . - enclave_exit_stub
	.section .note.GNU-stack, "", @progbits
