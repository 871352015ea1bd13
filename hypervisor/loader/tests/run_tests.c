/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering, leaving, exceptions, registers, threads, OCALLs, reports and keys.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hypervisor/loader/tests/tests.h"

/* --- Calls ----------------------------------------------------------------------------------------------------------------- */

#define CALLS 1000
struct caller {
	pthread_t thread;
	struct enclave *enclave;
	unsigned int index, calls;
	uint32_t inside;
	int errors;
};

static void pin(unsigned int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	/* EINVAL: it went offline just now */
	EXPECT(!sched_setaffinity(0, sizeof(set), &set) || errno == EINVAL);
}

static void *make_calls(void *argument)
{
	struct caller *c = argument;
	uint64_t value;

	pin(c->index);
	for (unsigned int i = 0; i < c->calls; i++)
		c->errors += enclave_call_on(c->enclave, c->index, CHECK_COUNT, 0, 0, &value) != 0;
	c->errors += enclave_call_on(c->enclave, c->index, CHECK_THREAD, 0, 0, &value) != 0 ||
		     value != c->index;
	return NULL;
}

static void run_callers(unsigned int threads, unsigned int calls)
{
	struct enclave *e = make_checks(NULL);
	struct caller callers[CHECKS_THREADS];

	for (unsigned int i = 0; i < threads; i++) {
		callers[i] = (struct caller){ .enclave = e, .index = i, .calls = calls };
		EXPECT(!pthread_create(&callers[i].thread, NULL, make_calls, &callers[i]));
	}
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(callers[i].thread, NULL);
		EXPECT_EQUAL(callers[i].errors, 0);
	}
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), threads * calls + 1);
	enclave_destroy(e);
}

static void test_calls(void)
{
	run_callers(2, CALLS / 2);
}

static void test_threads(void)
{
	run_callers(CHECKS_THREADS, 100);
}

static void *stay_inside(void *argument)
{
	struct caller *c = argument;

	pin(c->index);
	c->errors = enclave_call_on(c->enclave, c->index, CHECK_SPIN_UNTIL, (uintptr_t)&c->calls,
				    (uintptr_t)&c->inside, NULL);
	return NULL;
}

/* All TCSs taken by threads that are inside, and on as few processors: a further call finds none, and they end. */
static void test_busy(void)
{
	struct enclave *e = make_checks(NULL);
	struct caller callers[CHECKS_THREADS];
	uint64_t value;

	for (unsigned int i = 0; i < CHECKS_THREADS; i++) {
		callers[i] = (struct caller){ .enclave = e, .index = i };
		EXPECT(!pthread_create(&callers[i].thread, NULL, stay_inside, &callers[i]));
	}
	for (unsigned int i = 0; i < CHECKS_THREADS; i++)
		while (!__atomic_load_n(&callers[i].inside, __ATOMIC_ACQUIRE))
			sched_yield();
	EXPECT_EQUAL(enclave_call(e, CHECK_COUNT, 0, 0, &value), -EBUSY);
	for (unsigned int i = 0; i < CHECKS_THREADS; i++)
		__atomic_store_n(&callers[i].calls, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < CHECKS_THREADS; i++) {
		pthread_join(callers[i].thread, NULL);
		EXPECT_EQUAL(callers[i].errors, 0);
	}
	enclave_destroy(e);
}

/*
 * The TCS of a thread that is inside on another processor, entered behind the loader's back: #GP of EENTER. (While the thread is interrupted CSSA is 1, and
 * it is the start code that refuses. Once is enough: an interrupt in that entry would let the threads resume each other's frames, as on
 * silicon, and the enclave's refusal is all that keeps them apart.)
 */
