/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One number a line: "name nanoseconds". The same binary runs natively and in an enclave; bench/run prints the ratios.
 * Each value is the median of slices of about 2 ms over --time seconds (0.3). Ping-pongs count a round trip.
 *   micro [--time S] [--port P] [--spawn PROGRAM] [NAME...]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static double run_time = 0.3;
static int tcp_port;
static const char *spawn_program = "/bin/true";
static char file_name[64];
static int file_fd, zero_fd, epoll_fd;
static char buffer[65536];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "micro: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* --- bodies: do `n` operations --- */

static void b_getpid(long n)
{
	while (n--)
		syscall(SYS_getpid);
}

static void b_libc_getppid(long n)
{
	while (n--)
		getppid();
}

static void b_rawgetpid(long n)
{
	while (n--) {
		long ret = SYS_getpid;

		__asm__ volatile("syscall" : "+a"(ret) : : "rcx", "r11", "memory");
	}
}

static void b_clock_gettime(long n)
{
	struct timespec t;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &t);
}

static void b_read1_devzero(long n)
{
	while (n--)
		if (read(zero_fd, buffer, 1) != 1)
			die("read");
}

static void b_stat(long n)
{
	struct stat st;

	while (n--)
		if (stat(file_name, &st))
			die("stat");
}

static void b_pread4k(long n)
{
	while (n--)
		if (pread(file_fd, buffer, 4096, 8192) != 4096)
			die("pread");
}

static void b_pwrite4k(long n)
{
	while (n--)
		if (pwrite(file_fd, buffer, 4096, 8192) != 4096)
			die("pwrite");
}

static void b_open_close(long n)
{
	while (n--) {
		int fd = open(file_name, O_RDONLY);

		if (fd < 0)
			die("open");
		close(fd);
	}
}

static void b_epoll_ready(long n)
{
	struct epoll_event e;

	while (n--)
		if (epoll_wait(epoll_fd, &e, 1, -1) != 1)
			die("epoll_wait");
}

static volatile long signals;
static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void b_signal_self(long n)
{
	while (n--)
		raise(SIGUSR1);
}

static void b_mmap_touch_munmap(long n)
{
	while (n--) {
		char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (p == MAP_FAILED)
			die("mmap");
		*p = 1;
		munmap(p, 4096);
	}
}

static void b_pagefault(long n)
{
	const long chunk = 4096;

	while (n > 0) {
		long pages = n < chunk ? n : chunk;
		char *p = mmap(NULL, (size_t)pages * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap");
		madvise(p, (size_t)pages * 4096, MADV_NOHUGEPAGE);
		for (long i = 0; i < pages; i++)
			p[i * 4096] = 1;
		munmap(p, (size_t)pages * 4096);
		n -= pages;
	}
}

static void *nothing(void *arg)
{
	return arg;
}

static void b_thread_create_join(long n)
{
	while (n--) {
		pthread_t t;

		if (pthread_create(&t, NULL, nothing, NULL))
			die("pthread_create");
		pthread_join(t, NULL);
	}
}

static void b_fork_wait(long n)
{
	while (n--) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
}

static void b_fork_wait_64m(long n)
{
	static char *memory;

	if (!memory) {
		memory = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
		madvise(memory, 64 << 20, MADV_NOHUGEPAGE);
		memset(memory, 1, 64 << 20);
	}
	b_fork_wait(n);
}

static void b_spawn_wait(long n)
{
	char *argv[] = { (char *)(uintptr_t)spawn_program, NULL };

	while (n--) {
		pid_t pid;
		int status;

		if (posix_spawn(&pid, spawn_program, NULL, NULL, argv, environ))
			die("posix_spawn");
		if (waitpid(pid, &status, 0) != pid || status)
			die("spawned program");
	}
}

/* --- ping-pongs --- */

static int ping[2], pong[2], pair[2];

static void bounce(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1 && c != 'q')
		if (write(out, &c, 1) != 1)
			break;
}

static void *bounce_pipe(void *arg)
{
	bounce(ping[0], pong[1]);
	return arg;
}

static void *bounce_pair(void *arg)
{
	bounce(pair[1], pair[1]);
	return arg;
}

static void exchange(long n, int out, int in)
{
	char c = 'x';

	while (n--)
		if (write(out, &c, 1) != 1 || read(in, &c, 1) != 1)
			die("ping-pong");
}

static pthread_t partner;
static pid_t partner_pid;

static void start_partner(int processes, void *(*fn)(void *))
{
	if (!processes) {
		if (pthread_create(&partner, NULL, fn, NULL))
			die("pthread_create");
		return;
	}
	partner_pid = fork();
	if (!partner_pid) {
		fn(NULL);
		_exit(0);
	}
}

static void stop_partner(int out)
{
	if (write(out, "q", 1) != 1)
		die("write");
	if (partner_pid)
		waitpid(partner_pid, NULL, 0);
	else
		pthread_join(partner, NULL);
	partner_pid = 0;
}

static void pipe_setup(int processes)
{
	if (pipe(ping) || pipe(pong))
		die("pipe");
	start_partner(processes, bounce_pipe);
}

static void pipe_done(void)
{
	stop_partner(ping[1]);
	close(ping[0]), close(ping[1]), close(pong[0]), close(pong[1]);
}

static void s_pipe_thr(void)
{
	pipe_setup(0);
}
static void s_pipe_proc(void)
{
	pipe_setup(1);
}
static void b_pipe(long n)
{
	exchange(n, ping[1], pong[0]);
}

static void pair_setup(int processes)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	start_partner(processes, bounce_pair);
}

