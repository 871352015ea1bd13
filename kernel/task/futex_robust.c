/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What futexes leave to do when a task ends: its list of robust locks, kept by libc in user memory, and the PI locks it
 * owns. The list is hostile: at most ROBUST_MAX entries are followed, every access may fault, and a fault ends the walk.
 * Runs on the ending task, in its address space, with no lock held.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "abi/platform.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/futex_internal.h"

#define ROBUST_MAX 2048

/* The entry's word belongs to us: say that its owner died, and let one waiter try. */
static int release_word(struct task *t, uintptr_t at, bool pi, bool pending)
{
	uint32_t word, found;

	if (at % sizeof(word) || !access_ok(UPTR(at), sizeof(word)))
		return -EFAULT;
	for (;;) {
		if (get_user(word, UPTR(at)))
			return -EFAULT;
		/* Died between releasing the word and waking: the waiter would sleep for ever. */
		if (pending && !pi && !(word & FUTEX_TID_MASK)) {
			(void)futex_wake_user(UPTR(at), 1, false);
			return 0;
		}
		if ((word & FUTEX_TID_MASK) != (uint32_t)t->tid)
			return 0;
		if (futex_cmpxchg(at, word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &found)) {
			if (futex_touch(at, true))
				return -EFAULT;
			continue;
		}
		if (found == word)
			break;
	}
	if (!pi && (word & FUTEX_WAITERS))
		(void)futex_wake_user(UPTR(at), 1, false);
	return 0;
}

/* The lowest bit of a list pointer says: a PI lock. */
static void walk_robust_list(struct task *t)
{
	struct {
		uintptr_t first;
		int64_t offset;
		uintptr_t pending;
	} head;
	uintptr_t at = t->robust_list, entry, next;

	_Static_assert(sizeof(head) == sizeof(struct robust_list_head), "robust_list_head");
	if (!at || get_user(head, UPTR(at)))
		return;
	entry = head.first;
	for (unsigned int i = 0; i < ROBUST_MAX && (entry & ~1UL) != at; i++) {
		bool read = !get_user(next, UPTR(entry & ~1UL));

		/* The entry being taken or given up is dealt with last. */
		if ((entry & ~1UL) != (head.pending & ~1UL) &&
		    release_word(t, (entry & ~1UL) + (uintptr_t)head.offset, entry & 1, false))
			return;
		if (!read)
			return;
		entry = next;
	}
	if (head.pending & ~1UL)
		(void)release_word(t, (head.pending & ~1UL) + (uintptr_t)head.offset,
				   head.pending & 1, true);
}

void futex_task_exit(struct task *t)
{
	if (t->robust_list) {
		walk_robust_list(t);
		t->robust_list = 0;
	}
	if (t->pi_held.next)
		futex_pi_task_exit(t);
}

long sys_set_robust_list(unsigned long *a)
{
	if (a[1] != sizeof(struct robust_list_head))
		return -EINVAL;
	current()->robust_list = a[0];
	return 0;
}

long sys_get_robust_list(unsigned long *a)
{
	int tid = (int)a[0];
	struct task *t = current();
	size_t size = sizeof(struct robust_list_head);
	uintptr_t head;
	int err = 0;

	if (tid && tid != t->tid) {
		t = task_find(tid);
		if (!t)
			return -ESRCH;
		if (!cred_may_inspect(t))
			err = -EPERM;
		head = t->robust_list;
		task_put(t);
	} else {
		head = t->robust_list;
	}
	if (err)
		return err;
	if (put_user(size, UPTR(a[2])) || put_user(head, UPTR(a[1])))
		return -EFAULT;
	return 0;
}
