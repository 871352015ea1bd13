/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux takes pages away on one processor while another enters, resumes and uses them, some thousand times: each use finds the page or faults, no
 * leaf lets go of what is in use, and nothing is lost. With one processor the turns interleave by preemption only.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "hypervisor/loader/tests/attack.h"

enum { TURNS = 2000 };

struct victim {
	struct enclave *enclave;
	pthread_t thread;
	const void *page;    /* victim_reads */
	unsigned int number; /* victim_enters: which TCS, and how long it stays */
	uint64_t rounds;
	uint64_t good, faults, wrong;
	bool stop, lost;
	uint32_t may_leave, is_inside; /* victim_stays */
};

static void victim_start(struct victim *v, void *(*does)(void *))
{
	pin_to(0);
	EXPECT(!pthread_create(&v->thread, NULL, does, v));
}

static void victim_end(struct victim *v)
{
	__atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
	__atomic_store_n(&v->may_leave, 1, __ATOMIC_RELEASE);
	pthread_join(v->thread, NULL);
	EXPECT_EQUAL(v->wrong, 0);
}

/* Reads the page, from inside. */
static void *victim_reads(void *argument)
{
	struct victim *v = argument;

	pin_to(1);
	while (!__atomic_load_n(&v->stop, __ATOMIC_ACQUIRE)) {
		uint64_t seen = 0;
		int r = enclave_call_on(v->enclave, 1, CHECK_FAULT, FAULT_READ, (uintptr_t)v->page,
					&seen);

		if (!r && !seen)
			v->good++;
		else if (!r && (uint32_t)seen == PAGE_EXIT)
			v->faults++;
		else
			v->wrong++;
		if (r)
			break;
	}
	return NULL;
}

/* Goes in and out by one TCS, until that is lost (interrupted, and not to be resumed) */
static void *victim_enters(void *argument)
{
	struct victim *v = argument;
	const uint64_t tcs = enclave_layout(v->enclave)->tcs[v->number];

	pin_to(1);
	while (!v->lost && !__atomic_load_n(&v->stop, __ATOMIC_ACQUIRE)) {
		uint64_t index = ~0ULL;
		int r = enclave_call_tcs(v->enclave, tcs, CHECK_THREAD, v->rounds, 0, &index);

		if (!r && index == v->number) {
			v->good++;
			continue;
		}
		v->wrong += !r;
		v->faults += r == -EFAULT;
		if (r == -EPROTO)
			__atomic_store_n(&v->lost, true, __ATOMIC_RELEASE);
		/* Faults that a leaf of Linux's making explains are #PF only. */
		if (r == -EFAULT && enclave_last_exception()->vector != 14) {
			if (!v->wrong++)
				printf("TCS %u: leaf %u, vector %u, error %#x\n", v->number,
				       enclave_last_exception()->function,
				       enclave_last_exception()->vector,
				       enclave_last_exception()->error_code);
		}
	}
	return NULL;
}

static void *victim_stays(void *argument)
{
	struct victim *v = argument;
	uint64_t value;

	pin_to(1);
	v->wrong += enclave_call_on(v->enclave, 1, CHECK_SPIN_UNTIL, (uintptr_t)&v->may_leave,
				    (uintptr_t)&v->is_inside, &value) != 0;
	return NULL;
}

static struct enclave *target(uint64_t *ret_va)
{
	struct enclave *e = make_checks(NULL);

	attacker_open();
	EXPECT_EQUAL(call(e, CHECK_HEAP_FILL, 1, 0), 0);
	*ret_va = epc_spare(0);
	EXPECT_EQUAL(encls(ENCLS_EPA, PT_VA, *ret_va, 0), 0);
	return e;
}

/* A page evicted, loaded, and exchanged for another while a thread reads it. */
static void test_race_page(void)
{
	uint64_t va, entry, other_entry, epc, secs;
	struct enclave *e = target(&va);
	const struct enclave_layout *l = enclave_layout(e);
	uint8_t *page = enclave_base(e) + l->pages[l->page_count - 1].offset;
	struct victim v = { .enclave = e, .page = page };

	entry = entry_get(page);
	other_entry = entry_get(page - PAGE_SIZE);
	epc = epc_at(entry & ENTRY_FRAME);
	secs = secs_of(epc);
	victim_start(&v, victim_reads);
	for (unsigned int i = 0; i < TURNS && !failures; i++) {
		if (i % 2) {
			entry_set(page, other_entry);
			sched_yield();
			entry_set(page, entry);
			continue;
		}
		EXPECT_EQUAL(evict(epc, i / 2 % COPIES, va + 8 * (i / 2 % VA_SLOTS)), 0);
		EXPECT_EQUAL(reload(epc, i / 2 % COPIES, va + 8 * (i / 2 % VA_SLOTS),
				    (uintptr_t)page, secs),
			     0);
	}
	victim_end(&v);
	EXPECT(v.good + v.faults > 0);
	printf("page: %lu reads, %lu faults\n", v.good, v.faults);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 1, 0), 0);
	EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, va, 0), 0);
	enclave_destroy(e);
}

