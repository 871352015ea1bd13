/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline, as Linux's N_TTY: what typed bytes become before a program reads them, and what written bytes
 * become before the terminal shows them.
 *
 * line[] is a ring with three free-running positions: read_tail <= canon_head <= read_head. In canonical mode only
 * [read_tail, canon_head), whole lines, can be read; [canon_head, read_head) is the line being edited. line_end has a
 * bit for the last byte of each line; a NUL there stands for the end-of-file character and is not read. Without
 * ICANON everything up to read_head can be read.
 * All with tty->lock held.
 */
#include <linux/errno.h>

#include "kernel/fs/tty_internal.h"
#include "kernel/signal/signal.h"
#include "lib/base/string.h"

#define MASK (TTY_LINE - 1)

size_t ring_put(struct tty_ring *r, const void *from, size_t size)
{
	uint32_t count, at, first;

	if (!r->data)
		return 0;
	count = (uint32_t)MIN(size, (size_t)ring_room(r));
	at = r->head & (r->size - 1);
	first = MIN(count, r->size - at);
	memcpy(r->data + at, from, first);
	memcpy(r->data, (const uint8_t *)from + first, count - first);
	r->head += count;
	return count;
}

size_t ring_peek(const struct tty_ring *r, void *to, size_t size)
{
	uint32_t count = (uint32_t)MIN(size, (size_t)ring_used(r)), at, first;

	if (!count)
		return 0;
	at = r->tail & (r->size - 1);
	first = MIN(count, r->size - at);
	memcpy(to, r->data + at, first);
	memcpy((uint8_t *)to + first, r->data, count - first);
	return count;
}

size_t ring_get(struct tty_ring *r, void *to, size_t size)
{
	size_t count = ring_peek(r, to, size);

	r->tail += (uint32_t)count;
	return count;
}

void tty_line_init(struct tty *t)
{
	static const uint8_t cc[] = { 3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0 };

	t->termios = (struct termios2){
		.c_iflag = ICRNL | IXON,
		.c_oflag = OPOST | ONLCR,
		.c_cflag = B38400 | CS8 | CREAD,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.c_ispeed = 38400,
		.c_ospeed = 38400,
	};
	memcpy(t->termios.c_cc, cc, sizeof(cc));
}

static bool in(const struct tty *t, unsigned int flag)
{
	return (t->termios.c_iflag & flag) != 0;
}

static bool local(const struct tty *t, unsigned int flag)
{
	return (t->termios.c_lflag & flag) != 0;
}

/* Is c this special character? NUL disables one. */
static bool is_cc(const struct tty *t, uint8_t c, unsigned int which)
{
	return c && t->termios.c_cc[which] == c;
}

static bool control(uint8_t c)
{
	return c < 32 || c == 127;
}

