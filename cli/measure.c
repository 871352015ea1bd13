/* SPDX-License-Identifier: Apache-2.0 */
/* See measure.h. The records' kinds, order and contents are those of abi/report.h. */
#include "cli/measure.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "abi/report.h"
#include "cli/guest_path.h"

#define PROGRAM_MAX (1ULL << 30)
#define LINE_MAX_SIZE 256 /* of a #! line, as the kernel reads it */

/* A record's parts are put into the file as they come; the first failure stays. */
struct stream {
	int fd;
	int error;
};

static void put(struct stream *s, const void *data, size_t size)
{
	const char *at = data;

	while (size && !s->error) {
		ssize_t n = write(s->fd, at, size);

		if (n < 0 && errno != EINTR)
			s->error = errno;
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
}

static void put_head(struct stream *s, uint32_t kind, uint64_t size)
{
	struct report_record head = { .kind = kind, .size = size };

	put(s, &head, sizeof(head));
}

static void put_text(struct stream *s, uint32_t kind, const char *text)
{
	put_head(s, kind, strlen(text));
	put(s, text, strlen(text));
}

static void put_label(struct stream *s, const char *label)
{
	char padded[REPORT_LABEL_SIZE] = { 0 };

	memcpy(padded, label, strlen(label));
	put(s, padded, sizeof(padded));
}

/* The record of a file: its name (NULL: none) and what it holds. */
static void put_file(struct stream *s, uint32_t kind, const char *name, int fd)
{
	size_t name_size = name ? strlen(name) + 1 : 0;
	char buffer[65536];
	struct stat st;
	off_t at = 0;

	if (fstat(fd, &st) || (uint64_t)st.st_size > PROGRAM_MAX) {
		s->error = s->error ? s->error : EFBIG;
		return;
	}
	put_head(s, kind, name_size + (uint64_t)st.st_size);
	put(s, name, name_size);
	while (at < st.st_size && !s->error) {
		size_t want = (size_t)(st.st_size - at) < sizeof(buffer) ? (size_t)(st.st_size - at)
									 : sizeof(buffer);
		ssize_t n = pread(fd, buffer, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) { /* it changes under our hands */
			s->error = n ? errno : EIO;
			return;
		}
		put(s, buffer, (size_t)n);
		at += n;
	}
}

/* As the kernel's execve finds it: by path, or along PATH. */
static int open_program(const struct guest_view *view, const char *name, const char *search,
			char *ret_path, size_t room)
{
	const char *at = search ? search : "/usr/local/bin:/usr/bin:/bin";
	int fd = -ENOENT;

	if (strchr(name, '/')) {
		snprintf(ret_path, room, "%s", name);
		return guest_open(view, name, O_RDONLY);
	}
	while (fd < 0) {
		size_t len = strcspn(at, ":");

		if ((size_t)snprintf(ret_path, room, "%.*s/%s", (int)len, at, name) < room)
			fd = guest_open(view, ret_path, O_RDONLY);
		if (!at[len])
			break;
		at += len + 1;
	}
	return fd;
}

/* PT_INTERP of an ELF file, or the program of a #! line: false if it has none. */
static bool read_interpreter(int fd, char *ret_path, size_t room)
{
	char line[LINE_MAX_SIZE + 1] = "";
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (pread(fd, line, LINE_MAX_SIZE, 0) > 2 && line[0] == '#' && line[1] == '!') {
		const char *at = line + 2 + strspn(line + 2, " \t");

		return (size_t)snprintf(ret_path, room, "%.*s", (int)strcspn(at, " \t\n"), at) <
		       room;
	}
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG) ||
	    eh.e_phentsize != sizeof(ph))
		return false;
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) != sizeof(ph))
			return false;
		if (ph.p_type != PT_INTERP || !ph.p_filesz || ph.p_filesz > room ||
		    pread(fd, ret_path, ph.p_filesz, (off_t)ph.p_offset) != (ssize_t)ph.p_filesz)
			continue;
		ret_path[ph.p_filesz - 1] = 0;
		return true;
	}
	return false;
}

