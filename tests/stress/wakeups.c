/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wakeups COUNT: none of COUNT signals is lost to the moment between a task's decision to sleep and its sleep. A sender in
 * the same process, and one in another, send one signal each time the receiver is about to block; the receiver blocks in
 * futex, read, poll, nanosleep, sigsuspend, epoll_wait, host-side read in turn, with no timeout: a lost signal is a hang.
 * The sender waits for the handler to have run, so each signal has to wake exactly one sleep.
 */
#include <linux/futex.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "stress.h"

enum {
	FUTEX_CALL,
	READ_CALL,
	POLL_CALL,
	NANOSLEEP_CALL,
	SUSPEND_CALL,
	EPOLL_CALL,
	WAIT_CALL,
	RECEIVE_CALL,
	ACCEPT_CALL,
	POLL_HOST_CALL
};

struct shared {
	_Atomic uint32_t asked;	  /* rounds the receiver entered */
	_Atomic uint32_t handled; /* signals its handler saw */
	_Atomic uint32_t stop;
};
static struct shared *shared;
static uint32_t never;
static int quiet[2], epoll_fd, udp, tcp; /* nothing ever comes; the sockets are the host's */

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&shared->handled, 1);
}

/* Sleeps until the handler ran. EINTR alone is not the end: look at the counter, as real programs have to. */
static void sleep_once(int how, uint32_t before)
{
	struct pollfd p = { quiet[0], POLLIN, 0 }, both[2] = { p, { udp, POLLIN, 0 } };
	struct timespec long_time = { 1000, 0 };
	struct epoll_event event;
	sigset_t none;
	char c;
	long ret = -1;

	switch (how) {
	case FUTEX_CALL:
		ret = syscall(SYS_futex, &never, FUTEX_WAIT, 0, NULL, NULL, 0);
		break;
	case READ_CALL:
		ret = read(quiet[0], &c, 1);
		break;
	case POLL_CALL:
		ret = poll(&p, 1, -1);
		break;
	case NANOSLEEP_CALL:
		ret = nanosleep(&long_time, NULL);
		break;
	case SUSPEND_CALL:
		sigemptyset(&none);
		ret = sigsuspend(&none);
		break;
	case EPOLL_CALL:
		ret = epoll_pwait(epoll_fd, &event, 1, -1, NULL);
		break;
	case WAIT_CALL: {
		sigset_t waited;
		struct timespec forever = { 1000, 0 };

		sigemptyset(&waited);
		sigaddset(&waited, SIGUSR2);
		ret = sigtimedwait(&waited, NULL, &forever);
		break;
	}
	case RECEIVE_CALL:
		ret = recv(udp, &c, 1, 0);
		break;
	case ACCEPT_CALL:
		ret = accept(tcp, NULL, NULL);
		break;
	case POLL_HOST_CALL:
		ret = poll(both, 2, -1);
		break;
	}
	if (ret != -1 || errno != EINTR)
		FAIL("call %d gave %ld after %u signals", how, ret, before);
}

/*
 * The signal is blocked until the moment of the sleep where the call can unblock it (ppoll, sigsuspend, epoll_pwait);
 * for the others the handler may run before the call, so the receiver only enters if it has not run yet, and the sender
 * sends once more when it sees the receiver stuck: what must not happen is that *this* signal does not wake it.
 */
static void receiver(uint32_t count)
{
	sigset_t usr1, none;

	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	for (uint32_t i = 0; i < count; i++) {
		struct pollfd p[2] = { { quiet[0], POLLIN, 0 }, { udp, POLLIN, 0 } };
		struct epoll_event event;
		uint32_t before = atomic_load(&shared->handled);
		int how = (int)(i % 4), ret = 0;

		sigprocmask(SIG_BLOCK, &usr1, NULL);
		atomic_store(&shared->asked, i + 1);
		if (how == 0)
			ret = ppoll(p, 1, NULL, &none);
		else if (how == 3)
			ret = ppoll(p, 2, NULL, &none);
		else if (how == 1)
			ret = sigsuspend(&none);
		else
			ret = epoll_pwait(epoll_fd, &event, 1, -1, &none);
		if (ret != -1 || errno != EINTR)
			FAIL("round %u: call %d returned %d", i, how, ret);
		CHECK_EQ(atomic_load(&shared->handled), before + 1);
		sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	}
	atomic_store(&shared->stop, 1);
}

/* One signal for each round, as soon as the round begins. */
static void sender(pid_t pid, pid_t tid, uint64_t seed)
{
	uint32_t sent = 0;

	while (!atomic_load(&shared->stop)) {
		if (atomic_load(&shared->asked) == sent) {
			sched_yield();
			continue;
		}
		for (uint32_t n = stress_random(&seed) & 1023; n; n--)
			__asm__ volatile("pause");
		sent++;
		if (syscall(SYS_tgkill, pid, tid, SIGUSR1))
			break;
	}
}

/*
 * Calls that cannot unblock: the handler jumps out of the sleep's caller is no option in a test of EINTR, so the sender
 * counts on the handler: it sends until one wakes the sleep, and the number of sends that found the receiver asleep (its
 * state says so for long enough) without waking it must be 0.
 */
static _Atomic uint32_t entered, left;

