/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's memory from inside, memory that grows and shrinks (EDMM), many enclaves, more enclaves than there is EPC.
 */
#include <asm/sgx.h>
#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hypervisor/loader/enclaves/counter.h"
#include "hypervisor/loader/tests/tests.h"

/* --- The program's memory ----------------------------------------------------------------------------------------------------- */

static void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		printf("no memory\n");
		exit(1);
	}
	return p;
}

/* Output pages that Linux has yet to give: each is a fault inside the enclave. */
static void test_echo(void)
{
	const size_t sizes[] = { 1, 4095, 4096, 4097, 100000, 1 << 20 };
	struct enclave *e = make_checks(NULL);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i], wrong = 0;
		uint8_t *in = pages(size), *out = pages(size);
		struct checks_buffers buffers = { (uintptr_t)in, (uintptr_t)out, size };

		for (size_t j = 0; j < size; j++)
			in[j] = (uint8_t)(j * 7 + i);
		EXPECT_EQUAL(call(e, CHECK_ECHO, (uintptr_t)&buffers, 0), size);
		for (size_t j = 0; j < size; j++)
			wrong += out[j] != (uint8_t)(in[j] + 1);
		EXPECT_EQUAL(wrong, 0);
		munmap(in, size);
		munmap(out, size);
	}
	enclave_destroy(e);
}

/* Pages taken away, made read only, and copied by fork between calls: the enclave must not write where Linux's tables no longer point. */
static void test_remapped(void)
{
	struct enclave *e = make_checks(NULL);
	uint8_t *in = pages(PAGE_SIZE), *out = pages(PAGE_SIZE), *other;
	struct checks_buffers buffers = { (uintptr_t)in, (uintptr_t)out, 16 };
	int status;
	pid_t child;

	for (int i = 0; i < 20; i++) {
		in[0] = (uint8_t)i;
		EXPECT_EQUAL(call(e, CHECK_ECHO, (uintptr_t)&buffers, 0), 16);
		EXPECT_EQUAL(out[0], (uint8_t)(i + 1));
		/* a new page in the same place, the old one elsewhere */
		other = mremap(out, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
		EXPECT(other != MAP_FAILED);
		in[0] = 0x55;
		EXPECT_EQUAL(call(e, CHECK_ECHO, (uintptr_t)&buffers, 0), 16);
		EXPECT_EQUAL(out[0], 0x56);
		EXPECT_EQUAL(other[0], (uint8_t)(i + 1));
		munmap(other, PAGE_SIZE);
	}
	/* Copy on write: what the parent writes through its enclave, the child does not see. */
	out[0] = 1;
	child = fork();
	if (!child) {
		sleep(1);
		_exit(out[0] != 1);
	}
	in[0] = 0x20;
	EXPECT_EQUAL(call(e, CHECK_ECHO, (uintptr_t)&buffers, 0), 16);
	EXPECT_EQUAL(out[0], 0x21);
	EXPECT(waitpid(child, &status, 0) == child && !status);
	enclave_destroy(e);
}

static void test_fork(void)
{
	struct enclave *e = make_checks(NULL);
	int status;
	pid_t child;

	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	child = fork();
	if (!child)
		_exit(call(e, CHECK_COUNT, 0, 0) != 2);
	EXPECT(waitpid(child, &status, 0) == child);
	EXPECT_EQUAL(status, 0);
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 3);
	enclave_destroy(e);
}

/* Enclave memory read and written from outside: all ones, and nothing changes. */
static void test_abort_page(void)
{
	struct enclave *e = make_checks(NULL);
	const struct enclave_layout *l = enclave_layout(e);
	volatile uint8_t *page = NULL;
	size_t different = 0;

	call(e, CHECK_HEAP_FILL, 5, 0);
	/* the last page is of the heap */
	page = enclave_base(e) + l->pages[l->page_count - 1].offset;
	for (size_t i = 0; i < PAGE_SIZE; i++)
		different += page[i] != 0xff;
	EXPECT_EQUAL(different, 0);
	for (size_t i = 0; i < PAGE_SIZE; i += 8)
		*(volatile uint64_t *)(page + i) = 0x4141414141414141;
	EXPECT_EQUAL(page[0], 0xff);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 5, 0), 0);
	enclave_destroy(e);
}

