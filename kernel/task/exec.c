/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execve. All checks come first (exec_check) and change nothing; then the other tasks of the process are made to leave,
 * and the process gets a new address space: in place if it is alone in its own, else (after vfork) the task's identity
 * moves to a new task that the platform starts in a clean address space.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/fs/tty.h"
#include "kernel/fs/vfs.h"
#include "kernel/loader/exec.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/life.h"
#include "kernel/task/limits.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

/* The part of execve that no longer can fail politely: an error kills the process. In the new address space. */
static void load(struct task *t, struct exec_args *args)
{
	struct regs *r = task_regs(t);
	int err;

	memset(r, 0, sizeof(*r));
	err = exec_load(args, r);
	exec_args_free(args);
	r->kind = ENTRY_OTHER;
	r->orig_rax = NO_SYSCALL;
	r->flags = 0x202;
	__atomic_fetch_add(&fork_counts.execs, 1, __ATOMIC_RELAXED);
	if (err)
		process_exit(err == -ENOMEM ? SIGKILL : SIGSEGV);
}

/* Handlers, descriptors, ids, timers: what execve changes of a task that goes on. */
static int change(struct task *t, struct exec_args *args)
{
	struct process *p = t->process;
	struct fd_table *files = t->files, *shared;
	struct cred *cred;

	if (files->refs.v > 1) {
		files = fd_table_copy(files, UINT32_MAX);
		if (!files || IS_ERR(files))
			return -ENOMEM;
		mutex_lock(&p->lock); /* /proc/PID/fd looks at it */
		shared = t->files;
		t->files = files;
		mutex_unlock(&p->lock);
		fd_table_put(shared);
	}
	if (t->sighand->refs.v >
	    2) { /* shared with another process: one of ours, one of process->sighand */
		struct sighand *s = sighand_copy(t->sighand);

		if (!s)
			return -ENOMEM;
		mutex_lock(&p->lock);
		sighand_put(p->sighand);
		sighand_put(t->sighand);
		t->sighand = p->sighand = s;
		ref_get(&s->refs);
		mutex_unlock(&p->lock);
	}
	cred = cred_for_exec(t->cred, args->set_uid && !t->no_new_privs, args->uid,
			     args->set_gid && !t->no_new_privs, args->gid);
	if (!cred)
		return -ENOMEM;
	fd_table_exec(files);
	signal_exec(t);
	time_process_exec(p);
	if (cred->euid != cred->uid || cred->egid != cred->gid)
		p->dumpable = false;
	else
		p->dumpable = true;
	cred_commit(cred);
	t->restart = NULL;
	p->execed = true;
	return 0;
}

/* A task other than the leader that calls execve becomes the leader: it takes the process's id. */
static void become_leader(struct task *t)
{
	struct process *p = t->process;

	if (t->tid == p->pid)
		return;
	task_unpublish(t);
	t->tid = p->pid;
	p->leader = t;
	task_publish(t);
}

static void exec_first_run(struct task *t)
{
	load(t, t->first_run_arg);
}

/* Senders lock from->sighand: who finds none looks for `to`. */
static void move_signals(struct task *to, struct task *from)
{
	struct sighand *s = from->sighand;
	struct list *e;

	mutex_lock(&s->lock);
	to->pending.set = from->pending.set;
	while ((e = from->pending.entries.next) != &from->pending.entries) {
		list_remove(e);
		list_add_tail(&to->pending.entries, e);
	}
	from->pending.set.bits = 0;
	to->sighand = s;
	__atomic_store_n(&from->sighand, NULL, __ATOMIC_RELEASE);
	mutex_unlock(&s->lock);
}

static void discard_reserved(struct task *n)
{
	plat_task_unreserve(n);
	task_discard(n);
}

/* The calling task ends here; a new one in a clean address space goes on as it. */
static int hand_over(struct task *t, struct task *n, struct mm *mm, struct exec_args *args)
{
	struct process *p = t->process;
	struct mm *old = p->mm;

	mutex_lock(&p->lock);
	n->tid = t->tid;
	n->process = p;
	process_get(p);
	memcpy(n->comm, t->comm, sizeof(n->comm));
	n->files = t->files;
	n->fs = t->fs;
	n->cred = t->cred;
	move_signals(n, t);
	t->files = NULL;
	t->fs = NULL;
	t->cred = NULL;
	n->blocked = t->blocked;
	n->altstack_flags = 2; /* SS_DISABLE */
	n->nice = t->nice;
	n->policy = t->policy;
	n->priority = t->priority;
	n->ioprio = t->ioprio;
	memcpy(n->affinity, t->affinity, sizeof(n->affinity));
	n->personality = t->personality;
	n->timer_slack = t->timer_slack;
	n->no_new_privs = t->no_new_privs;
	n->pdeathsig = t->pdeathsig;
	n->work = t->work & ~(uint32_t)WORK_WAKE;
	n->first_run = exec_first_run;
	n->first_run_arg = args;
	list_remove(&t->link);
	list_add(&p->tasks, &n->link);
	task_get(n);
	task_put(t);
	p->leader = n;
	p->mm = mm;
	mutex_unlock(&p->lock);
	task_publish(n); /* of two with one id the newer is found: there is always one */
	task_unpublish(t);
	mm_put(old);
	if (plat_task_start(n, PLAT_START_CLEAN))
		panic("a reserved start failed");
	task_release_vfork(t);
	t->state = TASK_DEAD;
	task_put(t);
	plat_task_exit(t);
}

