/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling parameters: policies, priorities, nice values, affinity. */
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/syscall/test.h"

#define NOBODY 0x3ffffff0

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static bool privileged(void)
{
	/* CAP_SYS_NICE may have been taken from root. */
	struct sched_param p = { .sched_priority = 1 };
	int ok = sched_setscheduler(0, SCHED_RR, &p);

	p.sched_priority = 0;
	sched_setscheduler(0, SCHED_OTHER, &p);
	return ok == 0;
}

TEST(sched_yield, returns)
{
	for (int i = 0; i < 1000; i++)
		EXPECT_EQ(sched_yield(), 0);
}

TEST(sched_get_priority_max, ranges)
{
	EXPECT_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	EXPECT_EQ(sched_get_priority_min(SCHED_FIFO), 1);
	EXPECT_EQ(sched_get_priority_max(SCHED_RR), 99);
	EXPECT_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	EXPECT_EQ(sched_get_priority_max(SCHED_BATCH), 0);
	EXPECT_EQ(sched_get_priority_max(SCHED_IDLE), 0);
	EXPECT_ERR(sched_get_priority_max(99), EINVAL);
}

TEST(sched_get_priority_min, ranges)
{
	EXPECT_EQ(sched_get_priority_min(SCHED_RR), 1);
	EXPECT_EQ(sched_get_priority_min(SCHED_OTHER), 0);
	EXPECT_ERR(sched_get_priority_min(-1), EINVAL);
}

TEST(sched_setscheduler, policies)
{
	struct sched_param p = { 0 };

	EXPECT_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	EXPECT_OK(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &p));
	EXPECT_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
	EXPECT_OK(syscall(SYS_sched_setscheduler, getpid(), SCHED_OTHER, &p));
	p.sched_priority = 5;
	EXPECT_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &p), EINVAL);
	p.sched_priority = 0;
	EXPECT_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p), EINVAL);
	p.sched_priority = 100;
	EXPECT_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p), EINVAL);
	p.sched_priority = 0;
	EXPECT_ERR(syscall(SYS_sched_setscheduler, 0, 77, &p), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setscheduler, -1, SCHED_OTHER, &p), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setscheduler, NOBODY, SCHED_OTHER, &p), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, (void *)8), EFAULT);
}

TEST(sched_setscheduler, realtime)
{
	struct sched_param p = { .sched_priority = 7 };

	if (!privileged()) {
		EXPECT_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p), EPERM);
		return;
	}
	EXPECT_OK(syscall(SYS_sched_setscheduler, 0, SCHED_RR, &p));
	EXPECT_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_RR);
	p.sched_priority = 0;
	EXPECT_OK(syscall(SYS_sched_getparam, 0, &p));
	EXPECT_EQ(p.sched_priority, 7);
	p.sched_priority = 9;
	EXPECT_OK(syscall(SYS_sched_setparam, 0, &p));
	EXPECT_OK(syscall(SYS_sched_getparam, 0, &p));
	EXPECT_EQ(p.sched_priority, 9);
	p.sched_priority = 0;
	EXPECT_ERR(syscall(SYS_sched_setparam, 0, &p), EINVAL);
	EXPECT_OK(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p));
	EXPECT_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER | SCHED_RESET_ON_FORK);
}

TEST(sched_getscheduler, errors)
{
	EXPECT_ERR(syscall(SYS_sched_getscheduler, -1), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getscheduler, NOBODY), ESRCH);
}

TEST(sched_getparam, errors)
{
	struct sched_param p;

	EXPECT_OK(syscall(SYS_sched_getparam, 0, &p));
	EXPECT_EQ(p.sched_priority, 0);
	EXPECT_ERR(syscall(SYS_sched_getparam, -1, &p), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getparam, 0, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getparam, NOBODY, &p), ESRCH);
}

TEST(sched_setparam, errors)
{
	struct sched_param p = { 0 };

	EXPECT_OK(syscall(SYS_sched_setparam, 0, &p));
	EXPECT_ERR(syscall(SYS_sched_setparam, 0, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setparam, -1, &p), EINVAL);
	p.sched_priority = 1;
	EXPECT_ERR(syscall(SYS_sched_setparam, 0, &p), EINVAL);
}

TEST(sched_rr_get_interval, tells)
{
	struct timespec ts = { -1, -1 };

	EXPECT_OK(syscall(SYS_sched_rr_get_interval, 0, &ts));
	EXPECT(ts.tv_sec == 0 && ts.tv_nsec >= 0);
	EXPECT_ERR(syscall(SYS_sched_rr_get_interval, -1, &ts), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_rr_get_interval, NOBODY, &ts), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_rr_get_interval, 0, (void *)8), EFAULT);
}

