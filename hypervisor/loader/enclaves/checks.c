/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave behind the tests: see checks.h. Each thread may provoke an exception: it leaves the address where it wants to go on in
 * `recover`, and the handler, which runs on the same TCS with CSSA 1, notes what the SSA says and sends the thread there.
 */
#include "hypervisor/loader/enclaves/checks.h"

#include "hypervisor/loader/enclaves/runtime.h"

ENCLAVE_DESCRIPTION(.threads = CHECKS_THREADS, .stack_pages = 4, .heap_pages = CHECKS_HEAP_PAGES,
		    .growth_pages = CHECKS_GROWTH_PAGES, .product_id = 7, .security_version = 3);

static struct seen {
	uint64_t recover;
	uint64_t exit_info, error, address;
} seen[CHECKS_THREADS];
static uint64_t count;

static struct seen *mine(void)
{
	return &seen[thread_field(index)];
}

static void *at(uint64_t offset)
{
	return __ehdr_start + offset;
}

/* --- Exceptions ------------------------------------------------------------------------------------------------------------- */

bool enclave_exception(struct gprsgx *interrupted)
{
	const struct exinfo *info = (const void *)((const uint8_t *)interrupted - sizeof(*info));
	struct seen *s = mine();

	s->exit_info = interrupted->exit_info;
	/* Written by #PF and #GP only: else it holds what an earlier one left. */
	if ((s->exit_info & 0xff) == 13 || (s->exit_info & 0xff) == 14) {
		s->error = info->error;
		s->address = info->maddr;
	}
	if (!s->recover)
		return false;
	interrupted->rip = s->recover;
	s->recover = 0;
	return true;
}

/* After `does`, or the exception that it raises, execution goes on behind it with all general registers but RSP, RBP lost. */
#define PROVOKE(s, does, ...)                                                                 \
	asm volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, %0\n\t" does "\n1:"                  \
		     : "=m"((s)->recover)                                                     \
		     : __VA_ARGS__                                                            \
		     : "rax", "rcx", "rdx", "rbx", "rsi", "r8", "r9", "r10", "r11", "memory", \
		       "cc")

static uint64_t provoke(uint64_t kind, uint64_t address)
{
	struct seen *s = mine();
	static const uint32_t unmasked = 0x1f80 & ~0x200U; /* MXCSR, divide by zero not masked */
	static const uint32_t masked = 0x1f80;
	static const uint32_t far[2] = { 0, 0x33 }; /* Linux's 64-bit code for users */

	s->exit_info = s->error = s->address = 0;
	switch (kind) {
	case FAULT_DIVIDE:
		PROVOKE(s, "xor %%eax, %%eax\n\txor %%edx, %%edx\n\tdiv %%eax", "D"(0));
		break;
	case FAULT_UNDEFINED:
		PROVOKE(s, "ud2", "D"(0));
		break;
	case FAULT_READ:
		PROVOKE(s, "mov (%1), %%rax", "D"(address));
		break;
	case FAULT_WRITE:
		PROVOKE(s, "movq $1, (%1)", "D"(address));
		break;
	case FAULT_CODE_OUTSIDE:
		PROVOKE(s, "jmp *%1", "D"(address));
		break;
	case FAULT_BREAKPOINT:
		PROVOKE(s, "int3", "D"(0));
		break;
	case FAULT_SYSCALL:
		PROVOKE(s, "mov $39, %%eax\n\tsyscall", "D"(0));
		break;
	case FAULT_CPUID:
		PROVOKE(s, "xor %%eax, %%eax\n\tcpuid", "D"(0));
		break;
	case FAULT_GENERAL:
		PROVOKE(s, "mov $0x8000000000000000, %%rax\n\tmov (%%rax), %%rax", "D"(0));
		break;
	case FAULT_SEGMENT:
		PROVOKE(s, "mov $0x2b, %%eax\n\tmov %%eax, %%ds", "D"(0));
		break;
	case FAULT_FAR:
		PROVOKE(s, "ljmpl *(%1)", "D"(&far));
		break;
	case FAULT_ICEBP:
		PROVOKE(s, ".byte 0xf1", "D"(0));
		break;
	case FAULT_FLOAT:
		PROVOKE(s,
			"ldmxcsr (%1)\n\txorps %%xmm0, %%xmm0\n\tmov $1, %%ecx\n\tcvtsi2ss %%ecx, %%xmm1\n\tdivss %%xmm0, %%xmm1",
			"D"(&unmasked));
		asm volatile("ldmxcsr %0" : : "m"(masked));
		break;
	default:
		return ENCLAVE_NO_SUCH_FUNCTION;
	}
	s->recover = 0;
	return s->exit_info | s->error << 32;
}