static void test_busy_tcs(void)
{
	struct enclave *e = make_checks(NULL);
	struct caller c = { .enclave = e, .index = 0 };
	uint64_t value;
	int r = -EPROTO;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("SKIP: one processor\n");
		enclave_destroy(e);
		return;
	}
	pin(1);
	EXPECT(!pthread_create(&c.thread, NULL, stay_inside, &c));
	while (!__atomic_load_n(&c.inside, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < 10 && r == -EPROTO; i++)
		r = enclave_call_tcs(e, enclave_layout(e)->tcs[0], CHECK_COUNT, 0, 0, &value);
	EXPECT_EQUAL(r, -EFAULT);
	EXPECT_EQUAL(enclave_last_exception()->vector, 13);
	EXPECT_EQUAL(enclave_last_exception()->function, 2);
	__atomic_store_n(&c.calls, 1, __ATOMIC_RELEASE);
	pthread_join(c.thread, NULL);
	EXPECT_EQUAL(c.errors, 0);
	EXPECT_EQUAL(call(e, CHECK_THREAD, 0, 0), 0);
	enclave_destroy(e);
}

static uint64_t answer(void *context, uint64_t number, uint64_t argument)
{
	uint64_t *count = context;

	++*count;
	return argument + number;
}

static void test_ocalls(void)
{
	uint64_t count = 0;
	const struct enclave_options options = { .ocall = answer, .context = &count };
	struct enclave *e = make_checks(&options);

	/* the sum of 4 i for i < 100 */
	EXPECT_EQUAL(call(e, CHECK_OCALL, 100, 0), 4 * 99 * 100 / 2);
	EXPECT_EQUAL(count, 100);
	enclave_destroy(e);
}

static struct enclave *nested_enclave;
static int nested_result;

static uint64_t call_again(void *context, uint64_t number, uint64_t argument)
{
	uint64_t value;

	(void)context;
	(void)argument;
	nested_result = enclave_call_tcs(nested_enclave, enclave_layout(nested_enclave)->tcs[0],
					 CHECK_COUNT, 0, 0, &value);
	return number;
}

/* From an OCALL, an ECALL on the same TCS: refused by the start code; the OCALL still returns to where it was. */
static void test_nested(void)
{
	const struct enclave_options options = { .ocall = call_again };

	nested_enclave = make_checks(&options);
	EXPECT_EQUAL(call(nested_enclave, CHECK_NESTED, 0, 0), 77);
	EXPECT_EQUAL(nested_result, -EPROTO);
	enclave_destroy(nested_enclave);
}

/* --- Exceptions -------------------------------------------------------------------------------------------------------------- */

#define INFO(vector) (0x80000300U | (vector))

static void expect_fault(struct enclave *e, enum checks_fault kind, uint64_t address, uint32_t info,
			 uint32_t error)
{
	uint64_t found = call(e, CHECK_FAULT, kind, address);

	if (found != (info | (uint64_t)error << 32)) {
		printf("fault %d: EXITINFO %#x, error %#x; wanted %#x, %#x\n", kind,
		       (uint32_t)found, (uint32_t)(found >> 32), info, error);
		failures++;
	}
}

static void test_exceptions(void)
{
	struct enclave *e = make_checks(NULL);
	uint64_t code = (uint64_t)(uintptr_t)enclave_base(e) + enclave_layout(e)->entry;
	uint64_t found;

	expect_fault(e, FAULT_DIVIDE, 0, INFO(0), 0);
	EXPECT_EQUAL(enclave_last_exception()->vector, 0);
	EXPECT_EQUAL(enclave_last_exception()->function, 3);
	expect_fault(e, FAULT_UNDEFINED, 0, INFO(6), 0);
	/* Not mapped by Linux: an ordinary page fault, with the address in EXINFO */
	expect_fault(e, FAULT_READ, 8, INFO(14), 4);
	EXPECT_EQUAL(call(e, CHECK_FAULT_ADDRESS, 0, 0), 8);
	EXPECT_EQUAL(enclave_last_exception()->vector, 14);
	expect_fault(e, FAULT_WRITE, 8, INFO(14), 6);
	/* Linux maps the code without W: a page fault of its tables, the page's address only for Linux */
	expect_fault(e, FAULT_WRITE, code + 4, INFO(14), 7);
	EXPECT_EQUAL(call(e, CHECK_FAULT_ADDRESS, 0, 0), code + 4);
	EXPECT_EQUAL(enclave_last_exception()->address, code & ~0xfffULL);
	expect_fault(e, FAULT_CODE_OUTSIDE, (uint64_t)(uintptr_t)test_exceptions, INFO(13), 0);
	expect_fault(e, FAULT_GENERAL, 0, INFO(13), 0);
	expect_fault(e, FAULT_BREAKPOINT, 0, INFO(6), 0);
	expect_fault(e, FAULT_SYSCALL, 0, INFO(6), 0);
	expect_fault(e, FAULT_CPUID, 0, INFO(6), 0);
	/* Linux's descriptor tables are not there: no segment, no gate, no other mode or privilege. */
	expect_fault(e, FAULT_SEGMENT, 0, INFO(6), 0);
	expect_fault(e, FAULT_FAR, 0, INFO(6), 0);
	found = call(e, CHECK_FAULT, FAULT_ICEBP, 0);
	EXPECT(found == INFO(6) || found == INFO(1));
	/* An emulator may not raise #XM at all. */
	found = call(e, CHECK_FAULT, FAULT_FLOAT, 0);
	EXPECT(!found || found == INFO(19));
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	enclave_destroy(e);
}

