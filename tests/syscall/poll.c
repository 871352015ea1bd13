/* SPDX-License-Identifier: Apache-2.0 */
/* poll, ppoll, select, pselect6. */
#include "tests/syscall/test.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>

static void *volatile bad = (void *)8;
#define BAD ((void *)bad)

static volatile sig_atomic_t got_signal;
static void on_signal(int sig)
{
	got_signal = sig;
}

/* Signals itself as soon as the parent sleeps. */
static pid_t signal_parent_when_asleep(int sig)
{
	pid_t pid = fork(), parent = getppid();

	if (!pid) {
		parent = getppid();
		EXPECT_SOON(sleeping(parent));
		kill(parent, sig);
		_exit(0);
	}
	return pid;
}

TEST(poll, ready_and_not)
{
	struct pollfd p[4];
	int a[2], b[2];

	EXPECT_EQ(pipe(a), 0);
	EXPECT_EQ(pipe(b), 0);
	EXPECT_EQ(write(b[1], "x", 1), 1);
	p[0] = (struct pollfd){ a[0], POLLIN, -1 };
	p[1] = (struct pollfd){ b[0], POLLIN, -1 };
	p[2] = (struct pollfd){ a[1], POLLOUT, -1 };
	p[3] = (struct pollfd){ -5, POLLIN, -1 };
	EXPECT_EQ(poll(p, 4, 1000), 2);
	EXPECT_EQ(p[0].revents, 0);
	EXPECT_EQ(p[1].revents, POLLIN);
	EXPECT_EQ(p[2].revents, POLLOUT);
	EXPECT_EQ(p[3].revents, 0);
	EXPECT_EQ(poll(p, 1, 0), 0);
	p[1].events = POLLRDNORM;
	EXPECT_EQ(poll(p, 2, -1), 1);
	EXPECT_EQ(p[1].revents, POLLRDNORM);
}

TEST(poll, not_open)
{
	struct pollfd p = { 900, POLLIN, 0 };

	EXPECT_EQ(poll(&p, 1, -1), 1);
	EXPECT_EQ(p.revents, POLLNVAL);
}

TEST(poll, regular_file_is_always_ready)
{
	struct pollfd p = { open("f", O_RDWR | O_CREAT, 0600), POLLIN | POLLOUT, 0 };

	EXPECT(p.fd >= 0);
	EXPECT_EQ(poll(&p, 1, -1), 1);
	EXPECT_EQ(p.revents, POLLIN | POLLOUT);
}

TEST(poll, errors)
{
	struct rlimit few = { 16, 16 };
	static struct pollfd many[17];

	EXPECT_ERR(poll(BAD, 1, 0), EFAULT);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 17; i++)
		many[i].fd = -1;
	EXPECT_EQ(poll(many, 16, 0), 0);
	EXPECT_ERR(poll(many, 17, 0), EINVAL);
}

TEST(poll, timeout)
{
	long long start = now_ms();
	int p[2];

	EXPECT_EQ(poll(NULL, 0, 20), 0);
	EXPECT(now_ms() - start >= 20);
	EXPECT_EQ(pipe(p), 0);
	struct pollfd one = { p[0], POLLIN, 0 };

	start = now_ms();
	EXPECT_EQ(poll(&one, 1, 20), 0);
	EXPECT(now_ms() - start >= 20);
}

