/* SPDX-License-Identifier: Apache-2.0 */
/* flock(2), and fcntl's POSIX and open-file-description record locks. */
#include "tests/syscall/test.h"

#include <pthread.h>
#include <sys/file.h>

static int make_file(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	EXPECT(fd >= 0);
	EXPECT_EQ(ftruncate(fd, 1000), 0);
	return fd;
}

static int again(void)
{
	return EXPECT_OK(open("f", O_RDWR));
}

static int set(int fd, int cmd, int type, long start, long length)
{
	struct flock l = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length
	};

	return fcntl(fd, cmd, &l);
}

static struct flock get(int fd, int cmd, int type, long start, long length)
{
	struct flock l = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length
	};

	EXPECT_EQ(fcntl(fd, cmd, &l), 0);
	return l;
}

/* --- flock ---------------------------------------------------------------------------------------------------------- */

TEST(flock, shared_and_exclusive)
{
	int a = make_file(), b = again();

	EXPECT_EQ(flock(a, LOCK_SH), 0);
	EXPECT_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
	EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	EXPECT_EQ(flock(a, LOCK_UN), 0);
	EXPECT_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
	EXPECT_ERR(flock(a, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	EXPECT_EQ(flock(b, LOCK_UN), 0);
	EXPECT_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
}

TEST(flock, belongs_to_open_file)
{
	int a = make_file(), copy = dup(a), b = again();

	EXPECT_EQ(flock(a, LOCK_EX), 0);
	EXPECT_EQ(flock(copy, LOCK_EX | LOCK_NB), 0);
	close(a);
	EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	close(copy);
	EXPECT_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
}

TEST(flock, failed_conversion_loses_lock)
{
	int a = make_file(), b = again(), c = again();

	EXPECT_EQ(flock(a, LOCK_SH), 0);
	EXPECT_EQ(flock(b, LOCK_SH), 0);
	EXPECT_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	EXPECT_EQ(flock(b, LOCK_UN), 0);
	EXPECT_EQ(flock(c, LOCK_EX | LOCK_NB), 0);
}

TEST(flock, inherited_by_fork)
{
	int a = make_file(), b = again(), status;
	pid_t pid;

	EXPECT_EQ(flock(a, LOCK_EX), 0);
	pid = fork();
	if (!pid) {
		flock(a, LOCK_UN);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
}

TEST(flock, blocks_until_released)
{
	int a = make_file(), pipefd[2], status;
	char c;
	pid_t pid;

	EXPECT_EQ(pipe(pipefd), 0);
	EXPECT_EQ(flock(a, LOCK_EX), 0);
	pid = fork();
	if (!pid) {
		int b = again();

		if (flock(b, LOCK_EX | LOCK_NB) == 0 || write(pipefd[1], "w", 1) != 1)
			_exit(1);
		if (flock(b, LOCK_EX))
			_exit(2);
		_exit(write(pipefd[1], "g", 1) != 1);
	}
	EXPECT_EQ(read(pipefd[0], &c, 1), 1);
	EXPECT_EQ(c, 'w');
	EXPECT_EQ(fcntl(pipefd[0], F_SETFL, O_NONBLOCK), 0);
	EXPECT_ERR(read(pipefd[0], &c, 1), EAGAIN);
	EXPECT_EQ(flock(a, LOCK_UN), 0);
	EXPECT_EQ(fcntl(pipefd[0], F_SETFL, 0), 0);
	EXPECT_EQ(read(pipefd[0], &c, 1), 1);
	EXPECT_EQ(c, 'g');
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST(flock, interrupted_by_signal)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct timespec soon = { 0, 20000000 };
	struct itimerspec when = { soon, soon };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	int a = make_file(), b = again();
	timer_t timer;

	sigaction(SIGUSR1, &action, NULL);
	EXPECT_EQ(flock(a, LOCK_EX), 0);
	EXPECT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	EXPECT_EQ(timer_settime(timer, 0, &when, NULL), 0);
	EXPECT_ERR(flock(b, LOCK_EX), EINTR);
}

TEST(flock, errors)
{
	int a = make_file(), p = EXPECT_OK(open("f", O_PATH));

	EXPECT_ERR(flock(-1, LOCK_EX), EBADF);
	EXPECT_ERR(flock(p, LOCK_EX), EBADF);
	EXPECT_ERR(flock(a, 0), EINVAL);
	EXPECT_ERR(flock(a, LOCK_SH | LOCK_EX), EINVAL);
	EXPECT_ERR(flock(a, LOCK_NB), EINVAL);
	EXPECT_EQ(flock(a, LOCK_UN), 0);
	EXPECT_EQ(flock(a, LOCK_UN | LOCK_NB), 0);
}

TEST(flock, read_only_and_directories)
{
	int a, d = EXPECT_OK(open(".", O_RDONLY));

	close(make_file());
	a = EXPECT_OK(open("f", O_RDONLY));
	EXPECT_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
	EXPECT_EQ(flock(d, LOCK_EX | LOCK_NB), 0);
}

TEST(flock, independent_of_record_locks)
{
	int a = make_file(), b = again();

	EXPECT_EQ(flock(a, LOCK_EX), 0);
	EXPECT_EQ(set(b, F_SETLK, F_WRLCK, 0, 0), 0);
	EXPECT_EQ(set(b, F_OFD_SETLK, F_UNLCK, 0, 0), 0);
}

/* --- POSIX record locks -------------------------------------------------------------------------------------------------- */

/* What another process sees of a range: 'u' free, or 'r'/'w' of the first conflicting lock. */
static int seen(long start, long length, struct flock *ret)
{
	struct flock l = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length
	};
	int pipefd[2];
	pid_t pid;

	EXPECT_EQ(pipe(pipefd), 0);
	pid = fork();
	if (!pid) {
		int fd = open("f", O_RDWR);

		if (fd < 0 || fcntl(fd, F_GETLK, &l))
			_exit(1);
		_exit(write(pipefd[1], &l, sizeof(l)) != sizeof(l));
	}
	close(pipefd[1]);
	EXPECT_EQ(read(pipefd[0], &l, sizeof(l)), sizeof(l));
	close(pipefd[0]);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	if (ret)
		*ret = l;
	return l.l_type == F_UNLCK ? 'u' : l.l_type == F_RDLCK ? 'r' : 'w';
}

TEST(fcntl, lock_is_the_process_s)
{
	int a = make_file(), b = again();
	struct flock l;

	EXPECT_EQ(set(a, F_SETLK, F_WRLCK, 0, 100), 0);
	/* The same process never conflicts with itself. */
	EXPECT_EQ(set(b, F_SETLK, F_WRLCK, 50, 100), 0);
	EXPECT_EQ(get(b, F_GETLK, F_WRLCK, 0, 0).l_type, F_UNLCK);
	EXPECT_EQ(seen(0, 0, &l), 'w');
	EXPECT_EQ(l.l_pid, getpid());
	EXPECT_EQ(l.l_start, 0);
	EXPECT_EQ(l.l_len, 150);
	EXPECT_EQ(l.l_whence, SEEK_SET);
}

TEST(fcntl, lock_gone_with_any_close)
{
	int a = make_file(), b = again();

	EXPECT_EQ(set(a, F_SETLK, F_WRLCK, 0, 0), 0);
	EXPECT_EQ(seen(0, 0, NULL), 'w');
	close(b);
	EXPECT_EQ(seen(0, 0, NULL), 'u');
}

TEST(fcntl, lock_not_inherited)
{
	int a = make_file(), status;
	pid_t pid;

	EXPECT_EQ(set(a, F_SETLK, F_WRLCK, 0, 0), 0);
	pid = fork();
	if (!pid) {
		if (get(a, F_GETLK, F_WRLCK, 0, 0).l_pid != getppid())
			_exit(1);
		errno = 0;
		if (set(a, F_SETLK, F_RDLCK, 5, 1) != -1 || (errno != EAGAIN && errno != EACCES))
			_exit(2);
		/* The child's close must not free the parent's lock. */
		close(a);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(seen(0, 0, NULL), 'w');
}

TEST(fcntl, lock_split_and_merge)
{
	int a = make_file();
	struct flock l;

	EXPECT_EQ(set(a, F_SETLK, F_WRLCK, 0, 100), 0);
	EXPECT_EQ(set(a, F_SETLK, F_UNLCK, 40, 20), 0);
	EXPECT_EQ(seen(40, 20, NULL), 'u');
	EXPECT_EQ(seen(0, 0, &l), 'w');
	EXPECT_EQ(l.l_start, 0);
	EXPECT_EQ(l.l_len, 40);
	EXPECT_EQ(seen(50, 0, &l), 'w');
	EXPECT_EQ(l.l_start, 60);
	EXPECT_EQ(l.l_len, 40);
	/* A read lock in the middle of a write lock, then all one again. */
	EXPECT_EQ(set(a, F_SETLK, F_WRLCK, 40, 20), 0);
	EXPECT_EQ(seen(0, 0, &l), 'w');
	EXPECT_EQ(l.l_len, 100);
	EXPECT_EQ(set(a, F_SETLK, F_RDLCK, 10, 10), 0);
	EXPECT_EQ(seen(10, 10, &l), 'r');
	EXPECT_EQ(l.l_start, 10);
	EXPECT_EQ(l.l_len, 10);
	EXPECT_EQ(seen(20, 1, &l), 'w');
	EXPECT_EQ(l.l_start, 20);
	EXPECT_EQ(l.l_len, 80);
	EXPECT_EQ(set(a, F_SETLK, F_RDLCK, 0, 100), 0);
	EXPECT_EQ(seen(99, 1, &l), 'r');
	EXPECT_EQ(l.l_start, 0);
	EXPECT_EQ(l.l_len, 100);
	EXPECT_EQ(set(a, F_SETLK, F_UNLCK, 0, 0), 0);
	EXPECT_EQ(seen(0, 0, NULL), 'u');
}

TEST(fcntl, lock_to_infinity_and_whence)
{
	int a = make_file();
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -100, .l_len = 0 };

	EXPECT_EQ(fcntl(a, F_SETLK, &l), 0);
	EXPECT_EQ(seen(0, 900, NULL), 'u');
	EXPECT_EQ(seen(0, 0, &l), 'w');
	EXPECT_EQ(l.l_start, 900);
	EXPECT_EQ(l.l_len, 0);
	EXPECT_EQ(set(a, F_SETLK, F_UNLCK, 0, 0), 0);
	/* Negative length: the bytes before. */
	EXPECT_EQ(lseek(a, 500, SEEK_SET), 500);
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 0, .l_len = -10 };
	EXPECT_EQ(fcntl(a, F_SETLK, &l), 0);
	EXPECT_EQ(seen(0, 0, &l), 'w');
	EXPECT_EQ(l.l_start, 490);
	EXPECT_EQ(l.l_len, 10);
}

TEST(fcntl, lock_errors)
{
	int a = make_file(), r = EXPECT_OK(open("f", O_RDONLY)), w = EXPECT_OK(open("f", O_WRONLY));
	struct flock l = { .l_type = F_WRLCK, .l_whence = 9 };

	EXPECT_ERR(fcntl(a, F_SETLK, &l), EINVAL);
	EXPECT_ERR(set(-1, F_SETLK, F_WRLCK, 0, 0), EBADF);
	EXPECT_ERR(set(r, F_SETLK, F_WRLCK, 0, 0), EBADF);
	EXPECT_ERR(set(w, F_SETLK, F_RDLCK, 0, 0), EBADF);
	EXPECT_ERR(set(a, F_SETLK, 77, 0, 0), EINVAL);
	EXPECT_ERR(set(a, F_GETLK, F_UNLCK, 0, 0), EINVAL);
	EXPECT_ERR(set(a, F_SETLK, F_WRLCK, -1, 0), EINVAL);
	EXPECT_ERR(set(a, F_SETLK, F_WRLCK, 10, -11), EINVAL);
	EXPECT_ERR(set(a, F_SETLK, F_WRLCK, 0x7fffffffffffffff, 2), EOVERFLOW);
	EXPECT_ERR(fcntl(a, F_SETLK, (void *)8), EFAULT);
	EXPECT_ERR(fcntl(a, F_GETLK, (void *)8), EFAULT);
}

TEST(fcntl, setlkw_waits)
{
	int a = make_file(), pipefd[2], status;
	char c;
	pid_t pid;

	EXPECT_EQ(pipe(pipefd), 0);
	EXPECT_EQ(set(a, F_SETLK, F_WRLCK, 0, 10), 0);
	pid = fork();
	if (!pid) {
		if (write(pipefd[1], "w", 1) != 1 || set(a, F_SETLKW, F_WRLCK, 5, 10))
			_exit(1);
		_exit(write(pipefd[1], "g", 1) != 1);
	}
	EXPECT_EQ(read(pipefd[0], &c, 1), 1);
	EXPECT_EQ(fcntl(pipefd[0], F_SETFL, O_NONBLOCK), 0);
	EXPECT_ERR(read(pipefd[0], &c, 1), EAGAIN);
	EXPECT_EQ(set(a, F_SETLK, F_UNLCK, 0, 10), 0);
	EXPECT_EQ(fcntl(pipefd[0], F_SETFL, 0), 0);
	EXPECT_EQ(read(pipefd[0], &c, 1), 1);
	EXPECT_EQ(c, 'g');
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(fcntl, deadlock_is_found)
{
	int a = make_file(), ready[2], go[2], status, r, waiting;
	char c;
	pid_t pid;

	EXPECT_EQ(pipe(ready), 0);
	EXPECT_EQ(pipe(go), 0);
	EXPECT_EQ(set(a, F_SETLK, F_WRLCK, 0, 1), 0);
	pid = fork();
	if (!pid) {
		if (set(a, F_SETLK, F_WRLCK, 1, 1) || write(ready[1], "r", 1) != 1)
			_exit(1);
		/* Waits for the parent, who asks for ours meanwhile: one of the two is told. */
		r = set(a, F_SETLKW, F_WRLCK, 0, 1);
		waiting = r && errno == EDEADLK;
		if (waiting)
			set(a, F_SETLK, F_UNLCK, 1, 1);
		_exit(waiting ? 10 : r ? 2 : 0);
	}
	EXPECT_EQ(read(ready[0], &c, 1), 1);
	r = set(a, F_SETLKW, F_WRLCK, 1, 1);
	if (r) {
		EXPECT_EQ(errno, EDEADLK);
		EXPECT_EQ(set(a, F_SETLK, F_UNLCK, 0, 1), 0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), r ? 0 : 10);
}

/* --- OFD locks ----------------------------------------------------------------------------------------------------------- */

TEST(fcntl, ofd_lock_is_the_open_file_s)
{
	int a = make_file(), b = again(), copy = dup(a);
	struct flock l;

	EXPECT_EQ(set(a, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	EXPECT_EQ(set(copy, F_OFD_SETLK, F_WRLCK, 5, 10), 0);
	EXPECT_ERR(set(b, F_OFD_SETLK, F_RDLCK, 9, 1), EAGAIN);
	l = get(b, F_OFD_GETLK, F_RDLCK, 0, 0);
	EXPECT_EQ(l.l_type, F_WRLCK);
	EXPECT_EQ(l.l_pid, -1);
	EXPECT_EQ(l.l_len, 15);
	/* It conflicts with POSIX locks of the same process, too. */
	EXPECT_ERR(set(b, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
	EXPECT_EQ(get(b, F_GETLK, F_WRLCK, 0, 0).l_pid, -1);
	close(a);
	EXPECT_ERR(set(b, F_OFD_SETLK, F_RDLCK, 9, 1), EAGAIN);
	close(copy);
	EXPECT_EQ(set(b, F_OFD_SETLK, F_RDLCK, 9, 1), 0);
}

TEST(fcntl, ofd_errors)
{
	int a = make_file();
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 1 };

	EXPECT_ERR(fcntl(a, F_OFD_SETLK, &l), EINVAL);
	EXPECT_ERR(fcntl(a, F_OFD_GETLK, &l), EINVAL);
}

static int thread_fd;

static void *lock_in_thread(void *arg)
{
	(void)arg;
	return (void *)(long)set(thread_fd, F_OFD_SETLKW, F_WRLCK, 0, 1);
}

TEST(fcntl, ofd_lock_between_threads)
{
	int a = make_file();
	pthread_t thread;
	void *result;

	thread_fd = again();
	EXPECT_EQ(set(a, F_OFD_SETLK, F_WRLCK, 0, 1), 0);
	EXPECT_EQ(pthread_create(&thread, NULL, lock_in_thread, NULL), 0);
	EXPECT_EQ(set(a, F_OFD_SETLK, F_UNLCK, 0, 1), 0);
	EXPECT_EQ(pthread_join(thread, &result), 0);
	EXPECT_EQ((long)result, 0);
	EXPECT_ERR(set(a, F_OFD_SETLK, F_WRLCK, 0, 1), EAGAIN);
}

TEST_MAIN
