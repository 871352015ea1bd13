/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about the system and the caller: names, memory figures, random bytes, prctl, process descriptors, kcmp. */
#include <asm/prctl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "tests/syscall/test.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define NOBODY 0x3ffffff0

TEST(uname, names)
{
	struct utsname n;

	EXPECT_OK(uname(&n));
	EXPECT_STR(n.sysname, "Linux");
	EXPECT_STR(n.machine, "x86_64");
	EXPECT(n.release[0] >= '3' && n.release[0] <= '9');
	EXPECT(strlen(n.nodename) > 0);
	EXPECT_ERR(syscall(SYS_uname, (void *)8), EFAULT);
}

TEST(sethostname, rules)
{
	char old[65] = "";

	EXPECT_OK(gethostname(old, sizeof(old)));
	if (getuid()) {
		EXPECT_ERR(sethostname("x", 1), EPERM);
		return;
	}
	if (sethostname(old, strlen(old)) < 0)
		SKIP("needs CAP_SYS_ADMIN");
	EXPECT_ERR(sethostname(old, 65), EINVAL);
	EXPECT_ERR(syscall(SYS_sethostname, old, -1), EINVAL);
	EXPECT_ERR(syscall(SYS_sethostname, (void *)8, 4), EFAULT);
}

TEST(setdomainname, rules)
{
	char old[65] = "";

	EXPECT_OK(getdomainname(old, sizeof(old)));
	if (getuid()) {
		EXPECT_ERR(setdomainname("x", 1), EPERM);
		return;
	}
	if (setdomainname(old, strlen(old)) < 0)
		SKIP("needs CAP_SYS_ADMIN");
	EXPECT_ERR(setdomainname(old, 65), EINVAL);
}

TEST(sysinfo, figures)
{
	struct sysinfo i;

	memset(&i, 0xff, sizeof(i));
	EXPECT_OK(sysinfo(&i));
	EXPECT(i.uptime > 0);
	EXPECT(i.totalram > 0);
	EXPECT(i.freeram <= i.totalram);
	EXPECT(i.procs >= 1);
	EXPECT(i.mem_unit >= 1);
	EXPECT_ERR(syscall(SYS_sysinfo, (void *)8), EFAULT);
}

TEST(syslog, rules)
{
	if (getuid()) {
		EXPECT_ERR(syscall(SYS_syslog, 5, NULL, 0), EPERM);
		return;
	}
	if (syscall(SYS_syslog, 10, NULL, 0) < 0)
		SKIP("needs CAP_SYSLOG");
	EXPECT_ERR(syscall(SYS_syslog, 99, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_syslog, 3, NULL, 10), EINVAL);
	EXPECT_ERR(syscall(SYS_syslog, 8, NULL, 9), EINVAL);
}

TEST(getrandom, fills)
{
	static unsigned char a[70000], b[70000];
	int same = 0, seen = 0;
	bool byte[256] = { false };

	EXPECT_EQ(getrandom(a, 32, 0), 32);
	EXPECT_EQ(getrandom(b, 32, GRND_NONBLOCK), 32);
	EXPECT(memcmp(a, b, 32));
	EXPECT_EQ(getrandom(a, sizeof(a), 0), sizeof(a));
	EXPECT_EQ(getrandom(b, sizeof(b), 0), sizeof(b));
	for (size_t i = 0; i < sizeof(a); i++) {
		same += a[i] == b[i];
		byte[a[i]] = true;
	}
	for (int i = 0; i < 256; i++)
		seen += byte[i];
	EXPECT(same < 1000);
	EXPECT_EQ(seen, 256);
	EXPECT_EQ(getrandom(a, 0, 0), 0);
	EXPECT_ERR(getrandom(a, 1, 0x100), EINVAL);
	EXPECT_ERR(getrandom(a, 1, GRND_RANDOM | 4), EINVAL);
	EXPECT_ERR(syscall(SYS_getrandom, (void *)8, 8, 0), EFAULT);
}

