/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, sleeping, interval timers, POSIX timers. Nothing here asserts that something happens early enough. */
#include "tests/syscall/test.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timex.h>

static void *volatile bad = (void *)8;
#define BAD ((void *)bad)
#define MS 1000000LL
#define SEC 1000000000LL

static volatile sig_atomic_t got_signal, signal_count;
static siginfo_t got_info;
static void on_signal(int sig)
{
	got_signal = sig;
	signal_count++;
}

static void on_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	got_info = *info;
	on_signal(sig);
}

static void handle(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = on_info, .sa_flags = SA_SIGINFO | flags };

	EXPECT_EQ(sigaction(sig, &sa, NULL), 0);
}

static long long now_ns(clockid_t id)
{
	struct timespec ts;

	EXPECT_EQ(syscall(SYS_clock_gettime, id, &ts), 0);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

static struct timespec ts_of(long long ns)
{
	return (struct timespec){ ns / SEC, ns % SEC };
}

static void use_cpu(void)
{
	for (volatile int i = 0; i < 100000; i++)
		;
}

/* --- clocks ------------------------------------------------------------------------------------------------------------- */

TEST(clock_gettime, all_clocks)
{
	static const clockid_t ids[] = {
		CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,      CLOCK_TAI
	};
	struct timespec ts;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		EXPECT_EQ(syscall(SYS_clock_gettime, ids[i], &ts), 0);
		EXPECT(ts.tv_nsec >= 0 && ts.tv_nsec < SEC && ts.tv_sec >= 0);
	}
	EXPECT_ERR(syscall(SYS_clock_gettime, 99, &ts), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_gettime, 10, &ts), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, BAD), EFAULT);
}

TEST(clock_gettime, monotonic_never_goes_back)
{
	long long last = now_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < 20000; i++) {
		long long now = now_ns(CLOCK_MONOTONIC);

		EXPECT(now >= last);
		last = now;
	}
}

TEST(clock_gettime, realtime_agrees)
{
	long long a = now_ns(CLOCK_REALTIME), b, c;
	struct timeval tv;

	EXPECT_EQ(syscall(SYS_gettimeofday, &tv, NULL), 0);
	b = tv.tv_sec * SEC + tv.tv_usec * 1000LL;
	c = now_ns(CLOCK_REALTIME);
	EXPECT(b + 1000 >= a && b <= c);
	EXPECT(a > 1600000000LL * SEC);
}

TEST(clock_gettime, cpu_clocks_advance)
{
	long long thread = now_ns(CLOCK_THREAD_CPUTIME_ID),
		  process = now_ns(CLOCK_PROCESS_CPUTIME_ID);

	EXPECT(thread <= process);
	/* The process's first now: what passes between the two readings counts for it. */
	process = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	thread = now_ns(CLOCK_THREAD_CPUTIME_ID);
	while (now_ns(CLOCK_THREAD_CPUTIME_ID) < thread + 2 * MS)
		use_cpu();
	EXPECT(now_ns(CLOCK_PROCESS_CPUTIME_ID) >= process + 2 * MS);
}

TEST(clock_gettime, cpu_clock_of_others)
{
	struct timespec ts;
	clockid_t id;
	int fds[2];
	char c;
	pid_t pid;

	EXPECT_EQ(clock_getcpuclockid(0, &id), 0);
	EXPECT_EQ(clock_gettime(id, &ts), 0);
	EXPECT_EQ(pthread_getcpuclockid(pthread_self(), &id), 0);
	EXPECT_EQ(clock_gettime(id, &ts), 0);
	EXPECT_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[1]);
		(void)!read(fds[0], &c, 1);
		_exit(0);
	}
	EXPECT_EQ(clock_getcpuclockid(pid, &id), 0);
	EXPECT_EQ(clock_gettime(id, &ts), 0);
	/* As a thread it is none of ours. */
	EXPECT_ERR(clock_gettime(((~(unsigned int)pid) << 3) | 6, &ts), EINVAL);
	EXPECT_EQ(kill(pid, SIGKILL), 0);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_ERR(clock_gettime(id, &ts), EINVAL);
}

