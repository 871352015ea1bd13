/* SPDX-License-Identifier: Apache-2.0 */
/* The devices every program counts on: null, zero, full, random, urandom; and what else is in /dev. */
#include "tests/syscall/test.h"

#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static int dev(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		TEST_FAIL("%s: %s", path, strerror(errno));
	return fd;
}

static bool all(const unsigned char *p, size_t size, unsigned char value)
{
	while (size--)
		if (*p++ != value)
			return false;
	return true;
}

TEST(read, dev_null)
{
	int fd = dev("/dev/null", O_RDWR);
	char c;

	EXPECT_EQ(read(fd, &c, 1), 0);
	EXPECT_EQ(write(fd, "abc", 3), 3);
	EXPECT_EQ(read(fd, &c, 1), 0);
	EXPECT_EQ(lseek(fd, 100, SEEK_SET), 0);
	EXPECT_EQ(pread(fd, &c, 1, 10), 0);
	EXPECT_EQ(pwrite(fd, "a", 1, 10), 1);
}

TEST(write, dev_null_any_size)
{
	int fd = dev("/dev/null", O_WRONLY);
	static char big[1 << 20];
	struct iovec v[2] = { { big, sizeof(big) }, { big, 5 } };
	void *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(write(fd, big, sizeof(big)), sizeof(big));
	EXPECT_EQ(writev(fd, v, 2), sizeof(big) + 5);
	/* Nobody looks at what is thrown away. */
	EXPECT_EQ(syscall(SYS_write, fd, gone, 10L), 10);
	EXPECT_ERR(read(fd, big, 1), EBADF);
}

TEST(read, dev_zero)
{
	int fd = dev("/dev/zero", O_RDWR);
	static unsigned char big[(1 << 20) + 3];
	struct iovec v[2] = { { big, 7 }, { big + 100, 9 } };

	memset(big, 1, sizeof(big));
	EXPECT_EQ(read(fd, big, 1), 1);
	EXPECT_EQ(big[0], 0);
	EXPECT_EQ(big[1], 1);
	EXPECT_EQ(read(fd, big, sizeof(big)), sizeof(big));
	EXPECT(all(big, sizeof(big), 0));
	EXPECT_EQ(write(fd, big, 10), 10);
	memset(big, 1, sizeof(big));
	EXPECT_EQ(readv(fd, v, 2), 16);
	EXPECT(all(big, 7, 0) && big[7] == 1 && all(big + 100, 9, 0) && big[109] == 1);
	EXPECT_ERR(syscall(SYS_read, fd, 8L, 10L), EFAULT);
	EXPECT_EQ(read(fd, big, 0), 0);
}

TEST(read, dev_full)
{
	int fd = dev("/dev/full", O_RDWR);
	char c[4] = "abc";

	EXPECT_ERR(write(fd, "x", 1), ENOSPC);
	EXPECT_EQ(read(fd, c, 3), 3);
	EXPECT(!c[0] && !c[1] && !c[2]);
}

TEST(read, dev_urandom)
{
	int fd = dev("/dev/urandom", O_RDONLY);
	static unsigned char a[100000], b[100000];

	EXPECT_EQ(read(fd, a, 16), 16);
	EXPECT_EQ(read(fd, b, 16), 16);
	EXPECT(memcmp(a, b, 16));
	EXPECT_EQ(read(fd, a, sizeof(a)), sizeof(a));
	EXPECT_EQ(read(fd, b, sizeof(b)), sizeof(b));
	EXPECT(memcmp(a, b, sizeof(a)));
	EXPECT(!all(a + 99900, 100, 0));
	EXPECT_ERR(syscall(SYS_read, fd, 8L, 10L), EFAULT);
}

TEST(read, dev_random)
{
	int fd = dev("/dev/random", O_RDONLY);
	unsigned char a[16], b[16];

	EXPECT_EQ(read(fd, a, 16), 16);
	EXPECT_EQ(read(fd, b, 16), 16);
	EXPECT(memcmp(a, b, 16));
}

