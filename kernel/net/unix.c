/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_UNIX sockets: life, connections, readiness and options. Data is in unix_stream.c and unix_dgram.c, names in
 * unix_names.c, files in messages in scm.c; unix.h tells the model and the lock order.
 *
 * A connection is two sockets that point at each other. Each holds a reference on the other; the first to be closed
 * drops its own, so there is no cycle, while the survivor may still look at (and wake) the dead end's memory.
 * connect makes the server's socket at once (an embryo in the listener's backlog): it works before accept takes it.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/sockios.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/net/unix.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

struct unix_socket *unix_get(struct unix_socket *u)
{
	ref_get(&u->refs);
	return u;
}

void unix_put(struct unix_socket *u)
{
	if (!ref_put(&u->refs))
		return;
	unix_address_put(u->address);
	if (u->peer_cred)
		cred_put(u->peer_cred);
	kfree(u->ring);
	kfree(u);
}

struct unix_socket *unix_peer_get(struct unix_socket *u)
{
	struct unix_socket *peer;

	mutex_lock(&u->state_lock);
	peer = u->peer;
	if (peer)
		unix_get(peer);
	mutex_unlock(&u->state_lock);
	return peer;
}

void unix_credentials(struct user_credentials *ret)
{
	const struct cred *c = current()->cred;

	ret->pid = current_process()->pid;
	ret->uid = c->uid;
	ret->gid = c->gid;
}

static struct unix_socket *unix_new(int type)
{
	struct unix_socket *u = kzalloc(sizeof(*u));

	if (!u)
		return NULL;
	socket_setup(&u->base, type == SOCK_STREAM ? &unix_stream_ops : &unix_dgram_ops, AF_UNIX,
		     type, 0);
	ref_init(&u->refs);
	wait_queue_init(&u->wait);
	wait_queue_init(&u->send_wait);
	list_init(&u->records);
	list_init(&u->messages);
	list_init(&u->senders);
	list_init(&u->sender_link);
	list_init(&u->backlog);
	list_init(&u->backlog_link);
	list_init(&u->name_link);
	list_init(&u->flight_link);
	list_init(&u->gc_link);
	return u;
}

static int type_check(int *type, int protocol)
{
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (*type == SOCK_RAW)
		*type = SOCK_DGRAM; /* as Linux: BSD compatibility */
	return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET
		       ? 0
		       : -ESOCKTNOSUPPORT;
}

int unix_socket_new(int type, int protocol, struct socket **ret)
{
	struct unix_socket *u;
	int error = type_check(&type, protocol);

	if (error)
		return error;
	u = unix_new(type);
	if (!u)
		return -ENOMEM;
	*ret = &u->base;
	return 0;
}

static void set_peer_identity(struct unix_socket *u, struct cred *cred, int pid)
{
	struct cred *old = u->peer_cred;

	u->peer_cred = cred_get(cred);
	u->peer_pid = pid;
	if (old)
		cred_put(old);
}

/* Both unshared, or guarded by the caller. */
static void join(struct unix_socket *a, struct unix_socket *b)
{
	a->state = b->state = UNIX_CONNECTED;
	__atomic_store_n(&b->peer, unix_get(a), __ATOMIC_RELEASE);
	__atomic_store_n(&a->peer, unix_get(b), __ATOMIC_RELEASE);
}

int unix_socket_pair(int type, int protocol, struct socket *ret[2])
{
	struct unix_socket *a, *b;
	int error = type_check(&type, protocol);

	if (error)
		return error;
	a = unix_new(type);
	b = a ? unix_new(type) : NULL;
	if (!b) {
		if (a)
			a->base.ops->release(&a->base);
		return -ENOMEM;
	}
	join(a, b);
	set_peer_identity(a, current()->cred, current_process()->pid);
	set_peer_identity(b, current()->cred, current_process()->pid);
	if (type == SOCK_DGRAM) {
		list_add(&a->senders, &b->sender_link);
		list_add(&b->senders, &a->sender_link);
	}
	ret[0] = &a->base;
	ret[1] = &b->base;
	return 0;
}

/* Space came: lock held. Only sockets that found u full look at their queues again. */
void unix_wake_senders(struct unix_socket *u)
{
	struct unix_socket *s;

	u->senders_blocked = false;
	list_for_each(s, &u->senders, sender_link)
		if (!wait_queue_empty(&s->wait))
			wake(&s->wait, POLLBIT_OUT | POLLBIT_WRNORM | POLLBIT_WRBAND);
	if (!wait_queue_empty(&u->send_wait))
		wake(&u->send_wait, ~0u);
}

/* --- end of life ------------------------------------------------------------------------------------------------ */

