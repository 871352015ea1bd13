/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc/PID's files say of a process, in exactly Linux's formats. Values of the process tree are read under
 * tree_lock, of its tasks under process.lock, signal actions under sighand.lock; each lock for a few lines only. What the host
 * alone knows (faults, bytes of I/O) is 0.
 */
#include <asm/resource.h>
#include <linux/auxvec.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/sched.h>

#include "abi/platform.h"
#include "kernel/fs/procfs_internal.h"
#include "kernel/fs/tty.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/task/cred.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define TICK 10000000UL /* ns of a USER_HZ tick */
#define STRINGS_MAX (2UL << 20)
#define CHUNK (16UL << 10)

/* What both stat and status need, gathered first. */
struct summary {
	int pid, tid, ppid, pgid, sid, foreground, exit_signal, threads, exit_status;
	uint64_t tty, start, user, system, child_user, child_system;
	uint64_t minor, major, child_minor, child_major, voluntary, involuntary;
	char comm[TASK_COMM], state;
	const char *state_name;
	int nice, policy, priority;
	bool no_new_privs, whole;
	struct sigset blocked, pending, shared_pending, ignored, caught;
	uintptr_t start_stack, arg_start, arg_end, env_start, env_end;
	struct proc_memory memory;
	uint64_t brk_start, locked;
	bool has_memory;
	uint64_t signals_limit;
};

void proc_cputime(struct process *p, struct task *only, uint64_t *ret_user, uint64_t *ret_system)
{
	uint64_t user, system;
	struct task *t;

	*ret_user = *ret_system = 0;
	if (only) {
		plat_cputime(only, false, ret_user, ret_system);
		return;
	}
	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link) {
		user = system = 0;
		plat_cputime(t, false, &user, &system);
		*ret_user += user;
		*ret_system += system;
	}
	*ret_user += p->self_dead.user_ns;
	*ret_system += p->self_dead.system_ns;
	mutex_unlock(&p->lock);
}

static void set_state(struct summary *s, struct process *p, struct task *only)
{
	enum task_state state = TASK_DEAD;
	struct task *t;

	mutex_lock(&p->lock);
	if (only) {
		state = only->state;
	} else {
		/* As Linux, what the first thread does; if it is gone, any that runs. */
		list_for_each(t, &p->tasks, link) {
			if (t->tid == p->pid) {
				state = t->state;
				break;
			}
			if (state == TASK_DEAD || t->state == TASK_RUNNING)
				state = t->state;
		}
	}
	s->threads = (int)p->task_count;
	mutex_unlock(&p->lock);
	if (p->zombie || state == TASK_DEAD) {
		s->state = 'Z';
		s->state_name = "Z (zombie)";
	} else if (state == TASK_STOPPED || p->stopped) {
		s->state = 'T';
		s->state_name = "T (stopped)";
	} else if (state == TASK_SLEEPING) {
		s->state = 'S';
		s->state_name = "S (sleeping)";
	} else {
		s->state = 'R';
		s->state_name = "R (running)";
	}
}

static void gather_signals(struct summary *s, struct process *p, struct task *t)
{
	struct sighand *sighand = t ? t->sighand : p->sighand;

	if (!sighand)
		return;
	mutex_lock(&sighand->lock);
	for (int sig = 1; sig <= SIGNAL_MAX; sig++) {
		uintptr_t handler = sighand->actions[sig].handler;

		if (handler == 1)
			s->ignored.bits |= SIGBIT(sig);
		else if (handler)
			s->caught.bits |= SIGBIT(sig);
	}
	s->shared_pending = p->pending.set;
	if (t) {
		s->pending = t->pending.set;
		s->blocked = t->blocked;
	}
	mutex_unlock(&sighand->lock);
}

