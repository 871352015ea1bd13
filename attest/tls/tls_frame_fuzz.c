/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange of evidence over bytes of a hostile peer, in pieces of any size: it ends, and is DONE only if the verifier was asked and
 * said yes whenever evidence is required.
 *   byte 0: bit 0 we are the server, 1 we verify, 2 we attest, 3 the verifier refuses, 4 the attester fails, 5 small pieces
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct wire {
	const uint8_t *data;
	size_t size, at, written;
	bool pieces, pause;
	uint8_t flags;
	unsigned int verified, collected;
};

static ssize_t wire_read(void *context, void *buffer, size_t size, int *ret_want)
{
	struct wire *w = context;

	w->pause = w->pieces && !w->pause;
	if (w->pause) {
		*ret_want = CTLS_WANT_READ;
		return -EAGAIN;
	}
	if (w->pieces && size > 3)
		size = 3;
	if (size > w->size - w->at)
		size = w->size - w->at;
	if (size)
		memcpy(buffer, w->data + w->at, size);
	w->at += size;
	return (ssize_t)size;
}

static ssize_t wire_write(void *context, const void *buffer, size_t size, int *ret_want)
{
	struct wire *w = context;

	(void)buffer;
	(void)ret_want;
	if (w->pieces && size > 5)
		size = 5;
	w->written += size;
	return (ssize_t)size;
}

static int verify(void *context, const struct ctls_evidence *e, char **ret_details,
		  struct cattest_error *err)
{
	struct wire *w = context;
	uint8_t sum = 0;

	(void)ret_details;
	(void)err;
	for (size_t i = 0; i < e->size; i++)
		sum ^= e->data[i];
	w->verified++;
	return w->flags & 8 ? -EACCES : (int)(sum & 0);
}

static int collect(void *context, const uint8_t report_data[64], uint8_t **ret_evidence,
		   size_t *ret_size, struct cattest_error *err)
{
	struct wire *w = context;

	(void)err;
	w->collected++;
	if (w->flags & 16)
		return -ENODEV;
	*ret_evidence = malloc(64);
	if (!*ret_evidence)
		return -ENOMEM;
	memcpy(*ret_evidence, report_data, 64);
	*ret_size = 64;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctls ctls = { .max_evidence = 1 << 20, .max_unverified = 1 << 20 };
	struct session session = { { 1 }, { { 2 }, { 3 } } };
	struct exchange *x;
	struct wire w;
	int rc;

	if (!size)
		return 0;
	w = (struct wire){
		.data = data + 1, .size = size - 1, .pieces = data[0] & 32, .flags = data[0]
	};
	if (data[0] & 2)
		ctls.verifier = (struct ctls_verifier){ .context = &w, .verify = verify };
	if (data[0] & 4)
		ctls.attester = (struct ctls_attester){ .context = &w, .collect = collect };
	if (exchange_new(&ctls, data[0] & 1, &session, (struct stream){ &w, wire_read, wire_write },
			 &x, NULL))
		return 0;
	for (size_t steps = 0; (rc = exchange_step(x, NULL)) > 0; steps++) {
		if (rc == CTLS_WANT_WORK)
			exchange_work(x);
		if (steps > 2 * size + 100)
			abort();
	}
	if (!rc && (data[0] & 2) && (w.verified != 1 || (data[0] & 8)))
		abort();
	if (!rc && w.collected && (data[0] & 16))
		abort();
	if (w.verified > 1 || w.collected > 1)
		abort();
	exchange_free(x);
	if (ctls.unverified)
		abort();
	return 0;
}
