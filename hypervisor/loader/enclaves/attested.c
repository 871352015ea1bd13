/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample that proves what it is: it makes a REPORT for whom the host names, with a challenge that the host hands in as report data. A
 * REPORT for the quoting service's target becomes evidence (hypervisor/loader/samples/attested_host.c); for any other it is worth
 * nothing to a verifier, so the host may name what it wants. A real enclave puts a hash of its own public key there.
 */
#include "hypervisor/loader/enclaves/attested.h"

#include "hypervisor/loader/enclaves/runtime.h"

ENCLAVE_DESCRIPTION(.threads = 1, .stack_pages = 4, .product_id = 2, .security_version = 5);
ENCLAVE_NO_EXCEPTIONS

_Static_assert(sizeof(((struct attested_request *)0)->target_info) == sizeof(struct targetinfo),
	       "TARGETINFO");
_Static_assert(sizeof(((struct attested_request *)0)->report) == sizeof(struct report), "REPORT");

/* EREPORT's operands: inside the enclave, on these boundaries (SDM 3D, EREPORT). */
static struct targetinfo target __attribute__((aligned(512)));
static uint8_t challenge[64] __attribute__((aligned(128)));
static struct report made __attribute__((aligned(512)));

/* Word by word, and each word once: the host may write to it meanwhile. */
static void copy(volatile void *to, const volatile void *from, unsigned int size)
{
	volatile uint64_t *out = to;
	const volatile uint64_t *in = from;

	for (unsigned int i = 0; i < size / sizeof(*out); i++)
		out[i] = in[i];
}

static uint64_t report(uint64_t pointer)
{
	struct attested_request *request = (struct attested_request *)(uintptr_t)pointer;

	if (pointer % sizeof(uint64_t) || !is_outside(pointer, sizeof(*request)))
		return ENCLAVE_NO_SUCH_FUNCTION;
	copy(&target, request->target_info, sizeof(target));
	copy(challenge, request->challenge, sizeof(challenge));
	enclu(LEAF_EREPORT, &target, challenge, &made);
	copy(request->report, &made, sizeof(made));
	return 0;
}

uint64_t enclave_function(uint64_t number, uint64_t a, uint64_t b)
{
	(void)b;
	return number == ATTESTED_REPORT ? report(a) : ENCLAVE_NO_SUCH_FUNCTION;
}
