/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs: data, ends, blocking, atomicity, packets, size, readiness. */
#include "tests/syscall/test.h"

#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/uio.h>

#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#endif

/* An address that is not mapped, and that the compiler cannot see through. */
static void *volatile bad = (void *)8;
#define BAD ((void *)bad)

static unsigned int poll_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	EXPECT(poll(&p, 1, 0) >= 0);
	return (unsigned short)p.revents;
}

static void nonblock(int fd)
{
	EXPECT_OK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
}

TEST(pipe, moves_bytes_in_order)
{
	char b[16] = "";
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	EXPECT_EQ(write(p[1], "hello", 5), 5);
	EXPECT_EQ(write(p[1], "world", 5), 5);
	EXPECT_EQ(read(p[0], b, 7), 7);
	EXPECT_STR(b, "hellowo");
	EXPECT_EQ(read(p[0], b, sizeof(b)), 3);
	EXPECT(!memcmp(b, "rld", 3));
	EXPECT_ERR(read(p[1], b, 1), EBADF);
	EXPECT_ERR(write(p[0], b, 1), EBADF);
	EXPECT_EQ(write(p[1], b, 0), 0);
}

TEST(pipe, bad_address_and_limits)
{
	struct rlimit few = { 16, 16 };
	int p[2] = { -7, -7 };

	EXPECT_ERR(syscall(SYS_pipe, BAD), EFAULT);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (dup(0) >= 0)
		;
	EXPECT_ERR(pipe(p), EMFILE);
	EXPECT_EQ(p[0], -7);
}

TEST(pipe2, flags)
{
	int p[2];

	EXPECT_EQ(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	EXPECT_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(p[1], F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(p[0], F_GETFL), O_NONBLOCK | O_RDONLY);
	EXPECT_EQ(fcntl(p[1], F_GETFL), O_NONBLOCK | O_WRONLY);
	EXPECT_ERR(read(p[0], p, 1), EAGAIN);
	EXPECT_ERR(pipe2(p, O_CREAT), EINVAL);
	EXPECT_ERR(syscall(SYS_pipe2, BAD, 0), EFAULT);
}

TEST(pipe, same_object_in_stat)
{
	struct stat a, b;
	char name[64], path[64];
	ssize_t n;
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	EXPECT_EQ(fstat(p[0], &a), 0);
	EXPECT_EQ(fstat(p[1], &b), 0);
	EXPECT(S_ISFIFO(a.st_mode));
	EXPECT_EQ(a.st_ino, b.st_ino);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	n = readlink(path, name, sizeof(name) - 1);
	EXPECT(n > 0);
	name[n] = '\0';
	snprintf(path, sizeof(path), "pipe:[%lu]", (unsigned long)a.st_ino);
	EXPECT_STR(name, path);
	EXPECT_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	EXPECT_ERR(pread(p[0], name, 1, 0), ESPIPE);
}

TEST(pipe, end_when_writers_are_gone)
{
	char c;
	int p[2], again;

	EXPECT_EQ(pipe(p), 0);
	again = dup(p[1]);
	EXPECT_EQ(write(p[1], "x", 1), 1);
	close(p[1]);
	EXPECT_EQ(poll_now(p[0], POLLIN), POLLIN);
	EXPECT_EQ(read(p[0], &c, 1), 1);
	nonblock(p[0]);
	EXPECT_ERR(read(p[0], &c, 1), EAGAIN);
	close(again);
	EXPECT_EQ(read(p[0], &c, 1), 0);
	EXPECT_EQ(read(p[0], &c, 1), 0);
	EXPECT_EQ(poll_now(p[0], POLLIN), POLLHUP);
}

static volatile sig_atomic_t got_signal;
static void on_signal(int sig)
{
	got_signal = sig;
}

TEST(pipe, no_reader_is_epipe_and_sigpipe)
{
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	close(p[0]);
	signal(SIGPIPE, on_signal);
	EXPECT_ERR(write(p[1], "x", 1), EPIPE);
	EXPECT_EQ(got_signal, SIGPIPE);
	EXPECT_EQ(poll_now(p[1], POLLOUT), POLLOUT | POLLERR);
}

static void write_to_closed(void)
{
	int p[2];

	signal(SIGPIPE, SIG_DFL);
	EXPECT_EQ(pipe(p), 0);
	close(p[0]);
	(void)!write(p[1], "x", 1);
}

TEST(pipe, sigpipe_kills)
{
	int status = test_in_child(write_to_closed);

	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGPIPE);
}

