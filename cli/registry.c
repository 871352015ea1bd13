/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See registry.h. The base is $XDG_RUNTIME_DIR/cloister, /run/cloister for root, else /tmp/cloister-UID; it must be a folder
 * of ours that nobody else can enter, for who can write there could answer in an enclave's place.
 * Sockets are named through /proc/self/fd/N/control: their real paths may be longer than an address can hold.
 */
#include "cli/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define ENDED_KEPT (24 * 3600) /* seconds that an ended enclave's log stays */
#define ANSWER_TIME 1000
#define TEXT_CACHE "text-cache" /* beside the folders of enclaves */

static int check_base(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 077))
		return fail(
			err,
			"%s: not a folder that only you can use (remove it, or set XDG_RUNTIME_DIR)",
			path);
	return 0;
}

static int open_base(char path[200], struct error *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	_close_ int fd = -1;
	struct stat st;

	if (runtime && runtime[0] == '/' && strlen(runtime) < 150 && !stat(runtime, &st) &&
	    st.st_uid == geteuid())
		snprintf(path, 200, "%s/cloister", runtime);
	else if (!geteuid())
		snprintf(path, 200, "/run/cloister");
	else
		snprintf(path, 200, "/tmp/cloister-%u", geteuid());
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (mkdir(path, 0700) && errno != EEXIST)
			return fail(err, "%s: cannot make the folder: %s", path, strerror(errno));
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return fail(err, "%s: %s", path, strerror(errno));
	return check_base(fd, path, err) ? -1 : steal_fd(&fd);
}

static socklen_t control_address(int folder, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/control", folder);
	return sizeof(*a);
}

/* --- messages --------------------------------------------------------------------------------------------------- */

int wire_send(int socket, const void *message, size_t size, const int *fds, int fd_count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { (void *)(uintptr_t)message, size };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd_count) {
		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE((size_t)fd_count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN((size_t)fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, (size_t)fd_count * sizeof(int));
	}
	for (;;) {
		ssize_t n = sendmsg(socket, &m, MSG_NOSIGNAL);

		if (n >= 0 || errno != EINTR)
			return n == (ssize_t)size ? 0 : -1;
	}
}

long wire_receive(int socket, void *message, size_t size, int *fds, int *fd_count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct iovec part = { message, size };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	int room = fd_count ? *fd_count : 0, got = 0;
	ssize_t n;

	if (room) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof(control.space);
	}
	do
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL; c; c = CMSG_NXTHDR(&m, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (got < room)
				fds[got++] = fd;
			else
				close(fd);
		}
	}
	if (fd_count)
		*fd_count = got;
	return n;
}

static int closed(struct error *err)
{
	fail(err, "the enclave ended meanwhile");
	return WIRE_CLOSED;
}

int wire_call(int socket, const struct wire_request *request, size_t size, struct wire_reply *reply,
	      int timeout, struct error *err)
{
	struct pollfd p = { .fd = socket, .events = POLLIN };
	long n;

	if (wire_send(socket, request, size, NULL, 0))
		return closed(err);
	do
		n = poll(&p, 1, timeout);
	while (n < 0 && errno == EINTR);
	if (!n)
		return fail(err, "the enclave's launcher does not answer (is it stopped?)");
	n = wire_receive(socket, reply, sizeof(*reply) - 1, NULL, NULL);
	if (n < (long)WIRE_REPLY_SIZE(0) || reply->magic != WIRE_MAGIC ||
	    reply->size > (size_t)n - WIRE_REPLY_SIZE(0))
		return closed(err);
	((char *)reply)[n] = 0;
	return 0;
}

/* --- the launcher's side ---------------------------------------------------------------------------------------- */

static int name_is_free(const char *name, struct error *err)
{
	struct registry_entry *entries;
	size_t count;
	int ret = 0;

	if (registry_list(&entries, &count, err))
		return -1;
	for (size_t i = 0; i < count && !ret; i++)
		if (!entries[i].info.ended && !strcmp(entries[i].info.name, name))
			ret = fail(err, "--name %s: enclave %s has this name", name,
				   entries[i].info.id);
	registry_free(entries, count);
	return ret;
}

/* Starts are slower without it, nothing else. */
static int open_text_cache(int base)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(base, TEXT_CACHE, flags);

	if (fd < 0 && errno == ENOENT && (!mkdirat(base, TEXT_CACHE, 0700) || errno == EEXIST))
		fd = openat(base, TEXT_CACHE, flags);
	return fd;
}

