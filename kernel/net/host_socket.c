/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all sockets with a host handle share: the file operations. The host's socket is non-blocking exactly when the
 * application's file is (set_flags), so that every operation is one hostcall with the host's own semantics; blocking
 * ones block in the host and are cancelled by plat_kick. The handle is owned by the socket and closed with it.
 * There is no poll operation: nothing but the host knows, and who waits asks it about host_handle (ipc/poll.c).
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/fcntl.h>

#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/net/socket.h"
#include "kernel/signal/signal.h"

long host_socket_result(long result, bool nonblock, uint64_t timeout)
{
	if (likely(result != -EINTR))
		return result;
	/* A call that cannot block is never interrupted: it comes after the handler. */
	return nonblock ? -ERESTARTNOINTR : socket_wait_error(-EINTR, timeout);
}

void host_socket_release(struct socket *s)
{
	if (s->handle >= 0)
		host_close(s->handle);
	socket_uncount(s);
	kfree(s);
}

static int host_socket_handle(struct file *f)
{
	return socket_of_file(f)->handle;
}

static int host_socket_set_flags(struct file *f, unsigned int flags)
{
	int on = (flags & O_NONBLOCK) != 0;
	long result;

	result = host_ioctl(socket_of_file(f)->handle, FIONBIO, &on);
	return result < 0 ? (int)result : 0;
}

const struct file_ops host_socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.host_handle = host_socket_handle,
	.ioctl = socket_ioctl,
	.release = socket_release,
	.set_flags = host_socket_set_flags,
	.is_socket = true,
};
