/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of enclaves in a running system: one program, one test a run (its name is the argument), exit 0, 1 with the reasons, or 77.
 * It runs on anything that offers Linux's SGX interface: this hypervisor, or silicon.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "hypervisor/loader/enclave.h"
#include "hypervisor/loader/enclaves/checks.h"

struct test {
	const char *name;
	void (*run)(void);
};
/* Each ends with a name NULL. */
extern const struct test memory_tests[], run_tests[], interface_tests[], fuzz_tests[];
/* Requests that are wrong, answered as by Linux's own driver. */
extern const struct test driver_tests[], mapping_tests[];
/* Without the vDSO. */
extern const struct test entry_tests[];
extern const struct test shape_tests[];
/* Linux's kernel as the attacker, by encls.ko: only below this hypervisor. */
extern const struct test attack_leaf_tests[], attack_memory_tests[], attack_race_tests[];

/* By /dev/cloister_hypervisor; for boot/trust.sh. */
extern const struct test trust_tests[];

extern int failures;
extern const char *folder; /* of the enclaves */
#define EXPECT(c)                                                                \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			failures++;                                              \
		}                                                                \
	} while (0)
#define EXPECT_EQUAL(found, wanted)                                                       \
	do {                                                                              \
		long long expect_f = (long long)(found), expect_w = (long long)(wanted);  \
		if (expect_f != expect_w) {                                               \
			printf("%s:%d: %s is %lld (%#llx), not %lld (%#llx)\n", __FILE__, \
			       __LINE__, #found, expect_f, expect_f, expect_w, expect_w); \
			failures++;                                                       \
		}                                                                         \
	} while (0)

/* Opens NAME.enclave, or ends the program with a message. */
void open_file(const char *name, struct enclave_file *ret_file);
/* checks.enclave, running; or the program ends. */
struct enclave *make_checks(const struct enclave_options *options);
/* A call that must succeed: its value. */
uint64_t call(struct enclave *e, uint64_t function, uint64_t a, uint64_t b);
/* The file's enclave signed anew, with these attributes beside its own. 0 or negative errno. */
int sign_with(const struct enclave_file *file, uint64_t attributes,
	      struct sigstruct *ret_sigstruct);
/* A number of the driver's from /sys; ~0: it has none. */
uint64_t driver_number(const char *name);
