/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks and processes as objects: memory, ids, lookups, and what runs on a task's way in and out.
 *
 * A task's block is [signal stack | kernel stack | struct task], pages apart from nothing else, so a new host process
 * touches few pages for it. Blocks of dead tasks are kept and used again once their execution has left them (gone).
 * Ids of tasks and processes come from one sequence; id_lock guards the hash tables.
 */
#include "kernel/task/task.h"

#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/task/cred.h"
#include "kernel/task/life.h"
#include "kernel/time/time.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define SIGNAL_STACK_MIN (8UL * 1024)
#define DEAD_KEPT 32
#define ID_BUCKETS 512
#define CANARY 0x57ac6ca9a7c0ffeeULL

struct mutex tree_lock;
struct list all_processes = LIST_INIT(all_processes);
struct process *init_process, *kernel_process;
uint32_t process_count, task_count;

static struct mutex id_lock, dead_lock;
static struct list task_ids[ID_BUCKETS], process_ids[ID_BUCKETS];
static struct list dead_tasks = LIST_INIT(dead_tasks);
static unsigned int dead_count;
static int next_id = 1;
static size_t block_size, task_offset;

void task_init(void)
{
	size_t signal_stack = PAGE_UP(plat_info()->xsave_size + 4096);

	for (int i = 0; i < ID_BUCKETS; i++) {
		list_init(&task_ids[i]);
		list_init(&process_ids[i]);
	}
	signal_stack = MAX(signal_stack, SIGNAL_STACK_MIN);
	task_offset = signal_stack + KERNEL_STACK_SIZE;
	block_size = task_offset + PAGE_UP(sizeof(struct task));
}

static struct task *take_dead(void)
{
	struct task *t, *found = NULL;

	mutex_lock(&dead_lock);
	list_for_each(t, &dead_tasks, link)
		if (__atomic_load_n(&t->gone, __ATOMIC_ACQUIRE)) {
			found = t;
			list_remove(&t->link);
			dead_count--;
			break;
		}
	mutex_unlock(&dead_lock);
	return found;
}

struct task *task_alloc(void)
{
	struct task *t = take_dead();
	uintptr_t block;

	if (t) {
		block = (uintptr_t)t - task_offset;
	} else {
		block = (uintptr_t)pages_alloc(block_size / PAGE_SIZE);
		if (!block)
			return NULL;
		t = (struct task *)(block + task_offset);
	}
	memset(t, 0, sizeof(*t));
	t->self = t;
	t->kstack = (uintptr_t)t;
	t->block = block;
	*(uint64_t *)(block + task_offset - KERNEL_STACK_SIZE) = CANARY;
	ref_init(&t->refs);
	list_init(&t->link);
	list_init(&t->id_link);
	list_init(&t->pi_held);
	signal_queue_init(&t->pending);
	t->start_time = plat_clock(1 /* CLOCK_MONOTONIC */);
	__atomic_fetch_add(&task_count, 1, __ATOMIC_RELAXED);
	return t;
}

/* The last reference is gone; its execution may still be leaving the stack. */
static void task_free(struct task *t)
{
	struct task *old, *next;

	signal_queue_flush(&t->pending);
	if (t->cred)
		cred_put(t->cred);
	if (t->sighand)
		sighand_put(t->sighand);
	if (t->process)
		process_put(t->process);
	kfree(t->iobuf);
	__atomic_fetch_sub(&task_count, 1, __ATOMIC_RELAXED);
	mutex_lock(&dead_lock);
	list_add_tail(&dead_tasks, &t->link);
	dead_count++;
	if (dead_count > DEAD_KEPT)
		list_for_each_safe(old, next, &dead_tasks, link)
			if (__atomic_load_n(&old->gone, __ATOMIC_ACQUIRE)) {
				list_remove(&old->link);
				dead_count--;
				pages_put((void *)((uintptr_t)old - task_offset),
					  block_size / PAGE_SIZE);
				if (dead_count <= DEAD_KEPT)
					break;
			}
	mutex_unlock(&dead_lock);
}

void task_put(struct task *t)
{
	if (ref_put(&t->refs))
		task_free(t);
}

