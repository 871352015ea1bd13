/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: mmap family, brk, madvise, mincore, msync, locks, policies, membarrier, other processes' memory. */
#include "tests/syscall/test.h"

#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

static sigjmp_buf fault_jump;
static volatile int fault_signal, fault_code;
static void *volatile fault_address;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault_signal = sig;
	fault_code = info->si_code;
	fault_address = info->si_addr;
	siglongjmp(fault_jump, 1);
}

/* The signal that an access gets, or 0. */
static int touch(volatile char *p, bool write)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	fault_signal = 0;
	if (!sigsetjmp(fault_jump, 1)) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	return fault_signal;
}

static int make_file(const char *name, size_t size)
{
	int fd = (int)EXPECT_OK(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));

	for (size_t i = 0; i < size; i += 8) {
		uint64_t v = i;

		EXPECT_EQ(pwrite(fd, &v, size - i < 8 ? size - i : 8, (off_t)i),
			  size - i < 8 ? size - i : 8);
	}
	return fd;
}

static bool unprivileged(void)
{
	return geteuid() != 0;
}

/* --- mmap ------------------------------------------------------------------------------------------------------------- */

TEST(mmap, anonymous_is_zero_and_writable)
{
	char *p = map(100, RW, ANON);

	for (size_t i = 0; i < 100 * PAGE; i += 511)
		EXPECT_EQ(p[i], 0);
	memset(p, 7, 100 * PAGE);
	EXPECT_EQ(p[100 * PAGE - 1], 7);
	EXPECT_OK(munmap(p, 100 * PAGE));
}

TEST(mmap, bad_arguments)
{
	int fd = make_file("f", 100), r, w, dir;

	EXPECT_ERR((long)mmap(NULL, 0, PROT_READ, ANON, -1, 0), EINVAL);
	EXPECT_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	EXPECT_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	EXPECT_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100), EINVAL);
	EXPECT_ERR((long)mmap((void *)0x123456UL, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0),
		   EINVAL);
	EXPECT_ERR((long)mmap(NULL, SIZE_MAX - 10000, PROT_READ, ANON, -1, 0), ENOMEM);
	EXPECT_ERR((long)mmap((void *)(0x7ffffffff000UL - PAGE), 4 * PAGE, PROT_READ,
			      ANON | MAP_FIXED, -1, 0),
		   ENOMEM);
	EXPECT_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x200, fd, 0),
		   EOPNOTSUPP);
	EXPECT_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0x7ffffffffffff000UL),
		   EOVERFLOW);
	r = (int)EXPECT_OK(open("f", O_RDONLY));
	w = (int)EXPECT_OK(open("f", O_WRONLY));
	dir = (int)EXPECT_OK(open(".", O_RDONLY));
	EXPECT_ERR((long)mmap(NULL, PAGE, RW, MAP_SHARED, r, 0), EACCES);
	EXPECT_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, w, 0), EACCES);
	EXPECT_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	EXPECT((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, r, 0) > 0);
}

TEST(mmap, fixed_replaces)
{
	char *p = map(5, RW, ANON);

	memset(p, 1, 5 * PAGE);
	EXPECT_EQ((long)mmap(p + PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0), (long)(p + PAGE));
	EXPECT_EQ(p[0], 1);
	EXPECT_EQ(p[PAGE], 0);
	EXPECT_EQ(p[3 * PAGE - 1], 0);
	EXPECT_EQ(p[3 * PAGE], 1);
}

TEST(mmap, fixed_noreplace_keeps)
{
	char *p = map(3, RW, ANON);

	EXPECT_ERR((long)mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	EXPECT_OK(munmap(p + PAGE, PAGE));
	EXPECT_EQ((long)mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
		  (long)(p + PAGE));
}

TEST(mmap, hint_is_taken_when_free)
{
	char *p = map(10, RW, ANON);

	EXPECT_OK(munmap(p, 10 * PAGE));
	EXPECT_EQ((long)mmap(p + PAGE, 2 * PAGE, RW, ANON, -1, 0), (long)(p + PAGE));
	EXPECT(mmap(p + PAGE, 2 * PAGE, RW, ANON, -1, 0) != p + PAGE);
}

TEST(mmap, low_32_bits)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON | MAP_32BIT, -1, 0);

	EXPECT(p != MAP_FAILED);
	EXPECT((uintptr_t)p + 4 * PAGE <= 0x80000000UL);
	p[0] = 1;
}

TEST(mmap, private_file_copies_on_write)
{
	int fd = make_file("f", 3 * PAGE);
	char *p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	uint64_t v;

	EXPECT(p != MAP_FAILED);
	EXPECT_EQ(*(uint64_t *)(p + PAGE + 8), PAGE + 8);
	*(uint64_t *)(p + PAGE + 8) = 1;
	EXPECT_EQ(pread(fd, &v, 8, PAGE + 8), 8);
	EXPECT_EQ(v, PAGE + 8);
	EXPECT_OK(close(fd));
	EXPECT_EQ(*(uint64_t *)(p + 2 * PAGE), 2 * PAGE);
}

