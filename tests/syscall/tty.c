/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-terminals: line discipline, ioctls, signals from keys, job control, hang-up. */
#include "tests/syscall/test.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

struct pair {
	int master, slave, number;
};

static struct pair open_pair(void)
{
	struct pair p;
	char name[32];
	int zero = 0;

	p.master = EXPECT_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
	EXPECT_OK(ioctl(p.master, TIOCSPTLCK, &zero));
	EXPECT_OK(ioctl(p.master, TIOCGPTN, &p.number));
	snprintf(name, sizeof(name), "/dev/pts/%d", p.number);
	p.slave = EXPECT_OK(open(name, O_RDWR | O_NOCTTY));
	return p;
}

static struct termios get(int fd)
{
	struct termios t;

	EXPECT_OK(tcgetattr(fd, &t));
	return t;
}

static void change(int fd, tcflag_t clear, tcflag_t set)
{
	struct termios t = get(fd);

	t.c_lflag &= ~clear;
	t.c_lflag |= set;
	EXPECT_OK(tcsetattr(fd, TCSANOW, &t));
}

static void make_raw(int fd, int minimum, int time)
{
	struct termios t = get(fd);

	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)minimum;
	t.c_cc[VTIME] = (cc_t)time;
	EXPECT_OK(tcsetattr(fd, TCSANOW, &t));
}

static int ready(int fd, int timeout)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };

	EXPECT_OK(poll(&p, 1, timeout));
	return p.revents;
}

static void wait_input(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	EXPECT_EQ(poll(&p, 1, 10000), 1);
}

static void put(int fd, const char *text)
{
	EXPECT_EQ(write(fd, text, strlen(text)), strlen(text));
}

/* Reads until `want` was seen in full. */
static void expect_bytes(int fd, const char *want)
{
	char got[256] = "";
	size_t len = 0;

	while (len < strlen(want)) {
		ssize_t n;

		wait_input(fd);
		n = EXPECT_OK(read(fd, got + len, strlen(want) - len));
		EXPECT(n > 0);
		len += (size_t)n;
		got[len] = 0;
	}
	EXPECT_STR(got, want);
}

static void expect_read(int fd, const char *want)
{
	char got[256];
	ssize_t n;

	wait_input(fd);
	n = EXPECT_OK(read(fd, got, sizeof(got) - 1));
	got[n] = 0;
	EXPECT_STR(got, want);
}

/* --- canonical mode --- */

TEST(read, tty_gives_whole_lines)
{
	struct pair p = open_pair();
	char b[8];

	change(p.slave, ECHO, 0);
	put(p.master, "ab");
	EXPECT(!(ready(p.slave, 0) & POLLIN));
	put(p.master, "c\nde\n");
	expect_read(p.slave, "abc\n");
	wait_input(p.slave);
	EXPECT_EQ(read(p.slave, b, 1), 1);
	EXPECT_EQ(b[0], 'd');
	expect_read(p.slave, "e\n");
	EXPECT_OK(fcntl(p.slave, F_SETFL, O_NONBLOCK));
	EXPECT_ERR(read(p.slave, b, sizeof(b)), EAGAIN);
}

TEST(read, tty_edits_lines)
{
	struct pair p = open_pair();

	change(p.slave, ECHO, 0);
	put(p.master, "abx\177c\n");
	expect_read(p.slave, "abc\n");
	put(p.master, "gone\025stays\n");
	expect_read(p.slave, "stays\n");
	put(p.master, "one two  \027three\n");
	expect_read(p.slave, "one three\n");
	put(p.master, "a\026\003b\n");
	expect_read(p.slave, "a\003b\n");
	put(p.master, "a\r");
	expect_read(p.slave, "a\n");
}

TEST(read, tty_end_of_file_key)
{
	struct pair p = open_pair();
	char b[8];

	change(p.slave, ECHO, 0);
	put(p.master, "\004");
	wait_input(p.slave);
	EXPECT_EQ(read(p.slave, b, sizeof(b)), 0);
	put(p.master, "xy\004");
	expect_read(p.slave, "xy");
}

TEST(read, tty_line_longer_than_the_buffer_is_cut)
{
	struct pair p = open_pair();
	static char big[6000], got[8192];
	ssize_t n;

	change(p.slave, ECHO, 0);
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\n';
	for (size_t done = 0; done < sizeof(big);)
		done += (size_t)EXPECT_OK(write(p.master, big + done, sizeof(big) - done));
	wait_input(p.slave);
	n = EXPECT_OK(read(p.slave, got, sizeof(got)));
	EXPECT(n >= 4095 && n <= 4096);
	EXPECT_EQ(got[n - 1], '\n');
}

