/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues, by their system calls. */
#include "tests/syscall/test.h"

#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>

static char queue_name[64];

static int mq_open_raw(const char *name, int flags, mode_t mode, struct mq_attr *attr)
{
	return (int)syscall(SYS_mq_open, name, flags, mode, attr);
}

static const char *own_name(void)
{
	snprintf(queue_name, sizeof(queue_name), "cloister-test-%d", getpid());
	return queue_name;
}

/* A queue that nobody finds any more. */
static int make(int flags, long maximum, long size)
{
	struct mq_attr a = { .mq_maxmsg = maximum, .mq_msgsize = size };
	const char *name = own_name();
	int fd = EXPECT_OK(mq_open_raw(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &a));

	EXPECT_OK(syscall(SYS_mq_unlink, name));
	return fd;
}

static long send_text(int fd, const char *text, unsigned int priority)
{
	return syscall(SYS_mq_timedsend, fd, text, strlen(text), priority, NULL);
}

static void expect_text(int fd, const char *text, unsigned int priority)
{
	char b[64] = "";
	unsigned int got = 99;

	EXPECT_EQ(syscall(SYS_mq_timedreceive, fd, b, sizeof(b), &got, NULL), strlen(text));
	EXPECT_STR(b, text);
	EXPECT_EQ(got, priority);
}

TEST(mq_open, names)
{
	const char *name = own_name();
	struct mq_attr a = { .mq_maxmsg = 2, .mq_msgsize = 16 }, got;
	char longest[300];
	int fd, other;

	EXPECT_ERR(mq_open_raw(name, O_RDWR, 0, NULL), ENOENT);
	fd = EXPECT_OK(mq_open_raw(name, O_CREAT | O_EXCL | O_RDWR, 0600, &a));
	EXPECT_ERR(mq_open_raw(name, O_CREAT | O_EXCL | O_RDWR, 0600, &a), EEXIST);
	other = EXPECT_OK(mq_open_raw(name, O_CREAT | O_RDONLY, 0600, NULL));
	EXPECT_OK(syscall(SYS_mq_getsetattr, other, NULL, &got));
	EXPECT_EQ(got.mq_maxmsg, 2);
	EXPECT_OK(send_text(fd, "hello", 1));
	expect_text(other, "hello", 1);
	EXPECT_ERR(send_text(other, "x", 1), EBADF);
	EXPECT_OK(syscall(SYS_mq_unlink, name));
	EXPECT_ERR(syscall(SYS_mq_unlink, name), ENOENT);
	EXPECT_ERR(mq_open_raw(name, O_RDWR, 0, NULL), ENOENT);
	EXPECT_OK(send_text(fd, "still", 1));
	EXPECT_ERR(mq_open_raw("/slash", O_CREAT | O_RDWR, 0600, NULL), EACCES);
	EXPECT_ERR(mq_open_raw((char *)8, O_CREAT | O_RDWR, 0600, NULL), EFAULT);
	memset(longest, 'x', sizeof(longest));
	longest[256] = 0;
	EXPECT_ERR(mq_open_raw(longest, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
}

TEST(mq_open, attributes)
{
	struct mq_attr zero = { 0 }, much = { .mq_maxmsg = 100000, .mq_msgsize = 1 }, got;
	struct mq_attr wide = { .mq_maxmsg = 1, .mq_msgsize = 1 << 25 };
	const char *name = own_name();
	struct stat st;
	int fd;

	EXPECT_ERR(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &zero), EINVAL);
	EXPECT_ERR(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &much), EINVAL);
	EXPECT_ERR(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &wide), EINVAL);
	EXPECT_ERR(mq_open_raw(name, O_CREAT | O_RDWR, 0600, (void *)8), EFAULT);
	umask(022);
	fd = EXPECT_OK(mq_open_raw(name, O_CREAT | O_RDWR | O_CLOEXEC, 0666, NULL));
	EXPECT_OK(syscall(SYS_mq_unlink, name));
	EXPECT_OK(syscall(SYS_mq_getsetattr, fd, NULL, &got));
	EXPECT_EQ(got.mq_maxmsg, 10);
	EXPECT_EQ(got.mq_msgsize, 8192);
	EXPECT_EQ(got.mq_curmsgs, 0);
	EXPECT_EQ(got.mq_flags, 0);
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_mode, S_IFREG | 0644);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

TEST(mq_open, limited_by_resource)
{
	struct mq_attr a = { .mq_maxmsg = 10, .mq_msgsize = 8192 };
	struct rlimit limit = { 1000, 1000 };

	EXPECT_OK(setrlimit(RLIMIT_MSGQUEUE, &limit));
	EXPECT_ERR(mq_open_raw(own_name(), O_CREAT | O_RDWR, 0600, &a), EMFILE);
}

