/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy that reads well may still not be what its author means. Looked at here, for every
 * evidence type of the policy: does some rule say which TCB status is good enough and which
 * program is meant; can each rule pass at all; is every reference used. Each finding is an error:
 * a policy that is loaded has no dead parts.
 *
 * Contradictions are looked for among the tests that must all hold: for a claim of which one test
 * lists the values, some value must pass all the other tests. What is too large for that (WORK_MAX
 * comparisons) is left alone; this finds mistakes, it does not make anything safe.
 */
#include "attest/policy/language.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORK_MAX 4000000u
#define TESTS_MAX 2048

static bool references_pin(const struct policy_rule *rule,
			   bool (*wanted)(const struct policy_rule *leaf))
{
	for (size_t i = 0; i < rule->reference_count; i++)
		if (!policy_rule_pins(&rule->references[i]->all, wanted))
			return false;
	return true;
}

bool policy_rule_pins(const struct policy_rule *rule,
		      bool (*wanted)(const struct policy_rule *leaf))
{
	size_t pinned = 0;

	switch (rule->kind) {
	case RULE_CLAIM:
		return wanted(rule);
	case RULE_NOT:
		return false;
	case RULE_REFERENCE:
		return references_pin(rule, wanted);
	case RULE_ALL:
	case RULE_ANY:
		break;
	}
	for (size_t i = 0; i < rule->rule_count; i++)
		pinned += policy_rule_pins(rule->rules[i], wanted);
	return rule->kind == RULE_ALL ? pinned > 0 : pinned == rule->rule_count;
}

/*
 * Tests that leave at most a few values; a prefix counts from 16 bytes on, which nobody finds by
 * trying.
 */
static bool leaf_is_tight(const struct policy_rule *leaf)
{
	return leaf->op == OP_EQUALS || leaf->op == OP_IN ||
	       (leaf->op == OP_PREFIX && leaf->type == CATTEST_BYTES && leaf->values[0].size >= 16);
}

bool policy_leaf_pins_freshness(const struct policy_rule *leaf)
{
	if (leaf->op == OP_NOT_OLDER_THAN)
		return !strcmp(leaf->claim, "evidence.time") || !strcmp(leaf->claim, "sim.time");
	return leaf_is_tight(leaf) &&
	       (!strcmp(leaf->claim, "report_data") || !strcmp(leaf->claim, "nonce"));
}

static bool leaf_pins_tcb(const struct policy_rule *leaf)
{
	return !strcmp(leaf->claim, "tcb.status") && leaf_is_tight(leaf);
}

static bool leaf_pins_hypervisor(const struct policy_rule *leaf)
{
	return leaf_is_tight(leaf) && (!strcmp(leaf->claim, "hv.measurement") ||
				       !strcmp(leaf->claim, "tpm.pcr.sha256.21"));
}

/*
 * PCR 21 and 22 can be written by any kernel that has locality 2, as it has until a hypervisor takes
 * it away: only what booted says that none did (abi/report.h).
 */
static bool leaf_pins_boot(const struct policy_rule *leaf)
{
	if (leaf->op == OP_SUBSET_OF)
		return !strcmp(leaf->claim, "eventlog.boot_applications");
	return leaf_is_tight(leaf) && (!strcmp(leaf->claim, "tpm.pcr.sha256.4") ||
				       !strcmp(leaf->claim, "tpm.pcr.sha256.7"));
}

/* Of an enclave: the machine's registers alone do not say which program of the machine it is. */
static bool leaf_pins_enclave(const struct policy_rule *leaf)
{
	return leaf_is_tight(leaf) &&
	       (!strcmp(leaf->claim, "sgx.mrenclave") || !strcmp(leaf->claim, "sgx.mrsigner"));
}

static bool leaf_pins_identity(const struct policy_rule *leaf)
{
	return policy_claim_is_identity(leaf->claim) &&
	       (leaf_is_tight(leaf) || leaf->op == OP_MASK);
}

/* --- Can a rule pass for evidence of this type? --- */
static bool can_be_stated(const struct cattest_policy *policy, const char *claim, unsigned type)
{
	unsigned types = policy_claim_types(claim);

	if (type == TYPE_CERTIFICATE ||
	    (types == TYPE_CERTIFICATE && (policy->types & TYPE_CERTIFICATE)))
		return (types & policy->types) != 0;
	return (types & type) != 0;
}

static bool can_pass(const struct cattest_policy *policy, const struct policy_rule *rule,
		     unsigned type)
{
	size_t possible = 0;

	switch (rule->kind) {
	case RULE_CLAIM:
		return can_be_stated(policy, rule->claim, type);
	case RULE_NOT:
		return can_pass(policy, rule->rules[0], type);
	case RULE_REFERENCE:
		for (size_t i = 0; i < rule->reference_count; i++)
			possible += can_pass(policy, &rule->references[i]->all, type);
		return possible > 0;
	case RULE_ALL:
	case RULE_ANY:
		break;
	}
	for (size_t i = 0; i < rule->rule_count; i++)
		possible += can_pass(policy, rule->rules[i], type);
	return rule->kind == RULE_ALL ? possible == rule->rule_count : possible > 0;
}

