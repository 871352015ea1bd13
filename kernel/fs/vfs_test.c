/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VFS and tmpfs in an ordinary process: system call handlers are called as functions, memory is malloc's, user
 * memory is our own. A file's contents are a flat buffer here. Ends by counting what is still alive.
 *
 * Link with the hosted objects of kernel/fs (inode dentry path context mount file fd generic names open tmpfs sys_*),
 * lib/base and kernel/mm/uio.c.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#include <asm/resource.h>
#include <asm/stat.h>

#include "kernel/fs/file.h"
#include "kernel/fs/init.h"
#include "kernel/fs/walk.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
int printf(const char *format, ...);
void exit(int status) __attribute__((noreturn));
long syscall(long number, ...);

#define CHECK(c)                                                       \
	do {                                                           \
		if (!(c)) {                                            \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #c); \
			exit(1);                                       \
		}                                                      \
	} while (0)
#define IS(call, expected)                                                                         \
	do {                                                                                       \
		long is_ = (call);                                                                 \
		if (is_ != (expected)) {                                                           \
			printf("%s:%d: %s is %ld, expected %ld\n", __FILE__, __LINE__, #call, is_, \
			       (long)(expected));                                                  \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)
#define SYS(name, ...) sys_##name((unsigned long[6]){ __VA_ARGS__ })
#define P(x) ((unsigned long)(x))

/* --- what the rest of the kernel would be ------------------------------------------------------------------------------ */

static long objects;

void *kmalloc(size_t size)
{
	objects++;
	return malloc(size);
}
void *kzalloc(size_t size)
{
	objects++;
	return calloc(1, size);
}
void *krealloc(void *p, size_t size)
{
	objects += !p;
	return realloc(p, size);
}
void kfree(void *p)
{
	objects -= p != NULL;
	free(p);
}
char *kstrdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(kmalloc(size), s, size);
}
struct kmem_cache *kmem_cache_new(const char *name, size_t size)
{
	(void)name;
	return (struct kmem_cache *)size;
}
void *kmem_cache_zalloc(struct kmem_cache *c)
{
	return kzalloc((size_t)c);
}
void kmem_cache_free(struct kmem_cache *c, void *p)
{
	(void)c;
	kfree(p);
}
void memory_add_shrinker(size_t (*shrink)(size_t pages_wanted))
{
	(void)shrink;
}
void panic(const char *format, ...)
{
	printf("panic: %s\n", format);
	exit(1);
}
void mutex_lock_slow(struct mutex *m)
{
	(void)m;
	panic("deadlock");
}
void mutex_unlock_slow(struct mutex *m)
{
	(void)m;
}
bool access_ok(struct uptr at, size_t size)
{
	return at.v > 4096 && at.v + size >= at.v;
}
int copy_in(void *to, struct uptr from, size_t size)
{
	if (!access_ok(from, size))
		return -EFAULT;
	memcpy(to, (void *)from.v, size);
	return 0;
}
int copy_out(struct uptr to, const void *from, size_t size)
{
	if (!access_ok(to, size))
		return -EFAULT;
	memcpy((void *)to.v, from, size);
	return 0;
}
size_t copy_in_partial(void *to, struct uptr from, size_t size)
{
	return copy_in(to, from, size) ? 0 : size;
}
size_t copy_out_partial(struct uptr to, const void *from, size_t size)
{
	return copy_out(to, from, size) ? 0 : size;
}
size_t zero_out_partial(struct uptr to, size_t size)
{
	memset((void *)to.v, 0, size);
	return size;
}
long copy_in_string(char *to, struct uptr from, size_t size)
{
	size_t len;

	if (!access_ok(from, 1))
		return -EFAULT;
	len = strnlen((char *)from.v, size);
	if (len == size)
		return -ENAMETOOLONG;
	memcpy(to, (void *)from.v, len + 1);
	return (long)len;
}
int copy_in_path(struct uptr from, char **ret)
{
	char *s = kmalloc(4096);
	long r = copy_in_string(s, from, 4096);

	if (r < 0) {
		kfree(s);
		return (int)r;
	}
	*ret = s;
	return 0;
}
int copy_in_struct(void *to, size_t size, struct uptr from, size_t user_size)
{
	memset(to, 0, size);
	return copy_in(to, from, MIN(size, user_size));
}
void mapping_init(struct mapping *m, const struct mapping_ops *ops, void *owner)
{
	m->ops = ops;
	m->owner = owner;
}
void mapping_done(struct mapping *m)
{
	kfree(m->tree);
}
int mapping_truncate(struct mapping *m, uint64_t size)
{
	uint64_t old = m->size;

	m->tree = krealloc(m->tree, size ? size : 1);
	if (size > old)
		memset((char *)m->tree + old, 0, size - old);
	m->size = size;
	return 0;
}
long mapping_read(struct mapping *m, struct uio *io, uint64_t pos)
{
	return pos >= m->size
		       ? 0
		       : (long)uio_put(io, (char *)m->tree + pos, MIN(io->left, m->size - pos));
}
long mapping_write(struct mapping *m, struct uio *io, uint64_t pos)
{
	if (pos + io->left > m->size)
		CHECK(!mapping_truncate(m, pos + io->left));
	return (long)uio_get(io, (char *)m->tree + pos, io->left);
}
long mapping_append(struct mapping *m, struct uio *io, uint64_t *ret_pos)
{
	*ret_pos = m->size;
	return mapping_write(m, io, m->size);
}
int mapping_allocate(struct mapping *m, uint64_t pos, uint64_t size)
{
	(void)m;
	(void)pos;
	(void)size;
	return 0;
}
int mapping_punch(struct mapping *m, uint64_t pos, uint64_t size)
{
	if (pos < m->size)
		memset((char *)m->tree + pos, 0, MIN(size, m->size - pos));
	return 0;
}
int64_t mapping_seek_data(struct mapping *m, uint64_t pos, bool hole)
{
	return (int64_t)(hole ? m->size : pos);
}
void vma_set_mapping(struct vma *v, struct mapping *m)
{
	v->mapping = m;
}
uint64_t clock_realtime(void)
{
	static uint64_t now = 1000000000000000000;

	return now += 1000;
}
uint64_t deadline_after(uint64_t ns)
{
	return ns;
}
void wait_queue_init(struct wait_queue *q)
{
	list_init(&q->entries);
}
int signal_current(int sig)
{
	return sig;
}
bool signal_pending(struct task *t)
{
	return !t;
}
bool signal_fatal_pending(struct task *t)
{
	return !t;
}
void task_sleep_prepare(void)
{
}
int task_sleep(uint64_t deadline)
{
	return deadline ? 0 : -EINTR;
}
int task_sleep_killable(uint64_t deadline)
{
	return deadline ? 0 : -EINTR;
}
int poll_files(struct poll_item *items, unsigned int count, uint64_t deadline)
{
	return items && count && deadline ? -EINTR : 0;
}
unsigned int file_poll(struct file *f, struct poll_table *pt)
{
	(void)pt;
	return f ? POLLBIT_IN | POLLBIT_OUT : 0;
}
void epoll_file_released(struct file *f)
{
	(void)f;
}
void tty_open_controlling(struct file *f)
{
	(void)f;
}
void lock_release_posix(struct file *f, struct fd_table *owner)
{
	(void)f;
	(void)owner;
}
void lock_release_file(struct file *f)
{
	(void)f;
}
long lock_fcntl(struct file *f, int cmd, unsigned long arg)
{
	(void)f;
	return cmd && arg ? -EINVAL : 0;
}
long pipe_fcntl(struct file *f, int cmd, unsigned long arg)
{
	return lock_fcntl(f, cmd, arg);
}
long pipe_tee(struct file *in, struct file *out, size_t size, unsigned int flags)
{
	(void)in;
	(void)out;
	return (long)(size + flags);
}
int fifo_open(struct inode *inode, struct file *f)
{
	return inode && f ? -ENXIO : 0;
}
int device_open(struct inode *inode, struct file *f)
{
	return inode && f ? -ENXIO : 0;
}
void notify_inode(struct inode *inode, uint32_t mask)
{
	(void)inode;
	(void)mask;
}
void notify_child(struct inode *dir, uint32_t mask, const char *name, uint32_t cookie)
{
	(void)dir;
	(void)mask;
	(void)name;
	(void)cookie;
}
uint32_t inotify_watch_count;
void xattr_inode_free(struct inode *i)
{
	(void)i;
}
static struct plat_info info = { .memory_limit = 1 << 30 };
const struct plat_info *plat_info(void)
{
	return &info;
}
struct mutex tree_lock;
bool process_group_exists(int pgid, struct session *session)
{
	return pgid && !session;
}
struct process *process_find(int pid)
{
	(void)pid;
	return NULL;
}
struct task *task_find(int tid)
{
	(void)tid;
	return NULL;
}
void process_put(struct process *p)
{
	(void)p;
}
void task_put(struct task *t)
{
	(void)t;
}