TEST(getcpu, tells)
{
	unsigned int cpu = 9999, node = 9999;

	EXPECT_OK(syscall(SYS_getcpu, &cpu, &node, NULL));
	EXPECT(cpu < 9999);
	EXPECT(node < 9999);
	EXPECT_OK(syscall(SYS_getcpu, NULL, NULL, NULL));
	EXPECT_ERR(syscall(SYS_getcpu, (void *)8, NULL, NULL), EFAULT);
}

static void *other_thread(void *arg)
{
	pid_t *ids = arg;

	ids[0] = (pid_t)syscall(SYS_getpid);
	ids[1] = (pid_t)syscall(SYS_gettid);
	ids[2] = (pid_t)syscall(SYS_getppid);
	return NULL;
}

TEST(getpid, ids_of_threads)
{
	pid_t ids[3], parent = getpid();
	pthread_t t;
	int status;
	pid_t pid;

	EXPECT_EQ(syscall(SYS_getpid), syscall(SYS_gettid));
	EXPECT_EQ(pthread_create(&t, NULL, other_thread, ids), 0);
	EXPECT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(ids[0], getpid());
	EXPECT(ids[1] != getpid());
	EXPECT_EQ(ids[2], getppid());
	pid = fork();
	if (!pid)
		_exit(getppid() != parent || syscall(SYS_gettid) != syscall(SYS_getpid));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(gettid, main_thread)
{
	EXPECT_EQ(syscall(SYS_gettid), getpid());
}

TEST(getppid, changes_when_the_parent_ends)
{
	int fds[2];
	pid_t first, pid, got[2];

	EXPECT_OK(pipe(fds));
	first = fork();
	if (!first) {
		pid = fork();
		if (!pid) {
			got[0] = getppid();
			for (int i = 0; i < 10000 && getppid() == got[0]; i++)
				usleep(1000);
			got[1] = getppid();
			if (write(fds[1], got, sizeof(got)) != sizeof(got))
				_exit(1);
			_exit(0);
		}
		usleep(5000);
		_exit(0);
	}
	EXPECT_EQ(waitpid(first, NULL, 0), first);
	EXPECT_EQ(read(fds[0], got, sizeof(got)), sizeof(got));
	EXPECT(got[1] != first);
}

TEST(personality, remembers)
{
	int old = personality(0xffffffff);
	struct utsname n;

	EXPECT(old >= 0);
	EXPECT_EQ(personality((unsigned long)old | ADDR_NO_RANDOMIZE), old);
	EXPECT_EQ(personality(0xffffffff), old | ADDR_NO_RANDOMIZE);
	EXPECT_EQ(personality(PER_LINUX32), old | ADDR_NO_RANDOMIZE);
	EXPECT_OK(uname(&n));
	EXPECT_STR(n.machine, "i686");
	EXPECT_EQ(personality((unsigned long)old), PER_LINUX32);
}

static __thread int thread_local = 42;

TEST(arch_prctl, fs_base)
{
	unsigned long base = 0;

	EXPECT_OK(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	EXPECT(base != 0);
	EXPECT_OK(syscall(SYS_arch_prctl, ARCH_SET_FS, base));
	EXPECT_EQ(thread_local, 42);
	EXPECT_ERR(syscall(SYS_arch_prctl, ARCH_SET_FS, 1UL << 62), EPERM);
	EXPECT_ERR(syscall(SYS_arch_prctl, ARCH_GET_FS, (void *)8), EFAULT);
	EXPECT_ERR(syscall(SYS_arch_prctl, 0x999, 0), EINVAL);
}

/* --- prctl ---------------------------------------------------------------------------------------------------------- */

TEST(prctl, name)
{
	char name[17] = "", path[64], text[64];
	ssize_t n;
	int fd;

	EXPECT_OK(prctl(PR_SET_NAME, "a name that is too long"));
	EXPECT_OK(prctl(PR_GET_NAME, name));
	EXPECT_STR(name, "a name that is ");
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", gettid());
	fd = (int)EXPECT_OK(open(path, O_RDONLY));
	n = EXPECT_OK(read(fd, text, sizeof(text)));
	EXPECT_EQ(n, 16);
	EXPECT(!memcmp(text, "a name that is \n", 16));
	EXPECT_ERR(prctl(PR_SET_NAME, (void *)8), EFAULT);
	EXPECT_ERR(prctl(PR_GET_NAME, (void *)8), EFAULT);
}

TEST(prctl, flags_of_a_process)
{
	int value = -1;

	EXPECT_OK(prctl(PR_SET_DUMPABLE, 0));
	EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
	EXPECT_OK(prctl(PR_SET_DUMPABLE, 1));
	EXPECT_EQ(prctl(PR_GET_DUMPABLE), 1);
	EXPECT_ERR(prctl(PR_SET_DUMPABLE, 2), EINVAL);
	EXPECT_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	EXPECT_OK(prctl(PR_GET_CHILD_SUBREAPER, &value));
	EXPECT_EQ(value, 1);
	EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	EXPECT_ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	EXPECT_ERR(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
	EXPECT_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	EXPECT_OK(prctl(PR_SET_TIMERSLACK, 1234));
	EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 1234);
	EXPECT_OK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
	EXPECT_ERR(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 1), EINVAL);
	EXPECT_EQ(prctl(PR_GET_SECCOMP), 0);
	EXPECT_OK(prctl(PR_GET_TSC, &value));
	EXPECT_EQ(value, PR_TSC_ENABLE);
	EXPECT_ERR(prctl(987654), EINVAL);
}

TEST(prctl, death_signal)
{
	int value = -1, fds[2], status;
	pid_t pid, child;
	char c;

	EXPECT_ERR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
	EXPECT_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	EXPECT_OK(prctl(PR_GET_PDEATHSIG, &value));
	EXPECT_EQ(value, SIGUSR1);
	EXPECT_OK(prctl(PR_SET_PDEATHSIG, 0));

	/* The grandchild dies with its parent: then nobody holds the pipe. */
	EXPECT_OK(pipe(fds));
	child = fork();
	if (!child) {
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (write(fds[1], "r", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		if (read(fds[0], &c, 1) != 1)
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(read(fds[0], &c, 1), 0);
}

TEST(prctl, subreaper_adopts)
{
	int fds[2], status;
	pid_t child, pid, got;
	char c;

	EXPECT_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	EXPECT_OK(pipe(fds));
	child = fork();
	if (!child) {
		pid = fork();
		if (!pid) {
			if (read(fds[0], &c, 1) != 1)
				_exit(1);
			_exit(6);
		}
		_exit(0);
	}
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(write(fds[1], "x", 1), 1);
	got = wait(&status);
	EXPECT(got > 0);
	EXPECT_EQ(WEXITSTATUS(status), 6);
}

/* --- process descriptors --------------------------------------------------------------------------------------------- */

static int pidfd_open(pid_t pid, unsigned int flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

TEST(pidfd_open, rules)
{
	int fd = pidfd_open(getpid(), 0);

	EXPECT_OK(fd);
	EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	EXPECT_ERR(pidfd_open(NOBODY, 0), ESRCH);
	EXPECT_ERR(pidfd_open(0, 0), EINVAL);
	EXPECT_ERR(pidfd_open(-1, 0), EINVAL);
	EXPECT_ERR(pidfd_open(getpid(), 1), EINVAL);
	EXPECT_OK(pidfd_open(getpid(), O_NONBLOCK));
}

TEST(pidfd_open, readable_when_ended)
{
	struct epoll_event e = { .events = EPOLLIN }, got;
	struct pollfd p = { .events = POLLIN };
	siginfo_t info = { 0 };
	int fds[2], epoll;
	pid_t pid;
	char c;

	EXPECT_OK(pipe(fds));
	pid = fork();
	if (!pid)
		_exit(read(fds[0], &c, 1) == 1 ? 8 : 1);
	p.fd = (int)EXPECT_OK(pidfd_open(pid, 0));
	epoll = (int)EXPECT_OK(epoll_create1(0));
	EXPECT_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, p.fd, &e));
	EXPECT_EQ(poll(&p, 1, 0), 0);
	EXPECT_EQ(write(fds[1], "x", 1), 1);
	EXPECT_EQ(poll(&p, 1, -1), 1);
	EXPECT_EQ(p.revents & POLLIN, POLLIN);
	EXPECT_EQ(epoll_wait(epoll, &got, 1, -1), 1);
	EXPECT_OK(waitid(3 /* P_PIDFD */, (id_t)p.fd, &info, WEXITED));
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_status, 8);
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, p.fd, 0, NULL, 0), ESRCH);
	EXPECT_EQ(poll(&p, 1, 0), 1);
}

