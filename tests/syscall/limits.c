/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits and usage: getrlimit, setrlimit, prlimit64, getrusage, times. */
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>

#include "tests/syscall/test.h"

struct limit {
	uint64_t current, max;
};

static struct limit get(int resource)
{
	struct limit l = { 1, 0 };

	EXPECT_OK(syscall(SYS_getrlimit, resource, &l));
	EXPECT(l.current <= l.max);
	return l;
}

TEST(getrlimit, all)
{
	struct limit l;

	for (int i = 0; i < 16; i++)
		(void)get(i);
	EXPECT_ERR(syscall(SYS_getrlimit, 16, &l), EINVAL);
	EXPECT_ERR(syscall(SYS_getrlimit, -1, &l), EINVAL);
	EXPECT_ERR(syscall(SYS_getrlimit, RLIMIT_STACK, (void *)8), EFAULT);
}

TEST(setrlimit, soft_up_to_hard)
{
	struct limit l = get(RLIMIT_NOFILE), old = l;

	l.current = 64;
	EXPECT_OK(syscall(SYS_setrlimit, RLIMIT_NOFILE, &l));
	EXPECT_EQ(get(RLIMIT_NOFILE).current, 64);
	EXPECT_EQ(get(RLIMIT_NOFILE).max, old.max);
	l.current = old.max;
	EXPECT_OK(syscall(SYS_setrlimit, RLIMIT_NOFILE, &l));
	l.current = 20;
	l.max = 10;
	EXPECT_ERR(syscall(SYS_setrlimit, RLIMIT_NOFILE, &l), EINVAL);
	EXPECT_ERR(syscall(SYS_setrlimit, 16, &old), EINVAL);
	EXPECT_ERR(syscall(SYS_setrlimit, RLIMIT_NOFILE, (void *)8), EFAULT);
}

TEST(setrlimit, nofile_counts)
{
	struct limit l = get(RLIMIT_NOFILE);

	l.current = 10;
	EXPECT_OK(syscall(SYS_setrlimit, RLIMIT_NOFILE, &l));
	for (int i = 0; i < 10; i++)
		if (dup(1) < 0)
			break;
	EXPECT_ERR(dup(1), EMFILE);
	EXPECT_ERR(dup2(1, 10), EBADF);
}

TEST(setrlimit, hard_limit_only_down_without_rights)
{
	struct limit l = get(RLIMIT_CORE);

	if (!getuid())
		EXPECT_OK(setuid(1000));
	l.current = 0;
	l.max = 4096;
	EXPECT_OK(syscall(SYS_setrlimit, RLIMIT_CORE, &l));
	l.max = 8192;
	EXPECT_ERR(syscall(SYS_setrlimit, RLIMIT_CORE, &l), EPERM);
	l.max = 4095;
	EXPECT_OK(syscall(SYS_setrlimit, RLIMIT_CORE, &l));
}

TEST(prlimit64, old_and_new)
{
	struct limit l = { 100, 0 }, old = { 0, 0 };

	l.max = get(RLIMIT_NOFILE).max;
	EXPECT_OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &l, &old));
	EXPECT(old.max == l.max);
	EXPECT_OK(syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, NULL, &old));
	EXPECT_EQ(old.current, 100);
	EXPECT_OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL));
	EXPECT_ERR(syscall(SYS_prlimit64, 0, 16, NULL, &old), EINVAL);
	EXPECT_ERR(syscall(SYS_prlimit64, 0x3ffffff0, RLIMIT_NOFILE, NULL, &old), ESRCH);
	EXPECT_ERR(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, (void *)8, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, (void *)8), EFAULT);
}