TEST(clock_getres, values)
{
	struct timespec ts;

	EXPECT_EQ(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &ts), 0);
	EXPECT(!ts.tv_sec && ts.tv_nsec == 1);
	EXPECT_EQ(syscall(SYS_clock_getres, CLOCK_REALTIME_COARSE, &ts), 0);
	EXPECT(!ts.tv_sec && ts.tv_nsec >= 1 * MS && ts.tv_nsec <= 10 * MS);
	EXPECT_EQ(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL), 0);
	EXPECT_ERR(syscall(SYS_clock_getres, 99, &ts), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_getres, CLOCK_MONOTONIC, BAD), EFAULT);
}

static void unprivileged_settings(void)
{
	struct timespec ts = { 1700000000, 0 };
	struct timeval tv = { 1700000000, 0 };
	struct timex tx = { 0 };

	if (!geteuid())
		EXPECT_EQ(setresuid(65534, 65534, 65534), 0);
	EXPECT_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts), EPERM);
	EXPECT_ERR(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_settime, 99, &ts), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, BAD), EFAULT);
	ts.tv_nsec = -1;
	EXPECT_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts), EINVAL);
	EXPECT_ERR(syscall(SYS_settimeofday, &tv, NULL), EPERM);
	tv.tv_usec = 2000000;
	EXPECT_ERR(syscall(SYS_settimeofday, &tv, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_settimeofday, BAD, NULL), EFAULT);
	tx.modes = ADJ_FREQUENCY;
	EXPECT_ERR(syscall(SYS_adjtimex, &tx), EPERM);
}

TEST(clock_settime, not_for_everybody)
{
	EXPECT_EQ(test_in_child(unprivileged_settings), 0);
}

TEST(settimeofday, not_for_everybody)
{
	EXPECT_EQ(test_in_child(unprivileged_settings), 0);
}

TEST(adjtimex, can_be_read)
{
	struct timex tx = { 0 };

	EXPECT(syscall(SYS_adjtimex, &tx) >= 0);
	EXPECT(tx.tick > 0 && tx.time.tv_sec > 1600000000);
	EXPECT_ERR(syscall(SYS_adjtimex, BAD), EFAULT);
}

