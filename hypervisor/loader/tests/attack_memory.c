/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's page tables against a living enclave, which Linux may write as it likes: pages of the enclave swapped, replaced by others or by ordinary
 * memory, and its pages mapped where everybody can reach them. An enclave finds its own page at its address or faults (SDM 3D, 38.3); everybody else
 * finds the abort page: ones, and writes that vanish.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hypervisor/loader/tests/attack.h"

static uint8_t *heap_page(const struct enclave *e, unsigned int from_end)
{
	const struct enclave_layout *l = enclave_layout(e);

	return enclave_base(e) + l->pages[l->page_count - 1 - from_end].offset;
}

static struct enclave *filled(uint64_t seed)
{
	struct enclave *e = make_checks(NULL);

	attacker_open();
	EXPECT_EQUAL(call(e, CHECK_HEAP_FILL, seed, 0), 0);
	return e;
}

static void test_swapped(void)
{
	struct enclave *e = filled(3);
	uint8_t *a = heap_page(e, 0), *b = heap_page(e, 1);
	const uint64_t entry_a = entry_get(a), entry_b = entry_get(b);

	entry_set(a, entry_b);
	entry_set(b, entry_a);
	EXPECT_EPCM_FAULT(e, a);
	EXPECT_EPCM_FAULT(e, b);
	entry_set(a, entry_a);
	entry_set(b, entry_b);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 3, 0), 0);
	enclave_destroy(e);
}

static uint8_t *ordinary_page(void)
{
	uint8_t *p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	EXPECT(p != MAP_FAILED);
	memset(p, 0x41, PAGE_SIZE);
	return p;
}

/* Everything there is in physical memory in the place of one page. */
static void test_replaced(void)
{
	struct enclave *e = filled(4), *other = filled(5);
	uint8_t *page = heap_page(e, 0), *forged = ordinary_page();
	const uint64_t entry = entry_get(page), secs = secs_of(epc_at(entry & ENTRY_FRAME));
	const uint64_t va = epc_spare(0);
	uint32_t error;

	EXPECT_EQUAL(encls(ENCLS_EPA, PT_VA, va, 0), 0);
	const uint64_t instead[] = {
		entry_get(forged) & ENTRY_FRAME,
		entry_get(heap_page(other, 0)) & ENTRY_FRAME, /* of the same address, there */
		physical_at(secs),
		physical_at(va),
		physical_at(epc_spare(1)),			     /* a free page of EPC */
		attacked.epc_start - PAGE_SIZE,			     /* the hypervisor's own */
		attacked.epc_start + attacked.epc_pages * PAGE_SIZE, /* behind all that is ours */
	};
	for (size_t i = 0; i < ARRAY_SIZE(instead); i++) {
		entry_set(page, entry_to(entry, instead[i]));
		EXPECT_EPCM_FAULT(e, page);
		EXPECT_EQUAL(enclave_write_faults(e, page, &error), PAGE_EXIT);
		EXPECT(error & PFEC_SGX);
	}
	entry_set(page, entry);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		EXPECT(forged[i] == 0x41);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 4, 0), 0);
	EXPECT_EQUAL(call(other, CHECK_HEAP_VERIFY, 5, 0), 0);
	EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, va, 0), 0);
	munmap(forged, PAGE_SIZE);
	enclave_destroy(other);
	enclave_destroy(e);
}

/* Page by page, as often as it takes, by instructions of several kinds. 0 if there is only the abort page. */
static int disturb(volatile uint64_t *alias)
{
	uint64_t words = PAGE_SIZE / 8, seen = 1, wrong = 0;
	volatile uint64_t *to = alias;

	for (unsigned int i = 0; i < PAGE_SIZE / 8; i += 37) {
		wrong |= ~alias[i];
		alias[i] = 0x4141414141414141ULL;
		wrong |= ~alias[i];
	}
	asm volatile("lock xadd %0, %1" : "+r"(seen), "+m"(alias[1]) : : "memory");
	wrong |= ~seen;
	asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0x42) : "memory");
	return (wrong | ~alias[0]) != 0;
}

