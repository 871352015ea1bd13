/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: files that do something when they are read or written, as configfs and Gramine have
 * them, played with FIFOs. Each open of the file is met by a thread of ours; before it answers, it
 * puts a new FIFO in the old one's place, so that the next open is a new act and end-of-file is
 * seen once. What differs from a kernel: a write returns before it has had its effect, so whoever
 * gives an answer waits for the write it answers to.
 */
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_file {
	char path[256];
	bool read_by_them;
	void *context;
	/* Fills in what they read; gives its size. */
	size_t (*give)(void *context, uint8_t *buffer, size_t room);
	void (*take)(void *context, const uint8_t *data, size_t size);
	pthread_t thread;
};

static void *fake_file_main(void *arg)
{
	struct fake_file *f = arg;
	uint8_t buffer[16384];
	char next[300];

	for (;;) {
		int fd = open(f->path, (f->read_by_them ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
		size_t size = 0;
		ssize_t n;

		if (fd < 0)
			return NULL;
		snprintf(next, sizeof(next), "%s.next", f->path);
		if (mkfifo(next, 0600) || rename(next, f->path)) {
			close(fd);
			return NULL;
		}
		if (f->read_by_them) {
			size = f->give(f->context, buffer, sizeof(buffer));
			if (size && write(fd, buffer, size) != (ssize_t)size)
				perror("fake file");
		} else {
			while ((n = read(fd, buffer + size, sizeof(buffer) - size)) > 0)
				size += (size_t)n;
			f->take(f->context, buffer, size);
		}
		close(fd);
	}
}

/* The thread lives until the process ends. */
static bool fake_file_start(struct fake_file *f, const char *folder, const char *name)
{
	pthread_attr_t detached;
	bool ok;

	snprintf(f->path, sizeof(f->path), "%s/%s", folder, name);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	ok = !mkfifo(f->path, 0600) && !pthread_create(&f->thread, &detached, fake_file_main, f);
	pthread_attr_destroy(&detached);
	return ok;
}