/* SDM 3D, table 39-1, and what is legal. */
static void test_instructions(void)
{
	struct enclave *e = make_checks(NULL);

	for (uint64_t i = 0; i < INSTRUCTIONS; i++) {
		uint64_t found = call(e, CHECK_INSTRUCTION, i, 0);
		bool right = i < INSTRUCTION_RDPMC   ? found == INFO(6)
			     : i < INSTRUCTION_HLT   ? found == INFO(6) || found == INFO(13)
			     : i < INSTRUCTION_RDTSC ? found == INFO(13)
						     : !found;

		if (!right) {
			printf("instruction %lu: EXITINFO %#lx\n", i, found);
			failures++;
		}
	}
	/* FS's base is the enclave's own to set */
	EXPECT_EQUAL(call(e, CHECK_FS, 0x123456789000, 50000000), 1);
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	enclave_destroy(e);
}

/* Without a handler the exception is the caller's; the TCS is lost, the others work. */
static void test_exception_lost(void)
{
	const struct enclave_options options = { .no_exception_handler = true };
	struct enclave *e = make_checks(&options);
	uint64_t value;

	EXPECT_EQUAL(enclave_call_on(e, 0, CHECK_FAULT, FAULT_DIVIDE, 0, &value), -EFAULT);
	EXPECT_EQUAL(enclave_last_exception()->vector, 0);
	EXPECT_EQUAL(enclave_call_on(e, 0, CHECK_COUNT, 0, 0, &value), -EBUSY);
	EXPECT_EQUAL(enclave_call_on(e, 1, CHECK_COUNT, 0, 0, &value), 0);
	enclave_destroy(e);
}

/* A write that only the EPCM refuses (Linux's tables allow it): bit 15 of the error code. */
static void test_epcm_fault(void)
{
	struct enclave *e = make_checks(NULL);
	uint64_t code = (uint64_t)(uintptr_t)enclave_base(e) + enclave_layout(e)->entry;

	/* The driver does not map what the enclave was not added with, so the SECINFO decides here. */
	EXPECT(mprotect((void *)(uintptr_t)(code & ~0xfffULL), PAGE_SIZE, PROT_READ | PROT_WRITE) &&
	       errno == EACCES);
	enclave_destroy(e);
}

/* --- Registers ----------------------------------------------------------------------------------------------------------------- */

static volatile bool stop;

/* Vector registers of another thread on the same processor, changing all the time. */
static void *disturb(void *argument)
{
	double x = 1;

	pin(0);
	(void)argument;
	while (!stop) {
		for (int i = 0; i < 10000; i++)
			x = x * 1.0000001 + 0.5;
		sched_yield();
	}
	return x > 0 ? NULL : &failures;
}

static void keep(uint64_t function, uint64_t wide)
{
	struct enclave *e = make_checks(NULL);
	pthread_t other;

	stop = false;
	EXPECT(!pthread_create(&other, NULL, disturb, NULL));
	pin(0);
	for (uint64_t i = 0; i < 5; i++)
		EXPECT_EQUAL(call(e, function, 30000000 + i, wide), 0);
	stop = true;
	pthread_join(other, NULL);
	enclave_destroy(e);
}

static void test_registers(void)
{
	keep(CHECK_REGISTERS, 0);
}

static void test_vectors(void)
{
	keep(CHECK_VECTORS, 0);
}