/* One instruction each, 16 bytes apart. R8: where it ends; R9: memory, below the stack; R10: a selector, Linux's for a program's data. */
extern const uint8_t checks_instructions[];
#define ONE(text) ".balign 16\n\t" text "\n\tjmp *%r8\n\t"
/* clang-format off */
asm(".text\n.balign 16\nchecks_instructions:\n\t"
    ONE("cpuid") ONE("in $0x80, %al") ONE("out %al, $0x80") ONE("insb") ONE("outsb")
    ONE("int $0x80") ONE("iretq") ONE("syscall") ONE("sysenter")
    ONE("mov %r10d, %ds") ONE("mov %r10d, %fs") ONE("push %r10\n\tpop %gs") ONE("push %r10\n\tpush %r8\n\tlretq")
    ONE("vmcall") ONE("vmmcall") ONE(".byte 0x0f, 0x01, 0xcf")
    ONE("rdpmc") ONE("sgdt (%r9)") ONE("sidt (%r9)") ONE("sldt %eax") ONE("str %eax") ONE("smsw %eax")
    ONE("hlt") ONE("cli") ONE("rdmsr") ONE("mov %cr0, %rax") ONE(".byte 0x0f, 0x01, 0xd7")
    ONE("rdtsc") ONE("rdtscp") ONE("xgetbv") ONE("rdrand %rax") ONE("rdfsbase %rax") ONE("pause"));
/* clang-format on */

static uint64_t instruction(uint64_t which)
{
	struct seen *s = mine();

	if (which >= INSTRUCTIONS)
		return ENCLAVE_NO_SUCH_FUNCTION;
	s->exit_info = 0;
	asm volatile(
		"mov %%rsp, %%r15\n\tlea 1f(%%rip), %%r8\n\tmov %%r8, %0\n\tlea -512(%%rsp), %%r9\n\tmov %1, %%r11\n\t"
		"mov $0x2b, %%r10d\n\tmov $2, %%eax\n\txor %%ecx, %%ecx\n\txor %%ebx, %%ebx\n\t"
		"mov %%r9, %%rdi\n\tmov %%r9, %%rsi\n\tmov $0x80, %%edx\n\tjmp *%%r11\n1:\n\tmov %%r15, %%rsp"
		: "=m"(s->recover)
		: "r"(checks_instructions + which * 16)
		: "rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r15",
		  "memory", "cc");
	s->recover = 0;
	return s->exit_info;
}

/* --- Registers over AEX ------------------------------------------------------------------------------------------------------- */

static uint64_t rounds(uint64_t n)
{
	asm volatile("1: dec %0\n\tjnz 1b" : "+r"(n) : : "cc");
	return n;
}

#define EACH_VECTOR(DO) \
	DO(0)           \
	DO(1)           \
	DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

static uint64_t keep_vectors(uint64_t spin, bool wide)
{
	static uint64_t before[CHECKS_THREADS][16][4] __attribute__((aligned(32))),
		after[CHECKS_THREADS][16][4] __attribute__((aligned(32)));
	uint64_t(*b)[4] = before[thread_field(index)], (*a)[4] = after[thread_field(index)];
	uint64_t changed = 0;

	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int j = 0; j < 4; j++)
			b[i][j] = 0x9e3779b97f4a7c15ULL * (i * 4 + j + 1 + spin);
