/* SPDX-License-Identifier: Apache-2.0 */
/* File locks beyond what file.h declares. */
#pragma once

#include "lib/base/types.h"

struct inode;

/*
 * For /proc/locks and tests: calls fn for each lock of an inode with its lock table held. flock and OFD locks have
 * owner_pid -1. type: F_RDLCK or F_WRLCK.
 */
void lock_for_each(struct inode *inode,
		   void (*fn)(int kind, int type, uint64_t start, uint64_t end, int pid, void *arg),
		   void *arg);
