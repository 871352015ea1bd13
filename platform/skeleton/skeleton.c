/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platform that can nothing: it compiles and links, and says of each function what a real one must do. Copy the folder,
 * then fill the functions in the order below: memory, tasks, traps, the rest. abi/platform.h is the contract;
 * platform/process is the worked example. Everything here answers -ENOSYS, or panics where there is no error to return.
 *
 * Besides these functions a platform provides: its entry point, which calls kernel_early_init and kernel_main
 * (kernel/task/task.h); traps that call syscall_dispatch, task_do_fault and task_do_work with the task's frame.
 */
#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/task/task.h"

void kernel_start(void);

/* Constant after boot: addresses, sizes, capabilities. Fill a static structure at start. */
const struct plat_info *plat_info(void)
{
	static const struct plat_info info = { .name = "skeleton" };

	return &info;
}

/* Map zeroed private memory at exactly this address in the caller's address space; replace what was there. */
int plat_map_anon(uintptr_t at, size_t size, unsigned int prot)
{
	(void)at;
	(void)size;
	(void)prot;
	return -ENOSYS;
}

/* Map enclave memory; private: copy on write. The pages stay allocated while mapped: the kernel counts them. */
int plat_map_enclave(uintptr_t at, size_t size, unsigned int prot, const void *from, bool shared)
{
	(void)at;
	(void)size;
	(void)prot;
	(void)from;
	(void)shared;
	return -ENOSYS;
}

/* Only with PLAT_MAP_HOST. A platform that protects from the host must not have it. */
int plat_map_host(uintptr_t at, size_t size, unsigned int prot, int handle, uint64_t offset,
		  bool shared)
{
	(void)at;
	(void)size;
	(void)prot;
	(void)handle;
	(void)offset;
	(void)shared;
	return -ENOSYS;
}

/* Unmap; ranges with holes are fine. */
int plat_unmap(uintptr_t at, size_t size)
{
	(void)at;
	(void)size;
	return -ENOSYS;
}

/* Change protection; where pages are shared with other address spaces only this one changes. */
int plat_protect(uintptr_t at, size_t size, unsigned int prot)
{
	(void)at;
	(void)size;
	(void)prot;
	return -ENOSYS;
}

/* Move page tables, not bytes; growth gives zero pages. */
int plat_move(uintptr_t from, size_t old_size, uintptr_t to, size_t new_size)
{
	(void)from;
	(void)old_size;
	(void)to;
	(void)new_size;
	return -ENOSYS;
}

/* DONTNEED must really drop private pages (they read as zeros or as the mapped pages again). */
int plat_advise(uintptr_t at, size_t size, int advice)
{
	(void)at;
	(void)size;
	(void)advice;
	return -ENOSYS;
}

/* One byte a page; all ones is allowed. */
int plat_resident(uintptr_t at, size_t size, unsigned char *ret_vector)
{
	(void)at;
	(void)size;
	(void)ret_vector;
	return -ENOSYS;
}

/* Drop all user mappings of the calling address space; never enclave memory. */
void plat_as_reset(void)
{
}

/* Copy from or to another address space without running its tasks. */
long plat_peek(struct task *other, uintptr_t at, void *buffer, size_t size, bool write)
{
	(void)other;
	(void)at;
	(void)buffer;
	(void)size;
	(void)write;
	return -ENOSYS;
}

/* Pages go back to the host and read as zeros when used again. */
void plat_discard(void *pages, size_t size)
{
	(void)pages;
	(void)size;
}

/* Copy; on a fault return the bytes not copied. Must survive every pointer. */
size_t plat_copy_user(void *to, const void *from, size_t size)
{
	(void)to;
	(void)from;
	(void)size;
	return size;
}

/* The same for zeros. */
size_t plat_zero_user(void *to, size_t size)
{
	(void)to;
	(void)size;
	return size;
}

/* One locked instruction with a fault fix-up. */
int plat_user_cmpxchg32(uint32_t *at, uint32_t expect, uint32_t value, uint32_t *ret_old)
{
	(void)at;
	(void)expect;
	(void)value;
	(void)ret_old;
	return -ENOSYS;
}

