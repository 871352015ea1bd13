/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline by itself: a few lines whose result is known, then random settings, keys, reads and writes under
 * the sanitizers, with the positions checked after each step.
 */
#include "kernel/fs/tty_line.c"

/* libc's own headers and the kernel's signal definitions exclude each other */
void *calloc(size_t count, size_t size);
void *malloc(size_t size);
void free(void *p);
int printf(const char *format, ...);

static unsigned int failures;

#define CHECK(c)                                                                 \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			failures++;                                              \
		}                                                                \
	} while (0)

static struct tty *new_tty(void)
{
	struct tty *t = calloc(1, sizeof(*t));

	t->out.data = malloc(TTY_OUT);
	t->out.size = TTY_OUT;
	tty_line_init(t);
	return t;
}

static void free_tty(struct tty *t)
{
	free(t->out.data);
	free(t);
}

static int type(struct tty *t, const char *keys)
{
	int sig;

	CHECK(tty_line_receive(t, (const uint8_t *)keys, strlen(keys), &sig) == strlen(keys));
	return sig;
}

static void expect_line(struct tty *t, const char *want)
{
	uint8_t got[64];
	bool done;
	size_t n = tty_line_take(t, got, sizeof(got), &done);

	CHECK(n == strlen(want) && !memcmp(got, want, n) && done);
}

static void expect_shown(struct tty *t, const char *want)
{
	char got[128];
	size_t n = ring_get(&t->out, got, sizeof(got));

	CHECK(n == strlen(want) && !memcmp(got, want, n));
}

static void test_editing(void)
{
	struct tty *t = new_tty();

	type(t, "one two\027three\025abc\177d\n");
	expect_line(t, "abd\n");
	t->out.tail = t->out.head;
	type(t, "x\001\026\003\n");
	expect_line(t, "x\001\003\n");
	expect_shown(t, "x^A^\b^C\r\n");
	type(t, "\004");
	expect_line(t, "");
	t->termios.c_lflag &= ~(tcflag_t)ECHOE;
	type(t, "ab\177\n");
	expect_shown(t, "ab^?\r\n");
	expect_line(t, "a\n");
	t->termios.c_lflag |= ECHOPRT;
	type(t, "ab\177\177c\n");
	expect_shown(t, "ab\\ba/c\r\n");
	expect_line(t, "c\n");
	CHECK(type(t, "lost\003") == SIGINT);
	CHECK(!tty_line_readable(t, false));
	free_tty(t);
}

static void test_utf8(void)
{
	struct tty *t = new_tty();

	t->termios.c_iflag |= IUTF8;
	type(t, "a\303\244\177b\n");
	expect_line(t, "ab\n");
	expect_shown(t, "a\303\244\b \bb\r\n");
	free_tty(t);
}

static void test_full(void)
{
	struct tty *t = new_tty();
	uint8_t big[5000];
	bool done;
	int sig;

	t->termios.c_lflag &= ~(tcflag_t)ECHO;
	memset(big, 'x', sizeof(big));
	CHECK(tty_line_receive(t, big, sizeof(big), &sig) == sizeof(big));
	CHECK(!tty_line_readable(t, false));
	type(t, "\n");
	CHECK(tty_line_take(t, big, sizeof(big), &done) == TTY_LINE && done &&
	      big[TTY_LINE - 1] == '\n');
	/* full of lines: takes no more until they are read */
	memset(big, '\n', sizeof(big));
	CHECK(tty_line_receive(t, big, sizeof(big), &sig) < TTY_LINE);
	CHECK(tty_line_receive(t, big, 1, &sig) == 0);
	CHECK(tty_line_take(t, big, sizeof(big), &done) == 1);
	free_tty(t);
}

static uint32_t state = 12345;

static uint32_t chance(uint32_t below)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % below;
}

static void random_settings(struct tty *t)
{
	struct termios2 s = t->termios;

	s.c_iflag = chance(1u << 15);
	s.c_oflag = chance(1u << 13);
	s.c_lflag = chance(1u << 16);
	for (unsigned int i = 0; i < NCCS; i++)
		if (!chance(4))
			s.c_cc[i] = (cc_t)chance(256);
	tty_line_set_termios(t, &s);
}

static void test_random(void)
{
	struct tty *t = new_tty();
	uint8_t buffer[700];
	size_t size;
	bool done;
	int sig;

	for (unsigned int step = 0; step < 300000; step++) {
		size = chance(sizeof(buffer));
		switch (chance(6)) {
		case 0:
			random_settings(t);
			break;
		case 1:
		case 2:
			for (size_t i = 0; i < size; i++)
				buffer[i] = (uint8_t)(chance(3) ? chance(128) : chance(40));
			CHECK(tty_line_receive(t, buffer, size, &sig) <= size);
			break;
		case 3:
			CHECK(tty_line_take(t, buffer, size, &done) <= size);
			break;
		case 4:
			CHECK(tty_line_output(t, buffer, size) <= size);
			break;
		default:
			CHECK(ring_get(&t->out, buffer, size) <= size);
			if (!chance(50))
				tty_line_stop(t, chance(2));
		}
		CHECK(ring_used(&t->out) <= TTY_OUT);
		CHECK(t->read_head - t->read_tail <= TTY_LINE);
		CHECK(t->canon_head - t->read_tail <= t->read_head - t->read_tail);
		CHECK(tty_line_count(t) <= TTY_LINE);
		if (failures)
			break;
	}
	free_tty(t);
}

int main(void)
{
	test_editing();
	test_utf8();
	test_full();
	test_random();
	return failures != 0;
}
