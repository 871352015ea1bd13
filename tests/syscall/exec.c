/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execve and execveat: what is found and refused, scripts, and what the new program finds. The program under test is
 * this one: with a first argument that starts with "child:" it does that part.
 */
#include <elf.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "tests/syscall/test.h"

extern char **environ;
static char self[4096];

/* --- the program's side ------------------------------------------------------------------------------------------- */

static int child_arguments(int argc, char **argv)
{
	for (int n = 0; n < argc; n++)
		printf("[%s]", argv[n]);
	printf("\n");
	for (char **e = environ; *e; e++)
		printf("{%s}", *e);
	printf("\n");
	return 0;
}

#define REQUIRE(c)                                           \
	do {                                                 \
		if (!(c)) {                                  \
			printf("child: not true: %s\n", #c); \
			return 1;                            \
		}                                            \
	} while (0)

static int child_auxv(char **argv)
{
	const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Phdr *segments = (const Elf64_Phdr *)getauxval(AT_PHDR);
	const uint8_t *chance = (const uint8_t *)getauxval(AT_RANDOM);
	bool entry_found = false, random = false;

	REQUIRE(((uintptr_t)argv - sizeof(long)) % 16 == 0);
	REQUIRE(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100);
	REQUIRE(getauxval(AT_PHENT) == sizeof(Elf64_Phdr) && getauxval(AT_PHNUM) > 2 && segments);
	for (unsigned long n = 0; n < getauxval(AT_PHNUM); n++)
		if (segments[n].p_type == PT_LOAD && (segments[n].p_flags & PF_X))
			entry_found = true;
	REQUIRE(entry_found && getauxval(AT_ENTRY));
	REQUIRE(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid());
	REQUIRE(getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
	REQUIRE(getauxval(AT_SECURE) == 0 && getauxval(AT_FLAGS) == 0);
	REQUIRE(getauxval(AT_EXECFN) && !strcmp((const char *)getauxval(AT_EXECFN), self));
	REQUIRE(!strcmp((const char *)getauxval(AT_PLATFORM), "x86_64"));
	REQUIRE(chance);
	for (int n = 0; n < 16; n++)
		random |= chance[n] != 0;
	REQUIRE(random && getauxval(AT_HWCAP));
	if (vdso)
		REQUIRE(!memcmp(vdso->e_ident, ELFMAG, SELFMAG) && vdso->e_type == ET_DYN);
	return 0;
}

static int child_signals(void)
{
	struct sigaction a;
	sigset_t set;

	REQUIRE(!sigaction(SIGUSR1, NULL, &a) && a.sa_handler == SIG_DFL);
	REQUIRE(!sigaction(SIGUSR2, NULL, &a) && a.sa_handler == SIG_IGN);
	REQUIRE(!sigprocmask(SIG_BLOCK, NULL, &set) && sigismember(&set, SIGHUP) &&
		!sigismember(&set, SIGTERM));
	REQUIRE(!sigpending(&set) && sigismember(&set, SIGHUP));
	return 0;
}

static int child_name(const char *expected)
{
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	printf("%s\n", name);
	return strcmp(name, expected) != 0;
}

static int child_main(int argc, char **argv)
{
	const char *what = argv[1] + strlen("child:");
	char cwd[4096];

	if (!strcmp(what, "arguments"))
		return child_arguments(argc, argv);
	if (!strcmp(what, "auxv"))
		return child_auxv(argv);
	if (!strcmp(what, "signals"))
		return child_signals();
	if (!strcmp(what, "name"))
		return child_name(argv[2]);
	if (!strcmp(what, "fds"))
		return fcntl(atoi(argv[2]), F_GETFD) == 0 && fcntl(atoi(argv[3]), F_GETFD) < 0 ? 0
											       : 1;
	if (!strcmp(what, "cwd"))
		return getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, argv[2]) ? 0 : 1;
	if (!strcmp(what, "pid"))
		return getpid() == atoi(argv[2]) && getpid() == syscall(SYS_gettid) ? 0 : 1;
	if (!strcmp(what, "death-signal")) {
		int value = 0;

		return prctl(PR_GET_PDEATHSIG, &value) || value != atoi(argv[2]);
	}
	if (!strcmp(what, "wait")) { /* until the other end of standard input is closed */
		char c = 'r';

		return write(STDOUT_FILENO, &c, 1) != 1 || read(STDIN_FILENO, &c, 1) != 0;
	}
	if (!strcmp(what, "ids")) {
		printf("%u %u %lu\n", getuid(), geteuid(), getauxval(AT_SECURE));
		return 0;
	}
	return 99;
}

/* --- helpers ------------------------------------------------------------------------------------------------------ */

static void make_file(const char *name, const void *data, size_t size, mode_t mode)
{
	int fd = (int)EXPECT_OK(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700));

	EXPECT_EQ(write(fd, data, size), (long)size);
	EXPECT_OK(fchmod(fd, mode));
	EXPECT_OK(close(fd));
}

