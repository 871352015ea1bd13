/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe SECONDS: processes that look at all others, in all ways there are (/proc/PID, signals 0 and real ones, pidfds,
 * limits, scheduling, process_vm_readv, kcmp), while those are made, call execve, and end, as fast as they can. For enclaves only: it also sends SIGCONT and SIGURG to all.
 */
#include <dirent.h>
#include <sched.h>
#include <spawn.h>
#include <sys/uio.h>

#include "stress.h"

static char *self;
static _Atomic bool *stop;

static void read_all(const char *name)
{
	char buffer[4096];
	int fd = open(name, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return;
	for (int i = 0; i < 64 && read(fd, buffer, sizeof(buffer)) > 0; i++)
		;
	close(fd);
}

static void look(int pid)
{
	static const char *const names[] = { "maps",	"status",  "stat",   "statm",
					     "cmdline", "environ", "limits", "io",
					     "mounts",	"smaps",   "auxv",   "wchan",
					     "comm",	"mem",	   "cgroup", "smaps_rollup" };
	static const char *const folders[] = { "fd", "task", "fdinfo", "ns" };
	char name[400], target[256], data[64];
	struct iovec local = { data, sizeof(data) }, remote = { (void *)0x400000, sizeof(data) };
	struct rlimit limit;
	struct sched_param param;
	cpu_set_t cpus;
	int fd;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "/proc/%d/%s", pid, names[i]);
		read_all(name);
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		struct dirent *e;
		DIR *d;

		snprintf(name, sizeof(name), "/proc/%d/%s", pid, folders[i]);
		d = opendir(name);
		while (d && (e = readdir(d))) {
			snprintf(name, sizeof(name), "/proc/%d/%s/%.200s", pid, folders[i],
				 e->d_name);
			(void)!readlink(name, target, sizeof(target));
			if (i == 1) {
				snprintf(name, sizeof(name), "/proc/%d/task/%.200s/stat", pid,
					 e->d_name);
				read_all(name);
			}
		}
		if (d)
			closedir(d);
	}
	snprintf(name, sizeof(name), "/proc/%d/exe", pid);
	(void)!readlink(name, target, sizeof(target));
	snprintf(name, sizeof(name), "/proc/%d/cwd", pid);
	(void)!readlink(name, target, sizeof(target));
	kill(pid, 0);
	kill(pid, SIGCONT);
	syscall(SYS_tgkill, pid, pid, SIGURG);
	getpgid(pid);
	getsid(pid);
	prlimit(pid, RLIMIT_NOFILE, NULL, &limit);
	sched_getparam(pid, &param);
	sched_getscheduler(pid);
	sched_getaffinity(pid, sizeof(cpus), &cpus);
	getpriority(PRIO_PROCESS, (id_t)pid);
	(void)!process_vm_readv(pid, &local, 1, &remote, 1, 0);
	syscall(SYS_kcmp, getpid(), pid, 2, 0, 0);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd >= 0) {
		struct pollfd p = { fd, POLLIN, 0 };
		int other = (int)syscall(SYS_pidfd_getfd, fd, 1, 0);

		if (other >= 0)
			close(other);
		syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0);
		poll(&p, 1, 0);
		close(fd);
	}
}

static void observer(void)
{
	while (!atomic_load(stop)) {
		DIR *d = opendir("/proc");
		struct dirent *e;

		CHECK(d);
		while ((e = readdir(d)))
			if (atoi(e->d_name) > 0)
				look(atoi(e->d_name));
		closedir(d);
		read_all("/proc/stat");
		read_all("/proc/loadavg");
	}
}

static void *idle(void *arg)
{
	usleep(1000);
	return arg;
}

static void maker(uint64_t seed)
{
	while (!atomic_load(stop)) {
		char child[] = "--child", *argv[] = { self, child, NULL };
		uint32_t what = stress_random(&seed);
		int status;
		pid_t pid;

		if (what % 3 == 0) {
			CHECK_EQ(posix_spawn(&pid, self, NULL, NULL, argv, NULL), 0);
		} else {
			pid = fork();
			CHECK(pid >= 0);
			if (!pid) {
				pthread_t t;

				for (uint32_t i = 0; i < what % 5; i++)
					stress_thread(&t, idle, NULL);
				if (what & 1 << 10)
					setsid();
				if (what & 1 << 9)
					execv(self, argv);
				_exit(0);
			}
			if (what % 7 == 0)
				kill(pid, SIGKILL);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(status == 0 || status == SIGKILL);
	}
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 3;
	pid_t pids[6];

	self = argv[0];
	if (argc > 1 && !strcmp(argv[1], "--child"))
		return 0;
	stress_time_limit("observe", (unsigned int)seconds + 60);
	stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stop != MAP_FAILED);
	for (int i = 0; i < 6; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (!pids[i]) {
			if (i < 3)
				observer();
			else
				maker((uint64_t)i * 77);
			_exit(0);
		}
	}
	sleep((unsigned int)seconds);
	atomic_store(stop, true);
	for (int i = 0; i < 6; i++)
		stress_wait(pids[i], 0);
	printf("ok\n");
	return 0;
}
