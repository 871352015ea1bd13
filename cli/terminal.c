/* SPDX-License-Identifier: Apache-2.0 */
/* See terminal.h. Restoring ignores SIGTTOU: a shell may have taken the terminal back already. */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios saved;
static int saved_fd = -1;

void terminal_restore(void)
{
	sigset_t ttou, before;

	if (saved_fd < 0)
		return;
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &before);
	tcsetattr(saved_fd, TCSADRAIN, &saved);
	sigprocmask(SIG_SETMASK, &before, NULL);
	saved_fd = -1;
}

int terminal_make_raw(int fd, struct error *err)
{
	static bool registered;
	struct termios raw;

	if (tcgetattr(fd, &saved))
		return fail(
			err,
			"-t: the standard input is not a terminal (leave -t away, or run it in a terminal)");
	raw = saved;
	cfmakeraw(&raw);
	if (!registered)
		atexit(terminal_restore);
	registered = true;
	if (tcsetattr(fd, TCSADRAIN, &raw))
		return fail(err, "-t: cannot set the terminal: %s", strerror(errno));
	saved_fd = fd;
	return 0;
}

void terminal_size(int fd, uint16_t *ret_rows, uint16_t *ret_columns)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };

	if (ioctl(fd, TIOCGWINSZ, &w))
		w = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	*ret_rows = w.ws_row;
	*ret_columns = w.ws_col;
}

int terminal_pair(int *ret_master, int *ret_slave, struct error *err)
{
	_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave = -1;
	struct termios raw;

	if (master >= 0 && !grantpt(master) && !unlockpt(master))
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &raw))
		return fail(err, "-t: cannot make a pseudo-terminal: %s", strerror(errno));
	cfmakeraw(&raw);
	if (tcsetattr(slave, TCSANOW, &raw))
		return fail(err, "-t: cannot set the pseudo-terminal: %s", strerror(errno));
	*ret_master = steal_fd(&master);
	*ret_slave = steal_fd(&slave);
	return 0;
}