/* --- EDMM ---------------------------------------------------------------------------------------------------------------------- */

#define REG ((uint64_t)PT_REG << SECINFO_TYPE_SHIFT)

static uint64_t offset_of(struct enclave *e, uint64_t address)
{
	return address - (uint64_t)(uintptr_t)enclave_base(e);
}

static int restrict_to(struct enclave *e, uint64_t address, uint64_t rights)
{
	struct sgx_enclave_restrict_permissions r = { .offset = offset_of(e, address),
						      .length = PAGE_SIZE,
						      .permissions = rights };

	return ioctl(enclave_device(e), SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &r) ? -errno : 0;
}

static int change_type(struct enclave *e, uint64_t address, uint64_t type)
{
	struct sgx_enclave_modify_types r = { .offset = offset_of(e, address),
					      .length = PAGE_SIZE,
					      .page_type = type };

	return ioctl(enclave_device(e), SGX_IOC_ENCLAVE_MODIFY_TYPES, &r) ? -errno : 0;
}

static int remove_page(struct enclave *e, uint64_t address)
{
	struct sgx_enclave_remove_pages r = { .offset = offset_of(e, address),
					      .length = PAGE_SIZE };

	return ioctl(enclave_device(e), SGX_IOC_ENCLAVE_REMOVE_PAGES, &r) ? -errno : 0;
}

static void test_grow(void)
{
	struct enclave *e = make_checks(NULL);

	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 100), 100);
	EXPECT_EQUAL(call(e, CHECK_GROWN, 0, 100), 100);
	EXPECT_EQUAL(call(e, CHECK_GROW, 100, CHECKS_GROWTH_PAGES - 100),
		     CHECKS_GROWTH_PAGES - 100);
	EXPECT_EQUAL(call(e, CHECK_GROWN, 0, CHECKS_GROWTH_PAGES), CHECKS_GROWTH_PAGES);
	enclave_destroy(e);
}

/* A page that was not accepted cannot be used: EAUG gave it, the EPCM says pending. */
static void test_pending(void)
{
	struct enclave *e = make_checks(NULL);
	uint64_t page = call(e, CHECK_GROWTH, 0, 0), found;

	found = call(e, CHECK_FAULT, FAULT_WRITE, page);
	EXPECT_EQUAL(found, 0x8000030eULL | 0x8007ULL << 32);
	EXPECT_EQUAL(enclave_last_exception()->error_code, 0x8007);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, REG | SECINFO_R | SECINFO_PENDING),
		     SGX_PAGE_ATTRIBUTES_MISMATCH);
	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 1), 1);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, REG | SECINFO_R | SECINFO_W | SECINFO_PENDING),
		     SGX_PAGE_ATTRIBUTES_MISMATCH);
	enclave_destroy(e);
}

static void test_accept_copy(void)
{
	struct enclave *e = make_checks(NULL);
	uint64_t page = call(e, CHECK_GROWTH, 0, 0);

	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 1), 1);
	call(e, CHECK_WRITE, page + 0x100, 0x1122334455667788);
	/* touched, so that it is there, pending */
	call(e, CHECK_FAULT, FAULT_WRITE, page + PAGE_SIZE);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT_COPY, page + PAGE_SIZE, page), 0);
	EXPECT_EQUAL(call(e, CHECK_READ, page + PAGE_SIZE + 0x100, 0), 0x1122334455667788);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT_COPY, page + PAGE_SIZE, page),
		     SGX_PAGE_ATTRIBUTES_MISMATCH);
	enclave_destroy(e);
}

static void test_restrict(void)
{
	struct enclave *e = make_checks(NULL);
	uint64_t page = call(e, CHECK_GROWTH, 0, 0), found;

	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 1), 1);
	EXPECT_EQUAL(restrict_to(e, page, SECINFO_R), 0);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, REG | SECINFO_R | SECINFO_W | SECINFO_PR),
		     SGX_PAGE_ATTRIBUTES_MISMATCH);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, REG | SECINFO_R | SECINFO_PR), 0);
	EXPECT_EQUAL(call(e, CHECK_READ, page, 0), ~0ULL);
	/* Linux maps it writable still: the EPCM refuses. */
	found = call(e, CHECK_FAULT, FAULT_WRITE, page);
	EXPECT_EQUAL(found, 0x8000030eULL | 0x8007ULL << 32);
	call(e, CHECK_EXTEND, page, REG | SECINFO_R | SECINFO_W);
	call(e, CHECK_WRITE, page, 42);
	EXPECT_EQUAL(call(e, CHECK_READ, page, 0), 42);
	EXPECT_EQUAL(restrict_to(e, page, SECINFO_W), -EINVAL);
	EXPECT_EQUAL(restrict_to(e, page, 8), -EINVAL);
	EXPECT_EQUAL(restrict_to(e, page + PAGE_SIZE, SECINFO_R), -EFAULT);
	enclave_destroy(e);
}

