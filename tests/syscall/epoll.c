/* SPDX-License-Identifier: Apache-2.0 */
/* epoll: members of every kind, triggers, nesting, several waiters, and what happens to closed files. */
#include "tests/syscall/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static void *volatile bad = (void *)8;
#define BAD ((void *)bad)

static volatile sig_atomic_t got_signal;
static void on_signal(int sig)
{
	got_signal = sig;
}

static int ctl(int ep, int op, int fd, unsigned int events)
{
	struct epoll_event ev = { .events = events, .data.u64 = (uint64_t)fd | 0xabcd00000000ULL };

	return epoll_ctl(ep, op, fd, &ev);
}

static int new_set(void)
{
	return (int)EXPECT_OK(epoll_create1(EPOLL_CLOEXEC));
}

static int new_event(unsigned int count)
{
	return (int)EXPECT_OK(eventfd(count, EFD_NONBLOCK));
}

/* Events of `fd` in one call that returns at most one event; 0: none. */
static unsigned int one_event(int ep, int timeout, int fd)
{
	struct epoll_event ev = { 0 };
	int n = epoll_wait(ep, &ev, 1, timeout);

	EXPECT(n >= 0);
	if (!n)
		return 0;
	EXPECT_EQ(ev.data.u64, (uint64_t)fd | 0xabcd00000000ULL);
	return ev.events;
}

TEST(epoll_create1, flags_and_errors)
{
	int ep = new_set();

	EXPECT_EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
	EXPECT_ERR(epoll_create1(1), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_create, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_create, -1), EINVAL);
	ep = (int)EXPECT_OK(syscall(SYS_epoll_create, 5));
	EXPECT_EQ(fcntl(ep, F_GETFD), 0);
}

TEST(epoll_create, set_works)
{
	int ep = (int)EXPECT_OK(syscall(SYS_epoll_create, 1)), fd = new_event(1);

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(one_event(ep, 0, fd), EPOLLIN);
}

TEST(epoll_ctl, errors)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = new_set(), fd = new_event(0), file = open("f", O_RDWR | O_CREAT, 0600);

	EXPECT(file >= 0);
	EXPECT_ERR(ctl(999, EPOLL_CTL_ADD, fd, EPOLLIN), EBADF);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, 999, EPOLLIN), EBADF);
	EXPECT_ERR(ctl(fd, EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	EXPECT_ERR(ctl(ep, 77, fd, EPOLLIN), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_DEL, fd, EPOLLIN), ENOENT);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN), ENOENT);
	EXPECT_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, fd, BAD), EFAULT);
	EXPECT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	EXPECT_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), EEXIST);
	EXPECT_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), 0);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLEXCLUSIVE | EPOLLIN), 0);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN), EINVAL);
}

TEST(epoll_wait, errors)
{
	struct epoll_event ev;
	int ep = new_set(), fd = new_event(0);

	EXPECT_ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_wait, ep, &ev, -1, 0), EINVAL);
	EXPECT_ERR(epoll_wait(fd, &ev, 1, 0), EINVAL);
	EXPECT_ERR(epoll_wait(999, &ev, 1, 0), EBADF);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLOUT), 0);
	EXPECT_ERR(epoll_wait(ep, BAD, 1, 0), EFAULT);
}

TEST(epoll_wait, level)
{
	int ep = new_set(), fd = new_event(0);

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(one_event(ep, -1, fd), EPOLLIN);
	eventfd_t v;

	EXPECT_EQ(eventfd_read(fd, &v), 0);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
}

TEST(epoll_wait, edge)
{
	int ep = new_set(), p[2];
	char c;

	EXPECT_EQ(pipe2(p, O_NONBLOCK), 0);
	EXPECT_EQ(write(p[1], "ab", 2), 2);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET), 0);
	EXPECT_EQ(one_event(ep, 0, p[0]), EPOLLIN);
	EXPECT_EQ(one_event(ep, 0, p[0]), 0);
	EXPECT_EQ(read(p[0], &c, 1), 1);
	EXPECT_EQ(one_event(ep, 0, p[0]), 0);
	EXPECT_EQ(write(p[1], "c", 1), 1);
	EXPECT_EQ(one_event(ep, 0, p[0]), EPOLLIN);
	EXPECT_EQ(one_event(ep, 0, p[0]), 0);
	close(p[1]);
	EXPECT_EQ(one_event(ep, 0, p[0]), EPOLLIN | EPOLLHUP);
	EXPECT_EQ(one_event(ep, 0, p[0]), 0);
}

