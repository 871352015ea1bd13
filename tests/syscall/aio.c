/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous I/O: io_setup, io_submit, io_getevents and their like. What is tested holds whether requests are carried
 * out at once or later: their events are waited for.
 */
#include "tests/syscall/test.h"

#include <linux/aio_abi.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define PAGE 4096UL

static aio_context_t setup(unsigned int events)
{
	aio_context_t c = 0;

	EXPECT_OK(syscall(SYS_io_setup, events, &c));
	EXPECT(c != 0);
	return c;
}

static long submit(aio_context_t c, struct iocb *request)
{
	return syscall(SYS_io_submit, c, 1L, &request);
}

static long events(aio_context_t c, long least, long most, struct io_event *to, long milliseconds)
{
	struct timespec timeout = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	return syscall(SYS_io_getevents, c, least, most, to, milliseconds < 0 ? NULL : &timeout);
}

/* The result of one request. */
static long run(aio_context_t c, struct iocb *request)
{
	struct io_event e = { 0 };

	EXPECT_EQ(submit(c, request), 1);
	EXPECT_EQ(events(c, 1, 1, &e, -1), 1);
	EXPECT_EQ(e.data, request->aio_data);
	EXPECT_EQ(e.obj, (uintptr_t)request);
	return (long)e.res;
}

static struct iocb request(int operation, int fd, const void *buffer, size_t size, long offset)
{
	return (struct iocb){
		.aio_data = 0x1234567800000000 + (uint64_t)offset,
		.aio_lio_opcode = (uint16_t)operation,
		.aio_fildes = (uint32_t)fd,
		.aio_buf = (uintptr_t)buffer,
		.aio_nbytes = size,
		.aio_offset = offset,
	};
}

TEST(io_setup, contexts_and_errors)
{
	aio_context_t one = setup(8), two = setup(1), c = 0;

	EXPECT(one != two);
	EXPECT_ERR(syscall(SYS_io_setup, 0, &c), EINVAL);
	EXPECT_ERR(syscall(SYS_io_setup, 8, &one), EINVAL);
	EXPECT_ERR(syscall(SYS_io_setup, 0x10000001, &c), EINVAL);
	EXPECT_ERR(syscall(SYS_io_setup, 8, 8), EFAULT);
	/* Libraries look at the memory that a context's name points to. */
	(void)*(volatile unsigned int *)one;
	EXPECT_OK(syscall(SYS_io_destroy, one));
	EXPECT_OK(syscall(SYS_io_destroy, two));
}

TEST(io_destroy, unknown_contexts)
{
	aio_context_t c = setup(4);
	struct io_event e;

	EXPECT_OK(syscall(SYS_io_destroy, c));
	EXPECT_ERR(syscall(SYS_io_destroy, c), EINVAL);
	EXPECT_ERR(events(c, 0, 1, &e, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_io_submit, c, 0L, NULL), EINVAL);
}

TEST(io_submit, write_then_read)
{
	int fd = (int)EXPECT_OK(open("f", O_RDWR | O_CREAT, 0600));
	char out[300], in[300] = "";
	struct iovec parts[2] = { { in, 100 }, { in + 150, 50 } };
	aio_context_t c = setup(8);
	struct iocb r;

	memset(out, 'a', sizeof(out));
	r = request(IOCB_CMD_PWRITE, fd, out, sizeof(out), 100);
	EXPECT_EQ(run(c, &r), 300);
	r = request(IOCB_CMD_PREAD, fd, in, sizeof(in), 200);
	EXPECT_EQ(run(c, &r), 200);
	EXPECT(!memcmp(in, out, 200) && !in[200]);
	r = request(IOCB_CMD_PREAD, fd, in, sizeof(in), 400);
	EXPECT_EQ(run(c, &r), 0);
	memset(in, 0, sizeof(in));
	r = request(IOCB_CMD_PREADV, fd, parts, 2, 0);
	EXPECT_EQ(run(c, &r), 150);
	EXPECT(!in[0] && in[150] == 'a');
	r = request(IOCB_CMD_PWRITEV, fd, parts, 2, 1000);
	EXPECT_EQ(run(c, &r), 150);
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	EXPECT_EQ(lseek(fd, 0, SEEK_END), 1150);
	r = request(IOCB_CMD_FSYNC, fd, NULL, 0, 0);
	EXPECT_EQ(run(c, &r), 0);
	r = request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0);
	EXPECT_EQ(run(c, &r), 0);
}

