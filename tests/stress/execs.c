/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execs COUNT: processes with several threads that race: one calls execve while others clone, fork, vfork, exit_group,
 * or sleep in the kernel; and processes killed by another one in all states. Whatever happens inside, the parent must get
 * exactly one end per child, with a status that one of the racers asked for, and nobody may hang.
 */
#include <linux/futex.h>
#include <sched.h>
#include <spawn.h>
#include <sys/eventfd.h>

#include "stress.h"

extern char **environ;
static char *self;
static int racers_go;

static void start_gun(void)
{
	while (!__atomic_load_n(&racers_go, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &racers_go, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void exec_self(const char *status)
{
	char child[] = "--child", *argv[] = { self, child, (char *)(uintptr_t)status, NULL };

	execv(self, argv);
	/* Another thread's execve or exit_group came first, or memory is short: that one decides. */
	for (;;)
		pause();
}

static void *racer(void *arg)
{
	int what = (int)(intptr_t)arg;
	char child[] = "--child", zero[] = "0", *argv[] = { self, child, zero, NULL };
	uint32_t word = 0;
	int fds[2];
	char c;
	pid_t pid;

	start_gun();
	switch (what) {
	case 0:
		exec_self("10");
		break;
	case 1:
		_exit(11);
	case 2:
		for (;;) {
			pthread_t t;

			if (!pthread_create(&t, NULL, (void *(*)(void *))(uintptr_t)getpid, NULL))
				pthread_join(t, NULL);
		}
	case 3:
		for (;;) {
			pid = fork();
			if (!pid)
				_exit(0);
			if (pid > 0)
				waitpid(pid, NULL, 0);
		}
	case 4:
		for (;;) {
			pid = vfork();
			if (!pid)
				_exit(0);
			if (pid > 0)
				waitpid(pid, NULL, 0);
		}
	case 5:
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		break;
	case 6:
		if (pipe(fds) || read(fds[0], &c, 1) < 0)
			_exit(1);
		break;
	case 7:
		for (;;)
			__asm__ volatile("pause");
	case 8:
		for (;;)
			if (!posix_spawn(&pid, self, NULL, NULL, argv, environ))
				waitpid(pid, NULL, 0);
	case 9:
		exec_self("12");
		break;
	case 10:
		kill(getpid(), SIGKILL);
		break;
	case 11:
		for (;;)
			poll(NULL, 0, 1);
	case 12:
		for (;;) {
			void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p != MAP_FAILED) {
				memset(p, 1, 1 << 16);
				munmap(p, 1 << 20);
			}
		}
	case 13: /* ends alone: the others go on */
		syscall(SYS_exit, 0);
	}
	for (;;)
		pause();
}
#define RACERS 14

/* Threads that do `mask`; at least one ends the process or execs. */
static void race(uint32_t mask, uint64_t seed)
{
	for (intptr_t i = 0; i < RACERS; i++) {
		pthread_t t;

		if (mask & 1u << i)
			stress_thread(&t, racer, (void *)i);
	}
	__atomic_store_n(&racers_go, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &racers_go, FUTEX_WAKE_PRIVATE, 1000, NULL, NULL, 0);
	for (uint32_t n = stress_random(&seed) & 0xffff; n; n--)
		__asm__ volatile("pause");
	switch (stress_random(&seed) & 3) {
	case 0:
		_exit(13);
	case 1:
		exec_self("14");
		break;
	case 2:
		pthread_exit(NULL); /* the leader ends first */
	default:
		for (;;)
			pause();
	}
}

static void one_race(uint64_t seed)
{
	uint32_t mask = stress_random(&seed) & ((1u << RACERS) - 1);
	int status;
	pid_t pid;

	if (!(mask & (1u << 0 | 1u << 1 | 1u << 9 | 1u << 10)))
		mask |= (seed & 1 << 20) ? 1u << 0 : 1u << 10;
	pid = fork();
	if (!pid)
		race(mask, seed);
	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (status != SIGKILL &&
	    (!WIFEXITED(status) || WEXITSTATUS(status) < 10 || WEXITSTATUS(status) > 14))
		FAIL("race %x ended with status %x", mask, status);
}

/* A child with threads in all kinds of states is killed at a random moment, its own children with it. */
static void one_kill(uint64_t seed)
{
	uint32_t mask = stress_random(&seed) & ((1u << RACERS) - 1);
	uint32_t delay = stress_random(&seed) & 0x3ffff;
	pid_t pid;

	mask &= ~(1u << 0 | 1u << 1 | 1u << 9 | 1u << 10);
	pid = fork();
	if (!pid) {
		for (intptr_t i = 0; i < RACERS; i++) {
			pthread_t t;

			if (mask & 1u << i)
				stress_thread(&t, racer, (void *)i);
		}
		__atomic_store_n(&racers_go, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &racers_go, FUTEX_WAKE_PRIVATE, 1000, NULL, NULL, 0);
		if (seed & 1 << 21) { /* a stopped one */
			kill(getpid(), SIGSTOP);
		} else if (seed &
			   1 << 22) { /* the parent of a vfork child that hangs for a while */
			pid = vfork();
			if (!pid) {
				usleep(20000);
				_exit(0);
			}
		}
		for (;;)
			pause();
	}
	CHECK(pid > 0);
	for (; delay; delay--)
		__asm__ volatile("pause");
	CHECK_EQ(kill(pid, SIGKILL), 0);
	stress_wait(pid, SIGKILL);
}

/* vfork child killed while its parent waits. */
static void vfork_child_killed(void)
{
	static volatile pid_t child;
	pid_t killer, pid;
	int ready[2];

	CHECK_EQ(pipe(ready), 0);
	killer = fork();
	if (!killer) {
		pid_t victim;

		if (read(ready[0], &victim, sizeof(victim)) != sizeof(victim))
			_exit(1);
		_exit(kill(victim, SIGKILL) ? 2 : 0);
	}
	pid = vfork();
	if (!pid) {
		child = getpid();
		if (write(ready[1], (const void *)(uintptr_t)&child, sizeof(child)) !=
		    sizeof(child))
			_exit(1);
		for (;;)
			pause();
	}
	CHECK_EQ(pid, child);
	stress_wait(pid, SIGKILL);
	stress_wait(killer, 0);
	close(ready[0]);
	close(ready[1]);
}

/* The parent of a vfork child is killed; the child goes on in its address space, then execs. */
static void vfork_parent_killed(void)
{
	int gate[2], result[2], status;
	pid_t pid, grandchild;
	char c;

	CHECK_EQ(pipe(gate), 0);
	CHECK_EQ(pipe(result), 0);
	pid = fork();
	if (!pid) {
		char *argv[4], child[] = "--report", number[16];

		snprintf(number, sizeof(number), "%d", result[1]);
		argv[0] = self, argv[1] = child, argv[2] = number, argv[3] = NULL;
		if (!vfork()) {
			grandchild = getpid();
			close(gate[1]);
			if (write(result[1], &grandchild, sizeof(grandchild)) < 0)
				_exit(1);
			/* Until the parent has been killed: it is the last but us to hold gate[1]. */
			(void)!read(gate[0], &c, 1);
			execv(self, argv);
			_exit(1);
		}
		_exit(0);
	}
	close(gate[0]);
	CHECK_EQ(read(result[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
	close(gate[1]);
	close(result[1]);
	CHECK_EQ(read(result[0], &c, 1), 1);
	CHECK_EQ(c, 'R');
	CHECK_EQ(read(result[0], &c, 1), 0); /* it has ended */
	close(result[0]);
}

static int become_sleeper(void *arg)
{
	char *argv[] = { self, arg, NULL };

	execv(self, argv);
	_exit(1);
}

/* A signal to the one task of a process that is in the middle of execve from a shared address space: neither ESRCH nor lost. */
static void one_signal(uint64_t seed)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	static char sleeper[] = "--sleep";
	uint32_t delay = stress_random(&seed) & 0x7fff;
	pid_t pid = clone(become_sleeper, stack + sizeof(stack), CLONE_VM | SIGCHLD, sleeper);

	CHECK(pid > 0);
	for (; delay; delay--)
		__asm__ volatile("pause");
	CHECK_EQ(syscall(SYS_tgkill, pid, pid, SIGTERM), 0);
	stress_wait(pid, SIGTERM);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 50;
	uint64_t seed = 12345;

	self = argv[0];
	if (argc > 2 && !strcmp(argv[1], "--child"))
		return atoi(argv[2]);
	if (argc > 1 && !strcmp(argv[1], "--sleep"))
		for (;;)
			pause();
	if (argc > 2 && !strcmp(argv[1], "--report"))
		return write(atoi(argv[2]), "R", 1) != 1;
	if (argc > 2)
		seed = (uint64_t)atoi(argv[2]);
	stress_time_limit("execs", (unsigned int)(60 + count));
	for (int i = 0; i < count; i++) {
		stress_random(&seed);
		one_race(seed);
		one_kill(seed);
		for (uint64_t k = 0; k < 4; k++)
			one_signal(seed * 4 + k);
		if (i % 4 == 0) {
			vfork_child_killed();
			vfork_parent_killed();
		}
		if (getenv("STRESS_VERBOSE"))
			fprintf(stderr, "round %d\n", i);
	}
	printf("ok %d rounds\n", count);
	return 0;
}
