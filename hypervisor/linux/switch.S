/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In and out of the hypervisor on one processor, interrupts off. Offsets: struct enter_args (load.h).
 * long cloister_enter(struct enter_args *): 0, as a guest; or what the image refused with.
 * long cloister_leave(cr3, flags): 0, native; or negative errno, still a guest.
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>

#define ARGS_BOOT 0
#define ARGS_PROCESSOR 8
#define ARGS_CR3 16
#define ARGS_ENTRY 24
#define ARGS_STATE 32 /* struct hv_entry: rip, rsp, cr3 */
#define HV_CALL_LEAVE 0x434c5302
#define EFER 0xc0000080
#define HSAVE_PA 0xc0010117

	.macro save
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	pushfq
	.endm
	.macro restore
	popfq
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	.endm

	.text
SYM_FUNC_START(cloister_enter)
	save
	mov %rdi, %rbx
	mov %cr3, %r12
	lea .Lguest(%rip), %rax
	mov %rax, ARGS_STATE(%rbx)
	mov %rsp, ARGS_STATE+8(%rbx)
	mov %r12, ARGS_STATE+16(%rbx)
	mov ARGS_BOOT(%rbx), %rdi
	mov ARGS_PROCESSOR(%rbx), %rsi
	lea ARGS_STATE(%rbx), %rdx
	mov ARGS_ENTRY(%rbx), %rax
	mov ARGS_CR3(%rbx), %rcx
	mov %rcx, %cr3
	ANNOTATE_RETPOLINE_SAFE
	call *%rax
	movslq %eax, %rax
	mov %r12, %cr3
.Lguest:
	restore
	RET
SYM_FUNC_END(cloister_enter)

SYM_FUNC_START(cloister_leave)
	save
	mov %cr3, %r12
	mov $HV_CALL_LEAVE, %eax
	vmmcall
	test %rax, %rax
	jnz .Lrefused
	/* Native, GIF clear, on the table that also maps the image: back to Linux's own, then let interrupts of all kinds in. */
	mov %r12, %cr3
	stgi
	mov $HSAVE_PA, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	mov $EFER, %ecx
	rdmsr
	and $~(1 << 12), %eax
	wrmsr
	xor %eax, %eax
.Lrefused:
	restore
	RET
SYM_FUNC_END(cloister_leave)
