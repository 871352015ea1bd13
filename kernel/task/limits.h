/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits: kept per process; each subsystem looks at its own (process->limits[RLIMIT_x].current). */
#pragma once

#include "kernel/sys/uname.h"
#include "kernel/task/task.h"

#define LIMIT_INFINITY UINT64_MAX

void limits_default(struct rlimit64 *l); /* RLIM_COUNT of them: the first process's */
