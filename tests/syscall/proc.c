/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says: formats and facts that hold on Linux and in the enclave alike. Also a little of /sys. */
#include "tests/syscall/test.h"

#include <dirent.h>
#include <elf.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

static char text[1 << 20];

static size_t slurp(const char *path)
{
	int fd = EXPECT_OK(open(path, O_RDONLY));
	size_t len = 0;
	ssize_t n;

	while ((n = EXPECT_OK(read(fd, text + len, sizeof(text) - 1 - len))) > 0)
		len += (size_t)n;
	text[len] = 0;
	close(fd);
	return len;
}

/* The rest of the line that begins with `key`. */
static const char *line(const char *key)
{
	static char value[512];
	size_t len = strlen(key);

	for (char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		if (!strncmp(at, key, len)) {
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + len, "\n"),
				 at + len);
			return value;
		}
	}
	TEST_FAIL("no line %s", key);
}

static char *target(const char *path)
{
	static char to[512];
	ssize_t n = EXPECT_OK(readlink(path, to, sizeof(to) - 1));

	to[n] = 0;
	return to;
}

/* Field n (from 1) of /proc/PID/stat, which holds a name in parentheses. */
static const char *stat_field(const char *path, int n)
{
	static char value[64];
	char *at;

	slurp(path);
	at = strrchr(text, ')');
	EXPECT(at != NULL);
	at += 2;
	for (int i = 3; i < n; i++) {
		at = strchr(at, ' ');
		EXPECT(at != NULL);
		at++;
	}
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, " \n"), at);
	return value;
}

TEST(readlink, proc_self)
{
	char want[32], path[64];

	snprintf(want, sizeof(want), "%d", getpid());
	EXPECT_STR(target("/proc/self"), want);
	snprintf(want, sizeof(want), "%d/task/%ld", getpid(), syscall(SYS_gettid));
	EXPECT_STR(target("/proc/thread-self"), want);
	EXPECT_STR(target("/proc/mounts"), "self/mounts");
	snprintf(path, sizeof(path), "/proc/%d/cwd", getpid());
	EXPECT_STR(target(path), getcwd(text, 512));
	EXPECT_STR(target("/proc/self/root"), "/");
}

TEST(read, proc_stat_of_self)
{
	char path[64];
	int fields = 1;

	prctl(PR_SET_NAME, "a (b) c");
	slurp("/proc/self/stat");
	EXPECT_EQ(atoi(text), getpid());
	EXPECT(strstr(text, "(a (b) c) R ") != NULL);
	for (char *at = strrchr(text, ')'); *at; at++)
		fields += *at == ' ';
	EXPECT_EQ(fields + 1, 52);
	EXPECT_EQ(atoi(stat_field("/proc/self/stat", 4)), getppid());
	EXPECT_EQ(atoi(stat_field("/proc/self/stat", 5)), getpgrp());
	EXPECT_EQ(atoi(stat_field("/proc/self/stat", 6)), getsid(0));
	EXPECT_EQ(atoi(stat_field("/proc/self/stat", 20)), 1);
	EXPECT(atoll(stat_field("/proc/self/stat", 23)) > 4096);
	EXPECT_EQ(atoi(stat_field("/proc/self/stat", 38)), SIGCHLD);
	snprintf(path, sizeof(path), "/proc/%d/stat", getppid());
	EXPECT_EQ(atoi(stat_field(path, 5)), getpgid(getppid()));
}

TEST(read, proc_stat_of_others)
{
	char path[64];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	EXPECT_SOON(stat_field(path, 3)[0] == 'S');
	EXPECT_EQ(atoi(stat_field(path, 4)), getpid());
	EXPECT_OK(kill(pid, SIGSTOP));
	EXPECT_SOON(stat_field(path, 3)[0] == 'T');
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_SOON(stat_field(path, 3)[0] == 'Z');
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_ERR(open(path, O_RDONLY), ENOENT);
	snprintf(path, sizeof(path), "/proc/%d", pid);
	EXPECT_ERR(access(path, F_OK), ENOENT);
}

TEST(read, proc_of_a_process_that_ended)
{
	char path[64], b[16];
	pid_t pid;
	int fd, dir;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = EXPECT_OK(open(path, O_RDONLY));
	snprintf(path, sizeof(path), "/proc/%d", pid);
	dir = EXPECT_OK(open(path, O_RDONLY | O_DIRECTORY));
	EXPECT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_ERR(read(fd, b, sizeof(b)), ESRCH);
	EXPECT(openat(dir, "stat", O_RDONLY) < 0 && (errno == ENOENT || errno == ESRCH));
}

