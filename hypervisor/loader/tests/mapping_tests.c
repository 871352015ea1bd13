/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enclave's mappings, its file and its processes, as Linux's own driver has them: see driver_tests.c. Also a debugger's view.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hypervisor/loader/tests/tests.h"

static sigjmp_buf jump;
static volatile int seen_signal;

static void caught(int number)
{
	seen_signal = number;
	siglongjmp(jump, 1);
}

/* What a byte reads as, or minus the signal that reading it ends in. */
static int touch(const volatile uint8_t *at)
{
	struct sigaction action = { .sa_handler = caught }, bus, segv;
	int value;

	sigaction(SIGBUS, &action, &bus);
	sigaction(SIGSEGV, &action, &segv);
	value = sigsetjmp(jump, 1) ? -seen_signal : *at;
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return value;
}

static int map(void *at, size_t size, int protection, int flags, int fd)
{
	return mmap(at, size, protection, flags, fd, 0) == MAP_FAILED ? -errno : 0;
}

static int protect(void *at, size_t size, int protection)
{
	return mprotect(at, size, protection) ? -errno : 0;
}

#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define FIXED (MAP_SHARED | MAP_FIXED)

/* --- What may be mapped, when -------------------------------------------------------------------- */

static void test_before_create(void)
{
	int fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
	uint8_t *p;

	EXPECT_EQUAL(map(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd), -EINVAL);
	EXPECT_EQUAL(map(NULL, 0, PROT_READ, MAP_SHARED, fd), -EINVAL);
	EXPECT_EQUAL(map(NULL, PAGE_SIZE, RWX, MAP_SHARED_VALIDATE, fd), 0);
	p = mmap(NULL, 3 * PAGE_SIZE, RWX, MAP_SHARED | MAP_POPULATE, fd, 0x7000);
	EXPECT(p != MAP_FAILED);
	EXPECT_EQUAL(touch(p), -SIGBUS);
	EXPECT_EQUAL(protect(p, PAGE_SIZE, PROT_NONE), 0);
	EXPECT_EQUAL(touch(p), -SIGSEGV);
	EXPECT_EQUAL(munmap(p + PAGE_SIZE, PAGE_SIZE), 0);
	EXPECT_EQUAL(touch(p + PAGE_SIZE), -SIGSEGV);
	close(fd);
	/* read only, it can still be mapped to be read */
	fd = open("/dev/sgx_enclave", O_RDONLY | O_CLOEXEC);
	EXPECT_EQUAL(map(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd), 0);
	EXPECT_EQUAL(map(NULL, PAGE_SIZE, PROT_WRITE, MAP_SHARED, fd), -EACCES);
	close(fd);
}

static void test_before_init(void)
{
	const struct enclave_options options = { .uninitialised = true };
	struct enclave_file file;
	struct enclave *e;
	uint8_t *base, *code, *growth;
	const struct enclave_layout *l;
	int fd;

	open_file("checks", &file);
	EXPECT_EQUAL(enclave_create(&file, &options, &e), 0);
	fd = enclave_device(e);
	l = enclave_layout(e);
	base = enclave_base(e);
	code = base + (l->entry & ~0xfffULL);
	growth = base + l->growth;
	EXPECT_EQUAL(protect(base, l->size, PROT_READ),
		     0); /* TCSs too, whatever their SECINFO says */
	EXPECT_EQUAL(protect(code, PAGE_SIZE, PROT_READ | PROT_WRITE), -EACCES);
	EXPECT_EQUAL(protect(code, PAGE_SIZE, PROT_READ | PROT_EXEC), 0);
	EXPECT_EQUAL(touch(code), 0xff);
	EXPECT_EQUAL(map(growth, PAGE_SIZE, RWX, FIXED, fd), 0);
	EXPECT_EQUAL(touch(growth), -SIGBUS); /* nothing grows before EINIT */
	EXPECT_EQUAL(map(base + l->size, PAGE_SIZE, RWX, MAP_SHARED, fd), 0);
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), 0);
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	enclave_destroy(e);
	enclave_file_close(&file);
}

