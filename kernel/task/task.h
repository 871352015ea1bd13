/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks (threads) and processes. A process owns its address space, its ids and its children; a task runs.
 *
 * Life of a process: running -> (last task exits) zombie -> reaped. Life of a task: new -> running -> dead (off every
 * list) -> gone (its stack is unused; freed by whoever sees it).
 *
 * Locks, in order: tree_lock (parents, children, process groups, sessions, the id table; one for the enclave)
 * -> process.lock (its tasks, exit state, limits) -> sighand.lock (actions and pending sets) -> the rest.
 */
#pragma once

#include "kernel/arch/x86/regs.h"
#include "kernel/task/sync.h"
#include "lib/base/list.h"
#include "lib/base/types.h"

struct mm;
struct file;
struct fd_table;
struct fs_context;
struct cred;
struct tty;
struct sighand;
struct inode;
struct path;
struct process;

#define TASK_COMM 16
#define KERNEL_STACK_SIZE (16UL * 1024)
#define RLIM_COUNT 16

/* Bits of task.work. Nonzero: the task looks before it goes back to the application, and does not park. */
enum {
	WORK_WAKE = 1,	   /* task_wake */
	WORK_SIGNAL = 2,   /* a signal may be pending */
	WORK_EXIT = 4,	   /* leave: the process exits or another task calls execve */
	WORK_STOP = 8,	   /* job control: stop until continued */
	WORK_RESTART = 16, /* the call returned a restart error: decide on the way out */
	WORK_TIMER = 32,   /* CPU-time timers should be looked at */
	WORK_MAPS = 64,	   /* files that are mapped were cut: mm_trim() */
};

/* task.state, for /proc and for wait */
enum task_state { TASK_RUNNING, TASK_SLEEPING, TASK_STOPPED, TASK_DEAD };

struct sigset {
	uint64_t bits; /* bit n-1: signal n */
};

/* A queued signal: the first 48 bytes of siginfo are kept (signal/signal.h). */
struct signal_queue {
	struct list entries; /* of struct signal_entry */
	struct sigset set;
};

struct task {
	/* Known to entry.S: see kernel/arch/x86/regs.h. */
	struct task *self;
	uintptr_t kstack; /* top of the kernel stack */
	uintptr_t user_rsp;
	void (*entry)(void); /* where stubs jump to: the platform's system call entry */
	uintptr_t scratch;
	uint32_t work;	 /* WORK_*; the word a parked task sleeps on */
	uint32_t parked; /* platform: where it sleeps */
	uint64_t calls_fast, calls_trapped;

	uint8_t platform[128] __attribute__((aligned(16))); /* the platform's own */
	uintptr_t block; /* low end of the task's pages: below the kernel stack the platform's signal stack */
	uint32_t gone; /* set by the platform as its last step */
	int tid;
	enum task_state state;
	struct process *process;
	struct refcount refs; /* one of the id table while alive, one of execution */
	struct list link;     /* in process->tasks */
	struct list id_link;
	void (*first_run)(struct task *t); /* called by task_first_run, or NULL */
	void *first_run_arg;
	uintptr_t fs_base; /* loaded at the start */
	char comm[TASK_COMM];

	struct fd_table *files; /* kernel/fs/file.h */
	struct fs_context *fs;	/* cwd, root, umask */
	struct cred *cred;	/* immutable, counted; replaced whole */
	struct sighand *sighand;

	/* signals: signal/signal.h */
	struct sigset blocked, saved_blocked;
	bool restore_blocked; /* saved_blocked comes back after the next handler was set up */
	struct signal_queue pending;
	uintptr_t altstack;
	size_t altstack_size;
	unsigned int altstack_flags;
	int fault_signal, fault_code; /* of the fault being handled */
	uintptr_t fault_address;
	unsigned int fault_trap; /* x86 trap number and error code, for the frame */
	unsigned int fault_error;

	/* what CLONE_* and futexes left to do at exit */
	uintptr_t clear_tid; /* user word set to 0 and woken */
	uintptr_t set_child_tid;
	uintptr_t robust_list;
	struct list pi_held;	   /* futex PI state owned: task/futex.c */
	struct task *vfork_parent; /* waits until we exec or exit */
	uint32_t vfork_done;
	/* a restartable call's state (nanosleep, poll, futex): see task/restart */
	long (*restart)(struct task *t);
	unsigned long restart_args[6];

	int nice, policy, priority;
	uint64_t affinity[16]; /* 1024 processors, as told by sched_setaffinity */
	unsigned int personality;
	uint64_t timer_slack;
	int pdeathsig;
	int ioprio; /* class << 13 | level; 0: none */
	bool no_new_privs;
	bool dead_by_exec;
	uint64_t start_time;		   /* monotonic ns */
	uint64_t calls_slept, calls_woken; /* voluntary switches */
	struct kick_list *kicks; /* sync.c: wake-ups to send when a queue's lock is dropped */
	void *iobuf;		 /* 64 KiB bounce buffer, made on first use: task_iobuf() */
	/* trace: the last calls, for panics */
	struct {
		uint32_t number;
		int32_t result;
	} last[8];
	uint32_t last_at;
	uint64_t stack_canary; /* at the far end: see task_new */
};

_Static_assert(offsetof(struct task, kstack) == TASK_KSTACK, "entry.S");
_Static_assert(offsetof(struct task, user_rsp) == TASK_USER_RSP, "entry.S");
_Static_assert(offsetof(struct task, entry) == TASK_ENTRY, "entry.S");
_Static_assert(offsetof(struct task, scratch) == TASK_SCRATCH, "entry.S");
_Static_assert(offsetof(struct task, work) == TASK_WORK, "entry.S");
_Static_assert(offsetof(struct task, parked) == TASK_PARKED, "entry.S");
_Static_assert(offsetof(struct task, calls_fast) == TASK_NFAST, "entry.S");
_Static_assert(offsetof(struct task, calls_trapped) == TASK_NTRAP, "entry.S");

