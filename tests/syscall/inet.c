/* SPDX-License-Identifier: Apache-2.0 */
/* AF_INET and AF_INET6 over the loopback interface: connections, datagrams, options, timeouts, errors. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "tests/syscall/test.h"

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((uint16_t)port);
	return a;
}

static int new_socket(int type)
{
	return (int)EXPECT_OK(socket(AF_INET, type, 0));
}

/* Bound to a free port of 127.0.0.1, told in *ret. */
static int bound(int type, struct sockaddr_in *ret)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int fd = new_socket(type);

	EXPECT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	EXPECT_OK(getsockname(fd, (struct sockaddr *)&a, &len));
	EXPECT_EQ(len, sizeof(a));
	EXPECT(a.sin_port != 0);
	*ret = a;
	return fd;
}

static int listening(struct sockaddr_in *ret)
{
	int fd = bound(SOCK_STREAM, ret);

	EXPECT_OK(listen(fd, 16));
	return fd;
}

/* Both ends of a TCP connection. */
static void tcp_pair(int fds[2])
{
	struct sockaddr_in a;
	int listener = listening(&a);

	fds[0] = new_socket(SOCK_STREAM);
	EXPECT_OK(connect(fds[0], (struct sockaddr *)&a, sizeof(a)));
	fds[1] = (int)EXPECT_OK(accept(listener, NULL, NULL));
	close(listener);
}

static int get_int(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	EXPECT_OK(getsockopt(fd, level, name, &value, &len));
	return value;
}

static void set_int(int fd, int level, int name, int value)
{
	EXPECT_OK(setsockopt(fd, level, name, &value, sizeof(value)));
}

static int wait_events(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	EXPECT_OK(poll(&p, 1, ms));
	return p.revents;
}

/* --- making them ------------------------------------------------------------------------------------------------ */

