/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host in a few arrays: a tree of small files, sockets that answer, epolls. It can be made to fail calls, cut them
 * short, or lie: wrong lengths, wrong handles, wrong error numbers, and garbage in every buffer it may write to. What it
 * does is decided by the seeded generator (hosted_seed), so a failure can be run again.
 */
#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/poll.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include <asm/statfs.h>

#include "abi/hostcall.h"
#include "abi/platform.h"
#include "lib/base/string.h"
#include "platform/hosted/hosted.h"

#define NODES 64
#define HANDLES 512
#define EPOLL_MEMBERS 16
#define FILE_MAX 65536
#define EMPTY_PATH 0x1000

enum { NONE, FOLDER, FILE, LINK, SOCKET, EPOLL, STREAM };

struct node {
	uint8_t type;
	uint8_t parent;
	char name[30];
	uint32_t mode, uid, gid, handles;
	size_t size;
	uint8_t data[FILE_MAX];
};

struct member {
	int handle;
	struct epoll_event event;
};

struct handle {
	uint8_t type, node;
	uint64_t position;
	struct member members[EPOLL_MEMBERS];
};

static struct node nodes[NODES];
static struct handle handles[HANDLES];
static unsigned int mode, rate = 1;
static unsigned long lie_at, calls;

static int node_new(int parent, const char *name, uint8_t type, uint32_t permissions)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &nodes[i];

		if (n->type || n->handles)
			continue;
		n->type = type;
		n->parent = (uint8_t)parent;
		str_copy(n->name, name, sizeof(n->name));
		n->mode = permissions & 07777;
		n->uid = n->gid = 0;
		n->size = 0;
		return i;
	}
	return -ENOSPC;
}

static int node_child(int parent, const char *name, size_t len)
{
	for (int i = 1; i < NODES; i++)
		if (nodes[i].type && nodes[i].parent == parent && strlen(nodes[i].name) == len &&
		    !memcmp(nodes[i].name, name, len))
			return i;
	return -ENOENT;
}

static int handle_new(uint8_t type, int node)
{
	for (int i = 3; i < HANDLES; i++)
		if (!handles[i].type) {
			memset(&handles[i], 0, sizeof(handles[i]));
			handles[i].type = type;
			handles[i].node = (uint8_t)node;
			if (node >= 0 && type <= LINK)
				nodes[node].handles++;
			return i;
		}
	return -EMFILE;
}

void hosted_host_file(const char *name, const void *data, size_t size)
{
	int n = node_child(0, name, strlen(name));

	if (n < 0)
		n = node_new(0, name, FILE, 0755);
	if (n < 0)
		hosted_fail("no room for file %s", name);
	nodes[n].size = MIN(size, (size_t)FILE_MAX);
	memcpy(nodes[n].data, data, nodes[n].size);
}

void hosted_host_reset(void)
{
	int etc, share;

	memset(handles, 0, sizeof(handles));
	for (int i = 0; i < NODES; i++)
		memset(&nodes[i], 0, offsetof(struct node, data));
	node_new(0, "", FOLDER, 0755);
	etc = node_new(0, "etc", FOLDER, 0755);
	share = node_new(0, "share", FOLDER, 0777);
	node_new(0, "tmp", FOLDER, 0777);
	nodes[node_new(etc, "passwd", FILE, 0644)].size = 5000;
	nodes[node_new(share, "f", FILE, 0666)].size = 9000;
	node_new(share, "d", FOLDER, 0777);
	etc = node_new(share, "l", LINK, 0777);
	nodes[etc].size = 1;
	nodes[etc].data[0] = 'f';
	handles[0].type = handles[1].type = handles[2].type = STREAM;
	if (handle_new(FOLDER, 0) != 3 || handle_new(FOLDER, share) != 4)
		hosted_fail("host handles");
}

void hosted_host_mode(unsigned int new_mode, unsigned int new_rate, unsigned long at)
{
	mode = new_mode;
	rate = MAX(new_rate, 1u);
	lie_at = at;
	calls = 0;
}

unsigned long hosted_host_calls(void)
{
	return calls;
}

/* --- paths --- */

static struct handle *handle(long h)
{
	return h >= 0 && h < HANDLES && handles[h].type ? &handles[h] : NULL;
}

