/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and ending processes and threads, waiting for them, group ids, accept4: the calls that libc hides behind others and
 * that no other family tests by name.
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/syscall/test.h"

/* <sched.h> and <linux/sched.h> do not go together. */
int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

#define STACK_SIZE (64 << 10)
#define THREAD_FLAGS \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static char *new_stack(void)
{
	char *stack =
		mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(stack != MAP_FAILED);
	return stack + STACK_SIZE;
}

static int reap(pid_t pid)
{
	int status;

	EXPECT_EQ(waitpid(pid, &status, __WALL), pid);
	return status;
}

/* Until the kernel has cleared the word of a thread that ended. */
static void wait_for_clear(int *word)
{
	int value;

	while ((value = __atomic_load_n(word, __ATOMIC_SEQ_CST)))
		syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

/* --- fork, vfork --------------------------------------------------------------------------------------------------- */

TEST(fork, copies_memory)
{
	static int in_data = 1;
	int on_stack = 2, *shared, *private_map;
	pid_t pid;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	private_map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(shared != MAP_FAILED && private_map != MAP_FAILED);
	*private_map = 3;
	pid = (pid_t)syscall(SYS_fork);
	if (!pid) {
		if (in_data != 1 || on_stack != 2 || *private_map != 3)
			_exit(1);
		in_data = on_stack = *private_map = 9;
		*shared = getppid();
		_exit(7);
	}
	EXPECT(pid > 0);
	EXPECT_EQ(reap(pid), 7 << 8);
	EXPECT_EQ(in_data, 1);
	EXPECT_EQ(on_stack, 2);
	EXPECT_EQ(*private_map, 3);
	EXPECT_EQ(*shared, getpid());
}

TEST(fork, copies_descriptors_and_shares_open_files)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	pid_t pid;

	EXPECT(fd >= 0);
	pid = fork();
	if (!pid) {
		if (write(fd, "child", 5) != 5)
			_exit(1);
		close(fd);
		_exit(0);
	}
	EXPECT_EQ(reap(pid), 0);
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 5);
	EXPECT_EQ(fcntl(fd, F_GETFD), 0);
}

static void pending_is_empty(void)
{
	sigset_t pending;

	if (sigpending(&pending) || sigismember(&pending, SIGUSR1))
		_exit(1);
}

TEST(fork, does_not_inherit_pending_signals_and_alarms)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	EXPECT_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	EXPECT_OK(raise(SIGUSR1));
	EXPECT_EQ(test_in_child(pending_is_empty), 0);
	/* test.h set an alarm: it is the parent's own. */
	pid_t pid = fork();
	if (!pid)
		_exit(alarm(0) != 0);
	EXPECT_EQ(reap(pid), 0);
	EXPECT(alarm(20) != 0);
}

TEST(fork, refused_above_the_limit_of_processes)
{
	struct rlimit none = { 0, 0 };

	if (getuid() == 0 && setuid(65534))
		SKIP("the limit does not bind root, and the id cannot be changed");
	EXPECT_OK(setrlimit(RLIMIT_NPROC, &none));
	EXPECT_ERR(fork(), EAGAIN);
}

static void *nothing(void *arg)
{
	return arg;
}

