/* SPDX-License-Identifier: Apache-2.0 */
/* inotify: watches, events of each kind, merging, limits of reads, and the ends of watches. */
#include "tests/syscall/test.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

static char buffer[65536] __attribute__((aligned(8)));
static ssize_t have, at;

static int new (void)
{
	have = at = 0;
	return EXPECT_OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

/* The next event, or NULL if there is none. */
static struct inotify_event *next(int fd)
{
	struct inotify_event *e;

	if (at == have) {
		have = read(fd, buffer, sizeof(buffer));
		at = 0;
		if (have < 0) {
			EXPECT_EQ(errno, EAGAIN);
			have = 0;
			return NULL;
		}
	}
	e = (struct inotify_event *)(buffer + at);
	at += (ssize_t)(sizeof(*e) + e->len);
	EXPECT(at <= have);
	return e;
}

#define EXPECT_EVENT(fd, wd_, mask_, name_)                   \
	({                                                    \
		struct inotify_event *ev_ = next(fd);         \
		EXPECT(ev_);                                  \
		EXPECT_EQ(ev_->wd, wd_);                      \
		EXPECT_EQ(ev_->mask, mask_);                  \
		EXPECT_STR(ev_->len ? ev_->name : "", name_); \
		ev_;                                          \
	})
#define EXPECT_NONE(fd) EXPECT(!next(fd))

static void put(const char *path, const char *text)
{
	int fd = EXPECT_OK(open(path, O_WRONLY | O_CREAT, 0644));

	EXPECT_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

TEST(inotify_init1, flags)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	EXPECT(fd >= 0);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_ERR(inotify_init1(0x4), EINVAL);
	EXPECT_ERR(write(fd, "x", 1), EBADF);
}

TEST(inotify_init, plain)
{
	int fd = (int)syscall(SYS_inotify_init);

	EXPECT(fd >= 0);
	EXPECT_EQ(fcntl(fd, F_GETFD), 0);
	EXPECT(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

TEST(inotify_add_watch, create_write_close_delete)
{
	int fd = new (), wd = EXPECT_OK(inotify_add_watch(fd, ".", IN_ALL_EVENTS));

	EXPECT_NONE(fd);
	put("f", "x");
	EXPECT_EVENT(fd, wd, IN_CREATE, "f");
	EXPECT_EVENT(fd, wd, IN_OPEN, "f");
	EXPECT_EVENT(fd, wd, IN_MODIFY, "f");
	EXPECT_EVENT(fd, wd, IN_CLOSE_WRITE, "f");
	EXPECT_NONE(fd);
	EXPECT_EQ(unlink("f"), 0);
	EXPECT_EVENT(fd, wd, IN_DELETE, "f");
	EXPECT_NONE(fd);
}

TEST(inotify_add_watch, directories_are_told_apart)
{
	int fd = new (), wd = EXPECT_OK(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE));

	EXPECT_EQ(mkdir("d", 0755), 0);
	EXPECT_EVENT(fd, wd, IN_CREATE | IN_ISDIR, "d");
	EXPECT_EQ(rmdir("d"), 0);
	EXPECT_EVENT(fd, wd, IN_DELETE | IN_ISDIR, "d");
	EXPECT_EQ(symlink("nowhere", "l"), 0);
	EXPECT_EVENT(fd, wd, IN_CREATE, "l");
	EXPECT_EQ(mkfifo("p", 0600), 0);
	EXPECT_EVENT(fd, wd, IN_CREATE, "p");
	EXPECT_NONE(fd);
}

TEST(inotify_add_watch, file_itself)
{
	int fd = new (), wd, f;
	char c;

	put("f", "x");
	wd = EXPECT_OK(inotify_add_watch(fd, "f", IN_ALL_EVENTS));
	f = EXPECT_OK(open("f", O_RDONLY));
	EXPECT_EVENT(fd, wd, IN_OPEN, "");
	EXPECT_EQ(read(f, &c, 1), 1);
	EXPECT_EVENT(fd, wd, IN_ACCESS, "");
	close(f);
	EXPECT_EVENT(fd, wd, IN_CLOSE_NOWRITE, "");
	EXPECT_EQ(chmod("f", 0600), 0);
	EXPECT_EVENT(fd, wd, IN_ATTRIB, "");
	EXPECT_EQ(truncate("f", 0), 0);
	EXPECT_EVENT(fd, wd, IN_MODIFY, "");
	EXPECT_NONE(fd);
}

TEST(inotify_add_watch, attributes_in_directory)
{
	int fd = new (), wd;

	put("f", "x");
	wd = EXPECT_OK(inotify_add_watch(fd, ".", IN_ATTRIB));
	EXPECT_EQ(chmod("f", 0600), 0);
	EXPECT_EVENT(fd, wd, IN_ATTRIB, "f");
	EXPECT_EQ(utimensat(AT_FDCWD, "f", NULL, 0), 0);
	EXPECT_EVENT(fd, wd, IN_ATTRIB, "f");
	EXPECT_NONE(fd);
}

TEST(inotify_add_watch, rename_has_a_cookie)
{
	int fd = new (), from, to;
	uint32_t cookie;

	EXPECT_EQ(mkdir("a", 0755), 0);
	EXPECT_EQ(mkdir("b", 0755), 0);
	put("a/f", "x");
	from = EXPECT_OK(inotify_add_watch(fd, "a", IN_MOVE));
	to = EXPECT_OK(inotify_add_watch(fd, "b", IN_MOVE));
	EXPECT_EQ(rename("a/f", "b/g"), 0);
	cookie = EXPECT_EVENT(fd, from, IN_MOVED_FROM, "f")->cookie;
	EXPECT(cookie);
	EXPECT_EQ(EXPECT_EVENT(fd, to, IN_MOVED_TO, "g")->cookie, cookie);
	EXPECT_NONE(fd);
	EXPECT_EQ(rename("b/g", "b/h"), 0);
	EXPECT(EXPECT_EVENT(fd, to, IN_MOVED_FROM, "g")->cookie != cookie);
	EXPECT_EVENT(fd, to, IN_MOVED_TO, "h");
	EXPECT_NONE(fd);
}

TEST(inotify_add_watch, moved_self)
{
	int fd = new (), wd;

	put("f", "x");
	wd = EXPECT_OK(inotify_add_watch(fd, "f", IN_MOVE_SELF));
	EXPECT_EQ(rename("f", "g"), 0);
	EXPECT_EVENT(fd, wd, IN_MOVE_SELF, "");
	EXPECT_EQ(rename("g", "h"), 0);
	EXPECT_EVENT(fd, wd, IN_MOVE_SELF, "");
	EXPECT_NONE(fd);
}

TEST(inotify_add_watch, deleted_self_ends_the_watch)
{
	int fd = new (), wd;

	put("f", "x");
	wd = EXPECT_OK(inotify_add_watch(fd, "f", IN_DELETE_SELF));
	EXPECT_EQ(unlink("f"), 0);
	EXPECT_EVENT(fd, wd, IN_DELETE_SELF, "");
	EXPECT_EVENT(fd, wd, IN_IGNORED, "");
	EXPECT_NONE(fd);
	EXPECT_ERR(inotify_rm_watch(fd, wd), EINVAL);
}

TEST(inotify_add_watch, deleted_directory)
{
	int fd = new (), wd;
	struct inotify_event *e;

	EXPECT_EQ(mkdir("d", 0755), 0);
	wd = EXPECT_OK(inotify_add_watch(fd, "d", IN_DELETE_SELF));
	EXPECT_EQ(rmdir("d"), 0);
	e = next(fd);
	EXPECT(e);
	EXPECT_EQ(e->wd, wd);
	EXPECT_EQ(e->mask & ~(uint32_t)IN_ISDIR, IN_DELETE_SELF);
	EXPECT_EVENT(fd, wd, IN_IGNORED, "");
}

TEST(inotify_add_watch, link_count_is_an_attribute)
{
	int fd = new (), wd;

	put("f", "x");
	EXPECT_EQ(link("f", "g"), 0);
	wd = EXPECT_OK(inotify_add_watch(fd, "f", IN_ATTRIB | IN_DELETE_SELF));
	EXPECT_EQ(unlink("g"), 0);
	EXPECT_EVENT(fd, wd, IN_ATTRIB, "");
	EXPECT_EQ(unlink("f"), 0);
	EXPECT_EVENT(fd, wd, IN_ATTRIB, "");
	EXPECT_EVENT(fd, wd, IN_DELETE_SELF, "");
	EXPECT_EVENT(fd, wd, IN_IGNORED, "");
}

TEST(inotify_add_watch, same_inode_same_watch)
{
	int fd = new (), wd;

	put("f", "x");
	EXPECT_EQ(link("f", "g"), 0);
	wd = EXPECT_OK(inotify_add_watch(fd, "f", IN_ATTRIB));
	EXPECT_EQ(inotify_add_watch(fd, "g", IN_MODIFY), wd);
	EXPECT_EQ(chmod("f", 0600), 0);
	EXPECT_NONE(fd);
	EXPECT_EQ(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_ADD), wd);
	EXPECT_EQ(chmod("f", 0644), 0);
	EXPECT_EVENT(fd, wd, IN_ATTRIB, "");
	EXPECT_EQ(truncate("f", 0), 0);
	EXPECT_EVENT(fd, wd, IN_MODIFY, "");
	EXPECT_NONE(fd);
	EXPECT_ERR(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_CREATE), EEXIST);
	EXPECT_ERR(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_CREATE | IN_MASK_ADD), EINVAL);
}