TEST(write, tty_echoes_input)
{
	struct pair p = open_pair();

	put(p.master, "hi\n");
	expect_bytes(p.master, "hi\r\n");
	put(p.master, "\001b\177\n");
	expect_bytes(p.master, "^Ab\b \b\r\n");
	expect_bytes(p.slave, "hi\n\001\n");
	put(p.master, "\t\177x\n");
	expect_bytes(p.master, "\t\b\b\b\b\b\b\b\bx\r\n");
	change(p.slave, ECHO, ECHONL);
	put(p.master, "q\n");
	expect_bytes(p.master, "\r\n");
}

TEST(write, tty_processes_output)
{
	struct pair p = open_pair();
	struct termios t = get(p.slave);

	put(p.slave, "a\nb");
	expect_bytes(p.master, "a\r\nb");
	t.c_oflag |= XTABS;
	EXPECT_OK(tcsetattr(p.slave, TCSADRAIN, &t));
	put(p.slave, "\r12\tx");
	expect_bytes(p.master, "\r12      x");
	t.c_oflag &= ~(tcflag_t)OPOST;
	EXPECT_OK(tcsetattr(p.slave, TCSAFLUSH, &t));
	put(p.slave, "a\n");
	expect_bytes(p.master, "a\n");
}

/* --- raw mode --- */

TEST(read, tty_raw_minimum)
{
	struct pair p = open_pair();
	char b[16];

	make_raw(p.slave, 1, 0);
	put(p.master, "a\r\003");
	expect_bytes(p.slave, "a\r\003");
	make_raw(p.slave, 3, 0);
	put(p.master, "ab");
	EXPECT(!(ready(p.slave, 0) & POLLIN));
	put(p.master, "cd");
	wait_input(p.slave);
	EXPECT_EQ(read(p.slave, b, sizeof(b)), 4);
	put(p.master, "xy");
	EXPECT_EQ(read(p.slave, b, 2), 2);
}

TEST(read, tty_raw_time)
{
	struct pair p = open_pair();
	char b[16];

	make_raw(p.slave, 0, 0);
	EXPECT_EQ(read(p.slave, b, sizeof(b)), 0);
	make_raw(p.slave, 0, 1);
	EXPECT_EQ(read(p.slave, b, sizeof(b)), 0);
	put(p.master, "abc");
	wait_input(p.slave);
	EXPECT_EQ(read(p.slave, b, sizeof(b)), 3);
	make_raw(p.slave, 5, 1);
	put(p.master, "ab");
	EXPECT_EQ(read(p.slave, b, sizeof(b)), 2);
}

TEST(read, tty_raw_large)
{
	struct pair p = open_pair();
	static char out[65536], back[65536];
	size_t got = 0;
	pid_t pid;

	make_raw(p.slave, 1, 0);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 251);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (size_t done = 0; done < sizeof(out);)
			done += (size_t)EXPECT_OK(write(p.slave, out + done, sizeof(out) - done));
		_exit(0);
	}
	while (got < sizeof(back))
		got += (size_t)EXPECT_OK(read(p.master, back + got, sizeof(back) - got));
	EXPECT(!memcmp(out, back, sizeof(out)));
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);

	memset(back, 0, sizeof(back));
	pid = fork();
	if (!pid) {
		for (size_t done = 0; done < sizeof(out);)
			done += (size_t)EXPECT_OK(write(p.master, out + done, sizeof(out) - done));
		_exit(0);
	}
	for (got = 0; got < sizeof(back);)
		got += (size_t)EXPECT_OK(read(p.slave, back + got, sizeof(back) - got));
	EXPECT(!memcmp(out, back, sizeof(out)));
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

/* --- ioctls --- */