/* A claim in the rule that no accepted type states; NULL if there is none. */
static const struct policy_rule *unreachable(const struct cattest_policy *policy,
					     const struct policy_rule *rule, unsigned types)
{
	const struct policy_rule *found = NULL;
	bool possible = false;

	if (rule->kind == RULE_CLAIM) {
		for (unsigned bit = 1; bit & TYPE_ALL; bit <<= 1)
			possible |= (types & bit) && can_be_stated(policy, rule->claim, bit);
		return possible ? NULL : rule;
	}
	for (size_t i = 0; i < rule->rule_count && !found; i++)
		found = unreachable(policy, rule->rules[i], types);
	return found;
}

static void type_list(unsigned types, char *buffer, size_t room)
{
	size_t len = 0;

	buffer[0] = '\0';
	for (unsigned i = 0; i < TYPE_COUNT && len < room; i++)
		if (types & 1u << i)
			len += (size_t)snprintf(buffer + len, room - len, "%s%s", len ? ", " : "",
						policy_type_name(i));
}

/* --- Contradictions --- */
struct test {
	const struct policy_rule *leaf;
	bool negated;
};

struct tests {
	struct test items[TESTS_MAX];
	size_t count;
	size_t *work;
};

static void tests_add(struct tests *tests, const struct policy_rule *leaf, bool negated)
{
	if (tests->count < TESTS_MAX)
		tests->items[tests->count++] = (struct test){ leaf, negated };
}

/*
 * The tests that must hold for the rule to pass: through `all`, and by De Morgan through `not any`.
 */
static void tests_collect(struct tests *tests, const struct policy_rule *rule, bool negated)
{
	const struct policy_rule *only = NULL;

	switch (rule->kind) {
	case RULE_CLAIM:
		tests_add(tests, rule, negated);
		return;
	case RULE_NOT:
		tests_collect(tests, rule->rules[0], !negated);
		return;
	case RULE_REFERENCE:
		only = rule->reference_count == 1 ? &rule->references[0]->all : NULL;
		if (only && !negated)
			tests_collect(tests, only, false);
		return;
	case RULE_ALL:
	case RULE_ANY:
		break;
	}
	if ((rule->kind == RULE_ALL) != negated || rule->rule_count == 1)
		for (size_t i = 0; i < rule->rule_count; i++)
			tests_collect(tests, rule->rules[i], negated);
}

static bool tests_pass(struct tests *tests, const struct cattest_claim *claim)
{
	for (size_t i = 0; i < tests->count; i++) {
		const struct policy_rule *leaf = tests->items[i].leaf;
		enum truth t;

		if (strcmp(leaf->claim, claim->name) != 0 || leaf->op == OP_NOT_OLDER_THAN)
			continue;
		*tests->work += leaf->value_count + 1;
		t = policy_leaf_truth(leaf, claim, 0);
		if (tests->items[i].negated ? t == TRUTH_TRUE : t == TRUTH_FALSE)
			return false;
	}
	return true;
}

/* Numbers and times without a list of values: the window that at_least and at_most leave. */
static bool window_is_open(const struct tests *tests, const char *claim)
{
	uint64_t low = 0, high = policy_claim_maximum(claim);
	int64_t first = INT64_MIN, last = INT64_MAX;

	for (size_t i = 0; i < tests->count; i++) {
		const struct policy_rule *leaf = tests->items[i].leaf;
		uint64_t n = leaf->value_count ? leaf->values[0].number : 0;

		if (tests->items[i].negated || strcmp(leaf->claim, claim) != 0)
			continue;
		if (leaf->op == OP_AT_LEAST && leaf->type == CATTEST_TIME)
			first = (int64_t)n > first ? (int64_t)n : first;
		else if (leaf->op == OP_AT_LEAST)
			low = n > low ? n : low;
		else if (leaf->op == OP_AT_MOST && leaf->type == CATTEST_TIME)
			last = (int64_t)n < last ? (int64_t)n : last;
		else if (leaf->op == OP_AT_MOST)
			high = n < high ? n : high;
	}
	return low <= high && first <= last;
}