TEST(mmap, shared_file_is_the_file)
{
	int fd = make_file("f", 3 * PAGE);
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, PAGE),
	     *q = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	uint64_t v = 77;

	EXPECT(p != MAP_FAILED && q != MAP_FAILED);
	*(uint64_t *)p = 5;
	EXPECT_EQ(*(uint64_t *)(q + PAGE), 5);
	EXPECT_EQ(pread(fd, &v, 8, PAGE), 8);
	EXPECT_EQ(v, 5);
	v = 6;
	EXPECT_EQ(pwrite(fd, &v, 8, PAGE + 16), 8);
	EXPECT_EQ(*(uint64_t *)(p + 16), 6);
}

TEST(mmap, shared_anonymous_is_shared_with_children)
{
	volatile int *p = (volatile int *)map(600, RW, MAP_SHARED | MAP_ANONYMOUS);
	int status;
	pid_t pid;

	p[0] = 1;
	pid = fork();
	if (!pid) {
		p[1] = p[0] + 1;
		p[500 * 1024] = 9;
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(p[1], 2);
	EXPECT_EQ(p[500 * 1024], 9);
}

TEST(mmap, private_memory_is_copied_by_fork)
{
	char *p = map(2, RW, ANON);
	int status;
	pid_t pid;

	p[0] = 1;
	pid = fork();
	if (!pid) {
		p[0] = 2;
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(p[0], 1);
}

TEST(mmap, beyond_the_end_of_a_file)
{
	int fd = make_file("f", PAGE + 100);
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);

	EXPECT(p != MAP_FAILED);
	EXPECT_EQ(p[PAGE + 200], 0);
	EXPECT_EQ(touch(p + 2 * PAGE, false), SIGBUS);
	EXPECT_EQ(fault_code, BUS_ADRERR);
	EXPECT_EQ((long)fault_address, (long)(p + 2 * PAGE));
	EXPECT_OK(ftruncate(fd, (off_t)(4 * PAGE)));
	EXPECT_EQ(touch(p + 2 * PAGE, true), 0);
	EXPECT_EQ(p[3 * PAGE], 0);
}

TEST(mmap, kernel_reaches_pages_not_touched_yet)
{
	int fd = make_file("f", 64), zero = (int)EXPECT_OK(open("/dev/zero", O_RDONLY));
	char *p = map(5000, RW, MAP_SHARED | MAP_ANONYMOUS);

	EXPECT_EQ(pread(fd, p + 3000 * PAGE - 32, 64, 0), 64);
	EXPECT_EQ(*(uint64_t *)(p + 3000 * PAGE), 32);
	EXPECT_EQ(read(zero, p + 4000 * PAGE - 10, 2 * PAGE), 2 * PAGE);
	EXPECT_EQ(write(fd, p + 4500 * PAGE, 8), 8);
}

TEST(mmap, no_access)
{
	char *p = map(1, PROT_NONE, ANON);
	int zero = (int)EXPECT_OK(open("/dev/zero", O_RDONLY));

	EXPECT_EQ(touch(p, false), SIGSEGV);
	EXPECT_EQ(fault_code, SEGV_ACCERR);
	EXPECT_ERR(read(zero, p, 1), EFAULT);
	EXPECT_OK(munmap(p, PAGE));
	EXPECT_EQ(touch(p, false), SIGSEGV);
	EXPECT_EQ(fault_code, SEGV_MAPERR);
}

TEST(mmap, populate)
{
	unsigned char in[16];
	char *p = mmap(NULL, 16 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);

	EXPECT(p != MAP_FAILED);
	EXPECT_OK(mincore(p, 16 * PAGE, in));
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(in[i] & 1, 1);
}

TEST(mmap, huge_reservation)
{
	char *p = mmap(NULL, 64UL << 30, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	EXPECT(p != MAP_FAILED);
	EXPECT_OK(mprotect(p + (32UL << 30), PAGE, RW));
	p[32UL << 30] = 1;
	EXPECT_OK(munmap(p, 64UL << 30));
}

TEST(mmap, grows_down)
{
	char *p = map(600, RW, ANON), *stack;

	EXPECT_OK(munmap(p, 600 * PAGE));
	stack = mmap(p + 598 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN, -1,
		     0);
	EXPECT_EQ((long)stack, (long)(p + 598 * PAGE));
	EXPECT_EQ(touch(stack - PAGE, true), 0);
	EXPECT_EQ(touch(stack - 3 * PAGE, true), 0);
	EXPECT_EQ(stack[-3 * (long)PAGE], 1);
}

TEST(mmap, address_space_limit)
{
	struct rlimit r = { 256UL << 20, 256UL << 20 };

	EXPECT_OK(setrlimit(RLIMIT_AS, &r));
	EXPECT_ERR((long)mmap(NULL, 300UL << 20, PROT_READ, ANON, -1, 0), ENOMEM);
	EXPECT(mmap(NULL, 10UL << 20, PROT_READ, ANON, -1, 0) != MAP_FAILED);
}

TEST(mmap, executable_memory_runs)
{
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 }; /* mov $42,%eax; ret */
	char *p = map(1, RW, ANON);
	int (*f)(void);

	memcpy(p, code, sizeof(code));
	EXPECT_OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	memcpy(&f, &p, sizeof(f));
	EXPECT_EQ(f(), 42);
}

TEST(mmap, own_program_again)
{
	/* An executable mapping of a real program shows what read() shows. */
	int fd = (int)EXPECT_OK(open("/proc/self/exe", O_RDONLY));
	char *p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0), b[4 * PAGE];

	EXPECT(p != MAP_FAILED);
	EXPECT_EQ(pread(fd, b, sizeof(b), 0), sizeof(b));
	EXPECT(!memcmp(p, b, 64));
}