struct rlimit64 {
	uint64_t current, max;
};

struct session {
	struct refcount refs;
	int sid;
	struct tty *tty; /* controlling terminal or NULL; tty holds no reference back. tree_lock */
};

struct rusage_sum {
	uint64_t user_ns, system_ns, minor_faults, major_faults, voluntary, involuntary, max_rss;
};

struct process {
	struct refcount refs;
	struct mutex lock;
	int pid;
	int pgid;		 /* tree_lock */
	struct session *session; /* tree_lock */
	struct process *parent;	 /* NULL for the first; tree_lock */
	struct list children, sibling;
	struct list id_link;	 /* in all_processes; tree_lock */
	struct list hash_link;	 /* id table: task.c */
	struct list tasks;	 /* lock */
	unsigned int task_count; /* live tasks */
	struct task *leader;	 /* its tid is the pid; may be dead already */
	struct mm *mm;
	struct sighand *sighand;     /* the one all its tasks share; lives as long as the process */
	uint32_t exit_uid;	     /* real uid at the end, for SIGCHLD */
	struct signal_queue pending; /* shared; sighand.lock of the process (see signal.h) */
	struct wait_queue child_wait;  /* woken when a child changes state; waitpid sleeps here */
	struct wait_queue signal_wait; /* signalfd, sigtimedwait */
	struct wait_queue exit_wait;   /* pidfd polls */
	int exit_signal;	       /* sent to the parent */
	bool exiting, zombie, execed;
	bool stopped, stop_reported, continued_unreported; /* job control; tree_lock */
	int stop_signal;
	int exit_status;	/* wait status */
	struct task *exec_task; /* the only one to survive while it runs execve */
	struct rlimit64 limits[RLIM_COUNT];
	struct rusage_sum self_dead, children_sum; /* of tasks gone; of reaped children */
	struct list timers;			   /* POSIX timers: time/ */
	void *itimers;				   /* time/ */
	bool child_subreaper, dumpable, huge_pages_off;
	int oom_score_adj;
	uint8_t *report_data; /* lock; fs/attestation.c: 64 bytes, NULL: zeroes */
	struct path *exe;     /* what runs, for /proc/PID/exe */
	bool exe_held;	      /* and that is counted in its inode's `running` */
	uintptr_t arg_start, arg_end, env_start, env_end, stack_start; /* for /proc */
	uintptr_t auxv[64];
	uint64_t start_time;
	uint32_t kernel_task; /* a service of the kernel's own: not shown, not killed */
};

/* The calling task. */
static inline struct task *current(void)
{
	struct task *t;

	__asm__("mov %%gs:0, %0" : "=r"(t));
	return t;
}

static inline struct process *current_process(void)
{
	return current()->process;
}

static inline struct regs *task_regs(struct task *t)
{
	return (struct regs *)(t->kstack - sizeof(struct regs));
}

extern struct mutex tree_lock;
extern struct list all_processes;      /* tree_lock */
extern struct process *init_process;   /* pid 1 */
extern struct process *kernel_process; /* services */

/* Ids. The finders return a counted reference or NULL; zombies are found, reaped ones are not. */
struct process *process_find(int pid);
struct task *task_find(int tid);
void process_put(struct process *p);
/* p->lock held, or p not visible: p->exe cannot be written (ETXTBSY) from hold to release. */
void process_hold_exe(struct process *p);
void process_release_exe(struct process *p);
void task_put(struct task *t);
static inline void process_get(struct process *p)
{
	ref_get(&p->refs);
}
static inline void task_get(struct task *t)
{
	ref_get(&t->refs);
}
/* Calls fn for each process, with tree_lock held; stops at nonzero and returns it. */
int process_for_each(int (*fn)(struct process *p, void *arg), void *arg);
bool process_group_exists(int pgid,
			  struct session *session); /* tree_lock held; session NULL: any */
/* POSIX orphaned process group: no member has a parent in another group of the same session. tree_lock held. */
bool process_group_orphaned(int pgid);

/* 64 KiB of kernel memory of the calling task's, for moving data between application and host. NULL: no memory. */
#define TASK_IOBUF_SIZE (64UL * 1024)
void *task_iobuf(void);

/* Kernel services: a task in kernel_process with its own stack, in a host process with no user memory. */
must_check int kernel_task_start(const char *name, void (*fn)(void *arg), void *arg);

/* --- for the platform ------------------------------------------------------------------------------------------ */
/*
 * Boot, in this order: the platform calls kernel_early_init (memory works; no current task), takes the bare task it
 * returns as current, sets up traps, and calls kernel_main on that task's stack. kernel_main starts the services and
 * the first process and returns: the platform may use this task for services of its own. NULL: not enough memory.
 */
struct boot_info;
struct task *kernel_early_init(void);
void kernel_main(struct boot_info *boot);
void kernel_setup(struct boot_info *boot); /* its first part: all but the first process */
void task_first_run(struct task *t);	   /* on its own stack */
void syscall_dispatch(struct regs *r);
void task_do_work(struct regs *r);  /* on the way out with work != 0 */
void task_do_fault(struct regs *r); /* fault_* of the task are filled in */
struct task *task_alloc(void);	    /* bare task: stack, canary, lists; for boot too */

/* --- life ------------------------------------------------------------------------------------------------------- */
noreturn_ void task_exit(int status);	 /* of one task; status counts if it is the last */
noreturn_ void process_exit(int status); /* exit_group with a wait status (signal or code << 8) */

extern uint32_t process_count, task_count; /* of live ones, for limits and leak accounting */