TEST(pipe, full_pipe)
{
	static char b[65536];
	long total = 0, n;
	int p[2], queued;

	EXPECT_EQ(pipe2(p, O_NONBLOCK), 0);
	EXPECT_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	while ((n = write(p[1], b, 4096)) > 0)
		total += n;
	EXPECT_EQ(total, 65536);
	EXPECT_ERR(write(p[1], b, 4096), EAGAIN);
	EXPECT_EQ(poll_now(p[1], POLLOUT), 0);
	EXPECT_EQ(ioctl(p[0], FIONREAD, &queued), 0);
	EXPECT_EQ(queued, 65536);
	EXPECT_EQ(read(p[0], b, 4096), 4096);
	EXPECT_EQ(poll_now(p[1], POLLOUT), POLLOUT);
	/* More than is free: a part of it. */
	EXPECT_EQ(write(p[1], b, 8192), 4096);
	EXPECT_EQ(read(p[0], b, sizeof(b)), 65536);
	EXPECT_EQ(poll_now(p[0], POLLIN), 0);
}

/* The child writes three times the capacity; all arrives in order. */
TEST(pipe, large_blocking_transfer)
{
	enum { COUNT = 3 * 65536 };
	static unsigned char b[COUNT];
	long at = 0, n;
	int p[2], status;
	pid_t pid;

	EXPECT_EQ(pipe(p), 0);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < COUNT; i++)
			b[i] = (unsigned char)(i * 7 + (i >> 8));
		_exit(write(p[1], b, COUNT) != COUNT);
	}
	close(p[1]);
	while ((n = read(p[0], b + at, (size_t)(at % 5000 + 1))) > 0)
		at += n;
	EXPECT_EQ(n, 0);
	EXPECT_EQ(at, COUNT);
	for (int i = 0; i < COUNT; i++)
		if (b[i] != (unsigned char)(i * 7 + (i >> 8)))
			TEST_FAIL("byte %d differs", i);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(pipe, reader_sleeps_until_data)
{
	int p[2], status;
	char c = 0;
	pid_t pid;

	EXPECT_EQ(pipe(p), 0);
	pid = fork();
	if (!pid)
		_exit(read(p[0], &c, 1) != 1 || c != 'k');
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(write(p[1], "k", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(pipe, reader_sleeps_until_last_writer_closes)
{
	int p[2], status;
	char c = 0;
	pid_t pid;

	EXPECT_EQ(pipe(p), 0);
	pid = fork();
	if (!pid) {
		close(p[1]);
		_exit(read(p[0], &c, 1) != 0);
	}
	EXPECT_SOON(sleeping(pid));
	close(p[1]);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(pipe, writer_sleeps_until_reader_closes)
{
	static char b[65536];
	int p[2], status;
	pid_t pid;

	EXPECT_EQ(pipe(p), 0);
	EXPECT_EQ(write(p[1], b, sizeof(b)), sizeof(b));
	pid = fork();
	if (!pid) {
		close(p[0]);
		signal(SIGPIPE, SIG_IGN);
		_exit(write(p[1], b, 1) != -1 || errno != EPIPE);
	}
	EXPECT_SOON(sleeping(pid));
	close(p[0]);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* Each of many sleeping readers gets one byte: wake-ups are neither lost nor all spent on one. */
TEST(pipe, many_readers_one_byte_each)
{
	enum { READERS = 8 };
	pid_t pids[READERS];
	int p[2], status;
	char c;

	EXPECT_EQ(pipe(p), 0);
	for (int i = 0; i < READERS; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(read(p[0], &c, 1) != 1);
	}
	for (int i = 0; i < READERS; i++)
		EXPECT_SOON(sleeping(pids[i]));
	EXPECT_EQ(write(p[1], "12345678", READERS), READERS);
	for (int i = 0; i < READERS; i++) {
		EXPECT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		EXPECT_EQ(status, 0);
	}
}

static void *writer_thread(void *arg)
{
	int *p = arg;
	char b[1000];

	memset(b, p[2], sizeof(b));
	for (int i = 0; i < 400; i++)
		if (write(p[1], b, sizeof(b)) != sizeof(b))
			return (void *)1;
	return NULL;
}

/* Writes of up to PIPE_BUF are not mixed with others. */
TEST(pipe, small_writes_are_atomic)
{
	int a[3] = { 0, 0, 'a' }, b[3] = { 0, 0, 'b' };
	pthread_t ta, tb;
	char block[1000];
	void *ret;

	EXPECT_EQ(pipe(a), 0);
	b[0] = a[0];
	b[1] = a[1];
	EXPECT_EQ(pthread_create(&ta, NULL, writer_thread, a), 0);
	EXPECT_EQ(pthread_create(&tb, NULL, writer_thread, b), 0);
	for (int i = 0; i < 800; i++) {
		size_t got = 0;

		while (got < sizeof(block)) {
			long n = read(a[0], block + got, sizeof(block) - got);

			EXPECT(n > 0);
			got += (size_t)n;
		}
		for (size_t j = 1; j < sizeof(block); j++)
			EXPECT_EQ(block[j], block[0]);
	}
	EXPECT_EQ(pthread_join(ta, &ret), 0);
	EXPECT(!ret);
	EXPECT_EQ(pthread_join(tb, &ret), 0);
	EXPECT(!ret);
}

TEST(pipe, faults)
{
	char c;
	int p[2];

	EXPECT_EQ(pipe2(p, O_NONBLOCK), 0);
	EXPECT_ERR(write(p[1], BAD, 100), EFAULT);
	EXPECT_ERR(read(p[0], &c, 1), EAGAIN);
	EXPECT_EQ(write(p[1], "a", 1), 1);
	EXPECT_ERR(read(p[0], BAD, 1), EFAULT);
	EXPECT_EQ(read(p[0], &c, 1), 1);
	EXPECT_EQ(c, 'a');
}

TEST(pipe, signal_interrupts_or_restarts)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int p[2], status;
	char c;
	pid_t pid;

	EXPECT_EQ(pipe(p), 0);
	for (int restart = 0; restart < 2; restart++) {
		pid = fork();
		if (!pid) {
			sa.sa_flags = restart ? SA_RESTART : 0;
			sigaction(SIGUSR1, &sa, NULL);
			(void)!write(p[1], "", 0);
			if (restart)
				_exit(read(p[0], &c, 1) != 1 || got_signal != SIGUSR1);
			_exit(read(p[0], &c, 1) != -1 || errno != EINTR);
		}
		EXPECT_SOON(sleeping(pid));
		EXPECT_EQ(kill(pid, SIGUSR1), 0);
		if (restart) {
			EXPECT_SOON(sleeping(pid));
			EXPECT_EQ(write(p[1], "x", 1), 1);
		}
		EXPECT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT_EQ(status, 0);
	}
}

TEST(pipe, packets)
{
	static char b[9000];
	int p[2];

	EXPECT_EQ(pipe2(p, O_DIRECT | O_NONBLOCK), 0);
	EXPECT(fcntl(p[1], F_GETFL) & O_DIRECT);
	EXPECT_EQ(write(p[1], "one", 3), 3);
	EXPECT_EQ(write(p[1], "three", 5), 5);
	EXPECT_EQ(write(p[1], b, sizeof(b)), sizeof(b));
	EXPECT_EQ(read(p[0], b, 100), 3);
	/* The rest of a packet is dropped. */
	EXPECT_EQ(read(p[0], b, 2), 2);
	EXPECT(!memcmp(b, "th", 2));
	EXPECT_EQ(read(p[0], b, sizeof(b)), 4096);
	EXPECT_EQ(read(p[0], b, sizeof(b)), 4096);
	EXPECT_EQ(read(p[0], b, sizeof(b)), 9000 - 8192);
	EXPECT_ERR(read(p[0], b, sizeof(b)), EAGAIN);
	/* As many packets as pages. */
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(write(p[1], "x", 1), 1);
	EXPECT_ERR(write(p[1], "x", 1), EAGAIN);
	EXPECT_EQ(read(p[0], b, 100), 1);
	EXPECT_EQ(write(p[1], "x", 1), 1);
}

TEST(fcntl, pipe_size)
{
	static char b[65536];
	int p[2];

	EXPECT_EQ(pipe2(p, O_NONBLOCK), 0);
	EXPECT_EQ(fcntl(p[0], F_SETPIPE_SZ, 1), 4096);
	EXPECT_EQ(fcntl(p[1], F_GETPIPE_SZ), 4096);
	EXPECT_EQ(write(p[1], b, 5000), 4096);
	EXPECT_EQ(fcntl(p[0], F_SETPIPE_SZ, 100000), 131072);
	EXPECT_EQ(write(p[1], b, 50000), 50000);
	EXPECT_ERR(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY);
	EXPECT_EQ(read(p[0], b, sizeof(b)), 54096);
	EXPECT_EQ(fcntl(p[0], F_SETPIPE_SZ, 8192), 8192);
	EXPECT_EQ(write(p[1], b, 65536), 8192);
	EXPECT_ERR(fcntl(0, F_GETPIPE_SZ + 100), EINVAL);
	int fd = open("plain", O_RDWR | O_CREAT, 0600);

	EXPECT_ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
}

static void size_above_maximum(void)
{
	int p[2];

	if (!geteuid())
		EXPECT_EQ(setresuid(65534, 65534, 65534), 0);
	EXPECT_EQ(pipe(p), 0);
	EXPECT_ERR(fcntl(p[0], F_SETPIPE_SZ, 1 << 26), EPERM);
}

TEST(fcntl, pipe_size_limit)
{
	EXPECT_EQ(test_in_child(size_above_maximum), 0);
}

TEST(tee, copies_without_consuming)
{
	int a[2], b[2];
	char s[16];

	EXPECT_EQ(pipe2(a, O_NONBLOCK), 0);
	EXPECT_EQ(pipe2(b, O_NONBLOCK), 0);
	EXPECT_ERR(tee(a[0], b[1], 10, 0), EAGAIN);
	EXPECT_EQ(write(a[1], "0123456789", 10), 10);
	EXPECT_EQ(tee(a[0], b[1], 4, 0), 4);
	EXPECT_EQ(read(b[0], s, sizeof(s)), 4);
	EXPECT(!memcmp(s, "0123", 4));
	EXPECT_EQ(read(a[0], s, sizeof(s)), 10);
	EXPECT_ERR(tee(a[0], a[1], 4, 0), EINVAL);
	EXPECT_ERR(tee(-1, a[1], 4, 0), EBADF);
	close(a[1]);
	EXPECT_EQ(tee(a[0], b[1], 4, 0), 0);
}

TEST(open, fifo_nonblocking_rules)
{
	char c;
	int r, w;

	EXPECT_EQ(mkfifo("f", 0600), 0);
	EXPECT_ERR(open("f", O_WRONLY | O_NONBLOCK), ENXIO);
	r = EXPECT_OK(open("f", O_RDONLY | O_NONBLOCK));
	EXPECT_EQ(read(r, &c, 1), 0);
	EXPECT_EQ(poll_now(r, POLLIN), 0);
	w = EXPECT_OK(open("f", O_WRONLY | O_NONBLOCK));
	EXPECT_ERR(read(r, &c, 1), EAGAIN);
	EXPECT_EQ(write(w, "z", 1), 1);
	close(w);
	EXPECT_EQ(poll_now(r, POLLIN), POLLIN | POLLHUP);
	EXPECT_EQ(read(r, &c, 1), 1);
	EXPECT_EQ(poll_now(r, POLLIN), POLLHUP);
	w = EXPECT_OK(open("f", O_WRONLY));
	EXPECT_EQ(poll_now(r, POLLIN), 0);
	close(w);
}

TEST(open, fifo_both_ways)
{
	char c;
	int fd;

	EXPECT_EQ(mkfifo("f", 0600), 0);
	fd = EXPECT_OK(open("f", O_RDWR));
	EXPECT_EQ(poll_now(fd, POLLIN | POLLOUT), POLLOUT);
	EXPECT_EQ(write(fd, "q", 1), 1);
	EXPECT_EQ(poll_now(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	EXPECT_EQ(read(fd, &c, 1), 1);
	EXPECT_EQ(c, 'q');
}

TEST(open, fifo_meets_other_end)
{
	int r, status;
	char c = 0;
	pid_t pid;

	EXPECT_EQ(mkfifo("f", 0600), 0);
	pid = fork();
	if (!pid) {
		int w = open("f", O_WRONLY);

		_exit(w < 0 || write(w, "m", 1) != 1);
	}
	EXPECT_SOON(sleeping(pid));
	r = EXPECT_OK(open("f", O_RDONLY));
	EXPECT_EQ(read(r, &c, 1), 1);
	EXPECT_EQ(c, 'm');
	EXPECT_EQ(read(r, &c, 1), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(open, fifo_wait_is_interrupted)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int status;
	pid_t pid;

	EXPECT_EQ(mkfifo("f", 0600), 0);
	sigaction(SIGUSR1, &sa, NULL);
	pid = fork();
	if (!pid)
		_exit(open("f", O_RDONLY) != -1 || errno != EINTR);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(kill(pid, SIGUSR1), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(open, pipe_again_through_proc)
{
	char path[64], c = 0;
	int p[2], w;

	EXPECT_EQ(pipe(p), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[1]);
	w = EXPECT_OK(open(path, O_WRONLY));
	EXPECT_EQ(write(w, "v", 1), 1);
	EXPECT_EQ(read(p[0], &c, 1), 1);
	EXPECT_EQ(c, 'v');
	close(p[1]);
	close(w);
	EXPECT_EQ(read(p[0], &c, 1), 0);
}

TEST(open, pipe_again_waits_for_nobody)
{
	char path[64], c = 0;
	int p[2], r, w;

	EXPECT_EQ(pipe(p), 0);
	EXPECT_EQ(write(p[1], "v", 1), 1);
	close(p[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	r = EXPECT_OK(open(path, O_RDONLY));
	close(p[0]);
	EXPECT_EQ(read(r, &c, 1), 1);
	EXPECT_EQ(c, 'v');
	EXPECT_EQ(read(r, &c, 1), 0);
	close(r);

	EXPECT_EQ(pipe(p), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[1]);
	close(p[0]);
	w = EXPECT_OK(open(path, O_WRONLY));
	close(w);
	w = EXPECT_OK(open(path, O_WRONLY | O_NONBLOCK));
	signal(SIGPIPE, SIG_IGN);
	EXPECT_ERR(write(w, "v", 1), EPIPE);
}

TEST(readv, pipe_vectors)
{
	char a[4] = "", b[4] = "";
	struct iovec out[2] = { { (void *)"abc", 3 }, { (void *)"defg", 4 } },
		     in[2] = { { a, 3 }, { b, 4 } };
	int p[2];

	EXPECT_EQ(pipe(p), 0);
	EXPECT_EQ(writev(p[1], out, 2), 7);
	EXPECT_EQ(readv(p[0], in, 2), 7);
	EXPECT(!memcmp(a, "abc", 3) && !memcmp(b, "defg", 4));
}

TEST_MAIN