static void *mapper(void *arg)
{
	for (int i = 0; i < 300; i++) {
		size_t pages = 1 + (size_t)i % 7;
		char *p = mmap(NULL, pages * PAGE, RW, ANON, -1, 0);

		if (p == MAP_FAILED)
			return arg;
		memset(p, i + 1, pages * PAGE);
		if (p[pages * PAGE - 1] != (char)(i + 1) || munmap(p, pages * PAGE))
			return arg;
	}
	return NULL;
}

TEST(mmap, threads_do_not_disturb_each_other)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, mapper, t), 0);
	for (int i = 0; i < 4; i++) {
		void *ret;

		EXPECT_EQ(pthread_join(t[i], &ret), 0);
		EXPECT(!ret);
	}
}

/* --- munmap, mprotect ----------------------------------------------------------------------------------------------------- */

TEST(munmap, parts)
{
	char *p = map(5, RW, ANON);

	EXPECT_OK(munmap(p + PAGE, PAGE));
	EXPECT_OK(munmap(p + 3 * PAGE, 1));
	EXPECT_EQ(touch(p, true), 0);
	EXPECT_EQ(touch(p + PAGE, true), SIGSEGV);
	EXPECT_EQ(touch(p + 2 * PAGE, true), 0);
	EXPECT_EQ(touch(p + 3 * PAGE, true), SIGSEGV);
	EXPECT_EQ(touch(p + 4 * PAGE, true), 0);
	EXPECT_OK(munmap(p, 5 * PAGE));
	EXPECT_OK(munmap(p, 5 * PAGE));
}

TEST(munmap, bad_arguments)
{
	char *p = map(2, RW, ANON);

	EXPECT_ERR(munmap(p + 1, PAGE), EINVAL);
	EXPECT_ERR(munmap(p, 0), EINVAL);
	EXPECT_ERR(munmap((void *)0x7ffffffff000UL, PAGE), EINVAL);
	EXPECT_ERR(munmap(p, SIZE_MAX - 4 * PAGE), EINVAL);
}

TEST(mprotect, changes_access)
{
	char *p = map(4, RW, ANON);

	p[PAGE] = 3;
	EXPECT_OK(mprotect(p + PAGE, 2 * PAGE, PROT_READ));
	EXPECT_EQ(touch(p + PAGE, false), 0);
	EXPECT_EQ(touch(p + PAGE, true), SIGSEGV);
	EXPECT_EQ(fault_code, SEGV_ACCERR);
	EXPECT_EQ(touch(p, true), 0);
	EXPECT_EQ(touch(p + 3 * PAGE, true), 0);
	EXPECT_OK(mprotect(p, 4 * PAGE, PROT_NONE));
	EXPECT_EQ(touch(p + PAGE, false), SIGSEGV);
	EXPECT_OK(mprotect(p, 4 * PAGE, RW));
	EXPECT_EQ(p[PAGE], 3);
}

TEST(mprotect, errors)
{
	char *p = map(4, RW, ANON);
	int fd = make_file("f", PAGE), r;
	char *f;

	EXPECT_OK(munmap(p + 2 * PAGE, PAGE));
	EXPECT_ERR(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	EXPECT_ERR(mprotect(p, 4 * PAGE, PROT_READ), ENOMEM);
	/* What lies before the hole was changed. */
	EXPECT_EQ(touch(p + PAGE, true), SIGSEGV);
	EXPECT_EQ(touch(p + 3 * PAGE, true), 0);
	EXPECT_ERR(mprotect(p + 2 * PAGE, PAGE, PROT_READ), ENOMEM);
	EXPECT_ERR(mprotect(p, PAGE, 0x100), EINVAL);
	EXPECT_OK(mprotect(p, 0, PROT_READ));
	EXPECT_OK(close(fd));
	r = (int)EXPECT_OK(open("f", O_RDONLY));
	f = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r, 0);
	EXPECT(f != MAP_FAILED);
	EXPECT_ERR(mprotect(f, PAGE, RW), EACCES);
	f = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, r, 0);
	EXPECT_OK(mprotect(f, PAGE, RW));
	EXPECT_EQ(touch(f, true), 0);
}

TEST(mprotect, of_shared_memory_not_touched_yet)
{
	char *p = map(3000, RW, MAP_SHARED | MAP_ANONYMOUS);

	EXPECT_OK(mprotect(p, 3000 * PAGE, PROT_READ));
	EXPECT_EQ(touch(p + 2000 * PAGE, false), 0);
	EXPECT_EQ(touch(p + 2000 * PAGE, true), SIGSEGV);
	EXPECT_OK(mprotect(p, 3000 * PAGE, RW));
	EXPECT_EQ(touch(p + 2000 * PAGE, true), 0);
}

/* --- brk, mremap ------------------------------------------------------------------------------------------------------------ */