TEST(io_submit, bad_requests)
{
	int fd = (int)EXPECT_OK(open("f", O_RDONLY | O_CREAT, 0600));
	struct iocb good, r, *list[3] = { &good, &r, &good };
	aio_context_t c = setup(8);
	struct io_event e[3];
	char b[8];

	r = good = request(IOCB_CMD_PREAD, fd, b, sizeof(b), 0);
	EXPECT_EQ(syscall(SYS_io_submit, c, 0L, NULL), 0);
	EXPECT_ERR(syscall(SYS_io_submit, c, -1L, list), EINVAL);
	EXPECT_ERR(syscall(SYS_io_submit, c, 1L, 8L), EFAULT);
	EXPECT_ERR(submit(c, (struct iocb *)8), EFAULT);
	EXPECT_ERR(submit(0, &good), EINVAL);
	r.aio_fildes = 999;
	EXPECT_ERR(submit(c, &r), EBADF);
	r = request(IOCB_CMD_PWRITE, fd, b, sizeof(b), 0);
	EXPECT_ERR(submit(c, &r), EBADF);
	r = request(99, fd, b, sizeof(b), 0);
	EXPECT_ERR(submit(c, &r), EINVAL);
	r = request(IOCB_CMD_PREAD, fd, b, (size_t)-1, 0);
	EXPECT_ERR(submit(c, &r), EINVAL);
	r = request(IOCB_CMD_PREAD, fd, b, sizeof(b), 0);
	r.aio_reserved2 = 1;
	EXPECT_ERR(submit(c, &r), EINVAL);
	r.aio_reserved2 = 0;
	r.aio_flags = IOCB_FLAG_RESFD;
	r.aio_resfd = (uint32_t)fd;
	EXPECT_ERR(submit(c, &r), EINVAL);
	/* The requests before a bad one are done. */
	EXPECT_EQ(syscall(SYS_io_submit, c, 3L, list), 1);
	EXPECT_EQ(events(c, 1, 3, e, 0), 1);
}

TEST(io_submit, tells_an_eventfd)
{
	int fd = (int)EXPECT_OK(open("f", O_RDWR | O_CREAT, 0600));
	int efd = (int)EXPECT_OK(eventfd(0, 0));
	aio_context_t c = setup(8);
	struct iocb r = request(IOCB_CMD_PWRITE, fd, "abc", 3, 0);
	uint64_t count;

	r.aio_flags = IOCB_FLAG_RESFD;
	r.aio_resfd = (uint32_t)efd;
	EXPECT_EQ(run(c, &r), 3);
	EXPECT_EQ(read(efd, &count, sizeof(count)), 8);
	EXPECT_EQ(count, 1);
}

TEST(io_submit, full_context)
{
	int fd = (int)EXPECT_OK(open("f", O_RDWR | O_CREAT, 0600)), done = 0;
	aio_context_t c = setup(1);
	struct iocb r = request(IOCB_CMD_PWRITE, fd, "abc", 3, 0);
	struct io_event e;

	/* Linux makes room for some more than were asked for, but not without end. */
	while (submit(c, &r) == 1)
		EXPECT(++done < 100000);
	EXPECT_EQ(errno, EAGAIN);
	EXPECT(done >= 1);
	for (int i = 0; i < done; i++)
		EXPECT_EQ(events(c, 1, 1, &e, 0), 1);
	EXPECT_EQ(events(c, 0, 1, &e, 0), 0);
	EXPECT_EQ(run(c, &r), 3);
}

