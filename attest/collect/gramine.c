/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester "gramine": the pseudo-files under /dev/attestation that Gramine offers inside its
 * enclaves, and Cloister's kernel too. user_report_data is written, then quote read; both belong to
 * the process alone, but its threads share them, so that the two steps are done under a lock here.
 */
#include "attest/collect/collect.h"

#include "abi/quoting.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define GRAMINE_FOLDER "/dev/attestation"
#define QUOTE_MAX (1u << 20)

struct gramine_state {
	char type[1024], data[1024], quote[1024];
};

static const char *const gramine_keys[] = { "root", NULL };
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static bool gramine_present(void)
{
	return !access(GRAMINE_FOLDER "/user_report_data", W_OK) &&
	       !access(GRAMINE_FOLDER "/quote", F_OK);
}

static int gramine_open(const struct settings *s, void **ret_state, struct cattest_error *err)
{
	const char *root = settings_find(s, "root");
	struct gramine_state *state = calloc(1, sizeof(*state));
	int rc = 0;

	if (!state)
		return fail(err, -ENOMEM, "out of memory");
	if (collect_path(root, GRAMINE_FOLDER "/attestation_type", state->type,
			 sizeof(state->type)) ||
	    collect_path(root, GRAMINE_FOLDER "/user_report_data", state->data,
			 sizeof(state->data)) ||
	    collect_path(root, GRAMINE_FOLDER "/quote", state->quote, sizeof(state->quote)))
		rc = fail(err, -ENAMETOOLONG, "setting root: too long");
	else if (access(state->data, F_OK))
		rc = fail(
			err, -ENODEV,
			"%s is not there: this is not an enclave of Gramine or Cloister, or its manifest has no attestation",
			state->data);
	if (rc)
		free(state);
	else
		*ret_state = state;
	return rc;
}

static int check_type(const struct gramine_state *state, struct cattest_error *err)
{
	char type[32], shown[64];
	int rc = collect_read_line(state->type, type, sizeof(type));

	/* Older Gramine has no such file. */
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return fail(err, rc, "%s: %s", state->type, strerror(-rc));
	if (!strcmp(type, "none"))
		return fail(err, -ENODEV,
			    "%s: none: set sgx.remote_attestation = \"dcap\" in the manifest",
			    state->type);
	if (strcmp(type, "dcap") && strcmp(type, "cloister"))
		return fail(err, -ENOTSUP, "%s: \"%s\" is not known (known: dcap, cloister)",
			    state->type, safe_text(SPAN(type, strlen(type)), shown, sizeof(shown)));
	return 0;
}

static int gramine_collect(void *opaque, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
			   uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	const struct gramine_state *state = opaque;
	uint8_t *quote = NULL;
	size_t size = 0;
	int rc = check_type(state, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&one_at_a_time);
	rc = collect_write(state->data, report_data, CATTEST_REPORT_DATA_SIZE);
	if (rc) {
		fail(err, rc, "%s: %s", state->data, strerror(-rc));
	} else {
		rc = collect_read(state->quote, QUOTE_MAX, &quote, &size);
		if (rc)
			fail(err, rc, "%s: %s", state->quote, strerror(-rc));
	}
	pthread_mutex_unlock(&one_at_a_time);
	if (!rc && !size)
		rc = fail(err, -ENODATA, "%s: empty: the host's quoting service gave nothing",
			  state->quote);
	if (rc) {
		free(quote);
		return rc;
	}
	*ret_evidence = quote;
	*ret_size = size;
	return 0;
}

const struct attester_type collect_gramine = {
	.name = "gramine",
	.keys = gramine_keys,
	.backend = QUOTING_NONE,
	.present = gramine_present,
	.open = gramine_open,
	.collect = gramine_collect,
	.close = free,
};
