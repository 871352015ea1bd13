/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID: its directories, links and who may look. What the files show is in procfs_status.c and procfs_maps.c.
 *
 * An inode names a process by pid and start time (struct proc_inode); revalidation and every use find it again. The fields
 * a task drops when it ends (files, fs) are read under process.lock while it is on process->tasks, which it leaves first.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/stat.h>

#include "kernel/fs/procfs_internal.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/task/cred.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define WHAT_TASKS 0xff00 /* parts of inode numbers that are no entry of the table */
#define PATH_SIZE 4096

static const struct inode_ops pid_dir_ops, file_inode_ops, text_link_ops, task_dir_ops,
	empty_dir_ops;
static const struct file_ops pid_dir_file_ops, task_dir_file_ops, empty_dir_file_ops;

static struct proc_inode *id_of(const struct inode *inode)
{
	return inode->private_data;
}

bool proc_is_process_inode(const struct inode *inode)
{
	return !pseudo_inode(inode);
}

/* --- from inode to process and back --------------------------------------------------------------------------------- */

static struct process *find_process(int pid, uint64_t start)
{
	struct process *p = process_find(pid);

	if (p && (p->kernel_task || (start && p->start_time != start))) {
		process_put(p);
		p = NULL;
	}
	return p;
}

struct process *proc_process(const struct inode *inode)
{
	return find_process(id_of(inode)->pid, id_of(inode)->start);
}

/* The leader while it lives, or another; counted. NULL: a zombie. */
struct task *process_any_task(struct process *p)
{
	struct task *t, *found = NULL;

	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link) {
		if (!found || t->tid == p->pid)
			found = t;
		if (t->tid == p->pid)
			break;
	}
	if (found)
		task_get(found);
	mutex_unlock(&p->lock);
	return found;
}

struct task *proc_task(const struct inode *inode)
{
	const struct proc_inode *id = id_of(inode);
	struct process *p = proc_process(inode);
	struct task *t = NULL;

	if (!p)
		return NULL;
	if (id->tid) {
		t = task_find(id->tid);
		if (t && t->process != p) {
			task_put(t);
			t = NULL;
		}
	} else {
		t = process_any_task(p);
	}
	process_put(p);
	return t;
}

struct mm *proc_mm(struct process *p)
{
	struct mm *mm;

	mutex_lock(&p->lock);
	mm = p->mm;
	if (mm && !ref_get_unless_zero(&mm->refs))
		mm = NULL;
	mutex_unlock(&p->lock);
	return mm;
}

static struct fd_table *task_files(struct task *t)
{
	struct fd_table *files;

	mutex_lock(&t->process->lock);
	files = list_empty(&t->link) ? NULL : t->files;
	if (files && !ref_get_unless_zero(&files->refs))
		files = NULL;
	mutex_unlock(&t->process->lock);
	return files;
}

struct fd_table *proc_files(const struct inode *inode)
{
	struct task *t = proc_task(inode);
	struct fd_table *files = t ? task_files(t) : NULL;

	if (t)
		task_put(t);
	return files;
}

int proc_check_access(const struct inode *inode)
{
	struct process *p = proc_process(inode);
	struct task *t;
	int error = 0;

	if (!p)
		return -ESRCH;
	if (p != current_process()) {
		t = process_any_task(p);
		if (t ? !cred_may_inspect(t) : !capable(CAP_SYS_PTRACE))
			error = -EACCES;
		if (t)
			task_put(t);
	}
	process_put(p);
	return error;
}

/* Owner: the process's effective ids, or root for one that must not be looked into. */
static void set_owner(struct inode *inode, struct process *p)
{
	struct cred *c = process_cred_get(p);
	bool open_to_all = S_ISDIR(inode->mode) && (inode->mode & 0777) == 0555;

	if (c && (p->dumpable || open_to_all)) {
		inode->uid = c->euid;
		inode->gid = c->egid;
	} else {
		inode->uid = inode->gid = 0;
	}
	if (c)
		cred_put(c);
}

