/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: their numbers, their life, and the files of the slave side (what programs have as standard input).
 *
 * A tty is counted by its files (and by the console service). Its number is in table[] as long as it can be opened:
 * until the wire is closed. A file belongs to the tty's present life if its private_value is tty->hangups; a
 * hang-up makes all older files dead: they read end-of-file and write EIO.
 * Locks: table_lock -> nothing; tty->lock guards the rest. See tty_internal.h.
 */
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kernel/fs/pseudo.h"
#include "kernel/fs/tty_internal.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

static struct mutex table_lock;
static struct tty **table; /* not counted: an entry goes before its tty does */
static int table_size;
static uint64_t next_serial;

static const struct file_ops slave_ops;

/* --- life --------------------------------------------------------------------------------------------------------- */

static int take_number(struct tty *t)
{
	struct tty **grown;
	int i, size;

	for (i = 0; i < table_size && table[i]; i++)
		;
	if (i == table_size) {
		if (table_size >= TTY_COUNT_MAX)
			return -ENOSPC;
		size = table_size ? table_size * 2 : 16;
		grown = krealloc(table, (size_t)size * sizeof(*table));
		if (!grown)
			return -ENOMEM;
		memset(grown + table_size, 0, (size_t)(size - table_size) * sizeof(*table));
		table = grown;
		table_size = size;
	}
	table[i] = t;
	t->index = i;
	t->serial = ++next_serial;
	return 0;
}

static void drop_number(struct tty *t)
{
	mutex_lock(&table_lock);
	if (t->index < table_size && table[t->index] == t)
		table[t->index] = NULL;
	mutex_unlock(&table_lock);
}

int tty_new(struct tty **ret)
{
	struct tty *t = kzalloc(sizeof(*t));
	int error;

	if (!t)
		return -ENOMEM;
	t->out.data = kmalloc(TTY_OUT);
	if (!t->out.data) {
		kfree(t);
		return -ENOMEM;
	}
	t->out.size = TTY_OUT;
	ref_init(&t->refs);
	wait_queue_init(&t->slave_wait);
	wait_queue_init(&t->master_wait);
	t->in = t->out_handle = -1;
	t->mode = 0620;
	t->uid = current()->cred ? current()->cred->fsuid : 0;
	t->gid = 5;
	t->accessed = t->modified = t->changed = time_now();
	tty_line_init(t);
	mutex_lock(&table_lock);
	error = take_number(t);
	mutex_unlock(&table_lock);
	if (error) {
		kfree(t->out.data);
		kfree(t);
		return error;
	}
	*ret = t;
	return 0;
}

void tty_put(struct tty *t)
{
	if (!ref_put(&t->refs))
		return;
	tty_forget_session(t, false);
	drop_number(t);
	if (t->console) {
		host_close(t->in);
		host_close(t->out_handle);
	}
	kfree(t->out.data);
	kfree(t->backlog.data);
	kfree(t);
}

struct tty *tty_by_index(int index, uint64_t serial)
{
	struct tty *t = NULL;

	mutex_lock(&table_lock);
	if (index >= 0 && index < table_size)
		t = table[index];
	if (t && ((serial && t->serial != serial) || !ref_get_unless_zero(&t->refs)))
		t = NULL;
	mutex_unlock(&table_lock);
	if (t && __atomic_load_n(&t->wire_closed, __ATOMIC_RELAXED)) {
		tty_put(t);
		t = NULL;
	}
	return t;
}

int tty_next_index(int from)
{
	int i;

	mutex_lock(&table_lock);
	for (i = from; i < table_size; i++)
		if (table[i] && !__atomic_load_n(&table[i]->wire_closed, __ATOMIC_RELAXED))
			break;
	if (i >= table_size)
		i = -1;
	mutex_unlock(&table_lock);
	return i;
}

bool tty_alive(int index, uint64_t serial)
{
	struct tty *t = tty_by_index(index, serial);

	if (t)
		tty_put(t);
	return t != NULL;
}

int tty_foreground_group(struct tty *t)
{
	return __atomic_load_n(&t->group, __ATOMIC_RELAXED);
}

uint64_t tty_device(struct tty *t)
{
	uint64_t minor = (uint64_t)t->index;

	return (TTY_MAJOR_PTS << 8) | (minor & 0xff) | (minor & ~0xffULL) << 12;
}

