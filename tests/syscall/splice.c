/* SPDX-License-Identifier: Apache-2.0 */
/* Data moved between descriptors: sendfile, splice, tee, vmsplice, copy_file_range. */
#include "tests/syscall/test.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int make(const char *name, const char *text)
{
	int fd = EXPECT_OK(open(name, O_CREAT | O_TRUNC | O_RDWR, 0644));

	EXPECT_EQ(write(fd, text, strlen(text)), (long)strlen(text));
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int make_large(const char *name, size_t size)
{
	char *b = malloc(size);
	int fd = EXPECT_OK(open(name, O_CREAT | O_TRUNC | O_RDWR, 0644));

	for (size_t n = 0; n < size; n++)
		b[n] = (char)(n * 31 + n / 977);
	EXPECT_EQ(write(fd, b, size), (long)size);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	free(b);
	return fd;
}

static void expect_same(int a, int b, size_t size)
{
	char *x = malloc(size), *y = malloc(size);

	EXPECT_EQ(pread(a, x, size, 0), (long)size);
	EXPECT_EQ(pread(b, y, size, 0), (long)size);
	EXPECT(!memcmp(x, y, size));
	free(x);
	free(y);
}

TEST(sendfile, file_to_file)
{
	int in = make("in", "0123456789"), out = make("out", "");
	off_t offset = 4;
	char b[32];

	EXPECT_EQ(sendfile(out, in, NULL, 3), 3);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 3);
	EXPECT_EQ(sendfile(out, in, &offset, 100), 6);
	EXPECT_EQ(offset, 10);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 3);
	EXPECT_EQ(pread(out, b, 32, 0), 9);
	EXPECT(!memcmp(b, "012456789", 9));
	EXPECT_EQ(sendfile(out, in, &offset, 100), 0);
}

TEST(sendfile, large)
{
	size_t size = 700001;
	int in = make_large("in", size), out = make("out", "");
	long done = 0, n;

	while ((n = EXPECT_OK(sendfile(out, in, NULL, size))) > 0)
		done += n;
	EXPECT_EQ(done, size);
	expect_same(in, out, size);
}

TEST(sendfile, to_socket)
{
	int in = make_large("in", 300000), out = make("out", ""), s[2], status;
	char b[5000];
	long n;

	EXPECT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	if (!fork()) {
		long done = 0;

		close(s[0]);
		while (done < 300000) {
			n = sendfile(s[1], in, NULL, (size_t)(300000 - done));
			if (n <= 0)
				_exit(1);
			done += n;
		}
		_exit(0);
	}
	close(s[1]);
	while ((n = EXPECT_OK(read(s[0], b, sizeof(b)))) > 0)
		EXPECT_EQ(write(out, b, (size_t)n), n);
	EXPECT(wait(&status) > 0);
	EXPECT_EQ(status, 0);
	expect_same(in, out, 300000);
}

TEST(sendfile, errors)
{
	int in = make("in", "x"), out = make("out", ""), p[2];
	off_t offset = -1;

	EXPECT_ERR(sendfile(-1, in, NULL, 1), EBADF);
	EXPECT_ERR(sendfile(out, -1, NULL, 1), EBADF);
	EXPECT_ERR(sendfile(EXPECT_OK(open("out", O_RDONLY)), in, NULL, 1), EBADF);
	EXPECT_ERR(sendfile(out, EXPECT_OK(open("in", O_WRONLY)), NULL, 1), EBADF);
	EXPECT_ERR(sendfile(out, in, &offset, 1), EINVAL);
	EXPECT_ERR(sendfile(EXPECT_OK(open("out", O_WRONLY | O_APPEND)), in, NULL, 1), EINVAL);
	EXPECT_OK(pipe(p));
	offset = 0;
	EXPECT_ERR(sendfile(out, p[0], &offset, 1), ESPIPE);
}

