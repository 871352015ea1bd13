/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls for user and group ids, supplementary groups and capabilities. Each change copies the calling task's
 * credentials, checks, fills in and commits; the id -1 means "leave". libc repeats the calls in all threads.
 */
#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred_internal.h"

#define KEEP UINT32_MAX
#define CAPS_ALL ((1ULL << (CAP_LAST_CAP + 1)) - 1)

long sys_getuid(unsigned long *a)
{
	(void)a;
	return current()->cred->uid;
}

long sys_geteuid(unsigned long *a)
{
	(void)a;
	return current()->cred->euid;
}

long sys_getgid(unsigned long *a)
{
	(void)a;
	return current()->cred->gid;
}

long sys_getegid(unsigned long *a)
{
	(void)a;
	return current()->cred->egid;
}

static long commit_uid(struct cred *c)
{
	const struct cred *old = current()->cred;

	c->fsuid = c->euid;
	cred_fix_uid(c, old);
	cred_commit(c);
	return 0;
}

static long commit_gid(struct cred *c)
{
	c->fsgid = c->egid;
	cred_commit(c);
	return 0;
}

long sys_setuid(unsigned long *a)
{
	const struct cred *old = current()->cred;
	uint32_t uid = (uint32_t)a[0];
	struct cred *c;

	if (uid == KEEP)
		return -EINVAL;
	if (!capable(CAP_SETUID) && uid != old->uid && uid != old->suid)
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (capable(CAP_SETUID))
		c->uid = c->suid = uid;
	c->euid = uid;
	return commit_uid(c);
}

long sys_setgid(unsigned long *a)
{
	const struct cred *old = current()->cred;
	uint32_t gid = (uint32_t)a[0];
	struct cred *c;

	if (gid == KEEP)
		return -EINVAL;
	if (!capable(CAP_SETGID) && gid != old->gid && gid != old->sgid)
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (capable(CAP_SETGID))
		c->gid = c->sgid = gid;
	c->egid = gid;
	return commit_gid(c);
}

long sys_setreuid(unsigned long *a)
{
	const struct cred *old = current()->cred;
	uint32_t uid = (uint32_t)a[0], euid = (uint32_t)a[1];
	struct cred *c;

	if (!capable(CAP_SETUID)) {
		if (uid != KEEP && uid != old->uid && uid != old->euid)
			return -EPERM;
		if (euid != KEEP && euid != old->uid && euid != old->euid && euid != old->suid)
			return -EPERM;
	}
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (uid != KEEP)
		c->uid = uid;
	if (euid != KEEP)
		c->euid = euid;
	if (uid != KEEP || (euid != KEEP && euid != old->uid))
		c->suid = c->euid;
	return commit_uid(c);
}

long sys_setregid(unsigned long *a)
{
	const struct cred *old = current()->cred;
	uint32_t gid = (uint32_t)a[0], egid = (uint32_t)a[1];
	struct cred *c;

	if (!capable(CAP_SETGID)) {
		if (gid != KEEP && gid != old->gid && gid != old->egid)
			return -EPERM;
		if (egid != KEEP && egid != old->gid && egid != old->egid && egid != old->sgid)
			return -EPERM;
	}
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (gid != KEEP)
		c->gid = gid;
	if (egid != KEEP)
		c->egid = egid;
	if (gid != KEEP || (egid != KEEP && egid != old->gid))
		c->sgid = c->egid;
	return commit_gid(c);
}

long sys_setresuid(unsigned long *a)
{
	const struct cred *old = current()->cred;
	struct cred *c;

	if (!capable(CAP_SETUID))
		for (int i = 0; i < 3; i++) {
			uint32_t id = (uint32_t)a[i];

			if (id != KEEP && id != old->uid && id != old->euid && id != old->suid)
				return -EPERM;
		}
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if ((uint32_t)a[0] != KEEP)
		c->uid = (uint32_t)a[0];
	if ((uint32_t)a[1] != KEEP)
		c->euid = (uint32_t)a[1];
	if ((uint32_t)a[2] != KEEP)
		c->suid = (uint32_t)a[2];
	return commit_uid(c);
}

long sys_setresgid(unsigned long *a)
{
	const struct cred *old = current()->cred;
	struct cred *c;

	if (!capable(CAP_SETGID))
		for (int i = 0; i < 3; i++) {
			uint32_t id = (uint32_t)a[i];

			if (id != KEEP && id != old->gid && id != old->egid && id != old->sgid)
				return -EPERM;
		}
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if ((uint32_t)a[0] != KEEP)
		c->gid = (uint32_t)a[0];
	if ((uint32_t)a[1] != KEEP)
		c->egid = (uint32_t)a[1];
	if ((uint32_t)a[2] != KEEP)
		c->sgid = (uint32_t)a[2];
	return commit_gid(c);
}

static long put_three(unsigned long *a, uint32_t first, uint32_t second, uint32_t third)
{
	if (put_user(first, UPTR(a[0])) || put_user(second, UPTR(a[1])) ||
	    put_user(third, UPTR(a[2])))
		return -EFAULT;
	return 0;
}