struct inode *proc_make_inode(struct inode *dir, struct process *p, const struct proc_inode *id,
			      uint32_t mode, unsigned int what)
{
	struct proc_inode *copy = kmalloc(sizeof(*copy));
	struct inode *inode = copy ? inode_new(dir->fs, mode) : NULL;

	if (!inode) {
		kfree(copy);
		return NULL;
	}
	*copy = *id;
	inode->private_data = copy;
	inode->number = PROC_INODE(id->pid, id->tid, what);
	inode->brief = true;
	if (S_ISDIR(mode))
		inode->links = 2;
	set_owner(inode, p);
	return inode;
}

bool proc_revalidate(struct dentry *d)
{
	struct inode *inode = d->inode;
	const struct proc_inode *id;
	struct process *p;
	struct task *t;

	if (!inode)
		return false;
	if (!proc_is_process_inode(inode))
		return true;
	id = id_of(inode);
	if (id->tid) {
		t = proc_task(inode);
		if (!t)
			return false;
		task_put(t);
	}
	if (id->fd >= 0 && !proc_fd_exists(inode, id->fd))
		return false;
	p = proc_process(inode);
	if (!p)
		return false;
	set_owner(inode, p);
	process_put(p);
	return true;
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

static int follow_exe(struct inode *inode, struct path *ret)
{
	struct process *p = proc_process(inode);
	int error = -ENOENT;

	if (!p)
		return -ESRCH;
	mutex_lock(&p->lock);
	if (p->exe && p->mm) {
		*ret = *p->exe;
		path_get(ret);
		error = 0;
	}
	mutex_unlock(&p->lock);
	process_put(p);
	return error;
}

static int follow_directory(struct inode *inode, bool root, struct path *ret)
{
	struct task *t = proc_task(inode);
	struct fs_context *fs;

	if (!t)
		return -ENOENT;
	mutex_lock(&t->process->lock);
	fs = list_empty(&t->link) ? NULL : t->fs;
	if (fs && !ref_get_unless_zero(&fs->refs))
		fs = NULL;
	mutex_unlock(&t->process->lock);
	task_put(t);
	if (!fs)
		return -ENOENT;
	mutex_lock(&fs->lock);
	*ret = root ? fs->root : fs->cwd;
	path_get(ret);
	mutex_unlock(&fs->lock);
	fs_context_put(fs);
	return 0;
}

static int follow_cwd(struct inode *inode, struct path *ret)
{
	return follow_directory(inode, false, ret);
}

static int follow_root(struct inode *inode, struct path *ret)
{
	return follow_directory(inode, true, ret);
}

static int show_net_link(struct pseudo_text *t, struct inode *inode)
{
	text_string(t, id_of(inode)->tid ? "../../../net" : "../net");
	return 0;
}

static int show_constant_zero(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_string(t, "0");
	return 0;
}

static int show_cgroup(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_string(t, "0::/\n");
	return 0;
}

static int show_id_map(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_string(t, "         0          0 4294967295\n");
	return 0;
}

static int show_setgroups(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_string(t, "allow\n");
	return 0;
}

static int show_sessionid(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_string(t, "4294967295");
	return 0;
}

static int show_coredump_filter(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_string(t, "00000033\n");
	return 0;
}

static int store_ignored(struct inode *inode, char *data, size_t size)
{
	(void)inode;
	(void)data;
	(void)size;
	return 0;
}

#define FILE_(name, mode, flags, show, store)                                \
	{                                                                    \
		name, S_IFREG | (mode), flags, show, store, NULL, NULL, NULL \
	}
#define LINK_(name, flags, follow)                                                           \
	{                                                                                    \
		name, S_IFLNK | 0777, (flags) | PROC_GUARDED, NULL, NULL, follow, NULL, NULL \
	}
#define DIR_(name, mode, flags, ops, file_ops)                                 \
	{                                                                      \
		name, S_IFDIR | (mode), flags, NULL, NULL, NULL, ops, file_ops \
	}

static const struct proc_entry entries[] = {
	DIR_("task", 0555, PROC_PROCESS, &task_dir_ops, &task_dir_file_ops),
	DIR_("fd", 0500, PROC_BOTH, &proc_fd_dir_ops, &proc_fd_dir_file_ops),
	DIR_("fdinfo", 0555, PROC_BOTH | PROC_GUARDED, &proc_fdinfo_dir_ops, &proc_fd_dir_file_ops),
	DIR_("ns", 0511, PROC_BOTH, &empty_dir_ops, &empty_dir_file_ops),
	{ "net", S_IFLNK | 0777, PROC_BOTH, show_net_link, NULL, NULL, NULL, NULL },
	FILE_("environ", 0400, PROC_BOTH | PROC_GUARDED, proc_show_environ, NULL),
	FILE_("auxv", 0400, PROC_BOTH | PROC_GUARDED, proc_show_auxv, NULL),
	FILE_("status", 0444, PROC_BOTH, proc_show_status, NULL),
	FILE_("personality", 0400, PROC_BOTH | PROC_GUARDED, proc_show_personality, NULL),
	FILE_("limits", 0444, PROC_BOTH, proc_show_limits, NULL),
	FILE_("comm", 0644, PROC_BOTH, proc_show_comm, proc_store_comm),
	FILE_("cmdline", 0444, PROC_BOTH, proc_show_cmdline, NULL),
	FILE_("stat", 0444, PROC_BOTH, proc_show_stat, NULL),
	FILE_("statm", 0444, PROC_BOTH, proc_show_statm, NULL),
	FILE_("maps", 0444, PROC_BOTH | PROC_GUARDED, proc_show_maps, NULL),
	FILE_("children", 0444, PROC_TASK, proc_show_children, NULL),
	{ "mem", S_IFREG | 0600, PROC_BOTH | PROC_GUARDED, NULL, NULL, NULL, NULL, &proc_mem_ops },
	LINK_("cwd", PROC_BOTH, follow_cwd),
	LINK_("root", PROC_BOTH, follow_root),
	LINK_("exe", PROC_BOTH, follow_exe),
	FILE_("mounts", 0444, PROC_BOTH, proc_show_mounts, NULL),
	FILE_("mountinfo", 0444, PROC_BOTH, proc_show_mountinfo, NULL),
	FILE_("mountstats", 0400, PROC_PROCESS, proc_show_mountstats, NULL),
	FILE_("clear_refs", 0200, PROC_PROCESS, NULL, store_ignored),
	FILE_("smaps", 0444, PROC_BOTH | PROC_GUARDED, proc_show_smaps, NULL),
	FILE_("smaps_rollup", 0444, PROC_PROCESS | PROC_GUARDED, proc_show_smaps_rollup, NULL),
	FILE_("wchan", 0444, PROC_BOTH, show_constant_zero, NULL),
	FILE_("schedstat", 0444, PROC_BOTH, proc_show_schedstat, NULL),
	FILE_("cgroup", 0444, PROC_BOTH, show_cgroup, NULL),
	FILE_("oom_score", 0444, PROC_BOTH, proc_show_oom_score, NULL),
	FILE_("oom_adj", 0444, PROC_BOTH, proc_show_oom_adj, NULL),
	FILE_("oom_score_adj", 0644, PROC_BOTH, proc_show_oom_score_adj, proc_store_oom_score_adj),
	FILE_("sessionid", 0444, PROC_BOTH, show_sessionid, NULL),
	FILE_("coredump_filter", 0444, PROC_PROCESS, show_coredump_filter, NULL),
	FILE_("io", 0400, PROC_BOTH | PROC_GUARDED, proc_show_io, NULL),
	FILE_("uid_map", 0444, PROC_BOTH, show_id_map, NULL),
	FILE_("gid_map", 0444, PROC_BOTH, show_id_map, NULL),
	FILE_("setgroups", 0444, PROC_BOTH, show_setgroups, NULL),
};

static bool shown(const struct proc_entry *e, const struct proc_inode *dir)
{
	return e->flags & (dir->tid ? PROC_TASK : PROC_PROCESS);
}

static int pid_dir_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct proc_inode id = *id_of(dir);
	const struct proc_entry *e;
	struct process *p;
	struct inode *inode;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(entries); i++)
		if (shown(&entries[i], &id) && strlen(entries[i].name) == len &&
		    !memcmp(entries[i].name, name, len))
			break;
	if (i == ARRAY_SIZE(entries))
		return -ENOENT;
	e = &entries[i];
	p = proc_process(dir);
	if (!p)
		return -ENOENT;
	id.entry = e;
	inode = proc_make_inode(dir, p, &id, e->mode, i + 1);
	process_put(p);
	if (!inode)
		return -ENOMEM;
	if (S_ISDIR(e->mode)) {
		inode->ops = e->ops;
		inode->file_ops = e->file_ops;
	} else if (S_ISLNK(e->mode)) {
		inode->ops = e->follow ? &proc_magic_link_ops : &text_link_ops;
	} else {
		inode->ops = &file_inode_ops;
		inode->file_ops = e->file_ops ? e->file_ops : &pseudo_text_ops;
	}
	*ret = inode;
	return 0;
}