TEST(sendfile, to_full_nonblocking_pipe)
{
	int in = make_large("in", 200000), p[2];
	long n;

	EXPECT_OK(pipe2(p, O_NONBLOCK));
	n = EXPECT_OK(sendfile(p[1], in, NULL, 200000));
	EXPECT(n > 0 && n <= 65536);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), n);
	while (sendfile(p[1], in, NULL, 200000) > 0)
		;
	EXPECT_EQ(errno, EAGAIN);
}

TEST(splice, through_a_pipe)
{
	size_t size = 200000, moved = 0;
	int in = make_large("in", size), out = make("out", ""), p[2];

	EXPECT_OK(pipe(p));
	while (moved < size) {
		long n = EXPECT_OK(splice(in, NULL, p[1], NULL, 50000, 0));

		EXPECT(n > 0);
		moved += (size_t)n;
		while (n > 0) {
			long m = EXPECT_OK(splice(p[0], NULL, out, NULL, (size_t)n, SPLICE_F_MOVE));

			EXPECT(m > 0);
			n -= m;
		}
	}
	EXPECT_EQ(splice(in, NULL, p[1], NULL, 100, 0), 0);
	expect_same(in, out, size);
}

TEST(splice, more_than_a_pipe_holds)
{
	int in = make_large("in", 200000), p[2];
	long n;

	/* Nobody reads: it must come back with what fitted. */
	EXPECT_OK(pipe(p));
	n = EXPECT_OK(splice(in, NULL, p[1], NULL, 200000, 0));
	EXPECT(n > 0 && n <= 65536);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), n);
}

TEST(splice, offsets)
{
	int in = make("in", "0123456789"), out = make("out", "abcdef"), p[2];
	loff_t from = 5, to = 1;
	char b[16];

	EXPECT_OK(pipe(p));
	EXPECT_EQ(splice(in, &from, p[1], NULL, 3, 0), 3);
	EXPECT_EQ(from, 8);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 0);
	EXPECT_EQ(splice(p[0], NULL, out, &to, 3, 0), 3);
	EXPECT_EQ(to, 4);
	EXPECT_EQ(pread(out, b, 16, 0), 6);
	EXPECT(!memcmp(b, "a567ef", 6));
}

TEST(splice, pipe_to_pipe)
{
	int a[2], c[2];
	char b[16];

	EXPECT_OK(pipe(a));
	EXPECT_OK(pipe(c));
	EXPECT_EQ(write(a[1], "hello", 5), 5);
	EXPECT_EQ(splice(a[0], NULL, c[1], NULL, 3, 0), 3);
	EXPECT_EQ(read(c[0], b, 16), 3);
	EXPECT_EQ(read(a[0], b, 16), 2);
	close(a[1]);
	EXPECT_EQ(splice(a[0], NULL, c[1], NULL, 3, 0), 0);
}

