/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One verification from bytes to verdict: the evidence is recognized (perhaps in a text form), its type states claims and makes its
 * checks, the policy looks at the claims, and the checks alone make the verdict: any that failed refuses; any that is missing, or
 * no policy, leaves it undecided; only if all passed it is trusted.
 */
#include "attest/certificate/certificate.h"
#include "attest/core/result.h"
#include "attest/core/verifier.h"
#include "attest/policy/policy.h"
#include "attest/rats/rats.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#define MAX_DEPTH 4   /* of evidence in evidence */
#define MAX_WRAPPED 6 /* of forms around evidence: JSON, base64, two headers of Open Enclave */

const char *const *cattest_type_names(void)
{
	static const char *names[64];

	/* Written with the same values by whoever comes first. */
	for (size_t i = 0; i < 63 && evidence_types[i]; i++)
		__atomic_store_n(&names[i], evidence_types[i]->name, __ATOMIC_RELAXED);
	return names;
}

static const struct evidence_type *type_named(const char *name)
{
	for (size_t i = 0; evidence_types[i]; i++)
		if (!strcmp(evidence_types[i]->name, name))
			return evidence_types[i];
	return NULL;
}

static const struct evidence_type *recognize(struct span in, const struct evidence_type *only)
{
	/* Which begins as an SNP report does. */
	if (container_envelope(in).size)
		return NULL;
	if (only)
		return only->detect(in) ? only : NULL;
	for (size_t i = 0; evidence_types[i]; i++)
		if (evidence_types[i]->detect(in))
			return evidence_types[i];
	return NULL;
}

/* What was found: the type and its bytes, which are the input's own or unwrapped ones. */
struct found {
	const struct evidence_type *type;
	struct span evidence;
	struct unwrapped held;
};

static void found_done(struct found *f)
{
	free(f->held.data);
	free(f->held.event_log);
}

/* To be verified, a CMW is a wrapper around evidence, if it holds one; to be looked at, it is a thing of its own. */
static void open_cmw(struct found *f)
{
	const struct evidence_type *inner;
	uint8_t *data;
	size_t size;

	if (f->type != &cmw_type || certificate_cmw_unwrap(f->evidence, &data, &size))
		return;
	inner = certificate_inner_type(SPAN(data, size));
	if (!inner) {
		free(data);
		return;
	}
	free(f->held.data);
	f->held.data = data;
	f->evidence = SPAN(data, size);
	f->type = inner;
}

static int find_evidence(struct span in, const struct evidence_type *only, struct found *ret,
			 struct cattest_error *err)
{
	struct found f = { .evidence = in };
	struct unwrapped inner;
	const char *form = NULL;
	int why = 0;

	for (int i = 0; !(f.type = recognize(f.evidence, only)) && i < MAX_WRAPPED; i++) {
		why = container_open(f.evidence, &inner);
		if (why)
			break;
		/* The outermost event log counts. */
		if (f.held.event_log) {
			free(inner.event_log);
			inner.event_log = f.held.event_log;
			inner.event_log_size = f.held.event_log_size;
		}
		free(f.held.data);
		f.held = inner;
		f.evidence = SPAN(inner.data, inner.size);
		form = inner.form;
	}
	/* Its own parser says best why the bytes are not what the caller says they are. */
	if (!f.type && only) {
		f.type = only;
		if (!form)
			f.evidence = in;
	}
	if (f.type && why != -ENOMEM) {
		*ret = f;
		return 0;
	}
	found_done(&f);
	if (why == -ENOMEM)
		return fail(err, -ENOMEM, "out of memory");
	return fail(err, -ENOTSUP, "%zu bytes%s%s are no kind of evidence that is known here",
		    in.size, form ? " of " : "", form ? form : "");
}

int appraise_inner(struct appraisal *a, const struct evidence_type *type, struct span in)
{
	struct span outer = a->evidence;
	int ret;

	if (a->depth >= MAX_DEPTH)
		return fail(a->err, -EBADMSG, "%s: evidence is nested deeper than %d", type->name,
			    MAX_DEPTH);
	a->depth++;
	a->evidence = in;
	ret = type->appraise(a, in);
	a->evidence = outer;
	a->depth--;
	return ret;
}

/* Runs the type's part, with OpenSSL's error queue as it was. */
static int appraise(struct appraisal *a, const struct evidence_type *type)
{
	int ret;

	a->err->text[0] = 0;
	a->result->type = type->name;
	claim_string(a, "evidence.type", type->name);
	ERR_set_mark();
	ret = type->appraise(a, a->evidence);
	ERR_pop_to_mark();
	if (ret > 0)
		ret = -EBADMSG;
	if (ret && !a->err->text[0])
		fail(a->err, ret, "%s: %s", type->name,
		     ret == -ENOMEM ? "out of memory" : "the evidence is malformed");
	return ret ? ret : result_state(a->result, a->err);
}