bool proc_emit_dots(struct file *f, struct dir_context *c)
{
	struct dentry *parent = f->path.dentry->parent;

	if (c->pos == 0) {
		if (!c->emit(c, ".", 1, f->inode->number, TYPE_DIR, 1))
			return false;
		c->pos = 1;
	}
	if (c->pos == 1) {
		if (!c->emit(c, "..", 2, parent->inode ? parent->inode->number : 1, TYPE_DIR, 2))
			return false;
		c->pos = 2;
	}
	return true;
}

static int pid_dir_readdir(struct file *f, struct dir_context *c)
{
	const struct proc_inode *id = id_of(f->inode);

	if (!proc_revalidate(f->path.dentry))
		return -ENOENT;
	if (!proc_emit_dots(f, c))
		return 0;
	for (; c->pos - 2 < ARRAY_SIZE(entries); c->pos++) {
		unsigned int i = (unsigned int)(c->pos - 2);
		const struct proc_entry *e = &entries[i];
		unsigned int type = S_ISDIR(e->mode)   ? TYPE_DIR
				    : S_ISLNK(e->mode) ? TYPE_LNK
						       : TYPE_REG;

		if (shown(e, id) && !c->emit(c, e->name, strlen(e->name),
					     PROC_INODE(id->pid, id->tid, i + 1), type, c->pos + 1))
			break;
	}
	return 0;
}

