/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's programs as the attacker of the driver: threads that do random things to the same few enclaves at once: ioctls in any order with right, odd
 * and impossible values, mappings, accesses, entries, closing, and children that do the same in address spaces of their own. A timer interrupts them. What
 * each call says does not matter: afterwards the kernel must be whole (the boot script looks at its log), and a new enclave must run.
 *
 * FUZZ_SEED and FUZZ_ROUNDS (of each thread) come from the environment. Places of enclaves are never given back while threads run, only mapped with
 * something else, so that nothing of the program's own comes to lie there.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hypervisor/loader/tests/tests.h"

enum { SLOTS = 4, THREADS = 4, CHILD_ROUNDS = 30, STACK = 1 << 17 };

/* Shared by all threads; an old value is as good as a new one. */
static struct enclave *_Atomic slots[SLOTS];
static struct enclave_file files[2];
static uint8_t *source; /* two pages, then one that may not be read */
static atomic_uint left;

struct fuzzer {
	uint64_t random;
	bool child; /* the address space is its own, and goes with it */
};
static _Thread_local sigjmp_buf after_fault;
static _Thread_local volatile sig_atomic_t may_fault;

static void on_fault(int signal_)
{
	if (may_fault)
		siglongjmp(after_fault, 1);
	signal(signal_, SIG_DFL);
}

static void on_timer(int signal_)
{
	(void)signal_;
}

/* xorshift64: Marsaglia 2003. */
static uint64_t any(struct fuzzer *f)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return f->random;
}

static uint64_t below(struct fuzzer *f, uint64_t limit)
{
	return any(f) % limit;
}

static bool seldom(struct fuzzer *f)
{
	return !below(f, 16);
}

/* --- Values ------------------------------------------------------------------------------------------------------------------------------ */

static uint64_t odd(struct fuzzer *f)
{
	static const uint64_t values[] = { 0,
					   1,
					   0xfff,
					   ~0ULL,
					   ~0xfffULL,
					   1ULL << 63,
					   1ULL << 46,
					   0x7ffffffff000,
					   0xffff888000000000,
					   0xffffffff81000000 };

	return below(f, 2) ? values[below(f, ARRAY_SIZE(values))] : any(f);
}

static uint64_t page_of(struct fuzzer *f, const struct enclave *e)
{
	const struct enclave_layout *l = enclave_layout(e);

	/* As often as not a page that is there. */
	return below(f, 2) ? l->pages[below(f, l->page_count)].offset
			   : below(f, l->size / PAGE_SIZE) * PAGE_SIZE;
}

static uint64_t pages(struct fuzzer *f)
{
	return (below(f, 4) ? 1 : below(f, 64)) * PAGE_SIZE;
}

static uint64_t or_odd(struct fuzzer *f, uint64_t value)
{
	return seldom(f) ? odd(f) : value;
}

/* --- What a thread does -------------------------------------------------------------------------------------------------------------------- */

static void renew(struct fuzzer *f)
{
	const struct enclave_options options = { .uninitialised = !below(f, 3),
						 .unmeasured = seldom(f),
						 .no_exception_handler = true };
	struct enclave *e;

	/* Those before stay in memory: others may be using them. */
	if (!enclave_create(&files[below(f, 2)], &options, &e))
		slots[below(f, SLOTS)] = e;
}

static void reopen(const struct enclave *e)
{
	int fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, enclave_device(e));
		close(fd);
	}
}

static void control(struct fuzzer *f, const struct enclave *e)
{
	static const unsigned long commands[] = { SGX_IOC_ENCLAVE_CREATE,
						  SGX_IOC_ENCLAVE_ADD_PAGES,
						  SGX_IOC_ENCLAVE_INIT,
						  SGX_IOC_ENCLAVE_PROVISION,
						  SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS,
						  SGX_IOC_ENCLAVE_MODIFY_TYPES,
						  SGX_IOC_ENCLAVE_REMOVE_PAGES };
	struct secs secs __attribute__((aligned(4096))) = {
		.size = enclave_layout(e)->size,
		.base = (uintptr_t)enclave_base(e),
		.ssa_frame_size = 1,
		.attributes = { ATTRIBUTE_MODE64BIT, 3 },
	};
	struct secinfo secinfo __attribute__((aligned(64))) = {
		.flags = below(f, 8) | (seldom(f)     ? odd(f)
					: below(f, 4) ? 0x200
						      : 0x100),
	};
	/* The longest request, as eight numbers. */
	uint64_t request[8] = { 0 };
	unsigned int which = (unsigned int)below(f, ARRAY_SIZE(commands));

	switch (which) {
	case 0:
		if (seldom(f))
			((uint64_t *)&secs)[below(f, PAGE_SIZE / 8)] = odd(f);
		request[0] = or_odd(f, (uintptr_t)&secs);
		break;
	case 1: /* src, offset, length, secinfo, flags, count */
		request[0] =
			or_odd(f, (uintptr_t)source + (seldom(f) ? PAGE_SIZE * below(f, 3) : 0));
		request[1] = or_odd(f, page_of(f, e));
		request[2] = or_odd(f, pages(f));
		request[3] = or_odd(f, (uintptr_t)&secinfo);
		request[4] = below(f, 4);
		break;
	case 2:
		request[0] = or_odd(f, (uintptr_t)&files[below(f, 2)].sigstruct);
		break;
	case 3:
		request[0] = or_odd(f, below(f, 32));
		break;
	default: /* offset, length, rights or type (none of REMOVE's), result, count */
		request[0] = or_odd(f, page_of(f, e));
		request[1] = or_odd(f, pages(f));
		if (which < 6)
			request[2] = or_odd(f, which == 4    ? below(f, 8)
					       : below(f, 2) ? PT_TRIM
							     : PT_TCS);
	}
	ioctl(enclave_device(e), seldom(f) ? any(f) : commands[which],
	      seldom(f) ? (void *)(uintptr_t)odd(f) : request);
}