TEST(epoll_wait, one_shot)
{
	int ep = new_set(), fd = new_event(1);

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT), 0);
	EXPECT_EQ(one_event(ep, 0, fd), EPOLLIN);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT), 0);
	EXPECT_EQ(one_event(ep, 0, fd), EPOLLIN);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
}

TEST(epoll_ctl, modify_changes_events_and_data)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.u64 = 5 };
	int ep = new_set(), fd = new_event(1);

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, 0), 0);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
	EXPECT_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev), 0);
	ev.data.u64 = 0;
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 0), 1);
	EXPECT_EQ(ev.data.u64, 5);
	EXPECT_EQ(ev.events, EPOLLOUT);
}

/* With fewer places than ready members, all get their turn. */
TEST(epoll_wait, is_fair)
{
	enum { COUNT = 10 };
	bool seen[COUNT] = { false };
	int ep = new_set(), fds[COUNT];
	struct epoll_event ev[3];

	for (int i = 0; i < COUNT; i++) {
		struct epoll_event add = { .events = EPOLLIN, .data.u32 = (uint32_t)i };

		fds[i] = new_event(1);
		EXPECT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &add), 0);
	}
	for (int round = 0; round < 4; round++) {
		EXPECT_EQ(epoll_wait(ep, ev, 3, 0), 3);
		for (int i = 0; i < 3; i++)
			seen[ev[i].data.u32] = true;
	}
	for (int i = 0; i < COUNT; i++)
		EXPECT(seen[i]);
}

TEST(epoll_wait, many_events_at_once)
{
	enum { COUNT = 200 };
	static struct epoll_event ev[1000];
	int ep = new_set();

	for (int i = 0; i < COUNT; i++)
		EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, new_event(1), EPOLLIN), 0);
	EXPECT_EQ(epoll_wait(ep, ev, 1000, 0), COUNT);
	for (int i = 1; i < COUNT; i++)
		EXPECT(ev[i].data.u64 != ev[0].data.u64);
}

TEST(epoll_wait, timeout)
{
	int ep = new_set(), fd = new_event(0);
	long long start = now_ms();

	EXPECT_EQ(one_event(ep, 20, fd), 0);
	EXPECT(now_ms() - start >= 20);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	start = now_ms();
	EXPECT_EQ(one_event(ep, 20, fd), 0);
	EXPECT(now_ms() - start >= 20);
}

TEST(epoll_wait, wakes)
{
	int ep = new_set(), fd = new_event(0), status;
	pid_t pid;

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	pid = fork();
	if (!pid)
		_exit(one_event(ep, -1, fd) != EPOLLIN);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* A member that is added while somebody sleeps in the set wakes it. */
TEST(epoll_wait, wakes_for_new_member)
{
	int ep = new_set(), fd = new_event(1), status;
	pid_t pid = fork();

	if (!pid)
		_exit(one_event(ep, -1, fd) != EPOLLIN);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(epoll_ctl, closed_files_leave)
{
	int ep = new_set(), fd = new_event(1), copy = dup(fd);

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	close(fd);
	/* Still open by another descriptor: still a member. */
	EXPECT_EQ(one_event(ep, 0, fd), EPOLLIN);
	close(copy);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
}

TEST(epoll_ctl, two_descriptors_of_one_file)
{
	struct epoll_event ev[4];
	int ep = new_set(), fd = new_event(1), copy = dup(fd);

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, copy, EPOLLOUT), 0);
	EXPECT_EQ(epoll_wait(ep, ev, 4, 0), 2);
	EXPECT_EQ(ev[0].events | ev[1].events, EPOLLIN | EPOLLOUT);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_DEL, fd, 0), 0);
	EXPECT_EQ(one_event(ep, 0, copy), EPOLLOUT);
}