static void make_script(const char *name, const char *text)
{
	make_file(name, text, strlen(text), 0755);
}

static void *read_self(size_t *ret_size)
{
	int fd = (int)EXPECT_OK(open(self, O_RDONLY));
	struct stat st;
	char *data;
	size_t done = 0;

	EXPECT_OK(fstat(fd, &st));
	data = malloc((size_t)st.st_size);
	while (done < (size_t)st.st_size) {
		long got = EXPECT_OK(read(fd, data + done, (size_t)st.st_size - done));

		EXPECT(got > 0);
		done += (size_t)got;
	}
	close(fd);
	*ret_size = done;
	return data;
}

static void copy_self(const char *name, mode_t mode)
{
	size_t size;
	void *data = read_self(&size);

	make_file(name, data, size, mode);
	free(data);
}

/* Runs fn, which should exec, in a child; what the program wrote; its wait status. */
static int run(void (*fn)(void), char *output, size_t size)
{
	int pipes[2], status;
	size_t used = 0;
	long got;
	pid_t pid;

	EXPECT_OK(pipe(pipes));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(pipes[1], 1);
		close(pipes[0]);
		close(pipes[1]);
		fn();
		printf("exec failed: %s\n", strerror(errno));
		fflush(stdout);
		_exit(98);
	}
	EXPECT(pid > 0);
	close(pipes[1]);
	while (used + 1 < size && (got = read(pipes[0], output + used, size - 1 - used)) > 0)
		used += (size_t)got;
	output[used] = 0;
	close(pipes[0]);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static char output[65536], expected[16384];

#define ARGUMENTS(...) ((char *[]){ __VA_ARGS__, NULL })
#define S(s) ((char *)(uintptr_t)(s))

/* --- programs ----------------------------------------------------------------------------------------------------- */

static void exec_arguments(void)
{
	execve(self, ARGUMENTS(S("zero"), S("child:arguments"), S(""), S("two words")),
	       ARGUMENTS(S("A=1"), S("B="), S("odd")));
}

TEST(execve, passes_arguments_and_environment)
{
	EXPECT_EQ(run(exec_arguments, output, sizeof(output)), 0);
	EXPECT_STR(output, "[zero][child:arguments][][two words]\n{A=1}{B=}{odd}\n");
}

static void exec_auxv(void)
{
	execve(self, ARGUMENTS(S("zero"), S("child:auxv")), environ);
}

TEST(execve, fills_the_auxiliary_vector)
{
	int status = run(exec_auxv, output, sizeof(output));

	EXPECT_STR(output, "");
	EXPECT_EQ(status, 0);
}

static char big[100000];

static void exec_big(void)
{
	memset(big, 'x', sizeof(big) - 1);
	char *arguments[8] = { S("zero"), S("child:arguments"), big, big + 50000, big, big, big,
			       NULL };

	execve(self, arguments, ARGUMENTS(big));
}

TEST(execve, passes_long_strings)
{
	char *much = malloc(1 << 20);

	EXPECT_EQ(run(exec_big, much, 1 << 20), 0);
	EXPECT_EQ(strlen(much), 4 + 2 + 17 + 4 * 100001 + 50001 + 1 + 100001 + 1);
	free(much);
}

static void exec_many(void)
{
	static char *arguments[5002];

	arguments[0] = S("zero");
	arguments[1] = S("child:arguments");
	for (int n = 2; n < 5000; n++)
		arguments[n] = S("a");
	execve(self, arguments, (char *[]){ NULL });
}

TEST(execve, passes_many_strings)
{
	EXPECT_EQ(run(exec_many, output, sizeof(output)), 0);
	EXPECT_EQ(strlen(output), 6 + 17 + 4998 * 3 + 2);
}