TEST(inotify_add_watch, oneshot)
{
	int fd = new (), wd;

	put("f", "x");
	wd = EXPECT_OK(inotify_add_watch(fd, "f", IN_ATTRIB | IN_ONESHOT));
	EXPECT_EQ(chmod("f", 0600), 0);
	EXPECT_EQ(chmod("f", 0644), 0);
	EXPECT_EVENT(fd, wd, IN_ATTRIB, "");
	EXPECT_EVENT(fd, wd, IN_IGNORED, "");
	EXPECT_NONE(fd);
	EXPECT(inotify_add_watch(fd, "f", IN_ATTRIB) != wd);
}

TEST(inotify_add_watch, equal_events_merge)
{
	int fd = new (), wd, f;

	put("f", "x");
	wd = EXPECT_OK(inotify_add_watch(fd, "f", IN_MODIFY | IN_ATTRIB));
	f = EXPECT_OK(open("f", O_WRONLY));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(write(f, "y", 1), 1);
	EXPECT_EQ(fchmod(f, 0600), 0);
	EXPECT_EQ(write(f, "y", 1), 1);
	EXPECT_EVENT(fd, wd, IN_MODIFY, "");
	EXPECT_EVENT(fd, wd, IN_ATTRIB, "");
	EXPECT_EVENT(fd, wd, IN_MODIFY, "");
	EXPECT_NONE(fd);
}