/* The node of a path; the last name and its folder where that is missing. Links end in -ELOOP unless last. */
static int walk(long dir, const char *path, int *ret_parent, const char **ret_last)
{
	struct handle *h = handle(dir);
	int at;

	if (!h)
		return -EBADF;
	if (h->type > LINK)
		return -ENOTDIR;
	at = h->node;
	if (ret_last)
		*ret_last = NULL;
	while (*path) {
		const char *slash = strchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : strlen(path);
		int child;

		if (nodes[at].type == LINK)
			return -ELOOP;
		if (nodes[at].type != FOLDER)
			return -ENOTDIR;
		if (len > 29)
			return -ENAMETOOLONG;
		if (!len || (len == 1 && path[0] == '.'))
			child = at;
		else if (len == 2 && path[0] == '.' && path[1] == '.')
			child = nodes[at].parent < NODES ? nodes[at].parent : -ENOENT;
		else
			child = node_child(at, path, len);
		if (!path[len] && ret_last) {
			*ret_parent = at;
			*ret_last = path;
		}
		if (child < 0)
			return child;
		at = child;
		path += len + (path[len] == '/');
	}
	return at;
}

static void fill_stat(int i, struct statx *st)
{
	static const uint16_t kinds[] = { 0, S_IFDIR, S_IFREG, S_IFLNK };
	struct node *n = &nodes[i];

	memset(st, 0, sizeof(*st));
	st->stx_mask = STATX_BASIC_STATS;
	st->stx_blksize = 4096;
	st->stx_nlink = n->type == FOLDER ? 2 : 1;
	st->stx_uid = n->uid;
	st->stx_gid = n->gid;
	st->stx_mode = (uint16_t)(kinds[n->type] | n->mode);
	st->stx_ino = (uint64_t)i + 1;
	st->stx_size = n->size;
	st->stx_blocks = (n->size + 511) / 512;
	st->stx_mtime.tv_sec = 1000;
	st->stx_dev_major = 8;
}

static long open_node(long dir, const char *path, uint64_t flags, uint32_t permissions)
{
	const char *last = NULL;
	int parent = 0, n = walk(dir, path, &parent, &last);

	if (n == -ENOENT && (flags & O_CREAT) && last && *last) {
		n = node_new(parent, last, FILE, permissions);
		if (n >= 0)
			return handle_new(FILE, n);
	}
	if (n < 0)
		return n;
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (nodes[n].type == LINK && !((flags & O_PATH) && (flags & O_NOFOLLOW)))
		return -ELOOP;
	if ((flags & O_DIRECTORY) && nodes[n].type != FOLDER)
		return -ENOTDIR;
	if (nodes[n].type == FOLDER && (flags & O_ACCMODE) && !(flags & O_PATH))
		return -EISDIR;
	if ((flags & O_TRUNC) && nodes[n].type == FILE)
		nodes[n].size = 0;
	return handle_new(nodes[n].type, n);
}

static long make(long dir, const char *path, uint8_t type, uint32_t permissions, const char *target)
{
	const char *last = NULL;
	int parent = 0, n = walk(dir, path, &parent, &last);

	if (n >= 0)
		return -EEXIST;
	if (n != -ENOENT || !last || !*last)
		return n;
	n = node_new(parent, last, type, permissions);
	if (n < 0)
		return n;
	if (target) {
		nodes[n].size = MIN(strlen(target), (size_t)FILE_MAX);
		memcpy(nodes[n].data, target, nodes[n].size);
	}
	return 0;
}

static long unlink(long dir, const char *path, long flags)
{
	int n = walk(dir, path, NULL, NULL);

	if (n <= 0)
		return n ? n : -EBUSY;
	if ((nodes[n].type == FOLDER) != !!(flags & 0x200))
		return nodes[n].type == FOLDER ? -EISDIR : -ENOTDIR;
	for (int i = 1; i < NODES; i++)
		if (nodes[i].type && i != n && nodes[i].parent == n && nodes[n].type == FOLDER)
			return -ENOTEMPTY;
	nodes[n].name[0] = 0;
	nodes[n].parent = NODES;
	if (!nodes[n].handles)
		nodes[n].type = NONE;
	return 0;
}

