/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enclaves entered without the kernel's vDSO, by a program's own EENTER and ERESUME, as loaders older than that function do, and those that want to
 * handle each exit themselves. The kernel then delivers an enclave's exceptions as signals: at the AEP, with the synthetic registers of an AEX
 * (SDM 3D, 40.3.1), from where the handler enters the enclave again, on the same TCS, to have the exception handled inside.
 * Also what single steps do to enclaves that are debugged, and to others.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "hypervisor/loader/tests/tests.h"

/* In and out: the enclave's own convention (inside.h). */
struct own_call {
	uint64_t tcs, rdi, rsi, rdx;
	uint64_t cssa; /* out: RAX after EENTER is the enclave's; here RCX after EEXIT, the AEP */
};
void own_enter(struct own_call *call);
extern const uint8_t own_aep[];

/*
 * ENCLU at own_enclu enters; the enclave leaves to behind it. own_aep is where exceptions and interrupts end: RAX, RBX and RCX are by then what ERESUME
 * wants. Callees' registers are kept on the stack, which the enclave gives back.
 */
asm(".text\n"
    ".globl own_enter, own_aep\n"
    "own_enter:\n\t"
    "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\tpush %rdi\n\t"
    "mov (%rdi), %rbx\n\tmov 16(%rdi), %rsi\n\tmov 24(%rdi), %rdx\n\tmov 8(%rdi), %rdi\n\t"
    "lea own_aep(%rip), %rcx\n\tmov $2, %eax\n"
    "own_enclu:\n\t"
    ".byte 0x0f, 0x01, 0xd7\n\t"
    "pop %rax\n\t"
    "mov %rdi, 8(%rax)\n\tmov %rsi, 16(%rax)\n\tmov %rdx, 24(%rax)\n\tmov %rcx, 32(%rax)\n\t"
    "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret\n"
    "own_aep:\n\t"
    ".byte 0x0f, 0x01, 0xd7\n");

static struct own_call own(struct enclave *e, unsigned int thread, uint64_t function, uint64_t a,
			   uint64_t b)
{
	struct own_call c = { (uintptr_t)enclave_base(e) + enclave_layout(e)->tcs[thread], function,
			      a, b, 0 };

	own_enter(&c);
	return c;
}

static volatile struct {
	unsigned int count, wrong;
	int number, code;
	uint64_t address, trap, error;
	bool handle;
} seen;
static uint64_t own_tcs;
static sigjmp_buf out;

/* At the AEP: nothing of the enclave is in the registers, and what ERESUME wants is. */
static bool is_synthetic(const greg_t *g)
{
	static const int none[] = { REG_RDX, REG_RSI, REG_RDI, REG_R8,	REG_R9, REG_R10,
				    REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (g[none[i]])
			return false;
	/* CF PF AF ZF SF OF, RF: SDM 3D, table 40-1 */
	return g[REG_RAX] == 3 && (uint64_t)g[REG_RBX] == own_tcs &&
	       g[REG_RCX] == (greg_t)(uintptr_t)own_aep && !(g[REG_EFL] & 0x108d5);
}

static void exception(int number, siginfo_t *info, void *context)
{
	const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	seen.count++;
	seen.number = number;
	seen.code = info->si_code;
	seen.address = (uintptr_t)info->si_addr;
	seen.trap = (uint64_t)g[REG_TRAPNO];
	seen.error = (uint64_t)g[REG_ERR];
	seen.wrong += g[REG_RIP] != (greg_t)(uintptr_t)own_aep || !is_synthetic(g);
	if (seen.handle) {
		struct own_call c = { own_tcs, (uint64_t)ENTER_EXCEPTION, 0, 0, 0 };

		own_enter(&c);
		if (c.rdi == LEFT_EXCEPTION && c.rsi)
			return; /* to the AEP, and on inside */
	}
	siglongjmp(out, 1);
}

static void catch_all(void (*handler)(int, siginfo_t *, void *))
{
	static const int numbers[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGTRAP };
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &a, NULL);
}

