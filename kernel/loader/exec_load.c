/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phase two of execve: fills the new, empty address space of the calling task from what exec_check found, and the
 * process's notes for /proc. Runs on the task that will be the program; nothing of the old program is left, so an error here is
 * the end of the process.
 */
#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/loader/elf.h"
#include "kernel/loader/exec.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define BRK_RANDOM_PAGES (1UL << 13) /* 32 MiB, as Linux */

static int set_exe(struct process *p, const struct file *file)
{
	struct path *path = kmalloc(sizeof(*path)), *old;

	if (!path)
		return -ENOMEM;
	*path = file->path;
	path_get(path);
	mutex_lock(&p->lock);
	process_release_exe(p);
	old = p->exe;
	p->exe = path;
	process_hold_exe(p);
	mutex_unlock(&p->lock);
	if (old) {
		path_put(old);
		kfree(old);
	}
	return 0;
}

static void set_comm(struct task *t, const char *path)
{
	const char *slash = strrchr(path, '/');

	memset(t->comm, 0, sizeof(t->comm));
	(void)str_copy(t->comm, slash ? slash + 1 : path, sizeof(t->comm));
}

static void set_brk(struct mm *mm, const struct elf_image *program)
{
	uintptr_t start = program->end + exec_random_offset(BRK_RANDOM_PAGES);

	mutex_lock(&mm->lock);
	mm->brk_start = mm->brk = start;
	mutex_unlock(&mm->lock);
}

int exec_load(struct exec_args *a, struct regs *r)
{
	struct task *t = current();
	struct process *p = t->process;
	struct elf_image *program = a->elf, *interpreter = a->interpreter_elf;
	uintptr_t sp = 0;
	intptr_t vdso;
	int err;

	err = stack_map(p->mm, a, program->executable_stack);
	if (err)
		return err;
	err = elf_map(p->mm, a->file, program, false);
	if (err)
		return err;
	set_brk(p->mm, program);
	if (interpreter) {
		err = elf_map(p->mm, a->interpreter, interpreter, true);
		if (err)
			return err;
	}
	vdso = vdso_map(t);
	if (IS_ERR(vdso))
		return (int)vdso;
	err = stack_build(a, (uintptr_t)vdso, &sp);
	if (err)
		return err;
	err = set_exe(p, a->file);
	if (err)
		return err;
	set_comm(t, a->path);
	plat_fpu_reset();
	plat_set_fs(0);
	memset(r, 0, sizeof(*r));
	r->orig_rax = NO_SYSCALL;
	r->kind = ENTRY_OTHER;
	r->flags = 0x202;
	r->rip = interpreter ? interpreter->entry : program->entry;
	r->rsp = sp;
	return 0;
}
