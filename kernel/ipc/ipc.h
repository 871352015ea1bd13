/* SPDX-License-Identifier: Apache-2.0 */
/* What the rest of the kernel uses of pipes, event descriptors and System V objects. */
#pragma once

#include "kernel/fs/file.h"

struct mm;
struct process;

must_check int pipe_new(struct file **ret_read, struct file **ret_write, unsigned int flags); /* O_NONBLOCK, O_DIRECT */
int fifo_open(struct inode *inode, struct file *f);	/* named pipe: blocks as POSIX says; sets f->ops */
void sysv_exit(struct process *p);			/* SEM_UNDO */
void sysv_shm_fork(void *segment);			/* vma->private_data: another attach */
void sysv_shm_detach(void *segment);			/* the VMA went away */
void ipc_init(void);
