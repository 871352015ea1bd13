/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors for events: eventfd, signalfd, timerfd. */
#include "tests/syscall/test.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static void *volatile bad = (void *)8;
#define BAD ((void *)bad)
#define MS 1000000LL

static unsigned int poll_for(int fd, short events, int timeout)
{
	struct pollfd p = { .fd = fd, .events = events };

	EXPECT(poll(&p, 1, timeout) >= 0);
	return (unsigned short)p.revents;
}

static long long now_ns(clockid_t id)
{
	struct timespec ts;

	EXPECT_EQ(clock_gettime(id, &ts), 0);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static bool fdinfo_has(int fd, const char *text)
{
	char path[64], buf[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	EXPECT(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = '\0';
	fclose(f);
	return strstr(buf, text);
}

TEST(eventfd2, counts)
{
	uint64_t v = 3;
	int fd = EXPECT_OK(eventfd(5, EFD_NONBLOCK));

	EXPECT_EQ(write(fd, &v, 8), 8);
	EXPECT_EQ(read(fd, &v, 8), 8);
	EXPECT_EQ(v, 8);
	EXPECT_ERR(read(fd, &v, 8), EAGAIN);
	v = 0;
	EXPECT_EQ(write(fd, &v, 8), 8);
	EXPECT_ERR(read(fd, &v, 8), EAGAIN);
	EXPECT_ERR(read(fd, &v, 7), EINVAL);
	EXPECT_ERR(write(fd, &v, 7), EINVAL);
	v = UINT64_MAX;
	EXPECT_ERR(write(fd, &v, 8), EINVAL);
	EXPECT_ERR(write(fd, BAD, 8), EFAULT);
}

TEST(eventfd2, semaphore)
{
	uint64_t v;
	int fd = EXPECT_OK(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));

	EXPECT_EQ(read(fd, &v, 8), 8);
	EXPECT_EQ(v, 1);
	EXPECT_EQ(read(fd, &v, 8), 8);
	EXPECT_EQ(v, 1);
	EXPECT_ERR(read(fd, &v, 8), EAGAIN);
}

TEST(eventfd2, readiness)
{
	uint64_t v = UINT64_MAX - 1;
	int fd = EXPECT_OK(eventfd(0, EFD_NONBLOCK));

	EXPECT_EQ(poll_for(fd, POLLIN | POLLOUT, 0), POLLOUT);
	EXPECT_EQ(write(fd, &v, 8), 8);
	EXPECT_EQ(poll_for(fd, POLLIN | POLLOUT, 0), POLLIN);
	v = 1;
	EXPECT_ERR(write(fd, &v, 8), EAGAIN);
	EXPECT_EQ(read(fd, &v, 8), 8);
	EXPECT_EQ(v, UINT64_MAX - 1);
}

TEST(eventfd2, flags)
{
	int fd = EXPECT_OK(eventfd(0, EFD_CLOEXEC));
	char name[64], path[64];
	ssize_t n;

	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(fd, F_GETFL), O_RDWR);
	EXPECT_ERR(syscall(SYS_eventfd2, 0, 0x100000), EINVAL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 1);
	EXPECT(n > 0);
	name[n] = '\0';
	EXPECT_STR(name, "anon_inode:[eventfd]");
	EXPECT(fdinfo_has(fd, "eventfd-count:                0\n"));
}

TEST(eventfd, old_call)
{
	uint64_t v;
	int fd = EXPECT_OK(syscall(SYS_eventfd, 7));

	EXPECT_EQ(read(fd, &v, 8), 8);
	EXPECT_EQ(v, 7);
}

TEST(eventfd, wakes_sleepers_both_ways)
{
	uint64_t v = UINT64_MAX - 1, one = 1;
	int a = EXPECT_OK(eventfd(0, 0)), b = EXPECT_OK(eventfd(0, 0)), status;
	pid_t pid;

	EXPECT_EQ(write(b, &v, 8), 8);
	pid = fork();
	if (!pid) {
		if (read(a, &v, 8) != 8 || v != 4)
			_exit(1);
		_exit(write(b, &one, 8) != 8);
	}
	EXPECT_SOON(sleeping(pid));
	v = 4;
	EXPECT_EQ(write(a, &v, 8), 8);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(read(b, &v, 8), 8);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(read(b, &v, 8), 8);
	EXPECT_EQ(v, 1);
}

/* --- signalfd ------------------------------------------------------------------------------------------------------------ */

static int signals_new(sigset_t *set, int flags)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGRTMIN + 2);
	EXPECT_EQ(sigprocmask(SIG_BLOCK, set, NULL), 0);
	return (int)EXPECT_OK(signalfd(-1, set, flags));
}

