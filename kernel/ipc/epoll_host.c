/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of an epoll set: members whose files have host handles are in a host epoll instance of the set's own,
 * with the flags the application gave, so that edges, one-shots and exclusive wake-ups are the host's work and one
 * epoll_wait is one host call. Host events carry a slot number and its generation; both are checked, and so is what
 * the member asked for, so a lying host can at most report readiness that is not there.
 *
 * Two descriptors of one file share a handle, which the host takes only once: their items share a slot, the host
 * watches for what any of them wants. ep->mtx guards all of it.
 */
#include <linux/errno.h>

#include "kernel/host.h"
#include "kernel/ipc/epoll_internal.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

#define SLOTS_FIRST 8U
#define SLOTS_MAX (1U << 24)

static struct epoll_slot *item_slot(struct epoll_item *it)
{
	return &it->ep->slots[it->slot - 1];
}

/* A free slot, as index plus one; 0: no memory. */
static uint32_t slot_take(struct epoll *ep)
{
	uint32_t slot = ep->slot_free;

	if (!slot) {
		uint32_t count = ep->slot_count ? ep->slot_count * 2 : SLOTS_FIRST;
		struct epoll_slot *slots;

		if (count > SLOTS_MAX)
			return 0;
		slots = krealloc(ep->slots, count * sizeof(*slots));
		if (!slots)
			return 0;
		for (uint32_t i = count; i-- > ep->slot_count;) {
			slots[i] = (struct epoll_slot){ NULL, 0, ep->slot_free, -1 };
			ep->slot_free = i + 1;
		}
		ep->slots = slots;
		ep->slot_count = count;
		slot = ep->slot_free;
	}
	ep->slot_free = ep->slots[slot - 1].next_free;
	return slot;
}

static void slot_give(struct epoll *ep, uint32_t slot)
{
	ep->slots[slot - 1].items = NULL;
	ep->slots[slot - 1].generation++;
	ep->slots[slot - 1].next_free = ep->slot_free;
	ep->slot_free = slot;
}

/* What the host should watch for. Shared slots: what any wants; edges only if all want edges; one-shots are ours. */
static struct epoll_event slot_event(struct epoll *ep, uint32_t slot)
{
	struct epoll_slot *s = &ep->slots[slot - 1];
	struct epoll_event ev;
	uint32_t events = s->items->events, modes = events & (uint32_t)EPOLLET;

	if (s->items->same) {
		for (struct epoll_item *it = s->items; it; it = it->same) {
			events |= it->events;
			modes &= it->events;
		}
		events = (events & ~EPOLL_MODES) | modes;
	}
	ev.events = events & ~(uint32_t)EPOLLWAKEUP;
	ev.data = (slot - 1) | (uint64_t)s->generation << 32;
	return ev;
}

static int slot_update(struct epoll *ep, uint32_t slot)
{
	struct epoll_event ev = slot_event(ep, slot);

	return host_epoll_ctl(ep->host, EPOLL_CTL_MOD, ep->slots[slot - 1].handle, &ev);
}

/* Another member has this handle: they share its slot. 0 if there is none. */
static uint32_t slot_of_handle(struct epoll *ep, int handle)
{
	for (uint32_t i = 0; i < ep->slot_count; i++)
		if (ep->slots[i].items && ep->slots[i].handle == handle)
			return i + 1;
	return 0;
}

static int host_share(struct epoll_item *it)
{
	struct epoll *ep = it->ep;
	uint32_t slot = slot_of_handle(ep, it->handle);
	int ret;

	if (!slot)
		return -ENOENT;
	it->same = ep->slots[slot - 1].items;
	ep->slots[slot - 1].items = it;
	ret = slot_update(ep, slot);
	if (ret) {
		ep->slots[slot - 1].items = it->same;
		it->same = NULL;
		return ret == -ENOENT ? -EIO : ret;
	}
	it->slot = slot;
	ep->shared++;
	return 0;
}

