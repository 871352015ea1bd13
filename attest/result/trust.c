/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AR4SI's trust vector (draft-ietf-rats-ar4si, section 2.3) from checks and claims. Nothing is claimed that was not looked at: a category
 * stays 0 ("no claim") unless a check of it was made. Values:
 *
 *	instance-identity  2 the policy knows this instance; 99 the evidence's signature or chain failed
 *	configuration      3 debug is off and the policy agrees; 96 debug is on, or a rule about it failed
 *	executables        3 the policy has reference values for what was loaded, and they match; 33 not approved; 96 a rule failed
 *	hardware           2 genuine and up to date; 32 genuine, with known weaknesses, or simulated; 96 revoked or not acceptable;
 *	                   97 not recognized (its chain does not end at a root)
 *	runtime-opaque     2 memory is encrypted and debug is off; 32 isolated only
 *
 * The status is the worst tier of the vector, and never better than the verdict.
 */
#include "attest/result/writer.h"

#include <stdlib.h>

static bool is_policy(const struct cattest_check *c)
{
	return !strncmp(c->step, "policy", 6);
}

static const char *claim_string_value(const struct cattest_result *r, const char *name)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	return c && c->type == CATTEST_STRING ? c->string : "";
}

/* Whether a rule speaks of a claim whose name begins with one of these: in its name or in its words. */
static bool speaks_of(const struct cattest_check *c, const char *const *names)
{
	for (; *names; names++)
		if (strstr(c->step, *names) || strstr(c->expected, *names) ||
		    strstr(c->found, *names))
			return true;
	return false;
}

/* The worst outcome of the rules about these claims; 0 if there is none. */
static enum cattest_outcome rules_about(const struct cattest_result *r, const char *const *names)
{
	enum cattest_outcome worst = 0;

	for (size_t i = 0; i < r->check_count; i++) {
		const struct cattest_check *c = &r->checks[i];

		if (!is_policy(c) || c->outcome == CATTEST_NOTE || !speaks_of(c, names))
			continue;
		if (c->outcome == CATTEST_FAIL ||
		    (c->outcome == CATTEST_MISSING && worst != CATTEST_FAIL) || !worst)
			worst = c->outcome;
	}
	return worst;
}

/* Outcome of the evidence's own checks, those of the binding to the caller left out. */
static bool evidence_has(const struct cattest_result *r, enum cattest_outcome outcome,
			 const char *ending)
{
	for (size_t i = 0; i < r->check_count; i++) {
		const struct cattest_check *c = &r->checks[i];
		size_t len = strlen(c->step), end = ending ? strlen(ending) : 0;

		if (c->outcome != outcome || is_policy(c) || !strcmp(c->step, "report_data"))
			continue;
		if (!ending || (len >= end && !strcmp(c->step + len - end, ending)))
			return true;
	}
	return false;
}

static int8_t hardware(const struct cattest_result *r)
{
	static const char *const tcb[] = { "tcb.", "tcb_", "platform.", NULL };
	const char *status = claim_string_value(r, "tcb.status");

	if (evidence_has(r, CATTEST_FAIL, ".root") || evidence_has(r, CATTEST_FAIL, ".chain"))
		return 97;
	if (evidence_has(r, CATTEST_FAIL, NULL) || !strcmp(status, "Revoked") ||
	    rules_about(r, tcb) == CATTEST_FAIL)
		return 96;
	if (evidence_has(r, CATTEST_MISSING, NULL))
		return 0;
	/* A simulation has no hardware to be genuine. */
	if (!strcmp(r->type, "sim") || (status[0] && strcmp(status, "UpToDate")))
		return 32;
	return 2;
}

static int8_t executables(const struct cattest_result *r)
{
	static const char *const measured[] = { "mrenclave",	"mrsigner",    "mrtd",
						"rtmr",		"measurement", "nitro.pcr",
						"tpm.pcr",	"eventlog",    "sim.signer",
						"measurements", "reference",   NULL };

	switch (rules_about(r, measured)) {
	case CATTEST_FAIL:
		return 96;
	case CATTEST_PASS:
		return r->verdict == CATTEST_TRUSTED ? 3 : 0;
	default:
		return r->verdict == CATTEST_TRUSTED ? 33 : 0;
	}
}

static int8_t instance_identity(const struct cattest_result *r)
{
	static const char *const instance[] = { "platform.ppid", "platform.instance_id",
						"snp.chip_id",	 "nitro.module_id",
						"tpm.ak",	 NULL };
	static const char *const crypto[] = { ".signature", ".chain", ".root", ".binding", NULL };

	for (size_t i = 0; crypto[i]; i++)
		if (evidence_has(r, CATTEST_FAIL, crypto[i]))
			return 99;
	return rules_about(r, instance) == CATTEST_PASS && r->verdict == CATTEST_TRUSTED ? 2 : 0;
}

static bool encrypts_memory(const char *type)
{
	static const char *const types[] = { "sgx", "tdx", "snp", "azure", NULL };

	for (size_t i = 0; types[i]; i++)
		if (!strncmp(type, types[i], strlen(types[i])))
			return true;
	return false;
}

void trust_vector(const struct cattest_result *r, int8_t ret_vector[TRUST_COUNT])
{
	static const char *const debug_names[] = { "debug", NULL };
	const struct cattest_claim *debug = cattest_result_find(r, "debug");
	bool genuine;

	memset(ret_vector, 0, TRUST_COUNT);
	ret_vector[HARDWARE] = hardware(r);
	ret_vector[INSTANCE_IDENTITY] = instance_identity(r);
	genuine = ret_vector[HARDWARE] == 2 || ret_vector[HARDWARE] == 32;
	if (!genuine)
		return;
	ret_vector[EXECUTABLES] = executables(r);
	if (rules_about(r, debug_names) == CATTEST_FAIL || (debug && debug->number))
		ret_vector[CONFIGURATION] = r->verdict == CATTEST_TRUSTED ? 32 : 96;
	else if (debug)
		ret_vector[CONFIGURATION] = 3;
	if (debug && !debug->number && strcmp(r->type, "sim"))
		ret_vector[RUNTIME_OPAQUE] =
			encrypts_memory(claim_string_value(r, "evidence.type")) ||
					cattest_result_find(r, "tcb.status")
				? 2
				: 32;
}

const char *trust_status(const struct cattest_result *r, const int8_t vector[TRUST_COUNT])
{
	int8_t worst = 0;

	if (r->verdict == CATTEST_REFUSED)
		return "contraindicated";
	if (r->verdict != CATTEST_TRUSTED)
		return "none";
	for (size_t i = 0; i < TRUST_COUNT; i++)
		if (vector[i] > worst)
			worst = vector[i];
	/* AR4SI, section 3.2: tiers begin at 2, 32 and 96. */
	return worst >= 96   ? "contraindicated"
	       : worst >= 32 ? "warning"
	       : worst >= 2  ? "affirming"
			     : "none";
}
