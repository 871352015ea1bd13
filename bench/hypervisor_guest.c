// SPDX-License-Identifier: Apache-2.0
/*
 * What bench/hypervisor runs inside the guest; times are lines "result NAME NANOSECONDS", of one call:
 *
 *	enclave-bench work PART       of a fixed workload: prepare, then fork+exec, sha256, pages; without and under the hypervisor
 *	enclave-bench calls N         ECALLs; enclave-bench report N, key N: with EREPORT, EGETKEY in each
 *	enclave-bench busy MS         an ECALL of that long, for its interrupts
 *
 * Enclaves are the tests' (checks.enclave in the current folder). Exit status 0 only if everything was right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hypervisor/loader/enclave.h"
#include "hypervisor/loader/enclaves/checks.h"
#include "hypervisor/sgx/arch.h"

enum { PROCESSES = 48, CHECKSUM_SIZE = 48 << 20, MEMORY = 16 << 20, MEMORY_ROUNDS = 16 };

static void fail(const char *what)
{
	fprintf(stderr, "enclave-bench: %s\n", what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- The workload --- */

static void run_program(const char *path, const char *argument)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (!child) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(126);
		execl(path, path, argument, (char *)NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child || status)
		fail("a child failed");
}

static void processes(void)
{
	for (unsigned int i = 0; i < PROCESSES; i++)
		run_program("/proc/self/exe", "nothing");
}

static void checksum(void)
{
	run_program("/bin/sha256sum", "/tmp/enclave-bench");
}

static void memory(void)
{
	for (unsigned int i = 0; i < MEMORY_ROUNDS; i++) {
		volatile uint8_t *p = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			fail("mmap");
		for (size_t at = 0; at < MEMORY; at += 4096)
			p[at] = 1;
		munmap((void *)(uintptr_t)p, MEMORY);
	}
}

static void prepare(void)
{
	static uint8_t contents[65536];
	FILE *f = fopen("/tmp/enclave-bench", "we");

	for (size_t done = 0; f && done < CHECKSUM_SIZE; done += sizeof(contents))
		if (fwrite(contents, sizeof(contents), 1, f) != 1)
			fail("/tmp");
	if (!f || fclose(f))
		fail("/tmp");
}

static void work(const char *part)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = { { "prepare", prepare },
		      { "fork+exec", processes },
		      { "sha256", checksum },
		      { "pages", memory } };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(parts[i].name, part))
			continue;
		parts[i].run();
		return;
	}
	fail("no such part");
}

/* --- Enclaves --- */

static struct enclave *make(void)
{
	struct enclave_file file;
	struct enclave *e;

	if (enclave_file_open("checks.enclave", &file) || enclave_create(&file, NULL, &e))
		fail(enclave_failed_step());
	enclave_file_close(&file);
	return e;
}

static void repeat(const char *name, uint64_t function, uint64_t a, uint64_t b, uint64_t count)
{
	struct enclave *e = make();
	uint64_t value, begin = now();

	for (uint64_t i = 0; i < count; i++)
		if (enclave_call(e, function, a, b, &value) || value == ~0ULL)
			fail("the call failed");
	printf("result %s %lu\n", name, (now() - begin) / (count ?: 1));
	enclave_destroy(e);
}

static void report(uint64_t count)
{
	static struct report out __attribute__((aligned(512)));

	repeat("report", CHECK_REPORT, 0, (uint64_t)(uintptr_t)&out, count);
}

static void key(uint64_t count)
{
	static uint8_t out[16];
	static struct keyrequest request
		__attribute__((aligned(512))) = { .key_name = KEY_SEAL,
						  .key_policy = KEYPOLICY_MRSIGNER };

	repeat("key", CHECK_KEY, (uint64_t)(uintptr_t)&request, (uint64_t)(uintptr_t)out, count);
}

/* Rounds of about a millisecond, so that interrupts arrive; the loop is measured rather than believed. */
static void busy(uint64_t milliseconds)
{
	struct enclave *e = make();
	uint64_t value, begin = now();

	while (now() - begin < milliseconds * 1000000)
		if (enclave_call(e, CHECK_THREAD, 10000000, 0, &value))
			fail("the call failed");
	enclave_destroy(e);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	if (!strcmp(what, "nothing"))
		return 0;
	if (!strcmp(what, "work"))
		work(argc > 2 ? argv[2] : "");
	else if (!strcmp(what, "calls"))
		repeat("call", CHECK_COUNT, 0, 0, count);
	else if (!strcmp(what, "report"))
		report(count);
	else if (!strcmp(what, "key"))
		key(count);
	else if (!strcmp(what, "busy"))
		busy(count);
	else
		fail("work PART | calls N | report N | key N | busy MILLISECONDS");
	return 0;
}
