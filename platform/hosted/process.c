/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness's view of the hosted kernel: boot, processes, system calls of any task, and the end of all of it. The first
 * process exists for its children's sake and never runs; each input gets a child of it with an arena of its own.
 */
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <setjmp.h>

#include <stdio.h>

#include "abi/boot.h"
#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/fs/vfs.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/life.h"
#include "lib/base/string.h"
#include "platform/hosted/run.h"

#define WNOHANG 1
#define WALL 0x40000000
#define STACK (AREA_READ_ONLY + PAGE_SIZE * 4)
#define STACK_SIZE (32UL << 10)

bool hosted_spawning;

static struct task *kernel_task, *init_task, *picked;
static jmp_buf *innermost; /* of the let_run that runs the task */

/* The frames between are kernel code that ended for good. */
void hosted_task_ended(void)
{
	if (!innermost)
		hosted_fail("a task ended that nobody let run");
	longjmp(*innermost, 1);
}

/* Runs fn as `t`: false if the task ended in it. */
__attribute__((noinline)) static bool let_run(struct task *volatile t, void (*fn)(void *),
					      void *arg)
{
	struct task *me = current();
	jmp_buf jump, *outer = innermost;
	volatile bool lives;
	struct hosted_task *volatile h = NULL;

	for (unsigned int i = 0; i < HOSTED_TASKS; i++)
		if (hosted_tasks[i].task == t)
			h = &hosted_tasks[i];
	if (!h || h->in_call)
		hosted_fail("a task runs twice");
	h->in_call = true;

	if (!setjmp(jump)) {
		innermost = &jump;
		hosted_become(t);
		fn(arg);
		lives = true;
	} else {
		lives = false;
	}
	innermost = outer;
	h->in_call = false;
	hosted_become(me);
	return lives;
}

static void do_exit(void *arg)
{
	(void)arg;
	process_exit(9);
}

static void do_work(void *arg)
{
	struct task *t = arg;

	task_do_work(task_regs(t));
}

bool hosted_run_ending(void)
{
	bool any = false;
	struct task *me = current();

	for (unsigned int i = 0; i < HOSTED_TASKS; i++) {
		struct task *t = hosted_tasks[i].task;

		if (!t || t == me || hosted_tasks[i].in_call)
			continue;
		if (t == init_task)
			t->work = 0;
		else if (hosted_tasks[i].doomed || t->vfork_parent == me)
			any |= !let_run(t, do_exit, NULL);
		else if (__atomic_load_n(&t->work, __ATOMIC_SEQ_CST) & WORK_EXIT)
			any |= !let_run(t, do_work, t);
		else
			__atomic_fetch_and(&t->work, ~(uint32_t)WORK_WAKE,
					   __ATOMIC_SEQ_CST); /* what a kick does */
	}
	return any;
}

/* First as if a signal came; a stop is continued; what only death interrupts is killed. */
void hosted_interrupt(struct task *t)
{
	siginfo_t info;

	if (t->state == TASK_STOPPED && hosted_forced < 3) {
		signal_info_kernel(&info, SIGCONT, SI_KERNEL);
		(void)signal_send_process(t->process, &info);
	} else if (hosted_forced >= 2) {
		signal_info_kernel(&info, SIGKILL, SI_KERNEL);
		(void)signal_send_process(t->process, &info);
	} else {
		__atomic_fetch_or(&t->work, WORK_STOP, __ATOMIC_SEQ_CST);
	}
	hosted_forced++;
}

/* --- boot --- */

static struct boot_info boot;

static uint32_t put_string(uint32_t *used, const char *s)
{
	uint32_t at = *used;

	memcpy(boot.strings + at, s, strlen(s) + 1);
	*used += (uint32_t)strlen(s) + 1;
	return at;
}

static void add_mount(uint32_t *used, const char *target, const char *options, int handle)
{
	struct boot_mount *m = &boot.mounts[boot.mount_count++];

	m->type = put_string(used, "hostfs");
	m->target = put_string(used, target);
	m->options = put_string(used, options);
	m->handle = handle;
}

/* A process that does not run a program: its task is stopped before its first instruction. */
static struct task *spawn(uint32_t uid, struct process *parent, struct process **ret_process)
{
	struct spawn s = { .uid = uid, .gid = uid, .parent = parent };
	struct process *p;
	struct task *t;
	int err;

