/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that waits in turn: one wake-up of a queue goes to one waiter that was not woken yet. Who leaves the queue
 * without having used what it was woken for, or leaves something over, wakes the next one itself.
 *
 *   waiter_init(&w, key); wait_add_exclusive(q, &w.entry);
 *   for (;;) { waiter_prepare(&w); <condition: break>; task_sleep(); }
 *   wait_remove(&w.entry);
 */
#pragma once

#include "kernel/task/sync.h"

struct waiter {
	struct wait_entry entry;
	uint32_t woken;
};

void waiter_init(struct waiter *w, unsigned int key);
/*
 * In this order: a wake-up that still saw `woken` came before the condition is looked at, and one that comes later
 * sees it cleared. (The condition takes a lock, which is the barrier.)
 */
static inline void waiter_prepare(struct waiter *w)
{
	task_sleep_prepare();
	__atomic_store_n(&w->woken, 0, __ATOMIC_SEQ_CST);
}
