/* SPDX-License-Identifier: Apache-2.0 */
/* Epoll sets: what epoll.c (members, waiting) and epoll_host.c (members the host watches) share. See epoll.c. */
#pragma once

#include <linux/eventpoll.h>

#include "kernel/fs/file.h"
#include "kernel/ipc/poll.h"
#include "kernel/task/task.h"
#include "lib/base/rbtree.h"

#define EPOLL_MODES ((uint32_t)(EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP))

struct epoll;
struct epoll_item;

/* One queue a member is on; most have one. */
struct epoll_queue {
	struct wait_entry entry;
	struct epoll_item *item;
	struct epoll_queue *next;
};

struct epoll_item {
	struct rb_node node;	/* mtx */
	struct list ready_link; /* lock */
	struct list file_link;	/* lock of the file's links */
	struct epoll *ep;
	struct file *file; /* not counted: its release takes the item out first */
	int fd;
	uint32_t events; /* asked for; only EPOLL_MODES left when a one-shot has fired. Written with mtx and lock */
	uint64_t data;
	bool ready;  /* on ep->ready; lock */
	bool queued; /* announces on a kernel queue: queue.entry is in use */
	struct epoll_queue queue;
	/* mtx: */
	uint32_t slot; /* of the host's side, plus one; 0: none */
	int handle;
	struct epoll_item *same; /* the next one in the slot: another descriptor of the same handle */
	uint32_t out_round, out_index; /* where a call in progress has put it */
};

/* What the host's events name: an index and a generation, never an address. */
struct epoll_slot {
	struct epoll_item *items;
	uint32_t generation, next_free;
	int handle;
};

struct epoll {
	struct refcount refs;
	struct mutex mtx;
	struct mutex lock;
	struct list ready;	     /* lock */
	uint32_t ready_count;	     /* lock; read without */
	uint32_t count;		     /* of members; mtx */
	struct rb_tree items;	     /* by (file, fd); mtx */
	struct wait_queue wait;	     /* tasks in epoll_wait */
	struct wait_queue poll_wait; /* who polls the set itself */
	struct file *file;
	uint32_t round;	 /* mtx */
	uint32_t nested; /* members that are sets; mtx */
	uint32_t level;	 /* sets above this one, at most; nest_lock */
	uint32_t mark, mark_level;
	/* the host's side; mtx */
	int host;	  /* its epoll handle, or -1; set once */
	uint32_t members; /* items with a slot; read without mtx */
	uint32_t shared;  /* items beyond the first in their slots */
	uint32_t quiet;	  /* looks at the host to skip while kernel members are ready */
	struct epoll_slot *slots;
	uint32_t slot_count, slot_free; /* slot_free: index plus one, 0 none */
};

/* All with ep->mtx held. */
must_check int epoll_host_add(struct epoll_item *it);	 /* 0 also if the file has no host handle */
must_check int epoll_host_modify(struct epoll_item *it); /* events have changed */
void epoll_host_remove(struct epoll_item *it, bool closing);
void epoll_host_disarm(struct epoll_item *it); /* a one-shot fired on the kernel's side */
void epoll_host_done(struct epoll *ep);

/*
 * Asks the host until the deadline (0: at once), without mtx, then takes mtx to turn its answer into out[n..max).
 * `round` is that of the items already in out[0..n). The new n; *ret_heard if the host reported anything; or an error.
 */
must_check int epoll_host_collect(struct epoll *ep, struct epoll_event *out, int n, int max,
				  uint32_t round, uint64_t deadline, bool *ret_heard);
