/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal frames as x86-64 Linux lays them out, on the application's stack:
 *
 *   high   red zone (128 bytes, skipped) or the top of the alternate stack
 *          XSAVE area, 64-aligned, then FP_XSTATE_MAGIC2
 *          siginfo (128)
 *          ucontext: flags, link, stack, registers, mask
 *   rsp -> return address (a `syscall` of rt_sigreturn); rsp = 16n + 8 as after a call
 *
 * Addresses inside stubs of rewritten text are never shown: they become the original ones here and stubs again in
 * rt_sigreturn. All of a frame that comes back is hostile: it is copied once, checked, then used; a bad one is SIGSEGV.
 */
#include <asm/errno.h>

#include "abi/platform.h"
#include "kernel/arch/x86/regs.h"
#include "kernel/loader/exec.h"
#include "kernel/loader/rewrite.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/altstack.h"
#include "kernel/signal/signal_internal.h"
#include "kernel/sys/syscall.h"
#include "lib/base/string.h"

#define RED_ZONE 128
#define CODE_SELECTOR 0x33
#define DATA_SELECTOR 0x2b
#define FXSAVE_SIZE 512
#define XSAVE_HEADER_SIZE 64
#define XSTATE_MAGIC1 0x46505853u
#define XSTATE_MAGIC2 0x46505845u

#define UC_FP_XSTATE 1
#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4

#define FLAG_FIXED 0x202 /* always one, and interrupts on */
#define FLAG_TF 0x100
#define FLAG_DF 0x400
#define FLAG_RF 0x10000
/* CF PF AF ZF SF DF OF AC: what an application may give back. Not TF: it would trap on our way out. */
#define FLAGS_RESTORED (0x1u | 0x4u | 0x10u | 0x40u | 0x80u | FLAG_DF | 0x800u | 0x40000u)

struct frame_context {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, trap, old_mask, cr2, fpstate, reserved[8];
};

struct frame_ucontext {
	uint64_t flags, link;
	struct user_altstack stack;
	struct frame_context context;
	struct sigset mask;
};

struct frame {
	uint64_t return_address;
	struct frame_ucontext uc;
	siginfo_t info;
};

_Static_assert(sizeof(struct frame_context) == 256, "struct sigcontext");
_Static_assert(sizeof(struct frame_ucontext) == 304, "struct ucontext");
_Static_assert(sizeof(siginfo_t) == 128, "siginfo");
_Static_assert(offsetof(struct frame, info) == 312, "struct rt_sigframe");

/* In the bytes of the FXSAVE area that the processor leaves to software. */
struct xstate_words {
	uint32_t magic1, extended_size;
	uint64_t features;
	uint32_t xstate_size, padding[7];
};
#define XSTATE_WORDS_AT 464
_Static_assert(XSTATE_WORDS_AT + sizeof(struct xstate_words) == FXSAVE_SIZE, "sw_reserved");

