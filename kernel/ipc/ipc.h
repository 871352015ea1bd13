/* SPDX-License-Identifier: Apache-2.0 */
/* What the rest of the kernel uses of pipes, event descriptors and System V objects. */
#pragma once

#include "kernel/fs/file.h"

struct mm;
struct process;

must_check int pipe_new(struct file **ret_read, struct file **ret_write,
			unsigned int flags); /* O_NONBLOCK, O_DIRECT */
int fifo_open(struct inode *inode,
	      struct file *f); /* named pipe: blocks as POSIX says; sets f->ops */
/* F_SETPIPE_SZ and F_GETPIPE_SZ; -EBADF if f is no pipe. */
long pipe_fcntl(struct file *f, int cmd, unsigned long arg);
/* tee(2): copies without consuming; SPLICE_F_NONBLOCK. -EINVAL unless both are pipes, and different ones. */
long pipe_tee(struct file *in, struct file *out, size_t size, unsigned int flags);
struct file *eventfd_get(int fd);	      /* counted, or -EBADF, -EINVAL */
void eventfd_add(struct file *f, uint64_t n); /* counts up, or to the most there can be */
void aio_mm_done(struct mm *mm);       /* contexts of an address space that nobody uses any more */
void sysv_exit(struct process *p);     /* SEM_UNDO */
void sysv_sem_exit(struct process *p); /* the semaphores' part of it */
bool sysv_sem_adjusts(struct process *p); /* SEM_UNDO was used */
void sysv_shm_fork(void *segment);	  /* vma->private_data: another attach */
void sysv_shm_detach(void *segment);	  /* the VMA went away */
void ipc_init(void);
