/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that stand for processes. */
#pragma once

struct file;
struct process;

struct process *pidfd_process(struct file *f);	      /* borrowed from f; NULL if f is no pidfd */
int pidfd_new(struct process *p, unsigned int flags); /* descriptor, or error */