static void unix_release(struct socket *s);

static void peer_gone(struct unix_socket *peer, bool reset)
{
	if (reset)
		__atomic_store_n(&peer->error, ECONNRESET, __ATOMIC_RELAXED);
	__atomic_or_fetch(&peer->shutdown, SHUTDOWN_BOTH, __ATOMIC_RELEASE);
	wake(&peer->wait, ~0u);
}

static void unix_release_with(struct unix_socket *u, bool embryo)
{
	struct unix_socket *peer, *child, *next;
	struct list backlog;
	struct scm *scms = NULL;
	bool unread;

	unix_unbind(u);
	list_init(&backlog);
	mutex_lock(&u->lock);
	u->dead = true;
	__atomic_store_n(&u->shutdown, SHUTDOWN_BOTH, __ATOMIC_RELEASE);
	unread = u->used || !list_empty(&u->messages);
	unix_stream_purge(u, &scms);
	unix_dgram_purge(u, &scms);
	list_for_each_safe(child, next, &u->backlog, backlog_link) {
		list_remove(&child->backlog_link);
		list_add_tail(&backlog, &child->backlog_link);
	}
	u->backlog_count = 0;
	unix_wake_senders(u);
	mutex_unlock(&u->lock);

	if (u->base.type == SOCK_DGRAM) {
		mutex_lock(&u->state_lock);
		unix_dgram_disconnect(u, NULL);
		mutex_unlock(&u->state_lock);
	} else if (u->peer) {
		peer = u->peer;
		u->peer = NULL;
		peer_gone(peer, unread || embryo);
		unix_put(peer);
	}
	list_for_each_safe(child, next, &backlog, backlog_link) {
		list_remove(&child->backlog_link);
		unix_release_with(child, true); /* embryos have no backlog: one level */
	}
	scm_free_queued(scms);
	socket_uncount(&u->base);
	unix_put(u);
}

static void unix_release(struct socket *s)
{
	unix_release_with(unix_of(s), false);
	scm_collect();
}

/* --- connections ------------------------------------------------------------------------------------------------- */