/* Tasks of other users do not count, threads do. */
TEST(fork, limit_counts_the_users_own_tasks)
{
	struct rlimit two = { 2, 2 };
	pthread_t thread;
	int gate[2];
	pid_t pid;
	char c;

	if (getuid() || setuid(54321))
		SKIP("a user id of its own is needed");
	EXPECT_OK(setrlimit(RLIMIT_NPROC, &two));
	EXPECT_OK(pipe(gate));
	pid = fork();
	EXPECT_OK(pid);
	if (!pid) {
		close(gate[1]);
		_exit(read(gate[0], &c, 1) == 0 ? 0 : 1);
	}
	EXPECT_ERR(fork(), EAGAIN);
	EXPECT_EQ(pthread_create(&thread, NULL, nothing, NULL), EAGAIN);
	close(gate[1]);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_EQ(pthread_create(&thread, NULL, nothing, NULL), 0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
}

TEST(vfork, shares_memory_and_waits_for_the_child)
{
	static volatile int shared;
	pid_t pid = vfork();

	if (!pid) {
		shared = 42;
		usleep(20000);
		shared = 43;
		_exit(3);
	}
	EXPECT(pid > 0);
	EXPECT_EQ(shared, 43);
	EXPECT_EQ(reap(pid), 3 << 8);
}

TEST(vfork, child_has_descriptors_of_its_own)
{
	int fd = open("/dev/null", O_RDONLY);
	pid_t pid;

	EXPECT(fd >= 0);
	pid = vfork();
	if (!pid) {
		close(fd);
		_exit(0);
	}
	EXPECT_EQ(reap(pid), 0);
	EXPECT_EQ(fcntl(fd, F_GETFD), 0);
}

/* --- unshare ------------------------------------------------------------------------------------------------------- */

static void *with_a_folder_of_its_own(void *arg)
{
	int *fd = arg;

	if (unshare(CLONE_FS | CLONE_FILES) || chdir("/") || umask(0) != 022)
		return "cannot";
	close(*fd);
	*fd = open("/dev/null", O_RDONLY);
	return *fd < 0 ? "cannot open" : NULL;
}

TEST(unshare, thread_with_files_and_folder_of_its_own)
{
	char before[4096], after[4096];
	int fd = (int)EXPECT_OK(open("/dev/zero", O_RDONLY)), in_thread = fd;
	pthread_t thread;
	void *failure;
	char c = 1;

	umask(022);
	EXPECT(getcwd(before, sizeof(before)));
	EXPECT_EQ(pthread_create(&thread, NULL, with_a_folder_of_its_own, &in_thread), 0);
	EXPECT_EQ(pthread_join(thread, &failure), 0);
	EXPECT(!failure);
	EXPECT(getcwd(after, sizeof(after)));
	EXPECT_STR(before, after);
	EXPECT_EQ(umask(022), 022);
	EXPECT_EQ(in_thread, fd);
	EXPECT_EQ(read(fd, &c, 1), 1);
	EXPECT_EQ(c, 0);
}

static void *try_to_be_alone(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		static const int flags[] = { CLONE_THREAD, CLONE_SIGHAND, CLONE_VM };

		if (unshare(flags[i]) != -1 || errno != EINVAL)
			return "not refused";
	}
	return NULL;
}

