/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioctls of terminals, for slaves and masters. Settings belong to the pair, so both ends may ask for them. Requests
 * that change a terminal are refused to background groups (SIGTTOU), as in Linux. tty->lock guards the settings; user
 * memory is touched without it.
 */
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/capability.h>
#include <linux/errno.h>

#include "kernel/fs/tty_internal.h"
#include "kernel/signal/signal.h"
#include "kernel/task/cred.h"
#include "lib/base/string.h"

static const struct {
	uint32_t code, speed;
} speeds[] = {
	{ B0, 0 },
	{ B50, 50 },
	{ B75, 75 },
	{ B110, 110 },
	{ B134, 134 },
	{ B150, 150 },
	{ B200, 200 },
	{ B300, 300 },
	{ B600, 600 },
	{ B1200, 1200 },
	{ B1800, 1800 },
	{ B2400, 2400 },
	{ B4800, 4800 },
	{ B9600, 9600 },
	{ B19200, 19200 },
	{ B38400, 38400 },
	{ B57600, 57600 },
	{ B115200, 115200 },
	{ B230400, 230400 },
	{ B460800, 460800 },
	{ B500000, 500000 },
	{ B576000, 576000 },
	{ B921600, 921600 },
	{ B1000000, 1000000 },
	{ B1152000, 1152000 },
	{ B1500000, 1500000 },
	{ B2000000, 2000000 },
	{ B2500000, 2500000 },
	{ B3000000, 3000000 },
	{ B3500000, 3500000 },
	{ B4000000, 4000000 },
};

static uint32_t speed_of(uint32_t code, uint32_t other)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(speeds); i++)
		if (speeds[i].code == code)
			return speeds[i].speed;
	return other;
}

static long get_termios(struct tty *t, struct uptr to, size_t size)
{
	struct termios2 copy;

	mutex_lock(&t->lock);
	copy = t->termios;
	mutex_unlock(&t->lock);
	/* struct termios is the beginning of struct termios2 */
	return copy_out(to, &copy, size);
}

/* System V's struct termio: the low halves of the flags, and the first eight characters. */
static long get_termio(struct tty *t, struct uptr to)
{
	struct termio old;

	memset(&old, 0, sizeof(old));
	mutex_lock(&t->lock);
	old.c_iflag = (uint16_t)t->termios.c_iflag;
	old.c_oflag = (uint16_t)t->termios.c_oflag;
	old.c_cflag = (uint16_t)t->termios.c_cflag;
	old.c_lflag = (uint16_t)t->termios.c_lflag;
	old.c_line = t->termios.c_line;
	memcpy(old.c_cc, t->termios.c_cc, sizeof(old.c_cc));
	mutex_unlock(&t->lock);
	return copy_out(to, &old, sizeof(old));
}

static int merge_termio(struct termios2 *to, struct uptr from)
{
	struct termio old;
	int error = get_user(old, from);

	if (error)
		return error;
	to->c_iflag = (to->c_iflag & ~0xffffU) | old.c_iflag;
	to->c_oflag = (to->c_oflag & ~0xffffU) | old.c_oflag;
	to->c_cflag = (to->c_cflag & ~0xffffU) | old.c_cflag;
	to->c_lflag = (to->c_lflag & ~0xffffU) | old.c_lflag;
	to->c_line = old.c_line;
	memcpy(to->c_cc, old.c_cc, sizeof(old.c_cc));
	return 0;
}

/* size tells struct termio, struct termios and struct termios2 apart. */
static long set_termios(struct tty *t, struct uptr from, size_t size, bool flush)
{
	struct termios2 new;
	uint32_t input;
	int error;

	error = tty_job_change(t);
	if (error)
		return error;
	mutex_lock(&t->lock);
	new = t->termios;
	mutex_unlock(&t->lock);
	error = size == sizeof(struct termio) ? merge_termio(&new, from)
					      : copy_in(&new, from, size);
	if (error)
		return error;
	if ((new.c_cflag &CBAUD) != BOTHER)
		new.c_ospeed = speed_of(new.c_cflag &CBAUD, new.c_ospeed);
	input = new.c_cflag >> IBSHIFT &CBAUD;
	if (!input)
		new.c_ispeed = new.c_ospeed;
	else if (input != BOTHER)
		new.c_ispeed = speed_of(input, new.c_ispeed);
	mutex_lock(&t->lock);
	if (flush) {
		tty_line_flush_input(t);
		t->backlog.tail = t->backlog.head;
	}
	tty_line_set_termios(t, &new);
	mutex_unlock(&t->lock);
	tty_pull_backlog(t);
	tty_kick_output(t);
	/* lines became bytes or the other way round, output may go on */
	wake_all(&t->slave_wait, ~0u);
	return 0;
}

