/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each program of tests/corpus/syscall in the hosted kernel, once with each allocation failing, and with each call to
 * the host failing, cut short or lying. After each: no report, no panic, nothing left alive, and the kernel still works.
 * Uses the fuzz target as a function: flags are set from outside through hosted_*.
 *   fault_test FOLDER [NAME]
 */
#include "abi/platform.h"
#include "lib/base/string.h"
#include "platform/hosted/hosted.h"

#include "tests/fuzz/syscall_fuzz.c"

int open(const char *path, int flags, ...);
long read(int fd, void *to, size_t size);
int close(int fd);
void _exit(int status) __attribute__((noreturn));

#define PROGRAM_MAX 4096

/* What `run` does, with the fault armed after the process has started, and disarmed before it ends. */
static void run_with(const uint8_t *data, size_t size, unsigned long allocation, unsigned int mode,
		     unsigned long host_call, unsigned long *ret_allocations,
		     unsigned long *ret_host_calls)
{
	in = data + 3;
	left = size - 3;
	result_count = scratch = 0;
	hosted_seed(data[1]);
	hosted_host_mode(HOST_HONEST, 1, 0);
	hosted_fail_allocation(0);
	if (!hosted_process_start(data[0] & 1 ? 1000 : 0))
		hosted_fail("no process");
	hosted_host_mode(mode, 1, host_call);
	hosted_fail_allocation(allocation);
	for (int i = 0; i < CALLS_MAX && left; i++)
		if (!one_call())
			break;
	*ret_allocations = hosted_allocations();
	*ret_host_calls = hosted_host_calls();
	hosted_fail_allocation(0);
	hosted_host_mode(HOST_HONEST, 1, 0);
	hosted_process_end();
	hosted_tidy();
}

static void check_leak(const char *what, const uint8_t *data, size_t size, unsigned long n,
		       unsigned int mode, bool memory)
{
	unsigned long a, h;
	int grew = 0;

	for (int i = 0; i < 4; i++) {
		uint64_t objects = hosted_objects(), pages = hosted_pages(), mark = hosted_mark();

		run_with(data, size, memory ? n : 0, mode, memory ? 0 : n, &a, &h);
		if (hosted_objects() <= objects && hosted_pages() <= pages)
			return;
		if (++grew == 4) {
			hosted_print_newer(mark);
			hosted_fail("%s, %s %lu: leaves %ld objects and %ld pages", what,
				    memory ? "allocation" : "host call", n,
				    (long)(hosted_objects() - objects),
				    (long)(hosted_pages() - pages));
		}
	}
}

static unsigned long test(const char *what, const uint8_t *data, size_t size)
{
	unsigned long n, allocations, host_calls, runs = 0, more;

	run_with(data, size, 0, HOST_HONEST, 0, &allocations, &host_calls);
	run_with(data, size, 0, HOST_HONEST, 0, &allocations, &host_calls);
	for (n = 1; n <= allocations; n++, runs++) {
		if (talk)
			dprintf(2, "%s: allocation %lu of %lu\n", what, n, allocations);
		check_leak(what, data, size, n, HOST_HONEST, true);
	}
	for (unsigned int mode = HOST_FAILS; mode <= HOST_LIES; mode++)
		for (n = 1; n <= host_calls; n++, runs++) {
			if (talk)
				dprintf(2, "%s: host call %lu of %lu, mode %u\n", what, n,
					host_calls, mode);
			check_leak(what, data, size, n, mode, false);
		}
	/* Still works, and needs no more than before: faults left no state behind. */
	run_with(data, size, 0, HOST_HONEST, 0, &more, &host_calls);
	return runs;
}

/* A process is made while memory is short: made whole, or not at all. */
static unsigned long test_start(void)
{
	unsigned long n = 0;
	bool failed = true;

	while (failed) {
		uint64_t objects = 0;
		int grew = -1;

		n++;
		for (int i = 0; i < 5; i++) {
			uint64_t mark = hosted_mark();

			hosted_fail_allocation(n);
			if (hosted_process_start(0)) {
				failed = hosted_allocations() >= n;
				hosted_fail_allocation(0);
				hosted_process_end();
			}
			hosted_fail_allocation(0);
			hosted_tidy();
			grew += hosted_objects() > objects;
			objects = hosted_objects();
			if (grew == 4) {
				hosted_print_newer(mark);
				hosted_fail("start of a process, allocation %lu: a leak", n);
			}
		}
	}
	return n - 1;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {
		"file",	 "mmap",   "pipe",    "unix",  "scm",  "inet",	 "netlink",
		"epoll", "signal", "threads", "futex", "shm",  "mq",	 "proc",
		"host",	 "tty",	   "mount",   "xattr", "exec", "timers",
	};
	unsigned long runs = 0;

	LLVMFuzzerInitialize(NULL, NULL);
	runs += test_start();
	for (size_t i = 0; i < ARRAY_SIZE(names) && argc > 1; i++) {
		static uint8_t data[PROGRAM_MAX];
		char path[512];
		long size = -1;
		int fd;

		if (argc > 2 && !str_eq(argv[2], names[i]))
			continue;
		if (str_copy(path, argv[1], 256) < 256) {
			size_t len = strlen(path);

			path[len] = '/';
			str_copy(path + len + 1, names[i], 100);
		}
		fd = open(path, 0);
		if (fd >= 0) {
			size = read(fd, data, sizeof(data));
			close(fd);
		}
		if (size < 3)
			hosted_fail("cannot read %s", path);
		runs += test(names[i], data, (size_t)size);
	}
	dprintf(1, "%lu faults\n", runs);
	_exit(runs ? 0 : 1);
}
