/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pressure KIND [FILE...]: uses kernel memory until there is none; the program must be told (ENOMEM, ENOSPC, EAGAIN, ENFILE),
 * must get everything it was given, and must be able to go on once it has freed some. Run with little memory.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "stress.h"

static bool is_short(int error)
{
	return error == ENOMEM || error == ENOSPC || error == ENFILE || error == EMFILE ||
	       error == EAGAIN || error == ENOBUFS;
}

static void write_files(void)
{
	char dir[] = "/dev/shm/pressure-XXXXXX", name[64], block[65536];
	uint64_t total = 0;
	int fd, n;

	CHECK(mkdtemp(dir));
	memset(block, 7, sizeof(block));
	for (n = 0; n < 100000; n++) {
		ssize_t done = 0;

		snprintf(name, sizeof(name), "%s/%d", dir, n);
		fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0) {
			CHECK(is_short(errno));
			break;
		}
		for (int i = 0; i < 16 && (done = write(fd, block, sizeof(block))) > 0; i++)
			total += (uint64_t)done;
		close(fd);
		if (done < 0) {
			CHECK(is_short(errno));
			break;
		}
	}
	CHECK(n < 100000);
	for (int i = 0; i <= n; i++) {
		snprintf(name, sizeof(name), "%s/%d", dir, i);
		fd = open(name, O_RDONLY);
		for (ssize_t got; fd >= 0 && (got = read(fd, block, sizeof(block))) > 0;
		     total -= (uint64_t)got)
			CHECK(block[0] == 7 && block[got - 1] == 7);
		close(fd);
		unlink(name);
	}
	CHECK_EQ(total, 0);
	CHECK_EQ(rmdir(dir), 0);
	printf("ok files, %d of them\n", n);
}

static void share(void)
{
	enum { SIZE = 1 << 20, MAX = 100000 };
	unsigned char **p = calloc(MAX, sizeof(*p));
	int n;

	CHECK(p);
	for (n = 0; n < MAX; n++) {
		p[n] = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (p[n] == MAP_FAILED) {
			CHECK(is_short(errno));
			break;
		}
		/* By a system call: a store would be SIGBUS where memory is given out late. */
		memset(p[n], 0, 0);
		int fd = open("/dev/zero", O_RDONLY);

		if (fd < 0) {
			CHECK(is_short(errno));
			break;
		}
		ssize_t got = read(fd, p[n], SIZE);

		close(fd);
		if (got < SIZE) {
			n++;
			break;
		}
	}
	CHECK(n < MAX);
	for (int i = 0; i < n; i++)
		CHECK_EQ(munmap(p[i], SIZE), 0);
	free(p);
	printf("ok shared mappings, %d MiB\n", n);
}

static void pipes(void)
{
	static int fds[2 * 100000];
	struct rlimit limit = { 1 << 20, 1 << 20 };
	char block[65536];
	int n, failed = 0;

	setrlimit(RLIMIT_NOFILE, &limit);
	memset(block, 3, sizeof(block));
	for (n = 0; n < 100000; n++) {
		if (n & 1 ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2 * n) : pipe(fds + 2 * n)) {
			CHECK(is_short(errno));
			break;
		}
		fcntl(fds[2 * n + 1], F_SETFL, O_NONBLOCK);
		while (write(fds[2 * n + 1], block, sizeof(block)) > 0)
			;
		CHECK(is_short(errno));
		failed += errno == ENOMEM;
		if (failed > 100)
			break;
	}
	CHECK(n < 100000);
	for (int i = 0; i < n; i++) {
		close(fds[2 * i]);
		close(fds[2 * i + 1]);
	}
	printf("ok pipes, %d of them\n", n);
}

/* Eats all memory by small objects, then forks, threads, files: all may fail, none may do harm. */
static void objects(void)
{
	static int fds[1 << 20];
	struct rlimit limit = { 1 << 20, 1 << 20 };
	static int n, pid, failures; /* static: vfork below */
	char dir[] = "/dev/shm/objects-XXXXXX", name[80];

	setrlimit(RLIMIT_NOFILE, &limit);
	CHECK(mkdtemp(dir));
	for (n = 0; n < (1 << 20) - 100; n++) {
		fds[n] = eventfd(0, 0);
		if (fds[n] < 0) {
			CHECK(is_short(errno));
			break;
		}
	}
	for (int i = 0; i < 200; i++) {
		pthread_t t;

		pid = fork();
		if (!pid)
			_exit(0);
		if (pid > 0)
			stress_wait(pid, 0);
		else
			failures++;
		if (!pthread_create(&t, NULL, (void *(*)(void *))(uintptr_t)getpid, NULL))
			pthread_join(t, NULL);
		else
			failures++;
		snprintf(name, sizeof(name), "%s/%d", dir, i);
		if (mkdir(name, 0700))
			failures++;
		snprintf(name, sizeof(name), "%s/%d-file", dir, i);
		if (mknod(name, S_IFREG | 0600, 0))
			failures++;
		if (mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			failures++;
		pid = vfork();
		if (!pid) {
			execl("/bin/true", "true", NULL);
			_exit(0);
		}
		if (pid > 0) {
			int status;

			CHECK_EQ(waitpid(pid, &status, 0), pid);
		}
		if (i % 8 == 7 && n > 64)
			for (int k = 0; k < 64; k++)
				close(fds[--n]);
	}
	while (n)
		close(fds[--n]);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%s/%d", dir, i);
		rmdir(name);
		snprintf(name, sizeof(name), "%s/%d-file", dir, i);
		unlink(name);
	}
	CHECK_EQ(rmdir(dir), 0);
	/* And all is well again. */
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (!pid)
			_exit(3);
		CHECK(pid > 0);
		stress_wait(pid, 3 << 8);
	}
	printf("ok objects, %d refusals\n", failures);
}

/* Reads all of a large file twice: by read and by a mapping. */
static void cache(const char *name)
{
	int fd = open(name, O_RDONLY);
	char *block = malloc(1 << 20);
	struct stat st;
	uint64_t sum = 0, sum2 = 0;
	ssize_t n;
	unsigned char *p;

	CHECK(fd >= 0 && !fstat(fd, &st));
	while ((n = read(fd, block, 1 << 20)) > 0)
		for (ssize_t i = 0; i < n; i += 512)
			sum += (unsigned char)block[i];
	CHECK_EQ(n, 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	for (off_t i = 0; i < st.st_size; i += 512)
		sum2 += p[i];
	CHECK_EQ(sum, sum2);
	munmap(p, (size_t)st.st_size);
	close(fd);
	printf("ok cache, %s\n", name);
}

int main(int argc, char **argv)
{
	stress_time_limit("pressure", 110);
	if (argc > 2 && !strcmp(argv[1], "cache"))
		cache(argv[2]);
	else if (argc > 1 && !strcmp(argv[1], "files"))
		write_files();
	else if (argc > 1 && !strcmp(argv[1], "shared"))
		share();
	else if (argc > 1 && !strcmp(argv[1], "pipes"))
		pipes();
	else if (argc > 1 && !strcmp(argv[1], "objects"))
		objects();
	else
		FAIL("usage: pressure files|shared|pipes|objects|cache FILE");
	return 0;
}
