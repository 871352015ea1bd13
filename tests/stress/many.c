/* SPDX-License-Identifier: Apache-2.0 */
/*
 * many processes N: that many alive at once, all blocked in read of one pipe, then released.
 * many files N: that many open files of all kinds; each still the one it was.
 * many threads N: created and joined, up to 32 at once.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "stress.h"

static void processes(int count)
{
	pid_t *pids = calloc((size_t)count, sizeof(*pids));
	int go[2], ready[2];
	char c;

	CHECK(pids);
	CHECK_EQ(pipe(go), 0);
	CHECK_EQ(pipe(ready), 0);
	for (int i = 0; i < count; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			close(go[1]);
			if (write(ready[1], "r", 1) != 1)
				_exit(100);
			_exit(read(go[0], &c, 1) == 1 ? i & 63 : 101);
		}
		if (pids[i] < 0)
			FAIL("fork number %d", i);
	}
	for (int i = 0; i < count; i++)
		CHECK_EQ(read(ready[0], &c, 1), 1);
	for (int i = 0; i < count; i++)
		CHECK_EQ(kill(pids[i], 0), 0);
	for (int i = 0; i < count; i++)
		CHECK_EQ(write(go[1], "g", 1), 1);
	for (int i = 0; i < count; i++)
		stress_wait(pids[i], (i & 63) << 8);
	free(pids);
}

static void files(int count)
{
	struct rlimit limit = { (rlim_t)count + 64, (rlim_t)count + 64 };
	int *fds = calloc((size_t)count, sizeof(*fds)), n = 0;
	char dir[] = "/tmp/many-XXXXXX", name[64], text[32], back[32];
	uint64_t value;

	CHECK(fds);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < (rlim_t)count + 64) {
		limit.rlim_cur = (rlim_t)count + 64;
		if (limit.rlim_max < limit.rlim_cur)
			limit.rlim_max = limit.rlim_cur;
		CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	}
	CHECK(mkdtemp(dir));
	for (; n + 6 <= count; n += 6) {
		snprintf(name, sizeof(name), "%s/%d", dir, n);
		fds[n] = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		fds[n + 1] = eventfd((unsigned int)n, EFD_NONBLOCK);
		CHECK_EQ(pipe(fds + n + 2), 0);
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + n + 4), 0);
		if (fds[n] < 0 || fds[n + 1] < 0)
			FAIL("file number %d", n);
		snprintf(text, sizeof(text), "file %d", n);
		CHECK_EQ(write(fds[n], text, sizeof(text)), sizeof(text));
		CHECK_EQ(write(fds[n + 3], text, sizeof(text)), sizeof(text));
		CHECK_EQ(write(fds[n + 4], text, sizeof(text)), sizeof(text));
		CHECK_EQ(unlink(name), 0);
	}
	for (int i = 0; i + 6 <= n; i += 6) {
		snprintf(text, sizeof(text), "file %d", i);
		CHECK_EQ(pread(fds[i], back, sizeof(back), 0), sizeof(back));
		CHECK_EQ(strcmp(text, back), 0);
		CHECK_EQ(read(fds[i + 1], &value, 8), i ? 8 : -1);
		CHECK(!i || value == (uint64_t)i);
		CHECK_EQ(read(fds[i + 2], back, sizeof(back)), sizeof(back));
		CHECK_EQ(strcmp(text, back), 0);
		CHECK_EQ(read(fds[i + 5], back, sizeof(back)), sizeof(back));
		CHECK_EQ(strcmp(text, back), 0);
	}
	for (int i = 0; i < n; i++)
		CHECK_EQ(close(fds[i]), 0);
	CHECK_EQ(rmdir(dir), 0);
	free(fds);
}

static atomic_int sum;

static void *add_one(void *arg)
{
	atomic_fetch_add(&sum, 1);
	return arg;
}

static void threads(int count)
{
	for (int made = 0; made < count;) {
		pthread_t t[32];
		int now = count - made < 32 ? count - made : 32;
		void *ret;

		for (int i = 0; i < now; i++)
			stress_thread(&t[i], add_one, &t[i]);
		for (int i = 0; i < now; i++) {
			CHECK_EQ(pthread_join(t[i], &ret), 0);
			CHECK(ret == &t[i]);
		}
		made += now;
	}
	CHECK_EQ(atomic_load(&sum), count);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		FAIL("usage: many processes|files|threads COUNT");
	stress_time_limit(argv[1], 300);
	if (!strcmp(argv[1], "processes"))
		processes(atoi(argv[2]));
	else if (!strcmp(argv[1], "files"))
		files(atoi(argv[2]));
	else
		threads(atoi(argv[2]));
	printf("ok %s %s\n", argv[2], argv[1]);
	return 0;
}
