/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job control: which session has a terminal, which of its groups may use it, and the signals that say so.
 *
 * tree_lock guards session->tty, tty->session (a counted reference) and tty->group. Whoever sets one sets the other:
 * session->tty == t if and only if t->session == session. Neither tty->lock nor any queue is held here.
 */
#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/errno.h>

#include "kernel/fs/tty_internal.h"
#include "kernel/signal/signal.h"
#include "kernel/task/cred.h"
#include "kernel/task/life.h"

static bool is_leader(const struct process *p)
{
	return p->session && p->session->sid == p->pid;
}

static void signal_group_kernel(int group, int sig)
{
	siginfo_t info;

	if (group <= 0)
		return;
	signal_info_kernel(&info, sig, SI_KERNEL);
	(void)signal_send_group(group, &info);
}

void tty_signal_foreground(struct tty *t, int sig)
{
	signal_group_kernel(tty_foreground_group(t), sig);
}

bool tty_is_controlling(struct tty *t)
{
	struct process *p = current_process();
	bool yes;

	mutex_lock(&tree_lock);
	yes = p->session && p->session->tty == t;
	mutex_unlock(&tree_lock);
	return yes;
}

/* A background group is told with `sig`, and the call is made again when it is in front. */
static int job_check(struct tty *t, int sig, bool allowed_if_ignored)
{
	struct process *p = current_process();
	bool background, ignored, orphaned = false;
	int group;

	if (__atomic_load_n(&p->pgid, __ATOMIC_RELAXED) == tty_foreground_group(t))
		return 0;
	mutex_lock(&tree_lock);
	group = p->pgid;
	background = p->session && p->session->tty == t && t->group && t->group != group;
	if (background)
		orphaned = process_group_orphaned(group);
	mutex_unlock(&tree_lock);
	if (!background)
		return 0;
	ignored = signal_is_blocked_or_ignored(current(), sig);
	if (ignored && allowed_if_ignored)
		return 0;
	if (ignored || orphaned)
		return -EIO;
	signal_group_kernel(group, sig);
	return -ERESTARTSYS;
}

int tty_job_read(struct tty *t)
{
	return job_check(t, SIGTTIN, false);
}

int tty_job_change(struct tty *t)
{
	return job_check(t, SIGTTOU, true);
}

/* tree_lock held. Returns the session whose reference the caller drops. */
static struct session *unlink_session(struct tty *t)
{
	struct session *s = t->session;

	if (s && s->tty == t)
		s->tty = NULL;
	t->session = NULL;
	t->group = 0;
	return s;
}

static void link_session(struct tty *t, struct process *p)
{
	struct session *s = p->session;

	ref_get(&s->refs);
	t->session = s;
	t->group = p->pgid;
	s->tty = t;
}

int tty_set_controlling(struct tty *t, struct file *f, bool steal)
{
	struct process *p = current_process();
	bool admin = capable(CAP_SYS_ADMIN), readable = file_readable(f);
	struct session *old = NULL;
	int error = 0;

	mutex_lock(&tree_lock);
	if (is_leader(p) && t->session == p->session)
		goto out;
	error = -EPERM;
	if (!is_leader(p) || p->session->tty)
		goto out;
	if (t->session && !(steal && admin))
		goto out;
	if (!readable && !admin)
		goto out;
	old = unlink_session(t);
	link_session(t, p);
	error = 0;
out:
	mutex_unlock(&tree_lock);
	if (old)
		session_put(old);
	return error;
}

void tty_open_controlling(struct file *f)
{
	struct process *p = current_process();
	struct tty *t = f->private_data;

	/* /dev/console never becomes anybody's by being opened */
	if (!tty_is_slave(f) || !t || !file_readable(f) || f->inode->rdev == (5 << 8 | 1))
		return;
	mutex_lock(&tree_lock);
	if (is_leader(p) && !p->session->tty && !t->session)
		link_session(t, p);
	mutex_unlock(&tree_lock);
}

/* The session of t has a terminal no more. hang_up: its leader and the foreground group are told. */
void tty_forget_session(struct tty *t, bool hang_up)
{
	struct process *leader;
	struct session *s;
	int group;

	mutex_lock(&tree_lock);
	group = t->group;
	s = unlink_session(t);
	mutex_unlock(&tree_lock);
	if (!s)
		return;
	if (hang_up) {
		leader = process_find(s->sid);
		if (leader) {
			(void)signal_simple(leader, SIGHUP);
			(void)signal_simple(leader, SIGCONT);
		}
		signal_group_kernel(group, SIGHUP);
		if (leader)
			process_put(leader);
	}
	session_put(s);
}

static int drop(struct session *s, struct tty *only, bool exiting)
{
	struct session *old = NULL;
	struct tty *t;
	int group = 0;

	mutex_lock(&tree_lock);
	t = s->tty;
	if (t && (!only || t == only)) {
		group = t->group;
		old = unlink_session(t);
	}
	mutex_unlock(&tree_lock);
	if (!old)
		return -ENOTTY;
	signal_group_kernel(group, SIGHUP);
	if (!exiting)
		signal_group_kernel(group, SIGCONT);
	session_put(old);
	return 0;
}

void tty_hangup_session(struct session *s)
{
	if (__atomic_load_n(&s->tty, __ATOMIC_RELAXED))
		(void)drop(s, NULL, true);
}

/* TIOCNOTTY. Only a leader can take the terminal from its session; others lose nothing they could miss. */
int tty_drop_controlling(struct tty *t)
{
	struct process *p = current_process();

	if (!tty_is_controlling(t))
		return -ENOTTY;
	if (!is_leader(p))
		return 0;
	return drop(p->session, t, false);
}

int tty_set_group(struct tty *t, int group)
{
	struct process *p = current_process();
	int error;

	if (group < 0)
		return -EINVAL;
	mutex_lock(&tree_lock);
	if (!p->session || p->session->tty != t)
		error = -ENOTTY;
	else if (!process_group_exists(group, NULL))
		error = -ESRCH;
	else if (!process_group_exists(group, p->session))
		error = -EPERM;
	else
		error = 0;
	if (!error)
		__atomic_store_n(&t->group, group, __ATOMIC_RELAXED);
	mutex_unlock(&tree_lock);
	return error;
}

int tty_session_id(struct tty *t)
{
	int id;

	mutex_lock(&tree_lock);
	id = t->session ? t->session->sid : -ENOTTY;
	mutex_unlock(&tree_lock);
	return id;
}