#define LOAD_WIDE(n) "vmovdqu " #n "*32(%1), %%ymm" #n "\n\t"
#define STORE_WIDE(n) "vmovdqu %%ymm" #n ", " #n "*32(%2)\n\t"
#define LOAD(n) "movdqu " #n "*32(%1), %%xmm" #n "\n\t"
#define STORE(n) "movdqu %%xmm" #n ", " #n "*32(%2)\n\t"
	if (wide)
		asm volatile(EACH_VECTOR(LOAD_WIDE) "1: dec %0\n\tjnz 1b\n\t" EACH_VECTOR(
				     STORE_WIDE) "vzeroupper"
			     : "+r"(spin)
			     : "r"(b), "r"(a)
			     : "memory", "cc");
	else
		asm volatile(EACH_VECTOR(LOAD) "1: dec %0\n\tjnz 1b\n\t" EACH_VECTOR(STORE)
			     : "+r"(spin)
			     : "r"(b), "r"(a)
			     : "memory", "cc");
	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int j = 0; j < (wide ? 4U : 2U); j++)
			if (a[i][j] != b[i][j])
				changed |= 1ULL << i;
	return changed;
}

/* RAX, RBX, RDX, RSI, RDI, R8 - R15 hold their number times a constant while RCX counts down. */
static uint64_t keep_registers(uint64_t spin)
{
	uint64_t wrong = 0;

	asm volatile(
		"mov $0x11, %%eax\n\tmov $0x22, %%ebx\n\tmov $0x33, %%edx\n\tmov $0x44, %%esi\n\tmov $0x55, %%edi\n\t"
		"mov $0x88, %%r8d\n\tmov $0x99, %%r9d\n\tmov $0xaa, %%r10d\n\tmov $0xbb, %%r11d\n\tmov $0xcc, %%r12d\n\t"
		"mov $0xdd, %%r13d\n\tmov $0xee, %%r14d\n\tmov $0xff, %%r15d\n\t"
		"1: dec %%rcx\n\tjnz 1b\n\t"
		"xor $0x11, %%rax\n\txor $0x22, %%rbx\n\txor $0x33, %%rdx\n\txor $0x44, %%rsi\n\txor $0x55, %%rdi\n\t"
		"xor $0x88, %%r8\n\txor $0x99, %%r9\n\txor $0xaa, %%r10\n\txor $0xbb, %%r11\n\txor $0xcc, %%r12\n\t"
		"xor $0xdd, %%r13\n\txor $0xee, %%r14\n\txor $0xff, %%r15\n\t"
		"or %%rbx, %%rax\n\tor %%rdx, %%rax\n\tor %%rsi, %%rax\n\tor %%rdi, %%rax\n\tor %%r8, %%rax\n\tor %%r9, %%rax\n\t"
		"or %%r10, %%rax\n\tor %%r11, %%rax\n\tor %%r12, %%rax\n\tor %%r13, %%rax\n\tor %%r14, %%rax\n\tor %%r15, %%rax"
		: "=&a"(wrong), "+c"(spin)
		:
		: "rbx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		  "cc");
	return wrong;
}

static uint64_t keep_fs(uint64_t base, uint64_t spin)
{
	uint64_t before, found;

	asm volatile(
		"rdfsbase %0\n\twrfsbase %3\n1:\n\tdec %1\n\tjnz 1b\n\trdfsbase %2\n\twrfsbase %0"
		: "=&r"(before), "+r"(spin), "=&r"(found)
		: "r"(base)
		: "cc");
	return found == base;
}

/* --- Memory ---------------------------------------------------------------------------------------------------------------- */

static uint64_t echo(uint64_t pointer)
{
	struct checks_buffers buffers;
	uint8_t block[256];

	if (!is_outside(pointer, sizeof(buffers)))
		return ENCLAVE_NO_SUCH_FUNCTION;
	buffers = *(const volatile struct checks_buffers *)(uintptr_t)pointer;
	if (!is_outside(buffers.in, buffers.size) || !is_outside(buffers.out, buffers.size))
		return ENCLAVE_NO_SUCH_FUNCTION;
	for (uint64_t done = 0, n; done < buffers.size; done += n) {
		const volatile uint8_t *in =
			(const volatile uint8_t *)(uintptr_t)(buffers.in + done);
		volatile uint8_t *out = (volatile uint8_t *)(uintptr_t)(buffers.out + done);

		n = MIN(buffers.size - done, (uint64_t)sizeof(block));
		for (uint64_t i = 0; i < n; i++)
			block[i] = (uint8_t)(in[i] + 1);
		for (uint64_t i = 0; i < n; i++)
			out[i] = block[i];
	}
	return buffers.size;
}

static uint64_t heap_word(uint64_t seed, uint64_t i)
{
	return (seed + 1) * 0x9e3779b97f4a7c15ULL ^ i * 0xff51afd7ed558ccdULL;
}

static uint64_t heap(uint64_t seed, bool fill)
{
	uint64_t *p = at(thread_field(heap)), words = thread_field(heap_size) / 8, wrong = 0;

	for (uint64_t i = 0; i < words; i++) {
		if (fill)
			p[i] = heap_word(seed, i);
		else
			wrong += p[i] != heap_word(seed, i);
	}
	return wrong;
}

static uint64_t accept(void *page, uint64_t flags)
{
	struct secinfo info __attribute__((aligned(64))) = { .flags = flags };

	return enclu(LEAF_EACCEPT, &info, page, NULL);
}

static uint64_t grow(uint64_t first, uint64_t pages)
{
	uint8_t *p = at(thread_field(growth) + first * PAGE_SIZE);
	uint64_t done;

	if (first > CHECKS_GROWTH_PAGES || pages > CHECKS_GROWTH_PAGES - first)
		return 0;
	for (done = 0; done < pages; done++, p += PAGE_SIZE) {
		if (accept(p, SECINFO_R | SECINFO_W | SECINFO_PENDING |
				      (uint64_t)PT_REG << SECINFO_TYPE_SHIFT))
			break;
		if (*(uint64_t *)p)
			break; /* EAUG gives zeroed pages */
		*(uint64_t *)p = ~(first + done);
	}
	return done;
}

static uint64_t grown(uint64_t first, uint64_t pages)
{
	const uint8_t *p = at(thread_field(growth) + first * PAGE_SIZE);
	uint64_t good = 0;

	for (uint64_t i = 0; i < pages; i++)
		good += *(const volatile uint64_t *)(p + i * PAGE_SIZE) == ~(first + i);
	return good;
}

static uint64_t accept_copy(uint64_t to, uint64_t from)
{
	struct secinfo info
		__attribute__((aligned(64))) = { .flags = SECINFO_R | SECINFO_W |
							  (uint64_t)PT_REG << SECINFO_TYPE_SHIFT };

	return enclu(LEAF_EACCEPTCOPY, &info, (void *)(uintptr_t)to, (void *)(uintptr_t)from);
}

/* --- Reports and keys ---------------------------------------------------------------------------------------------------------- */

static uint64_t report(uint64_t target, uint64_t out)
{
	static struct targetinfo info __attribute__((aligned(512)));
	static uint8_t data[64] __attribute__((aligned(128)));
	static struct report made __attribute__((aligned(512)));

	if (!is_outside(out, sizeof(made)) || (target && !is_outside(target, sizeof(info))))
		return ENCLAVE_NO_SUCH_FUNCTION;
	info = (struct targetinfo){ 0 };
	if (target)
		info = *(const struct targetinfo *)(uintptr_t)target;
	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3);
	enclu(LEAF_EREPORT, &info, data, &made);
	*(struct report *)(uintptr_t)out = made;
	return 0;
}