TEST(pidfd_send_signal, proc_folder)
{
	char path[32];
	int fd, status;
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = EXPECT_OK(open(path, O_RDONLY | O_DIRECTORY));
	EXPECT_OK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	EXPECT_OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), ESRCH);
	close(fd);
	fd = EXPECT_OK(open("/proc", O_RDONLY | O_DIRECTORY));
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), EBADF);
}

TEST(pidfd_send_signal, sends)
{
	int fd, status;
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	fd = (int)EXPECT_OK(pidfd_open(pid, 0));
	EXPECT_OK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 1u << 30), EINVAL);
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, fd, 65, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, fd, SIGUSR2, &info, 0), EINVAL);
	info.si_code = SI_USER;
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0), EPERM);
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, 0, SIGTERM, NULL, 0), EBADF);
	EXPECT_ERR(syscall(SYS_pidfd_send_signal, 9999, SIGTERM, NULL, 0), EBADF);
	EXPECT_OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(pidfd_getfd, duplicates)
{
	int fds[2], control[2], fd, copy, status;
	pid_t pid;
	char c;

	EXPECT_OK(pipe(control));
	EXPECT_OK(pipe(fds));
	pid = fork();
	if (!pid) {
		close(control[1]);
		_exit(read(control[0], &c, 1) == 0 ? 0 : 1);
	}
	close(control[0]);
	fd = (int)EXPECT_OK(pidfd_open(pid, 0));
	copy = (int)syscall(SYS_pidfd_getfd, fd, fds[0], 0);
	if (copy < 0 && errno == EPERM)
		SKIP("ptrace is restricted here");
	EXPECT_OK(copy);
	EXPECT(fcntl(copy, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(write(fds[1], "q", 1), 1);
	EXPECT_EQ(read(copy, &c, 1), 1);
	EXPECT_EQ(c, 'q');
	EXPECT_ERR(syscall(SYS_pidfd_getfd, fd, 9999, 0), EBADF);
	EXPECT_ERR(syscall(SYS_pidfd_getfd, fd, fds[0], 1), EINVAL);
	EXPECT_ERR(syscall(SYS_pidfd_getfd, fds[0], fds[0], 0), EBADF);
	close(control[1]);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
}

/* --- kcmp ------------------------------------------------------------------------------------------------------------- */

TEST(kcmp, same_and_other)
{
	int fds[2], copy, other, status;
	pid_t self = getpid(), pid;
	long order;

	EXPECT_OK(pipe(fds));
	copy = (int)EXPECT_OK(dup(fds[0]));
	other = (int)EXPECT_OK(open("/dev/null", O_RDONLY));
	if (syscall(SYS_kcmp, self, self, 0, fds[0], copy) < 0 && errno == ENOSYS)
		SKIP("kernel without kcmp");
	EXPECT_EQ(syscall(SYS_kcmp, self, self, 0, fds[0], copy), 0);
	order = syscall(SYS_kcmp, self, self, 0, fds[0], other);
	EXPECT(order == 1 || order == 2);
	EXPECT_EQ(syscall(SYS_kcmp, self, self, 0, other, fds[0]), 3 - order);
	EXPECT_EQ(syscall(SYS_kcmp, self, self, 1, 0, 0), 0);
	EXPECT_ERR(syscall(SYS_kcmp, self, self, 0, fds[0], 9999), EBADF);
	EXPECT_ERR(syscall(SYS_kcmp, self, self, 99, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_kcmp, self, NOBODY, 1, 0, 0), ESRCH);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	order = syscall(SYS_kcmp, self, pid, 1, 0, 0);
	if (order >= 0) {
		EXPECT(order == 1 || order == 2);
		EXPECT_EQ(syscall(SYS_kcmp, self, pid, 0, fds[0], fds[0]), 0);
		/* Neither has an adjustment of semaphores, or waits for a disk: as good as shared. */
		EXPECT_EQ(syscall(SYS_kcmp, self, pid, 6, 0, 0), 0);
	}
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
}

TEST_MAIN