TEST(ioctl, tty_numbers_and_lock)
{
	int master = EXPECT_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY)), number = -1, locked = 0,
	    one = 1, peer;
	char name[32], link[64];
	struct stat st;

	EXPECT_OK(ioctl(master, TIOCGPTLCK, &locked));
	EXPECT_EQ(locked, 1);
	EXPECT_OK(ioctl(master, TIOCGPTN, &number));
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	EXPECT_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	locked = 0;
	EXPECT_OK(ioctl(master, TIOCSPTLCK, &locked));
	peer = EXPECT_OK(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	EXPECT_OK(fstat(peer, &st));
	EXPECT(S_ISCHR(st.st_mode));
	EXPECT_EQ(st.st_rdev, 136 << 8 | number);
	EXPECT_EQ(st.st_uid, geteuid());
	EXPECT_EQ(isatty(peer), 1);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", peer);
	memset(name, 0, sizeof(name));
	EXPECT_OK(readlink(link, name, sizeof(name) - 1));
	snprintf(link, sizeof(link), "/dev/pts/%d", number);
	EXPECT_STR(name, link);
	EXPECT_ERR(ioctl(peer, TIOCGPTN, &number), ENOTTY);
	EXPECT_ERR(ioctl(peer, TIOCSPTLCK, &one), ENOTTY);
	close(peer);
	close(master);
	EXPECT_ERR(open(link, O_RDWR | O_NOCTTY), errno == EIO ? EIO : ENOENT);
}

TEST(ioctl, tty_settings)
{
	struct pair p = open_pair();
	struct termios t = get(p.slave);
	int value = -1;

	EXPECT(t.c_lflag & ICANON);
	EXPECT(t.c_lflag & ECHO);
	EXPECT(t.c_oflag & OPOST);
	EXPECT_EQ(t.c_cc[VINTR], 3);
	EXPECT_EQ(t.c_cc[VEOF], 4);
	t.c_lflag &= ~(tcflag_t)ECHO;
	EXPECT_OK(tcsetattr(p.slave, TCSANOW, &t));
	EXPECT(!(get(p.master).c_lflag & ECHO));
	EXPECT_OK(ioctl(p.slave, TIOCGETD, &value));
	EXPECT_EQ(value, 0);
	EXPECT_OK(tcdrain(p.slave));
	EXPECT_ERR(ioctl(p.slave, TCFLSH, 7), EINVAL);
	EXPECT_ERR(ioctl(p.slave, TCXONC, 7), EINVAL);
	EXPECT_ERR(ioctl(p.slave, TCGETS, (void *)8), EFAULT);
	EXPECT_ERR(ioctl(p.slave, 0x5fff, 0), ENOTTY);
	EXPECT_ERR(ioctl(-1, TCGETS, &t), EBADF);
}

/* TCGETA and its like: programs older than POSIX still use them. */
TEST(ioctl, tty_settings_of_system_v)
{
	struct pair p = open_pair();
	struct termios before = get(p.slave), after;
	struct termio old;

	EXPECT_OK(ioctl(p.slave, TCGETA, &old));
	EXPECT_EQ(old.c_lflag, before.c_lflag & 0xffff);
	EXPECT_EQ(old.c_cflag, before.c_cflag & 0xffff);
	EXPECT(!memcmp(old.c_cc, before.c_cc, sizeof(old.c_cc)));
	old.c_lflag &= (unsigned short)~(ECHO | ICANON);
	old.c_cc[VINTR] = 7;
	EXPECT_OK(ioctl(p.slave, TCSETA, &old));
	after = get(p.slave);
	EXPECT_EQ(after.c_lflag, before.c_lflag & (tcflag_t) ~(ECHO | ICANON));
	EXPECT_EQ(after.c_cc[VINTR], 7);
	EXPECT_EQ(after.c_cc[VLNEXT], before.c_cc[VLNEXT]);
	EXPECT_EQ(after.c_iflag, before.c_iflag);
	EXPECT_EQ(write(p.master, "x", 1), 1);
	old.c_lflag |= ICANON;
	EXPECT_OK(ioctl(p.slave, TCSETAF, &old));
	EXPECT_EQ(ready(p.slave, 0) & POLLIN, 0);
	EXPECT_OK(ioctl(p.slave, TCSETAW, &old));
	EXPECT_ERR(ioctl(p.slave, TCGETA, 8), EFAULT);
	EXPECT_ERR(ioctl(p.slave, TCSETA, 8), EFAULT);
}

TEST(ioctl, tty_counts_and_flushes_input)
{
	struct pair p = open_pair();
	int count = -1;

	change(p.slave, ECHO, 0);
	put(p.master, "ab\ncd");
	wait_input(p.slave);
	EXPECT_OK(ioctl(p.slave, FIONREAD, &count));
	EXPECT_EQ(count, 3);
	EXPECT_OK(tcflush(p.slave, TCIFLUSH));
	EXPECT(!(ready(p.slave, 0) & POLLIN));
	put(p.master, "x\n");
	expect_read(p.slave, "x\n");
	change(p.slave, ICANON, 0);
	put(p.master, "yz");
	EXPECT_SOON(ioctl(p.slave, FIONREAD, &count) == 0 && count == 2);
	/* what is there becomes one line */
	change(p.slave, 0, ICANON);
	expect_read(p.slave, "yz");
}