static void exec_null_vectors(void)
{
	syscall(SYS_execve, "./script", NULL, NULL);
}

TEST(execve, null_argv_becomes_one_empty_string)
{
	char line[5000];

	snprintf(line, sizeof(line), "#!%s child:arguments\n", self);
	make_script("script", line);
	EXPECT_EQ(run(exec_null_vectors, output, sizeof(output)), 0);
	snprintf(expected, sizeof(expected), "[%s][child:arguments][./script]\n\n", self);
	EXPECT_STR(output, expected);
}

static void exec_signals(void)
{
	sigset_t set;

	signal(SIGUSR1, (void (*)(int))exec_signals);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_SETMASK, &set, NULL);
	raise(SIGHUP);
	execve(self, ARGUMENTS(S("zero"), S("child:signals")), environ);
}

TEST(execve, resets_handlers_keeps_mask_and_pending)
{
	int status = run(exec_signals, output, sizeof(output));

	EXPECT_STR(output, "");
	EXPECT_EQ(status, 0);
}

static void exec_name(void)
{
	execve("./a-name-longer-than-fifteen",
	       ARGUMENTS(S("zero"), S("child:name"), S("a-name-longer-t")), environ);
}

TEST(execve, sets_the_command_name)
{
	EXPECT_OK(symlink(self, "a-name-longer-than-fifteen"));
	EXPECT_EQ(run(exec_name, output, sizeof(output)), 0);
}

static void exec_fds(void)
{
	int keep = open("/", O_RDONLY), lose = open("/", O_RDONLY | O_CLOEXEC);
	char a[16], b[16];

	snprintf(a, sizeof(a), "%d", keep);
	snprintf(b, sizeof(b), "%d", lose);
	execve(self, ARGUMENTS(S("zero"), S("child:fds"), a, b), environ);
}

TEST(execve, closes_close_on_exec_descriptors)
{
	EXPECT_EQ(run(exec_fds, output, sizeof(output)), 0);
}

static void exec_cwd(void)
{
	char cwd[4096];

	if (getcwd(cwd, sizeof(cwd)))
		execve(self, ARGUMENTS(S("zero"), S("child:cwd"), cwd), environ);
}

TEST(execve, keeps_the_working_directory)
{
	EXPECT_EQ(run(exec_cwd, output, sizeof(output)), 0);
}

static char pid_text[16];

static void *exec_from_thread(void *unused)
{
	(void)unused;
	execve(self, ARGUMENTS(S("zero"), S("child:pid"), pid_text), environ);
	_exit(97);
}

static void *sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void exec_threads(void)
{
	pthread_t t;

	snprintf(pid_text, sizeof(pid_text), "%d", getpid());
	for (int n = 0; n < 4; n++)
		pthread_create(&t, NULL, sleep_for_ever, NULL);
	pthread_create(&t, NULL, exec_from_thread, NULL);
	pthread_join(t, NULL);
}

TEST(execve, from_a_thread_ends_the_others_and_keeps_the_pid)
{
	EXPECT_EQ(run(exec_threads, output, sizeof(output)), 0);
}

TEST(execve, after_vfork)
{
	int status, pipes[2];
	char text[64] = "";
	pid_t pid;

	EXPECT_OK(pipe2(pipes, O_CLOEXEC));
	pid = vfork();
	if (!pid) {
		dup2(pipes[1], 1);
		execve(self, ARGUMENTS(S("v"), S("child:arguments")), (char *[]){ NULL });
		_exit(98);
	}
	EXPECT(pid > 0);
	close(pipes[1]);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT(read(pipes[0], text, sizeof(text) - 1) > 0);
	EXPECT_STR(text, "[v][child:arguments]\n\n");
}

TEST(execve, failing_after_vfork_leaves_the_parent_alone)
{
	volatile int error = 0;
	int status;
	pid_t pid = vfork();

	if (!pid) {
		execve("./missing", ARGUMENTS(S("x")), environ);
		error = errno;
		_exit(5);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), 5);
	EXPECT_EQ(error, ENOENT);
}

/* --- refusals ----------------------------------------------------------------------------------------------------- */

static char *const plain[] = { (char *)(uintptr_t) "x", NULL };