static void stranger(void)
{
	EXPECT_OK(setgid(12345));
	EXPECT_OK(setuid(12345));
	EXPECT_ERR(mq_open_raw(queue_name, O_RDWR, 0, NULL), EACCES);
	EXPECT_ERR(mq_open_raw(queue_name, O_WRONLY, 0, NULL), EACCES);
	EXPECT_OK(mq_open_raw(queue_name, O_RDONLY, 0, NULL));
	EXPECT(syscall(SYS_mq_unlink, queue_name) < 0 && (errno == EPERM || errno == EACCES));
}

TEST(mq_open, permissions)
{
	if (geteuid())
		SKIP("changing the user id needs root");
	umask(0);
	EXPECT_OK(mq_open_raw(own_name(), O_CREAT | O_RDWR, 0604, NULL));
	EXPECT_EQ(test_in_child(stranger), 0);
	EXPECT_OK(syscall(SYS_mq_unlink, queue_name));
}

TEST(mq_unlink, errors)
{
	EXPECT_ERR(syscall(SYS_mq_unlink, "cloister-no-such-queue"), ENOENT);
	EXPECT_ERR(syscall(SYS_mq_unlink, (char *)8), EFAULT);
}

TEST(mq_timedreceive, highest_priority_first)
{
	int fd = make(0, 5, 16);

	EXPECT_OK(send_text(fd, "low", 1));
	EXPECT_OK(send_text(fd, "high", 30000));
	EXPECT_OK(send_text(fd, "low too", 1));
	EXPECT_OK(send_text(fd, "middle", 7));
	EXPECT_OK(send_text(fd, "", 0));
	expect_text(fd, "high", 30000);
	expect_text(fd, "middle", 7);
	expect_text(fd, "low", 1);
	expect_text(fd, "low too", 1);
	expect_text(fd, "", 0);
}

TEST(mq_timedsend, errors)
{
	int fd = make(O_NONBLOCK, 1, 4), pipes[2];
	struct timespec bad = { 0, -1 }, past = { 1, 0 };

	EXPECT_ERR(send_text(fd, "12345", 0), EMSGSIZE);
	EXPECT_ERR(send_text(fd, "1", 32768), EINVAL);
	EXPECT_ERR(syscall(SYS_mq_timedsend, fd, (void *)8, 4, 0, NULL), EFAULT);
	EXPECT_ERR(send_text(-1, "1", 0), EBADF);
	EXPECT_OK(pipe(pipes));
	EXPECT_ERR(send_text(pipes[1], "1", 0), EBADF);
	EXPECT_OK(send_text(fd, "1", 0));
	EXPECT_ERR(send_text(fd, "2", 0), EAGAIN);
	EXPECT_ERR(syscall(SYS_mq_timedsend, fd, "2", 1, 0, &bad), EINVAL);
	EXPECT_ERR(syscall(SYS_mq_timedsend, fd, "2", 1, 0, (void *)8), EFAULT);
	EXPECT_OK(fcntl(fd, F_SETFL, 0));
	EXPECT_ERR(syscall(SYS_mq_timedsend, fd, "2", 1, 0, &past), ETIMEDOUT);
}

TEST(mq_timedreceive, errors)
{
	int fd = make(O_NONBLOCK, 1, 4);
	struct timespec soon;
	char b[8];

	EXPECT_ERR(syscall(SYS_mq_timedreceive, fd, b, 3, NULL, NULL), EMSGSIZE);
	EXPECT_ERR(syscall(SYS_mq_timedreceive, fd, b, 4, NULL, NULL), EAGAIN);
	EXPECT_ERR(syscall(SYS_mq_timedreceive, -1, b, 4, NULL, NULL), EBADF);
	EXPECT_OK(fcntl(fd, F_SETFL, 0));
	EXPECT_OK(clock_gettime(CLOCK_REALTIME, &soon));
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000) {
		soon.tv_sec++;
		soon.tv_nsec -= 1000000000;
	}
	EXPECT_ERR(syscall(SYS_mq_timedreceive, fd, b, 4, NULL, &soon), ETIMEDOUT);
	EXPECT_OK(send_text(fd, "1", 0));
	EXPECT_ERR(syscall(SYS_mq_timedreceive, fd, (void *)8, 4, NULL, NULL), EFAULT);
}

static int shared_queue;

static void send_many(void)
{
	for (int i = 0; i < 50; i++)
		EXPECT_OK(send_text(shared_queue, "m", 3));
}