TEST(epoll_ctl, nested_sets)
{
	int outer = new_set(), inner = new_set(), fd = new_event(0);
	struct pollfd p = { outer, POLLIN, 0 };
	eventfd_t v;

	EXPECT_EQ(ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN), 0);
	EXPECT_EQ(ctl(inner, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(one_event(outer, 0, inner), 0);
	EXPECT_EQ(poll(&p, 1, 0), 0);
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	EXPECT_EQ(poll(&p, 1, 0), 1);
	EXPECT_EQ(p.revents, POLLIN);
	EXPECT_EQ(one_event(outer, -1, inner), EPOLLIN);
	EXPECT_EQ(one_event(inner, -1, fd), EPOLLIN);
	EXPECT_EQ(eventfd_read(fd, &v), 0);
	EXPECT_EQ(one_event(outer, 0, inner), 0);
	EXPECT_ERR(ctl(inner, EPOLL_CTL_ADD, outer, EPOLLIN), ELOOP);
}

TEST(epoll_ctl, nesting_has_an_end)
{
	int below = new_set(), above, i;

	for (i = 0; i < 10; i++) {
		above = new_set();
		if (ctl(above, EPOLL_CTL_ADD, below, EPOLLIN))
			break;
		below = above;
	}
	EXPECT(i >= 3 && i < 10);
	EXPECT_EQ(errno, ELOOP);
}

TEST(epoll_wait, nested_wakes)
{
	int outer = new_set(), inner = new_set(), fd = new_event(0), status;
	pid_t pid;

	EXPECT_EQ(ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN), 0);
	EXPECT_EQ(ctl(inner, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	pid = fork();
	if (!pid)
		_exit(one_event(outer, -1, inner) != EPOLLIN);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static int shared_set;
static unsigned int events_taken;

static void *taker(void *arg)
{
	struct epoll_event ev;
	eventfd_t v;

	for (;;) {
		if (epoll_wait(shared_set, &ev, 1, -1) != 1)
			return (void *)1;
		if (ev.data.fd < 0)
			return NULL;
		/* Armed again only after the counter was taken. */
		if (eventfd_read(ev.data.fd, &v))
			return (void *)2;
		__atomic_add_fetch(&events_taken, (unsigned int)v, __ATOMIC_SEQ_CST);
		ev.events = EPOLLIN | EPOLLONESHOT;
		if (epoll_ctl(shared_set, EPOLL_CTL_MOD, ev.data.fd, &ev))
			return (void *)3;
	}
	return arg;
}

/* Several threads in one set lose no event. */
TEST(epoll_wait, several_waiters)
{
	enum { THREADS = 4, FILES = 3, ROUNDS = 2000 };
	struct epoll_event ev;
	pthread_t t[THREADS];
	int fds[FILES], stop;
	void *ret;

	shared_set = new_set();
	for (int i = 0; i < FILES; i++) {
		fds[i] = new_event(0);
		ev = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.fd = fds[i] };
		EXPECT_EQ(epoll_ctl(shared_set, EPOLL_CTL_ADD, fds[i], &ev), 0);
	}
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, taker, NULL), 0);
	for (int i = 0; i < ROUNDS; i++)
		EXPECT_EQ(eventfd_write(fds[i % FILES], 1), 0);
	EXPECT_SOON(__atomic_load_n(&events_taken, __ATOMIC_SEQ_CST) == ROUNDS);
	stop = new_event(1);
	ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = -1 };
	EXPECT_EQ(epoll_ctl(shared_set, EPOLL_CTL_ADD, stop, &ev), 0);
	for (int i = 0; i < THREADS; i++) {
		EXPECT_EQ(pthread_join(t[i], &ret), 0);
		EXPECT(!ret);
	}
}

TEST(epoll_wait, timer_member)
{
	struct itimerspec its = { .it_value = { 0, 10000000 } };
	int ep = new_set(), fd = (int)EXPECT_OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	uint64_t v;

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
	EXPECT_EQ(timerfd_settime(fd, 0, &its, NULL), 0);
	EXPECT_EQ(one_event(ep, 10000, fd), EPOLLIN);
	EXPECT_EQ(read(fd, &v, 8), 8);
	EXPECT_EQ(one_event(ep, 0, fd), 0);
}