/* The terminal is gone (wire_closed) or starts a new life: the session loses it, open files are dead. */
void tty_hang_up(struct tty *t, bool wire_closed)
{
	mutex_lock(&t->lock);
	t->hangups++;
	if (wire_closed)
		__atomic_store_n(&t->wire_closed, true, __ATOMIC_RELAXED);
	tty_line_flush_input(t);
	t->backlog.tail = t->backlog.head;
	t->stopped = false;
	mutex_unlock(&t->lock);
	if (wire_closed)
		drop_number(t);
	tty_forget_session(t, true);
	wake_all(&t->slave_wait, ~0u);
	wake_all(&t->master_wait, ~0u);
}

bool tty_file_hung(const struct file *f, const struct tty *t)
{
	return f->private_value != __atomic_load_n(&t->hangups, __ATOMIC_ACQUIRE);
}

bool tty_is_slave(const struct file *f)
{
	return f->ops == &slave_ops;
}

/* --- the wire's side ------------------------------------------------------------------------------------------------ */

static void announce(struct tty *t)
{
	if (tty_line_readable(t, false) && !wait_queue_empty(&t->slave_wait))
		wake(&t->slave_wait, POLLBIT_IN | POLLBIT_RDNORM);
}

/* What the line discipline has no room for yet waits here; the buffer exists only while it is in use. */
static size_t backlog_put(struct tty *t, const uint8_t *data, size_t size)
{
	if (!t->backlog.data) {
		t->backlog.data = kmalloc(TTY_BACKLOG);
		if (!t->backlog.data)
			return 0;
		t->backlog.size = TTY_BACKLOG;
		t->backlog.head = t->backlog.tail = 0;
	}
	return ring_put(&t->backlog, data, size);
}

void tty_kick_output(struct tty *t)
{
	bool any;

	mutex_lock(&t->lock);
	any = ring_used(&t->out) || t->packet_status;
	mutex_unlock(&t->lock);
	if (!any)
		return;
	if (t->console)
		console_drain(t);
	else if (!wait_queue_empty(&t->master_wait))
		wake(&t->master_wait, POLLBIT_IN | POLLBIT_RDNORM | POLLBIT_PRI);
}

size_t tty_receive(struct tty *t, const uint8_t *data, size_t size)
{
	size_t done = 0, count;
	int sig;

	mutex_lock(&t->lock);
	while (done < size) {
		sig = 0;
		count = 0;
		if (!ring_used(&t->backlog))
			count = tty_line_receive(t, data + done, size - done, &sig);
		if (!count)
			count = backlog_put(t, data + done, size - done);
		if (!count)
			break;
		done += count;
		if (sig) {
			mutex_unlock(&t->lock);
			tty_signal_foreground(t, sig);
			mutex_lock(&t->lock);
		}
	}
	announce(t);
	mutex_unlock(&t->lock);
	tty_kick_output(t);
	/* a START character may have let writers go on */
	if (!wait_queue_empty(&t->slave_wait))
		wake(&t->slave_wait, POLLBIT_OUT | POLLBIT_WRNORM);
	return done;
}

/* The reader made room: feed the line discipline from the backlog. */
void tty_pull_backlog(struct tty *t)
{
	uint8_t chunk[256];
	size_t count;
	int sig;

	if (!__atomic_load_n(&t->backlog.data, __ATOMIC_RELAXED))
		return;
	mutex_lock(&t->lock);
	for (;;) {
		sig = 0;
		count = ring_peek(&t->backlog, chunk, sizeof(chunk));
		if (count)
			count = tty_line_receive(t, chunk, count, &sig);
		if (!count)
			break;
		t->backlog.tail += (uint32_t)count;
		if (sig) {
			mutex_unlock(&t->lock);
			tty_signal_foreground(t, sig);
			mutex_lock(&t->lock);
		}
	}
	if (!ring_used(&t->backlog)) {
		kfree(t->backlog.data);
		t->backlog = (struct tty_ring){ 0 };
	}
	announce(t);
	mutex_unlock(&t->lock);
	tty_kick_output(t);
	wake(&t->master_wait, POLLBIT_OUT | POLLBIT_WRNORM);
}

bool tty_wire_room(struct tty *t)
{
	bool room;

	mutex_lock(&t->lock);
	room = !ring_used(&t->backlog) || ring_room(&t->backlog);
	mutex_unlock(&t->lock);
	return room;
}

