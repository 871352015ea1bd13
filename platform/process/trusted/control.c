/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the launcher: start a program (cloister exec), signal a process, resize the terminal, list processes. One
 * service task looks at the slots when the bell rings; a program's end is waited for by a service task of its own.
 * The launcher sleeps in poll, not on a futex: each answer also sends it SIGCHLD, the signal it looks around for.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kernel/fs/file.h"
#include "kernel/fs/tty.h"
#include "kernel/host.h"
#include "kernel/loader/exec.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/task/life.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

static void tell_launcher(void)
{
	__atomic_fetch_add(&boot->control_done, 1, __ATOMIC_SEQ_CST);
	plat_wake_word(&boot->control_done, 1 << 30);
	HOST(kill, boot->launcher_pid, SIGCHLD, 0, 0, 0, 0);
}

static void answer(struct control_request *r, int result)
{
	r->result = result;
	__atomic_store_n(&r->state, 3, __ATOMIC_SEQ_CST);
	tell_launcher();
}

struct exec_wait {
	struct control_request *request;
	struct process *process;
};

static void wait_for_end(void *arg)
{
	struct exec_wait *w = arg;

	while (WAIT_EVENT(&w->process->exit_wait,
			  __atomic_load_n(&w->process->zombie, __ATOMIC_ACQUIRE), NEVER))
		;
	w->request->status = w->process->exit_status;
	__atomic_store_n(&w->request->exited, 1, __ATOMIC_SEQ_CST);
	tell_launcher();
	process_put(w->process);
	kfree(w);
}

static int add_strings(struct exec_args *args, struct control_request *r)
{
	size_t at = 0;

	for (uint32_t i = 0; i < r->argc + r->envc; i++) {
		size_t len = strnlen(r->strings + at, sizeof(r->strings) - at);
		int err;

		if (at + len >= sizeof(r->strings))
			return -E2BIG;
		err = exec_args_add(args, r->strings + at, i >= r->argc);
		if (err)
			return err;
		at += len + 1;
	}
	return 0;
}

/* Takes the handles over, whatever happens. */
static int open_stdio(struct control_request *r, struct spawn *s)
{
	int err = 0;

	if (r->flags & BOOT_TTY) {
		err = tty_console_new(r->stdio[0], r->stdio[1], r->rows, r->columns, &s->stdio[0]);
		if (err)
			return err;
		s->stdio[1] = file_get(s->stdio[0]);
		s->stdio[2] = file_get(s->stdio[0]);
		s->controlling_tty = true;
		return 0;
	}
	for (int i = 0; i < 3; i++) {
		if (r->stdio[i] < 0)
			continue;
		s->stdio[i] = host_stream_new(r->stdio[i], i ? O_WRONLY : O_RDONLY);
		if (!s->stdio[i] || IS_ERR(s->stdio[i])) {
			s->stdio[i] = NULL;
			host_close(r->stdio[i]);
			err = -ENOMEM;
		}
	}
	return err;
}

static int start_program(struct control_request *r)
{
	struct spawn s = { .args = exec_args_new(),
			   .program = r->strings,
			   .cwd = r->cwd,
			   .uid = r->uid,
			   .gid = r->gid };
	struct exec_wait *w = kzalloc(sizeof(*w));
	int err = -ENOMEM;

	int opened = open_stdio(r, &s);

	if (!s.args || !w || !r->argc)
		goto fail;
	err = opened;
	if (!err)
		err = add_strings(s.args, r);
	if (!err)
		err = process_spawn(&s, &w->process);
	if (err)
		goto fail;
	while (!__atomic_load_n(&s.done, __ATOMIC_ACQUIRE))
		plat_wait_word(&s.done, 0);
	for (int i = 0; i < 3; i++)
		if (s.stdio[i])
			file_put(s.stdio[i]);
	if (s.error) {
		exec_args_free(s.args);
		process_put(w->process);
		kfree(w);
		return s.error;
	}
	r->pid = w->process->pid;
	w->request = r;
	return kernel_task_start("exec-wait", wait_for_end, w);
fail:
	for (int i = 0; i < 3; i++)
		if (s.stdio[i])
			file_put(s.stdio[i]);
	if (s.args)
		exec_args_free(s.args);
	kfree(w);
	return err;
}

static int send_signal(struct control_request *r)
{
	struct process *p = r->pid ? process_find(r->pid) : init_process;
	siginfo_t info;
	int err;

	if (!p)
		return -ESRCH;
	if (r->signal < 0 || r->signal > SIGNAL_MAX) {
		err = -EINVAL;
	} else if (!r->signal) {
		err = 0;
	} else {
		signal_info_kernel(&info, r->signal, SI_USER);
		err = signal_send_process(p, &info);
	}
	if (r->pid)
		process_put(p);
	return err;
}

static int list_one(struct process *p, void *arg)
{
	struct control_request *r = arg;
	size_t used = strnlen(r->strings, sizeof(r->strings));
	struct task *t = p->leader;
	char comm[TASK_COMM];
	bool gone;

	if (p->kernel_task || p->zombie)
		return 0;
	mutex_lock(&p->lock);
	gone = list_empty(&p->tasks);
	if (!gone)
		t = list_first(&p->tasks, struct task, link);
	str_copy(comm, gone ? "?" : t->comm, sizeof(comm));
	fmt_snprintf(r->strings + used, sizeof(r->strings) - used, "%d %d %u %u %s\n", p->pid,
		     p->parent ? p->parent->pid : 0, p->task_count,
		     gone ? 0 : plat_task(t)->host_pid, comm);
	mutex_unlock(&p->lock);
	return 0;
}

static int resize(struct control_request *r)
{
	struct process *p;

	if (!r->pid) {
		tty_console_resize(r->rows, r->columns);
		return 0;
	}
	p = process_find(r->pid);
	if (!p)
		return -ESRCH;
	tty_session_resize(p->session, r->rows, r->columns);
	process_put(p);
	return 0;
}

static void serve(struct control_request *r)
{
	int result = -EINVAL;

	switch (r->kind) {
	case CONTROL_EXEC:
		r->exited = 0;
		result = start_program(r);
		break;
	case CONTROL_KILL:
		result = send_signal(r);
		break;
	case CONTROL_RESIZE:
		result = resize(r);
		break;
	case CONTROL_LIST:
		r->strings[0] = 0;
		result = process_for_each(list_one, r);
		break;
	}
	answer(r, result);
}

static void control_service(void *arg)
{
	(void)arg;
	for (;;) {
		uint32_t bell = __atomic_load_n(&boot->control_bell, __ATOMIC_SEQ_CST);

		for (int i = 0; i < CONTROL_SLOTS; i++) {
			uint32_t posted = 1;

			if (__atomic_compare_exchange_n(&boot->control[i].state, &posted, 2, false,
							__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				serve(&boot->control[i]);
		}
		plat_wait_word(&boot->control_bell, bell);
	}
}

void control_init(void)
{
	if (kernel_task_start("control", control_service, NULL))
		panic("no memory for the control service");
}