static int unix_listen(struct socket *s, int backlog)
{
	struct unix_socket *u = unix_of(s);
	int error = -EINVAL;

	if (s->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	mutex_lock(&u->state_lock);
	if (!u->address || u->state == UNIX_CONNECTED)
		goto out;
	mutex_lock(&u->lock);
	u->backlog_max = (uint32_t)backlog;
	u->state = UNIX_LISTENING;
	set_peer_identity(u, current()->cred, current_process()->pid);
	unix_wake_senders(u);
	mutex_unlock(&u->lock);
	error = 0;
out:
	mutex_unlock(&u->state_lock);
	return error;
}

static bool backlog_full(const struct unix_socket *u)
{
	return __atomic_load_n(&u->backlog_count, __ATOMIC_RELAXED) > u->backlog_max;
}

/* state_lock of u held. 0, or an error; -EAGAIN: the backlog is full. Takes embryo on success. */
static int connect_to(struct unix_socket *u, struct unix_socket *listener,
		      struct unix_socket *embryo)
{
	int error = 0;

	mutex_lock(&listener->lock);
	if (listener->dead || listener->state != UNIX_LISTENING ||
	    (unix_shutdown_bits(listener) & SHUTDOWN_READ)) {
		error = -ECONNREFUSED;
	} else if (backlog_full(listener)) {
		error = -EAGAIN;
	} else {
		embryo->address = listener->address;
		ref_get(&embryo->address->refs);
		embryo->pass_credentials = listener->pass_credentials;
		set_peer_identity(embryo, current()->cred, current_process()->pid);
		set_peer_identity(u, listener->peer_cred, listener->peer_pid);
		join(u, embryo);
		list_add_tail(&listener->backlog, &embryo->backlog_link);
		__atomic_add_fetch(&listener->backlog_count, 1, __ATOMIC_RELAXED);
	}
	mutex_unlock(&listener->lock);
	return error;
}

static int unix_connect(struct socket *s, const void *address, unsigned int size, bool nonblock)
{
	struct unix_socket *u = unix_of(s), *listener = NULL, *embryo;
	uint64_t deadline = s->send_timeout == NEVER ? NEVER : deadline_after(s->send_timeout);
	int error;

	embryo = unix_new(s->type);
	if (!embryo)
		return -ENOMEM;
	if (u->pass_credentials) {
		error = unix_autobind(u);
		if (error)
			goto out;
	}
	for (;;) {
		error = unix_find(address, size, s->type, &listener);
		if (error)
			goto out;
		mutex_lock(&u->state_lock);
		if (u->state == UNIX_CONNECTED)
			error = -EISCONN;
		else if (u->state == UNIX_LISTENING)
			error = -EINVAL;
		else
			error = connect_to(u, listener, embryo);
		mutex_unlock(&u->state_lock);
		if (error != -EAGAIN || nonblock)
			break;
		error = WAIT_EVENT(&listener->send_wait, listener->dead || !backlog_full(listener),
				   deadline);
		if (error) {
			error = socket_wait_error(error, s->send_timeout);
			break;
		}
		unix_put(listener);
		listener = NULL;
	}
	if (!error) {
		embryo = NULL;
		wake(&listener->wait, POLLBIT_IN | POLLBIT_RDNORM);
		wake(&u->wait, ~0u);
	}
out:
	if (embryo)
		unix_release_with(embryo, false);
	if (listener)
		unix_put(listener);
	return error;
}

static struct unix_socket *backlog_take(struct unix_socket *u)
{
	struct unix_socket *child = NULL;

	mutex_lock(&u->lock);
	if (!list_empty(&u->backlog)) {
		child = list_first(&u->backlog, struct unix_socket, backlog_link);
		list_remove(&child->backlog_link);
		__atomic_sub_fetch(&u->backlog_count, 1, __ATOMIC_RELAXED);
	}
	mutex_unlock(&u->lock);
	if (child && !wait_queue_empty(&u->send_wait))
		wake(&u->send_wait, ~0u);
	return child;
}

static int unix_accept(struct socket *s, unsigned int flags, bool nonblock, struct socket **ret,
		       void *address, unsigned int *ret_size)
{
	struct unix_socket *u = unix_of(s), *child;
	uint64_t deadline = s->receive_timeout == NEVER || nonblock
				    ? NEVER
				    : deadline_after(s->receive_timeout);
	int error;

	(void)flags;
	if (s->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (u->state != UNIX_LISTENING)
		return -EINVAL;
	while (!(child = backlog_take(u))) {
		if (unix_shutdown_bits(u) & SHUTDOWN_READ)
			return -EINVAL;
		if (nonblock || !s->receive_timeout)
			return -EAGAIN;
		error = WAIT_EVENT_KEY(&u->wait, POLLBIT_IN,
				       __atomic_load_n(&u->backlog_count, __ATOMIC_RELAXED) ||
					       (unix_shutdown_bits(u) & SHUTDOWN_READ),
				       deadline);
		if (error)
			return socket_wait_error(error, s->receive_timeout);
	}
	if (address) {
		error = unix_name(&child->base, true, address, ret_size);
		if (error) /* cannot be: an embryo has a peer */
			*ret_size = 0;
	}
	*ret = &child->base;
	return 0;
}

static int unix_shutdown(struct socket *s, int how)
{
	struct unix_socket *u = unix_of(s), *peer;
	uint32_t theirs = ((uint32_t)how & SHUTDOWN_READ ? SHUTDOWN_WRITE : 0) |
			  ((uint32_t)how & SHUTDOWN_WRITE ? SHUTDOWN_READ : 0);

	__atomic_or_fetch(&u->shutdown, (uint32_t)how, __ATOMIC_RELEASE);
	wake_all(&u->wait, ~0u);
	if (s->type == SOCK_DGRAM)
		return 0;
	peer = unix_peer_get(u);
	if (peer) {
		__atomic_or_fetch(&peer->shutdown, theirs, __ATOMIC_RELEASE);
		wake_all(&peer->wait, ~0u);
		unix_put(peer);
	}
	return 0;
}

/* --- readiness and options --------------------------------------------------------------------------------------- */

static unsigned int unix_poll(struct socket *s, struct file *f, struct poll_table *pt)
{
	struct unix_socket *u = unix_of(s), *peer;
	unsigned int ready = 0;
	uint32_t shutdown;

	poll_wait(f, &u->wait, pt);
	shutdown = unix_shutdown_bits(u);
	if (__atomic_load_n(&u->error, __ATOMIC_RELAXED))
		ready |= POLLBIT_ERR;
	if (shutdown == SHUTDOWN_BOTH)
		ready |= POLLBIT_HUP;
	if (shutdown & SHUTDOWN_READ)
		ready |= POLLBIT_RDHUP | POLLBIT_IN | POLLBIT_RDNORM;
	if (__atomic_load_n(&u->used, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&u->message_count, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&u->backlog_count, __ATOMIC_RELAXED))
		ready |= POLLBIT_IN | POLLBIT_RDNORM;
	if (s->type != SOCK_DGRAM && u->state == UNIX_IDLE)
		ready |= POLLBIT_HUP;
	if (u->state == UNIX_LISTENING)
		return ready;
	if (s->type != SOCK_STREAM)
		return ready | unix_dgram_poll_write(u);
	peer = unix_peer(u);
	if (!peer || unix_stream_writable(peer, s->send_buffer))
		ready |= POLLBIT_OUT | POLLBIT_WRNORM | POLLBIT_WRBAND;
	return ready;
}

static long unix_ioctl(struct socket *s, unsigned int request, unsigned long argument)
{
	struct unix_socket *u = unix_of(s), *peer;
	int amount = 0;

	switch (request) {
	case FIONREAD:
		if (u->state == UNIX_LISTENING)
			return -EINVAL;
		mutex_lock(&u->lock);
		if (s->type == SOCK_STREAM) {
			amount = (int)u->used;
		} else if (!list_empty(&u->messages)) {
			struct unix_message *m;

			list_for_each(m, &u->messages, link) {
				amount += (int)m->size;
				if (s->type == SOCK_DGRAM)
					break;
			}
		}
		mutex_unlock(&u->lock);
		break;
	case TIOCOUTQ:
		peer = unix_peer_get(u);
		if (peer) {
			amount = (int)(s->type == SOCK_STREAM
					       ? __atomic_load_n(&peer->used, __ATOMIC_RELAXED)
					       : __atomic_load_n(&peer->queued, __ATOMIC_RELAXED));
			unix_put(peer);
		}
		break;
	default:
		return -ENOTTY;
	}
	return put_user(amount, UPTR(argument));
}

static int unix_set_option(struct socket *s, int level, int name, const void *value,
			   unsigned int size)
{
	int number;

	(void)level;
	(void)size; /* at least an int: option.c */
	memcpy(&number, value, sizeof(number));
	if (name != SO_PASSCRED)
		return -ENOPROTOOPT;
	unix_of(s)->pass_credentials = number != 0;
	return 0;
}

static int get_identity(struct unix_socket *u, int name, void *value, unsigned int *size)
{
	struct user_credentials c = { 0, ~0u, ~0u };
	struct cred *cred;
	unsigned int room;
	int error = 0;

	mutex_lock(&u->state_lock);
	cred = u->peer_cred;
	if (name == SO_PEERCRED) {
		if (cred) {
			c.pid = u->peer_pid;
			c.uid = cred->euid;
			c.gid = cred->egid;
		}
		*size = MIN(*size, (unsigned int)sizeof(c));
		memcpy(value, &c, *size);
	} else if (!cred) {
		error = -ENODATA;
	} else {
		room = cred->group_count * (unsigned int)sizeof(uint32_t);
		if (room > *size)
			error = -ERANGE;
		else
			memcpy(value, cred->groups, room);
		*size = room;
	}
	mutex_unlock(&u->state_lock);
	return error;
}

static int unix_get_option(struct socket *s, int level, int name, void *value, unsigned int *size)
{
	struct unix_socket *u = unix_of(s);
	int number;

	(void)level;
	switch (name) {
	case SO_ERROR:
		number = -unix_take_error(u);
		break;
	case SO_ACCEPTCONN:
		number = u->state == UNIX_LISTENING;
		break;
	case SO_PASSCRED:
		number = u->pass_credentials;
		break;
	case SO_PEERCRED:
	case SO_PEERGROUPS:
		return get_identity(u, name, value, size);
	default:
		return -ENOPROTOOPT;
	}
	*size = MIN(*size, (unsigned int)sizeof(number));
	memcpy(value, &number, *size);
	return 0;
}

static const struct file_ops unix_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
	.is_socket = true,
};

#define UNIX_COMMON                                                                      \
	.file_ops = &unix_file_ops, .bind = unix_bind, .listen = unix_listen,            \
	.accept = unix_accept, .name = unix_name, .shutdown = unix_shutdown,             \
	.set_option = unix_set_option, .get_option = unix_get_option, .poll = unix_poll, \
	.ioctl = unix_ioctl, .release = unix_release, .local_options = true

const struct socket_ops unix_stream_ops = {
	UNIX_COMMON,
	.connect = unix_connect,
	.send = unix_stream_send,
	.receive = unix_stream_receive,
};

/* Also seqpackets: datagrams over a connection. */
static int packet_connect(struct socket *s, const void *address, unsigned int size, bool nonblock)
{
	if (s->type == SOCK_SEQPACKET)
		return unix_connect(s, address, size, nonblock);
	return unix_dgram_connect(s, address, size, nonblock);
}

const struct socket_ops unix_dgram_ops = {
	UNIX_COMMON,
	.connect = packet_connect,
	.send = unix_dgram_send,
	.receive = unix_dgram_receive,
};