/* A page of the enclave mapped by physical address, here and in another process; what the enclave itself finds there. */
static void test_alias(void)
{
	struct enclave *e = filled(6);
	uint8_t *page = heap_page(e, 0);
	const uint64_t physical = entry_get(page) & ENTRY_FRAME;
	uint8_t *alias = physical_map(physical);
	uint32_t error = 0;
	int status = -1;
	pid_t child;

	EXPECT_EQUAL(disturb((volatile uint64_t *)(void *)alias), 0);
	child = fork();
	if (!child)
		_exit(disturb((volatile uint64_t *)(void *)physical_map(physical)));
	EXPECT(waitpid(child, &status, 0) == child);
	EXPECT_EQUAL(status, 0);
	EXPECT_EQUAL(call(e, CHECK_READ, (uintptr_t)alias, 0), ~0ULL);
	EXPECT_EQUAL(enclave_write_faults(e, alias, &error), PAGE_EXIT);
	EXPECT(error & PFEC_SGX);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 6, 0), 0);
	munmap(alias, PAGE_SIZE);
	enclave_destroy(e);
}

/* The same of the hypervisor's own memory, and an enclave that is made to reach for it. */
static void test_hypervisor_memory(void)
{
	struct enclave *e = filled(7);
	uint8_t *alias = physical_map(attacked.epc_start - PAGE_SIZE);
	uint32_t exit;

	EXPECT_EQUAL(disturb((volatile uint64_t *)(void *)alias), 0);
	exit = (uint32_t)call(e, CHECK_FAULT, FAULT_READ, (uintptr_t)alias);
	EXPECT(exit == (EXITINFO_VALID | EXITINFO_TYPE_HARDWARE | 13) || exit == PAGE_EXIT);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 7, 0), 0);
	munmap(alias, PAGE_SIZE);
	enclave_destroy(e);
}

/* --- Interrupted threads ------------------------------------------------------------------------------------------------------- */

struct inside {
	struct enclave *enclave;
	uint64_t function, rounds;
	uint32_t may_leave, is_inside; /* CHECK_SPIN_UNTIL */
	uint64_t value;
	int result;
	struct enclave_exception exception;
	bool done;
};

static void *run_inside(void *argument)
{
	struct inside *i = argument;

	pin_to(1);
	if (i->function == CHECK_SPIN_UNTIL)
		i->result = enclave_call_on(i->enclave, 0, CHECK_SPIN_UNTIL,
					    (uintptr_t)&i->may_leave, (uintptr_t)&i->is_inside,
					    &i->value);
	else
		i->result = enclave_call_on(i->enclave, 0, i->function, i->rounds, 0, &i->value);
	i->exception = *enclave_last_exception();
	__atomic_store_n(&i->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * An interrupted thread's state lies in its SSA, in EPC. Linux writes other registers there while the thread is interrupted time and again, and into its TCS
 * (CSSA, OENTRY): all of it vanishes.
 */
static void test_forged_frame(void)
{
	struct enclave *e = filled(8);
	uint8_t *tcs = enclave_base(e) + enclave_layout(e)->tcs[0];
	struct inside i = { .enclave = e, .function = CHECK_REGISTERS, .rounds = 40000000 };
	uint64_t turns = 0;
	pthread_t thread;

	EXPECT_EQUAL(call(e, CHECK_THREAD, 0, 0), 0);
	volatile uint64_t *const forged[] = {
		(volatile uint64_t *)(void *)physical_map(entry_get(tcs) & ENTRY_FRAME),
		(volatile uint64_t *)(void *)physical_map(entry_get(tcs + PAGE_SIZE) & ENTRY_FRAME),
	};
	EXPECT(!pthread_create(&thread, NULL, run_inside, &i));
	pin_to(0);
	for (; !__atomic_load_n(&i.done, __ATOMIC_ACQUIRE); turns++) {
		for (size_t j = 0; j < ARRAY_SIZE(forged); j++)
			EXPECT_EQUAL(disturb(forged[j]), 0);
		sched_yield();
	}
	pthread_join(thread, NULL);
	EXPECT(turns > 0);
	EXPECT_EQUAL(i.result, 0);
	EXPECT_EQUAL(i.value, 0); /* no register changed */
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 8, 0), 0);
	for (size_t j = 0; j < ARRAY_SIZE(forged); j++)
		munmap((void *)(uintptr_t)forged[j], PAGE_SIZE);
	enclave_destroy(e);
}

