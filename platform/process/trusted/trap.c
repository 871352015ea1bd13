/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host signals. The handler does no kernel work on the signal stack: it copies the application's registers to the
 * frame on the task's kernel stack and changes the host's frame, so that the host's sigreturn "returns" into the
 * kernel (trap_entry, fault_entry, ret_to_user). So a trapped call runs just like a rewritten one: it can block, fork,
 * be interrupted; vector state is live again; one signal frame per task is ever in use. All handlers run with every
 * host signal blocked.
 *
 * A kick that finds the task in the kernel only has to make sure that `work` is looked at: three ranges of entry.S
 * are restarted (before a cancellable host call, and on the way out).
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/signal.h>

#include "kernel/loader/rewrite.h"
#include "kernel/mm/mm.h"
#include "kernel/sys/syscall.h"
#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

#define KICK_SIGNAL 64
#define SA_RESTORER_FLAG 0x04000000UL

struct host_context {
	uint64_t flags, link;
	uint64_t stack_sp, stack_flags, stack_size;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
		eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
};

struct host_siginfo {
	int32_t signo, error, code, pad;
	union {
		struct {
			uint64_t address;
			int32_t nr;
			uint32_t arch;
		} fault;
		int32_t sender;
	};
};

struct fixup {
	int64_t insn, to; /* relative to their own place */
};
extern const struct fixup __start_fixups[], __stop_fixups[];

static bool address_is_ours(uintptr_t ip)
{
	return ip - boot->kernel_start < boot->kernel_end - boot->kernel_start;
}

static bool in_range(uintptr_t ip, const void *start, const void *end)
{
	return ip >= (uintptr_t)start && ip < (uintptr_t)end;
}

static void enter_kernel(struct task *t, struct host_context *uc, uint64_t kind,
			 void (*entry)(void))
{
	struct regs *r = task_regs(t);

	r->kind = kind;
	r->r15 = uc->r15;
	r->r14 = uc->r14;
	r->r13 = uc->r13;
	r->r12 = uc->r12;
	r->rbp = uc->rbp;
	r->rbx = uc->rbx;
	r->r11 = uc->r11;
	r->rax = uc->rax;
	r->rcx = uc->rcx;
	r->rdi = uc->rdi;
	r->rsi = uc->rsi;
	r->rdx = uc->rdx;
	r->r10 = uc->r10;
	r->r8 = uc->r8;
	r->r9 = uc->r9;
	r->orig_rax = kind == ENTRY_TRAP ? uc->rax : NO_SYSCALL;
	r->rip = uc->rip;
	r->flags = uc->eflags;
	r->rsp = uc->rsp;
	uc->rip = (uintptr_t)entry;
	uc->rsp = (uintptr_t)r;
	uc->eflags &= ~0x40500UL; /* AC DF TF */
}

/* The kernel calls the host's vDSO for the time, as applications do: there only the stack tells whose call it is. */
static bool in_kernel(const struct task *t, const struct host_context *uc)
{
	return address_is_ours(uc->rip) ||
	       uc->rsp - (t->kstack - KERNEL_STACK_SIZE) < KERNEL_STACK_SIZE;
}

static void on_kick(struct task *t, struct host_context *uc)
{
	if (!in_kernel(t, uc)) {
		enter_kernel(t, uc, ENTRY_OTHER, ret_to_user);
	} else if (in_range(uc->rip, intr_begin, intr_end)) {
		__atomic_fetch_add(&boot->kicks_cancelled, 1, __ATOMIC_RELAXED);
		uc->rip = (uintptr_t)intr_abort;
	} else if (in_range(uc->rip, (const void *)ret_to_user, ret_end)) {
		uc->rip = (uintptr_t)ret_to_user;
		uc->rsp = (uintptr_t)task_regs(t);
	}
}

static bool fix_up(struct host_context *uc)
{
	for (const struct fixup *f = __start_fixups; f < __stop_fixups; f++)
		if ((uintptr_t)&f->insn + (uintptr_t)f->insn == uc->rip) {
			uc->rip = (uintptr_t)&f->to + (uintptr_t)f->to;
			__atomic_fetch_add(&boot->faults_fixed, 1, __ATOMIC_RELAXED);
			return true;
		}
	return false;
}