TEST(read, proc_status)
{
	char want[64];
	sigset_t set;

	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	umask(027);
	prctl(PR_SET_NAME, "some name");
	slurp("/proc/self/status");
	EXPECT_STR(line("Name:\t"), "some name");
	EXPECT_STR(line("Umask:\t"), "0027");
	EXPECT_STR(line("State:\t"), "R (running)");
	EXPECT_EQ(atoi(line("Tgid:\t")), getpid());
	EXPECT_EQ(atoi(line("Pid:\t")), getpid());
	EXPECT_EQ(atoi(line("PPid:\t")), getppid());
	EXPECT_STR(line("TracerPid:\t"), "0");
	snprintf(want, sizeof(want), "%d\t%d\t%d\t%d", getuid(), geteuid(), geteuid(), geteuid());
	EXPECT_STR(line("Uid:\t"), want);
	snprintf(want, sizeof(want), "%d\t%d\t%d\t%d", getgid(), getegid(), getegid(), getegid());
	EXPECT_STR(line("Gid:\t"), want);
	EXPECT_EQ(atoi(line("Threads:\t")), 1);
	EXPECT_EQ(strtoull(line("SigIgn:\t"), NULL, 16) >> (SIGUSR1 - 1) & 1, 1);
	EXPECT_EQ(strtoull(line("SigBlk:\t"), NULL, 16), 1ULL << (SIGUSR2 - 1));
	EXPECT_EQ((strtoull(line("ShdPnd:\t"), NULL, 16) | strtoull(line("SigPnd:\t"), NULL, 16)) >>
				  (SIGUSR2 - 1) &
			  1,
		  1);
	EXPECT_EQ(strlen(line("CapEff:\t")), 16);
	EXPECT(atol(line("VmSize:\t")) > 0);
	EXPECT(atol(line("VmRSS:\t")) > 0);
	EXPECT(strstr(line("VmRSS:\t"), " kB") != NULL);
	EXPECT_STR(line("Seccomp:\t"), "0");
	EXPECT(strlen(line("Cpus_allowed_list:\t")) > 0);
}

TEST(read, proc_comm)
{
	int fd;

	prctl(PR_SET_NAME, "first");
	slurp("/proc/self/comm");
	EXPECT_STR(text, "first\n");
	fd = EXPECT_OK(open("/proc/self/comm", O_WRONLY));
	EXPECT_EQ(write(fd, "second-and-too-long", 19), 19);
	close(fd);
	slurp("/proc/self/task/../comm");
	EXPECT_STR(text, "second-and-too-\n");
}

static int run_self(const char *mode)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *argv[] = { (char *)"argument zero", (char *)mode, (char *)"", (char *)"last one",
			 NULL };
	char *envp[] = { (char *)"FIRST=1", (char *)"SECOND=two", NULL };
	int status;
	pid_t pid;

	EXPECT(n > 0);
	self[n] = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execve(self, argv, envp);
		_exit(1);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* In a program started with known strings. */
static void check_strings(void)
{
	static const char arguments[] = "argument zero\0--strings\0\0last one";
	static const char environment[] = "FIRST=1\0SECOND=two";
	Elf64_auxv_t *a;

	EXPECT_EQ(slurp("/proc/self/cmdline"), sizeof(arguments));
	EXPECT(!memcmp(text, arguments, sizeof(arguments)));
	EXPECT_EQ(slurp("/proc/self/environ"), sizeof(environment));
	EXPECT(!memcmp(text, environment, sizeof(environment)));
	EXPECT(slurp("/proc/self/auxv") >= 10 * sizeof(*a));
	for (a = (Elf64_auxv_t *)text; a->a_type != AT_NULL && a->a_type != AT_PAGESZ; a++)
		;
	EXPECT_EQ(a->a_un.a_val, 4096);
}

TEST(read, proc_strings)
{
	EXPECT_EQ(run_self("--strings"), 0);
}