int epoll_host_add(struct epoll_item *it)
{
	struct epoll *ep = it->ep;
	struct epoll_event ev;
	uint32_t slot;
	int ret;

	it->handle = file_host_handle(it->file);
	if (it->handle < 0)
		return 0;
	if (ep->host < 0) {
		ret = host_epoll_create();
		if (ret < 0)
			return ret;
		__atomic_store_n(&ep->host, ret, __ATOMIC_RELEASE);
	}
	slot = slot_take(ep);
	if (!slot)
		return -ENOMEM;
	ep->slots[slot - 1].items = it;
	ep->slots[slot - 1].handle = it->handle;
	ev = slot_event(ep, slot);
	ret = host_epoll_ctl(ep->host, EPOLL_CTL_ADD, it->handle, &ev);
	if (ret == -EEXIST) {
		ep->slots[slot - 1].items = NULL;
		ret = host_share(it);
		if (!ret) {
			slot_give(ep, slot);
			goto added;
		}
		/* Left over from a file that was closed while the handle lives on: ours now. */
		ep->slots[slot - 1].items = it;
		if (ret == -ENOENT)
			ret = slot_update(ep, slot);
	}
	if (ret) {
		slot_give(ep, slot);
		return ret;
	}
	it->slot = slot;
added:
	__atomic_add_fetch(&ep->members, 1, __ATOMIC_SEQ_CST);
	return 0;
}

int epoll_host_modify(struct epoll_item *it)
{
	int handle = file_host_handle(it->file);

	if (it->slot && handle != it->handle)
		epoll_host_remove(it, false);
	if (it->slot)
		return slot_update(it->ep, it->slot);
	return handle < 0 ? 0 : epoll_host_add(it);
}

void epoll_host_disarm(struct epoll_item *it)
{
	if (it->slot)
		(void)!slot_update(it->ep, it->slot);
}

void epoll_host_remove(struct epoll_item *it, bool closing)
{
	struct epoll *ep = it->ep;
	struct epoll_slot *s;
	struct epoll_item **at;

	if (!it->slot)
		return;
	s = item_slot(it);
	for (at = &s->items; *at != it; at = &(*at)->same)
		;
	*at = it->same;
	it->same = NULL;
	if (s->items) {
		ep->shared--;
		(void)!slot_update(ep, it->slot);
	} else {
		struct epoll_event ev = { 0, 0 };

		/* A socket's handle is closed next, and the host forgets it by itself: one host call less. */
		if (!closing || !it->file->ops->is_socket)
			(void)!host_epoll_ctl(ep->host, EPOLL_CTL_DEL, it->handle, &ev);
		slot_give(ep, it->slot);
	}
	it->slot = 0;
	__atomic_sub_fetch(&ep->members, 1, __ATOMIC_SEQ_CST);
}

void epoll_host_done(struct epoll *ep)
{
	if (ep->host >= 0)
		host_close(ep->host);
	kfree(ep->slots);
}

/* One host event for one item: into out[n], or into what a kernel queue already reported of it. The new n. */
static int item_report(struct epoll_item *it, uint32_t events, struct epoll_event *out, int n,
		       uint32_t round)
{
	struct epoll *ep = it->ep;

	events &= it->events & ~EPOLL_MODES;
	if (!events)
		return n;
	if (it->out_round == round) {
		out[it->out_index].events |= events;
	} else {
		out[n].events = events;
		out[n].data = it->data;
		it->out_round = round;
		it->out_index = (uint32_t)n++;
	}
	if (it->events & EPOLLONESHOT) {
		bool shared = item_slot(it)->items->same;

		mutex_lock(&ep->lock);
		it->events &= EPOLL_MODES;
		mutex_unlock(&ep->lock);
		if (shared)
			epoll_host_disarm(it);
	}
	return n;
}

int epoll_host_collect(struct epoll *ep, struct epoll_event *out, int n, int max, uint32_t round,
		       uint64_t deadline, bool *ret_heard)
{
	struct task *t = current();
	int at = n, got, end;

	if (deadline) {
		t->state = TASK_SLEEPING;
		t->calls_slept++;
	}
	got = host_epoll_wait(ep->host, out + n, max - n, deadline);
	t->state = TASK_RUNNING;
	end = n + got;
	*ret_heard = got > 0;
	if (got <= 0)
		return got ? got : n;
	mutex_lock(&ep->mtx);
	if (!n)
		round = ++ep->round;
	/* In place: out[n] never passes the event being read. Shared slots need room: what has none is told next time. */
	if (ep->shared && end < max) {
		memmove(out + max - got, out + at, (size_t)got * sizeof(*out));
		at = max - got;
		end = max;
	}
	for (int i = at; i < end; i++) {
		struct epoll_event ev = out[i];
		uint32_t index = (uint32_t)ev.data, generation = (uint32_t)(ev.data >> 32);

		if (index >= ep->slot_count || ep->slots[index].generation != generation)
			continue;
		for (struct epoll_item *it = ep->slots[index].items; it && n <= i; it = it->same)
			n = item_report(it, ev.events, out, n, round);
	}
	mutex_unlock(&ep->mtx);
	return n;
}
