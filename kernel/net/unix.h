/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of AF_UNIX. A unix_socket is counted: one reference of its file, one of each socket whose peer it is, one of
 * each call that found it by name. What was sent to a socket waits in that socket: streams in a ring of bytes plus a
 * list of records for ancillary data, datagrams and seqpackets in a list of messages, connections in a backlog.
 *
 * Locks, in order: state_lock (of the caller's own socket: its name, state and peer) -> names_lock (unix_names.c), or
 * -> lock of a listener -> lock of any other; of the last kind one at a time. gc_lock (scm.c) comes before `lock` and
 * is never taken with any of these held. `lock` guards all that waits in the socket. shutdown, error, used, dead and peer are also read without it; wake-ups come after the unlock, whose
 * locked instruction orders them against wait_add of the sleeper.
 * User memory is touched with a stream's `lock` held: only the two ends of that connection wait for it.
 */
#pragma once

#include <linux/un.h>

#include "kernel/fs/vfs.h"
#include "kernel/net/socket.h"

enum unix_state { UNIX_IDLE, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_address {
	struct refcount refs;
	unsigned int size; /* as getsockname tells */
	struct sockaddr_un name;
};

/* Files on their way, in one message. */
struct scm {
	struct scm *next;
	struct scm_user *user; /* whose limit it counts against; NULL: not in flight */
	unsigned int count;
	struct file *files[];
};

/* Ancillary data of the stream's bytes [start, end). */
struct unix_record {
	struct list link;
	uint64_t start, end;
	struct scm *scm;
	struct user_credentials credentials;
	bool has_credentials;
};

struct unix_message {
	struct list link;
	struct refcount refs;
	uint32_t size, charge;
	struct unix_address *from; /* or NULL */
	struct scm *scm;
	struct user_credentials credentials;
	bool has_credentials;
	unsigned char data[];
};

struct unix_socket {
	struct socket base; /* first */
	struct refcount refs;
	struct mutex lock;
	struct wait_queue wait; /* everything poll announces */
	uint32_t shutdown;	/* SHUTDOWN_*; atomic */
	int error;		/* SO_ERROR, positive; atomic */
	uint8_t state;		/* enum unix_state */
	bool dead, pass_credentials, senders_blocked;
	struct unix_socket *peer; /* counted; streams: set once */
	/* stream: bytes [read_pos, read_pos + used) at ring[ring_head...] */
	uint32_t used, ring_head, ring_size, record_count;
	unsigned char *ring;
	uint64_t read_pos;
	struct list records;
	/* datagram, seqpacket */
	struct list messages;
	uint32_t message_count, queued; /* queued: sum of charges */
	struct list senders;		/* sockets connected to this one */
	struct list sender_link;	/* in peer->senders; peer's lock */
	struct wait_queue send_wait;	/* unconnected senders, and connect on a full backlog */
	/* listening */
	struct list backlog; /* embryos by backlog_link */
	struct list backlog_link;
	uint32_t backlog_count, backlog_max;
	/* name and identity */
	struct mutex state_lock;
	struct unix_address *address; /* set once, stays until the memory goes */
	struct list name_link;	      /* names_lock */
	struct path path;	      /* of a bound path; dentry NULL: none */
	struct cred *peer_cred;
	int peer_pid;
	/* in flight: gc_lock */
	struct file *file; /* valid while in_flight */
	struct list flight_link, gc_link;
	uint32_t in_flight, gc_left;
	bool gc_candidate;
};

extern const struct socket_ops unix_stream_ops, unix_dgram_ops;

static inline struct unix_socket *unix_of(struct socket *s)
{
	return (struct unix_socket *)s;
}
static inline uint32_t unix_shutdown_bits(const struct unix_socket *u)
{
	return __atomic_load_n(&u->shutdown, __ATOMIC_ACQUIRE);
}
static inline struct unix_socket *unix_peer(const struct unix_socket *u)
{
	return __atomic_load_n(&u->peer, __ATOMIC_ACQUIRE);
}
static inline int unix_take_error(struct unix_socket *u)
{
	if (likely(!__atomic_load_n(&u->error, __ATOMIC_RELAXED)))
		return 0;
	return -__atomic_exchange_n(&u->error, 0, __ATOMIC_RELAXED);
}

/* unix.c */
struct unix_socket *unix_get(struct unix_socket *u);
void unix_put(struct unix_socket *u);
struct unix_socket *unix_peer_get(struct unix_socket *u); /* counted, or NULL */
void unix_wake_senders(struct unix_socket *u);		  /* lock held */
void unix_credentials(struct user_credentials *ret);	  /* of the calling task */
/* unix_names.c */
must_check int unix_bind(struct socket *s, const void *address, unsigned int size);
must_check int unix_autobind(struct unix_socket *u);
void unix_unbind(struct unix_socket *u);
/* Counted live socket of this name and type; -ECONNREFUSED, -ENOENT, -EPROTOTYPE, -EINVAL ... */
must_check int unix_find(const void *address, unsigned int size, int type,
			 struct unix_socket **ret);
int unix_name(struct socket *s, bool peer, void *address, unsigned int *ret_size);
unsigned int unix_address_copy(const struct unix_address *from, void *to);
void unix_address_put(struct unix_address *a);
/* scm.c */
/* What send's control messages hold; *ret_scm NULL if no files. With the credentials to send, if any. */
must_check int scm_parse(const struct send_args *a, struct scm **ret_scm,
			 struct user_credentials *ret_credentials, bool *ret_has_credentials);
must_check int
scm_take_off(struct scm *scm);	/* before it is queued: counts it as in flight. -ETOOMANYREFS */
void scm_land(struct scm *scm); /* it left the queue */
void scm_free(struct scm *scm); /* landed or never flown; NULL is fine */
struct scm *scm_duplicate(struct scm *scm); /* for MSG_PEEK; queue's lock held. NULL: no memory */
void scm_peek_barrier(void); /* after scm_duplicate, without locks, before files are given out */
/* Puts credentials and files into the control buffer; takes scm (may be NULL). */
must_check int scm_deliver(struct receive_args *a, const struct user_credentials *credentials,
			   struct scm *scm);
void scm_collect(void); /* frees unreachable cycles */
/* unix_stream.c, unix_dgram.c */
void unix_stream_purge(struct unix_socket *u, struct scm **scms); /* lock held; true state: empty */
void unix_dgram_purge(struct unix_socket *u, struct scm **scms);
void unix_message_put(struct unix_message *m);
unsigned int unix_dgram_poll_write(struct unix_socket *u);
must_check int unix_dgram_connect(struct socket *s, const void *address, unsigned int size,
				  bool nonblock);
/* state_lock held. scms not NULL: the socket goes on, what waits in it is lost; the caller frees these files. */
void unix_dgram_disconnect(struct unix_socket *u, struct scm **scms);
void scm_free_queued(struct scm *scms); /* lands and frees a list; no lock held */
long unix_stream_send(struct socket *s, struct send_args *a);
long unix_stream_receive(struct socket *s, struct receive_args *a);
long unix_dgram_send(struct socket *s, struct send_args *a);
long unix_dgram_receive(struct socket *s, struct receive_args *a);
bool unix_stream_writable(const struct unix_socket *peer, uint32_t limit);