TEST(open, proc_fd_is_the_same_file)
{
	int fd = EXPECT_OK(open("file", O_RDWR | O_CREAT, 0600)), again, pipes[2], dir;
	char path[64], want[600], cwd[512];
	struct stat a, b;

	EXPECT_EQ(write(fd, "hello", 5), 5);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(want, sizeof(want), "%s/file", cwd);
	EXPECT_STR(target(path), want);
	EXPECT_OK(lstat(path, &a));
	EXPECT(S_ISLNK(a.st_mode));
	EXPECT_EQ(a.st_mode & 0700, 0700);
	EXPECT_OK(stat(path, &a));
	EXPECT_OK(fstat(fd, &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
	/* a file of its own: own position */
	again = EXPECT_OK(open(path, O_RDONLY));
	EXPECT_EQ(read(again, cwd, 5), 5);
	EXPECT_OK(unlink("file"));
	strcat(want, " (deleted)");
	EXPECT_STR(target(path), want);
	EXPECT_OK(open(path, O_RDONLY));

	EXPECT_OK(pipe(pipes));
	EXPECT_OK(fstat(pipes[0], &a));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[0]);
	snprintf(want, sizeof(want), "pipe:[%lu]", (unsigned long)a.st_ino);
	EXPECT_STR(target(path), want);
	EXPECT_OK(lstat(path, &a));
	EXPECT_EQ(a.st_mode & 0700, 0500);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[1]);
	again = EXPECT_OK(open(path, O_WRONLY));
	EXPECT_EQ(write(again, "x", 1), 1);
	EXPECT_EQ(read(pipes[0], cwd, 2), 1);

	fd = EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	EXPECT_OK(fstat(fd, &a));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(want, sizeof(want), "socket:[%lu]", (unsigned long)a.st_ino);
	EXPECT_STR(target(path), want);
	EXPECT_ERR(open(path, O_RDWR), ENXIO);
	close(fd);
	EXPECT_ERR(readlink(path, want, sizeof(want)), ENOENT);

	dir = EXPECT_OK(open(".", O_PATH | O_DIRECTORY));
	snprintf(path, sizeof(path), "/proc/self/fd/%d/new", dir);
	EXPECT_OK(open(path, O_CREAT | O_WRONLY, 0600));
	EXPECT_OK(access("new", F_OK));
}

static int count_entries(const char *path, const char *want, int *ret_found)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int count = 0;

	EXPECT(d != NULL);
	*ret_found = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		count++;
		*ret_found += !strcmp(e->d_name, want);
	}
	closedir(d);
	return count;
}

TEST(getdents64, proc_fd)
{
	int fd = EXPECT_OK(fcntl(1, F_DUPFD, 100)), found, before, after;
	char name[16];

	snprintf(name, sizeof(name), "%d", fd);
	before = count_entries("/proc/self/fd", name, &found);
	EXPECT_EQ(found, 1);
	EXPECT_EQ(count_entries("/proc/self/fdinfo", name, &found), before);
	close(fd);
	after = count_entries("/proc/self/fd", name, &found);
	EXPECT_EQ(after, before - 1);
	EXPECT_EQ(found, 0);
}

TEST(getdents64, proc_lists_processes)
{
	pid_t children[30];
	char name[16];
	int found;

	fflush(stdout);
	for (int i = 0; i < 30; i++) {
		children[i] = fork();
		if (!children[i]) {
			pause();
			_exit(0);
		}
	}
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "%d", children[i]);
		EXPECT(count_entries("/proc", name, &found) > 30);
		EXPECT_EQ(found, 1);
	}
	for (int i = 0; i < 30; i++) {
		kill(children[i], SIGKILL);
		EXPECT_EQ(waitpid(children[i], NULL, 0), children[i]);
	}
	count_entries("/proc", name, &found);
	EXPECT_EQ(found, 0);
	EXPECT(count_entries("/proc", "self", &found) > 0);
	EXPECT_EQ(found, 1);
}

TEST(read, proc_fdinfo)
{
	int fd = EXPECT_OK(open("file", O_RDWR | O_CREAT | O_APPEND, 0600));
	char path[64];

	EXPECT_EQ(write(fd, "12345", 5), 5);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	slurp(path);
	EXPECT_EQ(atoi(line("pos:\t")), 5);
	EXPECT_EQ(strtol(line("flags:\t"), NULL, 8) & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
	close(fd);
	EXPECT_ERR(open(path, O_RDONLY), ENOENT);
}

TEST(read, proc_maps)
{
	int fd = EXPECT_OK(open("mapped file", O_RDWR | O_CREAT, 0600));
	unsigned long start, end, at, offset, previous = 0;
	char prot[8], cwd[256], want[600];
	bool seen = false, stack = false, code = false;
	char *p;

	EXPECT_OK(ftruncate(fd, 3 * 4096));
	p = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 4096);
	EXPECT(p != MAP_FAILED);
	slurp("/proc/self/maps");
	snprintf(want, sizeof(want), "%s/mapped file", getcwd(cwd, sizeof(cwd)));
	for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n")) {
		EXPECT(sscanf(l, "%lx-%lx %4s %lx", &start, &end, prot, &offset) == 4);
		EXPECT(start < end && start >= previous);
		previous = end;
		at = (unsigned long)p;
		if (start == at) {
			EXPECT_EQ(end, at + 8192);
			EXPECT_STR(prot, "r--s");
			EXPECT_EQ(offset, 4096);
			EXPECT(strlen(l) > 73 && !strcmp(l + 73, want));
			seen = true;
		}
		if (strstr(l, "[stack]")) {
			EXPECT(start <= (unsigned long)&at && (unsigned long)&at < end);
			stack = true;
		}
		if (start <= (unsigned long)slurp && (unsigned long)slurp < end) {
			EXPECT_EQ(prot[2], 'x');
			EXPECT(strstr(l, "/proc") != NULL);
			code = true;
		}
	}
	EXPECT(seen && stack && code);
}