TEST(brk, moves_and_refuses)
{
	char *start = (char *)syscall(SYS_brk, 0), *end = start + 100 * PAGE;

	EXPECT_EQ(syscall(SYS_brk, end), (long)end);
	end[-1] = 1;
	start[0] = 2;
	EXPECT_EQ(syscall(SYS_brk, 1), (long)end);
	EXPECT_EQ(syscall(SYS_brk, start + 50 * PAGE), (long)(start + 50 * PAGE));
	EXPECT_EQ(touch(start + 60 * PAGE, true), SIGSEGV);
	EXPECT_EQ(syscall(SYS_brk, end), (long)end);
	EXPECT_EQ(end[-1], 0);
	EXPECT_EQ(syscall(SYS_brk, 0x7fffffffffffUL), (long)end);
	EXPECT_EQ(syscall(SYS_brk, end + 5), (long)(end + 5));
	EXPECT_EQ(syscall(SYS_brk, 0), (long)(end + 5));
}

TEST(mremap, shrinks_and_grows)
{
	char *p = map(10, RW, ANON), *q;

	memset(p, 1, 10 * PAGE);
	EXPECT_EQ((long)mremap(p, 10 * PAGE, 4 * PAGE, 0), (long)p);
	EXPECT_EQ(touch(p + 4 * PAGE, false), SIGSEGV);
	EXPECT_EQ((long)mremap(p, 4 * PAGE, 8 * PAGE, 0), (long)p);
	EXPECT_EQ(p[4 * PAGE - 1], 1);
	EXPECT_EQ(p[4 * PAGE], 0);
	EXPECT_EQ((long)mmap(p + 8 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0),
		  (long)(p + 8 * PAGE));
	EXPECT_OK(mprotect(p + 8 * PAGE, PAGE, PROT_READ));
	EXPECT_ERR((long)mremap(p, 8 * PAGE, 20 * PAGE, 0), ENOMEM);
	q = mremap(p, 8 * PAGE, 20 * PAGE, MREMAP_MAYMOVE);
	EXPECT(q != MAP_FAILED && q != p);
	EXPECT_EQ(q[0], 1);
	EXPECT_EQ(q[4 * PAGE - 1], 1);
	EXPECT_EQ(q[20 * PAGE - 1], 0);
	q[20 * PAGE - 1] = 1;
	EXPECT_EQ(touch(p, false), SIGSEGV);
}

TEST(mremap, fixed)
{
	char *p = map(4, RW, ANON), *q = map(8, RW, ANON);

	memset(p, 5, 4 * PAGE);
	memset(q, 6, 8 * PAGE);
	EXPECT_EQ((long)mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + 2 * PAGE),
		  (long)(q + 2 * PAGE));
	EXPECT_EQ(q[2 * PAGE - 1], 6);
	EXPECT_EQ(q[2 * PAGE], 5);
	EXPECT_EQ(q[6 * PAGE - 1], 5);
	EXPECT_EQ(q[6 * PAGE], 6);
	EXPECT_EQ(touch(p, false), SIGSEGV);
}

TEST(mremap, errors)
{
	char *p = map(4, RW, ANON);

	EXPECT_ERR((long)mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	EXPECT_ERR((long)mremap(p, PAGE, 0, 0), EINVAL);
	EXPECT_ERR((long)mremap(p, PAGE, PAGE, 64), EINVAL);
	EXPECT_ERR((long)mremap(p, PAGE, PAGE, MREMAP_FIXED, p), EINVAL);
	EXPECT_ERR((long)mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p + PAGE),
		   EINVAL);
	EXPECT_ERR((long)mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
	EXPECT_OK(munmap(p + PAGE, 3 * PAGE));
	EXPECT_ERR((long)mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), EFAULT);
	EXPECT_ERR((long)mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

TEST(mremap, shared_memory)
{
	int fd = make_file("f", 40 * PAGE);
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0), *q;

	EXPECT(p != MAP_FAILED);
	q = mremap(p, 0, 4 * PAGE, MREMAP_MAYMOVE);
	EXPECT(q != MAP_FAILED && q != p);
	p[5] = 9;
	EXPECT_EQ(q[5], 9);
	q = mremap(q, 4 * PAGE, 40 * PAGE, MREMAP_MAYMOVE);
	EXPECT(q != MAP_FAILED);
	EXPECT_EQ(*(uint64_t *)(q + 39 * PAGE), 39 * PAGE);
	q[4] = 8;
	EXPECT_EQ(p[4], 8);
}

TEST(mremap, private_file_keeps_changes)
{
	int fd = make_file("f", 4 * PAGE);
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0), *to = map(4, RW, ANON);

	p[0] = 99;
	EXPECT_EQ((long)mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to), (long)to);
	EXPECT_EQ(to[0], 99);
	EXPECT_EQ(*(uint64_t *)(to + 2 * PAGE), 2 * PAGE);
}

