/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy as an object: parsed and looked over as a whole, then never changed. And its
 * explanation, for the one who signs it off.
 */
#include "attest/policy/language.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int policy_build(struct cattest_policy *policy, const char *origin, const void *text,
			size_t size, struct cattest_error *err)
{
	struct compiler c = { .policy = policy, .origin = origin, .err = err };
	struct span part = SPAN(text, size);
	size_t digest_size;
	struct policy_tree tree;
	int r;

	r = policy_tree_parse(&tree, origin, text, size, err);
	if (!r)
		r = policy_compile(&c, tree.root);
	policy_tree_done(&tree);
	if (!r)
		r = policy_lint(&c);
	if (!r && policy_words(policy) < 0)
		r = fail(err, -ENOMEM, "%s: out of memory", origin);
	if (!r && digest("SHA256", &part, 1, policy->digest, &digest_size) < 0)
		r = fail(err, -ENOMEM, "%s: its digest could not be made", origin);
	return r;
}

CATTEST_API int cattest_policy_parse(const char *origin, const void *text, size_t size,
				     struct cattest_policy **ret_policy, struct cattest_error *err)
{
	struct cattest_policy *policy;
	struct cattest_error why = { "" };
	int r;

	if (!text || !ret_policy)
		return fail(err, -EINVAL, "no policy was given");
	policy = calloc(1, sizeof(*policy));
	if (!policy)
		return fail(err, -ENOMEM, "out of memory");
	r = policy_build(policy, origin ? origin : "policy", text, size, &why);
	if (r < 0) {
		cattest_policy_free(policy);
		return fail(err, r, "%s", why.text);
	}
	*ret_policy = policy;
	return 0;
}

CATTEST_API void cattest_policy_free(struct cattest_policy *policy)
{
	if (!policy)
		return;
	policy_release(&policy->arena);
	free(policy);
}

const char *policy_name(const struct cattest_policy *policy)
{
	return policy->name;
}

void policy_digest(const struct cattest_policy *policy, uint8_t ret_digest[32])
{
	memcpy(ret_digest, policy->digest, 32);
}

static void print_types(FILE *out, unsigned types)
{
	size_t count = 0;

	for (unsigned i = 0; i < TYPE_COUNT; i++)
		if (types & 1u << i)
			fprintf(out, "%s%s", count++ ? ", " : "", policy_type_name(i));
}

/* Of rules that are for some of the policy's types only. */
static void print_for(FILE *out, unsigned types, unsigned of)
{
	if ((types & of) == of)
		return;
	fputs("for ", out);
	print_types(out, types & of);
	fputs(": ", out);
}

static void print_implicit(FILE *out, const struct cattest_policy *policy)
{
	fputs("\nAlways required:\n", out);
	for (const struct implicit_rule *rule = policy_implicit_rules; rule->step; rule++)
		if ((rule->types & policy->types) && !policy_implicit_relaxed(policy, rule)) {
			fprintf(out, "  %-28s ", rule->step);
			print_for(out, rule->types, policy->types);
			fprintf(out, "%s\n", rule->meaning);
		}
	if (!policy->allow)
		return;
	fputs("\nGiven up by this policy (allow):\n", out);
	for (size_t i = 0; policy_allow_words[i]; i++) {
		const char *meaning =
			"any program is accepted: no measurement or signer need be restricted";

		if (!(policy->allow & 1u << i))
			continue;
		for (const struct implicit_rule *rule = policy_implicit_rules; rule->step; rule++)
			if (!strcmp(rule->allow, policy_allow_words[i]))
				meaning = rule->relaxed;
		fprintf(out, "  %-28s %s\n", policy_allow_words[i], meaning);
	}
}

static void print_require(FILE *out, const struct cattest_policy *policy)
{
	fputs("\nRequired by this policy, all of:\n", out);
	for (size_t i = 0; i < policy->require_count; i++) {
		const struct policy_rule *rule = policy->require[i];

		fprintf(out, "  %-28s ", rule->step);
		print_for(out, rule->types, policy->types);
		policy_rule_print(out, rule, SIZE_MAX);
		fputs("\n", out);
	}
}