TEST(sched_setattr, sets)
{
	struct attr a = { .size = 48, .policy = SCHED_BATCH, .nice = 3 }, got = { 0 };

	EXPECT_OK(syscall(SYS_sched_setattr, 0, &a, 0));
	EXPECT_OK(syscall(SYS_sched_getattr, 0, &got, sizeof(got), 0));
	EXPECT_EQ(got.policy, SCHED_BATCH);
	EXPECT_EQ(got.nice, 3);
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 3);
	EXPECT_ERR(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setattr, -1, &a, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setattr, NOBODY, &a, 0), ESRCH);
	a.policy = 55;
	EXPECT_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a.policy = SCHED_OTHER;
	a.size = 20;
	EXPECT_ERR(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	EXPECT(a.size >= 48);
	a.size = 48;
	a.flags = 1ULL << 40;
	EXPECT_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
}

TEST(sched_getattr, errors)
{
	struct attr got;

	EXPECT_OK(syscall(SYS_sched_getattr, 0, &got, 48, 0));
	EXPECT_EQ(got.size, 48);
	EXPECT_ERR(syscall(SYS_sched_getattr, 0, &got, 47, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getattr, 0, &got, sizeof(got), 1), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getattr, NOBODY, &got, sizeof(got), 0), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_getattr, 0, NULL, sizeof(got), 0), EINVAL);
}

TEST(sched_getaffinity, tells)
{
	uint64_t mask[128];
	long size = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	int cpus = 0;

	EXPECT(size > 0 && size % 8 == 0);
	for (long i = 0; i < size / 8; i++)
		cpus += __builtin_popcountll(mask[i]);
	EXPECT(cpus >= 1);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, 0, mask), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, sizeof(mask) - 1, mask), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, NOBODY, sizeof(mask), mask), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, sizeof(mask), (void *)8), EFAULT);
}

TEST(sched_setaffinity, sets)
{
	cpu_set_t all, one, got;
	int cpu = 0, status;
	pid_t pid;

	EXPECT_OK(sched_getaffinity(0, sizeof(all), &all));
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	EXPECT_ERR(sched_setaffinity(0, sizeof(one), &one), EINVAL);
	CPU_SET(cpu, &one);
	EXPECT_OK(sched_setaffinity(0, sizeof(one), &one));
	EXPECT_OK(sched_getaffinity(0, sizeof(got), &got));
	EXPECT(CPU_EQUAL(&got, &one));
	pid = fork();
	if (!pid) {
		sched_getaffinity(0, sizeof(got), &got);
		_exit(!CPU_EQUAL(&got, &one));
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_OK(sched_setaffinity(0, sizeof(all), &all));
	EXPECT_ERR(syscall(SYS_sched_setaffinity, NOBODY, sizeof(all), &all), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_setaffinity, 0, sizeof(all), (void *)8), EFAULT);
}

TEST(getpriority, tells)
{
	/* natively whoever runs the tests may have made them nice */
	EXPECT_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 20 - getpriority(PRIO_PROCESS, 0));
	EXPECT(syscall(SYS_getpriority, PRIO_PGRP, 0) >= 1);
	EXPECT(syscall(SYS_getpriority, PRIO_USER, 0) >= 1);
	EXPECT_ERR(syscall(SYS_getpriority, 3, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_getpriority, PRIO_PROCESS, NOBODY), ESRCH);
}

TEST(setpriority, up_is_easy_down_is_not)
{
	EXPECT_OK(setpriority(PRIO_PROCESS, 0, 5));
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 5);
	EXPECT_OK(setpriority(PRIO_PROCESS, getpid(), 100));
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 19);
	EXPECT_OK(setpriority(PRIO_PGRP, 0, 19));
	EXPECT_ERR(setpriority(3, 0, 0), EINVAL);
	EXPECT_ERR(setpriority(PRIO_PROCESS, NOBODY, 0), ESRCH);
	if (!privileged())
		EXPECT_ERR(setpriority(PRIO_PROCESS, 0, 0), EACCES);
}

TEST(setpriority, inherited)
{
	int status;
	pid_t pid;

	EXPECT_OK(setpriority(PRIO_PROCESS, 0, 4));
	pid = fork();
	if (!pid)
		_exit(getpriority(PRIO_PROCESS, 0));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), 4);
}

TEST(ioprio_set, classes)
{
	EXPECT_OK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
	EXPECT_EQ(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 6);
	EXPECT_OK(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
	EXPECT_EQ(syscall(SYS_ioprio_get, 1, 0), 3 << 13);
	EXPECT_ERR(syscall(SYS_ioprio_set, 1, 0, 7 << 13), EINVAL);
	EXPECT_ERR(syscall(SYS_ioprio_set, 1, NOBODY, 2 << 13), ESRCH);
	EXPECT_ERR(syscall(SYS_ioprio_set, 4, 0, 2 << 13), EINVAL);
	if (getuid())
		EXPECT_ERR(syscall(SYS_ioprio_set, 1, 0, 1 << 13), EPERM);
}

TEST(ioprio_get, errors)
{
	EXPECT(syscall(SYS_ioprio_get, 1, 0) >= 0);
	EXPECT_ERR(syscall(SYS_ioprio_get, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_ioprio_get, 1, NOBODY), ESRCH);
}

TEST_MAIN
