/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clean host processes for execve after vfork and for new guest processes of the launcher's. Some are made ahead of time
 * by the maker, which runs in the first host process (it has no user memory: a fork of it is clean). The others are host
 * processes whose guest process ended: they drop their user memory and wait here for the next one, which saves the
 * host a fork, an exit, and the page faults on kernel memory.
 *
 * Slot: EMPTY -> STARTING (maker, or an ending task) -> IDLE (the process itself, on the slot's small stack, as no
 * task) -> ASSIGNED (a starter gave it a task) -> EMPTY (the process, once it stands on the task's stack).
 * Nothing of an old guest process survives: user memory is unmapped, registers and vector state are set anew by execve.
 */
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/time_types.h>

#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

#define POOL_MAX 16
#define STACK_SIZE (2 * PAGE_SIZE)

enum { SLOT_EMPTY, SLOT_STARTING, SLOT_IDLE, SLOT_ASSIGNED };

static struct slot {
	uint32_t state;
	uint32_t host_pid;
	struct task *task;
	uintptr_t block; /* [signal stack | stack] */
	bool used;	 /* has been a guest process before */
} slots[POOL_MAX];

static size_t signal_stack_size;
static uint32_t maker_bell; /* bumped when there is nothing idle */
static uint32_t idle_bell;  /* bumped when a slot became IDLE and somebody waits */
static uint32_t idle_waiters;
static struct task no_task; /* what %gs points to in an idle process: kicks that come late find it */

static void ring(uint32_t *bell)
{
	__atomic_fetch_add(bell, 1, __ATOMIC_SEQ_CST);
	plat_wake_word(bell, 1 << 30);
}

static unsigned int count_idle(void)
{
	unsigned int n = 0;

	for (int i = 0; i < POOL_MAX; i++) {
		uint32_t state = __atomic_load_n(&slots[i].state, __ATOMIC_RELAXED);

		n += state == SLOT_IDLE || state == SLOT_STARTING;
	}
	return n;
}

/* An empty slot to go idle in, if the pool can use one more. */
static struct slot *claim(unsigned int most)
{
	if (count_idle() >= MIN(most, (unsigned int)POOL_MAX))
		return NULL;
	for (int i = 0; i < POOL_MAX; i++) {
		struct slot *slot = &slots[i];
		uint32_t empty = SLOT_EMPTY;

		if (__atomic_load_n(&slot->state, __ATOMIC_RELAXED) ||
		    !__atomic_compare_exchange_n(&slot->state, &empty, SLOT_STARTING, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		if (!slot->block)
			slot->block = (uintptr_t)pages_alloc((signal_stack_size + STACK_SIZE) /
							     PAGE_SIZE);
		if (slot->block)
			return slot;
		__atomic_store_n(&slot->state, SLOT_EMPTY, __ATOMIC_RELEASE);
		break;
	}
	return NULL;
}

static void *stack_top(struct slot *slot)
{
	return (void *)(slot->block + signal_stack_size + STACK_SIZE);
}

static void use_signal_stack(struct slot *slot)
{
	struct {
		uintptr_t sp;
		int flags, pad;
		size_t size;
	} stack = { slot->block, 0, 0, signal_stack_size };

	if (HOST(sigaltstack, &stack, 0, 0, 0, 0, 0))
		panic("sigaltstack failed: size %lu", stack.size);
}

/* On the task's own stack now: the slot can be used again. */
static void pool_become(void *arg)
{
	struct slot *slot = arg;
	struct task *t = current();

	plat_task(t)->host_pid = plat_task(t)->host_tid = slot->host_pid;
	if (slot->used)
		host_usage_mark(t);
	__atomic_store_n(&slot->state, SLOT_EMPTY, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&idle_waiters, __ATOMIC_SEQ_CST))
		ring(&maker_bell); /* it may have found no empty slot */
	host_thread_settled(t, false);
	task_first_run(t);
	/* Only now: the replacement is not urgent, this program is. */
	if (!count_idle())
		ring(&maker_bell);
	plat_return_to_user();
}

/* As no task, on the slot's stack, with no user memory. */
static void be_idle(struct slot *slot)
{
	__atomic_store_n(&slot->state, SLOT_IDLE, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&idle_waiters, __ATOMIC_SEQ_CST))
		ring(&idle_bell);
	while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != SLOT_ASSIGNED)
		HOST(futex, &slot->state, FUTEX_WAIT, SLOT_IDLE, 0, 0,
		     0); /* not plat_wait_word: not a task */
	become_task(slot->task, pool_become, slot);
}