static bool has_step(const struct cattest_result *r, const char *prefix)
{
	for (size_t i = 0; i < r->check_count; i++)
		if (!strncmp(r->checks[i].step, prefix, strlen(prefix)))
			return true;
	return false;
}

/* Whether the evidence was compared with what the caller bound it to: step "report_data" (check_report_data), or a type's own "X.nonce". */
static bool binding_checked(const struct cattest_result *r)
{
	for (size_t i = 0; i < r->check_count; i++) {
		const char *step = r->checks[i].step, *last = strrchr(step, '.');

		if (!strcmp(step, "report_data") || !strcmp(last ? last + 1 : step, "nonce"))
			return true;
	}
	return false;
}

/* By the claim `nonce` if the evidence has that field, else by its report data, which the nonce is the beginning of. */
static void check_nonce(struct appraisal *a, struct span nonce)
{
	const struct cattest_claim *stated = claim_find(a, "nonce");
	uint8_t padded[CATTEST_REPORT_DATA_SIZE] = { 0 };
	char text[2 * CATTEST_REPORT_DATA_SIZE + 1];

	if (stated) {
		check_equal(a, "nonce", nonce, SPAN(stated->bytes, stated->size));
		return;
	}
	stated = claim_find(a, "report_data");
	memcpy(padded, nonce.data, nonce.size);
	if (stated)
		check_equal(a, "nonce", SPAN_OF(padded), SPAN(stated->bytes, stated->size));
	else
		check_fail(a, "nonce", hex_text(nonce, text, sizeof(text)),
			   "this evidence is bound to nothing");
}

/* What the caller asked for and the type has not looked at. */
static void check_expectations(struct appraisal *a)
{
	const struct cattest_expect *e = a->expect;
	char text[2 * CATTEST_REPORT_DATA_SIZE + 1];

	if (e->nonce)
		check_nonce(a, SPAN(e->nonce, e->nonce_size));
	if (e->report_data && !binding_checked(a->result))
		check_fail(a, "report_data",
			   hex_text(SPAN(e->report_data, e->report_data_size), text, sizeof(text)),
			   "this evidence is bound to nothing");
	if (e->event_log && !has_step(a->result, "event") && !has_step(a->result, "tpm.event"))
		check_note(
			a, "event_log",
			"the event log was not looked at: this evidence signs no registers that it could be replayed to");
}

/* "custom" as soon as a root of the caller's carried anything; "built-in" only if something ended at one of ours. */
static void claim_root(struct appraisal *a)
{
	unsigned met = *a->verifier->roots_met;

	if (claim_find(a, "root"))
		return;
	if (met & 2)
		claim_string(a, "root", "custom");
	else if ((met & 1) ||
		 !(result_has(a->result, CATTEST_FAIL) || result_has(a->result, CATTEST_MISSING)))
		claim_string(a, "root", "built-in");
}

static void apply_policy(struct appraisal *a)
{
	const struct cattest_policy *policy = a->verifier->policy;
	struct cattest_result *r = a->result;
	const char *name;

	if (!policy) {
		check_missing(a, "policy",
			      "no policy was given: nothing says what is to be trusted");
		return;
	}
	name = policy_name(policy);
	r->policy = result_copy_text(r, name ? name : "", name ? strlen(name) : 0);
	policy_digest(policy, r->policy_digest);
	policy_evaluate(a, policy);
	if (!has_step(r, "policy"))
		check_missing(a, "policy", "the policy decided nothing");
}

static int judge(struct appraisal *a)
{
	struct cattest_result *r = a->result;
	int ret;

	if (!result_has(r, CATTEST_PASS) && !result_has(r, CATTEST_FAIL) &&
	    !result_has(r, CATTEST_MISSING))
		return fail(a->err, -ENOTSUP, "%s: nothing in it can be verified", r->type);
	check_expectations(a);
	claim_root(a);
	apply_policy(a);
	ret = result_state(r, a->err);
	if (ret)
		return ret;
	r->judged = true;
	r->now = a->now;
	r->verdict = result_has(r, CATTEST_FAIL)      ? CATTEST_REFUSED
		     : result_has(r, CATTEST_MISSING) ? CATTEST_UNDECIDED
		     : result_has(r, CATTEST_PASS)    ? CATTEST_TRUSTED
						      : CATTEST_NONE;
	return 0;
}