static long rename(long from_dir, const char *from, long to_dir, const char *to)
{
	const char *last = NULL;
	int parent = 0, n = walk(from_dir, from, NULL, NULL), m = walk(to_dir, to, &parent, &last);

	if (n <= 0)
		return n ? n : -EBUSY;
	if (m == n)
		return 0;
	if (m >= 0) {
		long r = unlink(to_dir, to, nodes[m].type == FOLDER ? 0x200 : 0);

		if (r)
			return r;
	} else if (m != -ENOENT || !last || !*last) {
		return m;
	}
	for (int up = parent; up && up < NODES; up = nodes[up].parent)
		if (up == n)
			return -EINVAL;
	str_copy(nodes[n].name, last, sizeof(nodes[n].name));
	nodes[n].parent = (uint8_t)parent;
	return 0;
}

/* --- files --- */

static long transfer(struct handle *h, void *buffer, size_t size, uint64_t offset, bool write)
{
	struct node *n = &nodes[h->node];

	if (h->type != FILE)
		return h->type == FOLDER ? -EISDIR : -ESPIPE;
	if (offset >= FILE_MAX)
		return write ? -ENOSPC : 0;
	if (write) {
		size = MIN(size, FILE_MAX - (size_t)offset);
		if (offset > n->size)
			memset(n->data + n->size, 0, (size_t)offset - n->size);
		memcpy(n->data + offset, buffer, size);
		n->size = MAX(n->size, (size_t)offset + size);
	} else {
		size = offset < n->size ? MIN(size, n->size - (size_t)offset) : 0;
		memcpy(buffer, n->data + offset, size);
	}
	return (long)size;
}

struct entry {
	uint64_t inode, next;
	uint16_t size;
	uint8_t type;
	char name[];
};

static long list(struct handle *h, char *to, size_t size)
{
	static const uint8_t kinds[] = { 0, 4, 8, 10 };
	size_t used = 0;

	if (h->type != FOLDER)
		return -ENOTDIR;
	for (; h->position < NODES; h->position++) {
		struct node *n = &nodes[h->position];
		char piece[64] = { 0 };
		struct entry e = { .inode = h->position + 1, .next = h->position + 1 };

		if (!h->position || !n->type || n->parent != h->node)
			continue;
		e.size = (uint16_t)((19 + strlen(n->name) + 1 + 7) & ~7UL);
		e.type = kinds[n->type];
		if (used + e.size > size)
			return used ? (long)used : -EINVAL;
		memcpy(piece, &e, 19);
		str_copy(piece + 19, n->name, sizeof(piece) - 19);
		memcpy(to + used, piece, e.size);
		used += e.size;
	}
	return (long)used;
}

/* --- sockets and streams --- */

static long stream_read(char *to, size_t size)
{
	uint64_t chance = hosted_random();

	if (chance % 4 == 0)
		return -EAGAIN;
	size = MIN(size, (size_t)(chance >> 8) % 700);
	memset(to, 'x', size);
	return (long)size;
}

struct message {
	void *name;
	int name_size;
	struct iovec *vector;
	size_t vector_count;
	void *control;
	size_t control_size;
	unsigned int flags;
};

static void give_address(void *to, unsigned int *size)
{
	static const uint8_t address[16] = { 2, 0, 0x1f, 0x90, 127, 0, 0, 1 };

	if (!to || !size)
		return;
	memcpy(to, address, MIN(*size, 16u));
	*size = 16;
}

static long message(struct message *m, bool send)
{
	size_t total = 0;

	for (size_t i = 0; i < m->vector_count; i++) {
		size_t size = m->vector[i].iov_len;

		if (send) {
			uint8_t sum = 0;

			for (size_t k = 0; k < size; k++)
				sum ^= ((uint8_t *)m->vector[i].iov_base)[k];
			total += size + (sum & 0);
		} else {
			long n = stream_read(m->vector[i].iov_base, size);

			if (n < 0)
				return total ? (long)total : n;
			total += (size_t)n;
			if ((size_t)n < size)
				break;
		}
	}
	if (!send) {
		unsigned int size = (unsigned int)m->name_size;

		give_address(m->name, &size);
		m->name_size = m->name ? (int)size : 0;
		m->control_size = 0;
		m->flags = 0;
	}
	return (long)total;
}