/* Does the hypervisor let enclaves have AVX? CPUID.12H.1, ECX bit 2 */
static void test_avx(void)
{
	uint32_t a = 0x12, b, c = 1, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c & 4)) {
		printf("SKIP: enclaves cannot have AVX here\n");
		return;
	}
	keep(CHECK_VECTORS, 1);
}

/* Without AVX in XFRM, its instructions are #UD inside, whatever the host has. */
static void test_no_avx(void)
{
	const struct enclave_options options = { .clear_xfrm = 4, .no_exception_handler = true };
	struct enclave *e = make_checks(&options);
	uint64_t value;

	EXPECT_EQUAL(call(e, CHECK_VECTORS, 1000, 0), 0);
	EXPECT_EQUAL(enclave_call(e, CHECK_VECTORS, 1000, 1, &value), -EFAULT);
	EXPECT_EQUAL(enclave_last_exception()->vector, 6);
	enclave_destroy(e);
}

/* --- Signals, processes ---------------------------------------------------------------------------------------------------------- */

static volatile uint32_t alarms, enough;

static void on_alarm(int number)
{
	(void)number;
	if (++alarms == 20)
		enough = 1;
}

/* A thread that stays inside until the 20th signal: handled at the AEP, and the enclave resumed each time. */
static void test_signals(void)
{
	struct enclave *e = make_checks(NULL);
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval each = { { 0, 10000 }, { 0, 10000 } }, none = { { 0, 0 }, { 0, 0 } };

	alarms = enough = 0;
	EXPECT(!sigaction(SIGALRM, &action, NULL));
	EXPECT(!setitimer(ITIMER_REAL, &each, NULL));
	EXPECT_EQUAL(call(e, CHECK_SPIN_UNTIL, (uintptr_t)&enough, 0), 0);
	EXPECT(!setitimer(ITIMER_REAL, &none, NULL));
	EXPECT(alarms >= 20);
	enclave_destroy(e);
}

/* A process that is killed inside leaves nothing behind. */
static void test_killed(void)
{
	uint64_t before = driver_number("epc_unused"), after = 0;

	for (int i = 0; i < 5; i++) {
		int to_parent[2], status;
		char byte;
		pid_t child;

		EXPECT(!pipe(to_parent));
		child = fork();
		if (!child) {
			uint32_t never = 0;
			struct enclave *e = make_checks(NULL);

			call(e, CHECK_COUNT, 0, 0);
			if (write(to_parent[1], "x", 1) == 1)
				call(e, CHECK_SPIN_UNTIL, (uintptr_t)&never, 0);
			_exit(1);
		}
		close(to_parent[1]);
		EXPECT(read(to_parent[0], &byte, 1) == 1);
		usleep(20000);
		kill(child, SIGKILL);
		EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
		close(to_parent[0]);
	}
	/* The last file's release may come a little later. */
	for (int i = 0; i < 200 && after != before; i++) {
		after = driver_number("epc_unused");
		usleep(10000);
	}
	EXPECT_EQUAL(after, before);
}

/* --- Reports and keys -------------------------------------------------------------------------------------------------------------- */

static bool cmac(const uint8_t key[16], const void *data, size_t size, uint8_t ret_mac[16])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher,
								     0),
				    OSSL_PARAM_construct_end() };
	size_t made = 0;
	bool ok = context && EVP_MAC_init(context, key, 16, parameters) &&
		  EVP_MAC_update(context, data, size) &&
		  EVP_MAC_final(context, ret_mac, &made, 16) && made == 16;

	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
	return ok;
}