TEST(clock_adjtime, can_be_read)
{
	struct timex tx = { 0 };

	EXPECT(clock_adjtime(CLOCK_REALTIME, &tx) >= 0);
	EXPECT(tx.tick > 0 && tx.time.tv_sec > 1600000000);
	tx.modes = 0;
	EXPECT(adjtimex(&tx) >= 0);
	tx.modes = 0;
	EXPECT_ERR(clock_adjtime(CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
	EXPECT_ERR(clock_adjtime(99, &tx), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_adjtime, CLOCK_REALTIME, BAD), EFAULT);
}

TEST(time, agrees_with_clock)
{
	long a = (long)(now_ns(CLOCK_REALTIME_COARSE) / SEC), b, c = 0;

	b = syscall(SYS_time, &c);
	EXPECT_EQ(b, c);
	EXPECT(b >= a && b <= now_ns(CLOCK_REALTIME) / SEC);
	EXPECT_ERR(syscall(SYS_time, BAD), EFAULT);
}

TEST(gettimeofday, zone_and_errors)
{
	struct timezone tz = { 5, 5 };

	EXPECT_EQ(syscall(SYS_gettimeofday, NULL, &tz), 0);
	EXPECT(tz.tz_minuteswest != 5);
	EXPECT_ERR(syscall(SYS_gettimeofday, BAD, NULL), EFAULT);
}

/* --- sleeping ------------------------------------------------------------------------------------------------------------- */

TEST(nanosleep, sleeps_long_enough)
{
	long long start = now_ns(CLOCK_MONOTONIC);
	struct timespec ts = { 0, 15 * MS };

	EXPECT_EQ(nanosleep(&ts, NULL), 0);
	EXPECT(now_ns(CLOCK_MONOTONIC) - start >= 15 * MS);
	ts = (struct timespec){ 0, 0 };
	EXPECT_EQ(nanosleep(&ts, NULL), 0);
}

TEST(nanosleep, errors)
{
	struct timespec ts = { 0, SEC };

	EXPECT_ERR(nanosleep(&ts, NULL), EINVAL);
	ts = (struct timespec){ -1, 0 };
	EXPECT_ERR(nanosleep(&ts, NULL), EINVAL);
	EXPECT_ERR(nanosleep(BAD, NULL), EFAULT);
}

TEST(nanosleep, interrupted_tells_the_rest)
{
	struct timespec ts = { 100, 0 }, rest = { 0, 0 };
	pid_t pid, parent = getpid();

	handle(SIGUSR1, SA_RESTART);
	pid = fork();
	if (!pid) {
		EXPECT_SOON(sleeping(parent));
		kill(parent, SIGUSR1);
		_exit(0);
	}
	EXPECT_ERR(nanosleep(&ts, &rest), EINTR);
	EXPECT(rest.tv_sec > 50 && rest.tv_sec < 100);
	EXPECT_EQ(got_signal, SIGUSR1);
}

/* Stopping and continuing, without a handler, does not end a sleep or start it over. */
TEST(nanosleep, goes_on_after_stop)
{
	struct timespec ts = { 0, 300 * MS };
	long long start = now_ns(CLOCK_MONOTONIC);
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(nanosleep(&ts, NULL) || now_ns(CLOCK_MONOTONIC) - start < 300 * MS);
	EXPECT_SOON(sleeping(pid));
	EXPECT_EQ(kill(pid, SIGSTOP), 0);
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status));
	EXPECT_EQ(kill(pid, SIGCONT), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(clock_nanosleep, clocks)
{
	static const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
					 CLOCK_TAI };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		long long end = now_ns(ids[i]) + 5 * MS;
		struct timespec ts = ts_of(end);

		EXPECT_EQ(syscall(SYS_clock_nanosleep, ids[i], TIMER_ABSTIME, &ts, NULL), 0);
		EXPECT(now_ns(ids[i]) >= end);
		EXPECT_EQ(syscall(SYS_clock_nanosleep, ids[i], TIMER_ABSTIME, &ts, NULL), 0);
		ts = ts_of(5 * MS);
		end = now_ns(CLOCK_MONOTONIC) + 5 * MS;
		EXPECT_EQ(syscall(SYS_clock_nanosleep, ids[i], 0, &ts, NULL), 0);
		EXPECT(now_ns(CLOCK_MONOTONIC) >= end);
	}
}

TEST(clock_nanosleep, errors)
{
	struct timespec ts = { 0, 1 }, wrong = { 0, -1 };

	EXPECT_ERR(syscall(SYS_clock_nanosleep, 99, 0, &ts, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &ts, NULL), EOPNOTSUPP);
	EXPECT_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &wrong, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, NULL), EFAULT);
}

static void *burn(void *arg)
{
	for (;;)
		use_cpu();
	return arg;
}

TEST(clock_nanosleep, on_processor_time)
{
	long long end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 20 * MS;
	struct timespec ts = { 0, 20 * MS };
	pthread_t t;

	EXPECT_EQ(pthread_create(&t, NULL, burn, NULL), 0);
	EXPECT_EQ(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &ts, NULL), 0);
	EXPECT(now_ns(CLOCK_PROCESS_CPUTIME_ID) >= end);
}

/* --- interval timers --------------------------------------------------------------------------------------------------------- */