	hosted_spawning = true;
	err = process_spawn(&s, &p);
	hosted_spawning = false;
	if (err) {
		fprintf(stderr, "hosted: no process: error %d\n", -err);
		return NULL;
	}
	t = p->leader;
	t->first_run = NULL;
	t->first_run_arg = NULL;
	str_copy(t->comm, "hosted", sizeof(t->comm));
	memset(task_regs(t), 0, sizeof(struct regs));
	if (ret_process)
		*ret_process = p;
	else
		process_put(p);
	return t;
}

void hosted_boot(void)
{
	uint32_t used = 1;

	hosted_memory_init();
	hosted_run_init();
	hosted_host_reset();
	kernel_task = kernel_early_init();
	hosted_become(kernel_task);
	add_mount(&used, "/", "ro,cache", 3);
	add_mount(&used, "/host", "rw", 4);
	boot.hostname = put_string(&used, "hosted");
	boot.cpus = 1;
	boot.evidence_handle = boot.text_cache_handle = -1;
	kernel_setup(&boot);
	hosted_run_services();
	init_task = spawn(0, NULL, &init_process);
	if (!init_task || vfs_mkdir(AT_FDCWD, "/w", 0777))
		hosted_fail("no first process");
}

/* --- a process for an input --- */

static bool map_area(struct task *t)
{
	struct mm *mm = t->process->mm;
	struct mmap_args a = { .at = AREA,
			       .size = AREA_SIZE,
			       .prot = PROT_READ | PROT_WRITE,
			       .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED };
	intptr_t r = mm_map(mm, &a);

	if (IS_ERR(r))
		return false;
	a.at = AREA_READ_ONLY;
	a.size = PAGE_SIZE;
	a.prot = PROT_READ;
	r = mm_map(mm, &a);
	if (IS_ERR(r))
		return false;
	a.at = STACK;
	a.size = STACK_SIZE;
	a.prot = PROT_READ | PROT_WRITE;
	r = mm_map(mm, &a);
	return !IS_ERR(r);
}

/* An input that ran as root may have unmounted it, and then renamed, removed or replaced the folder. */
static int find_work(struct path *ret_at)
{
	int err = path_lookup(AT_FDCWD, "/w", LOOKUP_DIRECTORY, ret_at);

	if (!err)
		return 0;
	(void)!vfs_unlink(AT_FDCWD, "/w", 0);
	err = vfs_mkdir(AT_FDCWD, "/w", 0777);
	return err ? err : path_lookup(AT_FDCWD, "/w", LOOKUP_DIRECTORY, ret_at);
}

static bool mount_work(void)
{
	struct path at;
	int err = find_work(&at);

	if (!err) {
		err = vfs_mount("tmpfs", "w", "mode=777", 0, &at);
		path_put(&at);
	}
	if (err)
		fprintf(stderr, "hosted: /w: error %d\n", -err);
	return !err;
}

static long as_init(long (*call)(unsigned long *), unsigned long a0, unsigned long a1,
		    unsigned long a2)
{
	unsigned long a[6] = { a0, a1, a2, 0, 0, 0 };

	return call(a);
}

static void use_string(const char *s)
{
	plat_as_reset();
	if (plat_map_anon(ARENA_START, PAGE_SIZE, PLAT_READ | PLAT_WRITE))
		hosted_fail("no page");
	(void)!plat_copy_user((void *)ARENA_START, s, strlen(s) + 1);
}

static void unmount_work(void)
{
	use_string("/w");
	while (!as_init(sys_umount2, ARENA_START, 2 /* MNT_DETACH */, 0))
		;
	plat_as_reset();
}

bool hosted_process_start(uint32_t uid)
{
	struct task *t;
	long r;

	hosted_become(init_task);
	if (!mount_work())
		return false;
	plat_as_reset();
	t = spawn(uid, init_process, NULL);
	if (!t) {
		unmount_work();
		return false;
	}
	picked = t;
	hosted_become(t);
	if (!map_area(t)) {
		hosted_process_end();
		return false;
	}
	r = plat_copy_user((void *)AREA, "/w", 3) ? -1 : as_init(sys_chdir, AREA, 0, 0);
	if (r) {
		fprintf(stderr, "hosted: cannot go to /w: error %ld\n", -r);
		hosted_process_end();
		return false;
	}
	return true;
}

