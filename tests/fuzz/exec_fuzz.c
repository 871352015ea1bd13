/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a program: execve of it in the hosted kernel, so exec_check, the mappings, the stack and the rewriter run
 * for real. The process may die of it; the kernel may not. The first byte says where the file lies (host or memory), how
 * many bytes behind the input it has, and whether there is a second file for it to name as its interpreter, "i".
 */
#include <asm/unistd.h>

#include "abi/platform.h"
#include "lib/base/string.h"
#include "platform/hosted/hosted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
char *getenv(const char *name);
int dprintf(int fd, const char *format, ...);

static bool talk;

static long call(unsigned int number, unsigned long a0, unsigned long a1, unsigned long a2)
{
	unsigned long a[6] = { a0, a1, a2, 0, 0, 0 };

	return hosted_syscall(number, a);
}

static uintptr_t put(size_t at, const void *from, size_t size)
{
	if (plat_copy_user((void *)(AREA + at), from, size))
		hosted_fail("the area is gone");
	return AREA + at;
}

static bool write_file(const char *name, const uint8_t *data, size_t size, size_t more)
{
	long fd = call(__NR_open, put(0, name, strlen(name) + 1),
		       0x241 /* O_WRONLY | O_CREAT | O_TRUNC */, 0755);

	if (fd < 0)
		return false;
	for (size_t done = 0; done < size; done += 16384) {
		size_t n = MIN(size - done, (size_t)16384);

		(void)call(__NR_write, (unsigned long)fd, put(4096, data + done, n), n);
	}
	(void)call(__NR_ftruncate, (unsigned long)fd, size + more, 0);
	(void)call(__NR_close, (unsigned long)fd, 0, 0);
	return true;
}

static void run(const uint8_t *data, size_t size)
{
	static const char argument[] = "argument";
	uint8_t how = size ? data[0] : 0;
	unsigned long vector[2] = { 0, 0 };
	size_t half;
	long r;

	if (size) {
		data++;
		size--;
	}
	half = how & 4 ? size / 2 : size;
	hosted_seed(how);
	hosted_host_mode(HOST_HONEST, 1, 0);
	if (!hosted_process_start(0))
		hosted_fail("no process");
	if (how & 1)
		hosted_host_file("program", data, half);
	if (((how & 1) || write_file("f", data, half, how & 2 ? 65536 : 0)) &&
	    (half == size || write_file("i", data + half, size - half, 8192))) {
		const char *name = how & 1 ? "/program" : "f";

		vector[0] = put(256, argument, sizeof(argument));
		put(512, vector, sizeof(vector));
		r = call(__NR_execve, put(0, name, strlen(name) + 1), AREA + 512, AREA + 512);
		if (talk)
			dprintf(2, "execve: %ld\n", r);
		if (r == 0 && hosted_pick(0)) {
			(void)call(__NR_brk, 0, 0, 0);
			(void)call(__NR_getpid, 0, 0, 0);
		}
	}
	hosted_process_end();
	hosted_tidy();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	hosted_boot();
	talk = hosted_verbose = getenv("HOSTED_VERBOSE") != NULL;
	run((const uint8_t *)"", 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= 65536)
		hosted_check_leaks(run, data, size);
	return 0;
}