static struct cred *root_cred, *user_cred;

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	return c->fsgid == gid;
}
bool cred_has(const struct cred *c, int cap)
{
	return c->cap_effective >> cap & 1;
}
bool capable(int cap)
{
	return cred_has(current()->cred, cap);
}
void cred_put(struct cred *c)
{
	if (ref_put(&c->refs))
		kfree(c);
}
struct cred *cred_copy(const struct cred *c)
{
	struct cred *n = memcpy(kmalloc(sizeof(*c)), c, sizeof(*c));

	ref_init(&n->refs);
	return n;
}

/* --- tests ------------------------------------------------------------------------------------------------------------- */

static struct stat st;
static char buf[4096];

static long open_(const char *name, int flags, int mode)
{
	return SYS(open, P(name), (unsigned)flags, (unsigned)mode);
}

static void make(const char *name)
{
	long fd = open_(name, O_CREAT | O_WRONLY | O_EXCL, 0644);

	CHECK(fd >= 0);
	IS(SYS(close, fd), 0);
}

static void test_files(void)
{
	struct iovec {
		void *base;
		size_t size;
	} v[2] = { { buf, 2 }, { buf + 2, 3 } };
	long fd = open_("/f", O_CREAT | O_RDWR, 0666);

	IS(fd, 0);
	IS(SYS(fstat, fd, P(&st)), 0);
	IS(st.st_mode, S_IFREG | 0644);
	IS(SYS(write, fd, P("hello"), 5), 5);
	IS(SYS(lseek, fd, 0, 0), 0);
	IS(SYS(read, fd, P(buf), 10), 5);
	CHECK(!memcmp(buf, "hello", 5));
	IS(SYS(read, fd, P(buf), 10), 0);
	IS(SYS(pread64, fd, P(buf), 2, 3), 2);
	CHECK(!memcmp(buf, "lo", 2));
	IS(SYS(pwrite64, fd, P("J"), 1, 0), 1);
	IS(SYS(lseek, fd, 0, 0), 0);
	IS(SYS(readv, fd, P(v), 2), 5);
	CHECK(!memcmp(buf, "Jello", 5));
	IS(SYS(lseek, fd, -1, 0), -EINVAL);
	IS(SYS(lseek, fd, 0, 9), -EINVAL);
	IS(SYS(ftruncate, fd, 2), 0);
	IS(SYS(fstat, fd, P(&st)), 0);
	IS(st.st_size, 2);
	IS(SYS(fcntl, fd, F_GETFL), 0100000 | O_RDWR);
	IS(SYS(fcntl, fd, F_SETFL, O_APPEND), 0);
	IS(SYS(pwrite64, fd, P("xyz"), 3, 0), 3);
	IS(SYS(stat, P("/f"), P(&st)), 0);
	IS(st.st_size, 5);
	IS(SYS(dup, fd), 1);
	IS(SYS(dup2, fd, 9), 9);
	IS(SYS(dup3, fd, fd, 0), -EINVAL);
	IS(SYS(dup3, fd, 70, O_CLOEXEC), 70);
	IS(SYS(fcntl, 70, F_GETFD), 1);
	IS(SYS(fcntl, fd, F_DUPFD, 9), 10);
	IS(SYS(close_range, 1, 100, 0), 0);
	IS(SYS(fcntl, 9, F_GETFD), -EBADF);
	IS(SYS(close, 10), -EBADF);
	IS(SYS(close, fd), 0);
	IS(open_("/f", O_CREAT | O_EXCL | O_RDWR, 0), -EEXIST);
	IS(open_("/f/", O_RDONLY, 0), -ENOTDIR);
	IS(open_("/f/x", O_RDONLY, 0), -ENOTDIR);
	IS(open_("/new/", O_CREAT | O_RDWR, 0), -EISDIR);
	IS(open_("/", O_RDWR, 0), -EISDIR);
	IS(open_("/none", O_RDONLY, 0), -ENOENT);
	IS(open_("/f", O_DIRECTORY, 0), -ENOTDIR);
	IS(open_("", O_RDONLY, 0), -ENOENT);
	fd = open_("/f", O_PATH, 0);
	IS(fd, 0);
	IS(SYS(read, fd, P(buf), 1), -EBADF);
	IS(SYS(newfstatat, fd, P(""), P(&st), AT_EMPTY_PATH), 0);
	IS(SYS(close, fd), 0);
	fd = open_("/", O_TMPFILE | O_RDWR, 0600);
	IS(fd, 0);
	IS(SYS(write, fd, P("t"), 1), 1);
	IS(SYS(linkat, fd, P(""), (unsigned)AT_FDCWD, P("/tmpnamed"), AT_EMPTY_PATH), 0);
	IS(SYS(close, fd), 0);
	IS(SYS(stat, P("/tmpnamed"), P(&st)), 0);
	IS(st.st_nlink, 1);
	IS(st.st_size, 1);
	IS(SYS(unlink, P("/tmpnamed")), 0);
	IS(SYS(unlink, P("/f")), 0);
	IS(SYS(unlink, P("/f")), -ENOENT);
}

