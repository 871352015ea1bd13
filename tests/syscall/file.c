/* SPDX-License-Identifier: Apache-2.0 */
/* Open files and descriptors: open, read, write, seek, fcntl, dup, close, truncate, fallocate, fsync, ioctl. */
#include "tests/syscall/test.h"

#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int make(const char *name, const char *text)
{
	int fd = EXPECT_OK(open(name, O_CREAT | O_TRUNC | O_RDWR, 0644));

	EXPECT_EQ(write(fd, text, strlen(text)), (long)strlen(text));
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void *bad_pointer(void)
{
	void *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

/* --- open ---------------------------------------------------------------------------------------------------------- */

TEST(open, creates_with_umask)
{
	struct stat st;
	int fd;

	umask(027);
	fd = EXPECT_OK(syscall(SYS_open, "f", O_CREAT | O_WRONLY, 0666));
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_mode, S_IFREG | 0640);
	EXPECT_EQ(st.st_size, 0);
	EXPECT_EQ(st.st_nlink, 1);
	EXPECT_EQ(st.st_uid, geteuid());
}

TEST(open, errors)
{
	close(make("f", "x"));
	EXPECT_OK(mkdir("d", 0755));
	EXPECT_ERR(open("none", O_RDONLY), ENOENT);
	EXPECT_ERR(open("", O_RDONLY), ENOENT);
	EXPECT_ERR(open("f", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
	EXPECT_ERR(open("f/", O_RDONLY), ENOTDIR);
	EXPECT_ERR(open("f/x", O_RDONLY), ENOTDIR);
	EXPECT_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	EXPECT_ERR(open("d", O_RDWR), EISDIR);
	EXPECT_ERR(open("d", O_WRONLY), EISDIR);
	EXPECT_ERR(open("d", O_CREAT | O_RDWR, 0644), EISDIR);
	EXPECT_ERR(open("new/", O_CREAT | O_RDWR, 0644), EISDIR);
	EXPECT_ERR(open("none/x", O_CREAT | O_RDWR, 0644), ENOENT);
	EXPECT_ERR(open(bad_pointer(), O_RDONLY), EFAULT);
	EXPECT_ERR(open("d/.", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
}

TEST(open, truncates)
{
	struct stat st;

	close(make("f", "contents"));
	EXPECT_OK(open("f", O_RDWR | O_TRUNC));
	EXPECT_OK(stat("f", &st));
	EXPECT_EQ(st.st_size, 0);
}

TEST(open, lowest_descriptor)
{
	int a = EXPECT_OK(open(".", O_RDONLY)), b = EXPECT_OK(open(".", O_RDONLY));

	EXPECT(b > a);
	close(a);
	EXPECT_EQ(open(".", O_RDONLY), a);
}

TEST(open, follows_links)
{
	struct stat st;
	char b[8];
	int fd;

	close(make("f", "target"));
	EXPECT_OK(symlink("f", "l"));
	fd = EXPECT_OK(open("l", O_RDONLY));
	EXPECT_EQ(read(fd, b, 8), 6);
	EXPECT_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	EXPECT_ERR(open("l", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	EXPECT_OK(symlink("there", "dangling"));
	EXPECT_ERR(open("dangling", O_RDONLY), ENOENT);
	EXPECT_ERR(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	EXPECT_OK(open("dangling", O_RDWR | O_CREAT, 0600));
	EXPECT_OK(lstat("there", &st));
	EXPECT_EQ(st.st_mode, S_IFREG | 0600);
	EXPECT_OK(symlink("loop", "loop"));
	EXPECT_ERR(open("loop", O_RDONLY), ELOOP);
}

TEST(open, path_only)
{
	struct stat st;
	char b;
	int fd, dir;

	close(make("f", "x"));
	EXPECT_OK(chmod("f", 0));
	fd = EXPECT_OK(open("f", O_PATH));
	EXPECT_ERR(read(fd, &b, 1), EBADF);
	EXPECT_ERR(write(fd, &b, 1), EBADF);
	EXPECT_ERR(lseek(fd, 0, SEEK_SET), EBADF);
	EXPECT_ERR(fchmod(fd, 0600), EBADF);
	EXPECT_ERR(fcntl(fd, F_SETFL, O_NONBLOCK), EBADF);
	EXPECT_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	EXPECT_OK(fstat(fd, &st));
	EXPECT_OK(fcntl(fd, F_DUPFD, 20));
	EXPECT_OK(symlink("f", "l"));
	fd = EXPECT_OK(open("l", O_PATH | O_NOFOLLOW));
	EXPECT_OK(fstat(fd, &st));
	EXPECT(S_ISLNK(st.st_mode));
	dir = EXPECT_OK(open(".", O_PATH | O_DIRECTORY));
	EXPECT_OK(fstatat(dir, "f", &st, 0));
	EXPECT_OK(fchdir(dir));
}

TEST(open, tmpfile_gets_a_name)
{
	char name[64], b[8];
	struct stat st;
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		SKIP("the file system has no O_TMPFILE");
	EXPECT(fd >= 0);
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_nlink, 0);
	EXPECT_EQ(write(fd, "abc", 3), 3);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	EXPECT_OK(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_nlink, 1);
	EXPECT_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	fd = EXPECT_OK(open("named", O_RDONLY));
	EXPECT_EQ(read(fd, b, 8), 3);
	fd = EXPECT_OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	EXPECT_ERR(linkat(AT_FDCWD, name, AT_FDCWD, "other", AT_SYMLINK_FOLLOW), ENOENT);
}

TEST(open, emfile)
{
	struct rlimit limit = { 16, 16 };

	EXPECT_OK(setrlimit(RLIMIT_NOFILE, &limit));
	for (int n = 0; n < 16; n++)
		open(".", O_RDONLY);
	EXPECT_ERR(open(".", O_RDONLY), EMFILE);
	EXPECT_ERR(dup(0), EMFILE);
	EXPECT_ERR(dup2(0, 16), EBADF);
	EXPECT_ERR(fcntl(0, F_DUPFD, 16), EINVAL);
}

TEST(open, device_without_driver)
{
	EXPECT_OK(mkfifo("fifo", 0600));
	EXPECT_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
}

TEST(openat, relative_to_directory)
{
	struct stat st;
	int dir, fd;

	EXPECT_OK(mkdir("d", 0755));
	dir = EXPECT_OK(open("d", O_RDONLY | O_DIRECTORY));
	fd = EXPECT_OK(openat(dir, "f", O_CREAT | O_RDWR, 0600));
	EXPECT_OK(stat("d/f", &st));
	EXPECT_ERR(openat(fd, "x", O_RDONLY), ENOTDIR);
	EXPECT_ERR(openat(999, "x", O_RDONLY), EBADF);
	EXPECT_OK(openat(999, "/", O_RDONLY));
	EXPECT_OK(openat(AT_FDCWD, "d/f", O_RDONLY));
}

static long openat2_(int dir, const char *name, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };

	return syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

TEST(openat2, resolve_flags)
{
	int dir;

	EXPECT_OK(mkdir("o", 0755));
	EXPECT_OK(mkdir("o/sub", 0755));
	close(make("o/f", "x"));
	close(make("outside", "x"));
	EXPECT_OK(symlink("../../outside", "o/sub/out"));
	EXPECT_OK(symlink("/f", "o/abs"));
	EXPECT_OK(symlink("f", "o/rel"));
	dir = EXPECT_OK(open("o", O_RDONLY));
	EXPECT_OK(openat2_(dir, "sub/../f", O_RDONLY, 0, RESOLVE_BENEATH));
	EXPECT_OK(openat2_(dir, "rel", O_RDONLY, 0, RESOLVE_BENEATH));
	EXPECT_ERR(openat2_(dir, "../outside", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	EXPECT_ERR(openat2_(dir, "sub/out", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	EXPECT_ERR(openat2_(dir, "abs", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	EXPECT_ERR(openat2_(dir, "/etc", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	EXPECT_OK(openat2_(dir, "abs", O_RDONLY, 0, RESOLVE_IN_ROOT));
	EXPECT_OK(openat2_(dir, "/f", O_RDONLY, 0, RESOLVE_IN_ROOT));
	EXPECT_OK(openat2_(dir, "../../f", O_RDONLY, 0, RESOLVE_IN_ROOT));
	EXPECT_ERR(openat2_(dir, "rel", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
	EXPECT_OK(openat2_(dir, "rel", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS));
	EXPECT_ERR(openat2_(AT_FDCWD, "/proc/self/cwd/.", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS),
		   ELOOP);
	EXPECT_ERR(openat2_(AT_FDCWD, "/proc/self/status", O_RDONLY, 0, RESOLVE_NO_XDEV), EXDEV);
}

TEST(openat2, errors)
{
	struct {
		struct open_how how;
		uint64_t more;
	} big = { { .flags = O_RDONLY }, 0 };

	EXPECT_ERR(openat2_(AT_FDCWD, ".", 1ull << 40, 0, 0), EINVAL);
	EXPECT_ERR(openat2_(AT_FDCWD, ".", O_RDONLY, 0644, 0), EINVAL);
	EXPECT_ERR(openat2_(AT_FDCWD, "f", O_RDWR | O_CREAT, 010000, 0), EINVAL);
	EXPECT_ERR(openat2_(AT_FDCWD, ".", O_RDONLY, 0, 1 << 20), EINVAL);
	EXPECT_ERR(openat2_(AT_FDCWD, ".", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
	EXPECT_ERR(syscall(SYS_openat2, AT_FDCWD, ".", &big, 8), EINVAL);
	EXPECT_OK(syscall(SYS_openat2, AT_FDCWD, ".", &big, sizeof(big)));
	big.more = 1;
	EXPECT_ERR(syscall(SYS_openat2, AT_FDCWD, ".", &big, sizeof(big)), E2BIG);
}

TEST(creat, truncates_write_only)
{
	char b;
	int fd;

	close(make("f", "old"));
	fd = EXPECT_OK(syscall(SYS_creat, "f", 0600));
	EXPECT_ERR(read(fd, &b, 1), EBADF);
	EXPECT_EQ(lseek(fd, 0, SEEK_END), 0);
	EXPECT_ERR(syscall(SYS_creat, ".", 0600), EISDIR);
}

/* --- read and write --------------------------------------------------------------------------------------------------- */

TEST(read, at_end_gives_zero)
{
	char b[8];
	int fd = make("f", "hello");

	EXPECT_EQ(read(fd, b, 3), 3);
	EXPECT_EQ(read(fd, b, 8), 2);
	EXPECT(!memcmp(b, "lo", 2));
	EXPECT_EQ(read(fd, b, 8), 0);
	EXPECT_EQ(read(fd, b, 0), 0);
}

TEST(read, errors)
{
	char b[8];
	int fd = make("f", "hello");

	EXPECT_ERR(read(-1, b, 1), EBADF);
	EXPECT_ERR(read(9999, b, 1), EBADF);
	EXPECT_ERR(read(EXPECT_OK(open("f", O_WRONLY)), b, 1), EBADF);
	EXPECT_ERR(read(EXPECT_OK(open(".", O_RDONLY)), b, 1), EISDIR);
	EXPECT_ERR(read(fd, bad_pointer(), 5), EFAULT);
	EXPECT_ERR(read(fd, (void *)-4096L, 5), EFAULT);
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

TEST(read, large_across_pages)
{
	size_t size = 300000;
	unsigned char *a = malloc(size), *b = malloc(size);
	int fd = make("f", "");

	for (size_t n = 0; n < size; n++)
		a[n] = (unsigned char)(n * 7 + n / 4096);
	EXPECT_EQ(write(fd, a, size), (long)size);
	EXPECT_EQ(pread(fd, b, size, 0), (long)size);
	EXPECT(!memcmp(a, b, size));
	EXPECT_EQ(pread(fd, b, 5000, 4095), 5000);
	EXPECT(!memcmp(a + 4095, b, 5000));
}

TEST(write, extends_and_leaves_holes)
{
	struct stat st;
	char b[16];
	int fd = make("f", "ab");

	EXPECT_EQ(lseek(fd, 8, SEEK_SET), 8);
	EXPECT_EQ(write(fd, "z", 1), 1);
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_size, 9);
	EXPECT_EQ(pread(fd, b, 16, 0), 9);
	EXPECT(!memcmp(b, "ab\0\0\0\0\0\0z", 9));
}

TEST(write, errors)
{
	int fd = make("f", "");

	EXPECT_ERR(write(-1, "x", 1), EBADF);
	EXPECT_ERR(write(EXPECT_OK(open("f", O_RDONLY)), "x", 1), EBADF);
	EXPECT_ERR(write(fd, bad_pointer(), 1), EFAULT);
	EXPECT_EQ(write(fd, "", 0), 0);
}

TEST(write, append_goes_to_the_end)
{
	char b[16];
	int fd = make("f", "12345"), fd2;

	fd2 = EXPECT_OK(open("f", O_WRONLY | O_APPEND));
	EXPECT_EQ(write(fd2, "6", 1), 1);
	EXPECT_EQ(write(fd, "X", 1), 1);
	EXPECT_EQ(write(fd2, "7", 1), 1);
	EXPECT_EQ(lseek(fd2, 0, SEEK_CUR), 7);
	/* Linux appends, whatever the offset. */
	EXPECT_EQ(pwrite(fd2, "8", 1, 0), 1);
	EXPECT_EQ(pread(fd, b, 16, 0), 8);
	EXPECT(!memcmp(b, "X2345678", 8));
}

static void fsize(int sig)
{
	(void)sig;
}

TEST(write, file_size_limit)
{
	struct rlimit limit = { 10, 10 };
	int fd = make("f", "");

	signal(SIGXFSZ, fsize);
	EXPECT_OK(setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQ(write(fd, "0123456789abcdef", 16), 10);
	EXPECT_ERR(write(fd, "x", 1), EFBIG);
	EXPECT_ERR(ftruncate(fd, 11), EFBIG);
	EXPECT_OK(ftruncate(fd, 10));
}

static void exceed(void)
{
	struct rlimit limit = { 0, 0 };
	int fd = make("f2", "");

	EXPECT_OK(setrlimit(RLIMIT_FSIZE, &limit));
	if (write(fd, "x", 1) < 0)
		_exit(2);
}

TEST(write, file_size_signal)
{
	int status = test_in_child(exceed);

	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
}

TEST(write, clears_setuid_of_ordinary_users)
{
	struct stat st;
	int fd = make("f", "x");

	if (!geteuid()) {
		EXPECT_OK(fchown(fd, 65534, 65534));
		EXPECT_OK(setresgid(65534, 65534, 65534));
		EXPECT_OK(setresuid(65534, 65534, 65534));
	}
	EXPECT_OK(fchmod(fd, 06755));
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_mode & 07777, 06755);
	EXPECT_EQ(write(fd, "y", 1), 1);
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_mode & 07777, 0755);
}

TEST(pread64, does_not_move)
{
	char b[8];
	int fd = make("f", "hello"), p[2];

	EXPECT_EQ(pread(fd, b, 2, 3), 2);
	EXPECT(!memcmp(b, "lo", 2));
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	EXPECT_EQ(pread(fd, b, 2, 100), 0);
	EXPECT_ERR(pread(fd, b, 2, -1), EINVAL);
	EXPECT_ERR(pread(-1, b, 2, 0), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(pread(p[0], b, 2, 0), ESPIPE);
}

TEST(pwrite64, does_not_move)
{
	char b[8];
	int fd = make("f", "hello"), p[2];

	EXPECT_EQ(pwrite(fd, "LO", 2, 3), 2);
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	EXPECT_EQ(read(fd, b, 8), 5);
	EXPECT(!memcmp(b, "helLO", 5));
	EXPECT_ERR(pwrite(fd, b, 2, -1), EINVAL);
	EXPECT_ERR(pwrite(EXPECT_OK(open("f", O_RDONLY)), b, 2, 0), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(pwrite(p[1], b, 2, 0), ESPIPE);
}

TEST(readv, scatters)
{
	char a[2], b[1], c[8];
	struct iovec v[3] = { { a, 2 }, { b, 1 }, { c, 8 } };
	int fd = make("f", "hello");

	EXPECT_EQ(readv(fd, v, 3), 5);
	EXPECT(a[0] == 'h' && a[1] == 'e' && b[0] == 'l' && c[0] == 'l' && c[1] == 'o');
	EXPECT_ERR(syscall(SYS_readv, fd, v, -1L), EINVAL);
	EXPECT_ERR(syscall(SYS_readv, fd, v, 1025L), EINVAL);
	EXPECT_EQ(readv(fd, v, 0), 0);
	EXPECT_ERR(readv(-1, v, 1), EBADF);
	v[1].iov_len = (size_t)-1;
	EXPECT_ERR(readv(fd, v, 3), EINVAL);
	EXPECT_ERR(readv(fd, bad_pointer(), 1), EFAULT);
}

TEST(writev, gathers)
{
	struct iovec v[3] = { { "he", 2 }, { NULL, 0 }, { "llo", 3 } };
	char b[8];
	int fd = make("f", "");

	EXPECT_EQ(writev(fd, v, 3), 5);
	EXPECT_EQ(pread(fd, b, 8, 0), 5);
	EXPECT(!memcmp(b, "hello", 5));
	EXPECT_ERR(writev(EXPECT_OK(open("f", O_RDONLY)), v, 3), EBADF);
	EXPECT_ERR(syscall(SYS_writev, fd, v, -1L), EINVAL);
}

TEST(preadv, at_offset)
{
	char a[2], b[2];
	struct iovec v[2] = { { a, 2 }, { b, 2 } };
	int fd = make("f", "012345");

	EXPECT_EQ(preadv(fd, v, 2, 1), 4);
	EXPECT(!memcmp(a, "12", 2) && !memcmp(b, "34", 2));
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	EXPECT_ERR(preadv(fd, v, 2, -1), EINVAL);
}

TEST(pwritev, at_offset)
{
	struct iovec v[2] = { { "ab", 2 }, { "cd", 2 } };
	char b[8];
	int fd = make("f", "012345");

	EXPECT_EQ(pwritev(fd, v, 2, 4), 4);
	EXPECT_EQ(pread(fd, b, 8, 0), 8);
	EXPECT(!memcmp(b, "0123abcd", 8));
	EXPECT_ERR(pwritev(fd, v, 2, -1), EINVAL);
}

TEST(preadv2, flags)
{
	char a[4];
	struct iovec v = { a, 2 };
	int fd = make("f", "0123");

	EXPECT_EQ(preadv2(fd, &v, 1, 2, 0), 2);
	EXPECT(!memcmp(a, "23", 2));
	EXPECT_EQ(preadv2(fd, &v, 1, -1, 0), 2);
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 2);
	EXPECT_EQ(preadv2(fd, &v, 1, 0, RWF_HIPRI), 2);
	EXPECT_ERR(preadv2(fd, &v, 1, 0, 0x40000000), EOPNOTSUPP);
	EXPECT_ERR(preadv2(fd, &v, 1, -2, 0), EINVAL);
}

TEST(pwritev2, append)
{
	struct iovec v = { "ab", 2 };
	char b[8];
	int fd = make("f", "0123");

	EXPECT_EQ(pwritev2(fd, &v, 1, 0, RWF_APPEND), 2);
	EXPECT_EQ(pwritev2(fd, &v, 1, 1, RWF_DSYNC), 2);
	EXPECT_EQ(pread(fd, b, 8, 0), 6);
	EXPECT(!memcmp(b, "0ab3ab", 6));
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	EXPECT_ERR(pwritev2(fd, &v, 1, 0, 0x40000000), EOPNOTSUPP);
}

TEST(lseek, whence)
{
	int fd = make("f", "0123456789"), p[2];

	EXPECT_EQ(lseek(fd, 3, SEEK_SET), 3);
	EXPECT_EQ(lseek(fd, 2, SEEK_CUR), 5);
	EXPECT_EQ(lseek(fd, -1, SEEK_END), 9);
	EXPECT_EQ(lseek(fd, 100, SEEK_END), 110);
	EXPECT_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	EXPECT_ERR(lseek(fd, -200, SEEK_CUR), EINVAL);
	EXPECT_ERR(lseek(fd, 0, 77), EINVAL);
	EXPECT_ERR(lseek(-1, 0, SEEK_SET), EBADF);
	EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 0);
	EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 10);
	EXPECT_ERR(lseek(fd, 10, SEEK_DATA), ENXIO);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
}

TEST(lseek, shared_by_dup_and_fork)
{
	int fd = make("f", "0123456789"), d = EXPECT_OK(dup(fd));

	EXPECT_EQ(lseek(fd, 4, SEEK_SET), 4);
	EXPECT_EQ(lseek(d, 0, SEEK_CUR), 4);
	if (!fork())
		_exit(lseek(d, 7, SEEK_SET) != 7);
	EXPECT(wait(NULL) > 0);
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 7);
}

/* --- descriptors ---------------------------------------------------------------------------------------------------- */

TEST(close, twice_is_ebadf)
{
	int fd = make("f", "");

	EXPECT_OK(close(fd));
	EXPECT_ERR(close(fd), EBADF);
	EXPECT_ERR(close(-1), EBADF);
	EXPECT_ERR(close(1 << 30), EBADF);
}

TEST(dup, shares_the_file)
{
	int fd = make("f", ""), d = EXPECT_OK(fcntl(fd, F_DUPFD_CLOEXEC, 30));

	EXPECT_EQ(d, 30);
	EXPECT_EQ(fcntl(d, F_GETFD), FD_CLOEXEC);
	d = EXPECT_OK(dup(30));
	EXPECT_EQ(fcntl(d, F_GETFD), 0);
	EXPECT_OK(fcntl(d, F_SETFL, O_NONBLOCK));
	EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_ERR(dup(99), EBADF);
}

TEST(dup2, replaces)
{
	int fd = make("f", "text"), other = make("g", ""), p[2];
	char b[8];

	EXPECT_EQ(dup2(fd, other), other);
	EXPECT_EQ(read(other, b, 8), 4);
	EXPECT_EQ(dup2(fd, fd), fd);
	EXPECT_ERR(dup2(99, 99), EBADF);
	EXPECT_ERR(dup2(99, 5), EBADF);
	EXPECT_ERR(dup2(fd, -1), EBADF);
	/* What was there is closed: the pipe's reader sees its end. */
	EXPECT_OK(pipe(p));
	EXPECT_EQ(dup2(fd, p[1]), p[1]);
	EXPECT_EQ(read(p[0], b, 1), 0);
}

TEST(dup3, flags)
{
	int fd = make("f", "");

	EXPECT_EQ(dup3(fd, 40, O_CLOEXEC), 40);
	EXPECT_EQ(fcntl(40, F_GETFD), FD_CLOEXEC);
	EXPECT_ERR(dup3(fd, fd, 0), EINVAL);
	EXPECT_ERR(dup3(fd, 41, O_NONBLOCK), EINVAL);
	EXPECT_ERR(dup3(99, 41, 0), EBADF);
}

TEST(close_range, closes_and_marks)
{
	int fd = make("f", "");

	for (int n = 50; n < 60; n++)
		EXPECT_EQ(dup2(fd, n), n);
	EXPECT_OK(syscall(SYS_close_range, 52, 54, 0));
	EXPECT_ERR(fcntl(53, F_GETFD), EBADF);
	EXPECT_EQ(fcntl(55, F_GETFD), 0);
	EXPECT_OK(syscall(SYS_close_range, 55, ~0u, CLOSE_RANGE_CLOEXEC));
	EXPECT_EQ(fcntl(55, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(51, F_GETFD), 0);
	EXPECT_OK(syscall(SYS_close_range, 50, 60, CLOSE_RANGE_UNSHARE));
	EXPECT_ERR(fcntl(51, F_GETFD), EBADF);
	EXPECT_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_close_range, 5, 6, 64), EINVAL);
}

TEST(fcntl, ten_thousand_descriptors)
{
	struct rlimit limit;
	int count;

	EXPECT_OK(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max < 10000 ? limit.rlim_max : 10000;
	EXPECT_OK(setrlimit(RLIMIT_NOFILE, &limit));
	count = (int)limit.rlim_cur - 16;
	for (int n = 0; n < count; n++)
		EXPECT_OK(open(".", O_RDONLY));
	EXPECT_OK(close(count / 2));
	EXPECT_EQ(open(".", O_RDONLY), count / 2);
}

TEST(fcntl, flags)
{
	int fd = EXPECT_OK(open("f", O_CREAT | O_RDWR | O_CLOEXEC | O_TRUNC, 0600));

	EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_CREAT | O_TRUNC | O_CLOEXEC), O_RDWR);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_OK(fcntl(fd, F_SETFD, 0));
	EXPECT_EQ(fcntl(fd, F_GETFD), 0);
	EXPECT_OK(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_RDONLY));
	EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
		  O_RDWR | O_APPEND | O_NONBLOCK);
	EXPECT_ERR(fcntl(fd, 9999, 0), EINVAL);
	EXPECT_ERR(fcntl(99, F_GETFL), EBADF);
	EXPECT_ERR(fcntl(99, F_GETFD), EBADF);
	EXPECT_ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
}

TEST(fcntl, notify_nothing)
{
	int fd = EXPECT_OK(open(".", O_RDONLY | O_DIRECTORY));

	EXPECT_OK(fcntl(fd, F_NOTIFY, 0L));
	EXPECT_OK(fcntl(fd, F_NOTIFY, (long)DN_MULTISHOT));
}

TEST(fcntl, owner)
{
	struct f_owner_ex owner = { F_OWNER_PID, getpid() };
	int p[2];

	EXPECT_OK(pipe(p));
	EXPECT_EQ(fcntl(p[0], F_GETOWN), 0);
	EXPECT_OK(fcntl(p[0], F_SETOWN, getpid()));
	EXPECT_EQ(fcntl(p[0], F_GETOWN), getpid());
	EXPECT_OK(fcntl(p[0], F_SETOWN_EX, &owner));
	memset(&owner, 0, sizeof(owner));
	EXPECT_OK(fcntl(p[0], F_GETOWN_EX, &owner));
	EXPECT(owner.type == F_OWNER_PID && owner.pid == getpid());
	EXPECT_EQ(fcntl(p[0], F_GETSIG), 0);
	EXPECT_OK(fcntl(p[0], F_SETSIG, SIGUSR1));
	EXPECT_EQ(fcntl(p[0], F_GETSIG), SIGUSR1);
	EXPECT_ERR(fcntl(p[0], F_SETSIG, 65), EINVAL);
	owner.type = 77;
	EXPECT_ERR(fcntl(p[0], F_SETOWN_EX, &owner), EINVAL);
}

TEST(fcntl, seals)
{
	int fd = EXPECT_OK(memfd_create("m", MFD_ALLOW_SEALING)), plain = make("f", "x"),
	    m = EXPECT_OK(memfd_create("n", 0));

	EXPECT_EQ(fcntl(fd, F_GET_SEALS), 0);
	EXPECT_EQ(write(fd, "abc", 3), 3);
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	EXPECT_ERR(write(fd, "d", 1), EPERM);
	EXPECT_ERR(ftruncate(fd, 10), EPERM);
	EXPECT_EQ(pwrite(fd, "X", 1, 0), 1);
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE));
	EXPECT_ERR(ftruncate(fd, 1), EPERM);
	EXPECT_ERR(pwrite(fd, "X", 1, 0), EPERM);
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), EPERM);
	EXPECT_EQ(fcntl(m, F_GET_SEALS), F_SEAL_SEAL);
	EXPECT_ERR(fcntl(m, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	if (fcntl(plain, F_GET_SEALS) < 0)
		EXPECT_EQ(errno, EINVAL);
}

TEST(fcntl, pipe_size)
{
	int p[2], fd = make("f", "");

	EXPECT_OK(pipe(p));
	EXPECT_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	EXPECT_EQ(fcntl(p[0], F_SETPIPE_SZ, 4096), 4096);
	EXPECT_EQ(fcntl(p[1], F_GETPIPE_SZ), 4096);
	EXPECT_ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
}

TEST(ioctl, descriptor_requests)
{
	int fd = make("f", "12345"), n = 1, p[2];

	EXPECT_OK(ioctl(fd, FIOCLEX));
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_OK(ioctl(fd, FIONCLEX));
	EXPECT_EQ(fcntl(fd, F_GETFD), 0);
	EXPECT_EQ(lseek(fd, 2, SEEK_SET), 2);
	EXPECT_OK(ioctl(fd, FIONREAD, &n));
	EXPECT_EQ(n, 3);
	EXPECT_OK(ioctl(fd, FIGETBSZ, &n));
	EXPECT(n > 0);
	EXPECT_OK(pipe(p));
	n = 1;
	EXPECT_OK(ioctl(p[0], FIONBIO, &n));
	EXPECT(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	n = 0;
	EXPECT_OK(ioctl(p[0], FIONBIO, &n));
	EXPECT(!(fcntl(p[0], F_GETFL) & O_NONBLOCK));
	EXPECT_ERR(ioctl(fd, 0x5401 /* TCGETS */, &n), ENOTTY);
	EXPECT_ERR(ioctl(-1, FIONREAD, &n), EBADF);
	EXPECT_ERR(ioctl(fd, FIONREAD, bad_pointer()), EFAULT);
}

/* --- size and disk ------------------------------------------------------------------------------------------------------ */

TEST(truncate, cuts_and_grows)
{
	struct stat st;
	char b[16];
	int fd = make("f", "0123456789");

	EXPECT_OK(truncate("f", 4));
	EXPECT_OK(truncate("f", 8));
	EXPECT_EQ(read(fd, b, 16), 8);
	EXPECT(!memcmp(b, "0123\0\0\0\0", 8));
	EXPECT_OK(stat("f", &st));
	EXPECT_EQ(st.st_size, 8);
	EXPECT_ERR(truncate("f", -1), EINVAL);
	EXPECT_ERR(truncate("none", 1), ENOENT);
	EXPECT_ERR(truncate(".", 1), EISDIR);
	EXPECT_OK(mkfifo("p", 0600));
	EXPECT_ERR(truncate("p", 1), EINVAL);
}

TEST(ftruncate, needs_writing)
{
	struct stat st;
	int fd = make("f", "0123456789"), p[2];

	EXPECT_OK(ftruncate(fd, 1 << 20));
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_size, 1 << 20);
	EXPECT(st.st_blocks < 100);
	EXPECT_ERR(ftruncate(EXPECT_OK(open("f", O_RDONLY)), 1), EINVAL);
	EXPECT_ERR(ftruncate(fd, -1), EINVAL);
	EXPECT_ERR(ftruncate(-1, 1), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(ftruncate(p[1], 1), EINVAL);
}

TEST(fallocate, modes)
{
	struct stat st;
	char b[4];
	int fd = make("f", "0123456789"), p[2];

	if (fallocate(fd, 0, 0, 20) < 0 && errno == EOPNOTSUPP)
		SKIP("the file system has no fallocate");
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_size, 20);
	EXPECT_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000));
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_size, 20);
	EXPECT_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 2, 3));
	EXPECT_EQ(pread(fd, b, 4, 1), 4);
	EXPECT(!memcmp(b, "1\0\0\0", 4));
	EXPECT_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	EXPECT_ERR(fallocate(fd, 0, -1, 1), EINVAL);
	EXPECT_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	EXPECT_ERR(fallocate(fd, 0, INT64_MAX, 1), EFBIG);
	EXPECT_ERR(fallocate(EXPECT_OK(open("f", O_RDONLY)), 0, 0, 1), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(fallocate(p[1], 0, 0, 1), ESPIPE);
}

TEST(fsync, kinds_of_files)
{
	int fd = make("f", "x"), p[2];

	EXPECT_OK(fsync(fd));
	EXPECT_OK(fsync(EXPECT_OK(open(".", O_RDONLY))));
	EXPECT_ERR(fsync(-1), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(fsync(p[0]), EINVAL);
}

TEST(fdatasync, kinds_of_files)
{
	int p[2];

	EXPECT_OK(fdatasync(make("f", "x")));
	EXPECT_ERR(fdatasync(-1), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(fdatasync(p[0]), EINVAL);
}

TEST(sync, returns)
{
	EXPECT_OK(syscall(SYS_sync));
}

TEST(syncfs, needs_a_descriptor)
{
	EXPECT_ERR(syncfs(-1), EBADF);
	EXPECT_ERR(syncfs(EXPECT_OK(open(".", O_PATH))), EBADF);
}

TEST(sync_file_range, checks)
{
	int fd = make("f", "x"), p[2];

	EXPECT_OK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	EXPECT_ERR(sync_file_range(fd, -1, 0, 0), EINVAL);
	EXPECT_ERR(sync_file_range(fd, 0, 0, 64), EINVAL);
	EXPECT_ERR(sync_file_range(-1, 0, 0, 0), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(sync_file_range(p[0], 0, 0, 0), ESPIPE);
}

TEST(readahead, checks)
{
	int fd = make("f", "x"), p[2];

	EXPECT_OK(readahead(fd, 0, 4096));
	EXPECT_ERR(readahead(EXPECT_OK(open("f", O_WRONLY)), 0, 1), EBADF);
	EXPECT_ERR(readahead(-1, 0, 1), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_ERR(readahead(p[0], 0, 1), EINVAL);
}

TEST(fadvise64, checks)
{
	int fd = make("f", "x"), p[2];

	EXPECT_OK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	EXPECT_EQ(posix_fadvise(fd, 0, 0, 77), EINVAL);
	EXPECT_EQ(posix_fadvise(fd, 0, -1, 0), EINVAL);
	EXPECT_EQ(posix_fadvise(-1, 0, 0, 0), EBADF);
	EXPECT_OK(pipe(p));
	EXPECT_EQ(posix_fadvise(p[0], 0, 0, 0), ESPIPE);
}

TEST_MAIN
