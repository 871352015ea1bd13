/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master side of a pseudo-terminal: what a terminal emulator, sshd or script(1) holds. Each open of /dev/ptmx makes
 * a pair. Reading takes what the line discipline put out; when the last slave file is closed, and everything was
 * read, it is EIO. Closing the master hangs the slave up. tty->lock guards the rings; data moves through a buffer so
 * that user memory is not touched with it held.
 */
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/errno.h>

#include "kernel/fs/pseudo.h"
#include "kernel/fs/tty_internal.h"
#include "kernel/signal/signal.h"

static const struct file_ops master_ops;

bool tty_is_master(const struct file *f)
{
	return f->ops == &master_ops;
}

int ptmx_open(struct inode *inode, struct file *f)
{
	struct tty *t;
	int error;

	(void)inode;
	error = tty_new(&t);
	if (error)
		return error;
	t->locked = true;
	f->private_data = t;
	f->ops = &master_ops;
	f->stream = true;
	return 0;
}

static void master_release(struct file *f)
{
	struct tty *t = f->private_data;

	if (!t)
		return;
	tty_hang_up(t, true);
	f->private_data = NULL;
	tty_put(t);
}

static bool slave_closed(const struct tty *t)
{
	return t->slave_seen && !t->slaves;
}

static bool master_can_read(struct tty *t)
{
	bool yes;

	mutex_lock(&t->lock);
	yes = ring_used(&t->out) || (t->packet && t->packet_status) || slave_closed(t);
	mutex_unlock(&t->lock);
	return yes;
}

static bool slave_wants_wake(const struct tty *t)
{
	return !wait_queue_empty(&t->slave_wait) && ring_room(&t->out) >= TTY_OUT / 4;
}

static long master_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct tty *t = f->private_data;
	uint8_t small[512], *buffer = small;
	size_t room = sizeof(small), count, header;
	bool closed, wake_slave;
	int error;

	(void)pos;
	if (!io->left)
		return 0;
	if (io->left > sizeof(small)) {
		void *big = task_iobuf();

		if (big) {
			buffer = big;
			room = TASK_IOBUF_SIZE;
		}
	}
	for (;;) {
		mutex_lock(&t->lock);
		header = t->packet ? 1 : 0;
		count = 0;
		if (t->packet && t->packet_status) {
			buffer[0] = t->packet_status;
			t->packet_status = 0;
			count = 1;
		} else if (ring_used(&t->out) && MIN(room, io->left) > header) {
			buffer[0] = TIOCPKT_DATA;
			count = header +
				ring_get(&t->out, buffer + header, MIN(room, io->left) - header);
		}
		closed = slave_closed(t);
		wake_slave = count && slave_wants_wake(t);
		mutex_unlock(&t->lock);
		if (wake_slave)
			wake(&t->slave_wait, POLLBIT_OUT | POLLBIT_WRNORM);
		if (count) {
			count = uio_put(io, buffer, count);
			return count ? (long)count : -EFAULT;
		}
		if (closed)
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		error = WAIT_EVENT_KEY(&t->master_wait, POLLBIT_IN | POLLBIT_PRI,
				       master_can_read(t), NEVER);
		if (error)
			return -ERESTARTSYS;
	}
}

static long master_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct tty *t = f->private_data;
	uint8_t chunk[TTY_CHUNK];
	size_t total = 0, count, at, taken;
	int error;

	(void)pos;
	while (io->left) {
		count = uio_get(io, chunk, MIN(io->left, sizeof(chunk)));
		if (!count)
			return total ? (long)total : -EFAULT;
		for (at = 0; at < count;) {
			mutex_lock(&t->lock);
			taken = slave_closed(t);
			mutex_unlock(&t->lock);
			if (taken)
				return total ? (long)total : -EIO;
			taken = tty_receive(t, chunk + at, count - at);
			at += taken;
			total += taken;
			if (taken)
				continue;
			if (f->flags & O_NONBLOCK)
				return total ? (long)total : -EAGAIN;
			error = WAIT_EVENT_KEY(&t->master_wait, POLLBIT_OUT, tty_wire_room(t),
					       NEVER);
			if (error)
				return total ? (long)total : -ERESTARTSYS;
		}
	}
	return (long)total;
}

static unsigned int master_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = f->private_data;
	unsigned int ready = 0;

	poll_wait(f, &t->master_wait, pt);
	mutex_lock(&t->lock);
	if (ring_used(&t->out))
		ready |= POLLBIT_IN | POLLBIT_RDNORM;
	if (t->packet && t->packet_status)
		ready |= POLLBIT_IN | POLLBIT_RDNORM | POLLBIT_PRI;
	if (!ring_used(&t->backlog) || ring_room(&t->backlog))
		ready |= POLLBIT_OUT | POLLBIT_WRNORM;
	if (slave_closed(t))
		ready |= POLLBIT_HUP;
	mutex_unlock(&t->lock);
	return ready;
}

static const struct file_ops master_ops = {
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = tty_ioctl,
	.release = master_release,
};