TEST(setitimer, real_repeats)
{
	struct itimerval it = { .it_value = { 0, 3000 }, .it_interval = { 0, 3000 } }, old;
	long long start = now_ns(CLOCK_MONOTONIC);

	handle(SIGALRM, SA_RESTART);
	alarm(0);
	EXPECT_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	EXPECT_SOON(signal_count >= 3);
	EXPECT(now_ns(CLOCK_MONOTONIC) - start >= 9 * MS);
	EXPECT_EQ(got_info.si_code, SI_KERNEL);
	EXPECT_EQ(getitimer(ITIMER_REAL, &old), 0);
	EXPECT_EQ(old.it_interval.tv_usec, 3000);
	it = (struct itimerval){ 0 };
	EXPECT_EQ(setitimer(ITIMER_REAL, &it, &old), 0);
	EXPECT_EQ(old.it_interval.tv_usec, 3000);
	EXPECT_EQ(getitimer(ITIMER_REAL, &old), 0);
	EXPECT(!old.it_value.tv_sec && !old.it_value.tv_usec);
}

TEST(setitimer, processor_time)
{
	struct itimerval it = { .it_value = { 0, 20000 } };
	long long start;

	handle(SIGVTALRM, SA_RESTART);
	handle(SIGPROF, SA_RESTART);
	start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	EXPECT_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
	while (got_signal != SIGPROF)
		use_cpu();
	EXPECT(now_ns(CLOCK_PROCESS_CPUTIME_ID) - start >= 15 * MS);
	EXPECT_EQ(setitimer(ITIMER_VIRTUAL, &it, NULL), 0);
	while (got_signal != SIGVTALRM)
		use_cpu();
	EXPECT_EQ(getitimer(ITIMER_VIRTUAL, &it), 0);
	EXPECT(!it.it_value.tv_sec && !it.it_value.tv_usec);
}

TEST(setitimer, errors)
{
	struct itimerval it = { .it_value = { 0, 1000000 } };

	EXPECT_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	it.it_value.tv_usec = -1;
	EXPECT_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	it.it_value.tv_usec = 0;
	EXPECT_ERR(syscall(SYS_setitimer, 3, &it, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_setitimer, ITIMER_VIRTUAL, BAD, NULL), EFAULT);
}

TEST(getitimer, remaining_and_errors)
{
	struct itimerval it = { .it_value = { 50, 0 }, .it_interval = { 7, 8 } };

	EXPECT_EQ(setitimer(ITIMER_VIRTUAL, &it, NULL), 0);
	EXPECT_EQ(getitimer(ITIMER_VIRTUAL, &it), 0);
	EXPECT(it.it_value.tv_sec == 49 ||
	       (it.it_value.tv_sec == 50 && it.it_value.tv_usec < 100000));
	EXPECT_EQ(it.it_interval.tv_sec, 7);
	EXPECT_EQ(it.it_interval.tv_usec, 8);
	EXPECT_ERR(syscall(SYS_getitimer, 3, &it), EINVAL);
	EXPECT_ERR(syscall(SYS_getitimer, 0, BAD), EFAULT);
}

TEST(alarm, tells_what_was_left)
{
	alarm(0);
	EXPECT_EQ(alarm(50), 0);
	EXPECT_EQ(alarm(20), 50);
	EXPECT_EQ(alarm(0), 20);
	EXPECT_EQ(alarm(0), 0);
}

TEST(alarm, fires_and_is_not_inherited)
{
	struct itimerval it;
	int status;
	pid_t pid;

	handle(SIGALRM, 0);
	alarm(1);
	pid = fork();
	if (!pid) {
		getitimer(ITIMER_REAL, &it);
		_exit(it.it_value.tv_sec || it.it_value.tv_usec);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_SOON(got_signal == SIGALRM);
}

static void limited_cpu(void)
{
	struct rlimit one = { 1, 2 };

	EXPECT_EQ(setrlimit(RLIMIT_CPU, &one), 0);
	for (;;)
		use_cpu();
}

TEST(setrlimit, cpu_limit_sends_sigxcpu)
{
	int status = test_in_child(limited_cpu);

	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGXCPU);
}

/* --- POSIX timers -------------------------------------------------------------------------------------------------------------- */