static void test_many_descriptors(void)
{
	make("/many");
	for (long n = 0; n < 1000; n++)
		IS(open_("/many", O_RDONLY, 0), n);
	IS(SYS(close, 500), 0);
	IS(SYS(close, 77), 0);
	IS(open_("/many", O_RDONLY, 0), 77);
	IS(open_("/many", O_RDONLY, 0), 500);
	IS(open_("/many", O_RDONLY, 0), 1000);
	IS(fd_table_count(current()->files), 1001);
	IS(SYS(close_range, 0, UINT32_MAX, 0), 0);
	IS(SYS(unlink, P("/many")), 0);
}

static void test_names(void)
{
	static char lengthy[300];
	char *cwd = buf;

	IS(SYS(mkdir, P("/d"), 0777), 0);
	IS(SYS(mkdir, P("/d"), 0777), -EEXIST);
	IS(SYS(mkdir, P("/d/e/"), 0777), 0);
	IS(SYS(mkdir, P("/none/e"), 0777), -ENOENT);
	IS(SYS(rmdir, P("/d")), -ENOTEMPTY);
	IS(SYS(rmdir, P("/d/e/.")), -EINVAL);
	IS(SYS(rmdir, P("/d/e/..")), -ENOTEMPTY);
	IS(SYS(rmdir, P("/")), -EBUSY);
	IS(SYS(unlink, P("/d")), -EISDIR);
	memset(lengthy, 'a', 299);
	IS(SYS(stat, P(lengthy), P(&st)), -ENAMETOOLONG);
	lengthy[255] = 0;
	IS(SYS(mkdir, P(lengthy), 0700), 0);
	IS(SYS(rename, P(lengthy), P("/short")), 0);
	IS(SYS(rename, P("/short"), P(lengthy)), 0);
	IS(SYS(stat, P(lengthy), P(&st)), 0);
	IS(SYS(rmdir, P(lengthy)), 0);
	IS(SYS(chdir, P("/d/e")), 0);
	IS(SYS(getcwd, P(cwd), 4096), 5);
	CHECK(!strcmp(cwd, "/d/e"));
	IS(SYS(getcwd, P(cwd), 3), -ERANGE);
	IS(SYS(stat, P("../e/./../e"), P(&st)), 0);
	IS(SYS(stat, P("../../../../d"), P(&st)), 0);
	IS(st.st_nlink, 3);
	IS(SYS(rmdir, P("/d/e")), 0);
	IS(SYS(getcwd, P(cwd), 4096), -ENOENT);
	IS(open_("x", O_CREAT | O_RDWR, 0), -ENOENT);
	IS(SYS(chdir, P("..")), 0);
	IS(SYS(getcwd, P(cwd), 4096), 3);
	IS(SYS(chdir, P("/")), 0);

	make("/d/a");
	IS(SYS(link, P("/d/a"), P("/d/b")), 0);
	IS(SYS(stat, P("/d/b"), P(&st)), 0);
	IS(st.st_nlink, 2);
	IS(SYS(link, P("/d"), P("/d2")), -EPERM);
	IS(SYS(rename, P("/d/a"), P("/d/b")), 0);
	IS(SYS(stat, P("/d/a"), P(&st)), 0);
	IS(SYS(unlink, P("/d/b")), 0);
	IS(SYS(symlink, P("a"), P("/d/l")), 0);
	IS(SYS(symlink, P(""), P("/d/l2")), -ENOENT);
	IS(SYS(readlink, P("/d/l"), P(buf), 4096), 1);
	IS(SYS(readlink, P("/d/a"), P(buf), 4096), -EINVAL);
	IS(SYS(lstat, P("/d/l"), P(&st)), 0);
	CHECK(S_ISLNK(st.st_mode));
	IS(SYS(stat, P("/d/l"), P(&st)), 0);
	CHECK(S_ISREG(st.st_mode));
	IS(open_("/d/l", O_NOFOLLOW, 0), -ELOOP);
	IS(open_("/d/l", O_CREAT | O_NOFOLLOW | O_RDWR, 0), -ELOOP);
	IS(SYS(symlink, P("/d/loop"), P("/d/loop")), 0);
	IS(SYS(stat, P("/d/loop"), P(&st)), -ELOOP);
	IS(SYS(symlink, P("../d/dangling"), P("/d/dl")), 0);
	IS(open_("/d/dl", O_CREAT | O_EXCL | O_RDWR, 0), -EEXIST);
	IS(open_("/d/dl", O_CREAT | O_RDWR, 0600), 0);
	IS(SYS(close, 0), 0);
	IS(SYS(stat, P("/d/dangling"), P(&st)), 0);
	IS(SYS(symlink, P("d"), P("/dirlink")), 0);
	IS(SYS(stat, P("/dirlink/a"), P(&st)), 0);
	IS(SYS(lstat, P("/dirlink/"), P(&st)), 0);
	CHECK(S_ISDIR(st.st_mode));
	IS(SYS(lstat, P("/dirlink/../dirlink/../d//a"), P(&st)), 0);
	IS(SYS(mknod, P("/d/fifo"), S_IFIFO | 0600, 0), 0);
	IS(SYS(mknod, P("/d/x"), S_IFDIR | 0600, 0), -EPERM);
}

