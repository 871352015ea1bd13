/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals: actions, masks, queues, information, alternate stacks, restarts, frames, waiting, sending, job control.
 * Raw system calls where libc would hide what the kernel does.
 */
#include <immintrin.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/ucontext.h>
#include <sys/wait.h>

#include "tests/syscall/test.h"

struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static volatile sig_atomic_t count, last_signal;
static volatile siginfo_t last_info;
static volatile sig_atomic_t order[64];

static void count_signal(int sig)
{
	last_signal = sig;
	count++;
}

static void keep_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	last_signal = sig;
	memcpy((void *)&last_info, info, sizeof(*info));
	if (count < 64)
		order[count] = sig;
	count++;
}

static void on(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	EXPECT_OK(sigaction(sig, &sa, NULL));
}

static void on_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO };

	EXPECT_OK(sigaction(sig, &sa, NULL));
}

static sigset_t set_of(int sig)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, sig);
	return s;
}

static void block(int sig)
{
	sigset_t s = set_of(sig);

	EXPECT_OK(sigprocmask(SIG_BLOCK, &s, NULL));
}

static void unblock(int sig)
{
	sigset_t s = set_of(sig);

	EXPECT_OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
}

static uint64_t raw_mask(void)
{
	uint64_t m = 0;

	EXPECT_OK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &m, 8));
	return m;
}

static char state_of(pid_t pid)
{
	char path[64], text[512], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return '?';
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return '?';
	text[n] = '\0';
	at = strrchr(text, ')');
	return at ? at[2] : '?';
}

/* --- rt_sigaction ------------------------------------------------------------------------------------------------ */

TEST(rt_sigaction, sets_and_reports)
{
	struct sigaction sa = { .sa_handler = count_signal, .sa_flags = SA_RESTART | SA_NODEFER },
			 old;

	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaddset(&sa.sa_mask, SIGKILL);
	EXPECT_OK(sigaction(SIGUSR1, &sa, NULL));
	EXPECT_OK(sigaction(SIGUSR1, NULL, &old));
	EXPECT(old.sa_handler == count_signal);
	EXPECT_EQ(old.sa_flags & ~0x04000000, SA_RESTART | SA_NODEFER);
	EXPECT(sigismember(&old.sa_mask, SIGUSR2));
	EXPECT(!sigismember(&old.sa_mask, SIGKILL));
	EXPECT_EQ(raise(SIGUSR1), 0);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(last_signal, SIGUSR1);
}

TEST(rt_sigaction, refuses)
{
	struct kernel_action act = { 0 };

	EXPECT_ERR(syscall(SYS_rt_sigaction, SIGUSR1, &act, NULL, 4), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigaction, 0, NULL, &act, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigaction, 65, NULL, &act, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigaction, SIGKILL, &act, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigaction, SIGSTOP, &act, NULL, 8), EINVAL);
	EXPECT_OK(syscall(SYS_rt_sigaction, SIGKILL, NULL, &act, 8));
	EXPECT_ERR(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8), EFAULT);
	EXPECT_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, (void *)8, 8), EFAULT);
}

TEST(rt_sigaction, unknown_flags_are_dropped)
{
	struct kernel_action act, old = { 0 };

	on(SIGUSR1, count_signal, 0);
	EXPECT_OK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &act, 8));
	act.flags |= 0x400;
	EXPECT_OK(syscall(SYS_rt_sigaction, SIGUSR1, &act, NULL, 8));
	EXPECT_OK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8));
	EXPECT_EQ(old.flags & 0x400, 0);
}

TEST(rt_sigaction, resethand_and_nodefer)
{
	struct sigaction old;

	on(SIGUSR1, count_signal, SA_RESETHAND);
	raise(SIGUSR1);
	EXPECT_EQ(count, 1);
	EXPECT_OK(sigaction(SIGUSR1, NULL, &old));
	EXPECT(old.sa_handler == SIG_DFL);
}

static volatile sig_atomic_t depth, deepest;

static void nest(int sig)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (depth < 5 && count++ < 10)
		raise(sig);
	depth--;
}

TEST(rt_sigaction, nodefer_nests)
{
	on(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	EXPECT_EQ(deepest, 5);
	deepest = depth = count = 0;
	on(SIGUSR1, nest, 0);
	raise(SIGUSR1);
	EXPECT_EQ(deepest, 1);
	EXPECT_EQ(count, 11); /* each was delivered after the one before had returned */
}

static volatile uint64_t mask_inside;

static void keep_mask(int sig)
{
	(void)sig;
	mask_inside = raw_mask();
}

TEST(rt_sigaction, mask_during_the_handler)
{
	struct sigaction sa = { .sa_handler = keep_mask };
	uint64_t before = raw_mask();

	sigaddset(&sa.sa_mask, SIGHUP);
	EXPECT_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	EXPECT_EQ(mask_inside, before | 1ULL << (SIGHUP - 1) | 1ULL << (SIGUSR1 - 1));
	EXPECT_EQ(raw_mask(), before);
}

TEST(rt_sigaction, ignoring_drops_what_is_pending)
{
	sigset_t pending;

	block(SIGUSR1);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
	EXPECT_OK(sigpending(&pending));
	EXPECT(sigismember(&pending, SIGUSR1));
	on(SIGUSR1, SIG_IGN, 0);
	EXPECT_OK(sigpending(&pending));
	EXPECT(!sigismember(&pending, SIGUSR1));
	/* The default of SIGCHLD is to ignore, too; and a blocked ignored signal stays pending when sent. */
	kill(getpid(), SIGUSR1);
	EXPECT_OK(sigpending(&pending));
	EXPECT(sigismember(&pending, SIGUSR1));
}

static void die_of_it(void)
{
	raise(SIGTERM);
}
static void die_of_realtime(void)
{
	raise(SIGRTMIN + 3);
}
static void ignore_urg(void)
{
	raise(SIGURG);
	raise(SIGWINCH);
	raise(SIGCHLD);
	raise(SIGCONT);
	_exit(7);
}

TEST(rt_sigaction, default_actions)
{
	int status = test_in_child(die_of_it);

	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	status = test_in_child(die_of_realtime);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGRTMIN + 3);
	status = test_in_child(ignore_urg);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

TEST(rt_sigaction, exec_resets_handlers_and_keeps_ignored)
{
	int status;
	pid_t pid;

	on(SIGUSR1, count_signal, 0);
	on(SIGUSR2, SIG_IGN, 0);
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", "kill -USR2 $$; kill -USR1 $$; exit 3", NULL);
		_exit(1);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

/* --- masks and pending ------------------------------------------------------------------------------------------- */

TEST(rt_sigprocmask, block_unblock_set)
{
	uint64_t m = 1ULL << (SIGUSR1 - 1), old = 0;

	EXPECT_OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &m, NULL, 8));
	EXPECT_EQ(raw_mask(), m);
	m = 1ULL << (SIGUSR2 - 1) | 1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1);
	EXPECT_OK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &m, &old, 8));
	EXPECT_EQ(old, 1ULL << (SIGUSR1 - 1));
	EXPECT_EQ(raw_mask(), 1ULL << (SIGUSR1 - 1) | 1ULL << (SIGUSR2 - 1));
	m = 1ULL << (SIGUSR1 - 1);
	EXPECT_OK(syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &m, NULL, 8));
	EXPECT_EQ(raw_mask(), 1ULL << (SIGUSR2 - 1));
	EXPECT_ERR(syscall(SYS_rt_sigprocmask, 17, &m, NULL, 8), EINVAL);
	EXPECT_OK(syscall(SYS_rt_sigprocmask, 17, NULL, NULL, 8));
	EXPECT_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &m, NULL, 16), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)8, NULL, 8), EFAULT);
	EXPECT_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, (void *)8, 8), EFAULT);
}

