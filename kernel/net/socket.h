/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of kernel/net: the socket object, what a family implements, and the constants of <sys/socket.h> that the
 * UAPI headers lack. A socket belongs to one file (file->private_data) and lives as long as it; a family may keep its
 * own part (struct unix_socket) longer. Operations are called with a reference on the file and no lock held.
 */
#pragma once

#include <asm/socket.h>
#include <linux/poll.h>

#include "kernel/net/net.h"
#include "kernel/task/cred.h"
#include "lib/base/types.h"

enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16 };
enum {
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
	SOCK_RAW = 3,
	SOCK_SEQPACKET = 5,
	SOCK_TYPES = 11,
	SOCK_TYPE_MASK = 0xf
};
#define SOCK_CLOEXEC 02000000u
#define SOCK_NONBLOCK 04000u

#define MSG_OOB 0x1u
#define MSG_PEEK 0x2u
#define MSG_DONTROUTE 0x4u
#define MSG_CTRUNC 0x8u
#define MSG_TRUNC 0x20u
#define MSG_DONTWAIT 0x40u
#define MSG_EOR 0x80u
#define MSG_WAITALL 0x100u
#define MSG_CONFIRM 0x800u
#define MSG_ERRQUEUE 0x2000u
#define MSG_NOSIGNAL 0x4000u
#define MSG_MORE 0x8000u
#define MSG_WAITFORONE 0x10000u
#define MSG_FASTOPEN 0x20000000u
#define MSG_CMSG_CLOEXEC 0x40000000u

enum { SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };
#define SCM_MAX_FDS 253u

enum { SHUTDOWN_READ = 1, SHUTDOWN_WRITE = 2, SHUTDOWN_BOTH = 3 };

#define SOCKET_ADDRESS_MAX 128u /* sizeof(struct sockaddr_storage) */
#define SOCKET_CONTROL_MAX \
	20480u /* net.core.optmem_max of old kernels: largest control buffer going in */
#define SOCKET_BUFFER_DEFAULT 212992u
#define SOCKET_BUFFER_MAX 425984u	   /* twice net.core.wmem_max: what SO_SNDBUF can set */
#define SOCKET_BUFFER_FORCE_MAX (1u << 20) /* what SO_SNDBUFFORCE can set */
#define SOCKET_BUFFER_MIN 4608u
#define SOCKET_BACKLOG_MAX 4096u

/* struct cmsghdr and its arithmetic: 64-bit sizes, 8-byte alignment. */
struct control_header {
	uint64_t size; /* with this header */
	int32_t level, type;
};
#define CONTROL_ALIGN(n) (((size_t)(n) + 7) & ~(size_t)7)
#define CONTROL_SPACE(n) (sizeof(struct control_header) + CONTROL_ALIGN(n))
#define CONTROL_SIZE(n) (sizeof(struct control_header) + (size_t)(n))

/* A kernel copy of control messages that somebody wrote; what is left of it. */
struct control_cursor {
	const unsigned char *at;
	size_t left;
};

/* The next message: 1, its header and its data (size - sizeof(*ret) bytes at *ret_data); 0 no more; -EINVAL its length can't be. */
int control_next(struct control_cursor *c, struct control_header *ret,
		 const unsigned char **ret_data);

/* struct user_msghdr */
struct message_header {
	struct uptr name;
	int32_t name_size;
	uint32_t pad;
	struct uptr vector;
	uint64_t vector_count;
	struct uptr control;
	uint64_t control_size;
	uint32_t flags, pad2;
};
_Static_assert(sizeof(struct message_header) == 56, "struct user_msghdr");

struct user_credentials { /* struct ucred */
	int32_t pid;
	uint32_t uid, gid;
};

struct send_args {
	struct uio *io;
	const void *address; /* kernel copy, at most SOCKET_ADDRESS_MAX bytes; NULL: none */
	unsigned int address_size;
	const void *control; /* kernel copy; NULL: none */
	size_t control_size;
	unsigned int flags; /* MSG_*; MSG_DONTWAIT is set if the file is O_NONBLOCK */
};

struct receive_args {
	struct uio *io;
	void *address; /* SOCKET_ADDRESS_MAX bytes, or NULL if the sender does not matter */
	unsigned int
		address_size; /* result; may exceed the room: the true size. At most SOCKET_ADDRESS_MAX is stored */
	struct uptr control; /* application's buffer, advanced by control_put */
	size_t control_left;
	unsigned int flags;	   /* MSG_*, as above */
	unsigned int result_flags; /* MSG_TRUNC, MSG_CTRUNC, MSG_EOR ... */
	bool has_header;	   /* recvmsg: control messages are wanted */
};

struct socket;

