/* SPDX-License-Identifier: Apache-2.0 */
/* Inside kernel/task: how tasks and processes are made, found and taken apart. */
#pragma once

#include "kernel/task/task.h"

#define PID_MAX 4194304

struct exec_args;

void task_init(void);
void task_discard(struct task *t); /* never ran */
void task_check_stack(struct task *t);
struct process *process_alloc(void);
int id_alloc(void);
/* The id tables hold a reference each. */
void task_publish(struct task *t);
void task_unpublish(struct task *t);
void process_publish(struct process *p);
void process_unpublish(struct process *p);
int process_for_each_in_group_locked(int pgid, int (*fn)(struct process *p, void *arg), void *arg);
void session_put(struct session *s);
/* Makes every other task of the process leave, and waits until they have. -EINTR: this one has to leave itself. */
must_check int process_stop_others(struct process *p);
void task_release_vfork(struct task *t);
void task_leave_mm(struct task *t); /* robust futexes, clear_tid: before the address space is left */
void process_reap_locked(struct process *p);

extern struct fork_counts {
	uint64_t forks, vforks, threads, execs;
} fork_counts;

/*
 * Starts a program in a new process, child of `parent` or of none; for boot and the control service. stdio: three
 * files (counted by the callee) or NULL; tty: becomes the controlling terminal. Its pid, or -errno of the program.
 */
struct spawn {
	struct exec_args *args; /* taken over when it succeeds */
	const char *program, *cwd;
	struct file *stdio[3];
	bool controlling_tty;
	uint32_t uid, gid;
	struct process *parent;
	int32_t *ret_error; /* or NULL: gets `error`, too, before the process can end */
	/* set by the new process, in this order; `done` is for plat_wait_word */
	int error;
	uint32_t done;
};
must_check int process_spawn(struct spawn *s, struct process **ret_process);