TEST(rt_sigprocmask, delivery_before_the_call_returns)
{
	on(SIGUSR1, count_signal, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	EXPECT_EQ(count, 0);
	unblock(SIGUSR1);
	EXPECT_EQ(count, 1);
}

TEST(rt_sigprocmask, child_inherits_mask_but_not_pending)
{
	sigset_t pending;
	int status;
	pid_t pid;

	block(SIGUSR1);
	raise(SIGUSR1);
	pid = fork();
	if (!pid) {
		sigpending(&pending);
		_exit(!(raw_mask() & 1ULL << (SIGUSR1 - 1)) || sigismember(&pending, SIGUSR1));
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(rt_sigpending, reports)
{
	uint64_t m = ~0ULL;

	block(SIGUSR1);
	block(SIGRTMIN);
	EXPECT_OK(syscall(SYS_rt_sigpending, &m, 8));
	EXPECT_EQ(m, 0);
	raise(SIGUSR1);
	kill(getpid(), SIGRTMIN);
	EXPECT_OK(syscall(SYS_rt_sigpending, &m, 8));
	EXPECT_EQ(m, 1ULL << (SIGUSR1 - 1) | 1ULL << (SIGRTMIN - 1));
	EXPECT_ERR(syscall(SYS_rt_sigpending, &m, 9), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigpending, (void *)8, 8), EFAULT);
}

/* --- queues and information -------------------------------------------------------------------------------------- */

TEST(rt_sigqueueinfo, realtime_signals_queue_in_order)
{
	on_info(SIGRTMIN + 1, keep_info, 0);
	on_info(SIGRTMIN + 2, keep_info, 0);
	block(SIGRTMIN + 1);
	block(SIGRTMIN + 2);
	for (int i = 0; i < 3; i++) {
		EXPECT_OK(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = i }));
		EXPECT_OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 10 + i }));
	}
	sigset_t both = set_of(SIGRTMIN + 1);
	siginfo_t info;

	sigaddset(&both, SIGRTMIN + 2);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(sigwaitinfo(&both, &info), SIGRTMIN + 1);
		EXPECT_EQ(info.si_value.sival_int, 10 + i);
		EXPECT_EQ(info.si_code, SI_QUEUE);
		EXPECT_EQ(info.si_pid, getpid());
		EXPECT_EQ(info.si_uid, getuid());
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(sigwaitinfo(&both, &info), SIGRTMIN + 2);
		EXPECT_EQ(info.si_value.sival_int, i);
	}
}

TEST(rt_sigqueueinfo, standard_signals_coalesce)
{
	on_info(SIGUSR1, keep_info, 0);
	block(SIGUSR1);
	for (int i = 0; i < 5; i++)
		EXPECT_OK(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 40 + i }));
	unblock(SIGUSR1);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(last_info.si_value.sival_int, 40);
	EXPECT_EQ(last_info.si_code, SI_QUEUE);
}

TEST(rt_sigqueueinfo, refuses)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	EXPECT_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, (void *)8), EFAULT);
	EXPECT_ERR(syscall(SYS_rt_sigqueueinfo, 0x3ffffff0, SIGUSR1, &info), ESRCH);
	info.si_code = SI_USER;
	EXPECT_ERR(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info), EPERM);
	info.si_code = SI_TKILL;
	EXPECT_ERR(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info), EPERM);
	info.si_code = SI_QUEUE;
	EXPECT_OK(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info));
}

TEST(rt_tgsigqueueinfo, to_a_thread)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	info.si_value.sival_int = 77;
	on_info(SIGUSR1, keep_info, 0);
	EXPECT_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info));
	EXPECT_EQ(count, 1);
	EXPECT_EQ(last_info.si_value.sival_int, 77);
	EXPECT_EQ(last_info.si_code, SI_QUEUE);
	EXPECT_ERR(syscall(SYS_rt_tgsigqueueinfo, getpid(), getppid(), SIGUSR1, &info), ESRCH);
	EXPECT_ERR(syscall(SYS_rt_tgsigqueueinfo, 0, gettid(), SIGUSR1, &info), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), 65, &info), EINVAL);
}

TEST(rt_sigqueueinfo, limited_by_sigpending)
{
	struct {
		uint64_t current, max;
	} limit = { 8, 8 };
	int queued = 0;

	EXPECT_OK(syscall(SYS_prlimit64, 0, 11 /* RLIMIT_SIGPENDING */, &limit, NULL));
	block(SIGRTMIN + 1);
	block(SIGUSR1);
	/* Natively all processes of the user count, so it may be none. */
	while (queued <= 8 && sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ 0 }) == 0)
		queued++;
	EXPECT_EQ(errno, EAGAIN);
	EXPECT(queued <= 8);
	/* kill is never refused for it. */
	EXPECT_OK(kill(getpid(), SIGUSR1));
	EXPECT_OK(kill(getpid(), SIGRTMIN + 1));
}

TEST(kill, information)
{
	on_info(SIGUSR1, keep_info, 0);
	EXPECT_OK(kill(getpid(), SIGUSR1));
	EXPECT_EQ(count, 1);
	EXPECT_EQ(last_info.si_signo, SIGUSR1);
	EXPECT_EQ(last_info.si_code, SI_USER);
	EXPECT_EQ(last_info.si_errno, 0);
	EXPECT_EQ(last_info.si_pid, getpid());
	EXPECT_EQ(last_info.si_uid, getuid());
}

TEST(kill, errors)
{
	EXPECT_ERR(kill(getpid(), 65), EINVAL);
	EXPECT_ERR(kill(getpid(), -1), EINVAL);
	EXPECT_ERR(kill(0x3ffffff0, SIGUSR1), ESRCH);
	EXPECT_ERR(kill(-0x3ffffff0, SIGUSR1), ESRCH);
	EXPECT_ERR(syscall(SYS_kill, INT32_MIN, 0), ESRCH);
	EXPECT_OK(kill(getpid(), 0));
	EXPECT_OK(kill(0, 0));
}

