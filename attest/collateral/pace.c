/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Not to ask too often: AMD's KDS answers about one request in ten seconds from an address and then refuses all of them. The time of
 * the last request to a host is in a file of the cache folder, under a lock, so that processes of one machine take turns.
 */
#include "attest/collateral/http.h"
#include "attest/core/appraisal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 50

int64_t pace_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void pace_sleep(int64_t milliseconds)
{
	struct timespec ts = { .tv_sec = milliseconds / 1000,
			       .tv_nsec = milliseconds % 1000 * 1000000 };

	while (milliseconds > 0 && nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* A time in the future is of a clock that was set back: it counts for nothing. */
static int64_t due(int64_t last, unsigned interval_ms)
{
	int64_t now = pace_now();

	return last <= 0 || last > now || now - last >= interval_ms ? 0
								    : interval_ms - (now - last);
}

static int open_locked(const char *dir, const char *host, int64_t deadline, int *ret_fd)
{
	struct span part = SPAN(host, strlen(host));
	char path[4096], hex[72];
	uint8_t hash[32];
	int fd;

	if (digest("SHA256", &part, 1, hash, NULL))
		return -ENOMEM;
	if ((size_t)snprintf(path, sizeof(path), "%s/pace-%.16s", dir,
			     hex_text(SPAN_OF(hash), hex, sizeof(hex))) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			close(fd);
			return -errno;
		}
		if (pace_now() >= deadline) {
			close(fd);
			return -ETIMEDOUT;
		}
		pace_sleep(STEP_MS);
	}
	*ret_fd = fd;
	return 0;
}

int pace_wait(const char *dir, const char *host, unsigned interval_ms, unsigned wait_ms,
	      int64_t *last)
{
	int64_t deadline = pace_now() + wait_ms, wait;
	char text[32] = "";
	int fd = -1, ret;

	if (!interval_ms)
		return 0;
	if (dir) {
		ret = open_locked(dir, host, deadline, &fd);
		if (ret == -ETIMEDOUT)
			return ret;
		/* A folder that cannot be written: this process alone is paced. */
		if (!ret && pread(fd, text, sizeof(text) - 1, 0) > 0)
			*last = strtoll(text, NULL, 10);
	}
	wait = due(*last, interval_ms);
	ret = pace_now() + wait > deadline ? -ETIMEDOUT : 0;
	if (!ret) {
		/* The lock is kept meanwhile: the next in the queue waits for its own interval after this one. */
		pace_sleep(wait);
		*last = pace_now();
		if (fd >= 0) {
			int n = snprintf(text, sizeof(text), "%-20" PRId64 "\n", *last);

			if (pwrite(fd, text, (size_t)n, 0) != n)
				ret = 0; /* the next one may come early: no reason to fail */
		}
	}
	if (fd >= 0)
		close(fd);
	return ret;
}