static void s_unixpair_thr(void)
{
	pair_setup(0);
}
static void s_unixpair_proc(void)
{
	pair_setup(1);
}
static void b_unixpair(long n)
{
	exchange(n, pair[0], pair[0]);
}
static void d_unixpair(void)
{
	stop_partner(pair[0]);
	close(pair[0]), close(pair[1]);
}

static int turn;
static void hand(int from, int to)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != from)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, to, NULL, NULL, 0);
	__atomic_store_n(&turn, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int futex_stop;
static void *futex_partner(void *arg)
{
	while (!__atomic_load_n(&futex_stop, __ATOMIC_ACQUIRE))
		hand(1, 0);
	return arg;
}

static void s_futex(void)
{
	turn = 0;
	futex_stop = 0;
	pthread_create(&partner, NULL, futex_partner, NULL);
}
static void b_futex(long n)
{
	while (n--)
		hand(0, 1);
}
static void d_futex(void)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 0)
		;
	futex_stop = 1;
	hand(0, 1);
	pthread_join(partner, NULL);
}

static int tcp;
static void s_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)tcp_port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	tcp = socket(AF_INET, SOCK_STREAM, 0);
	if (tcp < 0 || connect(tcp, (struct sockaddr *)&a, sizeof(a)))
		die("connect to the peer");
	setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}
static void b_tcp(long n)
{
	exchange(n, tcp, tcp);
}
static void d_tcp(void)
{
	close(tcp);
}

static void b_cpu(long n)
{
	volatile unsigned long x = 1;

	while (n--)
		for (int i = 0; i < 1000; i++)
			x = x * 3 + 1;
}

static const struct {
	const char *name;
	void (*body)(long n);
	void (*setup)(void);
	void (*done)(void);
} benches[] = {
	{ "cpu1000", b_cpu, NULL, NULL },
	{ "getpid", b_getpid, NULL, NULL },
	{ "getppid", b_libc_getppid, NULL, NULL },
	{ "rawgetpid", b_rawgetpid, NULL, NULL },
	{ "clock_gettime", b_clock_gettime, NULL, NULL },
	{ "read1_devzero", b_read1_devzero, NULL, NULL },
	{ "stat", b_stat, NULL, NULL },
	{ "pread4k", b_pread4k, NULL, NULL },
	{ "pwrite4k", b_pwrite4k, NULL, NULL },
	{ "open_close", b_open_close, NULL, NULL },
	{ "epoll_ready", b_epoll_ready, NULL, NULL },
	{ "signal_self", b_signal_self, NULL, NULL },
	{ "mmap_touch_munmap", b_mmap_touch_munmap, NULL, NULL },
	{ "pagefault", b_pagefault, NULL, NULL },
	{ "thread_create_join", b_thread_create_join, NULL, NULL },
	{ "futex_thr", b_futex, s_futex, d_futex },
	{ "pipe_thr", b_pipe, s_pipe_thr, pipe_done },
	{ "pipe_proc", b_pipe, s_pipe_proc, pipe_done },
	{ "unixpair_thr", b_unixpair, s_unixpair_thr, d_unixpair },
	{ "unixpair_proc", b_unixpair, s_unixpair_proc, d_unixpair },
	{ "tcp_host", b_tcp, s_tcp, d_tcp },
	{ "fork_wait", b_fork_wait, NULL, NULL },
	{ "spawn_wait", b_spawn_wait, NULL, NULL },
	{ "fork_wait_64m", b_fork_wait_64m, NULL, NULL },
};

static void measure(size_t i)
{
	static double samples[4096];
	double begin, end, took;
	long n = 1;
	size_t count = 0;

	if (benches[i].setup)
		benches[i].setup();
	for (;;) { /* how many make 2 ms */
		begin = now();
		benches[i].body(n);
		took = now() - begin;
		if (took > 2e6 || n > 1L << 30)
			break;
		n = took < 2e5 ? n * 8 : (long)((double)n * 2.1e6 / took) + 1;
	}
	end = now() + run_time * 1e9;
	do {
		begin = now();
		benches[i].body(n);
		samples[count++] = (now() - begin) / (double)n;
	} while (now() < end && count < 4096);
	if (benches[i].done)
		benches[i].done();
	qsort(samples, count, sizeof(samples[0]), compare);
	printf("%s %.1f\n", benches[i].name, samples[count / 2]);
	fflush(stdout);
}

static int wanted(int argc, char **argv, const char *name)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc == 0;
}

int main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN };
	int at = 1, efd;

	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (!strcmp(argv[at], "--time"))
			run_time = atof(argv[at + 1]);
		else if (!strcmp(argv[at], "--port"))
			tcp_port = atoi(argv[at + 1]);
		else if (!strcmp(argv[at], "--spawn"))
			spawn_program = argv[at + 1];
	}
	snprintf(file_name, sizeof(file_name), "/tmp/micro-%d", getpid());
	file_fd = open(file_name, O_RDWR | O_CREAT, 0600);
	zero_fd = open("/dev/zero", O_RDONLY);
	if (file_fd < 0 || write(file_fd, buffer, 65536) != 65536 || zero_fd < 0)
		die(file_name);
	epoll_fd = epoll_create1(0);
	efd = eventfd(1, 0);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, efd, &event);
	signal(SIGUSR1, on_signal);
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		if (!wanted(argc - at, argv + at, benches[i].name))
			continue;
		if (benches[i].body == b_tcp && !tcp_port)
			continue;
		measure(i);
	}
	unlink(file_name);
	return 0;
}