TEST(execve, path_errors)
{
	char name[5000];

	memset(name, 'n', sizeof(name));
	name[300] = 0;
	EXPECT_ERR(execve("./missing", plain, environ), ENOENT);
	EXPECT_ERR(execve("", plain, environ), ENOENT);
	EXPECT_ERR(execve(name, plain, environ), ENAMETOOLONG);
	name[300] = 'n';
	name[4999] = 0;
	EXPECT_ERR(execve(name, plain, environ), ENAMETOOLONG);
	make_script("file", "x");
	EXPECT_ERR(execve("./file/x", plain, environ), ENOTDIR);
	EXPECT_OK(symlink("loop", "loop"));
	EXPECT_ERR(execve("./loop", plain, environ), ELOOP);
}

TEST(execve, bad_pointers)
{
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *bad[2] = { hole, NULL };

	EXPECT(hole != MAP_FAILED);
	EXPECT_ERR(execve(hole, plain, environ), EFAULT);
	EXPECT_ERR(execve(self, hole, environ), EFAULT);
	EXPECT_ERR(execve(self, plain, hole), EFAULT);
	EXPECT_ERR(execve(self, bad, environ), EFAULT);
	EXPECT_ERR(execve(self, plain, bad), EFAULT);
}

TEST(execve, not_executable)
{
	make_file("plain", "#!/bin/sh\n", 10, 0644);
	EXPECT_ERR(execve("./plain", plain, environ), EACCES);
	EXPECT_OK(mkdir("directory", 0755));
	EXPECT_ERR(execve("./directory", plain, environ), EACCES);
	EXPECT_OK(mkfifo("fifo", 0777));
	EXPECT_ERR(execve("./fifo", plain, environ), EACCES);
	EXPECT_ERR(execve("/dev/null", plain, environ), EACCES);
}

TEST(execve, busy_when_open_for_writing)
{
	int fd;

	copy_self("program", 0755);
	fd = (int)EXPECT_OK(open("program", O_WRONLY));
	EXPECT_ERR(execve("./program", plain, environ), ETXTBSY);
	EXPECT_OK(close(fd));
}

/* What runs cannot be written, by whatever name, until the last process that runs it has ended: a zombie is no such. */
TEST(execve, text_of_a_running_program_is_busy)
{
	int in[2], out[2], fd, status;
	siginfo_t info;
	pid_t pid;
	char c;

	copy_self("program", 0755);
	EXPECT_OK(link("program", "other"));
	EXPECT_OK(pipe(in));
	EXPECT_OK(pipe(out));
	pid = (pid_t)EXPECT_OK(fork());
	if (!pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		execve("./program", ARGUMENTS(S("x"), S("child:wait")), environ);
		_exit(127);
	}
	EXPECT_EQ(read(out[0], &c, 1), 1);
	EXPECT_ERR(open("program", O_WRONLY), ETXTBSY);
	EXPECT_ERR(open("other", O_RDWR), ETXTBSY);
	EXPECT_ERR(open("program", O_RDWR | O_TRUNC), ETXTBSY);
	EXPECT_ERR(truncate("program", 0), ETXTBSY);
	fd = (int)EXPECT_OK(open("program", O_RDONLY));
	EXPECT_OK(close(fd));
	EXPECT_OK(chmod("program", 0700));
	EXPECT_OK(close(in[1]));
	EXPECT_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	fd = (int)EXPECT_OK(open("program", O_WRONLY | O_TRUNC));
	EXPECT_OK(close(fd));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* Kept by execve, after fork and after vfork. */
TEST(execve, death_signal_stays)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		execve(self, ARGUMENTS(S("x"), S("child:death-signal"), S("10")), environ);
		_exit(127);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	pid = vfork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		execve(self, ARGUMENTS(S("x"), S("child:death-signal"), S("10")), environ);
		_exit(127);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(execve, not_a_program)
{
	static const char zeros[512];

	make_file("empty", "", 0, 0755);
	EXPECT_ERR(execve("./empty", plain, environ), ENOEXEC);
	make_script("text", "hello\n");
	EXPECT_ERR(execve("./text", plain, environ), ENOEXEC);
	make_file("zeros", zeros, sizeof(zeros), 0755);
	EXPECT_ERR(execve("./zeros", plain, environ), ENOEXEC);
}

TEST(execve, too_much)
{
	size_t size = 140 << 10;
	char *huge = malloc(size), **many = calloc(100, sizeof(char *));

	memset(huge, 'x', size);
	huge[size - 1] = 0;
	EXPECT_ERR(execve(self, ARGUMENTS(S("x"), huge), environ), E2BIG);
	EXPECT_ERR(execve(self, plain, ARGUMENTS(huge)), E2BIG);
	huge[131071] = 0; /* the longest there may be */
	for (int n = 0; n < 99; n++)
		many[n] = huge;
	EXPECT_ERR(execve(self, many, environ), E2BIG);
	EXPECT_ERR(execve(self, plain, many), E2BIG);
	free(many);
	free(huge);
}

/* A small ELF file: header, `count` program headers, then text. */
struct small_elf {
	Elf64_Ehdr header;
	Elf64_Phdr segments[3];
	char interpreter[64];
	unsigned char code[64];
};

static void make_elf(struct small_elf *e)
{
	/* exit(42) */
	static const unsigned char code[] = { 0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 };

	memset(e, 0, sizeof(*e));
	memcpy(e->header.e_ident, ELFMAG, SELFMAG);
	e->header.e_ident[EI_CLASS] = ELFCLASS64;
	e->header.e_ident[EI_DATA] = ELFDATA2LSB;
	e->header.e_ident[EI_VERSION] = EV_CURRENT;
	e->header.e_type = ET_EXEC;
	e->header.e_machine = EM_X86_64;
	e->header.e_version = EV_CURRENT;
	e->header.e_entry = 0x10000000 + offsetof(struct small_elf, code);
	e->header.e_phoff = offsetof(struct small_elf, segments);
	e->header.e_ehsize = sizeof(Elf64_Ehdr);
	e->header.e_phentsize = sizeof(Elf64_Phdr);
	e->header.e_phnum = 1;
	e->segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				       .p_flags = PF_R | PF_X,
				       .p_vaddr = 0x10000000,
				       .p_filesz = sizeof(*e),
				       .p_memsz = sizeof(*e),
				       .p_align = 4096 };
	memcpy(e->code, code, sizeof(code));
}