/* Whether some value of the claim passes all tests of it. */
static bool claim_is_possible(struct tests *tests, const struct policy_rule *of)
{
	const struct policy_rule *shortest = NULL;
	const char *const *strings = policy_claim_strings(of->claim);
	struct cattest_claim claim = { .name = of->claim, .type = of->type };

	for (size_t i = 0; i < tests->count; i++) {
		const struct policy_rule *leaf = tests->items[i].leaf;

		if (!tests->items[i].negated && !strcmp(leaf->claim, of->claim) &&
		    (leaf->op == OP_EQUALS || leaf->op == OP_IN) &&
		    (!shortest || leaf->value_count < shortest->value_count))
			shortest = leaf;
	}
	if (*tests->work > WORK_MAX)
		return true;
	for (size_t i = 0; shortest && i < shortest->value_count; i++) {
		const struct policy_value *v = &shortest->values[i];

		claim.number = v->number;
		claim.bytes = v->bytes;
		claim.size = v->size;
		claim.string = v->string;
		if (tests_pass(tests, &claim) || *tests->work > WORK_MAX)
			return true;
	}
	if (shortest)
		return false;
	for (size_t i = 0; strings && of->type == CATTEST_STRING && strings[i]; i++) {
		claim.string = strings[i];
		if (tests_pass(tests, &claim))
			return true;
	}
	if (strings && of->type == CATTEST_STRING)
		return false;
	if (of->type == CATTEST_BOOL) {
		for (claim.number = 0; claim.number < 2; claim.number++)
			if (tests_pass(tests, &claim))
				return true;
		return false;
	}
	return (of->type != CATTEST_UINT && of->type != CATTEST_TIME) ||
	       window_is_open(tests, of->claim);
}

/* The first claim, from test `from` on, that cannot pass. */
static const struct policy_rule *contradiction(struct tests *tests, size_t from)
{
	for (size_t i = from; i < tests->count; i++)
		if (!claim_is_possible(tests, tests->items[i].leaf))
			return tests->items[i].leaf;
	return NULL;
}

static const struct policy_rule *dead_branch(struct tests *tests, const struct policy_rule *branch)
{
	size_t before = tests->count;
	const struct policy_rule *found;

	tests_collect(tests, branch, false);
	found = contradiction(tests, before);
	tests->count = before;
	return found;
}

/* Branches of `any` and members of a list of references that can never be the one that matches. */
static int branches_check(struct compiler *c, struct tests *tests, const struct policy_rule *rule)
{
	const struct policy_rule *found;
	int r = 0;

	for (size_t i = 0;
	     rule->kind == RULE_REFERENCE && rule->reference_count > 1 && i < rule->reference_count;
	     i++) {
		found = dead_branch(tests, &rule->references[i]->all);
		if (found)
			return policy_bad(
				c, rule->line,
				"the reference %s can never match: another rule excludes its %s",
				rule->references[i]->name, found->claim);
	}
	for (size_t i = 0;
	     (rule->kind == RULE_ANY || rule->kind == RULE_ALL) && i < rule->rule_count && !r;
	     i++) {
		if (rule->kind == RULE_ANY && (found = dead_branch(tests, rule->rules[i])))
			return policy_bad(
				c, rule->rules[i]->line,
				"this alternative can never pass: no value of %s passes all tests of it",
				found->claim);
		r = branches_check(c, tests, rule->rules[i]);
	}
	return r;
}

static void implicit_tests(struct tests *tests, const struct cattest_policy *policy, unsigned type,
			   struct policy_rule *leaves, struct policy_value *values)
{
	size_t n = 0;

	for (const struct implicit_rule *rule = policy_implicit_rules; rule->step; rule++) {
		if (!(rule->types & type) || policy_implicit_relaxed(policy, rule) || !rule->claim)
			continue;
		if (rule->type == CATTEST_STRING && rule->string[0] == '!')
			continue;
		values[n] = (struct policy_value){ .type = rule->type,
						   .number = rule->number,
						   .string = rule->string };
		leaves[n] = (struct policy_rule){ .kind = RULE_CLAIM,
						  .claim = rule->claim,
						  .type = rule->type,
						  .op = OP_EQUALS,
						  .values = &values[n],
						  .value_count = 1 };
		tests_add(tests, &leaves[n], false);
		n++;
	}
}

static int contradictions_check(struct compiler *c, struct tests *tests, unsigned type)
{
	const struct cattest_policy *p = c->policy;
	struct policy_rule leaves[32];
	struct policy_value values[32];
	const struct policy_rule *found;
	int r;

	tests->count = 0;
	implicit_tests(tests, p, type, leaves, values);
	for (size_t i = 0; i < p->require_count; i++)
		if (p->require[i]->types & type)
			tests_collect(tests, p->require[i], false);
	found = contradiction(tests, 0);
	if (found && !found->line)
		return policy_bad(
			c, 0,
			"a rule contradicts what every policy demands of %s (see allow: in cloister-policy(5))",
			found->claim);
	if (found)
		return policy_bad(
			c, found->line,
			"no value of %s passes all the rules about it (for evidence of type %s)",
			found->claim, policy_type_name((unsigned)__builtin_ctz(type)));
	for (size_t i = 0; i < p->require_count; i++)
		if ((p->require[i]->types & type) &&
		    (r = branches_check(c, tests, p->require[i])) < 0)
			return r;
	return 0;
}

