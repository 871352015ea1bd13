/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console of `cloister run -t`: a terminal whose wire is two host handles (the launcher's terminal, in raw mode). A
 * kernel service reads keys from `in` and feeds the line discipline. Output goes to `out_handle`: whoever put something into
 * the ring writes it out, one task at a time (`draining`); the lock is not held over the hostcall.
 * When the host's side ends, the terminal hangs up.
 */
#include <asm/fcntl.h>
#include <linux/errno.h>

#include "kernel/fs/pseudo.h"
#include "kernel/fs/tty_internal.h"
#include "kernel/host.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"

struct tty *console_tty; /* set once; never freed */

/*
 * The bytes are out of the ring and must not be lost. A signal that is pending and does not kill would cancel each try
 * before it began, for it is only handled on the way out: so it is put aside, and set again at the end.
 */
static int write_all(int handle, const uint8_t *data, size_t size)
{
	struct task *me = current();
	uint32_t aside = 0, work;
	int error = 0;
	long count;

	while (size && !error) {
		work = __atomic_exchange_n(&me->work, 0, __ATOMIC_SEQ_CST);
		aside |= work;
		if ((work & WORK_EXIT) || signal_fatal_pending(me)) {
			error = -EINTR; /* the ring's rest goes with the next writer */
			break;
		}
		count = host_write(handle, data, size);
		if (count == -EINTR)
			continue; /* another one came; nothing was written */
		if (count == -EAGAIN) {
			/* whoever shares the host's open file made it non-blocking */
			if (task_sleep_killable(deadline_after(1000000)) == -EINTR)
				error = -EINTR;
		} else if (count <= 0) {
			error = count ? (int)count : -EIO;
		} else {
			data += count;
			size -= (size_t)count;
		}
	}
	if (aside)
		__atomic_fetch_or(&me->work, aside, __ATOMIC_SEQ_CST);
	return error;
}

static bool drained(struct tty *t)
{
	return !__atomic_load_n(&t->draining, __ATOMIC_ACQUIRE);
}

void console_drain(struct tty *t)
{
	uint8_t chunk[TTY_CHUNK];
	size_t count;
	int error;

	mutex_lock(&t->lock);
	if (t->draining) {
		mutex_unlock(&t->lock);
		/* the other one writes ours as well; wait, so that what a program wrote is out before it ends */
		error = WAIT_EVENT_KEY(&t->slave_wait, POLLBIT_OUT, drained(t),
				       deadline_after(1000000000));
		(void)error;
		return;
	}
	t->draining = true;
	for (;;) {
		count = ring_get(&t->out, chunk, sizeof(chunk));
		if (!count)
			break;
		mutex_unlock(&t->lock);
		error = write_all(t->out_handle, chunk, count);
		mutex_lock(&t->lock);
		if (error) {
			if (error != -EINTR)
				t->out.tail = t->out.head;
			break;
		}
	}
	__atomic_store_n(&t->draining, false, __ATOMIC_RELEASE);
	mutex_unlock(&t->lock);
	wake_all(&t->slave_wait, POLLBIT_OUT | POLLBIT_WRNORM);
}

static void console_service(void *arg)
{
	struct tty *t = arg;
	uint8_t chunk[256];
	size_t done;
	long count;
	int error;

	for (;;) {
		count = host_read(t->in, chunk, sizeof(chunk));
		if (count == -EINTR || count == -EAGAIN) {
			task_sleep_prepare();
			error = task_sleep(deadline_after(count == -EINTR ? 1000000 : 20000000));
			(void)error;
			continue;
		}
		if (count <= 0)
			break;
		for (done = 0; done < (size_t)count;) {
			done += tty_receive(t, chunk + done, (size_t)count - done);
			if (done == (size_t)count)
				break;
			error = WAIT_EVENT_KEY(&t->master_wait, POLLBIT_OUT, tty_wire_room(t),
					       NEVER);
			if (error)
				break;
		}
	}
	tty_hang_up(t, true);
	if (t != console_tty)
		tty_put(t);
}

int tty_console_new(int in, int out, unsigned short rows, unsigned short columns, struct file **ret)
{
	struct file *f;
	struct tty *t;
	int error;

	error = tty_new(&t);
	if (error) {
		host_close(in);
		host_close(out);
		return error;
	}
	t->console = true;
	t->in = in;
	t->out_handle = out;
	t->size.ws_row = rows;
	t->size.ws_col = columns;
	error = tty_open_by_name(t, O_RDWR | O_NOCTTY, &f);
	if (error)
		goto put;
	tty_get(t);
	error = kernel_task_start("console", console_service, t);
	if (error) {
		tty_put(t);
		file_put(f);
		goto put;
	}
	if (!init_process) /* /dev/console is that of `run`, never one of `exec` */
		console_tty = t;
	*ret = f;
	tty_put(t);
	return 0;
put:
	tty_put(t);
	return error;
}

int tty_console_open(struct inode *inode, struct file *f)
{
	struct tty *t = console_tty;
	int error;

	(void)inode;
	if (!t || !ref_get_unless_zero(&t->refs))
		return -ENXIO;
	error = tty_open_slave(t, f);
	tty_put(t);
	return error;
}

static void resize(struct tty *t, unsigned short rows, unsigned short columns)
{
	bool changed;

	mutex_lock(&t->lock);
	changed = t->size.ws_row != rows || t->size.ws_col != columns;
	t->size.ws_row = rows;
	t->size.ws_col = columns;
	mutex_unlock(&t->lock);
	if (changed)
		tty_signal_foreground(t, SIGWINCH);
	tty_put(t);
}

void tty_console_resize(unsigned short rows, unsigned short columns)
{
	struct tty *t = console_tty;

	if (t && ref_get_unless_zero(&t->refs))
		resize(t, rows, columns);
}

void tty_session_resize(struct session *s, unsigned short rows, unsigned short columns)
{
	struct tty *t;

	mutex_lock(&tree_lock);
	t = s ? s->tty : NULL;
	if (t && !ref_get_unless_zero(&t->refs))
		t = NULL;
	mutex_unlock(&tree_lock);
	if (t)
		resize(t, rows, columns);
}