static bool continuation(const struct tty *t, uint8_t c)
{
	return in(t, IUTF8) && (c & 0xc0) == 0x80;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* --- output ------------------------------------------------------------------------------------------------------- */

/* One character through OPOST; false if there is no room for what it becomes. */
static bool output_char(struct tty *t, uint8_t c)
{
	static const char spaces[8] = { ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ' };
	unsigned int flags = t->termios.c_oflag, width;

	if (ring_room(&t->out) < 8)
		return false;
	switch (c) {
	case '\n':
		if (flags & ONLRET)
			t->column = 0;
		if (flags & ONLCR) {
			ring_put(&t->out, "\r", 1);
			t->column = 0;
		}
		t->canon_column = t->column;
		break;
	case '\r':
		if ((flags & ONOCR) && !t->column)
			return true;
		if (flags & OCRNL) {
			c = '\n';
			if (flags & ONLRET)
				t->canon_column = t->column = 0;
			break;
		}
		t->canon_column = t->column = 0;
		break;
	case '\t':
		width = 8 - (t->column & 7);
		t->column += width;
		if ((flags & TABDLY) == XTABS) {
			ring_put(&t->out, spaces, width);
			return true;
		}
		break;
	case '\b':
		if (t->column)
			t->column--;
		break;
	default:
		if (control(c))
			break;
		if ((flags & OLCUC) && c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 32);
		if (!continuation(t, c))
			t->column++;
	}
	ring_put(&t->out, &c, 1);
	return true;
}

size_t tty_line_output(struct tty *t, const uint8_t *data, size_t size)
{
	size_t done = 0, run;

	if (t->stopped)
		return 0;
	if (!(t->termios.c_oflag & OPOST))
		return ring_put(&t->out, data, size);
	while (done < size) {
		/* runs of plain characters go in one piece */
		run = 0;
		if (!(t->termios.c_oflag & OLCUC) && !in(t, IUTF8))
			while (done + run < size && !control(data[done + run]))
				run++;
		if (run) {
			size_t put = ring_put(&t->out, data + done, run);

			t->column += (unsigned int)put;
			done += put;
			if (put < run)
				break;
			continue;
		}
		if (!output_char(t, data[done]))
			break;
		done++;
	}
	return done;
}

/* --- echo --------------------------------------------------------------------------------------------------------- */

static void echo_raw(struct tty *t, uint8_t c)
{
	if (t->termios.c_oflag & OPOST)
		(void)output_char(t, c);
	else
		ring_put(&t->out, &c, 1);
}

/* ^X for control characters with ECHOCTL. */
static void echo(struct tty *t, uint8_t c)
{
	if (local(t, ECHOCTL) && control(c) && c != '\t') {
		uint8_t shown[2] = { '^', c ^ 0100 };

		if (ring_put(&t->out, shown, 2) == 2)
			t->column += 2;
	} else {
		echo_raw(t, c);
	}
}

static void finish_erasing(struct tty *t)
{
	if (t->erasing) {
		echo_raw(t, '/');
		t->erasing = false;
	}
}

static void rub_out(struct tty *t, unsigned int count)
{
	while (count--) {
		echo_raw(t, '\b');
		echo_raw(t, ' ');
		echo_raw(t, '\b');
	}
}

/* A tab that ended at read_head is gone: move back to where it started. */
static void rub_out_tab(struct tty *t)
{
	unsigned int columns = 0, back;
	uint32_t at = t->read_head;
	bool after_tab = false;
	uint8_t c;

	while (at != t->canon_head) {
		c = t->line[--at & MASK];
		if (c == '\t') {
			after_tab = true;
			break;
		}
		if (control(c))
			columns += local(t, ECHOCTL) ? 2 : 0;
		else if (!continuation(t, c))
			columns++;
	}
	if (!after_tab)
		columns += t->canon_column;
	for (back = 8 - (columns & 7); back; back--)
		echo_raw(t, '\b');
}

/* --- editing ------------------------------------------------------------------------------------------------------ */

enum erase { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

static void erase(struct tty *t, enum erase kind, uint8_t key)
{
	bool seen_word = false;
	uint32_t head, count;
	uint8_t c;

	if (t->read_head == t->canon_head)
		return;
	if (kind == ERASE_LINE) {
		if (!local(t, ECHO)) {
			t->read_head = t->canon_head;
			return;
		}
		if (!local(t, ECHOK) || !local(t, ECHOKE) || !local(t, ECHOE)) {
			t->read_head = t->canon_head;
			finish_erasing(t);
			echo(t, key);
			if (local(t, ECHOK))
				echo_raw(t, '\n');
			return;
		}
	}
	while (t->read_head != t->canon_head) {
		head = t->read_head;
		do {
			c = t->line[--head & MASK];
		} while (continuation(t, c) && head != t->canon_head);
		if (continuation(t, c))
			break;
		if (kind == ERASE_WORD) {
			if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
			    c == '_' || c >= 0x80)
				seen_word = true;
			else if (seen_word)
				break;
		}
		count = t->read_head - head;
		t->read_head = head;
		if (local(t, ECHO)) {
			if (local(t, ECHOPRT)) {
				if (!t->erasing) {
					echo_raw(t, '\\');
					t->erasing = true;
				}
				echo(t, c);
				while (--count)
					echo_raw(t, t->line[++head & MASK]);
			} else if (kind == ERASE_CHAR && !local(t, ECHOE)) {
				echo(t, key);
			} else if (c == '\t') {
				rub_out_tab(t);
			} else if (!control(c)) {
				rub_out(t, 1);
			} else if (local(t, ECHOCTL)) {
				rub_out(t, 2);
			}
		}
		if (kind == ERASE_CHAR)
			break;
	}
	if (t->read_head == t->canon_head && local(t, ECHO))
		finish_erasing(t);
}

static void put_byte(struct tty *t, uint8_t c)
{
	uint32_t at = t->read_head++ & MASK;

	t->line[at] = c;
	t->line_end[at / 64] &= ~(1ULL << at % 64);
}

static uint32_t line_room(const struct tty *t)
{
	return TTY_LINE - (t->read_head - t->read_tail);
}

static void end_line(struct tty *t, uint8_t c)
{
	uint32_t at;

	if (!line_room(t))
		t->read_head--;
	at = t->read_head & MASK;
	put_byte(t, c);
	t->line_end[at / 64] |= 1ULL << at % 64;
	t->canon_head = t->read_head;
}

static void add_char(struct tty *t, uint8_t c)
{
	/* PARMRK doubles 0377; a full line keeps room for its newline and loses the rest */
	uint32_t need = c == 0xff && in(t, PARMRK) ? 2 : 1;

	if (local(t, ICANON) && line_room(t) < need + 1) {
		if (in(t, IMAXBEL))
			echo_raw(t, '\a');
		return;
	}
	if (local(t, ECHO)) {
		finish_erasing(t);
		if (c == '\n') {
			echo_raw(t, '\n');
		} else {
			if (t->canon_head == t->read_head)
				t->canon_column = t->column;
			echo(t, c);
		}
	}
	if (need == 2)
		put_byte(t, c);
	put_byte(t, c);
}

void tty_line_flush_input(struct tty *t)
{
	t->read_tail = t->canon_head = t->read_head = 0;
	t->lnext = t->erasing = false;
	memset(t->line_end, 0, sizeof(t->line_end));
	if (t->packet)
		t->packet_status |= TIOCPKT_FLUSHREAD;
}

void tty_line_flush_output(struct tty *t)
{
	t->out.tail = t->out.head;
	if (t->packet)
		t->packet_status |= TIOCPKT_FLUSHWRITE;
}

void tty_line_stop(struct tty *t, bool stop)
{
	if (t->stopped == stop)
		return;
	t->stopped = stop;
	if (t->packet) {
		t->packet_status &= (uint8_t) ~(TIOCPKT_STOP | TIOCPKT_START);
		t->packet_status |= stop ? TIOCPKT_STOP : TIOCPKT_START;
	}
}

static int signal_of(const struct tty *t, uint8_t c)
{
	if (is_cc(t, c, VINTR))
		return SIGINT;
	if (is_cc(t, c, VQUIT))
		return SIGQUIT;
	if (is_cc(t, c, VSUSP))
		return SIGTSTP;
	return 0;
}

static void receive_signal(struct tty *t, uint8_t c)
{
	if (!local(t, NOFLSH)) {
		tty_line_flush_input(t);
		tty_line_flush_output(t);
	}
	if (in(t, IXON))
		tty_line_stop(t, false);
	if (local(t, ECHO))
		echo(t, c);
}

/* ICANON's own keys: true if c was one. */
static bool edit(struct tty *t, uint8_t c)
{
	bool extended = local(t, IEXTEN);

	if (is_cc(t, c, VERASE)) {
		erase(t, ERASE_CHAR, c);
	} else if (is_cc(t, c, VKILL)) {
		erase(t, ERASE_LINE, c);
	} else if (extended && is_cc(t, c, VWERASE)) {
		erase(t, ERASE_WORD, c);
	} else if (extended && is_cc(t, c, VLNEXT)) {
		t->lnext = true;
		if (local(t, ECHO)) {
			finish_erasing(t);
			if (local(t, ECHOCTL)) {
				echo_raw(t, '^');
				echo_raw(t, '\b');
			}
		}
	} else if (extended && local(t, ECHO) && is_cc(t, c, VREPRINT)) {
		finish_erasing(t);
		echo(t, c);
		echo_raw(t, '\n');
		for (uint32_t at = t->canon_head; at != t->read_head; at++)
			echo(t, t->line[at & MASK]);
	} else if (c == '\n') {
		if (local(t, ECHO) || local(t, ECHONL))
			echo_raw(t, '\n');
		end_line(t, c);
	} else if (is_cc(t, c, VEOF)) {
		end_line(t, 0);
	} else if (is_cc(t, c, VEOL) || (extended && is_cc(t, c, VEOL2))) {
		if (local(t, ECHO)) {
			if (t->canon_head == t->read_head)
				t->canon_column = t->column;
			echo(t, c);
		}
		end_line(t, c);
	} else {
		return false;
	}
	return true;
}

static int receive_char(struct tty *t, uint8_t c)
{
	int sig;

	if (in(t, ISTRIP))
		c &= 0x7f;
	if (in(t, IUCLC) && local(t, IEXTEN))
		c = lower(c);
	if (t->lnext) {
		t->lnext = false;
		add_char(t, c);
		return 0;
	}
	if (in(t, IXON)) {
		if (is_cc(t, c, VSTART)) {
			tty_line_stop(t, false);
			return 0;
		}
		if (is_cc(t, c, VSTOP)) {
			tty_line_stop(t, true);
			return 0;
		}
	}
	if (local(t, ISIG)) {
		sig = signal_of(t, c);
		if (sig) {
			receive_signal(t, c);
			return sig;
		}
	}
	if (t->stopped && in(t, IXON) && in(t, IXANY))
		tty_line_stop(t, false);
	if (c == '\r') {
		if (in(t, IGNCR))
			return 0;
		if (in(t, ICRNL))
			c = '\n';
	} else if (c == '\n' && in(t, INLCR)) {
		c = '\r';
	}
	if (!local(t, ICANON) || !edit(t, c))
		add_char(t, c);
	return 0;
}

/* Nothing to look at: bytes go straight through. */
static bool transparent(const struct tty *t)
{
	return !local(t, ICANON | ISIG | ECHO) && !t->lnext &&
	       !in(t, ISTRIP | IUCLC | IXON | IGNCR | ICRNL | INLCR | PARMRK);
}

static bool has_room(const struct tty *t)
{
	/* a line without end always takes more, and drops it, or it could never be ended */
	if (local(t, ICANON) && t->canon_head == t->read_tail)
		return true;
	return line_room(t) >= 3;
}

size_t tty_line_receive(struct tty *t, const uint8_t *data, size_t size, int *ret_signal)
{
	size_t done = 0, count;
	uint32_t at, first;

	*ret_signal = 0;
	if (transparent(t)) {
		count = line_room(t) > 2 ? MIN(size, (size_t)line_room(t) - 2) : 0;
		at = t->read_head & MASK;
		first = (uint32_t)MIN(count, (size_t)(TTY_LINE - at));
		memcpy(t->line + at, data, first);
		memcpy(t->line, data + first, count - first);
		t->read_head += (uint32_t)count;
		return count;
	}
	while (done < size && has_room(t)) {
		*ret_signal = receive_char(t, data[done++]);
		if (*ret_signal)
			break;
	}
	return done;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

size_t tty_line_take(struct tty *t, uint8_t *to, size_t size, bool *ret_done)
{
	size_t count = 0;

	*ret_done = false;
	if (!local(t, ICANON)) {
		uint32_t at = t->read_tail & MASK, first;

		count = MIN(size, (size_t)(t->read_head - t->read_tail));
		first = (uint32_t)MIN(count, (size_t)(TTY_LINE - at));
		memcpy(to, t->line + at, first);
		memcpy(to + first, t->line, count - first);
		t->read_tail += (uint32_t)count;
		t->canon_head = t->read_tail;
		return count;
	}
	while (t->read_tail != t->canon_head) {
		uint32_t at = t->read_tail & MASK;
		bool end = t->line_end[at / 64] >> at % 64 & 1;

		/* the end-of-file mark of a line that was just filled up is taken with it only if there is room */
		if (count == size)
			break;
		t->read_tail++;
		if (!end || t->line[at])
			to[count++] = t->line[at];
		if (end) {
			*ret_done = true;
			break;
		}
	}
	return count;
}

bool tty_line_readable(const struct tty *t, bool for_poll)
{
	uint32_t minimum = 1;

	if (local(t, ICANON))
		return t->canon_head != t->read_tail;
	if (for_poll && !t->termios.c_cc[VTIME] && t->termios.c_cc[VMIN])
		minimum = t->termios.c_cc[VMIN];
	return t->read_head - t->read_tail >= minimum;
}

unsigned int tty_line_count(const struct tty *t)
{
	unsigned int count = 0;

	if (!local(t, ICANON))
		return t->read_head - t->read_tail;
	for (uint32_t at = t->read_tail; at != t->canon_head; at++)
		if (t->line[at & MASK] || !(t->line_end[(at & MASK) / 64] >> at % 64 & 1))
			count++;
	return count;
}

void tty_line_set_termios(struct tty *t, const struct termios2 *termios)
{
	struct termios2 old = t->termios;
	bool was_flow = (old.c_iflag & IXON) && old.c_cc[VSTOP] == 19 && old.c_cc[VSTART] == 17;
	bool flow;

	t->termios = *termios;
	/* a pseudo-terminal has eight bits and no parity, whatever is asked */
	t->termios.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	t->termios.c_cflag |= CS8 | CREAD;
	if ((old.c_lflag ^ t->termios.c_lflag) & ICANON) {
		memset(t->line_end, 0, sizeof(t->line_end));
		t->canon_head = t->read_tail;
		t->lnext = t->erasing = false;
		if (local(t, ICANON) && t->read_head != t->read_tail) {
			/* what is there already is one line */
			uint32_t last = (t->read_head - 1) & MASK;

			t->line_end[last / 64] |= 1ULL << last % 64;
			t->canon_head = t->read_head;
		}
	}
	if ((old.c_iflag & IXON) && !in(t, IXON))
		tty_line_stop(t, false);
	flow = in(t, IXON) && t->termios.c_cc[VSTOP] == 19 && t->termios.c_cc[VSTART] == 17;
	if (t->packet && flow != was_flow) {
		t->packet_status &= (uint8_t) ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
		t->packet_status |= flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
	}
}