static void test_after_init(void)
{
	struct enclave *e = make_checks(NULL);
	const struct enclave_layout *l = enclave_layout(e);
	uint8_t *base = enclave_base(e), *tcs = base + l->tcs[1], *growth = base + l->growth;
	int fd = enclave_device(e), old;

	EXPECT_EQUAL(map(NULL, PAGE_SIZE, PROT_NONE, MAP_SHARED, fd), -EACCES);
	EXPECT_EQUAL(map(tcs, PAGE_SIZE, PROT_READ | PROT_EXEC, FIXED, fd), -EACCES);
	EXPECT_EQUAL(map(tcs, PAGE_SIZE, PROT_READ | PROT_WRITE, FIXED, fd), 0);
	EXPECT_EQUAL(protect(tcs, PAGE_SIZE, RWX), -EACCES);
	EXPECT_EQUAL(protect(growth, PAGE_SIZE, RWX), 0);
	/* a page that grows may become anything later */
	EXPECT_EQUAL(touch(growth), 0xff);
	EXPECT_EQUAL(protect(growth, 2 * PAGE_SIZE, RWX), 0);
	old = personality(READ_IMPLIES_EXEC);
	EXPECT_EQUAL(map(growth, PAGE_SIZE, PROT_READ, FIXED, fd), -EACCES);
	personality((unsigned long)old);
	EXPECT_EQUAL(map(growth, PAGE_SIZE, RWX, FIXED, fd), 0);
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	enclave_destroy(e);
}

/* What other system calls do to a mapping: an enclave has it afterwards as before. */
static void test_advice(void)
{
	static const struct {
		int advice, answer;
	} advices[] = {
		{ MADV_NORMAL, 0 },	    { MADV_WILLNEED, 0 },
		{ MADV_DONTNEED, -EINVAL }, { MADV_FREE, -EINVAL },
		{ MADV_REMOVE, -ENODEV },   { MADV_DONTFORK, 0 },
		{ MADV_DOFORK, -EINVAL },   { MADV_HUGEPAGE, 0 },
		{ MADV_NOHUGEPAGE, 0 },	    { MADV_DONTDUMP, 0 },
		{ MADV_DODUMP, -EINVAL },   { MADV_COLD, -EINVAL },
		{ MADV_PAGEOUT, -EINVAL },  { MADV_WIPEONFORK, -EINVAL },
		{ MADV_MERGEABLE, 0 },	    { MADV_POPULATE_READ, -EINVAL },
		{ MADV_SEQUENTIAL, 0 },
	};
	struct enclave *e = make_checks(NULL);
	uint8_t *heap = enclave_base(e), present;
	const struct enclave_layout *l = enclave_layout(e);

	heap += l->pages[l->page_count - 1].offset;
	call(e, CHECK_HEAP_FILL, 3, 0);
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++) {
		int r = madvise(heap, PAGE_SIZE, advices[i].advice) ? -errno : 0;

		if (r != advices[i].answer) {
			printf("advice %d: %d, not %d\n", advices[i].advice, r, advices[i].answer);
			failures++;
		}
	}
	EXPECT_EQUAL(mlock(heap, PAGE_SIZE), 0);
	EXPECT_EQUAL(munlock(heap, PAGE_SIZE), 0);
	EXPECT_EQUAL(msync(heap, PAGE_SIZE, MS_SYNC) ? -errno : 0, -EINVAL);
	EXPECT_EQUAL(msync(heap, PAGE_SIZE, MS_ASYNC), 0);
	EXPECT_EQUAL(mincore(heap, PAGE_SIZE, &present), 0);
	EXPECT(mremap(heap, PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE) == MAP_FAILED &&
	       errno == EFAULT);
	EXPECT(mremap(heap, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL) ==
		       MAP_FAILED &&
	       errno == EINVAL);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 3, 0), 0);
	enclave_destroy(e);
}

