/* SPDX-License-Identifier: Apache-2.0 */
/* Listing directories. */
#include "tests/syscall/test.h"

#include <dirent.h>
#include <sys/mman.h>

struct record64 {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

struct record {
	unsigned long ino, off;
	unsigned short len;
	char name[];
};

static void make(const char *name)
{
	EXPECT_OK(close(EXPECT_OK(open(name, O_CREAT | O_EXCL | O_WRONLY, 0644))));
}

static void make_many(const char *dir, int count)
{
	char name[64];

	EXPECT_OK(mkdir(dir, 0755));
	for (int n = 0; n < count; n++) {
		snprintf(name, sizeof(name), "%s/n%d", dir, n);
		make(name);
	}
}

TEST(getdents64, names_types_numbers)
{
	char b[4096];
	struct stat st;
	int fd, seen = 0;
	long n;

	EXPECT_OK(mkdir("d", 0755));
	make("d/file");
	EXPECT_OK(mkdir("d/dir", 0755));
	EXPECT_OK(symlink("x", "d/link"));
	EXPECT_OK(mkfifo("d/fifo", 0600));
	fd = EXPECT_OK(open("d", O_RDONLY | O_DIRECTORY));
	n = EXPECT_OK(syscall(SYS_getdents64, fd, b, sizeof(b)));
	for (long at = 0; at < n;) {
		struct record64 *r = (struct record64 *)(b + at);

		EXPECT(r->len % 8 == 0 && r->len > 19);
		EXPECT_OK(fstatat(fd, r->name, &st, AT_SYMLINK_NOFOLLOW));
		if (strcmp(r->name, ".."))
			EXPECT_EQ(r->ino, st.st_ino);
		EXPECT_EQ(r->type, (st.st_mode & S_IFMT) >> 12);
		seen++;
		at += r->len;
	}
	EXPECT_EQ(seen, 6);
	EXPECT_EQ(syscall(SYS_getdents64, fd, b, sizeof(b)), 0);
}

TEST(getdents64, errors)
{
	char b[4096];
	int fd = EXPECT_OK(open(".", O_RDONLY));

	make("f");
	EXPECT_ERR(syscall(SYS_getdents64, -1, b, sizeof(b)), EBADF);
	EXPECT_ERR(syscall(SYS_getdents64, EXPECT_OK(open("f", O_RDONLY)), b, sizeof(b)), ENOTDIR);
	EXPECT_ERR(syscall(SYS_getdents64, fd, b, 10), EINVAL);
	EXPECT_ERR(syscall(SYS_getdents64, fd,
			   mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096),
		   EFAULT);
	EXPECT(syscall(SYS_getdents64, fd, b, sizeof(b)) > 0);
	EXPECT_ERR(syscall(SYS_getdents64, EXPECT_OK(open(".", O_PATH)), b, sizeof(b)), EBADF);
}

TEST(getdents64, all_with_small_buffers)
{
	char b[120], seen[700] = { 0 };
	int fd, count = 0;
	long n;

	make_many("d", 700);
	fd = EXPECT_OK(open("d", O_RDONLY));
	while ((n = EXPECT_OK(syscall(SYS_getdents64, fd, b, sizeof(b)))) > 0) {
		for (long at = 0; at < n; at += ((struct record64 *)(b + at))->len) {
			const char *name = ((struct record64 *)(b + at))->name;

			if (name[0] == 'n') {
				EXPECT_EQ(seen[atoi(name + 1)]++, 0);
				count++;
			}
		}
	}
	EXPECT_EQ(count, 700);
}

TEST(getdents64, removed_while_listing)
{
	char name[300];
	struct dirent *e;
	DIR *d;
	int count = 0;

	make_many("d", 500);
	d = opendir("d");
	EXPECT(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != 'n')
			continue;
		snprintf(name, sizeof(name), "d/%s", e->d_name);
		EXPECT_OK(unlink(name));
		count++;
	}
	closedir(d);
	EXPECT_EQ(count, 500);
	EXPECT_OK(rmdir("d"));
}