/* A TCS evicted and loaded while a thread enters and resumes by it. */
static void test_race_tcs(void)
{
	unsigned int turns = 0, number = CHECKS_THREADS;
	uint64_t va = 0, good = 0, faults = 0;
	struct enclave *e = NULL;

	while (turns < TURNS && !failures) {
		if (++number >= CHECKS_THREADS) {
			if (e) {
				EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, va, 0), 0);
				enclave_destroy(e);
			}
			e = target(&va);
			number = 0;
		}
		struct victim v = { .enclave = e, .number = number, .rounds = 200 };
		uint8_t *tcs = enclave_base(e) + enclave_layout(e)->tcs[number];
		uint64_t value, epc, secs;

		EXPECT_EQUAL(enclave_call_on(e, number, CHECK_THREAD, 0, 0, &value), 0);
		epc = page_behind(tcs);
		secs = secs_of(epc);
		victim_start(&v, victim_enters);
		while (turns < TURNS && !failures && !__atomic_load_n(&v.lost, __ATOMIC_ACQUIRE)) {
			const uint64_t slot = va + 8 * (turns % VA_SLOTS);

			EXPECT_EQUAL(evict(epc, turns % COPIES, slot), 0);
			EXPECT_EQUAL(reload(epc, turns % COPIES, slot, (uintptr_t)tcs, secs), 0);
			turns++;
		}
		victim_end(&v);
		good += v.good;
		faults += v.faults;
	}
	EXPECT(good + faults > 0);
	printf("TCS: %u turns, %lu entries, %lu faults\n", turns, good, faults);
	EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, va, 0), 0);
	enclave_destroy(e);
}

/*
 * EREMOVE of a page while somebody is inside is refused; between an exit and the next entry it works, as on silicon: then the page must be gone for the
 * enclave at once. EBLOCK, EMODPR, EMODT of it meanwhile do no more than they should.
 */
static void test_race_remove(void)
{
	uint64_t va, secs, spare = epc_spare(1), refused = 0, removed = 0;
	struct enclave *e = target(&va);
	const struct enclave_layout *l = enclave_layout(e);
	uint8_t *at = enclave_base(e) + l->growth + (CHECKS_GROWTH_PAGES - 1) * PAGE_SIZE;
	struct victim v = { .enclave = e };
	bool is_there = false;

	spare = epc_spare(1);
	secs = secs_of(page_behind(enclave_base(e) + l->pages[l->page_count - 1].offset));
	victim_start(&v, victim_stays);
	while (!__atomic_load_n(&v.is_inside, __ATOMIC_ACQUIRE))
		sched_yield();
	for (unsigned int i = 0; i < TURNS && !failures; i++) {
		const struct page_info grow = { .linear = (uintptr_t)at, .secs = secs };
		const uint64_t trim = (uint64_t)PT_TRIM << SECINFO_TYPE_SHIFT;
		uint32_t code;

		if (!is_there)
			EXPECT_EQUAL(encls_page(ENCLS_EAUG, grow, spare, 0), 0);
		if (i % 3 == 1)
			encls(ENCLS_EBLOCK, 0, spare, 0);
		/* pending: the enclave has not accepted it */
		EXPECT_EQUAL(encls(ENCLS_EMODPR, secinfo_operand(SECINFO_R), spare, 0),
			     SGX_PAGE_NOT_MODIFIABLE);
		EXPECT_EQUAL(encls(ENCLS_EMODT, secinfo_operand(trim), spare, 0),
			     SGX_PAGE_NOT_MODIFIABLE);
		code = encls(ENCLS_EREMOVE, 0, spare, 0);
		EXPECT(code == SGX_OK || code == SGX_ENCLAVE_ACT);
		is_there = code != SGX_OK;
		refused += is_there;
		removed += !is_there;
		EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, secs, 0), SGX_CHILD_PRESENT);
	}
	victim_end(&v);
	EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, spare, 0), 0);
	printf("EREMOVE: %lu refused, %lu between two entries\n", refused, removed);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 1, 0), 0);
	EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, va, 0), 0);
	enclave_destroy(e);
}

/* The TCS itself removed under a thread that goes in and out by it: from then on it faults. */
static void test_race_remove_tcs(void)
{
	uint64_t attempts = 0;

	for (unsigned int round = 0; round < 10 && !failures; round++) {
		uint64_t va, value, epc;
		struct enclave *e = target(&va);
		struct victim v = { .enclave = e, .number = 2, .rounds = 20000 };
		uint8_t *tcs = enclave_base(e) + enclave_layout(e)->tcs[2];
		uint32_t code;

		EXPECT_EQUAL(enclave_call_on(e, 2, CHECK_THREAD, 0, 0, &value), 0);
		epc = page_behind(tcs);
		victim_start(&v, victim_enters);
		do {
			code = encls(ENCLS_EREMOVE, 0, epc, 0);
			attempts++;
		} while (code == SGX_ENCLAVE_ACT);
		EXPECT_EQUAL(code, SGX_OK);
		victim_end(&v);
		EXPECT_EQUAL(enclave_call_tcs(e, enclave_layout(e)->tcs[2], CHECK_COUNT, 0, 0,
					      &value),
			     -EFAULT);
		EXPECT_EQUAL(enclave_last_exception()->vector, 14);
		EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 1, 0), 0);
		EXPECT_EQUAL(encls(ENCLS_EREMOVE, 0, va, 0), 0);
		enclave_destroy(e);
	}
	printf("EREMOVE of a TCS: %lu attempts\n", attempts);
}

const struct test attack_race_tests[] = {
	{ "attack-race-page", test_race_page },
	{ "attack-race-tcs", test_race_tcs },
	{ "attack-race-remove", test_race_remove },
	{ "attack-race-remove-tcs", test_race_remove_tcs },
	{ 0 },
};