TEST(unshare, rules)
{
	pthread_t thread;
	void *failure;

	EXPECT_OK(unshare(0));
	EXPECT_OK(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
	EXPECT_OK(unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
	EXPECT_ERR(unshare(CLONE_PARENT), EINVAL);
	EXPECT_EQ(pthread_create(&thread, NULL, try_to_be_alone, NULL), 0);
	EXPECT_EQ(pthread_join(thread, &failure), 0);
	EXPECT(!failure);
}

/* --- clone, clone3 ------------------------------------------------------------------------------------------------- */

struct thread_sees {
	int pid, tid, ran;
};

static int look_around(void *arg)
{
	struct thread_sees *sees = arg;

	sees->pid = (int)syscall(SYS_getpid);
	sees->tid = (int)syscall(SYS_gettid);
	__atomic_store_n(&sees->ran, 1, __ATOMIC_SEQ_CST);
	return 0;
}

TEST(clone, thread_with_all_its_words)
{
	struct thread_sees sees = { 0, 0, 0 };
	int parent_tid = 0, child_tid = -1, tid;

	tid = clone(look_around, new_stack(),
		    THREAD_FLAGS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
		    &sees, &parent_tid, NULL, &child_tid);
	EXPECT(tid > 0);
	EXPECT_EQ(parent_tid, tid);
	while (!__atomic_load_n(&sees.ran, __ATOMIC_SEQ_CST))
		usleep(1000);
	wait_for_clear(&child_tid);
	EXPECT_EQ(sees.pid, getpid());
	EXPECT_EQ(sees.tid, tid);
	EXPECT_ERR(waitpid(tid, NULL, __WALL), ECHILD); /* a thread is nobody's child */
}

static int close_and_move(void *arg)
{
	close(*(int *)arg);
	return chdir("/") != 0;
}

TEST(clone, shares_what_it_is_told_to)
{
	int fd = dup(0), kept = dup(0);
	char before[256], after[256];

	EXPECT(fd >= 0 && kept >= 0);
	EXPECT(getcwd(before, sizeof(before)));
	EXPECT_EQ(reap(clone(close_and_move, new_stack(), SIGCHLD, &kept)), 0);
	EXPECT_EQ(fcntl(kept, F_GETFD), 0);
	EXPECT(getcwd(after, sizeof(after)));
	EXPECT_STR(after, before);
	EXPECT_EQ(reap(clone(close_and_move, new_stack(), CLONE_FILES | CLONE_FS | SIGCHLD, &fd)),
		  0);
	EXPECT_ERR(fcntl(fd, F_GETFD), EBADF);
	EXPECT(getcwd(after, sizeof(after)));
	EXPECT_STR(after, "/");
	EXPECT_OK(chdir(before));
}

static int return_five(void *arg)
{
	(void)arg;
	return 5;
}

static volatile int got_signal;
static void note_signal(int sig)
{
	got_signal = sig;
}

TEST(clone, tells_the_parent_by_the_signal_it_was_given)
{
	int status;
	pid_t pid;

	signal(SIGUSR2, note_signal);
	pid = clone(return_five, new_stack(), SIGUSR2, NULL);
	EXPECT(pid > 0);
	EXPECT_ERR(waitpid(pid, &status, 0),
		   ECHILD); /* not a child that wait sees without __WALL or __WCLONE */
	EXPECT_EQ(TEMP_FAILURE_RETRY(waitpid(pid, &status, __WCLONE)), pid);
	EXPECT_EQ(status, 5 << 8);
	EXPECT_EQ(got_signal, SIGUSR2);
}

static int parent_is(void *arg)
{
	return getppid() != *(pid_t *)arg;
}

static void make_a_sibling(void)
{
	pid_t grandparent = getppid();
	pid_t pid = clone(parent_is, new_stack(), CLONE_PARENT | SIGCHLD, &grandparent);

	if (pid < 0 || waitpid(pid, NULL, __WALL) != -1 || errno != ECHILD)
		_exit(1);
}

TEST(clone, can_make_a_sibling)
{
	int status;

	EXPECT_EQ(test_in_child(make_a_sibling), 0);
	EXPECT(wait(&status) > 0);
	EXPECT_EQ(status, 0);
	EXPECT_ERR(wait(&status), ECHILD);
}

TEST(clone, pidfd)
{
	int pidfd = -1;
	pid_t pid = clone(return_five, new_stack(), CLONE_PIDFD | SIGCHLD, NULL, &pidfd);
	struct pollfd p;

	EXPECT(pid > 0 && pidfd >= 0);
	EXPECT_EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	p = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	EXPECT_EQ(poll(&p, 1, 10000), 1);
	EXPECT_EQ(reap(pid), 5 << 8);
}

TEST(clone, flags_that_do_not_go_together)
{
	EXPECT_ERR(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, 0, 0, 0),
		   EINVAL);
}

TEST(clone3, process_with_ids)
{
	int parent_tid = 0, pidfd = -1;
	struct clone_args a;
	siginfo_t info;
	long pid;

	memset(&a, 0, sizeof(a));
	a.flags = CLONE_PIDFD | CLONE_PARENT_SETTID;
	a.exit_signal = SIGCHLD;
	a.pidfd = (uintptr_t)&pidfd;
	a.parent_tid = (uintptr_t)&parent_tid;
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (!pid)
		_exit(11);
	EXPECT(pid > 0);
	EXPECT_EQ(parent_tid, pid);
	EXPECT(pidfd >= 0);
	EXPECT_OK(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED));
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_status, 11);
}

TEST(clone3, clears_handlers)
{
	struct clone_args a;
	struct sigaction old;
	long pid;

	signal(SIGUSR1, note_signal);
	signal(SIGUSR2, SIG_IGN);
	memset(&a, 0, sizeof(a));
	a.flags = CLONE_CLEAR_SIGHAND;
	a.exit_signal = SIGCHLD;
	pid = syscall(SYS_clone3, &a, CLONE_ARGS_SIZE_VER0);
	if (!pid) {
		if (sigaction(SIGUSR1, NULL, &old) || old.sa_handler != SIG_DFL)
			_exit(1);
		if (sigaction(SIGUSR2, NULL, &old) || old.sa_handler != SIG_IGN)
			_exit(2);
		_exit(0);
	}
	EXPECT_EQ(reap((pid_t)pid), 0);
}