static void test_report(void)
{
	struct enclave *e = make_checks(NULL);
	struct enclave_file file;
	struct report r = { 0 };
	struct targetinfo self = { 0 };
	struct keyrequest request = { .key_name = KEY_REPORT };
	uint8_t key[16] = { 0 }, mac[16] = { 0 };

	open_file("checks", &file);
	EXPECT_EQUAL(call(e, CHECK_REPORT, 0, (uintptr_t)&r), 0);
	/* What the processor measured is what the signer computed. */
	EXPECT(!memcmp(r.mrenclave, file.sigstruct.enclave_hash, 32));
	EXPECT_EQUAL(r.isv_prod_id, 7);
	EXPECT_EQUAL(r.isv_svn, 3);
	EXPECT_EQUAL(r.attributes.flags, ATTRIBUTE_INIT | ATTRIBUTE_MODE64BIT);
	for (unsigned int i = 0; i < 64; i++)
		EXPECT(r.report_data[i] == (uint8_t)(i * 3));
	/* For itself: the MAC is by its own report key. */
	memcpy(self.measurement, r.mrenclave, 32);
	self.attributes = r.attributes;
	self.miscselect = r.miscselect;
	EXPECT_EQUAL(call(e, CHECK_REPORT, (uintptr_t)&self, (uintptr_t)&r), 0);
	memcpy(request.key_id, r.key_id, sizeof(request.key_id));
	EXPECT_EQUAL(call(e, CHECK_KEY, (uintptr_t)&request, (uintptr_t)key), 0);
	EXPECT(cmac(key, &r, REPORT_MACED, mac) && !memcmp(mac, r.mac, 16));
	r.report_data[5] ^= 1;
	EXPECT(cmac(key, &r, REPORT_MACED, mac) && memcmp(mac, r.mac, 16));
	/* For another: not by its own key. */
	self.measurement[0] ^= 1;
	EXPECT_EQUAL(call(e, CHECK_REPORT, (uintptr_t)&self, (uintptr_t)&r), 0);
	EXPECT(cmac(key, &r, REPORT_MACED, mac) && memcmp(mac, r.mac, 16));
	enclave_file_close(&file);
	enclave_destroy(e);
}

static void get_key(struct enclave *e, const struct keyrequest *request, uint64_t code,
		    uint8_t ret_key[16])
{
	memset(ret_key, 0, 16);
	EXPECT_EQUAL(call(e, CHECK_KEY, (uintptr_t)request, (uintptr_t)ret_key), code);
}

static void test_keys(void)
{
	struct enclave *e = make_checks(NULL), *same = make_checks(NULL);
	struct keyrequest request = { .key_name = KEY_SEAL, .key_policy = KEYPOLICY_MRENCLAVE };
	uint8_t a[16], b[16], zero[16] = { 0 };

	get_key(e, &request, 0, a);
	EXPECT(memcmp(a, zero, 16));
	get_key(e, &request, 0, b);
	EXPECT(!memcmp(a, b, 16));
	/* The same enclave again: the same key. */
	get_key(same, &request, 0, b);
	EXPECT(!memcmp(a, b, 16));
	request.key_id[3] = 1;
	get_key(e, &request, 0, b);
	EXPECT(memcmp(a, b, 16));
	request.key_id[3] = 0;
	request.key_policy = KEYPOLICY_MRSIGNER;
	get_key(e, &request, 0, b);
	EXPECT(memcmp(a, b, 16));
	request.isv_svn = 2; /* older: allowed, and another key */
	get_key(e, &request, 0, a);
	EXPECT(memcmp(a, b, 16));
	request.isv_svn = 4;
	get_key(e, &request, SGX_INVALID_ISVSVN, a);
	request.isv_svn = 0;
	request.key_name = KEY_PROVISION;
	get_key(e, &request, SGX_INVALID_ATTRIBUTE, a);
	request.key_name = KEY_EINITTOKEN;
	get_key(e, &request, SGX_INVALID_ATTRIBUTE, a);
	request.key_name = 99;
	get_key(e, &request, SGX_INVALID_KEYNAME, a);
	enclave_destroy(same);
	enclave_destroy(e);
}

const struct test run_tests[] = {
	{ "calls", test_calls },
	{ "threads", test_threads },
	{ "busy", test_busy },
	{ "busy-tcs", test_busy_tcs },
	{ "ocalls", test_ocalls },
	{ "nested", test_nested },
	{ "exceptions", test_exceptions },
	{ "instructions", test_instructions },
	{ "exception-lost", test_exception_lost },
	{ "epcm-fault", test_epcm_fault },
	{ "registers", test_registers },
	{ "vectors", test_vectors },
	{ "avx", test_avx },
	{ "no-avx", test_no_avx },
	{ "signals", test_signals },
	{ "killed", test_killed },
	{ "report", test_report },
	{ "keys", test_keys },
	{ 0 },
};