TEST(splice, nonblocking_and_errors)
{
	int fd = make("f", "x"), p[2];
	loff_t offset = 0;

	EXPECT_OK(pipe(p));
	EXPECT_ERR(splice(p[0], NULL, fd, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	EXPECT_ERR(splice(fd, NULL, fd, NULL, 1, 0), EINVAL);
	EXPECT_ERR(splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
	EXPECT_ERR(splice(fd, NULL, p[1], &offset, 1, 0), ESPIPE);
	EXPECT_ERR(splice(-1, NULL, p[1], NULL, 1, 0), EBADF);
	EXPECT_ERR(splice(fd, NULL, p[0], NULL, 1, 0), EBADF);
	EXPECT_ERR(splice(fd, NULL, p[1], NULL, 1, 0x100), EINVAL);
	EXPECT_EQ(splice(fd, NULL, p[1], NULL, 0, 0), 0);
	EXPECT_EQ(write(p[1], "y", 1), 1);
	EXPECT_ERR(splice(p[0], NULL, EXPECT_OK(open("f", O_WRONLY | O_APPEND)), NULL, 1, 0),
		   EINVAL);
}

static void in_a_moment(int fd)
{
	if (!fork()) {
		usleep(20000);
		_exit(write(fd, "late", 4) != 4);
	}
}

TEST(splice, waits_for_data)
{
	int out = make("out", ""), p[2];
	char b[8];

	EXPECT_OK(pipe(p));
	in_a_moment(p[1]);
	EXPECT_EQ(splice(p[0], NULL, out, NULL, 100, 0), 4);
	EXPECT_EQ(pread(out, b, 8, 0), 4);
	EXPECT(!memcmp(b, "late", 4));
}

TEST(tee, duplicates)
{
	int a[2], c[2], fd = make("f", "");
	char b[16];

	EXPECT_OK(pipe(a));
	EXPECT_OK(pipe(c));
	EXPECT_EQ(write(a[1], "hello", 5), 5);
	EXPECT_EQ(tee(a[0], c[1], 100, 0), 5);
	EXPECT_EQ(read(c[0], b, 16), 5);
	EXPECT_EQ(read(a[0], b, 16), 5);
	EXPECT(!memcmp(b, "hello", 5));
	EXPECT_ERR(tee(a[0], c[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	EXPECT_ERR(tee(fd, c[1], 1, 0), EINVAL);
	EXPECT_ERR(tee(-1, c[1], 1, 0), EBADF);
	EXPECT_ERR(tee(a[0], a[1], 1, 0), EINVAL);
	EXPECT_EQ(tee(a[0], c[1], 0, 0), 0);
	close(a[1]);
	EXPECT_EQ(tee(a[0], c[1], 1, 0), 0);
}

TEST(vmsplice, both_ways)
{
	char x[3] = "abc", y[2] = "de", b[16];
	struct iovec v[2] = { { x, 3 }, { y, 2 } }, r = { b, 16 };
	int p[2];

	EXPECT_OK(pipe(p));
	EXPECT_EQ(vmsplice(p[1], v, 2, 0), 5);
	EXPECT_EQ(vmsplice(p[0], &r, 1, 0), 5);
	EXPECT(!memcmp(b, "abcde", 5));
	EXPECT_ERR(vmsplice(-1, v, 2, 0), EBADF);
	EXPECT_ERR(vmsplice(make("f", ""), v, 2, 0), EBADF);
	EXPECT_ERR(vmsplice(p[1], v, 2, 0x100), EINVAL);
}

TEST(copy_file_range, copies)
{
	int in = make("in", "0123456789"), out = make("out", "");
	loff_t from = 2, to = 3;
	char b[16];

	EXPECT_EQ(copy_file_range(in, &from, out, &to, 4, 0), 4);
	EXPECT(from == 6 && to == 7);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 0);
	EXPECT_EQ(pread(out, b, 16, 0), 7);
	EXPECT(!memcmp(b, "\0\0\0002345", 7));
	EXPECT_EQ(copy_file_range(in, NULL, out, NULL, 100, 0), 10);
	EXPECT_EQ(copy_file_range(in, NULL, out, NULL, 100, 0), 0);
	EXPECT_EQ(lseek(out, 0, SEEK_CUR), 10);
}

TEST(copy_file_range, errors)
{
	int in = make("in", "0123456789"), out = make("out", ""), p[2];
	loff_t from = 0, to = 2;

	EXPECT_OK(pipe(p));
	EXPECT_ERR(copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
	EXPECT_ERR(copy_file_range(in, &from, in, &to, 5, 0), EINVAL);
	EXPECT_ERR(copy_file_range(-1, NULL, out, NULL, 1, 0), EBADF);
	EXPECT_ERR(copy_file_range(in, NULL, EXPECT_OK(open("out", O_RDONLY)), NULL, 1, 0), EBADF);
	EXPECT_ERR(copy_file_range(in, NULL, EXPECT_OK(open("out", O_WRONLY | O_APPEND)), NULL, 1,
				   0),
		   EBADF);
	EXPECT_ERR(copy_file_range(p[0], NULL, out, NULL, 1, 0), EINVAL);
	EXPECT_ERR(copy_file_range(EXPECT_OK(open(".", O_RDONLY)), NULL, out, NULL, 1, 0), EISDIR);
}

TEST_MAIN
