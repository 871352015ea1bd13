/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel asks of the thing that makes it an enclave. One folder under platform/ implements it; the build
 * links exactly one. The kernel core never names a platform; it asks plat_info() what this one can do.
 *
 * Words: "enclave memory" is the one region that all tasks of the enclave see at one address: kernel image, kernel
 * objects, page cache. A "user address" is an application's. All functions act on the calling task's own address
 * space unless they say otherwise. Errors are negative errno. Sizes and addresses are multiples of PAGE_SIZE unless
 * said otherwise. No function may be called with a spinning lock held unless marked [any].
 *
 * A hostile host may: fail any call, delay it for ever, wake anyone at any time, return wrong lengths and handles
 * from plat_hostcall. It must not be able to make the functions here return success for what was not done.
 */
#pragma once

#include "lib/base/types.h"

struct task;
struct regs;

enum plat_capability {
	PLAT_FORK = 1,		     /* plat_task_start(PLAT_START_FORK) works */
	PLAT_ISOLATES_KERNEL = 2,    /* applications cannot touch kernel memory */
	PLAT_PROTECTS_FROM_HOST = 4, /* what an enclave is for */
	PLAT_MAP_HOST = 8, /* plat_map_host works: host files map straight into address spaces */
	PLAT_REWRITES_TEXT = 16, /* `syscall` sites should be rewritten (kernel/loader/rewrite.h) */
	PLAT_HOST_SEES_USER = 32, /* hostcalls may be given user addresses (after access_ok) */
};

struct plat_info {
	const char *name;
	unsigned int capabilities; /* PLAT_* */
	unsigned int cpus;
	uintptr_t memory;    /* enclave memory: page allocator's share, base */
	size_t memory_size;  /* may be larger than what the limit allows: sparse */
	size_t memory_limit; /* bytes of enclave memory the kernel may have in use at once */
	uintptr_t user_start, user_end; /* usable user addresses */
	uintptr_t reserved_start,
		reserved_end; /* hole in them (enclave memory on platforms that share the space) */
	uintptr_t host_start,
		host_end; /* another: the host's vDSO with its data, without which no clock is read */
	uintptr_t host_vdso; /* host's vDSO image seen by applications, or 0 */
	uint64_t hwcap, hwcap2;
	uint32_t xsave_size; /* bytes of an XSAVE area with all enabled features */
};
/* [any] Constant after boot. */
const struct plat_info *plat_info(void);

/* --- Memory of the calling task's address space ------------------------------------------------------------- */

enum { PLAT_READ = 1, PLAT_WRITE = 2, PLAT_EXEC = 4 }; /* the values of PROT_* */

/* Private zeroed memory at exactly `at`, replacing what was there. prot may have PLAT_NORESERVE: need not commit. */
#define PLAT_NORESERVE 0x100
must_check int plat_map_anon(uintptr_t at, size_t size, unsigned int prot);
/*
 * Enclave memory starting at kernel address `from`, at exactly `at`, replacing. shared: writes go to enclave memory;
 * else copied on first write. The kernel keeps `from` allocated as long as any address space may map it.
 */
must_check int plat_map_enclave(uintptr_t at, size_t size, unsigned int prot, const void *from,
				bool shared);
/* A host file (handle from hostcalls) straight into the address space. Only with PLAT_MAP_HOST, else -ENODEV. */
must_check int plat_map_host(uintptr_t at, size_t size, unsigned int prot, int handle,
			     uint64_t offset, bool shared);
must_check int plat_unmap(uintptr_t at, size_t size);
must_check int plat_protect(uintptr_t at, size_t size, unsigned int prot);
/* Moves the pages (contents kept) to `to`, replacing; new_size may grow (zero pages) only for private anonymous. */
must_check int plat_move(uintptr_t from, size_t old_size, uintptr_t to, size_t new_size);
/* MADV_* hints that change contents: DONTNEED, FREE, WILLNEED, (NO)HUGEPAGE, DONTFORK, WIPEONFORK...; -EINVAL if unknown. */
must_check int plat_advise(uintptr_t at, size_t size, int advice);
/* mincore(2): one byte a page into kernel buffer. */
must_check int plat_resident(uintptr_t at, size_t size, unsigned char *ret_vector);
/* Drops every user mapping: execve in place. */
void plat_as_reset(void);
/* Reads/writes another task's memory (process_vm_readv, /proc/PID/mem). Bytes done, or error (-ENOSYS allowed). */
long plat_peek(struct task *other, uintptr_t at, void *buffer, size_t size, bool write);
/* [any] Pages of enclave memory no longer used: contents become zero, memory goes back to the host. */
void plat_discard(void *pages, size_t size);