static long flush(struct tty *t, unsigned long which)
{
	int error = tty_job_change(t);

	if (error)
		return error;
	if (which > TCIOFLUSH)
		return -EINVAL;
	mutex_lock(&t->lock);
	if (which == TCIFLUSH || which == TCIOFLUSH) {
		tty_line_flush_input(t);
		t->backlog.tail = t->backlog.head;
	}
	if (which == TCOFLUSH || which == TCIOFLUSH)
		tty_line_flush_output(t);
	mutex_unlock(&t->lock);
	tty_kick_output(t);
	wake(&t->slave_wait, POLLBIT_OUT | POLLBIT_WRNORM);
	wake(&t->master_wait, POLLBIT_OUT | POLLBIT_WRNORM | POLLBIT_PRI);
	return 0;
}

static long flow(struct tty *t, unsigned long action, bool master)
{
	int error = tty_job_change(t);
	uint8_t c;

	if (error)
		return error;
	mutex_lock(&t->lock);
	c = t->termios.c_cc[action == TCIOFF ? VSTOP : VSTART];
	switch (action) {
	case TCOOFF:
	case TCOON:
		tty_line_stop(t, action == TCOOFF);
		break;
	case TCIOFF:
	case TCION:
		if (c && !master)
			ring_put(&t->out, &c, 1);
		break;
	default:
		error = -EINVAL;
	}
	mutex_unlock(&t->lock);
	tty_kick_output(t);
	wake(&t->slave_wait, POLLBIT_OUT | POLLBIT_WRNORM);
	return error;
}

static long set_size(struct tty *t, struct uptr from)
{
	struct winsize size;
	bool changed;
	int error = get_user(size, from);

	if (error)
		return error;
	mutex_lock(&t->lock);
	changed = memcmp(&size, &t->size, sizeof(size)) != 0;
	t->size = size;
	mutex_unlock(&t->lock);
	if (changed)
		tty_signal_foreground(t, SIGWINCH);
	return 0;
}

static long open_peer(struct tty *t, unsigned long flags)
{
	struct file *f;
	int fd, error;

	if (flags &
	    ~(unsigned long)(O_ACCMODE | O_NOCTTY | O_CLOEXEC | O_NONBLOCK | O_SYNC | O_LARGEFILE))
		return -EINVAL;
	error = tty_open_by_name(t, (unsigned int)flags, &f);
	if (error)
		return error;
	fd = fd_alloc(f, 0, (flags & O_CLOEXEC) != 0);
	file_put(f);
	return fd;
}

static long master_ioctl(struct tty *t, unsigned int request, unsigned long argument)
{
	struct uptr at = UPTR(argument);
	int value = 0, error;

	switch (request) {
	case TIOCGPTN:
		return put_user((unsigned int)t->index, at);
	case TIOCSPTLCK:
	case TIOCPKT:
		error = get_user(value, at);
		if (error)
			return error;
		mutex_lock(&t->lock);
		if (request == TIOCSPTLCK) {
			t->locked = value != 0;
		} else if (t->packet != (value != 0)) {
			t->packet_status = 0;
			t->packet = value != 0;
		}
		mutex_unlock(&t->lock);
		return 0;
	case TIOCGPTLCK:
		return put_user((int)t->locked, at);
	case TIOCGPKT:
		return put_user((int)t->packet, at);
	case TIOCGPTPEER:
		return open_peer(t, argument);
	case TIOCSIG:
		if (argument != SIGINT && argument != SIGQUIT && argument != SIGTSTP)
			return -EINVAL;
		tty_signal_foreground(t, (int)argument);
		return 0;
	default:
		return NOT_MINE;
	}
}