static const struct inode_ops pid_dir_ops = { .lookup = pid_dir_lookup };
static const struct file_ops pid_dir_file_ops = { .readdir = pid_dir_readdir };

bool procfs_is_process_dir(const struct file *f)
{
	return f->ops == &pid_dir_file_ops && !id_of(f->inode)->tid;
}

struct process *procfs_dir_process(const struct file *f)
{
	return proc_process(f->inode);
}

int proc_lookup_pid(struct inode *dir, int pid, struct inode **ret)
{
	struct process *p = find_process(pid, 0);
	struct proc_inode id = { .fd = -1 };
	struct task *t;

	if (!p) {
		/* a thread's id leads to its process, though it is not listed */
		t = task_find(pid);
		if (!t)
			return -ENOENT;
		p = t->process && !t->process->kernel_task ? t->process : NULL;
		if (p)
			process_get(p);
		task_put(t);
		if (!p)
			return -ENOENT;
	}
	id.pid = p->pid;
	id.start = p->start_time;
	*ret = proc_make_inode(dir, p, &id, S_IFDIR | 0555, 0);
	process_put(p);
	if (!*ret)
		return -ENOMEM;
	(*ret)->ops = &pid_dir_ops;
	(*ret)->file_ops = &pid_dir_file_ops;
	return 0;
}

/* --- files and links ------------------------------------------------------------------------------------------------- */

static int entry_open(struct inode *inode, struct file *f)
{
	const struct proc_entry *e = id_of(inode)->entry;
	int error;

	if (e->flags & PROC_GUARDED) {
		error = proc_check_access(inode);
		if (error)
			return error;
	}
	if (e->file_ops)
		return 0;
	return pseudo_open_text(f, e->show, e->store);
}

