/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mixed SECONDS: 8 processes of 8 threads each do a bit of everything for that long: pipes, files, mappings, futex
 * mutexes, signals, fork and exit, socket pairs, epoll with eventfds, timers. All data carries checks; each thread must
 * make progress all the time (a watcher looks every few seconds).
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "stress.h"

#define PROCESSES 8
#define THREADS 8

struct shared {
	_Atomic bool stop;
	_Atomic uint64_t progress[PROCESSES * THREADS];
	pthread_mutex_t mutex; /* shared by all processes */
	uint64_t under_mutex, under_mutex_again;
	_Atomic uint64_t locked;
};
static struct shared *shared;
static int me;
static char folder[] = "/tmp/mixed-XXXXXX";
static _Atomic uint32_t signals_seen, signals_sent;
static pthread_mutex_t local_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t local_cond = PTHREAD_COND_INITIALIZER;
static uint64_t local_count, local_twin;

static void fill(unsigned char *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(seed + i * 7);
}

static void verify(const unsigned char *p, size_t n, uint64_t seed, const char *what)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != (unsigned char)(seed + i * 7))
			FAIL("%s: byte %zu of %zu is %u, expected %u", what, i, n, p[i],
			     (unsigned char)(seed + i * 7));
}

static void all_write(int fd, const void *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			FAIL("write of %zu gave %zd", n, done);
		p = (const char *)p + done;
		n -= (size_t)done;
	}
}

static void all_read(int fd, void *p, size_t n)
{
	while (n) {
		ssize_t done = read(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			FAIL("read of %zu gave %zd", n, done);
		p = (char *)p + done;
		n -= (size_t)done;
	}
}

static void do_pipe(uint64_t *seed)
{
	unsigned char data[3000], back[3000];
	size_t n = 1 + stress_random(seed) % sizeof(data);
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	fill(data, n, *seed);
	for (int i = 0; i < 4; i++) {
		all_write(fds[1], data, n);
		all_read(fds[0], back, n);
		verify(back, n, *seed, "pipe");
	}
	close(fds[1]);
	CHECK_EQ(read(fds[0], back, 1), 0);
	close(fds[0]);
}

static void do_file(uint64_t *seed, int thread)
{
	unsigned char *data = malloc(40000);
	size_t n = 1 + stress_random(seed) % 40000;
	char name[80], other[80];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "%s/%d-%d", folder, me, thread);
	snprintf(other, sizeof(other), "%s/%d-%d-renamed", folder, me, thread);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	fill(data, n, *seed);
	all_write(fd, data, n);
	CHECK_EQ(rename(name, other), 0);
	CHECK_EQ(stat(other, &st), 0);
	CHECK_EQ(st.st_size, n);
	memset(data, 0, n);
	CHECK_EQ(pread(fd, data, n, 0), n);
	verify(data, n, *seed, "file");
	CHECK_EQ(ftruncate(fd, (off_t)n / 2), 0);
	CHECK_EQ(pread(fd, data, n, 0), n / 2);
	CHECK_EQ(unlink(other), 0);
	CHECK_EQ(stat(other, &st), -1);
	close(fd);
	free(data);
}

static void do_map(uint64_t *seed)
{
	size_t pages = 2 + stress_random(seed) % 30, size = pages * 4096;
	int flags = stress_random(seed) & 1 ? MAP_SHARED : MAP_PRIVATE;
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0),
		      *q;

	CHECK(p != MAP_FAILED);
	fill(p, size, *seed);
	CHECK_EQ(mprotect(p + 4096, 4096, PROT_READ), 0);
	verify(p, size, *seed, "mapping");
	CHECK_EQ(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE), 0);
	p[4096] = (unsigned char)(*seed + 4096 * 7);
	q = mremap(p, size, size, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	verify(q, size, *seed, "moved mapping");
	CHECK_EQ(munmap(q + size / 2 / 4096 * 4096, 4096), 0);
	CHECK_EQ(munmap(q, size), 0);
}

static void do_mutex(uint64_t *seed)
{
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
		CHECK_EQ(shared->under_mutex, shared->under_mutex_again);
		shared->under_mutex++;
		if (stress_random(seed) % 64 == 0)
			sched_yield();
		shared->under_mutex_again++;
		CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
		atomic_fetch_add(&shared->locked, 1);
		pthread_mutex_lock(&local_mutex);
		CHECK_EQ(local_count, local_twin);
		local_count++;
		if (stress_random(seed) % 16 == 0) {
			struct timespec soon;

			clock_gettime(CLOCK_REALTIME, &soon);
			soon.tv_nsec += 300000;
			if (soon.tv_nsec >= 1000000000)
				soon.tv_nsec -= 1000000000, soon.tv_sec++;
			local_twin++;
			pthread_cond_timedwait(&local_cond, &local_mutex, &soon);
		} else {
			local_twin++;
			pthread_cond_signal(&local_cond);
		}
		pthread_mutex_unlock(&local_mutex);
	}
}

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals_seen, 1);
}

/* Realtime signals queue: each one sent to this thread is seen. */
static void do_signal(void)
{
	for (int i = 0; i < 10; i++)
		if (!pthread_kill(pthread_self(), SIGRTMIN + 1))
			atomic_fetch_add(&signals_sent, 1);
}

static void do_fork(uint64_t *seed)
{
	uint32_t wanted = stress_random(seed) & 63;
	int status;
	pid_t pid = fork(), got;

	if (!pid)
		_exit((int)wanted);
	if (pid < 0 && errno == EAGAIN)
		return;
	CHECK(pid > 0);
	while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	CHECK_EQ(got, pid);
	CHECK_EQ(status, wanted << 8);
}

struct echo {
	int fd;
	size_t size;
};

