/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call tests: the same binary runs on Linux (the oracle) and in an enclave, with the same expectations.
 *
 *   TEST(read, at_end_gives_zero) { ... EXPECT_EQ(read(fd, b, 1), 0); EXPECT_ERR(read(-1, b, 1), EBADF); }
 *   TEST_MAIN
 *
 * The first word is the system call under test (docs count coverage by it). Each case runs in a child of its own, in a
 * fresh temporary folder as working directory, and is killed after 20 s. SKIP("reason") when the machine cannot (must be true natively, too).
 * Options: --list prints "call name" lines; a name runs only that case.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Whether the process waits for something, by /proc/PID/stat: for EXPECT_SOON. */
static inline bool sleeping(pid_t pid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(f);
	return state == 'S';
}

static inline long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

struct test_case {
	const char *call, *name;
	void (*run)(void);
	struct test_case *next;
};
static struct test_case *test_first, **test_end = &test_first;

#define TEST(call_, name_)                                                                         \
	static void test_##call_##_##name_(void);                                                  \
	static struct test_case case_##call_##_##name_ = { #call_, #name_, test_##call_##_##name_, \
							   NULL };                                 \
	__attribute__((constructor)) static void add_##call_##_##name_(void)                       \
	{                                                                                          \
		*test_end = &case_##call_##_##name_;                                               \
		test_end = &case_##call_##_##name_.next;                                           \
	}                                                                                          \
	static void test_##call_##_##name_(void)

#define TEST_FAIL(...)                                   \
	do {                                             \
		printf("  %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                     \
		printf("\n");                            \
		fflush(stdout);                          \
		_exit(1);                                \
	} while (0)
#define SKIP(reason)                               \
	do {                                       \
		printf("  skipped: %s\n", reason); \
		fflush(stdout);                    \
		_exit(77);                         \
	} while (0)
#define EXPECT(c)                                                                            \
	do {                                                                                 \
		if (!(c))                                                                    \
			TEST_FAIL("not true: %s (errno %d %s)", #c, errno, strerror(errno)); \
	} while (0)
#define EXPECT_EQ(a, b)                                                                          \
	do {                                                                                     \
		long long ea_ = (long long)(a), eb_ = (long long)(b);                            \
		if (ea_ != eb_)                                                                  \
			TEST_FAIL("%s is %lld, expected %s = %lld (errno %d)", #a, ea_, #b, eb_, \
				  errno);                                                        \
	} while (0)
#define EXPECT_STR(a, b)                                                          \
	do {                                                                      \
		const char *sa_ = (a), *sb_ = (b);                                \
		if (strcmp(sa_, sb_))                                             \
			TEST_FAIL("%s is \"%s\", expected \"%s\"", #a, sa_, sb_); \
	} while (0)
/* The call returns -1 with this errno. */
#define EXPECT_ERR(call, error)                                                              \
	do {                                                                                 \
		errno = 0;                                                                   \
		long long er_ = (long long)(call);                                           \
		int en_ = errno;                                                             \
		if (er_ != -1 || en_ != (error))                                             \
			TEST_FAIL("%s returned %lld, errno %d (%s), expected "               \
				  "errno %d (%s)",                                           \
				  #call, er_, en_, strerror(en_), (error), strerror(error)); \
	} while (0)
#define EXPECT_OK(call)                                                                       \
	({                                                                                    \
		long long ok_ = (long long)(call);                                            \
		if (ok_ < 0)                                                                  \
			TEST_FAIL("%s failed: errno %d (%s)", #call, errno, strerror(errno)); \
		ok_;                                                                          \
	})

/* Runs fn in a child; its exit status as waitpid gives it. */
__attribute__((unused)) static int test_in_child(void (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fn();
		fflush(stdout);
		_exit(0);
	}
	EXPECT(pid > 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* For waiting on a condition without guessing how long: polls up to 10 s. */
#define EXPECT_SOON(c)                        \
	do {                                  \
		int es_ = 0;                  \
		while (!(c) && es_++ < 10000) \
			usleep(1000);         \
		EXPECT(c);                    \
	} while (0)

static int test_run_one(struct test_case *t)
{
	char dir[] = "/tmp/syscall-test-XXXXXX", command[64];
	int status;
	pid_t pid;

	if (!mkdtemp(dir)) {
		printf("FAIL %s %s: no temporary folder: %s\n", t->call, t->name, strerror(errno));
		return 1;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (chdir(dir))
			_exit(1);
		setpgid(0, 0);
		alarm(20);
		t->run();
		fflush(stdout);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		printf("  left %s behind\n", dir);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		printf("skip %s %s\n", t->call, t->name);
		return 0;
	}
	if (status) {
		printf("FAIL %s %s (%s %d)\n", t->call, t->name,
		       WIFSIGNALED(status) ? "signal" : "exit",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		return 1;
	}
	printf("ok %s %s\n", t->call, t->name);
	return 0;
}

static int test_main(int argc, char **argv)
{
	int failed = 0, ran = 0;

	for (struct test_case *t = test_first; t; t = t->next) {
		if (argc > 1 && !strcmp(argv[1], "--list")) {
			printf("%s %s\n", t->call, t->name);
			continue;
		}
		if (argc > 1 && strcmp(argv[1], t->name) && strcmp(argv[1], t->call))
			continue;
		failed += test_run_one(t);
		ran++;
	}
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "--list") && !ran) {
		printf("no test named %s\n", argv[1]);
		return 2;
	}
	return failed != 0;
}

#define TEST_MAIN                             \
	int main(int argc, char **argv)       \
	{                                     \
		return test_main(argc, argv); \
	}
