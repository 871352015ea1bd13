/* SPDX-License-Identifier: Apache-2.0 */
/* Names and attributes: stat, access, links, rename, permissions, owners, times, mounts, the working directory. */
#include "tests/syscall/test.h"

#include <linux/fs.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <utime.h>

#define ORDINARY 65534

static void make(const char *name)
{
	EXPECT_OK(close(EXPECT_OK(open(name, O_CREAT | O_EXCL | O_WRONLY, 0644))));
}

static void *bad_pointer(void)
{
	void *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

/* From here on an ordinary user, who owns the working directory. */
static void be_ordinary(void)
{
	if (geteuid())
		return;
	EXPECT_OK(chown(".", ORDINARY, ORDINARY));
	EXPECT_OK(setresgid(ORDINARY, ORDINARY, ORDINARY));
	EXPECT_OK(setresuid(ORDINARY, ORDINARY, ORDINARY));
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	EXPECT_OK(lstat(name, &st));
	return st.st_mode;
}

static long links_of(const char *name)
{
	struct stat st;

	EXPECT_OK(lstat(name, &st));
	return (long)st.st_nlink;
}

/* --- stat ------------------------------------------------------------------------------------------------------------ */

TEST(stat, fields_and_errors)
{
	struct stat st, l;
	char name[300];

	make("f");
	EXPECT_OK(syscall(SYS_stat, "f", &st));
	EXPECT(S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_ino && st.st_blksize > 0);
	EXPECT_EQ(st.st_uid, geteuid());
	EXPECT_OK(symlink("f", "l"));
	EXPECT_OK(syscall(SYS_stat, "l", &l));
	EXPECT_EQ(l.st_ino, st.st_ino);
	EXPECT_ERR(syscall(SYS_stat, "none", &st), ENOENT);
	EXPECT_ERR(syscall(SYS_stat, "", &st), ENOENT);
	EXPECT_ERR(syscall(SYS_stat, "f/x", &st), ENOTDIR);
	EXPECT_ERR(syscall(SYS_stat, "f/", &st), ENOTDIR);
	EXPECT_ERR(syscall(SYS_stat, bad_pointer(), &st), EFAULT);
	EXPECT_ERR(syscall(SYS_stat, "f", bad_pointer()), EFAULT);
	memset(name, 'a', sizeof(name));
	name[256] = 0;
	EXPECT_ERR(syscall(SYS_stat, name, &st), ENAMETOOLONG);
	name[255] = 0;
	EXPECT_ERR(syscall(SYS_stat, name, &st), ENOENT);
}

TEST(stat, path_length)
{
	struct stat st;
	char name[4200];

	memset(name, '/', sizeof(name));
	name[4094] = '.';
	name[4095] = 0;
	EXPECT_OK(stat(name, &st));
	name[4095] = '.';
	name[4096] = 0;
	EXPECT_ERR(stat(name, &st), ENAMETOOLONG);
}

TEST(stat, dots_and_slashes)
{
	struct stat a, b;

	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(mkdir("d/e", 0755));
	EXPECT_OK(stat("d", &a));
	EXPECT_OK(stat(".//d/././e/..//", &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
	EXPECT_OK(stat("/", &a));
	EXPECT_OK(stat("/..", &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
	EXPECT_OK(stat("/../../.././..", &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
}

TEST(fstat, open_and_deleted)
{
	struct stat st;
	int fd = EXPECT_OK(open("f", O_CREAT | O_RDWR, 0600)), p[2];

	EXPECT_OK(unlink("f"));
	EXPECT_OK(syscall(SYS_fstat, fd, &st));
	EXPECT_EQ(st.st_nlink, 0);
	EXPECT_OK(pipe(p));
	EXPECT_OK(syscall(SYS_fstat, p[0], &st));
	EXPECT(S_ISFIFO(st.st_mode));
	EXPECT_ERR(syscall(SYS_fstat, -1, &st), EBADF);
	EXPECT_ERR(syscall(SYS_fstat, fd, bad_pointer()), EFAULT);
}

TEST(lstat, sees_the_link)
{
	struct stat st;

	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(symlink("d", "l"));
	EXPECT_OK(syscall(SYS_lstat, "l", &st));
	EXPECT(S_ISLNK(st.st_mode));
	EXPECT_EQ(st.st_size, 1);
	EXPECT_OK(syscall(SYS_lstat, "l/", &st));
	EXPECT(S_ISDIR(st.st_mode));
	EXPECT_ERR(syscall(SYS_lstat, "none", &st), ENOENT);
}

TEST(newfstatat, flags)
{
	struct stat st;
	int dir;

	EXPECT_OK(mkdir("d", 0755));
	make("d/f");
	EXPECT_OK(symlink("f", "d/l"));
	dir = EXPECT_OK(open("d", O_RDONLY));
	EXPECT_OK(syscall(SYS_newfstatat, dir, "l", &st, 0));
	EXPECT(S_ISREG(st.st_mode));
	EXPECT_OK(syscall(SYS_newfstatat, dir, "l", &st, AT_SYMLINK_NOFOLLOW));
	EXPECT(S_ISLNK(st.st_mode));
	EXPECT_OK(syscall(SYS_newfstatat, dir, "", &st, AT_EMPTY_PATH));
	EXPECT(S_ISDIR(st.st_mode));
	EXPECT_OK(syscall(SYS_newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH));
	EXPECT_ERR(syscall(SYS_newfstatat, dir, "", &st, 0), ENOENT);
	EXPECT_ERR(syscall(SYS_newfstatat, dir, "f", &st, 0x40000000), EINVAL);
	EXPECT_ERR(syscall(SYS_newfstatat, 999, "f", &st, 0), EBADF);
	EXPECT_ERR(syscall(SYS_newfstatat, EXPECT_OK(open("d/f", O_RDONLY)), "f", &st, 0), ENOTDIR);
}

static long statx_(int dir, const char *name, int flags, unsigned int mask, struct statx *to)
{
	return syscall(SYS_statx, dir, name, flags, mask, to);
}

TEST(statx, fields)
{
	struct statx x;
	struct stat st;

	make("f");
	EXPECT_OK(stat("f", &st));
	EXPECT_OK(statx_(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
	EXPECT_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	EXPECT_EQ(x.stx_ino, st.st_ino);
	EXPECT_EQ(x.stx_mode, st.st_mode);
	EXPECT_EQ(makedev(x.stx_dev_major, x.stx_dev_minor), st.st_dev);
	EXPECT_EQ(x.stx_mtime.tv_sec, st.st_mtim.tv_sec);
	EXPECT_EQ(x.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
	EXPECT_OK(statx_(EXPECT_OK(open("f", O_RDONLY)), "", AT_EMPTY_PATH, STATX_ALL, &x));
	EXPECT_ERR(statx_(AT_FDCWD, "f", 0x40000000, 0, &x), EINVAL);
	EXPECT_ERR(statx_(AT_FDCWD, "f", 0, 0x80000000u, &x), EINVAL);
	EXPECT_ERR(statx_(AT_FDCWD, "none", 0, 0, &x), ENOENT);
	EXPECT_ERR(statx_(AT_FDCWD, "f", 0, 0, bad_pointer()), EFAULT);
}

TEST(statfs, root_and_errors)
{
	struct statfs a, b;

	EXPECT_OK(statfs(".", &a));
	EXPECT(a.f_bsize > 0 && a.f_namelen >= 255);
	EXPECT_OK(fstatfs(EXPECT_OK(open(".", O_RDONLY)), &b));
	EXPECT_EQ(a.f_type, b.f_type);
	EXPECT_OK(statfs("/proc", &a));
	EXPECT_EQ(a.f_type, 0x9fa0);
	EXPECT_ERR(statfs("none", &a), ENOENT);
	EXPECT_ERR(statfs(".", bad_pointer()), EFAULT);
}

TEST(fstatfs, errors)
{
	struct statfs s;

	EXPECT_ERR(fstatfs(-1, &s), EBADF);
	EXPECT_OK(fstatfs(EXPECT_OK(open(".", O_PATH)), &s));
}

/* --- access and permissions ----------------------------------------------------------------------------------------------- */

TEST(access, as_ordinary_user)
{
	be_ordinary();
	make("f");
	EXPECT_OK(chmod("f", 0400));
	EXPECT_OK(access("f", F_OK));
	EXPECT_OK(access("f", R_OK));
	EXPECT_ERR(access("f", W_OK), EACCES);
	EXPECT_ERR(access("f", X_OK), EACCES);
	EXPECT_ERR(access("f", R_OK | W_OK), EACCES);
	EXPECT_ERR(access("none", F_OK), ENOENT);
	EXPECT_ERR(access("f", 8), EINVAL);
	EXPECT_OK(mkdir("d", 0700));
	make("d/x");
	EXPECT_OK(chmod("d", 0600));
	EXPECT_ERR(access("d/x", F_OK), EACCES);
	EXPECT_OK(chmod("d", 0700));
}

TEST(access, as_root)
{
	if (geteuid())
		SKIP("needs root");
	make("f");
	EXPECT_OK(chmod("f", 0));
	EXPECT_OK(access("f", R_OK | W_OK));
	EXPECT_ERR(access("f", X_OK), EACCES);
	EXPECT_OK(chmod("f", 0001));
	EXPECT_OK(access("f", X_OK));
	/* Real ids count here, effective ones for opening. */
	EXPECT_OK(chmod("f", 0600));
	EXPECT_OK(setresuid(ORDINARY, 0, 0));
	EXPECT_ERR(access("f", R_OK), EACCES);
	EXPECT_OK(open("f", O_RDONLY));
	EXPECT_OK(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
}

TEST(faccessat, relative)
{
	int dir;

	EXPECT_OK(mkdir("d", 0755));
	make("d/f");
	dir = EXPECT_OK(open("d", O_RDONLY));
	EXPECT_OK(syscall(SYS_faccessat, dir, "f", R_OK));
	EXPECT_ERR(syscall(SYS_faccessat, dir, "g", R_OK), ENOENT);
	EXPECT_ERR(syscall(SYS_faccessat, 999, "f", R_OK), EBADF);
	EXPECT_ERR(syscall(SYS_faccessat, dir, "f", 16), EINVAL);
}

TEST(faccessat2, flags)
{
	EXPECT_OK(symlink("none", "l"));
	EXPECT_ERR(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, 0), ENOENT);
	EXPECT_OK(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
	EXPECT_OK(syscall(SYS_faccessat2, AT_FDCWD, "", F_OK, AT_EMPTY_PATH));
	EXPECT_OK(syscall(SYS_faccessat2, AT_FDCWD, ".", W_OK, AT_EACCESS));
	EXPECT_ERR(syscall(SYS_faccessat2, AT_FDCWD, ".", F_OK, 0x40000000), EINVAL);
}

TEST(open, permissions)
{
	be_ordinary();
	make("f");
	EXPECT_OK(chmod("f", 0200));
	EXPECT_ERR(open("f", O_RDONLY), EACCES);
	EXPECT_OK(open("f", O_WRONLY));
	EXPECT_ERR(open("f", O_RDWR), EACCES);
	EXPECT_OK(chmod("f", 0400));
	EXPECT_ERR(open("f", O_RDONLY | O_TRUNC), EACCES);
	/* What O_CREAT makes may be used whatever its mode says. */
	EXPECT_OK(open("g", O_CREAT | O_RDWR, 0));
	EXPECT_ERR(open("g", O_CREAT | O_RDWR, 0), EACCES);
	EXPECT_OK(mkdir("d", 0500));
	EXPECT_ERR(open("d/f", O_CREAT | O_RDWR, 0600), EACCES);
	EXPECT_ERR(mkdir("d/d", 0700), EACCES);
	EXPECT_OK(mkdir("h", 0300));
	EXPECT_OK(open("h/f", O_CREAT | O_RDWR, 0600));
	EXPECT_ERR(open("h", O_RDONLY), EACCES);
	EXPECT_OK(chmod("d", 0700));
	EXPECT_OK(chmod("h", 0700));
}

TEST(unlink, sticky_directory)
{
	if (geteuid())
		SKIP("needs root");
	EXPECT_OK(mkdir("s", 0777));
	EXPECT_OK(chmod("s", 01777));
	EXPECT_OK(chmod(".", 0755));
	make("s/roots");
	EXPECT_OK(setresgid(ORDINARY, ORDINARY, ORDINARY));
	EXPECT_OK(setresuid(ORDINARY, ORDINARY, ORDINARY));
	EXPECT_ERR(unlink("s/roots"), EPERM);
	EXPECT_ERR(rename("s/roots", "s/mine"), EPERM);
	make("s/mine");
	EXPECT_ERR(rename("s/mine", "s/roots"), EPERM);
	EXPECT_OK(unlink("s/mine"));
}

TEST(chmod, bits_and_rights)
{
	make("f");
	EXPECT_OK(syscall(SYS_chmod, "f", 07777));
	EXPECT_OK(syscall(SYS_chmod, "f", 0640));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0640);
	EXPECT_ERR(syscall(SYS_chmod, "none", 0600), ENOENT);
	EXPECT_OK(symlink("f", "l"));
	EXPECT_OK(syscall(SYS_chmod, "l", 0600));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0600);
	if (!geteuid()) {
		EXPECT_OK(chmod(".", 0777));
		EXPECT_OK(setresuid(ORDINARY, ORDINARY, ORDINARY));
		EXPECT_ERR(syscall(SYS_chmod, "f", 0666), EPERM);
	}
}

TEST(fchmod, descriptor)
{
	int fd = EXPECT_OK(open("f", O_CREAT | O_RDONLY, 0600));

	EXPECT_OK(fchmod(fd, 0444));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0444);
	EXPECT_ERR(fchmod(-1, 0), EBADF);
}

TEST(fchmodat, relative)
{
	int dir = EXPECT_OK(open(".", O_RDONLY));

	make("f");
	EXPECT_OK(syscall(SYS_fchmodat, dir, "f", 0600));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0600);
	EXPECT_ERR(syscall(SYS_fchmodat, 999, "f", 0600), EBADF);
	EXPECT_ERR(syscall(SYS_fchmodat, dir, "g", 0600), ENOENT);
}

TEST(chown, changes_and_clears_set_id)
{
	struct stat st;

	make("f");
	EXPECT_OK(syscall(SYS_chown, "f", -1, -1));
	EXPECT_ERR(syscall(SYS_chown, "none", -1, -1), ENOENT);
	if (!geteuid()) {
		EXPECT_OK(chmod("f", 06755));
		EXPECT_OK(syscall(SYS_chown, "f", 5, -1));
		EXPECT_OK(stat("f", &st));
		EXPECT(st.st_uid == 5 && st.st_gid == 0);
		EXPECT_EQ(st.st_mode & 07777, 0755);
		EXPECT_OK(chmod(".", 0777));
		EXPECT_OK(setresuid(ORDINARY, ORDINARY, ORDINARY));
	}
	EXPECT_ERR(syscall(SYS_chown, "f", 7, -1), EPERM);
}

TEST(lchown, the_link_itself)
{
	struct stat st;

	EXPECT_OK(symlink("nowhere", "l"));
	EXPECT_OK(syscall(SYS_lchown, "l", geteuid(), getegid()));
	EXPECT_ERR(syscall(SYS_chown, "l", geteuid(), -1), ENOENT);
	if (geteuid())
		return;
	EXPECT_OK(syscall(SYS_lchown, "l", 5, 6));
	EXPECT_OK(lstat("l", &st));
	EXPECT(st.st_uid == 5 && st.st_gid == 6);
}

TEST(fchown, descriptor)
{
	EXPECT_OK(fchown(EXPECT_OK(open("f", O_CREAT | O_RDONLY, 0600)), geteuid(), getegid()));
	EXPECT_ERR(fchown(-1, 0, 0), EBADF);
	EXPECT_ERR(fchown(EXPECT_OK(open("f", O_PATH)), geteuid(), -1), EBADF);
}

TEST(fchownat, flags)
{
	int fd = EXPECT_OK(open("f", O_CREAT | O_RDONLY, 0600));

	EXPECT_OK(symlink("none", "l"));
	EXPECT_OK(fchownat(AT_FDCWD, "l", geteuid(), -1, AT_SYMLINK_NOFOLLOW));
	EXPECT_ERR(fchownat(AT_FDCWD, "l", geteuid(), -1, 0), ENOENT);
	EXPECT_OK(fchownat(fd, "", geteuid(), -1, AT_EMPTY_PATH));
	EXPECT_ERR(fchownat(fd, "", geteuid(), -1, 0), ENOENT);
	EXPECT_ERR(fchownat(AT_FDCWD, "f", -1, -1, 0x40000000), EINVAL);
}

TEST(umask, masks_and_returns)
{
	EXPECT_OK(umask(0));
	EXPECT_EQ(umask(07077), 0);
	EXPECT_EQ(umask(022), 077);
	EXPECT_OK(mkdir("d", 0777));
	EXPECT_EQ(mode_of("d"), S_IFDIR | 0755);
}

/* --- making and removing ---------------------------------------------------------------------------------------------- */

TEST(mkdir, links_and_errors)
{
	long before = links_of(".");

	EXPECT_OK(syscall(SYS_mkdir, "d", 01777));
	EXPECT(mode_of("d") & S_ISVTX);
	EXPECT(links_of(".") == before + 1 || links_of(".") == 1);
	EXPECT_OK(syscall(SYS_mkdir, "e/", 0755));
	EXPECT_ERR(syscall(SYS_mkdir, "d", 0755), EEXIST);
	EXPECT_ERR(syscall(SYS_mkdir, "/", 0755), EEXIST);
	EXPECT_ERR(syscall(SYS_mkdir, ".", 0755), EEXIST);
	EXPECT_ERR(syscall(SYS_mkdir, "none/d", 0755), ENOENT);
	EXPECT_ERR(syscall(SYS_mkdir, "", 0755), ENOENT);
	make("f");
	EXPECT_ERR(syscall(SYS_mkdir, "f/d", 0755), ENOTDIR);
	EXPECT_OK(symlink("nowhere", "l"));
	EXPECT_ERR(syscall(SYS_mkdir, "l", 0755), EEXIST);
}

TEST(mkdir, set_group_id_is_inherited)
{
	struct stat st;

	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(chmod("d", 02755));
	if (!geteuid())
		EXPECT_OK(chown("d", 0, 33));
	EXPECT_OK(mkdir("d/e", 0755));
	EXPECT(mode_of("d/e") & S_ISGID);
	make("d/f");
	if (!geteuid()) {
		EXPECT_OK(stat("d/f", &st));
		EXPECT_EQ(st.st_gid, 33);
	}
}

TEST(mkdirat, relative)
{
	int dir;

	EXPECT_OK(mkdir("d", 0755));
	dir = EXPECT_OK(open("d", O_RDONLY));
	EXPECT_OK(mkdirat(dir, "e", 0755));
	EXPECT(S_ISDIR(mode_of("d/e")));
	EXPECT_ERR(mkdirat(999, "x", 0755), EBADF);
}

TEST(rmdir, only_empty_directories)
{
	make("f");
	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(mkdir("d/e", 0755));
	EXPECT_ERR(syscall(SYS_rmdir, "d"), ENOTEMPTY);
	EXPECT_ERR(syscall(SYS_rmdir, "f"), ENOTDIR);
	EXPECT_ERR(syscall(SYS_rmdir, "none"), ENOENT);
	EXPECT_ERR(syscall(SYS_rmdir, "d/."), EINVAL);
	EXPECT_ERR(syscall(SYS_rmdir, "d/e/.."), ENOTEMPTY);
	EXPECT_ERR(syscall(SYS_rmdir, "/"), EBUSY);
	EXPECT_OK(syscall(SYS_rmdir, "d/e/"));
	EXPECT_OK(syscall(SYS_rmdir, "d"));
}

TEST(rmdir, of_the_working_directory)
{
	char b[200];

	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(chdir("d"));
	EXPECT_OK(rmdir("../d"));
	EXPECT_ERR(open("f", O_CREAT | O_RDWR, 0600), ENOENT);
	EXPECT_ERR(mkdir("e", 0700), ENOENT);
	EXPECT_ERR(syscall(SYS_getcwd, b, sizeof(b)), ENOENT);
	EXPECT_OK(chdir(".."));
}

TEST(unlink, errors)
{
	EXPECT_OK(mkdir("d", 0755));
	make("f");
	EXPECT_ERR(syscall(SYS_unlink, "d"), EISDIR);
	EXPECT_ERR(syscall(SYS_unlink, "none"), ENOENT);
	EXPECT_ERR(syscall(SYS_unlink, "f/"), ENOTDIR);
	EXPECT_ERR(syscall(SYS_unlink, ""), ENOENT);
	EXPECT_OK(symlink("d", "l"));
	EXPECT_OK(syscall(SYS_unlink, "l"));
	EXPECT_OK(syscall(SYS_unlink, "f"));
	EXPECT_ERR(syscall(SYS_unlink, "f"), ENOENT);
}

TEST(unlinkat, both_kinds)
{
	int dir = EXPECT_OK(open(".", O_RDONLY));

	EXPECT_OK(mkdir("d", 0755));
	make("f");
	EXPECT_ERR(unlinkat(dir, "d", 0), EISDIR);
	EXPECT_ERR(unlinkat(dir, "f", AT_REMOVEDIR), ENOTDIR);
	EXPECT_ERR(unlinkat(dir, "f", 0x40000000), EINVAL);
	EXPECT_ERR(unlinkat(999, "f", 0), EBADF);
	EXPECT_OK(unlinkat(dir, "d", AT_REMOVEDIR));
	EXPECT_OK(unlinkat(dir, "f", 0));
}

TEST(mknod, kinds)
{
	EXPECT_OK(syscall(SYS_mknod, "f", 0644, 0));
	EXPECT(S_ISREG(mode_of("f")));
	EXPECT_OK(syscall(SYS_mknod, "p", S_IFIFO | 0600, 0));
	EXPECT(S_ISFIFO(mode_of("p")));
	EXPECT_OK(syscall(SYS_mknod, "s", S_IFSOCK | 0600, 0));
	EXPECT_ERR(open("s", O_RDWR), ENXIO);
	EXPECT_ERR(syscall(SYS_mknod, "f", 0644, 0), EEXIST);
	EXPECT_ERR(syscall(SYS_mknod, "d", S_IFDIR | 0755, 0), EPERM);
	EXPECT_ERR(syscall(SYS_mknod, "x", S_IFLNK | 0755, 0), EINVAL);
	if (geteuid())
		EXPECT_ERR(syscall(SYS_mknod, "c", S_IFCHR | 0600, makedev(1, 3)), EPERM);
}

TEST(mknodat, device)
{
	struct stat st;
	char b = 1;
	int fd;

	EXPECT_ERR(mknodat(999, "x", S_IFIFO | 0600, 0), EBADF);
	if (mknodat(AT_FDCWD, "zero", S_IFCHR | 0600, makedev(1, 5)) < 0 && errno == EPERM)
		SKIP("may not make devices");
	EXPECT_OK(stat("zero", &st));
	EXPECT_EQ(st.st_rdev, makedev(1, 5));
	fd = open("zero", O_RDONLY);
	if (fd < 0 && errno == EACCES)
		SKIP("mounted nodev");
	EXPECT_EQ(read(fd, &b, 1), 1);
	EXPECT_EQ(b, 0);
}

TEST(symlink, any_text)
{
	char b[64];

	EXPECT_OK(syscall(SYS_symlink, "any/thing at all", "l"));
	EXPECT_EQ(readlink("l", b, sizeof(b)), 16);
	EXPECT(!memcmp(b, "any/thing at all", 16));
	EXPECT_ERR(syscall(SYS_symlink, "x", "l"), EEXIST);
	EXPECT_ERR(syscall(SYS_symlink, "", "m"), ENOENT);
	EXPECT_ERR(syscall(SYS_symlink, "x", ""), ENOENT);
	EXPECT_ERR(syscall(SYS_symlink, "x", "none/l"), ENOENT);
	EXPECT_ERR(syscall(SYS_symlink, "x", "m/"), ENOENT);
}

TEST(symlinkat, relative)
{
	int dir = EXPECT_OK(open(".", O_RDONLY));

	EXPECT_OK(symlinkat("x", dir, "l"));
	EXPECT(S_ISLNK(mode_of("l")));
	EXPECT_ERR(symlinkat("x", 999, "m"), EBADF);
}

TEST(symlink, chains_of_forty)
{
	char a[16], b[16];
	struct stat st;

	make("l0");
	for (int n = 1; n <= 41; n++) {
		snprintf(a, sizeof(a), "l%d", n - 1);
		snprintf(b, sizeof(b), "l%d", n);
		EXPECT_OK(symlink(a, b));
	}
	EXPECT_OK(stat("l40", &st));
	EXPECT_ERR(stat("l41", &st), ELOOP);
}

TEST(symlink, in_the_middle)
{
	struct stat st;

	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(mkdir("d/e", 0755));
	make("d/e/f");
	EXPECT_OK(symlink("d/e/", "l"));
	EXPECT_OK(symlink("l", "m"));
	EXPECT_OK(stat("m/f", &st));
	EXPECT_OK(stat("m/../e/f", &st));
	EXPECT_OK(stat("m/../../m/f", &st));
	EXPECT_ERR(stat("m/f/", &st), ENOTDIR);
}

TEST(readlink, truncates_silently)
{
	char b[4] = "zzz";

	EXPECT_OK(symlink("abcdef", "l"));
	make("f");
	EXPECT_EQ(syscall(SYS_readlink, "l", b, 3), 3);
	EXPECT(!memcmp(b, "abc", 4));
	EXPECT_ERR(syscall(SYS_readlink, "f", b, 3), EINVAL);
	EXPECT_ERR(syscall(SYS_readlink, "l", b, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_readlink, "none", b, 3), ENOENT);
	EXPECT_ERR(syscall(SYS_readlink, "l", bad_pointer(), 3), EFAULT);
}

TEST(readlinkat, empty_name)
{
	char b[16];
	int fd;

	EXPECT_OK(symlink("abcdef", "l"));
	fd = EXPECT_OK(open("l", O_PATH | O_NOFOLLOW));
	EXPECT_EQ(readlinkat(fd, "", b, sizeof(b)), 6);
	EXPECT_EQ(readlinkat(AT_FDCWD, "l", b, sizeof(b)), 6);
	EXPECT_ERR(readlinkat(999, "l", b, sizeof(b)), EBADF);
}

TEST(readlink, proc_names)
{
	char name[64], b[300], want[300], cwd[200];
	int fd = EXPECT_OK(open("f", O_CREAT | O_RDWR, 0600)), p[2];
	long n;

	EXPECT(getcwd(cwd, sizeof(cwd)));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	snprintf(want, sizeof(want), "%s/f", cwd);
	n = EXPECT_OK(readlink(name, b, sizeof(b) - 1));
	b[n] = 0;
	EXPECT_STR(b, want);
	EXPECT_OK(rename("f", "g"));
	snprintf(want, sizeof(want), "%s/g", cwd);
	n = EXPECT_OK(readlink(name, b, sizeof(b) - 1));
	b[n] = 0;
	EXPECT_STR(b, want);
	EXPECT_OK(unlink("g"));
	snprintf(want, sizeof(want), "%s/g (deleted)", cwd);
	n = EXPECT_OK(readlink(name, b, sizeof(b) - 1));
	b[n] = 0;
	EXPECT_STR(b, want);
	EXPECT_OK(pipe(p));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", p[0]);
	n = EXPECT_OK(readlink(name, b, sizeof(b) - 1));
	b[n] = 0;
	EXPECT(!strncmp(b, "pipe:[", 6) && b[n - 1] == ']');
}

TEST(link, counts)
{
	struct stat a, b;

	make("f");
	EXPECT_OK(syscall(SYS_link, "f", "g"));
	EXPECT_OK(stat("f", &a));
	EXPECT_OK(stat("g", &b));
	EXPECT(a.st_ino == b.st_ino && a.st_nlink == 2);
	EXPECT_ERR(syscall(SYS_link, "f", "g"), EEXIST);
	EXPECT_ERR(syscall(SYS_link, "none", "h"), ENOENT);
	EXPECT_ERR(syscall(SYS_link, "f", "none/h"), ENOENT);
	EXPECT_OK(mkdir("d", 0755));
	EXPECT_ERR(syscall(SYS_link, "d", "h"), EPERM);
	EXPECT_ERR(syscall(SYS_link, "f", "/dev/no-such-name"), EXDEV);
	EXPECT_OK(unlink("f"));
	EXPECT_EQ(links_of("g"), 1);
}

TEST(linkat, flags)
{
	make("f");
	EXPECT_OK(symlink("f", "l"));
	EXPECT_OK(linkat(AT_FDCWD, "l", AT_FDCWD, "l2", 0));
	EXPECT(S_ISLNK(mode_of("l2")));
	EXPECT_OK(linkat(AT_FDCWD, "l", AT_FDCWD, "f2", AT_SYMLINK_FOLLOW));
	EXPECT(S_ISREG(mode_of("f2")));
	EXPECT_ERR(linkat(AT_FDCWD, "f", AT_FDCWD, "x", 0x40000000), EINVAL);
	EXPECT_ERR(linkat(999, "f", AT_FDCWD, "x", 0), EBADF);
	if (!geteuid())
		EXPECT_OK(
			linkat(EXPECT_OK(open("f", O_RDONLY)), "", AT_FDCWD, "f3", AT_EMPTY_PATH));
}

/* --- rename ------------------------------------------------------------------------------------------------------------- */

TEST(rename, files_and_directories)
{
	struct stat a, b;

	make("f");
	make("g");
	EXPECT_OK(stat("f", &a));
	EXPECT_OK(syscall(SYS_rename, "f", "g"));
	EXPECT_OK(stat("g", &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
	EXPECT_ERR(stat("f", &a), ENOENT);
	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(mkdir("e", 0755));
	make("d/in");
	EXPECT_OK(syscall(SYS_rename, "d", "e"));
	EXPECT_OK(stat("e/in", &a));
	EXPECT_OK(syscall(SYS_rename, "e/", "d/"));
	EXPECT_OK(mkdir("h", 0755));
	EXPECT_OK(syscall(SYS_rename, "d", "h/moved"));
	EXPECT_OK(stat("h/moved/in", &a));
	EXPECT_OK(stat("h", &a));
	EXPECT_OK(stat("h/moved/..", &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
}

TEST(rename, errors)
{
	make("f");
	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(mkdir("d/e", 0755));
	EXPECT_ERR(syscall(SYS_rename, "none", "x"), ENOENT);
	EXPECT_ERR(syscall(SYS_rename, "f", "none/x"), ENOENT);
	EXPECT_ERR(syscall(SYS_rename, "f", "d"), EISDIR);
	EXPECT_ERR(syscall(SYS_rename, "d", "f"), ENOTDIR);
	EXPECT_ERR(syscall(SYS_rename, "f/", "x"), ENOTDIR);
	EXPECT_ERR(syscall(SYS_rename, "f", "x/"), ENOTDIR);
	EXPECT_ERR(syscall(SYS_rename, "d", "d/e/x"), EINVAL);
	EXPECT_ERR(syscall(SYS_rename, "d/e", "d"), ENOTEMPTY);
	EXPECT_ERR(syscall(SYS_rename, ".", "x"), EBUSY);
	EXPECT_ERR(syscall(SYS_rename, "d", ".."), EBUSY);
	EXPECT_ERR(syscall(SYS_rename, "f", "/proc/x"), EXDEV);
	EXPECT_ERR(syscall(SYS_rename, "", "x"), ENOENT);
}

TEST(rename, two_names_of_one_file)
{
	make("f");
	EXPECT_OK(link("f", "g"));
	EXPECT_OK(syscall(SYS_rename, "f", "g"));
	EXPECT_EQ(links_of("f"), 2);
	EXPECT_OK(syscall(SYS_rename, "f", "f"));
}

TEST(rename, long_names)
{
	char a[256], b[256];
	struct stat st;

	memset(a, 'a', 255);
	memset(b, 'b', 255);
	a[255] = b[100] = 0;
	make(a);
	EXPECT_OK(rename(a, b));
	EXPECT_OK(rename(b, "short"));
	EXPECT_OK(rename("short", a));
	EXPECT_OK(stat(a, &st));
}

TEST(renameat, relative)
{
	int d, e;

	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(mkdir("e", 0755));
	make("d/f");
	d = EXPECT_OK(open("d", O_RDONLY));
	e = EXPECT_OK(open("e", O_RDONLY));
	EXPECT_OK(syscall(SYS_renameat, d, "f", e, "g"));
	EXPECT(S_ISREG(mode_of("e/g")));
	EXPECT_ERR(syscall(SYS_renameat, 999, "f", e, "g"), EBADF);
}

TEST(renameat2, flags)
{
	make("f");
	make("g");
	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(mkdir("d/in", 0755));
	EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", RENAME_NOREPLACE), EEXIST);
	EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "h", RENAME_NOREPLACE));
	EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "h", AT_FDCWD, "d", RENAME_EXCHANGE));
	EXPECT(S_ISDIR(mode_of("h")) && S_ISREG(mode_of("d")));
	EXPECT(S_ISDIR(mode_of("h/in")));
	EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "h", AT_FDCWD, "none", RENAME_EXCHANGE),
		   ENOENT);
	EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "h", AT_FDCWD, "h/in", RENAME_EXCHANGE),
		   EINVAL);
	EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "x",
			   RENAME_EXCHANGE | RENAME_NOREPLACE),
		   EINVAL);
	EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "x", 0x100), EINVAL);
}

