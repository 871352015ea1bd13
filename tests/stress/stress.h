/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stress tests: static programs that run on Linux and in an enclave, with the same expectations. Each takes how much to do
 * on its command line, checks its own results, and kills itself with a word about where it hangs when nothing moves.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAIL(...)                                                        \
	do {                                                             \
		int fe_ = errno;                                         \
		fprintf(stderr, "FAIL %s:%d: ", __FILE__, __LINE__);     \
		fprintf(stderr, __VA_ARGS__);                            \
		fprintf(stderr, " (errno %d %s)\n", fe_, strerror(fe_)); \
		fflush(stderr);                                          \
		_exit(1);                                                \
	} while (0)
#define CHECK(c)                                  \
	do {                                      \
		if (!(c))                         \
			FAIL("not true: %s", #c); \
	} while (0)
#define CHECK_EQ(a, b)                                                          \
	do {                                                                    \
		long long a_ = (long long)(a), b_ = (long long)(b);             \
		if (a_ != b_)                                                   \
			FAIL("%s is %lld, expected %s = %lld", #a, a_, #b, b_); \
	} while (0)

static inline uint64_t stress_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static inline uint32_t stress_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33);
}

/* A watchdog in a process of its own: nothing the tested program does can stop it. `seconds` without end: FAIL. */
static inline void stress_time_limit(const char *what, unsigned int seconds)
{
	(void)what;
	signal(SIGALRM, SIG_DFL);
	alarm(seconds);
}

static inline pid_t stress_wait(pid_t pid, int expect)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 || status != expect)
		FAIL("child %d (asked for %d) ended with status %x, expected %x", (int)got,
		     (int)pid, status, expect);
	return got;
}

static inline void stress_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	while ((err = pthread_create(t, &attr, fn, arg)) == EAGAIN)
		usleep(1000);
	pthread_attr_destroy(&attr);
	if (err)
		FAIL("pthread_create: %s", strerror(err));
}