static void put_programs(struct stream *s, const struct run_config *c)
{
	char path[4096], interpreter[4096];
	struct guest_view view;
	int fd, other = -1;

	run_view(c, &view);
	fd = open_program(&view, c->argv[0], strings_get_env(&c->env, "PATH"), path, sizeof(path));
	if (fd < 0) {
		/* In a file system that only the kernel sees (a volume it made itself): its name is all there is. */
		put_head(s, REPORT_RECORD_PROGRAM, strlen(c->argv[0]) + 1);
		put(s, c->argv[0], strlen(c->argv[0]) + 1);
		put_head(s, REPORT_RECORD_INTERPRETER, 0);
		return;
	}
	put_file(s, REPORT_RECORD_PROGRAM, path, fd);
	if (read_interpreter(fd, interpreter, sizeof(interpreter)))
		other = guest_open(&view, interpreter, O_RDONLY);
	if (other >= 0)
		put_file(s, REPORT_RECORD_INTERPRETER, interpreter, other);
	else
		put_head(s, REPORT_RECORD_INTERPRETER, 0);
	close_fd(&fd);
	close_fd(&other);
}

static void put_measurement(struct stream *s, const struct launcher *l, int kernel)
{
	const struct run_config *c = l->config;
	const struct boot_info *b = l->enclave.boot;
	struct {
		uint32_t version, flags;
		uint64_t memory_limit;
	} boot = { BOOT_VERSION, c->flags & REPORT_BOOT_FLAGS, b->memory_limit };

	put_label(s, REPORT_MEASUREMENT_LABEL);
	put_file(s, REPORT_RECORD_KERNEL, NULL, kernel);
	put_head(s, REPORT_RECORD_BOOT, sizeof(boot));
	put(s, &boot, sizeof(boot));
	for (size_t i = 0; i < c->mount_count; i++) {
		const struct enclave_mount *m = &c->mounts[i];
		uint32_t is_file = m->is_file;
		size_t type = strlen(m->type) + 1, target = strlen(m->target) + 1,
		       options = strlen(m->options) + 1;

		put_head(s, REPORT_RECORD_MOUNT, sizeof(is_file) + type + target + options);
		put(s, &is_file, sizeof(is_file));
		put(s, m->type, type);
		put(s, m->target, target);
		put(s, m->options, options);
	}
	put_programs(s, c);
}

static void put_config(struct stream *s, const struct run_config *c)
{
	uint32_t identity[2] = { c->uid, c->gid };

	put_label(s, REPORT_CONFIG_LABEL);
	for (char *const *a = c->argv; *a; a++)
		put_text(s, REPORT_RECORD_ARGUMENT, *a);
	for (size_t i = 0; i < c->env.count; i++)
		put_text(s, REPORT_RECORD_ENVIRONMENT, c->env.items[i]);
	put_text(s, REPORT_RECORD_DIRECTORY, c->cwd);
	put_text(s, REPORT_RECORD_HOSTNAME, c->hostname ? c->hostname : "cloister");
	put_head(s, REPORT_RECORD_IDENTITY, sizeof(identity));
	put(s, identity, sizeof(identity));
}

int measure_enclave(const struct launcher *l, const char *kernel, struct measure_streams *ret,
		    struct error *err)
{
	_close_ int image = open(kernel, O_RDONLY | O_CLOEXEC);
	struct stream measurement = { memfd_create("cloister-measurement", MFD_CLOEXEC), 0 };
	struct stream config = { memfd_create("cloister-configuration", MFD_CLOEXEC), 0 };

	if (image >= 0 && measurement.fd >= 0 && config.fd >= 0) {
		put_measurement(&measurement, l, image);
		put_config(&config, l->config);
		if (!measurement.error && !config.error &&
		    lseek(measurement.fd, 0, SEEK_SET) == 0 && lseek(config.fd, 0, SEEK_SET) == 0) {
			*ret = (struct measure_streams){ measurement.fd, config.fd };
			return 0;
		}
		errno = measurement.error ? measurement.error : config.error ? config.error : errno;
	}
	fail(err, "the enclave cannot be measured: %s", strerror(errno));
	close_fd(&measurement.fd);
	close_fd(&config.fd);
	return -1;
}