TEST(epoll_wait, periodic_timer_with_edges)
{
	struct itimerspec its = { .it_value = { 0, 2000000 }, .it_interval = { 0, 2000000 } };
	int ep = new_set(), fd = (int)EXPECT_OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	uint64_t v;

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET), 0);
	EXPECT_EQ(timerfd_settime(fd, 0, &its, NULL), 0);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(one_event(ep, 10000, fd), EPOLLIN);
		EXPECT_EQ(read(fd, &v, 8), 8);
	}
}

/* --- members that are sockets of the network, with and without others ----------------------------------------------------- */

static void tcp_pair(int *ret_a, int *ret_b)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(sin);
	int l = (int)EXPECT_OK(socket(AF_INET, SOCK_STREAM, 0));

	EXPECT_EQ(bind(l, (struct sockaddr *)&sin, sizeof(sin)), 0);
	EXPECT_EQ(listen(l, 1), 0);
	EXPECT_EQ(getsockname(l, (struct sockaddr *)&sin, &size), 0);
	*ret_a = (int)EXPECT_OK(socket(AF_INET, SOCK_STREAM, 0));
	EXPECT_EQ(connect(*ret_a, (struct sockaddr *)&sin, sizeof(sin)), 0);
	*ret_b = (int)EXPECT_OK(accept(l, NULL, NULL));
	close(l);
}

TEST(epoll_wait, tcp_level_and_edge)
{
	int ep = new_set(), a, b;
	char c;

	tcp_pair(&a, &b);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, b, EPOLLIN), 0);
	EXPECT_EQ(one_event(ep, 0, b), 0);
	EXPECT_EQ(write(a, "ab", 2), 2);
	EXPECT_EQ(one_event(ep, 10000, b), EPOLLIN);
	EXPECT_EQ(one_event(ep, 0, b), EPOLLIN);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, b, EPOLLIN | EPOLLET), 0);
	EXPECT_EQ(one_event(ep, 10000, b), EPOLLIN);
	EXPECT_EQ(one_event(ep, 0, b), 0);
	EXPECT_EQ(read(b, &c, 1), 1);
	EXPECT_EQ(write(a, "c", 1), 1);
	EXPECT_EQ(one_event(ep, 10000, b), EPOLLIN);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, b, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT), 0);
	EXPECT_EQ(one_event(ep, 10000, b), EPOLLIN);
	EXPECT_EQ(one_event(ep, 0, b), 0);
	close(a);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, b, EPOLLRDHUP), 0);
	EXPECT_EQ(one_event(ep, 10000, b), EPOLLRDHUP);
	close(b);
	EXPECT_EQ(one_event(ep, 0, b), 0);
}

TEST(epoll_wait, mixed_members)
{
	int ep = new_set(), fd = new_event(0), a, b, status;
	struct epoll_event ev[4];
	eventfd_t v;
	pid_t pid;
	char c;

	tcp_pair(&a, &b);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, b, EPOLLIN), 0);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	/* Either kind wakes one that sleeps for both. */
	pid = fork();
	if (!pid)
		_exit(one_event(ep, -1, fd) != EPOLLIN);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(eventfd_read(fd, &v), 0);
	pid = fork();
	if (!pid)
		_exit(one_event(ep, -1, b) != EPOLLIN);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(write(a, "x", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	/* Both ready: both are told. */
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	EXPECT_EQ(epoll_wait(ep, ev, 4, 0), 2);
	EXPECT(ev[0].data.u64 != ev[1].data.u64);
	EXPECT_EQ(read(b, &c, 1), 1);
	EXPECT_EQ(one_event(ep, 0, fd), EPOLLIN);
	EXPECT_EQ(eventfd_read(fd, &v), 0);
	EXPECT_EQ(epoll_wait(ep, ev, 4, 20), 0);
}

/* A kernel member that is always ready does not starve a socket. */
TEST(epoll_wait, busy_member_does_not_starve_socket)
{
	int ep = new_set(), fd = new_event(1), a, b, rounds = 0;
	struct epoll_event ev[2];
	bool seen = false;

	tcp_pair(&a, &b);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, b, EPOLLIN), 0);
	EXPECT_EQ(epoll_wait(ep, ev, 2, 0), 1);
	EXPECT_EQ(write(a, "x", 1), 1);
	while (!seen && rounds++ < 1000000)
		seen = epoll_wait(ep, ev, 2, -1) == 2;
	EXPECT(seen);
}

