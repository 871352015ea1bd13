/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials: objects and rules. A cred is immutable once it is a task's; a change copies it, fills in the copy and
 * commits that. Only the task itself replaces its credentials, under process.lock, so others that read them take that lock
 * (task_cred_get), while the task reads its own without any.
 *
 * Capabilities follow capabilities(7) for one user namespace. The rules for user changes (cred_fix_uid) and for execve
 * (cred_for_exec) are here; the system calls are in sys_cred.c and prctl.c.
 */
#include "kernel/task/cred.h"

#include <linux/capability.h>
#include <linux/securebits.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/task/cred_internal.h"
#include "lib/base/string.h"

struct cred *cred_new(uint32_t group_count)
{
	struct cred *c;

	if (group_count > CRED_GROUPS_MAX)
		return NULL;
	c = kzalloc(sizeof(*c) + group_count * sizeof(c->groups[0]));
	if (!c)
		return NULL;
	ref_init(&c->refs);
	c->group_count = group_count;
	return c;
}

struct cred *cred_copy(const struct cred *c)
{
	struct cred *copy = cred_new(c->group_count);

	if (!copy)
		return NULL;
	memcpy(copy, c, sizeof(*c) + c->group_count * sizeof(c->groups[0]));
	ref_init(&copy->refs);
	return copy;
}

void cred_put(struct cred *c)
{
	if (ref_put(&c->refs))
		kfree(c);
}

void cred_commit(struct cred *c)
{
	struct task *t = current();
	struct process *p = t->process;
	struct cred *old;

	mutex_lock(&p->lock);
	old = t->cred;
	__atomic_store_n(&t->cred, c, __ATOMIC_RELEASE);
	if (old->euid != c->euid || old->egid != c->egid || old->fsuid != c->fsuid ||
	    old->fsgid != c->fsgid || (c->cap_permitted & ~old->cap_permitted)) {
		/* As Linux: memory that was filled under other rights is not shown, and its parent's death is no business of it. */
		p->dumpable = false;
		t->pdeathsig = 0;
	}
	mutex_unlock(&p->lock);
	cred_put(old);
}

struct cred *task_cred_get(struct task *t)
{
	struct cred *c;

	mutex_lock(&t->process->lock);
	c = t->cred;
	if (c)
		cred_get(c);
	mutex_unlock(&t->process->lock);
	return c;
}

struct cred *process_cred_get(struct process *p)
{
	struct cred *c = NULL;
	struct task *t;

	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link) {
		c = t->cred;
		if (c)
			break;
	}
	if (c)
		cred_get(c);
	mutex_unlock(&p->lock);
	return c;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	uint32_t low = 0, high = c->group_count;

	if (c->fsgid == gid)
		return true;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (c->groups[middle] == gid)
			return true;
		if (c->groups[middle] < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool cred_has(const struct cred *c, int cap)
{
	return c->cap_effective >> cap & 1;
}

bool capable(int cap)
{
	return cred_has(current()->cred, cap);
}

bool cred_may_kill(const struct cred *caller, const struct cred *target)
{
	return caller->euid == target->suid || caller->euid == target->uid ||
	       caller->uid == target->suid || caller->uid == target->uid ||
	       cred_has(caller, CAP_KILL);
}

bool cred_may_inspect(struct task *target)
{
	const struct cred *self = current()->cred;
	struct cred *c;
	bool may;

	if (target->process == current_process())
		return true;
	if (cred_has(self, CAP_SYS_PTRACE))
		return true;
	if (!target->process->dumpable)
		return false;
	c = task_cred_get(target);
	if (!c)
		return false;
	may = self->uid == c->uid && self->uid == c->euid && self->uid == c->suid &&
	      self->gid == c->gid && self->gid == c->egid && self->gid == c->sgid &&
	      !(c->cap_permitted & ~self->cap_permitted);
	cred_put(c);
	return may;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static bool any_root(const struct cred *c)
{
	return c->uid == 0 || c->euid == 0 || c->suid == 0;
}

/* "Effect of user ID changes on capabilities". */
void cred_fix_uid(struct cred *c, const struct cred *old)
{
	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (any_root(old) && !any_root(c)) {
		if (!(c->securebits & SECBIT_KEEP_CAPS)) {
			c->cap_permitted = 0;
			c->cap_effective = 0;
		}
		c->cap_ambient = 0;
	}
	if (old->euid == 0 && c->euid != 0)
		c->cap_effective = 0;
	if (old->euid != 0 && c->euid == 0)
		c->cap_effective = c->cap_permitted;
}

#define CAPS_OF_FS                                                               \
	(1ULL << CAP_CHOWN | 1ULL << CAP_MKNOD | 1ULL << CAP_DAC_OVERRIDE |      \
	 1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID | \
	 1ULL << CAP_LINUX_IMMUTABLE | 1ULL << CAP_MAC_OVERRIDE)

void cred_fix_fsuid(struct cred *c, const struct cred *old)
{
	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (old->fsuid == 0 && c->fsuid != 0)
		c->cap_effective &= ~CAPS_OF_FS;
	if (old->fsuid != 0 && c->fsuid == 0)
		c->cap_effective |= c->cap_permitted & CAPS_OF_FS;
}

struct cred *cred_for_exec(const struct cred *c, bool set_uid, uint32_t uid, bool set_gid,
			   uint32_t gid)
{
	struct task *t = current();
	struct cred *n = cred_copy(c);
	bool raised;

	if (!n)
		return NULL;
	if (!t->no_new_privs) {
		if (set_uid)
			n->euid = uid;
		if (set_gid)
			n->egid = gid;
	}
	raised = n->euid != c->euid || n->egid != c->egid;
	n->suid = n->fsuid = n->euid;
	n->sgid = n->fsgid = n->egid;
	/* Files carry no capabilities here: root stands for a file with all of them. */
	n->cap_permitted = 0;
	n->cap_effective = 0;
	if (!(c->securebits & SECBIT_NOROOT) && (n->uid == 0 || n->euid == 0)) {
		n->cap_permitted = n->cap_inheritable | n->cap_bounding;
		if (n->euid == 0)
			n->cap_effective = n->cap_permitted;
	}
	if (raised)
		n->cap_ambient = 0;
	n->cap_permitted |= n->cap_ambient;
	n->cap_effective |= n->cap_ambient;
	if (t->no_new_privs)
		n->cap_permitted &= c->cap_permitted | n->cap_ambient;
	n->cap_effective &= n->cap_permitted;
	n->securebits &= ~(unsigned int)SECBIT_KEEP_CAPS;
	return n;
}