/* System calls with an enclave's memory as buffer: Linux reads all ones, and writes nothing, a page or many at once. */
static void test_system_calls(void)
{
	struct enclave *e = make_checks(NULL);
	const struct enclave_layout *l = enclave_layout(e);
	uint8_t *heap = enclave_base(e) + l->pages[l->page_count - 1].offset - 3 * PAGE_SIZE;
	static uint8_t bytes[3 * PAGE_SIZE];
	size_t different = 0;
	int ends[2];

	call(e, CHECK_HEAP_FILL, 8, 0);
	EXPECT(!pipe(ends));
	EXPECT_EQUAL(write(ends[1], heap + 7, sizeof(bytes)), sizeof(bytes));
	EXPECT_EQUAL(read(ends[0], bytes, sizeof(bytes)), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		different += bytes[i] != 0xff;
	EXPECT_EQUAL(different, 0);
	EXPECT_EQUAL(write(ends[1], "0123456789", 10), 10);
	EXPECT_EQUAL(read(ends[0], heap + PAGE_SIZE - 5, 10), 10);
	EXPECT_EQUAL(getrandom(heap, PAGE_SIZE, 0), PAGE_SIZE);
	/* what must find a page behind the address does not */
	EXPECT(syscall(SYS_futex, heap, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) < 0 &&
	       errno == EAGAIN);
	EXPECT(syscall(SYS_futex, heap, FUTEX_WAIT, ~0U, NULL, NULL, 0) < 0 && errno == EFAULT);
	EXPECT(vmsplice(ends[1], &(struct iovec){ heap, PAGE_SIZE }, 1, 0) < 0 && errno == EFAULT);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 8, 0), 0);
	close(ends[0]);
	close(ends[1]);
	enclave_destroy(e);
}

/* A page's mapping moved away is of no use to the enclave; mapped again, it is there. */
static void test_moved(void)
{
	struct enclave *e = make_checks(NULL);
	const struct enclave_layout *l = enclave_layout(e);
	uint8_t *heap = enclave_base(e) + l->pages[l->page_count - 1].offset, *to;

	call(e, CHECK_HEAP_FILL, 4, 0);
	to = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(mremap(heap, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	EXPECT_EQUAL(touch(to), 0xff);
	EXPECT_EQUAL(touch(heap), -SIGSEGV);
	EXPECT_EQUAL(call(e, CHECK_FAULT, FAULT_READ, (uintptr_t)heap), 0x8000030eULL | 4ULL << 32);
	EXPECT_EQUAL(munmap(to, PAGE_SIZE), 0);
	EXPECT_EQUAL(map(heap, PAGE_SIZE, PROT_READ | PROT_WRITE, FIXED, enclave_device(e)), 0);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 4, 0), 0);
	enclave_destroy(e);
}

/* --- Processes ------------------------------------------------------------------------------------- */

static int ended(pid_t child)
{
	int status = -1;

	return waitpid(child, &status, 0) == child ? status : -1;
}

/* A file that two processes have: one builds and initialises, both map and enter. Then all but the mappings is closed. */
static void test_shared_file(void)
{
	const struct enclave_options options = { .uninitialised = true };
	struct enclave_file file;
	struct enclave *e;
	pid_t child;
	int copy;

	open_file("checks", &file);
	EXPECT_EQUAL(enclave_create(&file, &options, &e), 0);
	child = fork();
	if (!child)
		_exit(enclave_initialise(e, &file.sigstruct) || call(e, CHECK_COUNT, 0, 0) != 1);
	EXPECT_EQUAL(ended(child), 0);
	/* initialised by now, by the child */
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), -EINVAL);
	for (size_t i = 0; i < enclave_layout(e)->page_count; i++) {
		const struct enclave_page *page = &enclave_layout(e)->pages[i];

		EXPECT_EQUAL(map(enclave_base(e) + page->offset, PAGE_SIZE, layout_protection(page),
				 FIXED, enclave_device(e)),
			     0);
	}
	copy = dup(enclave_device(e));
	EXPECT_EQUAL(ioctl(copy, SGX_IOC_ENCLAVE_CREATE, NULL) ? -errno : 0, -EINVAL);
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 2);
	close(copy);
	close(enclave_device(e));
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 3);
	/* a child of which nobody else has the enclave any more */
	child = fork();
	if (!child) {
		usleep(50000);
		_exit(call(e, CHECK_COUNT, 0, 0) != 4);
	}
	munmap(enclave_base(e), enclave_layout(e)->size);
	EXPECT_EQUAL(ended(child), 0);
	enclave_file_close(&file);
}

/* A process with an enclave that dumps its memory: without the enclave, and without harm. */
static void test_core_dump(void)
{
	static const char pattern[] = "/tmp/core\n";
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY), status;
	struct enclave *e = make_checks(NULL);
	pid_t child;

	EXPECT(fd >= 0 && write(fd, pattern, strlen(pattern)) == (ssize_t)strlen(pattern));
	close(fd);
	child = fork();
	if (!child) {
		call(e, CHECK_COUNT, 0, 0);
		setrlimit(RLIMIT_CORE, &all);
		raise(SIGSEGV);
		_exit(1);
	}
	status = ended(child);
	EXPECT(WIFSIGNALED(status) && WCOREDUMP(status));
	EXPECT(!access("/tmp/core", R_OK) && !unlink("/tmp/core"));
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 2);
	enclave_destroy(e);
}