static uint64_t key(uint64_t request, uint64_t out)
{
	static struct keyrequest wanted __attribute__((aligned(512)));
	static uint8_t made[16] __attribute__((aligned(16)));
	uint64_t code;

	if (!is_outside(out, sizeof(made)) || !is_outside(request, sizeof(wanted)))
		return ENCLAVE_NO_SUCH_FUNCTION;
	wanted = *(const struct keyrequest *)(uintptr_t)request;
	/* Something to be looked for where the hypervisor keeps vector registers meanwhile (boot/leftover.sh). */
	asm volatile("movq %0, %%xmm15" : : "r"(0x5ec2e70f5ec2e70fULL));
	code = enclu(LEAF_EGETKEY, &wanted, made, NULL);
	asm volatile("pxor %xmm15, %xmm15");
	for (unsigned int i = 0; i < sizeof(made); i++)
		((uint8_t *)(uintptr_t)out)[i] = made[i];
	return code;
}

/* --------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t ocalls(uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += enclave_ocall(i, i * 3);
	return sum;
}

static uint64_t spin_until(uint64_t flag, uint64_t inside)
{
	if (!is_outside(flag, sizeof(uint32_t)) || !is_outside(inside, sizeof(uint32_t)))
		return ENCLAVE_NO_SUCH_FUNCTION;
	if (inside)
		*(volatile uint32_t *)(uintptr_t)inside = 1;
	while (!*(const volatile uint32_t *)(uintptr_t)flag)
		asm volatile("pause");
	return 0;
}

static uint64_t extend(uint64_t page, uint64_t flags)
{
	struct secinfo info __attribute__((aligned(64))) = { .flags = flags };

	enclu(LEAF_EMODPE, &info, (void *)(uintptr_t)page, NULL);
	return 0;
}

static uint64_t memory_function(uint64_t number, uint64_t a, uint64_t b)
{
	switch (number) {
	case CHECK_HEAP_FILL:
		return heap(a, true);
	case CHECK_HEAP_VERIFY:
		return heap(a, false);
	case CHECK_GROW:
		return grow(a, b);
	case CHECK_GROWN:
		return grown(a, b);
	case CHECK_ACCEPT:
		return accept((void *)(uintptr_t)a, b);
	case CHECK_EXTEND:
		return extend(a, b);
	case CHECK_ACCEPT_COPY:
		return accept_copy(a, b);
	case CHECK_READ:
		return *(const volatile uint64_t *)(uintptr_t)a;
	case CHECK_WRITE:
		*(volatile uint64_t *)(uintptr_t)a = b;
		return 0;
	case CHECK_GROWTH:
		return (uint64_t)(uintptr_t)at(thread_field(growth));
	default:
		return ENCLAVE_NO_SUCH_FUNCTION;
	}
}

uint64_t enclave_function(uint64_t number, uint64_t a, uint64_t b)
{
	switch (number) {
	case CHECK_COUNT:
		return __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	case CHECK_THREAD:
		if (a)
			rounds(a);
		return thread_field(index);
	case CHECK_ECHO:
		return echo(a);
	case CHECK_FAULT:
		return provoke(a, b);
	case CHECK_FAULT_ADDRESS:
		return mine()->address;
	case CHECK_VECTORS:
		return keep_vectors(a, b);
	case CHECK_REGISTERS:
		return keep_registers(a);
	case CHECK_OCALL:
		return ocalls(a);
	case CHECK_NESTED:
		return enclave_ocall(77, 0);
	case CHECK_REPORT:
		return report(a, b);
	case CHECK_KEY:
		return key(a, b);
	case CHECK_INSTRUCTION:
		return instruction(a);
	case CHECK_FS:
		return keep_fs(a, b);
	case CHECK_SPIN_UNTIL:
		return spin_until(a, b);
	default:
		return memory_function(number, a, b);
	}
}
