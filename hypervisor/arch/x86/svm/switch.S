/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch. All of it runs with GIF clear: nothing arrives but faults of our own.
 * General registers are at gpr[REG_*] (core/vcpu.h): RAX RCX RDX RBX RSP RBP RSI RDI R8-R15; RAX and RSP travel through the VMCB.
 */
	.text

/* void svm_run(gpr: rdi, vmcb: rsi, host_vmcb: rdx) */
	.globl svm_run
svm_run:
	.irp r, rbp, rbx, r12, r13, r14, r15, rdi, rdx
	push %\r
	.endr
	mov %rsi, %rax
	mov 8(%rdi), %rcx
	mov 16(%rdi), %rdx
	mov 24(%rdi), %rbx
	mov 40(%rdi), %rbp
	mov 48(%rdi), %rsi
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov 8 * \n(%rdi), %r\n
	.endr
	mov 56(%rdi), %rdi
	vmload %rax		/* FS GS TR LDTR and system call registers of the guest (APM 2, 15.14) */
	vmrun %rax
	vmsave %rax
	push %rdi
	mov 16(%rsp), %rdi
	mov %rcx, 8(%rdi)
	mov %rdx, 16(%rdi)
	mov %rbx, 24(%rdi)
	mov %rbp, 40(%rdi)
	mov %rsi, 48(%rdi)
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov %r\n, 8 * \n(%rdi)
	.endr
	pop %rax
	mov %rax, 56(%rdi)
	pop %rax
	vmload %rax		/* and ours */
	.irp r, rdi, r15, r14, r13, r12, rbx, rbp
	pop %\r
	.endr
	cld
	/* the guest's values are of no use to a mispredicted path of ours */
	.irp r, ecx, edx, esi, r8d, r9d, r10d, r11d
	xor %\r, %\r
	.endr
	ret

/* void svm_start(v: rdi, cr3: rsi, stack_end: rdx): never comes back; Linux's stack is no longer mapped */
	.globl svm_start
svm_start:
	mov %rsi, %cr3
	mov %rdx, %rsp
	xor %ebp, %ebp
	call svm_loop
	ud2

/*
 * int call_own(function: rdi, argument: rsi, cr3: rdx, stack_end: rcx): on our own tables and stack, and back. While starting, with GIF clear: the
 * IDT is still Linux's, and not mapped there.
 */
	.globl call_own
call_own:
	push %rbp
	push %rbx
	mov %rsp, %rbp
	mov %cr3, %rbx
	mov %rdx, %cr3
	mov %rcx, %rsp
	mov %rdi, %rax
	mov %rsi, %rdi
	call *%rax
	mov %rbx, %cr3
	mov %rbp, %rsp
	pop %rbx
	pop %rbp
	ret

/*
 * void svm_native(vmcb: rdi, gpr: rsi): this processor becomes what its VMCB says (offsets: APM 2, appendix B). GIF stays clear; Linux's code sets
 * it when its own state is whole.
 */
	.globl svm_native
svm_native:
	mov %rdi, %rax
	vmload %rax
	mov 0x400(%rdi), %es
	mov 0x420(%rdi), %ss
	mov 0x430(%rdi), %ds
	mov 0x5d8(%rdi), %rsp
	movzwl 0x410(%rdi), %eax
	push %rax		/* CS */
	pushq 0x578(%rdi)	/* RIP */
	mov 0(%rsi), %rax
	mov 8(%rsi), %rcx
	mov 16(%rsi), %rdx
	mov 24(%rsi), %rbx
	mov 40(%rsi), %rbp
	mov 56(%rsi), %rdi
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov 8 * \n(%rsi), %r\n
	.endr
	mov 48(%rsi), %rsi
	lretq

/*
 * int msr_read_safe(msr: edi, uint64_t *: rsi), int msr_write_safe(msr: edi, value: rsi): a #GP between fixup_start and fixup_end goes on at
 * fixup_handler.
 */
	.globl fixup_start, fixup_end, fixup_handler, msr_read_safe, msr_write_safe
fixup_start:
msr_read_safe:
	mov %edi, %ecx
	rdmsr
	shl $32, %rdx
	mov %eax, %eax
	or %rdx, %rax
	mov %rax, (%rsi)
	xor %eax, %eax
	ret
msr_write_safe:
	mov %edi, %ecx
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
	wrmsr
	xor %eax, %eax
	ret
fixup_end:
fixup_handler:
	mov $-14, %eax		/* -EFAULT */
	ret

	.globl nmi_window
nmi_window:
	stgi
	nop
	nop
	clgi
	ret

	.globl interrupt_window
interrupt_window:
	stgi
	sti
	nop
	nop
	cli
	clgi
	ret

	.globl nmi_wait, nmi_wait_halt
nmi_wait:
	stgi
nmi_wait_halt:
	hlt			/* interrupts are off; one byte, skipped by fault_handler */
	clgi
	ret

/* Exceptions of our own: a stub each pushes what the processor did not, then fault_handler(frame). */
	.macro stub vector
	.balign 16
	.if (\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30)
	.else
	push $0
	.endif
	push $\vector
	jmp fault_common
	.endm
	.balign 16
	.globl fault_stubs
fault_stubs:
	.set number, 0
	.rept 32
	stub number
	.set number, number + 1
	.endr

	.globl interrupt_stub
interrupt_stub:
	push $0
	push $32

fault_common:
	cld
	.irp r, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
	push %\r
	.endr
	mov %rsp, %rdi
	mov %rsp, %rbp
	and $-16, %rsp
	call fault_handler
	mov %rbp, %rsp
	.irp r, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax
	pop %\r
	.endr
	add $16, %rsp
	iretq

/*
 * The image's entry: int image_entry(boot: rdi, processor: esi, entry: rdx), called by Linux's module on Linux's stack. Direction flag and
 * alignment are the ABI's.
 */
	.section .text.entry, "ax"
	.globl image_entry
image_entry:
	push %rbp
	mov %rsp, %rbp
	and $-16, %rsp
	cld
	call image_enter
	mov %rbp, %rsp
	pop %rbp
	ret
	.section .note.GNU-stack, "", @progbits