TEST(signalfd4, reads_pending_signals)
{
	struct signalfd_siginfo si[3];
	union sigval value = { .sival_int = 77 };
	sigset_t set;
	int fd = signals_new(&set, SFD_NONBLOCK);

	EXPECT_EQ(poll_for(fd, POLLIN, 0), 0);
	EXPECT_ERR(read(fd, si, sizeof(si)), EAGAIN);
	EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
	EXPECT_EQ(sigqueue(getpid(), SIGRTMIN + 2, value), 0);
	EXPECT_EQ(poll_for(fd, POLLIN, 0), POLLIN);
	EXPECT_ERR(read(fd, si, sizeof(si[0]) - 1), EINVAL);
	EXPECT_EQ(read(fd, si, sizeof(si)), 2 * sizeof(si[0]));
	EXPECT_EQ(si[0].ssi_signo, SIGUSR1);
	EXPECT_EQ(si[0].ssi_code, SI_USER);
	EXPECT_EQ(si[0].ssi_pid, getpid());
	EXPECT_EQ(si[0].ssi_uid, getuid());
	EXPECT_EQ(si[1].ssi_signo, SIGRTMIN + 2);
	EXPECT_EQ(si[1].ssi_code, SI_QUEUE);
	EXPECT_EQ(si[1].ssi_int, 77);
	EXPECT_ERR(read(fd, si, sizeof(si)), EAGAIN);
}

TEST(signalfd4, mask_can_change)
{
	struct signalfd_siginfo si;
	sigset_t set, other;
	int fd = signals_new(&set, SFD_NONBLOCK);

	sigemptyset(&other);
	sigaddset(&other, SIGUSR2);
	EXPECT_EQ(sigprocmask(SIG_BLOCK, &other, NULL), 0);
	EXPECT_EQ(kill(getpid(), SIGUSR2), 0);
	EXPECT_ERR(read(fd, &si, sizeof(si)), EAGAIN);
	EXPECT_EQ(signalfd(fd, &other, 0), fd);
	EXPECT_EQ(read(fd, &si, sizeof(si)), sizeof(si));
	EXPECT_EQ(si.ssi_signo, SIGUSR2);
}

TEST(signalfd4, errors)
{
	sigset_t set;
	int fd = signals_new(&set, SFD_CLOEXEC);

	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_ERR(signalfd(999, &set, 0), EBADF);
	EXPECT_ERR(signalfd(0, &set, 0), EINVAL);
	EXPECT_ERR(signalfd(-1, &set, 0x100000), EINVAL);
	EXPECT_ERR(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_signalfd4, -1, BAD, 8, 0), EFAULT);
	EXPECT(fdinfo_has(fd, "sigmask:\t0000000800000200\n"));
}