static void test_rename(void)
{
	IS(SYS(mkdir, P("/r"), 0755), 0);
	IS(SYS(mkdir, P("/r/x"), 0755), 0);
	IS(SYS(mkdir, P("/r/x/y"), 0755), 0);
	make("/r/f");
	IS(SYS(rename, P("/r/x"), P("/r/x/y/z")), -EINVAL);
	IS(SYS(rename, P("/r/x/y"), P("/r/x")), -ENOTEMPTY);
	IS(SYS(rename, P("/r/f"), P("/r/x")), -EISDIR);
	IS(SYS(rename, P("/r/x"), P("/r/f")), -ENOTDIR);
	IS(SYS(rename, P("/r/f/"), P("/r/g")), -ENOTDIR);
	IS(SYS(rename, P("/r/."), P("/r/g")), -EBUSY);
	IS(SYS(rename, P("/r/none"), P("/r/g")), -ENOENT);
	IS(SYS(renameat2, (unsigned)AT_FDCWD, P("/r/f"), (unsigned)AT_FDCWD, P("/r/x"),
	       RENAME_NOREPLACE),
	   -EEXIST);
	IS(SYS(renameat2, (unsigned)AT_FDCWD, P("/r/f"), (unsigned)AT_FDCWD, P("/r/x/y"),
	       RENAME_EXCHANGE),
	   0);
	IS(SYS(stat, P("/r/f"), P(&st)), 0);
	CHECK(S_ISDIR(st.st_mode));
	IS(SYS(stat, P("/r/x"), P(&st)), 0);
	IS(st.st_nlink, 2);
	IS(SYS(stat, P("/r"), P(&st)), 0);
	IS(st.st_nlink, 4);
	IS(SYS(rename, P("/r/x/y"), P("/r/g")), 0);
	IS(SYS(rename, P("/r/x"), P("/r/f")), 0);
	IS(SYS(stat, P("/r"), P(&st)), 0);
	IS(st.st_nlink, 3);
	IS(SYS(unlink, P("/r/g")), 0);
	IS(SYS(rmdir, P("/r/f")), 0);
	IS(SYS(rmdir, P("/r")), 0);
}

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static void test_directories(void)
{
	char name[32];
	long fd, r, seen = 0;
	int64_t half = 0;

	IS(SYS(mkdir, P("/list"), 0755), 0);
	for (int n = 0; n < 500; n++) {
		memcpy(name, "/list/file000", 14);
		name[10] += (char)(n / 100);
		name[11] += (char)(n / 10 % 10);
		name[12] += (char)(n % 10);
		make(name);
	}
	fd = open_("/list", O_RDONLY | O_DIRECTORY, 0);
	CHECK(fd >= 0);
	IS(SYS(getdents64, fd, P(buf), 10), -EINVAL);
	while ((r = SYS(getdents64, fd, P(buf), 300)) > 0) {
		for (long at = 0; at < r; at += ((struct dirent64 *)(void *)(buf + at))->len) {
			struct dirent64 *d = (struct dirent64 *)(void *)(buf + at);

			if (++seen == 250)
				half = d->off;
			if (d->name[0] == 'f') {
				memcpy(name + 6, d->name, strlen(d->name) + 1);
				IS(SYS(unlink, P(name)), 0);
			}
		}
	}
	IS(r, 0);
	IS(seen, 502);
	make("/list/late");
	IS(SYS(lseek, fd, half, 0), half);
	r = SYS(getdents64, fd, P(buf), 300);
	CHECK(r > 0 && !strcmp(((struct dirent64 *)(void *)buf)->name, "late"));
	IS(SYS(close, fd), 0);
	IS(SYS(unlink, P("/list/late")), 0);
	IS(SYS(rmdir, P("/list")), 0);
}