static int new_timer(clockid_t id, struct sigevent *ev)
{
	int timer = -1;

	EXPECT_EQ(syscall(SYS_timer_create, id, ev, &timer), 0);
	return timer;
}

static void set_timer(int timer, int flags, long long value, long long interval)
{
	struct itimerspec its = { .it_value = ts_of(value), .it_interval = ts_of(interval) };

	EXPECT_EQ(syscall(SYS_timer_settime, timer, flags, &its, NULL), 0);
}

TEST(timer_create, signal_with_value)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGRTMIN + 1,
			       .sigev_value.sival_int = 42 };
	int timer = new_timer(CLOCK_MONOTONIC, &ev);

	handle(SIGRTMIN + 1, 0);
	set_timer(timer, 0, 5 * MS, 0);
	EXPECT_SOON(signal_count == 1);
	EXPECT_EQ(got_info.si_code, SI_TIMER);
	EXPECT_EQ(got_info.si_value.sival_int, 42);
	EXPECT_EQ(got_info.si_timerid, timer);
	EXPECT_EQ(syscall(SYS_timer_getoverrun, timer), got_info.si_overrun);
	EXPECT_EQ(syscall(SYS_timer_delete, timer), 0);
	EXPECT_ERR(syscall(SYS_timer_delete, timer), EINVAL);
}

TEST(timer_create, default_is_sigalrm)
{
	int timer;

	alarm(0);
	handle(SIGALRM, 0);
	timer = new_timer(CLOCK_REALTIME, NULL);
	set_timer(timer, TIMER_ABSTIME, now_ns(CLOCK_REALTIME) + 3 * MS, 0);
	EXPECT_SOON(signal_count == 1);
	EXPECT_EQ(got_info.si_value.sival_int, timer);
}

TEST(timer_create, errors)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };
	int timer;

	EXPECT_ERR(syscall(SYS_timer_create, 99, NULL, &timer), EINVAL);
	EXPECT_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &timer), EOPNOTSUPP);
	EXPECT_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &timer), EINVAL);
	ev = (struct sigevent){ .sigev_notify = 77, .sigev_signo = SIGUSR1 };
	EXPECT_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &timer), EINVAL);
	ev = (struct sigevent){ .sigev_notify = SIGEV_THREAD_ID,
				.sigev_signo = SIGUSR1,
				._sigev_un._tid = 1 };
	EXPECT_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &timer), EINVAL);
	EXPECT_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, BAD, &timer), EFAULT);
	EXPECT_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, BAD), EFAULT);
}

static void *other_thread(void *arg)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	sigset_t set;
	siginfo_t info;
	int timer;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	ev._sigev_un._tid = (int)syscall(SYS_gettid);
	timer = new_timer(CLOCK_MONOTONIC, &ev);
	set_timer(timer, 0, 2 * MS, 0);
	return sigwaitinfo(&set, &info) == SIGUSR2 && info.si_code == SI_TIMER ? arg : NULL;
}

TEST(timer_create, to_one_thread)
{
	sigset_t set;
	pthread_t t;
	void *ret;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	EXPECT_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	EXPECT_EQ(pthread_create(&t, NULL, other_thread, &ret), 0);
	EXPECT_EQ(pthread_join(t, &ret), 0);
	EXPECT(ret == &ret);
}

TEST(timer_create, on_processor_time)
{
	static const clockid_t ids[] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

	handle(SIGUSR1, 0);
	for (int i = 0; i < 2; i++) {
		int timer = new_timer(ids[i], &ev), before = signal_count;
		long long start = now_ns(ids[i]);

		set_timer(timer, 0, 10 * MS, 10 * MS);
		while (signal_count < before + 2)
			use_cpu();
		EXPECT(now_ns(ids[i]) - start >= 20 * MS);
		EXPECT_EQ(syscall(SYS_timer_delete, timer), 0);
	}
}