long sys_getresuid(unsigned long *a)
{
	const struct cred *c = current()->cred;

	return put_three(a, c->uid, c->euid, c->suid);
}

long sys_getresgid(unsigned long *a)
{
	const struct cred *c = current()->cred;

	return put_three(a, c->gid, c->egid, c->sgid);
}

/* Both return the old id whatever happens: there is no error. */
long sys_setfsuid(unsigned long *a)
{
	const struct cred *old = current()->cred;
	uint32_t id = (uint32_t)a[0], before = old->fsuid;
	struct cred *c;

	if (id == KEEP || id == before)
		return before;
	if (id != old->uid && id != old->euid && id != old->suid && !capable(CAP_SETUID))
		return before;
	c = cred_copy(old);
	if (!c)
		return before;
	c->fsuid = id;
	cred_fix_fsuid(c, old);
	cred_commit(c);
	return before;
}

long sys_setfsgid(unsigned long *a)
{
	const struct cred *old = current()->cred;
	uint32_t id = (uint32_t)a[0], before = old->fsgid;
	struct cred *c;

	if (id == KEEP || id == before)
		return before;
	if (id != old->gid && id != old->egid && id != old->sgid && !capable(CAP_SETGID))
		return before;
	c = cred_copy(old);
	if (!c)
		return before;
	c->fsgid = id;
	cred_commit(c);
	return before;
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

long sys_getgroups(unsigned long *a)
{
	const struct cred *c = current()->cred;
	int size = (int)a[0];

	if (size < 0)
		return -EINVAL;
	if (size) {
		if ((uint32_t)size < c->group_count)
			return -EINVAL;
		if (copy_out(UPTR(a[1]), c->groups, c->group_count * sizeof(c->groups[0])))
			return -EFAULT;
	}
	return c->group_count;
}

static void sift_down(uint32_t *v, uint32_t at, uint32_t count)
{
	for (;;) {
		uint32_t child = 2 * at + 1, swap;

		if (child >= count)
			return;
		if (child + 1 < count && v[child + 1] > v[child])
			child++;
		if (v[at] >= v[child])
			return;
		swap = v[at];
		v[at] = v[child];
		v[child] = swap;
		at = child;
	}
}

/* Heap sort: no recursion, no bad case. */
static void sort(uint32_t *v, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift_down(v, i, count);
	for (uint32_t end = count; end-- > 1;) {
		uint32_t swap = v[0];

		v[0] = v[end];
		v[end] = swap;
		sift_down(v, 0, end);
	}
}

long sys_setgroups(unsigned long *a)
{
	const struct cred *old = current()->cred;
	int count = (int)a[0];
	struct cred *c;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if (count < 0 || count > CRED_GROUPS_MAX)
		return -EINVAL;
	c = cred_new((uint32_t)count);
	if (!c)
		return -ENOMEM;
	if (count && copy_in(c->groups, UPTR(a[1]), (size_t)count * sizeof(c->groups[0]))) {
		cred_put(c);
		return -EFAULT;
	}
	for (int i = 0; i < count; i++)
		if (c->groups[i] == KEEP) {
			cred_put(c);
			return -EINVAL;
		}
	sort(c->groups, c->group_count);
	c->uid = old->uid;
	c->gid = old->gid;
	c->euid = old->euid;
	c->egid = old->egid;
	c->suid = old->suid;
	c->sgid = old->sgid;
	c->fsuid = old->fsuid;
	c->fsgid = old->fsgid;
	c->cap_effective = old->cap_effective;
	c->cap_permitted = old->cap_permitted;
	c->cap_inheritable = old->cap_inheritable;
	c->cap_bounding = old->cap_bounding;
	c->cap_ambient = old->cap_ambient;
	c->securebits = old->securebits;
	cred_commit(c);
	return 0;
}

/* --- capabilities -------------------------------------------------------------------------------------------------- */

/* Words of each set for the version in *header; an unknown one is answered with ours. */
static int capability_words(struct uptr header, int *ret_pid)
{
	struct __user_cap_header_struct h;
	uint32_t known = _LINUX_CAPABILITY_VERSION_3;

	if (get_user(h.version, header))
		return -EFAULT;
	switch (h.version) {
	case _LINUX_CAPABILITY_VERSION_1:
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		break;
	default:
		if (put_user(known, header))
			return -EFAULT;
		return -EINVAL;
	}
	if (get_user(h.pid, uptr_add(header, offsetof(struct __user_cap_header_struct, pid))))
		return -EFAULT;
	*ret_pid = h.pid;
	return h.version == _LINUX_CAPABILITY_VERSION_1 ? 1 : 2;
}

long sys_capget(unsigned long *a)
{
	struct __user_cap_data_struct data[2];
	struct cred *c;
	int pid, words = capability_words(UPTR(a[0]), &pid);

	if (words < 0) /* asking for the version with no room for data is no error */
		return words == -EINVAL && !a[1] ? 0 : words;
	if (pid < 0)
		return -EINVAL;
	if (pid && pid != current()->tid) {
		struct task *t = task_find(pid);

		if (!t)
			return -ESRCH;
		c = task_cred_get(t);
		task_put(t);
		if (!c)
			return -ESRCH;
	} else {
		c = cred_get(current()->cred);
	}
	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(c->cap_effective >> 32 * i);
		data[i].permitted = (uint32_t)(c->cap_permitted >> 32 * i);
		data[i].inheritable = (uint32_t)(c->cap_inheritable >> 32 * i);
	}
	cred_put(c);
	return a[1] ? copy_out(UPTR(a[1]), data, (size_t)words * sizeof(data[0])) : 0;
}