static void test_permissions(void)
{
	struct task *t = current();

	IS(SYS(mkdir, P("/p"), 0755), 0);
	make("/p/secret");
	IS(SYS(chmod, P("/p/secret"), 0600), 0);
	IS(SYS(mkdir, P("/p/sticky"), 0777), 0);
	IS(SYS(chmod, P("/p/sticky"), 01777), 0);
	make("/p/sticky/roots");
	IS(SYS(chmod, P("/p/sticky/roots"), 06755), 0);
	t->cred = user_cred;
	IS(open_("/p/secret", O_RDONLY, 0), -EACCES);
	IS(SYS(access, P("/p/secret"), 4), -EACCES);
	IS(SYS(access, P("/p/secret"), 0), 0);
	IS(SYS(unlink, P("/p/secret")), -EACCES);
	IS(SYS(unlink, P("/p/sticky/roots")), -EPERM);
	IS(SYS(rename, P("/p/sticky/roots"), P("/p/sticky/mine")), -EPERM);
	IS(SYS(chmod, P("/p/sticky/roots"), 0777), -EPERM);
	IS(SYS(chown, P("/p/sticky/roots"), 1000, 1000), -EPERM);
	IS(SYS(utimensat, (unsigned)AT_FDCWD, P("/p/sticky/roots"), 0, 0), -EACCES);
	make("/p/sticky/mine");
	IS(SYS(chmod, P("/p/sticky/mine"), 04755), 0);
	IS(open_("/p/sticky/mine", O_WRONLY, 0), 0);
	IS(SYS(write, 0, P("x"), 1), 1);
	IS(SYS(close, 0), 0);
	IS(SYS(stat, P("/p/sticky/mine"), P(&st)), 0);
	IS(st.st_mode & 07777, 0755);
	t->cred = root_cred;
	IS(SYS(chown, P("/p/sticky/roots"), 5, 6), 0);
	IS(SYS(stat, P("/p/sticky/roots"), P(&st)), 0);
	IS(st.st_mode & 07777, 0755);
	IS(SYS(access, P("/p/secret"), 1), -EACCES);
	IS(SYS(chmod, P("/p"), 02755), 0);
	make("/p/inherits");
	IS(SYS(mkdir, P("/p/dir"), 0755), 0);
	IS(SYS(stat, P("/p/dir"), P(&st)), 0);
	CHECK(st.st_mode & S_ISGID);
}