static void test_trim(void)
{
	struct enclave *e = make_checks(NULL);
	uint64_t page = call(e, CHECK_GROWTH, 0, 0), found;
	uint64_t before = driver_number("epc_unused");

	for (int round = 0; round < 3; round++) {
		EXPECT_EQUAL(call(e, CHECK_GROW, 0, 1), 1);
		EXPECT_EQUAL(remove_page(e, page), -EPERM);
		EXPECT_EQUAL(change_type(e, page, PT_TRIM), 0);
		found = call(e, CHECK_FAULT, FAULT_READ, page);
		EXPECT_EQUAL(found, 0x8000030eULL | 0x8005ULL << 32);
		/* not accepted yet */
		EXPECT_EQUAL(remove_page(e, page), -EPERM);
		EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, (uint64_t)PT_TRIM << 8 | SECINFO_MODIFIED),
			     0);
		EXPECT_EQUAL(remove_page(e, page), 0);
		EXPECT_EQUAL(remove_page(e, page), -EFAULT);
	}
	if (before != ~0ULL)
		EXPECT(driver_number("epc_unused") + 2 >= before);
	enclave_destroy(e);
}

/* A thread that the enclave did not have when it was measured: stack, SSA and its page are grown, the TCS is a page that changes its type. */
static void test_new_thread(void)
{
	struct enclave *e = make_checks(NULL);
	const struct enclave_layout *l = enclave_layout(e);
	uint64_t page = call(e, CHECK_GROWTH, 0, 0), offset = offset_of(e, page);
	uint64_t value = 0;

	/* 0 TCS, 1 and 2 SSA, 3 thread's page, 4 to 7 stack, 8 stack for exceptions */
	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 9), 9);
	for (int i = 0; i < 9; i++)
		call(e, CHECK_WRITE, page + (uint64_t)i * PAGE_SIZE, 0);
	call(e, CHECK_WRITE, page + offsetof(struct tcs, ossa), offset + PAGE_SIZE);
	call(e, CHECK_WRITE, page + offsetof(struct tcs, cssa), 2ULL << 32); /* CSSA 0, NSSA 2 */
	call(e, CHECK_WRITE, page + offsetof(struct tcs, oentry), l->entry);
	call(e, CHECK_WRITE, page + offsetof(struct tcs, ofs_base), offset + 3 * PAGE_SIZE);
	call(e, CHECK_WRITE, page + offsetof(struct tcs, ogs_base), offset + 3 * PAGE_SIZE);
	call(e, CHECK_WRITE, page + offsetof(struct tcs, fs_limit), 0xfff | 0xfffULL << 32);
	call(e, CHECK_WRITE, page + 3 * PAGE_SIZE + offsetof(struct enclave_thread, stack),
	     offset + 8 * PAGE_SIZE);
	call(e, CHECK_WRITE,
	     page + 3 * PAGE_SIZE + offsetof(struct enclave_thread, exception_stack),
	     offset + 9 * PAGE_SIZE);
	call(e, CHECK_WRITE, page + 3 * PAGE_SIZE + offsetof(struct enclave_thread, ssa),
	     offset + PAGE_SIZE);
	call(e, CHECK_WRITE, page + 3 * PAGE_SIZE + offsetof(struct enclave_thread, ssa_frame_size),
	     PAGE_SIZE);
	call(e, CHECK_WRITE, page + 3 * PAGE_SIZE + offsetof(struct enclave_thread, index), 3);
	EXPECT_EQUAL(enclave_call_tcs(e, offset, CHECK_THREAD, 0, 0, &value), -EFAULT);
	EXPECT_EQUAL(change_type(e, page, PT_TCS), 0);
	EXPECT_EQUAL(enclave_call_tcs(e, offset, CHECK_THREAD, 0, 0, &value), -EFAULT);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, (uint64_t)PT_TCS << 8 | SECINFO_MODIFIED), 0);
	EXPECT_EQUAL(enclave_call_tcs(e, offset, CHECK_THREAD, 0, 0, &value), 0);
	EXPECT_EQUAL(value, 3);
	EXPECT_EQUAL(enclave_call_tcs(e, offset, CHECK_FAULT, FAULT_DIVIDE, 0, &value), 0);
	EXPECT_EQUAL(value, 0x80000300);
	EXPECT_EQUAL(change_type(e, page, PT_TCS), -EINVAL);
	enclave_destroy(e);
}