/* New execution: %gs (or its like) is the task, fs base loaded, task_first_run on its own stack. */
int plat_task_start(struct task *t, enum plat_start how)
{
	(void)t;
	(void)how;
	return -ENOSYS;
}

/* What a clean start needs and could fail to get; nothing here. */
int plat_task_reserve(struct task *t)
{
	(void)t;
	return -ENOSYS;
}

void plat_task_unreserve(struct task *t)
{
	(void)t;
}

/* As the last step, off the stack, store 1 to t->gone. */
void plat_task_exit(struct task *t)
{
	(void)t;
	for (;;)
		__builtin_ia32_pause();
}

/* Load the frame and leave; look at t->work with interruption excluded or restartable. */
void plat_return_to_user(void)
{
	for (;;)
		__builtin_ia32_pause();
}

/* Sleep while t->work is 0: no wake-up may fall between the check and the sleep. */
int plat_park(struct task *t, uint64_t deadline)
{
	(void)t;
	(void)deadline;
	return -ENOSYS;
}

/* Full barrier, then: wake if parked, cancel its hostcall, or (user) make it enter the kernel. */
void plat_kick(struct task *t, bool user)
{
	(void)t;
	(void)user;
}

/* Let others run. */
void plat_yield(void)
{
}

/* Compare and sleep in one step; may return early. */
void plat_wait_word(uint32_t *word, uint32_t value)
{
	(void)word;
	(void)value;
}

/* Wake up to n sleepers of the word. */
void plat_wake_word(uint32_t *word, int n)
{
	(void)word;
	(void)n;
}

/* XSAVE of all enabled features. */
void plat_fpu_save(void *area)
{
	(void)area;
}

/* The same into user memory, faults give -EFAULT. */
int plat_fpu_save_user(void *area)
{
	(void)area;
	return -ENOSYS;
}

/* XRSTOR of hostile memory: invalid headers give -EFAULT, never a crash. */
int plat_fpu_restore_user(const void *area)
{
	(void)area;
	return -ENOSYS;
}

/* Control words as at program start. */
void plat_fpu_reset(void)
{
}

/* Load the FS base. */
void plat_set_fs(uintptr_t base)
{
	(void)base;
}

/* Read the FS base. */
uintptr_t plat_get_fs(void)
{
	return 0;
}

/* A hint; 0 is allowed. */
unsigned int plat_cpu(void)
{
	return 0;
}

/* CLOCK_* in ns. Where the host is the source it is a hint: the kernel clamps. */
uint64_t plat_clock(int id)
{
	(void)id;
	return 0;
}

/* Processor time used; zeros are allowed. */
void plat_cputime(struct task *t, bool whole_process, uint64_t *ret_user, uint64_t *ret_system)
{
	(void)t;
	(void)whole_process;
	(void)ret_user;
	(void)ret_system;
}

/* From the processor or a seeded generator inside; never from the host alone where it is the enemy. */
void plat_random(void *to, size_t size)
{
	(void)to;
	(void)size;
	for (;;)
		__builtin_ia32_pause();
}

/* One line out; may drop. */
void plat_log(const char *text, size_t size)
{
	(void)text;
	(void)size;
}

/* Stop everything; the reason goes to the launcher. */
void plat_panic(const char *text)
{
	(void)text;
	for (;;)
		__builtin_ia32_pause();
}

/* The first process ended. */
void plat_shutdown(int status)
{
	(void)status;
	for (;;)
		__builtin_ia32_pause();
}

/* A statement of the hardware over 64 bytes. */
int plat_report(const uint8_t report_data[64], void *ret_report, size_t *size)
{
	(void)report_data;
	(void)ret_report;
	(void)size;
	return -ENOSYS;
}

/* Carry one request to the host; copy buffers; believe nothing. */
long plat_hostcall(unsigned int number, long a, long b, long c, long d, long e, long f)
{
	(void)number;
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	(void)e;
	(void)f;
	return -ENOSYS;
}

/* Where the launcher jumps to: set up memory and traps, then boot the kernel. */
void kernel_start(void)
{
	struct task *t = kernel_early_init();

	(void)t; /* become t, then kernel_main(boot information) */
	for (;;)
		__builtin_ia32_pause();
}
