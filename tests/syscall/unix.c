/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX: streams, datagrams, seqpackets, names, files and credentials in messages, limits and errors. */
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "tests/syscall/test.h"

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

static int pair[2];

static void make_pair(int type)
{
	EXPECT_OK(socketpair(AF_UNIX, type, 0, pair));
}

static socklen_t name_path(struct sockaddr_un *un, const char *path)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	return (socklen_t)(PATH_OFFSET + strlen(path) + 1);
}

/* An abstract name nobody else has. */
static socklen_t name_abstract(struct sockaddr_un *un, const char *what)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	return (socklen_t)(PATH_OFFSET + 1 +
			   (size_t)sprintf(un->sun_path + 1, "syscall-test-%d-%s", getpid(), what));
}

static int bound(int type, const struct sockaddr_un *un, socklen_t len)
{
	int fd = (int)EXPECT_OK(socket(AF_UNIX, type, 0));

	EXPECT_OK(bind(fd, (const struct sockaddr *)un, len));
	return fd;
}

static int get_int(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	EXPECT_OK(getsockopt(fd, SOL_SOCKET, name, &value, &len));
	EXPECT_EQ(len, sizeof(int));
	return value;
}

static int revents(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	EXPECT_OK(poll(&p, 1, 0));
	return p.revents;
}

static void set_timeout(int fd, int name, long ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	EXPECT_OK(setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)));
}

/* --- making them ------------------------------------------------------------------------------------------------ */

TEST(socket, unix_kinds_and_flags)
{
	int fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	struct stat st;

	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	EXPECT_OK(fstat(fd, &st));
	EXPECT(S_ISSOCK(st.st_mode));
	EXPECT_ERR(lseek(fd, 0, SEEK_CUR), ESPIPE);
	EXPECT_EQ(get_int(fd, SO_TYPE), SOCK_STREAM);
	EXPECT_EQ(get_int(fd, SO_DOMAIN), AF_UNIX);
	EXPECT_EQ(get_int(fd, SO_PROTOCOL), 0);
	fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_RAW, 0));
	EXPECT_EQ(get_int(fd, SO_TYPE), SOCK_DGRAM);
}

TEST(socket, unix_errors)
{
	EXPECT_ERR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	EXPECT_ERR(socket(AF_UNIX, SOCK_STREAM, 6), EPROTONOSUPPORT);
	EXPECT_ERR(socket(AF_UNIX, SOCK_STREAM | 0x10, 0), EINVAL);
	EXPECT_ERR(socket(AF_UNIX, 15, 0), EINVAL);
	EXPECT_ERR(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
}

TEST(socketpair, errors)
{
	int sv[2];

	EXPECT_ERR(socketpair(AF_INET, SOCK_STREAM, 0, sv), EOPNOTSUPP);
	EXPECT_ERR(socketpair(AF_UNIX, SOCK_RDM, 0, sv), ESOCKTNOSUPPORT);
	EXPECT_ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (void *)8), EFAULT);
	sv[0] = dup(0);
	EXPECT(sv[0] >= 0); /* the failed call left nothing open */
	close(sv[0]);
	EXPECT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_EQ(pair[0], sv[0]);
}

TEST(socketpair, link_name_and_inode)
{
	char link[64], text[64], expect[64];
	struct stat st;

	make_pair(SOCK_STREAM);
	sprintf(link, "/proc/self/fd/%d", pair[0]);
	text[EXPECT_OK(readlink(link, text, sizeof(text) - 1))] = '\0';
	EXPECT_OK(fstat(pair[0], &st));
	sprintf(expect, "socket:[%lu]", (unsigned long)st.st_ino);
	EXPECT_STR(text, expect);
}

/* --- streams ---------------------------------------------------------------------------------------------------- */

TEST(socketpair, stream_moves_bytes_both_ways)
{
	char b[16];

	make_pair(SOCK_STREAM);
	EXPECT_EQ(write(pair[0], "hello", 5), 5);
	EXPECT_EQ(write(pair[0], " you", 4), 4);
	EXPECT_EQ(read(pair[1], b, 3), 3);
	EXPECT_EQ(read(pair[1], b + 3, 13), 6);
	EXPECT(!memcmp(b, "hello you", 9));
	EXPECT_EQ(send(pair[1], "x", 1, 0), 1);
	EXPECT_EQ(recv(pair[0], b, 1, 0), 1);
	EXPECT_EQ(b[0], 'x');
	EXPECT_EQ(recv(pair[0], b, 1, MSG_DONTWAIT), -1);
	EXPECT_EQ(errno, EAGAIN);
}

TEST(readv, stream_vectors)
{
	char a[3], b[4];
	struct iovec out[3] = { { "ab", 2 }, { NULL, 0 }, { "cdefg", 5 } },
		     in[2] = { { a, 3 }, { b, 4 } };

	make_pair(SOCK_STREAM);
	EXPECT_EQ(writev(pair[0], out, 3), 7);
	EXPECT_EQ(readv(pair[1], in, 2), 7);
	EXPECT(!memcmp(a, "abc", 3) && !memcmp(b, "defg", 4));
}

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

static void *write_pattern(void *arg)
{
	unsigned char b[10007];
	size_t total = (size_t)arg, done = 0;

	while (done < total) {
		size_t n = total - done < sizeof(b) ? total - done : sizeof(b);

		for (size_t i = 0; i < n; i++)
			b[i] = pattern(done + i);
		for (size_t at = 0; at < n;) {
			ssize_t r = send(pair[0], b + at, n - at, 0);

			EXPECT(r > 0);
			at += (size_t)r;
		}
		done += n;
	}
	shutdown(pair[0], SHUT_WR);
	return NULL;
}

TEST(recvfrom, stream_large_transfer_keeps_order)
{
	size_t total = 3 << 20, done = 0;
	unsigned char b[4093];
	pthread_t t;
	ssize_t r;

	make_pair(SOCK_STREAM);
	EXPECT_EQ(pthread_create(&t, NULL, write_pattern, (void *)total), 0);
	while ((r = recv(pair[1], b, 1 + done % sizeof(b), 0)) > 0) {
		for (ssize_t i = 0; i < r; i++)
			if (b[i] != pattern(done + (size_t)i))
				TEST_FAIL("byte %zu differs", done + (size_t)i);
		done += (size_t)r;
	}
	EXPECT_EQ(r, 0);
	EXPECT_EQ(done, total);
	pthread_join(t, NULL);
}

TEST(recvfrom, stream_waitall)
{
	char b[8];

	make_pair(SOCK_STREAM);
	if (!fork()) {
		for (int i = 0; i < 8; i++)
			if (write(pair[0], &"abcdefgh"[i], 1) != 1)
				_exit(1);
		_exit(0);
	}
	EXPECT_EQ(recv(pair[1], b, 8, MSG_WAITALL), 8);
	EXPECT(!memcmp(b, "abcdefgh", 8));
	EXPECT_EQ(write(pair[0], "xy", 2), 2);
	close(pair[0]);
	wait(NULL);
	EXPECT_EQ(recv(pair[1], b, 8, MSG_WAITALL), 2);
}

TEST(recvfrom, stream_peek)
{
	char b[8];

	make_pair(SOCK_STREAM);
	EXPECT_EQ(write(pair[0], "peek", 4), 4);
	EXPECT_EQ(recv(pair[1], b, 8, MSG_PEEK), 4);
	EXPECT_EQ(recv(pair[1], b, 2, MSG_PEEK), 2);
	EXPECT_EQ(recv(pair[1], b, 8, 0), 4);
	EXPECT(!memcmp(b, "peek", 4));
}