TEST(prlimit64, of_a_child_and_inherited)
{
	struct limit l = { 50, 0 }, old;
	int fds[2], status;
	pid_t pid;
	char c;

	l.max = get(RLIMIT_NOFILE).max;
	EXPECT_OK(pipe(fds));
	pid = fork();
	if (!pid) {
		if (read(fds[0], &c, 1) != 1)
			_exit(1);
		_exit(get(RLIMIT_NOFILE).current != 50);
	}
	EXPECT_OK(syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, &l, &old));
	EXPECT_EQ(old.current, get(RLIMIT_NOFILE).current);
	EXPECT_EQ(write(fds[1], "x", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT(get(RLIMIT_NOFILE).current != 50);
}

TEST(prlimit64, not_of_others)
{
	struct limit old;
	pid_t root = getpid();
	int status;
	pid_t pid;

	if (getuid())
		SKIP("needs root");
	pid = fork();
	if (!pid) {
		if (setresuid(1000, 1000, 1000))
			_exit(1);
		errno = 0;
		_exit(!(syscall(SYS_prlimit64, root, RLIMIT_NOFILE, NULL, &old) == -1 &&
			errno == EPERM));
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(setrlimit, fsize_sends_sigxfsz)
{
	struct limit l = get(RLIMIT_FSIZE);
	char buf[100] = { 0 };
	int fd = (int)EXPECT_OK(open("f", O_CREAT | O_RDWR, 0600));

	signal(SIGXFSZ, SIG_IGN);
	l.current = 50;
	EXPECT_OK(syscall(SYS_setrlimit, RLIMIT_FSIZE, &l));
	EXPECT_EQ(write(fd, buf, 100), 50);
	EXPECT_ERR(write(fd, buf, 1), EFBIG);
}

TEST(getrusage, grows)
{
	struct rusage first, second, thread;

	EXPECT_OK(getrusage(RUSAGE_SELF, &first));
	/* Some work until the clock shows it. */
	for (int i = 0; i < 10000; i++) {
		volatile unsigned int x = 0;

		for (int j = 0; j < 100000; j++)
			x += (unsigned int)j;
		EXPECT_OK(getrusage(RUSAGE_SELF, &second));
		if (second.ru_utime.tv_sec * 1000000 + second.ru_utime.tv_usec >
		    first.ru_utime.tv_sec * 1000000 + first.ru_utime.tv_usec + 10000)
			break;
	}
	EXPECT(second.ru_utime.tv_sec * 1000000 + second.ru_utime.tv_usec >
	       first.ru_utime.tv_sec * 1000000 + first.ru_utime.tv_usec);
	EXPECT(second.ru_maxrss > 0);
	EXPECT_OK(getrusage(RUSAGE_THREAD, &thread));
	EXPECT(thread.ru_utime.tv_sec <= second.ru_utime.tv_sec + 1);
	EXPECT_ERR(getrusage(5, &first), EINVAL);
	EXPECT_ERR(syscall(SYS_getrusage, RUSAGE_SELF, (void *)8), EFAULT);
}

static void burn(void)
{
	struct rusage r;

	do {
		for (volatile int j = 0; j < 100000; j++)
			;
		getrusage(RUSAGE_SELF, &r);
	} while (r.ru_utime.tv_sec == 0 && r.ru_utime.tv_usec < 30000);
}

TEST(getrusage, children)
{
	struct rusage r;

	EXPECT_OK(getrusage(RUSAGE_CHILDREN, &r));
	EXPECT_EQ(r.ru_utime.tv_sec * 1000000 + r.ru_utime.tv_usec, 0);
	EXPECT_EQ(test_in_child(burn), 0);
	EXPECT_OK(getrusage(RUSAGE_CHILDREN, &r));
	EXPECT(r.ru_utime.tv_sec * 1000000 + r.ru_utime.tv_usec >= 20000);
}

TEST(times, ticks)
{
	struct tms t;
	clock_t first, second;

	first = times(&t);
	EXPECT(first != (clock_t)-1);
	EXPECT_EQ(t.tms_cutime, 0);
	EXPECT_EQ(test_in_child(burn), 0);
	second = times(&t);
	EXPECT(second >= first + 2);
	EXPECT(t.tms_cutime >= 1);
	EXPECT(syscall(SYS_times, NULL) >= second);
	EXPECT_ERR(syscall(SYS_times, (void *)8), EFAULT);
}

TEST_MAIN