static void exec_elf(void)
{
	execve("./elf", plain, environ);
}

static int try_elf(const struct small_elf *e, size_t size)
{
	make_file("elf", e, size, 0755);
	return run(exec_elf, output, sizeof(output));
}

TEST(execve, smallest_program)
{
	struct small_elf e;

	make_elf(&e);
	EXPECT_EQ(try_elf(&e, sizeof(e)), 42 << 8);
	e.header.e_type = ET_DYN;
	e.header.e_entry -= 0x10000000;
	e.segments[0].p_vaddr = 0;
	EXPECT_EQ(try_elf(&e, sizeof(e)), 42 << 8);
}

/* A page of bss that shares its first page with the file's bytes must be zero in all of it. */
TEST(execve, clears_bss)
{
	/* rsi = 0x10001000 + sizeof(e); exit(*rsi | rsi[3000] | rsi[5000]) */
	static const unsigned char code[] = {
		0x8a, 0x0c, 0x25, 0,	0x12, 0, 0x10, /* mov 0x10001200,%cl */
		0x0a, 0x0c, 0x25, 0,	0x19, 0, 0x10, /* or 0x10001900,%cl */
		0x0a, 0x0c, 0x25, 0,	0x29, 0, 0x10, /* or 0x10002900,%cl */
		0x0f, 0xb6, 0xf9, 0xb8, 60,   0, 0,    0, 0x0f, 0x05,
	};
	struct {
		struct small_elf e;
		char more[8192];
	} file;

	make_elf(&file.e);
	memset(file.more, 0xff, sizeof(file.more));
	memcpy(file.e.code, code, sizeof(code));
	file.e.header.e_phnum = 2;
	file.e.segments[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
					   .p_flags = PF_R | PF_W,
					   .p_vaddr = 0x10001000,
					   .p_filesz = 0x200,
					   .p_memsz = 0x2000,
					   .p_align = 4096 };
	make_file("elf", &file, sizeof(file), 0755);
	EXPECT_EQ(run(exec_elf, output, sizeof(output)), 0);
}