static void gather_tree(struct summary *s, struct process *p)
{
	mutex_lock(&tree_lock);
	s->ppid = p->parent && !p->parent->kernel_task ? p->parent->pid : 0;
	s->pgid = p->pgid;
	s->sid = p->session ? p->session->sid : 0;
	s->foreground = -1;
	if (p->session && p->session->tty) {
		s->tty = tty_device(p->session->tty);
		s->foreground = tty_foreground_group(p->session->tty);
	}
	s->exit_signal = p->exit_signal;
	s->exit_status = p->exit_status;
	s->child_user = p->children_sum.user_ns;
	s->child_system = p->children_sum.system_ns;
	s->child_minor = p->children_sum.minor_faults;
	s->child_major = p->children_sum.major_faults;
	mutex_unlock(&tree_lock);
}

/* A zombie's tasks are gone, and their names with them: what it ran is the best guess. */
static void zombie_comm(struct process *p, char comm[TASK_COMM])
{
	memset(comm, 0, TASK_COMM);
	mutex_lock(&p->lock);
	if (p->exe)
		str_copy(comm, p->exe->dentry->name, TASK_COMM);
	mutex_unlock(&p->lock);
}

/* t may be NULL for a zombie. */
static void gather(struct summary *s, struct process *p, struct task *t, bool whole)
{
	struct mm *mm = proc_mm(p);

	memset(s, 0, sizeof(*s));
	s->whole = whole;
	s->pid = p->pid;
	s->tid = t && !whole ? t->tid : p->pid;
	s->start = t && !whole ? t->start_time : p->start_time;
	gather_tree(s, p);
	set_state(s, p, whole ? NULL : t);
	gather_signals(s, p, t);
	proc_cputime(p, whole ? NULL : t, &s->user, &s->system);
	s->minor = p->self_dead.minor_faults;
	s->major = p->self_dead.major_faults;
	if (t) {
		memcpy(s->comm, t->comm, TASK_COMM);
		s->nice = t->nice;
		s->policy = t->policy;
		s->priority = t->priority;
		s->no_new_privs = t->no_new_privs;
		s->voluntary = t->calls_slept;
	} else {
		zombie_comm(p, s->comm);
	}
	s->comm[TASK_COMM - 1] = 0;
	s->signals_limit = p->limits[RLIMIT_SIGPENDING].current;
	s->start_stack = p->stack_start;
	s->arg_start = p->arg_start;
	s->arg_end = p->arg_end;
	s->env_start = p->env_start;
	s->env_end = p->env_end;
	if (mm) {
		s->has_memory = true;
		s->brk_start = mm->brk_start;
		s->locked = mm->locked_bytes;
		proc_memory(mm, &s->memory);
		mm_put(mm);
	}
}

static bool is_whole(const struct inode *inode)
{
	return ((const struct proc_inode *)inode->private_data)->tid == 0;
}

static int summary_of(struct inode *inode, struct summary **ret)
{
	struct process *p = proc_process(inode);
	struct task *t;
	struct summary *s;

	if (!p)
		return -ESRCH;
	s = kmalloc(sizeof(*s));
	t = s ? proc_task(inode) : NULL;
	if (s && !t && !is_whole(inode)) {
		kfree(s);
		process_put(p);
		return -ESRCH;
	}
	if (s)
		gather(s, p, t, is_whole(inode));
	if (t)
		task_put(t);
	process_put(p);
	*ret = s;
	return s ? 0 : -ENOMEM;
}

static bool realtime(const struct summary *s)
{
	return s->policy == SCHED_FIFO || s->policy == SCHED_RR;
}

