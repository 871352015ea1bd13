/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary driver until the real command is there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "platform/process/host/enclave.h"

extern char **environ;

int main(int argc, char **argv)
{
	char error[512], kernel[512];
	struct enclave e;
	struct enclave_mount root = { "hostfs", "/", "ro,cache", -1, false };
	struct enclave_config c = { .stdio = { 0, 1, 2 }, .log_handle = 2, .envp = environ, .cwd = getcwd(NULL, 0), .mounts = &root, .mount_count = 1 };
	int at = 1;

	if (argc > at && !strcmp(argv[at], "run"))
		at++;
	for (; at < argc && argv[at][0] == '-'; at++) {
		if (!strcmp(argv[at], "--trace"))
			c.flags |= BOOT_TRACE;
		if (!strcmp(argv[at], "--stats"))
			c.flags |= BOOT_STATS;
		if (!strcmp(argv[at], "--no-rewrite"))
			c.flags |= BOOT_NO_REWRITE;
		if (!strcmp(argv[at], "--no-spin"))
			c.flags |= BOOT_NO_SPIN;
	}
	root.handle = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ssize_t n = readlink("/proc/self/exe", kernel, sizeof(kernel) - 32);
	if (n < 0 || at >= argc)
		return 2;
	kernel[n] = 0;
	strcpy(strrchr(kernel, '/') + 1, "cloister-kernel-process");
	c.kernel = kernel;
	c.argv = argv + at;
	c.program = argv[at];
	if (enclave_start(&e, &c, error, sizeof(error))) {
		fprintf(stderr, "cloister: %s\n", error);
		return 125;
	}
	while (!enclave_poll(&e)) {
		struct timespec tick = { .tv_nsec = 20000000 };
		syscall(SYS_futex, &e.boot->exited, FUTEX_WAIT, 0, &tick, NULL, 0);
	}
	struct boot_info *b = e.boot;
	if (b->stopped)
		fprintf(stderr, "cloister: the enclave stopped: %s\n", b->reason);
	int status = b->exit_status;
	enclave_destroy(&e);
	if (b->stopped)
		return 125;
	if (b->start_error) {
		fprintf(stderr, "cloister: %s: %s\n", argv[at], strerror(-b->start_error));
		return b->start_error == -ENOENT ? 127 : 126;
	}
	if (c.flags & BOOT_STATS)
		fprintf(stderr, "fast %lu trapped %lu\n", b->calls_fast, b->calls_trapped);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