TEST(clone3, errors)
{
	struct {
		struct clone_args a;
		uint64_t more;
	} u;

	memset(&u, 0, sizeof(u));
	u.a.exit_signal = SIGCHLD;
	EXPECT_ERR(syscall(SYS_clone3, &u, CLONE_ARGS_SIZE_VER0 - 1), EINVAL);
	EXPECT_ERR(syscall(SYS_clone3, &u, 4097), E2BIG);
	EXPECT_ERR(syscall(SYS_clone3, NULL, CLONE_ARGS_SIZE_VER0), EFAULT);
	u.more = 1; /* a field that no kernel here knows */
	EXPECT_ERR(syscall(SYS_clone3, &u, sizeof(u)), E2BIG);
	u.more = 0;
	u.a.exit_signal = 65;
	EXPECT_ERR(syscall(SYS_clone3, &u, sizeof(u.a)), EINVAL);
	u.a.exit_signal = SIGCHLD;
	u.a.flags = SIGCHLD; /* belongs into exit_signal here */
	EXPECT_ERR(syscall(SYS_clone3, &u, sizeof(u.a)), EINVAL);
	u.a.flags = THREAD_FLAGS; /* a thread has no exit signal */
	EXPECT_ERR(syscall(SYS_clone3, &u, sizeof(u.a)), EINVAL);
	u.a.flags = 0;
	u.a.stack = 4096; /* without a size */
	EXPECT_ERR(syscall(SYS_clone3, &u, sizeof(u.a)), EINVAL);
	u.a.stack = 0;
	u.a.stack_size = 4096;
	EXPECT_ERR(syscall(SYS_clone3, &u, sizeof(u.a)), EINVAL);
}

/* --- exit, set_tid_address ----------------------------------------------------------------------------------------- */

static void exit_with_much(void)
{
	syscall(SYS_exit, 0x1234);
}

TEST(exit, gives_the_low_byte)
{
	EXPECT_EQ(test_in_child(exit_with_much), 0x34 << 8);
}

static int stop_here(void *arg)
{
	(void)arg;
	syscall(SYS_exit, 99);
	return 0;
}

TEST(exit, of_one_thread_leaves_the_others)
{
	int word = -1;

	EXPECT(clone(stop_here, new_stack(), THREAD_FLAGS | CLONE_CHILD_CLEARTID, NULL, NULL, NULL,
		     &word) > 0);
	wait_for_clear(&word);
	EXPECT_EQ(getpid(), syscall(SYS_gettid));
}

static int outlive(void *arg)
{
	usleep(20000);
	(void)arg;
	syscall(SYS_exit, 6);
	return 0;
}

static void main_thread_leaves_first(void)
{
	if (clone(outlive, new_stack(), THREAD_FLAGS, NULL) < 0)
		_exit(1);
	syscall(SYS_exit, 4);
}

TEST(exit, process_ends_with_its_last_thread)
{
	int status = test_in_child(main_thread_leaves_first);

	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status),
		  6); /* the last thread's word counts (Linux 5.17 and later) */
}

static int tid_result, tid_word;

static int set_word_and_leave(void *arg)
{
	(void)arg;
	tid_result = (int)syscall(SYS_set_tid_address, &tid_word) != (int)syscall(SYS_gettid);
	return 0;
}

TEST(set_tid_address, word_is_cleared_and_woken_at_the_end)
{
	tid_word = 77;
	EXPECT(clone(set_word_and_leave, new_stack(), THREAD_FLAGS, NULL) > 0);
	wait_for_clear(&tid_word);
	EXPECT_EQ(tid_result, 0);
}

static int set_bad_word_and_leave(void *arg)
{
	syscall(SYS_set_tid_address, 8);
	__atomic_store_n((int *)arg, 0, __ATOMIC_SEQ_CST);
	return 0;
}

TEST(set_tid_address, bad_word_does_no_harm)
{
	int left = 1;

	EXPECT(clone(set_bad_word_and_leave, new_stack(), THREAD_FLAGS, &left) > 0);
	while (__atomic_load_n(&left, __ATOMIC_SEQ_CST))
		usleep(1000);
}

/* --- wait4, waitid ------------------------------------------------------------------------------------------------- */

static pid_t child_exits(int status)
{
	pid_t pid = fork();

	if (!pid)
		_exit(status);
	EXPECT(pid > 0);
	return pid;
}

static pid_t child_sleeps(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	EXPECT(pid > 0);
	return pid;
}