/* --- Access to user memory from kernel code: faults end in a short count, never in a crash. [any] ------------ */

/* Bytes NOT copied. Callers check access_ok first (kernel/mm/usercopy.h does it for you). */
size_t plat_copy_user(void *to, const void *from, size_t size);
size_t plat_zero_user(void *to, size_t size);
/* Atomic on a user word: 0 and *ret_old, or -EFAULT. compare-exchange: *ret_old tells whether it matched. */
must_check int plat_user_cmpxchg32(uint32_t *at, uint32_t expect, uint32_t value,
				   uint32_t *ret_old);

/* --- Tasks ---------------------------------------------------------------------------------------------------- */

enum plat_start {
	PLAT_START_THREAD, /* in the caller's address space */
	PLAT_START_FORK,   /* in a copy of the caller's address space */
	PLAT_START_CLEAN,  /* in an empty address space (made ahead of time where that is costly) */
};
/*
 * Makes `t` run: first task_first_run(t) on t's kernel stack, then out through its frame task_regs(t). t->fs_base is
 * loaded before task_first_run. 0 or -EAGAIN/-ENOMEM; on error t never runs.
 */
must_check int plat_task_start(struct task *t, enum plat_start how);
/*
 * For execve, before its point of no return: takes what a clean start of `t` needs, so that plat_task_start(t,
 * PLAT_START_CLEAN) gives 0. -ENOMEM/-EAGAIN if it cannot be had. unreserve: `t` is not started after all.
 */
must_check int plat_task_reserve(struct task *t);
void plat_task_unreserve(struct task *t);
/*
 * Ends the calling task's execution. As the very last step, with t's stack no longer in use, it stores 1 to
 * *t->gone, after which the kernel may free the task.
 */
noreturn_ void plat_task_exit(struct task *t);
/* Leaves the kernel with the registers of the frame task_regs(current). Used by execve and boot. */
noreturn_ void plat_return_to_user(void);

/*
 * The word every sleep is built on: t->work. plat_park sleeps while work == 0, until `deadline` (monotonic ns,
 * UINT64_MAX: never), and may return early for no reason. The platform spins first where that pays.
 * 0, or -ETIMEDOUT.
 */
int plat_park(struct task *t, uint64_t deadline);
/* [any] After t->work was set nonzero (seq_cst): wakes t if parked; breaks its blocking hostcall (-EINTR); `user`: also if it runs application code, makes it enter the kernel soon. */
void plat_kick(struct task *t, bool user);
/* Lets other tasks have the processor. */
void plat_yield(void);
/* [any] For locks: sleep while *word == value (may return early); wake up to n sleepers. Not interruptible. */
void plat_wait_word(uint32_t *word, uint32_t value);
void plat_wake_word(uint32_t *word, int n);

/* --- Processor state ------------------------------------------------------------------------------------------ */
/* The application's vector state is live while in the kernel (kernel code uses general registers only). */
void plat_fpu_save(void *area); /* XSAVE into kernel or user memory already checked; 64-aligned */
must_check int plat_fpu_save_user(void *area); /* same, into user memory: -EFAULT */
must_check int
plat_fpu_restore_user(const void *area); /* XRSTOR from hostile memory: -EFAULT if it faults */
void plat_fpu_reset(void);		 /* as after execve */
void plat_set_fs(uintptr_t base);
uintptr_t plat_get_fs(void);
unsigned int plat_cpu(void); /* [any] processor number, a hint */

/* --- Time, chance, words out ------------------------------------------------------------------------------------ */
/* [any] Host clock `id` (CLOCK_*) in ns; the kernel keeps monotonic ones monotonic. */
uint64_t plat_clock(int id);
/* [any] Processor time used: by t, or by its whole process. ns; *ret_system may be NULL. */
void plat_cputime(struct task *t, bool whole_process, uint64_t *ret_user, uint64_t *ret_system);
void plat_random(void *to, size_t size);      /* [any] cryptographic; panics rather than fail */
void plat_log(const char *text, size_t size); /* [any] one line for the developer */
noreturn_ void plat_panic(const char *text);  /* [any] stops the whole enclave with this reason */
noreturn_ void
plat_shutdown(int status); /* the first process ended: wait status for the launcher */
must_check int plat_report(const uint8_t report_data[64], void *ret_report,
			   size_t *size); /* -ENOSYS where none */

/* --- Hostcalls: see abi/hostcall.h -------------------------------------------------------------------------------- */
/*
 * One request to the host. Result: >= 0, or -errno. Nothing about it may be believed; kernel/host.c checks it.
 * Calls marked blocking there are cancelled (-EINTR, nothing done) by plat_kick.
 */
long plat_hostcall(unsigned int number, long a, long b, long c, long d, long e, long f);
