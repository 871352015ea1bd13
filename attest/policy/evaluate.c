/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy over the claims of one verification. A test is true, false, or unknown where the
 * claim is not stated; all, any and not follow Kleene's logic (false beats unknown in `all`, true
 * beats it in `any`, not unknown is unknown), and a rule passes only if it is true: it would pass
 * whatever the absent claims were. So no negation turns what is absent into a pass.
 *
 * An unknown rule fails, unless the absent claim is one that something missing would have decided
 * (tcb.status without collateral, facts of an event log that was not given): then the rule is
 * missing too, and the verdict stays undecided.
 */
#include "attest/core/result.h"
#include "attest/core/verifier.h"
#include "attest/policy/language.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool list_holds(const struct cattest_claim *claim, const char *string)
{
	for (size_t i = 0; i < claim->size; i++)
		if (!strcmp(claim->strings[i], string))
			return true;
	return false;
}

static bool value_is(const struct policy_value *value, const struct cattest_claim *claim)
{
	switch (claim->type) {
	case CATTEST_BYTES:
		return value->size == claim->size &&
		       bytes_equal(value->bytes, claim->bytes, claim->size);
	case CATTEST_STRING:
		return !strcmp(value->string, claim->string);
	case CATTEST_UINT:
	case CATTEST_BOOL:
	case CATTEST_TIME:
		return value->number == claim->number;
	case CATTEST_STRINGS:
		break;
	}
	return false;
}

static bool in_values(const struct policy_rule *leaf, const struct cattest_claim *claim)
{
	for (size_t i = 0; i < leaf->value_count; i++)
		if (value_is(&leaf->values[i], claim))
			return true;
	return false;
}

static bool starts_with(const struct policy_value *value, const struct cattest_claim *claim)
{
	if (claim->type == CATTEST_STRING)
		return !strncmp(claim->string, value->string, strlen(value->string));
	return claim->size >= value->size && bytes_equal(claim->bytes, value->bytes, value->size);
}

static bool masked_equal(const struct policy_value *mask, const struct policy_value *wanted,
			 const struct cattest_claim *claim)
{
	uint8_t differ = 0;

	if (claim->type == CATTEST_UINT)
		return (claim->number & mask->number) == wanted->number;
	if (claim->size != mask->size)
		return false;
	for (size_t i = 0; i < claim->size; i++)
		differ |= (uint8_t)((claim->bytes[i] & mask->bytes[i]) ^ wanted->bytes[i]);
	return !differ;
}

static bool contains_all(const struct policy_rule *leaf, const struct cattest_claim *claim)
{
	for (size_t i = 0; i < leaf->value_count; i++)
		if (!list_holds(claim, leaf->values[i].string))
			return false;
	return true;
}

static int string_order(const void *key, const void *value)
{
	return strcmp(key, ((const struct policy_value *)value)->string);
}

static bool holds_nothing_else(const struct policy_rule *leaf, const struct cattest_claim *claim)
{
	for (size_t i = 0; i < claim->size; i++)
		if (!bsearch(claim->strings[i], leaf->values, leaf->value_count,
			     sizeof(*leaf->values), string_order))
			return false;
	return true;
}

static bool compare(const struct policy_rule *leaf, const struct cattest_claim *claim, int64_t now)
{
	const struct policy_value *v = leaf->values;
	bool time = claim->type == CATTEST_TIME;
	int64_t age;

	switch (leaf->op) {
	case OP_EQUALS:
		return value_is(&v[0], claim);
	case OP_IN:
		return in_values(leaf, claim);
	case OP_PREFIX:
		return starts_with(&v[0], claim);
	case OP_MASK:
		return masked_equal(&v[0], &v[1], claim);
	case OP_AT_LEAST:
		return time ? (int64_t)claim->number >= (int64_t)v[0].number
			    : claim->number >= v[0].number;
	case OP_AT_MOST:
		return time ? (int64_t)claim->number <= (int64_t)v[0].number
			    : claim->number <= v[0].number;
	case OP_NOT_OLDER_THAN:
		/*
		 * What comes from the future is not young but wrong; five minutes are for clocks
		 * that differ.
		 */
		if (__builtin_sub_overflow(now, (int64_t)claim->number, &age))
			return false;
		return age >= -300 && age <= (int64_t)v[0].number;
	case OP_CONTAINS:
		return contains_all(leaf, claim);
	case OP_SUBSET_OF:
		return holds_nothing_else(leaf, claim);
	case OP_EXISTS:
		return true;
	}
	return false;
}

enum truth policy_leaf_truth(const struct policy_rule *leaf, const struct cattest_claim *claim,
			     int64_t now)
{
	if (!claim)
		return TRUTH_UNKNOWN;
	if (claim->type != leaf->type)
		return TRUTH_FALSE;
	return compare(leaf, claim, now) ? TRUTH_TRUE : TRUTH_FALSE;
}

