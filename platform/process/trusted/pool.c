/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clean host processes, made ahead of time, for execve after vfork and for new guest processes of the launcher's. The
 * maker runs in the first host process, which has no user memory: a fork of it is clean.
 *
 * Slot: EMPTY -> STARTING (maker) -> IDLE (the process itself, on the slot's small stack) -> ASSIGNED (a starter gave
 * it a task) -> EMPTY (the process, once it stands on the task's stack).
 */
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/time_types.h>
#include <linux/errno.h>

#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

#define POOL_MAX 16

enum { SLOT_EMPTY, SLOT_STARTING, SLOT_IDLE, SLOT_ASSIGNED };

static struct slot {
	uint32_t state;
	uint32_t host_tid;
	struct task *task;
	uint8_t stack[4096 - 16] __attribute__((aligned(16)));
} slots[POOL_MAX] __attribute__((aligned(4096)));

static uint32_t maker_bell;	/* bumped when a slot became EMPTY */
static uint32_t idle_bell;	/* bumped when a slot became IDLE */

static void ring(uint32_t *bell)
{
	__atomic_fetch_add(bell, 1, __ATOMIC_SEQ_CST);
	plat_wake_word(bell, 1 << 30);
}

/* On the task's own stack now: the slot can be used again. */
static void pool_become(void *arg)
{
	struct slot *slot = arg;
	struct task *t = current();

	plat_task(t)->host_pid = plat_task(t)->host_tid = slot->host_tid;
	__atomic_store_n(&slot->state, SLOT_EMPTY, __ATOMIC_SEQ_CST);
	host_thread_settled(t, false);
	task_first_run(t);
	/* Only now: the replacement is not urgent, this program is. */
	ring(&maker_bell);
	plat_return_to_user();
}

static void pool_process(void *arg)
{
	struct slot *slot = NULL;
	uint32_t tid = (uint32_t)HOST(getpid, 0, 0, 0, 0, 0, 0);

	(void)arg; /* %gs: no task yet */
	for (size_t i = 0; i < POOL_MAX; i++)
		if (__atomic_load_n(&slots[i].state, __ATOMIC_ACQUIRE) == SLOT_STARTING && slots[i].host_tid == tid)
			slot = &slots[i];
	assert(slot);
	HOST(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
	if ((uint32_t)HOST(getppid, 0, 0, 0, 0, 0, 0) != boot->launcher_pid)
		HOST(kill, tid, SIGKILL, 0, 0, 0, 0);
	__atomic_store_n(&slot->state, SLOT_IDLE, __ATOMIC_SEQ_CST);
	ring(&idle_bell);
	while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != SLOT_ASSIGNED)
		HOST(futex, &slot->state, FUTEX_WAIT, SLOT_IDLE, 0, 0, 0); /* not plat_wait_word: not a task yet */
	become_task(slot->task, pool_become, slot);
}

int plat_start_clean(struct task *t)
{
	for (;;) {
		uint32_t bell = __atomic_load_n(&idle_bell, __ATOMIC_SEQ_CST);

		for (size_t i = 0; i < MIN(boot->pool_size, (uint32_t)POOL_MAX); i++) {
			uint32_t idle = SLOT_IDLE;

			if (!__atomic_compare_exchange_n(&slots[i].state, &idle, SLOT_STARTING, false,
							 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				continue;
			slots[i].task = t;
			__atomic_store_n(&slots[i].state, SLOT_ASSIGNED, __ATOMIC_SEQ_CST);
			plat_wake_word(&slots[i].state, 1);
			__atomic_fetch_add(&boot->handovers, 1, __ATOMIC_RELAXED);
			return 0;
		}
		ring(&maker_bell);
		plat_wait_word(&idle_bell, bell);
	}
}

/* Runs in the first host process, for ever. */
void pool_main(void)
{
	static const struct __kernel_timespec soon = { 0, 10000000 };

	for (;;) {
		uint32_t bell = __atomic_load_n(&maker_bell, __ATOMIC_SEQ_CST);
		bool failed = false;

		for (size_t i = 0; i < MIN(boot->pool_size, (uint32_t)POOL_MAX); i++) {
			struct slot *slot = &slots[i];
			long ret;

			if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != SLOT_EMPTY)
				continue;
			slot->state = SLOT_STARTING;
			COUNT_CALL(clone);
			ret = host_clone(CLONE_FILES | CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD,
					 slot->stack + sizeof(slot->stack), &slot->host_tid, NULL, pool_process);
			if (ret < 0) { /* the host is short of processes; nobody rings when it no longer is */
				slot->state = SLOT_EMPTY;
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