/* --- Calls, interrupts ------------------------------------------------------------------------------ */

static void test_calls(void)
{
	struct enclave *e = make_checks(NULL);

	for (uint64_t i = 1; i <= 100; i++) {
		struct own_call c = own(e, 0, CHECK_COUNT, 0, 0);

		EXPECT(c.rdi == LEFT_DONE && c.rsi == i);
		EXPECT_EQUAL(c.cssa, (uintptr_t)own_aep);
	}
	/* and by the vDSO in between */
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 101);
	EXPECT_EQUAL(own(e, 0, CHECK_REGISTERS, 20000000, 0).rsi, 0);
	enclave_destroy(e);
}

static volatile unsigned int alarms, at_aep;
static volatile uint32_t enough;

static void on_alarm(int number, siginfo_t *info, void *context)
{
	const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	(void)info;
	if (g[REG_RIP] == (greg_t)(uintptr_t)own_aep && is_synthetic(g))
		at_aep++;
	if (++alarms >= 20 && at_aep)
		enough = 1;
}

static void test_interrupts(void)
{
	struct enclave *e = make_checks(NULL);
	struct sigaction a = { .sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO };
	struct itimerval each = { { 0, 5000 }, { 0, 5000 } }, none = { { 0, 0 }, { 0, 0 } };
	struct own_call c;

	alarms = at_aep = enough = 0;
	own_tcs = (uintptr_t)enclave_base(e) + enclave_layout(e)->tcs[1];
	EXPECT(!sigaction(SIGALRM, &a, NULL) && !setitimer(ITIMER_REAL, &each, NULL));
	c = own(e, 1, CHECK_SPIN_UNTIL, (uintptr_t)&enough, 0);
	EXPECT(!setitimer(ITIMER_REAL, &none, NULL));
	EXPECT_EQUAL(c.rdi, LEFT_DONE);
	EXPECT(at_aep > 0);
	enclave_destroy(e);
}

/* --- Exceptions ---------------------------------------------------------------------------------------- */

static void expect_signal(struct enclave *e, uint64_t fault, uint64_t at, int number, int code,
			  uint64_t address, uint64_t trap, uint64_t error)
{
	struct own_call c;

	memset((void *)(uintptr_t)&seen, 0, sizeof(seen));
	seen.handle = true;
	if (sigsetjmp(out, 1)) {
		printf("fault %lu was not handled inside\n", fault);
		failures++;
		return;
	}
	c = own(e, 0, CHECK_FAULT, fault, at);
	if (c.rdi != LEFT_DONE || seen.count != 1 || seen.wrong || seen.number != number ||
	    seen.code != code || seen.address != address || seen.trap != trap ||
	    seen.error != error) {
		printf("fault %lu: left by %lu, %u signals, %u wrong; signal %d code %d address %#lx trap %lu error %#lx\n",
		       fault, c.rdi, seen.count, seen.wrong, seen.number, seen.code, seen.address,
		       seen.trap, seen.error);
		failures++;
	}
	/* what the enclave itself saw */
	EXPECT_EQUAL(c.rsi & 0xff, trap);
}