TEST(epoll_wait, socket_in_nested_set)
{
	int outer = new_set(), inner = new_set(), a, b, status;
	struct pollfd p = { inner, POLLIN, 0 };
	pid_t pid;

	tcp_pair(&a, &b);
	/* The socket comes last: the outer set must notice. */
	EXPECT_EQ(ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN), 0);
	EXPECT_EQ(ctl(inner, EPOLL_CTL_ADD, b, EPOLLIN), 0);
	EXPECT_EQ(poll(&p, 1, 0), 0);
	pid = fork();
	if (!pid)
		_exit(one_event(outer, -1, inner) != EPOLLIN);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(write(a, "x", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(poll(&p, 1, 10000), 1);
	EXPECT_EQ(one_event(inner, 0, b), EPOLLIN);
}

TEST(epoll_ctl, socket_added_while_asleep)
{
	int ep = new_set(), fd = new_event(0), a, b, status;
	pid_t pid;

	tcp_pair(&a, &b);
	EXPECT_EQ(write(a, "x", 1), 1);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	pid = fork();
	if (!pid)
		_exit(one_event(ep, -1, b) != EPOLLIN);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, b, EPOLLIN), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(epoll_ctl, two_descriptors_of_one_socket)
{
	struct epoll_event ev[4];
	int ep = new_set(), a, b, copy;

	tcp_pair(&a, &b);
	copy = dup(b);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, b, EPOLLIN), 0);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, copy, EPOLLOUT), 0);
	EXPECT_EQ(one_event(ep, 10000, copy), EPOLLOUT);
	EXPECT_EQ(write(a, "x", 1), 1);
	EXPECT_SOON(epoll_wait(ep, ev, 4, 0) == 2);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_DEL, copy, 0), 0);
	EXPECT_EQ(one_event(ep, 10000, b), EPOLLIN);
}

/* --- signals --------------------------------------------------------------------------------------------------------------- */

TEST(epoll_wait, handler_gives_eintr)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int ep = new_set(), fd = new_event(0), status;
	struct epoll_event ev;
	pid_t pid;

	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	pid = fork();
	if (!pid)
		_exit(epoll_wait(ep, &ev, 1, -1) != -1 || errno != EINTR || got_signal != SIGUSR1);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(kill(pid, SIGUSR1), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void blocked_and_pending(void)
{
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	EXPECT_EQ(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	signal(SIGUSR1, on_signal);
	EXPECT_EQ(raise(SIGUSR1), 0);
}

TEST(epoll_pwait, mask_lets_signal_in)
{
	struct epoll_event ev;
	int ep = new_set(), fd = new_event(0);
	sigset_t none;

	sigemptyset(&none);
	blocked_and_pending();
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	EXPECT_EQ(epoll_pwait(ep, &ev, 1, 5, NULL), 0);
	EXPECT_EQ(got_signal, 0);
	EXPECT_ERR(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
	EXPECT_EQ(got_signal, SIGUSR1);
	EXPECT_ERR(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, &none, 4), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, BAD, 8), EFAULT);
}

TEST(epoll_pwait2, timeouts)
{
	struct timespec ts = { 0, 15000000 };
	struct epoll_event ev;
	int ep = new_set(), fd = new_event(0);
	long long start = now_ms();

	if (syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, NULL, 8) < 0 && errno == ENOSYS)
		SKIP("no epoll_pwait2 here");
	EXPECT(now_ms() - start >= 15);
	EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), 0);
	ts = (struct timespec){ 0, 0 };
	EXPECT_EQ(syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, NULL, 8), 0);
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	EXPECT_EQ(syscall(SYS_epoll_pwait2, ep, &ev, 1, NULL, NULL, 8), 1);
	ts = (struct timespec){ 0, 1000000000 };
	EXPECT_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, BAD, NULL, 8), EFAULT);
}

TEST_MAIN