TEST(recvfrom, stream_end_and_zero_sizes)
{
	char b[8];

	make_pair(SOCK_STREAM);
	EXPECT_EQ(send(pair[0], b, 0, 0), 0);
	EXPECT_ERR(recv(pair[1], b, 0, MSG_DONTWAIT), EAGAIN);
	EXPECT_EQ(read(pair[1], b, 0), 0);
	EXPECT_EQ(write(pair[0], "z", 1), 1);
	EXPECT_EQ(recv(pair[1], b, 0, MSG_DONTWAIT), 0);
	close(pair[0]);
	EXPECT_EQ(read(pair[1], b, 8), 1);
	EXPECT_EQ(read(pair[1], b, 8), 0);
	EXPECT_EQ(recv(pair[1], b, 8, MSG_DONTWAIT), 0);
}

TEST(recvfrom, stream_receive_errors)
{
	char b[8];
	int fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	EXPECT_ERR(recv(fd, b, 8, 0), EINVAL);
	EXPECT_ERR(send(fd, b, 8, 0), ENOTCONN);
	EXPECT_ERR(recv(-1, b, 8, 0), EBADF);
	EXPECT_ERR(recv(0, b, 8, 0), ENOTSOCK);
	make_pair(SOCK_STREAM);
	EXPECT_EQ(write(pair[0], "data", 4), 4);
	EXPECT_ERR(recv(pair[1], (void *)8, 4, 0), EFAULT);
	EXPECT_ERR(send(pair[0], (void *)8, 4, 0), EFAULT);
	EXPECT_EQ(recv(pair[1], b, 8, 0), 4); /* nothing was lost */
}

TEST(sendto, stream_broken_pipe)
{
	char b[4];

	make_pair(SOCK_STREAM);
	signal(SIGPIPE, SIG_IGN);
	close(pair[1]);
	EXPECT_ERR(write(pair[0], "x", 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	EXPECT_ERR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	EXPECT_EQ(read(pair[0], b, 4), 0);
	if (!fork()) {
		send(pair[0], "x", 1, 0);
		_exit(0);
	}
	int status;

	wait(&status);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

TEST(recvfrom, stream_reset_when_unread_data_was_dropped)
{
	char b[4];

	make_pair(SOCK_STREAM);
	EXPECT_EQ(write(pair[0], "lost", 4), 4);
	close(pair[1]);
	EXPECT_EQ(revents(pair[0], POLLIN), POLLIN | POLLERR | POLLHUP);
	EXPECT_ERR(recv(pair[0], b, 4, 0), ECONNRESET);
	EXPECT_EQ(recv(pair[0], b, 4, 0), 0);
}

TEST(shutdown, stream_halves)
{
	char b[8];

	make_pair(SOCK_STREAM);
	EXPECT_ERR(shutdown(pair[0], 3), EINVAL);
	EXPECT_EQ(write(pair[0], "last", 4), 4);
	EXPECT_OK(shutdown(pair[0], SHUT_WR));
	EXPECT_ERR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	EXPECT_EQ(read(pair[1], b, 8), 4);
	EXPECT_EQ(read(pair[1], b, 8), 0);
	EXPECT_EQ(revents(pair[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
	EXPECT_EQ(write(pair[1], "back", 4), 4);
	EXPECT_EQ(read(pair[0], b, 8), 4);
	EXPECT_OK(shutdown(pair[0], SHUT_RD));
	EXPECT_ERR(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	EXPECT_EQ(revents(pair[0], POLLIN) & POLLHUP, POLLHUP);
}

TEST(shutdown, wakes_a_blocked_reader)
{
	int status;
	char b;

	make_pair(SOCK_STREAM);
	if (!fork())
		_exit(read(pair[1], &b, 1) == 0 ? 42 : 1);
	EXPECT_OK(shutdown(pair[0], SHUT_WR));
	wait(&status);
	EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST(sendto, stream_flow_control)
{
	static char big[65536];
	size_t total = 0;
	ssize_t r;

	make_pair(SOCK_STREAM);
	EXPECT_OK(fcntl(pair[0], F_SETFL, O_NONBLOCK));
	EXPECT_EQ(revents(pair[0], POLLOUT), POLLOUT);
	while ((r = write(pair[0], big, sizeof(big))) > 0)
		total += (size_t)r;
	EXPECT_EQ(errno, EAGAIN);
	EXPECT(total >= 65536);
	EXPECT_EQ(revents(pair[0], POLLOUT), 0);
	while (total) {
		r = read(pair[1], big, sizeof(big));
		EXPECT(r > 0);
		total -= (size_t)r;
	}
	EXPECT_EQ(revents(pair[0], POLLOUT), POLLOUT);
	EXPECT_EQ(write(pair[0], big, 10), 10);
}

TEST(sendto, stream_blocked_writer_goes_on)
{
	static char big[1 << 20];
	size_t total = 0;
	int status;
	ssize_t r;

	make_pair(SOCK_STREAM);
	if (!fork()) {
		close(pair[1]);
		_exit(write(pair[0], big, sizeof(big)) == sizeof(big) ? 0 : 1);
	}
	close(pair[0]);
	while ((r = read(pair[1], big, 30000)) > 0)
		total += (size_t)r;
	EXPECT_EQ(total, 1 << 20);
	wait(&status);
	EXPECT_EQ(status, 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST(recvfrom, interrupted)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value = { 0, 20000 }, .it_interval = { 0, 20000 } };
	char b;

	make_pair(SOCK_STREAM);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	EXPECT_ERR(read(pair[0], &b, 1), EINTR);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	set_timeout(pair[0], SO_RCVTIMEO, 5000); /* with a timeout it is never restarted */
	EXPECT_ERR(read(pair[0], &b, 1), EINTR);
}

TEST(recvfrom, restarted)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	char b = 0;
	pid_t pid;

	make_pair(SOCK_STREAM);
	sigaction(SIGUSR1, &sa, NULL);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 5; i++) {
			kill(getppid(), SIGUSR1);
			usleep(2000);
		}
		_exit(write(pair[1], "r", 1) != 1);
	}
	EXPECT_EQ(read(pair[0], &b, 1), 1);
	EXPECT_EQ(b, 'r');
}

TEST(setsockopt, timeouts)
{
	struct timeval tv = { 0, 30000 }, got;
	socklen_t len = sizeof(got);
	struct timespec a, e;
	char b;

	make_pair(SOCK_STREAM);
	EXPECT_OK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	EXPECT_OK(getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len));
	EXPECT_EQ(len, sizeof(got));
	EXPECT(got.tv_sec == 0 && got.tv_usec >= 30000 && got.tv_usec < 50000);
	clock_gettime(CLOCK_MONOTONIC, &a);
	EXPECT_ERR(read(pair[0], &b, 1), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &e);
	EXPECT((e.tv_sec - a.tv_sec) * 1000 + (e.tv_nsec - a.tv_nsec) / 1000000 >= 29);
	tv.tv_usec = 1000000;
	EXPECT_ERR(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
	EXPECT_ERR(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, 4), EINVAL);
}

TEST(setsockopt, receive_low_water)
{
	int low = 4;
	char b[8];

	make_pair(SOCK_STREAM);
	EXPECT_OK(setsockopt(pair[1], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)));
	EXPECT_EQ(get_int(pair[1], SO_RCVLOWAT), 4);
	if (!fork()) {
		for (int i = 0; i < 4; i++)
			if (write(pair[0], "q", 1) != 1)
				_exit(1);
		_exit(0);
	}
	EXPECT_EQ(read(pair[1], b, 8), 4);
	wait(NULL);
}

TEST(ioctl, unix_queue_lengths)
{
	int n = -1;

	make_pair(SOCK_STREAM);
	EXPECT_OK(ioctl(pair[1], FIONREAD, &n));
	EXPECT_EQ(n, 0);
	EXPECT_EQ(write(pair[0], "12345", 5), 5);
	EXPECT_OK(ioctl(pair[1], FIONREAD, &n));
	EXPECT_EQ(n, 5);
	EXPECT_OK(ioctl(pair[0], TIOCOUTQ, &n));
	EXPECT(n >= 5);
	n = 1;
	EXPECT_OK(ioctl(pair[1], FIONBIO, &n));
	EXPECT(fcntl(pair[1], F_GETFL) & O_NONBLOCK);
}

TEST(epoll_wait, unix_edges)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP };
	int ep = (int)EXPECT_OK(epoll_create1(0));
	char b[4];

	make_pair(SOCK_STREAM);
	EXPECT_OK(epoll_ctl(ep, EPOLL_CTL_ADD, pair[1], &ev));
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 0), 1);
	EXPECT_EQ(ev.events, EPOLLOUT);
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	EXPECT_EQ(write(pair[0], "e", 1), 1);
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 1000), 1);
	EXPECT(ev.events & EPOLLIN);
	EXPECT_EQ(read(pair[1], b, 4), 1);
	close(pair[0]);
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 1000), 1);
	EXPECT((ev.events & (EPOLLHUP | EPOLLRDHUP | EPOLLIN)) ==
	       (EPOLLHUP | EPOLLRDHUP | EPOLLIN));
}