static void test_signals(void)
{
	struct enclave *e = make_checks(NULL);
	const struct enclave_layout *l = enclave_layout(e);
	uint64_t aep = (uintptr_t)own_aep, base = (uintptr_t)enclave_base(e);
	uint64_t code = base + l->entry, page;

	own_tcs = base + l->tcs[0];
	page = call(e, CHECK_GROWTH, 0, 0);
	catch_all(exception);
	expect_signal(e, FAULT_DIVIDE, 0, SIGFPE, FPE_INTDIV, aep, 0, 0);
	expect_signal(e, FAULT_UNDEFINED, 0, SIGILL, ILL_ILLOPN, aep, 6, 0);
	expect_signal(e, FAULT_CPUID, 0, SIGILL, ILL_ILLOPN, aep, 6, 0);
	expect_signal(e, FAULT_SYSCALL, 0, SIGILL, ILL_ILLOPN, aep, 6, 0);
	expect_signal(e, FAULT_BREAKPOINT, 0, SIGILL, ILL_ILLOPN, aep, 6, 0);
	expect_signal(e, FAULT_GENERAL, 0, SIGSEGV, SI_KERNEL, 0, 13, 0);
	expect_signal(e, FAULT_CODE_OUTSIDE, (uintptr_t)test_signals, SIGSEGV, SI_KERNEL, 0, 13, 0);
	/* Linux sees the page, not the byte (SDM 3D, 38.5) */
	expect_signal(e, FAULT_READ, 0x1008, SIGSEGV, SEGV_MAPERR, 0x1000, 14, 4);
	expect_signal(e, FAULT_WRITE, code + 8, SIGSEGV, SEGV_ACCERR, code & ~0xfffULL, 14, 7);
	/* refused by the EPCM alone: pending, the second time it is touched */
	expect_signal(e, FAULT_WRITE, page + 8, SIGSEGV, SEGV_ACCERR, page, 14, 0x8007);
	EXPECT_EQUAL(own(e, 0, CHECK_COUNT, 0, 0).rsi, 1);
	catch_all((void (*)(int, siginfo_t *, void *))(void (*)(void))SIG_DFL);
	enclave_destroy(e);
}

/* A program that gives an exception's thread up: the TCS has one frame less, the others are as they were. */
static void test_abandoned(void)
{
	struct enclave *e = make_checks(NULL);
	struct own_call c;

	own_tcs = (uintptr_t)enclave_base(e) + enclave_layout(e)->tcs[0];
	catch_all(exception);
	memset((void *)(uintptr_t)&seen, 0, sizeof(seen));
	if (!sigsetjmp(out, 1)) {
		own(e, 0, CHECK_FAULT, FAULT_UNDEFINED, 0);
		EXPECT(false);
	}
	EXPECT(seen.count == 1 && !seen.wrong && seen.number == SIGILL);
	/* CSSA is 1 of two: the enclave itself refuses a call. */
	c = own(e, 0, CHECK_COUNT, 0, 0);
	EXPECT_EQUAL(c.rdi, LEFT_REFUSED);
	EXPECT_EQUAL(own(e, 1, CHECK_COUNT, 0, 0).rsi, 1);
	catch_all((void (*)(int, siginfo_t *, void *))(void (*)(void))SIG_DFL);
	enclave_destroy(e);
}

/* EENTER and ERESUME that fault themselves: signals at the ENCLU, outside. */
static void bad_entry(int number, siginfo_t *info, void *context)
{
	const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	seen.count++;
	seen.number = number;
	seen.code = info->si_code;
	seen.address = (uintptr_t)info->si_addr;
	seen.trap = (uint64_t)g[REG_TRAPNO];
	seen.error = (uint64_t)g[REG_ERR];
	siglongjmp(out, 1);
}

/* ENCLU with these registers; the exception's vector, or -1 if there was none. */
static int plain_enclu(uint64_t rax, uint64_t rbx, uint64_t rcx)
{
	memset((void *)(uintptr_t)&seen, 0, sizeof(seen));
	if (!sigsetjmp(out, 1)) {
		asm volatile(".byte 0x0f, 0x01, 0xd7"
			     : "+a"(rax), "+b"(rbx), "+c"(rcx)
			     :
			     : "memory", "cc");
		return -1;
	}
	return (int)seen.trap;
}