TEST(mq_timedsend, blocks_until_there_is_room)
{
	int status;
	pid_t pid;

	shared_queue = make(0, 2, 16);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		send_many();
		_exit(0);
	}
	for (int i = 0; i < 50; i++)
		expect_text(shared_queue, "m", 3);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void handler(int sig)
{
	(void)sig;
}

TEST(mq_timedreceive, is_interrupted)
{
	struct sigaction a = { .sa_handler = handler };
	int fd = make(0, 2, 16);
	pid_t pid, self = getpid();
	char b[16];

	EXPECT_OK(sigaction(SIGUSR1, &a, NULL));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (;;) {
			kill(self, SIGUSR1);
			usleep(2000);
		}
	}
	EXPECT_ERR(syscall(SYS_mq_timedreceive, fd, b, sizeof(b), NULL, NULL), EINTR);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0)
		EXPECT_EQ(errno, EINTR);
}

static int events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	EXPECT_OK(poll(&p, 1, 0));
	return p.revents;
}

TEST(poll, message_queue)
{
	int fd = make(0, 1, 16);

	EXPECT_EQ(events(fd), POLLOUT);
	EXPECT_OK(send_text(fd, "x", 0));
	EXPECT_EQ(events(fd), POLLIN);
	expect_text(fd, "x", 0);
	EXPECT_EQ(events(fd), POLLOUT);
}

TEST(mq_getsetattr, changes_blocking_only)
{
	int fd = make(0, 3, 16);
	struct mq_attr a = { .mq_flags = O_NONBLOCK, .mq_maxmsg = 99 }, old;

	EXPECT_OK(send_text(fd, "x", 0));
	EXPECT_OK(syscall(SYS_mq_getsetattr, fd, &a, &old));
	EXPECT_EQ(old.mq_flags, 0);
	EXPECT_EQ(old.mq_curmsgs, 1);
	EXPECT_OK(syscall(SYS_mq_getsetattr, fd, NULL, &old));
	EXPECT_EQ(old.mq_flags, O_NONBLOCK);
	EXPECT_EQ(old.mq_maxmsg, 3);
	EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	a.mq_flags = O_APPEND;
	EXPECT_ERR(syscall(SYS_mq_getsetattr, fd, &a, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_mq_getsetattr, fd, (void *)8, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_mq_getsetattr, -1, NULL, &old), EBADF);
}

TEST(mq_notify, by_signal)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL,
			      .sigev_signo = SIGUSR1,
			      .sigev_value.sival_int = 42 };
	struct timespec limit = { 10, 0 }, none = { 0, 0 };
	int fd = make(0, 3, 16);
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	EXPECT_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	EXPECT_OK(syscall(SYS_mq_notify, fd, &e));
	EXPECT_ERR(syscall(SYS_mq_notify, fd, &e), EBUSY);
	EXPECT_OK(send_text(fd, "a", 0));
	EXPECT_EQ(sigtimedwait(&set, &info, &limit), SIGUSR1);
	EXPECT_EQ(info.si_code, SI_MESGQ);
	EXPECT_EQ(info.si_value.sival_int, 42);
	EXPECT_EQ(info.si_pid, getpid());
	/* once, and only for the first message */
	expect_text(fd, "a", 0);
	EXPECT_OK(send_text(fd, "b", 0));
	EXPECT_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
	EXPECT_OK(syscall(SYS_mq_notify, fd, &e));
	EXPECT_OK(send_text(fd, "c", 0));
	EXPECT_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
	EXPECT_OK(syscall(SYS_mq_notify, fd, NULL));
	expect_text(fd, "b", 0);
	expect_text(fd, "c", 0);
	EXPECT_OK(send_text(fd, "d", 0));
	EXPECT_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
}

TEST(mq_notify, errors)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 999 };
	int fd = make(0, 3, 16);

	EXPECT_ERR(syscall(SYS_mq_notify, fd, &e), EINVAL);
	e.sigev_notify = 77;
	e.sigev_signo = SIGUSR1;
	EXPECT_ERR(syscall(SYS_mq_notify, fd, &e), EINVAL);
	EXPECT_ERR(syscall(SYS_mq_notify, fd, (void *)8), EFAULT);
	EXPECT_ERR(syscall(SYS_mq_notify, 0, NULL), EBADF);
	e.sigev_notify = SIGEV_NONE;
	EXPECT_OK(syscall(SYS_mq_notify, fd, &e));
	EXPECT_OK(send_text(fd, "x", 0));
	EXPECT_OK(syscall(SYS_mq_notify, fd, &e));
	/* closing a descriptor of the queue ends it */
	EXPECT_OK(close(dup(fd)));
	EXPECT_OK(syscall(SYS_mq_notify, fd, &e));
}

TEST_MAIN
