/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients and other services say to the quoting service. The first byte chooses: a request of
 * its own protocol, an AESM request, an AESM response, an answer of the TDX quote generation
 * service. What the AESM codec reads, it writes so that it reads the same again.
 */
#include "platform/quoting/quoting.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct service service;
static bool started;

static void start(void)
{
	char folder[] = "/tmp/cloister-fuzz-XXXXXX", path[64];
	struct cattest_error err;

	service_init(&service);
	if (!mkdtemp(folder) || service_add(&service, "sim", folder, &err) ||
	    service_add(&service, "sgx:sim", folder, &err))
		abort();
	/* The key is in memory: nothing is left behind. */
	snprintf(path, sizeof(path), "%s/sim-key.pem", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/sim-key.pub.pem", folder);
	unlink(path);
	rmdir(folder);
	started = true;
}

static bool same(const struct aesm_message *a, const struct aesm_message *b)
{
	if (a->kind != b->kind)
		return false;
	for (size_t i = 0; i < AESM_FIELDS; i++)
		if (a->field[i].present != b->field[i].present ||
		    a->field[i].number != b->field[i].number ||
		    a->field[i].size != b->field[i].size ||
		    (a->field[i].size &&
		     memcmp(a->field[i].data, b->field[i].data, a->field[i].size)))
			return false;
	return true;
}

static void codec(const uint8_t *data, size_t size, bool request)
{
	struct aesm_message m, again;
	uint8_t *buffer = malloc(size + 1);
	size_t written;

	/* The shortest form is never longer than the one that was read. */
	if (!(request ? aesm_read_request : aesm_read_response)(data, size, &m) &&
	    m.kind != AESM_OTHER &&
	    ((request ? aesm_write_request : aesm_write_response)(&m, buffer, size, &written) ||
	     (request ? aesm_read_request : aesm_read_response)(buffer, written, &again) ||
	     !same(&m, &again)))
		abort();
	free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cattest_error err;
	uint8_t *answer = NULL;
	size_t answer_size;
	uint32_t backend;
	struct span quote, rest;

	if (!started)
		start();
	if (!size)
		return 0;
	rest = SPAN(data + 1, size - 1);
	switch (data[0] & 3) {
	case 0:
		if (!quoting_answer_to(&service, rest, &answer, &answer_size, &backend, &err) &&
		    answer_size < 20)
			abort();
		break;
	case 1:
		codec(rest.data, rest.size, true);
		if (!aesm_answer_to(&service, rest, &answer, &answer_size, &err)) {
			struct aesm_message m;

			if (aesm_read_response(answer + 4, answer_size - 4, &m))
				abort();
		}
		break;
	case 2:
		codec(rest.data, rest.size, false);
		break;
	case 3:
		if (!qgs_read_answer(rest, &quote, &err) && (!quote.size || quote.size > rest.size))
			abort();
		break;
	}
	free(answer);
	return 0;
}