/* XCR0: which state components XSAVE can write. */
static uint64_t enabled_features(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static int save_vector_state(uintptr_t at)
{
	uint32_t size = plat_info()->xsave_size, magic2 = XSTATE_MAGIC2;
	struct xstate_words words = {
		.magic1 = XSTATE_MAGIC1,
		.extended_size = size + (uint32_t)sizeof(magic2),
		.features = enabled_features(),
		.xstate_size = size,
	};

	/* XSAVE only sets bits of the header's first word. */
	if (zero_out(UPTR(at + FXSAVE_SIZE), XSAVE_HEADER_SIZE) || plat_fpu_save_user((void *)at) ||
	    copy_out(UPTR(at + XSTATE_WORDS_AT), &words, sizeof(words)) ||
	    copy_out(UPTR(at + size), &magic2, sizeof(magic2)))
		return -EFAULT;
	return 0;
}

static int restore_vector_state(uintptr_t at)
{
	uint32_t size = plat_info()->xsave_size, magic2;
	struct xstate_words words;

	if (!at) {
		plat_fpu_reset();
		return 0;
	}
	if (at % 64 || !access_ok(UPTR(at), size + sizeof(magic2)) ||
	    copy_in(&words, UPTR(at + XSTATE_WORDS_AT), sizeof(words)) ||
	    get_user(magic2, UPTR(at + size)))
		return -EFAULT;
	if (words.magic1 != XSTATE_MAGIC1 || words.xstate_size != size || magic2 != XSTATE_MAGIC2)
		return -EINVAL;
	/* The rest is checked by the processor: a bad header makes XRSTOR fault. */
	return plat_fpu_restore_user((const void *)at);
}

static void save_registers(struct frame_context *c, const struct regs *r)
{
	const struct task *t = current();
	struct mm *mm = t->process->mm;

	c->r8 = r->r8;
	c->r9 = r->r9;
	c->r10 = r->r10;
	c->r11 = r->r11;
	c->r12 = r->r12;
	c->r13 = r->r13;
	c->r14 = r->r14;
	c->r15 = r->r15;
	c->rdi = r->rdi;
	c->rsi = r->rsi;
	c->rbp = r->rbp;
	c->rbx = r->rbx;
	c->rdx = r->rdx;
	c->rax = r->rax;
	c->rip = rewrite_original_address(mm, r->rip);
	/* After a call %rcx holds the return address, too. */
	c->rcx = r->rcx == r->rip ? c->rip : r->rcx;
	c->rsp = r->rsp;
	c->flags = r->flags;
	c->cs = CODE_SELECTOR;
	c->ss = DATA_SELECTOR;
	c->error = t->fault_error;
	c->trap = t->fault_trap;
	c->cr2 = t->fault_address;
}

static void restore_registers(struct regs *r, const struct frame_context *c)
{
	r->r8 = c->r8;
	r->r9 = c->r9;
	r->r10 = c->r10;
	r->r11 = c->r11;
	r->r12 = c->r12;
	r->r13 = c->r13;
	r->r14 = c->r14;
	r->r15 = c->r15;
	r->rdi = c->rdi;
	r->rsi = c->rsi;
	r->rbp = c->rbp;
	r->rbx = c->rbx;
	r->rdx = c->rdx;
	r->rax = c->rax;
	r->rcx = c->rcx;
	r->rsp = c->rsp;
	r->rip = rewrite_resume_address(current_process()->mm, c->rip);
	r->flags = (c->flags & FLAGS_RESTORED) | FLAG_FIXED;
	/* Whatever %rax holds, it is no call's result: no restart, and every register is restored. */
	r->orig_rax = NO_SYSCALL;
	r->kind = ENTRY_OTHER;
}

int signal_frame_push(struct regs *r, int sig, const struct signal_action *action,
		      const siginfo_t *info)
{
	struct task *t = current();
	uintptr_t sp = r->rsp - RED_ZONE, fpstate, bottom;
	bool switched = false, on_altstack;
	struct frame f;
	size_t span;

	on_altstack = altstack_holds(t, sp);
	if ((action->flags & SA_ONSTACK) && t->altstack_size && !on_altstack) {
		sp = t->altstack + t->altstack_size;
		switched = true;
	}
	fpstate = (sp - plat_info()->xsave_size - sizeof(uint32_t)) & ~63UL;
	bottom = ((fpstate - sizeof(f)) & ~15UL) - 8;
	/* An alternate stack is never left downwards: what lies below is not ours to overwrite. */
	if ((switched || on_altstack) &&
	    (bottom <= t->altstack || bottom - t->altstack > t->altstack_size))
		return -EFAULT;
	span = sp - bottom;
	if (bottom > sp || !access_ok(UPTR(bottom), span))
		return -EFAULT;

	memset(&f.uc, 0, sizeof(f.uc));
	f.return_address = vdso_sigreturn(t);
	if (!f.return_address) {
		if (!(action->flags & SA_RESTORER))
			return -EFAULT;
		f.return_address = action->restorer;
	}
	f.uc.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	altstack_get(t, &f.uc.stack);
	save_registers(&f.uc.context, r);
	f.uc.context.fpstate = fpstate;
	f.uc.mask = t->restore_blocked ? t->saved_blocked : t->blocked;
	f.uc.context.old_mask = f.uc.mask.bits;
	f.info = *info;
	if (copy_out(UPTR(bottom), &f, sizeof(f)) || save_vector_state(fpstate))
		return -EFAULT;
	if (t->altstack_flags & ALTSTACK_AUTODISARM)
		altstack_disable(t);

	r->rdi = (uint64_t)sig;
	r->rsi = bottom + offsetof(struct frame, info);
	r->rdx = bottom + offsetof(struct frame, uc);
	r->rax = 0;
	r->rsp = bottom;
	r->rip = action->handler;
	r->flags = (r->flags & ~(uint64_t)(FLAG_DF | FLAG_RF | FLAG_TF)) | FLAG_FIXED;
	r->kind = ENTRY_OTHER;
	r->orig_rax = NO_SYSCALL;
	return access_ok(UPTR(r->rip), 1) ? 0 : -EFAULT;
}

long sys_rt_sigreturn(unsigned long *a)
{
	struct task *t = current();
	struct regs *r = task_regs(t);
	/* The handler's return popped the return address. */
	uintptr_t at = r->rsp - sizeof(uint64_t);
	struct frame_ucontext uc;

	(void)a;
	r->orig_rax = NO_SYSCALL;
	r->kind = ENTRY_OTHER;
	if (copy_in(&uc, UPTR(at + offsetof(struct frame, uc)), sizeof(uc)) ||
	    !access_ok(UPTR(uc.context.rip), 1) || uc.context.rsp >= plat_info()->user_end ||
	    restore_vector_state(uc.context.fpstate)) {
		signal_force_fault(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	restore_registers(r, &uc.context);
	signal_set_blocked(t, uc.mask);
	/* As Linux: a stack that cannot be set (a handler changed the frame) leaves the one in force. */
	if (altstack_set(t, &uc.stack, r->rsp))
		return (long)r->rax;
	return (long)r->rax;
}
