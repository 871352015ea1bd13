/* SPDX-License-Identifier: Apache-2.0 */
/* Access to another process's memory. */
#pragma once

#include "lib/base/types.h"

struct process;

/* As ptrace's access check: same user and group ids, or CAP_SYS_PTRACE. -EPERM. */
must_check int process_vm_may_access(struct process *p);