TEST(write, dev_random)
{
	int fd = dev("/dev/urandom", O_WRONLY);

	EXPECT_EQ(write(fd, "seed", 4), 4);
}

TEST(mmap, dev_zero_private)
{
	int fd = dev("/dev/zero", O_RDWR), status;
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	pid_t pid;

	EXPECT(p != MAP_FAILED);
	close(fd);
	EXPECT(all(p, 8192, 0));
	p[5000] = 7;
	pid = fork();
	if (!pid) {
		p[5000]++;
		_exit(p[5000] != 8);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(p[5000], 7);
	EXPECT_EQ(munmap(p, 8192), 0);
}

TEST(mmap, dev_zero_shared)
{
	int fd = dev("/dev/zero", O_RDWR), status;
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsigned char *q = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t pid;

	EXPECT(p != MAP_FAILED && q != MAP_FAILED);
	close(fd);
	p[5000] = 7;
	EXPECT_EQ(q[5000], 0);
	pid = fork();
	if (!pid) {
		p[5000]++;
		_exit(p[5000] != 8);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(p[5000], 8);
}

TEST(mmap, dev_null_and_random_refuse)
{
	int null = dev("/dev/null", O_RDWR), random = dev("/dev/urandom", O_RDONLY);

	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, null, 0) == MAP_FAILED);
	EXPECT_EQ(errno, ENODEV);
	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, random, 0) == MAP_FAILED);
	EXPECT_EQ(errno, ENODEV);
}

TEST(stat, device_numbers)
{
	static const struct {
		const char *path;
		unsigned int major, minor;
	} devices[] = {
		{ "/dev/null", 1, 3 },	 { "/dev/zero", 1, 5 },	   { "/dev/full", 1, 7 },
		{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
	};
	struct stat st;

	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		EXPECT_EQ(stat(devices[i].path, &st), 0);
		EXPECT(S_ISCHR(st.st_mode));
		EXPECT_EQ(st.st_mode & 0666, 0666);
		EXPECT_EQ(major(st.st_rdev), devices[i].major);
		EXPECT_EQ(minor(st.st_rdev), devices[i].minor);
	}
}

TEST(open, dev_fd)
{
	int fd = dev("/dev/null", O_RDONLY), copy;
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	copy = dev(path, O_RDONLY);
	EXPECT_EQ(fstat(copy, &st), 0);
	EXPECT(S_ISCHR(st.st_mode));
	EXPECT_EQ(minor(st.st_rdev), 3);
}

TEST(open, dev_shm)
{
	char path[64];
	struct stat st;
	int fd;

	EXPECT_EQ(stat("/dev/shm", &st), 0);
	EXPECT(S_ISDIR(st.st_mode));
	EXPECT_EQ(st.st_mode & 01777, 01777);
	snprintf(path, sizeof(path), "/dev/shm/cloister-test-%d", (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	EXPECT(fd >= 0);
	EXPECT_EQ(unlink(path), 0);
	EXPECT_EQ(ftruncate(fd, 4096), 0);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
}

TEST(mknod, null_elsewhere)
{
	int fd;
	char c;

	if (geteuid())
		SKIP("needs root");
	EXPECT_EQ(mknod("null", S_IFCHR | 0666, makedev(1, 3)), 0);
	fd = open("null", O_RDWR);
	if (fd < 0 && errno == EACCES)
		SKIP("mounted nodev");
	EXPECT(fd >= 0);
	EXPECT_EQ(read(fd, &c, 1), 0);
	EXPECT_EQ(write(fd, "x", 1), 1);
	EXPECT_EQ(mknod("what", S_IFCHR | 0666, makedev(250, 250)), 0);
	EXPECT_ERR(open("what", O_RDWR), ENXIO);
}

TEST_MAIN
