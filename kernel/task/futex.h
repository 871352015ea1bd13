/* SPDX-License-Identifier: Apache-2.0 */
/* Futexes: hashed queues in enclave memory, keyed by (mm, address) or (mapping, offset) when shared. */
#pragma once

#include "lib/base/types.h"

struct task;

/* Wakes up to n waiters on a user word of the calling task's address space; count or error. */
long futex_wake_user(struct uptr word, int n, bool private_);
void futex_task_exit(struct task *t); /* robust list, PI ownership; before the mm is left */
void futex_init(void);