static long poll(struct pollfd *fds, size_t count)
{
	long ready = 0;

	for (size_t i = 0; i < count; i++) {
		fds[i].revents = (short)(handle(fds[i].fd) ? fds[i].events & (short)hosted_random()
							   : POLLNVAL);
		if (fds[i].fd < 0)
			fds[i].revents = 0;
		ready += fds[i].revents != 0;
	}
	return ready;
}

static long epoll_ctl(struct handle *h, long op, int fd, struct epoll_event *event)
{
	struct member *free = NULL;

	for (int i = 0; i < EPOLL_MEMBERS; i++) {
		struct member *m = &h->members[i];

		if (m->handle == fd && fd) {
			if (op == EPOLL_CTL_ADD)
				return -EEXIST;
			if (op == EPOLL_CTL_DEL)
				m->handle = 0;
			else
				m->event = *event;
			return 0;
		}
		if (!m->handle)
			free = m;
	}
	if (op != EPOLL_CTL_ADD)
		return -ENOENT;
	if (!free)
		return -ENOSPC;
	free->handle = fd;
	free->event = *event;
	return 0;
}

static long epoll_wait(struct handle *h, struct epoll_event *events, long max)
{
	long n = 0;

	for (int i = 0; i < EPOLL_MEMBERS && n < max; i++)
		if (h->members[i].handle && handle(h->members[i].handle) && hosted_random() % 2) {
			events[n] = h->members[i].event;
			events[n++].events &= (uint32_t)hosted_random() | EPOLLIN;
		}
	return n;
}

static long close(long fd)
{
	struct handle *h = handle(fd);

	if (!h)
		return -EBADF;
	if (h->type <= LINK) {
		struct node *n = &nodes[h->node];

		if (!--n->handles && n->parent == NODES)
			n->type = NONE;
	}
	h->type = NONE;
	return 0;
}

#define P(x) ((void *)(x))