int proc_show_stat(struct pseudo_text *t, struct inode *inode)
{
	bool may_look = proc_check_access(inode) == 0;
	struct summary *s;
	int error = summary_of(inode, &s);

	if (error)
		return error;
	text_printf(t, "%d (%s) %c %d %d %d %d %d %u ", s->tid, s->comm, s->state, s->ppid, s->pgid,
		    s->sid, (int)s->tty, s->foreground, 0x400000u);
	text_printf(t, "%lu %lu %lu %lu %lu %lu %ld %ld ", s->minor, s->child_minor, s->major,
		    s->child_major, s->user / TICK, s->system / TICK, (long)(s->child_user / TICK),
		    (long)(s->child_system / TICK));
	text_printf(t, "%d %d %d 0 %lu %lu %lu %lu ", realtime(s) ? -1 - s->priority : 20 + s->nice,
		    s->nice, s->threads, s->start / TICK, s->memory.total,
		    s->memory.resident / PAGE_SIZE, UINT64_MAX);
	/* code and stack addresses: not for everybody */
	text_printf(t, "%u %u %lu 0 0 ", s->has_memory ? 1u : 0u, s->has_memory ? 1u : 0u,
		    may_look ? s->start_stack : 0);
	text_printf(t, "%lu %lu %lu %lu 0 0 0 %d %u %u %u 0 0 0 ", s->pending.bits & 0x7fffffff,
		    s->blocked.bits & 0x7fffffff, s->ignored.bits & 0x7fffffff,
		    s->caught.bits & 0x7fffffff, s->exit_signal, 0u,
		    realtime(s) ? (unsigned int)s->priority : 0u, (unsigned int)s->policy);
	if (may_look && s->has_memory)
		text_printf(t, "0 0 %lu %lu %lu %lu %lu %d\n", s->brk_start, s->arg_start,
			    s->arg_end, s->env_start, s->env_end, s->exit_status);
	else
		text_printf(t, "0 0 0 0 0 0 0 %d\n", may_look ? s->exit_status : 0);
	kfree(s);
	return 0;
}

int proc_show_statm(struct pseudo_text *t, struct inode *inode)
{
	struct summary *s;
	int error = summary_of(inode, &s);

	if (error)
		return error;
	text_printf(t, "%lu %lu %lu %lu 0 %lu 0\n", s->memory.total / PAGE_SIZE,
		    s->memory.resident / PAGE_SIZE, s->memory.shared / PAGE_SIZE,
		    s->memory.text / PAGE_SIZE, (s->memory.data + s->memory.stack) / PAGE_SIZE);
	kfree(s);
	return 0;
}

static void show_memory(struct pseudo_text *t, const struct summary *s)
{
	const struct proc_memory *m = &s->memory;

	text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t       0 kB\n",
		    m->total >> 10, m->total >> 10, s->locked >> 10);
	text_printf(t, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", m->resident >> 10, m->resident >> 10);
	text_printf(t, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t       0 kB\n",
		    (m->resident - m->shared) >> 10, m->shared >> 10);
	text_printf(t, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8lu kB\n",
		    m->data >> 10, m->stack >> 10, m->text >> 10, m->library >> 10);
	text_printf(t, "VmPTE:\t%8lu kB\nVmSwap:\t       0 kB\nHugetlbPages:\t       0 kB\n",
		    4 + (m->resident >> 19));
	text_string(t, "CoreDumping:\t0\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n");
}

static void show_ids(struct pseudo_text *t, const struct cred *c)
{
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid,
		    c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
}

static void show_cpus(struct pseudo_text *t, struct task *task)
{
	unsigned int cpus = MAX(plat_info()->cpus, 1u), words = (cpus + 31) / 32, first = 0, cpu;
	const uint32_t *masks = task ? (const uint32_t *)task->affinity : NULL;
	bool open = false, any = false;

	text_string(t, "Cpus_allowed:\t");
	for (unsigned int w = words; w--;) {
		uint32_t valid = cpus - w * 32 >= 32 ? ~0u : (1u << (cpus - w * 32)) - 1;

		text_printf(t, w == words - 1 ? "%x" : ",%08x", (masks ? masks[w] : ~0u) & valid);
	}
	text_string(t, "\nCpus_allowed_list:\t");
	for (cpu = 0; cpu <= cpus; cpu++) {
		bool in = cpu < cpus && (!masks || (masks[cpu / 32] >> cpu % 32 & 1));

		if (in && !open)
			first = cpu;
		if (!in && open) {
			text_printf(t, first == cpu - 1 ? "%s%u" : "%s%u-%u", any ? "," : "", first,
				    cpu - 1);
			any = true;
		}
		open = in;
	}
	text_string(t, "\nMems_allowed:\t00000001\nMems_allowed_list:\t0\n");
}

