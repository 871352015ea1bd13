/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_UNIX as a whole, in an ordinary process: the real socket calls, locks, wait queues and user copies over a small
 * descriptor table, a small name space and threads for tasks. Checks data and order under concurrency, ancillary data,
 * the collector of cycles, and that nothing is left alive, also when any one allocation fails. Run under sanitizers.
 * libc's headers clash with the kernel's names, so the few functions used are declared here.
 */
#include "kernel/mm/uio.c"
#include "kernel/mm/usercopy.c"
#include "kernel/net/control.c"
#include "kernel/net/message.c"
#include "kernel/net/option.c"
#include "kernel/net/scm.c"
#include "kernel/net/socket.c"
#include "kernel/net/unix.c"
#undef MESSAGES_MAX
#include "kernel/net/unix_names.c"
#define read_ready dgram_read_ready
#include "kernel/net/unix_dgram.c"
#undef read_ready
#undef OVERFLOW_ID
#define writable stream_can_write
#include "kernel/net/unix_stream.c"
#include "kernel/task/sync.c"

int printf(const char *format, ...);
int vsnprintf(char *to, size_t size, const char *format, va_list ap);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
void exit(int status);
int pthread_create(unsigned long *t, const void *attr, void *(*fn)(void *), void *arg);
int pthread_join(unsigned long t, void **ret);
int sched_yield(void);
long syscall(long number, ...);

#define CHECK(c)                                                                 \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

/* --- the world around -------------------------------------------------------------------------------------------- */

#define FDS 4096
#define NODES 8
static struct mutex table_lock;
static struct file *table[FDS];
static uint32_t files_alive, sigpipes;
static long fail_at = -1, allocations;
static bool privileged = true;
static struct process the_process;
static struct cred *the_cred;
static struct fs_context the_fs;
static struct {
	char name[128];
	struct inode inode;
	struct dentry dentry;
	bool used;
} nodes[NODES];

static bool may_allocate(void)
{
	return __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) != fail_at;
}

void *kmalloc(size_t size)
{
	return may_allocate() ? malloc(size) : NULL;
}

void *kzalloc(size_t size)
{
	return may_allocate() ? calloc(1, size) : NULL;
}

void kfree(void *p)
{
	free(p);
}

void panic(const char *format, ...)
{
	printf("panic: %s\n", format);
	exit(1);
	for (;;)
		;
}

int fmt_snprintf(char *to, size_t size, const char *format, ...)
{
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(to, size, format, ap);
	va_end(ap);
	return len;
}

const struct plat_info *plat_info(void)
{
	static const struct plat_info info = { .cpus = 2,
					       .user_start = 65536,
					       .user_end = 1ul << 47 };

	return &info;
}

size_t plat_copy_user(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	return 0;
}

size_t plat_zero_user(void *to, size_t size)
{
	memset(to, 0, size);
	return 0;
}

bool mm_fault(uintptr_t at, unsigned int access, int *ret_sig, int *ret_code)
{
	(void)at, (void)access, (void)ret_sig, (void)ret_code;
	return false;
}

uint64_t clock_monotonic(void)
{
	int64_t ts[2];

	syscall(228, 1, ts);
	return (uint64_t)ts[0] * 1000000000u + (uint64_t)ts[1];
}

uint64_t deadline_after(uint64_t ns)
{
	return clock_monotonic() + ns;
}

int deadline_from_user(struct uptr at, uint64_t *ret)
{
	(void)at;
	*ret = NEVER;
	return 0;
}