/* --- names and connections -------------------------------------------------------------------------------------- */

TEST(bind, path_makes_a_socket_file)
{
	struct sockaddr_un un, got;
	socklen_t len = name_path(&un, "sock"), got_len = sizeof(got);
	struct stat st;
	int fd, other;

	umask(027);
	fd = bound(SOCK_STREAM, &un, len);
	EXPECT_OK(lstat("sock", &st));
	EXPECT_EQ(st.st_mode, S_IFSOCK | 0750);
	EXPECT_OK(getsockname(fd, (struct sockaddr *)&got, &got_len));
	EXPECT_EQ(got_len, len);
	EXPECT_STR(got.sun_path, "sock");
	EXPECT_ERR(open("sock", O_RDWR), ENXIO);
	other = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	EXPECT_ERR(bind(other, (struct sockaddr *)&un, len), EADDRINUSE);
	EXPECT_ERR(bind(fd, (struct sockaddr *)&un, name_path(&un, "sock2")), EINVAL);
	close(fd);
	EXPECT_OK(lstat("sock", &st)); /* the file stays */
	EXPECT_ERR(connect(other, (struct sockaddr *)&un, name_path(&un, "sock")), ECONNREFUSED);
}

TEST(bind, path_without_nul_at_full_length)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX }, got;
	char name[sizeof(un.sun_path) + 1];
	socklen_t len = sizeof(got);
	struct stat st;
	int fd;

	memset(name, 'n', sizeof(un.sun_path));
	name[sizeof(un.sun_path)] = '\0';
	memcpy(un.sun_path, name, sizeof(un.sun_path));
	fd = bound(SOCK_DGRAM, &un, sizeof(un));
	EXPECT_OK(lstat(name, &st));
	EXPECT_OK(getsockname(fd, (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, sizeof(un) + 1);
}

TEST(bind, errors)
{
	struct sockaddr_un un;
	socklen_t len = name_path(&un, "no/such/folder");
	int fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	EXPECT_ERR(bind(fd, (struct sockaddr *)&un, len), ENOENT);
	EXPECT_ERR(bind(fd, (struct sockaddr *)&un, sizeof(un) + 1), EINVAL);
	EXPECT_ERR(bind(fd, (struct sockaddr *)&un, 1), EINVAL);
	EXPECT_ERR(bind(fd, (struct sockaddr *)8, len), EFAULT);
	EXPECT_ERR(bind(fd, (struct sockaddr *)&un, 129), EINVAL);
	un.sun_family = AF_INET;
	EXPECT_ERR(bind(fd, (struct sockaddr *)&un, len), EINVAL);
	EXPECT_ERR(bind(-1, (struct sockaddr *)&un, len), EBADF);
	EXPECT_ERR(bind(0, (struct sockaddr *)&un, len), ENOTSOCK);
}

TEST(bind, abstract_names)
{
	struct sockaddr_un un, got;
	socklen_t len = name_abstract(&un, "a"), got_len = sizeof(got);
	int fd = bound(SOCK_STREAM, &un, len),
	    other = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	EXPECT_OK(getsockname(fd, (struct sockaddr *)&got, &got_len));
	EXPECT_EQ(got_len, len);
	EXPECT(!memcmp(&got, &un, len));
	EXPECT_ERR(bind(other, (struct sockaddr *)&un, len), EADDRINUSE);
	close(fd);
	EXPECT_OK(bind(other, (struct sockaddr *)&un, len));
}

TEST(bind, autobind)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX }, got;
	int fd = bound(SOCK_DGRAM, &un, PATH_OFFSET);
	socklen_t len = sizeof(got);

	EXPECT_OK(getsockname(fd, (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, PATH_OFFSET + 6);
	EXPECT_EQ(got.sun_path[0], 0);
	EXPECT_EQ(strspn(got.sun_path + 1, "0123456789abcdef"), 5);
}

TEST(getsockname, unix_unnamed_and_cut)
{
	struct sockaddr_un un, got;
	socklen_t len;

	make_pair(SOCK_STREAM);
	len = sizeof(got);
	EXPECT_OK(getsockname(pair[0], (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, PATH_OFFSET);
	EXPECT_EQ(got.sun_family, AF_UNIX);
	len = sizeof(got);
	EXPECT_OK(getpeername(pair[0], (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, PATH_OFFSET);
	len = name_abstract(&un, "cut");
	int fd = bound(SOCK_STREAM, &un, len);
	socklen_t room = 5;

	memset(&got, 0x5a, sizeof(got));
	EXPECT_OK(getsockname(fd, (struct sockaddr *)&got, &room));
	EXPECT_EQ(room, len);
	EXPECT_EQ(((unsigned char *)&got)[5], 0x5a);
	room = (socklen_t)-1;
	EXPECT_ERR(getsockname(fd, (struct sockaddr *)&got, &room), EINVAL);
	EXPECT_ERR(getsockname(fd, (struct sockaddr *)&got, (socklen_t *)8), EFAULT);
}

TEST(getpeername, unix_errors)
{
	struct sockaddr_un got;
	socklen_t len = sizeof(got);
	int fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	EXPECT_ERR(getpeername(fd, (struct sockaddr *)&got, &len), ENOTCONN);
	EXPECT_ERR(getpeername(0, (struct sockaddr *)&got, &len), ENOTSOCK);
}

static void connect_and_talk(int type, struct sockaddr_un *un, socklen_t len)
{
	int listener = bound(type, un, len), client = (int)EXPECT_OK(socket(AF_UNIX, type, 0)),
	    server;
	struct sockaddr_un got;
	socklen_t got_len = sizeof(got);
	char b[8];

	EXPECT_EQ(get_int(listener, SO_ACCEPTCONN), 0);
	EXPECT_ERR(connect(client, (struct sockaddr *)un, len), ECONNREFUSED);
	EXPECT_OK(listen(listener, 5));
	EXPECT_EQ(get_int(listener, SO_ACCEPTCONN), 1);
	EXPECT_EQ(revents(client, POLLIN | POLLOUT), POLLOUT | POLLHUP);
	EXPECT_EQ(revents(listener, POLLIN | POLLOUT), 0);
	EXPECT_OK(connect(client, (struct sockaddr *)un, len));
	EXPECT_EQ(revents(listener, POLLIN), POLLIN);
	EXPECT_ERR(connect(client, (struct sockaddr *)un, len), EISCONN);
	EXPECT_ERR(listen(client, 5), EINVAL);
	EXPECT_EQ(send(client, "early", 5, 0), 5); /* before accept */
	server = (int)EXPECT_OK(accept4(listener, (struct sockaddr *)&got, &got_len, SOCK_CLOEXEC));
	EXPECT_EQ(got_len, PATH_OFFSET);
	EXPECT_EQ(fcntl(server, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(recv(server, b, 8, 0), 5);
	got_len = sizeof(got);
	EXPECT_OK(getsockname(server, (struct sockaddr *)&got, &got_len));
	EXPECT_EQ(got_len, len);
	got_len = sizeof(got);
	EXPECT_OK(getpeername(client, (struct sockaddr *)&got, &got_len));
	EXPECT_EQ(got_len, len);
	EXPECT_EQ(send(server, "back", 4, 0), 4);
	EXPECT_EQ(recv(client, b, 8, 0), 4);
	close(server);
	EXPECT_EQ(recv(client, b, 8, 0), 0);
}

TEST(connect, stream_path)
{
	struct sockaddr_un un;
	socklen_t len = name_path(&un, "listener");

	connect_and_talk(SOCK_STREAM, &un, len);
}

TEST(connect, stream_abstract)
{
	struct sockaddr_un un;
	socklen_t len = name_abstract(&un, "talk");

	connect_and_talk(SOCK_STREAM, &un, len);
}

TEST(connect, seqpacket_abstract)
{
	struct sockaddr_un un;
	socklen_t len = name_abstract(&un, "talk");

	connect_and_talk(SOCK_SEQPACKET, &un, len);
}

TEST(connect, unix_errors)
{
	struct sockaddr_un un;
	socklen_t len = name_path(&un, "missing");
	int fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	EXPECT_ERR(connect(fd, (struct sockaddr *)&un, len), ENOENT);
	len = name_abstract(&un, "missing");
	EXPECT_ERR(connect(fd, (struct sockaddr *)&un, len), ECONNREFUSED);
	un.sun_family = AF_INET;
	EXPECT_ERR(connect(fd, (struct sockaddr *)&un, len), EINVAL);
	EXPECT_ERR(connect(fd, (struct sockaddr *)8, len), EFAULT);
	close((int)EXPECT_OK(open("plain", O_CREAT | O_RDWR, 0666)));
	len = name_path(&un, "plain");
	EXPECT_ERR(connect(fd, (struct sockaddr *)&un, len), ECONNREFUSED);
	len = name_path(&un, "dgram");
	bound(SOCK_DGRAM, &un, len);
	EXPECT_ERR(connect(fd, (struct sockaddr *)&un, len), EPROTOTYPE);
}

TEST(connect, needs_write_permission)
{
	struct sockaddr_un un;
	socklen_t len = name_path(&un, "guarded");
	int listener = bound(SOCK_STREAM, &un, len),
	    fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	EXPECT_OK(listen(listener, 1));
	EXPECT_OK(chmod("guarded", 0444));
	EXPECT_OK(chmod(".", 0755));
	if (geteuid() == 0) {
		EXPECT_OK(connect(fd, (struct sockaddr *)&un, len));
		fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));
		EXPECT_OK(setresuid(65534, 65534, 65534));
	}
	EXPECT_ERR(connect(fd, (struct sockaddr *)&un, len), EACCES);
}

TEST(connect, full_backlog)
{
	struct sockaddr_un un;
	socklen_t len = name_abstract(&un, "full");
	int listener = bound(SOCK_STREAM, &un, len), fd, status;
	pid_t pid;

	EXPECT_OK(listen(listener, 0));
	fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	EXPECT_OK(connect(fd, (struct sockaddr *)&un, len));
	fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	EXPECT_ERR(connect(fd, (struct sockaddr *)&un, len), EAGAIN);
	pid = fork();
	if (!pid) {
		fcntl(fd, F_SETFL, 0);
		_exit(connect(fd, (struct sockaddr *)&un, len) ? 1 : 0);
	}
	EXPECT_OK(accept(listener, NULL, NULL));
	EXPECT_OK(accept(listener, NULL, NULL));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(connect, listener_closed_before_accept)
{
	struct sockaddr_un un;
	socklen_t len = name_abstract(&un, "gone");
	int listener = bound(SOCK_STREAM, &un, len),
	    fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	char b;

	EXPECT_OK(listen(listener, 3));
	EXPECT_OK(connect(fd, (struct sockaddr *)&un, len));
	close(listener);
	EXPECT_ERR(recv(fd, &b, 1, 0), ECONNRESET);
	EXPECT_EQ(recv(fd, &b, 1, 0), 0);
	EXPECT_ERR(send(fd, &b, 1, MSG_NOSIGNAL), EPIPE);
}

TEST(listen, unix_errors)
{
	int fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	EXPECT_ERR(listen(fd, 1), EINVAL); /* no name */
	EXPECT_ERR(listen((int)EXPECT_OK(socket(AF_UNIX, SOCK_DGRAM, 0)), 1), EOPNOTSUPP);
	EXPECT_ERR(listen(0, 1), ENOTSOCK);
	EXPECT_ERR(listen(-1, 1), EBADF);
}

TEST(accept, unix_errors)
{
	struct sockaddr_un un;
	socklen_t len = name_abstract(&un, "acc");
	int fd = bound(SOCK_STREAM, &un, len);

	EXPECT_ERR(accept(fd, NULL, NULL), EINVAL);
	EXPECT_OK(listen(fd, 1));
	EXPECT_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	EXPECT_ERR(accept(fd, NULL, NULL), EAGAIN);
	EXPECT_ERR(accept4(fd, NULL, NULL, 1), EINVAL);
	EXPECT_ERR(accept((int)EXPECT_OK(socket(AF_UNIX, SOCK_DGRAM, 0)), NULL, NULL), EOPNOTSUPP);
	EXPECT_OK(fcntl(fd, F_SETFL, 0));
	set_timeout(fd, SO_RCVTIMEO, 20);
	EXPECT_ERR(accept(fd, NULL, NULL), EAGAIN);
}

TEST(accept, many_clients_in_order)
{
	struct sockaddr_un un;
	socklen_t len = name_abstract(&un, "many");
	int listener = bound(SOCK_STREAM, &un, len), status;
	char b;

	EXPECT_OK(listen(listener, 2));
	if (!fork()) {
		for (int i = 0; i < 50; i++) {
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);

			b = (char)i;
			if (connect(fd, (struct sockaddr *)&un, len) || write(fd, &b, 1) != 1)
				_exit(1);
			close(fd);
		}
		_exit(0);
	}
	for (int i = 0; i < 50; i++) {
		int fd = (int)EXPECT_OK(accept(listener, NULL, NULL));

		EXPECT_EQ(read(fd, &b, 1), 1);
		EXPECT_EQ(b, i);
		close(fd);
	}
	wait(&status);
	EXPECT_EQ(status, 0);
}

/* --- datagrams and seqpackets ----------------------------------------------------------------------------------- */

TEST(recvfrom, dgram_keeps_messages_apart)
{
	char b[8];

	make_pair(SOCK_DGRAM);
	EXPECT_EQ(send(pair[0], "one", 3, 0), 3);
	EXPECT_EQ(send(pair[0], "", 0, 0), 0);
	EXPECT_EQ(send(pair[0], "three", 5, 0), 5);
	EXPECT_EQ(recv(pair[1], b, 8, MSG_PEEK), 3);
	EXPECT_EQ(recv(pair[1], b, 8, 0), 3);
	EXPECT_EQ(recv(pair[1], b, 8, 0), 0);
	EXPECT_EQ(recv(pair[1], b, 2, MSG_PEEK | MSG_TRUNC), 5);
	EXPECT_EQ(recv(pair[1], b, 2, 0), 2);
	EXPECT_ERR(recv(pair[1], b, 8, MSG_DONTWAIT), EAGAIN);
}

TEST(recvmsg, dgram_truncation_flag)
{
	char b[2];
	struct iovec iov = { b, 2 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	make_pair(SOCK_DGRAM);
	EXPECT_EQ(send(pair[0], "long", 4, 0), 4);
	EXPECT_EQ(recvmsg(pair[1], &m, 0), 2);
	EXPECT_EQ(m.msg_flags, MSG_TRUNC);
	EXPECT_EQ(send(pair[0], "long", 4, 0), 4);
	EXPECT_EQ(recvmsg(pair[1], &m, MSG_TRUNC), 4);
	EXPECT_EQ(m.msg_controllen, 0);
}

TEST(sendto, dgram_by_name_with_sender_address)
{
	struct sockaddr_un a, b, from;
	socklen_t alen = name_abstract(&a, "a"), blen = name_path(&b, "b"), len = sizeof(from);
	int fa = bound(SOCK_DGRAM, &a, alen), fb = bound(SOCK_DGRAM, &b, blen);
	int anonymous = (int)EXPECT_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	char buf[8];

	EXPECT_EQ(sendto(fa, "to b", 4, 0, (struct sockaddr *)&b, blen), 4);
	EXPECT_EQ(recvfrom(fb, buf, 8, 0, (struct sockaddr *)&from, &len), 4);
	EXPECT_EQ(len, alen);
	EXPECT(!memcmp(&from, &a, alen));
	EXPECT_EQ(sendto(fb, "to a", 4, 0, (struct sockaddr *)&from, len), 4);
	len = sizeof(from);
	EXPECT_EQ(recvfrom(fa, buf, 8, 0, (struct sockaddr *)&from, &len), 4);
	EXPECT_STR(from.sun_path, "b");
	EXPECT_EQ(sendto(anonymous, "?", 1, 0, (struct sockaddr *)&a, alen), 1);
	len = sizeof(from);
	EXPECT_EQ(recvfrom(fa, buf, 8, 0, (struct sockaddr *)&from, &len), 1);
	EXPECT_EQ(len, 0);
}

TEST(connect, dgram_peers)
{
	struct sockaddr_un a, b, none = { .sun_family = AF_UNSPEC };
	socklen_t alen = name_abstract(&a, "a"), blen = name_abstract(&b, "b");
	int fa = bound(SOCK_DGRAM, &a, alen), fb = bound(SOCK_DGRAM, &b, blen);
	int third = (int)EXPECT_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	char buf[8];

	EXPECT_ERR(send(fa, "x", 1, 0), ENOTCONN);
	EXPECT_OK(connect(fa, (struct sockaddr *)&b, blen));
	EXPECT_EQ(send(fa, "x", 1, 0), 1);
	EXPECT_EQ(recv(fb, buf, 8, 0), 1);
	EXPECT_ERR(sendto(third, "x", 1, 0, (struct sockaddr *)&a, alen), EPERM);
	EXPECT_ERR(connect(third, (struct sockaddr *)&a, alen), EPERM);
	EXPECT_EQ(sendto(fb, "y", 1, 0, (struct sockaddr *)&a, alen), 1);
	EXPECT_OK(connect(fa, (struct sockaddr *)&none, sizeof(sa_family_t)));
	EXPECT_ERR(send(fa, "x", 1, 0), ENOTCONN);
	EXPECT_OK(connect(third, (struct sockaddr *)&a, alen));
	close(fa);
	EXPECT_ERR(send(third, "x", 1, 0), ECONNREFUSED);
	EXPECT_ERR(send(third, "x", 1, 0), ENOTCONN);
}

TEST(sendto, dgram_errors)
{
	static char big[1 << 20];
	struct sockaddr_un un;
	socklen_t len = name_path(&un, "nobody");
	int fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_DGRAM, 0)), size = 4096;

	EXPECT_ERR(sendto(fd, "x", 1, 0, (struct sockaddr *)&un, len), ENOENT);
	len = name_abstract(&un, "nobody");
	EXPECT_ERR(sendto(fd, "x", 1, 0, (struct sockaddr *)&un, len), ECONNREFUSED);
	EXPECT_ERR(sendto(fd, "x", 1, 0, (struct sockaddr *)&un, 200), EINVAL);
	EXPECT_ERR(sendto(fd, "x", 1, 0, (struct sockaddr *)8, len), EFAULT);
	len = name_path(&un, "stream");
	bound(SOCK_STREAM, &un, len);
	EXPECT_ERR(sendto(fd, "x", 1, 0, (struct sockaddr *)&un, len), EPROTOTYPE);
	make_pair(SOCK_DGRAM);
	EXPECT_OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	EXPECT_EQ(get_int(pair[0], SO_SNDBUF), 8192);
	EXPECT_ERR(send(pair[0], big, sizeof(big), 0), EMSGSIZE);
	EXPECT_ERR(send(pair[0], (void *)8, 4, 0), EFAULT);
	EXPECT_EQ(send(pair[0], big, 4000, 0), 4000);
	make_pair(SOCK_STREAM);
	EXPECT_ERR(sendto(pair[0], "x", 1, 0, (struct sockaddr *)&un, len), EISCONN);
}

TEST(sendto, dgram_flow_control)
{
	static char big[8192];
	int sent = 0, status;

	make_pair(SOCK_DGRAM);
	while (send(pair[0], big, sizeof(big), MSG_DONTWAIT) == sizeof(big))
		EXPECT(++sent < 100000);
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_EQ(revents(pair[0], POLLOUT), 0);
	if (!fork())
		_exit(send(pair[0], big, 100, 0) == 100 ? 0 : 1);
	for (int i = 0; i < sent; i++)
		EXPECT_EQ(recv(pair[1], big, sizeof(big), 0), sizeof(big));
	EXPECT_EQ(recv(pair[1], big, sizeof(big), 0), 100);
	wait(&status);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(revents(pair[0], POLLOUT), POLLOUT);
}

TEST(recvmsg, seqpacket_records_and_end)
{
	char b[8];
	struct iovec iov = { b, 8 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	make_pair(SOCK_SEQPACKET);
	EXPECT_EQ(write(pair[0], "ab", 2), 2);
	EXPECT_EQ(write(pair[0], "cd", 2), 2);
	EXPECT_EQ(recvmsg(pair[1], &m, 0), 2);
	EXPECT_EQ(m.msg_flags & MSG_TRUNC, 0);
	EXPECT_EQ(read(pair[1], b, 1), 1);
	close(pair[0]);
	EXPECT_EQ(read(pair[1], b, 1), 0);
	EXPECT_ERR(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	int fd = (int)EXPECT_OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));

	EXPECT_ERR(recv(fd, b, 1, 0), ENOTCONN);
	EXPECT_ERR(send(fd, b, 1, 0), ENOTCONN);
}

TEST(sendmmsg, dgram_batches)
{
	struct mmsghdr out[3], in[4];
	struct iovec oi[3], ii[4];
	char b[4][8];
	struct timespec timeout = { 5, 0 };

	make_pair(SOCK_DGRAM);
	memset(out, 0, sizeof(out));
	memset(in, 0, sizeof(in));
	for (int i = 0; i < 3; i++) {
		oi[i] = (struct iovec){ "abcdef", (size_t)i + 1 };
		out[i].msg_hdr.msg_iov = &oi[i];
		out[i].msg_hdr.msg_iovlen = 1;
	}
	for (int i = 0; i < 4; i++) {
		ii[i] = (struct iovec){ b[i], 8 };
		in[i].msg_hdr.msg_iov = &ii[i];
		in[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(sendmmsg(pair[0], out, 3, 0), 3);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(out[i].msg_len, i + 1);
	EXPECT_EQ(recvmmsg(pair[1], in, 4, MSG_WAITFORONE, &timeout), 3);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(in[i].msg_len, i + 1);
	EXPECT_ERR(recvmmsg(pair[1], in, 4, MSG_DONTWAIT, NULL), EAGAIN);
	EXPECT_ERR(sendmmsg(-1, out, 3, 0), EBADF);
}

TEST(recvmmsg, errors)
{
	struct timespec bad = { 0, 1000000000 };
	struct mmsghdr m;

	memset(&m, 0, sizeof(m));
	make_pair(SOCK_DGRAM);
	EXPECT_ERR(recvmmsg(pair[1], &m, 1, 0, &bad), EINVAL);
	EXPECT_ERR(recvmmsg(0, &m, 1, 0, NULL), ENOTSOCK);
	EXPECT_EQ(recvmmsg(pair[1], &m, 0, 0, NULL), 0);
}

/* --- files in messages ------------------------------------------------------------------------------------------ */

union control {
	char bytes[CMSG_SPACE(sizeof(int) * 300)];
	struct cmsghdr align;
};

static ssize_t send_fds(int sock, const int *fds, int count, const char *data, size_t size)
{
	union control c;
	struct iovec iov = { (void *)(uintptr_t)data, size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &c,
			    .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count) };
	struct cmsghdr *h;

	memset(&c, 0, sizeof(c));
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
	memcpy(CMSG_DATA(h), fds, sizeof(int) * (size_t)count);
	return sendmsg(sock, &m, MSG_NOSIGNAL);
}

/* Number of descriptors in *ret_count. */
static ssize_t recv_fds(int sock, int *fds, int room, int *ret_count, int *ret_flags, char *data,
			size_t size, int flags)
{
	union control c;
	struct iovec iov = { data, size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &c,
			    .msg_controllen = room ? CMSG_LEN(sizeof(int) * (size_t)room) : 0 };
	ssize_t r = recvmsg(sock, &m, flags);

	*ret_count = 0;
	*ret_flags = m.msg_flags;
	if (r < 0)
		return r;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		*ret_count = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(h), h->cmsg_len - CMSG_LEN(0));
	}
	return r;
}

TEST(sendmsg, rights_move_a_file)
{
	int p[2], got[4], count, flags;
	char b[8];

	make_pair(SOCK_STREAM);
	EXPECT_OK(pipe(p));
	EXPECT_EQ(send_fds(pair[0], &p[1], 1, "f", 1), 1);
	close(p[1]);
	EXPECT_EQ(recv_fds(pair[1], got, 4, &count, &flags, b, 8, MSG_CMSG_CLOEXEC), 1);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(flags & MSG_CTRUNC, 0);
	EXPECT_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(write(got[0], "via", 3), 3);
	EXPECT_EQ(read(p[0], b, 8), 3);
	close(got[0]);
	EXPECT_EQ(read(p[0], b, 8), 0);
}

TEST(recvmsg, rights_are_barriers_in_streams)
{
	int count, flags, got[4], fd = (int)EXPECT_OK(open("/dev/null", O_RDONLY));
	char b[32];

	make_pair(SOCK_STREAM);
	EXPECT_EQ(write(pair[0], "1234", 4), 4);
	EXPECT_EQ(send_fds(pair[0], &fd, 1, "5", 1), 1);
	EXPECT_EQ(write(pair[0], "6789", 4), 4);
	EXPECT_EQ(send_fds(pair[0], &fd, 1, "ab", 2), 2);
	EXPECT_EQ(send_fds(pair[0], &fd, 1, "cd", 2), 2);
	EXPECT_EQ(recv_fds(pair[1], got, 4, &count, &flags, b, 20, 0), 5);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(recv_fds(pair[1], got, 4, &count, &flags, b, 20, 0), 6);
	EXPECT_EQ(count, 1);
	EXPECT(!memcmp(b, "6789ab", 6));
	EXPECT_EQ(recv_fds(pair[1], got, 4, &count, &flags, b, 1, 0), 1);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(recv_fds(pair[1], got, 4, &count, &flags, b, 20, 0), 1);
	EXPECT_EQ(count, 0);
}

TEST(recvmsg, rights_dropped_when_not_wanted)
{
	int p[2], got[4], count, flags;
	char b[8];

	make_pair(SOCK_DGRAM);
	EXPECT_OK(pipe(p));
	EXPECT_EQ(send_fds(pair[0], &p[1], 1, "f", 1), 1);
	EXPECT_EQ(send_fds(pair[0], &p[1], 1, "g", 1), 1);
	EXPECT_EQ(send_fds(pair[0], &p[1], 1, "h", 1), 1);
	close(p[1]);
	EXPECT_EQ(recv(pair[1], b, 8, 0), 1);
	EXPECT_EQ(recv_fds(pair[1], got, 0, &count, &flags, b, 8, 0), 1);
	EXPECT_EQ(flags & MSG_CTRUNC, MSG_CTRUNC);
	close(pair[1]); /* the third is dropped with the socket */
	close(pair[0]);
	EXPECT_EQ(read(p[0], b, 8), 0);
}

TEST(recvmsg, rights_that_do_not_fit_are_closed)
{
	int p[2], fds[3], got[4], count, flags;
	char b[8];

	make_pair(SOCK_STREAM);
	EXPECT_OK(pipe(p));
	fds[0] = fds[1] = fds[2] = p[1];
	EXPECT_EQ(send_fds(pair[0], fds, 3, "f", 1), 1);
	close(p[1]);
	EXPECT_EQ(recv_fds(pair[1], got, 1, &count, &flags, b, 8, 0), 1);
	EXPECT(count >= 1 && count < 3);
	EXPECT_EQ(flags & MSG_CTRUNC, MSG_CTRUNC);
	for (int i = 0; i < count; i++)
		close(got[i]);
	EXPECT_EQ(read(p[0], b, 8), 0);
}

TEST(recvmsg, rights_peeked)
{
	int p[2], got[4], count, flags;
	char b[8];

	make_pair(SOCK_STREAM);
	EXPECT_OK(pipe(p));
	EXPECT_EQ(send_fds(pair[0], &p[1], 1, "f", 1), 1);
	close(p[1]);
	EXPECT_EQ(recv_fds(pair[1], got, 4, &count, &flags, b, 8, MSG_PEEK), 1);
	EXPECT_EQ(count, 1);
	close(got[0]);
	EXPECT_EQ(recv_fds(pair[1], got, 4, &count, &flags, b, 8, 0), 1);
	EXPECT_EQ(count, 1);
	close(got[0]);
	EXPECT_EQ(read(p[0], b, 8), 0);
}

TEST(sendmsg, rights_errors)
{
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control c;
	int fds[254], bad = 999;

	make_pair(SOCK_STREAM);
	EXPECT_EQ(send_fds(pair[0], &bad, 1, "x", 1), -1);
	EXPECT_EQ(errno, EBADF);
	for (int i = 0; i < 254; i++)
		fds[i] = 0;
	EXPECT_EQ(send_fds(pair[0], fds, 254, "x", 1), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(send_fds(pair[0], fds, 253, "x", 1), 1);
	memset(&c, 0, sizeof(c));
	c.align.cmsg_len = 8;
	m.msg_control = &c;
	m.msg_controllen = sizeof(c.align);
	EXPECT_ERR(sendmsg(pair[0], &m, 0), EINVAL);
	c.align.cmsg_len = CMSG_LEN(0);
	c.align.cmsg_level = SOL_SOCKET;
	c.align.cmsg_type = 77;
	EXPECT_ERR(sendmsg(pair[0], &m, 0), EINVAL);
	m.msg_control = (void *)8;
	EXPECT_ERR(sendmsg(pair[0], &m, 0), EFAULT);
	m.msg_control = NULL;
	m.msg_controllen = 0;
	m.msg_iovlen = 1025;
	EXPECT_ERR(sendmsg(pair[0], &m, 0), EMSGSIZE);
	EXPECT_ERR(sendmsg(pair[0], (void *)8, 0), EFAULT);
	EXPECT_ERR(recvmsg(pair[1], (void *)8, 0), EFAULT);
	EXPECT_ERR(sendmsg(0, &m, 0), ENOTSOCK);
}

TEST(sendmsg, rights_cycle_is_collected)
{
	int p[2], fds[2];
	char b;

	/* Each end waits in the other one's queue, with the writing end of a pipe. */
	make_pair(SOCK_STREAM);
	EXPECT_OK(pipe(p));
	EXPECT_OK(fcntl(p[0], F_SETFL, O_NONBLOCK));
	fds[0] = pair[0];
	fds[1] = p[1];
	EXPECT_EQ(send_fds(pair[0], fds, 2, "a", 1), 1);
	fds[0] = pair[1];
	EXPECT_EQ(send_fds(pair[1], fds, 2, "b", 1), 1);
	close(pair[0]);
	close(pair[1]);
	close(p[1]);
	/* Closing some other socket is what makes Linux look. */
	make_pair(SOCK_DGRAM);
	close(pair[0]);
	close(pair[1]);
	EXPECT_SOON(read(p[0], &b, 1) == 0);
}

TEST(sendmsg, rights_chain_is_released)
{
	int fd, p[2];
	char b;

	/* Socket in socket in socket ...: the last reference goes in one close. */
	EXPECT_OK(pipe(p));
	make_pair(SOCK_DGRAM);
	EXPECT_EQ(send_fds(pair[0], &p[1], 1, "x", 1), 1);
	close(p[1]);
	close(pair[0]);
	fd = pair[1];
	for (int i = 0; i < 200; i++) {
		make_pair(SOCK_DGRAM);
		if (send_fds(pair[0], &fd, 1, "x", 1) != 1) {
			EXPECT_EQ(errno, ETOOMANYREFS); /* kernels before 6.10 stop at some depth */
			close(pair[0]);
			close(pair[1]);
			break;
		}
		close(fd);
		close(pair[0]);
		fd = pair[1];
	}
	close(fd);
	EXPECT_OK(fcntl(p[0], F_SETFL, O_NONBLOCK));
	EXPECT_SOON(read(p[0], &b, 1) == 0);
}

/* --- credentials ------------------------------------------------------------------------------------------------ */

static ssize_t recv_creds(int sock, struct ucred *uc, int *ret_found, size_t size)
{
	char buf[64];
	union control c;
	struct iovec iov = { buf, size };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)
	};
	ssize_t r = recvmsg(sock, &m, 0);

	*ret_found = 0;
	for (struct cmsghdr *h = r >= 0 ? CMSG_FIRSTHDR(&m) : NULL; h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_CREDENTIALS) {
			memcpy(uc, CMSG_DATA(h), sizeof(*uc));
			*ret_found = 1;
		}
	return r;
}

static ssize_t send_creds(int sock, const struct ucred *uc)
{
	union control c;
	struct iovec iov = { "c", 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &c,
			    .msg_controllen = CMSG_SPACE(sizeof(*uc)) };
	struct cmsghdr *h;

	memset(&c, 0, sizeof(c));
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_CREDENTIALS;
	h->cmsg_len = CMSG_LEN(sizeof(*uc));
	memcpy(CMSG_DATA(h), uc, sizeof(*uc));
	return sendmsg(sock, &m, 0);
}

static void check_passed_credentials(int type)
{
	struct ucred uc;
	int on = 1, found;

	make_pair(type);
	EXPECT_EQ(write(pair[0], "n", 1), 1);
	EXPECT_EQ(recv_creds(pair[1], &uc, &found, 64), 1);
	EXPECT_EQ(found, 0);
	EXPECT_OK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	EXPECT_EQ(get_int(pair[1], SO_PASSCRED), 1);
	EXPECT_EQ(write(pair[0], "n", 1), 1);
	EXPECT_EQ(recv_creds(pair[1], &uc, &found, 64), 1);
	EXPECT_EQ(found, 1);
	EXPECT_EQ(uc.pid, getpid());
	EXPECT_EQ(uc.uid, getuid());
	EXPECT_EQ(uc.gid, getgid());
}

TEST(recvmsg, credentials_stream)
{
	check_passed_credentials(SOCK_STREAM);
}

TEST(recvmsg, credentials_dgram)
{
	check_passed_credentials(SOCK_DGRAM);
}

TEST(recvmsg, credentials_seqpacket)
{
	check_passed_credentials(SOCK_SEQPACKET);
}

TEST(recvmsg, credentials_separate_senders_in_streams)
{
	struct ucred uc;
	int on = 1, found;
	pid_t pid;

	make_pair(SOCK_STREAM);
	EXPECT_OK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	EXPECT_EQ(write(pair[0], "me", 2), 2);
	EXPECT_EQ(write(pair[0], "me", 2), 2);
	pid = fork();
	if (!pid)
		_exit(write(pair[0], "child", 5) != 5);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(recv_creds(pair[1], &uc, &found, 64), 4);
	EXPECT_EQ(uc.pid, getpid());
	EXPECT_EQ(recv_creds(pair[1], &uc, &found, 64), 5);
	EXPECT_EQ(uc.pid, pid);
}

TEST(sendmsg, credentials_are_checked)
{
	struct ucred uc = { getpid(), getuid(), getgid() }, got;
	int on = 1, found;

	make_pair(SOCK_DGRAM);
	EXPECT_OK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	EXPECT_EQ(send_creds(pair[0], &uc), 1);
	EXPECT_EQ(recv_creds(pair[1], &got, &found, 64), 1);
	EXPECT(!memcmp(&uc, &got, sizeof(uc)));
	if (geteuid() == 0) {
		uc.uid = 12345;
		uc.gid = 54321;
		EXPECT_EQ(send_creds(pair[0], &uc), 1);
		EXPECT_EQ(recv_creds(pair[1], &got, &found, 64), 1);
		EXPECT(!memcmp(&uc, &got, sizeof(uc)));
		uc.pid = 0x3ffffffe;
		EXPECT_ERR(send_creds(pair[0], &uc), ESRCH);
		EXPECT_OK(setresgid(65534, 65534, 65534));
		EXPECT_OK(setresuid(65534, 65534, 65534));
	}
	uc = (struct ucred){ getpid(), 4242, getgid() };
	EXPECT_ERR(send_creds(pair[0], &uc), EPERM);
	uc = (struct ucred){ getpid(), getuid(), 4242 };
	EXPECT_ERR(send_creds(pair[0], &uc), EPERM);
	uc = (struct ucred){ getppid(), getuid(), getgid() };
	EXPECT_ERR(send_creds(pair[0], &uc), EPERM);
}

TEST(getsockopt, peer_credentials)
{
	struct sockaddr_un un;
	socklen_t len = name_abstract(&un, "cred"), size = sizeof(struct ucred);
	int listener = bound(SOCK_STREAM, &un, len), server, status;
	struct ucred uc;
	pid_t pid;

	EXPECT_OK(listen(listener, 1));
	pid = fork();
	if (!pid) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&un, len) ||
		    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &size) || uc.pid != getppid())
			_exit(1);
		_exit(0);
	}
	server = (int)EXPECT_OK(accept(listener, NULL, NULL));
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	EXPECT_OK(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &uc, &size));
	EXPECT_EQ(uc.pid, pid);
	EXPECT_EQ(uc.uid, getuid());
	EXPECT_EQ(uc.gid, getgid());
	server = (int)EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	EXPECT_OK(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &uc, &size));
	EXPECT(uc.pid == 0 && uc.uid == (uid_t)-1 && uc.gid == (gid_t)-1);
}

