/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every policy demands without saying so. Whoever writes "these measurements" means a machine
 * that its host cannot look into, roots of the maker, evidence made now; forgetting one of them
 * must not trust. Each can be given up only by its word in `allow`, and then the result still
 * shows it, as a note.
 */
#include "attest/core/result.h"
#include "attest/policy/language.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Evidence that has a debug state. A TPM's quote is of a machine, which has none, and so is the
 * hypervisor's.
 */
#define TYPES_WITH_DEBUG (TYPE_ALL & ~(TYPE_TPM | TYPE_AZURE_QUOTE | TYPE_CERTIFICATE))

const struct implicit_rule policy_implicit_rules[] = {
	{ "policy.debug", "debug", TYPES_WITH_DEBUG, "debugging is off (claim debug is false)",
	  "an environment that its host can debug is accepted", "debug", CATTEST_BOOL,
	  .number = 0 },
	{ "policy.debug", "debug", TYPE_TPM | TYPE_AZURE_QUOTE,
	  "debugging is off, where there is such a thing",
	  "an environment that its host can debug is accepted", "debug", CATTEST_BOOL, .number = 0,
	  .absent_is_good = true },
	{ "policy.collateral", "expired-collateral", TYPE_ALL,
	  "no certificate, revocation list or TCB information used was out of date",
	  "collateral that was out of date is accepted", "collateral.expired", CATTEST_BOOL,
	  .number = 0, .absent_is_good = true },
	{ "policy.root", "custom-root", TYPE_ALL, "the root of trust is one that is built in",
	  "a root of trust that the caller added is accepted", "root", CATTEST_STRING,
	  .string = "built-in" },
	{ "policy.freshness", "no-freshness", TYPE_ALL,
	  "the evidence is fresh: the caller gives the report data (or nonce) it asked for, or a rule restricts report_data, nonce, or the time of the evidence",
	  "evidence of any age is accepted, bound to nobody", .claim = NULL },
	{ "policy.simulated", "simulated", TYPE_SIM,
	  "the evidence is not simulated (evidence.type is not sim)",
	  "simulated evidence is accepted: its host can forge it", "evidence.type", CATTEST_STRING,
	  /* Only asked of what is simulated, which may be inside a certificate. */
	  .string = "not simulated" },
	{ "policy.vmpl", "vmpl", TYPES_SEV,
	  "the report was asked for at privilege level 0 (snp.vmpl is 0)",
	  "a report of any privilege level is accepted", "snp.vmpl", CATTEST_UINT, .number = 0 },
	{ "policy.migration", "migration", TYPES_SEV,
	  "no migration agent may move the guest (snp.policy.migrate_ma is false)",
	  "a guest or TD that may be migrated is accepted", "snp.policy.migrate_ma", CATTEST_BOOL,
	  .number = 0 },
	{ "policy.migration", "migration", TYPES_TD,
	  "the TD cannot be migrated (tdx.migratable is false)",
	  "a guest or TD that may be migrated is accepted", "tdx.migratable", CATTEST_BOOL,
	  .number = 0 },
	{ "policy.reserved-attributes", "reserved-attributes", TYPES_TD,
	  "no TD attribute is set whose meaning is not known (tdx.reserved_attributes is false)",
	  "TD attributes of unknown meaning are accepted", "tdx.reserved_attributes", CATTEST_BOOL,
	  .number = 0 },
	{ "policy.sept-ve", "sept-ve", TYPES_TD,
	  "the host cannot make pages vanish unnoticed (tdx.sept_ve_disable is true)",
	  "a TD without SEPT_VE_DISABLE is accepted", "tdx.sept_ve_disable", CATTEST_BOOL,
	  .number = 1 },
	{ "policy.ak-trust", "untrusted-ak", TYPES_TPM,
	  "the TPM's attestation key is known to be a TPM's (tpm.ak_trust is not none)",
	  "quotes by a key that nobody vouches for are accepted", "tpm.ak_trust", CATTEST_STRING,
	  .string = "!none" },
	{ "policy.issued-certificate", "issued-certificate", TYPE_CERTIFICATE,
	  "the certificate is signed by its own key (certificate.self_signed is true)",
	  "a certificate that somebody else signed is accepted for the evidence in it: its issuer is not looked at",
	  "certificate.self_signed", CATTEST_BOOL, .number = 1 },
	{ .step = NULL },
};