static unsigned int files_size(struct task *t)
{
	unsigned int size = 0;

	if (!t)
		return 0;
	mutex_lock(&t->process->lock);
	if (!list_empty(&t->link) && t->files)
		size = t->files->size;
	mutex_unlock(&t->process->lock);
	return size;
}

int proc_show_status(struct pseudo_text *t, struct inode *inode)
{
	struct process *p = proc_process(inode);
	struct task *task = proc_task(inode);
	struct summary *s = NULL;
	struct cred *c = NULL;
	int error = p ? summary_of(inode, &s) : -ESRCH;
	uint32_t umask = 022;

	if (error)
		goto out;
	c = task ? task_cred_get(task) : NULL;
	if (task) {
		mutex_lock(&p->lock);
		if (!list_empty(&task->link) && task->fs)
			umask = task->fs->umask;
		mutex_unlock(&p->lock);
	}
	text_string(t, "Name:\t");
	text_escaped(t, s->comm, "\n\\");
	text_string(t, "\n");
	if (task)
		text_printf(t, "Umask:\t%04o\n", umask);
	text_printf(t, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		    s->state_name, s->pid, s->tid, s->ppid);
	if (c)
		show_ids(t, c);
	else
		text_string(t, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n");
	text_printf(t, "FDSize:\t%u\nGroups:\t", files_size(task));
	for (uint32_t i = 0; c && i < c->group_count; i++)
		text_printf(t, "%u ", c->groups[i]);
	if (!c || !c->group_count)
		text_string(t, " ");
	text_printf(t, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", s->pid,
		    s->tid, s->pgid, s->sid);
	if (s->has_memory)
		show_memory(t, s);
	text_printf(t, "Threads:\t%d\nSigQ:\t0/%lu\n", s->threads, s->signals_limit);
	text_printf(
		t,
		"SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		s->pending.bits, s->shared_pending.bits, s->blocked.bits, s->ignored.bits,
		s->caught.bits);
	text_printf(
		t,
		"CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
		c ? c->cap_inheritable : 0, c ? c->cap_permitted : 0, c ? c->cap_effective : 0,
		c ? c->cap_bounding : 0, c ? c->cap_ambient : 0);
	text_printf(t, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", s->no_new_privs);
	text_string(t, "Speculation_Store_Bypass:\tunknown\nSpeculationIndirectBranch:\tunknown\n");
	show_cpus(t, task);
	text_printf(t, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		    s->voluntary, s->involuntary);
out:
	if (c)
		cred_put(c);
	kfree(s);
	if (task)
		task_put(task);
	if (p)
		process_put(p);
	return error;
}

int proc_show_children(struct pseudo_text *t, struct inode *inode)
{
	struct process *p = proc_process(inode), *child;
	int tid = ((struct proc_inode *)inode->private_data)->tid;

	if (!p)
		return -ESRCH;
	/* children belong to the process: they are shown with its main task */
	if (tid == p->pid) {
		mutex_lock(&tree_lock);
		list_for_each(child, &p->children, sibling)
			if (!child->kernel_task)
				text_printf(t, "%d ", child->pid);
		mutex_unlock(&tree_lock);
	}
	process_put(p);
	return 0;
}

/* --- memory of the process -------------------------------------------------------------------------------------------- */

/* Appends [from, to) of p's memory; stops early at what cannot be read. */
static void copy_range(struct pseudo_text *t, struct process *p, uintptr_t from, uintptr_t to)
{
	char *chunk = kmalloc(CHUNK);
	long count;

	if (!chunk) {
		t->failed = true;
		return;
	}
	to = MIN(to, from + STRINGS_MAX);
	while (from < to) {
		size_t size = MIN(to - from, CHUNK);

		count = mm_peek(p, from, chunk, size, false);
		if (count <= 0 || (size_t)count > size)
			break;
		text_put(t, chunk, (size_t)count);
		from += (size_t)count;
	}
	kfree(chunk);
}

int proc_show_cmdline(struct pseudo_text *t, struct inode *inode)
{
	struct process *p = proc_process(inode);
	size_t start = t->len;

	if (!p)
		return -ESRCH;
	if (p->mm && p->arg_end > p->arg_start) {
		copy_range(t, p, p->arg_start, p->arg_end);
		/* setproctitle: the title may run over into the environment, and ends at its first NUL */
		if (!t->failed && t->len > start && t->data[t->len - 1] &&
		    p->env_end > p->arg_end) {
			const char *end;

			copy_range(t, p, p->arg_end, MIN(p->env_end, p->arg_end + PAGE_SIZE));
			end = t->failed ? NULL : memchr(t->data + start, 0, t->len - start);
			if (end)
				t->len = (size_t)(end - t->data);
		}
	}
	process_put(p);
	return 0;
}

int proc_show_environ(struct pseudo_text *t, struct inode *inode)
{
	struct process *p = proc_process(inode);

	if (!p)
		return -ESRCH;
	if (p->mm && p->env_end > p->env_start)
		copy_range(t, p, p->env_start, p->env_end);
	process_put(p);
	return 0;
}

int proc_show_auxv(struct pseudo_text *t, struct inode *inode)
{
	struct process *p = proc_process(inode);
	unsigned int i;

	if (!p)
		return -ESRCH;
	for (i = 0; p->mm && i + 1 < ARRAY_SIZE(p->auxv); i += 2) {
		text_put(t, &p->auxv[i], 2 * sizeof(p->auxv[0]));
		if (p->auxv[i] == AT_NULL)
			break;
	}
	process_put(p);
	return 0;
}

/* --- small ones ---------------------------------------------------------------------------------------------------------- */

int proc_show_comm(struct pseudo_text *t, struct inode *inode)
{
	struct task *task = proc_task(inode);
	struct process *p = proc_process(inode);
	char comm[TASK_COMM] = "";

	if (p && !task && is_whole(inode))
		zombie_comm(p, comm);
	if (task)
		memcpy(comm, task->comm, TASK_COMM);
	comm[TASK_COMM - 1] = 0;
	if (task)
		task_put(task);
	if (p)
		process_put(p);
	if (!p || (!task && !is_whole(inode)))
		return -ESRCH;
	text_printf(t, "%s\n", comm);
	return 0;
}

int proc_store_comm(struct inode *inode, char *data, size_t size)
{
	struct task *task = proc_task(inode);
	char comm[TASK_COMM];
	int error = 0;

	if (!task)
		return -ESRCH;
	if (size && data[size - 1] == '\n')
		data[size - 1] = 0;
	memset(comm, 0, sizeof(comm));
	str_copy(comm, data, sizeof(comm));
	if (task->process == current_process())
		memcpy(task->comm, comm, sizeof(comm));
	else
		error = -EINVAL;
	task_put(task);
	return error;
}

static const struct {
	const char *name, *unit;
	unsigned int limit;
} limit_names[] = {
	{ "Max cpu time", "seconds", RLIMIT_CPU },
	{ "Max file size", "bytes", RLIMIT_FSIZE },
	{ "Max data size", "bytes", RLIMIT_DATA },
	{ "Max stack size", "bytes", RLIMIT_STACK },
	{ "Max core file size", "bytes", RLIMIT_CORE },
	{ "Max resident set", "bytes", RLIMIT_RSS },
	{ "Max processes", "processes", RLIMIT_NPROC },
	{ "Max open files", "files", RLIMIT_NOFILE },
	{ "Max locked memory", "bytes", RLIMIT_MEMLOCK },
	{ "Max address space", "bytes", RLIMIT_AS },
	{ "Max file locks", "locks", RLIMIT_LOCKS },
	{ "Max pending signals", "signals", RLIMIT_SIGPENDING },
	{ "Max msgqueue size", "bytes", RLIMIT_MSGQUEUE },
	{ "Max nice priority", "", RLIMIT_NICE },
	{ "Max realtime priority", "", RLIMIT_RTPRIO },
	{ "Max realtime timeout", "us", RLIMIT_RTTIME },
};

static void show_limit(struct pseudo_text *t, uint64_t value)
{
	if (value == UINT64_MAX)
		text_printf(t, "%-20s ", "unlimited");
	else
		text_printf(t, "%-20lu ", value);
}

int proc_show_limits(struct pseudo_text *t, struct inode *inode)
{
	struct process *p = proc_process(inode);
	struct rlimit64 limits[RLIM_COUNT];

	if (!p)
		return -ESRCH;
	mutex_lock(&p->lock);
	memcpy(limits, p->limits, sizeof(limits));
	mutex_unlock(&p->lock);
	process_put(p);
	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned int i = 0; i < ARRAY_SIZE(limit_names); i++) {
		text_printf(t, "%-25s ", limit_names[i].name);
		show_limit(t, limits[limit_names[i].limit].current);
		show_limit(t, limits[limit_names[i].limit].max);
		text_printf(t, "%-10s\n", limit_names[i].unit);
	}
	return 0;
}

int proc_show_io(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_string(
		t,
		"rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
	return 0;
}

int proc_show_personality(struct pseudo_text *t, struct inode *inode)
{
	struct task *task = proc_task(inode);

	if (!task)
		return -ESRCH;
	text_printf(t, "%08x\n", task->personality);
	task_put(task);
	return 0;
}

int proc_show_schedstat(struct pseudo_text *t, struct inode *inode)
{
	struct summary *s;
	int error = summary_of(inode, &s);

	if (error)
		return error;
	text_printf(t, "%lu 0 %lu\n", s->user + s->system, s->voluntary);
	kfree(s);
	return 0;
}

static int oom_adjustment(struct inode *inode, int *ret)
{
	struct process *p = proc_process(inode);

	if (!p)
		return -ESRCH;
	*ret = p->oom_score_adj;
	process_put(p);
	return 0;
}

int proc_show_oom_score(struct pseudo_text *t, struct inode *inode)
{
	int adjustment = 0, error = oom_adjustment(inode, &adjustment);

	/* as Linux's for a process that uses next to nothing */
	text_printf(t, "%d\n", adjustment == -1000 ? 0 : (1000 + adjustment) * 2 / 3);
	return error;
}

int proc_show_oom_score_adj(struct pseudo_text *t, struct inode *inode)
{
	int adjustment = 0, error = oom_adjustment(inode, &adjustment);

	text_printf(t, "%d\n", adjustment);
	return error;
}

int proc_show_oom_adj(struct pseudo_text *t, struct inode *inode)
{
	int adjustment = 0, error = oom_adjustment(inode, &adjustment);

	text_printf(t, "%d\n", adjustment == 1000 ? 15 : adjustment * 17 / 1000);
	return error;
}

int proc_store_oom_score_adj(struct inode *inode, char *data, size_t size)
{
	bool negative = *data == '-';
	struct process *p;
	uint64_t number;
	int value, error = 0;

	while (size && (data[size - 1] == '\n' || data[size - 1] == ' '))
		data[--size] = 0;
	if (str_to_u64(data + negative, 10, &number) || number > 1000)
		return -EINVAL;
	value = negative ? -(int)number : (int)number;
	p = proc_process(inode);
	if (!p)
		return -ESRCH;
	if (value < p->oom_score_adj && !capable(CAP_SYS_RESOURCE))
		error = -EACCES;
	else
		p->oom_score_adj = value;
	process_put(p);
	return error;
}
