/* SPDX-License-Identifier: Apache-2.0 */
/* Futexes: waiting, waking, requeueing, wake-op, PI locks, robust lists, vectors; between threads and processes. */
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/syscall/test.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static long futex(void *at, int op, unsigned int value, const void *timeout, void *at2,
		  unsigned int value3)
{
	return syscall(SYS_futex, at, op, value, timeout, at2, value3);
}

static uint32_t load(uint32_t *at)
{
	return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

static struct timespec after_ms(clockid_t clock, long ms)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	ts.tv_nsec += ms * 1000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

static void *shared_page(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

/* --- wait and wake ------------------------------------------------------------------------------------------------ */

static uint32_t word, word2, woken, ready;
static int wait_op = FUTEX_WAIT_PRIVATE;

static void *waiter(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	if (futex(&word, wait_op, 0, NULL, NULL, 0) == 0)
		__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Wakes until `n` in all were woken: a waiter may not sleep yet. */
static void wake_exactly(int op, int n)
{
	int done = 0;

	for (int i = 0; i < 10000 && done < n; i++) {
		done += (int)EXPECT_OK(futex(&word, op, (unsigned int)(n - done), NULL, NULL, 0));
		if (done < n)
			usleep(1000);
	}
	EXPECT_EQ(done, n);
}

TEST(futex, wait_refuses)
{
	struct timespec bad = { 0, 1000000000 }, negative = { -1, 0 }, little = { 0, 1000000 };
	uint32_t w = 5;

	EXPECT_ERR(futex(&w, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	EXPECT_ERR(futex(&w, FUTEX_WAIT, 5, &little, NULL, 0), ETIMEDOUT);
	EXPECT_ERR(futex(&w, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
	EXPECT_ERR(futex(&w, FUTEX_WAIT, 5, &negative, NULL, 0), EINVAL);
	EXPECT_ERR(futex(&w, FUTEX_WAIT, 5, (void *)8, NULL, 0), EFAULT);
	EXPECT_ERR(futex((char *)&w + 1, FUTEX_WAIT, 5, &little, NULL, 0), EINVAL);
	EXPECT_ERR(futex((void *)8, FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
	EXPECT_ERR(futex(&w, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
	EXPECT_ERR(futex(&w, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	EXPECT_ERR(futex(&w, 99, 5, NULL, NULL, 0), ENOSYS);
	EXPECT_ERR(futex(&w, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0), ENOSYS);
	EXPECT_EQ(futex(&w, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	EXPECT_ERR(futex((char *)&w + 2, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
}

TEST(futex, read_only_word_can_be_waited_for)
{
	uint32_t *w = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct timespec little = { 0, 1000000 };

	EXPECT_ERR(futex(w, FUTEX_WAIT_PRIVATE, 0, &little, NULL, 0), ETIMEDOUT);
	EXPECT_ERR(futex(w, FUTEX_WAIT_PRIVATE, 1, &little, NULL, 0), EAGAIN);
}

TEST(futex, wakes_as_many_as_asked)
{
	pthread_t t[5];

	for (int i = 0; i < 5; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, waiter, NULL), 0);
	wake_exactly(FUTEX_WAKE_PRIVATE, 2);
	EXPECT_SOON(load(&woken) == 2);
	wake_exactly(FUTEX_WAKE_PRIVATE, 3);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(pthread_join(t[i], NULL), 0);
	EXPECT_EQ(woken, 5);
	EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 0);
}

TEST(futex, wakes_many)
{
	pthread_t t[40];

	wait_op = FUTEX_WAIT;
	for (int i = 0; i < 40; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, waiter, NULL), 0);
	for (int done = 0, i = 0; done < 40 && i < 10000; i++) {
		done += (int)EXPECT_OK(futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
		usleep(1000);
	}
	for (int i = 0; i < 40; i++)
		EXPECT_EQ(pthread_join(t[i], NULL), 0);
	EXPECT_EQ(woken, 40);
}

TEST(futex, absolute_timeouts)
{
	struct timespec ts;
	uint32_t w = 0;

	ts = after_ms(CLOCK_MONOTONIC, 20);
	EXPECT_ERR(futex(&w, FUTEX_WAIT_BITSET, 0, &ts, NULL, ~0u), ETIMEDOUT);
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	EXPECT(now.tv_sec > ts.tv_sec || (now.tv_sec == ts.tv_sec && now.tv_nsec >= ts.tv_nsec));
	ts = after_ms(CLOCK_REALTIME, 20);
	EXPECT_ERR(futex(&w, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, ~0u),
		   ETIMEDOUT);
	ts = (struct timespec){ 0, 0 };
	EXPECT_ERR(futex(&w, FUTEX_WAIT_BITSET, 0, &ts, NULL, ~0u), ETIMEDOUT);
}

static void *bit_waiter(void *arg)
{
	unsigned int bits = (unsigned int)(uintptr_t)arg;

	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	if (futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, bits) == 0)
		__atomic_or_fetch(&woken, bits, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(futex, bitsets_select)
{
	pthread_t t[2];
	int done = 0;

	EXPECT_EQ(pthread_create(&t[0], NULL, bit_waiter, (void *)1), 0);
	EXPECT_EQ(pthread_create(&t[1], NULL, bit_waiter, (void *)2), 0);
	EXPECT_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 4), 0);
	for (int i = 0; i < 10000 && !done; i++, usleep(1000))
		done = (int)EXPECT_OK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2));
	EXPECT_EQ(done, 1);
	EXPECT_SOON(load(&woken) == 2);
	for (done = 0; !done; usleep(1000))
		done = (int)EXPECT_OK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 5));
	EXPECT_EQ(pthread_join(t[0], NULL), 0);
	EXPECT_EQ(pthread_join(t[1], NULL), 0);
	EXPECT_EQ(woken, 3);
}

static uint32_t turn;

static void *ponger(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < 5000; i++) {
		while (load(&turn) != 2 * i + 1)
			futex(&turn, FUTEX_WAIT_PRIVATE, 2 * i, NULL, NULL, 0);
		__atomic_store_n(&turn, 2 * i + 2, __ATOMIC_SEQ_CST);
		futex(&turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return NULL;
}

TEST(futex, ping_pong)
{
	pthread_t t;

	EXPECT_EQ(pthread_create(&t, NULL, ponger, NULL), 0);
	for (uint32_t i = 0; i < 5000; i++) {
		__atomic_store_n(&turn, 2 * i + 1, __ATOMIC_SEQ_CST);
		futex(&turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		while (load(&turn) != 2 * i + 2)
			futex(&turn, FUTEX_WAIT_PRIVATE, 2 * i + 1, NULL, NULL, 0);
	}
	EXPECT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(turn, 10000);
}

TEST(futex, between_processes)
{
	uint32_t *w = shared_page();
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (uint32_t i = 0; i < 1000; i++) {
			while (load(w) != 2 * i + 1)
				futex(w, FUTEX_WAIT, 2 * i, NULL, NULL, 0);
			__atomic_store_n(w, 2 * i + 2, __ATOMIC_SEQ_CST);
			futex(w, FUTEX_WAKE, 1, NULL, NULL, 0);
		}
		_exit(0);
	}
	for (uint32_t i = 0; i < 1000; i++) {
		__atomic_store_n(w, 2 * i + 1, __ATOMIC_SEQ_CST);
		futex(w, FUTEX_WAKE, 1, NULL, NULL, 0);
		while (load(w) != 2 * i + 2)
			futex(w, FUTEX_WAIT, 2 * i + 1, NULL, NULL, 0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(futex, shared_word_at_two_addresses)
{
	int fd = memfd_create("f", 0);
	uint32_t *first, *second;
	int status, done = 0;
	pid_t pid;

	EXPECT_OK(ftruncate(fd, 8192));
	first = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	second = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	EXPECT(first != MAP_FAILED && second != MAP_FAILED);
	pid = fork();
	if (!pid)
		_exit(futex(&second[3], FUTEX_WAIT, 0, NULL, NULL, 0) != 0);
	for (int i = 0; i < 10000 && !done; i++, usleep(1000))
		done = (int)EXPECT_OK(futex(&first[1024 + 3], FUTEX_WAKE, 1, NULL, NULL, 0));
	EXPECT_EQ(done, 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(futex, private_words_of_processes_are_apart)
{
	struct timespec little = { 0, 20000000 };
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(!(futex(&word, FUTEX_WAIT_PRIVATE, 0, &little, NULL, 0) == -1 &&
			errno == ETIMEDOUT));
	for (int i = 0; i < 10; i++, usleep(1000))
		EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void nothing(int sig)
{
	(void)sig;
	__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
}

static void *signal_main(void *arg)
{
	pid_t tid = *(pid_t *)arg;

	for (int i = 0; i < 20; i++) {
		usleep(2000);
		syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
	}
	return NULL;
}

TEST(futex, signals_and_timeouts)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct timespec ts, now, half = { 0, 100000000 };
	pid_t tid = gettid();
	pthread_t t;

	/* Without SA_RESTART the handler ends the wait; a timeout makes no difference. */
	EXPECT_OK(sigaction(SIGUSR1, &sa, NULL));
	EXPECT_EQ(pthread_create(&t, NULL, signal_main, &tid), 0);
	EXPECT_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EINTR);
	EXPECT_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 0, &(struct timespec){ 10, 0 }, NULL, 0),
		   EINTR);
	EXPECT_EQ(pthread_join(t, NULL), 0);
	EXPECT_SOON(load(&woken) > 1);
	/* An ignored signal does not, and the timeout stays what it was. */
	sa.sa_handler = SIG_IGN;
	EXPECT_OK(sigaction(SIGUSR1, &sa, NULL));
	ts = after_ms(CLOCK_MONOTONIC, 100);
	EXPECT_EQ(pthread_create(&t, NULL, signal_main, &tid), 0);
	EXPECT_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 0, &half, NULL, 0), ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &now);
	EXPECT(now.tv_sec > ts.tv_sec || (now.tv_sec == ts.tv_sec && now.tv_nsec >= ts.tv_nsec));
	EXPECT_EQ(pthread_join(t, NULL), 0);
}

/* --- requeue and wake-op ------------------------------------------------------------------------------------------ */

TEST(futex, requeue)
{
	pthread_t t[4];
	long done = 0, moved = 0;

	for (int i = 0; i < 4; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, waiter, NULL), 0);
	EXPECT_ERR(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)10, &word2, 7), EAGAIN);
	EXPECT_ERR(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)-1L, &word2, 0), EINVAL);
	for (int i = 0; i < 10000 && moved < 4; i++, usleep(1000))
		moved += EXPECT_OK(
			futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)10, &word2, 0));
	EXPECT_EQ(moved, 4);
	EXPECT_EQ(woken, 0);
	EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 0);
	/* Back again: one wakes, one moves, two stay. */
	EXPECT_EQ(futex(&word2, FUTEX_REQUEUE_PRIVATE, 1, (void *)1, &word, 0), 2);
	EXPECT_SOON(load(&woken) == 1);
	done += EXPECT_OK(futex(&word2, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
	EXPECT_EQ(done, 2);
	EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 1);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(pthread_join(t[i], NULL), 0);
	EXPECT_EQ(woken, 4);
}

TEST(futex, wake_op)
{
	uint32_t a = 0, b = 5;

	/* b += 3 if ... ; compares the old value */
	EXPECT_EQ(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b,
			FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)),
		  0);
	EXPECT_EQ(b, 8);
	EXPECT_EQ(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b,
			FUTEX_OP(FUTEX_OP_SET, 0xff, FUTEX_OP_CMP_GT, 5)),
		  0);
	EXPECT_EQ(b, 0xff);
	EXPECT_EQ(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b,
			FUTEX_OP(FUTEX_OP_ANDN, 0xf, FUTEX_OP_CMP_LT, 5)),
		  0);
	EXPECT_EQ(b, 0xf0);
	EXPECT_EQ(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b,
			FUTEX_OP(FUTEX_OP_XOR, 0xff, FUTEX_OP_CMP_NE, 5)),
		  0);
	EXPECT_EQ(b, 0x0f);
	EXPECT_EQ(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b,
			FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 8, FUTEX_OP_CMP_GE, 5)),
		  0);
	EXPECT_EQ(b, 0x10f);
	EXPECT_EQ(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b,
			FUTEX_OP(FUTEX_OP_SET, 0xfff, FUTEX_OP_CMP_LE, 0)),
		  0);
	EXPECT_EQ(b, ~0u); /* twelve bits, signed */
	EXPECT_ERR(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, (void *)8, 0), EFAULT);
}