TEST(ioctl, tty_window_size)
{
	struct pair p = open_pair();
	struct winsize w = { 24, 80, 0, 0 }, got = { 1, 1, 1, 1 };

	EXPECT_OK(ioctl(p.slave, TIOCGWINSZ, &got));
	EXPECT_EQ(got.ws_row, 0);
	EXPECT_OK(ioctl(p.master, TIOCSWINSZ, &w));
	EXPECT_OK(ioctl(p.slave, TIOCGWINSZ, &got));
	EXPECT_EQ(got.ws_row, 24);
	EXPECT_EQ(got.ws_col, 80);
}

TEST(ioctl, tty_flow_control)
{
	struct pair p = open_pair();

	change(p.slave, ECHO, 0);
	EXPECT_OK(fcntl(p.slave, F_SETFL, O_NONBLOCK));
	put(p.master, "\023");
	EXPECT_SOON(!(ready(p.slave, 0) & POLLOUT) || write(p.slave, "x", 1) < 0);
	EXPECT_ERR(write(p.slave, "y", 1), EAGAIN);
	put(p.master, "\021");
	EXPECT_SOON(write(p.slave, "z", 1) == 1);
	EXPECT_OK(tcflow(p.slave, TCOOFF));
	EXPECT_ERR(write(p.slave, "y", 1), EAGAIN);
	EXPECT_OK(tcflow(p.slave, TCOON));
	EXPECT_EQ(write(p.slave, "y", 1), 1);
}

TEST(ioctl, tty_packet_mode)
{
	struct pair p = open_pair();
	char b[16];
	int one = 1;

	EXPECT_OK(ioctl(p.master, TIOCPKT, &one));
	put(p.slave, "ab");
	wait_input(p.master);
	EXPECT_EQ(read(p.master, b, sizeof(b)), 3);
	EXPECT_EQ(b[0], TIOCPKT_DATA);
	EXPECT_EQ(b[1], 'a');
	EXPECT_OK(tcflush(p.slave, TCIFLUSH));
	EXPECT_SOON(ready(p.master, 0) & POLLPRI);
	EXPECT_EQ(read(p.master, b, sizeof(b)), 1);
	EXPECT(b[0] & TIOCPKT_FLUSHREAD);
}

TEST(ioctl, tty_exclusive)
{
	struct pair p = open_pair();
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/dev/pts/%d", p.number);
	EXPECT_OK(ioctl(p.slave, TIOCEXCL));
	fd = open(name, O_RDWR | O_NOCTTY);
	if (geteuid())
		EXPECT(fd < 0 && errno == EBUSY);
	else
		EXPECT(fd >= 0);
	EXPECT_OK(ioctl(p.slave, TIOCNXCL));
	EXPECT_OK(open(name, O_RDWR | O_NOCTTY));
}

/* --- sessions, signals, job control --- */

static struct pair shared;

/* Makes the calling (child) process a session leader with the slave as its terminal. */
static void take_terminal(void)
{
	EXPECT_OK(setsid());
	EXPECT_OK(ioctl(shared.slave, TIOCSCTTY, 0));
	EXPECT_EQ(tcgetpgrp(shared.slave), getpgrp());
}

static void in_session(void (*fn)(void))
{
	int status;

	shared = open_pair();
	status = test_in_child(fn);
	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
}

static volatile sig_atomic_t got_signal;