/* --- slave files ---------------------------------------------------------------------------------------------------- */

int tty_open_slave(struct tty *t, struct file *f)
{
	int error = 0;

	mutex_lock(&t->lock);
	if (t->wire_closed || t->locked)
		error = -EIO;
	else if (t->exclusive && t->slaves && !capable(CAP_SYS_ADMIN))
		error = -EBUSY;
	if (!error) {
		t->slaves++;
		t->slave_seen = true;
		f->private_value = t->hangups;
	}
	mutex_unlock(&t->lock);
	if (error)
		return error;
	tty_get(t);
	f->private_data = t;
	f->ops = &slave_ops;
	f->stream = true;
	return 0;
}

int pts_open(struct inode *inode, struct file *f)
{
	uint64_t dev = inode->rdev;
	int index = (int)((dev & 0xff) | (dev >> 12 & 0xfff00)), error;
	struct tty *t = tty_by_index(index, 0);

	if (!t)
		return -EIO;
	error = tty_open_slave(t, f);
	tty_put(t);
	return error;
}

int tty_current_open(struct inode *inode, struct file *f)
{
	struct tty *t;
	int error;

	(void)inode;
	mutex_lock(&tree_lock);
	t = current_process()->session ? current_process()->session->tty : NULL;
	if (t && !ref_get_unless_zero(&t->refs))
		t = NULL;
	mutex_unlock(&tree_lock);
	if (!t)
		return -ENXIO;
	error = tty_open_slave(t, f);
	tty_put(t);
	return error;
}

/* TIOCGPTPEER and the console: a slave's file without going through a system call. */
struct file *tty_file_anonymous(struct tty *t, unsigned int flags)
{
	char name[32];
	struct file *f;

	fmt_snprintf(name, sizeof(name), "/dev/pts/%d", t->index);
	f = file_new_anonymous(&slave_ops, S_IFCHR | 0620, name, flags, NULL);
	if (IS_ERR(f) || !f)
		return f ? f : ERR_PTR(-ENOMEM);
	f->inode->rdev = tty_device(t);
	return f;
}

int tty_open_by_name(struct tty *t, unsigned int flags, struct file **ret)
{
	struct file *f;
	char name[32];
	int error;

	fmt_snprintf(name, sizeof(name), "/dev/pts/%d", t->index);
	error = vfs_open(AT_FDCWD, name, (int)flags, 0, &f);
	if (!error) {
		if (tty_is_slave(f) && f->private_data == t) {
			if (!(flags & O_NOCTTY))
				tty_open_controlling(f);
			*ret = f;
			return 0;
		}
		file_put(f);
	}
	f = tty_file_anonymous(t, flags & ~(unsigned int)O_CLOEXEC);
	if (IS_ERR(f))
		return PTR_ERR(f);
	error = tty_open_slave(t, f);
	if (error) {
		file_put(f);
		return error;
	}
	*ret = f;
	return 0;
}

static void slave_release(struct file *f)
{
	struct tty *t = f->private_data;
	bool last;

	if (!t)
		return;
	mutex_lock(&t->lock);
	last = --t->slaves == 0;
	if (last)
		t->exclusive = false;
	mutex_unlock(&t->lock);
	if (last) {
		tty_forget_session(t, false);
		wake_all(&t->master_wait, ~0u);
	}
	f->private_data = NULL;
	tty_put(t);
}

struct read_limits {
	uint64_t first,
		between; /* ns to wait for the first byte; for each later one. NEVER: no limit */
	unsigned int minimum;
};

static struct read_limits read_limits(const struct tty *t)
{
	uint64_t time = t->termios.c_cc[VTIME] * 100000000ULL;
	struct read_limits l = { NEVER, NEVER, t->termios.c_cc[VMIN] };

	if (t->termios.c_lflag & ICANON) {
		l.minimum = 1;
	} else if (!l.minimum) {
		l.minimum = 1;
		l.first = time;
	} else if (time) {
		l.between = time;
	}
	return l;
}

static bool slave_can_read(struct tty *t, struct file *f)
{
	bool yes;

	mutex_lock(&t->lock);
	yes = tty_line_readable(t, false) || tty_file_hung(f, t);
	mutex_unlock(&t->lock);
	return yes;
}