TEST(inotify_add_watch, errors)
{
	int fd = new (), other = EXPECT_OK(open(".", O_RDONLY));

	put("f", "x");
	EXPECT_EQ(symlink("f", "l"), 0);
	EXPECT_ERR(inotify_add_watch(-1, "f", IN_ATTRIB), EBADF);
	EXPECT_ERR(inotify_add_watch(other, "f", IN_ATTRIB), EINVAL);
	EXPECT_ERR(inotify_add_watch(fd, "none", IN_ATTRIB), ENOENT);
	EXPECT_ERR(inotify_add_watch(fd, "f", 0), EINVAL);
	EXPECT_ERR(inotify_add_watch(fd, "f", IN_ATTRIB | IN_ONLYDIR), ENOTDIR);
	EXPECT_ERR(syscall(SYS_inotify_add_watch, fd, 8L, IN_ATTRIB), EFAULT);
	EXPECT(inotify_add_watch(fd, "l", IN_ATTRIB) == inotify_add_watch(fd, "f", IN_ATTRIB));
	EXPECT(inotify_add_watch(fd, "l", IN_ATTRIB | IN_DONT_FOLLOW) !=
	       inotify_add_watch(fd, "f", IN_ATTRIB));
	if (geteuid()) {
		EXPECT_EQ(chmod("f", 0), 0);
		EXPECT_ERR(inotify_add_watch(fd, "f", IN_ATTRIB), EACCES);
	}
}