TEST(kill, not_permitted)
{
	pid_t root = getpid();
	int status;
	pid_t pid;

	if (getuid())
		SKIP("needs root");
	pid = fork();
	if (!pid) {
		if (setresuid(12345, 12345, 12345))
			_exit(1);
		errno = 0;
		_exit(!(kill(root, 0) == -1 && errno == EPERM));
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(kill, process_group)
{
	int ready[2], status;
	pid_t first, second;
	char c;

	EXPECT_OK(pipe(ready));
	first = fork();
	if (!first) {
		setpgid(0, 0);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	EXPECT_EQ(read(ready[0], &c, 1), 1);
	second = fork();
	if (!second) {
		setpgid(0, first);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	EXPECT_EQ(read(ready[0], &c, 1), 1);
	EXPECT_OK(kill(-first, SIGTERM));
	EXPECT_EQ(waitpid(first, &status, 0), first);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	EXPECT_EQ(waitpid(second, &status, 0), second);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(kill, zombie)
{
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	EXPECT_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_ERR(kill(pid, 0), ESRCH);
}

TEST(tgkill, information_and_errors)
{
	on_info(SIGUSR1, keep_info, 0);
	EXPECT_OK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
	EXPECT_EQ(count, 1);
	EXPECT_EQ(last_info.si_code, SI_TKILL);
	EXPECT_EQ(last_info.si_pid, getpid());
	EXPECT_ERR(syscall(SYS_tgkill, getpid(), 0, SIGUSR1), EINVAL);
	EXPECT_ERR(syscall(SYS_tgkill, -1, gettid(), SIGUSR1), EINVAL);
	EXPECT_ERR(syscall(SYS_tgkill, getpid(), gettid(), 65), EINVAL);
	EXPECT_ERR(syscall(SYS_tgkill, getppid(), gettid(), SIGUSR1), ESRCH);
	EXPECT_ERR(syscall(SYS_tgkill, getpid(), 0x3ffffff0, 0), ESRCH);
}

TEST(tkill, sends)
{
	on_info(SIGUSR1, keep_info, 0);
	EXPECT_OK(syscall(SYS_tkill, gettid(), SIGUSR1));
	EXPECT_EQ(last_info.si_code, SI_TKILL);
	EXPECT_ERR(syscall(SYS_tkill, 0, SIGUSR1), EINVAL);
	EXPECT_ERR(syscall(SYS_tkill, 0x3ffffff0, SIGUSR1), ESRCH);
	EXPECT_ERR(syscall(SYS_tkill, gettid(), 65), EINVAL);
}

/* --- threads ----------------------------------------------------------------------------------------------------- */

static volatile pid_t handled_by;
static volatile pid_t thread_tid;
static volatile int thread_stop;

static void keep_tid(int sig)
{
	(void)sig;
	handled_by = gettid();
	count++;
}

static void *spin_thread(void *arg)
{
	(void)arg;
	thread_tid = gettid();
	while (!thread_stop)
		usleep(1000);
	return NULL;
}

TEST(kill, goes_to_a_thread_that_does_not_block)
{
	pthread_t t;

	on(SIGUSR1, keep_tid, SA_RESTART);
	EXPECT_EQ(pthread_create(&t, NULL, spin_thread, NULL), 0);
	EXPECT_SOON(thread_tid);
	sigset_t s = set_of(SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &s, NULL);
	EXPECT_OK(kill(getpid(), SIGUSR1));
	EXPECT_SOON(count == 1);
	EXPECT_EQ(handled_by, thread_tid);
	thread_stop = 1;
	EXPECT_EQ(pthread_join(t, NULL), 0);
}

static void *spin(void *arg)
{
	(void)arg;
	thread_tid = gettid();
	while (!thread_stop)
		;
	return NULL;
}

TEST(tgkill, interrupts_a_computing_thread)
{
	pthread_t t;

	on(SIGUSR1, keep_tid, 0);
	EXPECT_EQ(pthread_create(&t, NULL, spin, NULL), 0);
	EXPECT_SOON(thread_tid);
	for (int i = 1; i <= 50; i++) {
		EXPECT_OK(syscall(SYS_tgkill, getpid(), thread_tid, SIGUSR1));
		EXPECT_SOON(count == i);
		EXPECT_EQ(handled_by, thread_tid);
	}
	thread_stop = 1;
	EXPECT_EQ(pthread_join(t, NULL), 0);
}

static void *block_all_thread(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	return spin_thread(arg);
}

TEST(rt_sigprocmask, shared_signal_moves_to_who_unblocks)
{
	pthread_t t;

	on(SIGUSR1, keep_tid, 0);
	block(SIGUSR1);
	EXPECT_EQ(pthread_create(&t, NULL, block_all_thread, NULL), 0);
	EXPECT_SOON(thread_tid);
	EXPECT_OK(kill(getpid(), SIGUSR1));
	EXPECT_EQ(count, 0);
	unblock(SIGUSR1);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(handled_by, gettid());
	thread_stop = 1;
	EXPECT_EQ(pthread_join(t, NULL), 0);
}

/* --- alternate stack --------------------------------------------------------------------------------------------- */

static char altstack[65536] __attribute__((aligned(16)));
static volatile uintptr_t handler_sp;
static volatile int inside_flags, inside_error;

static void on_altstack(int sig)
{
	stack_t now, other = { .ss_sp = altstack, .ss_size = sizeof(altstack) };

	(void)sig;
	handler_sp = (uintptr_t)__builtin_frame_address(0);
	sigaltstack(NULL, &now);
	inside_flags = now.ss_flags;
	inside_error = sigaltstack(&other, NULL) ? errno : 0;
	count++;
}

static bool on_it(uintptr_t sp)
{
	return sp > (uintptr_t)altstack && sp <= (uintptr_t)altstack + sizeof(altstack);
}

TEST(sigaltstack, used_with_onstack)
{
	stack_t s = { .ss_sp = altstack, .ss_size = sizeof(altstack) }, old;

	EXPECT_OK(sigaltstack(NULL, &old));
	EXPECT_EQ(old.ss_flags, SS_DISABLE);
	EXPECT_OK(sigaltstack(&s, NULL));
	EXPECT_OK(sigaltstack(NULL, &old));
	EXPECT_EQ(old.ss_flags, 0);
	EXPECT(old.ss_sp == altstack);
	EXPECT_EQ(old.ss_size, sizeof(altstack));
	on(SIGUSR1, on_altstack, SA_ONSTACK);
	raise(SIGUSR1);
	EXPECT(on_it(handler_sp));
	EXPECT_EQ(inside_flags, SS_ONSTACK);
	EXPECT_EQ(inside_error, EPERM);
	on(SIGUSR1, on_altstack, 0);
	raise(SIGUSR1);
	EXPECT(!on_it(handler_sp));
	EXPECT_EQ(inside_flags, 0);
	EXPECT_EQ(inside_error, 0);
}

TEST(sigaltstack, refuses)
{
	stack_t s = { .ss_sp = altstack, .ss_size = 2047 };

	EXPECT_ERR(sigaltstack(&s, NULL), ENOMEM);
	s.ss_size = sizeof(altstack);
	s.ss_flags = 4;
	EXPECT_ERR(sigaltstack(&s, NULL), EINVAL);
	EXPECT_ERR(sigaltstack((void *)8, NULL), EFAULT);
	EXPECT_ERR(sigaltstack(NULL, (void *)8), EFAULT);
	s.ss_flags = SS_DISABLE;
	EXPECT_OK(sigaltstack(&s, NULL));
}

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static void look_at_altstack(int sig)
{
	stack_t now;

	(void)sig;
	handler_sp = (uintptr_t)__builtin_frame_address(0);
	sigaltstack(NULL, &now);
	inside_flags = now.ss_flags;
}

TEST(sigaltstack, autodisarm)
{
	stack_t s = { .ss_sp = altstack,
		      .ss_size = sizeof(altstack),
		      .ss_flags = (int)SS_AUTODISARM },
		old;

	EXPECT_OK(sigaltstack(&s, NULL));
	on(SIGUSR1, look_at_altstack, SA_ONSTACK);
	raise(SIGUSR1);
	EXPECT(on_it(handler_sp));
	EXPECT_EQ(inside_flags, SS_DISABLE);
	/* The return restores it. */
	EXPECT_OK(sigaltstack(NULL, &old));
	EXPECT_EQ(old.ss_flags, (int)SS_AUTODISARM);
	EXPECT(old.ss_sp == altstack);
}

static sigjmp_buf jump;

static void jump_out(int sig)
{
	(void)sig;
	handler_sp = (uintptr_t)__builtin_frame_address(0);
	siglongjmp(jump, 1);
}

__attribute__((noinline)) static int use_stack(int n)
{
	volatile char big[4096];

	big[0] = (char)n;
	return n < 1 << 30 ? use_stack(n + 1) + big[0] : 0;
}

TEST(sigaltstack, catches_stack_overflow)
{
	stack_t s = { .ss_sp = altstack, .ss_size = sizeof(altstack) };

	EXPECT_OK(sigaltstack(&s, NULL));
	on(SIGSEGV, jump_out, SA_ONSTACK);
	if (!sigsetjmp(jump, 1))
		use_stack(0);
	EXPECT(on_it(handler_sp));
}

static void overflow_altstack(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t s = { .ss_sp = page, .ss_size = 2048 };

	/* With AVX-512 even one frame does not fit; with less, the nested ones do not. */
	sigaltstack(&s, NULL);
	on(SIGUSR1, nest, SA_ONSTACK | SA_NODEFER);
	raise(SIGUSR1);
}

TEST(sigaltstack, overflow_kills)
{
	int status = test_in_child(overflow_altstack);

	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void *altstack_thread(void *arg)
{
	return (void *)(long)sigaltstack(NULL, arg);
}

TEST(sigaltstack, threads_start_without)
{
	stack_t s = { .ss_sp = altstack, .ss_size = sizeof(altstack) }, got;
	pthread_t t;

	EXPECT_OK(sigaltstack(&s, NULL));
	EXPECT_EQ(pthread_create(&t, NULL, altstack_thread, &got), 0);
	EXPECT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(got.ss_flags, SS_DISABLE);
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

/* Loads 15 registers from in[], runs ud2 (or what the handler skips), stores them to out[]. */
void probe_registers(const uint64_t *in, uint64_t *out);
void probe_vector(const void *in, void *out);
uint64_t probe_red_zone(void);
extern char probe_fault_at[], probe_vector_fault_at[];
__asm__(".text\n"
	".globl probe_registers\n"
	"probe_registers:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	push %rsi\n"
	"	mov %rdi, %rax\n"
	"	mov 8(%rax), %rbx\n	mov 16(%rax), %rcx\n	mov 24(%rax), %rdx\n	mov 32(%rax), %rsi\n"
	"	mov 40(%rax), %rdi\n	mov 48(%rax), %rbp\n	mov 56(%rax), %r8\n	mov 64(%rax), %r9\n"
	"	mov 72(%rax), %r10\n	mov 80(%rax), %r11\n	mov 88(%rax), %r12\n	mov 96(%rax), %r13\n"
	"	mov 104(%rax), %r14\n	mov 112(%rax), %r15\n	mov 0(%rax), %rax\n"
	"	stc\n"
	".globl probe_fault_at\n"
	"probe_fault_at:\n"
	"	ud2\n"
	"	push %rax\n"
	"	mov 8(%rsp), %rax\n"
	"	mov %rbx, 8(%rax)\n	mov %rcx, 16(%rax)\n	mov %rdx, 24(%rax)\n	mov %rsi, 32(%rax)\n"
	"	mov %rdi, 40(%rax)\n	mov %rbp, 48(%rax)\n	mov %r8, 56(%rax)\n	mov %r9, 64(%rax)\n"
	"	mov %r10, 72(%rax)\n	mov %r11, 80(%rax)\n	mov %r12, 88(%rax)\n	mov %r13, 96(%rax)\n"
	"	mov %r14, 104(%rax)\n	mov %r15, 112(%rax)\n"
	"	pop %rcx\n	mov %rcx, 0(%rax)\n"
	"	setc %cl\n	movzbl %cl, %ecx\n	mov %rcx, 120(%rax)\n"
	"	pop %rsi\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n	ret\n"
	".globl probe_vector\n"
	"probe_vector:\n"
	"	vmovdqu 0(%rdi), %ymm0\n	vmovdqu 32(%rdi), %ymm1\n	vmovdqu 64(%rdi), %ymm2\n"
	"	vmovdqu 96(%rdi), %ymm3\n	vmovdqu 128(%rdi), %ymm7\n	vmovdqu 160(%rdi), %ymm8\n"
	"	vmovdqu 192(%rdi), %ymm14\n	vmovdqu 224(%rdi), %ymm15\n"
	"	ud2\n"
	"	vmovdqu %ymm0, 0(%rsi)\n	vmovdqu %ymm1, 32(%rsi)\n	vmovdqu %ymm2, 64(%rsi)\n"
	"	vmovdqu %ymm3, 96(%rsi)\n	vmovdqu %ymm7, 128(%rsi)\n	vmovdqu %ymm8, 160(%rsi)\n"
	"	vmovdqu %ymm14, 192(%rsi)\n	vmovdqu %ymm15, 224(%rsi)\n"
	"	vzeroupper\n	ret\n"
	".globl probe_sse\n"
	"probe_sse:\n"
	"	movdqu 0(%rdi), %xmm0\n	movdqu 32(%rdi), %xmm6\n	movdqu 64(%rdi), %xmm15\n"
	"	ud2\n"
	"	movdqu %xmm0, 0(%rsi)\n	movdqu %xmm6, 32(%rsi)\n	movdqu %xmm15, 64(%rsi)\n	ret\n"
	".globl probe_red_zone\n"
	"probe_red_zone:\n"
	"	mov $0x1122334455667788, %rax\n"
	"	mov %rax, -8(%rsp)\n	mov %rax, -64(%rsp)\n	mov %rax, -128(%rsp)\n"
	"	ud2\n"
	"	mov -8(%rsp), %rax\n	xor -64(%rsp), %rax\n	jnz 1f\n"
	"	mov -128(%rsp), %rax\n	ret\n"
	"1:	xor %eax, %eax\n	ret\n");
void probe_sse(const void *in, void *out);

static volatile greg_t frame_rip, frame_trap, frame_error, frame_cr2, frame_rax;
static volatile uintptr_t frame_address, frame_fpregs;
static volatile uint32_t frame_magic1, frame_magic2, frame_size, frame_extended;
static volatile unsigned long frame_flags;
static volatile int info_code;
static void *volatile info_address;

__attribute__((target("avx"))) static void dirty_avx(void)
{
	__asm__ volatile(
		"vpcmpeqd %%xmm0, %%xmm0, %%xmm0\n vinsertf128 $1, %%xmm0, %%ymm0, %%ymm0\n"
		"vmovaps %%ymm0, %%ymm1\n vmovaps %%ymm0, %%ymm7\n vmovaps %%ymm0, %%ymm15\n"
		:
		:
		: "xmm0", "xmm1", "xmm7", "xmm15");
}

static void skip_ud2(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	char *fp = (char *)uc->uc_mcontext.fpregs;

	(void)sig;
	frame_address = (uintptr_t)__builtin_frame_address(0);
	frame_rip = uc->uc_mcontext.gregs[REG_RIP];
	frame_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
	frame_error = uc->uc_mcontext.gregs[REG_ERR];
	frame_cr2 = uc->uc_mcontext.gregs[REG_CR2];
	frame_flags = uc->uc_flags;
	frame_fpregs = (uintptr_t)fp;
	memcpy((void *)&frame_magic1, fp + 464, 4);
	memcpy((void *)&frame_extended, fp + 468, 4);
	memcpy((void *)&frame_size, fp + 480, 4);
	memcpy((void *)&frame_magic2, fp + frame_size, 4);
	info_code = info->si_code;
	info_address = info->si_addr;
	if (__builtin_cpu_supports("avx"))
		dirty_avx();
	__asm__ volatile("pxor %%xmm6, %%xmm6" : : : "xmm6");
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	count++;
}

TEST(rt_sigreturn, general_registers_survive)
{
	uint64_t in[16], out[16] = { 0 };

	on_info(SIGILL, skip_ud2, 0);
	for (int i = 0; i < 16; i++)
		in[i] = 0x0123456789abcdefULL * (uint64_t)(i + 3);
	probe_registers(in, out);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(memcmp(in, out, 15 * 8), 0);
	EXPECT_EQ(out[15], 1);
	EXPECT_EQ(frame_rip, (greg_t)probe_fault_at);
	EXPECT_EQ(frame_trap, 6);
	EXPECT_EQ(info_code, ILL_ILLOPN);
	EXPECT(info_address == probe_fault_at);
}

TEST(rt_sigreturn, vector_registers_survive)
{
	uint8_t in[256], out[256] = { 0 };

	on_info(SIGILL, skip_ud2, 0);
	for (int i = 0; i < 256; i++)
		in[i] = (uint8_t)(i * 7 + 1);
	if (__builtin_cpu_supports("avx")) {
		probe_vector(in, out);
		EXPECT_EQ(memcmp(in, out, 256), 0);
	}
	memset(out, 0, sizeof(out));
	probe_sse(in, out);
	EXPECT_EQ(memcmp(in, out, 16), 0);
	EXPECT_EQ(memcmp(in + 32, out + 32, 16), 0);
	EXPECT_EQ(memcmp(in + 64, out + 64, 16), 0);
}

TEST(rt_sigreturn, red_zone_is_kept)
{
	on_info(SIGILL, skip_ud2, 0);
	EXPECT_EQ(probe_red_zone(), 0x1122334455667788);
}

TEST(rt_sigreturn, frame_layout)
{
	uint64_t in[16] = { 0 }, out[16];

	on_info(SIGILL, skip_ud2, 0);
	probe_registers(in, out);
	EXPECT_EQ(frame_address % 16, 0); /* rsp was 16n + 8 at entry */
	EXPECT_EQ(frame_fpregs % 64, 0);
	EXPECT_EQ(frame_flags & 7, 7);
	EXPECT_EQ(frame_magic1, 0x46505853);
	EXPECT_EQ(frame_magic2, 0x46505845);
	EXPECT_EQ(frame_extended, frame_size + 4);
	EXPECT(frame_size >= 576);
}

/* Frames may be changed: registers and the mask take effect. */
static void change_frame(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	frame_rax = uc->uc_mcontext.gregs[REG_RAX];
	sigaddset(&uc->uc_sigmask, SIGHUP);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RAX] = 4242;
	uc->uc_mcontext.gregs[REG_R12] = 77;
}

TEST(rt_sigreturn, changes_of_the_frame_take_effect)
{
	uint64_t in[16] = { 0 }, out[16];

	in[0] = 17;
	on_info(SIGILL, change_frame, 0);
	probe_registers(in, out);
	EXPECT_EQ(frame_rax, 17);
	EXPECT_EQ(out[0], 4242);
	EXPECT_EQ(out[11], 77);
	EXPECT(raw_mask() & 1ULL << (SIGHUP - 1));
}

static void call_in_handler(int sig)
{
	(void)sig;
	count++;
	/* Many calls inside: they use the same kernel stack. */
	for (int i = 0; i < 10; i++)
		syscall(SYS_getppid);
}

TEST(rt_sigreturn, syscall_result_survives)
{
	int fds[2];
	char c;

	/* The result of the call that ended by the signal's delivery: kill gives 0, not the handler's leftovers. */
	on(SIGUSR1, call_in_handler, 0);
	for (int i = 0; i < 1000; i++)
		EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
	EXPECT_EQ(count, 1000);
	EXPECT_OK(pipe(fds));
	EXPECT_EQ(write(fds[1], "ab", 2), 2);
	EXPECT_EQ(read(fds[0], &c, 1), 1);
}

static void bad_frame_handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	uc->uc_mcontext.fpregs = (void *)8;
}

static void run_bad_frame(void)
{
	on_info(SIGUSR1, bad_frame_handler, 0);
	raise(SIGUSR1);
}

TEST(rt_sigreturn, bad_frame_is_segv)
{
	int status = test_in_child(run_bad_frame);

	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void segv_info(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	info_code = info->si_code;
	info_address = info->si_addr;
	frame_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
	frame_error = uc->uc_mcontext.gregs[REG_ERR];
	frame_cr2 = uc->uc_mcontext.gregs[REG_CR2];
	siglongjmp(jump, 1);
}

TEST(rt_sigaction, segv_information)
{
	volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	on_info(SIGSEGV, segv_info, 0);
	if (!sigsetjmp(jump, 1))
		page[5] = 1;
	EXPECT_EQ(info_code, SEGV_ACCERR);
	EXPECT(info_address == (void *)(page + 5));
	EXPECT_EQ(frame_trap, 14);
	EXPECT_EQ(frame_error & 6, 6); /* a write, from user mode */
	EXPECT_EQ(frame_cr2, (greg_t)(page + 5));
	if (!sigsetjmp(jump, 1))
		(void)page[7];
	EXPECT_EQ(frame_error & 6, 4);
	EXPECT(info_address == (void *)(page + 7));
	if (!sigsetjmp(jump, 1))
		read_only[1] = 1;
	EXPECT_EQ(info_code, SEGV_ACCERR);
	EXPECT_EQ(munmap((void *)page, 4096), 0);
	if (!sigsetjmp(jump, 1))
		(void)page[0];
	EXPECT_EQ(info_code, SEGV_MAPERR);
}

static void fpe_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	last_signal = sig;
	info_code = info->si_code;
	siglongjmp(jump, 1);
}

TEST(rt_sigaction, other_faults)
{
	int zero = 0, sink;

	on_info(SIGFPE, fpe_info, 0);
	if (!sigsetjmp(jump, 1))
		__asm__ volatile("xor %%edx, %%edx\n idivl %1"
				 : "=a"(sink)
				 : "r"(zero), "a"(7)
				 : "edx");
	EXPECT_EQ(last_signal, SIGFPE);
	EXPECT_EQ(info_code, FPE_INTDIV);
	on_info(SIGTRAP, fpe_info, 0);
	if (!sigsetjmp(jump, 1))
		__asm__ volatile("int3");
	EXPECT_EQ(last_signal, SIGTRAP);
	on_info(SIGSEGV, fpe_info, 0);
	if (!sigsetjmp(jump, 1))
		__asm__ volatile("hlt");
	EXPECT_EQ(last_signal, SIGSEGV);
	EXPECT_EQ(info_code, SI_KERNEL);
	(void)sink;
}

static volatile int *volatile bad_pointer = (volatile int *)8;

static void fault_blocked(void)
{
	block(SIGSEGV);
	on(SIGSEGV, count_signal, 0);
	*bad_pointer = 1;
}
static void fault_ignored(void)
{
	on(SIGSEGV, SIG_IGN, 0);
	*bad_pointer = 1;
}

TEST(rt_sigaction, blocked_or_ignored_fault_kills)
{
	int status = test_in_child(fault_blocked);

	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = test_in_child(fault_ignored);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* --- interrupted calls ------------------------------------------------------------------------------------------- */

/* A child that sends `sig` to us when we sleep, then writes a byte to fd. */
static pid_t helper_signal_then_write(int sig, int fd)
{
	pid_t pid, target = getpid();

	pid = fork();
	if (!pid) {
		EXPECT_SOON(state_of(target) == 'S');
		kill(target, sig);
		EXPECT_SOON(state_of(target) == 'S');
		if (fd >= 0 && write(fd, "x", 1) != 1)
			_exit(1);
		_exit(0);
	}
	return pid;
}

TEST(rt_sigaction, restart_of_read)
{
	int fds[2];
	char c = 0;
	pid_t pid;

	EXPECT_OK(pipe(fds));
	on(SIGUSR1, count_signal, SA_RESTART);
	pid = helper_signal_then_write(SIGUSR1, fds[1]);
	EXPECT_EQ(read(fds[0], &c, 1), 1);
	EXPECT_EQ(c, 'x');
	EXPECT_EQ(count, 1);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(rt_sigaction, no_restart_of_read)
{
	int fds[2];
	pid_t pid;
	char c;

	EXPECT_OK(pipe(fds));
	on(SIGUSR1, count_signal, 0);
	pid = fork();
	if (!pid) {
		EXPECT_SOON(state_of(getppid()) == 'S');
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	EXPECT_ERR(read(fds[0], &c, 1), EINTR);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(rt_sigaction, ignored_signal_does_not_interrupt)
{
	int fds[2];
	pid_t pid;
	char c;

	EXPECT_OK(pipe(fds));
	on(SIGUSR1, SIG_IGN, 0);
	pid = helper_signal_then_write(SIGUSR1, fds[1]);
	EXPECT_EQ(read(fds[0], &c, 1), 1);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(rt_sigaction, poll_is_never_restarted)
{
	struct pollfd p = { .events = POLLIN };
	int fds[2];
	pid_t pid;

	EXPECT_OK(pipe(fds));
	p.fd = fds[0];
	on(SIGUSR1, count_signal, SA_RESTART);
	pid = fork();
	if (!pid) {
		EXPECT_SOON(state_of(getppid()) == 'S');
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	EXPECT_ERR(poll(&p, 1, -1), EINTR);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

/* --- pause, sigsuspend, sigtimedwait ------------------------------------------------------------------------------ */

TEST(pause, returns_after_a_handler)
{
	pid_t pid;

	on(SIGUSR1, count_signal, SA_RESTART);
	pid = fork();
	if (!pid) {
		EXPECT_SOON(state_of(getppid()) == 'S');
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	EXPECT_ERR(pause(), EINTR);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(rt_sigsuspend, swaps_the_mask)
{
	sigset_t none;
	uint64_t before;

	sigemptyset(&none);
	on(SIGUSR1, keep_mask, 0);
	on(SIGUSR2, count_signal, 0);
	block(SIGUSR1);
	block(SIGUSR2);
	before = raw_mask();
	raise(SIGUSR1);
	EXPECT_ERR(sigsuspend(&none), EINTR);
	/* Inside the handler: the temporary mask and the signal itself. */
	EXPECT_EQ(mask_inside, 1ULL << (SIGUSR1 - 1));
	EXPECT_EQ(raw_mask(), before);
	EXPECT_ERR(syscall(SYS_rt_sigsuspend, &none, 4), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigsuspend, (void *)8, 8), EFAULT);
	EXPECT_EQ(raw_mask(), before);
}

TEST(rt_sigsuspend, waits_for_another_process)
{
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	on(SIGUSR1, count_signal, 0);
	block(SIGUSR1);
	for (int i = 1; i <= 20; i++) {
		pid = fork();
		if (!pid) {
			kill(getppid(), SIGUSR1);
			_exit(0);
		}
		while (count < i)
			EXPECT_ERR(sigsuspend(&none), EINTR);
		EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	}
}

TEST(rt_sigtimedwait, takes_pending)
{
	sigset_t s = set_of(SIGUSR1);
	struct timespec zero = { 0, 0 }, little = { 0, 10000000 }, bad = { 0, 1000000000 };
	siginfo_t info;

	block(SIGUSR1);
	EXPECT_ERR(sigtimedwait(&s, &info, &zero), EAGAIN);
	EXPECT_ERR(sigtimedwait(&s, &info, &little), EAGAIN);
	kill(getpid(), SIGUSR1);
	memset(&info, 0xff, sizeof(info));
	EXPECT_EQ(sigtimedwait(&s, &info, &zero), SIGUSR1);
	EXPECT_EQ(info.si_signo, SIGUSR1);
	EXPECT_EQ(info.si_code, SI_USER);
	EXPECT_EQ(info.si_pid, getpid());
	EXPECT_ERR(sigtimedwait(&s, &info, &zero), EAGAIN);
	EXPECT_ERR(sigtimedwait(&s, &info, &bad), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigtimedwait, &s, NULL, &zero, 4), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigtimedwait, (void *)8, NULL, &zero, 8), EFAULT);
}

TEST(rt_sigtimedwait, sleeps_until_sent)
{
	sigset_t s = set_of(SIGUSR1);
	siginfo_t info;
	pid_t pid;

	block(SIGUSR1);
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			kill(getppid(), SIGUSR1);
			_exit(0);
		}
		EXPECT_EQ(sigwaitinfo(&s, &info), SIGUSR1);
		EXPECT_EQ(info.si_pid, pid);
		EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	}
}

TEST(rt_sigtimedwait, interrupted_by_another_signal)
{
	sigset_t s = set_of(SIGUSR1);
	pid_t pid;

	block(SIGUSR1);
	on(SIGUSR2, count_signal, SA_RESTART);
	pid = fork();
	if (!pid) {
		EXPECT_SOON(state_of(getppid()) == 'S');
		kill(getppid(), SIGUSR2);
		_exit(0);
	}
	EXPECT_ERR(sigwaitinfo(&s, NULL), EINTR);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(rt_sigtimedwait, sigchld_of_a_child)
{
	sigset_t s = set_of(SIGCHLD);
	siginfo_t info;
	pid_t pid;

	block(SIGCHLD);
	pid = fork();
	if (!pid)
		_exit(9);
	EXPECT_EQ(sigwaitinfo(&s, &info), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_EXITED);
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_status, 9);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

/* --- job control ------------------------------------------------------------------------------------------------- */

static void wait_for_stop(pid_t pid, int sig)
{
	int status;

	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status));
	EXPECT_EQ(WSTOPSIG(status), sig);
}

static pid_t pausing_child(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

TEST(kill, stop_and_continue)
{
	int status;
	pid_t pid = pausing_child();

	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	EXPECT_EQ(state_of(pid), 'T');
	/* Reported once. */
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
	EXPECT(WIFCONTINUED(status));
	EXPECT_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	EXPECT_SOON(state_of(pid) == 'S');
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(kill, stopped_process_keeps_signals_until_continued)
{
	int fds[2], status;
	pid_t pid;
	char c;

	EXPECT_OK(pipe(fds));
	pid = fork();
	if (!pid) {
		on(SIGUSR1, count_signal, 0);
		if (write(fds[1], "r", 1) != 1)
			_exit(1);
		while (!count)
			usleep(1000);
		_exit(5);
	}
	EXPECT_EQ(read(fds[0], &c, 1), 1);
	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	EXPECT_OK(kill(pid, SIGUSR1));
	usleep(20000);
	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	EXPECT_EQ(state_of(pid), 'T');
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

TEST(kill, stopped_process_can_be_killed)
{
	int status;
	pid_t pid = pausing_child();

	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	EXPECT_OK(kill(pid, SIGTERM));
	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(kill, stop_does_not_end_a_read)
{
	int fds[2], status;
	pid_t pid;
	char c;

	EXPECT_OK(pipe(fds));
	pid = fork();
	if (!pid)
		_exit(read(fds[0], &c, 1) == 1 ? c : 1);
	EXPECT_SOON(state_of(pid) == 'S');
	for (int i = 0; i < 3; i++) {
		EXPECT_OK(kill(pid, SIGSTOP));
		wait_for_stop(pid, SIGSTOP);
		EXPECT_OK(kill(pid, SIGCONT));
		EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
		EXPECT(WIFCONTINUED(status));
	}
	EXPECT_EQ(write(fds[1], "\x21", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), 0x21);
}

TEST(kill, sigchld_tells_of_stops)
{
	sigset_t s = set_of(SIGCHLD);
	siginfo_t info;
	pid_t pid;

	block(SIGCHLD);
	pid = pausing_child();
	EXPECT_OK(kill(pid, SIGSTOP));
	EXPECT_EQ(sigwaitinfo(&s, &info), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_STOPPED);
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_status, SIGSTOP);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(sigwaitinfo(&s, &info), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_CONTINUED);
	EXPECT_EQ(info.si_status, SIGCONT);
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(sigwaitinfo(&s, &info), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_KILLED);
	EXPECT_EQ(info.si_status, SIGKILL);
}

TEST(rt_sigaction, nocldstop)
{
	sigset_t pending;
	int status;
	pid_t pid;

	on(SIGCHLD, count_signal, SA_NOCLDSTOP);
	block(SIGCHLD);
	pid = pausing_child();
	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
	EXPECT_OK(sigpending(&pending));
	EXPECT(!sigismember(&pending, SIGCHLD));
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_OK(sigpending(&pending));
	EXPECT(sigismember(&pending, SIGCHLD));
}

TEST(rt_sigaction, nocldwait)
{
	pid_t pid;

	on(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
	pid = fork();
	if (!pid)
		_exit(0);
	EXPECT_ERR(waitpid(pid, NULL, 0), ECHILD);
	on(SIGCHLD, SIG_IGN, 0);
	pid = fork();
	if (!pid)
		_exit(0);
	EXPECT_ERR(waitpid(pid, NULL, 0), ECHILD);
}

TEST(kill, stop_signals_and_cont_cancel_each_other)
{
	int status;
	pid_t pid = pausing_child();
	sigset_t pending;

	/* A pending SIGTSTP goes when SIGCONT comes, and the other way round. */
	block(SIGTSTP);
	block(SIGCONT);
	raise(SIGTSTP);
	EXPECT_OK(kill(getpid(), SIGCONT));
	EXPECT_OK(sigpending(&pending));
	EXPECT(!sigismember(&pending, SIGTSTP));
	EXPECT(sigismember(&pending, SIGCONT));
	EXPECT_OK(kill(getpid(), SIGTSTP));
	EXPECT_OK(sigpending(&pending));
	EXPECT(sigismember(&pending, SIGTSTP));
	EXPECT(!sigismember(&pending, SIGCONT));
	EXPECT_OK(kill(getpid(), SIGCONT));
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
}

static void *busy_thread(void *arg)
{
	volatile unsigned long *ticks = arg;

	for (;;)
		++*ticks;
	return NULL;
}

TEST(kill, stop_stops_all_threads)
{
	volatile unsigned long *ticks =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long seen;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		pthread_t t;

		if (pthread_create(&t, NULL, busy_thread, (void *)ticks))
			_exit(1);
		for (;;)
			pause();
	}
	EXPECT_SOON(*ticks > 1000);
	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	seen = *ticks;
	usleep(20000);
	EXPECT_EQ(*ticks, seen);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_SOON(*ticks > seen);
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(kill, tstp_of_an_orphaned_group_is_ignored)
{
	int fds[2];
	pid_t pid;
	char c;

	EXPECT_OK(pipe(fds));
	pid = fork();
	if (!pid) {
		setsid(); /* nobody in this session is its parent: orphaned */
		kill(getpid(), SIGTSTP);
		if (write(fds[1], "a", 1) != 1)
			_exit(1);
		_exit(0);
	}
	EXPECT_EQ(read(fds[0], &c, 1), 1);
	EXPECT_EQ(waitpid(pid, NULL, WUNTRACED), pid);
}

TEST(kill, tstp_stops_in_a_session_with_a_parent)
{
	int status;
	pid_t pid;

	/* We are the leader of our own group (the runner's session): a child in a group of its own is not orphaned. */
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		kill(getpid(), SIGTSTP);
		_exit(4);
	}
	wait_for_stop(pid, SIGTSTP);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

TEST(kill, sleeps_survive_a_stop)
{
	struct timespec half = { 0, 300000000 };
	int status;
	pid_t pid;

	/* nanosleep is restarted with what is left, poll with its timeout: neither sees the stop. */
	pid = fork();
	if (!pid)
		_exit(nanosleep(&half, NULL) != 0);
	EXPECT_SOON(state_of(pid) == 'S');
	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	pid = fork();
	if (!pid)
		_exit(poll(NULL, 0, 300) != 0);
	EXPECT_SOON(state_of(pid) == 'S');
	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	/* A futex with a timeout, too. */
	pid = fork();
	if (!pid) {
		unsigned int word = 0;
		long ret = syscall(SYS_futex, &word, 0, 0, &half, NULL, 0);

		_exit(!(ret == -1 && errno == ETIMEDOUT));
	}
	EXPECT_SOON(state_of(pid) == 'S');
	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static pthread_t main_thread;
static int main_gone[2];

static void *pause_thread(void *arg)
{
	(void)arg;
	if (pthread_join(main_thread, NULL) || write(main_gone[1], "x", 1) != 1)
		_exit(8);
	for (;;)
		pause();
	return NULL;
}

/* The main thread ends while another lives on: signals to the process still arrive, and it still stops. */
TEST(kill, process_whose_main_thread_has_ended)
{
	int status;
	pid_t pid;
	char c;

	EXPECT_OK(pipe(main_gone));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pthread_t t;

		on(SIGUSR1, count_signal, 0);
		main_thread = pthread_self();
		pthread_create(&t, NULL, pause_thread, NULL);
		syscall(SYS_exit, 0);
	}
	EXPECT_EQ(read(main_gone[0], &c, 1), 1);
	EXPECT_OK(kill(pid, SIGUSR1));
	EXPECT_OK(kill(pid, SIGSTOP));
	wait_for_stop(pid, SIGSTOP);
	EXPECT_OK(kill(pid, SIGCONT));
	EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
	EXPECT(WIFCONTINUED(status));
	EXPECT_OK(kill(pid, SIGTERM));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(rt_sigaction, exec_keeps_mask_and_pending)
{
	static const char script[] =
		"while read k v; do case $k in ShdPnd:|SigBlk:) echo $v;; esac; done </proc/self/status";
	char text[128] = "";
	int fds[2], status;
	pid_t pid;

	EXPECT_OK(pipe(fds));
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		block(SIGUSR1);
		kill(getpid(), SIGUSR1);
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(1);
	}
	close(fds[1]);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_OK(read(fds[0], text, sizeof(text) - 1));
	EXPECT_STR(text, "0000000000000200\n0000000000000200\n");
}

TEST(sigaltstack, inherited_by_fork)
{
	stack_t s = { .ss_sp = altstack, .ss_size = sizeof(altstack) }, got;
	int status;
	pid_t pid;

	EXPECT_OK(sigaltstack(&s, NULL));
	pid = fork();
	if (!pid) {
		sigaltstack(NULL, &got);
		_exit(got.ss_sp != altstack || got.ss_flags);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* --- many -------------------------------------------------------------------------------------------------------- */

TEST(rt_sigreturn, many_signals_between_processes)
{
	sigset_t none;
	pid_t pid, parent = getpid();
	int status;

	sigemptyset(&none);
	on(SIGUSR1, count_signal, 0);
	block(SIGUSR1);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 2000; i++) {
			while (count <= i)
				sigsuspend(&none);
			kill(parent, SIGUSR1);
		}
		_exit(0);
	}
	for (int i = 0; i < 2000; i++) {
		EXPECT_OK(kill(pid, SIGUSR1));
		while (count <= i)
			EXPECT_ERR(sigsuspend(&none), EINTR);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(rt_sigreturn, timer_hits_computing_code)
{
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } }, off = { 0 };
	volatile double x = 1.0;
	unsigned long sum = 0;

	on(SIGALRM, count_signal, SA_RESTART);
	EXPECT_OK(setitimer(ITIMER_REAL, &every, NULL));
	while (count < 100) {
		/* Vector and flag state in use all the time. */
		for (int i = 0; i < 1000; i++) {
			x = x * 1.0000001 + 0.5;
			sum += (unsigned long)i;
		}
		EXPECT(x > 0);
		x = 1.0;
	}
	EXPECT_OK(setitimer(ITIMER_REAL, &off, NULL));
	EXPECT_EQ(sum % 499500, 0);
}

TEST_MAIN