static void note(int sig)
{
	got_signal = sig;
}

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	EXPECT_OK(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void expect_signal(int sig)
{
	struct timespec limit = { 10, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	EXPECT_EQ(sigtimedwait(&set, NULL, &limit), sig);
}

static void keys_in_session(void)
{
	char b[8];

	take_terminal();
	block(SIGINT);
	block(SIGQUIT);
	block(SIGWINCH);
	put(shared.master, "\003");
	expect_signal(SIGINT);
	put(shared.master, "\034");
	expect_signal(SIGQUIT);
	/* what was typed before is gone */
	put(shared.master, "lost\003");
	expect_signal(SIGINT);
	put(shared.master, "kept\n");
	EXPECT_EQ(read(shared.slave, b, sizeof(b)), 5);
	EXPECT(!memcmp(b, "kept\n", 5));
	change(shared.slave, ISIG, 0);
	put(shared.master, "\003\n");
	EXPECT_EQ(read(shared.slave, b, sizeof(b)), 2);
	struct winsize w = { 5, 6, 0, 0 };
	EXPECT_OK(ioctl(shared.master, TIOCSWINSZ, &w));
	expect_signal(SIGWINCH);
}

TEST(ioctl, tty_keys_send_signals)
{
	in_session(keys_in_session);
}

static void interrupted_read(void)
{
	struct sigaction a = { .sa_handler = note };
	pid_t pid;
	char b[4];
	int go[2];

	take_terminal();
	EXPECT_OK(pipe(go));
	EXPECT_OK(sigaction(SIGINT, &a, NULL));
	pid = fork();
	if (!pid) {
		signal(SIGINT, SIG_IGN);
		EXPECT_EQ(read(go[0], b, 1), 1);
		while (write(shared.master, "\003", 1) == 1)
			usleep(2000);
		_exit(0);
	}
	put(go[1], "g");
	EXPECT_ERR(read(shared.slave, b, sizeof(b)), EINTR);
	EXPECT_EQ(got_signal, SIGINT);
	kill(pid, SIGKILL);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(read, tty_is_interrupted_by_its_key)
{
	in_session(interrupted_read);
}

static void controlling(void)
{
	int fd, sid = 0, other;
	pid_t pid;

	EXPECT_OK(setsid());
	EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
	EXPECT_ERR(tcgetpgrp(shared.slave), ENOTTY);
	EXPECT_OK(ioctl(shared.slave, TIOCSCTTY, 0));
	EXPECT_OK(ioctl(shared.slave, TIOCSCTTY, 0));
	fd = EXPECT_OK(open("/dev/tty", O_RDWR));
	put(fd, "x");
	expect_bytes(shared.master, "x");
	EXPECT_OK(ioctl(fd, TIOCGSID, &sid));
	EXPECT_EQ(sid, getpid());
	EXPECT_EQ(tcgetpgrp(fd), getpgrp());
	EXPECT_ERR(tcsetpgrp(fd, -1), EINVAL);
	EXPECT_ERR(tcsetpgrp(fd, 4000000), ESRCH);
	EXPECT_ERR(tcsetpgrp(fd, getppid()), EPERM);
	/* a second terminal cannot be had, nor one of another session */
	other = open_pair().slave;
	EXPECT_ERR(ioctl(other, TIOCSCTTY, 0), EPERM);
	pid = fork();
	if (!pid) {
		EXPECT_ERR(ioctl(shared.slave, TIOCSCTTY, 0), EPERM);
		EXPECT_OK(setsid());
		EXPECT_ERR(ioctl(shared.slave, TIOCSCTTY, 0), EPERM);
		EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &sid, 0), pid);
	EXPECT_EQ(sid, 0);
	signal(SIGHUP, SIG_IGN);
	EXPECT_OK(ioctl(fd, TIOCNOTTY));
	EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
	EXPECT_ERR(ioctl(fd, TIOCNOTTY), ENOTTY);
}

TEST(ioctl, tty_controlling_terminal)
{
	in_session(controlling);
}

static void open_without_noctty(void)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/dev/pts/%d", shared.number);
	EXPECT_OK(setsid());
	fd = EXPECT_OK(open(name, O_RDWR | O_NOCTTY));
	EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
	close(fd);
	EXPECT_OK(open(name, O_RDWR));
	EXPECT_OK(open("/dev/tty", O_RDWR));
}

TEST(open, tty_becomes_controlling)
{
	in_session(open_without_noctty);
}

/* Leader: starts `fn` in a group of its own, in the background. */
static pid_t in_background(void (*fn)(void))
{
	pid_t pid;
	int sync[2];
	char c;

	EXPECT_OK(pipe(sync));
	pid = fork();
	if (!pid) {
		EXPECT_OK(setpgid(0, 0));
		put(sync[1], "x");
		fn();
		_exit(0);
	}
	EXPECT_EQ(read(sync[0], &c, 1), 1);
	return pid;
}

static void expect_stop(pid_t pid, int sig)
{
	int status;

	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status));
	EXPECT_EQ(WSTOPSIG(status), sig);
}

