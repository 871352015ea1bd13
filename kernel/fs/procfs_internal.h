/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs from the inside: the fixed part is a pseudo_tree (procfs_system.c, procfs_sysctl.c); /proc/PID is in
 * procfs_process.c with what it shows in procfs_status.c and procfs_maps.c.
 *
 * An inode of a process holds no reference on it, only its ids and start time: each use finds the process again, and
 * a reused id is not mistaken for the same one.
 */
#pragma once

#include "kernel/fs/pseudo.h"
#include "kernel/task/task.h"

struct mm;
struct proc_entry;

/* inode->private_data of everything below /proc/PID; kmalloc'd. */
struct proc_inode {
	const struct proc_entry *entry; /* NULL: the directory of a process or task itself */
	int pid, tid;			/* tid 0: the process as a whole */
	int fd;				/* of fd/N and fdinfo/N, else -1 */
	uint64_t start;
};

struct proc_entry {
	const char *name;
	uint32_t mode; /* with S_IFMT */
	unsigned int flags;
	pseudo_show *show; /* text, or a link's target */
	pseudo_store *store;
	int (*follow)(struct inode *inode, struct path *ret);
	const struct inode_ops *ops; /* directories of their own kind */
	const struct file_ops *file_ops;
};
enum {
	PROC_PROCESS = 1, /* in /proc/PID */
	PROC_TASK = 2,	  /* in /proc/PID/task/TID */
	PROC_BOTH = 3,
	PROC_GUARDED = 4, /* needs the rights of a debugger */
};

/* Counted, or NULL when it is gone (-ESRCH). */
struct process *proc_process(const struct inode *inode);
struct task *proc_task(const struct inode *inode); /* the task, or one that lives of the process */
struct task *process_any_task(struct process *p);
struct mm *proc_mm(struct process *p);		  /* counted, or NULL */
int proc_check_access(const struct inode *inode); /* PROC_GUARDED: 0, -EACCES, -ESRCH */
void proc_cputime(struct process *p, struct task *only, uint64_t *ret_user_ns,
		  uint64_t *ret_system_ns);

/* procfs_process.c */
must_check int proc_lookup_pid(struct inode *dir, int pid, struct inode **ret);
bool proc_revalidate(struct dentry *d);
must_check struct inode *proc_make_inode(struct inode *dir, struct process *p,
					 const struct proc_inode *id, uint32_t mode,
					 unsigned int what);
bool proc_emit_dots(struct file *f, struct dir_context *c); /* false: the buffer is full */
int proc_setattr(struct inode *inode, const struct attributes *a);
struct fd_table *proc_files(const struct inode *inode); /* the task's; counted, or NULL */
extern const struct inode_ops proc_magic_link_ops;
bool proc_is_process_inode(const struct inode *inode);
int proc_next_pid(int from); /* lowest shown pid >= from, or -1 */
must_check int parse_id(const char *name, size_t len, int *ret);
#define PROC_INODE(pid, tid, what) \
	((uint64_t)1 << 48 | (uint64_t)(uint32_t)(tid ? tid : pid) << 20 | (unsigned int)(what))

enum { TYPE_DIR = 4, TYPE_REG = 8, TYPE_LNK = 10 }; /* DT_* */

/* procfs_fd.c */
bool proc_fd_exists(const struct inode *inode, int fd);
must_check int proc_follow_fd(struct inode *inode, struct path *ret);
extern const struct inode_ops proc_fd_dir_ops, proc_fdinfo_dir_ops;
extern const struct file_ops proc_fd_dir_file_ops;

/* procfs_status.c, procfs_mounts.c */
pseudo_show proc_show_stat, proc_show_status, proc_show_statm, proc_show_limits, proc_show_io,
	proc_show_comm, proc_show_cmdline, proc_show_environ, proc_show_auxv, proc_show_mounts,
	proc_show_mountinfo, proc_show_mountstats, proc_show_children, proc_show_personality,
	proc_show_oom_score, proc_show_oom_score_adj, proc_show_oom_adj, proc_show_schedstat;
pseudo_store proc_store_comm, proc_store_oom_score_adj;

/* procfs_maps.c */
pseudo_show proc_show_maps, proc_show_smaps, proc_show_smaps_rollup;
extern const struct file_ops proc_mem_ops;
struct proc_memory {
	uint64_t total, resident, shared, text, data, stack, library; /* bytes */
};
void proc_memory(struct mm *mm, struct proc_memory *ret);

/* procfs_system.c, procfs_sysctl.c: tables */
extern const struct pseudo_tree procfs_tree;
pseudo_show proc_sys_hostname, proc_sys_osrelease, proc_sys_version;