static long honest(unsigned int number, long a, long b, long c, long d, long e, long f)
{
	struct handle *h = handle(a);
	int n;

	switch (number) {
	case HC_OPEN:
		return open_node(a, P(b), (uint64_t)c, (uint32_t)d);
	case HC_OPEN2: {
		struct open_how *how = P(c);

		return d != sizeof(*how) ? -EINVAL
					 : open_node(a, P(b), how->flags, (uint32_t)how->mode);
	}
	case HC_STATX:
		if (h && h->type > LINK && !*(char *)P(b)) {
			memset(P(e), 0, sizeof(struct statx));
			((struct statx *)P(e))->stx_mode = h->type == STREAM ? S_IFCHR | 0620
									     : S_IFSOCK | 0777;
			return 0;
		}
		n = walk(a, P(b), NULL, NULL);
		if (n >= 0)
			fill_stat(n, P(e));
		return MIN(n, 0);
	case HC_READLINK:
		n = walk(a, P(b), NULL, NULL);
		if (n < 0 || nodes[n].type != LINK)
			return n < 0 ? n : -EINVAL;
		memcpy(P(c), nodes[n].data, MIN((size_t)d, nodes[n].size));
		return (long)MIN((size_t)d, nodes[n].size);
	case HC_MKDIR:
		return make(a, P(b), FOLDER, (uint32_t)c, NULL);
	case HC_SYMLINK:
		return make(b, P(c), LINK, 0777, P(a));
	case HC_UNLINK:
		return unlink(a, P(b), c);
	case HC_RENAME:
		return e ? -EINVAL : rename(a, P(b), c, P(d));
	case HC_LINK:
		return -EPERM;
	case HC_CHMOD:
	case HC_CHOWN:
		n = walk(a, P(b), NULL, NULL);
		if (n < 0)
			return n;
		if (number == HC_CHMOD)
			nodes[n].mode = (uint32_t)c & 07777;
		return 0;
	case HC_UTIMENS:
		return b ? MIN(walk(a, P(b), NULL, NULL), 0) : h ? 0 : -EBADF;
	case HC_SOCKET:
		return handle_new(SOCKET, 0);
	case HC_EPOLL_CREATE:
		return handle_new(EPOLL, 0);
	case HC_POLL:
		return poll(P(a), (size_t)b);
	}
	if (!h)
		return -EBADF;
	switch (number) {
	case HC_CLOSE:
		return close(a);
	case HC_PREAD:
		return transfer(h, P(b), (size_t)c, (uint64_t)d, false);
	case HC_PWRITE:
		return transfer(h, P(b), (size_t)c, (uint64_t)d, true);
	case HC_GETDENTS:
		return list(h, P(b), (size_t)c);
	case HC_SEEK:
		if (c == 0)
			h->position = (uint64_t)b;
		return c == 0 ? b : -ENXIO;
	case HC_TRUNCATE:
		if (h->type != FILE || b < 0 || b > FILE_MAX)
			return -EINVAL;
		if ((size_t)b > nodes[h->node].size)
			memset(nodes[h->node].data + nodes[h->node].size, 0,
			       (size_t)b - nodes[h->node].size);
		nodes[h->node].size = (size_t)b;
		return 0;
	case HC_FALLOCATE:
		return -EOPNOTSUPP;
	case HC_FSYNC:
	case HC_FDATASYNC:
		return 0;
	case HC_STATFS:
		memset(P(b), 0, sizeof(struct statfs));
		((struct statfs *)P(b))->f_bsize = 4096;
		return 0;
	case HC_FILE_READ:
	case HC_READ:
		return stream_read(P(b), (size_t)c);
	case HC_FILE_WRITE:
	case HC_WRITE:
		return c;
	case HC_IOCTL:
		return -ENOTTY;
	case HC_BIND:
	case HC_LISTEN:
	case HC_CONNECT:
	case HC_SHUTDOWN:
	case HC_SETSOCKOPT:
		return h->type == SOCKET ? 0 : -ENOTSOCK;
	case HC_ACCEPT:
		if (hosted_random() % 2)
			return -EAGAIN;
		give_address(P(b), P(c));
		return handle_new(SOCKET, 0);
	case HC_SENDMSG:
		return message(P(b), true);
	case HC_RECVMSG:
		return message(P(b), false);
	case HC_SENDTO:
		return c;
	case HC_RECVFROM:
		give_address(P(e), P(f));
		return stream_read(P(b), (size_t)c);
	case HC_GETSOCKOPT:
		memset(P(d), 0, *(unsigned int *)P(e));
		return 0;
	case HC_GETSOCKNAME:
	case HC_GETPEERNAME:
		give_address(P(b), P(c));
		return 0;
	case HC_EPOLL_CTL:
		return h->type == EPOLL ? epoll_ctl(h, b, (int)c, P(d)) : -EINVAL;
	case HC_EPOLL_WAIT:
		return h->type == EPOLL ? epoll_wait(h, P(b), c) : -EINVAL;
	}
	return -ENOSYS;
}

/* --- the other host --- */

static void scribble(void *to, size_t size)
{
	static const uint64_t words[] = {
		0,	    ~0ULL,	1,   0x7fffffffffffffffULL, 0x8000000000000000ULL,
		0xffffffff, 0x80000000, 4096
	};
	uint8_t *p = to;
	uint64_t how = hosted_random() % 4;

	if (!to || !size)
		return;
	for (size_t i = 0; i < size; i++) {
		if (how == 0)
			p[i] = (uint8_t)hosted_random();
		else if (how == 1)
			p[i] = 0xff;
		else if (how == 2 && !(hosted_random() % 16))
			p[i] ^= (uint8_t)(1u << hosted_random() % 8);
		else if (how == 3 && i % 8 == 0 && i + 8 <= size && !(hosted_random() % 4))
			memcpy(p + i, &words[hosted_random() % ARRAY_SIZE(words)], 8);
	}
}

/* What the buffers of a call can take: asked before the honest answer changes the sizes. */
struct room {
	unsigned int size;
	size_t control;
};

static struct room room_of(unsigned int number, long b, long c, long e, long f)
{
	struct room r = { 0, 0 };