int registry_add(struct registration *r, const char *name, const char *program, struct error *err)
{
	char base_path[200], hidden[24];
	struct sockaddr_un address;
	socklen_t size;
	uint64_t chance;

	*r = (struct registration){ .base = -1, .folder = -1, .listener = -1, .text_cache = -1 };
	if (name && name_is_free(name, err))
		return -1;
	r->base = open_base(base_path, err);
	if (r->base < 0)
		return -1;
	r->text_cache = open_text_cache(r->base);
	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		return fail(err, "no random numbers: %s", strerror(errno));
	snprintf(r->info.id, sizeof(r->info.id), "%012llx",
		 (unsigned long long)chance & 0xffffffffffffULL);
	snprintf(r->info.name, sizeof(r->info.name), "%s", name ? name : r->info.id);
	snprintf(r->info.program, sizeof(r->info.program), "%s", program);
	snprintf(r->path, sizeof(r->path), "%s/%s", base_path, r->info.id);
	r->info.launcher = getpid();
	r->info.started = time(NULL);
	snprintf(hidden, sizeof(hidden), ".%s", r->info.id);
	if (mkdirat(r->base, hidden, 0700) ||
	    (r->folder = openat(r->base, hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return fail(err, "%s: cannot make the enclave's folder: %s", base_path,
			    strerror(errno));
	r->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size = control_address(r->folder, &address);
	if (r->listener < 0 || bind(r->listener, (struct sockaddr *)&address, size) ||
	    listen(r->listener, 16) || renameat(r->base, hidden, r->base, r->info.id))
		return fail(err, "%s: cannot make the control socket: %s", r->path,
			    strerror(errno));
	return 0;
}

static void put_json(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(f, "\\u%04x", *s);
		else
			putc(*s, f);
	}
	putc('"', f);
}

int registry_write_state(struct registration *r, char *const *argv, const char *rootfs,
			 uint64_t memory, bool detached)
{
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int fd;

	if (!f)
		return -1;
	fprintf(f, "{\"id\":\"%s\",\"name\":", r->info.id);
	put_json(f, r->info.name);
	fprintf(f, ",\"launcher\":%d,\"started\":%lld,\"detached\":%s,\"memory\":%llu,\"rootfs\":",
		r->info.launcher, (long long)r->info.started, detached ? "true" : "false",
		(unsigned long long)memory);
	put_json(f, rootfs);
	fprintf(f, ",\"arguments\":[");
	for (int i = 0; argv[i]; i++) {
		if (i)
			putc(',', f);
		put_json(f, argv[i]);
	}
	fprintf(f, "]}\n");
	fclose(f);
	fd = openat(r->folder, "state.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, size) != (ssize_t)size) {
		close_fd(&fd);
		return -1;
	}
	close(fd);
	return 0;
}

static void remove_folder(int base, const char *id)
{
	_close_ int folder = openat(base, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return;
	unlinkat(folder, "control", 0);
	unlinkat(folder, "state.json", 0);
	unlinkat(folder, "log", 0);
	unlinkat(folder, "ended", 0);
	unlinkat(base, id, AT_REMOVEDIR);
}

void registry_remove(struct registration *r, bool keep, int status)
{
	if (r->base < 0)
		return;
	if (r->folder >= 0 && keep) {
		_close_ int fd =
			openat(r->folder, "ended", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		r->info.ended = time(NULL);
		r->info.status = status;
		if (fd >= 0 && write(fd, &r->info, sizeof(r->info)) == sizeof(r->info))
			unlinkat(r->folder, "control", 0);
	} else if (r->folder >= 0) {
		remove_folder(r->base, r->info.id);
	}
	close_fd(&r->listener);
	close_fd(&r->folder);
	close_fd(&r->base);
	close_fd(&r->text_cache);
	r->base = r->folder = r->listener = r->text_cache = -1;
}

/* --- everybody else's side -------------------------------------------------------------------------------------- */

static bool read_ended(int folder, struct wire_info *ret)
{
	_close_ int fd = openat(folder, "ended", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, ret, sizeof(*ret)) != sizeof(*ret) || !ret->ended)
		return false;
	ret->id[sizeof(ret->id) - 1] = ret->name[sizeof(ret->name) - 1] =
		ret->program[sizeof(ret->program) - 1] = 0;
	return true;
}

/* The launcher's word on itself. false: nobody listens there any more. */
static bool ask(int folder, struct registry_entry *e)
{
	static const struct wire_request request = { .magic = WIRE_MAGIC, .kind = WIRE_INFO };
	_free_ struct wire_reply *reply = malloc(sizeof(*reply));
	_close_ int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	socklen_t size = control_address(folder, &address);
	struct error err;

	if (!reply || s < 0 || connect(s, (struct sockaddr *)&address, size))
		return false;
	if (wire_call(s, &request, WIRE_REQUEST_SIZE(0), reply, ANSWER_TIME, &err)) {
		e->silent = true;
	} else if (reply->size == sizeof(e->info)) {
		memcpy(&e->info, reply->text, sizeof(e->info));
		e->info.id[sizeof(e->info.id) - 1] = e->info.name[sizeof(e->info.name) - 1] =
			e->info.program[sizeof(e->info.program) - 1] = 0;
		e->info.ended = 0;
	}
	e->socket = steal_fd(&s);
	return true;
}

static bool look_at(int base, const char *id, struct registry_entry *e)
{
	_close_ int folder = openat(base, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*e = (struct registry_entry){ .socket = -1 };
	if (folder < 0)
		return false;
	if (read_ended(folder, &e->info)) {
		if (e->info.ended + ENDED_KEPT >= time(NULL))
			return true;
	} else if (ask(folder, e)) {
		if (e->silent)
			snprintf(e->info.id, sizeof(e->info.id), "%.15s", id);
		return true;
	}
	remove_folder(base, id);
	return false;
}

static int by_start(const void *a, const void *b)
{
	const struct registry_entry *x = a, *y = b;

	return x->info.started < y->info.started ? -1 : x->info.started > y->info.started;
}

int registry_list(struct registry_entry **ret, size_t *ret_count, struct error *err)
{
	char path[200];
	_close_ int base = open_base(path, err);
	struct registry_entry *entries = NULL;
	size_t count = 0;
	struct dirent *d;
	DIR *folder;

	if (base < 0)
		return -1;
	folder = fdopendir(fcntl(base, F_DUPFD_CLOEXEC, 3));
	if (!folder)
		return fail(err, "%s: %s", path, strerror(errno));
	while ((d = readdir(folder)) && count < 4096) {
		struct registry_entry e, *more;
		struct stat st;

		if (d->d_name[0] == '.') {
			/* half made by a launcher that was killed */
			if (d->d_name[1] && d->d_name[1] != '.' &&
			    !fstatat(base, d->d_name, &st, 0) && st.st_mtime + 10 < time(NULL))
				remove_folder(base, d->d_name);
			continue;
		}
		if (!strcmp(d->d_name, TEXT_CACHE) || !look_at(base, d->d_name, &e))
			continue;
		more = realloc(entries, (count + 1) * sizeof(*entries));
		if (!more) {
			close_fd(&e.socket);
			break;
		}
		entries = more;
		entries[count++] = e;
	}
	closedir(folder);
	if (count)
		qsort(entries, count, sizeof(*entries), by_start);
	*ret = entries;
	*ret_count = count;
	return 0;
}

void registry_free(struct registry_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close_fd(&entries[i].socket);
	free(entries);
}

/* Names of running enclaves first, then ids, then the start of an id if only one starts so. */
static int choose(const struct registry_entry *e, size_t count, const char *which,
		  struct error *err)
{
	size_t len = strlen(which);
	int found = -1;

	for (size_t i = 0; i < count; i++)
		if (!strcmp(e[i].info.id, which) ||
		    (!strcmp(e[i].info.name, which) && !e[i].info.ended))
			return (int)i;
	for (size_t i = count; i-- > 0;)
		if (!strcmp(e[i].info.name, which))
			return (int)i;
	for (size_t i = 0; i < count && len >= 2; i++) {
		if (strncmp(e[i].info.id, which, len))
			continue;
		if (found >= 0)
			return fail(err, "%s: several enclaves have ids that start so", which);
		found = (int)i;
	}
	return found >= 0 ? found
			  : fail(err, "%s: no such enclave (cloister ps -a lists them)", which);
}

int registry_find(const char *which, struct registry_entry *ret, int *ret_folder, struct error *err)
{
	struct registry_entry *entries;
	char path[200];
	size_t count;
	int i;

	if (registry_list(&entries, &count, err))
		return -1;
	i = choose(entries, count, which, err);
	if (i >= 0 && ret_folder) {
		_close_ int base = open_base(path, err);

		*ret_folder = openat(base, entries[i].info.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (*ret_folder < 0)
			i = fail(err, "%s: no such enclave any more", which);
	}
	if (i >= 0) {
		*ret = entries[i];
		entries[i].socket = -1;
	}
	registry_free(entries, count);
	return i < 0 ? -1 : 0;
}

int registry_forget(const char *id, struct error *err)
{
	char path[200];
	_close_ int base = open_base(path, err);

	if (base < 0)
		return -1;
	remove_folder(base, id);
	return 0;
}
