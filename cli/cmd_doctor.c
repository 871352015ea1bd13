/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister doctor`: looks at the machine, changes nothing on it, and says for each platform whether it can work, what is
 * missing and what to do. A check that matters for a platform is tried out where that is harmless.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "cli/cli.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

enum { DOCTOR_JSON };
const struct option doctor_options[] = { [DOCTOR_JSON] = { 0, "json", NULL, "for programs" },
					 { 0 } };

enum state { OK, NOTE, BAD }; /* BAD: the process platform cannot work */

#define CHECKS_MAX 32
static struct check {
	const char *name;
	enum state state;
	char found[160];
	const char *advice;
} checks[CHECKS_MAX];
static size_t check_count;

static void add(const char *name, enum state state, const char *advice, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void add(const char *name, enum state state, const char *advice, const char *format, ...)
{
	struct check *c = &checks[check_count];
	va_list ap;

	if (check_count >= CHECKS_MAX)
		return;
	check_count++;
	c->name = name;
	c->state = state;
	c->advice = state == OK ? NULL : advice;
	va_start(ap, format);
	vsnprintf(c->found, sizeof(c->found), format, ap);
	va_end(ap);
}

/* First line of a small file, or NULL. */
static const char *read_line(const char *path, char *to, size_t size)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, to, size - 1) : -1;

	if (n < 0)
		return NULL;
	to[n] = 0;
	to[strcspn(to, "\n")] = 0;
	return to;
}

static void check_kernel(void)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%u.%u", &major, &minor);
	add("Linux", major > 5 || (major == 5 && minor >= 11) ? OK : BAD,
	    "Linux 5.11 or newer is needed", "%.100s", u.release);
	add("processor", strcmp(u.machine, "x86_64") ? BAD : OK, "only x86-64 is supported",
	    "%.60s", u.machine);
	add("FSGSBASE", getauxval(AT_HWCAP2) & 2 ? OK : BAD,
	    "needs a processor since 2012 (Ivy Bridge, Excavator) and no nofsgsbase on the kernel's command line",
	    "%s", getauxval(AT_HWCAP2) & 2 ? "usable" : "not usable");
}

/* In a child, for there is no way back. */
static void check_seccomp(void)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, allow };
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
			_exit(errno & 0x7f ? errno & 0x7f : 1);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		add("seccomp filters", OK, NULL, "usable");
	else
		add("seccomp filters", BAD,
		    "the kernel needs CONFIG_SECCOMP_FILTER; a container must not forbid seccomp(2)",
		    "refused: %s", WIFEXITED(status) ? strerror(WEXITSTATUS(status)) : "died");
}

static void check_memory(void)
{
	char line[64];
	const char *noexec = read_line("/proc/sys/vm/memfd_noexec", line, sizeof(line));
	int fd = memfd_create("cloister-doctor", MFD_CLOEXEC | MFD_EXEC);
	void *at;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("cloister-doctor", MFD_CLOEXEC);
	if (fd < 0) {
		add("memfd", BAD, "set vm.memfd_noexec to 0 or 1 (sysctl)",
		    "%s; vm.memfd_noexec=%s", strerror(errno), noexec ? noexec : "-");
		return;
	}
	at = ftruncate(fd, 64L << 30) ? MAP_FAILED
				      : mmap(NULL, 64UL << 30, PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (at == MAP_FAILED || mprotect(at, 4096, PROT_READ | PROT_EXEC))
		add("memfd", BAD,
		    "ulimit -v must allow 64 GiB, and security modules executable shared memory",
		    "mapping 64 GiB, executable: %s", strerror(errno));
	else
		add("memfd", OK, NULL, "usable, executable; vm.memfd_noexec=%s",
		    noexec ? noexec : "-");
	if (at != MAP_FAILED)
		munmap(at, 64UL << 30);
	close(fd);
}

static void check_limits(void)
{
	char line[64], swap[64];
	const char *text = read_line("/proc/sys/vm/mmap_min_addr", line, sizeof(line));
	struct rlimit files = { 0, 0 }, processes = { 0, 0 };
	cpu_set_t cpus;
	int count = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);

	add("mmap_min_addr", text && strtoul(text, NULL, 10) > 65536 ? NOTE : OK,
	    "programs that map low addresses will fail", "%s", text ? text : "unknown");
	getrlimit(RLIMIT_NOFILE, &files);
	add("open files", files.rlim_max < 4096 ? NOTE : OK,
	    "one host table serves all processes of an enclave: raise the hard limit (ulimit -Hn) to 65536 or more",
	    "hard limit %llu", (unsigned long long)files.rlim_max);
	getrlimit(RLIMIT_NPROC, &processes);
	add("processes", processes.rlim_cur < 256 ? NOTE : OK,
	    "each process of an enclave is one of the host: raise ulimit -u",
	    processes.rlim_cur == RLIM_INFINITY ? "no limit" : "limit %llu",
	    (unsigned long long)processes.rlim_cur);
	text = read_line("/proc/sys/vm/overcommit_memory", swap, sizeof(swap));
	add("overcommit", text && *text == '2' ? NOTE : OK,
	    "with vm.overcommit_memory=2 large reservations of programs fail where they would natively, too",
	    "vm.overcommit_memory=%s", text ? text : "unknown");
	add("processors", count < 2 ? NOTE : OK,
	    "works, but nothing spins: wake-ups between threads cost more", "%d", count);
}

static void check_children_file(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	add("/proc", access(path, R_OK) ? NOTE : OK,
	    "mount /proc; without .../children an enclave's end is less orderly",
	    access(path, R_OK) ? "%s is missing" : "usable", path);
}

static void check_device(const char *name, const char *path, const char *advice)
{
	if (!access(path, R_OK | W_OK))
		add(name, OK, NULL, "%s", path);
	else if (!access(path, F_OK))
		add(name, NOTE, "you may not open it (see its group and mode)", "%s: %s", path,
		    strerror(errno));
	else
		add(name, NOTE, advice, "no %s", path);
}

static void check_hardware(void)
{
	unsigned int a, b, c, d;
	bool pku = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & 0x10);
	char line[64];
	const char *text;
	struct stat st;

	add("protection keys", pku ? OK : NOTE,
	    "hardening of kernel memory is not possible without PKU", "%s",
	    pku ? "usable" : "not there");
	text = read_line("/proc/sys/user/max_user_namespaces", line, sizeof(line));
	add("user namespaces", text && strcmp(text, "0") ? OK : NOTE,
	    "not needed by cloister run; container runtimes want them", "%s",
	    text && strcmp(text, "0") ? "usable" : "off");
	check_device(
		"KVM", "/dev/kvm",
		"no virtualization here: switch it on in the firmware, or nested in the hypervisor");
	check_device("SGX", "/dev/sgx_enclave",
		     "needs a processor with SGX2, switched on in the firmware");
	check_device("SEV-SNP guest", "/dev/sev-guest",
		     "only inside an AMD SEV-SNP virtual machine");
	check_device("TDX guest", "/dev/tdx_guest", "only inside an Intel TDX virtual machine");
	add("configfs-tsm", stat("/sys/kernel/config/tsm/report", &st) ? NOTE : OK,
	    "evidence by TSM: Linux 6.7 or newer in a confidential virtual machine", "%s",
	    stat("/sys/kernel/config/tsm/report", &st) ? "not there" : "usable");
	check_device("TPM", "/dev/tpmrm0", "no TPM 2.0, or no driver for it");
}

static const struct check *find_check(const char *name)
{
	for (size_t i = 0; i < check_count; i++)
		if (!strcmp(checks[i].name, name))
			return &checks[i];
	return NULL;
}

static bool process_platform_works(void)
{
	for (size_t i = 0; i < check_count; i++)
		if (checks[i].state == BAD)
			return false;
	return true;
}

struct verdict {
	const char *platform, *verdict, *text;
};

static void judge(struct verdict v[3])
{
	bool kvm = find_check("KVM")->state == OK, sgx = find_check("SGX")->state == OK;

	v[0] = process_platform_works()
		       ? (struct verdict){ "process", "usable", "cloister run works here" }
		       : (struct verdict){ "process", "not usable",
					   "see the lines marked !! above" };
	v[1] = (struct verdict){ "vm", "not built yet",
				 kvm ? "this machine would have /dev/kvm for it"
				     : "this machine lacks /dev/kvm" };
	v[2] = (struct verdict){ "sgx", "not built yet",
				 sgx ? "this machine would have SGX for it"
				     : "this machine lacks /dev/sgx_enclave" };
}

static void print_json(const struct verdict v[3])
{
	static const char *const names[] = { "ok", "note", "bad" };

	/* None of these texts holds a character that JSON minds. */
	printf("{\"checks\":[");
	for (size_t i = 0; i < check_count; i++)
		printf("%s{\"name\":\"%s\",\"state\":\"%s\",\"found\":\"%s\",\"advice\":\"%s\"}",
		       i ? "," : "", checks[i].name, names[checks[i].state], checks[i].found,
		       checks[i].advice ? checks[i].advice : "");
	printf("],\"platforms\":[");
	for (int i = 0; i < 3; i++)
		printf("%s{\"name\":\"%s\",\"verdict\":\"%s\",\"text\":\"%s\"}", i ? "," : "",
		       v[i].platform, v[i].verdict, v[i].text);
	printf("]}\n");
}

static void print_table(const struct verdict v[3])
{
	static const char *const marks[] = { "ok", "-", "!!" };

	for (size_t i = 0; i < check_count; i++) {
		printf("%-3s %-16s %s\n", marks[checks[i].state], checks[i].name, checks[i].found);
		if (checks[i].advice)
			printf("    %-16s   %s\n", "", checks[i].advice);
	}
	printf("\n");
	for (int i = 0; i < 3; i++)
		printf("platform %-8s %s: %s\n", v[i].platform, v[i].verdict, v[i].text);
}

int cmd_doctor(char **argv)
{
	struct option_parser p = { .table = doctor_options, .argv = argv };
	struct verdict v[3];
	struct error err;
	bool json = false;
	int option;

	while ((option = option_next(&p, &err)) >= 0)
		json = true;
	if (option == -2)
		return complain(&err, EXIT_USAGE);
	if (p.argv[0]) {
		fail(&err, "doctor: %s: no operands are taken", p.argv[0]);
		return complain(&err, EXIT_USAGE);
	}
	check_kernel();
	check_seccomp();
	check_memory();
	check_limits();
	check_children_file();
	check_hardware();
	judge(v);
	if (json)
		print_json(v);
	else
		print_table(v);
	if (fflush(stdout))
		return 1;
	return process_platform_works() ? 0 : 1;
}