TEST(execve, bad_headers)
{
	struct small_elf e;

	make_elf(&e);
	make_file("elf", &e, 20, 0755);
	EXPECT_ERR(execve("./elf", plain, environ), ENOEXEC);
	make_file("elf", &e, 70, 0755); /* no program headers */
	EXPECT_ERR(execve("./elf", plain, environ), ENOEXEC);
	e.header.e_machine = EM_AARCH64;
	make_file("elf", &e, sizeof(e), 0755);
	EXPECT_ERR(execve("./elf", plain, environ), ENOEXEC);
	make_elf(&e);
	e.header.e_type = ET_REL;
	make_file("elf", &e, sizeof(e), 0755);
	EXPECT_ERR(execve("./elf", plain, environ), ENOEXEC);
	make_elf(&e);
	e.header.e_phentsize = 55;
	make_file("elf", &e, sizeof(e), 0755);
	EXPECT_ERR(execve("./elf", plain, environ), ENOEXEC);
	make_elf(&e);
	e.header.e_phnum = 0;
	make_file("elf", &e, sizeof(e), 0755);
	EXPECT_ERR(execve("./elf", plain, environ), ENOEXEC);
}

/* Linux notices these only when the old program is gone: then the process dies. Refusing is as good. */
TEST(execve, bad_segments_do_not_run)
{
	struct small_elf e;
	int status;

	make_elf(&e);
	e.segments[0].p_memsz = 16;
	status = try_elf(&e, sizeof(e));
	EXPECT(WIFSIGNALED(status) || WEXITSTATUS(status) == 98);
	make_elf(&e);
	e.segments[0].p_vaddr = 0x7ffffffff000;
	status = try_elf(&e, sizeof(e));
	EXPECT(WIFSIGNALED(status) || WEXITSTATUS(status) == 98);
	make_elf(&e);
	e.segments[0].p_offset = 1;
	status = try_elf(&e, sizeof(e));
	EXPECT(WIFSIGNALED(status) || WEXITSTATUS(status) == 98);
}

static void make_interpreted(const char *interpreter)
{
	struct small_elf e;

	make_elf(&e);
	snprintf(e.interpreter, sizeof(e.interpreter), "%s", interpreter);
	e.header.e_phnum = 2;
	e.segments[1] = e.segments[0];
	e.segments[0] = (Elf64_Phdr){ .p_type = PT_INTERP,
				      .p_flags = PF_R,
				      .p_offset = offsetof(struct small_elf, interpreter),
				      .p_filesz = strlen(interpreter) + 1,
				      .p_memsz = strlen(interpreter) + 1,
				      .p_align = 1 };
	make_file("elf", &e, sizeof(e), 0755);
}

TEST(execve, interpreter_errors)
{
	char text[200];

	make_interpreted("./no-such-interpreter");
	EXPECT_ERR(execve("./elf", plain, environ), ENOENT);
	memset(text, 'x', sizeof(text));
	make_file("interpreter", text, sizeof(text), 0755);
	make_interpreted("./interpreter");
	EXPECT_ERR(execve("./elf", plain, environ), ELIBBAD);
	make_file("interpreter", text, sizeof(text), 0644);
	EXPECT_ERR(execve("./elf", plain, environ), EACCES);
	make_file("interpreter", text, 10, 0755);
	EXPECT_ERR(execve("./elf", plain, environ), EIO);
}

TEST(execve, runs_the_interpreter)
{
	struct small_elf e;

	make_elf(&e);
	e.header.e_type = ET_DYN;
	e.header.e_entry -= 0x10000000;
	e.segments[0].p_vaddr = 0;
	e.code[1] = 43;
	make_file("interpreter", &e, sizeof(e), 0755);
	make_interpreted("./interpreter");
	EXPECT_EQ(run(exec_elf, output, sizeof(output)), 43 << 8);
}

/* --- scripts ------------------------------------------------------------------------------------------------------ */

static void exec_script(void)
{
	execve("./script", ARGUMENTS(S("lost"), S("one"), S("two")), ARGUMENTS(S("E=1")));
}

static void expect_script(const char *format, const char *argument)
{
	char line[8192];

	snprintf(line, sizeof(line), format, self);
	make_script("script", line);
	EXPECT_EQ(run(exec_script, output, sizeof(output)), 0);
	snprintf(expected, sizeof(expected), "[%s][%s][./script][one][two]\n{E=1}\n", self,
		 argument);
	EXPECT_STR(output, expected);
}