TEST(read, proc_statm_and_smaps)
{
	long size, resident;

	slurp("/proc/self/statm");
	EXPECT_EQ(sscanf(text, "%ld %ld", &size, &resident), 2);
	EXPECT(size >= resident && resident > 0);
	slurp("/proc/self/smaps");
	EXPECT(atol(line("Size:")) > 0);
	EXPECT(strstr(line("Rss:"), " kB") != NULL);
	slurp("/proc/self/smaps_rollup");
	EXPECT(strstr(text, "[rollup]") != NULL);
	EXPECT(atol(line("Pss:")) > 0);
}

static char secret[64] = "to be read through mem";

TEST(pread64, proc_mem)
{
	int fd = EXPECT_OK(open("/proc/self/mem", O_RDWR));
	char b[64] = "";

	EXPECT_EQ(pread(fd, b, 32, (off_t)(uintptr_t)secret), 32);
	EXPECT_STR(b, "to be read through mem");
	EXPECT_EQ(pwrite(fd, "TO", 2, (off_t)(uintptr_t)secret), 2);
	EXPECT_EQ(secret[0], 'T');
	EXPECT_ERR(pread(fd, b, 4, 8), EIO);
}

static int thread_sync[2], thread_go[2];

static void *thread(void *arg)
{
	long tid = syscall(SYS_gettid);
	char c;

	prctl(PR_SET_NAME, "the-thread");
	EXPECT_EQ(write(thread_sync[1], &tid, sizeof(tid)), sizeof(tid));
	EXPECT_EQ(read(thread_go[0], &c, 1), 1);
	return arg;
}

TEST(getdents64, proc_task)
{
	char name[32], path[64];
	pthread_t t;
	int found;
	long tid;

	EXPECT_OK(pipe(thread_sync));
	EXPECT_OK(pipe(thread_go));
	EXPECT_EQ(pthread_create(&t, NULL, thread, NULL), 0);
	EXPECT_EQ(read(thread_sync[0], &tid, sizeof(tid)), sizeof(tid));
	snprintf(name, sizeof(name), "%ld", tid);
	EXPECT_EQ(count_entries("/proc/self/task", name, &found), 2);
	EXPECT_EQ(found, 1);
	snprintf(path, sizeof(path), "/proc/self/task/%ld/comm", tid);
	slurp(path);
	EXPECT_STR(text, "the-thread\n");
	snprintf(path, sizeof(path), "/proc/%d/task/%ld/stat", getpid(), tid);
	EXPECT_EQ(atoi(stat_field(path, 20)), 2);
	EXPECT_EQ(atoi(text), tid);
	/* not listed, but there */
	snprintf(path, sizeof(path), "/proc/%ld/status", tid);
	slurp(path);
	EXPECT_EQ(atoi(line("Tgid:\t")), getpid());
	EXPECT_EQ(write(thread_go[1], "x", 1), 1);
	EXPECT_EQ(pthread_join(t, NULL), 0);
	EXPECT_SOON(count_entries("/proc/self/task", name, &found) == 1);
}

TEST(stat, proc_task_counts_threads)
{
	struct stat st;
	pthread_t t;
	long tid;

	EXPECT_OK(pipe(thread_sync));
	EXPECT_OK(pipe(thread_go));
	EXPECT_OK(stat("/proc/self/task", &st));
	EXPECT_EQ(st.st_nlink, 3);
	EXPECT_EQ(pthread_create(&t, NULL, thread, NULL), 0);
	EXPECT_EQ(read(thread_sync[0], &tid, sizeof(tid)), sizeof(tid));
	EXPECT_OK(stat("/proc/self/task/", &st));
	EXPECT_EQ(st.st_nlink, 4);
	EXPECT_EQ(write(thread_go[1], "x", 1), 1);
	EXPECT_EQ(pthread_join(t, NULL), 0);
	EXPECT_SOON(!stat("/proc/self/task", &st) && st.st_nlink == 3);
}