static int keep_raw(struct cattest_result *r, struct span evidence)
{
	if (evidence.size > RESULT_MAX_RAW)
		return 0;
	r->raw = malloc(evidence.size);
	if (!r->raw)
		return -ENOMEM;
	memcpy(r->raw, evidence.data, evidence.size);
	r->raw_size = evidence.size;
	return 0;
}

static int check_input(const void *data, size_t size, const char *type,
		       const struct evidence_type **ret_only, struct cattest_error *err)
{
	*ret_only = NULL;
	if (!data || !size)
		return fail(err, -EBADMSG, "the evidence is empty");
	if (size > CATTEST_MAX_INPUT)
		return fail(err, -E2BIG, "the evidence is larger than %u bytes", CATTEST_MAX_INPUT);
	if (!type)
		return 0;
	*ret_only = type_named(type);
	return *ret_only ? 0 : fail(err, -ENOTSUP, "%.60s: no such type of evidence", type);
}

/* Both ways in: *ret_result is written only on success. */
static int run(struct appraisal *a, struct span in, const struct evidence_type *only,
	       struct cattest_result **ret_result)
{
	struct found f = { 0 };
	int ret = find_evidence(in, only, &f, a->err);
	struct cattest_expect expect = *a->expect;

	if (ret)
		return ret;
	if (!a->decode_only && !only)
		open_cmw(&f);
	if (!a->decode_only && f.type->decode_only) {
		ret = fail(
			a->err, -ENOTSUP,
			"%s is not evidence by itself: nothing can be verified about it (cloister dump shows it)",
			f.type->name);
		goto out;
	}
	if (!expect.event_log && f.held.event_log) {
		expect.event_log = f.held.event_log;
		expect.event_log_size = f.held.event_log_size;
	}
	a->expect = &expect;
	a->evidence = f.evidence;
	a->result = result_new();
	ret = a->result ? keep_raw(a->result, in) : -ENOMEM;
	if (ret) {
		fail(a->err, ret, "out of memory");
		goto out;
	}
	ret = appraise(a, f.type);
	if (!ret && !a->decode_only)
		ret = judge(a);
	if (!ret) {
		*ret_result = a->result;
		a->result = NULL;
	}
out:
	cattest_result_free(a->result);
	found_done(&f);
	return ret;
}

int cattest_verify(struct cattest_verifier *v, const void *evidence, size_t size,
		   const struct cattest_expect *expect, struct cattest_result **ret_result,
		   struct cattest_error *err)
{
	static const struct cattest_expect nothing;
	struct cattest_error own;
	struct appraisal a = { .verifier = v,
			       .err = err ? err : &own,
			       .expect = expect ? expect : &nothing };
	const struct evidence_type *only;
	struct unwrapped log = { 0 };
	struct cattest_expect opened;
	struct cattest_result *result;
	int ret = check_input(evidence, size, a.expect->type, &only, a.err);

	if (ret)
		return ret;
	if (a.expect->report_data && a.expect->report_data_size > CATTEST_REPORT_DATA_SIZE)
		return fail(a.err, -E2BIG, "expected report data: %zu bytes, more than %d",
			    a.expect->report_data_size, CATTEST_REPORT_DATA_SIZE);
	if (a.expect->nonce &&
	    (!a.expect->nonce_size || a.expect->nonce_size > CATTEST_REPORT_DATA_SIZE))
		return fail(a.err, -E2BIG, "a nonce has 1 to %d bytes, not %zu",
			    CATTEST_REPORT_DATA_SIZE, a.expect->nonce_size);
	if (a.expect->event_log && a.expect->event_log_size > CATTEST_MAX_INPUT)
		return fail(a.err, -E2BIG, "the event log is larger than %u bytes",
			    CATTEST_MAX_INPUT);
	opened = *a.expect;
	/* Logs begin with a register's number in binary, so text is a form of one. */
	if (opened.event_log &&
	    !container_open(SPAN(opened.event_log, opened.event_log_size), &log)) {
		opened.event_log = log.data;
		opened.event_log_size = log.size;
	}
	a.expect = &opened;
	a.now = verifier_now(v);
	*v->roots_met = 0;
	ret = run(&a, SPAN(evidence, size), only, &result);
	free(log.data);
	free(log.event_log);
	if (ret)
		return ret;
	result->clock = verifier_now(v);
	*ret_result = result;
	return 0;
}

int cattest_decode(const void *data, size_t size, const char *type,
		   struct cattest_result **ret_result, struct cattest_error *err)
{
	static const struct cattest_expect nothing;
	struct cattest_error own;
	struct appraisal a = { .err = err ? err : &own, .expect = &nothing, .decode_only = true };
	const struct evidence_type *only;
	int ret = check_input(data, size, type, &only, a.err);

	return ret ? ret : run(&a, SPAN(data, size), only, ret_result);
}