/* --- Many, and more than fit ------------------------------------------------------------------------------------------------------ */

#define MANY 200

static uint64_t told(void *context, uint64_t number, uint64_t argument)
{
	(void)context;
	return number == COUNTER_PRINT ? argument : ~0ULL;
}

static void test_many(void)
{
	const struct enclave_options options = { .ocall = told };
	struct enclave *all[MANY];
	struct enclave_file file;
	int made = 0;

	open_file("counter", &file);
	for (; made < MANY; made++) {
		int r = enclave_create(&file, &options, &all[made]);

		if (r) {
			printf("enclave %d: %s: %s\n", made, enclave_failed_step(), strerror(-r));
			failures++;
			break;
		}
	}
	for (uint64_t round = 1; round <= 2; round++)
		for (int i = 0; i < made; i++)
			EXPECT_EQUAL(call(all[i], COUNTER_ADD, (uint64_t)i, 0),
				     (uint64_t)i * round);
	for (int i = 0; i < made; i++)
		EXPECT_EQUAL(call(all[i], COUNTER_TELL, 0, 0), 2 * i);
	while (made)
		enclave_destroy(all[--made]);
	enclave_file_close(&file);
}

struct overcommit {
	pthread_t thread;
	struct enclave **all;
	unsigned int count, first;
	uint64_t wrong;
	int errors;
};

/* Pages of EPC: as our driver tells; Linux's own, which does not, has all that CPUID names (SDM 3D, 36.7.2). */
static uint64_t epc_pages(void)
{
	uint64_t total = driver_number("epc_total");
	unsigned int a, b, c, d;

	if (total != ~0ULL)
		return total;
	if (!__get_cpuid_count(0x12, 2, &a, &b, &c, &d) || (a & 15) != 1)
		return 0;
	return ((uint64_t)(d & 0xfffff) << 32 | (c & 0xfffff000U)) / PAGE_SIZE;
}

/* Every enclave's heap, from two sides at once. */
static void *verify_all(void *argument)
{
	struct overcommit *o = argument;

	for (unsigned int n = 0; n < o->count; n++) {
		unsigned int i = (o->first + n * 7) % o->count;
		uint64_t value = 0;

		o->errors += enclave_call_on(o->all[i], o->first ? 1 : 0, CHECK_HEAP_VERIFY, i, 0,
					     &value) != 0;
		o->wrong += value;
	}
	return NULL;
}

/* What is evicted is the memory of the cgroup whose memory.stat the script names. */
static void expect_charged(uint64_t pages)
{
	const char *path = getenv("MEMORY_STAT");
	unsigned long bytes = 0;
	char line[128];
	FILE *f;

	if (!path)
		return;
	f = fopen(path, "re");
	EXPECT(f);
	while (f && fgets(line, sizeof(line), f))
		(void)!sscanf(line, "shmem %lu", &bytes);
	printf("%lu KiB charged for %lu pages\n", bytes >> 10, pages);
	EXPECT(bytes / PAGE_SIZE >= pages);
	if (f)
		fclose(f);
}