TEST(timer_getoverrun, counts_while_blocked)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	int timer = new_timer(CLOCK_MONOTONIC, &ev);
	long long start = now_ns(CLOCK_MONOTONIC);
	struct timespec ts = { 0, 30 * MS };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	set_timer(timer, 0, 2 * MS, 2 * MS);
	EXPECT_EQ(nanosleep(&ts, NULL), 0);
	EXPECT_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
	EXPECT(info.si_overrun >= 5);
	EXPECT((info.si_overrun + 1) * 2 * MS <= now_ns(CLOCK_MONOTONIC) - start);
	EXPECT(syscall(SYS_timer_getoverrun, timer) >= info.si_overrun);
	EXPECT_ERR(syscall(SYS_timer_getoverrun, 9999), EINVAL);
}

TEST(timer_gettime, remaining)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	int timer = new_timer(CLOCK_MONOTONIC, &ev);
	struct timespec ts = { 0, 5 * MS };
	struct itimerspec its;

	EXPECT_EQ(syscall(SYS_timer_gettime, timer, &its), 0);
	EXPECT(!its.it_value.tv_sec && !its.it_value.tv_nsec);
	set_timer(timer, 0, 40 * SEC, 3 * SEC);
	EXPECT_EQ(syscall(SYS_timer_gettime, timer, &its), 0);
	EXPECT(its.it_value.tv_sec >= 30 && its.it_value.tv_sec <= 40);
	EXPECT_EQ(its.it_interval.tv_sec, 3);
	/* Expired with nobody to tell. */
	set_timer(timer, 0, 1 * MS, 0);
	EXPECT_EQ(nanosleep(&ts, NULL), 0);
	EXPECT_EQ(syscall(SYS_timer_gettime, timer, &its), 0);
	EXPECT(!its.it_value.tv_sec && !its.it_value.tv_nsec);
	EXPECT_ERR(syscall(SYS_timer_gettime, 9999, &its), EINVAL);
	EXPECT_ERR(syscall(SYS_timer_gettime, timer, BAD), EFAULT);
}

TEST(timer_settime, old_value_disarm_and_errors)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec its = { .it_value = { 50, 0 }, .it_interval = { 1, 0 } }, old,
			  zero = { 0 };
	int timer = new_timer(CLOCK_MONOTONIC, &ev);

	EXPECT_EQ(syscall(SYS_timer_settime, timer, 0, &its, NULL), 0);
	EXPECT_EQ(syscall(SYS_timer_settime, timer, 0, &zero, &old), 0);
	EXPECT(old.it_value.tv_sec >= 40 && old.it_value.tv_sec <= 50);
	EXPECT_EQ(old.it_interval.tv_sec, 1);
	EXPECT_EQ(syscall(SYS_timer_gettime, timer, &old), 0);
	EXPECT(!old.it_value.tv_sec && !old.it_value.tv_nsec);
	its.it_value.tv_nsec = SEC;
	EXPECT_ERR(syscall(SYS_timer_settime, timer, 0, &its, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_timer_settime, timer, 0, NULL, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_timer_settime, timer, 0, BAD, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_timer_settime, 9999, 0, &zero, NULL), EINVAL);
}

TEST(timer_delete, stops_it_and_fork_does_not_inherit)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	int timer = new_timer(CLOCK_MONOTONIC, &ev), status;
	struct timespec ts = { 0, 10 * MS };
	struct itimerspec its;
	pid_t pid;

	handle(SIGUSR1, 0);
	pid = fork();
	if (!pid)
		_exit(syscall(SYS_timer_gettime, timer, &its) != -1 || errno != EINVAL);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	set_timer(timer, 0, 1 * MS, 1 * MS);
	EXPECT_SOON(signal_count >= 2);
	EXPECT_EQ(syscall(SYS_timer_delete, timer), 0);
	status = signal_count;
	EXPECT_EQ(nanosleep(&ts, NULL), 0);
	EXPECT(signal_count <= status + 1);
}

TEST_MAIN