static long slave_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct tty *t = f->private_data;
	size_t total = 0, want = io->left, count;
	uint8_t chunk[TTY_CHUNK];
	struct read_limits limits;
	uint64_t timeout, deadline;
	bool done, canonical, had_data, waited = false;
	int error;

	(void)pos;
	if (tty_file_hung(f, t))
		return 0;
	error = tty_job_read(t);
	if (error)
		return error;
	if (!want)
		return 0;
	mutex_lock(&t->lock);
	limits = read_limits(t);
	mutex_unlock(&t->lock);
	timeout = limits.first;
	for (;;) {
		mutex_lock(&t->lock);
		canonical = (t->termios.c_lflag & ICANON) != 0;
		had_data = tty_line_readable(t, false);
		count = tty_line_take(t, chunk, MIN(want - total, sizeof(chunk)), &done);
		mutex_unlock(&t->lock);
		if (count && uio_put(io, chunk, count) < count)
			return total ? (long)total : -EFAULT;
		total += count;
		if (done || total == want)
			break;
		if (had_data) {
			if (!canonical && total >= limits.minimum && count < sizeof(chunk))
				break;
			if (limits.between != NEVER)
				timeout = limits.between;
			if (count)
				continue;
		}
		if (total >= limits.minimum)
			break;
		if (tty_file_hung(f, t))
			return total ? (long)total : waited ? -EIO : 0;
		if (!timeout)
			break;
		if (f->flags & O_NONBLOCK)
			return total ? (long)total : -EAGAIN;
		if (total)
			tty_pull_backlog(t);
		deadline = timeout == NEVER ? NEVER : deadline_after(timeout);
		error = WAIT_EVENT_KEY(&t->slave_wait, POLLBIT_IN, slave_can_read(t, f), deadline);
		waited = true;
		if (error == -ETIMEDOUT)
			break;
		if (error) {
			if (!total)
				return -ERESTARTSYS;
			break;
		}
	}
	tty_pull_backlog(t);
	return (long)total;
}

static bool slave_can_write(struct tty *t, struct file *f)
{
	bool yes;

	mutex_lock(&t->lock);
	yes = (!t->stopped && ring_room(&t->out) >= 8) || tty_file_hung(f, t);
	mutex_unlock(&t->lock);
	return yes;
}

static long slave_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct tty *t = f->private_data;
	uint8_t chunk[TTY_CHUNK];
	size_t total = 0, count, at, put;
	int error;

	(void)pos;
	if (tty_file_hung(f, t))
		return -EIO;
	if (__atomic_load_n(&t->termios.c_lflag, __ATOMIC_RELAXED) & TOSTOP) {
		error = tty_job_change(t);
		if (error)
			return error;
	}
	while (io->left) {
		count = uio_get(io, chunk, MIN(io->left, sizeof(chunk)));
		if (!count)
			return total ? (long)total : -EFAULT;
		for (at = 0; at < count;) {
			if (tty_file_hung(f, t))
				return total ? (long)total : -EIO;
			mutex_lock(&t->lock);
			put = tty_line_output(t, chunk + at, count - at);
			mutex_unlock(&t->lock);
			at += put;
			total += put;
			if (put) {
				tty_kick_output(t);
				continue;
			}
			if (f->flags & O_NONBLOCK)
				return total ? (long)total : -EAGAIN;
			error = WAIT_EVENT_KEY(&t->slave_wait, POLLBIT_OUT, slave_can_write(t, f),
					       NEVER);
			if (error)
				return total ? (long)total : -ERESTARTSYS;
		}
	}
	return (long)total;
}

static unsigned int slave_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = f->private_data;
	unsigned int ready = 0;

	poll_wait(f, &t->slave_wait, pt);
	if (tty_file_hung(f, t))
		return POLLBIT_IN | POLLBIT_OUT | POLLBIT_ERR | POLLBIT_HUP | POLLBIT_RDNORM |
		       POLLBIT_WRNORM;
	mutex_lock(&t->lock);
	if (tty_line_readable(t, true))
		ready |= POLLBIT_IN | POLLBIT_RDNORM;
	if (!t->stopped && ring_room(&t->out) >= 8)
		ready |= POLLBIT_OUT | POLLBIT_WRNORM;
	mutex_unlock(&t->lock);
	return ready;
}

static const struct file_ops slave_ops = {
	.read = slave_read,
	.write = slave_write,
	.poll = slave_poll,
	.ioctl = tty_ioctl,
	.release = slave_release,
};

void tty_init(void)
{
	devpts_init();
}