static void test_mounts(void)
{
	long fd;

	IS(SYS(mkdir, P("/m"), 0755), 0);
	IS(SYS(mkdir, P("/bound"), 0755), 0);
	IS(SYS(mount, P("none"), P("/m"), P("nothing"), 0, 0), -ENODEV);
	IS(SYS(mount, P("none"), P("/m"), P("tmpfs"), 0, P("size=1m,bad")), -EINVAL);
	IS(SYS(mount, P("none"), P("/m"), P("tmpfs"), 0, P("size=1m,mode=700,uid=3")), 0);
	IS(SYS(stat, P("/m"), P(&st)), 0);
	IS(st.st_mode, S_IFDIR | 0700);
	IS(st.st_uid, 3);
	make("/m/inside");
	IS(SYS(mkdir, P("/m/sub"), 0700), 0);
	IS(SYS(mount, P("x"), P("/m/sub"), P("tmpfs"), 0, 0), 0);
	make("/m/sub/deep");
	IS(SYS(stat, P("/m/sub/../inside"), P(&st)), 0);
	IS(SYS(stat, P("/m/../m/inside"), P(&st)), 0);
	IS(SYS(link, P("/m/inside"), P("/outside")), -EXDEV);
	IS(SYS(rename, P("/m/inside"), P("/outside")), -EXDEV);
	IS(SYS(rmdir, P("/m")), -EBUSY);
	IS(SYS(mount, P("/m"), P("/bound"), 0, MS_BIND, 0), 0);
	IS(SYS(stat, P("/bound/inside"), P(&st)), 0);
	IS(SYS(stat, P("/bound/sub/deep"), P(&st)), -ENOENT);
	IS(SYS(umount2, P("/bound"), 0), 0);
	IS(SYS(mount, P("/m"), P("/bound"), 0, MS_BIND | MS_REC, 0), 0);
	IS(SYS(stat, P("/bound/sub/deep"), P(&st)), 0);
	IS(SYS(mount, 0, P("/bound"), 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0), 0);
	IS(open_("/bound/inside", O_WRONLY, 0), -EROFS);
	IS(SYS(mkdir, P("/bound/new"), 0), -EROFS);
	IS(SYS(mkdir, P("/bound/sub"), 0), -EEXIST);
	IS(SYS(umount2, P("/bound"), 0), -EBUSY);
	IS(SYS(umount2, P("/bound"), 2), 0);
	IS(SYS(umount2, P("/m"), 0), -EBUSY);
	fd = open_("/m/sub/deep", O_RDONLY, 0);
	IS(SYS(umount2, P("/m/sub"), 0), -EBUSY);
	IS(SYS(umount2, P("/m/sub"), 2), 0);
	IS(SYS(read, fd, P(buf), 1), 0);
	IS(SYS(close, fd), 0);
	IS(SYS(umount2, P("/m"), 0), 0);
	IS(SYS(umount2, P("/m"), 0), -EINVAL);
	IS(SYS(rmdir, P("/m")), 0);
	IS(SYS(rmdir, P("/bound")), 0);
}