/* --- options ---------------------------------------------------------------------------------------------------- */

TEST(getsockopt, unix_values)
{
	int on = 1, size = 50000, value;
	struct linger l = { 1, 7 };
	socklen_t len = sizeof(l);

	make_pair(SOCK_STREAM);
	EXPECT(get_int(pair[0], SO_SNDBUF) >= 4096);
	EXPECT_OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	EXPECT_EQ(get_int(pair[0], SO_SNDBUF), 100000);
	EXPECT_OK(setsockopt(pair[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	EXPECT_EQ(get_int(pair[0], SO_RCVBUF), 100000);
	EXPECT_EQ(get_int(pair[0], SO_ERROR), 0);
	EXPECT_EQ(get_int(pair[0], SO_REUSEADDR), 0);
	EXPECT_OK(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	EXPECT_EQ(get_int(pair[0], SO_REUSEADDR), 1);
	EXPECT_OK(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	memset(&l, 0, sizeof(l));
	EXPECT_OK(getsockopt(pair[0], SOL_SOCKET, SO_LINGER, &l, &len));
	EXPECT(l.l_onoff == 1 && l.l_linger == 7);
	len = 2;
	value = 0;
	EXPECT_OK(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &len));
	EXPECT_EQ(len, 2);
}

TEST(setsockopt, unix_errors)
{
	int on = 1;

	make_pair(SOCK_STREAM);
	EXPECT_ERR(setsockopt(pair[0], SOL_SOCKET, 9999, &on, sizeof(on)), ENOPROTOOPT);
	EXPECT_ERR(setsockopt(pair[0], SOL_SOCKET, SO_TYPE, &on, sizeof(on)), ENOPROTOOPT);
	EXPECT_ERR(setsockopt(pair[0], 6, 1, &on, sizeof(on)), EOPNOTSUPP);
	EXPECT_ERR(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &on, 2), EINVAL);
	EXPECT_ERR(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, (void *)8, sizeof(on)), EFAULT);
	EXPECT_ERR(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &on, (socklen_t)-1), EINVAL);
	EXPECT_ERR(setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), EBADF);
	EXPECT_ERR(setsockopt(0, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), ENOTSOCK);
}