static void *echo(void *arg)
{
	struct echo *e = arg;
	unsigned char buffer[1024];
	size_t left = e->size;

	while (left) {
		size_t n = left < sizeof(buffer) ? left : sizeof(buffer);

		all_read(e->fd, buffer, n);
		all_write(e->fd, buffer, n);
		left -= n;
	}
	return NULL;
}

static void do_socket(uint64_t *seed)
{
	unsigned char data[20000];
	struct echo e = { -1, 1 + stress_random(seed) % sizeof(data) };
	pthread_t t;
	int fds[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	e.fd = fds[1];
	fill(data, e.size, *seed);
	stress_thread(&t, echo, &e);
	all_write(fds[0], data, e.size);
	memset(data, 0, e.size);
	all_read(fds[0], data, e.size);
	verify(data, e.size, *seed, "socket");
	CHECK_EQ(pthread_join(t, NULL), 0);
	close(fds[0]);
	close(fds[1]);
}

static void *bump(void *arg)
{
	uint64_t one = 1;

	for (int i = 0; i < 10; i++)
		all_write(*(int *)arg, &one, 8);
	return NULL;
}

static void do_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN }, got[4];
	int epoll = epoll_create1(EPOLL_CLOEXEC), counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct itimerspec soon = { { 0, 0 }, { 0, 500000 } };
	bool timer_seen = false;
	uint64_t sum = 0, value;
	pthread_t t;

	CHECK(epoll >= 0 && counter >= 0 && timer >= 0);
	event.data.u32 = 1;
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event), 0);
	event.data.u32 = 2;
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event), 0);
	CHECK_EQ(timerfd_settime(timer, 0, &soon, NULL), 0);
	stress_thread(&t, bump, &counter);
	while (sum < 10 || !timer_seen) {
		int n = epoll_wait(epoll, got, 4, 20000);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			FAIL("epoll_wait gave %d, sum %d, timer %d", n, (int)sum, timer_seen);
		for (int i = 0; i < n; i++) {
			if (read(got[i].data.u32 == 1 ? counter : timer, &value, 8) != 8)
				continue;
			if (got[i].data.u32 == 1)
				sum += value;
			else
				timer_seen = true;
		}
	}
	CHECK_EQ(sum, 10);
	CHECK_EQ(pthread_join(t, NULL), 0);
	close(epoll);
	close(counter);
	close(timer);
}

static void do_timer(uint64_t *seed)
{
	struct timespec t = { 0, stress_random(seed) % 500000 };
	uint64_t start = stress_now(), want = (uint64_t)t.tv_nsec;

	while (nanosleep(&t, &t) < 0)
		CHECK_EQ(errno, EINTR);
	CHECK(stress_now() - start >= want);
}

static void *worker(void *arg)
{
	int thread = (int)(intptr_t)arg;
	uint64_t seed = (uint64_t)(me * THREADS + thread + 1) * 0x9e3779b97f4a7c15ULL;

	while (!atomic_load(&shared->stop)) {
		switch (stress_random(&seed) % 9) {
		case 0:
			do_pipe(&seed);
			break;
		case 1:
			do_file(&seed, thread);
			break;
		case 2:
			do_map(&seed);
			break;
		case 3:
			do_mutex(&seed);
			break;
		case 4:
			do_signal();
			break;
		case 5:
			do_fork(&seed);
			break;
		case 6:
			do_socket(&seed);
			break;
		case 7:
			do_epoll();
			break;
		case 8:
			do_timer(&seed);
			break;
		}
		atomic_fetch_add(&shared->progress[me * THREADS + thread], 1);
	}
	return NULL;
}

static int one_process(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t t[THREADS];

	sigaction(SIGRTMIN + 1, &action, NULL);
	for (intptr_t i = 1; i < THREADS; i++)
		stress_thread(&t[i], worker, (void *)i);
	worker(NULL);
	for (int i = 1; i < THREADS; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(atomic_load(&signals_seen), atomic_load(&signals_sent));
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? (unsigned int)atoi(argv[1]) : 5;
	uint64_t last[PROCESSES * THREADS] = { 0 }, total = 0, end, check;
	pthread_mutexattr_t attr;
	pid_t pids[PROCESSES];

	stress_time_limit("mixed", seconds + 120);
	CHECK(mkdtemp(folder));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&shared->mutex, &attr);
	for (me = 0; me < PROCESSES; me++) {
		pids[me] = fork();
		if (!pids[me])
			_exit(one_process());
		CHECK(pids[me] > 0);
	}
	end = stress_now() + seconds * 1000000000ULL;
	check = stress_now() + 20000000000ULL;
	while (stress_now() < end) {
		int status;

		usleep(50000);
		if (waitpid(-1, &status, WNOHANG) > 0)
			FAIL("a process ended early with status %x", status);
		if (stress_now() < check)
			continue;
		check = stress_now() + 20000000000ULL;
		for (int i = 0; i < PROCESSES * THREADS; i++) {
			uint64_t now = atomic_load(&shared->progress[i]);

			if (now == last[i])
				FAIL("thread %d of process %d hangs after %lu steps", i % THREADS,
				     i / THREADS, now);
			last[i] = now;
		}
	}
	atomic_store(&shared->stop, true);
	for (int i = 0; i < PROCESSES; i++)
		stress_wait(pids[i], 0);
	CHECK_EQ(shared->under_mutex, shared->under_mutex_again);
	CHECK_EQ(shared->under_mutex, atomic_load(&shared->locked));
	CHECK_EQ(rmdir(folder), 0);
	for (int i = 0; i < PROCESSES * THREADS; i++) {
		CHECK(atomic_load(&shared->progress[i]) > 0);
		total += atomic_load(&shared->progress[i]);
	}
	printf("ok %lu steps\n", total);
	return 0;
}