TEST(wait4, status_and_usage)
{
	pid_t pid = child_exits(8);
	struct rusage usage;
	int status;

	memset(&usage, 0xff, sizeof(usage));
	EXPECT_EQ(syscall(SYS_wait4, pid, &status, 0, &usage), pid);
	EXPECT_EQ(status, 8 << 8);
	EXPECT(usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_usec < 1000000);
	EXPECT_ERR(syscall(SYS_wait4, pid, &status, 0, NULL), ECHILD);
}

TEST(wait4, by_process_group)
{
	pid_t a = child_sleeps(), b = child_sleeps();
	int status;

	EXPECT_OK(setpgid(a, a));
	kill(a, SIGTERM);
	EXPECT_EQ(wait4(-a, &status, 0, NULL), a);
	EXPECT_EQ(status, SIGTERM);
	EXPECT_ERR(wait4(-a, &status, 0, NULL), ECHILD);
	EXPECT_EQ(wait4(0, &status, WNOHANG, NULL), 0);
	kill(b, SIGKILL);
	EXPECT_EQ(wait4(0, &status, 0, NULL), b);
	EXPECT_EQ(status, SIGKILL);
}

TEST(wait4, stopped_and_continued)
{
	pid_t pid = child_sleeps();
	int status;

	kill(pid, SIGSTOP);
	EXPECT_EQ(wait4(pid, &status, WUNTRACED, NULL), pid);
	EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	EXPECT_EQ(wait4(pid, &status, WUNTRACED | WNOHANG, NULL), 0); /* told once */
	kill(pid, SIGCONT);
	EXPECT_EQ(wait4(pid, &status, WCONTINUED, NULL), pid);
	EXPECT(WIFCONTINUED(status));
	kill(pid, SIGKILL);
	EXPECT_EQ(reap(pid), SIGKILL);
}

TEST(wait4, errors)
{
	pid_t pid = child_exits(0);

	EXPECT_ERR(wait4(pid, NULL, 0x100, NULL), EINVAL);
	EXPECT_ERR(wait4(INT32_MIN, NULL, 0, NULL), ESRCH);
	EXPECT_ERR(wait4(1 << 30, NULL, 0, NULL), ECHILD);
	/* As on Linux the child is gone even though its status could not be told. */
	EXPECT_ERR(syscall(SYS_wait4, pid, 8, 0, NULL), EFAULT);
	EXPECT_ERR(wait4(-1, NULL, 0, NULL), ECHILD);
}

static void interrupt_me(int sig)
{
	(void)sig;
}

TEST(wait4, interrupted_by_a_handler)
{
	struct sigaction action = { .sa_handler = interrupt_me };
	pid_t pid = child_sleeps();
	struct timespec again = { 0, 20000000 };
	timer_t timer;
	struct itimerspec every = { again, again };
	int status;

	EXPECT_OK(sigaction(SIGALRM, &action, NULL));
	EXPECT_OK(timer_create(CLOCK_MONOTONIC, NULL,
			       &timer)); /* SIGALRM, again and again: no race with the call */
	EXPECT_OK(timer_settime(timer, 0, &every, NULL));
	EXPECT_ERR(wait4(pid, &status, 0, NULL), EINTR);
	EXPECT_OK(timer_delete(timer));
	kill(pid, SIGKILL);
	EXPECT_EQ(reap(pid), SIGKILL);
}

TEST(wait4, children_of_one_that_ignores_sigchld_vanish)
{
	signal(SIGCHLD, SIG_IGN);
	child_exits(0);
	child_exits(1);
	EXPECT_ERR(wait4(-1, NULL, 0, NULL), ECHILD);
}

TEST(waitid, tells_all_of_it)
{
	pid_t pid = child_exits(200);
	siginfo_t info;

	memset(&info, 0xff, sizeof(info));
	EXPECT_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	EXPECT_EQ(info.si_signo, SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_EXITED);
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_uid, getuid());
	EXPECT_EQ(info.si_status, 200);
	EXPECT_OK(waitid(P_ALL, 0, &info, WEXITED)); /* it was left where it was */
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_ERR(waitid(P_PID, (id_t)pid, &info, WEXITED), ECHILD);
}