TEST(signalfd, wakes_reader)
{
	struct signalfd_siginfo si;
	sigset_t set;
	int fd, status;
	pid_t pid;

	signals_new(&set, 0);
	fd = EXPECT_OK(syscall(SYS_signalfd, -1, &set, 8));
	pid = fork();
	if (!pid)
		_exit(read(fd, &si, sizeof(si)) != sizeof(si) || si.ssi_signo != SIGUSR1);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(kill(pid, SIGUSR1), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(signalfd, child_status_is_told)
{
	struct signalfd_siginfo si;
	sigset_t set;
	int fd;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	fd = EXPECT_OK(signalfd(-1, &set, 0));
	pid = fork();
	if (!pid)
		_exit(9);
	EXPECT_EQ(poll_for(fd, POLLIN, 10000), POLLIN);
	EXPECT_EQ(read(fd, &si, sizeof(si)), sizeof(si));
	EXPECT_EQ(si.ssi_signo, SIGCHLD);
	EXPECT_EQ(si.ssi_code, CLD_EXITED);
	EXPECT_EQ(si.ssi_pid, pid);
	EXPECT_EQ(si.ssi_status, 9);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

/* --- timerfd -------------------------------------------------------------------------------------------------------------- */

static void set_timer(int fd, int flags, long long value, long long interval)
{
	struct itimerspec its = { .it_value = { value / 1000000000, value % 1000000000 },
				  .it_interval = { interval / 1000000000, interval % 1000000000 } };

	EXPECT_EQ(timerfd_settime(fd, flags, &its, NULL), 0);
}

TEST(timerfd_create, errors)
{
	int fd = EXPECT_OK(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	uint64_t v;

	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	EXPECT_ERR(timerfd_create(CLOCK_MONOTONIC, 1 << 20), EINVAL);
	EXPECT_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	EXPECT_ERR(timerfd_create(99, 0), EINVAL);
	EXPECT_ERR(read(fd, &v, 8), EAGAIN);
	EXPECT_ERR(read(fd, &v, 4), EINVAL);
	EXPECT_ERR(write(fd, &v, 8), EINVAL);
	EXPECT_OK(timerfd_create(CLOCK_REALTIME, 0));
	EXPECT_OK(timerfd_create(CLOCK_BOOTTIME, 0));
}

TEST(timerfd_settime, one_shot)
{
	int fd = EXPECT_OK(timerfd_create(CLOCK_MONOTONIC, 0));
	long long before = now_ns(CLOCK_MONOTONIC);
	struct itimerspec left;
	uint64_t v;

	set_timer(fd, 0, 20 * MS, 0);
	EXPECT_EQ(timerfd_gettime(fd, &left), 0);
	EXPECT(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 &&
	       left.it_value.tv_nsec <= 20 * MS);
	EXPECT_EQ(read(fd, &v, 8), 8);
	EXPECT_EQ(v, 1);
	EXPECT(now_ns(CLOCK_MONOTONIC) - before >= 20 * MS);
	EXPECT_EQ(timerfd_gettime(fd, &left), 0);
	EXPECT(!left.it_value.tv_sec && !left.it_value.tv_nsec);
	EXPECT_EQ(poll_for(fd, POLLIN, 0), 0);
}

TEST(timerfd_settime, interval_counts)
{
	int fd = EXPECT_OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	long long start = now_ns(CLOCK_MONOTONIC), elapsed;
	uint64_t v, total = 0;

	set_timer(fd, 0, 5 * MS, 5 * MS);
	EXPECT_EQ(poll_for(fd, POLLIN, 10000), POLLIN);
	while (total < 8) {
		if (read(fd, &v, 8) == 8)
			total += v;
		else
			EXPECT_EQ(poll_for(fd, POLLIN, 10000), POLLIN);
	}
	elapsed = now_ns(CLOCK_MONOTONIC) - start;
	EXPECT(elapsed >= (long long)total * 5 * MS);
}

TEST(timerfd_settime, absolute_and_past)
{
	static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };
	uint64_t v;

	for (int i = 0; i < 3; i++) {
		int fd = EXPECT_OK(timerfd_create(clocks[i], 0));
		long long end = now_ns(clocks[i]) + 10 * MS;

		set_timer(fd, TFD_TIMER_ABSTIME, end, 0);
		EXPECT_EQ(read(fd, &v, 8), 8);
		EXPECT(now_ns(clocks[i]) >= end);
		set_timer(fd, TFD_TIMER_ABSTIME, 1, 0);
		EXPECT_EQ(poll_for(fd, POLLIN, 10000), POLLIN);
		EXPECT_EQ(read(fd, &v, 8), 8);
		EXPECT_EQ(v, 1);
	}
}

TEST(timerfd_settime, disarm_and_old_value)
{
	int fd = EXPECT_OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	struct itimerspec zero = { 0 }, old;
	uint64_t v;

	set_timer(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
		  now_ns(CLOCK_REALTIME) + 100000 * MS, 3000 * MS);
	EXPECT_EQ(timerfd_settime(fd, 0, &zero, &old), 0);
	EXPECT(old.it_value.tv_sec >= 90 && old.it_value.tv_sec <= 100);
	EXPECT_EQ(old.it_interval.tv_sec, 3);
	EXPECT_ERR(read(fd, &v, 8), EAGAIN);
}

TEST(timerfd_settime, errors)
{
	int fd = EXPECT_OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec its = { .it_value = { 0, 1000000000 } };

	EXPECT_ERR(timerfd_settime(fd, 0, &its, NULL), EINVAL);
	its.it_value.tv_nsec = 1;
	EXPECT_ERR(timerfd_settime(fd, 64, &its, NULL), EINVAL);
	EXPECT_ERR(timerfd_settime(0, 0, &its, NULL), EINVAL);
	EXPECT_ERR(timerfd_settime(999, 0, &its, NULL), EBADF);
	EXPECT_ERR(timerfd_settime(fd, 0, BAD, NULL), EFAULT);
}

TEST(timerfd_settime, wakes_reader_asleep_for_another_time)
{
	int fd = EXPECT_OK(timerfd_create(CLOCK_MONOTONIC, 0)), status;
	uint64_t v;
	pid_t pid;

	set_timer(fd, 0, 1000000 * MS, 0);
	pid = fork();
	if (!pid)
		_exit(read(fd, &v, 8) != 8 || v != 1);
	EXPECT_SOON(sleeping(pid));
	set_timer(fd, 0, 1 * MS, 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(timerfd_gettime, errors_and_fdinfo)
{
	int fd = EXPECT_OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec its;

	EXPECT_ERR(timerfd_gettime(0, &its), EINVAL);
	EXPECT_ERR(timerfd_gettime(999, &its), EBADF);
	EXPECT_ERR(timerfd_gettime(fd, BAD), EFAULT);
	EXPECT(fdinfo_has(
		fd,
		"clockid: 1\nticks: 0\nsettime flags: 00\nit_value: (0, 0)\nit_interval: (0, 0)\n"));
}

TEST_MAIN
