/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line a call: "[tid] name(arguments) = result". Written when the call returns, in one piece; calls that do not
 * return (exit, execve that succeeds) are written at entry. Text is bounded and taken from user memory carefully.
 */
#include "kernel/sys/trace.h"

#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define LINE_SIZE 1024UL
#define SHOWN 48UL

/* clang-format off */
static const char *const error_names[] = {
	[EPERM] = "EPERM", [ENOENT] = "ENOENT", [ESRCH] = "ESRCH", [EINTR] = "EINTR", [EIO] = "EIO",
	[ENXIO] = "ENXIO", [E2BIG] = "E2BIG", [ENOEXEC] = "ENOEXEC", [EBADF] = "EBADF", [ECHILD] = "ECHILD",
	[EAGAIN] = "EAGAIN", [ENOMEM] = "ENOMEM", [EACCES] = "EACCES", [EFAULT] = "EFAULT", [EBUSY] = "EBUSY",
	[EEXIST] = "EEXIST", [EXDEV] = "EXDEV", [ENODEV] = "ENODEV", [ENOTDIR] = "ENOTDIR", [EISDIR] = "EISDIR",
	[EINVAL] = "EINVAL", [ENFILE] = "ENFILE", [EMFILE] = "EMFILE", [ENOTTY] = "ENOTTY", [ETXTBSY] = "ETXTBSY",
	[EFBIG] = "EFBIG", [ENOSPC] = "ENOSPC", [ESPIPE] = "ESPIPE", [EROFS] = "EROFS", [EMLINK] = "EMLINK",
	[EPIPE] = "EPIPE", [ERANGE] = "ERANGE", [ENAMETOOLONG] = "ENAMETOOLONG", [ENOSYS] = "ENOSYS",
	[ENOTEMPTY] = "ENOTEMPTY", [ELOOP] = "ELOOP", [ENODATA] = "ENODATA", [EOPNOTSUPP] = "EOPNOTSUPP",
	[EADDRINUSE] = "EADDRINUSE", [ECONNREFUSED] = "ECONNREFUSED", [EINPROGRESS] = "EINPROGRESS",
	[ENOTCONN] = "ENOTCONN", [ETIMEDOUT] = "ETIMEDOUT", [EISCONN] = "EISCONN", [ECONNRESET] = "ECONNRESET",
	[EAFNOSUPPORT] = "EAFNOSUPPORT",
};
/* clang-format on */

struct line {
	char *text;
	size_t used;
};

static void put(struct line *l, const char *format, ...) format_(2, 3);
static void put(struct line *l, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_vsnprintf(l->text + l->used, LINE_SIZE - l->used, format, ap);
	va_end(ap);
	l->used = MIN(l->used + (size_t)n, LINE_SIZE - 2);
}

static void put_bytes(struct line *l, const char *data, size_t size, bool more)
{
	put(l, "\"");
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '\n')
			put(l, "\\n");
		else if (c == '"' || c == '\\')
			put(l, "\\%c", c);
		else if (c < 32 || c > 126)
			put(l, "\\%o", c);
		else
			put(l, "%c", c);
	}
	put(l, more ? "\"..." : "\"");
}

static void put_string(struct line *l, unsigned long at)
{
	char text[SHOWN + 1];
	long len;

	if (!at) {
		put(l, "NULL");
		return;
	}
	len = copy_in_string(text, UPTR(at), sizeof(text));
	if (len == -ENAMETOOLONG)
		put_bytes(l, text, SHOWN, true);
	else if (len < 0)
		put(l, "0x%lx", at);
	else
		put_bytes(l, text, (size_t)len, false);
}

static void put_buffer(struct line *l, unsigned long at, long size)
{
	char text[SHOWN];
	size_t shown = size < 0 ? 0 : MIN((size_t)size, sizeof(text));

	if (size < 0 || copy_in(text, UPTR(at), shown))
		put(l, "0x%lx", at);
	else
		put_bytes(l, text, shown, (size_t)size > shown);
}