	switch (number) {
	case HC_ACCEPT:
	case HC_GETSOCKNAME:
	case HC_GETPEERNAME:
		r.size = b && c ? *(unsigned int *)P(c) : 0;
		break;
	case HC_RECVFROM:
		r.size = e && f ? *(unsigned int *)P(f) : 0;
		break;
	case HC_GETSOCKOPT:
		r.size = *(unsigned int *)P(e);
		break;
	case HC_RECVMSG:
		r.size = ((struct message *)P(b))->name
				 ? (unsigned int)((struct message *)P(b))->name_size
				 : 0;
		r.control = ((struct message *)P(b))->control_size;
	}
	return r;
}

/* Garbage in whatever the call lets the host write. */
static void scribble_results(unsigned int number, struct room room, long a, long b, long c, long d,
			     long e, long f)
{
	unsigned int four = (unsigned int)hosted_random();

	switch (number) {
	case HC_PREAD:
	case HC_FILE_READ:
	case HC_READ:
	case HC_GETDENTS:
		scribble(P(b), (size_t)c);
		break;
	case HC_STATX:
		scribble(P(e), sizeof(struct statx));
		break;
	case HC_READLINK:
		scribble(P(c), (size_t)d);
		break;
	case HC_STATFS:
		scribble(P(b), sizeof(struct statfs));
		break;
	case HC_POLL:
		scribble(P(a), (size_t)b * sizeof(struct pollfd));
		break;
	case HC_EPOLL_WAIT:
		scribble(P(b), (size_t)c * sizeof(struct epoll_event));
		break;
	case HC_ACCEPT:
	case HC_GETSOCKNAME:
	case HC_GETPEERNAME:
		if (b && c) {
			scribble(P(b), room.size);
			memcpy(P(c), &four, 4);
		}
		break;
	case HC_RECVFROM:
		scribble(P(b), (size_t)c);
		if (e && f) {
			scribble(P(e), room.size);
			memcpy(P(f), &four, 4);
		}
		break;
	case HC_GETSOCKOPT:
		scribble(P(d), room.size);
		memcpy(P(e), &four, 4);
		break;
	case HC_RECVMSG: {
		struct message *m = P(b);

		for (size_t i = 0; i < m->vector_count; i++)
			scribble(m->vector[i].iov_base, m->vector[i].iov_len);
		scribble(m->control, room.control);
		if (m->name)
			scribble(m->name, room.size);
		m->name_size = (int)hosted_random();
		m->control_size = hosted_random() >> (hosted_random() % 64);
		m->flags = (unsigned int)hosted_random();
		break;
	}
	default:
		break;
	}
}

static long bad_result(long result)
{
	switch (hosted_random() % 8) {
	case 0:
		return -(long)(hosted_random() % 140);
	case 1:
		return (long)hosted_random();
	case 2:
		return 0x7fffffff;
	case 3:
		return (long)(hosted_random() % HANDLES);
	case 4:
		return -4095;
	case 5:
		return result + 1;
	case 6:
		return (long)(hosted_random() % 100000);
	default:
		return result;
	}
}

long plat_hostcall(unsigned int number, long a, long b, long c, long d, long e, long f)
{
	struct room room;
	long r;

	calls++;
	if (!mode || (lie_at ? calls != lie_at : hosted_random() % rate != 0))
		return honest(number, a, b, c, d, e, f);
	switch (mode) {
	case HOST_FAILS:
		if (number == HC_CLOSE)
			(void)honest(number, a, b, c, d, e, f);
		return -(long)(1 + hosted_random() % 133);
	case HOST_SHORT:
		switch (number) {
		case HC_PREAD:
		case HC_PWRITE:
		case HC_FILE_READ:
		case HC_READ:
		case HC_FILE_WRITE:
		case HC_WRITE:
		case HC_SENDTO:
		case HC_RECVFROM:
			return honest(number, a, b,
				      c > 1 ? (long)(hosted_random() % (uint64_t)c) : c, d, e, f);
		}
		return honest(number, a, b, c, d, e, f);
	default:
		room = room_of(number, b, c, e, f);
		r = honest(number, a, b, c, d, e, f);
		if (hosted_random() % 4)
			scribble_results(number, room, a, b, c, d, e, f);
		return hosted_random() % 2 ? bad_result(r) : r;
	}
}