static void expect_exit(pid_t pid)
{
	int status;

	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void reads_a_line(void)
{
	char b[8];

	EXPECT_EQ(read(shared.slave, b, sizeof(b)), 3);
}

static void background_read(void)
{
	pid_t pid;

	take_terminal();
	signal(SIGTTOU, SIG_IGN);
	pid = in_background(reads_a_line);
	expect_stop(pid, SIGTTIN);
	EXPECT_OK(tcsetpgrp(shared.slave, pid));
	put(shared.master, "ab\n");
	EXPECT_OK(kill(-pid, SIGCONT));
	expect_exit(pid);
	EXPECT_OK(tcsetpgrp(shared.slave, getpgrp()));
}

TEST(read, tty_stops_a_background_reader)
{
	in_session(background_read);
}

static void reads_and_fails(void)
{
	char b[8];

	signal(SIGTTIN, SIG_IGN);
	EXPECT_ERR(read(shared.slave, b, sizeof(b)), EIO);
}

static void ignoring_read(void)
{
	take_terminal();
	expect_exit(in_background(reads_and_fails));
}

TEST(read, tty_refuses_a_reader_that_cannot_be_stopped)
{
	in_session(ignoring_read);
}

static void writes(void)
{
	put(shared.slave, "out");
}

static void background_write(void)
{
	pid_t pid;

	take_terminal();
	/* allowed unless TOSTOP */
	expect_exit(in_background(writes));
	change(shared.slave, 0, TOSTOP);
	pid = in_background(writes);
	expect_stop(pid, SIGTTOU);
	change(shared.slave, TOSTOP, 0);
	EXPECT_OK(kill(pid, SIGCONT));
	expect_exit(pid);
	expect_bytes(shared.master, "outout");
}

TEST(write, tty_stops_a_background_writer)
{
	in_session(background_write);
}

static void changes_settings(void)
{
	change(shared.slave, ECHO, 0);
}

static void background_settings(void)
{
	pid_t pid;

	take_terminal();
	signal(SIGTTOU, SIG_DFL);
	pid = in_background(changes_settings);
	expect_stop(pid, SIGTTOU);
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT(get(shared.slave).c_lflag & ECHO);
}

TEST(ioctl, tty_stops_a_background_change)
{
	in_session(background_settings);
}

static void waits(void)
{
	for (;;)
		pause();
}

static void suspend_key(void)
{
	pid_t pid;

	take_terminal();
	signal(SIGTTOU, SIG_IGN);
	pid = in_background(waits);
	EXPECT_OK(tcsetpgrp(shared.slave, pid));
	put(shared.master, "\032");
	expect_stop(pid, SIGTSTP);
	EXPECT_OK(kill(-pid, SIGCONT));
	put(shared.master, "\003");
	int status;
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

TEST(ioctl, tty_suspend_key)
{
	in_session(suspend_key);
}

/* --- ends --- */

TEST(read, tty_master_after_the_slave)
{
	struct pair p = open_pair();
	char b[8];

	put(p.slave, "last");
	close(p.slave);
	EXPECT_EQ(read(p.master, b, sizeof(b)), 4);
	EXPECT_SOON(ready(p.master, 0) & POLLHUP);
	EXPECT_ERR(read(p.master, b, sizeof(b)), EIO);
}

TEST(read, tty_slave_after_the_master)
{
	struct pair p = open_pair();
	char b[8];
	ssize_t n;

	close(p.master);
	n = read(p.slave, b, sizeof(b));
	EXPECT(n == 0 || (n < 0 && errno == EIO));
	EXPECT_ERR(write(p.slave, "x", 1), EIO);
	EXPECT(ready(p.slave, 0) & POLLHUP);
	EXPECT(ready(p.slave, 0) & POLLIN);
	EXPECT_ERR(tcgetattr(p.slave, &(struct termios){ 0 }), EIO);
}

static void hung_up(void)
{
	take_terminal();
	block(SIGHUP);
	close(shared.master);
	expect_signal(SIGHUP);
	EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
}

TEST(close, tty_master_hangs_up_the_session)
{
	int status;

	shared = open_pair();
	fflush(stdout);
	pid_t pid = fork();

	if (!pid) {
		hung_up();
		_exit(0);
	}
	close(shared.master);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void leader_that_leaves(void)
{
	pid_t pid;
	char c;
	int out[2];

	take_terminal();
	EXPECT_OK(pipe(out));
	pid = fork();
	if (!pid) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_BLOCK, &set, NULL);
		put(out[1], "x");
		expect_signal(SIGHUP);
		put(shared.slave, "told");
		_exit(0);
	}
	EXPECT_EQ(read(out[0], &c, 1), 1);
}

TEST(exit_group, tty_leader_tells_the_foreground)
{
	in_session(leader_that_leaves);
	expect_bytes(shared.master, "told");
}

TEST_MAIN
