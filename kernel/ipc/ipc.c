/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pieces of ipc/ share: waiting in turn (waiter.h), and start-up. Nothing here needs memory at boot: the
 * objects of this folder come from kmalloc, and their locks are zero when free.
 */
#include "kernel/ipc/ipc.h"

#include "kernel/ipc/waiter.h"
#include "kernel/task/task.h"

/* Queue lock held. Someone already woken lets the wake-up pass on to the next in the queue. */
static bool waiter_wake(struct wait_entry *e, unsigned int key)
{
	struct waiter *w = container_of(e, struct waiter, entry);

	(void)key;
	if (__atomic_exchange_n(&w->woken, 1, __ATOMIC_SEQ_CST))
		return false;
	task_wake(e->task);
	return true;
}

void waiter_init(struct waiter *w, unsigned int key)
{
	wait_entry_init(&w->entry, key);
	w->entry.func = waiter_wake;
	w->woken = 0;
}

void ipc_init(void)
{
}