/* O_TRUNC and times of what has neither size nor times are accepted. */
int proc_setattr(struct inode *inode, const struct attributes *a)
{
	(void)inode;
	return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops file_inode_ops = { .open = entry_open, .setattr = proc_setattr };

static int text_readlink(struct inode *inode, char **ret)
{
	struct pseudo_text *t = text_new();
	int error;

	if (!t)
		return -ENOMEM;
	error = id_of(inode)->entry->show(t, inode);
	text_put(t, "", 1);
	if (!error) {
		*ret = t->failed ? NULL : kstrdup(t->data);
		error = *ret ? 0 : -ENOMEM;
	}
	text_unref(t);
	return error;
}

static int magic_follow(struct inode *inode, struct path *ret)
{
	const struct proc_inode *id = id_of(inode);
	int error = proc_check_access(inode);

	if (error)
		return error;
	return id->fd >= 0 ? proc_follow_fd(inode, ret) : id->entry->follow(inode, ret);
}

static int magic_readlink(struct inode *inode, char **ret)
{
	struct path path;
	char *buffer, *name;
	int error = magic_follow(inode, &path);

	if (error)
		return error;
	buffer = kmalloc(PATH_SIZE);
	if (buffer) {
		name = path_name(&path, buffer, PATH_SIZE);
		*ret = IS_ERR(name) ? NULL : kstrdup(name);
		error = IS_ERR(name) ? PTR_ERR(name) : *ret ? 0 : -ENOMEM;
	} else {
		error = -ENOMEM;
	}
	kfree(buffer);
	path_put(&path);
	return error;
}

static const struct inode_ops text_link_ops = { .readlink = text_readlink,
						.setattr = proc_setattr };
const struct inode_ops proc_magic_link_ops = {
	.readlink = magic_readlink,
	.follow = magic_follow,
	.setattr = proc_setattr,
};

/* --- task, ns ---------------------------------------------------------------------------------------------------------- */

static int task_lookup_name(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct proc_inode id = *id_of(dir);
	struct process *p = proc_process(dir);
	struct task *t = NULL;
	int error = -ENOENT;

	id.entry = NULL;
	if (!p)
		return -ENOENT;
	if (!parse_id(name, len, &id.tid))
		t = task_find(id.tid);
	if (t && t->process == p) {
		*ret = proc_make_inode(dir, p, &id, S_IFDIR | 0555, WHAT_TASKS);
		error = *ret ? 0 : -ENOMEM;
		if (*ret) {
			(*ret)->ops = &pid_dir_ops;
			(*ret)->file_ops = &pid_dir_file_ops;
		}
	}
	if (t)
		task_put(t);
	process_put(p);
	return error;
}

static int next_tid(struct process *p, int from)
{
	struct task *t;
	int best = -1;

	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link)
		if (t->tid >= from && (best < 0 || t->tid < best))
			best = t->tid;
	mutex_unlock(&p->lock);
	return best;
}

static int task_readdir(struct file *f, struct dir_context *c)
{
	struct process *p = proc_process(f->inode);
	char name[16];
	int tid, len;

	if (!p)
		return -ENOENT;
	if (!proc_emit_dots(f, c))
		goto out;
	while (c->pos < 0x7fffffff) {
		tid = next_tid(p, (int)(c->pos - 2));
		if (tid < 0)
			break;
		len = fmt_snprintf(name, sizeof(name), "%d", tid);
		if (!c->emit(c, name, (size_t)len, PROC_INODE(0, tid, WHAT_TASKS), TYPE_DIR,
			     (uint64_t)tid + 3))
			break;
		c->pos = (uint64_t)tid + 3;
	}
out:
	process_put(p);
	return 0;
}

/* By the number of links programs tell how many threads they have: two, and one for each. */
static int task_getattr(struct inode *inode, struct statx *ret)
{
	struct process *p = proc_process(inode);

	if (!p)
		return -ENOENT;
	inode_stat(inode, ret);
	mutex_lock(&p->lock);
	ret->stx_nlink = 2 + (uint32_t)p->task_count;
	mutex_unlock(&p->lock);
	process_put(p);
	return 0;
}

static const struct inode_ops task_dir_ops = { .lookup = task_lookup_name,
					       .getattr = task_getattr,
					       .setattr = proc_setattr };
static const struct file_ops task_dir_file_ops = { .readdir = task_readdir };

static int empty_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	(void)dir;
	(void)name;
	(void)len;
	(void)ret;
	return -ENOENT;
}

static int empty_readdir(struct file *f, struct dir_context *c)
{
	(void)proc_emit_dots(f, c);
	return 0;
}

static const struct inode_ops empty_dir_ops = { .lookup = empty_lookup, .setattr = proc_setattr };
static const struct file_ops empty_dir_file_ops = { .readdir = empty_readdir };
