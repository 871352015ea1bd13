/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fetcher's cache on disk: one file per URL, named by the URL's SHA-256. What it holds is signed by its manufacturers and verified at each use,
 * so that the cache needs no protection beyond not being broken by accident: entries are written beside and renamed, and carry a digest.
 *
 *   cloister-cache 1\n  url\n  expires in decimal\n  chain size\n  body size\n  SHA-256 of all of the above and below\n  chain  body
 */
#include "attest/collateral/http.h"
#include "attest/core/appraisal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "cloister-cache 1"
#define HEAD_MAX 4096
#define PATH_ROOM 4096

int cache_open(const char *dir, struct cattest_error *err)
{
	struct stat st;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return fail(err, -errno, "the cache folder %s cannot be made: %s", dir,
			    strerror(errno));
	if (stat(dir, &st) || !S_ISDIR(st.st_mode))
		return fail(err, -ENOTDIR, "the cache %s is not a folder", dir);
	if (access(dir, R_OK | X_OK))
		return fail(err, -errno, "the cache folder %s cannot be read: %s", dir,
			    strerror(errno));
	return 0;
}

static int entry_path(const char *dir, const char *url, char *ret_path, size_t room)
{
	struct span part = SPAN(url, strlen(url));
	uint8_t hash[32];
	char hex[72];
	int n;

	if (digest("SHA256", &part, 1, hash, NULL))
		return -ENOMEM;
	n = snprintf(ret_path, room, "%s/%s", dir, hex_text(SPAN_OF(hash), hex, sizeof(hex)));
	return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

static int entry_digest(const char *url, int64_t expires, struct span chain, struct span body,
			char ret_hex[72])
{
	char numbers[64];
	uint8_t hash[32];
	int n = snprintf(numbers, sizeof(numbers), "\n%" PRId64 "\n%zu\n", expires, chain.size);
	struct span parts[] = { SPAN(url, strlen(url)), SPAN(numbers, (size_t)n), chain, body };

	if (digest("SHA256", parts, 4, hash, NULL))
		return -ENOMEM;
	hex_text(SPAN_OF(hash), ret_hex, 72);
	return 0;
}

static int read_whole(const char *path, uint8_t **ret_data, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	uint8_t *data;
	size_t size = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > (off_t)(HTTP_BODY_MAX + HTTP_CHAIN_MAX + HEAD_MAX)) {
		close(fd);
		return -EBADMSG;
	}
	data = malloc((size_t)st.st_size + 1);
	while (data && size < (size_t)st.st_size) {
		ssize_t n = read(fd, data + size, (size_t)st.st_size - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		size += (size_t)n;
	}
	close(fd);
	if (!data || size != (size_t)st.st_size) {
		free(data);
		return data ? -EIO : -ENOMEM;
	}
	*ret_data = data;
	*ret_size = size;
	return 0;
}

/* The next line of the head without its end, as a string in the buffer. */
static char *take_line(struct cursor *c)
{
	char *line = (char *)(uintptr_t)(c->in.data + c->at),
	     *end = memchr(line, '\n', cursor_left(c));

	if (!end) {
		c->bad = true;
		return line;
	}
	*end = 0;
	c->at += (size_t)(end - line) + 1;
	return line;
}

static uint64_t line_number(struct cursor *c, uint64_t max)
{
	char *line = take_line(c), *end;
	unsigned long long n;

	if (c->bad || line[0] < '0' || line[0] > '9')
		goto bad;
	errno = 0;
	n = strtoull(line, &end, 10);
	if (*end || errno || n > max)
		goto bad;
	return n;
bad:
	c->bad = true;
	return 0;
}

static int parse_entry(const char *url, struct span data, struct http_answer *ret_answer)
{
	struct cursor c = CURSOR(data);
	const char *magic = take_line(&c), *stored = c.bad ? "" : take_line(&c), *digest_line;
	struct span chain, body;
	size_t chain_size, body_size;
	char hex[72];
	int64_t expires;

	if (c.bad || strcmp(magic, MAGIC) || strcmp(stored, url))
		return -EBADMSG;
	expires = (int64_t)line_number(&c, INT64_MAX);
	chain_size = line_number(&c, HTTP_CHAIN_MAX);
	body_size = line_number(&c, HTTP_BODY_MAX);
	digest_line = c.bad ? "" : take_line(&c);
	chain = take(&c, chain_size);
	body = take(&c, body_size);
	if (c.bad || cursor_left(&c) || entry_digest(url, expires, chain, body, hex) ||
	    strcmp(hex, digest_line))
		return -EBADMSG;
	*ret_answer = (struct http_answer){ .size = body.size, .expires = expires };
	ret_answer->body = malloc(body.size + 1);
	ret_answer->chain = chain.size ? strndup((const char *)chain.data, chain.size) : NULL;
	if (!ret_answer->body || (chain.size && !ret_answer->chain)) {
		http_answer_done(ret_answer);
		return -ENOMEM;
	}
	memcpy(ret_answer->body, body.data, body.size);
	return 0;
}

int cache_get(const char *dir, const char *url, struct http_answer *ret_answer)
{
	char path[PATH_ROOM];
	uint8_t *data = NULL;
	size_t size = 0;
	int ret = entry_path(dir, url, path, sizeof(path));

	if (!ret)
		ret = read_whole(path, &data, &size);
	if (ret)
		return ret == -ENOMEM ? ret : -ENOENT;
	ret = parse_entry(url, SPAN(data, size), ret_answer);
	free(data);
	return ret == -EBADMSG ? -ENOENT : ret;
}

static int write_all(int fd, struct span data)
{
	while (data.size) {
		ssize_t n = write(fd, data.data, data.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data = SPAN(data.data + n, data.size - (size_t)n);
	}
	return 0;
}

int cache_put(const char *dir, const char *url, const struct http_answer *answer)
{
	struct span chain = SPAN(answer->chain, answer->chain ? strlen(answer->chain) : 0),
		    body = SPAN(answer->body, answer->size);
	char path[PATH_ROOM], temporary[PATH_ROOM], head[HEAD_MAX], hex[72];
	int fd, n, ret = entry_path(dir, url, path, sizeof(path));

	if (ret || entry_digest(url, answer->expires, chain, body, hex))
		return ret ? ret : -ENOMEM;
	n = snprintf(head, sizeof(head), MAGIC "\n%s\n%" PRId64 "\n%zu\n%zu\n%s\n", url,
		     answer->expires, chain.size, body.size, hex);
	if (n < 0 || (size_t)n >= sizeof(head) || chain.size > HTTP_CHAIN_MAX)
		return -E2BIG;
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s/.new-XXXXXX", dir) >=
	    sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
	if (fd < 0)
		return -errno;
	ret = write_all(fd, SPAN(head, (size_t)n));
	if (!ret)
		ret = write_all(fd, chain);
	if (!ret)
		ret = write_all(fd, body);
	if (!ret && fsync(fd))
		ret = -errno;
	close(fd);
	if (!ret && rename(temporary, path))
		ret = -errno;
	if (ret)
		unlink(temporary);
	return ret;
}
