/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enclaves of other shapes than ours usually have, as the builders of others make them: SSA frames of many pages with all vector state that there is,
 * many threads, no MISC region, a range that begins at address 0. Each is the checks enclave with its description
 * changed, signed anew.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "hypervisor/loader/sign.h"
#include "hypervisor/loader/tests/tests.h"

#define INFO(vector) (0x80000300U | (vector))

static struct enclave_config *description(struct enclave_file *file)
{
	for (size_t at = 0; at + sizeof(struct enclave_config) <= file->elf_size; at += 8) {
		struct enclave_config *c = (void *)((uint8_t *)file->elf + at);

		/* Code may hold the number as well; a description is more. */
		if (c->magic == ENCLAVE_CONFIG_MAGIC && c->threads == CHECKS_THREADS &&
		    c->growth_pages == CHECKS_GROWTH_PAGES)
			return c;
	}
	printf("the enclave has no description\n");
	exit(1);
}

/* The checks enclave with this description changed. The caller frees by enclave_destroy. */
static struct enclave *make_shape(void (*change)(struct enclave_config *),
				  const struct enclave_options *options)
{
	struct evp_pkey_st *key;
	struct enclave_file file;
	struct enclave *e;
	const char *why = "";
	char path[512];
	int r;

	open_file("checks", &file);
	change(description(&file));
	snprintf(path, sizeof(path), "%s/second-key.pem", folder);
	r = sign_key_open(path, true, &key, &why);
	r = r ?: sign_enclave(file.elf, file.elf_size, 0x20260101, key, &file.sigstruct, &why);
	if (r) {
		printf("signing: %s\n", why);
		exit(1);
	}
	EVP_PKEY_free(key);
	r = enclave_create(&file, options, &e);
	enclave_file_close(&file);
	if (r) {
		printf("the enclave cannot be made: %s: %s\n", enclave_failed_step(), strerror(-r));
		exit(1);
	}
	return e;
}

/* --- SSA frames ------------------------------------------------------------------------------------- */

static void four_pages(struct enclave_config *c)
{
	c->ssa_frame_pages = 4;
	c->ssa_frames = 3;
	c->xfrm = ~0ULL; /* the loader takes what CPUID allows */
}

static void test_frames(void)
{
	struct enclave *e = make_shape(four_pages, NULL);

	EXPECT_EQUAL(call(e, CHECK_FAULT, FAULT_DIVIDE, 0), INFO(0));
	EXPECT_EQUAL(call(e, CHECK_FAULT, FAULT_READ, 8), INFO(14) | 4ULL << 32);
	EXPECT_EQUAL(call(e, CHECK_FAULT_ADDRESS, 0, 0), 8);
	EXPECT_EQUAL(call(e, CHECK_VECTORS, 30000000, 0), 0);
	EXPECT_EQUAL(call(e, CHECK_REGISTERS, 30000000, 0), 0);
	EXPECT_EQUAL(call(e, CHECK_INSTRUCTION, INSTRUCTION_XGETBV, 0), 0);
	enclave_destroy(e);
}

static void no_misc(struct enclave_config *c)
{
	c->miscselect = 0;
}

/* Without EXINFO an enclave does not learn of #PF and #GP (SDM 3D, 37.9.1.1); its program does. */
static void test_no_misc(void)
{
	struct enclave *e = make_shape(no_misc, NULL);

	EXPECT_EQUAL(call(e, CHECK_FAULT, FAULT_DIVIDE, 0), INFO(0));
	EXPECT_EQUAL(call(e, CHECK_FAULT, FAULT_READ, 8), 0);
	EXPECT_EQUAL(enclave_last_exception()->vector, 14);
	EXPECT_EQUAL(call(e, CHECK_FAULT, FAULT_GENERAL, 0), 0);
	EXPECT_EQUAL(enclave_last_exception()->vector, 13);
	enclave_destroy(e);
}

/* --- Threads ---------------------------------------------------------------------------------------- */

#define THREADS 64U

static void many_threads(struct enclave_config *c)
{
	c->threads = THREADS;
	c->stack_pages = 2;
	c->heap_pages = 1;
}

struct caller {
	pthread_t thread;
	struct enclave *enclave;
	unsigned int index;
	int errors;
};

static void *call_often(void *argument)
{
	struct caller *c = argument;
	uint64_t value;

	for (int i = 0; i < 50; i++)
		c->errors += enclave_call_on(c->enclave, c->index, CHECK_THREAD, 1000, 0, &value) !=
				     0 ||
			     value != c->index;
	return NULL;
}

static void test_many_threads(void)
{
	struct enclave *e = make_shape(many_threads, NULL);
	struct caller callers[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		callers[i] = (struct caller){ .enclave = e, .index = i };
		EXPECT(!pthread_create(&callers[i].thread, NULL, call_often, &callers[i]));
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(callers[i].thread, NULL);
		EXPECT_EQUAL(callers[i].errors, 0);
	}
	enclave_destroy(e);
}

/* --- Range ------------------------------------------------------------------------------------------ */

static void as_it_is(struct enclave_config *c)
{
	(void)c;
}

/* The range begins at 0: every pointer that is small is the enclave's. */
static void test_zero_base(void)
{
	const struct enclave_options options = { .at_zero = true };
	struct enclave *e = make_shape(as_it_is, &options);
	const struct enclave_layout *l = enclave_layout(e);
	uint64_t growth;

	EXPECT(!enclave_base(e));
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	EXPECT_EQUAL(call(e, CHECK_FAULT, FAULT_DIVIDE, 0), INFO(0));
	growth = call(e, CHECK_GROWTH, 0, 0);
	EXPECT_EQUAL(growth, l->growth);
	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 20), 20);
	EXPECT_EQUAL(call(e, CHECK_GROWN, 0, 20), 20);
	EXPECT_EQUAL(call(e, CHECK_HEAP_FILL, 1, 0), 0);
	EXPECT_EQUAL(call(e, CHECK_HEAP_VERIFY, 1, 0), 0);
	enclave_destroy(e);
}

const struct test shape_tests[] = {
	{ "shape-frames", test_frames },
	{ "shape-no-misc", test_no_misc },
	{ "shape-many-threads", test_many_threads },
	{ "shape-zero-base", test_zero_base },
	{ 0 },
};