static void test_overcommit(void)
{
	uint64_t epc = epc_pages(), evicted = driver_number("epc_evicted"),
		 reloaded = driver_number("epc_reloaded");
	struct overcommit sides[2] = { 0 };
	struct enclave **all;
	struct enclave_file file;
	struct enclave *e;
	unsigned int count, made;

	e = make_checks(NULL);
	count = (unsigned int)(4 * epc / (enclave_layout(e)->page_count + 2)) + 1;
	if (count % 7 == 0)
		count++; /* verify_all goes in steps of 7 */
	enclave_destroy(e);
	all = calloc(count, sizeof(struct enclave *));
	open_file("checks", &file);
	for (made = 0; made < count; made++) {
		int r = enclave_create(&file, NULL, &all[made]);

		if (r) {
			printf("enclave %u of %u: %s: %s\n", made, count, enclave_failed_step(),
			       strerror(-r));
			failures++;
			break;
		}
		call(all[made], CHECK_HEAP_FILL, made, 0);
	}
	expect_charged(3 * epc);
	for (int i = 0; i < 2; i++) {
		sides[i] =
			(struct overcommit){ .all = all, .count = made, .first = i ? made / 2 : 0 };
		EXPECT(!pthread_create(&sides[i].thread, NULL, verify_all, &sides[i]));
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(sides[i].thread, NULL);
		EXPECT_EQUAL(sides[i].wrong, 0);
		EXPECT_EQUAL(sides[i].errors, 0);
	}
	printf("%u enclaves in %lu pages of EPC, %lu evicted, %lu loaded again\n", made, epc,
	       driver_number("epc_evicted") - evicted, driver_number("epc_reloaded") - reloaded);
	if (evicted != ~0ULL) {
		EXPECT(driver_number("epc_evicted") - evicted >= 3 * epc);
		EXPECT(driver_number("epc_reloaded") - reloaded >= epc);
	}
	while (made)
		enclave_destroy(all[--made]);
	free(all);
	enclave_file_close(&file);
}

/*
 * Threads that stay inside, with registers and memory to lose, while another takes the EPC away under them all the time: code, stacks, SSA and TCS
 * pages of running threads are evicted too.
 */
struct worker {
	pthread_t thread;
	struct enclave *enclave;
	unsigned int index;
	volatile bool *stop;
	uint64_t wrong, rounds;
	int errors;
};

static void *work(void *argument)
{
	struct worker *w = argument;

	while (!*w->stop || !w->rounds) {
		uint64_t value = 0;

		w->errors += enclave_call_on(w->enclave, w->index,
					     w->index % 2 ? CHECK_VECTORS : CHECK_REGISTERS,
					     3000000, 0, &value) != 0;
		w->wrong += value;
		w->errors +=
			enclave_call_on(w->enclave, w->index, CHECK_HEAP_VERIFY, 9, 0, &value) != 0;
		w->wrong += value;
		w->errors += enclave_call_on(w->enclave, w->index, CHECK_GROWN, 0, 32, &value) != 0;
		w->wrong += value != 32;
		w->rounds++;
	}
	return NULL;
}

static void test_pressure(void)
{
	uint64_t epc = epc_pages(), evicted = driver_number("epc_evicted");
	struct worker workers[3] = { 0 };
	struct enclave *e = make_checks(NULL), *others[64];
	unsigned int count;
	volatile bool done = false;

	if (epc > 4096) {
		printf("SKIP: %lu pages of EPC take long to fill\n", epc);
		enclave_destroy(e);
		return;
	}
	count = MIN((unsigned int)(epc / enclave_layout(e)->page_count) + 2, 64U);
	call(e, CHECK_HEAP_FILL, 9, 0);
	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 32), 32);
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker){ .enclave = e, .index = i, .stop = &done };
		EXPECT(!pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	}
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < count; i++)
			others[i] = make_checks(NULL);
		for (unsigned int i = 0; i < count; i++)
			enclave_destroy(others[i]);
	}
	done = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQUAL(workers[i].wrong, 0);
		EXPECT_EQUAL(workers[i].errors, 0);
	}
	EXPECT(evicted == ~0ULL || driver_number("epc_evicted") > evicted);
	enclave_destroy(e);
}

const struct test memory_tests[] = {
	{ "echo", test_echo },
	{ "remapped", test_remapped },
	{ "fork", test_fork },
	{ "abort-page", test_abort_page },
	{ "grow", test_grow },
	{ "pending", test_pending },
	{ "accept-copy", test_accept_copy },
	{ "restrict", test_restrict },
	{ "trim", test_trim },
	{ "new-thread", test_new_thread },
	{ "many", test_many },
	{ "overcommit", test_overcommit },
	{ "pressure", test_pressure },
	{ 0 },
};