TEST(waitid, nothing_yet)
{
	pid_t pid = child_sleeps();
	siginfo_t info;

	memset(&info, 0xff, sizeof(info));
	EXPECT_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
	EXPECT_EQ(info.si_pid, 0);
	EXPECT_EQ(info.si_signo, 0);
	kill(pid, SIGKILL);
	EXPECT_OK(waitid(P_PID, (id_t)pid, &info, WEXITED));
	EXPECT_EQ(info.si_code, CLD_KILLED);
	EXPECT_EQ(info.si_status, SIGKILL);
}

TEST(waitid, stops_by_group)
{
	pid_t pid = child_sleeps();
	siginfo_t info;

	EXPECT_OK(setpgid(pid, pid));
	kill(pid, SIGSTOP);
	EXPECT_OK(waitid(P_PGID, (id_t)pid, &info, WSTOPPED));
	EXPECT_EQ(info.si_code, CLD_STOPPED);
	EXPECT_EQ(info.si_status, SIGSTOP);
	kill(pid, SIGCONT);
	EXPECT_OK(waitid(P_PGID, (id_t)pid, &info, WCONTINUED));
	EXPECT_EQ(info.si_code, CLD_CONTINUED);
	EXPECT_EQ(info.si_status, SIGCONT);
	kill(pid, SIGKILL);
	EXPECT_EQ(reap(pid), SIGKILL);
}

TEST(waitid, errors)
{
	siginfo_t info;
	int fd = open("/dev/null", O_RDONLY);

	EXPECT_ERR(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
	EXPECT_ERR(waitid(P_ALL, 0, &info, 0), EINVAL);
	EXPECT_ERR(waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
	EXPECT_ERR(waitid(P_ALL, 0, &info, WEXITED | 0x100), EINVAL);
	EXPECT_ERR(waitid((idtype_t)9, 0, &info, WEXITED), EINVAL);
	EXPECT_ERR(waitid(P_PID, 0, &info, WEXITED), EINVAL);
	EXPECT_ERR(waitid(P_PIDFD, 9999, &info, WEXITED), EBADF);
	EXPECT_ERR(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), EBADF);
	child_exits(0);
	EXPECT_ERR(syscall(SYS_waitid, P_ALL, 0, 8, WEXITED, NULL), EFAULT);
}

/* --- restart_syscall ----------------------------------------------------------------------------------------------- */

TEST(restart_syscall, nothing_to_restart)
{
	EXPECT_ERR(syscall(SYS_restart_syscall), EINTR);
}

static void sleep_half_a_second(void)
{
	struct timespec ts = { 0, 500000000 }, start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (nanosleep(&ts, NULL))
		_exit(1);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if ((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 < 499)
		_exit(2);
	_exit(0);
}

TEST(restart_syscall, sleep_goes_on_after_a_stop)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		sleep_half_a_second();
	usleep(50000); /* most likely asleep by now; the test holds either way */
	kill(pid, SIGSTOP);
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGCONT);
	EXPECT_EQ(reap(pid), 0);
}

/* --- group ids ----------------------------------------------------------------------------------------------------- */

static void groups(gid_t real, gid_t effective, gid_t saved)
{
	gid_t r, e, s;

	EXPECT_OK(syscall(SYS_getresgid, &r, &e, &s));
	EXPECT_EQ(r, real);
	EXPECT_EQ(e, effective);
	EXPECT_EQ(s, saved);
	EXPECT_EQ(syscall(SYS_getgid), real);
	EXPECT_EQ(syscall(SYS_getegid), effective);
}

TEST(getgid, agrees_with_getresgid)
{
	gid_t r, e, s;

	EXPECT_OK(syscall(SYS_getresgid, &r, &e, &s));
	EXPECT_EQ(syscall(SYS_getgid), r);
}

TEST(getegid, agrees_with_getresgid)
{
	gid_t r, e, s;

	EXPECT_OK(syscall(SYS_getresgid, &r, &e, &s));
	EXPECT_EQ(syscall(SYS_getegid), e);
}

TEST(geteuid, agrees_with_getresuid)
{
	uid_t r, e, s;

	EXPECT_OK(syscall(SYS_getresuid, &r, &e, &s));
	EXPECT_EQ(syscall(SYS_geteuid), e);
}