TEST(socket, inet_kinds_and_flags)
{
	int fd = (int)EXPECT_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	EXPECT_EQ(get_int(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	EXPECT_EQ(get_int(fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
	EXPECT_EQ(get_int(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	fd = new_socket(SOCK_DGRAM);
	EXPECT_EQ(get_int(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
	EXPECT_ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
}

TEST(socket, inet_errors)
{
	EXPECT_ERR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	EXPECT_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	EXPECT_ERR(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	if (geteuid() == 0)
		EXPECT_OK(setresuid(65534, 65534, 65534));
	EXPECT_ERR(socket(AF_INET, SOCK_RAW, IPPROTO_UDP), EPERM);
}

/* --- TCP --------------------------------------------------------------------------------------------------------- */

TEST(connect, tcp_names)
{
	struct sockaddr_in a, got, own;
	socklen_t len = sizeof(got);
	int listener = listening(&a), client = new_socket(SOCK_STREAM), server;

	EXPECT_EQ(get_int(listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
	EXPECT_ERR(getpeername(client, (struct sockaddr *)&got, &len), ENOTCONN);
	EXPECT_OK(connect(client, (struct sockaddr *)&a, sizeof(a)));
	EXPECT_ERR(connect(client, (struct sockaddr *)&a, sizeof(a)), EISCONN);
	server = (int)EXPECT_OK(
		accept4(listener, (struct sockaddr *)&got, &len, SOCK_CLOEXEC | SOCK_NONBLOCK));
	EXPECT_EQ(len, sizeof(got));
	EXPECT_EQ(fcntl(server, F_GETFL), O_RDWR | O_NONBLOCK);
	EXPECT_EQ(fcntl(server, F_GETFD), FD_CLOEXEC);
	EXPECT_OK(getsockname(client, (struct sockaddr *)&own, &len));
	EXPECT(!memcmp(&own, &got, sizeof(own)));
	EXPECT_OK(getpeername(client, (struct sockaddr *)&got, &len));
	EXPECT_EQ(got.sin_port, a.sin_port);
	len = 4;
	memset(&got, 0x5a, sizeof(got));
	EXPECT_OK(getpeername(client, (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, sizeof(got));
	EXPECT_EQ(((unsigned char *)&got)[4], 0x5a);
}

TEST(recvfrom, tcp_bytes_and_end)
{
	char b[16];
	int s[2];

	tcp_pair(s);
	EXPECT_EQ(write(s[0], "hello", 5), 5);
	EXPECT_EQ(recv(s[1], b, 16, MSG_PEEK), 5);
	EXPECT_EQ(read(s[1], b, 16), 5);
	EXPECT(!memcmp(b, "hello", 5));
	EXPECT_EQ(send(s[1], "back", 4, MSG_NOSIGNAL), 4);
	EXPECT_EQ(recvfrom(s[0], b, 4, MSG_WAITALL, NULL, NULL), 4);
	EXPECT_ERR(recv(s[0], b, 1, MSG_DONTWAIT), EAGAIN);
	EXPECT_OK(shutdown(s[0], SHUT_WR));
	EXPECT_EQ(read(s[1], b, 1), 0);
	EXPECT_EQ(write(s[1], "x", 1), 1);
	EXPECT_EQ(read(s[0], b, 1), 1);
	EXPECT_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

TEST(readv, tcp_vectors)
{
	char a[3], b[5];
	struct iovec out[3] = { { "ab", 2 }, { NULL, 0 }, { "cdefgh", 6 } },
		     in[2] = { { a, 3 }, { b, 5 } };
	struct msghdr m = { .msg_iov = in, .msg_iovlen = 2 };
	int s[2];

	tcp_pair(s);
	EXPECT_EQ(writev(s[0], out, 3), 8);
	EXPECT_EQ(recvmsg(s[1], &m, MSG_WAITALL), 8);
	EXPECT(!memcmp(a, "abc", 3) && !memcmp(b, "defgh", 5));
	EXPECT_EQ(m.msg_controllen, 0);
	m.msg_iov = out;
	m.msg_iovlen = 3;
	EXPECT_EQ(sendmsg(s[1], &m, 0), 8);
	EXPECT_EQ(readv(s[0], in, 2), 8);
}

static void *pump(void *arg)
{
	size_t left = 8 << 20;
	char *b = malloc(200000);
	int fd = *(int *)arg;

	memset(b, 'p', 200000);
	while (left) {
		size_t n = left < 200000 ? left : 200000;

		EXPECT_EQ(send(fd, b, n, 0), n);
		left -= n;
	}
	shutdown(fd, SHUT_WR);
	free(b);
	return NULL;
}

TEST(sendto, tcp_large_transfer)
{
	static char b[100000];
	size_t total = 0;
	pthread_t t;
	ssize_t r;
	int s[2];

	tcp_pair(s);
	EXPECT_EQ(pthread_create(&t, NULL, pump, &s[0]), 0);
	while ((r = recv(s[1], b, sizeof(b), 0)) > 0)
		total += (size_t)r;
	EXPECT_EQ(r, 0);
	EXPECT_EQ(total, 8 << 20);
	pthread_join(t, NULL);
}

TEST(sendfile, to_tcp)
{
	char b[8192], got[8192];
	int s[2], fd = (int)EXPECT_OK(open("data", O_CREAT | O_RDWR, 0600));

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (char)(i * 31);
	EXPECT_EQ(write(fd, b, sizeof(b)), sizeof(b));
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	tcp_pair(s);
	EXPECT_EQ(sendfile(s[0], fd, NULL, sizeof(b)), sizeof(b));
	EXPECT_EQ(recv(s[1], got, sizeof(got), MSG_WAITALL), sizeof(got));
	EXPECT(!memcmp(b, got, sizeof(b)));
}

TEST(sendto, tcp_broken_pipe_raises_sigpipe)
{
	int s[2], status;
	char b;

	tcp_pair(s);
	close(s[1]);
	EXPECT_EQ(read(s[0], &b, 1), 0);
	EXPECT_OK(shutdown(s[0], SHUT_WR));
	EXPECT_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	if (!fork()) {
		if (write(s[0], "x", 1) < 0)
			_exit(1);
		_exit(0);
	}
	wait(&status);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

TEST(recvfrom, tcp_reset)
{
	struct linger l = { 1, 0 };
	int s[2];
	char b;

	tcp_pair(s);
	EXPECT_OK(setsockopt(s[1], SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	close(s[1]);
	EXPECT_ERR(recv(s[0], &b, 1, 0), ECONNRESET);
	EXPECT_EQ(recv(s[0], &b, 1, 0), 0);
}

TEST(recvfrom, tcp_bad_memory_loses_nothing)
{
	char b[8];
	int s[2];

	tcp_pair(s);
	EXPECT_EQ(write(s[0], "keep", 4), 4);
	EXPECT(wait_events(s[1], POLLIN, 5000) & POLLIN);
	EXPECT_ERR(recv(s[1], (void *)8, 4, 0), EFAULT);
	EXPECT_EQ(recv(s[1], b, 8, 0), 4);
	EXPECT_ERR(send(s[0], (void *)8, 4, 0), EFAULT);
}

TEST(recvfrom, inet_errors)
{
	int fd = new_socket(SOCK_STREAM);
	char b;

	EXPECT_ERR(recv(fd, &b, 1, 0), ENOTCONN);
	EXPECT_ERR(send(fd, &b, 1, MSG_NOSIGNAL), EPIPE);
	EXPECT_ERR(recv(-1, &b, 1, 0), EBADF);
	EXPECT_ERR(recv(0, &b, 1, 0), ENOTSOCK);
}

TEST(connect, tcp_refused)
{
	struct sockaddr_in a;
	int fd;

	close(bound(SOCK_STREAM, &a));
	fd = new_socket(SOCK_STREAM);
	EXPECT_ERR(connect(fd, (struct sockaddr *)&a, sizeof(a)), ECONNREFUSED);
	EXPECT_ERR(connect(fd, (struct sockaddr *)&a, 4), EINVAL);
	a.sin_family = AF_UNIX;
	EXPECT_ERR(connect(fd, (struct sockaddr *)&a, sizeof(a)), EAFNOSUPPORT);
	EXPECT_ERR(connect(fd, (struct sockaddr *)8, sizeof(a)), EFAULT);
	EXPECT_ERR(connect(0, (struct sockaddr *)&a, sizeof(a)), ENOTSOCK);
}

TEST(connect, tcp_nonblocking)
{
	struct sockaddr_in a;
	int listener = listening(&a),
	    fd = (int)EXPECT_OK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)), r;

	r = connect(fd, (struct sockaddr *)&a, sizeof(a));
	EXPECT(r == 0 || errno == EINPROGRESS);
	EXPECT(wait_events(fd, POLLOUT, 5000) & POLLOUT);
	EXPECT_EQ(get_int(fd, SOL_SOCKET, SO_ERROR), 0);
	EXPECT_OK(accept(listener, NULL, NULL));
	close(listener);
	fd = (int)EXPECT_OK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	r = connect(fd, (struct sockaddr *)&a, sizeof(a));
	EXPECT_EQ(r, -1);
	if (errno == EINPROGRESS) {
		EXPECT(wait_events(fd, POLLOUT, 5000) & (POLLERR | POLLHUP));
		EXPECT_EQ(get_int(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	} else {
		EXPECT_EQ(errno, ECONNREFUSED);
	}
}

TEST(accept, tcp_nonblocking_and_flags_not_inherited)
{
	struct sockaddr_in a;
	int listener = listening(&a), client, server;

	EXPECT_OK(fcntl(listener, F_SETFL, O_NONBLOCK));
	EXPECT_ERR(accept(listener, NULL, NULL), EAGAIN);
	client = new_socket(SOCK_STREAM);
	EXPECT_OK(connect(client, (struct sockaddr *)&a, sizeof(a)));
	EXPECT(wait_events(listener, POLLIN, 5000) & POLLIN);
	server = (int)EXPECT_OK(accept(listener, NULL, NULL));
	EXPECT_EQ(fcntl(server, F_GETFL), O_RDWR);
	EXPECT_EQ(fcntl(server, F_GETFD), 0);
}

TEST(accept, inet_errors)
{
	struct sockaddr_in a;
	int fd = bound(SOCK_STREAM, &a), udp = bound(SOCK_DGRAM, &a);

	EXPECT_ERR(accept(fd, NULL, NULL), EINVAL);
	EXPECT_ERR(accept(udp, NULL, NULL), EOPNOTSUPP);
	EXPECT_ERR(accept4(fd, NULL, NULL, 4), EINVAL);
	EXPECT_ERR(accept(-1, NULL, NULL), EBADF);
	EXPECT_ERR(accept(0, NULL, NULL), ENOTSOCK);
	EXPECT_ERR(listen(udp, 1), EOPNOTSUPP);
}

static void *late_client(void *arg)
{
	struct sockaddr_in *a = arg;
	int fd;

	usleep(5000);
	fd = new_socket(SOCK_STREAM);
	EXPECT_OK(connect(fd, (struct sockaddr *)a, sizeof(*a)));
	EXPECT_EQ(write(fd, "!", 1), 1);
	return NULL;
}

TEST(accept, tcp_blocks_until_a_client_comes)
{
	struct sockaddr_in a;
	int listener = listening(&a), fd;
	pthread_t t;
	char b;

	EXPECT_EQ(pthread_create(&t, NULL, late_client, &a), 0);
	fd = (int)EXPECT_OK(accept(listener, NULL, NULL));
	EXPECT_EQ(read(fd, &b, 1), 1);
	pthread_join(t, NULL);
}

static void on_signal(int sig)
{
	(void)sig;
}

TEST(recvfrom, tcp_interrupted)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct itimerval timer = { .it_value = { 0, 20000 }, .it_interval = { 0, 20000 } };
	int s[2];
	char b;

	tcp_pair(s);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	EXPECT_ERR(read(s[0], &b, 1), EINTR);
}

TEST(recvfrom, tcp_restarted)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int s[2];
	char b = 0;

	tcp_pair(s);
	sigaction(SIGUSR1, &sa, NULL);
	if (!fork()) {
		for (int i = 0; i < 5; i++) {
			kill(getppid(), SIGUSR1);
			usleep(2000);
		}
		_exit(write(s[1], "r", 1) != 1);
	}
	EXPECT_EQ(read(s[0], &b, 1), 1);
	EXPECT_EQ(b, 'r');
}

TEST(setsockopt, inet_receive_timeout)
{
	struct timeval tv = { 0, 30000 }, got;
	socklen_t len = sizeof(got);
	struct timespec a, e;
	int s[2];
	char b;

	tcp_pair(s);
	EXPECT_OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	EXPECT_OK(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len));
	EXPECT(got.tv_sec == 0 && got.tv_usec >= 30000 && got.tv_usec < 50000);
	clock_gettime(CLOCK_MONOTONIC, &a);
	EXPECT_ERR(read(s[0], &b, 1), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &e);
	EXPECT((e.tv_sec - a.tv_sec) * 1000 + (e.tv_nsec - a.tv_nsec) / 1000000 >= 29);
}

TEST(fcntl, nonblocking_can_be_changed_on_a_live_socket)
{
	int s[2], off = 0;
	char b;

	tcp_pair(s);
	EXPECT_OK(fcntl(s[0], F_SETFL, O_NONBLOCK));
	EXPECT_ERR(read(s[0], &b, 1), EAGAIN);
	EXPECT_OK(ioctl(s[0], FIONBIO, &off));
	EXPECT_EQ(fcntl(s[0], F_GETFL), O_RDWR);
	EXPECT_EQ(write(s[1], "x", 1), 1);
	EXPECT_EQ(read(s[0], &b, 1), 1);
}

TEST(sendto, tcp_flow_control)
{
	static char big[65536];
	ssize_t r, total = 0;
	int s[2];

	tcp_pair(s);
	EXPECT_OK(fcntl(s[0], F_SETFL, O_NONBLOCK));
	while ((r = write(s[0], big, sizeof(big))) > 0)
		total += r;
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_EQ(wait_events(s[0], POLLOUT, 0), 0);
	while (total > 0) {
		r = read(s[1], big, sizeof(big));
		EXPECT(r > 0);
		total -= r;
	}
	EXPECT_EQ(wait_events(s[0], POLLOUT, 5000), POLLOUT);
}

TEST(epoll_wait, tcp_server)
{
	struct epoll_event ev = { .events = EPOLLIN }, got[4];
	int ep = (int)EXPECT_OK(epoll_create1(0)), s[2];
	char b[4];

	tcp_pair(s);
	ev.data.fd = s[1];
	EXPECT_OK(epoll_ctl(ep, EPOLL_CTL_ADD, s[1], &ev));
	EXPECT_EQ(epoll_wait(ep, got, 4, 0), 0);
	EXPECT_EQ(write(s[0], "x", 1), 1);
	EXPECT_EQ(epoll_wait(ep, got, 4, 5000), 1);
	EXPECT_EQ(got[0].data.fd, s[1]);
	EXPECT_EQ(read(s[1], b, 4), 1);
	EXPECT_EQ(epoll_wait(ep, got, 4, 0), 0);
	close(s[0]);
	EXPECT_EQ(epoll_wait(ep, got, 4, 5000), 1);
	EXPECT_EQ(read(s[1], b, 4), 0);
}

static void echo_child(int fd)
{
	char b;

	while (read(fd, &b, 1) == 1)
		if (write(fd, &b, 1) != 1)
			_exit(1);
	_exit(0);
}

TEST(accept, tcp_forking_server)
{
	struct sockaddr_in a;
	int listener = listening(&a), status;
	pid_t server;
	char b;

	server = fork();
	if (!server) {
		for (int i = 0; i < 3; i++) {
			int fd = accept(listener, NULL, NULL);

			if (fd < 0)
				_exit(1);
			if (!fork())
				echo_child(fd);
			close(fd);
		}
		for (int i = 0; i < 3; i++) {
			wait(&status);
			if (status)
				_exit(1);
		}
		_exit(0);
	}
	close(listener);
	for (int i = 0; i < 3; i++) {
		int fd = new_socket(SOCK_STREAM);

		EXPECT_OK(connect(fd, (struct sockaddr *)&a, sizeof(a)));
		for (int j = 0; j < 100; j++) {
			b = (char)j;
			EXPECT_EQ(write(fd, &b, 1), 1);
			EXPECT_EQ(read(fd, &b, 1), 1);
			EXPECT_EQ(b, (char)j);
		}
		close(fd);
	}
	EXPECT_EQ(waitpid(server, &status, 0), server);
	EXPECT_EQ(status, 0);
}

/* --- UDP --------------------------------------------------------------------------------------------------------- */

TEST(recvfrom, udp_messages_with_addresses)
{
	struct sockaddr_in a, c, from;
	socklen_t len = sizeof(from);
	int fa = bound(SOCK_DGRAM, &a), fc = bound(SOCK_DGRAM, &c);
	char b[8];

	EXPECT_EQ(sendto(fc, "hello", 5, 0, (struct sockaddr *)&a, sizeof(a)), 5);
	EXPECT_EQ(sendto(fc, "", 0, 0, (struct sockaddr *)&a, sizeof(a)), 0);
	EXPECT_EQ(recvfrom(fa, b, 8, MSG_PEEK, (struct sockaddr *)&from, &len), 5);
	EXPECT_EQ(len, sizeof(from));
	EXPECT_EQ(from.sin_port, c.sin_port);
	EXPECT_EQ(recv(fa, b, 2, MSG_TRUNC), 5);
	EXPECT_EQ(recv(fa, b, 8, 0), 0);
	EXPECT_ERR(recv(fa, b, 8, MSG_DONTWAIT), EAGAIN);
	len = 0;
	EXPECT_EQ(sendto(fc, "z", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
	EXPECT_EQ(recvfrom(fa, b, 8, 0, (struct sockaddr *)&from, &len), 1);
	EXPECT_EQ(len, sizeof(from));
}

TEST(recvmsg, udp_truncation_and_packet_info)
{
	struct sockaddr_in a, c, from;
	int fa = bound(SOCK_DGRAM, &a), fc = bound(SOCK_DGRAM, &c), found = 0;
	union {
		char bytes[128];
		struct cmsghdr align;
	} control;
	char b[3];
	struct iovec iov = { b, 3 };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	set_int(fa, IPPROTO_IP, IP_PKTINFO, 1);
	EXPECT_EQ(sendto(fc, "hello", 5, 0, (struct sockaddr *)&a, sizeof(a)), 5);
	EXPECT_EQ(recvmsg(fa, &m, 0), 3);
	EXPECT_EQ(m.msg_flags & MSG_TRUNC, MSG_TRUNC);
	EXPECT_EQ(m.msg_namelen, sizeof(from));
	EXPECT_EQ(from.sin_port, c.sin_port);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(h), sizeof(info));
			EXPECT_EQ(info.ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
			found = 1;
		}
	EXPECT_EQ(found, 1);
	/* No room: told, not an error. */
	m.msg_controllen = 4;
	EXPECT_EQ(sendto(fc, "hi", 2, 0, (struct sockaddr *)&a, sizeof(a)), 2);
	EXPECT_EQ(recvmsg(fa, &m, 0), 2);
	EXPECT_EQ(m.msg_flags & MSG_CTRUNC, MSG_CTRUNC);
}

TEST(sendmsg, udp_with_packet_info)
{
	struct sockaddr_in a, c;
	int fa = bound(SOCK_DGRAM, &a), fc = bound(SOCK_DGRAM, &c);
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK) };
	union {
		char bytes[CMSG_SPACE(sizeof(info))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { "q", 1 };
	struct msghdr m = { .msg_name = &a,
			    .msg_namelen = sizeof(a),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	char b;

	memset(&control, 0, sizeof(control));
	control.align.cmsg_level = IPPROTO_IP;
	control.align.cmsg_type = IP_PKTINFO;
	control.align.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&control.align), &info, sizeof(info));
	EXPECT_EQ(sendmsg(fc, &m, 0), 1);
	EXPECT_EQ(recv(fa, &b, 1, 0), 1);
	control.align.cmsg_type = 99;
	EXPECT_ERR(sendmsg(fc, &m, 0), EINVAL);
	control.align.cmsg_len = 3;
	EXPECT_ERR(sendmsg(fc, &m, 0), EINVAL);
}

TEST(connect, udp)
{
	struct sockaddr_in a, c, none = { .sin_family = AF_UNSPEC };
	int fa = bound(SOCK_DGRAM, &a), fc = bound(SOCK_DGRAM, &c);
	char b;

	EXPECT_ERR(send(fc, "x", 1, 0), EDESTADDRREQ);
	EXPECT_OK(connect(fc, (struct sockaddr *)&a, sizeof(a)));
	EXPECT_EQ(send(fc, "x", 1, 0), 1);
	EXPECT_EQ(recv(fa, &b, 1, 0), 1);
	EXPECT_OK(connect(fc, (struct sockaddr *)&none, sizeof(none)));
	EXPECT_ERR(send(fc, "x", 1, 0), EDESTADDRREQ);
	EXPECT_OK(connect(fc, (struct sockaddr *)&a, sizeof(a)));
	close(fa);
	EXPECT_EQ(send(fc, "x", 1, 0), 1);
	EXPECT(wait_events(fc, POLLIN, 5000) & POLLERR);
	EXPECT_ERR(recv(fc, &b, 1, 0), ECONNREFUSED);
}

TEST(sendto, udp_errors)
{
	static char big[70000];
	struct sockaddr_in a;
	int fd = bound(SOCK_DGRAM, &a);

	EXPECT_ERR(sendto(fd, big, sizeof(big), 0, (struct sockaddr *)&a, sizeof(a)), EMSGSIZE);
	EXPECT_ERR(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, 4), EINVAL);
	EXPECT_ERR(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, 300), EINVAL);
	EXPECT_ERR(sendto(fd, "x", 1, 0, (struct sockaddr *)8, sizeof(a)), EFAULT);
	EXPECT_ERR(sendto(fd, (void *)8, 5, 0, (struct sockaddr *)&a, sizeof(a)), EFAULT);
	EXPECT_ERR(sendto(-1, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), EBADF);
	EXPECT_EQ(sendto(fd, big, 60000, 0, (struct sockaddr *)&a, sizeof(a)), 60000);
	EXPECT_EQ(recv(fd, big, sizeof(big), 0), 60000);
}

TEST(sendmmsg, udp_batches)
{
	struct sockaddr_in a, c, from[3];
	int fa = bound(SOCK_DGRAM, &a), fc = bound(SOCK_DGRAM, &c);
	struct iovec iov[3];
	struct mmsghdr m[3];
	char b[3][8];

	memset(m, 0, sizeof(m));
	for (int i = 0; i < 3; i++) {
		iov[i] = (struct iovec){ "abcdef", (size_t)i + 1 };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &a,
						.msg_namelen = sizeof(a),
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
	}
	EXPECT_EQ(sendmmsg(fc, m, 3, 0), 3);
	EXPECT_EQ(m[2].msg_len, 3);
	for (int i = 0; i < 3; i++) {
		iov[i] = (struct iovec){ b[i], 8 };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
						.msg_namelen = sizeof(from[i]),
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
	}
	EXPECT_EQ(recvmmsg(fa, m, 3, 0, NULL), 3);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(m[i].msg_len, i + 1);
		EXPECT_EQ(from[i].sin_port, c.sin_port);
	}
}

/* --- names and options ------------------------------------------------------------------------------------------ */

TEST(bind, inet_errors)
{
	struct sockaddr_in a, low = loopback(80);
	int fd, other = listening(&a);

	(void)other;
	fd = new_socket(SOCK_STREAM);
	EXPECT_ERR(bind(fd, (struct sockaddr *)&a, sizeof(a)), EADDRINUSE);
	EXPECT_ERR(bind(fd, (struct sockaddr *)&a, 4), EINVAL);
	a.sin_addr.s_addr = htonl(0x08080808);
	a.sin_port = 0;
	EXPECT_ERR(bind(fd, (struct sockaddr *)&a, sizeof(a)), EADDRNOTAVAIL);
	EXPECT_ERR(bind(fd, (struct sockaddr *)8, sizeof(a)), EFAULT);
	FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
	int start = 1024;

	if (f && fscanf(f, "%d", &start) != 1)
		start = 1024;
	if (start <= 80)
		return;
	if (geteuid() == 0)
		EXPECT_OK(setresuid(65534, 65534, 65534));
	EXPECT_ERR(bind(fd, (struct sockaddr *)&low, sizeof(low)), EACCES);
}

TEST(getsockopt, inet_values)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	char name[16] = "";
	struct ucred uc;
	int s[2];

	tcp_pair(s);
	set_int(s[0], IPPROTO_TCP, TCP_NODELAY, 1);
	EXPECT_EQ(get_int(s[0], IPPROTO_TCP, TCP_NODELAY), 1);
	set_int(s[0], IPPROTO_TCP, TCP_NODELAY, 0);
	set_int(s[0], IPPROTO_TCP, TCP_CORK, 1);
	EXPECT_EQ(get_int(s[0], IPPROTO_TCP, TCP_CORK), 1);
	set_int(s[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	EXPECT_EQ(get_int(s[0], SOL_SOCKET, SO_KEEPALIVE), 1);
	set_int(s[0], IPPROTO_TCP, TCP_KEEPIDLE, 77);
	EXPECT_EQ(get_int(s[0], IPPROTO_TCP, TCP_KEEPIDLE), 77);
	set_int(s[0], IPPROTO_TCP, TCP_KEEPINTVL, 7);
	set_int(s[0], IPPROTO_TCP, TCP_KEEPCNT, 3);
	set_int(s[0], IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
	EXPECT_EQ(get_int(s[0], IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
	set_int(s[0], IPPROTO_IP, IP_TOS, 0x10);
	EXPECT_EQ(get_int(s[0], IPPROTO_IP, IP_TOS), 0x10);
	set_int(s[0], IPPROTO_IP, IP_TTL, 42);
	EXPECT_EQ(get_int(s[0], IPPROTO_IP, IP_TTL), 42);
	EXPECT(get_int(s[0], SOL_SOCKET, SO_SNDBUF) > 0);
	EXPECT_EQ(get_int(s[0], SOL_SOCKET, SO_ERROR), 0);
	EXPECT_OK(getsockopt(s[0], IPPROTO_TCP, TCP_INFO, &info, &len));
	EXPECT_EQ(info.tcpi_state, TCP_ESTABLISHED);
	len = sizeof(name);
	EXPECT_OK(getsockopt(s[0], IPPROTO_TCP, TCP_CONGESTION, name, &len));
	EXPECT(name[0]);
	len = sizeof(uc);
	EXPECT_OK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &uc, &len));
	EXPECT(uc.pid == 0 && uc.uid == (uid_t)-1);
}

TEST(setsockopt, inet_errors)
{
	int fd = new_socket(SOCK_STREAM), on = 1;
	socklen_t len = (socklen_t)-1;

	EXPECT_ERR(setsockopt(fd, IPPROTO_TCP, 9999, &on, sizeof(on)), ENOPROTOOPT);
	EXPECT_ERR(setsockopt(fd, SOL_SOCKET, 9999, &on, sizeof(on)), ENOPROTOOPT);
	EXPECT_ERR(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, 2), EINVAL);
	EXPECT_ERR(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, (void *)8, sizeof(on)), EFAULT);
	EXPECT_ERR(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), EINVAL);
}

TEST(setsockopt, inet_reuse)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int x = new_socket(SOCK_STREAM), y = new_socket(SOCK_STREAM);

	set_int(x, SOL_SOCKET, SO_REUSEPORT, 1);
	set_int(y, SOL_SOCKET, SO_REUSEPORT, 1);
	set_int(x, SOL_SOCKET, SO_REUSEADDR, 1);
	EXPECT_EQ(get_int(x, SOL_SOCKET, SO_REUSEADDR), 1);
	EXPECT_OK(bind(x, (struct sockaddr *)&a, sizeof(a)));
	EXPECT_OK(getsockname(x, (struct sockaddr *)&a, &len));
	EXPECT_OK(bind(y, (struct sockaddr *)&a, sizeof(a)));
}

TEST(shutdown, inet_errors)
{
	int fd = new_socket(SOCK_STREAM);

	EXPECT_ERR(shutdown(fd, SHUT_RDWR), ENOTCONN);
	EXPECT_ERR(shutdown(fd, 3), EINVAL);
	EXPECT_ERR(shutdown(0, SHUT_RD), ENOTSOCK);
	EXPECT_ERR(shutdown(-1, SHUT_RD), EBADF);
}

TEST(ioctl, inet_queue_and_interfaces)
{
	struct ifreq ifr, list[16];
	struct ifconf ifc = { .ifc_len = sizeof(list) };
	int n = -1, s[2], found = 0;

	tcp_pair(s);
	EXPECT_EQ(write(s[0], "12345", 5), 5);
	EXPECT_EQ(wait_events(s[1], POLLIN, 5000), POLLIN);
	EXPECT_OK(ioctl(s[1], FIONREAD, &n));
	EXPECT_EQ(n, 5);
	memset(&ifr, 0, sizeof(ifr));
	strcpy(ifr.ifr_name, "lo");
	EXPECT_OK(ioctl(s[0], SIOCGIFFLAGS, &ifr));
	EXPECT(ifr.ifr_flags & IFF_LOOPBACK);
	EXPECT_OK(ioctl(s[0], SIOCGIFINDEX, &ifr));
	EXPECT_EQ(ifr.ifr_ifindex, if_nametoindex("lo"));
	strcpy(ifr.ifr_name, "no-such-if");
	EXPECT_ERR(ioctl(s[0], SIOCGIFFLAGS, &ifr), ENODEV);
	ifc.ifc_req = list;
	EXPECT_OK(ioctl(s[0], SIOCGIFCONF, &ifc));
	for (size_t i = 0; i < (size_t)ifc.ifc_len / sizeof(ifr); i++)
		found |= !strcmp(list[i].ifr_name, "lo");
	EXPECT(found);
	EXPECT_ERR(ioctl(s[0], FIONREAD, (void *)8), EFAULT);
}

/* --- IPv6 -------------------------------------------------------------------------------------------------------- */

TEST(socket, inet6_tcp)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT },
			    got;
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET6, SOCK_STREAM, 0), client, server;
	char b;

	if (listener < 0 && errno == EAFNOSUPPORT)
		SKIP("this kernel has no IPv6");
	EXPECT(listener >= 0);
	set_int(listener, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	EXPECT_EQ(get_int(listener, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) && errno == EADDRNOTAVAIL)
		SKIP("::1 is not configured");
	EXPECT_OK(listen(listener, 1));
	EXPECT_OK(getsockname(listener, (struct sockaddr *)&a, &len));
	EXPECT_EQ(len, sizeof(a));
	client = (int)EXPECT_OK(socket(AF_INET6, SOCK_STREAM, 0));
	EXPECT_OK(connect(client, (struct sockaddr *)&a, sizeof(a)));
	server = (int)EXPECT_OK(accept(listener, (struct sockaddr *)&got, &len));
	EXPECT_EQ(got.sin6_family, AF_INET6);
	EXPECT_EQ(write(client, "6", 1), 1);
	EXPECT_EQ(read(server, &b, 1), 1);
	EXPECT_EQ(get_int(client, SOL_SOCKET, SO_DOMAIN), AF_INET6);
}

TEST_MAIN
