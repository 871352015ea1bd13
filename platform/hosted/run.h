/* SPDX-License-Identifier: Apache-2.0 */
/* What run.c (tasks as values) and process.c (who makes their calls) share. */
#pragma once

#include "platform/hosted/hosted.h"

struct task;

#define HOSTED_TASKS 24

struct hosted_task {
	struct task *task; /* NULL: free */
	bool in_call;	   /* in the kernel, below whoever runs now */
	bool doomed;	   /* exits instead of running */
};
extern struct hosted_task hosted_tasks[HOSTED_TASKS];
extern unsigned int hosted_sleeps; /* of this call */
extern unsigned int hosted_forced; /* interruptions of this call */
extern bool hosted_spawning;

noreturn_ void hosted_task_ended(void); /* back to whoever let the task run */
bool hosted_run_ending(void); /* lets tasks that were told to leave do so; true if one did */
void hosted_interrupt(struct task *t); /* it would sleep for ever */
