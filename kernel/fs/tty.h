/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals: line discipline, pseudo-terminals (devpts), and the console behind `cloister run -t`. */
#pragma once

#include "kernel/fs/file.h"

struct process;
struct session;
struct tty;

void tty_init(void);
void tty_hangup_session(struct session *s); /* the leader exits: SIGHUP, SIGCONT, ctty lost */
int tty_foreground_group(struct tty *t);
uint64_t tty_device(struct tty *t); /* for /proc/PID/stat */
/* A terminal whose other end is host handles (launcher's terminal, in raw mode): a service reads `in`. Owns the handles, even when it fails. */
must_check int tty_console_new(int in, int out, unsigned short rows, unsigned short columns,
			       struct file **ret);
void tty_console_resize(unsigned short rows, unsigned short columns);
void tty_session_resize(struct session *s, unsigned short rows, unsigned short columns);
/* Makes f's terminal the controlling one of the calling session (TIOCSCTTY rules), at open without O_NOCTTY. */
void tty_open_controlling(struct file *f);
