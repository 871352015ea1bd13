/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals from the inside. One struct tty is a whole pair: the slave's line discipline (tty_line.c) between the
 * application's side (tty.c) and a wire, which is a master file (pty.c) or host handles (console.c).
 *
 *   wire -> tty_receive -> [backlog] -> line discipline -> line[] -> slave read
 *   slave write, echo -> output processing -> out ring -> wire
 *
 * Locks: tree_lock guards session and group and is never taken with tty.lock held (signals are sent after
 * unlocking); table_lock (the numbers in use) -> tty.lock -> wait queues.
 */
#pragma once

#include <asm/termbits.h>
#include <asm/termios.h>

#include "kernel/fs/tty.h"
#include "kernel/task/task.h"

#define TTY_LINE 4096u /* N_TTY's buffer: the longest line, newline included */
#define TTY_OUT (16u << 10)
#define TTY_BACKLOG (64u << 10) /* what the wire may send ahead of a reader */
#define TTY_CHUNK 1024u		/* moved at a time, on the stack */
#define TTY_COUNT_MAX 4096
#define TTY_MAJOR_PTS 136
#define NOT_MINE 1L /* of the parts of tty_ioctl: somebody else may know the request */

/* Positions run freely; size is a power of two. data may be NULL: then it takes nothing. */
struct tty_ring {
	uint8_t *data;
	uint32_t size, head, tail;
};

struct tty {
	struct refcount refs;
	struct mutex lock;
	int index;	 /* /dev/pts/N */
	uint64_t serial; /* tells users of a number apart */
	bool console;
	int in, out_handle; /* console: host handles */
	bool draining;	    /* console: somebody is writing `out` to the host */

	struct session *session; /* counted; tree_lock */
	int group;		 /* foreground; tree_lock, read without */

	struct termios2 termios;
	struct winsize size;
	unsigned int hangups; /* files opened before the last one are dead */
	unsigned int slaves;  /* open slave files */
	bool slave_seen;      /* ever opened */
	bool wire_closed, locked, exclusive, packet;
	bool stopped;	     /* output: ^S */
	bool lnext, erasing; /* line editing: after ^V; inside ECHOPRT's \.../ */
	uint8_t packet_status;
	unsigned int column, canon_column;
	uint32_t read_tail, canon_head, read_head;
	struct tty_ring out, backlog;
	struct wait_queue slave_wait, master_wait;

	/* node in devpts */
	uint32_t mode, uid, gid;
	struct timestamp accessed, modified, changed;

	uint64_t line_end[TTY_LINE / 64];
	uint8_t line[TTY_LINE];
};

static inline uint32_t ring_used(const struct tty_ring *r)
{
	return r->head - r->tail;
}

static inline uint32_t ring_room(const struct tty_ring *r)
{
	return r->size - (r->head - r->tail);
}

size_t ring_put(struct tty_ring *r, const void *from, size_t size);
size_t ring_peek(const struct tty_ring *r, void *to, size_t size);
size_t ring_get(struct tty_ring *r, void *to, size_t size);

/* --- tty.c: life, the slave's files ---------------------------------------------------------------------------- */
must_check int tty_new(struct tty **ret); /* takes a number; one reference */
static inline void tty_get(struct tty *t)
{
	ref_get(&t->refs);
}
void tty_put(struct tty *t);
struct tty *tty_by_index(int index, uint64_t serial); /* counted; serial 0: any; NULL if gone */
int tty_next_index(int from);			      /* lowest live number >= from, or -1 */
bool tty_alive(int index, uint64_t serial);
must_check int tty_open_slave(struct tty *t, struct file *f);
void tty_hang_up(struct tty *t, bool wire_closed);
bool tty_file_hung(const struct file *f, const struct tty *t);
bool tty_is_slave(const struct file *f);
bool tty_is_master(const struct file *f);
/* Bytes from the wire, all or as many as fit. */
size_t tty_receive(struct tty *t, const uint8_t *data, size_t size);
void tty_pull_backlog(struct tty *t);
bool tty_wire_room(struct tty *t);
void tty_kick_output(struct tty *t); /* something is in `out` for the wire */
struct file *tty_file_anonymous(struct tty *t, unsigned int flags);
must_check int tty_open_by_name(struct tty *t, unsigned int flags, struct file **ret);

/* --- tty_line.c: the line discipline; tty->lock held ----------------------------------------------------------- */
void tty_line_init(struct tty *t);
/* Takes input until its end, until it does not fit, or up to a character that sends *ret_signal. Count taken. */
size_t tty_line_receive(struct tty *t, const uint8_t *data, size_t size, int *ret_signal);
/* Moves input to the reader; *ret_done: a line ended. */
size_t tty_line_take(struct tty *t, uint8_t *to, size_t size, bool *ret_done);
size_t tty_line_output(struct tty *t, const uint8_t *data, size_t size);
bool tty_line_readable(const struct tty *t, bool for_poll);
unsigned int tty_line_count(const struct tty *t); /* FIONREAD */
void tty_line_set_termios(struct tty *t, const struct termios2 *termios);
void tty_line_flush_input(struct tty *t);
void tty_line_flush_output(struct tty *t);
void tty_line_stop(struct tty *t, bool stop);

/* --- tty_job.c: sessions and groups ------------------------------------------------------------------------------ */
must_check int tty_job_read(struct tty *t);   /* 0, -EIO, -ERESTARTSYS (SIGTTIN sent) */
must_check int tty_job_change(struct tty *t); /* the same for SIGTTOU */
void tty_signal_foreground(struct tty *t, int sig);
bool tty_is_controlling(struct tty *t); /* of the caller */
must_check int tty_set_controlling(struct tty *t, struct file *f, bool steal);
must_check int tty_drop_controlling(struct tty *t);
must_check int tty_set_group(struct tty *t, int group);
int tty_session_id(struct tty *t);
void tty_forget_session(struct tty *t, bool hang_up);

/* --- tty_ioctl.c, console.c ------------------------------------------------------------------------------------- */
long tty_ioctl(struct file *f, unsigned int request, unsigned long argument);
void console_drain(struct tty *t);
extern struct tty *console_tty;