bool policy_claim_is_undecided(const struct appraisal *a, const char *claim)
{
	static const char *const derived[] = { "tcb.",	    "root",	    "collateral.",
					       "platform.", "tpm.ak_trust", "snp.product",
					       "snp.csp_id" };
	bool is_derived = false;

	if (!strncmp(claim, "eventlog.", 9) && !claim_find(a, "eventlog.format") &&
	    !a->expect->event_log)
		return true;
	for (size_t i = 0; i < sizeof(derived) / sizeof(*derived) && !is_derived; i++)
		is_derived = !strncmp(claim, derived[i], strlen(derived[i]));
	for (size_t i = 0; i < a->result->check_count && is_derived; i++) {
		const struct cattest_check *check = &a->result->checks[i];

		/* Of the evidence's own checks: the policy's come after them. */
		if (check->outcome == CATTEST_MISSING && strncmp(check->step, "policy.", 7) != 0)
			return true;
	}
	return false;
}

/* --- One rule --- */
struct judgement {
	struct appraisal *a;
	int64_t clock; /* the verifier's: evidence that sets the time it is judged at (Nitro) is not fresh by that */
	const char *needs; /* what would decide it */
	bool undecided;	   /* an absent claim may still come */
	char found[600];
	size_t len;
};

static void found_add(struct judgement *j, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void found_add(struct judgement *j, const char *format, ...)
{
	va_list args;
	int n;

	if (j->len + 1 >= sizeof(j->found))
		return;
	if (j->len)
		j->len += (size_t)snprintf(j->found + j->len, sizeof(j->found) - j->len, "; ");
	if (j->len + 1 >= sizeof(j->found))
		return;
	va_start(args, format);
	n = vsnprintf(j->found + j->len, sizeof(j->found) - j->len, format, args);
	va_end(args);
	j->len += n > 0 ? (size_t)n : 0;
	if (j->len >= sizeof(j->found)) {
		j->len = sizeof(j->found) - 1;
		memcpy(j->found + j->len - 3, "...", 3);
	}
}

/*
 * The advisories' list begins with the first one: where the TCB was judged and there is none, it is
 * empty, not unknown.
 */
static const struct cattest_claim *leaf_claim(const struct appraisal *a,
					      const struct policy_rule *leaf)
{
	static const struct cattest_claim none = { .name = "tcb.advisories",
						   .type = CATTEST_STRINGS };
	const struct cattest_claim *claim = claim_find(a, leaf->claim);

	if (!claim && !strcmp(leaf->claim, none.name) && claim_find(a, "tcb.status"))
		return &none;
	return claim;
}

static enum truth rule_truth(struct judgement *j, const struct policy_rule *rule);

static enum truth references_truth(struct judgement *j, const struct policy_rule *rule)
{
	enum truth ret = TRUTH_FALSE;

	for (size_t i = 0; i < rule->reference_count; i++) {
		enum truth t = rule_truth(j, &rule->references[i]->all);

		if (t > ret)
			ret = t;
	}
	return ret;
}

/* Depth is bounded by the language's, 16. */
static enum truth rule_truth(struct judgement *j, const struct policy_rule *rule)
{
	const struct cattest_claim *claim;
	enum truth ret, t;

	switch (rule->kind) {
	case RULE_CLAIM:
		claim = leaf_claim(j->a, rule);
		if (!claim && policy_claim_is_undecided(j->a, rule->claim)) {
			j->undecided = true;
			j->needs = strncmp(rule->claim, "eventlog.", 9)
					   ? "what is missing above decides it"
					   : "the event log is missing";
		}
		return policy_leaf_truth(rule, claim, j->clock);
	case RULE_NOT:
		return (enum truth)(TRUTH_TRUE - rule_truth(j, rule->rules[0]));
	case RULE_REFERENCE:
		return references_truth(j, rule);
	case RULE_ALL:
	case RULE_ANY:
		break;
	}
	ret = rule->kind == RULE_ALL ? TRUTH_TRUE : TRUTH_FALSE;
	for (size_t i = 0; i < rule->rule_count; i++) {
		t = rule_truth(j, rule->rules[i]);
		if (rule->kind == RULE_ALL ? t < ret : t > ret)
			ret = t;
	}
	return ret;
}

/*
 * The claims that made the rule what it is, with their values. `which`: the truth that the leaves
 * share with the whole.
 */
static void describe(struct judgement *j, const struct policy_rule *rule, bool passed)
{
	const struct cattest_claim *claim;
	char value[140];

	switch (rule->kind) {
	case RULE_CLAIM:
		claim = leaf_claim(j->a, rule);
		if (!claim)
			found_add(j, "%s is not stated", rule->claim);
		else
			found_add(j, "%s is %s", rule->claim,
				  policy_claim_value_text(claim, value, sizeof(value)));
		return;
	case RULE_NOT:
		describe(j, rule->rules[0], !passed);
		return;
	case RULE_REFERENCE:
		for (size_t i = 0; i < rule->reference_count; i++) {
			const struct policy_reference *ref = rule->references[i];
			bool matches = rule_truth(j, &ref->all) == TRUTH_TRUE;

			if (matches && passed)
				found_add(j, "matches %s (%s)", ref->name, ref->source);
			else if (!passed) {
				found_add(j, "%s:", ref->name);
				describe(j, &ref->all, matches);
			}
		}
		return;
	case RULE_ALL:
	case RULE_ANY:
		break;
	}
	for (size_t i = 0; i < rule->rule_count; i++) {
		bool child = rule_truth(j, rule->rules[i]) == TRUTH_TRUE;

		if (child == passed)
			describe(j, rule->rules[i], passed);
	}
}

static void rule_check(struct appraisal *a, const struct policy_rule *rule)
{
	struct judgement j = { .a = a, .clock = a->verifier ? verifier_now(a->verifier) : a->now };
	enum truth truth = rule_truth(&j, rule);
	/* A result outlives its policy. */
	const char *step = result_copy_text(a->result, rule->step, strlen(rule->step));

	if (!step)
		return;
	describe(&j, rule, truth == TRUTH_TRUE);
	if (truth == TRUTH_UNKNOWN && j.undecided)
		check_missing(a, step, "%s: %s; %s", rule->expected, j.found, j.needs);
	else
		check_that(a, truth == TRUTH_TRUE, step, rule->expected, "%s", j.found);
}

/* --- The whole --- */
/*
 * Evidence's type, and for a certificate also the types of what it holds, told by claims that no
 * other type states.
 */
unsigned policy_present_types(const struct appraisal *a, unsigned *ret_outer)
{
	static const struct {
		const char *claim;
		unsigned types;
	} marks[] = {
		/* An enclave of the hypervisor states SGX's claims too, and both it and its machine TPM's. */
		{ "hv.measurement", TYPE_HV },	 { "sgx.mrenclave", TYPE_SGX },
		{ "sim.measurement", TYPE_SIM }, { "nitro.module_id", TYPE_NITRO },
		{ "tdx.mrtd", TYPE_TDX },	 { "snp.measurement", TYPE_SNP },
		{ "tpm.ak", TYPE_TPM },
	};
	const struct cattest_claim *type = claim_find(a, "evidence.type");
	unsigned outer = type && type->type == CATTEST_STRING ? policy_type_bit(type->string) : 0,
		 inner = 0;

	*ret_outer = outer;
	if (outer != TYPE_CERTIFICATE)
		return outer;
	if (claim_find(a, "azure.report_type"))
		return outer | (claim_find(a, "tdx.mrtd") ? TYPE_AZURE_TDX : TYPE_AZURE_SNP);
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks) && !inner; i++)
		if (claim_find(a, marks[i].claim))
			inner = marks[i].types;
	return outer | inner;
}