int plat_park(struct task *t, uint64_t deadline)
{
	while (!__atomic_load_n(&t->work, __ATOMIC_ACQUIRE)) {
		if (deadline != NEVER && clock_monotonic() >= deadline)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

void task_put(struct task *t)
{
	(void)!ref_put(&t->refs);
}

void plat_kick(struct task *t, bool user)
{
	(void)t, (void)user;
}

void plat_wait_word(uint32_t *word, uint32_t value)
{
	(void)word, (void)value;
	sched_yield();
}

void plat_wake_word(uint32_t *word, int n)
{
	(void)word, (void)n;
}

bool signal_pending(struct task *t)
{
	(void)t;
	return false;
}

bool signal_fatal_pending(struct task *t)
{
	(void)t;
	return false;
}

int signal_current(int sig)
{
	CHECK(sig == SIGPIPE);
	__atomic_add_fetch(&sigpipes, 1, __ATOMIC_RELAXED);
	return 0;
}

void mm_trim(struct mm *mm)
{
	(void)mm;
}

void time_check_cpu(struct task *t)
{
	(void)t;
}

bool capable(int cap)
{
	(void)cap;
	return privileged;
}

void cred_put(struct cred *c)
{
	CHECK(!ref_put(&c->refs));
}

struct process *process_find(int pid)
{
	return pid == the_process.pid ? &the_process : NULL;
}

void process_put(struct process *p)
{
	(void)p;
}

struct file *file_new_anonymous(const struct file_ops *ops, uint32_t mode, const char *name,
				unsigned int flags, void *private_data)
{
	struct file *f = kzalloc(sizeof(*f));

	(void)mode, (void)name;
	if (!f)
		return NULL;
	f->inode = kzalloc(sizeof(*f->inode));
	if (!f->inode) {
		kfree(f);
		return NULL;
	}
	ref_init(&f->refs);
	f->ops = ops;
	f->flags = flags;
	f->private_data = private_data;
	__atomic_add_fetch(&files_alive, 1, __ATOMIC_RELAXED);
	return f;
}

void file_put(struct file *f)
{
	if (!ref_put(&f->refs))
		return;
	if (f->ops->release)
		f->ops->release(f);
	kfree(f->inode);
	kfree(f);
	__atomic_sub_fetch(&files_alive, 1, __ATOMIC_RELAXED);
}

struct file *fd_get(int fd)
{
	struct file *f = NULL;

	mutex_lock(&table_lock);
	if (fd >= 0 && fd < FDS && table[fd])
		f = file_get(table[fd]);
	mutex_unlock(&table_lock);
	return f;
}

struct file *fd_get_path(int fd)
{
	return fd_get(fd);
}

int fd_alloc(struct file *f, int lowest, bool cloexec)
{
	int fd;

	(void)cloexec;
	mutex_lock(&table_lock);
	for (fd = lowest; fd < FDS && table[fd]; fd++)
		;
	if (fd < FDS)
		table[fd] = file_get(f);
	mutex_unlock(&table_lock);
	return fd < FDS ? fd : -EMFILE;
}

int fd_close(int fd)
{
	struct file *f = NULL;

	mutex_lock(&table_lock);
	if (fd >= 0 && fd < FDS) {
		f = table[fd];
		table[fd] = NULL;
	}
	mutex_unlock(&table_lock);
	if (!f)
		return -EBADF;
	file_put(f);
	return 0;
}

int vfs_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev, struct path *ret)
{
	(void)dirfd, (void)rdev;
	for (int i = 0; i < NODES; i++)
		if (nodes[i].used && str_eq(nodes[i].name, name))
			return -EEXIST;
	for (int i = 0; i < NODES; i++) {
		if (nodes[i].used)
			continue;
		nodes[i].used = true;
		str_copy(nodes[i].name, name, sizeof(nodes[i].name));
		nodes[i].inode.mode = mode;
		nodes[i].dentry.inode = &nodes[i].inode;
		ret->mount = NULL;
		ret->dentry = &nodes[i].dentry;
		return 0;
	}
	return -ENOSPC;
}

int path_lookup(int dirfd, const char *name, unsigned int flags, struct path *ret)
{
	(void)dirfd, (void)flags;
	for (int i = 0; i < NODES; i++)
		if (nodes[i].used && str_eq(nodes[i].name, name)) {
			ret->mount = NULL;
			ret->dentry = &nodes[i].dentry;
			return 0;
		}
	return -ENOENT;
}

void path_put(struct path *p)
{
	(void)p;
}

int inode_permission(struct inode *i, unsigned int mask)
{
	(void)i, (void)mask;
	return 0;
}

int inet_socket_new(int family, int type, int protocol, unsigned int flags, struct socket **ret)
{
	(void)family, (void)type, (void)protocol, (void)flags, (void)ret;
	return -EAFNOSUPPORT;
}

int netlink_socket_new(int type, int protocol, unsigned int flags, struct socket **ret)
{
	(void)type, (void)protocol, (void)flags, (void)ret;
	return -EAFNOSUPPORT;
}

long interface_ioctl(int handle, unsigned int request, unsigned long argument)
{
	(void)handle, (void)request, (void)argument;
	return -ENOTTY;
}

static void become_task(void)
{
	static struct task tasks[64];
	static uint32_t used;
	struct task *t = &tasks[__atomic_fetch_add(&used, 1, __ATOMIC_RELAXED)];

	CHECK(t < tasks + ARRAY_SIZE(tasks));
	t->self = t;
	t->process = &the_process;
	t->cred = the_cred;
	t->fs = &the_fs;
	syscall(158, 0x1001 /* ARCH_SET_GS */, t);
}

/* --- calls ------------------------------------------------------------------------------------------------------- */

#define CALL(name, ...) sys_##name((unsigned long[6]){ __VA_ARGS__ })
#define P(x) ((unsigned long)(x))

static int make_pair(int type, int fds[2])
{
	return (int)CALL(socketpair, AF_UNIX, P(type), 0, P(fds));
}

static long put(int fd, const void *data, size_t size, unsigned int flags)
{
	return CALL(sendto, P(fd), P(data), size, flags, 0, 0);
}

static long get(int fd, void *data, size_t size, unsigned int flags)
{
	return CALL(recvfrom, P(fd), P(data), size, flags, 0, 0);
}

static long put_fds(int fd, const void *data, size_t size, const int *fds, size_t count)
{
	uint64_t control[256] = { 0 };
	struct uio_segment v = { UPTR(data), size };
	struct control_header h = { CONTROL_SIZE(count * 4), SOL_SOCKET, SCM_RIGHTS };
	struct message_header m = { .vector = UPTR(&v),
				    .vector_count = 1,
				    .control = UPTR(control),
				    .control_size = CONTROL_SPACE(count * 4) };

	memcpy(control, &h, sizeof(h));
	memcpy((char *)control + sizeof(h), fds, count * 4);
	return CALL(sendmsg, P(fd), P(&m), MSG_DONTWAIT);
}

static long get_fds(int fd, void *data, size_t size, int *fds, size_t room, size_t *ret_count,
		    unsigned int flags)
{
	uint64_t control[256] = { 0 };
	struct uio_segment v = { UPTR(data), size };
	struct control_header h = { 0, 0, 0 };
	struct message_header m = { .vector = UPTR(&v),
				    .vector_count = 1,
				    .control = UPTR(control),
				    .control_size = room ? CONTROL_SPACE(room * 4) : 0 };
	long r = CALL(recvmsg, P(fd), P(&m), flags | MSG_DONTWAIT);

	*ret_count = 0;
	if (r >= 0 && m.control_size) {
		memcpy(&h, control, sizeof(h));
		CHECK(h.level == SOL_SOCKET && h.type == SCM_RIGHTS);
		*ret_count = (h.size - sizeof(h)) / 4;
		CHECK(*ret_count <= room + 1);
		memcpy(fds, (char *)control + sizeof(h), *ret_count * 4);
	}
	return r;
}

static void check_nothing_left(const char *what)
{
	if (socket_count || files_alive) {
		printf("%s: %u sockets and %u files are left\n", what, socket_count, files_alive);
		exit(1);
	}
	CHECK(list_empty(&users) && list_empty(&sockets_in_flight) && list_empty(&drains));
	CHECK(ring_memory == 0);
	for (int i = 0; i < NODES; i++) {
		CHECK(!nodes[i].inode.socket);
		nodes[i].used = false;
	}
}

static uint32_t random_state = 1;
static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

#define BULK (4ul << 20)
static int bulk[2];

static void *bulk_writer(void *arg)
{
	unsigned char b[5000];
	size_t done = 0;

	(void)arg;
	become_task();
	while (done < BULK) {
		size_t n = MIN((size_t)1 + done % sizeof(b), BULK - done);

		for (size_t i = 0; i < n; i++)
			b[i] = pattern(done + i);
		CHECK(put(bulk[0], b, n, 0) == (long)n);
		done += n;
	}
	CHECK(!CALL(shutdown, P(bulk[0]), 1));
	return NULL;
}

static void test_bulk(void)
{
	static unsigned char b[70000];
	unsigned long t;
	size_t done = 0;
	long r;

	CHECK(!make_pair(SOCK_STREAM, bulk));
	CHECK(!pthread_create(&t, NULL, bulk_writer, NULL));
	while ((r = get(bulk[1], b, 1 + (done * 13) % sizeof(b), done & 64 ? MSG_WAITALL : 0)) >
	       0) {
		for (long i = 0; i < r; i++)
			CHECK(b[i] == pattern(done + (size_t)i));
		done += (size_t)r;
	}
	CHECK(r == 0 && done == BULK);
	pthread_join(t, NULL);
	CHECK(!fd_close(bulk[0]) && !fd_close(bulk[1]));
	check_nothing_left("bulk");
}

static void *pong(void *arg)
{
	char b;

	(void)arg;
	become_task();
	while (get(bulk[1], &b, 1, 0) == 1)
		CHECK(put(bulk[1], &b, 1, 0) == 1);
	return NULL;
}

static void test_ping_pong(int type)
{
	unsigned long t;
	char b = 1;

	CHECK(!make_pair(type, bulk));
	CHECK(!pthread_create(&t, NULL, pong, NULL));
	allocations = 0;
	for (int i = 0; i < 3000; i++) {
		CHECK(put(bulk[0], &b, 1, 0) == 1);
		CHECK(get(bulk[0], &b, 1, 0) == 1);
	}
	CHECK(type != SOCK_STREAM || allocations <= 2); /* one ring each way, no more */
	CHECK(!CALL(shutdown, P(bulk[0]), 1));
	pthread_join(t, NULL);
	CHECK(!fd_close(bulk[0]) && !fd_close(bulk[1]));
	check_nothing_left("ping-pong");
}

static void *dgram_writer(void *arg)
{
	uint32_t m[2] = { (uint32_t)(uintptr_t)arg, 0 };

	become_task();
	for (; m[1] < 3000; m[1]++)
		CHECK(put(bulk[0], m, sizeof(m), 0) == sizeof(m));
	return NULL;
}

static void test_dgram_threads(void)
{
	uint32_t m[2], next[4] = { 0 };
	unsigned long t[4];
	int size = 4096;

	CHECK(!make_pair(SOCK_DGRAM, bulk));
	CHECK(!CALL(setsockopt, P(bulk[0]), SOL_SOCKET, SO_SNDBUF, P(&size), 4));
	for (uintptr_t i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, dgram_writer, (void *)i));
	for (int i = 0; i < 12000; i++) {
		CHECK(get(bulk[1], m, sizeof(m), 0) == sizeof(m));
		CHECK(m[0] < 4 && m[1] == next[m[0]]);
		next[m[0]]++;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK(!fd_close(bulk[0]) && !fd_close(bulk[1]));
	check_nothing_left("dgram threads");
}

/* Random sends with and without files, random reads: bytes in order, every file comes with its bytes, in order. */
static void test_records(void)
{
	size_t sent = 0, got = 0, fds_sent = 0, fds_got = 0, count;
	uint64_t ends[4096];
	unsigned char b[3000];
	int s[2], other[2], fds[300];

	CHECK(!make_pair(SOCK_STREAM, s) && !make_pair(SOCK_DGRAM, other));
	for (int step = 0; step < 20000; step++) {
		size_t n = 1 + random_below(sizeof(b));
		long r;

		if (random_below(2)) {
			bool with = !random_below(4) && fds_sent < ARRAY_SIZE(ends);

			for (size_t i = 0; i < n; i++)
				b[i] = pattern(sent + i);
			r = with ? put_fds(s[0], b, n, other, 1 + random_below(2))
				 : put(s[0], b, n, MSG_DONTWAIT);
			CHECK(r > 0 || r == -EAGAIN);
			if (r > 0)
				sent += (size_t)r;
			if (r > 0 && with)
				ends[fds_sent++] = sent;
			continue;
		}
		if (!random_below(4)) {
			r = get_fds(s[1], b, n, fds, 3, &count, MSG_PEEK);
			for (size_t i = 0; i < count; i++)
				CHECK(!fd_close(fds[i]));
			for (long i = 0; i < r; i++)
				CHECK(b[i] == pattern(got + (size_t)i));
		}
		r = get_fds(s[1], b, n, fds, 3, &count, 0);
		CHECK(r > 0 || r == -EAGAIN);
		for (long i = 0; i < r; i++)
			CHECK(b[i] == pattern(got + (size_t)i));
		if (r > 0)
			got += (size_t)r;
		if (count) {
			CHECK(fds_got < fds_sent && got <= ends[fds_got]);
			fds_got++;
		}
		CHECK(fds_got == fds_sent || got < ends[fds_got]);
		for (size_t i = 0; i < count; i++)
			CHECK(!fd_close(fds[i]));
	}
	CHECK(!fd_close(s[0]) && !fd_close(s[1]) && !fd_close(other[0]) && !fd_close(other[1]));
	check_nothing_left("records");
}

static void test_cycles(void)
{
	int s[2], t[2], u[2], fds[8];
	size_t count;
	char b;

	/* Both ends in each other's queue, and a live socket that must survive. */
	CHECK(!make_pair(SOCK_STREAM, s) && !make_pair(SOCK_DGRAM, t));
	CHECK(put_fds(s[0], "a", 1, (int[]){ s[0], t[0] }, 2) == 1);
	CHECK(put_fds(s[1], "b", 1, (int[]){ s[1] }, 1) == 1);
	CHECK(put_fds(t[0], "c", 1, (int[]){ t[0] }, 1) == 1);
	CHECK(!fd_close(s[0]) && !fd_close(s[1]));
	CHECK(!make_pair(SOCK_DGRAM, u));
	CHECK(!fd_close(u[0]));
	CHECK(!fd_close(u[1]));
	CHECK(socket_count == 2); /* t: alive through its descriptors */
	CHECK(!fd_close(t[0]));
	CHECK(socket_count == 2); /* t[0] waits in t[1] */
	CHECK(get_fds(t[1], &b, 1, fds, 4, &count, 0) == 1 && count == 1);
	CHECK(!fd_close(fds[0]) && !fd_close(t[1]));
	check_nothing_left("cycles");

	/* Garbage that holds a queue which is reachable: nothing may be lost. */
	CHECK(!make_pair(SOCK_DGRAM, s) && !make_pair(SOCK_DGRAM, t) && !make_pair(SOCK_DGRAM, u));
	CHECK(put_fds(t[0], "x", 1, (int[]){ u[1] }, 1) == 1); /* u[1] in t[1] */
	CHECK(put_fds(s[0], "y", 1, (int[]){ t[1] }, 1) == 1); /* t[1] in s[1] */
	CHECK(!fd_close(u[1]) && !fd_close(t[1]) &&
	      !fd_close(t[0])); /* collects: all reachable through s[1] */
	CHECK(get_fds(s[1], &b, 1, fds, 4, &count, 0) == 1 && count == 1);
	CHECK(get_fds(fds[0], &b, 1, fds + 1, 4, &count, 0) == 1 && b == 'x' && count == 1);
	CHECK(put(u[0], "z", 1, 0) == 1 && get(fds[1], &b, 1, 0) == 1 && b == 'z');
	CHECK(!fd_close(fds[0]) && !fd_close(fds[1]) && !fd_close(s[0]) && !fd_close(s[1]) &&
	      !fd_close(u[0]));
	check_nothing_left("reachable");

	/* A long chain goes in one close, without recursion. */
	CHECK(!make_pair(SOCK_DGRAM, s));
	for (int i = 0; i < 3000; i++) {
		CHECK(!make_pair(SOCK_DGRAM, t));
		CHECK(put_fds(t[0], "n", 1, &s[1], 1) == 1);
		CHECK(!fd_close(s[0]) && !fd_close(s[1]) && !(i == 0 && socket_count != 3));
		s[0] = t[0];
		s[1] = t[1];
	}
	CHECK(!fd_close(s[0]) && !fd_close(s[1]));
	check_nothing_left("chain");
}

static void test_limits(void)
{
	int s[2];
	long r, n = 0;

	the_process.limits[RLIMIT_NOFILE].current = 20;
	privileged = false;
	CHECK(!make_pair(SOCK_DGRAM, s));
	while ((r = put_fds(s[0], "f", 1, s, 2)) == 1)
		CHECK(++n < 1000);
	CHECK(r == -ETOOMANYREFS && n == 11);
	privileged = true;
	CHECK(!fd_close(s[0]) && !fd_close(s[1]));
	CHECK(!make_pair(SOCK_DGRAM, s) && !fd_close(s[0]) && !fd_close(s[1]));
	check_nothing_left("limits");
}

struct name {
	uint16_t family;
	char path[108];
};

/* What a server and its clients do, in any order of failures: every call may fail for lack of memory. */
static void scenario(int type, const char *path, unsigned int path_size)
{
	struct name n = { AF_UNIX, "" };
	long l, c = -1, a = -1, d = -1, r;
	int fds[8], s[2] = { -1, -1 };
	size_t count = 0;
	char b[64];

	memcpy(n.path, path, path_size);
	l = CALL(socket, AF_UNIX, P(type), 0);
	if (l < 0)
		return;
	if (CALL(bind, P(l), P(&n), 2 + path_size) || (type != SOCK_DGRAM && CALL(listen, P(l), 1)))
		goto out;
	c = CALL(socket, AF_UNIX, P(type), 0);
	if (c < 0)
		goto out;
	r = CALL(connect, P(c), P(&n), 2 + path_size);
	if (r)
		goto out;
	r = 1;
	if (CALL(setsockopt, P(c), SOL_SOCKET, SO_PASSCRED, P(&r), 4))
		goto out;
	put((int)c, "first", 5, MSG_DONTWAIT);
	if (!make_pair(SOCK_SEQPACKET, s)) {
		put_fds((int)c, "fds", 3, s, 2);
		put_fds(s[0], "self", 4, s, 2);
	}
	a = type == SOCK_DGRAM ? l : CALL(accept, P(l), 0, 0);
	if (a >= 0) {
		for (int i = 0; i < 3; i++) {
			r = get_fds((int)a, b, sizeof(b), fds, 4, &count, i ? 0 : MSG_PEEK);
			for (size_t j = 0; r >= 0 && j < count; j++)
				CHECK(!fd_close(fds[j]));
		}
		put((int)a, "answer", 6, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	d = CALL(socket, AF_UNIX, P(type), 0);
	if (d >= 0 && !CALL(connect, P(d), P(&n), 2 + path_size))
		put_fds((int)d, "left in the queue", 17, (int[]){ (int)d, (int)l }, 2);
out:
	for (int i = 0; i < 2; i++)
		if (s[i] >= 0)
			CHECK(!fd_close(s[i]));
	CHECK(!fd_close((int)l));
	if (c >= 0)
		CHECK(!fd_close((int)c));
	if (d >= 0)
		CHECK(!fd_close((int)d));
	if (a >= 0 && a != l)
		CHECK(!fd_close((int)a));
	/* Something has to be closed for the collector to run after the last reference went. */
	fail_at = -1;
	CHECK(!make_pair(SOCK_DGRAM, s) && !fd_close(s[0]) && !fd_close(s[1]));
}

static void test_failing_allocations(int type, const char *path, unsigned int size)
{
	long n;

	for (n = 0; n < 200; n++) {
		allocations = 0;
		fail_at = n;
		scenario(type, path, size);
		check_nothing_left("failing allocation");
	}
}

static void test_fault_and_errors(void)
{
	int s[2];
	char b[8];

	CHECK(!make_pair(SOCK_STREAM, s));
	CHECK(put(s[0], (void *)8, 4, 0) == -EFAULT);
	CHECK(get(s[1], b, 0, MSG_DONTWAIT) == -EAGAIN);
	CHECK(put(s[0], "q", 1, 0) == 1);
	CHECK(get(s[1], b, 0, MSG_DONTWAIT) == 0);
	sigpipes = 0;
	CHECK(!fd_close(s[1]));
	CHECK(get(s[0], b, 1, 0) == -ECONNRESET && get(s[0], b, 1, 0) == 0);
	CHECK(put(s[0], "x", 1, 0) == -EPIPE && sigpipes == 1);
	CHECK(put(s[0], "x", 1, MSG_NOSIGNAL) == -EPIPE && sigpipes == 1);
	CHECK(!fd_close(s[0]));
	CHECK(make_pair(99, s) == -EINVAL && make_pair(4, s) == -ESOCKTNOSUPPORT);
	check_nothing_left("errors");
}

int main(void)
{
	the_process.pid = 7;
	the_process.limits[RLIMIT_NOFILE].current = 4000;
	the_cred = calloc(1, sizeof(*the_cred));
	ref_init(&the_cred->refs);
	become_task();
	net_init();
	test_fault_and_errors();
	test_records();
	test_cycles();
	test_limits();
	the_process.limits[RLIMIT_NOFILE].current = 4000;
	test_failing_allocations(SOCK_STREAM, "path", 5);
	test_failing_allocations(SOCK_SEQPACKET, "\0abstract", 9);
	test_failing_allocations(SOCK_DGRAM, "dgram", 6);
	test_ping_pong(SOCK_STREAM);
	test_ping_pong(SOCK_SEQPACKET);
	test_dgram_threads();
	test_bulk();
	printf("ok\n");
	return 0;
}
