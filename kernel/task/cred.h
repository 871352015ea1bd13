/* SPDX-License-Identifier: Apache-2.0 */
/* Who a task is: immutable, counted; a change makes a new one. Capabilities are as on Linux with no namespaces. */
#pragma once

#include "kernel/task/task.h"

#define CRED_GROUPS_MAX 65536

struct cred {
	struct refcount refs;
	uint32_t uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	unsigned int securebits;
	uint32_t group_count;
	uint32_t groups[]; /* sorted */
};

struct cred *cred_new(uint32_t group_count); /* zeroed: root without groups; caps are 0 */
struct cred *cred_copy(const struct cred *c);
static inline struct cred *cred_get(struct cred *c)
{
	ref_get(&c->refs);
	return c;
}
void cred_put(struct cred *c);
bool cred_in_group(const struct cred *c, uint32_t gid); /* fsgid or supplementary */
bool capable(int cap);					/* CAP_* effective of the calling task */
/* May the caller signal/inspect a process with these credentials? */
bool cred_may_kill(const struct cred *caller, const struct cred *target);
/* What execve of a set-id file makes of it; no_new_privs is honoured. New reference. NULL: no memory. */
struct cred *cred_for_exec(const struct cred *c, bool set_uid, uint32_t uid, bool set_gid,
			   uint32_t gid);

/* Installs new credentials of the calling task (takes over the reference), so that task_cred_get never sees freed ones. */
void cred_commit(struct cred *c);
/* Another task's credentials, counted. NULL: it has none any more. Takes process.lock. */
struct cred *task_cred_get(struct task *t);
/* Those of a process: its main task's, or another's. NULL: only a zombie is left. Takes process.lock. */
struct cred *process_cred_get(struct process *p);
/* ptrace_may_access with the real ids: same user in all ids, or CAP_SYS_PTRACE; and dumpable. */
bool cred_may_inspect(struct task *target);
bool cred_has(const struct cred *c, int cap);
