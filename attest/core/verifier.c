/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier object: what the relying party trusts and knows. Paths that verified are cached in it; new roots or new collateral
 * (a revocation list) may change what a path is worth, so they empty the cache.
 */
#include "attest/core/verifier.h"
#include "attest/collateral/collateral.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct cattest_verifier *cattest_verifier_new(void)
{
	struct cattest_verifier *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->collateral = collateral_new();
	v->paths = path_cache_new();
	v->roots_met = calloc(1, sizeof(*v->roots_met));
	if (!v->collateral || !v->paths || !v->roots_met) {
		cattest_verifier_free(v);
		return NULL;
	}
	return v;
}

static void fetcher_done(struct cattest_fetcher *f)
{
	if (f->free)
		f->free(f->context);
	*f = (struct cattest_fetcher){ 0 };
}

void cattest_verifier_free(struct cattest_verifier *v)
{
	if (!v)
		return;
	roots_done(v);
	/* The cache may point at certificates of the bag. */
	if (v->paths)
		path_cache_free(v->paths);
	if (v->collateral)
		collateral_free(v->collateral);
	fetcher_done(&v->fetcher);
	free(v->roots_met);
	free(v);
}

void cattest_set_time(struct cattest_verifier *v, int64_t unix_seconds)
{
	v->time_set = true;
	v->time = unix_seconds;
}

void cattest_set_evidence_time(struct cattest_verifier *v, bool on)
{
	v->evidence_time = on;
}

bool verifier_evidence_time(const struct cattest_verifier *v)
{
	return v->evidence_time;
}

int64_t verifier_now(const struct cattest_verifier *v)
{
	return v->time_set ? v->time : (int64_t)time(NULL);
}

int cattest_add_collateral(struct cattest_verifier *v, const char *origin, const void *data,
			   size_t size, struct cattest_error *err)
{
	struct path_cache *fresh;
	int ret;

	if (!origin)
		origin = "collateral";
	if (!data || !size)
		return fail(err, -EBADMSG, "%s: is empty", origin);
	if (size > CATTEST_MAX_INPUT)
		return fail(err, -E2BIG, "%s: is larger than %u bytes", origin, CATTEST_MAX_INPUT);
	fresh = path_cache_new();
	if (!fresh)
		return fail(err, -ENOMEM, "out of memory");
	ret = collateral_add(v->collateral, origin, SPAN(data, size), err);
	path_cache_free(v->paths);
	v->paths = fresh;
	return ret;
}

void cattest_set_fetcher(struct cattest_verifier *v, const struct cattest_fetcher *fetcher)
{
	fetcher_done(&v->fetcher);
	if (fetcher)
		v->fetcher = *fetcher;
}

void cattest_set_policy(struct cattest_verifier *v, const struct cattest_policy *policy)
{
	v->policy = policy;
}

struct collateral *verifier_collateral(struct cattest_verifier *v)
{
	return v->collateral;
}

struct path_cache *verifier_path_cache(struct cattest_verifier *v)
{
	return v->paths;
}

const struct cattest_fetcher *verifier_fetcher(const struct cattest_verifier *v)
{
	return v->fetcher.get ? &v->fetcher : NULL;
}

const struct cattest_policy *verifier_policy(const struct cattest_verifier *v)
{
	return v->policy;
}