TEST(geteuid, decides_about_files)
{
	int fd;

	if (getuid())
		SKIP("needs root");
	fd = open("root", O_CREAT | O_WRONLY, 0600);
	EXPECT(fd >= 0);
	EXPECT_OK(chmod(".", 0755));
	EXPECT_OK(seteuid(65534));
	EXPECT_EQ(syscall(SYS_geteuid), 65534);
	EXPECT_ERR(open("root", O_RDONLY), EACCES);
	EXPECT_OK(seteuid(0));
	EXPECT(open("root", O_RDONLY) >= 0);
}

TEST(getresgid, faults)
{
	gid_t r, e;

	EXPECT_ERR(syscall(SYS_getresgid, &r, &e, 8), EFAULT);
	EXPECT_ERR(syscall(SYS_getresgid, &r, 8, &e), EFAULT);
	EXPECT_ERR(syscall(SYS_getresgid, 8, &r, &e), EFAULT);
}

TEST(setregid, rules)
{
	if (getuid()) {
		gid_t own = getgid();

		EXPECT_OK(syscall(SYS_setregid, -1, -1));
		EXPECT_OK(syscall(SYS_setregid, own, own));
		EXPECT_ERR(syscall(SYS_setregid, own + 1, -1), EPERM);
		EXPECT_ERR(syscall(SYS_setregid, -1, own + 1), EPERM);
		groups(own, own, own);
		return;
	}
	EXPECT_OK(syscall(SYS_setregid, 1000, 2000));
	groups(1000, 2000, 2000); /* the saved id follows when the real one is set */
	EXPECT_OK(syscall(SYS_setregid, -1, 3000));
	groups(1000, 3000,
	       3000); /* or the effective one becomes something else than the real one */
	EXPECT_OK(setuid(65534));
	EXPECT_OK(syscall(SYS_setregid, 3000, 1000)); /* exchanging is always allowed */
	groups(3000, 1000, 1000);
	EXPECT_ERR(syscall(SYS_setregid, 4000, -1), EPERM);
}

TEST(setresgid, rules)
{
	if (getuid()) {
		gid_t own = getgid();

		EXPECT_OK(syscall(SYS_setresgid, -1, -1, -1));
		EXPECT_OK(syscall(SYS_setresgid, own, own, own));
		EXPECT_ERR(syscall(SYS_setresgid, own + 1, -1, -1), EPERM);
		EXPECT_ERR(syscall(SYS_setresgid, -1, own + 1, -1), EPERM);
		EXPECT_ERR(syscall(SYS_setresgid, -1, -1, own + 1), EPERM);
		groups(own, own, own);
		return;
	}
	EXPECT_OK(syscall(SYS_setresgid, 10, 20, 30));
	groups(10, 20, 30);
	EXPECT_OK(syscall(SYS_setresgid, -1, 25, -1));
	groups(10, 25, 30);
	EXPECT_OK(setuid(65534));
	EXPECT_OK(syscall(SYS_setresgid, 30, 10, 25)); /* any of the three may become any */
	groups(30, 10, 25);
	EXPECT_ERR(syscall(SYS_setresgid, 40, -1, -1), EPERM);
}

/* --- accept4 ------------------------------------------------------------------------------------------------------- */

static int listener(int flags, struct sockaddr_in *ret_address)
{
	socklen_t size = sizeof(*ret_address);
	int s = socket(AF_INET, SOCK_STREAM | flags, 0);

	EXPECT(s >= 0);
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sin_family = AF_INET;
	ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_OK(bind(s, (struct sockaddr *)ret_address, sizeof(*ret_address)));
	EXPECT_OK(listen(s, 5));
	EXPECT_OK(getsockname(s, (struct sockaddr *)ret_address, &size));
	return s;
}

TEST(accept4, sets_the_flags_it_is_told)
{
	struct sockaddr_in address, peer, own;
	socklen_t size = sizeof(peer), own_size = sizeof(own);
	int s = listener(0, &address), a, c;

	for (int n = 0; n < 2; n++) {
		c = socket(AF_INET, SOCK_STREAM, 0);
		EXPECT_OK(connect(c, (struct sockaddr *)&address, sizeof(address)));
		a = accept4(s, (struct sockaddr *)&peer, &size,
			    n ? SOCK_CLOEXEC | SOCK_NONBLOCK : 0);
		EXPECT(a >= 0);
		EXPECT_EQ(fcntl(a, F_GETFD), n ? FD_CLOEXEC : 0);
		EXPECT_EQ(fcntl(a, F_GETFL) & O_NONBLOCK, n ? O_NONBLOCK : 0);
		EXPECT_OK(getsockname(c, (struct sockaddr *)&own, &own_size));
		EXPECT_EQ(size, sizeof(peer));
		EXPECT_EQ(peer.sin_port, own.sin_port);
		close(a);
		close(c);
	}
}