TEST(io_getevents, arguments_and_timeout)
{
	aio_context_t c = setup(8);
	struct io_event e[4];

	EXPECT_EQ(events(c, 0, 4, e, -1), 0);
	EXPECT_EQ(events(c, 1, 4, e, 0), 0);
	EXPECT_EQ(events(c, 1, 4, e, 20), 0);
	EXPECT_ERR(events(c, 5, 4, e, 0), EINVAL);
	EXPECT_ERR(events(c, -1, 4, e, 0), EINVAL);
	EXPECT_ERR(events(0, 0, 1, e, 0), EINVAL);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void *submit_later(void *context)
{
	static struct iocb r;
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	r = request(IOCB_CMD_PWRITE, fd, "abc", 3, 0);
	while (!sleeping(getpid()))
		sched_yield();
	return (void *)submit((aio_context_t)context, &r);
}

TEST(io_getevents, waits_for_another_thread)
{
	aio_context_t c = setup(8);
	struct io_event e;
	pthread_t t;
	void *result;

	EXPECT_EQ(pthread_create(&t, NULL, submit_later, (void *)c), 0);
	EXPECT_EQ(events(c, 1, 1, &e, -1), 1);
	EXPECT_EQ(e.res, 3);
	EXPECT_EQ(pthread_join(t, &result), 0);
	EXPECT_EQ((intptr_t)result, 1);
}

TEST(io_getevents, signal_interrupts)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	aio_context_t c = setup(8);
	struct io_event e;
	pid_t self = getpid(), pid;

	EXPECT_OK(sigaction(SIGUSR1, &sa, NULL));
	pid = (pid_t)EXPECT_OK(fork());
	if (!pid) {
		while (!sleeping(self))
			sched_yield();
		_exit(kill(self, SIGUSR1));
	}
	EXPECT_ERR(events(c, 1, 1, &e, -1), EINTR);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(io_pgetevents, mask)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct {
		const sigset_t *mask;
		size_t size;
	} set;
	aio_context_t c = setup(8);
	struct timespec zero = { 0, 0 };
	struct io_event e;
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	EXPECT_OK(sigaction(SIGUSR1, &sa, NULL));
	EXPECT_OK(sigprocmask(SIG_SETMASK, &all, NULL));
	EXPECT_OK(raise(SIGUSR1));
	set.mask = &none;
	set.size = 8;
	EXPECT_ERR(syscall(SYS_io_pgetevents, c, 1L, 1L, &e, NULL, &set), EINTR);
	EXPECT_EQ(syscall(SYS_io_pgetevents, c, 1L, 1L, &e, &zero, NULL), 0);
	set.size = 7;
	EXPECT_ERR(syscall(SYS_io_pgetevents, c, 1L, 1L, &e, &zero, &set), EINVAL);
	EXPECT_ERR(syscall(SYS_io_pgetevents, c, 1L, 1L, &e, &zero, 8L), EFAULT);
}

TEST(io_cancel, nothing_to_cancel)
{
	aio_context_t c = setup(8);
	struct iocb r = request(IOCB_CMD_PREAD, 0, NULL, 0, 0);
	struct io_event e;

	EXPECT_ERR(syscall(SYS_io_cancel, c, &r, &e), EINVAL);
	EXPECT_ERR(syscall(SYS_io_cancel, c, 8, &e), EFAULT);
}

/* A context is its address space's: a child has none. */
TEST(io_submit, not_for_a_child)
{
	int fd = (int)EXPECT_OK(open("f", O_RDWR | O_CREAT, 0600)), status;
	aio_context_t c = setup(8);
	struct iocb r = request(IOCB_CMD_PWRITE, fd, "abc", 3, 0);
	pid_t pid = (pid_t)EXPECT_OK(fork());

	if (!pid) {
		EXPECT_ERR(submit(c, &r), EINVAL);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(run(c, &r), 3);
}

TEST_MAIN