static void test_bad_entries(void)
{
	struct enclave *e = make_checks(NULL);
	uint64_t base = (uintptr_t)enclave_base(e), tcs = base + enclave_layout(e)->tcs[0];
	uint64_t aep = (uintptr_t)own_aep;

	catch_all(bad_entry);
	EXPECT_EQUAL(plain_enclu(2, tcs + 8, aep), 13);	   /* not aligned */
	EXPECT_EQUAL(plain_enclu(2, 1ULL << 63, aep), 13); /* not canonical */
	EXPECT_EQUAL(plain_enclu(2, tcs, 1ULL << 63), 13);
	EXPECT_EQUAL(plain_enclu(2, base, aep), 14); /* no TCS */
	EXPECT_EQUAL(seen.error & 0x8000, 0x8000);
	EXPECT_EQUAL(plain_enclu(2, 0x1000, aep), 14); /* nothing there */
	EXPECT_EQUAL(seen.address, 0x1000);
	EXPECT_EQUAL(plain_enclu(3, tcs, aep), 13); /* nothing to resume */
	for (uint64_t leaf = 0; leaf < 12; leaf++)
		if (leaf != 2 && leaf != 3)
			EXPECT_EQUAL(plain_enclu(leaf, tcs, aep), 13); /* only inside, or unknown */
	EXPECT_EQUAL(plain_enclu(~0U, tcs, aep), 13);
	EXPECT_EQUAL(own(e, 0, CHECK_COUNT, 0, 0).rsi, 1);
	catch_all((void (*)(int, siginfo_t *, void *))(void (*)(void))SIG_DFL);
	enclave_destroy(e);
}

/* --- Debuggers ------------------------------------------------------------------------------------------- */

static void stepped(int number, siginfo_t *info, void *context)
{
	const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)info;
	seen.count++;
	seen.number = number;
	if (g[REG_RIP] == (greg_t)(uintptr_t)own_aep)
		seen.wrong++; /* a step inside, seen outside */
}

/* A call with RFLAGS.TF set. */
static struct own_call step_over(struct enclave *e, uint64_t function, uint64_t a)
{
	struct own_call c;

	memset((void *)(uintptr_t)&seen, 0, sizeof(seen));
	catch_all(stepped);
	asm volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
	c = own(e, 0, function, a, 0);
	asm volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
	catch_all((void (*)(int, siginfo_t *, void *))(void (*)(void))SIG_DFL);
	return c;
}

/* Not to be looked into: ENCLU is one step. Opted in: each instruction inside is one, as far as the enclave leaves TF alone. */
static void test_steps(void)
{
	const struct enclave_options options = { .uninitialised = true,
						 .attributes = ATTRIBUTE_DEBUG };
	struct enclave *e = make_checks(NULL);
	struct enclave_file file;
	uint64_t opted = 1;
	struct sigstruct s;
	struct own_call c;
	int memory = open("/proc/self/mem", O_RDWR);

	c = step_over(e, CHECK_COUNT, 0);
	EXPECT(c.rdi == LEFT_DONE && c.rsi == 1);
	EXPECT(seen.count > 5 && !seen.wrong);
	enclave_destroy(e);

	open_file("checks", &file);
	EXPECT_EQUAL(sign_with(&file, ATTRIBUTE_DEBUG, &s), 0);
	EXPECT_EQUAL(enclave_create(&file, &options, &e), 0);
	EXPECT_EQUAL(enclave_initialise(e, &s), 0);
	own_tcs = (uintptr_t)enclave_base(e) + enclave_layout(e)->tcs[0];
	EXPECT_EQUAL(pwrite(memory, &opted, 8, (off_t)own_tcs + 8), 8);
	c = step_over(e, CHECK_THREAD, 1000);
	EXPECT(c.rdi == LEFT_DONE && c.rsi == 0);
	/* until its start code sets RFLAGS */
	EXPECT(seen.wrong > 5 && seen.wrong < 50);
	close(memory);
	enclave_destroy(e);
	enclave_file_close(&file);
}

const struct test entry_tests[] = {
	{ "own-calls", test_calls },
	{ "own-interrupts", test_interrupts },
	{ "own-signals", test_signals },
	{ "own-abandoned", test_abandoned },
	{ "own-bad-entries", test_bad_entries },
	{ "own-steps", test_steps },
	{ 0 },
};