/* --- The whole --- */
static int reachable_check(struct compiler *c)
{
	const struct cattest_policy *p = c->policy;
	const struct policy_rule *leaf;
	char types[160];

	for (size_t i = 0; i < p->reference_count; i++) {
		if (!p->references[i].used)
			return policy_bad(c, p->references[i].all.line,
					  "references.%s: no rule uses this set",
					  p->references[i].name);
		leaf = unreachable(p, &p->references[i].all, p->types);
		type_list(p->types, types, sizeof(types));
		if (leaf)
			return policy_bad(
				c, leaf->line,
				"references.%s.%s: evidence of the accepted types (%s) never states this claim",
				p->references[i].name, leaf->claim, types);
	}
	for (size_t i = 0; i < p->require_count; i++) {
		leaf = unreachable(p, p->require[i], p->require[i]->types & p->types);
		type_list(p->require[i]->types & p->types, types, sizeof(types));
		if (leaf)
			return policy_bad(c, leaf->line,
					  "require[%zu]: evidence of type %s never states %s", i,
					  types, leaf->claim);
	}
	return 0;
}

static int type_check(struct compiler *c, unsigned type)
{
	const struct cattest_policy *p = c->policy;
	const char *name = policy_type_name((unsigned)__builtin_ctz(type));
	bool tcb = !(type & TYPES_INTEL), identity = (p->allow & policy_allow_bit("any-code")) != 0;
	bool hypervisor = type != TYPE_HV || identity, boot = hypervisor;

	for (size_t i = 0; i < p->require_count; i++) {
		const struct policy_rule *rule = p->require[i];

		if (!(rule->types & type))
			continue;
		if (!can_pass(p, rule, type))
			return policy_bad(
				c, rule->line,
				"require[%zu]: evidence of type %s never states what this rule tests, so all of it would be refused: say which types the rule is for (types: [...])",
				i, name);
		tcb |= policy_rule_pins(rule, leaf_pins_tcb);
		identity |= policy_rule_pins(rule, type == TYPE_HV ? leaf_pins_enclave
								   : leaf_pins_identity);
		hypervisor |= policy_rule_pins(rule, leaf_pins_hypervisor);
		boot |= policy_rule_pins(rule, leaf_pins_boot);
	}
	if (!tcb)
		return policy_bad(
			c, 0,
			"no rule says which tcb.status is accepted of %s: {claim: tcb.status, in: [UpToDate, ...]}",
			name);
	if (!identity)
		return policy_bad(
			c, 0,
			"no rule says which program is accepted of %s: restrict a measurement or a signer, or allow: [any-code]",
			name);
	if (!hypervisor)
		return policy_bad(
			c, 0,
			"no rule says which hypervisor is accepted of %s: restrict hv.measurement, or allow: [any-code]",
			name);
	if (!boot)
		return policy_bad(
			c, 0,
			"no rule says what may boot the hypervisor of %s, and without one any kernel can pretend to be it: restrict tpm.pcr.sha256.4, or .7, or eventlog.boot_applications (subset_of), or allow: [any-code]",
			name);
	return 0;
}

static int allow_check(struct compiler *c)
{
	const struct cattest_policy *p = c->policy;

	for (size_t i = 0; policy_allow_words[i]; i++) {
		unsigned types = 0;

		for (const struct implicit_rule *rule = policy_implicit_rules; rule->step; rule++)
			if (!strcmp(rule->allow, policy_allow_words[i]))
				types |= rule->types;
		if ((p->allow & 1u << i) && types && !(types & p->types))
			return policy_bad(c, 0, "allow: \"%s\" concerns none of the accepted types",
					  policy_allow_words[i]);
	}
	if (p->types == TYPE_CERTIFICATE)
		return policy_bad(
			c, 0,
			"types: a ratls-certificate holds evidence: list the types it may hold too (sgx-quote, ...)");
	return 0;
}

int policy_lint(struct compiler *c)
{
	struct tests *tests;
	size_t work = 0;
	int r;

	c->path[0] = '\0';
	if ((r = allow_check(c)) < 0 || (r = reachable_check(c)) < 0)
		return r;
	tests = policy_alloc(&c->policy->arena, sizeof(*tests));
	if (!tests)
		return policy_bad(c, 0, "out of memory");
	tests->work = &work;
	for (unsigned type = 1; type < TYPE_CERTIFICATE; type <<= 1) {
		if (!(c->policy->types & type))
			continue;
		if ((r = type_check(c, type)) < 0 || (r = contradictions_check(c, tests, type)) < 0)
			return r;
	}
	return 0;
}