TEST(getdents64, telldir_and_seekdir)
{
	char first[300];
	struct dirent *e;
	long position;
	DIR *d;

	make_many("d", 200);
	d = opendir("d");
	EXPECT(d);
	for (int n = 0; n < 100; n++)
		EXPECT(readdir(d));
	position = telldir(d);
	e = readdir(d);
	EXPECT(e);
	snprintf(first, sizeof(first), "%s", e->d_name);
	while (readdir(d))
		;
	seekdir(d, position);
	e = readdir(d);
	EXPECT(e);
	EXPECT_STR(e->d_name, first);
	rewinddir(d);
	e = readdir(d);
	EXPECT(e);
	closedir(d);
}

TEST(getdents64, of_a_removed_directory)
{
	char b[4096];
	int fd;

	EXPECT_OK(mkdir("d", 0755));
	fd = EXPECT_OK(open("d", O_RDONLY));
	EXPECT_OK(rmdir("d"));
	EXPECT_ERR(syscall(SYS_getdents64, fd, b, sizeof(b)), ENOENT);
}

TEST(getdents, old_records)
{
	char b[4096];
	int fd, seen = 0;
	long n;

	EXPECT_OK(mkdir("d", 0755));
	make("d/file");
	fd = EXPECT_OK(open("d", O_RDONLY));
	n = EXPECT_OK(syscall(SYS_getdents, fd, b, sizeof(b)));
	for (long at = 0; at < n;) {
		struct record *r = (struct record *)(b + at);

		if (!strcmp(r->name, "file")) {
			EXPECT_EQ(b[at + r->len - 1], DT_REG);
			seen++;
		}
		at += r->len;
	}
	EXPECT_EQ(seen, 1);
	EXPECT_ERR(syscall(SYS_getdents, -1, b, sizeof(b)), EBADF);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_ERR(syscall(SYS_getdents, fd, b, 5), EINVAL);
}

TEST(lseek, directory_rewinds)
{
	char a[4096] = { 0 }, b[4096] = { 0 };
	int fd;
	long n;

	make_many("d", 20);
	fd = EXPECT_OK(open("d", O_RDONLY));
	n = EXPECT_OK(syscall(SYS_getdents64, fd, a, sizeof(a)));
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(syscall(SYS_getdents64, fd, b, sizeof(b)), n);
	EXPECT(!memcmp(a, b, (size_t)n));
}

TEST(mkdir, deep_trees)
{
	struct stat st;

	for (int n = 0; n < 300; n++) {
		EXPECT_OK(mkdir("deep", 0755));
		EXPECT_OK(chdir("deep"));
	}
	for (int n = 0; n < 300; n++) {
		EXPECT_OK(chdir(".."));
		EXPECT_OK(rmdir("deep"));
	}
	EXPECT_ERR(stat("deep", &st), ENOENT);
}

static void churn(void)
{
	char a[32], b[32];

	for (int n = 0; n < 300; n++) {
		snprintf(a, sizeof(a), "r%d/x", n % 3);
		snprintf(b, sizeof(b), "r%d/x", (n + 1) % 3);
		(void)!mkdir(a, 0755);
		(void)!rename(a, b);
		snprintf(a, sizeof(a), "r%d/x/y", (n + 1) % 3);
		(void)!mkdir(a, 0755);
		(void)!rmdir(a);
		(void)!rmdir(b);
	}
}

TEST(rename, concurrent_directories)
{
	int status;

	EXPECT_OK(mkdir("r0", 0755));
	EXPECT_OK(mkdir("r1", 0755));
	EXPECT_OK(mkdir("r2", 0755));
	for (int n = 0; n < 3; n++) {
		if (!fork()) {
			churn();
			_exit(0);
		}
	}
	for (int n = 0; n < 3; n++) {
		EXPECT(wait(&status) > 0);
		EXPECT_EQ(status, 0);
	}
	for (int n = 0; n < 3; n++) {
		char x[32];

		snprintf(x, sizeof(x), "r%d/x/y", n);
		rmdir(x);
		snprintf(x, sizeof(x), "r%d/x", n);
		rmdir(x);
		snprintf(x, sizeof(x), "r%d", n);
		EXPECT_OK(rmdir(x));
	}
}

TEST_MAIN
