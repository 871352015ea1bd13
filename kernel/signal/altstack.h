/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernel/task/task.h"

/* stack_t of sigaltstack(2). */
struct user_altstack {
	uint64_t sp;
	int32_t flags;
	uint32_t padding;
	uint64_t size;
};

#define ALTSTACK_ON 1u
#define ALTSTACK_DISABLE 2u
#define ALTSTACK_AUTODISARM (1u << 31)
#define ALTSTACK_SIZE_MIN 2048

/* Is sp on the alternate stack? Never with AUTODISARM: it is disabled while in use. */
static inline bool altstack_holds(const struct task *t, uintptr_t sp)
{
	if (t->altstack_flags & ALTSTACK_AUTODISARM)
		return false;
	return sp > t->altstack && sp - t->altstack <= t->altstack_size;
}

static inline void altstack_disable(struct task *t)
{
	t->altstack = 0;
	t->altstack_size = 0;
	t->altstack_flags = ALTSTACK_DISABLE;
}

/* As a frame keeps it: what was asked for, or disabled. */
static inline void altstack_get(const struct task *t, struct user_altstack *ret)
{
	ret->sp = t->altstack;
	ret->flags = (int32_t)(t->altstack_size ? t->altstack_flags : ALTSTACK_DISABLE);
	ret->padding = 0;
	ret->size = t->altstack_size;
}

/* sp: the application's stack pointer now. -EPERM (in use), -EINVAL, -ENOMEM (too small). */
must_check int altstack_set(struct task *t, const struct user_altstack *stack, uintptr_t sp);