static void types_check(struct appraisal *a, const struct cattest_policy *policy, unsigned present,
			unsigned outer)
{
	const struct cattest_claim *type = claim_find(a, "evidence.type");
	const char *name = type && type->type == CATTEST_STRING ? type->string : "of no known type";
	char expected[256] = "", holds[64] = "";
	size_t len = 0;

	for (unsigned i = 0; i < TYPE_COUNT; i++) {
		if (policy->types & 1u << i)
			len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s%s",
						len ? " or " : "", policy_type_name(i));
		if (outer == TYPE_CERTIFICATE && (present & ~outer & 1u << i))
			snprintf(holds, sizeof(holds), " that holds %s", policy_type_name(i));
	}
	if (outer == TYPE_CERTIFICATE && present == outer)
		snprintf(holds, sizeof(holds), " that holds nothing known");
	check_that(a,
		   outer && !(present & ~policy->types) &&
			   (outer != TYPE_CERTIFICATE || present != outer),
		   "policy.types", expected, "%s%s", name, holds);
}

void policy_evaluate(struct appraisal *a, const struct cattest_policy *policy)
{
	unsigned outer, present = policy_present_types(a, &outer);

	types_check(a, policy, present, outer);
	policy_implicit_evaluate(a, policy, present);
	for (size_t i = 0; i < policy->require_count; i++)
		if (rule_applies(policy->require[i], present))
			rule_check(a, policy->require[i]);
}