/* NULL: -EOPNOTSUPP. Addresses are kernel copies of at most SOCKET_ADDRESS_MAX bytes. */
struct socket_ops {
	const struct file_ops *file_ops;
	int (*bind)(struct socket *s, const void *address, unsigned int size);
	int (*listen)(struct socket *s, int backlog);
	int (*connect)(struct socket *s, const void *address, unsigned int size, bool nonblock);
	/* A new socket in *ret, in `flags` (SOCK_NONBLOCK); the peer's address if wanted. */
	int (*accept)(struct socket *s, unsigned int flags, bool nonblock, struct socket **ret,
		      void *address, unsigned int *ret_size);
	int (*name)(struct socket *s, bool peer, void *address, unsigned int *ret_size);
	long (*send)(struct socket *s, struct send_args *a);
	long (*receive)(struct socket *s, struct receive_args *a);
	int (*shutdown)(struct socket *s, int how);
	/* value: kernel copy of `size` bytes. After the generic options of net/option.c, if local_options. */
	int (*set_option)(struct socket *s, int level, int name, const void *value,
			  unsigned int size);
	int (*get_option)(struct socket *s, int level, int name, void *value, unsigned int *size);
	unsigned int (*poll)(struct socket *s, struct file *f, struct poll_table *pt);
	long (*ioctl)(struct socket *s, unsigned int request, unsigned long argument);
	void (*release)(struct socket *s); /* frees s with socket_free */
	bool local_options;		   /* SOL_SOCKET is kept here, not on the host */
};

struct socket {
	const struct socket_ops *ops;
	uint16_t family, type;
	int protocol;
	int handle;				/* host sockets; else -1 */
	uint64_t receive_timeout, send_timeout; /* ns, NEVER */
	/* SOL_SOCKET kept here: */
	uint32_t send_buffer, receive_buffer;
	uint32_t receive_low; /* SO_RCVLOWAT */
	uint32_t option_bits; /* 1 << SO_* of the yes/no options below 32 */
	int32_t linger[2];
	int32_t priority;
};

/* --- socket.c: objects --- */
void socket_setup(struct socket *s, const struct socket_ops *ops, int family, int type,
		  int protocol);       /* counts it */
void socket_uncount(struct socket *s); /* the family frees the memory */
must_check int socket_file_new(struct socket *s, unsigned int flags,
			       struct file **ret); /* takes s over only on success */
/* The socket of a descriptor: counted file in *ret_file; or ERR_PTR(-EBADF), ERR_PTR(-ENOTSOCK). */
struct socket *socket_of_fd(int fd, struct file **ret_file);
static inline struct socket *socket_of_file(const struct file *f)
{
	return f->private_data;
}
static inline unsigned int socket_file_flags(const struct file *f)
{
	return f->flags & SOCK_NONBLOCK ? MSG_DONTWAIT : 0;
}
static inline bool socket_nonblock(const struct file *f)
{
	return (f->flags & SOCK_NONBLOCK) != 0;
}
/* move_addr_to_user: at most *size_at bytes of the address, its true size to *size_at. */
must_check int socket_address_out(const void *address, unsigned int size, struct uptr to,
				  struct uptr size_at);
must_check int socket_address_in(void *to, struct uptr from, unsigned int size);
/* The result of a wait or cancelled hostcall with this timeout: -ERESTARTSYS, -EINTR or -EAGAIN. */
int socket_wait_error(int error, uint64_t timeout);

/* --- file operations all families share --- */
long socket_read(struct file *f, struct uio *io, uint64_t *pos);
long socket_write(struct file *f, struct uio *io, uint64_t *pos);
unsigned int socket_poll(struct file *f, struct poll_table *pt);
long socket_ioctl(struct file *f, unsigned int request, unsigned long argument);
void socket_release(struct file *f);

/* --- option.c --- */
must_check int socket_get_timeout(uint64_t timeout, void *value, unsigned int *size);
must_check int socket_set_timeout(uint64_t *timeout, const void *value, unsigned int size);

/* --- control.c: control messages to the application --- */
/* Appends one control message; sets MSG_CTRUNC when it did not fit whole. */
must_check int control_put(struct receive_args *a, int level, int type, const void *data,
			   size_t size);

/* --- families --- */
must_check int unix_socket_new(int type, int protocol, struct socket **ret);
must_check int unix_socket_pair(int type, int protocol, struct socket *ret[2]);
must_check int inet_socket_new(int family, int type, int protocol, unsigned int flags,
			       struct socket **ret);
must_check int netlink_socket_new(int type, int protocol, unsigned int flags, struct socket **ret);
void unix_init(void);

/* interface.c: SIOCGIF* of any socket; handle -1: a query socket of the kernel's own. -ENOTTY: not one of them. */
long interface_ioctl(int handle, unsigned int request, unsigned long argument);

/* host_socket.c: what inet and netlink sockets share */
extern const struct file_ops host_socket_file_ops;
void host_socket_release(struct socket *s);
/* The result for the application: -EINTR becomes the restart error that fits, others stay. */
long host_socket_result(long result, bool nonblock, uint64_t timeout);