/* Takes over `path`. */
static long do_exec(int dirfd, char *path, struct uptr argv, struct uptr envp, int flags)
{
	struct task *t = current(), *n = NULL;
	struct process *p = t->process;
	struct exec_args *args = exec_args_new();
	struct mm *mm = NULL, *old;
	int err;

	if (!args) {
		kfree(path);
		return -ENOMEM;
	}
	err = exec_args_add_user(args, argv, false);
	if (!err && !args->argc)
		err = exec_args_add(args, "", false); /* as Linux 5.18: never an empty argv */
	if (!err)
		err = exec_args_add_user(args, envp, true);
	if (!err)
		err = exec_check(args, dirfd, path, flags);
	kfree(path); /* here, for hand_over does not come back */
	if (err)
		goto fail;
	mm = mm_new();
	if (!mm) {
		err = -ENOMEM;
		goto fail;
	}
	/* Another thread may still vfork until it is stopped: what is needed then is made now. */
	if (p->mm->refs.v > 1 || p->task_count > 1) {
		n = task_alloc();
		if (!n) {
			err = -ENOMEM;
			goto fail;
		}
		err = plat_task_reserve(n);
		if (err)
			goto fail;
	}
	err = process_stop_others(p);
	if (err)
		goto fail;
	if (n && p->mm->refs.v == 1) {
		discard_reserved(n);
		n = NULL;
	}
	err = change(t, args);
	if (err)
		goto fail;
	task_leave_mm(t);
	become_leader(t);
	if (n)
		hand_over(t, n, mm, args);
	task_release_vfork(t); /* of CLONE_VFORK without CLONE_VM, or whose parent was killed */
	mutex_lock(&p->lock);  /* /proc/PID/maps looks at it */
	old = p->mm;
	p->mm = mm;
	mutex_unlock(&p->lock);
	mm_put(old);
	plat_as_reset();
	plat_set_fs(0);
	load(t, args);
	return 0;
fail:
	if (n)
		discard_reserved(n);
	if (mm)
		mm_put(mm);
	exec_args_free(args);
	return err;
}

static long exec_user(int dirfd, struct uptr user_path, struct uptr argv, struct uptr envp,
		      int flags)
{
	char *path;
	long ret;

	ret = copy_in_path(user_path, &path);
	if (ret)
		return ret;
	return do_exec(dirfd, path, argv, envp, flags);
}

long sys_execve(unsigned long *a)
{
	return exec_user(AT_FDCWD, UPTR(a[0]), UPTR(a[1]), UPTR(a[2]), 0);
}

long sys_execveat(unsigned long *a)
{
	int flags = (int)a[4];

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return exec_user((int)a[0], UPTR(a[1]), UPTR(a[2]), UPTR(a[3]), flags);
}

/* --- processes that the kernel starts: the first one, and `cloister exec` ----------------------------------- */

static int set_up_stdio(struct task *t, struct spawn *s)
{
	for (int i = 0; i < 3; i++) {
		int fd;

		if (!s->stdio[i])
			continue;
		fd = fd_replace(s->stdio[i], i, false);
		if (fd < 0)
			return fd;
	}
	if (s->controlling_tty && s->stdio[0])
		tty_open_controlling(s->stdio[0]);
	(void)t;
	return 0;
}