static void remap(struct fuzzer *f, const struct enclave *e)
{
	uint8_t *at = enclave_base(e) + page_of(f, e);
	size_t room = (size_t)(enclave_base(e) + enclave_layout(e)->size - at);
	size_t size = MIN(pages(f), room);
	int protection = (int)below(f, 8);

	if (!size)
		return;
	switch (below(f, 6)) {
	case 0:
	case 1:
		(void)!mmap(at, size, protection, MAP_SHARED | MAP_FIXED, enclave_device(e),
			    (off_t)(seldom(f) ? pages(f) : 0));
		break;
	case 2:
		mprotect(at, size, protection);
		break;
	case 3:
		madvise(at, size, (int)below(f, 26));
		break;
	case 4: /* what was there is gone */
		if (f->child)
			munmap(at, size);
		else
			(void)!mmap(at, size, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
		break;
	default:
		if (f->child)
			(void)!mremap(at, size, pages(f) + PAGE_SIZE, MREMAP_MAYMOVE);
		else
			(void)!mremap(at, size, size + PAGE_SIZE, 0);
	}
}

static void touch(struct fuzzer *f, const struct enclave *e)
{
	volatile uint8_t *at = enclave_base(e) + page_of(f, e);

	if (sigsetjmp(after_fault, 1) == 0) {
		may_fault = 1;
		for (uint64_t n = below(f, 16); n; n--, at += PAGE_SIZE) {
			if (any(f) & 1)
				(void)*at;
			else
				*at = 1;
		}
	}
	may_fault = 0;
}

/* Whose pages were taken away, or given anew, does not find what it kept: not even the way out is right then. */
static void enter(struct fuzzer *f, struct enclave *e)
{
	uint64_t value;

	if (sigsetjmp(after_fault, 1)) {
		may_fault = 0;
		return;
	}
	may_fault = 1;
	switch (below(f, 4)) {
	case 0:
		(void)!enclave_call(e, CHECK_GROW, below(f, CHECKS_GROWTH_PAGES), below(f, 32),
				    &value);
		break;
	case 1:
		(void)!enclave_call(e, CHECK_HEAP_FILL, any(f), 0, &value);
		break;
	case 2:
		(void)!enclave_call(e, CHECK_ACCEPT, (uintptr_t)enclave_base(e) + page_of(f, e),
				    0x200 | below(f, 64), &value);
		break;
	default:
		(void)!enclave_call(e, CHECK_THREAD, below(f, 2000), 0, &value);
	}
	may_fault = 0;
}

static void child(struct fuzzer *f);

static void one(struct fuzzer *f)
{
	struct enclave *e = slots[below(f, SLOTS)];

	switch (below(f, 32)) {
	case 0:
		if (!f->child)
			renew(f);
		break;
	case 1:
		reopen(e);
		break;
	case 2:
		if (!f->child)
			child(f);
		break;
	case 3 ... 6:
		touch(f, e);
		break;
	case 7 ... 13:
		enter(f, e);
		break;
	case 14 ... 20:
		remap(f, e);
		break;
	default:
		control(f, e);
	}
}

/* It has this thread alone, so it makes system calls only. Half of them are ended from outside. */
static void child(struct fuzzer *f)
{
	pid_t pid = fork();

	if (pid == 0) {
		f->child = true;
		for (unsigned int i = 0; i < CHILD_ROUNDS; i++)
			one(f);
		_exit(0);
	}
	if (pid > 0) {
		if (any(f) & 1)
			kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

static void *run(void *argument)
{
	struct fuzzer f = { .random = (uintptr_t)argument };
	const stack_t stack = { .ss_sp = malloc(STACK), .ss_size = STACK };

	sigaltstack(&stack, NULL);
	for (uint64_t i = setting("FUZZ_ROUNDS", 300); i; i--)
		one(&f);
	left--;
	return NULL;
}

static void test_fuzz(void)
{
	const struct itimerval often = { { 0, 7000 }, { 0, 7000 } }, never = { 0 };
	const struct sigaction fault = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK },
			       tick = { .sa_handler = on_timer, .sa_flags = SA_ONSTACK };
	const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	pthread_t threads[THREADS];
	struct enclave *e;

	open_file("checks", &files[0]);
	open_file("counter", &files[1]);
	source = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	mprotect(source + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE);
	for (unsigned int i = 0; i < SLOTS; i++)
		slots[i] = make_checks(&(struct enclave_options){ .no_exception_handler = true });
	for (unsigned int i = 0; i < ARRAY_SIZE(faults); i++)
		sigaction(faults[i], &fault, NULL);
	sigaction(SIGALRM, &tick, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	left = THREADS;
	for (uint64_t i = 0; i < THREADS; i++)
		pthread_create(
			&threads[i], NULL, run,
			(void *)(uintptr_t)(setting("FUZZ_SEED", 1) * 0x9e3779b97f4a7c15 + i));
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	e = make_checks(NULL);
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	EXPECT_EQUAL(left, 0);
	enclave_destroy(e);
}

const struct test fuzz_tests[] = {
	{ "fuzz", test_fuzz },
	{ 0 },
};