/* --- times ----------------------------------------------------------------------------------------------------------------- */

TEST(utimensat, now_omit_and_values)
{
	struct timespec t[2] = { { 1000, 5 }, { 2000, 7 } };
	struct stat st;

	make("f");
	EXPECT_OK(utimensat(AT_FDCWD, "f", t, 0));
	EXPECT_OK(stat("f", &st));
	EXPECT(st.st_atim.tv_sec == 1000 && st.st_atim.tv_nsec == 5);
	EXPECT(st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7);
	EXPECT(st.st_ctim.tv_sec > 100000);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	EXPECT_OK(utimensat(AT_FDCWD, "f", t, 0));
	EXPECT_OK(stat("f", &st));
	EXPECT(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec > 100000);
	EXPECT_OK(futimens(EXPECT_OK(open("f", O_RDONLY)), NULL));
	EXPECT_OK(stat("f", &st));
	EXPECT(st.st_atim.tv_sec > 100000);
	t[0].tv_nsec = -5;
	EXPECT_ERR(utimensat(AT_FDCWD, "f", t, 0), EINVAL);
	EXPECT_ERR(utimensat(AT_FDCWD, "f", NULL, 0x40000000), EINVAL);
	EXPECT_ERR(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
	EXPECT_OK(symlink("none", "l"));
	EXPECT_OK(utimensat(AT_FDCWD, "l", NULL, AT_SYMLINK_NOFOLLOW));
}

TEST(utimensat, rights)
{
	struct timespec t[2] = { { 1000, 0 }, { 2000, 0 } };

	if (geteuid())
		SKIP("needs root");
	make("f");
	make("w");
	EXPECT_OK(chmod("w", 0666));
	EXPECT_OK(chmod(".", 0777));
	EXPECT_OK(setresuid(ORDINARY, ORDINARY, ORDINARY));
	EXPECT_ERR(utimensat(AT_FDCWD, "f", NULL, 0), EACCES);
	EXPECT_ERR(utimensat(AT_FDCWD, "f", t, 0), EPERM);
	EXPECT_OK(utimensat(AT_FDCWD, "w", NULL, 0));
	EXPECT_ERR(utimensat(AT_FDCWD, "w", t, 0), EPERM);
}

TEST(utime, seconds)
{
	struct utimbuf t = { 1000, 2000 };
	struct stat st;

	make("f");
	EXPECT_OK(syscall(SYS_utime, "f", &t));
	EXPECT_OK(stat("f", &st));
	EXPECT(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000);
	EXPECT_OK(syscall(SYS_utime, "f", NULL));
	EXPECT_ERR(syscall(SYS_utime, "none", NULL), ENOENT);
	EXPECT_ERR(syscall(SYS_utime, "f", bad_pointer()), EFAULT);
}

TEST(utimes, microseconds)
{
	struct timeval t[2] = { { 1000, 5 }, { 2000, 7 } };
	struct stat st;

	make("f");
	EXPECT_OK(syscall(SYS_utimes, "f", t));
	EXPECT_OK(stat("f", &st));
	EXPECT(st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7000);
	t[0].tv_usec = 1000000;
	EXPECT_ERR(syscall(SYS_utimes, "f", t), EINVAL);
}

TEST(futimesat, relative)
{
	struct timeval t[2] = { { 1000, 5 }, { 2000, 7 } };
	int dir = EXPECT_OK(open(".", O_RDONLY));

	make("f");
	EXPECT_OK(syscall(SYS_futimesat, dir, "f", t));
	EXPECT_ERR(syscall(SYS_futimesat, 999, "f", t), EBADF);
}

TEST(write, updates_times)
{
	struct timespec t[2] = { { 1000, 0 }, { 1000, 0 } };
	struct stat st;
	char b;
	int fd = EXPECT_OK(open("f", O_CREAT | O_RDWR, 0600));

	EXPECT_OK(futimens(fd, t));
	EXPECT_EQ(write(fd, "x", 1), 1);
	EXPECT_OK(fstat(fd, &st));
	EXPECT(st.st_mtim.tv_sec > 1000 && st.st_atim.tv_sec == 1000);
	EXPECT_EQ(pread(fd, &b, 1, 0), 1);
	EXPECT_OK(fstat(fd, &st));
	/* Unless mounted noatime. */
	EXPECT(st.st_atim.tv_sec >= 1000);
}

/* --- where the process is --------------------------------------------------------------------------------------------------- */

TEST(chdir, moves)
{
	char a[300], b[300];

	EXPECT(getcwd(a, sizeof(a)));
	EXPECT_OK(mkdir("d", 0755));
	make("f");
	EXPECT_OK(chdir("d"));
	strcat(a, "/d");
	EXPECT(getcwd(b, sizeof(b)));
	EXPECT_STR(b, a);
	EXPECT_ERR(chdir("../f"), ENOTDIR);
	EXPECT_ERR(chdir("none"), ENOENT);
	EXPECT_OK(chdir(".."));
	be_ordinary();
	EXPECT_OK(mkdir("x", 0600));
	EXPECT_ERR(chdir("x"), EACCES);
}

TEST(fchdir, moves)
{
	char a[300], b[300];
	int fd = EXPECT_OK(open(".", O_RDONLY));

	EXPECT(getcwd(a, sizeof(a)));
	EXPECT_OK(chdir("/"));
	EXPECT_OK(fchdir(fd));
	EXPECT(getcwd(b, sizeof(b)));
	EXPECT_STR(a, b);
	EXPECT_ERR(fchdir(-1), EBADF);
	EXPECT_ERR(fchdir(EXPECT_OK(open("f", O_CREAT | O_RDWR, 0600))), ENOTDIR);
}

TEST(getcwd, sizes)
{
	char b[300];

	EXPECT_OK(chdir("/"));
	EXPECT_EQ(syscall(SYS_getcwd, b, sizeof(b)), 2);
	EXPECT_STR(b, "/");
	EXPECT_ERR(syscall(SYS_getcwd, b, 1), ERANGE);
	EXPECT_ERR(syscall(SYS_getcwd, bad_pointer(), 300), EFAULT);
}

TEST(getcwd, after_rename)
{
	char a[300], b[300];

	EXPECT(getcwd(a, sizeof(a)));
	EXPECT_OK(mkdir("d", 0755));
	EXPECT_OK(chdir("d"));
	EXPECT_OK(rename("../d", "../renamed"));
	strcat(a, "/renamed");
	EXPECT(getcwd(b, sizeof(b)));
	EXPECT_STR(b, a);
}

TEST(chroot, confines)
{
	struct stat st;
	char b[300];

	if (geteuid()) {
		EXPECT_ERR(chroot("."), EPERM);
		return;
	}
	EXPECT_OK(mkdir("r", 0755));
	make("r/f");
	EXPECT_OK(symlink("/f", "r/l"));
	EXPECT_ERR(chroot("r/f"), ENOTDIR);
	EXPECT_ERR(chroot("none"), ENOENT);
	EXPECT_OK(chroot("r"));
	EXPECT_OK(stat("/f", &st));
	EXPECT_OK(stat("/l", &st));
	EXPECT_EQ(syscall(SYS_getcwd, b, sizeof(b)) > 13 && !strncmp(b, "(unreachable)", 13), 1);
	EXPECT_OK(chdir("/"));
	EXPECT_OK(stat("../../../f", &st));
}

/* --- mounts ------------------------------------------------------------------------------------------------------------------- */

static void need_mount(void)
{
	if (geteuid() || (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 && errno == EPERM))
		SKIP("may not mount");
}

TEST(mount, tmpfs_and_bind)
{
	struct stat st;
	struct statfs fs;
	int fd;

	if (geteuid()) {
		EXPECT_ERR(mount("none", ".", "tmpfs", 0, NULL), EPERM);
		return;
	}
	/* Natively in a namespace of our own; an enclave has one. */
	(void)!syscall(SYS_unshare, 0x20000 /* CLONE_NEWNS */);
	need_mount();
	EXPECT_OK(mkdir("m", 0755));
	EXPECT_OK(mkdir("b", 0755));
	EXPECT_ERR(mount("none", "m", "nosuchfs", 0, NULL), ENODEV);
	EXPECT_ERR(mount("none", "none", "tmpfs", 0, NULL), ENOENT);
	EXPECT_OK(mount("none", "m", "tmpfs", MS_NOSUID, "size=1m,mode=0750"));
	EXPECT_EQ(mode_of("m"), S_IFDIR | 0750);
	EXPECT_OK(statfs("m", &fs));
	EXPECT_EQ(fs.f_type, 0x01021994);
	EXPECT_EQ(fs.f_blocks * (unsigned long)fs.f_bsize, 1 << 20);
	make("m/f");
	EXPECT_OK(mkdir("m/d", 0755));
	EXPECT_OK(stat("m/../m/f", &st));
	EXPECT_ERR(rename("m/f", "out"), EXDEV);
	EXPECT_ERR(rmdir("m"), EBUSY);
	EXPECT_OK(mount("m", "b", NULL, MS_BIND, NULL));
	EXPECT_OK(stat("b/f", &st));
	EXPECT_OK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	EXPECT_ERR(open("b/f", O_WRONLY), EROFS);
	EXPECT_ERR(open("b/g", O_WRONLY | O_CREAT, 0600), EROFS);
	EXPECT_ERR(mkdir("b/g", 0700), EROFS);
	EXPECT_ERR(mkdir("b/d", 0700), EEXIST);
	EXPECT_ERR(unlink("b/f"), EROFS);
	EXPECT_ERR(chmod("b/f", 0600), EROFS);
	EXPECT_ERR(access("b/f", W_OK), EROFS);
	EXPECT_OK(open("m/f", O_WRONLY));
	EXPECT_OK(umount("b"));
	EXPECT_ERR(umount("m"), EBUSY);
	EXPECT_OK(umount2("m", MNT_DETACH));
	EXPECT_ERR(stat("m/f", &st), ENOENT);
	fd = EXPECT_OK(open("m", O_RDONLY));
	close(fd);
}

TEST(umount2, errors)
{
	if (geteuid()) {
		EXPECT_ERR(umount2("/proc", 0), EPERM);
		return;
	}
	(void)!syscall(SYS_unshare, 0x20000);
	need_mount();
	EXPECT_OK(mkdir("m", 0755));
	EXPECT_ERR(umount2("m", 0), EINVAL);
	EXPECT_ERR(umount2("none", 0), ENOENT);
	EXPECT_ERR(umount2("m", 0x40000000), EINVAL);
}

TEST(mount, limits_of_tmpfs)
{
	char b[4096] = { 0 };
	int fd;
	long total = 0, n;

	if (geteuid())
		SKIP("needs root");
	(void)!syscall(SYS_unshare, 0x20000);
	need_mount();
	EXPECT_OK(mkdir("m", 0755));
	EXPECT_OK(mount("none", "m", "tmpfs", 0, "size=64k,nr_inodes=4"));
	fd = EXPECT_OK(open("m/f", O_CREAT | O_RDWR, 0600));
	while ((n = write(fd, b, sizeof(b))) > 0)
		total += n;
	EXPECT_EQ(errno, ENOSPC);
	EXPECT(total >= 60 << 10 && total <= 64 << 10);
	EXPECT_OK(ftruncate(fd, 0));
	EXPECT_EQ(write(fd, b, sizeof(b)), 4096);
	make("m/a");
	make("m/b");
	EXPECT_ERR(open("m/c", O_CREAT | O_RDWR, 0600), ENOSPC);
	EXPECT_OK(unlink("m/a"));
	make("m/c");
	close(fd);
	EXPECT_OK(umount("m"));
}

TEST(open, text_busy)
{
	char b[4096];
	long n;
	int in, out, p[2];
	pid_t pid;

	in = EXPECT_OK(open("/proc/self/exe", O_RDONLY));
	out = EXPECT_OK(open("prog", O_CREAT | O_WRONLY, 0755));
	while ((n = read(in, b, sizeof(b))) > 0)
		EXPECT_EQ(write(out, b, (size_t)n), n);
	close(in);
	EXPECT_ERR(execl("./prog", "prog", "--list", NULL), ETXTBSY);
	close(out);
	EXPECT_OK(pipe(p));
	pid = fork();
	if (!pid) {
		/* Its list does not fit into the full pipe: it stays until it is killed. */
		fcntl(p[1], F_SETFL, O_NONBLOCK);
		while (write(p[1], b, sizeof(b)) > 0)
			;
		fcntl(p[1], F_SETFL, 0);
		dup2(p[1], 1);
		close(p[0]);
		fcntl(p[1], F_SETFD, FD_CLOEXEC);
		execl("./prog", "prog", "--list", NULL);
		_exit(1);
	}
	EXPECT_SOON((out = open("prog", O_WRONLY)) < 0 || close(out));
	EXPECT_EQ(errno, ETXTBSY);
	EXPECT_ERR(truncate("prog", 0), ETXTBSY);
	kill(pid, SIGKILL);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_SOON((out = open("prog", O_WRONLY)) >= 0);
}

TEST_MAIN
