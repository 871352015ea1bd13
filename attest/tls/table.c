/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attester and verifier tables over libcloister-attest. Its objects serve one thread at a time, so each table has a lock. A verdict is acceptance only
 * if it is TRUSTED; the reason of another is the first check that failed, or else the first that misses something.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <stdlib.h>

struct table {
	pthread_mutex_t lock;
	struct cattest_attester *attester;
	struct cattest_verifier *verifier;
};

static void table_free(void *context)
{
	struct table *t = context;

	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int table_collect(void *context, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
			 uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	struct table *t = context;
	int rc;

	pthread_mutex_lock(&t->lock);
	rc = cattest_collect(t->attester, report_data, ret_evidence, ret_size, err);
	pthread_mutex_unlock(&t->lock);
	return rc;
}

static int refusal(const struct cattest_result *r, struct cattest_error *err)
{
	static const enum cattest_outcome order[] = { CATTEST_FAIL, CATTEST_MISSING };

	for (size_t o = 0; o < 2; o++) {
		for (size_t i = 0; i < cattest_result_checks(r); i++) {
			const struct cattest_check *c = cattest_result_check(r, i);

			if (c->outcome != order[o])
				continue;
			if (c->expected[0])
				return ctls_fail(err, -EACCES, "%s: expected %s, found %s", c->step,
						 c->expected, c->found);
			return ctls_fail(err, -EACCES, "%s: %s", c->step, c->found);
		}
	}
	return ctls_fail(err, -EACCES, "verdict %s",
			 cattest_verdict_name(cattest_result_verdict(r)));
}

static int table_verify(void *context, const struct ctls_evidence *e, char **ret_details,
			struct cattest_error *err)
{
	struct cattest_expect expect = { .report_data = e->report_data,
					 .report_data_size = e->report_data_size,
					 .type = e->type };
	struct cattest_result *result = NULL;
	struct table *t = context;
	int rc;

	pthread_mutex_lock(&t->lock);
	rc = cattest_verify(t->verifier, e->data, e->size, &expect, &result, err);
	pthread_mutex_unlock(&t->lock);
	if (rc)
		return rc;
	if (ret_details && cattest_result_json(result, ret_details, NULL))
		*ret_details = NULL;
	if (cattest_result_verdict(result) != CATTEST_TRUSTED)
		rc = refusal(result, err);
	cattest_result_free(result);
	return rc;
}

static struct table *table_new(void)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

int ctls_attester_from(struct cattest_attester *attester, struct ctls_attester *ret_table)
{
	struct table *t = table_new();

	if (!t)
		return -ENOMEM;
	t->attester = attester;
	*ret_table = (struct ctls_attester){ .context = t,
					     .collect = table_collect,
					     .free = table_free };
	return 0;
}

int ctls_verifier_from(struct cattest_verifier *verifier, struct ctls_verifier *ret_table)
{
	struct table *t = table_new();

	if (!t)
		return -ENOMEM;
	t->verifier = verifier;
	*ret_table =
		(struct ctls_verifier){ .context = t, .verify = table_verify, .free = table_free };
	return 0;
}
