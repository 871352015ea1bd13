/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlayfs over hostfs and tmpfs, hostfs volumes, locks, attributes, inotify and devices in an ordinary process: hostcalls
 * are real ones on a temporary folder, system call handlers are called as functions, memory is malloc's and the page
 * cache is the kernel's own. Ends by counting what is still alive.
 *
 * Link with the hosted objects of kernel/host.c, kernel/fs (all but tty, pseudo and proc files, *_test), lib/base, and
 * kernel/mm's mapping, mapping_io and uio.
 */
#include <asm/unistd.h>

/* Before anything else includes it as the list of HC_ names. */
static const int linux_numbers[] = {
#define HOSTCALL(name, linux, blocking) __NR_##linux,
#include "abi/hostcall.h"
#undef HOSTCALL
};

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/mount.h>
#include <linux/xattr.h>

#include <asm/resource.h>
#include <asm/stat.h>

#include "abi/boot.h"
#include "kernel/fs/file.h"
#include "kernel/fs/init.h"
#include "kernel/fs/overlay_internal.h"
#include "kernel/fs/walk.h"
#include "kernel/host.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/memfd.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

void *malloc(size_t size);
void *aligned_alloc(size_t align, size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
int printf(const char *format, ...);
void exit(int status) __attribute__((noreturn));
void abort(void) __attribute__((noreturn));
long syscall(long number, ...);
char *mkdtemp(char *template);
int chdir(const char *path);
int system(const char *command);
extern int *__errno_location(void);

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
		if (is_ != (long)(expected)) {                                                     \
			printf("%s:%d: %s is %ld, expected %ld\n", __FILE__, __LINE__, #call, is_, \
			       (long)(expected));                                                  \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)
#define SYS(name, ...) sys_##name((unsigned long[6]){ __VA_ARGS__ })
#define P(x) ((unsigned long)(x))
#define CWD ((unsigned long)AT_FDCWD)

/* --- what the rest of the kernel would be ------------------------------------------------------------------------------ */

static long objects, live_pages;

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
void *kcalloc(size_t count, size_t size)
{
	objects++;
	return calloc(count, size);
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
void *kmem_cache_alloc(struct kmem_cache *c)
{
	return kmalloc((size_t)c);
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
void memory_account_cache(int64_t pages)
{
	(void)pages;
}

#define ARENA_PAGES 32768UL
static char *arena;
static uint8_t arena_refs[ARENA_PAGES];

void *pages_alloc(size_t count)
{
	size_t run = 0;

	if (!arena)
		arena = aligned_alloc(PAGE_SIZE, ARENA_PAGES * PAGE_SIZE);
	for (size_t i = 0; i < ARENA_PAGES; i++) {
		run = arena_refs[i] ? 0 : run + 1;
		if (run == count) {
			memset(arena_refs + i + 1 - count, 1, count);
			memset(arena + (i + 1 - count) * PAGE_SIZE, 0xa5, count * PAGE_SIZE);
			live_pages += (long)count;
			return arena + (i + 1 - count) * PAGE_SIZE;
		}
	}
	return NULL;
}
void *pages_alloc_zeroed(size_t count)
{
	void *p = pages_alloc(count);

	return p ? memset(p, 0, count * PAGE_SIZE) : NULL;
}
void pages_get(void *pages, size_t count)
{
	for (size_t i = ((size_t)((char *)pages - arena)) / PAGE_SIZE; count--; i++)
		arena_refs[i]++;
}
void pages_put(void *pages, size_t count)
{
	for (size_t i = ((size_t)((char *)pages - arena)) / PAGE_SIZE; count--; i++) {
		CHECK(arena_refs[i]);
		live_pages -= !--arena_refs[i];
	}
}
unsigned int pages_refs(void *page)
{
	return arena_refs[((size_t)((char *)page - arena)) / PAGE_SIZE];
}
void panic(const char *format, ...)
{
	printf("panic: %s\n", format);
	abort();
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
void mm_file_was_cut(void)
{
}

void rewrite_drop_mapping(struct mapping *m)
{
	(void)m;
}
void vma_set_mapping(struct vma *v, struct mapping *m)
{
	v->kind = VMA_MAPPING;
	v->mapping = m;
}
void vma_set_host(struct vma *v, int handle)
{
	v->kind = VMA_HOST;
	v->host_handle = handle;
}
struct file *shared_memory_new(const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	return NULL;
}
uint64_t clock_realtime(void)
{
	static uint64_t now = 1800000000000000000;

	return now += 1000;
}
uint64_t clock_monotonic(void)
{
	return clock_realtime();
}
uint64_t deadline_after(uint64_t ns)
{
	return ns;
}
void wait_queue_init(struct wait_queue *q)
{
	memset(q, 0, sizeof(*q));
	list_init(&q->entries);
}
void wait_entry_init(struct wait_entry *e, unsigned int key)
{
	memset(e, 0, sizeof(*e));
	e->key = key;
}
void wait_add(struct wait_queue *q, struct wait_entry *e)
{
	e->queue = q;
}
void wait_remove(struct wait_entry *e)
{
	e->queue = NULL;
}
void wake(struct wait_queue *q, unsigned int key)
{
	(void)q;
	(void)key;
}
void wake_all(struct wait_queue *q, unsigned int key)
{
	(void)q;
	(void)key;
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
/* Nobody is there to wake us: sleeping is being interrupted. */
int task_sleep(uint64_t deadline)
{
	(void)deadline;
	return -EINTR;
}
int task_sleep_killable(uint64_t deadline)
{
	(void)deadline;
	return -EINTR;
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
long pipe_fcntl(struct file *f, int cmd, unsigned long arg)
{
	(void)f;
	return cmd && arg ? -EINVAL : 0;
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
int ptmx_open(struct inode *inode, struct file *f)
{
	return inode && f ? -ENXIO : 0;
}
int pts_open(struct inode *inode, struct file *f)
{
	return inode && f ? -ENXIO : 0;
}
void tty_open_controlling(struct file *f)
{
	(void)f;
}
int tty_current_open(struct inode *inode, struct file *f)
{
	return inode && f ? -ENXIO : 0;
}
int tty_console_open(struct inode *inode, struct file *f)
{
	return inode && f ? -ENXIO : 0;
}
static struct plat_info info = { .memory_limit = 1 << 30,
				 .capabilities = PLAT_MAP_HOST | PLAT_HOST_SEES_USER };
const struct plat_info *plat_info(void)
{
	return &info;
}
void plat_discard(void *pages, size_t size)
{
	memset(pages, 0, size);
}
void plat_random(void *to, size_t size)
{
	static unsigned char n;

	while (size--)
		((unsigned char *)to)[size] = n++;
}

static long hostcalls, handles;
long plat_hostcall(unsigned int number, long a, long b, long c, long d, long e, long f)
{
	long r = syscall(linux_numbers[number], a, b, c, d, e, f);

	hostcalls++;
	if (r >= 0 && (number == HC_OPEN || number == HC_OPEN2))
		handles++;
	if (number == HC_CLOSE)
		handles--;
	return r < 0 ? -*__errno_location() : r;
}
static char iobuf[TASK_IOBUF_SIZE];
void *task_iobuf(void)
{
	return iobuf;
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

static struct cred *root_cred;

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
	return !current()->cred || cred_has(current()->cred, cap);
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

/* --- helpers ------------------------------------------------------------------------------------------------------------ */

static struct stat st;
static char buf[1 << 20], big[1 << 20];

static long open_(const char *name, int flags)
{
	return SYS(open, P(name), (unsigned)flags, 0644);
}

static void put(const char *name, const char *text)
{
	long fd = open_(name, O_CREAT | O_WRONLY | O_TRUNC);

	if (fd < 0)
		printf("%s: ", name);
	CHECK(fd >= 0);
	IS(SYS(write, fd, P(text), strlen(text)), strlen(text));
	IS(SYS(close, fd), 0);
}

static const char *get(const char *name)
{
	long fd = open_(name, O_RDONLY), r;

	if (fd < 0)
		return "(no file)";
	r = SYS(read, fd, P(buf), sizeof(buf) - 1);
	CHECK(r >= 0);
	buf[r] = 0;
	IS(SYS(close, fd), 0);
	return buf;
}
#define HAS(name, text)                                                                        \
	do {                                                                                   \
		const char *has_ = get(name);                                                  \
		if (!str_eq(has_, text)) {                                                     \
			printf("%s:%d: %s has \"%s\", not \"%s\"\n", __FILE__, __LINE__, name, \
			       has_, text);                                                    \
			exit(1);                                                               \
		}                                                                              \
	} while (0)

static struct stat *stat_(const char *name)
{
	memset(&st, 0, sizeof(st));
	IS(SYS(lstat, P(name), P(&st)), 0);
	return &st;
}

static bool gone(const char *name)
{
	return SYS(lstat, P(name), P(&st)) == -ENOENT;
}

struct dirent {
	uint64_t ino;
	int64_t next;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* Sorted names of a directory, in one string; checks each d_ino. */
static const char *list(const char *name)
{
	static char text[8192];
	char data[512], *names[200], path[300];
	long fd = open_(name, O_RDONLY | O_DIRECTORY), r;
	unsigned int count = 0;

	CHECK(fd >= 0);
	while ((r = SYS(getdents64, fd, P(data), sizeof(data))) > 0) {
		for (long at = 0; at < r;) {
			struct dirent *d = (struct dirent *)(data + at);

			at += d->size;
			if (str_eq(d->name, ".") || str_eq(d->name, ".."))
				continue;
			CHECK(count < 200);
			names[count++] = kstrdup(d->name);
			str_copy(path, name, sizeof(path));
			str_copy(path + strlen(path), "/", 2);
			str_copy(path + strlen(path), d->name, sizeof(path) - strlen(path));
			if (stat_(path)->st_ino != d->ino)
				printf("%s: d_ino %lx, st_ino %lx\n", path, d->ino, st.st_ino);
			CHECK(st.st_ino == d->ino);
			CHECK(st.st_mode >> 12 == d->type);
		}
	}
	IS(r, 0);
	IS(SYS(close, fd), 0);
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int k = i + 1; k < count; k++)
			if (strcmp(names[i], names[k]) > 0) {
				char *t = names[i];

				names[i] = names[k];
				names[k] = t;
			}
	text[0] = 0;
	for (unsigned int i = 0; i < count; i++) {
		if (i)
			str_copy(text + strlen(text), " ", 2);
		str_copy(text + strlen(text), names[i], sizeof(text) - strlen(text));
		kfree(names[i]);
	}
	return text;
}
#define LISTS(name, names)                                                                       \
	do {                                                                                     \
		const char *lists_ = list(name);                                                 \
		if (!str_eq(lists_, names)) {                                                    \
			printf("%s:%d: %s lists \"%s\", not \"%s\"\n", __FILE__, __LINE__, name, \
			       lists_, names);                                                   \
			exit(1);                                                                 \
		}                                                                                \
	} while (0)

/* Everything that is only cached is forgotten. */
static void forget(void)
{
	dentry_prune_fs(root_path.mount->fs);
}

/* --- tests ---------------------------------------------------------------------------------------------------------------- */

static void test_lookup(void)
{
	long before;
	uint64_t number;

	HAS("/etc/conf", "lower");
	HAS("/link", "lower");
	CHECK(gone("/nothing"));
	LISTS("/etc", "a b c conf deep");
	/* Cached: no more calls. */
	stat_("/etc/conf");
	before = hostcalls;
	number = stat_("/etc/conf")->st_ino;
	CHECK(gone("/nothing"));
	HAS("/etc/conf", "lower");
	IS(hostcalls, before);
	forget();
	IS(stat_("/etc/conf")->st_ino, number);
	IS(stat_("/etc/conf")->st_size, 5);
	IS(stat_("/link")->st_mode & S_IFMT, S_IFLNK);
	IS(SYS(open, P("/fifo"), O_RDONLY | O_NONBLOCK, 0), -ENXIO);
}

static void test_copy_up(void)
{
	uint64_t number = stat_("/etc/a")->st_ino;
	long reader = open_("/etc/a", O_RDONLY), fd;

	CHECK(reader >= 0);
	fd = open_("/etc/a", O_WRONLY | O_APPEND);
	CHECK(fd >= 0);
	IS(SYS(write, fd, P("+more"), 5), 5);
	HAS("/etc/a", "A+more");
	IS(SYS(read, reader, P(buf), 100), 6);
	IS(SYS(close, fd), 0);
	IS(SYS(close, reader), 0);
	IS(stat_("/etc/a")->st_ino, number);
	IS(stat_("/etc/a")->st_mode, S_IFREG | 0640);
	forget();
	IS(stat_("/etc/a")->st_ino, number);
	HAS("/etc/a", "A+more");
	LISTS("/etc", "a b c conf deep");

	/* Attributes only; deep parents are made. */
	IS(SYS(chmod, P("/etc/deep/er/file"), 0600), 0);
	IS(stat_("/etc/deep/er/file")->st_mode, S_IFREG | 0600);
	HAS("/etc/deep/er/file", "deep");
	forget();
	IS(stat_("/etc/deep/er/file")->st_mode, S_IFREG | 0600);
	LISTS("/etc/deep/er", "file other");
	IS(SYS(truncate, P("/etc/deep/er/other"), 2), 0);
	HAS("/etc/deep/er/other", "ot");
	IS(SYS(chmod, P("/etc/deep"), 0711), 0);
	forget();
	IS(stat_("/etc/deep")->st_mode, S_IFDIR | 0711);

	/* A big one, byte for byte. */
	fd = open_("/big", O_RDWR);
	CHECK(fd >= 0);
	IS(SYS(read, fd, P(buf), 300000), 300000);
	for (int i = 0; i < 300000; i++)
		CHECK(buf[i] == (char)('a' + i % 26));
	IS(SYS(close, fd), 0);
}

static void test_remove(void)
{
	IS(SYS(unlink, P("/etc/b")), 0);
	CHECK(gone("/etc/b"));
	LISTS("/etc", "a c conf deep");
	forget();
	CHECK(gone("/etc/b"));
	LISTS("/etc", "a c conf deep");
	put("/etc/b", "new");
	HAS("/etc/b", "new");
	forget();
	HAS("/etc/b", "new");
	IS(SYS(unlink, P("/etc/b")), 0);
	forget();
	CHECK(gone("/etc/b"));
	IS(SYS(unlink, P("/etc/a")), 0);
	forget();
	CHECK(gone("/etc/a"));
	put("/etc/only", "upper");
	LISTS("/etc", "c conf deep only");
	IS(SYS(unlink, P("/etc/only")), 0);
	LISTS("/etc", "c conf deep");

	/* Folders: merged ones are removed when they look empty, and come back empty. */
	IS(SYS(rmdir, P("/tree")), -ENOTEMPTY);
	IS(SYS(unlink, P("/tree/x")), 0);
	IS(SYS(rmdir, P("/tree")), -ENOTEMPTY);
	IS(SYS(unlink, P("/tree/y")), 0);
	IS(SYS(rmdir, P("/tree")), 0);
	CHECK(gone("/tree"));
	forget();
	CHECK(gone("/tree"));
	IS(SYS(mkdir, P("/tree"), 0755), 0);
	LISTS("/tree", "");
	CHECK(gone("/tree/x"));
	forget();
	LISTS("/tree", "");
	CHECK(gone("/tree/x"));
	IS(SYS(rmdir, P("/tree")), 0);
}

static void test_open_and_unlinked(void)
{
	long fd = open_("/etc/c", O_RDONLY), second;

	CHECK(fd >= 0);
	IS(SYS(unlink, P("/etc/c")), 0);
	put("/etc/c", "another");
	IS(SYS(read, fd, P(buf), 100), 1);
	CHECK(buf[0] == 'C');
	IS(SYS(fstat, fd, P(&st)), 0);
	IS(st.st_nlink, 0);
	/* A change of the one that is gone must not touch the new one. */
	IS(SYS(fchmod, fd, 0600), 0);
	IS(SYS(fstat, fd, P(&st)), 0);
	IS(st.st_mode, S_IFREG | 0600);
	HAS("/etc/c", "another");
	IS(stat_("/etc/c")->st_mode, S_IFREG | 0644);
	IS(SYS(close, fd), 0);
	second = SYS(open, P("/etc"), O_TMPFILE | O_RDWR, 0600);
	CHECK(second >= 0);
	IS(SYS(write, second, P("tmp"), 3), 3);
	IS(SYS(close, second), 0);
}

static void test_rename(void)
{
	uint64_t number = stat_("/r/file")->st_ino;

	IS(SYS(rename, P("/r/file"), P("/r/moved")), 0);
	CHECK(gone("/r/file"));
	HAS("/r/moved", "rename me");
	IS(stat_("/r/moved")->st_ino, number);
	forget();
	CHECK(gone("/r/file"));
	HAS("/r/moved", "rename me");
	IS(stat_("/r/moved")->st_ino, number);
	LISTS("/r", "dir moved over");
	IS(SYS(rename, P("/r/moved"), P("/r/over")), 0);
	HAS("/r/over", "rename me");
	forget();
	HAS("/r/over", "rename me");
	LISTS("/r", "dir over");

	/* A folder of the lower layer, with a merged one in it. */
	put("/r/dir/sub/new", "n");
	IS(SYS(rename, P("/r/dir"), P("/elsewhere")), 0);
	CHECK(gone("/r/dir"));
	HAS("/elsewhere/one", "1");
	HAS("/elsewhere/sub/two", "2");
	HAS("/elsewhere/sub/new", "n");
	forget();
	CHECK(gone("/r/dir"));
	HAS("/elsewhere/one", "1");
	HAS("/elsewhere/sub/two", "2");
	LISTS("/elsewhere", "one sub");
	LISTS("/elsewhere/sub", "new two");
	/* And again, the child first. */
	IS(SYS(rename, P("/elsewhere/sub"), P("/r/sub")), 0);
	IS(SYS(rename, P("/elsewhere"), P("/r/dir")), 0);
	forget();
	LISTS("/r", "dir over sub");
	LISTS("/r/dir", "one");
	LISTS("/r/sub", "new two");
	HAS("/r/sub/two", "2");
	HAS("/r/dir/one", "1");
	/* A new folder put where the lower layer has one must not show that one's contents. */
	IS(SYS(mkdir, P("/fresh"), 0755), 0);
	IS(SYS(unlink, P("/cover/x")), 0);
	IS(SYS(rename, P("/fresh"), P("/cover")), 0);
	LISTS("/cover", "");
	forget();
	LISTS("/cover", "");
	/* Exchange. */
	put("/e1", "one");
	IS(SYS(renameat2, CWD, P("/e1"), CWD, P("/etc/conf"), RENAME_EXCHANGE), 0);
	HAS("/e1", "lower");
	HAS("/etc/conf", "one");
	forget();
	HAS("/e1", "lower");
	HAS("/etc/conf", "one");
	IS(SYS(renameat2, CWD, P("/e1"), CWD, P("/etc/conf"), RENAME_NOREPLACE), -EEXIST);
}

static void test_links(void)
{
	uint64_t number = stat_("/hard1")->st_ino;

	IS(st.st_nlink, 2);
	IS(stat_("/hard2")->st_ino, number);
	put("/hard1", "changed");
	HAS("/hard2", "changed");
	forget();
	HAS("/hard2", "changed");
	IS(stat_("/hard2")->st_ino, number);
	IS(SYS(unlink, P("/hard1")), 0);
	HAS("/hard2", "changed");
	IS(stat_("/hard2")->st_nlink, 1);
	forget();
	HAS("/hard2", "changed");
	IS(SYS(rename, P("/hard2"), P("/hard3")), 0);
	HAS("/hard3", "changed");
	CHECK(gone("/hard2"));
	forget();
	CHECK(gone("/hard2"));
	HAS("/hard3", "changed");
	IS(SYS(link, P("/hard3"), P("/hard4")), 0);
	IS(stat_("/hard4")->st_nlink, 2);
	IS(SYS(unlink, P("/hard3")), 0);
	IS(SYS(unlink, P("/hard4")), 0);
	CHECK(gone("/hard4"));

	IS(SYS(link, P("/big"), P("/big2")), 0);
	IS(stat_("/big2")->st_nlink, 2);
	IS(stat_("/big")->st_nlink, 2);
	IS(SYS(symlink, P("etc"), P("/e")), 0);
	LISTS("/e", "c conf deep");
	forget();
	LISTS("/e", "c conf deep");
}

static void test_attributes(void)
{
	char value[100];

	IS(SYS(setxattr, P("/x"), P("user.a"), P("12"), 2, 0), 0);
	IS(SYS(getxattr, P("/x"), P("user.a"), P(value), 100), 2);
	IS(SYS(listxattr, P("/x"), P(value), 100), 7);
	CHECK(str_eq(value, "user.a"));
	forget();
	IS(SYS(getxattr, P("/x"), P("user.a"), P(value), 100), 2);
	IS(SYS(listxattr, P("/x"), 0, 0), 7);
	IS(SYS(setxattr, P("/x"), P("trusted.overlay.opaque"), P("y"), 1, 0), -EPERM);
	IS(SYS(removexattr, P("/x"), P("user.b")), -ENODATA);
	IS(SYS(removexattr, P("/x"), P("user.a")), 0);
	IS(SYS(listxattr, P("/x"), P(value), 100), 0);
	HAS("/x", "xattr");
}

static void test_map(void)
{
	struct file *f;
	struct vma v = { .end = 4096, .flags = 2 };
	struct inode *lower;
	struct mapping *before;
	long fd;

	IS(vfs_open(AT_FDCWD, "/map", O_RDONLY, 0, &f), 0);
	before = f->inode->data;
	lower = real_of(overlay_node_of(f->inode));
	CHECK(before == &lower->mapping);
	IS(f->ops->mmap(f, &v), 0);
	IS(v.kind, VMA_HOST);
	CHECK(v.host_handle >= 0);
	/* After a copy up, the old file reads and maps what is there now. */
	fd = open_("/map", O_WRONLY);
	IS(SYS(pwrite64, fd, P("XX"), 2, 0), 2);
	IS(SYS(close, fd), 0);
	IS(file_read_kernel(f, buf, 4, 0), 4);
	CHECK(!memcmp(buf, "XXpm", 4));
	IS(f->ops->mmap(f, &v), 0);
	IS(v.kind, VMA_MAPPING);
	CHECK(f->inode->data != before && v.mapping == f->inode->data);
	file_put(f);
}

/* A folder of the host, passed through. */
static void test_volume(void)
{
	long fd, second, dir;
	uint64_t number;

	HAS("/vol/there", "host");
	LISTS("/vol", "sub there");
	put("/vol/new", "data");
	HAS("/vol/new", "data");
	IS(stat_("/vol/new")->st_mode, S_IFREG | 0644);
	number = st.st_ino;
	CHECK(!system("test \"$(cat vol/new)\" = data"));
	/* What the host does is seen at once. */
	CHECK(!system("echo changed > vol/there; echo x > vol/sub/fresh"));
	HAS("/vol/there", "changed\n");
	LISTS("/vol/sub", "fresh");
	IS(SYS(mkdir, P("/vol/d"), 0750), 0);
	IS(stat_("/vol/d")->st_mode, S_IFDIR | 0750);
	IS(SYS(rename, P("/vol/new"), P("/vol/d/moved")), 0);
	CHECK(gone("/vol/new"));
	IS(stat_("/vol/d/moved")->st_ino, number);
	IS(SYS(link, P("/vol/d/moved"), P("/vol/hard")), 0);
	IS(stat_("/vol/hard")->st_nlink, 2);
	IS(st.st_ino, number);
	IS(SYS(symlink, P("d/moved"), P("/vol/soft")), 0);
	HAS("/vol/soft", "data");
	IS(SYS(symlink, P("/etc/passwd"), P("/vol/out")), 0);
	CHECK(str_eq(get("/vol/out"), "(no file)"));
	IS(SYS(chmod, P("/vol/hard"), 0600), 0);
	IS(stat_("/vol/d/moved")->st_mode, S_IFREG | 0600);
	IS(SYS(truncate, P("/vol/hard"), 2), 0);
	HAS("/vol/d/moved", "da");

	/* Append, seek, and O_APPEND that comes later. */
	fd = open_("/vol/log", O_CREAT | O_RDWR | O_APPEND);
	second = open_("/vol/log", O_WRONLY);
	IS(SYS(write, fd, P("one"), 3), 3);
	IS(SYS(write, second, P("T"), 1), 1);
	IS(SYS(write, fd, P("two"), 3), 3);
	IS(SYS(lseek, fd, 0, 1), 6);
	HAS("/vol/log", "Tnetwo");
	IS(SYS(fcntl, second, F_SETFL, O_APPEND), 0);
	IS(SYS(write, second, P("!"), 1), 1);
	IS(SYS(lseek, fd, 0, 2), 7);
	IS(SYS(fcntl, fd, F_SETFL, 0), 0);
	IS(SYS(lseek, fd, 1, 0), 1);
	IS(SYS(write, fd, P("N"), 1), 1);
	HAS("/vol/log", "TNetwo!");
	/* Unlinked while open: everything by descriptor goes on. */
	IS(SYS(unlink, P("/vol/log")), 0);
	IS(SYS(ftruncate, fd, 3), 0);
	IS(SYS(fchmod, fd, 0640), 0);
	IS(SYS(fstat, fd, P(&st)), 0);
	IS(st.st_mode, S_IFREG | 0640);
	IS(st.st_size, 3);
	IS(st.st_nlink, 0);
	IS(SYS(pread64, fd, P(buf), 10, 0), 3);
	IS(SYS(close, fd), 0);
	IS(SYS(close, second), 0);

	/* A lot of data each way, by way of both kinds of buffers. */
	for (int pass = 0; pass < 2; pass++) {
		info.capabilities ^= PLAT_HOST_SEES_USER;
		for (size_t i = 0; i < sizeof(big); i++)
			big[i] = (char)(i * 7 + i / 256 + (unsigned)pass);
		fd = open_("/vol/big", O_CREAT | O_RDWR);
		IS(SYS(write, fd, P(big), sizeof(big)), sizeof(big));
		IS(SYS(lseek, fd, 0, 0), 0);
		memset(buf, 0, sizeof(buf));
		IS(SYS(read, fd, P(buf), sizeof(buf)), sizeof(big));
		CHECK(!memcmp(buf, big, sizeof(big)));
		IS(SYS(read, fd, P(buf), sizeof(buf)), 0);
		IS(SYS(close, fd), 0);
	}

	/* A folder that moves under an open descriptor. */
	dir = SYS(open, P("/vol/d"), O_RDONLY | O_DIRECTORY, 0);
	CHECK(dir >= 0);
	IS(SYS(rename, P("/vol/d"), P("/vol/sub/d2")), 0);
	IS(SYS(openat, dir, P("moved"), O_RDONLY, 0) >= 0, 1);
	LISTS("/vol/sub/d2", "moved");
	IS(SYS(close, dir), 0);
	IS(SYS(rmdir, P("/vol/sub")), -ENOTEMPTY);
	IS(SYS(unlink, P("/vol/sub/d2/moved")), 0);
	IS(SYS(rmdir, P("/vol/sub/d2")), 0);
	IS(SYS(mknod, P("/vol/dev"), S_IFCHR | 0600, 0x103), -EPERM);
	IS(SYS(setxattr, P("/vol/hard"), P("user.a"), P("1"), 1, 0), -EOPNOTSUPP);
	HAS("/file-mount", "single");
	put("/file-mount", "SINGLE");
	CHECK(!system("test \"$(cat single)\" = SINGLE"));
	IS(open_("/ro/there", O_WRONLY), -EROFS);
	IS(SYS(mkdir, P("/ro/no"), 0755), -EROFS);
}

static void test_devices(void)
{
	long fd = open_("/dev/zero", O_RDWR);

	CHECK(fd >= 0);
	memset(buf, 1, 100);
	IS(SYS(read, fd, P(buf), 100), 100);
	CHECK(!buf[0] && !buf[99]);
	IS(SYS(close, fd), 0);
	fd = open_("/dev/full", O_RDWR);
	IS(SYS(write, fd, P("x"), 1), -ENOSPC);
	IS(SYS(close, fd), 0);
	IS(stat_("/dev/null")->st_mode, S_IFCHR | 0666);
	IS(stat_("/dev/shm")->st_mode, S_IFDIR | 01777);
}

static void test_locks(void)
{
	long a = open_("/lock", O_CREAT | O_RDWR), b = open_("/lock", O_RDWR);
	struct flock l = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };

	IS(SYS(flock, a, 2), 0);
	IS(SYS(flock, b, 2 | 4), -EAGAIN);
	IS(SYS(flock, b, 2), -ERESTARTSYS);
	IS(SYS(fcntl, a, F_OFD_SETLK, P(&l)), 0);
	IS(SYS(fcntl, b, F_SETLK, P(&l)), -EAGAIN);
	IS(SYS(fcntl, b, F_OFD_SETLKW, P(&l)), -ERESTARTSYS);
	IS(SYS(close, a), 0);
	IS(SYS(fcntl, b, F_SETLK, P(&l)), 0);
	IS(SYS(flock, b, 2 | 4), 0);
	IS(SYS(close, b), 0);
}

static void test_inotify(void)
{
	long n = SYS(inotify_init1, O_NONBLOCK);
	long wd = SYS(inotify_add_watch, n, P("/etc"),
		      IN_CREATE | IN_MOVE | IN_DELETE | IN_DELETE_SELF);
	struct inotify_event *e = (struct inotify_event *)buf;

	CHECK(wd > 0);
	put("/etc/watched", "1");
	IS(SYS(rename, P("/etc/watched"), P("/etc/other")), 0);
	IS(SYS(unlink, P("/etc/other")), 0);
	IS(SYS(read, n, P(buf), 4096), 4 * 32);
	IS(e->mask, IN_CREATE);
	CHECK(str_eq(e->name, "watched"));
	e = (struct inotify_event *)(buf + 32);
	IS(e->mask, IN_MOVED_FROM);
	e = (struct inotify_event *)(buf + 96);
	IS(e->mask, IN_DELETE);
	CHECK(str_eq(e->name, "other"));
	IS(SYS(inotify_rm_watch, n, (unsigned long)wd), 0);
	IS(SYS(read, n, P(buf), 4096), 16);
	IS(SYS(read, n, P(buf), 4096), -EAGAIN);
	wd = SYS(inotify_add_watch, n, P("/"), IN_CREATE);
	CHECK(wd > 1);
	IS(SYS(close, n), 0);
	IS(inotify_watch_count, 0);
}

static void test_many(void)
{
	char name[40] = "/many/0000";

	IS(SYS(mkdir, P("/many"), 0755), 0);
	for (int i = 0; i < 1000; i++) {
		for (int d = 0, v = i; d < 4; d++, v /= 10)
			name[9 - d] = (char)('0' + v % 10);
		put(name, name);
		if (i % 3 == 0)
			IS(SYS(unlink, P(name)), 0);
	}
	forget();
	for (int i = 0; i < 1000; i++) {
		for (int d = 0, v = i; d < 4; d++, v /= 10)
			name[9 - d] = (char)('0' + v % 10);
		if (i % 3 == 0)
			CHECK(gone(name));
		else
			HAS(name, name);
	}
	/* More folders of the host than handles are kept. */
	for (int i = 0; i < 700; i++) {
		str_copy(name, "/hosts/000/f", sizeof(name));
		for (int d = 0, v = i; d < 3; d++, v /= 10)
			name[9 - d] = (char)('0' + v % 10);
		HAS(name, "f");
	}
	CHECK(handles < 600);
}

static int add_string(struct boot_info *b, uint32_t *at, const char *s)
{
	uint32_t here = *at;

	*at += (uint32_t)str_copy(b->strings + here, s, 4096) + 1;
	return (int)here;
}

static void add_mount(struct boot_info *b, uint32_t *at, const char *target, const char *options,
		      const char *path)
{
	struct boot_mount *m = &b->mounts[b->mount_count++];

	m->type = (uint32_t)add_string(b, at, "hostfs");
	m->target = (uint32_t)add_string(b, at, target);
	m->options = (uint32_t)add_string(b, at, options);
	m->is_file = str_eq(target, "/file-mount");
	m->handle = (int)syscall(__NR_openat, AT_FDCWD, path,
				 m->is_file ? O_RDWR : O_RDONLY | O_DIRECTORY, 0);
	handles++;
	CHECK(m->handle >= 0);
}

static void boot(void)
{
	struct boot_info *b = calloc(1, sizeof(*b));
	uint32_t at = 1;
	char reason[200] = "";

	add_mount(b, &at, "/", "ro,cache", "root");
	add_mount(b, &at, "/vol", "rw,nocache", "vol");
	add_mount(b, &at, "/ro", "ro,nocache", "vol");
	add_mount(b, &at, "/file-mount", "rw,nocache", "single");
	if (boot_mount_all(b, reason, sizeof(reason)))
		printf("%s\n", reason);
	CHECK(!reason[0]);
	free(b);
}

/* proc, sys and devpts are others': empty ones will do. */
static int mount_nothing(const char *source, const char *options, struct filesystem **ret)
{
	struct fs_type *t;
	static struct fs_type probe = { .name = "probe" };

	if (!probe.next)
		fs_register(&probe);
	for (t = probe.next; !str_eq(t->name, "tmpfs"); t = t->next)
		;
	return t->mount(source, options, ret);
}
static struct fs_type nothing[] = {
	{ .name = "proc", .mount = mount_nothing },
	{ .name = "sysfs", .mount = mount_nothing },
	{ .name = "devpts", .mount = mount_nothing },
	{ .name = "configfs", .mount = mount_nothing },
	{ .name = "attestation", .mount = mount_nothing },
};

static const char prepare[] =
	"mkdir -p root/etc/deep/er root/tree root/r/dir/sub root/cover vol/sub root/hosts && cd root &&"
	"printf lower > etc/conf && printf A > etc/a && chmod 640 etc/a && printf B > etc/b && printf C > etc/c &&"
	"printf deep > etc/deep/er/file && printf other > etc/deep/er/other && ln -s etc/conf link && mkfifo fifo &&"
	"touch tree/x tree/y cover/x && printf 'rename me' > r/file && printf o > r/over && printf 1 > r/dir/one &&"
	"printf 2 > r/dir/sub/two && printf h > hard1 && ln hard1 hard2 && printf xattr > x && printf mapmap > map &&"
	"awk 'BEGIN { for (i = 0; i < 300000; i++) printf \"%c\", 97 + i % 26 }' > big &&"
	"for i in $(seq -w 0 699); do mkdir hosts/$i; printf f > hosts/$i/f; done;"
	"cd ..; printf host > vol/there; printf single > single";

int main(void)
{
	static struct task task, *self = &task;
	static struct process process;
	char dir[] = "/tmp/overlay-test-XXXXXX", command[64] = "rm -rf ";
	struct fs_context *context;
	long before;

	CHECK(mkdtemp(dir) && !chdir(dir) && !system(prepare));
	task.self = self;
	task.process = &process;
	list_init(&process.tasks);
	for (int i = 0; i < RLIM_COUNT; i++)
		process.limits[i].current = process.limits[i].max = UINT64_MAX;
	process.limits[RLIMIT_NOFILE].current = 1000;
	process.pid = 1;
	root_cred = kzalloc(sizeof(*root_cred));
	ref_init(&root_cred->refs);
	root_cred->cap_effective = UINT64_MAX;
	CHECK(!syscall(__NR_arch_prctl, 0x1001 /* ARCH_SET_GS */, &self));
	mapping_cache_init();
	vfs_init();
	tmpfs_init();
	hostfs_init();
	overlay_init();
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		fs_register(&nothing[i]);
	boot();
	task.cred = root_cred;
	context = fs_context_new(&root_path);
	task.fs = context;
	task.files = fd_table_new();
	context->umask = 022;

	test_lookup();
	test_copy_up();
	test_remove();
	test_open_and_unlinked();
	test_rename();
	test_links();
	test_attributes();
	test_map();
	test_volume();
	test_devices();
	test_locks();
	test_inotify();
	test_many();
	fd_table_put(task.files);
	IS(file_count, 0);
	forget();
	before = objects;
	printf("ok: %ld objects, %u inodes, %ld pages, %ld handles, %ld hostcalls, %lu lies\n",
	       before, inode_count, live_pages, handles, hostcalls, (unsigned long)host_lies);
	IS((long)host_lies, 0);
	CHECK(!chdir("/"));
	str_copy(command + 7, dir, sizeof(command) - 7);
	return system(command) != 0;
}
