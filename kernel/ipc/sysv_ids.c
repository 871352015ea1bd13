/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V identifiers: slots, keys, permissions. The table grows by doubling; a key is searched linearly, which only
 * the get calls do.
 */
#include "kernel/ipc/sysv_ids.h"

#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/stat.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

static struct sysv_object *get_slot_locked(struct sysv_ids *ids, unsigned int slot)
{
	struct sysv_object *o = slot < ids->size ? ids->slots[slot] : NULL;

	if (o)
		ref_get(&o->refs);
	return o;
}

struct sysv_object *sysv_get_slot(struct sysv_ids *ids, unsigned int slot)
{
	struct sysv_object *o;

	mutex_lock(&ids->lock);
	o = get_slot_locked(ids, slot);
	mutex_unlock(&ids->lock);
	return o;
}

struct sysv_object *sysv_get(struct sysv_ids *ids, int id)
{
	struct sysv_object *o;

	if (id < 0)
		return ERR_PTR(-EINVAL);
	o = sysv_get_slot(ids, (unsigned int)id % SYSV_SLOTS);
	if (!o)
		return ERR_PTR(-EINVAL);
	if (o->id != id) {
		sysv_put(ids, o);
		return ERR_PTR(-EINVAL);
	}
	return o;
}

void sysv_put(struct sysv_ids *ids, struct sysv_object *o)
{
	if (ref_put(&o->refs))
		ids->free(o);
}

int sysv_highest(struct sysv_ids *ids)
{
	int slot;

	mutex_lock(&ids->lock);
	for (slot = (int)ids->size - 1; slot > 0 && !ids->slots[slot]; slot--)
		;
	mutex_unlock(&ids->lock);
	return MAX(slot, 0);
}

/* ids.lock held. */
static int add(struct sysv_ids *ids, struct sysv_object *o)
{
	struct sysv_object **grown;
	const struct cred *c = current()->cred;
	unsigned int slot, size;

	if (ids->used >= SYSV_OBJECTS_MAX)
		return -ENOSPC;
	for (slot = 0; slot < ids->size && ids->slots[slot]; slot++)
		;
	if (slot == ids->size) {
		size = ids->size ? ids->size * 2 : 16;
		grown = krealloc(ids->slots, size * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		memset(grown + ids->size, 0, (size - ids->size) * sizeof(*grown));
		ids->slots = grown;
		ids->size = size;
	}
	o->sequence = ids->sequence;
	ids->sequence = (ids->sequence + 1) % (0x7fffffff / SYSV_SLOTS);
	o->id = (int)(o->sequence * SYSV_SLOTS + slot);
	o->uid = o->cuid = c->euid;
	o->gid = o->cgid = c->egid;
	ref_init(&o->refs);
	ids->slots[slot] = o;
	ids->used++;
	return o->id;
}

static struct sysv_object *find_key(struct sysv_ids *ids, int key)
{
	for (unsigned int i = 0; i < ids->size; i++)
		if (ids->slots[i] && ids->slots[i]->key == key)
			return ids->slots[i];
	return NULL;
}

static int open_found(struct sysv_object *o, int flags,
		      int (*check)(struct sysv_object *o, void *arg), void *arg)
{
	int error;

	if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
		return -EEXIST;
	error = check ? check(o, arg) : 0;
	if (!error)
		error = sysv_permission(o, (unsigned int)flags);
	return error ? error : o->id;
}

int sysv_open(struct sysv_ids *ids, int key, int flags, struct sysv_object *(*create)(void *arg),
	      int (*check)(struct sysv_object *o, void *arg), void *arg)
{
	struct sysv_object *o;
	int ret;

	mutex_lock(&ids->lock);
	o = key == IPC_PRIVATE ? NULL : find_key(ids, key);
	if (o) {
		ret = open_found(o, flags, check, arg);
		goto out;
	}
	ret = -ENOENT;
	if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
		goto out;
	o = create(arg);
	if (IS_ERR(o)) {
		ret = PTR_ERR(o);
		goto out;
	}
	o->key = key;
	o->mode = (uint32_t)flags & 0777;
	ret = add(ids, o);
	if (ret < 0)
		ids->free(o);
out:
	mutex_unlock(&ids->lock);
	return ret;
}

void sysv_unlink(struct sysv_ids *ids, struct sysv_object *o)
{
	unsigned int slot = (unsigned int)o->id % SYSV_SLOTS;
	bool was_there = false;

	mutex_lock(&ids->lock);
	if (slot < ids->size && ids->slots[slot] == o) {
		ids->slots[slot] = NULL;
		ids->used--;
		was_there = true;
	}
	mutex_unlock(&ids->lock);
	if (was_there)
		sysv_put(ids, o);
}

int sysv_permission(const struct sysv_object *o, unsigned int mode)
{
	const struct cred *c = current()->cred;
	unsigned int requested = (mode >> 6 | mode >> 3 | mode) & 7, granted = o->mode;

	if (c->euid == o->cuid || c->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(c, o->cgid) || cred_in_group(c, o->gid))
		granted >>= 3;
	if ((requested & ~granted) && !capable(CAP_IPC_OWNER))
		return -EACCES;
	return 0;
}

int sysv_may_change(const struct sysv_object *o)
{
	uint32_t euid = current()->cred->euid;

	return euid == o->cuid || euid == o->uid || capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

void sysv_show(const struct sysv_object *o, struct ipc64_perm *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->key = o->key;
	ret->uid = o->uid;
	ret->gid = o->gid;
	ret->cuid = o->cuid;
	ret->cgid = o->cgid;
	ret->mode = (unsigned short)o->mode;
	ret->seq = (unsigned short)o->sequence;
}

uint64_t sysv_now(void)
{
	return clock_realtime() / 1000000000;
}
