/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes. The working folder's file system may have none of the user name space: then these skip. */
#include "tests/syscall/test.h"

#include <sys/xattr.h>

/* Not known to the compiler, which would warn. */
static void *volatile bad = (void *)8;

static void make_file(void)
{
	int fd = EXPECT_OK(open("f", O_RDWR | O_CREAT, 0644));

	if (setxattr("f", "user.probe", "x", 1, 0) && errno == EOPNOTSUPP)
		SKIP("no user attributes on this file system");
	EXPECT_EQ(removexattr("f", "user.probe"), 0);
	close(fd);
}

TEST(setxattr, get_and_replace)
{
	char value[16];

	make_file();
	EXPECT_EQ(setxattr("f", "user.a", "hello", 5, 0), 0);
	EXPECT_EQ(getxattr("f", "user.a", value, sizeof(value)), 5);
	EXPECT(!memcmp(value, "hello", 5));
	EXPECT_EQ(setxattr("f", "user.a", "hi", 2, 0), 0);
	EXPECT_EQ(getxattr("f", "user.a", value, sizeof(value)), 2);
	EXPECT(!memcmp(value, "hi", 2));
	EXPECT_EQ(setxattr("f", "user.a", NULL, 0, 0), 0);
	EXPECT_EQ(getxattr("f", "user.a", value, sizeof(value)), 0);
}

TEST(setxattr, create_and_replace_flags)
{
	make_file();
	EXPECT_ERR(setxattr("f", "user.a", "1", 1, XATTR_REPLACE), ENODATA);
	EXPECT_EQ(setxattr("f", "user.a", "1", 1, XATTR_CREATE), 0);
	EXPECT_ERR(setxattr("f", "user.a", "2", 1, XATTR_CREATE), EEXIST);
	EXPECT_EQ(setxattr("f", "user.a", "2", 1, XATTR_REPLACE), 0);
	EXPECT_ERR(setxattr("f", "user.a", "2", 1, 8), EINVAL);
}

TEST(setxattr, errors)
{
	static char long_name[300] = "user.";
	static char big[65537];

	make_file();
	memset(long_name + 5, 'n', sizeof(long_name) - 6);
	EXPECT_ERR(setxattr("none", "user.a", "1", 1, 0), ENOENT);
	EXPECT_ERR(setxattr("f", "", "1", 1, 0), ERANGE);
	EXPECT_ERR(setxattr("f", long_name, "1", 1, 0), ERANGE);
	EXPECT_ERR(setxattr("f", "bare", "1", 1, 0), EOPNOTSUPP);
	EXPECT_ERR(setxattr("f", "user.", "1", 1, 0), EINVAL);
	EXPECT_ERR(setxattr("f", "user.a", big, sizeof(big), 0), E2BIG);
	EXPECT_ERR(setxattr("f", "user.a", bad, 1, 0), EFAULT);
	EXPECT_ERR(setxattr("f", bad, "1", 1, 0), EFAULT);
	EXPECT_ERR(setxattr(bad, "user.a", "1", 1, 0), EFAULT);
}

TEST(setxattr, follows_links)
{
	char value[8];

	make_file();
	EXPECT_EQ(symlink("f", "l"), 0);
	EXPECT_EQ(setxattr("l", "user.a", "1", 1, 0), 0);
	EXPECT_EQ(getxattr("f", "user.a", value, sizeof(value)), 1);
	EXPECT_EQ(getxattr("l", "user.a", value, sizeof(value)), 1);
}

TEST(lsetxattr, link_itself_takes_no_user_attribute)
{
	make_file();
	EXPECT_EQ(symlink("f", "l"), 0);
	EXPECT_ERR(lsetxattr("l", "user.a", "1", 1, 0), EPERM);
	EXPECT_EQ(lsetxattr("f", "user.a", "1", 1, 0), 0);
}

TEST(fsetxattr, by_descriptor)
{
	char value[8];
	int fd, path;

	make_file();
	fd = EXPECT_OK(open("f", O_RDONLY));
	path = EXPECT_OK(open("f", O_PATH));
	EXPECT_EQ(fsetxattr(fd, "user.a", "12", 2, 0), 0);
	EXPECT_EQ(fgetxattr(fd, "user.a", value, sizeof(value)), 2);
	EXPECT_ERR(fsetxattr(-1, "user.a", "12", 2, 0), EBADF);
	EXPECT_ERR(fsetxattr(path, "user.a", "12", 2, 0), EBADF);
}

TEST(getxattr, sizes)
{
	char value[8];

	make_file();
	EXPECT_EQ(setxattr("f", "user.a", "12345", 5, 0), 0);
	EXPECT_EQ(getxattr("f", "user.a", NULL, 0), 5);
	EXPECT_ERR(getxattr("f", "user.a", value, 4), ERANGE);
	EXPECT_ERR(getxattr("f", "user.b", value, 8), ENODATA);
	EXPECT_ERR(getxattr("none", "user.b", value, 8), ENOENT);
	EXPECT_ERR(getxattr("f", "user.a", bad, 8), EFAULT);
	EXPECT_ERR(getxattr("f", "nothing.a", value, 8), EOPNOTSUPP);
}