TEST(poll, wakes)
{
	int p[2], status;
	pid_t pid;

	EXPECT_EQ(pipe(p), 0);
	pid = fork();
	if (!pid) {
		struct pollfd one = { p[0], POLLIN, 0 };

		_exit(poll(&one, 1, -1) != 1 || one.revents != POLLIN);
	}
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(write(p[1], "x", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* More files than fit on any stack, the last of which becomes ready. */
TEST(poll, many_files)
{
	enum { COUNT = 300 };
	struct pollfd many[COUNT];
	int status;
	pid_t pid;

	for (int i = 0; i < COUNT; i++)
		many[i] = (struct pollfd){ (int)EXPECT_OK(eventfd(0, 0)), POLLIN, 0 };
	pid = fork();
	if (!pid)
		_exit(poll(many, COUNT, -1) != 1 || many[COUNT - 1].revents != POLLIN ||
		      many[0].revents);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(eventfd_write(many[COUNT - 1].fd, 1), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(poll, hangup_is_told_unasked)
{
	struct pollfd one;
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	close(p[1]);
	one = (struct pollfd){ p[0], 0, 0 };
	EXPECT_EQ(poll(&one, 1, -1), 1);
	EXPECT_EQ(one.revents, POLLHUP);
}

TEST(poll, handler_gives_eintr)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct pollfd one;
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	EXPECT_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	signal_parent_when_asleep(SIGUSR1);
	one = (struct pollfd){ p[0], POLLIN, 0 };
	EXPECT_ERR(poll(&one, 1, -1), EINTR);
	EXPECT_EQ(got_signal, SIGUSR1);
}

TEST(poll, stop_and_continue_go_on_waiting)
{
	int p[2], status;
	pid_t pid;

	EXPECT_EQ(pipe(p), 0);
	pid = fork();
	if (!pid) {
		struct pollfd one = { p[0], POLLIN, 0 };

		_exit(poll(&one, 1, 15000) != 1);
	}
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(kill(pid, SIGSTOP), 0);
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status));
	EXPECT_EQ(kill(pid, SIGCONT), 0);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(write(p[1], "x", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(poll, socket_pair)
{
	struct pollfd one;
	int s[2];

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	one = (struct pollfd){ s[0], POLLIN | POLLOUT | POLLRDHUP, 0 };
	EXPECT_EQ(poll(&one, 1, 0), 1);
	EXPECT_EQ(one.revents, POLLOUT);
	EXPECT_EQ(write(s[1], "x", 1), 1);
	EXPECT_EQ(poll(&one, 1, 0), 1);
	EXPECT_EQ(one.revents, POLLIN | POLLOUT);
	close(s[1]);
	EXPECT_EQ(poll(&one, 1, 0), 1);
	EXPECT_EQ(one.revents, POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}

TEST(ppoll, timeout_is_updated)
{
	struct timespec ts = { 30, 0 };
	struct pollfd one;
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	EXPECT_EQ(write(p[1], "x", 1), 1);
	one = (struct pollfd){ p[0], POLLIN, 0 };
	EXPECT_EQ(syscall(SYS_ppoll, &one, 1, &ts, NULL, 8), 1);
	EXPECT(ts.tv_sec == 29 || (ts.tv_sec == 30 && !ts.tv_nsec));
	one.fd = -1;
	ts = (struct timespec){ 0, 5000000 };
	EXPECT_EQ(syscall(SYS_ppoll, &one, 1, &ts, NULL, 8), 0);
	EXPECT(!ts.tv_sec && !ts.tv_nsec);
}

TEST(ppoll, mask_lets_signal_in)
{
	sigset_t block, none;

	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	EXPECT_EQ(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	signal(SIGUSR1, on_signal);
	EXPECT_EQ(raise(SIGUSR1), 0);
	EXPECT_EQ(got_signal, 0);
	EXPECT_ERR(ppoll(NULL, 0, NULL, &none), EINTR);
	EXPECT_EQ(got_signal, SIGUSR1);
	EXPECT_EQ(sigprocmask(SIG_BLOCK, NULL, &none), 0);
	EXPECT(sigismember(&none, SIGUSR1));
}

TEST(ppoll, errors)
{
	struct timespec ts = { 0, 1000000000 };
	struct pollfd one = { -1, 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	EXPECT_ERR(syscall(SYS_ppoll, &one, 1, &ts, NULL, 8), EINVAL);
	ts = (struct timespec){ -1, 0 };
	EXPECT_ERR(syscall(SYS_ppoll, &one, 1, &ts, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_ppoll, &one, 1, BAD, NULL, 8), EFAULT);
	EXPECT_ERR(syscall(SYS_ppoll, &one, 1, NULL, &set, 4), EINVAL);
	EXPECT_ERR(syscall(SYS_ppoll, &one, 1, NULL, BAD, 8), EFAULT);
}

TEST(select, three_sets)
{
	fd_set r, w, e;
	struct timeval tv = { 10, 0 };
	int a[2], b[2];

	EXPECT_EQ(pipe(a), 0);
	EXPECT_EQ(pipe(b), 0);
	EXPECT_EQ(write(b[1], "x", 1), 1);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(a[0], &r);
	FD_SET(b[0], &r);
	FD_SET(a[1], &w);
	FD_SET(a[0], &e);
	EXPECT_EQ(select(b[1] + 1, &r, &w, &e, &tv), 2);
	EXPECT(!FD_ISSET(a[0], &r) && FD_ISSET(b[0], &r) && FD_ISSET(a[1], &w) &&
	       !FD_ISSET(a[0], &e));
	EXPECT(tv.tv_sec == 9 || (tv.tv_sec == 10 && !tv.tv_usec));
}

TEST(select, end_counts_as_readable_but_not_exceptional)
{
	struct timeval tv = { 0, 10000 };
	fd_set r, e;
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	close(p[1]);
	FD_ZERO(&e);
	FD_SET(p[0], &e);
	EXPECT_EQ(select(p[0] + 1, NULL, NULL, &e, &tv), 0);
	EXPECT(!FD_ISSET(p[0], &e));
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	EXPECT_EQ(select(p[0] + 1, &r, NULL, NULL, NULL), 1);
}

TEST(select, timeout_clears_sets)
{
	struct timeval tv = { 0, 15000 };
	long long start = now_ms();
	fd_set r;
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	EXPECT_EQ(select(p[0] + 1, &r, NULL, NULL, &tv), 0);
	EXPECT(!FD_ISSET(p[0], &r));
	EXPECT(now_ms() - start >= 15);
	EXPECT(!tv.tv_sec && !tv.tv_usec);
	tv = (struct timeval){ 0, 0 };
	EXPECT_EQ(select(0, NULL, NULL, NULL, &tv), 0);
}

TEST(select, errors)
{
	struct timeval tv = { -1, 0 };
	fd_set r;

	FD_ZERO(&r);
	FD_SET(60, &r);
	EXPECT_ERR(select(61, &r, NULL, NULL, NULL), EBADF);
	EXPECT_ERR(select(-1, NULL, NULL, NULL, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, &tv), EINVAL);
	EXPECT_ERR(syscall(SYS_select, 1, BAD, NULL, NULL, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_select, 1, NULL, NULL, NULL, BAD), EFAULT);
}

TEST(select, high_descriptors)
{
	enum { HIGH = 900 };
	fd_set r;
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	if (dup2(p[0], HIGH) != HIGH)
		SKIP("the limit of descriptors is below 900");
	EXPECT_EQ(write(p[1], "x", 1), 1);
	FD_ZERO(&r);
	FD_SET(HIGH, &r);
	FD_SET(p[0], &r);
	EXPECT_EQ(select(HIGH + 1, &r, NULL, NULL, NULL), 2);
	EXPECT(FD_ISSET(HIGH, &r));
}

TEST(select, wakes)
{
	int p[2], status;
	pid_t pid;

	EXPECT_EQ(pipe(p), 0);
	pid = fork();
	if (!pid) {
		fd_set r;

		FD_ZERO(&r);
		FD_SET(p[0], &r);
		close(p[1]);
		_exit(select(p[0] + 1, &r, NULL, NULL, NULL) != 1 || !FD_ISSET(p[0], &r));
	}
	EXPECT_SOON(sleeping(pid));
	close(p[1]);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(pselect6, mask_and_timeout)
{
	struct timespec ts = { 0, 5000000 };
	sigset_t block, none;

	EXPECT_EQ(pselect(0, NULL, NULL, NULL, &ts, NULL), 0);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	EXPECT_EQ(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	signal(SIGUSR2, on_signal);
	EXPECT_EQ(raise(SIGUSR2), 0);
	EXPECT_ERR(pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
	EXPECT_EQ(got_signal, SIGUSR2);
}

TEST(pselect6, errors)
{
	struct timespec ts = { 0, -1 };
	unsigned long wrong[2];
	sigset_t set;

	sigemptyset(&set);
	wrong[0] = (unsigned long)&set;
	wrong[1] = 4;
	EXPECT_ERR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, wrong), EINVAL);
	EXPECT_ERR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, BAD), EFAULT);
}

TEST_MAIN