TEST(read, proc_limits)
{
	struct rlimit limit = { 123, 456 };

	EXPECT_OK(setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_OK(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	slurp("/proc/self/limits");
	EXPECT_STR(line("Max open files "),
		   "           123                  456                  files     ");
	EXPECT_STR(line("Max core file size "),
		   "       0                    0                    bytes     ");
	EXPECT(!strncmp(
		text,
		"Limit                     Soft Limit           Hard Limit           Units     \n",
		79));
}

TEST(read, proc_oom_score_adj)
{
	int fd = EXPECT_OK(open("/proc/self/oom_score_adj", O_RDWR));

	EXPECT_EQ(write(fd, "500\n", 4), 4);
	slurp("/proc/self/oom_score_adj");
	EXPECT_STR(text, "500\n");
	EXPECT_ERR(write(fd, "1001", 4), EINVAL);
	EXPECT_ERR(write(fd, "x", 1), EINVAL);
}

TEST(read, proc_mounts)
{
	char root[8] = "";
	int id, parent;

	slurp("/proc/self/mounts");
	EXPECT(strstr(text, " / ") != NULL);
	EXPECT(strstr(text, " /proc proc ") != NULL);
	slurp("/proc/self/mountinfo");
	EXPECT_EQ(sscanf(text, "%d %d %*d:%*d %7s", &id, &parent, root), 3);
	EXPECT_EQ(root[0], '/');
	EXPECT(strstr(text, " - proc ") != NULL);
}

TEST(read, proc_meminfo)
{
	long total, available;

	slurp("/proc/meminfo");
	total = atol(line("MemTotal:"));
	available = atol(line("MemAvailable:"));
	EXPECT(total > 0 && available > 0 && available <= total);
	EXPECT(atol(line("MemFree:")) <= total);
	EXPECT(strstr(line("SwapTotal:"), " kB") != NULL);
	line("Buffers:");
	line("Cached:");
	line("Shmem:");
	line("SReclaimable:");
}

TEST(read, proc_times)
{
	double up, idle, again;
	float load[3];
	int running, all, last;

	slurp("/proc/uptime");
	EXPECT_EQ(sscanf(text, "%lf %lf", &up, &idle), 2);
	slurp("/proc/uptime");
	EXPECT_EQ(sscanf(text, "%lf", &again), 1);
	EXPECT(again >= up && up > 0);
	slurp("/proc/loadavg");
	EXPECT_EQ(sscanf(text, "%f %f %f %d/%d %d", &load[0], &load[1], &load[2], &running, &all,
			 &last),
		  6);
	EXPECT(running >= 1 && all >= running && last > 0);
	slurp("/proc/stat");
	EXPECT(!strncmp(text, "cpu  ", 5));
	line("cpu0 ");
	EXPECT(llabs(atoll(line("btime ")) - ((long long)time(NULL) - (long long)again)) <= 5);
	line("processes ");
	EXPECT(atoi(line("procs_running ")) >= 1);
}

TEST(read, proc_cpuinfo)
{
	int count = 0;

	slurp("/proc/cpuinfo");
	for (char *at = text; (at = strstr(at, "processor\t: ")); at++)
		count++;
	EXPECT_EQ(count, sysconf(_SC_NPROCESSORS_ONLN));
	EXPECT(strstr(line("flags\t\t: "), "sse2") != NULL);
	EXPECT(strlen(line("model name\t: ")) > 0);
}

TEST(read, proc_names_of_the_system)
{
	struct utsname u;

	EXPECT_OK(uname(&u));
	slurp("/proc/version");
	EXPECT(strstr(text, u.release) != NULL);
	slurp("/proc/sys/kernel/osrelease");
	text[strlen(text) - 1] = 0;
	EXPECT_STR(text, u.release);
	slurp("/proc/sys/kernel/hostname");
	text[strlen(text) - 1] = 0;
	EXPECT_STR(text, u.nodename);
	slurp("/proc/sys/kernel/ostype");
	EXPECT_STR(text, "Linux\n");
}

TEST(read, proc_sys)
{
	char first[64];

	slurp("/proc/sys/kernel/pid_max");
	EXPECT(atol(text) >= 32768);
	slurp("/proc/sys/kernel/ngroups_max");
	EXPECT_STR(text, "65536\n");
	slurp("/proc/sys/kernel/random/uuid");
	EXPECT_EQ(strlen(text), 37);
	EXPECT_EQ(text[14], '4');
	snprintf(first, sizeof(first), "%s", text);
	slurp("/proc/sys/kernel/random/uuid");
	EXPECT(strcmp(first, text) != 0);
	slurp("/proc/sys/kernel/random/boot_id");
	snprintf(first, sizeof(first), "%s", text);
	slurp("/proc/sys/kernel/random/boot_id");
	EXPECT_STR(text, first);
	slurp("/proc/sys/fs/nr_open");
	EXPECT(atol(text) >= 1024);
	slurp("/proc/sys/net/core/somaxconn");
	EXPECT(atol(text) >= 128);
	slurp("/proc/sys/vm/overcommit_memory");
	EXPECT(atol(text) >= 0);
	slurp("/proc/sys/fs/mqueue/msg_max");
	EXPECT(atol(text) >= 10);
	slurp("/proc/filesystems");
	EXPECT(strstr(text, "nodev\tproc\n") != NULL);
}

TEST(lseek, proc_text)
{
	int fd = EXPECT_OK(open("/proc/self/status", O_RDONLY));
	char whole[4096], part[8];
	ssize_t n = EXPECT_OK(read(fd, whole, sizeof(whole)));

	EXPECT(n > 100);
	EXPECT_EQ(lseek(fd, 2, SEEK_SET), 2);
	EXPECT_EQ(read(fd, part, 3), 3);
	EXPECT(!memcmp(part, whole + 2, 3));
	EXPECT_EQ(pread(fd, part, 5, 0), 5);
	EXPECT(!memcmp(part, "Name:", 5));
	EXPECT_ERR(write(fd, "x", 1), EBADF);
}

TEST(open, proc_errors)
{
	struct statfs s;

	EXPECT_ERR(open("/proc/nothing", O_RDONLY), ENOENT);
	EXPECT(open("/proc/new", O_CREAT | O_WRONLY, 0600) < 0 &&
	       (errno == ENOENT || errno == EACCES));
	EXPECT_ERR(open("/proc/self/stat/x", O_RDONLY), ENOTDIR);
	EXPECT_ERR(open("/proc/99999999", O_RDONLY), ENOENT);
	EXPECT_ERR(open("/proc/01", O_RDONLY), ENOENT);
	EXPECT(mkdir("/proc/new", 0700) < 0 &&
	       (errno == ENOENT || errno == EACCES || errno == EPERM));
	EXPECT_ERR(open("/proc/self", O_WRONLY), EISDIR);
	EXPECT_OK(statfs("/proc/self", &s));
	EXPECT_EQ(s.f_type, 0x9fa0);
}

static void stranger(void)
{
	char path[64], b[64];

	EXPECT_OK(setgid(12345));
	EXPECT_OK(setuid(12345));
	snprintf(path, sizeof(path), "/proc/%d/environ", getppid());
	EXPECT_ERR(open(path, O_RDONLY), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/maps", getppid());
	EXPECT_ERR(open(path, O_RDONLY), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/fd", getppid());
	EXPECT_ERR(open(path, O_RDONLY), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/cwd", getppid());
	EXPECT_ERR(readlink(path, b, sizeof(b)), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/status", getppid());
	EXPECT_OK(open(path, O_RDONLY));
}

TEST(open, proc_of_somebody_else)
{
	if (geteuid())
		SKIP("changing the user id needs root");
	EXPECT_EQ(test_in_child(stranger), 0);
}

TEST(read, sys_processors)
{
	int found;

	slurp("/sys/devices/system/cpu/online");
	EXPECT_EQ(text[0], '0');
	slurp("/sys/devices/system/cpu/possible");
	EXPECT_EQ(text[0], '0');
	EXPECT(count_entries("/sys/devices/system/cpu", "cpu0", &found) >= 2);
	EXPECT_EQ(found, 1);
	if (access("/sys/devices/system/cpu/cpu0/topology/core_id", F_OK))
		SKIP("no topology folder");
	slurp("/sys/devices/system/cpu/cpu0/topology/core_id");
	EXPECT(text[0] >= '0' && text[0] <= '9');
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--strings")) {
		check_strings();
		return 0;
	}
	return test_main(argc, argv);
}