static void print_references(FILE *out, const struct cattest_policy *policy)
{
	for (size_t i = 0; i < policy->reference_count; i++) {
		const struct policy_reference *ref = &policy->references[i];

		fprintf(out, "%s  %s, from: %s\n", i ? "" : "\nReference values:\n", ref->name,
			ref->source);
		for (size_t k = 0; k < ref->all.rule_count; k++) {
			fputs("    ", out);
			policy_rule_print(out, ref->all.rules[k], SIZE_MAX);
			fputs("\n", out);
		}
	}
}

static bool leaf_is_revocable_signer(const struct policy_rule *leaf)
{
	return !strcmp(leaf->claim, "sgx.mrsigner") && (leaf->op == OP_EQUALS || leaf->op == OP_IN);
}

static bool leaf_is_product(const struct policy_rule *leaf)
{
	return !strcmp(leaf->claim, "sgx.isvprodid") || !strcmp(leaf->claim, "sgx.mrenclave");
}

static bool leaf_is_version(const struct policy_rule *leaf)
{
	return !strcmp(leaf->claim, "sgx.isvsvn") || !strcmp(leaf->claim, "sgx.mrenclave");
}

static bool leaf_is_firmware(const struct policy_rule *leaf)
{
	/* The text can be one of a list, the number can be compared: both say which firmware. */
	return !strncmp(leaf->claim, "snp.tcb.", 8) ||
	       !strcmp(leaf->claim, "snp.firmware.committed") ||
	       !strcmp(leaf->claim, "snp.firmware.committed_version");
}

static bool leaf_is_revocation(const struct policy_rule *leaf)
{
	return !strcmp(leaf->claim, "snp.revocation_checked");
}

static bool any_pins(const struct cattest_policy *policy, unsigned types,
		     bool (*wanted)(const struct policy_rule *leaf))
{
	for (size_t i = 0; i < policy->require_count; i++)
		if ((policy->require[i]->types & types) &&
		    policy_rule_pins(policy->require[i], wanted))
			return true;
	return false;
}

/* What is legal, and yet often not meant. */
static void print_hints(FILE *out, const struct cattest_policy *policy)
{
	const char *before = "\nMind:\n";

	if ((policy->types & TYPE_SGX) && any_pins(policy, TYPE_SGX, leaf_is_revocable_signer)) {
		if (!any_pins(policy, TYPE_SGX, leaf_is_product)) {
			fprintf(out,
				"%s  every product of the signer is accepted: sgx.isvprodid is not restricted\n",
				before);
			before = "";
		}
		if (!any_pins(policy, TYPE_SGX, leaf_is_version)) {
			fprintf(out,
				"%s  old versions with known faults are accepted: sgx.isvsvn is not restricted\n",
				before);
			before = "";
		}
	}
	if ((policy->types & TYPES_SEV) && !any_pins(policy, TYPES_SEV, leaf_is_firmware)) {
		fprintf(out, "%s  any firmware version is accepted: no snp.tcb.* is restricted\n",
			before);
		before = "";
	}
	if ((policy->types & TYPES_SEV) && !any_pins(policy, TYPES_SEV, leaf_is_revocation))
		fprintf(out,
			"%s  revoked keys go unnoticed without AMD's CRL: snp.revocation_checked is not required\n",
			before);
}

CATTEST_API int cattest_policy_explain(const struct cattest_policy *policy, char **ret_text,
				       struct cattest_error *err)
{
	char *text = NULL, hex[72];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool failed;

	if (!out)
		return fail(err, -ENOMEM, "out of memory");
	fprintf(out, "Policy %s, SHA-256 %s\n", policy->name,
		hex_text(SPAN_OF(policy->digest), hex, sizeof(hex)));
	if (policy->description)
		fprintf(out, "%s\n", policy->description);
	fputs("\nEvidence of these types is accepted, any other is refused: ", out);
	print_types(out, policy->types);
	fputs("\n", out);
	print_implicit(out, policy);
	print_require(out, policy);
	print_references(out, policy);
	print_hints(out, policy);
	fputs("\nA rule whose claim the evidence does not state fails, also under \"not\".\n", out);
	failed = ferror(out) != 0;
	if (fclose(out) || failed || !text) {
		free(text);
		return fail(err, -ENOMEM, "out of memory");
	}
	*ret_text = text;
	return 0;
}