static long group_ioctl(struct tty *t, bool master, struct file *f, unsigned int request,
			unsigned long argument)
{
	struct uptr at = UPTR(argument);
	int value, error;

	switch (request) {
	case TIOCGPGRP:
		if (!master && !tty_is_controlling(t))
			return -ENOTTY;
		return put_user(tty_foreground_group(t), at);
	case TIOCSPGRP:
		error = tty_job_change(t);
		if (error)
			return error;
		if (!tty_is_controlling(t))
			return -ENOTTY;
		error = get_user(value, at);
		return error ? error : tty_set_group(t, value);
	case TIOCGSID:
		if (!master && !tty_is_controlling(t))
			return -ENOTTY;
		value = tty_session_id(t);
		return value < 0 ? value : put_user(value, at);
	case TIOCSCTTY:
		if (master)
			return -EPERM;
		return tty_set_controlling(t, f, argument == 1);
	case TIOCNOTTY:
		return tty_drop_controlling(t);
	default:
		return NOT_MINE;
	}
}

static long queue_count(struct tty *t, bool master, struct uptr at)
{
	unsigned int count;

	mutex_lock(&t->lock);
	count = master ? ring_used(&t->out) : tty_line_count(t);
	mutex_unlock(&t->lock);
	return put_user((int)count, at);
}

long tty_ioctl(struct file *f, unsigned int request, unsigned long argument)
{
	struct tty *t = f->private_data;
	bool master = tty_is_master(f);
	struct uptr at = UPTR(argument);
	struct winsize size;
	int value, error;
	long result;

	if (!master && tty_file_hung(f, t))
		return request == TIOCSPGRP ? -ENOTTY : -EIO;
	if (master) {
		result = master_ioctl(t, request, argument);
		if (result != NOT_MINE)
			return result;
	}
	result = group_ioctl(t, master, f, request, argument);
	if (result != NOT_MINE)
		return result;
	switch (request) {
	case TCGETS:
		return get_termios(t, at, sizeof(struct termios));
	case TCGETS2:
		return get_termios(t, at, sizeof(struct termios2));
	case TCGETA:
		return get_termio(t, at);
	case TCSETA:
	case TCSETAW:
		return set_termios(t, at, sizeof(struct termio), false);
	case TCSETAF:
		return set_termios(t, at, sizeof(struct termio), true);
	case TCSETS:
	case TCSETSW:
		return set_termios(t, at, sizeof(struct termios), false);
	case TCSETSF:
		return set_termios(t, at, sizeof(struct termios), true);
	case TCSETS2:
	case TCSETSW2:
		return set_termios(t, at, sizeof(struct termios2), false);
	case TCSETSF2:
		return set_termios(t, at, sizeof(struct termios2), true);
	case TCFLSH:
		return flush(t, argument);
	case TCXONC:
		return flow(t, argument, master);
	case TCSBRK:
	case TCSBRKP:
		/* what was written has left us, and there is no line to break */
		return tty_job_change(t);
	case TIOCSBRK:
	case TIOCCBRK:
		return 0;
	case TIOCGWINSZ:
		mutex_lock(&t->lock);
		size = t->size;
		mutex_unlock(&t->lock);
		return put_user(size, at);
	case TIOCSWINSZ:
		return set_size(t, at);
	case TIOCINQ:
		return queue_count(t, master, at);
	case TIOCOUTQ:
		return put_user((int)0, at);
	case TIOCEXCL:
	case TIOCNXCL:
		mutex_lock(&t->lock);
		t->exclusive = request == TIOCEXCL;
		mutex_unlock(&t->lock);
		return 0;
	case TIOCGEXCL:
		return put_user((int)t->exclusive, at);
	case TIOCGETD:
		return put_user((int)0, at);
	case TIOCSETD:
		error = get_user(value, at);
		return error ? error : value ? -EINVAL : 0;
	case TIOCGDEV:
		return put_user((unsigned int)tty_device(t), at);
	case TIOCGSOFTCAR:
		return put_user((int)0, at);
	case TIOCSTI:
		return -EPERM;
	case TIOCVHANGUP:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		tty_hang_up(t, false);
		return 0;
	default:
		return -ENOTTY;
	}
}