static int change_directory(struct task *t, const char *cwd)
{
	struct path path;
	int err = path_lookup(AT_FDCWD, cwd, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
	mutex_lock(&t->fs->lock);
	path_put(&t->fs->cwd);
	t->fs->cwd = path;
	mutex_unlock(&t->fs->lock);
	return 0;
}

/* Looks a name without a slash up in PATH, as a shell would. */
static int find_program(struct spawn *s)
{
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *at;
	char *full;
	int err = -ENOENT;

	if (strchr(s->program, '/'))
		return exec_check(s->args, AT_FDCWD, s->program, 0);
	at = s->args->strings;
	for (unsigned int i = 0; i < s->args->argc + s->args->envc; i++) {
		if (i >= s->args->argc && !strncmp(at, "PATH=", 5))
			path = at + 5;
		at += strlen(at) + 1;
	}
	full = kmalloc(4096);
	if (!full)
		return -ENOMEM;
	while (*path) {
		const char *colon = strchr(path, ':');
		size_t len = colon ? (size_t)(colon - path) : strlen(path);
		int found;

		if (len && len + strlen(s->program) + 2 < 4096) {
			memcpy(full, path, len);
			full[len] = '/';
			str_copy(full + len + 1, s->program, 4096 - len - 1);
			found = exec_check(s->args, AT_FDCWD, full, 0);
			if (!found || (found != -ENOENT && found != -ENOTDIR && found != -EACCES)) {
				err = found;
				break;
			}
			if (found == -EACCES)
				err = found;
		}
		path += len;
		if (*path == ':')
			path++;
	}
	kfree(full);
	return err;
}

static void spawn_first_run(struct task *t)
{
	struct spawn *s = t->first_run_arg;
	struct exec_args *args = s->args;
	int err = set_up_stdio(t, s);

	if (!err && s->cwd)
		err = change_directory(t, s->cwd);
	if (!err)
		err = find_program(s);
	s->error = err;
	if (s->ret_error)
		*s->ret_error = err;
	if (!err) {
		memset(task_regs(t), 0, sizeof(struct regs));
		s->args = NULL;
	}
	__atomic_store_n(&s->done, 1, __ATOMIC_SEQ_CST);
	plat_wake_word(&s->done, 1);
	if (err)
		process_exit(127 << 8);
	load(t, args);
}

static struct cred *cred_for_user(uint32_t uid, uint32_t gid)
{
	struct cred *c = cred_new(0);

	if (!c)
		return NULL;
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = gid;
	c->cap_bounding = (1ULL << 41) - 1;
	if (uid == 0)
		c->cap_effective = c->cap_permitted = c->cap_bounding;
	return c;
}

int process_spawn(struct spawn *s, struct process **ret_process)
{
	struct task *t = task_alloc();
	struct process *p = process_alloc();
	struct session *session = kzalloc(sizeof(*session));
	int err = -ENOMEM;

	if (!t || !p || !session)
		goto fail;
	t->process = p;
	process_get(p); /* one for the tree, one for the task */
	t->files = fd_table_new();
	t->fs = fs_context_new(&root_path);
	t->sighand = sighand_new();
	t->cred = cred_for_user(s->uid, s->gid);
	p->mm = mm_new();
	if (!t->files || !t->fs || !t->sighand || !t->cred || !p->mm)
		goto fail;
	p->sighand = t->sighand;
	ref_get(&t->sighand->refs);
	limits_default(p->limits);
	p->exit_signal = SIGCHLD;
	t->altstack_flags = 2; /* SS_DISABLE */
	for (unsigned int i = 0; i < plat_info()->cpus; i++)
		t->affinity[i / 64] |= 1ULL << i % 64;
	t->timer_slack = 50000;
	t->tid = p->pid = id_alloc();
	p->leader = t;
	ref_init(&session->refs);
	session->sid = p->pid;
	p->session = session;
	p->pgid = p->pid;
	t->first_run = spawn_first_run;
	t->first_run_arg = s;
	str_copy(t->comm, "spawn", sizeof(t->comm));
	mutex_lock(&tree_lock);
	p->parent = s->parent;
	list_add_tail(&p->tasks, &t->link);
	p->task_count = 1;
	task_get(t);
	if (p->parent)
		list_add_tail(&p->parent->children, &p->sibling);
	list_add_tail(&all_processes, &p->id_link);
	mutex_unlock(&tree_lock);
	process_publish(p);
	task_publish(t);
	process_get(p); /* the caller's */
	*ret_process = p;
	err = plat_task_start(t, PLAT_START_CLEAN);
	if (!err)
		return 0;
	/* It never ran: out of everybody's sight again. */
	process_put(p);
	task_unpublish(t);
	process_unpublish(p);
	mutex_lock(&tree_lock);
	list_remove(&p->sibling);
	list_remove(&p->id_link);
	list_remove(&t->link);
	p->session = NULL;
	mutex_unlock(&tree_lock);
	task_put(t);
fail:
	kfree(session);
	if (p) {
		if (p->mm)
			mm_put(p->mm);
		p->mm = NULL;
	}
	if (t) {
		if (t->files)
			fd_table_put(t->files);
		if (t->fs)
			fs_context_put(t->fs);
		task_discard(t);
	}
	if (p)
		process_put(p);
	return err;
}
