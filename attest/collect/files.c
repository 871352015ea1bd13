/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing the small files through which kernels offer evidence. Their size is not known
 * before they are read (stat() says 0 or a page), and a write to them is an action: it is done in
 * one call or it failed.
 */
#include "attest/collect/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int collect_path(const char *root, const char *path, char *ret_path, size_t room)
{
	return snprintf(ret_path, room, "%s%s", root ? root : "", path) >= (int)room ? -ENAMETOOLONG
										     : 0;
}

/* Doubles *room up to max + 1: one byte more than allowed tells that there is more. */
static int grow(uint8_t **data, size_t *room, size_t max)
{
	size_t more = *room ? *room * 2 : 4096;
	uint8_t *bigger;

	if (more > max + 1)
		more = max + 1;
	if (more <= *room)
		return -E2BIG;
	bigger = realloc(*data, more);
	if (!bigger)
		return -ENOMEM;
	*data = bigger;
	*room = more;
	return 0;
}

int collect_read(const char *path, size_t max, uint8_t **ret_data, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc = 0;
	size_t size = 0, room = 0;
	uint8_t *data = NULL;

	if (fd < 0)
		return -errno;
	while (!rc) {
		ssize_t n;

		if (size == room && (rc = grow(&data, &room, max)))
			break;
		n = read(fd, data + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = -errno;
		if (n <= 0)
			break;
		size += (size_t)n;
	}
	if (!rc && size > max)
		rc = -E2BIG;
	close(fd);
	if (rc) {
		free(data);
		return rc;
	}
	*ret_data = data;
	*ret_size = size;
	return 0;
}

int collect_read_line(const char *path, char *ret_text, size_t room)
{
	uint8_t *data;
	size_t size;
	int rc = collect_read(path, room - 1, &data, &size);

	if (rc)
		return rc;
	/* The provider of configfs-tsm ends in a newline. */
	if (size && data[size - 1] == '\n')
		size--;
	if (memchr(data, 0, size) || memchr(data, '\n', size)) {
		free(data);
		return -EBADMSG;
	}
	memcpy(ret_text, data, size);
	ret_text[size] = 0;
	free(data);
	return 0;
}

int collect_write(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY), rc = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		rc = -errno;
	else if ((size_t)n != size)
		rc = -EIO;
	/* configfs acts on a blob when the file is closed. */
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}
