/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NUMA policies on a machine with one node: checked as Linux checks them, remembered, told back; there is nothing to
 * choose. The policy is kept per process, Linux's per thread: a thread sees what another one set.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/mempolicy.h>

#include "kernel/mm/usercopy.h"
#include "kernel/mm/vma.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"

#define NODES_MAX 1024UL
#define MODE_FLAGS 0xe000 /* MPOL_F_STATIC_NODES, RELATIVE_NODES, NUMA_BALANCING */
#define MODE_PREFERRED_MANY 5
#define MODE_WEIGHTED 6
#define THIS_NODE 1UL /* the mask of the only node */

/* The mask's first word in *ret: nodes that cannot exist are -EINVAL. */
static int get_nodes(struct uptr from, unsigned long max_node, uint64_t *ret)
{
	unsigned long bits = max_node - 1;

	*ret = 0;
	if (!max_node || !bits || !from.v)
		return 0;
	if (bits > PAGE_SIZE * 8)
		return -EINVAL;
	for (unsigned long at = 0; at < bits; at += 64) {
		uint64_t word;

		if (get_user(word, uptr_add(from, at / 8)))
			return -EFAULT;
		if (bits - at < 64)
			word &= (1ULL << (bits - at)) - 1;
		if (at >= NODES_MAX && word)
			return -EINVAL;
		if (!at)
			*ret = word;
		else if (word)
			*ret |= 1ULL << 63; /* some node that is not there */
	}
	return 0;
}

static int check_policy(int mode, uint64_t nodes)
{
	int flags = mode & MODE_FLAGS;

	mode &= ~MODE_FLAGS;
	if (mode < 0 || mode > MODE_WEIGHTED)
		return -EINVAL;
	if ((flags & 0xc000) == 0xc000 || (flags & 0x2000 && mode != MPOL_BIND))
		return -EINVAL;
	switch (mode) {
	case MPOL_DEFAULT:
	case MPOL_LOCAL:
		return nodes || (flags && mode == MPOL_LOCAL) ? -EINVAL : 0;
	case MPOL_PREFERRED:
		if (!nodes)
			return flags & 0xc000 ? -EINVAL : 0;
		break;
	default:
		if (!nodes)
			return -EINVAL;
		break;
	}
	return nodes & THIS_NODE ? 0 : -EINVAL;
}

long sys_set_mempolicy(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	uint64_t nodes;
	int err = get_nodes(UPTR(a[1]), a[2], &nodes);

	if (!err)
		err = check_policy((int)a[0], nodes);
	if (err)
		return err;
	mutex_lock(&mm->lock);
	mm->policy_mode = (int)a[0];
	mm->policy_nodes = nodes & THIS_NODE;
	/* No node preferred means the local one. */
	if (mm->policy_mode == MPOL_PREFERRED && !nodes)
		mm->policy_mode = MPOL_LOCAL;
	mutex_unlock(&mm->lock);
	return 0;
}

static int put_nodes(struct uptr to, unsigned long max_node, uint64_t nodes)
{
	size_t size = (max_node - 1 + 63) / 64 * 8;

	if (size > PAGE_SIZE)
		return -EINVAL;
	if (!size)
		return 0;
	if (zero_out(to, size))
		return -EFAULT;
	return put_user(nodes, to);
}

long sys_get_mempolicy(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	unsigned long flags = a[4];
	uint64_t nodes;
	int mode, err;

	if (flags & ~(unsigned long)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (a[1] && a[2] < 1)
		return -EINVAL;
	mutex_lock(&mm->lock);
	mode = mm->policy_mode;
	nodes = mm->policy_nodes;
	err = 0;
	if (flags & MPOL_F_MEMS_ALLOWED) {
		if (flags & (MPOL_F_NODE | MPOL_F_ADDR))
			err = -EINVAL;
		mode = 0;
		nodes = THIS_NODE;
	} else if (flags & MPOL_F_ADDR) {
		struct vma *v = mm_find(mm, a[3]);

		if (!v || v->start > a[3])
			err = -EFAULT;
		if (flags & MPOL_F_NODE)
			mode = 0;
		else
			mode = MPOL_DEFAULT, nodes = 0;
	} else if (a[3]) {
		err = -EINVAL;
	} else if (flags & MPOL_F_NODE) {
		if (mode != MPOL_INTERLEAVE)
			err = -EINVAL;
		mode = 0;
	}
	mutex_unlock(&mm->lock);
	if (!err && a[0])
		err = put_user(mode, UPTR(a[0]));
	if (!err && a[1])
		err = put_nodes(UPTR(a[1]), a[2], nodes);
	return err;
}

long sys_mbind(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	uintptr_t at = a[0], end;
	uint64_t nodes;
	int err;

	if (a[5] & ~(unsigned long)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	err = get_nodes(UPTR(a[3]), a[4], &nodes);
	if (err)
		return err;
	if (a[5] & MPOL_MF_MOVE_ALL && !capable(CAP_SYS_NICE))
		return -EPERM;
	if (at & (PAGE_SIZE - 1))
		return -EINVAL;
	if (a[1] > SIZE_MAX - PAGE_SIZE || __builtin_add_overflow(at, PAGE_UP(a[1]), &end))
		return -EINVAL;
	if (at == end)
		return 0;
	err = check_policy((int)a[2], nodes);
	if (err)
		return err;
	mutex_lock(&mm->lock);
	for (struct vma *v = mm_find(mm, at); at < end && !err; v = v ? mm_next(v) : NULL) {
		if (!v || v->start > at)
			err = -EFAULT;
		else
			at = v->end;
	}
	mutex_unlock(&mm->lock);
	return err;
}