TEST(mremap, dontunmap_leaves_empty_memory)
{
	char *p = map(3, RW, ANON), *q;

	memset(p, 4, 3 * PAGE);
	q = (char *)syscall(SYS_mremap, p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
			    0);
	EXPECT(q != MAP_FAILED && q != p);
	EXPECT_EQ(q[3 * PAGE - 1], 4);
	EXPECT_EQ(p[0], 0);
	p[0] = 1;
	EXPECT_ERR(syscall(SYS_mremap, p, 3 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
		   EINVAL);
	EXPECT_ERR(syscall(SYS_mremap, p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
			   100),
		   EINVAL);
}

/* --- madvise, mincore, msync ----------------------------------------------------------------------------------------------------- */

TEST(madvise, dontneed)
{
	char *p = map(4, RW, ANON), *f;
	int fd = make_file("f", 2 * PAGE);

	memset(p, 1, 4 * PAGE);
	EXPECT_OK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
	EXPECT_EQ(p[0], 1);
	EXPECT_EQ(p[PAGE], 0);
	EXPECT_EQ(p[3 * PAGE], 1);
	f = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	f[0] = 99;
	EXPECT_OK(madvise(f, PAGE, MADV_DONTNEED));
	EXPECT_EQ(f[0], 0);
	f = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	f[1] = 98;
	EXPECT_OK(madvise(f, 2 * PAGE, MADV_DONTNEED));
	EXPECT_EQ(f[1], 98);
}

TEST(madvise, free_is_for_anonymous_memory)
{
	char *p = map(2, RW, ANON), *f;
	int fd = make_file("f", PAGE);

	p[0] = 1;
	EXPECT_OK(madvise(p, 2 * PAGE, MADV_FREE));
	EXPECT(p[0] == 0 || p[0] == 1);
	p[0] = 2;
	EXPECT_EQ(p[0], 2);
	f = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	EXPECT_ERR(madvise(f, PAGE, MADV_FREE), EINVAL);
}

TEST(madvise, errors)
{
	char *p = map(4, RW, ANON);

	EXPECT_ERR(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, 12345), EINVAL);
	EXPECT_OK(madvise(p, 0, MADV_DONTNEED));
	EXPECT_OK(munmap(p + PAGE, PAGE));
	p[0] = p[3 * PAGE] = 1;
	EXPECT_ERR(madvise(p, 4 * PAGE, MADV_DONTNEED), ENOMEM);
	/* It went on behind the hole. */
	EXPECT_EQ(p[0], 0);
	EXPECT_EQ(p[3 * PAGE], 0);
	EXPECT_ERR(madvise(p, PAGE, MADV_REMOVE), EINVAL);
}

TEST(madvise, hints_are_taken)
{
	static const int hints[] = { MADV_NORMAL,   MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
				     MADV_DONTDUMP, MADV_DODUMP, MADV_COLD,	  MADV_PAGEOUT };
	char *p = map(4, RW, ANON);

	p[0] = 1;
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		EXPECT_OK(madvise(p, 4 * PAGE, hints[i]));
	EXPECT_EQ(p[0], 1);
}

TEST(madvise, remove_punches_a_hole)
{
	char *p = map(4, RW, MAP_SHARED | MAP_ANONYMOUS);

	memset(p, 1, 4 * PAGE);
	EXPECT_OK(madvise(p + PAGE, 2 * PAGE, MADV_REMOVE));
	EXPECT_EQ(p[0], 1);
	EXPECT_EQ(p[PAGE], 0);
	EXPECT_EQ(p[3 * PAGE - 1], 0);
	EXPECT_EQ(p[3 * PAGE], 1);
}