static long open2(long dir, const char *name, uint64_t resolve)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = resolve };
	long fd = SYS(openat2, dir, P(name), P(&how), sizeof(how));

	if (fd >= 0)
		IS(SYS(close, fd), 0);
	return fd < 0 ? fd : 0;
}

static void test_openat2(void)
{
	long dir;

	IS(SYS(mkdir, P("/o"), 0755), 0);
	IS(SYS(mkdir, P("/o/sub"), 0755), 0);
	make("/o/f");
	IS(SYS(symlink, P("../../o/f"), P("/o/sub/out")), 0);
	IS(SYS(symlink, P("/f"), P("/o/abs")), 0);
	dir = open_("/o", O_RDONLY, 0);
	IS(open2(dir, "sub/../f", RESOLVE_BENEATH), 0);
	IS(open2(dir, "../o/f", RESOLVE_BENEATH), -EXDEV);
	IS(open2(dir, "sub/out", RESOLVE_BENEATH), -EXDEV);
	IS(open2(dir, "abs", RESOLVE_BENEATH), -EXDEV);
	IS(open2(dir, "abs", RESOLVE_IN_ROOT), 0);
	IS(open2(dir, "/f", RESOLVE_IN_ROOT), 0);
	IS(open2(dir, "../../f", RESOLVE_IN_ROOT), 0);
	IS(open2(dir, "abs", RESOLVE_NO_SYMLINKS), -ELOOP);
	IS(open2(dir, "f", RESOLVE_BENEATH | RESOLVE_IN_ROOT), -EINVAL);
	IS(SYS(close, dir), 0);
	IS(SYS(chroot, P("/o")), 0);
	IS(SYS(stat, P("/f"), P(&st)), 0);
	IS(SYS(chdir, P("/")), 0);
	IS(SYS(stat, P("../../f"), P(&st)), 0);
	IS(SYS(getcwd, P(buf), 100), 2);
}