static void *blocked_sender(void *arg)
{
	pid_t *ids = arg;
	uint64_t seed = 99;
	uint32_t seen = 0;

	while (!atomic_load(&shared->stop)) {
		uint64_t end;

		if (atomic_load(&entered) == seen) {
			sched_yield();
			continue;
		}
		seen = atomic_load(&entered);
		for (uint32_t n = stress_random(&seed) & 2047; n; n--)
			__asm__ volatile("pause");
		/* The first may come before the sleep; from the third on the receiver sleeps. Two in a row must not be lost. */
		for (int tries = 0; atomic_load(&left) < seen; tries++) {
			if (tries > 3)
				FAIL("round %u: %d signals did not end the sleep", seen, tries);
			if (syscall(SYS_tgkill, ids[0], ids[1], SIGUSR1))
				return NULL;
			end = stress_now() + (tries ? 3000000000ULL : 30000000ULL);
			while (atomic_load(&left) < seen && stress_now() < end)
				sched_yield();
		}
	}
	return NULL;
}

static void other_calls(uint32_t count)
{
	static const int calls[] = { FUTEX_CALL,     READ_CALL,	  POLL_CALL,	NANOSLEEP_CALL,
				     WAIT_CALL,	     EPOLL_CALL,  RECEIVE_CALL, ACCEPT_CALL,
				     POLL_HOST_CALL, RECEIVE_CALL };
	pid_t ids[2] = { getpid(), (pid_t)syscall(SYS_gettid) };
	pthread_t t;

	atomic_store(&shared->stop, 0);
	stress_thread(&t, blocked_sender, ids);
	for (uint32_t i = 0; i < count; i++) {
		atomic_store(&entered, i + 1);
		sleep_once(calls[i % (sizeof(calls) / sizeof(calls[0]))], i);
		atomic_store(&left, i + 1);
	}
	atomic_store(&shared->stop, 1);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

struct sender_ids {
	pid_t pid, tid;
};

static void *sender_thread(void *arg)
{
	struct sender_ids *ids = arg;

	sender(ids->pid, ids->tid, 7);
	return NULL;
}

/* Threads hand a token round a ring of futexes and pipes, with signals to all of them all the time: none gets stuck. */
struct ring {
	_Atomic uint32_t word;
	int pipe[2];
	uint32_t rounds, number;
	pid_t tid;
};
static struct ring rings[8];

static void *ring_task(void *arg)
{
	struct ring *r = arg, *next = &rings[(r->number + 1) % 8];

	r->tid = (pid_t)syscall(SYS_gettid);
	for (uint32_t i = 0; i < r->rounds; i++) {
		char c;

		if (r->number & 1) {
			while (read(r->pipe[0], &c, 1) != 1)
				CHECK(errno == EINTR);
		} else {
			while (atomic_load(&r->word) == i)
				syscall(SYS_futex, &r->word, FUTEX_WAIT_PRIVATE, i, NULL, NULL, 0);
		}
		if (next->number & 1) {
			CHECK_EQ(write(next->pipe[1], "x", 1), 1);
		} else {
			atomic_fetch_add(&next->word, 1);
			syscall(SYS_futex, &next->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		}
	}
	return NULL;
}

static void token_ring(uint32_t rounds)
{
	pthread_t t[8];
	uint64_t seed = 5;

	for (uint32_t i = 0; i < 8; i++) {
		rings[i].number = i;
		rings[i].rounds = rounds;
		CHECK_EQ(pipe(rings[i].pipe), 0);
	}
	for (int i = 0; i < 8; i++)
		stress_thread(&t[i], ring_task, &rings[i]);
	atomic_fetch_add(&rings[0].word, 1);
	syscall(SYS_futex, &rings[0].word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	while (atomic_load(&rings[0].word) < rounds) {
		pid_t tid = rings[stress_random(&seed) % 8].tid;

		if (tid)
			syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
		usleep(50);
	}
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 2000;
	struct sigaction action = { .sa_handler = on_signal };
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sender_ids ids = { getpid(), (pid_t)syscall(SYS_gettid) };
	pthread_t t;
	pid_t pid;

	stress_time_limit("wakeups", 60 + count / 500);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	CHECK_EQ(pipe(quiet), 0);
	epoll_fd = epoll_create1(0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(epoll_fd >= 0 && udp >= 0 && tcp >= 0);
	CHECK_EQ(bind(udp, (struct sockaddr *)&here, sizeof(here)), 0);
	CHECK_EQ(bind(tcp, (struct sockaddr *)&here, sizeof(here)), 0);
	CHECK_EQ(listen(tcp, 1), 0);
	sigaction(SIGUSR1, &action, NULL);

	/* From another process. */
	pid = fork();
	if (!pid) {
		sender(ids.pid, ids.tid, 3);
		_exit(0);
	}
	CHECK(pid > 0);
	receiver(count * 3 / 8);
	stress_wait(pid, 0);
	/* From another thread. */
	atomic_store(&shared->stop, 0);
	atomic_store(&shared->asked, 0);
	stress_thread(&t, sender_thread, &ids);
	receiver(count * 3 / 8);
	CHECK_EQ(pthread_join(t, NULL), 0);
	other_calls(count / 4);
	token_ring(count / 8);
	printf("ok %u signals\n", atomic_load(&shared->handled));
	return 0;
}