static void go_idle(void *arg)
{
	plat_as_reset();
	be_idle(arg);
}

/* The last thread of its host process: goes idle instead of ending, or returns if the pool is full. */
void pool_recycle(struct task *t)
{
	struct slot *slot = claim(boot->pool_size + 1);

	if (!slot)
		return;
	slot->host_pid = plat_task(t)->host_pid;
	slot->used = true;
	/* Before the task's block is given away: a late kick must find a signal stack that is ours. */
	use_signal_stack(slot);
	leave_task(&t->gone, stack_top(slot), &no_task, go_idle, slot);
}

static void pool_process(void *arg)
{
	struct slot *slot = NULL;
	uint32_t pid = (uint32_t)HOST(getpid, 0, 0, 0, 0, 0, 0);

	(void)arg;
	for (size_t i = 0; i < POOL_MAX; i++)
		if (__atomic_load_n(&slots[i].state, __ATOMIC_ACQUIRE) == SLOT_STARTING &&
		    slots[i].host_pid == pid)
			slot = &slots[i];
	assert(slot);
	use_signal_stack(slot);
	HOST(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
	if ((uint32_t)HOST(getppid, 0, 0, 0, 0, 0, 0) != boot->launcher_pid)
		HOST(kill, pid, SIGKILL, 0, 0, 0, 0);
	be_idle(slot);
}

static bool any_idle(void)
{
	for (int i = 0; i < POOL_MAX; i++)
		if (__atomic_load_n(&slots[i].state, __ATOMIC_SEQ_CST) == SLOT_IDLE)
			return true;
	return false;
}

int plat_start_clean(struct task *t)
{
	for (;;) {
		uint32_t bell = __atomic_load_n(&idle_bell, __ATOMIC_SEQ_CST);

		for (size_t i = 0; i < POOL_MAX; i++) {
			uint32_t idle = SLOT_IDLE;

			if (__atomic_load_n(&slots[i].state, __ATOMIC_RELAXED) != SLOT_IDLE ||
			    !__atomic_compare_exchange_n(&slots[i].state, &idle, SLOT_STARTING,
							 false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				continue;
			slots[i].task = t;
			__atomic_store_n(&slots[i].state, SLOT_ASSIGNED, __ATOMIC_SEQ_CST);
			plat_wake_word(&slots[i].state, 1);
			__atomic_fetch_add(&boot->handovers, 1, __ATOMIC_RELAXED);
			return 0;
		}
		__atomic_fetch_add(&idle_waiters, 1, __ATOMIC_SEQ_CST);
		ring(&maker_bell);
		/* Who goes idle sees that we wait, or we see it now. */
		if (!any_idle())
			plat_wait_word(&idle_bell, bell);
		__atomic_fetch_sub(&idle_waiters, 1, __ATOMIC_SEQ_CST);
	}
}

/* Before the first program starts: it may end, and be recycled, before pool_main has run at all. */
void pool_init(void)
{
	signal_stack_size = PAGE_UP(plat_info()->xsave_size + 4096);
	no_task.self = &no_task;
}

/* Runs in the first host process, for ever. */
void pool_main(void)
{
	static const struct __kernel_timespec soon = { 0, 10000000 };

	for (;;) {
		uint32_t bell = __atomic_load_n(&maker_bell, __ATOMIC_SEQ_CST);
		bool failed = false;
		struct slot *slot;

		while ((slot = claim(boot->pool_size))) {
			slot->used = false;
			COUNT_CALL(clone);
			if (host_clone(CLONE_FILES | CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD,
				       stack_top(slot), &slot->host_pid, &no_task,
				       pool_process) < 0) {
				/* the host is short of processes; nobody rings when it no longer is */
				__atomic_store_n(&slot->state, SLOT_EMPTY, __ATOMIC_SEQ_CST);
				failed = true;
				break;
			}
		}
		if (failed)
			HOST(futex, &maker_bell, FUTEX_WAIT, bell, &soon, 0, 0);
		else
			plat_wait_word(&maker_bell, bell);
	}
}