static void on_fault(struct task *t, int sig, struct host_siginfo *info, struct host_context *uc)
{
	if (address_is_ours(uc->rip)) {
		if (fix_up(uc))
			return;
		/* Deliver the details to the panic on the task's own stack. */
		panic("signal %d (code %d) in the kernel: rip %lx (+%lx), address %lx, rsp %lx, rbp %lx, rdi %lx, "
		      "rsi %lx, rax %lx, task %d",
		      sig, info->code, uc->rip, uc->rip - boot->kernel_start, info->fault.address,
		      uc->rsp, uc->rbp, uc->rdi, uc->rsi, uc->rax, t ? t->tid : -1);
	}
	t->fault_signal = sig;
	t->fault_code = info->code;
	t->fault_address = sig == SIGSEGV || sig == SIGBUS ? info->fault.address : uc->rip;
	t->fault_trap = (unsigned int)uc->trapno;
	t->fault_error = (unsigned int)uc->err;
	enter_kernel(t, uc, ENTRY_OTHER, fault_entry);
}

static void on_host_signal(int sig, struct host_siginfo *info, struct host_context *uc)
{
	struct task *t = current();

	if (sig == KICK_SIGNAL) {
		if (t)
			on_kick(t, uc);
		return;
	}
	if (info->code <= 0)
		return; /* somebody on the host sent it with kill(2): not a fault */
	if (sig != SIGSYS) {
		on_fault(t, sig, info, uc);
		return;
	}
	if (address_is_ours(uc->rip))
		panic("host call %d refused at %lx", info->fault.nr, uc->rip - boot->kernel_start);
	/* What seccomp reported is the number, possibly of the 32-bit table. */
	enter_kernel(t, uc, ENTRY_TRAP, trap_entry);
	if (info->fault.arch != AUDIT_ARCH_X86_64)
		task_regs(t)->rax = task_regs(t)->orig_rax = 0xffff; /* ENOSYS */
}

/* A call that came by seccomp: count its site, and go on as if it had come through a stub. */
void trapped_call(struct regs *r)
{
	struct task *t = current();

	if (boot->flags & BOOT_STATS)
		__atomic_fetch_add(&boot->calls_trapped, 1, __ATOMIC_RELAXED);
	if (t->process && t->process->mm) {
		rewrite_count_trap(t->process->mm, r->rip, r->rax);
		r->rip = rewrite_resume_address(t->process->mm, r->rip);
	}
	syscall_dispatch(r);
}

struct host_sigaction {
	uintptr_t handler;
	uint64_t flags;
	uintptr_t restorer;
	uint64_t mask;
};

void traps_init(void)
{
	static const int handled[] = {
		SIGSYS, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, KICK_SIGNAL
	};
	struct host_sigaction action = {
		.handler = (uintptr_t)on_host_signal,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER_FLAG,
		.restorer = (uintptr_t)host_sigreturn,
		.mask = ~0UL,
	};
	struct host_sigaction ignore = { .handler = 1 };

	for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
		HOST(rt_sigaction, handled[i], &action, 0, 8, 0, 0);
	/* All else that the host or a terminal may send is the launcher's business. */
	for (int sig = 1; sig < KICK_SIGNAL; sig++) {
		bool ours = sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33;

		for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
			ours |= handled[i] == sig;
		if (!ours)
			HOST(rt_sigaction, sig, &ignore, 0, 8, 0, 0);
	}
}

void traps_init_task(struct task *t)
{
	struct {
		uintptr_t sp;
		int flags, pad;
		size_t size;
	} stack = { t->block, 0, 0, t->kstack - KERNEL_STACK_SIZE - t->block };

	if (HOST(sigaltstack, &stack, 0, 0, 0, 0, 0))
		panic("sigaltstack failed: size %lu", stack.size);
}

/*
 * Host calls pass only from their five exact return addresses; the host's vDSO may fall back to its clock calls; all
 * else raises SIGSYS. Every thread and fork inherits this. A convention, not isolation: see THREATS.md.
 */
void seccomp_init(void)
{
	uint32_t high = (uint32_t)((uintptr_t)ip_host_call >> 32);
	uint32_t ip = offsetof(struct seccomp_data, instruction_pointer);
#define LOW(label) ((uint32_t)(uintptr_t)(label))
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOW(ip_host_call), 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOW(intr_end), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOW(ip_sigreturn), 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOW(ip_clone), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOW(ip_exit), 0, 3),
		/* 6: one of ours by its low half */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		/* 9: the vDSO's fall-backs */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(boot->vdso >> 32), 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)boot->vdso, 0, 5),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)boot->vdso_end, 4, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clock_gettime, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clock_getres, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };
	long err;

	HOST(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	err = HOST(seccomp, SECCOMP_SET_MODE_FILTER, 0, &program, 0, 0, 0);
	if (err)
		panic("the host refuses the seccomp filter: error %ld", -err);
}