TEST(inotify_rm_watch, ends_with_ignored)
{
	int fd = new (), wd = EXPECT_OK(inotify_add_watch(fd, ".", IN_CREATE)), again;

	EXPECT_EQ(inotify_rm_watch(fd, wd), 0);
	put("f", "x");
	EXPECT_EVENT(fd, wd, IN_IGNORED, "");
	EXPECT_NONE(fd);
	again = EXPECT_OK(inotify_add_watch(fd, ".", IN_CREATE));
	EXPECT(again != wd);
	EXPECT_ERR(inotify_rm_watch(fd, wd), EINVAL);
	EXPECT_ERR(inotify_rm_watch(-1, again), EBADF);
	EXPECT_ERR(inotify_rm_watch(0, again), EINVAL);
}

TEST(inotify_init1, read_sizes)
{
	struct inotify_event *e;
	char small[sizeof(*e) + 16];
	int fd = new (), wd = EXPECT_OK(inotify_add_watch(fd, ".", IN_CREATE)), bytes;

	put("seventeen-letters", "x");
	put("b", "x");
	EXPECT_EQ(ioctl(fd, FIONREAD, &bytes), 0);
	EXPECT_EQ(bytes, sizeof(*e) + 32 + sizeof(*e) + 16);
	EXPECT_ERR(read(fd, small, sizeof(small)), EINVAL);
	EXPECT_EQ(read(fd, buffer, sizeof(*e) + 40), sizeof(*e) + 32);
	EXPECT_EQ(read(fd, buffer, sizeof(*e) + 40), sizeof(*e) + 16);
	e = (struct inotify_event *)buffer;
	EXPECT_EQ(e->wd, wd);
	EXPECT_EQ(e->len, 16);
	EXPECT_STR(e->name, "b");
	EXPECT_ERR(read(fd, buffer, sizeof(buffer)), EAGAIN);
}

TEST(inotify_init1, poll_and_blocking_read)
{
	int fd = EXPECT_OK(inotify_init1(0)), wd = EXPECT_OK(inotify_add_watch(fd, ".", IN_CREATE)),
	    status;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct inotify_event *e = (struct inotify_event *)buffer;
	pid_t pid;

	EXPECT_EQ(poll(&p, 1, 0), 0);
	pid = fork();
	if (!pid) {
		close(open("f", O_WRONLY | O_CREAT, 0644));
		_exit(0);
	}
	EXPECT_EQ(poll(&p, 1, -1), 1);
	EXPECT_EQ(p.revents, POLLIN);
	EXPECT(read(fd, buffer, sizeof(buffer)) > 0);
	EXPECT_EQ(e->wd, wd);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	pid = fork();
	if (!pid) {
		close(open("g", O_WRONLY | O_CREAT, 0644));
		_exit(0);
	}
	EXPECT(read(fd, buffer, sizeof(buffer)) > 0);
	EXPECT_STR(e->name, "g");
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
}

TEST(inotify_init1, overflow)
{
	struct inotify_event *e = NULL, *one;
	int fd = new (), seen = 0, max = 16384;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

	if (f && fscanf(f, "%d", &max) != 1)
		max = 16384;
	if (f)
		fclose(f);
	if (max > 100000)
		SKIP("the queue is very long");
	put("a", "x");
	put("b", "x");
	EXPECT_OK(inotify_add_watch(fd, "a", IN_ATTRIB));
	EXPECT_OK(inotify_add_watch(fd, "b", IN_ATTRIB));
	for (int i = 0; i < max / 2 + 10; i++) {
		chmod("a", 0600);
		chmod("b", 0600);
	}
	while ((one = next(fd))) {
		e = one;
		seen++;
		if (e->mask & IN_Q_OVERFLOW)
			EXPECT_EQ(e->wd, -1);
	}
	EXPECT(e);
	EXPECT_EQ(seen, max + 1);
	/* It goes on after that. */
	EXPECT_EQ(chmod("a", 0644), 0);
	EXPECT(next(fd));
}

TEST(inotify_init1, close_with_watches)
{
	int fd = new (), other = EXPECT_OK(inotify_init1(IN_NONBLOCK));

	EXPECT_OK(inotify_add_watch(fd, ".", IN_CREATE));
	EXPECT_OK(inotify_add_watch(other, ".", IN_CREATE));
	close(other);
	put("f", "x");
	EXPECT(next(fd));
	EXPECT_NONE(fd);
}

TEST_MAIN