/* exec takes the old program's enclaves away, whole. */
static void test_exec(void)
{
	uint64_t before = driver_number("epc_unused"), after = 0;
	char *const arguments[] = { (char *)(uintptr_t) "true", NULL };
	pid_t child = fork();

	if (!child) {
		struct enclave *e = make_checks(NULL);

		call(e, CHECK_COUNT, 0, 0);
		execv("/bin/busybox", arguments);
		_exit(1);
	}
	EXPECT_EQUAL(ended(child), 0);
	for (int i = 0; i < 200 && after != before;
	     i++) { /* the file's release may come a little later */
		after = driver_number("epc_unused");
		usleep(10000);
	}
	EXPECT_EQUAL(after, before);
}

/* --- Debuggers -------------------------------------------------------------------------------------- */

static void test_debugger(void)
{
	const struct enclave_options options = { .uninitialised = true,
						 .attributes = ATTRIBUTE_DEBUG };
	struct enclave_file file;
	struct sigstruct s;
	struct enclave *e;
	uint8_t bytes[128], *tcs;
	struct iovec here = { bytes, 8 }, there;
	uint64_t flags = 1;
	int memory = open("/proc/self/mem", O_RDWR);
	pid_t child;

	open_file("checks", &file);
	EXPECT_EQUAL(sign_with(&file, ATTRIBUTE_DEBUG, &s), 0);
	EXPECT_EQUAL(enclave_create(&file, &options, &e), 0);
	tcs = enclave_base(e) + enclave_layout(e)->tcs[0];
	/* before EINIT, and before anything is mapped with rights */
	EXPECT_EQUAL(pread(memory, bytes, 8, (off_t)(uintptr_t)(tcs + 28)), 8);
	EXPECT_EQUAL(bytes[0], 2); /* NSSA's low half; the rest is CSSA's end and OENTRY's start */
	EXPECT_EQUAL(enclave_initialise(e, &s), 0);
	/* a TCS has 72 bytes to be read, and FLAGS to be written */
	EXPECT_EQUAL(pread(memory, bytes, 72, (off_t)(uintptr_t)tcs), 72);
	EXPECT(pread(memory, bytes, 80, (off_t)(uintptr_t)tcs) < 0 && errno == EIO);
	EXPECT(pwrite(memory, bytes, 8, (off_t)(uintptr_t)tcs) < 0 && errno == EIO);
	EXPECT_EQUAL(pwrite(memory, &flags, 8, (off_t)(uintptr_t)(tcs + 8)), 8);
	/* what copies from process to process does not see it */
	there = (struct iovec){ tcs, 8 };
	EXPECT(process_vm_readv(getpid(), &here, 1, &there, 1, 0) < 0 && errno == EFAULT);
	/* nothing there yet: the driver does not grow an enclave for a debugger */
	EXPECT(pread(memory, bytes, 8,
		     (off_t)(uintptr_t)(enclave_base(e) + enclave_layout(e)->growth)) < 0 &&
	       errno == EIO);
	/* a tracer's peek */
	child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	errno = 0;
	EXPECT_EQUAL(ptrace(PTRACE_PEEKDATA, child, tcs + 8, NULL), 1);
	EXPECT_EQUAL(errno, 0);
	ptrace(PTRACE_CONT, child, NULL, NULL);
	EXPECT_EQUAL(ended(child), 0);
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	enclave_destroy(e);
	enclave_file_close(&file);
	close(memory);
}

const struct test mapping_tests[] = {
	{ "map-before-create", test_before_create },
	{ "map-before-init", test_before_init },
	{ "map-after-init", test_after_init },
	{ "map-advice", test_advice },
	{ "map-system-calls", test_system_calls },
	{ "map-moved", test_moved },
	{ "shared-file", test_shared_file },
	{ "core-dump", test_core_dump },
	{ "exec", test_exec },
	{ "debugger", test_debugger },
	{ 0 },
};
