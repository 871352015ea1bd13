/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot of the kernel: memory first, then a task to stand on, then the subsystems in the order of who needs whom, the
 * mounts, and the first process. Whatever goes wrong here ends with one clear line for whoever started the enclave.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "abi/boot.h"
#include "abi/platform.h"
#include "kernel/fs/evidence.h"
#include "kernel/fs/file.h"
#include "kernel/fs/init.h"
#include "kernel/fs/tty.h"
#include "kernel/ipc/ipc.h"
#include "kernel/loader/exec.h"
#include "kernel/loader/rewrite_store.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/net/net.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/sys/uname.h"
#include "kernel/task/cred.h"
#include "kernel/task/futex.h"
#include "kernel/task/life.h"
#include "kernel/task/limits.h"
#include "kernel/time/time.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

static struct spawn first;

struct task *kernel_early_init(void)
{
	struct task *t;

	kmalloc_init();
	task_init();
	t = task_alloc();
	if (t)
		str_copy(t->comm, "kernel", sizeof(t->comm));
	return t;
}

/* The calling task becomes the kernel's own process: home of services, never shown to applications. */
static int make_kernel_process(void)
{
	struct task *t = current();
	struct process *p = process_alloc();

	t->cred = cred_new(0);
	t->sighand = sighand_new();
	t->files = fd_table_new();
	if (!p || !t->cred || !t->sighand || !t->files)
		return -ENOMEM;
	t->cred->cap_effective = t->cred->cap_permitted = t->cred->cap_bounding = (1ULL << 41) - 1;
	t->process = p;
	t->blocked.bits = ~0ULL;
	p->sighand = t->sighand;
	p->kernel_task = 1;
	p->leader = t;
	limits_default(p->limits);
	kernel_process = p;
	return 0;
}

static int make_root(const struct boot_info *b, char *reason, size_t size)
{
	int err = boot_mount_all(b, reason, size);

	if (err)
		return err;
	current()->fs = fs_context_new(&root_path);
	return current()->fs ? 0 : -ENOMEM;
}

static const char *string(const struct boot_info *b, uint32_t at)
{
	return at < BOOT_STRINGS_SIZE ? b->strings + at : "";
}

static int add_list(struct exec_args *args, const struct boot_info *b, uint32_t at, uint32_t count,
		    bool is_env)
{
	for (uint32_t i = 0; i < count && at < BOOT_STRINGS_SIZE; i++) {
		int err = exec_args_add(args, b->strings + at, is_env);

		if (err)
			return err;
		at += (uint32_t)strlen(b->strings + at) + 1;
	}
	return 0;
}

static int open_stdio(const struct boot_info *b)
{
	if (b->flags & BOOT_TTY) {
		int err = tty_console_new(b->stdio[0], b->stdio[1], b->rows, b->columns,
					  &first.stdio[0]);

		if (err)
			return err;
		first.stdio[1] = file_get(first.stdio[0]);
		first.stdio[2] = file_get(first.stdio[0]);
		first.controlling_tty = true;
		return 0;
	}
	for (int i = 0; i < 3; i++) {
		if (b->stdio[i] < 0)
			continue;
		first.stdio[i] = host_stream_new(b->stdio[i], i ? O_WRONLY : O_RDONLY);
		if (!first.stdio[i] || IS_ERR(first.stdio[i]))
			return -ENOMEM;
	}
	return 0;
}

static int start_first(struct boot_info *b)
{
	int err;

	first.args = exec_args_new();
	if (!first.args)
		return -ENOMEM;
	err = add_list(first.args, b, b->argv, b->argc, false);
	if (!err)
		err = add_list(first.args, b, b->envp, b->envc, true);
	if (!err)
		err = open_stdio(b);
	if (err)
		return err;
	first.program = string(b, b->program);
	first.cwd = string(b, b->cwd);
	first.ret_error = &b->start_error;
	first.uid = b->uid;
	first.gid = b->gid;
	err = process_spawn(&first, &init_process);
	if (err)
		return err;
	while (!__atomic_load_n(&first.done, __ATOMIC_ACQUIRE))
		plat_wait_word(&first.done, 0);
	for (int i = 0; i < 3; i++)
		if (first.stdio[i])
			file_put(first.stdio[i]);
	return first.error;
}

void kernel_setup(struct boot_info *b)
{
	char reason[256] = "";
	int err;

	syscall_trace = b->flags & BOOT_TRACE;
	syscall_stats = b->flags & BOOT_STATS;
	futex_init();
	vfs_init();
	ipc_init();
	net_init();
	vdso_init();
	err = make_kernel_process();
	if (err)
		panic("not enough memory to start the kernel: give the enclave more with --memory");
	time_init();
	tmpfs_init();
	hostfs_init();
	erofs_init();
	overlay_init();
	procfs_init();
	sysfs_init();
	configfs_init();
	attestation_init();
	evidence_init(b->evidence_handle);
	rewrite_store_init(b->text_cache_handle, b->kernel_identity);
	tty_init();
	err = make_root(b, reason, sizeof(reason));
	if (err)
		panic("cannot set up the enclave's file system: %s (error %d)", reason, -err);
	uname_set_hostname(string(b, b->hostname));
}

void kernel_main(struct boot_info *b)
{
	int err;

	kernel_setup(b);
	err = start_first(b);
	if (err && !b->start_error)
		panic("cannot start the first process: error %d", -err);
	__atomic_store_n(&b->started, 1, __ATOMIC_SEQ_CST);
}