TEST(execve, scripts)
{
	expect_script("#!%s child:arguments\nignored\n", "child:arguments");
	expect_script("#! \t %s \t child:arguments \t \n", "child:arguments");
	expect_script("#!%s child:arguments", "child:arguments"); /* no newline */
}

static void exec_sh(void)
{
	execve("./script", ARGUMENTS(S("lost"), S("one"), S("two")), environ);
}

/* Everything behind the name is one argument; without one the program sees the script's name first. */
TEST(execve, script_takes_one_argument)
{
	char line[8192];

	copy_self("child:arguments", 0755);
	snprintf(line, sizeof(line), "#!%s", self);
	make_script("child-link", line); /* unused, but a script that would not work */
	snprintf(line, sizeof(line), "#!%s child:a b  c \n", self);
	make_script("script", line);
	EXPECT_EQ(run(exec_sh, output, sizeof(output)), 99 << 8);
	make_script("script", "#!/bin/sh\necho $# $0 $1 $2\n");
	EXPECT_EQ(run(exec_sh, output, sizeof(output)), 0);
	EXPECT_STR(output, "2 ./script one two\n");
	make_script("script", "#!/bin/sh -e \nfalse\necho no\n");
	EXPECT_EQ(run(exec_sh, output, sizeof(output)), 1 << 8);
	EXPECT_STR(output, "");
}

TEST(execve, script_in_script)
{
	char line[8192];

	snprintf(line, sizeof(line), "#!%s child:arguments\n", self);
	make_script("inner", line);
	make_script("script", "#!./inner x y\n");
	EXPECT_EQ(run(exec_script, output, sizeof(output)), 0);
	snprintf(expected, sizeof(expected),
		 "[%s][child:arguments][./inner][x y][./script][one][two]\n{E=1}\n", self);
	EXPECT_STR(output, expected);
}

TEST(execve, script_depth)
{
	char line[8192], name[16];

	make_script("script", "#!./script\n");
	EXPECT_ERR(execve("./script", plain, environ), ELOOP);
	snprintf(line, sizeof(line), "#!%s child:arguments\n", self);
	make_script("s0", line);
	for (int n = 1; n <= 5; n++) {
		snprintf(name, sizeof(name), "s%d", n);
		snprintf(line, sizeof(line), "#!./s%d\n", n - 1);
		make_script(name, line);
	}
	EXPECT_OK(unlink("script"));
	EXPECT_OK(symlink("s4", "script")); /* five scripts, then the program */
	EXPECT_EQ(run(exec_script, output, sizeof(output)), 0);
	EXPECT_ERR(execve("./s5", plain, environ), ELOOP);
}

TEST(execve, script_refusals)
{
	char line[600];

	make_script("script", "#!\n");
	EXPECT_ERR(execve("./script", plain, environ), ENOEXEC);
	make_script("script", "#!  \t \n");
	EXPECT_ERR(execve("./script", plain, environ), ENOEXEC);
	make_script("script", "#!/no/such/interpreter\n");
	EXPECT_ERR(execve("./script", plain, environ), ENOENT);
	make_script("script", "#!/\n");
	EXPECT_ERR(execve("./script", plain, environ), EACCES);
	make_script("script", "#!./elf\n");
	make_script("elf", "junk");
	EXPECT_ERR(execve("./script", plain, environ), ENOEXEC);
	/* A name that does not end in the first 256 bytes. */
	memset(line, 'x', sizeof(line));
	memcpy(line, "#!/", 3);
	line[300] = '\n';
	make_file("script", line, sizeof(line), 0755);
	EXPECT_ERR(execve("./script", plain, environ), ENOEXEC);
	make_script("script", "#!"); /* an empty name is the working directory */
	EXPECT_ERR(execve("./script", plain, environ), EACCES);
}

TEST(execve, script_that_ends_in_a_blank_has_an_empty_argument)
{
	make_script("script", "#!/bin/echo ");
	EXPECT_EQ(run(exec_script, output, sizeof(output)), 0);
	EXPECT_STR(output, " ./script one two\n");
}