TEST(madvise, fork_behaviour)
{
	char *gone = map(2, RW, ANON), *wiped = map(2, RW, ANON), *kept = map(2, RW, ANON);
	int status;
	pid_t pid;

	gone[0] = wiped[0] = kept[0] = 1;
	EXPECT_OK(madvise(gone, 2 * PAGE, MADV_DONTFORK));
	EXPECT_OK(madvise(wiped, 2 * PAGE, MADV_WIPEONFORK));
	EXPECT_OK(madvise(kept, PAGE, MADV_DONTFORK));
	EXPECT_OK(madvise(kept, PAGE, MADV_DOFORK));
	EXPECT_ERR(madvise(map(1, RW, MAP_SHARED | MAP_ANONYMOUS), PAGE, MADV_WIPEONFORK), EINVAL);
	pid = fork();
	if (!pid) {
		int ok = wiped[0] == 0 && kept[0] == 1 && touch(gone, false) == SIGSEGV;

		wiped[0] = 5;
		_exit(ok && mmap(gone, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == gone
			      ? 0
			      : 1);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(gone[0] + wiped[0], 2);
}

TEST(madvise, populate)
{
	char *p = map(8, RW, ANON), *r = map(1, PROT_READ, ANON);
	unsigned char in[8];

	EXPECT_OK(madvise(p, 8 * PAGE, MADV_POPULATE_WRITE));
	EXPECT_OK(mincore(p, 8 * PAGE, in));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(in[i] & 1, 1);
	EXPECT_OK(madvise(r, PAGE, MADV_POPULATE_READ));
	EXPECT_ERR(madvise(r, PAGE, MADV_POPULATE_WRITE), EINVAL);
	EXPECT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(madvise(p, 3 * PAGE, MADV_POPULATE_READ), ENOMEM);
}

TEST(mincore, says_what_is_there)
{
	unsigned char in[4] = { 0xff, 0xff, 0xff, 0xff };
	char *p = map(4, RW, ANON);

	EXPECT_OK(madvise(p, 4 * PAGE, MADV_NOHUGEPAGE) + 1);
	p[PAGE] = 1;
	EXPECT_OK(mincore(p, 4 * PAGE, in));
	EXPECT_EQ(in[0] & 1, 0);
	EXPECT_EQ(in[1] & 1, 1);
	EXPECT_EQ(in[3] & 1, 0);
}

TEST(mincore, errors)
{
	unsigned char in[4];
	char *p = map(4, RW, ANON);

	EXPECT_ERR(mincore(p + 1, PAGE, in), EINVAL);
	EXPECT_ERR(mincore(p, PAGE, (unsigned char *)8), EFAULT);
	EXPECT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(mincore(p, 4 * PAGE, in), ENOMEM);
}

TEST(msync, writes_shared_files)
{
	int fd = make_file("f", 2 * PAGE);
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0), c;

	p[10] = 5;
	EXPECT_OK(msync(p, 2 * PAGE, MS_SYNC));
	EXPECT_OK(msync(p, PAGE, MS_ASYNC));
	EXPECT_OK(msync(p, 0, MS_SYNC));
	EXPECT_EQ(pread(fd, &c, 1, 10), 1);
	EXPECT_EQ(c, 5);
}

TEST(msync, errors)
{
	char *p = map(3, RW, ANON);

	EXPECT_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	EXPECT_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	EXPECT_ERR(msync(p, PAGE, 8), EINVAL);
	EXPECT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(msync(p, 3 * PAGE, MS_SYNC), ENOMEM);
}

/* --- locks ----------------------------------------------------------------------------------------------------------------------------- */

TEST(mlock, ranges)
{
	char *p = map(4, RW, ANON);

	EXPECT_OK(mlock(p + 100, PAGE));
	EXPECT_ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	EXPECT_ERR(msync(p, PAGE, MS_INVALIDATE), EBUSY);
	EXPECT_OK(munlock(p, 4 * PAGE));
	EXPECT_OK(madvise(p, PAGE, MADV_DONTNEED));
	EXPECT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(mlock(p, 3 * PAGE), ENOMEM);
	EXPECT_ERR(munlock(p, 3 * PAGE), ENOMEM);
}

static void drop_privileges(void)
{
	if (geteuid() == 0)
		EXPECT_OK(setresuid(65534, 65534, 65534));
}

TEST(mlock, limit)
{
	struct rlimit r = { 8 * PAGE, 8 * PAGE };
	char *p = map(16, RW, ANON);

	EXPECT_OK(setrlimit(RLIMIT_MEMLOCK, &r));
	drop_privileges();
	EXPECT_ERR(mlock(p, 9 * PAGE), ENOMEM);
	EXPECT_OK(mlock(p, 8 * PAGE));
	EXPECT_OK(mlock(p, 8 * PAGE));
	EXPECT_ERR(mlock(p + 8 * PAGE, PAGE), ENOMEM);
	EXPECT_ERR((long)mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0), EAGAIN);
	EXPECT_OK(munlock(p, PAGE));
	EXPECT_OK(mlock(p + 8 * PAGE, PAGE));
	r.rlim_cur = 0;
	EXPECT_OK(setrlimit(RLIMIT_MEMLOCK, &r));
	EXPECT_ERR(mlock(p + 10 * PAGE, PAGE), EPERM);
	EXPECT_ERR((long)mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0), EPERM);
}

TEST(munlock, not_locked_is_fine)
{
	char *p = map(1, RW, ANON);

	EXPECT_OK(munlock(p, PAGE));
	EXPECT_OK(munmap(p, PAGE));
	EXPECT_ERR(munlock(p, PAGE), ENOMEM);
}

TEST(mlock2, on_fault)
{
	char *p = map(4, RW, ANON);

	EXPECT_OK(syscall(SYS_mlock2, p, PAGE, 1));
	EXPECT_OK(syscall(SYS_mlock2, p, PAGE, 0));
	EXPECT_ERR(syscall(SYS_mlock2, p, PAGE, 2), EINVAL);
	EXPECT_OK(munlock(p, PAGE));
}

TEST(mlockall, flags)
{
	EXPECT_ERR(mlockall(0), EINVAL);
	EXPECT_ERR(mlockall(64), EINVAL);
	EXPECT_ERR(mlockall(4 /* MCL_ONFAULT alone */), EINVAL);
	if (unprivileged())
		SKIP("locking everything needs privilege");
	EXPECT_OK(mlockall(MCL_FUTURE));
	EXPECT_ERR(madvise(map(1, RW, ANON), PAGE, MADV_DONTNEED), EINVAL);
	EXPECT_OK(munlockall());
}

TEST(munlockall, always_works)
{
	char *p = map(1, RW, ANON);

	EXPECT_OK(mlock(p, PAGE));
	EXPECT_OK(munlockall());
	EXPECT_OK(madvise(p, PAGE, MADV_DONTNEED));
}

/* --- policies --------------------------------------------------------------------------------------------------------------------------- */

static bool no_policies(void)
{
	return syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0) < 0 && errno == ENOSYS;
}

TEST(set_mempolicy, is_told_back)
{
	unsigned long nodes[16] = { 1 };
	int mode = -1;

	if (no_policies())
		SKIP("this kernel has no NUMA policies");
	EXPECT_OK(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0));
	EXPECT_EQ(mode, MPOL_DEFAULT);
	EXPECT_OK(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 64));
	nodes[0] = 0;
	EXPECT_OK(syscall(SYS_get_mempolicy, &mode, nodes, 1024, NULL, 0));
	EXPECT_EQ(mode, MPOL_BIND);
	EXPECT_EQ(nodes[0], 1);
	EXPECT_OK(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0));
	EXPECT_ERR(syscall(SYS_set_mempolicy, 99, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_DEFAULT, nodes, 64), EINVAL);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, (void *)8, 64), EFAULT);
}