bool hosted_pick(unsigned int n)
{
	unsigned int live = 0;

	hosted_run_ending();
	for (unsigned int i = 0; i < HOSTED_TASKS; i++)
		live += hosted_tasks[i].task && hosted_tasks[i].task != init_task;
	if (!live)
		return false;
	n %= live;
	for (unsigned int i = 0; i < HOSTED_TASKS; i++)
		if (hosted_tasks[i].task && hosted_tasks[i].task != init_task && !n--) {
			picked = hosted_tasks[i].task;
			hosted_become(picked);
			return true;
		}
	return false;
}

static struct ipc_made {
	unsigned int number;
	long id;
} ipc_made[64];
static unsigned int ipc_count;

static void remember_ipc(unsigned int number, long id)
{
	if (id >= 0 && ipc_count < ARRAY_SIZE(ipc_made))
		ipc_made[ipc_count++] = (struct ipc_made){ number, id };
}

static void do_call(void *arg)
{
	struct regs *r = arg;
	struct task *t = current();

	syscall_dispatch(r);
	if (r->orig_rax == __NR_shmget || r->orig_rax == __NR_semget || r->orig_rax == __NR_msgget)
		remember_ipc((unsigned int)r->orig_rax, (long)r->rax);
	for (int i = 0; i < 64 && __atomic_load_n(&t->work, __ATOMIC_SEQ_CST); i++) {
		if (hosted_forced)
			__atomic_fetch_and(&t->work, ~(uint32_t)WORK_STOP, __ATOMIC_SEQ_CST);
		task_do_work(r);
	}
}

long hosted_syscall(unsigned int number, const unsigned long a[6])
{
	struct task *t = picked;
	struct regs *r = task_regs(t);

	hosted_sleeps = hosted_forced = 0;
	memcpy(r->arg, a, sizeof(r->arg));
	r->rax = r->orig_rax = number;
	r->rip = AREA + 2;
	r->kind = ENTRY_TRAP;
	r->flags = 0x202;
	if (!hosted_in_arena(r->rsp, 1))
		r->rsp = STACK + STACK_SIZE;
	if (!let_run(t, do_call, r))
		return HOSTED_GONE;
	hosted_run_services();
	task_check_stack(t);
	return (long)r->rax;
}

void hosted_process_end(void)
{
	struct task *t;

	for (int round = 0; round < 3; round++)
		for (unsigned int i = 0; i < HOSTED_TASKS; i++) {
			t = hosted_tasks[i].task;
			hosted_sleeps = hosted_forced = 0;
			if (t && t != init_task)
				let_run(t, do_exit, NULL);
		}
	hosted_become(init_task);
	hosted_sleeps = hosted_forced = 0;
	while (as_init(sys_wait4, (unsigned long)-1, 0, WNOHANG | WALL) > 0)
		;
	unmount_work();
	hosted_run_services();
}

static void remove_ipc(void)
{
	while (ipc_count) {
		struct ipc_made *m = &ipc_made[--ipc_count];
		unsigned long id = (unsigned long)m->id;

		if (m->number == __NR_shmget)
			(void)as_init(sys_shmctl, id, 0, 0);
		else if (m->number == __NR_semget)
			(void)as_init(sys_semctl, id, 0, 0);
		else
			(void)as_init(sys_msgctl, id, 0, 0);
	}
}

void hosted_tidy(void)
{
	static const char *const names[] = { "/dev/shm/x", "/tmp/t", "/host/n",
					     "/host/m",	   "/tmp/u", "/etc/n" };

	static const struct attributes usual = { .valid = ATTR_MODE | ATTR_UID | ATTR_GID,
						 .mode = 0755 };

	hosted_become(init_task);
	(void)!vfs_setattr(&root_path,
			   &usual); /* an input that ran as root may have locked others out */
	remove_ipc();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)!vfs_unlink(AT_FDCWD, names[i], 0);
		(void)!vfs_unlink(AT_FDCWD, names[i], 0x200 /* AT_REMOVEDIR */);
	}
	use_string("mq");
	(void)as_init(sys_mq_unlink, ARENA_START, 0, 0);
	plat_as_reset();
	signal_queue_flush(&init_task->pending);
	signal_queue_flush(&init_task->process->pending);
	init_task->work = 0;
}

uint64_t hosted_objects(void)
{
	struct memory_usage u;

	memory_usage(&u);
	return u.objects;
}

uint64_t hosted_pages(void)
{
	struct memory_usage u;

	memory_usage(&u);
	return u.pages_used - u.cache_pages;
}