static void test_copies(void)
{
	long in, out;

	make("/in");
	in = open_("/in", O_RDWR, 0);
	out = open_("/out", O_RDWR | O_CREAT, 0600);
	IS(SYS(write, in, P("0123456789"), 10), 10);
	IS(SYS(lseek, in, 2, 0), 2);
	IS(SYS(sendfile, out, in, 0, 100), 8);
	IS(SYS(copy_file_range, in, P(&(int64_t){ 0 }), out, 0, 4, 0), 4);
	IS(SYS(copy_file_range, in, P(&(int64_t){ 0 }), in, P(&(int64_t){ 2 }), 4, 0), -EINVAL);
	IS(SYS(pread64, out, P(buf), 100, 0), 12);
	CHECK(!memcmp(buf, "234567890123", 12));
	IS(SYS(splice, in, 0, out, 0, 4, 0), -EINVAL);
	IS(SYS(close, in), 0);
	IS(SYS(close, out), 0);
	IS(SYS(unlink, P("/in")), 0);
	IS(SYS(unlink, P("/out")), 0);
}

int main(void)
{
	struct task *t = calloc(1, sizeof(*t));
	struct filesystem *fs;
	long alive;

	t->self = t;
	t->process = calloc(1, sizeof(*t->process));
	t->process->limits[RLIMIT_NOFILE].current = 1024 * 1024;
	t->process->limits[RLIMIT_FSIZE].current = UINT64_MAX;
	syscall(158 /* arch_prctl */, 0x1001 /* ARCH_SET_GS */, t);
	root_cred = calloc(1, sizeof(*root_cred));
	ref_init(&root_cred->refs);
	root_cred->cap_effective = root_cred->cap_permitted = ~0UL;
	user_cred = cred_copy(root_cred);
	user_cred->uid = user_cred->euid = user_cred->fsuid = 1000;
	user_cred->gid = user_cred->egid = user_cred->fsgid = 1000;
	user_cred->cap_effective = user_cred->cap_permitted = 0;
	t->cred = root_cred;
	vfs_init();
	tmpfs_init();
	CHECK(!filesystem_make("tmpfs", "root", "mode=755", &fs));
	CHECK(!vfs_mount_root(fs));
	t->fs = fs_context_new(&root_path);
	t->files = fd_table_new();
	alive = objects;
	test_files();
	test_many_descriptors();
	test_rename();
	test_directories();
	test_mounts();
	test_copies();
	IS(fd_table_count(t->files), 0);
	dentry_prune_fs(fs);
	/* The root's inode, dentry and directory. */
	IS(inode_count, 1);
	IS(dentry_count, 1);
	IS(file_count, 0);
	fd_table_put(t->files);
	t->files = fd_table_new();
	CHECK(objects <= alive);
	test_names();
	test_permissions();
	test_openat2();
	dentry_prune_fs(fs);
	fd_table_put(t->files);
	fs_context_put(t->fs);
	t->fs = NULL;
	/* The last mount takes the tree with it. */
	mount_put(root_path.mount);
	path_put(&root_path);
	IS(inode_count, 0);
	IS(dentry_count, 0);
	printf("ok\n");
	return 0;
}