TEST(get_mempolicy, errors)
{
	unsigned long nodes[16] = { 0 };
	int mode;
	char *p = map(1, RW, ANON);

	if (no_policies())
		SKIP("this kernel has no NUMA policies");
	p[0] = 1;
	EXPECT_OK(syscall(SYS_get_mempolicy, NULL, nodes, 1024, NULL, MPOL_F_MEMS_ALLOWED));
	EXPECT_EQ(nodes[0] & 1, 1);
	EXPECT_OK(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_NODE | MPOL_F_ADDR));
	EXPECT_EQ(mode, 0);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 64), EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, 0), EINVAL);
	EXPECT_OK(munmap(p, PAGE));
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_ADDR), EFAULT);
}

TEST(mbind, one_node)
{
	unsigned long nodes = 1;
	char *p = map(2, RW, ANON);

	if (no_policies())
		SKIP("this kernel has no NUMA policies");
	EXPECT_OK(syscall(SYS_mbind, p, 2 * PAGE, MPOL_BIND, &nodes, 64, 0));
	EXPECT_OK(syscall(SYS_mbind, p, 2 * PAGE, MPOL_DEFAULT, NULL, 0, 0));
	EXPECT_ERR(syscall(SYS_mbind, p + 1, PAGE, MPOL_DEFAULT, NULL, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_mbind, p, PAGE, 77, NULL, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_mbind, p, PAGE, MPOL_DEFAULT, NULL, 0, 64), EINVAL);
	EXPECT_OK(munmap(p, PAGE));
	EXPECT_ERR(syscall(SYS_mbind, p, 2 * PAGE, MPOL_BIND, &nodes, 64, 0), EFAULT);
}

/* --- membarrier ----------------------------------------------------------------------------------------------------------------------------- */

static volatile int spin_x, spin_y, spin_stop, spin_running;

static void *spinner(void *arg)
{
	long *saw = arg;

	spin_running = 1;
	while (!spin_stop) {
		int y = spin_y;

		__asm__ volatile("" ::: "memory");
		/* The writer stores x, makes the barrier, stores y: who sees y sees x. */
		if (spin_x < y)
			*saw = 1;
	}
	return NULL;
}

TEST(membarrier, private_expedited)
{
	long saw = 0, commands = EXPECT_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0));
	pthread_t t;

	EXPECT(commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	EXPECT(commands & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	EXPECT_ERR(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
	EXPECT_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	EXPECT_EQ(pthread_create(&t, NULL, spinner, &saw), 0);
	EXPECT_SOON(spin_running);
	for (int i = 1; i < 100; i++) {
		spin_x = i;
		EXPECT_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
		spin_y = i;
	}
	spin_stop = 1;
	EXPECT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(saw, 0);
}

static void *barrier_caller(void *command)
{
	for (int i = 0; i < 300; i++)
		if (syscall(SYS_membarrier, (int)(intptr_t)command, 0, 0))
			return "failed";
	return NULL;
}

/* Callers that wait for each other: each of them has to be seen to have passed a barrier. */
TEST(membarrier, many_callers_at_once)
{
	static const intptr_t commands[] = { MEMBARRIER_CMD_PRIVATE_EXPEDITED,
					     MEMBARRIER_CMD_GLOBAL_EXPEDITED };
	pthread_t t[4];
	void *failure;

	EXPECT_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	for (size_t i = 0; i < 4; i++)
		EXPECT_EQ(pthread_create(&t[i], NULL, barrier_caller, (void *)commands[i % 2]), 0);
	for (size_t i = 0; i < 4; i++) {
		EXPECT_EQ(pthread_join(t[i], &failure), 0);
		EXPECT(!failure);
	}
}

TEST(membarrier, errors)
{
	EXPECT_ERR(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 1, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_membarrier, 0x40000000, 0, 0), EINVAL);
	EXPECT_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
}

/* Reservations that fill the address space (databases, JITs) leave everything else in working order. */
TEST(mmap, reservations_of_many_terabytes)
{
	struct timespec ts;
	int count = 0;
	char *p;

	for (; count < 40; count++) {
		p = mmap(NULL, 1UL << 42, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			break;
		/* By the vDSO, and by the kernel itself. */
		EXPECT_OK(clock_gettime(CLOCK_MONOTONIC, &ts));
		EXPECT_OK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts));
		EXPECT_OK(fchmod(make_file("f", 8), 0600));
	}
	EXPECT(count > 16);
	EXPECT_EQ(touch(p == MAP_FAILED ? (char *)&ts : p, true), p == MAP_FAILED ? 0 : SIGSEGV);
}