TEST(lgetxattr, does_not_follow)
{
	char value[8];

	make_file();
	EXPECT_EQ(symlink("f", "l"), 0);
	EXPECT_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	EXPECT_EQ(lgetxattr("f", "user.a", value, 8), 1);
	EXPECT_ERR(lgetxattr("l", "user.a", value, 8), ENODATA);
}

TEST(fgetxattr, errors)
{
	char value[8];
	int fd;

	make_file();
	fd = EXPECT_OK(open("f", O_RDONLY));
	EXPECT_ERR(fgetxattr(fd, "user.a", value, 8), ENODATA);
	EXPECT_ERR(fgetxattr(-1, "user.a", value, 8), EBADF);
}

/* Is the name in a list as listxattr gives it? */
static bool listed(const char *list, ssize_t size, const char *name)
{
	for (const char *s = list; s < list + size; s += strlen(s) + 1)
		if (!strcmp(s, name))
			return true;
	return false;
}

TEST(listxattr, names)
{
	char list[256];
	ssize_t size;

	make_file();
	EXPECT_EQ(setxattr("f", "user.one", "1", 1, 0), 0);
	EXPECT_EQ(setxattr("f", "user.two", "2", 1, 0), 0);
	size = EXPECT_OK(listxattr("f", NULL, 0));
	EXPECT(size >= 18);
	EXPECT_EQ(listxattr("f", list, sizeof(list)), size);
	EXPECT(listed(list, size, "user.one"));
	EXPECT(listed(list, size, "user.two"));
	EXPECT(!listed(list, size, "user.three"));
	EXPECT_ERR(listxattr("f", list, 3), ERANGE);
	EXPECT_ERR(listxattr("none", list, 3), ENOENT);
}

TEST(llistxattr, link_itself)
{
	char list[256];

	make_file();
	EXPECT_EQ(symlink("f", "l"), 0);
	EXPECT_EQ(setxattr("f", "user.one", "1", 1, 0), 0);
	EXPECT(!listed(list, EXPECT_OK(llistxattr("l", list, sizeof(list))), "user.one"));
	EXPECT(listed(list, EXPECT_OK(llistxattr("f", list, sizeof(list))), "user.one"));
	EXPECT(listed(list, EXPECT_OK(listxattr("l", list, sizeof(list))), "user.one"));
}

TEST(flistxattr, by_descriptor)
{
	char list[256];
	int fd;

	make_file();
	fd = EXPECT_OK(open("f", O_RDONLY));
	EXPECT_EQ(setxattr("f", "user.one", "1", 1, 0), 0);
	EXPECT(listed(list, EXPECT_OK(flistxattr(fd, list, sizeof(list))), "user.one"));
	EXPECT_ERR(flistxattr(-1, list, sizeof(list)), EBADF);
}

TEST(removexattr, removes)
{
	char value[8];

	make_file();
	EXPECT_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	EXPECT_EQ(removexattr("f", "user.a"), 0);
	EXPECT_ERR(getxattr("f", "user.a", value, 8), ENODATA);
	EXPECT_ERR(removexattr("f", "user.a"), ENODATA);
	EXPECT_ERR(removexattr("none", "user.a"), ENOENT);
	EXPECT_ERR(removexattr("f", "bare"), EOPNOTSUPP);
}

TEST(lremovexattr, link_itself)
{
	make_file();
	EXPECT_EQ(symlink("f", "l"), 0);
	EXPECT_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	EXPECT_ERR(lremovexattr("l", "user.a"), EPERM);
	EXPECT_EQ(lremovexattr("f", "user.a"), 0);
}

TEST(fremovexattr, by_descriptor)
{
	int fd;

	make_file();
	fd = EXPECT_OK(open("f", O_RDONLY));
	EXPECT_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	EXPECT_EQ(fremovexattr(fd, "user.a"), 0);
	EXPECT_ERR(fremovexattr(fd, "user.a"), ENODATA);
	EXPECT_ERR(fremovexattr(-1, "user.a"), EBADF);
}

TEST(setxattr, permissions)
{
	char value[8];

	if (geteuid())
		SKIP("needs root");
	make_file();
	EXPECT_EQ(chmod("f", 0644), 0);
	EXPECT_EQ(chmod(".", 0711), 0);
	EXPECT_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	EXPECT_EQ(setxattr("f", "trusted.t", "1", 1, 0), 0);
	EXPECT_EQ(seteuid(65534), 0);
	EXPECT_EQ(getxattr("f", "user.a", value, 8), 1);
	EXPECT_ERR(setxattr("f", "user.a", "2", 1, 0), EACCES);
	EXPECT_ERR(setxattr("f", "trusted.t", "2", 1, 0), EPERM);
	EXPECT_ERR(getxattr("f", "trusted.t", value, 8), ENODATA);
	EXPECT_ERR(setxattr("f", "security.other", "2", 1, 0), EPERM);
}

TEST(setxattr, directory)
{
	char value[8];

	make_file();
	EXPECT_EQ(mkdir("d", 0755), 0);
	EXPECT_EQ(setxattr("d", "user.a", "1", 1, 0), 0);
	EXPECT_EQ(getxattr("d", "user.a", value, 8), 1);
	EXPECT_EQ(mkfifo("p", 0644), 0);
	EXPECT_ERR(setxattr("p", "user.a", "1", 1, 0), EPERM);
	EXPECT_ERR(getxattr("p", "user.a", value, 8), ENODATA);
}

TEST_MAIN