/* A task that never ran. */
void task_discard(struct task *t)
{
	t->gone = 1;
	task_put(t);
}

void process_hold_exe(struct process *p)
{
	__atomic_add_fetch(&p->exe->dentry->inode->running, 1, __ATOMIC_SEQ_CST);
	p->exe_held = true;
}

void process_release_exe(struct process *p)
{
	if (p->exe_held)
		__atomic_sub_fetch(&p->exe->dentry->inode->running, 1, __ATOMIC_SEQ_CST);
	p->exe_held = false;
}

void process_put(struct process *p)
{
	if (!ref_put(&p->refs))
		return;
	signal_queue_flush(&p->pending);
	if (p->sighand)
		sighand_put(p->sighand);
	if (p->exe) {
		process_release_exe(p); /* of a process that never ran */
		path_put(p->exe);
		kfree(p->exe);
	}
	kfree(p->report_data);
	__atomic_fetch_sub(&process_count, 1, __ATOMIC_RELAXED);
	kfree(p);
}

struct process *process_alloc(void)
{
	struct process *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	ref_init(&p->refs);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->id_link);
	list_init(&p->hash_link);
	list_init(&p->tasks);
	list_init(&p->timers);
	signal_queue_init(&p->pending);
	wait_queue_init(&p->child_wait);
	wait_queue_init(&p->signal_wait);
	wait_queue_init(&p->exit_wait);
	p->start_time = clock_monotonic();
	p->dumpable = true;
	__atomic_fetch_add(&process_count, 1, __ATOMIC_RELAXED);
	return p;
}

/* --- ids --- */

static struct list *bucket(struct list *table, int id)
{
	return &table[hash_u64((uint64_t)id) % ID_BUCKETS];
}

static struct task *task_lookup(int tid)
{
	struct task *t;

	list_for_each(t, bucket(task_ids, tid), id_link)
		if (t->tid == tid)
			return t;
	return NULL;
}

static struct process *process_lookup(int pid)
{
	struct process *p;

	list_for_each(p, bucket(process_ids, pid), hash_link)
		if (p->pid == pid)
			return p;
	return NULL;
}

int id_alloc(void)
{
	int id;

	mutex_lock(&id_lock);
	do {
		id = next_id++;
		if (next_id >= PID_MAX)
			next_id = 300;
	} while (task_lookup(id) || process_lookup(id));
	mutex_unlock(&id_lock);
	return id;
}

void task_publish(struct task *t)
{
	mutex_lock(&id_lock);
	list_add(bucket(task_ids, t->tid), &t->id_link);
	task_get(t);
	mutex_unlock(&id_lock);
}

void task_unpublish(struct task *t)
{
	bool listed;

	mutex_lock(&id_lock);
	listed = !list_empty(&t->id_link);
	list_remove(&t->id_link);
	mutex_unlock(&id_lock);
	if (listed)
		task_put(t);
}

void process_publish(struct process *p)
{
	mutex_lock(&id_lock);
	list_add(bucket(process_ids, p->pid), &p->hash_link);
	process_get(p);
	mutex_unlock(&id_lock);
}

void process_unpublish(struct process *p)
{
	bool listed;

	mutex_lock(&id_lock);
	listed = !list_empty(&p->hash_link);
	list_remove(&p->hash_link);
	mutex_unlock(&id_lock);
	if (listed)
		process_put(p);
}

struct process *process_find(int pid)
{
	struct process *p;

	mutex_lock(&id_lock);
	p = process_lookup(pid);
	if (p)
		process_get(p);
	mutex_unlock(&id_lock);
	return p;
}

struct task *task_find(int tid)
{
	struct task *t;

	mutex_lock(&id_lock);
	t = task_lookup(tid);
	if (t)
		task_get(t);
	mutex_unlock(&id_lock);
	return t;
}

/* --- walks over processes; all_processes is linked through process.id_link under tree_lock --- */

int process_for_each(int (*fn)(struct process *p, void *arg), void *arg)
{
	struct process *p, *next;
	int ret = 0;

	mutex_lock(&tree_lock);
	list_for_each_safe(p, next, &all_processes, id_link) {
		ret = fn(p, arg);
		if (ret)
			break;
	}
	mutex_unlock(&tree_lock);
	return ret;
}

