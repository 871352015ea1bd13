/* SPDX-License-Identifier: Apache-2.0 */
/* Starting programs: ELF (static, PIE, interpreter), #! scripts. Two phases: check all, then replace the process. */
#pragma once

#include "lib/base/types.h"

struct file;
struct process;
struct regs;
struct task;

#define EXEC_STRINGS_MAX (2UL << 20) /* as Linux's ARG_MAX with an 8 MiB stack: a quarter of it */

struct exec_args {
	char *strings; /* argv then envp, each NUL-ended; pages, grown as needed */
	size_t used, capacity;
	unsigned int argc, envc;
	struct file *file;	  /* the program (after scripts), open for execution */
	struct file *interpreter; /* PT_INTERP, or NULL */
	char *path;		  /* as the application named it: AT_EXECFN and comm */
	void *elf;		  /* loader/elf.c: checked headers */
	void *interpreter_elf;
	bool set_uid, set_gid;
	uint32_t uid, gid;
	unsigned int script_depth;
};

struct exec_args *exec_args_new(void);
void exec_args_free(struct exec_args *a);
must_check int exec_args_add(struct exec_args *a, const char *string, bool is_env);
must_check int exec_args_add_user(struct exec_args *a, struct uptr vector,
				  bool is_env); /* -E2BIG, -EFAULT, -ENOMEM */
/*
 * Phase one: opens and checks program, scripts and interpreter, changing nothing. -ENOENT, -EACCES, -ENOEXEC,
 * -ELIBBAD, -ELOOP (5 scripts), -ENOTDIR, -ETXTBSY... flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW.
 */
must_check int exec_check(struct exec_args *a, int dirfd, const char *path, int flags);
/*
 * Phase two, in the (new, empty) address space of the calling task: maps, builds the stack (argv, envp, auxv), fills
 * *r with entry point and stack, sets process->exe, comm, brk, /proc fields. An error now means the process dies by SIGKILL/SIGSEGV.
 */
must_check int exec_load(struct exec_args *a, struct regs *r);
/* Loader's own parser, hosted for the fuzzer: 0 or -ENOEXEC etc. */
must_check int elf_check(const void *data, size_t size, uint64_t file_size);

/* vDSO: our own small image; made at boot. */
void vdso_init(void);
must_check intptr_t vdso_map(struct task *t); /* address for AT_SYSINFO_EHDR */
uintptr_t
vdso_sigreturn(struct task *t); /* where handlers return to, or 0: use the libc's restorer */