/* any-code has no rule of its own: it is judged when the policy is read (lint.c). */
const char *const policy_allow_words[] = {
	"debug",       "expired-collateral",
	"custom-root", "no-freshness",
	"simulated",   "vmpl",
	"migration",   "reserved-attributes",
	"sept-ve",     "untrusted-ak",
	"any-code",    "issued-certificate",
	NULL,
};

unsigned policy_allow_bit(const char *word)
{
	for (unsigned i = 0; policy_allow_words[i]; i++)
		if (!strcmp(policy_allow_words[i], word))
			return 1u << i;
	return 0;
}

bool policy_implicit_relaxed(const struct cattest_policy *policy, const struct implicit_rule *rule)
{
	return (policy->allow & policy_allow_bit(rule->allow)) != 0;
}

enum truth policy_implicit_truth(const struct implicit_rule *rule,
				 const struct cattest_claim *claim)
{
	bool good = false;

	if (!claim)
		return rule->absent_is_good ? TRUTH_TRUE : TRUTH_UNKNOWN;
	if (claim->type != rule->type)
		return TRUTH_FALSE;
	if (rule->type == CATTEST_STRING)
		good = rule->string[0] == '!' ? strcmp(claim->string, rule->string + 1) != 0
					      : !strcmp(claim->string, rule->string);
	else
		good = claim->number == rule->number;
	return good ? TRUTH_TRUE : TRUTH_FALSE;
}

static void freshness(struct appraisal *a, const struct cattest_policy *policy,
		      const struct implicit_rule *rule, unsigned present)
{
	bool pinned = false;

	for (size_t i = 0; i < policy->require_count && !pinned; i++)
		pinned = rule_applies(policy->require[i], present) &&
			 policy_rule_pins(policy->require[i], policy_leaf_pins_freshness);
	if ((a->expect->report_data && a->expect->report_data_size) || a->expect->nonce)
		check_pass(a, rule->step, "the caller gave what the evidence must be bound to");
	else if (pinned)
		check_pass(a, rule->step,
			   "a rule of the policy restricts report_data, nonce or time");
	else if (policy_implicit_relaxed(policy, rule))
		check_note(
			a, rule->step,
			"allowed by no-freshness: nothing says that the evidence was made for this caller");
	else
		check_missing(
			a, rule->step,
			"the report data or nonce that was asked for; else a rule on report_data, nonce or evidence.time, or allow: [no-freshness]");
}

static void implicit_check(struct appraisal *a, const struct cattest_policy *policy,
			   const struct implicit_rule *rule)
{
	const struct cattest_claim *claim = claim_find(a, rule->claim);
	enum truth truth = policy_implicit_truth(rule, claim);
	char expected[256], value[140];

	if (rule->absent_is_good && !claim)
		return;
	snprintf(value, sizeof(value), "not stated");
	if (claim)
		policy_claim_value_text(claim, value, sizeof(value));
	if (truth == TRUTH_TRUE)
		check_pass(a, rule->step, "%s is %s", rule->claim, value);
	else if (policy_implicit_relaxed(policy, rule))
		check_note(a, rule->step, "%s is %s, allowed by %s", rule->claim, value,
			   rule->allow);
	else if (truth == TRUTH_UNKNOWN && policy_claim_is_undecided(a, rule->claim))
		check_missing(a, rule->step, "%s is not known, because of what is missing above",
			      rule->claim);
	else {
		snprintf(expected, sizeof(expected), "%s; or allow: [%s]", rule->meaning,
			 rule->allow);
		check_fail(a, rule->step, expected, "%s is %s", rule->claim, value);
	}
}

void policy_implicit_evaluate(struct appraisal *a, const struct cattest_policy *policy,
			      unsigned present)
{
	for (const struct implicit_rule *rule = policy_implicit_rules; rule->step; rule++) {
		if (!(rule->types & present))
			continue;
		if (rule->claim)
			implicit_check(a, policy, rule);
		else
			freshness(a, policy, rule, present);
	}
}
