/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample: an enclave that keeps a number. Its host is hypervisor/loader/samples/counter_host.c.
 */
#include "hypervisor/loader/enclaves/counter.h"

#include "hypervisor/loader/enclaves/runtime.h"

ENCLAVE_DESCRIPTION(.threads = 1, .stack_pages = 4, .product_id = 1, .security_version = 1);
ENCLAVE_NO_EXCEPTIONS

static uint64_t value;

uint64_t enclave_function(uint64_t number, uint64_t a, uint64_t b)
{
	(void)b;
	switch (number) {
	case COUNTER_ADD:
		return value += a;
	case COUNTER_TELL:
		return enclave_ocall(COUNTER_PRINT, value);
	default:
		return ENCLAVE_NO_SUCH_FUNCTION;
	}
}