TEST(accept4, errors)
{
	struct sockaddr_in address;
	int s = listener(SOCK_NONBLOCK, &address), d = socket(AF_INET, SOCK_DGRAM, 0), pair[2];

	EXPECT_ERR(accept4(s, NULL, NULL, 0), EAGAIN);
	EXPECT_ERR(accept4(s, NULL, NULL, 1), EINVAL);
	EXPECT_ERR(accept4(-1, NULL, NULL, 0), EBADF);
	EXPECT_ERR(accept4(open("/dev/null", O_RDONLY), NULL, NULL, 0), ENOTSOCK);
	EXPECT_ERR(accept4(d, NULL, NULL, 0), EOPNOTSUPP);
	EXPECT_ERR(accept4(socket(AF_INET, SOCK_STREAM, 0), NULL, NULL, 0), EINVAL);
	EXPECT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_ERR(accept4(pair[0], NULL, NULL, 0), EINVAL);
}

/* --- refusals of calls whose other tests show them at work ------------------------------------------------------- */

static void no_more_descriptors(void)
{
	struct rlimit three = { 3, 3 };

	EXPECT_OK(setrlimit(RLIMIT_NOFILE, &three));
}

TEST(eventfd, table_full)
{
	no_more_descriptors();
	EXPECT_ERR(syscall(SYS_eventfd, 0), EMFILE);
}

TEST(inotify_init, table_full)
{
	no_more_descriptors();
	EXPECT_ERR(syscall(SYS_inotify_init), EMFILE);
}

TEST(vfork, refused_above_the_limit_of_processes)
{
	struct rlimit none = { 0, 0 };

	if (getuid() == 0 && setuid(65534))
		SKIP("the limit does not bind root, and the id cannot be changed");
	EXPECT_OK(setrlimit(RLIMIT_NPROC, &none));
	EXPECT_ERR(vfork(), EAGAIN);
}

TEST(lchown, errors)
{
	char name[300];

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = 0;
	EXPECT_OK(symlink("nowhere", "link"));
	EXPECT_OK(syscall(SYS_lchown, "link", -1,
			  -1)); /* the link itself, so where it leads does not matter */
	EXPECT_ERR(syscall(SYS_lchown, "link/x", -1, -1), ENOENT);
	EXPECT_ERR(syscall(SYS_lchown, "", -1, -1), ENOENT);
	EXPECT_ERR(syscall(SYS_lchown, name, -1, -1), ENAMETOOLONG);
	EXPECT_ERR(syscall(SYS_lchown, 8, -1, -1), EFAULT);
	if (getuid())
		EXPECT_ERR(syscall(SYS_lchown, "link", 0, -1), EPERM);
}

TEST(statx, errors)
{
	char x[256];

	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, "absent", 0, 0x7ff, x), ENOENT);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, "", 0, 0x7ff, x), ENOENT);
	EXPECT_ERR(syscall(SYS_statx, -1, "", AT_EMPTY_PATH, 0x7ff, x), EBADF);
	EXPECT_ERR(syscall(SYS_statx, -1, "absent", 0, 0x7ff, x), EBADF);
	EXPECT_ERR(syscall(SYS_statx, 0, "absent", 0, 0x7ff, x), ENOTDIR);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, ".", 1, 0x7ff, x), EINVAL);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, ".", 0x6000, 0x7ff, x),
		   EINVAL); /* both sync types */
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, ".", 0, 0x80000000, x), EINVAL);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, ".", 0, 0x7ff, 8), EFAULT);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, 8, 0, 0x7ff, x), EFAULT);
}

TEST(llistxattr, errors)
{
	char b[64];

	EXPECT_ERR(syscall(SYS_llistxattr, "absent", b, sizeof(b)), ENOENT);
	EXPECT_ERR(syscall(SYS_llistxattr, 8, b, sizeof(b)), EFAULT);
	EXPECT_OK(symlink("nowhere", "link"));
	EXPECT_EQ(syscall(SYS_llistxattr, "link", b, sizeof(b)), 0);
}

TEST_MAIN