TEST(execve, script_line_is_cut)
{
	static char line[1024];
	char *at = line + snprintf(line, sizeof(line), "#!/bin/echo ");

	memset(at, 'a', 500);
	at[500] = '\n';
	make_script("script", line);
	EXPECT_EQ(run(exec_script, output, sizeof(output)), 0);
	EXPECT_EQ(strspn(output, "a"), 255 - (at - line));
}

/* --- set-user-id -------------------------------------------------------------------------------------------------- */

static void exec_ids(void)
{
	execve("./program", ARGUMENTS(S("x"), S("child:ids")), environ);
}

static void exec_ids_no_new_privs(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	exec_ids();
}

TEST(execve, set_user_id)
{
	if (geteuid())
		SKIP("needs root to make a set-user-id file");
	copy_self("program", 0755);
	EXPECT_OK(chown("program", 12345, 12345));
	EXPECT_OK(chmod("program", 04755));
	EXPECT_EQ(run(exec_ids, output, sizeof(output)), 0);
	EXPECT_STR(output, "0 12345 1\n");
	EXPECT_EQ(run(exec_ids_no_new_privs, output, sizeof(output)), 0);
	EXPECT_STR(output, "0 0 0\n");
}

/* --- execveat ----------------------------------------------------------------------------------------------------- */

static int at_fd, at_flags;
static const char *at_path;

static void exec_at(void)
{
	syscall(SYS_execveat, at_fd, at_path, ARGUMENTS(S("x"), S("child:arguments")),
		ARGUMENTS(S("E=2")), at_flags);
}

TEST(execveat, relative_to_a_directory)
{
	copy_self("program", 0755);
	at_fd = (int)EXPECT_OK(open(".", O_RDONLY | O_DIRECTORY));
	EXPECT_OK(chdir("/"));
	at_path = "program";
	EXPECT_EQ(run(exec_at, output, sizeof(output)), 0);
	EXPECT_STR(output, "[x][child:arguments]\n{E=2}\n");
}

TEST(execveat, descriptor_of_the_program)
{
	at_fd = (int)EXPECT_OK(open(self, O_RDONLY | O_CLOEXEC));
	at_path = "";
	EXPECT_ERR(syscall(SYS_execveat, at_fd, "", plain, environ, 0), ENOENT);
	at_flags = AT_EMPTY_PATH;
	EXPECT_EQ(run(exec_at, output, sizeof(output)), 0);
	EXPECT_STR(output, "[x][child:arguments]\n{E=2}\n");
	close(at_fd);
	at_fd = (int)EXPECT_OK(open(self, O_PATH));
	EXPECT_EQ(run(exec_at, output, sizeof(output)), 0);
}

TEST(execveat, script_by_descriptor)
{
	make_script("script", "#!/bin/echo\n");
	at_fd = (int)EXPECT_OK(open("script", O_RDONLY));
	at_path = "";
	at_flags = AT_EMPTY_PATH;
	EXPECT_EQ(run(exec_at, output, sizeof(output)), 0);
	snprintf(expected, sizeof(expected), "/dev/fd/%d child:arguments\n", at_fd);
	EXPECT_STR(output, expected);
	/* It could not be opened any more by then. */
	EXPECT_OK(fcntl(at_fd, F_SETFD, FD_CLOEXEC));
	EXPECT_ERR(syscall(SYS_execveat, at_fd, "", plain, environ, AT_EMPTY_PATH), ENOENT);
}

TEST(execveat, errors)
{
	EXPECT_ERR(syscall(SYS_execveat, -5, "x", plain, environ, 0), EBADF);
	EXPECT_ERR(syscall(SYS_execveat, AT_FDCWD, "x", plain, environ, 0x4000), EINVAL);
	make_script("script", "#!/bin/sh\n");
	EXPECT_OK(symlink("script", "link"));
	EXPECT_ERR(syscall(SYS_execveat, AT_FDCWD, "link", plain, environ, AT_SYMLINK_NOFOLLOW),
		   ELOOP);
	at_fd = (int)EXPECT_OK(open("script", O_RDONLY));
	EXPECT_ERR(syscall(SYS_execveat, at_fd, "x", plain, environ, 0), ENOTDIR);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strncmp(argv[1], "child:", 6)) {
		const char *name = (const char *)getauxval(AT_EXECFN);

		snprintf(self, sizeof(self), "%s", name ? name : "");
		return child_main(argc, argv);
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	return test_main(argc, argv);
}
