/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readiness. A file's poll() says what is ready and, if asked, puts the caller on the wait queues whose wake() will
 * announce changes. Files with a host handle cannot announce: the waiting task polls the host for them itself,
 * together with its own kernel waits (plat_kick breaks the host poll). Bits are Linux POLLxx and EPOLLxx (same values).
 */
#pragma once

#include "kernel/task/sync.h"

struct file;

struct poll_table {
	/* Called by poll_wait for each queue the file would announce on. */
	void (*queue)(struct poll_table *pt, struct file *f, struct wait_queue *q);
	unsigned int key; /* POLL* wanted */
};

static inline void poll_wait(struct file *f, struct wait_queue *q, struct poll_table *pt)
{
	if (pt && pt->queue)
		pt->queue(pt, f, q);
}

unsigned int
file_poll(struct file *f,
	  struct poll_table
		  *pt); /* ops->poll or always ready; host handles are asked with timeout 0 */
int file_host_handle(struct file *f); /* or -1 */

/* Waits until one of the files has one of its events; used by poll, select and blocking operations on host handles. */
struct poll_item {
	struct file *file;	    /* NULL: ignored */
	unsigned int events, ready; /* POLL* */
};
must_check int poll_files(struct poll_item *items, unsigned int count,
			  uint64_t deadline); /* count ready, 0 timeout, -EINTR */

/* The same, but an item counts only for its own events: POLLERR and POLLHUP are not added (select). */
must_check int poll_files_exact(struct poll_item *items, unsigned int count, uint64_t deadline);

/*
 * The file got another host handle than it had when it was put into sets (-1 -> N or back): they follow. Call it
 * with no lock held that file_host_handle or the file's poll take; then wake() the file's queues so that poll(2) looks again.
 */
void epoll_handle_changed(struct file *f);
void epoll_file_released(struct file *f); /* last reference: leave every set */

#define POLLBIT_IN 0x001u
#define POLLBIT_PRI 0x002u
#define POLLBIT_OUT 0x004u
#define POLLBIT_ERR 0x008u
#define POLLBIT_HUP 0x010u
#define POLLBIT_NVAL 0x020u
#define POLLBIT_RDNORM 0x040u
#define POLLBIT_RDBAND 0x080u
#define POLLBIT_WRNORM 0x100u
#define POLLBIT_WRBAND 0x200u
#define POLLBIT_RDHUP 0x2000u