int process_for_each_in_group_locked(int pgid, int (*fn)(struct process *p, void *arg), void *arg)
{
	struct process *p, *next;
	int ret = 0;

	list_for_each_safe(p, next, &all_processes, id_link) {
		if (p->pgid != pgid || p->kernel_task)
			continue;
		ret = fn(p, arg);
		if (ret)
			break;
	}
	return ret;
}

bool process_group_exists(int pgid, struct session *session)
{
	struct process *p;

	list_for_each(p, &all_processes, id_link)
		if (p->pgid == pgid && !p->kernel_task && (!session || p->session == session))
			return true;
	return false;
}

bool process_group_orphaned(int pgid)
{
	struct process *p;

	list_for_each(p, &all_processes, id_link) {
		struct process *parent = p->parent;

		if (p->pgid != pgid || p->zombie || !parent)
			continue;
		if (parent->pgid != pgid && parent->session == p->session)
			return false;
	}
	return true;
}

/* --- on the way in and out --- */

void *task_iobuf(void)
{
	struct task *t = current();

	if (!t->iobuf)
		t->iobuf = kmalloc(TASK_IOBUF_SIZE);
	return t->iobuf;
}

void task_check_stack(struct task *t)
{
	if (*(uint64_t *)(t->kstack - KERNEL_STACK_SIZE) != CANARY)
		panic("kernel stack of task %d overflowed", t->tid);
}

void task_first_run(struct task *t)
{
	t->state = TASK_RUNNING;
	if (t->set_child_tid) {
		(void)put_user(t->tid, UPTR(t->set_child_tid));
		t->set_child_tid = 0;
	}
	if (t->first_run)
		t->first_run(t);
}

void task_do_work(struct regs *r)
{
	struct task *t = current();
	struct process *p = t->process;
	uint32_t work = __atomic_fetch_and(&t->work, (uint32_t)WORK_STOP, __ATOMIC_SEQ_CST);

	if (__atomic_load_n(&p->exiting, __ATOMIC_ACQUIRE) && p->exec_task != t)
		task_exit(p->exit_status);
	if (work & WORK_TIMER)
		time_check_cpu(t);
	if (unlikely(work & WORK_MAPS) && p->mm)
		mm_trim(p->mm);
	signal_deliver(r);
	task_check_stack(t);
}

void task_do_fault(struct regs *r)
{
	signal_fault(r);
}

/* --- services of the kernel's own --- */

#define SERVICE_IDS 0x40000000
static int services;

struct service {
	void (*fn)(void *);
	void *arg;
};

static void service_run(struct task *t)
{
	struct service service = *(struct service *)t->first_run_arg;

	kfree(t->first_run_arg);
	service.fn(service.arg);
	t->state = TASK_DEAD;
	task_unpublish(t);
	plat_task_exit(t);
}

int kernel_task_start(const char *name, void (*fn)(void *arg), void *arg)
{
	struct service *service = kmalloc(sizeof(*service));
	struct task *t;
	int err;

	if (!service)
		return -ENOMEM;
	/* A service is a thread of the host process the kernel started in: user processes come and go. */
	assert(current()->process == kernel_process);
	t = task_alloc();
	if (!t) {
		kfree(service);
		return -ENOMEM;
	}
	*service = (struct service){ fn, arg };
	t->tid = SERVICE_IDS +
		 __atomic_fetch_add(&services, 1,
				    __ATOMIC_RELAXED); /* the first process is to be 1 */
	t->process = kernel_process;
	process_get(kernel_process);
	t->sighand = current()->sighand;
	ref_get(&t->sighand->refs);
	t->cred = cred_get(current()->cred);
	t->fs = current()->fs;
	t->files = current()->files;
	str_copy(t->comm, name, sizeof(t->comm));
	t->blocked.bits = ~0ULL;
	t->first_run = service_run;
	t->first_run_arg = service;
	err = plat_task_start(t, PLAT_START_THREAD);
	if (err) {
		kfree(service);
		task_discard(t);
	}
	return err;
}
