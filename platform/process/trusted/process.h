/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the process platform: host calls, boot information, traps, and what it keeps in each task. */
#pragma once

#include <asm/unistd.h>

#include "abi/boot.h"
#include "abi/platform.h"
#include "kernel/task/task.h"

extern struct boot_info *boot;

/* A host process while it runs one guest process (and vfork children of it). */
struct host_process {
	uint32_t threads;      /* host threads, those about to end not counted */
	uint64_t user, system; /* processor time used before, for other guest processes */
	uint64_t leader_user, leader_system; /* the same of its first thread */
};

/* The platform's part of struct task. */
struct plat_task {
	uint32_t host_pid, host_tid;
	struct host_process *home;
	uint32_t ready;	    /* the host thread runs on its own signal stack: it can be kicked */
	uint8_t same_wakes; /* learnt, up to SAME_WAKES: wakes in a row from inside the host process */
	uint16_t spin;	    /* learnt: how long spinning before a park pays, in rounds */
	uint8_t yield_misses; /* learnt: how often giving way was in vain, in a row */
	uint16_t yield_pause; /* parks until giving way is tried again */
};
_Static_assert(sizeof(struct plat_task) <= sizeof(((struct task *)0)->platform), "fits");

static inline struct plat_task *plat_task(struct task *t)
{
	return (struct plat_task *)t->platform;
}

/* task.parked */
enum { PARK_RUNNING, PARK_FUTEX, PARK_FUTEX_PRIVATE, PARK_HOST };

/* Linux system calls of the host. host_call_intr: a kick cancels it. */
long host_call(long nr, long a, long b, long c, long d, long e, long f);
long host_call_intr(long nr, long a, long b, long c, long d, long e, long f);
long host_clone(unsigned long flags, void *stack, uint32_t *ret_tid, void *arg, void (*fn)(void *));
noreturn_ void host_exit(uint32_t *gone);
noreturn_ void become_task(struct task *t, void (*fn)(void *), void *arg);
/* Leaves the task's stack for another, then stores 1 to *gone; %gs becomes `next`. */
noreturn_ void leave_task(uint32_t *gone, void *stack, struct task *next, void (*fn)(void *),
			  void *arg);

/* Calls the platform makes itself, counted for --stats. */
/* clang-format off */
#define PLATFORM_CALLS(X)                                                                          \
	X(mmap) X(munmap) X(mprotect) X(mremap) X(madvise) X(mincore) X(futex) X(clone) X(exit)     \
	X(tgkill) X(sigaltstack) X(rt_sigaction) X(prctl) X(seccomp) X(fallocate) X(getrandom)      \
	X(clock_gettime) X(getrusage) X(process_vm_readv) X(process_vm_writev) X(sched_yield)      \
	X(write) X(kill) X(getppid) X(getpid) X(set_tid_address) X(rt_sigprocmask)
/* clang-format on */
#define X(name) PC_##name,
enum { PLATFORM_CALLS(X) PC_COUNT };
#undef X
extern const char *const platform_call_names[PC_COUNT];

#define COUNT_CALL(name) __atomic_fetch_add(&boot->platform_calls[PC_##name], 1, __ATOMIC_RELAXED)
#define HOST(name, a, b, c, d, e, f) \
	(COUNT_CALL(name),           \
	 host_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))

void syscall_entry(void), trap_entry(void), fault_entry(void), ret_to_user(void),
	host_sigreturn(void);
extern const char ret_end[], intr_begin[], intr_end[], intr_abort[];
extern const char ip_host_call[], ip_clone[], ip_exit[], ip_sigreturn[];
void trapped_call(struct regs *r);

void traps_init(void);
void traps_init_task(struct task *t);
void seccomp_init(void);
int plat_start_clean(struct task *t);
extern uint32_t boot_host_pid; /* the host process the kernel started in */
void pool_recycle(struct task *t);
void host_usage_mark(struct task *t); /* what was used so far is not the new process's */
void pool_init(void);
noreturn_ void pool_main(void); /* the maker's loop; never returns */
void control_init(void);
void stats_publish(bool orderly); /* for --stats, at the end; orderly: locks can be taken */
void boot_main(struct boot_info *b);
void host_thread_settled(struct task *t, bool new_process);
