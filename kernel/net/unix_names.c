/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of AF_UNIX sockets: paths (a socket inode whose `socket` field points here), abstract names (a hash table), and
 * autobind (abstract, five hexadecimal digits). A bound socket keeps its name until its file is closed; neither the
 * table nor the inode holds a reference: who finds a socket there takes one, unless it was zero already.
 * names_lock guards the table, name_link and inode->socket of all sockets. It is held for list work only.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/net/unix.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define NAME_BUCKETS 256u
#define PATH_OFFSET ((unsigned int)offsetof(struct sockaddr_un, sun_path))

static struct mutex names_lock;
static struct list names[NAME_BUCKETS];
static uint32_t autobind_next;

void unix_init(void)
{
	for (unsigned int i = 0; i < NAME_BUCKETS; i++)
		list_init(&names[i]);
}

static struct list *bucket_of(const void *name, unsigned int size)
{
	return &names[hash_bytes(0, name, size) % NAME_BUCKETS];
}

void unix_address_put(struct unix_address *a)
{
	if (a && ref_put(&a->refs))
		kfree(a);
}

unsigned int unix_address_copy(const struct unix_address *from, void *to)
{
	if (!from)
		return 0;
	memcpy(to, &from->name, MIN(from->size, (unsigned int)sizeof(from->name)));
	if (from->size > sizeof(from->name))
		((char *)to)[sizeof(from->name)] =
			'\0'; /* a path of full length: the NUL is told, too */
	return from->size;
}

/* Checked address; paths get their NUL, which getsockname counts. */
static struct unix_address *address_new(const void *address, unsigned int size)
{
	struct unix_address *a = kzalloc(sizeof(*a) + 1);
	unsigned int len = size - PATH_OFFSET;

	if (!a)
		return NULL;
	ref_init(&a->refs);
	a->name.sun_family = AF_UNIX;
	memcpy(a->name.sun_path, (const char *)address + PATH_OFFSET, len);
	a->size = size;
	if (a->name.sun_path[0])
		a->size = PATH_OFFSET +
			  (unsigned int)strnlen(a->name.sun_path, sizeof(a->name.sun_path)) + 1;
	return a;
}

static int address_check(const void *address, unsigned int size)
{
	const struct sockaddr_un *un = address;

	if (size <= PATH_OFFSET || size > sizeof(*un) || un->sun_family != AF_UNIX)
		return -EINVAL;
	return 0;
}

/* names_lock held. */
static struct unix_socket *abstract_find(const void *name, unsigned int size, int type)
{
	struct unix_socket *u;

	list_for_each(u, bucket_of(name, size), name_link)
		if (u->base.type == type && u->address->size == PATH_OFFSET + size &&
		    !memcmp(u->address->name.sun_path, name, size))
			return u;
	return NULL;
}

/* Takes `a`. */
static int abstract_bind(struct unix_socket *u, struct unix_address *a)
{
	unsigned int size = a->size - PATH_OFFSET;
	int error = -EADDRINUSE;

	mutex_lock(&names_lock);
	if (!abstract_find(a->name.sun_path, size, u->base.type)) {
		__atomic_store_n(&u->address, a, __ATOMIC_RELEASE);
		list_add(bucket_of(a->name.sun_path, size), &u->name_link);
		error = 0;
	}
	mutex_unlock(&names_lock);
	if (error)
		unix_address_put(a);
	return error;
}

static int autobind_locked(struct unix_socket *u)
{
	static const char digits[] = "0123456789abcdef";
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	uint32_t number;

	for (unsigned int tries = 0; tries < 1u << 20; tries++) {
		struct unix_address *a;
		int error;

		number = __atomic_fetch_add(&autobind_next, 1, __ATOMIC_RELAXED);
		for (int i = 5; i > 0; i--, number >>= 4)
			un.sun_path[i] = digits[number & 15];
		a = address_new(&un, PATH_OFFSET + 6);
		if (!a)
			return -ENOMEM;
		error = abstract_bind(u, a);
		if (error != -EADDRINUSE)
			return error;
	}
	return -ENOSPC;
}

int unix_autobind(struct unix_socket *u)
{
	int error = 0;

	if (__atomic_load_n(&u->address, __ATOMIC_ACQUIRE))
		return 0;
	mutex_lock(&u->state_lock);
	if (!u->address)
		error = autobind_locked(u);
	mutex_unlock(&u->state_lock);
	return error;
}