static void put_argument(struct line *l, char kind, unsigned long *arg, int i, long ret, bool done)
{
	unsigned long v = arg[i];
	int64_t ts[2];

	switch (kind) {
	case 'd':
	case 'f':
	case 't':
		put(l, "%d", (int)v);
		break;
	case 'F':
		if ((int)v == -100)
			put(l, "AT_FDCWD");
		else
			put(l, "%d", (int)v);
		break;
	case 'u':
		put(l, "%u", (unsigned int)v);
		break;
	case 'l':
		put(l, "%ld", (long)v);
		break;
	case 's':
	case 'S':
		put_string(l, v);
		break;
	case 'b':
		put_buffer(l, v, i < 5 ? (long)arg[i + 1] : 0);
		break;
	case 'B':
		put_buffer(l, v, done ? ret : -1);
		break;
	case 'o':
	case 'm':
		put(l, "0%o", (unsigned int)v);
		break;
	case 'g':
		put(l, "SIG%d", (int)v);
		break;
	case 'T':
		if (v && !copy_in(ts, UPTR(v), sizeof(ts)))
			put(l, "{%ld, %ld}", (long)ts[0], (long)ts[1]);
		else
			put(l, v ? "0x%lx" : "NULL", v);
		break;
	case 'p':
	case 'v':
	case 'D':
		if (!v) {
			put(l, "NULL");
			break;
		}
		__attribute__((fallthrough));
	default:
		put(l, "0x%lx", v);
	}
}

static void put_call(struct line *l, unsigned long number, unsigned long *arg, long ret, bool done)
{
	const struct syscall_entry *e = number < SYSCALL_COUNT ? &syscall_table[number] : NULL;

	put(l, "[%d] ", current()->tid);
	if (!e || !e->name) {
		put(l, "syscall_%lu(0x%lx, 0x%lx, 0x%lx", number, arg[0], arg[1], arg[2]);
	} else {
		put(l, "%s(", e->name);
		for (int i = 0; e->arguments[i]; i++) {
			if (i)
				put(l, ", ");
			put_argument(l, e->arguments[i], arg, i, ret, done);
		}
	}
	put(l, ")");
}

static void write_line(struct line *l)
{
	l->text[l->used++] = '\n';
	plat_log(l->text, l->used);
	kfree(l->text);
}

void trace_enter(unsigned long number, unsigned long *arg)
{
	struct line l = { kmalloc(LINE_SIZE), 0 };

	if (!l.text)
		return;
	/* exit, exit_group, execve, execveat: there may be no return */
	if (number != 60 && number != 231 && number != 59 && number != 322) {
		kfree(l.text);
		return;
	}
	put_call(&l, number, arg, 0, false);
	put(&l, " ...");
	write_line(&l);
}

void trace_exit(unsigned long number, unsigned long *arg, long ret)
{
	struct line l = { kmalloc(LINE_SIZE), 0 };

	if (!l.text)
		return;
	put_call(&l, number, arg, ret, true);
	if (ret < 0 && ret >= -4095) {
		size_t error = (size_t)-ret;

		if (error >= ERESTARTSYS && error <= ERESTART_RESTARTBLOCK)
			put(&l, " = ? interrupted");
		else if (error < ARRAY_SIZE(error_names) && error_names[error])
			put(&l, " = -1 %s", error_names[error]);
		else
			put(&l, " = -1 error %lu", error);
	} else if (ret > 0xffffff) {
		put(&l, " = 0x%lx", ret);
	} else {
		put(&l, " = %ld", ret);
	}
	write_line(&l);
}

void trace_signal(int sig)
{
	struct line l = { kmalloc(LINE_SIZE), 0 };

	if (!l.text)
		return;
	put(&l, "[%d] --- signal %d ---", current()->tid, sig);
	write_line(&l);
}
