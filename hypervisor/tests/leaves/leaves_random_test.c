/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzz target's operations, at random: leaves_random_test [INPUTS [SEED]]. */
#include "hypervisor/tests/leaves/leaves_fuzz.c"

int main(int argc, char **argv)
{
	unsigned long inputs = argc > 1 ? strtoul(argv[1], NULL, 0) : 1200;
	uint64_t seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	static uint8_t input[128 * sizeof(struct operation)];

	for (unsigned long i = 0; i < inputs; i++) {
		random_seed(seed + i);
		for (size_t j = 0; j < sizeof(input); j++)
			input[j] = (uint8_t)(random_u64() >> 32);
		/* Half of the inputs: operands as meant, so that more of them succeed. */
		for (size_t j = 6; i % 2 && j < sizeof(input); j += sizeof(struct operation))
			input[j] = 0;
		if (getenv("VERBOSE"))
			printf("seed %lu\n", (unsigned long)(seed + i));
		(void)LLVMFuzzerTestOneInput(input,
					     sizeof(input) - i % 2 * sizeof(struct operation));
	}
	printf("%lu operations; ENCLS done:", inputs * 128);
	for (unsigned int i = 0; i <= ENCLS_ELDUC; i++)
		printf(" %lu", encls_done[i]);
	printf("; ENCLU done:");
	for (unsigned int i = 0; i <= ENCLU_EDECCSSA; i++)
		printf(" %lu", enclu_done[i]);
	printf("; evicted pages loaded: %lu\n", loads_done);
	return 0;
}
