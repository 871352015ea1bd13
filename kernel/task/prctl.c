/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prctl. Options that change what a process may expect of the machine or of ptrace and that do not exist here are
 * -EINVAL, as on a Linux without them. Capabilities and secure bits: sys_cred.c.
 */
#include <linux/prctl.h>

#include <asm/errno.h>
#include <linux/capability.h>

#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred_internal.h"
#include "lib/base/string.h"

#define TIMER_SLACK_DEFAULT 50000
#define VMA_NAME_MAX 80

static long set_name(struct uptr from)
{
	struct task *t = current();
	char name[TASK_COMM];
	long len = copy_in_string(name, from, sizeof(name));

	if (len == -ENAMETOOLONG) {
		if (copy_in(name, from, sizeof(name) - 1))
			return -EFAULT;
		name[sizeof(name) - 1] = '\0';
	} else if (len < 0) {
		return len;
	}
	str_copy(t->comm, name, sizeof(t->comm));
	return 0;
}

static long get_name(struct uptr to)
{
	char name[TASK_COMM] = { 0 };

	str_copy(name, current()->comm, sizeof(name));
	return copy_out(to, name, sizeof(name));
}

static long set_vma_name(unsigned long *a)
{
	char name[VMA_NAME_MAX];
	long len;

	if (a[1] != PR_SET_VMA_ANON_NAME || a[2] % PAGE_SIZE)
		return -EINVAL;
	if (!a[4])
		return 0;
	len = copy_in_string(name, UPTR(a[4]), sizeof(name));
	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	for (long i = 0; i < len; i++)
		if (name[i] < ' ' || name[i] > '~' || strchr("\\`$[]", name[i]))
			return -EINVAL;
	return 0; /* names are not shown */
}

static long put_int(int value, unsigned long to)
{
	return put_user(value, UPTR(to));
}

static long process_option(int option, unsigned long *a)
{
	struct process *p = current_process();
	uintptr_t clear_tid = current()->clear_tid;

	switch (option) {
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_DUMPABLE:
		if (a[1] > 1)
			return -EINVAL;
		p->dumpable = a[1];
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		p->child_subreaper = a[1] != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_int(p->child_subreaper, a[1]);
	case PR_SET_THP_DISABLE:
		if (a[2] || a[3] || a[4])
			return -EINVAL;
		p->huge_pages_off = a[1] != 0;
		return 0;
	case PR_GET_THP_DISABLE:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : p->huge_pages_off;
	case PR_GET_TID_ADDRESS:
		return put_user(clear_tid, UPTR(a[1]));
	case PR_SET_MM:
		return capable(CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
	case PR_SET_VMA:
		return set_vma_name(a);
	default:
		return -EINVAL;
	}
}

long sys_prctl(unsigned long *a)
{
	struct task *t = current();
	int option = (int)a[0];
	bool known;
	long ret = cred_prctl(option, a, &known);

	if (known)
		return ret;
	switch (option) {
	case PR_SET_NAME:
		return set_name(UPTR(a[1]));
	case PR_GET_NAME:
		return get_name(UPTR(a[1]));
	case PR_SET_PDEATHSIG:
		if (a[1] > SIGNAL_MAX)
			return -EINVAL;
		t->pdeathsig = (int)a[1];
		return 0;
	case PR_GET_PDEATHSIG:
		return put_int(t->pdeathsig, a[1]);
	case PR_SET_NO_NEW_PRIVS:
		if (a[1] != 1 || a[2] || a[3] || a[4])
			return -EINVAL;
		t->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : t->no_new_privs;
	case PR_SET_TIMERSLACK:
		t->timer_slack = (long)a[1] > 0 ? a[1] : TIMER_SLACK_DEFAULT;
		return 0;
	case PR_GET_TIMERSLACK:
		return (long)t->timer_slack;
	case PR_GET_SECCOMP:
	case PR_GET_TIMING:
	case PR_TASK_PERF_EVENTS_DISABLE:
	case PR_TASK_PERF_EVENTS_ENABLE:
		return 0;
	case PR_SET_TIMING:
		return a[1] == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_TSC:
		return put_int(PR_TSC_ENABLE, a[1]);
	case PR_SET_TSC:
		return a[1] == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_MCE_KILL_GET:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : PR_MCE_KILL_DEFAULT;
	case PR_GET_SPECULATION_CTRL:
	case PR_SET_SPECULATION_CTRL:
		return -ENODEV;
	default:
		return process_option(option, a);
	}
}
