/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V identifiers: what semaphore sets and message queues have in common. An id is sequence * 32768 + slot, so
 * that a stale one is not mistaken for its successor.
 * Locks: ids.lock (slots) -> object.lock. An object is counted: one of its slot, one of each user.
 */
#pragma once

#include <linux/ipc.h>

#include "kernel/task/sync.h"

#define SYSV_SLOTS 32768u
#define SYSV_OBJECTS_MAX 32000u

struct sysv_object {
	struct refcount refs;
	struct mutex lock;
	bool removed; /* lock */
	int id, key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint32_t sequence;
};

struct sysv_ids {
	struct mutex lock;
	struct sysv_object **slots;
	unsigned int size, used;
	uint32_t sequence;
	void (*free)(struct sysv_object *o);
};

/* Counted, or ERR_PTR(-EINVAL). The lock is not held. */
struct sysv_object *sysv_get(struct sysv_ids *ids, int id);
/* By slot number, for the STAT commands and walks. NULL: empty. */
struct sysv_object *sysv_get_slot(struct sysv_ids *ids, unsigned int slot);
void sysv_put(struct sysv_ids *ids, struct sysv_object *o);
int sysv_highest(struct sysv_ids *ids); /* slot in use, or 0 */
/*
 * semget & co.: finds by key or makes one with create(arg). check(): further conditions on an object that is there.
 * The id or an error.
 */
int sysv_open(struct sysv_ids *ids, int key, int flags, struct sysv_object *(*create)(void *arg),
	      int (*check)(struct sysv_object *o, void *arg), void *arg);
/* Takes it off its slot; the object's lock is held and `removed` set by the caller. */
void sysv_unlink(struct sysv_ids *ids, struct sysv_object *o);
must_check int sysv_permission(const struct sysv_object *o,
			       unsigned int mode);	     /* S_IRUGO, S_IWUGO: -EACCES */
must_check int sysv_may_change(const struct sysv_object *o); /* IPC_SET, IPC_RMID: -EPERM */
void sysv_show(const struct sysv_object *o, struct ipc64_perm *ret);
uint64_t sysv_now(void); /* seconds */
