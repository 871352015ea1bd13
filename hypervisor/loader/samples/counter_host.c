/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample's host: makes the enclave, adds, asks, destroys. Usage: counter-host [FILE], default counter.enclave (with FILE.sig).
 */
#include <stdio.h>
#include <string.h>

#include "hypervisor/loader/enclave.h"
#include "hypervisor/loader/enclaves/counter.h"

static uint64_t ocall(void *context, uint64_t number, uint64_t argument)
{
	(void)context;
	if (number != COUNTER_PRINT)
		return ~0ULL;
	printf("the enclave says %lu\n", argument);
	return argument;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "counter.enclave";
	const struct enclave_options options = { .ocall = ocall };
	struct enclave_file file;
	struct enclave *e;
	uint64_t value = 0;
	int r = enclave_file_open(path, &file);

	if (!r)
		r = enclave_create(&file, &options, &e);
	if (r) {
		fprintf(stderr, "%s: %s: %s\n", path, enclave_failed_step(), strerror(-r));
		return 1;
	}
	for (uint64_t i = 1; i <= 4 && !r; i++)
		r = enclave_call(e, COUNTER_ADD, i, 0, &value);
	r = r ?: enclave_call(e, COUNTER_TELL, 0, 0, &value);
	enclave_destroy(e);
	enclave_file_close(&file);
	if (r)
		fprintf(stderr, "%s: call: %s\n", path, strerror(-r));
	return r || value != 10;
}