/* Takes `a`. state_lock held: it also keeps two binds of one socket apart while the file is made. */
static int path_bind(struct unix_socket *u, struct unix_address *a)
{
	struct fs_context *fs = current()->fs;
	struct path path;
	uint32_t mode;
	int error;

	mode = S_IFSOCK | (0777 & ~__atomic_load_n(&fs->umask, __ATOMIC_RELAXED));
	error = vfs_mknod(AT_FDCWD, a->name.sun_path, mode, 0, &path);
	if (error) {
		unix_address_put(a);
		return error == -EEXIST ? -EADDRINUSE : error;
	}
	mutex_lock(&names_lock);
	u->path = path;
	path.dentry->inode->socket = u;
	__atomic_store_n(&u->address, a, __ATOMIC_RELEASE);
	mutex_unlock(&names_lock);
	return 0;
}

int unix_bind(struct socket *s, const void *address, unsigned int size)
{
	struct unix_socket *u = unix_of(s);
	const struct sockaddr_un *un = address;
	struct unix_address *a;
	int error;

	if (size == PATH_OFFSET && un->sun_family == AF_UNIX)
		return unix_autobind(u);
	error = address_check(address, size);
	if (error)
		return error;
	a = address_new(address, size);
	if (!a)
		return -ENOMEM;
	mutex_lock(&u->state_lock);
	if (u->address) {
		unix_address_put(a);
		error = -EINVAL;
	} else {
		error = a->name.sun_path[0] ? path_bind(u, a) : abstract_bind(u, a);
	}
	mutex_unlock(&u->state_lock);
	return error;
}

void unix_unbind(struct unix_socket *u)
{
	struct path path = { NULL, NULL };

	if (!u->address)
		return;
	mutex_lock(&names_lock);
	list_remove(&u->name_link);
	if (u->path.dentry) {
		path = u->path;
		if (path.dentry->inode && path.dentry->inode->socket == u)
			path.dentry->inode->socket = NULL;
		u->path.dentry = NULL;
	}
	mutex_unlock(&names_lock);
	if (path.dentry)
		path_put(&path);
}

static int path_find(const struct sockaddr_un *un, unsigned int size, struct unix_socket **ret)
{
	char name[sizeof(un->sun_path) + 1];
	struct unix_socket *u = NULL;
	struct inode *inode;
	struct path path;
	int error;

	memcpy(name, un->sun_path, size - PATH_OFFSET);
	name[size - PATH_OFFSET] = '\0';
	error = path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW, &path);
	if (error)
		return error;
	inode = path.dentry->inode;
	error = inode ? inode_permission(inode, MAY_WRITE) : -ENOENT;
	if (error)
		goto out;
	error = -ECONNREFUSED;
	if ((inode->mode & S_IFMT) != S_IFSOCK)
		goto out;
	mutex_lock(&names_lock);
	u = inode->socket;
	if (u && ref_get_unless_zero(&u->refs))
		error = 0;
	mutex_unlock(&names_lock);
out:
	path_put(&path);
	if (!error)
		*ret = u;
	return error;
}

int unix_find(const void *address, unsigned int size, int type, struct unix_socket **ret)
{
	const struct sockaddr_un *un = address;
	struct unix_socket *u = NULL;
	int error;

	error = address_check(address, size);
	if (error)
		return error;
	if (un->sun_path[0]) {
		error = path_find(un, size, &u);
		if (error)
			return error;
		if (u->base.type != type) {
			unix_put(u);
			return -EPROTOTYPE;
		}
	} else {
		mutex_lock(&names_lock);
		u = abstract_find(un->sun_path, size - PATH_OFFSET, type);
		if (u && !ref_get_unless_zero(&u->refs))
			u = NULL;
		mutex_unlock(&names_lock);
		if (!u)
			return -ECONNREFUSED;
	}
	*ret = u;
	return 0;
}

int unix_name(struct socket *s, bool peer, void *address, unsigned int *ret_size)
{
	struct unix_socket *u = unix_of(s), *other = NULL;
	struct sockaddr_un *un = address;
	unsigned int size;

	if (peer) {
		other = unix_peer_get(u);
		if (!other)
			return -ENOTCONN;
		u = other;
	}
	size = unix_address_copy(__atomic_load_n(&u->address, __ATOMIC_ACQUIRE), address);
	if (!size) {
		un->sun_family = AF_UNIX;
		size = PATH_OFFSET;
	}
	if (other)
		unix_put(other);
	*ret_size = size;
	return 0;
}
