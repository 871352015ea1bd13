/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are only memory: memfd_create, shared anonymous memory, System V segments. */
#pragma once

#include "lib/base/types.h"

struct file;

/* An open, unlinked file of `size` zero bytes, shown in /proc/PID/maps as `name`. NULL: no memory. */
struct file *shared_memory_new(const char *name, uint64_t size);