long sys_capset(unsigned long *a)
{
	const struct cred *old = current()->cred;
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t effective, permitted, inheritable;
	int pid, words = capability_words(UPTR(a[0]), &pid);
	struct cred *c;

	if (words < 0)
		return words;
	if (pid && pid != current()->tid)
		return -EPERM;
	if (copy_in(data, UPTR(a[1]), (size_t)words * sizeof(data[0])))
		return -EFAULT;
	effective = (data[0].effective | (uint64_t)data[1].effective << 32) & CAPS_ALL;
	permitted = (data[0].permitted | (uint64_t)data[1].permitted << 32) & CAPS_ALL;
	inheritable = (data[0].inheritable | (uint64_t)data[1].inheritable << 32) & CAPS_ALL;
	if (!capable(CAP_SETPCAP) && (inheritable & ~(old->cap_inheritable | old->cap_permitted)))
		return -EPERM;
	if (inheritable & ~(old->cap_inheritable | old->cap_bounding))
		return -EPERM;
	if ((permitted & ~old->cap_permitted) || (effective & ~permitted))
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	c->cap_effective = effective;
	c->cap_permitted = permitted;
	c->cap_inheritable = inheritable;
	c->cap_ambient &= permitted & inheritable;
	cred_commit(c);
	return 0;
}

static long drop_bounding(unsigned long cap)
{
	struct cred *c;

	if (!capable(CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	c = cred_copy(current()->cred);
	if (!c)
		return -ENOMEM;
	c->cap_bounding &= ~(1ULL << cap);
	cred_commit(c);
	return 0;
}

static long ambient(unsigned long *a)
{
	const struct cred *old = current()->cred;
	uint64_t bit;
	struct cred *c;

	if (a[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (a[2] || a[3] || a[4])
			return -EINVAL;
		c = cred_copy(old);
		if (!c)
			return -ENOMEM;
		c->cap_ambient = 0;
		cred_commit(c);
		return 0;
	}
	if (a[2] > CAP_LAST_CAP || a[3] || a[4])
		return -EINVAL;
	bit = 1ULL << a[2];
	if (a[1] == PR_CAP_AMBIENT_IS_SET)
		return (old->cap_ambient & bit) != 0;
	if (a[1] != PR_CAP_AMBIENT_RAISE && a[1] != PR_CAP_AMBIENT_LOWER)
		return -EINVAL;
	if (a[1] == PR_CAP_AMBIENT_RAISE &&
	    (!(old->cap_permitted & bit) || !(old->cap_inheritable & bit) ||
	     (old->securebits & SECBIT_NO_CAP_AMBIENT_RAISE)))
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (a[1] == PR_CAP_AMBIENT_RAISE)
		c->cap_ambient |= bit;
	else
		c->cap_ambient &= ~bit;
	cred_commit(c);
	return 0;
}

static long set_securebits(unsigned long bits)
{
	const struct cred *old = current()->cred;
	unsigned int locked = old->securebits & SECURE_ALL_LOCKS;
	struct cred *c;

	if ((bits & ~(unsigned long)(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) ||
	    (locked & ~bits) || /* locks stay */
	    ((locked >> 1) & (old->securebits ^ bits)) || !capable(CAP_SETPCAP))
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	c->securebits = (unsigned int)bits;
	cred_commit(c);
	return 0;
}

static long keep_caps(unsigned long value)
{
	const struct cred *old = current()->cred;
	struct cred *c;

	if (value > 1)
		return -EINVAL;
	if (old->securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (value)
		c->securebits |= SECBIT_KEEP_CAPS;
	else
		c->securebits &= ~(unsigned int)SECBIT_KEEP_CAPS;
	cred_commit(c);
	return 0;
}

long cred_prctl(int option, unsigned long *a, bool *ret_known)
{
	*ret_known = true;
	switch (option) {
	case PR_CAPBSET_READ:
		return a[1] > CAP_LAST_CAP ? -EINVAL
					   : (long)(current()->cred->cap_bounding >> a[1] & 1);
	case PR_CAPBSET_DROP:
		return drop_bounding(a[1]);
	case PR_CAP_AMBIENT:
		return ambient(a);
	case PR_GET_SECUREBITS:
		return current()->cred->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(a[1]);
	case PR_GET_KEEPCAPS:
		return (current()->cred->securebits & SECBIT_KEEP_CAPS) != 0;
	case PR_SET_KEEPCAPS:
		return keep_caps(a[1]);
	default:
		*ret_known = false;
		return -EINVAL;
	}
}