TEST(getsockopt, unix_errors)
{
	socklen_t len = sizeof(int);
	int value;

	make_pair(SOCK_STREAM);
	EXPECT_ERR(getsockopt(pair[0], SOL_SOCKET, 9999, &value, &len), ENOPROTOOPT);
	EXPECT_ERR(getsockopt(pair[0], SOL_SOCKET, SO_PEERSEC, &value, &len), ENOPROTOOPT);
	EXPECT_ERR(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, (void *)8, &len), EFAULT);
	EXPECT_ERR(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, (socklen_t *)8), EFAULT);
	len = (socklen_t)-1;
	EXPECT_ERR(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &len), EINVAL);
	EXPECT_ERR(getsockopt(0, SOL_SOCKET, SO_TYPE, &value, &len), ENOTSOCK);
}

/* --- many tasks ------------------------------------------------------------------------------------------------- */

static void *echo(void *arg)
{
	int fd = *(int *)arg;
	char b;

	while (read(fd, &b, 1) == 1)
		if (write(fd, &b, 1) != 1)
			break;
	return NULL;
}

TEST(socketpair, ping_pong_between_threads)
{
	pthread_t t;
	char b = 1;

	make_pair(SOCK_STREAM);
	EXPECT_EQ(pthread_create(&t, NULL, echo, &pair[1]), 0);
	for (int i = 0; i < 5000; i++) {
		EXPECT_EQ(write(pair[0], &b, 1), 1);
		EXPECT_EQ(read(pair[0], &b, 1), 1);
	}
	EXPECT_OK(shutdown(pair[0], SHUT_WR));
	pthread_join(t, NULL);
}

static void *dgram_sender(void *arg)
{
	uint32_t message[2] = { (uint32_t)(uintptr_t)arg, 0 };

	for (; message[1] < 2000; message[1]++)
		EXPECT_EQ(send(pair[0], message, sizeof(message), 0), sizeof(message));
	return NULL;
}

TEST(recvfrom, dgram_from_many_threads)
{
	uint32_t message[2], next[4] = { 0, 0, 0, 0 };
	pthread_t t[4];

	make_pair(SOCK_DGRAM);
	for (uintptr_t i = 0; i < 4; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, dgram_sender, (void *)i), 0);
	for (int i = 0; i < 8000; i++) {
		EXPECT_EQ(recv(pair[1], message, sizeof(message), 0), sizeof(message));
		EXPECT(message[0] < 4);
		EXPECT_EQ(message[1], next[message[0]]++);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

TEST_MAIN