/* Pages that lie wholly beyond the end of the file are SIGBUS, whether they were there before or not. */
static void expect_bus_beyond_end(int flags)
{
	int fd = make_file("f", 4 * PAGE);
	volatile char *p = mmap(NULL, 6 * PAGE, RW, flags, fd, 0);

	EXPECT(p != MAP_FAILED);
	EXPECT_EQ(touch(p + 3 * PAGE, false), 0);
	EXPECT_EQ(touch(p + 4 * PAGE, false), SIGBUS);
	EXPECT_EQ(fault_code, BUS_ADRERR);
	EXPECT(fault_address == p + 4 * PAGE);
	EXPECT_EQ(touch(p + 2 * PAGE, true), 0);
	EXPECT_OK(ftruncate(fd, PAGE + 10));
	EXPECT_EQ(touch(p + PAGE + 9, true), 0);
	EXPECT_EQ(touch(p + PAGE + 100, true), 0);
	for (int i = 2; i < 6; i++) {
		EXPECT_EQ(touch(p + i * (int)PAGE, false), SIGBUS);
		EXPECT_EQ(touch(p + i * (int)PAGE, true), SIGBUS);
	}
	EXPECT_ERR(write(fd, (char *)p + 3 * PAGE, 1), EFAULT);
	EXPECT_OK(ftruncate(fd, 3 * PAGE));
	EXPECT_EQ(touch(p + 2 * PAGE, true), 0);
	EXPECT_EQ(p[2 * PAGE + 8], 0);
	EXPECT_EQ(touch(p + 3 * PAGE, false), SIGBUS);
	EXPECT_OK(munmap((void *)p, 6 * PAGE));
	EXPECT_OK(close(fd));
}

TEST(mmap, shared_beyond_the_end_is_a_bus_error)
{
	expect_bus_beyond_end(MAP_SHARED);
}

TEST(mmap, private_beyond_the_end_is_a_bus_error)
{
	expect_bus_beyond_end(MAP_PRIVATE);
}

/* --- other processes ---------------------------------------------------------------------------------------------------------------------------- */

TEST(process_vm_readv, child_memory)
{
	char *p = map(3, RW, ANON), b[300], c;
	struct iovec local[2] = { { b, 100 }, { b + 100, 200 } }, remote[2];
	int go[2], ready[2];
	pid_t pid;

	EXPECT_OK(pipe(go));
	EXPECT_OK(pipe(ready));
	memset(p, 1, 3 * PAGE);
	pid = fork();
	if (!pid) {
		memset(p, 2, 3 * PAGE);
		EXPECT_EQ(write(ready[1], "r", 1), 1);
		EXPECT_EQ(read(go[0], &c, 1), 1);
		_exit(p[5] == 9 ? 0 : 1);
	}
	EXPECT_EQ(read(ready[0], &c, 1), 1);
	remote[0] = (struct iovec){ p + PAGE - 50, 150 };
	remote[1] = (struct iovec){ p + 2 * PAGE, 150 };
	EXPECT_EQ(process_vm_readv(pid, local, 2, remote, 2, 0), 300);
	for (int i = 0; i < 300; i++)
		EXPECT_EQ(b[i], 2);
	b[0] = 9;
	local[0].iov_len = 1;
	remote[0] = (struct iovec){ p + 5, 1 };
	EXPECT_EQ(process_vm_writev(pid, local, 1, remote, 1, 0), 1);
	EXPECT_EQ(p[5], 1);
	EXPECT_EQ(write(go[1], "g", 1), 1);
	int status;
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(process_vm_readv, errors)
{
	char b[8];
	struct iovec local = { b, 8 }, bad = { (void *)8, 8 }, self = { b, 8 };

	EXPECT_ERR(process_vm_readv(getpid(), &local, 1, &bad, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_readv(0x3ffffff, &local, 1, &self, 1, 0), ESRCH);
	EXPECT_ERR(process_vm_readv(getpid(), &local, 1, &self, 1, 1), EINVAL);
	EXPECT_ERR(process_vm_readv(getpid(), &local, 2000, &self, 1, 0), EINVAL);
	EXPECT_EQ(process_vm_readv(getpid(), &local, 0, &self, 1, 0), 0);
}

TEST(process_vm_writev, own_memory_and_errors)
{
	char a[4] = "abc", b[4] = "xyz";
	struct iovec local = { a, 4 }, remote = { b, 4 }, read_only;

	EXPECT_EQ(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), 4);
	EXPECT_STR(b, "abc");
	read_only = (struct iovec){ map(1, PROT_READ, ANON), 4 };
	EXPECT_ERR(process_vm_writev(getpid(), &local, 1, &read_only, 1, 0), EFAULT);
}

TEST(process_madvise, own_process)
{
	char *p = map(4, RW, ANON);
	struct iovec v[2] = { { p, PAGE }, { p + 2 * PAGE, PAGE } };
	int pidfd = (int)EXPECT_OK(syscall(SYS_pidfd_open, getpid(), 0));

	p[0] = 3;
	EXPECT_EQ(syscall(SYS_process_madvise, pidfd, v, 2, MADV_COLD, 0), 2 * PAGE);
	EXPECT_EQ(p[0], 3);
	EXPECT_ERR(syscall(SYS_process_madvise, pidfd, v, 2, MADV_COLD, 1), EINVAL);
	EXPECT_ERR(syscall(SYS_process_madvise, pidfd, v, 2, 12345, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_process_madvise, -1, v, 2, MADV_COLD, 0), EBADF);
	EXPECT_ERR(syscall(SYS_process_madvise, pidfd, v, 2000, MADV_COLD, 0), EINVAL);
}

TEST_MAIN