/* The frame's page itself replaced by one of Linux's, with a frame of Linux's making, before ERESUME: #PF, as of any page that is not the enclave's. */
static void test_forged_frame_page(void)
{
	const struct enclave_options options = { .no_exception_handler = true };
	struct enclave *e = make_checks(&options);
	uint8_t *frame = enclave_base(e) + enclave_layout(e)->tcs[0] + PAGE_SIZE;
	uint8_t *forged = ordinary_page();
	struct inside i = { .enclave = e, .function = CHECK_SPIN_UNTIL };
	uint64_t entry, value = 0;
	pthread_t thread;

	attacker_open();
	EXPECT_EQUAL(call(e, CHECK_THREAD, 0, 0), 0);
	entry = entry_get(frame);
	EXPECT(!pthread_create(&thread, NULL, run_inside, &i));
	while (!__atomic_load_n(&i.is_inside, __ATOMIC_ACQUIRE))
		sched_yield();
	entry_set(frame, entry_to(entry, entry_get(forged) & ENTRY_FRAME));
	pthread_join(thread, NULL);
	EXPECT_EQUAL(i.result, -EFAULT);
	EXPECT_EQUAL(i.exception.vector, 14);
	EXPECT_EQUAL(i.exception.function, ENCLU_ERESUME);
	EXPECT_EQUAL(i.exception.address / PAGE_SIZE, (uintptr_t)frame / PAGE_SIZE);
	entry_set(frame, entry);
	for (size_t j = 0; j < PAGE_SIZE; j++)
		EXPECT(forged[j] == 0x41); /* nor did the enclave's state go there */
	EXPECT_EQUAL(enclave_call_on(e, 1, CHECK_THREAD, 0, 0, &value), 0);
	EXPECT_EQUAL(value, 1);
	munmap(forged, PAGE_SIZE);
	enclave_destroy(e);
}

/* Entered by what is no TCS, by a TCS at another address, by another thread's TCS. */
static void test_forged_tcs(void)
{
	struct enclave *e = filled(10);
	const struct enclave_layout *l = enclave_layout(e);
	uint8_t *base = enclave_base(e), *tcs = base + l->tcs[0], *second = base + l->tcs[1];
	uint64_t value, entry, entry_second;

	EXPECT_EQUAL(enclave_call_on(e, 0, CHECK_THREAD, 0, 0, &value), 0);
	EXPECT_EQUAL(enclave_call_on(e, 1, CHECK_THREAD, 0, 0, &value), 0);
	entry = entry_get(tcs);
	entry_second = entry_get(second);
	uint8_t *alias = physical_map(entry & ENTRY_FRAME);
	uint8_t *ordinary = ordinary_page();
	const uint64_t offsets[] = { (uint64_t)(heap_page(e, 0) - base),
				     (uintptr_t)alias - (uintptr_t)base,
				     (uintptr_t)ordinary - (uintptr_t)base };

	for (size_t j = 0; j < ARRAY_SIZE(offsets); j++) {
		EXPECT_EQUAL(enclave_call_tcs(e, offsets[j], CHECK_COUNT, 0, 0, &value), -EFAULT);
		EXPECT_EQUAL(enclave_last_exception()->vector, 14);
		EXPECT_EQUAL(enclave_last_exception()->function, ENCLU_EENTER);
	}
	entry_set(tcs, entry_second);
	EXPECT_EQUAL(enclave_call_tcs(e, l->tcs[0], CHECK_COUNT, 0, 0, &value), -EFAULT);
	EXPECT_EQUAL(enclave_last_exception()->vector, 14);
	entry_set(tcs, entry);
	EXPECT_EQUAL(enclave_call_on(e, 0, CHECK_THREAD, 0, 0, &value), 0);
	EXPECT_EQUAL(value, 0);
	munmap(ordinary, PAGE_SIZE);
	munmap(alias, PAGE_SIZE);
	enclave_destroy(e);
}

const struct test attack_memory_tests[] = {
	{ "attack-swapped", test_swapped },
	{ "attack-replaced", test_replaced },
	{ "attack-alias", test_alias },
	{ "attack-hypervisor", test_hypervisor_memory },
	{ "attack-forged-frame", test_forged_frame },
	{ "attack-forged-frame-page", test_forged_frame_page },
	{ "attack-forged-tcs", test_forged_tcs },
	{ 0 },
};