TEST(futex, wake_op_wakes_both)
{
	pthread_t t[2];
	uint32_t first = 0;

	EXPECT_EQ(pthread_create(&t[0], NULL, waiter, NULL), 0);
	for (int i = 0; i < 10000 && !load(&woken); i++, usleep(1000))
		EXPECT_OK(futex(&first, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word,
				FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)));
	EXPECT_EQ(pthread_join(t[0], NULL), 0);
	EXPECT_EQ(woken, 1);
}

/* --- PI locks ------------------------------------------------------------------------------------------------------ */

TEST(futex, pi_uncontended)
{
	uint32_t lock = 0;

	EXPECT_OK(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	EXPECT_EQ(lock, (uint32_t)gettid());
	EXPECT_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	EXPECT_ERR(futex(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	EXPECT_OK(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	EXPECT_EQ(lock, 0);
	EXPECT_ERR(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
	EXPECT_OK(futex(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	EXPECT_OK(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	lock = 0x3ffffff0; /* no such task */
	EXPECT_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
	EXPECT_ERR(futex((void *)8, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EFAULT);
}

static uint32_t pi_lock, pi_counter, go;

static void *pi_locker(void *arg)
{
	uint32_t tid = (uint32_t)gettid(), zero;

	(void)arg;
	for (int i = 0; i < 500; i++) {
		zero = 0;
		if (!__atomic_compare_exchange_n(&pi_lock, &zero, tid, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			if (futex(&pi_lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0))
				return (void *)1;
		if ((load(&pi_lock) & FUTEX_TID_MASK) != tid)
			return (void *)2;
		pi_counter++;
		if (i % 50 == 0)
			usleep(100);
		uint32_t mine = tid;
		if (!__atomic_compare_exchange_n(&pi_lock, &mine, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			if (futex(&pi_lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0))
				return (void *)3;
	}
	return NULL;
}

TEST(futex, pi_contended)
{
	pthread_t t[4];
	void *ret;

	for (int i = 0; i < 4; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, pi_locker, NULL), 0);
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(pthread_join(t[i], &ret), 0);
		EXPECT_EQ((long)ret, 0);
	}
	EXPECT_EQ(pi_counter, 2000);
	EXPECT_EQ(pi_lock & FUTEX_TID_MASK, 0);
}

static void *hold_pi(void *arg)
{
	(void)arg;
	futex(&pi_lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	while (!load(&go))
		usleep(1000);
	futex(&pi_lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	return NULL;
}

TEST(futex, pi_timeout_and_rights)
{
	struct timespec ts;
	pthread_t t;

	EXPECT_EQ(pthread_create(&t, NULL, hold_pi, NULL), 0);
	EXPECT_SOON(load(&ready));
	EXPECT_ERR(futex(&pi_lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EAGAIN);
	EXPECT_ERR(futex(&pi_lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
	ts = after_ms(CLOCK_REALTIME, 20);
	EXPECT_ERR(futex(&pi_lock, FUTEX_LOCK_PI_PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
	ts = after_ms(CLOCK_MONOTONIC, 20);
	EXPECT_ERR(futex(&pi_lock, FUTEX_LOCK_PI2_PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
	EXPECT(load(&pi_lock) & FUTEX_WAITERS);
	__atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
	EXPECT_OK(futex(&pi_lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	EXPECT_EQ(load(&pi_lock) & FUTEX_TID_MASK, (uint32_t)gettid());
	EXPECT_OK(futex(&pi_lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	EXPECT_EQ(pthread_join(t, NULL), 0);
}

static void *die_with_pi(void *arg)
{
	(void)arg;
	futex(&pi_lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	while (!(load(&pi_lock) & FUTEX_WAITERS))
		usleep(1000);
	return NULL;
}

TEST(futex, pi_owner_dies)
{
	pthread_t t;

	EXPECT_EQ(pthread_create(&t, NULL, die_with_pi, NULL), 0);
	EXPECT_SOON(load(&ready));
	EXPECT_OK(futex(&pi_lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	EXPECT_EQ(load(&pi_lock) & FUTEX_TID_MASK, (uint32_t)gettid());
	EXPECT(load(&pi_lock) & FUTEX_OWNER_DIED);
	EXPECT_EQ(pthread_join(t, NULL), 0);
}

static void *requeue_pi_waiter(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	if (futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &pi_lock, 0))
		return (void *)1;
	if ((load(&pi_lock) & FUTEX_TID_MASK) != (uint32_t)gettid())
		return (void *)2;
	__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return (void *)(futex(&pi_lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) ? 3L : 0L);
}

TEST(futex, requeue_pi)
{
	struct timespec ts;
	pthread_t t[3];
	long done = 0;
	void *ret;

	ts = after_ms(CLOCK_MONOTONIC, 10);
	EXPECT_ERR(futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, &ts, &pi_lock, 0), ETIMEDOUT);
	EXPECT_ERR(futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 1, NULL, &pi_lock, 0), EAGAIN);
	EXPECT_ERR(futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &word, 0), EINVAL);
	EXPECT_ERR(futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 2, (void *)1, &pi_lock, 0), EINVAL);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, requeue_pi_waiter, NULL), 0);
	/* Held by us: all move; they get the lock one after the other. */
	EXPECT_OK(futex(&pi_lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	for (int i = 0; i < 10000 && done < 3; i++, usleep(1000))
		done += EXPECT_OK(
			futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)10, &pi_lock, 0));
	EXPECT_EQ(done, 3);
	EXPECT_EQ(woken, 0);
	EXPECT_OK(futex(&pi_lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(pthread_join(t[i], &ret), 0);
		EXPECT_EQ((long)ret, 0);
	}
	EXPECT_EQ(woken, 3);
}

TEST(futex, requeue_pi_takes_a_free_lock)
{
	pthread_t t;
	long done = 0;
	void *ret;

	EXPECT_EQ(pthread_create(&t, NULL, requeue_pi_waiter, NULL), 0);
	for (int i = 0; i < 10000 && !done; i++, usleep(1000))
		done = EXPECT_OK(
			futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)10, &pi_lock, 0));
	EXPECT_EQ(done, 1);
	EXPECT_EQ(pthread_join(t, &ret), 0);
	EXPECT_EQ((long)ret, 0);
}

/* --- robust lists --------------------------------------------------------------------------------------------------- */

struct robust_lock {
	struct robust_list link;
	uint32_t word;
};

static void use_robust_list(struct robust_list_head *head, struct robust_lock *locks, int count,
			    bool pi)
{
	head->futex_offset = offsetof(struct robust_lock, word);
	head->list_op_pending = NULL;
	head->list.next = &head->list;
	for (int i = 0; i < count; i++) {
		locks[i].link.next = head->list.next;
		head->list.next = (void *)((uintptr_t)&locks[i].link | pi);
		locks[i].word = (uint32_t)gettid();
	}
	syscall(SYS_set_robust_list, head, sizeof(*head));
}

TEST(set_robust_list, owner_died_is_written_and_waiters_woken)
{
	struct robust_lock *locks = shared_page();
	struct robust_list_head *head = (void *)((char *)locks + 2048);
	uint32_t *started = (void *)((char *)locks + 3072), seen;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		use_robust_list(head, locks, 3, false);
		locks[2].word = 12345; /* another's */
		__atomic_store_n(started, 1, __ATOMIC_SEQ_CST);
		while (!(load(&locks[0].word) & FUTEX_WAITERS))
			usleep(1000);
		_exit(0);
	}
	EXPECT_SOON(load(started));
	seen = __atomic_or_fetch(&locks[0].word, FUTEX_WAITERS, __ATOMIC_SEQ_CST);
	/* EAGAIN: it was dead already. */
	if (futex(&locks[0].word, FUTEX_WAIT, seen, NULL, NULL, 0))
		EXPECT_EQ(errno, EAGAIN);
	EXPECT_EQ(load(&locks[0].word), FUTEX_WAITERS | FUTEX_OWNER_DIED);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(locks[1].word, FUTEX_OWNER_DIED);
	EXPECT_EQ(locks[2].word, 12345);
}

TEST(set_robust_list, pending_operation_and_kill)
{
	struct robust_lock *locks = shared_page();
	struct robust_list_head *head = (void *)((char *)locks + 2048);
	uint32_t *started = (void *)((char *)locks + 3072);
	int status;
	pid_t pid = fork();

	if (!pid) {
		use_robust_list(head, locks, 1, false);
		locks[5].word = (uint32_t)gettid();
		head->list_op_pending = &locks[5].link;
		__atomic_store_n(started, 1, __ATOMIC_SEQ_CST);
		for (;;)
			pause();
	}
	EXPECT_SOON(load(started));
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(locks[0].word, FUTEX_OWNER_DIED);
	EXPECT_EQ(locks[5].word, FUTEX_OWNER_DIED);
}

static void circular_list(void)
{
	static struct robust_list_head head;
	static struct robust_lock lock;

	use_robust_list(&head, &lock, 1, false);
	lock.link.next = &lock.link; /* never comes back to the head */
	_exit(3);
}

static void wild_list(void)
{
	static struct robust_list_head head;

	head.list.next = (void *)0x10;
	syscall(SYS_set_robust_list, &head, sizeof(head));
	_exit(3);
}

TEST(set_robust_list, hostile_lists_end)
{
	int status = test_in_child(circular_list);

	EXPECT_EQ(WEXITSTATUS(status), 3);
	status = test_in_child(wild_list);
	EXPECT_EQ(WEXITSTATUS(status), 3);
	EXPECT_ERR(syscall(SYS_set_robust_list, NULL, 23), EINVAL);
}

TEST(get_robust_list, tells)
{
	struct robust_list_head head = { { &head.list }, 0, NULL }, *got = NULL;
	size_t size = 0;

	EXPECT_OK(syscall(SYS_set_robust_list, &head, sizeof(head)));
	EXPECT_OK(syscall(SYS_get_robust_list, 0, &got, &size));
	EXPECT(got == &head);
	EXPECT_EQ(size, sizeof(head));
	EXPECT_ERR(syscall(SYS_get_robust_list, 0x3ffffff0, &got, &size), ESRCH);
	EXPECT_ERR(syscall(SYS_get_robust_list, 0, (void *)8, &size), EFAULT);
}

TEST(futex, robust_mutexes_of_libc)
{
	pthread_mutex_t *m = shared_page();
	pthread_mutexattr_t a;
	int status;
	pid_t pid;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	EXPECT_EQ(pthread_mutex_init(m, &a), 0);
	pid = fork();
	if (!pid) {
		pthread_mutex_lock(m);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	EXPECT_EQ(pthread_mutex_consistent(m), 0);
	EXPECT_EQ(pthread_mutex_unlock(m), 0);
	EXPECT_EQ(pthread_mutex_lock(m), 0);
}

/* --- vectors --------------------------------------------------------------------------------------------------------- */

struct vector {
	uint64_t value, at;
	uint32_t flags, reserved;
};

static uint32_t words[4];

static void *vector_waiter(void *arg)
{
	struct vector v[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		v[i] = (struct vector){ 0, (uintptr_t)&words[i], FUTEX_32 | FUTEX_PRIVATE_FLAG, 0 };
	return (void *)syscall(SYS_futex_waitv, v, 4, 0, NULL, 0);
}

TEST(futex_waitv, returns_the_woken_index)
{
	pthread_t t;
	long done = 0;
	void *ret;

	EXPECT_EQ(pthread_create(&t, NULL, vector_waiter, NULL), 0);
	for (int i = 0; i < 10000 && !done; i++, usleep(1000))
		done = EXPECT_OK(futex(&words[2], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	EXPECT_EQ(pthread_join(t, &ret), 0);
	EXPECT_EQ((long)ret, 2);
	EXPECT_EQ(futex(&words[0], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
}

TEST(futex_waitv, refuses)
{
	struct vector v = { 0, (uintptr_t)&words[0], FUTEX_32, 0 };
	struct timespec ts = after_ms(CLOCK_MONOTONIC, 10), real = after_ms(CLOCK_REALTIME, 10);

	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 1, 0, &ts, CLOCK_MONOTONIC), ETIMEDOUT);
	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 1, 0, &real, CLOCK_REALTIME), ETIMEDOUT);
	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 0, 0, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 129, 0, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 1, 1, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 1, 0, &ts, 5), EINVAL);
	EXPECT_ERR(syscall(SYS_futex_waitv, (void *)8, 1, 0, NULL, 0), EFAULT);
	v.value = 1;
	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 1, 0, NULL, 0), EAGAIN);
	v.flags = 0x40;
	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 1, 0, NULL, 0), EINVAL);
	v.flags = FUTEX_32;
	v.reserved = 1;
	EXPECT_ERR(syscall(SYS_futex_waitv, &v, 1, 0, NULL, 0), EINVAL);
}

/* --- thread end ------------------------------------------------------------------------------------------------------ */

static void *quick(void *arg)
{
	return arg;
}

TEST(futex, joins_many_threads)
{
	for (int round = 0; round < 50; round++) {
		pthread_t t[8];

		for (long i = 0; i < 8; i++)
			EXPECT_EQ(pthread_create(&t[i], NULL, quick, (void *)i), 0);
		for (long i = 0; i < 8; i++) {
			void *ret;

			EXPECT_EQ(pthread_join(t[i], &ret), 0);
			EXPECT_EQ((long)ret, i);
		}
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int produced, consumed;

static void *consumer(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	while (consumed < 2000) {
		while (!produced && consumed < 2000)
			pthread_cond_wait(&condition, &mutex);
		if (produced) {
			produced--;
			consumed++;
		}
		pthread_cond_broadcast(&condition);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

TEST(futex, condition_variables_of_libc)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, consumer, NULL), 0);
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		produced++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(pthread_join(t[i], NULL), 0);
	EXPECT_EQ(consumed, 2000);
}

TEST_MAIN
